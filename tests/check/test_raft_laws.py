"""Raft's laws hold after every step of many stormy runs, and each law catches the bug it is there for."""

import pytest
from weather import FAST, leaders, storm_over_raft

from swarmlab.check import LawBroken
from swarmlab.effects import Append, Save
from swarmlab.group import RaftGroup
from swarmlab.raft import core, election, replication
from swarmlab.raft.core import RaftNode
from swarmlab.raft.log import Log


@pytest.mark.parametrize("seed", range(0, 200, 10))
def test_the_laws_hold_in_any_weather_and_afterwards_somebody_leads(seed):
    committed = 0
    for one in range(seed, seed + 10):
        weather = storm_over_raft(one, members=3 if one % 2 else 5)
        assert len(leaders(weather.world)) == 1, f"seed {one}"
        committed += len(weather.laws.raft.committed)
    assert committed > 20  # the storm was not so bad that nothing was written


def caught(law, seeds=200):
    """Whether the law is broken within so many seeds."""
    for seed in range(seeds):
        try:
            storm_over_raft(seed)
        except LawBroken as broken:
            if broken.law == law:
                return True
        except (AssertionError, IndexError, KeyError):
            pass  # the planted bug broke the node itself before the law was broken
    return False


def test_election_safety_catches_a_candidate_that_needs_no_majority(monkeypatch):
    monkeypatch.setattr(election, "result", lambda node: "won")
    assert caught("election safety")


def test_one_vote_catches_a_vote_that_is_not_saved(monkeypatch):
    honest = RaftNode.step

    def forgetful(node, event, now):
        return [e for e in honest(node, event, now) if not (type(e) is Save and e.key == "vote")]

    monkeypatch.setattr(RaftNode, "step", forgetful)
    assert caught("one vote")


def test_terms_grow_catches_a_term_that_is_not_saved(monkeypatch):
    honest = RaftNode.step
    monkeypatch.setattr(
        RaftNode, "step", lambda n, e, t: [x for x in honest(n, e, t) if not (type(x) is Save and x.key == "term")]
    )
    assert caught("terms grow")


def test_leader_completeness_catches_a_vote_for_a_shorter_log(monkeypatch):
    monkeypatch.setattr(election, "is_up_to_date", lambda *_: True)
    assert caught("leader completeness")


def test_state_machine_safety_catches_a_follower_that_commits_more_than_was_proven(monkeypatch):
    honest = replication.hear_entries

    def hasty(node, message, sender, now):
        effects = honest(node, message, sender, now)
        return effects + replication.commit_to(node, min(message.commit, node.log.last_index))

    monkeypatch.setitem(core.HEARS, replication.AppendEntries, hasty)
    beat = replication.hear_heartbeat

    def hasty_beat(node, message, sender, now):
        return beat(node, message._replace(commit=node.log.last_index), sender, now)

    monkeypatch.setitem(core.HEARS, replication.Heartbeat, hasty_beat)
    assert caught("state machine safety")


def test_log_matching_catches_entries_that_are_taken_without_looking_at_the_one_before(monkeypatch):
    monkeypatch.setattr(Log, "has", lambda log, index, term: True)
    assert caught("log matching") or caught("state machine safety")


def test_commits_grow_catches_a_commit_index_that_goes_back(monkeypatch):
    def backwards(node, index):
        node.commit = index
        return [replication.Note(replication.CommitAdvanced(index))]

    monkeypatch.setattr(replication, "commit_to", backwards)
    assert caught("commits grow")


def test_leader_append_only_catches_a_leader_that_listens_to_an_older_one(monkeypatch):
    honest = replication.append

    def cutting(node, kind, data, now):
        effects = honest(node, kind, data, now)
        return [*effects, replication.Note(core.EntriesCut(node.log.last_index))]

    monkeypatch.setattr(replication, "append", cutting)
    assert caught("leader append-only", seeds=5)


def test_nothing_is_lost_catches_a_log_that_is_not_on_disk(monkeypatch):
    honest = RaftNode.step
    monkeypatch.setattr(
        RaftNode, "step", lambda n, e, t: [x for x in honest(n, e, t) if type(x) is not Append or t % 3]
    )
    assert caught("leader completeness") or caught("state machine safety")


def test_nothing_is_lost_catches_an_append_that_cuts_because_it_is_late(monkeypatch):
    """A short or late append must not remove what stands behind it [Raft §5.3]."""
    monkeypatch.setattr(Log, "news", lambda log, entries: entries)
    assert caught("leader completeness") or caught("state machine safety")


def test_state_machine_safety_catches_conflicts_that_are_never_cut(monkeypatch):
    monkeypatch.setattr(Log, "news", lambda log, entries: tuple(e for e in entries if e.index > log.last_index))
    assert caught("state machine safety")


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
