"""Tables: the columns that people rely on, and that they say what the trace says."""

import pandas as pd
import pretend
import pytest

from swarmlab import events as e
from swarmlab.viz import tables
from swarmlab.viz.frames import frames, world_at

SECOND = 1_000_000
ALL = (tables.facts, tables.nodes, tables.tasks, tables.services, tables.requests, tables.messages)


@pytest.fixture(scope="module")
def story():
    return pretend.story()


def test_facts_are_the_records_with_their_causes(story):
    table = tables.facts(story)
    assert list(table.columns) == ["time", "source", "event", "detail", "cause"]
    crash = story.of(e.MachineCrashed)[0]
    assert table.loc[crash.number].to_dict() | {"cause": None} == {
        "time": 18.0, "source": "manager-1", "event": "MachineCrashed", "detail": "lost power", "cause": None,
    }  # fmt: skip
    assert table["cause"].isna().sum() == sum(record.cause < 0 for record in story)
    effect = next(record for record in story if record.cause == crash.number)
    assert table.loc[effect.number, "cause"] == crash.number


def test_nodes_stand_as_on_the_board_and_belief_may_lag_behind(story):
    truth, belief = tables.nodes(story, 51), tables.nodes(story, 51, lens="manager-2")
    assert list(truth.index) == [f"manager-{n}" for n in (1, 2, 3)] + [f"worker-{n}" for n in (1, 2, 3, 4)]
    assert truth.loc["worker-2", ["looks", "running"]].tolist() == ["down", 0]
    assert belief.loc["worker-2", ["looks", "running", "wrong"]].tolist() == ["up", 2, True]
    assert truth.loc["manager-2", ["role", "term"]].tolist() == ["leader", 2]


def test_tasks_show_the_wish_beside_the_fact(story):
    table = tables.tasks(story, 51)
    lost = table[table["machine"] == "worker-2"]
    assert lost["wish"].tolist() == ["running"] * len(lost) and lost["fact"].tolist() == ["gone"] * len(lost)
    assert table["fact"].eq("running").sum() == 9 - len(lost)


def test_tasks_are_sorted_by_service_and_slot_the_oldest_first(story):
    table = tables.tasks(story)
    assert list(zip(table["service"], table["slot"], strict=True)) == sorted(
        zip(table["service"], table["slot"], strict=True)
    )
    attempts = table[(table["service"] == "vote_vote") & (table["slot"] == 2)]
    assert attempts["machine"].tolist() == ["worker-2", "worker-4"] and attempts["old"].tolist() == [True, False]


def test_services_count_outlines_and_fillings(story):
    assert tables.services(story, 17).loc["vote_vote", ["wanted", "filled"]].tolist() == [3, 3]
    assert tables.services(story, 51).loc["vote_vote", ["wanted", "filled"]].tolist() == [3, 2]
    assert tables.services(story).index.is_monotonic_increasing


def test_by_default_the_time_is_the_end_and_rows_of_frames_do_as_well(story):
    rows = frames(story)
    assert tables.tasks(story).equals(tables.tasks(rows, story.now / SECOND))
    assert len(tables.nodes(rows)) == sum(m["role"] != "outside" for m in rows["machines"])
    assert tables.services(rows)["filled"].sum() == sum(s["filled"] for s in world_at(rows, rows["end"])["services"])


def test_requests_say_who_answered_or_what_went_wrong(story):
    table = tables.requests(story)
    assert len(table) == len(story.of(e.RequestSent))
    failed = table[table["error"] != ""]
    assert len(failed) == len(story.of(e.RequestFailed))
    assert failed["status"].isna().all() and failed["latency"].isna().all()
    served = table[table["error"] == ""]
    assert served["latency"].eq(50.0).all() and served["status"].eq(200).all() and served["asked"].eq("worker-3").all()
    first = story.of(e.RequestServed)[0]
    assert served.loc[first.fact.request, ["task", "machine"]].tolist() == [first.fact.task, first.source]


def test_messages_that_never_arrived_have_no_time_but_a_fate(story):
    table = tables.messages(story)
    assert len(table) == len(story.messages) and table["sent"].is_monotonic_increasing
    assert table["arrived"].isna().eq(table["fate"] != "").all() and (table["fate"] == "down").any()


def test_an_unknown_lens_is_named_with_those_that_exist(story):
    with pytest.raises(ValueError, match=r"manager-9.*truth, manager-1"):
        tables.nodes(story, lens="manager-9")


@pytest.mark.parametrize("table", ALL, ids=lambda table: table.__name__)
def test_columns_and_types_are_the_same_when_there_is_nothing(story, table):
    empty, full = table(pretend.Pen(()).trace), table(story)
    assert len(empty) == 0 < len(full)
    pd.testing.assert_series_equal(empty.dtypes, full.dtypes)
    assert empty.index.name == full.index.name


@pytest.mark.parametrize("table", ALL, ids=lambda table: table.__name__)
def test_the_same_run_gives_the_same_table(table):
    assert table(pretend.story()).to_csv() == table(pretend.story()).to_csv()
