"""The log does not grow for ever: state in its place, for the own disk and for who lags far behind [Raft §7].

SwarmKit's figures: a snapshot every 10 000 entries, 500 entries kept behind it, so that a slow follower can still be
served from the log.
"""

# Simpler than in reality (docs/simplifications.md): snapshot

from typing import TYPE_CHECKING, Any

from ..effects import Append, Note, Restored, Save, Summarise, Summary, Tell, Trim
from ..events import CommitAdvanced, SnapshotInstalled, SnapshotTaken
from . import membership, reads, replication
from .messages import Appended, InstallSnapshot, Snapshot
from .progress import Progress

if TYPE_CHECKING:
    from .core import RaftNode


def when_due(node: "RaftNode") -> list:
    """Ask for a summary of the state as it is now: everything up to the commit index has been told."""
    last = node.snapshot.index if node.snapshot else 0
    if node.commit - last < node.settings.snapshot_every or node.summarising:
        return []
    node.summarising = (node.commit, node.configuration, tuple(node.members.items()), node.removed)
    return [Tell("manager", Summarise(node.commit))]


def take(node: "RaftNode", summary: Summary) -> list:
    """The snapshot counts from the moment it is on disk; only then does the log lose what it covers."""
    asked, node.summarising = node.summarising, None
    if asked is None or asked[0] != summary.index or (node.snapshot and node.snapshot.index >= summary.index):
        return []
    index, configuration, members, removed = asked
    node.snapshot = Snapshot(index, node.log.term_at(index), configuration, members, removed, summary.state)
    own = Save("snapshot", node.snapshot, vital=False)  # nobody is told of it: a leader need not fall silent meanwhile
    return [own, *compact(node), Note(SnapshotTaken(index, node.log.base + 1))]


def compact(node: "RaftNode") -> list:
    assert node.snapshot
    keep_from = node.snapshot.index - node.settings.keep
    if keep_from <= node.log.base:
        return []
    gone = node.log.compact(keep_from)
    return [Save("base", (node.log.base, node.log.base_term), vital=False), Trim(gone)]


def send(node: "RaftNode", progress: Progress) -> list:
    """One at a time to each follower; no appends until it reports what it holds."""
    assert node.snapshot
    progress.snapshot, progress.waited = node.snapshot.index, 0
    message = InstallSnapshot(node.term, node.member, progress.member, node.snapshot)
    return [node.send(progress.machine, message)]


def hear_snapshot(node: "RaftNode", message: InstallSnapshot, sender: str, now: int) -> list:
    """Take it in place of the log, unless that much is known already: what is applied never goes back [§7].

    If the log has the snapshot's last entry, what stands behind that stays.
    """
    effects, snapshot = replication.heed(node, sender, now), message.snapshot
    if snapshot.index > node.commit:
        if node.log.has(snapshot.index, snapshot.term):
            effects += replication.commit_to(node, snapshot.index)
        else:
            effects += install(node, snapshot)
    held = min(node.commit, node.held)  # of what is agreed on, some may still be on its way to a slow disk
    return [*effects, node.send(sender, Appended(node.term, node.member, message.source, held))]


def install(node: "RaftNode", snapshot: Snapshot) -> list:
    """The snapshot on disk is what decides: a crash behind that write finds a log that contradicts it, and drops it."""
    node.snapshot, node.commit = snapshot, snapshot.index
    node.log = type(node.log)((), snapshot.index, snapshot.term)
    node.held = snapshot.index
    node.members, node.configuration = dict(snapshot.members), snapshot.configuration
    node.removed = snapshot.removed
    effects: list = [Save("snapshot", snapshot), Save("base", (snapshot.index, snapshot.term)), Append(1, ())]
    effects += node.save_commit()
    effects += [Note(SnapshotInstalled(snapshot.index, snapshot.term)), membership.tell_change(node, snapshot.index)]
    return [*effects, Note(CommitAdvanced(snapshot.index)), tell(snapshot), node.tell_members(), *reads.ready(node)]


def tell(snapshot: Any) -> Tell:
    return Tell("manager", Restored(snapshot.index, snapshot.state))
