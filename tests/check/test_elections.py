"""The time without a leader: against the closed forms, against what was published, and each run again on its own."""

import doctest
from math import inf, sqrt
from statistics import mean

import pytest

from swarmlab.check import elections
from swarmlab.check.elections import (
    SWARM,
    Case,
    Trial,
    earliest,
    expected_time,
    needless,
    rerun,
    split_vote,
    summary,
    trial,
    trials,
)
from swarmlab.check.elections import case as in_ms
from swarmlab.effects import SECOND
from swarmlab.raft import election

WAN = {"low": 300, "high": 600, "latency": 30, "jitter": 10}  # dissertation §9.4
LAN = {"latency": 2.3, "disk": 0.011, "logs": (2, 2, 2, 1, 1), "crash": "random"}  # like Raft's figure 16


def milliseconds(found):
    return [one.time / 1000 for one in found]


# ── what is known without a run ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "servers, alive, latency, percent",
    [
        (5, 4, 0.01, 0.059),  # the dissertation prints 0.06, 5.2 and 18.1 for four of five
        (5, 4, 0.1, 5.230),
        (5, 4, 0.2, 18.080),
        (3, 3, 0.05, 0.725),
        (3, 2, 0.2, 36.000),
        (5, 5, 0.1, 0.856),
        (5, 3, 0.05, 14.262),
        (9, 5, 0.2, 67.232),
        (5, 2, 0.1, 100.0),  # no majority is left
        (5, 4, 1.0, 100.0),  # everybody times out before anybody hears of it
    ],
)
def test_the_chance_of_a_split_vote_is_that_of_the_dissertation(servers, alive, latency, percent):
    assert split_vote(servers, alive, latency) * 100 == pytest.approx(percent, abs=0.0006)


def test_the_first_of_s_time_outs_ends_at_one_part_of_s_plus_one():
    assert [earliest(s) for s in (1, 3, 4)] == [1 / 2, 1 / 4, 1 / 5]
    assert earliest(1, 0.3) == pytest.approx(0.3) and earliest(4, 0.5) == 1 - 0.5**4


def test_the_expected_time_is_that_of_the_dissertation():
    alive = {5: 425, 4: 460, 3: 630}  # ms, for 300-600 ms and 35 ms one way
    assert {s: round(expected_time(300, 600, 35, alive=s)) for s in alive} == pytest.approx(alive, abs=1)
    assert expected_time(150, 150, 15) == inf
    longer = expected_time(300, 600, 35, disk=10, age=75) - expected_time(300, 600, 35)
    assert longer == pytest.approx(10 - 75)


def test_the_examples_in_the_room_are_true():
    assert doctest.testmod(elections).failed == 0


# ── the runs against it ──────────────────────────────────────────────────────────────────────────────────────────


def deviation(servers, alive, latency, runs=500):
    """How many standard errors the simulated share of split first votes is off the closed form."""
    case = in_ms(300, 600, 300 * latency, servers=servers, failed=servers - alive)
    share, chance = summary(trials(runs, case)).repeated, split_vote(servers, alive, latency)
    return abs(share - chance) / sqrt(chance * (1 - chance) / runs)


@pytest.mark.parametrize("servers, alive, latency", [(5, 4, 0.2), (3, 2, 0.1), (5, 3, 0.05)])
def test_votes_are_split_as_often_as_the_closed_form_says(servers, alive, latency):
    assert deviation(servers, alive, latency) < 3  # standard errors: 99.7 % of all honest simulations


def test_servers_that_vote_twice_are_noticed_by_the_closed_form(monkeypatch):
    monkeypatch.setattr(election, "may_vote", lambda node, candidate: True)
    assert deviation(5, 4, 0.2, 300) > 5


@pytest.mark.parametrize("failed, published, tolerance", [(1, 475, 0.05), (2, 650, 0.1)])
def test_the_mean_over_a_wide_area_is_near_the_published_one(failed, published, tolerance):
    found = summary(trials(600, in_ms(**WAN, failed=failed)))
    assert found.mean == pytest.approx(published, rel=tolerance)
    assert found.mean == pytest.approx(expected_time(300, 600, 35, alive=5 - failed), rel=tolerance)


