"""Many runs in one picture: a dot per run on a time axis, and above the dots how large a share is over by then."""

from collections.abc import Mapping, Sequence
from math import ceil, hypot, inf, log10
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator

from . import ink

SECOND = 1_000_000  # µs
MOST = 6  # curves in one picture; more could not be told apart
CURVES, GAP = 1.9, 0.14  # inches: all curves together, and between them and the strips of dots
STRIPS = (1.4, 1.1, 1.0, 0.8, 0.8, 0.8)  # inches: a strip of dots when there is one, when there are two, …
LEFT, RIGHT = 1.7, 2.55
LINE = 0.17  # inches, of text
SIZES = (0.085, 0.07, 0.06, 0.05)  # inches: a dot; the first size that lets the highest column fit
SHARES = {0.0: "none", 0.5: "half", 0.9: "9 of 10", 1.0: "all"}
MARKED = ((0.5, "-"), (0.9, (0, (2, 1.5))))  # of these, the ones with a line through the dots
HEIGHTS = (0.4, 0.6, 0.25, 0.75, 0.12, 0.85, 0.32, 0.68, 0.18)  # of the letter on a curve, the best first
BADGE = 0.24  # inches: a letter with its ring
LETTERS = "ABCDEF"
DASHES = ("-", (0, (5, 2)), (0, (1, 1.2)), (0, (6, 1.5, 1, 1.5)), (0, (2, 2)), (0, (8, 1.5, 1, 1.5, 1, 1.5)))
DOT: dict[str, Any] = {"linestyle": "none", "marker": "o", "zorder": 3, "clip_on": False}
FIRST = DOT | {"markerfacecolor": ink.CONTROL, "markeredgewidth": 0}
AGAIN = DOT | {"markerfacecolor": ink.PAPER, "markeredgecolor": ink.INK, "markeredgewidth": 0.9}
NEVER = DOT | {"marker": "x", "color": ink.WRONG, "markeredgewidth": 1.6, "markersize": 6}
BESIDE = AGAIN | {"markeredgewidth": 1.5, "zorder": 5}  # a guess, a published number
RING = DOT | {"markerfacecolor": "none", "markeredgecolor": ink.INK, "markersize": 11, "zorder": 5}


class Curve(NamedTuple):
    """Runs of one kind, and their place in the picture."""

    title: str
    number: int
    runs: tuple[tuple[float, int, str], ...]  # (seconds, terms, seed), the quickest first; infinite without a leader
    low: float  # of its strip of dots, in inches below the curves
    high: float

    def by(self, share: float) -> float:
        """When so large a share of the runs is over, in seconds."""
        return self.runs[max(1, ceil(share * len(self.runs) - 1e-9)) - 1][0]

    @property
    def ended(self) -> tuple[tuple[float, int, str], ...]:
        return tuple(run for run in self.runs if run[0] < inf)


def draw_dots(
    runs: Any,
    ax: Axes | None = None,
    span: tuple[float, float] | None = None,
    references: Mapping[str, float] | None = None,
    guess: Any = None,
    mark: Any = None,
) -> Axes:
    """One dot per run, at the time without a leader; above, the share of runs that have a leader by then.

    `runs` is a list of (seed, time in µs or None, terms), or several by title. Runs that needed more than one term are
    hollow; those that found no leader are crosses at the right edge. `span` fixes the time axis, in seconds, so that
    pictures can be compared. `references` are published medians by title (diamonds), `guess` is the learner's (a hollow
    triangle), both in seconds; `mark` is the seed of a run to point out.
    """
    curves, published, guessed = curves_of(runs), references or {}, _number(guess)
    ax = ink.axes(ax, 0.75 + CURVES - curves[-1].low, LEFT, RIGHT, 0.15, 0.6)
    ax.set(xlim=span or _span(curves, guessed), ylim=(curves[-1].low - 0.08, CURVES), xscale="log")
    _draw_axes(ax, guessed)
    for curve in curves:
        _draw_curve(ax, curve)
        _draw_strip(ax, curve, mark)
        _write_strip(ax, curve, published.get(curve.title), len(curves) > 1)
    _draw_letters(ax, curves)
    if guessed:
        ax.plot([_inside(ax, guessed)], [CURVES / 2], **BESIDE | {"marker": "v", "markersize": 10})
    return ax


