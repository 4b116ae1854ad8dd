"""A container's rows in the two tables that the nodes of an overlay network share.

Source: moby `daemon/libnetwork/agent.go` (what is published), `drivers/overlay/joinleave.go`.
"""

from collections.abc import Iterator

from ..messages import Binding, Endpoint, Peer
from .ipam import number

INGRESS = "ingress"


def mac(address: str) -> str:
    """The address of the interface on its Ethernet: `02:42:` and the IPv4 address in hexadecimal digits."""
    return ":".join(f"{byte:02x}" for byte in (0x02, 0x42, *number(address).to_bytes(4, "big")))


def peers_of(endpoint: Endpoint) -> Iterator[tuple[str, Peer]]:
    """(network id, where its address there is found)."""
    for network, _, address in endpoint.addresses:
        yield network, Peer(address, mac(address), endpoint.machine, endpoint.vtep or endpoint.machine)


def bindings_of(endpoint: Endpoint) -> Iterator[Binding]:
    """What names and load balancers have to know of it, network by network; ports are published on ingress alone."""
    shared = {network: address for network, _, address in endpoint.virtual_ips}
    for network, called, address in endpoint.addresses:
        aliases = tuple(alias for where, alias in endpoint.aliases if where == network)
        ports = tuple(port for port in endpoint.ports if port.publish_mode == INGRESS) if called == INGRESS else ()
        yield Binding(
            task=endpoint.task,
            name=endpoint.name,
            service=endpoint.service,
            service_name=endpoint.service_name,
            machine=endpoint.machine,
            network=network,
            network_name=called,
            address=address,
            virtual_ip=shared.get(network, ""),
            ports=ports,
            aliases=aliases,
            mode=endpoint.mode,
            container=endpoint.container[:12],
        )
