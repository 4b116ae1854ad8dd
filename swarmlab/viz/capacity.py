"""How many tasks of a service run, instant by instant, against how many should: the dip that a change costs.

The outline is the wish, the filling is the fact; where the filling is lower than the outline, something is missing.
"""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes

from . import ink
from .instant import ENDED

__all__ = ["capacity", "draw_capacity", "tell_capacity"]

SECOND = 1_000_000  # µs
ROW, HIGH = 1.0, 0.62  # inches: from service to service, its tallest column
SMALL = 9  # points


def capacity(trace: Any, services: Sequence[str] | None = None) -> dict[str, dict[str, list]]:
    """service → `ran` and `wanted`, each a list of [µs, tasks] that holds until the next; `trace` may be rows of `frames`."""
    rows = ink.rows_of(trace)
    found: dict[str, dict[str, list]] = {}
    for name, changes in _ran(rows).items():
        found.setdefault(name, {"ran": [], "wanted": []})["ran"] = changes
    for name, changes in _wanted(rows).items():
        found.setdefault(name, {"ran": [], "wanted": []})["wanted"] = changes
    order = list(dict.fromkeys(row[5]["name"] for row in rows["log"] if row[3] == "service" and row[5]))
    return {name: found[name] for name in (order if services is None else services) if name in found}


def _ran(rows: dict) -> dict[str, list]:
    """How many truly ran; the last word of an instant counts."""
    running: dict[str, dict[str, bool]] = {}
    counts: dict[str, list] = {}
    services: dict[str, str] = {}
    for time, _, machine, key, run in rows["truth"]:
        if not key.startswith("run/"):
            continue
        task = f"{machine}/{key}"
        service = services[task] = run["service"] if run else services.get(task, "")
        now = running.setdefault(service, {})
        now[task] = bool(run) and run["state"] == "running"
        _note(counts.setdefault(service, []), time, sum(now.values()))
    return counts


def _wanted(rows: dict) -> dict[str, list]:
    """How many should run: the replicas of a service, or as many as somebody wants on nodes."""
    counts: dict[str, list] = {}
    fixed: set[str] = set()
    names: dict[str, str] = {}
    alive: dict[str, dict[str, bool]] = {}
    for time, _, _, kind, key, fields in rows["log"]:
        if kind == "service":
            name = names[key] = fields["name"] if fields else names.get(key, "")
            if fields is None or fields["mode"].startswith("replicated"):
                fixed.add(name)
                _note(counts.setdefault(name, []), time, fields["replicas"] if fields else 0)
        elif kind == "task":
            service = names[key] = fields["name"].partition(".")[0] if fields else names.get(key, "")
            now = alive.setdefault(service, {})
            now[key] = fields is not None and fields["desired"] not in ENDED
            if service not in fixed:
                _note(counts.setdefault(service, []), time, sum(now.values()))
    return counts


def _note(counts: list, time: int, count: int) -> None:
    """One more change, or another word about the last instant."""
    if counts and counts[-1][0] == time:
        counts[-1][1] = count
    elif not counts or counts[-1][1] != count:
        counts.append([time, count])


def _at(counts: list, time: float) -> int:
    """What held at this instant."""
    value = 0
    for since, count in counts:
        if since > time:
            break
        value = count
    return value


def _worst(row: dict[str, list], since: float, until: float) -> tuple[int, int, float]:
    """The deepest gap: (running, wanted, µs), at its first instant; a service that has not yet been complete is no dip."""
    instants = [since, *(at for key in ("ran", "wanted") for at, _ in row[key] if since < at <= until)]
    found = [(_at(row["ran"], at), _at(row["wanted"], at), at) for at in sorted(instants)]
    whole = next((n for n, (ran, wanted, _) in enumerate(found) if ran >= wanted > 0), 0)
    return min(found[whole:], key=lambda each: (each[0] - each[1], each[2]))


def draw_capacity(
    trace: Any,
    services: Sequence[str] | None = None,
    start: float = 0,
    end: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """A row per service: the filling is how many tasks ran, the outline how many should; `start` and `end` are seconds."""
    rows = ink.rows_of(trace)
    found = capacity(rows, services)
    since, until = start * SECOND, rows["end"] if end is None else end * SECOND
    left = 0.25 + max((ink.room(name) for name in found), default=1)
    ax = ink.axes(ax, ROW * max(1, len(found)) + 0.95, left, 1.5, 0.1, 0.85)
    ax.set(xlim=(start, until / SECOND), ylim=(max(1, len(found)), 0))
    for line, row in enumerate(found.values()):
        most = max([1, *(count for key in ("ran", "wanted") for _, count in row[key])])
        _draw_row(ax, row, line, most, since, until)
        _draw_worst(ax, row, line, since, until)
    ax.set_yticks([n + 0.9 - HIGH / 2 for n in range(len(found))], list(found), fontsize=ink.TEXT)
    ax.tick_params(axis="y", length=0)
    ax.tick_params(axis="x", labelsize=ink.TEXT)
    for side in ("left", "right", "top"):
        ax.spines[side].set_visible(False)
    ax.set_xlabel(
        "simulated time, s\noutline: wanted  ·  filled: runs", fontsize=ink.TEXT, color=ink.INK, linespacing=1.6
    )
    return ax


def _draw_row(ax: Axes, row: dict[str, list], line: int, most: int, since: float, until: float) -> None:
    floor = line + 0.9
    for key, style in (("ran", {"filled": True}), ("wanted", {"filled": False})):
        xs, ys = [since / SECOND], [floor - _at(row[key], since) / most * HIGH]
        for at, count in row[key]:
            if since < at <= until:
                xs += [at / SECOND, at / SECOND]
                ys += [ys[-1], floor - count / most * HIGH]
        xs, ys = [*xs, until / SECOND], [*ys, ys[-1]]
        if style["filled"]:
            ax.fill_between(xs, ys, floor, facecolor=ink.SOLID, linewidth=0, zorder=2)
        else:
            ax.plot(xs, ys, color=ink.INK, linewidth=1.6, zorder=3)
    ax.axhline(floor, color=ink.LINE, linewidth=1, zorder=1)


def _draw_worst(ax: Axes, row: dict[str, list], line: int, since: float, until: float) -> None:
    """The deepest gap in words, beside the row."""
    ran, wanted, at = _worst(row, since, until)
    texts = [f"least {ran} of {wanted}", f"at {at / SECOND:.1f} s"] if ran < wanted else [f"never below {wanted}"]
    wide = ink.inches(ax)[0]
    for n, text in enumerate(texts):
        place = {"transform": ax.get_yaxis_transform(), "clip_on": False}
        ink.write(ax, 1 + 0.1 / wide, line + 0.5 + n * 0.2, text, fontsize=SMALL, **place)


def tell_capacity(trace: Any, services: Sequence[str] | None = None, start: float = 0, end: float | None = None) -> str:
    """The same in words, for `show`."""
    rows = ink.rows_of(trace)
    since, until = start * SECOND, rows["end"] if end is None else end * SECOND
    said = []
    for name, row in capacity(rows, services).items():
        ran, wanted, at = _worst(row, since, until)
        said.append(
            f"{name} {f'at least {ran} of {wanted}, at {at / SECOND:.1f} s' if ran < wanted else 'as many as wanted'}"
        )
    return f"Tasks that ran against tasks that should, at the worst instant: {'; '.join(said) or 'no service'}."
