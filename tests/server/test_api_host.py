"""One machine's engine over HTTP: what it says of itself, its images and volumes, and its way into a swarm and out of it.

Answers are compared with those of a real engine (`tests/api-json`). Source: docker-api.md, §2, 3, 5, 8.
"""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from swarmlab import Cluster

FOLDER = Path(__file__).resolve().parent.parent / "api-json"


class Reply(NamedTuple):
    status: int
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.body.splitlines()]


class Engine:
    """What a client may ask one machine."""

    def __init__(self, host: str):
        self.port = int(host.rpartition(":")[2])

    def ask(self, method: str, path: str, body: Any = None) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        try:
            connection.request(method, path, data, {"Content-Type": "application/json"} if data else {})
            answer = connection.getresponse()
            return Reply(answer.status, answer.read())
        finally:
            connection.close()

    def refused(self, method: str, path: str, body: Any = None) -> tuple[int, str]:
        """The status and the words of a refusal."""
        reply = self.ask(method, path, body)
        assert set(reply.json) == {"message"}
        return reply.status, reply.json["message"]


@pytest.fixture(scope="module")
def swarm() -> Iterator[dict[str, Engine]]:
    """A manager and a worker, with a container and an image or two."""
    cluster = Cluster(managers=1, workers=1, seed=1)
    cluster.docker("service create -d --name web --mode global --mount type=volume,src=pages,dst=/d nginx:alpine")
    cluster.run_for(30)
    with cluster.serve(0, 0, nodes={"worker-1": 0}) as served:
        yield {machine: Engine(host) for machine, host in served.hosts.items()}


@pytest.fixture
def manager(swarm: dict[str, Engine]) -> Engine:
    return swarm["manager-1"]


@pytest.fixture
def worker(swarm: dict[str, Engine]) -> Engine:
    return swarm["worker-1"]


@pytest.fixture
def lonely() -> Iterator[tuple[Cluster, dict[str, Engine]]]:
    """Two machines that are in no swarm."""
    cluster = Cluster.from_file("data/clusters/three-managers.yml", bare=True)
    with cluster.serve(0, 0, nodes={"manager-2": 0}, machine="manager-1") as served:
        yield cluster, {machine: Engine(host) for machine, host in served.hosts.items()}


def recorded(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text())


FREE = ("Labels", "Options", "Networks", "Runtimes", "Containers", "Ports")  # whose keys, or lengths, are of a run


def shape(value: Any, name: str = "") -> Any:
    """Names, order and kinds of values, without the values themselves."""
    if isinstance(value, dict) and name not in FREE:
        return {key: shape(inner, key) for key, inner in value.items()}
    if isinstance(value, list) and name not in FREE:
        return [shape(inner) for inner in value[:1]]
    return type(value).__name__ if value is not None else None


# ── what an engine says of itself


@pytest.mark.parametrize(("machine", "file"), [("manager-1", "info-manager"), ("worker-1", "info-worker")])
def test_info_has_the_shape_of_the_recorded_one(swarm, machine, file):
    ours, real = swarm[machine].ask("GET", "/v1.47/info").json, recorded(file)
    assert list(ours) == list(real) and list(ours["Swarm"]) == list(real["Swarm"])
    assert shape(ours["Swarm"].get("Cluster", {})) == shape(real["Swarm"].get("Cluster", {}))
    assert ours["Swarm"]["ControlAvailable"] is (machine == "manager-1")
    assert ours["Containers"] == ours["ContainersRunning"] == 1


def test_a_machine_in_no_swarm_says_so(lonely):
    ours = lonely[1]["manager-1"].ask("GET", "/info").json
    assert shape(ours["Swarm"]) == shape(recorded("info-inactive")["Swarm"])
    assert ours["Swarm"]["LocalNodeState"] == "inactive"


def test_version_names_the_versions_that_are_spoken_on_the_wire(manager):
    ours = manager.ask("GET", "/version").json
    assert shape(ours) == shape(recorded("version"))
    for place in (ours, ours["Components"][0]["Details"]):
        assert (place["ApiVersion"], place["MinAPIVersion"]) == ("1.47", "1.24")


