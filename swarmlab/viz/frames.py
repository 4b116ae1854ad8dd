"""The trace as plain rows, from which every picture is drawn; and, for all who look back, the world at any instant.

Two lists are folded. The committed log is one list of what the managers wrote down: what any of them believes is only
a position in it. What truly happened on each machine is the other list, folded by time. The gap between the two is
what the board shows.
"""

from bisect import bisect_left
from collections.abc import Iterator
from typing import Any

from ..events import (
    ApplicationTurned,
    Applied,
    BackendAdded,
    BackendRemoved,
    BecameCandidate,
    BecameFollower,
    BecameLeader,
    BecamePreCandidate,
    ContainerCreated,
    ContainerExited,
    ContainerRemoved,
    ContainerStarted,
    Healed,
    HeartbeatsMissed,
    LeaderRecognised,
    MachineAdded,
    MachineCrashed,
    MachineFrozen,
    MachineShutDown,
    MachineStarted,
    MachineThawed,
    NodeStored,
    ObjectRemoved,
    Partitioned,
    PeerFailed,
    PeerJoined,
    PeerSuspected,
    PortBlocked,
    PortUnblocked,
    RequestAnswered,
    RequestFailed,
    RequestForwarded,
    RequestSent,
    RequestServed,
    SessionOpened,
    SteppedDown,
    SwarmJoined,
    SwarmLeft,
    TaskProgressed,
    VoteGranted,
)
from .instant import summary, world_at
from .keeps import copies_held
from .outages import outage_row, rack_row
from .words import MARKS, text_of

__all__ = ["frames", "outage", "summary", "world_at"]

VOLATILE = ("role", "leader", "run/", "plain/", "mood/", "backend/", "peer/", "missed/")  # what a crash wipes out
SWARM = ("role", "leader", "run/", "backend/", "peer/", "missed/")  # what goes when a machine leaves the swarm


def frames(trace) -> dict:
    """The whole trace as plain rows: all that a picture needs, ready for JSON. Times are µs, `fact` is a record's number."""
    machines = machines_of(trace.settings["machines"], trace.records)
    log = _log(trace.records)
    rows = {
        "version": 1,
        "start": 0,
        "end": trace.now,
        "machines": machines,
        "nodes": nodes_in(log),
        "rules": rules_of(trace.records),
        "facts": facts_of(trace.records),
        "log": log,
        "applied": applied_in(trace.records),
        "truth": outside(machines) + truth_in(trace.records, {}),
        "messages": _messages(trace),
        "requests": list(requests_in(trace.records, visitor_of(machines), {}, {}).values()),
        "marks": marks_in(trace.records, {}, {}),
        "copies": copies_held(trace.records),
    }
    faults = [number for _, number, *_ in rows["marks"] if is_loss(rows, number)]
    milestones = [mark for number in faults for mark in milestones_of(rows, number)]
    rows["marks"] = sorted(rows["marks"] + milestones, key=lambda mark: mark[:2])
    return rows


def facts_of(records) -> list[list]:
    """Each fact in words."""
    return [[r.time, r.source, r.cause, type(r.fact).__name__, text_of(r.fact)] for r in records]


def nodes_in(log: list[list]) -> dict[str, str]:
    """The machine of each node that ever was."""
    return {row[4]: row[5]["machine"] for row in log if row[3] == "node" and row[5]}


def _plain(value: Any) -> Any:
    """Tuples as lists, all the way down: JSON knows no tuples."""
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value


def outage(trace_or_frames, fault, of: str = "") -> dict:
    """What followed a fault, as four instants in µs: fault, noticed, decided, healed; None where one did not come.

    `fault` is the record, or its number; several of them, as of a lost rack, are one outage. `of` is `leader` (noticed:
    somebody asks for votes; decided: a new leader; healed: it has applied a new entry, so one can write again) or
    `work` (noticed: the node counts as down; decided: the first replacement is stored; healed: every slot that ran
    there runs again). By default what the victim was. A container that was removed or ended, or the command that did
    it, is the outage of its one task (noticed: the managers know that it ended; decided: its successor is stored).
    """
    rows = trace_or_frames if isinstance(trace_or_frames, dict) else frames(trace_or_frames)
    if isinstance(fault, list):
        return rack_row(rows, [each if isinstance(each, int) else each.number for each in fault], of)
    return outage_row(rows, fault if isinstance(fault, int) else fault.number, of)


def rules_of(records) -> dict[str, str]:
    """The sentence behind each kind of fact that occurs."""
    kinds = dict.fromkeys(type(record.fact) for record in records)
    return {kind.__name__: (kind.__doc__ or "").strip().partition("\n")[0] for kind in kinds}


def machines_of(listed, records) -> list[dict]:
    """Every machine that ever was, with the row of the board on which it stays. Bare ones stand where they first join."""
    machines = {row["name"]: dict(row) for row in listed}
    joined: dict[str, str] = {}
    for record in records:
        if isinstance(record.fact, MachineAdded) and record.source not in machines:
            cpus, memory, zone = record.fact
            machines[record.source] = {"role": "bare", "zone": zone, "cpus": cpus, "memory": memory}
        if isinstance(record.fact, SwarmJoined):
            joined.setdefault(record.source, record.fact.role)
    return [_machine(name, row, joined.get(name, "worker")) for name, row in machines.items()]


