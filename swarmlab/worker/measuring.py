"""An agent that measures its machine and the containers there every ten seconds, and sends it to Elasticsearch.

The processor of a container is the time that it worked on requests, over the time that passed; more than the machine has is
cut off. What nobody takes after three tries is dropped: that is the gap in a dashboard. Source: Metricbeat 6.4 Reference,
"System module", "Docker module", "max_retries".
"""

# Simpler than in reality (docs/simplifications.md): processor

from typing import TYPE_CHECKING, NamedTuple

from ..effects import SECOND, Note
from ..events import Measured
from ..overlay.wire import Response
from . import asking
from .asking import Asked, Target
from .shipping import SERVICE, task_name

if TYPE_CHECKING:
    from .executor import Executor

EVERY, TRIES, PAUSE, PATIENCE = 10 * SECOND, 3, SECOND, 2 * SECOND


class Tally:
    """What a container has done since it started."""

    __slots__ = ("busy", "requests", "took")

    def __init__(self) -> None:
        self.requests = self.busy = self.took = 0  # busy: µs of work; took: µs until the answer, of all together


class Agent:
    """One that measures: what it saw last."""

    def __init__(self, to: Target):
        self.to = to._replace(patience=PATIENCE)
        self.before: dict[str, tuple[int, int, int]] = {}
        self.since = 0


class Try(NamedTuple):
    """A measurement on its way."""

    rows: tuple[Measured, ...]
    number: int


def measure(here: "Executor", key: str, started_at: int, now: int) -> list:
    """Look at the machine, and at all that runs there."""
    agent: Agent = here.apps[key].agent
    here.set(now + EVERY, "measure", key, (started_at,))
    passed = max(1, now - (agent.since or started_at))
    rows, busy, memory, after = [], 0, 0, {}
    for other, box in here.boxes.items():
        if box.container.state != "running":
            continue
        tally = here.tally(other)
        after[other] = (tally.requests, tally.busy, tally.took)
        then = agent.before.get(other, (0, 0, 0))
        then = then if then <= after[other] else (0, 0, 0)  # it was restarted, and counts anew
        requests, worked, took = (a - b for a, b in zip(after[other], then, strict=True))
        much = here.image(box.container.image).memory
        busy, memory = busy + worked, memory + much
        cpu = min(1000 * here.cpus, 1000 * worked / passed)
        service, name = box.container.labels.get(SERVICE, ""), task_name(box.container)
        latency = took // requests if requests else 0
        rows.append(Measured(now, box.container.task, service, name, round(cpu), much, requests, latency))
    whole = round(min(1000, 1000 * busy / passed / here.cpus))
    rows.insert(0, Measured(now, "", "", "", whole, memory, sum(row.requests for row in rows), 0))
    agent.before, agent.since = after, now
    return _send(here, key, Try(tuple(rows), 1), now)


def _send(here: "Executor", key: str, attempt: Try, now: int) -> list:
    return asking.ask(here, key, sent, attempt, here.apps[key].agent.to, now, "/bulk", body=len(attempt.rows))


def sent(here: "Executor", asked: Asked, response: Response, now: int) -> list:
    """A search node has it, or it is tried again, or dropped."""
    attempt: Try = asked.about
    if response.status == 200:
        return [Note(row) for row in attempt.rows]
    if attempt.number < TRIES:
        here.set(now + PAUSE, "again sent", asked.key, (asked.started_at, attempt._replace(number=attempt.number + 1)))
    return []


def again(here: "Executor", key: str, attempt: Try, now: int) -> list:
    """One more try."""
    return _send(here, key, attempt, now)
