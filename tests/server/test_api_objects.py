"""Endpoints about objects of the swarm: what they answer is what `inspect` shows, and what was recorded.

Rules: docker-api.md §2 (codes), §3, §4 (`_up-to-date`), §5 (fields), §6 (stacks), §8 (texts).
"""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from any_request import changed, places
from hypothesis import given, settings
from hypothesis import strategies as st
from store_engine import StoreEngine
from test_inspect_shapes import FOLDER, differences, recorded_swarm, run

from swarmlab import Cluster
from swarmlab.docker.api import routes
from swarmlab.docker.api.asked import Answer, Asked, Refusal, status_of
from swarmlab.objects import ApiError


class Reply(NamedTuple):
    status: int
    body: Any


class Person:
    """Somebody who asks the engine of one machine, without a wire between."""

    def __init__(self, session: Any):
        self.session = session

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> Reply:
        route = routes.find(method, path)
        assert route, f"{method} {path}"
        function, names = route
        texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in query.items()}
        posted = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        try:
            answer = function(self.session, Asked(method, path, names=names, query=texts, body=posted))
        except Refusal as refusal:
            return Reply(refusal.status, refusal.message)
        except ApiError as refusal:
            return Reply(status_of(refusal.text), refusal.text)
        assert isinstance(answer, Answer)
        body = list(answer.body) if isinstance(answer.body, Iterator) else answer.body
        json.dumps(body)
        return Reply(answer.status, body)

    def get(self, path: str, **query: Any) -> Any:
        reply = self.ask("GET", path, **query)
        assert reply.status == 200, reply
        return reply.body


class Clocked:
    """A session of somebody whose clock is so far from simulated time, µs."""

    def __init__(self, session: Any, shift: int):
        self.session, self.shift = session, shift

    def __getattr__(self, name: str) -> Any:
        return getattr(self.session, name)


def at(cluster: Cluster, machine: str, shift: int = 0) -> Person:
    return Person(Clocked(cluster.conductor(pace=0).session(machine), shift))


@pytest.fixture(scope="module")
def recorded() -> Cluster:
    """The swarm of the recordings; nothing in it is changed."""
    return recorded_swarm()


@pytest.fixture
def cluster() -> Cluster:
    """One manager, two workers."""
    return Cluster(managers=1, workers=2, seed=3)


@pytest.fixture
def manager(cluster: Cluster) -> Person:
    return at(cluster, "manager-1")


def file(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text())


# ── the shapes that were recorded ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("config", "/configs/site"),
        ("secret", "/secrets/db_pass"),
        ("network-bridge", "/networks/br1"),
        ("network-overlay", "/networks/app"),
        ("network-ingress", "/networks/ingress"),
        ("node-leader", "/nodes/node1"),
        ("node-reachable-manager", "/nodes/node2"),
        ("node-worker", "/nodes/node5"),
        ("service-global", "/services/agent"),
        ("service-job", "/services/job"),
        ("service-minimal", "/services/plain"),
        ("service-minimal-insertDefaults", "/services/plain?insertDefaults=true"),
        ("service-replicated-updated", "/services/web"),
        ("swarm", "/swarm"),
        ("swarm-unlockkey", "/swarm/unlockkey"),
    ],
)
def test_one_object_is_answered_as_recorded(recorded: Cluster, name: str, path: str) -> None:
    path, _, query = path.partition("?")
    shown = at(recorded, "node1").get(path, **dict([query.split("=")] if query else []))
    assert differences(file(name), shown) == []


@pytest.mark.parametrize(
    ("name", "service", "state"),
    [
        ("task-running", "web", "running"),
        ("task-shutdown", "web", "shutdown"),
        ("task-global", "agent", "running"),
        ("task-job-complete", "job", "complete"),
        ("task-failed", "fail", "failed"),
        ("task-rejected", "rej", "rejected"),
    ],
)
def test_tasks_are_answered_as_recorded_alone_and_in_a_list(
    recorded: Cluster, name: str, service: str, state: str
) -> None:
    person = at(recorded, "node1")
    listed = [
        one for one in person.get("/tasks", filters={"service": {service: True}}) if one["Status"]["State"] == state
    ]
    assert differences(file(name), listed[0]) == []
    assert person.get(f"/tasks/{listed[0]['ID']}") == listed[0]


