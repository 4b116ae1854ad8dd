"""Following: lines and events as they come, each of them once, whatever comes late.

Clocks of machines differ, answers of nodes take their time, and an instant may not be over when somebody looks at it.
So nobody asks for "what came since I last looked": each container's own last line counts, and of events a little of the
past is looked at again, and what was shown of it is left out.
"""

from collections import Counter
from collections.abc import Iterator

from ..effects import NEVER, SECOND
from ..messages import Container, Event, Events, ListContainers, LogAnswer, LogLine, Logs
from ..objects import ApiError
from .session import Session

AGAIN = 5 * SECOND  # how much of the past is looked at again


class Lines:
    """What containers print. `key` is what stands for the only one, where it is one container that is followed."""

    def __init__(self, request: Logs, key: str = ""):
        self.request, self.key = request._replace(tail=-1), key
        self.tail: int = request.tail
        self.last: dict[str, tuple[int, int]] = {}  # task → time of its last line, and how many of that time were there

    def more(self, session: Session) -> LogAnswer:
        """The lines that were not there before. Raises ApiError."""
        answer = session.call(self.request)
        new = self._new(answer.lines)
        self.request = self.request._replace(seen=tuple((self.key or task, at) for task, (at, _) in self.last.items()))
        if self.tail >= 0:
            new, self.tail = last(new, self.tail), -1
        return answer._replace(lines=new)

    def farewell(self, session: Session, id: str) -> LogAnswer:
        """The last of a container that is no longer there. Raises ApiError."""
        self.request = self.request._replace(kind="gone", ref=id)
        return self.more(session)

    def _new(self, lines: tuple[LogLine, ...]) -> tuple[LogLine, ...]:
        new, before = [], dict(self.last)
        left = {task: count for task, (_, count) in before.items()}
        for line in lines:
            task = line.task
            if task in before and line.time == before[task][0] and left[task]:
                left[task] -= 1  # one of those of the same instant that were there
                continue
            at, count = self.last.get(task, (-1, 0))
            self.last[task] = line.time, count + 1 if line.time == at else 1
            new.append(line)
        return tuple(new)


def last(lines: tuple[LogLine, ...], most: int) -> tuple[LogLine, ...]:
    """Of each container the last ones."""
    left = Counter(line.task for line in lines)
    kept = []
    for line in lines:
        if left[line.task] <= most:
            kept.append(line)
        left[line.task] -= 1
    return tuple(kept)


def follow(session: Session, request: Logs, look: int, container: Container | None = None) -> Iterator[LogAnswer]:
    """What is there, and then what comes, looked for every `look` µs: until the container ends, if it is one, and until
    the time that was asked for is over. Raises ApiError at the first look only: later ones are for nodes to come back.
    What a container printed that was removed as it ended (`--rm`) is there too."""
    lines = Lines(request, (container.task or container.id) if container else "")
    first = True
    while True:
        ends = session.now >= request.until or (container is not None and not _runs(session, container))
        try:
            yield lines.more(session)
        except ApiError:
            if container and not container.task:
                yield lines.farewell(session, container.id)
                return
            if first or container:
                raise
            yield LogAnswer(())
        if ends:
            return
        first = False
        session.wait(min(look, max(request.until - session.now, 1)))


def _runs(session: Session, container: Container) -> bool:
    return any(one.id == container.id for one in session.call(ListContainers()))


class Happenings:
    """What happens on a machine, and in its swarm, from `since` on; None: from now on."""

    def __init__(self, since: int | None, until: int = NEVER):
        self.only_new, self.until = since is None, until
        self.begun = since or 0
        self.upto = 0  # the time of the last one
        self.shown: Counter = Counter()

    def more(self, session: Session) -> list[Event]:
        """Those that were not there before."""
        since = max(self.begun, self.upto - AGAIN)
        found, new = Counter[tuple](), []
        for event in session.call(Events(since, self.until)):
            self.upto = max(self.upto, event.time)
            known = (*event[:4], tuple(sorted(event.attributes.items())))
            found[known] += 1
            if found[known] > self.shown[known]:
                new.append(event)
        self.shown = found
        new, self.only_new = [] if self.only_new else new, False
        return new
