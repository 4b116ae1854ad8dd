"""Tables per network, as NetworkDB keeps them [moby daemon/libnetwork/networkdb; swarm.md §17; networking.md §2.1]."""

import pytest
from gossips import (
    all_know_all,
    alone,
    carried,
    cluster,
    key,
    queued,
    record,
    row,
    seconds_until,
    sends,
    sync,
    tasks,
    told_mesh,
)
from harness import FRONT, INGRESS

from swarmlab.effects import SECOND, WOKEN, Received, Told
from swarmlab.messages import EnterNetwork, Entry, LeaveGossip, NetworksHere, QuitNetwork
from swarmlab.overlay.networkdb import HANDED_ON, NetworkDB
from swarmlab.overlay.swim import ALIVE, FAILED, LEFT
from swarmlab.overlay.table import TOMBSTONE_LIFE
from swarmlab.overlay.wire import Attachment, BulkSync, Member, PushPull, Rumours


def on_front(*members):
    """One core on the network `front`, with these."""
    return alone(*members, networks=(FRONT.id,))


def hear(core, *news, now=2):
    return core.step(Received("a", Rumours(news)), now)


def tombstones(core):
    return core.tables.here[FRONT.id].table.ends


# ── who carries what ──


def test_a_row_reaches_all_of_the_network_in_two_seconds_and_leaves_as_fast():
    net = cluster(20)
    net.tell("n3", "mesh", row("t", "n3"))
    assert seconds_until(net, lambda: all(tasks(net, name) == ["t"] for name in net.cores)) <= 2
    net.tell("n3", "mesh", row("t", "n3", False))
    assert seconds_until(net, lambda: all(tasks(net, name) == [] for name in net.cores)) <= 2


def test_a_node_carries_only_the_tables_of_networks_it_has_entered():
    net = cluster(8)
    for name in ("n5", "n6", "n7"):
        net.tell(name, "mesh", NetworksHere((INGRESS,)))
    net.run(3)
    net.tell("n1", "mesh", row("t", "n1"))
    net.run(40)
    assert [name for name in net.cores if carried(net, name)] == ["n0", "n1", "n2", "n3", "n4"]


def test_everybody_knows_who_is_on_which_network():
    net = cluster(8)
    net.tell("n5", "mesh", NetworksHere((INGRESS,)))
    assert (
        seconds_until(
            net, lambda: all(not net.cores[name]["gossip"].tables.is_attached("n5", FRONT.id) for name in net.cores)
        )
        < 2
    )


def test_who_enters_a_network_hears_all_its_rows_at_once():
    net = cluster(8)
    net.tell("n7", "mesh", NetworksHere((INGRESS,)))
    net.tell("n1", "mesh", row("t", "n1"))
    net.run(5)
    assert tasks(net, "n7") == []
    net.tell("n7", "mesh", NetworksHere((INGRESS, FRONT)))
    assert seconds_until(net, lambda: tasks(net, "n7") == ["t"]) <= 0.1


def test_entering_asks_every_node_of_the_network():
    core = alone("a", "b", "c")
    core.step(Received("a", PushPull((), tuple(Attachment(FRONT.id, name, 1, True) for name in "ab"), True)), 2)
    effects = core.step(Told("mesh", EnterNetwork(FRONT.id)), 3)
    assert sorted(effect.to for effect in sends(effects, BulkSync)) == ["a", "b"]
    assert Attachment(FRONT.id, "me", core.tables.clock, True) in queued(core)


def test_until_it_is_in_sync_a_newcomer_passes_nothing_on():
    core = alone("a", "b")
    core.step(Received("a", PushPull((), tuple(Attachment(FRONT.id, name, 1, True) for name in "ab"), True)), 2)
    core.step(Told("mesh", EnterNetwork(FRONT.id)), 3)
    hear(core, record("t", "a", 1))
    assert record("t", "a", 1) not in queued(core)
    for name in "ab":
        core.step(Received(name, sync()), 4)
    hear(core, record("u", "a", 2))
    assert record("u", "a", 2) in queued(core)


def test_who_quits_a_network_forgets_its_rows_and_all_others_forget_its_own():
    net = cluster(6)
    net.tell("n1", "mesh", row("t", "n1"))
    net.tell("n2", "mesh", row("u", "n2"))
    net.run(3)
    net.tell("n1", "mesh", NetworksHere((INGRESS,)))
    net.run(3)
    assert carried(net, "n1") == [] and "u" not in tasks(net, "n1")
    assert all(tasks(net, name) == carried(net, name) == ["u"] for name in net.cores if name != "n1")


