"""What people ask one machine about its containers, their output, its images, volumes and events.

Source: Docker Engine API v1.41, "Container", "Image", "Volume", "System/events".
"""

from typing import TYPE_CHECKING, Any

from ..messages import (
    CreateVolume,
    Events,
    ExecAnswer,
    ExecIn,
    FetchLogs,
    FileInside,
    GetUsage,
    ListContainers,
    ListImages,
    ListVolumes,
    LogLine,
    RemoveImage,
    RemoveVolume,
    Usage,
)
from ..objects import ApiError
from ..trust import tokens
from . import logs, programs, shell
from .box import Box

PASSWD = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n"

if TYPE_CHECKING:
    from .executor import Executor


def answered(here: "Executor", request: Any, now: int) -> tuple[list, Any]:
    """What the request changes, and the answer. Raises ApiError."""
    containers = [box.container for box in here.boxes.values()]
    match request:
        case ListContainers(everything):
            return [], _listed(containers, everything)
        case FetchLogs():
            return [], _lines(here, request)
        case ListImages():
            return [], here.shelf.listed(containers)
        case RemoveImage(ref, force):
            return here.shelf.remove(ref, force, containers, now), None
        case ListVolumes():
            return [], here.volumes.listed(containers)
        case CreateVolume():
            return here.volumes.create(request, tokens.container_id(here.dice), now)
        case RemoveVolume(ref):
            return here.volumes.remove(ref, containers, now), None
        case GetUsage(id):
            return [], _usage(here, id)
        case ExecIn():
            return _executed(here, request, now)
        case Events(since, until):
            return [], here.recent.between(since, until)
    raise ApiError(f"{type(request).__name__} is not possible here")


def _usage(here: "Executor", id: str) -> Usage:
    """One that does not run, or is not there any more, uses nothing."""
    for key, box in here.boxes.items():
        if box.container.id == id and box.container.state == "running":
            return Usage(True, here.tally(key).busy, here.image(box.container.image).memory)
    return Usage()


def _listed(containers: list, everything: bool) -> tuple:
    newest_first = sorted(containers, key=lambda container: -container.created_at)
    return tuple(container for container in newest_first if everything or container.state == "running")


def _lines(here: "Executor", wish: FetchLogs) -> tuple[LogLine, ...]:
    found: list[LogLine] = []
    seen = dict(wish.seen)
    for key, box in ((key, here.boxes.get(key) or here.farewells.get(key)) for key in wish.tasks):
        if box is None:
            continue
        own = logs.chosen(box.log, seen.get(key, wish.since), wish.until, wish.tail)
        found += [line._replace(task=box.container.task) for line in own]
    return tuple(found)


# ── commands in containers ───────────────────────────────────────────────────────────────────────────────────────


def _executed(here: "Executor", wish: ExecIn, now: int) -> tuple[list, ExecAnswer]:
    """What a command in a container prints, and how it ends; what cannot be pretended is said. Raises ApiError."""
    box = here.boxes.get(wish.key)
    if box is None or box.container.state != "running":
        raise ApiError("the container has ended meanwhile")
    container = box.container
    for word in ("exec_create", "exec_start"):
        here.recent.note(now, "container", f"{word}: {' '.join(wish.words)}", container)
    user = programs.user_of(wish.user) if wish.user else own_user(box)
    if user is None:
        text = f"unable to find user {wish.user.partition(':')[0]}: no matching entries in passwd file"
        return [], ExecAnswer(126, text + "\n")
    inside = seen(here, wish.key, user, wish.env, wish.folder)
    if not inside.folder.startswith("/") or not programs.is_folder(inside, programs.absolute(inside, ".")):
        why = f'chdir to cwd ("{wish.folder}") set in config.json failed: no such file or directory: unknown'
        return [], ExecAnswer(126, f"OCI runtime exec failed: exec failed: unable to start container process: {why}\n")
    try:
        ran = shell.run(inside, wish.words)
    except programs.Unknown as unknown:
        return [], ExecAnswer(1, "", shell.MISSING.format(unknown) + "\n")
    here.recent.note(now, "container", "exec_die", container, ("exitCode", str(ran.code)))
    answer = ExecAnswer(ran.code, ran.out, ran.err)
    if not ran.written:
        return [], answer
    written = {path: (path, data, time) for path, data, time in box.written}
    written |= {path: (path, data, now) for path, data in ran.written}
    return [here.keep(wish.key, box._replace(written=tuple(written.values())), vital=False)], answer


def own_user(box: Box) -> tuple[str, str]:
    """uid and gid of the container's own processes, and of its health checks."""
    return programs.user_of(box.container.settings.user) or ("1000", "1000")  # a name that its image may know


def seen(
    here: "Executor", key: str, user: tuple[str, str] = ("0", "0"), env: tuple[str, ...] = (), folder: str = ""
) -> programs.Inside:
    """What a command finds in this container."""
    box = here.boxes[key]
    hostname = box.container.settings.hostname or box.container.id[:12]
    base = (("/etc/hostname", f"{hostname}\n"), ("/etc/passwd", PASSWD))
    files = {path: FileInside("system", "", "", path, text.encode(), mode=0o644) for path, text in base}
    files |= {path: shell.new_file(path, data) for path, data, _ in box.written}
    files |= {one.path: one for one in here.files(key)}
    lines = (f"PATH={programs.PATH}", f"HOSTNAME={hostname}", *box.container.settings.env, *env, "HOME=/root")
    known = dict(line.partition("=")[::2] for line in lines)
    times = {path: time for path, _, time in box.written}
    return programs.Inside(files, known, hostname, user, folder or "/", times, box.container.started_at)
