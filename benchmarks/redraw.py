"""Knobs of lessons are turned: each position is a new simulation. In lesson 09 four balancers, 5 000 requests each; in 10 and 11
a swarm that is copied, updated or made ill, and looked at.

The browser draws what the kernel counted in about 2 ms more; how long all of it took, from the knob to the picture, it
says itself (`data-took` of the widget, in ms).
"""

from itertools import count

from swarmlab.cluster import Cluster
from swarmlab.overlay.balancers import at_random, least_connections, round_robin, two_choices
from swarmlab.traffic.batch import simulate
from swarmlab.traffic.workload import Exponential, Poisson, Workload
from swarmlab.viz import ink
from swarmlab.viz.balancers import draw_balancers
from swarmlab.viz.probes import draw_probes
from swarmlab.viz.trafficboard import TrafficBoard
from swarmlab.viz.trafficfold import traffic
from swarmlab.viz.updates import draw_update

from .measure import Figure, seconds

REPLICAS, REQUESTS, REPEAT = 10, 5_000, 9
BALANCERS = (at_random, round_robin, two_choices, least_connections)


def run(load: float = 0.8, turned: int = 0) -> dict:
    """What the lesson's knobs ask for; `turned` only makes each position new."""
    workload = Workload(Poisson(load * REPLICAS / 0.05), Exponential(0.05))
    speeds = [1 / 3] + [1] * (REPLICAS - 1)
    runs = {way.__name__: simulate(workload, way, REPLICAS, REQUESTS, seed=turned, speeds=speeds) for way in BALANCERS}
    return {name: traffic(one, slow=[0]) for name, one in runs.items()}


def swarm(options: str, image: str) -> Cluster:
    """Three replicas on three workers, published."""
    cluster = Cluster(managers=1, workers=3, seed=11, messages=False)
    cluster.docker(f"service create -d --name web --replicas 3 --publish 8080:80 {options} {image}")
    cluster.run_for(8)
    return cluster


def update(base: Cluster) -> None:
    """Lesson 11: a copy of the swarm is updated while visitors come, for 70 s."""
    cluster = base.fork()
    cluster.traffic("http://worker-1:8080/", Workload(Poisson(20), Exponential(0.02), timeout=2), seconds=70)
    cluster.docker("service update -d --image acme/web:2 --update-delay 10s web")
    cluster.run_for(70)
    ink.png(ink.figure_of(draw_update(cluster.trace)))


def probe(turned: int) -> None:
    """Lesson 10: an application hangs, and its checks find out, in five minutes."""
    check = f"--health-cmd /ok --health-interval {5 + turned % 3}s --health-timeout 2s --health-retries 2"
    cluster = swarm(check, "acme/web:stuck")
    cluster.run_for(292)
    ink.png(ink.figure_of(draw_probes(cluster.trace, "web.1")))


def figures() -> list[Figure]:
    board, turned = TrafficBoard(run, load=(0.1, 0.9, 0.1), turned=(0, 1_000_000)), count(1)

    def turn() -> None:
        board.position = {"load": 0.8, "turned": next(turned)}

    def static() -> None:
        turn()
        ink.png(draw_balancers(board.panels))

    base, said = swarm("", "acme/web:1"), f"{len(BALANCERS)} × {REQUESTS} requests"
    return [
        Figure("lesson 09: a knob, without the drawing", seconds(turn, REPEAT) * 1e3, "ms", 60, 40, False, said),
        Figure("lesson 09: a knob, drawn by matplotlib", seconds(static, REPEAT) * 1e3, "ms", 300, 250, False, said),
        Figure(
            "lesson 11: a knob, an update of 70 s, drawn",
            seconds(lambda: update(base), REPEAT) * 1e3,
            "ms",
            300,
            250,
            False,
            "1 400 visits",
        ),
        Figure(
            "lesson 10: a knob, 5 min of checks, drawn",
            seconds(lambda: probe(next(turned)), REPEAT) * 1e3,
            "ms",
            300,
            250,
            False,
            "3 replicas",
        ),
    ]
