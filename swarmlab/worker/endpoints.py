"""How an agent describes its tasks and networks to others: endpoints for the mesh, networks for the mesh and the engine.

Source: moby `daemon/cluster/executor/container/container.go`, `daemon/libnetwork/agent.go`.
"""

# Simpler than in reality (docs/simplifications.md): host-port, mtu-option

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..messages import Endpoint, NetworkRow, OverlayNetwork
from ..objects import Attachment, Network, Task
from ..overlay.caching import ttl_of

if TYPE_CHECKING:
    from .agent import Agent

MTU, LEAST_MTU = re.compile(r"[0-9]{1,5}"), 68 + 76  # what is left inside an encrypted tunnel must do for IPv4


def endpoint(here: "Agent", task: Task, container: str) -> Endpoint:
    """Where others reach this task, and under which names."""
    networks = [here.networks[one.network] for one in task.networks if one.network in here.networks]
    inside = bool(networks) and all(network.spec.internal for network in networks)
    return Endpoint(
        task=task.id,
        name=task.name,
        service=task.service,
        service_name=task.service_name,
        machine=here.machine,
        addresses=_addresses(here, task.networks),
        virtual_ips=_virtual_ips(here, task),
        ports=task.ports,
        aliases=tuple((target.target, alias) for target in task.spec.networks for alias in target.aliases),
        mode=task.endpoint.mode,
        vtep=here.address,
        container=container,
        cache=ttl_of(task.spec.container.env),
        way_out="none" if inside else "bridge",
    )


def _virtual_ips(here: "Agent", task: Task) -> tuple:
    """Those that its service had when the container was made: what an update changes is for the tasks after it."""
    known, service = here.shown.get(task.id), here.services.get(task.service)
    if known and known[0].virtual_ips:
        return known[0].virtual_ips
    return _addresses(here, service.virtual_ips) if service and task.endpoint.mode != "dnsrr" else ()


def _addresses(here: "Agent", attachments: Iterable[Attachment]) -> tuple:
    return tuple(
        (one.network, here.networks[one.network].spec.name, one.address.partition("/")[0])
        for one in attachments
        if one.network in here.networks
    )


def overlay_network(network: Network, address: str) -> OverlayNetwork:
    """A network of the swarm as the mesh of a node with this address knows it."""
    spec = network.spec
    mtu = str(spec.options.get("com.docker.network.driver.mtu", ""))
    return OverlayNetwork(
        network.id,
        spec.name,
        network.subnet,
        network.gateway,
        network.vni,
        address,
        "encrypted" in spec.options,  # whatever it is set to, `false` as well [moby: ov_network.go]
        spec.ingress,
        int(mtu) if MTU.fullmatch(mtu) and int(mtu) >= LEAST_MTU else 1500,
    )


def network_row(network: Network) -> NetworkRow:
    """The same as the engine lists it."""
    spec = network.spec
    row = NetworkRow(network.id, spec.name, spec.driver, spec.scope, dict(spec.labels))
    return row._replace(
        subnet=network.subnet, gateway=network.gateway, internal=spec.internal, attachable=spec.attachable
    )
