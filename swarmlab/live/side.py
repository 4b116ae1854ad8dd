"""One of the boards: a cluster, who follows it, and its clock."""

from collections.abc import Sequence
from typing import Any

from ..cluster import Cluster
from ..viz.follow import Follower


class Side:
    """One of the boards: a cluster, who follows its trace, and what lets its time pass."""

    def __init__(self, cluster: Cluster, without: Sequence[str]):
        self.cluster, self.follower = cluster, Follower(cluster.trace, without)
        self.conductor: Any = None
        self.is_ours = False  # whether the clock was started for this board

    def start(self, pace: float | None, paused: bool) -> None:
        """Join the clock of the cluster, or start one."""
        running = self.cluster._conductor
        self.is_ours = running is None or running.stopped
        self.conductor = self.cluster.conductor(pace)
        if paused:
            self.conductor.pause()

    def stop(self) -> None:
        """Stop the clock, if it was ours."""
        if self.conductor and self.is_ours:
            self.conductor.stop()
