"""The flight recorder: what people did to a world, and when; so that any instant can be had again, alive.

A world is built from settings and moved by acts. Both are plain data, so settings and acts are the whole run. Pictures
are taken on the way; a past instant is the nearest picture before it, with the acts since then done again.
"""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any, NamedTuple

from .kernel import Kernel

CHECKPOINT = 2_000  # events between two pictures, at least
SHARE = 12  # bytes of a picture for each event between two: so pictures take a few hundredths of the time
MOST = 64  # pictures that are kept
HEAVIEST = 200_000_000  # bytes of pictures that are kept: three or four of a thousand machines
NEVER = 1 << 62


class Act(NamedTuple):
    """Something people did: what, when (µs), and how. `until` is set when it was cut short at that time."""

    time: int
    name: str
    details: dict
    until: int | None = None


class OutOfTime(Exception):
    """What somebody waited for did not come before the limit, or before the instant that was asked for."""


class Recorder:
    """What a world needs to be forked and rewound. `ACTS` are its methods that a record may hold; each calls `_did`
    when it has made sure that it can be done, and `_cut_short` when it stops waiting."""

    ACTS: tuple[str, ...] = ()

    def __init__(self, kernel: Kernel):
        self.kernel = kernel
        self.acts: list[Act] = []
        self._horizon = NEVER  # µs: a replay never goes beyond
        self._checkpoints: list[tuple[int, Any]] = []  # (time, Snapshot)
        self._next_checkpoint, self._sparse = CHECKPOINT, 1

    def fork(self) -> Any:
        """An independent twin that goes on exactly as this one would, until it is treated differently."""
        return self._picture().develop()

    def past(self, time: int) -> Any:
        """A live twin whose now is `time` µs: everything up to then has happened as it did here."""
        then, picture = next((t, p) for t, p in reversed(self._checkpoints) if t <= time)
        twin = picture.develop()
        twin._checkpoints = [c for c in self._checkpoints if c[0] <= then]
        twin.replay(self.acts[len(twin.acts) :], time)
        return twin

    def replay(self, acts: Sequence[Act], until: int) -> None:
        """Do these acts, each at its time, and let time pass until `until` µs."""
        for act in acts:
            if act.time > until:
                break
            self._pass(act.time)
            self._horizon = until if act.until is None else min(until, act.until)
            self._redo(act)
            self._horizon = NEVER
        self._pass(until)

    def _redo(self, act: Act) -> None:
        assert act.name in self.ACTS, f"{act.name!r} is nothing that people can do"
        details = dict(act.details)
        getattr(self, act.name)(*details.pop("groups", ()), **details)

    def _pass(self, until: int) -> None:
        """Let time pass, taking pictures on the way."""
        while self.kernel.now < min(until, self._horizon):
            self._run(min(until, self.kernel.now + 10_000_000))
            self._checkpoint_if_due()

    def _run(self, until: int) -> None:
        """Let time pass, not beyond the horizon. Who is told to end has reached it, like a replay that ends here."""
        self.kernel.run(min(until, self._horizon))
        if self.kernel.told:
            self._horizon = self.kernel.now

    def _did(self, name: str, /, **details: Any) -> None:
        """Write down what somebody does, just before it is done."""
        self._checkpoint_if_due()
        self.acts.append(Act(self.kernel.now, name, deepcopy(details)))  # what they hand in may change afterwards

    def _cut_short(self, until: int) -> None:
        """What would have gone on until then ends where the replay does."""
        if self._horizon < until:
            self.acts[-1] = self.acts[-1]._replace(until=self.kernel.now)

    def keep_no_pictures(self) -> None:
        """For runs to which nobody will look back: `at` then starts from the beginning."""
        self._next_checkpoint = NEVER

    def _checkpoint_if_due(self) -> None:
        if self.kernel.scheduled >= self._next_checkpoint and not self.kernel.told:
            self._checkpoint()

    def _checkpoint(self) -> None:
        pictures, self._checkpoints = self._checkpoints, []  # a picture does not contain the earlier ones
        picture = self._picture()
        self._checkpoints = [*pictures, (self.kernel.now, picture)]
        heavy = sum(len(one) for _, one in self._checkpoints) > HEAVIEST and len(self._checkpoints) > 2
        if heavy or len(self._checkpoints) > MOST:  # keep every second one, and take them half as often from now on
            self._checkpoints, self._sparse = self._checkpoints[::2], 2 * self._sparse
        self._next_checkpoint = self.kernel.scheduled + self._sparse * max(CHECKPOINT, len(picture) // SHARE)

    def _picture(self) -> Any:
        from .snapshot import Snapshot  # at first use: `import swarmlab` stays light

        return Snapshot(self)
