"""The planner of lesson 15: layouts of managers over zones as rows of `draw_planner`, and its knobs."""

from collections.abc import Iterable, Sequence
from typing import Any

from ..check.availability import DAY, USUAL, YEAR, Rates, availability, simulate
from ..viz.planner import Planned, draw_planner, tell_planner

REPLICAS = 3  # of the service, one of which must run
YEARS, TURNS = (
    (1000, 500, 200, 100, 50),
    60_000,
)  # what is counted while a knob moves: at most so many failures and repairs
BESIDE = ((1,), (3,), (1, 1, 1), (3, 2), (2, 2, 1))  # layouts beside the learner's
KNOBS: dict[str, Any] = {
    "managers": (1, 7),
    "zones": (1, 5),
    "machine_fails": {"every week": 7 * DAY, "every month": 30 * DAY, "every year": 365 * DAY},
    "machine_repair": {"1 hour": 1.0, "4 hours": 4.0, "1 day": DAY, "3 days": 3 * DAY},
    "zone_fails": {"every 3 months": 91 * DAY, "every year": 365 * DAY, "every 10 years": 3650 * DAY},
    "zone_repair": {"1 hour": 1.0, "8 hours": 8.0, "2 days": 2 * DAY},
}


def even(number: int, zones: int) -> tuple[int, ...]:
    """So many machines spread over so many zones, none of them empty.

    >>> even(5, 2), even(2, 3)
    ((3, 2), (1, 1))
    """
    zones = min(number, zones)
    return tuple(number // zones + (n < number % zones) for n in range(zones))


def planned(
    layouts: Iterable[Sequence[int]], rates: Rates = USUAL, years: float = 1000, yours: Sequence[int] | None = None
) -> list[Planned]:
    """A row for each layout, by the closed form and counted over so many years (0: not counted); then the learner's. A
    service with three replicas stands beside the managers, spread over the same zones."""
    rows = [_row(tuple(layout), rates, years) for layout in layouts]
    return rows + ([] if yours is None else [_row(tuple(yours), rates, years)._replace(yours=True)])


def _row(layout: tuple[int, ...], rates: Rates, years: float) -> Planned:
    service = even(REPLICAS, len(layout))
    counted = simulate(layout, service, rates, years=years) if years else None
    return Planned(layout, service, availability(layout, service, rates), counted)


def in_time(layout: Sequence[int], rates: Rates) -> float:
    """Over how many years failures can be counted while a knob moves: where things fail often, fewer will do."""
    machines, zones = sum(layout) + REPLICAS, len(layout)
    turns = 2 * YEAR * (machines / (rates.fails + rates.repair) + zones / (rates.zone_fails + rates.zone_repair))
    return next((years for years in YEARS if years * turns < TURNS), YEARS[-1])


def knobs(
    managers: int = 5,
    zones: int = 2,
    machine_fails: float = USUAL.fails,
    machine_repair: float = USUAL.repair,
    zone_fails: float = USUAL.zone_fails,
    zone_repair: float = USUAL.zone_repair,
) -> Any:
    """The learner's layout, counted over as many years as there is time for, below some others: for `Explore(knobs, **KNOBS)`."""
    rates = Rates(machine_fails, machine_repair, zone_fails, zone_repair)
    yours = even(managers, zones)
    rows = planned(BESIDE, rates, years=0) + planned([], rates, in_time(yours, rates), yours)
    return draw_planner(rows), tell_planner(rows[-1:])
