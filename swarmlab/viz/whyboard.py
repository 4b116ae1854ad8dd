"""The why-board: node × filter in the engine's order, up to the first failure, with the value that decided.

The engine looks no further than the first filter that a node fails, so nothing stands behind it. Whoever passes all has
ranks instead. Docker's own line is the caption.

What is drawn is what `cluster.why(task)` says: `filters`; `rows` with a `hostname` and `cells`, each of which `passes` or
not and says what is `wanted` and what the node `has`; `shares` of the branches of placement preferences; `ranks`; and
Docker's `explanation`. Typed by hand, a row is (node, cells), a cell (passed, text), and a rank (node, failures, tasks of
this service, all tasks).
"""

from collections.abc import Sequence
from html import escape
from itertools import zip_longest
from textwrap import wrap
from typing import Any, NamedTuple

from matplotlib.axes import Axes

from . import ink

__all__ = ["Board", "WhyBoard", "draw_why", "tell_why", "why_board"]

RANKS = ("failures", "of service", "all tasks")
YES, NO = "✓", "✕"
MANY = 12  # nodes, beyond which those that fare alike share a row
LETTERS = (18, 16, 14, 12)  # of a line in a cell, the fewer the wider the table would be
LINE = 0.165  # inches


class Row(NamedTuple):
    """One node, or several that fared alike."""

    name: str
    cells: tuple  # (passed, text), up to the first failure
    ranks: tuple  # of who passed all


class Board(NamedTuple):
    """What is drawn, in plain values."""

    task: str
    filters: tuple[str, ...]
    rows: tuple[Row, ...]
    explanation: str
    shares: tuple[str, ...] = ()  # of placement preferences, in words


def board_of(why: Any) -> Board:
    """The board of an explanation, told by its shape alone. A task may be a name or have one."""
    if isinstance(why, Board):
        return why
    ranks = {name: tuple(values) for name, *values in map(_rank, why.ranks or ())}
    rows = []
    for name, cells in map(_row, why.rows):
        rows.append(Row(name, tuple(map(_cell, _looked_at(cells))), ranks.get(name, ())))
    rows = rows if len(rows) <= MANY else _grouped(rows)
    shares = tuple(_share(share) for share in getattr(why, "shares", ()))
    return Board(_name_of(why.task), tuple(map(str, why.filters)), tuple(rows), why.explanation or "", shares)


def _row(row: Any) -> tuple[str, Sequence]:
    return (row.hostname, row.cells) if hasattr(row, "cells") else row


def _rank(rank: Any) -> tuple:
    return (rank.hostname, rank.failures, rank.service_tasks, rank.tasks) if hasattr(rank, "hostname") else rank


def _passes(cell: Any) -> bool:
    return bool(cell.passes if hasattr(cell, "passes") else cell[0])


def _cell(cell: Any) -> tuple[bool, str]:
    """Whether it passes, and the value that decided."""
    if not hasattr(cell, "passes"):
        return bool(cell[0]), str(cell[1])
    wanted = f"; wanted {cell.wanted}" if cell.wanted and not cell.passes else ""
    return bool(cell.passes), f"{cell.has or ('nothing' if wanted else '')}{wanted}"


def _share(share: Any) -> str:
    """A branch in words: `a: 2 tasks, 3 nodes fit`."""
    name = " / ".join(value or "no label" for value in share.values)
    return f"{name}: {share.tasks} task{'s' * (share.tasks != 1)}, {share.nodes} node{'s' * (share.nodes != 1)} fit"


def _name_of(task: Any) -> str:
    return task if isinstance(task, str) else str(getattr(task, "name", task))


def _looked_at(cells: Sequence) -> Sequence:
    """The cells up to the first failure."""
    first = next((n for n, cell in enumerate(cells) if not _passes(cell)), len(cells))
    return cells[: first + 1]


def _grouped(rows: list[Row]) -> list[Row]:
    """Nodes that fared alike as one row, named by the first and how many there are."""
    alike: dict[tuple, list[str]] = {}
    for row in rows:
        alike.setdefault((row.cells, row.ranks), []).append(row.name)
    return [
        Row(names[0] if len(names) == 1 else f"{names[0]} + {len(names) - 1} more", cells, ranks)
        for (cells, ranks), names in alike.items()
    ]