def _machine(name: str, row: dict, joined: str) -> dict:
    role = row.get("role", "bare")
    place = {"name": name, "role": role, "row": joined if role == "bare" else role, "zone": row.get("zone", "")}
    return place | {"cpus": row.get("cpus", 0), "memory": row.get("memory", 0)}


def _log(records) -> list[list]:
    """What the store was told, in the order of the log. A later leader may note an entry again: the first telling counts."""
    return sorted(told_in(records, {}), key=lambda row: row[2])


def told_in(records, told: dict[int, tuple]) -> list[list]:
    """What the store was told, in the order in which it was. `told` says who told of an entry first."""
    rows: list[list] = []
    for record in records:
        name = type(record.fact).__name__
        row: list[Any]
        if isinstance(record.fact, ObjectRemoved):
            row = [record.fact.kind, record.fact.id, None]
        elif name.endswith("Stored"):
            fields = {key: _plain(value) for key, value in record.fact._asdict().items()}
            row = [name.removesuffix("Stored").lower(), fields.pop("id"), fields]
            del fields["index"]
        else:
            continue
        if told.setdefault(record.fact.index, (record.time, record.source)) == (record.time, record.source):
            rows.append([record.time, record.number, record.fact.index, *row])
    return rows


def applied_in(records) -> list[list]:
    """How far each manager's copy of the store goes. It is in memory: a crash takes it back to nothing."""
    rows = []
    for record in records:
        if isinstance(record.fact, MachineCrashed | MachineShutDown | SwarmLeft):
            rows.append([record.time, record.source, 0])
        elif isinstance(record.fact, Applied | ObjectRemoved) or type(record.fact).__name__.endswith("Stored"):
            rows.append([record.time, record.source, record.fact.index])
    return rows


def outside(machines: list[dict]) -> list[list]:
    """What belongs to nobody's swarm was always there."""
    return [[0, -1, m["name"], "up", "up"] for m in machines if m["role"] == "outside"]


def truth_in(records, live: dict[str, dict]) -> list[list]:
    """What is so on each machine, change by change. `live` are the keys of each that a crash would wipe out."""
    rows: list[list] = []
    for record in records:
        for machine, key, value in _changes(record, live):
            keys = live.setdefault(machine, {})
            if key.startswith("plain/") and value:
                value = {**(keys.get(key) or {}), **value}  # later facts tell only the new state
            rows.append([record.time, record.number, machine, key, value])
            keys[key] = value
    return rows


def _changes(record, live) -> Iterator[tuple]:
    """One fact as (machine, key, value) rows."""
    at, fact = record.source, record.fact
    match fact:
        case MachineCrashed() | MachineShutDown():
            yield at, "up", "down" if isinstance(fact, MachineCrashed) else "off"
            yield from _wiped(at, live.get(at, {}), VOLATILE)
        case SwarmLeft():
            yield at, "swarm", ""
            yield from _wiped(at, live.get(at, {}), SWARM)
        case Partitioned(groups, one_way):
            yield "world", f"cut/{record.number}", {"groups": _plain(groups), "one_way": one_way}
        case Healed():
            yield from _wiped("world", live.get("world", {}), ("cut/",))
        case BecameLeader(term):
            yield from ((at, "role", "leader"), (at, "term", term), (at, "leader", at))
        case _:
            for key, value in _about_itself(fact):
                yield at, key, value


def _wiped(machine: str, keys: dict, prefixes: tuple) -> list[tuple]:
    """Rows that end everything which begins like this."""
    return [(machine, key, None) for key, value in keys.items() if value is not None and key.startswith(prefixes)]


def _about_itself(fact) -> tuple:
    """What a fact says about the machine on which it happened, as (key, value) pairs."""
    match fact:
        case MachineStarted() | MachineThawed():
            return (("up", "up"),)
        case MachineFrozen():
            return (("up", "frozen"),)
        case PortBlocked(port):
            return ((f"blocked/{port}", True),)
        case PortUnblocked(port):
            return ((f"blocked/{port}", None),)
        case BecameFollower(term) | SteppedDown(term):
            return ("role", "follower"), ("term", term), ("leader", "")
        case BecamePreCandidate(term):
            return ("role", "precandidate"), ("term", term), ("leader", "")
        case BecameCandidate(term):
            return ("role", "candidate"), ("term", term), ("leader", "")
        case LeaderRecognised(term, leader):
            return ("term", term), ("leader", leader)
        case VoteGranted(term):
            return (("term", term),)
        case SwarmJoined(node):
            return (("swarm", node),)
        case SessionOpened(machine):
            return ((f"missed/{machine}", None),)
        case HeartbeatsMissed(machine, last):
            return ((f"missed/{machine}", last),)
        case TaskProgressed(task, service, slot, state, err):
            return ((f"run/{task}", {"service": service, "slot": slot, "state": state, "err": err}),)
        case ContainerCreated(container, name, image, ""):
            return ((f"plain/{container}", {"name": name, "image": image, "state": "created"}),)
        case ContainerStarted(container, ""):
            return ((f"plain/{container}", {"state": "running"}),)
        case ContainerExited(container, "", _):
            return ((f"plain/{container}", {"state": "exited"}),)
        case ContainerRemoved(container, task):
            return ((f"run/{task}" if task else f"plain/{container}", None),)
        case ApplicationTurned(container, task, mood):
            return ((f"mood/{task or container}", mood),)
        case PeerJoined(machine):
            return ((f"peer/{machine}", "alive"),)
        case PeerSuspected(machine):
            return ((f"peer/{machine}", "suspect"),)
        case PeerFailed(machine):
            return ((f"peer/{machine}", "failed"),)
        case BackendAdded(service, task, machine):
            return ((f"backend/{task}", {"service": service, "machine": machine}),)
        case BackendRemoved(_, task, _):
            return ((f"backend/{task}", None),)
    return ()


