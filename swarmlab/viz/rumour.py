"""A rumour through many nodes: a grid that fills as they hear of it, and the share of those who know, over time.

Rows are one number per node: the round in which it heard (0 tells it first); None, -1 or inf for one that never did. Up to
some hundred nodes every cell says its round; more are one image.
"""

from collections.abc import Mapping, Sequence
from math import ceil, inf
from typing import Any

from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from ..events import BackendAdded, BackendRemoved, TaskStored
from . import ink
from .chips import SMALL

__all__ = ["draw_rumour", "heard_in", "last_of", "rounds_of", "shares_of", "tell_rumour"]

SECOND = 1_000_000  # µs
INTERVAL = 0.2  # seconds between two rounds of gossip on a network [NetworkDB]
SINGLE = 240  # nodes, beyond which cells are too small for an outline
LEFT, RIGHT, GRID, CURVE = 0.62, 0.25, 3.0, 1.55  # inches
DARK, PALE = (0, 68, 110), (205, 226, 240)  # who heard early, who heard late: the blue of the control plane


def heard_in(trace: Any, task: str, gone: bool = False, since: float | None = None) -> dict[str, int]:
    """node → µs after the first, when its tables got this task (id or name), or with `gone` when they lost it.

    `since` is the second from which on to look; by default the beginning.
    """
    kind = BackendRemoved if gone else BackendAdded
    names = {r.fact.id: r.fact.name for r in trace.records if isinstance(r.fact, TaskStored)}
    begin = 0 if since is None else round(since * SECOND)
    found: dict[str, int] = {}
    wanted = ""
    for r in trace.records:
        if isinstance(r.fact, kind) and r.time >= begin and task in (r.fact.task, names.get(r.fact.task)):
            wanted = wanted or r.fact.task
            if r.fact.task == wanted:
                found.setdefault(r.source, r.time)
    if not found:
        raise ValueError(f"no node {'lost' if gone else 'got'} {task!r} in its tables")
    first = min(found.values())
    return {node: time - first for node, time in found.items()}


def rounds_of(heard: Mapping[str, int | None], interval: float = INTERVAL) -> dict[str, int | None]:
    """The rounds that these times (µs) come to: 0 for the first, then one for each interval that has begun."""
    return {n: None if time is None else ceil(time / (interval * SECOND)) for n, time in heard.items()}


def _values(rounds: Any) -> list[float]:
    """The round of every node, in their order; inf for those who never heard. Of several runs the first."""
    if hasattr(rounds, "heard"):
        rounds = rounds.heard
    values = list(rounds.values() if isinstance(rounds, Mapping) else rounds)
    if values and hasattr(values[0], "__len__"):
        values = list(values[0])
    if not values:
        raise ValueError("there is nothing to draw: there are no nodes")
    return [inf if value is None or value < 0 else float(value) for value in values]


def _list(rounds: Any) -> list[int]:
    """The same in whole rounds, those that have begun; -1 for those who never heard."""
    return [-1 if value == inf else ceil(value) for value in _values(rounds)]


def last_of(rounds: Any) -> float:
    """The round in which the last of those heard who ever did; a fraction where nodes are not in step."""
    return max((value for value in _values(rounds) if value < inf), default=0.0)


def shares_of(rounds: Any) -> list[float]:
    """The share that knows after each round, from round 0 on."""
    heard = _list(rounds)
    counts = [0] * (max(heard) + 1 if max(heard) >= 0 else 1)
    for value in heard:
        if value >= 0:
            counts[value] += 1
    shares, known = [], 0
    for count in counts:
        known += count
        shares.append(known / len(heard))
    return shares


def tell_rumour(rounds: Any, upto: int | None = None, interval: float = INTERVAL) -> str:
    """The same in words, for `show`."""
    heard, shares = _list(rounds), shares_of(rounds)
    last, never = last_of(rounds), heard.count(-1)
    half = next((n for n, share in enumerate(shares) if share >= 0.5), None)
    text = f"A rumour through {len(heard):,} nodes: " if upto is None else f"Round {upto} of {len(shares) - 1}: "
    if upto is not None:
        known = sum(0 <= value <= upto for value in heard)
        return f"{text}{known:,} of {len(heard):,} nodes know, after {ink.span(upto * interval)}."
    text += f"half know after round {half}, " if half is not None else "not even half of them ever know, "
    text += f"the last one that heard took {last:.3g} round{'s' * (last != 1)}, {ink.span(last * interval)}"
    return text + (f"; {never:,} never heard." if never else ".")


