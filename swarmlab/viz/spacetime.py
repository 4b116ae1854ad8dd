"""A space–time diagram of a raft group: a row per server, time to the right, messages as slanted lines."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from . import ink
from .raftframes import dies, raft_at, rows_of, summary

SECOND = 1_000_000  # µs
ROW, BAR = 0.62, 0.24  # inches: from row to row, the bar of a role
TINTS = ("#e4e4e4", "#c3d6e3")  # of a follower's bar: terms alternate, even and odd
SIGNS = ("Heartbeat", "HeartbeatAnswer")
VOTES = ("RequestVote", "Vote", "PreVoteRequest", "PreVote", "TimeoutNow")
LETTERS = {"follower": "F", "candidate": "C", "precandidate": "P", "leader": "L"}


def draw_spacetime(trace: Any, start: float = 0, end: float | None = None, ax: Axes | None = None) -> Axes:
    """Who was what, and who said what to whom, between `start` and `end` (seconds). `trace` may be rows already.

    Bars are roles, with the term in them. Signs of life are small ticks under the leader's bar; grey bands are cuts.
    """
    rows = rows_of(trace)
    since, until = round(start * SECOND), rows["end"] if end is None else round(end * SECOND)
    names = rows["servers"]
    cuts = _cuts(rows, since, until, ink.WIDTH - _margin(names) - 0.2)
    top = 0.14 + 0.2 * max((level + 1 for *_, level in cuts), default=0)
    ax = ink.axes(ax, ROW * len(names) + top + 1.04, _margin(names), 0.2, top, 1.04)
    unit, word = (1000, "ms") if until - since < 2 * SECOND else (SECOND, "s")
    ax.set(xlim=(since / unit, until / unit), ylim=(len(names) - 0.35, -0.5))
    view = _View(ax, rows, since, until, unit)
    view.draw_cuts()
    view.draw_messages()
    for line, name in enumerate(names):
        view.draw_bars(line, name)
        view.draw_votes(line, name)
    said = [
        "F follower · C candidate · L leader, with the term",
        *(text for key, text in KEY.items() if key in view.seen),
    ]
    words = [f"simulated time, {word}", *ink.wrapped(said, 1.1 * ink.inches(ax)[0])]
    ax.set_xlabel("\n".join(words), fontsize=ink.TEXT, color=ink.INK, linespacing=1.5)
    ax.set_yticks(range(len(names)), names, fontsize=ink.TEXT)
    ax.tick_params(axis="y", length=0)
    ax.tick_params(axis="x", labelsize=ink.TEXT)
    for side in ("left", "right", "top"):
        ax.spines[side].set_visible(False)
    return ax


KEY = {
    "vote": "thick lines: votes",
    "append": "thin lines: the log",
    "beat": "small ticks: signs of life",
    "granted": "✓ votes yes",
    "refused": "– votes no",
    "lost": "✕ lost",
}


class _View:
    """One diagram while it is drawn, and which signs it has."""

    def __init__(self, ax: Axes, rows: dict, since: int, until: int, unit: int):
        self.ax, self.rows, self.since, self.until, self.unit = ax, rows, since, until, unit
        self.lines = {name: line for line, name in enumerate(rows["servers"])}
        self.seen: set[str] = set()

    def draw_cuts(self) -> None:
        """Grey bands from cut to heal, with the sides above."""
        wide, high = ink.inches(self.ax)
        for left, right, begin, text, level in _cuts(self.rows, self.since, self.until, wide):
            self.ax.axvspan(left / self.unit, right / self.unit, color=ink.FAINT, zorder=0, linewidth=0)
            place = {"transform": self.ax.transAxes, "va": "bottom", "clip_on": False}
            ink.write(self.ax, begin / wide, 1 + (0.02 + 0.2 * level) / high, text, **place)

    def draw_messages(self) -> None:
        """Lines from row to row; signs of life are only ticks."""
        lines: dict[str, list] = {"vote": [], "append": [], "lost": []}
        beats: list = []
        ends: list = []
        crosses: list = []
        half = BAR / ROW / 2
        for sent, arrived, sender, to, name, _, fate, _, _ in self.rows["messages"]:
            if sent > self.until or max(sent, arrived) < self.since:
                continue
            x, a, b = sent / self.unit, self.lines[sender], self.lines[to]
            down = 1 if b > a else -1
            if name in SIGNS:
                beats += [((x, a + half), (x, a + half + 0.09))] if name == SIGNS[0] else []
                continue
            share = dies(fate, arrived) or 1.0
            far = (sent + self.rows["flight"] if arrived < 0 else arrived) / self.unit
            y0, y1 = a + down * half, b - down * half
            end = (x + (far - x) * share, y0 + (y1 - y0) * share)
            lines["lost" if fate not in ("", "duplicate") else "vote" if name in VOTES else "append"].append(
                ((x, y0), end)
            )
            (crosses if fate not in ("", "duplicate") else ends).append(end)
        looks: dict[str, tuple[str, float]] = {
            "vote": (ink.CONTROL, 1.5),
            "append": (ink.QUIET, 0.8),
            "lost": (ink.WRONG, 0.8),
        }
        for kind, (colour, width) in looks.items():
            self._add(lines[kind], kind, colors=colour, linewidths=width, zorder=1.8 if kind == "lost" else 2)
        self._add(beats, "beat", colors=ink.QUIET, linewidths=0.7, zorder=1)
        self._dots(ends, marker="o", markersize=2.4, color=ink.QUIET)
        self._dots(crosses, marker="x", markersize=5, markeredgewidth=1.5, color=ink.WRONG)

    def _add(self, lines: list, kind: str, **style: Any) -> None:
        if lines:
            self.seen.add(kind)
            self.ax.add_collection(LineCollection(lines, **style), autolim=False)

    def _dots(self, places: list, **style: Any) -> None:
        if places:
            xs, ys = zip(*places, strict=True)
            self.ax.plot(xs, ys, linestyle="none", zorder=3, **style)

    def draw_bars(self, line: int, name: str) -> None:
        """What the server was, span by span; the text where there is room for it."""
        thick = BAR / ROW
        for since, until, looks, role, term in self.rows["spans"][name]:
            left, right = max(since, self.since) / self.unit, min(until, self.until) / self.unit
            if left >= right or (looks == "off" and since == 0):
                continue
            style = _style(looks, role, term)
            self.ax.add_patch(ink.Rectangle((left, line - thick / 2), right - left, thick, zorder=4, **style))
            self._write(left, right, line, looks, role, term)
            if looks == "down" and since >= self.since:
                self.ax.plot([left], [line], marker="x", color=ink.WRONG, markersize=8, markeredgewidth=2.2, zorder=6)

    def _write(self, left: float, right: float, line: int, looks: str, role: str, term: int) -> None:
        low, high = self.ax.get_xlim()
        room = (right - left) / (high - low) * ink.inches(self.ax)[0]
        letter = LETTERS.get(role, "")
        texts = (
            [f"{letter} {term}", str(term)]
            if looks == "up"
            else [looks if role in ("", "outside") else f"{looks}, {letter} {term}"]
        )
        text = next((text for text in texts if letter + looks and ink.room(text) + 0.1 < room), "")
        colour = ink.PAPER if role == "leader" and looks == "up" else ink.INK
        shift = (0.16 if looks == "down" else 0.06) * (high - low) / ink.inches(self.ax)[0]
        bold = "bold" if role in ("leader", "candidate") else "normal"
        ink.write(
            self.ax,
            left + shift,
            line,
            text,
            color=colour,
            fontsize=9,
            fontweight=bold,
            zorder=5,
            path_effects=ink.HALO if looks != "up" else [],
        )

    def draw_votes(self, line: int, name: str) -> None:
        """Where it gave its vote, or refused it."""
        above = line - BAR / ROW / 2 - 0.12
        for time, _, kind, label in self.rows["marks"]:
            if kind in ("vote", "refused") and self.since <= time <= self.until and label.startswith(f"{name} "):
                sign = "✓" if kind == "vote" else "–"
                self.seen.add("granted" if kind == "vote" else "refused")
                style = {
                    "fontsize": 9,
                    "fontweight": "bold",
                    "color": ink.CONTROL,
                    "ha": "center",
                    "path_effects": ink.HALO,
                }
                ink.write(self.ax, time / self.unit, above, sign, zorder=6, clip_on=True, **style)


def _style(looks: str, role: str, term: int) -> dict[str, Any]:
    """The bar of a role: a leader full, a candidate dashed, a follower pale in the tint of its term."""
    if looks != "up":
        hatch = {"frozen": "---"}.get(looks, "xxx")
        return {"facecolor": ink.PAPER, "edgecolor": ink.LINE, "hatch": hatch, "linewidth": 0.8}
    if role == "leader":
        return {"facecolor": ink.CONTROL, "edgecolor": ink.INK, "linewidth": 0.8}
    if role in ("candidate", "precandidate"):
        dashes = (0, (3, 2)) if role == "candidate" else (0, (1, 1.5))
        return {"facecolor": ink.PAPER, "edgecolor": ink.CONTROL, "linewidth": 1.3, "linestyle": dashes}
    if role == "outside":
        return {"facecolor": ink.PAPER, "edgecolor": ink.LINE, "linewidth": 0.8, "linestyle": ":"}
    return {"facecolor": TINTS[term % 2], "edgecolor": ink.LINE, "linewidth": 0.6}


def _cuts(rows: dict, since: int, until: int, wide: float) -> list[tuple]:
    """The cuts of a stretch as (from, to, where the words begin in inches, words, on which line they stand)."""
    found = [cut for cut in rows["cuts"] if cut[0] < until and cut[1] > since]
    texts = []
    for _, _, groups, one_way in found:
        sides = [[ink.short(name) for name in group if name in rows["servers"]] for group in groups]
        texts.append(f"cut: {(' → ' if one_way else ' | ').join(' '.join(side) for side in sides if side)}")
    widths = [ink.room(text) for text in texts]
    lefts = [(max(cut[0], since) - since) / max(1, until - since) * wide for cut in found]
    begins = [max(0.0, min(left, wide - width)) for left, width in zip(lefts, widths, strict=True)]
    lines = ink.levels(begins, widths, 0.12)
    spans = [(max(cut[0], since), min(cut[1], until)) for cut in found]
    return [(*span, *rest) for span, *rest in zip(spans, begins, texts, lines, strict=True)]


def _margin(names: list[str]) -> float:
    return 0.2 + max((ink.room(name) for name in names), default=0.5)


def tell_spacetime(trace: Any, start: float = 0, end: float | None = None) -> str:
    """The diagram in words, for `show`: what happened, in order."""
    rows = rows_of(trace)
    since, until = round(start * SECOND), rows["end"] if end is None else round(end * SECOND)
    kinds = ("fault", "back", "election", "leader")
    said = [
        f"{(t - since) / SECOND:.3f} s: {label}"
        for t, _, kind, label in rows["marks"]
        if since <= t <= until and kind in kinds
    ]
    more = f"; and {len(said) - 12} more" if len(said) > 12 else ""
    head = f"A row per server for {len(rows['servers'])} servers, time to the right, from {start:g} s on"
    return f"{head}. {'; '.join(said[:12]) or summary(raft_at(rows, until))}{more}."