def test_everybody_may_log_in(manager):
    assert manager.ask("POST", "/auth", {"username": "a", "password": "b"}).json["Status"] == "Login Succeeded"
    assert manager.refused("POST", "/auth", {"username": 1})[0] == 400
    assert manager.refused("POST", "/auth", b"{")[0] == 400


def test_disk_usage_has_the_shape_of_the_recorded_one(manager):
    ours, real = manager.ask("GET", "/system/df").json, recorded("system-df")
    assert list(ours) == list(real)
    assert shape(ours["Images"]) == shape(real["Images"])
    assert ours["LayersSize"] == sum(image["Size"] for image in ours["Images"]) > 0
    assert ours["Volumes"][0]["UsageData"] == {"RefCount": 1, "Size": 0}
    assert [one["State"] for one in ours["Containers"]] == ["running"]


# ── images


def test_images_are_listed_as_recorded(worker):
    ours = worker.ask("GET", "/images/json").json
    assert shape(ours) == shape(recorded("images-json-excerpt"))
    assert ours[0]["RepoTags"] == ["nginx:alpine"] and ours[0]["Containers"] == ours[0]["SharedSize"] == -1


@pytest.mark.parametrize("filters", ['{"reference":{"redis":true}}', '{"reference":["redis"]}'])
def test_images_are_filtered_by_both_forms(worker, filters):
    assert worker.ask("GET", f"/images/json?filters={filters}").json == []


def test_an_image_is_inspected_by_name_and_by_id(worker):
    ours = worker.ask("GET", "/images/docker.io/library/nginx:alpine/json").json
    assert list(ours) == list(recorded("image-inspect"))
    assert worker.ask("GET", f"/images/{ours['Id'][7:19]}/json").json == ours


def test_a_pull_says_what_it_does_and_the_image_is_here_then(manager):
    path = "/images/create?fromImage=docker.io/library/redis&tag=7"
    assert [line["status"].partition(":")[0] for line in manager.ask("POST", path).lines] == [
        "Pulling from library/redis",
        "Digest",
        "Status",
    ]
    assert "up to date" in manager.ask("POST", path).lines[-1]["status"]
    id = manager.ask("GET", "/images/redis:7/json").json["Id"]
    assert manager.ask("DELETE", f"/images/{id[7:19]}").json == [{"Untagged": "redis:7"}, {"Deleted": id}]
    assert manager.ask("GET", "/images/redis:7/json").status == 404


def test_prune_takes_the_images_that_no_container_uses(manager):
    assert manager.ask("POST", "/images/create?fromImage=redis:7").status == 200
    assert manager.ask("POST", "/images/prune").json == {"ImagesDeleted": None, "SpaceReclaimed": 0}
    gone = manager.ask("POST", '/images/prune?filters={"dangling":{"false":true}}').json
    assert gone["ImagesDeleted"][0] == {"Untagged": "redis:7"} and gone["SpaceReclaimed"] > 0
    assert manager.ask("POST", "/build/prune").json == {"CachesDeleted": None, "SpaceReclaimed": 0}


def test_the_registry_tells_the_digest_by_which_all_nodes_run_the_same(manager):
    ours = manager.ask("GET", "/distribution/nginx:alpine/json").json
    assert shape(ours) == shape(recorded("distribution"))
    image = manager.ask("GET", "/images/nginx:alpine/json").json
    assert image["RepoDigests"] == [f"nginx@{ours['Descriptor']['digest']}"]


# ── volumes


