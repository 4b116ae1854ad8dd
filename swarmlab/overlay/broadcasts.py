"""What a node still has to pass on: a queue in which the least told comes first, and that fills packets.

Source: memberlist's TransmitLimitedQueue; both membership and NetworkDB have such queues.
"""

from typing import Any


class Tier:
    """Rumours that were told equally often, by name, oldest first."""

    __slots__ = ("items", "size")

    def __init__(self) -> None:
        self.items: dict[Any, tuple[Any, int]] = {}  # name → (rumour, bytes)
        self.size = 0  # bytes of all


class Broadcasts:
    """Rumours by name: a newer one of the same name takes the place of the older one."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget all of it."""
        self.tiers = [Tier()]  # those told 0 times, once, twice …
        self.places: dict[Any, tuple[Tier, Any]] = {}  # name → (its tier, the rumour)
        self.size = 0  # bytes of all
        self.all: tuple | None = None  # all rumours, until one comes or goes

    def __len__(self) -> int:
        return len(self.places)

    def rumours(self) -> list:
        """All of them."""
        return [place[1] for place in self.places.values()]

    def add(self, name: Any, rumour: Any, size: int) -> None:
        """Something new to tell."""
        if name in self.places:
            self._take(name)
        self._put(self.tiers[0], name, (rumour, size))

    def pick(self, room: int, limit: int) -> tuple[tuple, int]:
        """Rumours for one packet with so much room, and their bytes. Those told `limit` times are forgotten."""
        if not self.places:
            return (), 0
        if self.size <= room:
            if self.all is None:
                self.all = tuple(self.rumours())
            chosen, size = self.all, self.size
            self.tiers.insert(0, Tier())
        else:
            chosen, size = self._pick_some(room)
        while len(self.tiers) > limit:
            self._forget(self.tiers.pop())
        return chosen, size

    def _pick_some(self, room: int) -> tuple[tuple, int]:
        """Whole tiers as long as they fit; of the first one that does not, the newest."""
        # memberlist takes the largest that fits first.
        chosen, left, told = [], room, 0
        while self.tiers[told].size <= left:
            chosen += [rumour for rumour, _ in self.tiers[told].items.values()]
            left -= self.tiers[told].size
            told += 1
        tier, some = self.tiers[told], []
        for name, (rumour, size) in reversed(tier.items.items()):
            if size > left:
                break
            chosen.append(rumour)
            some.append(name)
            left -= size
        self._promote(told, some)
        return tuple(chosen), room - left

    def _promote(self, told: int, some: list) -> None:
        """Count one more time: for some of this tier, and for all tiers below it."""
        if told + 1 == len(self.tiers):
            self.tiers.append(Tier())
        for name in reversed(some):
            self._put(self.tiers[told + 1], name, self._take(name))
        if told:
            below = self.tiers.pop(told - 1)
            for name in list(below.items):
                self._put(self.tiers[told - 1], name, self._take(name))
            self.tiers.insert(0, Tier())

    def _put(self, tier: Tier, name: Any, item: tuple[Any, int]) -> None:
        tier.items[name] = item
        tier.size += item[1]
        self.places[name] = (tier, item[0])
        self.size += item[1]
        self.all = None

    def _take(self, name: Any) -> tuple[Any, int]:
        tier = self.places.pop(name)[0]
        item = tier.items.pop(name)
        tier.size -= item[1]
        self.size -= item[1]
        self.all = None
        return item

    def _forget(self, tier: Tier) -> None:
        if tier.items:
            for name in tier.items:
                del self.places[name]
            self.size -= tier.size
            self.all = None
