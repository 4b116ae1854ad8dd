"""One small world that is served, what a client hears from it byte for byte, and what an answer of it has to be like."""

import contextlib
import http.client
import io
import json
import re
import socket
from functools import cache
from typing import Any, NamedTuple

from any_request import FOREIGN, Sent

from swarmlab import Cluster
from swarmlab.check.laws import Laws
from swarmlab.messages import (
    CreateExec,
    CreateObject,
    Exec,
    GetCluster,
    ListContainers,
    ListImages,
    ListObjects,
    ListVolumes,
)
from swarmlab.objects import ApiError, ConfigSpec, SecretSpec
from swarmlab.world import Computer

KINDS = ("service", "node", "secret", "config", "network")
LISTS = (
    "/services /services?status=true /nodes /tasks /networks /secrets /configs /swarm /info /images/json /volumes "
    "/containers/json?all=1 /system/df"
).split()
MADE = (
    "network create -d overlay --attachable app",
    "service create -d --name web --replicas 2 -p 8080:80 --network app nginx:alpine",
    "service create -d --name global --mode global nginx:alpine",
    "service create -d --name job --mode replicated-job alpine true",
    "pull nginx:alpine",
    "volume create data",
    "run -d --name box nginx:alpine",
)
PYTHON = re.compile(  # what no engine written in Go ever says
    r"Traceback|internal error|\bNone(Type)?\b|\bTrue\b|\bFalse\b|object has no|<class|object at 0x|[a-z]Error\b|"
    r"positional argument|unhashable|not supported between|invalid literal|list index|can't decode|swarmlab|\(\)|"
    r"dict_|not subscriptable|not iterable|\bint\("
)
OWN_FAULTS = re.compile(  # of which the engine itself says 500
    r"rpc error: code = (Unknown|DeadlineExceeded|Internal) desc|invalid name: |invalid join token|"
    r"remote CA does not match"
)
STATUSES = (400, 401, 403, 404, 409, 413, 500, 501, 503)


class Heard(NamedTuple):
    status: int  # 0: the connection was closed without an answer
    headers: dict[str, str]
    body: bytes


STATES = ("settled", "bare", "locked", "leaderless")


@cache
def world(state: str) -> Cluster:
    """A swarm of two machines with something of everything in it, or what has become of it."""
    if state == "bare":
        return Cluster(computers=tuple(Computer(name, "bare") for name in ("manager-1", "worker-1")), seed=1)
    cluster = Cluster(managers=2 if state == "leaderless" else 1, workers=1, seed=1)
    for words in MADE:
        assert cluster.docker(words).exit_code == 0, words
    session = cluster.conductor(pace=0).session("manager-1")
    session.call(CreateObject(SecretSpec(name="key", data=b"k")))
    session.call(CreateObject(ConfigSpec(name="site", data=b"s")))
    cluster.conductor().stop()
    cluster._conductor = None  # the twins get their own
    cluster.run_for(30)
    if state == "locked":
        cluster.docker("swarm update --autolock")
        cluster.crash("manager-1")
        cluster.restart("manager-1")
    if state == "leaderless":
        cluster.crash("manager-2")
    cluster.run_for(30)
    return cluster


