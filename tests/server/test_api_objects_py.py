"""docker-py drives the swarm: nodes, services, tasks, secrets, configs, networks (docker-api.md §10)."""

from collections.abc import Iterator
from typing import Any

import pytest

from swarmlab import Cluster

docker = pytest.importorskip("docker", reason="docker-py is not installed", exc_type=ImportError)


@pytest.fixture
def cluster() -> Cluster:
    return Cluster(managers=1, workers=2, seed=1)


@pytest.fixture
def client(cluster: Cluster) -> Iterator[Any]:
    with cluster.serve(0, pace=0) as door:
        found = docker.DockerClient(base_url=door.host)
        yield found
        found.close()


def test_a_service_lives_its_life(cluster: Cluster, client: Any) -> None:
    types = docker.types
    front = client.networks.create("front", driver="overlay", attachable=True, labels={"a": "b"}, check_duplicate=True)
    secret = client.secrets.create(name="key", data=b"hunter2")
    config = client.configs.create(name="site", data="server {}")
    web = client.services.create(
        "nginx",
        name="web",
        env=["A=b"],
        networks=["front"],
        mode=types.ServiceMode("replicated", 2),
        endpoint_spec=types.EndpointSpec(ports={8080: 80}),
        resources=types.Resources(cpu_limit=10**8, mem_limit=2**24),
        restart_policy=types.RestartPolicy("on-failure"),
        update_config=types.UpdateConfig(parallelism=1, failure_action="rollback", order="start-first"),
        secrets=[types.SecretReference(secret.id, "key")],
        configs=[types.ConfigReference(config.id, "site", filename="/etc/site")],
        constraints=["node.role==worker"],
        mounts=["data:/data:rw"],
    )
    cluster.run_for(5)
    assert [task["Status"]["State"] for task in web.tasks(filters={"desired-state": "running"})] == ["running"] * 2
    assert web.scale(3) == {"Warnings": None}
    web.reload()
    assert web.update(image="redis:alpine") == {"Warnings": None}
    web.reload()
    spec = web.attrs["Spec"]
    assert (spec["Mode"], spec["Name"]) == ({"Replicated": {"Replicas": 3}}, "web")
    assert spec["TaskTemplate"]["ContainerSpec"]["Image"] == "redis:alpine"
    assert spec["TaskTemplate"]["Networks"] == [{"Target": front.id}]
    with pytest.raises(docker.errors.APIError) as refusal:
        client.services.create("nginx", name="web")
    assert refusal.value.status_code == 409
    assert web.remove()
    with pytest.raises(docker.errors.NotFound):
        client.services.get("web")
    cluster.run_for(15)
    for thing in (secret, config, front):
        thing.remove()


def test_a_job_is_listed_as_one(cluster: Cluster, client: Any) -> None:
    client.services.create("alpine", command="true", name="job", mode=docker.types.ServiceMode("replicated-job", 2, 2))
    cluster.run_for(5)
    [job] = client.services.list(filters={"mode": "replicated-job"}, status=True)
    assert job.attrs["ServiceStatus"] == {"RunningTasks": 0, "DesiredTasks": 2, "CompletedTasks": 2}
    assert [task["Status"]["State"] for task in job.tasks()] == ["complete"] * 2


def test_nodes_and_the_swarm_are_changed(client: Any) -> None:
    assert len(client.nodes.list(filters={"role": "worker"})) == 2
    node = client.nodes.get("worker-1")
    wish = {"Availability": "drain", "Name": "node-name", "Role": "worker", "Labels": {"foo": "bar"}}
    assert node.update(wish)
    node.reload()
    assert node.attrs["Spec"] == wish
    token = client.swarm.attrs["JoinTokens"]["Worker"]
    assert client.swarm.update(rotate_worker_token=True, task_history_retention_limit=7)
    client.swarm.reload()
    assert client.swarm.attrs["Spec"]["Orchestration"] == {"TaskHistoryRetentionLimit": 7}
    assert client.swarm.attrs["JoinTokens"]["Worker"] != token
    assert client.swarm.get_unlock_key() == {"UnlockKey": ""}
    assert client.api.remove_node("worker-2", force=True)
