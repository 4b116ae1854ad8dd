"""Cluster files: the machines of a cluster, their roles and links, in YAML. The format: `data/clusters/README.md`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..rack import Computer, address_of, generic_of, pairs_of
from .units import parse_size

KNOWN = (
    "name",
    "role",
    "address",
    "cpus",
    "memory",
    "zone",
    "labels",
    "engine_labels",
    "os",
    "architecture",
    "bandwidth",
    "interfaces",
    "generic",
)
RATES = {"bit": 1, "kbit": 10**3, "Mbit": 10**6, "Gbit": 10**9}


def read_cluster_file(name: str) -> tuple[tuple[Computer, ...], tuple[dict, ...], int | str]:
    """The machines, the links (arguments of `World.link`) and the seed. Raises ValueError, one line, naming the fault."""
    import yaml

    path = Path(name)
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"open {path}: no such file or directory") from None
    except OSError as fault:
        raise ValueError(f"open {path}: {(fault.strerror or '').lower()}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path}: a cluster file is text in UTF-8") from None
    except yaml.YAMLError as fault:
        raise ValueError(f"{path}: {' '.join(str(fault).split())}") from None
    if not isinstance(document, Mapping) or not isinstance(document.get("machines"), list):
        raise ValueError(f"{path}: a cluster file has a list `machines`")
    for key in document:
        if key not in ("seed", "machines", "links"):
            raise ValueError(f"{path}: unknown key {key!r}; a cluster file has seed, machines and links")
    computers = tuple(_computer(row, n, path) for n, row in enumerate(document["machines"]))
    names = [c.name for c in computers]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{path}: two machines are called {name}")
    links = tuple(_link(row, path) for row in document.get("links") or ())
    return computers, links, document.get("seed", 0)


def _computer(row: Any, number: int, path: Path) -> Computer:
    if not isinstance(row, Mapping) or not isinstance(row.get("name"), str):
        raise ValueError(f"{path}: machine {number + 1} has no name")
    for key in row:
        if key not in KNOWN:
            raise ValueError(f"{path}: machine {row['name']}: unknown key {key!r}")
    if row.get("role", "bare") not in ("manager", "worker", "bare"):
        raise ValueError(f"{path}: machine {row['name']}: role {row['role']!r} is none of manager, worker, bare")
    fields = dict(row, address=row.get("address") or address_of(number))
    try:
        if "memory" in row:
            fields["memory"] = parse_size(str(row["memory"]))
        if "bandwidth" in row:
            fields["bandwidth"] = _bandwidth(row["bandwidth"])
        for key in ("labels", "engine_labels", "interfaces"):
            fields[key] = pairs_of({str(k): str(v) for k, v in (row.get(key) or {}).items()})
        fields["generic"] = generic_of(row.get("generic") or {})
        return Computer(**fields)
    except (ValueError, AttributeError) as fault:
        raise ValueError(f"{path}: machine {row['name']}: {fault}") from None


def _link(row: Any, path: Path) -> dict:
    ends = row.get("between") if isinstance(row, Mapping) else None
    if not isinstance(ends, list) or len(ends) != 2:
        raise ValueError(f"{path}: a link is `between: [one, other]`")
    settings = {key: value for key, value in row.items() if key != "between"}
    if "bandwidth" in settings:
        settings["bandwidth"] = _bandwidth(settings["bandwidth"])
    return {"one": ends[0], "other": ends[1], **settings}


def _bandwidth(text: Any) -> int:
    """100Mbit → bytes per second. A bare number is bytes per second already."""
    if isinstance(text, int):
        return text
    for unit in sorted(RATES, key=len, reverse=True):
        number = str(text).removesuffix(unit)
        if number != str(text) and number.strip().isdigit():
            return int(number) * RATES[unit] // 8
    raise ValueError(f"bandwidth {text!r}: write 100Mbit, 1Gbit, or bytes per second")
