"""docker-py makes a swarm of bare machines, runs services in it and takes it apart (docker-api.md §10)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from swarmlab import Cluster

docker = pytest.importorskip("docker", reason="docker-py is not installed", exc_type=ImportError)
LAB = Path(__file__).resolve().parents[2] / "data/clusters/demo-lab.yml"


class Lab:
    """The machines of the demo lab without a swarm, and a client for each."""

    def __init__(self, **more: Any) -> None:
        self.cluster = Cluster.from_file(LAB, bare=True)
        self.names = ["manager-1", "worker-1", "worker-2"]
        self.door = self.cluster.serve(0, pace=0, machine=self.names[0], nodes=dict.fromkeys(self.names[1:], 0))
        self.clients = {name: docker.DockerClient(base_url=host) for name, host in self.door.hosts.items()}
        self.first, *self.others = (self.clients[name] for name in self.names)

    def close(self) -> None:
        for client in self.clients.values():
            client.close()
        self.door.close()

    def init(self, **options: Any) -> list[str]:
        """A swarm of the first machine alone. Where the others find it."""
        self.first.swarm.init(**options)
        return [f"{self.first.info()['Swarm']['NodeAddr']}:2377"]

    def token(self, role: str) -> str:
        self.first.swarm.reload()
        return self.first.swarm.attrs["JoinTokens"][role]


@pytest.fixture
def lab() -> Iterator[Lab]:
    made = Lab()
    yield made
    made.close()


def refused(function: Any, *args: Any, **options: Any) -> tuple[int, str]:
    """With which status, and in which words."""
    with pytest.raises(docker.errors.APIError) as refusal:
        function(*args, **options)
    return refusal.value.status_code, refusal.value.explanation


def test_machines_become_a_swarm_and_part_again(lab: Lab) -> None:
    first, (second, third, *_) = lab.first, lab.others
    assert first.swarm.attrs == {}
    remotes = lab.init(
        advertise_addr="", listen_addr="0.0.0.0:2377", subnet_size=26, default_addr_pool=["10.20.0.0/16"]
    )
    assert first.swarm.attrs["SubnetSize"] == 26 and first.swarm.attrs["DefaultAddrPool"] == ["10.20.0.0/16"]
    assert refused(first.swarm.init)[0] == 503
    assert refused(second.swarm.join, remotes, "SWMTKN-1-x") == (500, "invalid join token")
    assert second.swarm.join(remotes, lab.token("Worker")) and third.swarm.join(remotes, lab.token("Manager"))
    assert refused(third.swarm.join, remotes, lab.token("Manager"))[0] == 503
    assert sorted(node.attrs["Spec"]["Role"] for node in first.nodes.list()) == ["manager", "manager", "worker"]
    assert second.info()["Swarm"]["LocalNodeState"] == "active" and not second.info()["Swarm"]["ControlAvailable"]
    node = first.nodes.get(third.info()["Swarm"]["NodeID"])
    assert node.update({**node.attrs["Spec"], "Role": "worker", "Labels": {"zone": "b"}})
    lab.cluster.run_for(10)
    assert refused(third.nodes.list)[0] == 503
    assert second.swarm.leave() and refused(second.swarm.leave)[0] == 503
    lab.cluster.run_for(20)
    gone = first.nodes.get(lab.names[1])
    assert gone.attrs["Status"]["State"] == "down" and first.api.remove_node(gone.id)
    assert refused(first.swarm.leave)[0] == 503
    assert first.swarm.leave(force=True) and refused(first.nodes.list)[0] == 503


def test_a_locked_manager_is_unlocked_by_its_key(lab: Lab) -> None:
    lab.init()
    swarm = lab.first.swarm
    assert swarm.update(autolock_managers=True)
    key = swarm.get_unlock_key()["UnlockKey"]
    assert key.startswith("SWMKEY-1-") and refused(swarm.unlock, key) == (409, "swarm is not locked")
    lab.cluster.crash(lab.names[0])
    lab.cluster.run_for(2)
    lab.cluster.restart(lab.names[0])
    lab.cluster.run_for(2)
    assert lab.first.info()["Swarm"]["LocalNodeState"] == "locked"
    status, text = refused(lab.first.nodes.list)
    assert status == 503 and text.startswith("Swarm is encrypted and needs to be unlocked")
    assert refused(swarm.unlock, "SWMKEY-1-x") == (400, "invalid key string")
    assert swarm.unlock(key)
    lab.cluster.run_for(30)
    assert len(lab.first.nodes.list()) == 1


def test_services_are_watched_updated_and_read(lab: Lab) -> None:
    first, second = lab.first, lab.others[0]
    second.swarm.join(lab.init(), lab.token("Worker"))
    types = docker.types
    web = first.services.create("nginx:alpine", name="web", mode=types.ServiceMode("replicated", 2))
    lab.cluster.run_for(10)
    assert {task["Status"]["State"] for task in web.tasks()} == {"running"}
    assert len(web.tasks(filters={"node": lab.names[1]})) == 1
    before = {task["ID"] for task in web.tasks()}
    assert web.force_update() == {"Warnings": None}
    lab.cluster.run_for(30)
    running = web.tasks(filters={"desired-state": "running"})
    assert len(running) == 2 and not before & {task["ID"] for task in running}
    lines = b"".join(web.logs(stdout=True, tail=1)).splitlines()
    assert len(lines) == 4 and set(lines) == {b"serve nginx:alpine started"}
    web.reload()
    assert web.scale(5) == {"Warnings": None}
    web.reload()
    assert web.update(labels={"a": "b"}) == {"Warnings": None}
    web.reload()
    assert web.attrs["Spec"]["Mode"] == {"Replicated": {"Replicas": 5}} and web.attrs["Spec"]["Labels"] == {"a": "b"}
    [listed] = first.services.list(filters={"label": "a=b"}, status=True)
    assert listed.attrs["ServiceStatus"]["DesiredTasks"] == 5
    stale = first.api.inspect_service("web")["Version"]["Index"] - 1
    spec = web.attrs["Spec"]
    status, text = refused(first.api.update_service, "web", stale, task_template=spec["TaskTemplate"], name="web")
    assert (status, text) == (500, "rpc error: code = Unknown desc = update out of sequence")
    agent = first.services.create("nginx:alpine", name="agent", mode="global")
    with pytest.raises(docker.errors.InvalidArgument):
        agent.scale(2)
    lab.cluster.run_for(5)
    assert len(agent.tasks()) == 2 and agent.remove()


def test_configs_and_secrets_are_read_where_they_are_mounted(lab: Lab) -> None:
    lab.init()
    client, types = lab.first, docker.types
    config = client.configs.create(name="site", data=b"listen 80;\n", labels={"x": "y"})
    secret = client.secrets.create(name="key", data=b"hunter2\n")
    assert client.configs.get(config.id).attrs["Spec"] == {
        "Name": "site",
        "Labels": {"x": "y"},
        "Data": "bGlzdGVuIDgwOwo=",
    }
    assert client.configs.list(filters={"label": "x=y"})[0].name == "site"
    assert refused(client.configs.create, name="site", data=b"x")[0] == 409
    service = client.services.create(
        "nginx:alpine",
        name="web",
        configs=[types.ConfigReference(config.id, "site", filename="/etc/site")],
        secrets=[types.SecretReference(secret.id, "key")],
    )
    lab.cluster.run_for(5)
    [inside] = client.containers.list(filters={"label": "com.docker.swarm.service.name=web"})
    assert inside.exec_run("cat /etc/site /run/secrets/key") == (0, b"listen 80;\nhunter2\n")
    assert refused(config.remove)[0] == 400
    assert service.remove() and config.remove() and secret.remove()
    with pytest.raises(docker.errors.NotFound):
        client.configs.get("site")


def test_a_manager_tells_what_happens_in_the_swarm(lab: Lab) -> None:
    lab.init()
    events = lab.first.events(decode=True, filters={"type": "service", "scope": "swarm"})
    service = lab.first.services.create("nginx:alpine", name="web")
    service.scale(2)
    service.remove()
    seen = [next(events) for _ in range(3)]
    events.close()
    assert [event["Action"] for event in seen] == ["create", "update", "remove"]
    assert seen[1]["Actor"]["Attributes"] == {"name": "web", "replicas.new": "2", "replicas.old": "1"}
