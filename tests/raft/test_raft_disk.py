"""What a disk may do to a node: lose power midway, be slow, be damaged [figure 2; dissertation §10.2.1; reference §8]."""

import pytest
from raft_harness import entries, hear, node, noted, sent, tell, told
from raft_scenes import Lone, leader, now, snapshot

from swarmlab.effects import (
    STARTED,
    AddMember,
    Append,
    Committed,
    Damaged,
    Disk,
    Enter,
    Forget,
    Propose,
    Received,
    Refused,
    Save,
    Send,
    Summary,
    Tell,
    Told,
    Trim,
    Written,
)
from swarmlab.events import CommitAdvanced, EntriesCut, LogUnreadable
from swarmlab.group import RaftGroup
from swarmlab.raft import PAPER, RaftNode
from swarmlab.raft import log as logs
from swarmlab.raft.messages import (
    Appended,
    AppendEntries,
    Heartbeat,
    HeartbeatAnswer,
    InstallSnapshot,
    RequestVote,
    TimeoutNow,
    Vote,
)

SLOW = PAPER._replace(slow_disk=True)
SHORT = PAPER._replace(snapshot_every=4, keep=2)


def append(previous, previous_term, new=(), commit=0, term=1, source="b"):
    return AppendEntries(term, source, "a", previous, previous_term, tuple(new), commit)


# ── power cuts between two effects ───────────────────────────────────────────────────────────────────────────────


def lone(settings=SHORT):
    """Entries 1 to 5 of term 1 are here and applied, a summary of 5 is asked for."""
    made = Lone(settings=settings)
    made.hear(append(0, 0, entries(*[1] * 5), commit=5))
    made.hear(append(5, 1, entries(1, 1, first=6), commit=5))  # which saves that 5 are agreed on
    return made


EVENTS = {
    "campaign": Received("B", TimeoutNow(1, "b", "a")),
    "vote": Received("C", RequestVote(2, "c", "a", 9, 1, True)),
    "larger term": Received("C", Heartbeat(3, "c", "a", 0)),
    "append": Received("B", append(7, 1, entries(1, first=8), commit=7)),
    "cut": Received("C", append(5, 1, entries(2, first=6), commit=6, term=2, source="c")),
    "compaction": Told("manager", Summary(5, "state")),
    "installation": Received("B", InstallSnapshot(1, "b", "a", snapshot(9))),
    "contradiction": Received("C", InstallSnapshot(2, "c", "a", snapshot(6, 2))),
    "change": Received("B", append(7, 1, [entries(1, first=8)[0]._replace(kind="remove", data=("c", ""))], commit=8)),
    "leaving": Told("manager", Forget()),
}


@pytest.mark.parametrize("name", EVENTS)
def test_power_may_go_off_between_any_two_effects_of_a_step(name):
    """Figure 2: whatever was told to others before is on disk, and what is on disk is a node that goes on."""
    number = 0
    while True:
        made = lone()
        before = (made.node.term, made.node.vote, tuple(made.node.log.entries))
        effects = made.do(EVENTS[name], until=number)
        check_promises(made.node, effects[:number], before)
        goes_on(made)
        if number >= len(effects):
            return
        number += 1


def check_promises(after, done, before):
    """What this node had told others before the power went off still binds it."""
    if name := after.member:
        assert after.role in ("follower", "leader") and after.term >= before[0] and after.commit >= 5
        assert after.log.base <= after.commit <= after.log.last_index and name == "a"
    for effect in done:
        message = effect.message if type(effect) is Send else None
        if type(message) is Vote and message.granted:
            assert (after.term, after.vote) == (message.term, message.target)
        elif type(message) is RequestVote:
            assert (after.term, after.vote) == (message.term, "a")
        elif type(message) is Appended:
            assert after.log.last_index >= message.match


def goes_on(made):
    """It takes more entries, boots again, and still has them."""
    term = made.node.term + 1
    if not made.node.member:
        made.tell(Enter("a"))
        made.hear(append(0, 0, entries(*[term] * 9), commit=9, term=term))
    base = made.node.commit
    made.hear(
        append(base, made.node.log.term_at(base), entries(term, term, first=base + 1), commit=base + 2, term=term)
    )
    made.boot()
    assert made.node.role == "follower" and made.node.log.last_index == base + 2
    assert [e.index for e in made.node.log.entries] == list(range(made.node.log.base + 1, base + 3))
    assert made.disk.log == made.node.log.entries


