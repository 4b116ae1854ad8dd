"""Scenes of lesson 14b: the demo lab breaks. Each break with one manager and, in a fork of the same evening, with three."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from ..check.accrual import down_bounds
from ..cluster import Cluster
from ..events import (
    BecameLeader,
    BrokerStarted,
    MachineCrashed,
    MachineStarted,
    MasterChosen,
    MemberMissed,
    MessagesRestored,
    NetworkUnplugged,
    QuorumLost,
    ServerJudged,
)
from ..traffic.workload import Poisson
from . import scenes14

SECOND = 1_000_000  # µs
READY = 60.0  # seconds until the two further managers have joined, and both evenings are as old
MORE = {"manager-2": "192.168.50.98", "manager-3": "192.168.50.99"}
QUIET = 5.0  # seconds of visits before the fault
GREETING, KIBANA, HELL = "http://{}:5000/greeting", "http://{}:5601/", "rabbitmq_rabbit_hell"
DOWN = {"noticed": down_bounds()}  # reference/swarm.md §20: three missed heartbeats of 5 ± 0.5 s
LEADER = {"decided": (9, 19)}  # §20.5; recorded: 9.5 s
SEARCH = {"noticed": (90, 91)}  # Elasticsearch 6 reference, Zen Discovery: a ping each second waits 30 s, three times
BROKERS = {"noticed": (45, 75)}  # RabbitMQ, Net Tick Time: 60 s, and a quarter less or more


# ── the evening, with one manager or with three ──────────────────────────────────────────────────────────────────────


@lru_cache(maxsize=8)
def _evening(managers: int, seed: int | None) -> Cluster:
    cluster = scenes14.evening(seed)
    if managers == 3:
        join(cluster)
    cluster.run_for(READY - cluster.now)
    return cluster


def join(cluster: Cluster) -> None:
    """Two more machines, which join as managers."""
    token = cluster.docker("swarm join-token -q manager").stdout.strip()
    for name, address in MORE.items():
        cluster.add_machine(name, address=address, cpus=1, memory=2_000_000_000)
        cluster.docker(f"swarm join --token {token} 192.168.50.100:2377", name)


def evening(managers: int = 1, seed: int | None = None) -> Cluster:
    """The lab with its four stacks, a minute old; a fork of your own each time. With three managers it is the very same
    evening: two machines more have joined, and every task is where it was."""
    if managers not in (1, 3):
        raise ValueError(f"managers={managers!r}: 1 or 3")
    return _evening(managers, seed).fork()


def visited(cluster: Cluster, rate: float, seconds: float, url: str = GREETING, door: str = "worker-1") -> None:
    """So many visits a second from now on at this machine's port; five quiet seconds go by."""
    cluster.traffic(url.format(door), Poisson(rate), seconds=seconds)
    cluster.run_for(QUIET)


# ── the breaks ───────────────────────────────────────────────────────────────────────────────────────────────────────


def worker_burns(managers: int = 1, machine: str = "worker-2", seed: int | None = None) -> Cluster:
    """A worker loses power while twenty people a second greet, at another worker."""
    cluster = evening(managers, seed)
    visited(cluster, 20, 40, door="worker-2" if machine == "worker-1" else "worker-1")
    cluster.crash(machine)
    cluster.run_for(35)
    return cluster


def search_lost(managers: int = 1, seed: int | None = None) -> Cluster:
    """Somebody looks at Kibana twice a second. Worker 2 dies, with its Elasticsearch; two minutes later worker 3, too, which
    somebody starts again after three minutes."""
    cluster = evening(managers, seed)
    visited(cluster, 2, 380, KIBANA)
    cluster.crash("worker-2")
    cluster.run_for(120)
    cluster.crash("worker-3")
    cluster.run_for(180)
    cluster.restart("worker-3")
    cluster.run_for(60)
    return cluster


def hell_cut(managers: int = 1, machine: str = "worker-2", seed: int | None = None) -> Cluster:
    """The network over which brokers agree is cut at one worker for two minutes; all other networks go on."""
    cluster = evening(managers, seed)
    visited(cluster, 10, 140)
    cluster.unplug(machine, HELL)
    cluster.run_for(120)
    cluster.plug(machine, HELL)
    cluster.run_for(30)
    return cluster


