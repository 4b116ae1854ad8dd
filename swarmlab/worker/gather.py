"""`docker logs` and `docker service logs`: the lines of containers here, and of tasks on other nodes.

Lines stay where they were printed. For a service, the manager that was asked fetches them from the nodes of its
tasks; what a node that is down has kept cannot be had. Source: moby daemon/cluster/services.go (ServiceLogs), swarmkit
manager/logbroker. SwarmKit's leader asks through the sessions of the agents; here the engines talk to each other.
"""

# Simpler than in reality (docs/simplifications.md): service-logs

from collections.abc import Callable
from typing import Any, NamedTuple

from ..effects import NEVER, SECOND, Send, Tell
from ..messages import (
    Call,
    FetchedLogs,
    FetchLogs,
    ListContainers,
    ListObjects,
    LogAnswer,
    LogLine,
    Logs,
    Reply,
)
from ..objects import ApiError, Node, Task
from . import logs, plain

PATIENCE = 5 * SECOND  # for a node that should answer


class Relayed(NamedTuple):
    """Another engine wants lines from here."""

    sender: str
    fetch: FetchLogs


class Gathering(NamedTuple):
    """One request for lines, and what has come of it."""

    call: Call
    stage: str  # containers · tasks · nodes · lines: whose list is awaited
    lines: tuple[LogLine, ...] = ()
    missing: tuple[str, ...] = ()
    tasks: tuple[Task, ...] = ()
    waits: tuple[tuple[str, str], ...] = ()  # (machine, node id) of those who have not answered
    ends: int = NEVER


class LogRequests:
    """All that people of this machine wait for. `ask(core, call, request)` puts a question to another core."""

    def __init__(self, machine: str, ask: Callable[[str, Call, Any], list]):
        self.machine, self.ask = machine, ask
        self.open: dict[int, Gathering] = {}  # by the number of the call

    @property
    def deadline(self) -> int:
        return min((one.ends for one in self.open.values()), default=NEVER)

    def begin(self, call: Call) -> list:
        if call.request.kind == "gone":
            self.open[call.id] = job = Gathering(call, "lines", waits=((self.machine, ""),))
            return self.ask("executor", call, self._fetch(job, [call.request.ref]))
        of_container = call.request.kind == "container"
        self.open[call.id] = Gathering(call, "containers" if of_container else "tasks")
        if of_container:
            return self.ask("executor", call, ListContainers(all=True))
        return self.ask("manager", call, ListObjects("task"))

    def hear(self, call: Call, reply: Reply, now: int) -> list:
        """Another core of this machine has answered. Raises ApiError."""
        if isinstance(call.request, Relayed):
            sender, fetch = call.request
            return [Send(sender, "engine", FetchedLogs(fetch.number, reply.value))]
        job = self.open[call.id]
        if reply.error:
            del self.open[call.id]
            raise ApiError(reply.error)
        match job.stage:
            case "containers":
                return self._of_container(job, reply.value)
            case "tasks":
                self.open[call.id] = job._replace(stage="nodes", tasks=_wanted(call.request, reply.value))
                return self.ask("manager", call, ListObjects("node"))
            case "nodes":
                return self._of_tasks(job, reply.value, now)
        return self._came(call.id, self.machine, reply.value)

    def _of_container(self, job, containers):
        self.open.pop(job.call.id)
        found = plain.find(job.call.request.ref, containers)
        logs.check_readable(found)
        self.open[job.call.id] = job._replace(stage="lines", waits=((self.machine, ""),))
        return self.ask("executor", job.call, self._fetch(job, [found.task or found.id]))

    def _of_tasks(self, job, nodes: tuple[Node, ...], now):
        by_id = {node.id: node for node in nodes}
        missing = [f"task {task.id} has not been scheduled" for task in job.tasks if not task.node]
        asked: dict[str, list[str]] = {}
        for task in job.tasks:
            if task.node:
                asked.setdefault(task.node, []).append(task.id)
        away = [node for node in asked if node not in by_id or by_id[node].state != "ready"]
        missing += [f"node {node} is not available" for node in away]
        waits = tuple((by_id[node].machine, node) for node in asked if node not in away)
        job = job._replace(stage="lines", waits=waits, missing=tuple(missing), ends=now + PATIENCE)
        self.open[job.call.id] = job
        effects = [effect for machine, node in waits for effect in self._ask_node(job, machine, asked[node])]
        return effects or self._finished(job.call.id)

    def _ask_node(self, job, machine, tasks):
        fetch = self._fetch(job, tasks)
        return self.ask("executor", job.call, fetch) if machine == self.machine else [Send(machine, "engine", fetch)]

    def _fetch(self, job, keys):
        request: Logs = job.call.request
        seen = tuple(one for one in request.seen if one[0] in keys)
        return FetchLogs(job.call.id, tuple(keys), request.since, request.until, request.tail, seen)

    def serve(self, sender: str, fetch: FetchLogs) -> list:
        """Another engine asks: what this machine has is looked up, and sent."""
        return self.ask("executor", Call(0, Relayed(sender, fetch)), fetch)

    def fetched(self, sender: str, answer: FetchedLogs) -> list:
        return self._came(answer.number, sender, answer.lines) if answer.number in self.open else []

    def _came(self, number, machine, lines):
        job = self.open[number]
        nodes = dict(job.waits)
        known = tuple(line._replace(node=nodes.get(machine, "")) for line in lines)
        waits = tuple(wait for wait in job.waits if wait[0] != machine)
        self.open[number] = job._replace(lines=job.lines + known, waits=waits)
        return [] if waits else self._finished(number)

    def wake(self, now: int) -> list:
        """Who has not answered by now is given up."""
        effects: list = []
        for number, job in list(self.open.items()):
            if job.ends <= now:
                lost = tuple(f"node {node} disconnected unexpectedly" for _, node in job.waits)
                self.open[number] = job._replace(missing=job.missing + lost)
                effects += self._finished(number)
        return effects

    def _finished(self, number):
        job = self.open.pop(number)
        return [Tell("client", Reply(job.call.id, LogAnswer(job.lines, job.missing)))]


def _wanted(request, tasks):
    field = "service" if request.kind == "service" else "id"
    return tuple(task for task in tasks if getattr(task, field) == request.ref)
