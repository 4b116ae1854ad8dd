"""The leader's log becomes everybody's: appends, what they prove, the commit rule, heartbeats [Raft §5.3, §5.4.2].

Flow control is etcd's: a probe at a time while it is unknown where the logs part, then a bounded number of appends
under way, and none while a snapshot is [dissertation §10.2.1].
"""

from typing import TYPE_CHECKING, Any

from ..effects import SILENCE, Committed, Entry, Leading, Note, Refused, Send, Tell, Written
from ..events import CommitAdvanced, ReachabilityChanged, SteppedDown
from . import membership, reads, snapshots
from .messages import Appended, AppendEntries, Heartbeat, HeartbeatAnswer, Mismatched
from .progress import REACHABLE_BEATS, Progress
from .quorum import joint_committed_index, majority

if TYPE_CHECKING:
    from .core import RaftNode

# ── the leader sends ─────────────────────────────────────────────────────────────────────────────────────────────


def propose(node: "RaftNode", key: int, kind: str, data: Any, now: int) -> list:
    """Only a leader takes proposals, unless it hands over, or too much is open; what is refused did not happen."""
    reason = why_not(node, kind)
    if reason:
        return [Tell("manager", Refused(key, reason))]
    return append(node, kind, data, now, key)


def why_not(node: "RaftNode", kind: str) -> str:
    if node.role != "leader":
        return "not leader"
    if node.transfer or node.closing:
        return "leadership is handed over"
    limit = node.settings.max_uncommitted
    if limit and kind == "data" and node.log.last_index - node.commit >= limit:
        return "too much is uncommitted"
    return ""


def append(node: "RaftNode", kind: str, data: Any, now: int, key: int | None = None) -> list:
    """The leader writes an entry and sends it at once; its own disk is the first to hold it [§5.3]. Under the key of a
    proposal somebody waits for it."""
    if key is not None:
        node.pending[node.log.last_index + 1] = key
    entry = Entry(node.log.last_index + 1, node.term, kind, data)
    written = node.write((entry,))
    sent = broadcast(node, node.progress)  # which need not wait for the own disk [dissertation §10.2.1]
    both = [*sent, *written] if node.settings.slow_disk else [*written, *sent]
    return both + advance(node, now)


def hear_written(node: "RaftNode", report: Written, now: int) -> list:
    """What was written in another term may have been replaced since: late reports of it say nothing [etcd: ABA]."""
    if report.during != node.term or not node.log.has(report.index, report.term):
        return []
    node.held = max(node.held, report.index)
    return advance(node, now) if node.role == "leader" else []


def broadcast(node: "RaftNode", followers: dict[str, Progress]) -> list:
    return [effect for progress in followers.values() for effect in send_entries(node, progress)]


def send_entries(node: "RaftNode", progress: Progress) -> list:
    """The next entries for this follower, or none with the newest commit index; nothing while it has to wait."""
    if is_paused(node, progress):
        return []
    first, previous = progress.next, progress.next - 1
    if previous < node.log.base:
        return snapshots.send(node, progress)
    entries = node.log.slice(first, previous + node.settings.max_entries)
    if progress.probing:
        progress.paused = True
    elif entries:
        progress.next += len(entries)  # pipelined: the next append does not wait for the answer to this one
        progress.inflight.append(progress.next - 1)
    return [
        node.send(
            progress.machine,
            AppendEntries(
                node.term, node.member, progress.member, previous, node.log.term_at(previous), entries, node.commit
            ),
        )
    ]


def is_paused(node: "RaftNode", progress: Progress) -> bool:
    """A probe or a snapshot is under way, or as many appends as there may be."""
    return progress.paused or progress.snapshot > 0 or len(progress.inflight) >= node.settings.max_inflight


def send_all(node: "RaftNode", progress: Progress) -> list:
    """Everything that this follower lacks, as far as the window allows; if it lacks nothing, nothing."""
    effects: list = []
    while progress.next <= node.log.last_index and not is_paused(node, progress):
        effects += send_entries(node, progress)
    return effects


def next_beat(node: "RaftNode", now: int) -> int:
    return node.tick_before(now) + node.settings.heartbeat * node.settings.tick


