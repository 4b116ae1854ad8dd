"""What an attached command prints while it waits for a service to settle.

Docker looks every 200 ms. A service has converged when as many up-to-date tasks run as are wanted, and goes on to
have converged for the monitor time; a job is over when all its tasks are complete. Source: Docker CLI reference,
`--detach`; the lines are as recorded from 28.2.2 when the output is no terminal: what would be a bar there is drawn
once, without its length, and then only the overall count and errors of tasks are repeated.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from ..effects import MS, SECOND
from ..manager.constraints import match, parse
from ..messages import GetObject, ListObjects
from ..objects import COMPLETE, REMOVE, RUNNING, Node, Service, Task, UpdateConfig, replace
from .session import Exit, Screen, Session

POLL = 200 * MS
MOST_BARS = 20
ERROR_LENGTH = 75


def watch(session: Session, screen: Screen, service_id: str, ref: str, quiet: bool = False) -> None:
    """Return when the service is stable. `ref` is how the last line names it. Raises `Exit` if its update is paused."""
    screen = Screen() if quiet else screen
    counter, progress = None, Progress(screen)
    while True:
        service = session.call(GetObject("service", service_id))
        counter = counter or COUNTERS[service.spec.mode](screen, service)
        if progress.is_over(service, session.now, ref):
            return
        nodes = session.call(ListObjects("node"))
        tasks = up_to_date_tasks(service, session.call(ListObjects("task")), nodes)
        active = {node.id for node in nodes if node.state != "down"}
        converged = counter.look(service, tasks, active, progress.rolling_back)
        if converged and service.spec.mode.endswith("-job"):
            screen.say("job complete")
            return
        progress.verify(converged, monitor_of(service), session.now)
        session.wait(POLL)


def monitor_of(service: Service) -> int:
    """How long it has to be stable; zero counts as not said."""
    return service.spec.update.monitor or UpdateConfig().monitor


class Progress:
    """Whether an update goes on, is rolled back or has stopped, and since when the service is as it should be."""

    def __init__(self, screen: Screen):
        self.screen = screen
        self.stable_since: int | None = None
        self.rolling_back = False
        self.last_word = ""  # said after all is well

    def is_over(self, service: Service, now: int, ref: str) -> bool:
        """Has its update come to an end, or has it been stable for long enough?"""
        state, message = (service.update_status or ("", ""))[:2]
        if state in ("paused", "rollback_paused"):
            raise Exit(f"service {'update' if state == 'paused' else 'rollback'} paused: {message}")
        if state == "completed" and self.stable_since is None:
            return True
        self._note_rollback(state, message)
        if self.stable_since is None or now - self.stable_since < monitor_of(service):
            return False
        self.screen.say(f"verify: Service {ref} converged")
        if self.last_word:
            self.screen.say(f"rollback: {self.last_word}")
        return True

    def _note_rollback(self, state: str, message: str) -> None:
        if state == "rollback_started" and not self.rolling_back and message:
            self.screen.say(f"rollback: {message}")
        if state == "rollback_completed" and self.stable_since is None:
            self.last_word = message
        if state:
            self.rolling_back = state.startswith("rollback") or (self.rolling_back and state != "updating")

    def verify(self, converged: bool, monitor: int, now: int) -> None:
        """Count the time in which all was well; a relapse starts it anew."""
        if not converged:
            if self.stable_since is not None:
                self.screen.say("verify: Detected task failure")
            self.stable_since = None
            return
        if self.stable_since is None:
            self.stable_since = now
        if (left := self.stable_since + monitor - now) > 0:
            self.screen.say(f"verify: Waiting {-(-left // SECOND)} seconds to verify that tasks are stable...")


# ── which tasks count ────────────────────────────────────────────────────────────────────────────────────────────


def up_to_date_tasks(service: Service, tasks: Sequence[Task], nodes: Sequence[Node]) -> list[Task]:
    """What a filter of the engine leaves: tasks of this service that an update would not replace."""
    known = {node.id: node for node in nodes}
    return [task for task in tasks if task.service == service.id and up_to_date(task, service, known.get(task.node))]


def up_to_date(task: Task, service: Service, node: Node | None = None) -> bool:
    """Is it of this version of the service, or did the change not concern it?"""
    new = service.spec.task
    if task.spec_version == service.spec_version:
        return True
    if task.spec.placement != new.placement and replace(task.spec, placement=new.placement) == new:
        return node is not None and match(parse(new.placement.constraints), node)
    return task.spec == new and task.endpoint == service.spec.endpoint


def _most_alive(tasks: Sequence[Task], place: str) -> dict:
    """One task for each slot or node: the one that is least on its way out, then the one that is least far."""
    chosen: dict = {}
    for task in tasks:
        best = chosen.get(getattr(task, place))
        if task.desired < REMOVE and (best is None or (task.desired, task.state) < (best.desired, best.state)):
            chosen[getattr(task, place)] = task
    return dict(sorted(chosen.items()))


def _runs(task: Task) -> bool:
    return task.state == RUNNING >= task.desired


# ── counting: one way for each mode ──────────────────────────────────────────────────────────────────────────────


class Counter(ABC):
    """How many tasks run of those that should; `look` says whether that is all of them, and prints it."""

    def __init__(self, screen: Screen, service: Service):
        self.screen = screen
        self.drawn = False
        self.done = False

    @abstractmethod
    def look(self, service: Service, tasks: Sequence[Task], active: set, rolling_back: bool) -> bool:
        """Each mode counts in its own way."""

    def overall(self, running: int, wanted: int, rolling_back: bool) -> None:
        how = "rolling back update: " if rolling_back else ""
        self.screen.say(f"overall progress: {how}{running} out of {wanted} tasks")

    def draw(self, wanted: int, rolling_back: bool) -> None:
        """What a terminal would show as bars, in their order."""
        self.drawn = True
        self.overall(0, wanted, rolling_back)

    def count(self, bars: Mapping[str, Task], running: int, wanted: int, rolling_back: bool) -> bool:
        """Say what has changed, as long as not all is well."""
        if not self.done:
            _errors(self.screen, bars, wanted)
            self.overall(running, wanted, rolling_back)
            self.done = running == wanted
        return running == wanted


class Replicated(Counter):
    """By slot. A slot's number may be higher than the number of slots, so bars are numbered as slots are seen."""

    def __init__(self, screen: Screen, service: Service):
        super().__init__(screen, service)
        self.numbers: dict[int, int] = {}

    def look(self, service: Service, tasks: Sequence[Task], active: set, rolling_back: bool) -> bool:
        wanted = service.spec.replicas
        if not self.drawn:
            self.draw(wanted, rolling_back)
            for number in range(1, wanted + 1 if wanted <= MOST_BARS else 0):
                self.screen.say(f"{number}/{wanted}:  ")
        chosen = _most_alive([task for task in tasks if not task.node or task.node in active], "slot")
        for slot in chosen:
            self.numbers.setdefault(slot, len(self.numbers) + 1)
        bars = {f"{self.numbers[slot]}/{wanted}": task for slot, task in chosen.items()}
        shown = {bar: task for bar, task in bars.items() if int(bar.partition("/")[0]) <= wanted}
        self.done = self.done and all(task.state == RUNNING for task in bars.values())
        return self.count(shown, sum(map(_runs, bars.values())), wanted, rolling_back)


