"""Lesson 14b: its predictions, and the judges of its exercises. The breaks are in `scenes14b`."""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..cluster import Cluster
from ..events import BrokerStarted, MachineCrashed
from . import CORRECT, Prediction, Verdict, scenes14
from . import scenes14b as scenes
from .scenes14 import BALANCER, BROKERS, CLIENT

PREDICTIONS = {
    "1": Prediction(
        "Two of three must agree. One lost: two go on. Two lost: the last one finds nothing, until another is back.",
        {
            "a": "The last one is up, and may not answer alone: the two others might be alive, and only cut off. Look at the crosses from 90 s on in the second pair of bars.",
            "b": "Yes.",
            "c": "It is global: on every worker there was one already, and a dead worker gets none. Look at the blue part: nobody comes.",
            "d": "Two are enough to agree. Look at the first pair of bars: a few crosses at the start, then none.",
        },
    ),
    "2": Prediction(
        "Lines are where their driver put them: in a file of that machine, or where it shipped them to in time.",
        {
            "a": "The swarm keeps no lines. `docker service logs` fetches them from the machine, and it is gone: look at its column.",
            "b": "What was shipped lies elsewhere. Look at the last column.",
            "c": "Yes.",
            "d": "The last ones were still in a memory, and that was on the same machine. Compare `lines printed` with the last column.",
        },
    ),
    "3": Prediction(
        "A volume is a folder of one machine. The task found an empty one, and copied its messages from its mirror.",
        {
            "a": "What moved is the task. Look at `since` and `began with`: it began anew, and the volume of that name on the new machine was empty.",
            "b": "They would be, if nobody had a copy. Look at the columns `has` and `lost`.",
            "c": "Yes.",
            "d": "The managers' store holds wishes and tasks, never the data of applications. Look at `began with`: 0.",
        },
    ),
    "4": Prediction(
        "What runs, runs. But nobody can change anything, and nobody mends what breaks next.",
        {
            "a": "No visit passes a manager. Look above the first bar: no request lost.",
            "b": "Workers elect nobody: only managers vote (lesson 02). Look at what `docker` said.",
            "c": "Yes.",
            "d": "Workers run what they are told; to start a task anew, even on the same machine, takes a manager. Look at the third bar.",
        },
    ),
}


# ── compare ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def compare() -> None:
    """Print our figures beside the real ones."""
    worker, manager = scenes.row_of("a worker burns"), scenes.row_of("the manager is lost", 3)
    noticed = (worker["noticed"] - worker["fault"]) / 1e6
    decided = (manager["decided"] - manager["fault"]) / 1e6
    for what, ours, real in (
        ("a worker counts as down", f"{noticed:.1f} s", "9 to 16.5 s; recorded: 12.3 s"),
        ("a new leader", f"{decided:.1f} s", "9 to 19 s; recorded: 9.5 s"),
        (
            "masters, one of three lost",
            f"2: {_goes_on('one Elasticsearch lost')}",
            "minimum 2, as in the deck's file: goes on",
        ),
        (
            "masters, two of three lost",
            f"1: {_goes_on('a second one lost')}",
            "minimum 2: no master, nothing is written",
        ),
    ):
        print(f"{what:28} {ours:12} real: {real}")


def _goes_on(name: str) -> str:
    """Whether questions are answered after the others have missed a search node."""
    row = scenes.row_of(name)
    return "stops" if any(at > row["noticed"] for at in row["lost"]) else "goes on"


# ── recall: which bar belongs to which fault ─────────────────────────────────────────────────────────────────────────

RECALL = 141
FAULTS = ("worker", "manager", "brokers", "masters")
SIGNS = {
    "worker": "a lost worker is noticed after 9 to 16.5 s, and then its tasks have to start elsewhere",
    "manager": "when one of three managers is lost, the others choose a leader after 9 to 19 s, and no greeting is lost",
    "brokers": "brokers miss each other after a minute; visitors lose something only then, and for seconds",
    "masters": "search nodes miss each other after a minute and a half; from then on nothing is found",
}


