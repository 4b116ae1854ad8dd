"""A rolling update as a picture: a lane per slot, what ran against what should, what visitors met, what was said.

The thin outline is the spec as it was, the thick one the spec as it is now; the filling is what truly ran. An old filling
in a new outline is what is still to be renewed.
"""

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from . import ink
from .clients import rounded
from .timeline import Timeline, stairs
from .updatefold import BUSY, Fill, Said, Update, update_of

__all__ = ["draw_update", "tell_update"]

MOST = 6  # panels
LEFT, RIGHT, STRIP, GAP, AXIS, BAND, LINE = 1.05, 0.2, 0.24, 0.1, 0.4, 0.62, 0.19  # inches
FEW, NAMED = 0.3, 0.17  # inches: so thick a lane has an outline, so thick a lane has a name
LANE, LOW = 0.38, 0.04  # inches: a lane of few, of very many
TALL = 3.6  # inches: all lanes together, at the most
SMALL = 9  # points
WORDS = {
    "updating": "updating",
    "paused": "❚❚ paused",
    "completed": "✓ completed",
    "rollback_started": "◀ rolling back",
    "rollback_paused": "❚❚ rollback paused",
    "rollback_completed": "✓ rolled back",
}
STRIPS: dict[str, dict[str, Any]] = {
    "updating": {"facecolor": ink.CONTROL},
    "rollback_started": {"facecolor": ink.PAPER, "hatch": "\\\\\\\\", "edgecolor": ink.CONTROL},
}
FILLS: list[dict[str, Any]] = [  # of the first, second … version that there is
    {"facecolor": ink.SOLID, "edgecolor": ink.SOLID},
    {"facecolor": ink.HUES[0], "edgecolor": ink.INK},
    {"facecolor": ink.HUES[2], "edgecolor": ink.INK, "hatch": "////"},
    {"facecolor": ink.HUES[1], "edgecolor": ink.INK, "hatch": "...."},
]
ENDS = {"failed": "✕", "rejected": "⊘", "gone": "✕", "complete": "✓", "orphaned": "?"}


def draw_update(
    traces: Any,
    service: str = "",
    parallelism: int | None = None,
    end: float | None = None,
    ax: Axes | None = None,
    **options: Any,
) -> Axes:
    """One update, or up to six beside each other: a trace, or title → trace, each also as `update_of` gives it.

    `end` is in seconds after the update was asked for. `parallelism` (a number, or title → number) draws the line below
    which a stop-first update never goes. Other options are those of `update_of`.
    """
    rows = _rows(traces, service, parallelism, **options)
    last = max(row.end for row in rows) if end is None else end
    columns = 1 if len(rows) == 1 else 2
    wide = ink.WIDTH / columns
    bands = any(row.asked is not None for row in rows)
    lines = [rows[n : n + columns] for n in range(0, len(rows), columns)]
    key, head = _key(rows), LINE * any(row.title for row in rows)
    sizes = [_sizes(line, wide) for line in lines]
    rest = head + 2 * STRIP + 2.2 * GAP + BAND * (1 + bands) + AXIS
    ax = ink.canvas(ax, ink.WIDTH, sum(sum(size) + rest for size in sizes) + 0.12 + LINE * len(key))
    y = 0.08
    for line, size in zip(lines, sizes, strict=True):
        for n, row in enumerate(line):
            place = Timeline(ax, n * wide + LEFT, wide - LEFT - RIGHT, min(one.start for one in rows), last)
            _draw_panel(place, row, y, size, head, bands)
        y += sum(size) + rest
    for n, text in enumerate(key):
        ink.write(ax, 0.1, y + LINE * (n + 0.5), text, fontsize=SMALL)
    return ax


