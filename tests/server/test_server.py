"""The wire: what clients of all kinds send, well meant or not, and what they hear. Source: docker-api.md, §2; issue 7, §1."""

import concurrent.futures
import os
import socket
import stat
import tempfile
import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from swarmlab import Cluster
from swarmlab.__main__ import main
from swarmlab.docker import server
from swarmlab.docker.api.asked import Answer, Hijacked, Refusal, Streamed, json_of
from swarmlab.docker.sockets import Port, SocketFile
from swarmlab.live import Live
from swarmlab.objects import ApiError

# ── headers, versions, errors


@pytest.mark.parametrize("path", ["/_ping", "/v1.24/_ping", "/v1.47/_ping"])
def test_a_ping_is_answered_as_recorded(wire, path):
    for method, body in (("GET", b"OK"), ("HEAD", b"")):
        reply = wire.ask(method, path)
        assert (reply.status, reply.body) == (200, body)
        assert reply.headers["Api-Version"] == "1.47"
        assert reply.headers["Ostype"] == "linux"
        assert reply.headers["Docker-Experimental"] == "false"
        assert reply.headers["Server"] == "Docker/20.10.24 (linux)"
        assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert reply.headers["Cache-Control"] == "no-cache, no-store, must-revalidate"
        assert reply.headers["Pragma"] == "no-cache"
        assert reply.headers["Content-Length"] == str(len(body))


TOO_OLD = "Minimum supported API version is 1.24, please upgrade your client to a newer version"


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/v1.48/_ping", 400, "client version 1.48 is too new. Maximum supported API version is 1.47"),
        ("/v2/_ping", 400, "client version 2 is too new. Maximum supported API version is 1.47"),
        ("/v1.23/_ping", 400, f"client version 1.23 is too old. {TOO_OLD}"),
        ("/v1..4/_ping", 400, f"client version 1..4 is too old. {TOO_OLD}"),
        ("/v1.x/_ping", 404, "page not found"),
        ("/v1.47/nowhere", 404, "page not found"),
        ("/", 404, "page not found"),
        ("/%zz", 400, 'invalid URL escape "%zz"'),
        ("/_ping?a;b", 400, "invalid semicolon separator in query"),
    ],
)
def test_what_cannot_be_answered_is_said_as_docker_says_it(wire, path, status, message):
    reply = wire.ask("GET", path)
    assert (reply.status, reply.json) == (status, {"message": message})
    assert reply.headers["Content-Type"] == "application/json"  # to the letter, the client compares it
    assert reply.headers["Api-Version"] == "1.47"


def test_a_method_that_nobody_knows_is_no_page(wire):
    assert wire.ask("BREW", "/_ping").status == 404


def test_refusals_have_the_status_that_belongs_to_their_words(wire, endpoint):
    def refuse(session, asked):
        raise ApiError(asked.query["text"]) if "text" in asked.query else Refusal(418, "a teapot")

    endpoint(refuse)
    assert wire.ask("GET", "/own").status == 418
    reply = wire.ask("GET", "/own?text=service%20web%20not%20found")
    assert (reply.status, reply.json) == (404, {"message": "service web not found"})
    assert wire.ask("GET", "/own?text=rpc%20error:%20code%20=%20AlreadyExists%20desc%20=%20x").status == 409


def test_an_answer_without_a_body_has_no_content_type(wire, endpoint):
    endpoint(lambda session, asked: Answer(int(asked.query["status"])))
    reply = wire.ask("POST", "/own?status=200")
    assert "Content-Type" not in reply.headers and reply.headers["Content-Length"] == "0"
    assert "Content-Length" not in wire.ask("DELETE", "/own?status=204").headers


