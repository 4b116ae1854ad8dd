"""Why a task runs where it does, or nowhere: the scheduler's question asked again, node by node, with what decided."""

from collections.abc import Iterable
from typing import NamedTuple

from ..objects import Service, Task
from .filters import Pipeline, wish_for
from .places import Board, Place
from .placing import Branch, candidate, levels_of, tree
from .scheduler import Memory, no_suitable_node, observe, spread
from .store import Store
from .tasks import new_task


class Cell(NamedTuple):
    """What one filter says of one node."""

    filter: str
    passes: bool
    wanted: str  # what the task asks for: node.labels.disk==ssd
    has: str  # what the node has: hdd


class Row(NamedTuple):
    """One node: its cells stop at the first filter that it does not pass."""

    node: str  # id
    hostname: str
    passes: bool
    cells: tuple[Cell, ...]


class Share(NamedTuple):
    """One branch of the placement preferences: its label values from the top, and what it holds."""

    values: tuple[str, ...]  # '' where the label is missing
    tasks: int  # active ones of the service, on all nodes of the branch
    nodes: int  # that pass the filters


class Rank(NamedTuple):
    """A node that passes, as Docker's strategy compares it; best first."""

    node: str
    hostname: str
    failures: int  # of this version of the service, in the last five minutes
    service_tasks: int
    tasks: int


class Why(NamedTuple):
    """The answer for one task."""

    task: str
    filters: tuple[str, ...]  # those that apply to it, in order
    rows: tuple[Row, ...]
    shares: tuple[Share, ...]
    ranks: tuple[Rank, ...]
    explanation: str  # what `docker service ps --no-trunc` prints if nothing passes, else ''


def why(store: Store, memory: Memory, task: Task, now: int) -> Why:
    """Judge all nodes for the task as if it were to be placed now; one that has a node already is left out of account.

    A task of a global service came with its node: only that one is judged.
    """
    board = _board_without([task], store, memory, now)
    places = list(board.places.values())
    service = store.get("service", task.service)
    is_preassigned = task.id in memory.preassigned or (service and service.spec.mode.startswith("global"))
    if is_preassigned:
        places = [place for place in places if place.node.id == task.node]
    pipeline = Pipeline(wish_for(task, store, board.counts_of(task.service)))
    rows = tuple(_row(pipeline, place) for place in places)
    root = tree(places, levels_of(task), pipeline)
    passing = [place for place, row in zip(places, rows, strict=True) if row.passes]
    reasons = "" if passing else pipeline.explanation()
    sentence = reasons if is_preassigned else no_suitable_node(reasons)
    filters = tuple(filter.name for filter in pipeline.filters)
    ranks = _ranks(passing, task, board, now)
    return Why(task.id, filters, rows, tuple(_shares(root, ())), ranks, "" if passing else sentence)


def why_everywhere(store: Store, memory: Memory, service: Service, now: int) -> Why:
    """Judge all nodes for the task that a global service wants on each of them, those that it has left out of account.

    A node that does not meet the constraints is never given one, so there is no task of which `why` could be asked.
    """
    task = new_task(store, service, 0, now=now)
    pipeline = Pipeline(wish_for(task, store, {}))
    board = _board_without(store.tasks_of(service.id), store, memory, now)
    rows = tuple(_row(pipeline, place) for place in board.places.values())
    return Why(task.service, tuple(filter.name for filter in pipeline.filters), rows, (), (), "")


def _board_without(tasks: Iterable[Task], store: Store, memory: Memory, now: int) -> Board:
    """All nodes and tasks but these, with the failures that the leader remembers."""
    fresh = Memory()
    observe(store, None, fresh, now)
    for task in tasks:
        if task.id in fresh.charges:
            fresh.board.add(fresh.nodes[task.id], fresh.charges[task.id], -1)
    fresh.board.failures = memory.board.failures
    return fresh.board


def _row(pipeline: Pipeline, place: Place) -> Row:
    cells: list[Cell] = []
    passes = True
    for filter in pipeline.filters:
        passes = filter.passes(pipeline.wish, place)
        cells.append(Cell(filter.name, passes, *filter.look(pipeline.wish, place)))
        if not passes:
            break
    return Row(place.node.id, place.node.hostname, passes, tuple(cells))


def _shares(branch: Branch, values: tuple[str, ...]) -> list[Share]:
    """The branches from the top down, each before those inside it."""
    shares = []
    for value, inner in branch.branches.items():
        path = (*values, value)
        shares += [Share(path, inner.tasks, _fitting(inner)), *_shares(inner, path)]
    return shares


def _fitting(branch: Branch) -> int:
    return len(branch.places) + sum(map(_fitting, branch.branches.values()))


def _ranks(places: list[Place], task: Task, board: Board, now: int) -> tuple[Rank, ...]:
    counts, failures = board.counts_of(task.service), board.failures_of(task, now)
    seen = [candidate(place, task, counts, failures) for place in places]
    return tuple(
        Rank(one.node.id, one.node.hostname, one.failures, one.service_tasks, one.tasks)
        for one in sorted(seen, key=spread)
    )
