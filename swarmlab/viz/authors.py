"""Author lanes: one task's way through API, orchestrator, allocator, scheduler, dispatcher, agent and executor.

Who wrote which state into the store, and when. The columns are in order of time, not to scale: between two of them may
lie a millisecond or a second, so each says its time.
"""

from typing import Any, NamedTuple

from matplotlib.axes import Axes

from ..events import (
    Commanded,
    CommandReturned,
    ContainerCreated,
    ContainerExited,
    ContainerRemoved,
    ContainerStarted,
    HeartbeatsMissed,
    ImagePulled,
    Planned,
    PullStarted,
    ServiceStored,
    TaskProgressed,
    TaskStored,
)
from . import ink
from .words import text_of

__all__ = ["Deed", "draw_authors", "journey", "tell_authors"]

SECOND = 1_000_000  # µs
LANES = ("client", "API", "orchestrator", "allocator", "scheduler", "dispatcher", "store", "agent", "executor")
PLANNERS = {"allocator": "allocator", "scheduler": "scheduler"}  # all others are orchestrators
ROOTS = (Commanded, HeartbeatsMissed, TaskProgressed, ContainerExited, ContainerRemoved)  # what makes somebody plan
WISH = "should be "
DELIVERY = (("dispatcher", "sends"), ("agent", "accepted"))
FAR = 300  # causes to look back at


class Deed(NamedTuple):
    """Something that one of the authors did about the task."""

    time: int  # µs
    lane: str
    source: str  # on which machine
    text: str
    state: str  # what the store says from now on, '' where nothing was written
    fact: int


def journey(trace: Any, task: str) -> list[Deed]:
    """Everything that was done about a task, in order; `task` is an id, its beginning, or a name (the newest of it)."""
    stored = _stored(trace, task)
    key, service = stored[0].fact.id, stored[0].fact.service
    deeds = _birth(trace, stored[0], service)
    said: tuple = ()
    for record in stored:
        now = (record.fact.state, record.fact.desired, record.fact.node)
        if now != said:
            deeds.append(_written(trace, record, said))
            said = now
    deeds += _run(trace, key, stored)
    deeds += _deliveries(trace, key)
    deeds += _answer(trace, deeds)
    order = {lane: n for n, lane in enumerate(LANES)}
    return sorted(deeds, key=lambda deed: (deed.time, deed.fact, order[deed.lane]))


def _stored(trace: Any, task: str) -> list:
    """Each time that the task was written, first told."""
    found = [
        r for r in trace.records if isinstance(r.fact, TaskStored) and task in (r.fact.name, r.fact.id[: len(task)])
    ]
    if not task or not found:
        raise ValueError(f"no task {task!r} was ever stored")
    key = found[-1].fact.id
    seen: dict[int, Any] = {}
    for record in found:
        if record.fact.id == key:
            seen.setdefault(record.fact.index, record)
    return list(seen.values())


def _chain(trace: Any, number: int) -> list:
    """The records that led to this one, the nearest first."""
    chain: list[Any] = []
    while number >= 0 and len(chain) < FAR:
        chain.append(trace.records[number])
        number = trace.records[number].cause
    return chain


def _author(trace: Any, record: Any, reported: bool) -> tuple[str, str]:
    """Who wrote an entry, and in which words: a planner, the API, or the dispatcher for an agent that reports."""
    if not reported:  # one proposal is in flight at a time, so it was the last planner to make one
        before = (r for r in reversed(trace.records[: record.number]) if r.source == record.source)
        return _planner(next((r.fact for r in before if isinstance(r.fact, Planned)), None))
    for cause in _chain(trace, record.cause):
        match cause.fact:
            case Planned():
                return _planner(cause.fact)
            case TaskProgressed():
                return "dispatcher", "is told"
            case Commanded():
                break
    return "API", ""


def _planner(planned: Any) -> tuple[str, str]:
    name = planned.planner if planned else ""
    return PLANNERS.get(name, "orchestrator"), "" if name in PLANNERS else name


def _birth(trace: Any, first: Any, service: str) -> list[Deed]:
    """What made somebody plan this task: a command and the service that it stored, or something that went wrong."""
    root = next((r for r in _chain(trace, first.cause) if isinstance(r.fact, ROOTS)), None)
    if root is None:
        return []
    lane = {Commanded: "client", HeartbeatsMissed: "dispatcher", TaskProgressed: "agent"}.get(
        type(root.fact), "executor"
    )
    deeds = [Deed(root.time, lane, root.source, _told(root.fact), "", root.number)]
    if lane == "client":
        written = (r for r in trace.records[root.number : first.number] if isinstance(r.fact, ServiceStored))
        record = next((r for r in written if r.fact.id == service), None)
        if record is not None:
            deeds.append(Deed(record.time, "API", record.source, "", "service", record.number))
    return deeds