def tell_dots(runs: Any) -> str:
    """The same in words: what `show` needs beside `draw_dots`."""
    return " ".join(_tell(curve) for curve in curves_of(runs))


def curves_of(runs: Any) -> list[Curve]:
    """The runs by title; a single list has none."""
    found = {str(title): list(some) for title, some in runs.items()} if isinstance(runs, Mapping) else {"": [*runs]}
    if not found or not all(found.values()):
        raise ValueError("there is nothing to draw: no runs")
    if len(found) > MOST:
        raise ValueError(f"{len(found)} curves in one picture: no more than {MOST} can be told apart")
    high, curves = STRIPS[len(found) - 1], []
    for n, (title, some) in enumerate(found.items()):
        rows = sorted((inf if time is None else time / SECOND, terms, str(seed)) for seed, time, terms in some)
        curves.append(Curve(title, n, tuple(rows), 0.05 - (GAP + high) * (n + 1), high))
    return curves


# ── the axes ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _span(curves: Sequence[Curve], guess: float | None) -> tuple[float, float]:
    """A time axis with room for all."""
    times = [time for curve in curves for time, *_ in curve.ended if time > 0]
    times += [guess] if guess and times else []
    return (min(times) / 1.3, max(times) * 1.3) if times else (0.01, 10.0)


def _draw_axes(ax: Axes, guess: float | None) -> None:
    words = ["time without a leader, on a logarithmic axis", "● one term", "○ more terms"]
    ax.set_xlabel("   ".join(words + ["▽ the guess"] * bool(guess)), fontsize=ink.TEXT, color=ink.INK)
    ticks = _ticks(*ax.get_xlim())
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticklabels([f"{t:g} s" if t >= 1 else f"{t * 1000:g} ms" for t in ticks], fontsize=ink.TEXT)
    heights = [share * CURVES for share in SHARES]
    ax.set_yticks(heights, list(SHARES.values()), fontsize=ink.TEXT)
    ax.tick_params(axis="y", length=0)
    ax.hlines(heights, *ax.get_xlim(), color=ink.LINE, linewidth=0.7, zorder=1)
    for side in ("left", "right", "top"):
        ax.spines[side].set_visible(False)


def _ticks(least: float, most: float) -> list[float]:
    """As many of each decade as fit."""
    steps = (1, 1.5, 2, 3, 4, 5, 7) if most / least < 6 else (1, 2, 5) if most / least < 500 else (1,)
    decades = range(int(log10(least)) - 2, int(log10(most)) + 2)
    ticks = [float(f"{step}e{decade}") for decade in decades for step in steps]
    return [tick for tick in ticks if least <= tick <= most * 1.0001]


def _place(ax: Axes, seconds: float) -> float:
    """How many inches from the left edge an instant is."""
    least, most = ax.get_xlim()
    return log10(seconds / least) * ink.inches(ax)[0] / log10(most / least)


def _seconds(ax: Axes, place: float) -> float:
    """The instant so many inches from the left edge."""
    least, most = ax.get_xlim()
    return float(least * (most / least) ** (place / ink.inches(ax)[0]))


def _inside(ax: Axes, seconds: float) -> float:
    """An instant, or the edge of the axis that is nearest to it."""
    return min(max(seconds, _seconds(ax, 0.1)), _seconds(ax, ink.inches(ax)[0] - 0.1))


# ── one curve and its dots ───────────────────────────────────────────────────────────────────────────────────────


