"""`/containers|services|tasks/{ref}/logs`: what containers print, framed so that stdout and stderr can be told apart.

Source: Docker Engine API v1.47, "Get container logs", "Attach to a container" (stream format); moby
`api/server/httputils/write_log_stream.go`. A frame is [1|2|3, 0, 0, 0, length] and so many bytes; 3 is an error.
"""

import re
import struct
from collections.abc import Callable, Iterator
from functools import partial

from ...effects import MS, NEVER
from ...messages import Container, GetObject, ListContainers, ListObjects, LogAnswer, LogLine, Logs
from ...objects import Service, Task
from .. import tail
from ..dates import rfc3339
from ..logs import INCOMPLETE
from ..session import Session
from .asked import Asked, Hijacked, Refusal, Streamed, flag
from .clock import shift_of
from .containers import deaths, found
from .instants import instant

FRAMED = (("Content-Type", "application/vnd.docker.multiplexed-stream"),)
RAW = (("Content-Type", "application/vnd.docker.raw-stream"),)
STREAMS = {"stdout": 1, "stderr": 2}
ERROR = 3
LOOK = 200 * MS  # how often it looks for lines that have come
Prefix = Callable[[LogLine], str]


def of_container(session: Session, asked: Asked) -> Streamed:
    one = found(session, asked.names["ref"])
    return _stream(session, asked, Logs("container", one.id), partial(_details, session, asked), one)


def of_service(session: Session, asked: Asked) -> Streamed:
    service = session.call(GetObject("service", asked.names["ref"]))
    return _stream(session, asked, Logs("service", service.id), Writers(session, asked).prefix, tty=_tty(service))


def of_task(session: Session, asked: Asked) -> Streamed:
    task = session.call(GetObject("task", asked.names["ref"]))
    return _stream(session, asked, Logs("task", task.id), Writers(session, asked).prefix, tty=_tty(task))


def _tty(made: Service | Task) -> bool:
    """Whether it writes to a terminal, which has one stream only."""
    container = made.spec.task.container if isinstance(made, Service) else made.spec.container
    return bool(container.options.get("tty"))


# ── what stands before a line ────────────────────────────────────────────────────────────────────────────────────────


def _time(session: Session, asked: Asked, line: LogLine) -> str:
    return f"{rfc3339(line.time + shift_of(session), fixed=True)} " if flag(asked, "timestamps") else ""


def _details(session: Session, asked: Asked, line: LogLine) -> str:
    """A plain container has none to tell: a blank stands for them."""
    return _time(session, asked, line) + (" " if flag(asked, "details") else "")


class Writers:
    """Node, service and task of each line, by which a client names it."""

    def __init__(self, session: Session, asked: Asked):
        self.session, self.asked = session, asked
        self.services: dict[str, str] = {}  # of tasks

    def prefix(self, line: LogLine) -> str:
        time = _time(self.session, self.asked, line)
        if not flag(self.asked, "details"):
            return time
        where = f"com.docker.swarm.node.id={line.node},com.docker.swarm.service.id={self._service(line.task)}"
        return f"{time}{where},com.docker.swarm.task.id={line.task} "

    def _service(self, task: str) -> str:
        if task not in self.services:
            self.services |= {one.id: one.service for one in self.session.call(ListObjects("task"))}
        return self.services.setdefault(task, "")


# ── the stream ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _stream(
    session: Session,
    asked: Asked,
    what: Logs,
    prefix: Prefix,
    container: Container | None = None,
    tty: bool = False,
) -> Streamed:
    """The first look comes before the headers, so that what is refused then has a status."""
    framed = partial(_framed, prefix=prefix, tty=tty)
    headers = RAW if tty else FRAMED
    wanted = tuple(name for name in STREAMS if flag(asked, name))
    if not wanted:
        raise Refusal(400, "Bad parameters: you must choose at least one stream")
    since, until = instant(session, asked, "since"), instant(session, asked, "until")
    request = what._replace(since=since or 0, until=NEVER if until is None else until, tail=_last(asked))
    if not flag(asked, "follow"):
        return Streamed(iter([framed(session.call(request), wanted)]), headers)
    answers = tail.follow(session, request, LOOK, container)
    return Streamed(_followed(next(answers), answers, wanted, framed), headers)


def _last(asked: Asked) -> int:
    """`?tail=5`: Docker takes any other text for `all`."""
    text = asked.query.get("tail", "")
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else -1


def _followed(
    first: LogAnswer, answers: Iterator[LogAnswer], wanted: tuple[str, ...], framed: Callable[..., bytes]
) -> Iterator[bytes]:
    """Whoever follows is told what is missing when the stream ends: of a swarm that is never."""
    yield framed(first._replace(missing=()), wanted)
    for answer in answers:
        yield framed(answer._replace(missing=()), wanted)


def _framed(answer: LogAnswer, wanted: tuple[str, ...], prefix: Prefix, tty: bool = False) -> bytes:
    """A terminal has no frames, and ends its lines in its own way; what it cannot be told is left out."""
    if tty:
        return b"".join(f"{prefix(one)}{one.text}\r\n".encode("utf-8", "replace") for one in answer.lines)
    frames = [frame(STREAMS[one.stream], f"{prefix(one)}{one.text}\n") for one in answer.lines if one.stream in wanted]
    if answer.missing:
        why = INCOMPLETE.format(", ".join(answer.missing)).removeprefix("error from daemon in stream: ")
        frames.append(frame(ERROR, why + "\n"))
    return b"".join(frames)


def frame(stream: int, text: str) -> bytes:
    """One piece of one stream."""
    data = text.encode("utf-8", "replace")
    return struct.pack(">BxxxI", stream, len(data)) + data


# ── attaching to a container ─────────────────────────────────────────────────────────────────────────────────────────


def attach(session: Session, asked: Asked) -> Hijacked:
    """What it prints from now on, until it ends; a client attaches before it starts a container. Without `stream` it is
    what it has printed so far."""
    one = found(session, asked.names["ref"])
    wanted = tuple(name for name in STREAMS if flag(asked, name))
    if not flag(asked, "stream"):
        asked_for = wanted if flag(asked, "logs") else ()
        return Hijacked(iter([_framed(session.call(Logs("container", one.id)), asked_for, lambda line: "")]))
    since = 0 if flag(asked, "logs") or one.state == "created" else session.now
    over = flag(asked, "logs") and one.state == "exited"  # what it has printed is all that was asked for
    return Hijacked(_attached(session, one, since, wanted, -1 if over else len(deaths(session, one))))


def _attached(session: Session, one: Container, since: int, wanted: tuple[str, ...], ends: int) -> Iterator[bytes]:
    """From its next start on, if it does not run and has ended `ends` times; it may end again, and be removed, before
    anybody has looked."""
    while (state := _state(session, one)) in ("created", "exited") and len(deaths(session, one)) == ends:
        session.wait(LOOK // 4)
    if not state and not deaths(session, one):
        return  # removed before it was started
    for answer in tail.follow(session, Logs("container", one.id, since), LOOK, one):
        yield _framed(answer._replace(missing=()), wanted, lambda line: "")


def _state(session: Session, one: Container) -> str:
    """'' of one that is not there any more."""
    return next((now.state for now in session.call(ListContainers(all=True)) if now.id == one.id), "")


ROUTES = (
    ("GET", "/containers/{ref}/logs", of_container),
    ("GET", "/services/{ref}/logs", of_service),
    ("GET", "/tasks/{ref}/logs", of_task),
    ("POST", "/containers/{ref}/attach", attach),
)
