"""The search through all orders of events finds planted bugs by itself, and nothing in the nodes as they are."""

import pytest

from swarmlab.check.search import UNTIMED, Bounds, figure_8, search, start
from swarmlab.effects import Received, Save
from swarmlab.events import BecameLeader, CommitAdvanced
from swarmlab.raft import RaftNode, election, replication
from swarmlab.raft.log import Log
from swarmlab.raft.messages import Vote

NEW = {"S1": (0, None, ()), "S2": (0, None, ()), "S3": (0, None, ())}


def test_it_finds_figure_8_when_a_leader_commits_by_counting_an_entry_of_an_older_term(monkeypatch):
    """[Raft §5.4.2]. From three empty disks, too, but that takes 18 steps and minutes."""
    monkeypatch.setattr(replication, "may_commit", lambda node, index: True)
    found = search(figure_8(), Bounds(term=5))
    assert (found.law, found.depth, len(found.trace)) == ("leader completeness", 12, 12)
    assert found.trace[7].startswith("S1 hears Appended from S2") and str(CommitAdvanced(1)) in found.trace[7]
    assert found.trace[11].startswith("S3 hears Vote from S2") and str(BecameLeader(5)) in found.trace[11]
    assert str(found).startswith("leader completeness is broken after 12 steps")


@pytest.mark.parametrize(
    ("servers", "bounds"),
    [
        (figure_8(), Bounds(term=5, depth=12)),
        (figure_8(), Bounds(term=4, crashes=1, depth=7)),
        (start(**NEW), Bounds(term=3, depth=7)),
        (start(**NEW), Bounds(term=2, crashes=1, beats=1, proposals=1, stale=True, depth=5)),
    ],
)
def test_it_finds_nothing_in_the_nodes_as_they_are(servers, bounds):
    found = search(servers, bounds)
    assert found.law == "" and found.trace == () and not found.complete
    assert found.states > 500 and found.asked < found.states
    assert str(found).startswith("no law is broken in") and f"up to {bounds.depth} steps" in str(found)


def test_it_says_when_there_is_nothing_else_within_the_bounds():
    found = search(start(**NEW), Bounds(term=1))
    assert found.complete and not found.law
    assert str(found).endswith("all that there are within the bounds")


def test_it_finds_a_second_vote(monkeypatch):
    monkeypatch.setattr(election, "may_vote", lambda node, candidate: True)
    found = search(start(**NEW), Bounds())
    assert (found.law, found.depth) == ("one vote", 3)


def test_it_finds_that_a_vote_is_not_on_disk_and_needs_a_crash_for_it(monkeypatch):
    honest = RaftNode.step

    def forgetful(node, event, now):
        return [x for x in honest(node, event, now) if not (type(x) is Save and x.key == "vote")]

    monkeypatch.setattr(RaftNode, "step", forgetful)
    found = search(start(**NEW), Bounds(term=1, crashes=1))
    assert found.law == "election safety" and any("restarts" in line for line in found.trace)
    assert not search(start(**NEW), Bounds(term=1)).law


def test_it_finds_that_a_late_append_cuts_the_log_because_messages_may_be_heard_twice(monkeypatch):
    """[Raft §5.3]"""
    monkeypatch.setattr(Log, "news", lambda log, entries: entries)
    one = (1, "S1", (1,))
    found = search(start(S1=one, S2=one, S3=(1, "S1", ())), Bounds(term=2))
    assert found.law == "state machine safety" and "EntriesCut" in found.trace[-1]


def test_it_finds_what_a_node_itself_holds_to_be_impossible(monkeypatch):
    honest = RaftNode.step

    def picky(node, event, now):
        assert type(event) is not Received or type(event.message) is not Vote, "nobody votes"
        return honest(node, event, now)

    monkeypatch.setattr(RaftNode, "step", picky)
    found = search(start(**NEW), Bounds())
    assert found.law.startswith("nobody votes") and found.depth == 3


def test_it_asks_nodes_with_other_settings_as_well():
    found = search(start(**NEW), Bounds(term=1, depth=7), UNTIMED._replace(pre_vote=True))
    assert not found.law and found.states > 1_000


def test_the_same_search_finds_the_same_and_leaves_the_disks_alone():
    disks, bounds = figure_8(), Bounds(term=5, depth=6)
    assert search(disks, bounds) == search(disks, bounds)
    assert all(
        (disk.values, disk.log) == (figure_8()[name].values, figure_8()[name].log) for name, disk in disks.items()
    )
