"""Sessions with the nodes: who is alive, what each has to run, and what each reports. Only the leader has them.

Source: Docker documentation, "Administer and maintain a swarm", `docker swarm update --dispatcher-heartbeat`; swarmkit
`manager/dispatcher`.
"""

# Simpler than in reality (docs/simplifications.md): beat, disconnected

from collections.abc import Iterable
from heapq import heappop, heappush
from typing import Any, NamedTuple

from ..effects import MS, NEVER, SECOND, Dice, Note, Send
from ..events import SessionOpened
from ..messages import (
    Assignments,
    Heartbeat,
    HeartbeatAnswer,
    ManagersChanged,
    NetworkKeys,
    OpenSession,
    SessionAnswer,
    SessionInvalid,
    StatusAnswer,
    StatusRefused,
    StatusReport,
    TaskStatus,
)
from ..objects import ASSIGNED, ORPHANED, RUNNING, Network, Node, Put, Service, Task, replace
from ..trust.tokens import new_id
from .sessions import Route, Session, attached_to, deliver, is_news, is_over, lend, sendable, withdraw
from .store import Key, Store

GRACE = 3  # heartbeat periods without a sign of life
GRACE_UNKNOWN = 6  # the same for a node that has not yet registered with a new leader
JITTER = 500 * MS
SHORTEST_PERIOD = SECOND  # between heartbeats, whatever was asked: a swarm that beats every µs does nothing else
BATCH = 100 * MS  # how long statuses are gathered, and how long nothing may change before a node hears what did
MOST_CHANGES, MOST_STATUSES = 100, 10_000  # then it is not waited for any longer
SOON = SECOND  # alarms that are so near to each other are looked at together
REGISTRATIONS, REGISTRATION_GAP = 3, 8 * SECOND  # more of them, closer together, are refused
ORPHANED_AFTER = 24 * 3600 * SECOND

DOWN = "heartbeat failure"
DOWN_UNKNOWN = 'heartbeat failure for node in "unknown" state'
OVER_LIMIT = "node {} exceeded rate limit count of registrations"
NOT_ITS_TASK = "cannot update a task not assigned this node"
UNKNOWN = 'Node moved to "unknown" state due to leadership change in cluster'


class Report(NamedTuple):
    """A batch of statuses and who waits for its acknowledgement. A piece of work for the leader."""

    statuses: dict[str, TaskStatus]
    answers: tuple[tuple[Route, tuple], ...]


