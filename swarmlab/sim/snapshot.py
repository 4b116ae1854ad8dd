"""A picture of a running world, and new worlds from it: how `fork` and `at` work.

Whatever changes is copied; whatever cannot change (messages, facts, specs, tasks: named tuples and frozen
dataclasses) and functions that people handed in are shared. So a picture is small and quick to take, and two worlds
made from it never touch each other.
"""

import io
import pickle
from types import FunctionType
from typing import Any

from .trace import Trace


class Snapshot:
    """One instant of a world: the changing part as bytes, the rest by reference."""

    def __init__(self, world: Any):
        self._shared: list = []
        buffer = io.BytesIO()
        _Camera(buffer, self._shared).dump(world)
        self._bytes = buffer.getvalue()

    def __len__(self) -> int:
        """The size of the changing part, bytes."""
        return len(self._bytes)

    def develop(self) -> Any:
        """A new, independent world that stands at that instant."""
        return _Darkroom(io.BytesIO(self._bytes), self._shared).load()


def fetch(place: int) -> Any:
    """What a picture holds instead of something shared. `_Darkroom` puts the real thing in its place."""
    raise AssertionError(f"shared object {place} was looked up outside of a snapshot")


def resume(place: int) -> Trace:
    """The trace up to the picture, for the new world to go on with."""
    raise AssertionError(f"trace {place} was looked up outside of a snapshot")


_changes: dict[type, bool] = {}  # what is known about types; the same in every run, so it may be global


def _can_change(kind: type) -> bool:
    answer = _changes.get(kind)
    if answer is None:
        frozen = getattr(getattr(kind, "__dataclass_params__", None), "frozen", False)
        named = issubclass(kind, tuple) and hasattr(kind, "_fields")
        answer = _changes[kind] = not (frozen or named or kind in (FunctionType, Snapshot))
    return answer


class _Camera(pickle.Pickler):
    def __init__(self, file, shared: list):
        super().__init__(file, protocol=5)
        self.shared = shared

    def reducer_override(self, thing: Any) -> Any:
        kind = type(thing)
        if kind is Trace:
            self.shared.append(thing.mark())
            begun = (len(self.shared) - 1,)
            return resume, begun, {"kernel": thing.kernel}  # as state, after the trace itself: they refer to each other
        if _can_change(kind) or thing is fetch or thing is resume:
            return NotImplemented
        self.shared.append(thing)
        return fetch, (len(self.shared) - 1,)


class _Darkroom(pickle.Unpickler):
    def __init__(self, file, shared: list):
        super().__init__(file)
        self.shared = shared

    def find_class(self, module: str, name: str) -> Any:
        if module == __name__ and name == "fetch":
            return self.shared.__getitem__
        if module == __name__ and name == "resume":
            return self._resume
        return super().find_class(module, name)

    def _resume(self, place: int) -> Trace:
        return self.shared[place].prefix()
