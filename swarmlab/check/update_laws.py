"""Laws of rolling updates and of restarts, after swarm.md §7, §8 and §21: some at every step, some when all is at rest.

With healthy images and no other fault, an update by stop-first leaves no more slots empty than it has workers, and one by
start-first wants no more tasks too many. In any weather a paused update stays paused, a rollback ends with the old spec
everywhere, and a restart keeps to its delay, its attempts and its minute of patience.
"""

from collections.abc import Callable, Iterator
from typing import Any

from ..effects import SECOND
from ..events import BecameLeader, ContainerExited, ServiceStored, SlotTaken, TaskProgressed, TaskStored, UpdateBegun
from ..manager.tasks import is_dirty, is_usable
from ..objects import READY, RUNNING, Service, Task, UpdateConfig
from ..sim.trace import Record
from ..world import World
from .broken import LawBroken
from .laws import Laws

PATIENCE, SLACK = 60 * SECOND, 2 * SECOND
UNDER_WAY, PAUSED = ("updating", "rollback_started"), ("paused", "rollback_paused")


class UpdateLaws:
    """Watches one world from now on, after every event that left a fact, together with all other laws.

    `calm`: images are healthy, one update comes at a time, and nothing breaks. `steady`: managers and their links are well.
    """

    def __init__(self, world: World, calm: bool = False, steady: bool = False):
        self.world, self.calm, self.steady, self.seen = world, calm, steady, len(world.trace.records)
        self.laws = Laws(world)
        self.newest = 0  # index: what a new leader tells once more is no news
        self.services: dict[str, Service] = {}  # as they were last seen
        self.last: dict[str, Service] = {}  # the same, unless something was written since that we have not seen
        self.updates: dict[str, Service] = {}  # the version that is being rolled out
        self.paused: set[str] = set()  # services
        self.leader, self.term = world.leader, 0  # type: ignore[attr-defined]
        self.old_spec: dict[str, Any] = {}  # what a rollback leads to
        self.taken: set[str] = set()  # tasks of the updater
        self.made: dict[str, tuple[int, int]] = {}  # those that shall run later → (made at, delay)
        self.shut: dict[tuple[str, Any], tuple[int, int, int]] = {}  # place → (index, version, delay) of who was to end
        self.states: dict[str, tuple[str, int]] = {}  # service → (state of its update, version), as last told
        self.restarts: dict[tuple[str, Any], tuple[int, list[int]]] = {}  # place → (version, restarts at)
        self.running: dict[str, dict[str, Any]] = {}  # name of the service → task → place
        for service in self._store().all("service"):
            self.services[service.id] = self.last[service.id] = service
        for task in world.running:  # type: ignore[attr-defined]
            self.running.setdefault(task.service, {})[task.id] = task.slot or task.machine
        self.known = {task.id for task in self._store().all("task")}
        world.kernel.watch(world.trace.records, self.look)

    def _store(self) -> Any:
        return self.world.store  # type: ignore[attr-defined]

    def look(self) -> None:
        """Check what has happened since the last look. Raises LawBroken."""
        self.laws.look()
        records, seen = self.world.trace.records, self.seen
        self.seen = len(records)
        for record in records[seen:]:
            for law in LAWS.get(type(record.fact), ()):
                law(self, record)

    def _is_news(self, record: Record) -> bool:
        self.newest, news = max(self.newest, record.fact.index), record.fact.index >= self.newest
        return news

    def _store_of(self, record: Record) -> Any:
        return self.world.machines[record.source].seats["manager"].core.store

    # ── how an update goes on ────────────────────────────────────────────────────────────────────────────────────

    def updates_follow_their_states(self, record: Record) -> None:
        """A paused update stays paused until somebody updates the service; a rollback leads to the previous spec, and ends
        with it everywhere."""
        fact = record.fact
        if not self._is_news(record):
            return
        was, version = self.states.get(fact.id, ("", -1))
        state = fact.update[0] if fact.update else ""
        self.states[fact.id] = state, fact.spec_version
        if was in PAUSED and version == fact.spec_version and state != was:
            raise LawBroken("paused stays paused", record, f"{fact.name} was {was} and is {state or 'without status'}")
        self.paused.discard(fact.id)
        if state in PAUSED:
            self.paused.add(fact.id)
        service, before = self._store_of(record).get("service", fact.id), self.last.pop(fact.id, None)
        if service:
            self.services[fact.id] = service
        if service and service.version == fact.index:  # else something was written since in the same breath
            self.last[fact.id] = service
            self._look_at_rollback(record, service, before, (was, version))
        else:
            self.old_spec.pop(fact.id, None)

    def _look_at_rollback(
        self, record: Record, service: Service, before: Service | None, known: tuple[str, int]
    ) -> None:
        asked, state = service.spec_version != known[1], _state(service)
        if state == "rollback_started" and before and (asked or known[0] != state):
            self.old_spec[service.id] = before.previous_spec
        elif asked:
            self.old_spec.pop(service.id, None)
        self._rolled_back(record, service, state)

    def _rolled_back(self, record: Record, service: Service, state: str) -> None:
        if state.startswith("rollback") and service.spec != self.old_spec.get(service.id, service.spec):
            raise LawBroken("a rollback leads back", record, f"{service.name} has not the spec that it had before")
        if state not in ("completed", "rollback_completed"):
            return
        store = self._store_of(record)
        wanted = [task for task in store.tasks_of(service.id) if task.desired <= RUNNING]
        left = [task.name for task in wanted if is_dirty(store, service, task) and not _may_stay(store, service, task)]
        if left:
            raise LawBroken("completed means all", record, f"{', '.join(left)} of another spec, and it is {state}")

    def paused_takes_no_slot(self, record: Record) -> None:
        """Nobody who leads takes more slots for an update that is paused."""
        self.taken.add(record.fact.task)
        if record.fact.service in self.paused and record.source == self.leader:
            raise LawBroken("paused stays paused", record, f"slot {record.fact.place} is taken all the same")

    def an_update_begins(self, record: Record) -> None:
        service = self.services.get(record.fact.service)
        if service:
            self.updates[service.name] = service

    # ── how many run meanwhile ───────────────────────────────────────────────────────────────────────────────────

    def enough_slots_run(self, record: Record) -> None:
        """Stop-first: slots with a running task never below replicas − parallelism; start-first: never below replicas."""
        fact = record.fact
        if type(fact) is ContainerExited:
            for places in self.running.values():
                places.pop(fact.task, None)
            names = list(self.updates)
        else:
            running = self.running.setdefault(fact.service, {})
            if fact.state == "running":
                running[fact.task] = fact.slot or record.source
            elif fact.state not in BEFORE:
                running.pop(fact.task, None)
            names = [fact.service]
        for name in names if self.calm else ():
            self._count_slots(record, name)

    def _count_slots(self, record: Record, name: str) -> None:
        service = self.updates.get(name)
        if service is None or service.spec.mode != "replicated":
            return
        config, slots = _config(self.services[service.id]), len(set(self.running[name].values()))
        gone = 0 if config.order == "start-first" else config.parallelism or service.spec.replicas
        if slots < service.spec.replicas - gone:
            raise LawBroken(
                "enough slots run", record, f"{slots} of {service.spec.replicas} slots of {name}, {gone} may be empty"
            )

    def not_too_many_are_wanted(self, record: Record) -> None:
        """Start-first: tasks that are desired running never above replicas + parallelism."""
        service = self.updates.get(self._name(record)) if self.calm else None
        if service is None or service.spec.mode != "replicated":
            return
        config, replicas = _config(self.services[service.id]), service.spec.replicas
        store = self._store_of(record)
        wanted = sum(task.desired == RUNNING for task in store.tasks_of(service.id))
        most = replicas + (config.parallelism or replicas if config.order == "start-first" else 0)
        if wanted > most:
            raise LawBroken("not too many are wanted", record, f"{wanted} tasks of {service.name}, {most} at the most")

    def _name(self, record: Record) -> str:
        service = self.services.get(record.fact.service)
        return service.name if service else ""

    # ── restarts ─────────────────────────────────────────────────────────────────────────────────────────────────

    def restarts_keep_to_their_policy(self, record: Record) -> None:
        """Not more often than `max_attempts` says, not before the delay is over, not later than a minute after that."""
        fact = record.fact
        if not self._is_news(record):
            return
        place = fact.service, fact.slot or fact.node
        if fact.id not in self.known:
            self.known.add(fact.id)
            self._note_new(record, place)
        elif fact.desired == "shutdown":
            self.shut[place] = fact.index, fact.spec_version, self._delay_after(record)
        if fact.id in self.made and fact.desired != "ready":
            made, delay = self.made.pop(fact.id)
            if fact.desired == "running":
                self._started(record, record.time - made, 0 if fact.id in self.taken else delay)

    def _delay_after(self, record: Record) -> int:
        """The delay of who ends counts, not that of what follows; there is none where a node is drained."""
        store = self._store_of(record)
        task, node = store.get("task", record.fact.id), store.get("node", record.fact.node)
        if task is None or (node and node.spec.availability == "drain"):
            return 0
        return task.spec.restart.delay

    def _note_new(self, record: Record, place: tuple[str, Any]) -> None:
        fact, service = record.fact, self.services.get(record.fact.service)
        task = self._store_of(record).get("task", fact.id)
        if task is None or service is None or service.is_job:
            return
        version, times = self.restarts.get(place, (fact.spec_version, []))
        if version != fact.spec_version or fact.id in self.taken:
            times = []
        # One that takes the place of a task of another version is none: their attempts are counted apart.
        index, old_version, delay = self.shut.get(place, (0, 0, 0))
        other = index == fact.index and old_version != fact.spec_version
        is_restart = fact.desired == "ready" and fact.id not in self.taken
        if fact.desired == "ready":
            self.made[fact.id] = task.created_at, delay if index == fact.index else task.spec.restart.delay
        if is_restart and not other:
            times = [*times, record.time]
            self._counted(record, task, times)
        self.restarts[place] = fact.spec_version, times

    def _counted(self, record: Record, task: Any, times: list[int]) -> None:
        policy = task.spec.restart
        if policy.window:
            # Two that end together in a slot do not count for each other.
            times = [at for at in times if record.time - policy.window < at < record.time] + times[-1:]
        if policy.condition == "none" or (policy.max_attempts and len(times) > policy.max_attempts):
            text = f"restart {len(times)} of {task.name}, {policy.max_attempts} allowed"
            raise LawBroken("no more attempts than allowed", record, text)

    def _started(self, record: Record, waited: int, delay: int) -> None:
        text = f"{record.fact.name} waits {waited / SECOND} s, its delay is {delay / SECOND} s"
        if waited < delay:
            raise LawBroken("the delay is respected", record, text)
        if self.steady and waited > max(delay, PATIENCE) + SLACK:
            raise LawBroken("a minute of patience", record, text)

    def a_new_leader_counts_anew(self, record: Record) -> None:
        """It knows of no restart but of those whose tasks are still there, behind the first of their version."""
        if record.fact.term >= self.term:
            self.leader, self.term = record.source, record.fact.term
        store = self._store_of(record)
        for place, (version, times) in self.restarts.items():
            tasks = [task for task in store.tasks_of(place[0]) if place[1] in (task.slot, task.node)]
            newest = max((task.spec_version for task in tasks), default=version)  # after a rollback not the last one
            again = sum(task.spec_version == newest for task in tasks) - 1 if newest == version else 0
            self.restarts[place] = version, times[-again:] if again > 0 else []


