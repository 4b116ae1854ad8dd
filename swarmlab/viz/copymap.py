"""Every copy of a secret: machines at their places, each with what it has in memory and on disk, sealed or in clear.

A closed lock on a hatched chip is sealed; an open chip is in clear. Vermillion is a copy that should not be there so: a
secret in clear on a disk, or one that the learner names.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.patches import Arc

from . import ink

__all__ = ["Chip", "chips_of", "draw_copies", "is_wrong", "tell_copies"]

MOST = 6  # panels
GAP, HEAD, CHIP, STEP, FOOT = 0.12, 0.26, 0.21, 0.25, 0.34  # inches
SMALL = 9  # points
SHELVES = ("memory", "disk")
SO = "should not be there so"
WORDS = {
    "raft log": ("log", "L"),
    "raft snapshot": ("snapshot", "S"),
    "manager memory": ("manager", "M"),
    "agent memory": ("agent", "A"),
    "container memory": ("container", "C"),
    "container disk": ("container", "C"),
}


class Chip(NamedTuple):
    """Copies that are alike, on one shelf of one machine."""

    place: str
    sealed: bool
    key: str
    wrong: bool
    times: int = 1


def is_wrong(copy: Any) -> bool:
    """A secret in clear on a disk."""
    return copy.kind == "secret" and copy.on == "disk" and not copy.sealed


def chips_of(copies: Iterable[Any], wrong: Callable = is_wrong) -> dict[tuple[str, str], list[Chip]]:
    """(machine, shelf) → its chips; copies that are alike are one chip with a count."""
    found: dict[tuple[str, str], dict[tuple, list]] = {}
    for copy in copies:
        look = (copy.place, copy.sealed, copy.key, bool(wrong(copy)))
        found.setdefault((copy.machine, copy.on), {}).setdefault(look, []).append(copy)
    return {
        shelf: [Chip(place, sealed, key, bad, len(same)) for (place, sealed, key, bad), same in looks.items()]
        for shelf, looks in found.items()
    }


def draw_copies(
    copies: Any,
    machines: Any = (),
    wrong: Callable = is_wrong,
    stolen: Sequence[str] = (),
    columns: int = 0,
    ax: Axes | None = None,
    says: str = SO,
) -> Axes:
    """What `cluster.where_is` lists: one picture, or title → copies as a filmstrip of up to six.

    `machines` are names, or a trace whose managers and workers they are: those without a copy are drawn, too. `wrong(copy)`
    says which copies should not be there, and `says` it in words. `stolen` machines have a mark.
    """
    panels = dict(copies) if isinstance(copies, Mapping) else {"": copies}
    if not 0 < len(panels) <= MOST:
        raise ValueError(f"{len(panels)} instants: one to {MOST} can be compared")
    shelves = {title: chips_of(each, wrong) for title, each in panels.items()}
    names = _names(machines, shelves)
    columns = columns or (2 if len(panels) in (2, 4) else min(3, len(panels)))
    wide, words = ink.WIDTH / columns, len(panels) == 1
    rows = [_size(row, shelves, wide, words) for row in names]
    highs = [size[0] for size in rows]
    head = 0.3 if any(panels) else 0.06
    tall = head + sum(highs) + GAP * (len(highs) + 1)
    lines = -(-len(panels) // columns)
    key = _key(shelves, words, says)
    ax = ink.canvas(ax, ink.WIDTH, lines * tall + 0.1 + 0.19 * len(key))
    for n, (title, found) in enumerate(shelves.items()):
        x, y = n % columns * wide, n // columns * tall
        if title:
            ink.write(ax, x + GAP, y + 0.15, title, fontweight="bold")
        _draw_panel(ax, names, found, (x, y + head, wide), rows, words, stolen)
    for n, text in enumerate(key):
        ink.write(ax, GAP, lines * tall + 0.12 + 0.19 * n, text, fontsize=SMALL)
    return ax


def _names(machines: Any, shelves: Mapping[str, Mapping]) -> list[list[str]]:
    """Managers in the upper row, workers below; in the order of the rack."""
    if hasattr(machines, "settings"):
        rows = ink.rows_of(machines)["machines"]
        found = [[row["name"] for row in rows if row["row"] == role] for role in ("manager", "worker")]
        return [row for row in found if row]
    names = dict.fromkeys([*machines, *(machine for found in shelves.values() for machine, _ in found)])
    managers = [name for name in names if name.startswith("manager")]
    workers = [name for name in names if not name.startswith("manager")]
    return [row for row in (managers, sorted(workers) if not machines else workers) if row]


def _columns(row: Sequence[str]) -> int:
    return min(len(row), 6)


def _size(row: Sequence[str], shelves: Mapping[str, Mapping], wide: float, words: bool) -> tuple[float, float]:
    """How high a row of machines is, and how much of a machine is its memory, in inches; the same in all panels."""
    box = _box(row, wide)
    most = [
        max(_lines(len(found.get((name, on), ())), box, words) for found in shelves.values() for name in row)
        for on in SHELVES
    ]
    memory, disk = (lines * STEP + 0.1 for lines in most)
    return (HEAD + memory + disk + GAP / 2) * -(-len(row) // _columns(row)), memory


def _box(row: Sequence[str], wide: float) -> float:
    return min(2.6, (wide - GAP * (_columns(row) + 1)) / _columns(row))


def _lines(chips: int, box: float, words: bool) -> int:
    per_line = 1 if words else max(1, int((box - 0.08) / (CHIP + 0.05)))
    return max(1, -(-chips // per_line))


def _draw_panel(
    ax: Axes,
    names: list[list[str]],
    found: Mapping,
    place: tuple[float, float, float],
    rows: Sequence[tuple[float, float]],
    words: bool,
    stolen: Sequence[str],
) -> None:
    x, y, wide = place
    for row, (high, memory) in zip(names, rows, strict=True):
        box, columns = _box(row, wide), _columns(row)
        each = high / -(-len(row) // columns)
        left = x + (wide - columns * (box + GAP) + GAP) / 2
        for n, name in enumerate(row):
            spot = (left + n % columns * (box + GAP), y + n // columns * each, box, each - GAP / 2)
            _draw_machine(ax, name, found, spot, memory, words, name in stolen)
        y += high + GAP


def _draw_machine(ax: Axes, name: str, found: Mapping, box: tuple, memory: float, words: bool, stolen: bool) -> None:
    """The machine, above what it has in memory, below what is on its disk."""
    x, y, wide, high = box
    style: dict[str, Any] = {"edgecolor": ink.QUIET, "linewidth": 1.0}
    if stolen:
        style = {"edgecolor": ink.INK, "linewidth": 2.0, "linestyle": "--"}
    ink.box(ax, x, y, wide, high, facecolor="#f7f7f7", **style)
    title = name if ink.room(name, SMALL) + 0.6 * stolen < wide - 0.08 else ink.short(name)
    weight = "bold" if stolen else "normal"
    ink.write(ax, x + 0.06, y + 0.14, f"{title}{' stolen' * stolen}", fontsize=SMALL, fontweight=weight)
    floor = y + HEAD + memory
    ax.plot((x + 0.04, x + wide - 0.04), (floor, floor), color=ink.LINE, linewidth=1)
    for on, top in (("memory", y + HEAD + 0.02), ("disk", floor + 0.06)):
        named = words and wide >= 2.0
        if named:
            ink.write(ax, x + wide - 0.06, top + 0.1, on, ha="right", fontsize=SMALL, color=ink.QUIET)
        per_line = 1 if words else max(1, int((wide - 0.08) / (CHIP + 0.05)))
        for n, chip in enumerate(found.get((name, on), [])):
            left, up = x + 0.06 + n % per_line * (CHIP + 0.05), top + n // per_line * STEP
            _draw_chip(ax, chip, left, up, min(wide - (0.68 if named else 0.12), _long(chip)) if words else CHIP, words)


def _long(chip: Chip) -> float:
    return 0.3 + ink.room(_text(chip), SMALL)


def _text(chip: Chip) -> str:
    """What a chip is called where there is room."""
    key = {"beside it": ", key beside it", "unlock key": ", unlock key"}.get(chip.key, "")
    return f"{WORDS.get(chip.place, (chip.place, ''))[0]}{_times(chip.times)}{key}"


def _times(number: int) -> str:
    return f" ×{number}" if number > 1 else ""


def _draw_chip(ax: Axes, chip: Chip, x: float, y: float, wide: float, words: bool) -> None:
    style: dict[str, Any] = {"facecolor": ink.PAPER, "linewidth": 1.0}
    if chip.sealed:
        style |= {"facecolor": ink.FAINT, "hatch": "////", "edgecolor": ink.QUIET}
    ink.box(ax, x, y, wide, CHIP, zorder=2, **style)
    if chip.wrong:
        ink.box(ax, x - 0.02, y - 0.02, wide + 0.04, CHIP + 0.04, edgecolor=ink.WRONG, linewidth=2.2, zorder=4)
    middle = y + CHIP / 2 + 0.005
    if words:
        draw_lock(ax, x + 0.12, middle, chip.sealed)
        text = _text(chip)
        text = text if ink.room(text, SMALL) * 0.92 + 0.25 < wide else text.partition(",")[0]
        ink.write(ax, x + 0.23, middle, text, fontsize=SMALL, path_effects=ink.HALO, zorder=5)
    else:
        letter = WORDS.get(chip.place, ("", "?"))[1]
        weight = "normal" if chip.sealed else "bold"
        ink.write(
            ax,
            x + CHIP / 2,
            middle,
            letter,
            ha="center",
            fontsize=SMALL,
            fontweight=weight,
            path_effects=ink.HALO,
            zorder=5,
        )


def draw_lock(ax: Axes, x: float, y: float, closed: bool) -> None:
    """A padlock, closed or with its shackle up."""
    up = 0.0 if closed else 0.03
    ink.box(ax, x - 0.045, y - 0.015, 0.09, 0.075, facecolor=ink.INK if closed else ink.PAPER, linewidth=0.9, zorder=6)
    shift = 0.0 if closed else 0.045
    arc: dict[str, Any] = {
        "width": 0.06,
        "height": 0.1,
        "theta1": 180,
        "theta2": 360,
        "color": ink.INK,
        "linewidth": 1.3,
        "zorder": 5,
    }
    ax.add_patch(Arc((x + shift, y - 0.012 - up), **arc))
    if not closed:
        ax.plot((x + 0.015, x + 0.015), (y - 0.042, y - 0.012), color=ink.INK, linewidth=1.3, zorder=5)


def _key(shelves: Mapping[str, Mapping], words: bool, says: str) -> list[str]:
    """How to read it, in lines."""
    chips = [chip for found in shelves.values() for each in found.values() for chip in each]
    said = ["above the line: in memory, below it: on disk"]
    if not words:
        letters = dict.fromkeys(WORDS.get(chip.place, ("", "?"))[::-1] for chip in chips)
        said += [f"{letter} {word}" for letter, word in letters]
    said.append("hatched: sealed, white: in clear")
    if any(chip.wrong for chip in chips):
        said.append(f"vermillion: it {says}")
    return ink.wrapped(said, ink.WIDTH * 1.1)


def tell_copies(copies: Any, wrong: Callable = is_wrong, says: str = SO, **_options: Any) -> str:
    """The same in words, for `show`."""
    panels = dict(copies) if isinstance(copies, Mapping) else {"": copies}
    return " ".join(_tell(title, list(each), wrong, says) for title, each in panels.items())


def _tell(title: str, copies: list[Any], wrong: Callable, says: str) -> str:
    where: dict[str, dict[str, None]] = {}
    for copy in copies:
        where.setdefault(copy.machine, {})[f"{copy.place}{' (sealed)' * copy.sealed}"] = None
    said = [f"{machine}: {', '.join(places)}" for machine, places in where.items()]
    bad = [copy for copy in copies if wrong(copy)]
    number = (
        f"{len(copies)} {'copy' if len(copies) == 1 else 'copies'} on {len(where)} machine{'s' * (len(where) != 1)}"
    )
    text = f"{number}: {'; '.join(said)}" if copies else "no copy anywhere"
    if bad:
        text += f"; {len(bad)} {says}"
    return f"{' '.join(title.split())}{': ' * bool(title)}{text}."