def test_services_are_counted_as_recorded(recorded: Cluster) -> None:
    person = at(recorded, "node1")
    shown = {one["Spec"]["Name"]: one for one in person.get("/services", status="true")}
    for one in file("services-list-status-excerpt"):
        if one["Name"] in shown:
            assert shown[one["Name"]]["ServiceStatus"] == one["ServiceStatus"]
    assert all("ServiceStatus" not in one for one in person.get("/services"))


def test_a_list_of_networks_has_the_fields_that_were_recorded(recorded: Cluster) -> None:
    shown = {one["Name"]: one for one in at(recorded, "node1").get("/networks")}
    for one in file("networks-list-excerpt"):
        assert {key: shown[one["Name"]][key] for key in one if key != "Id"} == {
            k: v for k, v in one.items() if k != "Id"
        }


def test_refusals_are_those_that_were_recorded(recorded: Cluster) -> None:
    manager, worker = at(recorded, "node1"), at(recorded, "node4")
    assert manager.ask("GET", "/services/nosuch") == (404, file("error-404")["message"])
    assert manager.ask("GET", "/nodes/self") == (404, file("error-node-self")["message"])
    for path in (
        "/services",
        "/nodes",
        "/tasks",
        "/secrets",
        "/configs",
        "/swarm",
        "/swarm/unlockkey",
        "/services/web",
    ):
        assert worker.ask("GET", path) == (503, file("error-not-manager")["message"]), path
    outside = at(Cluster(machines=1, seed=1), "node-1")
    assert outside.ask("GET", "/swarm") == (503, file("error-not-in-swarm")["message"])


def test_both_faces_show_the_same(recorded: Cluster) -> None:
    """What a notebook's `docker … inspect` prints is what the endpoint answers."""
    person = at(recorded, "node1")
    for kind, path, name in (
        ("service", "services", "web"),
        ("node", "nodes", "node3"),
        ("network", "networks", "app"),
    ):
        query = {"insertDefaults": "true"} if kind == "service" else {}
        assert person.get(f"/{path}/{name}", **query) == json.loads(run(recorded, f"{kind} inspect {name}"))[0]


def test_dates_are_shifted_to_the_clock_of_whoever_asks(recorded: Cluster) -> None:
    before = at(recorded, "node1").get("/services/web")
    after = at(recorded, "node1", shift=3600 * 10**6).get("/services/web")
    assert after["CreatedAt"] == before["CreatedAt"].replace("T00:", "T01:")
    assert after["UpdateStatus"]["CompletedAt"] == before["UpdateStatus"]["CompletedAt"].replace("T00:", "T01:")
    for one in (before, after):
        del one["CreatedAt"], one["UpdatedAt"], one["UpdateStatus"]
    assert before == after


# ── filters ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("form", [lambda value: {value: True}, lambda value: [value]])
@pytest.mark.parametrize(
    ("path", "name", "value", "found"),
    [
        ("/services", "name", "p", ["pend", "plain"]),
        ("/services", "mode", "global", ["agent"]),
        ("/services", "mode", "replicated-job", ["job"]),
        ("/services", "label", "tier=front", ["web"]),
        ("/services", "label", "tier=back", []),
        ("/services", "runtime", "plugin", []),
        ("/nodes", "role", "manager", ["node1", "node2", "node3"]),
        ("/nodes", "node.label", "zone", ["node4", "node5"]),
        ("/nodes", "name", "node4", ["node4"]),
        ("/networks", "driver", "overlay", ["app", "first", "ingress"]),
        ("/networks", "label", "env=dev", ["app"]),
        ("/networks", "type", "builtin", ["bridge", "host", "none"]),
        ("/networks", "scope", "swarm", ["app", "first", "ingress"]),
        ("/secrets", "name", "db", ["db_pass"]),
        ("/secrets", "names", "db", []),
        ("/configs", "label", "app", ["site"]),
    ],
)
def test_filters_in_both_forms(
    recorded: Cluster, form: Any, path: str, name: str, value: str, found: list[str]
) -> None:
    shown = at(recorded, "node1").get(path, filters={name: form(value)})
    assert sorted(name_of(one) for one in shown) == found


def name_of(one: dict[str, Any]) -> str:
    if "Description" in one:
        return one["Description"]["Hostname"]
    return one["Name"] if "Name" in one else one["Spec"]["Name"]