def beat(node: "RaftNode", now: int) -> list:
    """A sign of life to everybody, unless too many have been silent for too long [§5.2; dissertation §6.2]."""
    if node.settings.check_quorum and not hears_majority(node):
        return [Note(SteppedDown(node.term), SILENCE), *node.follow(node.term, None, now)]
    effects = membership.check_handover(node, now) if node.transfer else []
    node.deadline = next_beat(node, now)
    if node.settings.lease_reads:
        node.round += 1
        node.rounds[node.round] = now
    for progress in node.progress.values():
        if progress.snapshot:
            wait_for_snapshot(node, progress)
        if progress.silent >= REACHABLE_BEATS and progress.reachable:
            effects += set_reachable(node, progress, False)
        progress.silent += 1
        effects.append(heartbeat(node, progress))
    return effects


def wait_for_snapshot(node: "RaftNode", progress: Progress) -> None:
    """A snapshot that brought no answer within an election time-out is lost: feel the way again."""
    progress.waited += 1
    if progress.waited * node.settings.heartbeat >= node.settings.election_low:
        progress.probe(progress.match + 1)


def hears_majority(node: "RaftNode") -> bool:
    """A majority of each half, oneself included, has answered within the shortest election time-out, in heartbeats."""
    patience = node.settings.election_low // node.settings.heartbeat
    for half in (node.configuration.voters, node.configuration.outgoing):
        heard = 0
        for member in half:
            progress = node.progress.get(member)
            if progress.silent < patience if progress else member == node.member:
                heard += 1
        if half and heard < majority(len(half)):
            return False
    return True


def heartbeat(node: "RaftNode", progress: Progress) -> Send:
    """Tells the commit index only as far as the follower is proven to hold it. The same message as long as that lasts."""
    commit, beat = min(node.commit, progress.match), progress.beat
    if beat is None or beat.message.commit != commit or beat.message.round != node.round:
        message = Heartbeat(node.term, node.member, progress.member, commit, node.round)
        beat = progress.beat = node.send(progress.machine, message)
    return beat


# ── a follower hears ─────────────────────────────────────────────────────────────────────────────────────────────


def heed(node: "RaftNode", sender: str, now: int) -> list:
    """Every word of the leader of this term puts off the next election; the first one ends this one [§5.2]."""
    assert node.role != "leader", "two leaders in one term"
    node.arm(now)
    if node.settings.lease_reads:
        node.promised = node.armed + node.promise()
    return node.follow(node.term, sender, now) if node.leader is None else []


def hear_heartbeat(node: "RaftNode", message: Heartbeat, sender: str, now: int) -> list:
    effects = heed(node, sender, now)
    if message.commit > node.commit:
        effects += commit_to(node, message.commit)
    if node.nod is None or node.nod.message.round != message.round:
        node.nod = node.send(sender, HeartbeatAnswer(node.term, node.member, message.source, message.round))
    effects.append(node.nod)
    return effects


def hear_entries(node: "RaftNode", message: AppendEntries, sender: str, now: int) -> list:
    """Take the entries if the one before them is here; what contradicts them goes [§5.3, figure 2 AppendEntries].

    Agreed on is only what this very message has proven to be the leader's log, not whatever else stands here. What a
    snapshot covers was agreed on before, and needs no comparison.
    """
    effects, previous = heed(node, sender, now), message.previous_index
    if previous > node.log.base and not node.log.has(previous, message.previous_term):
        return [*effects, mismatch(node, message, sender)]
    news = node.log.news(message.entries)
    if news:
        effects += node.write(news)
    match = previous + len(message.entries)
    effects += commit_to(node, min(message.commit, match))
    held = match if news else min(match, node.held)  # an answer behind a write waits for it, this one would not
    return [*effects, node.send(sender, Appended(node.term, node.member, message.source, held))]


def mismatch(node: "RaftNode", message: AppendEntries, sender: str) -> Send:
    """Refuse, and say how far the logs may agree: no entry with a larger term than the leader's previous one can."""
    hint = node.log.last_within(message.previous_index, message.previous_term)
    return node.send(
        sender,
        Mismatched(node.term, node.member, message.source, message.previous_index, hint, node.log.term_at(hint)),
    )


# ── the leader hears ─────────────────────────────────────────────────────────────────────────────────────────────


