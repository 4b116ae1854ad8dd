"""Placement: a column per node as high as its capacity, a block per task as high as what it reserves.

Full up to 12 nodes; narrow columns up to 50; beyond that a row per zone, and only nodes that are not as the others
drawn one by one. A task's limit is a whisker beside its column: it takes no room.
"""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import ink
from .placefold import MANY, MIB, amount, placed_rows, placement, placement_at, zones_of
from .still import CELL, FULL, STEP, initials

__all__ = ["draw_placement", "placed_rows", "placement", "placement_at", "placement_strip", "tell_placement"]

SMALL = 9  # points
LETTER = 0.11  # inches, the lowest block with its letter
LINE = 0.19  # inches from line to line
RANKS = ("failures", "of {}", "all tasks")
WORDS = {"drain": "drained", "pause": "paused"}
SIGNS = {"down": "✕", "disconnected": "✕", "removed": "✕", "unknown": "?", "drained": "▥", "paused": "‖"}
BETWEEN = 0.15  # inches between the frames of a strip
BOLD = 1.08  # bold letters are so much wider


def draw_placement(
    rows: Any, step: int | None = None, ax: Axes | None = None, services: Sequence[str] = (), high: float = 1.9
) -> Axes:
    """Where every task stands after this step, by default the last: `draw_placement(placement(cluster.trace), 5)`.

    `services`, up to four, get a colour; without names all do, if they are four at most. `high` is the height of the
    largest node, in inches. Under the columns stand the ranks by which the nodes were compared for the task with the
    thick outline, as they were before it was placed.
    """
    rows = _rows(rows)
    world = placement_at(rows, _number(rows, step))
    width = ink.inches(ax)[0] if ax is not None else ink.WIDTH
    plan = _plan(rows, [world], services, high, width)
    if ax is None:
        if plan["mode"] == "full":  # few nodes need less; title, tray and key then end there, too
            few = plan["left"] + plan["pitch"] * len(rows["nodes"]) + 0.3
            plan = _plan(rows, [world], services, high, min(width, max(few, 5.5)))
        fig = ink.sheet(width=plan["width"], height=plan["height"])
        ax = fig.add_axes((0.0, 0.0, 1.0, 1.0))
    _draw(ax, world, plan)
    return ax


