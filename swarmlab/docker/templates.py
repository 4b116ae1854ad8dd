"""The part of Go's templates that people type after `--format`: fields, `json`, `upper`, `lower`, `if … else … end`.

Source: docs.docker.com/engine/cli/formatting, and the documentation of Go's `text/template` (`{{-` trims blanks).
"""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from .units import quote


class TemplateError(Exception):
    """A template that cannot be read, or names a field that is not there; the text is Go's."""


class Field(NamedTuple):
    """What an action prints: a field, and the functions it passes through."""

    path: str  # '.Name', or '.' for all of it
    functions: tuple[str, ...]
    column: int


class Choice(NamedTuple):
    condition: Field
    then: tuple
    otherwise: tuple


def as_json(value: Any) -> str:
    """As Go writes it: keys sorted, no blanks, and <, >, & in a form that is safe inside HTML."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


FUNCTIONS = {
    "json": as_json,
    "upper": lambda value: _text(value).upper(),
    "lower": lambda value: _text(value).lower(),
    "title": lambda value: _text(value)[:1].upper() + _text(value)[1:],
    "print": lambda value: _text(value),
    "println": lambda value: _text(value) + "\n",
    "len": lambda value: len(value) if isinstance(value, str | Mapping) else 0,
}

_ACTION = re.compile(r"\{\{(-\s)?(.*?)(\s-)?\}\}", re.DOTALL)


def parse(template: str) -> tuple:
    """A template as text, `Field` and `Choice` parts. Raises `TemplateError`."""
    pieces = _split(template)
    parts, closed_by = _parts(pieces)
    if closed_by:
        raise TemplateError(f"template: :1: unexpected {{{{{closed_by}}}}}")
    return parts


def render(parts: tuple, row: Mapping[str, Any], kind: str) -> str:
    """The template filled in for one row. `kind` names the row in an error about a missing field."""
    printed = []
    for part in parts:
        match part:
            case str():
                printed.append(part)
            case Field():
                printed.append(_text(_value(part, row, kind)))
            case Choice(condition, then, otherwise):
                printed.append(render(then if _value(condition, row, kind) else otherwise, row, kind))
    return "".join(printed)


def _split(template: str) -> list[tuple[str, int] | str]:
    """Text as it is, actions as (content, column), blanks trimmed where the braces say so."""
    pieces: list[tuple[str, int] | str] = []
    position = 0
    trim = False
    for found in _ACTION.finditer(template):
        text = template[position : found.start()]
        text = text.lstrip() if trim else text
        pieces.append(text.rstrip() if found[1] else text)
        pieces.append((found[2].strip(), found.start(2)))
        position, trim = found.end(), bool(found[3])
    rest = template[position:]
    if "{{" in rest:
        inside = rest[rest.index("{{") :]
        raise TemplateError("template: :1: " + ("bad character U+007D '}'" if "}" in inside else "unclosed action"))
    return [*pieces, rest.lstrip() if trim else rest]


def _parts(pieces: list) -> tuple[tuple, str]:
    """Parts up to an `else` or `end`, which is returned too ('' at the end of the template)."""
    parts: list = []
    while pieces:
        piece = pieces.pop(0)
        if isinstance(piece, str):
            parts.append(piece)
            continue
        action, column = piece
        word, _, rest = action.partition(" ")
        if word in ("end", "else"):
            return tuple(parts), word
        if word == "if":
            parts.append(_choice(_field(rest, column + 3), pieces))
        else:
            parts.append(_field(action, column))
    return tuple(parts), ""


def _choice(condition: Field, pieces: list) -> Choice:
    then, closed_by = _parts(pieces)
    otherwise: tuple = ()
    if closed_by == "else":
        otherwise, closed_by = _parts(pieces)
    if closed_by != "end":
        raise TemplateError("template: :1: unexpected EOF")
    return Choice(condition, then, otherwise)


def _field(action: str, column: int) -> Field:
    """`.Name`, `json .Name`, `.Name | upper`."""
    first, *pipes = [stage.split() for stage in action.split("|")]
    if not first or any(len(stage) != 1 for stage in pipes):
        raise TemplateError("template: :1: missing value for command")
    functions = (*reversed(first[:-1]), *(stage[0] for stage in pipes))
    for function in functions:
        if function not in FUNCTIONS:
            raise TemplateError(f"template: :1: function {quote(function)} not defined")
    if not re.fullmatch(r"\.|(\.\w+)+", first[-1]):
        raise TemplateError(f"template: :1: {first[-1]} is beyond the templates of the simulation")
    return Field(first[-1], functions, column + action.index(first[-1]))


def _value(field: Field, row: Mapping[str, Any], kind: str) -> Any:
    value: Any = row
    column = field.column
    for name in field.path.split(".")[1:] if field.path != "." else ():
        if not isinstance(value, Mapping) or name not in value:
            owner = f"*{kind}" if value is row else "string"
            place = f'template: :1:{column}: executing "" at <{field.path}>'
            raise TemplateError(f"{place}: can't evaluate field {name} in type {owner}")
        value = value[name]
        column += len(name) + 1
    for function in field.functions:
        value = FUNCTIONS[function](value)
    return value


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
