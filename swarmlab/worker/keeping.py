"""What a broker keeps: a message for every request that it has answered, on its volume, and a copy on one other broker.

Each broker has a queue of its own, mirrored on exactly one more (`ha-mode: exactly`, `ha-params: 2`): the next one of its
cluster that it sees. What is new is written and copied once a second. A volume follows no task to another node: a broker
that is started there begins with nothing, and takes back what its mirror has. Source: RabbitMQ 3.7 documentation, "Classic
Mirrored Queues".
"""

# Simpler than in reality (docs/simplifications.md): broker, volume-writes

from typing import TYPE_CHECKING, Any, NamedTuple

from ..effects import SECOND, Note
from ..events import BrokerStarted, MessagesCopied, MessagesKept, MessagesRestored
from ..overlay.wire import Response
from . import asking
from .asking import Asked, Target
from .volumes import name_of

if TYPE_CHECKING:
    from .executor import Executor

EVERY = SECOND


class Content(NamedTuple):
    """What lies on the volume of a broker."""

    own: int = 0  # messages of its queue
    copies: tuple[tuple[str, int], ...] = ()  # of the queues of others


class Shelf:
    """The messages of one broker."""

    def __init__(self, name: str, volume: str, content: Content):
        self.name, self.volume = name, volume
        self.own, self.copies = content.own, dict(content.copies)
        self.written = content
        self.mirror, self.mirrored = "", -1  # who has a copy of its queue, and of how many messages
        self.fresh = False  # there is something to write down soon

    @property
    def content(self) -> Content:
        """What should lie on the volume."""
        return Content(self.own, tuple(sorted(self.copies.items())))

    def kept_for(self, peer: str, mirror: str) -> int:
        """How many messages of another queue it has. If somebody else is that queue's mirror now, it forgets its own copy."""
        if mirror and mirror != self.name:
            self.copies.pop(peer, None)
        return self.copies.get(peer, 0)

    def stir(self, here: "Executor", key: str, now: int) -> None:
        """Something has changed."""
        if not self.fresh:
            self.fresh = True
            here.set(now + EVERY, "keep", key, (here.boxes[key].container.started_at,))

    def welcomed(self, here: "Executor", key: str, peer: str, body: Any, now: int) -> list:
        """A member of the cluster has answered a hello: it may have more of the queue than the volume has."""
        if body[1] <= self.own:
            return []
        self.own = body[1]
        self.stir(here, key, now)
        return [Note(MessagesRestored(here.boxes[key].container.task, self.name, peer, self.own))]


def started(here: "Executor", key: str, name: str, path: str) -> tuple[Shelf, list]:
    """A broker starts with what it finds."""
    container = here.boxes[key].container
    mount = next((one for one in container.settings.mounts if one.target == path and one.type == "volume"), None)
    volume = name_of(mount, container.id) if mount else ""
    shelf = Shelf(name, volume, here.volumes.content(volume) or Content())
    return shelf, [Note(BrokerStarted(container.task, name, volume, shelf.own))]


def write(here: "Executor", key: str, now: int) -> list:
    """What is new goes to the volume, and to the mirror."""
    app = here.apps[key]
    shelf, member = app.shelf, app.member
    shelf.fresh, effects = False, []
    if shelf.content != shelf.written:
        if shelf.own != shelf.written.own:
            effects.append(Note(MessagesKept(here.boxes[key].container.task, shelf.name, shelf.own)))
        shelf.written = shelf.content
        effects += here.volumes.write(shelf.volume, shelf.content)
    mirror = _mirror(member) if member else ""
    if not mirror:
        shelf.mirror = ""
    elif (mirror, shelf.own) != (shelf.mirror, shelf.mirrored):
        to = Target(mirror, member.rules.port, member.rules.over)
        word = (shelf.name, shelf.own)
        effects += asking.ask(here, key, copied, (mirror, shelf.own), to, now, "/copy", body=word)
    return effects


def _mirror(member: Any) -> str:
    """The next one that is seen, in the order of their names."""
    later = sorted(peer for peer in member.seen if peer > member.name)
    return (later or sorted(member.seen) or [""])[0]


def copied(here: "Executor", asked: Asked, response: Response, now: int) -> list:
    """The mirror has it, or not: then it is tried again."""
    shelf, (mirror, number) = here.apps[asked.key].shelf, asked.about
    if response.status != 200 or response.body is None:
        shelf.stir(here, asked.key, now)
        return []
    shelf.mirror, shelf.mirrored = mirror, number
    return [Note(MessagesCopied(here.boxes[asked.key].container.task, shelf.name, mirror, number))] if number else []


def take(here: "Executor", key: str, word: tuple[str, int], now: int) -> None:
    """This broker is the mirror of another one."""
    shelf = here.apps[key].shelf
    shelf.copies[word[0]] = word[1]
    shelf.stir(here, key, now)
