"""Where copies of secrets and configs are, from the trace alone: a row whenever a machine has more of them, or fewer.

Managers have what they have applied in memory, and what was ever written, sealed, in their log, until a snapshot takes its
place. Other nodes have what they were lent: their agent, and the containers of tasks that use it.
"""

from typing import Any, NamedTuple

from ..events import (
    Applied,
    ConfigStored,
    ContainerExited,
    ContainerRemoved,
    FileDelivered,
    FileWithdrawn,
    MachineCrashed,
    MachineShutDown,
    ObjectRemoved,
    SecretStored,
    SnapshotInstalled,
    SnapshotTaken,
    SwarmLeft,
)

__all__ = ["Held", "copies_held", "held_at"]

SECOND = 1_000_000  # µs
KINDS = ("secret", "config")


class Held(NamedTuple):
    """One copy."""

    place: str  # raft log · raft snapshot · manager memory · agent memory · container memory · container disk
    id: str
    name: str
    kind: str

    @property
    def sealed(self) -> bool:
        return self.place.startswith("raft")


class _Machine:
    """What is known of one machine."""

    def __init__(self) -> None:
        self.applied = self.written = 0  # up to which entry its store goes, and its log
        self.snapshot = (0, 0)  # up to which entry, and where the log begins after it
        self.agent: dict[str, Held] = {}
        self.inside: dict[tuple[str, str], Held] = {}  # (task, id)


class _Fold:
    """The facts so far."""

    def __init__(self) -> None:
        self.entries: list[tuple[int, str, str, str, bool]] = []  # index, kind, id, name; False: taken out
        self.machines: dict[str, _Machine] = {}

    def step(self, source: str, fact: Any) -> bool:
        """One fact; whether it may have changed what its machine has."""
        here = self.machines.setdefault(source, _Machine())
        match fact:
            case SecretStored(index, id, name) | ConfigStored(index, id, name):
                self._write((index, "secret" if isinstance(fact, SecretStored) else "config", id, name, True))
            case ObjectRemoved(index, kind, id) if kind in KINDS:
                self._write((index, kind, id, "", False))
            case Applied(index):
                before = here.applied
                here.applied, here.written = index, max(here.written, index)
                return any(before < entry[0] <= index for entry in self.entries)
            case SnapshotTaken(index, first):
                here.snapshot = (index, first)
            case SnapshotInstalled(index):
                here.snapshot, here.written = (index, index + 1), max(here.written, index)
            case MachineCrashed() | MachineShutDown():
                self._forget(here)
            case SwarmLeft():
                self.machines[source] = _Machine()
            case _:
                return _of_worker(here, fact)
        return True

    def _write(self, entry: tuple[int, str, str, str, bool]) -> None:
        if entry not in self.entries:  # a later leader may tell of it again
            self.entries.append(entry)

    def _forget(self, here: _Machine) -> None:
        """Without power only disks remember."""
        here.applied = 0
        here.agent.clear()
        here.inside = {key: held for key, held in here.inside.items() if held.place == "container disk"}

    def held(self, name: str) -> list[Held]:
        """All copies on one machine."""
        here = self.machines.get(name) or _Machine()
        upto, first = here.snapshot
        logged = [
            (id, name, kind) for index, kind, id, name, put in self.entries if put and first <= index <= here.written
        ]
        kept = [*logged, *self._store(here.applied)] if here.applied else []  # the log is in memory, too
        found = [("raft log", logged), ("raft snapshot", self._store(upto)), ("manager memory", kept)]
        stored = dict.fromkeys(Held(place, *row) for place, rows in found for row in rows)
        return [*stored, *here.agent.values(), *here.inside.values()]

    def _store(self, index: int) -> list[tuple[str, str, str]]:
        """(id, name, kind) of what there is after so many entries."""
        found: dict[str, tuple[str, str, str]] = {}
        for at, kind, id, name, is_there in sorted(self.entries):
            if at <= index and is_there:
                found[id] = (id, name, kind)
            elif at <= index:
                found.pop(id, None)
        return list(found.values())


def _of_worker(here: _Machine, fact: Any) -> bool:
    """What a node was lent, and gave back."""
    match fact:
        case FileDelivered(kind, id, name, ""):
            here.agent[id] = Held("agent memory", id, name, kind)
        case FileDelivered(kind, id, name, task):
            place = "container memory" if kind == "secret" else "container disk"
            here.inside[task, id] = Held(place, id, name, kind)
        case FileWithdrawn(_, id, _):
            here.agent.pop(id, None)
        case ContainerExited(_, task, _) if task:
            here.inside = {
                key: one for key, one in here.inside.items() if key[0] != task or one.place == "container disk"
            }
        case ContainerRemoved(_, task) if task:
            here.inside = {key: one for key, one in here.inside.items() if key[0] != task}
        case _:
            return False
    return True


def held_at(trace: Any, t: float | None = None) -> dict[str, list[Held]]:
    """machine → its copies at `t` seconds, by default at the end; those that have any."""
    fold, until = _Fold(), trace.now if t is None else round(t * SECOND)
    for record in trace.records:
        if record.time > until:
            break
        fold.step(record.source, record.fact)
    found = {name: fold.held(name) for name in fold.machines}
    return {name: copies for name, copies in found.items() if copies}


def copies_held(records: Any) -> list[list]:
    """[time, machine, copies that are sealed, copies in clear, names], one row per change."""
    return Keeping().rows(records)


class Keeping:
    """Who keeps how many copies, for who reads the facts piece by piece."""

    def __init__(self) -> None:
        self._fold = _Fold()
        self._last: dict[str, list] = {}

    def rows(self, records: Any) -> list[list]:
        """What these facts change."""
        rows = list[list]()
        for record in records:
            if not self._fold.step(record.source, record.fact):
                continue
            held = self._fold.held(record.source)
            sealed = sum(copy.sealed for copy in held)
            row = [sealed, len(held) - sealed, list(dict.fromkeys(copy.name for copy in held))]
            if row != self._last.get(record.source, [0, 0, []]):
                self._last[record.source] = row
                rows.append([record.time, record.source, *row])
        return rows
