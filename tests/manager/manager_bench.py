"""A manager with a raft that agrees at once, its time, and what it asked for: nothing else of a swarm."""

from swarmlab.effects import (
    SECOND,
    STARTED,
    WOKEN,
    AddMember,
    Committed,
    Disk,
    Entry,
    Following,
    Found,
    Leading,
    Members,
    Note,
    Propose,
    Rebuild,
    Received,
    RemoveMember,
    Save,
    Send,
    Tell,
    Told,
)
from swarmlab.manager.manager import Manager
from swarmlab.messages import (
    Assignments,
    Call,
    CallBack,
    CalledBack,
    Certify,
    FoundSwarm,
    OpenSession,
    RaftJoin,
    StatusReport,
    TaskStatus,
    UpdateObject,
)
from swarmlab.objects import (
    RUNNING,
    ContainerSpec,
    Description,
    EndpointSpec,
    NetworkTarget,
    ServiceSpec,
    TaskSpec,
    replace,
)
from swarmlab.trust import signing, tokens


class Dice:
    """Numbers that look random and are the same every time."""

    def __init__(self, seed=1):
        self.state = seed

    def random(self):
        return self.getrandbits(53) / (1 << 53)

    def getrandbits(self, k):
        value = 0
        for _ in range(k // 32 + 1):
            self.state = (self.state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
            value = value << 32 | self.state >> 32
        return value & ((1 << k) - 1)


ROOT_KEY = 7
ROOT = signing.new_root(ROOT_KEY, 1, 0)
DIGEST = tokens.digest(ROOT)


def csr_of(machine):
    """The request for a certificate that a machine of this name sends."""
    return signing.request(int.from_bytes(machine.encode(), "big"))


class Bench:
    """A manager, a raft that agrees at once, and the time."""

    def __init__(self, seed=1):
        self.manager = Manager("m1", Disk({}, []), Dice(seed))
        self.now, self.index, self.term, self.agrees = 0, 0, 1, True
        self.disk, self.facts, self.sent, self.told = {}, [], [], []
        self.rows, self.asked, self.last = (), 0, ""
        self.orders = []  # what raft was asked for, but proposals
        self.feed(STARTED)

    def feed(self, event):
        """Step, carry out what is asked, and so on until it is quiet."""
        events = [event]
        while events:
            for effect in self.manager.step(events.pop(0), self.now):
                events += self.carry_out(effect)

    def carry_out(self, effect):
        match effect:
            case Tell("raft", word):
                return [Told("raft", answer) for answer in self.raft(word)] if self.agrees else []
            case Tell(core, word):
                self.told.append((core, word))
            case Note(fact):
                self.facts.append(fact)
            case Save(key, value):
                self.disk[key] = value
            case Send("m1", "manager", message):
                return [Received("m1", message)]
            case Send(_, "engine", CallBack(number)):
                return [Received(self.last, CalledBack(number))]  # the machine that wants in is the last that was heard
            case Send():
                self.sent.append(effect)
        return []

    def raft(self, word):
        if not isinstance(word, Propose):
            self.orders.append(word)
        match word:
            case Found(member, address):
                self.rows = ((member, address, True),)
                return [Members(self.rows), Following(1, None), self.commit("empty", None), Leading(1)]
            case Propose(_, data):
                return [self.commit("data", data)]
            case AddMember(_, member, address):
                self.rows += ((member, address, True),)
                return [Members(self.rows), self.commit("add", (member, address))]
            case RemoveMember(_, member):
                self.rows = tuple(row for row in self.rows if row[0] != member)
                return [self.commit("remove", (member, "")), Members(self.rows)]
            case Rebuild():
                self.rows, self.term = tuple(row for row in self.rows if row[1] == "m1"), self.term + 1
                return [Following(self.term, None), Members(self.rows), self.commit("empty", None), Leading(self.term)]
        return []

    def commit(self, kind, data):
        self.index += 1
        return Committed((Entry(self.index, self.term, kind, data),))

    def run(self, seconds):
        """Let time pass; the manager is woken when it asked for it."""
        end = self.now + int(seconds * SECOND)
        wakes = 0
        while self.manager.deadline <= end:
            self.now = max(self.now, self.manager.deadline)
            self.feed(WOKEN)
            wakes += 1
            assert wakes < 100_000, "it is woken without end"
        self.now = end
        return wakes

    def hear(self, sender, message):
        """A message comes in; the answers that go back to its sender."""
        before, self.last = len(self.sent), sender
        self.feed(Received(sender, message))
        return [effect.message for effect in self.sent[before:]]

    def call(self, request):
        """A person asks this machine's engine."""
        self.asked += 1
        before = len(self.told)
        self.feed(Told("engine", Call(self.asked, request)))
        replies = [word for core, word in self.told[before:] if core == "engine"]
        return replies[0] if replies else None

    def found(self):
        ca = ROOT, ROOT_KEY, csr_of("m1")
        wish = FoundSwarm("n1" * 12 + "x", "member-1", Description("m1"), "10.9.0.1", "w" * 25, "m" * 25, *ca, ())
        self.feed(Told("engine", wish))
        self.run(1)
        return wish.node

    def join(self, machine, secret="w"):
        token = f"SWMTKN-1-{DIGEST}-{secret * 25}"
        wish = Certify(token, Description(machine), f"10.9.0.{machine[1:]}", csr=csr_of(machine))
        [answer] = self.hear(machine, wish)
        return answer

    def open(self, machine, node):
        answers = self.hear(machine, OpenSession(node, Description(machine), f"10.9.0.{machine[1:]}"))
        return answers[0]

    def let_in(self, machine, node):
        """A new manager becomes a member of the group."""
        return self.hear(machine, RaftJoin(node, f"member-{machine[1:]}"))

    def lose(self, *machines):
        """The leader hears nothing of these members any more."""
        self.rows = tuple((member, machine, machine not in machines) for member, machine, _ in self.rows)
        self.feed(Told("raft", Members(self.rows)))

    def wish(self, node, **changes):
        """A person changes the spec of a node."""
        stored = self.store.get("node", node)
        return self.call(UpdateObject("node", node, stored.version, replace(stored.spec, **changes)))

    def follow_orders(self, machine, node, session, state=RUNNING):
        """Do as an agent would with everything it was assigned: report each task in this state."""
        tasks = {}
        for effect in self.sent:
            if effect.to == machine and isinstance(effect.message, Assignments):
                tasks |= {task.id: task for task in effect.message.tasks}
        statuses = tuple(
            TaskStatus(id, min(state, task.desired), "started", "", self.now) for id, task in tasks.items()
        )
        return self.hear(machine, StatusReport(node, session, statuses))

    @property
    def store(self):
        return self.manager.store


def web(replicas=2, ports=(), networks=(), name="web"):
    task = TaskSpec(ContainerSpec("nginx:alpine"), networks=tuple(NetworkTarget(network) for network in networks))
    return ServiceSpec(name, task=task, replicas=replicas, endpoint=EndpointSpec(ports=ports))


def ready():
    """A swarm of one manager and two workers, all ready."""
    bench = Bench()
    bench.nodes = {"m1": bench.found()}
    for machine in ("w2", "w3"):
        bench.nodes[machine] = bench.join(machine).node
    bench.sessions = {}
    for machine in ("w2", "w3"):
        bench.sessions[machine] = bench.open(machine, bench.nodes[machine]).session
    return bench
