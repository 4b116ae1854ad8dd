"""Whatever people, nodes and fate do: restarts and updates are what somebody else makes of swarm.md §7 and §8."""

from random import Random

import pytest
from control import Control
from second import refereed
from test_manager_planners import node

from swarmlab.effects import MS, SECOND
from swarmlab.manager import failures, restart, updater
from swarmlab.manager.scheduler import spread
from swarmlab.manager.turns import Turns
from swarmlab.objects import (
    ASSIGNED,
    COMPLETE,
    FAILED,
    ORPHANED,
    READY,
    REJECTED,
    RUNNING,
    SHUTDOWN,
    ContainerSpec,
    Drop,
    Placement,
    RestartPolicy,
    Service,
    ServiceSpec,
    TaskSpec,
    UpdateConfig,
    replace,
)

MODES = {"a": "replicated", "b": "global", "c": "replicated"}
HOW = {
    "parallelism": (0, 1, 1, 2, 3, 9),
    "delay": [n * SECOND for n in (0, 0, 1, 2, 5, 7)],
    "failure_action": ("pause", "rollback", "continue"),
    "monitor": [n * SECOND for n in (0, 1, 3, 5)],
    "max_failure_ratio": (0, 0, 0.25, 0.34, 0.5, 1),
    "order": ("stop-first", "start-first"),
}


class Play:
    """Three services on three nodes; each step something happens to them, drawn from the seed."""

    def __init__(self, seed):
        self.dice = Random(f"second/{seed}")
        self.control = Control(*(node(f"n{i}") for i in range(3)))
        self.ills, self.speed = self.one_of(0, 0.02, 0.1, 0.4), self.one_of(0.3, 0.7, 1)
        for id in MODES:
            self.change(id, Service(id, self.spec(id)))

    def one_of(self, *choices):
        return self.dice.choice(choices)

    def run(self, steps=200):
        for _ in range(steps):
            self.act() if self.dice.random() < 0.15 else self.tasks_go_on()
            self.control.settle()
            if self.dice.random() < 0.5:
                self.control.now += self.one_of(100 * MS, 300 * MS, SECOND, SECOND, 3 * SECOND)
                self.control.settle()
        return self

    # ── tasks ────────────────────────────────────────────────────────────────────────────────────────────────────

    def tasks_go_on(self):
        for task in self.control.tasks:
            machine = self.control.get("node", task.node)
            alive = machine is not None and machine.state != "down" and ASSIGNED <= task.state <= RUNNING
            if alive and self.dice.random() < self.speed:
                state = self.next_state(task)
                self.control.write(*([replace(task, state=state)] if state != task.state else []))

    def next_state(self, task):
        if self.dice.random() < self.ills:
            return self.one_of(FAILED, REJECTED, COMPLETE, SHUTDOWN)
        if task.desired >= SHUTDOWN:
            return self.one_of(SHUTDOWN, task.state)
        if task.state < READY:
            return READY
        return RUNNING if task.desired == RUNNING else task.state

    # ── people ───────────────────────────────────────────────────────────────────────────────────────────────────

    def act(self):
        id = self.one_of(*MODES)
        known, what = self.control.get("service", id), self.dice.random()
        if known is None:
            self.change(id, Service(id, self.spec(id)))
        elif what < 0.6:
            new = known.spec if what < 0.1 else self.spec(id, known.spec)
            self.change(id, replace(known, spec=new, spec_version=known.version, update_status=None), known)
        elif what < 0.8 and known.previous_spec:
            status = ("rollback_started", "manually requested rollback", self.control.now, 0)
            old = {"spec": known.previous_spec, "spec_version": known.previous_spec_version}
            self.change(id, replace(known, update_status=status, **old), known)
        elif what < 0.83:
            self.control.write(Drop("service", id))
        elif what < 0.95:
            self.change_node(f"n{self.dice.randrange(3)}")
        elif what >= 0.95:
            self.control.turns = Turns(spread, self.control.now)  # a new leader

    def change(self, id, new, known=None):
        before = {"previous_spec": known.spec, "previous_spec_version": known.spec_version} if known else {}
        self.control.write(replace(new, **before))

    def change_node(self, id):
        old, what = self.control.get("node", id), self.dice.random()
        if old is None:
            self.control.write(node(id))
        elif what < 0.3:
            self.control.write(replace(old, state=self.one_of("ready", "ready", "down", "unknown")))
        elif what < 0.6:
            availability = self.one_of("active", "active", "pause", "drain")
            self.control.write(replace(old, spec=replace(old.spec, availability=availability)))
        elif what < 0.8:
            self.control.write(replace(old, spec=replace(old.spec, labels={"zone": self.one_of("0", "1")})))
        elif old.state == "down":
            orphans = [task for task in self.control.store.tasks_on(id) if task.state < COMPLETE]
            self.control.write(*(replace(task, state=ORPHANED) for task in orphans), Drop("node", id))

    def spec(self, id, old=None):
        """What nobody changes stays."""
        new = ServiceSpec(
            id,
            task=self.task(old.task if old and self.dice.random() < 0.6 else None),
            mode=MODES[id],
            replicas=self.dice.randrange(6),
            update=UpdateConfig(**{name: self.one_of(*values) for name, values in HOW.items()}),
            rollback=UpdateConfig(**{name: self.one_of(*values) for name, values in HOW.items()}),
            labels={"x": self.one_of("0", "1", "2")},
        )
        kept = [name for name in ("update", "rollback", "replicas") if old and self.dice.random() < 0.6]
        return replace(new, **{name: getattr(old, name) for name in kept})

    def task(self, old):
        constraints = self.one_of((), (), (), ("node.labels.zone==1",))
        image = ContainerSpec(f"nginx:{self.dice.randrange(4)}")
        if old is None:
            times = [n * SECOND for n in (self.one_of(0, 1, 5), self.one_of(0, 0, 3, 9))]
            condition = self.one_of("any", "any", "on-failure", "none")
            policy = RestartPolicy(condition, times[0], self.one_of(0, 0, 1, 2), times[1])
            return TaskSpec(image, restart=policy, placement=Placement(constraints))
        changes = ({"container": image}, {"force_update": old.force_update + 1}, {"placement": Placement(constraints)})
        return replace(old, **self.one_of({}, *changes))


@pytest.mark.parametrize("seed", range(20))
def test_restarts_and_updates_are_what_somebody_else_makes_of_the_same_rules(seed):
    """§4, §7, §8, at every look of the planners."""
    with refereed():
        Play(seed).run()


BUGS = {
    "nobody rests": (updater, "_rest", lambda *what: None),
    "nothing is overtaken": (updater, "_overtaken", lambda tasks, left: False),
    "whatever ends is restarted": (restart, "may_restart", lambda *what: True),
    "nobody waits for old tasks": (restart, "_is_stopping", lambda *what: False),
    "never too many": (failures, "_stop", lambda *what: []),
}


@pytest.mark.parametrize("bug", BUGS)
def test_the_referee_sees_a_planted_bug(bug, monkeypatch):
    place, name, wrong = BUGS[bug]
    monkeypatch.setattr(place, name, wrong)
    with refereed(), pytest.raises(AssertionError, match="asks for"):
        for seed in range(40):
            Play(seed).run()
