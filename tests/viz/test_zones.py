"""Quorums by number and by zone: who can still write, and that the pictures say so."""

import pytest
from test_raft_pictures import covered, outside, words

from swarmlab.viz import zones

THREE = {"a": ["m-1", "m-2"], "b": ["m-3", "m-4"], "c": ["m-5"]}


def can_write(layout, dead=(), cut=()):
    return [side.zone for side in zones.sides(layout, dead, cut) if side.through]


def test_five_managers_in_three_zones_survive_the_loss_of_any():
    for zone in THREE:
        assert can_write(THREE, dead=[zone]) == [other for other in THREE if other != zone]


def test_two_zones_never_survive_the_larger():
    layout = {"a": ["m-1", "m-2", "m-3"], "b": ["m-4", "m-5"]}
    assert can_write(layout, dead="a") == [] and can_write(layout, dead="b") == ["a"]
    assert can_write(layout, cut="all") == ["a"]


def test_three_times_three_cut_from_each_other_cannot_write_anywhere():
    layout = {zone: [f"{zone}{n}" for n in range(3)] for zone in "xyz"}
    assert can_write(layout, cut="all") == []
    assert can_write(layout, cut="x") == ["y", "z"]
    assert [side.needed for side in zones.sides(layout)] == [5, 5, 5]


def test_who_reaches_too_few_writes_through_a_zone_that_reaches_enough():
    found = {side.zone: side for side in zones.sides(THREE, dead=["m-4"], cut=[("a", "c")])}
    assert found["b"].can_lead and found["b"].reached == 4
    assert not found["c"].can_lead and found["c"].reached == 2 and found["c"].through == "b"


def test_half_is_not_enough():
    assert can_write({"a": ["m-1", "m-2"], "b": ["m-3", "m-4"]}, cut="all") == []


def test_who_is_dead_reaches_nobody():
    assert [side.reached for side in zones.sides({"a": ["m-1"], "b": ["m-2"]}, dead=["m-1"])] == [0, 1]


@pytest.mark.parametrize("wrong", [{"dead": ["m-9"]}, {"cut": ["d"]}, {"cut": [("a", "d")]}])
def test_unknown_names_are_refused(wrong):
    with pytest.raises(ValueError, match=r"m-9|'d'"):
        zones.sides(THREE, **wrong)


def test_the_picture_says_what_each_zone_reaches():
    ax = zones.draw_zones(THREE, dead=["m-4"], cut=[("a", "c")])
    said = words(ax)
    assert {"reaches 3, needs 3", "reaches 4, needs 3", "can write through b", "1 of 2", "cut"} <= set(said)
    assert covered(ax) == [] and outside(ax) == []
    assert "c: 1 of 1 work, reaches 2, can write through b" in zones.tell_zones(THREE, dead=["m-4"], cut=[("a", "c")])


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_no_label_of_zones_covers_another(count):
    layout = {f"zone {zone}": [f"manager-{zone}{n}" for n in range(1 + zone % 4)] for zone in range(count)}
    ax = zones.draw_zones(layout, cut="all" if count % 2 else [])
    assert covered(ax) == [] and outside(ax) == []


def test_an_even_number_tolerates_no_more_than_the_odd_one_before():
    said = zones.tell_quorum()
    assert "of 3 managers 2 must agree: 1 more may be lost; of 4 managers 3 must agree: 1 more may be lost" in said
    for dead in range(4):
        ax = zones.draw_quorum(dead=dead)
        assert covered(ax) == [] and outside(ax) == []
    assert "3 must agree, 2 left: no quorum" in words(zones.draw_quorum(5, 3))
