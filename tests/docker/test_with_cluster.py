"""Commands on a real small cluster: what the engine behind them does, and that nothing anybody types can break it."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmlab import Cluster


@pytest.fixture(scope="module")
def begun() -> Cluster:
    return Cluster(managers=1, workers=1, seed=7, messages=False)


@pytest.fixture
def cluster(begun: Cluster) -> Cluster:
    return begun.fork()


def tasks(cluster: Cluster, service: str) -> list[tuple[str, str, str]]:
    """(desired state, state, error), newest first."""
    rows = cluster.docker(f"service ps --no-trunc {service}").rows
    return [(row["DESIRED STATE"], row["CURRENT STATE"].split()[0], row["ERROR"].strip('"')) for row in rows]


# ── images and commands ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("image", ["nginx:nosuch", "postgres:nosuch", "acme/web:9", "nosuch/image", "alpine:latst"])
def test_a_task_whose_image_does_not_exist_is_rejected_again_and_again(cluster, image) -> None:
    result = cluster.docker(f"service create -d --name ghost {image}")
    shown = image if ":" in image else f"{image}:latest"
    assert (result.exit_code, result.stderr.splitlines()[0]) == (
        0,
        f"image {shown} could not be accessed on a registry to record",
    )
    cluster.run_for(12)
    ended = [task for task in tasks(cluster, "ghost") if task[1] == "Rejected"]
    assert len(ended) >= 3 and {error for _, _, error in ended} == {f"No such image: {shown}"}


@pytest.mark.parametrize("image", ["nginx:1.27", "nginx:stable", "redis:7-alpine", "postgres:16.3", "some/thing:any"])
def test_known_tags_versions_and_unknown_repositories_exist(cluster, image) -> None:
    assert cluster.docker(f"service create -d --name web {image}").stderr == ""
    cluster.run_for(10)
    assert tasks(cluster, "web") == [("Running", "Running", "")]


@pytest.mark.parametrize(
    ("command", "state", "error"),
    [
        ("alpine", "Complete", ""),
        ("alpine true", "Complete", ""),
        ("alpine echo hello world", "Complete", ""),
        ("alpine false", "Failed", "task: non-zero exit (1)"),
        ("alpine sh -c 'exit 3'", "Failed", "task: non-zero exit (3)"),
        ("--entrypoint false alpine", "Failed", "task: non-zero exit (1)"),
    ],
)
def test_a_command_that_ends_is_started_again_after_five_seconds(cluster, command, state, error) -> None:
    cluster.docker(f"service create -d --name once {command}")
    cluster.run_for(4)
    assert tasks(cluster, "once") == [("Ready", "Ready", ""), ("Shutdown", state, error)]
    cluster.run_for(5)
    assert [task[1] for task in tasks(cluster, "once")].count(state) == 2


def test_a_container_whose_command_ends_is_listed_as_exited(cluster) -> None:
    cluster.docker("run -d --name once alpine")
    cluster.docker("run -d --name bad alpine false")
    cluster.run_for(3)
    assert cluster.docker("ps").rows == ()
    statuses = {row["NAMES"]: row["STATUS"] for row in cluster.docker("ps -a").rows}
    assert statuses["once"].startswith("Exited (0) ") and statuses["bad"].startswith("Exited (1) ")


def test_a_running_container_is_removed_only_by_force_and_echoed_as_it_was_named(cluster) -> None:
    id = cluster.docker("run -d --name web nginx").stdout.strip()
    cluster.run_for(2)
    refused = cluster.docker("rm web")
    assert (refused.stderr, refused.exit_code) == (
        f"Error response from daemon: You cannot remove a running container {id}. "
        "Stop the container before attempting removal or force remove\n",
        1,
    )
    assert cluster.docker("rm -f web").stdout == "web\n"
    assert cluster.docker("rm web").stderr == "Error response from daemon: No such container: web\n"


# ── what the engine refuses ──────────────────────────────────────────────────────────────────────────────────────

WORDS = [
    ("--restart-condition x", "restart_policy: {condition: x}", 'invalid RestartCondition: "x"'),
    ("--update-failure-action x", "update_config: {failure_action: x}", "unrecognized update failure action x"),
    ("--update-order x", "update_config: {order: last}", "unrecognized update order "),
    ("--rollback-failure-action x", "rollback_config: {failure_action: x}", "unrecognized update failure action x"),
    ("--endpoint-mode x", "endpoint_mode: x", 'invalid resolution mode: "x"'),
]


@pytest.mark.parametrize(("flag", "key", "text"), WORDS)
def test_words_that_nobody_knows_are_refused_by_the_engine(cluster, flag, key, text) -> None:
    result = cluster.docker(f"service create -d --name web {flag} nginx")
    assert result.stderr.startswith(f"Error response from daemon: {text}") and result.exit_code == 1
    assert cluster.services == ()


@pytest.mark.parametrize(("flag", "key", "text"), WORDS)
def test_the_same_words_in_a_stack_file_are_refused_by_the_same_engine(cluster, flag, key, text) -> None:
    files = {"s.yml": f"version: '3.8'\nservices: {{web: {{image: nginx, deploy: {{{key}}}}}}}\n"}
    result = cluster.docker("stack deploy --detach=true -c s.yml s", files=files)
    assert result.exit_code == 1
    if "validating" not in result.stderr and "must be" not in result.stderr:  # what the schema lets through
        assert result.stderr.startswith(f"failed to create service s_web: Error response from daemon: {text}")
    assert cluster.services == ()


def test_a_size_beyond_64_bits_overflows_as_in_go(cluster) -> None:
    result = cluster.docker("service create -d --name web --limit-memory 1e308k nginx")
    assert "invalid memory value -9223372036854775808: Must be at least 4MiB" in result.stderr


def test_a_service_without_a_name_gets_one_of_two_words(cluster) -> None:
    cluster.docker("service create -d nginx")
    cluster.docker("service create -d --name '' nginx")
    names = [service.spec.name for service in cluster.services]
    assert len(set(names)) == 2 and all(re.fullmatch("[a-z]+_[a-z]+", name) for name in names)


def test_tasks_of_this_very_node_can_be_asked_for(cluster) -> None:
    cluster.docker("service create -d --name agent --mode global nginx")
    cluster.run_for(5)
    for ref in ("self", "manager-1"):
        assert [row["NODE"] for row in cluster.docker(f"service ps --filter node={ref} agent").rows] == ["manager-1"]


def test_what_would_fill_the_memory_or_all_of_time_is_refused_or_bounded(cluster) -> None:
    why = "Error response from daemon: the simulation has no room for a service of more than 100000 tasks\n"
    assert cluster.docker("service create -d --replicas 1000000000 nginx").stderr == why
    assert cluster.docker("service create -d --mode replicated-job --replicas 9223372036854775807 alpine").stderr == why
    cluster.docker("service create -d --name web nginx")
    assert cluster.docker("service scale web=1000000000").stderr == f"web: {why}"
    assert cluster.docker("service update -d --replicas 1000000000 web").stderr == why
    assert [service.spec.replicas for service in cluster.services] == [1]
    cluster.docker("swarm update --dispatcher-heartbeat 1us")
    assert cluster.docker("info --format '{{.Swarm.Cluster.Spec.Dispatcher.HeartbeatPeriod}}'").stdout == "1µs\n"
    since = len(cluster.trace.records)
    cluster.run_for(10)
    assert len(cluster.trace.records) - since < 2000 and all(node.state == "ready" for node in cluster.nodes)


# ── networks of one machine ──────────────────────────────────────────────────────────────────────────────────────


def test_a_bridge_is_known_on_its_own_machine_only(cluster) -> None:
    made = cluster.docker("network create br1")
    assert re.fullmatch("[0-9a-f]{64}\n", made.stdout)
    names = lambda node: [row["NAME"] for row in cluster.docker("network ls", node).rows]  # noqa: E731
    assert "br1" in names("manager-1") and "br1" not in names("worker-1")
    again = cluster.docker("network create br1")
    assert again.stderr == "Error response from daemon: network with name br1 already exists\n"
    refused = cluster.docker("service create -d --name web --network br1 nginx")
    assert refused.stderr.startswith("Error response from daemon: The network br1 cannot be used with services. Only")
    cluster.restart("manager-1") if not cluster.machines["manager-1"].running else None
    assert cluster.docker("network rm br1").stdout == "br1\n"
    assert "br1" not in names("manager-1")


def test_a_bridge_needs_no_swarm() -> None:
    bare = Cluster(machines=1)
    assert bare.docker("network create br1").exit_code == 0
    assert [row["NAME"] for row in bare.docker("network ls").rows] == ["br1", "bridge", "host", "none"]
    assert bare.docker("network rm bridge").stderr == (
        "Error response from daemon: bridge is a pre-defined network and cannot be removed\nexit status 1\n"
    )
    assert bare.docker("network rm nosuch").stderr.startswith("Error response from daemon: network nosuch not found\n")


def test_a_worker_has_ingress_and_makes_no_overlays(cluster) -> None:
    cluster.run_for(1)
    names = [row["NAME"] for row in cluster.docker("network ls", "worker-1").rows]
    assert names == ["bridge", "docker_gwbridge", "host", "ingress", "none"]
    seen = cluster.docker("network inspect ingress --format '{{(index .IPAM.Config 0).Subnet}}'", "worker-1")
    assert seen.stdout == "10.0.0.0/24\n"
    assert cluster.docker("network create -d overlay front", "worker-1").stderr == (
        "Error response from daemon: Cannot create a multi-host network from a worker node. "
        "Please create the network from a manager node.\n"
    )


@pytest.mark.parametrize(
    ("command", "refusal"),
    [
        ("network create host", "network with name host already exists"),  # a swarm knows of it
        ("network create -d overlay bridge", "network with name bridge already exists"),
        ("network create none", "operation is not permitted on predefined none network "),
        ("network create -d overlay default", "operation is not permitted on predefined default network "),
    ],
)
def test_names_that_every_engine_has_taken(cluster, command: str, refusal: str) -> None:
    assert cluster.docker(command).stderr == f"Error response from daemon: {refusal}\n"
    predefined = f"operation is not permitted on predefined {command.split()[-1]} network "
    assert predefined in cluster.docker(command, "worker-1").stderr


# ── stacks ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_image_is_looked_at_before_anything_is_said_or_done(cluster) -> None:
    files = {"s.yml": "version: '3.8'\nservices: {web: {image: 'Bad Image'}}\n"}
    result = cluster.docker("stack deploy -c s.yml s", files=files)
    assert result.stderr.startswith("invalid image reference for service web: ") and result.stderr.count("\n") == 1
    assert (result.stdout, result.exit_code) == ("", 1)


def test_what_docker_makes_before_it_notices_a_fault_stays(cluster) -> None:
    files = {"s.yml": "version: '3.8'\nservices: {web: {image: nginx, secrets: [s]}}\nsecrets: {s: {external: true}}\n"}
    result = cluster.docker("stack deploy --detach=true -c s.yml s", files=files)
    assert (result.stdout, result.exit_code) == ("Creating network s_default\n", 1)
    assert result.stderr == "service web: secret not found: s\n"
    assert "s_default" in [network.spec.name for network in cluster.networks]


def test_a_network_may_be_removed_while_the_last_tasks_on_it_stop(cluster) -> None:
    """The addresses of a node are worked out again while tasks of a network that is gone still run."""
    files = {"s.yml": "version: '3.8'\nservices: {a: {image: nginx}, b: {image: redis}, c: {image: acme/hang}}\n"}
    cluster.docker("stack deploy --detach=true -c s.yml s", files=files)
    cluster.run_for(5)
    assert cluster.docker("stack rm s").exit_code == 0
    cluster.run_for(30)
    assert cluster.tasks == () and len(cluster.networks) == 3


def test_an_update_gets_the_room_that_it_has_made() -> None:
    """Tasks of the old version that wait for room do not take it from the new version that needs less."""
    cluster = Cluster(managers=1, seed=1, messages=False)
    from swarmlab.messages import UpdateObject
    from swarmlab.objects import replace

    cluster.docker("service create -d --name big --replicas 3 --reserve-memory 1600M nginx")
    cluster.run_for(3)
    (service,) = cluster.services
    reservations = replace(service.spec.task.reservations, memory=900 << 20)
    spec = replace(service.spec, task=replace(service.spec.task, reservations=reservations))
    cluster.call("manager-1", UpdateObject("service", service.id, service.version, spec), cluster.kernel.now + 10**7)
    cluster.run_for(30)
    assert cluster.docker("service ls").rows[0]["REPLICAS"] == "3/3"


# ── whatever somebody types ──────────────────────────────────────────────────────────────────────────────────────

VERBS = st.sampled_from(
    """node~ls node~ps service~create service~ls service~ps service~rm service~scale network~ls network~create network~rm
    stack~deploy stack~ls stack~ps stack~rm stack~services run ps rm info version swarm~join-token swarm~init swarm~join
    swarm~leave service~update foo stack node~foo --help help""".replace("\n", " ").split()
).map(lambda verb: verb.split("~"))
FLAGS = st.sampled_from(
    """-d --detach --name=web --name=x --name --replicas=2 --replicas=-1 --mode=global --mode=weird -p
    8080:80 -p=80 --publish=1-3:4-6 --network=app --network=nosuch --constraint=node.role==worker --constraint=bad -q -a
    --filter=name=web --filter=x --format=json --format={{.ID --force -f --driver=overlay -doverlay --subnet=10.9.0.0/24
    --subnet=x --limit-memory=1e308k --reserve-cpu=1 --mount=type=bind,dst=/x --mount=type=volume,volume-opt=a,dst=/x
    --update-order=x --restart-condition=none --health-cmd=x --endpoint-mode=dnsrr --no-trunc -c x.yml --prune --token=x
    --bogus -x -- --help""".replace("\n", " ").split()
)
NAMES = st.sampled_from(
    "web x web=2 web=x =1 app ingress bridge nginx nginx:nosuch alpine false worker manager node-1 manager-1 worker-1 "
    "self 10.0.0.1:2377 1 é '' \\ * $(x) {{.}}".split()
)
LINES = st.tuples(VERBS, st.lists(st.one_of(FLAGS, NAMES), max_size=5)).map(lambda parts: [*parts[0], *parts[1]])


@settings(max_examples=150)
@given(lines=st.lists(LINES, min_size=1, max_size=3))
def test_no_command_line_breaks_the_cluster_and_a_refused_one_changes_nothing(begun, lines) -> None:
    twin = begun.fork()
    twin.docker("network create -d overlay app")
    twin.docker("service create -d --name web nginx")
    twin.run_for(3)
    for words in lines:
        line = " ".join("'" + word.replace("'", "'\\''") + "'" for word in words)
        before, was_swarm = specs(twin), bool(twin.nodes)
        result = twin.docker(line, limit=3)
        assert isinstance(result.stdout, str)
        assert result.exit_code in (0, 1, 2, 125, 130), line
        several = words[:2] in (["service", "rm"], ["service", "scale"], ["network", "rm"], ["stack", "deploy"])
        if result.exit_code not in (0, 130) and not several and was_swarm:
            assert specs(twin) == before, line


def specs(cluster: Cluster) -> list:
    """What people asked for; tasks and statuses come and go by themselves."""
    objects = (*cluster.services, *cluster.networks)
    return sorted((object.id, repr(object.spec)) for object in objects)
