"""The networks of one engine: those that every engine has, and bridges that a person made on this machine alone.

Source: Docker documentation, "docker network create", "docker network ls"; texts as recorded from Docker Engine 20.10.
"""

from collections.abc import Sequence

from ..effects import Dice
from ..messages import NetworkRow
from ..objects import ApiError, Network, NetworkSpec, ServiceSpec
from . import identity

GWBRIDGE = "docker_gwbridge"  # how containers on an overlay get out: shows only in a swarm
PREDEFINED = {"bridge": "bridge", GWBRIDGE: "bridge", "host": "host", "none": "null"}  # name → driver
LOCAL_DRIVERS = ("bridge", "ipvlan", "macvlan")
ONLY_ONE = "only one instance of {} network is allowed"


def predefined(dice: Dice) -> tuple[NetworkRow, ...]:
    """The networks that every engine has."""
    rows = (NetworkRow(identity.container_id(dice), name, driver, "local", {}) for name, driver in PREDEFINED.items())
    return tuple(rows)


def listed(own: Sequence[NetworkRow], swarm: Sequence[Network | NetworkRow], in_swarm: bool) -> tuple[NetworkRow, ...]:
    """What `docker network ls` has to show, by name."""
    rows = [row for row in own if in_swarm or row.name != GWBRIDGE]
    for network in swarm:
        if isinstance(network, NetworkRow):
            rows.append(network)
        elif not network.predefined:
            spec = network.spec
            rows.append(NetworkRow(network.id, spec.name, spec.driver, spec.scope, dict(spec.labels)))
    return tuple(sorted(rows, key=lambda row: row.name))


def new(spec: NetworkSpec, known: Sequence[NetworkRow], dice: Dice) -> NetworkRow:
    """A network of this machine alone. Raises ApiError."""
    if not spec.name.strip():
        raise ApiError(f"invalid name: {spec.name}")
    if any(row.name == spec.name for row in known):
        raise ApiError(f"network with name {spec.name} already exists")
    if spec.driver in ("host", "null"):
        raise ApiError(ONLY_ONE.format(f'"{spec.driver}"'))
    if spec.driver not in LOCAL_DRIVERS:
        raise ApiError(f'plugin "{spec.driver}" not found')
    return NetworkRow(identity.container_id(dice), spec.name, spec.driver, "local", dict(spec.labels))


def find(ref: str, own: Sequence[NetworkRow]) -> NetworkRow | None:
    """The network of this machine with this id or name, or the only one whose id begins so."""
    begin = [row for row in own if ref and row.id.startswith(ref)]
    return next((row for row in own if ref in (row.id, row.name)), begin[0] if len(begin) == 1 else None)


def check_removal(row: NetworkRow) -> None:
    if row.name in PREDEFINED and row.name != GWBRIDGE:
        raise ApiError(f"{row.name} is a pre-defined network and cannot be removed")


def check_service(spec: ServiceSpec, own: Sequence[NetworkRow]) -> None:
    """A service may run anywhere, so a network that only this machine has is of no use to it."""
    for target in spec.task.networks:
        row = find(target.target, own)
        if row and row.name not in PREDEFINED:
            text = "Only networks scoped to the swarm can be used, such as those created with the overlay driver."
            raise ApiError(f"The network {row.name} cannot be used with services. {text}")
