"""Trust under faults: crashes and cuts in the middle of rotations, promotions, joins and locks [swarm.md §14, §15]."""

from functools import cache

import pytest
from trust_storm import storm

from swarmlab import Cluster
from swarmlab.raft.core import SWARMKIT

SEEDS = (6, 7, 12)


@cache
def a_swarm() -> Cluster:
    return Cluster(3, 2, machines=1, seed=5, messages=True, raft=SWARMKIT._replace(slow_disk=True))


@pytest.mark.parametrize("seed", SEEDS)
def test_who_speaks_has_valid_papers_and_in_the_end_every_node_has_those_of_the_current_root(seed: int) -> None:
    assert storm(a_swarm().fork(), seed) == []


def test_a_run_follows_from_its_seed() -> None:
    digests = []
    for _ in range(2):
        cluster = a_swarm().fork()
        storm(cluster, 2, 5)
        digests.append(cluster.trace.digest())
    assert digests[0] == digests[1]