# ── as a table of the page ───────────────────────────────────────────────────────────────────────────────────────

TABLE = "border-collapse:collapse;margin:.3em 0;font-size:.92em"
EDGE = "border:1px solid var(--jp-border-color1,#b5b5b5);padding:.25em .55em;text-align:left;vertical-align:top"
BAD = "box-shadow:inset .25em 0 #d55e00;font-weight:600"
FIRST = "font-weight:700;box-shadow:inset .25em 0 #0072b2"


class WhyBoard:
    """A why-board at the end of a cell: a table in a notebook, text where there is none."""

    def __init__(self, why: Any, chosen: str = ""):
        self.board, self.chosen = board_of(why), chosen

    def __repr__(self) -> str:
        return why_text(self.board, self.chosen)

    def _repr_html_(self) -> str:
        return why_html(self.board, self.chosen)


def why_board(why: Any, chosen: str = "") -> WhyBoard:
    """The board of `cluster.why(task)`, to stand at the end of a cell; `chosen` is the node that was taken."""
    return WhyBoard(why, chosen)


def why_html(why: Any, chosen: str = "") -> str:
    """The why-board as a table of the page, which reads in light and in dark."""
    board = board_of(why)
    ranked = any(row.ranks for row in board.rows)
    heads = ["node", *board.filters, *(RANKS if ranked else ())]
    head = "".join(f'<th scope="col" style="{EDGE}">{escape(text)}</th>' for text in heads)
    body = "".join(_html_row(board, row, ranked, chosen) for row in board.rows)
    note = f"<div>{escape(_shares(board))}</div>" if board.shares else ""
    note += f'<div style="font-family:monospace">{escape(board.explanation)}</div>' if board.explanation else ""
    title = f"<div><b>{escape(board.task)}</b>: each node, filter by filter, up to the first that it fails</div>"
    table = f'<table style="{TABLE}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="sl-whyboard">{title}{table}{note}</div>'


def _html_row(board: Board, row: Row, ranked: bool, chosen: str) -> str:
    look = FIRST if row.name == chosen else "font-weight:400"
    mark = " ◂ taken" if row.name == chosen else ""
    cells = [f'<th scope="row" style="{EDGE};white-space:nowrap;{look}">{escape(row.name)}{mark}</th>']
    for _, cell in zip_longest(board.filters, row.cells):
        text, style = ("", "") if cell is None else (_said(cell), "" if cell[0] else BAD)
        cells.append(f'<td style="{EDGE};{style}">{escape(text)}</td>')
    if ranked:
        cells += [f'<td style="{EDGE}">{escape(str(value))}</td>' for value in row.ranks or ("",) * len(RANKS)]
    return f"<tr>{''.join(cells)}</tr>"


def _said(cell: tuple) -> str:
    passed, text = cell
    return f"{YES if passed else NO} {text}".strip()


# ── as text ──────────────────────────────────────────────────────────────────────────────────────────────────────


def why_text(why: Any, chosen: str = "") -> str:
    """The why-board in letters of one width."""
    board = board_of(why)
    ranked = any(row.ranks for row in board.rows)
    lines = [["node", *board.filters, *(RANKS if ranked else ())]]
    for row in board.rows:
        cells = [_said(cell) if cell else "" for _, cell in zip_longest(board.filters, row.cells)]
        name = f"{row.name} ◂" if row.name == chosen else row.name
        lines.append([name, *cells, *(map(str, row.ranks) if row.ranks else [""] * len(RANKS) * ranked)])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    table = ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([*table, *filter(None, (_shares(board), board.explanation))])


def _shares(board: Board) -> str:
    """The branches of the preferences in one line; '' where there are none."""
    return f"preferences, branch by branch: {'; '.join(board.shares)}" if board.shares else ""


def tell_why(why: Any) -> str:
    """The same in a sentence, for `show`."""
    board = board_of(why)
    said = []
    for row in board.rows:
        if row.cells and not row.cells[-1][0]:
            where = board.filters[len(row.cells) - 1]
            said.append(f"{row.name} fails {where}{f' ({row.cells[-1][1]})' * bool(row.cells[-1][1])}")
        else:
            counts = ", ".join(f"{value} {name}" for name, value in zip(RANKS, row.ranks, strict=False))
            said.append(f"{row.name} passes{f' ({counts})' * bool(counts)}")
    line = f" {_shares(board).capitalize()}." if board.shares else ""
    line += f" Docker says: {board.explanation}." if board.explanation else ""
    return f"Where {board.task} may run: {'; '.join(said)}.{line}"


