"""`/containers/{ref}/exec` and `/exec`: a command in a container that runs, made, then started, then asked how it ended.

Source: Docker Engine API v1.47, "Exec"; moby `api/server/router/container/exec.go`.
"""

from collections.abc import Iterator

from ...messages import CreateExec, Exec, ExecAnswer, ExecRecord, GetExec, StartExec
from ..api_json import made_up_pid
from ..session import Session
from .asked import Answer, Asked, Hijacked, Refusal
from .decode import body
from .logs import frame


def create(session: Session, asked: Asked) -> Answer:
    """Nothing is read from the keyboard: a command that reads finds the end at once."""
    values = body(asked, "ExecCreate")
    words = tuple(values.get("Cmd", ()))
    if not words:
        raise Refusal(400, "No exec command specified")
    env, user, folder = tuple(values.get("Env", ())), values.get("User", ""), values.get("WorkingDir", "")
    return Answer(201, {"Id": session.call(CreateExec(Exec(asked.names["ref"], words, env, user, folder)))})


def start(session: Session, asked: Asked) -> Answer | Hijacked:
    """It runs before anything is sent, so that what is refused has a status."""
    values = body(asked, "ExecStart", needed=False)
    id = asked.names["ref"]
    record: ExecRecord = session.call(GetExec(id))
    if record.started:
        raise Refusal(409, f"Error: Exec command {id} has already run")
    if values.get("Detach"):
        session.call(StartExec(id))
        return Answer()
    said = session.call(StartExec(id))
    return Hijacked(_pieces(said, values.get("Tty", False)), "application/vnd.docker.raw-stream")


def _pieces(said: ExecAnswer, tty: bool) -> Iterator[bytes]:
    """A terminal has one stream only, and ends its lines in its own way."""
    if tty:
        yield (said.stdout + said.stderr).replace("\n", "\r\n").encode("utf-8", "replace")
        return
    yield from (frame(number, text) for number, text in ((1, said.stdout), (2, said.stderr)) if text)


def inspect(session: Session, asked: Asked) -> Answer:
    record: ExecRecord = session.call(GetExec(asked.names["ref"]))
    wish = record.wish
    running = record.started and record.code is None
    return Answer(
        body={
            "ID": record.id,
            "Running": running,
            "ExitCode": record.code,
            "ProcessConfig": {
                "tty": False,
                "entrypoint": wish.words[0],
                "arguments": list(wish.words[1:]),
                "privileged": False,
                **({"user": wish.user} if wish.user else {}),
            },
            "OpenStdin": False,
            "OpenStderr": True,
            "OpenStdout": True,
            "CanRemove": False,
            "ContainerID": record.container,
            "DetachKeys": "",
            "Pid": made_up_pid(record.id) if record.started else 0,
        }
    )


def resize(session: Session, asked: Asked) -> Answer:
    """The size of a terminal changes nothing here."""
    session.call(GetExec(asked.names["ref"]))
    return Answer()


ROUTES = (
    ("POST", "/containers/{ref}/exec", create),
    ("POST", "/exec/{ref}/start", start),
    ("POST", "/exec/{ref}/resize", resize),
    ("GET", "/exec/{ref}/json", inspect),
)
