"""Detectors that wait for heartbeats: one observer, who is always well, and members that beat; many runs at once.

What the observer expects next is all that differs: a number of periods (Swarm's dispatcher, a plain time-out), or what was
usual so far (phi-accrual).
"""

from __future__ import annotations

from math import fsum
from typing import Any, NamedTuple

import numpy as np

from ..rack import is_number
from .accrual import Accrual, Beats, deviations, first_gaps
from .conditions import VICTIM, Array, Scene

JITTERED, ON_ITS_WAY, PHASE = 1, 2, 3  # what a coin is for


class Verdicts(NamedTuple):
    """What a detector said in each run."""

    time: Array  # s after the crash until the first verdict; nan: none
    false: Array  # how often it said so of a member that had not crashed
    of_well: Array  # those of them about members that never got stuck


class Heard(NamedTuple):
    """The heartbeats of a run: beats × runs × members."""

    times: Array  # s, when the observer hears it; inf: never
    periods: Array  # s, until the next one is due


def heartbeats(here: Scene, period: float, jitter: float) -> Heard:
    """When the observer hears of whom. A beat that is due while its member is stuck leaves afterwards."""
    run, member = np.indices((here.runs, here.conditions.members))
    beats = int(here.conditions.seconds / (period - jitter)) + 2
    times: Array = np.empty((beats, *run.shape))
    periods = np.full(times.shape, period)
    due = here.coin(run, 0, member, PHASE) * -period
    for beat in range(beats):
        if jitter:
            periods[beat] += (2 * here.coin(run, _instant(beat, period), member, JITTERED) - 1) * jitter
        sent = here.let_go(run, member, due)
        number = here.number(run, _instant(beat, period), member) + np.uint64(ON_ITS_WAY)
        arrives = sent + here.under_way(number)
        arrives[sent[:, VICTIM] >= here.crash, VICTIM] = np.inf
        times[beat], due = arrives, sent + periods[beat]
    return Heard(times, periods)


def _instant(beat: int, period: float) -> int:
    """Beats of different detectors have different coins, equal ones the same."""
    return beat + (int(period * 1000) << 12)


def by_grace(here: Scene, heard: Heard, rule: Beats) -> Verdicts:
    """Dead after so many periods without a beat; each period as it was drawn for the next beat."""
    tally = Tally(here, np.full(heard.times.shape[1:], rule.period * rule.grace))
    for times, periods in zip(heard.times, heard.periods, strict=True):
        tally.hear(times, times + periods * rule.grace)
    return tally.verdicts()


def by_accrual(here: Scene, heard: Heard, rule: Accrual) -> Verdicts:
    """Dead as soon as φ reaches the threshold. A gap that was too long is not learned from [Akka]."""
    shape, z, first = heard.times.shape[1:], deviations(rule.threshold), first_gaps(rule)
    gaps: Array = np.zeros((*shape, rule.window))  # a ring of the latest
    gaps[..., : len(first)] = first
    known = np.full(shape, len(first))
    total, squares = np.full(shape, fsum(first)), np.full(shape, fsum(gap * gap for gap in first))
    tally, last = Tally(here, np.full(shape, np.inf)), np.full(shape, np.nan)
    for times in heard.times:
        gap = times - last
        learns = np.isfinite(gap) & (times <= tally.until)
        place = (known % rule.window)[..., None]
        old = np.take_along_axis(gaps, place, 2)[..., 0]
        new = np.where(learns, gap, old)
        np.put_along_axis(gaps, place, new[..., None], 2)
        total, squares, known = total + new - old, squares + new * new - old * old, known + learns
        many = np.minimum(known, rule.window)
        mean = total / many
        spread = np.sqrt(np.maximum(squares / many - mean * mean, rule.least_spread**2))
        tally.hear(times, times + np.maximum(mean + z * spread + rule.pause, 0))
        last = np.where(np.isfinite(times), times, last)
    return tally.verdicts()


class Tally:
    """Counts verdicts: a member is dead from `until` on, unless it is heard of before."""

    def __init__(self, here: Scene, until: Array):
        self.here, self.until = here, until
        self.false: Array = np.zeros(until.shape, dtype=np.int32)

    def hear(self, times: Array, until: Array) -> None:
        """Beats that come at these times (inf: not at all), and how long the observer then waits."""
        came = times <= self.here.conditions.seconds
        self.false += came & (times > self.until)
        self.until = np.where(came, until, self.until)

    def verdicts(self) -> Verdicts:
        """The end: who is not heard of again counts as dead if the time is up."""
        here, end = self.here, self.here.conditions.seconds
        self.false += self.until <= end
        noticed = np.maximum(self.until[:, VICTIM] - here.crash, 0)
        crashed = here.conditions.crash
        self.false[:, VICTIM] -= crashed & (self.until[:, VICTIM] <= end)
        time = np.where(crashed & (self.until[:, VICTIM] <= end), noticed, np.nan)
        well = ~here.is_slow(np.arange(here.conditions.members))
        return Verdicts(time, self.false.sum(axis=1), self.false[:, well].sum(axis=1))


def possible(rule: Any) -> Any:
    """This rule, if it can be; else a ValueError of one sentence."""
    for name, value in rule._asdict().items():
        if not is_number(value) or value < 0:
            raise ValueError(f"{name}={value!r}: a number, 0 or more")
    if isinstance(rule, Beats) and not (rule.period >= 0.1 and rule.jitter < rule.period and rule.grace > 1):
        raise ValueError(f"{rule}: a period of 0.1 s or more, a smaller jitter, and a grace of more than one period")
    if isinstance(rule, Accrual) and not (rule.interval >= 0.1 and rule.window >= 2 and rule.least_spread > 0):
        raise ValueError(f"{rule}: an interval of 0.1 s or more, a window of 2 or more, a least spread above 0")
    return rule
