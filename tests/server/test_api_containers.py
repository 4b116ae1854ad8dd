"""Containers, their output, commands in them and events over HTTP. Source: docker-api.md, §2, §3, §5, §7, §8."""

import json
import struct
from pathlib import Path
from urllib.parse import quote

import pytest

from swarmlab import Cluster
from swarmlab.docker.api import containers
from swarmlab.docker.api.asked import Asked
from swarmlab.messages import ListObjects, Logs, Run
from swarmlab.objects import ApiError

RECORDED = Path(__file__).parent.parent / "api-json"
WANTED = {"Image": "nginx:alpine"}


def post(wire, path, body=None):
    return wire.ask("POST", path, json.dumps(body) if body is not None else None)


@pytest.fixture
def made(wire):
    """Makes containers that run, and takes them away at the end."""
    ids = []

    def make(name="", start=True, **more):
        if not ids:
            wire.served.cluster.docker("pull nginx:alpine")
        reply = post(wire, f"/containers/create?name={name}", WANTED | more)
        assert reply.status == 201, reply.body
        ids.append(reply.json["Id"])
        if start:
            assert post(wire, f"/containers/{ids[-1]}/start").status == 204
        return ids[-1]

    yield make
    for id in ids:
        wire.ask("DELETE", f"/containers/{id}?force=1")


def frames(data):
    found = []
    while data:
        stream, length = struct.unpack(">BxxxI", data[:8])
        found.append((stream, data[8 : 8 + length].decode()))
        data = data[8 + length :]
    return found


def recorded(name):
    value = json.loads((RECORDED / f"{name}.json").read_text())
    return value[0] if isinstance(value, list) else value


def test_a_list_and_an_inspection_have_the_fields_of_the_recorded_engine(wire, made):
    id = made("fields")
    line = next(one for one in wire.ask("GET", "/containers/json").json if one["Id"] == id)
    assert list(line) == list(recorded("containers-json"))
    assert line["Names"] == ["/fields"] and line["State"] == "running" and line["Status"].startswith("Up ")
    whole = wire.ask("GET", "/containers/fields/json").json
    assert list(whole) == list(recorded("container-inspect-task"))
    for part in ("State", "Config", "HostConfig", "NetworkSettings"):
        assert set(whole[part]) >= set(recorded("container-inspect-task")[part]) - {"Health", "Healthcheck", "Init"}


def test_a_container_is_made_first_and_started_then_and_starting_it_again_changes_nothing(wire, made):
    id = made("twice", start=False)
    assert wire.ask("GET", f"/containers/{id}/json").json["State"]["Status"] == "created"
    assert [post(wire, f"/containers/{id}/start").status for _ in range(2)] == [204, 304]
    assert [post(wire, f"/containers/{id}/stop?t=0").status for _ in range(2)] == [204, 304]
    assert post(wire, f"/containers/{id}/restart?t=0").status == 204
    assert post(wire, f"/containers/{id}/rename?name=thrice").status == 204
    assert wire.ask("DELETE", "/containers/thrice").status == 409
    assert post(wire, "/containers/thrice/kill").status == 204
    assert post(wire, "/containers/thrice/wait").json == {"StatusCode": 137}
    assert wire.ask("DELETE", "/containers/thrice").status == 204
    assert wire.ask("GET", "/containers/thrice/json").status == 404


def test_lists_are_filtered_as_asked(wire, made):
    one, two = made("here", Labels={"x": "1"}), made("ended", start=False)

    def ids(query):
        return [one["Id"] for one in wire.ask("GET", f"/containers/json?{query}").json]

    assert one in ids("") and two not in ids("")
    assert two in ids("all=1") and ids("limit=1") == [two]
    for filters in ({"label": ["x=1"]}, {"label": {"x=1": True}}, {"name": ["here"]}, {"id": [one]}):
        assert ids(f"all=1&filters={quote(json.dumps(filters))}") == [one]
    assert ids(f"filters={quote(json.dumps({'status': ['created']}))}") == [two]


