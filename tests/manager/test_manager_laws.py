"""Laws that hold after every step, whatever happens: random calls, reports, silences and changes of leadership."""

import random

import pytest
from test_manager_flow import Bench, web

from swarmlab.effects import SECOND, WOKEN, Following, Leading, Received, Told
from swarmlab.messages import (
    Assignments,
    CreateObject,
    Heartbeat,
    OpenSession,
    RemoveObject,
    SessionAnswer,
    SessionInvalid,
    StatusReport,
    TaskStatus,
    UpdateObject,
)
from swarmlab.objects import (
    FAILED,
    RUNNING,
    SHUTDOWN,
    Description,
    NetworkSpec,
    NodeSpec,
    PortConfig,
    ServiceSpec,
    UpdateConfig,
)


class Laws:
    """What must never happen, checked against the store after every step."""

    def __init__(self):
        self.seen = {}

    def check(self, store):
        self.no_state_goes_back(store)
        self.no_address_twice(store)
        self.indexes_are_true(store)

    def no_state_goes_back(self, store):
        """§2: observed and desired state only grow; a task never changes its node, slot or service."""
        for task in store.all("task"):
            state, desired, node, place = self.seen.get(task.id, (0, 0, "", (task.service, task.slot)))
            assert task.state >= state, f"{task.name} went back from {state} to {task.state}"
            assert task.desired >= desired, f"{task.name} is wanted less: {desired} to {task.desired}"
            assert node in ("", task.node), f"{task.name} was moved"
            assert place == (task.service, task.slot)
            self.seen[task.id] = (task.state, task.desired, task.node, place)

    def no_address_twice(self, store):
        """§9."""
        used = {}
        holders = [(t.id, t.networks) for t in store.all("task") if t.state <= RUNNING]
        holders += [(n.id, n.attachments) for n in store.all("node")]
        holders += [(s.id, s.virtual_ips) for s in store.all("service")]
        for owner, attachments in holders:
            for attachment in attachments:
                assert used.setdefault(attachment, owner) == owner, (
                    f"{attachment} belongs to {owner} and {used[attachment]}"
                )
        subnets = [network.subnet for network in store.all("network") if network.subnet]
        assert len(subnets) == len(set(subnets))

    def indexes_are_true(self, store):
        for node in store.all("node"):
            assert [t.id for t in store.all("task") if t.node == node.id] == sorted(
                (t.id for t in store.tasks_on(node.id)), key=list(store.tables["task"]).index
            )


class Agents:
    """Workers that beat, obey now and then, fail, and fall silent."""

    def __init__(self, bench, dice):
        self.bench, self.dice = bench, dice
        self.nodes = {machine: bench.join(machine).node for machine in ("w2", "w3", "w4")}
        self.sessions, self.tasks, self.states, self.read = {}, {m: {} for m in self.nodes}, {}, 0

    def step(self, machine):
        for message in self.hear(machine, Heartbeat(self.nodes[machine], self.sessions.get(machine, ""))):
            if isinstance(message, SessionInvalid):
                self.hear(machine, OpenSession(self.nodes[machine], Description(machine), machine))
        self.collect()
        tasks = list(self.tasks[machine].values())
        if tasks and machine in self.sessions:
            statuses = [self.progress(task) for task in self.dice.sample(tasks, self.dice.randint(1, len(tasks)))]
            self.hear(machine, StatusReport(self.nodes[machine], self.sessions[machine], tuple(statuses)))

    def hear(self, machine, message):
        answers = self.bench.hear(machine, message)
        self.collect()
        return answers

    def collect(self):
        for effect in self.bench.sent[self.read :]:
            match effect.message:
                case SessionAnswer(session):
                    self.sessions[effect.to] = session
                case Assignments():
                    known = {} if effect.message.complete else self.tasks[effect.to]
                    known |= {task.id: task for task in effect.message.tasks}
                    self.tasks[effect.to] = {id: t for id, t in known.items() if id not in effect.message.removed}
        self.read = len(self.bench.sent)

    def progress(self, task):
        """One step further, or a failure, or an old state again."""
        state = self.states.get(task.id, 256)
        if state <= RUNNING and task.desired >= SHUTDOWN:
            state = SHUTDOWN
        elif state < task.desired and state < RUNNING:
            state += 64
        if self.dice.random() < 0.05 and state <= RUNNING:
            state = FAILED
        self.states[task.id] = state
        lag = 64 if self.dice.random() < 0.1 else 0
        return TaskStatus(task.id, state - lag, "", "", self.bench.now)