def _told(fact: Any) -> str:
    """A deed in one or two words."""
    match fact:
        case Commanded(command):
            words = [word for word in command.removeprefix("docker ").split() if not word.startswith("-")]
            return " ".join(words[:2])
        case HeartbeatsMissed(machine):
            return f"{ink.short(machine)} down"
        case TaskProgressed(state=state, service=service, slot=slot):
            return f"{service}.{slot} {state}"
        case ContainerExited():
            return "exits"
        case ContainerRemoved():
            return "removed"
    return text_of(fact)


def _written(trace: Any, record: Any, before: tuple) -> Deed:
    fact = record.fact
    lane, words = _author(trace, record, not before or fact.state != before[0])
    state = fact.state if not before or fact.state != before[0] else f"{WISH}{fact.desired}"
    return Deed(record.time, lane, record.source, words, state, record.number)


def _run(trace: Any, key: str, stored: list) -> list[Deed]:
    """What agent and executor did with it."""
    deeds, image, at = [], stored[0].fact.image, ""
    for record in trace.records[stored[0].number :]:
        match record.fact:
            case TaskProgressed(task, state=state) if task == key:
                at = record.source
                if state != "assigned":
                    deeds.append(Deed(record.time, "agent", at, state, "", record.number))
                continue
            case ContainerCreated(task=task) if task == key:
                said = "made"
            case ContainerStarted(_, task) if task == key:
                said = "runs"
            case ContainerExited(_, task, code) if task == key:
                said = f"exit {code}"
            case ContainerRemoved(_, task) if task == key:
                said = "removed"
            case PullStarted(name) if name == image and record.source == at:
                said = "pulls"
            case ImagePulled(name) if name == image and record.source == at:
                said = "pulled"
            case _:
                continue
        deeds.append(Deed(record.time, "executor", record.source, said, "", record.number))
    return deeds


def _deliveries(trace: Any, key: str) -> list[Deed]:
    """The message by which the dispatcher brought the task to its node."""
    heard = next((r for r in trace.records if isinstance(r.fact, TaskProgressed) and r.fact.task == key), None)
    if heard is None:
        return []
    brought = [
        m for m in trace.messages if m.name == "Assignments" and m.to == heard.source and 0 <= m.arrived <= heard.time
    ]
    return [Deed(brought[-1].sent, "dispatcher", brought[-1].sender, "sends", "", heard.cause)] if brought else []


def _answer(trace: Any, deeds: list[Deed]) -> list[Deed]:
    """When the command that began it all returned."""
    first = next((deed for deed in deeds if deed.lane == "client"), None)
    done = [r for r in trace.records if first and isinstance(r.fact, CommandReturned) and r.cause == first.fact]
    return [Deed(r.time, "client", r.source, "returns", "", r.number) for r in done[:1]]


# ── in words ─────────────────────────────────────────────────────────────────────────────────────────────────────


def tell_authors(trace: Any, task: str) -> str:
    """Who wrote which state of the task, and when, for `show`."""
    deeds = journey(trace, task)
    start = deeds[0].time
    said = [
        f"{deed.state} by the {deed.lane} after {ink.span((deed.time - start) / SECOND)}"
        for deed in deeds
        if deed.state
    ]
    ran = next((deed for deed in deeds if deed.lane == "agent" and deed.text == "running"), None)
    runs = f"; it truly ran on {ran.source} after {ink.span((ran.time - start) / SECOND)}" if ran else ""
    name = _stored(trace, task)[0].fact.name
    return f"What the store said of {name}, and who wrote it: {', '.join(said)}{runs}."


# ── drawn: a lane per author, a column per instant ───────────────────────────────────────────────────────────────

LANE, PITCH, LEFT = 0.42, 0.66, 1.12  # inches
CELL = 0.26  # inches: a state in the store
SMALL = 9  # points
SAME = 25  # µs within which two deeds share a column: from one part of a machine to the other


