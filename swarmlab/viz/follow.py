"""The rows of `frames`, piece by piece: what a board needs that follows a trace while it grows.

A piece holds what is new. Put together (`grow`), the pieces are what `frames` makes of the whole trace, at any instant;
`static/live.js` puts them together in the browser.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from threading import Lock
from typing import Any

from ..events import (
    MachineAdded,
    MachineCrashed,
    MachineShutDown,
    MachineStarted,
    RequestAnswered,
    RequestFailed,
    RequestForwarded,
    RequestSent,
    RequestServed,
    SwarmJoined,
)
from .frames import (
    applied_in,
    facts_of,
    is_loss,
    machines_of,
    marks_in,
    message_row,
    milestones_of,
    nodes_in,
    outside,
    requests_in,
    rules_of,
    told_in,
    truth_in,
    visitor_of,
)
from .keeps import Keeping
from .outages import running_slots

__all__ = ["Follower", "grow"]

LISTS = ("facts", "log", "applied", "truth", "messages", "requests", "marks", "copies")  # a piece says what follows
VISITS = RequestSent | RequestForwarded | RequestServed | RequestAnswered | RequestFailed
WHOLE = ("end", "machines", "nodes", "rules")  # a piece has all of it, or nothing


class Follower:
    """What is new in a trace since somebody last looked. Messages of the kinds `without` are left out.

    It may look while the trace grows in another thread: what it missed then is new the next time.
    """

    def __init__(self, trace: Any, without: Sequence[str] = ()):
        self.trace, self.without = trace, frozenset(without)
        self.rows: dict[str, Any] = {"version": 1, "start": 0, "end": 0, "machines": [], "nodes": {}, "rules": {}}
        self.rows |= {name: [] for name in LISTS}
        self.looking = Lock()  # held while the rows change
        self._records = self._messages = 0  # seen so far
        self._keep: dict[str, int] = {}  # how many rows of a list are as they were
        self._births: list = []  # the facts that say which machines there are
        self._told: dict[int, tuple] = {}
        self._live: dict[str, dict] = {}
        self._power: dict[str, list] = {}
        self._flying: list[tuple[list, Any]] = []  # messages that may still arrive at a machine without power
        self._visits: tuple[dict, dict, dict] = ({}, {}, {})  # rows, where they go, their places in the list
        self._stops: tuple[dict, dict] = ({}, {})
        self._marks: list[list] = []  # those that are facts themselves
        self._faults: dict[int, list[list]] = {}  # fact → what came of it
        self._open: dict[int, dict] = {}  # fact → the slots that nobody has filled again
        self._keeping = Keeping()
        self.more()

    def more(self) -> dict[str, Any]:
        """What is new: of each list that changed, how many rows stay, and those that follow."""
        with self.looking:
            now = self.trace.now
            facts, messages = len(self.trace.records), len(self.trace.messages)
            records = self.trace.records[self._records : facts]
            sent = self.trace.messages[self._messages : messages]
            before = {name: self.rows[name] for name in WHOLE}
            self._keep = {name: len(self.rows[name]) for name in LISTS}
            was = dict(self._keep)
            self._records, self._messages = facts, messages
            self.rows["end"] = max(now, before["end"], *(record.time for record in records[-1:]))
            self._take(records)
            self._fly(records, sent)
            piece = {name: self.rows[name] for name in WHOLE if self.rows[name] != before[name]}
            for name, keep in self._keep.items():
                if keep < was[name] or len(self.rows[name]) > was[name]:
                    piece[name] = [keep, self.rows[name][keep:]]
            return piece

    def whole(self) -> dict[str, Any]:
        """All rows so far, to be kept: they grow no more."""
        with self.looking:
            return {name: list(rows) if name in LISTS else rows for name, rows in self.rows.items()}

    def _take(self, records: Sequence[Any]) -> None:
        """Facts, each list as `frames` makes it."""
        if not records and self.rows["machines"]:
            return
        self._settle(records)
        kinds = rules_of(records)
        if kinds.keys() - self.rows["rules"].keys():
            self.rows["rules"] = self.rows["rules"] | kinds
        self.rows["facts"] += facts_of(records)
        self.rows["applied"] += applied_in(records)
        self.rows["copies"] += self._keeping.rows(records)
        new = truth_in(records, self._live)
        self.rows["truth"] += new
        told = [self._told_of(row) for row in told_in(records, self._told)]
        if any(row[3] == "node" for row in told):
            self.rows["nodes"] = nodes_in(self.rows["log"])
        self._ask(records)
        self._stop(records, new, told)

    def _settle(self, records: Sequence[Any]) -> None:
        """Machines stand where they stand for good, but new ones come, and bare ones join."""
        births = [record for record in records if isinstance(record.fact, MachineAdded | SwarmJoined)]
        if self.rows["machines"] and not births:
            return
        self._births += births
        is_first = not self.rows["machines"]
        self.rows["machines"] = machines_of(self.trace.settings["machines"], self._births)
        if is_first:
            self.rows["truth"] += outside(self.rows["machines"])

    def _told_of(self, row: list) -> list:
        """A row of the log, put where its index belongs."""
        log = self.rows["log"]
        place = len(log) if not log or log[-1][2] <= row[2] else bisect_right(log, row[2], key=lambda row: row[2])
        log.insert(place, row)
        self._keep["log"] = min(self._keep["log"], place)
        return row

    def _ask(self, records: Sequence[Any]) -> None:
        """Visits: one that goes on is another row in its place."""
        rows, heading, places = self._visits
        requests_in(records, visitor_of(self.rows["machines"]), rows, heading)
        touched = dict.fromkeys(record.fact.request for record in records if isinstance(record.fact, VISITS))
        for number in (number for number in touched if number in rows):
            place = places.setdefault(number, len(places))
            row = [*rows[number][:6], list(rows[number][6])]  # what was given away stays as it was
            self.rows["requests"][place : place + 1] = [row]
            self._keep["requests"] = min(self._keep["requests"], place)

    # ── stops ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _stop(self, records: Sequence[Any], truth: list[list], told: list[list]) -> None:
        """The stops of the time line; a loss has two more, when they have come."""
        marks = marks_in(records, *self._stops)
        new = [number for _, number, *_ in marks if is_loss(self.rows, number)]
        for number in new:
            before = [row for row in self.rows["truth"] if row[1] < number]
            self._open[number] = running_slots(before, self.rows["facts"][number][1])
        touched = [number for number, lost in self._open.items() if number in new or _touches(lost, truth, told)]
        milestones = {number: milestones_of(self.rows, number) for number in touched}
        self._faults |= milestones
        for number in touched:
            if not self._open[number] or len(self._faults[number]) == 2:
                del self._open[number]
        if marks or any(milestones.values()):
            self._marks += marks
            all_of = self._marks + [mark for found in self._faults.values() for mark in found]
            self._replace("marks", sorted(all_of, key=lambda mark: mark[:2]))

    def _replace(self, name: str, rows: list[list]) -> None:
        """Another list, of which as much as possible stays."""
        pairs = zip(self.rows[name], rows, strict=False)
        same = next((n for n, (old, new) in enumerate(pairs) if old != new), min(len(self.rows[name]), len(rows)))
        self._keep[name] = min(self._keep[name], same)
        self.rows[name] = rows

    # ── messages ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _fly(self, records: Sequence[Any], sent: Sequence[Any]) -> None:
        """Messages. A machine that loses power meanwhile kills those that are on their way to it."""
        switched = [r for r in records if isinstance(r.fact, MachineStarted | MachineCrashed | MachineShutDown)]
        for record in switched:
            is_on = isinstance(record.fact, MachineStarted)
            self._power.setdefault(record.source, []).append((record.time, is_on))
        for row, message in self._flying if switched else ():
            fate = message_row(message, self._power.get(message.to, []))[6]
            if fate != row[6]:
                self._change(row, fate)
        for message in sent:
            if message.name not in self.without:
                self._send(message)
        now = self.rows["end"]
        self._flying = [pair for pair in self._flying if pair[1].arrived >= now]

    def _send(self, message: Any) -> None:
        row = message_row(message, self._power.get(message.to, []))
        rows = self.rows["messages"]
        place = len(rows) if not rows or rows[-1][0] <= row[0] else bisect_right(rows, row[0], key=lambda row: row[0])
        rows.insert(place, row)
        self._keep["messages"] = min(self._keep["messages"], place)
        self._flying.append((row, message))

    def _change(self, row: list, fate: str) -> None:
        rows = self.rows["messages"]
        place = bisect_left(rows, row[0], key=lambda row: row[0])
        while rows[place] is not row:
            place += 1
        row[6] = fate
        self._keep["messages"] = min(self._keep["messages"], place)


def _touches(lost: dict, truth: list[list], told: list[list]) -> bool:
    """Whether something happened to one of these slots."""
    runs = ((run["service"], run["slot"]) for *_, key, run in truth if key.startswith("run/") and run)
    tasks = ((f["name"].rpartition(".")[0], f["slot"]) for *_, kind, _, f in told if kind == "task" and f)
    return any(slot in lost for pair in (runs, tasks) for slot in pair)


def grow(rows: dict[str, Any], piece: dict[str, Any]) -> dict[str, Any]:
    """Rows, with a piece added."""
    longer = {name: rows[name][: piece[name][0]] + piece[name][1] for name in LISTS if name in piece}
    return {**rows, **piece, **longer}
