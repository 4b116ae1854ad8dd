"""Pretended applications that fail in different ways, the health checks that meet them, and their visitors [swarm.md §13]."""

import random
from itertools import pairwise

import pytest

from swarmlab import Cluster
from swarmlab.check.storms import is_storm, losses
from swarmlab.effects import NEVER, SECOND
from swarmlab.events import ApplicationTurned, BackendRemoved, HealthChanged, ProbeEnded
from swarmlab.objects import STATES, HealthConfig
from swarmlab.traffic.measures import FULL, OK, REFUSED, TIMED_OUT
from swarmlab.traffic.workload import Poisson
from swarmlab.worker.health import timeline

CHECK = "--health-cmd 'curl -f http://localhost/' --health-interval 2s --health-timeout 1s --health-retries 2"


def swarm(workers=2, seed=5):
    return Cluster(managers=1, workers=workers, seed=seed, messages=False)


@pytest.fixture(scope="module")
def fresh():
    cluster = swarm()
    say(cluster, "network create -d overlay front")
    return cluster


@pytest.fixture
def cluster(fresh):
    return fresh.fork()


def say(cluster, command, node=None):
    result = cluster.docker(command, node)
    assert result.exit_code == 0, result.stderr
    return result.stdout.strip()


def serve(cluster, wish, name="web"):
    say(cluster, f"service create -d --name {name} --publish 8080:80 {wish}")


def asked(cluster, seconds, rate=50):
    """What became of requests from outside: how many ended in which way."""
    begin = len(cluster.trace.requests)
    cluster.traffic("http://manager-1:8080/", Poisson(rate), seconds=seconds)
    cluster.run_for(seconds + 6)
    fates: dict[int, int] = {}
    for request in cluster.trace.requests[begin:]:
        fates[request.status] = fates.get(request.status, 0) + 1
    return fates


def verdicts(cluster, status="unhealthy"):
    return [record for record in cluster.trace.of(HealthChanged) if record.fact.status == status]


# ── slow ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_visitors_of_a_slow_starter_are_refused_unless_a_health_check_keeps_them_away(cluster):
    bare, checked = cluster, cluster.fork()
    serve(bare, "acme/web:slow")
    bare.run_until(lambda c: c.running, limit=10)
    bare.run_for(0.5)
    fates = asked(bare, 15)
    assert fates[REFUSED] > 200 and fates[OK] > 200 and len(fates) == 2
    serve(checked, f"{CHECK} --health-start-period 20s --health-start-interval 1s acme/web:slow")
    checked.run_until(lambda c: c.running, limit=30)
    checked.run_for(0.5)
    assert list(asked(checked, 15)) == [OK]


def test_a_slow_starter_without_a_start_period_is_killed_for_ever(cluster):
    serve(cluster, f"{CHECK} acme/web:slow")
    cluster.run_for(60)
    assert len(verdicts(cluster)) > 4 and not verdicts(cluster, "healthy")


# ── unwell ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_one_that_is_unwell_answers_503_to_visitors_and_checks_until_it_is_well_again(cluster):
    serve(cluster, "--health-cmd curl --health-interval 1s --health-retries 99 acme/web")
    cluster.run_for(5)
    cluster.sicken("web.1", "unwell")
    assert asked(cluster, 5).keys() == {FULL} and cluster.request("http://manager-1:8080/").status == 503
    cluster.sicken("web.1", "well")
    assert asked(cluster, 5).keys() == {OK} and cluster.request("http://manager-1:8080/").status == 200
    said = [record.fact.output for record in cluster.trace.of(ProbeEnded) if record.fact.code]
    assert 9 < len(said) < 14 and set(said) == {"unwell"}


