"""Scenes of lesson 08: swarms to ask in, who is in which answer, a task's way into the tables, and closed ports."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from math import inf, sqrt
from typing import Any, NamedTuple

from ..cluster import Cluster
from ..events import BackendAdded, BackendRemoved, ContainerExited, ContainerStarted, HealthChanged, TaskStored
from ..viz import ink
from ..viz.chips import SMALL, chip_width, draw_chip
from ..viz.probes import STATES, draw_notch
from ..viz.rumour import shade
from ..viz.symptoms import Answer

SECOND = 1_000_000  # µs
SKEW = 11  # the seed of the clients that the lesson shows
WEB = "--network front --constraint node.hostname!=worker-1 traefik/whoami"

# ── clusters ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def swarm(workers: int = 4, seed: int | str = 8) -> Cluster:
    """A manager that takes no tasks, and so many workers."""
    cluster = Cluster(managers=1, workers=workers, seed=seed)
    cluster.docker("node update --availability drain manager-1")
    return cluster


def served(replicas: int = 3, workers: int = 4, seed: int | str = 8, mode: str = "vip") -> Cluster:
    """The network `front`, `client.1` on worker-1, and `web` on the others."""
    cluster = swarm(workers, seed)
    cluster.docker("network create --driver overlay front")
    cluster.docker(
        "service create -d --name client --network front --constraint node.hostname==worker-1 alpine sleep 1d"
    )
    cluster.docker(f"service create -d --name web --replicas {replicas} --endpoint-mode {mode} {WEB}")
    cluster.run_for(10)
    return cluster


def where(cluster: Cluster, task: str) -> str:
    """The machine on which the task of this name runs; '' if it does not."""
    service, _, slot = task.rpartition(".")
    return next((run.machine for run in cluster.running if (run.service, str(run.slot)) == (service, slot)), "")


def ask(cluster: Cluster, names: Iterable[str], askers: Iterable[str]) -> None:
    """Print what each of these tasks gets for each of these names."""
    askers = list(askers)
    print(f"{'':12}" + "".join(f"{who:34}" for who in askers).rstrip())
    for name in names:
        found = [cluster.dig(name, who) for who in askers]
        cells = [", ".join(answer.addresses) or answer.status for answer in found]
        print(f"{name:12}" + "".join(f"{cell:34}" for cell in cells).rstrip())


# ── who is in which answer ───────────────────────────────────────────────────────────────────────────────────────────


class Member(NamedTuple):
    """A task of a service, with its address; `known` says whether it is in the answers."""

    name: str
    address: str
    known: bool = True


def members(cluster: Cluster, service: str, network: str, asker: str) -> list[Member]:
    """The tasks of a service whose containers run, and whether the machine of `asker` has them in its tables."""
    inside = set(cluster.resolve(f"tasks.{service}", asker))
    rows = [row for row in cluster.addresses(network) if row[1] == "task" and row[2].startswith(f"{service}.")]
    return [Member(owner, address, address in inside) for address, _, owner in rows]


def draw_answers(service: str, vip: str, tasks: Sequence[Member]) -> Any:
    """Two names at the left, what they stand for at the right: a virtual IP and behind it the tasks, or the tasks."""
    known = [member for member in tasks if member.known]
    high = max(2, len(tasks)) * 0.34 + 0.25
    ax = ink.canvas(None, ink.WIDTH, high)
    heights = {member.name: 0.4 + 0.34 * n for n, member in enumerate(tasks)}
    middle, low = 0.4 + 0.34 * (max(2, len(tasks)) - 1) * 0.2, 0.4 + 0.34 * (max(2, len(tasks)) - 1) * 0.8
    start = {service: middle, f"tasks.{service}": low}
    for name, y in start.items():
        ink.write(ax, 0.2, y, name, fontsize=SMALL + 2, fontweight="bold")
    for member in tasks:
        wide = _draw_member(ax, 6.6, heights[member.name], member)
        note = member.name if member.known else f"{member.name}: not healthy, in no answer"
        ink.write(ax, 6.7 + wide, heights[member.name], note, fontsize=SMALL)
    for member in known:
        _arrow(ax, 1.35, low, 6.55, heights[member.name])
        if vip:
            _arrow(ax, 3.1 + chip_width(vip, "vip"), middle, 6.55, heights[member.name], dashed=True)
        else:
            _arrow(ax, 1.35, middle, 6.55, heights[member.name])
    if vip and known:
        draw_chip(ax, 3.05, middle, vip, "vip")
        _arrow(ax, 1.35, middle, 3.0, middle)
    ink.write(ax, 0.2, 0.12, "a name", fontsize=SMALL, color=ink.QUIET)
    if vip and known:
        ink.write(ax, 3.05, 0.12, "its one address; - - every node translates it", fontsize=SMALL, color=ink.QUIET)
    ink.write(ax, 6.6, 0.12, "tasks", fontsize=SMALL, color=ink.QUIET)
    return ax


def _draw_member(ax: Any, x: float, y: float, member: Member) -> float:
    """A task's address; hollow and dotted while the task is in no answer."""
    if member.known:
        return draw_chip(ax, x, y, member.address, "task")
    wide = chip_width(member.address, "task")
    ink.box(ax, x, y - 0.1, wide, 0.2, linestyle=":", edgecolor=ink.QUIET)
    ink.write(ax, x + wide / 2, y, member.address, ha="center", fontsize=SMALL, color=ink.QUIET)
    return wide


