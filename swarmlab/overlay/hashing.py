"""Balancers that hash: the same client comes to the same task, without a table of clients.

They differ in what happens when a task comes or goes: how many clients must move. Sources: IPVS `sh` and `mh`;
Eisenbud and others, "Maglev", NSDI 2016, section 3.4; Karger and others 1997 (ring); Thaler and Ravishankar 1998
(rendezvous); Mirrokni, Thorup and Zadimoghaddam 2018 (bounded loads).
"""

# Simpler than in reality (docs/simplifications.md): hashes, sh-fallback

from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from math import ceil, gcd

from . import balancers
from .balancers import Backend, Balancer, Request, mix, willing

SLOTS = 256  # of `sh`
MAGLEV = 4093  # entries of the table of `mh`; a prime
POINTS = 100  # of each task on the ring
BOUND = 1.25  # no task has more than so many times its fair share


def source_hash(backends: Sequence[Backend], request: Request, turn: int) -> Backend:
    """By the client's address, over 256 slots that are dealt out by weight: IPVS `sh`. One task less moves most clients."""
    able = willing(backends)
    slots = dealt(tuple(backend.weight for backend in able))
    return able[slots[client(request) % SLOTS]]


def modulo(backends: Sequence[Backend], request: Request, turn: int) -> Backend:
    """By the client's address, the remainder: what everybody writes first. One task less moves nearly all clients."""
    able = willing(backends)
    return able[client(request) % len(able)]


def maglev(backends: Sequence[Backend], request: Request, turn: int) -> Backend:
    """By the client's address, over Maglev's table: IPVS `mh`. Nearly even, and few clients move."""
    able = willing(backends)
    table = maglev_table(tuple(backend.task for backend in able), tuple(backend.weight for backend in able))
    return able[table[client(request) % MAGLEV]]


def ring_hash(backends: Sequence[Backend], request: Request, turn: int) -> Backend:
    """The next task on a ring on which each has 100 points. None but the clients of the lost task move."""
    able = willing(backends)
    points, owners = ring(tuple(backend.task for backend in able))
    return able[owners[bisect_left(points, client(request)) % len(points)]]


def bounded_ring(backends: Sequence[Backend], request: Request, turn: int) -> Backend:
    """The next task on the ring that has not yet 1.25 times its fair share in progress."""
    able = willing(backends)
    points, owners = ring(tuple(backend.task for backend in able))
    most = ceil(BOUND * (sum(backend.active for backend in able) + 1) / len(able))
    place = bisect_left(points, client(request))
    while able[owners[place % len(points)]].active >= most:
        place += 1
    return able[owners[place % len(points)]]


def rendezvous(backends: Sequence[Backend], request: Request, turn: int) -> Backend:
    """Each task draws a lot for this client, the highest wins. Needs no table, asks every task."""
    able, who = willing(backends), client(request)
    return max(able, key=lambda backend: mix(who ^ digest(backend.task)))


# ── tables ───────────────────────────────────────────────────────────────────────────────────────────────────────


@lru_cache(maxsize=64)
def maglev_table(tasks: tuple[str, ...], weights: tuple[int, ...] = (), size: int = MAGLEV) -> list[int]:
    """Which task (its place in `tasks`) has each entry. The tasks take turns; each takes its next free preference.

    The preferences of a task are every entry once, from an offset on in steps of `skip`: the size must be a prime.
    """
    if not tasks:
        raise ValueError("no destination available: a Maglev table needs a task")
    if not is_prime(size) or size < len(tasks):
        raise ValueError(f"a Maglev table has a prime number of entries, at least one a task: {size} is none")
    next_one = [digest(task) % size for task in tasks]
    skips = [digest(task + "/skip") % (size - 1) + 1 for task in tasks]
    divisor = gcd(*weights) if weights else 1
    turns = [weight // divisor for weight in weights] or [1] * len(tasks)
    order = [place for place, number in enumerate(turns) for _ in range(number)]
    table, left = [-1] * size, size
    while True:
        for place in order:
            entry, skip = next_one[place], skips[place]
            while table[entry] >= 0:
                entry = (entry + skip) % size
            table[entry] = place
            next_one[place] = (entry + skip) % size
            left -= 1
            if not left:
                return table


@lru_cache(maxsize=64)
def ring(tasks: tuple[str, ...], points: int = POINTS) -> tuple[list[int], list[int]]:
    """The points on the ring in order, and whose each is."""
    marks = sorted((digest(f"{task}/{point}"), place) for place, task in enumerate(tasks) for point in range(points))
    return [mark for mark, _ in marks], [place for _, place in marks]


@lru_cache(maxsize=64)
def dealt(weights: tuple[int, ...]) -> list[int]:
    """The slots of `sh`: in order of the tasks, as many in a row as its weight, over and over."""
    order = [place for place, weight in enumerate(weights) for _ in range(weight)]
    return [order[slot % len(order)] for slot in range(SLOTS)]


# ── hashes ───────────────────────────────────────────────────────────────────────────────────────────────────────


def client(request: Request) -> int:
    """The hash of the client's address; a request without one is a client of its own."""
    return digest(request.source) if request.source else mix(request.number)


@lru_cache(maxsize=1 << 16)
def digest(text: str) -> int:
    """64 bits from a text: FNV-1a, then stirred, since the last letters would only touch the low bits."""
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return mix(value)


def is_prime(number: int) -> bool:
    """By division; tables are small."""
    return number > 1 and all(number % divisor for divisor in range(2, int(number**0.5) + 1))


# What IPVS calls them; `ipvsadm -s`.
SCHEDULERS: dict[str, Balancer] = {
    "rr": balancers.round_robin,
    "wrr": balancers.weighted_round_robin,
    "lc": balancers.least_connections,
    "wlc": balancers.weighted_least_connections,
    "sed": balancers.shortest_expected_delay,
    "nq": balancers.never_queue,
    "sh": source_hash,
    "mh": maglev,
}
