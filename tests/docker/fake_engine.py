"""An engine that answers from lists of objects and remembers what it was asked to change."""

from collections.abc import Callable, Mapping
from typing import Any

from swarmlab import messages as m
from swarmlab.docker.cli import Interrupted
from swarmlab.objects import ApiError, Cluster
from swarmlab.trust.signing import new_root

CLUSTER = Cluster("c" * 25, ca_digest="0" * 50, root=new_root(1, 1, 0))
READS = (
    m.Info,
    m.ListObjects,
    m.GetObject,
    m.GetCluster,
    m.ListContainers,
    m.ListNetworks,
    m.ListImages,
    m.ListVolumes,
    m.Logs,
    m.Events,
)


class FakeEngine:
    """One manager of a swarm. `script(engine, request)` may answer a request itself; None leaves it to the lists."""

    def __init__(self, *objects: Any, now: int = 10**12, script: Callable | None = None, files: Mapping | None = None):
        self.machine, self.now, self.env = "node1", now, {}
        self.objects: dict[str, list] = {
            kind: [] for kind in ("service", "task", "node", "network", "secret", "config")
        }
        for each in objects:
            self.objects[type(each).__name__.lower()].append(each)
        self.containers: tuple = ()
        self.networks: tuple = ()
        self.writes: list = []
        self.script, self.files = script, dict(files or {})
        self.limit: int | None = None
        self.info = m.EngineInfo("node1", "active", "n" * 25, True, "10.77.0.11:2377", (), "")

    def call(self, request: Any) -> Any:
        if not isinstance(request, READS):
            self.writes.append(request)
        answer = self.script(self, request) if self.script else None
        if isinstance(answer, Exception):
            raise answer
        return self._answer(request) if answer is None else answer

    def _answer(self, request: Any) -> Any:
        match request:
            case m.ListObjects(kind):
                return tuple(self.objects[kind])
            case m.GetObject(kind, ref):
                return self._get(kind, ref)
            case m.Info():
                return self.info
            case m.GetCluster():
                return CLUSTER
            case m.ListContainers():
                return self.containers
            case m.ListNetworks():
                specs = [(each.id, each.spec) for each in self.objects["network"]]
                return (*self.networks, *(m.NetworkRow(id, s.name, s.driver, s.scope, s.labels) for id, s in specs))
            case m.ListImages():
                return tuple(m.ImageRow(f"{name}:latest", 10**6, 0) for name in ("alpine", "nginx", "redis", "web"))
            case m.ListVolumes() | m.Events():
                return ()
            case m.Logs():
                return m.LogAnswer(())
            case m.Exec():
                return m.ExecAnswer(0)
            case m.CreateVolume(name):
                return name or "f" * 64
            case m.CreateObject() | m.Run():
                return f"{len(self.writes):025}"
            case m.RemoveObject(kind, ref):
                self._get(kind, ref)
        return None

    def _get(self, kind: str, ref: str) -> Any:
        for each in self.objects[kind]:
            name = each.hostname if kind == "node" else each.name if kind == "task" else each.spec.name
            if ref in (each.id, name) or each.id.startswith(ref):
                return each
        raise ApiError(f"{kind} {ref} not found")

    def wait(self, duration: int) -> None:
        if self.limit is not None and self.now + duration > self.limit:
            raise Interrupted
        self.now += duration

    def read(self, path: str) -> bytes:
        if path not in self.files:
            raise FileNotFoundError(path)
        return self.files[path]
