"""The judges of lesson 15: right answers are called correct, typical wrong ones get a helpful line, and none raises."""

import nbformat
import pytest

from swarmlab.check.availability import availability, cheapest, downtime
from swarmlab.events import NodeStored
from swarmlab.lessons import alerts15, counterexample, lesson15, scenes15, tips15
from swarmlab.viz import charts
from swarmlab.viz.outagepage import total

from .judging import said

NOTEBOOK = "notebooks/15_production.ipynb"

# ── what the predictions say is what happens ─────────────────────────────────────────────────────────────────────


def test_two_zones_lose_their_quorum_for_eight_hours_and_three_for_one():
    two, three = (round(downtime(availability(layout).control)) for layout in ((3, 2), (1, 1, 1)))
    assert (two, three) == (8, 1)


def test_a_starved_leader_is_replaced_first_and_called_down_later():
    at_work, free = tips15.starved(False), tips15.starved(True)
    assert at_work.machine == "manager-1" and at_work.elections[0][0] + 25 < at_work.down[0][0]
    assert not free.elections and free.machine.startswith("worker")


def test_an_encrypted_packet_holds_26_bytes_less_and_every_page_comes():
    plain, sealed = tips15.tested(), tips15.tested("--opt encrypted")
    assert (plain.probes[1450], sealed.probes[1424]) == ("passes", "passes") and sealed.probes[1425] != "passes"
    assert not any(sealed.pages.values())
    assert 0.97 < sealed.gbit / plain.gbit < 0.99


def test_only_what_nobody_notices_or_acts_on_never_heals():
    healed = {row["title"]: total(row) for row in scenes15.breaks()}
    unnoticed = {row["title"] for row in scenes15.breaks() if row["noticed"] is None}
    assert {"it hangs, no check", "a mute image, no check", "port 4789 shut"} <= unnoticed
    assert all(healed[title] is None for title in unnoticed)
    assert healed["a worker loses its power"] < 30 and healed["two of three managers die"] > 1000


def test_no_alarm_about_machines_rings_when_an_update_pauses():
    night = alerts15.night("an update pauses midway")
    states = {record.fact.state for record in night.trace.of(NodeStored)}
    assert "down" not in states and alerts15.first_alert(alerts15.watchful, night)


@pytest.mark.parametrize("name", lesson15.PREDICTIONS)
def test_each_wrong_answer_hears_where_to_look(name):
    answers = lesson15.PREDICTIONS[name].answers.values()
    assert all("Look " in answer for answer in answers if answer != "Yes.")


# ── the page ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_bar_has_its_real_figure_or_says_why_there_is_none():
    for row in scenes15.breaks():
        assert ("real" in row) != ("no_figure" in row), row["title"]


def test_guesses_go_to_their_bars():
    rows = scenes15.breaks(["the leader dies", "a process ends"])
    assert lesson15.in_order({"a process ends": 3, "something else": 1}, rows) == [None, 3]
    assert lesson15.in_order({"a process ends": " Never", "the leader dies": "12"}, rows) == [12, float("inf")]
    assert lesson15.in_order({"a process ends": (3, 5), "the leader dies": ...}, rows) == [None, None]


def test_a_guess_of_never_is_drawn_at_the_end_of_the_axis_and_said():
    rows = scenes15.breaks(["it hangs, no check"])
    guesses = lesson15.in_order({"it hangs, no check": "never"}, rows)
    axes = charts.draw_outages(rows, guesses=guesses)
    assert max(x for line in axes.lines for x in line.get_xdata()) == 86_400
    assert charts.tell_outages(rows, guesses).endswith("Guessed: it hangs, no check, never.")


def test_the_page_asks_for_a_guess_of_each_bar_of_lessons_before():
    (cell,) = [cell.source for cell in nbformat.read(NOTEBOOK, 4).cells if cell.source.startswith("guesses = ")]
    found: dict = {}
    exec(cell, found)
    assert set(found["guesses"]) == {name for name, (lesson, _) in scenes15.BREAKS.items() if lesson != "14b"}


@pytest.mark.parametrize("name", ["the leader dies", "it hangs, no check", "lab: the manager is lost"])
def test_a_fault_of_ones_choice_has_a_bar_whatever_is_known_of_the_real_engine(name):
    (row,) = scenes15.breaks([name])
    axes = charts.draw_outage(row, guesses=30, references=row.get("real"))
    marked = "real engine" in " ".join(text.get_text() for text in axes.texts)
    assert marked == isinstance(row["real"], dict)


