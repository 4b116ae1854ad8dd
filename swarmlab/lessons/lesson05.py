"""Lesson 05: its predictions, the judges of its exercises, and its figures beside the real ones."""

from collections.abc import Iterable, Sequence
from random import Random
from typing import Any, NamedTuple

from ..cluster import Cluster
from ..events import TaskProgressed, TaskStored
from ..manager.replicated import plan
from ..manager.restart import Memory
from ..manager.store import Store
from ..objects import REMOVE, RUNNING, SHUTDOWN, STATES, Put, Service, ServiceSpec, Task
from . import CORRECT, Prediction, Verdict
from .scenes05 import by_machine, gathered, history, pause, storm, workers

PREDICTIONS = {
    "1": Prediction(
        "A new task is made for the same slot, with another ID; its container starts 5 s later.",
        {
            "n": "Nobody typed anything, and look at the list: the slot is filled again. A service is a wish that lasts.",
            "s": "Compare the IDs in the list: the slot is the same, the task in it is another. The old one has failed for good.",
            "t": "Yes.",
        },
    ),
    "2": Prediction(
        "Nothing of web returns: its slots are filled elsewhere by now. The global service gets a new task on the node.",
        {
            "a": "Count the tasks of web on worker-2: 0. Its old task is over, and whoever fills the slot now keeps it.",
            "f": "Nothing is ever moved to make it even. Count the tasks of web on worker-2: 0.",
            "g": "Yes.",
            "n": "Almost: one task per node is what a global service asks for. Look at the two IDs of agent: it made a new one.",
        },
    ),
    "3": Prediction(
        "Only the global service gets a task there. Four replicas are wanted and four run, so nobody has a reason to act.",
        {
            "b": "Look at the tasks of worker-5: none of them is of web. Four are wanted, and there are four.",
            "r": "It is the other way round: compare the column NAME of its tasks.",
            "g": "Yes.",
            "n": "Look at the tasks of worker-5: one is there, as the global service wants one on every node.",
        },
    ),
    "4": Prediction(
        "The scheduler wrote `assigned` and the node's name into the store, and sent nothing. The dispatcher brought it.",
        {
            "s": "Yes.",
            "d": "Follow the line up from `assigned`: it ends in the scheduler's lane. The dispatcher's first deed is 100 ms later.",
            "w": "The worker's first deed comes after `assigned`. It asks for *its* tasks, and these have its name on them already.",
        },
    ),
    "5": Prediction(
        "It says 5/4: it counts the last reports, and that of the dead worker is still `running`.",
        {
            "3": "One was missing for a while, and not even then was it 3/4: compare the two columns, line by line.",
            "4": "Four do run, look at the end of the last line; but the list does not count what lives.",
            "5": "Yes.",
        },
    ),
}

# ── recall: who moved this task? ─────────────────────────────────────────────────────────────────────────────────

AUTHORS = ("client", "API", "orchestrator", "allocator", "scheduler", "dispatcher", "agent", "executor")


class Move(NamedTuple):
    """A step of a task: in the wish, in the store, or in truth."""

    time: int  # µs since the first column of the picture
    before: str
    after: str
    who: str


def fresh_run(seed: int = 2065) -> Cluster:
    """A run that nobody has seen: a worker dies, and a slot of `api` is filled again elsewhere."""
    dice = Random(f"fresh {seed}")
    cluster = workers(3, seed=seed)
    cluster.docker("service create --detach --name api --replicas 3 nginx")
    cluster.run_for(10 + 3 * dice.random())
    cluster.crash(dice.choice(("worker-1", "worker-2", "worker-3")))
    cluster.run_for(45)
    return cluster


def newest(cluster: Cluster) -> str:
    """The name of the task that was made last."""
    return max(cluster.tasks, key=lambda task: task.created_at).name


def moves(cluster: Cluster, task: str) -> list[Move]:
    """Four steps of a replacement: it gets a node, it is wished to run, it starts, it runs."""
    from ..viz.authors import journey

    zero = journey(cluster.trace, task)[0].time
    key = max((t for t in cluster.tasks if t.name == task), key=lambda t: t.created_at).id
    stored = [r for r in cluster.trace.of(TaskStored) if r.fact.id == key]
    run = [r for r in cluster.trace.of(TaskProgressed) if r.fact.task == key]
    placed = next(r.time for r in stored if r.fact.state == "assigned")
    wished = next(r.time for r in stored if r.fact.desired == "running")
    started = next(r.time for r in run if r.fact.state == "starting")
    ran = next(r.time for r in run if r.fact.state == "running")
    return [
        Move(placed - zero, "pending", "assigned", "scheduler"),
        Move(wished - zero, "ready", "running", "orchestrator"),
        Move(started - zero, "ready", "starting", "agent"),
        Move(ran - zero, "starting", "running", "agent"),
    ]