def broker_away(managers: int = 1, machines: Sequence[str] = ("worker-2",), seed: int | None = None) -> Cluster:
    """After half a minute of greetings a broker's machine dies, or several at once: it starts on another one."""
    cluster = evening(managers, seed)
    visited(cluster, 20, 65)
    cluster.run_for(25)
    for machine in machines:
        cluster.crash(machine)
    cluster.run_for(40)
    return cluster


def both_copies(managers: int = 1) -> Cluster:
    """The machine of a broker and that of its mirror die at once."""
    return broker_away(managers, ("worker-2", "worker-3"))


def manager_lost(managers: int = 1, seed: int | None = None) -> Cluster:
    """Manager 1 dies; half a minute later worker 2; a minute after that somebody starts manager 1 again."""
    cluster = evening(managers, seed)
    visited(cluster, 5, 150)
    cluster.crash("manager-1")
    cluster.run_for(30)
    cluster.crash("worker-2")
    cluster.run_for(60)
    cluster.restart("manager-1")
    cluster.run_for(60)
    return cluster


# ── their outage bars ────────────────────────────────────────────────────────────────────────────────────────────────


def first(cluster: Cluster, kind: Any, after: int, **fields: Any) -> int | None:
    """When the first such fact was noted after this instant, µs."""
    for record in cluster.trace.of(kind):
        if record.time > after and all(getattr(record.fact, name) == value for name, value in fields.items()):
            return record.time
    return None


def failed(cluster: Cluster, since: int, until: int | None = None) -> list[int]:
    """When visits were made that ended without an answer between two instants, µs."""
    ended = (row for row in cluster.trace.requests if row.status != 200 and row.ended >= since)
    return [row.arrived for row in ended if until is None or row.ended < until]


def bar(cluster: Cluster, title: str, fault: Any, **more: Any) -> dict[str, Any]:
    """A row of `draw_outage` for a fault of the trace, whose other instants were found elsewhere."""
    empty = {"noticed": None, "decided": None, "healed": None}
    lost = failed(cluster, fault.time)
    return {"title": title, "machine": fault.source, "of": "work", "fault": fault.time, "lost": lost} | empty | more


def _of_crash(cluster: Cluster, title: str, number: int, real: Any) -> dict[str, Any]:
    """What followed a crash by the rules of the swarm, and the visits that failed until the next one."""
    from ..viz.frames import outage

    crash, *later = cluster.trace.of(MachineCrashed)[number:]
    row = outage(cluster.trace, crash)
    until = next((record.time for record in later if record.time > crash.time), None)
    return row | {"title": title, "lost": failed(cluster, row["fault"], until), "real": real}


def worker_bar(cluster: Cluster, title: str) -> dict[str, Any]:
    """A worker burns: noticed by its missing heartbeats, healed when all that ran there runs elsewhere."""
    return _of_crash(cluster, title, 0, DOWN)


def search_bar(cluster: Cluster, title: str) -> dict[str, Any]:
    """The first Elasticsearch lost: noticed when its friends miss it. Nobody can give it another place."""
    crash, other = cluster.trace.of(MachineCrashed)
    noticed = first(cluster, MemberMissed, crash.time, group="elasticsearch")
    words = {"noticed": "its friends wait for it", "decided": "two go on"}
    row = bar(cluster, title, crash, noticed=noticed, waiting=words, real=SEARCH)
    return row | {"lost": failed(cluster, crash.time, other.time), "end": other.time}


def masters_bar(cluster: Cluster, title: str) -> dict[str, Any]:
    """The second one: noticed when the third has missed it, and has no master; healed when it has one again."""
    crash = cluster.trace.of(MachineCrashed)[1]
    found = {
        "noticed": first(cluster, QuorumLost, crash.time, group="elasticsearch"),
        "decided": first(cluster, MachineStarted, crash.time),
        "healed": first(cluster, MasterChosen, crash.time),
    }
    words = {"noticed": "its friend waits for it", "decided": "no master; nobody comes", "healed": "starting"}
    return bar(cluster, title, crash, waiting=words, real=SEARCH, **found)


