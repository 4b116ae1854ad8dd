"""Promotion and demotion, as the leader sees them: what is refused at once, what is asked of raft, what is written."""

import pytest
from manager_bench import Dice, csr_of, ready, web

from swarmlab.effects import (
    AddMember,
    Disk,
    Enter,
    Following,
    Forget,
    Leading,
    Members,
    Note,
    Rebuild,
    Refused,
    RemoveMember,
    Restored,
    Summarise,
    Summary,
    Tell,
    Told,
    Transfer,
)
from swarmlab.events import Applied, ClusterStored, ObjectRemoved, ServiceStored, TaskStored
from swarmlab.manager.api import CLOSING, LOST_LEADERSHIP
from swarmlab.manager.manager import Manager
from swarmlab.manager.nodes import can_remove
from swarmlab.manager.roles import PENDING
from swarmlab.messages import (
    Assignments,
    BeManager,
    BeNothing,
    Call,
    CreateObject,
    Expelled,
    Fellows,
    Forward,
    Heartbeat,
    HeartbeatAnswer,
    ListObjects,
    ManagersChanged,
    NotRaftJoined,
    OpenSession,
    RaftJoin,
    RaftJoined,
    RebuildSwarm,
    Relay,
    RemoveObject,
    Renew,
    Renewed,
    Reply,
    SessionInvalid,
    SwarmFounded,
)
from swarmlab.objects import Description, Drop

REFUSED = "rpc error: code = FailedPrecondition desc = "
NO_QUORUM = REFUSED + "can't remove member from the raft: this would result in a loss of quorum"
NOT_IN_LIST = "rpc error: code = NotFound desc = can't find manager in raft memberlist"


@pytest.fixture
def bench():
    return ready()


@pytest.fixture
def three(bench):
    """Managers m1 (which leads), w2 and w3."""
    for machine in ("w2", "w3"):
        bench.wish(bench.nodes[machine], role="manager")
        bench.let_in(machine, bench.nodes[machine])
    bench.run(1)
    bench.orders.clear()
    return bench


def node(bench, machine):
    return bench.store.get("node", bench.nodes[machine])


def left(bench):
    """The managers without m1, as (node id, machine, address)."""
    return tuple((bench.nodes[machine], machine, node(bench, machine).address) for machine in ("w2", "w3"))


def follower(bench, machine="w2", noted=0):
    """Another manager of this swarm, with an empty store."""
    manager = Manager(machine, Disk({}, []), Dice())
    manager.be(bench.nodes[machine], f"member-{machine[1:]}", noted)
    return manager


def roles_told(bench, machine):
    """What the node was told that it is to be."""
    sent = [effect.message for effect in bench.sent if effect.to == machine and isinstance(effect.message, Assignments)]
    return [message.role for message in sent if message.role]


# ── promotion ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_promotion_is_written_at_once_and_the_node_hears_of_it(bench):
    """§14: desired role manager, then role manager at once in the store."""
    assert bench.wish(bench.nodes["w2"], role="manager") == Reply(bench.asked, None)
    assert (node(bench, "w2").role, node(bench, "w2").member) == ("manager", "")
    bench.run(0.2)
    assert roles_told(bench, "w2") == ["manager"] and roles_told(bench, "w3") == []


def test_only_who_is_to_be_a_manager_is_let_into_raft(bench):
    wish = RaftJoin(bench.nodes["w2"], "member-2")
    refusal = [NotRaftJoined(f"node {wish.node} is not a manager")]
    assert bench.hear("w2", wish) == refusal
    bench.wish(wish.node, role="manager")
    joined, *told = bench.hear("w2", wish)
    assert told == 2 * [ManagersChanged(joined.managers)]  # w2 and w3 hear of the new one at once
    assert isinstance(joined, RaftJoined) and [row[1] for row in joined.managers] == ["m1", "w2"]
    bench.wish(wish.node, role="worker")
    assert bench.hear("w2", RaftJoin(wish.node, "member-2b")) == refusal


