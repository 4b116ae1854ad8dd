"""A local network that shares addresses with one of Docker's: the swarm goes on, only the answers go astray."""

import pytest

from swarmlab import Cluster
from swarmlab.events import FrameDropped


@pytest.fixture(scope="module")
def cluster():
    made = Cluster(managers=1, workers=2, seed=11)
    made.docker("network create -d overlay front")
    made.docker("service create -d --name web --network front -p 8080:80 nginx")
    made.docker("service create -d --name own --mode global -p published=9000,target=80,mode=host nginx")
    made.run_for(20)
    return made


def test_a_visitor_whose_address_is_one_of_ingress_gets_no_answer_at_published_ports(cluster):
    assert cluster.request("http://worker-1:8080/").ok
    lost = cluster.request("http://worker-1:8080/", client="10.0.0.50", timeout=1)
    assert lost.error == "timed out"
    reason = cluster.trace.of(FrameDropped)[-1].fact.reason
    assert reason == "the answer to 10.0.0.50 stays in ingress, which has 10.0.0.0/24"


def test_a_port_in_host_mode_has_nothing_to_do_with_the_range_of_ingress(cluster):
    assert cluster.request("http://worker-1:9000/", client="10.0.0.50").ok


def test_a_visitor_whose_address_is_one_of_docker_gwbridge_gets_no_answer_at_all(cluster):
    for port in (8080, 9000):
        assert cluster.request(f"http://worker-1:{port}/", client="172.18.9.9", timeout=1).error == "timed out"


def test_the_range_of_an_overlay_does_not_bother_visitors_but_its_own_tasks(cluster):
    assert cluster.request("http://worker-1:8080/", client="10.0.1.50").ok
    assert cluster.request("http://10.0.1.50/", source="web.1").error == "no route to host"


def test_conflicts_says_before_what_happens_then(cluster):
    """What the check calls a conflict with ingress or a bridge is what costs answers, and nothing else is."""
    for address in ("10.0.0.50", "10.0.1.50", "172.18.9.9", "192.168.7.7", "10.9.9.9"):
        foretold = any(one.kind == "ingress" or one.name == "docker_gwbridge" for one in cluster.conflicts(address))
        met = not cluster.request("http://worker-2:8080/", client=address, timeout=1).ok
        assert foretold == met, address


def test_the_packet_shows_where_its_answer_went_astray(cluster):
    way = cluster.trace_packet("10.0.0.50", "http://worker-1:8080/", timeout=1)
    assert not way.ok and "stays in ingress" in str(way)


def test_a_request_of_such_a_visitor_is_done_again_in_a_fork_and_after_loading(cluster, tmp_path):
    cluster.save(str(tmp_path / "run.json"))
    assert Cluster.load(str(tmp_path / "run.json")).trace.digest() == cluster.trace.digest()


def test_what_is_no_address_is_refused(cluster):
    with pytest.raises(ValueError, match="the address of a visitor from outside"):
        cluster.request("http://worker-1:8080/", client="nowhere")
    with pytest.raises(ValueError, match="the address of a visitor from outside"):
        cluster.request("http://web/", client="10.0.0.50", source="web.1")
