"""The outage bar: fault → noticed → decided → healed, on a time axis that begins with the fault."""

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator

from . import ink
from .frames import outage

SECOND = 1_000_000  # µs
INSTANTS = ("fault", "noticed", "decided", "healed")
PARTS = {"noticed": "no manager knows", "decided": "deciding", "healed": "repairing"}  # what one waits for until then
STYLES = {
    "noticed": {"facecolor": ink.FAINT, "hatch": "///", "edgecolor": "#8a8a8a"},
    "decided": {"facecolor": ink.CONTROL, "edgecolor": ink.INK},
    "healed": {"facecolor": ink.SOLID, "edgecolor": ink.INK},
}
ROW, BAR = 1.35, 0.26  # inches: from bar to bar, a bar
FAR = 60  # from this ratio of shortest to longest outage on, the axis is logarithmic
TICKS = {0.001: "1 ms", 0.01: "10 ms", 0.1: "100 ms", 1: "1 s", 10: "10 s", 60: "1 min", 600: "10 min"}
TICKS |= {3600: "1 h", 36000: "10 h", 86400: "1 day"}


def lost_requests(trace: Any, row: dict) -> list[int]:
    """When requests were sent that got lost between the fault and its healing (or the end of the run), in µs: for `row["lost"]`."""
    rows = ink.rows_of(trace)
    until = rows["end"] if row["healed"] is None else row["healed"]
    lost = [request[6][0][0] for request in rows["requests"] if request[5]]
    return sorted(at for at in lost if row["fault"] <= at <= until)


def key_instants(trace: Any, fault: Any, of: str = "") -> dict[str, float]:
    """The instants that follow a fault, in seconds: `fault`, `noticed`, `decided`, `healed`; those that came.

    `fault` is a record or its number, `of` as in `viz.frames.outage`.
    """
    row = outage(trace, fault, of)
    return {name: row[name] / SECOND for name in INSTANTS if row[name] is not None}


def draw_outage(rows: Any, ax: Axes | None = None, guesses: Any = None, references: Any = None) -> Axes:
    """Outage bars, one per row of `viz.frames.outage`, on one time axis that begins with the fault.

    A row may also have `title`, and `lost`: how many requests were lost, or when, in µs (`lost_requests`). `guesses`
    (hollow triangles) and `references` (ticks: the real engine) are seconds after the fault, one for all or one per
    row, None or an untouched `...` for none; a reference may be a range, or name the instant: `{"noticed": (9, 16.5)}`.
    Where other words than those of `PARTS` fit, a row has them as `waiting`: `{"noticed": "no login failed yet"}`. `end`,
    in µs, says until when an outage was watched that did not end.
    """
    bars: list[dict] = [rows] if isinstance(rows, dict) else list(rows)
    guess, reference = _per_row(guesses, len(bars)), _per_row(references, len(bars))
    left = max(1.2, 0.25 + max((ink.room(line) for bar in bars for line in title_of(bar)), default=1))
    ax = ink.axes(ax, 0.75 + ROW * len(bars), left, 0.35, 0.1, 0.65)
    scale = _scale(bars, guess, reference)
    ax.set(xlim=scale["limits"], ylim=(len(bars), 0), xscale="log" if scale["log"] else "linear")
    words = [f"time since the fault{', on a logarithmic axis' * scale['log']}", "bold: what took longest"]
    words += ["▽ the guess"] if any(value is not None for value in guess) else []
    ax.set_xlabel("  ·  ".join(words), fontsize=ink.TEXT, color=ink.INK)
    _draw_axis(ax, bars, scale["log"])
    for n, bar in enumerate(bars):
        _draw_parts(ax, parts(bar), n, scale["limits"])
        _draw_words(ax, parts(bar), n)
        _draw_lost(ax, bar, n)
        _draw_beside(ax, n, guess[n], reference[n])
    return ax


def _draw_axis(ax: Axes, bars: list[dict], is_log: bool) -> None:
    middles = [n + 0.42 + BAR / ROW / 2 for n in range(len(bars))]
    ax.set_yticks(middles, ["\n".join(title_of(bar)) for bar in bars], fontsize=ink.TEXT)
    ax.tick_params(axis="y", length=0)
    ax.tick_params(axis="x", labelsize=ink.TEXT)
    ax.xaxis.set_major_formatter(lambda value, _: TICKS.get(value, "") if is_log else f"{value:g} s")
    if is_log:
        ax.xaxis.set_major_locator(FixedLocator(list(TICKS)))
        ax.xaxis.set_minor_locator(NullLocator())
    for side in ("left", "right", "top"):
        ax.spines[side].set_visible(False)