def asked(cluster: Cluster, seed: int = 2065) -> list[Move]:
    """The same four, in an order that is drawn."""
    return Random(f"asked {seed}").sample(moves(cluster, newest(cluster)), 4)


def show_moves(cluster: Cluster) -> None:
    """Print the instants that are asked for."""
    from ..viz import ink

    for number, move in enumerate(asked(cluster), 1):
        print(f"{number}  {newest(cluster)} at +{ink.span(move.time / 1e6)}: from …, to …, by …")


def recall(answer: Any) -> Verdict:
    """Four triples: from, to, who."""
    cluster = fresh_run()
    wanted = asked(cluster)
    if not isinstance(answer, list | tuple) or len(answer) != len(wanted) or not all(map(_is_triple, answer)):
        return Verdict(False, 'give four triples of words, like ("new", "pending", "allocator").')
    for number, (given, move) in enumerate(zip(answer, wanted, strict=True), 1):
        before, after, who = (word.strip().lower() for word in given)
        if who not in map(str.lower, AUTHORS):
            return Verdict(False, f"instant {number}: {given[2]!r} is no lane of the picture.", cluster)
        if (before, after, who) != move[1:]:
            return Verdict(False, f"instant {number}: {_why_not(before, after, who, move)}", cluster)
    return CORRECT


def _is_triple(given: Any) -> bool:
    return isinstance(given, list | tuple) and len(given) == 3 and all(isinstance(word, str) for word in given)


def _why_not(before: str, after: str, who: str, move: Move) -> str:
    """What speaks against this answer, from the picture."""
    if who == "dispatcher" and move.who == "scheduler":
        return "the line up from `assigned` ends in another lane; the dispatcher only delivers."
    if who == "dispatcher" and move.who == "agent":
        return "the dispatcher writes down what it is told, a little later; here it was moved on the node itself."
    if who == "scheduler" and move.who == "agent":
        return "the scheduler never talks to a worker; below the store you see who acts on the node."
    if move.who == "orchestrator":
        return "a dashed cell is a wish: not the state changes here, but what it should be, and after 5 s of delay."
    if who == "executor" and move.who == "agent":
        return "the executor does the work, the agent moves the state: take the lane in which the state's name stands."
    if who != move.who:
        return f"{_states(before, after, move)}, but it was not the {who}: look which lane has a dot in this column."
    return f"{who} is right, but not from {before} to {after}: read the cells, left and right of it."


def _states(before: str, after: str, move: Move) -> str:
    """Which of the two states are right."""
    if (before, after) == (move.before, move.after):
        return "both states are right"
    if before == move.before:
        return f"from {before} is right, to {after} is not"
    return f"to {after} is right, from {before} is not" if after == move.after else "neither state is right"


# ── modify: make a returned node work again ──────────────────────────────────────────────────────────────────────

LEAST, REPLICAS = 2, 3
AFTER = 30  # seconds that pass after each command


def returned(seed: int = 40) -> Cluster:
    """Three workers, three replicas; worker-2 was away for a minute, and is back without a task."""
    cluster = workers(3, seed=seed)
    cluster.docker(f"service create --detach --name web --replicas {REPLICAS} nginx")
    cluster.run_for(10)
    cluster.crash("worker-2")
    cluster.run_for(60)
    cluster.restart("worker-2")
    cluster.run_for(20)
    return cluster


def modify(answer: Any) -> Verdict:
    """Commands after which worker-2 runs a task of web again, with two of three running at every instant."""
    if not isinstance(answer, list | tuple) or not answer or not all(isinstance(line, str) for line in answer):
        return Verdict(False, 'give a list of commands, like ["service update …"].')
    for seed in (41, 42, 43):
        cluster = returned(seed)
        begun = cluster.now
        for line in answer:
            result = cluster.docker(line.strip().removeprefix("docker "))
            if result.exit_code:
                return Verdict(False, f"docker {line}: {result.stderr.strip().partition(chr(10))[0]}", cluster)
            cluster.run_for(AFTER)
        fault = _too_few(cluster, begun) or _not_as_before(cluster)
        if fault:
            return Verdict(False, fault, cluster)
    return CORRECT if fewest(cluster, begun)[0] < REPLICAS else Verdict(True, "Not one of the three was missing.")


