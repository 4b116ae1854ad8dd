"""Who belongs to the group, how that changes, and how leadership is handed over.

As in etcd, a change counts from the moment it is *applied* on a node (the paper: from the moment it is in the log).
That is safe because there is never more than one that is not applied, and none before the leader has committed an
entry of its own term (the correction of 2015 to dissertation §4.1). Rules for the changes: `configuration`.
"""

# Simpler than in reality (docs/simplifications.md): members, lost-vote

from typing import TYPE_CHECKING, NamedTuple

from ..effects import Append, Entry, MemberChange, Note, Refused, Tell, Transfer
from ..events import EntriesCut, GroupChanged, MemberAdded, MemberRemoved, TransferBegun, TransferEnded
from . import configuration, election, replication
from .log import Log
from .messages import TimeoutNow
from .progress import Progress

if TYPE_CHECKING:
    from .core import RaftNode

KINDS = ("add", "remove", "change", "leave")  # of entries that change who belongs to the group


# ── changes ──────────────────────────────────────────────────────────────────────────────────────────────────────


def may_change(node: "RaftNode") -> bool:
    """A leader takes the next change when the last one is applied, and what earlier leaders left is committed."""
    return node.usable and node.change <= node.commit


def propose(node: "RaftNode", key: int, changes: tuple[MemberChange, ...], joint: bool, now: int) -> list:
    """Propose a change as an entry like any other, if it is its turn, and if it can be made at all."""
    reason = replication.why_not(node, "change") or why_not(node, changes, joint)
    if reason:
        return [Tell("manager", Refused(key, reason))]
    node.change = node.log.last_index + 1
    node.closing = node.member not in configuration.after(node.configuration, changes, joint).electors
    return replication.append(node, *as_entry(node, changes, joint), now, key)


def why_not(node: "RaftNode", changes: tuple[MemberChange, ...], joint: bool) -> str:
    if not may_change(node) or node.configuration.outgoing:
        return "another change is pending"
    for change in changes:
        if change.how != "remove" and change.member in node.removed:
            return "who was removed comes back as a new member only"  # as in SwarmKit: nobody hears the old one
        if change.how != "remove" and not (change.address or change.member in node.members):
            return "nobody knows where the new member is"
        progress = node.progress.get(change.member)
        if change.how == "add" and change.member in node.configuration.learners and progress and not progress.swift:
            return "the learner has not caught up"
    try:
        configuration.after(node.configuration, changes, joint)
    except configuration.Impossible as impossible:
        return str(impossible)
    return ""


def as_entry(node: "RaftNode", changes: tuple[MemberChange, ...], joint: bool) -> tuple[str, object]:
    """The kind and the data of the entry. A single member has a form of its own, as most changes are of that kind."""
    if len(changes) == 1 and not joint and changes[0].how in ("add", "remove"):
        change = changes[0]
        return change.how, (change.member, change.address or node.members.get(change.member, ""))
    return "change", (changes, joint)


def apply(node: "RaftNode", entry: Entry) -> list:
    """Let the change in `entry` count from now on, on this node."""
    if not node.members and entry.index > 1:
        return []  # who joined a group that began with members of which no entry tells can never know all: it must not campaign
    if entry.kind == "leave":
        return settle(node, configuration.leave(node.configuration), (), entry.index)
    changes, joint = entry.data if entry.kind == "change" else ((MemberChange(entry.kind, *entry.data),), False)
    return settle(node, configuration.after(node.configuration, changes, joint), changes, entry.index)


def proven(log: Log) -> int:
    """How far a log is agreed on by what it holds: a change follows another one only when that is committed."""
    changes = [entry.index for entry in log.entries if entry.kind in KINDS]
    return changes[-2] if len(changes) > 1 else 0


def settle(node: "RaftNode", new: configuration.Configuration, changes: tuple, index: int) -> list:
    """The new configuration counts: addresses are noted, and a leader begins or ends sending."""
    for change in changes:
        if change.address:
            node.members[change.member] = change.address
    node.configuration = new
    gone = [member for member in node.members if member not in new.everybody]
    left = {member: node.members.pop(member) for member in gone}
    node.removed = tuple(one for one in node.removed if one not in node.members) + tuple(gone)
    effects: list = [tell_change(node, index)]
    if node.role != "leader":
        return effects
    effects += [Note(MemberRemoved(machine, member)) for member, machine in left.items()]
    for member in gone:
        if member in node.progress:
            node.gone[member] = node.progress.pop(member)
    return effects + [Note(fact) for fact in welcome(node, changes)]


def welcome(node: "RaftNode", changes: tuple) -> list[MemberAdded]:
    """A leader sends to everybody who is new, and to who has moved where it is now."""
    for change in changes:
        member, machine = change.member, node.members.get(change.member, "")
        known = node.progress.get(member)
        if machine and member != node.member and (known is None or known.machine != machine):
            node.progress[member] = Progress(member, machine, node.log.last_index + 1)
    added = [change for change in changes if change.how in ("add", "learner") and change.member in node.members]
    return [MemberAdded(node.members[change.member], change.member) for change in added]


