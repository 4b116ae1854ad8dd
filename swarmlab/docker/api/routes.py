"""Which function answers which path. Every room of endpoints has its `ROUTES`: (method, template, function).

In a template `{ref}` is one part of the path, `{name...}` is as many as there are: images have slashes in their names.
"""

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from . import (
    absent,
    containers,
    events,
    exec,
    files,
    images,
    joining,
    logs,
    networks,
    nodes,
    services,
    stats,
    swarm,
    system,
    tasks,
    volumes,
)

ROOMS: tuple[Any, ...] = (
    services,
    tasks,
    nodes,
    networks,
    files,
    swarm,
    joining,
    system,
    images,
    volumes,
    containers,
    stats,
    logs,
    exec,
    events,
    absent,
)  # the first template that fits has it

Endpoint = Callable[[Any, Any], Any]  # (session, asked) -> Answer, Streamed or Hijacked


def find(method: str, path: str) -> tuple[Endpoint, dict[str, str]] | None:
    """Who answers, and what the template names; None: page not found."""
    for pattern, function in _table().get(method, ()):
        match = pattern.fullmatch(path)
        if match:
            return function, match.groupdict()
    return None


@cache
def _table() -> dict[str, list[tuple[re.Pattern, Endpoint]]]:
    table: dict[str, list[tuple[re.Pattern, Endpoint]]] = {}
    for method, template, function in (route for room in ROOMS for route in room.ROUTES):
        table.setdefault(method, []).append((_pattern(template), function))
    return table


def _pattern(template: str) -> re.Pattern:
    """`/services/{ref}/update` as a pattern with a group `ref`."""
    parts = re.split(r"\{(\w+)(\.\.\.)?\}", template)
    text = re.escape(parts[0])
    for name, rest, after in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        text += f"(?P<{name}>{'.+' if rest else '[^/]+'})" + re.escape(after)
    return re.compile(text, re.DOTALL)
