"""What theory says, to be drawn beside what was simulated: queues, choices, hashing, gossip, failure detection.

Queues: `load` is ρ, below 1, and times are in mean service times. Each formula names where it is from; the tests
compare all of them with printed tables, and the simulations with them.
"""

from itertools import count
from math import ceil, e, exp, floor, fsum, inf, isnan, lgamma, log, log1p, log2, log10, pi, sqrt
from numbers import Integral, Real
from typing import Any

INTERVAL = 0.2  # s between two rounds of gossip: memberlist's LAN profile, and NetworkDB
FANOUT = 3  # whom a node tells in one round

# ── one queue: mean time in the system ───────────────────────────────────────────────────────────────────────────


def mm1(load: float) -> float:
    """Random arrivals, exponential service, one replica."""
    return 1 / (1 - _steady(load))


def mg1(load: float, variation: float) -> float:
    """Any service time, first come, first served: `variation` is variance ÷ mean² [Pollaczek 1930, Khinchine 1932]."""
    if not _is_number(variation) or not variation >= 0:
        raise ValueError(f"the variation must be a number of 0 or more, not {variation!r}")
    return 1 + _steady(load) * (1 + variation) / (2 * (1 - load))


def mg1_sharing(load: float) -> float:
    """Any service time, all in work at once: the law does not matter [Kleinrock 1967]."""
    return 1 / (1 - _steady(load))


def erlang_c(replicas: int, load: float) -> float:
    """The probability that a request must wait when all share one queue [Erlang 1917]."""
    offered, blocked = replicas * _steady(load), 1.0
    for busy in range(1, _replicas(replicas) + 1):
        blocked = offered * blocked / (busy + offered * blocked)
    return blocked / (1 - load * (1 - blocked))


def mmc(replicas: int, load: float) -> float:
    """All share one queue: what no balancer can beat."""
    return 1 + erlang_c(replicas, load) / (replicas * (1 - load))


def round_robin(replicas: int, load: float) -> float:
    """Each in turn: a replica sees every so manieth arrival, σ = (Cρ / (Cρ + 1 − σ))^C, T = 1 / (1 − σ)."""
    rate, low, high = _replicas(replicas) * _steady(load), 0.0, 1.0
    if not rate:
        return 1.0
    for _ in range(100):  # 1 − σ is between them: halved, since step by step σ comes near 1 too slowly
        middle = (low + high) / 2
        above = middle < 1 and log1p(-middle) + replicas * log1p(middle / rate) > 0
        low, high = (middle, high) if above else (low, middle)
    return 2 / (low + high)


# ── many queues ──────────────────────────────────────────────────────────────────────────────────────────────────


def supermarket(load: float, choices: int) -> float:
    """The shortest of so many random queues, among infinitely many [Mitzenmacher 2001]."""
    if _whole("choices", choices, 1) == 1:
        return mm1(load)
    powers, total = _steady(load), 0.0
    for place in count(1):
        term = powers ** ((choices**place - choices) / (choices - 1))
        total += term
        if term < 1e-16 * total:
            return total
    return inf  # not reached: the terms shrink faster than any power


def supermarket_tail(load: float, choices: int, length: int) -> float:
    """The share of the queues that are so long or longer: it falls doubly exponentially."""
    _whole("choices", choices, 1)
    _whole("the length", length, 0)
    grown = length if choices == 1 else (choices**length - 1) // (choices - 1)
    return _steady(load) ** grown if grown < 10_000 else 0.0


def largest_bin(balls: int, choices: int) -> float:
    """About how many of n balls lie in the fullest of n bins; true up to a constant [Azar and others 1994]."""
    _whole("balls", balls, 3)  # with fewer there is no such logarithm
    if _whole("choices", choices, 1) == 1:
        return log(balls) / log(log(balls))
    return log(log(balls)) / log(choices)


# ── names and hashes ─────────────────────────────────────────────────────────────────────────────────────────────


def ring_variation(tasks: int, points: int) -> float:
    """Standard deviation ÷ mean of the shares of a ring with so many random points a task, root mean square."""
    _whole("points", points, 1)
    return sqrt((_whole("tasks", tasks, 1) - 1) / (tasks * points + 1))


def maglev_entries(tasks: int, size: int) -> tuple[int, int]:
    """The fewest and the most entries of a table that a task has."""
    return size // _whole("tasks", tasks, 1), -(-size // tasks)


def cached_skew(replicas: int, clients: int) -> float:
    """The busiest replica ÷ the mean, when equal clients each keep one random answer of DNS.

    The largest of multinomial counts, from Poisson counts under the condition of their sum [Levin 1981].
    """
    mean, most, below = _whole("clients", clients, 1) / _replicas(replicas), 0.0, 0.0
    for largest in range(clients):
        below = _no_more_than(largest, replicas, clients, mean) if largest >= mean else 0.0
        most += 1 - below
        if below > 1 - 1e-12:
            break
    return most / mean


def idle_replica(replicas: int, clients: int) -> float:
    """The probability that somebody gets nothing from them: client by client, how many replicas have one already."""
    asked = [1.0] + [0.0] * _replicas(replicas)  # the probability that so many have
    for _ in range(_whole("clients", clients, 0)):
        for number in range(replicas, 0, -1):
            asked[number] = (asked[number] * number + asked[number - 1] * (replicas - number + 1)) / replicas
        asked[0] = 0.0
    return fsum(asked[:-1])


