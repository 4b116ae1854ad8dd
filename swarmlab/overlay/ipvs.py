"""From a virtual IP or a published port to one task: the pools of tasks that a node's load balancer chooses from.

Docker uses IPVS in its `rr` form. Each node has its own tables and its own turn, one for each service and network: all
published ports of a service share it. While an update changes them, the tasks with the old ones have a pool of their own. A turn is given to each connection, not to each request.
Source: moby `daemon/libnetwork/service_linux.go`; Linux manual, ipvsadm(8); networking.md §1.5; swarm.md §17.
"""

# Simpler than in reality (docs/simplifications.md): turns, forget

from bisect import bisect_left

from ..effects import SECOND
from .balancers import Backend, Balancer, Request, least_connections, round_robin

__all__ = ["IDLE", "Backend", "Balancer", "Key", "Pool", "Request", "least_connections", "round_robin"]

IDLE = 900 * SECOND  # a TCP connection on which nothing moves is forgotten; one of UDP after 300 s

Key = tuple[str, str, tuple]  # whose pool it is: (network id, service id, its published ports there)


class Pool:
    """The tasks of one service in one network, in the order that all nodes agree on, and this node's turn."""

    def __init__(self, mark: int = 0, address: str = "", persistence: int = 0) -> None:
        self.mark, self.address = mark, address  # the firewall mark by which packets are known; the virtual IP
        self.persistence = persistence  # µs for which the same client keeps its task [ipvsadm -p]; Docker: 0, never
        self.ranks: list[tuple] = []
        self.backends: list[Backend] = []  # those of weight 0 only finish what they have begun
        self.able = 0  # how many may be chosen
        self.places: list[int] = []  # where they stand among the backends; made anew when that has changed
        self.turn = 0
        self.clients: dict[str, tuple[tuple, int]] = {}  # address → the rank of its task, until when

    def add(self, rank: tuple, backend: Backend) -> None:
        """Let this task be chosen from now on; one that was there with weight 0 is back."""
        place = bisect_left(self.ranks, rank)
        if place < len(self.ranks) and self.ranks[place] == rank:
            self._put(place, self.backends[place]._replace(weight=backend.weight))
            return
        self.ranks.insert(place, rank)
        self.backends.insert(place, backend)
        self.able += backend.weight > 0
        self.places = []

    def weigh(self, rank: tuple, weight: int) -> None:
        """With weight 0 it gets no new connections, and keeps those that it has."""
        place = self.place(rank)
        if place is not None:
            self._put(place, self.backends[place]._replace(weight=weight))

    def remove(self, rank: tuple) -> None:
        """Its connections are forgotten with it [sysctl expire_nodest_conn]."""
        place = self.place(rank)
        if place is not None:
            self.able -= self.backends[place].weight > 0
            del self.ranks[place], self.backends[place]
            self.places = []

    def choose(self, balancer: Balancer, request: Request, now: int = 0) -> Backend:
        """Give one turn to a new connection."""
        if self.persistence:
            return self._choose_again(balancer, request, now)
        return self._take_turn(balancer, request)

    def next(self) -> Backend:
        """The same with `round_robin`, where somebody may be chosen: it looks at no more than who that is."""
        if not self.places:
            self.places = [place for place, backend in enumerate(self.backends) if backend.weight > 0]
        self.turn += 1
        return self.backends[self.places[(self.turn - 1) % self.able]]

    def _take_turn(self, balancer: Balancer, request: Request) -> Backend:
        chosen = balancer(self.backends, request, self.turn)
        if chosen.__class__ is not Backend or chosen not in self.backends:
            name = getattr(balancer, "__name__", balancer)
            raise ValueError(f"the balancer {name} must return one of the backends, not {chosen!r}")
        self.turn += 1
        return chosen

    def _choose_again(self, balancer: Balancer, request: Request, now: int) -> Backend:
        """The task that this client had before, unless it leaves [sysctl expire_quiescent_template]."""
        rank, until = self.clients.get(request.source, ((), 0))
        place = self.place(rank)
        if place is None or now >= until or not self.backends[place].weight:
            place = self.backends.index(self._take_turn(balancer, request))
        self.clients[request.source] = self.ranks[place], now + self.persistence
        return self.backends[place]

    def count(self, rank: tuple, change: int, open: int = 0) -> None:
        """One request more (+1) or less (-1) is in progress there, and so many connections more are only kept open; a
        task that has left is not counted any more."""
        place = self.place(rank)
        if place is not None:
            backend = self.backends[place]
            active, inactive = max(0, backend.active + change), max(0, backend.inactive + open)
            self.backends[place] = backend._replace(active=active, inactive=inactive)

    def time(self, rank: tuple, latency: int) -> None:
        """An answer took so long, µs; the newest one counts an eighth."""
        place = self.place(rank)
        if place is not None:
            backend = self.backends[place]
            smooth = backend.latency + (latency - backend.latency) / 8 if backend.latency else float(latency)
            self.backends[place] = backend._replace(latency=smooth)

    def place(self, rank: tuple) -> int | None:
        """Where the task of this rank stands among the backends."""
        place = bisect_left(self.ranks, rank)
        return place if place < len(self.ranks) and self.ranks[place] == rank else None

    def _put(self, place: int, backend: Backend) -> None:
        self.able += (backend.weight > 0) - (self.backends[place].weight > 0)
        self.backends[place] = backend
        self.places = []
