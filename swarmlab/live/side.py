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
        self.long = 1  # for so many times as many facts as a board should hold it may go on
        self._joined: Any = None  # the clock that we have said we use

    def start(self, pace: float | None) -> None:
        """Join the clock of the cluster, or start one."""
        running = self.cluster._conductor
        began = running is None or running.stopped
        self.conductor = self.cluster.conductor(pace)
        if self._joined is not self.conductor:
            self._joined = self.conductor
            self.conductor.join(began)

    def stop(self) -> None:
        """Stop the clock, unless it was started by hand or somebody else uses it."""
        joined, self._joined = self._joined, None
        if joined:
            joined.part()

    @property
    def is_ours(self) -> bool:
        """Whether the clock runs for this board alone."""
        return self._joined is not None and self._joined.guests == 1

    @property
    def stands_still(self) -> bool:
        """Whether somebody stopped the clock, or lets it pause: here, in a cell, or elsewhere."""
        return self.conductor is not None and (self.conductor.paused or self.conductor.stopped)

    def turn(self, pace: float | None, paused: bool | None) -> None:
        """Let the clock run at another pace, pause, or go on; one that was stopped is started again."""
        if self.conductor is None:
            return
        if self.conductor.stopped and paused is False:
            self.start(self.conductor.pace)
        if pace is not None:
            self.conductor.pace = pace
        if paused is not None:
            (self.conductor.pause if paused else self.conductor.resume)()
