"""What the engine of one machine refuses about its swarm, in Docker's words.

Source: moby daemon/cluster/errors.go, swarm.go; recorded with Docker Engine 20.10.
"""

from collections.abc import Sequence

from ..objects import Node

ALREADY_IN = 'This node is already part of a swarm. Use "docker swarm leave" to leave this swarm and join another one.'
NOT_IN = "This node is not part of a swarm"
NO_SWARM = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" '
    "to connect this node to swarm and try again."
)
ONLY_A_WORKER = (
    "This node is not a swarm manager. Worker nodes can't be used to view or modify cluster state. "
    "Please run this command on a manager node or promote the current node to a manager."
)
NOT_YET_A_MANAGER = (
    "This node is not a swarm manager. Manager is being prepared or has trouble connecting to the cluster."
)
EXPIRED = "Swarm certificates have expired. To replace them, leave the swarm and join again."
BAD_TOKEN = "invalid join token"
FOREIGN_CA = "remote CA does not match fingerprint. Expected: {}"
BAD_ROOT = "error while validating Root CA Certificate: {}"
JOIN_GOES_ON = (
    "Timeout was reached before node joined. The attempt to join the swarm will continue in the background. "
    'Use the "docker info" command to see the current swarm status of your node.'
)
UNREACHABLE = (
    "manager stopped: can't initialize raft node: rpc error: code = Unknown desc = {}: "
    "rpc error: code = DeadlineExceeded desc = context deadline exceeded"
)
LEAVING_MANAGER = "You are attempting to leave the swarm on a node that is participating as a manager. "
LAST_MANAGER = "Removing the last manager erases all current state of the swarm. Use `--force` to ignore this message."
QUORUM_GONE = "Removing this node leaves {} managers out of {}. Without a Raft quorum your swarm will be inaccessible. "
QUORUM_UNSURE = "Doing so may lose the consensus of your cluster. "
LAST_RESORT = (
    "The only way to restore a swarm that has lost consensus is to reinitialize it with `--force-new-cluster`. "
    "Use `--force` to suppress this message."
)


def why_stay(nodes: Sequence[Node] | None) -> str:
    """What a manager that wants to leave is told without --force. `nodes` is empty when no leader says who is there,
    and None when the manager does not work yet."""
    if nodes is None:
        return LEAVING_MANAGER + QUORUM_UNSURE + LAST_RESORT
    statuses = [node.manager_status.reachability for node in nodes if node.manager_status]
    total, reachable = len(statuses), statuses.count("reachable")
    if total == 1:
        return LEAVING_MANAGER + LAST_MANAGER
    lost = 0 < total >= 2 * reachable - 2  # moby asks for one more than a majority here
    return LEAVING_MANAGER + (QUORUM_GONE.format(reachable - 1, total) if lost else "") + LAST_RESORT
