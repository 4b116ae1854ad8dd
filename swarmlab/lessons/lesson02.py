"""Lesson 02: its predictions, its groups, what it compares, and the judges of its exercises."""

from collections.abc import Callable
from functools import cache
from math import inf, isfinite
from typing import Any, NamedTuple

from ..check.elections import (
    Case,
    Trial,
    Vacancy,
    case,
    expected_time,
    rerun,
    split_vote,
    summary,
    trials,
)
from ..events import BecameCandidate, BecameLeader, MachineCrashed
from ..group import RaftGroup
from ..raft.core import PAPER, Settings
from ..sim.network import LAN, Latency
from . import CORRECT, Prediction, Verdict

MS = 1000  # µs
RUNS = 200  # elections behind every curve and every verdict
WORK = 20_000  # events that they may take together: hopeless time-outs give fewer runs, not a long wait

PREDICTIONS = {
    "1": Prediction(
        "A manager waits 10 to 19 s without a word from the leader before it asks for votes; the vote itself takes "
        "milliseconds.",
        {
            "a": "0.2 s is what the authors of Raft recommend for servers that do little else (scene 2); Swarm waits longer.",
            "b": "Nobody sees a crash. Look at the first part of the bar: silence must last before it counts.",
            "c": "Yes.",
            "d": "A minute would be several time-outs. Look at the bar: most of it is a single one.",
        },
    ),
    "2": Prediction(
        "Two votes are not enough: a majority is more than half of all members, and of five that is three, however many "
        "are down.",
        {
            "a": "Not of those who are left. Look at the empty place: the dead count as members, and their votes are missing.",
            "b": "Look at the terms: it asks again and again, and gets the same two votes each time.",
            "c": "Yes.",
        },
    ),
    "3": Prediction(
        "Everybody votes for itself and has no vote left for another. Nobody wins, and after the same time it all happens "
        "again.",
        {
            "a": "No server ranks above another. Look at the refusals: `voted already`, in all directions.",
            "b": "Two leaders of one term would need two majorities, and each server has one vote per term. Look at the places: "
            "one filled in each.",
            "c": "Yes.",
            "d": "Votes are not moved to who comes nearest. Look at the terms: each failed vote ends with a new term, not a winner.",
        },
    ),
    "4": Prediction(
        "For a while two machines think so, in two different terms; only the one with a majority can agree on anything.",
        {
            "a": "Never two in *one* term. Look at the badges of the two crowns, and at the vermillion rim: one has not heard "
            "the news.",
            "b": "Look at the two answers: on the side of two a value is never agreed on, so nothing is done twice.",
            "c": "Yes.",
        },
    ),
    "5": Prediction(
        "Who has the majority wins, and nobody votes for a log that ends before its own.",
        {
            "a": "Asking first is not enough. Look at the answers: three times no, `log is behind`.",
            "b": "Click on a refusal: its log ends earlier than theirs. What was agreed on must survive the election.",
            "c": "Yes.",
        },
    ),
    "6": Prediction(
        "Shorter helps only down to a few message times: below that, time-outs end before the votes are back, and nobody "
        "ever finishes.",
        {
            "a": "Look at the crosses at the right edge: asking and answering takes 20 ms, and by then the time-out is over.",
            "b": "That is true of the middle strip, at the price of many more terms; look at the crosses of the lowest.",
            "c": "Yes.",
        },
    ),
    "7": Prediction(
        "Each time it returns with a higher term, and a leader that hears of a higher term steps down.",
        {
            "a": "No majority needs it, true. Look at the list of leaders: they change nonetheless.",
            "b": "Now and then, if it asks while its links are up. Look at the list: nobody keeps the office, it least of all.",
            "c": "Yes.",
        },
    ),
}


# ── groups for the scenes ────────────────────────────────────────────────────────────────────────────────────────


