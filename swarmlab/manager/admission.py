"""How a swarm begins, and how machines become its nodes: what is written down, looking at the store as it is now.

Source: swarmkit `manager/manager.go` (the default cluster object), `ca/server.go` (IssueNodeCertificate).
"""

# Simpler than in reality (docs/simplifications.md): join-again

from ..effects import Dice
from ..messages import Certify, FoundSwarm, RaftJoin, RebuildSwarm
from ..objects import Cluster, Network, NetworkSpec, Node, NodeSpec, Put, replace
from ..trust import certificates, signing
from ..trust.papers import wanted
from ..trust.tokens import digest, new_id, token, unlock_key
from . import ca
from .dispatcher import unknown_nodes
from .store import Store


def first_objects(wish: FoundSwarm, machine: str, dice: Dice, now: int) -> list:
    """What a new swarm begins with. Addresses are the allocator's business, as for everything later."""
    name = digest(wish.root)
    tokens = (token(name, wish.worker_secret), token(name, wish.manager_secret))
    cluster = Cluster(new_id(dice), worker_token=tokens[0], manager_token=tokens[1], ca_digest=name)
    cluster = with_options(replace(cluster, root=wish.root, root_key=wish.root_key), wish.options)
    cluster = replace(cluster, unlock_key=unlock_key(dice) if cluster.autolock else "")
    spec = NodeSpec(role="manager", availability=dict(wish.options).get("availability", "active"))
    node = Node(wish.node, spec, "manager", wish.description, member=wish.member)
    node = certified(cluster, replace(node, machine=machine, address=wish.address), wish.csr, now)
    ingress = Network(new_id(dice), NetworkSpec(name="ingress", ingress=True))
    specs = [NetworkSpec(name=name, driver=name, scope="local") for name in ("bridge", "host")]
    local = [Network(new_id(dice), spec, predefined=True) for spec in specs]
    return [Put(object) for object in (cluster, node, ingress, *local)]


def with_options(cluster: Cluster, options: tuple) -> Cluster:
    """The settings that somebody chose. Zero is no choice, but for the history of tasks; nor is the size of subnets
    without the pools that are cut into them."""
    chosen = {name: value for name, value in options if value or name == "task_history_limit"}
    if "address_pool" not in chosen:
        chosen.pop("subnet_size", None)
    return replace(cluster, **{name: value for name, value in chosen.items() if name in Cluster._fields})


def rebuilt(store: Store, wish: RebuildSwarm, node: str) -> list:
    """What a swarm goes on with that has one manager left: all that there was, and no node is known to live."""
    changes = unknown_nodes(store)
    if store.cluster:
        changes.append(Put(with_options(store.cluster, wish.options)))
    return [_moved(change, wish.address) if change.object.id == node else change for change in changes]


def _moved(change: Put, address: str) -> Put:
    return Put(replace(change.object, address=address))


def newcomer(store: Store, machine: str, role: str) -> Node | None:
    """The node that this machine was made and that never registered: it asked again, or its answer got lost."""
    nodes = [node for node in store.all("node") if node.machine == machine and node.role == role]
    return next((node for node in nodes if node.state == "unknown" and not node.message), None)


def admitted(store: Store, wish: Certify, machine: str, role: str, dice: Dice, now: int) -> list:
    """A new node with its certificate. Who asks again with the same key has both already."""
    known = newcomer(store, machine, role)
    if known and known.certificate and certificates.read(known.certificate).key == signing.requested_key(wish.csr):
        return []
    node = known or new_node(wish, machine, role, dice)
    assert store.cluster
    return [Put(certified(store.cluster, node, wish.csr, now))]


def new_node(wish: Certify, machine: str, role: str, dice: Dice) -> Node:
    node = Node(new_id(dice), NodeSpec(role=role, availability=wish.availability), role, wish.description)
    return replace(node, machine=machine, address=wish.address)


def certified(cluster: Cluster, node: Node, csr: bytes, now: int) -> Node:
    """The node with a certificate that says what it is."""
    certificate = ca.signed(cluster, node.id, node.role, csr, now)
    return replace(node, certificate=certificate, tls=wanted(cluster))


def joined(store: Store, wish: RaftJoin) -> list:
    """A manager's name in the raft group is written down before it is let in: nobody is a member without being a node."""
    node: Node | None = store.get("node", wish.node)
    return [Put(replace(node, member=wish.member))] if node and node.member != wish.member else []
