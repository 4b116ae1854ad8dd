import pickle
import random

import pytest
from harness import FRONT, Net

from swarmlab.effects import NEVER, SECOND, STARTED, WOKEN, Disk, Received, Send, Tell, Told
from swarmlab.events import PeerCleared, PeerFailed, PeerJoined, PeerLeft, PeerSuspected
from swarmlab.messages import (
    PEERS,
    EnterNetwork,
    Entry,
    JoinGossip,
    LeaveGossip,
    NetworksHere,
    Peer,
    Publish,
    TablesChanged,
)
from swarmlab.overlay import gossip
from swarmlab.overlay.gossip import Gossip
from swarmlab.overlay.swim import ALIVE, FAILED, LEFT, SUSPECT, beats, retransmit_limit, suspicion_time
from swarmlab.overlay.wire import Ack, Member, Ping, Record, Rumours, State


class Reader:
    """In place of the mesh: writes down the rows it is told of."""

    deadline = NEVER

    def __init__(self, machine, disk, dice):
        self.machine, self.rows = machine, {}

    def step(self, event, now):
        match event:
            case Told("gossip", TablesChanged(entries)):
                for entry in entries:
                    self._write(entry)
            case Told(_, NetworksHere(networks)):
                return [Tell("gossip", EnterNetwork(network.id)) for network in networks]
            case Told(_, Publish() as row):
                self._write(Entry(row.network, row.table, row.key, self.machine, row.value))
                return [Tell("gossip", row)]
        return []

    def _write(self, entry):
        self.rows.pop(entry[:3], None)
        if entry.value:
            self.rows[entry[:3]] = entry


def row(task, machine, here=True):
    """A row of the network `front`, or the deletion of it."""
    value = Peer(f"10.0.1.{len(task)}", "02:42:0a:00:01:03", machine, machine) if here else None
    return Publish(FRONT.id, PEERS, task, value)


def record(task, owner, time, here=True):
    said = row(task, owner, here)
    return Record(said[:3], owner, time, said.value)


def key(task):
    return row(task, "")[:3]


def cluster(size, seed=1, loss=0.0, settle=10):
    """All nodes join by way of the first one, 100 ms apart."""
    net = Net([f"n{number}" for number in range(size)], seed, cores={"gossip": Gossip, "mesh": Reader})
    net.loss = loss
    for name in net.cores:
        net.tell(name, "gossip", JoinGossip(() if name == "n0" else ("n0",)))
        net.run(0.1)
    net.run(settle)
    return net


def living(net, name):
    return sorted(net.cores[name]["gossip"].others)


def all_know_all(net, names=None):
    names = sorted(names or net.cores)
    return all(living(net, name) == [other for other in names if other != name] for name in names)


def tasks(net, name):
    return sorted(task for _, _, task in net.cores[name]["mesh"].rows)


def seconds_until(net, condition, limit=60):
    start = net.now
    while not condition() and net.now - start < limit * SECOND:
        net.run(0.1)
    assert condition(), f"not within {limit} s"
    return (net.now - start) / SECOND


# ── rules ──


@pytest.mark.parametrize(
    "new, old, wins",
    [
        ((2, ALIVE), (1, SUSPECT), True), ((1, ALIVE), (1, SUSPECT), False), ((1, ALIVE), (1, FAILED), False),
        ((2, ALIVE), (1, FAILED), True), ((1, ALIVE), (1, ALIVE), False), ((1, SUSPECT), (1, ALIVE), True),
        ((1, SUSPECT), (2, ALIVE), False), ((1, SUSPECT), (1, SUSPECT), False), ((2, SUSPECT), (1, SUSPECT), True),
        ((9, SUSPECT), (1, FAILED), False), ((1, FAILED), (1, SUSPECT), True), ((1, FAILED), (2, ALIVE), False),
        ((1, LEFT), (1, ALIVE), True), ((1, FAILED), (1, LEFT), False), ((1, ALIVE), None, True), ((1, SUSPECT), None, False),
    ],
)  # fmt: skip
def test_incarnations_order_the_truth(new, old, wins):
    assert beats(Member("a", *new), old and Member("a", *old)) is wins


def test_the_figures_of_memberlist():
    assert [suspicion_time(n) / SECOND for n in (2, 10, 30, 100, 1000)] == [4, 4, 5.908, 8, 12]
    assert [retransmit_limit(n) for n in (1, 9, 10, 30, 100, 1000)] == [4, 4, 8, 8, 12, 16]


# ── membership ──