class Global(Counter):
    """By node. Which nodes get a task is known when the orchestrator has made them."""

    def look(self, service: Service, tasks: Sequence[Task], active: set, rolling_back: bool) -> bool:
        chosen = _most_alive(tasks, "node")
        if not self.drawn and not chosen:
            self.screen.say("overall progress: waiting for new tasks")
            return False
        if not self.drawn:
            self.draw(len(chosen), rolling_back)
        self.done = self.done and all(task.state == RUNNING for task in chosen.values())
        bars = {node[:12]: task for node, task in chosen.items() if node in active}
        return self.count(bars, sum(map(_runs, bars.values())), len(chosen), rolling_back)


class ReplicatedJob(Counter):
    """By slot, from 0. Those that are not complete are active, whatever they do."""

    def __init__(self, screen: Screen, service: Service):
        super().__init__(screen, service)
        self.iteration = service.job_iteration
        self.total, self.at_a_time = service.spec.replicas, service.spec.max_concurrent

    def look(self, service: Service, tasks: Sequence[Task], active: set, rolling_back: bool) -> bool:
        if not self.drawn:
            self.drawn = True
            self._overall(0, 0)
            for number in range(1, self.total + 1 if self.total <= MOST_BARS else 0):
                self.screen.say(f"{number}/{self.total}:  ")
        found = _least_far([task for task in tasks if task.job_iteration == self.iteration], "slot")
        slots = [found.get(slot) for slot in range(len(found))]  # one that is left out counts as active, in Docker too
        bars = {f"{task.slot + 1}/{self.total}": task for task in slots if task}
        _errors(self.screen, bars, self.total)
        complete = sum(task is not None and task.state == COMPLETE for task in slots)
        self._overall(sum(task is None or task.state < COMPLETE for task in slots), complete)
        return complete == self.total

    def _overall(self, active: int, complete: int) -> None:
        if not self.total:
            self.screen.say("job progress: 0 out of 0 complete")  # otherwise it is a bar
        width = len(str(self.at_a_time))
        wanted = min(self.total - complete, self.at_a_time)
        self.screen.say(f"active tasks: {active:{width}} out of {wanted:{width}} tasks")


class GlobalJob(Counter):
    """By node: those that had a task when it was first looked at."""

    def __init__(self, screen: Screen, service: Service):
        super().__init__(screen, service)
        self.nodes: list[str] = []

    def look(self, service: Service, tasks: Sequence[Task], active: set, rolling_back: bool) -> bool:
        current = _least_far([task for task in tasks if task.job_iteration == service.job_iteration], "node")
        if not self.drawn and not tasks and active:
            self.screen.say("job progress: waiting for tasks")
            return False
        if not self.drawn:
            self.drawn, self.nodes = True, list(current)
            self._overall()
        bars = {node: current[node] for node in self.nodes if node in current}
        _errors(self.screen, bars, len(self.nodes))
        self._overall()
        return sum(task.state == COMPLETE for task in bars.values()) == len(self.nodes)

    def _overall(self) -> None:
        if not self.nodes:
            self.screen.say("job progress: 0 out of 0 complete")  # otherwise it is a bar


COUNTERS: dict[str, type[Counter]] = {
    "replicated": Replicated,
    "global": Global,
    "replicated-job": ReplicatedJob,
    "global-job": GlobalJob,
}


def _least_far(tasks: Sequence[Task], place: str) -> dict:
    chosen: dict = {}
    for task in tasks:
        best = chosen.get(getattr(task, place))
        if task.desired < REMOVE and (best is None or task.state < best.state):
            chosen[getattr(task, place)] = task
    return dict(sorted(chosen.items()))


def _errors(screen: Screen, bars: Mapping[str, Task], wanted: int) -> None:
    for bar, task in bars.items():
        if task.err and wanted <= MOST_BARS:
            screen.say(f"{bar}: {_cut_error(task.err)}")


def _cut_error(text: str) -> str:
    text = text.replace("\n", " ")
    return text if len(text) <= ERROR_LENGTH else text[: ERROR_LENGTH - 1] + "…"
