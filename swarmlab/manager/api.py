"""What people may ask of the swarm: each request is checked, and a writing one turned into changes to the store.

Here is who answers what; the checks are in the rooms of their objects. The texts of refusals are Docker's.
Source: Docker Engine API v1.41; swarmkit `manager/controlapi`, moby `daemon/cluster`; those without an `rpc error`
prefix come from the engine in front of SwarmKit.
"""

from collections.abc import Callable
from typing import Any

from ..effects import Dice
from ..messages import (
    CreateObject,
    GetCluster,
    GetObject,
    GetUnlockKey,
    ListObjects,
    RemoveObject,
    RotateToken,
    RotateUnlockKey,
    UpdateObject,
)
from ..objects import Cluster, ConfigSpec, NetworkSpec, SecretSpec, ServiceSpec
from ..trust.tokens import new_id
from . import files, networks, nodes, services, settings
from .names import find
from .store import Store
from .validation import refuse, version_number

NO_LEADER = (
    "rpc error: code = Unknown desc = The swarm does not have a leader. It's possible that too few managers are "
    "online. Make sure more than half of the managers are online."
)
TIMED_OUT = "rpc error: code = DeadlineExceeded desc = context deadline exceeded"
LOST_LEADERSHIP = "rpc error: code = Unknown desc = raft: failed to process the request: node lost leader status"
CLOSING = "rpc error: code = Unavailable desc = transport is closing"  # to a manager that belongs to the group no more
NO_VALID_TOKEN = "rpc error: code = InvalidArgument desc = A valid join token is necessary to join this cluster"

READS = (ListObjects, GetObject, GetCluster, GetUnlockKey)


def read(store: Store, request: Any, members: tuple = (), leader: str = "") -> Any:
    """The answer to a question. `members` are raft's rows, `leader` is the member that leads. Raises ApiError."""
    match request:
        case ListObjects("node"):
            return tuple(nodes.with_manager_status(node, members, leader) for node in store.all("node"))
        case ListObjects("task"):  # those that hold an address for a plain container are never listed [moby: GetTasks]
            return tuple(task for task in store.all("task") if not task.spec.attachment)
        case ListObjects(kind):
            return tuple(_shown(object) for object in store.all(kind))
        case GetObject("node", ref):
            return nodes.with_manager_status(find(store, "node", ref), members, leader)
        case GetObject(kind, ref):
            return _shown(find(store, kind, ref))
        case GetCluster():
            return settings.shown(store.cluster)
        case GetUnlockKey():
            return settings.current(store).unlock_key


def _shown(object: Any) -> Any:
    """Contents of secrets and the unlock key stay inside."""
    return settings.shown(object) if isinstance(object, Cluster) else files.shown(object)


def write(store: Store, request: Any, dice: Dice, now: int, members: tuple = ()) -> list:
    """The changes that fulfil the request, all of them or, with ApiError raised, none. `members` are raft's rows."""
    match request:
        case CreateObject(ServiceSpec() as spec):
            return services.create(store, spec, new_id(dice), now)
        case CreateObject(NetworkSpec() as spec):
            return networks.create(store, spec, new_id(dice))
        case CreateObject(SecretSpec() as spec):
            return files.create(store, "secret", spec, new_id(dice))
        case CreateObject(ConfigSpec() as spec):
            return files.create(store, "config", spec, new_id(dice))
        case UpdateObject(kind, _, version):
            return _update(store, request._replace(version=version_number(kind, version)), dice, now, members)
        case RemoveObject("node", ref, force):
            return nodes.remove(store, find(store, "node", ref), force, members, now)
        case RemoveObject(kind, ref) if kind in REMOVALS:
            return REMOVALS[kind](store, find(store, kind, ref))
        case RotateToken(role):
            return settings.rotate_token(store, role, dice)
        case RotateUnlockKey():
            return settings.rotate_unlock_key(store, dice)
    refuse("Unimplemented", f"{type(request).__name__} is not possible here")


REMOVALS: dict[str, Callable[..., list]] = {
    "service": services.remove,
    "network": networks.remove,
    "secret": files.remove,
    "config": files.remove,
}


def _update(store: Store, request: UpdateObject, dice: Dice, now: int, members: tuple) -> list:
    match request.kind:
        case "service":
            return services.update(store, request, now)
        case "node":
            return nodes.update(store, find(store, "node", request.id), request.spec, request.version, members)
        case "secret" | "config":
            return files.update(store, request)
        case "cluster":
            return settings.update(store, request, dice, now)
    refuse("Unimplemented", f"a {request.kind} cannot be updated")


def answer(store: Store, request: Any, changes: tuple) -> Any:
    """What the person gets to hear once the changes are committed."""
    match request:
        case CreateObject():
            return changes[0].object.id
        case RotateToken():
            return settings.shown(store.cluster)
        case RotateUnlockKey():
            return settings.current(store).unlock_key
    return None
