"""The rules of membership, as tables and formulas: which rumour wins, how long a suspect may defend itself.

Source: Das, Gupta, Motivala, "SWIM" (DSN 2002), §4; Dadgar, Phillips, Currey, "Lifeguard" (DSN-W 2018); the figures are
memberlist's LAN profile.
"""

from functools import cache
from math import ceil, log, log2, log10

from ..effects import MS, SECOND
from .wire import Member

ALIVE, SUSPECT, FAILED, LEFT = "alive", "suspect", "failed", "left"
GONE = (FAILED, LEFT)

PROBE_PERIOD, PROBE_TIMEOUT, HELPERS = SECOND, 500 * MS, 3
GOSSIP_PERIOD, FANOUT, GOSSIP_TO_THE_DEAD = 200 * MS, 3, 30 * SECOND
PUSH_PULL_PERIOD, PUSH_PULL_SMALL = 30 * SECOND, 32  # up to so many nodes the period does not grow
SUSPICION_FACTOR, SUSPICION_MOST, CONFIRMATIONS = 4, 6, 2
RETRANSMITS = 4
HEALTH_CEILING = 8  # the score stays below
PACKET = 1400  # bytes of a datagram

OVERRIDES = {  # which rumour wins: (new, old) → by how much its incarnation must be ahead; a pair not listed never wins
    (ALIVE, ALIVE): 1,
    (ALIVE, SUSPECT): 1,
    (ALIVE, FAILED): 1,
    (ALIVE, LEFT): 1,
    (SUSPECT, ALIVE): 0,
    (SUSPECT, SUSPECT): 1,  # of the same incarnation it is a confirmation
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


def expected_confirmations(members: int) -> int:
    """How many more accusers a suspicion hopes for; too few others, and it hopes for none [Lifeguard]."""
    return CONFIRMATIONS if members >= CONFIRMATIONS + 2 else 0


def least_suspicion(members: int) -> int:
    """How long a suspect may defend itself at least, µs: 4 · max(1, log10 n) probe periods; the log to 3 decimals."""
    return SUSPICION_FACTOR * max(1000, int(1000 * log10(max(1, members)))) * PROBE_PERIOD // 1000


@cache
def suspicion_time(members: int, confirmations: int) -> int:
    """How long after so many confirmations, µs: from six times the least down to it, by the logarithm [Lifeguard]."""
    least, expected = least_suspicion(members), expected_confirmations(members)
    if confirmations >= expected:
        return least
    most = SUSPICION_MOST * least
    share = log(confirmations + 1) / log(expected + 1)
    return max(least, int((most - share * (most - least)) // MS * MS))


@cache
def retransmit_limit(members: int) -> int:
    """How often a node repeats a rumour: 4 · ⌈log10(n + 1)⌉. Membership counts packets, tables count ticks."""
    return RETRANSMITS * ceil(log10(members + 1))


def push_pull_period(members: int) -> int:
    """How often a node exchanges all it knows of nodes with another, µs: slower in steps, as the cluster doubles."""
    if members <= PUSH_PULL_SMALL:
        return PUSH_PULL_PERIOD
    return PUSH_PULL_PERIOD * (ceil(log2(members) - log2(PUSH_PULL_SMALL)) + 1)


def health_after(score: int, change: int) -> int:
    """The local health score, 0 (well) to 7: one that hears badly gives others more time [Lifeguard]."""
    return min(max(0, score + change), HEALTH_CEILING - 1)


def change_of_failed_probe(helpers: int, nacks: int) -> int:
    """What a failed probe says about the prober itself: each helper that was not heard is a bad sign."""
    return helpers - nacks if helpers else 1
