"""A balancer in front of the nodes, as a company has one: each connection goes to the next node, dead ones are left out
if it looks after them.

With checks it is as HAProxy is by default: it asks each node every 2 s, takes it out after three failures in a row and
back in after two successes. A node that says nothing fails when the next question is due, so one that dies at a random
moment is out 6 to 8 s later; one whose port is shut says so, and is out after 4 to 6 s.
Source: HAProxy configuration manual, "inter", "fall", "rise"; networking.md §3.5.
"""

# Simpler than in reality (docs/simplifications.md): door

from collections.abc import Sequence

from ..effects import SECOND

INTER, FALL, RISE = 2 * SECOND, 3, 2


class Door:
    """Whose turn it is, and who is thought to be up."""

    def __init__(self, nodes: Sequence[str], checks: bool = False):
        self.nodes, self.checks = tuple(nodes), checks
        self.up = list(nodes)
        self.turn = 0
        self.streak = dict.fromkeys(nodes, 0)  # failures in a row of one that is up, successes of one that is not
        self.asked: dict[str, int] = {}  # nodes that have not answered the latest question yet, and its number
        self.questions = 0

    def choose(self) -> str:
        """The node for the next connection; '' when all are out."""
        if not self.up:
            return ""
        self.turn += 1
        return self.up[(self.turn - 1) % len(self.up)]

    def offset(self, node: str) -> int:
        """When its first check is due: the checks are spread over the interval."""
        return self.nodes.index(node) * INTER // len(self.nodes)

    def ask(self, node: str) -> int:
        """One more question, by its number: an answer to an earlier one comes too late."""
        self.questions += 1
        self.asked[node] = self.questions
        return self.questions

    def hear(self, node: str, well: bool) -> bool:
        """A check has ended. Says whether the node goes out, or comes back in, because of it."""
        self.asked.pop(node, None)
        known = node in self.up
        self.streak[node] = 0 if well == known else self.streak[node] + 1
        if self.streak[node] < (FALL if known else RISE):
            return False
        self.streak[node] = 0
        self.up = [one for one in self.nodes if (one in self.up) != (one == node)]
        return True
