"""Scenes of lesson 09: small swarms that are asked, balancers on the same arrivals, and replicas that follow the load."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from math import ceil
from typing import Any

from ..cluster import Cluster, find
from ..events import ContainerPaced, MachineCrashed
from ..overlay import hashing
from ..overlay.balancers import Backend, Request, at_random, least_connections, round_robin, two_choices
from ..rack import Computer, address_of
from ..traffic import theory
from ..traffic.measures import Run, remapped
from ..traffic.queueing import Replica, Requests, drawn, simulate
from ..traffic.workload import Constant, Diurnal, Exponential, Lognormal, Poisson, Recorded, Workload, address, counted

SECOND = 1_000_000  # µs
BALANCERS: dict[str, Callable] = {
    "random": at_random,
    "round robin": round_robin,
    "two choices": two_choices,
    "least connections": least_connections,
}

COMPARED = {title: balancer for title, balancer in BALANCERS.items() if title != "random"}

# ── in a swarm ───────────────────────────────────────────────────────────────────────────────────────────────────────


def swarm(workers: int = 3, seed: int | str = 9, **options: Any) -> Cluster:
    """A drained manager and so many workers: tasks run on the workers only."""
    names = [Computer(f"worker-{n}", "worker", address_of(n)) for n in range(1, workers + 1)]
    cluster = Cluster(computers=(Computer("manager-1", "manager", address_of(0)), *names), seed=seed, **options)
    cluster.docker("node update --availability drain manager-1")
    return cluster


def serving(replicas: int, workers: int, options: str = "", **settings: Any) -> Cluster:
    """A swarm in which so many tasks of `web` run, published at port 8080."""
    cluster = swarm(workers, **settings)
    cluster.docker(f"service create -d --name web --replicas {replicas} --publish 8080:80 {options} nginx:alpine")
    cluster.run_for(5)
    return cluster


def on_which(cluster: Cluster) -> dict[str, str]:
    """Which machine runs which task: {"web.1": "worker-1"}."""
    return {f"{run.service}.{run.slot}": run.machine for run in cluster.running}


def answers(cluster: Cluster, load: str) -> list[tuple[int, str]]:
    """(connection, who answered) for each request of a load, in the order in which they were asked."""
    chosen = sorted((one for one in cluster.trace.requests if one.load == load), key=lambda one: one.arrived)
    return [(one.connection, one.name) for one in chosen]


def since(run: Run, start: float) -> Run:
    """The same run, its seconds counted from `start`."""
    zero = round(start * SECOND)

    def moved(times: Any) -> list[int]:
        return [time - zero if time >= 0 else time for time in times]

    return run._replace(
        arrived=moved(run.arrived), started=moved(run.started), ended=moved(run.ended), done=moved(run.done)
    )


def dealt(run: Run) -> dict[str, int]:
    """How many requests each task was given, whatever became of them."""
    return {name: sum(place == n for place in run.task) for n, name in enumerate(run.tasks)}


def tell_way(way: Any) -> str:
    """The way of a packet to its task in one sentence, for `show`."""
    first, last = way.there[0], way.there[-1]
    tunnel = next(hop.outer for hop in way.there if hop.outer)
    return (
        f"{first.source} asks {first.target}; the load balancer of {way.there[1].machine} puts {seen(way)} as the sender and "
        f"{last.target} as the task; the tunnel goes from {tunnel[0]} to {tunnel[1]}; {last.machine} hands it over."
    )


def seen(way: Any) -> str:
    """Where a packet seems to come from, when it is in the task."""
    return [hop for hop in way.there if hop.layer == "container"][-1].source.rpartition(":")[0]


def visited(cluster: Cluster, url: str = "http://worker-2:8080/") -> Run:
    """A minute of visitors, 30 a second, who wait 5 s at most. Seconds count from the first."""
    start = cluster.now
    asked = drawn(Workload(Poisson(30), Exponential(0.05)), 60, None, "visited")
    load = cluster.traffic(url, asked)
    cluster.run_for(75)
    return _worked_off(cluster, since(cluster.requests(load), start), asked.work)


def _worked_off(cluster: Cluster, run: Run, works: Sequence[int]) -> Run:
    """The log of a request ends when its visitor leaves. Its task does not hear of that, and works on it in its turn: here
    is added when it was done with it."""
    speeds = {record.fact.task: record.fact.speed for record in cluster.trace.of(ContainerPaced)}
    pace = {f"{one.service}.{one.slot}": speeds.get(one.id, 1.0) for one in cluster.running}
    free, done = dict.fromkeys(range(len(run.tasks)), 0), list(run.done)
    for n, (task, arrived, work) in enumerate(zip(run.task, run.arrived, works, strict=True)):
        if done[n] < 0:
            done[n] = max(arrived, free[task]) + round(work / pace[run.tasks[task]])
        free[task] = done[n]
    return run._replace(done=done)


def backlog(run: Run, task: str, at: float) -> str:
    """Who stands before a task at a second: those that still wait, and those whose visitors have left."""
    instant, place = at * SECOND, run.tasks.index(task)
    there = [
        ended > instant
        for one, arrived, ended, done in zip(run.task, run.arrived, run.ended, run.done, strict=True)
        if one == place and arrived <= instant < done
    ]
    return f"{sum(there)} whose visitors wait, {len(there) - sum(there)} whose visitors have left"


def grown(cluster: Cluster, per_connection: int, replicas: int = 6) -> Run:
    """Half a minute of visitors with three replicas, then half a minute with more. Seconds count from the first visitor.

    40 requests a second in all, on 20 connections that stay open, or on a new one for each request.
    """
    start = cluster.now
    long = Workload(Poisson(20), Exponential(0.02), per_connection=per_connection, pause=0.48)
    short = Workload(Poisson(40), Exponential(0.02))
    url = "http://worker-1:8080/"
    load = cluster.traffic(url, long, number=20) if per_connection > 1 else cluster.traffic(url, short, seconds=60)
    cluster.run_for(30)
    cluster.docker(f"service scale --detach web={replicas}")
    cluster.run_for(start + 60 - cluster.now)
    return since(cluster.requests(load), start)


def node_dies(cluster: Cluster, url: str = "http://worker-2:8080/", **door: Any) -> Run:
    """A minute of visitors, ten a second, who give up after 2 s; after 20 s `worker-2` loses its power."""
    start = cluster.now
    visitors = Workload(Poisson(10), Exponential(0.02), timeout=2)
    load = cluster.traffic(url, visitors, seconds=60, name="visitors", **door)
    cluster.run_for(20)
    cluster.crash("worker-2")
    cluster.run_for(43)
    return since(cluster.requests(load), start)


def healing(cluster: Cluster, run: Run) -> dict:
    """The outage of the machine that lost its power, with all visitors of `node_dies` who were lost, to the end of the run."""
    from ..viz.frames import outage

    row = outage(cluster.trace, cluster.trace.of(MachineCrashed)[-1])
    return row | {"lost": [row["fault"] + time - 20 * SECOND for time in lost(run)]}


def ended(swarms: Mapping[str, Cluster], met: Mapping[str, Run]) -> list[dict]:
    """Rows for the outage bar, of those runs of `node_dies` in which nobody was lost any more when the swarm was healed."""
    rows = [healing(swarms[title], run) | {"title": f"{title};\nthe swarm's outage"} for title, run in met.items()]
    return [row for row in rows if row["healed"] and max(row["lost"], default=0) <= row["healed"]]


def lost(run: Run) -> list[int]:
    """When those asked who got no answer, µs."""
    return [time for time, ok in zip(run.arrived, run.ok, strict=True) if not ok]


def tell_lost(run: Run, after: float = 30) -> str:
    """`99 lost, 62 of them after 30 s`."""
    times = lost(run)
    return f"{len(times):3} lost, {sum(time > after * SECOND for time in times):3} of them after {after:g} s"


# ── balancers, outside a swarm ───────────────────────────────────────────────────────────────────────────────────────


def law(spread: float) -> Any:
    """A service time of mean 1 whose standard deviation is so many means."""
    return Constant(1.0) if spread == 0 else Exponential(1.0) if spread == 1 else Lognormal(1.0, spread)


def replicas_of(replicas: int, slow: int, slower: float) -> list[Replica]:
    """So many replicas, the first of them slower."""
    return [Replica(f"web.{n}", speed=1 / slower if n <= slow else 1.0) for n in range(1, replicas + 1)]


def side_by_side(
    balancers: Mapping[str, Callable],
    load: float = 0.8,
    spread: float = 1.0,
    slow: int = 0,
    slower: float = 3.0,
    replicas: int = 10,
    connection: int = 1,
    number: int = 2000,
    seed: int | str = 1,
) -> dict[str, Any]:
    """The same requests to each balancer, as rows for pictures; times are mean services.

    `load` is the share of their time that the replicas work if all work equally; `connection` is how many requests come
    on one, with a pause of about one service between them.
    """
    from ..viz.trafficfold import traffic

    there = replicas_of(replicas, slow, slower)
    rate = load * sum(one.speed for one in there) / connection
    asked = Workload(Poisson(rate), law(spread), per_connection=connection, pause=1.0 if connection > 1 else 0.0)
    late = [one.name for one in there[:slow]]
    return {
        title: traffic(
            simulate(asked, there, balancer, number=ceil(number / connection), seed=seed), slow=late, unit="×"
        )
        for title, balancer in balancers.items()
    }


# ── deeper ───────────────────────────────────────────────────────────────────────────────────────────────────────────

LOADS = (0.5, 0.65, 0.8)
FIRST, COUNTED = 3000, 1500  # requests of each run: those until it is as it will be, those that count
MANY = 100  # replicas where the formula has infinitely many


def curves() -> tuple[dict, dict]:
    """Mean times by load: what the formulas say, and what was counted as (load, mean, standard error)."""
    from ..traffic.batch import ONE_QUEUE

    lines = {
        "random": theory.mm1,
        "round robin": lambda load: theory.round_robin(10, load),
        f"two choices, {MANY}\nreplicas": lambda load: theory.supermarket(load, 2),
        "one queue": lambda load: theory.mmc(10, load),
    }
    ways = dict(zip(lines, ((at_random, 10), (round_robin, 10), (two_choices, MANY), (ONE_QUEUE, 10)), strict=True))
    fine = [0.5 + 0.01 * n for n in range(36)]
    dots = {title: [(load, *mean_time(load, *way)) for load in LOADS] for title, way in ways.items()}
    return {title: [(load, line(load)) for load in fine] for title, line in lines.items()}, dots


def mean_time(
    load: float, balancer: Any, replicas: int = 10, runs: int = 50, seed: int | str = "means", **options: Any
) -> tuple[float, float]:
    """(mean time in mean services, its standard error) over many short runs; the beginning of each is left out."""
    from ..traffic import batch

    first = FIRST if replicas < MANY else FIRST // 2  # two choices forget how it began sooner than one queue does
    asked = Workload(Poisson(load * replicas), Exponential(1.0))
    found = batch.simulate(asked, balancer, replicas, first + COUNTED, runs, seed, **options)
    return batch.mean_latency(found, first)


HASHES: dict[str, Callable] = {
    "address modulo number": hashing.modulo,
    "ring": hashing.ring_hash,
    "rendezvous": hashing.rendezvous,
    "Maglev": hashing.maglev,
}


def moved(clients: int = 2000, replicas: int = 10) -> dict[str, tuple[float, float]]:
    """For each hash: the share of clients who get another task when the last of the replicas goes, and the busiest's
    share against the fair one."""
    tasks = tuple(Backend(f"web.{n}", "") for n in range(1, replicas + 1))
    found = {}
    for title, choose in HASHES.items():
        before, after = (
            {n: choose(there, Request(n, address(n)), n).task for n in range(clients)} for there in (tasks, tasks[:-1])
        )
        held = list(before.values())
        busiest = max(held.count(task.task) for task in tasks) * replicas / clients
        found[title] = remapped(before, after), busiest
    return found


AZURE = "data/arrivals/azure_{}_per_second.csv"


def azure(kind: str) -> tuple[int, ...]:
    """How many requests came in each second of an hour: `conv` or `code`."""
    return counted(find(AZURE.format(kind)))


def real_arrivals(load: float = 0.7, replicas: int = 4) -> dict[str, Requests]:
    """Requests at the same mean load: at random instants, and all that came to a real service in an hour."""
    service = Exponential(0.5)
    rate = load * replicas / service.mean
    found = {"independent": drawn(Workload(Poisson(rate), service), 3500, None, "azure")}
    for title, kind in (("conversation", "conv"), ("code", "code")):
        counts = azure(kind)
        found[title] = drawn(Workload(Recorded(counts, rate), service), sum(counts) / rate, None, "azure")
    return found


def each_second(requests: Requests) -> list[int]:
    """How many came in each second."""
    found = Counter(time // SECOND for time in requests.arrived)
    return [found[second] for second in range(max(found) + 1)]


STEP = 10  # s between two looks


def follow(policy: Callable, seconds: int = 240) -> tuple[Run, list[tuple[float, int]]]:
    """Visitors who come and go like day and night; every ten seconds `policy(replicas, busy)` says how many replicas there
    shall be. `busy` is the share of the last ten seconds in which they worked. Returns the requests, and the replicas."""
    cluster = serving(2, 3, "--env WEB_CONCURRENCY=1")
    start, replicas = cluster.now, 2
    steps = [(0.0, replicas)]
    visitors = Workload(Diurnal(25, swing=0.8, period=seconds), Exponential(0.1))
    load = cluster.traffic("http://worker-1:8080/", visitors, seconds=seconds)
    for _ in range(seconds // STEP - 1):
        cluster.run_for(STEP)
        wanted = max(1, ceil(policy(replicas, busy(cluster, replicas))))
        if wanted != replicas:
            cluster.docker(f"service scale --detach web={wanted}")
            replicas = wanted
            steps.append((cluster.now - start, replicas))
    cluster.run_for(start + seconds + 6 - cluster.now)
    return since(cluster.requests(load), start), steps


def busy(cluster: Cluster, replicas: int) -> float:
    """The share of the last ten seconds in which the replicas worked, as far as answers tell."""
    begin = round((cluster.now - STEP) * SECOND)
    worked = 0
    for one in reversed(cluster.trace.requests):
        if one.ended < begin:
            break
        worked += max(0, one.done - max(begin, one.started)) if one.started >= 0 else 0
    return worked / (STEP * SECOND * replicas)


def reserve(steps: list[tuple[float, int]], seconds: float) -> float:
    """How many replicas there were, in the mean."""
    ends = [*steps, (seconds, 0)]
    return sum(replicas * (end - begin) for (begin, replicas), (end, _) in pairwise(ends)) / seconds
