"""Lesson 01: its predictions, joins that fail, and the judges of its exercises."""

from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address, ip_network
from random import Random
from typing import Any, NamedTuple

from ..cluster import Cluster
from ..messages import CallBack, CalledBack, Forward
from ..objects import RUNNING
from ..rack import Computer
from . import CORRECT, Prediction, Verdict

SEED_MANAGER = "192.168.50.100"
PORTS = (2377, 7946, 4789)

PREDICTIONS = {
    "1": Prediction(
        "It is refused: a worker knows what it has to run, and nothing about the others.",
        {
            "a": "The list of nodes is kept by the managers. Read the refusal: it names the way out.",
            "b": "Yes.",
            "c": "Not even itself: a worker has no list at all. Read the refusal.",
        },
    ),
    "2": Prediction(
        "Only in the last 25 characters, the secret. The 50 before it stand for the swarm, and are the same in both.",
        {
            "a": "Look at the two tokens below each other: the long part in the middle is the same.",
            "b": "Yes.",
            "c": "Count: there is no word in it that says worker or manager. The manager knows its two secrets.",
        },
    ),
    "3": Prediction(
        "Nothing happens to them. A token admits; afterwards a node shows its certificate, and that did not change.",
        {
            "a": "Compare the two lists of nodes: the same rows, all Ready. Nobody showed a token in between.",
            "b": "There is nothing to join again: compare the two lists of nodes. Only who comes new needs the new token.",
            "c": "Yes.",
        },
    ),
    "4": Prediction(
        "It runs tasks like any other node, until it is drained.",
        {
            "y": "Yes.",
            "n": "Look at the column NODE of the list: a manager stands in it. `drain` is what keeps tasks away.",
        },
    ),
}

# ── joining, and what it says ────────────────────────────────────────────────────────────────────────────────────


def token_of(cluster: Cluster, role: str = "worker") -> str:
    """The join token of a role, as the first manager has it."""
    return cluster.docker(f"swarm join-token -q {role}").stdout.strip()


def join(cluster: Cluster, machine: str, token: str, address: str = SEED_MANAGER, flags: str = "") -> str:
    """Type `docker swarm join` on a machine; what came of it, and how long it took."""
    begun = cluster.now
    result = cluster.docker(f"swarm join {flags} --token {token} {address}:2377".replace("  ", " "), machine)
    return f"{(result.stdout + result.stderr).strip()}  ({cluster.now - begun:.1f} s)"


def first_machine(machines: int = 4, seed: int = 1) -> Cluster:
    """So many machines, the first of which is a swarm of its own."""
    cluster = Cluster(machines=machines, seed=seed)
    cluster.docker(f"swarm init --advertise-addr {SEED_MANAGER}", "node-1")
    return cluster


def forwarded(cluster: Cluster, since: float) -> list[str]:
    """Who passed a command on to whom, since an instant in seconds."""
    rows = [m for m in cluster.trace.messages if m.name == Forward.__name__ and m.sent >= since * 1e6]
    return [f"{m.sender} → {m.to}" for m in rows if m.sender.startswith("node")]


def steps_of(cluster: Cluster) -> int:
    """How many steps the last join had."""
    from ..viz.handshake import handshake

    return len(handshake(cluster.trace))


def step_by_step(cluster: Cluster) -> Callable[..., tuple[Any, str]]:
    """The last join as a knob: so many of its steps, and who does what in the newest one."""
    from ..viz.charts import draw_handshake
    from ..viz.handshake import handshake

    items = handshake(cluster.trace)

    def drawn(step: int = 1) -> tuple[Any, str]:
        item = items[min(step, len(items)) - 1]
        does = f"to {item.to}" if item.to else "asks" if item.kind == "check" else "is told"
        return draw_handshake(cluster.trace, upto=step), f"Step {step}: {item.who} {does}: {item.text}"

    return drawn


def certificate(cluster: Cluster, machine: str) -> str:
    """What the certificate of a node says of it: the fields of its subject."""
    node = next(node for node in cluster.nodes if node.machine == machine and node.state != "down")
    swarm = cluster.store.cluster.id
    return f"OU = swarm-{node.role}\nCN = {node.id}\nO  = {swarm}"


