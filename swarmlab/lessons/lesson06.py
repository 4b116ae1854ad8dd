"""Lesson 06: its predictions, and the judges of its exercises. Machines and demand are in `scenes06`."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any, NamedTuple

from ..cluster import Cluster
from ..manager.scheduler import binpack, random_choice, spread
from ..objects import RUNNING
from ..rack import Computer, address_of
from . import CORRECT, Prediction, Verdict
from .scenes06 import GIB, Demand, Placed, compared, demand, in_order, per_node, place, racks

STRATEGIES = {"spread": spread, "binpack": binpack, "random": random_choice}

PREDICTIONS = {
    "1": Prediction(
        "4 5 3. The new tasks go to the emptiest node until the next one is better; each step comes one task too late.",
        {
            "a": "It ends close to that. Look at the ranks: at 2 and 2 worker-3 is not worse than worker-2, so it gets one more.",
            "b": "Yes.",
            "c": "Then the four that were there would not count. Look at the line `of web` of the ranks: it is the first that differs.",
            "d": "The fullest node gets nothing: look at the ranks, 4 is worse than 0 in every step.",
        },
    ),
    "2": Prediction(
        "4 and 4: the preference levels the zones, whatever is in them. So one machine carries 4, four carry one each.",
        {
            "a": "That would be without the preference. Look at the counts of the zones, not of the nodes: they are levelled.",
            "b": "Yes.",
            "c": "A zone counts once, however many machines it has: read its count in the picture.",
        },
    ),
    "3": Prediction(
        "worker-1. It has the fewest tasks and nearly all of its memory is unreserved. Nothing else is asked.",
        {
            "a": "Yes.",
            "b": "The dark shade in the picture is what is really used. It appears in no rank and in no filter.",
            "c": "It does not wait: a node passes the filters or it does not. The dark shade is in none of them.",
        },
    ),
    "4": Prediction(
        "The constraint is enforced at once: its task is rejected and another one starts elsewhere. The preference is not.",
        {
            "a": "That is so for the preference. Find the state Rejected in the list: somebody did look again.",
            "b": "That is so for the constraint. Look at even: same task, same node. Preferences are asked once, at the start.",
            "c": "Yes.",
            "d": "It is not the node that is at fault: the task of plain, which has no wishes, stays there.",
        },
    ),
    "5": Prediction(
        "Every node but worker-2. A node without the label has the empty value, and that differs from hdd.",
        {
            "a": "Find worker-3 on the why-board: no label, and a tick. No value is a value, too.",
            "b": "Yes.",
            "c": "Docker takes it: a constraint has two operators, == and !=. Look at the ticks.",
        },
    ),
    "6": Prediction(
        "All eight run. A limit is a fence for the container on its node; the scheduler asks for reservations only.",
        {
            "a": "That would be with --reserve-memory. Look at the whiskers in the next picture: nobody adds them up.",
            "b": "Yes.",
            "c": "Whether memory is there when it is needed is seen by the machine later, not by the scheduler.",
        },
    ),
    "7": Prediction(
        "8 and 22. A preference levels what can be levelled: when zone a is full, the rest goes to zone b, and nobody says so.",
        {
            "a": "So it would be with a constraint. Count what runs: nothing waits.",
            "b": "Docker takes every preference, and promises nothing. Look at the counts: zone a is full, zone b took the rest.",
            "c": "Yes.",
        },
    ),
}

# ── Docker's strategy, looked at closely ─────────────────────────────────────────────────────────────────────────────


def four_two_none() -> Cluster:
    """Three workers that hold 4, 2 and 0 tasks of `web`, made by letting them in one after the other."""
    cluster = racks("abc")
    _let_in(cluster, 4, 1)
    _let_in(cluster, 6, 2)
    cluster.docker("node update --availability active worker-3")
    cluster.run_for(1)
    return cluster


def _let_in(cluster: Cluster, replicas: int, workers: int) -> None:
    """Only so many workers take tasks while `web` grows."""
    for number in (1, 2, 3):
        cluster.docker(f"node update --availability {'active' if number <= workers else 'drain'} worker-{number}")
    grow = (
        f"service scale -d web={replicas}"
        if cluster.services
        else f"service create -d --name web --replicas {replicas} --reserve-memory 512m nginx"
    )
    cluster.docker(grow)
    cluster.run_for(5)


def busy_rows(chosen: str = "worker-1") -> dict:
    """The busy node as a picture. What a task really uses is typed in: the engine of this lab does not measure it."""
    from ..viz.placefold import placed_rows

    small, nodes = GIB // 16, [(f"worker-{n}", "", 4 * GIB) for n in (1, 2, 3)]
    stood = [("crunch.1", "worker-1", small, 0, 3.5 * GIB)]
    stood += [(f"cache.{n}", f"worker-{1 + (n + 1) // 2}", GIB // 2, 0, GIB // 16) for n in (1, 2, 3, 4)]
    return placed_rows(nodes, [*stood, ("web.1", chosen, GIB // 2, 0, GIB // 8)])


def avoided() -> int:
    """How many times a task of a service has to fail on the first worker until another node is tried."""
    cluster = racks("ab")
    cluster.docker("service create -d --name web nginx")
    for failures in range(10):
        cluster.run_for(15)
        (run,) = cluster.running
        if run.machine != "worker-1":
            return failures
        name = f"web.1.{run.id}"
        cluster.docker(f"rm -f {name}", "worker-1")
    return 10


def zone_lost(strategy: Callable = spread, preference: bool = False) -> Cluster:
    """Six workers in three racks, three services with two replicas each; after 30 s rack a loses its power."""
    cluster = racks("aabbcc", strategy=strategy)
    wish = " --placement-pref spread=node.labels.az" if preference else ""
    for service in ("web", "api", "cache"):
        port = " --publish 8080:80" if service == "web" else ""
        cluster.docker(f"service create -d --name {service} --replicas 2 --reserve-memory 512m{wish}{port} nginx")
    cluster.run_for(30)
    for name in ("worker-1", "worker-2"):
        cluster.crash(name)
    return cluster


def visited(cluster: Cluster, seconds: float = 45) -> dict:
    """Every second somebody asks `web` on the last worker; the outage since the rack was lost, with the requests lost."""
    from ..events import MachineCrashed
    from ..viz.charts import lost_requests
    from ..viz.frames import outage

    until = cluster.now + seconds
    while cluster.now < until:
        cluster.request("http://worker-6:8080/")
        cluster.run_for(1)
    row = outage(cluster.trace, cluster.trace.of(MachineCrashed)[-2:])
    return row | {"lost": lost_requests(cluster.trace, row)}


def still_there(cluster: Cluster) -> str:
    """How many tasks of each service run: `web 2, api 0`."""
    runs = Counter(run.service for run in cluster.running)
    return ", ".join(f"{service.spec.name} {runs[service.spec.name]}" for service in cluster.services)


def placed_where(cluster: Cluster) -> dict[str, str]:
    """Which machine runs which task, by the task's id."""
    return {run.id: run.machine for run in cluster.running}


