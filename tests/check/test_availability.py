"""Availability of managers and services: closed form, years of failures, and the engine's own rule agree [swarm.md §20.6]."""

import pytest

from swarmlab.check import availability as a
from swarmlab.check.elections import case
from swarmlab.group import RaftGroup

OFTEN = a.Rates(fails=200, repair=20, zone_fails=900, zone_repair=60)
CASES = [(3,), (1, 1, 1), (3, 2), (2, 2, 1), (2, 2), (3, 2, 2), (5,), (1,)]


def test_the_quorum_table_is_that_of_the_reference():
    assert a.quorum_table() == [(1, 1, 0), (2, 2, 0), (3, 2, 1), (4, 3, 1), (5, 3, 2), (7, 4, 3)]


@pytest.mark.parametrize("managers", CASES, ids=str)
def test_closed_form_and_simulation_agree_within_the_stated_confidence(managers):
    known = a.availability(managers, (1, 1, 1), OFTEN)
    seen = a.simulate(managers, (1, 1, 1), OFTEN, years=400, seed=1)
    for share, counted, within in zip(known, seen.shares, seen.within, strict=True):
        assert abs(share - counted) <= within < 0.02


def test_99_of_100_simulations_are_within_their_confidence():
    known = a.availability((2, 2, 1), (2, 1), OFTEN)
    runs = [a.simulate((2, 2, 1), (2, 1), OFTEN, years=60, seed=seed) for seed in range(60)]
    inside = [abs(k - s) <= w for run in runs for k, s, w in zip(known, run.shares, run.within, strict=True)]
    assert sum(inside) / len(inside) >= 0.97


@pytest.mark.parametrize("wrong", ["half is enough", "both are independent", "zones never fail"])
def test_a_planted_mistake_in_the_closed_form_is_outside_the_confidence(monkeypatch, wrong):
    seen = a.simulate((2, 2), (1, 1), OFTEN, years=400, seed=1)
    rates = OFTEN._replace(zone_repair=0) if wrong == "zones never fail" else OFTEN
    if wrong == "half is enough":
        monkeypatch.setattr(a, "majority", lambda members: (members + 1) // 2)
    found = a.availability((2, 2), (1, 1), rates)
    if wrong == "both are independent":
        found = found._replace(both=found.control * found.service)
    assert any(abs(f - s) > w for f, s, w in zip(found, seen.shares, seen.within, strict=True))


def test_the_same_seed_gives_the_same_years():
    assert a.simulate((2, 1), years=50, seed=3) == a.simulate((2, 1), years=50, seed=3)
    assert a.simulate((2, 1), years=50, seed=3) != a.simulate((2, 1), years=50, seed=4)


def test_no_layout_over_two_zones_is_better_than_its_fuller_zone():
    rates = a.Rates()
    assert a.availability((3, 2), (), rates).control < a.up(*rates[2:])
    assert a.availability((1, 1, 1), (), rates).control > a.up(*rates[2:])


def test_the_cheapest_layout_reaches_the_goal_and_no_cheaper_one_does():
    for goal in (0.99, 0.999, 0.9999, 0.99999):
        found = a.cheapest(goal)
        assert found.control >= goal
        assert all(one.control < goal for one in a.options() if one.cost < found.cost)
    assert a.cheapest(1.0) is None


@pytest.mark.parametrize(
    "bad",
    [
        lambda: a.availability(()),
        lambda: a.availability((0, 0)),
        lambda: a.availability((1.5,)),
        lambda: a.availability((3,), rates=a.Rates(fails=0)),
        lambda: a.availability((3,), (1,), needed=0),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(bad):
    with pytest.raises(ValueError) as said:
        bad()
    assert "\n" not in str(said.value)


@pytest.mark.parametrize("layout", [(3, 2), (1, 1, 1), (2, 2)], ids=str)
def test_a_majority_alive_is_who_can_write_in_the_real_engine(layout):
    """Every zone in turn loses its power, and somebody tries to write."""
    names = [f"node-{n + 1}" for n in range(sum(layout))]
    for zone, count in enumerate(layout):
        group = RaftGroup(sum(layout), case(150, 300).settings, seed=15)
        group.run_for(3)
        first = sum(layout[:zone])
        for name in names[first : first + count]:
            group.crash(name)
        group.run_for(3)
        wrote = any(group.write("x", "a change", to=name, wait=1) == "" for name in group.nodes)
        assert wrote == (sum(layout) - count >= a.majority(sum(layout)))
