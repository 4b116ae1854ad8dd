"""One at a time: what people do to a world in a notebook, and what reaches it from elsewhere meanwhile, take turns.

A world has one lock, its `turn`. Each of its public methods and properties holds it while it runs, so that a cell never
sees half of an event, and whoever lets time pass in the background (`docker.conductor`) waits until the cell is done.
"""

from collections.abc import Callable
from functools import wraps
from inspect import getattr_static, isfunction
from typing import Any

SHOWN = ("__repr__", "_repr_html_")
FROM_WITHIN = ("boot", "hear")  # what machines call while time passes: whoever lets it pass has the turn


def in_turn(kind: type) -> type:
    """The class, with every public method and property of it taking its turn."""
    names = [name for name in dir(kind) if not name.startswith("_") and name not in FROM_WITHIN]
    for name in [*names, *SHOWN]:
        thing = getattr_static(kind, name)
        if isinstance(thing, property) and thing.fget:
            setattr(kind, name, property(_held(thing.fget), thing.fset, doc=thing.__doc__))
        elif isfunction(thing):
            setattr(kind, name, _held(thing))
    return kind


def _held(method: Callable) -> Callable:
    @wraps(method)
    def in_its_turn(self: Any, *arguments: Any, **options: Any) -> Any:
        with self.turn:
            return method(self, *arguments, **options)

    return in_its_turn
