"""The append-only log of what happened: facts with time, source and cause, and the messages between them.

Facts are always kept, and requests that come by the thousand, a line each. Messages are a second, thicker level that can
be left out; the digest does not cover them, so it is the same at both levels.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from .. import events


class Record(NamedTuple):
    """One fact."""

    number: int
    time: int  # µs
    source: str  # the machine it happened on; 'world' for what people and nature do
    cause: int  # the number of the fact that led to it, -1 for none
    fact: Any

    def __str__(self) -> str:
        because = f" because of #{self.cause}" if self.cause >= 0 else ""
        fields = ", ".join(f"{name}={value!r}" for name, value in zip(self.fact._fields, self.fact, strict=True))
        return same(
            f"{self.time / 1e6:12.6f}  #{self.number}  {self.source}  {type(self.fact).__name__}({fields}){because}"
        )


class MessageRecord(NamedTuple):
    """One message and its fate: '' delivered · lost · cut (partition) · blocked (firewall) · down · duplicate."""

    sent: int  # µs
    arrived: int  # µs, -1 if it never did
    sender: str
    to: str
    channel: str
    name: str  # the type of the message
    fate: str
    cause: int  # the fact that led to it
    after: int  # how many facts there were when it was sent
    brief: tuple = ()  # the little of it that pictures show: the `brief` of its type, if that has one


class RequestRecord(NamedTuple):
    """One request of many, when it was over: in few plain values instead of a fact each. Times are µs, -1 for never."""

    load: str  # the name of the traffic that it belongs to
    number: int  # in the order in which they were asked
    source: str  # the client's address
    node: str  # the machine whose tables chose, '' if none did
    task: str  # id of the task that was chosen, '' if none was
    name: str  # web.1
    machine: str  # on which it runs
    arrived: int  # the client asked
    started: int  # the task began to work on it
    done: int  # the task was done with it
    ended: int  # it was over for the client
    status: int  # 200 answered · 503 unavailable · 0 timed out · -1 refused · -2 reset · -3 name not known
    tries: int
    seen: str  # the address from which the task thinks that it came
    connection: int


class AlarmRecord(NamedTuple):
    """A core set its alarm anew: for a raft node that follows, the end of its election time-out."""

    time: int  # µs
    source: str
    core: str
    deadline: int  # µs; NEVER for none


class Trace:
    """What happened so far. `records` and `messages` only ever grow."""

    def __init__(self, kernel, with_messages: bool = True):
        self.kernel = kernel
        self.records: list[Record] = []
        self.messages: list[MessageRecord] = []
        self.requests: list[RequestRecord] = []  # of loads; a request that was asked alone is facts
        self.calls: list[RequestRecord] = []  # what tasks asked each other for the sake of those; `source` is a task
        self.alarms: list[AlarmRecord] = []  # like messages, these can be left out
        self.with_messages = with_messages
        self.with_alarms = False
        self.settings: dict = {"machines": ()}
        self._latest: dict[
            tuple[str, str], int
        ] = {}  # (machine, subject), (task, state) → the newest fact that says so
        self._hashed: tuple[int, Any] = 0, None  # so many facts the digest already covers, and what came of them

    def note(self, source: str, fact: Any, cause: int) -> None:
        """Add a fact. It becomes the cause of what follows."""
        number = len(self.records)
        self.records.append(Record(number, self.kernel.now, source, cause, fact))
        self.kernel.cause = number
        kind = type(fact)
        if kind is events.ProbeEnded and fact.code == 0:
            return  # a check that finds all well is the cause of nothing
        for name in _SUBJECTS[kind]:
            self._latest[source, getattr(fact, name)] = number
        if kind in _PROGRESS:
            self._latest[fact.task, fact.state] = number

    def log(self, request: tuple) -> None:
        """Add a request of many: the fields of a `RequestRecord`."""
        self.requests.append(tuple.__new__(RequestRecord, request))

    def log_call(self, call: tuple) -> None:
        """Add what a task has asked another one: the fields of a `RequestRecord`."""
        self.calls.append(tuple.__new__(RequestRecord, call))

    def story(self, source: str, fact: Any) -> int | None:
        """The newest fact about the same thing on the same machine, or None."""
        latest = [self._latest.get((source, getattr(fact, name))) for name in _SUBJECTS[type(fact)]]
        return max((number for number in latest if number is not None), default=None)

    def told(self, of: tuple[str, str]) -> int | None:
        """The newest fact which said that this task is in this state, on whatever machine, or None."""
        return self._latest.get(of)

    def remark(self, source: str, fact: Any) -> int:
        """Add a fact about what people or nature did, and say its number. What happens next is not due to it."""
        cause = self.kernel.cause
        self.note(source, fact, cause)
        self.kernel.cause = cause
        return len(self.records) - 1

    @property
    def now(self) -> int:
        """The last instant of the trace, µs."""
        return self.kernel.now

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    def __repr__(self) -> str:
        return f"Trace({len(self.records)} facts, {len(self.messages)} messages, {self.now / 1e6:.6f} s)"

    def of(self, *kinds: type) -> list[Record]:
        """The records of these kinds of fact, oldest first."""
        return [record for record in self.records if isinstance(record.fact, kinds)]

    def explain(self, record: Record | int) -> list[Record]:
        """The chain of causes that ends in this record, first cause first."""
        number = record if isinstance(record, int) else record.number
        chain: list[Record] = []
        while number >= 0:
            chain.append(self.records[number])
            number = chain[-1].cause
        return chain[::-1]

    def text(self) -> str:
        """All facts, a line each: the same run gives the same text on every machine."""
        return "".join(f"{record}\n" for record in self.records)

    def digest(self) -> str:
        """SHA-256 of the text of all facts, and of all requests: two runs with the same digest are the same run."""
        from hashlib import sha256

        covered, before = self._hashed
        fresh = self.records[covered:]  # time may pass meanwhile, in another thread
        so_far = before.copy() if before else sha256()
        for record in fresh:
            so_far.update(f"{record}\n".encode())
        self._hashed = covered + len(fresh), so_far
        if not self.requests:
            return so_far.hexdigest()
        both = so_far.copy()  # no separate fingerprint: the requests are part of the run
        for request in self.requests:
            both.update(same(f"{tuple(request)}\n").encode())
        for call in self.calls:
            both.update(same(f"{tuple(call)}\n").encode())
        return both.hexdigest()

    def rows(self) -> dict:
        """Everything as plain lists, for `json`."""
        facts = [[r.time, r.source, r.cause, type(r.fact).__name__, *r.fact] for r in self.records]
        settings = dict(self.settings, machines=list(self.settings["machines"]))
        return {
            "now": self.now,
            "settings": settings,
            "facts": facts,
            "messages": [list(m) for m in self.messages],
            "alarms": [list(a) for a in self.alarms],
            "requests": [list(r) for r in self.requests],
            **({"calls": [list(call) for call in self.calls]} if self.calls else {}),
        }

    def save(self, path: str) -> None:
        """Write the trace to a file that `Trace.load` reads."""
        import json

        with open(path, "w", encoding="utf-8") as file:
            json.dump(self.rows(), file, separators=(",", ":"))

    @classmethod
    def load(cls, path: str) -> "Trace":
        """A trace to look back at; nothing runs in it."""
        import json

        with open(path, encoding="utf-8") as file:
            return cls.from_rows(json.load(file))

    @classmethod
    def from_rows(cls, rows: dict) -> "Trace":
        """The opposite of `rows`."""
        trace = cls(Clock(rows["now"]), with_messages=bool(rows["messages"]))
        trace.settings = dict(rows["settings"], machines=tuple(rows["settings"]["machines"]))
        for number, (time, source, cause, kind, *fields) in enumerate(rows["facts"]):
            fact = getattr(events, kind)(*_plain(fields))
            trace.records.append(Record(number, time, source, cause, fact))
        trace.messages = [MessageRecord(*_plain(row)) for row in rows["messages"]]
        trace.alarms = [AlarmRecord(*row) for row in rows.get("alarms", ())]
        trace.requests = [RequestRecord(*row) for row in rows.get("requests", ())]
        trace.calls = [RequestRecord(*row) for row in rows.get("calls", ())]
        return trace

    def mark(self) -> "Mark":
        """Where the trace stands now: enough to go on from here later, however far this one has gone by then."""
        ends = len(self.records), len(self.messages), len(self.alarms), len(self.requests), len(self.calls)
        return Mark(self, *ends, dict(self.settings), dict(self._latest))


class Mark(NamedTuple):
    """An instant of a trace that goes on growing."""

    trace: Trace
    facts: int
    messages: int
    alarms: int
    requests: int
    calls: int
    settings: dict
    latest: dict

    def prefix(self) -> Trace:
        """An independent trace that begins as that one did, up to this mark."""
        twin = Trace(self.trace.kernel, self.trace.with_messages)
        twin.records = self.trace.records[: self.facts]
        twin.messages = self.trace.messages[: self.messages]
        twin.alarms, twin.with_alarms = self.trace.alarms[: self.alarms], self.trace.with_alarms
        twin.requests = self.trace.requests[: self.requests]
        twin.calls = self.trace.calls[: self.calls]
        twin.settings, twin._latest = dict(self.settings), dict(self.latest)
        return twin


def same(text: str) -> str:
    """A line as every Python writes it: each knows more characters than the last, and shows those that it knows."""
    return text if text.isascii() else "".join(map(_shown, text))


def _shown(character: str) -> str:
    from unicodedata import ucd_3_2_0  # the one table of characters that all of them have

    is_new = ucd_3_2_0.category(character) == "Cn"
    return character.encode("unicode_escape").decode() if is_new else character


class Clock:
    """The time of a trace that was loaded: it stands still."""

    def __init__(self, now: int):
        self.now = now
        self.cause = -1


# The fields of each kind of fact that say what it is about.
_SUBJECTS = {
    kind: tuple(name for name in ("task", "container", "request", "image") if name in kind._fields)
    for kind in vars(events).values()
    if isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields")
}
_PROGRESS = frozenset(kind for kind in _SUBJECTS if {"task", "state"} <= set(kind._fields))


def _plain(values: Iterable) -> tuple:
    """Lists as tuples again, all the way down: JSON knows no tuples."""
    return tuple(_plain(value) if isinstance(value, list) else value for value in values)
