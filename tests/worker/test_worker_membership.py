"""A node becomes a manager or a worker: the certificate decides, and what it says is asked for again and again."""

import pytest
from test_worker_engine import JOIN, ask, info, join, replies
from worker_rig import MANAGERS, Rig, certified, facts, renewed, sent, told

from swarmlab.effects import SECOND
from swarmlab.messages import (
    BeManager,
    BeNode,
    BeNothing,
    Expelled,
    Fellows,
    InitAnswer,
    JoinGossip,
    ListObjects,
    ManagersChanged,
    NotRaftJoined,
    RaftJoin,
    RaftJoined,
    RebuildSwarm,
    Registered,
    Renew,
    Renewed,
    RoleChanged,
    SwarmFounded,
    SwarmInit,
    SwarmLeave,
)
from swarmlab.objects import Description
from swarmlab.worker import refusals
from swarmlab.worker.engine import Engine

OTHERS = {"manager-1", "manager-2", "manager-3"}
WITH_ME = (*MANAGERS, ("node1", "worker-1", "10.0.0.9"))


@pytest.fixture
def rig():
    return Rig(Engine, Description("worker-1"), "10.0.0.9")


def renew(rig, role, managers=MANAGERS):
    """Wait until it asks for a certificate, and give it one that says this."""
    (question,) = sent(rig.run_for(SECOND), Renew)
    return rig.heard(question.to, renewed(rig, question.message, role, managers))


def promote(rig):
    rig.told("agent", RoleChanged("manager"))
    effects = renew(rig, "manager")
    return effects + rig.heard("manager-1", RaftJoined(WITH_ME))


def error(rig):
    return replies(ask(rig, ListObjects("node")))[0].error


def test_a_promoted_node_asks_for_a_certificate_and_joins_raft(rig):
    """§14: the agent renews its certificate, then joins raft."""
    join(rig)
    assert not rig.told("agent", RoleChanged("manager"))  # new keys take a moment
    assert info(rig).manager is False and error(rig) == refusals.ONLY_A_WORKER
    effects = renew(rig, "manager")
    (order,) = told(effects, "manager")
    (wish,) = sent(effects, RaftJoin)
    assert order == BeManager("node1", wish.message.member) and len(wish.message.member) == 16
    assert wish.message.node == "node1" and wish.to in OTHERS
    assert error(rig) == refusals.NOT_YET_A_MANAGER
    rig.heard("manager-1", RaftJoined(WITH_ME))
    assert info(rig).manager and told(ask(rig, ListObjects("node")), "manager")
    assert not sent(rig.run_for(60 * SECOND), RaftJoin)


def test_a_certificate_is_asked_for_until_it_says_what_was_wished(rig):
    """The role is being decided, answers are late, or get lost."""
    join(rig)
    rig.told("agent", RoleChanged("manager"))
    (first,) = sent(rig.run_for(SECOND), Renew)
    assert not rig.heard(first.to, Renewed(first.message.number, "", ()))
    assert not rig.heard(first.to, renewed(rig, first.message, "worker"))
    questions = sent(rig.run_for(20 * SECOND), Renew)
    assert len(questions) == 10 and {question.to for question in questions} <= OTHERS
    assert not rig.heard(first.to, renewed(rig, first.message, "manager"))  # to an earlier question
    assert told(rig.heard("manager-2", renewed(rig, questions[-1].message, "manager")), "manager")
    assert not sent(rig.run_for(20 * SECOND), Renew)


def test_a_wish_that_is_taken_back_is_forgotten(rig):
    join(rig)
    rig.told("agent", RoleChanged("manager"))
    rig.told("agent", RoleChanged("worker"))
    assert rig.quiet


def test_raft_is_asked_every_three_seconds_by_way_of_any_manager(rig):
    join(rig)
    rig.told("agent", RoleChanged("manager"))
    renew(rig, "manager")
    rig.heard("manager-1", NotRaftJoined("another change is pending"))
    wishes = sent(rig.run_for(30 * SECOND), RaftJoin)
    assert len(wishes) == 10 and len({wish.to for wish in wishes}) > 1
    assert len({wish.message for wish in wishes}) == 1


def test_a_demoted_manager_forgets_its_log_and_goes_on_as_a_node(rig):
    """§14: its agent and its tasks know nothing of it."""
    join(rig)
    promote(rig)
    rig.told("agent", RoleChanged("worker"))
    effects = renew(rig, "worker")
    assert told(effects, "manager") == [BeNothing()]
    assert told(effects, "agent") == [BeNode("node1", MANAGERS)] and not told(effects, "gossip")
    assert error(rig) == refusals.ONLY_A_WORKER and info(rig).swarm == "active"
    assert told(rig.boot(), "agent") == [BeNode("node1", MANAGERS)]


def test_who_comes_back_as_a_manager_has_another_name_in_raft(rig):
    """A removed raft id can never come back."""
    join(rig)
    (first,) = [word for word in told(promote(rig), "manager") if isinstance(word, BeManager)]
    rig.told("agent", RoleChanged("worker"))
    renew(rig, "worker")
    (second,) = [word for word in told(promote(rig), "manager") if isinstance(word, BeManager)]
    assert first.member != second.member


def test_the_session_says_it_too(rig):
    """A node that was away hears of its role when its agent is let in again."""
    join(rig)
    rig.told("agent", Registered("manager"))
    assert told(renew(rig, "manager"), "manager")


def test_a_crash_on_the_way_to_a_manager_does_not_end_it(rig):
    join(rig)
    rig.told("agent", RoleChanged("manager"))
    (order,) = told(renew(rig, "manager"), "manager")
    effects = rig.boot()
    assert told(effects, "manager") == [order] and sent(effects, RaftJoin)