def test_a_promoted_node_that_is_not_in_yet_cannot_be_demoted(bench):
    """The member list knows nobody of that name [controlapi/node.go]; it can be removed, by force while it lives."""
    bench.wish(bench.nodes["w2"], role="manager")
    assert bench.wish(bench.nodes["w2"], role="worker").error == NOT_IN_LIST
    assert "is not down" in bench.call(RemoveObject("node", bench.nodes["w2"])).error
    assert bench.call(RemoveObject("node", bench.nodes["w2"], force=True)).error is None


def test_who_is_not_wanted_any_more_is_not_let_in_later(bench):
    """Raft makes one change at a time; the wish may have changed when it is this one's turn."""
    bench.wish(bench.nodes["w2"], role="manager")
    honest = bench.raft
    bench.raft = lambda word: [Refused(word.key, PENDING)] if isinstance(word, AddMember) else honest(word)
    assert bench.let_in("w2", bench.nodes["w2"]) == []
    bench.call(RemoveObject("node", bench.nodes["w2"], force=True))
    before = len(bench.sent)
    bench.run(0.2)
    assert [e.message for e in bench.sent[before:] if e.to == "w2"] == [
        NotRaftJoined(f"node {bench.nodes['w2']} is not a manager")
    ]


# ── demotion ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_demoted_manager_leaves_the_group_first_and_is_a_worker_at_the_next_look(three):
    """§14: member removed from raft first, then role worker; looked at every 5 s [role_manager.go]."""
    three.run(6)
    assert three.wish(three.nodes["w2"], role="worker").error is None
    [order] = three.orders
    assert isinstance(order, RemoveMember) and order.member == "member-2"
    assert node(three, "w2").role == "manager"
    assert three.call(ListObjects("node")).value[1].manager_status is None
    three.run(4.9)
    assert node(three, "w2").role == "manager" and roles_told(three, "w2") == ["manager"]
    three.run(0.3)
    assert (node(three, "w2").role, node(three, "w2").member) == ("worker", "")
    assert roles_told(three, "w2") == ["manager", "worker"]


def test_a_demoted_manager_that_asks_for_its_certificate_is_a_worker_at_once(three):
    """SwarmKit writes the request into the node, which makes its role manager look."""
    three.wish(three.nodes["w2"], role="worker")
    assert three.hear("w2", Renew(three.nodes["w2"], 1, csr_of("w2"))) == [
        Renewed(1, "", three.manager.lead.managers())
    ]
    assert node(three, "w2").role == "worker"
    assert three.hear("w2", Renew(three.nodes["w2"], 2, csr_of("w2")))[0].role == "worker"
    assert three.hear("w3", Renew(three.nodes["w3"], 1, csr_of("w3")))[0].role == "manager"
    assert three.hear("w9", Renew("nobody", 1))[0].role == ""


def test_the_last_manager_is_not_demoted(bench):
    assert bench.wish(bench.nodes["m1"], role="worker").error == (
        REFUSED + "attempting to demote the last manager of the swarm"
    )


def test_with_one_of_three_down_the_dead_one_may_go_and_no_other(three):
    """§20.6."""
    three.lose("w3")
    assert three.wish(three.nodes["w2"], role="worker").error == NO_QUORUM
    assert three.wish(three.nodes["m1"], role="worker").error == NO_QUORUM
    assert three.wish(three.nodes["w3"], role="worker").error is None
    assert [order.member for order in three.orders] == ["member-3"]
    three.run(20)
    assert (node(three, "w3").role, node(three, "w3").state) == ("worker", "down")
    assert three.call(RemoveObject("node", three.nodes["w3"])).error is None


@pytest.mark.parametrize(
    ("managers", "lost", "healthy_may_go", "lost_may_go"),
    [(2, 0, True, None), (2, 1, False, True), (3, 0, True, None), (4, 1, True, True), (5, 1, True, True),
     (5, 2, False, True)],
)  # fmt: skip
def test_who_may_go_is_a_matter_of_who_would_be_left(managers, lost, healthy_may_go, lost_may_go):
    """§14: reachable members after the removal against the quorum of the smaller set."""
    rows = tuple((str(n), f"m{n}", n >= lost) for n in range(managers))
    assert can_remove(rows, str(managers - 1)) is healthy_may_go
    if lost:
        assert can_remove(rows, "0") is lost_may_go