def led_group(seed: int, settings: Settings = PAPER, servers: int = 5, one_way: float = 0.010) -> RaftGroup:
    """A group in which a message takes `one_way` seconds, and somebody has led for half a second."""
    group = RaftGroup(servers, settings, seed=seed, alarms=True)
    for number, one in enumerate(group.members):
        for other in group.members[:number]:
            group.link(one, other, latency=one_way)
    assert group.run_until(elected, limit=60)
    group.run_for(0.5)
    return group


def elected(group: RaftGroup) -> bool:
    """Somebody leads: a condition for `run_until`."""
    return group.leader is not None


def after_crash(trace: Any) -> dict[str, float]:
    """The instants of the election after the first crash, for a strip of rings."""
    from ..viz.ring import election_instants

    return election_instants(trace, trace.of(MachineCrashed)[0])


def leaders(group: RaftGroup) -> dict[str, int]:
    """Every running server that believes it leads, and its term."""
    return {name: node.term for name, node in group.nodes.items() if node.role == "leader"}


def two_lead(group: RaftGroup) -> bool:
    """Two servers believe that they lead."""
    return len(leaders(group)) == 2


def others(group: RaftGroup, count: int) -> list[str]:
    """So many running servers that do not lead."""
    return [name for name in group.nodes if name != group.leader][:count]


def elections(group: RaftGroup) -> list[tuple[float, str, int]]:
    """Who was elected when, in which term."""
    return [(r.time / 1e6, r.source, r.fact.term) for r in group.trace.of(BecameLeader)]


def dots(shortest: float = 150, spread: float = 150, latency: float = 2, loss: float = 0, servers: int = 5) -> Any:
    """The picture behind the knobs: 200 elections with these time-outs (ms), network and servers; and its caption."""
    from ..viz.dots import draw_dots, tell_dots

    chosen = case(shortest, shortest + spread, latency, loss=loss, servers=servers, crash="random")
    runs = {f"{shortest}-{shortest + spread} ms": trials(RUNS, chosen, work=WORK)}
    formula = split_vote(servers, servers - 1, min(1, latency / spread)) if spread else 1
    words = f"{tell_dots(runs)} By the formula (deeper), {formula:.1%} of first votes are split."
    return draw_dots(runs, span=(0.005, 10)), words


def slowest(runs: list[Trial]) -> Trial:
    """The run that took longest."""
    return max(runs, key=lambda run: inf if run.time is None else run.time)


# ── compare, and deeper ──────────────────────────────────────────────────────────────────────────────────────────

# Raft figure 16: heartbeats at half of the shortest time-out, a crash at a random point between two, votes that wait
# for a disk; two of the four servers that are left have a log that can win.
LAB: dict[str, Any] = {"latency": 2.3, "disk": 0.011, "logs": (2, 2, 2, 1, 1), "crash": "random"}
FIGURE_16 = {(150, 155): 0.287, (150, 175): 0.141, (150, 300): 0.172, (12, 24): 0.030}  # medians, s
# Dissertation §9.4: 30 to 40 ms one way, all time-outs begin at the crash.
WAN: dict[str, Any] = {"low": 300, "high": 600, "latency": 30, "jitter": 10}
WAN_MEANS = {1: 475, 2: 650}


def compare(gap: float, runs: list[Trial]) -> None:
    """Print our numbers beside those of the Raft paper and of a recorded engine. `gap` is the time without a leader of
    scene 1, in seconds; `runs` are many such elections."""
    equal, narrow, short = (summary(list(lab_runs(*pair))) for pair in ((150, 150), (150, 155), (12, 24)))
    swarm = sorted(one.time or 0 for one in runs)
    in_10_s = f"{round((1 - equal.never) * equal.runs)} of {equal.runs} elected in 10 s"
    lines = (
        ("time-outs of 150-150 ms", in_10_s, "more than 10 s (paper)"),
        ("150-155 ms, half within", f"{narrow.median:.0f} ms", "287 ms (paper)"),
        ("12-24 ms, on average", f"{short.mean:.0f} ms", "35 ms (paper)"),
        ("12-24 ms, at worst", f"{short.worst:.0f} ms", "152 ms (paper)"),
        ("Swarm's ticks, scene 1", f"{gap:.1f} s", "9.5 s (a recorded engine)"),
        (
            f"Swarm's ticks, {len(runs)} runs",
            f"{swarm[0] / 1e6:.1f} to {swarm[-1] / 1e6:.1f} s",
            "10 to 19 ticks of 1 s",
        ),
    )
    for what, ours, published in lines:
        print(f"{what:28} ours {ours:24} real {published}")


