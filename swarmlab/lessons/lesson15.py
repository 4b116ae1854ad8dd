"""Lesson 15: its predictions, the judges of its exercises, and a search for a property of one's own. The runs are in
`scenes15`, `tips15`, `alerts15` and `planner15`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from math import inf
from random import Random
from typing import Any, NamedTuple

from ..check.availability import YEAR, availability, cheapest, cost, downtime, quorum_table, simulate
from ..cluster import Cluster
from ..raft.quorum import majority
from ..viz.outagebar import guess_of
from . import CORRECT, Prediction, Verdict, alerts15, scenes09, scenes10, scenes11, scenes15, tips15

PREDICTIONS = {
    "1": Prediction(
        "Three in three zones: about one hour a year without a quorum, against eight for five in two.",
        {
            "a": "Five may lose any two machines, but a zone takes three of them at once. Look at the layouts: strike out the larger zone.",
            "b": "Yes.",
            "c": "Of three zones any one may fail, of two only the smaller. Look at the layouts, zone by zone: who still has a majority?",
        },
    ),
    "2": Prediction(
        "Its heartbeats come late, and the others elect another leader; as a node it is called down half a minute later.",
        {
            "a": "A leader has to send a heartbeat every second, and it needs time for that. Look at the first panel: the silence grows, until an election.",
            "b": "Yes.",
            "c": "Nobody measures how busy a machine is, and no task is ever moved. Look at the first panel: the task stays, and the leader falls silent.",
            "d": "That comes, too, but later. Look at the first panel: when is there a new leader, and when is manager-1 called down?",
        },
    ),
    "3": Prediction(
        "Its packets hold 1424 bytes instead of 1450, so there are 2 % more of them; what ciphering costs the processor comes on top.",
        {
            "a": "Each packet carries the envelope of ESP as well. Look at the pings: which is the largest that passes?",
            "b": "Yes.",
            "c": "Machines know how much fits, and cut the page into smaller packets. Look at the pages: all come. It is the narrower wire that swallows them.",
            "d": "That may be so on a machine without help for ciphers: measure it there. By bytes alone it is far less. Look at the goodput.",
        },
    ),
    "4": Prediction(
        "What nobody notices never heals: a hang without a check, a mute image without a check, a shut 4789.",
        {
            "a": "Its heartbeats are missed, so a manager knows in seconds. Look at its bar: it is one of the shorter ones.",
            "b": "Slow, since somebody has to come, but somebody was called: commands are refused. Look below it on the page, at the bars that stay open.",
            "c": "Two others wait for its heartbeat, and elect another within 9 to 19 s. Look at its bar.",
            "d": "Yes.",
        },
    ),
    "5": Prediction(
        "Nobody: all machines are up, so that alarm is silent. Others would have rung, about updates, or about tasks that end again and again.",
        {
            "a": "It is all written down, and nobody looks at it at night. Look at the marks: many signs, and none in the row of the alarm that was set.",
            "b": "A node is down when its heartbeats are missed, whatever becomes of its tasks. Look at the row *nodes down*: there is no mark.",
            "c": "Yes.",
        },
    ),
}


# ── the page ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def in_order(guesses: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> list[Any]:
    """The guesses, one for each bar of the page: seconds, without end for "never"; None where there is none."""
    return [_in_seconds(guesses.get(row["title"])) for row in rows]


def _in_seconds(guess: Any) -> float | None:
    if isinstance(guess, str) and guess.strip().lower() == "never":
        return inf
    number = guess_of(guess)
    return number if isinstance(number, int | float) else None


def show_breaks() -> None:
    """Print the names of all faults by lesson, at most three in a line."""
    by_lesson: dict[str, list[str]] = {}
    for name, (lesson, _) in scenes15.BREAKS.items():
        by_lesson.setdefault(lesson, []).append(name)
    for lesson, names in sorted(by_lesson.items()):
        for first in range(0, len(names), 3):
            print(f"{'' if first else lesson:4}", " · ".join(names[first : first + 3]))


def compare() -> None:
    """Print our figures beside the real engine's, and why a bar has none."""
    for what, numbers in zip(("managers", "quorum", "may fail"), zip(*quorum_table(), strict=True), strict=True):
        print(f"{what:24} {' '.join(map(str, numbers))}   the real engine: the same")
    for what, options, real in (("in clear", "", 1450), ("encrypted", "--opt encrypted", 1424)):
        print(f"{'largest packet ' + what:24} {_largest(options):<11}   the real engine: {real}")
    rows = scenes15.breaks()
    without = [row for row in rows if "real" not in row]
    print(f"{len(rows) - len(without)} of {len(rows)} bars have their real figure. Without one:")
    print(*(f"  {row['title']}: {row['no_figure']}" for row in without), sep="\n")


def _largest(options: str) -> int:
    """The largest ping that passes a network made with these options."""
    probes = tips15.tested(options).probes
    return max(size for size, fate in probes.items() if fate == "passes")