def _rows(traces: Any, service: str, parallelism: Any, **options: Any) -> list[Update]:
    given = traces if isinstance(traces, Mapping) and "log" not in traces else {"": traces}
    if not 0 < len(given) <= MOST:
        raise ValueError(f"{len(given)} updates: one to {MOST} can be compared")
    least = parallelism if isinstance(parallelism, Mapping) else dict.fromkeys(given, parallelism)
    return [
        one
        if isinstance(one, Update)
        else update_of(one, service, title=str(title), parallelism=least[title], **options)
        for title, one in given.items()
    ]


# ── lanes ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _stacked(row: Update) -> dict[str, list[list[Fill]]]:
    """place → lines of tasks; a second line only where two of a slot run at the same time."""
    lanes: dict[str, list[list[Fill]]] = {place: [] for place in row.places}
    for fill in row.fills:
        active = _active(fill)
        if active is None or active[1] < row.start:
            continue
        lines = lanes[fill.place]
        glyph = active[0] == active[1]  # it never ran: only its end is drawn, also on the bar of another
        free = next((line for line in lines if glyph or _free(line) <= active[0] + 1e-9), None)
        if free is None:
            lines.append([fill])
        else:
            free.append(fill)
    return {place: lines or [[]] for place, lines in lanes.items()}


def _free(line: list[Fill]) -> float:
    """From when on nothing runs on this line."""
    return max(active[1] for active in map(_active, line) if active)


def _active(fill: Fill) -> tuple[float, float] | None:
    """From when to when its process ran, or tried to; None for one that never came so far."""
    lived = [(since, until) for since, until, state in fill.phases if state in ("starting", "running")]
    if lived:
        return lived[0][0], lived[-1][1]
    return (fill.ended_at, fill.ended_at) if fill.ended in ENDS and fill.ended_at is not None else None


def _lines(row: Update) -> int:
    return sum(len(lines) for lines in _stacked(row).values())


def _thick(row: Update) -> float:
    """How high a lane is, in inches: all together are not too high."""
    return max(LOW, min(LANE, TALL / max(1, _lines(row))))


def _sizes(line: Sequence[Update], wide: float) -> tuple[float, float]:
    """How high the lanes and the messages of panels side by side are, in inches."""
    return max(_thick(row) * _lines(row) for row in line), LINE * max(len(_messages(row, wide)) for row in line)


def _draw_panel(place: Timeline, row: Update, y: float, size: tuple[float, float], head: float, bands: bool) -> None:
    if row.title:
        ink.write(place.ax, place.left, y + 0.06, row.title, fontweight="bold")
    y = _draw_status(place, row, y + head)
    y = _draw_spec(place, row, y)
    bottom = _draw_lanes(place, row, y, _thick(row))
    _draw_begin(place, y, bottom)
    y += size[0] + GAP / 2
    for n, text in enumerate(_messages(row, place.wide + LEFT + RIGHT)):
        ink.write(place.ax, place.left, y + LINE * (n + 0.5), text, fontsize=SMALL)
    y = _draw_capacity(place, row, y + size[1])
    if bands:
        y = _draw_visitors(place, row, y)
    place.draw_ticks(y + 0.06)


def _draw_begin(place: Timeline, top: float, bottom: float) -> None:
    """When the update was asked for."""
    x = place.x(0)
    place.ax.plot((x, x), (top, bottom), color=ink.CONTROL, linewidth=1, linestyle=(0, (4, 2)), zorder=5)


