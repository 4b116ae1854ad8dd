"""The rows of one network that a node carries: the newest record of each, by owner, and when some will be dropped.

Source: Docker's NetworkDB, moby `daemon/libnetwork/networkdb`: deleted entries are kept as tombstones for 30 minutes, and
so are those of a node that failed.
"""

from ..effects import NEVER, SECOND
from .listing import Listing
from .wire import Record

TOMBSTONE_LIFE = 30 * 60 * SECOND

Key = tuple[str, str, str]  # network id, table, key in the table


class Table:
    """Records by key. It keeps what it is given; who may be believed is for others to say."""

    def __init__(self) -> None:
        self.records: dict[Key, Record] = {}
        self.owned: dict[str, dict[Key, None]] = {}  # machine → its keys, in order of hearing
        self.ends: dict[Key, int] = {}  # of tombstones, and of rows whose owner failed: when to drop them
        self.listing = Listing(self._sorted)

    def _sorted(self) -> tuple[Record, ...]:
        return tuple([self.records[key] for key in sorted(self.records)])

    def get(self, key: Key) -> Record | None:
        """The newest record of this row, deleted or not."""
        return self.records.get(key)

    def rows_of(self, machine: str) -> list[Record]:
        """Everything that this machine says, but for what it has deleted."""
        if machine not in self.owned:
            return []
        found = [self.records[key] for key in self.owned[machine]]
        return [record for record in found if record.value is not None]

    def keep(self, record: Record, end: int = NEVER) -> None:
        """Replace what was known of the row, until then."""
        key, owner = record[0], record[1]
        self.records[key] = record
        owned = self.owned.get(owner)
        if owned is None:
            owned = self.owned[owner] = {}
        owned[key] = None
        if self.ends:
            self.ends.pop(key, None)
        if end < NEVER:
            self.ends[key] = end
        self.listing.rows = None

    def limit(self, key: Key, end: int) -> None:
        """Drop this row then; never, if its owner is back."""
        self.ends.pop(key, None)
        if end < NEVER:
            self.ends[key] = end

    @property
    def first_end(self) -> int:
        """When the next row is to be dropped."""
        return min(self.ends.values(), default=NEVER)

    def sweep(self, now: int) -> None:
        """Drop what is due."""
        for key in [key for key, end in self.ends.items() if now >= end]:
            self.drop(key)

    def forget(self, machine: str) -> None:
        """Drop everything that this machine ever said."""
        for key in list(self.owned.get(machine, ())):
            self.drop(key)

    def drop(self, key: Key) -> None:
        """As if there had never been such a row."""
        owner = self.records.pop(key).owner
        self.ends.pop(key, None)
        del self.owned[owner][key]
        if not self.owned[owner]:
            del self.owned[owner]
        self.listing.spoil()
