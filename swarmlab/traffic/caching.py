"""Clients that keep answers of the DNS: whom they ask, who is idle, and who is asked though dead.

A client asks the name, gets the addresses of all replicas in random order, and goes to the one that it picks of them, by
default the first, for as long as it keeps the answer. A replica that dies stays in the answers until it is noticed, and
in the clients' memories for up to their TTL. Plain Python: a picture of 100 clients over ten minutes takes milliseconds.
Source: networking.md §4.6; closed forms in `theory`.
"""

from collections.abc import Callable, Iterable, Mapping
from math import ceil, isfinite
from typing import NamedTuple

from ..effects import SECOND
from ..overlay.caching import Answers
from ..overlay.dns import shuffled
from .queueing import dice_for

NAME, NEVER = "web", float("inf")
Pick = Callable[[tuple[str, ...], dict], str]


class Outcome(NamedTuple):
    """What came of all requests."""

    counts: dict[str, int]  # replica → requests that went there, answered or not
    failed: dict[str, int]  # replica → those of them that met a dead one
    failures: tuple[int, ...]  # by second
    asked: int  # questions to the DNS


def first(answers: tuple[str, ...], memory: dict) -> str:
    """The first address, as most programs do."""
    return answers[0]


def rotate(answers: tuple[str, ...], memory: dict) -> str:
    """One after the other of the addresses that were in the answer."""
    memory["turn"] = memory.get("turn", -1) + 1
    return answers[memory["turn"] % len(answers)]


def next_alive(answers: tuple[str, ...], memory: dict) -> str:
    """The first address that has not failed since it was last heard of; with none left, the first."""
    return next((one for one in answers if one not in memory["failed"]), answers[0])


def simulate(
    replicas: int = 3,
    clients: int = 5,
    ttl: float = 600,
    *,
    seconds: float = 600,
    rate: float = 1,
    dies: Mapping[int, float] | None = None,
    noticed: float = 5,
    pick: Pick = first,
    seed: int | str = 0,
) -> Outcome:
    """Clients that each send `rate` requests per second to a service of endpoint mode dnsrr, for so many seconds.

    `ttl` is for how long they keep an answer, in seconds; 0 for not at all. `dies` says when a replica dies, as
    {1: 120}, and `noticed` how many seconds later it is out of the answers. `pick(answers, memory)` chooses the address
    of one request: `answers` is what the client got or remembers, `memory` a dictionary of its own, in which stand
    `now` (seconds) and `failed` (address → when it last failed), so that it can be heeded; what else it holds is its own.
    """
    _check(replicas, clients, ttl, seconds, rate, noticed, dies or {})
    run = _Run(replicas, dies or {}, noticed, seconds, seed)
    for _ in range(clients):
        begin = run.dice.random() / rate  # they do not all ask at once
        times = (begin + turn / rate for turn in range(ceil((seconds - begin) * rate)))
        run.serve(times, round(ttl * SECOND), pick)
    return Outcome(run.counts, run.failed, tuple(run.failures), run.asked)


class _Run:
    """The replicas, and what is counted."""

    def __init__(self, replicas: int, dies: Mapping[int, float], noticed: float, seconds: float, seed: int | str):
        self.names = tuple(f"10.0.1.{number + 3}" for number in range(replicas))
        self.dies = {self.names[number]: when for number, when in dies.items()}
        self.noticed, self.dice = noticed, dice_for(seed, "caching")
        self.counts, self.failed = dict.fromkeys(self.names, 0), dict.fromkeys(self.names, 0)
        self.failures, self.asked = [0] * ceil(seconds), 0

    def serve(self, times: Iterable[float], ttl: int, pick: Pick) -> None:
        """All requests of one client."""
        answers = Answers(ttl)
        answers.keep(NAME, shuffled(self.names, self.dice), -round(self.dice.random() * ttl))  # it began long ago
        failed: dict[str, float] = {}
        memory: dict = {"now": 0.0, "failed": failed}
        for now in times:
            found = answers.recall(NAME, round(now * SECOND)) or self._ask(answers, now)
            memory["now"] = now
            if not found or self._fails(_picked(pick, found, memory), now, failed):
                self.failures[int(now)] += 1

    def _ask(self, answers: Answers, now: float) -> tuple[str, ...]:
        self.asked += 1
        known = tuple(name for name in self.names if now < self.dies.get(name, NEVER) + self.noticed)
        found = shuffled(known, self.dice)
        answers.keep(NAME, found, round(now * SECOND))
        return found

    def _fails(self, chosen: str, now: float, failed: dict[str, float]) -> bool:
        self.counts[chosen] += 1
        dead = now >= self.dies.get(chosen, NEVER)
        if dead:
            self.failed[chosen] += 1
            failed[chosen] = now
        else:
            failed.pop(chosen, None)
        return dead


def assigned(replicas: int, clients: int, seed: int | str = 0) -> list[int]:
    """How many clients each replica gets when each of them keeps one answer for good.

    >>> sum(assigned(3, 5))
    5
    """
    _check(replicas, clients, 0, 1, 1, 0, {})
    dice, counts = dice_for(seed, "caching"), [0] * replicas
    for _ in range(clients):
        counts[int(dice.random() * replicas)] += 1
    return counts


def _picked(pick: Pick, answers: tuple[str, ...], memory: dict) -> str:
    chosen = pick(answers, memory)
    if chosen not in answers:
        raise ValueError(f"{chosen!r} is not one of the addresses in the answer: {', '.join(answers)}")
    return chosen


def _check(replicas, clients, ttl, seconds, rate, noticed, dies):
    for name, number, least in (("replicas", replicas, 1), ("clients", clients, 1)):
        if not isinstance(number, int) or number < least:
            raise ValueError(f"{name}={number!r}: a whole number, {least} or more")
    for name, value in (("ttl", ttl), ("noticed", noticed)):
        if not (_is_time(value) and value >= 0):
            raise ValueError(f"{name}={value!r}: seconds, 0 or more")
    for name, value in (("seconds", seconds), ("rate", rate)):
        if not (_is_time(value) and value > 0):
            raise ValueError(f"{name}={value!r}: a number greater than 0")
    if not isinstance(dies, Mapping) or not all(map(_is_time, dies.values())):
        raise ValueError(f"dies={dies!r}: when which replica dies, in seconds, as {{1: 120}}")
    strangers = [number for number in dies if not (isinstance(number, int) and 0 <= number < replicas)]
    if strangers:
        raise ValueError(f"dies={dict(dies)!r}: there is no replica {strangers[0]}, they are 0 to {replicas - 1}")


def _is_time(value):
    return isinstance(value, int | float) and isfinite(value)
