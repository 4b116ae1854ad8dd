"""What several endpoints read from the query of a request.

Source: moby `api/server/router/swarm/cluster_routes.go`; documentation of Go's `strconv`.
"""

from collections.abc import Mapping, Sequence

from ..units import UnitError
from ..values import boolean as parse_bool
from .asked import Asked, Refusal


def pairs(filters: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    """Filters as `docker.filters` takes them. Raises nothing: which there are is known there."""
    return [(name, value) for name, values in filters.items() for value in values]


def boolean(asked: Asked, name: str) -> bool:
    """`?status=true`, where only Go's words for true and false are taken. Raises `Refusal`."""
    text = asked.query.get(name, "")
    if not text:
        return False
    try:
        return parse_bool(text)
    except UnitError as fault:
        raise Refusal(400, f"invalid value for {name}: {text}: {fault.text}") from None