def _messages(trace) -> list[list]:
    """Every message and its fate. One that reached a machine without power was delivered, to nobody: it died there."""
    power: dict[str, list] = {}  # when each machine was switched on or off
    for record in trace.records:
        if isinstance(record.fact, MachineStarted | MachineCrashed | MachineShutDown):
            power.setdefault(record.source, []).append((record.time, isinstance(record.fact, MachineStarted)))
    return sorted((message_row(m, power.get(m.to, [])) for m in trace.messages), key=lambda row: row[0])


def message_row(m, switched: list) -> list:
    """One message: [sent, arrived, from, to, channel, name, fate, cause]. `switched` is when its receiver was."""
    seen = bisect_left(switched, (m.arrived, False))
    dead = m.arrived >= 0 and not m.fate and seen > 0 and not switched[seen - 1][1]
    return [m.sent, m.arrived, m.sender, m.to, m.channel, m.name, "down" if dead else m.fate, m.cause]


def visitor_of(machines: list[dict]) -> str:
    """Who asks for pages."""
    return next((m["name"] for m in machines if m["role"] == "outside"), "world")


def requests_in(records, visitor: str, rows: dict[int, list], heading: dict[int, str]) -> dict[int, list]:
    """One row per visit: [number, its last fact, url, task, status, error, stops], a stop being [time, machine]. `rows`
    are those so far, `heading` where a request is under way to."""
    for record in records:
        at = visitor if record.source == "world" else record.source
        match record.fact:
            case RequestSent(number, url, to):
                rows[number] = [number, record.number, url, "", 0, "", [[record.time, at]]]
                heading[number] = to
                continue
            case RequestForwarded(number, task, to) if number in rows:
                rows[number][3], heading[number] = task, to
            case RequestServed(number, task) if number in rows:
                rows[number][3] = task
            case RequestAnswered(number, status, task, _) if number in rows:
                rows[number][3:5], at = [task, status], visitor
            case RequestFailed(number, error) if number in rows:
                rows[number][5], at = error, heading[number]
            case _:
                continue
        rows[number][1] = record.number
        rows[number][6].append([record.time, at])
    return rows


def marks_in(records, lost: dict[str, bool], off: dict[str, bool]) -> list[list]:
    """The events worth a stop: [time, fact, kind, label]. `lost` are nodes that the store holds for down, `off` are
    machines without power."""
    marks: list[list] = []
    for record in records:
        kind = MARKS.get(type(record.fact).__name__, "")
        match record.fact:
            case HeartbeatsMissed():
                lost[record.fact.machine] = True
            case NodeStored():
                kind = _turned(lost, record.fact.machine, record.fact.state == "down", "down")
            case TaskProgressed(state="failed" | "rejected"):
                kind = "task"
            case MachineCrashed() | MachineShutDown():
                off[record.source] = True
            case MachineStarted():
                kind = _turned(off, record.source, False, "")
        if kind:
            marks.append([record.time, record.number, kind, f"{record.source} {text_of(record.fact)}"])
    return marks


def is_loss(rows: dict, number: int) -> bool:
    """Whether this fact is the end of a machine, for now."""
    return rows["facts"][number][3] in ("MachineCrashed", "MachineShutDown")


def milestones_of(rows: dict, number: int) -> list[list]:
    """Two more stops for a machine that died with tasks on it: somebody decided, and everything runs again."""
    marks = []
    row = outage_row(rows, number, "work")
    for name, kind, said in (("decided", "TaskStored", "has new tasks"), ("healed", "TaskProgressed", "runs again")):
        told = (n for n, f in enumerate(rows["facts"]) if n > number and f[0] == row[name] and f[3] == kind)
        fact = next(told, None)
        if fact is not None:
            marks.append([row[name], fact, name, f"what ran on {row['machine']} {said}"])
    return marks


def _turned(states: dict, name: str, is_so: bool, word: str) -> str:
    """The word when this has become so, `back` when it no longer is, '' when nothing changed."""
    was, states[name] = states.get(name, False), is_so
    return "" if was == is_so else "back" if was else word
