"""Incident files: what is set up, what breaks, what counts as repaired and as harm, in YAML. The format:
`data/incidents/README.md`."""

import re
from collections.abc import Mapping, Sequence
from inspect import Parameter, signature
from pathlib import Path
from typing import Any, NamedTuple

from .. import events
from ..cluster import Cluster, find
from ..rack import is_number
from .chance import chosen_by, filled
from .checks import CHECKS
from .harm import ALLOWED

FOLDER = "data/incidents"
HOUR = 3600
KEYS = {  # key → (type, whether it must be there)
    "title": (str, True),
    "difficulty": (int, True),
    "minutes": (int, True),
    "seed": (int, False),
    "choose": (Mapping, False),
    "cluster": (Mapping, True),
    "files": (Mapping, False),
    "setup": (list, True),
    "load": (list, False),
    "faults": (list, True),
    "page": (Mapping, True),
    "limit": (int, True),
    "repaired": (list, True),
    "harm": (Mapping, False),
    "debrief": (Mapping, True),
}
ACTS = {  # what may happen by itself: acts of a cluster
    "crash", "restart", "shutdown", "freeze", "burden", "drift", "damage", "add_machine", "partition", "heal", "link",
    "block", "unblock", "label", "pace", "sicken",
}  # fmt: skip
MORE = {"cut": ("zone",), "intrude": ("machine", "role")}  # acts of the stage, and what they need to know
LOAD = ("name", "url", "rate", "clients", "think", "work", "per_connection", "pause", "number", "timeout", "via")
KINDS: dict[Any, str] = {
    str: "a text",
    int: "a whole number, 0 or more",
    int | None: "a whole number, 0 or more",
    float: "a number, 0 or more",
    Sequence[str]: "a list of texts",
}


class Step(NamedTuple):
    """Something that is done to the cluster: a docker command, an act, or to wait."""

    act: str  # docker · wait · the name of an act
    details: dict
    at: float = 0  # seconds, of a fault: since the end of the setup


class Cause(NamedTuple):
    """One link of the chain that the debrief shows."""

    text: str
    lesson: str
    fact: str = ""  # the kind of fact in the trace that shows it
    holds: Mapping = {}


class Incident(NamedTuple):
    """An incident file, with what the seed chose filled in."""

    path: str
    title: str
    difficulty: int
    minutes: int
    seed: int
    chosen: dict[str, str]
    cluster: dict
    files: dict[str, str]
    setup: tuple[Step, ...]
    load: tuple[dict, ...]
    faults: tuple[Step, ...]
    page: float  # seconds since the end of the setup
    story: str
    hands: tuple[str, ...]  # what the people of operations can do for you: acts, as text
    limit: int  # seconds
    repaired: tuple[tuple[str, dict], ...]
    harm: dict
    causes: tuple[Cause, ...]
    repair: tuple[str, ...]


def find_incident(which: int | str) -> str:
    """The file of a drill: its number, or a path."""
    if isinstance(which, bool) or not isinstance(which, int | str):
        raise ValueError(f"{which!r} is no drill: a number from 1 on, or the path of an incident file")
    if isinstance(which, str):
        return find(which)
    found = sorted(Path(find(FOLDER)).glob(f"{which:02}_*.yml"))
    if not found:
        raise ValueError(f"there is no drill {which} in {FOLDER}")
    return str(found[0])


def read_incident(which: int | str, seed: int | None = None) -> Incident:
    """The incident of a file as the seed (default: the file's own) makes it. Raises ValueError: one line that names the key."""
    path = Path(find_incident(which))
    document = _document(path)
    try:
        _check_keys(document, KEYS)
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int)):
            raise ValueError(f"seed {seed!r}: a whole number")
        seed = document.get("seed", 0) if seed is None else seed
        chosen = chosen_by(document.get("choose", {}), seed)
        return _incident(path.name, filled(document, chosen), seed, chosen)
    except ValueError as fault:
        raise ValueError(f"{path.name}: {fault}") from None


