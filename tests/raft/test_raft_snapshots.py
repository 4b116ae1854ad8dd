"""State in place of the log, rule by rule [Raft §7; etcd's raft_snap_test.go and testdata/snapshot_*.txt]."""

import pytest
from raft_harness import entries, hear, node, noted, saved, sent, tell, told, wake
from raft_scenes import Lone, leader, now, snapshot

from swarmlab.effects import (
    ChangeMembers,
    Committed,
    MemberChange,
    Propose,
    Read,
    ReadReady,
    Restored,
    Save,
    Summarise,
    Summary,
    Trim,
)
from swarmlab.events import CommitAdvanced, EntriesCut, GroupChanged, SnapshotInstalled, SnapshotTaken
from swarmlab.raft import PAPER, Configuration
from swarmlab.raft.messages import (
    Appended,
    AppendEntries,
    Heartbeat,
    HeartbeatAnswer,
    InstallSnapshot,
    Mismatched,
    ReadAnswer,
)

SHORT = PAPER._replace(snapshot_every=4, keep=2)


def append(previous, previous_term, new=(), commit=0, term=1):
    return AppendEntries(term, "b", "a", previous, previous_term, tuple(new), commit)


def install(made, snap, term=1):
    return hear(made, InstallSnapshot(term, "b", "a", snap))


def grown(count=5, settings=SHORT, **how):
    """A follower that has just been asked for a summary."""
    made = node(settings=settings, **how)
    effects = hear(made, append(0, 0, entries(*[1] * count), commit=count))
    return made, effects


# ── taking one ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_summary_is_asked_for_when_enough_is_applied_and_behind_that():
    """§7: a server snapshots what it has applied, never more."""
    made = node(settings=SHORT)
    assert not told(hear(made, append(0, 0, entries(*[1] * 9), commit=3)), Summarise)
    effects = hear(made, Heartbeat(1, "b", "a", 5))
    assert [type(message) for message in told(effects)] == [Committed, Summarise]
    assert told(effects, Summarise) == [Summarise(5)]


def test_no_second_one_is_asked_for_until_the_first_is_answered():
    made, _ = grown()
    assert not told(hear(made, append(5, 1, entries(*[1] * 9, first=6), commit=14)), Summarise)
    tell(made, Summary(5, "state"))
    assert told(hear(made, append(14, 1, entries(1, first=15), commit=15)), Summarise) == [Summarise(15)]


def test_it_is_on_disk_before_the_log_loses_what_it_covers():
    """§7: some entries stay behind it, for slow followers."""
    made, _ = grown()
    effects = tell(made, Summary(5, "state"))
    assert [(type(e), getattr(e, "key", "")) for e in effects[:3]] == [(Save, "snapshot"), (Save, "base"), (Trim, "")]
    assert noted(effects) == [SnapshotTaken(5, 4)] and effects[2] == Trim(3)
    assert (made.log.base, made.log.base_term, made.log.last_index) == (3, 1, 5)
    assert saved(effects)["snapshot"] == snapshot(5)


def test_as_long_as_little_lies_behind_it_nothing_is_trimmed():
    made, _ = grown(settings=PAPER._replace(snapshot_every=4, keep=500))
    assert [type(e) for e in tell(made, Summary(5, "state"))[:1]] == [Save] and made.log.base == 0


def test_it_holds_who_belonged_to_the_group_there():
    """§7, trap 17: not who belongs to it when the answer comes."""
    made = node(settings=SHORT)
    changes = (MemberChange("learner", "d", "D"),)
    log = [*entries(1, 1, 1), entries(1, first=4)[0]._replace(kind="change", data=(changes, False))]
    hear(made, append(0, 0, log, commit=4))
    out = entries(1, first=5)[0]._replace(kind="remove", data=("d", ""))
    hear(made, append(4, 1, [out], commit=5))
    assert "d" not in made.members
    tell(made, Summary(4, "state"))
    assert made.snapshot.configuration == Configuration(("a", "b", "c"), (), ("d",))
    assert dict(made.snapshot.members)["d"] == "D" and made.snapshot.removed == ()


def test_who_was_removed_is_part_of_it():
    made = node(settings=SHORT)
    out = entries(1, first=4)[0]._replace(kind="remove", data=("c", ""))
    hear(made, append(0, 0, [*entries(1, 1, 1), out], commit=4))
    tell(made, Summary(4, "state"))
    assert made.snapshot.removed == ("c",)


@pytest.mark.parametrize("index", [4, 6])
def test_a_summary_of_another_index_is_no_answer(index):
    made, _ = grown()
    assert tell(made, Summary(index, "state")) == [] and made.snapshot is None


def test_a_summary_that_comes_behind_a_newer_snapshot_is_dropped():
    made, _ = grown()
    install(made, snapshot(9))
    assert tell(made, Summary(5, "old")) == [] and made.snapshot.index == 9


