"""Request → balancer → queue of a replica → answer, event by event: no cluster, no network, only the queues.

    run = simulate(Workload(Poisson(80), Exponential(0.1)), replicas=10, balancer=two_choices, seconds=600, seed=1)
    percentiles(run)

The balancer is asked once per connection; all requests of a connection go to the task that it chose, as with IPVS. Of
what happens at the same µs, ends come first, then what clients give up, then changes, then new requests. The same run
as a whole, in arrays, is `swarmlab.traffic.batch`; the same inside a cluster is `Cluster.traffic`.
"""

from collections.abc import Iterable, Sequence
from heapq import heappop, heappush, heapreplace
from math import ceil
from typing import Any

from ..effects import NEVER, SECOND
from ..overlay.balancers import Balancer, Request, round_robin
from .drawing import Requests, check_requests, dice_for, drawn, works
from .measures import OK, TIMED_OUT, Run
from .replicas import Add, Change, Fail, Leave, Pace, Replica, Server, nonsense, plan_of, replicas_of
from .simulation import Simulation
from .workload import Closed, Workload, checked, request

__all__ = [
    "Add", "Change", "Fail", "Leave", "Pace", "Replica", "Requests", "Server", "Simulation", "dice_for", "drawn",
    "replicas_of", "simulate", "straight", "works",
]  # fmt: skip


def simulate(
    load: Workload | Requests,
    replicas: int | Sequence[Replica] = 10,
    balancer: Balancer = round_robin,
    *,
    seconds: float | None = None,
    number: int | None = None,
    seed: int | str = 0,
    changes: Iterable[Change] = (),
) -> Run:
    """Let so many requests (connections, if they are long) come, or for so many seconds, until all are over. The same
    seed gives the same arrivals and the same work, whatever the balancer and the replicas are."""
    made = replicas_of(replicas)
    plan = plan_of(made, changes)
    _check_length(load, seconds, number)
    if not callable(balancer):
        raise ValueError(f"{balancer!r} is no balancer: a plain function, such as round_robin")
    if any(isinstance(one, Fail) and one.silent for one in plan) and not (isinstance(load, Workload) and load.timeout):
        raise ValueError("who waits for a silent one waits for ever: give the workload a timeout")
    servers = [Server(place, one) for place, one in enumerate(made)]
    simple = not plan and not any(one.sharing or one.room < NEVER for one in made)
    if simple and isinstance(load, Requests):
        return straight(load, servers, balancer)
    if simple and isinstance(load, Workload) and _is_simple(load):
        return straight(drawn(load, seconds, number, seed), servers, balancer, load)
    return Simulation(load, servers, balancer, plan, seconds, number, seed).run()


def _check_length(load: Workload | Requests, seconds: float | None, number: int | None) -> None:
    if isinstance(load, Requests):
        check_requests(load)
        if len(load.arrived) != len(load.work):
            raise ValueError("requests need as many instants as works, and instants in order")
        return
    if not isinstance(load, Workload):
        raise ValueError(f"{load!r} is no workload, such as Workload(Poisson(80), Exponential(0.1))")
    checked(load)
    if seconds is None and (number is None or isinstance(load.arrivals, Closed)):
        raise ValueError("say for how long: seconds=600")
    if seconds is not None and (
        isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < 1e9
    ):
        raise ValueError(f"seconds={seconds!r}: a number above 0")
    if number is not None and (type(number) is not int or number < 1):
        raise ValueError(f"number={number!r}: a whole number from 1 on")


def _is_simple(load: Workload) -> bool:
    """Whether all requests can be drawn before any is answered, and each is its own connection."""
    return not isinstance(load.arrivals, Closed) and load.per_connection == 1 and not load.retries


# ── where nothing goes wrong ─────────────────────────────────────────────────────────────────────────────────────


def straight(given: Requests, servers: list[Server], balancer: Balancer, load: Workload | None = None) -> Run:
    """Each request is a connection of its own, each worker takes what comes first, and nothing changes: then the end of a
    request is known as soon as it comes. The same as `Simulation`, only faster."""
    patience = round(load.timeout * SECOND) if load and load.timeout else NEVER
    several, in_turn = load is not None and load.clients > 0, balancer is round_robin
    able: Any = [server for server in servers if server.weight]
    if not able:
        raise ValueError("no destination available: no replica has a weight above 0")
    arrived, works_ = given.arrived, given.work
    started: list[int] = []
    done: list[int] = []
    task: list[int] = []
    ending: list[tuple[int, int, Server]] = []  # a heap: (when it is over for the client, request, its server)
    for number, now in enumerate(arrived):
        while ending and ending[0][0] <= now:
            end, over, server = heappop(ending)
            server.active -= 1
            if done[over] == end:
                latency = server.latency  # as in `hear`
                server.latency = (
                    latency + (end - arrived[over] - latency) / 8 if latency else float(end - arrived[over])
                )
        if in_turn:
            server = able[number % len(able)]  # what `round_robin` says
        else:
            asked = request(load, number) if several and load else Request(number)
            server = balancer(able, asked, number)  # type: ignore[assignment]
        try:
            free = server.free
        except AttributeError:
            raise ValueError(nonsense(balancer, server)) from None
        start = free[0] if free[0] > now else now
        work = works_[number]
        end = start + (work if server.speed == 1 else ceil(work / server.speed))
        heapreplace(free, end)
        server.active += 1
        heappush(ending, (end if end - now <= patience else now + patience, number, server))
        started.append(start)
        done.append(end)
        task.append(server.place)
    names = tuple(server.task for server in servers)
    if patience == NEVER:
        return Run(arrived, started, done, task, [OK] * len(done), names, done)
    ended = [min(end, came + patience) for end, came in zip(done, arrived, strict=True)]
    status = [OK if end == over else TIMED_OUT for end, over in zip(done, ended, strict=True)]
    return Run(arrived, started, ended, task, status, names, done)
