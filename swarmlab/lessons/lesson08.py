"""Lesson 08: its predictions, and the judges of its exercises. Swarms and pictures are in `scenes08`."""

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any, NamedTuple

from ..cluster import Cluster
from ..traffic.caching import Outcome, simulate
from . import CORRECT, Prediction, Verdict
from .scenes08 import swarm

PREDICTIONS = {
    "1": Prediction(
        "web gives one address, its virtual IP; tasks.web gives three, one of each task.",
        {
            "a": "Look at the first line of the table: one address, and it is the address of no task.",
            "b": "Yes.",
            "c": "web is asked twice in the table: the same single address.",
        },
    ),
    "2": Prediction(
        "It is in no answer. Only a task that is healthy (or has no check at all) gets into the tables.",
        {
            "a": "The process runs, but look where the filling begins in the picture: only at the first good check.",
            "b": "Yes.",
            "c": "There is no second try: who is in the answer, is asked. Look at the dotted part in front of the filling.",
        },
    ),
    "3": Prediction(
        "Some seconds: nobody tells the others, they must find out. Until then every third connection goes to a dead machine.",
        {
            "a": "Somebody must notice first. Compare the two rows: one who stops says so, one who is unplugged cannot.",
            "b": "Yes.",
            "c": "The nodes do not ask the manager: compare when they drop it with when it notices, in the next picture.",
        },
    ),
    "4": Prediction(
        "No machine has that address. Every node holds a table for it, and changes the packets of its own tasks.",
        {
            "a": "Look at the machines of the path: no manager is among them.",
            "b": "Look at stop 4: the address is changed on worker-1, where the client is. On another node it would be changed there.",
            "c": "Yes.",
        },
    ),
    "5": Prediction(
        "Uneven, and often one of the three is idle: an answer that is kept sends all requests to one replica.",
        {
            "a": "Each answer is shuffled. But look how many answers there are: one per client, not one per request.",
            "b": "Yes.",
            "c": "Not all: each client gets an order of its own. Look at the bars.",
        },
    ),
    "6": Prediction(
        "NXDOMAIN: no such name. A name holds only on the networks that both are on.",
        {
            "a": "Compare the two columns: the same question, another asker, another answer. Names belong to a network.",
            "b": "Yes.",
            "c": "It does not even get an address. Look at the second column.",
        },
    ),
    "7": Prediction(
        "First the old addresses, then NXDOMAIN. node ls says Ready all the time: that goes over another port.",
        {
            "a": "Names come by gossip, and gossip is shut. Look at the last row and at worker-1's table.",
            "b": "A node forgets what others told it when it gives them up. Look at worker-1's column: empty.",
            "c": "Yes.",
            "d": "What it knows it keeps for a while. Look at the seconds in the last row: so long it still answered.",
        },
    ),
    "8": Prediction(
        "About two seconds: the number of those who tell grows with each round.",
        {
            "a": "Yes.",
            "b": "Each round many tell at once. Read the lines: ten times as many nodes cost two or three rounds more.",
            "c": "That is one after the other, 10 000 times 0.2 s. But everybody who knows tells three.",
        },
    ),
}

# ── scenes that are more than a few lines ────────────────────────────────────────────────────────────────────────────


def compare(rows: Mapping[str, tuple[str, str]]) -> None:
    """Print what was measured beside what is known of the real engine: {what: (ours, theirs)}."""
    for what, (ours, real) in rows.items():
        print(f"{what:42} {ours:22} known: {real}")


# ── recall: five questions from three tasks ──────────────────────────────────────────────────────────────────────────


class Kind(NamedTuple):
    """A service of the fresh swarm."""

    name: str
    mode: str
    networks: tuple[str, ...]
    healthy: int
    starting: int


class Query(NamedTuple):
    """A question, and the task that asks."""

    asker: str
    name: str


def fresh_services(seed: int | str = "recall") -> tuple[Kind, ...]:
    """Three services on two networks; of one of them some tasks are not healthy yet."""
    dice = Random(f"08 {seed}")
    web, api, db = dice.choice(("web", "shop", "blog", "page")), "api", "db"
    return (
        Kind(web, "vip", ("front",), dice.choice((2, 3, 4)), 0),
        Kind(api, "vip", ("front", "back"), dice.choice((2, 3)), dice.choice((1, 2))),
        Kind(db, "dnsrr", ("back",), dice.choice((2, 3)), 0),
    )


def fresh_swarm(seed: int | str = "recall") -> Cluster:
    """The same as a swarm that runs."""
    cluster = swarm(4)
    for network in ("front", "back"):
        cluster.docker(f"network create --driver overlay {network}")
    kinds = fresh_services(seed)
    for kind in kinds:
        networks = " ".join(f"--network {network}" for network in kind.networks)
        check = "--health-cmd 'curl -f http://localhost/' --health-interval 2s --health-retries 9"
        create = (
            f"service create -d --name {kind.name} --replicas {kind.healthy} --endpoint-mode {kind.mode} {networks}"
        )
        cluster.docker(f"{create} {f'{check} acme/web:slow' if kind.starting else 'redis'}")
    cluster.run_for(15)
    for kind in kinds:
        if kind.starting:
            cluster.docker(f"service scale -d {kind.name}={kind.healthy + kind.starting}")
    cluster.run_for(4)
    return cluster


