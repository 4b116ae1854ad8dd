"""What must hold when a swarm has come to rest: every machine runs, every link is good, nobody has asked for a while.

`unrest(world)` is the list of what is wrong, empty when all is well. The strongest of these laws is the shortest: a
manager that began to lead at this instant would find nothing to do, and would remember what the leader remembers.
"""

from collections.abc import Callable, Iterator
from typing import Any

from ..manager import turns
from ..manager.restart import Memory, fillers, may_restart
from ..manager.scheduler import spread
from ..manager.tasks import by_place, is_dirty, is_usable, meets_constraints
from ..objects import (
    ASSIGNED,
    NEW,
    PENDING,
    PREPARING,
    READY,
    REMOVE,
    RUNNING,
    SHUTDOWN,
    Drop,
    Node,
    Put,
    Service,
    Task,
    replace,
)
from ..world import OUTSIDE, World
from .store_laws import faults


def unrest(world: World) -> list[str]:
    """All that is wrong, in a fixed order."""
    lead = leader(world)
    if lead is None:
        return ["nobody leads"]
    found = [fault for law in LAWS for fault in law(world, lead)]
    return faults(lead.store) + found


def leader(world: World) -> Any:
    """What the one manager remembers that leads in the highest term, None if nobody does."""
    seats = [machine.seats for name, machine in world.machines.items() if name not in OUTSIDE and machine.running]
    leads = [seat["manager"].core.lead for seat in seats if seat["manager"].core.lead]
    return max(leads, key=lambda lead: lead.term, default=None)


# ── tasks ────────────────────────────────────────────────────────────────────────────────────────────────────────


def places_are_filled(world: World, lead: Any) -> Iterator[str]:
    """Every replica has a slot of its own, every node that takes part one task of each global service."""
    for service in lead.store.all("service"):
        places = by_place(service, lead.store.tasks_of(service.id))
        live = {place: kept for place, tasks in places.items() if (kept := _kept(lead, service, tasks))}
        wanted = [place for place, tasks in live.items() if any(task.desired <= RUNNING for task in tasks)]
        if service.spec.mode == "replicated" and not len(wanted) <= service.spec.replicas <= len(live):
            yield f"{service.spec.name} fills slots {sorted(live)} of {service.spec.replicas}"
        if service.spec.mode == "global" and not _has_used_up_slots(lead, service):
            yield from _wrong_nodes(lead.store, service, live)
        for place, tasks in live.items():
            if len(tasks) > 1 and not any(_waits(lead.store, task) for task in tasks):
                yield f"{service.spec.name} has {len(tasks)} tasks at {place}"


def _kept(lead: Any, service: Service, tasks: list[Task]) -> list[Task]:
    """What fills a place, whether or not a rollback would fill it anew."""
    return fillers(replace(service, update_status=None), tasks, _restarts(lead))


def _restarts(lead: Any) -> Memory:
    return lead.turns.memories["restarts"]


def _wrong_nodes(store: Any, service: Service, live: dict) -> Iterator[str]:
    for node in store.all("node"):
        takes_part = is_usable(node) and meets_constraints(service, node)
        if takes_part and node.spec.availability == "active" and node.id not in live:
            yield f"{service.spec.name} has no task on {node.machine}"
        if not takes_part and any(task.desired <= RUNNING for task in live.get(node.id, ())):
            yield f"{service.spec.name} has a task on {node.machine}, which takes no part"


def _waits(store: Any, task: Task) -> bool:
    """It has no address yet, or no node: both say why, the first by what is not allocated."""
    service = store.get("service", task.service)
    if service is None:
        return bool(task.spec.attachment) and (task.state == NEW or (task.state == PENDING and bool(task.err)))
    is_old = task.spec_version < service.spec_version  # of such a one the scheduler says nothing
    return task.state == NEW or (task.state == PENDING and (is_old or bool(task.err))) or not service.allocated


def what_fits_runs(world: World, lead: Any) -> Iterator[str]:
    """A task that shall run either runs, or waits for a reason that can be read off the store."""
    for task in lead.store.all("task"):
        waits = _waits(lead.store, task) or _lacks_address(lead.store, task)
        if task.desired == RUNNING and task.state != RUNNING and not waits:
            yield f"{task.name} ({task.id}) shall run and is in state {task.state}"
        if task.desired == READY and task.id not in _restarts(lead).starts:
            yield f"{task.name} ({task.id}) shall be ready, and nobody will start it"
        if task.desired >= SHUTDOWN and ASSIGNED <= task.state <= RUNNING and not _is_lost(lead.store, task):
            yield f"{task.name} ({task.id}) shall end and is in state {task.state}"


def _lacks_address(store: Any, task: Task) -> bool:
    """Its node has none on one of its networks, as that is full: the task will be rejected."""
    node = store.get("node", task.node)
    has = [attachment.network for attachment in node.attachments] if node else []
    return task.state == PREPARING and any(one.network not in has for one in task.networks)


