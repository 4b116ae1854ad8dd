"""The hold model: a thousand pending events, each schedules one more at a random distance. Ours has causes,
cancellation and named streams; the peer is SimPy's fastest style, a bare time-out with a callback."""

from statistics import median
from time import process_time

import simpy
from simpy.events import Timeout

from swarmlab.sim.kernel import Kernel

from .measure import Figure

PENDING, EVENTS = 1_000, 300_000


class Hold:
    def __init__(self):
        self.kernel = Kernel(1)
        self.bits = self.kernel.stream("hold").getrandbits
        for number in range(PENDING):
            self.kernel.at(self.bits(20), self.go, number)

    def go(self, number):
        self.kernel.after(self.bits(20), self.go, number)


def ours() -> float:
    """Events per CPU second."""
    kernel = Hold().kernel
    before, start = kernel.scheduled, process_time()
    kernel.run(EVENTS // PENDING * 2**19)
    return (kernel.scheduled - before) / (process_time() - start)


def simpy_callbacks() -> float:
    """Events per CPU second of SimPy without generators."""
    env, random = simpy.Environment(), Kernel(1).stream("hold").random

    def go(event):
        Timeout(env, random()).callbacks.append(go)

    return _run_simpy(env, lambda: go(None))


def simpy_processes() -> float:
    """Events per CPU second of SimPy's usual style."""
    env, random = simpy.Environment(), Kernel(1).stream("hold").random

    def process():
        timeout = env.timeout
        while True:
            yield timeout(random())

    return _run_simpy(env, lambda: env.process(process()))


def _run_simpy(env, start_one) -> float:
    for _ in range(PENDING):
        start_one()
    before, start = next(env._eid), process_time()
    env.run(until=EVENTS / PENDING / 2)
    return (next(env._eid) - before) / (process_time() - start)


def figures() -> list[Figure]:
    runs = [(ours(), simpy_callbacks(), simpy_processes()) for _ in range(5)]
    us, callbacks, processes = (median(column) for column in zip(*runs, strict=True))
    ratio = us / max(callbacks, processes)
    peer = f"{us:,.0f} events/s; SimPy callbacks {callbacks:,.0f}, processes {processes:,.0f}"
    return [Figure("kernel against SimPy, hold model", ratio, "×", 1.0, 1.3, True, peer)]
