"""Tips of lesson 15 as pairs of runs: the same seed with one thing changed, and what that thing did."""

from collections import Counter
from typing import NamedTuple

from ..cluster import Cluster
from ..events import BecameLeader, NodeStored
from ..overlay.vxlan import goodput
from . import scenes07

SECOND = 1_000_000  # µs
SEED = 15


class Starved(NamedTuple):
    """What a task that takes all of a machine's time did to the swarm; seconds since it began to."""

    machine: str  # where the scheduler put the task
    elections: tuple[tuple[float, str], ...]  # when there was a new leader, and who
    down: tuple[tuple[float, str], ...]  # when a node was called down for the first time, and which


def starved(free: bool, lag: float = 1.0, seconds: float = 60) -> Starved:
    """A heavy task somewhere on three managers and three workers; with `free` managers are drained. Its machine then needs
    `lag` seconds for each thing that it does, heartbeats among them."""
    cluster = Cluster(managers=3, workers=3, seed=SEED, messages=False)
    for manager in ("manager-1", "manager-2", "manager-3") if free else ():
        scenes07.must(cluster, f"node update --availability drain {manager}")
    scenes07.must(cluster, "service create -d --name batch nginx")
    cluster.run_for(10)
    (run,) = cluster.running
    began = cluster.now
    cluster.burden(run.machine, lag)
    cluster.run_for(seconds)
    after = [record for record in cluster.trace.records if record.time / SECOND > began]
    led = [(r.time / SECOND - began, r.source) for r in after if isinstance(r.fact, BecameLeader)]
    stored = [(r.time, r.fact) for r in after if isinstance(r.fact, NodeStored) and r.fact.state == "down"]
    down: dict[str, float] = {}
    for time, fact in stored:
        down.setdefault(fact.machine, time / SECOND - began)
    return Starved(run.machine, tuple(led), tuple((seconds, name) for name, seconds in down.items()))


LABELS = {"consistent": ("zone=a", "zone=a", "zone=a"), "as they came": ("zone=a", "Zone=a", "zone=A")}


def labelled(labels: tuple[str, ...]) -> dict[str, int]:
    """Six tasks that ask for `node.labels.zone==a`, on workers with these labels: how many run on each worker."""
    cluster = scenes07.lab(SEED, messages=False)
    for number, label in enumerate(labels, 1):
        scenes07.must(cluster, f"node update --label-add {label} worker-{number}")
    scenes07.must(cluster, "service create -d --name web --replicas 6 --constraint node.labels.zone==a nginx")
    cluster.run_for(10)
    runs = Counter(run.machine for run in cluster.running)
    return {f"worker-{number}": runs[f"worker-{number}"] for number in range(1, len(labels) + 1)}


def watched(constraint: str = "", drained: bool = False) -> dict[str, bool]:
    """Whether a global service that watches its host runs on each machine; a drained machine takes no global task either."""
    cluster = Cluster(managers=1, workers=3, seed=SEED, messages=False)
    if drained:
        scenes07.must(cluster, "node update --availability drain manager-1")
    where = f"--constraint {constraint}" if constraint else ""
    scenes07.must(cluster, f"service create -d --name watch --mode global {where} nginx")
    cluster.run_for(10)
    runs = {run.machine for run in cluster.running}
    return {node.machine: node.machine in runs for node in sorted(cluster.nodes, key=lambda node: node.machine)}


class Tested(NamedTuple):
    """What a test of an overlay network says."""

    probes: dict[int, str]  # bytes of a ping that must not be cut → what became of it
    pages: dict[int, str]  # bytes of a page → '' for answered, or why not
    gbit: float  # data per second by computation, through a wire of 10 Gbit/s


def tested(options: str = "", wire: int | None = None, sizes: tuple[int, ...] = (1424, 1425, 1450, 1451)) -> Tested:
    """Pings and pages from machine to machine over a network made with these options; `wire` is the MTU that it truly has
    underneath, less than the nodes believe."""
    cluster = scenes07.shop(options, SEED)
    if wire is not None:
        cluster.link(scenes07.ASKER, scenes07.TARGET, mtu=wire)
    probes = {size: cluster.probe("app.1", "tasks.db", size) for size in sizes}
    pages = {size: cluster.request("http://tasks.db/", source="app.1", size=size).error for size in (200, 20_000)}
    return Tested(probes, pages, goodput(10e9, encrypted="encrypted" in options) / 1e9)