# ── drawn ────────────────────────────────────────────────────────────────────────────────────────────────────────


def draw_rumour(
    rounds: Any,
    upto: int | None = None,
    interval: float = INTERVAL,
    curves: Mapping[str, Sequence[float]] | None = None,
    title: str = "",
) -> Figure:
    """The grid above, the curve below; `upto` shows so many rounds, for a stepper.

    `curves` are other shares per round, named, such as a formula's; they are drawn as thin lines to compare with.
    """
    heard, shares = _list(rounds), shares_of(rounds)
    columns, lines, cell = _grid(len(heard))
    high = lines * cell
    top = 0.34
    fig = ink.sheet(height=top + high + 0.62 + CURVE + 0.5)
    tall = fig.get_figheight()
    wide = columns * cell
    grid = fig.add_axes((LEFT / ink.WIDTH, 1 - (top + high) / tall, wide / ink.WIDTH, high / tall))
    grid.set_axis_off()
    known = sum(0 <= value <= (upto if upto is not None else len(shares)) for value in heard)
    words = f"{title}: " if title else ""
    words += f"{known:,} of {len(heard):,} nodes know" + (f" after round {upto}" if upto is not None else "")
    fig.text(LEFT / ink.WIDTH, 1 - 0.17 / tall, words, fontsize=ink.TEXT, fontweight="bold", color=ink.INK, va="center")
    if len(heard) <= SINGLE:
        _draw_cells(grid, heard, columns, lines, upto, len(shares) - 1)
        if lines == 1 and isinstance(rounds, Mapping):
            for n, name in enumerate(rounds):
                ink.write(grid, n + 0.5, 1.18, ink.short(str(name)), ha="center", fontsize=SMALL)
    else:
        _draw_image(grid, heard, columns, lines, upto, len(shares) - 1)
    curve = fig.add_axes((LEFT / ink.WIDTH, 0.5 / tall, (ink.WIDTH - LEFT - RIGHT) / ink.WIDTH, CURVE / tall))
    _draw_curve(curve, heard, shares, upto, interval, last_of(rounds), curves or {})
    return fig


def _grid(count: int) -> tuple[int, int, float]:
    """Columns, lines, and how large a cell is in inches, so that all nodes fill the space there is."""
    wide = ink.WIDTH - LEFT - RIGHT
    lines = max(1, round((count * GRID / wide) ** 0.5)) if count > 12 else 1
    columns = ceil(count / lines)
    cell = min(0.72, wide / columns, GRID / lines)
    return columns, ceil(count / columns), cell


def shade(round_: int, last: int) -> str:
    """Dark for who heard first, pale for who heard last."""
    share = round_ / max(1, last)
    return "#" + "".join(f"{round(dark + (pale - dark) * share):02x}" for dark, pale in zip(DARK, PALE, strict=True))


def _draw_cells(ax: Axes, heard: Sequence[int], columns: int, lines: int, upto: int | None, last: int) -> None:
    """Every node as a cell that prints its round."""
    ax.set(xlim=(0, columns), ylim=(lines, 0))
    boxes, faces, edges, widths = [], [], [], []
    for n, value in enumerate(heard):
        line, column = divmod(n, columns)
        boxes.append(ink.Rectangle((column + 0.05, line + 0.05), 0.9, 0.9))
        unheard = value < 0 or (upto is not None and value > upto)
        faces.append(ink.PAPER if unheard else shade(value, last))
        edges.append(ink.INK if not unheard else ink.WRONG if value < 0 and upto is None else ink.LINE)
        widths.append(1.6 if edges[-1] == ink.WRONG else 2.0 if upto is not None and value == upto else 0.7)
        if not unheard:
            colour = ink.PAPER if value < 0.45 * last else ink.INK
            ink.write(ax, column + 0.5, line + 0.53, str(value), ha="center", fontsize=SMALL, color=colour)
    cells = PatchCollection(boxes, facecolors=faces, edgecolors=edges, linewidths=widths, zorder=2)
    ax.add_collection(cells, autolim=False)


