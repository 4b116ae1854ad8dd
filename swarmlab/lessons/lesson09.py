"""Lesson 09: its predictions, and the judges of its exercises. Swarms and balancers are in `scenes09`."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from random import Random
from typing import Any

from ..cluster import Cluster
from ..overlay.balancers import Backend, Request, at_random, least_connections, round_robin, two_choices
from ..traffic.measures import Run, counts, mean_latency, percentiles
from ..traffic.queueing import Add, Change, Leave, Replica, simulate
from ..traffic.workload import Exponential, Poisson, Workload
from . import CORRECT, Prediction, Verdict
from .scenes09 import BALANCERS, COMPARED, SECOND, mean_time, on_which, serving, side_by_side

PREDICTIONS = {
    "1": Prediction(
        "web.1 on worker-1 answers. Every node listens on a published port, and passes on what comes.",
        {
            "a": "Every node of the swarm opened port 8080 when the service was made: look at the first hop.",
            "b": "Yes.",
            "c": "The visitor has spoken with worker-3 only, and does not know the rest: look at the hops.",
            "d": "Visitors start nothing: one task is wanted, one runs.",
        },
    ),
    "2": Prediction(
        "100 0 0: what is balanced is a connection, when it is opened. All that comes on it goes to the same task.",
        {
            "a": "So it would be with 100 connections. Look at the counts of one: it was dealt to a task once, when it opened.",
            "b": "Yes.",
            "c": "Nobody looks at how busy a task is. Look at the counts: all requests are in one lane.",
        },
    ),
    "3": Prediction(
        "A third, as everybody. Turns do not look at how fast a task is; what it cannot do waits in line.",
        {
            "a": "That would need somebody who looks at queues. Look at the columns: all three are equal; only the dots differ.",
            "b": "Yes.",
            "c": "It runs, so it has its turn. Look at the columns: they stay equal to the end.",
        },
    ),
    "4": Prediction(
        "That of worker-3 in the network ingress. The node that was asked puts its own address there, so that the answer comes back by it.",
        {
            "a": "Look at the second picture below: the load balancer has put in another address as the sender.",
            "b": "The right machine. But look at the last picture: 10.0.0.…, an address in ingress, not the one that the machine has outside.",
            "c": "Yes.",
        },
    ),
    "5": Prediction(
        "web.1 web.1 web.2 web.2: each node has its own turn, and neither distance nor load counts.",
        {
            "a": "Look at the lanes: worker-1 has a task at hand, and yet sends its second visitor elsewhere.",
            "b": "Nobody counts how busy the tasks are. Look at the lanes: each goes 1, 2, 3.",
            "c": "There is no common counter: look at the lane of worker-3, it begins with 1 as well.",
            "d": "Yes.",
        },
    ),
    "6": Prediction(
        "Nobody, until worker-2 is back. The mesh passes on what reaches a node; a node without power is reached by nothing.",
        {
            "a": "So it is, after some seconds, for those who ask a living node: look at the second row. Those of the first row know worker-2 only.",
            "b": "The swarm does notice, after seconds, and heals its tasks. Look at the first row: that does not bring back the address they ask.",
            "c": "Yes.",
        },
    ),
    "7": Prediction(
        "Most of it. The second look avoids nearly all long lines; the other eight add little.",
        {
            "a": "Two looks are a choice, one is none. Look at the p99 of the rows two choices and random.",
            "b": "More than that. Look at the p99 of random, two choices, least connections, in this order.",
            "c": "Yes.",
        },
    ),
}

# ── knobs ────────────────────────────────────────────────────────────────────────────────────────────────────────────

CHOICES: dict[str, Callable] = {title: f for title, f in BALANCERS.items() if f is not round_robin}


def knobs(
    load: float = 0.8,
    spread: float = 1.0,
    slow: int = 1,
    slower: float = 3.0,
    replicas: int = 10,
    connection: int = 1,
    balancer: Callable = least_connections,
) -> dict[str, Any]:
    """Round robin beside another balancer, on the same requests."""
    title = next((title for title, f in BALANCERS.items() if f is balancer), "yours")
    return side_by_side(
        {"round robin": round_robin, title: balancer},
        load,
        spread,
        min(slow, replicas),
        slower,
        replicas,
        connection,
    )


def board(mine: Any = ...) -> Any:
    """The same with knobs; with a balancer of one's own among those to choose from."""
    from ..viz.trafficboard import TrafficBoard

    own = {} if mine is ... else {"yours": mine}
    return TrafficBoard(
        knobs,
        words={"load": "load ρ", "slower": "times slower"},
        load=(0.1, 0.95, 0.05),
        spread=(0.0, 3.0, 0.5),
        slow=(0, 3),
        slower=(1.0, 5.0, 0.5),
        replicas=(2, 20),
        connection=(1, 50),
        balancer=CHOICES | own,
    )


