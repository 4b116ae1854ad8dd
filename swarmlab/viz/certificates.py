"""Certificates: one opened up part by part, with its life on a time axis; and a change of the root, node by node."""

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any, NamedTuple

from matplotlib.axes import Axes

from ..events import (
    CertificateIssued,
    ConnectionRefused,
    ObjectRemoved,
    RootRotationBegun,
    RootRotationEnded,
    RootTrusted,
)
from . import ink
from .timeline import Timeline

__all__ = ["Rotation", "draw_certificate", "draw_rotation", "rotation_of", "tell_certificate", "tell_rotation"]

SECOND, DAY = 1_000_000, 86_400_000_000  # µs
SMALL = 9  # points
LINE = 0.19  # inches
MEANING = {
    "subject CN": "who it is: the node's id",
    "subject OU": "what it may do: its role",
    "subject O": "where: the id of this swarm",
    "issuer CN": "who signed it",
    "serial": "a number of its own",
    "valid from": "an hour early: clocks differ",
    "valid until": "then it is refused",
    "public key": "the private one never leaves the node",
    "other names": "for which connections it is good",
    "may sign others": "only a root may",
    "signature ok": "it leads to a root that we trust",
}
RENEWED = (0.5, 0.8)  # between these shares of its life a certificate is renewed


# ── a certificate opened up ──────────────────────────────────────────────────────────────────────────────────────


def draw_certificate(
    rows: Sequence[tuple[str, str]],
    life: Any = None,
    now: Any = None,
    title: str = "",
    mark: Sequence[str] = (),
    ax: Axes | None = None,
) -> Axes:
    """Its parts (`trust.certificates.describe`), each with what it means; below them its life.

    `life` has `begins` and `ends` in whole µs, or is (from, to) in days; `now` is in seconds of the run. `mark` are parts
    that are wrong.
    """
    listed = list(rows)
    if not listed:
        raise ValueError("there is nothing to draw: no part of a certificate")
    span = _span(life)
    letters = int(4.55 / ink.room("m", SMALL))
    lines = [wrap(value, letters) or [""] for _, value in listed]
    high = 0.42 + sum(0.09 + LINE * len(each) for each in lines) + (0.95 if span else 0.1)
    ax = ink.canvas(ax, ink.WIDTH, high)
    bottom = high - (0.95 if span else 0.08)
    ink.box(ax, 0.1, 0.08, ink.WIDTH - 0.2, bottom - 0.08, facecolor="#f7f7f7", linewidth=1.2)
    ink.write(ax, 0.22, 0.23, title or "a certificate", fontweight="bold")
    y = 0.42
    for (what, _), value in zip(listed, lines, strict=True):
        tall = 0.09 + LINE * len(value)
        ax.plot((0.1, ink.WIDTH - 0.1), (y - 0.02, y - 0.02), color=ink.LINE, linewidth=0.7)
        ink.write(ax, 0.22, y + 0.12, what, fontsize=SMALL)
        for n, text in enumerate(value):
            ink.write(ax, 1.6, y + 0.12 + n * LINE, text, fontsize=SMALL, family="monospace")
        ink.write(ax, 6.65, y + 0.12, MEANING.get(what, ""), fontsize=SMALL, color=ink.QUIET)
        if what in mark:
            ink.box(ax, 0.13, y, ink.WIDTH - 0.26, tall - 0.03, edgecolor=ink.WRONG, linewidth=2.2, zorder=4)
        y += tall
    if span:
        _draw_life(ax, span, None if now is None else float(now) / 86400, bottom + 0.22)
    return ax


def _span(life: Any) -> tuple[float, float] | None:
    """From when to when it holds, in days."""
    if life is None:
        return None
    return (life.begins / DAY, life.ends / DAY) if hasattr(life, "begins") else (float(life[0]), float(life[1]))


