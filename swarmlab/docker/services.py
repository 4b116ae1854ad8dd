"""`docker service …`: what a person asks of the swarm, and what they see of it.

Source: docs.docker.com, Docker CLI reference; texts as recorded from Docker 28.2.2.
"""

import re
from collections.abc import Iterable, Sequence

from ..messages import CreateObject, GetObject, Info, ListObjects, RemoveObject, UpdateObject
from ..objects import STATES, ApiError, Node, Service, ServiceSpec, Task, replace
from ..worker import images
from .ask import service_spec
from .commands import BY_NAME
from .filters import SERVICE_TESTS, TASK_TESTS, lookup, matching
from .flags import Options
from .images import resolved
from .lists import SERVICES, TASKS, service_rows, task_rows, without_digest
from .progress import watch
from .session import Exit, Screen, Session, each
from .tables import is_table, show
from .units import UnitError, quote
from .update import check_rollback, updated
from .usage import usage_line

MISSING_IMAGE = """image {0} could not be accessed on a registry to record
its digest. Each node will access {0} independently,
possibly leading to different nodes running different
versions of the image.
"""


def create(session: Session, options: Options, screen: Screen) -> None:
    spec = service_spec(options, session)
    spec = spec if options["no-resolve-image"] else resolved(spec)
    service_id = session.call(CreateObject(spec))
    if not options["no-resolve-image"]:
        warn_of_missing(spec, screen)
    screen.say(service_id)
    if not options["detach"]:
        watch(session, screen, service_id, service_id, options["quiet"])


def warn_of_missing(spec: ServiceSpec, screen: Screen) -> None:
    """An image that the registry does not have is no reason to refuse a service, but it is said."""
    image = without_digest(spec.task.container.image)
    if images.find(image) is None:
        screen.warn(MISSING_IMAGE.format(image))


def list_services(session: Session, options: Options, screen: Screen) -> None:
    services = matching(session.call(ListObjects("service")), options["filter"], SERVICE_TESTS)
    print_services(session, options, screen, services)


def print_services(session: Session, options: Options, screen: Screen, services: Iterable[Service]) -> None:
    rows = service_rows(services, session.call(ListObjects("task")))
    show(screen, SERVICES, rows, options["format"], options["quiet"])


def list_tasks(session: Session, options: Options, screen: Screen) -> None:
    """`docker service ps`: also for several services, some of which may not exist."""
    services = session.call(ListObjects("service"))
    wanted, missing = [], []
    for ref in options.words:
        found = lookup(services, ref, lambda service: service.spec.name)
        if len(found) > 1:
            raise Exit(f"multiple services found with provided prefix: {ref}")
        wanted += [service.id for service in found]
        missing += [] if found else [f"no such service: {ref}"]
    if wanted:
        tasks = [task for task in session.call(ListObjects("task")) if task.service in wanted]
        print_tasks(session, options, screen, tasks)
    if missing:
        raise Exit("\n".join(missing))


def print_tasks(session: Session, options: Options, screen: Screen, tasks: Iterable[Task]) -> None:
    """Tasks that pass the filters, as a table or as asked."""
    nodes = session.call(ListObjects("node"))
    tasks = matching(tasks, _task_filters(session, options["filter"], nodes), TASK_TESTS)
    # Docker's default keeps ids whole under --quiet, where a person wants to paste them.
    trunc = not options["no-trunc"] and not options["quiet"]
    rows = task_rows(
        tasks, nodes, session.now, resolve=not options["no-resolve"], trunc=trunc, table=is_table(options["format"])
    )
    show(screen, TASKS, rows, options["format"], options["quiet"])


def _task_filters(session: Session, filters: Sequence[tuple[str, str]], nodes: Sequence[Node]) -> list[tuple[str, str]]:
    checked = []
    for name, value in filters:
        if name == "node":
            value = session.call(Info()).node if value == "self" else one_node(nodes, value).id
        if name == "desired-state" and value.lower() not in STATES.values():
            raise ApiError(f"Invalid desired-state filter: '{value}'")
        checked.append((name, value))
    return checked