@pytest.mark.parametrize("path", ["/services", "/nodes", "/networks", "/secrets", "/configs", "/tasks"])
def test_filters_that_nobody_knows_are_refused(recorded: Cluster, path: str) -> None:
    person = at(recorded, "node1")
    assert person.ask("GET", path, filters={"colour": ["red"]}) == (400, "Invalid filter 'colour'")
    assert person.ask("GET", path, filters="{")[0] == 400
    assert person.ask("GET", path, filters={"id": {"nobody": True}}) == (200, [])


def test_tasks_are_filtered_by_service_node_state_and_label(recorded: Cluster) -> None:
    person = at(recorded, "node1")
    ids = {service.name: service.id for service in recorded.services}
    node = next(node for node in recorded.nodes if node.hostname == "node4")

    def tasks(**filters: Any) -> list[Any]:
        return person.get("/tasks", filters={name.replace("_", "-"): [value] for name, value in filters.items()})

    assert {one["ServiceID"] for one in tasks(service="web")} == {ids["web"]}  # by name
    assert tasks(service=ids["web"]) == tasks(service="web")
    assert {one["NodeID"] for one in tasks(node="node4")} == {node.id}
    assert {one["DesiredState"] for one in tasks(desired_state="Shutdown")} == {"shutdown"}
    assert {one["ServiceID"] for one in tasks(label="tier=front")} == {ids["web"]}  # of the service, not the container
    assert tasks(label="cl=1") == []
    assert person.ask("GET", "/tasks", filters={"service": ["nosuch"]}) == (404, "service nosuch not found")
    assert person.ask("GET", "/tasks", filters={"node": ["nosuch"]}) == (404, "node nosuch not found")
    wrong = person.ask("GET", "/tasks", filters={"desired-state": ["alive"]})
    assert wrong == (400, "Invalid desired-state filter: 'alive'")


def up_to_date(person: Person, service: str) -> list[Any]:
    return person.get("/tasks", filters={"service": {service: True}, "_up-to-date": {"true": True}})


def test_only_tasks_that_no_update_would_replace_are_up_to_date(cluster: Cluster, manager: Person) -> None:
    """§4: after a pure scale old tasks still count, after another image none of them does."""
    run(cluster, "service create -d --name web --replicas 2 nginx", "manager-1")
    cluster.run_for(10)
    run(cluster, "service scale -d web=3", "manager-1")
    assert len([one for one in up_to_date(manager, "web") if one["Status"]["State"] == "running"]) == 2
    cluster.run_for(10)
    old = {one["ID"] for one in up_to_date(manager, "web")}
    run(cluster, "service update -d --image redis --update-delay 1h web", "manager-1")
    assert not old & {one["ID"] for one in up_to_date(manager, "web")}
    assert old <= {one["ID"] for one in manager.get("/tasks", filters={"service": ["web"]})}


def test_at_pace_0_a_client_that_looks_again_lets_time_pass(cluster: Cluster, manager: Person) -> None:
    run(cluster, "service create -d --name web nginx", "manager-1")
    for _ in range(50):
        if [one["Status"]["State"] for one in up_to_date(manager, "web")] == ["running"]:
            return
    raise AssertionError("it never runs")


# ── services ─────────────────────────────────────────────────────────────────────────────────────────────────────

WEB = {
    "Name": "web",
    "TaskTemplate": {"ContainerSpec": {"Image": "nginx"}},
    "EndpointSpec": {"Ports": [{"TargetPort": 80, "PublishedPort": 8080}]},
}


def with_container(**fields: Any) -> dict[str, Any]:
    return {**WEB, "TaskTemplate": {"ContainerSpec": {"Image": "nginx", **fields}}}


def test_a_service_is_made_changed_rolled_back_and_removed(cluster: Cluster, manager: Person) -> None:
    status, body = manager.ask("POST", "/services/create", WEB)
    assert (status, list(body)) == (201, ["ID"])
    path = f"/services/{body['ID']}"
    version = manager.get(path)["Version"]["Index"]
    new = with_container(Image="redis")
    assert manager.ask("POST", f"{path}/update", new, version=str(version), registryAuthFrom="spec") == (
        200,
        {"Warnings": None},
    )
    shown = manager.get(path)
    assert shown["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"] == "redis"
    assert shown["PreviousSpec"]["TaskTemplate"]["ContainerSpec"]["Image"] == "nginx"
    late = manager.ask("POST", f"{path}/update", new, version=str(version))
    assert late == (500, "rpc error: code = Unknown desc = update out of sequence")
    version = shown["Version"]["Index"]
    assert manager.ask("POST", f"{path}/update", shown["Spec"], version=str(version), rollback="previous")[0] == 200
    back = manager.get(path)
    assert back["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"] == "nginx"
    assert (back["UpdateStatus"]["State"], back["UpdateStatus"]["Message"]) == (
        "rollback_started",
        "manually requested rollback",
    )
    assert manager.ask("DELETE", path) == (200, None)
    assert manager.ask("GET", path)[0] == 404


