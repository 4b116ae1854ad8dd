"""What all drawn pictures share: palette, text sizes, room for words, a white figure, its PNG.

Palette: Okabe–Ito, with dark outlines, since some of its colours are faint on white.
"""

from collections.abc import Sequence
from io import BytesIO
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from .frames import frames

INK, QUIET, LINE, FAINT, PAPER = "#111111", "#595959", "#b5b5b5", "#ececec", "#ffffff"
SOLID = "#666666"  # the filling of a service that nobody asked about
CONTROL, WRONG = "#0072b2", "#d55e00"  # the control plane; wrong, and nothing else
HUES = ("#e69f00", "#009e73", "#cc79a7", "#f0e442")  # services in question, four at most
TEXT = 9.5  # points, the smallest text there is
WIDTH = 10.0  # inches, as wide as a notebook
DPI = 144  # pixels of the file per inch
CSS = 96  # pixels of the page per inch
HALO = [withStroke(linewidth=2.2, foreground=PAPER)]  # round words that stand on a pattern

FILLING = {"assigned": 0.12, "accepted": 0.25, "preparing": 0.4, "ready": 0.55, "starting": 0.75, "running": 1.0}
GLYPHS = {"failed": "✕", "rejected": "⊘", "complete": "✓", "orphaned": "?", "shutdown": "□", "remove": "□"}


def hues(services: Sequence[str]) -> dict[str, str]:
    """A colour for each service while they are four at most; more would say nothing, so all stay neutral."""
    return dict(zip(services, HUES, strict=False)) if len(services) <= len(HUES) else {}


def sheet(width: float = WIDTH, height: float = 4.0) -> Figure:
    """A white figure, in inches. No `pyplot`: nothing is shown twice, nothing stays open."""
    return Figure(figsize=(width, height), facecolor=PAPER, layout=None)


def axes(ax: Axes | None, height: float, left: float, right: float, top: float, bottom: float) -> Axes:
    """The axes to draw on: those that were given, or new ones with these margins in inches."""
    if ax is not None:
        return ax
    fig = sheet(height=height)
    wide, high = WIDTH - left - right, height - top - bottom
    return fig.add_axes((left / WIDTH, bottom / height, wide / WIDTH, high / height))


def write(ax: Axes, x: float, y: float, text: str, **style: Any) -> None:
    """Words at a place; dark, and no smaller than one can read. A dollar sign is one, and begins no formula."""
    words: dict[str, Any] = {"fontsize": TEXT, "color": INK, "va": "center", "parse_math": False}
    ax.text(x, y, text, **words | style)


def box(ax: Axes, x: float, y: float, wide: float, high: float, **style: Any) -> None:
    """A rectangle; without `facecolor` only its outline."""
    ax.add_patch(Rectangle((x, y), wide, high, **{"facecolor": "none", "edgecolor": INK} | style))


def boxes(ax: Axes, places: Sequence[Sequence[float]], **style: Any) -> None:
    """Many rectangles (x, y, wide, high) of one look, as one thing: much faster than one by one."""
    from matplotlib.collections import PolyCollection

    corners = [((x, y), (x + wide, y), (x + wide, y + high), (x, y + high)) for x, y, wide, high in places]
    ax.add_collection(PolyCollection(corners, **{"facecolor": "none", "edgecolor": INK} | style), autolim=False)


def inches(ax: Axes) -> tuple[float, float]:
    """How wide and high these axes are."""
    place, fig = ax.get_position(), figure_of(ax)
    return place.width * fig.get_figwidth(), place.height * fig.get_figheight()


def short(name: str) -> str:
    """A machine's name where there is little room: `w-2`."""
    return name.replace("manager-", "m-").replace("worker-", "w-").replace("node-", "n-")


def room(text: str, size: float = TEXT) -> float:
    """About how many inches a line of text takes."""
    return 0.6 * size * len(text) / 72


def wrapped(texts: Sequence[str], width: float) -> list[str]:
    """These texts with dots between them, in lines of so many inches; none is broken."""
    lines = [""]
    for text in texts:
        longer = f"{lines[-1]}  ·  {text}" if lines[-1] else text
        if lines[-1] and room(longer) > width:
            lines.append(text)
        else:
            lines[-1] = longer
    return lines if texts else []


def levels(places: Sequence[float], widths: Sequence[float], gap: float) -> list[int]:
    """The lowest free line for each of these labels, given from left to right, so that none covers another.

    The last come lowest: a line that goes down from the beginning of a label never meets another label.
    """
    begins: list[float] = []
    chosen = []
    for place, width in zip(reversed(places), reversed(widths), strict=True):
        level = next((n for n, begin in enumerate(begins) if place + width + gap <= begin), len(begins))
        begins[level : level + 1] = [place]
        chosen.append(level)
    return chosen[::-1]


def spread(places: Sequence[float], widths: Sequence[float], most: float, gap: float) -> list[float]:
    """Centres as near as possible to these places, given from left to right, so that labels stand side by side."""
    centres: list[float] = []
    left = 0.0
    for place, width in zip(places, widths, strict=True):
        centres.append(max(place, left + width / 2))
        left = centres[-1] + width / 2 + gap
    right = most
    for n in range(len(centres) - 1, -1, -1):
        centres[n] = min(centres[n], right - widths[n] / 2)
        right = centres[n] - widths[n] / 2 - gap
    return centres


def figure_of(drawn: Any) -> Figure:
    """The whole figure, when a draw function gave its axes."""
    return drawn if isinstance(drawn, Figure) else drawn.get_figure(root=True)


def png(fig: Figure) -> bytes:
    """The figure as a file: the same figure gives the same bytes."""
    buffer = BytesIO()
    fig.savefig(buffer, format="png", dpi=DPI, facecolor=PAPER)
    return buffer.getvalue()


def rows_of(trace: Any) -> dict:
    """The rows of `frames`, unless it is these already."""
    return trace if isinstance(trace, dict) else frames(trace)


def span(seconds: float) -> str:
    """A length of time as people say it: 12 ms, 9.56 s, 3 min 20 s."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms" if seconds >= 0.01 or seconds == 0 else f"{seconds * 1000:.1f} ms"
    if seconds < 120:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    if seconds < 7200:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60)} min"


def canvas(ax: Axes | None, width: float, height: float) -> Axes:
    """Axes without any axis, a unit being an inch and y growing downwards: those that were given, or new ones."""
    if ax is None:
        fig = sheet(width=width, height=height)
        ax = fig.add_axes((0.0, 0.0, 1.0, 1.0))
    wide, high = inches(ax)
    ax.set(xlim=(0, max(wide, width)), ylim=(max(high, height), 0))
    ax.set_axis_off()
    return ax
