"""A container as its machine keeps it, with what it takes to start it anew."""

from typing import NamedTuple

from ..messages import Container, FileInside, LogLine


class Box(NamedTuple):
    """One container with what it takes to start it."""

    container: Container
    args: tuple[str, ...]
    log: tuple[LogLine, ...] = ()
    by_hand: bool = False  # somebody stopped it, so that no restart policy starts it again
    files: tuple[FileInside, ...] = ()  # what it was given at its start; those in memory without what is in them
    written: tuple[tuple[str, bytes, int], ...] = ()  # (path, content, when) of what was written in it since


def changed(box: Box, state: str, now: int, code: int = 0) -> Box:
    """The same container in another state."""
    return box._replace(container=box.container._replace(state=state, state_at=now, exit_code=code))
