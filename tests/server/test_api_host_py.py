"""docker-py drives one machine's engine: containers, commands in them, images, volumes, networks, events (docker-api.md §10).

What it reads has the fields of the recorded engine (`tests/api-json`).
"""

import json
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from swarmlab import Cluster

docker = pytest.importorskip("docker", reason="docker-py is not installed", exc_type=ImportError)
FOLDER = Path(__file__).resolve().parent.parent / "api-json"
STARTED = b"notice on stderr\nserve nginx:alpine started\n"


def recorded(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text())


@pytest.fixture(scope="module")
def door() -> Iterator[Any]:
    with Cluster(managers=1, workers=1, seed=1).serve(0, pace=0, nodes={"worker-1": 0}) as served:
        yield served


@pytest.fixture(scope="module")
def client(door: Any) -> Iterator[Any]:
    found = docker.DockerClient(base_url=door.host)
    yield found
    found.close()


@pytest.fixture
def web(client: Any) -> Iterator[Any]:
    """A container that runs."""
    made = client.containers.run("nginx:alpine", detach=True, name="web", hostname="inside", labels={"x": "y"})
    yield made
    made.remove(force=True)


# ── containers ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_container_that_is_run_to_its_end_gives_its_output(client: Any) -> None:
    assert client.containers.run("alpine", "echo hello", remove=True) == b"hello\n"
    assert list(client.containers.run("alpine", "echo hello", remove=True, stream=True)) == [b"hello\n"]
    with pytest.raises(docker.errors.ContainerError) as fault:
        client.containers.run("alpine", "false")
    assert (fault.value.exit_status, fault.value.stderr) == (1, b"")
    fault.value.container.remove()
    with pytest.raises(docker.errors.ImageNotFound):
        client.containers.run("nosuch/image")


def test_a_container_lives_its_life(client: Any) -> None:
    with pytest.raises(docker.errors.NotFound):
        client.containers.get("life")
    client.images.pull("nginx:alpine")
    made = client.containers.create("nginx:alpine", name="life")
    assert made.status == "created"
    made.start()
    made.reload()
    assert (made.status, made.name, made.image.tags) == ("running", "life", ["nginx:alpine"])
    made.rename("lives")
    made.restart(timeout=1)
    made.stop(timeout=1)
    made.stop()  # once is enough
    made.reload()
    assert (made.status, made.name, made.wait()) == ("exited", "lives", {"StatusCode": 0})
    made.start()
    made.start()
    made.kill()
    assert made.wait(condition="not-running", timeout=10) == {"StatusCode": 137}
    with pytest.raises(docker.errors.APIError) as refusal:
        made.kill()
    assert refusal.value.status_code == 409
    made.remove()
    with pytest.raises(docker.errors.NotFound):
        made.reload()


def test_containers_are_listed_by_what_they_are(client: Any, web: Any) -> None:
    ended = client.containers.create("alpine", "echo x", name="ended")
    assert client.containers.list() == [web]
    assert client.containers.list(all=True) == [ended, web]
    assert client.containers.list(limit=1) == [ended]
    assert client.containers.list(all=True, filters={"label": ["x=y"]}) == [web]
    assert client.containers.list(filters={"status": "created"}) == [ended]
    assert client.containers.list(sparse=True)[0].attrs["Labels"] == {"x": "y"}
    for filters in ({"until": "1h"}, {"label": "x=y"}, {"label!": []} | {"until": "2020-01-01"}):
        assert client.containers.prune(filters) == {"ContainersDeleted": None, "SpaceReclaimed": 0}
    with pytest.raises(docker.errors.APIError, match="failed to parse value as time or duration"):
        client.containers.prune({"until": "soon"})
    assert client.containers.prune({"until": "0s"}) == {"ContainersDeleted": [ended.id], "SpaceReclaimed": 0}
    assert client.containers.list(all=True) == [web]


