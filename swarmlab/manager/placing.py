"""Placing the tasks of one group, which are alike: which of the nodes that pass the filters gets how many of them.

The plain rule, node by node and task by task. `levels` says the same faster for the common case.
Source: swarmkit `manager/scheduler/scheduler.go` (scheduleTaskGroup), `nodeset.go`, `decision_tree.go`.
"""

# Simpler than in reality (docs/simplifications.md): ties

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from ..objects import COMPLETE, Node, Task
from .constraints import label
from .filters import Pipeline, Wish
from .places import NOTHING, Board, Place, load_of


class Candidate(NamedTuple):
    """What a strategy may know of a node that passed all filters, and of the task that is to be placed."""

    node: Node
    service_tasks: int  # active tasks of this service on it
    tasks: int  # active tasks of all services
    failures: int  # of this version of the service, in the last five minutes
    nano_cpus: int  # not reserved
    memory: int  # bytes, not reserved
    task: Task


class Branch:
    """Nodes that share a label value, and how many active tasks of the service they hold: all of them, fit or not."""

    def __init__(self) -> None:
        self.tasks = 0
        self.branches: dict[str, Branch] = {}  # by the value of the next preference
        self.places: list[Place] = []  # of the last preference: those that passed the filters
        self.visited = False

    def inner(self, value: str) -> "Branch":
        """The branch of this label value, made when it is first asked for."""
        if value not in self.branches:
            self.branches[value] = Branch()
        return self.branches[value]


def tree(places: Iterable[Place], levels: list[str], pipeline: Pipeline) -> Branch:
    """The nodes by the label values of the preferences; no label is a value of its own. Every node is tried once."""
    root, counts = Branch(), pipeline.wish.counts
    for place in places:
        tasks = counts.get(place.number, 0)
        branch = root
        branch.tasks += tasks
        for level in levels:
            branch = branch.inner(label(level, place.node) or "")
            branch.tasks += tasks
        if pipeline.passes(place):
            branch.places.append(place)
    return root


def levels_of(task: Task) -> list[str]:
    """The spread descriptors that count: labels of nodes or engines."""
    return [text for text in task.spec.placement.preferences if label(text, NOBODY) is not None]


NOBODY = Node("")
NONE: Mapping = {}


class Group:
    """The tasks of a group that still need a node."""

    def __init__(self, tasks: list[Task], board: Board, wish: Wish, strategy: Callable, now: int) -> None:
        self.tasks, self.board, self.strategy = tasks, board, strategy
        self.pipeline = Pipeline(wish)
        self.failures = board.failures_of(tasks[0], now)
        self.load = load_of(tasks[0])
        self.placed: list[Place] = []  # where the first, second … task goes
        self.got: list[Mapping] = []  # the generic resources of each of them

    @property
    def left(self) -> list[Task]:
        """The tasks that have no node yet."""
        return self.tasks[len(self.placed) :]

    def place(self, one_by_one: bool) -> None:
        """Look at every node, and place what can be placed."""
        root = tree(self.board.places.values(), levels_of(self.tasks[0]), self.pipeline)
        self.place_on(root, len(self.tasks), self.choose if one_by_one else self.walk)

    def place_on(self, branch: Branch, n: int, put: Callable[[list[Place], int], None]) -> int:
        """Place n tasks on a branch; how many were, which can be more where a branch below is far above the others."""
        before = len(self.placed)
        if branch.branches:
            self.spread_over(branch, n, put)
        else:
            if branch.visited:
                branch.places = [place for place in branch.places if self.pipeline.passes(place)]
            branch.visited = True
            put(branch.places, n)
        return len(self.placed) - before

    def spread_over(self, root: Branch, n: int, put: Callable) -> None:
        """Level the branches: each gets what it lacks of an equal share; one that cannot take all of that is full.

        The share is reckoned with the tasks that were there before. A branch far above it is not paid for by the
        others, so the first of them get too much: 10, 0, 0 and four more make 10, 4, 0.
        """
        usable = list(root.branches.values())
        done, converging = 0, True
        while usable and done != n and converging:
            share, rest = divmod(sum(branch.tasks for branch in usable) + n - done, len(usable))
            converging = False
            for branch in list(usable):
                if branch.tasks < share or (branch.tasks == share and rest > 0):
                    converging = True
                    wanted = share - branch.tasks + (rest > 0)
                    got = self.place_on(branch, wanted, put)
                    done += got
                    if got < wanted:
                        usable.remove(branch)
                    elif rest > 0:
                        rest -= 1

    def walk(self, places: list[Place], n: int) -> None:
        """Best node first; step on as soon as the next one is better, and past the last one go round one by one.

        So nodes that are behind are levelled, each overshooting by one: 4, 2, 0 and six more make 4, 5, 3.
        """
        places = sorted(places, key=self.rank)
        at, end, full = 0, len(self.placed) + n, [False] * len(places)
        while places and len(self.placed) < len(self.tasks):
            place = places[at % len(places)]
            self.put(place)
            if len(self.placed) == end:
                break
            is_last = at + 1 >= len(places)
            if is_last or self.rank(places[at + 1]) < self.rank(place):
                at += 1
            step = self.steps_to_room(places, at, full)
            if step is None:
                break
            at += step

    def steps_to_room(self, places: list[Place], at: int, full: list[bool]) -> int | None:
        """How many places to skip until one still passes; None when all are full."""
        for step in range(len(places)):
            i = (at + step) % len(places)
            full[i] = full[i] or not self.pipeline.passes(places[i])
            if not full[i]:
                return step
        return None

    def choose(self, places: list[Place], n: int) -> None:
        """For each task the place that is best for it now: what strategies other than Docker's own get."""
        places, end = list(places), min(len(self.placed) + n, len(self.tasks))
        while places and len(self.placed) < end:
            best = min(places, key=self.rank)
            self.put(best)
            if not self.pipeline.passes(best):
                places.remove(best)

    def rank(self, place: Place) -> Any:
        """Where the place stands for the task that is next; the smallest is best."""
        task = self.tasks[min(len(self.placed), len(self.tasks) - 1)]
        return self.strategy(candidate(place, task, self.pipeline.wish.counts, self.failures))

    def put(self, place: Place) -> None:
        """The next task takes its share of the place."""
        task = self.tasks[len(self.placed)]
        self.give(place)
        if task.desired <= COMPLETE:
            self.board.count(place, task.service, 1)

    def give(self, place: Place) -> None:
        """The next task goes there, and takes what it reserves."""
        asked = self.tasks[0].spec.reservations.generic
        generic = place.claim(asked) if asked else NONE
        if asked or self.load is not NOTHING:
            place.take(self.load, generic, 1)
        self.placed.append(place)
        self.got.append(generic)

    def settle(self, numbers: list[int]) -> None:
        """Each task has its node, and the board has counted them."""
        places = [self.board.numbered[number] for number in numbers]
        if self.load is NOTHING and not self.tasks[0].spec.reservations.generic:
            self.placed, self.got = places, [NONE] * len(places)
            return
        for place in places:
            self.give(place)


def candidate(place: Place, task: Task, counts: Mapping, failures: dict[str, int]) -> Candidate:
    """The node as a strategy sees it."""
    node, has = place.node, place.node.description
    cpus, memory = (has.nano_cpus - place.nano_cpus, has.memory - place.memory) if has else (0, 0)
    return Candidate(node, counts.get(place.number, 0), place.tasks, failures.get(node.id, 0), cpus, memory, task)
