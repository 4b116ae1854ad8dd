"""SWIM in steps of 200 ms, as arrays: thousands of groups at once. The rules are the engine's own, looked up in tables.

What is left out: push-pulls, and rumours that ride on acks. Gossip ticks are in step. Each row is a run under one rule.
Source: SWIM (DSN 2002), Lifeguard (DSN-W 2018); `swarmlab.overlay.swim`, `probing`, `membership` are the real thing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..overlay import swim
from ..rack import is_number
from .beats import Verdicts
from .conditions import VICTIM, Array, Scene
from .swimprobes import NEVER, STEP, Probes, filled

STATES = (swim.ALIVE, swim.SUSPECT, swim.FAILED)
SUSPECT, FAILED = 1, 2
RANKS = 4  # a rumour is a number: incarnation · 4 + state; of two, the engine's rules let the larger one win
AHEAD = np.array([[swim.OVERRIDES.get((new, old), 99) for old in STATES] for new in STATES])
WHOM = tuple(64 + packet for packet in range(swim.FANOUT))  # what coins are for: whom to tell,
LOST = tuple(72 + packet for packet in range(swim.FANOUT))  # and whether that arrives


class Swim(NamedTuple):
    """Members that probe each other."""

    suspicion: bool = True  # who fails a probe may defend itself for a while; else it is dead at once
    lifeguard: bool = True  # more time for suspects that nobody else accuses, and for others while one hears badly
    helpers: int = swim.HELPERS
    tcp: bool = True  # memberlist tries that, too


class School:
    """The members of all runs, under all these rules: rows of members × members, who thinks what of whom."""

    def __init__(self, here: Scene, rules: list[Swim]):
        self.here, self.members = here, here.conditions.members
        self.runs, self.rows, n = here.runs, here.runs * len(rules), here.conditions.members
        self.rules = [possible(rule) for rule in rules]
        self.plain, self.guarded = (
            self._per_row(flags) for flags in ([not r.suspicion for r in rules], self._guards())
        )
        beliefs = self.rows * n * n
        self.rumour = filled(beliefs, RANKS, np.int16)  # what is believed
        self.accusers, self.since = filled(beliefs, 0, np.int64), filled(beliefs, 0, np.int32)
        self.ends = filled(beliefs, NEVER, np.int32)
        self.left = filled(beliefs, 0, np.int8)  # how often it is still told
        self.box = filled(beliefs, 0, np.int16)  # what has come and is not read yet
        self.boxed = filled(beliefs, 0, np.int64)  # its accusers
        self.has_mail = False
        self.probes = Probes(self, rules)
        self.limit = swim.retransmit_limit(n)
        hopes = swim.expected_confirmations(n)
        self.hopes = np.where(self.guarded, hopes, 0)
        self.grace = np.array([round(swim.suspicion_time(n, c) / swim.GOSSIP_PERIOD) for c in range(hopes + 1)])
        self.declared = filled(self.rows * n, 0, np.int16)  # of whom up to which incarnation somebody said: dead
        self.time, self.false, self.of_well = filled(self.rows, np.nan, float), filled(self.rows), filled(self.rows)
        self.slow = here.is_slow(np.arange(n))

    def _guards(self) -> list[bool]:
        return [rule.lifeguard and rule.suspicion for rule in self.rules]

    def _per_row(self, values: list) -> Array:
        return np.repeat(np.array(values), self.runs)

    # ── time ──

    def swim(self) -> list[Verdicts]:
        """From beginning to end; the verdicts under each rule."""
        crash = np.tile(np.ceil(self.here.crash / STEP), len(self.rules))
        for step in range(int(self.here.conditions.seconds / STEP)):
            dead = np.flatnonzero(crash == step)
            if dead.size:
                self._bury(dead)
            self.stuck = self._stuck(step)
            self.down = crash <= step
            self.probes.work(step)
            over = np.flatnonzero(self.ends <= step)
            if over.size:
                self._fail(over, step)
            self._gossip(step)
            if self.has_mail:
                self._read(step)
        cut = np.array_split(np.arange(self.rows), len(self.rules))
        return [Verdicts(self.time[rows], self.false[rows], self.of_well[rows]) for rows in cut]

    def _bury(self, rows: Array) -> None:
        """The victim crashes. If somebody held it for dead already, that is noticed at once."""
        n = self.members
        own = ((rows * n + VICTIM) * n)[:, None] + np.arange(n)
        self.ends[own], self.left[own] = NEVER, 0
        self.probes.stop(rows * n + VICTIM)
        of_it = (rows[:, None] * n + np.arange(n)) * n + VICTIM
        known = (self.rumour[of_it] % RANKS == FAILED).any(axis=1)
        self.time[rows[known]] = 0

    def _stuck(self, step: int) -> Array:
        """Who can neither say nor hear anything: rows × members."""
        here, now = self.here, step * STEP
        return np.tile(((here.begins <= now) & (now < here.ends)).any(axis=2), (len(self.rules), 1))

    # ── what one finds out by itself ──

    def accuse(self, place: Array, step: int) -> None:
        """A probe has failed: `place` is who, and of whom."""
        row, who, _ = self._where(place)
        at_once = self.plain[row] & (self.rumour[place] % RANKS < FAILED)
        if at_once.any():
            self._fail(place[at_once], step)
        place, who = place[~self.plain[row]], who[~self.plain[row]]
        self._hear(place, self.rumour[place] // RANKS * RANKS + SUSPECT, np.int64(1) << who, step)

    def _fail(self, place: Array, step: int) -> None:
        """Somebody holds somebody else for dead."""
        self.rumour[place] += FAILED - self.rumour[place] % RANKS
        self.ends[place], self.left[place], self.accusers[place] = NEVER, self.limit, 0
        row, _, whom = self._where(place)
        crashed = (whom == VICTIM) & self.down[row]
        late = step * STEP - self.here.crash[row % self.runs]
        self.time[row[crashed]] = np.fmin(self.time[row[crashed]], late[crashed])
        subject, first = np.unique((row * self.members + whom)[~crashed], return_index=True)
        incarnation = self.rumour[place[~crashed][first]] // RANKS
        new = subject[incarnation > self.declared[subject]]
        self.declared[subject] = np.maximum(self.declared[subject], incarnation)
        np.add.at(self.false, new // self.members, 1)
        np.add.at(self.of_well, new // self.members, ~self.slow[new % self.members])

    # ── rumours ──

    def _gossip(self, step: int) -> None:
        """Everybody who has news tells a few others."""
        place = np.flatnonzero(self.left)
        if not place.size:
            return
        row, who, whom = self._where(place)
        free = ~self.stuck[row, who]
        place, row, who, whom = place[free], row[free], who[free], whom[free]
        n, run, loss = self.members, row % self.runs, self.here.conditions.loss
        coins = self.here.coins(run, step, who, WHOM + LOST if loss else WHOM)
        taken: list[Array] = []
        for packet in range(swim.FANOUT):
            other = (coins[packet] * (n - 1 - packet)).astype(np.intp) + 1
            for step_to in taken:
                other += other >= step_to
            for number, step_to in enumerate(taken):
                taken[number], other = np.minimum(other, step_to), np.maximum(other, step_to)
            taken.append(other)
        for packet, other in enumerate(taken):
            sent = self.left[place] > packet
            if loss:
                sent &= coins[swim.FANOUT + packet] >= loss
            to = (row * n + (who + other) % n) * n + whom
            self.post(to[sent], self.rumour[place[sent]], self.accusers[place[sent]])
        self.left[place] = np.maximum(self.left[place] - swim.FANOUT, 0)

    def post(self, to: Array, rumour: Array, accusers: Array) -> None:
        """Put rumours into boxes; in each the best stays, with all that accuse."""
        before = self.box[to]
        np.maximum.at(self.box, to, rumour)
        self.boxed[to[self.box[to] > before]] = 0
        same = rumour == self.box[to]
        np.bitwise_or.at(self.boxed, to[same], accusers[same])
        self.has_mail = True

    def _read(self, step: int) -> None:
        """Those that are not stuck read what has come."""
        place = np.flatnonzero(self.box)
        row, who, whom = self._where(place)
        stuck = self.stuck[row, who]
        self.has_mail = bool(stuck.any())
        lost = (who == VICTIM) & self.down[row]
        place, own = place[~stuck & ~lost], (who == whom)[~stuck & ~lost]
        self._refute(place[own])
        others = place[~own]
        self._hear(others, self.box[others], self.boxed[others], step)
        self.box[place], self.boxed[place] = 0, 0

    def _refute(self, place: Array) -> None:
        """Somebody hears that it is accused: it is louder, and knows that it hears badly [SWIM §4.2, Lifeguard]."""
        accused = (self.box[place] % RANKS > 0) & (self.box[place] // RANKS >= self.rumour[place] // RANKS)
        place = place[accused]
        if not place.size:
            return
        self.rumour[place], self.left[place] = (self.box[place] // RANKS + 1) * RANKS, self.limit
        row, who, _ = self._where(place)
        self.probes.feel(row * self.members + who, np.ones(len(place), dtype=np.intp))

    def _hear(self, place: Array, rumour: Array, accusers: Array, step: int) -> None:
        """Believe what is newer; an accusation that is known already may have new accusers."""
        old = self.rumour[place]
        ahead = rumour // RANKS - old // RANKS
        wins = ahead >= AHEAD[rumour % RANKS, old % RANKS]
        if wins.any():
            self._believe(place[wins], rumour[wins], accusers[wins], step)
        same = ~wins & (rumour == old) & (rumour % RANKS == SUSPECT)
        if not same.any():
            return
        place, accusers = place[same], accusers[same]
        more = (self.accusers[place] | accusers) != self.accusers[place]
        more &= _count(self.accusers[place]) <= self.hopes[self._where(place)[0]]
        place = place[more]
        self.accusers[place] |= accusers[more]
        self.left[place] = self.limit
        self._set_end(place)

    def _believe(self, place: Array, rumour: Array, accusers: Array, step: int) -> None:
        self.rumour[place], self.left[place], self.ends[place] = rumour, self.limit, NEVER
        suspect = rumour % RANKS == SUSPECT
        if not suspect.any():
            return
        place, accusers = place[suspect], accusers[suspect]
        self.accusers[place], self.since[place] = accusers, step
        self._set_end(place)

    def _set_end(self, place: Array) -> None:
        """Until when a suspect may defend itself."""
        guarded = self.guarded[self._where(place)[0]]
        confirmed = np.minimum(_count(self.accusers[place]) - 1, len(self.grace) - 1)
        self.ends[place] = self.since[place] + np.where(guarded, self.grace[confirmed], self.grace[-1])

    def _where(self, place: Array) -> tuple[Array, Array, Array]:
        """(row, who, of whom)"""
        who, whom = np.divmod(place, self.members)
        row, who = np.divmod(who, self.members)
        return row, who, whom


def possible(rule: Swim) -> Swim:
    """This rule, if it can be; else a ValueError of one sentence."""
    if not is_number(rule.helpers) or rule.helpers != int(rule.helpers) or not 0 <= rule.helpers <= 8:
        raise ValueError(f"helpers={rule.helpers!r}: a whole number from 0 to 8")
    return rule


def _count(bits: Array) -> Array:
    """How many bits are set in each."""
    bits = bits - (bits >> 1 & 0x5555555555555555)
    bits = (bits & 0x3333333333333333) + (bits >> 2 & 0x3333333333333333)
    bits = bits + (bits >> 4) & 0x0F0F0F0F0F0F0F0F
    return bits * 0x0101010101010101 >> 56
