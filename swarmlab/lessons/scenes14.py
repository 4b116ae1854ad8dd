"""Scenes of lesson 14: the demo lab of the deck, deployed, asked, watched, loaded, scaled."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from ..cluster import Cluster
from ..events import RequestSent
from ..traffic.workload import Closed, Poisson

LAB, STACKS = "data/clusters/demo-lab.yml", ("registry", "portainer", "elastic", "rabbitmq")
DOOR = "http://worker-1:5000/greeting"
CLIENT, BALANCER = "rabbitmq_python-client", "rabbitmq_rabbit"
BROKERS = ("rabbitmq_rabbit1", "rabbitmq_rabbit2", "rabbitmq_rabbit3")
READY = 40.0  # seconds until everything runs, and the first measurements are there
EAGER = 40  # visitors who ask again as soon as they have an answer


def root() -> Path:
    """Where `data` is: here, or in the folder above, as for a notebook."""
    return next((place for place in (Path(), Path("..")) if (place / LAB).exists()), Path(__file__).parents[2])


def lab(seed: int | None = None) -> Cluster:
    """One manager and three workers, and nothing on them."""
    return Cluster.from_file(LAB) if seed is None else Cluster.from_file(LAB, seed=seed)


def deploy(cluster: Cluster, *stacks: str) -> None:
    """`docker stack deploy` for the four stacks of the lab, or for these."""
    for stack in stacks or STACKS:
        said = cluster.docker(f"stack deploy --detach=true -c {root() / 'data/stacks' / stack}.yml {stack}")
        if said.exit_code:
            raise ValueError(said.stderr.strip())


def climb(cluster: Cluster, seconds: int = 25, step: int = 5) -> Any:
    """The column REPLICAS of `docker service ls`, again and again, side by side: a pandas table."""
    import pandas as pd

    columns = {}
    for second in range(0, seconds + 1, step):
        cluster.run_for(step if second else 0)
        lines = cluster.docker("service ls --format '{{.Name}} {{.Replicas}}'").stdout.splitlines()
        columns[f"{second} s"] = dict(line.split()[:2] for line in lines)
    return pd.DataFrame(columns).rename_axis("REPLICAS after")


@lru_cache(maxsize=4)
def _evening(seed: int | None) -> Cluster:
    cluster = lab(seed)
    deploy(cluster)
    cluster.run_for(READY)
    return cluster


def evening(seed: int | None = None) -> Cluster:
    """The lab with its four stacks, all of them up for some time; one of your own each time."""
    return _evening(seed).fork()


# ── one greeting ─────────────────────────────────────────────────────────────────────────────────────────────────


def greet(cluster: Cluster, machine: str = "worker-1") -> int:
    """One greeting asked at this machine's port 5000; its number, for `draw_way`."""
    cluster.request(f"http://{machine}:5000/greeting?message=Hello")
    return cluster.trace.of(RequestSent)[-1].fact.request


def hops(cluster: Cluster, machine: str = "worker-1") -> list[str]:
    """What one greeting passes, a line each."""
    answer = cluster.request(f"http://{machine}:5000/greeting?message=Hello")
    return [f"{where:9} {what}: {which}" for what, where, which in answer.hops]


# ── many greetings ───────────────────────────────────────────────────────────────────────────────────────────────


def scale(cluster: Cluster, service: str, replicas: int, wait: float = 20) -> None:
    """`docker service scale`, and time until the new tasks are in use."""
    cluster.docker(f"service scale --detach {service}={replicas}")
    cluster.run_for(wait)


def greeted(cluster: Cluster, rate: float, seconds: float = 30) -> str:
    """So many greetings a second, for so long; the name of the load."""
    load = cluster.traffic(DOOR, Poisson(rate), seconds=seconds)
    cluster.run_for(seconds)
    return load


def eager(cluster: Cluster, seconds: float = 20) -> float:
    """How many greetings a second are answered when forty visitors ask again as soon as they have an answer."""
    load = cluster.traffic(DOOR, Closed(EAGER, think=0.001), seconds=seconds)
    cluster.run_for(seconds)
    return sum(row.status == 200 for row in cluster.trace.requests if row.load == load) / seconds


