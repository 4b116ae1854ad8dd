"""Same seed, same trace: what else must not matter. How time was cut in pieces, which Python it is, which processor."""

import os
import signal
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest

from swarmlab import Cluster
from swarmlab.check.availability import at_least, simulate
from swarmlab.docker.units import quote
from swarmlab.events import Commanded
from swarmlab.sim.kernel import Kernel
from swarmlab.sim.trace import Trace
from swarmlab.traffic.journey import Journeys
from swarmlab.traffic.workload import mean_of

ROOT = Path(__file__).parents[2]


class Ear:
    """What happened when, and because of what."""

    def __init__(self, kernel):
        self.kernel, self.heard = kernel, []

    def __call__(self, what):
        self.heard.append((self.kernel.now, what, self.kernel.cause))
        self.kernel.cause = 7  # somebody noted a fact

    def forget(self, alarm):
        self.kernel.cancel(alarm)


def crossing(cuts, one_by_one=False):
    """Requests under way, and other things at the very same µs."""
    kernel = Kernel(1)
    ear, journeys = Ear(kernel), Journeys(kernel, None, {}, None, counting=False)
    for time in (50, 100, 150, 199):
        journeys._at(time, ear, "request")
    for time in (100, 150, 160):
        kernel.at(time, ear, "other")
    journeys._at(200, ear.forget, kernel.at(200, ear, "cancelled"))
    for cut in (*cuts, 300):
        while one_by_one and kernel.step(cut):
            pass
        kernel.run(cut)
    return ear.heard


@pytest.mark.parametrize("cuts, one_by_one", list(product([(), (70,), (50, 99, 100, 101), (199,)], [False, True])))
def test_requests_come_before_what_else_happens_at_their_instant_wherever_the_run_is_cut(cuts, one_by_one):
    whole = crossing(())
    assert whole[1:3] == [(100, "request", -1), (100, "other", -1)] and all(what != "cancelled" for _, what, _ in whole)
    assert crossing(cuts, one_by_one) == whole


# What Unicode 15 and later added, and Python 3.11 does not know: a face, a Kawi letter; then what no Python knows yet.
NEW = "\N{SPOUTING WHALE}é \U0001fae8 \U00011f04 \U000e0fff"


def test_a_character_that_only_newer_pythons_know_is_written_alike_by_all():
    cluster = Cluster(managers=1, seed=1)
    cluster.docker(f"service create -d --name web --label face={NEW} nginx")
    text = cluster.trace.text()
    assert r"face=\U0001f433é \U0001fae8 \U00011f04 \U000e0fff" in text
    assert quote(NEW) == f'"{NEW}"'


def test_sums_of_fractions_are_exact_as_python_3_12_adds_up_otherwise_than_3_11():
    assert mean_of((0.1,) * 11) == (1.1 - 0.1) / 10
    assert at_least(0, 10, 0.1) == 1.0000000000000002  # 1.0 in 3.11 by `sum`


COUNTED = "from swarmlab.check.availability import simulate; print(simulate((2, 2, 1), (1, 1, 1), years=2000))"


def test_what_the_planner_counts_is_the_same_on_every_processor():
    older = {"OPENBLAS_CORETYPE": "Prescott", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    run = [sys.executable, "-c", COUNTED]
    there = subprocess.run(run, env={**os.environ, **older}, capture_output=True, text=True, check=True)
    assert there.stdout == f"{simulate((2, 2, 1), (1, 1, 1), years=2000)}\n"


class Passing:
    """What lets something else happen when it is looked at: as another thread does, when it has its turn."""

    def __init__(self, happen):
        self.happen = happen

    def __repr__(self):
        self.happen, happen = lambda: None, self.happen
        happen()
        return "passing"


def test_a_digest_that_is_asked_for_while_time_passes_leaves_nothing_out():
    trace, later = Trace(Kernel(1)), Commanded("docker service ls")
    trace.note("world", Commanded(Passing(lambda: trace.note("world", later, -1))), -1)
    trace.digest()
    again = Trace(Kernel(1))
    again.records = list(trace.records)
    assert len(trace) == 2 and trace.digest() == again.digest()


# ── somebody interrupts ──────────────────────────────────────────────────────────────────────────────────────────────


def interrupted(cluster, fact, act):
    """Ctrl-C right after so many more facts."""
    facts = cluster.trace.records
    last = len(facts) + fact
    cluster.kernel.watch(facts, lambda: signal.raise_signal(signal.SIGINT) if len(facts) >= last else None)
    with pytest.raises(KeyboardInterrupt):
        act()
    cluster.kernel.watched = None


@pytest.mark.parametrize("fact", [1, 7, 40])
@pytest.mark.parametrize(
    "act",
    [
        lambda cluster: cluster.run_for(1000),
        lambda cluster: cluster.run_until(lambda cluster: cluster.now > 1000, limit=2000),
        lambda cluster: cluster.docker("service create --name web --replicas 3 nginx"),
        lambda cluster: cluster.docker("events"),
    ],
    ids=["run_for", "run_until", "service create", "events"],
)
def test_a_run_that_was_interrupted_can_be_had_again(fact, act, tmp_path):
    cluster = Cluster(managers=1, workers=2, seed=3)
    begun = cluster.now
    cluster.docker("service create -d --name shop --replicas 2 nginx")
    interrupted(cluster, fact, lambda: act(cluster))
    assert begun <= cluster.now < 900
    cluster.crash("worker-1")
    cluster.run_for(30)
    cluster.save(tmp_path / "run.json")
    assert Cluster.load(tmp_path / "run.json").trace.digest() == cluster.trace.digest()


def test_who_insists_is_heard_at_once():
    cluster = Cluster(managers=1, seed=3)

    def never(cluster):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        cluster.run_until(never)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
