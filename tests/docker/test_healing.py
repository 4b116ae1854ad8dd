"""How a swarm heals by itself, and where it does not: crash loops, used-up attempts, a worker that is cut off.

[swarm.md §7, §12, §17, §20.2; networking.md §3.3]
"""

import random

import pytest

from swarmlab import Cluster
from swarmlab.effects import SECOND
from swarmlab.events import BackendRemoved, ContainerExited, ContainerStarted, NodeStored
from swarmlab.objects import STATES


def swarm(workers=3, seed=5):
    return Cluster(managers=1, workers=workers, seed=seed, messages=False)


def say(cluster, command, node=None):
    result = cluster.docker(command, node)
    assert result.exit_code == 0, result.stderr
    return result.stdout.strip()


def refusal(cluster, command):
    result = cluster.docker(command)
    assert result.exit_code
    return result.stderr


# ── crash loops ──────────────────────────────────────────────────────────────────────────────────────────────────

BAD = "acme/broken"  # ends with 1 two seconds after its start


def starts(cluster):
    return [record.time / SECOND for record in cluster.trace.of(ContainerStarted)]


def test_a_crash_loop_starts_anew_after_the_delay_for_ever():
    cluster = swarm()
    say(cluster, f"service create -d --name web --restart-delay 3s {BAD}")
    cluster.run_for(60)
    gaps = [round(b - a, 1) for a, b in zip(starts(cluster), starts(cluster)[1:], strict=False)]
    assert len(gaps) > 7 and all(5 <= gap <= 6 for gap in gaps)  # 2 s of life, 3 of delay, and the way


def test_when_the_attempts_are_used_up_the_service_stays_below_its_number_and_nobody_says_so():
    cluster = swarm()
    say(cluster, f"service create -d --name web --replicas 2 --restart-max-attempts 2 --restart-delay 1s {BAD}")
    cluster.run_for(60)
    assert len(starts(cluster)) == 2 * 3  # the first one and two restarts, slot by slot
    assert say(cluster, "service ls --format '{{.Replicas}}'") == "0/2"
    cluster.run_for(600)
    assert len(starts(cluster)) == 6
    newest = {task.slot: task for task in cluster.tasks}
    assert [(STATES[task.state], STATES[task.desired]) for task in newest.values()] == [("failed", "shutdown")] * 2
    say(cluster, "service update -d --force web")  # a new version of the spec begins to count anew
    cluster.run_for(60)
    assert len(starts(cluster)) == 12


def test_attempts_within_a_window_never_run_out_where_a_loop_is_slower_than_the_window():
    cluster = swarm()
    slow = "--restart-max-attempts 2 --restart-window 10s --restart-delay 4s"
    say(cluster, f"service create -d --name web {slow} {BAD}")  # a round of 6.5 s: two restarts never fit in 10 s
    cluster.run_for(100)
    assert len(starts(cluster)) > 12
    quick = "--restart-max-attempts 2 --restart-window 60s --restart-delay 1s"
    before = len(starts(cluster))
    say(cluster, f"service create -d --name two {quick} acme/web:bad")
    say(cluster, "service rm web")
    cluster.run_for(100)
    assert len(starts(cluster)) <= before + 4


def test_condition_none_leaves_a_task_where_it_ended():
    cluster = swarm()
    say(cluster, f"service create -d --name web --restart-condition none {BAD}")
    cluster.run_for(60)
    assert len(starts(cluster)) == 1 and say(cluster, "service ls --format '{{.Replicas}}'") == "0/1"


def test_an_unhealthy_task_that_ends_well_is_not_restarted_on_failure_only():
    """§13: complete if the stop signal makes it exit with 0, and `on-failure` lets what is complete rest."""
    cluster = swarm()
    sick = "--health-cmd 'exit 1' --health-interval 1s --health-retries 2 --restart-condition on-failure"
    say(cluster, f"service create -d --name web {sick} nginx")
    cluster.run_for(30)
    assert [STATES[task.state] for task in cluster.tasks] == ["complete"]


# ── a worker that is cut off ─────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def cut():
    """Two of six tasks stand on a worker that nobody reaches any more; it does not know that."""
    cluster = swarm(2)
    say(cluster, "service create -d --name web --replicas 6 --publish 8080:80 nginx")
    cluster.run_for(40)
    lost = {one.id for one in cluster.running if one.machine == "worker-2"}
    cluster.partition({"worker-2"}, {"manager-1", "worker-1"})
    return cluster, lost, cluster.now


