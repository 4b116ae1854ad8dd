"""Where a secret or config is: every copy in the cluster, in the clear or sealed, on disk or in memory [swarm.md §16].

Managers have all of them, in the log and in the store; the memory of an agent has what a task on its node needs, and so
has the task's container.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from .objects import Config, Put, Secret, Transaction

FILES: dict[type, str] = {Secret: "secret", Config: "config"}


class Copy(NamedTuple):
    """One copy. `key` says what opens a sealed one: `beside it`, in the key file on the same disk, or `unlock key`."""

    machine: str
    place: str  # raft log · raft snapshot · manager memory · agent memory · container memory · container disk
    on: str  # disk · memory
    sealed: bool
    key: str  # '' where nothing is sealed
    kind: str  # secret · config
    name: str
    id: str
    task: str = ""  # id of the task whose container it is
    entry: int = 0  # its index, or the last one of the snapshot


class Copies(tuple):
    """Copies, in the order of the machines. Prints as a table."""

    def __repr__(self) -> str:
        head = ("MACHINE", "PLACE", "ON", "SEALED", "OPENS WITH", "NAME", "TASK")
        rows = [
            head,
            *((c.machine, c.place, c.on, "sealed" if c.sealed else "clear", c.key, c.name, c.task) for c in self),
        ]
        widths = [max(len(row[n]) for row in rows) for n in range(len(head))]
        return "\n".join("   ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def copies(machines: Iterable[Any], wanted: str) -> Copies:
    """All copies of what has this name or id, also of what was removed and is still in some log."""
    return Copies(copy for machine in machines for copy in _in(machine) if wanted in (copy.name, copy.id))


def _in(machine: Any) -> Iterator[Copy]:
    """All copies of all secrets and configs in one machine."""
    yield from _on_disk(machine)
    if "agent" in machine.seats:  # else it is off, or nobody's node
        yield from _in_memory(machine)


def _on_disk(machine: Any) -> Iterator[Copy]:
    """In the log and the snapshot of a manager, and in containers, running or not."""
    yield from _in_log(machine)
    for name, box in machine.disk("executor").values.items():
        for one in box.files if name.startswith("box ") else ():
            if one.data:
                task = box.container.task
                yield Copy(machine.name, "container disk", "disk", False, "", one.kind, one.name, one.id, task)


def _in_log(machine: Any) -> Iterator[Copy]:
    file = machine.disk("engine").values.get("keyfile")
    key = "unlock key" if file and file.sealed else "beside it"
    raft = machine.disk("raft")
    if not raft.values.get("member"):
        return
    snapshot = raft.values.get("snapshot")
    for object in _stored(snapshot.state.tables) if snapshot else ():
        yield _copy(machine, "raft snapshot", object, sealed=True, key=key, entry=snapshot.index)
    for entry in raft.log:
        for object in _written(entry):
            yield _copy(machine, "raft log", object, sealed=True, key=key, entry=entry.index)


def _in_memory(machine: Any) -> Iterator[Copy]:
    cores = {name: seat.core for name, seat in machine.seats.items()}
    log, snapshot = cores["raft"].log.entries, cores["raft"].snapshot
    stored = {object.id: object for object in (_stored(snapshot.state.tables) if snapshot else ())}
    stored |= {object.id: object for entry in log for object in _written(entry)}
    stored |= {object.id: object for object in _stored(cores["manager"].store.tables)}
    for object in stored.values():
        yield _copy(machine, "manager memory", object)
    for object in cores["agent"].files.values():
        yield _copy(machine, "agent memory", object)
    for key, files in cores["executor"].memory.items():
        for one in files:
            yield Copy(machine.name, "container memory", "memory", False, "", one.kind, one.name, one.id, key)


def _copy(machine: Any, place: str, object: Any, sealed: bool = False, key: str = "", entry: int = 0) -> Copy:
    on = "disk" if place.startswith("raft") else "memory"
    return Copy(machine.name, place, on, sealed, key, FILES[type(object)], object.spec.name, object.id, entry=entry)


def _stored(tables: Mapping[str, Mapping[str, Any]]) -> Iterator[Any]:
    yield from tables["secret"].values()
    yield from tables["config"].values()


def _written(entry: Any) -> Iterator[Any]:
    """The secrets and configs that an entry of a log holds."""
    transaction = getattr(entry, "data", None)
    for change in transaction.changes if isinstance(transaction, Transaction) else ():
        if isinstance(change, Put) and type(change.object) in FILES:
            yield change.object
