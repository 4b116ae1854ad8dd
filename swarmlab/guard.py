"""Mutual TLS on port 2377: whom a machine speaks with, by the papers that the other one shows.

Both ends look: at the root, at the times (each by its own clock), at the role, and a manager at the list of nodes that
were removed. Who wants in has no papers yet, and may look at the root certificate and show a token, nothing else. The
engine of who meets a root that it does not know is told, for it may have missed the end of a rotation. A machine trusts
itself: its own manager is reached without a network.
Simplification: each message is judged, as if it had a connection of its own. A real connection that is open stays open
when a certificate expires. Source: swarmkit ca/auth.go, ca/transport.go, ca/server.go; Go crypto/tls.
"""

# Simpler than in reality (docs/simplifications.md): per-message, no-server

from collections.abc import Mapping
from typing import Any

from .effects import NEVER, Told
from .events import ConnectionRefused
from .messages import AskRoot, Certify, PapersChanged, RefuseNodes, RootCertificate, StrangeRoot
from .trust.certificates import UNKNOWN_AUTHORITY
from .trust.papers import Papers

CHANNELS = ("raft", "manager", "engine", "agent")
FOR_ALL = (AskRoot, RootCertificate, Certify)
NO_PAPERS = "tls: client didn't provide a certificate"
NOT_A_MANAGER = "x509: certificate is valid for swarm-worker, {}, not swarm-manager"
WRONG_ROLE = "Permission denied: remote certificate not part of OUs: [swarm-manager]"
WRONG_SWARM = "Permission denied: remote certificate not part of organization: {}"
REMOVED = "Permission denied: node {} was removed from swarm"


class Guard:
    """Says why a message is refused; asked by the network where it is not known to be in order."""

    def __init__(self, machines: Mapping[str, Any], trace: Any):
        self.machines, self.trace = machines, trace
        self.passes: dict[tuple[str, str, str], int] = {}  # (sender, receiver, channel) → in order until, true µs
        self.removed: dict[str, dict[str, int]] = {}  # manager's machine → nodes that it refuses → until
        self.told: dict[tuple[str, str, str], str] = {}  # (who refuses, whom, channel) → why, as the trace has it

    def hear(self, machine: str, message: Any) -> None:
        """What a machine shows, or whom it refuses, has changed."""
        match message:
            case PapersChanged():
                self.passes.clear()
            case RefuseNodes(removed):
                self.passes.clear()
                self.removed[machine] = dict(removed)

    def forget(self, machine: str) -> None:
        """It boots: what it shows is on its disk, and whom it refuses it has to learn from its log."""
        self.passes.clear()
        self.removed.pop(machine, None)

    def shown(self, machine: str) -> Papers | None:
        """What a machine shows: the files of its engine."""
        return self.machines[machine].disk("engine").values.get("papers")

    def refuses(self, sender: str, receiver: str, channel: str, message: Any) -> bool:
        """Whether this message does not get through. Once it is clear that messages do, so do those that follow."""
        server, client = (receiver, sender) if channel in ("raft", "manager") else (sender, receiver)
        if sender == receiver or type(message) in FOR_ALL or self.shown(receiver) is None:
            return False  # who has no papers yet judges what it is told by the token, see `membership`
        until = NEVER
        for judge, other in ((client, server), (server, client)):
            reason, ends = self.verdict(judge, other, channel, other == server)
            if reason:
                self.tell(judge, other, channel, reason)
                if reason == UNKNOWN_AUTHORITY:
                    machine = self.machines[judge]
                    machine.kernel.at(machine.kernel.now, machine.arrive, ("engine", Told("guard", StrangeRoot())))
                return True
            until = min(until, ends)
        self.told.pop((server, client, channel), None)
        self.told.pop((client, server, channel), None)
        self.passes[sender, receiver, channel] = until
        return False

    def verdict(self, judge: str, other: str, channel: str, is_server: bool) -> tuple[str, int]:
        """Why `judge` does not speak with the other one, '' if it does; and until when that holds, true µs."""
        shown, own, clock = self.shown(other), self.shown(judge), self.machines[judge]
        if shown is None or own is None:
            return NO_PAPERS, 0
        reason = shown.refusal(own.root, clock.local_now())
        says = shown.says
        if not reason and says.cluster != own.says.cluster:
            reason = WRONG_SWARM.format(own.says.cluster)
        if not reason and says.role != "manager":
            reason = wrong_role(own, channel, is_server, says.node)
        until = shown.ends(own.root) if reason == "" else 0
        if not reason and self.removed.get(judge, {}).get(says.node, 0) > clock.local_now():
            reason = REMOVED.format(says.node)
        return reason, until if clock.clock is None else clock.clock.when(until)

    def tell(self, judge: str, other: str, channel: str, reason: str) -> None:
        """Once for each pair and channel, until the reason changes."""
        if self.told.get((judge, other, channel)) != reason:
            self.told[judge, other, channel] = reason
            self.trace.remark(judge, ConnectionRefused(other, channel, reason))


def wrong_role(judge: Papers, channel: str, is_server: bool, node: str) -> str:
    """What a worker's certificate is not good for: it is no server, and has no place among the managers. But a manager
    that has asked for logs takes them from any node."""
    if channel == "raft":
        return WRONG_ROLE
    asked = channel == "engine" and judge.says.role == "manager"
    return NOT_A_MANAGER.format(node) if is_server and not asked else ""
