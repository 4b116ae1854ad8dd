"""`/events`: what happens on this machine, and on a manager in the swarm, as one JSON object per line.

Source: Docker Engine API v1.47, "Monitor events"; moby `api/server/router/system/system_routes.go`.
"""

from collections.abc import Iterator

from ...effects import MS, NEVER
from ...messages import Event
from ..events import FILTERS, message, passes
from ..session import Session
from ..tail import Happenings
from .asked import Asked, Refusal, Streamed, filters_of
from .clock import shift_of
from .doorway import JSON, written
from .instants import instant
from .queries import pairs

LOOK = 200 * MS  # how often it looks for more


def list_events(session: Session, asked: Asked) -> Streamed:
    """Until `until`, where that is said; otherwise until the client goes away."""
    filters = pairs(filters_of(asked))
    for name, _ in filters:
        if name not in FILTERS:
            raise Refusal(400, f"invalid filter '{name}'")
    since, until = instant(session, asked, "since"), instant(session, asked, "until")
    if until is not None and since is not None and until < since:
        raise Refusal(
            400, f"`since` time ({_seconds(asked, 'since')}) cannot be after `until` time ({_seconds(asked, 'until')})"
        )
    happenings = Happenings(since, NEVER if until is None else until)
    first = happenings.more(session)  # before the headers, so that what is refused has a status
    return Streamed(_pieces(session, happenings, first, filters), (JSON,))


def _seconds(asked: Asked, name: str) -> str:
    return asked.query[name].partition(".")[0]


def _pieces(
    session: Session, happenings: Happenings, new: list[Event], filters: list[tuple[str, str]]
) -> Iterator[bytes]:
    while True:
        yield b"".join(_line(session, event) for event in new if passes(event, filters))
        left = happenings.until - session.now
        if left <= 0:
            return
        session.wait(min(LOOK, left))
        new = happenings.more(session)


def _line(session: Session, event: Event) -> bytes:
    return written(message(event._replace(time=event.time + shift_of(session))))


ROUTES = (("GET", "/events", list_events),)