def test_output_is_framed_by_stream_and_bounded_as_asked(wire, made):
    made("talks")
    both = frames(wire.ask("GET", "/containers/talks/logs?stdout=1&stderr=1").body)
    assert {stream for stream, _ in both} == {1, 2} and all(text.endswith("\n") for _, text in both)
    assert frames(wire.ask("GET", "/containers/talks/logs?stdout=1&tail=0").body) == []
    [(_, line)] = frames(wire.ask("GET", "/containers/talks/logs?stdout=1&timestamps=1&details=1").body)
    assert line[4] == "-" and line[29] == "Z" and line[30:32] == "  "
    assert frames(wire.ask("GET", "/containers/talks/logs?stdout=1&since=9999999999").body) == []


def test_following_ends_with_the_container(wire, made):
    made("brief")
    with wire.connect() as client:
        client.sendall(b"GET /containers/brief/logs?stdout=1&follow=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 200"
        assert post(wire, "/containers/brief/stop?t=0").status == 204
        rest = b""
        while not rest.endswith(b"0\r\n\r\n"):
            rest += client.recv(65536)


def test_lines_of_a_service_say_whose_they_are(wire):
    cluster = wire.served.cluster
    cluster.docker("service create -d --name lines nginx:alpine")
    wire.served.conductor.session("manager-1").wait(3_000_000)
    [(_, line)] = frames(wire.ask("GET", "/services/lines/logs?stdout=1&details=1").body)
    task = wire.ask("GET", f"/tasks?filters={quote(json.dumps({'service': ['lines']}))}").json[0]
    place = f"com.docker.swarm.node.id={task['NodeID']},com.docker.swarm.service.id={task['ServiceID']}"
    assert line.startswith(f"{place},com.docker.swarm.task.id={task['ID']} ")
    assert frames(wire.ask("GET", f"/tasks/{task['ID']}/logs?stdout=1").body)
    cluster.docker("service rm lines")


def test_a_command_is_made_started_once_and_asked_how_it_ended(wire, made):
    id = made("inside")
    reply = post(wire, "/containers/inside/exec", {"Cmd": ["hostname"], "AttachStdout": True})
    assert reply.status == 201
    own = reply.json["Id"]
    assert wire.ask("GET", f"/exec/{own}/json").json["ExitCode"] is None
    head = f"POST /exec/{own}/start HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
    whole = wire.raw(f"{head}Content-Length: 2\r\n\r\n{{}}".encode())
    head, _, body = whole.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ") and frames(body) == [(1, f"{id[:12]}\n")]
    ended = wire.ask("GET", f"/exec/{own}/json").json
    assert (ended["ExitCode"], ended["Running"], ended["ContainerID"]) == (0, False, id)
    assert post(wire, f"/exec/{own}/start", {}).status == 409


def test_events_are_lines_of_json_and_end_where_they_are_asked_to(wire, made):
    id = made("noted")
    reply = wire.ask("GET", f"/events?since=0&until=1&filters={quote(json.dumps({'container': [id]}))}")
    assert (reply.status, reply.body, reply.headers["Content-Type"]) == (200, b"", "application/json")
    with wire.connect() as client:
        client.sendall(b"GET /events?filters=%7B%22container%22:[%22noted%22]%7D HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 200"
        post(wire, "/containers/noted/kill")
        text = b""
        while b'"die"' not in text:
            text += client.recv(65536)
    event = json.loads(next(line for line in text.split(b"\n") if b'"Action":"kill"' in line))
    assert set(event) == set(recorded("events-sample")) | {"status", "id", "from"}
    assert event["timeNano"] // 10**9 == event["time"] and event["Actor"]["ID"] == id


HOST = [
    ({"PortBindings": {"x/y": []}}, 'invalid port specification: "x/y"'),
    ({"PortBindings": {"80/tcp": [{"HostPort": "99999"}]}}, 'invalid port specification: "99999"'),
    ({"Binds": ["x"]}, "invalid volume specification: 'x'"),
    (
        {"RestartPolicy": {"Name": "always"}, "AutoRemove": True},
        "can't create 'AutoRemove' container with restart policy",
    ),
    ({"Binds": ["x:"]}, "invalid volume specification: 'x:'"),
    ({"Mounts": [{"Type": "odd", "Target": "/x"}]}, 'invalid mount config for type "odd": mount type unknown'),
]
BODIES = [
    ({}, 400, "No image was specified in the container's configuration"),
    ({"Image": "no/such"}, 404, "No such image: no/such:latest"),
    ({"Image": 1}, 400, "json: cannot unmarshal number into Go struct field CreateRequest.Image of type string"),
    (WANTED | {"Env": ["=x"]}, 400, "invalid environment variable: =x"),
    *[(WANTED | {"HostConfig": host}, 400, text) for host, text in HOST],
]


@pytest.mark.parametrize(("body", "status", "text"), BODIES)
def test_what_no_container_can_be_made_of_is_refused(wire, body, status, text):
    reply = post(wire, "/containers/create", body)
    assert (reply.status, reply.json) == (status, {"message": text})


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("GET", "/containers/nobody/json", 404, "No such container: nobody"),
        ("POST", "/containers/nobody/wait", 404, "No such container: nobody"),
        ("GET", "/containers/nobody/logs?stdout=1", 404, "No such container: nobody"),
        ("GET", "/services/nobody/logs?stdout=1", 404, "service nobody not found"),
        ("GET", "/tasks/nobody/logs?stdout=1", 404, "task nobody not found"),
        ("POST", "/exec/nobody/start", 404, "No such exec instance: nobody"),
        ("GET", "/containers/nobody/top", 404, "No such container: nobody"),
        ("POST", "/images/a/b/push", 501, "docker push: not in this simulation"),
        ("GET", "/containers/json?limit=x", 400, 'strconv.ParseInt: parsing "x": invalid syntax'),
        ("GET", "/containers/json?filters=%7B%22color%22:[%22x%22]%7D", 400, "Invalid filter 'color'"),
        ("GET", "/events?filters=%7B%22color%22:[%22x%22]%7D", 400, "invalid filter 'color'"),
        ("POST", "/containers/prune?filters=%7B%22color%22:[%22x%22]%7D", 400, "Invalid filter 'color'"),
    ],
)
def test_what_is_not_there_or_no_request_is_refused_in_dockers_words(wire, method, path, status, text):
    reply = wire.ask(method, path)
    assert (reply.status, reply.json) == (status, {"message": text})