@lru_cache
def fresh_bars(seed: int = RECALL) -> dict[str, dict[str, Any]]:
    """Four faults that nobody has seen, by their letters; `fault` of each says which it was, in `machine`."""
    runs = {
        "brokers": scenes.hell_bar(scenes.hell_cut(3, "worker-3", seed), ""),
        "manager": scenes.manager_bar(_manager_only(seed), ""),
        "masters": scenes.masters_bar(scenes.search_lost(3, seed), ""),
        "worker": scenes.worker_bar(scenes.worker_burns(3, "worker-3", seed), ""),
    }
    return {letter: row | {"machine": name} for letter, (name, row) in zip("ABCD", runs.items(), strict=True)}


def _manager_only(seed: int) -> Cluster:
    cluster = scenes.evening(3, seed)
    scenes.visited(cluster, 10, 40)
    cluster.crash("manager-1")
    cluster.run_for(40)
    return cluster


def show_bars() -> None:
    """Draw them, without a word on what they are."""
    from ..viz.charts import draw_outage, show, tell_outage

    hidden = ("waiting", "real")
    rows = [
        {name: value for name, value in row.items() if name not in hidden} | {"title": letter}
        for letter, row in fresh_bars().items()
    ]
    show(draw_outage(rows), tell_outage(rows))


def _recall(answer: Any) -> Verdict:
    told = (
        {str(letter).strip().upper(): fault for letter, fault in answer.items()} if isinstance(answer, Mapping) else {}
    )
    if sorted(told) != ["A", "B", "C", "D"]:
        return Verdict(False, 'answer with a fault for each letter, as {"A": "worker", …}')
    for letter, row in fresh_bars().items():
        given, true = str(told[letter]).strip().lower(), row["machine"]
        if given not in SIGNS:
            return Verdict(False, f"{letter}: {told[letter]!r} is none of {', '.join(FAULTS)}")
        if given != true:
            return Verdict(False, f"{letter} is not {given}: {SIGNS[given]}. Look at {letter}: {_looks(row)}")
    return CORRECT


def _looks(row: Mapping) -> str:
    """What a bar shows, in a few words."""
    noticed, healed = ((row[name] - row["fault"]) / 1e6 for name in ("noticed", "healed"))
    return f"noticed after {noticed:.0f} s, healed after {healed:.0f} s, {len(row['lost'])} lost"


# ── modify: a label that keeps a broker with its volume, and its price ───────────────────────────────────────────────

UNSEEN = (201, 202)
BROKER, KEPT = BROKERS[1], "rabbit2"
AWAY = 120  # seconds for which its machine is gone
TWICE = "{count} tasks say that they are {name}, each with a volume of its own: whose messages are {name}'s? A broker is there once; the two others are its reserve"


def typed(cluster: Cluster, commands: str) -> None:
    """Docker commands, a line each; ValueError with what docker said if it refuses one."""
    for line in filter(None, (text.partition("#")[0].strip() for text in commands.splitlines())):
        said = cluster.docker(line.removeprefix("docker "))
        if said.exit_code:
            unended = f"`{line}` does not end: what it waits for does not come"
            raise ValueError(f"docker says: {said.stderr.strip().splitlines()[0]}" if said.stderr.strip() else unended)


def kept_with(commands: str, seed: int | None = None) -> Cluster:
    """Greetings, these commands, and half a minute later the machine of the broker dies, and comes back."""
    cluster = scenes.evening(1, seed)
    scenes.visited(cluster, 10, 270)
    cluster.run_for(20)
    typed(cluster, commands)
    cluster.run_for(30)
    machine = place(cluster)
    if machine:
        cluster.crash(machine)
        cluster.run_for(AWAY)
        cluster.restart(machine)
        cluster.run_for(60)
    return cluster


def place(cluster: Cluster, service: str = BROKER) -> str:
    """The machine on which a service of one task runs; '' if it does not."""
    return next((run.machine for run in cluster.running if run.service == service), "")


