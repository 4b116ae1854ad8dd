"""What happened on one machine of late: the last 256 events, as the daemon remembers them until it ends.

Cheap to note: an event is put into words only when somebody asks. Source: Docker documentation, "docker system
events"; moby `daemon/events` (256 are kept); recorded with Docker Engine 20.10.
"""

# Simpler than in reality (docs/simplifications.md): events

from collections import deque
from collections.abc import Iterable
from typing import Any, NamedTuple

from ..messages import Container, Event, SwarmChange
from ..objects import Cluster, Node, Service

KEPT = 256


class Happening(NamedTuple):
    """Something that was done to a container, an image, a network or a volume."""

    time: int
    kind: str
    action: str
    subject: Container | str  # or the id of something else
    more: tuple = ()  # (attribute, value) pairs


class Recent:
    """The events of one core, oldest first."""

    def __init__(self) -> None:
        self.happenings: deque[Happening] = deque(maxlen=KEPT)

    def note(self, time: int, kind: str, action: str, subject: Container | str, *more: tuple[str, str]) -> None:
        self.happenings.append(Happening(time, kind, action, subject, more))

    def between(self, since: int, until: int) -> tuple[Event, ...]:
        return tuple(_event(one) for one in self.happenings if since <= one.time <= until)


def _event(happening: Happening) -> Event:
    time, kind, action, subject, more = happening
    if isinstance(subject, Container):
        attributes = {**subject.labels, "image": subject.image, "name": subject.name}
        return Event(time, kind, action, subject.id, attributes | dict(more))
    return Event(time, kind, action, subject, dict(more))


def in_order(events: Iterable[Event]) -> tuple[Event, ...]:
    """Oldest first."""
    return tuple(sorted(events, key=lambda event: event.time))


# ── what a manager sees of the swarm ─────────────────────────────────────────────────────────────────────────────


KINDS = ("service", "node", "network", "secret", "config")


def of_the_swarm(changes: Iterable[SwarmChange], since: int, until: int) -> list[Event]:
    """The changes of services, nodes, networks, secrets and configs in Docker's words.

    An engine listens from when its swarm is founded: the first objects are there already.
    """
    found = list(changes)
    first = [change.time for change in found if isinstance(change.new, Cluster) and change.old is None]
    seen = [_swarm_event(one) for one in found if since <= one.time <= until and one.time not in first]
    return [event for event in seen if event]


def _swarm_event(change: SwarmChange) -> Event | None:
    object = change.new or change.old
    action = "remove" if change.new is None else "update" if change.old else "create"
    if action == "update" and _is_same(change.old, change.new):
        return None
    kind = type(object).__name__.lower()
    if kind not in KINDS:
        return None
    # A node is written before anybody knows what its machine is called.
    attributes = {"name": "" if kind == "node" and action == "create" else _name(object)}
    if action == "update":
        differ = _DIFFERENCES.get(type(object), _none)(change.old, change.new)
        for word, old, new in differ:
            attributes |= {f"{word}.new": str(new)} | ({f"{word}.old": str(old)} if old != "" else {})
    return Event(change.time, kind, action, object.id, attributes, "swarm")


def _is_same(old, new):
    """Only our own bookkeeping differs: SwarmKit would not have written it."""
    plain = {"version": 0, "updated_at": 0} | ({"allocated": False} if isinstance(new, Service) else {})
    return old._replace(**plain) == new._replace(**plain)


def _name(object):
    return object.hostname if isinstance(object, Node) else object.spec.name


def _service_differences(old: Service, new: Service):
    rows: list[tuple[str, Any, Any]] = [("image", old.spec.task.container.image, new.spec.task.container.image)]
    if new.spec.mode == "replicated":
        rows.append(("replicas", old.spec.replicas, new.spec.replicas))
    rows.append(("updatestate", _update_state(old), _update_state(new)))
    return [(word, before, after) for word, before, after in rows if before != after and after != ""]


def _update_state(service):
    return service.update_status[0] if service.update_status else ""


def _node_differences(old: Node, new: Node):
    rows = [
        ("availability", old.spec.availability, new.spec.availability),
        ("role", old.role, new.role),
        ("state", old.state, new.state),
    ]
    return [row for row in rows if row[1] != row[2]]


def _none(old, new):
    return []


_DIFFERENCES: dict[type, Any] = {Service: _service_differences, Node: _node_differences}
