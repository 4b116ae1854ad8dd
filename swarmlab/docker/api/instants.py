"""Times in a query, `?since=1767225600.5`: seconds since 1970 by the clock of whoever asks.

Source: Docker Engine API v1.47; moby `api/types/time`.
"""

import re

from ...effects import NEVER
from ..dates import BEGINNING
from ..session import Session
from .asked import Asked, Refusal
from .clock import shift_of

STAMP = re.compile(r"(-?[0-9]{1,18})(?:\.([0-9]{1,9}))?", re.ASCII)


def instant(session: Session, asked: Asked, name: str) -> int | None:
    """µs of virtual time, none before the beginning; None where nothing is said. Raises `Refusal`."""
    text = asked.query.get(name, "")
    if not text:
        return None
    match = STAMP.fullmatch(text)
    if not match:
        raise Refusal(400, f'invalid value for "{name}": failed to parse value as time or duration: "{text}"')
    micros = int(match[1]) * 10**6 + int((match[2] or "").ljust(6, "0")[:6])
    at = micros - int(BEGINNING.timestamp()) * 10**6 - shift_of(session)
    return min(max(at, 0), NEVER)