def _is_lost(store: Any, task: Task) -> bool:
    node = store.get("node", task.node)
    return node is not None and node.state != "ready"


def nothing_runs_on_useless_nodes(world: World, lead: Any) -> Iterator[str]:
    """What holds an address for a plain container has no service, and stays with its node."""
    for task in (task for task in lead.store.all("task") if not task.spec.attachment):
        service = lead.store.get("service", task.service)
        if task.desired <= RUNNING and task.node and not is_usable(lead.store.get("node", task.node)):
            yield f"{task.name} ({task.id}) shall run on a node that is down, drained or gone"
        if service is None and not (task.desired == REMOVE and _is_lost(lead.store, task)):
            yield f"{task.name} ({task.id}) belongs to no service"


def what_runs_is_known(world: World, lead: Any) -> Iterator[str]:
    """The containers of each machine that is up are those that the store tells of, and in the same state."""
    known = {node.machine: node for node in lead.store.all("node") if node.state == "ready"}
    for name, machine in world.machines.items():
        node = known.get(name)
        if node is None or not machine.running or machine.seats["agent"].core.node != node.id:
            continue
        works = machine.seats["agent"].core.works
        stored = {task.id: task for task in lead.store.tasks_on(node.id)}
        for id in dict.fromkeys([*works, *stored]):
            task, work = stored.get(id), works.get(id)
            if task is None or (work and work.state != task.state and task.state <= RUNNING):
                yield f"{name} has task {id} in state {work.state if work else None}, the store {task and task.state}"
            elif work is None and task.state <= RUNNING and task.state >= ASSIGNED:
                yield f"{name} does not know of task {id}"
        boxes = machine.seats["executor"].core.boxes
        for id, box in boxes.items():
            if box.container.task and id not in works:
                yield f"{name} keeps a container of task {id}, which is gone"
            if (
                box.container.task
                and id in works
                and (box.container.state == "running") != (works[id].state == RUNNING)
            ):
                yield f"{name} has the container of {id} {box.container.state}, its task is {works[id].state}"


# ── what is given out ────────────────────────────────────────────────────────────────────────────────────────────


def nothing_is_given_twice(world: World, lead: Any) -> Iterator[str]:
    """Addresses, subnets, virtual networks, ports of the mesh, fixed ports of a node, generic resources by name."""
    taken: dict[tuple, str] = {}
    for what, who in _given(lead.store):
        if taken.setdefault(what, who) != who:
            yield f"{taken[what]} and {who} both have {what}"


def _given(store: Any) -> Iterator[tuple[tuple, str]]:
    for network in store.all("network"):
        if network.vni:
            yield ("vni", network.vni), network.id
            yield ("subnet", network.subnet), network.id
    for service in store.all("service"):
        for port in service.ports:
            if port.publish_mode == "ingress" and port.published_port:
                yield ("port", port.protocol, port.published_port), service.id
        yield from (((one.network, one.address.partition("/")[0]), service.id) for one in service.virtual_ips)
    for node in store.all("node"):
        yield from (((one.network, one.address.partition("/")[0]), node.id) for one in node.attachments)
    for task in store.all("task"):
        if task.state <= RUNNING:
            yield from (((one.network, one.address.partition("/")[0]), task.id) for one in task.networks)
            yield from _given_on_node(task)


def _given_on_node(task: Task) -> Iterator[tuple[tuple, str]]:
    for port in task.endpoint.ports if task.state >= ASSIGNED else ():
        if port.publish_mode == "host" and port.published_port:
            yield (task.node, port.protocol, port.published_port), task.id
    for kind, got in task.assigned_generic.items():
        yield from (((task.node, kind, name), task.id) for name in (got if isinstance(got, tuple) else ()))


def memory_agrees_with_store(world: World, lead: Any) -> Iterator[str]:
    """What is taken is what the objects that live have: nothing is forgotten, nothing is kept for who is gone."""
    fresh: dict[str, Any] = turns.Turns(spread, 0).memories
    store, old, new = lead.store, lead.turns.memories["addresses"], fresh["addresses"]
    turns.allocator.plan(store, (), new, 0)
    for name, mine, right in (
        ("addresses", old.held, new.held),
        ("subnets", old.subnets, new.subnets),
        ("vnis", old.vni_of, new.vni_of),
        ("numbers", _used(old), _used(new)),
        ("ports", _sorted(old.ports.held), _sorted(new.ports.held)),
    ):
        if mine != right:
            yield f"the allocator remembers {name} {_differences(mine, right)}"
    turns.scheduler.observe(store, None, fresh["places"], 0)
    yield from _other_places(lead.turns.memories["places"].board, fresh["places"].board)


def _used(memory: Any) -> dict:
    numbers = {network: sorted(taken.used) for network, taken in memory.addresses.items()}
    ports = {protocol: sorted(taken.used) for protocol, taken in memory.ports.ranges.items()}
    return numbers | ports | {"vni": sorted(memory.vnis.used)}


