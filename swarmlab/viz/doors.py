"""What lets a machine into a swarm: a join token, opened, and the ports that its firewall must let through."""

from textwrap import wrap
from typing import Any

from matplotlib.axes import Axes

from . import ink

__all__ = ["draw_ports", "draw_token", "shut_ports", "tell_ports", "tell_token", "token_parts"]

SECOND = 1_000_000  # µs
SMALL = 9  # points

# ── a token, opened ──────────────────────────────────────────────────────────────────────────────────────────────

PARTS = (  # what each is for, and who checks it
    ("kind, version", ""),
    ("", ""),
    ("which swarm", "digest of the CA's certificate: the joining machine checks it"),
    ("may join, and as what", "a manager checks it: this alone decides the role"),
)


def token_parts(token: str) -> list[str]:
    """The four parts of a join token."""
    parts = token.strip().split("-")
    if len(parts) != 4 or parts[0] != "SWMTKN":
        raise ValueError("a join token has four parts: SWMTKN-1-<digest>-<secret>")
    return parts


def draw_token(token: str, other: str = "", ax: Axes | None = None) -> Axes:
    """What a join token is made of; with the token of the `other` role below it, where they differ."""
    tokens = [token_parts(text) for text in (token, other) if text]
    letters = 0.098  # inches, of a letter in monospace
    width = max(ink.WIDTH, letters * len(token) + 0.4)
    height = 1.35 + 0.42 * len(tokens)
    ax = ink.canvas(ax, width, height)
    x = 0.2
    for n, (title, note) in enumerate(PARTS):
        long = letters * max(len(parts[n]) for parts in tokens)
        for line, parts in enumerate(tokens):
            y = 0.15 + 0.42 * line
            same = all(parts[n] == others[n] for others in tokens)
            face = "#cfe2f1" if n == 3 else ink.FAINT if n == 2 else ink.PAPER
            ink.box(ax, x - 0.03, y, long + 0.06, 0.3, facecolor=face, edgecolor=ink.INK, linewidth=1 if same else 2)
            ink.write(ax, x + long / 2, y + 0.15, parts[n], ha="center", family="monospace", fontsize=SMALL)
            if n < 3:
                ink.write(ax, x + long + 0.1, y + 0.15, "-", ha="center", family="monospace")
        _write_part(ax, x, long, 0.15 + 0.42 * len(tokens), tokens[0][n], title, note)
        x += long + 0.2
    return ax


def _write_part(ax: Axes, x: float, long: float, y: float, part: str, title: str, note: str) -> None:
    """What a part is for, below it."""
    if not note:
        ink.write(ax, x, y + 0.12, title, fontsize=SMALL)
        return
    ax.plot((x, x, x + long, x + long), (y, y + 0.06, y + 0.06, y), color=ink.INK, linewidth=1.1)
    ink.write(ax, x, y + 0.25, f"{len(part)} characters: {title}", fontweight="bold")
    for line, text in enumerate(wrap(note, max(30, int(long / ink.room("m"))))):
        ink.write(ax, x, y + 0.45 + line * 0.18, text)


def tell_token(token: str, other: str = "") -> str:
    """The same in words, for `show`."""
    parts = token_parts(token)
    said = f"A join token: SWMTKN, version {parts[1]}, {len(parts[2])} characters of digest that name the swarm, "
    said += f"{len(parts[3])} characters of secret that decide the role"
    if not other:
        return f"{said}."
    names = ("kind", "version", "digest", "secret")
    differ = [name for name, one, two in zip(names, parts, token_parts(other), strict=True) if one != two]
    return f"{said}; the two tokens differ in: {', '.join(differ) or 'nothing'}."


# ── ports: open and shut, machine by machine ─────────────────────────────────────────────────────────────────────

PORTS = (
    ("2377/tcp", "managers: join, commands, raft"),
    ("7946/tcp+udp", "gossip: see 07"),
    ("4789/udp", "overlay: see 07"),
)


def draw_ports(trace: Any, at: float | None = None, ax: Axes | None = None) -> Axes:
    """Which ports each machine lets through at an instant (seconds, by default the end), from the rows of `frames`."""
    found = shut_ports(trace, at)
    width, height = 8.4, 0.62 + 0.36 * len(found)
    ax = ink.canvas(ax, width, height)
    for n, (port, note) in enumerate(PORTS):
        ink.write(ax, 1.5 + n * 2.4, 0.14, port, fontweight="bold")
        ink.write(ax, 1.5 + n * 2.4, 0.33, note, fontsize=SMALL)
    for line, (machine, shut) in enumerate(found.items()):
        y = 0.62 + 0.36 * line
        ink.write(ax, 0.1, y, machine)
        for n, (port, _) in enumerate(PORTS):
            is_shut = any(name.partition("/")[0] == port.partition("/")[0] for name in shut)
            _draw_switch(ax, 1.5 + n * 2.4, y, is_shut, faint=n > 0)
    return ax


def shut_ports(trace: Any, at: float | None = None) -> dict[str, list[str]]:
    """machine → the ports that its firewall drops."""
    rows = ink.rows_of(trace)
    until = rows["end"] if at is None else round(at * SECOND)
    shut: dict[str, dict[str, bool]] = {m["name"]: {} for m in rows["machines"] if m["row"] != "outside"}
    for time, _, machine, key, value in rows["truth"]:
        if time <= until and key.startswith("blocked/") and machine in shut:
            shut[machine][key[8:]] = value is not None
    return {machine: [port for port, is_so in ports.items() if is_so] for machine, ports in shut.items()}


def _draw_switch(ax: Axes, x: float, y: float, is_shut: bool, faint: bool) -> None:
    """A switch: the knob right and filled for open, left with a cross for shut."""
    edge = ink.LINE if faint else ink.INK
    ink.box(ax, x, y - 0.1, 0.46, 0.2, facecolor=ink.PAPER, edgecolor=edge)
    face = ink.PAPER if is_shut else ink.LINE if faint else ink.CONTROL
    ink.box(
        ax, x + (0.0 if is_shut else 0.23), y - 0.1, 0.23, 0.2, facecolor=face, edgecolor=ink.WRONG if is_shut else edge
    )
    ink.write(ax, x + 0.55, y, "✕ shut" if is_shut else "open", fontsize=SMALL)


def tell_ports(trace: Any, at: float | None = None) -> str:
    """The same in words, for `show`."""
    shut = {machine: ports for machine, ports in shut_ports(trace, at).items() if ports}
    said = "; ".join(f"{machine} drops {', '.join(ports)}" for machine, ports in shut.items())
    return f"Ports that firewalls drop: {said or 'none, every machine lets everything through'}."
