"""The bytes of a frame as boxes inside each other, to scale; a ruler for what the MTU counts; the bytes themselves below.

Every layer is a header in front of a smaller packet: the box of a layer holds all that it carries.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from textwrap import wrap
from typing import Any, NamedTuple

from matplotlib.axes import Axes

from . import ink
from .chips import SMALL

__all__ = ["Part", "draw_bytes", "parts_of", "tell_bytes"]

LEFT, RIGHT, TOP = 0.2, 0.2, 0.16  # inches
NEST, DEEP = 0.055, 0.56  # inches: how much smaller each box is, the innermost
CALL, LINE, CELL = 0.2, 0.19, 0.245  # inches: a label above the boxes, a line below, a byte
PER_LINE = 16
NAMES = {"IPv4": "IP", "data": "payload", "encrypted": "encrypted: nobody on the way can read it"}
PLAIN = ("data", "encrypted")  # their fields say only how long they are
TINTS = ("#d9d9d9", "#ececec")  # of headers on the outside, in turns
VXLAN_TINT, INNER_TINTS, LOAD_TINT, ESP_TINT = "#f7f0a6", ("#fae3b4", "#fdf1d8"), "#ffffff", "#c3d6e3"


class Part(NamedTuple):
    """A run of bytes: a header, a trailer, the payload, or what cannot be read because it is encrypted."""

    name: str
    start: int
    length: int
    fields: tuple = ()  # (name, value) pairs
    kind: str = "header"  # header · payload · sealed · trailer


def parts_of(rows: Iterable[Any]) -> list[Part]:
    """Parts from rows of the same fields, in the order of their bytes; ValueError where two overlap.

    The layers of a decoded frame do as well: what lies behind a VXLAN header is called inner, what lies before it outer.
    """
    given = list(rows)
    if given and hasattr(given[0], "total"):
        given = _of_layers(given)
    parts = sorted((row if isinstance(row, Part) else Part(*row) for row in given), key=lambda part: part.start)
    if not parts:
        raise ValueError("there is nothing to draw: the frame has no parts")
    for before, part in pairwise(parts):
        if part.start < before.start + before.length:
            raise ValueError(f"{part.name} begins at byte {part.start}, inside {before.name}")
    return [_kinded(part) for part in parts if part.length]


def _of_layers(layers: Sequence[Any]) -> list[Part]:
    """Parts from layers with name, start, length and fields."""
    tunnel = next((n for n, layer in enumerate(layers) if layer.name in ("VXLAN", "ESP")), -1)
    parts = []
    for n, layer in enumerate(layers):
        name = NAMES.get(layer.name, layer.name)
        if tunnel >= 0 and layer.name in ("Ethernet", "IPv4"):
            name = f"{'outer' if n < tunnel else 'inner'} {name}"
        shown = {} if layer.name in PLAIN else layer.fields
        parts.append(Part(name, layer.start, layer.length, tuple(shown.items())))
    return parts


def _kinded(part: Part) -> Part:
    """A kind by the name, where none was given."""
    name = part.name.lower()
    if part.kind != "header":
        return part
    if "payload" in name or "data" in name.split():
        return part._replace(kind="payload")
    if "encrypted" in name or "sealed" in name or "ciphertext" in name:
        return part._replace(kind="sealed")
    return part._replace(kind="trailer") if "icv" in name or "trailer" in name or "pad" in name.split() else part


def length_of(parts: Sequence[Part]) -> int:
    """How many bytes the frame has."""
    return max(part.start + part.length for part in parts)


def packets(parts: Sequence[Part], mtu: int, inside: int = 0) -> list[tuple[str, int, int, int]]:
    """What an MTU counts: (words, first byte, bytes, room) of the outer packet and, where it can be seen, the inner one.

    An Ethernet header does not count. `inside` is the MTU of the overlay's interfaces; 0 leaves it out.
    """
    end = length_of(parts)
    ethernet = [part for part in parts if "ethernet" in part.name.lower()]
    found = []
    if ethernet:
        first = ethernet[0].start + ethernet[0].length
        found.append(("on the wire", first, end - first, mtu))
    if len(ethernet) > 1 and inside:
        first = ethernet[1].start + ethernet[1].length
        tail = sum(part.length for part in parts if part.kind == "trailer")
        found.append(("in the container", first, end - tail - first, inside))
    return found


def tell_bytes(rows: Iterable[Any], mtu: int = 1500, inside: int = 0) -> str:
    """The same in words, for `show`."""
    parts = parts_of(rows)
    said = ", ".join(f"{part.name} {part.length}" for part in parts)
    text = f"A frame of {length_of(parts)} bytes, from the outside in: {said}."
    for words, _, size, room in packets(parts, mtu, inside):
        over = f"{size - room} too many" if size > room else "it fits"
        text += f" {words.capitalize()} that is a packet of {size} bytes where {room} may pass: {over}."
    return text


# ── drawn ────────────────────────────────────────────────────────────────────────────────────────────────────────


def draw_bytes(
    rows: Iterable[Any],
    data: bytes = b"",
    mtu: int = 1500,
    inside: int = 0,
    lines: int = 8,
    span: int = 0,
    ax: Axes | None = None,
) -> Axes:
    """A frame as nested boxes to scale. `data` are its bytes: up to `lines` lines of them stand below with their fields.

    `mtu` is what the wire lets pass, `inside` what the container's interface does; what is too long is vermillion.
    `span` is how many bytes the whole width stands for, so that several frames have one scale.
    """
    parts = parts_of(rows)
    end = length_of(parts)
    rulers = packets(parts, mtu, inside)
    whole = max(end, span, *(first + room for _, first, _, room in rulers if room < 2.5 * end), 1)
    scale = (ink.WIDTH - LEFT - RIGHT) / whole
    calls, levels = _calls(parts, scale)
    top = TOP + CALL * levels + 0.08
    depth = sum(part.kind == "header" for part in parts)
    high = DEEP + 2 * NEST * depth
    below = top + high + 0.14 + 0.36 * len(rulers)
    table = _table(parts, data)
    hexes = min(lines, -(-len(data) // PER_LINE)) if data else 0
    height = below + max(hexes * 0.215 + (0.42 if hexes else 0), LINE * len(table) + 0.2 if data else 0) + 0.1
    ax = ink.canvas(ax, ink.WIDTH, height)
    _draw_boxes(ax, parts, scale, top, high)
    _draw_calls(ax, calls, scale, top)
    for n, ruler in enumerate(rulers):
        _draw_ruler(ax, ruler, scale, top + high + 0.14 + 0.36 * n)
    if data:
        _draw_hex(ax, parts, data, hexes, below + 0.22)
        for n, (text, tint) in enumerate(table):
            if tint:
                ink.box(ax, 4.95, below + 0.15 + n * LINE, 0.14, 0.14, facecolor=tint, edgecolor=ink.INK, linewidth=0.7)
            ink.write(ax, 5.16, below + 0.22 + n * LINE, text, fontsize=SMALL)
    return ax


def tint_of(parts: Sequence[Part], n: int) -> str:
    """The tint of a part: grey on the outside, yellow the VXLAN header, orange what the container sent."""
    part, name = parts[n], parts[n].name.lower()
    inner = any("vxlan" in other.name.lower() for other in parts[:n])
    if part.kind == "payload":
        return LOAD_TINT
    if part.kind == "sealed" or "esp" in name or part.kind == "trailer":
        return ESP_TINT
    if "vxlan" in name:
        return VXLAN_TINT
    return (INNER_TINTS if inner else TINTS)[n % 2]


def _draw_boxes(ax: Axes, parts: Sequence[Part], scale: float, top: float, high: float) -> None:
    """The header of each box at its left, then, a little lower, the box that it holds; trailers at the right."""
    headers = [part for part in parts if part.kind == "header"]
    tail = [part for part in parts if part.kind == "trailer"]
    end = length_of(parts)
    for n, part in enumerate(parts):
        depth = headers.index(part) if part in headers else len(headers)
        if part in tail:  # it closes what an ESP header opened
            depth = next((headers.index(h) for h in headers if "esp" in h.name.lower()), len(headers))
        y, tall = top + NEST * depth, high - 2 * NEST * depth
        x, wide = LEFT + part.start * scale, part.length * scale
        hatch = "////" if part.kind == "sealed" else ""
        look: dict[str, Any] = {"facecolor": tint_of(parts, n), "edgecolor": ink.LINE if hatch else ink.INK}
        ink.box(ax, x, y, wide, tall, linewidth=0.8, hatch=hatch, zorder=2 + 0.01 * depth, **look)
        if hatch:
            ink.box(ax, x, y, wide, tall, linewidth=0.8, zorder=2.5)
        if part in headers:
            last = end - sum(other.length for other in tail if depth > _esp(headers))
            ink.box(ax, x, y, (last - part.start) * scale, tall, linewidth=1.1, zorder=2.4)
        _label(ax, part, x, y, wide, tall)


def _esp(headers: Sequence[Part]) -> int:
    """How deep the ESP header lies; deeper than all where there is none."""
    return next((n for n, part in enumerate(headers) if "esp" in part.name.lower()), len(headers))


def _label(ax: Axes, part: Part, x: float, y: float, wide: float, tall: float) -> None:
    """The name and the length inside, where there is room."""
    lines = _inside(part, wide)
    style: dict[str, Any] = {"ha": "center", "fontsize": SMALL, "zorder": 4}
    if part.kind == "sealed":
        style["bbox"] = {"facecolor": ink.PAPER, "edgecolor": "none", "pad": 1.5}
    for n, line in enumerate(lines):
        weight = "bold" if n == len(lines) - 1 else "normal"
        ink.write(ax, x + wide / 2, y + tall / 2 + (n - (len(lines) - 1) / 2) * 0.16, line, fontweight=weight, **style)


def _inside(part: Part, wide: float) -> list[str]:
    """The lines of a label, or none when the box is too small."""
    lines = [
        *wrap(part.name, max(4, int(wide / ink.room("m", SMALL) * 1.05)), break_long_words=False),
        str(part.length),
    ]
    fits = len(lines) <= 4 and max(ink.room(line, SMALL) * 0.93 for line in lines) < wide
    return lines if fits else []


def _calls(parts: Sequence[Part], scale: float) -> tuple[list[tuple[Part, int]], int]:
    """Parts too small for words, each with the line above the boxes on which its words stand; and how many lines."""
    small = [part for part in parts if not _inside(part, part.length * scale)]
    widths = [ink.room(f"{part.name} {part.length}", SMALL) for part in small]
    places = [LEFT + part.start * scale for part in small]
    places = [min(place, ink.WIDTH - wide - 0.05) for place, wide in zip(places, widths, strict=True)]
    lines = ink.levels(places, widths, 0.14) if small else []
    return list(zip(small, lines, strict=True)), max(lines, default=-1) + 1


def _draw_calls(ax: Axes, calls: Sequence[tuple[Part, int]], scale: float, top: float) -> None:
    for part, level in calls:
        x, y = LEFT + (part.start + part.length / 2) * scale, top - 0.14 - CALL * level
        wide = ink.room(f"{part.name} {part.length}", SMALL)
        left = min(LEFT + part.start * scale, ink.WIDTH - wide - 0.05)
        ax.plot((x, x), (top + 0.05, y + 0.08), color=ink.QUIET, linewidth=0.8, zorder=1)
        ink.write(ax, left, y, f"{part.name} {part.length}", fontsize=SMALL, path_effects=ink.HALO)


def _draw_ruler(ax: Axes, ruler: tuple[str, int, int, int], scale: float, y: float) -> None:
    """A line as long as the packet, a mark where the room ends, and in vermillion what is beyond."""
    words, first, size, room = ruler
    x, fits = LEFT + first * scale, LEFT + (first + min(size, room)) * scale
    end = LEFT + (first + size) * scale
    ax.plot((x, fits), (y + 0.05,) * 2, color=ink.INK, linewidth=2, solid_capstyle="butt")
    ax.plot((x, x), (y, y + 0.1), color=ink.INK, linewidth=1.4)
    if size > room:
        ax.plot((fits, end), (y + 0.05,) * 2, color=ink.WRONG, linewidth=4, solid_capstyle="butt")
    mark = LEFT + (first + room) * scale
    if mark <= ink.WIDTH - RIGHT + 0.02:
        ax.plot((end, mark), (y + 0.05,) * 2, color=ink.LINE, linewidth=1.2, linestyle=":") if room > size else None
        ax.plot((mark, mark), (y - 0.04, y + 0.14), color=ink.INK, linewidth=1.6)
    verdict = f"✕ {size - room} too many" if size > room else f"{room - size} to spare" if size < room else "just fits"
    text = f"{words}: a packet of {size} bytes; the MTU there is {room}: {verdict}"
    left = min(x, ink.WIDTH - RIGHT - ink.room(text, SMALL) * 0.93)
    ink.write(ax, max(LEFT, left), y + 0.21, text, fontsize=SMALL)


def _draw_hex(ax: Axes, parts: Sequence[Part], data: bytes, lines: int, y: float) -> None:
    """The bytes, sixteen in a line, in the tints of the boxes they belong to."""
    owner = {}
    for n, part in enumerate(parts):
        for place in range(part.start, min(part.start + part.length, lines * PER_LINE)):
            owner[place] = n
    for place in range(min(len(data), lines * PER_LINE)):
        line, column = divmod(place, PER_LINE)
        x, top = 0.72 + column * CELL, y - 0.1 + line * 0.215
        if place in owner:
            sealed = parts[owner[place]].kind == "sealed"
            ink.box(ax, x, top, CELL, 0.215, facecolor=tint_of(parts, owner[place]), linewidth=0)
            for edge, neighbour in (((x, x), (top, top + 0.215)), place - 1), (((x, x + CELL), (top, top)), place - 16):
                if owner.get(neighbour, -1) != owner[place]:
                    ax.plot(*edge, color=ink.INK, linewidth=0.9, zorder=3)
            colour = ink.QUIET if sealed else ink.INK
        else:
            colour = ink.INK
        style: dict[str, Any] = {"ha": "center", "family": "monospace", "fontsize": SMALL, "color": colour}
        ink.write(ax, x + CELL / 2, top + 0.108, f"{data[place]:02x}", zorder=4, **style)
    for line in range(lines):
        ink.write(ax, 0.62, y + 0.008 + line * 0.215, str(line * PER_LINE), ha="right", fontsize=SMALL, color=ink.QUIET)
    rest = len(data) - lines * PER_LINE
    if rest > 0:
        ink.write(ax, 0.72, y + 0.02 + lines * 0.215, f"… and {rest} bytes more", fontsize=SMALL, color=ink.QUIET)


def _table(parts: Sequence[Part], data: bytes) -> list[tuple[str, str]]:
    """The fields of every part, in lines, each with the tint of its part on its first line."""
    if not data:
        return []
    found = []
    for n, part in enumerate(parts):
        fields = part.fields.items() if isinstance(part.fields, Mapping) else part.fields
        text = f"{part.name}: {', '.join(_field(*field) for field in fields)}" if fields else part.name
        for m, line in enumerate(wrap(text, int(4.7 / ink.room("m", SMALL) * 1.1), subsequent_indent="   ")):
            found.append((line, tint_of(parts, n) if m == 0 else ""))
    return found


def _field(name: str, value: Any) -> str:
    """A field as people say it: `dont_fragment` is no word."""
    words = {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value
    return f"{name.replace('_', ' ')} {words}"