def test_compare_prints_the_quorum_table_and_packet_sizes(capsys):
    lesson15.compare()
    told = capsys.readouterr().out
    numbers = [[int(word) for word in line.split() if word.isdigit()] for line in told.splitlines()]
    assert numbers[:3] == [[1, 2, 3, 4, 5, 7], [1, 2, 2, 3, 3, 4], [0, 0, 1, 1, 2, 3]]  # §20.6
    assert numbers[3:5] == [[1450, 1450], [1424, 1424]]
    assert all(row["title"] in told for row in scenes15.breaks() if "no_figure" in row)


# ── recall ───────────────────────────────────────────────────────────────────────────────────────────────────────


def right_order() -> str:
    return "".join(bar.letter for bar in lesson15.soonest_first(lesson15.fresh_bars()))


def test_recall_takes_the_order_of_healing(capsys):
    assert said(capsys, "15.recall", right_order()) == "correct"
    assert said(capsys, "15.recall", list(right_order())) == "correct"
    assert said(capsys, "15.recall", ", ".join(right_order().upper())) == "correct"


def test_the_order_follows_from_the_rules_whatever_the_seed():
    kinds = [[bar.story for bar in lesson15.soonest_first(lesson15.fresh_bars(seed))] for seed in (1, 2)]
    assert kinds[0] == kinds[1] == [bar.story for bar in lesson15.soonest_first(lesson15.fresh_bars())]


@pytest.mark.parametrize("kind", lesson15.HINTS)
def test_recall_says_why_a_fault_does_not_heal_so_soon(capsys, kind):
    order = right_order()
    early = [bar.letter for bar in lesson15.soonest_first(lesson15.fresh_bars()) if bar.kind == kind][-1]
    line = said(capsys, "15.recall", early + order.replace(early, ""))
    assert line.startswith("not yet: ") and lesson15.HINTS[kind] in line
    assert counterexample("15.recall").trace.records


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (right_order()[::-1], "slowest first"),
        ("abc", "six letters"),
        ("aabcde", "six letters"),
        (3, "six letters"),
        ([1, 2, 3, 4, 5, 6], "six letters"),
    ],
)
def test_recall_says_what_it_wants(capsys, answer, hint):
    line = said(capsys, "15.recall", answer)
    assert line.startswith("not yet: ") and hint in line


# ── modify ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("layout", [(2, 2, 1), [1, 2, 2], (2, 1, 2)])
def test_modify_takes_the_cheapest_layout_in_any_order(capsys, layout):
    assert said(capsys, "15.modify", layout).startswith("correct. ")
    assert cheapest(lesson15.GOAL).layout == (2, 2, 1)


@pytest.mark.parametrize(
    ("layout", "hint"),
    [
        ((3,), "all are in one zone"),
        ((7,), "all are in one zone"),
        ((3, 2), "one zone holds 3 of 5"),
        ((2, 2), "one zone holds 2 of 4"),
        ((1, 1, 1), "not one more machine with it"),
        ((3, 2, 2), "can be kept for less"),
        ((10**9, 1, 1), "more than 7 managers"),
        ((1, 1, 1, 1, 1), "can be kept for less"),
        (3, "managers per zone"),
        ("3", "managers per zone"),
        ((), "managers per zone"),
        ((1, -1), "managers per zone"),
        ((1.5, 2), "managers per zone"),
    ],
)
def test_modify_says_what_brings_a_layout_down(capsys, layout, hint):
    line = said(capsys, "15.modify", layout)
    assert line.startswith("not yet: ") and hint in line


# ── build (the judge has tests of its own) ───────────────────────────────────────────────────────────────────────


def test_an_alarm_for_machines_alone_misses_what_happens_to_services(capsys):
    def down(trace):
        return any(record.fact.state == "down" for record in trace.of(NodeStored))

    line = said(capsys, "15.build", down)
    assert line.startswith("not yet: a service gives up starting at 20 s, and it is silent until visitors come")


# ── deeper ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_search_finds_a_planted_fault_and_leaves_out_what_has_no_part_in_it(capsys):
    lost = lesson15.search(lambda cluster: len(cluster.running) >= 2)
    told = capsys.readouterr().out.splitlines()
    assert len(lost.running) < 2 and told[0].startswith("seed ") and len(told) == 3


def test_what_always_holds_is_said_to_hold(capsys):
    assert lesson15.search(lambda cluster: cluster.running, range(3)) is None
    assert capsys.readouterr().out == "it holds in 3 storms\n"


# ── the notebook ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_solutions_in_the_notebook_are_correct(capsys):
    text = "\n".join(cell.source for cell in nbformat.read(NOTEBOOK, 4).cells if cell.cell_type == "markdown")
    found: dict = {}
    for block in [block.partition("```")[0] for block in text.split("```python\n")[1:]]:
        exec(block, found)
    assert said(capsys, "15.modify", found["layout"]).startswith("correct")
    assert said(capsys, "15.build", found["alert"]).startswith("correct")
    assert f'`"{right_order()}"`' in text
