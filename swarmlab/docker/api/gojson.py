"""JSON as Go reads it, and in Go's words when it is none.

Source: documentation and behaviour of Go's `encoding/json`: bytes that are no UTF-8 and halves of surrogate pairs become
U+FFFD, there is no NaN, a value may be 10 000 deep.
"""

import json
import re
from typing import Any

from ..units import quote

TOO_DEEP = "exceeded max depth"
EMPTY = "got EOF while reading request body"
DEPTH = 500  # Go stops at 10 000; nothing that Docker knows is as deep as this


class Invalid(Exception):
    """This is no JSON, says Go's parser."""


def loads(body: bytes) -> Any:
    """The value. Raises `Invalid`."""
    if not body.strip():
        raise Invalid(EMPTY)
    text = body.decode("utf-8", "replace")
    if "\\ud" in text.lower():
        text = ESCAPE.sub(_whole, text)
    try:
        value = json.loads(text, parse_constant=_no_number, parse_float=_float, parse_int=_int)
    except ValueError:
        raise Invalid(fault(body)) from None
    except RecursionError:
        raise Invalid(TOO_DEEP) from None
    if text.count("[") + text.count("{") > DEPTH and _is_too_deep(value):
        raise Invalid(TOO_DEEP)
    return value


ESCAPE = re.compile(r"\\(u[dD][89abAB]..\\u[dD][c-fC-F]..|u[dD][89a-fA-F][0-9a-fA-F]{2}|.)", re.DOTALL)


def _whole(match: re.Match) -> str:
    """Half a surrogate pair is no character."""
    return "\\ufffd" if len(match[1]) == 5 else match[0]


def _no_number(name: str) -> Any:
    raise ValueError(name)


def _float(text: str) -> float:
    if abs(float(text)) == float("inf"):
        raise Invalid(f"json: cannot unmarshal number {text} into Go value of type float64")
    return float(text)


def _int(text: str) -> int | float:
    return int(text) if len(text) < 30 else _float(text)


def _is_too_deep(value: Any) -> bool:
    """Whether lists and objects stand in one another deeper than anybody means."""
    layer = [value]
    for _ in range(DEPTH):
        layer = [below for one in layer if isinstance(one, dict | list) for below in _below(one)]
        if not layer:
            return False
    return True


def _below(value: dict | list) -> list:
    return list(value.values() if isinstance(value, dict) else value)


# ── what is wrong with it ────────────────────────────────────────────────────────────────────────────────────────────

SPACE = re.compile(r"[ \t\r\n]*")
PLAIN = re.compile(r'[^"\\\x00-\x1f]*')
DIGITS = re.compile(r"[0-9]*")
END = "unexpected EOF"
AFTER = {"{": "after object key:value pair", "[": "after array element"}


def fault(body: bytes) -> str:
    """Where Go's parser stops in what is no JSON, and what it says there. It reads bytes, not characters."""
    try:
        _read(body.decode("latin-1"))
    except Invalid as found:
        return str(found)
    return END


def _read(text: str) -> None:
    """One value, and nothing after it. Raises `Invalid`."""
    place, within, expected = 0, "", "value"  # within: the brackets that are open
    while True:
        place = _spaces(text, place)
        letter = text[place : place + 1]
        if expected == "nothing":
            raise Invalid("unexpected content after JSON")
        if letter and letter == {"first key": "}", "first value": "]"}.get(expected):
            within, place, expected = within[:-1], place + 1, ""
        elif expected.endswith("key"):
            if letter != '"':
                raise _wrong(letter, "looking for beginning of object key string")
            place, expected = _string(text, place), "colon"
        elif expected == "colon":
            if letter != ":":
                raise _wrong(letter, "after object key")
            place, expected = place + 1, "value"
        elif expected == "more" and letter == ",":
            place, expected = place + 1, "key" if within[-1] == "{" else "value"
        elif expected == "more":
            if letter != {"{": "}", "[": "]"}[within[-1]]:
                raise _wrong(letter, AFTER[within[-1]])
            within, place, expected = within[:-1], place + 1, ""
        elif letter and letter in "{[":
            within, place, expected = within + letter, place + 1, "first key" if letter == "{" else "first value"
        else:
            place, expected = _literal(text, place), ""
        expected = expected or ("more" if within else "nothing")


def _spaces(text: str, place: int) -> int:
    return SPACE.match(text, place).end()  # type: ignore[union-attr]


def _literal(text: str, place: int) -> int:
    """The end of a text, a number or a word."""
    letter = text[place : place + 1]
    if letter == '"':
        return _string(text, place)
    if letter and letter in "-0123456789":
        return _number(text, place)
    word = {"t": "true", "f": "false", "n": "null"}.get(letter)
    if word is None:
        raise _wrong(letter, "looking for beginning of value")
    for n, wanted in enumerate(word):
        if text[place + n : place + n + 1] != wanted:
            raise _wrong(text[place + n : place + n + 1], f"in literal {word} (expecting '{wanted}')")
    return place + len(word)


def _string(text: str, place: int) -> int:
    place = PLAIN.match(text, place + 1).end()  # type: ignore[union-attr]
    while text[place : place + 1] != '"':
        letter = text[place : place + 1]
        if letter < " ":
            raise _wrong(letter, "in string literal")
        place = PLAIN.match(text, _escape(text, place + 1)).end()  # type: ignore[union-attr]
    return place + 1


def _escape(text: str, place: int) -> int:
    letter = text[place : place + 1]
    if letter != "u":
        if not letter or letter not in '"\\/bfnrt':
            raise _wrong(letter, "in string escape code")
        return place + 1
    for digit in (text[n : n + 1] for n in range(place + 1, place + 5)):
        if not digit or digit not in "0123456789abcdefABCDEF":
            raise _wrong(digit, "in \\u hexadecimal character escape")
    return place + 5


def _number(text: str, place: int) -> int:
    place += text[place] == "-"
    place = place + 1 if text[place : place + 1] == "0" else _digits(text, place, "in numeric literal")
    if text[place : place + 1] == ".":
        place = _digits(text, place + 1, "after decimal point in numeric literal")
    if text[place : place + 1] in ("e", "E"):
        place += 2 if text[place + 1 : place + 2] in ("+", "-") else 1
        place = _digits(text, place, "in exponent of numeric literal")
    return place


def _digits(text: str, place: int, where: str) -> int:
    """The end of one digit or more."""
    end = DIGITS.match(text, place).end()  # type: ignore[union-attr]
    if end == place:
        raise _wrong(text[place : place + 1], where)
    return end


def _wrong(letter: str, where: str) -> Invalid:
    """The error for a letter that may not stand there; without one, the text has ended too early."""
    if not letter:
        return Invalid(END)
    shown = {"'": r"\'", '"': '"'}.get(letter, quote(letter)[1:-1])
    return Invalid(f"invalid character '{shown}' {where}")
