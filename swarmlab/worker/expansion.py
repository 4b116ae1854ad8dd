"""What a task's wish becomes on its node: templates such as `{{.Task.Slot}}` filled in, and the resources it was given.

Filled in are chains of fields, in the values of the environment, in mounts and in the hostname. Source: swarmkit
`template/context.go`, `template/expand.go`, `api/genericresource/string.go`.
"""

import re
from collections.abc import Mapping

from ..objects import ContainerSpec, Description, Task, replace

_CHAIN = re.compile(r"(?:(?:(?<!\s)\s+)?\{\{-\s+|\{\{\s*)((?:\.[A-Za-z_]\w*)+)(?:\s+-\}\}\s*|\s*\}\})", re.ASCII)


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
    }


def fill(text: str, words: Mapping[str, str]) -> str:
    """The text with these templates replaced; any other stays as it is.

    >>> fill("web-{{.Task.Slot}} {{ .X }}", {".Task.Slot": "2"})
    'web-2 {{ .X }}'
    """
    return _CHAIN.sub(lambda found: words.get(found[1], found[0]), text)


def resources(task: Task) -> tuple[str, ...]:
    """The variables that tell a process which of the node's own resources are its: names, or how many."""
    given = sorted(task.assigned_generic.items())
    texts = ((kind, str(got) if isinstance(got, int) else ",".join(got)) for kind, got in given)
    return tuple(f"DOCKER_RESOURCE_{kind.upper()}={text}" for kind, text in texts)
