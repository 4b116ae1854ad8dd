"""Restart storms told from the trace: which container was given up, under how much load, and who was left to carry it.

One row for each container that its health checks found unhealthy. The chain from there back to the requests that kept the
checks waiting is `trace.explain(row.number)`.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from ..effects import SECOND
from ..events import ApplicationTurned, BackendAdded, BackendRemoved, ContainerStarted, HealthChanged, ProbeEnded
from ..sim.trace import Trace

TRUTH = {"hangs": "hangs", "unwell": "is unwell"}


class Loss(NamedTuple):
    """A container that was given up for unhealthy."""

    number: int  # of the fact in the trace
    time: float  # s
    task: str  # id
    machine: str
    ahead: tuple[int, ...]  # requests in its line when each of the failed checks began
    workers: int  # on how many of them it worked at once; 0: on any number
    waited: bool  # every one of these checks was given up, rather than told that something is wrong
    left: int  # tasks of its service that the nodes still sent requests to, then, without it
    age: float  # s since its container had started
    mood: str = "well"  # how its application was in truth

    @property
    def by_load(self) -> bool:
        """Whether its checks failed because others were before them: none of them even had a turn."""
        return self.mood == "well" and self.waited and self.workers > 0 and min(self.ahead, default=0) >= self.workers

    def __str__(self) -> str:
        truth = "its checks failed" if self.mood == "well" else f"its application {TRUTH[self.mood]}"
        why = f"checks behind {', '.join(map(str, self.ahead))} requests" if self.by_load else truth
        return f"{self.time:8.1f} s  {self.task:.12} on {self.machine}: {why}; {self.left} left to serve"


def losses(trace: Trace) -> list[Loss]:
    """All containers of services that were given up, oldest first."""
    return list(_walk(trace))


def is_storm(found: list[Loss]) -> bool:
    """Whether containers were given up one after the other only because others had been: three under load are enough."""
    return sum(one.by_load for one in found) >= 3


def _walk(trace: Trace) -> Iterator[Loss]:
    failed: dict[str, list[ProbeEnded]] = {}  # container → its latest failures in a row
    began: dict[str, int] = {}
    mood: dict[str, str] = {}
    pools: dict[str, dict[str, None]] = {}  # service → tasks, as the nodes on which they run tell it
    service: dict[str, str] = {}
    for record in trace:
        fact: Any = record.fact
        match fact:
            case ContainerStarted(container, _):
                began[container] = record.time
            case ApplicationTurned(container, _, turned):
                mood[container] = turned
            case BackendAdded(name, task, machine) if machine == record.source:
                pools.setdefault(name, {})[task] = None
                service[task] = name
            case BackendRemoved(name, task, machine) if machine == record.source:
                pools.get(name, {}).pop(task, None)
            case ProbeEnded():
                row = failed.setdefault(fact.container, [])
                row[:] = [*row, fact] if fact.streak else []
            case HealthChanged(container, task, "unhealthy", _) if task:
                row = failed.get(container, [])
                left = len([one for one in pools.get(service.get(task, ""), {}) if one != task])
                ahead, workers = tuple(one.ahead for one in row), max((one.workers for one in row), default=0)
                age = (record.time - began.get(container, record.time)) / SECOND
                waited = all(one.code < 0 for one in row)
                about = ahead, workers, waited, left, age, mood.get(container, "well")
                yield Loss(record.number, record.time / SECOND, task, record.source, *about)
