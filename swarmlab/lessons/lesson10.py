"""Lesson 10: its predictions, and the judges of its exercises. The swarms are in `scenes10`."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import sqrt
from random import Random
from statistics import mean, stdev
from typing import Any, NamedTuple

from ..check.verdicts import Judgement, Probes, Wrong, judge_verdict
from ..cluster import Cluster
from ..events import ContainerStarted, HealthChanged, NodeStored
from ..manager.dispatcher import ORPHANED_AFTER
from ..objects import RUNNING, HealthConfig
from ..worker.health import UNHEALTHY, timeline
from . import CORRECT, Prediction, Verdict
from .scenes09 import swarm
from .scenes10 import SECOND, serving, visited

PREDICTIONS = {
    "1": Prediction(
        "Never. The process runs, its machine is well, and nobody asks for more.",
        {
            "a": "Nobody looks at what visitors are answered. Look at the list: Running, 3/3.",
            "b": "They come from the machine, and that is well. Look at the list of tasks: Running.",
            "c": "Yes.",
        },
    ),
    "2": Prediction(
        "4 min 19 s: three checks must fail, each is given up after 10 s, and 90 s pass between two of them.",
        {
            "a": "After 10 s *one* check is given up. Look at the hatched spans: three of them are needed.",
            "b": "Look at the gaps between the hatched spans: the next check comes only after the interval.",
            "c": "By then the first check has failed. Look at the numbers above the hatched spans: it takes three.",
            "d": "Yes.",
        },
    ),
    "3": Prediction(
        "Five: the cut worker goes on running its task, and a second web.2 was made elsewhere.",
        {
            "a": "No manager can stop what it cannot reach. Look at the list of what truly runs: web.2 is there, on worker-2.",
            "b": "So it should be. But look at the list of what truly runs: web.2 is there twice.",
            "c": "Yes.",
        },
    ),
    "4": Prediction(
        "It says 0/1, for ever, and no more: no message, no retry.",
        {
            "a": "The service is a wish, and stays. Look at the list: what is missing is a task.",
            "b": "Yes.",
            "c": "No column has a word about it. Look at REPLICAS, and at the lane, which stays empty.",
            "d": "A pause is not what the number limits. Look at the lane: nothing follows.",
        },
    ),
    "5": Prediction(
        "It does not end. Three get more visitors than they can answer, so checks wait in line, are given up, and the next one is stopped.",
        {
            "a": "So it would be with more room. Look at the lanes: before it is back, the others are overrun.",
            "b": "Look at the row of visits: some fail, but not for a while only.",
            "c": "Yes.",
        },
    ),
}


# ── compare ──────────────────────────────────────────────────────────────────────────────────────────────────────────

DEFAULTS = HealthConfig(("CMD", "true"))
NEVER = 10**12  # µs that a hanging check would take


def compare() -> None:
    """Print our figures beside the real engine's."""
    average, error = crashed_workers()
    chance = mean(_found(begin * SECOND + SECOND // 2, 0) for begin in range(1000, 1030))
    rows = (
        ("usual values, fails at once", f"unhealthy after {_found(0, 0):.0f} s", "3 × 30 = 90 s"),
        ("hangs at once", f"after {_found(0, NEVER):.0f} s", "3 × (30 + 30) = 180 s"),
        ("fails from any moment on", f"after {chance:.0f} s on average", "60 to 90, mean 75 s"),
        ("40 workers crash: down", f"after {average:.1f} ± {error:.1f} s on average", "9.0 to 16.5, mean 12.54 s"),
        ("their old tasks: orphaned", f"after {ORPHANED_AFTER / 3600 / SECOND:g} h", "24 h"),
    )
    for what, ours, real in rows:
        print(f"{what:28} {ours:30} the real engine: {real}")


def _found(begin: int, took: int) -> float:
    """Seconds until a container with the usual values is unhealthy that fails, or hangs, from this moment on."""
    steps = timeline(DEFAULTS, lambda at: (took, 1) if at >= begin else (0, 0), begin + 300 * SECOND)
    return next(step.end - begin for step in steps if step.status == UNHEALTHY) / SECOND


@lru_cache
def crashed_workers(count: int = 40) -> tuple[float, float]:
    """How long on average after its crash a worker is down, and twice the standard error, in seconds."""
    cluster, dice, crashed = swarm(count, seed=10, messages=False), Random("crashes"), {}
    cluster.run_for(20)
    for number in range(1, count + 1):
        cluster.run_for(dice.random())
        cluster.crash(f"worker-{number}")
        crashed[f"worker-{number}"] = cluster.now
    cluster.run_for(20)
    down = {r.fact.machine: r.time / SECOND for r in cluster.trace.of(NodeStored) if r.fact.state == "down"}
    times = [down[name] - crashed[name] for name in crashed]
    return mean(times), 2 * stdev(times) / sqrt(count)


# ── recall: when is it noticed ───────────────────────────────────────────────────────────────────────────────────────

RECALL = 0


class Case(NamedTuple):
    """A task under a check, well until now; and what becomes of it."""

    check: dict[str, float]
    run: Cluster  # until now
    age: float  # s since its container began
    found: tuple[float, float]  # s until it is unhealthy, if it hangs (A) or answers with errors (B) from now on


@lru_cache
def fresh_case(seed: int = RECALL) -> Case:
    """A check with values that nobody has seen."""
    dice = Random(f"check {seed}")
    every = dice.choice((12, 15, 20))
    check: dict[str, float] = {"interval": every, "timeout": dice.choice((4, 5, 6)), "retries": dice.choice((2, 3))}
    age = 3 * every + dice.randint(3, every - 4)
    run = serving(check, replicas=1, seed=f"recall {seed}")
    run.run_until(lambda now: bool(now.trace.of(ContainerStarted)), limit=20)
    run.run_for(age)
    hangs, unwell = (_unhealthy_after(run, how) for how in ("hangs", "unwell"))
    return Case(check, run, run.now - run.trace.of(ContainerStarted)[0].time / SECOND, (hangs, unwell))


def _unhealthy_after(run: Cluster, how: str) -> float:
    """Seconds until its task is found unhealthy, tried on a copy."""
    twin = run.fork()
    twin.sicken("web.1", how)
    twin.run_until(lambda now: _given_up(now, run.now) is not None, limit=300)
    return (_given_up(twin, run.now) or 0.0) - run.now


def _recall(answer: Any) -> Verdict:
    case = fresh_case()
    if isinstance(answer, str) or not isinstance(answer, Sequence) or len(answer) != 2:
        return Verdict(False, "answer with two numbers of seconds: (for A, for B)")
    for name, mine, truth in zip("AB", answer, case.found, strict=True):
        if isinstance(mine, bool) or not isinstance(mine, int | float):
            return Verdict(False, f"{name}: {mine!r} is no number of seconds")
        if not abs(mine - truth) <= 1.5:
            return Verdict(False, f"{name}: {mine:g} s is not it. {_overlooked(case, name, mine)}", case.run)
    return Verdict(True, f"A {case.found[0]:.1f} s, B {case.found[1]:.1f} s")


def _overlooked(case: Case, name: str, mine: float) -> str:
    """What to look at, after a wrong number."""
    every, out, times = case.check["interval"], case.check["timeout"], case.check["retries"]
    if name == "B" and abs(mine - case.found[0]) <= 1.5:
        return "B answers at once, with an error: for what would a check wait?"
    if abs(mine - out) <= 0.5 or abs(mine - times * out) <= 0.5:
        return "The timeouts are not all: look at the gaps between the checks, which are the interval"
    if abs(mine - times * (every + out)) <= 0.5:
        return "That is the longest it can take. Look at when the last check was: the next one comes sooner than an interval from now"
    if name == "A" and abs(mine - case.found[1]) <= 1.5:
        return "A does not answer: each check is given up only after its timeout, and the interval begins after that"
    return f"Look at when the last check was, and count: the next check, then {times - 1:g} more, each an interval after the end of the one before"


# ── modify: a slow starter ───────────────────────────────────────────────────────────────────────────────────────────

GOAL = 10.0  # s from the hang until it is noticed
TRIES = 4
FOREVER = 90.0  # s that the shown run waits for a verdict


class Start(NamedTuple):
    """What became of two tasks of an image that starts slowly; one of them hangs when both have been well for a while."""

    cluster: Cluster
    killed: int  # containers that were stopped before one of them hung
    ready: int
    noticed: float | None  # s; None: not while anybody waited


def slow_and_hung(flags: str = "", seed: int | str = "shown") -> Start:
    """Two tasks of `acme/web:slow`; after a minute the first hangs."""
    cluster = serving(flags, "acme/web:slow", 2, seed=f"slow {seed}")
    visited(cluster, 60 + FOREVER)
    cluster.run_for(50 + 10 * Random(f"slow {seed}").random())
    started, ready = len(cluster.trace.of(ContainerStarted)), _ready(cluster)
    if ready < 2:
        return Start(cluster, started - ready, ready, None)
    ill = cluster.now
    cluster.sicken("web.1")
    cluster.run_until(lambda now: _given_up(now, ill) is not None, limit=FOREVER)
    found = _given_up(cluster, ill)
    return Start(cluster, started - 2, ready, None if found is None else found - ill)


def _ready(cluster: Cluster) -> int:
    """Tasks that run, as the managers hear of it."""
    return sum(task.state == RUNNING == task.desired for task in cluster.tasks)


def _given_up(cluster: Cluster, since: float) -> float | None:
    found = (r.time / SECOND for r in cluster.trace.of(HealthChanged) if r.fact.status == UNHEALTHY)
    return next((time for time in found if time >= since), None)


def try_flags(flags: str) -> None:
    """Print what becomes of the slow starter under this health check."""
    print(spoken(slow_and_hung(flags)))


def spoken(start: Start) -> str:
    """`2 of 2 tasks got ready, 0 containers were stopped before; the hang was noticed after 8.6 s`."""
    first = f"{start.ready} of 2 tasks ready after a minute, {start.killed} containers stopped before"
    if start.ready < 2:
        return first
    return f"{first}; the hang {_noticed(start)}"


def _noticed(start: Start) -> str:
    return (
        f"is not noticed within {FOREVER:g} s" if start.noticed is None else f"is noticed after {start.noticed:.1f} s"
    )


def _modify(answer: Any) -> Verdict:
    if not isinstance(answer, str) or not answer.strip():
        return Verdict(False, 'answer with flags of docker service create, as "--health-cmd true --health-interval 5s"')
    for seed in range(TRIES):
        try:
            start = slow_and_hung(answer, f"unseen {seed}")
        except ValueError as error:
            return Verdict(False, f"docker says: {error}")
        if text := _lacking(start):
            return Verdict(False, text, start.cluster)
    return CORRECT


def _lacking(start: Start) -> str:
    """What such a check still lacks; '' for nothing."""
    if start.ready < 2 or start.killed:
        return f"{start.killed} containers were stopped that only needed time. Look at how many failures count before second 8, and at what could make them not count"
    lost = [one for one in start.cluster.trace.requests if one.task and one.status != 200 and one.arrived < 40 * SECOND]
    if lost:
        return f"{len(lost)} visitors were sent to a task that did not listen yet: is there a check that asks for what visitors want?"
    if start.noticed is None:
        return f"the hang is not noticed within {FOREVER:g} s: does the check ask the application, and what is retries × (interval + timeout)?"
    if start.noticed > GOAL:
        return (
            f"starts live, but the hang is noticed after {start.noticed:.1f} s: add up retries × (interval + timeout)"
        )
    return ""


# ── build: a verdict of one's own ────────────────────────────────────────────────────────────────────────────────────

NET = Probes(interval=10, timeout=3, loss=0.1, hours=4)
QUICK, QUIET = 58.0, 4.0  # s until an illness is noticed, false alarms a day
LIVES = 24
SHOWN = 12
KNOWN = ("1 failure", "Docker: 3 in a row", "5 in a row", "3 of 5")


def scores(verdict: Any = ..., lives: int = SHOWN) -> None:
    """Print what verdicts make of the same lives; yours first."""
    mine = None if verdict is ... else verdict
    for score in _judged(mine, "shown", lives, KNOWN).scores:
        time = "not always" if score.missed else f"{score.mean:5.1f} s"
        print(f"{score.name:20} ill: noticed after {time} on average; well: {score.per_day:6.2f} false alarms a day")


def _judged(verdict: Callable | None, seed: str, lives: int = LIVES, others: Sequence[str] = ()) -> Judgement:
    return judge_verdict(verdict, [f"{seed} {number}" for number in range(lives)], NET, others)


def _build(verdict: Any) -> Verdict:
    if not callable(verdict):
        return Verdict(False, "write a function: def verdict(results): return True")
    found = _judged(verdict, "unseen")
    (mine,) = found.scores
    told = f"noticed after {mine.mean:.1f} s on average, {mine.per_day:.2f} false alarms a day"
    if mine.missed:
        return Verdict(
            False, f"{mine.missed} of {mine.runs} illnesses are never noticed, as this one: {_last(found.wrong)}"
        )
    if mine.per_day > QUIET:
        return Verdict(
            False, f"{told}; at most {QUIET:g} may be. The shortest: {_last(found.wrong)}, and the container was well"
        )
    if mine.mean > QUICK:
        kinds = _by_kind(found)
        slowest = max(kinds, key=lambda kind: kinds[kind])
        each = ", ".join(f"{kind} {time:.0f} s" for kind, time in kinds.items())
        return Verdict(
            False,
            f"{told}; {QUICK:g} s is the goal. By kind of illness: {each}. How does one that {slowest} differ from a lost probe?",
        )
    return Verdict(True, told)


def _by_kind(found: Judgement) -> dict[str, float]:
    """How long each kind of illness goes unnoticed, on average."""
    times: dict[str, list[float]] = {}
    for one in found.notices:
        times.setdefault(one.kind, []).append(one.time or 0.0)
    return {kind: mean(each) for kind, each in times.items()}


def _last(wrong: Wrong | None) -> str:
    """The last results of a history, short: `ok 0.04 s, none 3.00 s`."""
    results = wrong.results[:5] if wrong else ()
    return ", ".join(f"{'ok' if one.ok else 'failed'} after {one.took:.2f} s" for one in results)


CHECKS: dict[str, Callable[[Any], Verdict]] = {"recall": _recall, "modify": _modify, "build": _build}
