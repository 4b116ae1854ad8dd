"""The world at any instant, in truth or as one node believes it: a pure fold over the rows of `frames`.

`static/player.js` folds the same rows in the browser; a test holds both to the same answer.
"""

from bisect import bisect_right

LIVE = ("assigned", "accepted", "preparing", "ready", "starting", "running")  # a container is there, or will be
WAITING = ("new", "pending", "assigned")  # no worker has heard of the task yet
ENDED = ("complete", "shutdown", "failed", "rejected", "remove", "orphaned")
OUT = ("down", "frozen", "off")  # how a machine looks that does not work
KINDS = ("cluster", "node", "service", "task", "network", "secret", "config")


def world_at(frames: dict, t: int, lens: str = "truth") -> dict:
    """The whole board at `t` µs. `lens` is `truth` (what runs, against the newest committed wish), a manager (the store
    as far as it has applied it) or a worker (its tables of peers and of tasks that it may send requests to)."""
    truth, applied = _truth_at(frames, t), _applied_at(frames, t)
    newest = _store_at(frames, applied[""])
    real, leader = _true_cells(frames, truth, newest), _leader(frames, truth)
    is_manager = _is_manager(frames, applied, lens)
    index = applied[""] if lens == "truth" else applied.get(lens, 0)
    if lens == "truth":
        store, cells, seen = newest, real, _seen_in_truth(frames, truth, newest, leader)
    elif is_manager:
        store = _store_at(frames, index)
        cells = _compared(_stored_cells(frames, store), real)
        seen = _seen_by_manager(frames, truth, store, newest, lens, leader)
    else:
        store, cells = _store_at(frames, 0), _compared(_table_cells(truth, newest, real, lens), real)
        seen = _seen_by_worker(frames, truth, lens)
    hidden = _hidden(cells, real) if is_manager and index else []
    return {
        "time": t,
        "lens": lens,
        "index": index,
        "leader": leader,
        "cuts": [value for key, value in truth.get("world", {}).items() if key.startswith("cut/")],
        "machines": [_board_row(m["name"], seen, cells, hidden, truth, applied, lens) for m in frames["machines"]],
        "tray": [cell for cell in cells if not cell["machine"]],
        "services": _services(store, cells, real, lens),
    }


def summary(world: dict) -> str:
    """The board in one sentence, for those who do not see it."""
    tenths = world["time"] // 100_000
    leads = next((m for m in world["machines"] if m["role"] == "leader" and m["name"] == world["leader"]), None)
    who = f"{leads['name']} leads, term {leads['term']}" if leads else "nobody leads"
    wanted = sum(s["wanted"] for s in world["services"])
    filled = sum(s["filled"] for s in world["services"])
    names = {looks: ", ".join(m["name"] for m in world["machines"] if m["looks"] == looks) for looks in OUT}
    believer = "" if world["lens"] == "truth" else f", as {world['lens']} sees it"
    lost = ", ".join(f"{machines} {looks}" for looks, machines in names.items() if machines) or "nothing down"
    return f"t={tenths // 10}.{tenths % 10} s{believer}: {who}; {filled} of {wanted} tasks run; {lost}"


def _truth_at(frames: dict, t: int) -> dict[str, dict]:
    """machine → key → value at this instant."""
    truth: dict[str, dict] = {}
    for time, _, machine, key, value in frames["truth"]:
        if time > t:
            break
        if value is None:
            truth.setdefault(machine, {}).pop(key, None)
        else:
            truth.setdefault(machine, {})[key] = value
    return truth


def _applied_at(frames: dict, t: int) -> dict[str, int]:
    """How far each manager had applied the log, and under '' the furthest that anyone ever had."""
    applied = {"": 0}
    for time, machine, index in frames["applied"]:
        if time > t:
            break
        applied[machine] = index
        applied[""] = max(applied[""], index)
    return applied


def _store_at(frames: dict, index: int) -> dict[str, dict]:
    """The store of anyone who has applied the log up to this index: kind → id → fields."""
    store: dict[str, dict] = {kind: {} for kind in KINDS}
    log = frames["log"]
    for _, _, _, kind, key, fields in log[: bisect_right(log, index, key=lambda row: row[2])]:
        if fields is None:
            store[kind].pop(key, None)
        else:
            store[kind][key] = fields
    return store


def _is_manager(frames: dict, applied: dict, name: str) -> bool:
    return applied.get(name, 0) > 0 or any(m["name"] == name and m["row"] == "manager" for m in frames["machines"])


