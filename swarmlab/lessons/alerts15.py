"""An exercise of lesson 15: `alert(trace)` sees five faults of a night before visitors come, and is silent on a quiet day."""

from bisect import bisect_right
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from .. import events
from ..cluster import Cluster
from . import Verdict, scenes07, scenes11

SECOND = 1_000_000  # µs
BEGINS, MORNING = 20, 150  # seconds of the night: what happens, and when the first visitors come
SEEDS = (15, 151)
HIDDEN = (  # what nobody in a swarm can see: an alarm must go by its signs
    events.MachineCrashed,
    events.MachineLoaded,
    events.ApplicationTurned,
    events.ContainerPaced,
    events.Partitioned,
    events.PortBlocked,
    events.LinkChanged,
)
Alert = Callable[[Any], Any]
NOBODY = {"noticed": "no sign yet", "decided": "written down: who looks?"}


class Watched:
    """A run as those who watch it know it at one instant: nothing later, and no hand of nature."""

    def __init__(self, records: list, now: float):
        self.records, self.now = records, now  # seconds

    def of(self, *kinds: type) -> list:
        """The records of these kinds of fact, oldest first."""
        return [record for record in self.records if isinstance(record.fact, kinds)]


def _must(cluster: Cluster, command: str) -> None:
    scenes07.must(cluster, command, cluster.leader)


def _loops(cluster: Cluster) -> None:
    _must(cluster, "service create -d --name api --restart-max-attempts 2 acme/web:bad")


def _flaps(cluster: Cluster) -> None:
    for _ in range(3):
        cluster.sicken("web.2", "unwell")
        cluster.run_for(25)


def _pauses(cluster: Cluster) -> None:
    _must(cluster, "service update -d --image acme/web:mute web")


FAULTS: dict[str, Callable[[Cluster], None]] = {
    "a manager is lost": lambda cluster: cluster.crash("manager-3"),
    "a worker is lost": lambda cluster: cluster.crash("worker-3"),
    "a service gives up starting": _loops,
    "health checks fail again and again": _flaps,
    "an update pauses midway": _pauses,
}


def _quiet(cluster: Cluster) -> None:
    """Somebody works on the swarm, and one process ends and is replaced: nothing to wake up for."""
    _must(cluster, "service scale -d web=4")
    cluster.run_for(20)
    run = next(run for run in cluster.running if run.slot == 2)
    scenes07.must(cluster, "kill $(docker ps -q --filter name=web.2.)", run.machine)
    cluster.run_for(20)
    _must(cluster, "node update --availability drain worker-3")
    cluster.run_for(20)
    _must(cluster, "service update -d --image acme/web:2 web")


@lru_cache(maxsize=16)
def night(what: str = "", seed: int = SEEDS[0]) -> Cluster:
    """Three drained managers, three workers, `web` under a health check; after 20 s this fault, or a quiet day's work."""
    cluster = Cluster(managers=3, workers=3, seed=seed, messages=False)
    for manager in ("manager-1", "manager-2", "manager-3"):
        _must(cluster, f"node update --availability drain {manager}")
    _must(cluster, f"service create -d --name web --replicas 3 --publish 8080:80 {scenes11.CHECK} acme/web:1")
    cluster.run_for(BEGINS - cluster.now)
    FAULTS.get(what, _quiet)(cluster)
    cluster.run_for(MORNING - cluster.now)
    return cluster


def first_alert(alert: Alert, cluster: Cluster) -> int | None:
    """At which second `alert` first says something true, asked once a second from the fifth on; None for never."""
    seen = [record for record in cluster.trace.records if not isinstance(record.fact, HIDDEN)]
    times = [record.time for record in seen]
    for second in range(5, MORNING + 1):
        if alert(Watched(seen[: bisect_right(times, second * SECOND)], second)):
            return second
    return None


def rings(cluster: Cluster, alerts: dict[str, Alert] | None = None) -> dict[str, list[int]]:
    """The seconds at which each alarm rings, asked once a second from the fifth on."""
    seen = [record for record in cluster.trace.records if not isinstance(record.fact, HIDDEN)]
    times = [record.time for record in seen]
    found: dict[str, list[int]] = {name: [] for name in alerts or ALERTS}
    for second in range(5, int(cluster.now) + 1):
        watched = Watched(seen[: bisect_right(times, second * SECOND)], second)
        for name, alert in (alerts or ALERTS).items():
            found[name] += [second] * bool(alert(watched))
    return found