def hell_bar(cluster: Cluster, title: str) -> dict[str, Any]:
    """Brokers cut apart: noticed when one of them pauses, decided when the balancer asks it no more, healed when it does again."""
    cut = cluster.trace.of(NetworkUnplugged)[-1]
    judged = {"farm": "messages"}
    down = first(cluster, ServerJudged, cut.time, up=False, **judged)
    words = {"noticed": "nobody misses it", "decided": "paused, still asked", "healed": "two go on"}
    return bar(
        cluster,
        title,
        cut,
        noticed=first(cluster, QuorumLost, cut.time, group="rabbitmq"),
        decided=down,
        healed=None if down is None else first(cluster, ServerJudged, down, up=True, **judged),
        waiting=words,
        real=BROKERS,
    )


def away_bar(cluster: Cluster, title: str, broker: str = "rabbit2") -> dict[str, Any]:
    """A broker away from its volume: noticed and decided by the managers, healed when it has its messages again."""
    row = _of_crash(cluster, title, 0, DOWN)
    healed = first(cluster, MessagesRestored, row["fault"], broker=broker)
    words = {"healed": "empty, then copied" if healed else "empty, for ever"}
    return row | {"lost": failed(cluster, row["fault"]), "healed": healed, "waiting": words}


def manager_bar(cluster: Cluster, title: str) -> dict[str, Any]:
    """The manager that leads is lost: healed when somebody can write again. Without another one, somebody has to come."""
    row = _of_crash(cluster, title, 0, LEADER)
    if row["noticed"] is not None:
        return row
    del row["real"]  # which is that of an election
    back = first(cluster, MachineStarted, row["fault"])
    leads = first(cluster, BecameLeader, row["fault"])
    words = {"noticed": "nobody is left to notice"}
    return {**row, "noticed": back, "decided": leads, "healed": leads, "waiting": words}


def later_bar(cluster: Cluster, title: str) -> dict[str, Any]:
    """The worker that is lost half a minute after the manager."""
    return _of_crash(cluster, title, 1, DOWN)


Bar = Callable[[Cluster, str], dict[str, Any]]
BREAKS: dict[str, tuple[Callable[[int], Cluster], Bar]] = {
    "a worker burns": (worker_burns, worker_bar),
    "one Elasticsearch lost": (search_lost, search_bar),
    "a second one lost": (search_lost, masters_bar),
    "brokers cut apart": (hell_cut, hell_bar),
    "a broker moves": (broker_away, away_bar),
    "its mirror dies, too": (both_copies, away_bar),
    "the manager is lost": (manager_lost, manager_bar),
    "… and then a worker": (manager_lost, later_bar),
}


@lru_cache(maxsize=32)
def _ran(run: Callable[[int], Cluster], managers: int) -> Cluster:
    return run(managers)  # breaks with the same run share it


def broken(name: str, managers: int = 1) -> Cluster:
    """The run of a break, kept: look at it, and fork it if you want to go on."""
    if name not in BREAKS:
        raise ValueError(f"no break is called {name!r}: choose of {', '.join(BREAKS)}")
    return _ran(BREAKS[name][0], managers)


@lru_cache(maxsize=32)
def _row(name: str, managers: int) -> dict[str, Any]:
    cluster = broken(name, managers)
    return BREAKS[name][1](cluster, name) | {"lesson": "14b"}


def row_of(name: str, managers: int = 1, title: str = "") -> dict[str, Any]:
    """The row of `draw_outage` of a break."""
    return _row(name, managers) | {"title": title or name}


def beside(*names: str) -> list[dict[str, Any]]:
    """Each break with one manager and with three: rows of `draw_outage`, two for each name."""
    words = {1: "one manager", 3: "three managers"}
    return [row_of(name, count, f"{name},\n{words[count]}") for name in names or BREAKS for count in words]


