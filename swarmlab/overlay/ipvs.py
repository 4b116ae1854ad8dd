"""From a virtual IP or a published port to one task: the pool of tasks that a balancer chooses from.

Docker uses IPVS in its `rr` form, one table per node: nodes take turns without knowing of each other, and a turn is
given to each connection. Source: moby `daemon/libnetwork/service_linux.go`; Linux manual, ipvsadm(8).
"""

from bisect import bisect_left

from .balancers import Backend, Balancer, Request, least_connections, round_robin

__all__ = ["Backend", "Balancer", "Pool", "Request", "least_connections", "round_robin"]


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

    def choose(self, balancer: Balancer, request: Request) -> Backend:
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
