"""`docker swarm …`: how a machine gets into a swarm, and out of it.

Source: docs.docker.com, "Create a swarm", "Join nodes to a swarm"; texts as recorded from Docker 28.2.2.
"""

from ..messages import (
    GetCluster,
    Info,
    ListObjects,
    RotateToken,
    SwarmInit,
    SwarmJoin,
    SwarmLeave,
)
from .flags import Options
from .session import Exit, Screen, Session

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


RUN = {
    "swarm init": init,
    "swarm join": join,
    "swarm join-token": join_token,
    "swarm leave": leave,
}
