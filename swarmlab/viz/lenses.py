"""A machine that is cut off, under two lenses on one time axis: what gossip believes, what the dispatcher believes, what is so.

Where a belief differs from what is so, and where more copies of a slot run than anybody wants, there is vermillion.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes

from ..events import (
    BackendAdded,
    BackendRemoved,
    Healed,
    HeartbeatsMissed,
    MachineCrashed,
    MachineFrozen,
    MachineShutDown,
    MachineStarted,
    MachineThawed,
    NodeStored,
    Partitioned,
    PeerFailed,
    PeerSuspected,
)
from . import ink
from .lanes import lanes
from .timeline import Timeline, counts_at, stairs

__all__ = ["Lenses", "draw_lenses", "lenses", "tell_lenses"]

SECOND = 1_000_000  # µs
OVER = (Healed, MachineStarted, MachineThawed)
LEAD = 5.0  # seconds seen before the fault
LEFT, RIGHT, ROW, LANE, LINE = 1.75, 1.75, 0.46, 0.3, 0.19  # inches
SMALL = 9  # points


class Lenses(NamedTuple):
    """What was believed of one machine and what was so; seconds after the fault."""

    machine: str
    fault: str  # what happened
    back: float | None  # when the fault was over
    end: float
    others: int  # nodes that had its tasks in their pool
    pool: tuple  # (second, how many of the others send requests to its tasks)
    suspected: float | None  # first by gossip
    dropped: float | None  # first held for dead by gossip
    states: tuple  # (second, ready · down …): what the managers have written down
    missed: float | None  # the dispatcher gave up waiting
    copies: dict[str, tuple]  # slot → (machine, from, to) of each task that ran
    wanted: int
    runs: tuple  # (second, copies that run)
    truth: tuple = ()  # (second, what the machine truly is)


def lenses(trace: Any, machine: str, fault: Any = None, end: float | None = None) -> Lenses:
    """The rows of one machine. `fault` is the record of what cut it off, or its number; by default the last one about it."""
    begin = _fault(trace, machine, fault)
    zero, last = begin.time, trace.now if end is None else begin.time + round(end * SECOND)
    since = lambda time: (time - zero) / SECOND  # noqa: E731
    seen = [r for r in trace.records if r.time <= last]
    copies = _copies(trace, machine, zero, since)
    pool, others = _pool(seen, machine, zero)
    told = [r for r in seen if r.time >= zero and getattr(r.fact, "machine", "") == machine and r.source != machine]
    stored = [
        (since(r.time), r.fact.state) for r in seen if isinstance(r.fact, NodeStored) and r.fact.machine == machine
    ]
    return Lenses(
        machine,
        _said(begin),
        _first([r for r in seen if r.number > begin.number and r.source in ("world", machine)], OVER, since),
        since(last),
        others,
        tuple((since(time), count) for time, count in pool),
        _first(told, PeerSuspected, since),
        _first(told, PeerFailed, since),
        tuple(row for n, row in enumerate(stored) if not n or stored[n - 1][1] != row[1]),
        _first(told, HeartbeatsMissed, since),
        copies,
        len(copies),
        _running(copies),
    )


def _first(records: Sequence[Any], kind: Any, since: Any) -> float | None:
    """When such a fact was first noted."""
    return next((since(r.time) for r in records if isinstance(r.fact, kind)), None)


def _fault(trace: Any, machine: str, fault: Any) -> Any:
    if fault is not None:
        return trace.records[fault] if isinstance(fault, int) else fault
    own = (MachineCrashed, MachineShutDown, MachineFrozen)
    found = [
        r for r in trace.records if isinstance(r.fact, Partitioned) or (isinstance(r.fact, own) and r.source == machine)
    ]
    if not found:
        raise ValueError(f"nothing cut {machine!r} off in this run")
    return found[-1]


def _said(record: Any) -> str:
    words = {Partitioned: "is cut off", MachineFrozen: "freezes", MachineShutDown: "is shut down"}
    return words.get(type(record.fact), "loses power")


def _pool(records: Sequence[Any], machine: str, zero: int) -> tuple[list[tuple[int, int]], int]:
    """How many other nodes send requests to tasks on the machine, change by change; and how many did just before the fault."""
    holders: dict[str, dict[str, None]] = {}
    found: list[tuple[int, int]] = []
    before = 0
    for r in records:
        if not isinstance(r.fact, BackendAdded | BackendRemoved) or r.source == machine:
            continue
        tasks = holders.setdefault(r.source, {})
        if isinstance(r.fact, BackendAdded) and r.fact.machine == machine:
            tasks[r.fact.task] = None
        else:
            tasks.pop(r.fact.task, None)
        count = sum(bool(tasks) for tasks in holders.values())
        before = count if r.time < zero else before
        if not found or found[-1][1] != count:
            found.append((r.time, count))
    return found, before


def _copies(trace: Any, machine: str, zero: int, since: Any) -> dict[str, tuple]:
    """The slots that had a task there, with every task that ran in them."""
    bars = lanes(ink.rows_of(trace))
    ran = [
        (bar["lane"], bar["machine"], begin, until)
        for bar in bars
        for begin, until, state in bar["phases"]
        if state == "running" and until > begin
    ]
    mine = dict.fromkeys(lane for lane, where, begin, until in ran if where == machine and begin <= zero <= until)
    return {
        slot: tuple((where, since(begin), since(until)) for lane, where, begin, until in ran if lane == slot)
        for slot in mine
    }


def _running(copies: dict[str, tuple]) -> tuple:
    """How many copies of these slots run, change by change."""
    turns = [
        (at, step) for runs in copies.values() for _, begin, until in runs for at, step in ((begin, 1), (until, -1))
    ]
    found: dict[float, int] = {}
    count = 0
    for at, step in sorted(turns):
        count += step
        found[at] = count
    return tuple(found.items())


def twice(row: Lenses) -> list[tuple[str, float, float]]:
    """(slot, from, to) wherever two copies of one slot ran at the same time."""
    found = []
    for slot, runs in row.copies.items():
        for n, (_, begin, until) in enumerate(runs):
            for _, other, last in runs[n + 1 :]:
                since, to = max(begin, other), min(until, last)
                if since < to and to > 0:
                    found.append((slot, since, to))
    return found


def tell_lenses(trace: Any, machine: str = "", fault: Any = None, end: float | None = None) -> str:
    """The same in words, for `show`."""
    row = trace if isinstance(trace, Lenses) else lenses(trace, machine, fault, end)
    told = [_when("gossip suspects it", row.suspected), _when("holds it for dead", row.dropped)]
    out = _out(row)
    told.append(
        f"no other node sends requests there after {ink.span(out)}" if out is not None else "it stays in the pool"
    )
    down = next((at for at, state in row.states if at >= 0 and state == "down"), None)
    told.append(_when("the managers count it as down", down) or "the managers never count it as down")
    double = twice(row)
    if double:
        since, until = min(at for _, at, _ in double), max(to for _, _, to in double)
        slots = len(dict.fromkeys(slot for slot, _, _ in double))
        words = "to the end" if until >= row.end else f"to {ink.span(until)}"
        told.append(f"of {slots} slot{'s' * (slots != 1)} two copies run from {ink.span(since)} {words}")
    else:
        told.append("no slot has two copies at any time")
    return f"{row.machine} {row.fault}: {', '.join(text for text in told if text)}."


def _when(text: str, at: float | None) -> str:
    return f"{text} after {ink.span(at)}" if at is not None else ""


def _out(row: Lenses) -> float | None:
    """When the last of the others took it out of its pool."""
    return next((at for at, count in row.pool if at >= 0 and count == 0), None)


# ── drawn ────────────────────────────────────────────────────────────────────────────────────────────────────────


def draw_lenses(
    trace: Any, machine: str = "", fault: Any = None, end: float | None = None, ax: Axes | None = None
) -> Axes:
    """Gossip's lens, the dispatcher's lens, and below them what truly ran, slot by slot. `trace` may be a `Lenses`."""
    row = trace if isinstance(trace, Lenses) else lenses(trace, machine, fault, end)
    lines = sum(len(_machines(runs)) for runs in row.copies.values())
    high = 0.3 + 2 * ROW + LANE * lines + 0.12 * len(row.copies) + ROW + 0.75
    ax = ink.canvas(ax, ink.WIDTH, high)
    line = Timeline(ax, LEFT, ink.WIDTH - LEFT - RIGHT, -LEAD, row.end)
    _draw_fault(line, row, 0.3, high - 0.75)
    y = _draw_pool(line, row, 0.34)
    y = _draw_node(line, row, y)
    y = _draw_copies(line, row, y + 0.04)
    _draw_count(line, row, y)
    line.draw_ticks(high - 0.68)
    words = f"seconds after {row.machine} {row.fault}   ·   filled: believed, or runs   ·   vermillion: that is not so, or twice"
    ink.write(ax, 0.1, high - 0.28, words, fontsize=SMALL)
    return ax


def _draw_fault(line: Timeline, row: Lenses, top: float, bottom: float) -> None:
    """Grey from the fault to its end."""
    until = line.end if row.back is None else row.back
    x, _, wide, _ = line.box(0, until, top, bottom - top)
    ink.box(line.ax, x, top - 0.05, wide, bottom - top + 0.05, facecolor=ink.FAINT, linewidth=0, zorder=0)
    for at, text in ((0.0, f"{row.machine} {row.fault}"), (row.back, "it is over")):
        if line.has(at):
            x = line.x(at or 0.0)
            line.ax.plot(
                (x, x),
                (top - 0.05, bottom),
                color=ink.WRONG if at == 0 else ink.QUIET,
                linewidth=1.4,
                linestyle="-" if at == 0 else ":",
                zorder=1,
            )
            ink.write(line.ax, min(x, line.right - ink.room(text, SMALL) + 0.4), top - 0.16, text, fontsize=SMALL)


def _beside(line: Timeline, y: float, texts: Sequence[str]) -> None:
    for n, text in enumerate(texts):
        ink.write(line.ax, line.right + 0.1, y + (n - (len(texts) - 1) / 2) * 0.175, text, fontsize=SMALL)


def _draw_pool(line: Timeline, row: Lenses, y: float) -> float:
    """Gossip: how many of the other nodes still send requests there."""
    floor, unit = y + ROW - 0.1, (ROW - 0.16) / max(1, row.others)
    line.name(y + ROW / 2 - 0.06, "gossip: others that")
    line.name(y + ROW / 2 + 0.11, "have it in their pool")
    xs, ys = stairs(line, row.pool, floor, unit)
    line.ax.fill_between(xs, ys, floor, facecolor=ink.CONTROL, edgecolor=ink.INK, linewidth=0.8, zorder=2)
    line.line(floor - row.others * unit, linestyle=":", color=ink.QUIET)
    line.line(floor)
    for at, sign in ((row.suspected, "?"), (row.dropped, "✕")):
        if line.has(at):
            style: dict[str, Any] = {"ha": "center", "fontweight": "bold", "path_effects": ink.HALO, "zorder": 5}
            ink.write(line.ax, line.x(at or 0.0), floor - 0.13, sign, **style)
    out = _out(row)
    texts = [
        _short("? suspected", row.suspected),
        _short("✕ held for dead", row.dropped),
        _short("out of the pool", out),
    ]
    _beside(line, y + ROW / 2, [text for text in texts if text][-2:])
    return y + ROW


def _short(text: str, at: float | None) -> str:
    return f"{text} {ink.span(at)}" if at is not None else ""


def _draw_node(line: Timeline, row: Lenses, y: float) -> float:
    """The dispatcher: ready is filled, down is crossed out; a rim where its tasks run all the same."""
    line.name(y + ROW / 2 - 0.06, "dispatcher: what")
    line.name(y + ROW / 2 + 0.11, "node ls says")
    for n, (at, state) in enumerate(row.states):
        until = row.states[n + 1][0] if n + 1 < len(row.states) else line.end
        if until <= line.start or at >= line.end:
            continue
        box = line.box(at, until, y + 0.08, ROW - 0.2)
        if state == "ready":
            ink.box(line.ax, *box, facecolor=ink.CONTROL, linewidth=0.8, zorder=2)
        else:
            ink.box(line.ax, *box, facecolor=ink.PAPER, edgecolor=ink.QUIET, hatch="xx", linewidth=0.8, zorder=2)
        for since, to in _lives_on(row, at, until) if state != "ready" else ():
            ink.box(line.ax, *line.box(since, to, y + 0.05, ROW - 0.14), edgecolor=ink.WRONG, linewidth=2.2, zorder=4)
        colour, effects = (ink.PAPER, []) if state == "ready" else (ink.INK, ink.HALO)
        line.write(max(at, line.start), until, y + ROW / 2 - 0.02, (state,), color=colour, path_effects=effects)
    down = next((at for at, state in row.states if at >= 0 and state == "down"), None)
    _beside(line, y + ROW / 2, [_short("down", down) or "never down"])
    return y + ROW


def _lives_on(row: Lenses, since: float, until: float) -> list[tuple[float, float]]:
    """When tasks truly ran on the machine between these instants."""
    ran = [
        (max(begin, since), min(to, until))
        for runs in row.copies.values()
        for where, begin, to in runs
        if where == row.machine
    ]
    whole = [(begin, to) for begin, to in ran if begin < to]
    return [(min(begin for begin, _ in whole), max(to for _, to in whole))] if whole else []


def _machines(runs: Sequence[tuple]) -> list[str]:
    """The machines on which a slot's tasks ran, each a line."""
    return list(dict.fromkeys(where for where, _, until in runs if until > -LEAD))


