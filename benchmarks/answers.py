"""What an answer of the Engine API costs: the list of all tasks of a large swarm, as bytes on the wire.

Through the server it is asked for the first time, and again, in a process that holds as many objects as a simulation of that
size: nothing may have Python look through all of them.
"""

import gc
import http.client
import json
from time import process_time
from typing import Any

from swarmlab.cluster import Cluster
from swarmlab.docker.api.asked import Asked
from swarmlab.docker.api.doorway import wire
from swarmlab.docker.api.tasks import list_tasks
from swarmlab.messages import ListObjects
from swarmlab.objects import (
    RUNNING,
    Attachment,
    ContainerSpec,
    Network,
    NetworkSpec,
    NetworkTarget,
    Service,
    ServiceSpec,
    Task,
    TaskSpec,
)

from .measure import Figure, seconds

TASKS = 10_000
HELD = 2_000_000  # objects


class Full:
    """The engine of a manager that knows a service of 10 000 tasks on a network, and answers at once."""

    def __init__(self) -> None:
        network, service = "f" * 25, "w" * 25
        container = ContainerSpec("nginx:1.25", env=("A=1", "B=2"), options={"init": False})
        spec = TaskSpec(container, networks=(NetworkTarget(network),))
        self.objects: dict[str, tuple] = {
            "network": (Network(network, NetworkSpec("front"), "10.20.0.0/16", "10.20.0.1", 4097),),
            "service": (Service(service, ServiceSpec("web", task=spec, replicas=TASKS)),),
            "task": tuple(_task(number, service, spec, network) for number in range(TASKS)),
        }

    def call(self, request: Any) -> Any:
        assert isinstance(request, ListObjects)
        return self.objects[request.kind]


def _task(number: int, service: str, spec: TaskSpec, network: str) -> Task:
    at, address = number * 1_003, f"10.20.{number // 250}.{number % 250 + 2}/16"
    return Task(
        f"{number:025}",
        service,
        "web",
        number + 1,
        f"{number % 100:025}",
        spec,
        state=RUNNING,
        message="started",
        status_at=at + 900_000,
        networks=(Attachment(network, address),),
        container=f"{number:064x}",
        created_at=at,
        updated_at=at + 900_000,
    )


def figures() -> list[Figure]:
    engine: Any = Full()
    answered = seconds(lambda: wire(list_tasks(engine, Asked("GET", "/tasks"))))
    body = wire(list_tasks(engine, Asked("GET", "/tasks")))[2]
    start = process_time()
    json.loads(body)
    read = process_time() - start
    peer = f"to read its {len(body) / 1e6:.0f} MB back: {read:.2f} s, {answered / read:.1f} ×"
    rows = [Figure("GET /tasks, 10 000 tasks", answered, "CPU s", 0.5, 0.4, False, peer)]
    first, worst = served(engine)
    said = f"the worst of five later calls: {worst:.2f} s"
    return [*rows, Figure("the same through the server, first call", first, "CPU s", 0.5, 0.4, False, said)]


def served(engine: Any) -> tuple[float, float]:
    """CPU seconds of this process for the first call, and for the worst of five later ones."""
    gc.collect()
    held = [[number] for number in range(HELD)]
    with Cluster(managers=1, workers=0, seed=1).serve(0, pace=0) as door:
        sessions = door.conductor.session

        def session(*words: str) -> Any:
            made: Any = sessions(*words)
            made.call = engine.call
            return made

        door.conductor.session = session  # type: ignore[method-assign]
        calls = [_fetched(int(door.host.rpartition(":")[2])) for _ in range(6)]
    assert len(held) == HELD
    return calls[0], max(calls[1:])


def _fetched(port: int) -> float:
    connection, start = http.client.HTTPConnection("127.0.0.1", port), process_time()
    connection.request("GET", "/tasks")
    connection.getresponse().read()
    connection.close()
    return process_time() - start


if __name__ == "__main__":
    for figure in figures():
        print(f"{figure.name:46} {figure.value:6.2f} {figure.unit}  {figure.verdict:6} {figure.peer}", flush=True)
