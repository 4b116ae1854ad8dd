"""All planners of a leader on a store that agrees at once, and nodes that do as they are told."""

from copy import deepcopy

from swarmlab.effects import MS
from swarmlab.manager.scheduler import spread
from swarmlab.manager.store import Store
from swarmlab.manager.turns import Turns
from swarmlab.objects import (
    ASSIGNED,
    COMPLETE,
    FAILED,
    READY,
    RUNNING,
    SHUTDOWN,
    Drop,
    Put,
    Task,
    replace,
)

ALIKE = ("restart", "replicated", "updater", "reaper")  # these see no difference between news and everything


class Control:
    """`twins`: before each look, the same planner with the same memory is told that everything changed."""

    def __init__(self, *objects, twins=False):
        self.store, self.now, self.index, self.twins = Store(), 0, 0, twins
        self.turns = Turns(spread, 0)
        self.write(*objects)
        self.settle()

    def get(self, kind, id):
        return self.store.get(kind, id)

    @property
    def tasks(self):
        return list(self.store.all("task"))

    def write(self, *objects):
        changes = [one if isinstance(one, Put | Drop) else Put(one) for one in objects]
        for at in range(0, len(changes), 200):
            self.apply(changes[at : at + 200])

    def apply(self, changes):
        for change in changes:
            self.check(change)
        self.index += 1
        self.turns.see(self.store.apply(self.index, self.now, changes), self.now)

    def check(self, change):
        """Desired and observed states only grow; a task keeps its place."""
        new = change.object if isinstance(change, Put) else None
        old = self.get("task", new.id) if isinstance(new, Task) else None
        if old:
            assert new.desired >= old.desired and new.state >= old.state, (old, new)
            assert (new.slot, new.service) == (old.slot, old.service) and old.node in ("", new.node), (old, new)

    def settle(self):
        """Let the planners look until all are content with how things are now."""
        rounds = 0
        while planner := self.turns.next(self.now):
            twin = self.twin(planner)
            changes = self.turns.run(planner, self.store, self.now)
            if twin is not None:
                assert alike(planner, changes) == alike(planner, twin), planner.name
            if changes:
                self.write(*changes)
                rounds += 1
                assert rounds < 500, f"{planner.name} is never content: {changes}"

    def twin(self, planner):
        turn = self.turns.turns[planner.name]
        if not self.twins or planner.name not in ALIKE or turn.changed is None:
            return None
        memory = deepcopy(self.turns.memories[planner.memory])
        return planner.plan(self.store, None, memory, self.now)[0]

    def run_to(self, at, nodes):
        """Time passes in steps of a tenth of a second; `nodes` are asked at each what their tasks do."""
        while self.now < at:
            self.now += 100 * MS
            self.write(*nodes(self))
            self.settle()

    def find(self, **fields):
        return [task for task in self.tasks if all(getattr(task, key) == value for key, value in fields.items())]


def alike(planner, changes):
    """What a planner asks for, in any order. Whoever looks at a whole replicated service also deletes dead slots."""
    drops = planner.name != "replicated"
    return sorted(repr(change) for change in changes if drops or isinstance(change, Put))


class Nodes:
    """Tasks that take a while to become healthy, and to stop."""

    def __init__(self, start=0, stop=0):
        self.start, self.stop = start, stop
        self.due = {}

    def __call__(self, control):
        return [new for task in control.tasks if task.node and (new := self.step(task, control.now)) != task]

    def step(self, task, now):
        if ASSIGNED <= task.state <= RUNNING and task.desired >= SHUTDOWN:
            return self.after(self.stop, task, SHUTDOWN, now)
        if ASSIGNED <= task.state < READY <= task.desired:
            return replace(task, state=READY, status_at=now)
        if READY <= task.state < RUNNING <= task.desired:
            return self.after(self.start, task, RUNNING, now)
        return task

    def after(self, delay, task, state, now):
        due = self.due.setdefault((task.id, state), now + delay)
        return replace(task, state=state, status_at=now) if now >= due else task


def eager(control, fails=()):
    """Every task goes one step further, or fails where it is said to."""
    changes = []
    for n, task in enumerate(control.tasks):
        node = control.get("node", task.node)
        if node is None or node.state == "down" or not ASSIGNED <= task.state <= RUNNING:
            continue
        state = _next(task)
        if n in fails:
            state = FAILED
        if state != task.state:
            changes.append(replace(task, state=state, status_at=control.now))
    return changes


def _next(task):
    if task.desired >= SHUTDOWN:
        return SHUTDOWN
    if task.state < READY:
        return READY
    if task.state < RUNNING <= task.desired:
        return RUNNING
    return COMPLETE if task.state == RUNNING and task.desired == COMPLETE else task.state
