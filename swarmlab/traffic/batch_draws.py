"""What chance gives to a whole run at once: arrays of instants, of work, of lots, the same on every machine.

Only the bits of a generator and its uniform numbers are used; the laws are our own formulas, those of `workload`.
A row is a run, and does not depend on how many there are beside it.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import numpy as np

from ..overlay.balancers import DRAWS
from . import workload as w
from .workload import Arrivals, Service, Workload

Array = Any  # a numpy array

PIECE = 1 << 14  # numbers


def stream(seed: int | str, name: str) -> np.random.Generator:
    """The stream of this name, as the kernel has them: a new name never shifts the draws of an old one."""
    digest = sha256(f"{seed}/{name}".encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))


def exponentials(seed: int | str, name: str, runs: int, number: int, mean: float = 1.0) -> Array:
    """Draws of the exponential law, a piece at a time: what stays in the processor's cache is faster."""
    dice, drawn = stream(seed, name), np.empty(runs * number)
    for begin in range(0, len(drawn), PIECE):
        piece = drawn[begin : begin + PIECE]
        dice.random(out=piece)
        np.subtract(1, piece, out=piece)
        np.log(piece, out=piece)
        np.multiply(piece, -mean, out=piece)
    return drawn.reshape(runs, number)


def instants(law: Arrivals, seed: int | str, runs: int, number: int) -> Array:
    """When requests arrive, in seconds: one row a run."""
    w.check_arrivals(law)
    w.mean_rate(law)  # a closed loop has none
    if isinstance(law, w.Recorded):
        return _replayed(law, seed, runs, number)
    gap = 1 / law.rate if isinstance(law, w.Poisson) else 1.0
    collected = exponentials(seed, "arrivals", runs, number, gap)
    np.cumsum(collected, axis=1, out=collected)
    if isinstance(law, w.Bursts):
        _through_bursts(law, seed, collected)
    if isinstance(law, w.Diurnal):
        _through_days(law, collected)
    return collected


def works(law: Service, seed: int | str, runs: int, number: int) -> Array:
    """How much work each request is, in seconds of a replica of speed 1."""
    w.check_service(law)
    match law:
        case w.Exponential(mean):
            return exponentials(seed, "service", runs, number, mean)
        case w.Constant(mean):
            return np.full((runs, number), float(mean))
        case w.Lognormal(mean, spread):
            variance = np.log(1 + spread * spread)
            angle = stream(seed, "service, angle").random((runs, number))
            normal = np.sqrt(2 * exponentials(seed, "service", runs, number)) * np.cos(2 * np.pi * angle)
            return mean * np.exp(np.sqrt(variance) * normal - variance / 2)
        case w.Pareto(mean, shape):
            return mean * (shape - 1) / shape * np.exp(exponentials(seed, "service", runs, number) / shape)
        case w.Measured(mean, quantiles):
            places = stream(seed, "service").random((runs, number)) * (len(quantiles) - 1)
            found = np.interp(places, np.arange(len(quantiles)), quantiles)
            return found * (mean / w.mean_of(quantiles))
    raise ValueError(f"{law!r} is no law of service times")


def numbers(runs: int, number: int, begin: int = 0, across: bool = False) -> Array:
    """A number for each connection, that no other has: what lots are drawn with. A row a run, or across, a column."""
    places: Array = np.arange(begin, begin + number, dtype=np.uint64)
    rows: Array = np.arange(runs, dtype=np.uint64) << np.uint64(24)
    return places[:, None] + rows if across else places + rows[:, None]


def lots(stirred: Array, count: int, draw: int = 0) -> Array:
    """What `balancers.lot` says for each, at once; from `mixed` numbers."""
    for _ in range(draw // DRAWS):
        stirred = mixed(stirred)
    draw %= DRAWS
    return (stirred >> np.uint64(20 * draw) if draw else stirred) % np.uint64(count)


def clients(workload: Workload, number: Array) -> Array:
    """What `workload.client_of` says for each, at once."""
    return (mixed(number + np.uint64(w.CLIENTS)) % np.uint64(workload.clients)).astype(np.intp)


def mixed(number: Array) -> Array:
    """What `balancers.mix` says for each, at once; the bits that it cuts off fall off here by themselves."""
    stirred = (number + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        stirred ^= stirred >> np.uint64(shift)
        stirred *= np.uint64(factor)
    stirred ^= stirred >> np.uint64(31)
    return stirred


def _through_bursts(law: w.Bursts, seed: int | str, collected: Array) -> None:
    """From what was collected (expected arrivals) to the time when that was reached: busy times only count."""
    runs = len(collected)
    rate = law.rate * (law.on + law.off) / law.on
    most = collected[:, -1].max() / rate / law.on  # busy times, if all had their mean length
    many = int(most + 10 * np.sqrt(most)) + 20
    busy = np.cumsum(exponentials(seed, "busy times", runs, many) * law.on, axis=1)
    silent = np.cumsum(exponentials(seed, "silent times", runs, many) * law.off, axis=1)
    for run in range(runs):
        worked = collected[run] / rate
        before = np.searchsorted(busy[run], worked)  # silent times that have passed
        collected[run] = worked + np.concatenate(([0.0], silent[run]))[before]


def _through_days(law: w.Diurnal, collected: Array) -> None:
    """The same for the steps of a day; whole days are taken off first."""
    steps = np.array(w.day(law))
    reached = np.concatenate(([0.0], np.cumsum(steps[:, 0] * steps[:, 1])))
    ends = np.concatenate(([0.0], np.cumsum(steps[:, 0])))
    days, rest = np.divmod(collected, reached[-1])
    collected[:] = days * law.period + np.interp(rest, reached, ends)


def _replayed(law: w.Recorded, seed: int | str, runs: int, number: int) -> Array:
    counts = np.array(law.counts)
    second = counts.mean() / w.mean_rate(law)
    rounds = -(-number // int(counts.sum()))
    seconds: Array = np.repeat(np.arange(rounds * len(counts)), np.tile(counts, rounds))
    until = np.searchsorted(seconds, seconds[number - 1], side="right")  # whole seconds, so that they can be sorted
    drawn = stream(seed, "arrivals").random((runs, until)) + seconds[:until]
    drawn.sort(axis=1)
    return drawn[:, :number] * second