def _draw_status(place: Timeline, row: Update, y: float) -> float:
    """What `docker service inspect` would say of the update."""
    place.name(y + STRIP / 2, "status")
    for since, until, said in _spans(row, place, ("state",)):
        if not said.state:
            continue
        style: dict[str, Any] = {"facecolor": ink.FAINT, "edgecolor": ink.INK, "linewidth": 0.8} | STRIPS.get(
            said.state, {}
        )
        ink.box(place.ax, *place.box(since, until, y, STRIP), **style)
        text, colour = WORDS.get(said.state, said.state), ink.PAPER if said.state == "updating" else ink.INK
        effects = [] if said.state == "updating" else ink.HALO
        texts = (text, text.split()[0] if not text[0].isalpha() else "")
        place.write(max(since, place.start), until, y + STRIP / 2, texts, color=colour, path_effects=effects)
    if row.watch and row.watch[1] > row.watch[0]:
        x, _, wide, _ = box = place.box(row.watch[0], row.watch[1], y, STRIP)
        ink.box(place.ax, *box, facecolor="none", edgecolor=ink.PAPER, hatch="...", linewidth=0)
        text = "last watch" if ink.room("last watch", SMALL) + 0.1 < wide else ""
        white = {"facecolor": ink.CONTROL, "edgecolor": "none", "pad": 1}
        ink.write(
            place.ax,
            x + wide / 2,
            y + STRIP / 2,
            text,
            color=ink.PAPER,
            ha="center",
            fontsize=SMALL,
            bbox=white if text else None,
        )
    return y + STRIP + GAP / 2


def _spans(row: Update, place: Timeline, keys: Sequence[str]) -> list[tuple[float, float, Said]]:
    """From when to when these fields of what was said stayed the same."""
    found: list[tuple[float, float, Said]] = []
    for n, said in enumerate(row.said):
        until = row.said[n + 1].at if n + 1 < len(row.said) else min(place.end, row.end)
        if found and all(getattr(found[-1][2], key) == getattr(said, key) for key in keys):
            found[-1] = (found[-1][0], until, found[-1][2])
        else:
            found.append((said.at, until, said))
    return [span for span in found if span[1] > place.start and span[0] < place.end]


def labels_of(row: Update) -> dict[int, str]:
    """What each version is called: by the tag of its image, unless two have the same."""
    tags = {version: image.rpartition("/")[2].rpartition(":")[2] for version, image in row.images.items()}
    same = len(set(tags.values())) < len(tags)
    return {version: f"spec {n + 1}" if same else tag for n, (version, tag) in enumerate(tags.items())}


def _look(row: Update, version: int) -> int:
    """Which of the looks a version has."""
    return min(row.versions.index(version) if version in row.images else 0, len(FILLS) - 1)


def _draw_spec(place: Timeline, row: Update, y: float) -> float:
    """Which spec is the current one, and to which a rollback would lead."""
    place.name(y + STRIP / 2, "spec")
    labels = labels_of(row)
    for since, until, said in _spans(row, place, ("version", "previous")):
        x, _, wide, _ = place.box(since, until, y, STRIP)
        _outline(place.ax, (x, y + 0.02, wide, STRIP - 0.04), _look(row, said.version))
        now = labels.get(said.version, "")
        before = labels.get(said.previous[0], str(said.previous[1]).rpartition(":")[2]) if said.previous else ""
        texts = (f"{now}, previous: {before or 'none'}", f"{now} ← {before}" if before else now, now)
        place.write(max(since, place.start), until, y + STRIP / 2, texts, 0.08)
    return y + STRIP + GAP


def _outline(ax: Axes, box: tuple[float, float, float, float], look: int) -> None:
    """The wish: a thin line for the first spec, a thick band with dark edges for those that came later."""
    if look:
        ink.box(ax, *box, edgecolor=ink.INK, linewidth=3.6, zorder=4)
        ink.box(ax, *box, edgecolor=FILLS[look]["facecolor"], linewidth=2.2, zorder=4)
    else:
        ink.box(ax, *box, edgecolor=ink.INK, linewidth=1, zorder=4)


