"""The way of one request through tasks that ask each other, and what each of them did for many."""

import pytest

from swarmlab import Cluster
from swarmlab.traffic.workload import Poisson
from swarmlab.viz.callfold import legs, shares


@pytest.fixture(scope="module")
def cluster():
    cluster = Cluster(managers=1, workers=2, seed=3, messages=False)
    cluster.docker("network create -d overlay back")
    cluster.docker("service create -d --name db --network back --env CALLS=disk:80 acme/web")
    cluster.docker("service create -d --name disk --network back acme/web")
    cluster.docker("service create -d --name shop --network back --publish 8080:80 --env CALLS=db:80 acme/web")
    cluster.run_for(10)
    return cluster


def test_the_legs_of_a_request_are_told_in_the_order_in_which_they_began(cluster):
    twin = cluster.fork()
    answer = twin.request("http://manager-1:8080/")
    found = legs(twin.trace, twin._asked)
    assert [(leg.source, leg.service, leg.task) for leg in found] == [
        ("client", "http://manager-1:8080/", "shop.1"),
        ("shop.1", "db:80", "db.1"),
        ("db.1", "disk:80", "disk.1"),
    ]
    assert [leg.status for leg in found] == [200] * 3 and found[0].took == round(answer.latency * 1e6)
    assert found[0].took > found[1].took > found[2].took > 0


def test_a_leg_that_nobody_answered_says_so(cluster):
    twin = cluster.fork()
    twin.sicken("disk.1")
    assert twin.request("http://manager-1:8080/").status == 504
    assert [(leg.task, leg.status) for leg in legs(twin.trace, twin._asked)] == [
        ("shop.1", 504),
        ("", 504),
        ("", 0),
    ]  # db still waits


def test_the_share_of_each_task_is_counted_from_requests_and_calls(cluster):
    twin = cluster.fork()
    twin.traffic("http://manager-1:8080/", Poisson(50), seconds=4)
    twin.run_for(10)
    found = {share.task: share for share in shares([*twin.trace.requests, *twin.trace.calls])}
    number = len(twin.trace.requests)
    assert {name: (share.requests, share.answered) for name, share in found.items()} == {
        "db.1": (number, number), "disk.1": (number, number), "shop.1": (number, number),
    }  # fmt: skip
    assert found["shop.1"].took > found["db.1"].took > found["disk.1"].took
