"""What a leader knows of one follower, and how boldly it sends [dissertation §10.2.1; etcd's `tracker.Progress`]."""

from collections import deque

from ..effects import Send

REACHABLE_BEATS = 3  # a member that left so many heartbeats unanswered counts as unreachable
ROUNDS = 10  # catching up takes a learner no more of them, or it never will [dissertation §4.2.1]


class Progress:
    """`match` is proven, `next` is a hope. While probing there is one append under way at a time, else they are
    pipelined, up to a limit; while a snapshot is under way there is none."""

    __slots__ = (
        "beat",
        "goal",
        "inflight",
        "machine",
        "match",
        "member",
        "next",
        "paused",
        "probing",
        "reachable",
        "round",
        "rounds",
        "silent",
        "since",
        "snapshot",
        "swift",
        "waited",
    )

    def __init__(self, member: str, machine: str, next: int):
        self.member = member
        self.machine = machine
        self.match = 0  # the follower holds the leader's log up to here
        self.next = next  # the next append begins here
        self.probing = True  # not knowing yet where the logs part
        self.paused = False  # a probe is under way
        self.inflight: deque[int] = deque()  # the last index of each append under way
        self.snapshot = 0  # index of the snapshot under way
        self.waited = 0  # heartbeats since it left
        self.silent = 0  # heartbeats sent since it was last heard
        self.reachable = False  # until it answers
        self.beat: Send | None = None  # the last heartbeat sent, to be sent again as it is
        self.round = 0  # of the newest heartbeat that it answered
        # A learner catches up in rounds: each ends when it holds what the leader's log was at its beginning.
        self.goal, self.since, self.rounds, self.swift = 0, 0, 0, False

    def probe(self, next: int) -> None:
        """Feel the way forward from `next`, one append at a time; never behind what is proven."""
        self.next = max(next, self.match + 1)
        self.probing, self.paused, self.snapshot = True, False, 0
        self.inflight.clear()

    def prove(self, match: int) -> bool:
        """It holds the log up to `match`. True if that was news; late answers are not."""
        if match < self.match:
            return False
        news, self.match = match > self.match, match
        self.next = max(self.next, match + 1)
        self.probing = self.paused = False
        inflight = self.inflight
        while inflight and inflight[0] <= match:
            inflight.popleft()
        return news

    def is_stale(self, refused: int) -> bool:
        """A refusal that does not answer the append under way says nothing any more."""
        return refused != self.next - 1 if self.probing else refused <= self.match

    def catch_up(self, last: int, patience: int, now: int) -> None:
        """Follow a learner's rounds: is the last one that ended a swift one? [dissertation §4.2.1]"""
        if self.rounds == 0:
            self.goal, self.since, self.rounds = last, now, 1
        if self.match < self.goal or (self.rounds > ROUNDS and not self.swift):
            return
        self.swift = self.match >= last or now - self.since < patience  # with nothing to send no round takes long
        self.goal, self.since, self.rounds = last, now, self.rounds + (not self.swift)
