"""One person at the keyboard of one machine: what a command gets to work with, and what it leaves behind."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, Protocol

from ..objects import ApiError


class Interrupted(Exception):
    """The time for the command is over: as if the person had pressed Ctrl-C."""


class Exit(Exception):
    """The client itself ends the command: text for stderr, and the exit code."""

    def __init__(self, text: str, code: int = 1):
        super().__init__(text)
        self.text, self.code = text, code


def each(things: Iterable[Any], do: Callable[[Any], None]) -> None:
    """Do it for every one, and say at the end what the engine refused. Raises `Exit`."""
    errors = []
    for thing in things:
        try:
            do(thing)
        except ApiError as refusal:
            errors.append(f"Error response from daemon: {refusal.text}")
    if errors:
        raise Exit("\n".join(errors))


class Session(Protocol):
    """Whose engine answers, and what time it is. Time moves only by `call` and `wait`."""

    machine: str
    env: Mapping[str, str]

    @property
    def now(self) -> int:
        """µs of virtual time."""

    def call(self, request: Any) -> Any:
        """Ask the engine and let time pass until it answers. Raises `ApiError` with its words, or `Interrupted`."""

    def wait(self, duration: int) -> None:
        """Let so many µs pass. Raises `Interrupted`."""

    def read(self, path: str) -> bytes:
        """A file of the person. Raises `OSError`."""


def read_file(session: Session, path: str) -> bytes:
    """A file of the person; a path that no system takes is simply not there. Raises `OSError`."""
    try:
        return session.read(path)
    except ValueError:  # a zero byte, or what no file name can be made of
        raise FileNotFoundError(path) from None


class Result(NamedTuple):
    """What a command printed, how it ended, and its table as one dict per line, by Docker's column names."""

    stdout: str
    stderr: str
    exit_code: int
    rows: tuple[dict, ...] = ()


class Screen:
    """Where a command prints, line by line, so that an interrupted one leaves what it had printed."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self.err: list[str] = []
        self.rows: tuple[dict, ...] = ()

    def say(self, text: str) -> None:
        self.out.append(text + "\n")

    def warn(self, text: str) -> None:
        self.err.append(text + "\n")

    def result(self, exit_code: int) -> Result:
        return Result("".join(self.out), "".join(self.err), exit_code, self.rows)
