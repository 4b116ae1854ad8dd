"""What is said before and after a drill: the page, and the chain of causes with the shortest repair."""

import re
from collections.abc import Mapping
from html import escape
from typing import Any, NamedTuple

from ..events import Commanded, CommandReturned
from .grade import Grade
from .incident import Cause, Incident
from .past import SECOND

READS = ("ls", "ps", "inspect", "logs", "info", "version", "images", "events", "stats", "df", "exec", "top", "port")
NOTHING = "nothing here; what is wrong is within the swarm"


class Brief(NamedTuple):
    """The page: what somebody reports, and nothing about why."""

    title: str
    story: str
    hands: tuple[str, ...]
    difficulty: int
    minutes: int
    limit: int

    def __str__(self) -> str:
        return "\n".join([self.head, self.story, *(f"  operations can: {hand}" for hand in self.hands or [NOTHING])])

    def __repr__(self) -> str:
        return str(self)

    @property
    def head(self) -> str:
        """Title, difficulty, time."""
        return f"{self.title} (difficulty {self.difficulty} of 5, about {self.minutes} minutes, limit {self.limit} s of the cluster's time)"

    def _repr_html_(self) -> str:
        hands = "".join(f"<li><code>{escape(hand)}</code></li>" for hand in self.hands)
        listed = (
            f"<p>The people of operations can, if you say so:</p><ul>{hands}</ul>"
            if hands
            else f"<p>The people of operations can: {NOTHING}</p>"
        )
        return f"<p><b>{escape(self.head)}</b></p><blockquote>{escape(self.story)}</blockquote>{listed}"


class Debrief(NamedTuple):
    """Why it was so: (text, lesson, lines of the trace) for each link; the shortest repair; and the outage as a bar."""

    title: str
    causes: tuple[tuple[str, str, tuple[str, ...]], ...]
    repair: tuple[str, ...]
    bar: dict

    def __str__(self) -> str:
        lines = [self.title]
        for number, (text, lesson, shown) in enumerate(self.causes, 1):
            lines += [f"{number}. {text} [lesson {lesson}]", *(f"     {line}" for line in shown)]
        return "\n".join([*lines, "The shortest repair:", *(f"     {line}" for line in self.repair)])

    def __repr__(self) -> str:
        return str(self)

    def draw(self) -> Any:
        """The outage bar: the first fault, the page, the first thing that was changed, repaired."""
        from ..viz.outagebar import draw_outage

        return draw_outage(self.bar)

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{_with_code(text)} <i>(lesson {escape(lesson)})</i>{_pre(shown)}</li>" for text, lesson, shown in self.causes)  # fmt: skip
        return f"<p><b>{escape(self.title)}</b></p><ol>{items}</ol><p>The shortest repair:</p>{_pre(self.repair)}"


def _with_code(text: str) -> str:
    """As HTML, what stands between back quotes as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _pre(lines: tuple[str, ...]) -> str:
    return f"<pre>{escape(chr(10).join(lines))}</pre>" if lines else ""


def debriefed(incident: Incident, trace: Any, page: int, facts: int, grade: Grade | None) -> Debrief:
    """What to say after it."""
    causes = tuple((one.text, one.lesson, _shown(trace, one, facts)) for one in incident.causes)
    return Debrief(incident.title, causes, incident.repair, bar(incident, trace, page, facts, grade))


def _shown(trace: Any, cause: Cause, facts: int) -> tuple[str, ...]:
    """The last fact of this kind before the page, and what led to it, a line each."""
    found = [r for r in trace.records[:facts] if cause.fact == type(r.fact).__name__ and _fits(r.fact, cause.holds)]
    if not found:
        return ()
    chain = trace.explain(found[-1])
    return tuple(_line(record) for record in (chain if len(chain) < 5 else [*chain[:2], *chain[-2:]]))


def _fits(fact: Any, holds: Mapping) -> bool:
    return all(str(value) in str(getattr(fact, name, None)) for name, value in holds.items())


def _line(record: Any) -> str:
    from ..viz.words import text_of

    who = "somebody" if record.source == "world" else record.source
    return f"{record.time / SECOND:7.1f} s  {who} {text_of(record.fact)}"


def bar(incident: Incident, trace: Any, page: int, facts: int, grade: Grade | None) -> dict:
    """A row for `draw_outage`: fault; noticed by the page; decided: the first thing that was changed; healed: repaired."""
    first = first_fault(trace, page, incident)
    healed = None if grade is None or grade.seconds is None else page + round(grade.seconds * SECOND)
    changed = next((r.time for r in trace.records[facts:] if _changes(trace, r)), None)
    lost = [
        one.arrived for one in trace.requests if one.status != 200 and first <= one.arrived <= (healed or trace.now)
    ]
    waiting = {"noticed": "nobody is called", "decided": "diagnosis", "healed": "repair"}
    row = {"machine": "", "of": "task", "title": incident.title, "waiting": waiting, "fault": first, "noticed": page}
    return row | {"decided": changed, "healed": healed if changed is not None else None, "lost": lost}


def first_fault(trace: Any, page: int, incident: Incident) -> int:
    """When the first of the file's faults struck, µs."""
    return page - round((incident.page - min((step.at for step in incident.faults), default=incident.page)) * SECOND)


def _changes(trace: Any, record: Any) -> bool:
    """Whether this is a thing that somebody did to the cluster: an act, or a command that does not only look."""
    if not isinstance(record.fact, Commanded):
        return record.cause == -1 and type(record.fact).__name__ in ("PortUnblocked", "Healed", "MachineShutDown", "MachineStarted")  # fmt: skip
    return not set(record.fact.command.split()[1:4]) & set(READS) and _came_back(trace, record.number)


def _came_back(trace: Any, number: int) -> bool:
    """Whether the command was not refused."""
    answer = next((r.fact for r in trace.records[number:] if r.cause == number and isinstance(r.fact, CommandReturned)), None)  # fmt: skip
    return answer is None or answer.exit_code in (0, 130)
