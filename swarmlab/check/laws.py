"""Invariants that hold after every step of every run, checked as it runs.

Each law looks only at what is new in the trace, and at the machine where it happened, so checking costs little. Those
of raft are in `raft_laws`, those of the swarm above it in `swarm_laws`, those of applications in `lab_laws`.
"""

from collections.abc import Callable
from typing import Any

from ..world import World
from . import lab_laws, raft_laws, swarm_laws
from .broken import LawBroken
from .lab_laws import LabLaws
from .raft_laws import RaftLaws
from .swarm_laws import SwarmLaws


class Laws:
    """Watches one world from now on: whatever makes time pass there, the laws are checked after every event that left
    a fact. What happened before is only taken note of."""

    def __init__(self, world: World):
        self.world, self.seen = world, 0
        self.raft, self.swarm, self.lab = RaftLaws(world), SwarmLaws(world), LabLaws(world)
        self._laws: dict[type, tuple[Callable[[Any], None], ...]] = {}
        tables = (self.raft, raft_laws.LAWS), (self.swarm, swarm_laws.LAWS), (self.lab, lab_laws.LAWS)
        for books, table in tables:
            for kind, laws in table.items():
                self._laws[kind] = self._laws.get(kind, ()) + tuple(getattr(books, law.__name__) for law in laws)
        self.look()
        self.raft.begin()
        self.swarm.live = True
        world.kernel.watch(world.trace.records, self.look)

    def look(self) -> None:
        """Check what has happened since the last look. Raises LawBroken."""
        records, laws, seen = self.world.trace.records, self._laws, self.seen
        self.seen = len(records)
        for record in records[seen:]:
            for law in laws.get(type(record[4]), ()):
                law(record)


__all__ = ["LawBroken", "Laws"]
