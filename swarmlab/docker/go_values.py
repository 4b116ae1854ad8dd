"""Values as Go's templates see them: a field that is empty is still a field, and everything has one way to be printed.

A template meets three kinds of things: `Row`, a line of a list; `Typed`, an object of the Engine API whose type is known
(a nil pointer, list or map is one too); and plain Python values: texts, numbers, and JSON as it came from the engine.
Source: documentation of Go's `text/template` and `fmt`.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from . import api_types
from .dates import rfc3339, spoken
from .units import print_duration, quote


class GoError(Exception):
    """What went wrong at one place of a template, in Go's words."""


class Time(int):
    """µs of virtual time."""


class Duration(int):
    """µs."""


class Typed(NamedTuple):
    type: str  # of api_types: 'Service', '*UpdateStatus', '[PortConfig]', 'map'
    value: Any

    @property
    def is_nil(self) -> bool:
        return self.value is None and not api_types.is_struct(self.type)


class Row(NamedTuple):
    """One line of a list; `kind` is what Docker's own messages call it."""

    kind: str
    fields: Mapping[str, Any]


class Method(NamedTuple):
    """Something that a row can be asked with one text: `.Label "tier"`."""

    ask: Callable[[str], str]


MISSING = object()  # what a key that a map lacks stands for


def typed(type: str, value: Any) -> Any:
    """A value of a type of `api_types`, as templates see it."""
    if type == "time":
        return Typed("time", None) if value is None else Time(value)
    if type == "duration":
        return Duration(value or 0)
    if type in api_types.EMPTY:
        return api_types.EMPTY[type] if value is None else value
    if type == "any":
        return value
    if type[0] == "*" and value is not None:
        return typed(type[1:], value)
    return Typed(type, value)


# ── getting at what is inside ────────────────────────────────────────────────────────────────────────────────────


def field(value: Any, name: str) -> Any:
    """`.Name` of a value. Raises GoError."""
    match value:
        case Row(kind, fields):
            if name not in fields:
                raise GoError(f"can't evaluate field {name} in type *{kind}")
            return fields[name]
        case Typed():
            return _typed_field(value, name)
        case Mapping():
            if name not in value:
                raise GoError(f"map has no entry for key {quote(name)}")
            return value[name]
        case None:
            raise GoError(f"nil data; no entry for key {quote(name)}")
    raise GoError(f"can't evaluate field {name} in type {type_name(value)}")


def _typed_field(value: Typed, name: str) -> Any:
    if value.type == "map" or value.type[0] == "{":
        found = (value.value or {}).get(name, MISSING)
        return found if found is MISSING else typed(_inner(value), found)
    if value.is_nil and value.type[0] == "*":
        raise GoError(f"nil pointer evaluating {type_name(value)}.{name}")
    struct = value.type
    if api_types.is_struct(struct):
        for one in api_types.fields(struct):
            if one.name == name:
                found = (value.value or {}).get(one.key)
                left_out = one.omitempty and api_types.is_empty(one.type, found)  # the client never gets to see it
                return typed(one.type, None if left_out else found)
    raise GoError(f"can't evaluate field {name} in type {type_name(value)}")


def _inner(value: Typed) -> str:
    return "str" if value.type == "map" else value.type[1:-1]


def items(value: Any) -> list[tuple[Any, Any]]:
    """What `range` goes through: (index or key, element). Raises GoError."""
    match value:
        case Typed(type) if type == "map" or type[0] == "{":
            return [(key, typed(_inner(value), value.value[key])) for key in sorted(value.value or {})]
        case Typed(type) if type[0] == "[":
            return list(enumerate(typed(_inner(value), one) for one in value.value or ()))
        case Mapping():
            return [(key, value[key]) for key in sorted(value)]
        case list() | tuple():
            if not isinstance(value, Typed | Row):
                return list(enumerate(value))
        case bool():
            pass
        case int() if not isinstance(value, Time | Duration):
            return [(number, number) for number in range(value)]
        case None:
            return []
    raise GoError(f"range can't iterate over {text(value)}")


def index(value: Any, key: Any) -> Any:
    """`index value key`. Raises GoError."""
    if isinstance(value, Mapping) or (isinstance(value, Typed) and value.type[0] in "{m"):
        if not isinstance(key, str):
            raise GoError(f"value has type {type_name(key)}; should be string")
        content = value if isinstance(value, Mapping) else value.value or {}
        empty = None if isinstance(value, Mapping) else typed(_inner(value), None)
        return (
            typed(_inner(value), content[key])
            if isinstance(value, Typed) and key in content
            else content.get(key, empty)
        )
    if value is None or (isinstance(value, Typed) and value.is_nil and value.type[0] == "*"):
        raise GoError("index of untyped nil" if value is None else "index of nil pointer")
    if not isinstance(value, str | list) and not (isinstance(value, Typed) and value.type[0] == "["):
        raise GoError(f"can't index item of type {type_name(value)}")
    if isinstance(key, bool) or not isinstance(key, int):
        raise GoError(f"cannot index slice/array with type {type_name(key)}")
    content = list(value.encode()) if isinstance(value, str) else [one for _, one in items(value)]
    if not 0 <= key < len(content):
        raise GoError(f"index out of range: {key}")
    return content[key]


