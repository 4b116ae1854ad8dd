"""What the engine keeps of one plain container, and of the networks that it is on.

Source: Docker documentation, "docker network connect"; texts of Docker Engine 20.10.
"""

from collections.abc import Sequence
from typing import NamedTuple

from ..messages import Container, NetworkRow
from ..objects import ApiError, NetworkTarget, PortConfig
from . import networks


class Joined(NamedTuple):
    """A network that a container is on. It has an address there while it runs, but never on `host` and `none`."""

    network: str  # id
    name: str
    aliases: tuple[str, ...] = ()
    address: str = ""
    internal: bool = False  # without a gateway
    swarm: bool = False  # an overlay: the managers give the address, while it runs
    mask: str = ""  # its length, with an address on an overlay
    attachment: str = ""  # the task that holds the address there


class Plain(NamedTuple):
    """What the engine keeps of one plain container."""

    name: str
    ports: tuple[PortConfig, ...]  # published, or its own on the network of the machine
    networks: tuple[Joined, ...]
    remove: bool = False  # when it ends
    running: bool = False
    fault: str = ""  # why it cannot start: a port that is taken

    @property
    def on_host(self) -> bool:
        return any(joined.name == "host" for joined in self.networks)


def meant(ref: str, rows: Sequence[NetworkRow], in_swarm: bool) -> NetworkRow:
    """The network that is meant; in a swarm the managers may know one of which this machine has not heard. Raises
    ApiError."""
    found = networks.find(ref, rows)
    return NetworkRow("", ref, "overlay", "swarm", {}) if found is None and in_swarm else networks.one(ref, rows)


def join(target: NetworkTarget, rows: Sequence[NetworkRow], in_swarm: bool) -> Joined:
    """The network that is meant. Raises ApiError for one that is not there."""
    row = meant(target.target, rows, in_swarm)
    if target.aliases and row.name in networks.PREDEFINED:
        raise ApiError("network-scoped alias is supported only for containers in user defined networks")
    return Joined(row.id or row.name, row.name, target.aliases, internal=row.internal, swarm=row.scope == "swarm")


def silent(mine: Plain) -> tuple[Joined, ...]:
    """Its networks, while it does not run."""
    return tuple(without(joined) for joined in mine.networks)


def without(joined: Joined) -> Joined:
    """The same network, while the container has no address there."""
    return joined._replace(address="", mask="", attachment="")


def disconnected(mine: Plain, row: NetworkRow, found: Container) -> Plain:
    """The same container on one network less. Raises ApiError."""
    if mine.on_host:
        raise ApiError("container cannot be disconnected from host network or connected to host network")
    left = tuple(one for one in mine.networks if one.network != row.id)
    if left == mine.networks:
        raise ApiError(f"container {found.id} is not connected to network {row.name}")
    return mine._replace(networks=left)


def with_mask(joined: Joined, rows: Sequence[NetworkRow]) -> str:
    """Its address as `172.17.0.2/16`, '' for none."""
    if joined.mask:
        return f"{joined.address}/{joined.mask}"
    row = next((row for row in rows if row.id == joined.network), None)
    return f"{joined.address}/{row.subnet.partition('/')[2]}" if row and joined.address else ""