def test_after_a_boot_the_state_is_told_and_then_what_is_agreed_on_behind_it():
    lone = Lone(settings=SHORT)
    lone.hear(append(0, 0, entries(*[1] * 5), commit=5))
    lone.tell(Summary(5, "state"))
    lone.hear(append(5, 1, entries(1, 1, first=6), commit=6))
    lone.hear(append(7, 1, entries(1, first=8), commit=6))  # saves the commit index
    effects = lone.boot()
    assert [m for m in told(effects) if type(m) in (Restored, Committed)] == [
        Restored(5, "state"),
        Committed(entries(1, first=6)),
    ]
    assert (lone.node.commit, lone.node.log.base, lone.node.log.last_index) == (6, 3, 8)


# ── a leader sends one ───────────────────────────────────────────────────────────────────────────────────────────


def compacted(keep=2):
    """A leader whose log begins behind what c needs: its base is 9 - keep."""
    made = leader(settings=PAPER._replace(snapshot_every=8, keep=keep))
    for key in range(8):
        tell(made, Propose(key, key), now(made))
    hear(made, Appended(1, "b", "a", 9), now(made))
    tell(made, Summary(9, "state"), now(made))
    made.progress["c"].match = 0
    made.progress["c"].probe(1)
    return made


def sending(keep=2):
    made = compacted(keep)
    effects = hear(made, HeartbeatAnswer(1, "c", "a"), now(made))
    assert [m.snapshot.index for m in sent(effects, InstallSnapshot)] == [9]
    return made


def test_who_needs_what_is_gone_gets_the_snapshot():
    """§7; etcd's TestProvideSnap."""
    made = compacted()
    assert sent(hear(made, HeartbeatAnswer(1, "c", "a"), now(made))) == [InstallSnapshot(1, "a", "c", made.snapshot)]


def test_one_at_a_time_and_no_appends_meanwhile():
    """etcd's TestPendingSnapshotPauseReplication."""
    made = sending()
    assert [m.target for m in sent(tell(made, Propose(9, "x"), now(made)))] == ["b"]
    assert sent(hear(made, HeartbeatAnswer(1, "c", "a"), now(made))) == []
    assert [type(m) for m in sent(wake(made)) if m.target == "c"] == [Heartbeat]  # which never pause


@pytest.mark.parametrize("match", [7, 9])
def test_it_goes_on_from_what_the_follower_says_behind_or_not(match):
    """etcd's snapshot_succeed_via_app_resp: whatever index was expected, the log joins on from 7."""
    made = sending()
    tell(made, Propose(9, "x"), now(made))
    effects = hear(made, Appended(1, "c", "a", match), now(made))
    assert [(m.previous_index, len(m.entries)) for m in sent(effects) if m.target == "c"] == [(match, 10 - match)]
    assert made.progress["c"].match == match and not made.progress["c"].snapshot


def test_an_answer_from_behind_the_log_does_not_end_the_wait():
    """etcd's snapshot_succeed_via_app_resp_behind."""
    made = sending()
    assert sent(hear(made, Appended(1, "c", "a", 6), now(made))) == [] and made.progress["c"].snapshot == 9


def test_a_refusal_from_before_says_nothing():
    made = sending()
    assert sent(hear(made, Mismatched(1, "c", "a", 0, 0, 0), now(made))) == [] and made.progress["c"].snapshot == 9


def test_a_snapshot_that_was_lost_is_sent_again_after_an_election_time_out():
    """etcd's TestSnapshotFailure and TestSnapshotAbort: back to feeling the way."""
    made = sending()
    answers = []
    for _ in range(3):
        for follower in "bc":
            answers += sent(hear(made, HeartbeatAnswer(1, follower, "a"), now(made)), InstallSnapshot)
        wake(made)
    assert len(answers) == 1


def test_who_does_not_answer_is_not_waited_for():
    made = sending()
    for _ in range(5):
        hear(made, HeartbeatAnswer(1, "b", "a"), now(made))
        wake(made)
    assert not made.progress["c"].reachable and not made.progress["c"].snapshot
    assert sent(hear(made, HeartbeatAnswer(1, "c", "a"), now(made)), InstallSnapshot)


def test_a_log_that_begins_right_behind_its_snapshot_needs_no_entry_to_compare():
    made = sending(keep=0)
    tell(made, Propose(9, "x"), now(made))
    effects = hear(made, Appended(1, "c", "a", 9), now(made))
    assert [(m.previous_index, m.previous_term, len(m.entries)) for m in sent(effects)] == [(9, 1, 1)]


# ── a follower takes one ─────────────────────────────────────────────────────────────────────────────────────────


def test_it_takes_the_place_of_a_log_that_ends_before_it():
    """§7; etcd's TestRestore: log, configuration and members are those of the snapshot."""
    made = node(terms=(1, 1), term=1)
    effects = install(made, snapshot(9, 1, "abcd", removed=("z",)))
    assert (made.commit, made.log.base, made.log.base_term, made.log.entries) == (9, 9, 1, [])
    assert made.configuration.voters == tuple("abcd") and made.members["d"] == "D" and made.removed == ("z",)
    assert Restored(9, "state") in told(effects) and sent(effects) == [Appended(1, "a", "b", 9)]
    assert [type(fact) for fact in noted(effects)][-3:] == [SnapshotInstalled, GroupChanged, CommitAdvanced]


