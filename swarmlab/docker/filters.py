"""What `--filter` leaves of a list, and which object a name or the start of an id means.

Source: docs.docker.com, `docker service ls`, `service ps`, `node ls`, `network ls`, `ps`: filtering.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ..objects import STATES, ApiError


def has_label(labels: Mapping[str, str], wanted: str) -> bool:
    name, equals, value = wanted.partition("=")
    return name in labels and (not equals or labels[name] == value)


Tests = Mapping[str, Callable[[Any, str], bool]]

CONTAINERS = ("container", "")  # what Docker calls the runtime of all tasks there are here
SERVICE_TESTS: Tests = {
    "id": lambda service, value: service.id.startswith(value),
    "label": lambda service, value: has_label(service.spec.labels, value),
    "mode": lambda service, value: service.spec.mode == value,
    "name": lambda service, value: service.spec.name.startswith(value),
    "runtime": lambda service, value: value in CONTAINERS,
}
TASK_TESTS: Tests = {
    "desired-state": lambda task, value: STATES[task.desired] == value.lower(),
    "id": lambda task, value: task.id.startswith(value),
    "label": lambda task, value: has_label(task.service_labels, value),
    "name": lambda task, value: f"{task.name}.{task.id}".startswith(value),
    "node": lambda task, value: task.node == value,
    "runtime": lambda task, value: value in CONTAINERS,
    "service": lambda task, value: task.service == value,
}
FILE_TESTS: Tests = {
    "id": lambda file, value: file.id.startswith(value),
    "label": lambda file, value: has_label(file.spec.labels, value),
    "name": lambda file, value: file.spec.name.startswith(value),
}
SECRET_TESTS: Tests = {**FILE_TESTS, "names": lambda file, value: file.spec.name == value}


def _one_of(name: str, value: str, words: Sequence[str]) -> str:
    if value.lower() not in words:
        raise ApiError(f"Invalid {name} filter: '{value}'")
    return value.lower()


NODE_TESTS: Tests = {
    "id": lambda node, value: node.id.startswith(value),
    "label": lambda node, value: bool(node.description) and has_label(node.description.engine_labels, value),
    "membership": lambda node, value: node.spec.membership == _one_of("membership", value, ("accepted", "pending")),
    "name": lambda node, value: node.hostname.startswith(value),
    "node.label": lambda node, value: has_label(node.spec.labels, value),
    "role": lambda node, value: node.role == _one_of("role", value, ("worker", "manager")),
}
BUILT_IN = ("bridge", "host", "none")


def _is_of_type(network: Any, value: str) -> bool:
    if value not in ("builtin", "custom"):
        raise ApiError(f"invalid filter: 'type'='{value}'")
    return (network.name in BUILT_IN) == (value == "builtin")


def _is_dangling(network: Any, value: str) -> bool:
    """On no container of this machine. Services are not looked at, as Docker does not."""
    if value.lower() not in ("1", "true", "0", "false"):
        raise ApiError(f"invalid filter 'dangling={value}'")
    unused = network.name not in BUILT_IN and not network.containers
    return unused == (value.lower() in ("1", "true"))


NETWORK_TESTS: Tests = {
    "dangling": _is_dangling,
    "driver": lambda network, value: network.driver == value,
    "id": lambda network, value: network.id.startswith(value),
    "label": lambda network, value: has_label(network.labels, value),
    "name": lambda network, value: value in network.name,
    "scope": lambda network, value: network.scope == value,
    "type": _is_of_type,
}


def _is_named(container: Any, value: str) -> bool:
    """A pattern that is found somewhere in the name, as far as it is one."""
    try:
        return re.search(value.removeprefix("/"), container.name) is not None
    except re.error:
        return False


def _has_port(container: Any, value: str, published: bool) -> bool:
    """`80`, `80-90` or `80/udp`."""
    numbers, _, protocol = value.partition("/")
    first, _, last = numbers.partition("-")
    if not re.fullmatch(r"\d{1,5}(-\d{1,5})?", numbers, re.ASCII):
        raise ApiError(f"Invalid port format for filter: {value}")
    span = range(int(first), int(last or first) + 1)
    for port in container.ports:
        number = port.published_port if published else port.target_port
        if number in span and port.protocol == (protocol or "tcp"):
            return True
    return False


CONTAINER_TESTS: Tests = {
    "ancestor": lambda container, value: value in (container.image, *_shorter(container.image)),
    "exited": lambda container, value: container.state == "exited" and container.exit_code == int(value),
    "expose": lambda container, value: _has_port(container, value, published=False),
    "health": lambda container, value: value == (container.health.status if container.health else "none"),
    "id": lambda container, value: container.id.startswith(value),
    "is-task": lambda container, value: bool(container.task) == (value.lower() in ("1", "true")),
    "label": lambda container, value: has_label(container.labels, value),
    "name": _is_named,
    "network": lambda container, value: any(
        value == name or id.startswith(value) for id, name, *_ in container.networks
    ),
    "publish": lambda container, value: _has_port(container, value, published=True),
    "status": lambda container, value: container.state == value,
    "volume": lambda container, value: any(value in (one.source, one.target) for one in container.settings.mounts),
}


def _shorter(image: str) -> tuple[str, str]:
    """An image without its digest, and without its tag."""
    tagged = image.partition("@")[0]
    return tagged, re.sub(r":[^:/]*$", "", tagged)


def matching(items: Iterable[Any], filters: Iterable[tuple[str, str]], tests: Tests) -> list:
    """What passes: one value of each filter is enough, but of labels all must be there. Raises `ApiError`."""
    items = list(items)
    wanted: dict[str, list[str]] = {}
    for name, value in filters:
        if name in ("before", "since") and tests is CONTAINER_TESTS:
            items = _beside(items, name, value)
            continue
        if name not in tests:
            raise ApiError(f"Invalid filter '{name}'")
        wanted.setdefault(name, []).append(value)
    return [item for item in items if all(_passes(tests[name], name, item, values) for name, values in wanted.items())]


def _beside(containers: Sequence[Any], name: str, ref: str) -> list[Any]:
    """Those that were made before, or since, another one."""
    found = lookup(containers, ref, lambda container: container.name)
    if not found:
        raise ApiError(f"No such container: {ref}")
    limit = found[0].created_at
    if name == "before":
        return [one for one in containers if one.created_at < limit]
    return [one for one in containers if one.created_at > limit]


def _passes(test: Callable[[Any, str], bool], name: str, item: Any, values: Sequence[str]) -> bool:
    answers = [test(item, value) for value in values]
    return all(answers) if "label" in name else any(answers)


def lookup(items: Iterable[Any], ref: str, name: Callable[[Any], str]) -> list:
    """By full id, else full name, else as the start of an id; several where that is not unique."""
    items = list(items)
    return (
        [item for item in items if item.id == ref]
        or [item for item in items if name(item) == ref]
        or [item for item in items if ref and item.id.startswith(ref)]
    )