def length(value: Any) -> int:
    """`len value`. Raises GoError."""
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, Mapping | list) or (isinstance(value, Typed) and value.type[0] in "[{m"):
        return len(items(value))
    raise GoError("len of nil pointer" if value is None else f"len of type {type_name(value)}")


def truth(value: Any) -> bool:
    """Whether `if` takes it for true: not false, 0, nil or empty; a struct always."""
    if isinstance(value, Typed):
        return True if api_types.is_struct(value.type) or value.type == "time" else bool(value.value)
    return value is not MISSING and (isinstance(value, Row | Time) or bool(value))


# ── names of types ───────────────────────────────────────────────────────────────────────────────────────────────


def type_name(value: Any) -> str:
    """What Go calls the type of a value."""
    match value:
        case bool():
            return "bool"
        case Time():
            return "time.Time"
        case Duration():
            return "time.Duration"
        case int():
            return "int"
        case str():
            return "string"
        case float():
            return "float64"
        case Row(kind):
            return f"*{kind}"
        case Typed(type):
            return _go(type)
    return "map[string]interface {}" if isinstance(value, Mapping) else "interface {}"


def _go(type: str) -> str:
    if type[0] == "*":
        return "*" + _go(type[1:])
    if type[0] == "[":
        return "[]" + _go(type[1:-1])
    if type == "map" or type[0] == "{":
        return "map[string]" + ("string" if type == "map" else _go(type[1:-1]))
    return {"str": "string", "time": "time.Time", "duration": "time.Duration"}.get(type) or (
        f"{api_types.package(type)}.{type}" if api_types.is_struct(type) else type
    )


# ── printing ─────────────────────────────────────────────────────────────────────────────────────────────────────

POINTER = "0xc000012345"  # Go prints an address, which says nothing


def text(value: Any) -> str:
    """As Go prints it with `%v`."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case Time():
            return spoken(value)
        case Duration():
            return print_duration(value * 1000)
        case float():
            return f"{value:g}"
        case bytes():
            return f"[{' '.join(map(str, value))}]"
        case Row(_, fields):
            return "{" + " ".join(text(one) for one in fields.values() if not isinstance(one, Method)) + "}"
        case Typed():
            return _typed_text(value)
        case Mapping():
            return f"map[{' '.join(f'{key}:{_inside(one)}' for key, one in sorted(value.items()))}]"
        case list() | tuple():
            return f"[{' '.join(_inside(one) for one in value)}]"
    return "<no value>" if value is None or value is MISSING else str(value)


def _inside(value: Any) -> str:
    return "<nil>" if value is None else text(value)


def _typed_text(value: Typed) -> str:
    if value.type == "time":
        return "0001-01-01 00:00:00 +0000 UTC"
    if value.type[0] == "*":
        return "<nil>"
    if value.type[0] == "[":
        return f"[{' '.join(_member(_inner(value), one) for one in value.value or ())}]"
    if value.type == "map" or value.type[0] == "{":
        found = value.value or {}
        return f"map[{' '.join(f'{key}:{_member(_inner(value), found[key])}' for key in sorted(found))}]"
    found = value.value or {}
    return "{" + " ".join(_member(one.type, found.get(one.key)) for one in api_types.fields(value.type)) + "}"


def _member(type: str, value: Any) -> str:
    """One part of a list, map or struct: a pointer is an address there."""
    if type[0] == "*":
        return "<nil>" if value is None else POINTER
    return _inside(typed(type, value))


def as_json(value: Any, escape: bool = False) -> str:
    """As Go writes it: no blanks; with `escape`, <, > and & in a form that is safe inside HTML."""
    shown = json.dumps(_plain(value), separators=(",", ":"), ensure_ascii=False)
    if not (escape or isinstance(value, Row)):
        return shown
    return shown.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _plain(value: Any) -> Any:
    match value:
        case Time():
            return rfc3339(value)
        case Duration():
            return value * 1000
        case bytes():
            return api_types.encode("bytes", value)
        case Row(_, fields):
            return {name: _plain(fields[name]) for name in sorted(fields) if not isinstance(fields[name], Method)}
        case Typed(type, content):
            return api_types.encode(type, content)
        case Mapping():
            return {key: _plain(one) for key, one in value.items()}
        case list() | tuple():
            return [_plain(one) for one in value]
    return None if value is MISSING else value
