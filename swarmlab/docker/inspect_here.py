"""What a machine itself is asked about: its containers, images and volumes, and networks as this machine sees them.

Each function takes a name or id and raises `ApiError` with the engine's words. Source: Docker Engine API v1.41.
"""

# Simpler than in reality (docs/simplifications.md): worker-inspect

from collections.abc import Mapping, Sequence
from typing import Any

from ..effects import SECOND
from ..messages import (
    Container,
    GetObject,
    Info,
    ListContainers,
    ListImages,
    ListNetworks,
    ListObjects,
    ListVolumes,
    NetworkRow,
)
from ..objects import COMPLETE, RUNNING, STARTING, ApiError, Network, Node, Service, Task
from ..worker import images, plain
from . import api_containers, api_engine, api_json
from .api_json import Object
from .filters import lookup
from .session import Session

SOON = SECOND

# ── containers, images, volumes ──────────────────────────────────────────────────────────────────────────────────


def container(session: Session, ref: str) -> Object:
    found = plain.find(ref, session.call(ListContainers(all=True)))
    return api_containers.container(found, attached(session, found))


Ends = list[tuple[str, str, str, str]]  # network id, name, address with mask, gateway


def attached(session: Session, found: Container) -> Ends:
    """The networks of a container. Of a task only a manager knows them."""
    return all_attached(session, [found])[found.id]


def all_attached(session: Session, containers: Sequence[Container]) -> dict[str, Ends]:
    """The networks of several, by their ids."""
    rows = {row.id: row for row in _soon(session, ListNetworks())}
    of_tasks = _of_tasks(session) if any(one.task for one in containers) else {}
    return {
        one.id: of_tasks.get(one.task, [])
        if one.task
        else [(id, name, address, _gateway(rows.get(id))) for id, name, address, *_ in one.networks]
        for one in containers
    }


def _of_tasks(session: Session) -> dict[str, Ends]:
    """By the ids of tasks. Containers are there when the swarm has no leader, too."""
    if not session.call(Info()).manager or not (networks := _soon(session, ListObjects("network"))):
        return {}
    tasks = _soon(session, ListObjects("task"))
    names = {network.id: network.spec.name for network in networks}
    return {
        task.id: [(one.network, names[one.network], one.address, "") for one in task.networks if one.network in names]
        for task in tasks
    }


def _soon(session: Any, request: Any) -> Sequence[Any]:
    """What managers know, if they say so soon: nobody who looks at a container waits for a leader to be found."""
    try:
        return session.within(request, SOON) if hasattr(session, "within") else session.call(request)
    except ApiError:
        return ()


def _gateway(row: NetworkRow | None) -> str:
    """On an overlay it is nobody: the way out is another network."""
    return row.gateway if row and row.scope == "local" else ""


def image(session: Session, ref: str) -> Object:
    for row in session.call(ListImages()):
        if images.full(ref) == row.reference:
            return api_engine.image(row.reference, row.size)
        if ref and images.image_id(row.reference).startswith(ref.removeprefix("sha256:")):
            return api_engine.image(row.reference, row.size)
    raise ApiError(f"no such image: {ref}: No such image: {images.full(ref)}")


def volume(session: Session, ref: str) -> Object:
    for stored in session.call(ListVolumes()):
        if stored.name == ref:
            return api_engine.volume(stored)
    raise ApiError(f"get {ref}: no such volume")


# ── networks ─────────────────────────────────────────────────────────────────────────────────────────────────────