def test_who_takes_its_first_snapshot_may_lose_power_behind_it():
    """The log is empty then: nothing but the snapshot tells where it goes on."""
    for number in range(12):  # the snapshot is the fourth or so
        made = Lone()
        made.do(Received("B", InstallSnapshot(1, "b", "a", snapshot(9))), until=number)
        made.hear(InstallSnapshot(1, "b", "a", snapshot(9)))
        made.hear(append(9, 1, entries(1, 1, first=10), commit=10))
        made.boot()
        assert (made.node.role, made.node.log.base, made.node.log.last_index) == ("follower", 9, 11)


def test_what_a_crash_left_half_done_is_tidied_up_at_the_boot():
    """Else the next write would go to the wrong place of the log on disk."""
    made = lone()
    effects = made.node.step(Told("manager", Summary(5, "state")), 0)
    for effect in effects[:2]:  # the snapshot and the base, but not the trimming
        made.carry(effect)
    assert made.disk.log[0].index == 1
    repairs = [e for e in made.boot() if type(e) in (Append, Save, Trim)]
    assert repairs[0] == Append(1, tuple(made.node.log.entries)) and made.disk.log[0].index == 4


def test_an_orderly_disk_is_not_written_at_boot():
    made = lone()
    made.tell(Summary(5, "state"))
    assert not [e for e in made.boot() if type(e) in (Append, Trim) or (type(e) is Save and e.key != "commit")]


# ── reading the log ──────────────────────────────────────────────────────────────────────────────────────────────


def read(log, base=(0, 0), snap=None, commit=0):
    return logs.read(list(log), base, snap, commit)


def test_a_log_is_read_as_it_was_written():
    log = read(entries(1, 1, 2), commit=3)
    assert (log.base, log.last_index, log.last_term) == (0, 3, 2)
    log = read(entries(1, 2, first=4), (3, 1), snapshot(4))
    assert (log.base, log.base_term, log.last_index) == (3, 1, 5)
    assert read([]).last_index == 0


def test_entries_that_were_to_be_trimmed_are_not_read():
    """Half-done compaction: snapshot and base are written, the rest is not."""
    log = read(entries(1, 1, 1, 1, 1), (3, 1), snapshot(5), 5)
    assert (log.base, [e.index for e in log.entries]) == (3, [4, 5])


def test_a_snapshot_without_its_base_changes_nothing_yet():
    """Half-done compaction: only the snapshot is written."""
    log = read(entries(1, 1, 1, 1, 1), (0, 0), snapshot(4), 5)
    assert (log.base, log.last_index) == (0, 5)


@pytest.mark.parametrize("old", [entries(1, 1), entries(1, 1, 1, 2, 2, 2), ()])
@pytest.mark.parametrize("base", [(0, 0), (4, 3)])
def test_a_log_that_a_leaders_snapshot_contradicts_is_dropped(old, base):
    """Half-done installation: the snapshot at 4 of term 3 is written, the old log is still there."""
    log = read(old, base, snapshot(4, 3), 4)
    assert (log.base, log.base_term, log.entries) == (4, 3, [])


def test_a_log_may_begin_right_behind_its_snapshot_whatever_the_base_says():
    for base in ((0, 0), (4, 3)):
        log = read(entries(3, 3, first=5), base, snapshot(4, 3))
        assert (log.base, log.base_term, log.last_index) == (4, 3, 6)


@pytest.mark.parametrize(
    "log, base, snap, commit, complaint",
    [
        ((*entries(1), Damaged(2)), (0, 0), None, 0, "damaged behind 1: the checksum of entry 2"),
        ((Damaged(1), *entries(1, first=2)), (0, 0), None, 0, "damaged behind its beginning"),
        (entries(1, 1) + entries(1, first=4), (0, 0), None, 0, "damaged at 4: 4 of term 1 follows 2 of term 1"),
        (entries(2, 1), (0, 0), None, 0, "damaged at 2: 2 of term 1 follows 1 of term 2"),
        (entries(1, 1, first=3), (0, 0), None, 0, "begins at 3, but all up to 0 is missing"),
        (entries(1, 1, first=7), (4, 1), snapshot(5), 0, "begins at 7, but all up to 5 is missing"),
        (entries(1, 1), (0, 0), None, 3, "ends at 2, but 3 is known to be committed"),
        ((), (4, 1), snapshot(5), 6, "ends at 5, but 6 is known to be committed"),
    ],
)
def test_what_is_no_log_is_named(log, base, snap, commit, complaint):
    with pytest.raises(ValueError, match=complaint):
        read(log, base, snap, commit)


