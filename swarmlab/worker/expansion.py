"""What a task's wish becomes on its node: templates such as `{{.Task.Slot}}` filled in, and the resources it was given.

Filled in are chains of fields and labels of the service, in the values of the environment, in mounts and in the hostname.
Source: swarmkit `template/context.go`, `template/expand.go`, `api/genericresource/string.go`.
"""

# Simpler than in reality (docs/simplifications.md): templates, named-resources

import re
from collections.abc import Mapping

from ..objects import ContainerSpec, Description, Task, replace

LABELS = ".Service.Labels"
LABEL = re.compile(r"index\s+\.Service\.Labels\s+(?:\"[^\"\\\n]*\"|`[^`]*`)", re.ASCII)
_BEGIN, _END = r"(?:(?:(?<!\s)\s+)?\{\{-\s+|\{\{\s*)", r"(?:\s+-\}\}\s*|\s*\}\})"
_ACTION = re.compile(rf"{_BEGIN}((?:\.[A-Za-z_]\w*)+|{LABEL.pattern}){_END}", re.ASCII)


def expanded(task: Task, node: Description) -> ContainerSpec:
    """The container of this task on this node."""
    spec = task.spec.container
    words = fields(task, node)
    mounts = (
        replace(mount, source=fill(mount.source, words), target=fill(mount.target, words)) for mount in spec.mounts
    )
    lines = (line.partition("=") for line in spec.env)
    env = (name + equals + fill(value, words) for name, equals, value in lines)
    return replace(spec, env=(*env, *resources(task)), mounts=tuple(mounts), hostname=fill(spec.hostname, words))


def fields(task: Task, node: Description) -> dict[str, str]:
    """What a template may name. The slot of a task that has none is its node."""
    return {
        ".Service.ID": task.service,
        ".Service.Name": task.service_name,
        ".Node.ID": task.node,
        ".Node.Hostname": node.hostname,
        ".Node.Platform.Architecture": node.architecture,
        ".Node.Platform.OS": node.os,
        ".Task.ID": task.id,
        ".Task.Name": f"{task.name}.{task.id}",
        ".Task.Slot": str(task.slot or task.node),
        **{f"{LABELS}.{name}": value for name, value in task.service_labels.items()},
    }


def fill(text: str, words: Mapping[str, str]) -> str:
    """The text with these templates replaced; any other stays as it is.

    >>> fill("web-{{.Task.Slot}} {{ .X }}", {".Task.Slot": "2"})
    'web-2 {{ .X }}'
    """
    return _ACTION.sub(lambda found: _value(found, words), text)


def _value(found: re.Match, words: Mapping[str, str]) -> str:
    return label(found[1], words) if LABEL.fullmatch(found[1]) else words.get(found[1], found[0])


def label(action: str, words: Mapping[str, str]) -> str:
    """What `index .Service.Labels "x"` stands for: '' where the service has no such label, as in Go."""
    return words.get(f"{LABELS}.{action.split(maxsplit=2)[2][1:-1]}", "")


def resources(task: Task) -> tuple[str, ...]:
    """The variables that tell a process which of the node's own resources are its: names, or how many."""
    given = sorted(task.assigned_generic.items())
    texts = ((kind, str(got) if isinstance(got, int) else ",".join(got)) for kind, got in given)
    return tuple(f"DOCKER_RESOURCE_{kind.upper()}={text}" for kind, text in texts)
