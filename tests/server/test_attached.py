"""Commands that stay until something has come about: what they show, and that they end, whatever the pace of time.

Rules: docker-api.md §4 (progress), §7 (streams); issue 7, §1: attached commands show their real progress bars and end
"verify: Service converged". Some need a docker client 28.x.
"""

import fcntl
import json
import os
import pty
import re
import shutil
import signal
import socket
import struct
import subprocess
import termios
import time

import pytest

from swarmlab import Cluster

CLIENT = shutil.which("docker") or ""
WANTED = {"Image": "alpine", "Cmd": ["echo", "hello"]}


def has_28() -> bool:
    return (
        bool(CLIENT) and "version 28." in subprocess.run([CLIENT, "--version"], capture_output=True, text=True).stdout
    )


needs_client = pytest.mark.skipif(not has_28(), reason="no docker client 28.x is installed here")


@pytest.fixture(params=[0, 1])
def served(request):
    cluster = Cluster(managers=1, workers=2, seed=3)
    cluster.docker("pull alpine")
    with cluster.serve(0, pace=request.param) as served:
        yield served


@pytest.fixture
def on_demand():
    cluster = Cluster(managers=1, workers=2, seed=3)
    with cluster.serve(0, pace=0) as served:
        yield served


def typed(served, words, seconds=30):
    """What the real client prints, both streams in one, and its exit code."""
    done = subprocess.run(
        [CLIENT, "-H", served.host, *words.split()],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
    )
    return done.stdout, done.returncode


# ── streams, byte for byte


def ask(served, method, path, body=b""):
    """A connection on which this was asked; everything in one go."""
    client = socket.create_connection(("127.0.0.1", int(served.host.rpartition(":")[2])), timeout=20)
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    client.sendall(head.encode() + body)
    return client


def rest(client):
    with client:
        return b"".join(iter(lambda: client.recv(65536), b""))


def create(served, **more):
    heard = rest(ask(served, "POST", "/containers/create", json.dumps(WANTED | more).encode()))
    return json.loads(heard.partition(b"\r\n\r\n")[2])["Id"]


def attach(served, id):
    client = ask(served, "POST", f"/containers/{id}/attach?stream=1&stdout=1&stderr=1")
    assert client.recv(4096).startswith(b"HTTP/1.1 200 ")
    return client


HELLO = b"\1\0\0\0\0\0\0\6hello\n"


def test_the_output_of_a_container_that_is_removed_as_it_ends_is_heard(served):
    id = create(served, HostConfig={"AutoRemove": True})
    client = attach(served, id)
    assert b" 204 " in rest(ask(served, "POST", f"/containers/{id}/start"))
    assert rest(client) == HELLO
    assert b" 404 " in rest(ask(served, "GET", f"/containers/{id}/logs?stdout=1"))  # nobody else hears it any more


def test_a_container_that_has_ended_is_heard_from_its_next_start_on(served):
    id = create(served)
    for _ in range(2):
        client = attach(served, id)
        assert b" 204 " in rest(ask(served, "POST", f"/containers/{id}/start"))
        assert rest(client) == HELLO


def test_a_container_that_is_removed_before_its_start_ends_the_stream(served):
    id = create(served)
    client = attach(served, id)
    rest(ask(served, "DELETE", f"/containers/{id}"))
    assert rest(client) == b""


def test_who_waits_for_an_end_hears_of_it(served):
    id = create(served, Cmd=["sleep", "1"])
    client = ask(served, "POST", f"/containers/{id}/wait?condition=next-exit")
    rest(ask(served, "POST", f"/containers/{id}/start"))
    assert b'{"StatusCode":0}' in rest(client)


def test_events_until_soon_come_to_an_end(served):
    now = time.time()
    heard = rest(ask(served, "GET", f"/events?since={now - 5:.3f}&until={now + 0.5:.3f}"))
    assert heard.endswith(b"0\r\n\r\n") and time.time() - now < 10


