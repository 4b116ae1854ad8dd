"""The filmstrip: the board at a few instants, chosen by event, side by side."""

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

from matplotlib.figure import Figure

from . import ink
from .frames import world_at
from .still import draw_board, is_crowded, key_of, layout
from .words import MARKS

SECOND = 1_000_000  # µs
BETWEEN, LINE = 0.15, 0.2  # inches
TELLING = (
    "BecameCandidate",
    "BecameLeader",
    "HeartbeatsMissed",
    "Commanded",
)  # of several facts at one instant, say this one
ALSO = ("TaskProgressed", "TaskStored", "NodeStored", "Applied")


def draw_filmstrip(
    trace: Any,
    instants: Any,
    lens: str = "truth",
    titles: Sequence[str] | None = None,
    services: Sequence[str] = (),
) -> Figure:
    """The board at each of these instants, side by side, titled by what happened and when.

    `instants` are seconds or records, or name → seconds as `key_instants` gives them. `lens` is `truth` or a machine,
    as which the board is seen; cells where it is wrong have a vermillion rim. `services`, up to four, get a colour.
    """
    rows = ink.rows_of(trace)
    names = list(instants) if isinstance(instants, Mapping) else [""] * len(instants)
    times = [_micros(instant) for instant in (instants.values() if isinstance(instants, Mapping) else instants)]
    texts = (
        list(titles)
        if titles is not None
        else [_title(rows, at, n) for at, n in zip(_telling(instants), names, strict=True)]
    )
    worlds = [world_at(rows, time, lens) for time in times]
    columns = min(len(worlds), 2 if len(worlds) == 4 or is_crowded(rows) else 3)
    width = (ink.WIDTH - BETWEEN * (columns + 1)) / columns
    places = layout(rows, worlds, width)
    said = ["\n".join(_wrapped(text, width)) for text in texts]
    return _strip(rows, worlds, said, lens, places, width, columns, dict(zip(services, ink.HUES, strict=False)))


def _strip(
    rows: dict, worlds: list, titles: list, lens: str, places: dict, width: float, columns: int, colours: dict
) -> Figure:
    """The frames, row by row."""
    above, lines = 0.02 + 0.18 * max((text.count("\n") + 1 for text in titles), default=0), -(-len(worlds) // columns)
    key = _key(rows, worlds, lens)
    step, foot = places["height"] + above + 0.22, 0.5 + LINE * (len(key) - 1)
    fig = ink.sheet(height=lines * step + foot)
    total = lines * step + foot
    for n, (world, text) in enumerate(zip(worlds, titles, strict=True)):
        x, y = BETWEEN + n % columns * (width + BETWEEN), n // columns * step + above + 0.1
        box = (x / ink.WIDTH, 1 - (y + places["height"]) / total, width / ink.WIDTH, places["height"] / total)
        ax = fig.add_axes(box)
        draw_board(rows, world, ax, places, colours)
        first, _, others = text.partition("\n")
        top = 1 + above / places["height"]
        ink.write(ax, 0.09 / width, top, first, fontweight="bold", va="top", transform=ax.transAxes)
        lower = top - 0.18 / places["height"]
        ink.write(ax, 0.09 / width, lower, others, linespacing=1.25, va="top", transform=ax.transAxes)
    words: dict[str, Any] = {"fontsize": ink.TEXT, "color": ink.INK, "va": "center"}
    for n, text in enumerate(reversed(key)):
        fig.text((BETWEEN + 0.09) / ink.WIDTH, (0.2 + LINE * n) / total, text, **words)
    return fig


def _key(rows: dict, worlds: list, lens: str) -> list[str]:
    """Whose belief it is, and what the letters stand for; in lines that fit, one at least."""
    said = [] if lens == "truth" else [f"as {lens} sees it: a vermillion rim is where that is wrong"]
    letters = [] if is_crowded(rows) else key_of(rows, worlds).split(" · ")
    line = "  ·  ".join([*said, " · ".join(letters)]) if letters else "".join(said)
    return [line] if ink.room(line) < ink.WIDTH else ink.wrapped([*said, *letters], ink.WIDTH - 0.5)


def _micros(instant: Any) -> int:
    """Seconds or a record as µs."""
    return instant.time if hasattr(instant, "time") else round(instant * SECOND)


def _telling(instants: Any) -> list:
    """For each instant, what its title is about: the record, or µs."""
    listed = instants.values() if isinstance(instants, Mapping) else instants
    return [instant if hasattr(instant, "number") else _micros(instant) for instant in listed]


def _title(rows: dict, instant: Any, name: str) -> str:
    """When it is, and what happened then; an instant that has a name is told by it."""
    time = instant if isinstance(instant, int) else instant.time
    if name:
        return f"{name} · {time / SECOND:.3f} s"
    return f"{time / SECOND:.3f} s\n{_happened(rows, time) if isinstance(instant, int) else _said(rows['facts'][instant.number])}"


def _said(fact: list) -> str:
    _, source, _, _, text = fact
    return text if source == "world" else f"{source} {text}"


def _happened(rows: dict, time: int) -> str:
    """The most telling fact of this very instant, else how long ago the last stop of the time line was."""
    now = [fact for fact in rows["facts"] if fact[0] == time]
    for kinds in (MARKS, ALSO):
        told = [fact for fact in now if fact[3] in kinds]
        if told:
            return _said(
                max(told, key=lambda fact: fact[3] in TELLING or ": new," in fact[4])
            )  # a task that was just born
    before = [mark for mark in rows["marks"] if mark[0] < time]
    if not before:
        return "nothing happened yet"
    at, number, *_ = before[-1]
    return f"{ink.span((time - at) / SECOND)} after: {_said(rows['facts'][number])}"


def _wrapped(text: str, width: float) -> list[str]:
    """A title in lines that fit, three at most."""
    letters = int(width / ink.room("m") * 1.05)
    lines = [line for part in text.split("\n") for line in wrap(part, letters)]
    return lines if len(lines) <= 3 else [*lines[:2], f"{lines[2][: letters - 2]} …"]
