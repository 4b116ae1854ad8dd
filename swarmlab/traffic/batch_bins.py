"""Balls into bins: the smallest model of balancing, in which nothing is ever finished.

One random choice leaves some bins with many; looking at two leaves almost none with more than a few [Azar, Broder,
Karlin and Upfal 1994].
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .batch_draws import stream

Array = Any  # a numpy array

CHUNK = 4096  # balls for which lots are drawn at once


def thrown(balls: int, bins: int, choices: int = 1, trials: int = 1, seed: int | str = 0) -> Array:
    """Trials × bins: how many lie in each, when every ball goes into the emptiest of so many random ones."""
    for what, value in {"balls": balls, "bins": bins, "choices": choices, "trials": trials}.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{what} must be a whole number from 1 on, not {value!r}")
    dice = stream(seed, f"balls, {choices} choices")
    first: Array = np.arange(trials) * bins
    if choices == 1:
        lanes = (dice.random((balls, trials)) * bins).astype(np.intp) + first
        return np.bincount(lanes.ravel(), minlength=trials * bins).reshape(trials, bins)
    loads: Array = np.zeros(trials * bins, dtype=np.int32)
    for begin in range(0, balls, CHUNK):
        drawn = dice.random((min(CHUNK, balls - begin), choices, trials))
        for lanes in (drawn * bins).astype(np.intp) + first:
            best, least = lanes[0], loads[lanes[0]]
            for other in lanes[1:]:
                best = np.where(loads[other] < least, other, best)
                least = loads[best]
            loads[best] = least + 1
    return loads.reshape(trials, bins)
