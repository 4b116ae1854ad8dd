"""Who has which secret, what lies open on a disk, who is silent: over seeds with faults, and with each bug planted."""

from functools import cache

import pytest

from swarmlab import Cluster
from swarmlab.check import secret_storms


@cache
def a_swarm() -> Cluster:
    return Cluster(3, 3, seed=5, messages=True)


def test_the_laws_of_secrets_hold_whatever_happens() -> None:
    report = secret_storms.campaign((7, 10, 12), a_swarm().fork)
    assert report.findings == (), "\n".join(map(str, report.findings))
    assert [name for name in secret_storms.COVERED if not report.seen.get(name)] == []


@pytest.mark.parametrize("name", secret_storms.MUTANTS)
def test_a_planted_bug_is_caught_by_the_law_that_is_there_for_it(name: str) -> None:
    finding = secret_storms.hunt(name, a_swarm().fork, 5)
    assert finding and finding.law in secret_storms.MUTANTS[name].caught


def test_a_run_follows_from_its_seed() -> None:
    case, digests = secret_storms.draw(3), []
    case = case._replace(acts=case.acts[:12])
    for _ in range(2):
        swarm = a_swarm().fork()
        assert secret_storms.run(case, swarm) is None
        digests.append(swarm.trace.digest())
    assert digests[0] == digests[1]
