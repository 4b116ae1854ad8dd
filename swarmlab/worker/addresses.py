"""Under which address the others reach this machine: what `--advertise-addr` may say, and what happens without it.

Source: moby daemon/cluster/listen_addr.go; Docker documentation, "docker swarm init" (--advertise-addr).
"""

from ..objects import ApiError
from ..overlay import ipam

Interfaces = tuple[tuple[str, str], ...]  # (name, address)

BAD_ADDRESS = "advertise address must be a non-zero IP address or network interface (with optional port number)"
SEVERAL = (
    "could not choose an IP address to advertise since this system has multiple addresses on different interfaces "
    "({} and {}) - specify one with --advertise-addr"
)
PORT = 2377


def advertised(text: str, interfaces: Interfaces) -> str:
    """The IP address that is meant: one given, that of an interface given, or the only one there is. Raises ApiError.

    >>> advertised("eth1:2377", (("eth0", "10.0.2.15"), ("eth1", "192.168.50.100")))
    '192.168.50.100'
    """
    host = without_port(text)
    if not text:
        return _only(interfaces)
    if host in dict(interfaces):
        return dict(interfaces)[host]
    try:
        if ipam.number(host):
            return host
    except ValueError:
        pass
    raise ApiError(BAD_ADDRESS)


def _only(interfaces: Interfaces) -> str:
    if len(interfaces) > 1:
        raise ApiError(SEVERAL.format(*(f"{address} on {name}" for name, address in interfaces[:2])))
    return interfaces[0][1]


def with_port(address: str) -> str:
    return address if ":" in address else f"{address}:{PORT}"


def without_port(address: str) -> str:
    return address.partition(":")[0]
