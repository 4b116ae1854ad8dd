"""Figures of SWIM and of rumours, against the formulas [networking.md §2.2, §3.1, §3.2].

Seeds are fixed. Where a mean is compared, the tolerance is four standard errors: by chance one set of seeds in 16 000 would
miss it.
"""

from math import sqrt
from statistics import fmean, stdev

import pytest
from gossips import cluster, row, tasks
from harness import Net

from swarmlab.effects import NEVER, SECOND, WOKEN, Received
from swarmlab.events import PeerFailed, PeerSuspected
from swarmlab.messages import JoinGossip
from swarmlab.overlay.gossip import Gossip
from swarmlab.overlay.swim import ALIVE, PROBE_PERIOD
from swarmlab.overlay.wire import Member, Ping, PushPull


class Company(Net):
    """Members that know each other from the start, and write down who is probed when."""

    def __init__(self, size, seed=1):
        super().__init__([f"n{number}" for number in range(size)], seed, cores={"gossip": Gossip})
        self.probes = {name: [] for name in self.cores}
        rows = tuple(Member(name, 1, ALIVE) for name in self.cores)
        for name in self.cores:
            self.tell(name, "gossip", JoinGossip(()))
            self.step(name, "gossip", Received("a friend", PushPull(rows, (), True)))

    def carry_out(self, name, core, effect):
        if type(getattr(effect, "message", None)) is Ping and effect.channel == "gossip":
            self.probes[effect.to].append(self.now)
        super().carry_out(name, core, effect)


def agrees(values, expected):
    return abs(fmean(values) - expected) <= 4 * stdev(values) / sqrt(len(values))


def waits(size, times, apart=7):
    """For many instants and each member: how many periods until somebody probes it, had it died then."""
    net, found = Company(size), []
    net.run(3 + times * apart + 30)
    for instant in range(3 * SECOND, (3 + times * apart) * SECOND, apart * SECOND):
        for heard in net.probes.values():
            first = next(time for time in heard if time > instant)
            found.append(-(-(first - instant) // PROBE_PERIOD))
    return found


def by_round_robin(size):
    """The mean of that number, exactly: of each prober, the chance not to meet one of m targets in t tries in a row,
    at a chance place of its shuffled round."""
    m, mean = size - 1, 0.0
    for t in range(2 * m):
        missed = [(1 - t / m) if t <= k else max(0.0, (1 - k / m) * (1 - (t - k) / m)) for k in range(1, m + 1)]
        mean += fmean(missed) ** m
    return mean


@pytest.mark.parametrize("size, expected, times", [(10, 1.5301, 60), (30, 1.5660, 20), (100, 1.5773, 5)])
def test_a_dead_member_is_probed_after_as_many_periods_as_the_formula_says(size, expected, times):
    """1 / (1 − (1 − 1/(n−1))^(n−1)), for targets drawn anew each time; in shuffled rounds a little sooner."""
    found = waits(size, times)
    assert len(found) >= 500
    assert abs(1 / (1 - (1 - 1 / (size - 1)) ** (size - 1)) - expected) < 0.0001
    assert agrees(found, by_round_robin(size)) and agrees(found, expected)


def suspects(helpers, seed, loss):
    """Whether one probe of a healthy member, with so many helpers and without TCP, makes it a suspect."""
    net = Company(helpers + 2, seed)
    net.run(1.5)
    for name in net.cores:
        net.blocked.add((name, "bulksync"))
        net.cores[name]["gossip"].probing.probe_at = NEVER
        net.cores[name]["gossip"].membership.queue.clear()
    core = net.cores["n0"]["gossip"]
    core.probing.probe, core.probing.round, core.probing.probe_at = None, ["n1"], net.now
    net.loss = loss
    net.step("n0", "gossip", WOKEN)
    net.run(1.01)
    return any(name == "n0" for _, name, _ in net.facts_of(PeerSuspected))


@pytest.mark.parametrize("helpers", [0, 1, 3])
def test_a_healthy_member_is_suspected_as_often_as_the_formula_says(helpers):
    """(1 − (1−p)²)·(1 − (1−p)⁴)^k for p = 0.2 and k helpers: 0.360, 0.2125, 0.0741."""
    loss, probes = 0.2, 1200
    expected = (1 - (1 - loss) ** 2) * (1 - (1 - loss) ** 4) ** helpers
    share = fmean(suspects(helpers, seed, loss) for seed in range(probes))
    assert abs(share - expected) <= 4 * sqrt(expected * (1 - expected) / probes)


def test_a_crashed_node_of_ten_fails_in_about_a_second_and_a_half_and_4_to_24_seconds_more():
    """Half a period to the first probe and one until it has failed, then the suspicion; confirmations shorten it."""
    times = []
    for seed in range(20):
        net = Company(10, seed)
        net.run(3)
        died = net.now
        net.crash("n0")
        net.run(32)
        times.append((net.facts_of(PeerFailed)[0][0] - died) / SECOND)
        assert len(net.facts_of(PeerFailed)) == 9
    assert all(1 + 4 <= time <= 4 + 24 for time in times)
    assert 1.5 + 4 <= fmean(times) <= 1.5 + 4 + 4  # two others soon confirm


LOCK_STEP = {10: 0.57, 30: 0.86, 100: 1.13}  # seconds until all know, all clocks ticking together


@pytest.mark.parametrize("size, runs", [(10, 30), (30, 12), (100, 4)])
def test_a_row_reaches_all_sooner_than_in_lock_step(size, runs):
    """Each node's 200 ms clock has a phase of its own: the lock-step figures are pessimistic by about 1.6."""
    times = []
    for seed in range(runs):
        net = cluster(size, seed, settle=3)
        begun = net.now
        net.tell("n1", "mesh", row("t", "n1"))
        while not all(tasks(net, name) for name in net.cores) and net.now < begun + 3 * SECOND:
            net.run(0.01)
        times.append((net.now - begun) / SECOND)
    assert LOCK_STEP[size] / 2.5 < fmean(sorted(times)[: runs - runs // 10]) < LOCK_STEP[size]
