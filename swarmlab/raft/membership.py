"""Who belongs to the group: one member more or less at a time, so that old and new majorities overlap [dissertation §4.1].

As in etcd, a change counts from the moment it is *applied* on a node (the paper: from the moment it is in the log).
That is safe because there is never more than one that is not applied, and none before the leader has committed an
entry of its own term (the correction of 2015 to §4.1).
"""

from typing import TYPE_CHECKING

from ..effects import Entry, Note
from ..events import MemberAdded, MemberRemoved
from .progress import Progress

if TYPE_CHECKING:
    from .core import RaftNode


def may_change(node: "RaftNode") -> bool:
    """A leader takes the next change when the last one is applied, and what earlier leaders left is committed."""
    return node.usable and node.change <= node.commit


def apply(node: "RaftNode", entry: Entry) -> list:
    """Let the change in `entry` count from now on, on this node."""
    member, machine = entry.data
    if entry.kind == "remove":
        return remove(node, member)
    if not node.members and entry.index > 1:
        return []  # who joined a group that began with members of which no entry tells can never know all: it must not campaign
    return add(node, member, machine)


def add(node: "RaftNode", member: str, machine: str) -> list:
    """Let a member in, or note its new address."""
    node.members[member] = machine
    node.removed = tuple(one for one in node.removed if one != member)
    if node.role != "leader":
        return []
    if member != node.member:
        node.progress[member] = Progress(member, machine, node.log.last_index + 1)
    return [Note(MemberAdded(machine, member))]


def remove(node: "RaftNode", member: str) -> list:
    machine = node.members.pop(member, None)
    if machine is None:
        return []
    node.removed += (member,)
    node.progress.pop(member, None)
    return [Note(MemberRemoved(machine, member))] if node.role == "leader" else []
