"""Laws of applications that need each other: what brokers hold came from somewhere, who is paused serves nobody, each question
has one answer, and what is measured can be [RabbitMQ: pause_minority, mirrored queues; Elasticsearch 6: minimum masters]."""

from collections.abc import Callable

from ..events import (
    BrokerStarted,
    CallAnswered,
    CallSent,
    LogIndexed,
    MasterChosen,
    Measured,
    MessagesCopied,
    MessagesKept,
    MessagesRestored,
    QuorumFound,
    QuorumLost,
    RequestAnswered,
    RequestFailed,
)
from ..sim.trace import Record
from ..world import World
from .broken import LawBroken


class LabLaws:
    """What is remembered of one world's applications."""

    def __init__(self, world: World):
        self.world = world
        self._open: dict[int, int] = {}  # call → when it was asked
        self._ended: set[int] = set()  # requests of visitors
        self._paused: dict[str, int | None] = {}  # task of a group → since when it serves nobody
        self._most: dict[str, int] = {}  # queue → messages that lay anywhere at once

    def enough_of_them(self, record: Record) -> None:
        """Who works on sees as many as it needs."""
        fact = record.fact
        if isinstance(fact, QuorumFound) and fact.sees < fact.least:
            raise LawBroken("enough of them", record, f"it sees {fact.sees} of {fact.least}")
        self._paused[fact.task] = record.time if isinstance(fact, QuorumLost) else None

    def a_master_for_those_who_work(self, record: Record) -> None:
        """Who has paused follows no master."""
        if self._paused.get(record.fact.task, 0) is not None:
            raise LawBroken("a master for those who work", record, "it does not see enough of the others")

    def asked_once(self, record: Record) -> None:
        """No two questions have the same number."""
        if record.fact.call in self._open:
            raise LawBroken("asked once", record, "another question has this number, and is open")
        self._open[record.fact.call] = record.time

    def one_answer(self, record: Record) -> None:
        """A question that was asked is answered once."""
        if record.fact.call not in self._open:
            raise LawBroken("one answer", record, "nobody asked this, or it was answered before")
        asked = self._open.pop(record.fact.call)
        since = self._paused.get(record.fact.by)
        if record.fact.status == 200 and since is not None and since < asked:
            raise LawBroken("paused serves nobody", record, f"{record.fact.by} has paused before it was asked")

    def one_end(self, record: Record) -> None:
        """A visitor's request ends once."""
        if record.fact.request in self._ended:
            raise LawBroken("one end", record, "it had ended before")
        self._ended.add(record.fact.request)

    def messages_from_somewhere(self, record: Record) -> None:
        """A broker starts with what its volume had, and takes back what its mirror had: never more than there was."""
        fact = record.fact
        most = self._most.get(fact.broker, 0)
        if fact.messages > most and not isinstance(fact, MessagesKept):
            raise LawBroken("messages from somewhere", record, f"{fact.broker} never had more than {most}")
        self._most[fact.broker] = max(most, fact.messages)

    def lines_after_they_were_printed(self, record: Record) -> None:
        """A line is found after it was printed, not before."""
        if record.fact.time > record.time:
            raise LawBroken("lines after they were printed", record, f"printed at {record.fact.time}")

    def possible_measurements(self, record: Record) -> None:
        """Nothing is negative, and no processor is busier than busy."""
        fact, cpus = record.fact, self.world.computers[record.source].cpus
        whole = 1000 if not fact.name else 1000 * cpus
        if not 0 <= fact.cpu <= whole or min(fact.requests, fact.latency, fact.memory) < 0 or fact.time > record.time:
            raise LawBroken("possible measurements", record, f"cpu {fact.cpu} of {whole:g}")


LAWS: dict[type, tuple[Callable, ...]] = {
    QuorumFound: (LabLaws.enough_of_them,),
    QuorumLost: (LabLaws.enough_of_them,),
    MasterChosen: (LabLaws.a_master_for_those_who_work,),
    CallSent: (LabLaws.asked_once,),
    CallAnswered: (LabLaws.one_answer,),
    RequestAnswered: (LabLaws.one_end,),
    RequestFailed: (LabLaws.one_end,),
    BrokerStarted: (LabLaws.messages_from_somewhere,),
    MessagesKept: (LabLaws.messages_from_somewhere,),
    MessagesCopied: (LabLaws.messages_from_somewhere,),
    MessagesRestored: (LabLaws.messages_from_somewhere,),
    LogIndexed: (LabLaws.lines_after_they_were_printed,),
    Measured: (LabLaws.possible_measurements,),
}
