"""What a node still has to pass on: a queue in which the least told comes first, and that fills packets.

Source: memberlist's TransmitLimitedQueue; both membership and NetworkDB have such queues.
"""

# Simpler than in reality (docs/simplifications.md): one-queue

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
        self.places: dict[Any, Tier] = {}  # name → its tier; who moved last is last
        self.size = 0  # bytes of all
        self.all: tuple | None = None  # all rumours, until one comes or goes

    def __len__(self) -> int:
        return len(self.places)

    def rumours(self) -> list:
        """All of them."""
        return [tier.items[name][0] for name, tier in self.places.items()]

    def add(self, name: Any, rumour: Any, size: int) -> None:
        """Something new to tell."""
        first, old = self.tiers[0], self.places.pop(name, None)
        if old is not None:
            told = old.items.pop(name)[1]
            old.size -= told
            self.size -= told
        first.items[name] = (rumour, size)
        first.size += size
        self.size += size
        self.places[name] = first
        self.all = None

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
        chosen, left, told, some = [], room, 0, []
        for tier in self.tiers:
            if tier.size > left:
                break
            if tier.size:
                chosen += [rumour for rumour, _ in tier.items.values()]
                left -= tier.size
            told += 1
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
        if some:
            self._move(some[::-1], self.tiers[told], self.tiers[told + 1])
        if told:
            below = self.tiers.pop(told - 1)
            if below.items:
                self._move_all(below, self.tiers[told - 1])
            self.tiers.insert(0, below)  # it is empty now

    def _move(self, names: list, tier: Tier, to: Tier) -> None:
        places, old, new, size = self.places, tier.items, to.items, 0
        for name in names:
            item = new[name] = old.pop(name)
            size += item[1]
            del places[name]
            places[name] = to
        tier.size -= size
        to.size += size
        self.all = None

    def _move_all(self, tier: Tier, to: Tier) -> None:
        places = self.places
        for name in tier.items:
            del places[name]
        places.update(dict.fromkeys(tier.items, to))
        to.items.update(tier.items)
        to.size += tier.size
        tier.items, tier.size = {}, 0
        self.all = None

    def _forget(self, tier: Tier) -> None:
        if tier.items:
            for name in tier.items:
                del self.places[name]
            self.size -= tier.size
            self.all = None
