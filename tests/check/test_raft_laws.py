"""Raft's laws hold after every step of many stormy runs. What each law catches stands in `test_mutants.py`."""

import pytest
from weather import FAST, leaders, storm_over_raft

from swarmlab.group import RaftGroup
from swarmlab.raft import replication


@pytest.mark.parametrize("seed", range(0, 200, 10))
def test_the_laws_hold_in_any_weather_and_afterwards_somebody_leads(seed):
    committed = 0
    for one in range(seed, seed + 10):
        weather = storm_over_raft(one, members=3 if one % 2 else 5)
        assert len(leaders(weather.world)) == 1, f"seed {one}"
        committed += len(weather.laws.raft.committed)
    assert committed > 20  # the storm was not so bad that nothing was written


def test_a_leader_that_is_cut_off_gives_up_within_the_shortest_time_out_and_a_tick(monkeypatch):
    """Check-quorum: after a majority has been silent for a whole election time-out [dissertation §6.2]."""

    def leads_for_ever():
        group = RaftGroup(5, FAST, seed=3, messages=False)
        group.run_for(2)
        (old,) = leaders(group)
        group.partition({old}, {name for name in group.machines if name.startswith("node")} - {old})
        group.run_for(0.35)
        return old in leaders(group)

    assert not leads_for_ever()
    monkeypatch.setattr(replication, "hears_majority", lambda node: True)
    assert leads_for_ever()