def test_a_member_cannot_be_removed_as_a_node_even_by_force(three):
    for force in (False, True):
        error = three.call(RemoveObject("node", three.nodes["w2"], force=force)).error
        assert error.endswith("is a cluster manager and is a member of the raft cluster. It must be demoted to worker before removal")  # fmt: skip


def test_what_cannot_be_done_now_is_tried_again_every_five_seconds(three):
    """Leadership changes and a member is lost between the wish and the removal."""
    deaf(three, RemoveMember)
    three.wish(three.nodes["w2"], role="worker")
    three.lose("w3")
    lead_anew(three)
    three.run(12)
    assert three.orders == [] and node(three, "w2").role == "manager"
    three.lose()
    three.run(5)
    assert [order.member for order in three.orders] == ["member-2"]
    three.run(5)
    assert node(three, "w2").role == "worker"


def deaf(bench, kind):
    """From now on raft does nothing about these orders."""
    honest = bench.raft
    bench.raft = lambda word: [] if isinstance(word, kind) else honest(word)


def lead_anew(bench):
    """Another election, and raft does again what it is asked for."""
    del bench.raft
    bench.orders.clear()
    bench.term += 1
    for word in (Following(bench.term, None), Members(bench.rows), Leading(bench.term)):
        bench.feed(Told("raft", word))


def test_two_demotions_follow_each_other_as_raft_allows(three):
    """Raft takes one change of members at a time: the second is asked for again after 100 ms."""
    honest, refused = three.raft, []

    def busy(word):
        if isinstance(word, RemoveMember) and not refused:
            refused.append(word)
            return [Refused(word.key, PENDING)]
        return honest(word)

    three.raft = busy
    three.wish(three.nodes["w2"], role="worker")
    assert refused and three.orders == []
    three.run(0.2)
    assert [order.member for order in three.orders] == ["member-2"]


def test_a_leader_that_demotes_itself_hands_over_and_proposes_nothing_meanwhile(three):
    """§14: the answer is given when the wish is written; then leadership goes to who was a member for longest."""
    assert three.wish(three.nodes["m1"], role="worker").error is None
    [order] = three.orders
    assert isinstance(order, Transfer) and order.member == "member-2"
    index = three.index
    assert three.call(CreateObject(web(1))) is None
    three.run(9)
    assert (three.index, three.orders) == (index, [order])
    three.feed(Told("raft", Following(2, "w2")))
    assert three.told[-1] == ("engine", Reply(three.asked, None, LOST_LEADERSHIP))


def test_leadership_goes_rather_to_who_stays(three):
    deaf(three, RemoveMember)
    three.wish(three.nodes["w2"], role="worker")
    three.wish(three.nodes["m1"], role="worker")
    assert [order.member for order in three.orders if isinstance(order, Transfer)] == ["member-3"]


def test_a_leader_that_nobody_takes_over_from_is_removed_while_it_leads(three):
    """[role_manager.go: failed to transfer leadership]"""
    three.wish(three.nodes["m1"], role="worker")
    [transfer] = three.orders
    three.feed(Told("raft", Refused(transfer.key, "transfer aborted")))
    assert [type(order) for order in three.orders] == [Transfer, RemoveMember]
    assert three.orders[1].member == "member-1"
    assert three.told[-1] == ("engine", Expelled(left(three)))


def test_the_next_leader_goes_on_with_what_was_wished(three):
    """All that is needed stands in the store."""
    three.wish(three.nodes["m1"], role="worker")
    other = follower(three)
    other.step(Told("raft", Restored(three.index, three.store.picture())), three.now)
    other.step(Told("raft", Members(three.rows)), three.now)
    effects = other.step(Told("raft", Leading(7)), three.now)
    assert [order.member for order in words(effects) if isinstance(order, RemoveMember)] == ["member-1"]


