"""What a group of members meets while failure detectors watch it: loss, latency, processes that get stuck, one crash.

Many runs at once, as arrays. Every coin is a number made of the seed, the run, the instant, the member and the purpose, so
that detectors that look at the same run meet the same crash and the same pauses, and a run does not depend on how many
there are beside it.
"""

from __future__ import annotations

from hashlib import sha256
from math import sqrt
from typing import Any, NamedTuple

import numpy as np

from ..effects import SECOND
from ..rack import is_number
from ..sim.network import LAN, Latency
from ..traffic.batch_draws import mixed

Array = Any  # a numpy array

MOST_MEMBERS = 60  # the accusers of a member are the bits of one number
VICTIM = 0  # the member that crashes
HALF = np.uint64((1 << 32) - 1)


class Conditions(NamedTuple):
    """One member of a group crashes; the others are well, or get stuck now and then.

    Who is stuck says and hears nothing: both waits until the end. Its timers run on, as in Lifeguard's experiments, and as
    they seem to after a pause, when all that have run out go off before the first message is read.
    """

    members: int = 10
    seconds: float = 60.0  # of a run; the crash comes at a random instant between a third and half of it
    loss: float = 0.0  # probability per message; it is not sent again by itself
    latency: Latency = LAN  # one way, µs
    pause: float = 0.0  # mean seconds that a member is stuck, exponential; 0: never
    pause_every: float = 60.0  # mean seconds between two pauses of a member, exponential
    slow: int = 0  # how many members get stuck; 0: all of them
    regular: bool = False  # pauses and the times between them are always equally long
    crash: bool = True


class Scene(NamedTuple):
    """What happens in so many runs: all that does not depend on who watches."""

    conditions: Conditions
    runs: int
    base: Array  # of each run, the number that its coins are made of
    crash: Array  # s, of each run; inf: none
    begins: Array  # of pauses: runs × members × pauses, s, rising
    ends: Array
    pauses: Array  # the first pause that ends after each whole second: runs × members × seconds

    def number(self, run: Array, instant: Any, member: Array) -> Array:
        """What the coins of this member at this instant are made of; instants and members are whole numbers."""
        return self.base[run] + (_whole(instant) << np.uint64(24)) + (_whole(member) << np.uint64(8))

    def coin(self, run: Array, instant: Any, member: Array, purpose: int) -> Array:
        """A chance from 0 to 1 for each."""
        return chance_of(mixed(self.number(run, instant, member) + np.uint64(purpose)))

    def coins(self, run: Array, instant: Any, member: Array, purposes: tuple[int, ...]) -> Array:
        """The same for several purposes at once, which is faster: purposes × members."""
        return chance_of(mixed(self.number(run, instant, member) + np.array(purposes, dtype=np.uint64)[:, None]))

    def let_go(self, run: Array, member: Array, time: Array) -> Array:
        """When something gets out of, or into, a member that may be stuck at that time."""
        if not self.begins.size:
            return time
        who, most, seconds = run * self.conditions.members + member, *self.pauses_shape
        second = np.minimum(time, seconds - 1).astype(np.intp)
        place = self.pauses.take(who * seconds + second) + who * most
        ends = self.ends.take(place)
        while np.count_nonzero(over := ends <= time):
            place = place + over
            ends = self.ends.take(place)
        return np.where(self.begins.take(place) <= time, ends, time)

    @property
    def pauses_shape(self) -> tuple[int, int]:
        """How many pauses of a member are known, and how many seconds."""
        return self.begins.shape[2], self.pauses.shape[2]

    def under_way(self, number: Array) -> Array:
        """How long messages take, s; inf if they are lost. Half of the bits of the number say one, half the other."""
        here, stirred = self.conditions, mixed(number)
        chance = chance_of(stirred)
        if here.latency.tail:
            drawn: Array = here.latency.floor - here.latency.spread * np.log(1 - chance)
        else:
            drawn = here.latency.floor + here.latency.spread * chance
        if here.loss:
            drawn = np.where((stirred & HALF) * 2.0**-32 < here.loss, np.inf, drawn)
        return drawn * (1 / SECOND)

    def is_slow(self, member: Array) -> Array:
        """Whether it is one of those that get stuck."""
        here = self.conditions
        return (member > VICTIM) & (member <= here.slow) if here.slow else (member >= 0) & (here.pause > 0)