def test_an_image_falls_ill_by_itself_and_the_trace_says_when(cluster):
    serve(cluster, "acme/web:flaky")
    cluster.run_for(70)
    turns = [(record.fact.mood, record.time) for record in cluster.trace.of(ApplicationTurned)]
    assert [mood for mood, _ in turns] == ["unwell", "well", "unwell", "well"]
    assert [(b - a) // SECOND for (_, a), (_, b) in pairwise(turns)] == [8, 32, 8]


# ── hanging ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_without_a_health_check_nobody_notices_one_that_hangs(cluster):
    serve(cluster, "--replicas 2 acme/web")
    cluster.run_for(5)
    cluster.sicken("web.1")
    fates = asked(cluster, 100)
    assert abs(fates[TIMED_OUT] - fates[OK]) < 10 and set(fates) == {OK, TIMED_OUT}
    assert say(cluster, "service ls --format '{{.Replicas}}'") == "2/2"


def test_a_hung_task_is_given_up_and_visitors_wait_in_vain_until_then(cluster):
    serve(cluster, f"--replicas 2 {CHECK} acme/web")
    cluster.run_for(10)
    cluster.traffic("http://manager-1:8080/", Poisson(50), seconds=30)
    cluster.run_for(3.3)
    cluster.sicken("web.1")
    cluster.run_for(35)
    (hung,) = cluster.trace.of(ApplicationTurned)
    (verdict,) = verdicts(cluster)
    assert 4 <= (verdict.time - hung.time) / SECOND <= 6.1  # 0 to 2 s until the next check, then 1 + 2 + 1
    assert hung in cluster.trace.explain(verdict)
    lost = [request for request in cluster.trace.requests if request.status == TIMED_OUT]
    assert lost and all(hung.time - SECOND < request.arrived < verdict.time + SECOND for request in lost)
    tasks = [STATES[task.state] for task in cluster.tasks if task.slot == 1]
    assert tasks == ["complete", "running"]


def test_an_image_that_answers_nothing_from_the_start_runs_all_the_same(cluster):
    serve(cluster, "acme/web:mute")
    cluster.run_for(5)
    assert len(cluster.running) == 1 and asked(cluster, 5).keys() == {TIMED_OUT}


SLIDE = HealthConfig(("CMD", "curl"), 90 * SECOND, 10 * SECOND, 40 * SECOND, 0, 3)
SLIDE_FLAGS = (
    "--health-cmd curl --health-interval 90s --health-timeout 10s --health-retries 3 --health-start-period 40s"
)


def test_with_the_values_of_the_slide_visitors_meet_a_hung_task_for_210_to_300_seconds():
    """Up to 90 s until the next check, then 10 + 90 + 10 + 90 + 10: the mean of 2000 lies within 4 standard errors (2.4 s)
    of 255 s but once in 16 000 times."""
    dice, waits = random.Random(4), []
    for _ in range(2000):
        hangs = 1000 * SECOND + dice.randrange(900 * SECOND)
        steps = timeline(SLIDE, lambda begin, hangs=hangs: (NEVER if begin >= hangs else 0, 0), 2400 * SECOND)
        waits.append((next(step.end for step in steps if step.status == "unhealthy") - hangs) / SECOND)
    assert 210 <= min(waits) and max(waits) <= 300 and abs(sum(waits) / 2000 - 255) < 2.4


@pytest.mark.parametrize("wait", [0, 40, 85])
def test_with_the_values_of_the_slide_a_task_leaves_the_pool_when_the_third_check_in_a_row_is_given_up(cluster, wait):
    serve(cluster, f"{SLIDE_FLAGS} acme/web")
    cluster.run_until(lambda c: c.running, limit=30)  # the first success comes after the start interval of 5 s
    cluster.run_for(200 + wait)
    cluster.sicken("web.1")
    hung = cluster.now
    left = lambda c: [r for r in c.trace.of(BackendRemoved) if r.time > hung * SECOND]  # noqa: E731
    assert cluster.run_until(left, limit=400) and 210 <= cluster.now - hung <= 300.1


# ── what it needs ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_task_that_needs_another_service_is_unhealthy_while_that_does_not_answer(cluster):
    say(cluster, f"service create -d --name web --network front {CHECK} acme/web:needy")
    cluster.run_for(12)
    said = [record.fact.output for record in cluster.trace.of(ProbeEnded)]
    assert set(said) == {"db: could not resolve host: db"} and verdicts(cluster) and not verdicts(cluster, "healthy")
    say(cluster, "service create -d --name db --network front redis")
    assert cluster.run_until(lambda c: any(one.service == "web" for one in c.running), limit=30)
    before = len(verdicts(cluster))
    say(cluster, "service scale -d db=0")
    assert cluster.run_until(lambda c: len(verdicts(c)) > before, limit=20)


def test_a_service_that_hangs_takes_those_down_that_need_it(cluster):
    say(cluster, "service create -d --name store --network front --replicas 1 acme/web")
    say(cluster, f"service create -d --name web --network front --replicas 3 --env NEEDS=store {CHECK} acme/web")
    cluster.run_for(15)
    assert sum(one.service == "web" for one in cluster.running) == 3
    cluster.sicken("store.1")
    cluster.run_for(8)
    assert len(verdicts(cluster)) == 3
    failed = [record.fact for record in cluster.trace.of(ProbeEnded) if record.fact.code]
    assert {fact.output for fact in failed} == {"Health check exceeded timeout (1s)"}


def test_requests_of_health_checks_leave_no_facts_of_their_own(cluster):
    say(cluster, "service create -d --name db --network front redis")
    say(cluster, f"service create -d --name web --network front {CHECK} acme/web:needy")
    cluster.run_for(20)
    assert not any("request" in record.fact._fields for record in cluster.trace)


# ── load ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_check_waits_in_the_line_of_the_requests_and_can_time_out_because_of_them(cluster):
    serve(cluster, "--health-cmd curl --health-interval 1s --health-timeout 1s --health-retries 99 acme/web:busy")
    cluster.run_for(5)
    asked(cluster, 10, rate=20)
    light = [record.fact for record in cluster.trace.of(ProbeEnded)]
    assert all(fact.code == 0 and fact.workers in (0, 2) for fact in light)
    asked(cluster, 10, rate=80)  # it can do 40
    heavy = [record.fact for record in cluster.trace.of(ProbeEnded)][len(light) :]
    late = [fact for fact in heavy if fact.code]
    assert late and min(fact.ahead for fact in late) > 20 and {fact.workers for fact in late} == {2}


def storm(wish="", replicas=4):
    """140 requests per second for 160 that four can do; one of them hangs."""
    cluster = swarm(4, seed=7)
    serve(cluster, f"--replicas {replicas} {CHECK} {wish} acme/web:busy")
    cluster.run_for(30)
    cluster.traffic("http://manager-1:8080/", Poisson(140), seconds=100)
    cluster.run_for(20)
    cluster.sicken("web.2")
    cluster.run_for(90)
    late = [one for one in cluster.trace.requests if one.arrived > 100 * SECOND]
    return cluster, sum(one.status == OK for one in late) / len(late)


def test_one_hung_task_sets_off_a_storm_of_restarts_that_goes_on_by_itself():
    cluster, answered = storm()
    found = losses(cluster.trace)
    assert is_storm(found) and len(found) > 12 and answered < 0.75
    first, *others = found
    assert (first.mood, first.by_load) == ("hangs", False)
    assert sum(one.by_load for one in others) > 0.9 * len(others)
    chain = [record.fact for record in cluster.trace.explain(others[0].number)]
    assert [fact.ahead for fact in chain if isinstance(fact, ProbeEnded)][-2:] == list(others[0].ahead)


@pytest.mark.parametrize(
    ("wish", "replicas"), [("", 6), ("--health-timeout 5s", 4), ("--env UVICORN_LIMIT_CONCURRENCY=20", 4)]
)
def test_more_replicas_a_longer_timeout_or_shedding_load_keep_the_storm_off(wish, replicas):
    cluster, answered = storm(wish, replicas)
    assert len(losses(cluster.trace)) == 1 and answered > 0.98 and not is_storm(losses(cluster.trace))


def test_one_that_sheds_load_turns_visitors_away_and_answers_its_checks(cluster):
    serve(cluster, f"{CHECK} --env UVICORN_LIMIT_CONCURRENCY=10 acme/web:busy")
    cluster.run_for(8)
    fates = asked(cluster, 20, rate=100)
    assert set(fates) == {OK, FULL} and 700 < fates[OK] < 900 and not verdicts(cluster)


# ── by hand ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_cannot_be_is_refused_in_a_sentence(cluster):
    serve(cluster, "acme/web:slow")
    cluster.run_for(4)
    for task, how in (("web.1", "dead"), ("web.9", "hangs"), ("web.1", "hangs"), ("web.1", None)):
        with pytest.raises(ValueError, match=r"well, unwell or hangs|no running task|nothing in web.1 listens yet"):
            cluster.sicken(task, how)


def test_a_sick_run_is_saved_and_done_again(cluster, tmp_path):
    fresh = swarm()
    serve(fresh, f"{CHECK} acme/web:busy")
    fresh.run_for(8)
    fresh.sicken("web.1")
    fresh.traffic("http://manager-1:8080/", Poisson(20), seconds=5)
    fresh.run_for(20)
    fresh.save(str(tmp_path / "run.json"))
    again = Cluster.load(str(tmp_path / "run.json"))
    assert again.trace.digest() == fresh.trace.digest() == fresh.at(fresh.now).trace.digest()