def words(effects):
    return [effect.message for effect in effects if isinstance(effect, Tell)]


def test_a_member_that_is_no_node_is_put_out_of_the_group(three):
    """A demotion and a forced removal in quick succession [role_manager.go: evictRemovedNode]."""
    three.lose("w3")
    three.wish(three.nodes["w3"], role="worker")
    three.orders.clear()
    three.rows += (("member-9", "w9", True),)
    three.feed(Told("raft", Members(three.rows)))
    assert [order.member for order in three.orders] == ["member-9"]


def test_a_removed_manager_gets_no_answers_but_its_agent_does(three):
    """SwarmKit cuts the line; recorded in transcript 07."""
    three.wish(three.nodes["w2"], role="worker")
    [relay] = three.hear("w2", Forward("w2", "client-call", Call(3, ListObjects("node"))))
    assert relay == Relay("w2", "client-call", Reply(3, None, CLOSING))
    beat = Forward("w2", "agent", Heartbeat(three.nodes["w2"], three.sessions["w2"]))
    assert isinstance(three.hear("w2", beat)[0].message, HeartbeatAnswer)


def test_through_a_removed_manager_no_new_session_is_opened(three):
    """Recorded in transcript 07: managers that were left behind stay unknown."""
    three.wish(three.nodes["w2"], role="worker")
    [relay] = three.hear("w2", Forward("w2", "agent", OpenSession(three.nodes["w2"], Description("w2"), "10.0.0.2")))
    assert relay == Relay("w2", "agent", SessionInvalid("no leader"))


# ── this manager is removed ──────────────────────────────────────────────────────────────────────────────────────


def test_a_manager_notices_once_that_it_does_not_belong_to_the_group_any_more(three):
    three.feed(Told("raft", Following(2, "w2")))
    told = len(three.told)
    three.feed(Told("raft", Members(three.rows[1:])))
    three.feed(Told("raft", Members(three.rows[1:])))
    assert [word for _, word in three.told[told:]] == [Expelled(left(three))]


def test_a_newcomer_that_replays_how_others_came_in_does_not_think_it_was_removed(bench):
    manager = follower(bench)
    for rows in ((("member-1", "m1", True),), (("member-1", "m1", True), ("member-2", "w2", True))):
        assert manager.step(Told("raft", Members(rows)), 0) == []


def test_a_manager_names_the_others_once_to_its_engine_which_may_have_missed_them(three):
    """A crash came before the leader could name them: the log on its own disk does [storms of managers, seed 2123]."""
    other = follower(three)
    other.step(Told("raft", Restored(three.index, three.store.picture())), three.now)
    effects = other.step(Told("raft", Members(three.rows)), three.now)
    [fellows] = [word for word in words(effects) if isinstance(word, Fellows)]
    assert [machine for _, machine, _ in fellows.managers] == ["m1", "w2", "w3"]
    assert other.step(Told("raft", Members(three.rows)), three.now) == []
    other.step(Told("raft", Members(three.rows[1:2])), three.now)
    assert words(other.step(Told("raft", Members(three.rows)), three.now)) == [fellows]


def orders(manager, word):
    """What the engine's word makes it tell raft."""
    return words(manager.step(Told("engine", word), 0))


def test_a_manager_that_lost_power_on_the_way_is_told_again_what_it_is(bench):
    """Raft may have entered the group already, or may still belong to the one before."""
    manager = follower(bench)
    assert orders(manager, BeManager(manager.node, "member-2")) == [Enter("member-2")]
    manager.step(Told("raft", Following(1, None)), 0)
    assert orders(manager, BeManager(manager.node, "member-2")) == []
    assert orders(manager, BeManager(manager.node, "member-2b")) == [Forget(), Enter("member-2b")]
    manager.step(Told("raft", Following(1, None)), 0)
    assert orders(manager, BeNothing()) == [Forget()]
    assert orders(manager, BeNothing()) == []


# ── one manager is left: --force-new-cluster ─────────────────────────────────────────────────────────────────────