def test_what_an_inspection_tells_has_the_recorded_fields(client: Any, web: Any) -> None:
    web.reload()
    real = recorded("container-inspect-task")
    assert list(web.attrs) == list(real)
    for part in ("State", "HostConfig", "NetworkSettings"):
        assert list(web.attrs[part]) == [key for key in real[part] if (part, key) != ("HostConfig", "Init")]
    [end] = web.attrs["NetworkSettings"]["Networks"].values()
    assert list(end) == list(real["NetworkSettings"]["Networks"]["bridge"])


def test_ports_and_networks_are_those_of_a_container_that_runs(client: Any) -> None:
    """One that was never started has the names of its networks alone, and one that has ended has no ports."""
    made = client.containers.create(
        "nginx:alpine", name="ports", ports={"80/tcp": 8080, "443/tcp": ("127.0.0.1", 8443)}
    )
    assert made.ports == {}
    [(name, end)] = made.attrs["NetworkSettings"]["Networks"].items()
    assert (name, end["IPAddress"], end["EndpointID"]) == ("bridge", "", "")
    made.start()
    made.reload()
    assert made.ports["80/tcp"] == [{"HostIp": "0.0.0.0", "HostPort": "8080"}]
    assert client.api.port("ports", 80) == made.ports["80/tcp"]
    assert made.attrs["NetworkSettings"]["Networks"]["bridge"]["IPAddress"].startswith("172.17.0.")
    made.stop()
    made.reload()
    assert made.ports == {} and made.attrs["NetworkSettings"]["IPAddress"] == ""
    assert [one["Ports"] for one in client.api.containers(all=True, filters={"name": "ports"})] == [[]]
    assert list(made.attrs["NetworkSettings"]["Networks"]) == ["bridge"]
    made.remove(v=True)


def test_where_no_port_is_named_the_engine_chooses_one(client: Any) -> None:
    wishes: tuple[dict[str, Any], ...] = ({"ports": {"80/tcp": None}}, {"publish_all_ports": True})
    made = [client.containers.run("nginx:alpine", detach=True, **wish) for wish in wishes]
    for one in made:
        one.reload()
    assert [one.ports["80/tcp"][0]["HostPort"] for one in made] == ["32768", "32769"]
    for one in made:
        one.remove(force=True)


def test_one_that_cannot_start_goes_where_it_is_to_go_when_it_ends(client: Any) -> None:
    with pytest.raises(docker.errors.NotFound, match="network nosuch not found"):
        client.containers.run("nginx:alpine", detach=True, network="nosuch", auto_remove=True, name="gone")
    holder = client.containers.run("nginx:alpine", detach=True, ports={"80/tcp": 8099})
    with pytest.raises(docker.errors.APIError, match="port is already allocated"):
        client.containers.run("nginx:alpine", detach=True, ports={"80/tcp": 8099}, auto_remove=True, name="gone")
    assert client.containers.list(all=True) == [holder]
    holder.remove(force=True)


def test_words_with_blanks_are_words(client: Any) -> None:
    made = client.containers.create("alpine", ["sh", "-c", "echo hello"])
    assert (made.attrs["Path"], made.attrs["Args"]) == ("sh", ["-c", "echo hello"])
    assert client.api.containers(latest=True)[0]["Command"] == "sh -c 'echo hello'"
    made.remove()
    assert client.images.pull("nginx:alpine").attrs["Config"]["Cmd"][1:] == ["nginx", "-g", "daemon off;"]


# ── what they print ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_output_is_read_by_stream_by_tail_and_by_time(web: Any) -> None:
    assert web.logs() == STARTED
    assert web.logs(stdout=False) == b"notice on stderr\n" and web.logs(stderr=False) == web.logs(tail=1)
    assert list(web.logs(stream=True, follow=False)) == STARTED.splitlines(keepends=True)
    stamp, _, text = web.logs(timestamps=True, tail=1).partition(b" ")
    assert len(stamp) == len("2026-01-01T00:00:00.000000000Z") and text == b"serve nginx:alpine started\n"
    assert web.logs(since=2_000_000_000) == web.logs(until=1_000_000_000) == b""
    assert web.logs(since=1_000_000_000.5, tail="all") == STARTED


