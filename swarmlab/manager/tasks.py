"""One task of a service: how it is made, what place it fills, when it is out of date.

Source: Docker documentation, "How services work"; swarmkit `manager/orchestrator/task.go`, `slot.go`.
"""

from collections.abc import Iterable

from ..objects import COMPLETE, NEW, RUNNING, SHUTDOWN, Node, Put, Service, Task, TaskSpec, replace
from ..trust.tokens import derived_id
from .constraints import match, parse
from .store import Store

Place = int | str  # the slot or, for one task per node, the node


def new_task(
    store: Store, service: Service, slot: int, node: str = "", desired: int = RUNNING, now: int = 0, after: str = ""
) -> Task:
    """A fresh task of the service as it is wanted now. Its id follows from where and when it was made, and `after` which."""
    return Task(
        id=derived_id(service.id, slot, node, store.index, now, after),
        service=service.id,
        service_name=service.spec.name,
        service_labels=service.spec.labels,
        slot=slot,
        node=node,
        spec=service.spec.task,
        spec_version=service.spec_version,
        endpoint=service.spec.endpoint,
        state=NEW,
        status_at=now,
        desired=desired,
        log_driver=service.spec.task.log_driver,
        job_iteration=service.job_iteration,
    )


def place_of(service: Service, task: Task) -> Place:
    """Which of the service's places this task fills. Slots of a job begin at 0, so the number alone does not tell."""
    return task.slot if service.spec.mode.startswith("replicated") else task.node


def by_place(service: Service, tasks: Iterable[Task]) -> dict[Place, list[Task]]:
    """The tasks by the place that they share."""
    places: dict[Place, list[Task]] = {}
    for task in tasks:
        places.setdefault(place_of(service, task), []).append(task)
    return places


def final(service: Service) -> int:
    """What the tasks of this service are to become: running, or complete for a job."""
    return COMPLETE if service.is_job else RUNNING


def shut_down(tasks: Iterable[Task]) -> list[Put]:
    """Those that are still wanted are wanted no more."""
    return [Put(replace(task, desired=SHUTDOWN)) for task in tasks if task.desired < SHUTDOWN]


def is_usable(node: Node | None) -> bool:
    """May tasks stay on this node? Not when it is gone, down or drained; unknown and paused ones keep theirs."""
    return node is not None and node.state != "down" and node.spec.availability != "drain"


def meets_constraints(service: Service, node: Node | None) -> bool:
    """Does the node meet the constraints that the service has now?"""
    return node is not None and match(parse(service.spec.task.placement.constraints), node)


def is_dirty(store: Store, service: Service, task: Task) -> bool:
    """Does an update have to replace this task? Replicas and service labels do not matter, all of the task does."""
    if task.spec_version == service.spec_version:
        return False
    new = service.spec.task
    # As in SwarmKit, a task that may stay where it is keeps its ports too, even if they changed in the same update.
    if _differs_in_placement_alone(task.spec, new) and meets_constraints(service, store.get("node", task.node)):
        return False
    return task.spec != new or task.endpoint != service.spec.endpoint


def _differs_in_placement_alone(old: TaskSpec, new: TaskSpec) -> bool:
    return old.placement != new.placement and replace(old, placement=new.placement) == new
