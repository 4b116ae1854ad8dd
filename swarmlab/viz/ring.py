"""An election at an instant: servers on a ring, their time-outs running down, votes falling into the places of a quorum.

Lengths are inches. An arc is what is left of a time-out, of the longest there is; its pale part is gone already.
"""

from collections.abc import Callable, Mapping, Sequence
from math import cos, hypot, pi, sin
from textwrap import wrap
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch, Polygon, Rectangle, Wedge

from . import ink
from .raftframes import raft_at, rows_of, summary
from .spacetime import draw_spacetime, tell_spacetime
from .still import CROWN
from .words import ROUTINE

__all__ = [
    "draw_ring",
    "draw_spacetime",
    "election_instants",
    "election_strip",
    "tell_election",
    "tell_ring",
    "tell_spacetime",
]

SECOND = 1_000_000  # µs
ARC, GAP = 0.06, 0.03  # inches: thickness of the arc round a server, what is free between the two
PLACE, PITCH = 0.1, 0.125  # inches: a place for a vote, from one to the next
LABEL = 0.19  # inches: a line of text
SMALL = 9  # points
TINTS = ("#ffffff", "#cfe3f0")  # terms alternate: even, odd
ASKING = ("precandidate", "candidate")
LETTERS = {"follower": "F", "candidate": "C", "precandidate": "P", "leader": "L"}
TICK = ((0.18, 0.5), (0.42, 0.22), (0.85, 0.85))
SHAPES = {"ask": ("o", 7.5, ink.PAPER), "yes": ("o", 11, ink.PAPER), "no": ("o", 11, ink.PAPER)}
SHAPES |= {"entries": ("s", 7.5, ink.CONTROL)}
SIGNS = {"yes": "✓", "no": "–"}
KEY = {
    "arc": "arc: what is left of a time-out",
    "places": "squares: the votes it needs",
    "ask": "○ asks for a vote",
    "yes": "✓ yes",
    "no": "– no",
    "entries": "■ entries",
    "other": "● other messages",
    "lost": "✕ lost",
}


def draw_ring(trace: Any, time: float, ax: Axes | None = None) -> Axes:
    """The group at `time` (seconds): roles, terms, time-outs, votes, messages under way. `trace` may be rows already."""
    rows = rows_of(trace)
    world = raft_at(rows, micros(time))
    if ax is not None:
        _Ring(ax, rows, world, ink.short).draw()
        return ax
    fig = ink.sheet(width=5.6, height=5.6)
    ax = fig.add_axes((0.02, 0.1, 0.96, 0.84))
    _Ring(ax, rows, world, str).draw()
    _write_key(fig, [world])
    said = "\n".join(wrap(summary(world).partition(";")[0], int(5.4 / ink.room("m") * 1.1)))
    fig.text(0.5, 0.965, said, ha="center", va="center", fontsize=ink.TEXT, color=ink.INK)
    return ax