def test_who_enters_again_may_say_the_same_again():
    net = cluster(6)
    net.tell("n1", "mesh", row("t", "n1"))
    net.run(3)
    net.tell("n1", "mesh", NetworksHere((INGRESS,)))
    net.run(0.3)  # some have not heard of it
    net.tell("n1", "mesh", NetworksHere((INGRESS, FRONT)))
    net.tell("n1", "mesh", row("t", "n1"))
    net.run(35)
    assert all(tasks(net, name) == ["t"] for name in net.cores)


def test_rows_said_before_the_join_are_told_after_it():
    net = cluster(3)
    net.boot("late")
    net.tell("late", "mesh", row("t", "late"))
    net.run(1)
    net.cores["late"]["gossip"].step(Told("agent", LeaveGossip()), net.now)  # means nothing: it takes no part
    from swarmlab.messages import JoinGossip

    net.tell("late", "gossip", JoinGossip(("n0",)))
    assert seconds_until(net, lambda: all(tasks(net, name) == ["t"] for name in net.cores)) < 2.5


def test_a_row_of_a_node_that_is_not_on_the_network_is_not_believed():
    core = on_front("a")
    assert not told_mesh(hear(core, Member("b", 1, ALIVE), record("t", "b", 1)))
    shown = hear(core, Attachment(FRONT.id, "b", 1, True), record("t", "b", 1))
    assert told_mesh(shown) == [Entry(*key("t"), "b", record("t", "b", 1).value)]


# ── which word holds ──


def test_an_older_record_does_not_undo_a_newer_one():
    core = on_front("a")
    hear(core, record("t", "a", 2, False))
    assert not told_mesh(hear(core, record("t", "a", 1)))
    assert core.rows(FRONT.id)[key("t")].value is None


def test_a_node_refutes_what_others_remember_of_it_from_before_a_crash():
    core = on_front("a")
    hear(core, record("t", "me", 7))
    assert [(said.key, said.time, said.value) for said in queued(core)] == [(key("t"), 8, None)]


def test_a_node_corrects_what_others_remember_of_the_networks_it_was_on_before_a_crash():
    core = on_front("a")
    hear(core, Attachment("net-old", "me", 7, True))
    assert core.tables.attached["net-old"]["me"] == Attachment("net-old", "me", 8, False)
    assert Attachment("net-old", "me", 8, False) in core.membership.queue.rumours()


def test_with_one_that_failed_and_is_back_everything_is_exchanged_at_once():
    core = on_front("a", "b")
    hear(core, Member("a", 1, FAILED))
    assert "a" not in core.others
    effects = core.step(Received("a", PushPull((Member("a", 2, ALIVE),), (), True, 1)), 3)
    assert [effect.to for effect in sends(effects, BulkSync)] == ["a"]


def test_one_that_failed_is_told_nothing_and_is_one_again_when_it_is_back():
    core = on_front("a", "b")
    hear(core, Member("a", 1, FAILED))
    assert core.tables.here[FRONT.id].peers == ["b"]
    hear(core, Member("a", 2, ALIVE))
    assert sorted(core.tables.here[FRONT.id].peers) == ["a", "b"]


@pytest.mark.parametrize("away", [1, 30])
def test_what_ran_before_a_crash_does_not_come_back_with_the_node(away):
    net = cluster(6)
    net.tell("n3", "mesh", row("t", "n3"))
    net.run(2)
    net.crash("n3")
    net.run(away)
    net.boot("n3")
    net.run(8)
    assert all_know_all(net) and not [name for name in net.cores if tasks(net, name)]


# ── failed and left ──


def test_what_runs_behind_a_failed_member_is_hidden_until_it_is_back():
    net = cluster(6)
    net.tell("n3", "mesh", row("t", "n3"))
    net.run(2)
    net.freeze("n3", net.now + 40 * SECOND)
    net.run(35)
    assert not [name for name in net.cores if name != "n3" and tasks(net, name)]
    assert all(carried(net, name) == ["t"] for name in net.cores)
    net.run(15)
    assert all(tasks(net, name) == ["t"] for name in net.cores)


def test_the_rows_of_one_that_failed_are_dropped_after_half_an_hour():
    core = on_front("a", "b")
    hear(core, record("t", "b", 1))
    hear(core, Member("b", 1, FAILED), now=10)
    assert tombstones(core) == {key("t"): 10 + TOMBSTONE_LIFE}
    core.step(WOKEN, core.tables.sweep_at)
    assert not core.rows(FRONT.id)


def test_the_rows_of_one_that_left_are_deleted_at_once():
    core = on_front("a", "b")
    hear(core, record("t", "b", 1))
    assert told_mesh(hear(core, Member("b", 1, LEFT))) == [Entry(*key("t"), "b", None)]
    assert not core.rows(FRONT.id) and not core.tables.is_attached("b", FRONT.id)


def test_a_node_comes_back_without_what_was_deleted_in_the_same_breath():
    core = on_front("a", "b")
    hear(core, record("t", "b", 1), Member("b", 1, FAILED))
    back = hear(core, Member("b", 2, ALIVE), record("t", "b", 2, False))
    assert "b" in core.others and not [entry for entry in told_mesh(back) if entry.value]