def test_a_volume_is_made_once_and_removed(manager):
    wish = {"Name": "v1", "Labels": {"a": "b"}, "DriverOpts": None}
    made = manager.ask("POST", "/volumes/create", wish)
    assert (made.status, made.json["Labels"], made.json["Scope"]) == (201, {"a": "b"}, "local")
    assert manager.ask("POST", "/volumes/create", {"Name": "v1"}).json == made.json
    found = manager.ask("GET", '/volumes?filters={"label":["a=b"]}').json
    assert list(found) == list(recorded("volumes")) and found["Volumes"] == [made.json]
    assert manager.ask("GET", "/volumes/v1").json == made.json
    assert manager.ask("DELETE", "/volumes/v1") == (204, b"")
    assert manager.refused("DELETE", "/volumes/v1") == (404, "get v1: no such volume")
    assert manager.ask("DELETE", "/volumes/v1?force=1").status == 204


def test_prune_spares_volumes_that_have_a_name_and_those_in_use(manager):
    nameless = manager.ask("POST", "/volumes/create", {}).json["Name"]
    manager.ask("POST", "/volumes/create", {"Name": "mine", "Labels": {"keep": ""}})
    assert manager.ask("POST", "/volumes/prune").json == {"VolumesDeleted": [nameless], "SpaceReclaimed": 0}
    spared = '/volumes/prune?filters={"all":["true"],"label!":["keep"]}'
    assert manager.ask("POST", spared).json["VolumesDeleted"] == []
    assert manager.ask("POST", '/volumes/prune?filters={"all":["true"]}').json["VolumesDeleted"] == ["mine"]


# ── what is refused


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("GET", "/images/nada/json", None, 404, "no such image: nada: No such image: nada:latest"),
        ("DELETE", "/images/nada", None, 404, "No such image: nada:latest"),
        ("POST", "/images/create", None, 501, "images come from the pretend registry alone: say fromImage"),
        ("POST", "/images/create?fromImage=a b", None, 400, "invalid reference format"),
        ("GET", "/images/json?filters=%7B%22color%22:[%22red%22]%7D", None, 400, "Invalid filter 'color'"),
        ("GET", "/images/json?filters=red", None, 400, "invalid filter"),
        ("POST", "/images/prune?filters=%7B%22color%22:[%22x%22]%7D", None, 400, "invalid filter 'color'"),
        ("GET", "/distribution/nosuch/image:9/json", None, 404, "manifest unknown: manifest unknown"),
        ("GET", "/volumes/nada", None, 404, "get nada: no such volume"),
        ("DELETE", "/volumes/../x", None, 404, "page not found"),
        ("POST", "/volumes/create", {"Driver": "x"}, 404, 'error looking up volume plugin x: plugin "x" not found'),
        ("POST", "/volumes/create", {"ClusterVolumeSpec": {}}, 501, "volumes of the whole swarm are not simulated"),
        ("POST", "/volumes/create", b"", 400, "got EOF while reading request body"),
        ("POST", "/swarm/join", {"RemoteAddrs": []}, 400, "at least 1 RemoteAddr is required to join"),
        ("POST", "/swarm/join", {"RemoteAddrs": ["a"], "Availability": "x"}, 400, 'invalid Availability: "x"'),
        ("POST", "/swarm/init", {"Spec": {"Name": "x"}}, 400, 'swarm spec must be named "default"'),
        ("POST", "/swarm/unlock", {"UnlockKey": "x"}, 409, "swarm is not locked"),
    ],
)
def test_what_cannot_be_done_is_refused_as_docker_refuses_it(manager, method, path, body, status, message):
    assert manager.refused(method, path.replace(" ", "%20"), body) == (status, message)


def test_a_pull_of_what_no_registry_has_is_refused_before_it_begins(manager):
    status, message = manager.refused("POST", "/images/create?fromImage=nosuch/image&tag=9")
    assert status == 404 and message.startswith("pull access denied for nosuch/image, repository does not exist")


def test_what_is_in_use_stays(worker):
    status, message = worker.refused("DELETE", "/images/nginx:alpine?force=1")
    assert status == 409 and message.startswith("conflict: unable to remove repository reference")
    status, message = worker.refused("DELETE", "/volumes/pages")
    assert status == 409 and message.startswith("remove pages: volume is in use - [")


