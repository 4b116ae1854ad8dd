"""What each closed port breaks, measured: a row per port, a column per question, the same scale down each column.

An answer is True or False, a time in seconds, None where nothing was measured, or (answer, words).
"""

from collections.abc import Mapping, Sequence
from math import inf, log10
from textwrap import wrap
from typing import Any, NamedTuple

from matplotlib.axes import Axes

from . import ink
from .chips import SMALL

__all__ = ["Answer", "answer_of", "draw_symptoms", "tell_symptoms"]

LEFT, HEAD, ROW, LINE = 1.75, 0.62, 0.5, 0.165  # inches
LEAST, MOST = 1e-3, 100.0  # seconds: the ends of the bars


class Answer(NamedTuple):
    """One cell: whether it works, how long that took (inf: never), and words of its own."""

    ok: bool | None
    seconds: float | None = None
    words: str = ""


def answer_of(value: Any) -> Answer:
    """An answer from True, False, None, seconds, words, or (one of these, words)."""
    if isinstance(value, Answer):
        return value
    if isinstance(value, tuple):
        first, words = value
        return answer_of(first)._replace(words=str(words))
    if value is None or isinstance(value, bool):
        return Answer(value)
    if isinstance(value, str):
        return Answer(None, None, value)
    return Answer(value != inf, float(value))


def said(answer: Answer) -> str:
    """A cell in words: `✓ 12 ms`."""
    mark = {True: "✓", False: "✕", None: ""}[answer.ok]
    time = "" if answer.seconds is None else "never" if answer.seconds == inf else ink.span(answer.seconds)
    words = answer.words or time or {True: "yes", False: "no", None: "not asked"}[answer.ok]
    return f"{mark} {words}".strip()


def tell_symptoms(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """The same in words, for `show`."""
    told = []
    for port, cells in rows.items():
        answers = ", ".join(f"{question} {said(answer_of(value))}" for question, value in cells.items())
        told.append(f"{port.replace(chr(10), ' and ')}: {answers}")
    return f"What each closed port breaks. {'; '.join(told)}."


def draw_symptoms(rows: Mapping[str, Mapping[str, Any]], ax: Axes | None = None) -> Axes:
    """The matrix of {closed port: {question: answer}}. A bar is a time, on one logarithmic scale from 1 ms to 100 s."""
    if not rows:
        raise ValueError("there is nothing to draw: no port was closed")
    questions = list(dict.fromkeys(question for cells in rows.values() for question in cells))
    left = max(LEFT, *(ink.room(line) + 0.25 for port in rows for line in port.split("\n")))
    wide = (ink.WIDTH - left - 0.1) / len(questions)
    timed = any(answer_of(value).seconds is not None for cells in rows.values() for value in cells.values())
    heights = [
        max([ROW, *(LINE * len(_lines(value, wide)) + 0.2 for value in cells.values())]) for cells in rows.values()
    ]
    ax = ink.canvas(ax, ink.WIDTH, HEAD + sum(heights) + (0.35 if timed else 0.1))
    ink.write(ax, 0.12, HEAD - 0.2, "closed", fontweight="bold")
    for n, question in enumerate(questions):
        lines = wrap(question, int((wide - 0.1) / ink.room("m")))
        for m, line in enumerate(lines):
            ink.write(ax, left + n * wide + 0.1, HEAD - 0.2 - (len(lines) - 1 - m) * 0.18, line, fontweight="bold")
    y = HEAD
    for (port, cells), high in zip(rows.items(), heights, strict=True):
        for n, line in enumerate(port.split("\n")):
            ink.write(ax, 0.12, y + 0.2 + n * LINE, line)
        for n, question in enumerate(questions):
            _draw_cell(ax, cells.get(question), left + n * wide, y, wide - 0.05, high - 0.06)
        y += high
    if timed:
        note = "bars: how late, on one scale from 1 ms to 100 s, ten times longer at every tick"
        ink.write(ax, left, y + 0.14, note, fontsize=SMALL, color=ink.QUIET)
    return ax


def _lines(value: Any, wide: float) -> list[str]:
    return wrap(said(answer_of(value)), int((wide - 0.15) / ink.room("m", SMALL))) or [""]


def _draw_cell(ax: Axes, value: Any, x: float, y: float, wide: float, high: float) -> None:
    """Words above, the bar at the foot of the cell; what does not work has a bar of vermillion at its left."""
    answer = answer_of(value)
    unknown = answer.ok is None and not answer.words
    face = ink.PAPER if answer.ok is not None or answer.words else ink.FAINT
    ink.box(ax, x, y, wide, high, facecolor=face, edgecolor=ink.LINE, linewidth=0.8)
    if answer.ok is False:
        ink.box(ax, x, y, 0.06, high, facecolor=ink.WRONG, linewidth=0)
    for n, line in enumerate(_lines(value, wide + 0.05)):
        style = {"fontsize": SMALL, "fontweight": "bold" if answer.ok is False else "normal"}
        ink.write(ax, x + 0.12, y + 0.13 + n * LINE, line, color=ink.QUIET if unknown else ink.INK, **style)
    if answer.seconds is None:
        return
    span = wide - 0.24
    base = y + high - 0.09
    ticks: Sequence[float] = [x + 0.12 + span * n / 5 for n in range(6)]
    for tick in ticks:
        ax.plot((tick, tick), (base - 0.03, base + 0.05), color=ink.LINE, linewidth=0.7)
    share = (log10(min(max(answer.seconds, LEAST), MOST)) - log10(LEAST)) / (log10(MOST) - log10(LEAST))
    late = answer.seconds == inf
    ink.box(
        ax,
        x + 0.12,
        base - 0.03,
        max(0.02, span * share),
        0.06,
        facecolor=ink.WRONG if late else ink.SOLID,
        linewidth=0,
    )
