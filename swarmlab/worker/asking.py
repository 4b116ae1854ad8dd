"""Requests that containers of this machine make of their own accord, over the network as any other, and their answers.

Each has a number below 0 that no other request has, and a time after which nobody waits for it any more. What is said in it
(`body`) is plain data.
"""

from collections.abc import Callable
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from ..effects import SECOND, Tell
from ..overlay.wire import Response, Visit

if TYPE_CHECKING:
    from .executor import Executor

PATIENCE = 5 * SECOND
TIMED_OUT = "timed out"


class Target(NamedTuple):
    """Whom to ask: a name or an address, and a port."""

    host: str
    port: int
    over: str = ""  # only in networks whose names end so, if the container has one
    name: str = ""  # as whoever chose it calls it
    patience: int = PATIENCE  # µs


class Asked(NamedTuple):
    """One request that is under way."""

    key: str  # whose it is; '' for the machine's own
    started_at: int  # of that container
    then: Callable  # (here, asked, response, now) → effects
    about: Any
    since: int
    number: int = 0


def target(text: str, patience: int = PATIENCE) -> Target:
    """`rabbit:5672` as a target; without a port it is 80."""
    host, _, port = text.partition(":")
    return Target(host, int(port) if port.isascii() and port.isdigit() and int(port) else 80, patience=patience)


def ask(
    here: "Executor", key: str, then: Callable, about: Any, to: Target, now: int, path: str = "/", **more: Any
) -> list:
    """Send a request; `then` hears what has come of it, if the container still runs."""
    number = _next_number(here, now)
    started_at = here.boxes[key].container.started_at if key else 0
    here.asked[number] = Asked(key, started_at, then, about, now, number)
    here.set(now + to.patience, "silent", key, (number,))
    return [Tell("mesh", Visit(number, to.port, path, to.host, key, over=to.over, **more))]


def tell(here: "Executor", key: str, to: Target, now: int, path: str, body: Any) -> list:
    """Send a request for whose answer nobody waits."""
    return [Tell("mesh", Visit(_next_number(here, now), to.port, path, to.host, key, over=to.over, body=body))]


def _next_number(here: "Executor", now: int) -> int:
    """One that no other request of any machine has, before or after a reboot."""
    here.asks += 1
    return -1 - int(sha256(f"{here.machine} {now} {here.asks}".encode()).hexdigest()[:15], 16)


def heard(here: "Executor", response: Response, now: int) -> list:
    """An answer has come, or the network has given one."""
    asked = here.asked.pop(response.request)
    box = here.boxes.get(asked.key)
    runs = box and (box.container.state, box.container.started_at) == ("running", asked.started_at)
    return asked.then(here, asked, response, now) if runs or not asked.key else []


def silent(here: "Executor", number: int, now: int) -> list:
    """Nobody has answered in time, if it is still open."""
    return heard(here, Response(number, 0, error=TIMED_OUT), now) if number in here.asked else []
