"""Lesson 01: its predictions, the judges of its exercises, and what is compared."""

from collections.abc import Sequence
from functools import cache
from ipaddress import ip_network
from random import Random
from typing import Any, NamedTuple

from ..cluster import Cluster
from ..rack import Computer
from . import CORRECT, Prediction, Verdict
from .scenes01 import SEED_MANAGER, first_machine, join, token_of, two_interfaces

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
            "n": "Look at the column NODE of the list: managers stand in it. `drain` is what keeps tasks away.",
            "f": "There was one worker, and it had room for all four. Look at the column NODE: one task on each node.",
        },
    ),
}

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
            result = cluster.docker(line.strip().removeprefix("%").removeprefix("docker "))
            if result.exit_code:
                return Verdict(False, f"{line}: {' '.join(result.stderr.split())}", cluster)
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
    running = len(cluster.running)
    return "" if running == 6 else f"{running} replicas run, and six are wanted"


# ── build: preflight ─────────────────────────────────────────────────────────────────────────────────────────────

MACHINES = 40
FAULTS = ("none", "2377", "7946", "4789", "harmless", "address", "pool", "near miss")  # each on five of the machines
COVERING = (  # pool and LAN: sooner or later a network of the swarm lies over the machines
    ("10.0.0.0/8", "10.0.0.0/24"),
    ("10.0.0.0/8", "10.0.7.0/24"),
    ("172.16.0.0/12", "172.16.9.0/24"),
    ("192.168.0.0/16", "192.168.50.0/24"),
)
APART = (
    ("10.0.0.0/8", "192.168.50.0/24"),
    ("172.20.0.0/16", "172.16.9.0/24"),
    ("100.64.0.0/10", "10.0.0.0/24"),
)
ALIKE = (("10.0.0.0/16", "10.20.0.0/24"), ("172.20.0.0/16", "172.16.9.0/24"))  # they begin alike, and do not meet
HARMLESS = (22, 25, 9100)
NETWORKS = 60  # so many the swarm makes in its life


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


def newcomer(number: int) -> tuple[Newcomer, Plans]:
    """One of the forty machines, and its swarm: at most one thing is wrong, the rest is drawn."""
    fault, dice = FAULTS[number % len(FAULTS)], Random(f"newcomer {number}")
    pool, lan = dice.choice({"pool": COVERING, "near miss": ALIKE}.get(fault, APART))
    here = str(ip_network(lan)[12])
    role = ("worker", "manager")[number // len(FAULTS) % 2]
    shut = (int(fault),) if fault.isdigit() else ()
    if fault == "harmless" or (shut and dice.random() < 0.5):
        shut = (*shut, dice.choice(HARMLESS))
    return Newcomer(role, shut, "10.0.2.15" if fault == "address" else here, here), Plans(pool, lan)


def trial(machine: Newcomer, plans: Plans) -> tuple[str, Cluster]:
    """Let it join and work, in a swarm made for it; '' when all goes well, else what went wrong."""
    first = str(ip_network(plans.lan)[11])
    cards = (("eth0", "10.0.2.15"), ("eth1", machine.reached_at))
    computers = (Computer("old", address=first), Computer("new", address=machine.reached_at, interfaces=cards))
    cluster = Cluster(computers=computers)
    cluster.docker(f"swarm init --advertise-addr {first} --default-addr-pool {plans.pool}", "old")
    for port in machine.shut:
        if port in PORTS:  # nothing here listens on others
            cluster.block("new", port)
    joined = join(cluster, "new", token_of(cluster, machine.role), first, f"--advertise-addr {machine.advertises}")
    if not joined.startswith("This node joined"):
        return "it does not get in", cluster
    cluster.docker("service create -d --name web --publish 8080:80 --constraint node.hostname==old nginx", "old")
    cluster.run_for(20)
    visit = cluster.request("http://new:8080/")
    if visit.error:
        return f"it is in, and a visitor who asks it gets: {visit.error}", cluster
    return _collision(cluster, plans.lan), cluster


def _collision(cluster: Cluster, lan: str) -> str:
    """Make networks, one after the other, until one lies over the machines."""
    for number in range(NETWORKS):
        covers = [n for n in cluster.networks if n.subnet and ip_network(n.subnet).overlaps(ip_network(lan))]
        if covers:
            return f"network number {number + 1} of the swarm covers the addresses of the machines"
        cluster.docker(f"network create --driver overlay network-{number}", "old")
    return ""


@cache
def what_happens(number: int) -> str:
    """What became of one of the forty."""
    return trial(*newcomer(number))[0]


def build(answer: Any) -> Verdict:
    """It complains exactly when the join, or what follows it, goes wrong."""
    if not callable(answer):
        return Verdict(False, "a function: def preflight(machine, swarm): return […]")
    for number in range(MACHINES):
        machine, plans = newcomer(number)
        complaints = answer(machine, plans)
        if not isinstance(complaints, list | tuple):
            return Verdict(False, f"it returned {complaints!r}: a list of complaints, empty when all is well")
        wrong = what_happens(number)
        if bool(complaints) != bool(wrong):
            said = f"it complains of {complaints[0]!r}" if complaints else "it is content"
            told = f"{said}, but {wrong or 'all goes well'}: {machine}, {plans}."
            return Verdict(False, told, trial(machine, plans)[1])
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
        ("characters: swarm, secret", f"{len(digest)} and {len(secret)}", "50 and 25"),
        ("a manager that does not answer", f"turned away after {unreachable.seconds:.1f} s", "5 s"),
        ("a join that nobody answers", f"prompt back after {silent.seconds:.0f} s", "20 s"),
        ("ingress, and the next network", " and ".join(subnets), "10.0.0.0/24 and 10.0.1.0/24"),
    )
    for what, ours, real in lines:
        print(f"{what:31} {ours:28} the real engine: {real}")
