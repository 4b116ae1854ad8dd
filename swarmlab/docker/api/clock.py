"""Dates for whoever reads an answer: a real client counts from its own wall clock ("3 seconds ago").

The simulation has a time of its own; a session says how much later it is for those who ask from outside.
"""

from typing import Any

from ..api_json import Object
from ..session import Session


def shift_of(session: Session) -> int:
    """µs to add to simulated time; none inside a notebook."""
    return getattr(session, "shift", 0)


def shown(session: Session, object: Object) -> dict[str, Any]:
    """An object as the engine answers it, with the reader's dates."""
    return object.json(shift_of(session))