def hear_heartbeat_answer(node: "RaftNode", message: HeartbeatAnswer, sender: str, now: int) -> list:
    """The follower lives. If it lacks something, an append was lost or its answer was: send again."""
    progress = node.progress.get(message.source)
    if progress is None:
        return []
    progress.silent, progress.paused = 0, False
    certain: list = []
    if message.round > progress.round:
        progress.round = message.round
        certain = reads.hear_round(node, now)
    if progress.match == node.log.last_index and progress.reachable:
        return certain
    if len(progress.inflight) >= node.settings.max_inflight:
        progress.inflight.popleft()  # a full window lets one more through, or it would never open if answers were lost
    return [*certain, *greet(node, progress), *send_entries(node, progress)]


def greet(node: "RaftNode", progress: Progress) -> list:
    """Something was heard from this follower."""
    progress.silent = 0
    return [] if progress.reachable else set_reachable(node, progress, True)


def set_reachable(node: "RaftNode", progress: Progress, reachable: bool) -> list:
    progress.reachable = reachable
    if not reachable:
        progress.probe(progress.match + 1)  # no use in sending ahead to who does not answer
    return [Note(ReachabilityChanged(progress.machine, reachable)), node.tell_members()]


def hear_appended(node: "RaftNode", message: Appended, sender: str, now: int) -> list:
    """What the follower now holds may be enough for a majority; and it may take more."""
    progress = node.progress.get(message.source)
    if progress is None:
        return []
    effects = greet(node, progress)
    if progress.snapshot and message.match >= min(progress.snapshot, node.log.base):
        progress.probe(message.match + 1)  # it goes on from what the follower says, whatever was expected
    agreed = advance(node, now) if progress.prove(message.match) else []
    if progress.member in node.configuration.learners:
        progress.catch_up(node.log.last_index, node.settings.election_low * node.settings.tick, now)
    if node.transfer:
        effects += membership.urge(node)
    effects += agreed
    return effects + send_all(node, progress) if node.role == "leader" else effects


def hear_mismatch(node: "RaftNode", message: Mismatched, sender: str, now: int) -> list:
    """Go back to where the logs may agree, skipping whole terms, and try again [§5.3; dissertation §3.5]."""
    progress = node.progress.get(message.source)
    if progress is None:
        return []
    effects = greet(node, progress)
    if progress.snapshot or progress.is_stale(message.refused):
        return effects
    progress.probe(node.log.last_within(message.hint_index, message.hint_term) + 1)
    return effects + send_entries(node, progress)


# ── agreed ───────────────────────────────────────────────────────────────────────────────────────────────────────


def advance(node: "RaftNode", now: int) -> list:
    """Commit what a majority holds, and tell the followers at once, those included whom this very step removes."""
    effects: list = []
    while (index := majority_index(node)) > node.commit and may_commit(node, index):
        effects += commit_to(node, index)
    if not effects:
        return []
    if not node.usable:
        node.usable, node.closing = True, False
        effects.append(Tell("manager", Leading(node.term)))
        effects += reads.begin_waiting(node, now)
    effects += broadcast(node, node.progress)
    if node.gone:
        effects += broadcast(node, node.gone)
        node.gone = {}
    if node.member not in node.configuration.electors:
        return [*effects, *membership.farewell(node), *node.follow(node.term, None, now)]
    return effects + membership.leave_joint(node, now)


def majority_index(node: "RaftNode") -> int:
    """The last index that a majority of each half holds; who has removed itself does not count itself."""
    matches = {member: progress.match for member, progress in node.progress.items()}
    matches[node.member] = node.held
    return joint_committed_index(matches, node.configuration.voters, node.configuration.outgoing)


def may_commit(node: "RaftNode", index: int) -> bool:
    """Only an entry of the own term is committed by counting; older ones come along with it [§5.4.2, figure 8]."""
    return node.log.term_at(index) == node.term


def commit_to(node: "RaftNode", index: int) -> list:
    """Everything up to `index` is agreed on for good: tell it in order, each entry once."""
    if index <= node.commit:
        return []
    entries = node.log.slice(node.commit + 1, index)
    node.commit = index
    effects: list = [Note(CommitAdvanced(index)), Tell("manager", Committed(entries))]
    for entry in entries:
        node.pending.pop(entry.index, None)
        if entry.kind in membership.KINDS:
            effects += [*membership.apply(node, entry), *node.save_commit(), node.tell_members()]
    if node.asked:
        effects += reads.ready(node)
    return effects + snapshots.when_due(node)
