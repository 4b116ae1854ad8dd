"""Everything of one kind that a node knows, as it tells it to others."""

from collections.abc import Callable


class Listing:
    """A sorted tuple of rows that is made when it is asked for, and again when one of them has changed.

    Two nodes that know the same have equal tuples, and one look tells; from then on they hold the very same tuple.
    """

    __slots__ = ("make", "rows")

    def __init__(self, make: Callable[[], tuple]):
        self.make = make
        self.rows: tuple | None = None

    def all(self) -> tuple:
        """All rows, from memory unless something has changed."""
        if self.rows is None:
            self.rows = self.make()
        return self.rows

    def spoil(self) -> None:
        """Something has changed."""
        self.rows = None

    def agrees(self, theirs: tuple) -> bool:
        """Whether the other one knows exactly the same."""
        mine = self.all()
        if mine is not theirs:
            if mine != theirs:
                return False
            self.rows = theirs
        return True
