"""Lesson 14: its predictions, and the judges of its exercises. The lab is in `scenes14`."""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from ..cluster import Cluster
from ..viz.callfold import shares
from . import CORRECT, Prediction, Verdict
from .scenes14 import BALANCER, BROKERS, CLIENT, READY, STACKS, deploy, evening, greeted, lab, p99, rows, scale

PREDICTIONS = {
    "1": Prediction(
        "A global service wants a task on every node that fits its constraints: Elasticsearch fits only on workers.",
        {
            "a": "A global service has no number of its own. Look at MODE in `service ls`: there is no `replicas` in its file.",
            "b": "Nothing was tried yet: 0/3 is what is wanted. Look at the why-board: the manager fails a filter.",
            "c": "Yes.",
        },
    ),
    "2": Prediction(
        "Three: the client, the balancer that is called `rabbit`, and one of the three brokers behind it.",
        {
            "a": "The client asks others before it answers. Look at the lower bars: it waits for them.",
            "b": "`rabbit` is no broker, but the balancer before three of them. Look at the second bar.",
            "c": "Yes.",
            "d": "The balancer chooses one broker for each request. Look at the lowest bar: there is one.",
        },
    ),
    "3": Prediction(
        "Less than twice: now the brokers are the narrowest place, and they are as many as before.",
        {
            "a": "That would be so if the clients did all the work. Look at the right panel: where do requests wait now?",
            "b": "Yes.",
            "c": "The balancer only hands on; nobody waits there. Look at the bar of `rabbit.1` in both panels.",
        },
    ),
}


# ── compare ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def compare() -> None:
    """Print our figures beside the deck's."""
    cluster = evening()
    ports = cluster.docker("service ls --format '{{.Ports}}'").stdout.count("->")
    for what, ours, real in (
        ("services", len(cluster.services), "14 in the slide's list"),
        ("tasks", len(cluster.running), "22: the sum of the slide's REPLICAS"),
        ("published ports", ports, "ten"),
    ):
        print(f"{what:16} {ours:3}   the deck: {real}")


# ── recall: the path of a fresh greeting ─────────────────────────────────────────────────────────────────────────────

RECALL, ASKED = 14, "worker-3"


class Greeting(NamedTuple):
    """A greeting that nobody has seen, and what docker says of the tasks."""

    cluster: Cluster
    broker: str  # rabbit2
    lines: tuple[str, ...]
    path: tuple[str, ...]  # machines: where it was asked, the client's, the balancer's, the broker's


@lru_cache
def fresh_greeting(seed: int = RECALL) -> Greeting:
    """The lab deployed in another order, so that its tasks lie otherwise; it has greeted some people before."""
    cluster = lab(seed)
    deploy(cluster, *reversed(STACKS))
    cluster.run_for(READY)
    greeted(cluster, 20, 2)
    answer = cluster.request(f"http://{ASKED}:5000/greeting?message=Hello")
    passed = [(name, machine) for what, machine, name in answer.hops if what == "task"]
    broker = passed[-1][0].rpartition(".")[0]
    lines = []
    for service in CLIENT, BALANCER, *BROKERS:
        told = cluster.docker(f"service ps {service} --format '{{{{.Name}}}} on {{{{.Node}}}}'").stdout
        lines += told.split("\n")[:-1]
    return Greeting(cluster, broker.partition("_")[2], tuple(lines), (ASKED, *(machine for _, machine in passed)))


def show_greeting(greeting: Greeting) -> None:
    """Print where the tasks are, and what is known of the greeting."""
    print(*greeting.lines, sep="\n")
    print(f"a visitor asks http://{ASKED}:5000/greeting; the balancer chooses {greeting.broker}")


def _recall(answer: Any) -> Verdict:
    greeting = fresh_greeting()
    if not isinstance(answer, Sequence) or isinstance(answer, str):
        return Verdict(False, 'answer with machines in order, as ["worker-1", "worker-2"]')
    given, path = tuple(answer), greeting.path
    if given == path:
        return CORRECT
    if not given or given[0] != path[0]:
        text = f"the visitor asked {ASKED}: the port is open on every node, whether a task is there or not. Begin there"
    elif len(given) < len(path):
        text = f"{len(given)} machines are too few: name one for the open port and one for each task, even if it is the same. `rabbit` is the balancer, and {greeting.broker} is behind it"
    elif len(given) > len(path):
        text = f"{len(given)} machines are too many: one for the open port, then one for each task. The balancer chooses one broker only"
    else:
        stop = next(n for n, (mine, true) in enumerate(zip(given, path, strict=True)) if mine != true)
        who = ("the port", "python-client", "rabbit, the balancer,", greeting.broker)[stop]
        text = f"{who} is not on {given[stop]}: look at its line in `service ps`"
    return Verdict(False, text, greeting.cluster)


# ── modify: a goal for 99 of 100 visitors, with the fewest tasks ─────────────────────────────────────────────────────

