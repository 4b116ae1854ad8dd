"""Every address of a small subnet as a cell: who has it, how many are left, and what runs out."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes

from . import ink
from .chips import SMALL

__all__ = ["Use", "counts_of", "draw_addresses", "tell_addresses", "uses_of"]

MOST = 1024  # addresses; a larger subnet has cells too small to see
ALIASES = {"virtual IP": "vip"}
LETTERS = {"network": "", "broadcast": "", "gateway": "G", "vip": "V", "node": "N", "task": "", "other": "?"}
WORDS = {  # kind → one, several
    "gateway": ("gateway", "gateways"),
    "vip": ("VIP: one per service", "VIPs: one per service"),
    "node": ("node: its load balancer", "nodes: a load balancer each"),
    "task": ("task", "tasks"),
    "other": ("in use otherwise", "in use otherwise"),
    "free": ("free", "free"),
    "ends": ("never given: network, broadcast",) * 2,
}


class Use(NamedTuple):
    """Who has an address: a kind (gateway · vip · node · task · other) and the name of its owner."""

    address: str
    kind: str
    owner: str = ""


def uses_of(rows: Iterable[Any]) -> list[Use]:
    """Uses from rows of the same fields; ValueError where one address has two owners."""
    uses = [Use(*row) for row in rows]
    uses = [use._replace(kind=ALIASES.get(use.kind, use.kind)) for use in uses]
    owners: dict[str, Use] = {}
    for use in uses:
        if use.kind not in LETTERS:
            raise ValueError(f"kind {use.kind!r} is none of: {', '.join(LETTERS)}")
        other = owners.setdefault(use.address, use)
        if other != use:
            raise ValueError(f"{use.address} has two owners: {other.owner or other.kind}, {use.owner or use.kind}")
    return list(owners.values())


def _numbers(subnet: str) -> tuple[int, int]:
    """The first address as a number, and how many there are."""
    try:
        base, bits = subnet.split("/")
        parts = [int(part) for part in base.split(".")]
        size = 1 << 32 - int(bits)
    except ValueError:
        raise ValueError(f"{subnet!r} is not a subnet") from None
    if len(parts) != 4 or not all(0 <= part < 256 for part in parts):
        raise ValueError(f"{subnet!r} is not a subnet")
    if not 4 <= size <= MOST:
        raise ValueError(f"{subnet} has {size} addresses: the map shows 4 to {MOST}")
    return int.from_bytes(bytes(parts), "big") // size * size, size


def _number(address: str) -> int:
    return int.from_bytes(bytes(map(int, address.partition("/")[0].split("."))), "big")


def _placed(subnet: str, rows: Iterable[Any]) -> dict[int, Use]:
    """Offset in the subnet → use, the two ends included."""
    base, size = _numbers(subnet)
    found = {0: Use(subnet, "network"), size - 1: Use(subnet, "broadcast")}
    for use in uses_of(rows):
        offset = _number(use.address) - base
        if not 0 <= offset < size:
            raise ValueError(f"{use.address} is not in {subnet}")
        found.setdefault(offset, use)
    return found


def counts_of(subnet: str, rows: Iterable[Any]) -> dict[str, int]:
    """How many addresses each kind has, those that are free, and the two ends that are never given."""
    _, size = _numbers(subnet)
    placed = _placed(subnet, rows)
    counts = {
        kind: sum(use.kind == kind for use in placed.values())
        for kind in LETTERS
        if kind not in ("network", "broadcast")
    }
    counts["free"] = size - len(placed)
    return counts | {"ends": 2}


def tell_addresses(subnet: str, rows: Sequence[Any], waiting: int = 0) -> str:
    """The same in words, for `show`; `waiting` tasks found no address."""
    _, size = _numbers(subnet)
    counts = counts_of(subnet, rows)
    said = [
        f"{count} {WORDS[kind][count != 1].partition(':')[0]}"
        for kind, count in counts.items()
        if kind not in ("ends", "free") and count
    ]
    left = f"{counts['free']} of {size} addresses are free" if counts["free"] else "no address is free"
    text = f"{subnet}: {', '.join(said) or 'nobody'}; {left}"
    return text + (f"; {waiting} task{'s' * (waiting != 1)} wait for one." if waiting else ".")


def draw_addresses(
    subnet: str, rows: Sequence[Any], waiting: int = 0, services: Sequence[str] = (), ax: Axes | None = None
) -> Axes:
    """The map of a subnet of 4 to 1024 addresses. `waiting` is how many tasks found none; `services`, up to four, get a
    colour (a task belongs to the service before the last dot of its owner's name, a VIP to its owner)."""
    base, size = _numbers(subnet)
    placed = _placed(subnet, rows)
    columns = 16 if size <= 256 else 32
    cell = 0.355 if columns == 16 else 0.2
    lines = -(-size // columns)
    hues = dict(zip(services, ink.HUES, strict=False))
    notes = _notes(counts_of(subnet, rows), placed, hues, waiting)
    left = 0.62
    height = 0.42 + max(lines * cell, 0.21 * len(notes)) + 0.1
    ax = ink.canvas(ax, ink.WIDTH, height)
    ink.write(ax, left, 0.2, f"{subnet}: {size} addresses", fontweight="bold")
    for offset in range(columns * lines):
        line, column = divmod(offset, columns)
        if offset < size:
            use = placed.get(offset)
            _draw_cell(ax, left + column * cell, 0.42 + line * cell, cell, (base + offset) & 255, use, hues)
    for line in range(lines):
        number = base + line * columns
        text = f".{number & 255}" if size <= 256 else f".{number >> 8 & 255}.{number & 255}"
        ink.write(ax, left - 0.08, 0.42 + (line + 0.5) * cell, text, ha="right", fontsize=SMALL, color=ink.QUIET)
    x = left + columns * cell + 0.25
    for n, (text, kind, service) in enumerate(notes):
        y = 0.52 + 0.21 * n
        if kind:
            _draw_cell(ax, x, y - 0.08, 0.17, -1, Use("", kind, service) if kind != "free" else None, hues)
        ink.write(ax, x + 0.26, y, text, fontsize=SMALL, fontweight="bold" if not kind else "normal")
    return ax


def service_of(use: Use) -> str:
    """The service that an address belongs to."""
    return use.owner if use.kind == "vip" else use.owner.rpartition(".")[0] or use.owner


def _draw_cell(
    ax: Axes, x: float, y: float, cell: float, number: int, use: Use | None, hues: Mapping[str, str]
) -> None:
    """One address: empty when free, filled for a task, dashed for a VIP, dark for a node, hatched when never given."""
    gap = 0.012
    kind = use.kind if use else "free"
    hue = hues.get(service_of(use), "#cfcfcf") if use else ink.PAPER
    looks: dict[str, dict[str, Any]] = {
        "free": {"edgecolor": ink.LINE, "facecolor": ink.PAPER, "linewidth": 0.7},
        "network": {"edgecolor": ink.LINE, "facecolor": ink.FAINT, "linewidth": 0.7, "hatch": "////"},
        "gateway": {"edgecolor": ink.INK, "facecolor": ink.FAINT, "linewidth": 1.0},
        "vip": {"edgecolor": ink.INK, "facecolor": ink.PAPER, "linewidth": 1.4, "linestyle": (0, (2, 1.4))},
        "node": {"edgecolor": ink.INK, "facecolor": ink.QUIET, "linewidth": 0.8},
        "task": {"edgecolor": ink.INK, "facecolor": hue, "linewidth": 0.9},
        "other": {"edgecolor": ink.INK, "facecolor": ink.FAINT, "linewidth": 0.9},
    }
    looks["broadcast"] = looks["network"]
    ink.box(ax, x + gap, y + gap, cell - 2 * gap, cell - 2 * gap, **looks[kind])
    if kind == "vip" and use and service_of(use) in hues:
        ink.box(ax, x + cell * 0.25, y + cell - 0.07, cell * 0.5, 0.04, facecolor=hue, linewidth=0)
    letter = LETTERS.get(kind, "")
    if cell < 0.3:
        text = letter
    else:
        text = f"{letter}{number}" if letter and number >= 0 else str(number) if number >= 0 else letter
    if text and kind not in ("network", "broadcast"):
        colour = ink.PAPER if kind == "node" else ink.QUIET if kind == "free" else ink.INK
        size = SMALL - 1.5 if cell > 0.3 and len(text) > 3 else SMALL
        ink.write(ax, x + cell / 2, y + cell / 2 + 0.005, text, ha="center", fontsize=size, color=colour)


def _notes(
    counts: Mapping[str, int], placed: Mapping[int, Use], hues: Mapping[str, str], waiting: int
) -> list[tuple[str, str, str]]:
    """What stands beside the map: (words, kind of the sample cell, service of its colour)."""
    notes: list[tuple[str, str, str]] = []
    for kind in ("gateway", "vip", "node", "task", "other", "free", "ends"):
        count = counts[kind]
        if not count and kind != "free":
            continue
        sample = "network" if kind == "ends" else kind
        if kind == "task" and hues:
            own = [service_of(use) for use in placed.values() if use.kind == "task"]
            for service in (service for service in hues if service in own):
                several = "s" * (own.count(service) != 1)
                notes.append((f"{own.count(service)} task{several} of {service}", "task", service))
            count = sum(service not in hues for service in own)
            if not count:
                continue
            notes.append((f"{count} other task{'s' * (count != 1)}", "task", ""))
            continue
        notes.append((f"{count} {WORDS[kind][count != 1]}", sample, ""))
    if waiting:
        notes += [("", "", ""), (f"✕ {waiting} task{'s' * (waiting != 1)} found no address:", "", "")]
        notes += [("they wait in state new, without an error", "", "")]
    return notes