def queries(seed: int | str = "recall") -> tuple[Query, ...]:
    """Five questions from three tasks."""
    web, api, db = (kind.name for kind in fresh_services(seed))
    asked = [
        Query(f"{web}.1", web),
        Query(f"{web}.1", db),
        Query(f"{api}.1", db),
        Query(f"{web}.1", f"tasks.{api}"),
        Query(f"{db}.1", api),
    ]
    Random(f"08 queries {seed}").shuffle(asked)
    return tuple(asked)


def show_fresh() -> None:
    """Print the services of the fresh swarm, and the questions."""
    print(f"{'service':9} {'endpoint mode':14} {'networks':13} tasks that run")
    for kind in fresh_services():
        starting = f", {kind.starting} starting (not healthy yet)" if kind.starting else ""
        print(f"{kind.name:9} {kind.mode:14} {', '.join(kind.networks):13} {kind.healthy} healthy{starting}")
    print()
    for number, query in enumerate(queries(), 1):
        print(f"{number}  {query.asker} asks for {query.name}")


def numbers(cluster: Cluster, seed: int | str = "recall") -> list[int]:
    """How many addresses each question gets. They are asked, not computed."""
    return [len(cluster.dig(query.name, query.asker).addresses) for query in queries(seed)]


def _recall(answer: Any) -> Verdict:
    cluster = fresh_swarm()
    truth = numbers(cluster)
    if not isinstance(answer, list | tuple) or len(answer) != len(truth) or any(type(n) is not int for n in answer):
        return Verdict(False, f"give {len(truth)} whole numbers, like [1, 0, …]")
    kinds = {kind.name: kind for kind in fresh_services()}
    for number, (query, right, mine) in enumerate(zip(queries(), truth, answer, strict=True), 1):
        if mine != right:
            return Verdict(False, f"question {number}: {_overlooked(kinds, query, mine)}", cluster)
    return CORRECT


def _overlooked(kinds: Mapping[str, Kind], query: Query, mine: int) -> str:
    """What to look at, where somebody gave another number."""
    kind, asker = kinds[query.name.removeprefix("tasks.")], kinds[query.asker.partition(".")[0]]
    plain = query.name == kind.name
    if not set(kind.networks) & set(asker.networks):
        return f"compare the networks of {asker.name} and {kind.name}: names hold only where both are"
    if mine == 0:
        return f"{asker.name} and {kind.name} share a network, so there is an answer; look at the endpoint mode"
    if plain and kind.mode == "vip":
        return f"look at the endpoint mode of {kind.name}: a virtual IP is one address, however many tasks there are"
    if kind.starting and mine == kind.healthy + kind.starting:
        return "look at the health of the tasks: one that is starting is in no answer yet"
    if mine == 1:
        return f"{query.name} is no virtual IP{'' if plain else ': tasks.… never is'}; count the tasks"
    return f"count the tasks of {kind.name} that are healthy"


# ── modify: everybody finds everybody ────────────────────────────────────────────────────────────────────────────────

MEMBERS = "MEMBERS="


def agents(seed: int | str = 8) -> Cluster:
    """A service whose tasks look for each other: each asks for the name in its variable MEMBERS."""
    cluster = swarm(3, seed)
    cluster.docker("network create --driver overlay front")
    wish = "--mode global --constraint node.role==worker --network front --env MEMBERS=agent"
    cluster.docker(f"service create -d --name agent {wish} acme/web")
    cluster.run_for(10)
    return cluster


def found_by(cluster: Cluster) -> dict[str, tuple[str, tuple[str, ...]]]:
    """For each agent, by its machine: the name that it asks for, and the addresses that it gets."""
    specs = {task.id: task.spec.container.env for task in cluster.tasks}
    found = {}
    for run in cluster.running:
        if run.service == "agent":
            name = next((e.removeprefix(MEMBERS) for e in specs[run.id] if e.startswith(MEMBERS)), "")
            found[run.machine] = (name, cluster.dig(name, run.id).addresses if name else ())
    return dict(sorted(found.items()))


def show_agents(cluster: Cluster) -> None:
    """Print whom each agent finds."""
    for machine, (name, addresses) in found_by(cluster).items():
        print(f"the agent on {machine} asks for {name or 'nothing'}: {', '.join(sorted(addresses)) or 'no answer'}")


