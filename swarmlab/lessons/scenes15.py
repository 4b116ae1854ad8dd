"""Scenes of lesson 15: every break of the course once more, from a fresh small swarm, as rows for the page of outages."""

from collections.abc import Callable, Sequence
from typing import Any

from ..cluster import Cluster
from ..events import BecameLeader, CommandReturned, MachineCrashed, MachineStarted, TaskStored
from ..viz.frames import outage
from . import lesson06, scenes07, scenes09, scenes10, scenes11, scenes12, scenes14b
from .scenes14b import DOWN, LEADER

SECOND = 1_000_000  # µs
SEED = 15
MINE: scenes10.Check = {"interval": 10, "timeout": 3, "retries": 3}
FAILED = {"noticed": 14}  # lesson 11: two failed checks of 4 s + 2 s each, and 2 s to leave the pool
REFUSED = {"noticed": 20}  # §20.5: a command waits 20 s, then it is refused
DELAYED = {"healed": (5, 8)}  # §9: restart delay 5 s, and a start; recorded: 2 to 3 s with a delay of 1 s
GOSSIP = {"noticed": (4.5, 25.5)}  # reference/networking.md: a probe of 0.5 to 1.5 s, then 4 to 24 s of suspicion
ORPHANED = {"healed": (86_409, 86_416.5)}  # §20.9: 24 h after the node is down
NEVER = "never noticed"  # by the rules of the real engine: nothing looks at it


def _crashes() -> dict[str, Any]:
    return scenes10.bar(scenes10.hung(seconds=60, how="crashes"), "") | {"real": DELAYED}


def _hangs(check: scenes10.Check, seconds: float) -> dict[str, Any]:
    cluster = scenes10.hung(check, seconds=seconds)
    real: Any = {"noticed": _to_hear(check)} if check else NEVER
    return scenes10.bar(cluster, "") | {"real": real, "end": cluster.trace.now}


def _to_hear(check: scenes10.Check) -> tuple[float, float]:
    """When a manager hears at the soonest and at the latest of a task that hangs under this check."""
    soon, late = (time + scenes10.LEAVING + scenes10.HEARD for time in scenes10.bounds(check))
    return soon, late


def _is_cut_off() -> dict[str, Any]:
    cluster = scenes10.four_visited()
    scenes10.cut_off(cluster, "worker-2")
    cluster.run_for(60)
    return scenes10.bar(cluster, "") | {"real": DOWN}


def _updated(image: str, flags: str = "", check: str = scenes11.CHECK) -> dict[str, Any]:
    base = scenes11.serving(check, messages=False)
    cluster = scenes11.updated(base, f"--image acme/web:{image} --update-delay 5s {flags}")
    return scenes11.bad_image(cluster, "") | {"real": FAILED if check else NEVER, "end": cluster.trace.now}


def _rack_dies() -> dict[str, Any]:
    return lesson06.visited(lesson06.zone_lost()) | {"real": DOWN}


def _storm() -> dict[str, Any]:
    """One replica hangs, and the others are given up in turn: it is over when visitors are answered again, which does not
    come within the run."""
    cluster = scenes10.storm()
    row = scenes10.bar(cluster, "")
    fault = row["fault"]
    lost = [one.arrived for one in cluster.trace.requests if one.status != 200 and one.arrived >= fault]
    row |= {"healed": None, "lost": lost, "end": cluster.trace.now, "waiting": {"healed": "the others fall, too"}}
    return row | {"real": {"noticed": _to_hear(scenes10.BUSY)}}


def _is_orphaned() -> dict[str, Any]:
    """A worker dies and never comes back. Its task has a successor in no time, but still counts as running for a day:
    `service ls` says 2/1."""
    cluster = Cluster(managers=1, workers=1, seed=SEED, messages=False)
    scenes07.must(cluster, "node update --availability drain manager-1")
    scenes07.must(cluster, "service create -d --name web nginx")
    cluster.run_for(5)
    scenes07.must(cluster, "node update --availability active manager-1")
    cluster.crash("worker-1")
    cluster.run_for(86_460)
    row = outage(cluster.trace, cluster.trace.of(MachineCrashed)[0])
    over = next((r.time for r in cluster.trace.of(TaskStored) if r.fact.state == "orphaned"), None)
    return row | {"healed": over, "waiting": {"healed": "counted as running"}, "real": ORPHANED}


def _worker_dies() -> dict[str, Any]:
    cluster = scenes09.serving(3, 3, seed=SEED, messages=False)
    return scenes09.healing(cluster, scenes09.node_dies(cluster, "http://worker-1:8080/")) | {"real": DOWN}


def _leader_dies() -> dict[str, Any]:
    cluster = Cluster(managers=3, workers=1, seed=SEED, messages=False)
    cluster.crash(cluster.leader or "")
    cluster.run_for(40)
    return outage(cluster.trace, cluster.trace.of(MachineCrashed)[0]) | {"real": LEADER}


