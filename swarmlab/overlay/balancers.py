"""Who gets the next connection? Every balancer is a plain function that keeps nothing, so yours can be one too.

    def balancer(backends, request, turn): return one of the backends

`turn` counts the choices made before on this node. Rules: IPVS, ipvsadm(8) and the kernel's `net/netfilter/ipvs`;
nginx, module `ngx_http_upstream`. Those that hash the client's address are in `swarmlab.overlay.hashing`. A backend of
weight 0 gets nothing: that is how a task leaves while its connections go on.
"""

# Simpler than in reality (docs/simplifications.md): lots

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import gcd
from typing import NamedTuple

HEAVIEST = 65_535  # weight [ipvsadm(8)]
DRAWS = 3  # lots that 64 bits are good for; then they are stirred anew


class Backend(NamedTuple):
    """One task that a balancer may choose, as this balancer knows it."""

    task: str  # id
    machine: str
    weight: int = 1  # 0: nothing new
    active: int = 0  # what this node has sent there and is not answered yet
    inactive: int = 0  # connections kept open, on which nothing is asked
    latency: float = 0.0  # µs, smoothed, of the answers that came by this node; 0: none yet


class Request(NamedTuple):
    """What is to be balanced: the first packet of a connection."""

    number: int  # no two connections share one
    source: str = ""  # the client's address


Balancer = Callable[[Sequence[Backend], Request, int], Backend]


# ── in turn, or by lot ───────────────────────────────────────────────────────────────────────────────────────────


def round_robin(backends: Sequence[Backend], request: Request, turn: int) -> Backend:
    """Each in turn: IPVS `rr`, what Docker uses."""
    able = willing(backends)
    return able[turn % len(able)]


def at_random(backends: Sequence[Backend], request: Request, turn: int) -> Backend:
    """Any of them."""
    able = willing(backends)
    return able[lot(request, len(able))]


def weighted_round_robin(backends: Sequence[Backend], request: Request, turn: int) -> Backend:
    """In turn, the heavier ones more often and several times in a row: IPVS `wrr`; weights 4, 3, 2 → AABABCABC."""
    able = willing(backends)
    order = wrr_order(tuple(backend.weight for backend in able))
    return able[order[turn % len(order)]]


def smooth_round_robin(backends: Sequence[Backend], request: Request, turn: int) -> Backend:
    """The same shares, spread out: nginx; weights 5, 1, 1 → aabacaa."""
    able = willing(backends)
    order = smooth_order(tuple(backend.weight for backend in able))
    return able[order[turn % len(order)]]


# ── by what is in progress; of equals the first ──────────────────────────────────────────────────────────────────


def least_connections(backends: Sequence[Backend], request: Request, turn: int) -> Backend:
    """The one with the fewest connections of this node: IPVS `lc`."""
    return min(willing(backends), key=connections)


def weighted_least_connections(backends: Sequence[Backend], request: Request, turn: int) -> Backend:
    """The fewest for its weight: IPVS `wlc`."""
    return min(willing(backends), key=lambda backend: connections(backend) / backend.weight)


def shortest_expected_delay(backends: Sequence[Backend], request: Request, turn: int) -> Backend:
    """The fewest for its weight, this one included: IPVS `sed`."""
    return min(willing(backends), key=lambda backend: (backend.active + 1) / backend.weight)


def never_queue(backends: Sequence[Backend], request: Request, turn: int) -> Backend:
    """An idle one, even if it is slow; if there is none, as `sed`: IPVS `nq`."""
    idle = [backend for backend in willing(backends) if backend.active == 0]
    return idle[0] if idle else shortest_expected_delay(backends, request, turn)


def two_choices(backends: Sequence[Backend], request: Request, turn: int) -> Backend:
    """Draw two, take the one with less in progress: it needs no full list, and does not herd [Mitzenmacher 2001]."""
    able = willing(backends)
    first = lot(request, len(able))
    second = (first + 1 + lot(request, len(able) - 1, draw=1)) % len(able) if len(able) > 1 else first
    return min(able[first], able[second], key=lambda backend: backend.active)


def least_response_time(backends: Sequence[Backend], request: Request, turn: int) -> Backend:
    """The shortest wait to expect: answer time × (in progress + 1). Who has not answered yet is taken for the fastest."""
    able = willing(backends)
    fastest = min((backend.latency for backend in able if backend.latency > 0), default=1.0)
    return min(able, key=lambda backend: (backend.latency or fastest) * (backend.active + 1) / backend.weight)


# ── what they share ──────────────────────────────────────────────────────────────────────────────────────────────


def willing(backends: Sequence[Backend]) -> list[Backend]:
    """Those that take new connections."""
    able = [backend for backend in backends if backend.weight > 0]
    if not able:
        raise ValueError("no destination available: there is no backend with a weight above 0")
    return able


def connections(backend: Backend) -> int:
    """How IPVS counts: one that works is as much as 256 that are only open."""
    return 256 * backend.active + backend.inactive


def lot(request: Request, count: int, draw: int = 0) -> int:
    """A number below `count` that looks random but follows from the request: a balancer without dice repeats itself."""
    stirred = mix(request.number)
    for _ in range(draw // DRAWS):
        stirred = mix(stirred)
    return (stirred >> 20 * (draw % DRAWS)) % count


def mix(number: int) -> int:
    """64 well stirred bits from any number [splitmix64: Steele, Lea and Flood 2014]."""
    number = (number + 1) * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF
    number = (number ^ number >> 30) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
    number = (number ^ number >> 27) * 0x94D049BB133111EB & 0xFFFFFFFFFFFFFFFF
    return number ^ number >> 31


@lru_cache(maxsize=256)
def wrr_order(weights: tuple[int, ...]) -> list[int]:
    """One round: a level goes from the largest weight down by their common divisor; who is not below it gets a turn."""
    levels = range(max(weights), 0, -gcd(*weights))
    return [place for level in levels for place, weight in enumerate(weights) if weight >= level]


@lru_cache(maxsize=256)
def smooth_order(weights: tuple[int, ...]) -> list[int]:
    """One round: all save up their weight, the richest is chosen and pays the total."""
    saved, order = [0] * len(weights), []
    for _ in range(sum(weights) // gcd(*weights)):
        saved = [have + weight for have, weight in zip(saved, weights, strict=True)]
        richest = saved.index(max(saved))
        saved[richest] -= sum(weights)
        order.append(richest)
    return order
