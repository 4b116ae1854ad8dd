"""`/services`: what people ask of the swarm, and how far it has got.

Source: Docker Engine API v1.47, "Service"; moby `api/server/router/swarm/cluster_routes.go`, `daemon/cluster/services.go`.
"""

from collections.abc import Sequence

from ...messages import CreateObject, GetObject, ListObjects, RemoveObject, UpdateObject
from ...objects import Service, Task
from .. import api_json
from ..filters import SERVICE_TESTS, matching
from ..session import Session
from .asked import Answer, Asked, Refusal, filters_of, version_of
from .clock import shown
from .queries import boolean, pairs
from .specs import posted_service


def list_services(session: Session, asked: Asked) -> Answer:
    """With `?status=true` also how many tasks of each run."""
    wanted, with_status = pairs(filters_of(asked)), boolean(asked, "status")
    services = matching(session.call(ListObjects("service")), wanted, SERVICE_TESTS)
    if not with_status:
        return Answer(body=[shown(session, api_json.service(service)) for service in services])
    tasks = by_service(session.call(ListObjects("task")))
    return Answer(body=[shown(session, api_json.service(one, tasks=tasks.get(one.id, ()))) for one in services])


def by_service(tasks: Sequence[Task]) -> dict[str, list[Task]]:
    """The tasks of each service, by its id."""
    found: dict[str, list[Task]] = {}
    for task in tasks:
        found.setdefault(task.service, []).append(task)
    return found


def get(session: Session, asked: Asked) -> Answer:
    """`?insertDefaults=true` fills in what nobody asked for."""
    insert_defaults = boolean(asked, "insertDefaults")
    service: Service = session.call(GetObject("service", asked.names["ref"]))
    return Answer(body=shown(session, api_json.service(service, insert_defaults)))


def create(session: Session, asked: Asked) -> Answer:
    return Answer(201, {"ID": session.call(CreateObject(posted_service(asked)))})


def update(session: Session, asked: Asked) -> Answer:
    """A new spec, or with `?rollback=previous` the one before: what is posted then is not looked at, as long as it is one."""
    ref, spec, version = asked.names["ref"], posted_service(asked), version_of(asked, "service")
    back = asked.query.get("rollback", "")
    if back not in ("", "none", "previous"):
        raise Refusal(400, f"unrecognized rollback option {back}")
    if asked.query.get("registryAuthFrom", "") not in ("", "spec", "previous-spec"):
        raise Refusal(400, "unsupported registryAuthFrom value")
    session.call(UpdateObject("service", ref, version, spec, rollback=back == "previous"))
    return Answer(body={"Warnings": None})


def remove(session: Session, asked: Asked) -> Answer:
    session.call(RemoveObject("service", asked.names["ref"]))
    return Answer()


ROUTES = (
    ("GET", "/services", list_services),
    ("POST", "/services/create", create),
    ("GET", "/services/{ref}", get),
    ("DELETE", "/services/{ref}", remove),
    ("POST", "/services/{ref}/update", update),
)