def rows(cluster: Cluster, load: str = "") -> list[Any]:
    """What visitors asked, and what tasks asked each other for their sake."""
    return [row for row in (*cluster.trace.requests, *cluster.trace.calls) if load in ("", row.load)]


def p99(cluster: Cluster, load: str) -> float:
    """Of a load: how long 99 of 100 visitors waited at the most, in ms; who got no answer waited for ever."""
    from ..traffic.measures import percentile

    asked = [row for row in cluster.trace.requests if row.load == load]
    return percentile([(row.ended - row.arrived) / 1000 if row.status == 200 else float("inf") for row in asked], 0.99)


def lost(cluster: Cluster) -> str:
    """`13 of 1206`: greetings that were not answered."""
    asked = cluster.trace.requests
    return f"{sum(row.status != 200 for row in asked)} of {len(asked)}"


def burn(rate: float = 20, seconds: float = 60, machine: str = "worker-2") -> Cluster:
    """The lab under load; after five seconds a worker loses power. Visitors ask at another one."""
    cluster = evening()
    cluster.traffic(DOOR, Poisson(rate), seconds=seconds)
    cluster.run_for(5)
    cluster.crash(machine)
    cluster.run_for(seconds - 5)
    return cluster


def outage_of(cluster: Cluster, title: str) -> dict[str, Any]:
    """The outage of the lost worker as a row of `draw_outage`."""
    from ..events import MachineCrashed
    from ..viz.frames import outage

    row = outage(cluster.trace, cluster.trace.of(MachineCrashed)[-1])
    lost_at = [each.arrived for each in cluster.trace.requests if each.status != 200 and each.arrived >= row["fault"]]
    return row | {"title": title, "lost": lost_at}


# ── knobs ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def log_view(cluster: Cluster) -> Any:
    """A function for `Explore`: the lines that Elasticsearch holds, by service, node and text."""
    lines = cluster.logs()

    def lines_of(service: str = "", node: str = "", contains: str = "") -> Any:
        from ..viz.loglist import chosen, draw_lines, tell_lines

        found = chosen(lines, service, node, contains)
        words = {"service": service, "node": node, "text": contains}
        return draw_lines(found, start=lines[0].time, end=cluster.now), tell_lines(found, words)

    return lines_of


def focus_view(cluster: Cluster, bands: Any = ()) -> Any:
    """A function for `Explore`: the dashboards by node, or with one service in focus."""

    def dashboard(focus: str = CLIENT, by: str = "service") -> Any:
        from ..viz.dashboard import draw_dashboard, tell_dashboard

        measured, asked = cluster.measured(), rows(cluster)
        return draw_dashboard(measured, asked, by, [focus], bands), tell_dashboard(measured, asked, by)

    return dashboard


def load_knobs(visits: int = 100, clients: int = 1, balancers: int = 1) -> Any:
    """Where requests wait when so many a second come to so many clients and balancers."""
    from ..viz.greeting import draw_waits, tell_waits

    cluster = evening()
    cluster.docker(f"service scale --detach {BALANCER}={balancers}")
    scale(cluster, CLIENT, clients)
    load = greeted(cluster, visits, 15)
    asked = [row for row in cluster.trace.requests if row.load == load]
    found = {f"{visits} a second": rows(cluster)}
    words = f"{sum(row.status == 200 for row in asked)} of {len(asked)} answered, p99 {p99(cluster, load):.0f} ms."
    return draw_waits(found), f"{words} {tell_waits(found)}"


def scaled_out_and_in() -> Cluster:
    """100 greetings a second to one client, 200 to three, and 60 to one again."""
    cluster = evening()
    greeted(cluster, 100, 30)
    scale(cluster, CLIENT, 3, 0)
    greeted(cluster, 200, 40)
    scale(cluster, CLIENT, 1, 0)
    greeted(cluster, 60, 40)
    return cluster