def test_without_pace_quiet_times_of_an_update_are_passed_over(on_demand):
    cluster = on_demand.cluster
    cluster.docker("service create -d --name web --update-delay 20s --replicas 2 nginx:alpine")
    cluster.run_for(20)
    cluster.docker("service update -d --env-add A=1 web")
    path = "/tasks?filters=%7B%22service%22%3A%5B%22web%22%5D%2C%22_up-to-date%22%3A%5B%22true%22%5D%7D"
    for looks in range(200):  # noqa: B007
        tasks = json.loads(rest(ask(on_demand, "GET", path)).partition(b"\r\n\r\n")[2])
        if [task["Status"]["State"] for task in tasks] == ["running"] * 2:
            break
    assert 10 < looks < 60  # there is something to see, and it takes no 20 s


# ── the real client


@needs_client
def test_attached_commands_of_services_show_their_progress_and_end(on_demand):
    said, code = typed(on_demand, "service create --name web --replicas 3 --update-monitor 1s nginx:alpine")
    lines = said.splitlines()
    assert code == 0 and re.fullmatch("[a-z0-9]{25}", lines[0])
    assert lines[1] == "overall progress: 0 out of 3 tasks" and "overall progress: 3 out of 3 tasks" in lines
    assert lines[-1] == f"verify: Service {lines[0]} converged"
    for words in ("service update --env-add A=1 web", "service rollback web"):
        said, code = typed(on_demand, words)
        assert code == 0 and "verify: Service web converged" in said, said


@needs_client
def test_an_attached_stack_deploy_ends(on_demand, tmp_path):
    file = tmp_path / "stack.yml"
    file.write_text("services: {a: {image: nginx, deploy: {replicas: 2, update_config: {monitor: 1s}}}}")
    said, code = typed(on_demand, f"stack deploy --detach=false -c {file} shop")
    assert code == 0 and said.splitlines()[-1].endswith(" converged")


@needs_client
def test_run_in_the_foreground_prints_what_the_container_prints_and_ends_as_it_does(served):
    assert typed(served, "run --rm alpine echo hello") == ("hello\n", 0)
    assert typed(served, "run --name box alpine echo hello") == ("hello\n", 0)
    assert typed(served, "start -a box") == ("hello\n", 0)


@needs_client
@pytest.mark.parametrize("words", ["service logs -f web", "events", "logs -f box"])
def test_what_is_followed_ends_by_ctrl_c(on_demand, words):
    for made in ("service create -d --name web nginx:alpine", "run -d --name box nginx:alpine"):
        on_demand.cluster.docker(made)
    on_demand.cluster.run_for(5)
    with subprocess.Popen([CLIENT, "-H", on_demand.host, *words.split()], stdout=subprocess.PIPE) as run:
        time.sleep(0.5)
        assert run.poll() is None
        run.send_signal(signal.SIGINT)
        run.communicate(timeout=10)
    deadline = time.monotonic() + 5
    while on_demand.streams and time.monotonic() < deadline:
        time.sleep(0.05)
    assert on_demand.streams == 0


@needs_client
def test_a_terminal_sees_a_bar_for_each_task(on_demand):
    main, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("4H", 24, 130, 0, 0))  # bars are for wide ones
    words = [CLIENT, "-H", on_demand.host, *"service create --name web --replicas 2 --update-monitor 1s nginx".split()]
    with subprocess.Popen(words, stdin=end, stdout=end, stderr=end, env={**os.environ, "TERM": "xterm"}) as run:
        os.close(end)
        said = b""
        try:
            while piece := os.read(main, 65536):
                said += piece
        except OSError:  # a terminal that nobody is at any more
            pass
        assert run.wait(timeout=30) == 0
    os.close(main)
    text = said.decode()
    for bar in ("1/2: running", "2/2: running", "[=====", "overall progress: 2 out of 2 tasks", "converged"):
        assert bar in text, text