def test_equal_time_outs_give_no_leader_within_ten_seconds():
    """Raft §9.3: without randomness leader election consistently took longer than 10 seconds."""
    found = summary(trials(8, in_ms(150, 150, **LAN, limit=10)))
    assert (found.never, found.median) == (1.0, inf)


def test_five_milliseconds_of_randomness_make_never_a_few_hundred():
    """Raft §9.3: with 5 ms the median is 287 ms; 50 ms bring the worst to 513 ms; 150-300 ms is what it recommends."""
    five, fifty, most = (summary(trials(120, in_ms(150, high, **LAN))) for high in (155, 200, 300))
    assert 200 < five.median < 400 and five.worst > 1000
    assert fifty.median < five.median / 1.5 and fifty.worst < 600
    assert fifty.median < most.median < 200


def test_shorter_is_better_until_messages_take_as_long():
    """Raft §9.3: 12-24 ms elect in 35 ms on average; below the time of a message nobody ever finishes."""
    quick = summary(trials(120, in_ms(12, 24, **LAN)))
    assert 30 < quick.mean < 50 and quick.worst < 200
    assert summary(trials(10, in_ms(2, 4, **LAN))).never == 1.0


# ── one run ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_same_seed_is_the_same_run():
    case = in_ms(**WAN)
    assert trials(5, case) == trials(5, case) != trials(5, case, seed=5)
    assert [trial(seed, case) for seed in range(3, 6)] == trials(3, case, seed=3)


@pytest.mark.parametrize(
    "case",
    [in_ms(**WAN, loss=0.1), in_ms(150, 155, **LAN), in_ms(150, 300, 15, crash="real", pre_vote=True), SWARM],
    ids=["fresh", "random", "real", "swarm"],
)
def test_any_run_can_be_opened_and_is_the_same_to_the_microsecond(case):
    for seed in range(3):
        counted, group = trial(seed, case), rerun(seed, case)
        assert group.kernel.now - round(group.crashed * SECOND) == counted.time
        assert group.leader == group.winner and group.trace.messages and group.trace.alarms
        again = group.at(group.crashed)
        assert again.leader is None and again.result() == counted
        assert again.trace.digest() == group.trace.digest()


def test_a_run_begins_when_all_machines_are_on():
    with pytest.raises(ValueError, match="still being switched on"):
        rerun(1, SWARM).at(0)


def test_a_leader_that_was_real_was_heard_until_it_crashed():
    group = rerun(4, in_ms(150, 300, 5, crash="real"))
    leader = next(m.sender for m in group.trace.messages if m.name == "AppendEntries")
    beats = [m.sent / SECOND for m in group.trace.messages if m.name == "Heartbeat" and m.sender == leader]
    assert not group.machines[leader].running and group.winner != leader
    assert 0 <= group.crashed - beats[-1] <= 0.0751


def test_swarms_managers_have_a_leader_again_8_to_19_seconds_after_the_crash():
    """A time-out is 10 to 19 ticks of 1 s from the last tick before the last heartbeat, which was sent up to 1 s
    before the crash. It takes longer only when the first to ask is ignored by who still trusts the old leader."""
    found = trials(60, SWARM)
    assert all(8 <= one.time / SECOND <= 19.1 for one in found if one.terms == 1)
    assert all(one.time / SECOND > 18 for one in found if one.terms > 1)
    assert 0 < summary(found).repeated < 0.25


def test_only_who_has_the_longest_log_of_a_majority_is_elected():
    group = [rerun(seed, in_ms(150, 300, 2, logs=(3, 3, 2, 1, 1))) for seed in range(12)]
    assert {one.winner for one in group} == {"node-2", "node-3"}


def test_a_vote_that_is_written_down_first_comes_so_much_later():
    quick, slow = (trials(40, in_ms(150, 300, 2, disk=disk)) for disk in (0, 0.011))
    waits = [b.time - a.time for a, b in zip(quick, slow, strict=True) if a.terms == b.terms == 1]
    assert len(waits) > 30 and set(waits) == {11_000}