def test_a_worker_says_at_every_boot_that_it_is_no_manager(rig):
    """The power may have gone between its own disk and that of its manager."""
    join(rig)
    assert told(rig.boot(), "manager") == [BeNothing()]
    ask(rig, SwarmLeave())
    assert told(rig.boot(), "manager") == [BeNothing()]


def test_who_wants_in_asks_another_manager_when_the_first_is_none_any_more(rig):
    ask(rig, JOIN)
    (first,) = sent(rig.heard("manager-1", certified(rig, "manager")), RaftJoin)
    assert first.to == "10.0.0.1"
    assert {wish.to for wish in sent(rig.run_for(30 * SECOND), RaftJoin)} <= OTHERS


def test_who_knows_only_itself_hears_from_its_own_manager_who_the_others_are(rig):
    """Who knows others has newer news of them than the log of a manager that was down."""
    join(rig)
    promote(rig)
    assert not rig.told("manager", Fellows(MANAGERS))
    rig.told("agent", ManagersChanged(WITH_ME[-1:]))
    assert told(rig.told("manager", Fellows(WITH_ME)), "agent") == [BeNode("node1", WITH_ME)]
    assert rig.values["identity"].managers == WITH_ME


# ── removed from the group ───────────────────────────────────────────────────────────────────────────────────────


def test_an_expelled_manager_works_no_more_and_asks_what_it_is(rig):
    join(rig)
    promote(rig)
    effects = rig.told("manager", Expelled(MANAGERS[:1]))
    assert told(effects, "agent") == [BeNode("node1", MANAGERS[:1])] and not told(effects, "manager")
    assert error(rig) == refusals.ONLY_A_WORKER and not info(rig).manager
    assert replies(ask(rig, SwarmLeave()))[0].error is None
    assert rig.quiet


def test_an_expelled_manager_keeps_its_vote_until_it_is_written_down_as_a_worker(rig):
    """Others may not know yet that its removal is agreed on, and may need it to elect a leader."""
    join(rig)
    promote(rig)
    rig.told("manager", Expelled(MANAGERS[:1]))
    (question,) = sent(rig.run_for(SECOND), Renew)
    assert not rig.heard("manager-1", Renewed(question.message.number, "", MANAGERS))
    (question,) = sent(rig.run_for(2 * SECOND), Renew)
    assert told(rig.heard("manager-1", renewed(rig, question.message, "worker")), "manager") == [BeNothing()]


def test_an_expelled_manager_that_is_to_be_one_comes_back_after_16_seconds(rig):
    """[swarmkit node/node.go: roleChangeTimeout]"""
    join(rig)
    promote(rig)
    rig.told("manager", Expelled(MANAGERS))
    assert not told(renew(rig, "manager"), "manager")
    assert not sent(rig.run_for(14 * SECOND), Renew)
    effects = renew(rig, "manager")
    assert [type(word) for word in told(effects, "manager")] == [BeNothing, BeManager] and sent(effects, RaftJoin)


def test_a_manager_that_nobody_names_any_more_notices_it(rig):
    """It was removed while nobody could tell it; a list that is late changes nothing."""
    join(rig)
    promote(rig)
    rig.told("agent", ManagersChanged(MANAGERS))
    rig.run_for(10 * SECOND)
    rig.told("agent", ManagersChanged(WITH_ME))
    assert rig.quiet and info(rig).manager
    rig.told("agent", ManagersChanged(MANAGERS))
    rig.run_for(15 * SECOND)
    assert info(rig).manager
    rig.boot()
    effects = rig.run_for(16 * SECOND)
    assert not info(rig).manager and len(sent(effects, Renew)) == 1


# ── docker swarm init --force-new-cluster ────────────────────────────────────────────────────────────────────────


def force(rig, **changes):
    return ask(rig, SwarmInit(force_new_cluster=True, **changes), 5)


def test_a_manager_makes_a_new_swarm_of_what_it_knows(rig):
    join(rig)
    promote(rig)
    (order,) = told(force(rig, advertise_address="10.7.7.7:2377", options=(("x", 1),)), "manager")
    assert order == RebuildSwarm("10.7.7.7", (("x", 1),))
    assert replies(ask(rig, SwarmInit(), 6))[0].error == refusals.ALREADY_IN
    effects = rig.told("manager", SwarmFounded("TOKEN"))
    (reply,) = replies(effects)
    assert (reply.id, reply.value) == (5, InitAnswer("node1", "TOKEN", "10.7.7.7:2377"))
    assert told(effects, "agent") == [BeNode("node1", (("node1", "worker-1", "10.7.7.7"),))]
    assert facts(effects) == [] and not [word for word in told(effects, "gossip") if isinstance(word, JoinGossip)]


def test_it_keeps_the_address_by_which_it_was_known(rig):
    join(rig)
    promote(rig)
    assert told(force(rig), "manager") == [RebuildSwarm("10.0.0.9", ())]


def test_only_a_manager_can(rig):
    join(rig)
    assert replies(force(rig))[0].error == refusals.ONLY_A_WORKER
    rig.told("agent", RoleChanged("manager"))
    renew(rig, "manager")
    assert replies(force(rig))[0].error == refusals.NOT_YET_A_MANAGER


def test_outside_a_swarm_it_is_an_ordinary_init(rig):
    force(rig)
    assert told(rig.run_for(SECOND), "manager")[0].address == "10.0.0.9"


def test_while_a_join_hangs_there_is_nothing_to_go_on_with(rig):
    ask(rig, JOIN)
    assert replies(force(rig))[0].error == refusals.ONLY_A_WORKER
    rig.heard("manager-1", certified(rig, "manager"))
    assert replies(force(rig))[0].error == refusals.NOT_YET_A_MANAGER