def _arrow(ax: Any, x: float, y: float, to_x: float, to_y: float, dashed: bool = False) -> None:
    style = {"arrowstyle": "-|>", "color": ink.INK if not dashed else ink.QUIET, "linewidth": 1.0}
    if dashed:
        style["linestyle"] = (0, (3, 2))
    ax.annotate("", (to_x, to_y), (x, y), arrowprops={**style, "shrinkA": 0, "shrinkB": 0}, zorder=1)


def tell_answers(service: str, vip: str, tasks: Sequence[Member]) -> str:
    """The same in words."""
    known = [member.address for member in tasks if member.known]
    if not known:
        return f"{service} and tasks.{service} are answered with NXDOMAIN: no task of {service} is in."
    own = f"{vip}, a virtual IP" if vip else ", ".join(known)
    out = len(tasks) - len(known)
    more = f" {out} of {len(tasks)} tasks run and are in no answer." if out else ""
    return f"{service} is answered with {own}; tasks.{service} with {', '.join(known)}.{more}"


def show_answers(cluster: Cluster, service: str = "web", network: str = "front", asker: str = "client.1") -> None:
    """Display what a service's two names stand for."""
    from ..viz.charts import show

    picture, words = _answers(cluster, service, network, asker)
    show(picture, words)


def _answers(cluster: Cluster, service: str, network: str, asker: str) -> tuple[Any, str]:
    tasks = members(cluster, service, network, asker)
    found = cluster.resolve(service, asker)
    vip = found[0] if found and found[0] not in [member.address for member in tasks] else ""
    return draw_answers(service, vip, tasks), tell_answers(service, vip, tasks)


def answers_board(endpoint_mode: str = "vip", replicas: int = 3, unwell: int = 0) -> tuple[Any, str]:
    """A service of this kind, some of whose tasks are not healthy: knobs of the lesson."""
    cluster = swarm(3)
    cluster.docker("network create --driver overlay front")
    cluster.docker("service create -d --name client --network front alpine sleep 1d")
    well, check = max(0, replicas - unwell), "--health-cmd 'curl -f http://localhost/' --health-interval 2s"
    create = f"service create -d --name web --network front --endpoint-mode {endpoint_mode} {check} --health-retries 9"
    cluster.docker(f"{create} --replicas {well} acme/web:slow")
    cluster.run_for(14)
    cluster.docker(f"service scale -d web={replicas}")  # those who come now are not well for another eight seconds
    cluster.run_for(3)
    return _answers(cluster, "web", "front", "client.1")


# ── in the tables, out of the tables ─────────────────────────────────────────────────────────────────────────────────


