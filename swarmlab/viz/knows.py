"""What the tables of every node hold at an instant, beside what truly is there to be found: rows for `draw_beliefs`."""

from typing import Any, NamedTuple

from . import ink

__all__ = ["tables_at", "tables_of"]

SECOND = 1_000_000  # µs


class Held(NamedTuple):
    """Tables at an instant."""

    truth: dict[str, str]  # task → its service: what truly is there to be found
    tables: dict[str, dict[str, str]]  # machine → task → service
    open: set[str]  # services with a published port: all nodes of the swarm are on the network of those
    members: set[str]  # machines in the swarm

    def needed(self, machine: str) -> set[str]:
        """The tasks of published services, and the others if it has any of those: then it is on another network."""
        services = {*self.tables[machine].values()}
        shared = self.open if machine in self.members else set()
        return {task for task, service in self.truth.items() if service in shared or services - self.open}


def tables_at(trace: Any, t: float | None = None) -> dict[str, dict[str, list[str]]]:
    """{"truth" or machine: {service: its tasks}} at `t` seconds, by default the end.

    In truth is what runs on a machine that works, and is offered there; a machine holds what its own names and load
    balancers lead to. Left out are machines without power, and those that hold nothing and need nothing: a node on no
    overlay network with tasks.
    """
    rows = ink.rows_of(trace)
    held = _held(rows, t)
    tables = {"truth": held.truth} | {m: own for m, own in held.tables.items() if own or held.needed(m)}
    names = {row[4]: row[5]["name"] for row in rows["log"] if row[3] == "task" and row[5]}
    names = _distinct(names, {task for table in tables.values() for task in table})
    return {who: _by_service(table, names) for who, table in tables.items()}


def tables_of(trace: Any, t: float | None = None) -> dict[str, tuple[int, int, int]]:
    """machine → how many tasks its tables hold, how many of these are stale, and how many it lacks."""
    held = _held(ink.rows_of(trace), t)
    found = {}
    for machine, own in held.tables.items():
        missing = held.needed(machine) - own.keys()
        if own or missing:
            found[machine] = (len(own), len(own.keys() - held.truth.keys()), len(missing))
    return found


def _held(rows: dict, t: float | None) -> Held:
    until = rows["end"] if t is None else round(t * SECOND)
    now: dict[str, dict[str, Any]] = {
        machine["name"]: {} for machine in rows["machines"] if machine["row"] != "outside"
    }
    for time, _, machine, key, value in rows["truth"]:
        if time > until:
            break
        if machine in now:
            now[machine][key] = value
    works = {machine: keys for machine, keys in now.items() if keys.get("up") in ("up", "frozen")}
    offered = {machine: _backends(keys) for machine, keys in works.items()}
    truth = {
        task: service
        for machine, keys in works.items()
        for task, (service, home) in offered[machine].items()
        if home == machine and keys["up"] == "up" and (keys.get(f"run/{task}") or {}).get("state") == "running"
    }
    tables = {m: {task: service for task, (service, _) in own.items()} for m, own in offered.items()}
    return Held(truth, tables, _published(rows), {machine for machine, keys in works.items() if keys.get("swarm")})


def _published(rows: dict) -> set[str]:
    """Services that ever publish a port."""
    return {row[5]["name"] for row in rows["log"] if row[3] == "service" and row[5] and row[5]["ports"]}


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