def test_a_node_with_a_damaged_log_takes_no_part():
    """It may have voted or acknowledged what it has lost: it says so once, and is silent."""
    disk = Disk({"member": "a", "members": (("a", "A"), ("b", "B")), "term": 2}, [*entries(1), Damaged(2)])
    made = RaftNode("A", disk, None, PAPER)
    effects = made.step(STARTED, 0)
    assert made.role == "broken"
    assert noted(effects) == [
        LogUnreadable("the log on disk is damaged behind 1: the checksum of entry 2 does not fit")
    ]
    assert len(effects) == 1 and made.deadline > 10**15
    for message in (RequestVote(9, "b", "a", 9, 8), append(0, 0, entries(1)), Heartbeat(9, "b", "a", 0)):
        assert hear(made, message) == []
    assert told(tell(made, Propose(1, "x"))) == [Refused(1, "not leader")]
    assert told(tell(made, AddMember(2, "c", "C"))) == [Refused(2, "not leader")]


def test_who_leaves_with_a_damaged_log_can_come_back_as_somebody_new():
    disk = Disk({"member": "a", "members": (("a", "A"),)}, [Damaged(1)])
    made = RaftNode("A", disk, None, PAPER)
    made.step(STARTED, 0)
    tell(made, Forget())
    assert made.role == "outside"
    tell(made, Enter("z"))
    assert made.role == "follower"


# ── a slow disk ──────────────────────────────────────────────────────────────────────────────────────────────────


def slow_follower():
    made = node(settings=SLOW)
    return made, hear(made, append(0, 0, entries(1, 1)))


def test_an_acknowledgement_waits_for_the_write():
    """Figure 2: it stands behind the write, and the machine keeps that order."""
    _, effects = slow_follower()
    report = Tell("raft", Written(2, 1, 1))
    kinds = [type(effect) for effect in effects]
    assert kinds.index(Append) < effects.index(report) < kinds.index(Send)


def test_what_is_not_on_disk_is_not_acknowledged_by_a_later_message_either():
    """The same append again, or an empty one: an answer that stands behind no write claims what is written only."""
    made, _ = slow_follower()
    assert sent(hear(made, append(0, 0, entries(1, 1)))) == [Appended(1, "a", "b", 0)]
    assert sent(hear(made, append(2, 1))) == [Appended(1, "a", "b", 0)]
    tell(made, Written(2, 1, 1))
    assert sent(hear(made, append(2, 1))) == [Appended(1, "a", "b", 2)]


def test_a_leader_sends_before_it_writes_and_counts_itself_when_that_is_done():
    """Dissertation §10.2.1: the leader's disk write may go in parallel with the sending."""
    made = leader(settings=SLOW)
    effects = tell(made, Propose(1, "x"))
    kinds = [type(effect) for effect in effects]
    assert kinds.index(Send) < kinds.index(Append) and made.held == 0 and made.commit == 1
    assert not noted(hear(made, Appended(1, "b", "a", 2), now(made)), CommitAdvanced)
    assert noted(tell(made, Written(2, 1, 1), now(made)), CommitAdvanced) == [CommitAdvanced(2)]


def test_what_a_majority_of_others_holds_is_committed_without_the_own_disk():
    """§10.2.1: an entry is committed by any majority, even one without its leader."""
    made = leader(settings=SLOW)
    tell(made, Propose(1, "x"))
    for follower in "bc":
        hear(made, Appended(1, follower, "a", 2), now(made))
    assert made.commit == 2 and made.held == 0


def test_alone_nothing_is_committed_before_it_is_written():
    made = node(of="a", settings=SLOW)
    assert made.role == "leader" and made.commit == 0
    tell(made, Written(1, 1, 1))
    assert made.commit == 1


def test_a_late_report_of_what_was_overwritten_counts_for_nothing():
    """Trap 20, ABA: entry 2 of term 1 is replaced by one of term 3; then comes the report of the first write."""
    made = node(terms=(1,), term=1, settings=SLOW)
    hear(made, append(1, 1, entries(1, 1, first=2)))
    first = Written(3, 1, 1)
    hear(made, append(1, 1, entries(3, 3, first=2), term=3, source="c"))
    assert [e.term for e in made.log.entries] == [1, 3, 3] and made.held == 1
    assert tell(made, first) == [] and made.held == 1
    tell(made, Written(3, 3, 3))
    assert made.held == 3