def test_asking_before_a_campaign_costs_one_round_trip():
    plain, careful = (trials(60, in_ms(150, 300, 15, pre_vote=ask)) for ask in (False, True))
    waits = [b.time - a.time for a, b in zip(plain, careful, strict=True) if a.terms == b.terms == 1]
    assert len(waits) > 50 and set(waits) == {30_000}


def test_lost_messages_cost_terms():
    calm, bad = (summary(trials(80, in_ms(150, 300, 2, loss=loss))) for loss in (0, 0.4))
    assert calm.repeated < 0.05 < 0.3 < bad.repeated and bad.mean > calm.mean + 50


def test_without_a_majority_nobody_leads():
    assert summary(trials(3, in_ms(150, 300, failed=3))).never == 1.0


def test_a_leader_that_is_well_is_left_alone_unless_time_outs_are_too_short():
    assert [needless(seed, in_ms(150, 300, 15), 5) for seed in range(3)] == [0, 0, 0]
    assert needless(0, in_ms(30, 35, 15, 20), 5) > 3
    assert needless(0, in_ms(150, 300, 2, loss=0.5), 5) > needless(0, in_ms(1500, 3000, 2, heartbeat=75, loss=0.5), 5)


def test_hopeless_settings_give_fewer_runs_instead_of_a_long_wait():
    hopeless = in_ms(10, 15, 30)
    assert len(trials(200, hopeless, work=3000)) < 10
    assert len(trials(20, in_ms(150, 300), work=100_000)) == 20


def test_runs_in_numbers():
    found = [Trial(0, 100_000, 1), Trial(1, 200_000, 1), Trial(2, 300_000, 2), Trial(3, None, 9)]
    numbers = summary(found)
    assert (numbers.runs, numbers.median, numbers.p90, numbers.worst) == (4, 200, inf, inf)
    assert (numbers.repeated, numbers.never, numbers.mean) == (0.5, 0.25, inf)
    assert summary(found[:3]).mean == mean([100, 200, 300])


# ── bad input ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "wrong, words",
    [
        ({"servers": 0}, "a whole number above 0"),
        ({"failed": 5}, "of 5 servers, 0 to 4 can fail"),
        ({"failed": 0, "crash": "real"}, "of 5 servers, 1 to 4 can fail"),
        ({"crash": "soft"}, "'soft' is none of fresh, random, real"),
        ({"logs": (1, 2)}, "the number of entries of each of 5 servers"),
        ({"logs": (2, 2, 2, 1, 1), "crash": "real"}, "brings all logs up to its own"),
        ({"low": 0}, "whole numbers above 0"),
        ({"high": "long"}, "high='long': a number of milliseconds, 0 or more"),
        ({"low": 400}, "the longest election time-out"),
        ({"heartbeat": 200}, "comes too late"),
        ({"latency": -1}, "latency=-1: a number of milliseconds, 0 or more"),
        ({"loss": 2}, "loss=2: a probability, from 0 to 1"),
        ({"limit": -1}, "a limit of -1"),
        ({"disk": -1}, "a write of -1"),
    ],
)
def test_an_impossible_case_gets_one_clear_sentence(wrong, words):
    with pytest.raises(ValueError, match=words):
        trial(1, in_ms(**{"low": 150, "high": 300} | wrong))


def test_who_cannot_elect_a_leader_has_none_to_lose():
    with pytest.raises(ValueError, match="there is no leader to lose"):
        trial(1, in_ms(10, 12, 30, crash="real"))


def test_a_case_in_milliseconds_beats_twice_per_shortest_time_out():
    settings = in_ms(150, 300).settings
    assert (settings.election_low, settings.heartbeat) == (1500, 750) and settings.tick == 100
    assert (
        in_ms(150, 300, heartbeat=20, pre_vote=True).settings[3:] == settings._replace(heartbeat=200, pre_vote=True)[3:]
    )
    assert Case(settings).latency == SWARM.latency
