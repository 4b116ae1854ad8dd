"""Lesson 00: its predictions, and the judges of its exercises."""

from collections.abc import Callable
from math import isfinite
from random import Random

from ..cluster import Cluster
from ..events import MachineCrashed
from ..viz.frames import outage
from . import CORRECT, Prediction, Verdict

SITE = "http://{}:5000/"
DEPLOY = "stack deploy -c data/stacks/voting.yml vote"
INSTANTS = ("fault", "noticed", "decided", "healed")

PREDICTIONS = {
    "1": Prediction(
        "Nothing brings it back: nobody was asked to keep it running.",
        {
            "a": "Docker on its own knows one machine, so no other machine has ever heard of your container.",
            "b": "Yes.",
            "c": "An engine starts again what it was told to restart; `docker run` alone does not tell it that.",
        },
    ),
    "2": Prediction(
        "Visitors notice nothing: no request passes through the leader.",
        {
            "a": "Yes, as long as they do not ask the dead machine itself.",
            "b": "The leader does not serve the site. Read the hops of a visit: it is in none of them.",
            "c": "Look at the slowest visits, printed above: hundredths of a second with and without a leader. Who waits for one, waits seconds.",
        },
    ),
    "3": Prediction(
        "First a manager must notice (9 to 16.5 s of missing heartbeats), then a new task waits its restart delay (5 s).",
        {
            "a": "Look at the instant of the fault with the lens on the leader: it still counts the dead task as running.",
            "b": "5 s is the restart delay, the last part. Look at the first part of the bar: no manager knows yet.",
            "c": "Yes, about that.",
            "d": "Nobody typed anything: the managers compare what is wanted with what is, all the time.",
        },
    ),
    "4": Prediction(
        "The container is dead and stays dead. Another task, with another ID, is born to fill the slot.",
        {
            "m": "Look at the lanes: one ends, another begins. Nothing travels between nodes; what it had in memory is lost.",
            "r": "When worker-1 boots again its old task is over. Whoever fills the slot by then keeps it: nothing moves back.",
            "n": "Yes.",
        },
    ),
    "5": Prediction(
        "8 s without a heartbeat is not yet death; 30 s is. Then the slot is filled elsewhere, and when the frozen machine "
        "goes on, unaware, one slot runs twice until it hears the news.",
        {
            "a": "Nobody can tell a frozen machine from a dead one. Look at the count of running tasks in the middle of the run.",
            "b": "Try 8: three heartbeat periods are not over yet, so nothing at all happens.",
            "c": "Yes.",
        },
    ),
}


def site(seed: int, **options) -> Cluster:
    """Three managers, four workers and the voting application, all of it running."""
    cluster = Cluster(managers=3, workers=4, seed=seed, **options)
    cluster.docker(DEPLOY)
    assert cluster.run_until(all_filled, limit=60)
    cluster.run_for(2)
    return cluster


def all_filled(cluster: Cluster) -> bool:
    """Every slot of every service has a task that runs: all outlines are filled."""
    slots = {(task.service, task.slot) for task in cluster.running}
    filled = [service for service, _ in sorted(slots)]
    return bool(cluster.services) and all(filled.count(s.spec.name) == s.spec.replicas for s in cluster.services)


def compare(bars: list[dict]) -> None:
    """Print the waits of the two outages, the leader's and the worker's, beside those of the real engine."""
    leader, worker = bars
    lines = (
        ("a dead worker counts as down after", worker["noticed"] - worker["fault"], "9.0 to 16.5 s, on average 12.5 s"),
        ("its tasks run elsewhere after another", worker["healed"] - worker["noticed"], "5 s, then pull and start"),
        ("a dead leader is replaced after", leader["decided"] - leader["fault"], "9 to 19 s, 9.5 s in our recording"),
    )
    for what, wait, real in lines:
        print(f"{what:38} {wait / 1e6:4.1f} s;  the real engine: {real}")


# ── recall: the four instants of a run that nobody has seen ──────────────────────────────────────────────────────


def fresh_run() -> Cluster:
    """A run for the recall exercise: one worker dies, and the swarm heals."""
    cluster = site(seed=2063)
    cluster.run_for(3.7)
    cluster.crash("worker-3")
    cluster.run_until(all_filled, limit=60)
    cluster.run_for(5)
    return cluster


def recall(answer: dict) -> Verdict:
    """Seconds of `fault`, `noticed`, `decided` and `healed`, to half a second."""
    if not isinstance(answer, dict) or not all(_is_number(answer.get(name, 0)) for name in INSTANTS):
        return Verdict(False, 'give a dictionary like {"fault": 1.0, "noticed": 2.0, …}, with numbers of seconds.')
    missing = [name for name in INSTANTS if name not in answer]
    if missing:
        return Verdict(False, f"the dictionary has no {missing[0]!r}.")
    cluster = fresh_run()
    row = outage(cluster.trace, cluster.trace.of(MachineCrashed)[0])
    distance = {name: answer[name] - row[name] / 1e6 for name in INSTANTS}
    if all(abs(off) <= 0.5 for off in distance.values()):
        return CORRECT
    if abs(answer["fault"]) <= 0.5:
        return Verdict(False, "the times are those of the slider, not since the fault.", cluster)
    if max(answer.values()) > 1000:
        return Verdict(False, "in seconds, please, not in microseconds.", cluster)
    first = next(name for name in INSTANTS if abs(distance[name]) > 0.5)
    return Verdict(False, f"{first} is {HINTS[first]}; yours is {abs(distance[first]):.1f} s off.", cluster)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and isfinite(value)


