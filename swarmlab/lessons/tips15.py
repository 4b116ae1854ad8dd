"""Tips of lesson 15 as pairs of runs: the same seed with one thing changed, and what that thing did."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

from ..cluster import Cluster
from ..events import BecameLeader, NodeStored
from ..overlay.vxlan import goodput
from ..viz.tips import Heard, Hosts, Lines, Path, Placed, draw_tip, tell_tip
from . import scenes07

SECOND = 1_000_000  # µs
SEED = 15
FOLLOWER = "manager-2"
ZONE = "node.labels.zone==a"
BEGAN = datetime(2026, 1, 1, tzinfo=UTC).timestamp()  # when simulated time begins


class Starved(NamedTuple):
    """What a task that takes all of a machine's time did to the swarm; seconds since it began to."""

    machine: str  # where the scheduler put the task
    elections: tuple[tuple[float, str], ...]  # when there was a new leader, and who
    down: tuple[tuple[float, str], ...]  # when a node was called down for the first time, and which
    heard: tuple[float, ...] = ()  # when manager-2 heard from who led just then


def starved(free: bool, lag: float = 1.0, seconds: float = 60) -> Starved:
    """A heavy task somewhere on three managers and three workers; with `free` managers are drained. Its machine then needs
    `lag` seconds for each thing that it does, heartbeats among them."""
    cluster = Cluster(managers=3, workers=3, seed=SEED)
    for manager in ("manager-1", "manager-2", "manager-3") if free else ():
        scenes07.must(cluster, f"node update --availability drain {manager}")
    scenes07.must(cluster, "service create -d --name batch nginx")
    cluster.run_for(10)
    (run,) = cluster.running
    began, leader = cluster.now, cluster.leader or ""
    cluster.burden(run.machine, lag)
    cluster.run_for(seconds)
    after = [record for record in cluster.trace.records if record.time / SECOND > began]
    led = [(r.time / SECOND - began, r.source) for r in after if isinstance(r.fact, BecameLeader)]
    stored = [(r.time, r.fact) for r in after if isinstance(r.fact, NodeStored) and r.fact.state == "down"]
    down: dict[str, float] = {}
    for time, fact in stored:
        down.setdefault(fact.machine, time / SECOND - began)
    heard = _heard(cluster, began, ((0.0, leader), *led))
    return Starved(run.machine, tuple(led), tuple((seconds, name) for name, seconds in down.items()), heard)


def _heard(cluster: Cluster, began: float, led: Sequence[tuple[float, str]]) -> tuple[float, ...]:
    """When the follower heard from the leader of that instant. What a deposed one still says does not count."""
    found = []
    for message in cluster.trace.messages:
        at = message.arrived / SECOND - began
        if message.channel == "raft" and message.to == FOLLOWER and not message.fate and at > 0:
            leader = next(who for since, who in reversed(led) if since <= at)
            if message.sender == leader and message.name in ("Heartbeat", "AppendEntries"):
                found.append(at)
    return tuple(sorted(found))


@cache
def tip_managers_free() -> dict[str, Heard]:
    """What a follower hears of its leader while a heavy task runs: on the leader's machine, and on a worker's."""
    titles = {"managers work, too": starved(False), "managers are drained": starved(True)}
    return {title: _as_heard(found) for title, found in titles.items()}


def _as_heard(found: Starved, seconds: float = 60) -> Heard:
    led = ((0.0, "manager-1"), *found.elections)
    return Heard(found.machine, FOLLOWER, found.heard, led, found.down, seconds)


LABELS = {"consistent": ("zone=a", "zone=a", "zone=a"), "as they came": ("zone=a", "Zone=a", "zone=A")}


def labelled(labels: tuple[str, ...]) -> dict[str, int]:
    """Six tasks that ask for `node.labels.zone==a`, on workers with these labels: how many run on each worker."""
    runs = Counter(run.machine for run in _labelled(labels).running)
    return {f"worker-{number}": runs[f"worker-{number}"] for number in range(1, len(labels) + 1)}


def _labelled(labels: tuple[str, ...]) -> Cluster:
    cluster = scenes07.lab(SEED, messages=False)
    for number, label in enumerate(labels, 1):
        scenes07.must(cluster, f"node update --label-add {label} worker-{number}")
    scenes07.must(cluster, f"service create -d --name web --replicas 6 --constraint {ZONE} nginx")
    cluster.run_for(10)
    return cluster


@cache
def tip_labels() -> dict[str, Placed]:
    """Where the six tasks went, label by label, and what the filter found."""
    titles = {"labels as they came": "as they came", "labels consistent": "consistent"}
    return {title: _placed(LABELS[name]) for title, name in titles.items()}


def _placed(labels: tuple[str, ...]) -> Placed:
    cluster = _labelled(labels)
    runs = Counter(run.machine for run in cluster.running)
    why = {}
    for row in cluster.why("web.1").rows:
        cell = next((cell for cell in row.cells if cell.filter == "constraint"), None)
        if cell is not None:  # a manager is drained, so the filter does not look at its labels
            why[row.hostname] = (
                "" if cell.passes else "no label zone" if cell.has == "(none)" else f"zone is {cell.has}"
            )
    names = {f"worker-{number}": label for number, label in enumerate(labels, 1)}
    return Placed(ZONE, {name: runs[name] for name in names}, names, {name: why[name] for name in names})


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


