"""A knob of lesson 09 is turned: four balancers, 5 000 requests each, counted anew; and the same as a static figure.

The browser draws what the kernel counted in about 2 ms more; how long all of it took, from the knob to the picture, it
says itself (`data-took` of the widget, in ms).
"""

from itertools import count

from swarmlab.overlay.balancers import at_random, least_connections, round_robin, two_choices
from swarmlab.traffic.batch import simulate
from swarmlab.traffic.workload import Exponential, Poisson, Workload
from swarmlab.viz import ink
from swarmlab.viz.balancers import draw_balancers
from swarmlab.viz.trafficboard import TrafficBoard
from swarmlab.viz.trafficfold import traffic

from .measure import Figure, seconds

REPLICAS, REQUESTS, REPEAT = 10, 5_000, 9
BALANCERS = (at_random, round_robin, two_choices, least_connections)


def run(load: float = 0.8, turned: int = 0) -> dict:
    """What the lesson's knobs ask for; `turned` only makes each position new."""
    workload = Workload(Poisson(load * REPLICAS / 0.05), Exponential(0.05))
    speeds = [1 / 3] + [1] * (REPLICAS - 1)
    runs = {way.__name__: simulate(workload, way, REPLICAS, REQUESTS, seed=turned, speeds=speeds) for way in BALANCERS}
    return {name: traffic(one, slow=[0]) for name, one in runs.items()}


def figures() -> list[Figure]:
    board, turned = TrafficBoard(run, load=(0.1, 0.9, 0.1), turned=(0, 1_000_000)), count(1)

    def turn() -> None:
        board.position = {"load": 0.8, "turned": next(turned)}

    def static() -> None:
        turn()
        ink.png(draw_balancers(board.panels))

    said = f"{len(BALANCERS)} × {REQUESTS} requests"
    return [
        Figure("lesson 09: a knob, without the drawing", seconds(turn, REPEAT) * 1e3, "ms", 60, 40, False, said),
        Figure("lesson 09: a knob, drawn by matplotlib", seconds(static, REPEAT) * 1e3, "ms", 300, 250, False, said),
    ]
