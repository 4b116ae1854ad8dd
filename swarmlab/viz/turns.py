"""Who gets the next request: each node has its own turn; and a turn is given to a connection, not to a request."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from ..events import RequestForwarded, RequestSent
from . import ink

__all__ = ["Turn", "draw_connections", "draw_turns", "tell_connections", "tell_turns", "turns"]

LANE, PITCH, DISC = 0.46, 0.46, 0.16  # inches: a node, from request to request, a disc
MOST = 30  # requests side by side
LINE = 0.19
SMALL = 9  # points
SHADES = (ink.PAPER, ink.SOLID, "#c9c9c9", ink.INK)  # of tasks, after one another


class Turn(NamedTuple):
    """One request: the node that was asked, and the task that it chose."""

    request: int
    node: str
    task: str  # web.1; '' when not known yet


def turns(trace: Any, url: str = "") -> list[Turn]:
    """The requests of a run in the order in which nodes chose tasks for them; `url` limits it to addresses that hold this.

    Also takes records of traffic: `turns(cluster.trace.requests)`.
    """
    if not hasattr(trace, "records"):
        chosen = sorted((row for row in trace if row.node), key=lambda row: row.arrived)
        return [Turn(row.number, row.node, row.name) for row in chosen]
    names: dict[str, str] = {}
    found: list[Turn] = []
    wanted: set[int] = set()
    for record in trace.records:
        match record.fact:
            case RequestSent(number, address, _) if url in address:
                wanted.add(number)
            case RequestForwarded(number, task, _) if number in wanted or not url:
                found.append(Turn(number, record.source, task))
            case _ if type(record.fact).__name__ == "TaskStored":
                names[record.fact.id] = record.fact.name
    return [turn._replace(task=names.get(turn.task, turn.task)) for turn in found]


def draw_turns(
    rows: Sequence[Sequence], asked: Sequence[str] = (), pool: Sequence[str] = (), ax: Axes | None = None
) -> Axes:
    """A lane per node, requests from left to right; the disc says which task the node chose.

    `rows` are those of `turns`, or tuples (node, task). `asked` are nodes that will be asked next: question marks. `pool`
    are the tasks in the order in which turns go round.
    """
    known = [_turn(n, row) for n, row in enumerate(rows)]
    shown = [*known, *(Turn(-1, node, "") for node in asked)]
    if not 0 < len(shown) <= MOST:
        raise ValueError(f"{len(shown)} requests: one to {MOST} can be drawn side by side")
    nodes = sorted({turn.node for turn in shown})
    tasks = list(pool) or sorted({turn.task for turn in known if turn.task})
    high, left = LANE * len(nodes), 0.3 + max(ink.room(node) for node in nodes)
    ax = ink.axes(ax, high + 0.95, left, 1.9, 0.35, 0.6)
    wide = ink.inches(ax)[0]
    pitch = min(PITCH, wide / len(shown))
    ax.set(xlim=(0, wide), ylim=(high, 0))
    ax.set_axis_off()
    for lane, node in enumerate(nodes):
        _draw_lane(ax, node, lane, shown, tasks, pitch)
    for n, turn in enumerate(shown):
        words = str(n + 1) if len(shown) <= 20 or n % 2 == 0 else ""
        ink.write(ax, (n + 0.5) * pitch, -0.14, words, ha="center", fontsize=SMALL, color=ink.QUIET)
        _draw_disc(ax, (n + 0.5) * pitch, (nodes.index(turn.node) + 0.5) * LANE, turn.task, tasks)
    ink.write(ax, -0.15, -0.14, "request", ha="right", fontsize=SMALL, color=ink.QUIET)
    _write_key(ax, tasks, high)
    return ax


def _turn(number: int, row: Sequence) -> Turn:
    return row if isinstance(row, Turn) else Turn(number, *row) if len(row) == 2 else Turn(*row)


def _draw_lane(ax: Axes, node: str, lane: int, shown: list[Turn], tasks: list[str], pitch: float) -> None:
    """A node with its line; at the right whose turn it is now."""
    y, end = (lane + 0.5) * LANE, len(shown) * pitch
    mine = [turn.task for turn in shown if turn.node == node and turn.task]
    ink.write(ax, -0.15, y, node, ha="right")
    ax.plot((0, end), (y, y), color=ink.LINE, linewidth=1, zorder=1)
    if mine and tasks and mine[-1] in tasks and not any(turn.node == node and not turn.task for turn in shown):
        following = tasks[(tasks.index(mine[-1]) + 1) % len(tasks)]
        ink.write(ax, end + 0.12, y, f"next: {following}", clip_on=False)


def _draw_disc(ax: Axes, x: float, y: float, task: str, tasks: list[str]) -> None:
    """Which task: its number; not known yet: a question mark in a dotted ring."""
    place = tasks.index(task) if task in tasks else 0
    shade = SHADES[place % len(SHADES)] if task else ink.PAPER
    style: dict[str, Any] = {"edgecolor": ink.INK, "linewidth": 1.3, "linestyle": "-" if task else ":"}
    ax.add_patch(Circle((x, y), DISC, facecolor=shade, zorder=3, **style))
    dark = shade in (ink.SOLID, ink.INK)
    text = task.rpartition(".")[2][-3:] if task else "?"
    ink.write(ax, x, y, text, ha="center", fontweight="bold", color=ink.PAPER if dark else ink.INK, zorder=4)


def _write_key(ax: Axes, tasks: list[str], high: float) -> None:
    """The tasks in the order of turns."""
    if not tasks:
        return
    service = tasks[0].rpartition(".")[0]
    same = all(task.rpartition(".")[0] == service for task in tasks)
    order = " → ".join(task.rpartition(".")[2] if same else task for task in tasks)
    ink.write(
        ax,
        0,
        high + 0.3,
        f"{service + ': ' if same and service else ''}turns go {order} → …   each node counts for itself",
    )


def tell_turns(rows: Sequence[Sequence], asked: Sequence[str] = ()) -> str:
    """The same in words, for `show`."""
    known = [_turn(n, row) for n, row in enumerate(rows)]
    lanes: dict[str, list[str]] = {}
    for turn in known:
        lanes.setdefault(turn.node, []).append(turn.task)
    said = "; ".join(f"{node} chose {', '.join(tasks)}" for node, tasks in sorted(lanes.items()))
    then = f" Next are asked: {', '.join(asked)}." if asked else ""
    return f"{len(known)} requests in order, each node with its own turn: {said or 'none yet'}.{then}"


# ── connections against requests ─────────────────────────────────────────────────────────────────────────────────


def draw_connections(panels: Mapping[str, Sequence], tasks: Sequence[str] = ()) -> Figure:
    """A panel per title, of (connection, task) for each request in order: a lane per task, a dot per request, and a line
    through the requests of one connection; at the right how many each task got, against its fair share. Also takes
    records of traffic (`cluster.trace.requests`)."""
    if not 0 < len(panels) <= 6:
        raise ValueError(f"{len(panels)} panels: one to 6 can be compared")
    panels = {title: _pairs(rows) for title, rows in panels.items()}
    names = list(tasks) or sorted({str(task) for rows in panels.values() for _, task in rows})
    high = 0.34 + 0.3 * len(names) + 0.3
    total = high * len(panels) + 0.35
    fig = ink.sheet(height=total)
    left, wide = 0.3 + max(ink.room(name) for name in names), 6.4
    for n, (title, rows) in enumerate(panels.items()):
        bottom = 1 - (n * high + high - 0.25) / total
        place = bottom, (high - 0.6) / total
        ax = fig.add_axes((left / ink.WIDTH, place[0], wide / ink.WIDTH, place[1]))
        bars = fig.add_axes(
            ((left + wide + 0.3) / ink.WIDTH, place[0], (ink.WIDTH - left - wide - 1.0) / ink.WIDTH, place[1])
        )
        _draw_requests(ax, list(rows), names)
        _draw_shares(bars, list(rows), names)
        fig.text(
            0.12 / ink.WIDTH, 1 - (n * high + 0.16) / total, title, fontsize=ink.TEXT, fontweight="bold", va="center"
        )
    words = {left: "● a request, in order   — one connection", left + wide + 0.3: "requests each got; dashed: fair"}
    for x, text in words.items():
        fig.text(x / ink.WIDTH, 0.14 / total, text, fontsize=SMALL, color=ink.INK, va="center")
    return fig


def _pairs(rows: Any) -> list[tuple]:
    """(connection, task) for each request, from such rows or from records of traffic."""
    listed = list(rows)
    if listed and hasattr(listed[0], "connection"):
        ordered = sorted((row for row in listed if row.name), key=lambda row: (row.arrived, row.number))
        return [((row.load, row.connection), row.name) for row in ordered]
    return listed


def _draw_requests(ax: Axes, rows: list, names: list[str]) -> None:
    count = len(rows)
    ax.set(xlim=(0, max(1, count)), ylim=(len(names) - 0.5, -0.5))
    ax.set_axis_off()
    for lane, name in enumerate(names):
        ax.axhline(lane, color=ink.FAINT, linewidth=1, zorder=1)
        ink.write(ax, -0.15 / ink.inches(ax)[0], lane, name, ha="right", transform=ax.get_yaxis_transform())
    last: dict[Any, tuple[float, int]] = {}
    size = max(2.0, min(7.0, ink.inches(ax)[0] / max(1, count) * 72 * 0.7))
    for n, (connection, task) in enumerate(rows):
        spot = n + 0.5, names.index(str(task))
        if connection in last:
            ax.plot(
                (last[connection][0], spot[0]), (last[connection][1], spot[1]), color=ink.INK, linewidth=1.6, zorder=2
            )
        last[connection] = spot
    xs, ys = [n + 0.5 for n in range(count)], [names.index(str(task)) for _, task in rows]
    style: dict[str, Any] = {"markerfacecolor": ink.SOLID, "markeredgecolor": ink.INK, "markeredgewidth": 0.6}
    ax.plot(xs, ys, "o", linestyle="none", markersize=size, zorder=3, **style)


def _draw_shares(ax: Axes, rows: list, names: list[str]) -> None:
    """How many requests each task got."""
    got = [sum(str(task) == name for _, task in rows) for name in names]
    fair = len(rows) / max(1, len(names))
    ax.set(xlim=(0, max(1, len(rows))), ylim=(len(names) - 0.5, -0.5))
    ax.set_axis_off()
    for lane, count in enumerate(got):
        ink.box(ax, 0, lane - 0.32, count, 0.64, facecolor=ink.SOLID, linewidth=0.9, zorder=2)
        ink.write(ax, max(count, fair) + len(rows) * 0.04, lane, str(count))
    ax.plot((fair, fair), (-0.5, len(names) - 0.5), color=ink.INK, linewidth=1.3, linestyle=(0, (4, 2)), zorder=4)


def tell_connections(panels: Mapping[str, Sequence], tasks: Sequence[str] = ()) -> str:
    """The same in words, for `show`."""
    panels = {title: _pairs(rows) for title, rows in panels.items()}
    names = list(tasks) or sorted({str(task) for rows in panels.values() for _, task in rows})
    said = []
    for title, rows in panels.items():
        got = ", ".join(f"{name} {sum(str(task) == name for _, task in rows)}" for name in names)
        opened = len(dict.fromkeys(connection for connection, _ in rows))
        said.append(f"{title}: {len(rows)} requests in {opened} connection{'s' * (opened != 1)}, {got}.")
    return " ".join(said).replace("\n", " ")