def missing(cluster: Cluster) -> float:
    """For how many seconds after the crash the broker did not run."""
    crash = cluster.trace.of(MachineCrashed)[-1].time
    starts = (record.time for record in cluster.trace.of(BrokerStarted) if record.fact.broker == KEPT)
    return (next(time for time in starts if time > crash) - crash) / 1e6


def _modify(answer: Any) -> Verdict:
    if not isinstance(answer, str) or not answer.strip():
        return Verdict(
            False, 'answer with docker commands, a line each, as "docker node update --label-add … worker-1"'
        )
    for seed in UNSEEN:
        try:
            cluster = kept_with(answer, seed)
        except ValueError as error:
            return Verdict(False, str(error))
        if text := _not_kept(cluster):
            return Verdict(False, text, cluster)
    return CORRECT


def _not_kept(cluster: Cluster) -> str:
    """What is wrong with a broker that should have stayed with its volume; '' if nothing is."""
    starts = [record for record in cluster.trace.of(BrokerStarted) if record.fact.broker == KEPT]
    crash = cluster.trace.of(MachineCrashed)
    home, last = starts[0].source, starts[-1]
    if BROKER not in {each.spec.name for each in cluster.services}:
        return f"there is no service {BROKER} any more"
    if not crash:
        return f"{KEPT} runs nowhere. Look at the error in `docker service ps {BROKER}`: does any node have what its constraint asks for?"
    if crash[0].source != home:
        return f"{KEPT} was sent to {crash[0].source} at once, and began with {starts[1].fact.messages} messages: its volume is on {home}"
    if last.source != home:
        return f"{home} died, and {KEPT} was started on {last.source} with an empty volume: nothing keeps it away. Look at the constraints in `docker service inspect {BROKER}`"
    if last is starts[0] or last.time < crash[0].time:
        return f"{home} is back, and {KEPT} is not. Look at `docker service ps {BROKER}`"
    if (count := sum(run.service == BROKER for run in cluster.running)) > 1:
        return TWICE.format(count=count, name=KEPT)
    lacking = {BROKERS[0], BROKERS[2], CLIENT, BALANCER} - {run.service for run in cluster.running}
    return f"{', '.join(sorted(lacking))} runs no more: only {KEPT} should be bound" if lacking else ""


LABEL = f"node update --label-add broker=2 worker-2\nservice update --detach --constraint-add node.labels.broker==2 {BROKER}"


@lru_cache
def prices(seed: int = UNSEEN[0]) -> tuple[float, float]:
    """How long the broker is missing when its machine is gone for two minutes: with the label, and without."""
    return missing(kept_with(LABEL, seed)), missing(kept_with("", seed))


def _price(answer: Any) -> Verdict:
    if isinstance(answer, bool) or not isinstance(answer, int | float) or not -1e9 < answer < 1e9:
        return Verdict(False, "answer with a number of seconds, as 30")
    bound, free = prices()
    if abs(answer - bound) <= 20:
        return Verdict(
            True, f"{bound:.0f} s, and {free:.0f} s without the label. Until then two of three brokers do the work"
        )
    if abs(answer - free) <= 15:
        return Verdict(False, f"about {free:.0f} s is what it takes to start it elsewhere, and that you have forbidden")
    if answer < free:
        return Verdict(False, "its machine has no power: nothing runs on it, and it may run nowhere else")
    return Verdict(
        False, f"it may start as soon as its machine is back, after {AWAY} s. How long does a broker take to start?"
    )


# ── build: any one machine may die ───────────────────────────────────────────────────────────────────────────────────

GOAL = 10  # seconds in which half of the greetings, or more, are lost
MACHINES = ("manager-1", *scenes.WORKERS)