def placement_strip(
    rows: Any, steps: Sequence[int] | None = None, titles: Sequence[str] | None = None, services: Sequence[str] = ()
) -> Figure:
    """The same after several steps, side by side, up to six: by default the first, the last, and some between."""
    rows = _rows(rows)
    last = len(rows["steps"]) - 1
    chosen = list(steps) if steps is not None else sorted({round(n * last / 5) for n in range(6)})
    worlds = [placement_at(rows, _number(rows, step)) for step in chosen]
    columns = 1 if len(rows["nodes"]) > FULL else 2 if len(worlds) in (2, 4) or len(rows["nodes"]) > 4 else 3
    columns = min(columns, len(worlds))
    width = (ink.WIDTH - BETWEEN * (columns + 1)) / columns
    plan = _plan(rows, worlds, services, 1.25, width)
    lines = -(-len(worlds) // columns)
    total = lines * (plan["height"] + BETWEEN) + BETWEEN
    fig = ink.sheet(height=total)
    for n, world in enumerate(worlds):
        x, y = BETWEEN + n % columns * (width + BETWEEN), BETWEEN + n // columns * (plan["height"] + BETWEEN)
        place = (x / ink.WIDTH, 1 - (y + plan["height"]) / total, width / ink.WIDTH, plan["height"] / total)
        _draw(fig.add_axes(place), world, plan, titles[n] if titles is not None else None)
    return fig


def tell_placement(rows: Any, step: int | None = None) -> str:
    """The same in words, for `show`."""
    rows = _rows(rows)
    world = placement_at(rows, _number(rows, step))
    said = [f"After step {world['step']} of {world['last']} ({world['said']})"]
    held = [f"{node['name']} {_held(node, rows['unit'])}" for node in world["nodes"]]
    said.append(": " + (", ".join(held) if len(held) <= FULL else _range(world, rows["unit"])))
    zones = zones_of(world["nodes"])
    if len(zones) > 1:
        said.append("; tasks by zone: " + ", ".join(f"{_zone(zone)} {sum(zone['tasks'].values())}" for zone in zones))
    waiting = len(world["waiting"])
    said.append(f"; {waiting} task{'s' * (waiting != 1)} without a node." if waiting else ".")
    return "".join(said)


def _rows(source: Any) -> dict:
    return source if isinstance(source, dict) and "steps" in source else placement(source)


def _number(rows: dict, step: int | None) -> int:
    """A step that there is; negative ones count from the end."""
    last = len(rows["steps"]) - 1
    chosen = last if step is None else step + last + 1 if step < 0 else step
    if not 0 <= chosen <= last:
        raise ValueError(f"step {step}: there are steps 0 to {last}")
    return chosen


def _state(node: dict) -> str:
    """What is special about a node: drained, paused, down, or nothing."""
    return WORDS.get(node["availability"], "") if node["state"] == "ready" else node["state"]


def _held(node: dict, unit: str) -> str:
    wanted = sum(task["wanted"] for task in node["tasks"])
    state = _state(node)
    reserved = amount(node["reserved"], unit)
    return f"{wanted} ({reserved} of {amount(node['capacity'], unit)}{f', {state}' * bool(state)})"


def _range(world: dict, unit: str) -> str:
    """Many nodes in one phrase."""
    counts = [sum(task["wanted"] for task in node["tasks"]) for node in world["nodes"]]
    reserved, capacity = (sum(node[key] for node in world["nodes"]) for key in ("reserved", "capacity"))
    odd = [f"{node['name']} {_state(node)}" for node in world["nodes"] if _state(node)]
    said = f"{sum(counts)} tasks on {len(counts)} nodes, {min(counts)} to {max(counts)} each, "
    said += f"{amount(reserved, unit)} of {amount(capacity, unit)} reserved"
    return said + (f"; {', '.join(odd[:8])}{f' and {len(odd) - 8} more' * (len(odd) > 8)}" if odd else "")


def _zone(zone: dict) -> str:
    return zone["zone"] or "no zone"


# ── the plan of a picture: what all its frames share ─────────────────────────────────────────────────────────────


def _plan(rows: dict, worlds: list[dict], services: Sequence[str], high: float, width: float = ink.WIDTH) -> dict:
    """Where everything stands, in inches from the upper left corner."""
    names = list(dict.fromkeys(task["service"] for task in rows["tasks"].values()))
    colours = dict(zip(services, ink.HUES, strict=False)) if services else ink.hues(names)
    count = len(rows["nodes"])
    plan: dict[str, Any] = {"unit": rows["unit"], "width": width, "high": high, "colours": colours}
    plan["letters"] = initials(names)
    plan["mode"] = "full" if count <= FULL else "narrow" if count <= MANY else "zones"
    nodes = [node for world in worlds for node in world["nodes"]]
    plan["most"] = max([node["capacity"] for node in rows["nodes"]] + [node["reserved"] for node in nodes]) or 1
    plan["ranked"] = plan["mode"] == "full" and any(world["service"] for world in worlds)
    floating = any(not task["reserved"] for task in rows["tasks"].values())
    plan["left"] = 0.95 if plan["ranked"] or floating else 0.62
    plan["pitch"] = min(1.15, (width - plan["left"] - 0.15) / max(1, count))
    plan["column"] = plan["pitch"] * (0.62 if plan["mode"] == "full" else 0.78)
    plan["tray"] = any(world["waiting"] for world in worlds)
    plan["top"] = 0.3 + (STEP + 0.08 if plan["tray"] else 0) + 0.36
    free = max((sum(not task["reserved"] for task in node["tasks"]) for node in nodes), default=0)
    plan["per_line"] = max(1, int(plan["column"] / (CELL + 0.02))) if plan["mode"] == "full" else 1
    large = plan["unit"] == "memory" and plan["most"] >= 512 * MIB
    plan["divide"] = 1024 * MIB if large else MIB if plan["unit"] == "memory" else 1
    plan["terse"] = plan["pitch"] < ink.room("0.25 of 16", SMALL)  # too narrow for the capacity as well
    plan["free"] = min(3, -(-free // plan["per_line"])) if plan["mode"] == "full" else 0
    plan["floor"] = plan["top"] + high
    plan["names"] = plan["floor"] + 0.06 + plan["free"] * (CELL + 0.03) + 0.12
    below = (2 if any(_state(node) for node in nodes) else 1) * LINE + (3 * LINE + 0.08 if plan["ranked"] else 0)
    plan["ranks"] = plan["names"] + below - 3 * LINE - 0.06
    plan["brackets"] = plan["names"] + (below if plan["mode"] == "full" else 0.12)
    zones = [zone for world in worlds for zone in zones_of(world["nodes"])]
    lines = max((len(_counts(zone, plan)) for zone in zones), default=0) + 1.2
    key = " · ".join(f"{letter} {name}" for name, letter in plan["letters"].items())
    plan["key"] = ink.wrapped(_reading(rows, key), width - 0.3)
    plan["odd"] = max((len(_odd(world, width)) for world in worlds), default=0) if plan["mode"] != "full" else 0
    plan["foot"] = (
        plan["brackets"] + LINE * (lines if any(zone["zone"] for zone in zones) else 0) + 0.1 + LINE * plan["odd"]
    )
    if plan["mode"] == "zones":
        plan["foot"] = 0.5 + 0.62 * max(len(_by_zone(world)) for world in worlds) + LINE * (plan["odd"] + 1)
    plan["height"] = plan["foot"] + LINE * len(plan["key"]) + 0.06
    return plan


def _reading(rows: dict, key: str) -> list[str]:
    """How to read it, as far as it is there."""
    tasks = list(rows["tasks"].values())
    said = [key] if key else []
    said += ["whisker: limit"] if any(task["limit"] for task in tasks) else []
    said += ["dark inside: in use"] if any(task["used"] is not None for task in tasks) else []
    return said


def _counts(zone: dict, plan: dict) -> list[str]:
    """The tasks of a zone by service, in lines that fit under its bracket."""
    said = [f"{plan['letters'][name]} {count}" for name, count in zone["tasks"].items()]
    return ink.wrapped(said, (zone["last"] - zone["first"] + 1) * plan["pitch"] - 0.1) if said else [""]


def _odd(world: dict, width: float) -> list[str]:
    """The nodes that are not as the others, by name, in lines."""
    said = [f"{SIGNS[_state(node)]} {node['name']} {_state(node)}" for node in world["nodes"] if _state(node)]
    said = said if len(said) <= 24 else [*said[:24], f"and {len(said) - 24} more"]
    return ink.wrapped(said, width - 0.4)


# ── drawn ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _draw(ax: Axes, world: dict, plan: dict, title: str | None = None) -> None:
    wide, high = ink.inches(ax)
    ax.set(xlim=(0, wide), ylim=(max(high, plan["height"]), 0))
    ax.set_axis_off()
    number = f" · step {world['step']} of {world['last']}" if title is None else ""
    room = plan["width"] - 0.2 - BOLD * ink.room(number)
    said = _cut(world["said"] if title is None else title, room)
    ink.write(ax, 0.1, 0.14, said + number, fontweight="bold")
    if plan["tray"]:
        _draw_tray(ax, world["waiting"], plan)
    if plan["mode"] == "zones":
        _draw_zone_rows(ax, world, plan)
    else:
        _draw_scale(ax, world, plan)
        for n, node in enumerate(world["nodes"]):
            _draw_node(ax, node, plan["left"] + n * plan["pitch"], world, plan)
        _draw_brackets(ax, world, plan)
    for n, line in enumerate(_odd(world, plan["width"]) if plan["mode"] != "full" else ()):
        ink.write(ax, 0.15, plan["foot"] - LINE * (plan["odd"] - n) + 0.06, line)
    for n, line in enumerate(plan["key"]):
        ink.write(ax, 0.15, plan["foot"] + LINE * n + 0.06, line)


def _cut(text: str, width: float) -> str:
    """As much of a title as there is room for."""
    most = int(width / ink.room("m") / BOLD)
    return text if len(text) <= most else f"{text[: most - 2]} …"


def _draw_tray(ax: Axes, tasks: list[dict], plan: dict) -> None:
    """What waits for a node: outlines without a place."""
    y = 0.3
    ink.box(ax, 0.1, y, plan["width"] - 0.2, STEP, edgecolor=ink.LINE, linestyle=":")
    ink.write(ax, 0.18, y + STEP / 2, "no node yet")
    room = int((plan["width"] - 1.6) / STEP)
    for n, task in enumerate(tasks[:room]):
        x = 1.05 + n * STEP
        ink.box(ax, x, y + 0.03, CELL, CELL, edgecolor=ink.INK, linewidth=1.2, linestyle=(0, (1, 1.6)))
        letter = plan["letters"][task["service"]]
        ink.write(ax, x + CELL / 2, y + STEP / 2, letter, ha="center", fontsize=SMALL, fontweight="bold")
    if len(tasks) > room:
        ink.write(ax, 1.05 + room * STEP, y + STEP / 2, f"+{len(tasks) - room}")


def _draw_scale(ax: Axes, world: dict, plan: dict) -> None:
    """What the height means, at the left."""
    x, floor, top = plan["left"] - 0.1, plan["floor"], plan["floor"] - plan["high"]
    ax.plot((x, x), (floor, top), color=ink.QUIET, linewidth=1)
    ink.write(ax, x - 0.05, floor, "0", ha="right", fontsize=SMALL)
    ink.write(ax, x - 0.05, top, amount(plan["most"], plan["unit"]), ha="right", fontsize=SMALL)
    if plan["free"]:
        ink.write(ax, x - 0.05, floor + 0.06 + CELL / 2, "reserve 0", ha="right", fontsize=SMALL)
    if plan["ranked"] and world["service"]:
        for n, text in enumerate(RANKS):
            y = plan["ranks"] + n * LINE
            ink.write(ax, x - 0.05, y, _cut(text.format(world["service"]), 1.0), ha="right", fontsize=SMALL)


def _draw_node(ax: Axes, node: dict, x: float, world: dict, plan: dict) -> None:
    scale, floor, wide = plan["high"] / plan["most"], plan["floor"], plan["column"]
    left, high = x + (plan["pitch"] - wide) / 2, node["capacity"] * scale
    state = _state(node)
    ink.box(ax, left, floor - high, wide, high, facecolor="#f7f7f7", edgecolor=ink.QUIET, linewidth=1)
    if state:
        hatch = {"drained": "||", "paused": "--"}.get(state, "xx")
        ink.box(ax, left, floor - high, wide, high, edgecolor=ink.LINE, linewidth=0, hatch=hatch)
    y, free = floor, []
    for n, task in enumerate(node["tasks"]):
        if task["reserved"]:
            tall = task["reserved"] * scale
            _draw_block(ax, task, left, y - tall, wide, tall, plan)
            _draw_limit(ax, task, left + wide + 0.04 + 0.035 * (n % 3), y, plan)
            y -= tall
        else:
            free.append(task)
    if plan["mode"] == "narrow":
        ink.write(ax, x + plan["pitch"] / 2, plan["names"], SIGNS.get(state, ""), ha="center", fontsize=SMALL)
        return
    _draw_free(ax, free, left, plan)
    _write_node(ax, node, x, state, world, plan)


def _draw_block(ax: Axes, task: dict, x: float, y: float, wide: float, tall: float, plan: dict) -> None:
    """One task: outlined while it is wanted, empty and grey when it only still holds its place."""
    filling = plan["colours"].get(task["service"], ink.SOLID) if task["wanted"] else ink.FAINT
    edge = ink.INK if task["wanted"] else ink.LINE
    ink.box(ax, x, y, wide, tall, facecolor=filling, edgecolor=edge, linewidth=1, zorder=2)
    if task["used"]:  # to scale, whatever was reserved; from the floor up, where nothing was
        used = task["used"] * plan["high"] / plan["most"]
        foot = y + tall if task["reserved"] else plan["floor"]
        ink.box(ax, x + 0.03, foot - used, wide * 0.3, used, facecolor=ink.INK, alpha=0.55, linewidth=0, zorder=3)
    if task["new"]:
        ink.box(ax, x, y, wide, tall, edgecolor=ink.INK, linewidth=2.8, zorder=4)
    if tall >= LETTER and wide >= CELL - 0.02:
        colour = ink.PAPER if filling == ink.SOLID else ink.INK
        letter = plan["letters"][task["service"]]
        size = SMALL if tall >= 0.15 else 7.5
        middle = x + wide / 2, y + tall / 2 + 0.005
        ink.write(ax, *middle, letter, ha="center", fontsize=size, fontweight="bold", color=colour, zorder=5)


def _draw_limit(ax: Axes, task: dict, x: float, y: float, plan: dict) -> None:
    """How far the task may go: a whisker beside the column, open where the picture ends."""
    if not task["limit"] or plan["mode"] != "full":
        return
    top = y - task["limit"] * plan["high"] / plan["most"]
    edge = plan["floor"] - plan["high"] - 0.06
    ax.plot((x, x), (y, max(top, edge)), color=ink.INK, linewidth=1)
    if top >= edge:
        ax.plot((x - 0.025, x + 0.025), (top, top), color=ink.INK, linewidth=1)


def _draw_free(ax: Axes, tasks: list[dict], left: float, plan: dict) -> None:
    """Tasks that reserve nothing stand below the floor: to the scheduler they take no room."""
    room = plan["free"] * plan["per_line"]
    shown = tasks if len(tasks) <= room else tasks[: room - 1]
    for n, task in enumerate(shown):
        x = left + n % plan["per_line"] * (CELL + 0.02)
        y = plan["floor"] + 0.06 + n // plan["per_line"] * (CELL + 0.03)
        _draw_block(ax, task, x, y, CELL, CELL, plan)
    if len(shown) < len(tasks):
        x = left + (room - 1) % plan["per_line"] * (CELL + 0.02)
        y = plan["floor"] + 0.06 + (plan["free"] - 1) * (CELL + 0.03) + CELL / 2
        ink.write(ax, x, y, f"+{len(tasks) - len(shown)}", fontsize=SMALL)


def _write_node(ax: Axes, node: dict, x: float, state: str, world: dict, plan: dict) -> None:
    """Above the column how much is reserved; below it its name, its state, and its ranks."""
    middle, pitch = x + plan["pitch"] / 2, plan["pitch"]
    y = plan["floor"] - max(node["capacity"], node["reserved"]) * plan["high"] / plan["most"] - 0.12
    said, whole = (f"{node[key] / plan['divide']:.3g}" for key in ("reserved", "capacity"))
    ink.write(ax, middle, y, said if plan["terse"] else f"{said} of {whole}", ha="center", fontsize=SMALL)
    name = node["name"] if ink.room(node["name"], SMALL) <= pitch else ink.short(node["name"])
    chosen = node["name"] == world["chosen"]
    weight = "bold" if chosen else "normal"
    ink.write(ax, middle, plan["names"], name, ha="center", fontsize=SMALL, fontweight=weight)
    if state:
        word = f"{SIGNS[state]} {state}" if ink.room(f"{SIGNS[state]} {state}", SMALL) <= pitch else state
        ink.write(ax, middle, plan["names"] + LINE, word, ha="center", fontsize=SMALL)
    if not (plan["ranked"] and world["service"]):
        return
    ranks = node["ranks"] or ["–"] * 3
    for n, rank in enumerate(ranks):
        y = plan["ranks"] + n * LINE
        ink.write(ax, middle, y, str(rank), ha="center", fontsize=SMALL, fontweight=weight)
    if chosen:
        ink.box(ax, middle - 0.14, plan["ranks"] - 0.5 * LINE, 0.28, 3 * LINE, edgecolor=ink.CONTROL, linewidth=1.5)


def _draw_brackets(ax: Axes, world: dict, plan: dict) -> None:
    """Each zone as a bracket with its own counts."""
    zones = zones_of(world["nodes"])
    if len(zones) == 1 and not zones[0]["zone"]:
        return
    y = plan["brackets"] + 0.02
    for zone in zones:
        first, last = (plan["left"] + n * plan["pitch"] for n in (zone["first"], zone["last"] + 1))
        ax.plot(
            (first + 0.06, first + 0.06, last - 0.06, last - 0.06),
            (y - 0.05, y, y, y - 0.05),
            color=ink.INK,
            linewidth=1.2,
        )
        name = _cut(_zone(zone), last - first) if zone["zone"] or ink.room("no zone") < last - first else "–"
        ink.write(ax, (first + last) / 2, y + 0.12, name, ha="center", fontsize=SMALL, fontweight="bold")
        for n, line in enumerate(_counts(zone, plan)):
            ink.write(ax, (first + last) / 2, y + 0.12 + (n + 1) * LINE, line, ha="center", fontsize=SMALL)


# ── more nodes than columns: a row per zone ──────────────────────────────────────────────────────────────────────


def _by_zone(world: dict) -> dict[str, list[dict]]:
    found: dict[str, list[dict]] = {}
    for node in world["nodes"]:
        found.setdefault(node["zone"], []).append(node)
    return found


def _draw_zone_rows(ax: Axes, world: dict, plan: dict) -> None:
    """What each zone has and what of it is reserved, service by service."""
    zones = _by_zone(world)
    most = max(sum(node["capacity"] for node in nodes) for nodes in zones.values()) or 1
    wide, first = plan["width"] - 1.4, 1.2
    for n, (zone, nodes) in enumerate(zones.items()):
        y = plan["top"] - 0.2 + n * 0.62
        capacity = sum(node["capacity"] for node in nodes)
        ink.write(ax, first - 0.1, y + 0.13, zone or "no zone", ha="right", fontweight="bold")
        ink.box(ax, first, y, capacity / most * wide, 0.26, facecolor="#f7f7f7", edgecolor=ink.QUIET)
        x = first
        for service in plan["letters"]:
            reserved = sum(task["reserved"] for node in nodes for task in node["tasks"] if task["service"] == service)
            long = reserved / most * wide
            ink.box(ax, x, y, long, 0.26, facecolor=plan["colours"].get(service, ink.SOLID), linewidth=0.8)
            if long > 0.2:
                colour = ink.INK if service in plan["colours"] else ink.PAPER
                ink.write(
                    ax, x + long / 2, y + 0.13, plan["letters"][service], ha="center", color=colour, fontweight="bold"
                )
            x += long
        counts = [sum(task["wanted"] for task in node["tasks"]) for node in nodes]
        reserved = sum(node["reserved"] for node in nodes)
        each = f"{min(counts)} to {max(counts)} on a node" if min(counts) < max(counts) else f"{counts[0]} on each"
        said = f"{len(nodes)} nodes, {sum(counts)} tasks, {each}; "
        said += f"{amount(reserved, plan['unit'])} of {amount(capacity, plan['unit'])} reserved"
        ink.write(ax, first, y + 0.39, said, fontsize=SMALL)