def _no_more_than(largest: int, replicas: int, clients: int, mean: float) -> float:
    """P(no replica has more), from Poisson variables that are cut off there, whose sum is about normal."""
    shares = [exp(number * log(mean) - mean - lgamma(number + 1)) for number in range(largest + 1)]
    whole = fsum(shares)
    first = fsum(number * share for number, share in enumerate(shares)) / whole
    moments = [
        fsum((number - first) ** power * share for number, share in enumerate(shares)) / whole for power in (2, 3, 4)
    ]
    if moments[0] == 0:
        return float(clients == replicas * largest)
    spread = sqrt(replicas * moments[0])
    skew, tails = moments[1] / moments[0] ** 1.5, moments[2] / moments[0] ** 2 - 3
    z = (clients - replicas * first) / spread
    edge = 1 + skew * (z**3 - 3 * z) / 6 / sqrt(replicas) + tails * (z**4 - 6 * z * z + 3) / 24 / replicas
    edge += skew**2 * (z**6 - 15 * z**4 + 45 * z * z - 15) / 72 / replicas
    density = exp(-z * z / 2) / sqrt(2 * pi) * edge / spread
    exactly = exp(clients * log(clients) - clients - lgamma(clients + 1))
    return min(1.0, max(0.0, whole**replicas * density / exactly))


# ── gossip ───────────────────────────────────────────────────────────────────────────────────────────────────────


def retransmit_limit(nodes: int, multiplier: int = 4) -> int:
    """How often a node passes a piece of news on [memberlist: util.go]."""
    return multiplier * ceil(log10(nodes + 1))


def serf_share(nodes: int, rounds: float, fanout: int = FANOUT, loss: float = 0.0, failed: float = 0.0) -> float:
    """The share that knows after so many rounds, by the curve of Serf's convergence simulator."""
    return 1 / (1 + (nodes + 1) * exp(-0.5 * fanout * (1 - loss) * (1 - failed) * rounds))


def serf_rounds(nodes: int, share: float, fanout: int = FANOUT, loss: float = 0.0, failed: float = 0.0) -> int:
    """The first whole round in which that curve has reached the share."""
    _share("the share", share)
    if not _whole("the fanout", fanout, 1) * (1 - loss) * (1 - failed) > 0:
        raise ValueError(f"with a loss of {loss!r} and {failed!r} of the nodes failed, nobody hears of it")
    return next(rounds for rounds in count() if serf_share(nodes, rounds, fanout, loss, failed) >= share)


def gossip_rounds(nodes: int, fanout: int = FANOUT) -> float:
    """Rounds until all know, in step: growth by k + 1, then the last ones; 0.9 fits k = 3 [Pittel 1987]."""
    return log(nodes, fanout + 1) + log(nodes) / fanout + 0.9


def gossip_bandwidth(fanout: int = FANOUT, interval: float = INTERVAL, packet: int = 1400) -> float:
    """kbit/s that a node sends and hears if all packets are full, as Serf's simulator shows it."""
    return packet * fanout / interval * 2 * 8 / 1024


def push_pull(nodes: int, interval: float = 30.0) -> float:
    """s between two full exchanges of a member: memberlist takes longer the more members there are."""
    return interval if nodes <= 32 else interval * (ceil(log2(nodes) - 5) + 1)


# ── failure detection ────────────────────────────────────────────────────────────────────────────────────────────


def first_probe(nodes: float, live: float = 1.0) -> float:
    """Periods until somebody probes a dead member, that one included, when a share of the members is alive [SWIM §3.1]."""
    _share("the share of live members", live)
    if not _is_number(nodes) or nodes < 2:
        raise ValueError(f"nodes must be 2 or more, not {nodes!r}")
    if nodes == inf:
        return 1 / (1 - e**-live)
    return 1 / (1 - (1 - 1 / (nodes - 1)) ** (live * (nodes - 1)))


def not_probed(periods: float) -> float:
    """The probability that a dead member was not probed in so many periods, in a large cluster."""
    return exp(-periods)


def false_suspicion(loss: float, helpers: int = 3) -> float:
    """The probability that one probe of a healthy member fails: there and back, and by each helper, four ways."""
    _share("the loss", loss)
    return (1 - (1 - loss) ** 2) * (1 - (1 - loss) ** 4) ** helpers


def suspicion(nodes: int, confirmations: int = 0, multiplier: int = 4, interval: float = 1.0, most: int = 6) -> float:
    """s from suspicion to death: shorter the more members confirm it [Lifeguard; memberlist: suspicion.go]."""
    least = floor(multiplier * floor(max(1.0, log10(max(1, nodes))) * 1000) * interval + 1e-6) / 1000
    expected = multiplier - 2 if nodes >= multiplier else 0
    if expected < 1:
        return least
    longest = most * least
    left = longest - log(confirmations + 1) / log(expected + 1) * (longest - least)
    return max(least, floor(left * 1000 + 1e-6) / 1000)


# ── refusals ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _steady(load: float) -> float:
    if not _is_number(load):
        raise ValueError(f"the load must be a number from 0 on and below 1, not {load!r}")
    if not 0 <= load < 1:
        reason = "the queue grows without end, so it has no mean" if load >= 1 else "there is no negative work"
        raise ValueError(f"a load of {load:g}: {reason}")
    return load


def _replicas(replicas: int) -> int:
    return _whole("replicas", replicas, 1)


def _whole(what: str, value: int, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{what} must be a whole number from {least} on, not {value!r}")
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and not isnan(value)


def _share(what: str, value: float) -> None:
    if not _is_number(value) or not 0 <= value <= 1:
        raise ValueError(f"{what} must be from 0 to 1, not {value!r}")