class Dispatcher:
    """The leader's sessions. It writes nothing by itself: what must be stored it hands back as changes."""

    def __init__(self, dice: Dice):
        self.dice = dice
        self.sessions: dict[str, Session] = {}
        self.expires: dict[str, tuple[int, str]] = {}  # node → (when, `session`, `unknown` or `orphan`)
        self.alarms: list[tuple[int, str]] = []  # a heap of (not later than that, node): looked at lazily
        self.alarmed: dict[str, int] = {}  # node → its one alarm that counts
        self.registered: dict[str, tuple[int, int]] = {}  # node → (registrations in a row, time of the last)
        self.task_nodes: dict[str, str] = {}  # which node was sent a task
        self.statuses: dict[str, TaskStatus] = {}
        self.answers: list[tuple[Route, tuple]] = []
        self.due: dict[str, int] = {}  # node with news → when it hears of them, soonest first
        self.full: dict[str, None] = {}  # nodes with so much news that they hear of them at once
        self.commit_at = NEVER

    @property
    def send_at(self) -> int:
        """When the next batch of assignments is due."""
        return 0 if self.full else next(iter(self.due.values()), NEVER)

    @property
    def deadline(self) -> int:
        """When it next has something to do, or may have: an alarm can turn out to be too early."""
        return min(self.send_at, self.commit_at, self.alarms[0][0] if self.alarms else NEVER)

    # ── leadership ───────────────────────────────────────────────────────────────────────────────────────────────

    def lead(self, store: Store, now: int) -> None:
        """Nobody has registered with this leader yet: nodes get twice the usual grace to do so."""
        for node in store.all("node"):
            if node.state == "down":
                self._expect(node.id, now + ORPHANED_AFTER, "orphan")
            else:
                self._expect(node.id, now + self.draw_period(store) * GRACE_UNKNOWN, "unknown")

    def _expect(self, node: str, at: int, kind: str) -> None:
        self.expires[node] = (at, kind)
        if at < self.alarmed.get(node, NEVER):
            self._alarm(node, at)

    def _alarm(self, node: str, at: int) -> None:
        self.alarmed[node] = at
        heappush(self.alarms, (at, node))

    def draw_period(self, store: Store) -> int:
        """The time until the next heartbeat, a little different each time so that nodes do not beat in step."""
        return _period(store) - JITTER + int(self.dice.random() * (2 * JITTER))

    # ── sessions and heartbeats ──────────────────────────────────────────────────────────────────────────────────

    def may_register(self, store: Store, node: str, now: int) -> str:
        """Why this node may not open a session, '' if it may."""
        if store.get("node", node) is None:
            return "node not registered"
        count, last = self.registered.get(node, (0, now))
        count = count + 1 if now - last < REGISTRATION_GAP else 1
        if count > REGISTRATIONS:
            return OVER_LIMIT.format(
                node
            )  # the gap counts from the last one that was let in, so that who keeps asking gets in
        self.registered[node] = (count, now)
        return ""

    def open(self, store: Store, route: Route, wish: OpenSession, managers: tuple, now: int) -> list:
        """The node is stored as ready: begin the session and send all that it has to run."""
        node = store.get("node", wish.node)
        if node is None:
            return [deliver(route, SessionInvalid("node not registered"))]
        session = Session(new_id(self.dice), route, node.role, self.draw_period(store), now)
        self.sessions[node.id] = session
        self._expect(node.id, now + session.period * GRACE, "session")
        keys = store.cluster.network_keys if store.cluster else ()
        session.keys, session.managers = keys, managers
        answer = SessionAnswer(session.id, session.period, managers, node.role, keys)
        return [Note(SessionOpened(node.machine)), deliver(route, answer), self._complete(store, node.id, session)]

    def heartbeat(self, store: Store, route: Route, beat: Heartbeat, managers: tuple, now: int) -> list:
        """A sign of life. It only moves a number: the alarm that it postpones is looked at when it goes off."""
        session = self.sessions.get(beat.node)
        if session is None or session.id != beat.session:
            return [deliver(route, SessionInvalid("session invalid"))]
        session.route, session.beat, session.period = route, now, self.draw_period(store)
        self.expires[beat.node] = (now + session.period * GRACE, "session")
        answer = HeartbeatAnswer(session.period, managers, session.sequence)
        return [deliver(route, answer) if route.via else Send(route.to, route.channel, answer)]

    def overdue(self, now: int) -> list[tuple[str, str, int]]:
        """The nodes whose time is up, as (node, what was waited for, last sign of life).

        Alarms that go off soon are looked at with the first of them: most were postponed by a heartbeat meanwhile.
        """
        late: list = []
        if not self.alarms or self.alarms[0][0] > now:
            return late
        while self.alarms and self.alarms[0][0] <= now + SOON:
            rang, node = self.alarms[0]
            if self.alarmed.get(node) != rang:
                heappop(self.alarms)
                continue
            at, kind = self.expires[node]
            if at > now and at == rang:
                break  # nobody has postponed it
            heappop(self.alarms)
            del self.alarmed[node]
            if at > now:
                self._alarm(node, at)
            else:
                del self.expires[node]
                session = self.sessions.pop(node, None)
                late.append((node, kind, session.beat if session else 0))
        return late

    def lost(self, store: Store, late: Iterable[tuple[str, str, int]], now: int) -> list:
        """Nodes whose time is up are down; after a day down their tasks are given up. Unless they came back meanwhile."""
        changes: list = []
        for id, kind, _ in late:
            node = store.get("node", id)
            if node is None or id in self.sessions:
                continue
            if kind == "orphan":
                changes += [Put(_orphaned(task, now)) for task in store.tasks_on(id) if _is_live(task)]
                continue
            changes.append(Put(replace(node, state="down", message=DOWN if kind == "session" else DOWN_UNKNOWN)))
            self._expect(id, now + ORPHANED_AFTER, "orphan")
        return changes

    # ── statuses ─────────────────────────────────────────────────────────────────────────────────────────────────

    def report(self, store: Store, route: Route, message: StatusReport, now: int) -> list:
        """Gather what a node says of its tasks; it is committed, and acknowledged, in batches."""
        session = self.sessions.get(message.node)
        if session is None or session.id != message.session:
            return [deliver(route, SessionInvalid("session invalid"))]
        tasks = [store.get("task", status.task) for status in message.statuses]
        if any(task and task.node != message.node for task in tasks):
            return [deliver(route, StatusRefused(NOT_ITS_TASK))]
        for task, status in zip(tasks, message.statuses, strict=True):
            known = self.statuses.get(status.task)
            if task and (known is None or known.state <= status.state):
                self.statuses[status.task] = status
        self.answers.append((route, tuple((status.task, status.state) for status in message.statuses)))
        self.commit_at = now if len(self.statuses) >= MOST_STATUSES else min(self.commit_at, now + BATCH)
        return []

    def take_report(self) -> Report:
        """The batch gathered so far."""
        report = Report(self.statuses, tuple(self.answers))
        self.statuses, self.answers, self.commit_at = {}, [], NEVER
        return report

    # ── assignments ──────────────────────────────────────────────────────────────────────────────────────────────

    def observe(self, store: Store, keys: Iterable[Key], now: int) -> None:
        """The store changed: remember which nodes have to hear of it."""
        for kind, id in keys:
            if kind == "task":
                self._observe_task(store.get("task", id), id, now)
            elif kind == "service":
                for task in store.tasks_of(id):
                    self._mark(task.node, None, now)
            elif kind == "network":
                for node in self.sessions:
                    self._mark(node, None, now)
            elif kind == "node":
                self._observe_node(store.get("node", id), id, now)

    def tell_keys(self, store: Store) -> list:
        """Keys that are new go to every node at once: none may be more than one rotation behind."""
        keys = store.cluster.network_keys if store.cluster else ()
        behind = [session for session in self.sessions.values() if session.keys != keys]
        for session in behind:
            session.keys = keys
        return [deliver(session.route, NetworkKeys(keys)) for session in behind]

    def tell_managers(self, managers: tuple) -> list:
        """Who the managers are goes to every node at once: one that knows too few may find none after a crash."""
        behind = [session for session in self.sessions.values() if session.managers != managers]
        for session in behind:
            session.managers = managers
        return [deliver(session.route, ManagersChanged(managers)) for session in behind]

    def _observe_task(self, task: Task | None, id: str, now: int) -> None:
        """A node does not hear of what it reported itself."""
        node = task.node if task else self.task_nodes.get(id, "")
        session = self.sessions.get(node)
        if session and (id in session.tasks if task is None else is_news(task, session) or is_over(task, session)):
            self._mark(node, id, now)

    def _observe_node(self, node: Node | None, id: str, now: int) -> None:
        if node is None:
            self.sessions.pop(id, None)
        elif id in self.sessions and (self.sessions[id].role, self.sessions[id].attached) != (
            node.role,
            attached_to(node),
        ):
            self._mark(id, None, now)

    def _mark(self, node: str, task: str | None, now: int) -> None:
        session = self.sessions.get(node)
        if session is None:
            return
        if task:
            session.news[task] = None
        else:
            session.stale = True
        session.changes += 1
        self.due.pop(node, None)
        self.due[node] = now + BATCH  # SwarmKit waits until nothing has changed for so long
        if session.changes >= MOST_CHANGES:
            self.full[node] = None

    def send(self, store: Store, now: int) -> list:
        """One batch to every node whose news are due."""
        nodes, self.full = list(self.full), {}
        nodes += [node for node, at in self.due.items() if at <= now and node not in nodes]
        effects = []
        for node in nodes:
            del self.due[node]
            if node in self.sessions:
                effects += self._increment(store, node, self.sessions[node])
        return effects

    def _complete(self, store: Store, node: str, session: Session) -> Send:
        tasks = [task for task in store.tasks_on(node) if task.state >= ASSIGNED]
        return self._assign(store, node, session, tasks, (), True, store.tasks_on(node))

    def _increment(self, store: Store, node: str, session: Session) -> list:
        found = {id: store.get("task", id) for id in session.news}
        stale, session.news, session.stale, session.changes = session.stale, {}, False, 0
        tasks = [task for task in found.values() if task and is_news(task, session)]
        removed = tuple(id for id, task in found.items() if task is None and id in session.tasks)
        role = _new_role(store, node, session)
        users = store.tasks_on(node) if stale else tasks  # all that may use what changed, or what is new and its needs
        told = session.attached == attached_to(store.get("node", node))
        over = [id for id, task in found.items() if task is None or is_over(task, session)]
        if not (tasks or removed or over or role or not told or (stale and self._context(store, users, session))):
            return []
        return [self._assign(store, node, session, tasks, removed, False, users, role, over)]

    def _assign(
        self,
        store: Store,
        node: str,
        session: Session,
        tasks: list,
        removed: tuple,
        complete: bool,
        users: Iterable[Task],
        role: str = "",
        over: Iterable[str] = (),
    ) -> Any:
        for task in tasks:
            session.tasks[task.id] = sendable(task)
            self.task_nodes[task.id] = node
        for id in removed:
            session.tasks.pop(id, None)
            self.task_nodes.pop(id, None)
        context = self._context(store, users, session)
        session.objects |= {object.id: object.version for object in context}
        networks = tuple(object for object in context if isinstance(object, Network))
        services = tuple(object for object in context if isinstance(object, Service))
        session.sequence += 1
        session.role, session.attached = role or session.role, attached_to(store.get("node", node))
        secrets, configs = lend(store, tasks, session)
        files = secrets, configs, withdraw(over, session)
        what = tuple(tasks), removed, networks, services, role, session.attached, *files
        return deliver(session.route, Assignments(session.id, session.sequence, complete, *what))

    def _context(self, store: Store, tasks: Iterable[Task], session: Session) -> list:
        """Networks and services of these tasks, and ingress, as far as the node does not have them in this version."""
        ids = {("network", store.ingress.id): None} if store.ingress else {}
        for task in tasks:
            if task.state <= RUNNING:
                ids[("service", task.service)] = None
                ids |= {("network", attachment.network): None for attachment in task.networks}
        objects = [object for key in ids if (object := store.get(*key))]
        return [object for object in objects if session.objects.get(object.id) != object.version]


