"""What clients do to a register, or to a store of many: operations, what each does to the state, what each must find."""

from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

KINDS = ("put", "get", "append", "cas")


class Operation(NamedTuple):
    """What a client asked for and was told. What was refused for certain never happened: leave it out of a history."""

    client: str
    kind: str  # put, get, append, cas (compare and swap); or whatever your own model understands
    key: Hashable
    value: Any = None  # put and append: what to write; cas: (expected, new)
    output: Any = None  # get: what was read, None when there was nothing; cas: whether it swapped
    invoked: int = 0  # µs
    returned: int | None = None  # None: no answer, so it takes effect at any later time, or never

    def __str__(self) -> str:
        value = "" if self.value is None else f"={self.value}"
        answer = f" → {self.output}" if self.kind in ("get", "cas") and self.returned is not None else ""
        return f"{self.client}: {self.kind} {self.key}{value}{answer}"


def register(state: Any, operation: Operation) -> tuple[bool, Any]:
    """One key: whether an operation may find this state and answer as it did, and the state after it."""
    match operation.kind:
        case "get":
            return _answers(operation, state), state
        case "put":
            return True, operation.value
        case "append":
            return isinstance(state, str | None), f"{'' if state is None else state}{operation.value}"
        case "cas":
            expected, new = operation.value
            return _answers(operation, state == expected), new if state == expected else state
    raise ValueError(f"its kind is none of {', '.join(KINDS)}")


def key_value(state: Any, operation: Operation) -> tuple[bool, Any]:
    """All keys together, as pairs: the same verdict as each key alone, after a longer search."""
    values = dict(state or ())
    before = values.get(operation.key)
    allowed, new = register(before, operation)
    if new == before:
        return allowed, state
    return allowed, tuple(sorted((values | {operation.key: new}).items(), key=str))


def _answers(operation: Operation, answer: Any) -> bool:
    """Whether that is what the client was told, if it was told anything."""
    return operation.returned is None or operation.output == answer


class Wants:
    """Who must still find which value in a register. A step after which one of them never can need not be tried."""

    def __init__(self, operations: Sequence[Operation], start: Any) -> None:
        self.operations = operations
        self.found = [_found(one) for one in operations]
        self.values: dict[Any, int] = {}  # value → the operations that must find it, a bit for each
        for n, found in enumerate(self.found):
            for value in found:
                self.values[value] = self.values.get(value, 0) | 1 << n
        written = [(n, value) for n, one in enumerate(operations) for value in _written(one)]
        self.writers: dict[Any, list[int]] = {}  # value → the operations that may write it, whatever was there
        for n, value in written:
            self.writers.setdefault(value, []).append(n)
        self.looks = {n for n, one in enumerate(operations) if one.kind in ("get", "cas") and not _written(one)}
        self.grows = any(one.kind == "append" for one in operations)
        self.near: dict[Any, int] = {}
        self.sources: dict[int, int] = {}
        # Each value has one writer: whatever the order, it and its readers stand together. A group that has found
        # a place never has to leave it, so that nothing is tried twice (Gibbons & Korach 1997).
        values = [start, *(value for _, value in written)]
        self.once = all(one.kind in ("put", "get") for one in operations) and len(set(values)) == len(values)

    def lost(self, before: Any, state: Any, placed: int) -> bool:
        """Whether somebody not yet placed could find its value before this step, and never can after it."""
        gone = self.reached(before) & ~self.reached(state) & ~placed
        if not gone:
            return False
        first = (gone & -gone).bit_length() - 1  # who is answered first: the others have more time, hence more hope
        return not self.starts(first) & ~placed

    def reached(self, state: Any) -> int:
        """Who finds its value in this state, or will after some appends."""
        if not self.grows:
            return self.values.get(state, 0)
        if state not in self.near:
            self.near[state] = sum(bits for value, bits in self.values.items() if self.leads(state, value))
        return self.near[state]

    def starts(self, n: int) -> int:
        """The operations that lead to what this one must find, whatever was there before them."""
        if n not in self.sources:
            (value,), end = self.found[n], self.operations[n].returned or 0
            near = [one for one in self.writers if self.leads(one, value)] if self.grows else [value]
            writers = [m for one in near for m in self.writers.get(one, ())]
            self.sources[n] = sum(1 << m for m in writers if self.operations[m].invoked <= end)
        return self.sources[n]

    def leads(self, state: Any, value: Any) -> bool:
        """Whether a state is this value, or may become it by appends."""
        if state == value:
            return True
        return self.grows and isinstance(value, str) and (state is None or value.startswith(str(state)))


def _found(one: Operation) -> tuple:
    """The value that an operation found for certain, if any."""
    if one.returned is None:
        return ()
    if one.kind == "get":
        return (one.output,)
    return (one.value[0],) if one.kind == "cas" and one.output else ()


def _written(one: Operation) -> tuple:
    """The value that an operation writes whatever was there, or may write, if any."""
    if one.kind == "put":
        return (one.value,)
    return (one.value[1],) if one.kind == "cas" and (one.output or one.returned is None) else ()
