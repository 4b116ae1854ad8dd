"""The rules of membership: which rumour wins, how long a suspect may defend itself, how often a rumour is repeated.

Source: Das, Gupta, Motivala, "SWIM" (DSN 2002), §4.2; figures of memberlist's LAN profile and of Docker's NetworkDB.
"""

from math import ceil, log10

from ..effects import MS, SECOND
from .wire import Member

ALIVE, SUSPECT, FAILED, LEFT = "alive", "suspect", "failed", "left"

PROBE_PERIOD, PROBE_TIMEOUT = SECOND, 500 * MS
GOSSIP_PERIOD, FANOUT = 200 * MS, 3

OVERRIDES = {  # which rumour wins: (new, old) → by how much its incarnation must be ahead; a pair not listed never wins
    (ALIVE, ALIVE): 1,
    (ALIVE, SUSPECT): 1,
    (ALIVE, FAILED): 1,
    (ALIVE, LEFT): 1,
    (SUSPECT, ALIVE): 0,
    (SUSPECT, SUSPECT): 1,
    (FAILED, ALIVE): 0,
    (FAILED, SUSPECT): 0,
    (LEFT, ALIVE): 0,
    (LEFT, SUSPECT): 0,
}


def beats(new: Member, old: Member | None) -> bool:
    """Does this rumour replace what was known? Of a stranger only that it lives is believed."""
    if old is None:
        return new.state == ALIVE
    ahead = OVERRIDES.get((new.state, old.state))
    return ahead is not None and new.incarnation - old.incarnation >= ahead


def suspicion_time(members: int) -> int:
    """How long a suspected node may take to refute, in µs: 4 · max(1, log10 n) probe periods [memberlist, LAN]."""
    return 4 * max(1000, int(1000 * log10(members))) * PROBE_PERIOD // 1000


def retransmit_limit(members: int) -> int:
    """For how many ticks a node repeats a rumour: 4 · ⌈log10(n + 1)⌉ [NetworkDB]."""
    return 4 * ceil(log10(members + 1))
