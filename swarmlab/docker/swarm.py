"""`docker swarm …`, `docker info` and `docker version`: how a machine gets into a swarm, and what it knows of it.

Source: docs.docker.com, "Create a swarm", "Join nodes to a swarm"; texts as recorded from Docker 28.2.2.
"""

from ..messages import (
    EngineInfo,
    GetCluster,
    Info,
    ListContainers,
    ListObjects,
    RotateToken,
    SwarmInit,
    SwarmJoin,
    SwarmLeave,
)
from ..objects import ApiError, Cluster, Description, Node
from .flags import Options
from .session import Exit, Screen, Session
from .tables import ago

CLIENT_VERSION = "28.2.2"

CLUSTER_OPTIONS = {  # flags of `swarm init` and the setting of the cluster that each one makes
    "cert-expiry": "certificate_expiry",
    "data-path-port": "data_path_port",
    "default-addr-pool-mask-length": "subnet_size",
    "dispatcher-heartbeat": "heartbeat_period",
    "snapshot-interval": "snapshot_interval",
    "task-history-limit": "task_history_limit",
}

JOIN = """To add a {role} to this swarm, run the following command:

    docker swarm join --token {token} {address}
"""


def init(session: Session, options: Options, screen: Screen) -> None:
    chosen = [(setting, options[flag]) for flag, setting in CLUSTER_OPTIONS.items() if flag in options.given]
    if options["default-addr-pool"]:
        chosen.append(("address_pool", ",".join(options["default-addr-pool"])))
    answer = session.call(SwarmInit(options["advertise-addr"], options["force-new-cluster"], tuple(chosen)))
    screen.say(f"Swarm initialized: current node ({answer.node}) is now a manager.\n")
    screen.say(JOIN.format(role="worker", token=answer.worker_token, address=answer.address))
    screen.say("To add a manager to this swarm, run 'docker swarm join-token manager' and follow the instructions.")


def join(session: Session, options: Options, screen: Screen) -> None:
    role = session.call(SwarmJoin(options["token"], options.words[0], options["advertise-addr"]))
    screen.say(f"This node joined a swarm as a {role}.")


def leave(session: Session, options: Options, screen: Screen) -> None:
    session.call(SwarmLeave(options["force"]))
    screen.say("Node left the swarm.")


def join_token(session: Session, options: Options, screen: Screen) -> None:
    role = options.words[0]
    if role not in ("worker", "manager"):
        raise Exit(f"unknown role {role}")
    cluster = session.call(RotateToken(role) if options["rotate"] else GetCluster())
    token = cluster.worker_token if role == "worker" else cluster.manager_token
    if options["quiet"]:
        screen.say(token)
        return
    if options["rotate"]:
        screen.say(f"Successfully rotated {role} join token.\n")
    screen.say(JOIN.format(role=role, token=token, address=_own_address(session)))


def _own_address(session: Session) -> str:
    info = session.call(Info())
    for node in session.call(ListObjects("node")):
        if node.id == info.node and node.manager_status:
            return node.manager_status.address
    return info.address


# ── what the engine says of itself ───────────────────────────────────────────────────────────────────────────────


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
    "swarm init": init,
    "swarm join": join,
    "swarm join-token": join_token,
    "swarm leave": leave,
    "version": version,
}
