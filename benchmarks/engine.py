"""The engine's own figures: what an import costs, a swarm made ready, and looking back."""

import os
import subprocess
import sys
from statistics import median
from time import process_time

from swarmlab import Cluster

from .measure import Figure, seconds


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
    return [import_time(), ready(), rewind()]
