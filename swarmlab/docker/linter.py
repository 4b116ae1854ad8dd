"""What Compose takes and a swarm does not, or takes otherwise: a stack file read line by line, before anybody deploys it.

Each rule is one line of what Compose does, one of what a swarm does, and where that is written. Three rules know no
list of keys: what the schema does not have is refused, what the first words of Docker's client refuse is quoted, and
what is found to go nowhere (`stack_map`) is said to go nowhere.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path as FilePath
from typing import Any, NamedTuple

from .compose import FORBIDDEN, document_of, settle
from .interpolate import variables_of
from .lint_rules import (
    BIND,
    BRIDGE,
    FILE_CONTENT,
    GONE,
    HOST_FIRST,
    HOST_PORT,
    KEYS,
    LATEST,
    LIMITS,
    LIST,
    NO_VERSION,
    NOWHERE,
    OUTSIDE,
    PORT_IP,
    SEVERITIES,
    UNSET,
    UNWATCHED,
    VOLUME,
    Rule,
    rule,
)
from .normal import Loader
from .plan_text import table
from .schema import FILE, SERVICE
from .stack import StackError, convert
from .stack_map import NOT_SENT, lines
from .tables import columns
from .yaml_dialect import Path, read_lines


class Finding(NamedTuple):
    """A rule that a line of the file meets."""

    line: int
    path: str
    rule: Rule

    @property
    def severity(self) -> str:
        return self.rule.severity


class Findings(tuple):
    """All that was found, in the order of the file; printed as a table."""

    def __repr__(self) -> str:
        return columns([HEADS, *self._rows()]).rstrip("\n") if self else NOTHING

    def _repr_html_(self) -> str:
        return table(HEADS, self._rows()) if self else NOTHING

    def _rows(self) -> list[tuple[str, ...]]:
        return [(f"{f.line}", f.severity, f.path, f.rule.compose, f.rule.swarm) for f in self]


HEADS = ("LINE", "SEVERITY", "WHERE", "COMPOSE", "SWARM")
NOTHING = "nothing that a swarm would take otherwise"


# ── looking ──────────────────────────────────────────────────────────────────────────────────────────────────────


def lint(text: str, env: Mapping[str, str] | None = None) -> Findings:
    """What a swarm takes otherwise in this stack file; `text` is the file, or its path. `env` is the person's
    environment. A file that Docker refuses has its words in the first row."""
    if "\n" not in text and os.path.isfile(text):
        text = FilePath(text).read_text(encoding="utf-8")
    source = text.encode()
    try:
        document, places = document_of("-", lambda path: source), read_lines(source)
    except StackError as fault:
        return Findings([Finding(_line_of(fault.text), "", _in_dockers_words(fault))])
    found = [*_refusal(document, env or {}, places), *_all(document, env or {}, places)]
    rows = [Finding(_place(places, path), ".".join(map(str, path)), rule) for path, rule in found]
    if all(row.severity != "refused" for row in rows):
        rows += _nowhere(text, env or {}, rows)
    return Findings(sorted(dict.fromkeys(rows), key=lambda row: (row.line, SEVERITIES.index(row.severity))))


Found = Iterator[tuple[Path, Rule]]


def _place(places: Mapping[Path, int], path: Path) -> int:
    """The line of the path, or of the innermost part of it that stands anywhere."""
    while path and path not in places:
        path = path[:-1]
    return places.get(path, 1)


def _line_of(text: str) -> int:
    found = re.search(r"line (\d+):", text)
    return int(found[1]) if found else 1


def _in_dockers_words(fault: StackError) -> Rule:
    return rule("Docker's words", "refused", "", " ".join(fault.text.split()), "docker stack deploy")


def _refusal(document: dict, env: Mapping[str, str], places: Mapping[Path, int]) -> Found:
    """What the client would say while it loads and converts the file; files that it names count as there."""

    def read(path: str) -> bytes:
        return b""

    try:
        convert(settle([document], Loader("", read, env)), "stack", read)
    except StackError as fault:
        yield _path_in(fault.text, places), _in_dockers_words(fault)


def _path_in(text: str, places: Mapping[Path, int]) -> Path:
    """The place that a refusal is about: the longest path whose words stand in it, or the service it names."""
    named = [path for path in places if re.search(rf"(^|\W){re.escape('.'.join(map(str, path)))}(\W|$)", text)]
    service = re.match(r"(?:service|invalid image reference for service) ([^:]+):", text)
    found = max(named, key=len, default=())
    return ("services", service[1]) if service and len(found) < 2 else found


def _all(document: dict, env: Mapping[str, str], places: Mapping[Path, int]) -> Found:
    if "version" not in document:
        yield (), NO_VERSION
    yield from _top(document)
    services = document.get("services")
    for name, service in services.items() if isinstance(services, dict) else ():
        if isinstance(service, dict):
            for path, rule in _service(service, document):
                yield ("services", name, *path), rule
    yield from _variables(document, (), env)


def _top(document: dict) -> Found:
    for key in document:
        if key not in FILE.known and not str(key).startswith("x-"):
            yield (key,), OUTSIDE
    for name, network in _entries(document, "networks"):
        if network.get("driver") in ("bridge", "host", "none") and not network.get("external"):
            yield ("networks", name, "driver"), BRIDGE
    for section in ("secrets", "configs"):
        for name, entry in _entries(document, section):
            if entry.get("file") and not entry.get("name"):
                yield (section, name), FILE_CONTENT


def _entries(document: dict, section: str) -> Iterator[tuple[str, dict]]:
    entries = document.get(section)
    for name, entry in entries.items() if isinstance(entries, dict) else ():
        yield name, entry if isinstance(entry, dict) else {}


def _service(service: dict, document: dict) -> Found:
    for key in service:
        if key == "depends_on" and isinstance(service[key], dict):
            yield (key,), LIST
        elif key in KEYS:
            yield (key,), KEYS[key]
        elif key in FORBIDDEN:
            yield (key,), GONE if key in ("extends", "volume_driver", "volumes_from") else LIMITS
        elif key not in SERVICE.known and not str(key).startswith("x-"):
            yield (key,), OUTSIDE
    yield from _image(service)
    yield from _ports(service)
    yield from _volumes(service, document)
    yield from _updates(service)


def _image(service: dict) -> Found:
    image = service.get("image")
    if isinstance(image, str) and "$" not in image and ":" not in image.rpartition("/")[2] and "@" not in image:
        yield ("image",), LATEST


def _ports(service: dict) -> Found:
    ports = service.get("ports")
    for index, port in enumerate(ports if isinstance(ports, list) else ()):
        if (
            isinstance(port, str)
            and re.match(r"(\[.*\]|\d+\.\d+\.\d+\.\d+):", port)
            and not port.startswith("0.0.0.0:")
        ):
            yield ("ports", index), PORT_IP
        if _is_host(port):
            deploy = _deploy(service)
            if deploy.get("mode", "replicated") == "replicated" and deploy.get("replicas", 1) not in (0, 1):
                yield ("ports", index), HOST_PORT
            if _order(service) == "start-first":
                yield ("ports", index), HOST_FIRST


def _is_host(port: Any) -> bool:
    return isinstance(port, dict) and port.get("mode") == "host" and bool(port.get("published"))


def _deploy(service: dict) -> dict:
    deploy = service.get("deploy")
    return deploy if isinstance(deploy, dict) else {}


def _order(service: dict) -> Any:
    config = _deploy(service).get("update_config")
    return config.get("order") if isinstance(config, dict) else None


def _volumes(service: dict, document: dict) -> Found:
    declared = dict(_entries(document, "volumes"))
    volumes = service.get("volumes")
    for index, volume in enumerate(volumes if isinstance(volumes, list) else ()):
        source = volume.get("source", "") if isinstance(volume, dict) else str(volume).partition(":")[0]
        if not isinstance(source, str) or (isinstance(volume, str) and ":" not in volume):
            continue
        if source[:1] in (".", "~") or (source.startswith("/") and not EVERYWHERE.match(source)):
            yield ("volumes", index), BIND
        elif source in declared and declared[source].get("driver", "local") == "local" and _may_wander(service):
            yield ("volumes", index), VOLUME


EVERYWHERE = re.compile(r"/$|/(proc|sys|dev|var/run|run|var/lib/docker)(/|$)|/etc/(hostname|localtime|timezone)$")


def _may_wander(service: dict) -> bool:
    """Could a later task of this service start on another node?"""
    deploy = _deploy(service)
    placement = deploy.get("placement")
    placed = isinstance(placement, dict) and placement.get("constraints")
    return deploy.get("mode", "replicated") == "replicated" and not placed


def _updates(service: dict) -> Found:
    if _order(service) == "start-first" and not service.get("healthcheck"):
        yield ("deploy", "update_config", "order"), UNWATCHED


def _variables(value: Any, path: Path, env: Mapping[str, str]) -> Found:
    """Variables that have neither a value nor a default."""
    match value:
        case dict():
            for key, item in value.items():
                if path or not str(key).startswith("x-"):
                    yield from _variables(item, (*path, key), env)
        case list():
            for index, item in enumerate(value):
                yield from _variables(item, (*path, index), env)
        case str():
            for name, default in variables_of(value):
                if name not in env and not default:
                    yield path, UNSET._replace(name=f"variable {name}")


def _nowhere(text: str, env: Mapping[str, str], rows: Iterable[Finding]) -> list[Finding]:
    """Keys of services that go nowhere, and of which no rule has spoken."""
    spoken = {row.path for row in rows}
    paths = {line: path for path, line in read_lines(text.encode()).items()}
    silent = [line.number for line in lines(text, env=env) if line.note == NOT_SENT]
    found = [(number, paths[number]) for number in silent if number in paths]
    return [Finding(n, ".".join(map(str, path)), NOWHERE) for n, path in found if _is_asked(path, spoken)]


def _is_asked(path: Path, spoken: set[str]) -> bool:
    """Is it the key of a service, and has nobody spoken of it? Keys that begin with x- are meant for others."""
    above = {".".join(map(str, path[:length])) for length in range(len(path) + 1)}
    return path[0] == "services" and not above & spoken and not any(str(key).startswith("x-") for key in path)
