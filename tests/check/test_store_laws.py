"""The laws of a store: a sound one has no faults, and each planted fault is found."""

import pytest

from swarmlab import Cluster as Swarm
from swarmlab.check.store_laws import faults
from swarmlab.manager.store import Store
from swarmlab.objects import (
    Cluster,
    Config,
    ConfigSpec,
    ContainerSpec,
    EndpointSpec,
    FileReference,
    Network,
    NetworkSpec,
    NetworkTarget,
    Node,
    NodeSpec,
    PortConfig,
    Put,
    Secret,
    SecretSpec,
    Service,
    ServiceSpec,
    Task,
    TaskSpec,
    replace,
)

PORTS = EndpointSpec("vip", (PortConfig(80, 8080),))
FILES = (FileReference("s1", "key", "key"),)
CONTAINER = ContainerSpec("nginx", secrets=FILES)
WEB = ServiceSpec("web", task=TaskSpec(CONTAINER, networks=(NetworkTarget("n1"),)), endpoint=PORTS)
CLUSTER = Cluster("c1", ca_digest="d", worker_token="SWMTKN-1-d-w", manager_token="SWMTKN-1-d-m")


def store(*more) -> Store:
    store = Store()
    objects = [
        CLUSTER,
        Node("m1", NodeSpec(role="manager"), "manager"),
        Network("i1", NetworkSpec("ingress", ingress=True)),
        Network("n1", NetworkSpec("front")),
        Secret("s1", SecretSpec("key", data=b"x")),
        Service("w1", WEB),
        Task("t1", "w1", "web", 1, "m1", state=512),
    ]
    store.apply(3, 5, [Put(object) for object in (*objects, *more)])
    return store


def test_a_swarm_in_use_has_no_faults() -> None:
    assert faults(store()) == []
    swarm = Swarm(managers=1, workers=2, seed=1)
    for line in (
        "network create -d overlay front",
        "secret create key k",
        "service create -d --name web --network front",
    ):
        swarm.docker(line + (" --secret key -p 80:80 nginx" if "service" in line else ""), files={"k": "x"})
    swarm.run_for(8)
    swarm.docker("service update -d --force --env-add A=1 web")
    swarm.docker("swarm update --autolock")
    swarm.run_for(3)
    assert len(swarm.tasks) > 1
    assert faults(swarm.store) == []


@pytest.mark.parametrize(
    ("planted", "text"),
    [
        (Service("w2", replace(WEB, name="WEB", endpoint=EndpointSpec())), "two of service are called web"),
        (
            Service("w2", replace(WEB, name="a b", endpoint=EndpointSpec())),
            "name must be valid as a DNS name component",
        ),
        (Service("w2", replace(WEB, name="b")), "services web and b share port 8080/tcp"),
        (Service("w1", replace(WEB, replicas=-1)), "Number of replicas must be non-negative"),
        (
            Service("w1", replace(WEB, task=TaskSpec(ContainerSpec("nginx"), networks=(NetworkTarget("x"),)))),
            "no network x",
        ),
        (
            Service("w1", replace(WEB, task=TaskSpec(ContainerSpec("nginx", configs=(FileReference("c", "a", "a"),))))),
            "service web has no config a",
        ),
        (Service("w1", WEB, spec_version=3), "has a spec of a version to come"),
        (Task("t2", "w1", "web", 1, "gone", state=512), "task t2 runs on no node"),
        (Task("t2", "w1", "web", 1, state=5), "task t2 is in no known state"),
        (Network("i2", NetworkSpec("second", ingress=True)), "there are two ingress networks"),
        (Secret("s2", SecretSpec("empty")), "secret empty has 0 bytes"),
        (Config("c2", ConfigSpec("big", data=bytes(1_024_000))), "config big has 1024000 bytes"),
        (replace(CLUSTER, name="x"), "beyond its limits"),
        (replace(CLUSTER, certificate_expiry=5), "beyond its limits"),
        (replace(CLUSTER, autolock=True), "autolock and its key do not go together"),
        (replace(CLUSTER, ca_digest="e"), "a join token names another root certificate"),
        (Node("m1", NodeSpec(role="boss"), "manager"), "node m1 has no known role"),
        (Node("m2", NodeSpec(availability="away")), "node m2 has no known availability"),
        (Node("m1"), "there is no manager"),
        (Network("w1", NetworkSpec("x")), "share the id w1"),
    ],
)
def test_each_planted_fault_is_found(planted: object, text: str) -> None:
    found = faults(store(planted))
    assert any(text in fault for fault in found), found


def test_what_stands_in_the_wrong_place_or_comes_too_early_is_found() -> None:
    broken = store()
    broken.tables["secret"]["other"] = broken.tables["secret"].pop("s1")
    assert "secret s1 stands under other" in faults(broken)
    broken = store()
    broken.tables["node"]["m1"] = replace(broken.tables["node"]["m1"], version=9, created_at=7)
    assert faults(broken) == ["node m1 has version 9 in a store at 3", "node m1 was changed before it was made"]


def test_a_rolled_back_service_may_name_what_is_gone() -> None:
    spec = replace(WEB, task=TaskSpec(ContainerSpec("nginx"), networks=(NetworkTarget("gone"),)))
    back = Service("w1", spec, update_status=("rollback_started", "manually requested rollback", 0, 0))
    assert faults(store(back)) == []
