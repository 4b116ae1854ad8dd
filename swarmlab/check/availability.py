"""How much of the time managers have a quorum, and a service runs: machines and whole zones fail and are repaired.

Every machine and every zone runs for an exponential time and is repaired in another, all independent of each other; a
machine in a zone that has failed is down. Known twice: by a closed form, and by years of failures drawn and counted.
"""

# Simpler than in reality (docs/simplifications.md): planner

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from math import comb, fsum, prod, sqrt
from typing import Any, NamedTuple

from ..rack import is_number
from ..raft.quorum import majority

DAY, YEAR = 24.0, 8766.0  # hours
MOST_ZONES = 10  # the closed form looks at every set of zones
RUNS, QUANTILE = 20, 2.861  # histories, and Student's t for 99 % with 19 degrees of freedom
SURE = 0.99
UNSEEN = 3.0  # outages that one may miss with 95 %, and see none: the rule of three

Layout = Sequence[int]  # machines per zone: (3, 2)


class Rates(NamedTuple):
    """Hours that a machine and a zone run on average, and that their repair takes."""

    fails: float = 30 * DAY
    repair: float = 4.0
    zone_fails: float = 365 * DAY
    zone_repair: float = 8.0


class Shares(NamedTuple):
    """Which share of the time the managers have a quorum, enough of the service runs, and both at once."""

    control: float
    service: float
    both: float


class Counted(NamedTuple):
    """What years of failures came to. `within`: so far away the truth may be, with 99 % confidence."""

    shares: Shares
    within: Shares
    years: float
    outages: float  # losses of the quorum, per year


class Prices(NamedTuple):
    """What a layout costs a month, in any currency: each manager, and each zone after the first."""

    manager: float = 40.0
    zone: float = 60.0


USUAL, LIST = Rates(), Prices()


class Option(NamedTuple):
    """A layout of managers, what it costs, and for which share of the time it has a quorum."""

    layout: tuple[int, ...]
    cost: float
    control: float


def up(fails: float, repair: float) -> float:
    """The share of the time that something runs which runs so long on average, and is repaired so long.

    >>> up(99, 1)
    0.99
    """
    return fails / (fails + repair)


def downtime(share: float) -> float:
    """Hours a year that are not in this share of the time.

    >>> round(downtime(0.999), 2)
    8.77
    """
    return (1 - share) * YEAR


# ── the closed form ──────────────────────────────────────────────────────────────────────────────────────────────


def availability(managers: Layout, service: Layout = (), rates: Rates = USUAL, needed: int = 1) -> Shares:
    """The shares by a sum over all sets of zones that may be up. `service` are the machines per zone on which the service
    can run: those of its replicas if nobody moves them, all workers if they are moved at once. `needed` of them must run.

    >>> one = availability((3,), (), Rates(fails=9, repair=1, zone_fails=1, zone_repair=0))
    >>> round(one.control, 3)  # 0.9³ + 3 · 0.9² · 0.1
    0.972
    """
    managers, service = possible(managers, service, rates, needed)
    machine, zone = up(*rates[:2]), up(*rates[2:])
    found = [0.0, 0.0, 0.0]
    for lit in product((True, False), repeat=len(managers)):
        chance = prod(zone if is_up else 1 - zone for is_up in lit)
        in_light = [sum(n for n, is_up in zip(layout, lit, strict=True) if is_up) for layout in (managers, service)]
        rules = at_least(majority(sum(managers)), in_light[0], machine), at_least(needed, in_light[1], machine)
        for n, share in enumerate((*rules, rules[0] * rules[1])):  # given the zones, they have nothing in common
            found[n] += chance * share
    return Shares(*found) if sum(service) else Shares(found[0], 1.0, found[0])


def at_least(needed: int, machines: int, chance: float) -> float:
    """How likely so many of these machines run, each with this chance.

    >>> at_least(2, 3, 0.5)
    0.5
    """
    return fsum(comb(machines, k) * chance**k * (1 - chance) ** (machines - k) for k in range(needed, machines + 1))


def elections(rates: Rates, seconds: float) -> float:
    """Hours a year without a leader because the machine or zone of one fails, and the next is elected after `seconds`:
    what the closed form leaves out."""
    return YEAR * (1 / rates.fails + 1 / rates.zone_fails) * seconds / 3600