def _leader(frames: dict, truth: dict) -> str:
    """The running machine that leads in the highest term, or ''."""
    best, term = "", 0
    for machine in frames["machines"]:
        now = truth.get(machine["name"], {})
        if now.get("up") == "up" and now.get("role") == "leader" and now.get("term", 0) > term:
            best, term = machine["name"], now["term"]
    return best


# ── cells: what should run, and what does ────────────────────────────────────────────────────────────────────────


def _cell(task: str, name: str, slot: int, machine: str, wish: str, fact: str, err: str) -> dict:
    """One task on the board: its outline is the wish, its filling is the fact."""
    service = name.rpartition(".")[0] or name
    row = {"task": task, "name": name, "service": service, "slot": slot, "machine": machine}
    return row | {"wish": wish, "fact": fact, "err": err, "old": False, "wrong": False}


def _stored_cells(frames: dict, store: dict) -> list[dict]:
    """The tasks of a store, as whoever has it believes."""
    cells = [
        _cell(
            key,
            task["name"],
            task["slot"],
            frames["nodes"].get(task["node"], ""),
            task["desired"],
            task["state"],
            task["err"],
        )
        for key, task in store["task"].items()
    ]
    return _with_old(cells)


def _true_cells(frames: dict, truth: dict, store: dict) -> list[dict]:
    """What truly runs against the newest committed wish; then what runs although nobody wants it."""
    runs = {}
    for machine in frames["machines"]:
        for key, value in truth.get(machine["name"], {}).items():
            if key.startswith("run/"):
                runs[key[4:]] = (machine["name"], value)
    cells = _stored_cells(frames, store)
    for cell in cells:
        machine, run = runs.pop(cell["task"], ("", None))
        if run:
            cell.update(machine=machine, fact=run["state"], err=run["err"])
        elif cell["fact"] not in WAITING and cell["fact"] not in ENDED:
            cell["fact"] = "gone"
    for task, (machine, run) in runs.items():
        if run["state"] in LIVE:
            name = f"{run['service']}.{run['slot'] or task}"
            cells.append(_cell(task, name, run["slot"], machine, "", run["state"], run["err"]) | {"wrong": True})
    return _with_old(cells)


def _with_old(cells: list[dict]) -> list[dict]:
    """Marks tasks that ended and have a successor in their slot: history, drawn small."""
    newest = {_slot(cell): cell["task"] for cell in cells}
    for cell in cells:
        ended = cell["wish"] in ENDED and cell["fact"] not in LIVE
        cell["old"] = ended and newest[_slot(cell)] != cell["task"]
    return cells


def _slot(cell: dict) -> tuple:
    """What a task fills: a slot of its service, or the service's place on a node."""
    return cell["service"], cell["slot"] or cell["machine"]


def _table_cells(truth: dict, newest: dict, real: list[dict], lens: str) -> list[dict]:
    """What a worker knows: its own tasks, and those its load balancer may send requests to."""
    cells = [dict(cell) for cell in real if cell["machine"] == lens]
    own = {cell["task"] for cell in cells}
    for key, value in truth.get(lens, {}).items():
        task = key[8:]
        if key.startswith("backend/") and task not in own:
            known = newest["task"].get(task, {"name": value["service"], "slot": 0})
            cells.append(_cell(task, known["name"], known["slot"], value["machine"], "running", "running", ""))
    return cells


def _compared(cells: list[dict], real: list[dict]) -> list[dict]:
    """Belief against truth: a cell is wrong where the state differs."""
    facts = {cell["task"]: cell["fact"] for cell in real}
    for cell in cells:
        cell["wrong"] = cell["wrong"] or facts.get(cell["task"]) != cell["fact"]
    return cells


# ── nodes: who is there, and who leads ───────────────────────────────────────────────────────────────────────────

UNSEEN = {"looks": "unknown", "role": "", "term": 0, "availability": "", "state": "", "wrong": False}


def _nodes_of(store: dict) -> dict[str, dict]:
    """machine → its newest node object."""
    return {node["machine"]: node for node in store["node"].values()}


def _seen_in_truth(frames: dict, truth: dict, newest: dict, leader: str) -> dict[str, dict]:
    """Each machine as it is. A leader whose term is over is wrong about itself."""
    nodes = _nodes_of(newest)
    seen = {}
    for machine in frames["machines"]:
        name = machine["name"]
        now, node = truth.get(name, {}), nodes.get(name, UNSEEN)
        role = now.get("role", "")
        seen[name] = {
            "looks": now.get("up", "off"),
            "role": role,
            "term": now.get("term", 0),
            "availability": node["availability"],
            "state": node["state"],
            "wrong": role == "leader" and leader not in ("", name),
        }
    return seen


