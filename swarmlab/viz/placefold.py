"""Who stands where, step by step: every placement, label and lost node of a run, as plain rows to fold.

A step is one choice of the scheduler, or one change of a node. Before each choice the ranks are counted, by which
Docker's own strategy compares the nodes: failures, tasks of this service, all tasks.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from . import ink

UNITS = ("cpus", "memory")  # in the order in which a task tells what it reserves
PER_CPU = 10**9
GIB, MIB = 1 << 30, 1 << 20
OVER = ("complete", "shutdown", "failed", "rejected", "remove", "orphaned")
FAILED = ("failed", "rejected")
WINDOW = 300_000_000  # µs for which a failure counts against a node
MANY = 50  # nodes, beyond which nobody reads ranks


def placement(
    trace: Any,
    unit: str = "memory",
    zone: str = "zone",
    start: float | None = None,
    end: float | None = None,
) -> dict:
    """The placements of a run as rows; `unit` is `memory` or `cpus`, `zone` the node label that makes zones.

    `start` and `end` are seconds: what was placed before is there from the first step on. A run without such a label
    takes the zones of the rack.
    """
    if unit not in UNITS:
        raise ValueError(f"unit {unit!r} is none of: {', '.join(UNITS)}")
    rows = ink.rows_of(trace)
    fold = _Fold(rows, unit, zone)
    for row in rows["log"]:
        if end is None or row[0] <= end * 1e6:
            fold.hear(*row)
    return _from(fold.rows(), 0 if start is None else round(start * 1e6))


def placed_rows(nodes: Iterable[Sequence], placed: Iterable[Sequence], unit: str = "memory") -> dict:
    """The same rows for placements typed by hand, or made by a strategy that runs without a cluster.

    A node is (name, zone, capacity). A placement is (task, node, reserved), and may go on with its limit and what it
    uses; the node is '' where it fitted nowhere. Memory is bytes.
    """
    found: list[dict] = [
        {"name": name, "zone": zone, "capacity": capacity, "availability": "active", "state": "ready"}
        for name, zone, capacity in nodes
    ]
    tasks: dict[str, dict] = {}
    steps: list[dict] = []
    for name, node, reserved, *more in placed:
        limit, used = [*more, *(0, None)[len(more) :]][:2]
        service = name.rpartition(".")[0] or name
        tasks[name] = {"name": name, "service": service, "reserved": reserved, "limit": limit, "used": used}
        said = f"{name} → {node}" if node else f"{name} fits nowhere"
        steps.append(_step(len(steps), -1, said, [[name, node, True]], task=name if node else ""))
    return _with_ranks({"unit": unit, "nodes": found, "tasks": tasks, "steps": [_step(0, -1, "empty"), *steps]})


def _step(time: int, fact: int, said: str, moves: Any = (), nodes: Any = (), task: str = "") -> dict:
    return {"time": time, "fact": fact, "said": said, "moves": list(moves), "nodes": dict(nodes), "task": task}


# ── the log, row by row ──────────────────────────────────────────────────────────────────────────────────────────


class _Fold:
    """What is known so far, and the steps that led there."""

    def __init__(self, rows: dict, unit: str, zone: str):
        self.machines = {machine["name"]: machine for machine in rows["machines"]}
        self.names, self.unit, self.label = rows["nodes"], unit, zone
        stored = [row[5] for row in rows["log"] if row[3] == "node" and row[5]]
        self.labelled = any(key == zone for node in stored for key, _ in node["labels"])
        self.nodes: dict[str, dict] = {}  # as first stored
        self.looks: dict[str, dict] = {}  # as last stored
        self.tasks: dict[str, dict] = {}
        self.last: dict[str, tuple] = {}  # task → (node, wanted, state, err)
        self.steps: list[dict] = []
        self.shared: dict[tuple, dict] = {}  # (index, what happened) → its step

    def hear(self, time: int, number: int, index: int, kind: str, key: str, fields: dict | None) -> None:
        """One object as it was written, or None when it was removed."""
        if kind == "node":
            self._node(time, number, index, self.names.get(key, ""), fields)
        elif kind == "task" and fields:
            self._task(time, number, index, key, fields)
        elif kind == "task" and self.last.pop(key, ("", False, "remove", ""))[2] not in OVER:
            self._add(time, number, index, "removed", [key, None, False], self.tasks[key]["name"])

    def _node(self, time: int, number: int, index: int, name: str, fields: dict | None) -> None:
        machine = self.machines.get(name)
        if machine is None:
            return
        old = self.looks.get(name)
        if fields is None:
            self.looks.pop(name, None)
            self._say(time, number, f"{name} left the list of nodes", {name: {"state": "removed"}})
            return
        zone = dict(fields["labels"]).get(self.label, "") if self.labelled else machine["zone"]
        new = {"zone": zone, "availability": fields["availability"], "state": fields["state"]}
        self.looks[name] = new
        if name not in self.nodes or (old or {}).get("state") == "unknown":  # it has just joined
            self.nodes[name] = {"name": name, "capacity": machine[self.unit]} | new
        elif old != new:
            self._say(time, number, f"{name} {_turned(old or {}, new, self.label)}", {name: new})

    def _task(self, time: int, number: int, index: int, key: str, fields: dict) -> None:
        """A step where the task got its node, stopped being wanted, ended, or learned why nobody takes it."""
        name, node = fields["name"], self.names.get(fields["node"], "")
        wanted, over = fields["desired"] not in OVER, fields["state"] in OVER
        before = self.last.get(key)
        if before is None:
            self.tasks[key] = self._about(fields)
        if before is not None and before[2] in OVER:
            return
        self.last[key] = (node, wanted, fields["state"], fields["err"])
        if over:
            self._add(time, number, index, fields["state"], [key, None, False], name, fields["state"])
        elif node and (before is None or not before[0]):
            self._say(time, number, f"{name} → {node}", moves=[[key, node, wanted]], task=key)
        elif before is None or (not node and wanted and fields["err"] != before[3]):
            said = f"{fields['err']}" if fields["err"] else "waiting for a node"
            self._add(time, number, index, said, [key, "", wanted], name)
        elif before[1] and not wanted:
            self._add(time, number, index, "no longer wanted", [key, node, False], name)

    def _about(self, fields: dict) -> dict:
        place = UNITS.index(self.unit)
        reserved, limit = (fields.get(key, (0, 0))[place] for key in ("reserved", "limits"))
        if self.unit == "cpus":
            reserved, limit = reserved / PER_CPU, limit / PER_CPU
        service = fields["name"].partition(".")[0]
        return {"name": fields["name"], "service": service, "reserved": reserved, "limit": limit, "used": None}

    def _say(self, time: int, number: int, said: str, nodes: Any = (), moves: Any = (), task: str = "") -> dict:
        self.steps.append(_step(time, number, said, moves, nodes, task))
        return self.steps[-1]

    def _add(self, time: int, number: int, index: int, what: str, move: list, name: str, state: str = "") -> None:
        """The same thing that happens to several tasks in one entry is one step."""
        step = self.shared.get((index, what))
        if step is None:
            step = self.shared[index, what] = self._say(time, number, "") | {"names": [], "failed": state in FAILED}
            self.steps[-1] = step
        step["moves"].append(move)
        step["names"].append(name)
        step["said"] = f"{_listed(step['names'])}: {what}"

    def rows(self) -> dict:
        """All steps, behind a first one that is empty; nodes by zone, so that each zone is one bracket."""
        zones = list(dict.fromkeys(node["zone"] for node in self.nodes.values()))
        order = {name: n for n, name in enumerate(self.machines)}
        nodes = sorted(self.nodes.values(), key=lambda node: (zones.index(node["zone"]), order[node["name"]]))
        steps = [_step(0, -1, "empty"), *self.steps]
        rows = {"unit": self.unit, "nodes": nodes, "tasks": self.tasks, "steps": steps}
        return _with_ranks(rows)


def _turned(old: dict, new: dict, label: str) -> str:
    """What has become different about a node."""
    said = []
    if old.get("state") != new["state"]:
        said.append(f"is {new['state']}")
    if old.get("availability") != new["availability"]:
        said.append({"drain": "is drained", "pause": "is paused"}.get(new["availability"], "is active"))
    if old.get("zone") != new["zone"]:
        said.append(f"has {label}={new['zone']}" if new["zone"] else f"has no {label} any more")
    return " and ".join(said)


def _listed(names: list[str]) -> str:
    """`web.1`, `web.1, db.2`, `4 tasks of web`, `4 tasks`."""
    if len(names) <= 3:
        return ", ".join(names)
    services = dict.fromkeys(name.partition(".")[0] for name in names)
    return f"{len(names)} tasks" + (f" of {next(iter(services))}" if len(services) == 1 else "")


def _from(rows: dict, since: int) -> dict:
    """The steps from an instant on; the first one holds all that was placed before."""
    before = [step for step in rows["steps"] if step["time"] < since]
    if not before:
        return rows
    nodes: dict[str, dict] = {}
    moves: dict[str, list] = {}
    for step in before:
        nodes |= step["nodes"]
        moves |= {move[0]: move for move in step["moves"]}
    kept = [move for move in moves.values() if move[1] is not None]
    first = _step(since, before[-1]["fact"], "as it stood", kept, nodes) | {"ranks": {}}
    return rows | {"steps": [first, *rows["steps"][len(before) :]]}


# ── folded ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _with_ranks(rows: dict) -> dict:
    """Every choice with what it compared: node → [failures, tasks of this service, all tasks]; None for who is out."""
    if len(rows["nodes"]) > MANY:
        for step in rows["steps"]:
            step["ranks"] = {}
        return rows
    looks = {node["name"]: node for node in rows["nodes"]}
    on: dict[str, str] = {}  # task → node, while it is wanted there
    failures: list[tuple] = []
    for step in rows["steps"]:
        step["ranks"] = _ranks(rows, step, looks, on, failures) if step["task"] else {}
        looks = looks | {name: looks[name] | new for name, new in step["nodes"].items() if name in looks}
        for task, node, wanted in step["moves"]:
            if step.get("failed") and task in on:
                failures.append((step["time"], rows["tasks"][task]["service"], on[task]))
            on.pop(task, None)
            if node and wanted:
                on[task] = node
        for key in ("names", "failed"):
            step.pop(key, None)
    return rows


def _ranks(rows: dict, step: dict, looks: dict, on: dict, failures: list) -> dict[str, list | None]:
    """What the nodes were compared by, just before this choice; None for one that takes no tasks or has no room."""
    tasks = rows["tasks"]
    task = tasks[step["task"]]
    recent = [where for at, *where in failures if at > step["time"] - WINDOW]
    found: dict[str, list | None] = {}
    for name, node in looks.items():
        here = [tasks[key] for key, place in on.items() if place == name]
        free = node["capacity"] - sum(each["reserved"] for each in here)
        takes = node["state"] == "ready" and node["availability"] == "active" and task["reserved"] <= free
        same = sum(each["service"] == task["service"] for each in here)
        found[name] = [recent.count([task["service"], name]), same, len(here)] if takes else None
    return found


def placement_at(rows: dict, step: int) -> dict:
    """Everything after so many steps: `nodes` with their tasks from the bottom up, `waiting` tasks, who was just placed."""
    looks = {node["name"]: dict(node) for node in rows["nodes"]}
    where: dict[str, list] = {}
    for each in rows["steps"][: step + 1]:
        for name, new in each["nodes"].items():
            looks.get(name, {}).update(new)
        for task, node, wanted in each["moves"]:
            if node is None:
                where.pop(task, None)
            else:
                where[task] = [node, wanted]
    now = rows["steps"][step]
    for name, node in looks.items():
        here = [_placed(rows, task, wanted, now) for task, (place, wanted) in where.items() if place == name]
        node |= {"tasks": here, "reserved": sum(task["reserved"] for task in here), "ranks": now["ranks"].get(name)}
    waiting = [_placed(rows, task, wanted, now) for task, (place, wanted) in where.items() if not place]
    chosen = where.get(now["task"], [""])[0]
    world = {"step": step, "last": len(rows["steps"]) - 1, "time": now["time"], "said": now["said"], "chosen": chosen}
    service = rows["tasks"][now["task"]]["service"] if now["task"] else ""
    return world | {"service": service, "nodes": list(looks.values()), "waiting": waiting}


def _placed(rows: dict, task: str, wanted: bool, now: dict) -> dict:
    return {"task": task, **rows["tasks"][task], "wanted": wanted, "new": task == now["task"]}


def zones_of(nodes: Sequence[dict]) -> list[dict]:
    """Neighbours of one zone, with their own counts: zone, from which node to which, nodes, tasks per service."""
    found: list[dict] = []
    for n, node in enumerate(nodes):
        if not found or found[-1]["zone"] != node["zone"]:
            found.append({"zone": node["zone"], "first": n, "last": n, "tasks": {}})
        found[-1]["last"] = n
        for task in node["tasks"]:
            if task["wanted"]:
                counts = found[-1]["tasks"]
                counts[task["service"]] = counts.get(task["service"], 0) + 1
    return found


def amount(value: float, unit: str) -> str:
    """So much of it, as people say it: 512 MiB, 1.5 GiB, 0.25 CPUs."""
    if unit != "memory":
        return f"{value:.4g} CPU{'s' * (value != 1)}" if unit == "cpus" else f"{value:.4g}"
    if value and value < GIB:
        return f"{value / MIB:.4g} MiB"
    return f"{value / GIB:.4g} GiB" if value else "0"
