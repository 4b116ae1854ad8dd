"""The keys of the data plane: managers make them, keep three for each use, and replace the oldest every 12 hours.

Source: swarmkit `manager/keymanager/keymanager.go`. A new leader counts its 12 hours anew.
"""

# Simpler than in reality (docs/simplifications.md): data-keys

from collections.abc import Iterable

from ..effects import SECOND
from ..objects import Cluster, NetworkKey, Put, replace
from .store import Key, Store

SUBSYSTEMS = ("networking:gossip", "networking:ipsec")
LENGTH = 16  # bytes
KEPT = 3  # per subsystem
ROTATION = 12 * 3600 * SECOND


class Memory:
    """When the next rotation is due; not stored."""

    def __init__(self) -> None:
        self.due: int | None = None


def plan(store: Store, changed: Iterable[Key] | None, memory: Memory, now: int) -> tuple[list, int | None]:
    """Make the first keys of a swarm, and rotate them when it is time."""
    cluster = store.cluster
    if cluster is None:
        return [], None
    if memory.due is None:
        memory.due = now + ROTATION
    if not cluster.network_keys:
        return [Put(replace(cluster, network_keys=first_keys(cluster)))], memory.due
    if memory.due > now:
        return [], memory.due
    memory.due += ((now - memory.due) // ROTATION + 1) * ROTATION  # who was frozen for days makes up for none of them
    return [Put(replace(cluster, network_keys=rotated(cluster)))], memory.due


def first_keys(cluster: Cluster) -> tuple[NetworkKey, ...]:
    """Three for each subsystem. The clock that numbers them begins somewhere below 65 536."""
    clock = int.from_bytes(_bytes("clock", cluster.id)[:2], "big")
    uses = [subsystem for subsystem in SUBSYSTEMS for _ in range(KEPT)]
    return tuple(_new_key(cluster, subsystem, clock + tick) for tick, subsystem in enumerate(uses, 1))


def rotated(cluster: Cluster) -> tuple[NetworkKey, ...]:
    """For each subsystem the newest two and a new one."""
    clock = max(key.time for key in cluster.network_keys)
    keys: list[NetworkKey] = []
    for tick, subsystem in enumerate(SUBSYSTEMS, 1):
        ours = sorted((key for key in cluster.network_keys if key.subsystem == subsystem), key=lambda key: key.time)
        keys += [*ours[1 - KEPT :], _new_key(cluster, subsystem, clock + tick)]
    return tuple(keys)


def _new_key(cluster: Cluster, subsystem: str, time: int) -> NetworkKey:
    # SwarmKit draws keys; ours follow from the cluster, as planners have no dice: see `tokens.derived_id`.
    return NetworkKey(subsystem, time, _bytes("key", cluster.id, cluster.ca_digest, subsystem, time))


def _bytes(*parts: object) -> bytes:
    from hashlib import sha256  # at first use, as everything that the first moments do not need

    return sha256(repr(parts).encode()).digest()[:LENGTH]