def _seen_by_manager(frames: dict, truth: dict, store: dict, newest: dict, lens: str, leader: str) -> dict[str, dict]:
    """Each machine as this manager's store has it."""
    nodes, known = _nodes_of(store), _nodes_of(newest)
    seen = {m["name"]: UNSEEN for m in frames["machines"]}
    if not _awake(truth, lens):
        return seen
    for name in seen:
        node = nodes.get(name)
        seen[name] = _node_seen(truth, node, name, lens, leader) if node else UNSEEN | {"wrong": name in known}
    return seen


def _node_seen(truth: dict, node: dict, name: str, lens: str, leader: str) -> dict:
    """One node as a manager believes it, led by whom it holds for the leader."""
    me, is_manager = truth.get(lens, {}), node["role"] == "manager"
    mine = me.get("role", "") if name == lens else "follower"
    role = "" if not is_manager else "leader" if me.get("leader") == name else mine
    looks = {"ready": "up", "down": "down", "disconnected": "down"}.get(node["state"], "unknown")
    is_up = truth.get(name, {}).get("up") == "up"
    return {
        "looks": looks,
        "role": role,
        "term": me.get("term", 0) if is_manager and (name == lens or role == "leader") else 0,
        "availability": node["availability"],
        "state": node["state"],
        "wrong": looks != "unknown" and ((looks == "up") != is_up or (role == "leader" and name != leader)),
    }


def _awake(truth: dict, name: str) -> bool:
    """Whether the machine has a memory to believe something with; a frozen one has."""
    return truth.get(name, {}).get("up") in ("up", "frozen")


def _seen_by_worker(frames: dict, truth: dict, lens: str) -> dict[str, dict]:
    """Each machine as the gossip that reached this node has it."""
    seen = {m["name"]: UNSEEN for m in frames["machines"]}
    if not _awake(truth, lens):
        return seen
    for name in seen:
        state = "alive" if name == lens else truth[lens].get(f"peer/{name}", "")
        looks = {"alive": "up", "suspect": "suspect", "failed": "down"}.get(state, "unknown")
        is_up = truth.get(name, {}).get("up") == "up"
        seen[name] = UNSEEN | {
            "looks": looks,
            "state": state,
            "wrong": looks != "unknown" and (looks != "down") != is_up,
        }
    return seen


def _hidden(cells: list[dict], real: list[dict]) -> list[str]:
    """The machines of the tasks that run without this believer knowing."""
    believed = {cell["task"] for cell in cells}
    return [cell["machine"] for cell in real if cell["fact"] in LIVE and cell["task"] not in believed]


def _board_row(name: str, seen: dict, cells: list, hidden: list, truth: dict, applied: dict, lens: str) -> dict:
    """One machine with everything on it."""
    now = truth.get(name, {})
    here = lens in ("truth", name)
    return {
        "name": name,
        **seen[name],
        "swarm": now.get("swarm", ""),
        "applied": applied.get(name, 0),
        "blocked": [key[8:] for key in now if key.startswith("blocked/")] if here else [],
        "cells": [cell for cell in cells if cell["machine"] == name],
        "plain": [{"container": k[6:], **v} for k, v in now.items() if k.startswith("plain/")] if here else [],
        "hidden": hidden.count(name),
    }


def _services(store: dict, cells: list[dict], real: list[dict], lens: str) -> list[dict]:
    """Each service with how many tasks it should have and has; wrong where the truth has another number."""
    modes = {service["name"]: service for service in store["service"].values()}
    names = modes or dict.fromkeys(cell["service"] for cell in cells)
    rows = []
    for name in names:
        wanted = [c for c in cells if c["service"] == name and c["wish"] == "running"]
        filled = sum(c["fact"] == "running" for c in wanted)
        truly = sum(c["service"] == name and c["wish"] == c["fact"] == "running" for c in real)
        service = modes.get(name, {"mode": "", "replicas": 0})
        slots = service["replicas"] if service["mode"].startswith("replicated") else len(wanted)
        wrong = lens != "truth" and bool(modes) and filled != truly
        rows.append({"service": name, "mode": service["mode"], "wanted": slots, "filled": filled, "wrong": wrong})
    return rows
