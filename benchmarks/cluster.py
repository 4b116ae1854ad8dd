"""A whole cluster: thousands of machines, every heartbeat, status and rumour of them. CPU time, and how it grows.

`python -m benchmarks.cluster [nodes …]` prints the phases of clusters of these sizes, 10, 100 and 1000 by default. Each
runs in a process of its own, so that its peak of memory is its own.
"""

import json
import resource
import subprocess
import sys
from time import process_time
from typing import NamedTuple

from swarmlab import Cluster
from swarmlab.objects import RUNNING

from .measure import Figure, seconds

SIZES = (10, 100, 1000)
LAB = ("registry", "portainer", "elastic", "rabbitmq")


class Run(NamedTuple):
    """CPU seconds of what happens to a cluster of so many workers with ten tasks each, and its peak of memory in MB."""

    nodes: int
    join: float  # until all are nodes of one swarm
    create: float  # from `docker service create` until all tasks run
    idle: float  # an hour in which nothing happens
    heal: float  # from the loss of a twentieth of the machines until all tasks run again
    memory: float


def measured(nodes: int, managers: int = 1) -> Run:
    """Make such a cluster and let it all happen."""
    start = process_time()
    cluster = Cluster(managers=managers, workers=nodes, seed=1, messages=False)
    join = process_time() - start
    cluster.run_for(10)
    create = _cpu(lambda: (_create(cluster, 10 * nodes), _wait(cluster, 10 * nodes)))
    idle = _cpu(lambda: cluster.run_for(3600))
    heal = _cpu(lambda: (_lose(cluster, max(1, nodes // 20)), cluster.run_for(20), _wait(cluster, 10 * nodes)))
    return Run(nodes, join, create, idle, heal, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def _cpu(work) -> float:
    start = process_time()
    work()
    return process_time() - start


def _create(cluster: Cluster, tasks: int) -> None:
    result = cluster.docker(f"service create -d --name web --replicas {tasks} nginx:alpine")
    assert result.exit_code == 0, result.stderr


def _lose(cluster: Cluster, machines: int) -> None:
    for number in range(machines):
        cluster.crash(f"worker-{number + 1}")


def _wait(cluster: Cluster, tasks: int) -> None:
    while sum(task.state == RUNNING and task.desired == RUNNING for task in cluster.store.all("task")) < tasks:
        assert cluster.now < 10_000, "it never comes to rest"
        cluster.run_for(0.5)


def apart(nodes: int) -> Run:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.cluster", "--json", str(nodes)]
    return Run(*json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))


def lab() -> float:
    """CPU seconds from `stack deploy` of the demo lab's four stacks until everything runs, median of five."""
    clusters = iter([Cluster.from_file("data/clusters/demo-lab.yml") for _ in range(5)])

    def deploy() -> None:
        cluster = next(clusters)
        for name in LAB:
            result = cluster.docker(f"stack deploy --detach=true -c data/stacks/{name}.yml {name}")
            assert result.exit_code == 0, result.stderr
        assert cluster.run_until(lambda c: len(c.running) == 22, limit=300)

    return seconds(deploy, 5)


def spread(nodes: int = 100, tasks: int = 1000) -> float:
    """CPU seconds until so many tasks of a service run that is published through ingress and on an overlay network, and
    every node knows of each. The two networks need more addresses than they have by default."""
    cluster = Cluster(machines=nodes + 1, seed=1, messages=False)
    first = cluster.begun[0]
    pool = "--default-addr-pool 10.128.0.0/10 --default-addr-pool-mask-length 18"
    _say(cluster, f"swarm init --advertise-addr {first.address} {pool}", first.name)
    token = _say(cluster, "swarm join-token -q worker", first.name)
    for other in cluster.begun[1:]:
        _say(cluster, f"swarm join --token {token} {first.address}:2377", other.name)
    _say(cluster, "network create -d overlay front", first.name)
    cluster.run_for(10)
    flags = f"--replicas {tasks} -p 8080:80 --network front"
    command = f"service create -d --name web {flags} nginx:alpine"
    return _cpu(lambda: (_say(cluster, command, first.name), _wait(cluster, tasks), cluster.run_for(20)))


def _say(cluster: Cluster, command: str, node: str) -> str:
    result = cluster.docker(command, node)
    assert result.exit_code == 0, result.stderr
    return result.stdout.strip()


def figures() -> list[Figure]:
    runs = [apart(nodes) for nodes in SIZES]
    last = runs[-1]
    growth = {field: " → ".join(f"{getattr(run, field):.2f}" for run in runs) for field in Run._fields[1:]}
    sizes = " → ".join(str(run.nodes) for run in runs) + " workers: "

    def figure(name: str, field: str, unit: str, floor: float, goal: float) -> Figure:
        return Figure(name, getattr(last, field), unit, floor, goal, False, sizes + growth[field])

    return [
        figure("1 000 workers join one by one", "join", "CPU s", 30, 10),
        figure("10 000 tasks, from create to running", "create", "CPU s", 10, 5),
        figure("an idle hour of 1 000 workers", "idle", "CPU s", 20, 10),
        figure("a lost rack of 50 is healed", "heal", "CPU s", 3, 2),
        figure("peak of memory of all that", "memory", "MB", 1000, 500),
        Figure("1 000 tasks published, on an overlay of 100", spread(), "CPU s", 10, 5, False, ""),
        Figure("the demo lab's four stacks", lab(), "CPU s", 0.5, 0.3, False, ""),
    ]


def main(sizes: list[str]) -> None:
    """Print the phases of clusters of these sizes."""
    print(f"{'workers':>8} " + " ".join(f"{field:>9}" for field in Run._fields[1:]))
    for nodes in map(int, sizes or SIZES):
        run = apart(nodes)
        print(f"{nodes:8} " + " ".join(f"{value:9.2f}" for value in run[1:]), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--json"]:
        print(json.dumps(measured(int(sys.argv[2]))))
    else:
        main(sys.argv[1:])
