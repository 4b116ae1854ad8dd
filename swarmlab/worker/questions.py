"""What people ask one machine about its containers, their output, its images, volumes and events.

Source: Docker Engine API v1.41, "Container", "Image", "Volume", "System/events".
"""

from typing import TYPE_CHECKING, Any

from ..messages import (
    CreateVolume,
    Events,
    FetchLogs,
    ListContainers,
    ListImages,
    ListVolumes,
    LogLine,
    RemoveImage,
    RemoveVolume,
)
from ..objects import ApiError
from . import identity, logs

if TYPE_CHECKING:
    from .executor import Executor


def answered(here: "Executor", request: Any, now: int) -> tuple[list, Any]:
    """What the request changes, and the answer. Raises ApiError."""
    containers = [box.container for box in here.boxes.values()]
    match request:
        case ListContainers(everything):
            return [], _listed(containers, everything)
        case FetchLogs(_, keys, since, until, tail):
            return [], _lines(here, keys, since, until, tail)
        case ListImages():
            return [], here.shelf.listed(containers)
        case RemoveImage(ref, force):
            return here.shelf.remove(ref, force, containers, now), None
        case ListVolumes():
            return [], here.volumes.listed(containers)
        case CreateVolume():
            return here.volumes.create(request, identity.container_id(here.dice), now)
        case RemoveVolume(ref):
            return here.volumes.remove(ref, containers, now), None
        case Events(since, until):
            return [], here.recent.between(since, until)
    raise ApiError(f"{type(request).__name__} is not possible here")


def _listed(containers: list, everything: bool) -> tuple:
    newest_first = sorted(containers, key=lambda container: -container.created_at)
    return tuple(container for container in newest_first if everything or container.state == "running")


def _lines(here: "Executor", keys: tuple, since: int, until: int, tail: int) -> tuple[LogLine, ...]:
    found: list[LogLine] = []
    for box in (here.boxes[key] for key in keys if key in here.boxes):
        own = logs.chosen(box.log, since, until, tail)
        found += [line._replace(task=box.container.task) for line in own]
    return tuple(found)
