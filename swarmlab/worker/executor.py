"""The pretend container runtime: pulls images, makes containers, lets them run, and stops them.

It does for the agent and for the engine what containerd does on a real machine, with times and exit codes taken
from `images.yml`. Whoever prepared a container hears of its end. Images and containers are on disk; what ran when
the machine lost power does not run afterwards. Source: Docker documentation, "docker image pull", "docker container
run" (exit codes) and "docker container stop".
"""

# Simpler than in reality (docs/simplifications.md): pretended, limits

import heapq
from math import log
from typing import NamedTuple

from ..effects import MS, NEVER, SECOND, Dice, Disk, Note, Received, Save, Started, Tell, Told, Woken
from ..events import (
    ApplicationTurned,
    ContainerCreated,
    ContainerExited,
    ContainerRemoved,
    ContainerStarted,
    FileDelivered,
)
from ..messages import (
    Broken,
    Call,
    Container,
    Discard,
    Exited,
    FileInside,
    Finished,
    KeepOnly,
    Prepare,
    Prepared,
    PullImage,
    Rename,
    Reply,
    Resolved,
    Running,
    Serve,
    Start,
    Stirred,
    Stop,
    Waits,
)
from ..objects import ApiError
from ..overlay.wire import Response
from ..trust import tokens
from . import answering, application, apps, asking, health, images, logs, plain, probing, questions, shipping
from .box import Box, changed
from .events import Recent
from .measuring import Tally
from .registry import Absent, Layers
from .serving import Line, Question, room_of, workers_of
from .shelf import Shelf
from .volumes import Volumes, check_mounts

CREATE_TIME = 5 * MS  # file system, network namespace
KILLED = 137  # 128 + SIGKILL
FAREWELLS = 8  # containers whose output can still be read after they were removed
TASK_LABEL = "com.docker.swarm.task.id"


class Alarm(NamedTuple):
    """Something that is due to a container at `time`."""

    time: int
    number: int  # first set, first due
    what: str  # create · start · turn · again · exit · served · probe · probed · login · unanswered · late · those of apps
    key: str
    about: tuple