def spoken(run: Run) -> str:
    """A run in one line: mean and percentiles in seconds, and how many failed."""
    found = {"mean": mean_latency(run)} | {f"p{round(100 * share)}": t for share, t in percentiles(run).items()}
    told = ", ".join(f"{name} {seconds(time)}" for name, time in found.items())
    failed = sum(status != 200 for status in run.status)
    return f"{told}; {failed} of {len(run.status)} failed"


def tell_p99(runs: Mapping[str, Any]) -> str:
    """Several runs in one sentence, for `show`."""
    from ..viz.trafficfold import panels_of

    panels = panels_of(dict(runs)).items()
    return "p99: " + ", ".join(
        f"{title} {each.marks['p99']:.3g}× (longest line {max(map(max, each.queues))})" for title, each in panels
    )


def answered(run: Run, after: float) -> dict[str, str]:
    """Of the requests that each task got after a second, how many were answered."""
    late = [(place, ok) for place, time, ok in zip(run.task, run.arrived, run.ok, strict=True) if time > after * SECOND]
    return {
        name: f"{late.count((n, True))} of {sum(place == n for place, _ in late)}" for n, name in enumerate(run.tasks)
    }


def seconds(micros: float) -> str:
    """0.34 s; never."""
    return "never" if micros == float("inf") else f"{micros / SECOND:.2f} s"


# ── compare ──────────────────────────────────────────────────────────────────────────────────────────────────────────

KNOWN: tuple[tuple[str, Any, dict, str], ...] = (  # networking.md §4.2: formulas, and simulations of others for two
    ("random", at_random, {}, "5.000"),
    ("round robin", round_robin, {}, "2.92"),
    ("two choices, even one twice", two_choices, {"distinct": False}, "2.16"),
    ("least connections", least_connections, {}, "1.35"),
    ("one queue for all", "one queue", {}, "1.20"),
)


def compare(dealt: Mapping[str, int]) -> None:
    """Print what 100 connections became, and mean times of balancers (10 replicas, load 0.8), beside what is known."""
    each = " ".join(str(number) for number in dealt.values())
    print(f"{'100 connections, three tasks':30} {each:13} known: they differ by 1 at most")
    for what, balancer, options, known in KNOWN:
        mean, error = mean_time(0.8, balancer, runs=80, **options)
        print(f"{what:30} {mean:.2f} ± {2 * error:.2f}   known: {known}")


# ── recall: whose turn is it ─────────────────────────────────────────────────────────────────────────────────────────

RECALL = 3  # which of the swarms nobody has seen is shown
BEFORE = 7  # requests that it was asked already
ORDER = ("web.1", "web.2", "web.3", "web.4")
Asked = tuple[str, str]  # node, name of the connection that stays open ('' for none)


def fresh_board(seed: int = RECALL) -> tuple[Cluster, list[Asked]]:
    """A swarm that has been asked some times, and what it will be asked next."""
    dice = Random(f"board {seed}")
    cluster = serving(4, 4, seed=seed)
    for node in dice.choices(("worker-1", "worker-2", "worker-4"), (4, 2, 1), k=BEFORE):
        cluster.request(f"http://{node}:8080/")
    first, second = dice.sample(("worker-1", "worker-2", "worker-4"), 2)
    return cluster, [(first, "A"), ("worker-3", ""), (second, ""), (first, "A"), (first, ""), (second, "")]


def to_come(asked: Sequence[Asked]) -> None:
    """Print what is asked next."""
    met: set[str] = set()
    for number, (node, connection) in enumerate(asked, BEFORE + 1):
        how = f"on connection {connection}, which is still open" if connection in met else ""
        how = how or (f"opens connection {connection}, and keeps it" if connection else "a new connection")
        met |= {connection} - {""}
        print(f"{number:2}  {node}   {how}")


def ask(cluster: Cluster, asked: Sequence[Asked]) -> list[str]:
    """Who answers, one after the other, tried on a copy."""
    twin = cluster.fork()
    return [twin.request(f"http://{node}:8080/", connection=connection).task for node, connection in asked]


def _recall(answer: Any) -> Verdict:
    cluster, asked = fresh_board()
    if isinstance(answer, str) or not isinstance(answer, Sequence) or len(answer) != len(asked):
        return Verdict(False, f"answer with a list of {len(asked)} tasks, as web.1")
    mine, right = [_name(one) for one in answer], ask(cluster, asked)
    for number, name in enumerate(mine):
        if name not in ORDER:
            return Verdict(False, f"request {BEFORE + number + 1}: {answer[number]!r} is none of {', '.join(ORDER)}")
    if mine == right:
        return CORRECT
    return Verdict(False, _mistaken(cluster, asked, mine, right), cluster)


