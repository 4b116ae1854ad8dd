"""A stack file beside the objects it becomes, line by line, found by asking: what would be otherwise without this line?

Nothing here knows what a key means. Each value of the file is taken out, the rest is loaded and converted as for a
deploy, and what is missing among the objects is what that value becomes. Where Docker refuses the file without it, or
nothing is missing, the value is changed a little instead: what changes then is where it goes, and if nothing does, it
goes nowhere.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from typing import Any, NamedTuple

from ..objects import Config, Network, Secret, Service
from . import api_json
from .compose import ComposeFile, document_of, settle
from .normal import Loader
from .stack import StackError, convert
from .yaml_dialect import Path, read_lines

FILE = "-"
SECTIONS = ("services", "networks", "volumes", "secrets", "configs")


class Part(NamedTuple):
    """One field of one object, as `docker … inspect` shows it; `field` is '' when the object itself is meant."""

    kind: str  # service · network · secret · config
    name: str
    field: str = ""  # TaskTemplate.ContainerSpec.Image
    value: str = ""


class Line(NamedTuple):
    """One line of the file. `note`: '' where it says something new · `as it would be anyway` · `not sent` ·
    `ignored, with a warning` · `checked, not sent` (Docker refuses the file without it)."""

    number: int
    text: str
    becomes: tuple[Part, ...] = ()
    note: str = ""


ANYWAY, NOT_SENT, WARNED, CHECKED = "as it would be anyway", "not sent", "ignored, with a warning", "checked, not sent"


def lines(
    text: str,
    stack: str = "demo",
    *,
    env: Mapping[str, str] | None = None,
    read: Callable[[str], bytes] | None = None,
) -> tuple[Line, ...]:
    """Every line of the file `text` and what it becomes. `read` gives the files that it names; without it their
    content is a note of their name. Raises StackError for a file that Docker refuses."""
    source = text.encode()
    document = document_of(FILE, lambda path: source)
    whole = _Asker(document, stack, env or {}, read or _stand_in)
    places: dict[int, list[tuple[tuple[Part, ...], str]]] = {}
    numbers = read_lines(source)
    for path in _paths(document):
        if path in numbers:
            places.setdefault(numbers[path], []).append(whole.ask(path))
    return tuple(_line(number, line, places.get(number, ())) for number, line in enumerate(text.splitlines(), 1))


def _stand_in(path: str) -> bytes:
    return f"# what {path} holds".encode()


def _line(number: int, text: str, found: Iterable[tuple[tuple[Part, ...], str]]) -> Line:
    """Several values may stand on one line: a line that says anything new has no note."""
    answers = [(parts, note) for parts, note in found if parts or note]
    parts = tuple(dict.fromkeys(part for parts, _ in answers for part in parts))
    notes = list(dict.fromkeys(note for _, note in answers))
    return Line(number, text, parts, notes[0] if len(notes) == 1 else "" if "" in notes or not notes else notes[-1])


def _paths(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every place of a document, from the outside in."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from _paths(item, (*path, key))


class _Asker:
    """The document as it is, and the objects that it becomes, to be compared with what other documents become."""

    def __init__(self, document: dict, stack: str, env: Mapping[str, str], read: Callable[[str], bytes]):
        self.document, self.stack, self.env = document, stack, env
        self.parts: dict[str, _Asker] = {}
        self.known: dict[str, bytes] = {}
        self._read: Callable[[str], bytes] = lambda path: self.known.setdefault(path, read(path))
        self.objects, self.warnings = self.outcome(document)
        self._read = lambda path: self.known.get(path) or _stand_in(path)  # a name that was changed is another file

    def outcome(self, document: dict) -> tuple[Counter, tuple[str, ...]]:
        """The fields of all objects that a document becomes, and what is said of it. Raises StackError."""
        compose = settle([deepcopy(document)], Loader("", self._read, self.env))
        return fields(compose, self.stack, self._read), compose.warnings

    def ask(self, path: Path) -> tuple[tuple[Part, ...], str]:
        """What this place becomes, and what is to be said of it."""
        if path[0] == "services" and len(path) > 2 and len(self.document["services"]) > 1:
            return self._part(str(path[1])).ask_for_one(path, self.shared(str(path[1])))
        value = _get(self.document, path)
        if len(path) == 2 and path[0] in SECTIONS:
            return self._object(path)
        if isinstance(value, dict | list) and value:
            return (), ""  # its parts are asked one by one
        if str(path[0]).startswith("x-"):
            return (), NOT_SENT
        return self._value(path, value)

    def _part(self, service: str) -> "_Asker":
        """The same file with this service alone, which is asked sooner."""
        if service not in self.parts:
            document = {**self.document, "services": {service: self.document["services"][service]}}
            self.parts[service] = _Asker(document, self.stack, self.env, self._read)
        return self.parts[service]

    def shared(self, service: str) -> frozenset[str]:
        """Networks that other services join as well: they would be there without this one."""
        joined = [part for part in self.objects if part.field == "TaskTemplate.Networks[]"]
        own = f"{self.stack}_{service}"
        return frozenset(json.loads(part.value)["Target"] for part in joined if part.name != own)

    def ask_for_one(self, path: Path, shared: frozenset[str]) -> tuple[tuple[Part, ...], str]:
        parts, note = self.ask(path)
        return tuple(p for p in parts if p.kind != "network" or p.field or p.name not in shared), note

    def _object(self, path: Path) -> tuple[tuple[Part, ...], str]:
        """A service, network … of the file: those of its kind that are not there without it, or that it can change."""
        kind = str(path[0]).removesuffix("s")
        gone = self._without(path)
        if gone is not None:
            left = {(part.kind, part.name) for part in gone[0]}
            made = dict.fromkeys((part.kind, part.name) for part in self.objects)
            parts = tuple(Part(*pair) for pair in made if pair not in left and pair[0] == kind)
            if parts or isinstance(_get(self.document, path), dict):
                return parts, "" if parts or _get(self.document, path) else NOT_SENT
        changed = self._with(path, {**(_get(self.document, path) or {}), "labels": {"x": "y"}})
        touched = dict.fromkeys((part.kind, part.name) for part in (changed[0] - self.objects if changed else ()))
        parts = tuple(Part(*pair) for pair in touched if pair[0] == kind)
        return parts, "" if parts else CHECKED

    def _value(self, path: Path, value: Any) -> tuple[tuple[Part, ...], str]:
        gone = self._without(path)
        if gone is not None and gone[0] != self.objects:
            return self._lost(gone[0]), ""
        if gone is not None and gone[1] != self.warnings:
            return (), WARNED
        for other in _others(value):
            changed = self._with(path, other)
            if changed is not None and changed[0] != self.objects:
                return self._lost(changed[0]), "" if gone is None else ANYWAY
        named = self._named(path, value) if gone is None else ()
        return named, CHECKED if gone is None and not named else "" if named else NOT_SENT

    def _named(self, path: Path, value: Any) -> tuple[Part, ...]:
        """A name within an entry of a list that means something else in the file: where the entry has that name."""
        gone = self._without(path[:-1]) if len(path) > 2 and isinstance(path[-2], int) else None
        if gone is None or not isinstance(value, str):
            return ()
        entries = [part for part in (self.objects - gone[0]).elements() if part.value.startswith("{")]
        flat = [
            Part(entry.kind, entry.name, *field)
            for entry in entries
            for field in _flat(json.loads(entry.value), entry.field)
        ]
        return tuple(part for part in flat if part.value in (value, f"{self.stack}_{value}"))

    def _without(self, path: Path) -> tuple[Counter, tuple[str, ...]] | None:
        document = deepcopy(self.document)
        del _get(document, path[:-1])[path[-1]]
        return self._try(document)

    def _with(self, path: Path, value: Any) -> tuple[Counter, tuple[str, ...]] | None:
        document = deepcopy(self.document)
        _get(document, path[:-1])[path[-1]] = value
        return self._try(document)

    def _try(self, document: dict) -> tuple[Counter, tuple[str, ...]] | None:
        try:
            return self.outcome(document)
        except (StackError, AttributeError, TypeError):
            return None

    def _lost(self, others: Counter) -> tuple[Part, ...]:
        """What is here and not there; of two entries of a list that were paired, only what differs."""
        kept = {(part.kind, part.name) for part in others}
        lost = list((self.objects - others).elements())
        whole = dict.fromkeys((part.kind, part.name) for part in lost if (part.kind, part.name) not in kept)
        found = [Part(*pair) for pair in whole]
        new = list((others - self.objects).elements())
        return tuple(found + [one for part in lost if (part.kind, part.name) in kept for one in _finer(part, new)])


def _finer(part: Part, new: list[Part]) -> list[Part]:
    """`Ports[] {…}` that differs from another only in one key is `Ports[].PublishedPort`."""
    twin = next((other for other in new if other[:3] == part[:3]), None)
    if twin is None or not part.value.startswith("{"):
        return [part]
    new.remove(twin)
    mine, theirs = (dict(_flat(json.loads(each.value), part.field)) for each in (part, twin))
    different = [Part(*part[:2], field, value) for field, value in mine.items() if theirs.get(field) != value]
    return different if len(different) < len(mine) else [part]


def _get(value: Any, path: Path) -> Any:
    for key in path:
        value = value[key]
    return value


def _others(value: Any) -> list:
    """Values near this one; one of them is likely to be allowed in its place."""
    match value:
        case bool():
            return [not value]
        case int() | float():
            return [value + 1, value - 1, value * 2]
        case str():
            return [
                f"{value}x",
                f"{value}1",
                f"1{value}",
                "start-first",
                "dnsrr",
                "global",
                "replicated-job",
                "on-failure",
                "pause",
                "x",
            ]
        case None:
            return [True, "x", {"x": "y"}, {"labels": {"x": "y"}}]
    return ["x"]


# ── objects as a flat list of fields ─────────────────────────────────────────────────────────────────────────────


def fields(compose: ComposeFile, stack: str, read: Callable[[str], bytes]) -> Counter:
    """Every field of every object that a deploy of this file asks for; lists have no order."""
    made = convert(compose, stack, read)
    shown = [
        *(("network", spec.name, api_json.network(Network("", spec)).json()) for spec in made.networks),
        *(("secret", s.name, {**api_json.secret(Secret("", s)).json()["Spec"], **_data(s)}) for s in made.secrets),
        *(("config", s.name, {**api_json.config(Config("", s)).json()["Spec"], **_data(s)}) for s in made.configs),
        *(("service", spec.name, api_json.service(Service("", spec), True).json()["Spec"]) for spec in made.services),
    ]
    return Counter(Part(kind, name, *field) for kind, name, json in shown for field in _flat(json, ""))


def _data(spec: Any) -> dict[str, str]:
    """The content, which is sent in base64, and for secrets never shown again."""
    return {"Data": spec.data.decode("utf-8", "replace")}


def _flat(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and (value or not path):  # an empty one says something by itself: Mode.Global = {}
        for key, item in value.items():
            yield from _flat(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list | tuple):
        for item in value:
            yield f"{path}[]", item if isinstance(item, str) else _json(item)
    elif value is not None:
        yield path, value if isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
