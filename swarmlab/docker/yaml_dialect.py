"""YAML as Docker reads it: PyYAML finds the tokens, the meaning of each is Docker's own.

Docker's client is written in Go, and its YAML has its own habits: `yes` is a text, `22:22` is a text, `0440` is octal,
a key may stand only once, and whatever follows the first document is not read. Sources: YAML 1.2 §10.3, the
documentation of Go's `yaml.v3`, and the answers of docker 28.2.2 to small documents.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

from .units import quote


class StackError(Exception):
    """A stack file that Docker refuses. `text` is what it says; `done` is the part of the stack it made before."""

    def __init__(self, text: str, done: Any = None):
        super().__init__(text)
        self.text = text
        self.done = done


class Timestamp(str):
    """A date that nobody quoted: Docker takes it for a time, and prints it as Go does."""


def read_yaml(source: bytes) -> Any:
    """The first document of `source` as plain values; dictionaries keep the order of the file."""
    try:
        return _Builder().build(_compose(source))
    except RecursionError:
        raise StackError("yaml: exceeded max depth of 10000") from None


Path = tuple[str | int, ...]  # keys and places in lists, from the top


def read_lines(source: bytes) -> dict[Path, int]:
    """On which line everything stands, by its path; what is merged or aliased stands where it was first written."""
    found: dict[Path, int] = {}
    _note_lines(_compose(source), (), found)
    return found


def _note_lines(node: "Node", path: Path, found: dict[Path, int]) -> None:
    if len(path) > 100:
        return  # an alias within itself
    if node.kind == "alias":
        _note_lines(node.parts[0], path, found)
    elif node.kind == "list":
        for index, part in enumerate(node.parts):
            found[(*path, index)] = part.line
            _note_lines(part, (*path, index), found)
    elif node.kind == "mapping":
        own = [(key, part) for key, part in _pairs(node) if not _merges(key)]
        for _, part in [pair for pair in _pairs(node) if _merges(pair[0])]:
            target = part.parts[0] if part.kind == "alias" else part
            for each in target.parts[::-1] if target.kind == "list" else [target]:
                _note_lines(each, path, found)
        for key, part in own:
            here = (*path, key.value)
            for merged in [other for other in found if other[: len(here)] == here] if here in found else ():
                del found[merged]  # what was merged under this key is not there: the key's own value took its place
            found[here] = key.line
            _note_lines(part, (*path, key.value), found)


def _pairs(node: "Node") -> list[tuple["Node", "Node"]]:
    return list(zip(node.parts[::2], node.parts[1::2], strict=True))


def _merges(key: "Node") -> bool:
    return key.plain and key.value == "<<"


# ── what a plain scalar means ────────────────────────────────────────────────────────────────────────────────────

CONSTANTS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}  # no yes, no, on, off: they are texts

BASES = {"0x": 16, "0b": 2, "0o": 8, "0": 8}  # in the order they are tried

_FLOAT = re.compile(r"[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?", re.ASCII)
_DATE = re.compile(
    r"(\d{4})-(\d\d?)-(\d\d?)(?:(?:[Tt]| +)(\d\d?):(\d\d?):(\d\d?)(\.\d*)?\s*(Z|[-+]\d\d:\d\d)?)?", re.ASCII
)


def meaning(text: str) -> Any:
    """A scalar without quotes and without a tag: null, boolean, number, time or text."""
    if text in CONSTANTS:
        return CONSTANTS[text]
    if not re.match(r"[-+.\d]", text, re.ASCII):
        return text
    if found := _DATE.fullmatch(text):
        return _timestamp(found)
    digits = text.replace("_", "")
    number = _integer(digits)
    if number is None and _FLOAT.fullmatch(digits):
        number = float(digits)
    return text if number is None else number


def _integer(text: str) -> int | float | None:
    sign, digits = (text[0], text[1:]) if text[0] in "+-" else ("", text)
    prefix = next((prefix for prefix in BASES if digits.lower().startswith(prefix) and digits != prefix), "")
    digits = digits[len(prefix) :]
    if not digits.isascii() or not digits.isalnum():
        return None
    try:
        number = int(sign + digits, BASES.get(prefix, 10))
    except ValueError:
        return None
    return number if -(2**63) <= number < 2**64 else float(number)  # Go counts in 64 bits


def _timestamp(found: re.Match) -> Timestamp:
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    time = f"{int(hour or 0):02}:{int(minute or 0):02}:{int(second or 0):02}{(fraction or '').rstrip('0').rstrip('.')}"
    offset = "+0000 UTC" if zone in (None, "Z") else f"{zone.replace(':', '')} {zone.replace(':', '')}"
    return Timestamp(f"{year}-{int(month):02}-{int(day):02} {time} {offset}")


# ── from tokens to nodes ─────────────────────────────────────────────────────────────────────────────────────────


class Node(NamedTuple):
    """One place of the document. `parts` are the items of a list, or keys and values of a mapping by turns."""

    kind: str  # scalar · list · mapping · alias
    line: int  # from 1
    value: str = ""  # of a scalar; of an alias, its name
    tag: str = ""
    plain: bool = False
    parts: Sequence["Node"] = ()


@cache
def _reader() -> Any:
    import yaml  # at first use: `import swarmlab` stays light

    class Reader(yaml.SafeLoader):
        def scan_to_next_token(self) -> None:
            """PyYAML stumbles over a tab between two tokens; Docker takes it for a blank."""
            super().scan_to_next_token()
            while (self.flow_level or not self.allow_simple_key) and self.peek() == "\t":
                self.forward()
                super().scan_to_next_token()

        def scan_plain_spaces(self, indent: int, start_mark: Any) -> Any:
            """The same for a tab within a text that has no quotes."""
            length = 0
            while self.peek(length) in (" ", "\t"):
                length += 1
            blanks = self.prefix(length)
            if "\t" not in blanks:
                return super().scan_plain_spaces(indent, start_mark)
            self.forward(length)
            return super().scan_plain_spaces(indent, start_mark) if self.peek() in "\r\n" else [blanks]

    return yaml, Reader


def _compose(source: bytes) -> Node:
    yaml, reader = _reader()
    try:
        events = yaml.parse(source, Loader=reader)
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                return _node(next(events), events, {}, 0)
    except yaml.YAMLError as error:
        raise StackError(_complaint(error)) from None
    return Node("scalar", 1, plain=True)


def _node(event: Any, events: Iterator, anchors: dict[str, Node], depth: int) -> Node:
    line, kind = event.start_mark.line + 1, type(event).__name__
    if depth > 100:  # docker gives up at 10000; no stack file comes near either
        raise StackError("yaml: exceeded max depth of 10000")
    if kind == "AliasEvent":
        if event.anchor not in anchors:
            raise StackError(f"yaml: unknown anchor '{event.anchor}' referenced")
        return Node("alias", line, event.anchor, parts=[anchors[event.anchor]])
    parts: list[Node] = []
    if kind == "ScalarEvent":
        node = Node("scalar", line, event.value, event.tag or "", event.implicit[0])
    else:
        node = Node("list" if kind == "SequenceStartEvent" else "mapping", line, tag=event.tag or "", parts=parts)
    if event.anchor:
        anchors[event.anchor] = node  # before its parts: one of them may name it
    if node.kind != "scalar":
        while not type(event := next(events)).__name__.endswith("EndEvent"):
            parts.append(_node(event, events, anchors, depth + 1))
    return node


WORDING = (  # PyYAML's words → those of Go's yaml, which share an ancestor
    (r"found character .* that cannot start any token", "found character that cannot start any token"),
    (r"mapping values are not allowed here", "mapping values are not allowed in this context"),
    (r"sequence entries are not allowed here", "block sequence entries are not allowed in this context"),
    (r"mapping keys are not allowed here", "mapping keys are not allowed in this context"),
    (r"expected <block end>, but found '(?:-|<block sequence start>)'", "did not find expected '-' indicator"),
    (r"expected <block end>, but found .*", "did not find expected key"),
    (r"expected the node content, but found .*", "did not find expected node content"),
    (r"expected (.*?), but (?:got|found) .*", r"did not find expected \1"),
    (r"found (unknown escape character) .*", r"found \1"),
    (r"special characters are not allowed", "control characters are not allowed"),
    (r"invalid (start|continuation) byte|unexpected end of data", "invalid leading UTF-8 octet"),
)


def _complaint(error: Any) -> str:
    """Where and why, as Go says it: it prefers the place where the thing began, and never names the first line."""
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", "unknown problem parsing YAML content"))
    for pattern, words in WORDING:
        if found := re.fullmatch(pattern, problem, re.DOTALL):
            problem = found.expand(words)
            break
    late = type(error).__name__ == "ScannerError"
    for place in (getattr(error, "context_mark", None), getattr(error, "problem_mark", None)):
        # where the file ends, its last line has been ended before Go's parser complains
        line = place.line + (not late and _at_the_end(place)) if place else 0
        if line:
            return f"yaml: line {line + late}: {problem}"
    return f"yaml: {problem}"


def _at_the_end(place: Any) -> bool:
    return place.column > 0 and place.index >= len(place.buffer or "") - 1


# ── from nodes to values ─────────────────────────────────────────────────────────────────────────────────────────

TAG = "tag:yaml.org,2002:"
MERGE_FAULT = "yaml: map merge requires map or sequence of maps as the value"
ALIASES = 100_000  # values that aliases may stand for, all together; docker limits their share instead


class _Builder:
    """Turns nodes into values, and collects the keys that stand twice."""

    def __init__(self) -> None:
        self.twice: list[str] = []
        self.open: list[str] = []  # the aliases being followed
        self.copied = 0

    def build(self, root: Node) -> Any:
        value = self.value(root)
        if self.twice:
            raise StackError("\n".join(["yaml: unmarshal errors:", *self.twice]))
        return value

    def value(self, node: Node) -> Any:
        self.copied += bool(self.open)
        if self.copied > ALIASES:
            raise StackError("yaml: document contains excessive aliasing")
        match node.kind:
            case "alias":
                return self.follow(node)
            case "list":
                return [self.value(part) for part in node.parts]
            case "mapping":
                return self.mapping(node)
        return _scalar(node)

    def follow(self, node: Node) -> Any:
        if node.value in self.open:
            raise StackError(f"yaml: anchor '{node.value}' value contains itself")
        self.open.append(node.value)
        value = self.value(node.parts[0])
        self.open.pop()
        return value

    def mapping(self, node: Node) -> dict:
        keys, values = node.parts[::2], node.parts[1::2]
        if self.finds_twice(keys):
            return {}
        own: dict = {}
        merged: dict = {}
        for key, part in zip(keys, values, strict=True):
            if _merges(key):
                merged |= self.merge(part)
            else:
                own[self.key(key)] = self.value(part)
        return own | {key: value for key, value in merged.items() if key not in own}

    def finds_twice(self, keys: Sequence[Node]) -> bool:
        before = len(self.twice)
        for index, first in enumerate(keys):
            for second in keys[index + 1 :]:
                if first.kind == second.kind == "scalar" and first.value == second.value:
                    fault = f"mapping key {quote(first.value)} already defined at line {first.line}"
                    self.twice.append(f"  line {second.line}: {fault}")
        return len(self.twice) > before

    def key(self, node: Node) -> Any:
        key = self.value(node)
        if isinstance(key, dict | list):
            raise StackError(f"yaml: invalid map key: {_go_syntax(key)}")
        return key

    def merge(self, node: Node) -> dict:
        """`<<: *a` or `<<: [*a, *b]`: what is not there yet; the earlier one wins."""
        target = node.parts[0] if node.kind == "alias" else node
        if target.kind not in ("mapping", "list"):
            raise StackError(MERGE_FAULT)
        value = self.value(node)
        merged: dict = {}
        for mapping in value if isinstance(value, list) else [value]:
            if not isinstance(mapping, dict):
                raise StackError(MERGE_FAULT)
            merged = mapping | merged
        return merged


def _scalar(node: Node) -> Any:
    tag = node.tag.removeprefix(TAG) if node.tag.startswith(TAG) else ""
    if tag == "binary":
        return _binary(node.value)
    if tag in ("int", "float", "bool", "null", "timestamp"):
        return _tagged(tag, node.value)
    return meaning(node.value) if node.plain and not node.tag else node.value


def _tagged(tag: str, text: str) -> Any:
    value = meaning(text)
    if tag == "float" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    known = {"int": int, "float": float, "bool": bool, "null": type(None), "timestamp": Timestamp}[tag]
    if type(value) is not known:
        raise StackError(f"yaml: cannot decode !!str `{text}` as a !!{tag}")
    return value


def _binary(text: str) -> str:
    from base64 import b64decode  # at first use: nobody writes !!binary

    try:
        return b64decode(text, validate=True).decode("utf-8", "replace")
    except ValueError:
        raise StackError("yaml: !!binary value contains invalid base64 data") from None


def _go_syntax(value: Any) -> str:
    """A value as Go's `%#v` prints it."""
    match value:
        case dict():
            items = ", ".join(f"{_go_syntax(key)}:{_go_syntax(item)}" for key, item in value.items())
            return f"map[string]interface {{}}{{{items}}}"
        case list():
            return f"[]interface {{}}{{{', '.join(_go_syntax(item) for item in value)}}}"
        case str():
            return quote(value)
        case None:
            return "interface {}(nil)"
    return go_text(value)


def go_text(value: Any) -> str:
    """A scalar as Docker writes it into a text: the shortest form of a number (`1.0` → `1`), `true`, `<nil>`."""
    match value:
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer() and abs(value) < 1e21:
            return f"{value:.0f}"
        case float():
            return {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}.get(repr(value), repr(value))
        case list():
            return f"[{' '.join(go_text(item) for item in value)}]"
        case dict():
            return f"map[{' '.join(f'{go_text(key)}:{go_text(value[key])}' for key in sorted(value, key=str))}]"
    return str(value)