def _name(one: Any) -> str:
    """`web.2`, whether somebody wrote 2, "2" or "web.2"."""
    text = str(one).strip().lower()
    return f"web.{text}" if text.isdigit() else text


def _mistaken(cluster: Cluster, asked: Sequence[Asked], mine: list[str], right: list[str]) -> str:
    """What to look at, after a wrong answer."""
    place = on_which(cluster)
    if all(place[name] == node for name, (node, _) in zip(mine, asked, strict=True)):
        return "you send each visitor to the nearest task: look at the lanes, a node goes round all of them"
    steps = [(ORDER.index(b) - ORDER.index(a)) % len(ORDER) for a, b in pairwise(mine)]
    if all(step == 1 for step in steps):
        return "that is one turn for the whole swarm: look at the lanes, each node goes round for itself"
    number = next(n for n, (name, truth) in enumerate(zip(mine, right, strict=True)) if name != truth)
    node, connection = asked[number]
    called = BEFORE + number + 1  # as the picture numbers them
    met = [n for n in range(number) if asked[n][1] == connection != ""]
    if met:
        return f"request {called} comes on the connection of request {BEFORE + met[0] + 1}: a connection stays with its task"
    if any(asked[n][0] == node and asked[n][1] in [c for _, c in asked[:n] if c] for n in range(number)):
        return f"request {called}, {node}: what comes on an open connection takes no turn"
    if node == "worker-3":
        return f"request {called}: nobody has asked {node} yet, and it knows no other node's turn: it begins with the first"
    return f"request {called}, {node}: look at the last disc of its lane, and count on from there"


# ── modify: enough replicas ──────────────────────────────────────────────────────────────────────────────────────────

GOAL = 0.7  # s, p99
WORK = 0.1  # s, mean
RATES = (20, 80)  # requests a second


def try_replicas(rate: float, replicas: int) -> str:
    """Round robin, work of 0.1 s in the mean: mean and p99 in one line."""
    if not rate * WORK < replicas:
        return "the line grows for ever"
    return spoken_pair(*_times(rate, replicas, seed="shown"))


def spoken_pair(mean: float, p99: float) -> str:
    """`mean 0.21 s, p99 0.94 s`."""
    return f"mean {mean:.2f} s, p99 {p99:.2f} s"


def _times(rate: float, replicas: int, seed: str) -> tuple[float, float]:
    """(mean, p99) in seconds over ten long runs."""
    from ..traffic import batch

    found = batch.simulate(Workload(Poisson(rate), Exponential(WORK)), round_robin, replicas, 12_000, 10, seed)
    return batch.mean_latency(found, 2000)[0], batch.percentiles(found, (0.99,), 2000)[0.99]


def _modify(answer: Any) -> Verdict:
    if isinstance(answer, Mapping):
        answer = [answer.get(rate) for rate in RATES]
    if isinstance(answer, str) or not isinstance(answer, Sequence) or len(answer) != len(RATES):
        return Verdict(False, f"answer with two numbers: replicas for {RATES[0]} and for {RATES[1]} requests a second")
    for rate, replicas in zip(RATES, answer, strict=True):
        if type(replicas) is not int or not 1 <= replicas <= 1000:
            return Verdict(False, f"{replicas!r}: a number of replicas is a whole number from 1 on")
        text = _not_right(rate, replicas)
        if text:
            return Verdict(False, text)
    few, many = answer
    return Verdict(True, f"{RATES[1] // RATES[0]} times the load, {many / few:g} times the replicas")


def _not_right(rate: int, replicas: int) -> str:
    """What is wrong with so many replicas at this load; '' if nothing is."""
    where = f"{rate} a second, {replicas} replicas"
    if rate * WORK >= replicas:
        return f"{where}: {rate * WORK:g} of them would always be busy, so the line grows for ever"
    mean, p99 = _times(rate, replicas, "unseen")
    if p99 > GOAL:
        fine = f"the mean of {mean:.2f} s is fine, but " if mean <= GOAL else ""
        return f"{where}: {fine}p99 is {p99:.2f} s: one in a hundred waits longer than that. Look at the tail"
    fewer = _times(rate, replicas - 1, "unseen") if rate * WORK < replicas - 1 else (0.0, float("inf"))
    if fewer[1] <= GOAL:
        return f"{where}: that is enough, but {replicas - 1} are enough as well (p99 {fewer[1]:.2f} s). More load does not need replicas in proportion"
    return ""


# ── build: a balancer of one's own ───────────────────────────────────────────────────────────────────────────────────

