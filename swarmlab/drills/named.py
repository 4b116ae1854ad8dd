"""Whether what an incident file names is there when the page comes: a slip of the pen would make a check that always holds."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from .incident import Incident

NAMES = {  # settings of the checks, and what they name
    "service": "service",
    "nodes": "machine",
    "machine": "machine",
    "machines": "machine",
    "secret": "secret",
    "besides": "secret",
    "load": "load",
}
HARM = {"concerned": "service", "machines": "machine", "nodes": "machine", "changed": "machine", "shut": "machine", "strangers": "machine"}  # fmt: skip


def check_names(incident: Incident, cluster: Any) -> None:
    """Raises ValueError, one line that names the key, for the first name of a check or of harm that nothing has."""
    there = _there(incident, cluster)
    for n, (name, settings) in enumerate(incident.repaired, 1):
        _look(settings, NAMES, there, f"{incident.path}: repaired {n}: {name}")
    _look(incident.harm, HARM, there, f"{incident.path}: harm")
    for hand in incident.hands:
        for act in re.findall(r"cluster\.(\w+)\(", hand):
            if act not in cluster.ACTS:
                raise ValueError(f"{incident.path}: page: hands: there is no act {act}")


def _there(incident: Incident, cluster: Any) -> dict[str, set[str]]:
    """All names that there have been until now, by kind."""
    kinds = {"ServiceStored": "service", "SecretStored": "secret"}
    found: dict[str, set[str]] = {"service": set(), "secret": set(), "load": {load["name"] for load in incident.load}}
    for record in cluster.trace.records:
        if kind := kinds.get(type(record.fact).__name__):
            found[kind].add(record.fact.name)
    return found | {"machine": set(cluster.machines)}


def _look(rows: Mapping, kinds: Mapping[str, str], there: Mapping[str, set[str]], where: str) -> None:
    for key, kind in kinds.items():
        for name in _all(rows.get(key, ())):
            if name not in there[kind]:
                raise ValueError(f"{where}: {key}: there is no {kind} {name}")


def _all(value: Any) -> Iterable[str]:
    """One name, or many; '' is none."""
    return ([value] if value else []) if isinstance(value, str) else value
