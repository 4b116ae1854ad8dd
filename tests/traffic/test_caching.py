"""Clients that keep answers of the DNS, and the skew that they make [networking.md §4.6]."""

from math import sqrt
from statistics import fmean, stdev

import pytest

from swarmlab.overlay.caching import Answers, ttl_of
from swarmlab.traffic.caching import assigned, first, next_alive, rotate, simulate
from swarmlab.traffic.theory import cached_skew, idle_replica


def near(values, expected, errors=4):
    """Whether the mean lies within so many standard errors: with 4, chance alone fails once in 16 000 times."""
    return abs(fmean(values) - expected) < errors * stdev(values) / sqrt(len(values))


@pytest.mark.parametrize("clients, runs, printed", [(10, 3000, 2.75), (100, 2000, 1.51), (1000, 250, 1.16)])
def test_the_busiest_of_ten_replicas_carries_so_many_times_the_mean(clients, runs, printed):
    """Four standard errors, so a failure by chance is one in 16 000."""
    shares = [max(assigned(10, clients, seed)) * 10 / clients for seed in range(runs)]
    assert near(shares, cached_skew(10, clients)) and round(cached_skew(10, clients), 2) == printed


def test_of_three_replicas_before_five_clients_one_is_idle_with_probability_93_of_243():
    """Four standard errors, so a failure by chance is one in 16 000."""
    idle = [0 in assigned(3, 5, seed) for seed in range(4000)]
    assert near(idle, 93 / 243) and idle_replica(3, 5) == pytest.approx(93 / 243)


def test_the_requests_of_clients_that_keep_an_answer_fall_as_unevenly():
    """The same in the form with requests and time. Four standard errors."""
    runs = [simulate(3, 5, ttl=1e6, seconds=60, rate=0.2, seed=seed) for seed in range(1200)]
    assert near([0 in run.counts.values() for run in runs], 93 / 243)
    assert all(sum(run.counts.values()) == 60 for run in runs)


def test_without_a_cache_every_request_asks_and_all_replicas_work():
    run = simulate(3, 5, ttl=0, seconds=600)
    assert run.asked == sum(run.counts.values()) == 3000
    # 1000 each, of binomial spread 26: five of those but once in 10⁶ times
    assert all(abs(count - 1000) < 130 for count in run.counts.values())


def test_an_answer_is_asked_for_again_when_its_time_is_over():
    assert simulate(3, 4, ttl=60, seconds=600).asked == 4 * 10


def test_a_dead_replica_keeps_its_share_for_up_to_the_ttl():
    """Caches are of any age when it dies, so its share falls in a straight line: half of it is lost on average, after
    the time until the DNS knows. Five standard errors."""
    replicas, clients, ttl, noticed, rate = 4, 20, 100, 10, 0.5
    runs = [
        simulate(replicas, clients, ttl, seconds=400, rate=rate, dies={1: 200}, noticed=noticed, seed=seed)
        for seed in range(300)
    ]
    share = clients * rate / replicas
    # after the death those who hold it go on, and who asks anew until it is noticed may still be given it
    lost = [sum(run.failures) for run in runs]
    assert all(sum(run.failures[:200]) == 0 == sum(run.failures[311:]) for run in runs)
    assert near(lost, share * (noticed + ttl / 2), errors=5)


def test_without_a_cache_it_loses_requests_only_until_it_is_noticed():
    run = simulate(4, 20, ttl=0, seconds=100, dies={1: 50}, noticed=5)
    assert sum(run.failures[:50]) == 0 == sum(run.failures[56:]) and sum(run.failures) > 0


def test_who_tries_the_next_address_loses_one_request_for_each_answer():
    stubborn = simulate(4, 20, 600, seconds=300, dies={1: 100}, pick=first)
    clever = simulate(4, 20, 600, seconds=300, dies={1: 100}, pick=next_alive)
    assert stubborn.failed["10.0.1.4"] == sum(stubborn.failures) > 20 >= sum(clever.failures) > 0


def test_who_goes_through_all_addresses_of_an_answer_spreads_evenly():
    run = simulate(3, 5, 600, seconds=300, pick=rotate)
    assert max(run.counts.values()) - min(run.counts.values()) <= 5


def test_when_all_are_dead_and_noticed_nobody_is_asked():
    run = simulate(1, 1, 0, seconds=10, dies={0: 2}, noticed=3)
    assert run.counts["10.0.1.3"] == 5 and sum(run.failures) == 8


def test_the_same_seed_gives_the_same_run():
    assert simulate(seed=4) == simulate(seed=4) != simulate(seed=5)


@pytest.mark.parametrize(
    "wrong, why",
    [
        ({"replicas": 0}, "replicas=0: a whole number"),
        ({"clients": 1.5}, "clients=1.5: a whole number"),
        ({"ttl": -1}, "ttl=-1: seconds"),
        ({"rate": 0}, "rate=0: a number greater than 0"),
        ({"seconds": float("inf")}, "seconds=inf"),
        ({"dies": {3: 1}}, "there is no replica 3, they are 0 to 2"),
        ({"ttl": "600"}, "ttl='600': seconds"),
        ({"rate": None}, "rate=None: a number greater than 0"),
        ({"dies": {1: "soon"}}, "when which replica dies, in seconds"),
        ({"dies": [1]}, r"dies=\[1\]: when which replica dies"),
        ({"dies": {1: float("nan")}}, "when which replica dies"),
        ({"pick": lambda answers, memory: "10.9.9.9"}, "'10.9.9.9' is not one of the addresses"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(wrong, why):
    with pytest.raises(ValueError, match=why):
        simulate(**wrong)


# ── what one client remembers ────────────────────────────────────────────────────────────────────────────────────


def test_an_answer_is_believed_until_its_time_is_over():
    answers = Answers(ttl=10)
    answers.keep("web", ("a", "b"), now=5)
    assert answers.recall("web", 14) == ("a", "b") and answers.recall("web", 15) == () == answers.recall("db", 6)


def test_that_there_is_no_such_name_is_not_remembered_nor_anything_without_a_ttl():
    answers, forgetful = Answers(ttl=10), Answers()
    answers.keep("web", (), now=5)
    forgetful.keep("web", ("a",), now=5)
    assert answers.kept == {} == forgetful.kept


@pytest.mark.parametrize(
    "text, ttl", [("600", 600_000_000), ("0.5", 500_000), ("", 0), ("-1", 0), ("inf", 0), ("ever", 0)]
)
def test_the_environment_says_for_how_long(text, ttl):
    assert ttl_of([f"DNS_CACHE_TTL={text}"]) == ttl
    assert ttl_of([]) == 0 == ttl_of(["DNS_CACHE_TTL"])
