"""A served run is its seed and its acts: saved, it can be had again, whoever asked, in whatever order, and whoever has left."""

import http.client
import json
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from swarmlab import Cluster

BODY = {"TaskTemplate": {"ContainerSpec": {"Image": "nginx:alpine", "Labels": {"é\U0001fae8": "\ud800"}}}}


def ask(port, method, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body)
        return connection.getresponse().status
    finally:
        connection.close()


def visit(port, number):
    """Somebody who makes a service, and is refused; who looks on, and leaves; who removes it again."""
    body = json.dumps({"Name": f"web{number % 3}", **BODY})
    said = [ask(port, "POST", "/services/create", body), ask(port, "GET", "/tasks")]
    for path in ("/events", f"/services/web{number % 3}/logs?stdout=1&follow=1", "/images/create?fromImage=redis"):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as leaves:
            way = "POST" if "create" in path else "GET"
            leaves.sendall(f"{way} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n".encode())
            leaves.shutdown(socket.SHUT_RDWR)
    return [*said, ask(port, "DELETE", f"/services/web{number % 3}")]


def cell(cluster):
    """What a notebook does meanwhile."""
    for number in range(6):
        cluster.docker("service ls")
        cluster.run_for(0.3)
        cluster.at(cluster.now / 2)
        cluster.trace.digest()
        if number == 3:
            cluster.crash("worker-1")


@pytest.mark.parametrize("pace", [0, 100])
def test_a_run_that_many_clients_and_a_cell_have_made_can_be_had_again(tmp_path, pace):
    cluster = Cluster(managers=1, workers=1, seed=3)
    with cluster.serve(0, pace) as served, ThreadPoolExecutor(5) as pool:
        port = int(served.host.rpartition(":")[2])
        meanwhile = pool.submit(cell, cluster)
        said = [status for found in pool.map(visit, [port] * 8, range(8)) for status in found]
        meanwhile.result()
    assert {201, 409} <= set(said) <= {200, 201, 404, 409}
    cluster.save(tmp_path / "run.json")
    again, twin = Cluster.load(tmp_path / "run.json"), cluster.fork()
    assert again.trace.messages == cluster.trace.messages and again.trace.text() == cluster.trace.text()
    for one in (again, twin):
        one.run_for(20)
    assert again.trace.digest() == twin.trace.digest()
    for act in cluster.acts[5::9]:
        past = cluster.at(act.time / 1e6).trace.records
        assert past == cluster.trace.records[: len(past)]