@cache
def lab_runs(low: float, high: float) -> tuple[Trial, ...]:
    """Elections as the paper's authors timed them; equal time-outs are given up after 10 s, ten of them suffice."""
    is_equal = low == high
    chosen = case(low, high, **LAB, limit=10 if is_equal else 60)
    return tuple(trials(10 if is_equal else RUNS, chosen))


def figure_16() -> tuple[dict[str, tuple[Trial, ...]], dict[str, float]]:
    """Runs by title, and the published median of each, in seconds."""
    runs = {f"{low}-{high} ms": lab_runs(low, high) for low, high in FIGURE_16}
    return {"150-150 ms": lab_runs(150, 150)} | runs, {f"{a}-{b} ms": half for (a, b), half in FIGURE_16.items()}


def wide_area() -> None:
    """Print the mean time without a leader over a wide area: ours, the formula's, and what was published."""
    for failed, published in WAN_MEANS.items():
        ours = summary(trials(RUNS, case(**WAN, failed=failed)))
        formula = expected_time(300, 600, 35, alive=5 - failed)
        print(
            f"{failed} of 5 failed: ours {ours.mean:.0f} ms, the formula {formula:.0f} ms, published about {published} ms; "
            f"our worst of {RUNS} {ours.worst / 1000:.2f} s"
        )


def split_votes() -> None:
    """Print how many first votes are split: counted, and from the closed form."""
    for servers, alive, part in ((5, 4, 0.1), (5, 4, 0.2), (3, 2, 0.1)):
        found = trials(RUNS, case(300, 600, 300 * part, servers=servers, failed=servers - alive))
        counted, formula = summary(found).repeated, split_vote(servers, alive, part)
        print(
            f"{alive} of {servers} alive, a message takes {part} of the range: {counted:6.1%} of {RUNS} runs, formula {formula:6.2%}"
        )


def flap(pre_vote: bool) -> str:
    """What a server whose links come and go does to a group within 5 s, with or without asking first."""
    group = led_group(1, PAPER._replace(pre_vote=pre_vote))
    before = len(elections(group))
    shaky = others(group, 1)[0]
    for other in group.members:
        if other != shaky:
            group.link(shaky, other, flapping=0.4)
    group.run_for(5)
    term = max(node.term for node in group.nodes.values())
    return f"{len(elections(group)) - before} elections, term {term} in the end"


# ── recall: who leads which term of a run that nobody has seen ───────────────────────────────────────────────────

NOBODY = ("split", "behind")


def fresh_run() -> RaftGroup:
    """A run for the recall exercise: five terms, of which two have no leader."""
    group = led_group(2004)
    first = group.leader or ""
    group.crash(first)
    group.align()
    group.run_until(elected, limit=5)
    group.run_for(0.15)
    second, late = group.leader or "", next(name for name in group.members if name not in (first, group.leader))
    group.restart(first)
    group.run_for(0.1)
    group.crash(late)
    group.write("x", 1, wait=0.1)
    group.run_for(0.08)
    group.crash(second)
    group.restart(late)
    group.run_for(0.152)
    group.time_out(late)
    group.run_until(elected, limit=5)
    group.run_for(0.06)
    return group


def outcome(group: RaftGroup) -> dict[int, str]:
    """For each term its leader; for one without, `split` if several asked, `behind` if one asked in vain."""
    asked: dict[int, list[str]] = {}
    for record in group.trace.of(BecameCandidate):
        asked.setdefault(record.fact.term, []).append(record.source)
    won = {term: name for _, name, term in elections(group)}
    return {term: won.get(term, "split" if len(names) > 1 else "behind") for term, names in sorted(asked.items())}