def one_node(nodes: Sequence[Node], ref: str) -> Node:
    """The node of this id or name. Raises ApiError."""
    found = lookup(nodes, ref, lambda node: node.hostname)
    if len(found) > 1:
        raise ApiError(f"node {ref} is ambiguous ({len(found)} matches found)")
    if not found:
        raise ApiError(f"node {ref} not found")
    return found[0]


def update(session: Session, options: Options, screen: Screen) -> None:
    """The service is read, changed and written back: who wrote in between is not overwritten, the engine sees to that."""
    ref = options.words[0]
    service = session.call(GetObject("service", ref))
    check_rollback(options)
    spec = updated(service.spec, options, session)
    asks = "image" in options.given and not options["no-resolve-image"]
    spec = resolved(spec) if asks else spec
    session.call(UpdateObject("service", service.id, service.version, spec, options["rollback"]))
    if asks:
        warn_of_missing(spec, screen)
    screen.say(ref)
    if not options["detach"]:
        watch(session, screen, service.id, ref, options["quiet"])


def rollback(session: Session, options: Options, screen: Screen) -> None:
    """Back to the spec before the last change; a second time is forward again."""
    ref = options.words[0]
    service = session.call(GetObject("service", ref))
    session.call(UpdateObject("service", service.id, service.version, service.spec, rollback=True))
    screen.say(ref)
    if not options["detach"]:
        watch(session, screen, service.id, ref, options["quiet"])


def scale(session: Session, options: Options, screen: Screen) -> None:
    """Each service for itself: one that is refused does not stop the others."""
    for word in options.words:
        if not all(word.partition("=")):
            command = BY_NAME["service scale"]
            see = "See 'docker service scale --help'."
            raise Exit(f"invalid scale specifier '{word}'.\n{see}\n\n{usage_line(command)}\n\n{command.help}")
    scaled, errors = [], []
    for word in options.words:
        name, _, number = word.partition("=")
        try:
            scaled.append((_scale_one(session, name, number), name))
            screen.say(f"{name} scaled to {int(number)}")
        except ApiError as refusal:
            errors.append(f"{name}: Error response from daemon: {refusal.text}")
        except UnitError as fault:
            errors.append(f"{name}: {fault.text}")
    for service_id, name in [] if options["detach"] else scaled:
        try:
            watch(session, screen, service_id, name)
        except Exit as end:
            errors.append(f"{name}: {end.text}")
    if errors:
        raise Exit("\n".join(errors))


def _scale_one(session: Session, name: str, number: str) -> str:
    invalid = f"invalid replicas value {number}: strconv.ParseUint: parsing {quote(number)}"
    if not re.fullmatch("[0-9]+", number):
        raise UnitError(f"{invalid}: invalid syntax")
    if len(number.lstrip("0")) > 20 or int(number) >= 2**64:
        raise UnitError(f"{invalid}: value out of range")
    service = session.call(GetObject("service", name))
    if service.spec.mode.startswith("global"):
        raise UnitError("scale can only be used with replicated or replicated-job mode")
    spec = replace(service.spec, replicas=int(number))
    session.call(UpdateObject("service", service.id, service.version, spec))
    return service.id


def remove(session: Session, options: Options, screen: Screen) -> None:
    remove_each(session, screen, [RemoveObject("service", ref) for ref in options.words])


def remove_each(session: Session, screen: Screen, requests: Sequence[RemoveObject]) -> None:
    """Ask for every removal, echo what is gone, and say at the end what was refused."""

    def do(request: RemoveObject) -> None:
        session.call(request)
        screen.say(request.ref)

    each(requests, do)


RUN = {
    "service create": create,
    "service ls": list_services,
    "service ps": list_tasks,
    "service rm": remove,
    "service rollback": rollback,
    "service scale": scale,
    "service update": update,
}