def parts(row: dict) -> list[dict]:
    """The segments of an outage bar: name, waiting for what, from and to in seconds after the fault; `to` None where it never came."""
    found: list[dict] = []
    since = 0.0
    for name, waiting in (PARTS | row.get("waiting", {})).items():
        until = None if row[name] is None else (row[name] - row["fault"]) / SECOND
        found.append({"until": name, "waiting": waiting, "from": since, "to": until})
        if until is None:
            break
        since = until
    return found


def title_of(row: dict) -> list[str]:
    """Whose outage it is, in lines."""
    whose = [row["machine"] or "no machine", "as the leader" if row["of"] == "leader" else "with its tasks"]
    total = parts(row)[-1]["to"]
    return (row["title"].split("\n") if "title" in row else whose) + ([f"{ink.span(total)} in all"] if total else [])


def _per_row(given: Any, count: int) -> list:
    """One value per row, None for none."""
    values = list(given) if isinstance(given, list) else [given] * count
    return [guess_of(value) for value in values] + [None] * (count - len(values))


def guess_of(value: Any) -> Any:
    """What a learner wrote as a guess: a number, also as text; anything else is no guess."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return None
    return value if isinstance(value, int | float | tuple | Mapping) else None


def range_of(reference: Any) -> tuple[str, float, float]:
    """A reference as (which instant, from, to)."""
    if isinstance(reference, Mapping):
        ((name, value),) = reference.items()
        return f": {name}", *range_of(value)[1:]
    low, high = reference if isinstance(reference, tuple) else (reference, reference)
    return "", low, high


def _scale(bars: list[dict], guesses: list, references: list) -> dict:
    """The time axis for all rows: its limits, and whether it is logarithmic."""
    ends = [part["to"] for bar in bars for part in parts(bar) if part["to"]]
    spans = [span for bar in bars if (span := _lasted(bar)) > 0] or [1.0]
    far = 2 * max(spans)  # a guess beyond that is drawn at the edge
    beside = [min(guess, far) for guess in guesses if guess] + [
        range_of(value)[2] for value in references if value is not None
    ]
    is_open = any(bar["healed"] is None and "end" not in bar for bar in bars)
    longest = max(spans + beside)
    if max(spans) / min(spans) < FAR:
        return {"log": False, "limits": (0, longest * (1.3 if is_open else 1.04))}
    least = max(0.001, min([end for end in ends if end > 0.0005] or [0.001]) / 3)
    return {"log": True, "limits": (least, longest * (4 if is_open else 1.5))}


def _lasted(bar: dict) -> float:
    """How long an outage lasted, in seconds; one that did not end: as long as it was watched, or as far as it came."""
    if bar["healed"] is None and "end" in bar:
        return (bar["end"] - bar["fault"]) / SECOND
    return max((part["to"] or part["from"] for part in parts(bar)), default=0)


def _draw_parts(ax: Axes, found: list[dict], line: int, limits: tuple) -> None:
    """The bar. What never came stays open to the right."""
    top, thick = line + 0.42, BAR / ROW
    for part in found:
        since, until = max(part["from"], limits[0]), limits[1] if part["to"] is None else part["to"]
        if until > since:
            style = STYLES[part["until"]] | {"linewidth": 0 if part["to"] is None else 1}
            ink.box(ax, since, top, until - since, thick, zorder=2, **style)
            _write_part(ax, part, since, until, top + thick / 2)
    if found[-1]["to"] is None:
        since = max(found[-1]["from"], limits[0])
        ax.hlines((top, top + thick), since, limits[1], color=ink.INK, linewidth=1, linestyle="--", zorder=3)


def _write_part(ax: Axes, part: dict, since: float, until: float, middle: float) -> None:
    """What is waited for, inside the segment where there is room."""
    left, right = _place(ax, since), _place(ax, until)
    if ink.room(part["waiting"]) < (right - left) * ink.inches(ax)[0]:
        dark = part["until"] != "noticed"
        style = {"color": ink.PAPER if dark else ink.INK, "path_effects": [] if dark else ink.HALO, "zorder": 4}
        ink.write(
            ax, (left + right) / 2, middle, part["waiting"], ha="center", transform=ax.get_yaxis_transform(), **style
        )


def _place(ax: Axes, seconds: float) -> float:
    """Where an instant is on the axis, from 0 to 1."""
    pixels = ax.transData.transform((max(seconds, ax.get_xlim()[0]), 0))
    return float(ax.transAxes.inverted().transform(pixels)[0])


def _draw_words(ax: Axes, found: list[dict], line: int) -> None:
    """The names of the instants below the bar, side by side, each with a thin line to where it belongs."""
    wide = ink.inches(ax)[0]
    marks = _marks(found, ax.get_xlim())
    places = [_place(ax, at) * wide for at, *_ in marks]
    widths = [ink.room(text) * (1.12 if weight == "bold" else 1) for _, text, weight in marks]
    centres = ink.spread(places, widths, wide + 0.3, 0.15)
    bottom, to_inches = line + 0.42 + BAR / ROW, ax.get_yaxis_transform()
    for place, centre, (_, text, weight) in zip(places, centres, marks, strict=True):
        path = (place / wide, place / wide, centre / wide), (bottom - 0.03, bottom, bottom + 0.15)
        ax.plot(*path, color=ink.INK, linewidth=0.9, zorder=3, clip_on=False, transform=to_inches)
        ink.write(ax, centre / wide, bottom + 0.17, text, ha="center", va="top", fontweight=weight, transform=to_inches)


def _marks(found: list[dict], limits: tuple) -> list[tuple[float, str, str]]:
    """(seconds, words, weight) of each instant; the longest wait of a whole outage is bold."""
    came = [part for part in found if part["to"] is not None]
    waits = [part["to"] - part["from"] for part in came]
    longest = max(waits) if len(came) == len(PARTS) else None
    marks = [(limits[0], "fault", "normal")]
    for part, wait in zip(came, waits, strict=True):
        marks.append((part["to"], f"{part['until']} +{ink.span(wait)}", "bold" if wait == longest else "normal"))
    if len(came) < len(found):
        marks.append((limits[1], f"not {found[-1]['until']} by the end of the run", "normal"))
    return marks


def _draw_lost(ax: Axes, bar: dict, line: int) -> None:
    """The requests lost meanwhile, as crosses above the bar, and how many."""
    lost = bar.get("lost", [])
    count = lost if isinstance(lost, int) else len(lost)
    if not isinstance(lost, int):
        low, high = ax.get_xlim()
        seconds = [max((at - bar["fault"]) / SECOND, low) for at in lost]
        seconds = [at for at in seconds if at <= high]  # an outage that never ends goes on beyond the edge
        cross: dict[str, Any] = {"color": ink.WRONG, "markersize": 5.5, "markeredgewidth": 1.5}
        ax.plot(seconds, [line + 0.34] * len(seconds), "x", clip_on=False, zorder=3, **cross)
    if "lost" in bar:
        said = f"{count} request{'s' * (count != 1)} lost" if count else "no request lost"
        ink.write(ax, 0, line + 0.12, said, transform=ax.get_yaxis_transform())


def _draw_beside(ax: Axes, line: int, guess: Any, reference: Any) -> None:
    """The learner's guess, and what the real engine took."""
    if guess is not None:
        hollow: dict[str, Any] = {"markerfacecolor": "none", "markeredgecolor": ink.INK, "markeredgewidth": 1.5}
        low, high = ax.get_xlim()
        inside = min(max(guess, low + (high - low) / 200), high - (high - low) / 60)
        ax.plot([inside], [line + 0.34], marker="v", markersize=9, zorder=5, clip_on=False, **hollow)
        if guess > high:
            ink.write(ax, 0.97, line + 0.34, f"{guess:g} s →", ha="right", transform=ax.get_yaxis_transform())
    if reference is not None:
        name, low, high = range_of(reference)
        middle, words = line + 0.22, f"real engine{name}"
        ax.plot((low, high), (middle, middle), "|-", color=ink.INK, markersize=8, markeredgewidth=1.8, linewidth=1.2)
        wide = ink.inches(ax)[0]
        fits = _place(ax, high) * wide + 0.1 + ink.room(words) < wide
        place = _place(ax, high) + 0.1 / wide if fits else _place(ax, low) - 0.1 / wide
        ink.write(ax, place, middle, words, ha="left" if fits else "right", transform=ax.get_yaxis_transform())
