"""How surprising a silence is: the phi-accrual failure detector, and what is known of heartbeats without running any.

Source: Hayashibara, Défago, Yared, Katayama, "The φ accrual failure detector" (SRDS 2004); the figures are Akka's defaults.
Swarm's own heartbeats: networking.md §3.3.
"""

from math import erfc, fsum, log, log10, pi, sqrt
from typing import NamedTuple

from ..effects import SECOND
from ..manager.dispatcher import GRACE, JITTER
from ..objects import Cluster
from ..rack import is_number

FAR = 30  # standard deviations beyond which erfc is too small for a float


class Accrual(NamedTuple):
    """A member is dead when its silence would come once in 10^threshold times, after what was heard of it so far."""

    threshold: float = 8.0
    window: int = 100  # gaps between heartbeats that are remembered
    interval: float = 1.0  # s between heartbeats
    least_spread: float = 0.1  # s: nobody beats as evenly as a few gaps may look
    pause: float = 3.0  # s of silence more that are forgiven


class Beats(NamedTuple):
    """A member is dead when it was silent for so many of its periods."""

    period: float = Cluster("").heartbeat_period / SECOND  # s
    jitter: float = JITTER / SECOND  # s either way, drawn anew for each beat
    grace: float = GRACE  # periods


def phi(silence: float, mean: float = 0.0, spread: float = 1.0) -> float:
    """−log10 of the chance that a gap is longer than this silence, if gaps are normal.

    >>> [round(phi(z), 3) for z in (0, 1, 2, 3, 4, 5)], round(phi(5.612), 2)
    ([0.301, 0.8, 1.643, 2.87, 4.499, 6.543], 8.0)
    """
    z = (silence - mean) / spread
    if z > FAR:  # erfc is 0 there; its tail is e^(−z²/2) / (z·√(2π))
        return (z * z / 2 + log(z * sqrt(2 * pi))) / log(10) - log10(1 - 1 / z**2)
    return -log10(erfc(z / sqrt(2)) / 2)


def deviations(threshold: float) -> float:
    """How many standard deviations beyond the mean a silence reaches this φ.

    >>> round(deviations(8), 3), round(deviations(1), 3)
    (5.612, 1.282)
    """
    if not is_number(threshold) or not 0 < threshold <= 1000:
        raise ValueError(f"threshold={threshold!r}: above 0, up to 1000")
    low, high = -40.0, 100.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if phi(middle) < threshold else (low, middle)
    return (low + high) / 2


class Level(NamedTuple):
    """How suspect a member is at an instant."""

    time: float  # s
    phi: float


def phi_curve(beats: list[float], until: float, rule: Accrual | None = None, step: float = 0.05) -> list[Level]:
    """φ over time, for heartbeats that were heard at these instants (s)."""
    rule, levels = rule or Accrual(), []
    gaps, heard, place = first_gaps(rule), beats[0], 1
    for number in range(int((until - beats[0]) / step) + 1):
        now = beats[0] + number * step
        while place < len(beats) and beats[place] <= now:
            gaps, heard, place = [*gaps, beats[place] - heard][-rule.window :], beats[place], place + 1
        mean = fsum(gaps) / len(gaps)
        spread = sqrt(fsum((gap - mean) ** 2 for gap in gaps) / len(gaps))
        levels.append(Level(now, phi(now - heard, mean + rule.pause, max(spread, rule.least_spread))))
    return levels


def first_gaps(rule: Accrual) -> list[float]:
    """What is assumed before anything was heard: the interval, give or take a quarter [Akka]."""
    return [rule.interval * 0.75, rule.interval * 1.25]


# ── what is known without a run: how long after a crash a node is DOWN [networking.md §3.3] ──────────────────────


def down_bounds(rule: Beats | None = None) -> tuple[float, float]:
    """s: the soonest is when the node dies just before a beat, the latest just after one.

    >>> down_bounds()
    (9.0, 16.5)
    """
    period, jitter, grace = rule or Beats()
    return (period - jitter) * (grace - 1), (period + jitter) * grace


def down_mean(rule: Beats | None = None) -> float:
    """s on average: a crash more likely falls into a long period, E[P²] / E[P], and on average in its middle.

    >>> round(down_mean(), 2)
    12.54
    """
    period, jitter, grace = rule or Beats()
    return (period + jitter**2 / 3 / period) * (grace - 1 / 2)


def down_share(seconds: float, rule: Beats | None = None) -> float:
    """The chance that a node that crashed at a random instant is DOWN so many seconds later.

    >>> [round(down_share(t), 3) for t in (9, 10, 12.5, 15.3, 16.5)]
    [0.0, 0.05, 0.5, 0.952, 1.0]
    """
    period, jitter, grace = rule or Beats()
    low, high = period - jitter, period + jitter
    if not jitter:
        return min(1.0, max(0.0, (seconds - (grace - 1) * period) / period))
    full, none = (min(high, max(low, edge)) for edge in (seconds / grace, seconds / (grace - 1)))
    # In a period p: certain up to p = t/g, then t − (g−1)·p of it, nothing from p = t/(g−1) on; all over the mean.
    certain = (full**2 - low**2) / 2
    partly = seconds * (none - full) - (grace - 1) * (none**2 - full**2) / 2
    return (certain + partly) / (2 * jitter * period)


def down_quantile(share: float, rule: Beats | None = None) -> float:
    """s after which such a share of the crashed nodes is DOWN.

    >>> [round(down_quantile(q), 1) for q in (0.05, 0.5, 0.95)]
    [10.0, 12.5, 15.3]
    """
    low, high = down_bounds(rule)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if down_share(middle, rule) < share else (low, middle)
    return (low + high) / 2
