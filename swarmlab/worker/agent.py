"""The agent of a node: keeps a session with some manager, makes the containers match the assignments, reports.

It needs a manager to learn what to run, never to go on running it. Tasks and their states are on disk.
Source: SwarmKit agent/session.go, agent/agent.go (back-off), agent/worker.go; swarm.md §12, §13.
"""

# Simpler than in reality (docs/simplifications.md): refused-agent, description

from ..effects import MS, NEVER, SECOND, Dice, Disk, Note, Received, Save, Send, Tell, Told, Woken
from ..events import FileDelivered, FileWithdrawn, TaskProgressed
from ..messages import (
    Assignments,
    Attach,
    AttachNetwork,
    BeNode,
    BeNothing,
    Broken,
    Call,
    Detach,
    DetachNetwork,
    Discard,
    Endpoint,
    Exited,
    Expose,
    HealthIs,
    Heartbeat,
    HeartbeatAnswer,
    KeepOnly,
    Lent,
    ListNetworks,
    ManagersChanged,
    NetworkKeys,
    NetworksHere,
    OpenSession,
    OverlayNetwork,
    Prepared,
    Registered,
    Reply,
    RoleChanged,
    Running,
    SessionAnswer,
    SessionInvalid,
    Start,
    StatusAnswer,
    StatusReport,
    TakenBack,
    TaskStatus,
    Withdraw,
)
from ..objects import ASSIGNED, KINDS, PREPARING, READY, RUNNING, STATES, Config, Description, Secret
from . import endpoints
from .controller import Work, hear, next_step, resume
from .inside import Unready, files_inside

OPEN_PATIENCE = 5 * SECOND  # for the answer to OpenSession, and for the first assignments after it
REPORT_PATIENCE = 2 * SECOND  # then what was not acknowledged is reported again
BACKOFF_STEP, BACKOFF_MOST = 100 * MS, 8 * SECOND


