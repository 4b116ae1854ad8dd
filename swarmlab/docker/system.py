"""`docker info`, `docker version`: what client and engine say of themselves.

Source: docs.docker.com, `docker info`, `docker version`; texts as recorded from Docker 28.2.2.
"""

from ..messages import EngineInfo, GetCluster, Info, ListContainers, ListObjects
from ..objects import ApiError, Cluster, Description, Node
from .flags import Options
from .session import Screen, Session
from .tables import ago

CLIENT_VERSION = "28.2.2"


def info(session: Session, options: Options, screen: Screen) -> None:
    """The lines of `docker info` that mean something here."""
    engine = session.call(Info())
    containers = session.call(ListContainers(all=True))
    running = sum(container.state == "running" for container in containers)
    screen.say(f"Client:\n Version:    {CLIENT_VERSION}\n Context:    default\n Debug Mode: false\n\nServer:")
    screen.say(
        f" Containers: {len(containers)}\n  Running: {running}\n  Paused: 0\n  Stopped: {len(containers) - running}"
    )
    screen.say(f" Server Version: {Description().engine_version}")
    _swarm_lines(session, engine, screen)
    screen.say(f" OSType: linux\n Name: {engine.machine}")


def _swarm_lines(session: Session, engine: EngineInfo, screen: Screen) -> None:
    screen.say(f" Swarm: {engine.swarm}")
    if engine.swarm == "inactive":
        return
    screen.say(f"  NodeID: {engine.node}")
    error = engine.error
    lines: list[str] = []
    if engine.manager:
        try:
            lines = _cluster_lines(session.call(GetCluster()), session.call(ListObjects("node")))
        except ApiError as refusal:
            error = error or refusal.text
    if error:
        screen.say(f"  Error: {error}")
    screen.say(f"  Is Manager: {str(engine.manager).lower()}")
    for line in [*lines, f"  Node Address: {engine.address.partition(':')[0]}", "  Manager Addresses:"]:
        screen.say(line)
    for address in sorted(address for _, address in engine.managers):
        screen.say(f"   {address}")


def _cluster_lines(cluster: Cluster, nodes: tuple[Node, ...]) -> list[str]:
    pool = [f"  Default Address Pool: {cluster.address_pool}", f"  SubnetSize: {cluster.subnet_size}"]
    if (cluster.address_pool, cluster.subnet_size) == (Cluster("").address_pool, Cluster("").subnet_size):
        pool = []  # said only where somebody chose them
    return [
        f"  ClusterID: {cluster.id}",
        f"  Managers: {sum(node.manager_status is not None for node in nodes)}",
        f"  Nodes: {len(nodes)}",
        *pool,
        f"  Data Path Port: {cluster.data_path_port}",
        "  Orchestration:",
        f"   Task History Retention Limit: {cluster.task_history_limit}",
        "  Raft:",
        f"   Snapshot Interval: {cluster.snapshot_interval}",
        "   Number of Old Snapshots to Retain: 0",
        f"   Heartbeat Tick: {cluster.heartbeat_tick}",
        f"   Election Tick: {cluster.election_tick}",
        "  Dispatcher:",
        f"   Heartbeat Period: {ago(cluster.heartbeat_period)}",
        "  CA Configuration:",
        f"   Expiry Duration: {ago(cluster.certificate_expiry)}",
        "   Force Rotate: 0",
        f"  Autolock Managers: {str(cluster.autolock).lower()}",
        "  Root Rotation In Progress: false",
    ]


def version(session: Session, options: Options, screen: Screen) -> None:
    screen.say(f"Client:\n Version:           {CLIENT_VERSION}\n Context:           default\n")
    session.call(Info())
    screen.say(f"Server:\n Engine:\n  Version:          {Description().engine_version}")


RUN = {
    "info": info,
    "version": version,
}
