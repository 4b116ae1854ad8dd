"""The smallest thing worth agreeing on, rule by rule [dissertation §6.3, §6.2; reference §4]."""

import pytest

from swarmlab.effects import (
    Committed,
    Disk,
    Entry,
    Following,
    Leading,
    Propose,
    Read,
    ReadReady,
    Received,
    Refused,
    Restored,
    Send,
    Summarise,
    Summary,
    Tell,
    Told,
)
from swarmlab.group import RaftGroup
from swarmlab.raft import PAPER
from swarmlab.raft.keyvalue import SESSIONS, Answer, Command, KeyValue


def store(leads=True, read="log"):
    made = KeyValue("A", Disk(), None, read)
    made.step(Told("raft", Leading(1) if leads else Following(1, "B")), 0)
    return made


def put(client, serial, key, value):
    return Command(client, serial, "put", key, value)


def asked(made, command, sender="client"):
    """A client's machine asks. Returns what raft is told, and the key under which."""
    (effect,) = made.step(Received(sender, command), 0)
    return effect.message, effect.message.key


def commit(made, *commands):
    """These commands are agreed on next. Returns the answers."""
    first = made.applied + 1
    rows = tuple(Entry(first + n, 1, "data", command) for n, command in enumerate(commands))
    return answers(made.step(Told("raft", Committed(rows)), 0))


def answers(effects):
    return [effect.message for effect in effects if type(effect) in (Send, Tell)]


# ── commands ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_command_goes_into_the_log_and_is_answered_when_it_is_agreed_on():
    """§5.3: the client hears only when its command has been applied."""
    made, command = store(), put("c1", 1, "x", 5)
    wish, key = asked(made, command)
    assert wish == Propose(key, command) and made.items == {}
    assert commit(made, command) == [Answer("c1", 1, None, "", "A")] and made.items == {"x": 5}


def test_everybody_does_the_same_and_only_who_was_asked_answers():
    one, other, command = store(), store(leads=False), put("c1", 1, "x", 5)
    asked(one, command)
    assert commit(other, command) == [] and len(commit(one, command)) == 1
    assert (one.items, one.sessions) == (other.items, other.sessions)


def test_compare_and_set_says_whether_it_did():
    made = store()
    first, second = Command("c1", 1, "cas", "x", 5), Command("c1", 2, "cas", "x", 6, 4)
    for command, did in ((first, True), (second, False)):
        asked(made, command)
        assert [answer.output for answer in commit(made, command)] == [did]
    assert made.items == {"x": 5}


def test_entries_that_are_no_commands_change_nothing():
    made = store()
    assert made.step(Told("raft", Committed((Entry(1, 1, "empty", None),))), 0) == []
    assert (made.applied, made.items, made.sessions) == (1, {}, {})


# ── exactly once ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_command_that_came_twice_is_carried_out_once_and_answered_twice():
    """§6.3: the second time it gets the reply of the first."""
    made = store()
    first, again = Command("c1", 1, "cas", "x", 5), Command("c2", 1, "put", "x", 9)
    asked(made, first)
    assert commit(made, first, again) == [Answer("c1", 1, True, "", "A")]
    asked(made, first)
    assert commit(made, first) == [Answer("c1", 1, True, "", "A")]  # not False, though 9 stands there now
    assert made.items == {"x": 9}


def test_a_command_that_is_overtaken_is_not_carried_out_any_more():
    """§6.3: its reply was discarded; nobody can be waiting for it."""
    made = store()
    commit(made, put("c1", 1, "x", 1), put("c1", 2, "x", 2))
    asked(made, put("c1", 1, "x", 1))
    assert commit(made, put("c1", 1, "x", 1)) == [Answer("c1", 1, None, "unknown", "A")] and made.items == {"x": 2}


def test_sessions_are_apart():
    made = store()
    commit(made, put("c1", 1, "x", 1), put("c2", 1, "x", 2), put("c1", 2, "y", 3))
    assert made.items == {"x": 2, "y": 3} and made.sessions == {"c2": (1, None), "c1": (2, None)}


def test_who_has_no_session_any_more_is_told_so():
    """§6.3: not a silent new session, in which the command might be carried out a second time."""
    made = store()
    asked(made, put("c1", 5, "x", 1))
    assert commit(made, put("c1", 5, "x", 1)) == [Answer("c1", 5, None, "no session", "A")]
    assert made.items == {} and made.sessions == {}


def test_the_session_used_longest_ago_is_forgotten_first():
    """§6.3: by an order that all members share, here that of the log."""
    made = store()
    commit(made, *(put(f"c{n}", 1, "x", n) for n in range(SESSIONS)))
    commit(made, put("c0", 2, "x", 0), put("new", 1, "x", 1))
    assert len(made.sessions) == SESSIONS and "c1" not in made.sessions and "c0" in made.sessions
    asked(made, put("c1", 2, "x", 7))
    assert [answer.error for answer in commit(made, put("c1", 2, "x", 7))] == ["no session"]


def test_a_repeated_command_counts_as_use_of_its_session():
    made = store()
    commit(made, *(put(f"c{n}", 1, "x", n) for n in range(SESSIONS)))
    commit(made, put("c0", 1, "x", 0), put("new", 1, "x", 1))
    assert "c0" in made.sessions and "c1" not in made.sessions


