"""How a container is found well or not: the rules of its health check [swarm.md §13, networking.md §3.4]."""

import random

import pytest

from swarmlab.effects import MS, NEVER, SECOND, WOKEN, Disk, Note, Tell, Told
from swarmlab.events import HealthChanged
from swarmlab.messages import ContainerSettings, Discard, Exited, HealthIs, Prepare, Running, Start, Stop
from swarmlab.objects import HealthConfig
from swarmlab.overlay.wire import Response, Visit
from swarmlab.worker import images, probing
from swarmlab.worker.executor import Executor
from swarmlab.worker.health import TIMED_OUT, begun, complete, ended, judged, pause, span, timed_out, timeline
from swarmlab.worker.serving import Line, Question, Single

ASKED = HealthConfig(("CMD-SHELL", "curl -f http://localhost/"))
PLAIN = complete(ASKED)


def watch(check, probe, until):
    """Check after check from the start at 0: the verdicts, as (time, status). `probe(begin)` is (how long, code)."""
    steps = timeline(check, probe, until)
    before = ["starting", *(step.status for step in steps)]
    return [(step.end / SECOND, step.status) for step, old in zip(steps, before, strict=False) if step.status != old]


def fails(begin):
    return 0, 1


def works(begin):
    return 0, 0


# ── the defaults ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_docker_asks_every_30_seconds_waits_as_long_and_gives_up_after_three_failures():
    assert PLAIN == HealthConfig(ASKED.test, 30 * SECOND, 30 * SECOND, 0, 5 * SECOND, 3)


def test_what_is_not_asked_for_is_as_the_image_has_it():
    own = HealthConfig(("CMD", "own"), interval=2 * SECOND, retries=7)
    assert complete(HealthConfig(timeout=SECOND), own) == HealthConfig(
        ("CMD", "own"), 2 * SECOND, SECOND, 0, 5 * SECOND, 7
    )
    assert complete(ASKED, own).test == ASKED.test and complete(None, own).retries == 7


@pytest.mark.parametrize("check", [None, HealthConfig(), HealthConfig(("NONE",)), HealthConfig(interval=SECOND)])
def test_without_a_command_or_with_none_there_is_no_check(check):
    assert complete(check) is None
    assert complete(HealthConfig(("NONE",)), ASKED) is None


# ── when, and what it takes ──────────────────────────────────────────────────────────────────────────────────────


def test_the_first_check_comes_one_interval_after_the_start():
    assert watch(PLAIN, works, 100 * SECOND) == [(30, "healthy")]


def test_one_that_always_fails_is_unhealthy_after_90_seconds():
    assert watch(PLAIN, fails, 300 * SECOND) == [(90, "unhealthy")]


def test_one_that_always_hangs_is_unhealthy_after_180_seconds_as_the_pause_counts_from_the_end():
    assert watch(PLAIN, lambda begin: (NEVER, 0), 300 * SECOND) == [(180, "unhealthy")]


def test_failing_from_a_random_instant_it_is_seen_after_75_seconds_on_average():
    """60 to 90 s, uniformly: the mean of 4000 lies within 4 standard errors (0.55 s) but once in 16 000 times."""
    dice, waits = random.Random(3), []
    for _ in range(4000):
        sick = 100 * SECOND + dice.randrange(30 * SECOND)
        verdicts = watch(PLAIN, lambda begin, sick=sick: (0, int(begin >= sick)), 300 * SECOND)
        waits.append(verdicts[-1][0] - sick / SECOND)
    assert 60 <= min(waits) and max(waits) <= 90 and abs(sum(waits) / 4000 - 75) < 0.55


def test_a_success_ends_the_row_of_failures_and_heals():
    codes = iter([1, 1, 0, 1, 1, 1, 1, 0, 1])
    quick = complete(ASKED._replace(interval=SECOND))
    seen = watch(quick, lambda begin: (0, next(codes)), 9 * SECOND)
    assert seen == [(3, "healthy"), (6, "unhealthy"), (8, "healthy")]


