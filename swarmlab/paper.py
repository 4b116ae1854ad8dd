"""Requests to an engine as plain data, good for a file: they hold specs, and those are more than JSON has.

A named tuple of `messages` or `objects` becomes {"is": its name, "has": values by field}, a mapping {"map": pairs}, bytes
{"base64": text}. Lists come back as tuples: what a request holds does not change.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

from . import messages, objects


def as_data(thing: Any) -> Any:
    """As JSON can hold it.

    >>> as_data(messages.GetObject("node", "worker-1"))
    {'is': 'GetObject', 'has': {'kind': 'node', 'ref': 'worker-1'}}
    """
    if isinstance(thing, tuple) and hasattr(thing, "_fields"):
        return {"is": type(thing).__name__, "has": {name: as_data(getattr(thing, name)) for name in thing._fields}}
    if isinstance(thing, Mapping):
        return {"map": [[as_data(name), as_data(value)] for name, value in thing.items()]}
    if isinstance(thing, bytes):
        return {"base64": b64encode(thing).decode()}
    return [as_data(one) for one in thing] if isinstance(thing, tuple | list) else thing


def from_data(data: Any) -> Any:
    """What `as_data` was given. Raises ValueError, KeyError, TypeError or AttributeError for anything else."""
    match data:
        case {"is": str(name), "has": dict(values)}:
            kind = getattr(messages, name, None) or getattr(objects, name)
            if not hasattr(kind, "_make"):
                raise ValueError(f"{name} is no request")
            return kind(**{field: from_data(value) for field, value in values.items()})
        case {"map": list(pairs)}:
            return {from_data(name): from_data(value) for name, value in pairs}
        case {"base64": str(text)}:
            return b64decode(text)
        case list():
            return tuple(from_data(one) for one in data)
    return data