class Agent:
    """What one node does for the swarm.

    `phase` is `idle` (no node), `waiting` (before the next attempt), `opening` (asked for a session), `open` (the
    next heartbeat is due) or `beating` (its answer is due); `due` is when the phase ends by itself.
    """

    def __init__(self, machine: str, disk: Disk, dice: Dice, description: Description, address: str):
        self.machine, self.dice, self.description, self.address = machine, dice, description, address
        values = disk.values
        self.works: dict[str, Work] = {work.task.id: work for name, work in values.items() if name.startswith("task ")}
        self.networks = {network.id: network for network in values.get("networks", ())}
        self.services = {service.id: service for service in values.get("services", ())}
        self.older = {
            id: None for id, work in self.works.items() if work.state >= READY
        }  # containers from before the boot
        self._forget()
        self.attached: tuple | None = values.get(
            "attached"
        )  # the addresses of this node itself on networks, None: not told

    def _forget(self) -> None:
        self.node = ""
        self.managers: tuple = ()
        self.attached = None
        self.shown: dict[str, tuple[Endpoint, bool]] = {}  # what the mesh knows, and whether it may send requests there
        self.told: tuple[OverlayNetwork, ...] = ()  # the networks that the mesh knows of
        self.files: dict[str, Secret | Config] = {}  # by id: what the tasks here may read
        self.acknowledged: dict[str, int] = {}  # task id → state the leader has committed
        self.unheard: dict[str, None] = {}  # tasks whose newest state is not acknowledged
        self.unsaid: dict[str, None] = {}  # those of them whose newest state was not even reported
        self.wake_at = NEVER  # when the first of the tasks wants to go on
        self.report_at = NEVER
        self.assignments_by = NEVER  # when the first assignments of a session must have come
        self.backoff = 0
        self.manager = ""  # the machine we talk to
        self._enter("idle", NEVER)
        self.deadline = NEVER

    def _enter(self, phase, due):
        self.phase, self.due = phase, due
        if phase in ("idle", "waiting", "opening"):
            self.session, self.sequence, self.period = "", -1, 0

    def step(self, event, now: int) -> list:
        if type(event) is Woken and self.due <= now and self.wake_at > now and self.report_at > now:
            effects = self._phase_over(now)  # the most frequent: a heartbeat
        elif type(event) is Received and type(event.message) is HeartbeatAnswer:
            effects = self._beat_answered(event.message, now)
        else:
            effects = self._hear(event, now)
        self.deadline = min(self.due, self.report_at, self.wake_at)
        return effects

    def _hear(self, event, now):
        match event:
            case Woken():
                return self._wake(now)
            case Told("executor", (Prepared() | Running() | HealthIs() | Exited() | Broken()) as answer):
                return self._runtime_answered(answer, now)
            case Received(_, Assignments() as assignments):
                return self._assigned(assignments, now)
            case Received(_, StatusAnswer(reported)):
                return self._acknowledged(reported)
            case Received(sender, SessionAnswer() as answer):
                return self._opened(sender, answer, now)
            case Received(_, SessionInvalid()) if self._expects_answer():
                return self._retry(now)
            case Received(_, NetworkKeys() as keys):
                return [Tell("mesh", keys)]
            case Received(_, ManagersChanged(managers)) if self.session:
                return self._managers_are(managers)
            case Told(_, BeNode(node, managers)):
                return self._be_node(node, managers, now)
            case Told(_, BeNothing()):
                return self._be_nothing()
            case Told(_, (AttachNetwork() | DetachNetwork()) as wish) if self.session:
                return [Send(self.manager, "manager", wish._replace(node=self.node))]
            case Told(sender, Call(number, ListNetworks())):
                return [Tell(sender, Reply(number, self._network_rows()))]
        return []

    def _wake(self, now):
        effects = []
        if self.wake_at <= now:
            for work in [work for work in self.works.values() if work.wake <= now]:
                effects += self._proceed(work, now)
            effects += self._report(now)
        elif self.report_at <= now:
            effects += self._report(now)
        if self.due <= now:
            effects += self._phase_over(now)
        return effects

    # ── being a node ─────────────────────────────────────────────────────────────────────────────────────────────

    def _be_node(self, node, managers, now):
        self.managers = managers
        if node == self.node:
            return []
        self.node = node
        self._mind_works()
        effects = []
        for work in list(self.works.values()):  # from disk: the machine has just booted
            after, requests = resume(work, now, self.description)
            effects += self._proceed(after, now, requests)
        return [*effects, *self._open(now)]

    def _be_nothing(self):
        effects: list = []
        for task in list(self.works):
            effects += self._remove(task)
        effects += self._keep_files({})
        self.networks, self.services = {}, {}
        effects += [*self._tell_networks(), Tell("mesh", NetworkKeys(()))]
        self._forget()
        return [*effects, *(Save(name, None) for name in ("networks", "services", "attached"))]

    # ── the session ──────────────────────────────────────────────────────────────────────────────────────────────

    def _open(self, now):
        """Ask a manager; after a failure rather another one than the same again."""
        choice = self._choice()
        if not choice:
            return self._retry(now)
        self.manager = choice[int(self.dice.random() * len(choice))]
        self._enter("opening", now + OPEN_PATIENCE)
        return [Send(self.manager, "manager", OpenSession(self.node, self.description, self.address))]

    def _choice(self):
        """The managers that may be asked now. Where one runs on this machine, it is that one [SwarmKit connectionbroker].

        SwarmKit's agent asks no other as long as its own runs. Ours does when it has been refused for long: a manager
        that was removed while nobody could tell it stops in SwarmKit, and here learns of it from the others.
        """
        machines = [machine for _, machine, _ in self.managers]
        if self.machine in machines and self.backoff < BACKOFF_MOST:
            return [self.machine]
        return [machine for machine in machines if machine != self.manager] or machines

    def _retry(self, now):
        """The session is lost, or was never opened: wait a little longer each time [SwarmKit agent/agent.go]."""
        self.backoff = min(BACKOFF_STEP + 2 * self.backoff, BACKOFF_MOST)
        self._enter("waiting", now + 1 + int(self.dice.random() * self.backoff))
        return []

    def _expects_answer(self):
        """To OpenSession, to a heartbeat, or to a report."""
        return self.phase in ("opening", "beating") or (self.phase == "open" and self.report_at < NEVER)

    def _phase_over(self, now):
        match self.phase:
            case "waiting":
                return self._open(now)
            case "open" if self.sequence >= 0 or now < self.assignments_by:
                self.phase, self.due = "beating", now + self.period
                return [Send(self.manager, "manager", Heartbeat(self.node, self.session))]
        return self._retry(now)  # no answer in time

    def _opened(self, sender, answer, now):
        if not self.node or answer.session == self.session:
            return []
        self._enter("open", now + answer.period)
        self.session, self.sequence, self.period, self.manager = answer.session, -1, answer.period, sender
        self.assignments_by = now + OPEN_PATIENCE
        self.backoff = 0
        self.acknowledged = {}
        self.unheard = {task: None for task, work in self.works.items() if work.state > ASSIGNED}
        self.unsaid = dict(self.unheard)
        told = [
            Tell("engine", Registered(answer.role)),
            *([Tell("mesh", NetworkKeys(answer.keys))] if answer.keys else []),
        ]
        return [*told, *self._managers_are(answer.managers), *self._report(now)]

    def _beat_answered(self, answer, now):
        if self.phase != "beating":
            return []
        if answer.sequence > self.sequence:  # assignments were lost on the way
            return self._retry(now)
        self.phase, self.due, self.period = "open", now + answer.period, answer.period
        return [] if answer.managers is self.managers else self._managers_are(answer.managers)

    def _managers_are(self, managers):
        known, self.managers = self.managers, managers or self.managers
        if self.managers == known:
            return []
        return [Tell("engine", ManagersChanged(managers))]

    # ── assignments ──────────────────────────────────────────────────────────────────────────────────────────────

    def _assigned(self, assignments, now):
        if assignments.session != self.session or not self.session:
            return []
        if assignments.sequence <= self.sequence:
            return []
        if not assignments.complete and assignments.sequence != self.sequence + 1:
            return self._retry(now)
        self.sequence = assignments.sequence
        effects = [Tell("engine", RoleChanged(assignments.role))] if assignments.role else []
        effects += self._take_files(assignments)
        effects += self._take_dependencies(assignments)
        for task in self._gone(assignments):
            effects += self._remove(task)
        if assignments.complete:
            effects.append(Tell("executor", KeepOnly(tuple(task.id for task in assignments.tasks))))
        effects += self._attach(assignments.attached, now)
        for task in assignments.tasks:
            effects += self._proceed(self._taken(task), now)
        return [*effects, *self._tell_networks(), *self._report(now)]

    def _attach(self, attached, now):
        """The node has an address on these networks: there may be tasks that wait for one."""
        if attached is None or attached == self.attached:
            return []
        self.attached = attached
        waiting = [work for work in self.works.values() if work.waits]
        return [Save("attached", attached), *(effect for work in waiting for effect in self._proceed(work, now))]

    def _take_files(self, assignments):
        """Secrets and configs come first, and are never written to disk."""
        known = {} if assignments.complete else self.files
        new = {one.id: one for one in (*assignments.secrets, *assignments.configs)}
        return self._keep_files({id: one for id, one in {**known, **new}.items() if id not in assignments.withdrawn})

    def _keep_files(self, files):
        """They are in memory alone: after a boot there are none until a session brings them."""
        before, self.files = self.files, files
        gone = [one for id, one in before.items() if id not in files]
        new = [one for id, one in files.items() if id not in before]
        return [
            *(Note(FileWithdrawn(KINDS[type(one)], one.id, one.spec.name)) for one in gone),
            *(Note(FileDelivered(KINDS[type(one)], one.id, one.spec.name)) for one in new),
        ]

    def _take_dependencies(self, assignments):
        before = self.networks, self.services
        if assignments.complete:
            self.networks, self.services = {}, {}
        self.networks = {**self.networks, **{network.id: network for network in assignments.networks}}
        self.services = {**self.services, **{service.id: service for service in assignments.services}}
        if before == (self.networks, self.services):
            return []
        return [
            Save("networks", tuple(self.networks.values())),
            Save("services", tuple(self.services.values())),
            *self._refresh_shown(),
        ]

    def _gone(self, assignments):
        if not assignments.complete:
            return [task for task in assignments.removed if task in self.works]
        kept = {task.id for task in assignments.tasks}
        return [task for task in self.works if task not in kept]

    def _taken(self, task):
        work = self.works.get(task.id)
        self._acknowledged(((task.id, task.state),))
        if work is None:
            state = max(task.state, ASSIGNED)
            return Work(task, state, task.message, task.err, task.status_at, task.container, task.exit_code)
        return work._replace(task=task) if task.desired >= work.task.desired else work

    def _remove(self, task):
        work = self.works.pop(task)
        if work.wake < NEVER:
            self._mind_works()
        for known in (self.acknowledged, self.unheard, self.unsaid):
            known.pop(task, None)
        if work.task.spec.attachment:
            back = Tell("engine", TakenBack(task, work.task.spec.attachment))
            return [*self._hidden(task), back, Save(f"task {task}", None)]
        return [*self._hidden(task), Tell("executor", Discard(task)), Save(f"task {task}", None)]

    # ── tasks ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _runtime_answered(self, answer, now):
        work = self.works.get(answer.key)
        if work is None:
            return []
        return [*self._proceed(hear(work, answer, now), now), *self._report(now)]

    def _proceed(self, work, now, requests=()):
        """Take a task as far as it goes without waiting; keep, note and publish what changed."""
        effects = [*self._kept(work), *self._asked(work, requests, now)]
        while True:
            work = self.works[work.task.id]
            attached, addressed = self._is_attached(work.task), work.state > PREPARING or self._is_addressed(work.task)
            after, requests = next_step(work, attached, now, self.description, addressed)
            if after == work:
                return effects
            effects += self._kept(after)
            if requests:
                effects += self._asked(after, requests, now)

    def _asked(self, work, requests, now):
        """What the runtime is asked. A container is started with all its files, or not at all."""
        effects: list = []
        for wish in requests:
            if type(wish) is not Start:
                effects.append(Tell("executor", wish))
                continue
            try:
                wish = wish._replace(files=self._files_of(work.task))
            except Unready as why:
                wish = wish._replace(unready=str(why))
            effects.append(Tell("executor", wish))
        return effects

    def _files_of(self, task):
        """The files of its container. Raises Unready.

        A container that was made before this boot has lost its way to them, and never finds it again, also when the
        agent has a session [moby: container.DependencyStore, which is in memory alone].
        """
        spec = task.spec.container
        if not (spec.secrets or spec.configs):
            return ()
        if task.id in self.older:
            raise Unready("secret store is not initialized")
        return files_inside(task, self.files, self.description)

    def _kept(self, work):
        task, before = work.task, self.works.get(work.task.id)
        if work == before:
            return []
        self.works[task.id] = work
        if work.wake < self.wake_at:
            self.wake_at = work.wake
        elif before and before.wake < work.wake:
            self._mind_works()
        effects = [Save(f"task {task.id}", work), *self._published(work)]
        if before is None or before.state != work.state:
            if work.state > self.acknowledged.get(task.id, ASSIGNED):
                self.unheard[task.id] = self.unsaid[task.id] = None
            if not task.spec.attachment:
                fact = TaskProgressed(task.id, task.service_name, task.slot, STATES[work.state], work.err)
                effects.append(Note(fact))
        return effects

    def _mind_works(self):
        self.wake_at = min((work.wake for work in self.works.values()), default=NEVER)

    def _is_attached(self, task):
        networks = [self.networks.get(attachment.network) for attachment in task.networks]
        return any(network and not network.predefined for network in networks)

    def _is_addressed(self, task):
        networks = [self.networks.get(attachment.network) for attachment in task.networks]
        here = self.attached
        ids = {attachment.network for attachment in here or ()}
        return here is None or all(not one or one.predefined or one.id in ids for one in networks)

    # ── who may be sent requests ─────────────────────────────────────────────────────────────────────────────────

    def _published(self, work):
        """Tell the mesh how far others may know of a task. It ceases to serve before the stop signal."""
        task, known = work.task.id, self.shown.get(work.task.id)
        if work.task.spec.attachment:
            return self._lent(work)
        if not work.is_attached:
            return self._hidden(task)
        if known and known[1] and not work.is_serving:
            self.shown[task] = known[0], False
            return [Tell("mesh", Withdraw(task))]
        shown = endpoints.endpoint(self, work.task, work.container), work.is_serving
        if work.leaving or shown == known:
            return []
        self.shown[task] = shown
        return [*self._tell_networks(), Tell("mesh", (Expose if work.is_serving else Attach)(shown[0]))]

    def _lent(self, work):
        """The engine shows a plain container to the others, once it has an address and its network is here."""
        task = work.task
        if work.state > RUNNING:
            return [*self._hidden(task.id), Tell("engine", TakenBack(task.id, task.spec.attachment, kept=True))]
        if work.state < RUNNING or task.id in self.shown:
            return []
        self.shown[task.id] = endpoints.endpoint(self, task, ""), False
        one = task.networks[0]
        network = self.networks[one.network].spec
        lent = Lent(task.id, task.spec.attachment, one.network, network.name, one.address, network.internal)
        return [*self._tell_networks(), Tell("engine", lent)]

    def _hidden(self, task):
        return [Tell("mesh", Detach(task)), *self._tell_networks()] if self.shown.pop(task, None) else []

    def _tell_networks(self):
        """A network of the swarm exists on a node while a container there is on it, and ingress always [moby: lazy]."""
        used = {network for endpoint, _ in self.shown.values() for network, _, _ in endpoint.addresses}
        own = {attachment.network: attachment.address.partition("/")[0] for attachment in self.attached or ()}
        rows = tuple(
            endpoints.overlay_network(network, own.get(network.id, ""))
            for network in self.networks.values()
            if network.subnet and (network.spec.ingress or network.id in used)
        )
        if rows == self.told:
            return []
        self.told = rows
        return [Tell("mesh", NetworksHere(rows))]

    def _refresh_shown(self):
        return [effect for task in list(self.shown) for effect in self._published(self.works[task])]

    def _network_rows(self):
        """Ingress, which every node has, and the networks of tasks which have not ended: one goes with its last task."""
        used = {one.network for work in self.works.values() if work.state <= RUNNING for one in work.task.networks}
        return tuple(
            endpoints.network_row(network)
            for network in self.networks.values()
            if network.spec.ingress or (network.id in used and not network.predefined)
        )

    # ── reports ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _report(self, now):
        """Report every new state at once; after a while all of them again that the leader has not acknowledged."""
        if not self.session:
            self.report_at = NEVER
            return []
        again = self.report_at <= now
        tasks, self.unsaid = self.unheard if again else self.unsaid, {}
        if again or self.report_at == NEVER:
            self.report_at = now + REPORT_PATIENCE if self.unheard else NEVER
        statuses = tuple(status(self.works[task]) for task in tasks)
        return [Send(self.manager, "manager", StatusReport(self.node, self.session, statuses))] if statuses else []

    def _acknowledged(self, reported):
        for task, state in reported:
            state = self.acknowledged[task] = max(state, self.acknowledged.get(task, ASSIGNED))
            if task in self.unheard and self.works[task].state <= state:
                del self.unheard[task]
                self.unsaid.pop(task, None)
        if not self.unheard:
            self.report_at = NEVER
        return []


def status(work: Work) -> TaskStatus:
    """What is reported of a task: only the newest state, those before it follow from it."""
    return TaskStatus(work.task.id, work.state, work.message, work.err, work.at, work.container, work.exit_code)