# ── the same, as changes to the store ────────────────────────────────────────────────────────────────────────────


def unknown_nodes(store: Store) -> list:
    """A new leader knows of no node whether it lives, unless it is down."""
    alive = [node for node in store.all("node") if node.state != "down"]
    return [Put(replace(node, state="unknown", message=UNKNOWN)) for node in alive]


def registration(store: Store, wish: OpenSession) -> list:
    """The node is ready, and this is what it says of itself."""
    node: Node | None = store.get("node", wish.node)
    if node is None:
        return []
    new = replace(node, state="ready", message="", description=wish.description, address=wish.address)
    return [Put(new)] if new != node else []


def statuses(store: Store, batch: dict[str, TaskStatus]) -> list:
    """Observed states only grow: a report that lags behind is dropped."""
    changes = []
    for status in batch.values():
        task = store.get("task", status.task)
        if task is not None and task.state <= status.state:
            new = _observed(task, status)
            if new != task:
                changes.append(Put(new))
    return changes


def _observed(task: Task, status: TaskStatus) -> Task:
    return replace(
        task,
        state=status.state,
        message=status.message,
        err=status.err,
        status_at=status.at,
        container=status.container or task.container,
        exit_code=status.exit_code,
    )


def acknowledgements(report: Report) -> list:
    """The answers to all who took part in a batch that is committed."""
    return [deliver(route, StatusAnswer(pairs)) for route, pairs in report.answers]


def _orphaned(task: Task, now: int) -> Task:
    return replace(task, state=ORPHANED, status_at=now)


def _is_live(task: Task) -> bool:
    return ASSIGNED <= task.state <= RUNNING


def _period(store: Store) -> int:
    cluster = store.cluster
    return max(cluster.heartbeat_period, SHORTEST_PERIOD) if cluster else 5 * SECOND


def _new_role(store: Store, node: str, session: Session) -> str:
    """What the node is to be, if it was told otherwise; else ''."""
    stored: Node | None = store.get("node", node)
    return stored.role if stored and stored.role != session.role else ""