def test_before_it_is_told_to_join_it_is_silent():
    net = Net(["a", "b"])
    net.run(60)
    assert not net.sent and net.cores["a"]["gossip"].deadline == NEVER


def test_a_join_is_known_everywhere_within_seconds():
    net = cluster(20)
    net.boot("late")
    net.tell("late", "gossip", JoinGossip(("n0", "n7")))
    assert seconds_until(net, lambda: all_know_all(net)) < 2.5
    assert len([1 for _, _, fact in net.facts_of(PeerJoined) if fact.machine == "late"]) == 20


def test_a_join_is_tried_until_somebody_answers():
    net = Net(["a"])
    net.tell("a", "gossip", JoinGossip(("b",)))
    net.run(5)
    net.boot("b")
    net.tell("b", "gossip", JoinGossip(()))
    net.run(5)
    assert all_know_all(net)


def test_an_idle_node_costs_one_probe_and_one_ack_a_second():
    net = cluster(10, settle=30)
    net.sent.clear()
    net.run(60)
    assert net.sent["gossip", "Ping"] == pytest.approx(600, abs=10)
    assert net.sent["gossip", "Ack"] == net.sent["gossip", "Ping"]
    assert net.sent["gossip", "Rumours"] == 0
    assert net.sent["bulksync", "State"] == pytest.approx(2 * 10 * 2, abs=10)


def test_a_dead_member_fails_everywhere_but_not_before_the_suspicion_is_over():
    net = cluster(20)
    died = net.now
    net.crash("n5")
    net.run(20)
    suspected = min(time for time, _, fact in net.facts_of(PeerSuspected) if fact.machine == "n5")
    failed = [time for time, _, fact in net.facts_of(PeerFailed) if fact.machine == "n5"]
    assert len(failed) == 19 and not [fact for _, _, fact in net.facts_of(PeerFailed) if fact.machine != "n5"]
    assert min(failed) - suspected >= suspicion_time(20) and max(failed) - died <= suspicion_time(20) + 6 * SECOND


def test_a_failure_without_patience_is_caught(monkeypatch):
    monkeypatch.setattr(gossip, "suspicion_time", lambda members: SECOND)
    with pytest.raises(AssertionError):
        test_a_dead_member_fails_everywhere_but_not_before_the_suspicion_is_over()


def test_a_slow_member_refutes():
    suspected = cleared = 0
    for seed in range(6):  # in a few runs nobody happens to probe it meanwhile
        net = cluster(10, seed)
        net.freeze("n3", net.now + 3 * SECOND)
        net.run(15)
        suspected += sum(fact.machine == "n3" for _, _, fact in net.facts_of(PeerSuspected))
        cleared += sum(fact.machine == "n3" for _, _, fact in net.facts_of(PeerCleared))
        assert not [fact for _, _, fact in net.facts_of(PeerFailed) if fact.machine == "n3"] and all_know_all(net)
    assert suspected == cleared > 0


def test_a_member_that_cannot_refute_is_caught(monkeypatch):
    monkeypatch.setattr(Gossip, "_refute", lambda self, row: None)
    with pytest.raises(AssertionError):
        test_a_slow_member_refutes()


def test_whoever_says_goodbye_is_gone_at_once():
    net = cluster(20)
    net.tell("n4", "gossip", LeaveGossip())
    rest = [name for name in net.cores if name != "n4"]
    assert seconds_until(net, lambda: all_know_all(net, rest)) < 2
    net.run(60)
    assert len(net.facts_of(PeerLeft)) == 19 and not net.facts_of(PeerFailed) and net.disks["n4"]["peers"] is None
    net.tell("n4", "gossip", JoinGossip(("n0",)))
    assert seconds_until(net, lambda: all_know_all(net)) < 3


def test_a_member_that_reboots_comes_back_by_itself():
    net = cluster(10)
    net.crash("n0")
    net.run(15)
    assert "n0" not in living(net, "n1")
    net.boot("n0")
    assert seconds_until(net, lambda: all_know_all(net)) < 10


def test_a_reboot_that_nobody_noticed_is_healed_too():
    net = cluster(10, settle=1)
    net.crash("n0")  # the founder, which has nobody's name on its disk yet
    net.disks["n0"]["peers"] = ()
    net.boot("n0")
    assert seconds_until(net, lambda: all_know_all(net)) < 10


