"""Scenes of lesson 10: a service whose tasks hang, start slowly or crash, a worker that is cut off, a restart storm."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from ..check.accrual import Level, down_bounds, phi_curve
from ..check.detectors import DETECTORS, Accrual, Beats, Conditions, compare, summaries
from ..check.storms import losses
from ..cluster import Cluster
from ..events import ApplicationTurned, ContainerExited, HealthChanged, Partitioned, ProbeEnded, TaskStored
from ..traffic.workload import Poisson
from .scenes09 import swarm

SECOND = 1_000_000  # µs
DOOR = "http://worker-1:8080/"
TEST = "curl -f http://localhost/"
Check = Mapping[str, float]  # interval, timeout, retries, start_period: seconds
SLIDE: Check = {"interval": 90, "timeout": 10, "retries": 3, "start_period": 40}
USUAL: Check = {"interval": 30, "timeout": 30, "retries": 3}
OVER = ("complete", "failed", "shutdown", "rejected")
LEAVING = 2.1  # s from the verdict until the container has stopped: 2 s out of the pool, then the stop signal


def flags_of(check: Check) -> str:
    """A health check as flags of docker; '' for none."""
    if not check:
        return ""
    said = " ".join(f"--health-{name.replace('_', '-')} {_said(name, check[name])}" for name in check)
    return f"--health-cmd '{TEST}' {said}"


def _said(name: str, value: float) -> str:
    return f"{value:g}" if name == "retries" else f"{value:.6f}s"


def serving(
    check: Check | str = "", image: str = "acme/web:1", replicas: int = 3, workers: int = 3, **settings: Any
) -> Cluster:
    """A swarm of so many workers that is to run `web`, published at port 8080, under this check, or with these flags."""
    settings = {"seed": 10, "messages": False} | settings
    cluster = swarm(workers, **settings)
    flags = check if isinstance(check, str) else flags_of(check)
    said = cluster.docker(f"service create -d --name web --replicas {replicas} --publish 8080:80 {flags} {image}")
    if said.exit_code:
        raise ValueError(said.stderr.strip().splitlines()[0])
    return cluster


def visited(cluster: Cluster, seconds: float, rate: float = 2) -> str:
    """Visitors ask the service from now on; the name of the load."""
    return cluster.traffic(DOOR, Poisson(rate), seconds=seconds)


# ── a process that hangs ─────────────────────────────────────────────────────────────────────────────────────────────

CALM, HANGS = 20.0, 46.0  # s: visitors come, and web.2 hangs


def hung(check: Check | str = "", seconds: float = 300, how: str = "hangs") -> Cluster:
    """Three tasks under one health check; the second hangs (or crashes) while visitors come."""
    cluster = serving(check)
    cluster.run_for(CALM)
    visited(cluster, HANGS - CALM + seconds)
    cluster.run_for(HANGS - CALM)
    if how == "crashes":
        run = next(run for run in cluster.running if run.slot == 2)
        cluster.docker("kill $(docker ps -q --filter name=web.2.)", run.machine)
    else:
        cluster.sicken("web.2", how)
    cluster.run_for(seconds)
    return cluster


def bounds(check: Check) -> tuple[float, float]:
    """After how many seconds at the soonest and at the latest a task that hangs is found unhealthy."""
    every, out, times = (check.get(name) or usual for name, usual in USUAL.items())
    return (times - 1) * every + times * out, times * (every + out)


def lost(cluster: Cluster) -> str:
    """`13 of 1206`: visits that were not answered."""
    asked = cluster.trace.requests
    return f"{sum(one.status != 200 for one in asked)} of {len(asked)}"


def traces(runs: Mapping[str, Cluster]) -> dict[str, Any]:
    return {title: cluster.trace for title, cluster in runs.items()}


# ── outage bars ──────────────────────────────────────────────────────────────────────────────────────────────────────


def bar(cluster: Cluster, title: str) -> dict[str, Any]:
    """The outage of `web.2` as a row of `draw_outage`: it hangs, crashes or is cut off; a manager knows that it is over,
    makes another task, and that one runs. Times in µs; None for what never came."""
    trace = cluster.trace
    fault = _fault(trace)
    stored = [r for r in trace.of(TaskStored) if r.time > fault and r.fact.name == "web.2"]
    known = {r.fact.id for r in trace.of(TaskStored) if r.time <= fault}
    told = (r.time for r in stored if r.fact.id in known and (r.fact.state in OVER or r.fact.desired == "shutdown"))
    made = (r.time for r in stored if r.fact.id not in known)
    runs = (r.time for r in stored if r.fact.id not in known and r.fact.state == "running")
    row: dict[str, Any] = {"machine": "", "of": "task", "fault": fault, "title": title}
    row |= {"noticed": next(told, None), "decided": next(made, None), "healed": next(runs, None)}
    until = row["healed"] or trace.now
    return row | {
        "lost": [one.arrived for one in trace.requests if one.status != 200 and fault <= one.arrived <= until]
    }


def _fault(trace: Any) -> int:
    """When the last application turned ill, or a container was killed, or the network was cut."""
    ill = [r.time for r in trace.of(ApplicationTurned) if r.fact.mood != "well"]
    killed = [r.time for r in trace.of(ContainerExited) if r.fact.code == 137]
    return max([*ill, *killed, *(r.time for r in trace.of(Partitioned))])


HEARD = 0.1  # s until a manager has heard of it


def real_figures(mine: Check) -> list[Any]:
    """When the real engine notices, by its rules: for a crash, a cut worker, a hang under `mine`, one under the slide's
    values, and one without a check."""
    hangs = [{"noticed": tuple(time + LEAVING + HEARD for time in bounds(check))} for check in (mine, SLIDE)]
    return [None, {"noticed": down_bounds()}, *hangs, None]


# ── a slow start, a crash loop ───────────────────────────────────────────────────────────────────────────────────────


def slow_start(check: Check, seconds: float = 60) -> Cluster:
    """One task of an image that listens eight seconds after its start."""
    cluster = serving(check, "acme/web:slow", 1)
    cluster.run_for(seconds)
    return cluster


def crashing(policy: Mapping[str, Any], seconds: float = 60) -> Cluster:
    """One task of an image that exits two seconds after its start, under a restart policy."""
    flags = " ".join(f"--restart-{name.replace('_', '-')} {_time(name, value)}" for name, value in policy.items())
    cluster = serving(flags, "acme/web:bad", 1)
    cluster.run_for(seconds)
    return cluster


def _time(name: str, value: Any) -> str:
    return f"{value}s" if name in ("delay", "window") else str(value)


# ── a worker that is cut off ─────────────────────────────────────────────────────────────────────────────────────────


def four_visited() -> Cluster:
    """Four tasks on four workers, and visitors."""
    cluster = serving(replicas=4, workers=4)
    cluster.run_for(CALM)
    visited(cluster, 130)
    cluster.run_for(HANGS - CALM)
    return cluster


def cut_off(cluster: Cluster, machine: str) -> None:
    """Cut the network between this machine and all the others of the swarm."""
    cluster.partition({machine}, {node.machine for node in cluster.nodes} - {machine})


# ── a restart storm ──────────────────────────────────────────────────────────────────────────────────────────────────

BUSY: Check = {"interval": 2, "timeout": 1, "retries": 2}


def storm(
    rate: float = 140, check: Check = BUSY, replicas: int = 4, more: str = "", hangs: bool = True, seconds: float = 60
) -> Cluster:
    """Replicas that answer 40 requests a second each; ten seconds after the first visitor one of them hangs."""
    flags = f"{flags_of(check)} {more}"
    cluster = serving(flags, "acme/web:busy", replicas, workers=4, seed=7)
    cluster.run_for(12)
    cluster.traffic("http://manager-1:8080/", Poisson(rate), seconds=seconds)
    cluster.run_for(10)
    if hangs:
        cluster.sicken("web.2")
    cluster.run_for(seconds - 8)
    return cluster


def show_causes(cluster: Cluster, count: int = 4) -> None:
    """Print the first containers that were given up, and what led to the last of them as far as it is about health. The
    seconds are those since the first visitor."""
    trace, given_up = cluster.trace, losses(cluster.trace)[:count]
    zero = min(one.arrived for one in trace.requests) / SECOND
    slots = {r.fact.id: r.fact.name for r in trace.of(TaskStored)}
    for one in given_up:
        why = str(one).partition(": ")[2]
        print(f"{one.time - zero:5.1f} s  {slots[one.task]} on {one.machine}: {why}")
    print()
    for record in trace.explain(given_up[-1].number):
        fact: Any = record.fact
        if isinstance(fact, ProbeEnded) or (isinstance(fact, HealthChanged) and fact.status == "unhealthy"):
            print(f"{record.time / SECOND - zero:5.1f} s  {slots[fact.task]} {_told(fact)}")


def _told(fact: Any) -> str:
    if isinstance(fact, HealthChanged):
        return f"is {fact.status}"
    return f"has a check given up, failure {fact.streak}: {fact.ahead} requests were in line before it"


def show_outcomes(runs: Mapping[str, Cluster]) -> None:
    """Print what became of each storm, a line each."""
    for title, run in runs.items():
        print(f"{title:34} {outcome(run)}")


def outcome(cluster: Cluster) -> str:
    """How many containers were given up, and how many of the last visitors were answered."""
    asked = sorted(cluster.trace.requests, key=lambda one: one.arrived)
    late = [one.status == 200 for one in asked if one.arrived > asked[-1].arrived - 30 * SECOND]
    given_up = len(losses(cluster.trace))
    return f"{given_up:2} containers given up, {sum(late) / len(late):4.0%} answered in the last 30 s"


# ── knobs ────────────────────────────────────────────────────────────────────────────────────────────────────────────

APPLICATIONS: dict[str, str] = {
    "hangs after 40 s": "hangs",
    "slow to start (8 s)": "slow",
    "unwell for 8 s of 40": "flaky",
    "overloaded": "busy",
    "its check asks a database": "needy",
}
_bases: dict[tuple, Cluster] = {}


def knobs(
    interval: int = 5,
    timeout: int = 2,
    retries: int = 3,
    start_period: int = 0,
    application: str = "hangs",
    loss: float = 0.0,
) -> tuple[Any, str]:
    """The probe timeline of one slot for two minutes, and its words. `loss` is between worker-1, where the database is, and
    all other workers."""
    from ..viz.charts import draw_probes, tell_probes

    check = {"interval": interval, "timeout": timeout, "retries": retries, "start_period": start_period}
    trace = _tried({name: value for name, value in check.items() if value}, application, loss).trace
    return draw_probes(trace, "web.1", check, end=120), tell_probes(trace, "web.1", check)


def _tried(check: Check, application: str, loss: float) -> Cluster:
    cluster = _with_database().fork()
    tag = "1" if application == "hangs" else application
    away = "--network back --constraint node.hostname!=worker-1"
    cluster.docker(
        f"service create -d --name web --replicas 2 --publish 8080:80 {away} {flags_of(check)} acme/web:{tag}"
    )
    for worker in ("worker-2", "worker-3") if loss else ():
        cluster.link("worker-1", worker, loss=loss)
    cluster.traffic("http://manager-1:8080/", Poisson(90 if application == "busy" else 5), seconds=118)
    cluster.run_for(40)
    if application == "hangs" and any(run.service == "web" and run.slot == 1 for run in cluster.running):
        cluster.sicken("web.1")
    cluster.run_for(80)
    return cluster


def _with_database() -> Cluster:
    """A swarm with `db` on worker-1, in a network of its own."""
    if () not in _bases:
        cluster = swarm(3, seed=10, messages=False)
        cluster.docker("network create --driver overlay back")
        where = "--network back --constraint node.hostname==worker-1"
        cluster.docker(f"service create -d --name db {where} acme/web:1")
        cluster.run_for(5)
        _bases[()] = cluster
    return _bases[()]


# ── how much to doubt a silence ──────────────────────────────────────────────────────────────────────────────────────

BEATS = 30  # heartbeats before the silence
RULE = Accrual(pause=0)


def doubts(spreads: Mapping[str, float], silence: float = 3.0) -> dict[str, list[Level]]:
    """φ since the last heartbeat, for members whose heartbeats came every second, more or less evenly."""
    found = {}
    for title, spread in spreads.items():
        dice, at, beats = Random("beats"), 0.0, [0.0]
        for _ in range(BEATS):
            at += max(0.1, dice.gauss(1.0, spread))
            beats.append(at)
        levels = phi_curve(beats, at + silence, RULE, step=0.02)
        found[title] = [Level(level.time - at, level.phi) for level in levels if level.time >= at]
    return found


def draw_doubts(curves: Mapping[str, Sequence[Level]], threshold: float = 8, most: float = 20) -> Any:
    """A line for each member: the seconds since its last heartbeat, and how much it is doubted."""
    from ..viz import ink

    ax = ink.axes(None, 3.0, 0.9, 1.9, 0.2, 0.65)
    for (title, levels), style in zip(curves.items(), ("-", "--", ":"), strict=False):
        shown = [level for level in levels if level.phi <= most]
        ax.plot([level.time for level in shown], [level.phi for level in shown], style, color=ink.INK, linewidth=1.8)
        last = shown[-1]
        ax.annotate(
            title, (last.time, last.phi), (4, -2), textcoords="offset points", fontsize=9, annotation_clip=False
        )
        over = next((level for level in levels if level.phi >= threshold), None)
        if over:
            ax.plot([over.time], [threshold], "o", color=ink.CONTROL, markeredgecolor=ink.INK, markersize=8, zorder=4)
    ax.axhline(threshold, color=ink.CONTROL, linewidth=1.4)
    end = max(level.time for levels in curves.values() for level in levels)
    ax.set(xlim=(0, end), ylim=(0, most * 1.05))
    ax.set_xlabel("seconds since the last heartbeat", fontsize=10)
    ax.set_ylabel("doubt φ", fontsize=10)
    ax.annotate(f"held for dead: {threshold:g}", (0.02, threshold), (2, 4), textcoords="offset points", fontsize=9)
    return ax


def tell_doubts(curves: Mapping[str, Sequence[Level]], threshold: float = 8) -> str:
    """The same in words."""
    told = []
    for title, levels in curves.items():
        over = next((level.time for level in levels if level.phi >= threshold), None)
        told.append(f"{title}: {'not reached' if over is None else f'after {over:.1f} s'}")
    return f"The doubt reaches {threshold:g} so long after the last heartbeat: {', '.join(told)}."


# ── detectors side by side ───────────────────────────────────────────────────────────────────────────────────────────

WEATHER = Conditions(loss=0.05, pause=5, pause_every=60)  # ten members, each of them stuck now and then


def detectors_beside_time_outs(runs: int = 60) -> tuple[dict[str, list[Any]], list[Any]]:
    """Five detectors, and a fixed time-out of 2 to 10 s as a line beside them: rows for `draw_detectors`, and the runs."""
    limits: dict[str, Any] = {f"{seconds} s": Beats(1.0, 0.0, seconds) for seconds in (2, 3, 5, 10)}
    others: dict[str, Any] = {name: rule for name, rule in DETECTORS.items() if name != "time-out"}
    rows = compare(runs, WEATHER, others | limits)
    table = {row.detector: row for row in summaries(rows, WEATHER)}
    return {"": [table[name] for name in others], "time-out": [table[name] for name in limits]}, rows


def detector_knobs(loss: float = 0.05, stuck: int = 5, threshold: int = 8, silent_beats: int = 3) -> tuple[Any, str]:
    """Three detectors in this weather, with a threshold of φ and a number of heartbeats that may fail to come."""
    from ..viz.charts import draw_detectors, tell_detectors

    weather = WEATHER._replace(loss=loss, pause=stuck, seconds=36.0)
    rules: dict[str, Any] = {
        "heartbeat": Beats(grace=silent_beats),
        "phi": Accrual(threshold=threshold),
        "Lifeguard": DETECTORS["Lifeguard"],
    }
    rows = compare(20, weather, rules)
    table = [_within(row) for row in summaries(rows, weather)]
    missed = " What was not noticed by the end of the run stands at its edge." * any(row.missed for row in table)
    return draw_detectors(table, rows, mark="heartbeat"), tell_detectors(table) + missed


def _within(row: Any, most: float = 24.0) -> Any:
    """The same, with the length of the run where a crash was not noticed in it."""
    return row._replace(median=min(row.median, most), p95=min(row.p95, most))