def possible(managers: Layout, service: Layout, rates: Rates, needed: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Both layouts over the same zones, if there can be such; else a ValueError of one sentence."""
    zones = max(len(managers), len(service))
    for name, layout in (("managers", managers), ("service", service)):
        if not all(type(n) is int and n >= 0 for n in layout):
            raise ValueError(f"{name}={layout!r}: whole numbers of machines, one for each zone, as (3, 2)")
    if not 1 <= zones <= MOST_ZONES or not sum(managers):
        raise ValueError(f"managers={managers!r}: one manager or more, in {MOST_ZONES} zones at the most")
    if not all(is_number(hours) and hours >= 0 for hours in rates) or not (rates.fails and rates.zone_fails):
        raise ValueError(f"{rates}: hours, and what fails runs for more than none of them")
    if type(needed) is not int or needed < 1:
        raise ValueError(f"needed={needed!r}: a whole number above 0")
    wide = [tuple(layout) + (0,) * (zones - len(layout)) for layout in (managers, service)]
    return wide[0], wide[1]


# ── years of failures ────────────────────────────────────────────────────────────────────────────────────────────


def simulate(
    managers: Layout,
    service: Layout = (),
    rates: Rates = USUAL,
    needed: int = 1,
    years: float = 2000,
    seed: int = 0,
) -> Counted:
    """The same by counting, over twenty histories that are so many years long together."""
    import numpy as np

    managers, service = possible(managers, service, rates, needed)
    span = years * YEAR / RUNS
    runs = [_history(managers, service, rates, needed, span, np.random.default_rng([seed, n])) for n in range(RUNS)]
    table = np.array([shares for shares, _ in runs])
    unseen = UNSEEN * max(rates.repair, rates.zone_repair) / (years * YEAR)
    within = QUANTILE * table.std(axis=0, ddof=1) / sqrt(RUNS) + unseen
    outages = sum(count for _, count in runs) / years
    return Counted(Shares(*map(float, table.mean(axis=0))), Shares(*map(float, within)), years, outages)


def _history(managers: Layout, service: Layout, rates: Rates, needed: int, span: float, dice: Any) -> tuple[Any, int]:
    """One history of so many hours: the three shares, and how often the quorum was lost."""
    import numpy as np

    parts = [(kind, zone) for zone in range(len(managers)) for kind in ("zone", *("manager",) * managers[zone])]
    parts += [("worker", zone) for zone, count in enumerate(service) for _ in range(count)]
    begun, turns = [], []
    for kind, _ in parts:
        is_up, times = _life(*(rates[2:] if kind == "zone" else rates[:2]), span, dice)
        begun.append(is_up)
        turns.append(times)
    times = np.concatenate(turns)
    order = np.argsort(times, kind="stable")
    moves = np.concatenate([_moves(is_up, len(row)) for is_up, row in zip(begun, turns, strict=True)])[order]
    owners = np.repeat(np.arange(len(parts)), [len(row) for row in turns])[order]
    alive: dict[str, Any] = {"manager": 0, "worker": 0}
    for zone in range(len(managers)):
        lit = _count(parts, begun, ("zone", zone), owners, moves)
        for kind in alive:
            alive[kind] = alive[kind] + lit * _count(parts, begun, (kind, zone), owners, moves)
    control = alive["manager"] >= majority(sum(managers))
    runs = (alive["worker"] >= needed) if sum(service) else np.ones_like(control)
    waits = np.diff(np.concatenate(([0.0], times[order], [span])))
    held = (control, runs, control & runs)  # added up one after the other: a product of vectors differs by processor
    shares = np.array([waits[flags].sum() for flags in held]) / span
    return shares, int((control[:-1] & ~control[1:]).sum())


def _life(fails: float, repair: float, span: float, dice: Any) -> tuple[bool, Any]:
    """Whether a part is up at first, as it is at any instant, and when it turns within so many hours."""
    import numpy as np

    is_up = bool(dice.random() < up(fails, repair))
    likely = span / (fails + repair)
    turns, end = [], 0.0
    while end <= span:
        waits = dice.exponential(size=(int(likely + 4 * sqrt(likely)) + 4, 2)) * (
            (fails, repair) if is_up else (repair, fails)
        )
        turns.append(end + np.cumsum(waits.ravel()))
        end = float(turns[-1][-1])
    times = np.concatenate(turns)
    return is_up, times[times < span]


def _moves(is_up: bool, count: int) -> Any:
    """−1 for every failure and +1 for every repair, in turn."""
    import numpy as np

    moves = np.where(np.arange(count) % 2 == 0, -1, 1)
    return moves if is_up else -moves


def _count(parts: list, begun: list, which: tuple, owners: Any, moves: Any) -> Any:
    """How many of these parts are up, before and after each turn."""
    import numpy as np

    mine = np.array([part == which for part in parts])
    first = sum(is_up for is_up, part in zip(begun, parts, strict=True) if part == which)
    return first + np.concatenate(([0], np.cumsum(np.where(mine[owners], moves, 0))))


# ── layouts ──────────────────────────────────────────────────────────────────────────────────────────────────────


def quorum_table(numbers: Iterable[int] = (1, 2, 3, 4, 5, 7)) -> list[tuple[int, int, int]]:
    """(managers, quorum, tolerated): how many may be lost.

    >>> quorum_table([3, 4])
    [(3, 2, 1), (4, 3, 1)]
    """
    return [(number, majority(number), number - majority(number)) for number in numbers]


def layouts(most: int = 7, zones: int = 5) -> Iterator[tuple[int, ...]]:
    """Every way to put up to so many managers into up to so many zones, the fullest zone first.

    >>> list(layouts(3, 2))
    [(1,), (2,), (1, 1), (3,), (2, 1)]
    """
    for number in range(1, most + 1):
        yield from _split(number, number, zones)


def _split(number: int, largest: int, zones: int) -> Iterator[tuple[int, ...]]:
    if number == 0:
        yield ()
    for first in range(min(number, largest), 0, -1) if zones and number else ():
        for rest in _split(number - first, first, zones - 1):
            yield (first, *rest)


def cost(layout: Layout, prices: Prices = LIST) -> float:
    """What it costs a month."""
    return sum(layout) * prices.manager + (sum(n > 0 for n in layout) - 1) * prices.zone


def options(rates: Rates = USUAL, prices: Prices = LIST, most: int = 7, zones: int = 5) -> list[Option]:
    """All layouts, the cheapest first; of those that cost the same the best."""
    found = [Option(one, cost(one, prices), availability(one, (), rates).control) for one in layouts(most, zones)]
    return sorted(found, key=lambda one: (one.cost, -one.control, one.layout))


def cheapest(goal: float, rates: Rates = USUAL, prices: Prices = LIST, most: int = 7, zones: int = 5) -> Option | None:
    """The cheapest layout whose managers have a quorum for this share of the time, None if no layout has."""
    return next((one for one in options(rates, prices, most, zones) if one.control >= goal), None)
