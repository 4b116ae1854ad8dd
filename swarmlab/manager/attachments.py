"""Plain containers on overlays: a node asks for an address, and a task is made that does nothing but hold it.

It has no service: nobody restarts it, and it goes when the node gives the address back. Source: swarmkit
`manager/resourceapi/allocator.go`.
"""

from ..effects import Dice
from ..messages import AttachNetwork, DetachNetwork
from ..objects import RUNNING, Drop, Network, NetworkTarget, Put, Task, TaskSpec
from ..trust.tokens import new_id
from .store import Store
from .validation import refuse


def changes(store: Store, wish: AttachNetwork | DetachNetwork, dice: Dice) -> list:
    """What has to be written; none if it was asked for before, as a question that got no answer is. Raises ApiError."""
    if isinstance(wish, DetachNetwork):
        task = store.get("task", wish.task)
        return [Drop("task", task.id)] if task and task.node == wish.node and task.spec.attachment else []
    network = _network(store, wish.network)
    if network is None:
        refuse("NotFound", f"network {wish.network} not found")
    if not network.spec.attachable:
        refuse("PermissionDenied", f"network {wish.network} not manually attachable")
    if held(store, wish):
        return []
    spec = TaskSpec(networks=(NetworkTarget(network.id, address=wish.address),), attachment=wish.container)
    return [Put(Task(new_id(dice), "", node=wish.node, spec=spec))]


def held(store: Store, wish: AttachNetwork | DetachNetwork) -> str | None:
    """The task that holds what was asked for."""
    if isinstance(wish, DetachNetwork):
        return None
    network = _network(store, wish.network)
    for task in store.tasks_on(wish.node):
        mine = task.spec.attachment == wish.container and task.state <= RUNNING
        if mine and network and task.spec.networks[0].target == network.id:
            return task.id
    return None


def _network(store: Store, ref: str) -> Network | None:
    """By its id, or its name."""
    by_name = (network for network in store.all("network") if network.spec.name == ref)
    return store.get("network", ref) or next(by_name, None)