def tell_change(node: "RaftNode", index: int) -> Note:
    group = node.configuration
    halves = (group.voters, group.outgoing, group.learners + group.staged)
    machines = (tuple(sorted(node.members.get(one, "") for one in half)) for half in halves)
    return Note(GroupChanged(index, *machines))


def leave_joint(node: "RaftNode", now: int) -> list:
    """When the joint configuration is committed, its leader ends it by itself [Raft §6]."""
    if node.role != "leader" or not node.configuration.outgoing or not may_change(node):
        return []
    node.change = node.log.last_index + 1
    node.closing = node.member not in node.configuration.voters
    return replication.append(node, "leave", None, now)


def farewell(node: "RaftNode") -> list:
    """A leader whose vote is gone asks one that holds its whole log to go on, which then knows of the change, too.

    It has put nothing behind the entry that takes its vote away (see `closing`): its log must not be longer than that
    of those who are left, or nobody could be elected whose vote it still takes [dissertation §4.2.2, figure 4.6].
    """
    for member in node.configuration.voters:
        progress = node.progress.get(member)
        if progress and progress.match == node.log.last_index:
            return [node.send(progress.machine, TimeoutNow(node.term, node.member, member))]
    return []


def rebuild(node: "RaftNode", now: int) -> list:
    """Be the only member, whatever the others think: what was not agreed on is dropped [docker: --force-new-cluster].

    This breaks the rules on purpose: if another half of the group still works, there are two groups from now on.
    """
    effects: list = []
    if node.log.last_index > node.commit:
        node.log.cut(node.commit + 1)
        node.held = min(node.held, node.commit)
        effects += [Append(node.commit + 1 - node.log.base, ()), Note(EntriesCut(node.commit + 1))]
    if node.role == "leader":
        effects += node.follow(node.term, None, now)
    others = [member for member in node.members if member != node.member]
    effects += node.enter_term(node.term + 1, node.member)  # a term of its own: nobody else wrote entries in it
    first = node.log.last_index + 1
    out = tuple(MemberChange("remove", member) for member in others)
    stay = () if node.member in node.configuration.voters else (MemberChange("add", node.member, node.machine),)
    kinds: list[tuple[str, object]] = [("change", ((one,), False)) for one in (*stay, *out)]
    if node.configuration.outgoing:  # a joint change is cut short
        kinds.insert(0, ("leave", None))
    entries = tuple(Entry(first + n, node.term, *kind) for n, kind in enumerate(kinds))
    if entries:
        effects += [*node.write(entries), *replication.commit_to(node, entries[-1].index)]
    return [*effects, *election.campaign(node, now)]


# ── handing over leadership [dissertation §3.10] ─────────────────────────────────────────────────────────────────


class Handover(NamedTuple):
    """A leader that wants another one in its place takes no proposals meanwhile."""

    key: int
    member: str
    until: int  # µs: then it gives the plan up
    asked: bool = False  # the other one was told to campaign


def hand_over(node: "RaftNode", wish: Transfer, now: int) -> list:
    if node.role != "leader":
        return [Tell("manager", Refused(wish.key, "not leader"))]
    if wish.member == node.member:
        return []
    if wish.member not in node.configuration.electors:
        return [Tell("manager", Refused(wish.key, "no such member"))]
    effects = abort_handover(node) if node.transfer else []
    until = now + node.settings.election_low * node.settings.tick
    node.transfer = Handover(wish.key, wish.member, until)
    effects.append(Note(TransferBegun(node.members[wish.member])))
    return effects + replication.send_entries(node, node.progress[wish.member]) + urge(node)


def urge(node: "RaftNode") -> list:
    """The other one holds the whole log: it need not wait for its time-out."""
    transfer = node.transfer
    progress = node.progress.get(transfer.member) if transfer else None
    if transfer is None or progress is None or transfer.asked or progress.match < node.log.last_index:
        return []
    node.transfer, node.called = transfer._replace(asked=True), True
    return [node.send(progress.machine, TimeoutNow(node.term, node.member, transfer.member))]


def check_handover(node: "RaftNode", now: int) -> list:
    """After an election time-out, or when the other one does not belong to the group any more, it goes on itself."""
    transfer = node.transfer
    if transfer is None or (now < transfer.until and transfer.member in node.configuration.electors):
        return []
    return abort_handover(node)


def abort_handover(node: "RaftNode") -> list:
    assert node.transfer
    transfer, node.transfer = node.transfer, None
    machine = node.members.get(transfer.member, transfer.member)
    return [Note(TransferEnded(machine)), Tell("manager", Refused(transfer.key, "transfer aborted"))]
