"""What the pretended applications of one machine answer, and in which mood: requests that come to containers one by one.

A container that has no line works on each request by itself. Requests that come by the thousand do not pass here: they join
the same lines, see `swarmlab.traffic`.
"""

# Simpler than in reality (docs/simplifications.md): unwell, turned-away

from typing import TYPE_CHECKING

from ..effects import NEVER, Tell
from ..messages import Dropped, Serve, Served, Waits
from . import application, apps, images
from .images import Image
from .serving import CROWD, Question, Single, workers_of

if TYPE_CHECKING:
    from .executor import Executor

BUSY = 503  # what an application says that turns a visitor away


# ── requests ─────────────────────────────────────────────────────────────────────────────────────────────────────


def serve(here: "Executor", sender: str, wish: Serve, now: int) -> list:
    """A request has come: it is worked on, waits in line, or is turned away."""
    request, key = wish.request, wish.key
    if not here.listens(key, now):
        return [Tell(sender, Served(request, key, 0))]
    if (done := apps.take(here, sender, wish, now)) is not None:
        return done
    box = here.boxes[key]
    image = application.image_of(here, key, here.image(box.container.image))
    application.knock(here, key, request, wish.path)
    took = here.work(image)
    here.begun[request] = apps.Begun(key, now, wish.port, wish.origin, wish.traced, wish.depth)
    here.tally(key).busy += took
    line = here.lines.get(key) or (here.line(key, now) if workers_of(box, image) < CROWD else None)
    if line and line.matters:
        if line.queue.take(Single(request, sender), took, now):
            return [Tell("traffic", Waits(key))]
        del here.begun[request]
        here.tally(key).busy -= took
        return [Tell(sender, Served(request, key, BUSY))]
    here.set(now + took, "served", key, (request, sender))
    return []


def served(here: "Executor", key: str, request: int, sender: str, now: int) -> list:
    """A request has been worked on: the answer, and what the container prints."""
    if not here.is_running(key):
        here.knocks.pop(request, None)
        here.begun.pop(request, None)
        return [Tell(sender, Served(request, key, 0))]
    app = here.apps.get(key)
    if app and request in here.begun:
        return apps.worked(here, key, app, request, sender, now)
    if begun := here.begun.pop(request, None):
        tally = here.tally(key)
        tally.requests, tally.took = tally.requests + 1, tally.took + now - begun.since
    status = application.judged(here, key, request)
    effects: list = [Tell(sender, Served(request, key, status))]
    if status == application.DENIED:
        effects += here.print(key, (("stderr", application.NOT_ADMITTED),), now)
    access = application.access(here, key, here.image(here.boxes[key].container.image))
    return [*effects, *(here.print(key, (("stdout", access),), now) if access else [])]


def close(here: "Executor", key: str) -> list:
    """The container has ended: whoever stood in its line hears so."""
    here.checks.pop(key, None)
    return drop(here, key)


def drop(here: "Executor", key: str) -> list:
    """Nobody works on what stands in the line of a container any more."""
    line = here.lines.pop(key, None)
    if line is None:
        return []
    line.open, left = False, line.queue.drop()
    alone = [Tell(one.sender, Served(one.request, key, 0)) for one in left if isinstance(one, Single)]
    many = tuple(one for one in left if not isinstance(one, Single | Question))
    return [*alone, Tell("traffic", Dropped(key, many, tuple(line.talks)))]


# ── moods ────────────────────────────────────────────────────────────────────────────────────────────────────────


def await_turn(here: "Executor", key: str, image: Image, started_at: int, age: int) -> None:
    """Applications of some images do not stay as they are."""
    at = images.next_turn(image, age)
    if at < NEVER:
        here.set(started_at + at, "turn", key, (started_at,))


def turned(here: "Executor", key: str, started_at: int, now: int) -> list:
    """An application of such an image gets up, falls ill, or recovers."""
    box = here.boxes.get(key)
    if not box or (box.container.state, box.container.started_at) != ("running", started_at):
        return []
    image = here.image(box.container.image)
    await_turn(here, key, image, started_at, now - started_at)
    return here.turn(key, images.mood(image, now - started_at), now)
