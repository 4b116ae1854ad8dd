"""What people may do with a node: availability, labels, role, removal; and whether the group can do without a manager.

The texts are Docker's. Source: swarmkit `manager/controlapi/node.go`, `manager/state/raft/raft.go` (CanRemoveMember);
moby `daemon/cluster/convert/node.go`.
"""

from typing import Any

from ..objects import COMPLETE, ORPHANED, ApiError, Drop, ManagerStatus, Node, NodeSpec, Put, replace
from . import ca
from .store import Store
from .validation import check_version, refuse

ROLES = ("worker", "manager")
AVAILABILITIES = ("active", "pause", "drain")

# ── the group as its leader sees it: rows of (member, machine, reachable) ────────────────────────────────────────


def can_remove(members: tuple, member: str) -> bool:
    """Whether enough of the others can be reached to be the majority of a group without this member.

    >>> three, one_lost = (("a", "", True), ("b", "", True), ("c", "", True)), (("a", "", True), ("b", "", True), ("c", "", False))
    >>> can_remove(three, "b"), can_remove(one_lost, "b"), can_remove(one_lost, "c")
    (True, False, True)
    """
    reachable = sum(reached for other, _, reached in members if other != member)
    return reachable >= (len(members) - 1) // 2 + 1


def is_member(members: tuple, node: Node) -> bool:
    """Whether this node belongs to the raft group."""
    return any(member == node.member for member, _, _ in members)


def managers(store: Store, members: tuple) -> tuple:
    """All managers as (node id, machine, address), for those who have to find one."""
    inside = {member: None for member, _, _ in members}
    return tuple((node.id, node.machine, node.address) for node in store.all("node") if node.member in inside)


def with_manager_status(node: Node, members: tuple, leader: str) -> Node:
    """The node as people see it: managers with their raft membership."""
    for member, _, reachable in members:
        if member == node.member:
            words = "reachable" if reachable else "unreachable"
            return replace(node, manager_status=ManagerStatus(member, f"{node.address}:2377", member == leader, words))
    return node


# ── what people ask for ──────────────────────────────────────────────────────────────────────────────────────────


def update(store: Store, node: Node, spec: NodeSpec, version: int, members: tuple) -> list:
    """A new spec. A change of role is only wished for here: `roles` brings it about. Raises ApiError."""
    spec = checked(spec)
    if node.spec.role == "manager" and spec.role == "worker":
        check_demotion(store, node, members)
    check_version(node, version)
    return [Put(replace(node, spec=spec))]


def checked(spec: NodeSpec) -> NodeSpec:
    """The engine takes its words in any case, and refuses those that it does not know, hence no gRPC code."""
    spec = replace(spec, role=spec.role.lower(), availability=spec.availability.lower())
    if spec.role not in ROLES:
        raise ApiError(f'invalid Role: "{spec.role}"')
    if spec.availability not in AVAILABILITIES:
        raise ApiError(f'invalid Availability: "{spec.availability}"')
    return spec


def check_demotion(store: Store, node: Node, members: tuple) -> None:
    """What can be seen at once to be impossible; what comes between later is waited for."""
    managers = [other.id for other in store.all("node") if other.role == "manager"]
    if managers == [node.id]:
        refuse("FailedPrecondition", "attempting to demote the last manager of the swarm")
    if not is_member(members, node):
        refuse("NotFound", "can't find manager in raft memberlist")
    if not can_remove(members, node.member):
        refuse("FailedPrecondition", "can't remove member from the raft: this would result in a loss of quorum")


def remove(store: Store, node: Node, force: bool, members: tuple, now: int) -> list:
    """Forget a node, and give up what ran there. Raises ApiError."""
    if node.spec.role == "manager" and is_member(members, node):
        text = "is a cluster manager and is a member of the raft cluster. It must be demoted to worker before removal"
        refuse("FailedPrecondition", f"node {node.id} {text}")
    if node.state == "ready" and not force:
        refuse("FailedPrecondition", f"node {node.id} is not down and can't be removed")
    lost = [task for task in store.tasks_on(node.id) if task.state < COMPLETE]
    cluster = store.cluster and ca.refused(store.cluster, node, now)
    refuses = [Put(cluster)] if cluster != store.cluster else []
    return [*(Put(orphan(task, now)) for task in lost), *refuses, Drop("node", node.id)]


def orphan(task: Any, now: int) -> Any:
    message = "Task belonged to a node that has been deleted"
    return replace(task, state=ORPHANED, message=message, status_at=now)
