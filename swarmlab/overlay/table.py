"""The table of endpoints that a node carries: the newest record of each task, by owner, and what was deleted lately.

Source: Docker's NetworkDB, moby `daemon/libnetwork/networkdb`: deleted entries are kept as tombstones for 30 minutes.
"""

from ..effects import SECOND
from ..messages import Endpoint
from .wire import Record

TOMBSTONE_LIFE = 30 * 60 * SECOND


class Table:
    """Records by task. It keeps what it is given; who may be believed is for gossip to say."""

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}  # by task
        self.owned: dict[str, dict[str, None]] = {}  # machine → its tasks, in order of hearing
        self.tombstones: dict[str, int] = {}  # task → when to forget it, earliest first

    def get(self, task: str) -> Record | None:
        """The newest record of this task, deleted or not."""
        return self.records.get(task)

    def endpoint(self, task: str) -> Endpoint | None:
        """Where the task is reached, if it is."""
        record = self.records.get(task)
        return record.endpoint if record else None

    def endpoints_of(self, machine: str) -> list[Endpoint]:
        """Everything that runs behind this machine."""
        found = [self.records[task].endpoint for task in self.owned.get(machine, ())]
        return [endpoint for endpoint in found if endpoint]

    def keep(self, record: Record, now: int) -> None:
        """Replace what was known of the task."""
        self.records[record.task] = record
        self.owned.setdefault(record.owner, {})[record.task] = None
        self.tombstones.pop(record.task, None)
        if record.endpoint is None:
            self.tombstones[record.task] = now + TOMBSTONE_LIFE

    def sweep(self, now: int) -> bool:
        """Forget what was deleted long ago. Says whether there was any."""
        old = [task for task, end in self.tombstones.items() if now >= end]
        for task in old:
            self._drop(task)
        return bool(old)

    def forget(self, machine: str) -> None:
        """Drop everything that this machine ever said."""
        for task in list(self.owned.get(machine, ())):
            self._drop(task)

    def _drop(self, task: str) -> None:
        owner = self.records.pop(task).owner
        self.tombstones.pop(task, None)
        del self.owned[owner][task]
        if not self.owned[owner]:
            del self.owned[owner]
