"""The ladder: a row per machine, a column per index of the log, the term printed in each cell.

Outline is the wish, filling is the fact: a dashed cell is appended, a filled one is known by this machine to be committed.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from . import ink
from .raftframes import raft_at, rows_of
from .ring import TINTS as BADGES
from .ring import clock_of, happened, micros, shortened
from .still import draw_role

__all__ = ["draw_ladder", "draw_logs", "ladder_strip", "lines_at", "tell_ladder", "tell_logs"]

CELL, HIGH, PITCH = 0.46, 0.3, 0.54  # inches: a cell is at most so wide, so high; from row to row
HEAD, REST = 0.3, 1.12  # inches: indexes above, the cell for what stands further left
LABEL = {False: 1.62, True: 1.06}  # inches for a machine's name: with room, and in a strip
TINTS = ("#c9e0ef", "#8fc1e0")  # of committed entries: terms alternate, even and odd
GREYS = ("#e6e6e6", "#d2d2d2")  # the same on a machine without power
SMALL = 9  # points
COLUMNS = 12
KEY = {
    "appended": "dashed: appended",
    "committed": "filled: it knows this is committed",
    "line": "thick line: how far that goes",
    "match": "▲ match: proven to the leader",
    "next": "△ next: what it will send",
}


class Line(NamedTuple):
    """One machine's log, as it is drawn."""

    name: str
    role: str = ""
    term: int | None = None
    looks: str = "up"
    runs: tuple = ()  # (term, last index) behind `base`
    base: int = 0  # up to here a snapshot stands for it
    commit: int | None = None
    match: int | None = None  # what the leader believes of it
    next: int | None = None

    @property
    def last(self) -> int:
        """The index of its last entry."""
        return self.runs[-1][1] if self.runs else self.base

    def terms(self) -> dict[int, int]:
        """index → term."""
        found: dict[int, int] = {}
        first = self.base + 1
        for term, last in self.runs:
            found |= dict.fromkeys(range(first, last + 1), term)
            first = last + 1
        return found


def draw_ladder(
    trace: Any, time: float, ax: Axes | None = None, told: Mapping[int, str] | None = None, columns: int = COLUMNS
) -> Axes:
    """Everybody's log at `time` (seconds), the newest `columns` entries. `trace` may be rows already.

    `told` is what the client heard about an entry; it hangs above its index. What the leader believes of each
    follower, match and next, stands below that follower's row while somebody leads.
    """
    lines = lines_at(rows_of(trace), time)
    return _draw(lines, ax, told or {}, columns, small=ax is not None)


def draw_logs(
    logs: Mapping[str, Sequence[int]],
    commit: int | Mapping[str, int] | None = None,
    ax: Axes | None = None,
    told: Mapping[int, str] | None = None,
    leader: str = "leader",
    terms: Mapping[str, int] | None = None,
) -> Axes:
    """Logs that somebody typed, as lists of terms, in the same look: `draw_logs({"leader": [1, 1, 4], "a": [1]})`.

    `commit` is one index for all, or one per log. The one called `leader` gets the crown; `terms` are current terms.
    """
    lines = [_typed(name, log, commit, leader, terms or {}) for name, log in logs.items()]
    columns = max(line.last for line in lines)
    return _draw(lines, ax, told or {}, columns, small=ax is not None)