def signs(cluster: Cluster) -> dict[str, list[float]]:
    """When the swarm wrote something down that one could have looked at, in seconds."""
    kinds: dict[str, Callable[[Any], bool]] = {
        "failed checks": lambda fact: isinstance(fact, events.ProbeEnded) and fact.code != 0,
        "ended tasks": lambda fact: isinstance(fact, events.TaskStored) and _ended(fact),
        "nodes down": lambda fact: isinstance(fact, events.NodeStored) and fact.state == "down",
        "updates stopped": lambda fact: isinstance(fact, events.UpdateStopped),
    }
    records = cluster.trace.records
    return {name: [record.time / SECOND for record in records if found(record.fact)] for name, found in kinds.items()}


def bar(what: str, seed: int = SEEDS[0]) -> dict[str, Any] | None:
    """The outage of a night as a row of `draw_alerts`: noticed when the swarm has written down the first sign of it; healed
    only if the swarm does that by itself. None for the quiet day."""
    if what not in FAULTS:
        return None
    cluster = night(what, seed)
    crashes = cluster.trace.of(events.MachineCrashed)
    if crashes:
        from ..viz.frames import outage

        return outage(cluster.trace, crashes[0], "work") | {"title": what, "waiting": NOBODY}
    first = min(second for seconds in signs(cluster).values() for second in seconds if second >= BEGINS)
    row = {"machine": "", "of": "task", "fault": BEGINS * SECOND, "noticed": round(first * SECOND)}
    return row | {"decided": None, "healed": None, "title": what, "waiting": NOBODY}


def judge(alert: Any) -> Verdict:
    """Whether an alert wakes somebody for each of the five faults before the visitors come, and for nothing else."""
    if not callable(alert):
        return Verdict(False, "write a function: def alert(trace): return False")
    came = []
    for seed in SEEDS:
        quiet = night("", seed)
        if (at := first_alert(alert, quiet)) is not None:
            return Verdict(
                False, f"on a quiet day it rings at {at} s: look at what lasts, and at what mends itself", quiet
            )
        for name in FAULTS:
            cluster = night(name, seed)
            at = first_alert(alert, cluster)
            if at is None:
                return Verdict(
                    False, f"{name} at {BEGINS} s, and it is silent until visitors come at {MORNING} s", cluster
                )
            if at < BEGINS:
                return Verdict(False, f"it rings at {at} s, before {name} at {BEGINS} s", cluster)
            came.append(at - BEGINS)
    return Verdict(True, f"five faults noticed, after {max(came)} s at the latest; the quiet day stayed quiet.")


def watchful(trace: Any) -> bool:
    """One solution: a node is down, an update has paused, or a slot's task has ended twice though it was wanted. What was
    unhealthy and stopped in order is *complete*, not failed."""
    return node_down(trace) or update_paused(trace) or slot_again(trace)


# ── alarms that people have ──────────────────────────────────────────────────────────────────────────────────────


def _ended(task: Any) -> bool:
    """Whether a task ended that should have gone on."""
    return task.desired == "running" and task.state in ("failed", "complete", "rejected")


def task_ended(trace: Any) -> bool:
    """A task ended within the last minute, for whatever reason."""
    stored = trace.of(events.TaskStored)
    return any(_ended(record.fact) for record in stored if record.time >= (trace.now - 60) * SECOND)


def node_down(trace: Any) -> bool:
    """A node is down."""
    return "down" in {record.fact.machine: record.fact.state for record in trace.of(events.NodeStored)}.values()


def update_paused(trace: Any) -> bool:
    """An update has paused."""
    services = {record.fact.name: record.fact.update for record in trace.of(events.ServiceStored)}
    return any(update and update[0] == "paused" for update in services.values())


def slot_again(trace: Any) -> bool:
    """A task has ended of which an earlier one had ended, too."""
    ended = {(r.fact.name, r.fact.id) for r in trace.of(events.TaskStored) if _ended(r.fact)}
    slots = [name for name, _ in ended]
    return any(slots.count(name) > 1 for name in slots)


ALERTS: dict[str, Alert] = {
    "a node is down": node_down,
    "an update has paused": update_paused,
    "a slot ends again": slot_again,
    "any task has ended": task_ended,
}
