"""The swarms that lesson 01 looks at: machines that join or fail to, and what is said and drawn of them."""

from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Any

from ..cluster import Cluster
from ..events import Commanded
from ..messages import CallBack, CalledBack, Forward
from ..objects import RUNNING
from ..rack import Computer

SEED_MANAGER = "192.168.50.100"

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

    trace = cluster.fork().trace  # what comes after is another join
    items = handshake(trace)

    def drawn(step: int = 1) -> tuple[Any, str]:
        item = items[min(max(step, 1), len(items)) - 1]
        does = f"to {item.to}" if item.to else "asks" if item.kind == "check" else "is told"
        answer = f" {item.answer}" if item.kind == "check" else ""
        return draw_handshake(trace, upto=step), f"Step {step}: {item.who} {does}: {item.text}{answer}"

    return drawn


def last_joins(cluster: Cluster, names: Sequence[str]) -> Callable[..., tuple[Any, str]]:
    """The last joins as a knob, by these names; the sentence is what Docker said."""
    from ..viz.charts import draw_handshake

    joins = [record for record in cluster.trace.of(Commanded) if "swarm join " in record.fact.command]
    found = dict(zip(names, joins[-len(names) :], strict=True))

    def drawn(token: str = names[0]) -> tuple[Any, str]:
        return draw_handshake(cluster.trace, found[token]), f"The token: {token}."

    return drawn


def certificate(cluster: Cluster, machine: str) -> tuple[list, Any]:
    """A machine's certificate as it lies on its disk: rows of (what, value), and its life."""
    from ..trust.certificates import describe, from_pem, read

    files = cluster.steal(machine).files
    pem, root = (files[f"swarm/certificates/{name}.crt"].decode() for name in ("swarm-node", "swarm-root-ca"))
    return describe(pem, (from_pem(root),)), read(from_pem(pem))


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


def shut(port: Any = "nothing", machine: str = "node-2") -> tuple[Any, str]:
    """node-2 joins while a port is shut on a machine: is it in, does it answer visitors? Knobs of the lesson."""
    from ..viz.charts import draw_ports

    cluster = first_machine(2)
    cluster.docker("service create -d --name web --publish 8080:80 --constraint node.role==manager nginx")
    cluster.run_for(5)
    if port != "nothing":
        cluster.block(machine, port)
    joined = join(cluster, "node-2", token_of(cluster))
    cluster.run_for(5)
    visit = cluster.request("http://node-2:8080/") if joined.startswith("This node joined") else None
    asked = "" if visit is None else f" A visitor asks node-2: {visit.error or 'answered'}."
    return draw_ports(cluster.trace), f"{port} shut on {machine}. {joined.partition('. ')[0]}.{asked}"


def calls_back(cluster: Cluster) -> list[str]:
    """The messages with which a leader made sure that a new manager can be reached."""
    wanted = {CallBack.__name__: "do you hear me?", CalledBack.__name__: "yes"}
    rows = [message for message in cluster.trace.messages if message.name in wanted]
    return [f"{m.sender} → {m.to}: {wanted[m.name]}{', lost' if m.fate else ''}" for m in rows]


def tasks_by_machine(cluster: Cluster) -> Mapping[str, int]:
    """How many tasks each node runs, as the managers have it."""
    hosts = {node.id: node.hostname for node in cluster.nodes}
    counts = dict.fromkeys(sorted(hosts.values()), 0)
    for task in cluster.tasks:
        if task.state == RUNNING:
            counts[hosts[task.node]] += 1
    return counts
