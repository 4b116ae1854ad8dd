"""Tables as Docker prints them: the columns, the order of names, and how long ago something was.

Source: docs.docker.com/engine/cli/formatting; the rest is as recorded from Docker 28.2.2.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

from ..effects import SECOND
from .go_values import Row, as_json
from .session import Exit, Screen
from .template_run import render
from .templates import TemplateError, parse

GAP, NARROWEST = 3, 10  # blanks between columns; width of a column with them


class Layout(NamedTuple):
    """How one kind of list looks: its columns (field → header), and the table of a plain call as a template."""

    headers: Mapping[str, Any]
    table: str
    kind: str  # what Docker's own messages call one line of it
    quiet: str = "{{.ID}}"
    raw: str = ""  # the template behind `--format raw`, '' where Docker has none
    raw_quiet: str = ""  # the same with `--quiet`; mostly the first line of it


def ago(duration: int) -> str:
    """`3 seconds`, `About a minute`, `2 hours`: µs in the words of Docker, which round down but for hours."""
    seconds = duration // SECOND
    if seconds < 1:
        return "Less than a second"
    hours = (seconds + 1800) // 3600
    if seconds < 60:
        return _many(seconds, "second")
    if seconds < 3600:
        return "About a minute" if seconds < 120 else _many(seconds // 60, "minute")
    if hours < 48:
        return "About an hour" if hours == 1 else _many(hours, "hour")
    days = hours // 24
    for limit, size, unit in ((14, 1, "day"), (60, 7, "week"), (730, 30, "month")):
        if days < limit:
            return _many(days // size, unit)
    return _many(days // 365, "year")


def _many(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def size(bytes: int) -> str:
    """`23.54GiB`: at most four digits, in powers of 1024."""
    return _sized(bytes, 1024, ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"))


def decimal_size(bytes: int) -> str:
    """`1.984MB`: at most four digits, in powers of 1000."""
    return _sized(bytes, 1000, ("B", "kB", "MB", "GB", "TB", "PB", "EB"))


def _sized(bytes: float, base: int, units: Sequence[str]) -> str:
    place = 0
    while bytes >= base and place < len(units) - 1:
        bytes, place = bytes / base, place + 1
    return f"{bytes:.4g}{units[place]}"


def natural(name: str) -> tuple:
    """A key that sorts web.9 before web.10: runs of digits count as numbers, and come before everything else.

    >>> sorted(["rabbit.1", "rabbit10.1", "rabbit2.1"], key=natural)
    ['rabbit2.1', 'rabbit10.1', 'rabbit.1']
    """
    parts = re.findall(r"[0-9]+|[^0-9]", name)
    return tuple((0, int(part), len(part)) if part[0] in "0123456789" else (1, ord(part), 0) for part in parts)


def cut(text: str, length: int) -> str:
    """At most so many characters, the last an ellipsis if something is missing."""
    return text if len(text) <= length else text[: length - 1] + "…"


def columns(lines: Iterable[Sequence[str]]) -> str:
    """Cells, left-aligned; the last one of a line is not padded."""
    lines = [tuple(line) for line in lines]
    widths = [max(NARROWEST, *(len(cell) + GAP for cell in column)) for column in zip_longest(*lines, fillvalue="")]
    return "".join(
        "".join(cell.ljust(width) for cell, width in zip(line[:-1], widths, strict=False)) + line[-1] + "\n"
        for line in lines
    )


def show(
    screen: Screen, layout: Layout, rows: Sequence[Mapping[str, Any]], format: str = "", quiet: bool = False
) -> None:
    """Print a list: as a table, as ids, as JSON, or by a template of the person. Raises `Exit` for a bad template."""
    shown = {field: header for field, header in layout.headers.items() if f"{{{{.{field}}}}}" in layout.table}
    screen.rows = tuple({header: row[field] for field, header in shown.items()} for row in rows)
    if format == "json":
        for row in rows:
            screen.say(as_json(Row(layout.kind, row)))
        return
    if quiet and is_table(format):
        format = layout.quiet
    elif format in ("", "table"):
        format = f"table {layout.table}"
    elif format == "raw" and layout.raw:
        format = (layout.raw_quiet or layout.raw.partition("\n")[0]) if quiet else layout.raw
    try:
        _print(screen, layout, rows, format)
    except TemplateError as fault:
        raise Exit(f"template parsing error: {fault}") from None


def is_table(format: str) -> bool:
    return not format or format.startswith("table")


def _print(screen: Screen, layout: Layout, rows: Sequence[Mapping[str, Any]], format: str) -> None:
    table = format.startswith("table")
    template = parse(format.removeprefix("table").strip(" ").replace("\\t", "\t").replace("\\n", "\n"))
    lines = [render(template, Row(layout.kind, row)) for row in rows]
    if table:
        title = render(template, Row(layout.kind, layout.headers), header=True)
        screen.out.append(columns(line.split("\t") for line in (title, *lines)))
    else:
        screen.out += [line + "\n" for line in lines]