def _draw_life(ax: Axes, span: tuple[float, float], now: float | None, y: float) -> None:
    """Its days as a bar, hatched where it is renewed; the triangle is now."""
    begin, end = span
    last = max(end * 1.06, (now or 0) * 1.02)
    line = Timeline(ax, 1.6, ink.WIDTH - 1.9, min(begin, 0.0), last)
    line.name(y + 0.1, "its life")
    ink.box(ax, *line.box(begin, end, y, 0.2), facecolor=ink.FAINT, linewidth=1.0)
    since, until = (begin + share * (end - begin) for share in RENEWED)
    ink.box(
        ax, *line.box(since, until, y, 0.2), facecolor=ink.PAPER, edgecolor=ink.CONTROL, hatch="////", linewidth=1.0
    )
    middle = (line.x(since) + line.x(until)) / 2
    ink.write(
        ax,
        middle,
        y + 0.1,
        "renewed at some instant here",
        ha="center",
        fontsize=SMALL,
        path_effects=ink.HALO,
        zorder=5,
    )
    if now is not None:
        over = now > end
        ax.plot([line.x(now)], [y - 0.08], marker="v", markersize=8, color=ink.WRONG if over else ink.INK, zorder=6)
        side, place = ("right", -0.1) if line.x(now) > line.left + 2 else ("left", 0.1)
        text, weight = f"now{', and refused' * over}", "bold" if over else "normal"
        ink.write(ax, line.x(now) + place, y - 0.1, text, ha=side, fontsize=SMALL, fontweight=weight)
    line.draw_ticks(y + 0.28)
    line.name(y + 0.43, "days")


def tell_certificate(
    rows: Sequence[tuple[str, str]], life: Any = None, now: Any = None, title: str = "", **_options: Any
) -> str:
    """The same in words, for `show`."""
    parts = ", ".join(f"{what} {value}" for what, value in rows)
    span = _span(life)
    days = "" if span is None else f"; it holds for {span[1] - span[0]:.1f} days"
    late = "" if span is None or now is None or float(now) / 86400 <= span[1] else ", and is over"
    return f"{title or 'A certificate'}: {parts}{days}{late}."


# ── a new root ───────────────────────────────────────────────────────────────────────────────────────────────────


class Rotation(NamedTuple):
    """A change of the root; seconds after it was asked for."""

    machines: tuple[str, ...]
    issued: dict[str, float]  # machine → when it had a certificate of the new root
    trusted: dict[str, float]  # machine → when it believed in the new root alone
    refused: tuple  # (second, machine, other, reason)
    over: float | None
    end: float
    roots: tuple[str, str]  # old, new


def rotation_of(trace: Any, end: float | None = None) -> Rotation:
    """The rows of the last rotation of the root certificate in a trace; `end` is seconds after its beginning.

    A node that was removed before is no node of the swarm any more, and has no row.
    """
    begun = [r for r in trace.records if isinstance(r.fact, RootRotationBegun)]
    if not begun:
        raise ValueError("the root certificate was not rotated in this run")
    zero, fact = begun[-1].time, begun[-1].fact
    last = trace.now if end is None else zero + round(end * SECOND)
    since = lambda time: (time - zero) / SECOND  # noqa: E731
    nodes = {r.source: r.fact.node for r in trace.records if isinstance(r.fact, CertificateIssued) and r.time <= last}
    gone = {r.fact.id for r in trace.records if isinstance(r.fact, ObjectRemoved) and r.time <= zero}
    issued: dict[str, float] = {}
    trusted: dict[str, float] = {}
    after = [r for r in trace.records if zero <= r.time <= last]
    for r in after:
        if isinstance(r.fact, CertificateIssued) and r.fact.issuer == fact.new:
            issued.setdefault(r.source, since(r.time))
        elif isinstance(r.fact, RootTrusted) and r.fact.root == fact.new:
            trusted.setdefault(r.source, since(r.time))
    refused = [
        (since(r.time), r.source, r.fact.other, r.fact.reason) for r in after if isinstance(r.fact, ConnectionRefused)
    ]
    over = [since(r.time) for r in after if isinstance(r.fact, RootRotationEnded) and r.fact.root == fact.new]
    order = sorted(
        (name for name in nodes if nodes[name] not in gone), key=lambda name: (not name.startswith("manager"), name)
    )
    return Rotation(
        tuple(order), issued, trusted, tuple(refused), over[0] if over else None, since(last), (fact.old, fact.new)
    )


