"""The swarm's certificate authority, as the leader runs it: what it signs, and how a new root follows an old one.

In a rotation all still trust the old root. What is signed meanwhile is signed by the new one, and comes with the new
root as signed by the old: so everybody accepts it. When every node has such a certificate the new root takes the old
one's place, and the join tokens change with it. Source: swarmkit ca/server.go, ca/reconciler.go,
manager/controlapi/ca_rotation.go; swarm.md §15.
"""

# Simpler than in reality (docs/simplifications.md): root-rotation, tls-status

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ..effects import NEVER, SECOND, Dice, Note
from ..events import RootRotationBegun, RootRotationEnded
from ..messages import Rotate, TrustRoot
from ..objects import Cluster, Node, Put, RootRotation, TlsInfo, replace
from ..trust import certificates, signing
from ..trust.papers import KEY_BITS, wanted
from ..trust.tokens import digest, new_secret, token
from .sessions import Session, deliver
from .store import Key, Store

RECONCILE = 3 * SECOND
MOST_AT_ONCE = 30  # nodes that are told to get a new certificate
GRACE = 7 * certificates.DAY  # so long after its expiry the certificate of a removed node is still on the list
BAD_REQUEST = "rpc error: code = InvalidArgument desc = InvalidArgument"


class Finishing(NamedTuple):
    """A piece of work for the leader: every node has its certificate from this new root."""

    root: bytes


# ── what it signs ────────────────────────────────────────────────────────────────────────────────────────────────


def signed(cluster: Cluster, node: str, role: str, csr: bytes, now: int) -> bytes:
    """The certificate of a node, by whoever signs now; b"" for a request that is none."""
    if not signing.requested_key(csr):
        return b""
    root, key = (cluster.rotation.root, cluster.rotation.key) if cluster.rotation else (cluster.root, cluster.root_key)
    subject = signing.Subject(node, role, cluster.id)
    return signing.issue(csr, subject, root, key, signing.serial(csr, now), now, cluster.certificate_expiry)


def others(cluster: Cluster) -> tuple[bytes, ...]:
    """What comes along with a certificate, so that who trusts the old root accepts it."""
    return (cluster.rotation.cross_signed,) if cluster.rotation else ()


# ── rotation, and what became of removed nodes, as changes to the cluster object ─────────────────────────────────


def begun(cluster: Cluster, dice: Dice, now: int) -> Cluster:
    """A new root, signed by itself and by the one that is trusted."""
    key = dice.getrandbits(KEY_BITS)
    root = signing.new_root(key, signing.serial(key), now)
    cross_signed = signing.cross_sign(root, cluster.root, cluster.root_key) if cluster.root else b""
    return replace(cluster, rotation=RootRotation(root, key, cross_signed))


def finished(cluster: Cluster, dice: Dice) -> Cluster:
    """The new root takes the place of the old one. Tokens name the root, so both change with it."""
    new = cluster.rotation
    assert new
    name = digest(new.root)
    worker, manager = token(name, new_secret(dice)), token(name, new_secret(dice))
    tokens = {"ca_digest": name, "worker_token": worker, "manager_token": manager}
    return replace(cluster, root=new.root, root_key=new.key, rotation=None, **tokens)


def refused(cluster: Cluster, node: Node, now: int) -> Cluster:
    """A node is removed: until its certificate is long past, nobody accepts it."""
    if not node.certificate:
        return cluster
    until = certificates.read(node.certificate).ends + GRACE
    kept = tuple(row for row in cluster.removed if row[1] > now)
    return replace(cluster, removed=(*kept, (node.id, until)))


# ── the leader's part ────────────────────────────────────────────────────────────────────────────────────────────


