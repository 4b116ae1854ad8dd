"""What a node still has to pass on: a queue in which the least told comes first, and that fills packets.

Source: memberlist's TransmitLimitedQueue; both membership and NetworkDB have such queues.
"""

from typing import Any

SMALLEST = 60  # bytes: no rumour is smaller


class Broadcasts:
    """Rumours by name: a newer one of the same name takes the place of the older one."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget all of it."""
        self.items: dict[Any, tuple[Any, int, dict]] = {}  # name → (rumour, bytes, its tier)
        self.tiers: list[dict[Any, None]] = []  # the names of those told 0 times, once, twice …
        self.size = 0  # bytes of all
        self.all: tuple | None = None  # all rumours, until one comes or goes

    def __len__(self) -> int:
        return len(self.items)

    def add(self, name: Any, rumour: Any, size: int) -> None:
        """Something new to tell."""
        if name in self.items:
            self._drop(name)
        self._put(0, name, rumour, size)

    def pick(self, room: int, limit: int) -> tuple[tuple, int]:
        """Rumours for one packet with so much room, and their bytes. Those told `limit` times are forgotten."""
        if not self.items:
            return (), 0
        return self._pick_all(limit) if self.size <= room else self._pick_some(room, limit)

    def _pick_all(self, limit: int) -> tuple[tuple, int]:
        if self.all is None:
            self.all = tuple([item[0] for item in self.items.values()])
        chosen, size, tiers = self.all, self.size, self.tiers
        tiers.insert(0, {})
        while len(tiers) > limit:
            for name in tiers.pop():
                self.size -= self.items.pop(name)[1]
                self.all = None
        return chosen, size

    def _pick_some(self, room: int, limit: int) -> tuple[tuple, int]:
        # memberlist takes the largest that fits first; here the newest of those told least.
        chosen, left = [], room
        for told, tier in enumerate(self.tiers):
            for name in reversed(tier):
                rumour, size, _ = self.items[name]
                if size <= left:
                    chosen.append((told, name, rumour, size))
                    left -= size
                if left < SMALLEST:
                    break
        for told, name, rumour, size in reversed(chosen):
            self._drop(name)
            if told + 1 < limit:
                self._put(told + 1, name, rumour, size)
        return tuple([rumour for _, _, rumour, _ in chosen]), room - left

    def _put(self, told: int, name: Any, rumour: Any, size: int) -> None:
        while len(self.tiers) <= told:
            self.tiers.append({})
        tier = self.tiers[told]
        tier[name] = None
        self.items[name] = (rumour, size, tier)
        self.size += size
        self.all = None

    def _drop(self, name: Any) -> None:
        _, size, tier = self.items.pop(name)
        del tier[name]
        self.size -= size
        self.all = None
