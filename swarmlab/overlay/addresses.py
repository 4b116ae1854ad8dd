"""Who has which address of a network, how many tasks still fit, and which ranges of addresses must not meet.

Source: Docker documentation, "Manage swarm service networks" (default address pools); swarmkit `manager/allocator`; moby
`daemon/libnetwork/cnmallocator`. What a conflict does follows from the routes of each network namespace: the nearest
network wins, so whoever has an interface in a range never looks for that range outside.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from ..objects import RUNNING, Network, Node, Service, Task
from .dns import is_address
from .ipam import Subnet, number, subnet

GATEWAY, VIRTUAL_IP, TASK, NODE = "gateway", "virtual IP", "task", "node"


class Used(NamedTuple):
    """One address that somebody has."""

    address: str
    kind: str  # gateway · virtual IP · task · node: its own load balancer there
    owner: str  # name of the service, task or machine


def used(network: Network, services: Iterable[Service], tasks: Iterable[Task], nodes: Iterable[Node]) -> list[Used]:
    """All addresses of the network that are given out, lowest first."""
    found = [Used(network.gateway, GATEWAY, network.spec.name)] if network.gateway else []
    for service in services:
        found += _of(network, service.virtual_ips, VIRTUAL_IP, service.spec.name)
    for task in tasks:
        if task.state <= RUNNING:
            found += _of(network, task.networks, TASK, task.name)
    for node in nodes:
        found += _of(network, node.attachments, NODE, node.machine)
    return sorted(found, key=lambda one: number(one.address))


def _of(network: Network, attachments: Iterable, kind: str, owner: str) -> list[Used]:
    here = [one.address.partition("/")[0] for one in attachments if one.network == network.id]
    return [Used(address, kind, owner) for address in here]


def room(cidr: str, services: int = 1, nodes: int = 1) -> int:
    """How many tasks fit into a subnet: of its addresses the first and the last are nobody's, one is the gateway's, one
    each service's (its virtual IP) and one each node's that runs such a task (its load balancer).

    >>> room("10.0.1.0/24", services=1, nodes=4)
    248
    """
    return max(0, subnet(cidr).size - 3 - services - nodes)


# ── ranges that meet ─────────────────────────────────────────────────────────────────────────────────────────────

INGRESS, OVERLAY, BRIDGE, POOL = "ingress", "overlay", "bridge", "pool"

EFFECTS = {  # what the range of a local network shares with → what goes wrong
    INGRESS: "visitors from {lan} get no answer at published ports: the reply goes into the ingress network instead",
    OVERLAY: "tasks on {name} do not reach {lan}: what they send there stays in the overlay network",
    BRIDGE: "what a machine sends to {lan} ends in its own bridge {name}: visitors from there get no answer, either",
    POOL: "nothing yet, but one of the next networks may get these addresses",
}


class Conflict(NamedTuple):
    """Two ranges that share addresses, and what that does."""

    lan: str  # the range of the local network, 10.0.0.0/24
    kind: str  # ingress · overlay · bridge · pool
    name: str  # of the network; of a pool its range
    subnet: str
    effect: str

    def __str__(self) -> str:
        return f"{self.lan} meets {self.name} ({self.subnet}): {self.effect}"


def conflicts(
    lan: str, networks: Iterable[Network], bridges: Mapping[str, str] = {}, pools: Iterable[str] = ()
) -> list[Conflict]:
    """What of a swarm shares addresses with the local network `lan` (`10.0.0.0/16`; one address counts as a range).

    `bridges` are the bridges of the machines, name → subnet; `pools` where networks to come get their subnets from.
    Raises ValueError for what is no range.
    """
    block = local_network(lan)
    found = list(_meetings(block, networks, bridges, pools))
    taken = any(kind in (INGRESS, OVERLAY) for kind, _, _ in found)
    rows = [(kind, name, range) for kind, name, range in found if not (kind == POOL and taken)]
    return [_conflict(block, kind, name, range) for kind, name, range in rows]


def _conflict(block: Subnet, kind: str, name: str, range: str) -> Conflict:
    """Of two blocks that meet one lies in the other: only that part is hit."""
    hit = max(block, subnet(range), key=lambda one: one.bits)
    return Conflict(str(block), kind, name, range, EFFECTS[kind].format(lan=hit, name=name))


def local_network(lan: str) -> Subnet:
    """`10.0.0.0/16`, or one address, as a block."""
    try:
        return subnet(lan if "/" in lan else f"{lan}/32")
    except (TypeError, ValueError):
        raise ValueError(f"{lan!r} is no range of addresses: write 10.0.0.0/24, or one address") from None


def _meetings(
    block: Subnet, networks: Iterable[Network], bridges: Mapping[str, str], pools: Iterable[str]
) -> Iterator[tuple[str, str, str]]:
    """(kind, name, subnet) of everything that the block shares addresses with."""
    for network in networks:
        if network.subnet and block.overlaps(subnet(network.subnet)):
            yield INGRESS if network.spec.ingress else OVERLAY, network.spec.name, network.subnet
    for name, range in bridges.items():
        if range and block.overlaps(subnet(range)):
            yield BRIDGE, name, range
    for range in pools:
        if block.overlaps(subnet(range)):
            yield POOL, range, range


def is_covered(address: str, cidr: str) -> bool:
    """Whether this address lies in the subnet; a machine without one, which is known by its name, lies nowhere."""
    return bool(cidr) and is_address(address) and subnet(cidr).holds(number(address))
