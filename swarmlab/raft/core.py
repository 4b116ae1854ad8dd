"""One raft node: what it remembers, which role it plays, and to which chapter it hands what it hears.

The rules are those of the extended Raft paper, with check-quorum and leader stickiness of Ongaro's dissertation
(§6.2, §4.2.3), and SwarmKit's and etcd's choices where the paper leaves one.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ..effects import (
    MS,
    NEVER,
    SECOND,
    AddMember,
    Append,
    Dice,
    Disk,
    Enter,
    Entry,
    Following,
    Forget,
    Found,
    Members,
    Note,
    Propose,
    Received,
    Refused,
    RemoveMember,
    Save,
    Send,
    Started,
    Tell,
    Told,
    Woken,
)
from ..events import BecameFollower, EntriesAppended, EntriesCut, LeaderRecognised
from . import election, membership, replication
from .log import Log
from .messages import Appended, AppendEntries, Heartbeat, HeartbeatAnswer, Mismatched, RequestVote, Vote
from .progress import Progress


class Settings(NamedTuple):
    """How a group is timed. Like etcd, a node counts whole ticks since it booted."""

    tick: int  # µs
    election_low: int  # ticks without a leader after which a follower may campaign: drawn between these two,
    election_high: int  # both included; the lower one is also how long a leader lives without a majority
    heartbeat: int  # ticks
    check_quorum: bool = True  # a leader without a majority resigns; who hears a leader ignores candidates
    max_entries: int = 64  # in one append


SWARMKIT = Settings(tick=SECOND, election_low=10, election_high=19, heartbeat=1)
PAPER = Settings(tick=MS, election_low=150, election_high=300, heartbeat=75)


def bare(members: Iterable[tuple[str, str]]) -> dict[str, Disk]:
    """A disk per machine for a group of these (member, machine) pairs: raft alone, without the rest of a swarm."""
    members = tuple(members)
    return {machine: Disk({"member": member, "members": members}, []) for member, machine in members}


class RaftNode:
    """One member of the group. Roles: `follower`, `candidate`, `leader`, and `outside` while it belongs to no group."""

    def __init__(self, machine: str, disk: Disk, dice: Dice, settings: Settings = SWARMKIT):
        self.machine, self.dice, self.settings = machine, dice, settings
        self.phase = 0  # when raft began here, by a boot or by entering a group: ticks are counted from here, µs
        self.load(disk)

    def load(self, disk: Disk) -> None:
        """Know what the disk tells, and nothing else."""
        # Persistent, written before anything depends on it [figure 2].
        self.member: str = disk.values.get("member", "")
        self.term: int = disk.values.get("term", 0)
        self.vote: str | None = disk.values.get("vote")  # the member it voted for in this term
        self.log = Log(disk.log)
        self.saved_commit: int = disk.values.get("commit", 0)
        # Who belongs to the group: what stood before index 1, changed by every applied entry.
        self.members: dict[str, str] = dict(disk.values.get("members", ()))  # member → machine
        self.removed: tuple[str, ...] = ()
        # Volatile.
        self.role = "follower" if self.member else "outside"
        self.leader: str | None = None  # machine
        self.commit = 0
        self.nod: Send | None = None  # the answer to this leader's heartbeats, to be sent again as it is
        self.votes: dict[str, bool] = {}  # candidate: who answered what
        # Leader only, made afresh by each election.
        self.progress: dict[str, Progress] = {}  # every other member
        self.pending: dict[int, int] = {}  # index → key of the proposals whose fate is open
        self.change = 0  # index of the newest change of members
        self.usable = False  # an entry of its own term is committed
        # Time.
        self.armed = 0  # the tick from which the election time-out counts
        self.deadline = NEVER

    def step(self, event: Any, now: int) -> list:
        """Hear one event, change, and return what it asks for. `now` in µs."""
        if type(event) is Received:
            sender, message = event
            if message.target != self.member:
                return []
            if message.term != self.term:
                return self.hear_other_term(message, sender, now)
            return HEARS[type(message)](self, message, sender, now)
        return STEPS[type(event)](self, event, now)

    # ── terms and roles ──────────────────────────────────────────────────────────────────────────────────────────

    def hear_other_term(self, message: Any, sender: str, now: int) -> list:
        """A larger term is taken over at once; a smaller one is told so, or ignored [Raft §5.1]."""
        kind = type(message)
        if message.term < self.term:
            return self.refuse_old_term(kind, message, sender)
        if kind is RequestVote and election.ignores(self, message, now):
            return []
        leader = sender if kind in (AppendEntries, Heartbeat) else None
        effects = self.follow(message.term, leader, now)
        return effects + HEARS[kind](self, message, sender, now)

    def refuse_old_term(self, kind: type, message: Any, sender: str) -> list:
        """Requests get the newer term as an answer, so that who is behind catches up; late answers get none.

        Without it, a node that campaigned alone would be locked out by the sticky rest [etcd issue 8501].
        """
        if kind is RequestVote:
            return [self.send(sender, Vote(self.term, self.member, message.source, False))]
        if kind in (AppendEntries, Heartbeat):
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
        effects = [Tell("manager", Refused(key, "lost leadership")) for key in self.pending.values()]
        self.pending, self.progress = {}, {}
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

    def wake(self, event: Woken, now: int) -> list:
        """A leader's time is up every heartbeat, anybody else's when no leader was heard."""
        if now < self.deadline:
            return []
        return replication.beat(self, now) if self.role == "leader" else election.time_out(self, now)

    # ── disk, network, manager ───────────────────────────────────────────────────────────────────────────────────

    def write(self, entries: tuple[Entry, ...]) -> list:
        """Put entries into the log and on disk, in place of what stood there."""
        first, last = entries[0].index, entries[-1]
        cut = [Note(EntriesCut(first))] if first <= self.log.last_index else []
        self.log.write(entries)
        note = Note(EntriesAppended(first, last.index, last.term))
        return [Append(first, entries), *self.save_commit(), *cut, note]

    def save_commit(self) -> list:
        """The commit index is only a hint on disk: saved along with other writes, and when members change."""
        if self.saved_commit == self.commit:
            return []
        self.saved_commit = self.commit
        return [Save("commit", self.commit)]

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
        self.phase = now
        if not self.member:
            return []
        effects: list = [Note(BecameFollower(self.term)), Tell("manager", Following(self.term, None))]
        if self.members:
            effects.append(self.tell_members())
        effects += replication.commit_to(self, self.saved_commit)
        self.arm(now)
        if list(self.members) == [self.member]:
            return effects + election.campaign(self, now)  # as SwarmKit: nobody else could lead
        return effects

    def take(self, event: Told, now: int) -> list:
        return TAKES[type(event.message)](self, event.message, now)

    def found(self, wish: Found, now: int) -> list:
        """Start a group of one. As in etcd, the first entry adds the founder, so that whoever joins later learns of it."""
        self.members = {wish.member: wish.address}
        effects = [Save("members", ((wish.member, wish.address),)), *self.enter(Enter(wish.member), now)]
        effects += self.enter_term(1, None)
        effects += self.write((Entry(1, 1, "add", (wish.member, wish.address)),))
        return effects + election.campaign(self, now)

    def enter(self, wish: Enter, now: int) -> list:
        """Be a member that knows nobody yet: it hears, stores and votes, and campaigns only when it knows the group."""
        assert not self.member, "a node must forget its old group before it enters another"
        self.member, self.role, self.phase = wish.member, "follower", now
        return [Save("member", wish.member), Note(BecameFollower(self.term))]

    def forget(self, wish: Forget, now: int) -> list:
        """Be nobody again, with an empty disk."""
        effects: list = [Tell("manager", Refused(key, "lost leadership")) for key in self.pending.values()]
        self.load(Disk({}, []))
        return [*(Save(key, None) for key in ("member", "term", "vote", "commit", "members")), Append(1, ()), *effects]

    def propose(self, wish: Propose, now: int) -> list:
        return replication.propose(self, wish.key, "data", wish.data, now)

    def add_member(self, wish: AddMember, now: int) -> list:
        return self.change_members(wish.key, "add", (wish.member, wish.address), now)

    def remove_member(self, wish: RemoveMember, now: int) -> list:
        return self.change_members(wish.key, "remove", (wish.member, self.members.get(wish.member, "")), now)

    def change_members(self, key: int, kind: str, data: tuple[str, str], now: int) -> list:
        """Propose a change as an entry like any other, if it is its turn."""
        if self.role == "leader":
            if not membership.may_change(self):
                return [Tell("manager", Refused(key, "another change is pending"))]
            self.change = self.log.last_index + 1
        return replication.propose(self, key, kind, data, now)


# What a node does with what it hears: from other nodes, from its own machine, from its manager.

HEARS: dict[type, Callable[..., list]] = {
    Heartbeat: replication.hear_heartbeat,
    HeartbeatAnswer: replication.hear_heartbeat_answer,
    AppendEntries: replication.hear_entries,
    Appended: replication.hear_appended,
    Mismatched: replication.hear_mismatch,
    RequestVote: election.hear_request,
    Vote: election.hear_vote,
}

STEPS: dict[type, Callable[..., list]] = {Woken: RaftNode.wake, Told: RaftNode.take, Started: RaftNode.start}

TAKES: dict[type, Callable[..., list]] = {
    Propose: RaftNode.propose,
    Found: RaftNode.found,
    Enter: RaftNode.enter,
    Forget: RaftNode.forget,
    AddMember: RaftNode.add_member,
    RemoveMember: RaftNode.remove_member,
}
