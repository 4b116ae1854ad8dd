"""`/tasks`: every attempt to fill a slot, as far as it is remembered.

Source: Docker Engine API v1.47, "Task"; moby `daemon/cluster/{tasks,filters}.go`; swarmkit `manager/controlapi/task.go`.
"""

from collections.abc import Sequence
from typing import Any

from ...messages import GetObject, ListObjects
from ...objects import STATES, ApiError, Network, Node, Service, Task
from .. import api_json
from ..filters import TASK_TESTS, matching
from ..progress import POLL, up_to_date
from ..session import Session
from .asked import Answer, Asked, filters_of
from .clock import shift_of, shown
from .queries import pairs

MOST_POLLS = 5  # of a client's looks that one may stand for
UP_TO_DATE = "_up-to-date"  # for those who watch an update


def list_tasks(session: Session, asked: Asked) -> Answer:
    """Thousands of them are encoded in a moment, because they share what is large."""
    filters = filters_of(asked)
    if UP_TO_DATE in filters:
        _wait_a_moment(session)
    wanted = _resolved(session, filters)
    services = {service.id: service for service in session.call(ListObjects("service"))}
    tasks = matching(session.call(ListObjects("task")), pairs(wanted), TASK_TESTS)
    if filters.get(UP_TO_DATE):
        tasks = _up_to_date(session, tasks, services)
    jobs = {service.id for service in services.values() if service.is_job}
    networks: tuple[Network, ...] = session.call(ListObjects("network"))
    return Answer(body=api_json.tasks(tasks, networks, jobs, shift_of(session)))


def _wait_a_moment(session: Any) -> None:
    """Where time moves by requests alone, a client that looks again and again is what lets it pass: until something has
    happened to a task, if that is soon."""
    if not getattr(session, "is_on_demand", False):
        return
    before = _states(session)
    for _ in range(MOST_POLLS):
        session.elapse(POLL)
        if _states(session) != before:
            return


def _states(session: Session) -> list[tuple[str, int, int]]:
    return [(task.id, task.state, task.desired) for task in session.call(ListObjects("task"))]


def _resolved(session: Session, filters: dict[str, list[str]]) -> dict[str, list[str]]:
    """The filters with ids of services and nodes, and states checked. Raises `ApiError`."""
    wanted = {name: values for name, values in filters.items() if name != UP_TO_DATE}
    for kind in ("service", "node"):
        if kind in wanted:
            wanted[kind] = [session.call(GetObject(kind, ref)).id for ref in wanted[kind]]
    states = [value.lower() for value in wanted.get("desired-state", ())]
    for value, state in zip(wanted.get("desired-state", ()), states, strict=True):
        if state and state not in STATES.values():
            raise ApiError(f"Invalid desired-state filter: '{value}'")
    if "desired-state" in wanted:
        wanted["desired-state"] = [state for state in states if state]
    return wanted


def _up_to_date(session: Session, tasks: Sequence[Task], services: dict[str, Service]) -> list[Task]:
    """Those that an update would not replace."""
    nodes: dict[str, Node] = {node.id: node for node in session.call(ListObjects("node"))}
    return [
        task
        for task in tasks
        if task.service in services and up_to_date(task, services[task.service], nodes.get(task.node))
    ]


def get(session: Session, asked: Asked) -> Answer:
    task: Task = session.call(GetObject("task", asked.names["ref"]))
    networks = {network.id: network for network in session.call(ListObjects("network"))}
    services = {service.id: service for service in session.call(ListObjects("service"))}
    is_job = task.service in services and services[task.service].is_job
    return Answer(body=shown(session, api_json.task(task, networks, is_job)))


ROUTES = (
    ("GET", "/tasks", list_tasks),
    ("GET", "/tasks/{ref}", get),
)