def _document(path: Path) -> dict:
    import yaml  # at first use: `import swarmlab` stays light

    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"open {path.name}: no such file or directory") from None
    except OSError as fault:
        raise ValueError(f"open {path.name}: {(fault.strerror or '').lower()}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as fault:
        raise ValueError(f"{path.name}: {' '.join(str(fault).split())}") from None
    if not isinstance(document, dict):
        raise ValueError(f"{path.name}: an incident is a mapping, with title, setup, faults, page, repaired, …")
    return document


# ── part by part ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _incident(path: str, rows: dict, seed: int, chosen: dict[str, str]) -> Incident:
    page, debrief = rows["page"], rows["debrief"]
    _check_keys(page, {"at": (int, True), "story": (str, True), "hands": (list, False)}, "page: ")
    _check_keys(debrief, {"causes": (list, True), "repair": (list, True)}, "debrief: ")
    if rows["limit"] < 30 or not _is_while(rows["limit"]):
        raise ValueError(f"limit: {rows['limit']}: at least 30 seconds, an hour at the most")
    if not _is_while(page["at"]):
        raise ValueError(f"page: at: {page['at']}: seconds since the end of the setup, an hour at the most")
    faults = tuple(_fault(row, f"fault {n}") for n, row in enumerate(rows["faults"], 1))
    if late := [n for n, one in enumerate(faults, 1) if one.at > page["at"]]:
        raise ValueError(f"fault {late[0]}: at: after the page")
    return Incident(
        path,
        rows["title"],
        rows["difficulty"],
        rows["minutes"],
        seed,
        chosen,
        _cluster(rows["cluster"]),
        _texts(rows.get("files", {})),
        tuple(_step(row, f"setup {n}") for n, row in enumerate(rows["setup"], 1)),
        tuple(_load(row, f"load {n}") for n, row in enumerate(rows.get("load", ()), 1)),
        faults,
        page["at"],
        " ".join(page["story"].split()),
        tuple(map(str, page.get("hands", ()))),
        rows["limit"],
        _checks(rows["repaired"]),
        _harm(rows.get("harm", {})),
        tuple(_cause(row, f"cause {n}") for n, row in enumerate(debrief["causes"], 1)),
        tuple(map(str, debrief["repair"])),
    )


def _check_keys(rows: Any, keys: Mapping[str, tuple[type, bool]], where: str = "") -> None:
    for key in rows:
        if key not in keys:
            raise ValueError(f"{where}unknown key {key!r}; there are {', '.join(keys)}")
    for key, (kind, needed) in keys.items():
        if key not in rows:
            if needed:
                raise ValueError(f"{where}{key} is missing")
        elif not isinstance(rows[key], kind) or isinstance(rows[key], bool):
            raise ValueError(f"{where}{key}: {_kind(kind)}, not {rows[key]!r}")


def _kind(kind: type) -> str:
    return {str: "a text", int: "a whole number", bool: "true or false", list: "a list"}.get(kind, "a mapping")


def _cluster(rows: dict) -> dict:
    _check_keys(rows, {"file": (str, False), "managers": (int, False), "workers": (int, False)}, "cluster: ")
    if ("file" in rows) == ("managers" in rows):
        raise ValueError("cluster: give either file, or managers and workers")
    return dict(rows)


def _texts(rows: Mapping) -> dict[str, str]:
    if not all(isinstance(text, str) for pair in rows.items() for text in pair):
        raise ValueError("files: a mapping from path to content")
    return dict(rows)


def _is_while(value: Any) -> bool:
    return is_number(value) and 0 <= value <= HOUR


def _fault(row: Any, where: str) -> Step:
    if not isinstance(row, dict) or not _is_while(row.get("at")):
        raise ValueError(f"{where}: needs `at`, the seconds since the end of the setup, an hour at the most")
    return _step({key: value for key, value in row.items() if key != "at"}, where)._replace(at=row["at"])


def _step(row: Any, where: str) -> Step:
    if not isinstance(row, dict):
        raise ValueError(f"{where}: a mapping such as `docker: …`, `wait: 5` or `crash: worker-1`, not {row!r}")
    if "docker" in row:
        _check_keys(row, {"docker": (str, True), "node": (str, False)}, f"{where}: ")
        return Step("docker", {"command": row["docker"]} | ({"node": row["node"]} if "node" in row else {}))
    if len(row) != 1:
        raise ValueError(f"{where}: one thing at a time, not {', '.join(map(str, row))}")
    ((act, details),) = row.items()
    if act == "wait":
        if not _is_while(details):
            raise ValueError(f"{where}: wait: seconds, an hour at the most, not {details!r}")
        return Step("wait", {"seconds": details})
    if act in MORE:
        return Step(act, _named(details, MORE[act], f"{where}: {act}"))
    if act not in ACTS:
        raise ValueError(f"{where}: unknown key {act!r}; there are docker, wait, {', '.join(sorted({*ACTS, *MORE}))}")
    return Step(act, _details(act, details, where))


def _named(details: Any, keys: tuple[str, ...], where: str) -> dict:
    found = details if isinstance(details, dict) else {keys[0]: details}
    _check_keys(found, dict.fromkeys(keys, (str, True)), f"{where}: ")
    return dict(found)


def _details(act: str, details: Any, where: str) -> dict:
    """The arguments of an act; one alone may stand for the first of them."""
    if act == "partition":
        if not isinstance(details, list) or not all(isinstance(group, list) for group in details):
            raise ValueError(f"{where}: partition: a list of lists of machines")
        return {"groups": details}
    known = {name: one for name, one in signature(getattr(Cluster, act)).parameters.items() if name != "self"}
    if not isinstance(details, dict):
        return {} if details is None else {next(iter(known)): details}
    if not any(one.kind is Parameter.VAR_KEYWORD for one in known.values()):
        for key in details:
            if key not in known:
                raise ValueError(f"{where}: {act}: unknown key {key!r}; there are {', '.join(known)}")
    for key, one in known.items():
        if key not in details and one.default is Parameter.empty and one.kind is not Parameter.VAR_KEYWORD:
            raise ValueError(f"{where}: {act}: {key} is missing")
    return dict(details)


def _load(row: Any, where: str) -> dict:
    if not isinstance(row, dict) or not isinstance(row.get("url"), str) or not isinstance(row.get("name"), str):
        raise ValueError(f"{where}: needs a name and a url")
    for key in row:
        if key not in LOAD:
            raise ValueError(f"{where}: unknown key {key!r}; there are {', '.join(LOAD)}")
    if ("rate" in row) == ("clients" in row):
        raise ValueError(f"{where}: give either rate (visits a second) or clients (who wait for their answers)")
    return dict(row)


def _checks(rows: Sequence) -> tuple[tuple[str, dict], ...]:
    if not rows:
        raise ValueError("repaired: at least one check")
    return tuple(_check(row, f"repaired {n}") for n, row in enumerate(rows, 1))


def _check(row: Any, where: str) -> tuple[str, dict]:
    if not isinstance(row, dict) or len(row) != 1:
        raise ValueError(f"{where}: one check, such as `running: {{service: web, tasks: 3}}`, not {row!r}")
    ((name, settings),) = row.items()
    if name not in CHECKS:
        raise ValueError(f"{where}: unknown check {name!r}; there are {', '.join(CHECKS)}")
    known = {key.rstrip("_"): one for key, one in signature(CHECKS[name]).parameters.items() if key != "case"}
    if not isinstance(settings, dict):
        raise ValueError(f"{where}: {name}: a mapping, with {', '.join(known)}")
    for key in settings:
        if key not in known:
            raise ValueError(f"{where}: {name}: unknown key {key!r}; there are {', '.join(known)}")
    for key, one in known.items():
        if one.default is Parameter.empty and key not in settings:
            raise ValueError(f"{where}: {name}: {key} is missing")
        if key in settings and not _is_a(settings[key], one.annotation):
            raise ValueError(f"{where}: {name}: {key}: {KINDS[one.annotation]}, not {settings[key]!r}")
    return name, {("for_" if key == "for" else key): value for key, value in settings.items()}


def _is_a(value: Any, kind: Any) -> bool:
    """Whether a value of the file is of the kind that a check wants."""
    if kind == Sequence[str]:
        return isinstance(value, list) and all(isinstance(each, str) for each in value)
    if kind is float:
        return is_number(value) and value >= 0
    return isinstance(value, kind) and not isinstance(value, bool) and (isinstance(value, str) or value >= 0)


def _harm(rows: Mapping) -> dict:
    for key, value in rows.items():
        if key not in ALLOWED:
            raise ValueError(f"harm: unknown key {key!r}; there are {', '.join(ALLOWED)}")
        if type(value) is not type(ALLOWED[key]):
            raise ValueError(f"harm: {key}: {_kind(type(ALLOWED[key]))}, not {value!r}")
        if key not in ("forbid", "shut") and isinstance(value, list) and not _is_a(value, Sequence[str]):
            raise ValueError(f"harm: {key}: a list of texts, not {value!r}")
    if not all(isinstance(ports, list) for ports in rows.get("shut", {}).values()):
        raise ValueError("harm: shut: a mapping from machine to a list of ports")
    for n, rule in enumerate(rows.get("forbid", ()), 1):
        _forbidden(rule, f"harm: forbid {n}: ")
    return {**ALLOWED, **rows}


def _forbidden(rule: Any, where: str) -> None:
    if not isinstance(rule, dict):
        raise ValueError(f"{where}a mapping with command, says and points, not {rule!r}")
    _check_keys(rule, {"command": (str, True), "says": (str, True), "points": (int, True)}, where)
    try:
        re.compile(rule["command"])
    except re.error as fault:
        raise ValueError(f"{where}command: {fault}") from None


def _cause(row: Any, where: str) -> Cause:
    keys = {"text": (str, True), "lesson": (str, True), "fact": (str, False), "holds": (Mapping, False)}
    if not isinstance(row, dict):
        raise ValueError(f"{where}: a mapping with text and lesson, not {row!r}")
    _check_keys(row, keys, f"{where}: ")
    kind = getattr(events, row.get("fact", ""), None)
    fields = getattr(kind, "_fields", ())
    if "fact" in row and not hasattr(kind, "_fields"):
        raise ValueError(f"{where}: fact: the trace has no {row['fact']}")
    for key in row.get("holds", {}):
        if key not in fields:
            raise ValueError(f"{where}: holds: {row.get('fact', 'without a fact there')} has no {key}")
    return Cause(" ".join(row["text"].split()), row["lesson"], row.get("fact", ""), dict(row.get("holds", {})))