def scene(runs: int, conditions: Conditions, seed: int | str = 0, first: int = 0) -> Scene:
    """Draw what happens in so many runs, from this one on."""
    here = possible(conditions)
    begin = int.from_bytes(sha256(f"{seed}/detectors".encode()).digest()[:8], "big")
    base = mixed(np.arange(first, first + runs, dtype=np.uint64) + np.uint64(begin))
    quiet: Array = np.empty((runs, here.members, 0))
    found = Scene(here, runs, base, np.full(runs, np.inf), quiet, quiet, quiet)
    if here.crash:
        chance = found.coin(np.arange(runs), 0, np.zeros(runs, dtype=np.intp), 255)
        found = found._replace(crash=here.seconds * (1 / 3 + chance / 6))
    return _paused(found) if here.pause else found


def _paused(found: Scene) -> Scene:
    """The same with pauses. A run begins somewhere between two of them."""
    here = found.conditions
    expected = here.seconds / (here.pause + here.pause_every)
    number = int(expected + 6 * sqrt(expected)) + 4
    run, member, place = np.indices((found.runs, here.members, number))
    chances = [found.coin(run, place, member, purpose) for purpose in (253, 254)]
    if here.regular:
        gaps, lasts = np.full(run.shape, float(here.pause_every)), np.full(run.shape, float(here.pause))
        gaps[:, :, 0] = (here.pause + here.pause_every) * chances[0][:, :, 0] - here.pause
    else:
        gaps, lasts = (-mean * np.log(1 - c) for mean, c in zip((here.pause_every, here.pause), chances, strict=True))
    ends = np.cumsum(gaps + lasts, axis=2)
    begins = np.where(found.is_slow(member), ends - lasts, np.nan)
    begins[:, :, -1], ends[:, :, -1] = np.nan, np.nan  # no time is before or after it: there is no further pause
    ends = np.where(found.is_slow(member), ends, np.nan)
    seconds: Array = np.arange(int(here.seconds) + 32)
    pauses = (ends[..., None] <= seconds).sum(axis=2)
    pauses[:, :, -1] = number - 1  # who hears nothing until then hears nothing
    return found._replace(begins=begins, ends=ends, pauses=pauses)


def possible(here: Conditions) -> Conditions:
    """These conditions, if they can be; else a ValueError of one sentence."""
    if not isinstance(here.members, int) or not 4 <= here.members <= MOST_MEMBERS:
        raise ValueError(f"members={here.members!r}: a whole number from 4 to {MOST_MEMBERS}")
    if not is_number(here.loss) or not 0 <= here.loss < 1:
        raise ValueError(f"loss={here.loss!r}: a probability, from 0 on and below 1")
    if not is_number(here.seconds) or not 10 <= here.seconds <= 3600:
        raise ValueError(f"seconds={here.seconds!r}: from 10 to 3600")
    if not is_number(here.pause) or here.pause < 0:
        raise ValueError(f"pause={here.pause!r}: seconds, 0 or more")
    if not is_number(here.pause_every) or not here.pause_every > 0:
        raise ValueError(f"pause_every={here.pause_every!r}: seconds, more than 0")
    if here.pause and here.seconds / (here.pause + here.pause_every) > 1000:
        raise ValueError(f"a pause of {here.pause:g} s every {here.pause_every:g} s: more than 1000 in a run")
    if not isinstance(here.slow, int) or not 0 <= here.slow < here.members:
        raise ValueError(f"slow={here.slow!r}: of {here.members} members, 0 (all) to {here.members - 1}")
    return here


def chance_of(stirred: Array) -> Array:
    """A number from 0 to 1 from the upper half of these bits."""
    return (stirred >> np.uint64(32)) * 2.0**-32


def _whole(number: Any) -> Array:
    return np.asarray(number, dtype=np.uint64)
