"""A rolling update of a hundred replicas with health checks while a hundred thousand visitors come, and restart storms.

`python -m benchmarks.updates` prints the figures; `python -m benchmarks.updates profile` where the time goes.
"""

import sys
from statistics import median
from time import process_time

from swarmlab import Cluster
from swarmlab.traffic.measures import error_rate
from swarmlab.traffic.workload import Poisson

from .measure import Figure

REPLICAS, REQUESTS, SECONDS = 100, 100_000, 130
HEALTH = "--health-cmd /healthy --health-interval 5s --health-timeout 1s"
ROLLING = "--update-parallelism 10 --update-delay 5s"


def service(flags: str, image: str) -> Cluster:
    """Such a service at rest, published, on one manager and ten workers."""
    cluster = Cluster(managers=1, workers=10, seed=1, messages=False)
    cluster.docker("network create -d overlay front")
    result = cluster.docker(f"service create -d --name web --replicas {REPLICAS} -p 8080:80 {flags} {image}")
    assert result.exit_code == 0, result.stderr
    cluster.run_for(20)
    return cluster


def update(requests: int = REQUESTS, network: str = "") -> float:
    """CPU seconds of the update and of all that is asked meanwhile."""
    cluster = service(f"{HEALTH} {ROLLING} {network}", "nginx:1.25")
    start = process_time()
    if requests:
        cluster.traffic("http://worker-1:8080/", Poisson(requests / SECONDS), via=True, number=requests)
    cluster.docker("service update -d --image nginx:1.26 web")
    cluster.run_for(SECONDS + 10)
    took = process_time() - start
    status, run = cluster.services[0].update_status, cluster.requests()
    assert status[0] == "completed" and status[3] - status[2] > 100e6, status
    assert not requests or (len(run.arrived) == requests and error_rate(run) == 0)
    return took


def storm(flags: str, image: str, span: float = 60) -> float:
    """CPU seconds in which all tasks of a service fail again and again."""
    cluster = service(f"--restart-delay 1s {flags}", image)
    start = process_time()
    cluster.run_for(span)
    return process_time() - start


def planned() -> float:
    """CPU seconds of a plan of the same update: its twin carries all of it out."""
    cluster = service(f"{HEALTH} {ROLLING}", "nginx:1.25")
    start = process_time()
    assert cluster.plan("service update --image nginx:1.26 web").update.ends == "completed"
    return process_time() - start


SICK = "--health-cmd 'exit 1' --health-interval 1s --stop-grace-period 1s"


def figures() -> list[Figure]:
    """CPU seconds, medians of three."""
    alone = median(update(0) for _ in range(3))
    rows = (
        (f"{REPLICAS} replicas updated under 10⁵ requests", update, 3, 2.5, f"{alone:.2f} of it without visitors"),
        ("the same, on an overlay network as well", lambda: update(network="--network front"), 3, 2.5, ""),
        ("a plan of that update", planned, 1.5, 1, ""),
        ("100 tasks crash every 3 s, for a minute", lambda: storm("", "alpine crash 3 1"), 3, 1.5, ""),
        ("100 tasks that are never well, a minute", lambda: storm(SICK, "nginx"), 3, 1.5, ""),
    )
    return [
        Figure(name, median(work() for _ in range(3)), "CPU s", floor, goal, False, peer)
        for name, work, floor, goal, peer in rows
    ]


def main(arguments: list[str]) -> None:
    if arguments == ["profile"]:
        import cProfile

        cProfile.run("update()", sort="tottime")
        return
    for figure in figures():
        print(f"{figure.name:44} {figure.value:8.2f} {figure.unit}  {figure.verdict:6} {figure.peer}")


if __name__ == "__main__":
    main(sys.argv[1:])