def ladder_strip(
    trace: Any, times: Any, titles: Sequence[str] | None = None, told: Any = None, columns: int = COLUMNS
) -> Figure:
    """Small ladders side by side, titled by what happened. `times` are seconds, records, or name → seconds; `told` is
    one mapping for all, or a list of them."""
    rows = rows_of(trace)
    names = list(times) if isinstance(times, Mapping) else [""] * len(times)
    instants = list(times.values()) if isinstance(times, Mapping) else list(times)
    heard = told if isinstance(told, list) else [told] * len(instants)
    groups = [lines_at(rows, instant) for instant in instants]
    wide = (ink.WIDTH - 0.3) / 2
    above = HEAD + 0.5 + 0.2 * max((len(row or {}) for row in heard), default=0)
    high = above + PITCH * len(rows["servers"]) + 0.12
    lines = -(-len(instants) // 2)
    total = lines * high + 0.42
    fig = ink.sheet(height=total)
    clock = clock_of([micros(instant) for instant in instants])
    for n, (name, instant, group) in enumerate(zip(names, instants, groups, strict=True)):
        x, top = 0.1 + n % 2 * (wide + 0.1), total - n // 2 * high
        ax = fig.add_axes((x / ink.WIDTH, (top - high) / total, wide / ink.WIDTH, (high - 0.44) / total))
        _draw(group, ax, heard[n] or {}, columns, small=True)
        head = titles[n] if titles else " · ".join(filter(None, (name, clock[n])))
        said = shortened(happened(rows, micros(instant), instant), wide)
        style: dict[str, Any] = {"va": "center", "color": ink.INK, "fontsize": ink.TEXT}
        fig.text((x + 0.05) / ink.WIDTH, (top - 0.14) / total, head, fontweight="bold", **style)
        fig.text((x + 0.05) / ink.WIDTH, (top - 0.33) / total, said, **style)
    words = "  ·  ".join(_key([line for group in groups for line in group]))
    fig.text(0.5, 0.2 / total, words, ha="center", va="center", fontsize=ink.TEXT, color=ink.INK)
    return fig


def lines_at(rows: dict, time: Any) -> list[Line]:
    """What the ladder shows of every machine at an instant (seconds, or a record)."""
    world = raft_at(rows, micros(time))
    leader = next((server for server in world["servers"] if server["name"] == world["leader"]), None)
    return [_line(server, leader) for server in world["servers"]]


def _line(server: dict, leader: dict | None) -> Line:
    match, next_ = (leader["peers"].get(server["name"]) if leader else None) or (None, None)
    role = server["role"] if server["member"] else "outside"
    runs = tuple((term, last) for term, last in server["log"])
    place = Line(server["name"], role, server["term"], server["looks"], runs, server["base"], server["commit"])
    return place._replace(match=match, next=next_)


def _typed(name: str, log: Sequence[int], commit: Any, leader: str, terms: Mapping[str, int]) -> Line:
    runs: list[tuple[int, int]] = []
    for index, term in enumerate(log, 1):
        if runs and runs[-1][0] == term:
            runs.pop()
        runs.append((term, index))
    known = commit.get(name) if isinstance(commit, Mapping) else commit
    known = None if known is None else min(known, len(log))
    return Line(name, "leader" if name == leader else "", terms.get(name), "up", tuple(runs), 0, known)


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────────────


def tell_ladder(trace: Any, time: float) -> str:
    """The ladder in words, for `show`."""
    return _tell(lines_at(rows_of(trace), time))


def tell_logs(logs: Mapping[str, Sequence[int]], commit: int | Mapping[str, int] | None = None) -> str:
    """Typed logs in words, for `show`."""
    return _tell([_typed(name, log, commit, "leader", {}) for name, log in logs.items()])


def _tell(lines: list[Line]) -> str:
    return f"A row per log, a column per index, terms in the cells. {'; '.join(_spoken(line) for line in lines)}."


def _spoken(line: Line) -> str:
    """One row: `node-1 leads in term 2: snapshot up to 4, then 5–7 in term 1, 8 in term 2; committed up to 7`."""
    said = {"leader": " leads", "candidate": " asks for votes", "precandidate": " asks whether to campaign"}
    who = line.name + said.get(line.role, "") + (f" in term {line.term}" if line.role in said and line.term else "")
    who += f" ({line.looks})" if line.looks != "up" else ""
    parts = [f"a snapshot up to {line.base}"] if line.base else []
    first = line.base + 1
    for term, last in line.runs:
        parts.append(f"{first if first == last else f'{first} to {last}'} of term {term}")
        first = last + 1
    known = f", committed up to {line.commit}" if line.commit is not None else ""
    believed = f", match {line.match}, next {line.next}" if line.match is not None else ""
    return f"{who}: {', '.join(parts) or 'empty'}{known}{believed}"


def _key(lines: Sequence[Line]) -> list[str]:
    """What the signs mean, of those that occur."""
    kinds = {"appended"} if any(line.commit is None or line.commit < line.last for line in lines) else set()
    kinds |= {"committed", "line"} if any(line.commit for line in lines) else set()
    kinds |= {"match", "next"} if any(line.match is not None for line in lines) else set()
    return [text for kind, text in KEY.items() if kind in kinds]


# ── the picture ──────────────────────────────────────────────────────────────────────────────────────────────────


def _draw(lines: list[Line], ax: Axes | None, told: Mapping[int, str], columns: int, small: bool) -> Axes:
    above = HEAD + 0.2 * len(told) + 0.1 * bool(told)
    if small and ax is not None:
        _Ladder(ax, lines, columns, small, above).draw(told)
        return ax
    last = max(line.last for line in lines)
    cells = min(last, columns) + 1
    far = _label(lines, small) + REST * (last > columns) + cells * CELL + 0.3
    hangs = max(
        (_label(lines, small) + ink.room(text, SMALL) + index * CELL for index, text in told.items()), default=0.0
    )
    width = min(ink.WIDTH, max(far, hangs, 4.6))
    words = ink.wrapped(_key(lines), width - 0.1)
    high = above + PITCH * len(lines) + 0.22 + 0.19 * len(words)
    fig = ink.sheet(width=width, height=high)
    ax = fig.add_axes((0.0, 0.0, 1.0, 1.0))
    _Ladder(ax, lines, columns, small, above).draw(told)
    for n, text in enumerate(words):
        ink.write(ax, 0.08, above + PITCH * len(lines) + 0.2 + 0.19 * n, text)
    return ax


def _label(lines: list[Line], small: bool) -> float:
    """How many inches the names take."""
    if all(line.term is None and not line.role for line in lines):
        return 0.3 + max(ink.room(line.name, SMALL) for line in lines)
    return LABEL[small]


class _Ladder:
    """One ladder while it is drawn. x and y are inches; y grows downwards."""

    def __init__(self, ax: Axes, lines: list[Line], columns: int, small: bool, above: float):
        self.ax, self.lines, self.small, self.above = ax, lines, small, above
        width, height = ink.inches(ax)
        self.last = max((line.last for line in lines), default=0)
        beyond = max((line.next or 0 for line in lines), default=0) > self.last
        self.first = max(1, self.last - columns + 1)
        self.label = _label(lines, small)
        self.left = self.label + (REST if self.first > 1 else 0)
        shown = self.last - self.first + 1 + beyond
        self.cell = min(CELL, (width - self.left - 0.15) / max(shown, 1))
        ax.set(xlim=(0, width), ylim=(height, 0))
        ax.set_axis_off()

    def x(self, index: int) -> float:
        """The left edge of a column; whatever stands further left shares one place."""
        return self.left + (max(index, self.first) - self.first) * self.cell

    def draw(self, told: Mapping[int, str]) -> None:
        """Indexes, rows, commit line, and above all what the client was told."""
        for index in range(self.first, self.last + 1):
            style: dict[str, Any] = {"ha": "center", "color": ink.QUIET, "fontsize": SMALL}
            ink.write(self.ax, self.x(index) + self.cell / 2, self.above - 0.13, str(index), **style)
        for n, line in enumerate(self.lines):
            y = self.above + n * PITCH
            self.draw_name(line, y)
            self.draw_rest(line, y)
            self.draw_cells(line, y)
            self.draw_believed(line, y)
        self.draw_commit()
        self.draw_told(told)

    def draw_name(self, line: Line, y: float) -> None:
        """Role, name and term."""
        middle, x = y + HIGH / 2, 0.04
        if line.role not in ("", "outside") and line.looks == "up":
            draw_role(self.ax, line.role, 0.15, middle)
        if line.role or line.looks != "up":
            x = 0.32
        name = ink.short(line.name) if self.small else line.name
        works = line.looks == "up" and line.role != "outside"
        known = {"fontweight": "bold" if works else "normal", "color": ink.INK if works else ink.QUIET}
        text = name if works else f"{name}, {'no member' if line.looks == 'up' else line.looks}"
        if not works and self.small:
            text = f"{name} {'out' if line.looks == 'up' else line.looks}"
        ink.write(self.ax, x, middle, text, fontsize=SMALL, **known)
        if line.term is not None and works:
            badge = f"T {line.term}"
            wide = 0.6 * SMALL * len(badge) / 72 + 0.06
            at = self.label - wide - 0.1
            box = FancyBboxPatch((at, middle - 0.08), wide, 0.16, boxstyle="round,pad=0,rounding_size=0.04")
            box.set(facecolor=BADGES[line.term % 2], edgecolor=ink.CONTROL, linewidth=0.8)
            self.ax.add_patch(box)
            ink.write(self.ax, at + wide / 2, middle, badge, ha="center", fontsize=SMALL)

    def draw_rest(self, line: Line, y: float) -> None:
        """One cell for all that stands further left than the first column, or in the snapshot."""
        begin = self.label if self.first > 1 else self.left
        if line.base >= self.first - 1 and line.base:
            end = self.x(line.base + 1)
            ink.box(
                self.ax, begin, y, end - begin, HIGH, facecolor=ink.PAPER, edgecolor=ink.LINE, hatch="///", linewidth=1
            )
            ink.box(self.ax, begin, y, end - begin, HIGH, linewidth=1.2)
            text = f"snapshot ≤ {line.base}" if end - begin > 1.0 else f"≤ {line.base}"
            self.ax.text(
                (begin + end) / 2,
                y + HIGH / 2,
                text,
                ha="center",
                va="center",
                fontsize=SMALL,
                color=ink.INK,
                path_effects=ink.HALO,
            )
        elif self.first > 1:
            until, begins = min(line.last, self.first - 1), f"≤ {line.base}" if line.base else "1"
            text = f"{begins} … {until}" if until > line.base else begins if until else "empty"
            self._box(begin, y, self.left - begin - 0.06, 0 < until <= (line.commit or 0), ink.FAINT)
            if line.base:
                style: dict[str, Any] = {"edgecolor": ink.LINE, "hatch": "///", "linewidth": 0, "zorder": 3}
                ink.box(self.ax, begin + 0.02, y, self.left - begin - 0.1, HIGH, **style)
            middle = (begin + self.left - 0.06) / 2
            ink.write(self.ax, middle, y + HIGH / 2, text, ha="center", fontsize=SMALL, path_effects=ink.HALO, zorder=4)

    def draw_cells(self, line: Line, y: float) -> None:
        """The entries that have a column."""
        tints = TINTS if line.looks == "up" else GREYS
        for index, term in line.terms().items():
            if index >= self.first:
                self._box(self.x(index), y, self.cell, index <= (line.commit or 0), tints[term % 2])
                text = {"ha": "center", "fontsize": ink.TEXT, "color": ink.INK if line.looks == "up" else ink.QUIET}
                ink.write(self.ax, self.x(index) + self.cell / 2, y + HIGH / 2, str(term), zorder=4, **text)

    def _box(self, x: float, y: float, wide: float, is_known: bool, tint: str) -> None:
        """Filled when known to be committed, else dashed."""
        inner = 0.02
        style: dict[str, Any] = {"facecolor": tint if is_known else ink.PAPER, "edgecolor": ink.INK}
        style |= {"linewidth": 1.0, "linestyle": "-" if is_known else (0, (3, 2))}
        ink.box(self.ax, x + inner, y, wide - 2 * inner, HIGH, zorder=2, **style)

    def draw_believed(self, line: Line, y: float) -> None:
        """What the leader believes of this follower, as two small arrows below its row."""
        if line.match is None or line.next is None:
            return
        low = y + HIGH + 0.1
        for index, face in ((line.match, ink.CONTROL), (line.next, ink.PAPER)):
            hidden = self.left - (0.24 if index == line.match else 0.1)  # as before the first entry
            x = self.x(index) + self.cell / 2 if index >= self.first else hidden
            style: dict[str, Any] = {"markersize": 6.5, "color": ink.CONTROL, "markerfacecolor": face, "zorder": 5}
            self.ax.plot([x], [low], marker="^", markeredgewidth=1.2, **style)

    def draw_commit(self) -> None:
        """A step through the rows: right of the last entry that each machine knows to be committed."""
        if not any(line.commit for line in self.lines):
            return
        before = None
        for n, line in enumerate(self.lines):
            if line.commit is None or line.role == "outside" or line.looks not in ("up", "frozen"):
                before = None  # what is off knows nothing
                continue
            top = self.above + n * PITCH - 0.05
            at = self.x(line.commit + 1) if line.commit >= self.first - 1 else self.label
            xs = [at, at] if before is None else [before, at, at]
            ys = [top, top + PITCH] if before is None else [top, top, top + PITCH]
            ys[-1] -= (n == len(self.lines) - 1) * 0.1
            self.ax.plot(xs, ys, color=ink.CONTROL, linewidth=2.6, solid_joinstyle="miter", zorder=6)
            before = at

    def draw_told(self, told: Mapping[int, str]) -> None:
        """What the client heard, each on a line of its own above its entry where others stand in the way."""
        items = [(index, text) for index, text in sorted(told.items()) if self.first <= index <= self.last]
        width = ink.inches(self.ax)[0]
        places = [self.x(index) + self.cell / 2 for index, _ in items]
        widths = [ink.room(text, SMALL) for _, text in items]
        begins = [max(0.0, min(x - 0.05, width - wide)) for x, wide in zip(places, widths, strict=True)]
        levels = ink.levels(begins, widths, 0.12)
        for (_, text), x, begin, level in zip(items, places, begins, levels, strict=True):
            y = self.above - HEAD - 0.02 - 0.2 * level
            self.ax.plot((x, x), (y + 0.09, self.above - 0.21), color=ink.QUIET, linewidth=0.9, zorder=1)
            ink.write(self.ax, begin, y, text, fontsize=SMALL, path_effects=ink.HALO, zorder=7)