def compare(grown: Cluster, zoned: Cluster) -> None:
    """Print what was measured beside what is known of the real engine."""
    wide = racks("abcde")
    wide.docker("service create -d --name web --replicas 18 nginx")
    wide.run_for(10)
    lines = (
        ("5 empty nodes, 18 tasks", _counts(wide), "4 4 4 3 3"),
        ("nodes with 4, 2, 0, six more", _counts(grown), "4 5 3"),
        ("zones of 1 and 4 nodes, 8 tasks", _counts(zoned), "4 1 1 1 1"),
        ("failures until a node goes last", str(avoided()), "5, in five minutes"),
    )
    for what, ours, real in lines:
        print(f"{what:32} {ours:10} the real engine: {real}")


def _counts(cluster: Cluster) -> str:
    return " ".join(part.split()[1] for part in per_node(cluster, "web").split(", "))


# ── strategies on real sizes ─────────────────────────────────────────────────────────────────────────────────────────


class Score(NamedTuple):
    """What became of a demand."""

    unplaced: int  # tasks that fitted nowhere
    uneven: float  # 0: all nodes equally full; the standard deviation of the shares of processors that are reserved
    lost: float  # of 100 tasks that run, how many run in the rack with the most of them


def score(wanted: Demand, placed: Sequence[Placed]) -> Score:
    """Three measures of a placement, the smaller the better."""
    zones = {machine.name: machine.zone for machine in wanted.machines}
    taken: Counter[str] = Counter()
    racks: Counter[str] = Counter()
    for one in placed:
        if one.node:
            taken[one.node] += one.cpus
            racks[zones[one.node]] += 1
    shares = [taken[machine.name] / machine.cpus for machine in wanted.machines]
    mean = sum(shares) / len(shares)
    uneven = (sum((share - mean) ** 2 for share in shares) / len(shares)) ** 0.5
    running = sum(racks.values())
    return Score(len(placed) - running, uneven, 100 * max(racks.values(), default=0) / max(running, 1))


