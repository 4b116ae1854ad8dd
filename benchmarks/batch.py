"""Whole runs at once, beside SimPy: ten replicas under a load of 0.8; and rumours among ten thousand nodes.

What is drawn is part of the time, here and there. Two choices are followed in a thousand runs together, and in one long
run, where nothing can be done together.
"""

import random
from statistics import median
from time import process_time

import simpy

from swarmlab.overlay.balancers import round_robin, two_choices
from swarmlab.traffic.batch import simulate
from swarmlab.traffic.rumours import spread
from swarmlab.traffic.workload import Exponential, Poisson, Workload

from .measure import Figure, seconds

REPLICAS, LOAD, REPEAT = 10, 0.8, 5
WORKLOAD = Workload(Poisson(REPLICAS * LOAD), Exponential(1.0))


def per_request(balancer, requests: int, runs: int) -> float:
    """CPU seconds for one request of the batch form."""
    start = process_time()
    simulate(WORKLOAD, balancer, REPLICAS, requests, runs)
    return (process_time() - start) / requests / runs


def in_turn(_, number: int) -> int:
    """Round robin for SimPy."""
    return number % REPLICAS


def of_two(servers: list, _: int) -> int:
    """Two choices for SimPy: queues are counted with what is in work."""
    first, step = random.randrange(REPLICAS), random.randrange(1, REPLICAS)
    one, other = first, (first + step) % REPLICAS
    lengths = [servers[place].count + len(servers[place].queue) for place in (one, other)]
    return one if lengths[0] <= lengths[1] else other


def with_simpy(choose, requests: int = 20_000) -> float:
    """CPU seconds for one request: a process each, a resource per replica."""
    env = simpy.Environment()
    servers = [simpy.Resource(env) for _ in range(REPLICAS)]
    latencies = []

    def request(server):
        start = env.now
        with server.request() as turn:
            yield turn
            yield env.timeout(random.expovariate(1.0))
        latencies.append(env.now - start)

    def source():
        for number in range(requests):
            yield env.timeout(random.expovariate(REPLICAS * LOAD))
            env.process(request(servers[choose(servers, number)]))

    random.seed(1)
    start = process_time()
    env.process(source())
    env.run()
    assert len(latencies) == requests
    return (process_time() - start) / requests


def against(name: str, balancer, choose, requests: int, runs: int, floor: float, goal: float) -> Figure:
    """Ratio of medians, measured by turns."""
    pairs = [(with_simpy(choose), per_request(balancer, requests, runs)) for _ in range(REPEAT)]
    theirs, ours = (median(column) for column in zip(*pairs, strict=True))
    said = f"{ours * 1e9:.0f} ns a request; SimPy {theirs * 1e6:.1f} µs"
    return Figure(name, theirs / ours, "× SimPy", floor, goal, True, said)


def rumours(nodes: int, said: str, floor: float, goal: float, **settings) -> Figure:
    """One piece of news, until the last node has heard it."""
    number = iter(range(1_000))
    took = seconds(lambda: spread(nodes, seed=next(number), **settings), 4 * REPEAT)
    return Figure(f"a rumour to {nodes} nodes{said}", took * 1e3, "ms", floor, goal, False, "")


def figures() -> list[Figure]:
    return [
        against("round robin, a million requests", round_robin, in_turn, 1_000_000, 1, 150, 200),
        against("round robin, 500 runs", round_robin, in_turn, 2_000, 500, 150, 200),
        against("two choices, 1000 runs", two_choices, of_two, 1_000, 1_000, 60, 80),
        against("two choices, one long run", two_choices, of_two, 200_000, 1, 8, 12),
        rumours(10_000, ", in step", 6, 3),
        rumours(10_000, ", clocks out of step", 40, 25, lockstep=False),
    ]