def _draw_lanes(place: Timeline, row: Update, y: float, thick: float) -> float:
    """A lane per slot; with many slots without outlines and words."""
    few, named = thick >= FEW, thick >= NAMED
    top, bar = (0.06, thick - 0.17) if few else (0.0, thick * (0.8 if named else 1))
    rects: dict[int, list[tuple]] = {}
    words = []
    for name, lines in _stacked(row).items():
        if named:
            text = name if ink.room(name, SMALL) < LEFT - 0.1 else f"…{name[-9:]}"
            place.name(y + thick * len(lines) / 2 - 0.025, text)
        if few:
            _draw_wish(place, row, name, y, thick * len(lines))
        for line in lines:
            words += _fill_line(place, row, line, y + top, bar, rects, few)
            y += thick
        if few:
            _draw_rests(place, row, name, y - 0.025)
    for look, boxes in rects.items():
        ink.boxes(place.ax, boxes, **{"linewidth": 0.6 if few else 0, "zorder": 3} | FILLS[look])
    for word in words if named else ():
        ink.write(place.ax, *word[:3], fontsize=SMALL, clip_on=True, **word[3])
    if not named:
        ends = [word[:2] for word in words if word[2] in ENDS.values()]
        place.ax.plot([x for x, _ in ends], [at for _, at in ends], "x", color=ink.INK, markersize=3, zorder=7)
        place.name(y - thick * _lines(row) / 2, f"{len(row.places)} slots")
    return y


def _draw_wish(place: Timeline, row: Update, name: str, y: float, high: float) -> None:
    first = min(fill.wished for fill in row.fills if fill.place == name)
    for since, until, said in _spans(row, place, ("version",)):
        begin = max(since, first)
        if until > begin:
            x, top, wide, tall = place.box(begin, until, y + 0.03, high - 0.11)
            _outline(place.ax, (x, top, wide, tall), _look(row, said.version))


def _fill_line(place: Timeline, row: Update, line: list[Fill], y: float, bar: float, rects: dict, few: bool) -> list:
    """The tasks of one line: what comes next is seen from when the one before has ended."""
    words: list[tuple] = []
    free = place.start
    labels = labels_of(row)
    for fill in line:
        look = _look(row, fill.version)
        for since, until, state in fill.phases:
            since = max(since, free)
            if until > since and until > place.start and since < place.end:
                high = bar * ink.FILLING[state]
                x, _, wide, _ = box = place.box(since, until, y + bar - high, high)
                rects.setdefault(look, []).append(box)
                if since < 0 < until:
                    wide, x = wide - (place.x(0) - x), place.x(0)  # the words begin beside the line of the beginning
                if few and state == "running" and ink.room(labels[fill.version], SMALL) + 0.12 < wide:
                    colour, effects = (ink.PAPER, []) if look == 0 else (ink.INK, ink.HALO if look > 1 else [])
                    style = {"color": colour, "path_effects": effects, "zorder": 6}
                    words.append((x + 0.07, y + bar / 2, labels[fill.version], style))
        active = _active(fill)
        free = max(free, active[1] if active else free)
        words += _ended(place, row, fill, y + bar / 2)
    return words


def _ended(place: Timeline, row: Update, fill: Fill, y: float) -> list[tuple]:
    """The glyph of a task that was not stopped in order, and which failure of the update it counts for."""
    if fill.ended not in ENDS or fill.ended_at is None or not place.start <= fill.ended_at <= place.end:
        return []
    counted = next((one for one in row.counted if one[2] == fill.task), None)
    x, style = place.x(fill.ended_at), {"fontweight": "bold", "path_effects": ink.HALO, "ha": "center", "zorder": 7}
    found = [(x, y, ENDS[fill.ended], style)]
    if counted:
        text = f"{counted[3]}/{counted[4]}"
        ends = [other.ended_at for other in row.fills if other.place == fill.place and other.ended_at is not None]
        free = min((place.x(at) for at in ends if at > fill.ended_at), default=place.right) - x - 0.15 > ink.room(text)
        found.append((x + (0.08 if free else -0.08), y, text, style | {"ha": "left" if free else "right"}))
    return found


