"""One piece of news on its way to everybody: push gossip in rounds, as arrays, for clusters of any size.

In each round every node that knows it, and has not told it often enough, tells it to a few others at random. This is
the model for pictures of n = 10 to 100 000; members that probe, suspect and refute live in `swarmlab.overlay.gossip`.
Sources: memberlist (`state.go`, `queue.go`), NetworkDB (`cluster.go`), Serf's convergence simulator.
"""

from __future__ import annotations

from math import ceil, inf
from typing import Any, NamedTuple

import numpy as np

from .batch_draws import stream
from .theory import FANOUT, INTERVAL, retransmit_limit

Array = Any  # a numpy array

SLOTS = 100  # of an interval, when clocks are not in step; news takes one of them (2 ms) on the network
LIMITS = ("packets", "ticks")


class Rumour(NamedTuple):
    """What became of it: runs × nodes. It begins at node 0, in round 0."""

    heard: Array  # in which round; inf: never
    teller: Array  # from whom first; -1: nobody
    sent: Array  # how many packets each had sent when it was over
    interval: float = INTERVAL

    @property
    def seconds(self) -> Array:
        """When each heard of it."""
        return self.heard * self.interval


def spread(
    nodes: int,
    runs: int = 1,
    seed: int | str = 0,
    *,
    fanout: int = FANOUT,
    limit: int | None = None,
    counted: str = "packets",
    loss: float = 0.0,
    lockstep: bool = True,
    interval: float = INTERVAL,
) -> Rumour:
    """Tell node 0, and follow it until all have heard of it or nobody passes it on any more.

    memberlist's limit counts packets, NetworkDB's counts ticks, in each of which it tells three: `counted="ticks"`.
    With `lockstep=False` the clock of each node has a phase of its own: somebody always tells next, so it is faster.
    """
    limit = _checked(nodes, runs, fanout, limit, counted, loss)
    dice = stream(seed, "rumour")
    turns = [np.arange(runs * nodes, dtype=np.int32)] if lockstep else _phases(runs * nodes, dice)
    heard: Array = np.full(runs * nodes, inf)
    teller: Array = np.full(runs * nodes, -1, dtype=np.int32)
    left: Array = np.full(runs * nodes, limit, dtype=np.int32)
    heard[::nodes] = 0
    tells, knows = heard == 0, heard == 0
    missing, slot = runs * (nodes - 1), 0
    while missing and tells.any():
        slot += 1
        turn = turns[slot % len(turns)]
        tell = turn[tells.take(turn)]
        to = _packets(tell, nodes, fanout, dice)
        news, may = ~knows.take(to), left.take(tell)
        if counted == "packets" and may.min(initial=fanout) < fanout:
            news &= np.arange(fanout, dtype=np.int32)[:, None] < may
        if loss:
            news &= dice.random(to.shape) >= loss
        may -= 1 if counted == "ticks" else fanout
        left[tell], tells[tell] = may, may > 0
        place = np.flatnonzero(news)
        to, by = to.ravel()[place], tell[place % max(1, len(tell))]
        heard[to], teller[to], tells[to], knows[to] = slot / len(turns), by, True, True
        missing -= int(np.count_nonzero(teller[to] == by))  # who was told by two at once has one teller
    sent = np.minimum(limit - left, limit) * (fanout if counted == "ticks" else 1)
    shape = (runs, nodes)
    teller = np.where(teller < 0, -1, teller % nodes)
    return Rumour(heard.reshape(shape), teller.reshape(shape), sent.reshape(shape), interval)


def _phases(number: int, dice: np.random.Generator) -> list[Array]:
    """Whose clock ticks in each slot of an interval."""
    phases = np.floor(dice.random(number) * SLOTS).astype(np.int16)
    ends = np.cumsum(np.bincount(phases, minlength=SLOTS))
    return np.split(np.argsort(phases, kind="stable").astype(np.int32), ends[:-1])


def _packets(tell: Array, nodes: int, fanout: int, dice: np.random.Generator) -> Array:
    """To whom, fanout × tellers: everyone tells different others, drawn by how far on they are."""
    to: Array = np.empty((fanout, len(tell)), dtype=np.int32)
    taken: list[Array] = []  # in order
    for draw in range(fanout):
        step = (dice.random(len(tell)) * (nodes - 1 - draw)).astype(np.int32) + np.int32(1)
        for other in taken:
            step += step >= other
        to[draw] = step
        for place, other in enumerate(taken):
            taken[place], step = np.minimum(other, step), np.maximum(other, step)
        taken.append(step)
    own = tell % nodes
    to += own
    to -= np.int32(nodes) * (to >= nodes)
    to += tell - own
    return to


def _checked(nodes: int, runs: int, fanout: int, limit: int | None, counted: str, loss: float) -> int:
    """The limit, or one sentence about what is wrong."""
    wanted = {"nodes": (nodes, 2), "runs": (runs, 1), "the fanout": (fanout, 1), "the limit": (limit or 1, 1)}
    for what, (value, least) in wanted.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"{what} must be a whole number from {least} on, not {value!r}")
    if fanout >= nodes:
        raise ValueError(f"with {nodes} nodes there are {nodes - 1} others to tell, not {fanout}")
    if counted not in LIMITS:
        raise ValueError(f"the limit counts {' or '.join(LIMITS)}, not {counted!r}")
    if not 0 <= loss < 1:
        raise ValueError(f"the loss must be from 0 on and below 1, not {loss!r}")
    return limit or retransmit_limit(nodes)


# ── reading it ───────────────────────────────────────────────────────────────────────────────────────────────────


def rounds_to(rumour: Rumour, share: float = 1.0) -> Array:
    """Of each run the round in which so many of the nodes knew it; inf: never."""
    nodes = rumour.heard.shape[1]
    wanted = min(nodes, max(1, ceil(share * nodes - 1e-9)))
    return np.partition(rumour.heard, wanted - 1, axis=1)[:, wanted - 1]


def curve(rumour: Rumour, rounds: Array) -> Array:
    """Which share of the nodes knew it at these rounds, over all runs."""
    return np.searchsorted(np.sort(rumour.heard, axis=None), rounds, side="right") / rumour.heard.size


def left_out(rumour: Rumour) -> tuple[float, float]:
    """(share of the runs that did not reach everybody, share of the nodes that never heard)."""
    never = np.isinf(rumour.heard)
    return float(never.any(axis=1).mean()), float(never.mean())
