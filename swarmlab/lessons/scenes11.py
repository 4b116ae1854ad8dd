"""Scenes of lesson 11: a service that visitors ask while it is updated, and what became of it."""

from collections.abc import Mapping
from typing import Any

from ..cluster import Cluster
from ..events import ContainerStarted, FailureCounted, ServiceStored, UpdateStopped
from ..traffic.workload import Poisson
from .scenes09 import swarm

SECOND = 1_000_000  # µs
CHECK = "--health-cmd 'curl -f http://localhost/' --health-interval 4s --health-timeout 2s --health-retries 2"
DOOR = "http://worker-1:8080/"
VISITS = 20  # a second
FIRST = 2  # seconds of visits before the update is asked for


def serving(
    options: str = CHECK, replicas: int = 3, seed: int | str = 11, image: str = "acme/web:1", **settings: Any
) -> Cluster:
    """Three workers that run `web`, published at port 8080, with the manager (or managers) drained."""
    cluster = swarm(workers=3, seed=seed, **settings)
    cluster.docker(f"service create -d --name web --replicas {replicas} --publish 8080:80 {options} {image}")
    cluster.run_for(12)
    return cluster


def slow_line(machine: str = "worker-3") -> Cluster:
    """Six replicas on three workers; on one of them an image comes slowly."""
    cluster = serving(replicas=6)
    cluster.link("registry", machine, bandwidth=1_000_000)
    return cluster


def led_by_three() -> Cluster:
    """The same service in a swarm of three managers, drained, and three workers."""
    cluster = Cluster(managers=3, workers=3, seed=11)
    for manager in "manager-1", "manager-2", "manager-3":
        cluster.docker(f"node update --availability drain {manager}", cluster.leader)
    cluster.docker(f"service create -d --name web --replicas 3 --publish 8080:80 {CHECK} acme/web:1", cluster.leader)
    cluster.run_for(12)
    return cluster


def visited(cluster: Cluster, seconds: float = 75) -> str:
    """Visitors ask the service from now on; the name of the load."""
    return cluster.traffic(DOOR, Poisson(VISITS), seconds=seconds)


def updated(cluster: Cluster, flags: str, seconds: float = 60) -> Cluster:
    """A twin in which visitors come and the service is updated so."""
    twin = cluster.fork()
    visited(twin, FIRST + seconds)
    twin.run_for(FIRST)
    said = twin.docker(f"service update --detach {flags} web")
    if said.exit_code:
        raise ValueError(said.stderr.strip().splitlines()[0])
    twin.run_for(seconds)
    return twin


def state(cluster: Cluster) -> str:
    """What the swarm says of the last update: `paused`; '' if nothing."""
    (service,) = cluster.services
    return service.update_status[0] if service.update_status else ""


def lost(cluster: Cluster) -> str:
    """`13 of 1206`: visits that were not answered."""
    asked = cluster.trace.requests
    return f"{sum(one.status != 200 for one in asked)} of {len(asked)}"


def versions(cluster: Cluster) -> dict[str, str]:
    """Which version truly runs in each slot: {"web.1": "2"}."""
    images = {task.id: task.spec.container.image.partition("@")[0] for task in cluster.tasks}
    runs = sorted(cluster.running, key=lambda run: run.slot)
    return {f"{run.service}.{run.slot}": images.get(run.id, "").rpartition(":")[2] for run in runs}


def fewest_running(cluster: Cluster) -> int:
    """How many slots had a running task at the worst moment since the update was asked for."""
    from ..viz.updatefold import update_of

    rows = update_of(cluster.trace, "web").slots
    before = [number for second, number in rows if second <= 0][-1:]
    return min([*before, *(number for second, number in rows if second > 0)])


def step_by_step(plan: Any) -> str:
    """What one replacement consists of, and the sum."""
    forecast = plan.update.forecast
    lines = [f"{seconds:5.2f} s  {what}" for what, seconds in forecast.steps]
    return "\n".join([*lines, f"in all: {forecast.sum}, about {forecast.duration:.0f} s"])


def foreseen(plan: Any, cluster: Cluster) -> str:
    """The plan's figures beside what came."""
    from ..viz.updatefold import update_of

    came, update = update_of(cluster.trace, "web").done, plan.update
    assert came, "the update is over"
    fewest = fewest_running(cluster)
    return "\n".join(
        f"{what:9} {ends} after {after:.1f} s, at least {least} of 3 slots run"
        for what, ends, after, least in (
            ("foreseen:", update.ends, update.duration, update.fewest_running),
            ("it came:", state(cluster), came.at, fewest),
        )
    )


# ── a bad image ──────────────────────────────────────────────────────────────────────────────────────────────────────


def bad_image(cluster: Cluster, title: str) -> dict[str, Any]:
    """The outage of a bad image as a bar: the first new task starts, its failure counts, the update stops or turns
    round, and the old version runs in all slots again. Times in µs; None for what never came."""
    trace = cluster.trace
    asked = next(r.time for r in trace.of(ServiceStored) if r.fact.update and r.fact.update[0] == "updating")
    fault = next(r.time for r in trace.of(ContainerStarted) if r.time >= asked)
    noticed = next((r.time for r in trace.of(FailureCounted)), None)
    decided = next((r.time for r in trace.of(UpdateStopped)), None)
    back = (r.time for r in trace.of(ServiceStored) if r.fact.update and r.fact.update[0] == "rollback_completed")
    healed = next(back, None)
    row = {
        "machine": "",
        "of": "task",
        "fault": fault,
        "noticed": noticed,
        "decided": decided,
        "healed": healed,
        "title": title,
    }
    return row | {"lost": [one.arrived for one in trace.requests if one.status != 200 and one.arrived >= fault]}


# ── knobs ────────────────────────────────────────────────────────────────────────────────────────────────────────────

IMAGES = {
    "good (2)": "2",
    "crashes": "bad",
    "answers nothing": "mute",
    "slow to start": "slow",
    "not in the registry": "9",
}
_bases: dict[tuple, Cluster] = {}


def base(health: bool = True, room: bool = True) -> Cluster:
    """The service before the update; without room no node takes a second task of it."""
    key = health, room
    if key not in _bases:
        options = (CHECK if health else "") + ("" if room else " --replicas-max-per-node 1")
        _bases[key] = serving(options, messages=False)
    return _bases[key]


def knobs(
    parallelism: int = 1,
    delay: int = 5,
    order: str = "stop-first",
    monitor: int = 5,
    ratio: float = 0.0,
    action: str = "pause",
    image: str = "2",
    health: bool = True,
    room: bool = True,
) -> Any:
    """The picture of one update, and its words."""
    from ..viz.charts import draw_update, tell_update

    flags = (
        f"--image acme/web:{image} --update-parallelism {parallelism} --update-delay {delay}s --update-order {order}"
    )
    flags += f" --update-monitor {monitor}s --update-max-failure-ratio {ratio} --update-failure-action {action}"
    twin = updated(base(health, room), flags)
    return draw_update(twin.trace, end=60), tell_update(twin.trace)


def traces(runs: Mapping[str, Cluster]) -> dict[str, Any]:
    return {title: cluster.trace for title, cluster in runs.items()}


def on_nodes(cluster: Cluster) -> dict[str, int]:
    """How many tasks run on each worker."""
    counted = {name: 0 for name in cluster.machines if name.startswith("worker")}
    for run in cluster.running:
        counted[run.machine] += 1
    return counted
