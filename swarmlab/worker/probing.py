"""The health checks of the containers of one machine: when they begin, what they find, who hears of it.

The check `exit 1`, `true`, `sleep 5; exit 1` does what it says. Any other asks the pretended application, which is well or
sick as `images.yml` has it.
"""

from typing import TYPE_CHECKING, NamedTuple

from ..effects import NEVER, Note, Tell
from ..events import HealthChanged
from ..messages import HealthIs, Probed
from ..objects import HealthConfig
from . import health, images
from .box import Box
from .images import Image

if TYPE_CHECKING:
    from .executor import Executor


def watched(here: "Executor", key: str, box: Box, now: int) -> Box:
    """A container that has just started, with the first check ahead of it; without a check nothing is known of it."""
    check = _check(here, box)
    known = health.begun(box.container.health) if check else None
    if check and known:
        here.set(now + health.pause(check, known, 0), "probe", key, (now,))
    return box._replace(container=box.container._replace(health=known))


def begin(here: "Executor", key: str, started_at: int, now: int) -> list:
    """A check begins. How it will end is known now, as the application is a pretended one."""
    box = _running(here, key, started_at)
    check = box and _check(here, box)
    if not box or not check:
        return []
    found = find(here.image(box.container.image), check, now - started_at)
    in_time = found.took < check.timeout
    result = health.ended(now, now + found.took, found.code, found.output) if in_time else health.timed_out(check, now)
    here.set(result.end, "probed", key, (started_at, result))
    return []


def end(here: "Executor", key: str, started_at: int, result: Probed, now: int) -> list:
    """A check has ended: the next one is due after a pause, and whoever waits for a new verdict hears it."""
    box = _running(here, key, started_at)
    check = box and _check(here, box)
    if not box or not check:
        return []
    container, before = box.container, box.container.health or health.begun()
    after = health.judged(check, before, started_at, result)
    here.set(now + health.pause(check, after, now - started_at), "probe", key, (started_at,))
    kept = here.keep(key, box._replace(container=container._replace(health=after)), vital=False)
    if after.status == before.status:
        return [kept]
    here.recent.note(now, "container", f"health_status: {after.status}", container)
    fact = HealthChanged(container.id, container.task, after.status, after.streak)
    return [kept, Note(fact), Tell(here.owner[key], HealthIs(key, after.status))]


def _running(here: "Executor", key: str, started_at: int) -> Box | None:
    """The container, if it still runs, and has not been started anew."""
    box = here.boxes.get(key)
    return box if box and (box.container.state, box.container.started_at) == ("running", started_at) else None


def _check(here: "Executor", box: Box) -> HealthConfig | None:
    return health.complete(box.container.settings.healthcheck, here.image(box.container.image).check)


# ── what a check finds ───────────────────────────────────────────────────────────────────────────────────────────


class Finding(NamedTuple):
    """How long the check works, and what it says then."""

    took: int  # µs; NEVER: it hangs
    code: int
    output: str = ""


def find(image: Image, check: HealthConfig, age: int) -> Finding:
    """The outcome of a check that begins so long (µs) after the container's start."""
    command = images.lifetime(image, check.test[1:]) if check.test[1:] else None
    if command:
        return Finding(image.probe + command[0], command[1])
    if not is_sick(image, age):
        return Finding(image.probe, 0, "ok")
    if image.sick and image.sick.hangs and age >= image.well:
        return Finding(NEVER, 0)
    return Finding(image.probe, 1, "unwell")


def is_sick(image: Image, age: int) -> bool:
    """Whether the application of such an image is unwell so long after its start, though its process runs."""
    if age < image.well:
        return True
    if image.sick is None or age < image.sick.after:
        return False
    since = age - image.sick.after
    return (since % image.sick.every if image.sick.every else since) < image.sick.lasts
