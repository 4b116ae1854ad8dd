"""Before a machine is let into the raft group, the leader calls it under the address that it advertises.

Who cannot be called could not be told anything as a member either. Source: swarmkit `manager/state/raft/raft.go`
(Join, checkHealth); swarm.md §14.
"""

# Simpler than in reality (docs/simplifications.md): call-back

from typing import NamedTuple

from ..effects import NEVER, SECOND, Send
from ..messages import CallBack, RaftJoin
from .dispatcher import Route

PATIENCE = 5 * SECOND
UNREACHABLE = "could not connect to prospective new cluster member using its advertised address"


class Ringing(NamedTuple):
    """A call that is not answered yet."""

    number: int
    route: Route
    wish: RaftJoin
    until: int


class Callbacks:
    """The calls that a leader has under way, one for each machine that wants in."""

    def __init__(self) -> None:
        self.ringing: dict[str, Ringing] = {}  # by member
        self.number = 0

    @property
    def deadline(self) -> int:
        return min((call.until for call in self.ringing.values()), default=NEVER)

    def call(self, route: Route, wish: RaftJoin, address: str, now: int) -> list:
        """Ring at the address. Who asks again meanwhile goes on waiting for the same call."""
        if wish.member in self.ringing:
            self.ringing[wish.member] = self.ringing[wish.member]._replace(route=route)
            return []
        self.number += 1
        self.ringing[wish.member] = Ringing(self.number, route, wish, now + PATIENCE)
        return [Send(address, "engine", CallBack(self.number))]

    def answered(self, sender: str, number: int) -> Ringing | None:
        """The call that this machine has answered, if it is still waited for."""
        for member, call in self.ringing.items():
            if call.number == number and call.route.to == sender:
                return self.ringing.pop(member)
        return None

    def overdue(self, now: int) -> list[Ringing]:
        """Calls that nobody has answered in time."""
        late = [member for member, call in self.ringing.items() if call.until <= now]
        return [self.ringing.pop(member) for member in late]