# ── tombstones ──


def test_a_tombstone_is_forgotten_everywhere_after_half_an_hour():
    net = cluster(3)
    net.tell("n1", "mesh", row("t", "n1"))
    net.tell("n1", "mesh", row("t", "n1", False))
    net.run(29 * 60)
    assert carried(net, "n0") == ["t"]
    net.run(70)
    assert not [name for name in net.cores if carried(net, name)]


def test_a_deletion_heard_in_a_bulk_sync_has_only_the_time_left_that_the_other_gives_it():
    core, grave = on_front("a"), record("t", "a", 5, False)
    core.step(Received("a", sync(grave, left=((grave.key, 400 * SECOND),))), 2)
    assert tombstones(core) == {grave.key: 2 + 400 * SECOND}


@pytest.mark.parametrize("left, spread", [(HANDED_ON, False), (HANDED_ON + 1, True)])
def test_the_deletion_of_an_unknown_row_is_passed_on_if_more_than_a_sixth_of_its_time_is_left(left, spread):
    core, grave = on_front("a"), record("t", "a", 5, False)
    assert not told_mesh(core.step(Received("a", sync(grave, left=((grave.key, left),))), 2))
    assert (grave in queued(core)) is spread


def test_a_rumour_of_the_deletion_of_an_unknown_row_is_not_passed_on():
    core, grave = on_front("a"), record("t", "a", 5, False)
    hear(core, grave)
    assert core.rows(FRONT.id) == {grave.key: grave} and grave not in queued(core)


def test_a_tombstone_that_is_dropped_too_early_is_caught(monkeypatch):
    """An old record, still on its way, would bring the row back: the test that holds it must notice."""
    keep = NetworkDB._keep

    def forgetful(self, here, record, end):
        keep(self, here, record, end)
        if record.value is None:
            here.table.drop(record.key)

    monkeypatch.setattr(NetworkDB, "_keep", forgetful)
    with pytest.raises((AssertionError, KeyError)):
        test_an_older_record_does_not_undo_a_newer_one()


# ── gossip and bulk syncs ──


def test_rows_are_told_to_three_of_the_network_all_the_same_and_own_ones_first():
    core = on_front(*"abcdef")
    core.step(Received("b", PushPull((Member("z", 1, ALIVE),), (), True)), 2)
    hear(core, *(record(f"r{number}", "a", number + 1) for number in range(20)))
    core.step(Told("mesh", row("own", "me")), 3)
    core.membership.queue.clear()
    packets = sends(core.step(WOKEN, core.tables.gossip_at), Rumours)
    packets = [packet for packet in packets if packet.message.news and packet.message.news[0].owner == "me"]
    assert len({packet.to for packet in packets}) == 3 and "z" not in {packet.to for packet in packets}
    assert len({packet.message for packet in packets}) == 1 and len(packets[0].message.news) == 7  # 1400 bytes


def test_a_row_is_told_for_as_many_ticks_as_the_limit_says():
    core = on_front(*"abcdef")  # seven nodes: four ticks
    core.membership.queue.clear()
    core.step(Told("mesh", row("t", "me")), 3)
    ticks = 0
    while core.tables.gossip_at <= 10 * SECOND:
        packets = sends(core.step(WOKEN, core.deadline), Rumours)
        ticks += any(record.owner == "me" for packet in packets for record in packet.message.news)
    assert ticks == 4


def test_a_bulk_sync_without_an_answer_is_tried_with_a_second_node_after_ten_seconds():
    core = on_front("a", "b", "c")
    core.membership.probing.stop()
    while not core.tables.pending:
        now = core.deadline
        effects = core.step(WOKEN, now)
    (first,) = sends(effects, BulkSync)
    assert core.tables.retry_at == now + 10 * SECOND
    while core.tables.pending:
        effects = core.step(WOKEN, core.deadline)
    (second,) = sends(effects, BulkSync)
    assert second.to != first.to


def test_one_bulk_sync_covers_all_networks_that_both_are_on():
    core = alone("a", networks=("one", "two"))
    core.membership.probing.stop()
    while not core.tables.pending:
        effects = core.step(WOKEN, core.deadline)
    (question,) = sends(effects, BulkSync)
    assert question.message.networks == ("one", "two")


def test_a_network_that_was_quit_is_forgotten_25_seconds_after_its_tombstones():
    core = on_front("a")
    core.step(Told("mesh", QuitNetwork(FRONT.id)), 5)
    assert core.tables.attached[FRONT.id]["me"].here is False
    core.step(WOKEN, core.tables.sweep_at)
    assert "me" not in core.tables.attached[FRONT.id] and core.out.now >= TOMBSTONE_LIFE + 25 * SECOND