def fewest(cluster: Cluster, since: float, service: str = "web") -> tuple[int, float]:
    """The least number of tasks that truly ran at any instant since then, and when that was."""
    from ..viz.capacity import capacity

    counts = capacity(cluster.trace, [service])[service]["ran"]
    before = [count for time, count in counts if time <= since * 1e6][-1:]
    later = [(count, time / 1e6) for time, count in counts if time > since * 1e6]
    return min([*((count, since) for count in before), *later])


def _too_few(cluster: Cluster, begun: float) -> str:
    count, at = fewest(cluster, begun)
    return f"{at - begun:.1f} s after the first command only {count} of {REPLICAS} ran." if count < LEAST else ""


def _not_as_before(cluster: Cluster) -> str:
    closed = [node.hostname for node in cluster.nodes if node.spec.availability != "active" and node.role == "worker"]
    if closed:
        return f"{closed[0]} gets no new tasks now: it is not active any more."
    wanted = next((service.spec.replicas for service in cluster.services if service.name == "web"), 0)
    if wanted != REPLICAS:
        return f"in the end {wanted} replicas of web are wanted, and there were to be {REPLICAS}."
    counts = by_machine(cluster)
    if not counts["worker-2"]:
        return "worker-2 still runs no task of web: nothing moves by itself; which command makes tasks anew?"
    running = sum(counts.values())
    return f"in the end {running} tasks of web run, not {REPLICAS}." if running != REPLICAS else ""


# ── build: the planner of replicated services ────────────────────────────────────────────────────────────────────


class Row(NamedTuple):
    """A task as the store has it."""

    slot: int
    node: str  # '' while nobody chose one
    state: str  # new · pending · assigned · preparing · starting · running · shutdown · failed
    wanted: bool = True  # False: somebody wants it to end, or it is over: history


class Small(NamedTuple):
    """A store with one service in it."""

    replicas: int
    tasks: tuple[Row, ...]

    def __str__(self) -> str:
        words = [
            f"{row.slot}{' on ' + row.node if row.node else ''} {row.state}{'' if row.wanted else ' (not wanted)'}"
            for row in self.tasks
        ]
        return f"{self.replicas} replicas; {' · '.join(words) or 'no tasks'}"


def engine_plan(small: Small) -> tuple[list[int], list[int]]:
    """What the engine's own planner does with such a store: slots that get a task, slots that lose theirs."""
    store = Store()
    service = Service("web", ServiceSpec(name="web", replicas=small.replicas))
    numbers = {word: number for number, word in STATES.items()}
    tasks = [
        Task(
            f"task-{n}",
            "web",
            "web",
            row.slot,
            row.node,
            state=numbers[row.state],
            desired=RUNNING if row.wanted else SHUTDOWN,
        )
        for n, row in enumerate(small.tasks)
    ]
    store.apply(1, 0, [Put(service), *map(Put, tasks)])
    puts: list[Any] = [change.object for change in plan(store, None, Memory(), 0)[0] if isinstance(change, Put)]
    made = sorted(task.slot for task in puts if task.desired == RUNNING)
    return made, sorted(task.slot for task in puts if task.desired == REMOVE)


def random_store(dice: Random, size: int) -> Small:
    """Some slots, some of them with a past, on a few nodes."""
    rows: list[Row] = []
    for slot in sorted(dice.sample(range(1, size + 3), size)):
        for _ in range(dice.choice((0, 0, 0, 1, 2))):
            rows.append(Row(slot, dice.choice(NODES), dice.choice(("shutdown", "failed", "running")), False))
        if dice.random() < 0.85:
            state = dice.choice(("new", "pending", "assigned", "preparing", "starting", *["running"] * 6))
            rows.append(Row(slot, "" if state in ("new", "pending") else dice.choice(NODES), state))
    return Small(max(0, size + dice.randint(-size, 2)), tuple(rows))


NODES = ("n1", "n2", "n3")


