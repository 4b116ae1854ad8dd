"""Variables in a stack file: `$NAME`, `${NAME:-default}`, `${NAME:?message}`.

They are replaced before anything is checked, in values only, never in keys. Where Docker expects a number or a
boolean, a text that contained a variable is turned into one. Source: Compose file reference v3, "Variable
substitution"; docker/cli `cli/compose/template`, `cli/compose/loader/interpolate.go` (grammar, casts); docker 28.2.2.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from .units import quote
from .yaml_dialect import StackError

_TAIL = r"[_a-zA-Z][_a-zA-Z0-9]*(?::?[-?][^}]*)?"  # a quirk of Docker: $NAME takes the tail as well, without braces
_VARIABLE = re.compile(rf"\$(?:(?P<escaped>\$)|(?P<named>{_TAIL})|\{{(?P<braced>{_TAIL})\}}|)", re.ASCII)

FORMS = (  # separator, does an empty variable count as unset?, is it a default or a demand?
    (":-", True, "default"),
    ("-", False, "default"),
    (":?", True, "demand"),
    ("?", False, "demand"),
)


def substitute(text: str, env: Mapping[str, str]) -> str:
    """`text` with its variables replaced. Raises ValueError with what is wrong: the text itself, or what is missing."""
    pieces, end, fault = [], 0, ""
    for found in _VARIABLE.finditer(text):
        pieces.append(text[end : found.start()])
        end = found.end()
        inside = found["named"] or found["braced"]
        if found["escaped"]:
            pieces.append("$")
        else:  # a fault is forgotten when a sound variable follows it: Docker's client does the same
            value, fault = _value(inside, env) if inside else ("", text)
            pieces.append(value)
    if fault:
        raise ValueError(fault)
    return "".join([*pieces, text[end:]])


def variables_of(text: str) -> list[tuple[str, bool]]:
    """The variables of a text, and whether each says what to do without a value."""
    inside = (found["named"] or found["braced"] or "" for found in _VARIABLE.finditer(text))
    return [(re.split("[:?-]", each)[0], not each.isidentifier()) for each in inside if each]


def _value(inside: str, env: Mapping[str, str]) -> tuple[str, str]:
    """What stands for one variable, and what is wrong with it ('' for nothing)."""
    for separator, empty_is_unset, kind in FORMS:
        name, found, rest = inside.partition(separator)
        if not found:
            continue
        if name in env and (env[name] or not empty_is_unset):
            return env[name], ""
        if kind == "demand":
            return "", f"required variable {name} is missing a value: {rest}"
        return rest, ""
    return env.get(inside, ""), ""


# ── where a text becomes a number or a boolean ───────────────────────────────────────────────────────────────────


def to_int(text: str) -> int:
    if not re.fullmatch(r"[+-]?\d+", text, re.ASCII):
        raise ValueError(f"strconv.Atoi: parsing {quote(text)}: invalid syntax")
    if not -(2**63) <= int(text) < 2**63:
        raise ValueError(f"strconv.Atoi: parsing {quote(text)}: value out of range")
    return int(text)


def to_float(text: str) -> float:
    if not re.fullmatch(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", text, re.ASCII):
        raise ValueError(f"strconv.ParseFloat: parsing {quote(text)}: invalid syntax")
    if float(text) in (float("inf"), float("-inf")):
        raise ValueError(f"strconv.ParseFloat: parsing {quote(text)}: value out of range")
    return float(text)


def to_bool(text: str) -> bool:
    if text.lower() in ("y", "yes", "true", "on"):
        return True
    if text.lower() in ("n", "no", "false", "off"):
        return False
    raise ValueError(f"invalid boolean: {text}")


CASTS: dict[str, Callable[[str], Any]] = {  # `*` stands for any one name, `[]` for every item of a list
    "services.*.configs.[].mode": to_int,
    "services.*.secrets.[].mode": to_int,
    "services.*.healthcheck.retries": to_int,
    "services.*.healthcheck.disable": to_bool,
    "services.*.deploy.replicas": to_int,
    "services.*.deploy.update_config.parallelism": to_int,
    "services.*.deploy.update_config.max_failure_ratio": to_float,
    "services.*.deploy.rollback_config.parallelism": to_int,
    "services.*.deploy.rollback_config.max_failure_ratio": to_float,
    "services.*.deploy.restart_policy.max_attempts": to_int,
    "services.*.deploy.placement.max_replicas_per_node": to_int,
    "services.*.ports.[].target": to_int,
    "services.*.ports.[].published": to_int,
    "services.*.ulimits.*": to_int,
    "services.*.ulimits.*.hard": to_int,
    "services.*.ulimits.*.soft": to_int,
    "services.*.privileged": to_bool,
    "services.*.oom_score_adj": to_int,
    "services.*.read_only": to_bool,
    "services.*.stdin_open": to_bool,
    "services.*.tty": to_bool,
    "services.*.volumes.[].read_only": to_bool,
    "services.*.volumes.[].volume.nocopy": to_bool,
    "networks.*.external": to_bool,
    "networks.*.internal": to_bool,
    "networks.*.attachable": to_bool,
    "volumes.*.external": to_bool,
    "secrets.*.external": to_bool,
    "configs.*.external": to_bool,
}

_CASTS = [(pattern.split("."), cast) for pattern, cast in CASTS.items()]


def interpolate(value: Any, env: Mapping[str, str], path: str = "") -> Any:
    """A copy of `value` with every variable replaced, and cast where the place asks for it."""
    match value:
        case dict():
            if any(not isinstance(key, str) for key in value):
                return value  # Docker leaves it alone, and will refuse it
            return {key: interpolate(item, env, f"{path}.{key}" if path else key) for key, item in value.items()}
        case list():
            return [interpolate(item, env, f"{path}.[]") for item in value]
        case str():
            return _text(value, env, path)
    return value


def _text(text: str, env: Mapping[str, str], path: str) -> Any:
    try:
        result = substitute(text, env)
    except ValueError as error:
        fault = f"invalid interpolation format for {path}: {quote(str(error))}"
        raise StackError(f"{fault}; you may need to escape any $ with another $") from None
    cast = _cast(path) if result != text else None
    if cast is None:
        return text if result == text else result
    try:
        return cast(result)
    except ValueError as error:
        raise StackError(f"error while interpolating {path}: failed to cast to expected type: {error}") from None


def _cast(path: str) -> Callable[[str], Any] | None:
    parts = path.split(".")
    for pattern, cast in _CASTS:
        if len(pattern) == len(parts) and all(want in ("*", got) for want, got in zip(pattern, parts, strict=True)):
            return cast
    return None
