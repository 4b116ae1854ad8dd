"""`docker logs` and `docker service logs`: what containers printed, and who printed it.

Source: docs.docker.com, `docker container logs`, `docker service logs`; texts as recorded from Docker 28.2.2.
"""

import re

from ..effects import NEVER, SECOND
from ..messages import GetObject, ListObjects, LogAnswer, LogLine, Logs
from ..objects import ApiError, Service, Task
from .dates import rfc3339
from .flags import Options
from .instants import instant
from .session import Exit, Screen, Session
from .units import UnitError

LOOK = SECOND  # how often --follow asks again; a real engine sends each line as it comes
INCOMPLETE = (
    "error from daemon in stream: Error grabbing logs: rpc error: code = Unknown desc = warning: incomplete log stream. "
    "some logs could not be retrieved for the following reasons: {}"
)


def container_logs(session: Session, options: Options, screen: Screen) -> None:
    request = _request(options, "container", options.words[0], session)
    _print(session, options, screen, request, Names())


def service_logs(session: Session, options: Options, screen: Screen) -> None:
    ref = options.words[0]
    try:
        target: Service | Task = session.call(GetObject("service", ref))
    except ApiError as refusal:
        if not refusal.text.endswith("not found"):
            raise
        target = _task(session, ref)
    request = _request(options, "service" if isinstance(target, Service) else "task", target.id, session)
    _print(session, options, screen, request, Names() if options["raw"] else Writers(session, options, target))


def _task(session: Session, ref: str) -> Task:
    try:
        return session.call(GetObject("task", ref))
    except ApiError as refusal:
        if refusal.text.endswith("not found"):
            raise Exit(f"no such task or service: {ref}") from None
        raise


def _request(options: Options, kind: str, ref: str, session: Session) -> Logs:
    tail = options["tail"]
    most = int(tail) if re.fullmatch(r"\d{1,9}", tail, re.ASCII) else -1  # Docker takes any other text for `all`
    since, until = (_time(options, flag, session.now) for flag in ("since", "until"))
    return Logs(kind, ref, since or 0, NEVER if until is None else until, most)


def _time(options: Options, flag: str, now: int) -> int | None:
    text = options.flags.get(flag)
    try:
        return instant(text, now) if text else None
    except UnitError as fault:
        raise ApiError(f'invalid value for "{flag}": {fault.text}') from None


class Names:
    """Whose line it is does not stand before it."""

    def prefix(self, line: LogLine) -> str:
        return ""


class Writers(Names):
    """`web.1.<task id>@node1    | `: the task and the node of each line."""

    def __init__(self, session: Session, options: Options, target: Service | Task):
        self.tasks = {task.id: task for task in session.call(ListObjects("task"))}
        self.hosts = {node.id: node.hostname for node in session.call(ListObjects("node"))}
        self.options = options
        self.width = len(str(_highest_slot(target)))

    def prefix(self, line: LogLine) -> str:
        task = self.tasks.get(line.task)
        if task is None:
            return ""
        resolve = not self.options["no-resolve"]
        name = f"{task.service_name if resolve else task.service}.{task.slot}"  # a global task has slot 0 here
        if not self.options["no-task-ids"]:
            name += f".{task.id if self.options['no-trunc'] else task.id[:12]}"
        host = self.hosts.get(line.node, line.node) if resolve else line.node
        return f"{name}@{host}{' ' * (self.width - len(str(task.slot)))}    | "


def _highest_slot(target: Service | Task) -> int:
    if isinstance(target, Task):
        return target.slot
    return target.spec.replicas if target.spec.mode == "replicated" else 1


def _print(session: Session, options: Options, screen: Screen, request: Logs, names: Names) -> None:
    """The lines so far; with --follow also those that come, until the person's time is over."""
    answer = session.call(request)
    _show(answer, options, screen, names)
    while options["follow"]:
        seen = session.now
        session.wait(LOOK)
        answer = session.call(request._replace(since=seen + 1, tail=-1))
        _show(answer, options, screen, names)


def _show(answer: LogAnswer, options: Options, screen: Screen, names: Names) -> None:
    for line in answer.lines:
        time = f"{rfc3339(line.time, fixed=True)} " if options["timestamps"] else ""
        text = time + names.prefix(line) + line.text
        if line.stream == "stderr":
            screen.warn(text)
        else:
            screen.say(text)
    if answer.missing and not options["follow"]:  # whoever follows is told when the stream ends, which is never
        raise Exit(INCOMPLETE.format(", ".join(answer.missing)))


RUN = {"logs": container_logs, "service logs": service_logs}