class Life(NamedTuple):
    """A container, and when a node sent requests there; seconds."""

    name: str
    started: float
    ended: float | None
    known: float | None
    dropped: float | None
    turns: tuple[tuple[float, str], ...]  # verdicts of the health checks


def lives(trace: Any, service: str, node: str) -> list[Life]:
    """The containers of a service in the order of their starts, and when `node` had them in its tables."""
    names = {r.fact.id: r.fact.name for r in trace.of(TaskStored) if r.fact.name.startswith(f"{service}.")}
    starts = [r for r in trace.of(ContainerStarted) if r.fact.task in names]
    here = [r for kind in (BackendAdded, BackendRemoved) for r in trace.of(kind) if r.source == node]

    def first(kind: Any, task: str, rows: Iterable[Any]) -> float | None:
        return next((r.time / SECOND for r in rows if isinstance(r.fact, kind) and r.fact.task == task), None)

    return [
        Life(
            names[r.fact.task],
            r.time / SECOND,
            first(ContainerExited, r.fact.task, trace.of(ContainerExited)),
            first(BackendAdded, r.fact.task, here),
            first(BackendRemoved, r.fact.task, here),
            tuple((x.time / SECOND, x.fact.status) for x in trace.of(HealthChanged) if x.fact.task == r.fact.task),
        )
        for r in starts
    ]


def draw_lives(rows: Sequence[Life], until: float, node: str) -> Any:
    """A lane per container: its outline while the process runs, filled while the node has it in its tables."""
    left, right, high = 1.0, 0.4, 0.5
    ax = ink.canvas(None, ink.WIDTH, high * len(rows) + 0.85)
    begin = min(row.started for row in rows)
    scale = (ink.WIDTH - left - right) / (until - begin)

    def x(time: float | None) -> float:
        return left + (min(until, until if time is None else time) - begin) * scale

    for n, row in enumerate(rows):
        y = 0.4 + high * n
        again = any(other.name == row.name for other in rows[:n])
        ink.write(ax, 0.1, y + 0.12, f"{row.name}{', next' * again}", fontsize=SMALL)
        turns = [(row.started, "starting"), *row.turns, (row.ended, "")]
        for (time, verdict), (later, _) in pairwise(turns):
            if verdict != "healthy":
                ink.box(ax, x(time), y, x(later) - x(time), 0.24, linewidth=0, **STATES[verdict])
            if verdict == "unhealthy":
                draw_notch(ax, x(time), y, 0.18)
        if row.known is not None:
            ink.box(ax, x(row.known), y, x(_end(row)) - x(row.known), 0.24, facecolor=ink.SOLID, edgecolor="none")
        ink.box(ax, x(row.started), y, x(row.ended) - x(row.started), 0.24, linewidth=1.2)
    foot = 0.4 + high * len(rows)
    ax.plot((left, ink.WIDTH - right), (foot, foot), color=ink.LINE, linewidth=1)
    for second in range(int(begin) + 1, int(until) + 1):
        if second % 5 == 0:
            ax.plot((x(second), x(second)), (foot, foot + 0.05), color=ink.LINE, linewidth=1)
            ink.write(ax, x(second), foot + 0.16, f"{second} s", ha="center", fontsize=SMALL)
    said = f"outline: the process runs · filled: {node} has it in its tables · dotted: starting · notch: unhealthy"
    ink.write(ax, left, 0.12, said, fontsize=SMALL, color=ink.QUIET)
    return ax


def _end(row: Life) -> float | None:
    return row.dropped if row.dropped is not None else row.ended


def tell_lives(rows: Sequence[Life]) -> str:
    """The same in words."""
    before = [row.known - row.started for row in rows if row.known is not None]
    after = [row.ended - row.dropped for row in rows if row.ended is not None and row.dropped is not None]
    said = f"{len(rows)} containers: in the tables {_seconds(before)} after the start" if before else "None got in"
    return f"{said}; out of them {_seconds(after)} before the end." if after else f"{said}."


def _seconds(values: Sequence[float]) -> str:
    low, high = f"{min(values):.1f}", f"{max(values):.1f}"
    return f"{low} s" if low == high else f"{low} to {high} s"


