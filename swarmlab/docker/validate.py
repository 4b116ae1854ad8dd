"""A document against the schema of its version; the wording of every refusal is Docker's.

Sources: docker/cli `cli/compose/schema/schema.go` (which fault is named), xeipuuv/gojsonschema `validation.go` (points);
wording as printed by docker 28.2.2.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from .schema import FILE, Either, Items, Keys, Kind, Scalar, Since, minor_of
from .units import UnitError, parse_duration_ns, parse_port
from .yaml_dialect import StackError, Timestamp, go_text


class Fault(NamedTuple):
    path: tuple[str, ...]
    text: str
    wrong_type: bool = False


def validate(document: Mapping, version: str) -> None:
    """Raises StackError with the fault that Docker would name: the deepest; of equals a wrong type; then the first."""
    minor = minor_of(version)
    _as_json(document)
    faults = _measure(document, FILE, (), minor).faults
    if faults:
        worst = max(faults, key=lambda fault: (_depth(fault.path), fault.wrong_type))
        raise StackError(f"{_field(worst.path)} {worst.text}")


def type_of(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "integer" if value.is_integer() else "number"
        case str():
            return "string"
        case list():
            return "list"
    return "mapping"


def _field(path: tuple[str, ...]) -> str:
    return ".".join(path) or "(root)"


def _depth(path: tuple[str, ...]) -> int:
    return _field(path).count(".")


def _as_json(value: Any) -> None:
    """Docker turns the document into JSON first, which has neither infinity nor keys that are not texts."""
    match value:
        case float() if value != value or value in (float("inf"), float("-inf")):
            raise StackError(f"json: unsupported value: {go_text(value)}")
        case list():
            for item in value:
                _as_json(item)
        case dict():
            if any(not isinstance(key, str) or isinstance(key, Timestamp) for key in value):
                raise StackError("json: unsupported type: map[interface {}]interface {}")
            for item in value.values():
                _as_json(item)


def _at(kind: Kind | None, minor: int) -> Kind | None:
    """What a kind was in version 3.`minor`; None when it was not there yet."""
    while isinstance(kind, Since):
        kind = kind.kind if minor >= kind.minor else kind.before
    return kind


class Verdict(NamedTuple):
    faults: list[Fault]
    score: int  # how much the value resembles what it should be


def _measure(value: Any, kind: Kind, path: tuple[str, ...], minor: int) -> Verdict:
    """Where a value has alternatives, Docker measures it against all and prints the faults of the most similar one.

    The points are those of the library it uses: four for the right type (three for a boolean or null), two off per fault.
    """
    if isinstance(kind, Since):
        return _measure(value, _at(kind, minor) or kind.kind, path, minor)
    points = 3 if value is None or isinstance(value, bool) else 4
    if isinstance(kind, Either):
        verdicts = [_measure(value, each, path, minor) for each in kind.kinds]
        best = max(verdicts, key=lambda verdict: (not verdict.faults, verdict.score))  # the first of equals
        return Verdict(best.faults, points - 2 + best.score) if best.faults else Verdict([], points)
    if not _fits(value, kind):
        return Verdict([Fault(path, f"must be a {_listed(kind.types)}", wrong_type=True)], -2)
    if isinstance(kind, Scalar):
        faults = _faults_of_scalar(value, kind, path, minor)
        return Verdict(faults, points - 2 * len(faults))
    if isinstance(kind, Items):
        own, parts = _faults_of_items(value, kind, path), _items(value, kind, path, minor)
    elif isinstance(value, dict):
        own, parts = _faults_of_keys(value, kind, path, minor), _values(value, kind, path, minor)
    else:
        return Verdict([], points)
    faults = own + [fault for part in parts for fault in part.faults]
    return Verdict(faults, points - 2 * len(own) + sum(part.score for part in parts))


def _fits(value: Any, kind: Scalar | Items | Keys) -> bool:
    found = type_of(value)
    return found in kind.types or (found == "integer" and "number" in kind.types)


def _listed(types: tuple[str, ...]) -> str:
    return " or ".join([", ".join(types[:-1]), types[-1]]) if len(types) > 1 else types[0]


def _faults_of_items(values: list, kind: Items, path: tuple[str, ...]) -> list[Fault]:
    faults = []
    for index, value in enumerate(values):
        first = next((i for i in range(index) if type(values[i]) is type(value) and values[i] == value), None)
        if kind.once and first is not None:
            faults.append(Fault(path, f"array items[{first},{index}] must be unique"))
    return faults


def _items(values: list, kind: Items, path: tuple[str, ...], minor: int) -> list[Verdict]:
    return [_measure(value, kind.kind, (*path, str(index)), minor) for index, value in enumerate(values)]


def _faults_of_keys(mapping: Mapping, kind: Keys, path: tuple[str, ...], minor: int) -> list[Fault]:
    strange = [key for key in mapping if _kind_of(key, kind, minor) is None and not _welcome(key, kind, minor)]
    missing = [Fault(path, f"{key} is required") for key in kind.required if key not in mapping]
    return missing + [Fault(path, f"Additional property {key} is not allowed") for key in strange]


def _values(mapping: Mapping, kind: Keys, path: tuple[str, ...], minor: int) -> list[Verdict]:
    known = ((key, value, _kind_of(key, kind, minor)) for key, value in mapping.items())
    verdicts = [_measure(value, found, (*path, key), minor) for key, value, found in known if found is not None]
    bonus = sum(
        key in kind.required or key not in kind.known for key in mapping if _kind_of(key, kind, minor) is not None
    )
    return [*verdicts, Verdict([], bonus)]


def _kind_of(key: str, kind: Keys, minor: int) -> Kind | None:
    known = _at(kind.known.get(key), minor)
    if known is None and kind.kind is not None and re.search(kind.names, key):
        return kind.kind
    return known


def _welcome(key: str, kind: Keys, minor: int) -> bool:
    if kind.extensions_since is not None and minor >= kind.extensions_since and key.startswith("x-"):
        return True
    return kind.open_since is not None and minor >= kind.open_since


def _faults_of_scalar(value: Any, kind: Scalar, path: tuple[str, ...], minor: int) -> list[Fault]:
    if kind.choices and value not in kind.choices:
        choices = ", ".join(f'"{choice}"' for choice in kind.choices)
        return [
            Fault(path, f"{_field(path)} must be one of the following: {choices}")
        ]  # the path twice, as Docker does
    if kind.least is not None and value < kind.least:
        return [Fault(path, f"Must be greater than or equal to {kind.least}")]
    if kind.format and minor >= kind.format_since and not FORMATS[kind.format](value):
        return [Fault(path, f"Does not match format '{kind.format}'")]
    return []


def _is_ports(value: Any) -> bool:
    try:
        return bool(parse_port(value if isinstance(value, str) else go_text(int(value))))
    except UnitError:
        return False


def _is_duration(value: Any) -> bool:
    try:
        parse_duration_ns(value)
    except UnitError:
        return False
    return True


FORMATS = {"ports": _is_ports, "duration": _is_duration}
