"""What `inspect` shows has the shape of what a real engine answered: `tests/api-json` holds its objects, as recorded.

Same fields in the same places and the same order, values of the same types, and equal ones where they are determined.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from swarmlab import Cluster
from swarmlab.docker import api_containers, api_engine, api_json, inspect_here
from swarmlab.docker.session import Session
from swarmlab.docker.system import engine_info
from swarmlab.messages import Event, Info, ListContainers
from swarmlab.world import Computer

FOLDER = Path(__file__).resolve().parent.parent / "api-json"

DIFFERS = re.compile(  # names of fields whose values differ from run to run
    r"^(ID|Id|Index|CreatedAt|UpdatedAt|Created|Timestamp|StartedAt|CompletedAt|LastExecution|SystemTime|ContainerID|PID|"
    r"Pid|NetworkID|Addr|IP|NodeID|NodeAddr|ServiceID|SecretID|ConfigID|Target|Worker|Manager|TrustRoot|Name|Size|"
    r"CertIssuerPublicKey|EndpointID|MacAddress|IPv4Address|IPAddress|Gateway|SandboxID|SandboxKey|LogPath|Hostname|"
    r"HostsPath|HostnamePath|ResolvConfPath|VirtualSize|time|timeNano|id|Slot|SIZE|NCPU|MemTotal|Containers|"
    r"ContainersRunning|ContainersStopped|Images|Nodes|IndexServerAddress|EngineVersion|ServerVersion|DockerVersion|"
    r"Addresses|RepoDigests|Layers|Subnet|digest)$"
)
MASKS = ((r"@?sha256:[0-9a-f]{64}", ""), (r"\b[0-9a-z]{25}\b", "ID"), (r"20\.10\.24\+dfsg1", "20.10.24"))
FREE = ("Containers", "Services", "Networks")  # maps whose keys are names and ids of this run

KNOWN = {  # (file, path) → why it is not the same here
    ("info-manager", "/NFd"): "there is no process whose files could be counted",
    ("info-manager", "/NGoroutines"): "there is no process whose threads could be counted",
    ("info-manager", "/NEventsListener"): "the recorder itself listened",
    ("info-manager", "/Debug"): "the recorded engine ran with debugging on",
    ("container-inspect-task", "/Path"): "the images of the recording were stand-ins with a program of their own",
    ("container-inspect-task", "/Args"): "the same",
    ("container-inspect-task", "/Config/Env"): "the same",
    ("container-inspect-task", "/Config/Cmd"): "the same",
    ("container-inspect-task", "/NetworkSettings/Networks/bridge"): "tasks are on no network of their machine here",
    ("container-inspect-task", "/NetworkSettings/IPPrefixLen"): "the same",
    ("task-pending", "/Status/Err"): "one more node, which was down, was in the recording",
    ("containers-json", "[]/Command"): "the same",
    ("containers-json", "[]/NetworkSettings/Networks/bridge"): "tasks are on no network of their machine here",
    ("image-inspect", "/Comment"): "the images of the recording were made by hand",
    ("image-inspect", "/Config/Env"): "the same",
    ("image-inspect", "/Config/Cmd"): "the same",
}


def differences(recorded: Any, ours: Any, path: str = "") -> list[str]:
    """Where the two differ, as lines."""
    if type(recorded) is not type(ours):
        return [f"{path}: {recorded!r} ≠ {ours!r}"]
    if isinstance(recorded, dict):
        return _in_objects(recorded, ours, path)
    if isinstance(recorded, list):
        if bool(recorded) != bool(ours):
            return [f"{path}: {recorded!r} ≠ {ours!r}"]
        return [line for one, other in zip(recorded, ours) for line in differences(one, other, f"{path}[]")]  # noqa: B905
    name = path.rpartition("/")[2].removesuffix("[]")
    if DIFFERS.match(name) or masked(recorded) == masked(ours):
        return []
    return [f"{path}: {recorded!r} ≠ {ours!r}"]


def _in_objects(recorded: dict, ours: dict, path: str) -> list[str]:
    if path.rpartition("/")[2] in FREE and recorded and ours and "bridge" not in recorded:
        return differences(list(recorded.values())[:1], list(ours.values())[:1], path)
    missing = [f"{path}/{name}: missing" for name in recorded if name not in ours]
    added = [f"{path}/{name}: not recorded" for name in ours if name not in recorded]
    both = [name for name in recorded if name in ours]
    order = [name for name in ours if name in recorded]
    moved = [f"{path}: {both} ≠ {order}"] if both != order and "com.docker" not in str(both) else []
    inside = [line for name in both for line in differences(recorded[name], ours[name], f"{path}/{name}")]
    return missing + added + moved + inside


def masked(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    for pattern, place in MASKS:
        value = re.sub(pattern, place, value)
    return value


# ── the same things as in the recording ──────────────────────────────────────────────────────────────────────────

NODES = {name: f"10.77.0.1{number}" for number, name in enumerate(("node1", "node2", "node3", "node4", "node5"), 1)}
COMMANDS = (
    "node update --label-add a=b node2",
    "node update --label-add zone=east node4",
    "node update --label-add zone=east node5",
    "network create -d overlay first",
    "network create -d overlay --attachable --label env=dev app",
    "network create br1",
    "secret create -l env=dev db_pass db_pass.txt",
    "config create -l app=web site site.conf",
    "service create -d --name web --label tier=front --container-label cl=1 -e A=b --mount src=data,dst=/data "
    "--secret db_pass --config source=site,target=/etc/site.conf --limit-cpu 0.5 --reserve-memory 64M "
    "--restart-condition on-failure --restart-max-attempts 3 --constraint node.role==worker "
    "--placement-pref spread=node.labels.zone --replicas-max-per-node 2 --network app --replicas 2 "
    "--update-parallelism 2 --update-delay 1s --update-failure-action rollback -p 8080:80 nginx:1.25-alpine",
    "service create -d --name agent --mode global redis:alpine",
    "service create -d --name plain nginx:alpine",
    "service create -d --name job --mode replicated-job --replicas 2 alpine:3.19 true",
    "service create -d --name pend --constraint node.hostname==none nginx:alpine",
    "service create -d --name fail --restart-condition none acme/broken:1",
    "service create -d --name rej --restart-condition none nosuch/image:9",
)
FILES = {"db_pass.txt": "hunter2", "site.conf": "server {}"}


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    return recorded_swarm()


def recorded_swarm() -> Cluster:
    """The swarm of the recordings, built by the same commands."""
    computers = tuple(Computer(name, "bare", address, cpus=2, memory=25276514304) for name, address in NODES.items())
    cluster = Cluster(computers=computers, seed=5, messages=False)
    run(cluster, "swarm init --advertise-addr 10.77.0.11")
    for name in list(NODES)[1:]:
        role = "manager" if name in ("node2", "node3") else "worker"
        token = run(cluster, f"swarm join-token -q {role}").strip()
        run(cluster, f"swarm join --token {token} 10.77.0.11:2377", name)
    for command in COMMANDS:
        run(cluster, command)
    cluster.run_for(20)
    run(cluster, "service update -d --image nginx:1.26-alpine web")
    cluster.run_for(30)
    return cluster


def run(cluster: Cluster, command: str, node: str = "node1") -> str:
    result = cluster.docker(command, node, files=FILES)
    assert result.exit_code == 0, f"{command}: {result.stderr}"
    return result.stdout


def inspected(cluster: Cluster, command: str, node: str = "node1") -> Any:
    return json.loads(run(cluster, command, node))[0]


def service(cluster: Cluster, name: str) -> Any:
    found = next(service for service in cluster.services if service.name == name)
    return api_json.service(found).json()


def task(cluster: Cluster, name: str, state: str = "") -> Any:
    """The oldest task of a service in this state."""
    found = [one for one in cluster.tasks if one.service_name == name and state in ("", one.current_state)]
    return inspected(cluster, f"inspect --type task {found[0].id}")


def keyboard(cluster: Cluster, node: str) -> Session:
    from swarmlab.cluster import Keyboard

    cluster.docker("version", node)
    return Keyboard(cluster, node, cluster.kernel.now + 10**7, cluster.acts[-1], -1)


def info(cluster: Cluster, node: str) -> Any:
    return engine_info(keyboard(cluster, node)).json()


def a_container(cluster: Cluster) -> Any:
    found = next(one for one in cluster.running if one.service == "plain")
    return inspected(cluster, f"container inspect plain.{found.slot}.{found.id}", found.machine)


def a_line(cluster: Cluster) -> Any:
    """The container of a task as a list of containers shows it."""
    person = keyboard(cluster, next(one.machine for one in cluster.running if one.service == "plain"))
    found = next(one for one in person.call(ListContainers()) if one.name.startswith("plain"))
    return [api_containers.summary(found, inspect_here.attached(person, found), "Up 21 seconds").json()]


def an_event(cluster: Cluster) -> Any:
    attributes = {"name": "web", "updatestate.new": "updating"}
    return api_engine.event(Event(cluster.kernel.now, "service", "update", "x" * 25, attributes, "swarm")).json()


def down(cluster: Cluster) -> Any:
    cluster = cluster.fork()
    cluster.crash("node4")
    cluster.run_for(30)
    return inspected(cluster, "node inspect node4")


SAME = {
    "config": lambda c: inspected(c, "config inspect site"),
    "container-inspect-task": a_container,
    "containers-json": lambda c: a_line(c),
    "distribution": lambda c: api_engine.distribution("nginx:1.26-alpine").json(),
    "image-inspect": lambda c: inspected(c, "image inspect nginx:alpine"),
    "info-inactive": lambda c: info(Cluster(machines=1, seed=1), "node-1"),
    "info-manager": lambda c: info(c, "node1"),
    "info-worker": lambda c: info(c, "node4"),
    "network-bridge": lambda c: inspected(c, "network inspect br1"),
    "network-ingress": lambda c: inspected(c, "network inspect ingress"),
    "network-overlay": lambda c: inspected(c, "network inspect app"),
    "network-overlay-verbose": lambda c: inspected(c, "network inspect -v app"),
    "node-down": down,
    "node-leader": lambda c: inspected(c, "node inspect node1"),
    "node-reachable-manager": lambda c: inspected(c, "node inspect node2"),
    "node-worker": lambda c: inspected(c, "node inspect node5"),
    "secret": lambda c: inspected(c, "secret inspect db_pass"),
    "service-global": lambda c: service(c, "agent"),
    "service-job": lambda c: service(c, "job"),
    "service-minimal": lambda c: service(c, "plain"),
    "service-minimal-insertDefaults": lambda c: inspected(c, "service inspect plain"),
    "service-replicated-updated": lambda c: service(c, "web"),
    "swarm": lambda c: api_json.swarm(c.store.cluster).json(),
    "task-failed": lambda c: task(c, "fail", "failed"),
    "task-global": lambda c: task(c, "agent"),
    "task-job-complete": lambda c: task(c, "job", "complete"),
    "task-pending": lambda c: task(c, "pend"),
    "task-rejected": lambda c: task(c, "rej", "rejected"),
    "task-running": lambda c: task(c, "web", "running"),
    "task-shutdown": lambda c: task(c, "web", "shutdown"),
    "volumes": lambda c: api_engine.volumes(()).json(),
    "version": lambda c: api_engine.version(keyboard(c, "node1").call(Info())).json(),
}


def found(file: str, cluster: Cluster) -> list[tuple[str, str]]:
    """(path, what differs) of one file."""
    recorded = json.loads((FOLDER / f"{file}.json").read_text())
    lines = differences(recorded, SAME[file](cluster))
    return [(line.partition(":")[0].removesuffix("[]"), line) for line in lines]


def known(file: str) -> str:
    return re.sub("worker|inactive", "manager", file) if file.startswith("info") else file


@pytest.mark.parametrize("file", SAME)
def test_an_object_has_the_shape_that_was_recorded(file: str, cluster: Cluster) -> None:
    assert [line for path, line in found(file, cluster) if (known(file), path) not in KNOWN] == []


def test_what_is_known_to_differ_differs(cluster: Cluster) -> None:
    differing = {(known(file), path) for file in SAME for path, _ in found(file, cluster)}
    assert [key for key in KNOWN if key not in differing] == []


def test_a_difference_in_shape_is_seen() -> None:
    recorded = {"ID": "a", "Spec": {"Name": "x", "Order": 1}, "Ports": [{"Protocol": "tcp"}]}
    assert differences(recorded, {"ID": "b", "Spec": {"Name": "y", "Order": 1}, "Ports": [{"Protocol": "tcp"}]}) == []
    assert differences(recorded, {"ID": "a", "Spec": {"Order": 1, "Name": "x"}, "Ports": [{"Protocol": "tcp"}]}) != []
    assert differences(recorded, {"ID": "a", "Spec": {"Name": "x", "Order": "1"}, "Ports": [{"Protocol": "tcp"}]}) != []
    assert differences(recorded, {"ID": "a", "Spec": {"Name": "x"}, "Ports": [{"Protocol": "tcp"}]}) != []
    assert differences(recorded, {"ID": "a", "Spec": {"Name": "x", "Order": 1}, "Ports": []}) != []
    assert differences(recorded, {"ID": "a", "Spec": {"Name": "x", "Order": 1}, "Ports": [{"Protocol": "udp"}]}) != []


def test_the_same_services_are_counted_as_recorded(cluster: Cluster) -> None:
    """`GET /services?status=true`: running, desired and completed tasks of each service."""
    recorded = json.loads((FOLDER / "services-list-status-excerpt.json").read_text())
    counts = {one["Name"]: one["ServiceStatus"] for one in recorded}
    for service in cluster.services:
        shown = api_json.service(service, tasks=cluster.tasks).json()
        assert shown["ServiceStatus"] == counts[service.name], service.name


def test_events_have_the_shape_that_was_recorded(cluster: Cluster) -> None:
    recorded = json.loads((FOLDER / "events-sample.json").read_text())
    assert differences(recorded[1], an_event(cluster)) == []
