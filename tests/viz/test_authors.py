"""Author lanes: who wrote which state, in a real run."""

import pytest
from test_raft_pictures import covered, outside, words

from swarmlab.cluster import Cluster
from swarmlab.viz.authors import draw_authors, journey, tell_authors
from swarmlab.viz.lanes import draw_tasks


@pytest.fixture(scope="module")
def trace():
    cluster = Cluster(managers=1, workers=2, seed=5)
    cluster.docker("node update --availability drain manager-1")
    cluster.docker("service create --name web --replicas 2 nginx")
    cluster.crash("worker-1")
    cluster.run_for(40)
    return cluster.trace


def first_of(trace, name):
    return next(r.fact.id for r in trace.records if type(r.fact).__name__ == "TaskStored" and r.fact.name == name)


def test_each_state_has_its_author(trace):
    states = [(deed.state, deed.lane) for deed in journey(trace, first_of(trace, "web.1")) if deed.state]
    assert states[:4] == [
        ("service", "API"),
        ("new", "orchestrator"),
        ("pending", "allocator"),
        ("assigned", "scheduler"),
    ]
    assert {lane for state, lane in states if state in ("preparing", "starting", "running")} == {"dispatcher"}


def test_the_dispatcher_sends_and_the_agent_hears_later(trace):
    deeds = journey(trace, first_of(trace, "web.1"))
    times = {(deed.lane, deed.text): deed.time for deed in deeds}
    assert times["dispatcher", "sends"] < times["agent", "accepted"] <= times["executor", "pulls"]
    assert times["executor", "pulls"] < times["executor", "pulled"] <= times["executor", "made"]
    assert [deed.time for deed in deeds] == sorted(deed.time for deed in deeds)


def test_the_store_learns_of_running_after_it_is_so(trace):
    deeds = journey(trace, first_of(trace, "web.1"))
    truly = next(deed.time for deed in deeds if (deed.lane, deed.text) == ("agent", "running"))
    told = next(deed.time for deed in deeds if deed.state == "running")
    assert told > truly


def replaced(trace):
    """The name of a task whose slot got another one."""
    seen: dict = {}
    for record in trace.records:
        if type(record.fact).__name__ == "TaskStored":
            seen.setdefault(record.fact.name, {}).setdefault(record.fact.id)
    return next(name for name, ids in seen.items() if len(ids) > 1)


def test_a_replacement_begins_with_what_went_wrong(trace):
    name = replaced(trace)
    deeds = journey(trace, name)
    assert deeds[0].lane == "dispatcher" and deeds[0].text.endswith("down")
    assert next(deed for deed in deeds if deed.state == "new").lane == "orchestrator"
    assert [deed.lane for deed in deeds if deed.state == "should be running"] in ([], ["orchestrator"])


def test_no_label_covers_another(trace):
    for task in (first_of(trace, "web.1"), replaced(trace)):
        ax = draw_authors(trace, task)
        assert covered(ax) == [] and outside(ax) == []
        assert {"orchestrator", "the store", "assigned", "0"} <= set(words(ax))


def test_it_says_it_in_words(trace):
    said = tell_authors(trace, first_of(trace, "web.1"))
    assert "assigned by the scheduler after" in said and "preparing by the dispatcher" in said


def test_a_slot_shows_that_its_task_is_another(trace):
    name = replaced(trace)
    ids = dict.fromkeys(
        r.fact.id for r in trace.records if type(r.fact).__name__ == "TaskStored" and r.fact.name == name
    )
    said = " ".join(words(draw_tasks(trace, services=["web"], ids=True)))
    assert all(id[:5] in said for id in ids)


def test_a_task_that_never_was_is_refused(trace):
    with pytest.raises(ValueError, match="no task 'nix' was ever stored"):
        journey(trace, "nix")
