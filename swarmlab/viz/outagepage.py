"""The page of all outages: one thin bar per fault under each other, on one logarithmic axis from a millisecond to a day."""

from collections.abc import Sequence
from math import inf
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator

from . import ink
from .outagebar import INSTANTS, PARTS, STYLES, TICKS, guess_of, parts, range_of

LEAST, MOST = 0.001, 86_400  # s: a millisecond, a day
ROW, BAR = 0.42, 0.16  # inches: from bar to bar, a bar
HEAD, FOOT = 0.55, 0.6  # inches above and below the bars
COLUMNS = {"in all": 0.12, "lost": 0.92, "real engine": 1.86}  # inches right of the axis
RIGHT = 3.5
NEVER = "not healed"


def draw_outages(rows: Sequence[dict], ax: Axes | None = None, guesses: Sequence[Any] = ()) -> Axes:
    """A bar per row, in their order. Rows are those of `draw_outage` with a `title`; `lost` and `real` (what the real
    engine takes, in seconds: `{"noticed": (9, 16.5)}`, or in words) may be missing. `end` is that of the run, in µs: what
    was lost of an outage that lasts says little without it. `guesses` are seconds, None or `...` for none."""
    left = 0.2 + max((ink.room(row["title"]) for row in rows), default=1)
    ax = ink.axes(ax, HEAD + ROW * len(rows) + FOOT, left, RIGHT, HEAD, FOOT)
    ax.set(xscale="log", xlim=(LEAST, MOST), ylim=(len(rows), 0))
    told = [guess_of(value) for value in [*guesses, *[None] * len(rows)][: len(rows)]]
    _draw_axis(ax, rows, any(value is not None for value in told))
    _draw_head(ax)
    for n, (row, guess) in enumerate(zip(rows, told, strict=True)):
        _draw_bar(ax, row, n)
        _draw_columns(ax, row, n)
        _draw_beside(ax, n, guess, row.get("real"))
    return ax


def _draw_axis(ax: Axes, rows: Sequence[dict], guessed: bool) -> None:
    ax.set_yticks([n + 0.5 for n in range(len(rows))], [row["title"] for row in rows], fontsize=ink.TEXT)
    ax.tick_params(axis="y", length=0)
    ax.tick_params(axis="x", labelsize=ink.TEXT)
    ax.xaxis.set_major_formatter(lambda value, _: TICKS.get(value, ""))
    ax.xaxis.set_major_locator(FixedLocator([tick for tick in TICKS if tick != 36_000]))  # too near to a day
    ax.xaxis.set_minor_locator(NullLocator())
    ax.grid(axis="x", color=ink.FAINT, linewidth=0.8)
    ax.set_axisbelow(True)
    for side in ("left", "right", "top"):
        ax.spines[side].set_visible(False)
    words = ["time since the fault, on a logarithmic axis", "┃ real engine"] + ["▽ the guess"] * guessed
    words += ["5 in 60 s: lost so far, when the run ended"] * any(" in " in lost_words(row) for row in rows)
    ax.set_xlabel("  ·  ".join(words), fontsize=ink.TEXT, color=ink.INK)


def _draw_head(ax: Axes) -> None:
    """Above the first bar: which filling means what, and the names of the columns."""
    wide, high = ink.inches(ax)
    middle, x = 1 + 0.3 / high, 0.2 - ax.get_position().x0 * ink.figure_of(ax).get_figwidth()
    for name, waiting in PARTS.items():
        where = {"transform": ax.transAxes, "clip_on": False}
        ink.box(ax, x / wide, middle - 0.08 / high, 0.24 / wide, 0.16 / high, **STYLES[name], **where)
        ink.write(ax, (x + 0.31) / wide, middle, waiting, transform=ax.transAxes)
        x += 0.55 + ink.room(waiting)
    for title, place in COLUMNS.items():
        ink.write(ax, 1 + place / wide, middle, title, transform=ax.transAxes, fontweight="bold")


def _draw_bar(ax: Axes, row: dict, line: int) -> None:
    """The segments. What never came stays open to the right."""
    top, thick = line + 0.5 - BAR / ROW / 2, BAR / ROW
    for part in parts(row):
        since, until = max(part["from"], LEAST), MOST if part["to"] is None else max(part["to"], LEAST)
        style = STYLES[part["until"]] | {"linewidth": 0 if part["to"] is None else 0.8}
        if until > since:
            ink.box(ax, since, top, until - since, thick, zorder=2, **style)
        if part["to"] is None:
            ax.hlines((top, top + thick), since, MOST, color=ink.INK, linewidth=1, linestyle="--", zorder=3)


def total(row: dict) -> float | None:
    """Seconds from the fault until all was well; None if that never came."""
    return None if row["healed"] is None else (row["healed"] - row["fault"]) / 1e6


