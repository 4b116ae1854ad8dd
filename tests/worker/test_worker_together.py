"""Engine, agent, executor and registry on one machine, and a manager whose part the test speaks."""

import random
from collections import deque

import pytest
from worker_rig import FRONT, task

from swarmlab.effects import SECOND, STARTED, WOKEN, Disk, Note, Received, Save, Send, Tell, Told
from swarmlab.events import TaskProgressed
from swarmlab.messages import (
    Assignments,
    BeNode,
    Call,
    ListContainers,
    OpenSession,
    RemoveContainer,
    Run,
    SessionAnswer,
)
from swarmlab.objects import SHUTDOWN, Description
from swarmlab.worker.agent import Agent
from swarmlab.worker.engine import Engine
from swarmlab.worker.executor import Executor
from swarmlab.worker.registry import Registry

MANAGER = (("n1", "manager-1", "10.0.0.1"),)


class Machine:
    def __init__(self):
        self.disks, self.now, self.facts, self.replies, self.sent = {}, 0, [], [], []
        self.registry = Registry("registry", Disk({}, []), random.Random(0))
        self.boot()

    def boot(self):
        about = (Description("worker-1"), "10.0.0.9")
        kinds = {"executor": (Executor, ()), "agent": (Agent, about), "engine": (Engine, about)}
        disks = {name: Disk(self.disks.setdefault(name, {}), []) for name in kinds}
        self.cores = {n: kind("worker-1", disks[n], random.Random(n), *more) for n, (kind, more) in kinds.items()}
        for name in self.cores:
            self.step(name, STARTED)

    def step(self, name, event):
        todo = deque([(name, event)])
        while todo:
            name, event = todo.popleft()
            for effect in self.cores[name].step(event, self.now) if name in self.cores else ():
                match effect:
                    case Tell("client", reply):
                        self.replies.append(reply)
                    case Tell(core, message):
                        todo.append((core, Told(name, message)))
                    case Send("registry", _, pull):
                        (answer,) = self.registry.step(Received("worker-1", pull), self.now)
                        todo.append(("executor", Received("registry", answer.message)))
                    case Send(_, _, message):
                        self.sent.append(message)
                    case Note(fact):
                        self.facts.append(fact)
                    case Save(key, None):
                        self.disks[name].pop(key, None)
                    case Save(key, value):
                        self.disks[name][key] = value

    def run_for(self, duration):
        end = self.now + duration
        while min(core.deadline for core in self.cores.values()) <= end:
            name = min(self.cores, key=lambda name: self.cores[name].deadline)
            self.now = max(self.now, self.cores[name].deadline)
            self.step(name, WOKEN)
        self.now = end

    def ask(self, request):
        self.step("engine", Told("client", Call(1, request)))
        self.run_for(10 * SECOND)
        return self.replies.pop()

    def assign(self, *tasks, session="S"):
        self.step("agent", Received("manager-1", SessionAnswer(session, 3600 * SECOND, MANAGER, "worker")))
        self.step("agent", Received("manager-1", Assignments(session, 0, True, tasks, (), (FRONT,))))
        self.run_for(5 * SECOND)

    def states(self):
        return [fact.state for fact in self.facts if isinstance(fact, TaskProgressed)]


@pytest.fixture
def machine():
    machine = Machine()
    machine.step("agent", Told("engine", BeNode("node1", MANAGER)))
    machine.assign(task())
    return machine


def test_an_assigned_task_becomes_a_running_container(machine):
    assert machine.states() == ["assigned", "accepted", "preparing", "ready", "starting", "running"]
    (row,) = machine.ask(ListContainers()).value
    assert (row.name, row.task, row.state) == ("web.1.t1", "t1", "running")


def test_a_task_that_is_no_longer_wanted_is_stopped_and_its_container_kept(machine):
    machine.assign(task(desired=SHUTDOWN), session="T")
    assert machine.states()[-1] == "shutdown"
    assert [row.state for row in machine.ask(ListContainers(all=True)).value] == ["exited"]
    machine.assign(session="U")
    assert machine.ask(ListContainers(all=True)).value == ()


def test_docker_rm_of_a_task_s_container_fails_the_task(machine):
    assert machine.ask(RemoveContainer("web.1.t1", force=True)).error is None
    failed = [fact for fact in machine.facts if isinstance(fact, TaskProgressed)][-1]
    assert failed.err == "task: non-zero exit (137)"


def test_a_plain_container_comes_and_goes(machine):
    id = machine.ask(Run("redis", "cache")).value
    assert machine.ask(RemoveContainer("cache")).error.startswith(f"You cannot remove a running container {id}")
    assert machine.ask(RemoveContainer("cache", force=True)).error is None
    assert [row.name for row in machine.ask(ListContainers(all=True)).value] == ["web.1.t1"]


def test_after_a_power_cut_nothing_runs_and_nothing_comes_back_by_itself(machine):
    machine.ask(Run("redis", "cache"))
    machine.boot()
    machine.step("agent", Told("engine", BeNode("node1", MANAGER)))
    machine.run_for(60 * SECOND)
    assert machine.states()[-1] == "failed" and isinstance(machine.sent[-1], OpenSession)
    rows = machine.ask(ListContainers(all=True)).value
    assert [(row.name, row.state, row.exit_code) for row in rows] == [
        ("cache", "exited", 137),
        ("web.1.t1", "exited", 137),
    ]