@pytest.mark.parametrize(
    "body",
    [{"DataPathPort": "x"}, {"DataPathPort": -1}, {"Spec": {"Raft": 3}}, {"DefaultAddrPool": [1]}, {"Availability": 7}],
)
def test_a_swarm_of_nonsense_is_not_begun(lonely, body):
    status, message = lonely[1]["manager-1"].refused("POST", "/swarm/init", body)
    assert status == 400 and message.startswith("json: cannot unmarshal ")


# ── into a swarm, and out of it

ALREADY = 'This node is already part of a swarm. Use "docker swarm leave" to leave this swarm and join another one.'
LAST = "You are attempting to leave the swarm on a node that is participating as a manager. Removing the last manager "


def test_machines_get_in_and_out(lonely):
    first, second = lonely[1]["manager-1"], lonely[1]["manager-2"]
    assert second.refused("POST", "/swarm/leave") == (503, "This node is not part of a swarm")
    spec = {"Orchestration": {"TaskHistoryRetentionLimit": 0}, "EncryptionConfig": {"AutoLockManagers": False}}
    wish = {
        "AdvertiseAddr": "",
        "ForceNewCluster": False,
        "Spec": spec,
        "Availability": "drain",
        "AutoLockManagers": None,
    }
    reply = first.ask("POST", "/swarm/init", wish)
    assert reply.status == 200 and len(reply.json) == 25
    assert first.ask("GET", f"/nodes/{reply.json}").json["Spec"]["Availability"] == "drain"
    assert first.ask("GET", "/swarm").json["Spec"]["Orchestration"] == {"TaskHistoryRetentionLimit": 0}
    assert first.refused("POST", "/swarm/init", {}) == (503, ALREADY)

    token = first.ask("GET", "/swarm").json["JoinTokens"]["Worker"]
    join = {"RemoteAddrs": ["192.168.50.100:2377"], "JoinToken": "bad"}
    assert second.refused("POST", "/swarm/join", join)[1] == "invalid join token"
    wrong = second.refused("POST", "/swarm/join", {**join, "JoinToken": token[:-4] + "aaaa"})
    assert wrong[0] == 400 and wrong[1].endswith("A valid join token is necessary to join this cluster")
    assert second.ask("POST", "/swarm/join", {**join, "JoinToken": token}) == (200, b"")
    assert second.ask("GET", "/info").json["Swarm"]["LocalNodeState"] == "active"
    assert second.refused("POST", "/swarm/join", {**join, "JoinToken": token}) == (503, ALREADY)
    assert second.ask("POST", "/swarm/leave") == (200, b"")

    status, message = first.refused("POST", "/swarm/leave")
    assert status == 503 and message.startswith(LAST)
    assert first.refused("POST", "/swarm/leave?force=maybe")[0] == 400
    assert first.ask("POST", "/swarm/leave?force=1") == (200, b"")


def test_a_locked_manager_is_unlocked_by_its_key_alone(lonely):
    cluster, first = lonely[0], lonely[1]["manager-1"]
    assert first.ask("POST", "/swarm/init", {"Spec": {"EncryptionConfig": {"AutoLockManagers": True}}}).status == 200
    key = first.ask("GET", "/swarm/unlockkey").json["UnlockKey"]
    cluster.restart("manager-1")
    cluster.run_for(2)
    assert first.ask("GET", "/info").json["Swarm"]["LocalNodeState"] == "locked"
    assert first.refused("GET", "/nodes")[0] == 503
    assert first.refused("POST", "/swarm/unlock", {"UnlockKey": "x"}) == (400, "invalid key string")
    wrong = "SWMKEY-1-" + "A" * 43
    message = "swarm could not be unlocked: invalid key provided"
    assert first.refused("POST", "/swarm/unlock", {"UnlockKey": wrong}) == (401, message)
    assert first.ask("POST", "/swarm/unlock", {"UnlockKey": key}) == (200, b"")
    assert first.ask("GET", "/nodes").status == 200