class Authority:
    """Brings the nodes' certificates into line with the swarm's root. Like the dispatcher it writes nothing by itself."""

    def __init__(self) -> None:
        self.wanted: TlsInfo | None = None
        self.behind: dict[str, None] = {}  # nodes that say something else
        self.told: dict[str, None] = {}  # those of them that were told to get a new certificate
        self.rotating: RootRotation | None = None
        self.tick = NEVER
        self.news: list = []

    def lead(self, store: Store, now: int) -> None:
        """A new leader goes on with a rotation that its predecessor began."""
        self.rotating = store.cluster.rotation if store.cluster else None
        self._compare(store, now)

    def observe(self, store: Store, keys: Iterable[Key], now: int) -> None:
        """The store changed."""
        for kind, id in keys:
            if kind == "node" and self.wanted:
                self._look_at(store.get("node", id), id)
                if id in self.behind and self.tick == NEVER:
                    self.tick = now + RECONCILE
            elif kind == "cluster" and store.cluster:
                self._look_at_cluster(store, store.cluster, now)

    def _look_at_cluster(self, store: Store, cluster: Cluster, now: int) -> None:
        old, self.rotating = self.rotating, cluster.rotation
        if cluster.rotation and cluster.rotation != old:
            self.news.append(Note(RootRotationBegun(_mark(cluster.root), _mark(cluster.rotation.root))))
        elif old and not cluster.rotation:
            self.news.append(Note(RootRotationEnded(_mark(cluster.root))))
        if wanted(cluster) != self.wanted:
            self._compare(store, now)

    def _compare(self, store: Store, now: int) -> None:
        """Another certificate is wanted: look at every node, and begin at once."""
        self.wanted = wanted(store.cluster) if store.cluster else None
        self.behind, self.told = {}, {}
        for node in store.all("node"):
            self._look_at(node, node.id)
        self.tick = now if self.wanted and (self.behind or self.rotating) else NEVER

    def _look_at(self, node: Node | None, id: str) -> None:
        if node is None or node.tls == self.wanted:
            self.behind.pop(id, None)
            self.told.pop(id, None)
        else:
            self.behind[id] = None

    def work(self, store: Store, sessions: Mapping[str, Session], now: int) -> tuple[list, list]:
        """What has to be said to nodes, and the end of a rotation, if it has come. Looked at every three seconds."""
        news, self.news = self.news, []
        if self.tick > now:
            return news, []
        assert self.wanted
        late = [id for id in self.behind if not _has_issuer(store.get("node", id), self.wanted)]
        if self.rotating and not late:
            self.tick = now + RECONCILE
            return news, [Finishing(self.rotating.root)]
        chosen = [id for id in late if id in self.told] + [id for id in late if id not in self.told][:MOST_AT_ONCE]
        self.told |= dict.fromkeys(chosen)
        effects = [_say(sessions[id], Rotate(self.wanted.issuer_key)) for id in chosen if id in sessions]
        if not self.rotating:
            behind = [id for id in self.behind if id not in late and id in sessions]
            effects += [_say(sessions[id], TrustRoot(self.wanted.root)) for id in behind]
        self.tick = now + RECONCILE if self.rotating or effects else NEVER
        return [*news, *effects], []


def _mark(root: bytes) -> str:
    return certificates.key_id(certificates.read(root).key)


def _say(session: Session, message: Rotate | TrustRoot) -> object:
    """By the way that its heartbeats come, to its engine."""
    return deliver(session.route._replace(channel="engine"), message)


def _has_issuer(node: Node | None, wanted: TlsInfo) -> bool:
    return node is not None and node.tls is not None and node.tls[1:] == wanted[1:]


def introduced(store: Store, id: str, tls: TlsInfo) -> list:
    """A node says of its certificates what was not known."""
    node: Node | None = store.get("node", id)
    return [Put(replace(node, tls=tls))] if node and node.tls != tls else []


def renewed(store: Store, id: str, csr: bytes, now: int) -> list:
    """A node gets a certificate for what it is, unless that is about to change."""
    node: Node | None = store.get("node", id)
    if node is None or node.role != node.spec.role or store.cluster is None:
        return []
    certificate = signed(store.cluster, id, node.role, csr, now)
    return [Put(replace(node, certificate=certificate))] if certificate else []


def finish(store: Store, root: bytes, dice: Dice) -> list:
    """The old root is dropped, unless meanwhile another one than this is to take its place."""
    cluster = store.cluster
    return [Put(finished(cluster, dice))] if cluster and cluster.rotation and cluster.rotation.root == root else []
