"""The fast way of placing gives what the plain rule gives, whatever happened before."""

import random
from itertools import pairwise

import pytest
from test_manager_scheduler import CORE, node, spec

from swarmlab.effects import SECOND
from swarmlab.manager import levels, scheduler
from swarmlab.manager.places import Board
from swarmlab.manager.store import Store
from swarmlab.objects import (
    ASSIGNED,
    COMPLETE,
    FAILED,
    PENDING,
    RUNNING,
    SHUTDOWN,
    Drop,
    EndpointSpec,
    Placement,
    PortConfig,
    Put,
    Resources,
    Service,
    ServiceSpec,
    Task,
    replace,
)


class History:
    """A random life of a swarm, told to two schedulers: one takes levels, the other only the plain rule."""

    def __init__(self, seed):
        self.dice, self.store, self.now, self.made = random.Random(seed), Store(), 0, 0
        self.fast, self.plain = scheduler.Memory(), scheduler.Memory()
        self.plain.by_levels = False
        self.keys = None

    def write(self, *changes):
        keys = self.store.apply(self.store.index + 1, self.now, changes)
        self.keys = keys if self.keys is None else self.keys + keys

    def agree(self):
        """Both have the same answer, and keep the same books; the books agree with the tasks."""
        first, _ = scheduler.plan(self.store, self.keys, self.fast, self.now)
        second, _ = scheduler.plan(self.store, self.keys, self.plain, self.now)
        assert first == second
        assert self.fast.attempts == self.plain.attempts
        self.keys = []
        self.write(*first)
        assert books(self.fast) == books(self.plain) == self.truth()
        check(self.fast.board)

    def truth(self):
        """The active tasks per service and node, read off the store."""
        placed = [t for t in self.store.all("task") if ASSIGNED <= t.state <= RUNNING and t.desired <= COMPLETE]
        known = [(t.service, t.node) for t in placed if self.store.get("node", t.node)]
        return {key: known.count(key) for key in known}

    # ── what may happen ──────────────────────────────────────────────────────────────────────────────────────────

    def node(self):
        self.made += 1
        dice = self.dice
        labels = {"zone": dice.choice("abc"), **({"disk": "ssd"} if dice.random() < 0.5 else {})}
        state = "ready" if dice.random() < 0.9 else "down"
        cores, generic = dice.choice((1, 2, 4)), {"gpu": dice.choice((2, ("a", "b", "c")))}
        self.write(Put(node(f"n{self.made}", labels, state=state, cpus=cores, generic=generic)))

    def change_node(self):
        old = self.dice.choice(list(self.store.all("node")) or [node("n0")])
        availability = self.dice.choice(("active", "active", "pause", "drain"))
        state = self.dice.choice(("ready", "ready", "down"))
        self.write(Put(replace(old, state=state, spec=replace(old.spec, availability=availability))))

    def drop_node(self):
        if len(self.store.tables["node"]) > 3:
            self.write(Drop("node", self.dice.choice(list(self.store.tables["node"]))))

    def service(self):
        """Most services ask for nothing."""
        dice = self.dice
        wish = {"spread": Placement(preferences=("node.labels.zone",)), "ssd": Placement(("node.labels.disk==ssd",))}
        wish |= {
            "two": Placement(max_replicas=2),
            "both": Placement(preferences=("node.labels.zone", "node.labels.disk")),
        }
        placement = wish.get(dice.choice(("", "", "", "spread", "ssd", "two", "both")), Placement())
        asked = dice.choice((Resources(), Resources(), Resources(CORE // 2), Resources(generic={"gpu": 1})))
        ports = dice.choice(((), (), (), (PortConfig(80, 80, publish_mode="host"),)))
        task = spec(placement=placement, reservations=asked)
        name = f"s{dice.randrange(8)}"
        old = self.store.get("service", name)
        version = old.spec_version + 1 if old else 0
        self.write(Put(Service(name, ServiceSpec(name, task=task, endpoint=EndpointSpec(ports=ports)), version)))

    def tasks(self):
        services = list(self.store.all("service"))
        if not services:
            return
        of = self.dice.choice(services)
        for i in range(self.dice.choice((1, 1, 2, 5, 12))):
            self.made += 1
            new = Task(f"t{self.made}", of.id, of.id, i + 1, "", of.spec.task, of.spec_version, of.spec.endpoint)
            desired = SHUTDOWN if self.dice.random() < 0.05 else RUNNING
            self.write(Put(replace(new, state=PENDING, desired=desired)))

    def statuses(self):
        tasks = [t for t in self.store.all("task") if ASSIGNED <= t.state <= RUNNING]
        for old in self.dice.sample(tasks, min(len(tasks), self.dice.randrange(6))):
            change = self.dice.choice(({"state": RUNNING}, {"desired": SHUTDOWN}, {"state": FAILED}, {"state": FAILED}))
            self.write(Put(replace(old, **change)))

    def lose_service(self):
        if self.store.tables["service"] and self.dice.random() < 0.2:
            self.write(Drop("service", self.dice.choice(list(self.store.tables["service"]))))

    def step(self):
        acts = (self.node, self.change_node, self.drop_node, self.service, self.tasks, self.tasks, self.tasks)
        self.dice.choice((*acts, self.statuses, self.statuses, self.lose_service))()
        self.now += self.dice.choice((0, SECOND, 60 * SECOND))


def books(memory):
    """What a scheduler has counted, by service and node."""
    rows = memory.board.counts.items()
    return {
        (service, memory.board.numbered[n].node.id): count for service, counts in rows for n, count in counts.items()
    }


def check(board):
    """Every available node stands in exactly the level of its tasks, and levels are in order."""
    where = {number: level for level, numbers in board.levels.items() for number in numbers}
    assert where == {place.number: place.tasks for place in board.places.values() if place.available}
    assert all(a < b for numbers in board.levels.values() for a, b in pairwise(numbers))
    assert all(board.levels.values())


@pytest.mark.parametrize("seed", range(60))
def test_levels_give_what_the_plain_rule_gives(seed):
    history = History(seed)
    for _ in range(6):
        history.node()
    for _ in range(150):
        history.step()
        history.agree()


def test_every_way_through_is_taken():
    """The property above would say nothing if the fast way were never asked."""
    fast, scans = 0, 0
    for seed in range(10):
        history = History(seed)
        for _ in range(60):
            history.step()
            history.agree()
        fast += sum(attempt.placed > 1 for attempt in history.fast.attempts)
        scans += sum(attempt.left > 0 for attempt in history.fast.attempts)
    assert fast > 20 and scans > 20


@pytest.mark.parametrize("bug", ["own", "walk", "order"])
def test_the_comparison_catches_a_planted_bug(bug, monkeypatch):
    """Own nodes forgotten; the walk that does not overshoot; a level out of order."""
    plants = {
        "own": lambda board, counts, suits: [],
        "walk": lambda board, counts, order, n: (order * n)[:n],
        "order": lambda board, counts, n, suits, right=levels.fresh: [
            (level, found[::-1], over) for level, found, over in right(board, counts, n, suits)
        ],
    }
    monkeypatch.setattr(levels, {"order": "fresh"}.get(bug, bug), plants[bug])
    with pytest.raises((AssertionError, ValueError)):
        for seed in range(20):
            history = History(seed)
            for _ in range(80):
                history.step()
                history.agree()


def test_a_board_of_many_nodes():
    """Three services of a thousand tasks on a thousand nodes: perfectly even, and one-off tasks fill the rest."""
    board = Board()
    for i in range(1000):
        board.see_node(node(f"n{i}"))
    for service in "abc":
        assert levels.choose(board, service, 1000) == list(range(1000))
    assert [levels.choose(board, f"one-off {i}", 1) for i in range(3)] == [[0], [1], [2]]
    assert levels.choose(board, "a", 2) == [3, 4]  # the fewest tasks in all, among those with one of its own
    check(board)