def test_what_is_read_and_written_back_restarts_nothing(cluster: Cluster, manager: Person) -> None:
    """§6: an update that changes nothing; a stack file's words for a network and for an order do not count as changes."""
    network = manager.ask("POST", "/networks/create", {"Name": "s_default", "Driver": "overlay"}).body["Id"]
    task = {
        "ContainerSpec": {"Image": "nginx:latest", "Privileges": {"CredentialSpec": None}},
        "Networks": [{"Target": "s_default", "Aliases": ["web"]}],
        "Resources": {},
        "Placement": {},
    }
    stack = {"Name": "s_web", "TaskTemplate": task, "Mode": {"Replicated": {}}, "EndpointSpec": {}}
    manager.ask("POST", "/services/create", stack)
    cluster.run_for(10)
    before = [task.id for task in cluster.tasks]
    for posted in (stack, None, stack):
        shown = manager.get("/services/s_web", insertDefaults="false")
        assert shown["Spec"]["TaskTemplate"]["Networks"] == [{"Target": network, "Aliases": ["web"]}]
        version = str(shown["Version"]["Index"])
        assert manager.ask("POST", "/services/s_web/update", posted or shown["Spec"], version=version)[0] == 200
        cluster.run_for(10)
    assert [task.id for task in cluster.tasks] == before


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        (b"", 400, "got EOF while reading request body"),
        ({}, 400, "mismatched Runtime and *Spec fields"),
        ({**WEB, "Mode": {"Global": {}, "Replicated": {}}}, 400, "must specify only one service mode"),
        (
            {**WEB, "Name": "a b"},
            400,
            "rpc error: code = InvalidArgument desc = name must be valid as a DNS name component",
        ),
        (
            {**WEB, "TaskTemplate": {**WEB["TaskTemplate"], "Resources": {"Limits": {"MemoryBytes": 1048576}}}},
            400,
            "rpc error: code = InvalidArgument desc = invalid memory value 1048576: Must be at least 4MiB",
        ),
        (
            {**WEB, "TaskTemplate": {**WEB["TaskTemplate"], "Resources": {"Limits": {"NanoCPUs": -1}}}},
            400,
            "rpc error: code = InvalidArgument desc = invalid cpu value -1e-09: Must be at least 0.001",
        ),
        (
            {**WEB, "TaskTemplate": {**WEB["TaskTemplate"], "RestartPolicy": {"Condition": "sometimes"}}},
            400,
            'invalid RestartCondition: "sometimes"',
        ),
        ({**WEB, "UpdateConfig": {"FailureAction": "explode"}}, 400, "unrecognized update failure action explode"),
        ({**WEB, "RollbackConfig": {"Order": "last"}}, 400, "unrecognized update order last"),
        ({**WEB, "EndpointSpec": {"Mode": "foo"}}, 400, 'invalid resolution mode: "foo"'),
        (
            {**WEB, "EndpointSpec": {"Mode": "dnsrr", "Ports": [{"TargetPort": 80, "PublishedPort": 81}]}},
            400,
            "rpc error: code = InvalidArgument desc = EndpointSpec: port published with ingress mode can't be used with "
            "dnsrr mode",
        ),
        (
            with_container(Image="Bad Image"),
            400,
            'rpc error: code = InvalidArgument desc = ContainerSpec: "Bad Image" is not a valid repository/tag',
        ),
        (
            with_container(Image=""),
            400,
            "rpc error: code = InvalidArgument desc = ContainerSpec: image reference must be provided",
        ),
        (with_container(Mounts=[{"Type": "disk", "Target": "/x"}]), 400, 'invalid MountType: "disk"'),
        (
            with_container(Secrets=[{"SecretID": "x", "SecretName": "y"}]),
            400,
            "rpc error: code = InvalidArgument desc = malformed secret reference, no target provided",
        ),
        (
            {**WEB, "TaskTemplate": {**WEB["TaskTemplate"], "Placement": {"Constraints": ["node.role"]}}},
            500,
            "rpc error: code = Unknown desc = constraint expected one operator from ==, !=",
        ),
        (
            {**WEB, "TaskTemplate": {**WEB["TaskTemplate"], "Networks": [{"Target": "nonet"}]}},
            404,
            "network nonet not found",
        ),
        (
            {**WEB, "Mode": {"ReplicatedJob": {}}, "UpdateConfig": {}},
            400,
            "rpc error: code = InvalidArgument desc = Jobs may not have an update config",
        ),
    ],
)
def test_what_no_service_can_be_is_refused(body: Any, status: int, text: str) -> None:
    assert Person(StoreEngine()).ask("POST", "/services/create", body) == (status, text)