def _quorum_lost(minutes: float = 30) -> dict[str, Any]:
    """Two of three managers die. Who types a command next is refused; half an hour later somebody starts one of the two
    again. Healed when a leader is there."""
    cluster = Cluster(managers=3, workers=1, seed=SEED, messages=False)
    for manager in ("manager-1", "manager-2"):
        cluster.crash(manager)
    fault = cluster.trace.of(MachineCrashed)[-1].time
    cluster.docker("service ls", "manager-3")
    cluster.run_for(fault / SECOND + 60 * minutes - cluster.now)
    cluster.restart("manager-2")
    cluster.run_for(60)
    trace = cluster.trace
    return {
        "machine": "two managers",
        "of": "leader",
        "fault": fault,
        "noticed": next(r.time for r in trace.of(CommandReturned) if r.time > fault),
        "decided": next(r.time for r in trace.of(MachineStarted) if r.time > fault),
        "healed": next((r.time for r in trace.of(BecameLeader) if r.time > fault), None),
        "waiting": {"noticed": "nobody typed", "decided": "nobody came"},
        "real": REFUSED,
    }


def _ports(*ports: int) -> dict[str, Any]:
    """Ports shut for 40 s. Those who ask learn of it from the gossip alone, if at all; no manager has a hand in it. That they
    are opened again in the end is nobody's healing, so it does not count."""
    cluster, rows = scenes07.visited(ports)
    silence = scenes07.silence("", cluster, rows)
    fault = scenes07.FAULT * SECOND
    dropped = None if silence.dropped is None else round(fault + silence.dropped * SECOND)
    row = {"machine": "worker-2", "of": "work", "fault": fault, "noticed": dropped, "decided": dropped}
    row |= {"healed": dropped, "lost": [round(fault + at * SECOND) for at in silence.lost], "end": cluster.trace.now}
    return row | {"real": NEVER if dropped is None else GOSSIP}


def _password(order: str) -> dict[str, Any]:
    row = scenes12.turned_away(scenes12.changed(scenes12.shopping(), scenes12.ORDERS[order]), "")
    return row | {"no_figure": "the wait is one's own, between two commands"}


def _lab(name: str) -> dict[str, Any]:
    """A break of lesson 14b, with one manager; what it lost is counted until the next break of the same run."""
    (row,) = scenes14b.breaks(name)
    trace = scenes14b.broken(name).trace
    later = (record.time for record in trace.of(MachineCrashed) if record.time > row["fault"])
    return {"real": "never by itself"} | row | {"end": next(later, trace.now)}


BREAKS: dict[str, tuple[str, Callable[[], dict[str, Any]]]] = {
    "a process ends": ("10", _crashes),
    "it hangs, a check every 10 s": ("10", lambda: _hangs(MINE, 80)),
    "it hangs, the slide's check": ("10", lambda: _hangs(scenes10.SLIDE, 300)),
    "it hangs, no check": ("10", lambda: _hangs({}, 60)),
    "a worker loses its power": ("09", _worker_dies),
    "a worker is cut off": ("10", _is_cut_off),
    "the leader dies": ("02", _leader_dies),
    "two of three managers die": ("04", _quorum_lost),
    "ports 4789 and 7946 shut": ("07", lambda: _ports(4789, 7946)),
    "port 4789 shut": ("07", lambda: _ports(4789)),
    "a mute image, paused": ("11", lambda: _updated("mute")),
    "a mute image, rolled back": ("11", lambda: _updated("mute", "--update-failure-action rollback")),
    "a mute image, no check": ("11", lambda: _updated("mute", check="")),
    "a new password, shop first": ("12", lambda: _password("the shop first")),
    "a rack loses its power": ("06", _rack_dies),
    "a restart storm": ("10", _storm),
    "a dead task still counts": ("10", _is_orphaned),
    "lab: a worker burns": ("14b", lambda: _lab("a worker burns")),
    "lab: a broker moves": ("14b", lambda: _lab("a broker moves")),
    "lab: its mirror dies, too": ("14b", lambda: _lab("its mirror dies, too")),
    "lab: brokers cut apart": ("14b", lambda: _lab("brokers cut apart")),
    "lab: one Elasticsearch lost": ("14b", lambda: _lab("one Elasticsearch lost")),
    "lab: a second one lost": ("14b", lambda: _lab("a second one lost")),
    "lab: the manager is lost": ("14b", lambda: _lab("the manager is lost")),
}
_rows: dict[str, dict[str, Any]] = {}  # a break is the same each time


def breaks(names: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Each break of the course from a fresh small swarm, as a row of `draw_outages`; the soonest healed first, then what
    was not healed. Named ones only, in the order of the names, if there are any."""
    for name in names or BREAKS:
        if name not in BREAKS:
            raise ValueError(f"no break is called {name!r}: choose of {' · '.join(BREAKS)}")
        if name not in _rows:
            lesson, run = BREAKS[name]
            _rows[name] = run() | {"title": name, "lesson": lesson}
    rows = [_rows[name] for name in names or BREAKS]
    return rows if names else sorted(rows, key=_slowest_last)


def _slowest_last(row: dict[str, Any]) -> tuple[bool, int]:
    return row["healed"] is None, (row["healed"] or 0) - row["fault"]
