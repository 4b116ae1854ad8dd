"""What a container prints, and where its lines go: kept on the node, shipped elsewhere, or dropped.

The driver `none` drops them. `json-file` and `local` keep them on the node's disk, where they are lost with the
container. Every other driver ships each line at once; the engine keeps a copy, so that `docker logs` still works.
Source: Docker documentation, "Configure logging drivers" and "Use docker logs with remote logging drivers".
"""

# Simpler than in reality (docs/simplifications.md): access-lines, prints

from collections.abc import Iterable

from ..effects import Note
from ..events import LogShipped
from ..messages import Container, LogLine
from ..objects import ApiError, LogDriver
from .images import Image, full, small_command

MOST = 500  # lines kept of one container: the last ones, as if the file was rotated
AT_HOME = ("", "json-file", "local", "none")  # drivers that ship nothing
UNREADABLE = "configured logging driver does not support reading"


def at_start(image: Image, reference: str, args: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """What it prints when it starts, as (stream, text): what its image says, or the words after `echo`."""
    command = small_command(args)
    if command.startswith("echo "):
        return (("stdout", command.partition(";")[0].removeprefix("echo ").strip("\"' ")),)
    if command:
        return ()
    texts = (("stderr", image.warns), ("stdout", image.says))
    return tuple((stream, text.replace("{image}", full(reference))) for stream, text in texts if text)


def kept(log: tuple[LogLine, ...], driver: LogDriver | None, printed: Iterable[tuple[str, str]], now: int) -> tuple:
    """The container's lines with the new ones behind them."""
    if driver and driver.name == "none":
        return log
    return (*log, *(LogLine(now, stream, text) for stream, text in printed))[-MOST:]


def shipped(container: Container, driver: LogDriver | None, printed: Iterable[tuple[str, str]]) -> list[Note]:
    """The facts of lines that leave the node."""
    if driver is None or driver.name in AT_HOME:
        return []
    options = tuple(sorted(driver.options.items()))
    name, task = container.name, container.task
    return [Note(LogShipped(driver.name, options, task, name, stream, text)) for stream, text in printed]


def chosen(log: Iterable[LogLine], since: int, until: int, tail: int) -> tuple[LogLine, ...]:
    """Those between two times; of them the last `tail`, all for a negative number."""
    lines = [line for line in log if since <= line.time <= until]
    return tuple(lines if tail < 0 else lines[len(lines) - min(tail, len(lines)) :])


def check_readable(container: Container) -> None:
    """Nobody reads what the driver `none` has dropped. Raises ApiError."""
    driver = container.settings.log_driver
    if driver and driver.name == "none":
        raise ApiError(UNREADABLE)
