"""Does a history make sense: could each operation have taken effect at one instant between its call and its answer?

The search places operations one after the other and takes back what led nowhere (Wing & Gong 1993), with a linked list
of calls and answers and a cache of what was tried before (Lowe 2017), each key alone: a history of several objects
makes sense exactly if that of each object does (Herlihy & Wing 1990; Horn & Kroening 2015).
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from .register import Operation, Wants, key_value, register

__all__ = ["Operation", "Placed", "Verdict", "judge", "key_value", "register"]

Model = Callable[[Any, Operation], tuple[bool, Any]]  # (state, operation) -> (may that be, the state after it)


class Placed(NamedTuple):
    """An operation, and an instant at which it may have taken effect."""

    operation: Operation
    at: int  # µs


class Verdict(NamedTuple):
    """Whether a history makes sense; if not, the first answer with which it no longer does."""

    ok: bool | None  # None: given up after so many tries
    order: tuple[Placed, ...] = ()  # explains all answers; if not ok, those of `key` until the stuck one
    key: Hashable = None
    stuck: Operation | None = None  # has no place in any order
    window: tuple[int, int] | None = None  # when it must have taken effect, and cannot have

    def __str__(self) -> str:
        if self.ok:
            return f"linearizable: an order explains all answers ({len(self.order)} operations)"
        if self.ok is None:
            return f"undecided: too many orders to try for key {self.key}"
        if self.window is None:
            return f"not linearizable: key {self.key}; too many orders to try to say where"
        since, until = (f"{time / 1e6:.6f}".rstrip("0").rstrip(".") + " s" for time in self.window)
        return f"not linearizable: no order has a place for “{self.stuck}” between {since} and {until}"


def judge(
    history: Iterable[Operation], model: Model = register, start: Any = None, split: bool = True, tries: int = 2_000_000
) -> Verdict:
    """The verdict about a history; each key alone, from the state `start`, unless `split` is off.

    Operations that touch (one returns at the instant when the other is invoked) may be in either order, unless they
    are of one client and key. A client that gave up waiting for an answer may go on with something else.
    """
    keys: dict[Hashable, list[Operation]] = {}
    for operation in _checked(history, model, start):
        keys.setdefault(operation.key if split else None, []).append(operation)
    searches = {key: _Search(operations, model, start) for key, operations in keys.items()}
    turn, left = 1_000, tries  # all keys in turns, ever longer ones: one that fails spares the hard ones
    while unknown := [key for key, search in searches.items() if search.ok is None]:
        for key in unknown:
            left -= searches[key].run(min(turn, max(left, 0)))
        if failed := {key: search for key, search in searches.items() if search.ok is False}:
            return _violation(failed, 4 * turn, tries)
        if left <= 0 and (unknown := [key for key in unknown if searches[key].ok is None]):
            return Verdict(None, key=unknown[0])
        turn *= 2
    placed = [one for search in searches.values() for one in _points(search, search.operations)]
    return Verdict(True, tuple(sorted(placed, key=lambda one: one.at)))


def _checked(history: Iterable[Operation], model: Model, start: Any) -> list[Operation]:
    """The operations in the order of their answers; ValueError for what cannot be a history."""
    operations = [Operation(*operation) for operation in history]
    for one in operations:
        if not all(isinstance(time, int) for time in (one.invoked, one.returned or 0)):
            raise ValueError(f"{one}: times are whole microseconds, not {one.invoked!r} and {one.returned!r}")
        if one.returned is not None and one.returned < one.invoked:
            raise ValueError(f"{one}: returned at {one.returned} µs, before it was invoked at {one.invoked} µs")
        try:
            hash(one)
            model(start, one)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{one}: cannot be judged: {error}") from None
    operations.sort(key=lambda one: (one.returned is None, one.returned or 0, one.invoked))
    _check_clients(operations)
    return operations


def _check_clients(operations: list[Operation]) -> None:
    """A client waits for its answer, or gives up, before it goes on."""
    last: dict[str, Operation] = {}
    for one in (operations[n] for n in _by_call(operations)):
        before = last.get(one.client)
        if before is not None and one.invoked < (before.returned or 0):
            raise ValueError(f"{one}: invoked at {one.invoked} µs, while “{before}” lasts until {before.returned} µs")
        if one.returned is not None:
            last[one.client] = one


def _by_call(operations: Sequence[Operation]) -> list[int]:
    """The operations in the order in which they were called."""
    return sorted(range(len(operations)), key=lambda n: (operations[n].invoked, operations[n].returned is not None, n))


class _Search:
    """Looks for an order of operations, which are given in the order of their answers; `ok` is None until it knows."""

    def __init__(self, operations: Sequence[Operation], model: Model, start: Any) -> None:
        self.operations, self.model, self.start, self.state = operations, model, start, start
        self.end = max(one.returned or one.invoked for one in operations)
        self.ok: bool | None = None
        self.placed = 0  # the operations placed, a bit for each
        self.left = sum(one.returned is not None for one in operations)  # answers still to be explained
        self.trail: list[tuple[int, Any]] = []  # what was placed, in order, each with the state before it
        self.firm = 0  # so much of the trail is right if anything is
        self.seen: set[tuple[int, Any]] = set()
        self.wants = Wants(operations, start) if model is register else None
        self.link()

    def link(self) -> None:
        """Lists calls and answers by time; at one instant calls come first, so that operations which touch overlap."""
        moments = [(one.invoked, 0, n) for n, one in enumerate(self.operations)]
        moments += [(one.returned, 1, n) for n, one in enumerate(self.operations) if one.returned is not None]
        size = len(moments) + 1  # entry 0 is both ends of the list
        self.after, self.before = [*range(1, size), 0], [size - 1, *range(size - 1)]
        self.called = [-1] * size  # entry → the operation called there, -1 for an answer
        self.entries: list[list[int]] = [[] for _ in self.operations]  # operation → its call, its answer if any
        for entry, (_, is_answer, n) in enumerate(sorted(moments), 1):
            self.called[entry] = -1 if is_answer else n
            self.entries[n].append(entry)
        self.entry = self.after[0]
        last: dict[str, int] = {}
        self.needs = [0] * len(self.operations)  # a client's own operations come one after the other even if they touch
        for n in _by_call(self.operations):
            client = self.operations[n].client
            self.needs[n] = last.get(client, 0)
            if self.operations[n].returned is not None:
                last[client] = 1 << n

    def run(self, tries: int) -> int:
        """Goes on with the search for at most so many tries; how many it took."""
        tried = 0
        while self.left and tried < tries:
            n = self.called[self.entry]
            if n < 0:  # an answer that came before anything else can begin
                if not self.take_back():
                    self.ok = False
                    return tried
            else:
                tried += 1
                if not self.put(n):
                    self.entry = self.after[self.entry]
        if not self.left:
            self.ok = True
        return tried

    def put(self, n: int) -> bool:
        """Places an operation behind the others, if that may be and was not tried before."""
        one, before = self.operations[n], self.state
        allowed, state = self.model(before, one)
        if not allowed or self.needs[n] & ~self.placed or (one.returned is None and state == before):
            return False  # what has no answer and no effect is as well left out
        placed = self.placed | 1 << n
        if (placed, state) in self.seen:
            return False
        self.seen.add((placed, state))
        if self.wants and self.wants.lost(before, state, placed):
            return False
        self.trail.append((n, before))
        self.placed, self.state, self.left = placed, state, self.left - (one.returned is not None)
        for entry in self.entries[n]:
            self.after[self.before[entry]], self.before[self.after[entry]] = self.after[entry], self.before[entry]
        if self.wants and self.wants.once and not self.wants.reached(state) & ~placed:
            self.firm = len(self.trail)
        self.entry = self.after[0]
        return True

    def take_back(self) -> bool:
        """Goes back to the last choice that mattered, and on behind it; False if there is none."""
        while len(self.trail) > self.firm:
            n, before = self.trail.pop()
            self.placed ^= 1 << n
            self.left += self.operations[n].returned is not None
            for entry in reversed(self.entries[n]):
                self.after[self.before[entry]] = self.before[self.after[entry]] = entry
            self.state = before
            if self.wants is None or n not in self.wants.looks:  # what only looks is never in the way of another
                self.entry = self.after[self.entries[n][0]]
                return True
        return False

    def explanation(self) -> list[int]:
        """What was placed, in order, without unanswered operations whose effect nobody saw."""
        order = [n for n, _ in self.trail]
        for n in [n for n in reversed(order) if self.operations[n].returned is None]:
            less = [other for other in order if other != n]
            order = less if self.fits(less) else order
        return order

    def fits(self, order: list[int]) -> bool:
        """Whether the model allows this order."""
        state = self.start
        for n in order:
            allowed, state = self.model(state, self.operations[n])
            if not allowed:
                return False
        return True


def _violation(failed: dict[Hashable, _Search], turn: int, tries: int) -> Verdict:
    """Where the first of these keys fails, of those for which it is easiest to tell."""
    while tries > 0:
        found = [verdict for key, search in failed.items() if (verdict := _first_stuck(key, search, turn)) is not None]
        if found:
            return min(found, key=lambda verdict: verdict.window or (0, 0))
        tries -= len(failed) * turn
        turn *= 2
    return Verdict(False, key=next(iter(failed)))


def _first_stuck(key: Hashable, search: _Search, tries: int) -> Verdict | None:
    """The first answer that has no explanation, with an order that explains all before it; None if it is too hard."""
    fits, fails = 0, sum(one.returned is not None for one in search.operations)
    while fails - fits > 1:
        middle = (fits + fails) // 2
        ok = _early(search, middle, tries)[0].ok
        if ok is None:
            return None
        fits, fails = (middle, fails) if ok else (fits, middle)
    stuck = search.operations[fits]
    placed = _points(*_early(search, fits, tries))
    return Verdict(False, tuple(placed), key, stuck, (stuck.invoked, stuck.returned or 0))


def _early(search: _Search, answers: int, tries: int) -> tuple[_Search, list[Operation]]:
    """The same search when so many answers had come and the next was about to; the operations that had begun."""
    now = search.operations[answers].returned or 0
    begun = [one for one in search.operations if one.invoked <= now]
    known = begun[:answers] + [one._replace(output=None, returned=None) for one in begun[answers:]]
    early = _Search(known, search.model, search.start)
    early.end = now
    early.run(tries)
    return early, begun


def _points(search: _Search, operations: Sequence[Operation]) -> list[Placed]:
    """An instant for each that was placed, in the middle of what its call, its answer and the others leave it."""
    order = [operations[n] for n in search.explanation()]
    earliest = accumulate((one.invoked for one in order), max)
    ends = (search.end if one.returned is None else min(search.end, one.returned) for one in reversed(order))
    latest = reversed(list(accumulate(ends, min)))
    return [Placed(one, (low + high) // 2) for one, low, high in zip(order, earliest, latest, strict=True)]
