"""A small swarm that is served, and requests to it byte for byte."""

import contextlib
import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from swarmlab import Cluster
from swarmlab.docker.api import routes
from swarmlab.docker.server import Served


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Wire:
    """What a client may do to a served cluster."""

    def __init__(self, served: Served):
        self.served = served
        self.port = int(served.host.rpartition(":")[2])

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """One request on a connection of its own; `Content_Type` is written `Content-Type`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return Reply(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def raw(self, data: bytes) -> bytes:
        """All that comes back for these bytes, until the server closes."""
        with self.connect() as wire:
            wire.sendall(data)
            with contextlib.suppress(ConnectionResetError):
                return b"".join(iter(lambda: wire.recv(65536), b""))
            return b""


@pytest.fixture(scope="session")
def swarm() -> Iterator[Cluster]:
    yield Cluster(managers=1, workers=1, seed=1)


@pytest.fixture
def wire(swarm: Cluster, capsys: pytest.CaptureFixture) -> Iterator[Wire]:
    """Served on a port of its own; nothing may be complained of."""
    with swarm.serve(0, nodes={"worker-1": 0}) as served:
        yield Wire(served)
    assert "Error" not in capsys.readouterr().err


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch):
    """Puts a function at `/own` in front of all other routes."""
    found = routes.find

    def put(function: Any) -> None:
        monkeypatch.setattr(routes, "find", lambda way, path: (function, {}) if path == "/own" else found(way, path))

    return put
