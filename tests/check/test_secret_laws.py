"""Who has which secret, what lies open on a disk, who is silent: over seeds with faults, and with each bug planted."""

from functools import cache

import pytest

from swarmlab import Cluster
from swarmlab.check import secret_mutants, secret_storms


@cache
def a_swarm() -> Cluster:
    return secret_storms.swarm(Cluster)


def begun(*_: object, **__: object) -> Cluster:
    """In place of a new swarm, which takes a second: the one that there is, anew."""
    return a_swarm().fork()


def test_the_laws_of_secrets_hold_whatever_happens() -> None:
    findings, seen = secret_storms.run_seeds(begun, (7, 10, 12))
    assert findings == [], "\n".join(map(str, findings))
    assert [name for name in secret_storms.COVERED if not seen.get(name)] == []


@pytest.mark.parametrize("name", secret_mutants.MUTANTS)
def test_a_planted_bug_is_caught_by_the_law_that_is_there_for_it(name: str) -> None:
    assert secret_mutants.hunt(begun, name, 5).law in secret_mutants.MUTANTS[name].caught


def test_a_run_follows_from_its_seed() -> None:
    case, digests = secret_storms.draw(3), []
    case = case._replace(acts=case.acts[:12])
    for _ in range(2):
        swarm = a_swarm().fork()
        assert secret_storms.run(case, swarm) is None
        digests.append(swarm.trace.digest())
    assert digests[0] == digests[1]