def _sorted(held: dict) -> dict:
    return {owner: sorted(ports) for owner, ports in held.items() if ports}


def _differences(mine: dict, right: dict) -> str:
    keys = [key for key in dict.fromkeys([*mine, *right]) if mine.get(key) != right.get(key)]
    return "; ".join(f"{key}: {mine.get(key)}, not {right.get(key)}" for key in keys)


def _other_places(old: Any, new: Any) -> Iterator[str]:
    for id in dict.fromkeys([*old.places, *new.places]):
        mine, right = old.places.get(id), new.places.get(id)
        if mine is None or right is None:
            yield f"the scheduler knows node {id}: {mine is not None}"
        elif _taken(mine) != _taken(right):
            yield f"the scheduler takes for taken on {id} {_taken(mine)}, not {_taken(right)}"


def _taken(place: Any) -> tuple:
    counts = ({key: count for key, count in one.items() if count} for one in (place.generic, place.names, place.ports))
    return (place.available, place.tasks, place.nano_cpus, place.memory, *counts)


# ── a leader that begins now ─────────────────────────────────────────────────────────────────────────────────────


def nothing_is_left_to_do(world: World, lead: Any) -> Iterator[str]:
    """Every planner, told that everything changed, is content. Nothing is missed because a change went unheard."""
    now, fresh = world.kernel.now, turns.Turns(spread, 0)
    for planner in turns.PLANNERS:
        if _restarts(lead).starts and planner.memory == "restarts":
            continue  # something is about to be started: it is not at rest
        for change in fresh.run(planner, lead.store, now):
            if not _is_left_alone(lead, planner.name, change):
                yield f"{planner.name} would still write {change}"


def _is_left_alone(lead: Any, planner: str, change: Put | Drop) -> bool:
    """What a new leader does, and an old one rightly does not."""
    what: Any = change.object if isinstance(change, Put) else lead.store.get(change.kind, change.id)
    id = what.service if isinstance(what, Task) else what.id
    service = lead.store.get("service", id)
    if service is None and isinstance(what, Task) and _is_lost(lead.store, what):
        return True  # a new leader deletes what a lost node can no longer say of
    if service is not None and service.is_job:
        return True  # a new leader looks at jobs to which nothing has happened
    if planner == "updater" and id in _restarts(lead).updates:
        return True  # it would go on in another order
    if planner in ("replicated", "updater", "global") and service and _has_used_up_slots(lead, service):
        return True  # what ended there for good counts when the service is looked at the next time
    if planner == "replicated" and isinstance(change, Drop):
        return True  # so do the slots that nothing fills any more
    if planner == "scheduler" and what.id not in lead.turns.memories["places"].pending:
        # SwarmKit does not try again what an older version could not place, not even when that is the version again
        old = lead.store.get("task", what.id)
        return service is not None and (old.version < service.version or old.spec_version < service.spec_version)
    if planner == "allocator" and isinstance(what, Node):
        return True  # a node that lacks an address is looked at when something happens there
    return planner == "enforcer"  # it looks when a node changes, not when a service does


def _has_used_up_slots(lead: Any, service: Service) -> bool:
    tasks = [task for task in lead.store.tasks_of(service.id) if task.desired > RUNNING]
    return any(not may_restart(service, task, _restarts(lead)) for task in tasks)


def updates_end(world: World, lead: Any) -> Iterator[str]:
    """An update that is under way waits for a task that cannot run."""
    for service in lead.store.all("service"):
        state = service.update_status[0] if service.update_status else ""
        if service.is_job:
            continue  # nobody rolls a job back step by step: the status stays
        if state in ("updating", "rollback_started") and not _hangs(lead.store, service):
            yield f"the update of {service.spec.name} does not end"
        tasks = [task for task in lead.store.tasks_of(service.id) if task.desired <= RUNNING]
        if state in ("", "completed", "rollback_completed") and service.id not in _restarts(lead).updates:
            old = [task for task in tasks if is_dirty(lead.store, service, task) and not _is_paused(lead.store, task)]
            yield from (f"{task.name} ({task.id}) was not updated" for task in old)


def _is_paused(store: Any, task: Task) -> bool:
    """A global task there is left alone."""
    node = store.get("node", task.node)
    return node is not None and node.spec.availability == "pause"


def _hangs(store: Any, service: Service) -> bool:
    tasks = [task for task in store.tasks_of(service.id) if task.desired <= RUNNING]
    return not service.allocated or any(_waits(store, task) or task.state < RUNNING for task in tasks)


LAWS: tuple[Callable[[World, Any], Iterator[str]], ...] = (
    places_are_filled,
    what_fits_runs,
    nothing_runs_on_useless_nodes,
    what_runs_is_known,
    nothing_is_given_twice,
    memory_agrees_with_store,
    nothing_is_left_to_do,
    updates_end,
)
