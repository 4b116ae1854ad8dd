"""The planner's picture: closed form and counted years of each layout, on one axis (course.md lesson 15)."""

from collections import namedtuple

import pytest
from test_raft_pictures import covered, outside, words

from swarmlab.check.availability import Rates, availability, simulate
from swarmlab.lessons import planner15
from swarmlab.viz import charts, planner
from swarmlab.viz.explore import Explore

LAYOUTS = [(1,), (3,), (1, 1, 1), (3, 2), (2, 2, 1)]


@pytest.fixture(scope="module")
def rows():
    return planner15.planned(LAYOUTS, years=200, yours=(2, 2, 2, 1))


def marks(ax, style):
    """(x, y) of all signs of a marker that are filled, or not."""
    marker, filled = style
    found = [line for line in ax.lines if line.get_marker() == marker and len(line.get_xdata()) == 1]
    return [
        (line.get_xdata()[0], line.get_ydata()[0])
        for line in found
        if (line.get_markerfacecolor() != "none") == filled and line.get_ydata()[0] > planner.HEAD
    ]


def test_each_layout_has_an_outline_for_the_sum_and_a_filling_for_what_was_counted(rows):
    ax = charts.draw_planner(rows)
    for name, (marker, _, _) in planner.LANES.items():
        sums = [planner._x(planner.hours(getattr(row.form, name))) for row in rows]
        counts = [planner._x(planner.hours(getattr(row.counted.shares, name))) for row in rows]
        assert [x for x, _ in marks(ax, (marker, False))] == pytest.approx(sums)
        assert [x for x, _ in marks(ax, (marker, True))] == pytest.approx(counts)


def test_what_was_not_counted_has_an_outline_only():
    ax = charts.draw_planner(planner15.planned(LAYOUTS, years=0))
    assert len(marks(ax, ("o", False))) == len(LAYOUTS) and marks(ax, ("o", True)) == []
    assert "counted" not in " ".join(words(ax))


def test_rows_are_those_of_the_model(rows):
    assert rows[3].form == availability((3, 2), (2, 1)) and rows[3].counted == simulate((3, 2), (2, 1), years=200)
    assert [row.yours for row in rows] == [False] * 5 + [True]


def test_no_two_labels_cover_each_other_whatever_the_knobs_say(rows):
    for drawn in (charts.draw_planner(rows, goal=0.9999), charts.draw_planner(rows[:1], goal=0.5)):
        assert covered(drawn) == [] and outside(drawn) == []
    for managers, zones, fails, zone_fails in (1, 5, 168, 2184), (7, 1, 8760, 87_600), (7, 5, 8760, 87_600):
        ax, said = planner15.knobs(managers, zones, fails, 72.0, zone_fails, 48.0)
        assert covered(ax) == [] and outside(ax) == []
        assert "(yours)" in said and "yours:" in words(ax)


def test_the_picture_says_that_two_zones_are_as_good_as_one_for_the_quorum_but_not_for_the_service(rows):
    said = charts.tell_planner(rows, 0.9999)
    assert "3 + 2: 8 h 8 min a year without a quorum" in said and "Good enough for 99.99 %: 2 + 2 + 1" in said
    assert rows[3].form.control < rows[2].form.control and rows[3].form.service > rows[1].form.service


def test_managers_are_drawn_in_columns_by_zone(rows):
    ax = charts.draw_planner(rows)
    assert sum(type(patch).__name__ == "Circle" for patch in ax.patches) == sum(sum(row.layout) for row in rows)


def test_the_knobs_move_the_picture():
    box = Explore(planner15.knobs, alt="layouts of managers", **planner15.KNOBS)
    before = box.picture.value
    box.controls["zones"].value = 3
    assert box.picture.value != before and "2 + 2 + 1 (yours)" in box.caption.value
    box.controls["machine_fails"].value = Rates().fails / 30 * 365
    assert "Error" not in box.caption.value


def test_while_a_knob_moves_fewer_years_are_counted_where_things_fail_often():
    rare, often = Rates(8760, 4, 87_600, 8), Rates(168, 1, 2184, 1)
    assert planner15.in_time((1, 1, 1), rare) == 1000 and planner15.in_time((2, 2, 1, 1, 1), often) == 50


@pytest.mark.parametrize(("number", "zones", "layout"), [(5, 2, (3, 2)), (2, 5, (1, 1)), (7, 3, (3, 2, 2))])
def test_managers_are_spread_evenly_and_no_zone_is_empty(number, zones, layout):
    assert planner15.even(number, zones) == layout


def test_a_share_has_two_digits_of_what_it_lacks():
    shares = [0.9936, 0.99988, 0.99999973, 0.99999999998, 1]
    assert [planner.in_words(share) for share in shares] == [
        "99.36 %",
        "99.988 %",
        "99.999973 %",
        "> 99.99999 %",
        "100 %",
    ]


def test_anything_that_has_the_fields_can_be_drawn():
    shares = namedtuple("Shares", "control service")(0.99, 0.999)
    assert charts.draw_planner([planner.Planned((2, 1), (1,), shares)])
