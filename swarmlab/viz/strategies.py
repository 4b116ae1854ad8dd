"""Strategies side by side: the same demand on the same nodes, one panel for each way to choose among them.

A panel is what each node has reserved, as a share of what it has; below it five measures, of which no strategy has the
best of all.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import ink
from .placefold import placement_at

__all__ = ["Scores", "draw_strategies", "scores", "tell_strategies"]

MOST = 6  # panels
HIGH, WORDS, BETWEEN = 1.25, 1.42, 0.3  # inches: the columns, what stands below them, between panels
LINE = 0.2  # inches
SMALL = 9  # points


class Scores(NamedTuple):
    """What became of the demand."""

    fit: int  # tasks that found a node
    unfit: int
    least: float  # what the emptiest node has reserved, as a share
    most: float  # and the fullest
    fragments: float  # of the free room, the share that is of no use to a task of the demand, mean over all tasks
    zone: str  # whose loss costs most tasks
    lost: int  # how many that are
    gone: int  # services of which nothing is left then


def scores(rows: dict, step: int | None = None) -> Scores:
    """The measures of one strategy, from the rows of `placed_rows` or `placement`, by default at the end."""
    world = placement_at(rows, len(rows["steps"]) - 1 if step is None else step)
    shares = [node["reserved"] / node["capacity"] for node in world["nodes"]] or [0.0]
    zones: dict[str, list[str]] = {}
    left: dict[str, set[str]] = {}  # service → its zones
    for node in world["nodes"]:
        services = [task["service"] for task in node["tasks"] if task["wanted"]]
        zones.setdefault(node["zone"], []).extend(services)
        for service in services:
            left.setdefault(service, set()).add(node["zone"])
    worst = max(zones, key=lambda zone: len(zones[zone]), default="")
    gone = sum(where == {worst} for where in left.values())
    fit, unfit = sum(map(len, zones.values())), len(world["waiting"])
    return Scores(fit, unfit, min(shares), max(shares), _fragments(rows, world), worst, len(zones.get(worst, ())), gone)


def _fragments(rows: dict, world: dict) -> float:
    """For each task of the demand: how much of the free room lies on nodes that could not take it; the mean of that."""
    free = [node["capacity"] - node["reserved"] for node in world["nodes"]]
    sizes = [task["reserved"] for task in rows["tasks"].values()]
    whole = sum(free)
    if not whole or not sizes:
        return 0.0
    counts: dict[float, int] = {}
    for size in sizes:
        counts[size] = counts.get(size, 0) + 1
    useless = sum(count * sum(room for room in free if room < size) for size, count in counts.items())
    return useless / whole / len(sizes)


def draw_strategies(panels: Mapping[str, dict], step: int | None = None) -> Figure:
    """One panel for each strategy, up to six: `draw_strategies({"spread": rows, "binpack": rows})`.

    Columns are nodes, zone by zone; the outline is what a node has, the filling what is reserved. In each measure the
    best of all panels is bold.
    """
    if not 0 < len(panels) <= MOST:
        raise ValueError(f"{len(panels)} panels: one to {MOST} can be compared")
    found = {name: scores(rows, step) for name, rows in panels.items()}
    best = _best(list(found.values()))
    columns = len(panels) if len(panels) <= 3 else 2 if len(panels) == 4 else 3
    lines = -(-len(panels) // columns)
    wide = (ink.WIDTH - 0.65 - BETWEEN * (columns - 1) - 0.1) / columns
    tall = HIGH + WORDS + 0.42
    total = lines * tall + 0.1
    fig = ink.sheet(height=total)
    for n, (name, rows) in enumerate(panels.items()):
        x, y = 0.65 + n % columns * (wide + BETWEEN), 0.1 + n // columns * tall
        ax = fig.add_axes((x / ink.WIDTH, 1 - (y + tall) / total, wide / ink.WIDTH, tall / total))
        ax.set(xlim=(0, wide), ylim=(tall, 0))
        ax.set_axis_off()
        _draw_panel(ax, name, rows, step, found[name], best, n % columns == 0)
    return fig


def _best(all_scores: list[Scores]) -> dict[str, Any]:
    """The best value of each measure as it is shown, where not all are alike."""
    values: dict[str, list[Any]] = {
        "unfit": [score.unfit for score in all_scores],
        "gap": [_gap(score) for score in all_scores],
        "fragments": [round(score.fragments, 2) for score in all_scores],
        "lost": [score.lost for score in all_scores],
        "gone": [score.gone for score in all_scores],
    }
    return {key: min(each) for key, each in values.items() if len(set(each)) > 1}


def _draw_panel(ax: Axes, name: str, rows: dict, step: int | None, score: Scores, best: dict, first: bool) -> None:
    world = placement_at(rows, len(rows["steps"]) - 1 if step is None else step)
    nodes = sorted(world["nodes"], key=lambda node: node["zone"])
    wide, floor = ax.get_xlim()[1], 0.34 + HIGH
    ink.write(ax, 0, 0.12, name, fontweight="bold")
    pitch = wide / len(nodes)
    thick = pitch * (0.8 if len(nodes) <= 30 else 1.0)
    for n, node in enumerate(nodes):
        share = node["reserved"] / node["capacity"]
        edge: dict[str, Any] = {"edgecolor": ink.LINE, "linewidth": 0.8 if len(nodes) <= 60 else 0}
        ink.box(ax, n * pitch, floor - HIGH, thick, HIGH, facecolor="#f7f7f7", **edge)
        ink.box(ax, n * pitch, floor - share * HIGH, thick, share * HIGH, facecolor=ink.SOLID, linewidth=0)
    if first:
        for text, y in (("100 %", floor - HIGH), ("0", floor)):
            ink.write(ax, -0.06, y, text, ha="right", fontsize=SMALL)
    _draw_zones(ax, nodes, pitch, floor, score)
    for n, (key, value, text) in enumerate(_said(score)):
        bold = key in best and value == best[key]
        weight = "bold" if bold else "normal"
        ink.write(ax, 0, floor + 0.45 + n * LINE, text, fontsize=SMALL, fontweight=weight)


def _draw_zones(ax: Axes, nodes: list[dict], pitch: float, floor: float, score: Scores) -> None:
    """Zones below the columns; the one whose loss costs most is named so."""
    for zone in dict.fromkeys(node["zone"] for node in nodes):
        places = [n for n, node in enumerate(nodes) if node["zone"] == zone]
        left, right = places[0] * pitch, (places[-1] + 1) * pitch
        is_worst = zone == score.zone and bool(zone)
        colour = ink.WRONG if is_worst else ink.INK
        ax.plot(
            (left + 0.03, right - 0.05), (floor + 0.06, floor + 0.06), color=colour, linewidth=3 if is_worst else 1.2
        )
        text = f"✕ {zone}" if is_worst else zone
        if ink.room(text, SMALL) <= right - left:
            ink.write(ax, (left + right) / 2, floor + 0.19, text, ha="center", fontsize=SMALL)


def _gap(score: Scores) -> float:
    """How far the fullest node is from the emptiest, in whole percents as they are shown."""
    return round(100 * score.most) - round(100 * score.least)


def _said(score: Scores) -> list[tuple[str, float, str]]:
    """The measures in words: (key, value, text)."""
    return [
        ("unfit", score.unfit, f"{score.fit} fit, {score.unfit} did not"),
        ("gap", _gap(score), f"nodes {score.least:.0%} to {score.most:.0%} full"),
        ("fragments", round(score.fragments, 2), f"{score.fragments:.0%} of the free room in useless bits"),
        ("lost", score.lost, f"✕ {score.zone or 'all'} lost: {score.lost} tasks"),
        ("gone", score.gone, f"with it {score.gone or 'no'} service{'s' * (score.gone != 1)} gone"),
    ]


def tell_strategies(panels: Mapping[str, dict], step: int | None = None) -> str:
    """The same in words, for `show`."""
    said = []
    for name, rows in panels.items():
        texts = [text.removeprefix("✕ ") for *_, text in _said(scores(rows, step))]
        said.append(f"{name}: {', '.join(texts)}")
    return f"The same demand under {len(panels)} strategies. {'; '.join(said)}."
