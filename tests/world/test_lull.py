"""Rest: a large cluster that leaves out what nobody would notice has the same run as one that leaves out nothing."""

from random import Random

import pytest

from swarmlab import Cluster
from swarmlab.overlay.gossip import Gossip
from swarmlab.overlay.probing import Probing

SERVICE = "service create -d --name web --network front --replicas 12 -p 80:80 nginx:alpine"
FAULTS = ("crash", "freeze", "cut", "block", "loss", "burden", "drift", "restart", "scale", "leave", "slow link")


def cluster(messages, seed=1):
    """51 machines: so many rest, unless messages are kept."""
    made = Cluster(managers=1, workers=50, seed=seed, messages=messages)
    made.keep_no_pictures()
    return made


def misfortune(swarm, dice):
    """Something goes wrong with two machines, and some of it is mended after a while."""
    workers = [name for name in swarm.machines if name.startswith("worker") and swarm.machines[name].running]
    one = workers[int(dice.random() * len(workers))]
    other = next(name for name in workers if name != one)
    match FAULTS[int(dice.random() * len(FAULTS))]:
        case "crash":
            swarm.crash(one)
            swarm.run_for(dice.random() * 30)
            swarm.restart(one)
        case "freeze":
            swarm.freeze(one, dice.random() * 8)
        case "cut":
            swarm.partition({one, other}, {"manager-1", *(name for name in workers if name not in (one, other))})
            swarm.run_for(dice.random() * 20)
            swarm.heal()
        case "block":
            swarm.block(one, "7946/udp")
            swarm.run_for(dice.random() * 20)
            swarm.unblock(one, "7946/udp")
        case "loss":
            swarm.link(one, other, loss=0.5)
            swarm.run_for(dice.random() * 10)
            swarm.link(one, other, loss=0)
        case "burden":
            swarm.burden(one, 0.1)
            swarm.run_for(dice.random() * 5)
            swarm.burden(one, 0)
        case "drift":
            swarm.drift(one, 1.1)
        case "restart":
            swarm.restart(one)
        case "scale":
            swarm.docker(f"service scale -d web={int(8 + dice.random() * 8)}")
        case "leave":
            swarm.docker("swarm leave", one)
        case "slow link":
            swarm.link(one, other, latency=0.02)


def storm(messages, seed, rounds=6):
    """A run with rest in it, and whatever may end it."""
    swarm, dice = cluster(messages, seed), Random(seed)
    swarm.docker("network create -d overlay front")
    swarm.docker(SERVICE)
    for _ in range(rounds):
        swarm.run_for(8 + dice.random() * 25)
        misfortune(swarm, dice)
    swarm.run_for(30)
    return swarm


@pytest.mark.parametrize("seed", [1, 3, 8])
def test_a_run_with_rest_has_the_same_facts_as_one_without(seed):
    awake, rested = storm(True, seed), storm(False, seed)
    assert awake.network.lull is None and rested.network.lull
    assert rested.kernel.scheduled < awake.kernel.scheduled
    assert rested.trace.digest() == awake.trace.digest()


def estranged(messages, one="worker-7", other="worker-9"):
    """The rumour of one member has missed another one: now and then it does, among hundreds."""
    swarm = cluster(messages)
    swarm.network.disturb()
    core = swarm.machines[one].seats["gossip"].core
    membership = core.membership
    membership.others.remove(other)
    membership.probing.round = [name for name in membership.probing.round if name != other]
    del membership.rows[other]
    membership.sorted = sorted(membership.rows.values())
    membership.listing.spoil()
    core.tables.forget(other)
    membership.heard.clear()
    return swarm


@pytest.mark.parametrize("other", ["worker-16", "worker-22", "worker-34"])
def test_two_that_do_not_know_each_other_meet_while_all_rest(other):
    awake, rested = estranged(True, other=other), estranged(False, other=other)
    rested.run_for(5)
    assert rested.network.lull.on
    assert other not in rested.machines["worker-7"].seats["gossip"].core.members
    awake.run_for(30)
    rested.run_for(25)
    assert other in rested.machines["worker-7"].seats["gossip"].core.members
    assert rested.trace.digest() == awake.trace.digest()


def test_a_rest_that_keeps_them_apart_is_caught(monkeypatch):
    awake = estranged(True, other="worker-22")
    awake.run_for(30)
    monkeypatch.setattr(Gossip, "strangers", lambda self, company: [])
    rested = estranged(False, other="worker-22")
    rested.run_for(30)
    assert rested.trace.digest() != awake.trace.digest()


def test_a_rest_that_forgets_to_draw_is_caught(monkeypatch):
    def forgetful(self, now):
        while self.probe_at < now:
            self.number, self.probe_at = self.number + 1, self.probe_at + 1_000_000

    monkeypatch.setattr(Probing, "catch_up", forgetful)
    assert storm(False, 1).trace.digest() != storm(True, 1).trace.digest()


def test_nothing_happens_in_a_quiet_minute_but_what_has_consequences():
    swarm = cluster(False)
    swarm.run_for(30)
    assert swarm.network.lull.on
    before = swarm.kernel.scheduled
    swarm.run_for(60)
    beats, syncs, ticks = 51 * 13 * 4, 51 * 3 * 3, 61  # a heartbeat costs four events, a bulk sync three
    assert swarm.kernel.scheduled - before < beats + syncs + ticks


def test_rest_ends_with_the_first_thing_that_happens():
    swarm = cluster(False)
    swarm.run_for(30)
    swarm.crash("worker-7")
    assert not swarm.network.lull.on
    swarm.run_for(40)
    assert swarm.network.lull.on  # one that failed, and does not run, is no reason to stay awake
    swarm.docker("network create -d overlay front")
    assert swarm.network.lull.on  # nobody's gossip
    swarm.docker(SERVICE)
    swarm.run_for(2)
    assert not swarm.network.lull.on


def test_a_twin_of_a_resting_cluster_goes_on_exactly_as_it_would():
    swarm = cluster(False)
    swarm.run_for(33.3)
    twin = swarm.fork()
    for each in (swarm, twin):
        each.run_for(20)
        each.crash("worker-3")
        each.run_for(20)
    assert twin.trace.digest() == swarm.trace.digest()