def removed(cluster, since, tasks, by):
    return [
        record.time / SECOND - since
        for record in cluster.trace.of(BackendRemoved)
        if record.source in by and record.fact.task in tasks and record.time > since * SECOND
    ]


def test_gossip_takes_it_out_of_the_pools_in_seconds_and_the_dispatcher_declares_it_down_later(cut):
    cluster, lost, then = cut
    cluster = cluster.fork()
    assert len(lost) == 2
    assert cluster.run_until(lambda c: any(n.state == "down" for n in c.nodes), limit=20)
    assert 9 <= cluster.now - then <= 16.6
    gone = removed(cluster, then, lost, ("manager-1", "worker-1"))
    assert len(gone) == 4 and max(gone) < cluster.now - then and max(gone) < 12


def test_both_copies_run_until_it_is_back_and_then_the_old_one_is_stopped(cut):
    cluster, lost = cut[0].fork(), cut[1]
    cluster.run_for(40)
    runs = [(one.slot, one.machine) for one in cluster.running]
    assert len(runs) == 8 and len({slot for slot, _ in runs}) == 6
    assert lost == {one.id for one in cluster.running if one.machine == "worker-2"}
    desired = {STATES[task.desired] for task in cluster.tasks if task.id in lost}
    observed = {STATES[task.state] for task in cluster.tasks if task.id in lost}
    assert (desired, observed) == ({"shutdown"}, {"running"})  # nobody has heard of its end
    assert say(cluster, "service ls --format '{{.Replicas}}'") == "8/6"  # §20.2: 6 live ones later give 8/6
    cluster.heal()
    assert cluster.run_until(lambda c: len(c.running) == 6, limit=30)
    cluster.run_for(5)
    ended = {record.fact.task for record in cluster.trace.of(ContainerExited)}
    assert ended == lost and say(cluster, "service ls --format '{{.Replicas}}'") == "6/6"
    assert not [one for one in cluster.running if one.machine == "worker-2"]  # nothing moves back


def test_a_worker_that_crashes_is_down_after_9_to_16_and_a_half_seconds_and_12_54_on_average():
    """networking.md §3.3. Of 120 crashes the mean lies within 4 standard errors (1.64 s / √120 each) but once in 16 000
    times; the seeds are fixed."""
    waits, dice = [], random.Random(2)
    for seed in range(4):
        cluster = swarm(30, seed)
        cluster.run_for(20)
        begin, crashed = len(cluster.trace), {}
        for name in [f"worker-{n + 1}" for n in range(30)]:
            cluster.run_for(dice.random() * 5)
            cluster.crash(name)
            crashed[name] = cluster.now
        cluster.run_for(20)
        for record in cluster.trace.records[begin:]:
            fact = record.fact
            if isinstance(fact, NodeStored) and fact.state == "down" and fact.machine in crashed:
                waits.append(record.time / SECOND - crashed.pop(fact.machine))
    mean = sum(waits) / len(waits)
    assert len(waits) == 120 and 9.0 <= min(waits) and max(waits) <= 16.51
    assert abs(mean - 12.54) < 4 * 1.64 / 120**0.5


# ── what is refused ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        ("--health-interval 1us", "ContainerSpec: Interval in HealthConfig cannot be less than 1ms"),
        ("--health-timeout 999us", "ContainerSpec: Timeout in HealthConfig cannot be less than 1ms"),
        ("--health-start-period 1ns", "ContainerSpec: StartPeriod in HealthConfig cannot be less than 1ms"),
        ("--health-start-interval 1us", "ContainerSpec: StartInterval in HealthConfig cannot be less than 1ms"),
        ("--health-retries -1", "ContainerSpec: Retries in HealthConfig cannot be negative"),
        ("--health-interval -1s", "duration cannot be negative"),
        ("--health-interval soon", "time: invalid duration"),
        ("--no-healthcheck", "--no-healthcheck conflicts with --health-* options"),
    ],
)
def test_health_checks_that_cannot_be_are_refused_in_dockers_words_and_nothing_is_made(flags, why):
    cluster = swarm(0)
    assert why in refusal(cluster, f"service create -d --name web --health-cmd true {flags} nginx")
    assert cluster.services == ()
    say(cluster, "service create -d --name web nginx")
    before = cluster.services
    if "start-interval" not in flags:  # which the client forgets here
        assert why in refusal(cluster, f"service update -d --health-cmd true {flags} web")
        assert cluster.services == before
