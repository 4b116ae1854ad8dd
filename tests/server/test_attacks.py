"""Clients that mean no good, or that leave in the middle, and fifty at once who all want something. Source: issue 7, §1."""

import concurrent.futures
import contextlib
import json
import socket
import threading
import time

import pytest

from swarmlab import Cluster
from swarmlab.check.laws import Laws
from swarmlab.docker.server import Served

HOST = b"Host: localhost\r\n"
PING = b"GET /_ping HTTP/1.1\r\n" + HOST + b"\r\n"
POST = b"POST /secrets/create HTTP/1.1\r\n" + HOST
CHUNKED = b"Transfer-Encoding: chunked\r\n"


def wait_for(what, seconds=10):
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


@pytest.mark.parametrize(
    "data",
    [
        POST + b"Content-Length: 4\r\n" + CHUNKED + b"\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: xchunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        POST + b"Content-Length: +2\r\n\r\n{}",
        POST + b"Content-Length: 0_2\r\n\r\n{}",
        POST + CHUNKED + b"\r\n2;x=y\r\n{}\r\n0\r\n\r\n",
        POST + CHUNKED + b"\r\n-2\r\n{}\r\n0\r\n\r\n",
        POST + CHUNKED + b"\r\n0x2\r\n{}\r\n0\r\n\r\n",
        POST + CHUNKED + b"\r\nffffffffffffffff\r\n{}\r\n0\r\n\r\n",
        POST + b"Content-Length : 2\r\n\r\n{}",
        POST + b"X: a\r\n Origin: x\r\n\r\n",
        POST + b"X: a\rOrigin: x\r\n\r\n",
        POST + b"X: a\0b\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_what_two_readers_could_read_in_two_ways_is_refused_and_nothing_after_it_is_heard(wire, data):
    heard = wire.raw(data + PING)
    assert heard.startswith(b"HTTP/1.1 400 ") and heard.count(b"HTTP/1.1") == 1
    assert wire.ask("GET", "/_ping").status == 200


@pytest.mark.parametrize(
    "data",
    [
        b"GET /_ping HTTP/1.1\r\n" + HOST + b"".join(b"X%d: a\r\n" % n for n in range(20_000)) + b"\r\n",
        b"GET /_ping HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 200_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x80" * 200_000,  # TLS
    ],
)
def test_who_says_too_much_before_saying_what_is_cut_off(wire, data):
    with contextlib.suppress(ConnectionError):
        assert wire.raw(data) == b""
    assert wire.ask("GET", "/_ping").status == 200


def test_requests_one_after_another_without_waiting_are_answered_in_their_order(wire):
    nodes = b"GET /nodes HTTP/1.1\r\n" + HOST + b"\r\n"
    last = b"GET /_ping HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
    bodies = [
        part.partition(b"\r\n\r\n")[2] for part in wire.raw((PING + nodes) * 3 + last).split(b"HTTP/1.1 200 OK")[1:]
    ]
    assert [body[:2] for body in bodies] == [b"OK", b"[{"] * 3 + [b"OK"]


@pytest.fixture
def busy() -> Cluster:
    """A service that runs, and a container beside it."""
    cluster = Cluster(managers=1, workers=1, seed=2)
    for words in ("service create -d --name web --replicas 2 nginx:alpine", "run -d --name box nginx:alpine"):
        assert cluster.docker(words).exit_code == 0
    cluster.run_for(10)
    return cluster


def test_who_leaves_in_the_middle_of_a_stream_leaves_nothing_behind(busy):
    wishes = [
        "GET /services/web/logs?follow=1&stdout=1",
        "GET /containers/box/logs?follow=1&stdout=1&stderr=1",
        "GET /events",
        "POST /containers/box/attach?stream=1&stdout=1",
        "POST /containers/box/wait",
    ]
    threads = threading.active_count()
    with busy.serve() as served:
        begun = threading.active_count()
        clients = []
        for wish in wishes * 8:
            client = socket.socket(socket.AF_UNIX)
            client.connect(served.host.removeprefix("unix://"))
            client.sendall(f"{wish} HTTP/1.1\r\nHost: docker\r\n\r\n".encode())
            clients.append(client)
        for client in clients:
            assert client.recv(4096).startswith(b"HTTP/1.1 200 ")
        assert served.streams == 40
        for client in clients:
            client.close()
        wait_for(lambda: served.streams == 0 and threading.active_count() <= begun)
    assert threading.active_count() == threads


def person(served: Served, number: int) -> list[int]:
    """What one of fifty does; the status of each answer."""
    import http.client

    name, found = f"s{number}", []
    connection = http.client.HTTPConnection("127.0.0.1", int(served.host.rpartition(":")[2]), timeout=60)

    def ask(method, path, body=None):
        connection.request(method, path, json.dumps(body) if body else None)
        answer = connection.getresponse()
        found.append(answer.status)
        return answer.read()

    spec = {"Name": name, "TaskTemplate": {"ContainerSpec": {"Image": "nginx:alpine"}}}
    ask("POST", "/services/create", spec)
    service = json.loads(ask("GET", f"/services/{name}"))
    ask("GET", "/services?status=true")
    spec = service["Spec"] | {"Mode": {"Replicated": {"Replicas": 2}}}
    ask("POST", f"/services/{service['ID']}/update?version={service['Version']['Index']}", spec)
    ask("GET", f"/tasks?filters=%7B%22service%22%3A%5B%22{name}%22%5D%7D")
    ask("GET", f"/services/{name}/logs?stdout=1&stderr=1")
    ask("GET", "/events?until=1")
    ask("POST", "/secrets/create", {"Name": "the-same", "Data": "eA=="})
    if number % 2:
        ask("DELETE", f"/services/{name}")
    connection.close()
    return found


@pytest.mark.parametrize("pace", [0, 10])
def test_fifty_people_who_all_want_something_get_it(busy, pace):
    Laws(busy)
    with busy.serve(0, pace=pace) as served:
        with concurrent.futures.ThreadPoolExecutor(50) as pool:
            found = list(pool.map(lambda number: person(served, number), range(50)))
    made = [statuses.pop(7) for statuses in found]
    assert sorted(made) == [201] + [409] * 49  # one secret of that name
    assert all(statuses in ([201] + [200] * 6, [201] + [200] * 7) for statuses in found), found
    busy.run_for(60)
    rows = busy.docker("service ls").rows
    assert sorted(row["NAME"] for row in rows) == sorted(["web", *(f"s{n}" for n in range(0, 50, 2))])
    assert {row["REPLICAS"] for row in rows} == {"2/2"}
