"""A stack file beside the objects it becomes, line by line, as a table of the page.

What is shown is rows with `number`, `text`, `becomes` and `note`; each thing that a line becomes is (kind, name, field,
value), its field '' where the object itself is meant.
"""

from collections.abc import Iterable
from html import escape
from typing import Any

__all__ = ["StackFile", "stack_file", "stack_html", "stack_text", "tell_stack"]

TABLE = "border-collapse:collapse;table-layout:auto;margin:.3em 0;font-size:.92em;width:100%"
TEXT = "text-align:left;white-space:pre;font-family:monospace;padding:.05em .6em;vertical-align:top"
NUMBER = "text-align:right;opacity:.7;padding:.05em .4em;vertical-align:top"
PART = "text-align:left;overflow-wrap:anywhere;white-space:normal;padding:.05em .6em;vertical-align:top;border-left:1px solid var(--jp-border-color1,#b5b5b5)"
NEW = "border-top:1px solid var(--jp-border-color1,#b5b5b5)"


class StackFile:
    """The two columns at the end of a cell: a table in a notebook, text where there is none."""

    def __init__(self, lines: Iterable[Any]):
        self.lines = tuple(lines)

    def __repr__(self) -> str:
        return stack_text(self.lines)

    def _repr_html_(self) -> str:
        return stack_html(self.lines)


def stack_file(lines: Iterable[Any]) -> StackFile:
    """The file beside its objects, to stand at the end of a cell."""
    return StackFile(lines)


def stack_html(lines: Iterable[Any]) -> str:
    """Left the file, right what each line becomes; an object's name stands where it changes."""
    body, last = [], ""
    for line in lines:
        parts = []
        for part in line.becomes:
            kind, name, field, value = tuple(part)
            title = f"{kind} {name}"
            parts.append(_part(title if title != last or not field else "", field, value))
            last = title
        note = f"<i>{escape(line.note)}</i>" if line.note else ""
        edge = f";{NEW}" if any("<b>" in part for part in parts) else ""
        right = "".join(parts) + note
        body.append(
            f'<tr><td style="{NUMBER}">{line.number}</td><td style="{TEXT}">{escape(line.text)}</td>'
            f'<td style="{PART}{edge}">{right}</td></tr>'
        )
    left = "text-align:left;vertical-align:top;padding:.05em .6em"
    head = f'<tr><th scope="col"></th><th scope="col" style="{left}">the file</th>'
    head += f'<th scope="col" style="{PART}">what it becomes</th></tr>'
    return f'<table class="sl-stackfile" style="{TABLE}"><thead>{head}</thead><tbody>{"".join(body)}</tbody></table>'


def _part(title: str, field: str, value: str) -> str:
    name = f"<b>{escape(title)}</b> " if title else ""
    said = f"{escape(field)} = <code>{escape(value)}</code>" if field else escape(value)
    return f"<div>{name}{said}</div>"


def stack_text(lines: Iterable[Any]) -> str:
    """The two columns in letters of one width."""
    rows = list(lines)
    wide = max((len(line.text) for line in rows), default=0)
    out = []
    for line in rows:
        parts = [
            " ".join(filter(None, (part[0], part[1], f"{part[2]} = {part[3]}" if part[2] else part[3])))
            for part in line.becomes
        ]
        parts += [f"({line.note})"] if line.note else []
        for n, part in enumerate(parts or [""]):
            number, text = (f"{line.number:>3}", line.text) if n == 0 else ("   ", "")
            out.append(f"{number}  {text:<{wide}}  │ {part}".rstrip())
    return "\n".join(out)


def tell_stack(lines: Iterable[Any]) -> str:
    """The same in a sentence: how many lines become what, and how many nothing."""
    rows = list(lines)
    objects = list(dict.fromkeys(f"{part[0]} {part[1]}" for line in rows for part in line.becomes))
    notes: dict[str, int] = {}
    for line in rows:
        if line.note:
            notes[line.note] = notes.get(line.note, 0) + 1
    said = [f"{count} line{'s' * (count != 1)} {note}" for note, count in notes.items()]
    return f"A stack file of {len(rows)} lines becomes {', '.join(objects) or 'nothing'}{''.join(f'; {each}' for each in said)}."
