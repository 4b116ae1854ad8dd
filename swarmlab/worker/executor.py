"""The pretend container runtime: pulls images, makes containers, lets them run, and stops them.

It does for the agent and for the engine what containerd does on a real machine, with times and exit codes taken
from `images.yml`. Whoever prepared a container hears of its end. Images and containers are on disk; what ran when
the machine lost power does not run afterwards. Source: Docker documentation, "docker image pull", "docker container
run" (exit codes) and "docker container stop".
"""

import heapq
from math import log
from typing import NamedTuple

from ..effects import MS, NEVER, SECOND, Dice, Disk, Note, Received, Save, Send, Started, Tell, Told, Woken
from ..events import ContainerCreated, ContainerExited, ContainerRemoved, ContainerStarted, ImagePulled, PullStarted
from ..messages import (
    Broken,
    Call,
    Container,
    Discard,
    Exited,
    ListContainers,
    Prepare,
    Prepared,
    Reply,
    Running,
    Serve,
    Served,
    Start,
    Stop,
)
from . import identity, images
from .registry import Absent, Layers, Pull

CREATE_TIME = 5 * MS  # file system, network namespace
PULL_PATIENCE = 60 * SECOND  # then the registry is asked again; doubled each time, for images too large for the line
KILLED = 137  # 128 + SIGKILL
TASK_LABEL = "com.docker.swarm.task.id"


class Box(NamedTuple):
    """One container with what it takes to start it."""

    container: Container
    args: tuple[str, ...]


class Alarm(NamedTuple):
    """Something that is due at `time`: about a container, or about the pull of an image."""

    time: int
    number: int  # first set, first due
    what: str  # pull · create · start · exit · served
    key: str
    about: tuple