def test_in_the_start_period_failures_do_not_count_and_checks_come_at_the_start_interval():
    check = complete(ASKED._replace(start_period=20 * SECOND, start_interval=2 * SECOND, interval=10 * SECOND))
    begins = []
    watch(check, lambda begin: (begins.append(begin // SECOND), (0, 1))[1], 55 * SECOND)
    assert begins == [2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 30, 40, 50]
    assert watch(check, fails, 100 * SECOND) == [(40, "unhealthy")]  # those of 20, 30 and 40 count


def test_the_start_interval_of_5_seconds_holds_even_where_the_interval_is_shorter():
    check = complete(ASKED._replace(start_period=20 * SECOND, interval=SECOND))
    assert pause(check, begun(), 0) == 5 * SECOND and pause(check, begun(), 20 * SECOND) == SECOND


def test_a_success_in_the_start_period_ends_it():
    check = complete(ASKED._replace(start_period=60 * SECOND, start_interval=SECOND, interval=2 * SECOND, retries=2))
    assert watch(check, lambda begin: (0, int(begin > 3 * SECOND)), 60 * SECOND) == [(1, "healthy"), (7, "unhealthy")]


def test_a_check_that_began_in_the_start_period_does_not_count_wherever_it_ends():
    check = complete(ASKED._replace(start_period=10 * SECOND, retries=1))
    assert judged(check, begun(), 0, ended(10 * SECOND - 1, 99 * SECOND, 1)).status == "starting"
    assert judged(check, begun(), 0, ended(10 * SECOND, 99 * SECOND, 1)).status == "unhealthy"


# ── what is kept ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_last_five_results_are_kept():
    known = begun()
    for number in range(8):
        known = judged(PLAIN, known, 0, ended(number, number, 1))
    assert [result.start for result in known.log] == [3, 4, 5, 6, 7] and known.streak == 8


def test_a_check_that_is_given_up_says_so():
    check = complete(ASKED._replace(timeout=3 * SECOND))
    assert timed_out(check, 5)[1:] == (3 * SECOND + 5, -1, "Health check exceeded timeout (3s)")
    assert timed_out(check, 5, "partly").output == "Health check exceeded timeout (3s): partly"


def test_output_is_cut_after_4096_bytes():
    assert ended(0, 1, 0, "x" * 4096).output == "x" * 4096 and ended(0, 1, 0, "x" * 4097).output == "x" * 4096 + "..."


@pytest.mark.parametrize("time, text", [(3600 * SECOND, "1h0m0s"), (61 * SECOND, "1m1s"), (1_500 * MS, "1.5s")])
def test_durations_are_written_as_go_writes_them(time, text):
    assert span(time) == text


# ── the pretended application ────────────────────────────────────────────────────────────────────────────────────

NGINX = images.find("nginx")


def finding(reference, seconds, *test):
    check = complete(HealthConfig(test or ("CMD", "curl")))
    image = images.find(reference)
    return probing.find(image, check, images.mood(image, round(seconds * SECOND)))[:2]


def test_small_commands_do_what_they_say_and_others_ask_the_application():
    quick = NGINX.probe
    assert finding("nginx", 1, "CMD-SHELL", "exit 3") == (quick, 3)
    assert finding("nginx", 1, "CMD", "sleep", "5") == (quick + 5 * SECOND, 0)
    assert finding("nginx", 1, "CMD-SHELL", "curl -f localhost || exit 1") == (quick, 0)


def test_applications_are_well_or_sick_as_the_table_has_it():
    assert [finding("acme/web:slow", age)[1] for age in (0, 7.9, 8)] == [1, 1, 0]
    assert [finding("acme/web:sick", age)[1] for age in (19, 20, 9999)] == [0, 1, 1]
    assert [finding("acme/web:flaky", age)[1] for age in (9, 10, 17, 18, 50, 58)] == [0, 1, 1, 0, 1, 0]
    assert finding("acme/web:stuck", 19)[0] < SECOND and finding("acme/web:stuck", 20)[0] == NEVER


# ── the runtime ──────────────────────────────────────────────────────────────────────────────────────────────────


class Runtime:
    """An executor that has the images already; what it says, with the time."""

    def __init__(self, image="nginx", **check):
        asked = HealthConfig(**check) if check else None
        shelf = {"images": {}}
        self.core, self.now, self.said = Executor("worker-1", Disk(shelf), random.Random(1)), 0, []
        self.core.shelf.images[images.full(image)] = None
        settings = ContainerSettings(healthcheck=asked)
        self.tell(Prepare("t1", image, "web.1", (), {"com.docker.swarm.task.id": "t1"}, (), settings))
        self.run(0.1)
        self.tell(Start("t1"))

    def tell(self, message):
        self.hear(self.core.step(Told("agent", message), self.now))

    def hear(self, effects):
        self.said += [(self.now, one.message) for one in effects if isinstance(one, Tell)]
        self.said += [(self.now, one.fact) for one in effects if isinstance(one, Note)]

    def run(self, seconds):
        end = self.now + round(seconds * SECOND)
        while self.core.deadline <= end:
            self.now = self.core.deadline
            self.hear(self.core.step(WOKEN, self.now))
        self.now = end

    def of(self, kind):
        return [(time, said) for time, said in self.said if isinstance(said, kind)]

    @property
    def container(self):
        return self.core.boxes["t1"].container


EVERY_SECOND = {"test": ("CMD-SHELL", "exit 1"), "interval": SECOND, "retries": 2}


def test_whoever_started_it_hears_that_nobody_knows_yet_and_then_the_verdict():
    here = Runtime(**EVERY_SECOND)
    here.run(5)
    ((started, running),) = here.of(Running)
    assert running == Running("t1", "starting")
    ((unwell, verdict),) = here.of(HealthIs)
    assert verdict == HealthIs("t1", "unhealthy") and unwell - started == 2 * (SECOND + NGINX.probe)
    assert here.of(HealthChanged) == [(unwell, HealthChanged(here.container.id, "t1", "unhealthy", 2))]


@pytest.mark.parametrize(("spare", "code"), [(-1, TIMED_OUT), (0, TIMED_OUT), (1, 0)])
def test_a_check_that_takes_exactly_as_long_as_it_may_is_given_up(spare, code):
    here = Runtime(test=("CMD", "sleep", "1"), interval=SECOND, timeout=SECOND + NGINX.probe + spare, retries=9)
    here.run(4)
    assert [one.code for one in here.container.health.log[:1]] == [code]


def test_without_a_check_nothing_is_known():
    here = Runtime()
    here.run(100)
    assert here.of(Running)[0][1] == Running("t1") and here.container.health is None and not here.of(HealthIs)


def test_the_check_of_an_image_is_run_unless_somebody_says_none():
    here = Runtime("acme/web:checked")
    here.run(10)
    assert [said.status for _, said in here.of(HealthIs)] == ["healthy"]
    silent = Runtime("acme/web:checked", test=("NONE",))
    silent.run(10)
    assert silent.container.health is None


def test_no_check_is_made_of_a_container_that_has_ended():
    here = Runtime(**EVERY_SECOND)
    here.run(1)
    here.tell(Stop("t1", 10 * SECOND))
    here.run(30)
    assert not here.of(HealthIs) and here.container.health.streak == 0


def test_a_container_that_is_started_anew_is_judged_anew():
    here = Runtime(**EVERY_SECOND)
    here.run(2.5)
    here.tell(Stop("t1", 0))
    here.run(0.1)
    here.hear(here.core.step(Told("engine", Start("t1")), here.now))  # by hand: the agent starts no task twice
    here.run(0.5)
    assert (here.container.health.status, here.container.health.streak) == ("starting", 0)
    assert len(here.container.health.log) == 2  # the results of before are kept
    here.run(1.5)
    assert len(here.container.health.log) == 3  # the checks of the first life have not gone on


def test_the_agent_is_told_of_the_end_of_a_container_that_has_run_before():
    """moby: executor/container/controller.go, Start: one that has ever been started is not started again."""
    here = Runtime(**EVERY_SECOND)
    here.run(1)
    here.tell(Stop("t1", 0))
    here.run(0.1)
    here.tell(Start("t1"))
    here.run(2)
    assert here.said[-1][1] == Exited("t1", 137) and here.container.state == "exited"


def test_an_answer_to_the_check_of_a_container_that_is_gone_means_nothing():

    here = Runtime("acme/web:needy", test=("CMD", "curl"), interval=SECOND)
    here.run(1.6)
    ((_, visit),) = here.of(Visit)
    assert (visit.host, visit.source) == ("db", "t1") and visit.request < 0
    here.tell(Discard("t1"))
    assert here.core.step(Told("mesh", Response(visit.request, 200)), here.now) == []


def test_a_check_is_let_in_where_visitors_are_turned_away():
    line = Line("web.1", 1, images.find("acme/web:busy"), room=0)
    assert line.queue.take(Single(1, "mesh"), 50 * MS, 0) and not line.queue.take(Single(2, "mesh"), 50 * MS, 0)
    line.ask(Question(-1), 30 * MS, 0)
    assert len(line.queue) == 2 and not line.queue.take(Single(3, "mesh"), 50 * MS, 0)
