"""One raft node: what it remembers, which role it plays, and to which chapter it hands what it hears.

The rules are those of the extended Raft paper, with pre-vote, check-quorum, leader stickiness and transfer of
leadership of Ongaro's dissertation (§9.6, §6.2, §4.2.3, §3.10), and SwarmKit's and etcd's choices where those leave one.
"""

# Simpler than in reality (docs/simplifications.md): apply

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ..effects import (
    MS,
    NEVER,
    SECOND,
    STARTED,
    AddMember,
    Append,
    ChangeMembers,
    Dice,
    Disk,
    Enter,
    Entry,
    Following,
    Forget,
    Found,
    MemberChange,
    Members,
    Note,
    Propose,
    Read,
    Rebuild,
    Received,
    Refused,
    RemoveMember,
    Save,
    Send,
    Started,
    Summary,
    Tell,
    Told,
    Transfer,
    Unlock,
    Woken,
    Written,
)
from ..events import BecameFollower, EntriesAppended, EntriesCut, LeaderRecognised, LogUnreadable
from . import election, membership, reads, replication, snapshots
from . import log as logs
from .configuration import Configuration
from .messages import (
    Appended,
    AppendEntries,
    Heartbeat,
    HeartbeatAnswer,
    InstallSnapshot,
    Mismatched,
    PreVote,
    PreVoteRequest,
    ReadAnswer,
    ReadRequest,
    RequestVote,
    Snapshot,
    TimeoutNow,
    Vote,
)
from .progress import Progress


class Settings(NamedTuple):
    """How a group is timed. Like etcd, a node counts whole ticks since it booted."""

    tick: int  # µs
    election_low: int  # ticks without a leader after which a follower may campaign: drawn between these two,
    election_high: int  # both included; the lower one is also how long a leader lives without a majority
    heartbeat: int  # ticks
    check_quorum: bool = True  # a leader without a majority resigns; who hears a leader ignores candidates
    max_entries: int = 64  # in one append
    pre_vote: bool = False  # ask who would vote for you before raising the term
    max_inflight: int = 256  # appends under way to one follower
    max_uncommitted: int = 0  # entries that a leader takes without a majority; 0: no limit
    snapshot_every: int = 10_000  # entries between two snapshots
    keep: int = 500  # entries kept behind a snapshot, for slow followers
    lease_reads: bool = False  # answer reads without asking, as long as the last heard majority cannot elect another
    drift: float = 1.0  # how much faster than another one a clock may run: what lease reads trust in
    slow_disk: bool = False  # count the own log only as far as the disk has confirmed it


SWARMKIT = Settings(tick=SECOND, election_low=10, election_high=19, heartbeat=1)
PAPER = Settings(tick=MS, election_low=150, election_high=300, heartbeat=75)


def impossible(settings: Settings) -> str:
    """Why a group cannot be timed like this, in one sentence; '' if it can."""
    tick, low, high, beat = settings[:4]
    if not all(type(number) is int and number > 0 for number in (tick, low, high, beat)):
        return "tick, election_low, election_high and heartbeat are whole numbers above 0"
    if high < low:
        return f"the longest election time-out ({high} ticks) is below the shortest ({low} ticks)"
    if beat >= low:
        return f"a heartbeat every {beat} ticks comes too late for election time-outs that begin at {low} ticks"
    if settings.lease_reads and not settings.check_quorum:
        return "lease reads need check_quorum: only that makes a leader without followers give up"
    if settings.drift < 1:
        return f"drift={settings.drift} is impossible: 1 means that all clocks run alike"
    for name in ("max_entries", "max_inflight", "snapshot_every"):
        if getattr(settings, name) < 1:
            return f"{name}={getattr(settings, name)} is impossible: at least 1"
    return ""


def bare(members: Iterable[tuple[str, str]]) -> dict[str, Disk]:
    """A disk per machine for a group of these (member, machine) pairs: raft alone, without the rest of a swarm."""
    members = tuple(members)
    return {machine: Disk({"member": member, "members": members}, []) for member, machine in members}


