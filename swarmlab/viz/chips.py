"""Addresses as small boxes, whose shape says what kind of address it is; and an empty sheet measured in inches.

Four kinds that are easily confounded: of a task on an overlay, of a service (a VIP, which no machine owns), of a host
(the ends of a tunnel), and of a bridge that never leaves its host (docker_gwbridge).
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.patches import FancyBboxPatch
from matplotlib.textpath import text_to_path

from . import ink

SMALL = 9  # points
HIGH = 0.2  # inches
TAGS = {"task": "task", "vip": "VIP", "node": "node", "host": "host", "gateway": "gw", "outside": "client"}
LOOKS: dict[str, dict[str, Any]] = {
    "task": {"facecolor": "#fae3b4", "edgecolor": ink.INK, "linewidth": 1.0},
    "vip": {"facecolor": ink.PAPER, "edgecolor": ink.INK, "linewidth": 1.3, "linestyle": (0, (3, 2))},
    "node": {"facecolor": "#d8ebe4", "edgecolor": ink.INK, "linewidth": 1.0},
    "host": {"facecolor": ink.QUIET, "edgecolor": ink.INK, "linewidth": 1.0},
    "gateway": {"facecolor": ink.FAINT, "edgecolor": ink.QUIET, "linewidth": 1.0, "linestyle": ":"},
    "outside": {"facecolor": ink.PAPER, "edgecolor": ink.LINE, "linewidth": 1.0},
}
ROUND = ("task", "vip", "node")  # addresses inside an overlay have round corners


def kind_of(address: str, kinds: Mapping[str, str] | None = None) -> str:
    """What kind of address this is: by the map, with or without its port, else by the range in which Docker takes it."""
    plain = address.partition(":")[0]
    for known in (address, plain):
        if kinds and known in kinds:
            return kinds[known]
    if plain.startswith("172."):
        return "gateway"
    if plain.startswith("10."):
        return "task"
    return "host" if plain.startswith("192.168.") else "outside"


def kinds_of(*tables: Iterable[Any]) -> dict[str, str]:
    """What each address is, from rows that begin with (address, kind), such as those of who uses a network."""
    names = {"virtual IP": "vip", "gateway": "node"}  # the gateway of an overlay is an address inside it
    return {row[0]: names.get(row[1], row[1]) for table in tables for row in table}


@lru_cache(maxsize=4096)
def measured(text: str, size: float = SMALL) -> float:
    """How many inches a line of text takes, to a hair."""
    return text_to_path.get_text_width_height_descent(text, FontProperties(size=size), False)[0] / 72


def filled(text: str, width: float) -> list[str]:
    """The words of a text in lines of so many inches; a word that is longer stands alone."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and measured(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def chip_text(address: str, kind: str, gone: bool = False) -> str:
    """What stands in the box: the kind, and the address; of one that counts no more only the address."""
    return address if gone else f"{TAGS[kind]} {address}"


def chip_width(address: str, kind: str, gone: bool = False) -> float:
    """How many inches the box takes."""
    return measured(chip_text(address, kind, gone)) + 0.14


def draw_chip(ax: Axes, x: float, y: float, address: str, kind: str, gone: bool = False) -> float:
    """An address in the box of its kind, its left edge at `x`; struck through where it does not count any more."""
    wide = chip_width(address, kind, gone)
    style = LOOKS[kind] if not gone else {"facecolor": ink.PAPER, "edgecolor": ink.LINE, "linewidth": 0.8}
    shape = "round,pad=0,rounding_size=0.08" if kind in ROUND else "square,pad=0"
    ax.add_patch(FancyBboxPatch((x, y - HIGH / 2), wide, HIGH, boxstyle=shape, zorder=3, **style))
    colour = ink.PAPER if kind == "host" and not gone else ink.QUIET if gone else ink.INK
    ink.write(ax, x + wide / 2, y, chip_text(address, kind, gone), ha="center", fontsize=SMALL, color=colour, zorder=4)
    if gone:
        ax.plot((x + 0.04, x + wide - 0.04), (y, y), color=ink.QUIET, linewidth=1.0, zorder=5)
    return wide