def mean_score(strategy: Callable, demands: Sequence[Demand]) -> Score:
    """The same, as a mean over several demands."""
    each = [score(wanted, place(wanted, strategy)) for wanted in demands]
    return Score(*(sum(column) / len(each) for column in zip(*each, strict=True)))


LOADS = (
    (0.75, "three quarters of the processors are asked for"),
    (1.0, "all of them"),
)


def table(strategies: Mapping[str, Callable], number: int = 16) -> None:
    """Print the mean scores of strategies over so many demands, with room to spare and without."""
    for load, title in LOADS:
        print(f"{title}:")
        demands = [demand(f"table {n}", load=load) for n in range(number)]
        for name, strategy in strategies.items():
            found = mean_score(strategy, demands)
            print(
                f"  {name:10} {found.unplaced:4.1f} tasks unplaced   uneven {found.uneven:.3f}   {found.lost:.1f} % lost with a rack"
            )


ORDERS = ("as they come", "largest first", "smallest first")


def ordered(load: float, zones: int, order: str) -> Demand:
    """The demand of the lesson, its services by size if wanted."""
    wanted = demand(DEMAND, zones=zones, load=load)
    return wanted._replace(services=in_order(wanted.services, order))


def unplaced(load: float = 1.0, zones: int = 3, order: str = ORDERS[0]) -> str:
    """How many tasks found no node, strategy by strategy."""
    wanted = ordered(load, zones, order)
    found = {name: score(wanted, place(wanted, strategy)).unplaced for name, strategy in STRATEGIES.items()}
    return ", ".join(f"{name} {number}" for name, number in found.items())


def strategies_board(load: float = 1.0, zones: int = 3, order: str = ORDERS[0]) -> tuple[Any, str]:
    """Three strategies on one demand: knobs of the lesson."""
    from ..viz.charts import draw_strategies

    panels = compared(ordered(load, zones, order), STRATEGIES)
    return draw_strategies(panels), f"Tasks without a node: {unplaced(load, zones, order)}."


DEMAND = 8  # the one that the lesson shows


def try_wish(reserve: int = 1024, constraint: str = "none", ssd: str = "worker-2") -> tuple[Any, str]:
    """A service with these wishes on four workers, two of which are half full: knobs of the lesson."""
    from ..viz.charts import draw_why

    cluster = racks("abcd")
    cluster.docker("service create -d --name old --replicas 2 --reserve-memory 2g nginx")
    cluster.run_for(3)
    if ssd != "none":
        cluster.docker(f"node update --label-add disk=ssd {ssd}")
    wish = "" if constraint == "none" else f" --constraint {constraint}"
    cluster.docker(f"service create -d --name new --reserve-memory {reserve}m{wish} nginx")
    cluster.run_for(5)
    why = cluster.why("new.1")
    node = next((run.machine for run in cluster.running if run.service == "new"), "")
    return draw_why(why, chosen=node), f"new.1 runs on {node}." if node else f"new.1 waits: {why.explanation}."


# ── recall: the first filter that a node fails ───────────────────────────────────────────────────────────────────────

FITS = "fits"
NAMES = ("ready", "resource", "constraint", "max replicas", FITS)
COMMAND = (
    "service create --name db --replicas 2 --reserve-memory 2g --limit-memory 3g"
    " --constraint node.labels.disk!=hdd --constraint node.role==worker --replicas-max-per-node 1 mysql"
)