def test_refusals_that_need_the_swarm(cluster: Cluster, manager: Person) -> None:
    id = manager.ask("POST", "/services/create", WEB).body["ID"]
    again = "rpc error: code = AlreadyExists desc = name conflicts with an existing object: service web already exists"
    assert manager.ask("POST", "/services/create", {**WEB, "EndpointSpec": None}) == (409, again)
    taken = f"rpc error: code = InvalidArgument desc = port '8080' is already in use by service 'web' ({id}) as an ingress port"
    assert manager.ask("POST", "/services/create", {**WEB, "Name": "two"}) == (400, taken)

    def update(body: Any, **query: str) -> Reply:
        return manager.ask("POST", "/services/web/update", body, **query)

    version = str(manager.get("/services/web")["Version"]["Index"])
    bad = "invalid service version '': strconv.ParseUint: parsing \"\": invalid syntax"
    assert update(WEB) == update(WEB, version="") == (400, bad)
    assert update(WEB, version="-1")[0] == update(WEB, version="99999999999999999999")[0] == 400
    assert update(WEB, version=version, rollback="next") == (400, "unrecognized rollback option next")
    assert update(WEB, version=version, registryAuthFrom="x") == (400, "unsupported registryAuthFrom value")
    none = f"rpc error: code = FailedPrecondition desc = service {id} does not have a previous spec"
    assert update(WEB, version=version, rollback="previous") == (400, none)
    renamed = "rpc error: code = Unimplemented desc = renaming services is not supported"
    assert update({**WEB, "Name": "other"}, version=version) == (501, renamed)
    moded = "rpc error: code = Unimplemented desc = service mode change is not allowed"
    assert update({**WEB, "Mode": {"Global": {}}}, version=version) == (501, moded)
    assert manager.ask("POST", "/services/nosuch/update", WEB, version="1") == (404, "service nosuch not found")
    assert manager.ask("GET", "/services/web", insertDefaults="maybe")[0] == 400
    assert manager.ask("GET", "/services", status="maybe")[0] == 400


# ── nodes, networks, secrets, configs, the swarm ─────────────────────────────────────────────────────────────────


def test_a_node_is_changed_and_removed(cluster: Cluster, manager: Person) -> None:
    node = manager.get("/nodes/worker-2")
    spec = {**node["Spec"], "Availability": "drain", "Labels": {"a": "b"}, "Name": "two"}
    path, version = f"/nodes/{node['ID']}", str(node["Version"]["Index"])
    assert manager.ask("POST", f"{path}/update", {**spec, "Role": "boss"}, version=version) == (
        400,
        'invalid Role: "boss"',
    )
    assert manager.ask("POST", f"{path}/update", spec, version="x")[0] == 400
    assert manager.ask("POST", f"{path}/update", spec, version=version) == (200, None)
    assert manager.get(path)["Spec"] == {"Name": "two", "Labels": {"a": "b"}, "Role": "worker", "Availability": "drain"}
    status, text = manager.ask("DELETE", path)
    assert (status, text.endswith("is not down and can't be removed")) == (400, True)
    assert manager.ask("DELETE", path, force="1") == (200, None)
    demoted = {"Role": "worker", "Availability": "active"}
    boss = manager.get("/nodes/manager-1")
    status, text = manager.ask("POST", "/nodes/manager-1/update", demoted, version=str(boss["Version"]["Index"]))
    last = "rpc error: code = FailedPrecondition desc = attempting to demote the last manager of the swarm"
    assert (status, text) == (400, last)


