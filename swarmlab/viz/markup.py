"""The board as plain HTML, for a cluster that stands at the end of a cell: no widget, no script, no picture.

The same language as everywhere: an outline is a wish, its filling is the fact. Colours are the page's own, so that it
reads in light and in dark.
"""

from collections.abc import Iterable
from html import escape
from typing import NamedTuple


class Cell(NamedTuple):
    """One slot: should it run here, and does it?"""

    name: str  # vote_vote.1
    wanted: bool
    runs: bool


class Box(NamedTuple):
    """One machine."""

    name: str
    role: str  # leader · manager · worker · machine
    state: str  # up · down · frozen
    cells: tuple[Cell, ...]


MARKS = {"leader": "♛ ", "manager": "", "worker": "", "machine": ""}
BOX = "display:inline-block;vertical-align:top;min-width:9em;margin:.2em;padding:.3em .5em;border:1px solid;border-radius:.4em"
CELL = "display:inline-block;min-width:1.6em;margin:.15em;padding:0 .3em;text-align:center;border-radius:.2em"


def board_html(title: str, boxes: Iterable[Box]) -> str:
    """Managers in the upper row, all others below; one line about the whole on top."""
    rows = [[box for box in boxes if (box.role in ("leader", "manager")) == upper] for upper in (True, False)]
    body = "".join(f"<div>{''.join(map(_box, row))}</div>" for row in rows if row)
    return f'<div role="img" aria-label="{escape(title)}"><div>{escape(title)}</div>{body}</div>'


def _box(box: Box) -> str:
    state = "" if box.state == "up" else f" · {box.state}"
    look = BOX if box.state == "up" else f"{BOX};border-style:dashed;opacity:.6"
    cells = "".join(map(_cell, box.cells)) or "&nbsp;"
    return f'<div style="{look}"><b>{MARKS[box.role]}{escape(box.name)}</b>{escape(state)}<div>{cells}</div></div>'


def _cell(cell: Cell) -> str:
    border = "2px solid" if cell.wanted else "1px dotted"
    filling = "background:currentColor" if cell.runs else ""
    letter = escape(cell.name.partition("_")[2][:1].upper() or cell.name[:1].upper())
    text = f'<span style="filter:invert(1)">{letter}</span>' if cell.runs else letter
    what = f"{cell.name}: {'wanted' if cell.wanted else 'not wanted'}, {'runs' if cell.runs else 'does not run'}"
    return f'<span title="{escape(what)}" style="{CELL};border:{border};{filling}">{text}</span>'