def draw_authors(trace: Any, task: str, ax: Axes | None = None) -> Axes:
    """One task's journey: a lane per author, the store in the middle, in each column what happened at one instant.

    A filled cell is a state that a majority has written down; the line goes up to who wrote it. Below the store stands
    what truly happened on the node, which the store learns only later.
    """
    deeds = journey(trace, task)
    columns = _columns(deeds)
    width, height = LEFT + PITCH * len(columns) + 0.1, 0.3 + LANE * len(LANES) + 0.75
    if ax is None:
        fig = ink.sheet(width=max(width, 4), height=height)
        ax = fig.add_axes((0.0, 0.0, 1.0, 1.0))
    wide, high = ink.inches(ax)
    ax.set(xlim=(0, max(wide, width)), ylim=(max(high, height), 0))
    ax.set_axis_off()
    where = next((deed.source for deed in deeds if deed.lane == "agent"), "no node")
    name = _stored(trace, task)[0].fact.name
    ink.write(ax, 0.1, 0.16, f"{name}: who wrote what", fontweight="bold")
    _draw_lanes(ax, width, where)
    _draw_delivery(ax, columns)
    for n, column in enumerate(columns):
        _draw_column(ax, column, LEFT + (n + 0.5) * PITCH)
        at = ink.span((column[0].time - deeds[0].time) / SECOND)
        y = 0.3 + LANE * len(LANES) + 0.16
        ink.write(ax, LEFT + (n + 0.5) * PITCH, y, f"+{at}" if n else "0", ha="center", fontsize=SMALL)
    said = "time since the first column, not to scale  ·  filled: the state in the store, agreed on by a majority"
    said += "  ·  dashed: what it should be" if any(deed.state.startswith(WISH) for deed in deeds) else ""
    ink.write(ax, 0.1, height - 0.16, said)
    return ax


def _columns(deeds: list[Deed]) -> list[list[Deed]]:
    """Deeds of one instant share a column, as long as no two have to be told in one lane's store."""
    columns: list[list[Deed]] = []
    for deed in deeds:
        last = columns[-1] if columns else []
        near = last and deed.time - last[-1].time <= SAME
        if near and not (deed.state and any(other.state for other in last)):
            last.append(deed)
        else:
            columns.append([deed])
    return columns


def _y(lane: str) -> float:
    return 0.3 + LANE * (LANES.index(lane) + 0.5)


def _draw_lanes(ax: Axes, width: float, where: str) -> None:
    for lane in LANES:
        y = _y(lane)
        if lane == "store":
            ink.box(ax, 0.06, y - LANE / 2, width - 0.12, LANE, facecolor="#f0f5fa", edgecolor="none")
        ax.plot((LEFT, width - 0.06), (y, y), color=ink.FAINT, linewidth=1, zorder=0)
        name = {"agent": f"agent, {ink.short(where)}", "store": "the store"}.get(lane, lane)
        ink.write(ax, LEFT - 0.08, y, name, ha="right", fontweight="bold" if lane == "store" else "normal")


def _draw_delivery(ax: Axes, columns: list[list[Deed]]) -> None:
    """From the dispatcher, who sends, to the agent, who hears."""
    ends = [
        next((n for n, c in enumerate(columns) for d in c if d.lane == lane and d.text == text), None)
        for lane, text in DELIVERY
    ]
    if None in ends:
        return
    (x0, x1), (y0, y1) = (LEFT + (n + 0.5) * PITCH for n in ends if n is not None), (_y(lane) for lane, _ in DELIVERY)
    ax.annotate(
        "", (x1, y1 - 0.05), (x0, y0), arrowprops={"arrowstyle": "->", "color": ink.CONTROL, "linewidth": 1.2}, zorder=1
    )


def _draw_column(ax: Axes, deeds: list[Deed], x: float) -> None:
    texts: dict[str, list[str]] = {}
    for deed in deeds:
        if deed.text:
            texts.setdefault(deed.lane, []).append(deed.text)
        if deed.state:
            y = _y("store")
            ax.plot((x, x), (_y(deed.lane), y - CELL / 2), color=ink.CONTROL, linewidth=1.6, zorder=1)
            state, is_wish = deed.state.removeprefix(WISH), deed.state.startswith(WISH)
            face, style = (ink.PAPER, "--") if is_wish else ("#cfe2f1", "-")
            ink.box(
                ax, x - 0.31, y - CELL / 2, 0.62, CELL, facecolor=face, edgecolor=ink.CONTROL, linestyle=style, zorder=2
            )
            ink.write(ax, x, y, state, ha="center", fontsize=SMALL if len(state) < 10 else 8, zorder=3)
        ax.plot([x], [_y(deed.lane)], "o", color=ink.CONTROL if deed.state else ink.INK, markersize=5, zorder=3)
    for lane, lines in texts.items():
        _write_deed(ax, x, _y(lane), lines)


def _write_deed(ax: Axes, x: float, y: float, lines: list[str]) -> None:
    """Below the dot: what was done, of several things at one instant the last; in white, so that lines pass behind."""
    white = {"facecolor": ink.PAPER, "edgecolor": "none", "pad": 0.4}
    text = lines[-1] if len(lines) == 1 or lines[0] == lines[-1] else f"… {lines[-1]}"
    ink.write(ax, x, y + 0.135, text, ha="center", fontsize=SMALL, bbox=white, zorder=2)