def test_a_swarm_is_rebuilt_from_one_manager(three):
    """§14: all data is kept, nobody else is a member, and no node is known to live."""
    service = three.call(CreateObject(web(2))).value
    three.run(1)
    three.feed(Told("raft", Following(2, None)))
    told = len(three.told)
    three.feed(Told("engine", RebuildSwarm("10.9.9.9", (("task_history_limit", 2), ("nonsense", 1)))))
    assert three.orders[-1] == Rebuild()
    assert three.told[told:] == [("engine", SwarmFounded(three.store.cluster.worker_token))]
    assert three.store.cluster.task_history_limit == 2
    assert {n.state for n in three.store.all("node")} == {"unknown"} and node(three, "m1").address == "10.9.9.9"
    assert len(three.store.tasks_of(service)) == 2
    shown = {n.machine: n for n in three.call(ListObjects("node")).value}
    assert shown["m1"].manager_status.leader and shown["w2"].manager_status is None
    assert three.wish(three.nodes["w2"], role="worker").error == NOT_IN_LIST
    assert three.call(RemoveObject("node", three.nodes["w2"])).error is None  # it is not ready, and no member


def test_a_leader_can_be_rebuilt_too(three):
    three.feed(Told("engine", RebuildSwarm("10.9.0.1", ())))
    assert three.told[-1] == ("engine", SwarmFounded(three.store.cluster.worker_token))
    three.run(1)
    assert [row[1] for row in three.manager.lead.managers()] == ["m1"]


# ── a picture in place of a long log ─────────────────────────────────────────────────────────────────────────────


def test_a_picture_is_given_at_once_and_does_not_change_with_the_store(three):
    [summary] = words(three.manager.step(Told("raft", Summarise(three.index)), three.now))
    assert isinstance(summary, Summary) and summary.index == three.index == summary.state.at
    before = {kind: dict(table) for kind, table in summary.state.tables.items()}
    three.call(CreateObject(web(3)))
    three.run(1)
    assert summary.state.tables == before


def test_who_is_restored_holds_what_the_other_held(three):
    """Also which tasks belong to a service and to a node, in the same order. The leader has put it into the trace."""
    three.call(CreateObject(web(3)))
    three.run(1)
    picture = three.store.picture()
    manager = follower(three)
    manager.step(Told("raft", Following(1, "m1")), 0)
    effects = manager.step(Told("raft", Restored(picture.at, picture)), 0)
    assert [effect.fact for effect in effects if isinstance(effect, Note)] == [Applied(picture.at)]
    assert manager.store.picture() == picture and manager.lead is None
    manager.store.apply(picture.at + 1, 0, [Drop("service", service.id) for service in three.store.all("service")])
    assert picture == three.store.picture() != manager.store.picture()


def test_what_nobody_has_told_yet_is_told_by_who_is_restored(three):
    """Nobody is known to lead: what is newer than the trace knows comes into it."""
    known = three.index
    three.call(CreateObject(web(1)))
    three.run(1)
    effects = follower(three, noted=known).step(Told("raft", Restored(three.index, three.store.picture())), 0)
    kinds = {type(effect.fact) for effect in effects if isinstance(effect, Note)}
    assert {ServiceStored, TaskStored, Applied} <= kinds and ClusterStored not in kinds


def test_what_a_picture_lacks_is_gone(three):
    service = three.call(CreateObject(web(1))).value
    manager = follower(three)
    manager.step(Told("raft", Restored(three.index, three.store.picture())), 0)
    three.call(RemoveObject("service", service))
    effects = manager.step(Told("raft", Restored(three.index, three.store.picture())), 0)
    assert ObjectRemoved(three.index, "service", service) in [e.fact for e in effects if isinstance(e, Note)]


def test_a_restored_manager_that_is_elected_looks_at_everything(three):
    three.call(CreateObject(web(2)))
    manager = follower(three)
    for word in (Restored(three.index, three.store.picture()), Members(three.rows), Leading(7)):
        manager.step(Told("raft", word), three.now)
    assert all(turn.changed is None for turn in manager.lead.turns.turns.values())
