"""What tasks ask each other for the sake of a visitor → the way of one request, and what each task did for many.

Reads the trace: of a request that came alone the facts `CallSent` and `CallAnswered`, of many the rows of `calls`.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from ..events import (
    CallAnswered,
    CallSent,
    ContainerCreated,
    RequestAnswered,
    RequestForwarded,
    RequestSent,
    RequestServed,
)

__all__ = ["Leg", "Share", "legs", "shares"]


class Leg(NamedTuple):
    """One step of a request: who asks whom."""

    source: str  # web.1, or client
    machine: str  # where that is
    service: str  # as it is asked
    task: str  # who answered: web.1; '' for nobody
    status: int  # 0: no answer
    asked: int  # µs
    took: int  # µs; -1 for no answer


class Share(NamedTuple):
    """What one task did for all requests of a load."""

    task: str  # web.1
    requests: int  # that reached it
    answered: int  # with 200
    took: int  # µs until it answered, on average of those
    queued: int  # µs of that before it began


def legs(trace: Any, request: int) -> list[Leg]:
    """The way of one request through the tasks, in the order in which they were asked; the first leg is the visitor's."""
    names = {r.fact.task: r.fact.name.rpartition(".")[0] for r in trace.of(ContainerCreated) if r.fact.task}
    mine = [record for record in trace.records if getattr(record.fact, "request", None) == request]
    found = [_first(mine, names)]
    ends = {record.fact.call: record.fact for record in mine if type(record.fact) is CallAnswered}
    for record in mine:
        if type(record.fact) is CallSent:
            fact, end = record.fact, ends.get(record.fact.call)
            by, status, took = (names.get(end.by, ""), end.status, end.took) if end else ("", 0, -1)
            source = names.get(fact.task, fact.task)
            found.append(Leg(source, record.source, f"{fact.service}:{fact.port}", by, status, record.time, took))
    return [leg for leg in found if leg]


def _first(mine: list, names: dict[str, str]) -> Any:
    sent = next((record for record in mine if type(record.fact) is RequestSent), None)
    if sent is None:
        return None
    tasks = [record.fact.task for record in mine if isinstance(record.fact, RequestForwarded | RequestServed)]
    end = next((record.fact for record in mine if type(record.fact) is RequestAnswered), None)
    name = names.get(tasks[-1], "") if tasks else ""
    status, took = (end.status, end.latency) if end else (0, -1)
    return Leg("client", sent.source, sent.fact.url, name, status, sent.time, took)


def shares(rows: Iterable[Any], load: str = "") -> list[Share]:
    """Each task's part, by name, from `trace.requests`, `trace.calls`, or both together."""
    found: dict[str, list] = {}
    for row in rows:
        if row.name and load in ("", row.load):
            found.setdefault(row.name, []).append(row)
    return [_share(name, found[name]) for name in sorted(found)]


def _share(name: str, rows: list) -> Share:
    good = [row for row in rows if row.status == 200]
    took = sum(row.ended - row.arrived for row in good) // max(1, len(good))
    queued = sum(max(0, row.started - row.arrived) for row in good) // max(1, len(good))
    return Share(name, len(rows), len(good), took, queued)
