"""Joining, leaving, coming back; what blocked ports do; habits of the core [swarm.md §17; networking.md §2]."""

import pickle

import pytest
from gossips import all_know_all, alone, carried, cluster, key, living, queued, record, row, seconds_until, sends, tasks
from harness import FRONT, Net

from swarmlab.effects import NEVER, SECOND, WOKEN, Received
from swarmlab.events import PeerFailed, PeerJoined, PeerLeft, PeerSuspected
from swarmlab.messages import JoinGossip, LeaveGossip
from swarmlab.overlay.gossip import Gossip
from swarmlab.overlay.swim import ALIVE, FAILED
from swarmlab.overlay.wire import Ack, BulkSync, Member, Ping, PushPull, Rumours


def fresh(size, seed=1):
    return Net([f"n{number}" for number in range(size)], seed, cores={"gossip": Gossip})


# ── joining ──


def test_before_it_is_told_to_join_it_is_silent():
    net = fresh(2)
    net.run(60)
    assert not net.sent and net.cores["n0"]["gossip"].deadline == NEVER


def test_a_join_is_known_everywhere_within_seconds():
    net = cluster(20)
    net.boot("late")
    net.tell("late", "gossip", JoinGossip(("n0", "n7")))
    assert seconds_until(net, lambda: all_know_all(net)) < 2.5
    assert len([1 for _, _, fact in net.facts_of(PeerJoined) if fact.machine == "late"]) == 20


def test_a_join_is_tried_each_second_for_ten_and_again_each_minute():
    net = fresh(1)
    net.tell("n0", "gossip", JoinGossip(("n1",)))
    net.run(50)
    assert net.sent["bulksync", "PushPull"] == 10
    net.run(20)
    assert net.sent["bulksync", "PushPull"] == 20
    net.boot("n1")
    net.tell("n1", "gossip", JoinGossip(()))
    assert seconds_until(net, lambda: all_know_all(net)) > 30


def test_two_clusters_that_formed_meanwhile_become_one_by_way_of_the_first_peers():
    net = fresh(6)
    net.island = {"n0"}  # the manager is away when the others start, and calls nobody later
    for name in net.cores:
        net.tell(name, "gossip", JoinGossip(() if name == "n0" else ("n0",)))
    for name in ("n2", "n3", "n4", "n5"):
        net.tell(name, "gossip", JoinGossip(("n0", "n1")))
    net.run(20)
    assert all_know_all(net, ["n1", "n2", "n3", "n4", "n5"]) and living(net, "n0") == []
    net.island.clear()
    assert 20 < seconds_until(net, lambda: all_know_all(net)) < 45


def test_a_newcomer_does_not_repeat_what_all_others_know():
    core = alone("a", "b")
    assert sorted(core.others) == ["a", "b"] and not queued(core)
    core.step(Received("a", PushPull((Member("c", 1, ALIVE),), (), True)), 2)
    assert queued(core) == [Member("c", 1, ALIVE)]


# ── leaving, coming back ──


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
    net.run(30)
    assert "n0" not in living(net, "n1")
    net.boot("n0")  # the founder, which knows nobody: each second somebody calls it
    assert seconds_until(net, lambda: all_know_all(net)) < 10


def test_a_reboot_that_nobody_noticed_is_healed_too():
    net = cluster(10, settle=1)
    net.crash("n0")
    net.boot("n0")
    assert seconds_until(net, lambda: all_know_all(net)) < 10


def test_a_stranger_that_probes_is_asked_for_all_it_knows():
    core = alone("a")
    effects = core.step(Received("b", Ping(7, (), "gossip")), 2)
    assert [(effect.to, type(effect.message)) for effect in effects] == [("b", Ack), ("b", PushPull)]
    assert [type(effect.message) for effect in core.step(Received("a", Ping(7, (), "gossip")), 3)] == [Ack]


def test_one_that_failed_is_called_each_second_and_refutes():
    core = alone("a", "b")
    core.step(Received("a", Rumours((Member("b", 1, FAILED),))), 2)
    calls = 0
    while core.deadline <= 5 * SECOND:
        now = core.deadline
        calls += sum(effect.to == "b" for effect in sends(core.step(WOKEN, now), PushPull))
    assert calls in (4, 5)
    core.step(Received("b", PushPull((Member("b", 2, ALIVE),), (), True)), 6 * SECOND)
    assert "b" in core.others


