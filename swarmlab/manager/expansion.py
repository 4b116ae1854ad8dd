"""Templates in a wish, `{{.Node.Hostname}}` and the like: may a task's environment, mounts and hostname hold this one?

Every task expands them on its node; the manager tries beforehand whether they can be expanded at all. Checked are chains
of fields, which is what people write; anything else of Go's language passes. Source: swarmkit `template/context.go`,
`template/expand.go`; the text is as recorded from engine 20.10.24.
"""

# Simpler than in reality (docs/simplifications.md): templates

import re
from collections.abc import Mapping
from typing import Any

from ..objects import ContainerSpec

TEXT, ANY = "string", "map[string]string"
PLATFORM = {"Architecture": TEXT, "OS": TEXT}
CONTEXT: Mapping[str, Any] = {
    "Service": {"ID": TEXT, "Name": TEXT, "Labels": ANY},
    "Node": {"ID": TEXT, "Hostname": TEXT, "Platform": PLATFORM},
    "Task": {"ID": TEXT, "Name": TEXT, "Slot": TEXT},
}

_CHAIN = re.compile(r"\{\{-?\s*((?:\.[A-Za-z_]\w*)+)\s*-?\}\}", re.ASCII)


def template_fault(container: ContainerSpec) -> str:
    """What SwarmKit says of the first template that no task could expand; '' when all can be."""
    texts = [(line.partition("=")[2], f'env failed: expanding env "{line}"') for line in container.env]
    for mount in container.mounts:
        texts.append((mount.source, f'mounts failed: expanding mount source "{mount.source}"'))
        texts.append((mount.target, f'mounts failed: expanding mount target "{mount.target}"'))
    texts.append((container.hostname, "hostname failed"))
    faults = ((what, fault_of(text)) for text, what in texts)
    return next((f"expanding {what}: template: expansion:{fault}" for what, fault in faults if fault), "")


def fault_of(text: str) -> str:
    """Where a template is wrong, and how, in Go's words; '' when it can be expanded."""
    opened = text.rfind("{{")
    if opened >= 0 and "}}" not in text[opened:]:
        return f"{text.count(chr(10)) + 1}: unclosed action"
    for found in _CHAIN.finditer(text):
        if fault := _unknown(found[1]):
            second = found[1].find(".", 1)
            place = found.start(1) + max(second, 0)  # Go names the second field of a chain as its place
            line, column = text.count("\n", 0, place) + 1, place - (text.rfind("\n", 0, place) + 1)
            return f'{line}:{column}: executing "expansion" at <{found[1]}>: {fault}'
    return ""


def _unknown(chain: str) -> str:
    """The first field of a chain that is not there."""
    kind: Any = CONTEXT
    for name in chain[1:].split("."):
        if kind is ANY:
            return f'map has no entry for key "{name}"'  # it is tried with a service that has no labels
        if not isinstance(kind, Mapping) or name not in kind:
            return f"can't evaluate field {name} in type {_type(kind)}"
        kind = kind[name]
    return ""


def _type(kind: Any) -> str:
    if kind is CONTEXT:
        return "*template.Context"
    if kind is PLATFORM:
        return "template.Platform"
    if isinstance(kind, Mapping):
        fields = (f"{name} {_type(inner)}" for name, inner in kind.items())
        return f"struct {{ {'; '.join(fields)} }}"
    return str(kind)