def test_a_mistake_of_ours_is_one_line_and_no_traceback(swarm, endpoint, capsys):
    def stumble(session, asked):
        raise KeyError("oh")

    endpoint(stumble)
    with swarm.serve(0) as served:
        with socket.create_connection(("127.0.0.1", int(served.host.rpartition(":")[2])), timeout=20) as client:
            client.sendall(b"GET /own HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: client.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 500 ") and answer.endswith(b'{"message":"internal error: KeyError"}\n')
    assert capsys.readouterr().err == "swarmlab: GET /own: KeyError: 'oh'\n"


# ── bodies


def echo(session, asked):
    return Answer(200, {"got": json_of(asked), "bytes": len(asked.body)})


def test_a_chunked_body_is_read_whole(wire, endpoint):
    endpoint(echo)
    reply = wire.ask("POST", "/own", iter([b'{"a"', b":", b"[1]}"]), Content_Type="application/json")
    assert reply.json == {"got": {"a": [1]}, "bytes": 9}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "got EOF while reading request body"),
        (b"{", "unexpected EOF"),
        (b'{"a" 1}', "invalid character '1' after object key"),
        (b"{'a':1}", r"invalid character '\'' looking for beginning of object key string"),
        (b"[1]", "json: cannot unmarshal array into Go value of type map"),
        (b"{} {}", "unexpected content after JSON"),
        (b"\xff", "invalid character 'ÿ' looking for beginning of value"),
        (b"[" * 100_000, "exceeded max depth"),
        (b'{"a":NaN}', "invalid character 'N' looking for beginning of value"),
    ],
)
def test_a_body_that_is_no_json_is_refused_in_the_words_of_go(wire, endpoint, body, message):
    endpoint(echo)
    reply = wire.ask("POST", "/own", body, Content_Type="application/json")
    assert (reply.status, reply.json) == (400, {"message": message})


def test_bodies_are_bounded(wire, endpoint):
    endpoint(echo)
    head = b"POST /own HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    answer = wire.raw(head + b"Content-Length: %d\r\n\r\n" % (server.BODY + 1))
    assert answer.startswith(b"HTTP/1.1 413 ") and b"the body of a request is limited to" in answer
    answer = wire.raw(head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % (server.BODY + 1))
    assert answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"GET /_ping\r\n\r\n",
        b"GET /_ping HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST /_ping HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /_ping HTTP/1.1\r\nHost: localhost\r\nContent-Length: many\r\n\r\n",
        b"POST /_ping HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET nowhere HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    ],
)
def test_what_is_no_http_is_a_bad_request(wire, data):
    assert wire.raw(data).startswith(b"HTTP/1.1 400 ")


