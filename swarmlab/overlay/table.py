"""The tables that a node carries: the newest record of each row, by owner, and what was deleted lately.

Source: Docker's NetworkDB, moby `daemon/libnetwork/networkdb`: deleted entries are kept as tombstones for 30 minutes.
"""

from ..effects import SECOND
from .wire import Record

TOMBSTONE_LIFE = 30 * 60 * SECOND

Key = tuple[str, str, str]  # network id, table, key in the table


class Table:
    """Records by key. It keeps what it is given; who may be believed is for gossip to say."""

    def __init__(self) -> None:
        self.records: dict[Key, Record] = {}
        self.owned: dict[str, dict[Key, None]] = {}  # machine → its keys, in order of hearing
        self.tombstones: dict[Key, int] = {}  # key → when to forget it, earliest first

    def get(self, key: Key) -> Record | None:
        """The newest record of this row, deleted or not."""
        return self.records.get(key)

    def holds(self, key: Key) -> bool:
        """Whether there is such a row, and it is not deleted."""
        record = self.records.get(key)
        return record is not None and record.value is not None

    def rows_of(self, machine: str) -> list[Record]:
        """Everything that this machine says, but for what it has deleted."""
        found = [self.records[key] for key in self.owned.get(machine, ())]
        return [record for record in found if record.value is not None]

    def keep(self, record: Record, now: int) -> None:
        """Replace what was known of the row."""
        self.records[record.key] = record
        self.owned.setdefault(record.owner, {})[record.key] = None
        self.tombstones.pop(record.key, None)
        if record.value is None:
            self.tombstones[record.key] = now + TOMBSTONE_LIFE

    def sweep(self, now: int) -> bool:
        """Forget what was deleted long ago. Says whether there was any."""
        old = [key for key, end in self.tombstones.items() if now >= end]
        for key in old:
            self._drop(key)
        return bool(old)

    def forget(self, machine: str) -> None:
        """Drop everything that this machine ever said."""
        for key in list(self.owned.get(machine, ())):
            self._drop(key)

    def _drop(self, key: Key) -> None:
        owner = self.records.pop(key).owner
        self.tombstones.pop(key, None)
        del self.owned[owner][key]
        if not self.owned[owner]:
            del self.owned[owner]