BEFORE = ("assigned", "accepted", "preparing", "ready", "starting")  # states on a node before a task runs


def _state(service: Service) -> str:
    return service.update_status[0] if service.update_status else ""


def _may_stay(store: Any, service: Service, old: Task) -> bool:
    """With start-first the old task stays where the new one failed; the one after that may run beside it. Global tasks
    stay where their node is paused, or of no use."""
    node = store.get("node", old.node)
    if service.spec.mode == "global" and not (is_usable(node) and node.spec.availability == "active"):
        return True
    if _config(service).order == "stop-first":
        return False
    others = [task for task in store.tasks_of(service.id) if task.slot == old.slot and task.created_at > old.created_at]
    return any(not is_dirty(store, service, task) for task in others)


def _config(service: Service) -> UpdateConfig:
    return service.spec.rollback if _state(service).startswith("rollback") else service.spec.update


LAWS: dict[type, tuple[Callable[[UpdateLaws, Record], None], ...]] = {
    ServiceStored: (UpdateLaws.updates_follow_their_states,),
    SlotTaken: (UpdateLaws.paused_takes_no_slot,),
    UpdateBegun: (UpdateLaws.an_update_begins,),
    TaskProgressed: (UpdateLaws.enough_slots_run,),
    ContainerExited: (UpdateLaws.enough_slots_run,),
    TaskStored: (UpdateLaws.restarts_keep_to_their_policy, UpdateLaws.not_too_many_are_wanted),
    BecameLeader: (UpdateLaws.a_new_leader_counts_anew,),
}