def with_file(text: str, seed: int | None = None) -> Cluster:
    """The lab after a minute, its last stack deployed from two files: the lab's, and this text."""
    cluster = scenes14.lab(seed)
    scenes14.deploy(cluster, *scenes14.STACKS[:-1])
    with TemporaryDirectory() as folder:
        mine = Path(folder, "mine.yml")
        mine.write_text(text, encoding="utf-8")
        files = f"-c {scenes14.root() / 'data/stacks/rabbitmq.yml'} -c {mine}"
        said = cluster.docker(f"stack deploy --detach=true {files} rabbitmq")
        if said.exit_code:
            raise ValueError(f"docker says: {said.stderr.strip().replace(f'{folder}/', '').splitlines()[0]}")
    cluster.run_for(scenes.READY)
    return cluster


def loses(cluster: Cluster, machine: str) -> Cluster:
    """A fork of it in which this machine dies while people greet."""
    future = cluster.fork()
    door = "worker-2" if machine == "worker-1" else "worker-1"
    scenes.visited(future, 20, 35, door=door)
    future.crash(machine)
    future.run_for(30)
    return future


def bad_seconds(cluster: Cluster) -> int:
    """In how many seconds after the crash half of the greetings or more were lost."""
    fault, asked, lost = cluster.trace.of(MachineCrashed)[0].time, Counter[int](), Counter[int]()
    for row in cluster.trace.requests:
        if row.arrived >= fault:
            second = (row.arrived - fault) // scenes.SECOND
            asked[second] += 1
            lost[second] += row.status != 200
    return sum(2 * lost[second] >= asked[second] for second in asked)


def tries(text: str, seed: int | None = None) -> dict[str, int]:
    """Each machine dies in a fork of its own: seconds in which half of the greetings or more were lost."""
    cluster = with_file(text, seed)
    return {machine: bad_seconds(loses(cluster, machine)) for machine in MACHINES}


def _build(answer: Any) -> Verdict:
    if not isinstance(answer, str) or not answer.strip():
        return Verdict(False, "answer with the text of a stack file: what should be different from the lab's")
    for seed in UNSEEN:
        try:
            cluster = with_file(answer, seed)
        except ValueError as error:
            return Verdict(False, str(error))
        if text := _not_up(cluster):
            return Verdict(False, text, cluster)
        for machine in MACHINES:
            run = loses(cluster, machine)
            if (bad := bad_seconds(run)) > GOAL:
                return Verdict(False, _too_long(cluster, machine, bad), run)
    return Verdict(True, f"each of {len(MACHINES)} machines may die")


def _not_up(cluster: Cluster) -> str:
    """What is wrong before anything breaks; '' if nothing is."""
    count = Counter(run.service for run in cluster.running)
    for service in BROKERS:
        if count[service] > 1:
            name = service.partition("_")[2]
            return TWICE.format(count=count[service], name=name)
    if nowhere := [name for name in (CLIENT, BALANCER, *BROKERS) if not count[name]]:
        return f"after a minute {', '.join(nowhere)} runs nowhere. Look at `docker service ps {nowhere[0]}`"
    answer = cluster.fork().request(scenes14.DOOR)
    passed = [name.rpartition(".")[0] for what, _, name in answer.hops if what == "task"]
    if answer.status != 200 or passed[:2] != [CLIENT, BALANCER] or passed[-1] not in BROKERS:
        return f"before anything breaks, a greeting passes {', '.join(passed) or 'no task'}, and the answer is {answer.status}: it should pass {CLIENT}, {BALANCER} and a broker"
    return ""


def _too_long(cluster: Cluster, machine: str, bad: int) -> str:
    """Which loss takes too long, and what ran only there."""
    places: dict[str, set[str]] = {}
    for run in cluster.running:
        places.setdefault(run.service, set()).add(run.machine)
    alone = [name.partition("_")[2] for name in (CLIENT, BALANCER) if places[name] == {machine}]
    why = f"{' and '.join(alone)} ran only there" if alone else f"look at what ran on {machine}"
    return f"{machine} dies, and for {bad} s half of the greetings or more are lost: {why}"


CHECKS: dict[str, Callable[[Any], Verdict]] = {
    "recall": _recall,
    "modify": _modify,
    "price": _price,
    "build": _build,
}