def test_after_a_partition_both_halves_find_each_other():
    net = cluster(8)
    net.island = {"n4", "n5", "n6", "n7"}
    net.run(20)
    assert living(net, "n0") == ["n1", "n2", "n3"] and living(net, "n7") == ["n4", "n5", "n6"]
    net.tell("n1", "mesh", row("t", "n1"))
    net.run(5)
    net.island.clear()
    assert seconds_until(net, lambda: all_know_all(net) and tasks(net, "n7") == ["t"]) < 2.5


@pytest.mark.parametrize("seed", range(5))
def test_a_fifth_of_all_messages_lost_is_healed(seed):
    net = cluster(12, seed, loss=0.2)
    net.tell("n2", "mesh", row("t", "n2"))
    net.run(20)
    net.loss = 0
    seconds_until(net, lambda: all_know_all(net) and all(tasks(net, name) == ["t"] for name in net.cores), limit=70)


def alone(*members):
    """One core that takes part and knows these members."""
    core = Gossip("me", Disk({"peers": ("a",)}, []), random.Random(1))
    core.step(STARTED, 0)
    core.step(Received("a", State(tuple(Member(name, 1, ALIVE) for name in members), (), True)), 1)
    return core


def told_mesh(effects):
    return [effect.message for effect in effects if isinstance(effect, Tell)]


def test_a_newcomer_does_not_repeat_what_all_others_know():
    core = alone("a", "b")
    assert core.others == ["a", "b"] and not core.news
    core.step(Received("a", State((Member("c", 1, ALIVE),), (), True)), 2)
    assert list(core.news) == [("member", "c")]


def test_a_stranger_that_probes_is_asked_for_all_it_knows():
    core = alone("a")
    effects = core.step(Received("b", Ping(7, (), "gossip")), 2)
    assert [(effect.to, type(effect.message)) for effect in effects] == [("b", Ack), ("b", State)]
    assert [type(effect.message) for effect in core.step(Received("a", Ping(7, (), "gossip")), 3)] == [Ack]


def test_a_bulk_sync_does_not_hand_on_the_deletion_of_what_was_never_known():
    core, grave = alone("a"), record("t", "a", 5, False)
    core.step(Received("a", State((), (grave,), True)), 2)
    assert core.table.get(key("t")) is None
    core.step(Received("a", Rumours((record("t", "a", 4),))), 3)
    core.step(Received("a", State((), (grave,), True)), 4)
    assert core.table.get(key("t")) == grave


def test_in_a_bulk_sync_a_failure_is_only_a_suspicion():
    core = alone("a", "b")
    core.step(Received("a", State((Member("b", 1, FAILED),), (), True)), 2)
    assert core.members["b"].state == SUSPECT and "b" in core.others


def test_an_old_accusation_is_answered_although_it_was_refuted_before():
    core = alone("a")
    core.step(Received("a", Rumours((Member("me", 2, SUSPECT),))), 2)
    core.news.clear()
    core.step(Received("a", Rumours((Member("me", 1, FAILED),))), 3)
    assert core.news["member", "me"] == (Member("me", 3, ALIVE), 0)


def test_who_stood_still_suspects_nobody_for_the_acks_it_could_not_hear():
    core = alone("a")
    probe = core.probe_at
    core.step(WOKEN, probe)
    (again,) = [effect for effect in core.step(WOKEN, probe + 3 * SECOND) if isinstance(effect, Send)]
    assert (again.to, again.channel) == ("a", "bulksync") and core.members["a"].state == ALIVE
    core.step(Received("a", Ack(core.number, ())), probe + 3 * SECOND + 1)
    core.step(WOKEN, core.probe_at)
    assert core.members["a"].state == ALIVE


# ── tables ──


def test_a_record_reaches_all_in_two_seconds_and_leaves_as_fast():
    net = cluster(20)
    net.tell("n3", "mesh", row("t", "n3"))
    assert seconds_until(net, lambda: all(tasks(net, name) == ["t"] for name in net.cores)) <= 2
    net.tell("n3", "mesh", row("t", "n3", False))
    assert seconds_until(net, lambda: all(tasks(net, name) == [] for name in net.cores)) <= 2


def test_what_runs_behind_a_failed_member_is_hidden_until_it_is_back():
    net = cluster(6)
    net.tell("n3", "mesh", row("t", "n3"))
    net.run(2)
    net.freeze("n3", net.now + 20 * SECOND)
    net.run(15)
    assert tasks(net, "n0") == [] and not [1 for name in net.cores if name != "n3" and tasks(net, name)]
    net.run(15)
    assert all(tasks(net, name) == ["t"] for name in net.cores)