def lost_in(row: dict) -> int | None:
    """How many requests were lost; None where nobody asked."""
    lost = row.get("lost")
    return lost if lost is None or isinstance(lost, int) else len(lost)


def lost_words(row: dict) -> str:
    """How many were lost; of an outage that did not end, within which time: that is no figure to compare."""
    lost = lost_in(row)
    if lost is None:
        return "–"
    if not (row["healed"] is None and lost and "end" in row):
        return str(lost)
    seconds = (row["end"] - row["fault"]) / 1e6
    return f"{lost} in {seconds:.0f} s" if seconds < 600 else f"{lost} in {seconds / 60:.0f} min"


def real_of(row: dict) -> str:
    """The real engine's figure in words: `noticed 9–16.5 s`; '' for none."""
    if row.get("real") is None or isinstance(row["real"], str):
        return row.get("real") or ""
    name, low, high = range_of(row["real"])
    scale, unit = (1, "s") if high < 120 else (60, "min") if high < 7200 else (3600, "h")
    if f"{low / scale:.3g}" == f"{high / scale:.3g}":
        low = high
    figures = [f"{seconds / scale:.3g}" for seconds in ((low, high) if high > low else (low,))]
    return f"{name.removeprefix(': ')} {'–'.join(figures)} {unit}".strip()


def _draw_columns(ax: Axes, row: dict, line: int) -> None:
    wide, seconds = ink.inches(ax)[0], total(row)
    texts = (NEVER if seconds is None else ink.span(seconds), lost_words(row), real_of(row) or "–")
    for place, text in zip(COLUMNS.values(), texts, strict=True):
        ink.write(ax, 1 + place / wide, line + 0.5, text, transform=ax.get_yaxis_transform())


def _draw_beside(ax: Axes, line: int, guess: Any, real: Any) -> None:
    """The learner's guess above the bar, what the real engine takes below it."""
    if guess is not None:
        hollow: dict[str, Any] = {"markerfacecolor": ink.PAPER, "markeredgecolor": ink.INK, "markeredgewidth": 1.4}
        ax.plot([min(max(guess, LEAST), MOST)], [line + 0.18], "v", markersize=7.5, zorder=5, clip_on=False, **hollow)
    if real is not None and not isinstance(real, str):
        _, low, high = range_of(real)
        low, high = max(low, LEAST), min(high, MOST)
        ax.plot(
            (min(low, high), high),
            [line + 0.82] * 2,
            "|-",
            color=ink.INK,
            markersize=6,
            markeredgewidth=1.8,
            linewidth=1.2,
        )


def outage_table(rows: Sequence[dict], guesses: Sequence[Any] = ()) -> Any:
    """The same page as a table: seconds after the fault, None for what never came; where the real engine has no figure,
    why (`no_figure` of the row)."""
    import pandas as pd

    told = [*guesses, *[None] * len(rows)]
    cells = []
    for row, guess in zip(rows, told, strict=False):
        after = {name: _rounded(row[name], row["fault"]) for name in INSTANTS[1:]}
        lost = lost_in(row) if lost_words(row) == str(lost_in(row)) else lost_words(row)
        figure = real_of(row) or f"none: {row['no_figure']}" if "no_figure" in row else real_of(row)
        cells.append(after | {"lost": lost if lost != "–" else None, "real engine": figure, "guess": guess_of(guess)})
    titles = pd.Index([row["title"] for row in rows], name="fault")
    return pd.DataFrame(cells, index=titles, dtype=object)


def _rounded(time: int | None, fault: int) -> float | None:
    """Seconds after the fault, with three digits that count."""
    return None if time is None else float(f"{(time - fault) / 1e6:.3g}")


def tell_outages(rows: Sequence[dict], guesses: Sequence[Any] = ()) -> str:
    """The page in words: what healed soonest and slowest, what never did, and the guesses."""
    healed = sorted((seconds, row["title"]) for row in rows if (seconds := total(row)) is not None)
    never = [row["title"] for row in rows if row["healed"] is None]
    said = [f"{len(rows)} faults on one axis."]
    if healed:
        (soon, first), (late, last) = healed[0], healed[-1]
        said.append(f"Healed soonest: {first}, after {ink.span(soon)}; slowest: {last}, after {ink.span(late)}.")
    said += [f"Not healed by the end of the run: {'; '.join(never)}."] * bool(never)
    unseen = [row["title"] for row in rows if row["noticed"] is None]
    said += [f"Noticed by nobody: {'; '.join(unseen)}."] * bool(unseen)
    told = [
        (row["title"], number)
        for row, guess in zip(rows, guesses, strict=False)
        if (number := guess_of(guess)) is not None
    ]
    said += [f"Guessed: {'; '.join(f'{title}, {_in_words(number)}' for title, number in told)}."] * bool(told)
    return " ".join(said)


def _in_words(guess: float) -> str:
    return "never" if guess == inf else f"{guess:g} s"