def fresh_swarm(seed: int | str = "recall") -> Cluster:
    """Six workers, no two alike, and a service with many wishes."""
    dice = Random(f"06 {seed}")
    kinds: list[tuple[int, str, str]] = [  # (GiB, label, availability); 0: any size
        (4, "ssd", "active"),
        (8, "", "active"),
        (1, "hdd", "active"),
        (8, "hdd", "active"),
        (1, dice.choice(("", "hdd")), dice.choice(("drain", "pause"))),
        (1, "ssd", "active"),
    ]
    dice.shuffle(kinds)
    workers = [
        Computer(f"worker-{n}", "worker", address_of(n), memory=gib * GIB, labels=(("disk", disk),) if disk else ())
        for n, (gib, disk, _) in enumerate(kinds, 1)
    ]
    cluster = Cluster(computers=(Computer("manager-1", "manager", address_of(0)), *workers), seed=6)
    for n, (*_, availability) in enumerate(kinds, 1):
        if availability != "active":
            cluster.docker(f"node update --availability {availability} worker-{n}")
    cluster.docker(COMMAND.replace("create", "create -d"))
    cluster.run_for(10)
    return cluster


def show_nodes(cluster: Cluster, task: str = "db.2") -> None:
    """What the scheduler knows of every node, leaving this task out of account."""
    others = [one for one in cluster.tasks if one.name != task and one.state <= RUNNING]
    print(
        f"{'node':10} {'availability':13} {'unreserved':11} {'disk':6} tasks of {task.partition('.')[0]}, without {task}"
    )
    for node in cluster.nodes:
        here = [one for one in others if one.node == node.id]
        free = (node.description.memory - sum(one.spec.reservations.memory for one in here)) / GIB
        same = sum(one.service_name == task.partition(".")[0] for one in here)
        disk = node.spec.labels.get("disk", "-")
        print(f"{node.hostname:10} {node.spec.availability:13} {f'{free:g} GiB':11} {disk:6} {same}")


def first_failures(cluster: Cluster, task: str = "db.2") -> dict[str, str]:
    """For every node the first filter that it fails, or `fits`."""
    return {row.hostname: FITS if row.passes else row.cells[-1].filter for row in cluster.why(task).rows}


def _recall(answer: Any) -> Verdict:
    cluster = fresh_swarm()
    truth = first_failures(cluster)
    if not isinstance(answer, Mapping) or set(answer) != set(truth):
        return Verdict(False, f"answer with a dictionary that names {', '.join(truth)}")
    for node, right in truth.items():
        mine = " ".join(str(answer[node]).lower().replace("_", " ").split())
        if mine not in NAMES:
            return Verdict(False, f"{node}: {answer[node]!r} is none of {', '.join(NAMES)}")
        if mine != right:
            return Verdict(False, _overlooked(cluster, node, right, mine), cluster)
    return CORRECT


def _overlooked(cluster: Cluster, node: str, right: str, mine: str) -> str:
    """What to look at, where somebody named another filter."""
    row = next(row for row in cluster.why("db.2").rows if row.hostname == node)
    cell = row.cells[-1]
    if right == FITS and mine == "constraint":
        return f"{node}: it has {'the label ssd' if 'ssd' in _disk(cluster, node) else 'no label'}, and that differs from hdd: != holds"
    if right == FITS and mine == "resource":
        return f"{node}: compare its unreserved memory with what is reserved, 2 GiB; the limit takes no room"
    if right == FITS:
        return f"{node}: no filter stops it; go through the line of the table once more"
    if mine == FITS:
        return f"{node}: it does not fit: {cell.wanted} is asked for, it has {cell.has or 'no value'}"
    if NAMES.index(mine) > NAMES.index(right):
        return f"{node}: an earlier filter stops it already, and the engine looks no further: {cell.wanted} is asked for, it has {cell.has or 'no value'}"
    return f"{node}: it passes {mine}: look at its line in the table, and at the filters that follow"


def _disk(cluster: Cluster, name: str) -> str:
    return next(node.spec.labels.get("disk", "") for node in cluster.nodes if node.hostname == name)


# ── modify: the smallest change ──────────────────────────────────────────────────────────────────────────────────────