def test_a_record_of_an_unknown_node_waits_until_the_node_is_known():
    core, said = alone("a"), record("t", "b", 1)
    assert not told_mesh(core.step(Received("a", Rumours((said,))), 2))
    shown = told_mesh(core.step(Received("a", Rumours((Member("b", 1, ALIVE),))), 3))
    assert shown == [TablesChanged((Entry(*key("t"), "b", said.value),))]


def test_a_node_comes_back_without_what_was_deleted_in_the_same_breath():
    core, said = alone("a", "b"), record("t", "b", 1)
    core.step(Received("a", Rumours((said, Member("b", 1, FAILED)))), 2)
    back = core.step(Received("a", Rumours((Member("b", 2, ALIVE), record("t", "b", 2, False)))), 3)
    assert "b" in core.others and not [entry for message in told_mesh(back) for entry in message.entries if entry.value]


@pytest.mark.parametrize("away", [1, 15])
def test_what_ran_before_a_crash_does_not_come_back_with_the_node(away):
    net = cluster(6)
    net.tell("n3", "mesh", row("t", "n3"))
    net.run(2)
    net.crash("n3")
    net.run(away)
    net.boot("n3")
    net.run(8)
    assert all_know_all(net) and not [name for name in net.cores if tasks(net, name)]


def test_an_older_record_does_not_undo_a_newer_one():
    net = cluster(3)
    net.tell("n1", "mesh", row("t", "n1"))
    old = net.cores["n1"]["gossip"].table.get(key("t"))
    net.tell("n1", "mesh", row("t", "n1", False))
    net.run(3)
    net.cores["n0"]["gossip"]._learn((old,))
    assert net.cores["n0"]["gossip"].table.get(key("t")).value is None


def test_a_tombstone_is_forgotten_everywhere_after_half_an_hour():
    net = cluster(3)
    net.tell("n1", "mesh", row("t", "n1"))
    net.tell("n1", "mesh", row("t", "n1", False))
    net.run(29 * 60)
    assert net.cores["n0"]["gossip"].table.get(key("t"))
    net.run(3 * 60)
    assert not [name for name in net.cores if net.cores[name]["gossip"].table.get(key("t"))]


# ── blocked ports ──


def test_without_udp_nobody_fails_but_news_wait_for_the_bulk_sync():
    waits = []
    for seed in range(6):
        net = cluster(6, seed)
        net.blocked.add(("n3", "gossip"))
        net.run(40)
        assert not net.facts_of(PeerSuspected) and not net.facts_of(PeerFailed)
        net.tell("n1", "mesh", row("t", "n1"))
        waits.append(seconds_until(net, lambda net=net: tasks(net, "n3") == ["t"], limit=32))
        assert all(tasks(net, name) == ["t"] for name in net.cores) or waits[-1] < 2
    assert max(waits) > 5  # a rumour takes one second


def test_by_tcp_a_ping_carries_no_rumours():
    core = alone("a")
    core.step(Told("mesh", row("t", "me")), 2)
    probes = {effect.channel: effect.message for effect in core.step(WOKEN, core.probe_at) if isinstance(effect, Send)}
    assert [item.key[2] for item in probes["gossip"].news if isinstance(item, Record)] == ["t"]
    core.step(Told("mesh", row("u", "me")), core.fallback_at - 1)
    again = [effect for effect in core.step(WOKEN, core.fallback_at) if isinstance(effect, Send)]
    assert [ping.message.news for ping in again if ping.channel == "bulksync"] == [(core.members["me"],)]


def test_without_udp_and_tcp_a_node_is_cut_off():
    net = cluster(6)
    net.blocked |= {("n3", "gossip"), ("n3", "bulksync")}
    net.run(40)
    assert all("n3" not in living(net, name) for name in net.cores) and living(net, "n3") == []
    net.blocked.clear()
    assert seconds_until(net, lambda: all_know_all(net)) < 10


def test_without_tcp_rumours_still_travel():
    net = cluster(6)
    net.blocked.add(("n3", "bulksync"))
    net.tell("n3", "mesh", row("t", "n3"))
    net.run(3)
    assert all(tasks(net, name) == ["t"] for name in net.cores)


# ── habits of a core ──


def test_a_copy_goes_on_exactly_as_the_original():
    net = cluster(5)
    twin = pickle.loads(pickle.dumps(net))
    for each in (net, twin):
        each.crash("n2")
        each.run(20)
    assert net.facts == twin.facts and net.sent == twin.sent
