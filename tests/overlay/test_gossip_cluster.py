"""Stale routes in a whole cluster: how long a node that gossip cannot reach sends requests to where nothing runs."""

import pytest

from swarmlab import Cluster
from swarmlab.events import BackendRemoved, PeerFailed


@pytest.mark.parametrize(
    "ports, least, most, fails",
    [
        ((), 0, 1, False),
        (("7946/udp",), 1, 62, False),  # rows by bulk sync, who is on the network by push-pull: each 30 s, either side
        (("7946/tcp",), 0, 1, False),  # rumours travel
        (("7946/udp", "7946/tcp"), 20, 200, True),  # until it holds the other for dead, all by itself
    ],
)
def test_a_stale_route_lasts_as_long_as_the_blocked_port_says(ports, least, most, fails):
    swarm = Cluster(managers=1, workers=5, seed=3)
    swarm.docker("network create -d overlay front")
    swarm.docker("service create -d --name web --network front --replicas 6 -p 8080:80 nginx:alpine")
    swarm.run_for(30)
    for port in ports:
        swarm.block("worker-5", port)
    swarm.run_for(20)
    moved = swarm.now
    swarm.docker("node update --availability drain worker-1")
    swarm.run_for(65)
    facts = [(record.time / 1e6 - moved, record) for record in swarm.trace.records]
    gone = [
        time
        for time, record in facts
        if time > 0
        and record.source == "worker-5"
        and isinstance(record.fact, BackendRemoved)
        and record.fact.machine == "worker-1"
    ]
    assert (least <= gone[0] <= most) if gone else most > 65
    assert (
        any(isinstance(record.fact, PeerFailed) and record.fact.machine == "worker-5" for _, record in facts) is fails
    )