# ── blocked ports ──


def test_without_udp_nobody_fails_but_news_wait_for_the_bulk_sync():
    """TCP pings keep the node among the living; a row waits for the next bulk sync: 30 s, of either side."""
    waits = []
    for seed in range(6):
        net = cluster(6, seed)
        net.blocked.add(("n3", "gossip"))
        net.run(40)
        assert not net.facts_of(PeerSuspected) and not net.facts_of(PeerFailed)
        net.tell("n1", "mesh", row("t", "n1"))
        waits.append(seconds_until(net, lambda net=net: tasks(net, "n3") == ["t"], limit=32))
    assert max(waits) > 5  # a rumour takes one second


def test_without_tcp_rumours_still_travel_but_what_is_lost_does_not_heal():
    net = cluster(6)
    net.blocked.add(("n3", "bulksync"))
    net.tell("n3", "mesh", row("t", "n3"))
    net.run(3)
    assert all(tasks(net, name) == ["t"] for name in net.cores)
    net.blocked.add(("n3", "gossip"))
    net.tell("n1", "mesh", row("u", "n1"))
    net.run(2)  # the rumour has come and gone
    net.blocked.discard(("n3", "gossip"))
    net.run(90)
    assert not net.facts_of(PeerFailed) and tasks(net, "n3") == ["t"]
    net.blocked.clear()
    assert seconds_until(net, lambda: tasks(net, "n3") == ["t", "u"], limit=31) > 0.1


def test_without_tcp_a_newcomer_hears_of_nobody():
    net = cluster(6)
    net.boot("late")
    net.blocked.add(("late", "bulksync"))
    net.tell("late", "gossip", JoinGossip(("n0",)))
    net.run(55)
    assert living(net, "late") == []
    net.blocked.clear()
    assert seconds_until(net, lambda: all_know_all(net)) < 12


def test_without_udp_and_tcp_a_node_fails():
    net = cluster(6)
    net.blocked |= {("n3", "gossip"), ("n3", "bulksync")}
    net.run(40)
    assert all("n3" not in living(net, name) for name in net.cores if name != "n3")
    net.run(140)  # nobody confirms to it, and it doubts itself: so it holds on to the others for longer
    assert living(net, "n3") == []
    net.blocked.clear()
    assert seconds_until(net, lambda: all_know_all(net)) < 10


def test_by_tcp_a_ping_carries_no_rumours():
    core = alone("a", "b", networks=(FRONT.id,))
    core.step(Received("a", Rumours((Member("c", 1, ALIVE),))), 2)
    (ack,) = sends(core.step(Received("a", Ping(1, (), "bulksync")), 3), Ack)
    assert ack.channel == "bulksync" and ack.message.news == ()
    (ack,) = sends(core.step(Received("a", Ping(1, (), "gossip")), 4), Ack)
    assert ack.message.news == (Member("c", 1, ALIVE),)


# ── habits of a core ──


def test_a_copy_goes_on_exactly_as_the_original():
    net = cluster(5)
    net.tell("n1", "mesh", row("t", "n1"))
    twin = pickle.loads(pickle.dumps(net))
    for each in (net, twin):
        each.crash("n2")
        each.run(40)
    assert net.facts == twin.facts and net.sent == twin.sent


@pytest.mark.parametrize("news", [Member("a", 1, ALIVE), record("t", "a", 1)])
def test_what_is_known_is_not_passed_on_twice(news):
    core = alone("a", "b", networks=(FRONT.id,))
    core.step(Received("b", BulkSync((FRONT.id,), ((record("t", "a", 1),),), (), True)), 2)
    for queue in (core.membership.queue, core.tables.here[FRONT.id].relayed):
        queue.clear()
    assert core.step(Received("b", Rumours((news,))), 3) == [] and not queued(core)
    assert carried_alone(core) == ["t"] and key("t") in core.rows(FRONT.id)


def carried_alone(core):
    return sorted(task for _, _, task in core.rows(FRONT.id))


def test_a_node_without_networks_carries_no_rows():
    net = cluster(3)
    assert carried(net, "n0") == []
