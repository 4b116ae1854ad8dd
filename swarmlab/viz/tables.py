"""The trace as pandas tables: what happened, and what was so at an instant, in truth or as one node believes it.

Times are seconds of virtual time, in float columns; columns, their order and their types are always the same, also
when a table is empty.
"""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from ..events import RequestAnswered, RequestFailed, RequestForwarded, RequestSent, RequestServed
from .frames import frames, world_at
from .words import text_of

__all__ = ["facts", "messages", "nodes", "requests", "services", "tasks"]

SECOND, MS = 1_000_000, 1_000  # µs


def facts(trace: Any) -> pd.DataFrame:
    """Every fact, oldest first. The index is its number; `cause` is the number of the fact that led to it."""
    columns = {"time": "float", "source": "str", "event": "str", "detail": "str", "cause": "Int64"}
    rows = (
        (r.number, r.time / SECOND, r.source, type(r.fact).__name__, text_of(r.fact), r.cause if r.cause >= 0 else None)
        for r in trace.records
    )
    return _table("fact", columns, rows)


def nodes(trace: Any, t: float | None = None, lens: str = "truth") -> pd.DataFrame:
    """Every machine at `t` seconds (by default the end), in its place on the board.

    `looks` is what `lens` sees of it, `state` and `availability` what the managers wrote down; `wanted` and `running`
    count tasks; `wrong` says whether that is not so in truth.
    """
    columns = {"row": "str", "zone": "str", "looks": "str", "role": "str", "term": "int", "state": "str"}
    columns |= {"availability": "str", "wanted": "int", "running": "int", "wrong": "bool"}
    rows = _rows(trace)
    places = {machine["name"]: machine for machine in rows["machines"]}
    inside = [machine for machine in _world(rows, t, lens)["machines"] if places[machine["name"]]["row"] != "outside"]
    full = [places[machine["name"]] | machine | _counts(machine["cells"]) for machine in inside]
    return _table("machine", columns, ((machine["name"], *(machine[name] for name in columns)) for machine in full))


def tasks(trace: Any, t: float | None = None, lens: str = "truth") -> pd.DataFrame:
    """Every task at `t` seconds (by default the end), by service and slot, oldest first: the wish beside the fact.

    `old` says that it ended and has a successor, `wrong` that `lens` believes what is not so.
    """
    names = ("name", "service", "slot", "machine", "wish", "fact", "err", "old", "wrong")
    columns = {name: {"slot": "int", "old": "bool", "wrong": "bool"}.get(name, "str") for name in names}
    world = _world(_rows(trace), t, lens)
    cells = [*world["tray"], *(cell for machine in world["machines"] for cell in machine["cells"])]
    born = {row[4]: row[1] for row in reversed(_rows(trace)["log"]) if row[3] == "task"}
    cells.sort(key=lambda cell: (cell["service"], cell["slot"], born.get(cell["task"], 0), cell["task"]))
    return _table("task", columns, ((cell["task"], *(cell[name] for name in names)) for cell in cells))


def services(trace: Any, t: float | None = None, lens: str = "truth") -> pd.DataFrame:
    """Every service at `t` seconds (by default the end): how many tasks it should have, and how many run."""
    columns = {"mode": "str", "wanted": "int", "filled": "int", "wrong": "bool"}
    found = sorted(_world(_rows(trace), t, lens)["services"], key=lambda service: service["service"])
    return _table("service", columns, ((s["service"], *(s[name] for name in columns)) for s in found))


def requests(trace: Any) -> pd.DataFrame:
    """Every request: when it was sent and where, which task on which machine answered, or what went wrong.

    `asked` is the machine that was asked; `task` and `machine` are where a load balancer sent it, if it came so far;
    `latency` is ms, empty without an answer.
    """
    columns = {"sent": "float", "url": "str", "asked": "str", "task": "str", "machine": "str"}
    columns |= {"status": "Int64", "error": "str", "latency": "float"}
    found: dict[int, dict] = {}
    for record in trace.records:
        match record.fact:
            case RequestSent(number, url, to):
                found[number] = dict.fromkeys(columns, "") | {"sent": record.time / SECOND, "url": url, "asked": to}
                found[number] |= {"status": None, "latency": None}
            case RequestForwarded(number, task, to) if number in found:
                found[number] |= {"task": task, "machine": to}
            case RequestServed(number, task) if number in found:
                found[number] |= {"task": task, "machine": record.source}
            case RequestAnswered(number, status, task, latency) if number in found:
                found[number] |= {"status": status, "latency": latency / MS, "task": task or found[number]["task"]}
            case RequestFailed(number, error) if number in found:
                found[number]["error"] = error
    return _table("request", columns, ((number, *row.values()) for number, row in sorted(found.items())))


def messages(trace: Any) -> pd.DataFrame:
    """Every message, in the order of sending; `arrived` is empty where it never did, and `fate` says why."""
    columns = {"sent": "float", "arrived": "float", "sender": "str", "to": "str", "channel": "str", "name": "str"}
    columns |= {"fate": "str", "cause": "Int64"}
    rows = []
    for number, m in enumerate(trace.messages):
        arrived, cause = (value if value >= 0 else None for value in (m.arrived, m.cause))
        late = None if arrived is None else arrived / SECOND
        rows.append((number, m.sent / SECOND, late, m.sender, m.to, m.channel, m.name, m.fate, cause))
    return _table("message", columns, rows)


def _rows(trace: Any) -> dict:
    """The rows of `frames`, unless it is these already."""
    return trace if isinstance(trace, dict) else frames(trace)


def _world(rows: dict, t: float | None, lens: str) -> dict:
    names = ["truth", *(machine["name"] for machine in rows["machines"])]
    if lens not in names:
        raise ValueError(f"lens {lens!r} is none of: {', '.join(names)}")
    return world_at(rows, rows["end"] if t is None else round(t * SECOND), lens)


def _counts(cells: list[dict]) -> dict[str, int]:
    """How many tasks should run here, and how many do."""
    return {
        name: sum(cell[key] == "running" for cell in cells) for name, key in (("wanted", "wish"), ("running", "fact"))
    }


def _table(index: str, columns: dict[str, str], rows: Iterable[tuple]) -> pd.DataFrame:
    """Rows whose first value is the index."""
    table = pd.DataFrame(list(rows), columns=[index, *columns]).astype(columns)
    return table.set_index(index)