def test_headers_are_bounded(wire):
    with wire.connect() as client:
        client.sendall(b"GET /_ping HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 2 * server.HEADERS)
        with pytest.raises(OSError):  # cut off
            while client.recv(4096):
                pass
            raise ConnectionResetError


# ── who may come in


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:99", "127.0.0.1", "127.0.0.1:2375", "[::1]:99"])
def test_this_computer_may_ask(wire, host):
    assert wire.ask("GET", "/_ping", Host=host).status == 200


@pytest.mark.parametrize(
    "host", ["example.org", "127.0.0.1.example.org", "10.0.0.1", "localhost.", "docker", "", "a@localhost"]
)
def test_a_foreign_host_is_refused(wire, host):
    reply = wire.ask("GET", "/_ping", Host=host)
    assert reply.status == 403 and "\n" not in reply.json["message"]


@pytest.mark.parametrize("origin", ["https://example.org", "null", "http://localhost", ""])
def test_a_web_page_is_refused(wire, origin):
    assert wire.ask("GET", "/_ping", Origin=origin).json == {"message": "a web page may not drive this cluster"}
    assert wire.ask("POST", "/v1.47/swarm/init", b"{}", Origin=origin).status == 403


def test_it_listens_on_the_loopback_alone(wire):
    bound = [sock.getsockname()[0] for one in wire.served._listeners for sock in one._server._sockets.values()]
    assert bound == ["127.0.0.1", "127.0.0.1"]


def test_a_unix_socket_is_for_its_owner_alone_and_goes_with_the_run(swarm):
    with swarm.serve() as served:
        path = served.host.removeprefix("unix://")
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        assert stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode) == 0o700
        for host, status in ((b"docker", b"200"), (b"api.moby.localhost", b"200"), (b"example.org", b"403")):
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(path)
                client.sendall(b"HEAD /_ping HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
                assert client.recv(4096).split()[1] == status
    assert not os.path.exists(os.path.dirname(path))


def test_a_socket_is_never_put_in_the_place_of_somebody_elses_file(tmp_path):
    file, link = tmp_path / "notes", tmp_path / "link"
    file.write_text("keep")
    link.symlink_to(file)
    for path in (file, link, tmp_path):
        with pytest.raises(ValueError, match="bind: file exists"):
            SocketFile(str(path))
    assert file.read_text() == "keep"


def test_the_socket_of_a_run_that_ended_badly_is_taken_over_and_that_of_another_is_not(tmp_path):
    path = str(tmp_path / "docker.sock")
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(path)
    one = SocketFile(path)
    with one.open(), pytest.raises(ValueError, match="address already in use"):
        SocketFile(path)
    os.remove(path)
    (tmp_path / "docker.sock").write_text("somebody else's by now")
    one.free()
    assert (tmp_path / "docker.sock").read_text() == "somebody else's by now"


# ── many, slow and gone


def test_fifty_clients_at_once_are_served(wire, endpoint):
    meet = threading.Barrier(50, timeout=20)
    endpoint(lambda session, asked: Answer(200, {"place": meet.wait()}))
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        places = sorted(reply.json["place"] for reply in pool.map(lambda _: wire.ask("GET", "/own"), range(50)))
    assert places == list(range(50))


def test_one_connection_carries_many_requests(wire):
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", wire.port, timeout=20)
    for _ in range(5):
        connection.request("GET", "/_ping")
        assert connection.getresponse().read() == b"OK"
        local = connection.sock.getsockname()
    assert connection.sock.getsockname() == local
    connection.close()


def test_who_sends_slowly_keeps_nobody_waiting_and_is_cut_off(swarm, monkeypatch):
    monkeypatch.setattr(server, "QUIET", 0.5)
    with swarm.serve(0) as served:
        port = int(served.host.rpartition(":")[2])
        slow = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(100)]
        for one in slow:
            one.sendall(b"GET /_pi")
        with socket.create_connection(("127.0.0.1", port), timeout=20) as quick:
            quick.sendall(b"HEAD /_ping HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"200 OK" in quick.recv(4096)
        assert [one.recv(10) for one in slow] == [b""] * 100
        for one in slow:
            one.close()


def test_connections_are_bounded(swarm, monkeypatch):
    monkeypatch.setattr(server, "CONNECTIONS", 3)
    with swarm.serve(0) as served:
        port = int(served.host.rpartition(":")[2])
        held = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(4)]
        held[0].sendall(b"HEAD /_ping HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"200 OK" in held[0].recv(4096)
        assert held[3].recv(10) == b""
        for one in held:
            one.close()


# ── streams


def test_a_stream_comes_piece_by_piece(wire, endpoint):
    go = threading.Event()

    def pieces():
        yield b"one\n"
        assert go.wait(20)
        yield b"two\n"

    endpoint(lambda session, asked: Streamed(pieces(), (("Content-Type", "application/json"),)))
    with wire.connect() as client:
        client.sendall(b"GET /own HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        heard = b""
        while b"one" not in heard:
            heard += client.recv(4096)
        assert b"Transfer-Encoding: chunked" in heard and b"two" not in heard
        go.set()
        rest = b"".join(iter(lambda: client.recv(4096), b""))
    assert rest == b"4\r\ntwo\n\r\n0\r\n\r\n"


def hello(session, ended=None):
    """A word, and then nothing for an hour."""
    try:
        yield b"hello\n"
        session.wait(3600 * 1_000_000)
    finally:
        if ended:
            ended.set()


def heard_hello(client):
    """All that the endless stream will ever say has come."""
    said = b""
    while b"hello\n" not in said:
        piece = client.recv(4096)
        assert piece, said
        said += piece


def test_a_client_that_goes_away_ends_its_stream(wire, endpoint):
    ended = threading.Event()
    endpoint(lambda session, asked: Streamed(hello(session, ended)))
    with wire.connect() as client:
        client.sendall(b"GET /own HTTP/1.1\r\nHost: localhost\r\n\r\n")
        heard_hello(client)
        assert not ended.is_set()
    assert ended.wait(5)


def test_a_stream_waits_for_a_client_that_reads_slowly(wire, endpoint):
    made = []

    def pieces():
        for number in range(2000):
            made.append(number)
            yield b"x" * 65536

    endpoint(lambda session, asked: Streamed(pieces()))
    with wire.connect() as client:
        client.sendall(b"GET /own HTTP/1.1\r\nHost: localhost\r\n\r\n")
        client.recv(100)
        time.sleep(0.5)
        assert len(made) < 500


def test_streams_are_bounded(swarm, endpoint, monkeypatch):
    monkeypatch.setattr(server, "STREAMS", 2)
    endpoint(lambda session, asked: Streamed(hello(session)))
    with swarm.serve(0) as served:
        port = int(served.host.rpartition(":")[2])
        held = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(3)]
        answers = []
        for one in held:
            one.sendall(b"GET /own HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answers.append(one.recv(4096).split()[1])
        for one in held:
            one.close()
    assert answers == [b"200", b"200", b"503"]


@pytest.mark.parametrize("upgrade", [True, False])
def test_a_client_may_close_its_half_of_a_hijacked_connection(wire, endpoint, upgrade):
    go = threading.Event()

    def pieces():
        yield b"one "
        assert go.wait(20)
        yield b"two"

    endpoint(lambda session, asked: Hijacked(pieces()))
    wish = b"Connection: Upgrade\r\nUpgrade: tcp\r\n" if upgrade else b""
    with wire.connect() as client:
        client.sendall(b"POST /own HTTP/1.1\r\nHost: localhost\r\n" + wish + b"Content-Length: 2\r\n\r\n{}")
        heard = client.recv(4096)
        client.shutdown(socket.SHUT_WR)
        go.set()
        heard += b"".join(iter(lambda: client.recv(4096), b""))
    head, _, body = heard.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 UPGRADED\r\n" if upgrade else b"HTTP/1.1 200 OK\r\n")
    assert b"Content-Type: application/vnd.docker.raw-stream" in head
    assert body == b"one two"


# ── machines that are off, and the end


def test_a_machine_that_is_off_cannot_be_reached_until_it_is_on(wire, swarm):
    port = int(wire.served.hosts["worker-1"].rpartition(":")[2])

    def answers() -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
                client.sendall(b"HEAD /_ping HTTP/1.1\r\nHost: localhost\r\n\r\n")
                return bool(client.recv(4096))
        except ConnectionError:
            return False

    assert answers()
    swarm.shutdown("worker-1")
    assert not answers()
    time.sleep(0.3)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)
    swarm.restart("worker-1")
    deadline = time.monotonic() + 5
    while not answers() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert answers()


def test_closing_frees_the_ports_and_ends_every_thread_even_of_streams(swarm, endpoint):
    endpoint(lambda session, asked: Streamed(hello(session)))
    before = threading.active_count()
    served = swarm.serve(0, nodes={"worker-1": 0})
    ports = [int(host.rpartition(":")[2]) for host in served.hosts.values()]
    client = socket.create_connection(("127.0.0.1", ports[-1]), timeout=20)
    client.sendall(b"GET /own HTTP/1.1\r\nHost: localhost\r\n\r\n")
    heard_hello(client)
    served.close()
    served.close()  # once more is nothing
    client.close()
    for port in ports:
        Port(port).free()
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert threading.active_count() == before


def test_what_is_wrong_with_an_address_is_one_line_and_leaves_nothing(swarm):
    with swarm.serve(0) as served:
        port = int(served.host.rpartition(":")[2])
        for options in ({"port": port}, {"port": 65536}, {"port": -1}, {"port": 0, "nodes": {"nobody": 0}}):
            with pytest.raises(ValueError) as said:
                swarm.serve(**options)
            assert "\n" not in str(said.value)
    with pytest.raises(ValueError, match="not both"):
        swarm.serve(0, unix="/tmp/x")
    with pytest.raises(ValueError, match="pace"):
        swarm.serve(0, pace=-1)
    assert swarm._conductor.stopped


# ── anything at all

TEXTS = st.text(max_size=20)
WORDS = st.sampled_from(
    ["services", "tasks", "nodes", "info", "swarm", "containers", "json", "v1.47", "v1.2", "_ping", "..", ""]
)
PATHS = st.lists(WORDS | TEXTS, max_size=5).map(lambda parts: "/" + "/".join(parts))
BODIES = st.binary(max_size=60) | st.sampled_from([b"{}", b"null", b'{"Name":1}', b"[]"])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"]),
    PATHS,
    st.dictionaries(st.sampled_from(["filters", "version", "all", "tail", "since", "x"]) | TEXTS, TEXTS, max_size=3),
    BODIES,
    st.dictionaries(st.sampled_from(["Content-Type", "Expect", "X-Registry-Auth"]), TEXTS, max_size=2),
)
def test_whatever_is_asked_is_answered_without_a_mistake_of_ours(wire, method, path, query, body, headers):
    from urllib.parse import quote, urlencode

    target = quote(path.encode("utf-8", "replace")) + ("?" + urlencode(query, errors="replace") if query else "")
    lines = [f"{name}: {value.encode('ascii', 'replace').decode()}" for name, value in headers.items()]
    clean = [line for line in lines if line.isprintable()]
    head = "\r\n".join([f"{method} {target} HTTP/1.1", "Host: localhost", "Connection: close", *clean])
    data = head.encode() + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    status = int(wire.raw(data).removeprefix(b"HTTP/1.1 100 (Continue)\r\n\r\n").split(b" ", 2)[1])
    assert status < 500 or status in (501, 503)


