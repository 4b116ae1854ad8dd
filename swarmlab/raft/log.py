"""One node's copy of the replicated log: numbered from 1, term 0 stands for the empty beginning [Raft §5.3].

After compaction it begins behind a snapshot; the term of the last entry that is gone is still known [Raft §7].
"""

from collections.abc import Iterable
from typing import Any

from ..effects import Entry


class Log:
    """Entries in order. Everybody else speaks of indexes only, never of positions in a list."""

    __slots__ = ("base", "base_term", "entries", "last_index")

    def __init__(self, entries: Iterable[Entry] = (), base: int = 0, base_term: int = 0):
        self.base, self.base_term = base, base_term  # the last entry that is not here any more
        self.entries = list(entries)
        self.last_index = base + len(self.entries)

    @property
    def last_term(self) -> int:
        return self.entries[-1].term if self.entries else self.base_term

    def term_at(self, index: int) -> int:
        """The term of the entry there; 0 before the first. What was compacted away has no term any more."""
        return self.entries[index - self.base - 1].term if index > self.base else self.base_term

    def has(self, index: int, term: int) -> bool:
        """Two logs that agree on the index and term of one entry agree on everything before it [Raft §5.3]."""
        return self.base <= index <= self.last_index and self.term_at(index) == term

    def slice(self, first: int, last: int) -> tuple[Entry, ...]:
        """The entries from `first` to `last`, both included, as far as they exist."""
        return tuple(self.entries[max(0, first - self.base - 1) : max(0, last - self.base)])

    def news(self, entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
        """What is left of `entries` from the first one that is missing here or contradicts what stands here.

        A shorter message is no contradiction: it may only be late [Raft figure 2, AppendEntries 3 and 4].
        """
        for position, entry in enumerate(entries):
            if entry.index > self.base and not self.has(entry.index, entry.term):
                return entries[position:]
        return ()

    def write(self, entries: tuple[Entry, ...]) -> None:
        """Put entries where their indexes say; what stood from there on is gone."""
        self.cut(entries[0].index)
        self.entries += entries
        self.last_index = self.base + len(self.entries)

    def cut(self, first: int) -> None:
        """Remove everything from this index on."""
        del self.entries[first - self.base - 1 :]
        self.last_index = self.base + len(self.entries)

    def compact(self, index: int) -> int:
        """Forget the entries up to this index, a snapshot holds what they led to. Says how many went."""
        gone = index - self.base
        self.base_term = self.term_at(index)
        del self.entries[:gone]
        self.base = index
        return gone

    def last_within(self, index: int, term: int) -> int:
        """The last index up to `index` whose term is not larger than `term`.

        Both ends skip with it whole terms that cannot match, so that a search for the common beginning takes one
        refusal per term, not one per entry [dissertation §3.5]. Where the log begins too late to tell: the index before.
        """
        index = min(index, self.last_index)
        while index > self.base and self.term_at(index) > term:
            index -= 1
        return index - 1 if index == self.base and self.base_term > term else index


def read(entries: list, base: tuple[int, int], snapshot: Any, commit: int) -> Log:
    """The log as it was written, from what is on disk. Raises ValueError, in one sentence, if that is no log.

    A crash may have come between the writes of one step: of compaction, where the snapshot counts and entries that it
    covers are left over; or of taking over a leader's snapshot, where the log that contradicts it is left over.
    """
    for position, entry in enumerate(entries):
        _examine(entry, entries[position - 1] if position else None)
    if snapshot and not any((entry.index, entry.term) == (snapshot.index, snapshot.term) for entry in entries):
        behind = entries and entries[0].index > snapshot.index  # else they contradict it, or end before it
        entries, base = entries if behind else [], (snapshot.index, snapshot.term)
    first = entries[0].index if entries else base[0] + 1
    if first > base[0] + 1:
        raise ValueError(f"the log on disk begins at {first}, but all up to {base[0]} is missing: entries were lost")
    log = Log([entry for entry in entries if entry.index > base[0]], *base)
    if log.last_index < commit:
        raise ValueError(
            f"the log on disk ends at {log.last_index}, but {commit} is known to be committed: it was truncated or lost"
        )
    return log


def _examine(entry: Any, before: Any) -> None:
    """An entry of a log follows the one before it: the next index, a term that does not fall."""
    if type(entry) is not Entry:
        raise ValueError(f"the log on disk is damaged behind {before.index if before else 'its beginning'}: {entry}")
    if before and (entry.index != before.index + 1 or entry.term < before.term):
        raise ValueError(
            f"the log on disk is damaged at {entry.index}: {entry.index} of term {entry.term} "
            f"follows {before.index} of term {before.term}"
        )
