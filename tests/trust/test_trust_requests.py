"""What nodes ask for, and what is signed for them [swarm.md §15]."""

from swarmlab import Cluster
from swarmlab.effects import Told
from swarmlab.manager import ca
from swarmlab.messages import StrangeRoot
from swarmlab.trust import signing


def test_a_strange_root_is_asked_for_once_in_two_seconds():
    cluster = Cluster(managers=1, workers=1, seed=1)
    for _ in range(3):
        cluster.machines["worker-1"].arrive(("engine", Told("guard", StrangeRoot())))
    since = cluster.kernel.now
    cluster.run_for(1)
    assert sum(message.name == "AskRoot" and message.sent >= since for message in cluster.trace.messages) == 1


def test_who_is_about_to_change_its_role_gets_no_certificate_yet():
    """It has to ask again: SwarmKit signs for roles that are settled."""
    cluster = Cluster(managers=1, workers=1, seed=1)
    store, node = cluster.store, next(node for node in cluster.nodes if node.role == "worker")
    csr = signing.request(7)
    assert len(ca.renewed(store, node.id, csr, 0)) == 1
    store.tables["node"][node.id] = node._replace(spec=node.spec._replace(role="manager"))
    assert ca.renewed(store, node.id, csr, 0) == []