def _modify(answer: Any) -> Verdict:
    commands = list(answer) if isinstance(answer, list | tuple) else [answer]
    if len(commands) != 2 or not all(isinstance(command, str) and command.strip() for command in commands):
        return Verdict(False, "give two commands as texts: two ways, one command each")
    ways = []
    for number, command in enumerate(commands, 1):
        for seed in (81, 82):
            cluster = agents(seed)
            verdict = _all_found(cluster, command.strip().removeprefix("docker "))
            if not verdict.correct:
                return verdict._replace(text=f"command {number}: {verdict.text}")
        ways.append(_way(cluster))
    if ways[0] == ways[1]:
        return Verdict(False, f"both go the same way: {ways[0]}. What else could be changed?")
    return CORRECT


def _all_found(cluster: Cluster, command: str) -> Verdict:
    """The command is typed; a minute later every agent must find all of them."""
    result = cluster.docker(command, limit=90)
    if result.exit_code:
        words = (result.stderr or result.stdout).strip().partition("\n")[0]
        return Verdict(False, f"Docker says: {words}", cluster)
    cluster.run_for(60)
    here = {address for address, kind, owner in cluster.addresses("front") if kind == "task" and "agent" in owner}
    found = found_by(cluster)
    if len(found) < 3:
        return Verdict(False, f"{len(found)} agents run, there should be one on each of three workers", cluster)
    for machine, (name, addresses) in found.items():
        got = len(here & set(addresses))
        if got < len(here):
            return Verdict(False, _missed(machine, name, addresses, got, len(here)), cluster)
    return CORRECT


def _missed(machine: str, name: str, addresses: Sequence[str], got: int, wanted: int) -> str:
    if not addresses:
        return f"the agent on {machine} asks for {name or 'nothing'} and gets no answer: is it a name of the service?"
    if not got:
        return f"the agent on {machine} asks for {name} and gets {addresses[0]}: whose address is that?"
    return f"the agent on {machine} asks for {name} and finds {got} of {wanted}"


def _way(cluster: Cluster) -> str:
    """Which of the two was changed."""
    (service,) = (service for service in cluster.services if service.spec.name == "agent")
    mode = "another endpoint mode, no virtual IP" if service.spec.endpoint.mode == "dnsrr" else ""
    return mode or "another name is asked for, the virtual IP stays"


# ── build: whom to ask ───────────────────────────────────────────────────────────────────────────────────────────────

REPLICAS, CLIENTS, TTL, LENGTH = 4, 6, 600, 900
EVEN = 1.15  # the busiest of those that live, times its fair share
TRIES = 3  # how often each client may meet the dead one


def picked(pick: Callable, seed: int | str) -> Outcome:
    """Six clients that keep answers for ten minutes, four replicas; one of them dies after a while."""
    dice = Random(f"08 build {seed}")
    dies = {dice.randrange(REPLICAS): dice.randrange(60, 240)}
    return simulate(REPLICAS, CLIENTS, TTL, seconds=LENGTH, dies=dies, pick=pick, seed=f"build {seed}")


def missed(outcome: Outcome) -> int:
    """Requests that met a dead replica."""
    return sum(outcome.failed.values())


def unevenness(outcome: Outcome) -> float:
    """How many times its fair share the busiest of the living replicas carries."""
    living = [count for name, count in outcome.counts.items() if not outcome.failed[name]]
    dead = len(living) < len(outcome.counts)
    counts = living if dead or missed(outcome) else list(outcome.counts.values())
    return max(counts) * len(counts) / sum(counts)


def table(**picks: Callable) -> None:
    """Print how some pickers do, over eight runs."""
    for name, pick in picks.items():
        runs = [picked(pick, seed) for seed in range(8)]
        failed, uneven = sum(map(missed, runs)) / len(runs), sum(map(unevenness, runs)) / len(runs)
        print(f"{name:12} {failed:6.1f} failures, the busiest carries {uneven:.2f} times its share")


def all_dead(pick: Callable) -> None:
    """When every address has failed before, one must be tried all the same; whatever `pick` raises is raised."""
    simulate(2, 1, TTL, seconds=60, dies={0: 10, 1: 10}, noticed=100, pick=pick, seed="all dead")


def _build(pick: Any) -> Verdict:
    if not callable(pick):
        return Verdict(False, "write a function pick(answers, memory) that returns one of the addresses")
    for seed in range(12):
        run = picked(pick, f"unseen {seed}")
        failed, uneven = missed(run), unevenness(run)
        if failed > TRIES * CLIENTS:
            return Verdict(
                False,
                f"in run {seed} {failed} requests met the dead replica: the six clients may have {TRIES * CLIENTS} in all. "
                'Who has failed stands in memory["failed"].',
            )
        if uneven > EVEN:
            return Verdict(
                False,
                f"in run {seed} the busiest living replica carries {uneven:.2f} times its share, {EVEN} is allowed: "
                "do not keep to one address",
            )
    try:
        all_dead(pick)
    except Exception as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())
        return Verdict(
            False, f"when all addresses have failed before, it raised {said}: one must be tried all the same"
        )
    return CORRECT


CHECKS = {"recall": _recall, "modify": _modify, "build": _build}
