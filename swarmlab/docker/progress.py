"""What an attached command prints while it waits for a service to settle.

Docker looks every 200 ms. The service has converged when as many up-to-date tasks run as are wanted, and goes on to
have converged for the monitor time. Source: Docker CLI reference, `--detach`; the lines are as recorded from 28.2.2
when the output is no terminal: bars are drawn once, then only the overall count and errors of tasks are repeated.
"""

from ..effects import MS, SECOND
from ..messages import GetObject, ListObjects
from ..objects import REMOVE, RUNNING, Node, Service, Task
from .session import Exit, Screen, Session

POLL = 200 * MS
MOST_BARS = 20
ERROR_LENGTH = 75


def watch(session: Session, screen: Screen, service_id: str, ref: str, quiet: bool = False) -> None:
    """Return when the service is stable. `ref` is how the last line names it. Raises `Exit` if its update is paused."""
    progress = Progress(Screen() if quiet else screen)
    while True:
        service = session.call(GetObject("service", service_id))
        if service.spec.mode.endswith("-job"):
            return  # Docker counts completions here; a job is nothing that could converge
        if progress.is_over(service, session.now, ref):
            return
        tasks = [task for task in session.call(ListObjects("task")) if task.service == service_id]
        progress.look(service, tasks, session.call(ListObjects("node")), session.now)
        session.wait(POLL)


class Progress:
    """What has been drawn so far, and since when the service is as it should be."""

    def __init__(self, screen: Screen):
        self.screen = screen
        self.drawn = False
        self.stable_since: int | None = None
        self.rolling_back = False

    def is_over(self, service: Service, now: int, ref: str) -> bool:
        """Has its update come to an end, or has it been stable for long enough?"""
        state, message = (service.update_status or ("", ""))[:2]
        if state in ("paused", "rollback_paused"):
            raise Exit(f"service {'update' if state == 'paused' else 'rollback'} paused: {message}")
        if state == "completed" and self.stable_since is None:
            return True
        self._note_rollback(state, message)
        if self.stable_since is None or now - self.stable_since < service.spec.update.monitor:
            return False
        self.screen.say(f"verify: Service {ref} converged")
        return True

    def _note_rollback(self, state: str, message: str) -> None:
        if state == "rollback_started" and not self.rolling_back and message:
            self.screen.say(f"rollback: {message}")
        if state in ("updating", "rollback_started"):
            self.rolling_back = state == "rollback_started"

    def look(self, service: Service, tasks: list[Task], nodes: tuple[Node, ...], now: int) -> None:
        """Compare what runs with what is wanted, and print it."""
        current = current_tasks(service, tasks, nodes)
        if service.spec.mode == "global" and not current:
            return  # which nodes will get a task is known when the orchestrator has made them
        wanted = service.spec.replicas if service.spec.mode == "replicated" else len(current)
        bars = _bars(service, current, wanted)
        if not self.drawn:
            self._draw(bars, wanted)
        if self.stable_since is not None and any(task.state != RUNNING for task in current.values()):
            self._relapse()
        running = sum(task.state == RUNNING >= task.desired for task in current.values())
        if self.stable_since is None:
            self._errors(bars, current)
            self._overall(running, wanted)
        self._verify(running == wanted, service.spec.update.monitor, now)

    def _draw(self, bars: list[str], wanted: int) -> None:
        self.drawn = True
        self._overall(0, wanted)
        for bar in bars:
            self.screen.say(f"{bar}:  ")

    def _overall(self, running: int, wanted: int) -> None:
        how = "rolling back update: " if self.rolling_back else ""
        self.screen.say(f"overall progress: {how}{running} out of {wanted} tasks")

    def _errors(self, bars: list[str], current: dict) -> None:
        for bar, task in zip(bars, current.values(), strict=False):
            if task.err:
                self.screen.say(f"{bar}: {_cut_error(task.err)}")

    def _relapse(self) -> None:
        self.screen.say("verify: Detected task failure")
        self.stable_since = None

    def _verify(self, converged: bool, monitor: int, now: int) -> None:
        if not converged:
            if self.stable_since is not None:
                self._relapse()
            return
        if self.stable_since is None:
            self.stable_since = now
        if (left := self.stable_since + monitor - now) > 0:
            self.screen.say(f"verify: Waiting {-(-left // SECOND)} seconds to verify that tasks are stable...")


def current_tasks(service: Service, tasks: list[Task], nodes: tuple[Node, ...]) -> dict:
    """The one task that counts in each slot, or on each node: up to date, on a node that is not down, most alive."""
    up = {node.id for node in nodes if node.state != "down"}
    chosen: dict = {}
    for task in tasks:
        if task.desired >= REMOVE or not up_to_date(task, service) or (task.node and task.node not in up):
            continue
        place = task.slot if service.spec.mode == "replicated" else task.node
        best = chosen.get(place)
        if best is None or (task.desired, task.state) < (best.desired, best.state):
            chosen[place] = task
    return dict(sorted(chosen.items()))


def up_to_date(task: Task, service: Service) -> bool:
    """Would an update leave this task alone? It is of this version of the service, or the change did not concern tasks."""
    if task.spec_version == service.spec_version:
        return True
    return task.spec == service.spec.task and task.endpoint == service.spec.endpoint


def _bars(service: Service, current: dict, wanted: int) -> list[str]:
    """What each bar is called: slots in their order (a slot number may be higher), nodes by the start of their id."""
    if wanted > MOST_BARS:
        return []
    return (
        [node[:12] for node in current]
        if service.spec.mode == "global"
        else [f"{n + 1}/{wanted}" for n in range(wanted)]
    )


def _cut_error(text: str) -> str:
    text = text.replace("\n", " ")
    return text if len(text) <= ERROR_LENGTH else text[: ERROR_LENGTH - 1] + "…"
