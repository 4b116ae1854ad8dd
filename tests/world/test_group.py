"""A bare group: what people may do to it, and one clear sentence for what is impossible."""

import pytest

from swarmlab import Cluster
from swarmlab.events import DiskDamaged, LogUnreadable
from swarmlab.group import RaftGroup
from swarmlab.raft import PAPER


@pytest.fixture(scope="module")
def calm():
    group = RaftGroup(3, PAPER._replace(slow_disk=True), seed=1, spare=1)
    group.run_for(1)
    return group


def test_what_is_written_can_be_read_everywhere(calm):
    group = calm.fork()
    assert group.write("x", 1, wait=1) == ""
    assert {group.get("x", at=name).output for name in ("node-1", "node-2", "node-3")} >= {1}


def test_who_does_not_lead_says_who_does(calm):
    group = calm.fork()
    other = next(name for name in ("node-1", "node-2") if name != group.leader)
    assert group.write("x", 1, to=other, wait=1) == "not leader"
    assert group.get("x", at=other).leader == group.leader


def test_without_a_majority_nobody_can_tell_what_came_of_a_write(calm):
    group = calm.fork()
    leader = group.leader
    group.partition({leader}, set(group.members) - {leader})
    assert group.write("x", 1, to=leader, wait=0.05) == "unknown"


def test_a_run_with_every_act_is_done_again_the_same(calm):
    group = calm.fork()
    group.propose(1)
    group.align()
    group.run_for(0.5)
    group.drift("node-1", 1.05)
    group.slow_disk("node-2", 0.01)
    group.change(add=["node-4"])
    group.run_for(0.5)
    group.transfer(next(name for name in ("node-1", "node-2") if name != group.leader))
    group.crash("node-3", midway=2)
    group.run_for(1)
    group.time_out("node-1", "node-2")
    group.run_for(1)
    assert group.at(group.now).trace.digest() == group.trace.digest()
    assert group.at(1.4).trace.text() == "".join(f"{r}\n" for r in group.trace if r.time <= 1_400_000)


def test_a_damaged_log_is_noticed_at_the_next_boot_and_named(calm):
    for how, words in (("flip", "checksum"), ("cut", "truncated or lost")):
        group = calm.fork()
        for value in range(5):
            group.write("x", value, wait=1)
        group.run_for(1)
        victim = next(name for name in group.members if name != group.leader)
        group.damage(victim, 3, how)
        group.restart(victim)
        group.run_for(1)
        (fact,) = [record.fact for record in group.trace.of(LogUnreadable)]
        assert words in fact.reason and group.nodes[victim].role == "broken"
        assert group.trace.of(DiskDamaged)[0].source == victim
        assert group.write("x", 9, wait=1) == ""  # the other two go on


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"heartbeat": 150},
            "a heartbeat every 150 ticks comes too late for election time-outs that begin at 150 ticks",
        ),
        ({"election_high": 100}, "the longest election time-out (100 ticks) is below the shortest (150 ticks)"),
        ({"tick": 0}, "whole numbers above 0"),
        ({"lease_reads": True, "check_quorum": False}, "lease reads need check_quorum"),
        ({"drift": 0.5}, "1 means that all clocks run alike"),
        ({"max_inflight": 0}, "max_inflight=0 is impossible"),
    ],
)
def test_impossible_settings_get_one_sentence(change, words):
    for make in (lambda s: RaftGroup(3, s), lambda s: Cluster(managers=1, raft=s)):
        with pytest.raises(ValueError) as error:
            make(PAPER._replace(**change))
        assert words in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda g: g.crash("node-9"), "no such machine: node-9"),
        (lambda g: g.crash("node-1", midway=-1), "midway=-1"),
        (lambda g: g.link("node-1", "node-2", latency=-1), "latency=-1 is impossible"),
        (lambda g: g.change(remove=["node-1", "node-2", "node-3"]), "without voters"),
        (lambda g: g.change(), "a change of nobody"),
        (lambda g: g.change(add=["node-9"]), "no such machine: node-9"),
        (lambda g: g.transfer("node-4"), "node-4 has no vote"),
        (lambda g: g.drift("node-1", 0), "a clock that runs at 0"),
        (lambda g: g.damage("node-1", 99), "no entry 99"),
        (lambda g: RaftGroup(0), "a group of 0 members"),
        (lambda g: RaftGroup(3, read="fast"), "neither log nor index"),
        (lambda g: Cluster(managers=1).slow_disk("manager-1", 1), "count on fast disks"),
    ],
)
def test_what_is_impossible_gets_one_sentence_and_changes_nothing(calm, act, words):
    group = calm.fork()
    before = len(group.acts), group.trace.digest()
    with pytest.raises(ValueError) as error:
        act(group)
    assert words in str(error.value) and "\n" not in str(error.value)
    assert (len(group.acts), group.trace.digest()) == before
