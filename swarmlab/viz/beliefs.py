"""What several nodes believe, beside each other and beside the truth: a cell that differs from the truth has a rim.

Rows are {believer: {subject: what it holds}}; whoever holds nothing about a subject has an empty cell there.
"""

from collections.abc import Iterable, Mapping
from textwrap import wrap
from typing import Any

from matplotlib.axes import Axes

from . import ink
from .chips import SMALL

__all__ = ["differences", "draw_beliefs", "subjects_of", "tell_beliefs"]

LINE, HEAD = 0.17, 0.34  # inches
NOTHING = "–"


def text_of(value: Any) -> str:
    """A value in words; several, such as addresses, in the order of their names."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, str):
        return value
    if isinstance(value, Iterable):
        return ", ".join(sorted(map(str, value), key=lambda text: (len(text), text))) or NOTHING
    return str(value)


def _spoken(value: Any) -> str:
    """The same within a sentence."""
    text = text_of(value)
    return "nothing" if text == NOTHING else text


def subjects_of(tables: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Everything that anybody holds something about, in the order in which it comes up."""
    return list(dict.fromkeys(subject for table in tables.values() for subject in table))


def differences(tables: Mapping[str, Mapping[str, Any]], truth: str = "truth") -> list[tuple[str, str]]:
    """(believer, subject) wherever somebody holds something else than the truth."""
    if truth not in tables:
        raise ValueError(f"there is no {truth!r} among: {', '.join(tables)}")
    real = tables[truth]
    return [
        (who, subject)
        for who, table in tables.items()
        for subject in subjects_of(tables)
        if text_of(table.get(subject)) != text_of(real.get(subject))
    ]


def tell_beliefs(tables: Mapping[str, Mapping[str, Any]], truth: str = "truth", title: str = "") -> str:
    """The same in words, for `show`."""
    wrong = differences(tables, truth)
    said = [
        f"{who} holds “{subject}”: {_spoken(tables[who].get(subject))}, in truth {_spoken(tables[truth].get(subject))}"
        for who, subject in wrong
    ]
    begin = f"{title}: " if title else ""
    agree = f"all {len(tables) - 1} agree with the truth on {len(subjects_of(tables))} rows"
    text = f"{begin}{'; '.join(said) or agree}."
    return text[:1].upper() + text[1:]


def draw_beliefs(
    tables: Mapping[str, Mapping[str, Any]], truth: str = "truth", title: str = "", ax: Axes | None = None
) -> Axes:
    """The tables beside each other: a row per subject, a column per believer, the truth first."""
    wrong = set(differences(tables, truth))
    names = [truth, *(name for name in tables if name != truth)]
    subjects = subjects_of(tables)
    first = max([1.0, *(ink.room(subject, SMALL) * 0.95 for subject in subjects)]) + 0.25
    wide = min(3.2, (ink.WIDTH - min(first, 3.4) - 0.2) / len(names))
    first = min(first, 3.4)
    letters = int((wide - 0.2) / ink.room("m", SMALL) * 1.05)
    heads = {subject: wrap(subject, int((first - 0.15) / ink.room("m", SMALL) * 1.08)) for subject in subjects}
    cells = {(n, s): wrap(text_of(tables[n].get(s)), letters) or [""] for n in names for s in subjects}
    tall = {s: max(len(heads[s]), *(len(cells[n, s]) for n in names)) * LINE + 0.16 for s in subjects}
    top = HEAD + (0.26 if title else 0.0)
    ax = ink.canvas(ax, max(6.0, first + wide * len(names) + 0.2), top + sum(tall.values()) + 0.12)
    if title:
        ink.write(ax, 0.1, 0.16, title, fontweight="bold")
    for n, name in enumerate(names):
        words = "in truth" if name == truth else f"{name} believes"
        ink.write(ax, 0.1 + first + n * wide + 0.1, top - 0.14, words, fontsize=SMALL, fontweight="bold")
    y = top
    for subject in subjects:
        for n, line in enumerate(heads[subject]):
            ink.write(ax, 0.14, y + 0.16 + n * LINE, line, fontsize=SMALL)
        for n, name in enumerate(names):
            _draw_cell(ax, cells[name, subject], 0.1 + first + n * wide, y, wide, tall[subject], name == truth)
        y += tall[subject]
    y = top
    for subject in subjects:  # rims last: they lie over the lines of their neighbours
        for n, name in enumerate(names):
            if (name, subject) in wrong:
                x = 0.1 + first + n * wide
                box = (x + 0.02, y + 0.02, wide - 0.04, tall[subject] - 0.04)
                ink.box(ax, *box, edgecolor=ink.WRONG, linewidth=2.2, zorder=4)
        y += tall[subject]
    return ax


def _draw_cell(ax: Axes, lines: list[str], x: float, y: float, wide: float, tall: float, is_truth: bool) -> None:
    ink.box(ax, x, y, wide, tall, facecolor=ink.FAINT if is_truth else ink.PAPER, edgecolor=ink.LINE, linewidth=0.8)
    for n, line in enumerate(lines):
        ink.write(
            ax, x + 0.1, y + 0.16 + n * LINE, line, fontsize=SMALL, color=ink.QUIET if line == NOTHING else ink.INK
        )
