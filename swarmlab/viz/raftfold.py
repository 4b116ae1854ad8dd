"""What every member of a raft group was, and when: facts, messages and alarms folded into one track per member and key.

A track is a list of instants and a list of values, so that whoever looks back at an instant only has to search. What a
leader believes of a follower is nobody's fact: it follows from the messages between the two, as it does for the leader.
"""

from operator import itemgetter
from typing import Any

from ..events import (
    BecameCandidate,
    BecameFollower,
    BecameLeader,
    BecamePreCandidate,
    ClockChanged,
    CommitAdvanced,
    EntriesAppended,
    EntriesCut,
    GroupChanged,
    LeaderRecognised,
    LogUnreadable,
    MachineCrashed,
    MachineFrozen,
    MachineShutDown,
    MachineStarted,
    MachineThawed,
    ReachabilityChanged,
    SnapshotInstalled,
    SnapshotTaken,
    SteppedDown,
    SwarmLeft,
    TransferBegun,
    TransferEnded,
    VoteGranted,
    VoteRefused,
)

NEVER = 1 << 62
LAST = 1 << 60  # after every fact of an instant
NEW: dict[str, Any] = {  # what a machine is before anything is known of it
    "looks": "off",  # up · frozen · down · off
    "role": "outside",  # follower · precandidate · candidate · leader · broken; '' without power
    "term": 0,
    "vote": "",  # whom it voted for in this term
    "leader": "",  # whom it hears
    "timer": None,  # [armed at, ends at] of its election time-out, true µs
    "votes": None,  # a candidate's: who was asked, and how far that is
    "places": None,  # a candidate's: [votes it needs, has, may still get], per half of the group
    "log": [],  # runs of equal terms behind `base`, as [term, last index]
    "base": 0,  # entries up to here are in the snapshot only
    "commit": 0,
    "group": None,  # {voters, outgoing, learners}, as it knows them
    "transfer": "",  # to whom a leader hands over
}
ASKING = ("precandidate", "candidate")
REQUESTS, ANSWERS = ("RequestVote", "PreVoteRequest"), ("Vote", "PreVote")
FOLDED = (*REQUESTS, *ANSWERS, "AppendEntries", "Appended", "Mismatched", "InstallSnapshot")


def happenings(facts: list, messages: list[list], alarms: list) -> list[tuple]:
    """Facts, departures, arrivals and alarms as (time, order, what, item), in the order in which they happened.

    A message knows how many facts there were when it left. What it causes where it arrives comes after its arrival;
    who is frozen then hears it when that ends.
    """
    rows = [(record.time, 2 * record.number, "fact", record) for record in facts]
    naps = _naps(facts)
    for message in messages:
        if message[4] in FOLDED:
            rows.append((message[0], 2 * message[9] - 1, "sent", message))
            heard = message[1] if message[6] != "down" else -1
            nap = next((nap for nap in naps.get(message[3], ()) if nap[0] <= heard < nap[1]), None)
            heard = heard if nap is None else nap[2]
            if heard >= 0:
                rows.append((heard, -1, "heard", message))
    last = {(alarm.time, alarm.source): alarm for alarm in alarms if alarm.core == "raft"}
    rows += [(alarm.time, LAST, "alarm", alarm) for alarm in last.values()]
    rows.sort(key=itemgetter(0, 1))
    return rows


def _naps(facts: list) -> dict[str, list[list[int]]]:
    """When each machine was frozen, as [from, to, when it hears what came in], -1 for never: a crash ended it."""
    naps: dict[str, list[list[int]]] = {}
    for record in facts:
        mine = naps.setdefault(record.source, [])
        frozen = bool(mine) and mine[-1][1] == NEVER
        if isinstance(record.fact, MachineFrozen) and not frozen:
            mine.append([record.time, NEVER, -1])
        elif isinstance(record.fact, MachineThawed) and frozen:
            mine[-1][1:] = [record.time, record.time]
        elif isinstance(record.fact, MachineCrashed | MachineShutDown) and frozen:
            mine[-1][1] = record.time
    return naps