def test_it_takes_the_place_of_a_log_that_contradicts_it():
    """§7: uncommitted entries that conflict go, those behind it too."""
    made = node(terms=(1, 2, 2, 2, 2), term=3)
    install(made, snapshot(3, 3), term=3)
    assert (made.log.base, made.log.base_term, made.log.last_index) == (3, 3, 3)


def test_what_stands_behind_its_last_entry_stays():
    """§7, trap 16; etcd's TestRestoreIgnoreSnapshot: the log has it, so it is only told how far is agreed on."""
    made = node(terms=(1, 1, 1, 1, 1), term=1)
    effects = install(made, snapshot(3))
    assert (made.commit, made.log.base, made.log.last_index) == (3, 0, 5)
    assert told(effects, Committed) == [Committed(entries(1, 1, 1))] and not told(effects, Restored)
    assert sent(effects) == [Appended(1, "a", "b", 3)] and not saved(effects) and not noted(effects, EntriesCut)


def test_what_is_known_already_is_ignored_and_the_commit_index_reported():
    """Trap 16: applied state never goes back."""
    made = node(terms=(1, 1, 1, 1, 1), term=1, commit=4)
    effects = install(made, snapshot(2))
    assert sent(effects) == [Appended(1, "a", "b", 4)] and not told(effects, Restored) and made.log.last_index == 5


def test_one_of_an_older_term_is_refused():
    """Figure 13, rule 1."""
    made = node(term=5)
    assert sent(install(made, snapshot(9), term=4)) == [HeartbeatAnswer(5, "a", "b")] and made.commit == 0


def test_it_is_a_sign_of_life():
    made = node()
    before = made.deadline
    hear(made, InstallSnapshot(1, "b", "a", snapshot(9)), 40_000)
    assert made.leader == "B" and made.deadline == before + 40_000


def test_an_append_that_begins_inside_of_it_is_taken_from_its_end():
    """Reference §5: the covered entries are skipped, and the boundary counts as matching."""
    made = node()
    install(made, snapshot(5))
    effects = hear(made, append(3, 1, entries(1, 1, 1, 1, first=4), commit=7))
    assert made.log.entries == list(entries(1, 1, first=6)) and made.commit == 7
    assert sent(effects) == [Appended(1, "a", "b", 7)]
    assert sent(hear(made, append(1, 1, entries(1, first=2)))) == [Appended(1, "a", "b", 2)] and made.commit == 7


def test_an_append_right_behind_it_is_taken():
    made = node()
    install(made, snapshot(5, 1))
    assert sent(hear(made, append(5, 1, entries(1, first=6)))) == [Appended(1, "a", "b", 6)]


def test_only_what_is_on_disk_is_reported():
    """Trap 20: what a snapshot proves to be agreed on may still be on its way to a slow disk."""
    made = node(settings=PAPER._replace(slow_disk=True))
    hear(made, append(0, 0, entries(*[1] * 9), commit=8))
    assert (made.commit, made.held) == (8, 0)
    assert sent(install(made, snapshot(5))) == [Appended(1, "a", "b", 0)]


def test_a_read_that_waited_for_what_it_covers_is_answered():
    """Dissertation §6.4, step 4: the state is as new as it must be, wherever that came from."""
    made = node()
    hear(made, Heartbeat(1, "b", "a", 0))
    tell(made, Read(7))
    hear(made, ReadAnswer(1, "b", "a", 7, 8))
    effects = told(install(made, snapshot(9)))
    assert ReadReady(7, 8) in effects and effects.index(Restored(9, "state")) < effects.index(ReadReady(7, 8))


def test_who_joined_a_group_of_which_no_entry_tells_learns_who_belongs_to_it():
    """Only a snapshot, or the whole log, can tell it: now it may campaign."""
    made = node(member="d", of="")
    hear(made, InstallSnapshot(1, "b", "d", snapshot(9, 1, "abcd")))
    assert made.configuration.voters == tuple("abcd")
    wake(made)
    assert made.role == "candidate"


def test_a_change_of_members_that_the_snapshot_does_not_know_is_gone_with_the_log():
    made = node(terms=(1,), term=1)
    change = entries(1, first=2)[0]._replace(kind="add", data=("x", "X"))
    hear(made, append(1, 1, [change]))
    install(made, snapshot(4, 2), term=2)
    hear(made, Heartbeat(2, "b", "a", 4))
    assert made.configuration.voters == tuple("abc") and "x" not in made.members


def test_a_leader_of_a_joint_configuration_hands_it_on():
    """A follower that comes in by snapshot decides by both halves, too."""
    made = leader(settings=PAPER._replace(snapshot_every=2, keep=0))
    tell(made, ChangeMembers(1, (MemberChange("remove", "b"), MemberChange("add", "d", "D"))), now(made))
    hear(made, Appended(1, "b", "a", 2), now(made))
    tell(made, Summary(2, "state"), now(made))
    other = node("d", of="")
    hear(other, InstallSnapshot(1, "a", "d", made.snapshot))
    assert other.configuration == Configuration(("a", "c", "d"), ("a", "b", "c"), (), ())
