"""Failure detectors side by side: how soon each notices a crash, and how often it is wrong about a member that lives.

Every detector watches the same runs: the same crash, the same pauses, the same network. Swarm uses two of them at once: the
dispatcher's heartbeats decide where tasks run, SWIM with Lifeguard decides which tasks get requests [networking.md §3].
"""

# Simpler than in reality (docs/simplifications.md): detectors

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import fsum, inf, isnan
from typing import NamedTuple

from . import beats, swimming
from .accrual import Accrual, Beats
from .beats import Heard, Verdicts
from .conditions import Conditions, Scene, scene
from .elections import quantile
from .swimming import School, Swim

__all__ = ["DETECTORS", "Accrual", "Beats", "Conditions", "Outcome", "Summary", "Swim", "compare", "summaries"]

PIECE = 250  # runs at a time: what stays in the processor's cache is faster

Rule = Beats | Accrual | Swim

DETECTORS: dict[str, Rule] = {
    "heartbeat": Beats(),  # Swarm's dispatcher
    "time-out": Beats(1.0, 0.0, 5.0),  # a beat each second, dead after five
    "phi": Accrual(),
    "SWIM": Swim(suspicion=False, lifeguard=False, tcp=False),  # as in the paper's first half
    "SWIM, suspicion": Swim(lifeguard=False, tcp=False),
    "Lifeguard": Swim(),  # memberlist, as Swarm's networks use it
}


class Outcome(NamedTuple):
    """What one detector did in one run."""

    detector: str
    run: int
    time: float | None  # s from the crash until somebody says so; None: not within the run
    false: int  # how often somebody was said to be dead who lived
    of_well: int  # those of them about members that never got stuck


class Summary(NamedTuple):
    """Many runs of one detector in numbers; s, infinite where the crash was not noticed."""

    detector: str
    runs: int
    mean: float
    p5: float
    median: float
    p95: float
    missed: float  # the share of crashes that were not noticed
    false: int
    per_hour: float  # false alarms, of the whole group
    of_well_per_hour: float  # those of them about members that never got stuck


def compare(
    runs: int = 100,
    conditions: Conditions | None = None,
    detectors: Mapping[str, Rule] | None = None,
    seed: int | str = 0,
) -> list[Outcome]:
    """Let all detectors watch the same runs.

    >>> row = compare(1, detectors={"heartbeat": Beats()})[0]
    >>> row.detector, row.false, 9 <= row.time <= 16.5
    ('heartbeat', 0, True)
    """
    rules = DETECTORS if detectors is None else detectors
    if isinstance(runs, bool) or not isinstance(runs, int) or runs < 1:
        raise ValueError(f"runs={runs!r}: a whole number above 0")
    rows: dict[str, list[Outcome]] = {name: [] for name in rules}
    for first in range(0, runs, PIECE):
        here = scene(min(PIECE, runs - first), conditions or Conditions(), seed, first)
        found = _by_heartbeats(here, rules) | _by_probes(here, rules)
        for name in rules:
            rows[name] += _outcomes(name, found[name], first)
    return [row for name in rules for row in rows[name]]


def _by_heartbeats(here: Scene, rules: Mapping[str, Rule]) -> dict[str, Verdicts]:
    """Those that beat alike hear the same heartbeats."""
    found: dict[str, Verdicts] = {}
    heard: dict[tuple[float, float], Heard] = {}
    for name, rule in rules.items():
        if isinstance(rule, Swim):
            continue
        beats.possible(rule)
        rhythm = (rule.period, rule.jitter) if isinstance(rule, Beats) else (rule.interval, 0.0)
        if rhythm not in heard:
            heard[rhythm] = beats.heartbeats(here, *rhythm)
        if isinstance(rule, Beats):
            found[name] = beats.by_grace(here, heard[rhythm], rule)
        else:
            found[name] = beats.by_accrual(here, heard[rhythm], rule)
    return found


def _by_probes(here: Scene, rules: Mapping[str, Rule]) -> dict[str, Verdicts]:
    chosen = {name: swimming.possible(rule) for name, rule in rules.items() if isinstance(rule, Swim)}
    return dict(zip(chosen, School(here, list(chosen.values())).swim(), strict=True)) if chosen else {}


def _outcomes(name: str, found: Verdicts, first: int) -> list[Outcome]:
    columns = (column.tolist() for column in found)
    return [
        Outcome(name, run, None if isnan(time) else time, false, of_well)
        for run, (time, false, of_well) in enumerate(zip(*columns, strict=True), first)
    ]


def summaries(rows: Sequence[Outcome], conditions: Conditions | None = None) -> list[Summary]:
    """The rows of `compare` in numbers, detector by detector."""
    seconds = (conditions or Conditions()).seconds
    names = dict.fromkeys(row.detector for row in rows)
    return [_summary(name, [row for row in rows if row.detector == name], seconds) for name in names]


def _summary(name: str, rows: list[Outcome], seconds: float) -> Summary:
    times, hours = sorted(inf if row.time is None else row.time for row in rows), len(rows) * seconds / 3600
    false, of_well = sum(row.false for row in rows), sum(row.of_well for row in rows)
    mean, p5, median, p95 = fsum(times) / len(times), *(quantile(times, share) for share in (0.05, 0.5, 0.95))
    missed = times.count(inf) / len(times)
    return Summary(name, len(rows), mean, p5, median, p95, missed, false, false / hours, of_well / hours)
