"""One instant of the board as a picture: the layout and the glyphs of the player, on paper.

Left out are what moves, the client, and tasks that ended and have a successor.
"""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Circle, Polygon

from . import ink

GAP, HEAD, CELL, STEP = 0.09, 0.42, 0.19, 0.25  # inches: between boxes, above the cells, a cell, from cell to cell
DOT, PACE = 0.1, 0.13  # inches: a cell without its letter, from one to the next
FOOT = 0.26  # the line that sums up
CROWN = ((-6, 4.5), (-7, -3.5), (-3, 0.5), (0, -5.5), (3, 0.5), (7, -3.5), (6, 4.5))
LOOKS = {"down": "down", "frozen": "frozen", "off": "off", "suspect": "suspected", "unknown": "unknown"}
SMALL = 9  # points
WIDE = 1.1  # inches: a box in which name and role stand side by side
FULL = 12  # machines, up to which names are written out


def initials(names: Sequence[str]) -> dict[str, str]:
    """One or two letters for each service, so that no two are the same; as in `static/player.js`."""
    taken: dict[str, str] = {}
    for name in names:
        word = name.rpartition("_")[2] or name
        tries = [word[0].upper(), *(word[0].upper() + letter for letter in word[1:])]
        taken[name] = next((text for text in tries if text not in taken.values()), f"{tries[0]}{len(taken) % 10}")
    return taken


def services_of(rows: dict) -> list[str]:
    """The names of all services that there ever were, oldest first."""
    stored = [row[5]["name"] for row in rows["log"] if row[3] == "service" and row[5]]
    ran = [row[4]["service"] for row in rows["truth"] if row[3].startswith("run/") and row[4]]
    return list(dict.fromkeys(stored + ran))


def is_crowded(rows: dict) -> bool:
    """Too many machines for long names and letters: tasks are dots."""
    return sum(machine["row"] in ("manager", "worker") for machine in rows["machines"]) > FULL