def breaks(*names: str) -> list[dict[str, Any]]:
    """Each break with one manager, as in the deck, its title in one line: rows for the page of outages."""
    return [row_of(name) for name in names or BREAKS]


def drawn(rows: Sequence[dict[str, Any]], guess: Any = None) -> tuple[Any, str]:
    """Their picture with the real engine's figures and a guess (seconds) of the first, and the same in words: for `show`."""
    from ..viz.charts import draw_outage, tell_outage

    guesses = [guess, *[None] * (len(rows) - 1)]
    return draw_outage(rows, guesses=guesses, references=[row.get("real") for row in rows]), tell_outage(rows)


# ── lines, and messages ──────────────────────────────────────────────────────────────────────────────────────────────


def readable(cluster: Cluster, service: str, machine: str) -> tuple[int, int]:
    """How many lines of a service, printed on this machine, `docker service logs` finds, and how many Elasticsearch holds."""
    lines = cluster.docker(f"service logs {service}").stdout.splitlines()
    here = sum(f"@{machine} " in line.partition("|")[0] for line in lines)
    return here, sum((line.service, line.node) == (service, machine) for line in cluster.logs())


PRINTED = ("rabbitmq_python-client", "rabbitmq_rabbit2", "elastic_elasticsearch")  # of them each has a task on worker-2


@lru_cache(maxsize=4)
def lines_left(machine: str = "worker-2") -> Any:
    """After twenty seconds of greetings a worker burns: which of its lines can still be read? A pandas table."""
    import pandas as pd

    cluster = evening()
    visited(cluster, 20, 60)
    cluster.run_for(15)
    rows = {name: [_driver(cluster, name), readable(cluster, name, machine)[0]] for name in PRINTED}
    cluster.crash(machine)
    cluster.run_for(40)
    for name in PRINTED:
        rows[name] += readable(cluster, name, machine)
    columns = ["logging driver", "lines printed", "docker service logs", "in Elasticsearch"]
    return pd.DataFrame(rows.values(), index=pd.Index(rows, name=f"on {machine}, which is gone"), columns=columns)


def _driver(cluster: Cluster, service: str) -> str:
    spec = next(each.spec for each in cluster.services if each.spec.name == service)
    return spec.task.log_driver.name if spec.task.log_driver else "json-file"


def kept(cluster: Cluster) -> Any:
    """What brokers keep: where each runs and since when, with what it began there, what it has, how much was copied, and
    what is lost. A pandas table."""
    import pandas as pd

    since = {record.fact.broker: f"{record.time / SECOND:.0f} s" for record in cluster.trace.of(BrokerStarted)}
    rows = [
        [one.node, since[one.broker], one.began, one.messages, f"{one.copied} on {one.mirror}", one.lost]
        for one in cluster.messages()
    ]
    names = pd.Index([one.broker for one in cluster.messages()], name="broker")
    return pd.DataFrame(rows, index=names, columns=["runs on", "since", "began with", "has", "copied", "lost"])


# ── knobs ────────────────────────────────────────────────────────────────────────────────────────────────────────────

NOBODY = "nobody"
WORKERS = ("worker-1", "worker-2", "worker-3")


def knobs(first: str = "manager-1", then: str = "worker-2", seconds_between: int = 20, managers: int = 1) -> Any:
    """Which machine dies, which one later (or nobody), and how long until then; visitors ask at one that lives."""
    door = next(worker for worker in WORKERS if worker not in (first, then))
    cluster = evening(managers)
    visited(cluster, 10, 130, door=door)
    cluster.crash(first)
    cluster.run_for(seconds_between)
    if then not in (NOBODY, first):
        cluster.crash(then)
    cluster.run_for(120 - seconds_between)
    end = {"end": round(cluster.now * SECOND)}
    rows = [_of_crash(cluster, each.source, n, None) | end for n, each in enumerate(cluster.trace.of(MachineCrashed))]
    picture, words = drawn(rows)
    asked = cluster.trace.requests
    return picture, f"{sum(row.status == 200 for row in asked)} of {len(asked)} greetings answered. {words}"
