"""Lesson 00: its predictions, and the judges of its exercises."""

from collections.abc import Callable
from random import Random

from ..cluster import Cluster
from ..events import MachineCrashed
from ..objects import RUNNING
from ..viz.frames import outage
from . import CORRECT, Prediction, Verdict

SITE = "http://{}:5000/"
DEPLOY = "stack deploy -c data/stacks/voting.yml vote"

PREDICTIONS = {
    "1": Prediction(
        "Nothing brings it back: nobody was asked to keep it running.",
        {
            "a": "Docker on its own knows one machine, so no other machine has ever heard of your container.",
            "b": "An engine starts again what it was told to restart; `docker run` alone does not tell it that.",
            "c": "Yes.",
        },
    ),
    "2": Prediction(
        "Visitors notice nothing: no request passes through the leader.",
        {
            "a": "The leader does not serve the site. Read the hops of a request: it is in none of them.",
            "b": "Ask again while there is no leader and compare the latencies: they are what they were.",
            "c": "Yes, as long as they do not ask the dead machine itself.",
        },
    ),
    "3": Prediction(
        "First somebody must notice (9 to 16.5 s of missing heartbeats), then a new task waits its restart delay (5 s).",
        {
            "a": "Look at the instant of the fault with the lens on the leader: it still counts the dead tasks as running.",
            "b": "The 5 s restart delay is the second part. Look at the first segment of the bar: nobody knows yet.",
            "c": "Yes.",
            "d": "Nobody typed anything: the managers compare what is with what should be, all the time.",
        },
    ),
}


def site(seed: int, **options) -> Cluster:
    """Three managers, four workers and the voting application, all of it running."""
    cluster = Cluster(managers=3, workers=4, seed=seed, **options)
    cluster.docker(DEPLOY)
    assert cluster.run_until(is_healed, limit=60)
    cluster.run_for(2)
    return cluster


def is_healed(cluster: Cluster) -> bool:
    """Every slot of every service has a task that runs: all outlines are filled."""
    slots = {(task.service, task.slot) for task in cluster.running}
    filled = [service for service, _ in sorted(slots)]
    return bool(cluster.services) and all(filled.count(s.spec.name) == s.spec.replicas for s in cluster.services)


# ── recall: the four instants of a run that nobody has seen ──────────────────────────────────────────────────────


def fresh_run() -> Cluster:
    """A run for the recall exercise: one worker dies, and the swarm heals."""
    cluster = site(seed=2063)
    cluster.run_for(3.7)
    cluster.crash("worker-3")
    cluster.run_until(is_healed, limit=60)
    cluster.run_for(5)
    return cluster


def recall(answer: dict) -> Verdict:
    """Seconds of `fault`, `noticed`, `decided` and `healed`, to half a second."""
    if not isinstance(answer, dict):
        return Verdict(False, 'the answer is a dictionary: {"fault": …, "noticed": …, "decided": …, "healed": …}')
    cluster = fresh_run()
    row = outage(cluster.trace, cluster.trace.of(MachineCrashed)[0])
    for instant in ("fault", "noticed", "decided", "healed"):
        if instant not in answer:
            return Verdict(False, f"the dictionary has no {instant!r}")
        if not isinstance(answer[instant], int | float):
            return Verdict(False, f"{instant} is a number of seconds, not {answer[instant]!r}.")
        distance = abs(answer[instant] - row[instant] / 1e6)
        if distance > 0.5:
            return Verdict(False, f"{instant} is {HINTS[instant]}; yours is {distance:.1f} s off.", cluster)
    return CORRECT


HINTS = {
    "fault": "when the machine is crossed out on the board",
    "noticed": "when the leader writes that the node is down",
    "decided": "when a new task for the slot is written",
    "healed": "when the last outline is filled again",
}

# ── modify: the site answers, but nothing can be changed ─────────────────────────────────────────────────────────


def modify(machines: list[str]) -> Verdict:
    """Names of machines to crash: the site must go on answering, and a deploy must be refused."""
    if not isinstance(machines, list | tuple | set):
        return Verdict(False, 'the answer is a list of names: ["manager-1", "worker-1"]')
    for seed in (31, 77, 1234):
        cluster = site(seed)
        for machine in machines:
            cluster.crash(machine)
        cluster.run_for(45)
        alive = [name for name in cluster.computers if name.startswith("worker") and cluster.machines[name].running]
        answers = [cluster.request(SITE.format(name)).ok for name in alive for _ in range(2)]
        if not answers or not all(answers):
            return Verdict(False, f"with seed {seed} the site does not answer on every worker that is left.", cluster)
        if cluster.docker("service create -d --name another nginx").exit_code == 0:
            return Verdict(
                False, f"with seed {seed} a deploy is still accepted: the managers left are a majority.", cluster
            )
    return CORRECT


# ── build: healed(cluster) for run_until ─────────────────────────────────────────────────────────────────────────


def build(healed: Callable[[Cluster], bool]) -> Verdict:
    """True when every slot is filled, in truth; never true with an empty slot; true in the end, on 20 seeds."""
    if not callable(healed):
        return Verdict(False, "the answer is a function: def healed(cluster): return …")
    ready = site(seed=500, messages=False)
    for seed in range(20):
        dice = Random(seed)
        cluster = ready.fork()
        cluster.run_for(10 * dice.random())
        cluster.crash(f"worker-{dice.randint(1, 4)}")
        verdict = _judge_healed(healed, cluster, seed)
        if not verdict.correct:
            return verdict
    return CORRECT


def _judge_healed(healed: Callable[[Cluster], bool], cluster: Cluster, seed: int) -> Verdict:
    for _ in range(120):
        full, said = is_healed(cluster), bool(healed(cluster))
        if said and not full:
            empty = sorted(
                {(t.service_name, t.slot) for t in cluster.tasks} - {(t.service, t.slot) for t in cluster.running}
            )
            slots = ", ".join(f"{service}.{slot}" for service, slot in empty)
            return Verdict(
                False, f"in run {seed} it says healed at {cluster.now:.1f} s, but {slots} is empty.", cluster
            )
        if full and all(task.state == RUNNING for task in cluster.tasks if task.desired == RUNNING):
            if said:
                return CORRECT
        cluster.run_for(0.5)
    return Verdict(False, f"in run {seed} every slot is filled again, and it never says so.", cluster)


CHECKS = {"recall": recall, "modify": modify, "build": build}