class Fold:
    """Goes through a run once. `tracks` is what remains of it."""

    def __init__(self, names: list[str]):
        self.names = names
        self.time = 0
        self.now = {name: dict(NEW) for name in names}
        self.tracks: dict[str, dict[str, list]] = {name: {} for name in names}
        self.probing: dict[tuple[str, str], str] = {}  # (leader, follower): `probe`, `snapshot`, or '' when pipelined
        self.clocks = dict.fromkeys(names, (1.0, 0, 0))  # rate, since when (true µs), what it showed then
        self.snapshots = dict.fromkeys(names, 0)  # the index of the newest one on disk
        self.changes: dict[str, list[tuple]] = {name: [] for name in names}  # (index, group)
        self.groups: list[list] = []  # [time, index, group]: the newest that anybody knows

    def run(self, rows: list[tuple]) -> None:
        """Fold all of it."""
        steps = {"fact": self.take, "sent": self.send, "heard": self.hear, "alarm": self.arm}
        for self.time, _, what, item in rows:
            steps[what](item)

    def put(self, name: str, key: str, value: Any) -> None:
        """From now on this is so. Of several changes in one instant the last one counts."""
        if self.now[name].get(key) == value:
            return
        self.now[name][key] = value
        times, values = self.tracks[name].setdefault(key, [[], []])
        if times and times[-1] == self.time:
            values[-1] = value
        else:
            times.append(self.time)
            values.append(value)

    # ── facts ────────────────────────────────────────────────────────────────────────────────────────────────────

    def take(self, record: Any) -> None:
        """One fact, if it is about a member."""
        name, fact = record.source, record.fact
        if name not in self.now:
            return
        match fact:
            case EntriesAppended() | EntriesCut() | CommitAdvanced() | SnapshotTaken() | SnapshotInstalled():
                self.write(name, fact)
            case MachineStarted() | MachineCrashed() | MachineShutDown() | MachineFrozen() | MachineThawed():
                self.switch(name, fact)
            case SwarmLeft():
                for key, value in NEW.items():
                    self.put(name, key, self.now[name]["looks"] if key == "looks" else value)
                self.lead_no_more(name)
            case LogUnreadable():
                self.play(name, "broken", 0, "")
            case GroupChanged():
                self.regroup(name, fact)
            case ClockChanged(rate):
                self.drift(name, rate)
            case ReachabilityChanged(machine, False) if self.believed(name, machine):
                self.expect(name, machine, self.believed(name, machine)[0] + 1, how="probe")
            case TransferBegun(to):
                self.put(name, "transfer", to)
            case TransferEnded():
                self.put(name, "transfer", "")
            case _:
                self.elect(name, fact)

    def elect(self, name: str, fact: Any) -> None:
        """Terms, votes and roles."""
        match fact:
            case BecameFollower(term) | SteppedDown(term):
                self.play(name, "follower", term, "")
            case BecamePreCandidate(term):
                self.play(name, "precandidate", term, "")
                self.ask(name, name, "granted")
            case BecameCandidate(term):
                self.play(name, "candidate", term, "")
                self.put(name, "vote", name)
                self.ask(name, name, "granted")
            case BecameLeader(term):
                self.play(name, "leader", term, name)
                self.put(name, "timer", None)
                self.know_followers(name)
            case VoteGranted(term, candidate):
                self.enter(name, term)
                self.put(name, "vote", candidate)
            case VoteRefused(term):
                self.enter(name, term)
            case LeaderRecognised(term, leader):
                self.enter(name, term)
                self.put(name, "leader", leader)

    def play(self, name: str, role: str, term: int, leader: str) -> None:
        """Another role: what belonged to the old one is gone."""
        self.enter(name, term)
        self.lead_no_more(name)
        for key, value in (("role", role), ("leader", leader), ("votes", None), ("places", None), ("transfer", "")):
            self.put(name, key, value)

    def enter(self, name: str, term: int) -> None:
        """A larger term comes with a free vote."""
        if term > self.now[name]["term"]:
            self.put(name, "term", term)
            self.put(name, "vote", "")

    def switch(self, name: str, fact: Any) -> None:
        """Power: what was in memory goes with it; term, vote and log are on disk."""
        match fact:
            case MachineStarted():
                self.put(name, "looks", "up")
                self.put(name, "commit", self.snapshots[name])
                self.changes[name] = [row for row in self.changes[name] if row[0] <= self.snapshots[name]]
                self.put(name, "group", self.changes[name][-1][1] if self.changes[name] else None)
            case MachineFrozen() | MachineThawed():
                self.put(name, "looks", "frozen" if isinstance(fact, MachineFrozen) else "up")
            case _:
                was = self.now[name]["role"]
                self.play(name, "outside" if was == "outside" else "", 0, "")
                self.put(name, "timer", None)
                self.put(name, "looks", "down" if isinstance(fact, MachineCrashed) else "off")

    def arm(self, alarm: Any) -> None:
        """Whoever does not lead waits for a leader's voice, by its own clock."""
        name = alarm.source
        if name in self.now and self.now[name]["role"] not in ("leader", "outside", "broken", ""):
            rate, since, showed = self.clocks[name]
            ends = since + int((alarm.deadline - showed) / rate)
            self.put(name, "timer", [alarm.time, ends] if alarm.deadline < NEVER else None)
            if alarm.deadline >= NEVER:  # who has no vote only stops waiting, and forgets whom it heard
                self.put(name, "leader", "")

    def drift(self, name: str, rate: float) -> None:
        """Its clock runs at another rate: what is left of its time-out takes longer, or less long."""
        old, since, showed = self.clocks[name]
        self.clocks[name] = rate, self.time, showed + int((self.time - since) * old)
        timer = self.now[name]["timer"]
        if timer:
            self.put(name, "timer", [timer[0], self.time + int((timer[1] - self.time) * old / rate)])

    def regroup(self, name: str, fact: Any) -> None:
        """Who belongs to the group, as this member knows it from now on."""
        group = {"voters": [*fact.voters], "outgoing": [*fact.outgoing], "learners": [*fact.learners]}
        self.changes[name] = [*(row for row in self.changes[name] if row[0] < fact.index), (fact.index, group)]
        self.put(name, "group", group)
        self.know_followers(name)
        if not self.groups or fact.index > self.groups[-1][1]:
            self.groups.append([self.time, fact.index, group])

    # ── the log ──────────────────────────────────────────────────────────────────────────────────────────────────

    def write(self, name: str, fact: Any) -> None:
        """The log on its disk, and how far it knows it to be agreed on."""
        log, base = self.now[name]["log"], self.now[name]["base"]
        match fact:
            case EntriesAppended(first, last, term):
                self.put(name, "log", joined(cut(log, base, first), term, last))
            case EntriesCut(first):
                self.put(name, "log", cut(log, base, first))
            case CommitAdvanced(index):
                self.put(name, "commit", index)
            case SnapshotTaken(index, first):
                self.snapshots[name] = index
                self.put(name, "base", max(base, first - 1))
                self.put(name, "log", [run for run in log if run[1] >= first])
            case SnapshotInstalled(index, term):
                self.snapshots[name] = index
                same = term_at(log, base, index) == term
                self.put(name, "base", index)
                self.put(name, "log", [run for run in log if run[1] > index] if same else [])
                self.put(name, "commit", max(index, self.now[name]["commit"]))

    def last_index(self, name: str) -> int:
        """Where its log ends."""
        log = self.now[name]["log"]
        return log[-1][1] if log else self.now[name]["base"]

    # ── votes ────────────────────────────────────────────────────────────────────────────────────────────────────

    def ask(self, name: str, voter: str, how: str) -> None:
        """How far the vote of one member is: asked, answering, granted, refused, lost."""
        self.put(name, "votes", {**(self.now[name]["votes"] or {}), voter: how})
        self.put(name, "places", places(self.group_of(name), self.now[name]["votes"]))

    def group_of(self, name: str) -> dict[str, list[str]]:
        """Who belongs to the group, as this member knows it; where nothing tells, all do."""
        members = [other for other in self.names if self.now[other]["role"] != "outside"]
        return self.now[name]["group"] or {"voters": members, "outgoing": [], "learners": []}

    # ── what a leader believes ───────────────────────────────────────────────────────────────────────────────────

    def believed(self, leader: str, follower: str) -> Any:
        """[match, next] of this follower, None where it is no follower."""
        return self.now[leader].get(f"peer/{follower}")

    def expect(self, leader: str, follower: str, next: int, match: int = -1, how: str | None = None) -> None:
        """What the leader now believes of this follower; next is always behind what is proven."""
        known = self.believed(leader, follower) or [0, 1]
        match = max(known[0], match)
        self.put(leader, f"peer/{follower}", [match, max(next, match + 1)])
        if how is not None:
            self.probing[leader, follower] = how

    def know_followers(self, leader: str) -> None:
        """A leader begins with the hope that everybody's log ends where its own does."""
        if self.now[leader]["role"] != "leader":
            return
        group = self.group_of(leader)
        members = sorted({*group["voters"], *group["outgoing"], *group["learners"]} - {leader})
        for member in members:
            if self.believed(leader, member) is None:
                self.expect(leader, member, self.last_index(leader) + 1, how="probe")
        for key in [key for key in self.now[leader] if key.startswith("peer/") and key[5:] not in members]:
            self.put(leader, key, None)

    def lead_no_more(self, name: str) -> None:
        """What it believed of its followers is forgotten."""
        for key in [key for key in self.now[name] if key.startswith("peer/")]:
            self.put(name, key, None)

    # ── messages ─────────────────────────────────────────────────────────────────────────────────────────────────

    def send(self, message: list) -> None:
        """A message leaves. The row keeps its sender's term, which is also its own."""
        _, arrived, sender, to, name, _, fate, _, brief, _ = message
        if sender not in self.now:
            return
        message[5] = self.now[sender]["term"]
        died = arrived < 0 or fate == "down"
        if name in REQUESTS and self.now[sender]["role"] in ASKING:
            self.ask(sender, to, "lost" if died else "asked")
        elif name in ANSWERS and to in self.now and self.awaits(to, sender, message):
            self.ask(to, sender, "lost" if died else "answering")
        elif self.believed(sender, to):
            self.push(sender, to, name, brief)

    def push(self, leader: str, follower: str, name: str, brief: list[int]) -> None:
        """What a leader sends to a follower begins where it hopes that the follower's log ends."""
        how = self.probing.get((leader, follower), "probe")
        if name == "AppendEntries" and brief:
            self.expect(leader, follower, brief[0] + 1 + (brief[1] if how == "" else 0))
        elif name == "InstallSnapshot":
            match, next = self.believed(leader, follower)
            self.expect(leader, follower, match + 1 if how == "snapshot" else next, how="snapshot")

    def awaits(self, candidate: str, voter: str, message: list) -> bool:
        """Whether this answer is one to what the candidate asks now. One to a question before it has another term."""
        now = self.now[candidate]
        wanted = {"Vote": "candidate", "PreVote": "precandidate"}[message[4]]
        current = message[4] == "PreVote" or message[5] == now["term"]
        return now["role"] == wanted and current and (now["votes"] or {}).get(voter) in ("asked", "answering", "lost")

    def hear(self, message: list) -> None:
        """A message arrives."""
        _, _, sender, to, name, term, _, _, brief, _ = message
        if to not in self.now or sender not in self.now or not brief:
            return
        if name in ANSWERS and self.awaits(to, sender, message):
            self.ask(to, sender, "granted" if brief[0] else "refused")
        elif name in ("Appended", "Mismatched") and term == self.now[to]["term"] and self.believed(to, sender):
            self.learn(to, sender, name, *brief)

    def learn(self, leader: str, follower: str, name: str, index: int, hint: int = 0) -> None:
        """What an answer proves, or takes the hope from. Late ones say nothing."""
        match, next = self.believed(leader, follower)
        how = self.probing.get((leader, follower))
        if name == "Appended":
            if how == "snapshot" and index >= self.now[leader]["base"]:
                next = index + 1
            if index >= match:
                self.expect(leader, follower, next, index, how="")
        elif how != "snapshot" and (index == next - 1 if how == "probe" else index > match):
            self.expect(leader, follower, min(hint, index) + 1, how="probe")


def cut(log: list[list[int]], base: int, first: int) -> list[list[int]]:
    """The runs of a log as far as they lie before `first`."""
    kept, start = [], base + 1
    for term, last in log:
        if start < first:
            kept.append([term, min(last, first - 1)])
        start = last + 1
    return kept


def joined(log: list[list[int]], term: int, last: int) -> list[list[int]]:
    """A log with one more run."""
    return [*log[:-1], [term, last]] if log and log[-1][0] == term else [*log, [term, last]]


def term_at(log: list[list[int]], base: int, index: int) -> int | None:
    """The term of the entry at an index, None where there is none."""
    return next((term for term, last in log if base < index <= last), None)


def places(group: dict[str, list[str]], votes: dict[str, str]) -> list[list[int]]:
    """For each half of the group that must agree: how many votes it takes, how many came, how many still may."""
    halves = [half for half in (group["voters"], group["outgoing"]) if half]
    counted = []
    for half in halves:
        how = [votes.get(voter, "") for voter in half]
        counted.append([len(half) // 2 + 1, how.count("granted"), how.count("asked") + how.count("answering")])
    return counted