UNSEEN = 6  # runs
ASKED = 3000  # requests in each
LEAST = 0.01  # share of the requests that every running task must get
COMES, GOES = "web.11", 18.0  # a task that comes later, and when one goes, s


class Wrong(Exception):
    """What a balancer did that no balancer may do."""


def unseen_run(balancer: Callable, seed: int) -> tuple[Run, str, str]:
    """Requests to ten tasks, one of which is three times slower; another leaves on the way, and one comes. Returns the
    run, who was slow, and who left."""
    slow, left = Random(f"unseen {seed}").sample(range(1, 11), 2)
    there = [Replica(f"web.{n}", speed=1 / 3 if n == slow else 1.0) for n in range(1, 11)]
    changes: list[Change] = [Leave(GOES, f"web.{left}"), Add(GOES / 2, Replica(COMES))]
    asked = Workload(Poisson(70), Exponential(0.1))
    run = simulate(asked, there, balancer, number=ASKED, seed=f"unseen {seed}", changes=changes)
    return run, f"web.{slow}", f"web.{left}"


def watched(mine: Callable) -> Callable:
    """The learner's function as the simulation asks it: with who is leaving, at weight 0, and its answer checked."""
    known: dict[str, Any] = {}

    def balancer(able: Sequence[Any], request: Request, turn: int) -> Any:
        here = {one.task: one for one in able}
        known.update({task: None for task in here if task not in known})
        shown = [_shown(task, here.get(task)) for task in known]
        chosen = mine(list(shown), request, turn)
        if not isinstance(chosen, Backend) or chosen not in shown:
            raise Wrong(f"request {request.number}: it must return one of the backends, not {chosen!r}")
        if chosen.weight == 0:
            raise Wrong(
                f"request {request.number} goes to {chosen.task}, which is leaving: look at `weight`, 0 means nothing new"
            )
        return here[chosen.task]

    return balancer


def _shown(task: str, one: Any) -> Backend:
    """A task as it is shown to a balancer; None is one that leaves."""
    if one is None:
        return Backend(task, "", 0)
    return Backend(task, "", one.weight, one.active, one.inactive, one.latency)


def p99(run: Run) -> float:
    """Seconds."""
    return percentiles(run, (0.99,))[0.99] / SECOND


@lru_cache(maxsize=64)
def _p99_of(title: str, seed: int) -> float:
    """The same run with one of ours."""
    return p99(unseen_run(BALANCERS[title], seed)[0])


def _build(mine: Any) -> Verdict:
    if not callable(mine):
        return Verdict(False, "write a function: def mine(backends, request, turn): return …")
    worst = 0.0
    for seed in range(UNSEEN):
        try:
            run, slow, left = unseen_run(watched(mine), seed)
        except Wrong as wrong:
            return Verdict(False, str(wrong))
        verdict = _fair(run, slow, left, seed)
        if not verdict.correct:
            return verdict
        worst = max(worst, p99(run))
    others = {title: max(_p99_of(title, seed) for seed in range(UNSEEN)) for title in BALANCERS}
    told = ", ".join(f"{title} {value:.2f} s" for title, value in others.items())
    return Verdict(True, f"p99 in the worst of {UNSEEN} runs: yours {worst:.2f} s; {told}")


def _fair(run: Run, slow: str, left: str, seed: int) -> Verdict:
    """Whether one run is better than round robin's, and nobody starves."""
    got = counts(run)
    starved = [task for task, number in got.items() if number < LEAST * ASKED and task != left]
    if starved:
        (task, *_) = starved
        why = (
            "it is slow, but if it gets nothing, who will notice that it is fast again?"
            if task == slow
            else "it runs, and waits for work"
        )
        return Verdict(False, f"{task} got {got[task]} of {ASKED} requests: {why}", run)
    ours, theirs = p99(run), _p99_of("round robin", seed)
    if ours > theirs / 2:
        return Verdict(
            False,
            f"p99 is {ours:.1f} s, that of round robin {theirs:.1f} s on the same requests; {slow} was slow and got {got[slow]} "
            f"of {ASKED}: what tells you that a task has much to do?",
            run,
        )
    return CORRECT


def beside(mine: Any) -> dict[str, Any]:
    """Round robin, the learner's function and two others on the same requests, one task of ten slow, for pictures."""
    if mine is ...:
        return side_by_side(COMPARED, load=0.7, slow=1)
    try:
        return side_by_side(COMPARED | {"yours": watched(mine)}, load=0.7, slow=1)
    except Exception as error:
        print(f"yours is left out: {' '.join(str(error).split()) or type(error).__name__}")
        return side_by_side(COMPARED, load=0.7, slow=1)


CHECKS: dict[str, Callable[[Any], Verdict]] = {"recall": _recall, "modify": _modify, "build": _build}
