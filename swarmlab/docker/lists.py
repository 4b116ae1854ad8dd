"""What Docker's lists show of services, tasks, nodes, networks and containers.

Source: docs.docker.com, `docker service ls`, `service ps`, `node ls`, `network ls`, `ps`: formatting.
"""

from collections.abc import Iterable, Mapping, Sequence

from ..messages import Container, NetworkRow
from ..objects import COMPLETE, RUNNING, STATES, Node, PortConfig, Service, Task
from .tables import Layout, ago, cut, natural

SHORT = 12  # characters of an id in a table

# ── layouts ──────────────────────────────────────────────────────────────────────────────────────────────────────

SERVICES = Layout(
    {"ID": "ID", "Name": "NAME", "Mode": "MODE", "Replicas": "REPLICAS", "Image": "IMAGE", "Ports": "PORTS"},
    "{{.ID}}\t{{.Name}}\t{{.Mode}}\t{{.Replicas}}\t{{.Image}}\t{{.Ports}}",
    "service.serviceContext",
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
)
NETWORKS = Layout(
    {"ID": "NETWORK ID", "Name": "NAME", "Driver": "DRIVER", "Scope": "SCOPE", "Labels": "LABELS"},
    "{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}",
    "network.networkContext",
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
    },
    "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}",
    "formatter.ContainerContext",
)

# ── services ─────────────────────────────────────────────────────────────────────────────────────────────────────


def service_rows(services: Iterable[Service], tasks: Sequence[Task]) -> list[dict]:
    rows = [
        {
            "ID": service.id[:SHORT],
            "Name": service.spec.name,
            "Mode": service.spec.mode.replace("-", " "),
            "Replicas": replicas(service, [task for task in tasks if task.service == service.id]),
            "Image": without_digest(service.spec.task.container.image),
            "Ports": ingress_ports(service.ports),
        }
        for service in services
    ]
    return sorted(rows, key=lambda row: natural(row["Name"]))


def replicas(service: Service, tasks: Sequence[Task]) -> str:
    """`3/3`: tasks seen running, old and stopping ones included, of those wanted."""
    spec = service.spec
    running = sum(task.state == RUNNING for task in tasks)
    if spec.mode.endswith("-job"):
        return _job_replicas(service, tasks, running)
    wanted = spec.replicas if spec.mode == "replicated" else sum(task.desired == RUNNING for task in tasks)
    limit = spec.task.placement.max_replicas
    return f"{running}/{wanted}" + (f" (max {limit} per node)" if limit and spec.mode == "replicated" else "")


def _job_replicas(service: Service, tasks: Sequence[Task], running: int) -> str:
    current = [task for task in tasks if task.job_iteration == service.job_iteration]
    done = sum(task.state == COMPLETE for task in current)
    if service.spec.mode == "replicated-job":
        return f"{running}/{service.spec.max_concurrent} ({done}/{service.spec.replicas} completed)"
    going = sum(task.state < COMPLETE and task.desired in (RUNNING, COMPLETE) for task in current)
    return f"{running}/{going} ({done}/{going + done} completed)"


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
    named = [(task, task.name if resolve else f"{task.service}.{task.slot or task.node}") for task in tasks]
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


def node_rows(nodes: Iterable[Node], self_id: str) -> list[dict]:
    rows = [
        {
            "ID": node.id,
            "Self": node.id == self_id,
            "Hostname": node.hostname,
            "Status": node.state.capitalize(),
            "Availability": node.spec.availability.capitalize(),
            "ManagerStatus": _manager_status(node),
            "TLSStatus": "Ready",
            "EngineVersion": node.description.engine_version if node.description else "",
        }
        for node in nodes
    ]
    return sorted(rows, key=lambda row: natural(row["Hostname"]))


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
            "Labels": _labels(network.labels),
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
            "Status": _status(container, now),
            "Ports": _container_ports(container.ports),
            "Names": container.name,
            "State": container.state,
            "Labels": _labels(container.labels),
        }
        for container in containers
    ]


def _status(container: Container, now: int) -> str:
    since = ago(now - container.state_at)
    match container.state:
        case "running":
            return f"Up {since}"
        case "exited":
            return f"Exited ({container.exit_code}) {since} ago"
        case state:
            return state.capitalize()


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


def _labels(labels: Mapping[str, str]) -> str:
    return ",".join(sorted(f"{name}={value}" for name, value in labels.items()))