# ── the command line


LAB, HELP = "data/clusters/demo-lab.yml", "see swarmlab serve --help"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere.yml"], "swarmlab: open nowhere.yml: no such file or directory\n"),
        (["data/clusters/demo-lab.yml", "--node", "x"], "swarmlab: --node x: write NAME=PORT, as worker-1=9001\n"),
        (
            ["data/clusters/demo-lab.yml", "--node", "registry=0"],
            "swarmlab: no such machine: registry (there are manager-1, worker-1, worker-2, worker-3)\n",
        ),
        (["data/clusters/demo-lab.yml", "--pace", "-1"], "swarmlab: a pace of -1.0: a number from 0 to 1000\n"),
        ([LAB, "--pace", "x"], f"swarmlab: argument --pace: invalid float value: 'x': {HELP}\n"),
        ([LAB, "--port", "-5"], f"swarmlab: argument --port: port '-5': a whole number from 0 to 65535: {HELP}\n"),
        ([LAB, "--unix", ""], f"swarmlab: argument --unix: a path, not nothing: {HELP}\n"),
        ([LAB, "--unix", "/nowhere/s"], "swarmlab: listen unix /nowhere/s: bind: no such file or directory\n"),
        ([LAB, "--unix", "/s" * 99], f"swarmlab: listen unix {'/s' * 99}: bind: af_unix path too long\n"),
        ([LAB, "--unix", "/tmp/s", "--port", "0"], "swarmlab: a port or a Unix socket, not both\n"),
        ([LAB, *["--node", "worker-1=0"] * 2], "swarmlab: --node worker-1: one address is enough for a machine\n"),
        ([], f"swarmlab: the following arguments are required: FILE: {HELP}\n"),
        ([LAB, "more"], "swarmlab: unrecognized arguments: more: see swarmlab --help\n"),
        (["environment.yml"], "swarmlab: environment.yml: a cluster file has a list `machines`\n"),
    ],
)
def test_what_is_wrong_with_a_command_line_is_one_line(words, said, capsys):
    assert main(["serve", *words]) == 2
    assert capsys.readouterr().err == said