def test_what_was_printed_so_far_is_attached_to_without_waiting(web: Any) -> None:
    assert web.attach(logs=True, stream=False) == STARTED
    assert web.attach(logs=True, stream=False, stderr=False) == b"serve nginx:alpine started\n"
    assert web.attach(stream=False) == b""


def test_output_is_followed_until_the_container_ends(web: Any) -> None:
    lines = web.logs(stream=True, follow=True)
    assert [next(lines), next(lines)] == STARTED.splitlines(keepends=True)
    threading.Timer(0.2, web.kill).start()
    assert list(lines) == []
    assert list(web.attach(stream=True, logs=True)) == STARTED.splitlines(keepends=True)


def test_commands_run_in_a_container(client: Any, web: Any) -> None:
    assert web.exec_run("hostname") == (0, b"inside\n")
    assert web.exec_run("hostname", demux=True) == (0, (b"inside\n", None))
    assert list(web.exec_run("hostname", stream=True).output) == [b"inside\n"]
    assert web.exec_run(["sh", "-c", "echo $A"], environment={"A": "b c"}) == (0, b"b c\n")
    assert web.exec_run("hostname", tty=True) == (0, b"inside\r\n")
    assert web.exec_run("cat /nowhere", demux=True) == (
        1,
        (None, b"cat: can't open '/nowhere': No such file or directory\n"),
    )
    assert web.exec_run("nosuchcommand").exit_code == 126
    id = client.api.exec_create(web.id, "hostname")["Id"]
    assert client.api.exec_inspect(id)["ExitCode"] is None
    assert client.api.exec_start(id) == b"inside\n"
    assert client.api.exec_inspect(id)["ProcessConfig"]["entrypoint"] == "hostname"
    web.stop()
    with pytest.raises(docker.errors.APIError) as refusal:
        web.exec_run("hostname")
    assert refusal.value.status_code == 409


# ── images ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_images_are_pulled_listed_and_removed(client: Any) -> None:
    image = client.images.pull("redis", "alpine")
    assert (image.tags, client.images.get(image.id), client.images.get(image.short_id)) == ([*image.tags], image, image)
    assert list(image.attrs) == list(recorded("image-inspect"))
    assert client.images.list("redis") == client.images.list(filters={"reference": "redis:*"}) == [image]
    assert [line["status"][:7] for line in client.api.pull("redis:alpine", stream=True, decode=True)] == [
        "Pulling",
        "Digest:",
        "Status:",
    ]
    made = client.containers.create("redis:alpine")
    with pytest.raises(docker.errors.APIError) as refusal:
        client.images.remove("redis:alpine")
    assert refusal.value.status_code == 409
    made.remove()
    client.images.remove("redis:alpine")
    for absent in (client.images.get, client.images.remove, client.images.pull):
        with pytest.raises(docker.errors.ImageNotFound):
            absent("nosuch/image")
    assert client.images.prune() == {"ImagesDeleted": None, "SpaceReclaimed": 0}


def test_the_registry_tells_what_it_has(client: Any) -> None:
    data = client.images.get_registry_data("nginx:alpine")
    assert data.id == data.attrs["Descriptor"]["digest"]
    assert data.has_platform("linux/amd64") and not data.has_platform("linux/s390x")
    with pytest.raises(docker.errors.NotFound):
        client.images.get_registry_data("nosuch/image")


# ── volumes and networks ─────────────────────────────────────────────────────────────────────────────────────────────


def test_volumes_outlive_containers(client: Any) -> None:
    volume = client.volumes.create("pages", driver="local", labels={"a": "b"})
    assert set(volume.attrs) == {"CreatedAt", "Driver", "Labels", "Mountpoint", "Name", "Options", "Scope"}
    made = client.containers.run("nginx:alpine", detach=True, volumes={"pages": {"bind": "/p", "mode": "ro"}})
    made.reload()
    [mount] = made.attrs["Mounts"]
    assert (mount["Name"], mount["Destination"], mount["RW"]) == ("pages", "/p", False)
    with pytest.raises(docker.errors.APIError) as refusal:
        volume.remove()
    assert refusal.value.status_code == 409
    made.remove(force=True)
    assert client.volumes.get("pages") in client.volumes.list(filters={"dangling": True})
    volume.remove()
    with pytest.raises(docker.errors.NotFound):
        client.volumes.get("pages")