def stores(number: int = 400) -> Iterable[Small]:
    """Small ones first, so that the first that fails is a small one."""
    dice = Random("stores")
    return [random_store(dice, 1 + n // 50) for n in range(number)]


def build(answer: Any) -> Verdict:
    """The same slots as the engine's planner, on random stores."""
    if not callable(answer):
        return Verdict(False, "give a function: def plan(store): return make, end")
    for small in stores():
        given = answer(small)
        if not _are_slots(given):
            return Verdict(False, f"it returned {given!r}: return two lists of slot numbers, make and end.")
        made, ended = (sorted(part) for part in given)
        truth = engine_plan(small)
        if (made, ended) != truth:
            return Verdict(False, f"{small}: {_differs(small, made, ended, *truth)}")
    return CORRECT


def _are_slots(given: Any) -> bool:
    lists = (
        isinstance(given, list | tuple) and len(given) == 2 and all(isinstance(p, list | tuple | set) for p in given)
    )
    return lists and all(type(slot) is int for part in given for slot in part)


def _differs(small: Small, made: list[int], ended: list[int], make: list[int], end: list[int]) -> str:
    """One line on where a plan goes wrong, for who forgot one of the rules."""
    live = {row.slot for row in small.tasks if row.wanted}
    if len(made) - len(ended) != len(make) - len(end):
        idle = [row for row in small.tasks if row.wanted and row.state != "running"]
        filled = f"{len(live)} slots are filled here"
        if len(made) - len(ended) < len(make) - len(end):
            return f"{filled}: a task that is not wanted any more is history, even while it runs."
        why = f": that of slot {idle[0].slot} is only {idle[0].state}, but it is wanted" if idle else ""
        return f"{filled}{why}. You make {made} and end {ended}."
    if made and ended:
        return "one of them is enough: too few tasks, or too many."
    if made != make:
        return f"it makes slots {made}; the lowest free ones are {make}."
    keeps, goes = (min(slots) for slots in (set(ended) - set(end), set(end) - set(ended)))
    return f"it ends slot {keeps}, but slot {goes} goes first: {_why_it_goes(small, goes, keeps)}."


def _why_it_goes(small: Small, goes: int, keeps: int) -> str:
    """The first rule that tells the two slots apart."""
    first = next(row for row in small.tasks if row.slot == goes and row.wanted)
    second = next((row for row in small.tasks if row.slot == keeps and row.wanted), None)
    if second is None:
        return f"nothing in slot {keeps} is wanted, so there is nothing to end"
    if not first.node and second.node:
        return "it has no node yet"
    if copy_number(small, goes) > copy_number(small, keeps):
        return f"it is copy number {copy_number(small, goes)} on {first.node}, those that run counted first"
    if first.state != "running" and second.state == "running":
        return "both are the same copy on their nodes, and it does not run"
    return "they are level, and it has the higher number"


def copy_number(small: Small, slot: int) -> int:
    """The how-many-th copy on its node a slot is: those that run are counted first, then by number."""
    wanted = sorted((row for row in small.tasks if row.wanted), key=lambda row: (row.state != "running", row.slot))
    node = next(row.node for row in wanted if row.slot == slot)
    return [row.slot for row in wanted if row.node == node].index(slot) + 1


CHECKS = {"recall": recall, "modify": modify, "build": build}

WORKED = (
    Row(1, "n1", "starting"),
    *(Row(slot, "n2", "running") for slot in (2, 3)),
    *(Row(slot, "n3", "running") for slot in (4, 5, 6)),
    Row(7, "", "new"),
)


def worked(tasks: Sequence[Row] = WORKED, steps: Sequence[int] = (6, 4, 2)) -> dict[int, list[int]]:
    """A scale-down in steps: which slots go at each of them."""
    found = {}
    for replicas in steps:
        found[replicas] = engine_plan(Small(replicas, tuple(tasks)))[1]
        tasks = [row for row in tasks if row.slot not in found[replicas]]
    return found


# ── compare ──────────────────────────────────────────────────────────────────────────────────────────────────────


def compare(cluster: Cluster) -> None:
    """Print what was measured beside what is known of the real engine; `cluster` is the one of the scenes."""
    steps = ", ".join(" ".join(map(str, slots)) for slots in worked().values())
    lines = (
        (
            "the scheduler waits after the last change",
            f"{1e3 * pause(cluster, 'pending', 'assigned'):.0f} ms",
            "50 ms",
        ),
        ("and under a storm of changes at most", f"{storm():.2f} s", "1 s"),
        ("the dispatcher gathers for", f"{1e3 * gathered(cluster):.0f} ms", "100 ms"),
        ("tasks of one slot in the store, at most", str(history()), "5"),
        ("slots that go, from seven to 6, to 4, to 2", steps, "7, 5 6, 1 3"),
    )
    for what, ours, real in lines:
        print(f"{what:43} {ours:13} the real engine: {real}")
