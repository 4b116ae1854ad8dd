"""When is a container unwell? A verdict on the results of its probes, judged by speed and by false alarms.

`verdict(results)` hears of the last results of one container, oldest first, and says whether it is healthy: True or
"healthy", False or "unhealthy". Swarm replaces a container that is unhealthy, so after a false alarm there is a new one,
of which nothing is known. Docker's own verdict is the engine's, `worker.health.judged` [networking.md §3.4].
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from math import fsum, inf, log, log10
from random import Random
from typing import Any, NamedTuple

from ..effects import SECOND
from ..messages import Probed
from ..rack import is_number
from ..worker import health
from .elections import quantile

KEPT = 50  # results that a verdict hears of
PATIENCE = 60  # probes after which nobody waits for the verdict any longer
SICK = ("fails", "hangs", "slows", "limps")
LIMPS = 0.8  # the share of probes that fail then
DAY = 24.0  # hours
SEEDS = range(20)


class Result(NamedTuple):
    """One probe."""

    time: float  # s after the container's start, when it ended
    ok: bool
    took: float  # s; as long as the time-out: no answer came


class Probes(NamedTuple):
    """How a container is probed, and how often a probe fails although the container is well."""

    interval: float = 10.0  # s from the end of a probe to the next one
    timeout: float = 3.0  # s
    loss: float = 0.05  # the share of probes that get no answer
    burst: float = 1.0  # how many in a row get none, on average
    answer: float = 0.05  # s, mean
    hours: float = 6.0  # of a healthy life before it falls ill


class Life(NamedTuple):
    """One container: well for some hours, then ill."""

    seed: int | str
    kind: str  # how it is ill, one of `SICK`
    results: tuple[Result, ...]
    ill_at: float  # s
    first: int  # which result is the first of the illness


class Notice(NamedTuple):
    """What a verdict made of one life."""

    name: str
    seed: int | str
    kind: str
    time: float | None  # s from the illness to the verdict; None: not within sixty probes
    false: int  # how often a healthy container was replaced


class Score(NamedTuple):
    """A verdict in numbers; s, infinite where an illness was not noticed."""

    name: str
    runs: int
    mean: float
    median: float
    p95: float
    missed: int
    per_day: float  # false alarms


class Wrong(NamedTuple):
    """The shortest history on which a verdict is wrong."""

    what: str  # what is wrong about it
    seed: int | str
    results: tuple[Result, ...]


class Judgement(NamedTuple):
    """Yours first, then others to compare with."""

    scores: list[Score]
    notices: list[Notice]
    wrong: Wrong | None  # None: no false alarm, and every illness noticed


Verdict = Callable[[tuple[Result, ...]], Any]

# ── verdicts to compare with ─────────────────────────────────────────────────────────────────────────────────────


def docker(retries: int = 3) -> Verdict:
    """So many failures in a row, by the engine's own rule."""
    check = health.DEFAULTS._replace(retries=retries)

    def verdict(results: tuple[Result, ...]) -> bool:
        known = health.begun()
        for one in results[-retries:]:  # what was before changes nothing: one success, and all counting begins anew
            end = int(one.time * SECOND)
            known = health.judged(check, known, 0, Probed(end - int(one.took * SECOND), end, int(not one.ok), ""))
        return known.status != health.UNHEALTHY

    return verdict


def k_of_n(k: int, n: int) -> Verdict:
    """So many failures among so many."""
    return lambda results: sum(not one.ok for one in results[-n:]) < k


def surprise(threshold: float = 4.0) -> Verdict:
    """A row of failures that would come once in 10^threshold times, if they come as often as before: like φ."""

    def verdict(results: tuple[Result, ...]) -> bool:
        row = 0
        while row < len(results) and not results[-1 - row].ok:
            row += 1
        before = results[: len(results) - row]
        usual = (1 + sum(not one.ok for one in before)) / (10 + len(before))
        return -row * log10(usual) < threshold

    return verdict


OTHERS: dict[str, Verdict] = {
    "1 failure": docker(1),
    "Docker: 3 in a row": docker(3),
    "5 in a row": docker(5),
    "3 of 5": k_of_n(3, 5),
    "surprise 4": surprise(4),
}

# ── lives ────────────────────────────────────────────────────────────────────────────────────────────────────────


@lru_cache(maxsize=256)
def life(seed: int | str, probes: Probes, kind: str) -> Life:
    """One container from its start to sixty probes after it fell ill, at any point between two probes."""
    dice, results, now, lost = Random(f"{seed}/probes"), [], 0.0, False
    end = probes.hours * 3600 + dice.random() * (probes.interval + probes.timeout)
    while now + probes.interval < end:
        lost = _is_lost(dice, probes, lost)
        found = _answer(dice, probes, lost)
        now += probes.interval + found.took
        results.append(found._replace(time=now))
    first = len(results)
    for number in range(PATIENCE):
        lost = _is_lost(dice, probes, lost)
        found = _ill(dice, probes, kind, number, lost)
        now += probes.interval + found.took
        results.append(found._replace(time=now))
    return Life(seed, kind, tuple(results), end, first)


def _is_lost(dice: Random, probes: Probes, before: bool) -> bool:
    """Bad times begin by chance and last so many probes on average."""
    if not probes.loss:
        return False
    if before:
        return dice.random() >= (1 - probes.loss) if probes.burst == 1 else dice.random() < 1 - 1 / probes.burst
    begins = probes.loss if probes.burst == 1 else probes.loss / (1 - probes.loss) / probes.burst
    return dice.random() < begins


def _answer(dice: Random, probes: Probes, lost: bool) -> Result:
    took = -probes.answer * log(1 - dice.random())
    ok = not lost and took < probes.timeout
    return Result(0.0, ok, took if ok else probes.timeout)