def test_ctrl_c_ends_it_without_a_traceback():
    import signal
    import subprocess
    import sys

    words = [sys.executable, "-m", "swarmlab", "serve", "data/clusters/demo-lab.yml", "--bare", "--port", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert run.stdout.readline().startswith("export DOCKER_HOST=tcp://127.0.0.1:")
        assert "Ctrl-C" in run.stdout.readline()
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=20)
    assert (run.returncode, err) == (0, "") and out.endswith("Ended: the swarm is gone.\n")


def test_ctrl_c_while_it_begins_is_no_traceback(monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(Cluster, "from_file", interrupted)
    assert main(["serve", LAB]) == 130
    assert capsys.readouterr().err == "\nEnded.\n"


def test_machines_of_a_file_can_be_had_bare():
    cluster = Cluster.from_file("data/clusters/demo-lab.yml", bare=True)
    assert cluster.docker("node ls", "manager-1").exit_code == 1


# ── what a review found: addresses, clocks, and clients that leave or do not read


def test_two_machines_cannot_have_one_port(swarm):
    with swarm.serve(0) as served:
        port = int(served.host.rpartition(":")[2])
    with pytest.raises(ValueError, match="bind: address already in use"):
        swarm.serve(port, nodes={"worker-1": port})
    Port(port).free()
    path = os.path.join(tempfile.mkdtemp(), "one.sock")
    with swarm.serve(unix=path), pytest.raises(ValueError, match="address already in use"):
        swarm.serve(unix=path)


def test_a_machine_whose_port_was_taken_meanwhile_says_so_once_and_comes_back(swarm, capsys):
    with swarm.serve(0, pace=100, nodes={"worker-1": 0}) as served:
        port = int(served.hosts["worker-1"].rpartition(":")[2])
        swarm.shutdown("worker-1")
        wait_for(lambda: not served._listeners[1].runs)
        time.sleep(0.2)
        with socket.socket() as thief:
            thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            thief.bind(("127.0.0.1", port))
            thief.listen()
            swarm.restart("worker-1")
            wait_for(lambda: served._listeners[1]._complained)
            time.sleep(0.2)
        wait_for(lambda: served._listeners[1]._server)
        assert says(port, b"HEAD /_ping HTTP/1.1\r\nHost: localhost\r\n\r\n").startswith(b"HTTP/1.1 200 ")
    said = capsys.readouterr().err
    assert said.startswith(f"swarmlab: worker-1 cannot listen at tcp://127.0.0.1:{port}: ") and said.count("\n") == 1


def wait_for(what, seconds=5):
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


def says(port, data):
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(data)
        return client.recv(65536)


NODES = b"GET /nodes HTTP/1.1\r\nHost: localhost\r\n\r\n"


def test_the_clock_runs_until_the_last_of_several_servers_is_closed(swarm):
    one, other = swarm.serve(0), swarm.serve(0)
    one.close()
    assert says(int(other.host.rpartition(":")[2]), NODES).startswith(b"HTTP/1.1 200 ")
    other.close()
    assert swarm._conductor.stopped
    own = swarm.conductor()
    swarm.serve(0).close()
    assert not own.stopped  # somebody else began it
    own.stop()


def test_a_live_board_that_is_closed_leaves_the_clock_to_the_server(swarm):
    board = Live(swarm)
    board.start()
    with swarm.serve(0) as served:
        board.close()
        assert says(int(served.host.rpartition(":")[2]), NODES).startswith(b"HTTP/1.1 200 ")
    assert swarm._conductor.stopped


@pytest.mark.parametrize("kind", ["stream", "answer", "hijacked"])
def test_who_does_not_read_is_cut_off(swarm, endpoint, monkeypatch, kind):
    monkeypatch.setattr(server, "QUIET", 0.5)
    ended = threading.Event()

    def pieces():
        try:
            while True:
                yield b"x" * 2**20
        finally:
            ended.set()

    kinds = {"stream": Streamed, "hijacked": Hijacked, "answer": lambda _: Answer(200, b"x" * 2**25)}
    endpoint(lambda session, asked: kinds[kind](pieces()))
    with swarm.serve(0) as served:
        with socket.create_connection(("127.0.0.1", int(served.host.rpartition(":")[2])), timeout=20) as client:
            client.sendall(b"POST /own HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert client.recv(1)
            wait_for(lambda: not served._listeners[0].tasks)
            assert served.streams == 0 and (kind == "answer" or ended.is_set())


@pytest.mark.parametrize("unix", [True, False])
def test_a_client_of_a_hijacked_connection_that_has_gone_is_noticed(swarm, endpoint, unix):
    ended = threading.Event()
    endpoint(lambda session, asked: Hijacked(hello(session, ended)))
    with swarm.serve(None if unix else 0) as served:
        client = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
        client.settimeout(20)
        client.connect(served.host[7:] if unix else ("127.0.0.1", int(served.host.rpartition(":")[2])))
        client.sendall(b"POST /own HTTP/1.1\r\nHost: localhost\r\n\r\n")
        heard_hello(client)
        client.shutdown(socket.SHUT_WR)
        assert not ended.wait(0.3)  # it listens still
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # TCP tells at once then
        client.close()
        assert ended.wait(5)
        wait_for(lambda: served.streams == 0)


def test_closing_waits_for_no_hijacked_connection(swarm, endpoint):
    def pieces():
        while True:
            yield b"x" * 2**20

    endpoint(lambda session, asked: Hijacked(pieces()))
    with swarm.serve(0) as served:
        client = socket.create_connection(("127.0.0.1", int(served.host.rpartition(":")[2])), timeout=20)
        client.sendall(b"POST /own HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.recv(1)
        begun = time.monotonic()
    assert time.monotonic() - begun < 5
    client.close()


def test_what_a_client_asked_for_that_left_before_its_turn_is_not_done(swarm, endpoint, monkeypatch):
    monkeypatch.setattr(server, "THREADS", 1)
    go, done = threading.Event(), []

    def slow(session, asked):
        done.append(asked.query["n"])
        assert go.wait(20)
        return Answer()

    endpoint(slow)
    with swarm.serve(0) as served:
        port = int(served.host.rpartition(":")[2])
        clients = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(2)]
        for n, client in enumerate(clients):
            client.sendall(b"POST /own?n=%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % n)
            wait_for(lambda: len(served._listeners[0].tasks) > n)  # noqa: B023
        wait_for(lambda: done)
        clients[1].close()
        time.sleep(0.2)
        go.set()
        wait_for(lambda: not served._listeners[0].tasks)
        clients[0].close()
    assert done == ["0"]


def test_nobody_waits_for_a_world_that_is_broken(monkeypatch, capsys):
    cluster = Cluster(managers=1, workers=0, seed=1)
    with cluster.serve(0) as served:
        monkeypatch.setattr(cluster, "_pass", lambda until: 1 / 0)
        wait_for(lambda: served.conductor.stopped)
        assert says(int(served.host.rpartition(":")[2]), NODES) == b""
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_who_speaks_tls_is_told_at_once(wire):
    """`docker --tls`: the greeting has no end of a line, and nobody waits for one."""
    greeting = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32) + b"a" * 300
    assert wire.raw(greeting).startswith(
        b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTPS request to an HTTP server."
    )
    assert wire.ask("GET", "/_ping").status == 200
