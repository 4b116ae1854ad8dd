"""What a command of the real `docker` client takes at a served cluster, beside the same command at a stub that knows nothing.

The stub is a bare tornado server that has the smallest answer for each path that a command asks. Both serve at the same
time, and take turns. Goal: at most twice the stub's time. Without a client the figures are left out, and a line says so.
"""

import asyncio
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import threading
from time import perf_counter, process_time
from typing import Any, NamedTuple

from swarmlab.cluster import Cluster

from .measure import Figure

CLIENT = shutil.which("docker")
TIMES = 9
ID = "a" * 25
SPEC = {
    "Name": "web",
    "Labels": {"com.docker.stack.namespace": "lab"},
    "TaskTemplate": {"ContainerSpec": {"Image": "nginx:alpine"}},
    "Mode": {"Replicated": {"Replicas": 1}},
}
SERVICE = {"ID": ID, "Version": {"Index": 1}, "Spec": SPEC, "ServiceStatus": {"RunningTasks": 1, "DesiredTasks": 1}}
NODE = {
    "ID": ID,
    "Version": {"Index": 1},
    "Spec": {"Role": "manager", "Availability": "active"},
    "Description": {"Hostname": "a", "Engine": {"EngineVersion": "1"}},
    "Status": {"State": "ready"},
}
TASK = {
    "ID": ID,
    "ServiceID": ID,
    "NodeID": ID,
    "Slot": 1,
    "Spec": SPEC["TaskTemplate"],
    "Status": {"State": "running", "Timestamp": "2026-01-01T00:00:00Z"},
    "DesiredState": "running",
}
DIGEST = {"Descriptor": {"mediaType": "x", "digest": f"sha256:{'a' * 64}", "size": 1}, "Platforms": []}
CANNED: tuple[tuple[str, str, Any], ...] = (  # the first that fits
    ("GET", "/version", {"Version": "1", "ApiVersion": "1.47", "Os": "linux", "Arch": "amd64"}),
    ("GET", "/info", {"ID": "a", "Swarm": {"NodeID": ID, "LocalNodeState": "active", "ControlAvailable": True}}),
    ("GET", "/nodes", [NODE]),
    ("GET", "/nodes/.*", NODE),
    ("GET", "/tasks", [TASK]),
    ("GET", "/services", [SERVICE]),
    ("GET", "/services/.*", SERVICE),
    ("POST", "/services/create", {"ID": ID}),
    ("POST", "/services/.*", {"Warnings": None}),
    ("GET", "/distribution/.*", DIGEST),
    ("GET", "/.*", []),
)
COMMANDS = (
    "version",
    "info",
    "node ls",
    "node inspect self",
    "service ls",
    "service ps web",
    "service inspect web",
    "service create -d --name web{n} nginx:alpine",
    "service update -d --env-add A={n} web",
    "service scale -d web={n}",
    "stack services lab",
    "stack ps lab",
    "secret ls",
    "network ls",
    "ps",
    "images",
)


class Stub:
    """A server that looks nothing up. A context manager; `host` is for DOCKER_HOST."""

    def __enter__(self) -> "Stub":
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), daemon=True)
        self._thread.start()
        ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    async def _serve(self, ready: threading.Event) -> None:
        from tornado.httpserver import HTTPServer
        from tornado.netutil import bind_sockets

        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        [socket] = bind_sockets(0, "127.0.0.1")
        self.host = f"tcp://127.0.0.1:{socket.getsockname()[1]}"
        server = HTTPServer(_canned)
        server.add_socket(socket)
        ready.set()
        await self._ended.wait()
        server.stop()
        await server.close_all_connections()


def _canned(request: Any) -> None:
    from tornado.httputil import HTTPHeaders, ResponseStartLine

    path = re.sub(r"^/v1\.\d+", "", request.path)
    found = next((body for way, form, body in CANNED if way == request.method and re.fullmatch(form, path)), None)
    body = b"" if found is None else json.dumps(found).encode()
    status = 201 if path.endswith("/create") else 200
    headers = {"Api-Version": "1.47", "Ostype": "linux", "Content-Length": str(len(body))}
    headers |= {"Content-Type": "application/json"} if body else {}
    request.connection.write_headers(ResponseStartLine("HTTP/1.1", status, "OK"), HTTPHeaders(headers), body)
    request.connection.finish()


class Took(NamedTuple):
    """One command, in seconds."""

    wall: float
    client: float  # CPU
    server: float  # CPU of this process, whose clock runs too


def once(host: str, command: str) -> Took:
    """Raises RuntimeError where the client is not content."""
    children, own, begun = _children(), process_time(), perf_counter()
    env = {"DOCKER_HOST": host, "PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    done = subprocess.run([CLIENT or "docker", *command.split()], capture_output=True, text=True, env=env, timeout=60)
    took = Took(perf_counter() - begun, _children() - children, process_time() - own)
    if done.returncode:
        raise RuntimeError(f"docker {command}: {done.stderr}")
    return took


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def beside(ours: str, stub: str, command: str) -> tuple[Took, Took]:
    """The least of both, in turns: what else runs on this computer only adds to them."""
    rows = [
        (once(ours, command.format(n=number)), once(stub, command.format(n=number))) for number in range(1, TIMES + 1)
    ]
    return _least([row[0] for row in rows]), _least([row[1] for row in rows])


def _least(rows: list[Took]) -> Took:
    return Took(*(min(values) for values in zip(*rows, strict=True)))


def lab() -> Cluster:
    """The deck's four machines, with a service and a stack of twenty tasks in all."""
    cluster = Cluster(managers=1, workers=3, seed=1)
    cluster.docker("service create -d --name web --replicas 4 nginx:alpine")
    for name in ("lab_a", "lab_b"):
        label = "com.docker.stack.namespace=lab"
        cluster.docker(f"service create -d --name {name} --replicas 8 --label {label} nginx:alpine")
    cluster.run_for(30)
    return cluster


def figures() -> list[Figure]:
    if not CLIENT:
        print("docker commands at a served cluster: left out, no docker client is installed here", file=sys.stderr)
        return []
    with Stub() as stub, lab().serve(0, pace=1) as door:
        return [_figure(door.host, stub.host, command) for command in COMMANDS]


def _figure(ours: str, stub: str, command: str) -> Figure:
    here, there = beside(ours, stub, command)
    cpu = f"CPU: client {here.client * 1000:.0f}/{there.client * 1000:.0f} ms, server {here.server * 1000:.0f}/"
    peer = f"{here.wall * 1000:.0f} ms, stub {there.wall * 1000:.0f} ms; {cpu}{there.server * 1000:.0f} ms"
    return Figure(f"docker {command.format(n='N')}", here.wall / there.wall, "× stub", 2, 1.5, False, peer)


if __name__ == "__main__":
    for figure in figures():
        print(f"{figure.name:46} {figure.value:6.2f} {figure.unit}  {figure.verdict:6} {figure.peer}", flush=True)
