"""What a leader knows of one follower, and how boldly it sends [dissertation §10.2.1; etcd's `tracker.Progress`]."""

from ..effects import Send

REACHABLE_BEATS = 3  # a member that left so many heartbeats unanswered counts as unreachable


class Progress:
    """`match` is proven, `next` is a hope. While probing there is one append under way at a time, else they are pipelined."""

    __slots__ = ("beat", "machine", "match", "member", "next", "paused", "probing", "reachable", "silent")

    def __init__(self, member: str, machine: str, next: int):
        self.member = member
        self.machine = machine
        self.match = 0  # the follower holds the leader's log up to here
        self.next = next  # the next append begins here
        self.probing = True  # not knowing yet where the logs part
        self.paused = False  # a probe is under way
        self.silent = 0  # heartbeats sent since it was last heard
        self.reachable = False  # until it answers
        self.beat: Send | None = None  # the last heartbeat sent, to be sent again as it is

    def probe(self, next: int) -> None:
        """Feel the way forward from `next`, one append at a time; never behind what is proven."""
        self.next = max(next, self.match + 1)
        self.probing, self.paused = True, False

    def prove(self, match: int) -> bool:
        """It holds the log up to `match`. True if that was news; late answers are not."""
        if match < self.match:
            return False
        news, self.match = match > self.match, match
        self.next = max(self.next, match + 1)
        self.probing = self.paused = False
        return news

    def is_stale(self, refused: int) -> bool:
        """A refusal that does not answer the append under way says nothing any more."""
        return refused != self.next - 1 if self.probing else refused <= self.match
