"""Pretend runs for the tests of `viz`: a story with faults, a crowd for speed, and noise from a seed."""

from random import Random

from swarmlab import events as e
from swarmlab.sim.trace import Clock, MessageRecord, Trace

SECOND = 1_000_000


class Pen:
    """Writes a trace by hand: facts at given instants, and the log entries that go with them."""

    def __init__(self, machines):
        self.trace = Trace(Clock(0))
        self.trace.settings = {"machines": tuple(machines)}
        self.index = 0
        self.leader = ""

    def note(self, seconds, source, fact, cause=-1):
        self.trace.kernel.now = max(self.trace.kernel.now, round(seconds * SECOND))
        self.trace.note(source, fact, cause)
        return len(self.trace.records) - 1

    def store(self, seconds, *facts, by="", cause=-1, lag=0.004, to=()):
        """One log entry with these facts; the followers in `to` apply it a little later."""
        self.index += 1
        by = by or self.leader
        numbers = [self.note(seconds, by, fact._replace(index=self.index), cause) for fact in facts]
        self.note(seconds, by, e.Applied(self.index), cause)
        for follower in to:
            self.message(seconds, by, follower, "raft", "AppendEntries", cause=cause)
        for n, follower in enumerate(to):
            self.note(seconds + lag * (n + 1), follower, e.Applied(self.index), numbers[-1])
        return numbers[-1]

    def message(self, seconds, sender, to, channel, name, latency=0.0005, fate="", cause=-1):
        sent = round(seconds * SECOND)
        arrived = -1 if fate else sent + round(latency * SECOND)
        self.trace.messages.append(
            MessageRecord(sent, arrived, sender, to, channel, name, fate, cause, len(self.trace))
        )