# ── recall: rank fresh bars ──────────────────────────────────────────────────────────────────────────────────────────

RECALL = 151
Check = Mapping[str, float]
QUICK: Check = {"interval": 20, "timeout": 5, "retries": 2}
PATIENT: Check = {"interval": 60, "timeout": 10, "retries": 3}
HINTS = {
    "ends": "is noticed at once, and then waits for its restart delay. Look at that flag",
    "power": "is noticed when three heartbeats are missing, after 9 to 16.5 s; then comes a restart delay of 5 s",
    "checked": "needs retries times interval until it is unhealthy, and as much as an interval until its successor counts",
    "unchecked": "is noticed by nobody: who would ask it?",
}


class Fresh(NamedTuple):
    """A fault that nobody has seen, and how long it took to heal."""

    letter: str
    story: str
    kind: str  # of HINTS
    seconds: float | None  # None: not healed
    cluster: Cluster


def _web_2(flags: str, seconds: float, how: str, seed: str) -> Cluster:
    """Three tasks made with these flags; the second hangs, or its process ends."""
    cluster = scenes10.serving(flags, seed=seed)
    cluster.run_for(PATIENT["interval"] + 20)  # the first check decides when a task counts as running
    if how == "hangs":
        cluster.sicken("web.2", how)
    else:
        run = next(run for run in cluster.running if run.slot == 2)
        cluster.docker("kill $(docker ps -q --filter name=web.2.)", run.machine)
    cluster.run_for(seconds)
    return cluster


def _powerless(seed: str) -> tuple[Cluster, dict[str, Any]]:
    cluster = scenes09.serving(3, 3, seed=seed, messages=False)
    return cluster, scenes09.healing(cluster, scenes09.node_dies(cluster, "http://worker-1:8080/"))


def _told(check: Check) -> str:
    return (
        f"it hangs; a check every {check['interval']:g} s, timeout {check['timeout']:g} s, retries {check['retries']:g}"
    )


@lru_cache
def fresh_bars(seed: int = RECALL) -> tuple[Fresh, ...]:
    """Six faults from another seed, in an order that says nothing."""
    name = f"fresh bars {seed}"
    cluster, row = _powerless(name)
    found: list[tuple[str, str, Cluster, dict]] = [("a worker loses its power", "power", cluster, row)]
    for story, kind, flags, seconds, how in (
        ("its process ends; --restart-delay 2s", "ends", "--restart-delay 2s", 30, "ends"),
        ("its process ends; --restart-delay 40s", "ends", "--restart-delay 40s", 60, "ends"),
        (_told(QUICK), "checked", scenes10.flags_of(QUICK), 120, "hangs"),
        (_told(PATIENT), "checked", scenes10.flags_of(PATIENT), 360, "hangs"),
        ("it hangs; no check", "unchecked", "", 60, "hangs"),
    ):
        cluster = _web_2(flags, seconds, how, name)
        found.append((story, kind, cluster, scenes10.bar(cluster, "")))
    Random(name).shuffle(found)
    return tuple(
        Fresh(letter, story, kind, _seconds(row), cluster)
        for letter, (story, kind, cluster, row) in zip("abcdef", found, strict=True)
    )


def _seconds(row: Mapping[str, Any]) -> float | None:
    return None if row["healed"] is None else (row["healed"] - row["fault"]) / 1e6


def soonest_first(bars: Iterable[Fresh]) -> list[Fresh]:
    """Who healed soonest comes first, who never did last."""
    return sorted(bars, key=lambda bar: YEAR * 3600 if bar.seconds is None else bar.seconds)


def show_bars() -> None:
    """Print the six faults."""
    for bar in fresh_bars():
        print(bar.letter, "", bar.story)


def _recall(answer: Any) -> Verdict:
    bars = {bar.letter: bar for bar in fresh_bars()}
    told = [str(each).strip(" ,").lower() for each in answer] if isinstance(answer, str | list | tuple) else []
    given = [each for each in told if each]
    if sorted(given) != sorted(bars):
        return Verdict(False, 'answer with the six letters, the soonest healed first, as "abcdef"')
    right = [bar.letter for bar in soonest_first(bars.values())]
    if given == right:
        return CORRECT
    if given == right[::-1]:
        return Verdict(False, "that is the slowest first; begin with the soonest")
    place = next(place for place, (mine, true) in enumerate(zip(given, right, strict=True)) if mine != true)
    early, later = bars[given[place]], right[place]
    return Verdict(False, f"{early.letter} does not heal before {later}: it {HINTS[early.kind]}", early.cluster)


# ── modify: the cheapest layout for a goal ───────────────────────────────────────────────────────────────────────────

GOAL, MOST, YEARS, UNSEEN = 0.9999, 7, 2000, 1515


def price(layout: Sequence[int]) -> str:
    """What a layout of managers costs and brings, in a line."""
    share = availability(layout).control
    return f"{cost(layout):g} a month, {downtime(share) * 60:.0f} minutes a year without a quorum"