class Executor:
    """All containers of one machine, each under the key with which it was asked for."""

    def __init__(self, machine: str, disk: Disk, dice: Dice, cpus: float = 1):
        self.machine, self.cpus = machine, cpus
        self.dice = dice
        self.recent = Recent()
        self.shelf = Shelf(disk, self.recent)
        self.volumes = Volumes(disk, self.recent)
        self.boxes = {name.removeprefix("box "): box for name, box in disk.values.items() if name.startswith("box ")}
        self.wanted: dict[str, Prepare] = {}  # asked for, not made yet
        self.stoppers: dict[
            str, list[tuple[str, int]]
        ] = {}  # key → (core that asked to stop it, and hears of it; grace)
        self.owner: dict[str, str] = {}  # key → the core that hears of it
        self.alarms: list[Alarm] = []
        self.alarm_number = 0
        self.farewells: dict[str, Box] = {}  # key → a plain container that was removed: who is attached reads it still
        self.lines: dict[str, Line] = {}  # key → the requests before a running container, once there were some
        self.checks: dict[str, probing.Check] = {}  # key → the health check that is under way
        self.memory: dict[str, tuple[FileInside, ...]] = {}  # key → its files that lie in memory (tmpfs)
        self.logins: dict[int, application.Login] = {}  # by request: logins of containers here that are under way
        self.knocks: dict[int, str] = {}  # by request: logins that a container here works on, and what they show
        self.moods: dict[str, str] = {}  # key → how its last login has left it
        self.apps: dict[str, apps.App] = {}  # key → what its application does besides answering
        self.asked: dict[int, asking.Asked] = {}  # by request: what containers here have asked others
        self.asks = 0  # so many so far
        self.begun: dict[int, apps.Begun] = {}  # by request: what containers here work on
        self.tallies: dict[str, Tally] = {}  # key → what it has done since it started
        self.outboxes: dict[int, shipping.Outbox] = {}  # port → lines that leave the machine by it
        self.line_number = 0  # of the latest of them

    @property
    def deadline(self) -> int:
        return min(self.alarms[0].time, self.shelf.deadline) if self.alarms else self.shelf.deadline

    def step(self, event, now: int) -> list:
        match event:
            case Woken():
                return self._ring(now)
            case Told(sender, Serve() as wish):
                return answering.serve(self, sender, wish, now)
            case Told(_, Finished(number, key, Question.sender)):
                return probing.worked(self, key, number, now)
            case Told(_, Finished(request, key, sender)):
                return answering.served(self, key, request, sender, now)
            case Told("mesh", Response(request) as response) if request in self.asked:
                return asking.heard(self, response, now)
            case Told("mesh", Resolved() as found):
                return apps.resolved(self, found, now)
            case Told(_, Stirred(key, what)):
                self.set(now + SECOND, what, key, (self.boxes[key].container.started_at,))
            case Told("mesh", Response() as response):
                login = response.request in self.logins
                return (application.heard if login else probing.reached)(self, response, now)
            case Told(sender, Prepare() as wish):
                return self._prepare(sender, wish, now)
            case Told(sender, Start() as wish):
                return self._start(sender, wish, now)
            case Told(sender, Stop(key, grace)):
                return self._stop(sender, key, grace, now)
            case Told(_, Rename(key, name)) if key in self.boxes:
                box = self.boxes[key]
                return [self.keep(key, box._replace(container=box.container._replace(name=name)))]
            case Told(sender, Discard(key, volumes)):
                return self._discard(sender, key, now, volumes)
            case Told(sender, KeepOnly(keys)):
                return self._keep_only(sender, frozenset(keys), now)
            case Told(sender, Call(number, PullImage(image))):
                return self.shelf.answer_pull(sender, number, images.full(image), now)
            case Told(sender, Call(number, request)):
                return self._asked(sender, number, request, now)
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
        self.wanted[wish.key] = wish
        # SwarmKit's agent asks the registry even for an image that is there, to get a newer one of the same tag;
        # our registry never has newer ones, so we do not.
        if reference not in self.shelf.images:
            return self.shelf.pull(reference, now)
        self.set(now + CREATE_TIME, "create", wish.key)
        return []

    def _waiting_for(self, reference):
        return [key for key, wish in self.wanted.items() if images.full(wish.image) == reference]

    def _pulled(self, reference, size, now):
        if reference not in self.shelf.images:
            for key in self._waiting_for(reference):
                self.set(now + CREATE_TIME, "create", key)
        return self.shelf.arrived(reference, size, now)

    def _not_pulled(self, reference, reason):
        effects = self.shelf.refused(reference, reason)
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
        try:
            check_mounts(wish.settings.mounts)
        except ApiError as refusal:
            return [Tell(self.owner.pop(key), Broken(key, refusal.text))]
        task = wish.labels.get(TASK_LABEL, "")
        box = Box(
            Container(
                id=tokens.container_id(self.dice) if task else key,
                name=wish.name,
                image=wish.image,
                command=images.command_line(self.image(wish.image), wish.args),
                created_at=now,
                state="created",
                state_at=now,
                exit_code=0,
                ports=wish.ports,
                task=task,
                labels=wish.labels,
                settings=wish.settings,
            ),
            wish.args,
        )
        fact = ContainerCreated(box.container.id, wish.name, wish.image, task)
        self.recent.note(now, "container", "create", box.container)
        made = self.volumes.make_for(box.container, now)
        return [*made, self.keep(key, box), Note(fact), Tell(self.owner[key], Prepared(key, box.container.id))]

    def _start(self, sender, wish, now):
        key, fault, files, unready = wish
        box = self.boxes.get(key)
        if box is None:
            return [Tell(sender, Broken(key, f"No such container: {key}"))]
        self.owner[key] = sender
        if box.container.state == "running":
            return []
        if box.container.state == "exited" and sender == "agent":  # a task never starts twice [moby: controller.go]
            return [Tell(sender, Exited(key, box.container.exit_code))]
        if unready:
            return [Tell(sender, Broken(key, f"starting container failed: {unready}"))]
        if lost := next((one for one in box.files if one.memory and not files), None):  # a task's, started by hand
            why = f"unable to get {lost.kind} from {lost.kind} store: {lost.kind} {lost.id} not found"
            return [Tell(sender, Broken(key, why))]
        self.set(now + self.image(box.container.image).start, "start", key, (fault,))
        if files:
            return self._given(key, box, files)
        if box.container.state == "created":
            return []
        return [self.keep(key, changed(box, "created", box.container.state_at)._replace(by_hand=False))]

    def _given(self, key, box, files):
        """Its secrets and configs are put into the container; of those in memory the disk has the names alone."""
        self.memory[key] = tuple(one for one in files if one.memory)
        on_disk = tuple(one._replace(data=b"") if one.memory else one for one in files)
        facts = (FileDelivered(one.kind, one.id, one.name, box.container.task) for one in files)
        return [self.keep(key, box._replace(files=on_disk)), *map(Note, facts)]

    def files(self, key: str) -> tuple[FileInside, ...]:
        """What a container has of secrets and configs, with all that is in them."""
        inside = {one.path: one for one in self.memory.get(key, ())}
        found = (inside.get(one.path) if one.memory else one for one in self.boxes[key].files)
        return tuple(one for one in found if one)

    def _started(self, key, fault, now):
        box = self.boxes.get(key)
        if box is None or box.container.state not in ("created", "restarting"):
            return []
        image = self.image(box.container.image)
        fault = fault or application.fault(self, key, box, image)
        ends = (0, 1) if fault else images.lifetime(image, box.args)
        if ends:
            self.set(now + ends[0], "exit", key, (ends[1], now))
        said = (*logs.at_start(image, box.container.image, box.args), *application.says(self, key, image))
        lines = (("stderr", fault),) if fault else said
        box, shipped = self._printed(box, lines, now)
        running = changed(box, "running", now)
        running = running._replace(container=running.container._replace(started_at=now))
        running = probing.watched(self, key, running, now)
        answering.await_turn(self, key, image, now, -1)
        if image.login and not ends:
            self.set(now, "login", key, (now,))
        fact = ContainerStarted(box.container.id, box.container.task)
        self.recent.note(now, "container", "start", box.container)
        known = running.container.health
        answer = Running(key, known.status if known else "")
        made = [self.keep(key, running), Note(fact), *shipped]
        more = [] if ends else apps.begin(self, key, running, image, now)
        return [*made, *more, Tell(self.owner[key], answer)]

    def _printed(self, box, lines, now):
        """The box with what its container has just printed, and the facts of lines that were shipped."""
        driver = box.container.settings.log_driver
        log = logs.kept(box.log, driver, lines, now)
        shipped = logs.shipped(box.container, driver, lines)
        return box._replace(log=log), [*shipped, *shipping.put(self, box.container, driver, lines, now)]

    def print(self, key, lines, now):
        """A running container prints something."""
        box, shipped = self._printed(self.boxes[key], lines, now)
        return [self.keep(key, box, vital=False), *shipped]

    def _stop(self, sender, key, grace, now):
        grace = grace if grace >= 0 else NEVER  # less than nothing is for ever
        box = self.boxes.get(key)
        if box is None or box.container.state == "exited":
            return [Tell(sender, Exited(key, box.container.exit_code if box else 0))]
        self.stoppers.setdefault(key, []).append((sender, grace))
        effects = []
        if sender == "engine":
            box = box._replace(by_hand=True)
            effects = [self.keep(key, box)]
        if box.container.state != "running":
            return [*effects, *self._end(key, box, KILLED, now)]
        image = self.image(box.container.image)
        ends = images.stopping(image, box.args)
        when, code = ends if ends and ends[0] < grace else (grace, KILLED)
        self.recent.note(now, "container", "kill", box.container, ("signal", "15" if grace else "9"))
        if when < NEVER:
            self.set(now + when, "exit", key, (code, box.container.started_at))
        return effects

    def _exited(self, key, code, started_at, now):
        box = self.boxes.get(key)
        runs = box and box.container.state == "running" and box.container.started_at == started_at
        return self._end(key, box, code, now) if runs else []

    def _end(self, key, box, code, now):
        container = box.container
        self.memory.pop(key, None)
        self.moods.pop(key, None)
        if container.health:
            box = box._replace(container=container._replace(health=health.stopped(container.health)))
        left = apps.end(self, key, now)
        ended = changed(box, "exited", now, code)
        if plain.restarts(container, code, box.by_hand):
            self.set(now + plain.pause(container.restarts), "again", key)
            ended = changed(box, "restarting", now, code)
        self.recent.note(now, "container", "die", container, ("exitCode", str(code)))
        stoppers = self.stoppers.pop(key, ())
        if any(grace for _, grace in stoppers):
            self.recent.note(now, "container", "stop", container)
        tell = dict.fromkeys((self.owner.get(key, ""), *(core for core, _ in stoppers)))
        hear = [Tell(core, Exited(key, code)) for core in tell if core]
        fact = Note(ContainerExited(container.id, container.task, code))
        return [*left, self.keep(key, ended), fact, *hear, *answering.close(self, key)]

    def _again(self, key, now):
        """A restart policy of the engine starts what has ended."""
        box = self.boxes.get(key)
        if box is None or box.container.state not in ("restarting", "exited") or box.by_hand:
            return []
        self.set(now + self.image(box.container.image).start, "start", key, ("",))
        waits = changed(box, "restarting", box.container.state_at, box.container.exit_code)
        return [self.keep(key, waits._replace(container=waits.container._replace(restarts=box.container.restarts + 1)))]

    def _discard(self, sender, key, now, volumes=False):
        self.wanted.pop(key, None)
        box = self.boxes.get(key)
        if box is None:
            return []
        effects = []
        if box.container.state == "running":
            effects += apps.end(self, key, now)
            effects.append(Note(ContainerExited(box.container.id, box.container.task, KILLED)))
            effects += answering.close(self, key)
        if box.container.state != "exited" and self.owner.get(key, sender) != sender:
            effects.append(Tell(self.owner[key], Exited(key, KILLED)))  # removed by hand: the agent must know
        del self.boxes[key]
        if not box.container.task:
            self.farewells = dict([*self.farewells.items(), (key, box)][-FAREWELLS:])
        self.owner.pop(key, None)
        self.memory.pop(key, None)
        self.recent.note(now, "container", "destroy", box.container)
        if volumes or sender == "agent":
            effects += self.volumes.drop_unnamed(box.container, now)
        return [*effects, Save(f"box {key}", None), Note(ContainerRemoved(box.container.id, box.container.task))]

    def _keep_only(self, sender, tasks, now):
        gone = [key for key, box in self.boxes.items() if box.container.task and key not in tasks]
        return [effect for key in gone for effect in self._discard(sender, key, now)]

    def _find_the_dead(self, now):
        """Containers do not survive a power cut; those with a restart policy are started again."""
        ended = [(key, box) for key, box in self.boxes.items() if box.container.state in ("running", "restarting")]
        for key, box in self.boxes.items():
            if plain.starts_at_boot(box.container, box.by_hand):
                self.owner[key] = "engine"
                self.set(now, "again", key)
        return [self.keep(key, changed(box, "exited", now, KILLED)) for key, box in ended]

    # ── requests ─────────────────────────────────────────────────────────────────────────────────────────────────

    def work(self, image) -> int:
        """How long such an image works on a request, µs: never no time at all."""
        return max(1, image.answer if image.fixed else round(-image.answer * log(1 - self.dice.random())))

    def line(self, key: str, now: int) -> Line | None:
        """The line of a container; None if it does not run, or does not listen yet."""
        line = self.lines.get(key)
        return self.open_line(key, self.boxes[key]) if line is None and self.listens(key, now) else line

    def open_line(self, key: str, box: Box) -> Line:
        """From now on its requests stand in a line."""
        image = application.image_of(self, key, self.image(box.container.image))
        line = self.lines[key] = Line(key, workers_of(box, image), image, room_of(box, image))
        line.app, line.tally = self.apps.get(key), self.tally(key)
        return line

    def tally(self, key: str) -> Tally:
        """What a container has done since it started."""
        found = self.tallies.get(key)
        if found is None:
            found = self.tallies[key] = Tally()
        return found

    def open_or_shut(self, key: str, now: int) -> list:
        """A member of a group goes on, or stops: then nobody gets an answer any more, whoever waits for one."""
        if self.apps[key].shut is None:
            return []
        self.begun = {number: one for number, one in self.begun.items() if one.key != key}
        return answering.drop(self, key)

    def turn(self, key: str, mood: str, now: int) -> list:
        """From now on the application in this container is like that."""
        box = self.boxes[key]
        line = self.lines.get(key) or self.open_line(key, box)
        line.turn(mood, now)
        return [Note(ApplicationTurned(box.container.id, box.container.task, mood)), Tell("traffic", Waits(key))]

    def listens(self, key: str, now: int) -> bool:
        """Whether its process runs, and has got so far as to answer."""
        container = self.boxes[key].container if self.is_running(key) else None
        return container is not None and now - container.started_at >= self.image(container.image).well

    def is_running(self, key: str) -> bool:
        return key in self.boxes and self.boxes[key].container.state == "running"

    # ── what people ask of this machine ──────────────────────────────────────────────────────────────────────────

    def _asked(self, sender, number, request, now):
        try:
            effects, value = questions.answered(self, request, now)
        except ApiError as refusal:
            return [Tell(sender, Reply(number, error=refusal.text))]
        return [*effects, Tell(sender, Reply(number, value))]

    # ── bookkeeping ──────────────────────────────────────────────────────────────────────────────────────────────

    def image(self, reference):
        image = images.find(reference)
        assert image, f"no container is made of {reference}, which does not exist"
        return image

    def keep(self, key, box, vital=True):
        self.boxes[key] = box
        return Save(f"box {key}", box, vital)

    def set(self, time, what, key, about=()):
        self.alarm_number += 1
        heapq.heappush(self.alarms, Alarm(time, self.alarm_number, what, key, about))

    def _ring(self, now):
        effects = self.shelf.wake(now)
        while self.alarms and self.alarms[0].time <= now:
            effects += self._due(heapq.heappop(self.alarms), now)
        return effects

    def _due(self, alarm, now):
        match alarm.what:
            case "create":
                return self._created(alarm.key, now)
            case "start":
                return self._started(alarm.key, *alarm.about, now)
            case "turn":
                return answering.turned(self, alarm.key, *alarm.about, now)
            case "again":
                return self._again(alarm.key, now)
            case "exit":
                return self._exited(alarm.key, *alarm.about, now)
            case "probe":
                return probing.begin(self, alarm.key, *alarm.about, now)
            case "probed":
                return probing.end(self, alarm.key, *alarm.about, now)
            case "login":
                return application.log_in(self, alarm.key, *alarm.about, now)
            case "unanswered":
                return application.unanswered(self, alarm.key, *alarm.about, now)
            case "late":
                return probing.late(self, alarm.key, *alarm.about, now)
            case "served":
                return answering.served(self, alarm.key, *alarm.about, now)
        return apps.due(self, alarm.what, alarm.key, alarm.about, now)