def layout(rows: dict, worlds: Sequence[dict], width: float) -> dict[str, Any]:
    """Where everything stands in all these worlds, in inches: `boxes` by machine, the `tray` or None, the `height`.

    Managers above, workers below, by zone. A machine keeps its place from world to world.
    """
    most = max((len(shown(machine)) for world in worlds for machine in world["machines"]), default=0)
    least, cell, step = (0.54, DOT, PACE) if is_crowded(rows) else (0.66, CELL, STEP)
    boxes, y = {}, GAP
    for row in ("manager", "worker"):
        machines = [machine for machine in rows["machines"] if machine["row"] == row]
        if row == "worker":
            machines.sort(key=lambda machine: machine["zone"])
        columns = max(1, min(len(machines), int((width + GAP) / (least + GAP))))
        wide = min(1.6, (width - GAP * (columns + 1)) / columns)
        lines = -(-most // cells_per_line(wide, step))
        high = HEAD + max(1, lines) * step + 0.04
        left = (width - columns * (wide + GAP) + GAP) / 2
        for n, machine in enumerate(machines):
            x = left + n % columns * (wide + GAP)
            boxes[machine["name"]] = (x, y + n // columns * (high + GAP), wide, high)
        y += -(-len(machines) // columns) * (high + GAP)
        if row == "manager":
            tray = y if any(world["tray"] for world in worlds) else None
            y += STEP + 2 * GAP if tray is not None else GAP
    return {"boxes": boxes, "tray": tray, "height": y + FOOT, "cell": cell, "step": step}


def cells_per_line(wide: float, step: float) -> int:
    return max(1, int((wide - 0.1) / step))


def shown(machine: dict) -> list[dict]:
    """The cells of a machine that are no history, after its plain containers."""
    plain = [_plain_cell(container) for container in machine["plain"]]
    return plain + [cell for cell in machine["cells"] if not cell["old"]]


def _plain_cell(container: dict) -> dict:
    fact = {"created": "ready", "running": "running"}.get(container["state"], "shutdown")
    wish = "" if container["state"] == "exited" else "running"
    name = container.get("name") or container["container"]
    return {"name": name, "service": name, "wish": wish, "fact": fact, "wrong": False}


def draw_board(rows: dict, world: dict, ax: Axes, places: dict, colours: dict[str, str]) -> Axes:
    """One world on axes that are as large as the layout says; colours belong to services."""
    width = ink.inches(ax)[0]
    ax.set(xlim=(0, width), ylim=(places["height"], 0), aspect="equal")
    ax.set_axis_off()
    letters = initials(services_of(rows))
    sides = {name: "ABCDEFGH"[n] for cut in world["cuts"] for n, group in enumerate(cut["groups"]) for name in group}
    zones = {machine["name"]: machine["zone"] for machine in rows["machines"] if machine["name"] in places["boxes"]}
    zones = zones if len(set(zones.values())) > 1 else {}
    for machine in world["machines"]:
        if machine["name"] in places["boxes"]:
            box = places["boxes"][machine["name"]]
            tags = _fitting(
                _tags(machine, sides, zones, world["lens"]),
                box[2] - (0.3 if machine["role"] and box[2] < WIDE else 0.06),
            )
            _draw_machine(ax, machine, box, tags, places["cell"] < CELL, machine["name"] == world["lens"])
            _draw_cells(ax, shown(machine), box, places, letters, colours)
    if places["tray"] is not None:
        _draw_tray(ax, world["tray"], places["tray"], width, letters, colours)
    ink.write(ax, GAP, places["height"] - 0.1, counts(world))
    return ax


def counts(world: dict) -> str:
    """What all outlines and fillings come to: `7 of 7 tasks run · manager-1 leads`."""
    wanted, filled = (sum(service[key] for service in world["services"]) for key in ("wanted", "filled"))
    leaders = [machine["name"] for machine in world["machines"] if machine["role"] == "leader"]
    leads = f"{' and '.join(leaders)} lead{'s' * (len(leaders) == 1)}" if leaders else "nobody leads"
    return f"{filled} of {wanted} tasks run · {leads}"


def _tags(machine: dict, sides: dict, zones: dict, lens: str) -> list[str]:
    """What stands below a machine's name, the most telling first. Down is a belief; the truth is that power is off."""
    looks = "no power" if lens == "truth" and machine["looks"] == "down" else LOOKS.get(machine["looks"], "")
    outside = lens == "truth" and machine["looks"] == "up" and not machine["swarm"]
    words = [
        looks or ("no swarm" if outside else ""),
        f"cut {sides[machine['name']]}" if machine["name"] in sides else "",
    ]
    words.append({"drain": "drained", "pause": "paused"}.get(machine["availability"], ""))
    words.append(f"✕ {' '.join(machine['blocked'])}" if machine["blocked"] else "")
    words.append(f"+{machine['hidden']} unseen" if machine["hidden"] else "")
    words.append(f"term {machine['term']}" if machine["role"] and machine["term"] else "")
    return [word for word in (*words, zones.get(machine["name"], "")) if word]


def _fitting(words: list[str], wide: float) -> str:
    """As many words as there is room for, the first in any case."""
    text = ""
    for word in words:
        longer = f"{text} · {word}" if text else word
        text = longer if not text or ink.room(longer, SMALL) * 0.95 <= wide else text
    return text


def _draw_machine(ax: Axes, machine: dict, box: tuple, tags: str, small: bool, is_lens: bool) -> None:
    x, y, wide, high = box
    unsure = machine["looks"] in ("unknown", "suspect", "off")
    edge, width = (ink.CONTROL, 1.8) if is_lens else (ink.QUIET, 1.0)
    ink.box(ax, *box, facecolor="#f7f7f7", edgecolor=edge, linewidth=width, linestyle=":" if unsure else "-")
    if machine["looks"] == "down":
        ink.box(ax, *box, edgecolor=ink.LINE, linewidth=0, hatch="xx")
        ax.plot((x, x + wide), (y, y + high), (x, x + wide), (y + high, y), color=ink.QUIET, linewidth=1.2)
    if machine["availability"] == "drain":
        ink.box(ax, x, y + HEAD, wide, high - HEAD, edgecolor=ink.LINE, linewidth=0, hatch="||")
    if machine["wrong"]:
        ink.box(ax, x - 0.04, y - 0.04, wide + 0.08, high + 0.08, edgecolor=ink.WRONG, linewidth=2.2)
    name = ink.short(machine["name"]) if small else machine["name"]
    ink.write(ax, x + 0.05, y + 0.12, name, fontsize=SMALL, path_effects=ink.HALO)
    ink.write(ax, x + 0.05, y + 0.29, tags, fontsize=SMALL, path_effects=ink.HALO)
    if machine["role"] and machine["looks"] != "down":
        draw_role(ax, machine["role"], x + wide - 0.14, y + (0.14 if wide >= WIDE else 0.31))


def draw_role(ax: Axes, role: str, x: float, y: float, up: float = -1) -> None:
    """Leader: double ring and crown. Candidate: dashed ring and C (P while it only asks whether to campaign). Follower:
    plain ring and F. `up` is the direction in which y grows."""
    style = "--" if role in ("candidate", "precandidate") else "-"
    ax.add_patch(
        Circle((x, y), 0.11, facecolor=ink.PAPER, edgecolor=ink.CONTROL, linewidth=1.2, linestyle=style, zorder=3)
    )
    if role == "leader":
        ax.add_patch(Circle((x, y), 0.085, fill=False, edgecolor=ink.CONTROL, linewidth=0.9, zorder=3))
        ax.add_patch(
            Polygon([(x + 0.0085 * a, y - 0.0085 * up * b) for a, b in CROWN], facecolor=ink.CONTROL, zorder=4)
        )
        return
    letter = {"candidate": "C", "precandidate": "P"}.get(role, "F")
    ink.write(
        ax, x, y - 0.005 * up, letter, fontsize=SMALL, fontweight="bold", color=ink.CONTROL, ha="center", zorder=4
    )


def _draw_tray(ax: Axes, cells: list[dict], y: float, width: float, letters: dict, colours: dict) -> None:
    """What waits for a node."""
    ink.box(ax, GAP, y, width - 2 * GAP, STEP + GAP, edgecolor=ink.LINE, linestyle=":")
    ink.write(ax, 2 * GAP, y + (STEP + GAP) / 2, "no node yet")
    first, per_line = 1.15, int((width - 1.75) / STEP)
    for n, cell in enumerate(cells[:per_line]):
        draw_cell(ax, cell, first + n * STEP, y + (STEP + GAP - CELL) / 2, letters.get(cell["service"], ""), colours)
    if len(cells) > per_line:
        ink.write(ax, first + per_line * STEP, y + (STEP + GAP) / 2, f"+{len(cells) - per_line}")


def _draw_cells(ax: Axes, cells: list[dict], box: tuple, places: dict, letters: dict, colours: dict) -> None:
    x, y, wide, _ = box
    step, per_line = places["step"], cells_per_line(wide, places["step"])
    for n, cell in enumerate(cells):
        left, top = x + 0.07 + n % per_line * step, y + HEAD + n // per_line * step
        draw_cell(ax, cell, left, top, letters.get(cell["service"], ""), colours, places["cell"])


def draw_cell(
    ax: Axes, cell: dict, x: float, y: float, letter: str, colours: dict[str, str], size: float = CELL
) -> None:
    """A place for one task: its outline is the wish, its filling is the fact."""
    fact, is_wanted = cell["fact"], cell["wish"] in ("running", "ready")
    high, filling = ink.FILLING.get(fact, 0) * size, colours.get(cell["service"], ink.SOLID)
    bed = ink.PAPER if is_wanted or high else ink.FAINT
    dots = (0, (1, 1.6)) if fact in ("new", "pending") else "-"
    ink.box(ax, x, y, size, size, facecolor=bed, linewidth=0, zorder=2)
    ink.box(ax, x, y + size - high, size, high, facecolor=filling, linewidth=0, zorder=2)
    ink.box(ax, x, y, size, size, edgecolor=ink.INK if is_wanted else ink.LINE, linewidth=1.3, linestyle=dots, zorder=3)
    if cell["wrong"]:
        ink.box(ax, x - 0.03, y - 0.03, size + 0.06, size + 0.06, edgecolor=ink.WRONG, linewidth=1.8, zorder=3)
    if size < CELL:
        letter = ""
    glyph = ink.GLYPHS.get(fact, "") if fact not in ("shutdown", "remove") else ""  # those are an empty grey cell
    colour = ink.PAPER if fact == "running" and filling == ink.SOLID else ink.INK
    effects = ink.HALO if 0 < high < size else []
    middle = x + size / 2, y + size / 2 + 0.005
    style: dict[str, Any] = {
        "color": colour,
        "path_effects": effects,
        "fontsize": SMALL if size == CELL else 7,
        "fontweight": "bold",
    }
    ink.write(ax, *middle, glyph or letter, ha="center", zorder=4, **style)


def key_of(rows: dict, worlds: Sequence[dict]) -> str:
    """What the letters in the cells stand for: `V vote_vote · R vote_redis`."""
    seen = {cell["service"] for world in worlds for machine in world["machines"] for cell in shown(machine)}
    seen |= {cell["service"] for world in worlds for cell in world["tray"]}
    return " · ".join(f"{letter} {name}" for name, letter in initials(services_of(rows)).items() if name in seen)