def test_who_counts_nothing_leaves_no_session():
    made = store()
    commit(made, put("", 0, "x", 1), put("7", 0, "y", 2))
    assert made.sessions == {} and made.items == {"x": 1, "y": 2}


# ── who is asked, and what cannot be known ───────────────────────────────────────────────────────────────────────


def test_who_does_not_lead_names_who_does():
    """§6.2: redirected by the hint."""
    made = store(leads=False)
    _, key = asked(made, put("c1", 1, "x", 5))
    assert answers(made.step(Told("raft", Refused(key, "not leader")), 0)) == [Answer("c1", 1, None, "not leader", "B")]


def test_the_hint_goes_with_the_leader():
    """Reference §4: else clients would run in circles."""
    made = store(leads=False)
    made.step(Told("raft", Following(2, None)), 0)
    _, key = asked(made, put("c1", 1, "x", 5))
    assert answers(made.step(Told("raft", Refused(key, "not leader")), 0))[0].leader is None


@pytest.mark.parametrize("kind, error", [("put", "unknown"), ("cas", "unknown"), ("get", "not leader")])
def test_what_was_in_the_log_when_leadership_was_lost_may_still_happen(kind, error):
    """Trap 15: never `failed`. A read does no harm when it is asked again."""
    made = store()
    _, key = asked(made, Command("c1", 1, kind, "x", 5))
    effects = made.step(Told("raft", Refused(key, "lost leadership")), 0)
    assert [answer.error for answer in answers(effects)] == [error]


def test_an_answer_is_given_once():
    made, command = store(), put("c1", 1, "x", 5)
    _, key = asked(made, command)
    made.step(Told("raft", Refused(key, "lost leadership")), 0)
    assert commit(made, command) == [] and made.items == {"x": 5}
    assert made.step(Told("raft", Refused(key, "lost leadership")), 0) == []
    assert made.waiting == {} and made.asked == {}


def test_who_asked_twice_is_answered_for_each_time():
    made, command = store(), put("c1", 1, "x", 5)
    keys = [asked(made, command)[1] for _ in range(2)]
    assert len(set(keys)) == 2
    assert len(commit(made, command)) == 2 and made.waiting == {} and commit(made, command) == []


def test_where_nobody_waits_nobody_is_answered():
    made = store()
    asked(made, Command("", 0, "put", "x", 5))
    assert commit(made, Command("", 0, "put", "x", 5)) == [] and made.waiting == {}


# ── reads ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_read_through_the_log_sees_what_stands_before_it():
    made, get = store(), Command("c2", 1, "get", "x")
    asked(made, get)
    assert [a.output for a in commit(made, put("c1", 1, "x", 1), get, put("c1", 2, "x", 2))] == [1]


def test_a_read_beside_the_log_waits_for_raft_and_leaves_no_trace_there():
    """§6.4."""
    made = store(read="index")
    wish, key = asked(made, Command("c2", 1, "get", "x"))
    assert wish == Read(key)
    commit(made, put("c1", 1, "x", 1))
    assert answers(made.step(Told("raft", ReadReady(key, 1)), 0)) == [Answer("c2", 1, 1, "", "A")]
    assert made.step(Told("raft", ReadReady(key, 1)), 0) == []
    assert asked(made, put("c1", 2, "x", 2))[0].__class__ is Propose


# ── snapshots ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_summary_holds_items_and_sessions_in_their_order():
    """Reference §5, trap 16: without the sessions a command could be carried out twice after it."""
    made = store()
    commit(made, put("c1", 1, "x", 1), put("c2", 1, "y", 2), put("c1", 2, "z", 3))
    (effect,) = made.step(Told("raft", Summarise(3)), 0)
    assert effect.core == "raft" and type(effect.message) is Summary and effect.message.index == 3
    other = store(leads=False)
    commit(other, put("c9", 1, "gone", 1))
    other.step(Told("raft", Restored(3, effect.message.state)), 0)
    assert (other.applied, other.items, other.sessions) == (3, made.items, made.sessions)
    assert list(other.sessions) == ["c2", "c1"]  # who is forgotten first is the same on both
    asked(other, put("c1", 2, "z", 9))
    assert commit(other, put("c1", 2, "z", 9)) == [Answer("c1", 2, None, "", "B")] and other.items["z"] == 3


def test_a_summary_does_not_change_with_the_store():
    made = store()
    commit(made, put("c1", 1, "x", 1))
    (effect,) = made.step(Told("raft", Summarise(1)), 0)
    before = repr(effect)
    commit(made, put("c1", 2, "x", 2))
    assert repr(effect) == before


def test_who_comes_in_by_a_snapshot_knows_values_and_sessions():
    settings = PAPER._replace(heartbeat=50, snapshot_every=10, keep=0)
    group = RaftGroup(3, settings, seed=3, spare=1, clients=2, pause=0.02, messages=False)
    group.run_for(2)
    group.change(add=["node-4"])
    group.run_for(1)
    stores = {name: group.machines[name].seats["manager"].core for name in (group.leader, "node-4")}
    mine, theirs = stores.values()
    assert group.nodes["node-4"].log.base > 0 and mine.applied == theirs.applied > 20
    assert (mine.items, list(mine.sessions.items())) == (theirs.items, list(theirs.sessions.items()))