def stuck(seed: int = 6) -> Cluster:
    """Four workers; the second task of `db` finds no node."""
    cluster = racks("abcd", seed=seed)
    for name in ("worker-1", "worker-2"):
        cluster.docker(f"node update --label-add disk=ssd {name}")
    cluster.docker(
        "service create -d --name db --replicas 1 --reserve-memory 3g --constraint node.labels.disk==ssd mysql"
    )
    cluster.run_for(5)
    cluster.docker("service create -d --name web --replicas 2 --reserve-memory 2g nginx")
    cluster.run_for(5)
    cluster.docker("service scale -d db=2")
    cluster.run_for(5)
    return cluster


def _modify(answer: Any) -> Verdict:
    commands = [answer] if isinstance(answer, str) else answer
    if not isinstance(commands, Sequence) or not all(isinstance(command, str) for command in commands):
        return Verdict(False, "write a command as a text, or a list of commands")
    if len(commands) != 1:
        return Verdict(False, f"{len(commands)} commands; one is enough")
    for seed in (6, 61, 62):
        verdict = _gets_placed(stuck(seed), commands[0])
        if not verdict.correct:
            return verdict
    return verdict


def _gets_placed(cluster: Cluster, command: str) -> Verdict:
    before = placed_where(cluster)
    result = cluster.docker(command.strip().removeprefix("docker "), limit=60)
    cluster.run_for(40)
    if result.exit_code and "Ctrl" not in result.stderr and result.exit_code != 130:
        return Verdict(
            False, f"Docker says: {' '.join((result.stderr or result.stdout).partition(chr(10))[0].split())}"
        )
    after = placed_where(cluster)
    moved = [id for id in before if after.get(id) != before[id]]
    if moved:
        named = {task.id: task.name for task in cluster.tasks}
        names = sorted(f"{named.get(id, 'a task')} on {before[id]}" for id in moved)
        return Verdict(
            False, f"that ended {' and '.join(names)}; nothing else may move. Where is room already?", cluster
        )
    if sum(run.service == "db" for run in cluster.running) < 2:
        waiting = next((task for task in cluster.tasks if task.service_name == "db" and not task.node), None)
        why = waiting.err if waiting else "db has fewer than two tasks"
        return Verdict(False, f"nothing moved, but db still has only one task that runs: {why}", cluster)
    (db,) = (service for service in cluster.services if service.spec.name == "db")
    if not db.spec.task.placement.constraints:
        return Verdict(
            True, "Docker saw that db.1 is still where it may be, and left it. But now db may run on any disk"
        )
    return CORRECT


# ── build: a strategy of one's own ───────────────────────────────────────────────────────────────────────────────────

UNSEEN = 24
MEASURES = {
    "unplaced": "tasks that find no node",
    "uneven": "unevenness of the nodes",
    "lost": "% of the tasks lost with the worst rack",
}
MISSED = {
    "unplaced": "large tasks come late: is there a node with room left for them?",
    "uneven": "a node of 16 processors is full long before one of 128: compare shares",
    "lost": "many small tasks in one rack are lost together: count tasks, too",
}


def unseen(number: int = UNSEEN) -> list[Demand]:
    """Demands that the lesson does not show: a tenth more than there is room for."""
    return [demand(f"unseen {n}", load=1.1) for n in range(number)]


def _build(strategy: Any) -> Verdict:
    if not callable(strategy):
        return Verdict(False, "write a function of a candidate: def mine(candidate): return …")
    demands = unseen()
    mine, chance, docker = (mean_score(one, demands) for one in (strategy, random_choice, spread))
    for name, words in MEASURES.items():
        own, other = getattr(mine, name), getattr(chance, name)
        if own >= other:
            return Verdict(False, f"{words}: yours {own:.3g}, random {other:.3g}; {MISSED[name]}")
    better = [words for name, words in MEASURES.items() if getattr(mine, name) < getattr(docker, name)]
    if not better:
        return Verdict(
            False, "it beats random everywhere, and spread nowhere: Docker's own does not look at sizes. Can you?"
        )
    figures = ", ".join(
        f"{words} {getattr(mine, name):.3g} (random {getattr(chance, name):.3g}, spread {getattr(docker, name):.3g})"
        for name, words in MEASURES.items()
    )
    return Verdict(True, f"{figures}")


CHECKS: dict[str, Callable[[Any], Verdict]] = {"recall": _recall, "modify": _modify, "build": _build}