def network(session: Session, ref: str, verbose: bool = False, scope: str = "") -> Object:
    """A network of this machine or of the swarm; `verbose` lists the services on it, wherever their tasks are."""
    row = network_row(session, ref, scope)
    engine = session.call(Info())
    if row.scope != "swarm" or not engine.manager:
        return api_containers.local_network(row)
    try:
        stored = session.call(GetObject("network", row.id))
    except ApiError:  # no leader: it knows what a worker knows
        return api_containers.local_network(row)
    nodes = session.call(ListObjects("node"))
    tasks = [task for task in session.call(ListObjects("task")) if _is_on(task, stored)]
    if not stored.spec.ingress and not row.containers and not any(task.node == engine.node for task in tasks):
        return api_json.network(stored)  # nothing here needs it, so this machine does not carry it
    here = _here(stored, engine.node, nodes, tasks, row.containers)
    if verbose:
        here["Services"] = _services(stored, session.call(ListObjects("service")), nodes, tasks)
    return api_json.network(stored, here)


def network_row(session: Session, ref: str, scope: str = "") -> NetworkRow:
    """The one network, of this machine or of the swarm, that this name or the beginning of an id means."""
    known = [row for row in session.call(ListNetworks()) if scope in ("", row.scope)]
    rows = lookup(known, ref, lambda row: row.name)
    if len(rows) > 1:
        what = "name" if rows[0].name == ref else "ID prefix"
        raise ApiError(f"network {ref} is ambiguous ({len(rows)} matches found based on {what})")
    if not rows:
        raise ApiError(f"network {ref} not found")
    return rows[0]


def _is_on(task: Task, stored: Network) -> bool:
    alive = STARTING <= task.state <= RUNNING
    return alive and any(one.network == stored.id for one in task.networks)


def _address(object: Any, network: str) -> str:
    return next((one.address for one in object if one.network == network), "")


def _here(stored: Network, own: str, nodes: tuple[Node, ...], tasks: list[Task], plain: tuple) -> dict[str, Any]:
    ends = {
        task.container: api_containers.network_end(
            f"{task.name}.{task.id}", task.container, stored.id, _address(task.networks, stored.id)
        )
        for task in tasks
        if task.node == own
    }
    ends |= {id: api_containers.network_end(name, id, stored.id, address) for id, name, address in plain}
    balancer = _address(next(node for node in nodes if node.id == own).attachments, stored.id)
    name = stored.spec.name
    key = "ingress-sbox" if stored.spec.ingress else f"lb-{name}"
    if balancer:
        ends[key] = api_containers.network_end(f"{name}-endpoint", f"{key}/{own}", stored.id, balancer)
    return {"Containers": ends, "Peers": _peers(stored, nodes)}


def _peers(stored: Network, nodes: tuple[Node, ...]) -> list[dict[str, str]]:
    """The nodes that talk about this network: all of them for ingress, else those with a container on it."""
    inside = [node for node in nodes if node.state == "ready" and _address(node.attachments, stored.id)]
    return [{"Name": api_containers.made_up_id("peer", node.id)[:12], "IP": node.address} for node in inside]


def _services(
    stored: Network, services: tuple[Service, ...], nodes: tuple[Node, ...], tasks: list[Task]
) -> Mapping[str, Any]:
    addresses = {node.id: node.address for node in nodes}
    found = {}
    for number, service in enumerate(services):
        own = [task for task in tasks if task.service == service.id and task.state < COMPLETE]
        if own:
            vip = _address(service.virtual_ips, stored.id).partition("/")[0]
            ports = service.ports if stored.spec.ingress else ()
            found[service.spec.name] = {
                "VIP": vip or "<nil>",
                "Ports": [f"Target: {port.target_port}, Publish: {port.published_port}" for port in ports],
                "LocalLBIndex": 256 + number,  # a mark of the kernel's tables, which are not here
                "Tasks": [_network_task(task, stored.id, addresses.get(task.node, "")) for task in own],
            }
    return found


def _network_task(task: Task, network: str, host: str) -> dict[str, Any]:
    return {
        "Name": f"{task.name}.{task.id}",
        "EndpointID": api_containers.made_up_id("endpoint", task.container, network),
        "EndpointIP": _address(task.networks, network).partition("/")[0],
        "Info": {"Host IP": host},
    }