def draw_rotation(trace: Any, end: float | None = None, ax: Axes | None = None) -> Axes:
    """A lane per node: a certificate of the old root is grey, one of the new root has the outline of the new; the rest is said.

    `trace` may be a `Rotation`. By default it is shown until a little after the last node has changed.
    """
    row = trace if isinstance(trace, Rotation) else rotation_of(trace, end)
    times = [*row.issued.values(), *row.trusted.values(), *([row.over] if row.over else [])]
    late = [name for name in row.machines if name not in row.issued]
    last = min(row.end, max(times, default=1.0) * 1.15) if not late and end is None else row.end
    lane = 0.3
    high = 0.3 + lane * len(row.machines) + 0.42 + 0.7
    ax = ink.canvas(ax, ink.WIDTH, high)
    left = 0.3 + max(ink.room(name, SMALL) for name in (*row.machines, "accepted roots"))
    line = Timeline(ax, left, ink.WIDTH - left - 1.9, -last * 0.06, last)
    y = 0.3
    for name in row.machines:
        _draw_node(line, row, name, y, lane, last)
        y += lane
    _draw_phases(line, row, y + 0.06, last)
    line.draw_ticks(high - 0.66)
    words = [
        "seconds since the new root was asked for",
        "grey: certificate of the old root",
        "orange, thick: of the new root",
        "✓ trusts the new root only",
    ]
    words += ["✕ refused"] if row.refused else []
    ink.write(ax, 0.1, high - 0.26, "  ·  ".join(words), fontsize=SMALL)
    return ax


def _draw_node(line: Timeline, row: Rotation, name: str, y: float, lane: float, last: float) -> None:
    line.name(y + lane / 2, name)
    at = row.issued.get(name)
    ink.box(
        line.ax,
        *line.box(line.start, last if at is None else at, y + 0.05, lane - 0.1),
        facecolor=ink.SOLID,
        linewidth=0.8,
        zorder=2,
    )
    if at is not None and at < last:
        ink.box(line.ax, *line.box(at, last, y + 0.06, lane - 0.12), facecolor=ink.HUES[0], linewidth=2.0, zorder=2)
    trusts = row.trusted.get(name)
    if line.has(trusts):
        style: dict[str, Any] = {"ha": "center", "fontweight": "bold", "path_effects": ink.HALO, "zorder": 5}
        ink.write(line.ax, line.x(trusts or 0.0), y + lane / 2, "✓", **style)
    bad = [time for time, who, other, _ in row.refused if name in (who, other)]
    line.ax.plot(
        [line.x(time) for time in bad],
        [y + lane / 2] * len(bad),
        "x",
        color=ink.WRONG,
        markersize=7,
        markeredgewidth=2,
        zorder=6,
    )
    text = f"after {ink.span(at)}" if at is not None else "✕ still the old root"
    ink.write(
        line.ax,
        line.right + 0.12,
        y + lane / 2,
        text,
        fontsize=SMALL,
        fontweight="normal" if at is not None else "bold",
    )


def _draw_phases(line: Timeline, row: Rotation, y: float, last: float) -> None:
    """Which roots the swarm itself accepts."""
    line.name(y + 0.12, "accepted roots")
    over = last if row.over is None else row.over
    ink.box(line.ax, *line.box(line.start, 0, y, 0.24), facecolor=ink.FAINT, linewidth=0.8)
    ink.box(line.ax, *line.box(0, over, y, 0.24), facecolor=ink.CONTROL, linewidth=0.8)
    line.write(0, over, y + 0.12, ("both: the old root has signed the new one", "both roots", "both"), color=ink.PAPER)
    if row.over is not None:
        ink.box(line.ax, *line.box(row.over, last, y, 0.24), facecolor=ink.FAINT, linewidth=0.8)
        line.write(row.over, last, y + 0.12, ("the new root", "new"))
    text = f"over after {ink.span(row.over)}" if row.over is not None else "not over"
    ink.write(line.ax, line.right + 0.12, y + 0.12, text, fontsize=SMALL)


def tell_rotation(trace: Any, end: float | None = None) -> str:
    """The same in words, for `show`."""
    row = trace if isinstance(trace, Rotation) else rotation_of(trace, end)
    late = [name for name in row.machines if name not in row.issued]
    said = f"{len(row.issued)} of {len(row.machines)} nodes have a certificate of the new root"
    said += f", the last after {ink.span(max(row.issued.values()))}" if row.issued else ""
    said += f"; not yet: {', '.join(late)}" if late else ""
    said += (
        f"; the old root is dropped after {ink.span(row.over)}"
        if row.over is not None
        else "; the old root still counts"
    )
    reasons: Mapping[str, None] = dict.fromkeys(
        f"{who} refuses {other}: {reason}" for _, who, other, reason in row.refused
    )
    return f"Rotation of the root: {'; '.join([said, *reasons])}."
