"""What must be true of all raft nodes of a world together, whatever happens [Raft figure 3, §6, §7].

Incremental: each law looks at the fact that is new and at the node that noted it. A slow disk notes facts when they are
on disk, which is later than in memory; so logs are looked at where the fact points, never as a whole.
"""

from bisect import bisect_left
from collections.abc import Callable
from typing import Any

from ..effects import Entry
from ..events import (
    BecameCandidate,
    BecameFollower,
    BecameLeader,
    CommitAdvanced,
    EntriesAppended,
    EntriesCut,
    GroupChanged,
    MachineStarted,
    SnapshotInstalled,
    VoteGranted,
)
from ..raft.membership import KINDS
from ..raft.quorum import majority
from ..sim.trace import Record
from ..world import World
from .broken import LawBroken


class RaftLaws:
    """What is remembered of one group, to see whether what comes next is right."""

    def __init__(self, world: World):
        self.world = world
        self.live = False  # whether what is looked at has just happened
        self.committed: list[Entry] = []  # the one log that everybody agrees on, from index 1
        self._agreed_in: list[int] = []  # the term in which each entry of it was agreed on, never falling
        self._leaders: dict[int, str] = {}  # term → machine
        self._votes: dict[tuple[str, str, int], str] = {}  # (machine, member, term) → candidate
        self._terms: dict[tuple[str, str], int] = {}  # of (machine, member)
        self._commits: dict[str, int] = {}  # since the last boot
        self._leads: dict[str, int] = {}  # machine → term in which it leads
        self._nodes: dict[str, Any] = {}
        self._open: dict[str, dict[int, Entry]] = {}  # machine → what it appended, until that is agreed on or cut
        self._entries: dict[tuple[int, int], tuple[Any, int]] = {}  # (index, term) → (entry, term of the one before)
        self._wrote: dict[str, int] = {}  # machine → the last index that it appended
        self._erased: dict[str, int] = {}  # machine → the same, of the member that was there before
        self._groups: dict[str, tuple[tuple, tuple]] = {}  # machine → who has a vote, in either half, as it knows

    def begin(self) -> None:
        """From now on everything is checked; what is agreed on so far is taken from who knows most."""
        self.live = True
        cores = [machine.seats["raft"].core for machine in self.world.machines.values() if "raft" in machine.seats]
        for core in cores:
            self._nodes[core.machine], self._groups[core.machine] = core, _halves(core)
        whole = [core for core in cores if core.log.base == 0]
        newest = max(whole, key=lambda core: core.commit, default=None)
        self.committed = list(newest.log.slice(1, newest.commit)) if newest else []
        self._agreed_in = [entry.term for entry in self.committed]

    def _node(self, record: Record) -> Any:
        """The node that noted it, also if the power went off right behind it."""
        return self._nodes[record.source]

    # ── elections ────────────────────────────────────────────────────────────────────────────────────────────────

    def election_safety(self, record: Record) -> None:
        """At most one leader per term [§5.2]."""
        term = record.fact.term
        first = self._leaders.setdefault(term, record.source)
        self._leads[record.source] = term
        if first != record.source:
            raise LawBroken("election safety", record, f"{first} and {record.source} both lead in term {term}")

    def one_vote(self, record: Record) -> None:
        """At most one vote per member and term, the one for oneself and reboots included [§5.2]."""
        if not self.live:
            return
        voter, term = record.source, record.fact.term
        candidate = voter if isinstance(record.fact, BecameCandidate) else record.fact.candidate
        first = self._votes.setdefault((voter, self._node(record).member, term), candidate)
        if first != candidate:
            raise LawBroken("one vote", record, f"{voter} voted for {first} and for {candidate} in term {term}")

    def terms_grow(self, record: Record) -> None:
        """The term of a member never goes back, reboots included [figure 2]."""
        if not self.live or record.source not in self.world.machines:
            return
        key = record.source, self._node(record).member
        term, before = record.fact.term, self._terms.get(key, 0)
        if term < before:
            raise LawBroken("terms grow", record, f"{record.source} went from term {before} back to {term}")
        self._terms[key] = term

    def leader_completeness(self, record: Record) -> None:
        """Whoever is elected has every entry that was agreed on in an earlier term: nothing acknowledged is lost [§5.4].

        Not those of later terms: votes may reach a frozen machine when everybody else is further.
        """
        if not self.live:
            return
        log, earlier = self._node(record).log, bisect_left(self._agreed_in, record.fact.term)
        if log.last_index < earlier:
            raise LawBroken("leader completeness", record, f"{record.source} leads without entry {log.last_index + 1}")
        for mine, agreed in zip(log.entries, self.committed[log.base : earlier], strict=False):
            if mine is not agreed and mine != agreed:
                raise LawBroken("leader completeness", record, f"{record.source} leads without entry {agreed.index}")

    # ── logs ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def log_matching(self, record: Record) -> None:
        """The same index and term, in whatever log, is the same entry, behind an entry of the same term [§5.3]."""
        if not self.live:
            return
        source, (first, last, term) = record.source, record.fact
        log, appended = self._nodes[source].log, self._open.get(source)
        if appended is None:
            appended = self._open[source] = {}
        self._wrote[source] = last
        base, entries = log.base, log.entries
        for index in range(max(first, base + 1), min(last, log.last_index) + 1):
            place = index - base - 1
            entry, before = entries[place], entries[place - 1].term if place else log.base_term
            if entry.term != term:
                return  # it was noted late, and has been replaced meanwhile
            appended[index] = entry
            known = self._entries.get((index, term))
            if known is None:
                known = self._entries[index, term] = entry, before
            if entry.index != index or known[1] != before or before > term:
                raise LawBroken("log matching", record, f"{source} has entry {index} behind another one")
            if entry is not known[0] and entry != known[0]:
                raise LawBroken("log matching", record, f"{source} has another entry {index} of term {term}")

    def leader_append_only(self, record: Record) -> None:
        """A leader never removes an entry of its log [§5.3]."""
        appended = self._open.get(record.source, {})
        for index in [index for index in appended if index >= record.fact.first]:
            del appended[index]
        if record.source in self._leads:
            raise LawBroken("leader append-only", record, f"{record.source} cuts its log while it leads")

    def one_change_at_a_time(self, record: Record) -> None:
        """A leader lets a change of members follow only when the one before it is committed, and something of its own
        term is [dissertation §4.1 and its correction]."""
        if not self.live or record.source not in self._leads:
            return
        log, commit = self._node(record).log, self._commits.get(record.source, 0)
        if not any(entry.kind in KINDS for entry in log.slice(record.fact.first, record.fact.last)):
            return
        open_ones = [entry for entry in log.slice(max(commit, log.base) + 1, record.fact.last) if entry.kind in KINDS]
        mine = [entry for entry in open_ones if entry.index >= record.fact.first]
        if mine and (len(open_ones) > 1 or log.term_at(commit) != record.fact.term):
            raise LawBroken("one change at a time", record, f"{record.source} changes members before it may")

    # ── what is agreed on ────────────────────────────────────────────────────────────────────────────────────────

    def commits_grow(self, record: Record) -> None:
        """The commit index of a member never goes back while it runs [figure 2]."""
        index, before = record.fact.index, self._commits.get(record.source, 0)
        if index < before:
            raise LawBroken("commits grow", record, f"{record.source} went from commit {before} back to {index}")
        self._commits[record.source] = index

    def state_machine_safety(self, record: Record) -> None:
        """What one member holds for agreed on is what all others hold for agreed on, index by index [§5.4.3]."""
        source, index = record.source, record.fact.index
        if not self.live:
            return
        node = self._nodes[source]
        if not node.member:  # who has left its group meanwhile has no log any more
            return
        log, known, appended = node.log, self.committed, self._open.get(source, {})
        if index <= len(known) and index - self._commits.get(source, 0) == 1:  # mostly it is this simple
            if appended.pop(index, None) is known[index - 1]:
                return
        if log.last_index < index:
            raise LawBroken("state machine safety", record, f"{record.source} commits {index}, which it has not")
        first, before = len(known), self._commits.get(source, 0)
        for number in range(min(max(before, index - 64), len(known)) + 1, index + 1):
            mine = appended.pop(number, None) or (log.entries[number - log.base - 1] if number > log.base else None)
            if number <= len(known):
                agreed = known[number - 1]
                if mine is not None and mine is not agreed and mine != agreed:
                    raise LawBroken("state machine safety", record, f"{record.source} disagrees about entry {number}")
            elif mine is not None and number == len(known) + 1:
                known.append(mine)
                self._agreed_in.append(max(node.term, self._agreed_in[-1] if self._agreed_in else 0))
        if len(known) == index > first:
            self._commit_is_justified(record, before)

    def _commit_is_justified(self, record: Record, before: int) -> None:
        """What is agreed on for the first time is on the disks of a majority, of both halves if there are two [§5.3, §6].

        A change of members counts from when it is applied: what is agreed on together with one was agreed on by those
        who decided before it. A follower may hear of both late, and then it is those who decide now; or early, and then
        it is those whom the leader of its term knows.
        """
        term = self._node(record).term
        leaders = [name for name, node in self._nodes.items() if node.term == term and node.role == "leader"]
        groups = [self._groups.get(machine, ((), ())) for machine in dict.fromkeys((record.source, *leaders))]
        if any(entry.kind in KINDS for entry in self.committed[before:]):
            groups.append(_halves(self._node(record)))
        lacks = [self._lacks(halves) for halves in groups]
        if all(lacks):
            raise LawBroken("commit justified", record, f"entry {self.committed[-1].index} is on {lacks[0]} disks")

    def _lacks(self, halves: tuple[tuple, tuple]) -> str:
        """On how few disks of a half the newest agreed entry is; '' if it is on enough."""
        entry = self.committed[-1]
        for half in filter(None, halves):
            holds, enough = 0, majority(len(half))
            for machine in half:
                holds += self._is_on_disk(machine, entry.index, entry.term)
                if holds == enough:
                    break
            else:
                return f"{holds} of {len(half)}"
        return ""

    def _is_on_disk(self, machine: str, index: int, term: int) -> bool:
        if machine not in self.world.machines:
            return False
        if index <= self._erased.get(machine, 0):
            return True  # it was, until the machine began anew as another member
        disk = self.world.machines[machine].disk("raft")
        first = disk.log[0].index if disk.log else 0
        if first and first <= index < first + len(disk.log):
            return disk.log[index - first].term == term
        snapshot = disk.values.get("snapshot")
        return snapshot is not None and snapshot.index >= index

    # ── bookkeeping ──────────────────────────────────────────────────────────────────────────────────────────────

    def know_the_group(self, record: Record) -> None:
        """(bookkeeping) From here on other members have a vote, as this machine knows."""
        self._groups[record.source] = record.fact.voters, record.fact.outgoing

    def forget_log(self, record: Record) -> None:
        """(bookkeeping) A snapshot has taken the place of the log."""
        self._open.pop(record.source, None)

    def forget_role(self, record: Record) -> None:
        """(bookkeeping) Who boots, follows or campaigns does not lead."""
        self._leads.pop(record.source, None)

    def know_the_node(self, record: Record) -> None:
        """(bookkeeping) A machine has booted: another node, which knows what is on disk."""
        seat = self.world.machines[record.source].seats.get("raft")
        if seat is not None:
            self._nodes[record.source] = seat.core
        self._commits.pop(record.source, None)
        self._open.pop(record.source, None)

    def begin_anew(self, record: Record) -> None:
        """(bookkeeping) In term 0 a machine begins as another member, with an empty disk."""
        if record.fact.term == 0:
            self._commits.pop(record.source, None)
            self._open.pop(record.source, None)
            self._erased[record.source] = self._wrote.pop(record.source, 0)


def _halves(core: Any) -> tuple[tuple, tuple]:
    """Who has a vote, as machines."""
    halves = (core.configuration.voters, core.configuration.outgoing)
    voters, outgoing = (tuple(core.members.get(member, "") for member in half) for half in halves)
    return voters, outgoing


LAWS: dict[type, tuple[Callable, ...]] = {
    BecameLeader: (RaftLaws.terms_grow, RaftLaws.election_safety, RaftLaws.leader_completeness),
    BecameFollower: (RaftLaws.terms_grow, RaftLaws.forget_role, RaftLaws.begin_anew),
    BecameCandidate: (RaftLaws.terms_grow, RaftLaws.one_vote, RaftLaws.forget_role),
    MachineStarted: (RaftLaws.know_the_node, RaftLaws.forget_role),
    VoteGranted: (RaftLaws.one_vote,),
    CommitAdvanced: (RaftLaws.state_machine_safety, RaftLaws.commits_grow),
    EntriesCut: (RaftLaws.leader_append_only,),
    EntriesAppended: (RaftLaws.log_matching, RaftLaws.one_change_at_a_time),
    SnapshotInstalled: (RaftLaws.forget_log,),
    GroupChanged: (RaftLaws.know_the_group,),
}