def two_interfaces(machines: int = 2) -> Cluster:
    """Machines as Vagrant makes them: eth0 leads to nobody and has the same address everywhere, eth1 is the network."""
    return Cluster(
        computers=tuple(
            Computer(
                f"node-{n + 1}",
                address=f"192.168.50.{100 + n}",
                interfaces=(("eth0", "10.0.2.15"), ("eth1", f"192.168.50.{100 + n}")),
            )
            for n in range(machines)
        )
    )


def office(pool: str = "") -> Cluster:
    """Two machines in an office whose network is 10.0.1.0/24, as a swarm whose own networks come from `pool`."""
    computers = tuple(Computer(f"node-{n}", address=f"10.0.1.1{n}") for n in (1, 2))
    cluster = Cluster(computers=computers)
    chosen = f" --default-addr-pool {pool}" if pool else ""
    cluster.docker(f"swarm init --advertise-addr 10.0.1.11{chosen}", "node-1")
    join(cluster, "node-2", token_of(cluster), "10.0.1.11")
    return cluster


def ambiguous(cluster: Cluster) -> list[str]:
    """Networks of the swarm that contain the address of a machine: the same address means two things."""
    machines = [computer.address for computer in cluster.computers.values() if computer.address]
    found = [
        (network, address)
        for network in cluster.networks
        for address in machines
        if network.subnet and ip_address(address) in ip_network(network.subnet)
    ]
    return [f"{address} is in {network.spec.name}, {network.subnet}" for network, address in found]


def shut(port: Any = "nothing") -> tuple[Any, str]:
    """A new machine with one port shut: does it join, and does it answer visitors? A knob of the lesson."""
    from ..viz.charts import draw_ports

    cluster = first_machine(2)
    cluster.docker("service create -d --name web --publish 8080:80 --constraint node.role==manager nginx")
    cluster.run_for(5)
    if port != "nothing":
        cluster.block("node-2", port)
    joined = join(cluster, "node-2", token_of(cluster))
    cluster.run_for(5)
    visit = cluster.request("http://node-2:8080/") if joined.startswith("This node joined") else None
    asked = "" if visit is None else f" A visitor asks node-2: {visit.error or 'answered'}."
    return draw_ports(cluster.trace), f"{port} shut on node-2. {joined.partition('. ')[0]}.{asked}"


# ── recall: four joins that failed ───────────────────────────────────────────────────────────────────────────────

REASONS = {
    "form": "the machine itself saw that this is no token, and asked nobody",
    "swarm": "the machine saw that the manager's certificate does not fit the 50 characters",
    "secret": "the manager did not know the last 25 characters",
    "network": "nobody answered within 20 s",
    "address": "the leader called the new manager back, and nobody answered there for 5 s",
}


class Attempt(NamedTuple):
    """A join that failed: what Docker said, and after how long."""

    reason: str
    text: str
    seconds: float


def fresh_joins(seed: int = 11) -> list[Attempt]:
    """Four joins that fail, each for another reason, in an order that nobody knows."""
    chosen = Random(f"joins {seed}").sample(list(REASONS), 4)
    return [failed_join(reason, seed) for reason in chosen]


def failed_join(reason: str, seed: int) -> Attempt:
    """A join that is stopped by just this."""
    cluster = two_interfaces()
    cluster.docker("swarm init --advertise-addr eth1", "node-1")
    role = "manager" if reason == "address" else "worker"
    token = _spoilt(token_of(cluster, role), reason, seed)
    if reason == "network":
        cluster.block("node-1", 2377)
    interface = "eth0" if reason == "address" else "eth1"
    begun = cluster.now
    result = cluster.docker(f"swarm join --advertise-addr {interface} --token {token} {SEED_MANAGER}:2377", "node-2")
    return Attempt(reason, result.stderr.strip().removeprefix("Error response from daemon: "), cluster.now - begun)


def _spoilt(token: str, reason: str, seed: int) -> str:
    if reason == "form":
        return token[:-3]
    if reason == "swarm":
        return token_of(Cluster(managers=1, seed=f"another swarm {seed}"))
    return token[:-4] + "0000" if reason == "secret" else token


def show_joins(attempts: Sequence[Attempt]) -> None:
    """Print what Docker said, and when."""
    for number, attempt in enumerate(attempts, 1):
        print(f"{number}  after {attempt.seconds:4.1f} s: {attempt.text}")


