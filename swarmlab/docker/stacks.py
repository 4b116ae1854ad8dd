"""`docker stack …` but for deploy: what the files come to, what there is of a stack, and its removal.

The swarm knows no stacks, only a label on what belongs to one.
Source: docs.docker.com, `docker stack`; texts as recorded from Docker 28.2.2.
"""

from functools import partial
from typing import Any

from ..effects import MS
from ..messages import ListNetworks, ListObjects, RemoveObject
from ..objects import RUNNING, ApiError, Task
from .filters import SERVICE_TESTS, matching
from .flags import Options
from .lists import STACKS
from .services import print_services, print_tasks
from .session import Exit, Screen, Session, read_file
from .tables import natural, show

NAMESPACE = "com.docker.stack.namespace"

STDIN = '"-" means what is typed in: hand it over as docker("…", files={"-": text})'


def checked(name: str) -> str:
    """The name of a stack. Raises `Exit` for one that is empty, or nothing but blanks and quotes."""
    if not name.strip(" \t\n\"'"):
        quoted = name.replace('"', '\\"')
        raise Exit(f'invalid stack name: "{quoted}"')
    return name


def read(session: Session, path: str) -> bytes:
    """A file of the person; `-` is what they type in, which a notebook hands over with the command."""
    try:
        return read_file(session, path)
    except FileNotFoundError:
        if path == "-":
            raise Exit(STDIN) from None
        raise


def config(session: Session, options: Options, screen: Screen) -> None:
    """Load the files, lay them over each other, and print what came out. Nobody asks the engine."""
    from .stack import StackError, load  # at first use: a YAML parser is behind it
    from .stack_config import print_config

    paths = options["compose-file"]
    if not paths:
        raise Exit("Specify a Compose file (with --compose-file)")
    try:
        skip = options["skip-interpolation"]
        compose = load(paths, partial(read, session), session.env, deploy=False, interpolated=not skip)
    except StackError as fault:
        raise Exit(fault.text) from None
    for warning in compose.warnings:
        screen.warn(warning)
    screen.out.append(print_config(compose))


# ── looking ──────────────────────────────────────────────────────────────────────────────────────────────────────


def list_stacks(session: Session, options: Options, screen: Screen) -> None:
    counts: dict[str, int] = {}
    for service in session.call(ListObjects("service")):
        if stack := service.spec.labels.get(NAMESPACE):
            counts[stack] = counts.get(stack, 0) + 1
    rows = [{"Name": name, "Services": str(counts[name])} for name in sorted(counts, key=natural)]
    show(screen, STACKS, rows, options["format"])


def list_services(session: Session, options: Options, screen: Screen) -> None:
    namespace = checked(options.words[0])
    services = matching(belonging(session, "service", namespace), options["filter"], SERVICE_TESTS)
    if not services:
        raise Exit(f"Nothing found in stack: {namespace}", 0)
    print_services(session, options, screen, services)


def list_tasks(session: Session, options: Options, screen: Screen) -> None:
    """Docker asks for the stack and the filters at once, and cannot tell an empty stack from a strict filter."""
    namespace = checked(options.words[0])
    print_tasks(session, options, screen, _tasks(session, namespace))
    if not screen.rows:
        screen.out.clear()
        raise Exit(f"nothing found in stack: {namespace}")


def belonging(session: Session, kind: str, namespace: str) -> list:
    """Objects that carry the label of the stack, by name; networks as this machine has them, which may be longer."""
    if kind == "network":
        rows = [row for row in session.call(ListNetworks()) if row.labels.get(NAMESPACE) == namespace]
        return sorted(rows, key=lambda row: natural(row.name))
    found = [each for each in session.call(ListObjects(kind)) if each.spec.labels.get(NAMESPACE) == namespace]
    return sorted(found, key=lambda each: natural(each.spec.name))


def _tasks(session: Session, namespace: str) -> list[Task]:
    return [
        task for task in session.call(ListObjects("task")) if task.spec.container.labels.get(NAMESPACE) == namespace
    ]


# ── removing ─────────────────────────────────────────────────────────────────────────────────────────────────────


def remove(session: Session, options: Options, screen: Screen) -> None:
    """Each stack for itself: one that cannot be removed whole does not stop the others."""
    failed = []
    for name in [checked(name) for name in options.words]:
        if not _remove_stack(session, screen, name):
            failed.append(name)
        elif not options["detach"]:
            _wait(session, name)
    if failed:
        raise Exit("\n".join(f"failed to remove some resources from stack: {name}" for name in failed))


def _wait(session: Session, namespace: str) -> None:
    while any(task.state <= RUNNING for task in _tasks(session, namespace)):
        session.wait(500 * MS)


def _remove_stack(session: Session, screen: Screen, namespace: str) -> bool:
    """Whether all of it could be removed."""
    kinds = ("service", "secret", "config", "network")
    doomed = [(kind, each) for kind in kinds for each in belonging(session, kind, namespace)]
    if not doomed:
        screen.warn(f"Nothing found in stack: {namespace}")
    removed = [remove_one(session, screen, kind, each) for kind, each in doomed]
    return all(removed)


def remove_one(session: Session, screen: Screen, kind: str, each: Any) -> bool:
    """Whether this object of a stack could be removed; if not, that is said, and the rest goes on."""
    screen.say(f"Removing {kind} {each.name if kind == 'network' else each.spec.name}")
    try:
        session.call(RemoveObject(kind, each.id))
    except ApiError as refusal:
        # Without a line end, as Docker prints it.
        screen.err.append(f"Failed to remove {kind} {each.id}: Error response from daemon: {refusal.text}")
        return False
    return True


RUN = {
    "stack config": config,
    "stack ls": list_stacks,
    "stack ps": list_tasks,
    "stack rm": remove,
    "stack services": list_services,
}