def recall(answer: dict) -> Verdict:
    """For each term who leads it, or why nobody does."""
    if not isinstance(answer, dict) or not all(isinstance(value, str) for value in answer.values()):
        return Verdict(False, 'give a dictionary from terms to names, like {1: "node-1", 2: "split", …}.')
    group = fresh_run()
    right = outcome(group)
    given = {int(term) if str(term).isdigit() else term: value.strip().lower() for term, value in answer.items()}
    for term, truth in right.items():
        if term not in given:
            return Verdict(False, f"term {term} is missing: look for the number in the bars.", group)
        if given[term] != truth:
            return Verdict(False, _misread(group, term, given[term], truth), group)
    more = [term for term in given if term not in right]
    return Verdict(False, f"there is no term {more[0]} in this run.", group) if more else CORRECT


def _misread(group: RaftGroup, term: int, said: str, truth: str) -> str:
    asked = [record.source for record in group.trace.of(BecameCandidate) if record.fact.term == term]
    if said not in (*group.members, *NOBODY):
        return f'for term {term}: {said!r} is no server; and if nobody leads, write "split" or "behind".'
    if truth == "split" and said in NOBODY:
        return f"in term {term} {len(asked)} servers ask before they hear of each other: that is a split vote."
    if truth == "split":
        return f"count the ✓ for {said} in term {term}: {len(asked)} servers asked, and none has three votes."
    if truth == "behind":
        return (
            f"in term {term} only {asked[0]} asks, and all answers are no: what do the others have that its log lacks?"
        )
    if said in NOBODY:
        return f"somebody leads term {term}: look for the dark bar with that number."
    if said in asked:
        return f"{said} asks in term {term}, but asking is not winning: whose requests arrived first?"
    return f"{said} does not lead term {term}: look for the dark bar with that number; the old leader has an old one."


# ── modify: time-outs for the network of the lesson ──────────────────────────────────────────────────────────────

GOAL, PAUSE = 250, 60  # ms: nine of ten elections are over; how long a leader may pause without being replaced


def modify(timeouts: tuple[float, float]) -> Verdict:
    """The shortest and the longest time-out in ms, for five servers and messages of 8 to 12 ms."""
    wrong = _no_pair(timeouts)
    if wrong:
        return Verdict(False, wrong)
    if timeouts[0] < 1:
        return Verdict(False, f"{timeouts[0]:g} ms? Write milliseconds, not seconds.")
    chosen = case(*timeouts, latency=8, jitter=4, crash="random")
    return _verdict(chosen, GOAL, PAUSE, "", "the range")


def _no_pair(timeouts: Any) -> str:
    """Why these are no time-outs, or ''."""
    if not isinstance(timeouts, tuple | list) or len(timeouts) != 2 or not all(map(_is_number, timeouts)):
        return "give two numbers of milliseconds, the shortest and the longest time-out, like (150, 300)."
    if not 0 < timeouts[0] <= timeouts[1]:
        return f"{timeouts[0]:g} to {timeouts[1]:g} ms is no range: the shortest first, and above 0."
    return "" if timeouts[1] < 1e7 else f"{timeouts[1] / 1000:.0f} s? The numbers are milliseconds."


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _verdict(chosen: Case, goal: float, pause: float, where: str, what: str) -> Verdict:
    """Elections on unseen seeds: somebody wins, nobody is deposed for a pause, nine of ten are over within the goal (ms)."""
    found = trials(RUNS, chosen, seed=90_000, work=WORK)
    ours = summary(found)
    again, slow = sum(one.terms > 1 for one in found), slowest(found)
    if (
        ours.p90 > goal
        and again > 0.9 * len(found)
        and chosen.settings.election_low * _tick(chosen) < 4 * _trip(chosen)
    ):
        text = f"{where}{again} of {len(found)} runs need more than one term: time-outs end before the votes are back."
        return Verdict(False, text, rerun(slow.seed, chosen))
    deposed = _deposed(chosen, pause)
    if deposed is not None:
        text = f"{where}a leader that pauses for {_span(pause)} loses its office: the shortest time-out is too short for that."
        return Verdict(False, text, deposed)
    if ours.p90 <= goal:
        return CORRECT
    nine = f"9 of 10 elections are over after {_span(ours.p90)}, not within {_span(goal)}"
    text = where + (nine if ours.p90 < inf else f"{ours.never:.0%} of elections never end") + ": "
    if again > 0.12 * len(found):
        text += f"{again} of {len(found)} need more than one term, for in so narrow a range several ask at once. Widen {what}."
    else:
        text += "most need only one term, so it is the waiting itself that is too long."
    return Verdict(False, text, rerun(slow.seed, chosen))


