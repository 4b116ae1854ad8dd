"""What Docker's lists show of services, tasks, nodes, networks and containers.

Source: docs.docker.com, `docker service ls`, `service ps`, `node ls`, `network ls`, `ps`: formatting.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from ..effects import SECOND
from ..messages import Container, NetworkRow
from ..objects import RUNNING, STATES, Node, PortConfig, Service, Task, TlsInfo
from .api_json import service_status
from .dates import spoken
from .go_values import Method
from .tables import Layout, ago, cut, natural

SHORT = 12  # characters of an id in a table
LABEL_HEADER = Method(lambda name: re.sub("[-_]", " ", name.rpartition(".")[2]))

# ── layouts ──────────────────────────────────────────────────────────────────────────────────────────────────────

SERVICES = Layout(
    {"ID": "ID", "Name": "NAME", "Mode": "MODE", "Replicas": "REPLICAS", "Image": "IMAGE", "Ports": "PORTS"},
    "{{.ID}}\t{{.Name}}\t{{.Mode}}\t{{.Replicas}}\t{{.Image}}\t{{.Ports}}",
    "service.serviceContext",
    raw="id: {{.ID}}\nname: {{.Name}}\nmode: {{.Mode}}\nreplicas: {{.Replicas}}\nimage: {{.Image}}\nports: {{.Ports}}\n",
)
TASKS = Layout(
    {
        "ID": "ID",
        "Name": "NAME",
        "Image": "IMAGE",
        "Node": "NODE",
        "DesiredState": "DESIRED STATE",
        "CurrentState": "CURRENT STATE",
        "Error": "ERROR",
        "Ports": "PORTS",
    },
    "{{.ID}}\t{{.Name}}\t{{.Image}}\t{{.Node}}\t{{.DesiredState}}\t{{.CurrentState}}\t{{.Error}}\t{{.Ports}}",
    "task.taskContext",
    raw="id: {{.ID}}\nname: {{.Name}}\nimage: {{.Image}}\nnode: {{.Node}}\ndesired_state: {{.DesiredState}}\n"
    "current_state: {{.CurrentState}}\nerror: {{.Error}}\nports: {{.Ports}}\n",
)
NODES = Layout(
    {
        "ID": "ID",
        "Self": "",
        "Hostname": "HOSTNAME",
        "Status": "STATUS",
        "Availability": "AVAILABILITY",
        "ManagerStatus": "MANAGER STATUS",
        "TLSStatus": "TLS STATUS",
        "EngineVersion": "ENGINE VERSION",
    },
    "{{.ID}} {{if .Self}}*{{else}} {{end}}\t{{.Hostname}}\t{{.Status}}\t{{.Availability}}\t{{.ManagerStatus}}\t{{.EngineVersion}}",
    "node.nodeContext",
    raw="node_id: {{.ID}}\nhostname: {{.Hostname}}\nstatus: {{.Status}}\navailability: {{.Availability}}\n"
    "manager_status: {{.ManagerStatus}}\n",
)
NETWORKS = Layout(
    {
        "ID": "NETWORK ID",
        "Name": "NAME",
        "Driver": "DRIVER",
        "Scope": "SCOPE",
        "IPv6": "IPV6",
        "Internal": "INTERNAL",
        "Labels": "LABELS",
        "CreatedAt": "CREATED AT",
        "Label": LABEL_HEADER,
    },
    "{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}",
    "network.networkContext",
    raw="network_id: {{.ID}}\nname: {{.Name}}\ndriver: {{.Driver}}\nscope: {{.Scope}}\n",
)
STACKS = Layout(
    {"Name": "NAME", "Services": "SERVICES"}, "{{.Name}}\t{{.Services}}", "formatter.stackContext", "{{.Name}}"
)
CONTAINERS = Layout(
    {
        "ID": "CONTAINER ID",
        "Image": "IMAGE",
        "Command": "COMMAND",
        "RunningFor": "CREATED",
        "Status": "STATUS",
        "Ports": "PORTS",
        "Names": "NAMES",
        "State": "STATE",
        "Labels": "LABELS",
        "CreatedAt": "CREATED AT",
        "LocalVolumes": "LOCAL VOLUMES",
        "Mounts": "MOUNTS",
        "Networks": "NETWORKS",
        "Size": "SIZE",
        "Label": LABEL_HEADER,
    },
    "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}",
    "formatter.ContainerContext",
    raw="container_id: {{.ID}}\nimage: {{.Image}}\ncommand: {{.Command}}\ncreated_at: {{.CreatedAt}}\n"
    "state: {{- pad .State 1 0}}\nstatus: {{- pad .Status 1 0}}\nnames: {{.Names}}\nlabels: {{- pad .Labels 1 0}}\n"
    "ports: {{- pad .Ports 1 0}}\n",
)

# ── services ─────────────────────────────────────────────────────────────────────────────────────────────────────


def service_rows(services: Iterable[Service], tasks: Iterable[Task]) -> list[dict]:
    own: dict[str, list[Task]] = {}
    for task in tasks:
        own.setdefault(task.service, []).append(task)
    rows = [
        {
            "ID": service.id[:SHORT],
            "Name": service.spec.name,
            "Mode": service.spec.mode.replace("-", " "),
            "Replicas": replicas(service, own.get(service.id, ())),
            "Image": without_digest(service.spec.task.container.image),
            "Ports": ingress_ports(service.ports),
        }
        for service in services
    ]
    return sorted(rows, key=lambda row: natural(row["Name"]))


def replicas(service: Service, tasks: Iterable[Task]) -> str:
    """`3/3`: tasks that run, old and stopping ones included, of those wanted; of a job also how many are done."""
    status, spec = service_status(service, tasks), service.spec
    counts = f"{status['RunningTasks']}/{status['DesiredTasks']}"
    if spec.mode.endswith("-job"):
        done = status["CompletedTasks"]
        total = spec.replicas if spec.mode == "replicated-job" else done + status["DesiredTasks"]
        return f"{counts} ({done}/{total} completed)"
    limit = spec.task.placement.max_replicas
    return counts + (f" (max {limit} per node)" if limit and spec.mode == "replicated" else "")


def without_digest(image: str) -> str:
    return image.partition("@")[0]


def ingress_ports(ports: Iterable[PortConfig]) -> str:
    """`*:8080-8082->80-82/tcp, *:53->53/udp`: neighbours share one entry."""
    ranges: list[list[int | str]] = []  # protocol, first and last published, first and last target
    wanted = [port for port in ports if port.publish_mode == "ingress"]
    for port in sorted(wanted, key=lambda port: (port.protocol, port.published_port)):
        if ranges and _continues(ranges[-1], port):
            ranges[-1][2], ranges[-1][4] = port.published_port, port.target_port
        else:
            ranges.append([port.protocol, port.published_port, port.published_port, port.target_port, port.target_port])
    return ", ".join(
        f"*:{_span(first, last)}->{_span(start, end)}/{protocol}" for protocol, first, last, start, end in ranges
    )


def _continues(range: list, port: PortConfig) -> bool:
    protocol, _, last, start, end = range
    beside = port.published_port - last in (0, 1) and port.target_port - end in (0, 1)
    overlaps = start != end and port.target_port <= end
    return port.protocol == protocol and beside and not overlaps


def _span(first: int | str, last: int | str) -> str:
    return f"{first}" if first == last else f"{first}-{last}"


# ── tasks ────────────────────────────────────────────────────────────────────────────────────────────────────────


def task_rows(
    tasks: Iterable[Task], nodes: Iterable[Node], now: int, *, resolve: bool, trunc: bool, table: bool
) -> list[dict]:
    """Tasks by name, the newest of each name first; in a table the older ones carry a mark."""
    hostnames = {node.id: node.hostname for node in nodes}
    newest_first = reversed(list(tasks))  # of those that a lone manager made at the same instant the last one is newest
    named = [(task, task.name if resolve else f"{task.service}.{task.slot or task.node}") for task in newest_first]
    named.sort(key=lambda pair: (natural(pair[1]), -pair[0].created_at))
    shown = _with_history(named) if table else {task.id: name for task, name in named}
    return [
        {
            "ID": task.id[:SHORT] if trunc else task.id,
            "Name": shown[task.id],
            "Image": without_digest(task.spec.container.image) if trunc else task.spec.container.image,
            "Node": hostnames.get(task.node, task.node) if resolve else task.node,
            "DesiredState": STATES[task.desired].capitalize(),
            "CurrentState": f"{STATES[task.state].capitalize()} {ago(now - task.status_at).lower()} ago",
            "Error": _error(task.err, trunc),
            "Ports": _host_ports(task),
        }
        for task, _ in named
    ]


def _with_history(named: Sequence[tuple[Task, str]]) -> dict[str, str]:
    # Kept by task id, as Docker does: a task that is listed twice (`node ps a b`) carries the mark both times.
    shown: dict[str, str] = {}
    previous = ""
    for task, name in named:
        shown[task.id] = f" \\_ {name}" if name == previous else name
        previous = name
    return shown


def _error(text: str, trunc: bool) -> str:
    if not text:
        return ""
    return f'"{cut(text, 30) if trunc else text}"'


def _host_ports(task: Task) -> str:
    """Each host-mode port twice: the engine binds it for IPv4 and for IPv6."""
    if task.state != RUNNING:
        return ""
    ports = [port for port in task.ports if port.publish_mode == "host"]
    return ",".join(f"*:{port.published_port}->{port.target_port}/{port.protocol}" for port in ports for _ in range(2))


# ── nodes, networks, containers ──────────────────────────────────────────────────────────────────────────────────


def node_rows(nodes: Iterable[Node], self_id: str, tls: TlsInfo | None = None) -> list[dict]:
    """`tls` is what every node is to say of its certificates."""
    rows = [
        {
            "ID": node.id,
            "Self": node.id == self_id,
            "Hostname": node.hostname,
            "Status": node.state.capitalize(),
            "Availability": node.spec.availability.capitalize(),
            "ManagerStatus": _manager_status(node),
            "TLSStatus": _tls_status(node, tls),
            "EngineVersion": node.description.engine_version if node.description else "",
        }
        for node in nodes
    ]
    return sorted(rows, key=lambda row: natural(row["Hostname"]))


def _tls_status(node: Node, wanted: TlsInfo | None) -> str:
    if wanted is None or node.tls is None:
        return "Unknown"
    return "Ready" if node.tls == wanted else "Needs Rotation"


def _manager_status(node: Node) -> str:
    status = node.manager_status
    if not status:
        return ""
    return "Leader" if status.leader else status.reachability.capitalize()


def network_rows(networks: Iterable[NetworkRow], trunc: bool) -> list[dict]:
    rows = [
        {
            "ID": network.id[:SHORT] if trunc else network.id,
            "Name": network.name,
            "Driver": network.driver,
            "Scope": network.scope,
            "IPv6": "false",
            "Internal": str(network.internal).lower(),
            "Labels": _labels(network.labels),
            "CreatedAt": spoken(network.created_at),
            "Label": _label(network.labels),
        }
        for network in networks
    ]
    return sorted(rows, key=lambda row: natural(row["Name"]))


def container_rows(containers: Iterable[Container], now: int, trunc: bool) -> list[dict]:
    return [
        {
            "ID": container.id[:SHORT] if trunc else container.id,
            "Image": without_digest(container.image) if trunc else container.image,
            "Command": f'"{cut(container.command, 20) if trunc else container.command}"',
            "RunningFor": f"{ago(now - container.created_at)} ago",
            "Status": container_status(container, now),
            "Ports": _container_ports(container.ports) if container.state == "running" else "",
            "Names": container.name,
            "State": container.state,
            "Labels": _labels(container.labels),
            "CreatedAt": spoken(container.created_at // SECOND * SECOND),
            "LocalVolumes": str(sum(mount.type == "volume" for mount in container.settings.mounts)),
            "Mounts": ",".join(cut(mount.source, 15) for mount in container.settings.mounts),
            "Networks": ",".join(name for _, name, *_ in container.networks),
            "Size": "0B",  # pretended containers write nothing
            "Label": _label(container.labels),
        }
        for container in containers
    ]


def container_status(container: Container, now: int) -> str:
    """`Up 3 seconds (healthy)`: the engine words it, not the client."""
    since = ago(now - container.state_at)
    match container.state:
        case "running":
            return f"Up {since}{_health(container)}"
        case "exited":
            return f"Exited ({container.exit_code}) {since} ago"
        case state:
            return state.capitalize()


def _health(container: Container) -> str:
    if container.health is None:
        return ""
    status = container.health.status
    return f" ({'health: ' if status == 'starting' else ''}{status})"


def _container_ports(ports: Iterable[PortConfig]) -> str:
    ports = list(ports)
    inside = [f"{port.target_port}/{port.protocol}" for port in ports if not port.published_port]
    outside = [
        f"{address}:{port.published_port}->{port.target_port}/{port.protocol}"
        for port in ports
        if port.published_port
        for address in ("0.0.0.0", "[::]")
    ]
    return ", ".join(inside + outside)


def _label(labels: Mapping[str, str]) -> Method:
    return Method(lambda name: labels.get(name, ""))


def _labels(labels: Mapping[str, str]) -> str:
    return ",".join(sorted(f"{name}={value}" for name, value in labels.items()))