def show_lives(cluster: Cluster, service: str = "web", asker: str = "client.1") -> None:
    """Display when each container of a service ran, and when the machine of `asker` knew it."""
    from ..viz.charts import show

    node = where(cluster, asker)
    rows = lives(cluster.trace, service, node)
    show(draw_lives(rows, cluster.now, node), tell_lives(rows))


def show_way(way: Any, kinds: Mapping[str, str]) -> None:
    """Display the stops of a packet where its addresses change, and name them in words."""
    from ..viz.charts import packet_strip, show

    said, to = [], ""
    for n, hop in enumerate(way.there, 1):
        if not hop.outer and hop.target != to:
            said.append(f"{n} on {hop.machine} to {hop.target}")
            to = hop.target
    last = way.there[-1]
    words = f"From container to container in {len(way.there)} steps: {'; '.join(said)}; {len(way.there)} on {last.machine}: {last.said}."
    show(packet_strip(way, kinds=kinds), words)


# ── news ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def rumour_board(nodes: int = 100, loss: str = "0 %", round: int = 20) -> tuple[Any, str]:
    """One piece of news through so many nodes, up to a round: knobs of the lesson."""
    from ..traffic.rumours import spread
    from ..viz.charts import draw_rumour, tell_rumour
    from ..viz.rumour import last_of

    heard = spread(nodes, seed=8, loss=float(loss.rstrip(" %")) / 100)
    upto = round if round < last_of(heard) else None
    return draw_rumour(heard, upto=upto), tell_rumour(heard, upto)


def midway(trace: Any, task: str) -> float:
    """A second at which some nodes have heard of this task and others have not: in the longest pause of the news."""
    names = {r.fact.id: r.fact.name for r in trace.of(TaskStored)}
    times: dict[str, int] = {}
    for r in trace.of(BackendAdded):
        if names.get(r.fact.task) == task:
            times.setdefault(r.source, r.time)
    ordered = sorted(times.values())
    pause, begin = max((later - time, time) for time, later in pairwise(ordered))
    return (begin + pause / 2) / SECOND


def differing(trace: Any, t: float, service: str) -> dict[str, dict[str, Any]]:
    """What everybody holds about a service at a moment: rows of `draw_beliefs`, two who know and two who do not."""
    from ..viz.knows import tables_at

    tables = {who: table.get(service, []) for who, table in tables_at(trace, t).items() if who != "manager-1"}
    know = [who for who, held in tables.items() if who != "truth" and held == tables["truth"]]
    lack = [who for who in tables if who != "truth" and who not in know]
    return {who: {service: tables[who]} for who in ("truth", *know[:2], *lack[:2])}


def draw_news(heard: Mapping[str, int]) -> Any:
    """When each node heard (µs after the first): a cell each in this order, and below them how many know."""
    ordered = sorted(heard.items(), key=lambda item: item[1])
    times = [time / 1000 for _, time in ordered]
    most = max(times) * 1.04 or 1
    fig = ink.sheet(height=3.3)
    cells = fig.add_axes((0.062, 0.74, 0.913, 0.21))
    cells.set(xlim=(0, len(ordered)), ylim=(1.5, 0))
    cells.set_axis_off()
    for n, (node, _) in enumerate(ordered):
        ink.box(cells, n + 0.04, 0, 0.92, 0.85, facecolor=shade(round(times[n]), round(most)))
        colour = ink.PAPER if times[n] < 0.45 * most else ink.INK
        ink.write(cells, n + 0.5, 0.43, f"{times[n]:.0f} ms", ha="center", fontsize=SMALL, color=colour)
        ink.write(cells, n + 0.5, 1.15, ink.short(node), ha="center", fontsize=SMALL)
    curve = fig.add_axes((0.062, 0.16, 0.913, 0.5))
    counts = list(range(1, len(times) + 1))
    curve.step([*times, most], [*counts, counts[-1]], where="post", color=ink.CONTROL, linewidth=2)
    curve.plot(times, counts, "o", color=ink.CONTROL, markersize=4.5)
    curve.set(xlim=(-0.01 * most, most), ylim=(0, len(times) + 0.8))
    curve.set_yticks(sorted({1, *(round(len(times) * part / 3) for part in (1, 2, 3))} - {0}))
    curve.set_xlabel("ms since the first node knew", fontsize=SMALL)
    curve.set_ylabel("nodes that know", fontsize=SMALL)
    curve.spines[["top", "right"]].set_visible(False)
    curve.tick_params(labelsize=SMALL)
    return fig