def test_networks_come_and_go(cluster: Cluster, manager: Person) -> None:
    create = "/networks/create"
    body = {"Name": "front", "Driver": "overlay", "CheckDuplicate": True, "Attachable": True}
    status, answer = manager.ask("POST", create, body)
    assert (status, answer["Warning"]) == (201, "")
    assert manager.ask("POST", create, body) == (409, "network with name front already exists")
    assert manager.ask("POST", create, {}) == (500, "invalid name: ")
    assert manager.ask("POST", create, {"Name": "br"})[0] == 201
    assert manager.get("/networks/br")["Scope"] == "local"
    assert manager.ask("GET", "/networks/br", scope="swarm") == (404, "network br not found")
    assert manager.get("/networks/front", scope="swarm")["Id"] == answer["Id"]
    refused = at(cluster, "worker-1").ask("POST", create, {"Name": "other", "Driver": "overlay"})
    assert refused[0] == 403 and refused.body.startswith("Cannot create a multi-host network from a worker node.")
    second = manager.ask("POST", create, {"Name": "in2", "Driver": "overlay", "Ingress": True})
    assert second[0] == 409 and "is already present" in second.body
    assert manager.ask("POST", create, {"Name": "x", "Driver": "nosuch"}) == (404, 'plugin "nosuch" not found')

    run(cluster, "run -d --name box nginx", "manager-1")
    assert manager.ask("POST", "/networks/front/connect", {"Container": "box", "EndpointConfig": None}) == (200, None)
    cluster.run_for(2)
    assert [one["Name"] for one in manager.get("/networks/front")["Containers"].values() if "lb" not in one["Name"]]
    assert all(not one["Containers"] for one in manager.get("/networks"))
    assert manager.ask("POST", "/networks/front/disconnect", {"Container": "box"}) == (200, None)
    assert manager.ask("POST", "/networks/front/disconnect", {"Container": "nobody"})[0] == 404
    cluster.run_for(2)
    assert sorted(manager.ask("POST", "/networks/prune").body["NetworksDeleted"]) == ["br", "front"]
    assert manager.ask("POST", "/networks/prune") == (200, {"NetworksDeleted": None})
    assert manager.ask("DELETE", "/networks/front") == (404, "network front not found")
    assert manager.ask("DELETE", "/networks/bridge")[0] == 403


@pytest.mark.parametrize("kind", ["secret", "config"])
def test_secrets_and_configs_come_and_go(cluster: Cluster, manager: Person, kind: str) -> None:
    path = f"/{kind}s"
    body = {"Name": "a", "Labels": {"x": "y"}, "Data": "c2VydmVyIHt9"}
    id = manager.ask("POST", f"{path}/create", body).body["ID"]
    shown = manager.get(f"{path}/a")
    assert shown["Spec"] == ({**body} if kind == "config" else {"Name": "a", "Labels": {"x": "y"}})
    again = f"rpc error: code = AlreadyExists desc = {kind} a already exists"
    assert manager.ask("POST", f"{path}/create", body) == (409, again)
    version = str(shown["Version"]["Index"])
    other = {**body, "Data": "b3RoZXI="}
    only = "rpc error: code = InvalidArgument desc = only updates to Labels are allowed"
    assert manager.ask("POST", f"{path}/{id}/update", other, version=version) == (400, only)
    assert manager.ask("POST", f"{path}/{id}/update", body, version="x") == (400, f"invalid {kind} version")
    assert manager.ask("POST", f"{path}/{id}/update", {**body, "Labels": {"z": ""}}, version=version) == (200, None)
    assert manager.get(f"{path}/{id}")["Spec"]["Labels"] == {"z": ""}
    size = {"secret": 512000, "config": 1024000}[kind]
    large = f"rpc error: code = InvalidArgument desc = {kind} data must be larger than 0 and less than {size} bytes"
    assert manager.ask("POST", f"{path}/create", {"Name": "b"}) == (400, large)
    assert manager.ask("DELETE", f"{path}/a") == (204, None)
    assert manager.ask("DELETE", f"{path}/a") == (404, f"{kind} a not found")