class Executor:
    """All containers of one machine, each under the key with which it was asked for."""

    def __init__(self, machine: str, disk: Disk, dice: Dice):
        self.machine = machine
        self.dice = dice
        self.images: tuple[str, ...] = disk.values.get("images", ())
        self.boxes = {name.removeprefix("box "): box for name, box in disk.values.items() if name.startswith("box ")}
        self.wanted: dict[str, Prepare] = {}  # asked for, not made yet
        self.owner: dict[str, str] = {}  # key → the core that hears of it
        self.alarms: list[Alarm] = []
        self.alarm_number = 0

    @property
    def deadline(self) -> int:
        return self.alarms[0].time if self.alarms else NEVER

    def step(self, event, now: int) -> list:
        match event:
            case Woken():
                return self._ring(now)
            case Told(sender, Serve(request, key)):
                return self._serve(sender, request, key, now)
            case Told(sender, Prepare() as wish):
                return self._prepare(sender, wish, now)
            case Told(sender, Start(key)):
                return self._start(sender, key, now)
            case Told(sender, Stop(key, grace)):
                return self._stop(sender, key, grace, now)
            case Told(sender, Discard(key)):
                return self._discard(sender, key, now)
            case Told(sender, Call(number, ListContainers(everything))):
                return [Tell(sender, Reply(number, self._listed(everything)))]
            case Received(_, Layers(reference, size)):
                return self._pulled(reference, size, now)
            case Received(_, Absent(reference, reason)):
                return self._not_pulled(reference, reason)
            case Started():
                return self._find_the_dead(now)
        return []

    # ── images ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _prepare(self, sender, wish, now):
        self.owner[wish.key] = sender
        if wish.key in self.boxes:  # made before the machine went down
            return [Tell(sender, Prepared(wish.key, self.boxes[wish.key].container.id))]
        reference = images.full(wish.image)
        pulling = self._waiting_for(reference)
        self.wanted[wish.key] = wish
        # SwarmKit's agent asks the registry even for an image that is there, to get a newer one of the same tag;
        # our registry never has newer ones, so we do not.
        if reference in self.images:
            self._set(now + CREATE_TIME, "create", wish.key)
        elif not pulling:
            return [Note(PullStarted(reference)), self._ask(reference, PULL_PATIENCE, now)]
        return []

    def _waiting_for(self, reference):
        return [key for key, wish in self.wanted.items() if images.full(wish.image) == reference]

    def _ask(self, reference, patience, now):
        self._set(now + patience, "pull", reference, (patience * 2,))
        return Send("registry", "registry", Pull(reference))

    def _pull_overdue(self, reference, patience, now):
        missing = reference not in self.images and self._waiting_for(reference)
        return [self._ask(reference, patience, now)] if missing else []

    def _pulled(self, reference, size, now):
        if reference in self.images:
            return []
        self.images = (*self.images, reference)
        for key in self._waiting_for(reference):
            self._set(now + CREATE_TIME, "create", key)
        return [Save("images", self.images), Note(ImagePulled(reference, size))]

    def _not_pulled(self, reference, reason):
        effects = []
        for key in self._waiting_for(reference):
            del self.wanted[key]
            owner = self.owner.pop(key)
            # The agent of 20.10 shrugs at a failed pull and then does not find the image; `docker run` says why.
            effects.append(Tell(owner, Broken(key, f"No such image: {reference}" if owner == "agent" else reason)))
        return effects

    # ── the life of a container ──────────────────────────────────────────────────────────────────────────────────

    def _created(self, key, now):
        wish = self.wanted.pop(key, None)
        if wish is None:
            return []
        task = wish.labels.get(TASK_LABEL, "")
        box = Box(
            Container(
                id=identity.container_id(self.dice) if task else key,
                name=wish.name,
                image=wish.image,
                command=images.command_line(self._image(wish.image), wish.args),
                created_at=now,
                state="created",
                state_at=now,
                exit_code=0,
                ports=wish.ports,
                task=task,
                labels=wish.labels,
            ),
            wish.args,
        )
        fact = ContainerCreated(box.container.id, wish.name, wish.image, task)
        return [self._keep(key, box), Note(fact), Tell(self.owner[key], Prepared(key, box.container.id))]

    def _start(self, sender, key, now):
        box = self.boxes.get(key)
        if box is None:
            return [Tell(sender, Broken(key, f"No such container: {key}"))]
        self.owner[key] = sender
        if box.container.state == "created":
            self._set(now + self._image(box.container.image).start, "start", key)
        return []

    def _started(self, key, now):
        box = self.boxes.get(key)
        if box is None or box.container.state != "created":
            return []
        ends = images.lifetime(self._image(box.container.image), box.args)
        if ends:
            self._set(now + ends[0], "exit", key, (ends[1],))
        fact = ContainerStarted(box.container.id, box.container.task)
        return [self._keep(key, changed(box, "running", now)), Note(fact), Tell(self.owner[key], Running(key))]

    def _stop(self, sender, key, grace, now):
        box = self.boxes.get(key)
        if box is None or box.container.state == "exited":
            return [Tell(sender, Exited(key, box.container.exit_code if box else 0))]
        if box.container.state == "created":
            return self._end(key, box, KILLED, now)
        image = self._image(box.container.image)
        obeys = image.stop is not None and image.stop < grace
        when, code = (image.stop, image.stop_code) if obeys else (grace, KILLED)
        self._set(now + when, "exit", key, (code,))
        return []

    def _exited(self, key, code, now):
        box = self.boxes.get(key)
        return self._end(key, box, code, now) if box and box.container.state == "running" else []

    def _end(self, key, box, code, now):
        fact = ContainerExited(box.container.id, box.container.task, code)
        ended = self._keep(key, changed(box, "exited", now, code))
        return [ended, Note(fact), Tell(self.owner[key], Exited(key, code))]

    def _discard(self, sender, key, now):
        self.wanted.pop(key, None)
        box = self.boxes.get(key)
        if box is None:
            return []
        effects = []
        if box.container.state == "running":
            effects.append(Note(ContainerExited(box.container.id, box.container.task, KILLED)))
        if box.container.state != "exited" and self.owner.get(key, sender) != sender:
            effects.append(Tell(self.owner[key], Exited(key, KILLED)))  # removed by hand: the agent must know
        del self.boxes[key]
        self.owner.pop(key, None)
        return [*effects, Save(f"box {key}", None), Note(ContainerRemoved(box.container.id, box.container.task))]

    def _find_the_dead(self, now):
        """Containers do not survive a power cut; with the engine's default restart policy `no` they stay down."""
        running = [(key, box) for key, box in self.boxes.items() if box.container.state == "running"]
        return [self._keep(key, changed(box, "exited", now, KILLED)) for key, box in running]

    # ── requests ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _serve(self, sender, request, key, now):
        if not self._is_running(key):
            return [Tell(sender, Served(request, key, 0))]
        image = self._image(self.boxes[key].container.image)
        took = image.answer if image.fixed else round(-image.answer * log(1 - self.dice.random()))
        self._set(now + took, "served", key, (request, sender))
        return []

    def _served(self, key, request, sender):
        return [Tell(sender, Served(request, key, 200 if self._is_running(key) else 0))]

    def _is_running(self, key):
        return key in self.boxes and self.boxes[key].container.state == "running"

    # ── bookkeeping ──────────────────────────────────────────────────────────────────────────────────────────────

    def _listed(self, everything):
        newest_first = sorted((box.container for box in self.boxes.values()), key=lambda c: -c.created_at)
        return tuple(c for c in newest_first if everything or c.state == "running")

    def _image(self, reference):
        image = images.find(reference)
        assert image, f"no container is made of {reference}, which does not exist"
        return image

    def _keep(self, key, box):
        self.boxes[key] = box
        return Save(f"box {key}", box)

    def _set(self, time, what, key, about=()):
        self.alarm_number += 1
        heapq.heappush(self.alarms, Alarm(time, self.alarm_number, what, key, about))

    def _ring(self, now):
        effects = []
        while self.deadline <= now:
            effects += self._due(heapq.heappop(self.alarms), now)
        return effects

    def _due(self, alarm, now):
        match alarm.what:
            case "pull":
                return self._pull_overdue(alarm.key, *alarm.about, now)
            case "create":
                return self._created(alarm.key, now)
            case "start":
                return self._started(alarm.key, now)
            case "exit":
                return self._exited(alarm.key, *alarm.about, now)
        return self._served(alarm.key, *alarm.about)


def changed(box: Box, state: str, now: int, code: int = 0) -> Box:
    """The same container in another state."""
    return box._replace(container=box.container._replace(state=state, state_at=now, exit_code=code))