def tell_news(heard: Mapping[str, int]) -> str:
    """The same in words."""
    times = sorted(time / 1000 for time in heard.values())
    return (
        f"News through {len(times)} nodes: half know after {times[(len(times) + 1) // 2 - 1]:.0f} ms, "
        f"all but one after {times[-2]:.0f} ms, the last after {times[-1]:.0f} ms."
    )


def show_news(cluster: Cluster, task: str) -> None:
    """Display when each node heard of a task."""
    from ..viz.charts import show
    from ..viz.rumour import heard_in

    heard = heard_in(cluster.trace, task)
    show(draw_news(heard), tell_news(heard))


def print_rounds(*sizes: int) -> None:
    """Print how long a rumour takes through so many nodes, as a mean of 40 runs in lock step."""
    from ..traffic.rumours import rounds_to, spread

    for nodes in sizes:
        rounds = float(rounds_to(spread(nodes, runs=40, seed=8)).mean())
        print(f"{nodes:6} nodes: {rounds:4.1f} rounds, {rounds * 0.2:.1f} s")


def asker_on(cluster: Cluster, machine: str, service: str = "web") -> str:
    """The name of a task of this service on a machine."""
    return next(f"{service}.{run.slot}" for run in cluster.running if (run.service, run.machine) == (service, machine))


def until_true(cluster: Cluster, holds: Callable[[], bool], longest: float = 90, step: float = 0.1) -> float:
    """Seconds until it holds; inf if it does not within the longest."""
    begin = cluster.now
    while not holds():
        if cluster.now - begin >= longest:
            return inf
        cluster.run_for(step)
    return cluster.now - begin


def closed(
    cluster: Cluster, ports: Sequence[str] = (), node: str = "worker-1", asker: str = "client.1"
) -> dict[str, Any]:
    """What it means for a machine that these of its ports are shut: three questions, as rows of `draw_symptoms`."""

    def fork() -> Cluster:
        other = cluster.fork()
        for port in ports:
            other.block(node, port)
        return other

    def known(swarm: Cluster) -> int:
        return len(swarm.resolve("tasks.web", asker))

    more, less, late = fork(), fork(), fork()
    before = known(cluster)
    more.docker(f"service scale -d web={before + 1}")
    less.docker(f"service scale -d web={before - 1}")
    late.run_for(60)
    out = until_true(less, lambda: known(less) < before)
    less.run_for(60)
    return {
        "news of a new task": until_true(more, lambda: known(more) == before + 1),
        "a stopped task is out": out
        if known(less) == before - 1
        else Answer(False, words=f"{ink.span(out)}, then all are gone"),
        "web resolves, a minute later": bool(late.resolve("web", asker)),
    }


def visits(cluster: Cluster, url: str = "http://web/", seconds: float = 20, every: float = 0.5) -> None:
    """`client.1` asks again and again, and waits a second at most for each answer."""
    until = cluster.now + seconds
    while cluster.now < until:
        cluster.request(url, source="client.1", timeout=1)
        cluster.run_for(every)


def two_clocks(cluster: Cluster, gone: Any) -> list[dict[str, Any]]:
    """What the nodes (rows of `leaving`) and what the managers made of the loss of a machine, for `draw_outage`."""
    from ..events import MachineCrashed
    from ..viz.charts import lost_requests
    from ..viz.frames import outage

    managers = outage(cluster.trace, cluster.trace.of(MachineCrashed)[-1])
    nodes = managers | {
        "noticed": min(time for _, time in gone.suspected),
        "decided": min(time for _, time in gone.failed),
        "healed": max(time for _, time in gone.withdrawn),
        "title": "the nodes,\nin their tables",
        "lost": lost_requests(cluster.trace, managers),
    }
    return [nodes, managers | {"title": "the managers,\nwith a new task"}]