def recall(answer: Any) -> Verdict:
    """Which check said no, for each of the four."""
    attempts = fresh_joins()
    if not isinstance(answer, list | tuple) or len(answer) != len(attempts):
        return Verdict(False, f"a list of {len(attempts)} words, one for each join, in order")
    for number, (said, attempt) in enumerate(zip(answer, attempts, strict=True), 1):
        word = str(said).strip().lower()
        if word not in REASONS:
            return Verdict(False, f"{said!r} is none of {', '.join(REASONS)}")
        if word != attempt.reason:
            return Verdict(False, f"join {number} took {attempt.seconds:.1f} s: {_not(word)}")
    return CORRECT


def _not(word: str) -> str:
    """Why it was not this."""
    return {
        "form": "a token without the right form is refused in no time, before any message is sent.",
        "swarm": "a foreign swarm shows as a certificate that does not match: look for the word fingerprint.",
        "secret": "a wrong secret is refused by the manager, with a sentence about a valid join token.",
        "network": "when nobody answers, Docker gives the prompt back after 20 s and goes on trying.",
        "address": "only a new manager is called back, and the text speaks of its advertised address.",
    }[word]


# ── modify: managers free of work ────────────────────────────────────────────────────────────────────────────────


def busy_swarm(seed: int = 1) -> Cluster:
    """One manager and five workers, and a service with six replicas, one on each."""
    cluster = Cluster(managers=1, workers=5, seed=seed)
    cluster.docker("service create -d --name web --replicas 6 nginx")
    cluster.run_for(10)
    return cluster


def modify(answer: Any) -> Verdict:
    """Three managers, three workers, the managers free of work, and still six replicas."""
    if not isinstance(answer, list | tuple) or not answer or not all(isinstance(line, str) for line in answer):
        return Verdict(False, 'a list of commands: ["node promote worker-1", …]')
    for seed in (21, 22, 23):
        cluster = busy_swarm(seed)
        for line in answer:
            result = cluster.docker(line.removeprefix("docker "))
            if result.exit_code:
                return Verdict(False, f"docker {line}: {result.stderr.strip()}", cluster)
        cluster.run_for(30)
        fault = _not_free(cluster)
        if fault:
            return Verdict(False, fault, cluster)
    return CORRECT


def _not_free(cluster: Cluster) -> str:
    managers = {node.machine: node for node in cluster.nodes if node.role == "manager"}
    workers = [node for node in cluster.nodes if node.role == "worker" and node.state == "ready"]
    if (len(managers), len(workers)) != (3, 3):
        return f"there are {len(managers)} managers and {len(workers)} workers"
    busy = sorted(task.machine for task in cluster.running if task.machine in managers)
    if busy and managers[busy[0]].spec.availability == "pause":
        return f"{busy[0]} is paused: it gets no new tasks, but those that it has stay"
    if busy:
        return f"{busy[0]} manages, and still runs a task: being a manager keeps no tasks away"
    missing = 6 - len(cluster.running)
    return f"{missing} of the six replicas do not run" if missing else ""


# ── build: preflight ─────────────────────────────────────────────────────────────────────────────────────────────


class Newcomer(NamedTuple):
    """A machine that is about to join."""

    role: str  # worker · manager
    shut: tuple[int, ...]  # ports that its firewall drops
    advertises: str  # the address that it will give to the others
    reached_at: str  # the address under which they do reach it


class Plans(NamedTuple):
    """The swarm that it is to join."""

    pool: str  # where subnets are cut from: 10.0.0.0/8
    lan: str  # the network in which the machines are: 192.168.50.0/24


def example() -> tuple[Newcomer, Plans]:
    """A machine with one thing wrong: an exercise to try a preflight on."""
    return Newcomer("worker", (4789,), "192.168.50.101", "192.168.50.101"), Plans("10.0.0.0/8", "192.168.50.0/24")


def random_newcomer(seed: int) -> tuple[Newcomer, Plans]:
    """Some machine and some swarm: about half of them go together."""
    dice = Random(f"newcomer {seed}")
    lan = dice.choice(("192.168.50.0/24", "10.0.0.0/24", "172.16.9.0/24"))
    pool = dice.choice(("10.0.0.0/8", "10.0.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"))
    while ip_network(pool).overlaps(ip_network(lan)) and dice.random() < 0.7:
        pool = "100.64.0.0/10"
    here = str(ip_network(lan)[12])
    role = dice.choice(("worker", "manager"))
    wrong = role == "manager" and dice.random() < 0.2
    shut = tuple(port for port in (*PORTS, 8080, 22) if dice.random() < 0.08)
    return Newcomer(role, shut, "10.0.2.15" if wrong else here, here), Plans(pool, lan)


