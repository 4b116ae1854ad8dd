"""The runs that lesson 05 looks at, and what it counts and draws of them."""

from collections.abc import Mapping
from typing import Any

from ..cluster import Cluster
from ..events import TaskStored

# ── looking at a swarm ───────────────────────────────────────────────────────────────────────────────────────────


def workers(number: int = 4, seed: int | str = 5, **options: Any) -> Cluster:
    """A swarm with one manager that is kept free of tasks, and so many workers."""
    cluster = Cluster(managers=1, workers=number, seed=seed, **options)
    cluster.docker("node update --availability drain manager-1")
    return cluster


def by_machine(cluster: Cluster, service: str = "web") -> dict[str, int]:
    """How many tasks of a service truly run on each worker."""
    counts = {name: 0 for name in cluster.computers if name.startswith("worker")}
    for task in cluster.running:
        if task.service == service:
            counts[task.machine] += 1
    return counts


def remove_container(cluster: Cluster, slot: int = 1, service: str = "web") -> str:
    """Type `docker rm -f` on the machine where the container of a slot runs; what was typed, and where."""
    task = next(task for task in cluster.running if (task.service, task.slot) == (service, slot))
    name = f"{service}.{slot}.{task.id}"
    cluster.docker(f"rm -f {name}", task.machine)
    return f"{task.machine}$ docker rm -f {name}"


def join(cluster: Cluster, machine: str) -> str:
    """Put a new machine into the rack and let it join as a worker; what Docker said."""
    token = cluster.docker("swarm join-token -q worker").stdout.strip()
    cluster.add_machine(machine)
    return cluster.docker(f"swarm join --token {token} 192.168.50.100:2377", machine).stdout.strip()


def sent_to(cluster: Cluster, machine: str, since: float) -> dict[str, int]:
    """The messages to the agent of a machine since an instant in seconds, by kind."""
    counts: dict[str, int] = {}
    for message in cluster.trace.messages:
        if (message.to, message.channel) == (machine, "agent") and message.sent >= since * 1e6:
            counts[message.name] = counts.get(message.name, 0) + 1
    return counts


# ── a service's life, with knobs ─────────────────────────────────────────────────────────────────────────────────

IMAGES = {
    "whoami, 3 MB": "traefik/whoami",
    "nginx, 72 MB": "nginx",
    "mongo, 262 MB": "mongo",
    "kibana, 265 MB": "elastic/kibana",
}
THEN = ("nothing", "a container is removed", "a worker dies", "it comes back", "a worker joins")


def life(image: str = "nginx", replicas: int = 3, mode: str = "replicated", then: str = "nothing") -> tuple[Any, str]:
    """A service is made, something happens 30 s later: the lanes of its tasks. Knobs of the lesson."""
    from ..viz.charts import draw_tasks

    cluster = workers(4, messages=False)
    begun = cluster.now
    wish = f"--replicas {replicas}" if mode == "replicated" else "--mode global"
    cluster.docker(f"service create --detach --name web {wish} {image}")
    cluster.run_for(30)
    happen(cluster, then)
    counts = ", ".join(f"{name} {count}" for name, count in by_machine(cluster).items())
    said = f"{mode}, {image}, then {then}. Tasks that run at the end: {counts}."
    return draw_tasks(cluster.trace, services=["web"], start=begun, ids=True), said


def happen(cluster: Cluster, what: str) -> None:
    """One of THEN, and a minute for the swarm to react."""
    if what == "a container is removed" and cluster.running:
        task = cluster.running[0]
        cluster.docker(f"rm -f {next(t.name for t in cluster.tasks if t.id == task.id)}.{task.id}", task.machine)
    elif what in ("a worker dies", "it comes back"):
        cluster.crash("worker-2")
        if what == "it comes back":
            cluster.run_for(30)
            cluster.restart("worker-2")
    elif what == "a worker joins":
        join(cluster, "worker-5")
    cluster.run_for(40)


# ── figures to compare ───────────────────────────────────────────────────────────────────────────────────────────


def pause(cluster: Cluster, before: str, after: str) -> float:
    """Seconds between two states of the first task in the store."""
    times = {
        record.fact.state: record.time
        for record in reversed(cluster.trace.of(TaskStored))
        if _is_first(cluster, record)
    }
    return (times[after] - times[before]) / 1e6


def _is_first(cluster: Cluster, record: Any) -> bool:
    return record.fact.id == cluster.trace.of(TaskStored)[0].fact.id


def gathered(cluster: Cluster) -> float:
    """Seconds between `assigned` in the store and the message that tells the node."""
    from ..viz.authors import journey

    deeds = journey(cluster.trace, cluster.trace.of(TaskStored)[0].fact.id)
    placed = next(deed.time for deed in deeds if deed.state == "assigned")
    return (next(deed.time for deed in deeds if deed.text == "sends") - placed) / 1e6


def storm(services: int = 45, gap: float = 0.03) -> float:
    """Seconds until the first task gets a node while a service is made every 30 ms."""
    cluster = workers(2, messages=False)
    begun = cluster.now
    for number in range(services):
        cluster.docker(f"service create --detach --name s{number} nginx")
        cluster.run_for(gap)
    return min(r.time for r in cluster.trace.of(TaskStored) if r.fact.state == "assigned") / 1e6 - begun


def history(kills: int = 7) -> int:
    """How many tasks of one slot are kept when its container is removed again and again."""
    cluster = workers(1, messages=False)
    cluster.docker("service create --detach --name web nginx")
    cluster.run_for(5)
    for _ in range(kills):
        remove_container(cluster)
        cluster.run_for(8)
    return len([task for task in cluster.tasks if task.slot == 1])


# ── deeper: what grows ───────────────────────────────────────────────────────────────────────────────────────────


def grow(number: int, each: int = 3) -> Mapping[str, int]:
    """So many workers, three tasks for each of them: what that costs the managers until all run."""
    cluster = Cluster(managers=1, workers=number, seed=5, messages=False)
    begun = cluster.store.index
    cluster.docker(f"service create --detach --name web --replicas {each * number} nginx")
    cluster.run_until(lambda c: len(c.running) == each * number, limit=60)
    stored = len([r for r in cluster.trace.of(TaskStored) if r.source == "manager-1"])
    return {"tasks": each * number, "log entries": cluster.store.index - begun, "task changes": stored}