def _draw_curve(ax: Axes, curve: Curve) -> None:
    """The share that is over: from none at the left edge up to where it ends at the right one."""
    (least, most), step = ax.get_xlim(), CURVES / len(curve.runs)
    times = [time for time, *_ in curve.ended]
    heights = [0.0, *(step * (n + 1) for n in range(len(times))), step * len(times)]
    style: dict[str, Any] = {"color": ink.CONTROL, "linewidth": 1.8, "linestyle": DASHES[curve.number]}
    ax.plot([least, *times, most], heights, drawstyle="steps-post", zorder=2, **style)


def _draw_strip(ax: Axes, curve: Curve, mark: Any) -> None:
    """The dots of one curve in columns, and lines where half and nine of ten of them are over."""
    size, spots = _columns(ax, curve)
    for style, is_first in ((FIRST, True), (AGAIN, False)):
        chosen = [spot for spot, (_, terms, _) in zip(spots, curve.ended, strict=True) if (terms <= 1) is is_first]
        ax.plot([x for x, _ in chosen], [y for _, y in chosen], **{"markersize": size * 72 - 0.7} | style)
    for spot, (time, _, seed) in zip(spots, curve.ended, strict=True):
        if mark is not None and seed == str(mark):
            _point_out(ax, spot, curve, f"seed {seed}: {ink.span(time)}")
    ax.hlines(curve.low, *ax.get_xlim(), color=ink.LINE, linewidth=0.7, zorder=1)
    for share, dash in MARKED:
        if curve.by(share) < inf:
            top = curve.low + curve.high - 0.05
            ax.vlines(curve.by(share), curve.low, top, color=ink.INK, linewidth=1.2, linestyle=dash, zorder=4)
    lost = min(len(curve.runs) - len(curve.ended), int((curve.high - 0.1) / 0.12))  # how many is told beside them
    ax.plot([ax.get_xlim()[1]] * lost, [curve.low + 0.08 + 0.12 * n for n in range(lost)], **NEVER)


def _columns(ax: Axes, curve: Curve) -> tuple[float, list[tuple[float, float]]]:
    """How large a dot can be, and where each stands: in the column of its time, on top of those that were quicker."""
    least, most = ax.get_xlim()
    scale, free = ink.inches(ax)[0] / log10(most / least), curve.high - 0.2
    places = [log10(min(max(time, least), most) / least) * scale for time, *_ in curve.ended]
    for size in SIZES:
        columns = [round(place / size) for place in places]
        levels = _levels(columns)
        if max(levels, default=0) * size <= free:
            break
    step = min(size, free / max([*levels, 1]))
    where = zip(columns, levels, strict=True)
    return size, [(least * 10 ** (column * size / scale), curve.low + size / 2 + n * step) for column, n in where]


def _levels(columns: list[int]) -> list[int]:
    """How many of the same column come before each, in columns that are given from left to right."""
    levels: list[int] = []
    for n, column in enumerate(columns):
        levels.append(levels[-1] + 1 if n and columns[n - 1] == column else 0)
    return levels


def _point_out(ax: Axes, spot: tuple[float, float], curve: Curve, words: str) -> None:
    """A ring round one dot, and above it whose it is: on the side where there is room."""
    ax.plot(*spot, **RING)
    x, top = _place(ax, spot[0]), curve.low + curve.high - 0.05
    ax.vlines(spot[0], spot[1] + 0.08, top, color=ink.INK, linewidth=0.9, zorder=5)
    on_left = x > ink.inches(ax)[0] / 2
    style: dict[str, Any] = {"ha": "right" if on_left else "left", "path_effects": ink.HALO, "zorder": 6}
    ink.write(ax, _seconds(ax, x + (-0.06 if on_left else 0.06)), top - 0.06, words, **style)


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _write_strip(ax: Axes, curve: Curve, published: float | None, lettered: bool) -> None:
    """Whose dots they are at the left, with a piece of their curve; their numbers at the right."""
    wide, beside, top = ink.inches(ax)[0], ax.get_yaxis_transform(), curve.low + curve.high - 0.12
    lines = curve.title.split("\n")
    for n, text in enumerate(lines):
        ink.write(ax, -0.12 / wide, top - LINE * n, text, ha="right", transform=beside)
    if lettered:
        under = top - LINE * len(lines)
        style: dict[str, Any] = {"color": ink.CONTROL, "linewidth": 1.8, "linestyle": DASHES[curve.number]}
        ax.plot([-0.75 / wide, -0.12 / wide], [under, under], transform=beside, clip_on=False, **style)
        _write_letter(ax, -0.92 / wide, under, curve, beside)
    for n, text in enumerate(_numbers(curve, published)):
        ink.write(ax, 1 + 0.15 / wide, top - LINE * n, text, transform=beside)
    if published is not None:
        ax.plot([_inside(ax, published)], [curve.low], **BESIDE | {"marker": "D", "markersize": 7})