def _draw_rests(place: Timeline, row: Update, name: str, y: float) -> None:
    """Below its slot, when a worker was busy with it (a line), and when it rested after it (dots)."""
    mine = [(since, until) for since, until, where in row.rests if where == name]
    for at, where, _ in row.taken:
        if where == name:
            begins = [since for since, _ in mine if since >= at]
            until = min([*begins, *(anew for anew in row.begun if anew > at), _over(row, at)])
            place.ax.plot(
                (place.x(at), place.x(until)), (y, y), color=ink.CONTROL, linewidth=2.4, zorder=5, solid_capstyle="butt"
            )
    for since, until in mine:
        xs = (place.x(since), place.x(until))
        place.ax.plot(
            xs, (y, y), color=ink.CONTROL, linewidth=2.4, linestyle=(0, (0.7, 0.9)), zorder=5, solid_capstyle="butt"
        )


def _over(row: Update, at: float) -> float:
    """When the update that went on at this instant was over."""
    return next((said.at for said in row.said if said.at > at and said.state not in BUSY), row.end)


# ── below the lanes ──────────────────────────────────────────────────────────────────────────────────────────────


def _messages(row: Update, wide: float) -> list[str]:
    """What was said of the update and when, in lines; task ids by their slot."""
    names = {fill.task: f"{fill.place} ({fill.task[:5]})" for fill in row.fills}
    said: list[str] = []
    before = ""
    for one in row.said:
        if one.message and one.message != before:
            text = " ".join(names.get(word, word) for word in one.message.split())
            said.append(f"{_seconds(one.at)}: {text}")
        before = one.message
    room = wide - LEFT - RIGHT + 0.3
    return [part for text in ink.wrapped(said, room) for part in wrap(text, int(room / ink.room("m", SMALL) * 1.1))]


def _seconds(time: float) -> str:
    return f"{max(time, 0):.1f} s"


def _most(row: Update) -> int:
    """The most that must fit into the capacity curve."""
    return max([1, *(count for _, count in (*row.wanted, *row.tasks))])


def _draw_capacity(place: Timeline, row: Update, y: float) -> float:
    """Filled: slots with a running task (light: tasks beyond them); the outline is the wish, dashes the lowest that is allowed."""
    ax, floor, unit = place.ax, y + BAND - 0.1, (BAND - 0.16) / _most(row)
    if row.tasks:
        xs, ys = stairs(place, row.tasks, floor, unit, row.end)
        ax.fill_between(xs, ys, floor, facecolor="#cccccc", edgecolor=ink.QUIET, linewidth=0.5, zorder=1)
        xs, ys = stairs(place, row.slots, floor, unit, row.end)
        ax.fill_between(xs, ys, floor, facecolor=ink.SOLID, linewidth=0, zorder=2)
    if row.wanted:
        ax.plot(*stairs(place, row.wanted, floor, unit, row.end), color=ink.INK, linewidth=1.5, zorder=3)
    place.line(floor)
    least, wanted = _least(row), _wanted(row)
    place.name(floor - 0.27, f"slots that run:\nleast {least} of {wanted}", linespacing=1.2)
    if row.parallelism:
        line = max(0, _wanted(row) - row.parallelism)
        height = floor - line * unit
        ax.plot(
            (place.left, place.right), (height, height), color=ink.INK, linewidth=1.2, linestyle=(0, (4, 2)), zorder=4
        )
    return y + BAND


def _wanted(row: Update) -> int:
    return row.wanted[-1][1] if row.wanted else len(row.places)


def _least(row: Update) -> int:
    """The fewest slots that had a running task, once the update was asked for."""
    before = [count for at, count in row.slots if at <= 0]
    return min([count for at, count in row.slots if at > 0] + before[-1:], default=0)