def _tick(chosen: Case) -> float:
    """A tick in ms."""
    return chosen.settings.tick / MS


def _trip(chosen: Case) -> float:
    """How long a message takes at most, in ms."""
    return (chosen.latency.floor + chosen.latency.spread) / MS


def _deposed(chosen: Case, pause: float) -> Vacancy | None:
    """A run in which somebody is elected although the leader has only paused, if there is one."""
    for seed in range(3):
        group = Vacancy(chosen._replace(failed=0, crash="fresh"), f"pause {seed}")
        if group.result().time is None:
            return None  # nobody is ever elected, which is another story
        for _ in range(4):
            group.run_for(pause * (2 + seed / 3) / 1000)
            group.freeze(group.winner, pause / 1000)
            term = group.term
            group.run_for(2 * pause / 1000)
            group.sees_leader()
            if group.term > term:
                return group
    return None


def _span(ms: float) -> str:
    return f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.1f} s"


# ── build: timeouts(one_way_latency, n) ──────────────────────────────────────────────────────────────────────────


class Place(NamedTuple):
    """Where a group runs. `one_way` is in ms; at Swarm's it is the tick, since nothing happens between two ticks."""

    name: str
    one_way: float
    servers: int
    tick: int  # µs


PLACES = (
    Place("LAN", 0.8, 3, 100),
    Place("LAN", 1.5, 5, 100),
    Place("WAN", 40, 5, MS),
    Place("WAN", 90, 3, MS),
    Place("Swarm", 1000, 3, 1_000_000),
    Place("Swarm", 1000, 5, 1_000_000),
)
WITHIN, PAUSES = 30, 6  # of the one-way latency: 9 of 10 elections, and the pause of a leader


def build(timeouts: Callable[[float, int], tuple[float, float]]) -> Verdict:
    """Time-outs in ms for three kinds of places, judged by elections on unseen seeds."""
    if not callable(timeouts):
        return Verdict(False, 'give the function itself: check("02.build", timeouts).')
    for place in PLACES:
        answer = timeouts(place.one_way, place.servers)
        where = f"{place.name}, {place.one_way:g} ms one way, {place.servers} servers: "
        wrong = _no_pair(answer) or _no_ticks(answer, place)
        if wrong:
            return Verdict(False, where + wrong)
        verdict = _verdict(
            setting(place, *answer), WITHIN * place.one_way, PAUSES * place.one_way, where, "the range there"
        )
        if not verdict.correct:
            return verdict
    return CORRECT


def _no_ticks(answer: tuple[float, float], place: Place) -> str:
    low = round(answer[0] * MS / place.tick)
    beat = round(place.one_way * MS / place.tick)
    if low > beat:
        return ""
    return f"{answer[0]:g} ms is not even the time between two signs of life, {place.one_way:g} ms. Count in one-way latencies."


def setting(place: Place, low: float, high: float) -> Case:
    """A group in that place with these time-outs (ms), a leader that gives a sign of life once per one-way latency."""
    shortest, longest, beat = (round(time * MS / place.tick) for time in (low, high, place.one_way))
    most = round(place.one_way * MS)
    latency = LAN if place.name == "Swarm" else Latency(most * 3 // 4, most // 4)
    return Case(Settings(place.tick, shortest, longest, beat), servers=place.servers, latency=latency, crash="random")


CHECKS = {"recall": recall, "modify": modify, "build": build}
