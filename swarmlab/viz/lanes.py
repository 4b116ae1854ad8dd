"""Task lanes: for each attempt to fill a slot, when it was wished and when it truly ran; as rows, and drawn."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes

from . import ink
from .instant import ENDED, LIVE
from .words import MARKS

SECOND = 1_000_000  # µs

GONE = ("MachineCrashed", "MachineShutDown", "SwarmLeft")  # what ends a run from outside


def lanes(rows: dict, services: list[str] | None = None) -> list[dict]:
    """One row per task, grouped by slot, from the rows of `frames`; times in µs, None where one did not come.

    `wished` to `unwished` is how long somebody wanted it, `assigned` when it got its machine, `phases` what it truly
    was, as (from, to, state), `ended` how that stopped: an end state, or `gone` with its machine. `line` counts the
    tasks of one slot that overlap: a second one is a line of its own.
    """
    bars, runs = list(_wishes(rows).values()), _runs(rows)
    for bar in bars:
        bar |= _facts(rows, runs.get(bar["task"], []))
    chosen = [bar for bar in bars if services is None or bar["service"] in services]
    order = {bar["service"]: n for n, bar in reversed(list(enumerate(chosen)))}
    places = {machine["name"]: n for n, machine in enumerate(rows["machines"])}
    chosen.sort(
        key=lambda bar: (order[bar["service"]], bar["slot"], 0 if bar["slot"] else places.get(bar["machine"], -1))
    )
    _stack(chosen, rows["end"])
    return chosen


def _wishes(rows: dict) -> dict[str, dict]:
    """What the managers wrote down about each task."""
    bars: dict[str, dict] = {}
    for time, _, _, kind, key, task in rows["log"]:
        if kind != "task":
            continue
        bar = bars.get(key)
        if bar is None:
            if task is None:
                continue
            bar = bars[key] = _bar(key, task, time)
        if task and task["node"] and bar["assigned"] is None:
            bar |= {"assigned": time, "machine": rows["nodes"].get(task["node"], "")}
        if (task is None or task["desired"] in ENDED) and bar["unwished"] is None:
            bar["unwished"] = time
        bar["lane"] = bar["name"] if bar["slot"] else f"{bar['service']} on {bar['machine'] or 'no node yet'}"
    return bars


def _bar(key: str, task: dict, time: int) -> dict:
    names = {"task": key, "name": task["name"], "service": task["name"].rpartition(".")[0], "slot": task["slot"]}
    return names | {"lane": "", "machine": "", "wished": time, "assigned": None, "unwished": None}


def _runs(rows: dict) -> dict[str, list]:
    """task → what was so about it on its machine, change by change."""
    runs: dict[str, list] = {}
    for time, number, _, key, run in rows["truth"]:
        if key.startswith("run/"):
            runs.setdefault(key[4:], []).append((time, number, run))
    return runs


def _facts(rows: dict, changes: list) -> dict:
    """What the task truly was, and how that stopped."""
    phases: list[tuple] = []
    since, state, ended, ended_at = 0, "", "", None
    for time, number, run in changes:
        if state in LIVE:
            phases.append((since, time, state))
            cause = rows["facts"][number][3]
            now = run["state"] if run else "gone" if cause in GONE else "remove"
            ended, ended_at = (now, time) if now not in LIVE else ("", None)
        elif (
            run and run["state"] in ENDED and (not phases or ended == "remove")
        ):  # removed by hand: only then it failed
            ended, ended_at = run["state"], time
        since, state = time, run["state"] if run else ""
    if state in LIVE:
        phases.append((since, rows["end"], state))
    return {"phases": phases, "ended": ended, "ended_at": ended_at}


def _stack(bars: list[dict], end: int) -> None:
    """Give the tasks of one slot that overlap a line each."""
    taken: dict[str, list[int]] = {}
    for bar in bars:
        ends = taken.setdefault(bar["lane"], [])
        bar["line"] = next((n for n, last in enumerate(ends) if bar["wished"] >= last), len(ends))
        ends[bar["line"] : bar["line"] + 1] = [last_of(bar, end)]


def last_of(bar: dict, end: int) -> int:
    """When nothing of this task was left: neither the wish nor the fact."""
    wish = end if bar["unwished"] is None else bar["unwished"]
    return max(wish, bar["phases"][-1][1] if bar["phases"] else wish)


# ── drawn: one row per slot, one bar per attempt to fill it ──────────────────────────────────────────────────────

LANE, THICK = 0.36, 0.26  # inches: from lane to lane, a bar
ENDS = {"failed": "✕ failed", "rejected": "⊘ rejected", "complete": "✓ complete", "orphaned": "? orphaned"}
ENDS |= {"shutdown": "□ shut down", "remove": "□ shut down", "gone": "✕ on a vermillion line: its machine stopped"}
EVENTS = (
    "MachineCrashed",
    "MachineShutDown",
    "MachineFrozen",
    "Partitioned",
    "Healed",
    "MachineThawed",
    "MachineStarted",
)


def draw_tasks(
    trace: Any,
    ax: Axes | None = None,
    services: Sequence[str] | None = None,
    start: float | None = None,
    end: float | None = None,
    ids: bool = False,
) -> Axes:
    """Task lanes: the outline is how long somebody wanted the task, the filling how long it truly ran, and where.

    A task never moves: what replaces it is another bar, with the other machine's name. `services` are names; up to
    four get a colour. `trace` may be the rows of `frames`; `start` and `end` are seconds. `ids` writes the beginning of
    each task's id beside its machine: the slot stays, the task is another.
    """
    rows = ink.rows_of(trace)
    bars = lanes(rows, None if services is None else list(services))
    left = min((bar["wished"] for bar in bars), default=0) / SECOND if start is None else start
    right = max(rows["end"] / SECOND if end is None else end, left + 1e-6)
    bars = [bar for bar in bars if bar["wished"] <= right * SECOND and last_of(bar, rows["end"]) >= left * SECOND]
    heights = _heights(bars)
    events = [event for event in _events(rows) if left <= event[0] <= right]
    ax = _axes(ax, heights, events, left, right - left)
    ax.set(xlim=(left, right), ylim=(_lines(heights), 0))
    _draw_lanes(ax, heights)
    _draw_events(ax, events)
    named = list(dict.fromkeys(bar["service"] for bar in bars)) if services is not None else []
    for bar in bars:
        _draw_bar(ax, bar, heights[bar["lane"]][0] + bar["line"], rows["end"], ink.hues(named), ids)
    ends = dict.fromkeys(ENDS[bar["ended"]] for bar in bars if bar["ended"] in ENDS)
    reading = "  ·  ".join(["outline: wanted", "rising: on its way", "filled: runs", *ends])
    ax.set_xlabel(f"simulated time, s\n{reading}", fontsize=ink.TEXT, color=ink.INK, linespacing=1.7)
    return ax


def _axes(ax: Axes | None, heights: dict, events: list[tuple], left: float, span: float) -> Axes:
    """The axes that were given, or new ones with room for all lanes, their names and the words above them."""
    margin = 0.2 + max((ink.room(name) for name in heights), default=0.5)
    above = _event_levels(events, left, span, ink.WIDTH - margin - 0.25)
    top = 0.15 + 0.19 * (max(above, default=-1) + 1)
    return ink.axes(ax, _lines(heights) * LANE + top + 0.85, margin, 0.25, top, 0.85)


def _heights(bars: list[dict]) -> dict[str, tuple[int, int]]:
    """lane → (its first line, how many it has)."""
    lines: dict[str, int] = {}
    for bar in bars:
        lines[bar["lane"]] = max(lines.get(bar["lane"], 0), bar["line"] + 1)
    heights, first = {}, 0
    for lane, count in lines.items():
        heights[lane] = (first, count)
        first += count
    return heights


def _lines(heights: dict) -> int:
    return sum(count for _, count in heights.values()) or 1


def _events(rows: dict) -> list[tuple[float, str, str, str]]:
    """What happened to machines and the network: (seconds, machine, kind of fact, words)."""
    booted: set[str] = set()
    events = []
    for time, source, _, kind, text in rows["facts"]:
        again = kind != "MachineStarted" or source in booted
        if kind == "MachineStarted":
            booted.add(source)
        if kind in EVENTS and again:
            what = text.partition(":")[0]  # who was cut from whom would fill the page
            events.append((time / SECOND, source, kind, what if source == "world" else f"{source} {what}"))
    return events


def _event_levels(events: list[tuple], left: float, span: float, wide: float) -> list[int]:
    """On which line above the lanes each event has its words, on an axis that begins at `left`, of so many seconds and inches."""
    widths = [ink.room(event[-1]) for event in events]
    places = [(event[0] - left) / span * wide for event in events]
    kept = [min(place, wide - width) for place, width in zip(places, widths, strict=True)]
    return ink.levels(kept, widths, 0.12)


def _draw_lanes(ax: Axes, heights: dict) -> None:
    ax.set_yticks([first + count / 2 for first, count in heights.values()], list(heights), fontsize=ink.TEXT)
    ax.tick_params(axis="y", length=0)
    ax.tick_params(axis="x", labelsize=ink.TEXT)
    for first, _ in heights.values():
        ax.axhline(first, color=ink.FAINT, linewidth=1, zorder=0)
    for side in ("left", "right", "top"):
        ax.spines[side].set_visible(False)


def _draw_events(ax: Axes, events: list[tuple]) -> None:
    """A line through all lanes: what broke is vermillion, what came back is grey; the words stand above."""
    wide, high = ink.inches(ax)
    left, right = ax.get_xlim()
    above = _event_levels(events, left, right - left, wide)
    white = {"facecolor": ink.PAPER, "edgecolor": "none", "pad": 0.5}
    for (at, _, kind, text), level in zip(events, above, strict=True):
        colour, style = (ink.WRONG, "-") if MARKS.get(kind) == "fault" else (ink.QUIET, ":")
        top = 1 + (0.1 + 0.19 * level) / high
        line = ax.vlines(at, 0, top - 0.02, colour, style, linewidth=1.4, transform=ax.get_xaxis_transform(), zorder=1)
        line.set_clip_on(False)
        place = min((at - left) / (right - left), 1 - ink.room(text) / wide)
        ink.write(ax, place, top, text, va="bottom", bbox=white, transform=ax.transAxes, zorder=2)


def _draw_bar(ax: Axes, bar: dict, line: int, end: int, colours: dict[str, str], ids: bool) -> None:
    """One task: outlined while wanted, dotted before it had a machine, filled as far as its state had grown."""
    thick = THICK / LANE
    top, filling = line + (1 - thick) / 2, colours.get(bar["service"], ink.SOLID)
    unwished = end if bar["unwished"] is None else bar["unwished"]
    last = bar["phases"][-1][1] if bar["phases"] else 0
    edge = unwished - _gap(ax, unwished - bar["wished"]) if bar["unwished"] else unwished
    for since, until, state in bar["phases"]:
        high, to = ink.FILLING[state] * thick, until if last > unwished else min(until, edge)
        ink.box(ax, since / SECOND, top + thick - high, (to - since) / SECOND, high, facecolor=filling, linewidth=0)
    assigned = bar["wished"] if bar["assigned"] is None and bar["phases"] else bar["assigned"]
    chosen = edge if assigned is None else min(assigned, edge)
    _outline(ax, bar["wished"], chosen, top, linestyle=(0, (1, 1.5)))
    _outline(ax, chosen, edge, top)
    _outline(ax, unwished, last, top, edgecolor=ink.LINE)  # still there, though nobody wants it any more
    _draw_end(ax, bar, line + 0.5)
    _write_machine(ax, bar, line + 0.5, edge, filling, f" {bar['task'][:5]}" if ids else "")


def _gap(ax: Axes, length: float) -> float:
    """What is left free behind a bar, µs, so that the next one is seen to be another."""
    left, right = ax.get_xlim()
    return min(0.03 * (right - left) * SECOND / ink.inches(ax)[0], 0.2 * length)


def _outline(ax: Axes, since: float, until: float, top: float, **style: Any) -> None:
    if until > since:
        ink.box(ax, since / SECOND, top, (until - since) / SECOND, THICK / LANE, linewidth=1.2, zorder=3, **style)


def _draw_end(ax: Axes, bar: dict, middle: float) -> None:
    """The glyph of how it ended, where its filling ends."""
    glyph = ink.GLYPHS.get(bar["ended"], "✕" if bar["ended"] == "gone" else "")
    if glyph == "□":
        style: dict[str, Any] = {"markerfacecolor": ink.FAINT, "markeredgecolor": ink.INK, "markersize": 8}
        ax.plot([bar["ended_at"] / SECOND], [middle], marker="s", zorder=5, **style)
    elif glyph:
        style = {"ha": "center", "fontsize": 13, "fontweight": "bold", "path_effects": ink.HALO, "clip_on": True}
        colour = ink.WRONG if bar["ended"] == "gone" else ink.INK
        ink.write(ax, bar["ended_at"] / SECOND, middle, glyph, color=colour, zorder=5, **style)


def _write_machine(ax: Axes, bar: dict, middle: float, edge: float, filling: str, after: str) -> None:
    """The machine's name: in the filling where there is room, else in the outline, shortened if it must be."""
    left, right = (limit * SECOND for limit in ax.get_xlim())
    per_inch = (right - left) / ink.inches(ax)[0]
    runs = [phase for phase in bar["phases"] if phase[2] == "running"]
    places = [(*run[:2], ink.PAPER if filling == ink.SOLID else ink.INK, []) for run in runs]
    places.append((bar["wished"], edge, ink.INK, ink.HALO))
    for text in (bar["machine"] + after, ink.short(bar["machine"]) + after, ink.short(bar["machine"])):
        for since, until, colour, effects in places:
            since, until = max(since, left), min(until, right)
            if text and (until - since) / per_inch > ink.room(text) + 0.16:
                ink.write(
                    ax,
                    since / SECOND + 0.09 * per_inch / SECOND,
                    middle,
                    text,
                    color=colour,
                    path_effects=effects,
                    zorder=4,
                )
                return