def test_a_late_report_says_nothing_even_if_the_very_same_entry_stands_there_again():
    """etcd's async_storage_writes_append_aba_race: index and term are the same, what is on disk is not.

    Entry 2 of term 1 is written, replaced in term 2, and put back by a leader of term 3 who has it. The report of the
    first write fits the log again, but the disk has just cut that entry off.
    """
    made = node(terms=(1,), term=1, settings=SLOW)
    hear(made, append(1, 1, entries(1, first=2)))
    hear(made, append(1, 1, entries(2, first=2), term=2, source="c"))
    hear(made, append(1, 1, entries(1, first=2), term=3))
    assert made.log.has(2, 1)
    tell(made, Written(2, 1, 1))
    assert made.held == 1
    assert sent(hear(made, append(2, 1, term=3))) == [Appended(3, "a", "b", 1)]
    tell(made, Written(2, 1, 3))
    assert sent(hear(made, append(2, 1, term=3))) == [Appended(3, "a", "b", 2)]


def test_a_new_leader_is_not_deceived_by_reports_of_what_it_wrote_as_a_follower():
    """They come late and are left out; the report of its own first entry speaks for all before it."""
    made = node(terms=(1,), term=1, settings=SLOW)
    hear(made, append(1, 1, entries(1, 1, first=2)))
    hear(made, TimeoutNow(1, "b", "a"))
    hear(made, Vote(2, "b", "a", True))
    assert (made.role, made.log.last_index) == ("leader", 4)
    tell(made, Written(3, 1, 1))
    assert made.held == 1
    hear(made, Appended(2, "b", "a", 4), now(made))
    assert made.commit == 0
    tell(made, Written(4, 2, 2))
    assert made.commit == 4


def test_a_cut_takes_back_what_was_held():
    made = node(terms=(1, 1, 1), term=1, settings=SLOW)
    effects = hear(made, append(1, 1, entries(2, first=2), term=2))
    assert noted(effects, EntriesCut) == [EntriesCut(2)] and made.held == 1


def test_a_snapshot_in_place_of_the_log_is_held_when_it_is_written():
    """Its answer stands behind the write; a report of the old log says nothing about it."""
    made, _ = slow_follower()
    effects = hear(made, InstallSnapshot(1, "b", "a", snapshot(9)))
    kinds = [type(effect) for effect in effects]
    assert kinds.index(Save) < kinds.index(Send) and made.held == 9
    assert tell(made, Written(2, 1, 1)) == [] and made.held == 9


def test_with_a_fast_disk_nothing_is_reported():
    effects = hear(node(), append(0, 0, entries(1)))
    assert not [e for e in effects if type(e) is Tell and e.core == "raft"]


# ── whole groups ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_follower_with_a_slow_disk_delays_nobody():
    """A majority is enough, and the slow one is not part of it."""
    group = RaftGroup(3, SLOW._replace(heartbeat=50), seed=1, messages=False)
    group.run_for(1)
    slow = next(name for name in group.members if name != group.leader)
    group.slow_disk(slow, 0.3)
    began = group.now
    assert group.write("x", 1, wait=1) == "" and group.now - began < 0.05
    assert len(group.logs()[slow]) < len(group.logs()[group.leader])
    group.run_for(1)
    assert group.logs()[slow] == group.logs()[group.leader]


def test_a_leader_with_a_slow_disk_commits_by_the_disks_of_others():
    group = RaftGroup(3, SLOW._replace(heartbeat=50), seed=1, messages=False)
    group.run_for(1)
    leader = group.leader
    group.slow_disk(leader, 0.3)
    group.propose("kept")
    group.run_for(0.05)
    assert all(group.commits()[name] == len(group.logs()[name]) == 2 for name in group.members if name != leader)
    assert len(group.logs()[leader]) == 1
    group.crash(leader)
    group.run_for(1)
    assert group.get("x").output == "kept"


def test_a_group_with_slow_disks_everywhere_elects_and_commits():
    group = RaftGroup(3, SLOW._replace(heartbeat=50), seed=2, messages=False)
    for name in group.members:
        group.slow_disk(name, 0.02)
    group.run_for(2)
    assert group.leader and group.write("x", 1, wait=1) == ""
    group.crash(group.leader)
    group.run_for(2)
    assert group.leader and group.get("x").output == 1


def test_the_committed_prefix_is_told_again_after_any_power_cut():
    made = lone()
    effects = made.boot()
    assert told(effects, Committed) == [Committed(entries(*[1] * 5))]
    assert sent(made.hear(Heartbeat(1, "b", "a", 5))) == [HeartbeatAnswer(1, "a", "b")]
