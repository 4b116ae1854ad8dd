"""From a virtual IP or a published port to one task: balancers, and the pool of tasks that they choose from.

Docker uses IPVS in its `rr` form, one table per node: nodes take turns without knowing of each other, and a turn is
given to each connection. Source: moby `daemon/libnetwork/service_linux.go`; Linux manual, ipvsadm(8).
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import NamedTuple


class Backend(NamedTuple):
    """One task that a balancer may choose."""

    task: str  # id
    machine: str
    weight: int = 1
    active: int = 0  # requests that this node has sent there and that are not answered yet


Balancer = Callable[[Sequence[Backend], int, int], Backend]

# ── balancers: plain functions of the backends, the request's number, and how many turns this node has given ─────


def round_robin(backends: Sequence[Backend], request: int, turn: int) -> Backend:
    """Each in turn: IPVS `rr`, what Docker uses."""
    return backends[turn % len(backends)]


def least_connections(backends: Sequence[Backend], request: int, turn: int) -> Backend:
    """The one that has the fewest requests of this node in progress: IPVS `lc`."""
    return min(backends, key=lambda backend: (backend.active, backend.task))


# ── what they choose from ────────────────────────────────────────────────────────────────────────────────────────


class Pool:
    """The tasks behind one address on one node, in the order that all nodes agree on, and this node's turn."""

    def __init__(self) -> None:
        self.ranks: list[tuple] = []
        self.backends: list[Backend] = []
        self.turn = 0

    def add(self, rank: tuple, backend: Backend) -> None:
        """Let this task be chosen from now on."""
        place = bisect_left(self.ranks, rank)
        self.ranks.insert(place, rank)
        self.backends.insert(place, backend)

    def remove(self, rank: tuple) -> None:
        """Let this task be chosen no more."""
        place = bisect_left(self.ranks, rank)
        del self.ranks[place], self.backends[place]

    def choose(self, balancer: Balancer, request: int) -> Backend:
        """Give one turn."""
        chosen = balancer(self.backends, request, self.turn)
        self.turn += 1
        return chosen

    def count(self, rank: tuple, change: int) -> None:
        """One request more (+1) or less (-1) is in progress there; a task that has left is not counted any more."""
        place = bisect_left(self.ranks, rank)
        if place < len(self.ranks) and self.ranks[place] == rank:
            backend = self.backends[place]
            self.backends[place] = backend._replace(active=max(0, backend.active + change))