def _draw_visitors(place: Timeline, row: Update, y: float) -> float:
    """Requests by when they were asked: answered upwards, failed downwards."""
    ax, middle, half = place.ax, y + BAND / 2 + 0.02, BAND / 2 - 0.06
    ax.plot((place.left, place.right), (middle, middle), color=ink.INK, linewidth=0.8, zorder=3)
    if row.asked is None:
        place.name(middle, "no visitors")
        return y + BAND
    width = rounded((place.end - place.start) / (60 if place.wide > 6 else 40))
    edges = np.arange(place.start, place.end + width / 2, width)
    good, bad = (np.histogram(row.asked.arrived[which], edges)[0] for which in (row.asked.ok, ~row.asked.ok))
    unit = half / max(1, int((good).max()), int(bad.max()))
    for counts, sign, style in ((good, -1, {"facecolor": ink.SOLID}), (bad, 1, {"facecolor": ink.WRONG})):
        boxes = [
            (place.x(edge), middle + (min(0, sign) * count * unit), place.x(edge + width) - place.x(edge), count * unit)
            for edge, count in zip(edges.tolist(), counts.tolist(), strict=False)
            if count
        ]
        ink.boxes(ax, boxes, edgecolor=ink.PAPER, linewidth=0.4, zorder=2, **style)
    failed, whole = _failed(row)
    lines = ["visits lost:", f"{failed} of {whole}"] if whole < 10_000 else ["visits lost:", f"{failed} of", f"{whole}"]
    for n, text in enumerate(lines):
        weight = "bold" if failed and n else "normal"
        place.name(middle + (n - len(lines) / 2 + 0.5) * 0.17, text, fontweight=weight)
    return y + BAND


def _failed(row: Update) -> tuple[int, int]:
    inside = row.asked.arrived >= row.start
    return int((~row.asked.ok & inside).sum()), int(inside.sum())


def _key(rows: Sequence[Update]) -> list[str]:
    """How to read it, in lines."""
    words = ["seconds since the update was asked for", "outline: the spec, filled: what runs"]
    if any(row.taken for row in rows):
        words.append("blue below a slot: a worker replaces it, dotted: rests after it")
    if any(row.parallelism for row in rows):
        words.append("dashes: replicas − parallelism")
    if any(row.counted for row in rows):
        words.append("1/3: failures counted, of so many slots")
    return ink.wrapped(words, ink.WIDTH * 1.12)


# ── in words ─────────────────────────────────────────────────────────────────────────────────────────────────────


def tell_update(traces: Any, service: str = "", parallelism: Any = None, **options: Any) -> str:
    """The same in words, for `show`."""
    return " ".join(_tell(row) for row in _rows(traces, service, parallelism, **options))


def _tell(row: Update) -> str:
    end = row.done
    told = [
        f"{WORDS[end.state].split(' ', 1)[-1]} after {_seconds(end.at)}" if end else "not over by the end of the run"
    ]
    told.append(f"at least {_least(row)} of {_wanted(row)} slots ran")
    if row.counted:
        _, _, _, failures, slots, ratio = row.counted[-1]
        told.append(f"{failures} of {slots} new tasks counted as failed (allowed: a share of {ratio:g})")
    left = _left(row)
    told.append(
        "; ".join(f"{count} slot{'s' * (count != 1)} run{'s' * (count == 1)} {name}" for name, count in left.items())
        or "nothing runs"
    )
    if row.asked is not None:
        failed, whole = _failed(row)
        told.append(f"{failed} of {whole} visits failed" if failed else f"none of {whole} visits failed")
    title = f"{' '.join(row.title.split())}: " if row.title else f"Update of {row.service}: "
    return f"{title}{', '.join(told)}."


def _left(row: Update) -> dict[str, int]:
    """What runs at the end: label of the version → slots."""
    labels, found = labels_of(row), dict[str, int]()
    for fill in row.fills:
        if fill.phases and fill.phases[-1][2] == "running" and fill.phases[-1][1] >= row.end and not fill.ended:
            found[labels[fill.version]] = found.get(labels[fill.version], 0) + 1
    return found