def test_logs_of_neither_stream_are_refused(wire, made):
    made("mute")
    reply = wire.ask("GET", "/containers/mute/logs")
    assert (reply.status, reply.json["message"]) == (400, "Bad parameters: you must choose at least one stream")


def test_a_port_that_is_taken_is_the_engines_trouble_and_no_mistake_of_the_request(wire, made):
    ports = {"PortBindings": {"80/tcp": [{"HostPort": "8123"}]}}
    made("first", HostConfig=ports)
    id = made("second", start=False, HostConfig=ports)
    reply = post(wire, f"/containers/{id}/start")
    assert reply.status == 500 and "port is already allocated" in reply.json["message"]


def test_containers_are_listed_and_inspected_without_a_leader():
    """§9, "Quorum lost": workers' containers go on, and so do the engines that hold them."""
    cluster = Cluster(managers=2, workers=0, seed=1)
    cluster.docker("service create --name web --replicas 2 nginx:alpine")
    cluster.crash("manager-2")
    session = cluster.conductor(0).session("manager-1")
    session.elapse(60_000_000)
    try:
        [line] = containers.list_containers(session, Asked("GET", "/containers/json")).body
        asked = Asked("GET", "", names={"ref": line["Id"]})
        assert containers.inspect(session, asked).body["State"]["Running"]
        with pytest.raises(ApiError, match="does not have a leader"):
            session.call(ListObjects("task"))
    finally:
        cluster.conductor().stop()


def test_the_process_of_a_container_that_runs_is_shown(wire, made):
    id = made("busy")
    shown = wire.ask("GET", f"/containers/{id}/top?ps_args=aux").json
    assert dict(zip(shown["Titles"], shown["Processes"][0], strict=True))["CMD"].endswith("nginx -g 'daemon off;'")
    wire.ask("POST", f"/containers/{id}/stop?t=0")
    reply = wire.ask("GET", f"/containers/{id}/top")
    assert (reply.status, reply.json) == (409, {"message": f"container {id} is not running"})


