"""The functions of a template: Go's own, and those that Docker adds (`json`, `join`, `split`, `upper`, `pad` …).

Each takes values as `go_values` has them and raises `GoError` with Go's words. Source: documentation of Go's
`text/template` (Functions); docs.docker.com/engine/cli/formatting.
"""

import html
import re
from collections.abc import Callable
from typing import Any

from .go_values import Duration, GoError, Time, Typed, as_json, index, items, length, text, truth, type_name
from .units import quote


def _texts(number: int) -> Callable:
    """A check that so many first arguments are texts."""

    def check(arguments: tuple) -> None:
        for one in arguments[:number]:
            if not isinstance(one, str):
                raise GoError(f"wrong type for value; expected string; got {type_name(one)}")

    return check


def _number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise GoError(f"wrong type for value; expected int; got {type_name(value)}")
    return value


# ── Docker's ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _split(words: str, sign: str) -> list[str]:
    _texts(2)((words, sign))
    return words.split(sign) if sign else list(words)


def _join(words: Any, sign: str) -> str:
    is_list = isinstance(words, list) or (isinstance(words, Typed) and words.type in ("[str]",))
    if not is_list:
        raise GoError(f"wrong type for value; expected []string; got {type_name(words)}")
    _texts(1)((sign,))
    return sign.join(text(one) for _, one in items(words))


def _on_text(change: Callable[[str], str]) -> Callable:
    def apply(words: Any) -> str:
        _texts(1)((words,))
        return change(words)

    return apply


def _title(words: str) -> str:
    return re.sub(r"(?<![\w'])\w", lambda found: found[0].upper(), words)


def _pad(words: str, before: int, behind: int) -> str:
    _texts(1)((words,))
    for blanks in (_number(before), _number(behind)):
        if blanks < 0:
            raise GoError("strings: negative Repeat count")
        if blanks > WIDEST:
            raise GoError("strings: Repeat output length overflow")
    return words and " " * before + words + " " * behind


def _truncate(words: str, most: int) -> str:
    _texts(1)((words,))
    if _number(most) < 0:
        raise GoError(f"runtime error: slice bounds out of range [:{most}]")
    return words[:most]


# ── Go's ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _print(*values: Any) -> str:
    """A blank between two values of which neither is a text."""
    shown = ""
    for place, value in enumerate(values):
        gap = place and not isinstance(value, str) and not isinstance(values[place - 1], str)
        shown += (" " if gap else "") + text(value)
    return shown


def _println(*values: Any) -> str:
    return " ".join(text(value) for value in values) + "\n"


WIDEST = 1_000_000  # as wide as Go's `printf` goes; it bounds `pad` too, which in Docker may eat up the memory
_VERB = re.compile(r"%([-+ 0#]*)(\d*)(?:\.(\d+))?(.)", re.DOTALL)


def _printf(format: Any, *values: Any) -> str:
    _texts(1)((format,))
    left = list(values)

    def one(found: re.Match) -> str:
        flags, width, digits, verb = found.groups()
        if any(len(number or "") > 7 or int(number or 0) > WIDEST for number in (width, digits)):
            return "%!(NOVERB)"
        if verb == "%":
            return "%"
        if not left:
            return f"%!{verb}(MISSING)"
        shown = _verb(verb, left.pop(0), digits)
        wide = int(width or 0)
        if "-" in flags:
            return shown.ljust(wide)
        return shown.zfill(wide) if "0" in flags and verb in "dfx" else shown.rjust(wide)

    shown = _VERB.sub(one, format)
    extra = ", ".join(f"{type_name(value)}={text(value)}" for value in left)
    return shown + (f"%!(EXTRA {extra})" if extra else "")


def _verb(verb: str, value: Any, digits: str | None) -> str:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if verb == "v" or (verb == "s" and not isinstance(value, int | float)):
        shown = text(value)
        return shown[: int(digits)] if digits and verb == "s" else shown
    if verb == "s" and isinstance(value, Time | Duration):
        return text(value)
    if verb == "q" and isinstance(value, str):
        return quote(value)
    if verb in "dx" and whole:
        return f"{value:{verb}}"
    if verb == "t" and isinstance(value, bool):
        return text(value)
    if verb == "f" and isinstance(value, float):
        return f"{value:.{digits or 6}f}"
    if verb == "T":
        return type_name(value)
    return f"%!{verb}({type_name(value)}={text(value)})"


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        value = index(value, key)
    return value


def _slice(value: Any, *ends: Any) -> Any:
    if not isinstance(value, str | list) and not (isinstance(value, Typed) and value.type.startswith("[")):
        raise GoError(f"can't slice item of type {type_name(value)}")
    if len(ends) > (2 if isinstance(value, str) else 3):
        raise GoError("cannot 3-index slice a string" if len(ends) == 3 else f"too many slice indexes: {len(ends)}")
    first, last, *_ = *(_place(end, length(value)) for end in ends), *(0, length(value))[len(ends) :], None
    if first > last:
        raise GoError(f"invalid slice index: {first} > {last}")
    return value[first:last] if isinstance(value, str) else [one for _, one in items(value)][first:last]


def _place(end: Any, most: int) -> int:
    if isinstance(end, bool) or not isinstance(end, int):
        raise GoError(f"cannot index slice/array with type {type_name(end)}")
    if not 0 <= end <= most:
        raise GoError(f"index out of range: {end}")
    return end


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "float" if isinstance(value, float) else "int"
    if isinstance(value, str):
        return "string"
    if value is None or (isinstance(value, Typed) and value.is_nil):
        return "nil"
    raise GoError(f"non-comparable type {text(value)}: {type_name(value)}")


def _equal(one: Any, other: Any) -> bool:
    if _kind(one) != _kind(other):
        if "nil" in (_kind(one), _kind(other)):
            return False
        raise GoError("incompatible types for comparison")
    return _kind(one) == "nil" or one == other


def _eq(first: Any, *others: Any) -> bool:
    if not others:
        raise GoError("missing argument for comparison")
    return any(_equal(first, other) for other in others)


def _less(one: Any, other: Any) -> bool:
    if _kind(one) in ("bool", "nil") or _kind(other) in ("bool", "nil"):
        raise GoError("invalid type for comparison")
    if _kind(one) != _kind(other):
        raise GoError("incompatible types for comparison")
    return one < other


FUNCTIONS: dict[str, Callable] = {
    "eq": _eq,
    "ge": lambda one, other: not _less(one, other),
    "gt": lambda one, other: not (_less(one, other) or _equal(one, other)),
    "html": lambda *values: html.escape(_print(*values)).replace("&quot;", "&#34;").replace("&#x27;", "&#39;"),
    "index": _index,
    "join": _join,
    "json": as_json,
    "le": lambda one, other: _less(one, other) or _equal(one, other),
    "len": length,
    "lower": _on_text(str.lower),
    "lt": _less,
    "ne": lambda one, other: not _equal(one, other),
    "not": lambda value: not truth(value),
    "pad": _pad,
    "print": _print,
    "printf": _printf,
    "println": _println,
    "slice": _slice,
    "split": _split,
    "title": _on_text(_title),
    "truncate": _truncate,
    "upper": _on_text(str.upper),
}
LAZY = ("and", "or")  # these look at an argument only when they need it
BUILTINS = frozenset((*FUNCTIONS, *LAZY))

# The header of a table goes through the same template, and is to stay as it is.
IN_HEADERS: dict[str, Callable] = {
    **FUNCTIONS,
    **dict.fromkeys(("join", "json", "lower", "split", "title", "truncate", "upper"), lambda value, *_: value),
}
