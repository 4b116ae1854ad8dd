"""Each law catches the bug that it is there for. `make mutants` plants all of them; here it is one per law."""

import pytest

from swarmlab.check import LawBroken, Laws, campaign
from swarmlab.check.mutants import MUTANTS, hunt
from swarmlab.group import RaftGroup
from swarmlab.raft import replication

ONE_PER_LAW = {
    "election safety": "encouragement is a vote",
    "one vote": "vote cleared",
    "terms grow": "term not saved",
    "leader completeness": "any log will do",
    "state machine safety": "heartbeats say too much",
    "log matching": "does not look back",
    "commit justified": "half is enough",
    "commits grow": "commit goes back",
    "one change at a time": "two changes at once",
    "liveness": "same time-out",
    "linearizability": "applies what is not agreed on",
}


@pytest.mark.parametrize("law", ONE_PER_LAW)
def test_a_law_catches_a_bug_that_it_is_there_for(law):
    mutant = MUTANTS[ONE_PER_LAW[law]]
    runs = (campaign.run(campaign.draw(seed, mutant.focus), mutant) for seed in range(100))
    assert any(finding.law == law for finding in runs if finding)


def test_what_breaks_no_law_changes_the_fingerprint():
    assert hunt("no empty entry", 5).law == "digest"


def test_a_leader_that_cuts_its_log_is_caught(monkeypatch):
    honest = replication.append

    def cutting(node, kind, data, now, key=None):
        return [*honest(node, kind, data, now, key), replication.Note(campaign_fact(node))]

    monkeypatch.setattr(replication, "append", cutting)
    group = RaftGroup(3, seed=1, messages=False)
    Laws(group)
    with pytest.raises(LawBroken, match="leader append-only"):
        group.run_for(1)


def campaign_fact(node):
    from swarmlab.events import EntriesCut

    return EntriesCut(node.log.last_index)


def test_a_planted_bug_is_gone_afterwards():
    case = campaign.draw(0, MUTANTS["half is enough"].focus)
    assert campaign.run(case, MUTANTS["half is enough"]).law == "commit justified"
    assert campaign.run(case) is None


def test_every_mutant_changes_something_and_names_what_catches_it():
    for name, mutant in MUTANTS.items():
        assert mutant.caught and 1 <= mutant.trap <= 20, name
        for place, attribute, new in mutant.patches():
            old = place[attribute] if isinstance(place, dict) else vars(place)[attribute]
            assert old is not new, name
