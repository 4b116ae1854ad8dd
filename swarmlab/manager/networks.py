"""What people may do with the swarm's networks: make them, and remove them when nobody uses them any more.

The texts are Docker's. Source: swarmkit `manager/controlapi/network.go`; moby `daemon/cluster/networks.go`.
"""

from ..objects import RUNNING, ApiError, Drop, Network, NetworkSpec, Put
from ..overlay import ipam
from .names import is_taken
from .store import Store
from .validation import check_name, refuse

DRIVERS = ("overlay", "bridge", "host", "ipvlan", "macvlan", "null")


def create(store: Store, spec: NetworkSpec, id: str) -> list:
    """Raises ApiError; the first two refusals are the engine's own, in front of SwarmKit."""
    if spec.driver not in DRIVERS:
        raise ApiError(f'plugin "{spec.driver}" not found')
    if spec.name and is_taken(store, "network", spec.name):
        raise ApiError(f"network with name {spec.name} already exists")
    if spec.ingress and spec.attachable:
        refuse("InvalidArgument", "ingress network cannot be attachable")
    check_name(spec.name)
    for subnet, gateway, range in spec.subnets:
        _check_subnet(subnet, gateway, range)
    if spec.ingress and store.ingress:
        refuse("AlreadyExists", f"ingress network ({store.ingress.id}) is already present")
    return [Put(Network(id, spec))]


def _check_subnet(text: str, gateway: str, range: str) -> None:
    if ":" in text:
        _check_ipv6(text)
        return
    block = _subnet(text)
    if block is None:
        raise _no_subnet(text)
    if range and _subnet(range) is None:
        refuse("InvalidArgument", f"ipam configuration: invalid range {range}")
    if range and not block.holds(ipam.number(range.partition("/")[0])):
        refuse("InvalidArgument", f"ipam configuration: subnet {text} does not contain range {range}")
    if gateway and _number(gateway) is None:
        refuse("InvalidArgument", f"ipam configuration: invalid gateway {gateway}")
    if gateway and not block.holds(ipam.number(gateway)):
        refuse("InvalidArgument", f"ipam configuration: subnet {text} does not contain gateway {gateway}")


def _no_subnet(text: str) -> ApiError:
    """The engine looks before SwarmKit does, whose `ipam configuration: invalid subnet` nobody ever reads [recorded]."""
    return ApiError(f"Invalid subnet {text} : invalid CIDR address: {text}")


def _subnet(text: str) -> ipam.Subnet | None:
    try:
        return ipam.subnet(text)
    except ValueError:
        return None


def _number(text: str) -> int | None:
    try:
        return ipam.number(text)
    except ValueError:
        return None


def _check_ipv6(text: str) -> None:
    """Such a subnet is kept as asked for; nobody gets an address in it."""
    from ipaddress import IPv6Network  # at first use: hardly a network asks for one

    try:
        IPv6Network(text, strict=False)
    except ValueError:
        raise _no_subnet(text) from None


def remove(store: Store, network: Network) -> list:
    """Raises ApiError while somebody uses it."""
    if network.predefined:
        name = f"network {network.id} ({network.spec.name})"
        refuse("FailedPrecondition", f"{name} is a swarm predefined network and cannot be removed")
    for service in sorted(store.all("service"), key=lambda service: service.id):
        if network.spec.ingress and any(port.publish_mode == "ingress" for port in service.spec.endpoint.ports):
            text = f"ingress network cannot be removed because service {service.id} depends on it"
            refuse("FailedPrecondition", text)
        if any(target.target == network.id for target in service.spec.task.networks):
            refuse("FailedPrecondition", f"network {network.id} is in use by service {service.id}")
    for task in store.all("task"):
        uses = not network.spec.ingress and any(target.target == network.id for target in task.spec.networks)
        if uses and task.desired <= RUNNING and task.state <= RUNNING:
            refuse("FailedPrecondition", f"network {network.id} is in use by task {task.id}")
    return [Drop("network", network.id)]
