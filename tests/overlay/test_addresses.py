"""Who has which address, how many tasks fit, which ranges must not meet."""

import pytest

from swarmlab import Cluster
from swarmlab.objects import NEW
from swarmlab.overlay.addresses import EFFECTS, room
from swarmlab.overlay.ipam import number, subnet


@pytest.fixture(scope="module")
def cluster():
    made = Cluster(managers=1, workers=3, seed=5)
    made.docker("network create -d overlay front")
    made.docker("service create -d --name web --replicas 3 --network front -p 8080:80 nginx")
    made.run_for(15)
    return made


def test_tasks_virtual_ips_and_nodes_all_take_addresses_of_one_subnet(cluster):
    kinds = [one.kind for one in cluster.addresses("front")]
    nodes = {node.machine for node in cluster.nodes if any(t.node == node.id for t in cluster.tasks)}
    assert kinds.count("gateway") == kinds.count("virtual IP") == 1 and kinds.count("task") == 3
    assert kinds.count("node") == len(nodes)


def test_every_node_has_an_address_on_ingress_whether_it_runs_a_task_or_not(cluster):
    owners = [one.owner for one in cluster.addresses("ingress") if one.kind == "node"]
    assert sorted(owners) == ["manager-1", "worker-1", "worker-2", "worker-3"]


def test_nobody_shares_an_address(cluster):
    for network in cluster.networks:
        if network.subnet:
            all_of_it = [one.address for one in cluster.addresses(network.id)]
            assert len(set(all_of_it)) == len(all_of_it)
            assert all(subnet(network.subnet).holds(number(address)) for address in all_of_it)


def test_a_slash_24_has_253_addresses_beside_the_gateway():
    assert room("10.0.1.0/24", services=0, nodes=0) == 253
    assert room("10.0.1.0/24", services=1, nodes=4) == 248
    assert room("10.0.1.0/29", services=2, nodes=4) == 0


def test_as_many_tasks_start_as_there_is_room_for():
    """A /28: 16 addresses, less two ends, gateway, virtual IP, and one for each of three nodes."""
    cluster = Cluster(managers=1, workers=2, seed=6)
    cluster.docker("network create -d overlay --subnet 10.7.0.0/28 small")
    cluster.docker("service create -d --name web --replicas 3 --network small nginx")
    cluster.run_for(20)  # one on each node: now each has its own address there
    fit = room("10.7.0.0/28", services=1, nodes=3)
    cluster.docker(f"service scale -d web={fit + 2}")
    cluster.run_for(30)
    assert len(cluster.running) == fit
    assert [task.state for task in cluster.tasks].count(NEW) == 2  # they wait, and nothing says why


@pytest.mark.parametrize(
    ("lan", "kinds"),
    [
        ("10.0.0.0/24", ["ingress"]),
        ("10.0.1.77", ["overlay"]),
        ("10.0.0.0/8", ["ingress", "overlay"]),
        ("10.9.0.0/16", ["pool"]),
        ("172.18.0.0/16", ["bridge"]),
        ("172.16.0.0/12", ["bridge", "bridge"]),
        ("192.168.50.0/24", []),
    ],
)
def test_a_local_network_meets_what_shares_addresses_with_it(cluster, lan, kinds):
    found = cluster.conflicts(lan)
    assert sorted(one.kind for one in found) == kinds
    assert all(str(one).startswith(one.lan) and one.kind in EFFECTS for one in found)


def test_only_the_part_that_meets_is_hit(cluster):
    ingress, overlay = cluster.conflicts("10.0.0.0/8")
    assert ingress.lan == "10.0.0.0/8" and "visitors from 10.0.0.0/24 get no answer" in ingress.effect
    assert "tasks on front do not reach 10.0.1.0/24" in overlay.effect
    assert "do not reach 10.0.1.7/32" in cluster.conflicts("10.0.1.7")[0].effect


def test_what_is_no_range_or_no_network_is_refused_in_a_sentence(cluster):
    with pytest.raises(ValueError, match=r"'10\.0\.0' is no range of addresses"):
        cluster.conflicts("10.0.0")
    with pytest.raises(ValueError, match="None is no range of addresses"):
        cluster.conflicts(None)
    with pytest.raises(ValueError, match="network nowhere not found"):
        cluster.addresses("nowhere")