def _draw_image(ax: Axes, heard: Sequence[int], columns: int, lines: int, upto: int | None, last: int) -> None:
    """Every node as a small square of an image; white has not heard yet, vermillion never did."""
    import numpy as np

    values = np.array(heard)
    shown: Any = np.zeros(columns * lines, dtype=int)  # what lies beyond the last node
    shown[: len(values)] = np.where(values < 0, 1 if upto is not None else 2, values + 3)
    if upto is not None:
        shown[: len(values)] = np.where(values > upto, 1, shown[: len(values)])
    colours = [ink.PAPER, "#f4f4f4", ink.WRONG, *(shade(n, last) for n in range(last + 1))]
    ax.imshow(
        shown.reshape(lines, columns),
        cmap=ListedColormap(colours),
        vmin=0,
        vmax=len(colours) - 1,
        aspect="auto",
        interpolation="nearest",
        extent=(0, columns, lines, 0),
    )
    ax.set(xlim=(0, columns), ylim=(lines, 0))
    ink.box(ax, 0, 0, columns, lines, edgecolor=ink.LINE, linewidth=0.8)


def _draw_curve(
    ax: Axes,
    heard: Sequence[int],
    shares: Sequence[float],
    upto: int | None,
    interval: float,
    exact: float,
    curves: Mapping[str, Sequence[float]],
) -> None:
    """The share that knows, with the round of the last one marked."""
    last, count = len(shares) - 1, len(shares) if upto is None else min(upto + 1, len(shares))
    most = max([last, *(len(curve) - 1 for curve in curves.values())])
    for n, (name, curve) in enumerate(curves.items()):
        style: Any = ["--", ":", "-."][n % 3]
        ax.plot(range(len(curve)), curve, color=ink.QUIET, linewidth=1.2, linestyle=style, zorder=2)
        at = next((k for k, share in enumerate(curve) if share > 0.35 + 0.25 * n), len(curve) - 1)
        ink.write(ax, at + 0.012 * most, curve[at] - 0.03, f" {name}", fontsize=SMALL, path_effects=ink.HALO, zorder=5)
    if upto is not None:
        ax.plot(range(last + 1), shares, color=ink.LINE, linewidth=1, zorder=2)
    ax.plot(range(count), shares[:count], color=ink.CONTROL, linewidth=2, marker="o", markersize=4.5, zorder=3)
    for n in range(1, count if most < 16 else 0):
        if 0.02 < shares[n] < 0.985:
            words = f"{shares[n]:.0%}"
            ink.write(
                ax,
                n - 0.008 * most,
                shares[n] + 0.09,
                words,
                ha="right",
                fontsize=SMALL,
                path_effects=ink.HALO,
                zorder=5,
            )
    if count == last + 1:
        never = heard.count(-1)
        text = (
            f"the last one: round {exact:.3g}, {ink.span(exact * interval)}"
            if not never
            else f"{never:,} never hear of it"
        )
        ax.plot((last, last), (0, shares[-1]), color=ink.INK, linewidth=1, linestyle=":", zorder=1)
        ink.write(
            ax,
            last - 0.01 * most,
            0.12,
            text,
            ha="right",
            fontsize=SMALL,
            fontweight="bold",
            path_effects=ink.HALO,
            zorder=5,
        )
    ax.set(xlim=(-0.02 * max(most, 1), most * 1.02 if most else 1), ylim=(0, 1.12))
    ax.set_yticks([0, 0.5, 1], ["0", "50 %", "all"], fontsize=ink.TEXT)
    step = max(1, ceil(most / 14))
    ticks = range(0, most + 1, step)
    labels = [f"{n}\n{ink.span(n * interval) if n else '0 s'}" for n in ticks]
    ax.set_xticks(list(ticks), labels, fontsize=SMALL)
    for side in ("right", "top"):
        ax.spines[side].set_visible(False)
