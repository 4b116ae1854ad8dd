"""What `--filter` leaves of a list, and which object a name or the start of an id means.

Source: docs.docker.com, `docker service ls`, `service ps`, `node ls`, `network ls`, `ps`: filtering.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ..objects import STATES, ApiError


def has_label(labels: Mapping[str, str], wanted: str) -> bool:
    name, equals, value = wanted.partition("=")
    return name in labels and (not equals or labels[name] == value)


Tests = Mapping[str, Callable[[Any, str], bool]]

SERVICE_TESTS: Tests = {
    "id": lambda service, value: service.id.startswith(value),
    "label": lambda service, value: has_label(service.spec.labels, value),
    "mode": lambda service, value: service.spec.mode == value,
    "name": lambda service, value: service.spec.name.startswith(value),
}
TASK_TESTS: Tests = {
    "desired-state": lambda task, value: STATES[task.desired] == value.lower(),
    "id": lambda task, value: task.id.startswith(value),
    "label": lambda task, value: has_label(task.spec.container.labels, value),
    "name": lambda task, value: f"{task.name}.{task.id}".startswith(value),
    "node": lambda task, value: task.node == value,
}
NODE_TESTS: Tests = {
    "id": lambda node, value: node.id.startswith(value),
    "label": lambda node, value: bool(node.description) and has_label(node.description.engine_labels, value),
    "membership": lambda node, value: node.spec.membership == value,
    "name": lambda node, value: node.hostname.startswith(value),
    "node.label": lambda node, value: has_label(node.spec.labels, value),
    "role": lambda node, value: node.role == value,
}
NETWORK_TESTS: Tests = {
    "driver": lambda network, value: network.driver == value,
    "id": lambda network, value: network.id.startswith(value),
    "label": lambda network, value: has_label(network.labels, value),
    "name": lambda network, value: value in network.name,
    "scope": lambda network, value: network.scope == value,
    "type": lambda network, value: value == ("builtin" if network.name in ("bridge", "host", "none") else "custom"),
}
CONTAINER_TESTS: Tests = {
    "ancestor": lambda container, value: container.image == value or container.image.partition(":")[0] == value,
    "id": lambda container, value: container.id.startswith(value),
    "label": lambda container, value: has_label(container.labels, value),
    "name": lambda container, value: value in container.name,
    "status": lambda container, value: container.state == value,
}


def matching(items: Iterable[Any], filters: Iterable[tuple[str, str]], tests: Tests) -> list:
    """What passes: one value of each filter is enough, but of labels all must be there. Raises `ApiError`."""
    wanted: dict[str, list[str]] = {}
    for name, value in filters:
        if name not in tests:
            raise ApiError(f"Invalid filter '{name}'")
        wanted.setdefault(name, []).append(value)
    return [item for item in items if all(_passes(tests[name], name, item, values) for name, values in wanted.items())]


def _passes(test: Callable[[Any, str], bool], name: str, item: Any, values: Sequence[str]) -> bool:
    answers = [test(item, value) for value in values]
    return all(answers) if name.endswith("label") else any(answers)


def lookup(items: Iterable[Any], ref: str, name: Callable[[Any], str]) -> list:
    """By full id, else full name, else as the start of an id; several where that is not unique."""
    items = list(items)
    return (
        [item for item in items if item.id == ref]
        or [item for item in items if name(item) == ref]
        or [item for item in items if ref and item.id.startswith(ref)]
    )