def _numbers(curve: Curve, published: float | None) -> list[str]:
    """Half, nine of ten, how many needed more terms or found nobody; what was published."""
    lost, count = len(curve.runs) - len(curve.ended), len(curve.runs)
    words = [f"│ half within {ink.span(curve.by(0.5))}"] if curve.by(0.5) < inf else []
    words += [f"╎ 9 of 10 within {ink.span(curve.by(0.9))}"] if curve.by(0.9) < inf else []
    words += [f"✕ {lost} of {count}: no leader"] if lost else [f"○ {_repeated(curve)} of {count}: more terms"]
    return words + ([f"◇ published: half within {ink.span(published)}"] if published is not None else [])


def _repeated(curve: Curve) -> int:
    return sum(terms > 1 for _, terms, _ in curve.runs)


def _write_letter(ax: Axes, x: float, y: float, curve: Curve, transform: Any) -> None:
    badge = {"boxstyle": "circle,pad=0.15", "facecolor": ink.PAPER, "edgecolor": ink.INK, "linewidth": 0.9}
    ink.write(ax, x, y, LETTERS[curve.number], ha="center", bbox=badge, zorder=6, transform=transform)


def _draw_letters(ax: Axes, curves: Sequence[Curve]) -> None:
    """A letter on each curve, at the height where it is farthest from the other curves and letters."""
    taken: list[tuple[float, float]] = []
    for curve in curves if len(curves) > 1 else ():
        others = [other for other in curves if other is not curve]
        spots = [(curve.by(share), share) for share in HEIGHTS if curve.by(share) < ax.get_xlim()[1]]
        if spots:  # else its crosses must speak for it
            time, share = max(spots, key=lambda spot: _room_at(ax, spot, others, taken))
            taken.append((_place(ax, time), share * CURVES))
            _write_letter(ax, time, share * CURVES, curve, ax.transData)


def _room_at(ax: Axes, spot: tuple[float, float], others: list[Curve], taken: list[tuple[float, float]]) -> float:
    """How good this place is for a letter: inches to the next curve at that height, less than 0 if it meets a letter."""
    x, y = _place(ax, spot[0]), spot[1] * CURVES
    letter = min((hypot(x - a, y - b) for a, b in taken), default=inf)
    lines = [abs(_place(ax, other.by(spot[1])) - x) for other in others if other.by(spot[1]) < inf]
    return round(min(lines, default=1.0), 3) if letter > BADGE else letter - BADGE


def _number(guess: Any) -> float | None:
    """What a learner wrote as a guess, also as text; anything else is no guess."""
    try:
        return float(guess) if 0 < float(guess) < inf else None
    except (TypeError, ValueError):
        return None


def _tell(curve: Curve) -> str:
    lost, half, nine = len(curve.runs) - len(curve.ended), curve.by(0.5), curve.by(0.9)
    said = [f"half have a leader within {ink.span(half)}"] if half < inf else []
    said += [f"9 of 10 within {ink.span(nine)}"] if nine < inf else []
    said += [f"{lost} without one in the end"] if lost else [f"all within {ink.span(curve.runs[-1][0])}"]
    name = f"{' '.join(curve.title.split())}: " if curve.title else ""
    runs = f"{len(curve.runs)} run{'s' * (len(curve.runs) != 1)}"
    return f"{name}{runs}, {', '.join(said)}; {_repeated(curve)} needed more than one term."
