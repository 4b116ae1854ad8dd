"""The probes of `swimming`: whom each member asks in each period, and whether it hears an answer in time.

The outcome of a probe is known when it begins, since it is known who crashes when and who is stuck how long.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..effects import SECOND
from ..overlay import swim
from .conditions import VICTIM, Array

STEP = swim.GOSSIP_PERIOD / SECOND  # s
PERIOD = swim.PROBE_PERIOD // swim.GOSSIP_PERIOD  # steps
TIMEOUT, HELP = swim.PROBE_TIMEOUT / SECOND, swim.PROBE_TIMEOUT / SECOND  # s: of the prober, and of a helper
NEVER = np.int32(1 << 30)
CHANGE = np.array([[swim.change_of_failed_probe(h, min(n, h)) for n in range(9)] for h in range(9)])
HEALTH = np.array([[swim.health_after(s, c) for c in range(-1, 9)] for s in range(swim.HEALTH_CEILING)], dtype=np.int8)
PHASE, ORDER, WHO = 1, 2, 16  # what coins are for
DIRECT, STREAM, HELPED = (8, 9), (12, 13), 24  # there and back; of each helper four: there, on, back, home


def filled(number: int, value: Any = 0, kind: Any = np.intp) -> Array:
    """So many times this value."""
    return np.full(number, value, dtype=kind)


class Asked(NamedTuple):
    """Probes that begin."""

    row: Array
    run: Array
    who: Array
    whom: Array
    coins: Array  # the number that its coins are made of
    stretch: Array  # by how much Lifeguard makes its times longer


class Probes:
    """The probers of all rows."""

    def __init__(self, school: Any, rules: list):
        self.school, self.here, n = school, school.here, school.members
        self.helpers: Array = np.repeat([rule.helpers for rule in rules], school.runs)
        self.tcp: Array = np.repeat([rule.tcp for rule in rules], school.runs)
        self.most = min(n - 2, max(rule.helpers for rule in rules))
        who = np.tile(np.arange(n), school.rows)
        run: Array = np.repeat(np.arange(school.rows) % school.runs, n)
        self.next = (self.here.coin(run, 0, who, PHASE) * PERIOD).astype(np.int32)  # when each begins a probe
        self.verdict = filled(len(who), NEVER, np.int32)  # when one fails
        self.target = filled(len(who))
        self.change = filled(len(who))  # of one's health, when it fails
        self.health = filled(len(who), 0, np.int8)
        self.order = np.zeros((len(who), n - 1), dtype=np.intp)  # of this round
        self.turn = filled(len(who), n - 1)  # the place in it
        self.rounds = filled(len(who))

    def work(self, step: int) -> None:
        """Probes end, and probes begin."""
        over = np.flatnonzero(self.verdict == step)
        if over.size:
            self.verdict[over] = NEVER
            self.feel(over, self.change[over])
            self.school.accuse(over * self.school.members + self.target[over], step)
        begins = np.flatnonzero(self.next == step)
        if begins.size:
            self._begin(begins, step)

    def stop(self, prober: Array) -> None:
        """It has crashed."""
        self.next[prober] = self.verdict[prober] = NEVER

    def feel(self, prober: Array, change: Array) -> None:
        """A good or bad sign about the prober itself."""
        guarded = self.school.guarded[prober // self.school.members]
        self.health[prober] = np.where(guarded, HEALTH[self.health[prober], change + 1], 0)

    def _begin(self, prober: Array, step: int) -> None:
        n, school = self.school.members, self.school
        self.target[prober] = whom = self._targets(prober)
        row, who = np.divmod(prober, n)
        stretch: Array = 1 + self.health[prober].astype(np.int32)
        run = row % school.runs
        asked = Asked(row, run, who, whom, self.here.number(run, step, who), stretch)
        now = np.full(len(prober), step * STEP)
        ways = self._ways(asked, DIRECT)
        answered = self._round_trip(asked, self._passes(asked, who, now), ways)
        place = (row * n + who) * n + whom
        self._tell_suspects(asked, place, ways[0])
        self.next[prober] = step + PERIOD
        slow = answered > now + TIMEOUT * stretch
        self.feel(prober[~slow], np.full(len(prober) - np.count_nonzero(slow), -1))
        if slow.any():
            late = Asked(*(column[slow] for column in asked))
            self._ask_others(prober[slow], late, answered[slow], step)

    def _ask_others(self, prober: Array, asked: Asked, answered: Array, step: int) -> None:
        """No answer in time: helpers and TCP. Then it is known when, if ever, one comes."""
        now = step * STEP + TIMEOUT * asked.stretch
        end = step * STEP + PERIOD * STEP * asked.stretch
        leaves = self._passes(asked, asked.who, now)
        ways = self._ways(asked, (*STREAM, *range(HELPED, HELPED + 4 * self.most)))
        by_tcp = self._round_trip(asked, leaves, ways[:2])
        answered = np.where(self.tcp[asked.row], np.minimum(answered, by_tcp), answered)
        helper = self._helpers(asked, step)
        heard, nacked = self._by_helper(asked, helper, leaves, ways[2:].reshape(self.most, 4, len(leaves)))
        n, number = self.school.members, np.arange(len(helper))[:, None]
        known = self.school.rumour[(asked.row * n + asked.who) * n + helper] % 4 == 0
        helps = known & (number < self.helpers[asked.row])
        answered = np.minimum(answered, np.where(helps, heard, np.inf).min(axis=0, initial=np.inf))
        helpers, nacks = helps.sum(axis=0), (helps & (nacked <= end)).sum(axis=0)
        fails = answered > end
        steps = np.ceil(np.where(fails, 0, answered) / STEP).astype(np.int32)
        self.next[prober] = np.where(fails, step + PERIOD * asked.stretch, np.maximum(self.next[prober], steps))
        self.feel(prober[~fails], np.full(np.count_nonzero(~fails), -1))
        self.change[prober] = CHANGE[helpers, nacks]
        self.verdict[prober[fails]] = (step + PERIOD * asked.stretch)[fails]

    # ── whom ──

    def _targets(self, prober: Array) -> Array:
        """The next in each one's shuffled round that it does not hold for dead [SWIM §4.3]."""
        school, n, left = self.school, self.school.members, np.arange(len(prober))
        found = filled(len(prober))
        for _ in range(n):
            who = prober[left]
            over = who[self.turn[who] == n - 1]
            if over.size:
                self._shuffle(over)
            found[left] = target = self.order[who, self.turn[who]]
            self.turn[who] += 1
            left = left[school.rumour[who * n + target] % 4 == 2]
            if not left.size:
                break
        return found

    def _shuffle(self, prober: Array) -> None:
        n = self.school.members
        row, who = np.divmod(prober, n)
        run, round = ((row % self.school.runs)[:, None], self.rounds[prober][:, None])
        lots = self.here.coin(run, round * n + np.arange(n)[None, :], who[:, None], ORDER)
        lots[np.arange(len(prober)), who] = 2  # not itself: it comes last, and is cut off
        self.order[prober] = np.argsort(lots, axis=1, kind="stable")[:, : n - 1]
        self.turn[prober], self.rounds[prober] = 0, self.rounds[prober] + 1

    def _helpers(self, asked: Asked, step: int) -> Array:
        """Some others, neither the prober nor the one that is probed: helpers × probes."""
        n, chosen = self.school.members, [asked.who, asked.whom]
        coins = self.here.coins(asked.run, step, asked.who, tuple(range(WHO, WHO + self.most)))
        for coin in coins:
            left = n - len(chosen)
            lot = (coin * left).astype(np.intp)
            for taken in np.sort(np.array(chosen), axis=0):
                lot += lot >= taken
            chosen.append(lot)
        return np.array(chosen[2:], dtype=np.intp).reshape(self.most, len(asked.who))

    # ── on the way ──

    def _tell_suspects(self, asked: Asked, place: Array, ways: Array) -> None:
        """Who is pinged and does not count as alive is told so [Lifeguard's buddy system; SWIM's rumours on pings]."""
        school, n = self.school, self.school.members
        doubted = np.flatnonzero(school.rumour[place] % 4)
        if not doubted.size:
            return
        row, _, who, whom, _, _ = (column[doubted] for column in asked)
        free = np.isfinite(ways[doubted]) & ~school.stuck[row, who]
        place, to = place[doubted][free], ((row * n + whom) * n + whom)[free]
        school.post(to, school.rumour[place], school.accusers[place])

    def _passes(self, asked: Asked, member: Array, time: Array) -> Array:
        """When a message that is ready at this time gets out of, or into, this member; inf: it has crashed by then."""
        passes = self.here.let_go(asked.run, member, time)
        return np.where((member == VICTIM) & (passes >= self.here.crash[asked.run]), np.inf, passes)

    def _ways(self, asked: Asked, purposes: tuple[int, ...]) -> Array:
        """How long messages for these purposes take, all at once: purposes × probes."""
        return self.here.under_way(asked.coins + np.array(purposes, dtype=np.uint64)[:, None])

    def _round_trip(self, asked: Asked, leaves: Array, ways: Array) -> Array:
        """When the prober hears the answer of the target; inf: never."""
        return self._passes(asked, asked.who, self._passes(asked, asked.whom, leaves + ways[0]) + ways[1])

    def _by_helper(self, asked: Asked, helper: Array, leaves: Array, ways: Array) -> tuple[Array, Array]:
        """When the prober hears by a helper that the target lives, and that it gives no answer; inf: never."""
        begun = self._passes(asked, helper, leaves + ways[:, 0])
        found = self._passes(asked, helper, self._passes(asked, asked.whom, begun + ways[:, 1]) + ways[:, 2])
        answers = found <= begun + HELP
        says = self._passes(asked, helper, np.where(answers, found, begun + HELP))
        heard = self._passes(asked, asked.who, says + ways[:, 3])
        return np.where(answers, heard, np.inf), np.where(answers, np.inf, heard)
