"""Containers whose runtime keeps the answers of the name service [networking.md §4.6]."""

import pytest

from swarmlab import Cluster
from swarmlab.traffic.workload import Poisson


@pytest.fixture(scope="module")
def grown():
    cluster = Cluster(managers=1, workers=3, seed=8)
    cluster.docker("network create -d overlay front")
    cluster.docker("service create -d --name rr --network front --endpoint-mode dnsrr --replicas 3 nginx")
    cluster.docker("service create -d --name asks --network front nginx")
    cluster.docker("service create -d --name keeps --network front --env DNS_CACHE_TTL=60 --replicas 5 nginx")
    cluster.run_for(10)
    return cluster


@pytest.fixture
def cluster(grown):
    return grown.fork()


def served(cluster, source, number=12):
    return [cluster.request("http://rr/", source=source, timeout=1).task for _ in range(number)]


def test_a_client_that_asks_each_time_is_sent_everywhere(cluster):
    assert set(served(cluster, "asks.1")) == {"rr.1", "rr.2", "rr.3"}


def test_a_client_that_keeps_the_answer_stays_with_the_first_address_until_its_time_is_over(cluster):
    first = set(served(cluster, "keeps.1"))
    assert len(first) == 1
    seen = set()
    for _ in range(8):
        cluster.run_for(61)
        seen |= set(served(cluster, "keeps.1", 1))
    assert len(seen) > 1


def test_it_goes_on_asking_a_task_that_is_gone_though_the_names_know_better(cluster):
    (name,) = set(served(cluster, "keeps.2", 2))
    task = next(one for one in cluster.running if f"{one.service}.{one.slot}" == name)
    container = cluster.docker(f"ps -q --filter name={name}", task.machine).stdout.strip()
    cluster.docker(f"rm -f {container}", task.machine)
    cluster.run_for(15)  # it has been replaced, under another address
    assert len(cluster.dig("rr", "keeps.2").addresses) == 3
    assert {cluster.request("http://rr/", source="keeps.2", timeout=1).ok for _ in range(3)} == {False}
    assert cluster.request("http://rr/", source="asks.1", timeout=1).ok
    cluster.run_for(60)
    assert cluster.request("http://rr/", source="keeps.2", timeout=1).ok


def test_five_clients_that_keep_an_answer_do_not_share_their_load_evenly(cluster):
    """Five answers cannot be the same number of requests for each of three replicas."""
    counts = {}
    for slot in range(1, 6):
        for name in served(cluster, f"keeps.{slot}", 4):
            counts[name] = counts.get(name, 0) + 1
    assert sum(counts.values()) == 20 and all(count % 4 == 0 for count in counts.values())


def test_traffic_by_the_hundred_goes_by_what_its_task_remembers_too(cluster):
    for source, places in (("asks.1", 3), ("keeps.3", 1)):
        cluster.traffic("http://rr/", Poisson(50), source=source, number=100)
        cluster.run_for(5)
        assert len({row.name for row in cluster.trace.requests if row.source == source}) == places