# ── drawn ────────────────────────────────────────────────────────────────────────────────────────────────────────


def draw_why(why: Any, ax: Axes | None = None, chosen: str = "") -> Axes:
    """The why-board as a figure; `chosen` is the node that was taken."""
    board = board_of(why)
    for letters in LETTERS:
        table = _table(board, chosen, letters)
        widths = [_room([row[n] for row in table]) + 0.19 for n in range(len(table[0]))]
        if sum(widths) < ink.WIDTH - 0.2:
            break
    heights = [max(len(cell) for cell in row) * LINE + 0.14 for row in table]
    width = sum(widths) + 0.2
    note = [
        line
        for text in (_shares(board), board.explanation)
        for line in wrap(text, int((max(width, 6) - 0.2) / ink.room("m")))
    ]
    height = sum(heights) + 0.1 + LINE * (len(note) + 1)
    if ax is None:
        fig = ink.sheet(width=max(width, 6), height=height)
        ax = fig.add_axes((0.0, 0.0, 1.0, 1.0))
    wide, high = ink.inches(ax)
    ax.set(xlim=(0, max(wide, width)), ylim=(max(high, height), 0))
    ax.set_axis_off()
    y = 0.05
    for n, (row, tall) in enumerate(zip(table, heights, strict=True)):
        _draw_row(ax, board.rows[n - 1] if n else None, row, widths, y, tall, chosen)
        y += tall
    for n, line in enumerate(note):
        ink.write(ax, 0.15, y + 0.14 + n * LINE, line, family="monospace", fontsize=9)
    return ax


def _table(board: Board, chosen: str, letters: int) -> list[list[list[str]]]:
    """Every cell as its lines, the heads first."""
    ranked = any(row.ranks for row in board.rows)
    heads = [["node"], *(wrap(name, 10) or [""] for name in board.filters)]
    heads += [wrap(name, 8) for name in RANKS] if ranked else []
    table = [heads]
    for row in board.rows:
        lines: list[list[str]] = [[f"{row.name} ◂" if row.name == chosen else row.name]]
        for _, cell in zip_longest(board.filters, row.cells):
            lines.append(_wrapped(_said(cell).replace(" ", chr(160), 1), letters) if cell else [""])
        lines += [[str(value)] for value in (row.ranks or ("",) * len(RANKS))] if ranked else []
        table.append(lines)
    return table


def _wrapped(text: str, letters: int) -> list[str]:
    """In lines of so many letters; a word that is only a little longer stays whole."""
    longest = max(map(len, text.split()), default=0)
    return wrap(text, letters, break_long_words=longest > letters + 8)


def _room(column: list[list[str]]) -> float:
    """How wide a column must be, its head in bold."""
    head, *others = column
    return max(
        [ink.room(line, 9) * 1.04 for line in head] + [ink.room(line, 9) * 0.95 for cell in others for line in cell]
    )


def _draw_row(
    ax: Axes, row: Row | None, cells: list[list[str]], widths: list[float], y: float, tall: float, chosen: str
) -> None:
    """One line of the table; the cell that failed has a bar of vermillion, and nothing stands behind it."""
    x = 0.1
    failed = len(row.cells) if row and row.cells and not row.cells[-1][0] else -1
    for n, (lines, wide) in enumerate(zip(cells, widths, strict=True)):
        looked = row is None or n == 0 or n <= len(row.cells) or bool(lines[0])
        if looked:
            ink.box(
                ax,
                x,
                y,
                wide,
                tall,
                edgecolor=ink.LINE,
                linewidth=0.8,
                facecolor=ink.FAINT if row is None else ink.PAPER,
            )
        if n == failed:
            ink.box(ax, x, y, 0.06, tall, facecolor=ink.WRONG, linewidth=0)
        bold = row is None or (row.name == chosen and n == 0)
        for m, line in enumerate(lines):
            middle = y + tall / 2 + (m - (len(lines) - 1) / 2) * LINE
            ink.write(ax, x + 0.1, middle, line, fontsize=9, fontweight="bold" if bold else "normal")
        x += wide
