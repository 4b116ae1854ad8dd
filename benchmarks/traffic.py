"""Ten replicas under a load of 0.8, exponential arrivals and work, in turn: requests per CPU second, draws included.

Outside a cluster there are two ways to the same run: straight through, where each end is known as soon as the request
comes, as here; and a queue of events, where replicas may fail or leave and clients retry. Both are measured.

The peers model the same system as their own manuals do: SimPy with a process per request and a resource per replica,
Ciw with a dispatcher that takes no time and a cycle. All in one run, medians of five.
"""

import random
from statistics import median
from time import process_time

import ciw
import simpy

from swarmlab import Cluster
from swarmlab.overlay.balancers import round_robin
from swarmlab.traffic.measures import error_rate
from swarmlab.traffic.queueing import Server, Simulation, replicas_of, simulate
from swarmlab.traffic.workload import Exponential, Poisson, Workload

from .measure import Figure

REPLICAS, LOAD = 10, 0.8
WORKLOAD = Workload(Poisson(REPLICAS * LOAD), Exponential(1.0))


def alone(requests: int = 100_000) -> float:
    """Requests per CPU second of the event form, without a cluster."""
    start = process_time()
    run = simulate(WORKLOAD, REPLICAS, number=requests, seed=1)
    assert len(run.arrived) == requests
    return requests / (process_time() - start)


def general(requests: int = 30_000) -> float:
    """The same run by the queue of events."""
    servers = [Server(place, one) for place, one in enumerate(replicas_of(REPLICAS))]
    start = process_time()
    run = Simulation(WORKLOAD, servers, round_robin, number=requests, seed=1).run()
    assert len(run.arrived) == requests
    return requests / (process_time() - start)


def inside(requests: int = 20_000) -> float:
    """The same through the published port of a node, its tables, tunnels and the trace, in a cluster of five machines."""
    cluster = Cluster(managers=1, workers=4, seed=1, messages=False)
    service = f"--name web --replicas {REPLICAS} -p 8080:80 --env WEB_CONCURRENCY=1 nginx:alpine"
    assert cluster.docker(f"service create -d {service}").exit_code == 0
    assert cluster.run_until(lambda c: len(c.running) == REPLICAS)
    cluster.run_for(5)
    asked = WORKLOAD._replace(arrivals=Poisson(REPLICAS * LOAD * 100), service=Exponential(0.01))
    start = process_time()
    cluster.traffic("http://worker-1:8080/", asked, number=requests)
    cluster.run_for(requests / (REPLICAS * LOAD * 100) + 10)
    took = process_time() - start
    run = cluster.requests()
    assert len(run.arrived) == requests and error_rate(run) < 0.001
    return requests / took


def with_simpy(requests: int = 30_000) -> float:
    """SimPy: one process per request."""
    env, dice = simpy.Environment(), random.Random(1)
    servers = [simpy.Resource(env) for _ in range(REPLICAS)]
    latencies = []

    def request(server):
        start = env.now
        with server.request() as turn:
            yield turn
            yield env.timeout(dice.expovariate(1.0))
        latencies.append(env.now - start)

    def source():
        for number in range(requests):
            yield env.timeout(dice.expovariate(REPLICAS * LOAD))
            env.process(request(servers[number % REPLICAS]))

    start = process_time()
    env.process(source())
    env.run()
    assert len(latencies) == requests
    return requests / (process_time() - start)


def with_ciw(requests: int = 6_000) -> float:
    """Ciw: a dispatcher, then a node for each replica."""
    nodes = list(range(2, REPLICAS + 2))
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(rate=REPLICAS * LOAD), *[None] * REPLICAS],
        service_distributions=[ciw.dists.Deterministic(0), *[ciw.dists.Exponential(rate=1.0)] * REPLICAS],
        number_of_servers=[float("inf"), *[1] * REPLICAS],
        routing=ciw.routing.NetworkRouting(
            routers=[ciw.routing.Cycle(cycle=nodes), *[ciw.routing.Leave() for _ in nodes]]
        ),
    )
    ciw.seed(1)
    simulation = ciw.Simulation(network)
    start = process_time()
    simulation.simulate_until_max_customers(requests, method="Finish")
    return requests / (process_time() - start)


def figures() -> list[Figure]:
    """Ratios of medians."""
    runs = [(alone(), general(), inside(), with_simpy(), with_ciw()) for _ in range(5)]
    here, events, mesh, theirs, ciws = (median(column) for column in zip(*runs, strict=True))
    said = f"{here:,.0f} requests/s; SimPy {theirs:,.0f}, Ciw {ciws:,.0f}"
    return [
        Figure("requests event by event against SimPy", here / theirs, "×", 3, 5, True, said),
        Figure("requests event by event against Ciw", here / ciws, "×", 15, 25, True, said),
        Figure(
            "the same by a queue of events against SimPy",
            events / theirs,
            "×",
            1,
            1.3,
            True,
            f"{events:,.0f} requests/s",
        ),
        Figure("requests through a cluster against SimPy", mesh / theirs, "×", 0.7, 1, True, f"{mesh:,.0f} requests/s"),
    ]


if __name__ == "__main__":
    for figure in figures():
        print(f"{figure.name:44} {figure.value:8.2f} {figure.unit}  {figure.verdict:6} {figure.peer}")
