"""Strategies side by side: the measures, and that the best of each is bold."""

import pytest
from test_raft_pictures import covered, outside, texts, words

from swarmlab.viz.placefold import placed_rows
from swarmlab.viz.strategies import draw_strategies, scores, tell_strategies

NODES = [("n1", "a", 4), ("n2", "a", 4), ("n3", "b", 4)]
SPREAD = placed_rows(NODES, [("x.1", "n1", 2), ("x.2", "n2", 2), ("y.1", "n3", 2), ("big.1", "", 4)], unit="units")
PACKED = placed_rows(NODES, [("x.1", "n1", 2), ("x.2", "n1", 2), ("y.1", "n2", 2), ("big.1", "n3", 4)], unit="units")


def test_what_fits_and_how_even_it_is():
    spread, packed = scores(SPREAD), scores(PACKED)
    assert (spread.fit, spread.unfit, packed.fit, packed.unfit) == (3, 1, 4, 0)
    assert (spread.least, spread.most) == (0.5, 0.5) and (packed.least, packed.most) == (0.5, 1.0)


def test_free_room_in_pieces_is_of_no_use_to_a_large_task():
    # three free pieces of 2: of no use to one of four tasks; packed: one piece of 2, the same
    assert scores(SPREAD).fragments == scores(PACKED).fragments == 0.25
    assert scores(placed_rows(NODES, [("x.1", "n1", 4)], unit="units")).fragments == 0


def test_the_worst_zone_takes_the_most_tasks_and_whole_services():
    assert (scores(SPREAD).zone, scores(SPREAD).lost, scores(SPREAD).gone) == ("a", 2, 1)
    assert (scores(PACKED).zone, scores(PACKED).lost, scores(PACKED).gone) == ("a", 3, 2)


def test_a_service_in_two_zones_outlives_the_loss_of_one():
    both = placed_rows(NODES, [("x.1", "n1", 1), ("x.2", "n3", 1), ("y.1", "n2", 1)], unit="units")
    assert (scores(both).zone, scores(both).lost, scores(both).gone) == ("a", 2, 1)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 6])
def test_panels_stand_side_by_side(count):
    panels = {f"strategy {n}": (SPREAD, PACKED)[n % 2] for n in range(count)}
    fig = draw_strategies(panels)
    assert covered(fig) == [] and outside(fig) == []
    assert set(panels) <= set(words(fig))


def test_the_best_of_each_measure_is_bold_where_they_differ():
    fig = draw_strategies({"spread": SPREAD, "binpack": PACKED})
    bold = {
        text.get_text() for text in fig.findobj(lambda each: hasattr(each, "get_text")) if text.get_weight() == "bold"
    }
    assert {"4 fit, 0 did not", "nodes 50% to 50% full"} <= bold
    assert not any("useless bits" in text for text in bold) and texts(fig)


def test_equally_many_tasks_lost_are_not_equally_many_services():
    one = placed_rows(NODES, [("x.1", "n1", 1), ("x.2", "n3", 1), ("y.1", "n2", 1)], unit="units")
    two = placed_rows(NODES, [("x.1", "n1", 1), ("x.2", "n1", 1), ("y.1", "n3", 1)], unit="units")
    none = placed_rows(NODES, [("x.1", "n1", 1), ("x.2", "n3", 1), ("y.1", "n2", 1), ("y.2", "n3", 1)], unit="units")
    both = placed_rows(NODES, [("x.1", "n1", 1), ("z.1", "n1", 1), ("y.1", "n3", 1)], unit="units")
    assert [(scores(rows).lost, scores(rows).gone) for rows in (one, two, none, both)] == [
        (2, 1),
        (2, 1),
        (2, 0),
        (2, 2),
    ]
    fig = draw_strategies({"none": none, "both": both})
    weights = {text.get_text(): text.get_weight() for text in fig.findobj(lambda each: hasattr(each, "get_text"))}
    assert weights["✕ a lost: 2 tasks"] == weights["with it 2 services gone"] == "normal"
    assert weights["with it no services gone"] == "bold"


def test_what_reads_the_same_is_bold_in_both_or_in_none():
    nodes = [("n1", "a", 1000), ("n2", "b", 1000)]
    panels = {
        str(size): placed_rows(nodes, [("x.1", "n1", size), ("x.2", "n2", 500)], unit="units")
        for size in (700, 701, 900)
    }
    fig = draw_strategies(panels)
    bold = [text.get_text() for text in fig.findobj(lambda t: hasattr(t, "get_text")) if text.get_weight() == "bold"]
    assert bold.count("nodes 50% to 70% full") == 2


def test_it_says_it_in_words():
    assert "binpack: 4 fit, 0 did not, nodes 50% to 100% full" in tell_strategies({"binpack": PACKED})


def test_more_than_six_are_no_comparison():
    with pytest.raises(ValueError, match="7 panels"):
        draw_strategies({str(n): SPREAD for n in range(7)})
