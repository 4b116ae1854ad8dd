"""How the benchmarks measure: CPU time, medians of repeated runs, floors and goals."""

from collections.abc import Callable
from statistics import median
from time import process_time
from typing import NamedTuple


class Figure(NamedTuple):
    """One measured number beside what was asked for."""

    name: str
    value: float
    unit: str
    floor: float
    goal: float
    more_is_better: bool
    peer: str  # what it was compared with in this run, and the ratio

    @property
    def verdict(self) -> str:
        better = (lambda a, b: a >= b) if self.more_is_better else (lambda a, b: a <= b)
        if better(self.value, self.goal):
            return "goal"
        return "floor" if better(self.value, self.floor) else "BELOW"


def seconds(work: Callable[[], object], repeat: int = 5) -> float:
    """The median CPU time of so many runs."""
    return median(_once(work) for _ in range(repeat))


def _once(work: Callable[[], object]) -> float:
    start = process_time()
    work()
    return process_time() - start