def act(bench, dice):
    """What a person might do next."""
    services = list(bench.store.all("service"))
    choice = dice.randrange(8)
    if choice < 2 or not services:
        ports = (PortConfig(80, dice.choice((0, 8080, 8081))),) if dice.random() < 0.5 else ()
        networks = ("front",) if dice.random() < 0.7 else ()
        bench.call(CreateObject(web(dice.randrange(5), ports, networks, name=f"web{dice.randrange(5)}")))
    elif choice < 6:
        service = dice.choice(services)
        order, image = dice.choice(("stop-first", "start-first")), dice.choice(("nginx:1", "nginx:2"))
        spec, task = service.spec, service.spec.task
        container = type(task.container)(image if choice == 5 else task.container.image)
        task = type(task)(container, networks=task.networks)
        update = UpdateConfig(order=order, parallelism=dice.randrange(3), delay=dice.randrange(2) * SECOND)
        new = ServiceSpec(spec.name, task=task, replicas=dice.randrange(7), endpoint=spec.endpoint, update=update)
        bench.call(UpdateObject("service", service.id, service.version, new))
    elif choice == 6:
        bench.call(RemoveObject("service", dice.choice(services).id))
    else:
        node = dice.choice([node for node in bench.store.all("node") if node.role == "worker"])
        spec = NodeSpec(availability=dice.choice(("active", "active", "pause", "drain")))
        bench.call(UpdateObject("node", node.id, node.version, spec))


def run(seed, steps=120):
    dice, bench, laws = random.Random(seed), Bench(seed), Laws()
    bench.found()
    agents = Agents(bench, dice)
    bench.call(CreateObject(NetworkSpec("front")))
    silent = {}
    for step in range(steps):
        for machine in agents.nodes:
            if silent.get(machine, 0) <= step:
                agents.step(machine)
        if dice.random() < 0.3:
            act(bench, dice)
        if dice.random() < 0.03:
            silent[dice.choice(list(agents.nodes))] = step + dice.randrange(40)
        if dice.random() < 0.03:
            bench.term += 1
            bench.feed(Told("raft", Following(bench.term, None)))
            bench.feed(Told("raft", Leading(bench.term)))
        end = bench.now + dice.choice((50_000, 300_000, SECOND, 3 * SECOND))
        while bench.manager.deadline <= end:
            bench.now = max(bench.now, bench.manager.deadline)
            bench.feed(WOKEN)
            laws.check(bench.store)
        bench.now = end
        laws.check(bench.store)
    return bench, agents


@pytest.mark.parametrize("seed", range(25))
def test_laws_hold_over_random_histories(seed):
    run(seed)


@pytest.mark.parametrize("seed", range(100, 106))
def test_when_the_storm_is_over_every_service_converges(seed):
    """§4: as many running tasks as asked for, in slots from 1, once nodes and people are quiet."""
    bench, agents = run(seed, 60)
    agents.dice.random = lambda: 0.5  # nothing fails any more
    for node in list(bench.store.all("node")):
        bench.call(UpdateObject("node", node.id, bench.store.get("node", node.id).version, NodeSpec(role=node.role)))
    for _ in range(400):
        for machine in agents.nodes:
            agents.step(machine)
        bench.run(0.4)
    for service in bench.store.all("service"):
        tasks = [t for t in bench.store.tasks_of(service.id) if t.desired == RUNNING]
        if service.allocated:
            assert [t.state for t in tasks] == [RUNNING] * service.spec.replicas, service.spec.name
            assert len({t.slot for t in tasks}) == service.spec.replicas
            assert {t.spec.container.image for t in tasks} <= {service.spec.task.container.image}


def test_the_laws_catch_a_planted_bug():
    """A status that goes back, an address given twice."""
    bench, _ = run(1, 40)
    laws = Laws()
    laws.check(bench.store)
    task = next(t for t in bench.store.all("task") if t.state > 0)
    from swarmlab.objects import NEW, Put, replace

    bench.store.apply(10**6, 0, [Put(replace(task, state=NEW))])
    with pytest.raises(AssertionError, match="went back"):
        laws.check(bench.store)
    node = next(iter(bench.store.all("node")))
    bench.store.apply(10**6, 0, [Put(replace(task, state=task.state)), Put(replace(node, id="twin"))])
    with pytest.raises(AssertionError, match="belongs to"):
        laws.check(bench.store)


def test_the_same_seed_gives_the_same_facts():
    assert run(3, 40)[0].facts == run(3, 40)[0].facts


def test_a_doubled_message_does_no_harm():
    """Messages can be lost, late, or doubled."""
    bench = Bench()
    bench.found()
    node = bench.join("w2").node
    wish = OpenSession(node, Description("w2"), "10.9.0.2")
    for _ in range(2):
        bench.feed(Received("w2", wish))
    assert bench.store.get("node", node).state == "ready"
