"""Agreement: how managers keep one log that survives any minority of them [Ongaro & Ousterhout, "Raft", extended version].

Read `core` for the node and its roles, then one chapter each: `election`, `replication`, `membership`, `snapshots`,
`reads`. `quorum`, `configuration` and `log` are the arithmetic below, `progress` is what a leader knows of a follower,
`keyvalue` the smallest thing worth agreeing on. A node is sans-IO, like every core.
"""

from .configuration import Configuration
from .core import PAPER, SWARMKIT, RaftNode, Settings, bare
from .log import Log
from .progress import Progress
from .quorum import committed_index, joint_committed_index, joint_vote_result, majority, vote_result

__all__ = [
    "PAPER",
    "SWARMKIT",
    "Configuration",
    "Log",
    "Progress",
    "RaftNode",
    "Settings",
    "bare",
    "committed_index",
    "joint_committed_index",
    "joint_vote_result",
    "majority",
    "vote_result",
]
