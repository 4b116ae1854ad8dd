"""An engine with a real store and the real checks behind it, and without time: what is asked is done at once."""

from random import Random
from typing import Any

from fake_engine import FakeEngine

from swarmlab import messages as m
from swarmlab.manager import api
from swarmlab.manager.store import Store
from swarmlab.objects import (
    ApiError,
    Cluster,
    Config,
    ConfigSpec,
    ContainerSpec,
    Description,
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
)
from swarmlab.trust.papers import wanted
from swarmlab.trust.signing import new_root

FOR_THE_SWARM = (
    *api.READS,
    m.CreateObject,
    m.UpdateObject,
    m.RemoveObject,
    m.RotateToken,
    m.RotateUnlockKey,
)
ALREADY_IN = 'This node is already part of a swarm. Use "docker swarm leave" to leave this swarm and join another one.'


ROOT = new_root(1, 1, 0)


def filled() -> Store:
    """A small swarm with one of everything."""
    store, token, tls = Store(), "SWMTKN-1-" + "d" * 50, wanted(Cluster("c" * 25, root=ROOT))
    container = ContainerSpec("nginx:1.25", env=("A=1",), secrets=(FileReference("s" * 25, "key", "key"),))
    web = TaskSpec(container, networks=(NetworkTarget("f" * 25),))
    objects = [
        Cluster("c" * 25, ca_digest="d" * 50, worker_token=f"{token}-w", manager_token=f"{token}-m", root=ROOT),
        Node("n" * 25, NodeSpec(role="manager"), "manager", Description("node1"), "ready", member="m1", tls=tls),
        Node("o" * 25, NodeSpec({"zone": "a"}), description=Description("node2"), state="ready", tls=tls),
        Node("p" * 25, description=Description("node3"), state="down", tls=tls),
        Network("i" * 25, NetworkSpec("ingress", ingress=True)),
        Network("b" * 25, NetworkSpec("bridge", driver="bridge", scope="local"), predefined=True),
        Network("f" * 25, NetworkSpec("front")),
        Secret("s" * 25, SecretSpec("key", data=b"x")),
        Config("g" * 25, ConfigSpec("site", data=b"x")),
        Service("w" * 25, ServiceSpec("web", task=web, endpoint=EndpointSpec("vip", (PortConfig(80, 8080),)))),
        Service("a" * 25, ServiceSpec("agent", task=TaskSpec(ContainerSpec("nginx")), mode="global")),
        Service("j" * 25, ServiceSpec("job", task=TaskSpec(ContainerSpec("nginx")), mode="replicated-job")),
        Task("t" * 25, "w" * 25, "web", 1, "o" * 25, state=512),
    ]
    store.apply(1, 0, [Put(object) for object in objects])
    return store


class StoreEngine(FakeEngine):
    """A manager's engine. Whoever asks for what the machine alone does gets the answers of `FakeEngine`."""

    def __init__(self, **more: Any):
        super().__init__(**more)
        self.store, self.dice = filled(), Random(0)

    def call(self, request: Any) -> Any:
        if isinstance(request, m.SwarmInit | m.SwarmJoin):
            raise ApiError(ALREADY_IN)
        local = isinstance(request, m.CreateObject) and getattr(request.spec, "scope", "swarm") == "local"
        if local or not isinstance(request, FOR_THE_SWARM):
            return super().call(request)
        if isinstance(request, api.READS):
            return api.read(self.store, request, (("m1", "node1", True),), "m1")
        if isinstance(request, m.CreateObject) and isinstance(request.spec, ServiceSpec) and not request.spec.name:
            request = m.CreateObject(request.spec._replace(name=f"name_by_chance{self.store.index}"))
        changes = tuple(api.write(self.store, request, self.dice, self.now, (("m1", "node1", True),)))
        self.store.apply(self.store.index + 1, self.now, changes)
        return api.answer(self.store, request, changes)