# ── clients that keep answers ────────────────────────────────────────────────────────────────────────────────────────


def skew_board(ttl: int = 600, clients: int = 5, replicas: int = 3) -> tuple[Any, str]:
    """Clients that keep the first address of an answer, for two minutes: knobs of the lesson."""
    from ..traffic.caching import simulate
    from ..viz.charts import draw_skew, tell_skew

    panels = {f"TTL {ttl} s": simulate(replicas, clients, ttl, seconds=120, seed=SKEW).counts}
    return draw_skew(panels), tell_skew(panels)


def fates(cluster: Cluster, loads: Mapping[str, str]) -> None:
    """Print how many requests of each load were answered, and how many were not."""
    for what, load in loads.items():
        run = cluster.requests(load)
        good = sum(run.ok)
        print(f"{what:36} {good} answered, {len(run.ok) - good} failed")


def three_loads(cluster: Cluster, seconds: float = 90) -> dict[str, str]:
    """Two requests per second from each of three: {who asks how: the load's name}."""
    from ..traffic.workload import Poisson

    asked = {
        "client.1 asks for rr each time": ("http://rr/", "client.1"),
        "keeps.1 keeps an answer for rr": ("http://rr/", "keeps.1"),
        "client.1 asks for web (virtual IP)": ("http://web/", "client.1"),
    }
    return {
        what: cluster.traffic(url, Poisson(2), source=source, seconds=seconds) for what, (url, source) in asked.items()
    }


def remove(cluster: Cluster, *tasks: str) -> None:
    """`docker rm -f` on the machines of these tasks; what was typed is printed."""
    for task in tasks:
        service, _, slot = task.rpartition(".")
        run = next(run for run in cluster.running if (run.service, str(run.slot)) == (service, slot))
        cluster.docker(f"rm -f {task}.{run.id}", run.machine)
        print(f"{run.machine}$ docker rm -f {task}.{run.id}")


# ── figures, and what is for the curious ─────────────────────────────────────────────────────────────────────────────


def figures(cluster: Cluster, stopped: Any, unplugged: Any) -> dict[str, tuple[str, str]]:
    """What was measured here and what is known of the real engine: {what: (ours, theirs)}."""
    from ..traffic.caching import assigned
    from ..traffic.rumours import rounds_to, spread
    from ..traffic.theory import INTERVAL, idle_replica

    line = next(line for line in cluster.dig("web", "client.1").text.splitlines() if line.startswith("web."))
    pause = (stopped.signal - min(time for _, time in stopped.withdrawn)) / SECOND
    doubt = min(time for _, time in unplugged.suspected)
    verdict = (min(time for _, time in unplugged.failed) - doubt) / SECOND
    rounds = float(rounds_to(spread(10_000, runs=40, seed=8)).mean())
    tries = 10_000
    idle = sum(0 in assigned(3, 5, f"idle {n}") for n in range(tries)) / tries
    error = 2 * sqrt(idle * (1 - idle) / tries)  # twice the standard error
    return {
        "an answer may be kept for": (f"{line.split()[1]} s", "600 s"),
        "out of the tables before the stop signal": (f"{pause:.2f} s", "2 s"),
        "unplugged: from doubt to verdict": (f"{verdict:.1f} s", "4 s at least"),
        "10 000 nodes know, in lock step": (f"{rounds:.1f} rounds, {rounds * INTERVAL:.2f} s", "10.63 rounds, 2.13 s"),
        "3 replicas, 5 caching clients: one idle": (f"{idle:.3f} ± {error:.3f}", f"{idle_replica(3, 5):.3f}"),
    }


def left_out_of(nodes: int, runs: int, counted: str) -> float:
    """The share of rumours that did not reach everybody."""
    from ..traffic.rumours import left_out, spread

    return left_out(spread(nodes, runs=runs, seed=8, counted=counted))[0]