class RaftNode:
    """One member of the group. Roles: `follower`, `precandidate`, `candidate`, `leader`; `outside` while it belongs to
    no group, or cannot read its disk because that is `sealed`; `broken` when the disk holds no log that could be
    trusted."""

    def __init__(self, machine: str, disk: Disk, dice: Dice, settings: Settings = SWARMKIT, sealed: bool = False):
        self.machine, self.dice, self.settings = machine, dice, settings
        self.phase = 0  # when raft began here, by a boot or by entering a group: ticks are counted from here, µs
        self.sealed = disk if sealed else None
        self.load(Disk({}, []) if sealed else disk)

    def load(self, disk: Disk) -> None:
        """Know what the disk tells, and nothing else."""
        values = disk.values if disk.values.get("member") else {}
        self.leftover = len(disk.log) if values else len(disk.values) + len(disk.log)  # what a crash left half done
        # Persistent, written before anything depends on it [figure 2].
        self.member: str = values.get("member", "")
        self.term: int = values.get("term", 0)
        self.vote: str | None = values.get("vote")  # the member it voted for in this term
        self.snapshot: Snapshot | None = values.get("snapshot")
        self.saved_commit: int = values.get("commit", 0)
        self.damage = ""
        try:
            self.log = logs.read(
                disk.log if values else [], values.get("base", (0, 0)), self.snapshot, self.saved_commit
            )
        except ValueError as damage:
            self.log, self.damage = logs.Log(), str(damage)
        # Who belongs to the group: what the snapshot says, or stood before index 1, changed by every applied entry.
        self.members: dict[str, str] = dict(self.snapshot.members if self.snapshot else values.get("members", ()))
        self.configuration = self.snapshot.configuration if self.snapshot else Configuration(tuple(self.members))
        self.removed: tuple[str, ...] = self.snapshot.removed if self.snapshot else ()
        # Volatile.
        self.held = self.log.last_index  # how far its own disk is known to hold the log
        self.role = "broken" if self.damage else "follower" if self.member else "outside"
        self.leader: str | None = None  # machine
        self.commit = self.snapshot.index if self.snapshot else 0
        self.nod: Send | None = None  # the answer to this leader's heartbeats, to be sent again as it is
        self.votes: dict[str, bool] = {}  # candidate: who answered what
        self.summarising: Any = None  # the index of which a summary is asked for, and who belonged to the group there
        self.asked: dict[int, int] = {}  # reads of this machine's own: key → index to be applied, 0 while not known
        # Leader only, made afresh by each election.
        self.progress: dict[str, Progress] = {}  # every other member
        self.gone: dict[str, Progress] = {}  # who was just removed, and is to hear so
        self.pending: dict[int, int] = {}  # index → key of the proposals whose fate is open
        self.change = 0  # index of the newest change of members
        self.usable = False  # an entry of its own term is committed
        self.closing = False  # an entry that is not committed yet takes its own vote away
        self.transfer: membership.Handover | None = None
        self.round = 0  # of heartbeats that reads wait for
        self.rounds: dict[int, int] = {}  # when the ones that may still extend the lease began
        self.reads: list[reads.Pending] = []
        self.lease = 0  # until when nobody else can have been elected, µs
        self.called = False  # another one was told to campaign in this term, and may do so at any time
        # Time.
        self.promised = 0  # until when it helps nobody to be elected: what lease reads rely on, µs
        self.armed = 0  # the tick from which the election time-out counts
        self.deadline = NEVER

    def step(self, event: Any, now: int) -> list:
        """Hear one event, change, and return what it asks for. `now` in µs."""
        if type(event) is Received:
            sender, message = event
            if message.target != self.member or self.damage:
                return []
            if self.removed and message.source in self.removed and type(message) is not TimeoutNow:
                return []  # as in SwarmKit, nobody hears who was removed, but for a leader's farewell
            if message.term != self.term:
                return self.hear_other_term(message, sender, now)
            return HEARS[type(message)](self, message, sender, now)
        return STEPS[type(event)](self, event, now)

    # ── terms and roles ──────────────────────────────────────────────────────────────────────────────────────────

    def hear_other_term(self, message: Any, sender: str, now: int) -> list:
        """A larger term is taken over at once; a smaller one is told so, or ignored [Raft §5.1].

        Questions before an election speak of a term in which nobody is yet: they change nobody's term [§9.6].
        """
        kind = type(message)
        if kind is PreVoteRequest or (kind is PreVote and message.granted):
            return HEARS[kind](self, message, sender, now)
        if message.term < self.term:
            return self.refuse_old_term(kind, message, sender)
        if kind is RequestVote and election.ignores(self, message, now):
            return []
        leader = sender if kind in LEADERS_WORDS else None
        effects = self.follow(message.term, leader, now)
        return effects + HEARS[kind](self, message, sender, now)

    def refuse_old_term(self, kind: type, message: Any, sender: str) -> list:
        """Requests get the newer term as an answer, so that who is behind catches up; late answers get none.

        Without it, a node that campaigned alone would be locked out by the sticky rest [etcd issue 8501].
        """
        if kind is RequestVote:
            return [self.send(sender, Vote(self.term, self.member, message.source, False))]
        if kind in LEADERS_WORDS:
            return [self.send(sender, HeartbeatAnswer(self.term, self.member, message.source))]
        return []

    def follow(self, term: int, leader: str | None, now: int) -> list:
        """Follow in this term, whoever leads it: on a larger term, on a leader's voice, or without a majority."""
        effects: list = []
        was_leader, fresh = self.role == "leader", term > self.term or self.role != "follower"
        if term > self.term:
            effects += self.enter_term(term, None)
        self.role, self.leader, self.nod = "follower", leader, None
        if fresh:
            effects.append(Note(BecameFollower(term)))
        if leader:
            effects.append(Note(LeaderRecognised(term, leader)))
        effects.append(Tell("manager", Following(term, leader)))
        if self.asked:
            effects += reads.give_up(self)
        if was_leader:
            effects += self.stop_leading()
            self.arm(now)
        return effects

    def enter_term(self, term: int, vote: str | None) -> list:
        """A new term, with the one vote of it given or still free [§5.2]. On disk before any message tells of it."""
        effects = [Save("term", term)]
        if vote != self.vote:
            effects.append(Save("vote", vote))
        self.term, self.vote = term, vote
        return effects

    def stop_leading(self) -> list:
        """What was proposed may still be agreed on under the next leader: its fate is unknown, not failed."""
        keys = [*self.pending.values(), *(read.key for read in self.reads if not read.member)]
        effects = [Tell("manager", Refused(key, "lost leadership")) for key in keys]
        self.pending, self.progress, self.gone = {}, {}, {}
        self.reads = []
        self.transfer, self.lease = None, 0
        return [*effects, self.tell_members()]

    # ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def tick_before(self, now: int) -> int:
        """The node's last tick, in µs. Ticks are never events: whoever waits for n of them computes when that is."""
        return now - (now - self.phase) % self.settings.tick

    def arm(self, now: int) -> None:
        """Wait for a leader's voice, for a time drawn anew each time, so that split votes do not repeat [§5.2]."""
        settings = self.settings
        choices = settings.election_high - settings.election_low + 1
        self.armed = self.tick_before(now)
        self.deadline = self.armed + (settings.election_low + int(self.dice.random() * choices)) * settings.tick

    def promise(self) -> int:
        """How long a leader that was heard may count on this voter, µs."""
        return self.settings.election_low * self.settings.tick if self.settings.lease_reads else 0

    def wake(self, event: Woken, now: int) -> list:
        """A leader's time is up every heartbeat, anybody else's when no leader was heard."""
        if now < self.deadline:
            return []
        return replication.beat(self, now) if self.role == "leader" else election.time_out(self, now)

    # ── disk, network, manager ───────────────────────────────────────────────────────────────────────────────────

    def write(self, entries: tuple[Entry, ...]) -> list:
        """Put entries into the log and on disk, in place of what stood there."""
        first, term = entries[0].index, 0
        effects: list = [Append(first - self.log.base, entries), *self.save_commit()]
        if first <= self.log.last_index:
            effects.append(Note(EntriesCut(first)))
        self.log.write(entries)
        effects += self.hold(entries)
        if len(entries) == 1:
            return [*effects, Note(EntriesAppended(first, first, entries[0].term))]
        for entry in entries:  # a fact per run of entries of one term
            if entry.term != term:
                start, term = entry.index, entry.term
                last = next(other.index for other in reversed(entries) if other.term == term)
                effects.append(Note(EntriesAppended(start, last, term)))
        return effects

    def hold(self, entries: tuple[Entry, ...]) -> list:
        """Count the own log as far as the disk holds it: at once, or when a slow one says so [dissertation §10.2.1]."""
        last = entries[-1]
        if self.settings.slow_disk:
            self.held = min(self.held, entries[0].index - 1)
            return [Tell("raft", Written(last.index, last.term, self.term))]
        self.held = last.index
        return []

    def save_commit(self) -> list:
        """The commit index is only a hint on disk: saved along with other writes, and when members change."""
        if self.saved_commit == self.commit:
            return []
        self.saved_commit = self.commit
        return [Save("commit", self.commit, vital=False)]

    def send(self, machine: str, message: Any) -> Send:
        return Send(machine, "raft", message)

    def tell_members(self) -> Tell:
        """Only a leader can tell who is reachable; to everybody else all are."""
        rows = ((member, machine, self.reaches(member)) for member, machine in self.members.items())
        return Tell("manager", Members(tuple(rows)))

    def reaches(self, member: str) -> bool:
        return member not in self.progress or self.progress[member].reachable

    # ── what it is told ──────────────────────────────────────────────────────────────────────────────────────────

    def start(self, event: Started, now: int) -> list:
        """Boot: what is known to be agreed on is told again, then it follows until its time-out."""
        self.phase, self.promised = now, now + self.promise()  # as it may have promised before the power went off
        if self.damage:
            return [Note(LogUnreadable(self.damage))]
        if not self.member:
            return []
        effects: list = [Note(BecameFollower(self.term)), Tell("manager", Following(self.term, None))]
        if self.leftover != len(self.log.entries):
            effects += [Append(1, tuple(self.log.entries)), Save("base", (self.log.base, self.log.base_term))]
        if self.snapshot:
            effects.append(snapshots.tell(self.snapshot))
        if self.members:
            effects += [membership.tell_change(self, self.commit), self.tell_members()]
        effects += replication.commit_to(self, max(self.saved_commit, membership.proven(self.log)))
        self.arm(now)
        if self.configuration.electors == (self.member,):
            return effects + election.campaign(self, now)  # as SwarmKit: nobody else could lead
        return effects

    def take(self, event: Told, now: int) -> list:
        return TAKES[type(event.message)](self, event.message, now)

    def found(self, wish: Found, now: int) -> list:
        """Start a group of one. As in etcd, the first entry adds the founder, so that whoever joins later learns of it."""
        *clean, member, begun = self.enter(Enter(wish.member), now)
        self.members, self.configuration = {wish.member: wish.address}, Configuration((wish.member,))
        effects = [*clean, begun, Save("members", ((wish.member, wish.address),)), *self.enter_term(1, None)]
        effects += self.write((Entry(1, 1, "add", (wish.member, wish.address)),))
        return [*effects, member, *election.campaign(self, now)]  # the member last: without it the rest means nothing

    def enter(self, wish: Enter, now: int) -> list:
        """Be a member that knows nobody yet: it hears, stores and votes, and campaigns only when it knows the group."""
        assert not self.member, "a node must forget its old group before it enters another"
        effects = self.wipe() if self.leftover else []
        self.member, self.role, self.phase, self.leftover = wish.member, "follower", now, 0
        return [*effects, Save("member", wish.member), Note(BecameFollower(self.term))]

    def unlock(self, wish: Unlock, now: int) -> list:
        """The disk can be read: now it is as after any other boot."""
        disk, self.sealed = self.sealed, None
        if disk is None:
            return []
        self.load(disk)
        return [*self.start(STARTED, now), Tell("manager", Unlock())]

    def forget(self, wish: Forget, now: int) -> list:
        """Be nobody again, with an empty disk."""
        self.sealed = None
        effects: list = [Tell("manager", Refused(key, "lost leadership")) for key in self.pending.values()]
        self.load(Disk({}, []))
        return [*self.wipe(), *effects]

    def wipe(self) -> list:
        """Erase the disk. The member goes first: without it the rest means nothing, wherever a crash stops this."""
        return [*(Save(key, None) for key in PERSISTENT), Append(1, ())]

    def propose(self, wish: Propose, now: int) -> list:
        return replication.propose(self, wish.key, "data", wish.data, now)

    def add_member(self, wish: AddMember, now: int) -> list:
        return membership.propose(self, wish.key, (MemberChange("add", wish.member, wish.address),), False, now)

    def remove_member(self, wish: RemoveMember, now: int) -> list:
        return membership.propose(self, wish.key, (MemberChange("remove", wish.member),), False, now)

    def change_members(self, wish: ChangeMembers, now: int) -> list:
        return membership.propose(self, wish.key, wish.changes, wish.joint, now)

    def hand_over(self, wish: Transfer, now: int) -> list:
        return membership.hand_over(self, wish, now)

    def rebuild(self, wish: Rebuild, now: int) -> list:
        return [] if self.damage else membership.rebuild(self, now)

    def read(self, wish: Read, now: int) -> list:
        return reads.ask(self, wish.key, now)

    def summarised(self, summary: Summary, now: int) -> list:
        return snapshots.take(self, summary)

    def written(self, report: Written, now: int) -> list:
        return replication.hear_written(self, report, now)