def test_a_volume_without_a_name_goes_with_its_container(client: Any) -> None:
    made = client.containers.run("nginx:alpine", detach=True, volumes=["/data"])
    [volume] = client.volumes.list()
    assert len(volume.name) == 64
    made.remove(force=True, v=True)
    assert client.volumes.list() == []
    other = client.volumes.create()
    assert client.volumes.prune() == {"VolumesDeleted": [other.name], "SpaceReclaimed": 0}


def test_containers_are_connected_to_a_network_and_cut_off(client: Any, web: Any) -> None:
    pool = docker.types.IPAMPool(subnet="172.30.0.0/24", gateway="172.30.0.1")
    net = client.networks.create("own", driver="bridge", ipam=docker.types.IPAMConfig(pool_configs=[pool]))
    assert set(net.attrs) == set(recorded("network-bridge"))
    net.connect(web, aliases=["alias"], ipv4_address="172.30.0.9")
    net.reload()
    assert net.containers == [web]
    assert net.attrs["Containers"][web.id]["IPv4Address"] == "172.30.0.9/24"
    web.reload()
    assert set(web.attrs["NetworkSettings"]["Networks"]) == {"bridge", "own"}
    with pytest.raises(docker.errors.APIError) as refusal:
        net.remove()
    assert refusal.value.status_code == 403
    net.disconnect(web)
    assert client.networks.list(names=["own"], greedy=True) == [client.networks.get("own")]
    assert client.networks.prune() == {"NetworksDeleted": ["own"]}
    with pytest.raises(docker.errors.NotFound):
        client.networks.get("own")


# ── events and the engine ────────────────────────────────────────────────────────────────────────────────────────────


def test_events_come_as_they_happen(client: Any) -> None:
    events = client.events(decode=True, filters={"type": "container", "event": ["start", "die"]})
    made = client.containers.run("nginx:alpine", detach=True, name="seen")
    made.kill()
    found = [next(events), next(events)]
    events.close()
    assert [(one["Action"], one["Actor"]["ID"]) for one in found] == [("start", made.id), ("die", made.id)]
    assert set(found[0]) == set(recorded("events-sample")[0]) | {"status", "id", "from"}
    made.remove()
    then = found[1]["time"]
    again = list(client.events(decode=True, since=then - 5, until=then + 1, filters={"container": "seen"}))
    assert found[1] in again and again[-1]["Action"] in ("die", "destroy")
    assert list(client.events(since=1, until=2)) == []


def test_the_engine_says_what_it_is(client: Any, door: Any) -> None:
    assert client.ping() is True
    assert set(recorded("info-manager")) - {"Warnings"} <= set(client.info())
    assert list(client.version()) == list(recorded("version"))
    assert list(client.df()) == list(recorded("system-df"))
    assert client.login("somebody", "secret")["Status"] == "Login Succeeded"
    assert client.plugins.list() == []
    with closing(docker.DockerClient(base_url=door.hosts["worker-1"])) as worker:
        assert worker.info()["Swarm"]["ControlAvailable"] is False
        assert worker.swarm.attrs == {}
        with pytest.raises(docker.errors.APIError) as refusal:
            worker.nodes.list()
        assert refusal.value.status_code == 503


@pytest.mark.parametrize("version", ["auto", "1.24", "1.40", "1.47"])
def test_older_versions_are_spoken_too(door: Any, version: str) -> None:
    with closing(docker.DockerClient(base_url=door.host, version=version)) as client:
        assert len(client.nodes.list()) == 2
        assert client.info()["Swarm"]["Nodes"] == 2


def test_a_newer_version_is_refused_in_the_engines_words(door: Any) -> None:
    with closing(docker.DockerClient(base_url=door.host, version="1.99")) as client:
        with pytest.raises(docker.errors.APIError, match="is too new"):
            client.info()
