"""What the leader knows of one registered node: where its answers go, what it was sent, what it may read.

Source: swarmkit `manager/dispatcher/assignments.go`.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from ..effects import Send
from ..messages import Relay
from ..objects import ASSIGNED, RUNNING, Attachment, Node, Task
from .store import Store


class Route(NamedTuple):
    """Where an answer goes: to a channel of a machine, by way of the manager that passed the question on, if any."""

    to: str
    channel: str
    via: str = ""


def deliver(route: Route, message: Any) -> Send:
    """The effect that brings an answer on its way."""
    if route.via:
        return Send(route.via, "manager", Relay(route.to, route.channel, message))
    return Send(route.to, route.channel, message)


class Session:
    """What the leader knows of one registered node."""

    def __init__(self, id: str, route: Route, role: str, period: int, beat: int) -> None:
        self.id = id
        self.route = route
        self.role = role  # what the node was told that it is to be
        self.period = period  # until the next heartbeat is due, as the node was told
        self.beat = beat  # when the last one came
        self.sequence = 0
        self.tasks: dict[str, tuple] = {}  # what was sent of each task
        self.objects: dict[str, int] = {}  # versions of networks and services that were sent
        self.uses: dict[str, dict[str, None]] = {}  # secret or config → the tasks for which the node has it
        self.news: dict[str, None] = {}  # tasks to be looked at when the batch is sent
        self.changes = 0  # how much it will be
        self.attached: tuple[Attachment, ...] = ()  # its own addresses on networks, as far as the node knows them
        self.keys: tuple = ()  # of the data plane, as it was told
        self.managers: tuple = ()  # as it was told
        self.stale = False  # a service or network of its tasks changed


# ── tasks: what of them is news to the node ──────────────────────────────────────────────────────────────────────


def sendable(task: Task) -> tuple:
    """What of a task concerns its node; the states that the node itself reported do not."""
    return task.desired, task.networks, task.ports


def is_news(task: Task, session: Session) -> bool:
    """Whether the node knows the task otherwise, or not at all."""
    return task.state >= ASSIGNED and session.tasks.get(task.id) != sendable(task)


def attached_to(node: Node | None) -> tuple[Attachment, ...]:
    """The addresses that the node itself has on networks."""
    return node.attachments if node else ()


# ── secrets and configs: a node has those that its tasks need, as long as one of them may run ─────────────────────


def files_of(task: Task) -> list[tuple[str, str]]:
    """The secrets and configs that it reads, as (kind, id)."""
    spec = task.spec.container
    return [("secret", one.id) for one in spec.secrets] + [("config", one.id) for one in spec.configs]


def lend(store: Store, tasks: Iterable[Task], session: Session) -> tuple[tuple, tuple]:
    """The secrets and configs of these tasks that the node does not have yet."""
    new: dict[str, list] = {"secret": [], "config": []}
    for task in tasks:
        for kind, id in files_of(task) if task.state <= RUNNING else ():
            if id not in session.uses and (object := store.get(kind, id)):
                new[kind].append(object)
            session.uses.setdefault(id, {})[task.id] = None
    return tuple(new["secret"]), tuple(new["config"])


def withdraw(tasks: Iterable[str], session: Session) -> tuple[str, ...]:
    """The secrets and configs that only these tasks have used, which do not run any more."""
    before = list(session.uses)
    for task in tasks:
        for users in session.uses.values():
            users.pop(task, None)
    session.uses = {id: users for id, users in session.uses.items() if users}
    return tuple(id for id in before if id not in session.uses)


def is_over(task: Task, session: Session) -> bool:
    """Whether it has ended, and the node still has secrets or configs for it."""
    return task.state > RUNNING and any(task.id in session.uses.get(id, ()) for _, id in files_of(task))