def machines(managers, workers, zones=("",), outside=("client", "registry")):
    rows = [{"name": f"manager-{n + 1}", "role": "manager", "zone": zones[n % len(zones)]} for n in range(managers)]
    rows += [
        {"name": f"worker-{n + 1}", "role": "worker", "zone": zones[n * len(zones) // workers]} for n in range(workers)
    ]
    rows += [{"name": name, "role": "outside", "zone": ""} for name in outside]
    return [row | {"cpus": 2, "memory": 4 << 30} for row in rows]


def node(machine, role="worker", state="ready", availability="active"):
    return e.NodeStored(0, f"id-{machine}", machine, role, availability, state, "", ())


def service(name, replicas, image="web:1", mode="replicated"):
    return e.ServiceStored(0, f"s-{name}", name, mode, replicas, image, (), "vote", 1)


def task(id, name, slot, machine, desired="running", state="new", err=""):
    node_id = f"id-{machine}" if machine else ""
    return e.TaskStored(0, id, f"s-{name}", f"{name}.{slot}", slot, node_id, desired, state, "", err, "web:1")


STEPS = ("accepted", "preparing", "ready", "starting", "running")


def story():
    """Three managers, four workers: deployed, asked, the leader killed, a worker killed, both healed."""
    pen = Pen(machines(3, 4))
    names = [f"manager-{n}" for n in (1, 2, 3)] + [f"worker-{n}" for n in (1, 2, 3, 4)]
    for name in names:
        pen.note(0, name, e.MachineStarted())
    pen.note(0.1, "manager-1", e.Commanded("docker swarm init"))
    pen.leader = "manager-1"
    pen.note(0.1, "manager-1", e.BecameCandidate(1))
    first = pen.note(0.1, "manager-1", e.BecameLeader(1))
    to: list[str] = []
    for n, name in enumerate(names):
        role = name.split("-")[0]
        cause = pen.note(0.3 + 0.3 * n, name, e.SwarmJoined(f"id-{name}", role), first)
        if n:
            pen.note(0.3 + 0.3 * n, "manager-1", e.SessionOpened(name), cause)
        if 0 < n < 3:
            pen.note(0.32 + 0.3 * n, name, e.BecameFollower(1), cause)
            pen.note(0.33 + 0.3 * n, name, e.LeaderRecognised(1, "manager-1"), cause)
            to.append(name)
        pen.store(0.35 + 0.3 * n, node(name, role), cause=cause, to=tuple(to))
    for name in names:
        for other in names:
            if name != other:
                pen.note(2.6, name, e.PeerJoined(other))
    command = pen.note(4, "manager-1", e.Commanded("docker stack deploy -c voting.yml vote"))
    wanted = {"vote_vote": 3, "vote_redis": 1, "vote_worker": 2, "vote_db": 1, "vote_result": 2}
    births = []
    spots = ["manager-1", "manager-2", "manager-3", "worker-1", "worker-2", "worker-3", "worker-4"]
    for n, (name, replicas) in enumerate(wanted.items()):
        cause = pen.store(4.1 + 0.05 * n, service(name, replicas), cause=command, to=("manager-2", "manager-3"))
        births += [(name, slot + 1, cause) for slot in range(replicas)]
    where = {}
    for n, (name, slot, _) in enumerate(births):
        where[f"t{n}"] = (name, slot, spots[(n + 3) % 7])
    plan = Planner(pen)
    for n, (name, slot, cause) in enumerate(births):
        plan.run(4.5 + 0.02 * n, f"t{n}", name, slot, where[f"t{n}"][2], ("manager-2", "manager-3"), 1 + 0.3 * n, cause)
    plan.write()
    for key, (name, _, machine) in where.items():
        for other in names:
            pen.note(9.2, other, e.BackendAdded(name, key, machine))
    requests(pen, 10, 18, where, 0)
    crash = pen.note(18, "manager-1", e.MachineCrashed())
    for n in range(7):
        pen.message(18.6 + n, "worker-1", "manager-1", "manager", "OpenSession", fate="down", cause=crash)
    requests(pen, 18.5, 30, where, 100, dead="manager-1")
    for name in names[1:]:
        pen.note(24, name, e.PeerFailed("manager-1"), crash)
    ask = pen.note(30.2, "manager-2", e.BecameCandidate(2), crash)
    pen.message(30.2, "manager-2", "manager-3", "raft", "RequestVote", cause=ask)
    pen.message(30.2, "manager-2", "manager-1", "raft", "RequestVote", fate="down", cause=ask)
    vote = pen.note(30.201, "manager-3", e.VoteGranted(2, "manager-2"), ask)
    pen.message(30.201, "manager-3", "manager-2", "raft", "Vote", cause=vote)
    pen.leader = "manager-2"
    lead = pen.note(30.203, "manager-2", e.BecameLeader(2), vote)
    pen.note(30.204, "manager-3", e.LeaderRecognised(2, "manager-2"), lead)
    pen.store(30.21, node("manager-1", "manager", "down"), cause=lead, to=("manager-3",))
    replace(pen, where, "manager-1", 30.4, "manager-3", ("manager-3",), "x")
    back = pen.note(42, "manager-1", e.MachineStarted())
    pen.note(42, "manager-1", e.BecameFollower(1), back)
    pen.note(42.5, "manager-1", e.LeaderRecognised(2, "manager-2"), back)
    pen.note(42.6, "manager-1", e.Applied(pen.index), back)
    both = ("manager-1", "manager-3")
    pen.store(43, node("manager-1", "manager"), cause=back, to=both)
    crash = pen.note(50, "worker-2", e.MachineCrashed())
    requests(pen, 50.5, 58, where, 300, dead="worker-2")
    missed = pen.note(62.4, "manager-2", e.HeartbeatsMissed("worker-2", 48 * SECOND), crash)
    pen.store(62.41, node("worker-2", state="down"), cause=missed, to=both)
    replace(pen, where, "worker-2", 62.5, "worker-4", both, "y")
    pen.note(
        75, "world", e.Partitioned((("manager-1", "worker-1"), ("manager-2", "manager-3", "worker-3", "worker-4")))
    )
    pen.message(76, "manager-2", "manager-1", "raft", "AppendEntries", fate="cut")
    pen.store(78, node("worker-4", availability="drain"), to=("manager-3",))
    pen.store(79, node("worker-3", availability="pause"), to=("manager-3",))
    pen.store(80, task("z1", "vote_vote", 4, "", state="pending"), to=("manager-3",))
    pen.note(84, "worker-4", e.TaskProgressed("t3", "vote_redis", 1, "failed", "task: non-zero exit (1)"))
    pen.note(90, "world", e.Healed())
    pen.note(95, "manager-1", e.Applied(pen.index))
    pen.trace.messages.sort(key=lambda m: m.sent)
    return pen.trace


class Planner:
    """Lets several tasks go on at the same time: collects what happens and writes it down in order."""

    def __init__(self, pen):
        self.pen, self.acts = pen, []

    def run(self, at, id, name, slot, machine, to, pull, cause):
        born = (at, "store", (task(id, name, slot, ""), to, cause))
        chosen = (at + 0.7, "store", (task(id, name, slot, machine, state="assigned"), to, cause))
        self.acts += [born, (at + 0.3, "store", (task(id, name, slot, "", state="pending"), to, cause)), chosen]
        for n, state in enumerate(STEPS):
            when = at + 0.9 + 0.2 * n + (pull if n > 1 else 0)
            self.acts.append((when, "fact", (machine, e.TaskProgressed(id, name, slot, state, ""), cause)))
            self.acts.append((when + 0.15, "store", (task(id, name, slot, machine, state=state), to, cause)))

    def write(self):
        for at, kind, rest in sorted(self.acts, key=lambda act: act[0]):
            if kind == "fact":
                number = self.pen.note(at, *rest)
                self.pen.message(at + 0.001, rest[0], self.pen.leader, "manager", "StatusReport", cause=number)
            else:
                fact, to, cause = rest
                number = self.pen.store(at, fact, cause=cause, to=to)
                if fact.state == "assigned":
                    machine = fact.node.removeprefix("id-")
                    self.pen.message(at + 0.1, self.pen.leader, machine, "agent", "Assignments", cause=number)


def replace(pen, where, gone, at, new, to, mark):
    """Every task of the lost machine is wanted no more, and gets a successor."""
    plan = Planner(pen)
    for key, (name, slot, machine) in list(where.items()):
        if machine != gone:
            continue
        cause = pen.store(at, task(key, name, slot, gone, "shutdown", "running"), to=to)
        plan.run(at + 0.01, f"{mark}{key}", name, slot, new, to, 2, cause)
        where[f"{mark}{key}"] = (name, slot, new)
        del where[key]
    plan.write()


def requests(pen, first, last, where, base, dead=""):
    """A visit each 0.7 s; some are sent to a dead task and fail."""
    votes = [(key, machine) for key, (name, _, machine) in where.items() if name == "vote_vote"]
    for n in range(int((last - first) / 0.7)):
        at, number = first + 0.7 * n, base + n
        key, machine = votes[n % len(votes)]
        asked = pen.note(at, "client", e.RequestSent(number, "http://worker-3:5000/", "worker-3"))
        via = pen.note(at + 0.01, "worker-3", e.RequestForwarded(number, key, machine), asked)
        if machine == dead:
            pen.note(at + 0.3, "client", e.RequestFailed(number, "timeout"), via)
            continue
        served = pen.note(at + 0.03, machine, e.RequestServed(number, key), via)
        pen.note(at + 0.05, "client", e.RequestAnswered(number, 200, key, 50_000), served)


def crowd(nodes=50, tasks=500, facts=5000, zones=("a", "b", "c")):
    """Many nodes and tasks, for speed and for the denser drawings."""
    pen, dice = Pen(machines(5, nodes - 5, zones)), Random(1)
    names = [row["name"] for row in pen.trace.settings["machines"] if row["role"] != "outside"]
    for name in names:
        pen.note(0, name, e.MachineStarted())
        pen.note(0, name, e.SwarmJoined(f"id-{name}", name.split("-")[0]))
    pen.leader = "manager-1"
    pen.note(0.1, "manager-1", e.BecameLeader(1))
    for name in names[1:5]:
        pen.note(0.1, name, e.BecameFollower(1))
        pen.note(0.1, name, e.LeaderRecognised(1, "manager-1"))
    for name in names:
        pen.store(0.2, node(name, name.split("-")[0]), to=("manager-2",))
    for n in range(8):
        pen.store(0.3, service(f"s{n}", tasks // 8), to=("manager-2",))
    step = 100 / max(1, facts - len(pen.trace))
    place = {f"t{n}": (f"s{n % 8}", n // 8 + 1, names[n % len(names)]) for n in range(tasks)}
    for key, (name, slot, machine) in place.items():
        at = pen.trace.now / SECOND + step
        pen.store(at, task(key, name, slot, machine, state="assigned"))
        pen.message(at, "manager-1", machine, "agent", "Assignments")
    while len(pen.trace) < facts:
        key = f"t{dice.randrange(tasks)}"
        name, slot, machine = place[key]
        at = pen.trace.now / SECOND + step
        state = dice.choice(["preparing", "starting", *["running"] * 8, "failed"])
        pen.note(at, machine, e.TaskProgressed(key, name, slot, state, ""))
        pen.message(at, machine, "manager-1", "manager", "StatusReport", latency=dice.uniform(0.0005, 0.3))
        pen.store(at + step / 2, task(key, name, slot, machine, state=state))
        if dice.random() < 0.02:
            victim = names[dice.randrange(5, len(names))]
            pen.note(at, victim, e.MachineCrashed())
            pen.note(at + 0.1, "manager-1", e.HeartbeatsMissed(victim, 0))
            pen.note(at + 0.3, victim, e.MachineStarted())
    return pen.trace


def noise(seed, facts=400):
    """Facts in no sensible order: a fold must give the same answer in any language, even where no swarm would."""
    dice = Random(seed)
    pen = Pen([*machines(3, 3, ("a", "b")), {"name": "node-1", "role": "bare", "zone": ""}])
    names = [row["name"] for row in pen.trace.settings["machines"]]
    tasks = [(f"{n}", ("web", "db", "vote_x.y")[n % 3], n % 4) for n in range(14)]  # ids like numbers, on purpose
    states = [
        "new",
        "pending",
        "assigned",
        "accepted",
        "preparing",
        "starting",
        "running",
        "complete",
        "failed",
        "shutdown",
    ]
    at = 0.0
    for _ in range(facts):
        at += dice.choice([0, 0, 0.0003, 0.01, 0.4])
        who, other = dice.choice(names), dice.choice(names)
        manager = dice.choice(names[:3])
        id, name, slot = dice.choice(tasks)
        index, term = dice.randrange(1, 60), dice.randrange(1, 9)
        state = dice.choice(states)
        stored = task(
            id, name, slot, dice.choice(["", other]), dice.choice(["ready", "running", "running", "shutdown"]), state
        )
        fact = dice.choice(
            [
                e.MachineStarted(), e.MachineStarted(), e.MachineCrashed(), e.MachineShutDown(), e.MachineFrozen(5), e.MachineThawed(),
                e.BecameLeader(term), e.BecameFollower(term), e.BecameCandidate(term), e.BecamePreCandidate(term), e.SteppedDown(term),
                e.LeaderRecognised(term, manager), e.VoteGranted(term, manager), e.Applied(index), e.Applied(index),
                stored._replace(index=index), stored._replace(index=index), stored._replace(index=index),
                node(other, dice.choice(["manager", "worker"]), dice.choice(["ready", "down", "unknown"]))._replace(index=index),
                service(name, slot + 1, mode=dice.choice(["replicated", "global"]))._replace(index=index),
                e.ObjectRemoved(index, dice.choice(["task", "service", "node"]), dice.choice([id, f"id-{other}", f"s-{name}"])),
                e.TaskProgressed(id, name, slot, state, ""), e.TaskProgressed(id, name, slot, state, "oops"),
                e.ContainerCreated("c" + id, name, "web", dice.choice(["", id])), e.ContainerStarted("c" + id, ""),
                e.ContainerExited("c" + id, "", 1), e.ContainerRemoved("c" + id, dice.choice(["", id])),
                e.PeerJoined(other), e.PeerSuspected(other), e.PeerFailed(other),
                e.BackendAdded(name, id, other), e.BackendRemoved(name, id, other), e.HeartbeatsMissed(other, 3), e.SessionOpened(other),
                e.SwarmJoined(f"id-{who}", "worker"), e.SwarmLeft(f"id-{who}"), e.PortBlocked("4789/udp"), e.PortUnblocked("4789/udp"),
                e.Partitioned(((who,), (other,)), dice.random() < 0.5), e.Healed(), e.ConfigStored(index, id, "c"),
            ]
        )  # fmt: skip
        pen.note(at, who, fact, dice.randrange(-1, len(pen.trace)))
    return pen.trace
