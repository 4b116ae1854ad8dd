"""One node's copy of the replicated log: numbered from 1, term 0 stands for the empty beginning [Raft §5.3]."""

from collections.abc import Iterable

from ..effects import Entry


class Log:
    """Entries in order. Everybody else speaks of indexes only, never of positions in a list."""

    def __init__(self, entries: Iterable[Entry] = ()):
        self.entries = list(entries)
        self.last_index = len(self.entries)

    @property
    def last_term(self) -> int:
        return self.term_at(self.last_index)

    def term_at(self, index: int) -> int:
        """The term of the entry there; 0 before the first."""
        return self.entries[index - 1].term if index else 0

    def has(self, index: int, term: int) -> bool:
        """Two logs that agree on the index and term of one entry agree on everything before it [Raft §5.3]."""
        return index <= self.last_index and self.term_at(index) == term

    def slice(self, first: int, last: int) -> tuple[Entry, ...]:
        """The entries from `first` to `last`, both included, as far as they exist."""
        return tuple(self.entries[first - 1 : last])

    def news(self, entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
        """What is left of `entries` from the first one that is missing here or contradicts what stands here.

        A shorter message is no contradiction: it may only be late [Raft figure 2, AppendEntries 3 and 4].
        """
        for position, entry in enumerate(entries):
            if not self.has(entry.index, entry.term):
                return entries[position:]
        return ()

    def write(self, entries: tuple[Entry, ...]) -> None:
        """Put entries where their indexes say; what stood from there on is gone."""
        self.entries[entries[0].index - 1 :] = entries
        self.last_index = len(self.entries)

    def last_within(self, index: int, term: int) -> int:
        """The last index up to `index` whose term is not larger than `term`.

        Both ends skip with it whole terms that cannot match, so that a search for the common beginning takes one
        refusal per term, not one per entry [dissertation §3.5].
        """
        index = min(index, self.last_index)
        while self.term_at(index) > term:
            index -= 1
        return index
