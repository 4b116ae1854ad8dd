"""Bugs to plant, one at a time: the mistakes that people make when they write Raft, each with what must catch it.

A checker is trusted only after it has caught these. Numbers are those of the traps in `docs/raft-traps.md`. A mutant
changes the engine only while it is planted; `focus` draws the runs where it can do its harm.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from ..effects import Note, Save, Send, Trim
from ..events import CommitAdvanced
from ..raft import core, election, keyvalue, membership, quorum, reads, replication, snapshots
from ..raft.core import RaftNode
from ..raft.log import Log
from ..raft.messages import AppendEntries, Heartbeat, InstallSnapshot, PreVoteRequest, RequestVote, Vote
from ..raft.progress import Progress

SAFETY = ("leader completeness", "state machine safety", "commit justified", "log matching", "linearizability")
Patch = tuple[Any, str, Any]  # where, the name there, what to put in its place


class Mutant(NamedTuple):
    """A bug. `patches` gives what to replace; `caught` names the laws that may catch it, `digest` if none can."""

    trap: int
    about: str
    caught: tuple[str, ...]
    patches: Callable[[], list[Patch]]
    focus: dict[str, Any]

    @contextmanager
    def planted(self) -> Iterator[None]:
        """The engine has this bug inside the block."""
        changed = []
        try:
            for place, name, new in self.patches():
                if isinstance(place, dict):
                    changed.append((place.__setitem__, name, place[name]))
                    place[name] = new
                else:
                    changed.append((partial(setattr, place), name, vars(place)[name]))
                    setattr(place, name, new)
            yield
        finally:
            for put_back, name, old in reversed(changed):
                put_back(name, old)


MUTANTS: dict[str, Mutant] = {}


def plant(name: str, trap: int, about: str, *caught: str, **focus: Any) -> Callable:
    """Note the function below as the mutant of this name."""

    def note(patches: Callable[[], list[Patch]]) -> Callable[[], list[Patch]]:
        MUTANTS[name] = Mutant(trap, about, caught, patches, {"pause": 0.12, **focus})
        return patches

    return note


def without(kind: type, *keys: str) -> Callable:
    """A `step` that leaves these effects out."""
    honest = RaftNode.step

    def step(node: RaftNode, event: Any, now: int) -> list:
        return [e for e in honest(node, event, now) if not (type(e) is kind and getattr(e, "key", "") in keys)]

    return step


# ── what is agreed on ────────────────────────────────────────────────────────────────────────────────────────────


@plant("figure 8", 1, "an older term's entry is committed by counting", *SAFETY, max_entries=1, max_inflight=1, members=3, check_quorum=False, pre_vote=False, lease_reads=False, pace=60_000, faults=["crash", "partition", "links", "time_out"])  # fmt: skip
def _() -> list[Patch]:
    return [(replication, "may_commit", lambda node, index: True)]


@plant("cuts always", 2, "every append cuts the log behind it", *SAFETY, faults=["links", "crash"])
def _() -> list[Patch]:
    return [(Log, "news", lambda log, entries: tuple(e for e in entries if e.index > log.base))]


@plant("commits the unproven", 3, "a follower commits up to its last index", *SAFETY, max_entries=1, faults=["crash", "partition", "links"])  # fmt: skip
def _() -> list[Patch]:
    honest = replication.hear_entries

    def hasty(node: Any, message: Any, sender: str, now: int) -> list:
        return honest(node, message, sender, now) + replication.commit_to(
            node, min(message.commit, node.log.last_index)
        )

    return [(core.HEARS, AppendEntries, hasty)]  # type: ignore[list-item]


@plant("heartbeats say too much", 3, "a heartbeat tells the commit index to who may not hold it", *SAFETY, "broken node", faults=["crash", "partition"])  # fmt: skip
def _() -> list[Patch]:
    honest = replication.heartbeat

    def boastful(node: Any, progress: Any) -> Send:
        beat = honest(node, progress)
        return beat._replace(message=beat.message._replace(commit=node.commit))

    def believing(node: Any, message: Any, sender: str, now: int) -> list:
        return replication_heartbeat(
            node, message._replace(commit=min(message.commit, node.log.last_index)), sender, now
        )

    replication_heartbeat = replication.hear_heartbeat
    return [(replication, "heartbeat", boastful), (core.HEARS, Heartbeat, believing)]  # type: ignore[list-item]


@plant("commit goes back", 4, "a lower commit index is believed", "commits grow")
def _() -> list[Patch]:
    honest = replication.hear_heartbeat

    def meek(node: Any, message: Any, sender: str, now: int) -> list:
        lower = node.log.base < message.commit < node.commit
        if lower:
            node.commit = message.commit
        return [*([Note(CommitAdvanced(message.commit))] if lower else []), *honest(node, message, sender, now)]

    return [(core.HEARS, Heartbeat, meek)]  # type: ignore[list-item]


@plant("half is enough", 10, "with an even number half of them count as a majority", "commit justified", "leader completeness", "state machine safety", members=4)  # fmt: skip
def _() -> list[Patch]:
    def half(matches: Any) -> int:
        rising = sorted(matches)
        return rising[len(rising) // 2] if rising else 0

    return [(quorum, "committed_index", half)]


@plant("believes in next", 11, "what was sent counts as held", "commit justified", *SAFETY, faults=["links", "crash"])
def _() -> list[Patch]:
    honest = Progress.prove
    return [(Progress, "prove", lambda progress, match: honest(progress, max(match, progress.next - 1)))]


@plant("late disk", 20, "a late report of the disk counts for what stands there now", "digest", pace=60_000, members=5, pre_vote=False, check_quorum=False, lease_reads=False, max_entries=1, faults=["disk", "partition", "time_out", "crash"])  # fmt: skip
def _() -> list[Patch]:
    def gullible(node: Any, report: Any, now: int) -> list:
        node.held = max(node.held, min(report.index, node.log.last_index))
        return replication.advance(node, now) if node.role == "leader" else []

    return [(replication, "hear_written", gullible)]


@plant("own disk unasked", 20, "a leader counts itself before its slow disk holds the entry", "commit justified", *SAFETY, faults=["disk", "torn"])  # fmt: skip
def _() -> list[Patch]:
    honest = RaftNode.hold

    def hold(node: Any, entries: tuple) -> list:
        effects = honest(node, entries)
        node.held = entries[-1].index
        return effects

    return [(RaftNode, "hold", hold)]


# ── votes ────────────────────────────────────────────────────────────────────────────────────────────────────────


@plant("vote not saved", 5, "a vote is not on disk before it is given", "one vote", "election safety", faults=["crash", "torn"])  # fmt: skip
def _() -> list[Patch]:
    return [(RaftNode, "step", without(Save, "vote"))]


@plant("term not saved", 5, "a term is not on disk before it is spoken of", "terms grow", "one vote", faults=["crash"])
def _() -> list[Patch]:
    return [(RaftNode, "step", without(Save, "term"))]


@plant("speaks before it writes", 5, "messages leave before what they depend on is on disk", "one vote", "terms grow", *SAFETY, faults=["torn", "time_out"])  # fmt: skip
def _() -> list[Patch]:
    honest = RaftNode.step
    return [(RaftNode, "step", lambda n, e, t: sorted(honest(n, e, t), key=lambda x: type(x) not in (Send, Note)))]


@plant("always re-arms", 6, "every request for a vote puts off the own election", "digest")
def _() -> list[Patch]:
    honest = election.hear_request

    def patient(node: Any, message: Any, sender: str, now: int) -> list:
        node.arm(now)
        return honest(node, message, sender, now)

    return [(core.HEARS, RequestVote, patient)]  # type: ignore[list-item]


@plant("same time-out", 7, "all wait equally long, always", "liveness")
def _() -> list[Patch]:
    def arm(node: Any, now: int) -> None:
        node.armed = node.tick_before(now)
        node.deadline = now // 300_000 * 300_000 + 600_000

    return [(RaftNode, "arm", arm)]


@plant("vote cleared", 8, "who loses against a leader of its own term may vote again in it", "one vote", "election safety", faults=["time_out", "links", "crash"])  # fmt: skip
def _() -> list[Patch]:
    honest = RaftNode.follow

    def follow(node: Any, term: int, leader: Any, now: int) -> list:
        effects = honest(node, term, leader, now)
        if node.vote == node.member:
            node.vote = None
            effects = [Save("vote", None), *effects]
        return effects

    return [(RaftNode, "follow", follow)]


@plant("votes twice counted", 9, "a vote that arrives twice counts twice", "election safety", faults=["links", "time_out", "partition"], members=5)  # fmt: skip
def _() -> list[Patch]:
    def hear(node: Any, message: Vote, sender: str, now: int) -> list:
        if node.role != "candidate":
            return []
        name = message.source if message.source not in node.votes else f"{message.source}/{len(node.votes)}"
        node.votes[name] = message.granted
        return election.lead_if_elected(node, now)

    def result(node: Any) -> str:
        yes = list(node.votes.values()).count(True)
        return "won" if yes >= quorum.majority(len(node.configuration.voters)) else "pending"

    return [(core.HEARS, Vote, hear), (election, "result", result)]  # type: ignore[list-item]


@plant("encouragement is a vote", 9, "who would be voted for leads, without the vote", "election safety", "one vote", *SAFETY, pre_vote=True, faults=["time_out", "links"])  # fmt: skip
def _() -> list[Patch]:
    def go_on(node: Any, now: int) -> list:
        if election.result(node) != "won":
            return []
        return [*node.enter_term(node.term + 1, node.member), *election.lead(node, now)]

    return [(election, "go_on_if_encouraged", go_on)]


@plant("any log will do", 1, "a vote for a candidate whose log is behind", *SAFETY)
def _() -> list[Patch]:
    return [(election, "is_up_to_date", lambda *_: True)]


@plant("no majority asked", 9, "one vote makes a leader", "election safety", "broken node")
def _() -> list[Patch]:
    return [(election, "result", lambda node: "won")]


@plant("sees no leader go", 3, "while it asks it still believes in its leader, and refuses who else asks", "digest", pre_vote=True, check_quorum=True, members=3)  # fmt: skip
def _() -> list[Patch]:
    honest = election.ask_first

    def faithful(node: Any, now: int) -> list:
        leader = node.leader or node.machine
        effects = honest(node, now)
        if node.role == "precandidate":
            node.leader = leader
        return effects

    return [(election, "ask_first", faithful)]


@plant("silent to the late", 3, "a question about a term that is behind gets no answer", "liveness", pre_vote=True, members=3, absent=True, pace=60_000, faults=["transfer", "links", "crash", "partition"])  # fmt: skip
def _() -> list[Patch]:
    honest = election.hear_pre_request

    def proud(node: Any, message: Any, sender: str, now: int) -> list:
        return honest(node, message, sender, now) if message.term > node.term else []

    return [(election, "hear_pre_request", proud), (core.HEARS, PreVoteRequest, proud)]  # type: ignore[list-item]


@plant("locked out", 3, "a former leader is not told of the newer term", "liveness", check_quorum=True, pre_vote=False, faults=["partition", "time_out"])  # fmt: skip
def _() -> list[Patch]:
    return [(RaftNode, "refuse_old_term", lambda node, kind, message, sender: [])]


# ── logs, snapshots ──────────────────────────────────────────────────────────────────────────────────────────────


@plant("does not look back", 2, "entries are taken whatever stands before them", *SAFETY, "broken node", max_entries=1, faults=["links", "crash", "partition"])  # fmt: skip
def _() -> list[Patch]:
    honest = replication.hear_entries

    def careless(node: Any, message: Any, sender: str, now: int) -> list:
        index = message.previous_index
        if node.log.base < index <= node.log.last_index:
            message = message._replace(previous_term=node.log.term_at(index))
        return honest(node, message, sender, now)

    return [(core.HEARS, AppendEntries, careless)]  # type: ignore[list-item]


@plant("keeps conflicts", 2, "what contradicts the leader stays", *SAFETY, "broken node", faults=["crash", "partition"])
def _() -> list[Patch]:
    return [(Log, "news", lambda log, entries: tuple(e for e in entries if e.index > log.last_index))]


@plant("goes back too far", 12, "late refusals send the leader behind what is proven", "digest", faults=["links"], max_entries=1)  # fmt: skip
def _() -> list[Patch]:
    def probe(progress: Any, next: int) -> None:
        progress.next, progress.probing, progress.paused, progress.snapshot = max(1, next - 3), True, False, 0
        progress.inflight.clear()

    return [(Progress, "is_stale", lambda progress, refused: False), (Progress, "probe", probe)]


@plant("log not on disk", 5, "entries are acknowledged that are not on disk", *SAFETY, "broken node", faults=["crash"])
def _() -> list[Patch]:
    honest = RaftNode.step

    def step(node: RaftNode, event: Any, now: int) -> list:
        return [e for e in honest(node, event, now) if type(e) is not core.Append or now % 3]

    return [(RaftNode, "step", step)]


@plant("snapshot takes all", 16, "a snapshot discards the log behind it, though it fits", "digest", snapshot_every=4, keep=0, max_entries=1, pace=60_000, faults=["links", "crash", "partition"])  # fmt: skip
def _() -> list[Patch]:
    honest = snapshots.hear_snapshot

    def greedy(node: Any, message: Any, sender: str, now: int) -> list:
        if message.snapshot.index <= node.commit:
            return honest(node, message, sender, now)
        effects = [*replication.heed(node, sender, now), *snapshots.install(node, message.snapshot)]
        answer = snapshots.Appended(node.term, node.member, message.source, node.commit)
        return [*effects, node.send(sender, answer)]

    return [(core.HEARS, InstallSnapshot, greedy)]  # type: ignore[list-item]


@plant("snapshot goes back", 16, "an old snapshot takes the state back", "commits grow", "linearizability", snapshot_every=8, keep=0, faults=["links", "crash"])  # fmt: skip
def _() -> list[Patch]:
    def obedient(node: Any, message: Any, sender: str, now: int) -> list:
        effects = [*replication.heed(node, sender, now), *snapshots.install(node, message.snapshot)]
        answer = snapshots.Appended(node.term, node.member, message.source, node.commit)
        return [*effects, node.send(sender, answer)]

    return [(core.HEARS, InstallSnapshot, obedient)]  # type: ignore[list-item]


@plant("log goes first", 16, "the log is cut before the snapshot is on disk", "liveness", "broken node", *SAFETY, snapshot_every=1, keep=0, pace=60_000, faults=["torn"])  # fmt: skip
def _() -> list[Patch]:
    honest = RaftNode.step
    return [(RaftNode, "step", lambda n, e, t: sorted(honest(n, e, t), key=lambda x: type(x) is not Trim))]


@plant("snapshot without sessions", 16, "a snapshot forgets which commands were carried out", "linearizability", snapshot_every=8, keep=0, faults=["links", "crash"])  # fmt: skip
def _() -> list[Patch]:
    honest = keyvalue.KeyValue.step

    def step(store: Any, event: Any, now: int) -> list:
        effects = honest(store, event, now)
        if type(getattr(event, "message", None)) is keyvalue.Restored:
            store.sessions = {}
        return effects

    return [(keyvalue.KeyValue, "step", step)]


@plant("carried out twice", 15, "a command that was sent twice is carried out twice", "linearizability", faults=["links", "crash", "freeze"])  # fmt: skip
def _() -> list[Patch]:
    return [(keyvalue.KeyValue, "carry_out", lambda store, command: (store.change(command), ""))]


@plant("applies what is not agreed on", 15, "a client is answered before its command is agreed on", "linearizability", *SAFETY, faults=["crash", "partition"])  # fmt: skip
def _() -> list[Patch]:
    honest = keyvalue.KeyValue.take

    def take(store: Any, sender: str, command: Any) -> list:
        effects = honest(store, sender, command)
        if command.kind != "put" or store.leader != store.machine:
            return effects
        return effects + store.reply(store.forget(next(reversed(store.waiting))), None)

    return [(keyvalue.KeyValue, "take", take)]


# ── reads ────────────────────────────────────────────────────────────────────────────────────────────────────────


@plant("old round confirms", 14, "a read is confirmed by answers to earlier heartbeats", "linearizability", read="index", lease_reads=False, faults=["partition", "freeze"])  # fmt: skip
def _() -> list[Patch]:
    def begin(node: Any, read: Any, now: int) -> list:
        if not node.usable:
            node.reads.append(read)
            return []
        return reads.answer(node, read._replace(index=node.commit))

    return [(reads, "begin", begin)]


@plant("reads too early", 13, "a new leader reads before it knows what is agreed on", "linearizability", read="index", lease_reads=False, max_entries=1, max_inflight=1, pause=0.04, pace=60_000, faults=["links", "time_out", "crash"])  # fmt: skip
def _() -> list[Patch]:
    honest = reads.begin

    def begin(node: Any, read: Any, now: int) -> list:
        usable, node.usable = node.usable, True
        effects = honest(node, read, now)
        node.usable = usable
        return effects

    return [(reads, "begin", begin)]


@plant("no empty entry", 13, "a new leader writes no entry of its own", "digest")
def _() -> list[Patch]:
    honest = replication.append

    def append(node: Any, kind: str, data: Any, now: int, *key: int) -> list:
        return [] if kind == "empty" and node.log.last_index else honest(node, kind, data, now, *key)

    return [(replication, "append", append)]


@plant("lease outlives the voters", 14, "a lease lasts longer than the voters' patience, and nobody makes the leader resign", "linearizability", read="index", lease_reads=True, check_quorum=True, pace=120_000, faults=["partition"])  # fmt: skip
def _() -> list[Patch]:
    forever = (replication, "hears_majority", lambda node: True)
    return [(reads, "lease_of", lambda node: 4 * node.settings.election_high * node.settings.tick), forever]


# ── members ──────────────────────────────────────────────────────────────────────────────────────────────────────


@plant("changes too early", 18, "a new leader changes members before it has committed anything", "one change at a time", "election safety", *SAFETY, faults=["members", "crash", "partition"])  # fmt: skip
def _() -> list[Patch]:
    return [(membership, "may_change", lambda node: node.change <= node.commit)]


@plant("two changes at once", 18, "a change of members does not wait for the one before", "one change at a time", *SAFETY, faults=["members", "links"])  # fmt: skip
def _() -> list[Patch]:
    return [(membership, "may_change", lambda node: node.usable)]


@plant("configuration forgotten", 17, "a restart forgets the members that the snapshot knows", "commit justified", "election safety", "liveness", "broken node", *SAFETY, snapshot_every=8, keep=0, faults=["members", "crash"])  # fmt: skip
def _() -> list[Patch]:
    honest = RaftNode.load

    def load(node: Any, disk: Any) -> None:
        honest(node, disk)
        if disk.values.get("members"):
            node.members = dict(disk.values["members"])
            node.configuration = core.Configuration(tuple(node.members))

    return [(RaftNode, "load", load)]


@plant("one half decides", 18, "in a joint configuration only the new half is asked", "commit justified", "election safety", *SAFETY, pace=60_000, faults=["members", "partition"])  # fmt: skip
def _() -> list[Patch]:
    honest = quorum.joint_committed_index

    def new_half(matches: Any, incoming: Any, outgoing: Any) -> int:
        return honest(matches, incoming, ())

    return [(replication, "joint_committed_index", new_half)]


@plant("counts itself", 19, "a leader without a vote counts itself", "commit justified", *SAFETY, faults=["members", "disk"])  # fmt: skip
def _() -> list[Patch]:
    def index(node: Any) -> int:
        matches = {member: progress.match for member, progress in node.progress.items()} | {node.member: node.held}
        voters = dict.fromkeys((*node.configuration.voters, node.member))
        return quorum.joint_committed_index(matches, voters, node.configuration.outgoing)

    return [(replication, "majority_index", index)]


@plant("learners count", 9, "what learners hold counts as well", "commit justified", *SAFETY, faults=["members"])
def _() -> list[Patch]:
    def index(node: Any) -> int:
        matches = {member: progress.match for member, progress in node.progress.items()} | {node.member: node.held}
        group = node.configuration
        most = sorted(matches.values(), reverse=True)
        return most[min(len(most), quorum.majority(len(group.voters))) - 1]

    return [(replication, "majority_index", index)]


@plant("handover is ignored", 19, "a transfer of leadership is stopped by the voters' loyalty", "digest", check_quorum=True, faults=["transfer"])  # fmt: skip
def _() -> list[Patch]:
    honest = election.request_vote
    return [(election, "request_vote", lambda node, member, transfer: honest(node, member, False))]


@plant("leader writes on", 19, "a leader goes on writing behind the entry that takes its vote away", "liveness", faults=["members", "links"], members=3, pace=60_000)  # fmt: skip
def _() -> list[Patch]:
    honest = replication.why_not

    def why_not(node: Any, kind: str) -> str:
        node.closing = False
        return honest(node, kind)

    return [(replication, "why_not", why_not), (membership, "farewell", lambda node: [])]


# ── the hunt ─────────────────────────────────────────────────────────────────────────────────────────────────────


class Catch(NamedTuple):
    """How a mutant was caught: by what, with which seed, after how many runs. `law` is '' if it got away."""

    name: str
    law: str
    seed: int
    finding: Any = None


def hunt(name: str, seeds: int = 200) -> Catch:
    """Run seed after seed with this bug, until what must catch it does."""
    from . import campaign

    mutant = MUTANTS[name]
    for seed in range(seeds):
        case = campaign.draw(seed, mutant.focus)
        if mutant.caught == ("digest",):
            if campaign.digest(case, mutant) != campaign.digest(case):
                return Catch(name, "digest", seed)
            continue
        finding = campaign.run(case, mutant)
        if finding and finding.law in mutant.caught:
            return Catch(name, finding.law, seed, finding)
    return Catch(name, "", -1)


__all__ = ["MUTANTS", "Catch", "Mutant", "hunt"]
