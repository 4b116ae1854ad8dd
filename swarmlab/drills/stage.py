"""A cluster brought to the moment at which the pager rings."""

# Simpler than in reality (docs/simplifications.md): hands

from typing import Any

from ..cluster import Cluster
from ..traffic.workload import Closed, Exponential, Poisson, Workload
from ..world import OUTSIDE
from .incident import Incident, Step

THINKING = 5.0  # seconds that typing a command and reading its answer takes
LONGER = 120.0  # seconds for which visitors still come after the time limit


class OnCall(Cluster):
    """A cluster with somebody at the keyboard: each command takes as long as typing it and reading what it says."""

    _thinking = 0.0

    @property
    def thinking(self) -> float:
        """Seconds that each command takes; nobody can type faster."""
        return self._thinking

    def docker(self, command: str, node: str | None = None, **options: Any) -> Any:
        """As on any cluster; then the time passes that a person needs for it."""
        result = super().docker(command, node, **options)
        if self._thinking:
            self.run_for(self._thinking)
        return result


def take_over(cluster: OnCall) -> None:
    """From now on a person types."""
    cluster._thinking = THINKING


def tried(cluster: OnCall) -> OnCall:
    """A twin to try something on; nobody types there."""
    twin = cluster.fork()
    twin._thinking = 0.0
    return twin


def staged(incident: Incident) -> OnCall:
    """The cluster of an incident when the page comes. Raises ValueError where a step of the file cannot be done."""
    settings = dict(incident.cluster)
    path = settings.pop("file", None)
    options: dict[str, Any] = {"seed": f"{incident.path} {incident.seed}", "messages": False}
    cluster: Any = OnCall.from_file(path, **options) if path else OnCall(**settings, **options)
    for n, step in enumerate(incident.setup, 1):
        _do(cluster, step, incident, f"setup {n}")
    begun = cluster.now
    for n, load in enumerate(incident.load, 1):
        _start(cluster, load, incident, f"load {n}")
    for n, step in sorted(enumerate(incident.faults, 1), key=lambda pair: pair[1].at):
        cluster.run_for(max(0, begun + step.at - cluster.now))
        _do(cluster, step, incident, f"fault {n}")
    cluster.run_for(max(0, begun + incident.page - cluster.now))
    return cluster


def _do(cluster: Cluster, step: Step, incident: Incident, where: str) -> None:
    details = dict(step.details)
    try:
        if step.act == "docker":
            said = cluster.docker(details["command"], details.get("node"), files=incident.files)
            if said.exit_code:
                raise ValueError(f"docker {details['command']}: {said.stderr.strip().splitlines()[0]}")
        elif step.act == "wait":
            cluster.run_for(details["seconds"])
        elif step.act == "cut":
            _cut(cluster, details["zone"])
        elif step.act == "intrude":
            _intrude(cluster, **details)
        else:
            if details.get("index") == "last":
                details["index"] = cluster.machines[details["machine"]].disk("raft").log[-1].index
            getattr(cluster, step.act)(*details.pop("groups", ()), **details)
    except (ValueError, TypeError) as fault:
        raise ValueError(f"{incident.path}: {where}: {fault}") from None


def _cut(cluster: Cluster, zone: str) -> None:
    """Cut the network between a zone and all the others."""
    inside = [name for name, computer in cluster.computers.items() if computer.zone == zone]
    if not inside:
        raise ValueError(f"no machine is in zone {zone}")
    cluster.partition(inside, [name for name in cluster.computers if name not in (*inside, *OUTSIDE)])


def _intrude(cluster: Cluster, machine: str, role: str) -> None:
    """Somebody who has the token of this role joins with a machine of their own."""
    token = cluster.docker(f"swarm join-token -q {role}").stdout.strip()
    address = cluster.computers[cluster.leader or ""].address
    said = cluster.docker(f"swarm join --token {token} {address}:2377", machine)
    if said.exit_code:
        raise ValueError(said.stderr.strip())


def _start(cluster: Cluster, load: dict, incident: Incident, where: str) -> None:
    seconds = incident.page + incident.limit + LONGER
    settings: dict[str, Any] = {"number": load["number"]} if "number" in load else {"seconds": seconds}
    if "via" in load:
        settings["via"] = True if load["via"] == "all" else load["via"]
    law: Any = Poisson(load["rate"]) if "rate" in load else Closed(load["clients"], load.get("think", 1.0))
    more = {key: load[key] for key in ("per_connection", "pause", "timeout") if key in load}
    service: Any = Exponential(load["work"]) if "work" in load else None
    try:
        cluster.traffic(load["url"], Workload(law, service, **more), name=load["name"], **settings)
    except (ValueError, TypeError) as fault:
        raise ValueError(f"{incident.path}: {where}: {fault}") from None