def _ill(dice: Random, probes: Probes, kind: str, number: int, lost: bool) -> Result:
    """A probe of a container that has been ill for so many probes."""
    found, none = _answer(dice, probes, lost), Result(0.0, False, probes.timeout)
    if kind == "fails":
        return found._replace(ok=False)
    if kind == "slows":  # twice as slow from probe to probe
        took = found.took * 2 ** (number + 1)
        return found._replace(took=took) if found.ok and took < probes.timeout else none
    return none if kind == "hangs" or dice.random() < LIMPS else found


# ── judging ──────────────────────────────────────────────────────────────────────────────────────────────────────


def judge_verdict(
    verdict: Verdict | None = None,
    seeds: Iterable[int | str] = SEEDS,
    probes: Probes | None = None,
    others: Sequence[str] = ("1 failure", "Docker: 3 in a row", "3 of 5", "surprise 4"),
) -> Judgement:
    """Let a verdict, and others to compare with, look at the same lives. The kinds of illness take turns.

    >>> judge_verdict(lambda results: True, seeds=[1], others=()).scores[0].missed
    1
    """
    chosen, found = possible(probes or Probes()), tuple(seeds)
    if not found:
        raise ValueError("seeds=(): at least one life to look at")
    lives = [life(seed, chosen, SICK[number % len(SICK)]) for number, seed in enumerate(found)]
    notices = [_watched("yours", verdict, one) for one in lives] if verdict else []
    wrong = _smallest(verdict, lives) if verdict else None
    for name in others:
        notices += _known(name, found, chosen)
    names = dict.fromkeys(notice.name for notice in notices)
    return Judgement([_score(name, notices, chosen) for name in names], notices, wrong)


@lru_cache(maxsize=64)
def _known(name: str, seeds: tuple, probes: Probes) -> tuple[Notice, ...]:
    """What one of the others makes of these lives: it never changes."""
    if name not in OTHERS:
        raise ValueError(f"{name!r} is none of {', '.join(OTHERS)}")
    lives = [life(seed, probes, SICK[number % len(SICK)]) for number, seed in enumerate(seeds)]
    return tuple(_watched(name, OTHERS[name], one) for one in lives)


def _watched(name: str, verdict: Verdict, one: Life) -> Notice:
    alarms = _alarms(verdict, one)
    noticed = next((place for place in alarms if place >= one.first), None)
    time = None if noticed is None else one.results[noticed].time - one.ill_at
    return Notice(name, one.seed, one.kind, time, sum(place < one.first for place in alarms))


def _alarms(verdict: Verdict, one: Life) -> list[int]:
    """After which results it says unhealthy, up to the first time when that is true."""
    alarms, begin = [], 0
    for place in range(len(one.results)):
        if not says(verdict, one.results[max(begin, place + 1 - KEPT) : place + 1]):
            alarms.append(place)
            begin = place + 1  # a new container
            if place >= one.first:
                break
    return alarms


def says(verdict: Verdict, results: tuple[Result, ...]) -> bool:
    """Whether it holds the container for healthy."""
    answer = verdict(results)
    if answer is True or answer == "healthy":
        return True
    if answer is False or answer == "unhealthy":
        return False
    raise ValueError(f"verdict(…) returned {answer!r}: True or 'healthy', False or 'unhealthy'")


def _score(name: str, notices: list[Notice], probes: Probes) -> Score:
    mine = [notice for notice in notices if notice.name == name]
    times = sorted(inf if notice.time is None else notice.time for notice in mine)
    days = len(mine) * probes.hours / DAY
    marks = fsum(times) / len(times), quantile(times, 0.5), quantile(times, 0.95)
    return Score(name, len(mine), *marks, times.count(inf), sum(notice.false for notice in mine) / days)


# ── the smallest history on which it is wrong ────────────────────────────────────────────────────────────────────


def _smallest(verdict: Verdict, lives: list[Life]) -> Wrong | None:
    """An illness that it misses, else the shortest of its false alarms, with all left out that does not matter."""
    shortest: Wrong | None = None
    for one in lives:
        alarms = _alarms(verdict, one)
        if not alarms or alarms[-1] < one.first:
            return Wrong(f"the container {one.kind}, and nobody notices", one.seed, one.results[one.first :])
        begin = 0
        for place in alarms[:-1]:
            results = _shrunk(verdict, one.results[max(begin, place + 1 - KEPT) : place + 1])
            begin = place + 1
            if shortest is None or len(results) < len(shortest.results):
                shortest = Wrong("the container is well, and is replaced", one.seed, results)
    return shortest


def _shrunk(verdict: Verdict, results: tuple[Result, ...]) -> tuple[Result, ...]:
    """The same without each result that can be left out, and it still says unhealthy."""
    for one in results:
        fewer = tuple(other for other in results if other is not one)
        if fewer and not says(verdict, fewer):
            results = fewer
    return results


def possible(probes: Probes) -> Probes:
    """These probes, if they can be; else a ValueError of one sentence."""
    for name in ("interval", "timeout", "answer", "hours"):
        if not is_number(getattr(probes, name)) or not getattr(probes, name) > 0:
            raise ValueError(f"{name}={getattr(probes, name)!r}: a number above 0")
    if not is_number(probes.loss) or not 0 <= probes.loss <= 0.5:
        raise ValueError(f"loss={probes.loss!r}: a share from 0 to 0.5")
    if not is_number(probes.burst) or probes.burst < 1:
        raise ValueError(f"burst={probes.burst!r}: 1 or more")
    if probes.hours * 3600 / probes.interval > 100_000:
        raise ValueError(f"{probes.hours:g} hours with a probe every {probes.interval:g} s: too many to judge")
    return probes
