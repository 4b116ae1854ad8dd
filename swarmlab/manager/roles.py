"""Who is a manager: brings stored roles and the members of the raft group into line with what people asked for.

A promotion is written at once; the machine then asks to be let in. A manager that is demoted leaves the group first,
if enough of the others can be reached, and only then is written down as a worker. What cannot be done now is tried
again every five seconds. Source: swarmkit `manager/role_manager.go`, `manager/state/raft/raft.go` (Join, RemoveMember,
TransferLeadership).
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from ..effects import MS, NEVER, SECOND, AddMember, RemoveMember, Tell, Transfer
from ..messages import NotRaftJoined, RaftJoin, RaftJoined
from ..objects import Node, Put, replace
from .dispatcher import Route, deliver
from .nodes import can_remove, is_member
from .store import Key, Store

RECONCILE = 5 * SECOND
RETRY_CHANGE = 100 * MS  # raft takes one change of members at a time
PENDING = "another change is pending"


class Turning(NamedTuple):
    """A piece of work for the leader: nothing stands in the way any more of the role that this node is to have."""

    node: str  # id


class Candidate(NamedTuple):
    """A machine that waits to be let in."""

    route: Route
    node: str  # id
    key: int
    retry_at: int


class Roles:
    """What the leader does about roles. Like the dispatcher it writes nothing by itself."""

    def __init__(self, member: str, members: tuple, new_key: Callable[[], int]):
        self.member, self.members, self.new_key = member, members, new_key
        self.candidates: dict[str, Candidate] = {}  # by member
        self.leaving: dict[int, str] = {}  # key → the member that raft was asked to remove
        self.handover = 0  # the key of a transfer of leadership
        self.fresh: dict[str, None] = {}  # nodes that changed since they were last looked at
        self.pending: dict[str, None] = {}  # nodes that do not have the role yet that they are to have
        self.census = True  # somebody may be a member without being a node
        self.tick = NEVER  # when everything that is pending is looked at again

    def lead(self, store: Store) -> None:
        """A new leader looks at every node."""
        self.fresh = {node.id: None for node in store.all("node")}

    def observe(self, store: Store, keys: Iterable[Key]) -> None:
        """The store changed."""
        for kind, id in keys:
            if kind == "node":
                node = store.get("node", id)
                self.fresh[id] = None
                self.census = self.census or node is None or node.role == "manager"

    @property
    def deadline(self) -> int:
        return min([self.tick, *(candidate.retry_at for candidate in self.candidates.values())])

    @property
    def is_leaving(self) -> bool:
        """Whether this leader hands over, or is about to be removed: raft takes no proposals meanwhile."""
        return self.member in self.leaving.values()

    def work(self, store: Store, now: int) -> tuple[list, list[Turning]]:
        """What has to be asked of raft, and the nodes that can be written down in their new role."""
        if not (self.fresh or self.census or self.candidates or self.tick <= now):
            return [], []
        effects, turnings = self.retry_candidates(store, now), []
        if self.tick <= now:
            self.fresh, self.census, self.tick = {**self.pending, **self.fresh}, True, NEVER
        for node in [store.get("node", id) or Node(id) for id in self.fresh]:
            if node.role == node.spec.role:
                self.pending.pop(node.id, None)
                continue
            self.pending[node.id] = None
            if node.role == "manager" and is_member(self.members, node):
                effects += self.take_out(store, node.member)
            else:
                turnings.append(Turning(node.id))
        strays = self.strays(store) if self.census else []
        effects += [effect for member in strays for effect in self.take_out(store, member)]
        if self.tick == NEVER and (self.pending or strays):
            self.tick = now + RECONCILE
        self.fresh, self.census = {}, False
        return effects, turnings

    # ── out of the group ─────────────────────────────────────────────────────────────────────────────────────────

    def strays(self, store: Store) -> list[str]:
        """Members whose node was removed, or belongs to the group under another name by now."""
        known = {node.member: None for node in store.all("node")}
        return [member for member, _, _ in self.members if store.cluster and member not in known]

    def take_out(self, store: Store, member: str) -> list:
        """Ask raft to remove a member, unless too many would be missing then. A leader hands over first."""
        if member in self.leaving.values() or not can_remove(self.members, member):
            return []
        key = self.new_key()
        self.leaving[key] = member
        heir = self.heir(store) if member == self.member else ""
        if not heir:
            return [Tell("raft", RemoveMember(key, member))]
        self.handover = key
        return [Tell("raft", Transfer(key, heir))]

    def heir(self, store: Store) -> str:
        """Who has been a member for longest and can be reached; rather one that is not to leave as well."""
        leaving = {node.member: None for node in store.all("node") if node.spec.role == "worker"}
        others = [member for member, _, reachable in self.members if reachable and member != self.member]
        choice = [member for member in others if member not in leaving] or others
        return choice[0] if choice else ""

    # ── into the group ───────────────────────────────────────────────────────────────────────────────────────────

    def let_in(self, store: Store, route: Route, wish: RaftJoin, managers: tuple) -> list:
        """It is a member already, or raft is asked to make it one."""
        if any(member == wish.member for member, _, _ in self.members):
            return [deliver(route, RaftJoined(managers))]
        self.candidates[wish.member] = Candidate(route, wish.node, self.new_key(), NEVER)
        return self.ask_for(store, wish.member)

    def retry_candidates(self, store: Store, now: int) -> list:
        due = [member for member, candidate in self.candidates.items() if candidate.retry_at <= now]
        return [effect for member in due for effect in self.ask_for(store, member)]

    def ask_for(self, store: Store, member: str) -> list:
        """Ask raft to add a member, if its node is still to be a manager."""
        candidate = self.candidates[member]
        node: Node | None = store.get("node", candidate.node)
        if node is None or node.member != member or not may_join(node):
            del self.candidates[member]
            return [deliver(candidate.route, NotRaftJoined(not_a_manager(candidate.node)))]
        self.candidates[member] = candidate._replace(retry_at=NEVER)
        return [Tell("raft", AddMember(candidate.key, member, node.machine))]

    # ── what raft says ───────────────────────────────────────────────────────────────────────────────────────────

    def know_members(self, rows: tuple, managers: Callable[[], tuple]) -> list:
        """Who belongs to the group now; a machine that waited to be let in gets to hear that it is."""
        self.members, self.census = rows, True
        inside = {member: None for member, _, _ in rows}
        self.leaving = {key: member for key, member in self.leaving.items() if member in inside}
        admitted = [member for member in inside if member in self.candidates]
        return [deliver(self.candidates.pop(member).route, RaftJoined(managers())) for member in admitted]

    def hear_refused(self, key: int, reason: str, now: int) -> list:
        """Raft has not done it: try again soon if it was only not the time, else say so, or wait for the next look."""
        if key in self.leaving:
            return self.stay(key, reason, now)
        for member, candidate in list(self.candidates.items()):
            if candidate.key == key and reason == PENDING:
                self.candidates[member] = candidate._replace(retry_at=now + RETRY_CHANGE)
            elif candidate.key == key:
                del self.candidates[member]
                return [deliver(candidate.route, NotRaftJoined(reason))]
        return []

    def stay(self, key: int, reason: str, now: int) -> list:
        """A removal was refused, or nobody took over: then the leader is removed while it leads."""
        member = self.leaving.pop(key)
        if reason == PENDING:
            self.tick = min(self.tick, now + RETRY_CHANGE)
        if key != self.handover:
            return []
        key = self.new_key()
        self.leaving[key] = member
        return [Tell("raft", RemoveMember(key, member))]

    def give_up(self, reason: str) -> list:
        """Leadership is lost: who waited to be let in asks again."""
        return [deliver(candidate.route, NotRaftJoined(reason)) for candidate in self.candidates.values()]


# ── the same, as plain functions ─────────────────────────────────────────────────────────────────────────────────


def may_join(node: Node | None) -> bool:
    """Who is a manager, and is not about to be one no more."""
    return node is not None and node.role == node.spec.role == "manager"


def not_a_manager(node: str) -> str:
    return f"node {node} is not a manager"


def turned(store: Store, id: str, members: tuple) -> list:
    """Write the role down that the node is to have. A worker has no name in the group."""
    node: Node | None = store.get("node", id)
    if node is None or node.role == node.spec.role or is_member(members, node):
        return []
    return [Put(replace(node, role=node.spec.role, member=""))]
