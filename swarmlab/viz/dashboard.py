"""Dashboards: what Metricbeat measured, per node or per service: CPU, memory, requests, and the p95 of the answers."""

from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise
from math import ceil
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import ink

__all__ = ["Panel", "draw_dashboard", "panels", "tell_dashboard"]

SECOND = 1_000_000  # µs
STEP = 10  # s between two measurements
HIGH, NAMES = 1.45, 1.2  # inches: a panel, and room for the names at its right
SMALL = 9  # points
LINES = ("-", "--", "-.", ":")  # nodes have no hue: the hue is the service
GAP = 1.5 * STEP  # s without a measurement: the line is broken


class Panel(NamedTuple):
    """One quantity over time, a line for each node or service."""

    title: str
    unit: str
    lines: dict[str, list[tuple[float, float]]]  # name → (second, value), in order


def panels(measured: Iterable[Any], requests: Iterable[Any], by: str = "node") -> list[Panel]:
    """The four quantities per node or per service (`by`), every ten seconds.

    `measured` are rows of `cluster.measured()`; `requests` those of `trace.requests` and `trace.calls`, for the p95.
    """
    if by not in ("node", "service"):
        raise ValueError(f"by={by!r}: a dashboard is by 'node' or by 'service'")
    # a row without a service is that of the machine itself
    mine = [row for row in measured if bool(row.service) == (by == "service")]
    rows = sorted(((getattr(row, by), int(row.time // STEP) * STEP, row) for row in mine), key=lambda each: each[:2])
    cpu: dict[str, list] = {}
    memory: dict[str, list] = {}
    asked: dict[str, list] = {}
    for (name, second), same in groupby(rows, key=lambda each: each[:2]):
        found = [row for _, _, row in same]
        cpu.setdefault(name, []).append((second, sum(row.cpu for row in found)))
        memory.setdefault(name, []).append((second, sum(row.memory for row in found) / 1e6))
        asked.setdefault(name, []).append((second, sum(row.requests for row in found) / STEP))
    return [
        Panel("CPU", "cores", cpu),
        Panel("memory", "MB", memory),
        Panel("requests", "a second", asked),
        Panel("p95 of the answers", "ms", _slowest(requests, by)),
    ]


def _slowest(requests: Iterable[Any], by: str) -> dict[str, list]:
    """The p95 latency of what each node or service answered in each ten seconds."""
    took: dict[tuple[str, int], list] = {}
    for row in requests:
        if row.status == 200:
            name = row.machine if by == "node" else row.name.rpartition(".")[0]
            took.setdefault((name, row.ended // SECOND // STEP * STEP), []).append((row.ended - row.arrived) / 1000)
    found: dict[str, list] = {}
    for (name, second), values in sorted(took.items()):
        found.setdefault(name, []).append((second, sorted(values)[ceil(0.95 * len(values)) - 1]))
    return found


# ── drawn ────────────────────────────────────────────────────────────────────────────────────────────────────────


def draw_dashboard(
    measured: Iterable[Any],
    requests: Iterable[Any],
    by: str = "node",
    focus: Sequence[str] = (),
    bands: Sequence[Sequence] = (),
) -> Figure:
    """Four panels over one time axis. `focus`: up to four services that get a hue and a name; `bands`: (from, to, words)."""
    found = panels(measured, requests, by)
    fig = ink.sheet(height=2 * (HIGH + 0.75))
    times = [second for panel in found for line in panel.lines.values() for second, _ in line]
    span = (min(times, default=0), max(times, default=STEP))
    wide = (ink.WIDTH / 2 - 0.55 - NAMES) / ink.WIDTH
    looks = _looks(found, by, focus)
    for n, panel in enumerate(found):
        left = (0.55 + (n % 2) * (ink.WIDTH / 2)) / ink.WIDTH
        bottom = (0.45 + (1 - n // 2) * (HIGH + 0.75)) / fig.get_figheight()
        ax = fig.add_axes((left, bottom, wide, HIGH / fig.get_figheight()))
        _draw_panel(ax, panel, span, looks, bands if n == 0 else [(a, b, "") for a, b, _ in bands])
    return fig


def _looks(found: Sequence[Panel], by: str, focus: Sequence[str]) -> dict[str, dict[str, Any]]:
    """How each line looks: nodes by their dashes, the services in question by their hue, others faint."""
    names = sorted({name for panel in found for name in panel.lines})
    if by == "node":
        dashes = zip(names, LINES * len(names), strict=False)
        return {name: {"color": ink.INK, "linewidth": 1.6, "linestyle": dash} for name, dash in dashes}
    hues = ink.hues(focus)
    return {
        name: {"color": hues[name], "linewidth": 2.6} if name in hues else {"color": ink.LINE, "linewidth": 1}
        for name in names
    }


def _draw_panel(ax: Axes, panel: Panel, span: tuple, looks: dict[str, dict], bands: Sequence) -> None:
    top = max((value for line in panel.lines.values() for _, value in line), default=0) * 1.12 or 1
    ax.set(xlim=(span[0], max(span[1], span[0] + STEP)), ylim=(0, top))
    for since, until, words in bands:
        ax.axvspan(since, until, color=ink.FAINT, linewidth=0, zorder=0)
        ink.write(ax, max(since, span[0]), top * 0.94, f" {words}", fontsize=SMALL)
    for name, line in panel.lines.items():
        xs, ys = _broken(line)
        if looks[name]["color"] in ink.HUES:
            ax.plot(xs, ys, color=ink.INK, linewidth=3.6, zorder=2)  # the dark outline of a hue
        named = looks[name]["color"] != ink.LINE
        ax.plot(xs, ys, zorder=3 if named else 1, marker="o" if len(line) < 3 else "", markersize=4, **looks[name])
    _draw_names(ax, panel, looks, top)
    ax.set_title(f"{panel.title}, {panel.unit}", loc="left", fontsize=ink.TEXT, color=ink.INK)
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=SMALL)
    ax.set_xlabel("seconds", fontsize=SMALL, labelpad=1)


def _broken(line: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """The points of a line, with a hole where nobody measured."""
    xs, ys = [line[0][0]], [line[0][1]]
    for (before, _), (second, value) in pairwise(line):
        if second - before > GAP:
            xs, ys = [*xs, before], [*ys, float("nan")]
        xs, ys = [*xs, second], [*ys, value]
    return xs, ys


def _draw_names(ax: Axes, panel: Panel, looks: dict[str, dict], top: float) -> None:
    """Each name in the margin, as near to the end of its line as there is room."""
    named = [name for name in panel.lines if looks[name]["color"] != ink.LINE]
    named.sort(key=lambda name: panel.lines[name][-1][1])
    places = [panel.lines[name][-1][1] / top * HIGH for name in named]
    right = ax.get_xlim()[1]
    wide = (right - ax.get_xlim()[0]) / ink.inches(ax)[0]  # seconds in an inch
    for name, at in zip(named, ink.spread(places, [0.17] * len(named), HIGH + 0.1, 0), strict=True):
        second, value = panel.lines[name][-1]
        ax.plot((second, right + 0.1 * wide), (value, at / HIGH * top), color=ink.QUIET, linewidth=0.6, clip_on=False)
        ink.write(ax, right + 0.14 * wide, at / HIGH * top, _short(name), fontsize=SMALL)


def _short(name: str) -> str:
    """A service without its stack."""
    return name.partition("_")[2] or name


# ── in words ─────────────────────────────────────────────────────────────────────────────────────────────────────


def tell_dashboard(measured: Iterable[Any], requests: Iterable[Any], by: str = "node") -> str:
    """Who has the most of each, in words."""
    said = []
    for panel in panels(measured, requests, by):
        peaks = [(value, name, second) for name, line in panel.lines.items() for second, value in line]
        if peaks:
            value, name, second = max(peaks, key=lambda peak: (peak[0], -peak[2]))
            most = f"{float(format(value, '.3g')):g} {panel.unit}"
            said.append(
                f"{panel.title}: most on {_short(name)}, {'1 core' if most == '1 cores' else most} at {second:g} s"
            )
    return f"By {by}, every {STEP} s. {'; '.join(said) or 'nothing was measured'}."