@cache
def tip_watched() -> dict[str, Hosts]:
    """Which hosts a global service watches: on all nodes, on workers only, and where managers are drained."""
    return {
        "workers only": Hosts(watched("node.role==worker"), "a constraint leaves managers out"),
        "managers drained": Hosts(watched(drained=True), "a drained node takes no task"),
        "every host": Hosts(watched()),
    }


class Tested(NamedTuple):
    """What a test of an overlay network says."""

    probes: dict[int, str]  # bytes of a ping that must not be cut → what became of it
    pages: dict[int, str]  # bytes of a page → '' for answered, or why not
    gbit: float  # data per second by computation, through a wire of 10 Gbit/s


def tested(
    options: str = "",
    wire: int | None = None,
    sizes: tuple[int, ...] = (1424, 1425, 1450, 1451),
    shut: tuple[int, ...] = (),
) -> Tested:
    """Pings and pages from machine to machine over a network made with these options; `wire` is the MTU that it truly has
    underneath, less than the nodes believe; `shut` are ports that a firewall has shut."""
    cluster = scenes07.shop(options, SEED)
    for port in shut:
        cluster.block(scenes07.TARGET, port)
    if wire is not None:
        cluster.link(scenes07.ASKER, scenes07.TARGET, mtu=wire)
    probes = {size: cluster.probe("app.1", "tasks.db", size) for size in sizes}
    pages = {size: cluster.request("http://tasks.db/", source="app.1", size=size).error for size in (200, 20_000)}
    return Tested(probes, pages, goodput(10e9, encrypted="encrypted" in options) / 1e9)


@cache
def tip_network() -> dict[str, Path]:
    """The same test over a plain network, an encrypted one, a plain one over a wire that takes less than nodes think, and a
    plain one with a port shut."""
    titles = {"plain": tested(), "encrypted": tested("--opt encrypted"), "plain, wire of 1450": tested(wire=1450)}
    titles["plain, port 4789 shut"] = tested(shut=(4789,))
    return {title: Path(found.probes, found.pages, _large(found)) for title, found in titles.items()}


def _large(found: Tested) -> float:
    """The goodput, if anything large arrives at all."""
    return 0.0 if any(found.pages.values()) else found.gbit


# ── logs ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class Burnt(NamedTuple):
    """What web servers printed, and which of it can be read after one of their machines has burnt."""

    lines: tuple[tuple[float, str, bool], ...]  # second, machine, whether it can be read
    fault: float  # seconds


def burnt(driver: str, seconds: float = 40, fault: float = 30) -> Burnt:
    """Three web servers under visits print a line each; then worker-3 burns, and somebody reads what there is: of lines that
    left their node what was shipped, of others what `docker service logs` finds."""
    cluster = scenes07.lab(SEED, messages=False)
    scenes07.must(cluster, f"service create -d --name web --replicas 3 --log-driver {driver} --publish 8080:80 nginx")
    cluster.run_for(5)
    began = cluster.now
    while cluster.now < began + fault:
        cluster.request(f"http://{scenes07.ASKER}:8080/")
        cluster.run_for(0.7)
    printed = _read(cluster)
    at = cluster.now
    cluster.crash(scenes07.TARGET)
    cluster.run_for(began + seconds - cluster.now)
    kept = {(line.time, line.node) for line in cluster.shipped} if cluster.shipped else _read(cluster)
    rows = sorted((second - began, node, (second, node) in kept) for second, node in printed if second >= began)
    return Burnt(tuple(rows), at - began)


def _read(cluster: Cluster) -> set[tuple[float, str]]:
    """When and where each line was printed that `docker service logs` finds now."""
    found = set()
    for line in cluster.docker("service logs --timestamps --no-trunc web").stdout.splitlines():
        time, _, rest = line.partition(" ")
        second = datetime.fromisoformat(time[:26]).replace(tzinfo=UTC).timestamp() - BEGAN
        found.add((round(second, 6), rest.partition(" ")[0].partition("@")[2]))
    return found


@cache
def tip_logs() -> dict[str, Lines]:
    """Lines kept on their nodes, and lines that left them at once."""
    titles = {"json-file: each node keeps its own": "json-file", "gelf: shipped as they are printed": "gelf"}
    panels = {}
    for title, driver in titles.items():
        found = burnt(driver)
        machines = tuple(sorted({machine for _, machine, _ in found.lines}))
        panels[title] = Lines(machines, found.lines, (found.fault, scenes07.TARGET), 40)
    return panels


KEPT: dict[str, tuple[Callable[[], dict[str, Any]], str]] = {  # tip → its picture, and the panel that keeps it
    "managers free": (tip_managers_free, "managers are drained"),
    "labels consistent": (tip_labels, "labels consistent"),
    "every host watched": (tip_watched, "every host"),
    "logs shipped": (tip_logs, "gelf: shipped as they are printed"),
}


def tip_knobs(tip: str = "managers free", kept: bool = False) -> Any:
    """One tip on or off: for `Explore(tip_knobs, tip=list(KEPT), kept=False)`."""
    made, title = KEPT[tip]
    found = {name: panel for name, panel in made().items() if (name == title) == kept}
    return draw_tip(found), tell_tip(found)