# ── at rest ──────────────────────────────────────────────────────────────────────────────────────────────────────


def unsettled(world: Any) -> Iterator[str]:
    """What is wrong with updates and replicas when faults are over and time has passed: nothing lost, nothing left over."""
    store, now = world.store, world.kernel.now
    for service in store.all("service"):
        tasks = store.tasks_of(service.id)
        live = [task for task in tasks if task.desired <= RUNNING]
        policy = service.spec.task.restart
        state = _state(service)
        stuck = service.previous_spec is None and service.spec.update.failure_action == "rollback"
        if state in UNDER_WAY and not stuck and not any(task.state < RUNNING for task in live):
            yield f"the update of {service.name} does not end"
        if state in ("completed", "rollback_completed"):
            old = [task for task in live if is_dirty(store, service, task) and not _may_stay(store, service, task)]
            yield from (f"{task.name} has the old spec" for task in old)
        if policy.condition == "any" and not policy.max_attempts and service.spec.mode == "replicated":
            slots = {task.slot for task in live}
            if len(slots) != service.spec.replicas:
                yield f"{service.name} has tasks in slots {sorted(slots)}, of {service.spec.replicas}"
        for task in live:
            late = now - task.created_at > max(policy.delay, task.spec.restart.delay, PATIENCE) + SLACK
            if task.desired == READY and late and state not in UNDER_WAY:
                yield f"{task.name} waits for its start since {(now - task.created_at) / SECOND} s"
