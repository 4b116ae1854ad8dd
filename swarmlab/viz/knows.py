"""What the tables of every node hold at an instant, beside what truly is there to be found: rows for `draw_beliefs`."""

from typing import Any

from . import ink

__all__ = ["tables_at", "tables_of"]

SECOND = 1_000_000  # µs


def tables_at(trace: Any, t: float | None = None) -> dict[str, dict[str, list[str]]]:
    """{"truth" or machine: {service: its tasks}} at `t` seconds, by default the end.

    In truth is what runs on a machine that works, and is offered there; a machine holds what its own names and load
    balancers lead to. Machines without power hold nothing, and are left out.
    """
    rows = ink.rows_of(trace)
    until = rows["end"] if t is None else round(t * SECOND)
    now: dict[str, dict[str, Any]] = {
        machine["name"]: {} for machine in rows["machines"] if machine["row"] != "outside"
    }
    for time, _, machine, key, value in rows["truth"]:
        if time > until:
            break
        if machine in now:
            now[machine][key] = value
    names = {row[4]: row[5]["name"] for row in rows["log"] if row[3] == "task" and row[5]}
    works = {machine: keys for machine, keys in now.items() if keys.get("up") in ("up", "frozen")}
    held = {machine: _backends(keys) for machine, keys in works.items()}
    truth = {
        task: service
        for machine, keys in works.items()
        for task, (service, home) in held[machine].items()
        if home == machine and keys["up"] == "up" and (keys.get(f"run/{task}") or {}).get("state") == "running"
    }
    tables = {"truth": truth} | {m: {task: service for task, (service, _) in own.items()} for m, own in held.items()}
    names = _distinct(names, {task for table in tables.values() for task in table})
    return {who: _by_service(table, names) for who, table in tables.items()}


def tables_of(trace: Any, t: float | None = None) -> dict[str, tuple[int, int, int]]:
    """machine → how many tasks its tables hold, how many of these are stale, and how many it lacks."""
    tables = {who: {name for tasks in table.values() for name in tasks} for who, table in tables_at(trace, t).items()}
    real = tables.pop("truth")
    return {who: (len(known), len(known - real), len(real - known)) for who, known in tables.items()}


def _backends(keys: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """task → (service, the machine where it is said to be)."""
    return {
        key[8:]: (value["service"], value["machine"])
        for key, value in keys.items()
        if key.startswith("backend/") and value is not None
    }


def _distinct(names: dict[str, str], tasks: set[str]) -> dict[str, str]:
    """task → its name; with the beginning of its id where another one has the same name."""
    called = [names.get(task, task) for task in sorted(tasks)]
    return {
        task: f"{name} ({task[:5]})" if called.count(name) > 1 else name
        for task, name in zip(sorted(tasks), called, strict=True)
    }


def _by_service(table: dict[str, str], names: dict[str, str]) -> dict[str, list[str]]:
    """service → its tasks by name, web.2 before web.10."""
    found: dict[str, list[str]] = {}
    for task, service in table.items():
        found.setdefault(service, []).append(names[task])
    return {service: sorted(tasks, key=lambda name: (len(name), name)) for service, tasks in sorted(found.items())}
