"""What the engine says to the settings of a new swarm, before there is one.

Source: moby `daemon/cluster/swarm.go` (Init), swarmkit `manager/controlapi/cluster.go`.
"""

from collections.abc import Mapping
from typing import Any

from ..effects import SECOND
from ..objects import ApiError
from ..overlay import ipam

SMALLEST_SUBNET = 29  # eight addresses


def check_options(options: Mapping[str, Any]) -> None:
    """Raises ApiError. The last two are refused by the swarm's own API, when the rest is there already."""
    pools = options.get("address_pool", "")
    for pool in pools.split(",") if pools else ():
        _check_pool(pool.strip(), options.get("subnet_size", 0) or 24)
    port = options.get("data_path_port", 0)
    if port and not 1024 <= port <= 49151:
        raise ApiError(f"Datapath port number is not in valid range (1024-49151) : {port}")
    if 0 != options.get("certificate_expiry", 0) < 3600 * SECOND:
        raise ApiError("rpc error: code = InvalidArgument desc = minimum certificate expiry time is: 1h0m0s")
    if options.get("heartbeat_period", 0) < 0:
        raise ApiError("rpc error: code = InvalidArgument desc = heartbeat time period cannot be a negative duration")


def _check_pool(pool: str, size: int) -> None:
    if size > SMALLEST_SUBNET:
        raise ApiError(f"subnet size is out of range: {size}")
    try:
        block = ipam.subnet(pool)
    except ValueError:  # an overlay's addresses are of IPv4, here as in SwarmKit's own allocator
        raise ApiError(f"invalid base pool {pool}: invalid CIDR address: {pool}") from None
    if size < block.bits:
        raise ApiError(f'invalid CIDR: "{pool}". Subnet size is too small for pool: {size}')
