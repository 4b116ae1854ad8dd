"""What a `prune` may be told to leave: what lacks a label, and what was made after an instant.

Source: docs.docker.com, `docker container prune`, `docker network prune`: filtering; moby `daemon/prune.go`.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from ..objects import ApiError
from .filters import Tests, has_label, matching
from .instants import instant
from .units import UnitError

LABELS: Tests = {
    "label": lambda one, value: has_label(one.labels, value),
    "label!": lambda one, value: not has_label(one.labels, value),
}


def prunable(items: Iterable[Any], filters: Sequence[tuple[str, str]], now: int, shift: int = 0) -> list[Any]:
    """Those that may go. Dates are said by a clock that is `shift` µs ahead. Raises ApiError."""
    limit = until([value for name, value in filters if name == "until"], now, shift)
    found = matching(items, [pair for pair in filters if pair[0] != "until"], LABELS)
    return [one for one in found if limit is None or one.created_at < limit]


def until(values: Sequence[str], now: int, shift: int = 0) -> int | None:
    """µs of virtual time, None where nothing is said. Raises ApiError."""
    if len(values) > 1:
        raise ApiError("more than one until filter specified")
    try:
        return instant(values[0], now + shift) - shift if values else None
    except UnitError:
        raise ApiError(f'failed to parse value as time or duration: "{values[0]}"') from None