def test_an_image_is_one_layer_without_a_date(wire, made):
    made("layers")
    listed = next(one for one in wire.ask("GET", "/images/json").json if one["RepoTags"] == ["nginx:alpine"])
    (layer,) = wire.ask("GET", "/images/nginx:alpine/history").json
    assert (layer["Id"], layer["Size"], layer["Tags"]) == (listed["Id"], listed["Size"], listed["RepoTags"])
    assert layer["Created"] == listed["Created"] == -62_135_596_800  # which clients show as N/A
    assert wire.ask("GET", "/images/nosuch/history").status == 404


def test_output_of_a_service_with_a_terminal_comes_without_frames(wire):
    cluster = wire.served.cluster
    cluster.docker("service create -d --name screen --tty --constraint node.role==manager nginx:alpine")
    cluster.run_for(20)
    try:
        reply = wire.ask("GET", "/services/screen/logs?stdout=1&stderr=1")
        assert reply.headers["Content-Type"] == "application/vnd.docker.raw-stream"
        assert reply.body == b"notice on stderr\r\nserve nginx:alpine started\r\n"
    finally:
        cluster.docker("service rm screen")


def test_nobody_waits_for_a_leader_who_looks_at_a_container_or_lists_networks(wire):
    cluster = Cluster(managers=3, workers=0, seed=1)
    cluster.docker("service create -d --name web --replicas 3 nginx:alpine")
    cluster.run_for(20)
    with cluster.serve(0, pace=50, machine="manager-3") as served:
        wire = type(wire)(served)
        (of_task,) = wire.ask("GET", "/containers/json").json
        cluster.crash("manager-1")
        cluster.crash("manager-2")
        begun = cluster.now
        assert wire.ask("GET", f"/containers/{of_task['Id']}/json").status == 200
        assert cluster.now - begun < 15  # a request for the managers is given up after 20 s
        names = [one["Name"] for one in wire.ask("GET", "/networks").json]
        assert "bridge" in names and "ingress" in names
        assert wire.ask("GET", "/networks/ingress").json["Scope"] == "swarm"


def test_a_worker_too_hears_the_last_of_a_container_that_was_removed():
    cluster = Cluster(managers=1, workers=1, seed=1)
    cluster.docker("pull alpine", "worker-1")
    session = cluster.conductor(pace=0).session("worker-1")
    try:
        id = session.call(Run("alpine", args=("echo", "bye"), remove=True))
        session.elapse(1_000_000)
        with pytest.raises(ApiError, match="No such container"):
            session.call(Logs("container", id))
        assert [line.text for line in session.call(Logs("gone", id)).lines] == ["bye"]
    finally:
        cluster.conductor().stop()


def test_what_a_container_uses_is_shown_once_or_again_and_again(wire, made):
    id = made("used")
    once = wire.ask("GET", f"/containers/{id}/stats?stream=0").json
    assert (once["name"], once["id"], once["pids_stats"]) == ("/used", id, {"current": 1})
    assert once["memory_stats"]["usage"] > 2**20 and once["memory_stats"]["limit"] == 4 * 2**30
    passed = once["cpu_stats"]["system_cpu_usage"] - once["precpu_stats"]["system_cpu_usage"]
    assert passed == pytest.approx(2e9, rel=0.5)  # a second of two processors
    assert once["cpu_stats"]["cpu_usage"]["total_usage"] == 0  # nobody asks it for anything
    with wire.connect() as client:
        client.sendall(f"GET /containers/{id}/stats HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        heard = b""
        while heard.count(b'"read":') < 2:
            heard += client.recv(65536)
    wire.ask("POST", f"/containers/{id}/stop?t=0")
    ended = wire.ask("GET", f"/containers/{id}/stats?stream=false").json
    assert (ended["read"], ended["memory_stats"]) == ("0001-01-01T00:00:00Z", {})
    assert wire.ask("GET", "/containers/nobody/stats").status == 404
