"""One at a time: what people do to a world in a notebook, and what reaches it from elsewhere meanwhile, take turns.

A world has one lock, its `turn`. Each of its public methods and properties holds it while it runs, so that a cell never
sees half of an event, and whoever lets time pass in the background (`docker.conductor`) waits until the cell is done.

Ctrl-C, and *interrupt* in a notebook, end what goes on between two instants, so that the run stays one that can be had
again; pressed twice they are heard at once.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import getattr_static, isfunction
from typing import Any

SHOWN = ("__repr__", "_repr_html_")
PASSING = ("run_for", "run_until")
FROM_WITHIN = ("boot", "hear")  # what machines call while time passes: whoever lets it pass has the turn


def in_turn(kind: Any) -> Any:
    """The class, with every public method and property of it taking its turn."""
    names = [name for name in dir(kind) if not name.startswith("_") and name not in FROM_WITHIN]
    for name in [*names, *SHOWN]:
        thing = getattr_static(kind, name)
        if isinstance(thing, property) and thing.fget:
            setattr(kind, name, property(_held(thing.fget), thing.fset, doc=thing.__doc__))
        elif isfunction(thing):
            setattr(kind, name, _held(_whole(thing) if name in (*kind.ACTS, *PASSING) else thing))
    return kind


def _held(method: Callable) -> Callable:
    @wraps(method)
    def in_its_turn(self: Any, *arguments: Any, **options: Any) -> Any:
        with self.turn:
            return method(self, *arguments, **options)

    return in_its_turn


def _whole(method: Callable) -> Callable:
    @wraps(method)
    def between_instants(self: Any, *arguments: Any, **options: Any) -> Any:
        with _heard_later(self):
            return method(self, *arguments, **options)

    return between_instants


@contextmanager
def _heard_later(world: Any) -> Iterator[None]:
    """Who is interrupted meanwhile ends with the instant that is going on, and hears of it then."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before) or hasattr(before, "ours"):
        yield  # nobody can interrupt this, or it is part of something that hears it
        return

    def hear(number: int, frame: Any) -> None:
        if world.kernel.told:
            before(number, frame)
        world.kernel.told = True

    hear.ours = True  # type: ignore[attr-defined]
    horizon = world._horizon
    signal.signal(signal.SIGINT, hear)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        told, world.kernel.told, world._horizon = world.kernel.told, False, horizon
        if told:
            before(signal.SIGINT, None)