def _draw_copies(line: Timeline, row: Lenses, y: float) -> float:
    """What is so: a lane per slot and machine; a second one where a copy runs twice has a vermillion rim."""
    double = twice(row)
    for slot, runs in row.copies.items():
        for where in _machines(runs):
            line.name(y + LANE / 2, f"{slot} on {ink.short(where)}")
            for _, since, until in (run for run in runs if run[0] == where):
                if until > line.start:
                    ink.box(
                        line.ax,
                        *line.box(since, until, y + 0.05, LANE - 0.1),
                        facecolor=ink.SOLID,
                        linewidth=0.8,
                        zorder=2,
                    )
                for name, begin, to in double:
                    if name == slot and since < to and begin < until:
                        ink.box(
                            line.ax,
                            *line.box(begin, to, y + 0.03, LANE - 0.06),
                            edgecolor=ink.WRONG,
                            linewidth=2.2,
                            zorder=4,
                        )
            y += LANE
        y += 0.12
    return y


def _draw_count(line: Timeline, row: Lenses, y: float) -> None:
    """How many copies run: the outline is how many should."""
    most = max([row.wanted, 1, *(count for _, count in row.runs)])
    floor, unit = y + ROW - 0.1, (ROW - 0.14) / most
    line.name(y + ROW / 2, "their copies that run")
    xs, ys = stairs(line, row.runs, floor, unit, row.end)
    line.ax.fill_between(xs, ys, floor, facecolor=ink.SOLID, linewidth=0, zorder=2)
    wish = floor - row.wanted * unit
    line.ax.plot((line.left, line.right), (wish, wish), color=ink.INK, linewidth=1.6, zorder=3)
    line.line(floor)
    counts = [count for at, count in row.runs if 0 < at < row.end]
    counts.append(int(counts_at(row.runs, 0)))
    _beside(line, y + ROW / 2, [f"{min(counts)} to {max(counts)}, {row.wanted} wanted"])