def test_settings_and_tokens_change_at_once(cluster: Cluster, manager: Person) -> None:
    before = manager.get("/swarm")
    spec = {**before["Spec"], "Orchestration": {"TaskHistoryRetentionLimit": 2}}
    version = str(before["Version"]["Index"])
    bad = "invalid swarm version 'x': strconv.ParseUint: parsing \"x\": invalid syntax"
    assert manager.ask("POST", "/swarm/update", spec, version="x") == (400, bad)
    wrong = manager.ask("POST", "/swarm/update", spec, version=version, rotateWorkerToken="maybe")
    assert wrong == (400, "invalid value for rotateWorkerToken: maybe")
    named = manager.ask("POST", "/swarm/update", {**spec, "Name": "x"}, version=version)
    assert named == (400, 'swarm spec must be named "default"')
    assert manager.ask(
        "POST", "/swarm/update", spec, version=version, rotateWorkerToken="true", rotateManagerToken="false"
    ) == (200, None)
    after = manager.get("/swarm")
    assert after["Spec"]["Orchestration"] == {"TaskHistoryRetentionLimit": 2}
    assert after["JoinTokens"]["Worker"] != before["JoinTokens"]["Worker"]
    assert after["JoinTokens"]["Manager"] == before["JoinTokens"]["Manager"]
    stale = manager.ask("POST", "/swarm/update", spec, version=version)
    assert stale == (500, "rpc error: code = Unknown desc = update out of sequence")


def test_the_unlock_key_is_made_shown_and_replaced(cluster: Cluster, manager: Person) -> None:
    def update(**query: str) -> None:
        swarm = manager.get("/swarm")
        spec = {**swarm["Spec"], "EncryptionConfig": {"AutoLockManagers": True}}
        assert manager.ask("POST", "/swarm/update", spec, version=str(swarm["Version"]["Index"]), **query)[0] == 200

    update()
    first = manager.get("/swarm/unlockkey")["UnlockKey"]
    assert first.startswith("SWMKEY-1-")
    update(rotateManagerUnlockKey="true")
    assert manager.get("/swarm/unlockkey")["UnlockKey"] not in ("", first)


# ── whatever is posted ───────────────────────────────────────────────────────────────────────────────────────────

FULL = json.loads((FOLDER / "service-replicated-updated.json").read_text())["Spec"]
ODD = (
    None,
    True,
    -1,
    0,
    2**63,
    2**64,
    1.5,
    "",
    "x",
    "\x00",
    "é" * 300,
    [],
    [None],
    [1],
    {},
    {"": None},
    {"a": {"b": []}},
)
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


PLACES = places(FULL)
POSTS = (
    "/services/create",
    "/services/web/update",
    "/nodes/node2/update",
    "/networks/create",
    "/networks/front/connect",
    "/networks/front/disconnect",
    "/secrets/create",
    "/secrets/key/update",
    "/configs/create",
    "/configs/site/update",
    "/swarm/update",
)


@settings(max_examples=300)
@given(st.sampled_from(PLACES), st.sampled_from(ODD) | junk)
def test_a_service_with_anything_anywhere_is_made_or_refused(path: tuple, new: Any) -> None:
    body = changed(FULL, path, new)
    reply = Person(StoreEngine()).ask("POST", "/services/create", body)
    assert reply.status in (201, 400, 404, 409, 500, 501), reply
    assert reply.status == 201 or (isinstance(reply.body, str) and reply.body)


@settings(max_examples=200)
@given(st.sampled_from(POSTS), junk | st.dictionaries(st.sampled_from("Name Labels Data Role IPAM Raft".split()), junk))
def test_whatever_is_posted_is_taken_or_refused(path: str, body: Any) -> None:
    reply = Person(StoreEngine()).ask("POST", path, body, version="1")
    assert reply.status < 400 or (isinstance(reply.body, str) and reply.body)


@settings(max_examples=200)
@given(st.sampled_from("/services /nodes /networks /secrets /configs /tasks".split()), st.text(max_size=20) | junk)
def test_whatever_the_filters_are_the_list_is_answered_or_refused(path: str, filters: Any) -> None:
    reply = Person(StoreEngine()).ask("GET", path, filters=filters)
    assert reply.status in (200, 400, 404), reply


NAMES = st.sampled_from("id name label mode runtime role membership node.label scope type dangling driver".split())


@settings(max_examples=200)
@given(
    st.sampled_from("/services /nodes /networks /secrets /configs /tasks".split()),
    st.dictionaries(NAMES, st.lists(st.text(max_size=5), max_size=2), max_size=2),
)
def test_whatever_a_filter_asks_for_is_looked_for_or_refused(path: str, filters: Any) -> None:
    reply = Person(StoreEngine()).ask("GET", path, filters=filters)
    assert reply.status in (200, 400, 404), reply
