"""Pretended applications that live by their files: settings from a config, a login with a password from a secret.

`reads`: the application takes `name=value` lines from a file when it starts: `greeting` stands in its log, `answer` is how
many ms it works on a request. `login`: it logs in to a service when it starts and every few seconds; while that fails it
answers 503. `admits`: it lets in whoever has a password that is the content of one of its secrets. What crosses the network
is a digest of the password. A file that is missing or wrong ends the process with 1, as programs do.
"""

# Simpler than in reality (docs/simplifications.md): files-of-images, needs

from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from ..effects import MS, SECOND, Note, Tell
from ..events import LoggedIn, LoginFailed
from ..overlay.wire import Response, Visit
from .box import Box
from .images import UNWELL, WELL, Image

if TYPE_CHECKING:
    from .executor import Executor

EVERY, RETRY, PATIENCE = 5 * SECOND, SECOND, 2 * SECOND  # between logins, after one that failed, for an answer
PASSWORD = "/run/secrets/db_password"  # where it looks, unless DB_PASSWORD_FILE says otherwise
DOOR = "/login/"
OK, DENIED = 200, 401
NOT_ADMITTED = 'FATAL:  password authentication failed for user "shop"'


class Login(NamedTuple):
    """One that is under way."""

    key: str
    started_at: int  # of its container


# ── settings from a file ─────────────────────────────────────────────────────────────────────────────────────────


def settings(here: "Executor", key: str, image: Image) -> dict[str, str]:
    """What the file says that it reads at its start; nothing if it has none."""
    lines = _content(here, key, image.reads).splitlines() if image.reads else []
    pairs = (line.partition("=") for line in lines if line.strip() and not line.lstrip().startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def image_of(here: "Executor", key: str, image: Image) -> Image:
    """The image as the settings of this container make it."""
    answer = settings(here, key, image).get("answer", "") if image.reads else ""
    return image._replace(answer=_ms(answer), fixed=True) if answer else image


def fault(here: "Executor", key: str, box: Box, image: Image) -> str:
    """Why the process cannot go on, as it says itself; '' if it can."""
    if box.args:
        return ""
    if image.login and _password(here, key, box) is None:
        return f"fatal: {_password_file(box)}: no such file"
    if image.admits and not _admitted(here, key):
        return "fatal: no password in /run/secrets"
    answer = settings(here, key, image).get("answer", "0")
    shown = "answer" if _is_private(here, key, image.reads) else f"answer={answer}"
    return "" if _is_number(answer) else f"fatal: {image.reads}: {shown} is no number"


def says(here: "Executor", key: str, image: Image) -> tuple[tuple[str, str], ...]:
    """The line about its settings that it prints when it starts."""
    if not image.reads:
        return ()
    found = settings(here, key, image)
    told = " ".join(f"{name}={value}" for name, value in found.items())
    if _is_private(here, key, image.reads):
        told = f"{len(found)} settings"
    return (("stdout", f"{image.reads}: {told}" if found else f"no {image.reads}: as built"),)


def access(here: "Executor", key: str, image: Image) -> str:
    """The line that it prints for a request."""
    if not image.reads or _is_private(here, key, image.reads):
        return image.access
    return f"{image.access} {settings(here, key, image).get('greeting', '')}".strip()


def _is_private(here: "Executor", key: str, path: str) -> bool:
    """Whether a secret is in this file: then nothing of it is printed."""
    return any(one.path == path and one.memory for one in here.files(key))


def _ms(text: str) -> int:
    return round(float(text) * MS)


def _is_number(text: str) -> bool:
    whole, _, rest = text.partition(".")
    return whole.isascii() and whole.isdigit() and (not rest or (rest.isascii() and rest.isdigit())) and len(text) < 8


# ── who logs in ──────────────────────────────────────────────────────────────────────────────────────────────────


def log_in(here: "Executor", key: str, started_at: int, now: int) -> list:
    """Ask the service, over the network, as a request of this container."""
    box = _running(here, key, started_at)
    password = _password(here, key, box) if box else None
    if box is None or password is None:
        return []
    number = -1 - here.dice.getrandbits(60)
    here.logins[number] = Login(key, started_at)
    here.set(now + PATIENCE, "unanswered", key, (number,))
    return [Tell("mesh", Visit(number, 80, DOOR + digest(password), _service(here, box), key))]


def heard(here: "Executor", response: Response, now: int) -> list:
    """The service has answered, or the network has."""
    if response.status == OK:
        return _over(here, response.request, "", now)
    denied = "password authentication failed"
    why = response.error or (denied if response.status == DENIED else f"status {response.status}")
    return _over(here, response.request, why, now)


def unanswered(here: "Executor", key: str, number: int, now: int) -> list:
    """Nobody has answered in time, if it is still open."""
    return _over(here, number, "timed out", now) if number in here.logins else []


def _over(here: "Executor", number: int, why: str, now: int) -> list:
    login = here.logins.pop(number)
    box = _running(here, login.key, login.started_at)
    if box is None:
        return []
    here.set(now + (RETRY if why else EVERY), "login", login.key, (login.started_at,))
    known, service = here.moods.get(login.key), _service(here, box)
    mood = here.moods[login.key] = UNWELL if why else WELL
    turned = here.turn(login.key, mood, now) if known != mood and not (known is None and mood == WELL) else []
    if not why:
        return [*turned, *([] if known == WELL else [Note(LoggedIn(box.container.task, service))])]
    line = ("stderr", f"cannot log in to {service}: {why}")
    return [*turned, Note(LoginFailed(box.container.task, service, why)), *here.print(login.key, (line,), now)]


def _service(here: "Executor", box: Box) -> str:
    return _setting(box, "DB_HOST") or here.image(box.container.image).login


def _password_file(box: Box) -> str:
    return _setting(box, "DB_PASSWORD_FILE") or PASSWORD


def _password(here: "Executor", key: str, box: Box) -> str | None:
    found = any(one.path == _password_file(box) for one in here.files(key))
    return _content(here, key, _password_file(box)) if found else None


# ── who is asked ─────────────────────────────────────────────────────────────────────────────────────────────────


def knock(here: "Executor", key: str, request: int, path: str) -> None:
    """A request has come in; a login is remembered until the container has worked on it."""
    if path.startswith(DOOR):
        here.knocks[request] = path.removeprefix(DOOR)


def judged(here: "Executor", key: str, request: int) -> int:
    """The status of the answer: a login is let in by any of the passwords."""
    shown = here.knocks.pop(request, None)
    if shown is None:
        return OK
    image = here.image(here.boxes[key].container.image)
    return OK if not image.admits or shown in _admitted(here, key) else DENIED


def _admitted(here: "Executor", key: str) -> list[str]:
    return [digest(_text(one.data)) for one in here.files(key) if one.kind == "secret"]


def digest(password: str) -> str:
    """What is shown in place of a password. A line end behind it does not count."""
    return sha256(password.rstrip("\r\n").encode()).hexdigest()[:16]


def _content(here: "Executor", key: str, path: str) -> str:
    return next((_text(one.data) for one in here.files(key) if one.path == path), "")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _setting(box: Box, name: str) -> str:
    return dict(line.partition("=")[::2] for line in box.container.settings.env).get(name, "")


def _running(here: "Executor", key: str, started_at: int) -> Box | None:
    box = here.boxes.get(key)
    return box if box and (box.container.state, box.container.started_at) == ("running", started_at) else None
