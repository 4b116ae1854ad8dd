"""The health checks of the containers of one machine: when they begin, what they find, who hears of it.

The check `exit 1`, `true`, `sleep 5; exit 1` does what it says, and `test -f FILE` looks into the container. Any other asks the pretended application: one that is not
well says so, or says nothing; where requests queue the check waits in the same line, so that it can time out because of
them; and one that needs another service asks that, too, over the mesh.
"""

# Simpler than in reality (docs/simplifications.md): probes, check-in-line

from typing import TYPE_CHECKING, NamedTuple

from ..effects import NEVER, Note, Tell
from ..events import HealthChanged, ProbeEnded
from ..messages import HealthIs, Probed, Waits
from ..objects import HealthConfig
from ..overlay.wire import Response, Visit
from . import health, images, programs, questions, shell
from .box import Box
from .images import HANGS, WELL, Image
from .serving import CROWD, Question, needs_of

if TYPE_CHECKING:
    from .executor import Executor

OK = 200
LOOK = ("test ", "[ ", "cat ")  # how checks begin that look at files


class Check(NamedTuple):
    """A health check that is under way."""

    started_at: int  # of its container
    begin: int
    ahead: int  # requests that were in the container's line when it began
    number: int = 0  # of its own request, 0 for none


def watched(here: "Executor", key: str, box: Box, now: int) -> Box:
    """A container that has just started, with the first check ahead of it; without a check nothing is known of it."""
    check = _check(here, box)
    known = health.begun(box.container.health) if check else None
    if check and known:
        here.set(now + health.pause(check, known, 0), "probe", key, (now,))
    return box._replace(container=box.container._replace(health=known))


def begin(here: "Executor", key: str, started_at: int, now: int) -> list:
    """A check begins. Often it is known now how it will end, as the application is a pretended one."""
    box = _running(here, key, started_at)
    check = box and _check(here, box)
    if not box or not check:
        return []
    image, line = here.image(box.container.image), here.lines.get(key)
    mood = line.mood if line else images.mood(image, now - started_at)
    found, ahead = _look(here, key, check) or find(image, check, mood), len(line.queue) if line else 0
    waits, needs = line is not None and line.matters, needs_of(box, image)
    if found.code or found.took == NEVER or not found.asks or not (waits or needs):
        here.checks[key] = Check(started_at, now, ahead)
        in_time = found.took < check.timeout
        result = (
            health.ended(now, now + found.took, found.code, found.output) if in_time else health.timed_out(check, now)
        )
        here.set(result.end, "probed", key, (started_at, result))
        return []
    here.set(now + check.timeout, "late", key, (started_at, now))
    number = -1 - (here.dice.getrandbits(60) if needs else here.alarm_number)  # one that no other request has
    here.checks[key] = Check(started_at, now, ahead, number)
    if line and waits:
        line.ask(Question(number), image.probe, now)
        return [Tell("traffic", Waits(key))]
    return _ask(needs, key, number)


def worked(here: "Executor", key: str, number: int, now: int) -> list:
    """The line has come to a check, and the application has looked at itself."""
    box, check = here.boxes.get(key), here.checks.get(key)
    if not box or not check or check.number != number:
        return []
    needs = needs_of(box, here.image(box.container.image))
    return _ask(needs, key, number) if needs else _found(here, key, check, 0, "ok", now)


def reached(here: "Executor", response: Response, now: int) -> list:
    """The service that an application needs has answered its check, or nobody has."""
    key = next((key for key, check in here.checks.items() if check.number == response.request), None)
    if key is None:
        return []  # it was given up, or its container has ended
    box = here.boxes[key]
    image, line = here.image(box.container.image), here.lines.get(key)
    end = now if line and line.matters else now + image.probe
    if response.status == OK:
        return _found(here, key, here.checks[key], 0, "ok", end)
    why = response.error or f"status {response.status}"
    return _found(here, key, here.checks[key], 1, f"{needs_of(box, image)}: {why}", end)


def late(here: "Executor", key: str, started_at: int, began: int, now: int) -> list:
    """A check has had its time: if it is still under way it is given up. The request in the line stays there."""
    check, box = here.checks.get(key), _running(here, key, started_at)
    config = box and _check(here, box)
    if not config or not check or check[:2] != (started_at, began):
        return []
    return end(here, key, started_at, health.timed_out(config, began), now)


def end(here: "Executor", key: str, started_at: int, result: Probed, now: int) -> list:
    """A check has ended: the next one is due after a pause, and whoever waits for a new verdict hears it."""
    box = _running(here, key, started_at)
    check = box and _check(here, box)
    under_way = here.checks.get(key)
    if not box or not check or not under_way or under_way[:2] != (started_at, result.start):
        return []
    del here.checks[key]
    container, before = box.container, box.container.health or health.begun()
    after = health.judged(check, before, started_at, result)
    here.set(now + health.pause(check, after, now - started_at), "probe", key, (started_at,))
    effects = [here.keep(key, box._replace(container=container._replace(health=after)), vital=False)]
    effects.append(Note(_told(here, key, box, under_way, result, before.streak, after.streak)))
    if after.status == before.status:
        return effects
    here.recent.note(now, "container", f"health_status: {after.status}", container)
    fact = HealthChanged(container.id, container.task, after.status, after.streak)
    return [*effects, Note(fact), Tell(here.owner[key], HealthIs(key, after.status))]


def _found(here: "Executor", key: str, check: Check, code: int, output: str, at: int) -> list:
    """It ends so, unless it is given up before."""
    result = health.ended(check.begin, at, code, output)
    here.checks[key] = check._replace(number=0)
    here.set(at, "probed", key, (check.started_at, result))
    return []


def _ask(needs: str, key: str, number: int) -> list:
    return [Tell("mesh", Visit(number, 80, "/", needs, key))]


def _told(here: "Executor", key: str, box: Box, check: Check, result: Probed, before: int, after: int) -> ProbeEnded:
    line, container, code = here.lines.get(key), box.container, result.code
    workers = line.workers if line and line.workers < CROWD else 0
    said = result.output if code else ""
    return ProbeEnded(
        container.id, container.task, check.begin, code, after, not code or after > before, check.ahead, workers, said
    )


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
    asks: bool = True  # the application, which may have other things to do


def _look(here: "Executor", key: str, check: HealthConfig) -> Finding | None:
    """What a check finds among the files of its container; None for one that asks the application."""
    words = check.test[1:]
    if not " ".join(words).startswith(LOOK):
        return None
    inside = questions.seen(here, key, questions.own_user(here.boxes[key]))
    try:
        ran = shell.script(inside, words[0]) if check.test[0] == "CMD-SHELL" else shell.run(inside, words)
    except programs.Unknown:
        return None
    return Finding(here.image(here.boxes[key].container.image).probe, ran.code, ran.out + ran.err, asks=False)


def find(image: Image, check: HealthConfig, mood: str) -> Finding:
    """The outcome of a check that meets an application in this mood, and nobody else before it."""
    command = images.lifetime(image, check.test[1:]) if check.test[1:] else None
    if command:
        return Finding(image.probe + command[0], command[1], asks=False)
    if mood == HANGS:
        return Finding(NEVER, 0)
    return Finding(image.probe, 0, "ok") if mood == WELL else Finding(image.probe, 1, mood)
