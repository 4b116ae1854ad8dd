"""Pictures of wishes and of cuts: every try is drawn once, what failed is crossed, and the words agree."""

import pytest

from swarmlab.viz import ink
from swarmlab.viz.cuts import draw_cuts
from swarmlab.viz.tries import draw_tries, tell_tries

TRIES = {
    "visits": [(1_000_000, 1_003_000, True), (2_000_000, 2_003_000, True)],
    "commands": [(1_000_000, 2_000_000, False), (4_000_000, 5_000_000, True)],
}


def words(ax):
    return [text.get_text() for text in ax.texts]


def test_every_try_has_a_mark_and_what_failed_a_cross():
    ax = draw_tries(TRIES, {"power is lost": 1.5})
    crosses = [line for line in ax.lines if line.get_marker() == "x"]
    upright = [line for line in ax.lines if len(set(line.get_xdata())) == 1 and line.get_linestyle() == "-"]
    assert len(crosses) == 1 and len([line for line in upright if line not in crosses]) == 3
    assert words(ax) == ["power is lost"] and [label.get_text() for label in ax.get_yticklabels()] == list(TRIES)


def test_the_words_count_what_failed():
    assert tell_tries(TRIES) == "Visits: 2 of 2 went well. Commands: 1 of 2 went well, 1 failed, at 1 s."


def test_nothing_to_draw_is_said():
    with pytest.raises(ValueError, match="nobody tried anything"):
        draw_tries({"visits": []})


def test_every_cut_is_a_panel_with_all_its_members():
    cuts = [(3, (("node-1",), ("node-2", "node-3")), (), "node-1"), (2, (("node-2",),), ("node-1",), "node-1")]
    said = words(draw_cuts(cuts))
    assert [word for word in said if word.startswith("cut")] == ["cut 1: 3 managers", "cut 2: 2 managers"]
    assert [said.count(number) for number in "123"] == [2, 2, 1] and said.count("no power") == 1
    assert ink.png(ink.figure_of(draw_cuts(cuts))) == ink.png(ink.figure_of(draw_cuts(cuts)))