def election_strip(trace: Any, times: Any = None, titles: Sequence[str] | None = None) -> Figure:
    """Four to six rings side by side: fault, noticed, asked, elected. `times` are seconds, records, or name → seconds;
    without them, those of the first election after the first fault (`election_instants`)."""
    rows = rows_of(trace)
    named = election_instants(rows) if times is None else times
    names = list(named) if isinstance(named, Mapping) else list(titles or [""] * len(named))
    instants = list(named.values()) if isinstance(named, Mapping) else list(named)
    columns = 2 if len(instants) in (2, 4) else 3
    wide = (ink.WIDTH - 0.2) / columns
    high, lines = min(wide, 3.3) - 0.1, -(-len(instants) // columns)
    above, foot = 0.5, 0.42
    total = lines * (high + above) + foot
    fig = ink.sheet(height=total)
    clock = clock_of([micros(instant) for instant in instants])
    for n, (name, instant) in enumerate(zip(names, instants, strict=True)):
        x, top = 0.1 + n % columns * wide, total - n // columns * (high + above)
        ax = fig.add_axes((x / ink.WIDTH, (top - above - high) / total, wide / ink.WIDTH, high / total))
        draw_ring(rows, instant, ax)
        said = shortened(happened(rows, micros(instant), instant), wide)
        place: dict[str, Any] = {"ha": "center", "va": "center", "color": ink.INK, "fontsize": ink.TEXT}
        middle, head = (x + wide / 2) / ink.WIDTH, " · ".join(filter(None, (name, clock[n])))
        fig.text(middle, (top - 0.14) / total, head, fontweight="bold", **place)
        fig.text(middle, (top - 0.34) / total, said, **place)
    _write_key(fig, [raft_at(rows, micros(instant)) for instant in instants])
    return fig


def election_instants(trace: Any, fault: Any = None) -> dict[str, float]:
    """The instants of an election worth a picture, in seconds: fault, waiting, noticed, asked, elected, followed.

    `fault` is a record or its number, by default the first crash, freeze or cut; without any, the election at the
    beginning. Those that never came are left out.
    """
    rows = rows_of(trace)
    kinds = [(time, number, kind) for time, number, kind, _ in rows["marks"]]
    first = next(((time, number) for time, number, kind in kinds if kind == "fault"), (rows["start"], -1))
    if fault is not None:
        number = fault if isinstance(fault, int) else fault.number
        first = rows["facts"][number][0], number
    after = [(time, *rows["facts"][number][1:4:2]) for time, number, _ in kinds if number > first[1]]
    asks = next((time for time, _, kind in after if kind in ("BecamePreCandidate", "BecameCandidate")), None)
    wins, winner = next(((time, source) for time, source, kind in after if kind == "BecameLeader"), (None, ""))
    found: dict[str, int] = {} if first[1] < 0 else {"fault": first[0]}
    if asks is not None:
        found |= {"waiting": first[0] + (asks - first[0]) * 2 // 3, "noticed": asks}
    if wins is not None:
        mine = [time for time, source, kind in after if (source, kind) == (winner, "BecameCandidate") and time <= wins]
        found |= {"asked": (mine[-1] + wins) // 2, "elected": wins}
        heard = [
            f[0] for f in rows["facts"] if f[3] == "LeaderRecognised" and wins <= f[0] < wins + 20 * rows["flight"]
        ]
        found |= {"followed": max(heard)} if heard else {}
    return {name: time / SECOND for name, time in found.items()}


def tell_ring(trace: Any, time: float) -> str:
    """One ring in words, for `show`."""
    world = raft_at(rows_of(trace), micros(time))
    waits = [f"{s['name']} {ink.span((s['deadline'] - world['time']) / SECOND)}" for s in _waiting(world)]
    votes = [f"{s['name']} has {s['places'][0][1]} of the {s['places'][0][0]} votes it needs" for s in _asking(world)]
    flying = f"{len(told(world)) or 'no'} message{'s are' if len(told(world)) > 1 else ' is'} under way"
    said = [f"{len(world['servers'])} servers on a ring, {summary(world)}", *votes]
    said += [f"left of the time-outs: {', '.join(waits)}"] if waits else []
    return "; ".join([*said, flying]) + "."


def tell_election(trace: Any, times: Any = None) -> str:
    """A strip of rings in words, for `show`."""
    rows = rows_of(trace)
    named = election_instants(rows) if times is None else times
    pairs = named.items() if isinstance(named, Mapping) else [("", time) for time in named]
    said = [
        f"{name + ': ' if name else ''}{summary(raft_at(rows, micros(at))).partition(';')[0]}" for name, at in pairs
    ]
    return f"{len(said)} rings of {len(rows['servers'])} servers. {'; '.join(said)}."


def micros(time: Any) -> int:
    """Seconds or a record as µs."""
    return time.time if hasattr(time, "time") else round(time * SECOND)


def _waiting(world: dict) -> list[dict]:
    """Who waits for a leader's voice, the most impatient first."""
    found = [s for s in world["servers"] if s["deadline"] is not None and s["role"] != "leader" and s["looks"] == "up"]
    return sorted(found, key=lambda server: server["deadline"])


def _asking(world: dict) -> list[dict]:
    return [server for server in world["servers"] if server["places"]]


# ── the picture ──────────────────────────────────────────────────────────────────────────────────────────────────


def spots(names: Sequence[str], width: float, height: float, edge: float) -> dict[str, tuple[float, float]]:
    """The middle of each server in a box of this size: the first on top, the others clockwise. Names stand outside,
    above the upper half and below the lower one."""
    angles = [pi / 2 - 2 * pi * n / len(names) for n in range(len(names))]
    lowest = min(sin(angle) for angle in angles)
    room = height - 2 * edge - 2 * LABEL
    down = room / (1 - lowest) if lowest < 1 else 0.0
    across = min(width / 2 - edge, 1.15 * down)
    down = min(down, 1.15 * across)
    top = height / 2 - edge - LABEL - (room - down * (1 - lowest)) / 2 - down
    return {name: (across * cos(angle), top + down * sin(angle)) for name, angle in zip(names, angles, strict=True)}


class _Ring:
    """One ring while it is drawn."""

    def __init__(self, ax: Axes, rows: dict, world: dict, spoken: Callable[[str], str]):
        self.ax, self.world, self.names, self.spoken = ax, world, rows["servers"], spoken
        width, height = ink.inches(ax)
        ax.set(xlim=(-width / 2, width / 2), ylim=(-height / 2, height / 2), aspect="equal")
        ax.set_axis_off()
        self.disc = max(0.24, min(0.38, 0.085 * min(width, height)))  # inches: radius of a server
        self.rim = self.disc + GAP + ARC
        self.spots = spots(self.names, width, height, self.rim + 0.06)

    def draw(self) -> None:
        """Cuts below messages below servers."""
        for cut in self.world["cuts"]:
            self.draw_cut(*cut[2:])
        for message in told(self.world):
            self.draw_message(message)
        for server in self.world["servers"]:
            self.draw_server(server, *self.spots[server["name"]])

    def draw_cut(self, groups: list, one_way: bool) -> None:
        """A grey dashed line through every gap between neighbours that cannot talk."""
        side = {name: n for n, group in enumerate(groups) for name in group}
        gaps = []
        for one, other in zip(self.names, [*self.names[1:], self.names[0]], strict=True):
            if one in side and other in side and side[one] != side[other]:
                (x0, y0), (x1, y1) = self.spots[one], self.spots[other]
                gaps.append(((x0 + x1) / 2 * 1.12, (y0 + y1) / 2 * 1.12))
        for line in [gaps] if len(gaps) == 2 else [[(0, 0), gap] for gap in gaps]:
            xs, ys = zip(*line, strict=True)
            self.ax.plot(xs, ys, color=ink.LINE, linewidth=5, linestyle=(0, (2, 1)), zorder=1)
        if gaps:
            style: dict[str, Any] = {"ha": "center", "color": ink.QUIET, "path_effects": ink.HALO, "zorder": 8}
            ink.write(self.ax, *gaps[0], "cut one way" if one_way else "cut", **style)

    def between(self, one: str, other: str, share: float) -> tuple[float, float]:
        """A point on the line between two servers, from edge to edge."""
        (x0, y0), (x1, y1) = self.spots[one], self.spots[other]
        edge = (self.rim + 0.05) / hypot(x1 - x0, y1 - y0)
        at = edge + (1 - 2 * edge) * share
        return x0 + (x1 - x0) * at, y0 + (y1 - y0) * at

    def draw_message(self, message: dict) -> None:
        """A line as far as it has come, dotted where it goes; its shape says what it is."""
        ends = message["from"], message["to"]
        (x0, y0), (x, y), (x1, y1) = (self.between(*ends, share) for share in (0, message["far"], 1))
        colour, kind = ink.WRONG if message["dead"] else ink.CONTROL, kind_of(message)
        self.ax.plot((x0, x), (y0, y), color=colour, linewidth=1.2, zorder=2)
        if kind == "lost":
            self.ax.plot([x], [y], marker="x", color=ink.WRONG, markersize=8, markeredgewidth=2.2, zorder=6)
            return
        self.ax.plot((x, x1), (y, y1), color=ink.CONTROL, linewidth=1, linestyle=(0, (1, 2.5)), zorder=2)
        shape, size, face = SHAPES.get(kind, ("o", 6, ink.CONTROL))
        style: dict[str, Any] = {"markersize": size, "markerfacecolor": face, "markeredgewidth": 1.5, "zorder": 6}
        self.ax.plot([x], [y], marker=shape, color=ink.CONTROL, **style)
        if kind in SIGNS:
            style = {"ha": "center", "fontsize": 8, "fontweight": "bold", "color": ink.CONTROL, "zorder": 7}
            ink.write(self.ax, x, y, SIGNS[kind], **style)

    def draw_server(self, server: dict, x: float, y: float) -> None:
        """Disc, time-out, role, name."""
        server = server if server["member"] else server | {"role": "outside", "armed": None, "places": None}
        role, works = server["role"], server["looks"] == "up"
        dashes = (0, (3, 2)) if role in ASKING else ":" if role == "outside" else "-"
        edge = ink.CONTROL if works and role != "outside" else ink.QUIET
        if server["armed"] and works:
            self.draw_timer(server, x, y)
        if server["wrong"]:
            self.ax.add_patch(
                Circle((x, y), self.disc + 0.05, fill=False, edgecolor=ink.WRONG, linewidth=2.2, zorder=3)
            )
        style: dict[str, Any] = {"edgecolor": edge, "linewidth": 1.3, "linestyle": dashes, "zorder": 3}
        self.ax.add_patch(Circle((x, y), self.disc, facecolor=ink.PAPER, **style))
        if role == "leader":
            self.ax.add_patch(Circle((x, y), self.disc - 0.04, fill=False, edgecolor=edge, linewidth=1.1, zorder=4))
        if not works:
            hatch = "---" if server["looks"] == "frozen" else "xxx"
            style = {"facecolor": "none", "edgecolor": ink.LINE, "linewidth": 0, "zorder": 3}
            self.ax.add_patch(Circle((x, y), self.disc, hatch=hatch, **style))
        self.draw_role(server, x, y)
        above = y > sum(y for _, y in self.spots.values()) / len(self.spots)
        self.draw_label(server, x, y + (1 if above else -1) * (self.rim + LABEL / 2 + 0.01))

    def draw_timer(self, server: dict, x: float, y: float) -> None:
        """Pale: what it was armed with; dark: what is left. Both end on top, where time is up."""
        for share, colour, edge in ((server["armed"], ink.FAINT, ink.LINE), (server["left"], ink.CONTROL, ink.CONTROL)):
            if share > 0.002:
                wedge = Wedge((x, y), self.rim, 90 - 360 * min(1.0, share), 90, width=ARC, zorder=2)
                wedge.set(facecolor=colour, edgecolor=edge, linewidth=0.6)
                self.ax.add_patch(wedge)

    def draw_role(self, server: dict, x: float, y: float) -> None:
        """Crown or letter; below it the places of the votes that are needed, or what is wrong."""
        role, halves = server["role"], server["places"] or []
        below = bool(halves) or (server["looks"] != "up" and role in LETTERS)
        lift = 0.3 * self.disc if below else 0.0
        bold: dict[str, Any] = {"fontweight": "bold", "color": ink.CONTROL, "ha": "center", "path_effects": ink.HALO}
        if role == "leader":
            size = 0.06 * self.disc
            shape = [(x + size * a, y + lift - size * b) for a, b in CROWN]
            self.ax.add_patch(Polygon(shape, facecolor=ink.CONTROL, edgecolor=ink.PAPER, linewidth=0.8, zorder=5))
        elif role in LETTERS:
            ink.write(self.ax, x, y + lift, LETTERS[role], fontsize=12, zorder=5, **bold)
        word = server["looks"] if server["looks"] != "up" else "no log" if role == "broken" else ""
        if word:
            low = y - 0.35 * self.disc if below else y
            ink.write(self.ax, x, low, word, fontsize=SMALL, ha="center", path_effects=ink.HALO, zorder=6)
        for n, (need, got, may) in enumerate(halves if server["looks"] == "up" else []):
            left = x - (need * PITCH - (PITCH - PLACE)) / 2
            low = y - 0.35 * self.disc - PLACE / 2 - (n - (len(halves) - 1) / 2) * PITCH
            for place in range(need):
                self.draw_place(left + place * PITCH, low, place < got, place < got + may)

    def draw_place(self, x: float, y: float, taken: bool, asked: bool) -> None:
        """A place for one vote: empty, asked for, or with its tick."""
        dots = "-" if taken or not asked else (0, (1, 1.2))
        style: dict[str, Any] = {"edgecolor": ink.INK, "linewidth": 0.9, "linestyle": dots, "zorder": 5}
        self.ax.add_patch(Rectangle((x, y), PLACE, PLACE, facecolor=ink.PAPER, **style))
        if taken:
            xs, ys = zip(*((x + PLACE * a, y + PLACE * b) for a, b in TICK), strict=True)
            self.ax.plot(xs, ys, color=ink.CONTROL, linewidth=1.8, zorder=6)

    def draw_label(self, server: dict, x: float, y: float) -> None:
        """Its name, and the term in its badge."""
        name = self.spoken(server["name"])
        learns = server["name"] in ((server["group"] or {}).get("learners") or ())
        name = f"{name} (learner)" if learns else name
        term = f"T {server['term']}" if server["role"] != "outside" and server["looks"] != "off" else ""
        wide, badge = 0.63 * SMALL * len(name) / 72, 0.6 * SMALL * len(term) / 72 + 0.06 * bool(term)
        left = x - (wide + badge + 0.07 * bool(term)) / 2
        style: dict[str, Any] = {"fontsize": SMALL, "ha": "center", "zorder": 8}
        ink.write(self.ax, left + wide / 2, y, name, fontweight="bold", path_effects=ink.HALO, **style)
        if term:
            box = FancyBboxPatch(
                (left + wide + 0.07, y - 0.075), badge, 0.15, boxstyle="round,pad=0,rounding_size=0.04"
            )
            box.set(facecolor=TINTS[server["term"] % 2], edgecolor=ink.CONTROL, linewidth=0.8, zorder=7)
            self.ax.add_patch(box)
            ink.write(self.ax, left + wide + 0.07 + badge / 2, y - 0.003, term, **style)


def told(world: dict) -> list[dict]:
    """The messages worth a line: signs of life say nothing new."""
    return [message for message in world["messages"] if message["name"] not in ROUTINE]


def kind_of(message: dict) -> str:
    """Which sign a message has."""
    name, brief = message["name"], message["brief"]
    if message["dead"]:
        return "lost"
    if name in ("Vote", "PreVote"):
        return "yes" if brief and brief[0] else "no"
    if name in ("RequestVote", "PreVoteRequest"):
        return "ask"
    return "entries" if name == "AppendEntries" and brief and brief[1] else "other"


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _write_key(fig: Figure, worlds: list[dict]) -> None:
    """What the signs mean, of those that occur."""
    kinds = {kind_of(message) for world in worlds for message in told(world)}
    kinds |= {"arc" for world in worlds if any(server["armed"] for server in _waiting(world))}
    kinds |= {"places" for world in worlds if _asking(world)}
    lines = ink.wrapped([text for kind, text in KEY.items() if kind in kinds], 1.05 * fig.get_figwidth())
    style: dict[str, Any] = {"ha": "center", "va": "bottom", "fontsize": ink.TEXT, "color": ink.INK, "linespacing": 1.3}
    fig.text(0.5, 0.07 / fig.get_figheight(), "\n".join(lines), **style)


def clock_of(times: list[int]) -> list[str]:
    """These instants with as few digits as tell them apart."""
    for digits in (2, 3, 4, 5, 6):
        texts = [f"{time / SECOND:.{digits}f} s" for time in times]
        if len(set(texts)) == len(set(times)):
            break
    return texts


def happened(rows: dict, time: int, instant: Any) -> str:
    """What happened at this instant, or how things stand."""
    if hasattr(instant, "number"):
        return " ".join(rows["facts"][instant.number][index] for index in (1, 4))
    now = [mark for mark in rows["marks"] if mark[0] == time]
    order = ("leader", "fault", "election", "vote")
    asking = [mark for mark in now if mark[2] == "election" and "asks" in mark[3]]
    if len(asking) > 1 and not any(mark[2] in ("leader", "fault") for mark in now):
        return f"{len(asking)} servers ask for votes at once"
    if now:
        return min(now, key=lambda mark: order.index(mark[2]) if mark[2] in order else 9)[3]
    said = summary(raft_at(rows, time)).partition(": ")[2].partition(";")[0].split(", ")
    return next((text for text in said if "asks" in text), said[0])


def shortened(text: str, width: float) -> str:
    """As much of a text as fits into so many inches."""
    letters = int(width / ink.room("m") * 1.15)
    return text if len(text) <= letters else f"{text[: letters - 2]} …"
