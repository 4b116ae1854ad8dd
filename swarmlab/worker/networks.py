"""The networks of one engine: those that every engine has, and bridges that a person made on this machine alone.

Source: Docker documentation, "docker network create", "docker network ls"; texts as recorded from Docker Engine 20.10.
"""

# Simpler than in reality (docs/simplifications.md): bridge-addresses

from collections.abc import Sequence

from ..effects import Dice
from ..messages import NetworkRow
from ..objects import ApiError, Network, NetworkSpec, ServiceSpec, replace
from ..overlay import ipam
from ..trust import tokens

GWBRIDGE = "docker_gwbridge"  # how containers on an overlay get out: shows only in a swarm
PREDEFINED = {"bridge": "bridge", GWBRIDGE: "bridge", "host": "host", "none": "null"}  # name → driver
LOCAL_DRIVERS = ("bridge", "ipvlan", "macvlan")
POOLS = (*((f"172.{n}.0.0/16", 16) for n in range(17, 32)), ("192.168.0.0/16", 20))  # for bridges, in this order
ONLY_ONE = "only one instance of {} network is allowed"
FROM_A_WORKER = "Cannot create a multi-host network from a worker node. Please create the network from a manager node."


def predefined(dice: Dice) -> tuple[NetworkRow, ...]:
    """The networks that every engine has."""
    rows = (NetworkRow(tokens.container_id(dice), name, driver, "local", {}) for name, driver in PREDEFINED.items())
    return tuple(
        replace(row, subnet="172.17.0.0/16", gateway="172.17.0.1") if row.name == "bridge" else row for row in rows
    )


def in_a_swarm(own: Sequence[NetworkRow]) -> tuple[NetworkRow, ...]:
    """A machine that gets into a swarm makes `docker_gwbridge`, on the next free addresses."""
    if all(row.subnet for row in own if row.name == GWBRIDGE):
        return tuple(own)
    subnet = _free_subnet(own)
    return tuple(replace(row, subnet=subnet, gateway=_first(subnet)) if row.name == GWBRIDGE else row for row in own)


def _free_subnet(own):
    taken = [ipam.subnet(row.subnet) for row in own if row.subnet]
    for pool, bits in POOLS:
        found = ipam.lowest_free(ipam.subnet(pool), bits, taken)
        if found:
            return str(found)
    raise ApiError(
        "could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network"
    )


def _first(subnet):
    return ipam.text(ipam.subnet(subnet).base + 1)


def free_address(row: NetworkRow, taken: Sequence[str]) -> str:
    """The lowest address of a bridge that nobody has."""
    block = ipam.subnet(row.subnet)
    used = {row.gateway, *taken}
    found = (ipam.text(n) for n in range(block.base + 1, block.last) if ipam.text(n) not in used)
    return next(found, "")


def listed(own: Sequence[NetworkRow], swarm: Sequence[Network | NetworkRow], in_swarm: bool) -> tuple[NetworkRow, ...]:
    """What `docker network ls` has to show, by name."""
    rows = [row for row in own if in_swarm or row.name != GWBRIDGE]
    for network in swarm:
        if isinstance(network, NetworkRow):
            rows.append(network)
        elif not network.predefined:
            spec = network.spec
            row = NetworkRow(network.id, spec.name, spec.driver, spec.scope, dict(spec.labels))
            rows.append(row._replace(internal=spec.internal, attachable=spec.attachable))
    return tuple(sorted(rows, key=lambda row: row.name))


def check_wish(spec: NetworkSpec, own: Sequence[NetworkRow], in_swarm: bool, is_manager: bool) -> None:
    """What the engine refuses before it looks at what the swarm has. Raises ApiError."""
    if is_manager and spec.name in ("bridge", "host"):  # to a swarm these are networks like others
        raise ApiError(f"network with name {spec.name} already exists")
    if spec.name in ("bridge", "host", "none", "default"):
        raise ApiError(f"operation is not permitted on predefined {spec.name} network ")
    if spec.scope == "swarm" and in_swarm and any(row.name == spec.name for row in own):
        raise ApiError(f"network with name {spec.name} already exists")
    if spec.scope == "swarm" and in_swarm and not is_manager:
        raise ApiError(FROM_A_WORKER)


def new(spec: NetworkSpec, known: Sequence[NetworkRow], dice: Dice, now: int = 0) -> NetworkRow:
    """A network of this machine alone. Raises ApiError."""
    if not spec.name.strip():
        raise ApiError(f"invalid name: {spec.name}")
    if any(row.name == spec.name for row in known):
        raise ApiError(f"network with name {spec.name} already exists")
    if spec.driver in ("host", "null"):
        raise ApiError(ONLY_ONE.format(f'"{spec.driver}"'))
    if spec.driver == "overlay":
        raise ApiError("cannot downgrade network scope for overlay networks")
    if spec.driver not in LOCAL_DRIVERS:
        raise ApiError(f'plugin "{spec.driver}" not found')
    if spec.ingress:
        raise ApiError("Ingress network can only be global scope network")
    local = [row for row in known if row.scope == "local"]
    subnet, gateway = _asked_for(spec, local) if spec.subnets else (_free_subnet(local), "")
    return NetworkRow(
        id=tokens.container_id(dice),
        name=spec.name,
        driver=spec.driver,
        scope="local",
        labels=dict(spec.labels),
        subnet=subnet,
        gateway=gateway or _first(subnet),
        internal=spec.internal,
        attachable=spec.attachable,
        options=dict(spec.options),
        created_at=now,
    )


def _asked_for(spec, local):
    """The subnet that a person chose, and the gateway in it."""
    text, gateway, _ = spec.subnets[0]
    try:
        subnet = ipam.subnet(text)
    except ValueError:
        raise ApiError(f"invalid subnet {text} : invalid CIDR block notation") from None
    if any(subnet.overlaps(ipam.subnet(row.subnet)) for row in local if row.subnet):
        raise ApiError("Pool overlaps with other one on this address space")
    return str(subnet), gateway


def one(ref: str, rows: Sequence[NetworkRow]) -> NetworkRow:
    """The network of this name or id. Raises ApiError."""
    found = find(ref, rows)
    if found is None:
        raise ApiError(f"network {ref} not found")
    return found


def find(ref: str, rows: Sequence[NetworkRow]) -> NetworkRow | None:
    """The network of this id or name, or the only one whose id begins so."""
    begin = [row for row in rows if ref and row.id.startswith(ref)]
    return named(ref, rows) or (begin[0] if len(begin) == 1 else None)


def named(ref: str, rows: Sequence[NetworkRow]) -> NetworkRow | None:
    """The network of this id or name. Where others may be called so, the beginning of an id does not do."""
    return next((row for row in rows if ref in (row.id, row.name)), None)


def check_removal(row: NetworkRow, users: Sequence[tuple]) -> None:
    """`users` are the containers that run on it. Raises ApiError."""
    if row.name in PREDEFINED and row.name != GWBRIDGE:
        raise ApiError(f"{row.name} is a pre-defined network and cannot be removed")
    if users:
        raise ApiError(f"error while removing network: network {row.name} id {row.id} has active endpoints")


def check_service(spec: ServiceSpec, own: Sequence[NetworkRow]) -> None:
    """A service may run anywhere, so a network that only this machine has is of no use to it."""
    for target in spec.task.networks:
        row = named(target.target, own)
        if row and row.name not in PREDEFINED:
            text = "Only networks scoped to the swarm can be used, such as those created with the overlay driver."
            raise ApiError(f"The network {row.name} cannot be used with services. {text}")
