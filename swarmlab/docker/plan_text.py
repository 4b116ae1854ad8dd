"""A plan as text, and as plain tables for a notebook."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from .tables import columns

GAPS = ("task", "runs on", "ends", "then on", "begins", "nothing runs for")
WORST = ("service", "run now", "at least", "in the end", "wanted", "too few for")
Table = tuple[Sequence[str], list[Sequence[str]]]  # heads, lines


def text(plan: Any) -> str:
    """What Python prints of a plan."""
    parts = [f"docker {plan.command}", *_first(plan)]
    for heads, lines in _tables(plan):
        if lines:
            parts.append("\n" + columns([heads, *lines] if heads else lines).rstrip("\n"))
    return "\n".join(line.rstrip() for part in [*parts, *_last(plan)] for line in part.split("\n"))


def html(plan: Any) -> str:
    """What a notebook shows of a plan: colours are the page's own."""
    head = f"<div><b>docker {escape(plan.command)}</b></div>" + "".join(map(_line, _first(plan)))
    tables = "".join(table(heads, lines) for heads, lines in _tables(plan) if lines)
    return f"<div>{head}{tables}{''.join(map(_line, _last(plan)))}</div>"


def _line(words: str) -> str:
    return f"<div style='white-space:pre-wrap;line-height:1.4'>{escape(words)}</div>"


def table(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Heads and lines as a plain table of the page."""
    style = "style='text-align:left;padding:.1em .8em .1em 0;vertical-align:top;line-height:1.4'"
    head = "".join(f"<th {style}>{escape(cell)}</th>" for cell in heads)
    rows = "".join("<tr>" + "".join(f"<td {style}>{escape(cell)}</td>" for cell in line) + "</tr>" for line in lines)
    return f"<table style='margin:.6em 0'>{f'<tr>{head}</tr>' if head else ''}{rows}</table>"


def _first(plan: Any) -> list[str]:
    if plan.refused:
        made = [change.name for change in plan.changes if change.verb == "create"]
        stays = f"Made before, and it stays: {', '.join(made)}" if made else "Nothing is changed."
        return [f"Refused: {plan.refused}", stays] if not _other(plan) else [f"Refused: {plan.refused}"]
    return [*plan.warnings, *(() if plan.changes else ("Nothing is changed.",))]


def _other(plan: Any) -> bool:
    return any(change.verb in ("change", "keep", "remove") for change in plan.changes)


def _last(plan: Any) -> list[str]:
    found = [line for each in plan.updates for line in _update(each)]
    found += [f"{name} waits: {why}" for name, why in plan.waiting]
    if plan.settled is None:
        found.append("It does not come to rest.")
    elif plan.moves:
        found.append(f"All is settled after {plan.settled:g} s.")
    return ["", *found] if found else []


def _update(each: Any) -> list[str]:
    """How long it lasts and why, what is there meanwhile, and what would stop it."""
    name = f"The {'rollback' if each.rollback else 'update'} of {each.service}"
    slots = each.replaced + each.kept
    if not each.replaced:
        return [f"{name} {_fate(each)} None of its tasks is out of date."]
    many = f"{each.replaced} of {slots} tasks" if each.kept else f"all {slots} tasks" if slots > 1 else "its task"
    return [
        f"{name} {_fate(each)}",
        f"It renews {many}, {each.parallelism} at a time, {each.order}: of its slots at least {each.fewest_running} have a "
        f"running task, and at most {each.most_running} tasks run.",
        *([f"{_failing(each)}"] if each.ends in ("completed", "rollback_completed") else ()),
    ]


def _fate(each: Any) -> str:
    if each.why:
        return f"stops, and stays under way: {each.why}."
    if each.ends == "hangs":
        return "hangs: it waits for a task that does not come to run, and would wait for ever."
    if each.duration is None:
        return "is not over in the time that the plan looks at."
    if each.ends.endswith("paused"):
        return f"stops after {each.duration:g} s: {each.message}."
    back = next((stage for stage in each.stages if stage.state == "rollback_started"), None)
    if back and not each.rollback:
        return f"fails after {back.time:g} s ({back.message}); after {each.duration:g} s all is as before."
    sums = f": {each.forecast.sum} is about {each.forecast.duration:.1f} s" if each.forecast else ""
    return f"takes {each.duration:g} s{sums}."


def _failing(each: Any) -> str:
    if each.fails_at is None:
        return "However many of the new tasks fail, it goes on."
    first = (
        "The first new task that fails" if each.fails_at == 1 else f"{each.fails_at} failed tasks of {each.replaced}"
    )
    back = each.on_failure == "rollback" and not each.rollback
    return f"{first} would {'take it back' if back else 'pause it'}."


def _tables(plan: Any) -> list[Table]:
    moves: list[Sequence[str]] = [
        (move.task, move.old, _seconds(move.ended), move.new, _seconds(move.began), _seconds(move.gap, "both run for"))
        for move in plan.moves
    ]
    worst: list[Sequence[str]] = [
        (
            each.service,
            f"{each.before}",
            _least(each),
            f"{each.after}",
            f"{each.wanted}",
            _seconds(each.short_for or None),
        )
        for each in plan.capacity
        if each.before or each.after
    ]
    return [((), [line for change in plan.changes for line in _change(change)]), (GAPS, moves), (WORST, worst)]


def _change(change: Any) -> list[Sequence[str]]:
    head = (change.verb, change.kind, change.name, change.why)
    return [head, *(("", "", f"  {f.path}", f"{f.old or '–'} → {f.new or '–'}") for f in change.fields)]


def _least(each: Any) -> str:
    return f"{each.least} (at {each.least_at:g} s)" if each.dip else f"{each.least}"


def _seconds(value: float | None, negative: str = "") -> str:
    if value is None:
        return ""
    return f"{negative} {-value:g} s" if negative and value < 0 else f"{value:g} s"