HINTS = {
    "fault": "when the machine is crossed out on the board",
    "noticed": "when the leader has missed three heartbeats",
    "decided": "when a new task for the slot is written down",
    "healed": "when the last outline is filled again",
}

# ── modify: the site answers, but nothing can be changed ─────────────────────────────────────────────────────────


def modify(machines: list[str]) -> Verdict:
    """Names of machines to crash: the site must go on answering, and a deploy must be refused."""
    if not isinstance(machines, list | tuple | set) or not all(isinstance(name, str) for name in machines):
        return Verdict(False, 'give a list of names, like ["manager-1", "worker-1"].')
    names = list(machines)
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        return Verdict(False, f"name {twice[0]} once.")
    for seed in (31, 77, 1234):
        verdict = _try_both(names, site(seed), seed)
        if not verdict.correct:
            return verdict
    fewest = sum(name.startswith("manager") for name in names) == 2 and len(names) == 2
    return CORRECT if fewest else Verdict(True, "With how few machines can you do it?")


def _try_both(names: list[str], cluster: Cluster, seed: int) -> Verdict:
    for name in names:
        if name not in cluster.computers:
            return Verdict(False, f"no machine is called {name}.")
        cluster.crash(name)
    cluster.run_for(45)
    alive = [name for name in cluster.computers if name.startswith("worker") and cluster.machines[name].running]
    answers = [cluster.request(SITE.format(name)).ok for name in alive for _ in range(2)]
    if not answers or not all(answers):
        return Verdict(False, f"with seed {seed} the site does not answer on every worker that is left.", cluster)
    if cluster.docker("service create -d --name another nginx").exit_code == 0:
        text = f"with seed {seed} `service create` still works: ask how many managers must agree."
        return Verdict(False, text, cluster)
    return CORRECT


# ── build: healed(cluster) for run_until ─────────────────────────────────────────────────────────────────────────


def build(healed: Callable[[Cluster], bool]) -> Verdict:
    """True when every slot is filled, in truth, and only then: in quiet, after a crash, after a freeze and a second
    crash, with other numbers of replicas; on 20 seeds."""
    if not callable(healed):
        return Verdict(False, 'give the function itself: check("00.build", healed).')
    ready = {replicas: _scaled(site(seed=500, messages=False), replicas) for replicas in (2, 3)}
    for seed in range(20):
        verdict = _judge_run(healed, ready[2 + seed % 2].fork(), Random(seed), seed)
        if not verdict.correct:
            return verdict
    return CORRECT


def _scaled(cluster: Cluster, replicas: int) -> Cluster:
    cluster.docker(f"service scale -d vote_vote={replicas}")
    cluster.run_for(10)
    return cluster


def _judge_run(healed: Callable[[Cluster], bool], cluster: Cluster, dice: Random, seed: int) -> Verdict:
    """Two faults, one after the other; what is asked is judged every half second."""
    one, other = dice.sample([f"worker-{n}" for n in (1, 2, 3, 4)], 2)
    cluster.run_for(10 * dice.random())
    faults = [lambda: cluster.crash(one), lambda: cluster.crash(other)]
    if seed % 4 > 1:  # a machine that comes back runs what has been replaced meanwhile: for a moment a slot runs twice
        faults[0] = lambda: cluster.freeze(one, 20.3)
    for fault in [lambda: None, *faults]:
        fault()
        for _ in range(90):
            verdict = _judge_instant(healed, cluster, seed)
            if not verdict.correct:
                return verdict
            twice = len(cluster.running) > len({(task.service, task.slot) for task in cluster.running})
            if twice or (fault not in faults):
                break
            cluster.run_for(0.5)
    return CORRECT


def _judge_instant(healed: Callable[[Cluster], bool], cluster: Cluster, seed: int) -> Verdict:
    before, full, said = cluster.now, all_filled(cluster), bool(healed(cluster))
    if cluster.now != before:
        return Verdict(False, "it lets time pass by itself; that is for run_until to do.")
    if full == said:
        return CORRECT
    if full:
        return Verdict(
            False, f"in run {seed} every slot is filled at {cluster.now:.1f} s, and it does not say so.", cluster
        )
    filled = {(task.service, task.slot) for task in cluster.running}
    wanted = {(task.service_name, task.slot) for task in cluster.tasks}
    slots = ", ".join(f"{service}.{slot}" for service, slot in sorted(wanted - filled))
    return Verdict(False, f"in run {seed} it says healed at {cluster.now:.1f} s, but {slots} is empty.", cluster)


CHECKS = {"recall": recall, "modify": modify, "build": build}