def _modify(answer: Any) -> Verdict:
    layout = tuple(answer) if isinstance(answer, list | tuple) else ()
    if not all(type(n) is int and n >= 0 for n in layout) or not any(layout):
        return Verdict(False, "answer with managers per zone, as (3, 2); one zone is (3,)")
    layout = tuple(n for n in layout if n)
    if sum(layout) > MOST:
        return Verdict(False, f"more than {MOST} managers: Docker advises against them, and fewer are enough")
    share = availability(layout).control
    best = cheapest(GOAL)
    assert best, "the goal can be kept"
    if share < GOAL:
        return Verdict(False, f"{price(layout)}, and {downtime(GOAL) * 60:.0f} are allowed: {_weakness(layout)}")
    if cost(layout) > best.cost:
        return Verdict(False, f"{price(layout)}: the goal is kept, and can be kept for less")
    counted = simulate(layout, years=YEARS, seed=UNSEEN)
    minutes, within = 60 * downtime(counted.shares.control), 60 * YEAR * counted.within.control
    return Verdict(True, f"{minutes:.0f} ± {within:.0f} minutes a year were counted in {YEARS} years nobody has seen.")


def _weakness(layout: Sequence[int]) -> str:
    """What brings this layout down."""
    zones, needed = [n for n in layout if n], majority(sum(layout))
    if len(zones) == 1:
        return "all are in one zone, and zones fail. Strike it out"
    if sum(zones) - max(zones) < needed:
        return f"one zone holds {max(zones)} of {sum(zones)}. Strike it out: is there a majority left?"
    spare = sum(zones) - max(zones) - needed
    if spare == 0:
        return "any zone may go, but not one more machine with it. Is there a layout that stands both?"
    return "count what is left after a zone and a machine"


# ── build: an alarm ──────────────────────────────────────────────────────────────────────────────────────────────────

CHECKS: dict[str, Callable[[Any], Verdict]] = {"recall": _recall, "modify": _modify, "build": alerts15.judge}


# ── deeper: a property of one's own, over seeds ──────────────────────────────────────────────────────────────────────

LONG, CALM = 60, 40  # seconds: a run, and how far faults go


class Blow(NamedTuple):
    """One fault of a storm."""

    at: float  # seconds after the beginning
    what: str  # crash, kill
    whom: str  # a machine, a task

    def __str__(self) -> str:
        told = "loses its power" if self.what == "crash" else "is killed"
        return f"{self.at:4.0f} s  {self.whom} {told}"


def storm(seed: int) -> list[Blow]:
    """Some faults, as this seed draws them; no machine twice."""
    dice = Random(f"storm {seed}")
    blows = [("crash", f"worker-{n}") for n in (1, 2, 3, 4)] + [("kill", f"web.{n}") for n in (1, 2, 3)]
    chosen = dice.sample([*blows, ("crash", "manager-2")], k=dice.randint(2, 4))
    return sorted(Blow(dice.randint(1, CALM), *blow) for blow in chosen)


@lru_cache
def _calm() -> Cluster:
    """Three drained managers, four workers, three tasks of web."""
    cluster = Cluster(managers=3, workers=4, seed=15, messages=False)
    for manager in ("manager-1", "manager-2", "manager-3"):
        cluster.docker(f"node update --availability drain {manager}", cluster.leader)
    cluster.docker(f"service create -d --name web --replicas 3 {scenes11.CHECK} acme/web:1", cluster.leader)
    cluster.run_for(15)
    return cluster


def first_break(holds: Callable[[Cluster], Any], blows: Sequence[Blow]) -> tuple[int, Cluster] | None:
    """After how many seconds of this storm the property does not hold, and the cluster then; None if it always does."""
    cluster = _calm().fork()
    for second in range(LONG):
        for blow in blows:
            if blow.at == second:
                _strike(cluster, blow)
        if not holds(cluster):
            return second, cluster
        cluster.run_for(1)
    return None


def _strike(cluster: Cluster, blow: Blow) -> None:
    if blow.what == "crash":
        cluster.crash(blow.whom)
    for run in list(cluster.running) if blow.what == "kill" else ():
        if f"{run.service}.{run.slot}" == blow.whom:
            cluster.docker(f"kill $(docker ps -q --filter name={blow.whom}.)", run.machine)


def search(holds: Callable[[Cluster], Any], seeds: Sequence[int] = range(20)) -> Cluster | None:
    """The first storm in which a property does not hold, without the faults that have no part in it: printed, and the
    cluster at that instant."""
    for seed in seeds:
        blows = storm(seed)
        broken = first_break(holds, blows)
        if broken is None:
            continue
        for blow in list(blows):
            fewer = [other for other in blows if other != blow]
            if again := first_break(holds, fewer):
                blows, broken = fewer, again
        print(f"seed {seed}: it does not hold after {broken[0]} s. Enough for that:")
        print(*blows, sep="\n")
        return broken[1]
    print(f"it holds in {len(seeds)} storms")
    return None