class Bench:
    """A twin of such a world, served and watched by the laws. Used with `with`."""

    def __init__(self, state: str = "settled", pace: float = 0) -> None:
        self.cluster = world(state).fork()
        Laws(self.cluster)
        with contextlib.redirect_stdout(io.StringIO()):
            self.served = self.cluster.serve(0, pace, nodes={"worker-1": 0}, machine="manager-1")
        self.machines = list(self.served.hosts)
        self.names = self._names()

    def __enter__(self) -> "Bench":
        return self

    def __exit__(self, *_: object) -> None:
        self.served.close()

    def _names(self) -> dict[str, str]:
        """What stands for `{…}` in a request, where there is any."""
        with contextlib.suppress(ApiError):
            return self._known(self.served.conductor.session("manager-1").call)
        return {}

    def _known(self, ask: Any) -> dict[str, str]:
        first = {kind: ask(ListObjects(kind))[0].id for kind in ("task", "node", "secret", "config")}
        web = next(service for service in ask(ListObjects("service")) if service.spec.name == "web")
        containers = ask(ListContainers(all=True))
        box = next(one for one in containers if not one.task)
        return {
            "{id}": web.id,
            "{task}": first["task"],
            "{node}": first["node"],
            "{container}": box.id[:12],
            "{of_task}": next(one for one in containers if one.task).id,
            "{exec}": ask(CreateExec(Exec(box.id, ("true",), (), "", ""))),
            "{secret}": first["secret"],
            "{config}": first["config"],
        }

    def port(self, machine: str) -> int:
        return int(self.served.hosts[machine].rpartition(":")[2])

    def send(self, machine: str, sent: Sent) -> Heard:
        """Ask this, with the names and versions of this world."""
        target, body = sent.target, sent.body
        for name, value in self.names.items():
            target, body = target.replace(name, value), body.replace(name.encode(), value.encode())
        if "{version}" in target:
            target = target.replace("{version}", str(self._version(machine, target)))
        return heard(self.port(machine), sent._replace(body=body).wire(target), sent.method, sent.way == "short")

    def _version(self, machine: str, target: str) -> int:
        path = target.partition("?")[0].removesuffix("/update")
        with contextlib.suppress(ValueError, KeyError, TypeError):
            return json.loads(self.get(machine, path).body)["Version"]["Index"]
        return 1

    def get(self, machine: str, path: str) -> Heard:
        return heard(self.port(machine), Sent("GET", path).wire(path), "GET")

    def things(self) -> dict[str, Any]:
        """What people have asked for, as far as anybody says: a request that is refused changes nothing of it."""
        found: dict[str, Any] = {}
        for machine in self.machines:
            ask = self.served.conductor.session(machine).call
            with contextlib.suppress(ApiError):  # on a worker, or without a swarm
                for kind in KINDS:
                    found[f"{machine} {kind}"] = {one.id: (one.spec, _before(one)) for one in ask(ListObjects(kind))}
                found[f"{machine} swarm"] = ask(GetCluster())
            own = [one for one in ask(ListContainers(all=True)) if not one.task]
            found[f"{machine} containers"] = sorted((one.id, one.name) for one in own)
            found[f"{machine} volumes"] = sorted(one.name for one in ask(ListVolumes()))
            found[f"{machine} images"] = sorted(row.reference for row in ask(ListImages()))
        return found

    def look_around(self) -> None:
        """Whatever was done, everything can be looked at on both machines, on the wire and in a notebook."""
        for machine in self.machines:
            assert self.get(machine, "/_ping").body == b"OK"
            for path in LISTS:
                reply = self.get(machine, path)
                judge(Sent("GET", path), reply)
                for one in json.loads(reply.body) if reply.status == 200 and path in EACH else ():
                    inner = EACH[path].format(one.get("ID") or one.get("Id"))
                    assert self.get(machine, inner).status == 200, inner
            for words in ("node ls", "service ls", "ps -a", "network ls", "volume ls"):
                result = self.cluster.docker(words, machine)
                assert not PYTHON.search(result.stderr), result


EACH = {
    "/services": "/services/{}",
    "/tasks": "/tasks/{}",
    "/nodes": "/nodes/{}",
    "/networks": "/networks/{}",
    "/containers/json?all=1": "/containers/{}/json",
}


def _before(one: Any) -> Any:
    return getattr(one, "previous_spec", None)


def heard(port: int, data: bytes, method: str, half: bool = False) -> Heard:
    """What comes back; of a stream that does not end, its beginning."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as wire:
        with contextlib.suppress(ConnectionError):
            wire.sendall(data)
            if half:
                wire.shutdown(socket.SHUT_WR)
        answer = http.client.HTTPResponse(wire, method=method)
        try:
            answer.begin()
        except (http.client.BadStatusLine, ConnectionError):
            return Heard(0, {}, b"")
        headers = {name.lower(): value for name, value in answer.getheaders()}
        if answer.chunked or "content-length" not in headers:
            wire.settimeout(0.01)
        body = b""
        with contextlib.suppress(TimeoutError, http.client.IncompleteRead, ConnectionError):
            while piece := answer.read1(65536):
                body += piece
        answer.close()
        return Heard(answer.status, headers, body)


def judge(sent: Sent, reply: Heard) -> None:
    """An answer is one that a client of Docker understands, and an error is told in Docker's way."""
    if reply.status == 0 or not reply.headers:  # what is no whole HTTP is refused before anybody has looked at it
        no_http = any(name == "Transfer-Encoding" for name, _ in sent.headers)
        assert sent.way == "short" if reply.status == 0 else reply.status == 400 and no_http, reply
        return
    assert reply.headers["api-version"] == "1.47"
    assert reply.status in (400, 403) or not set(FOREIGN) & set(sent.headers), "a web page drives the cluster"
    assert reply.status in (101, 200, 201, 204, 304, *STATUSES), reply
    if reply.status < 400 or sent.method == "HEAD":
        return
    assert reply.headers["content-type"] == "application/json"
    error = json.loads(reply.body)
    assert list(error) == ["message"] and error["message"].strip(), error
    slip = PYTHON.search(error["message"])
    assert not slip or slip[0] in repr(sent), error  # unless it is an echo
    assert reply.status != 500 or OWN_FAULTS.match(error["message"]), error