PERSISTENT = ("member", "term", "vote", "commit", "members", "snapshot", "base")  # the keys on disk

LEADERS_WORDS = (AppendEntries, Heartbeat, InstallSnapshot)  # only the leader of a term says these

# What a node does with what it hears: from other nodes, from its own machine, from its manager.

HEARS: dict[type, Callable[..., list]] = {
    Heartbeat: replication.hear_heartbeat,
    HeartbeatAnswer: replication.hear_heartbeat_answer,
    AppendEntries: replication.hear_entries,
    Appended: replication.hear_appended,
    Mismatched: replication.hear_mismatch,
    InstallSnapshot: snapshots.hear_snapshot,
    RequestVote: election.hear_request,
    Vote: election.hear_vote,
    PreVoteRequest: election.hear_pre_request,
    PreVote: election.hear_pre_vote,
    TimeoutNow: election.hear_timeout_now,
    ReadRequest: reads.hear_request,
    ReadAnswer: reads.hear_answer,
}

STEPS: dict[type, Callable[..., list]] = {Woken: RaftNode.wake, Told: RaftNode.take, Started: RaftNode.start}

TAKES: dict[type, Callable[..., list]] = {
    Propose: RaftNode.propose,
    Found: RaftNode.found,
    Enter: RaftNode.enter,
    Forget: RaftNode.forget,
    Unlock: RaftNode.unlock,
    AddMember: RaftNode.add_member,
    RemoveMember: RaftNode.remove_member,
    ChangeMembers: RaftNode.change_members,
    Transfer: RaftNode.hand_over,
    Rebuild: RaftNode.rebuild,
    Read: RaftNode.read,
    Summary: RaftNode.summarised,
    Written: RaftNode.written,
}