def what_happens(machine: Newcomer, plans: Plans) -> str:
    """Let it join and work, in a swarm made for it; '' when all goes well, else what went wrong."""
    first = str(ip_network(plans.lan)[11])
    nat = (("eth0", "10.0.2.15"), ("eth1", machine.reached_at))
    computers = (Computer("old", address=first), Computer("new", address=machine.reached_at, interfaces=nat))
    cluster = Cluster(computers=computers, messages=False)
    cluster.docker(f"swarm init --advertise-addr {first} --default-addr-pool {plans.pool}", "old")
    for port in machine.shut:
        if port in PORTS:
            cluster.block("new", port)
    joined = join(cluster, "new", token_of(cluster, machine.role), first, f"--advertise-addr {machine.advertises}")
    if not joined.startswith("This node joined"):
        return "it does not get in"
    cluster.docker("service create -d --name web --publish 8080:80 --constraint node.hostname==old nginx", "old")
    cluster.run_for(20)
    if any(_contains(network, plans.lan) for network in cluster.networks) or _will_collide(plans):
        return "a network of the swarm covers the addresses of the machines"
    visit = cluster.request("http://new:8080/")
    return f"it is in, but a visitor who asks it gets: {visit.error}" if visit.error else ""


def _contains(network: Any, lan: str) -> bool:
    return bool(network.subnet) and ip_network(network.subnet).overlaps(ip_network(lan))


def _will_collide(plans: Plans) -> bool:
    """The pool is used from its beginning: sooner or later a subnet is cut that covers the machines."""
    return ip_network(plans.pool).overlaps(ip_network(plans.lan))


def build(answer: Any) -> Verdict:
    """It complains exactly when the join, or what follows it, goes wrong."""
    if not callable(answer):
        return Verdict(False, "a function: def preflight(machine, swarm): return […]")
    for seed in range(40):
        machine, plans = random_newcomer(seed)
        complaints = answer(machine, plans)
        if not isinstance(complaints, list | tuple):
            return Verdict(False, f"it returned {complaints!r}: a list of complaints, empty when all is well")
        wrong = what_happens(machine, plans)
        if bool(complaints) != bool(wrong):
            said = f"it complains of {complaints[0]!r}" if complaints else "it is content"
            return Verdict(False, f"{said}, but {wrong or 'all goes well'}: {machine}, {plans}")
    return CORRECT


CHECKS = {"recall": recall, "modify": modify, "build": build}

# ── compare ──────────────────────────────────────────────────────────────────────────────────────────────────────


def compare() -> None:
    """Print what was measured beside what is known of the real engine."""
    digest, secret = token_of(first_machine()).split("-")[2:]
    unreachable, silent = failed_join("address", 1), failed_join("network", 1)
    swarm = first_machine(1)
    swarm.docker("network create -d overlay shop")
    subnets = [network.subnet for network in swarm.networks if network.subnet]
    lines = (
        ("characters for the swarm, and secret", f"{len(digest)} and {len(secret)}", "50 and 25"),
        ("a manager that cannot be called back", f"turned away after {unreachable.seconds:.1f} s", "5 s"),
        ("a join that nobody answers", f"prompt back after {silent.seconds:.0f} s", "20 s"),
        ("subnets of ingress and the next network", " and ".join(subnets), "10.0.0.0/24 and 10.0.1.0/24"),
    )
    for what, ours, real in lines:
        print(f"{what:40} {ours:28} the real engine: {real}")


def calls_back(cluster: Cluster) -> list[str]:
    """The messages with which a leader made sure that a new manager can be reached."""
    wanted = (CallBack.__name__, CalledBack.__name__)
    return [f"{m.sender} → {m.to}: {m.name}, {m.fate}" for m in cluster.trace.messages if m.name in wanted]


def tasks_by_machine(cluster: Cluster) -> Mapping[str, int]:
    """How many tasks each node runs, as the managers have it."""
    hosts = {node.id: node.hostname for node in cluster.nodes}
    counts = dict.fromkeys(sorted(hosts.values()), 0)
    for task in cluster.tasks:
        if task.state == RUNNING:
            counts[hosts[task.node]] += 1
    return counts