RATE, GOAL, UNSEEN = 170, 200, (101, 102, 103)  # a second, ms, seeds


def tried(commands: str, seed: int | None = None, seconds: float = 20) -> tuple[Cluster, str]:
    """The lab after these docker commands, then under load: the cluster, and the name of the load."""
    cluster = evening(seed)
    for line in filter(None, map(str.strip, commands.splitlines())):
        said = cluster.docker(line.removeprefix("docker "))
        if said.exit_code:
            raise ValueError(said.stderr.strip().splitlines()[0])
    cluster.run_for(20)
    return cluster, greeted(cluster, RATE, seconds)


def _modify(answer: Any) -> Verdict:
    if not isinstance(answer, str) or not answer.strip():
        return Verdict(False, 'answer with docker commands, a line each, as "docker service scale name=2"')
    for seed in UNSEEN:
        before = Counter(run.service for run in evening(seed).running)
        try:
            cluster, load = tried(answer, seed)
        except ValueError as error:
            return Verdict(False, f"docker says: {error}")
        if text := _short_of_the_goal(cluster, load, _more(cluster, before)):
            return Verdict(False, text, cluster)
    return CORRECT


def _more(cluster: Cluster, before: Counter) -> int:
    """How many tasks run that did not run before; fewer of another service are no excuse."""
    return (Counter(run.service for run in cluster.running) - before).total()


def _short_of_the_goal(cluster: Cluster, load: str, more: int) -> str:
    """What is wrong with such a lab under load; '' if nothing is."""
    slowest = p99(cluster, load)
    if slowest > GOAL:
        found = shares(rows(cluster, load))
        if not found:
            return "nobody is answered at all"
        place = max(found, key=lambda share: share.queued).task.partition("_")[2]
        told = "not all are answered" if slowest == float("inf") else f"the p99 is {slowest:.0f} ms"
        return f"{told}: requests wait longest at {place}. More tasks elsewhere do not help"
    if more > 1:
        return f"the p99 is {slowest:.0f} ms, with {more} tasks more than before: fewer are enough"
    return ""


# ── build: a dashboard that flags the narrowest service ──────────────────────────────────────────────────────────────


class Plant(NamedTuple):
    """A lab with a bottleneck of which we know where it is."""

    title: str
    services: tuple[str, ...]  # any of them is right
    rate: float  # greetings a second to the python client
    clients: int = 1
    slow: str = ""  # a task whose machine gives it less
    pace: float = 1.0


PLANTS = (
    Plant("many visitors, one client", (CLIENT,), 115),
    Plant("a broker on a slow machine", (BROKERS[1],), 130, 3, f"{BROKERS[1]}.1", 0.4),
    Plant("many visitors, three clients", BROKERS, 235, 3),
)


@lru_cache(maxsize=8)
def planted(number: int = 0, seed: int | None = None) -> Cluster:
    """The lab after twenty seconds with this bottleneck."""
    plant = PLANTS[number]
    cluster = evening(seed)
    if plant.clients > 1:
        scale(cluster, CLIENT, plant.clients)
    if plant.slow:
        cluster.pace(plant.slow, plant.pace)
    greeted(cluster, plant.rate, 20)
    return cluster


def table(cluster: Cluster) -> Any:
    """What a dashboard knows of each task: a pandas table with service, task, cpu, requests, took_ms and waited_ms."""
    import pandas as pd

    cpu = {row.task: row.cpu for row in cluster.measured() if row.service}
    return pd.DataFrame(
        [
            {
                "service": share.task.rpartition(".")[0],
                "task": share.task,
                "cpu": cpu.get(share.task, 0.0),
                "requests": share.requests,
                "took_ms": round(share.took / 1000, 1),
                "waited_ms": round(share.queued / 1000, 1),
            }
            for share in shares(rows(cluster))
        ]
    )


def _build(function: Any) -> Verdict:
    if not callable(function):
        return Verdict(False, "write a function: def narrowest(table): return a service's name")
    for number, plant in enumerate(PLANTS):
        cluster = planted(number, UNSEEN[number])
        given = function(table(cluster))
        if str(given) not in plant.services:
            return Verdict(False, _not_narrowest(plant, given), cluster)
    return Verdict(True, "three bottlenecks found")


def _not_narrowest(plant: Plant, given: Any) -> str:
    if given == CLIENT:
        return f"{plant.title}: not {CLIENT}. Who stands in front is always the slowest, for it waits for all behind: look at where requests wait for their turn"
    if given == BALANCER:
        return (
            f"{plant.title}: not {BALANCER}. Every request passes it, and none waits there: many requests are no queue"
        )
    if not isinstance(given, str) or given.rpartition(".")[0] in (CLIENT, BALANCER, *BROKERS):
        return f"{plant.title}: {given!r} is not the name of a service; the column `service` has those"
    return f"{plant.title}: not {given}. Look at the column waited_ms"


CHECKS: dict[str, Callable[[Any], Verdict]] = {"recall": _recall, "modify": _modify, "build": _build}
