"""A machine with two interfaces: which address it may advertise, and what becomes of the wrong one."""

import pytest

from swarmlab import Cluster
from swarmlab.rack import Computer
from swarmlab.worker.addresses import advertised

TWO = (("eth0", "10.0.2.15"), ("eth1", "192.168.50.100"))


def pair() -> Cluster:
    """Two machines as Vagrant makes them: eth0 leads to nobody, and has the same address everywhere."""
    return Cluster(
        computers=tuple(
            Computer(f"node-{n}", address=f"192.168.50.10{n}", interfaces=(TWO[0], ("eth1", f"192.168.50.10{n}")))
            for n in (1, 2)
        )
    )


def test_with_two_addresses_docker_does_not_choose():
    text = (
        "Error response from daemon: could not choose an IP address to advertise since this system has multiple addresses "
        "on different interfaces (10.0.2.15 on eth0 and 192.168.50.101 on eth1) - specify one with --advertise-addr\n"
    )
    cluster = pair()
    assert cluster.docker("swarm init", "node-1").stderr == text
    assert cluster.docker("info --format '{{.Swarm.LocalNodeState}}'", "node-1").stdout in ("inactive\n", "")


def test_an_interface_stands_for_its_address():
    assert advertised("eth1", TWO) == advertised("eth1:2377", TWO) == "192.168.50.100"
    assert advertised("203.0.113.7", TWO) == "203.0.113.7", "an address outside may be forwarded"
    assert advertised("", TWO[:1]) == "10.0.2.15"


@pytest.mark.parametrize("text", ["eth9", "nowhere", "300.1.1.1", "0.0.0.0"])
def test_what_is_neither_address_nor_interface_is_refused(text):
    answer = pair().docker(f"swarm init --advertise-addr {text}", "node-1")
    assert answer.stderr.startswith("Error response from daemon: advertise address must be a non-zero IP address")


def test_a_manager_that_cannot_be_called_back_is_turned_away_after_five_seconds():
    cluster = pair()
    assert cluster.docker("swarm init --advertise-addr eth1", "node-1").exit_code == 0
    token = cluster.docker("swarm join-token -q manager", "node-1").stdout.strip()
    asked = cluster.now
    answer = cluster.docker(f"swarm join --token {token} --advertise-addr eth0 192.168.50.101:2377", "node-2")
    assert "could not connect to prospective new cluster member using its advertised address" in answer.stderr
    assert 5 <= cluster.now - asked < 5.5
    answer = cluster.docker(f"swarm join --token {token} --advertise-addr eth1 192.168.50.101:2377", "node-2")
    assert answer.stdout == "This node joined a swarm as a manager.\n"
    assert len([node for node in cluster.nodes if node.member]) == 2


def test_who_joins_at_the_wrong_address_of_a_manager_waits_in_vain():
    cluster = pair()
    cluster.docker("swarm init --advertise-addr eth0", "node-1")
    token = cluster.docker("swarm join-token -q worker", "node-1").stdout.strip()
    asked = cluster.now
    answer = cluster.docker(f"swarm join --token {token} --advertise-addr eth1 10.0.2.15:2377", "node-2")
    assert answer.stderr.startswith("Error response from daemon: Timeout was reached before node joined.")
    assert 20 <= cluster.now - asked < 21


def test_an_address_that_a_machine_has_not_is_a_slip():
    with pytest.raises(ValueError, match="on none of the interfaces of a"):
        Cluster(machines=1).add_machine("a", address="10.9.9.9", interfaces=TWO)
