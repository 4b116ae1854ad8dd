"""The engine's own figures: five idle managers, a swarm made ready, and looking back."""

import os
import subprocess
import sys
from statistics import median
from time import process_time

import simpy
from simpy.events import Timeout

from swarmlab import Cluster
from swarmlab.group import RaftGroup
from swarmlab.raft.core import Settings

from .measure import Figure, seconds

IDLE = Settings(tick=1_000, election_low=150, election_high=300, heartbeat=75)


def raft_idle() -> Figure:
    """Simulated seconds per CPU second of five idle members, facts and digest on."""
    lasts = 100
    speeds, ratios, messages = [], [], 0
    for _ in range(5):
        group = RaftGroup(5, IDLE, seed=1, messages=False)
        group.run_for(2)
        before, start = group.kernel.scheduled, process_time()
        group.run_for(lasts)
        group.trace.digest()
        took = process_time() - start
        messages = group.kernel.scheduled - before
        speeds.append(lasts / took)
        ratios.append(bare_timeouts(messages) / took)
    peer = f"{median(ratios):.2f} of SimPy firing as many bare time-outs ({messages / lasts:.0f} per simulated second)"
    return Figure("five idle Raft nodes", median(speeds), "sim s / CPU s", 1_000, 2_500, True, peer)


def bare_timeouts(number: int) -> float:
    """CPU seconds that SimPy takes for so many events that do nothing."""
    env, left = simpy.Environment(), [number]

    def go(event):
        if left[0] > 0:
            left[0] -= 1
            Timeout(env, 1.0).callbacks.append(go)

    for _ in range(8):
        go(None)
    start = process_time()
    env.run()
    return process_time() - start


def import_time() -> Figure:
    """What `import swarmlab` adds to a bare interpreter, ms of CPU time."""

    def cpu(statement: str) -> float:
        code = f"import time; start = time.process_time(); {statement}; print(time.process_time() - start)"
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
        return float(run.stdout)

    cpu("import swarmlab")  # compiled once, as after any installation
    ours = median(cpu("import swarmlab") for _ in range(9)) * 1000
    peer = median(cpu("import simpy") for _ in range(9)) * 1000
    return Figure("import swarmlab", ours, "ms", 100, 60, False, f"import simpy: {peer:.0f} ms")


def ready() -> Figure:
    """CPU seconds until `Cluster(managers=3, workers=4)` is a swarm."""
    Cluster(managers=3, workers=4, seed=1)
    took = seconds(lambda: Cluster(managers=3, workers=4, seed=1), 7)
    return Figure("Cluster(managers=3, workers=4) ready", took, "CPU s", 0.2, 0.1, False, "")


def rewind() -> Figure:
    """Milliseconds of `at(t)` in a ten-minute run of that cluster, worst of some instants."""
    cluster = Cluster(managers=3, workers=4, seed=1)
    start = process_time()
    cluster.run_for(600 - cluster.now)
    run = process_time() - start
    instants = [5.0, 60.0, 123.456, 250.0, 333.3, 480.0, 599.9]
    worst = max(seconds(lambda t=t: cluster.at(t), 3) for t in instants) * 1000
    return Figure("at(t) in a ten-minute run", worst, "ms", 100, 50, False, f"the run itself took {run * 1000:.0f} ms")


def figures() -> list[Figure]:
    return [raft_idle(), import_time(), ready(), rewind()]
