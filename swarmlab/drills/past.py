"""What a trace says about tasks, services, nodes and requests: the one fold that checks and harm rules read."""

from collections import defaultdict
from typing import Any, NamedTuple

from ..events import (
    FileDelivered,
    GroupChanged,
    LogUnreadable,
    MachineCrashed,
    MachineShutDown,
    MachineStarted,
    NodeStored,
    ObjectRemoved,
    ProbeEnded,
    ServiceStored,
    TaskProgressed,
    TaskStored,
)

SECOND = 1_000_000  # µs
END = 1 << 62
RUNNING = "running"
WISHED = ("running", "ready")  # desired states of a task that is to run


class Life(NamedTuple):
    """A task whose process truly ran, from when to when, µs."""

    task: str
    service: str
    slot: int
    machine: str
    began: int
    ended: int  # END while it runs
    ender: int = -1  # the number of the fact that ended it


class Past:
    """All that has happened, folded once."""

    def __init__(self, trace: Any):
        self.trace, self.now = trace, trace.now
        self.tasks: dict[str, list[tuple[int, TaskStored]]] = defaultdict(list)
        self.services: dict[str, list[tuple[int, ServiceStored]]] = defaultdict(list)
        self.nodes: dict[str, list[tuple[int, NodeStored]]] = defaultdict(list)
        self.removed: dict[tuple[str, str], int] = {}  # (kind, id) → when
        self.groups: list[tuple[int, tuple]] = []  # who has a vote
        self.states: dict[str, list[tuple[int, bool]]] = defaultdict(list)  # of machines: whether they work
        self.probes: dict[str, list[tuple[int, bool]]] = defaultdict(list)  # by task
        self.files: list[tuple[int, str, FileDelivered]] = []
        self.lives: list[Life] = []
        self._open: dict[str, Life] = {}
        for record in trace.records:
            self._fold(record)
        self.lives += self._open.values()

    def _fold(self, record: Any) -> None:
        time, source, fact = record.time, record.source, record.fact
        match fact:
            case TaskProgressed():
                self._progress(record, fact)
            case TaskStored():
                self.tasks[fact.id].append((time, fact))
            case ProbeEnded():
                self.probes[fact.task].append((time, fact.code == 0))
            case ServiceStored():
                self.services[fact.id].append((time, fact))
            case NodeStored():
                self.nodes[fact.id].append((time, fact))
            case ObjectRemoved():
                self.removed[fact.kind, fact.id] = time
            case GroupChanged():
                self.groups.append((time, fact.voters))
            case FileDelivered():
                self.files.append((time, source, fact))
            case MachineStarted():
                self.states[source].append((time, True))
            case MachineCrashed() | MachineShutDown():
                self.states[source].append((time, False))
                for life in [life for life in self._open.values() if life.machine == source]:
                    self._end(life, record)
            case LogUnreadable():
                self.states[source].append((time, False))

    def _progress(self, record: Any, fact: TaskProgressed) -> None:
        if fact.task in self._open:
            if fact.state != RUNNING:
                self._end(self._open[fact.task], record)
        elif fact.state == RUNNING:
            self._open[fact.task] = Life(fact.task, fact.service, fact.slot, record.source, record.time, END)

    def _end(self, life: Life, record: Any) -> None:
        self.lives.append(life._replace(ended=record.time, ender=record.number))
        del self._open[life.task]

    # ── what was so, and when ────────────────────────────────────────────────────────────────────────────────────

    def service(self, name: str) -> str:
        """The id of the newest service of this name; '' if there never was one."""
        found = [(rows[-1][0], id) for id, rows in self.services.items() if rows[-1][1].name == name]
        return max(found)[1] if found else ""

    def spans(self, name: str, image: str = "", on: tuple[str, ...] = ()) -> list[tuple[int, int]]:
        """From when to when each task of a service was as it should be: its process ran, the managers wanted it and knew
        that it runs, and it is of this image, on one of these machines."""
        found = []
        for life in self.lives:
            if life.service == name and (not on or life.machine in on):
                found += [_both(life, span) for span in self._known(life.task, image)]
        return [(begin, end) for begin, end in found if begin < end]

    def _known(self, task: str, image: str) -> list[tuple[int, int]]:
        """When the managers had it written down that this task runs, and shall run."""
        rows = self.tasks.get(task, [])
        spans, ends = [], [*(time for time, _ in rows[1:]), self.removed.get(("task", task), END)]
        for (begin, fact), end in zip(rows, ends, strict=True):
            if fact.state == RUNNING and fact.desired in WISHED and image in ("", fact.image.partition("@")[0]):
                spans.append((begin, end))
        return spans

    def made_of(self, task: str, image: str) -> bool:
        """Whether a task is of this image; '': of whichever."""
        rows = self.tasks.get(task, [])
        return not image or (bool(rows) and rows[-1][1].image.partition("@")[0] == image)

    def works(self, machine: str) -> bool:
        """Whether a machine runs now (and could read its log)."""
        return bool(self.states[machine]) and self.states[machine][-1][1]

    def members(self, machine: str) -> list[tuple[str, list[tuple[int, NodeStored]]]]:
        """The nodes that a machine has been, oldest first: (id, what was written of it)."""
        return [(id, rows) for id, rows in self.nodes.items() if rows[-1][1].machine == machine]


def _both(life: Life, span: tuple[int, int]) -> tuple[int, int]:
    return max(life.began, span[0]), min(life.ended, span[1])


def held_since(spans: list[tuple[int, int]], least: int, now: int) -> int | None:
    """Since when, without a break until now, at least so many of these spans were open; None if they are not."""
    if least <= 0:
        return 0
    moves = sorted([(begin, 1) for begin, _ in spans if begin <= now] + [(end, -1) for _, end in spans if end <= now])
    count, since = 0, None
    for place, (time, step) in enumerate(moves):
        count += step
        if place + 1 < len(moves) and moves[place + 1][0] == time:
            continue  # what happens at one instant counts together
        if count < least:
            since = None
        elif since is None:
            since = time
    return since


def count_now(spans: list[tuple[int, int]], now: int) -> int:
    """How many of these spans are open."""
    return sum(begin <= now < end for begin, end in spans)
