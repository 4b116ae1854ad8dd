"""The files of a stolen disk, and what a thief reads in them. What should have stayed secret is vermillion."""

from collections.abc import Mapping
from textwrap import wrap
from typing import Any, NamedTuple

from matplotlib.axes import Axes

from . import ink
from .copymap import draw_lock

__all__ = ["Found", "draw_disk", "found_on", "tell_disk"]

SMALL = 9  # points
ROW, HEAD, LINE = 0.27, 0.36, 0.17  # inches; another line of words makes a row so much higher
LETTERS = {False: 52, True: 48}  # so many fit into a line, bold ones or not
STATES = {"clear": "in clear", "opened": "sealed, opened", "sealed": "stays sealed"}


class Found(NamedTuple):
    """One file, and what somebody who has the disk makes of it."""

    path: str
    size: int
    state: str  # clear · opened · sealed
    words: str
    bad: bool = False  # it should have stayed secret


def found_on(files: Mapping[str, bytes], loot: Any) -> list[Found]:
    """The files (`StolenDisk.files`) with what was read of them (`StolenDisk.read()`)."""
    return [_found(path, data, loot) for path, data in sorted(files.items())]


def _found(path: str, data: bytes, loot: Any) -> Found:
    if path.endswith("swarm-node.key"):
        if b"ENCRYPTED" in data[:64] and not loot.node_key:
            return Found(path, len(data), "sealed", "the node's key, under the unlock key")
        state = "opened" if b"ENCRYPTED" in data[:64] else "clear"
        dek = ", and the key of the log" if b"raft-dek" in data else ""
        return Found(path, len(data), state, f"the node's own key{dek}", True)
    if "-v3-encrypted/" in path:
        return _log(path, data, loot)
    return Found(path, len(data), "clear", _plain(path))


def _log(path: str, data: bytes, loot: Any) -> Found:
    """The raft log or a snapshot: as closed as its key."""
    gone = dict.fromkeys(loot.removed, " (removed)")
    names = [f"secret {name}{gone.get(name, '')}" for name in dict.fromkeys((*loot.secrets, *loot.removed))]
    names += ["key of the root"] if loot.root_key else []
    names += ["join tokens"] if loot.tokens else []
    names += [f"config {name}" for name in loot.configs] if names else []
    if not names:
        return Found(path, len(data), "sealed", "the log of the managers: nothing")
    return Found(path, len(data), "opened", ", ".join(names), True)


def _plain(path: str) -> str:
    """What stands in a file that nobody sealed."""
    words = {
        "swarm-node.crt": "the node's certificate: public",
        "swarm-root-ca.crt": "the root certificate: public",
        "tasks.db": "tasks of this node, secrets by name only",
        "state.json": "addresses of the managers",
        "state": "the term and the vote of raft",
        "local-kv.db": "local networks",
        "config.v2.json": "how the container was made",
        "repositories.json": "images that are here",
    }
    name = path.rpartition("/")[2]
    if "/configs/" in path:
        return f"content of config {name}"
    if path.endswith("-json.log"):
        return "what the container printed"
    return words.get(name, "nothing of note")


def draw_disk(found: Any, loot: Any = None, title: str = "", ax: Axes | None = None) -> Axes:
    """A row per file: its path, a lock, and what the thief reads. `found` are rows of `found_on`, or a stolen disk's files.

    Long ids in paths are shortened.
    """
    rows = found_on(found, loot) if isinstance(found, Mapping) else list(found)
    if not rows:
        raise ValueError("there is nothing to draw: no file")
    high = HEAD + 0.24 * bool(title) + sum(map(_high, rows)) + 0.12
    ax = ink.canvas(ax, ink.WIDTH, high)
    y = 0.06
    if title:
        ink.write(ax, 0.12, y + 0.1, title, fontweight="bold")
        y += 0.24
    for x, text in ((0.12, "file"), (4.55, "bytes"), (4.95, "how it lies there"), (6.35, "what the thief reads")):
        ink.write(ax, x, y + 0.14, text, fontsize=SMALL, fontweight="bold", ha="right" if text == "bytes" else "left")
    y = y + HEAD - 0.06
    for row in rows:
        _draw_row(ax, row, y)
        y += _high(row)
    return ax


def _words(row: Found) -> list[str]:
    return wrap(row.words, LETTERS[row.bad], break_on_hyphens=False) or [""]


def _high(row: Found) -> float:
    """The height of a row, in inches."""
    return ROW + LINE * (len(_words(row)) - 1)


def _draw_row(ax: Axes, row: Found, y: float) -> None:
    ax.plot((0.1, ink.WIDTH - 0.1), (y, y), color=ink.LINE, linewidth=0.7)
    middle = y + ROW / 2 + 0.01
    ink.write(ax, 0.12, middle, shortened(row.path), fontsize=SMALL)
    ink.write(ax, 4.55, middle, f"{row.size}", fontsize=SMALL, ha="right")
    if row.state != "clear":
        style: dict[str, Any] = {"facecolor": ink.FAINT, "edgecolor": ink.QUIET, "hatch": "////", "linewidth": 0.8}
        ink.box(ax, 4.72, y + 0.04, 0.2, ROW - 0.08, **style)
    draw_lock(ax, 4.82, middle, row.state == "sealed")
    ink.write(ax, 4.99, middle, STATES[row.state], fontsize=SMALL)
    for n, text in enumerate(_words(row)):
        ink.write(ax, 6.35, middle + n * LINE, text, fontsize=SMALL, fontweight="bold" if row.bad else "normal")
    if row.bad:
        ink.box(ax, 6.27, y + 0.03, ink.WIDTH - 6.35, _high(row) - 0.06, edgecolor=ink.WRONG, linewidth=2.0, zorder=4)


def shortened(path: str) -> str:
    """A path in which ids and numbers of many letters are cut."""
    parts = [
        f"{part[:7]}…{part[part.rfind('.') :] if '.' in part[-6:] else ''}" if len(part) > 26 else part
        for part in path.split("/")
    ]
    return "/".join(parts)


def tell_disk(found: Any, loot: Any = None, title: str = "") -> str:
    """The same in words, for `show`."""
    rows = found_on(found, loot) if isinstance(found, Mapping) else list(found)
    bad = [f"{shortened(row.path)} ({row.words})" for row in rows if row.bad]
    closed = sum(row.state == "sealed" for row in rows)
    said = f"{len(rows)} files, {closed} of them stay sealed; " if closed else f"{len(rows)} files; "
    said += (
        f"the thief reads what should have stayed secret in {'; '.join(bad)}"
        if bad
        else "nothing that should have stayed secret is read"
    )
    why = getattr(loot, "why", "")
    return f"{title or 'A stolen disk'}: {said}{f' ({why})' if why else ''}."
