"""The breaks of lesson 14b: each with one manager and with three, from the very same evening (reference/stacks.md §10)."""

import pytest

from swarmlab.lessons import scenes14b
from swarmlab.viz import ink
from swarmlab.viz.charts import draw_outages, tell_outages

both = pytest.mark.parametrize("managers", [1, 3])


def waits(name):
    """Seconds from the fault to noticed, decided, healed: with one manager, with three."""
    rows = scenes14b.beside(name)
    instants = ("noticed", "decided", "healed")
    return [[None if row[at] is None else (row[at] - row["fault"]) / 1e6 for at in instants] for row in rows]


def when_lost(row):
    """The first and the last lost visit, seconds after the fault."""
    return (min(row["lost"]) - row["fault"]) / 1e6, (max(row["lost"]) - row["fault"]) / 1e6


def test_two_more_managers_move_no_task():
    one, three = scenes14b.evening(1), scenes14b.evening(3)
    assert one.now == three.now == scenes14b.READY
    machine = {task.id: task.machine for task in three.running}
    assert [machine[task.id] for task in one.running] == [task.machine for task in one.running]
    assert sum(" Reachable " in line for line in three.docker("node ls").stdout.splitlines()) == 2
    with pytest.raises(ValueError, match="managers=2: 1 or 3"):
        scenes14b.evening(2)


@pytest.mark.parametrize("name", ["a worker burns", "… and then a worker"])
def test_a_lost_worker_is_noticed_as_soon_by_one_manager_as_by_three_if_one_is_there(name):
    one, three = waits(name)
    assert 9 <= three[0] <= 16.5 and three[2] < 30
    if name == "a worker burns":
        assert 9 <= one[0] <= 16.5 and one[2] < 30
    else:
        assert one[0] > 60 < one[2]  # nobody is left to notice until somebody starts the manager again


@both
def test_one_of_three_search_nodes_may_be_lost(managers):
    row = scenes14b.row_of("one Elasticsearch lost", managers)
    assert 80 <= (row["noticed"] - row["fault"]) / 1e6 <= 100
    assert row["lost"] and when_lost(row)[1] < 15


@both
def test_with_two_of_three_search_nodes_lost_nobody_finds_anything_until_one_is_back(managers):
    row = scenes14b.row_of("a second one lost", managers)
    late = [at for at in row["lost"] if at > row["noticed"]]
    asked = [
        r for r in scenes14b.broken("a second one lost").trace.requests if row["noticed"] < r.arrived < row["healed"]
    ]
    assert 80 <= (row["noticed"] - row["fault"]) / 1e6 <= 100
    assert len(late) == pytest.approx(len(asked), abs=8) and max(late) < row["healed"] + 2e6
    assert min(row["lost"]) > row["fault"] - 5e6  # what the first loss cost is not counted again


@both
def test_a_broker_without_company_pauses_and_greetings_fail_until_the_balancer_knows(managers):
    row = scenes14b.row_of("brokers cut apart", managers)
    noticed, decided = ((row[name] - row["fault"]) / 1e6 for name in ("noticed", "decided"))
    first, last = when_lost(row)
    assert 45 <= noticed <= 61 and 9 <= decided - noticed <= 16
    assert noticed - 1 < first and last < decided + 1


def test_a_broker_that_moves_begins_with_nothing_and_takes_back_what_its_mirror_has():
    table = scenes14b.kept(scenes14b.broken("a broker moves"))
    assert table["runs on"]["rabbit2"] != "worker-2" and table["began with"]["rabbit2"] == 0
    since = table["since"].str.removesuffix(" s").astype(float)
    assert since["rabbit2"] > 90 > since["rabbit1"]
    assert table["has"]["rabbit2"] > 100 and not table["lost"].any()
    table = scenes14b.kept(scenes14b.broken("its mirror dies, too"))
    assert table["lost"]["rabbit2"] > 100 and table["lost"]["rabbit1"] == table["lost"]["rabbit3"] == 0
    assert [row["healed"] for row in scenes14b.beside("its mirror dies, too")] == [None, None]


def test_without_a_manager_greetings_go_on_and_only_three_find_another_leader():
    one, three = scenes14b.beside("the manager is lost")
    assert one["lost"] == three["lost"] == []
    assert one["healed"] - one["fault"] == 90e6 and 9e6 <= three["decided"] - three["fault"] <= 19e6
    one, three = scenes14b.beside("… and then a worker")
    assert len(one["lost"]) > 4 * len(three["lost"])


def test_lines_of_a_burnt_machine_are_where_they_were_shipped_to_or_nowhere():
    table = scenes14b.lines_left()
    shipped, *stayed = table.index
    assert list(table["logging driver"]) == ["fluentd", "json-file", "json-file"]
    assert list(table["docker service logs"]) == [0, 0, 0]
    assert (
        0 < table["in Elasticsearch"][shipped] < table["lines printed"][shipped]
    )  # some were on their way, on that very machine
    assert all(table["lines printed"][name] and not table["in Elasticsearch"][name] for name in stayed)


def test_all_bars_go_on_the_page_of_outages():
    rows = scenes14b.breaks("a worker burns", "the manager is lost")
    assert {row["lesson"] for row in rows} == {"14b"} and rows[0]["title"] == "a worker burns"
    assert ink.png(ink.figure_of(draw_outages(rows))) and tell_outages(rows).startswith("2 faults")
    with pytest.raises(ValueError, match="no break is called 'fire'"):
        scenes14b.breaks("fire")


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        (("manager-1", "worker-2", 20, 1), "Worker-2: never noticed"),
        (("manager-1", "worker-2", 20, 3), "Worker-2: noticed after"),
        (("worker-3", "nobody", 60, 1), "Worker-3: noticed after"),
        (("worker-3", "worker-3", 0, 1), "Worker-3: noticed after"),
    ],
)
def test_any_two_machines_can_be_lost(knobs, words):
    drawn, told = scenes14b.knobs(*knobs)
    assert ink.png(ink.figure_of(drawn)) and "greetings answered" in told and words in told
