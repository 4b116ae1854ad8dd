"""The rules of membership, as tables and formulas [networking.md §2.1, §3.1, §3.2; memberlist, LAN profile]."""

import pytest

from swarmlab.effects import SECOND
from swarmlab.overlay.broadcasts import Broadcasts
from swarmlab.overlay.swim import (
    ALIVE,
    FAILED,
    LEFT,
    SUSPECT,
    beats,
    change_of_failed_probe,
    health_after,
    least_suspicion,
    push_pull_period,
    retransmit_limit,
    suspicion_time,
)
from swarmlab.overlay.wire import Member


@pytest.mark.parametrize(
    "new, old, wins",
    [
        ((2, ALIVE), (1, SUSPECT), True), ((1, ALIVE), (1, SUSPECT), False), ((1, ALIVE), (1, FAILED), False),
        ((2, ALIVE), (1, FAILED), True), ((1, ALIVE), (1, ALIVE), False), ((1, SUSPECT), (1, ALIVE), True),
        ((1, SUSPECT), (2, ALIVE), False), ((1, SUSPECT), (1, SUSPECT), False), ((2, SUSPECT), (1, SUSPECT), True),
        ((9, SUSPECT), (1, FAILED), False), ((1, FAILED), (1, SUSPECT), True), ((1, FAILED), (2, ALIVE), False),
        ((1, LEFT), (1, ALIVE), True), ((1, FAILED), (1, LEFT), False), ((1, ALIVE), None, True), ((1, SUSPECT), None, False),
    ],
)  # fmt: skip
def test_incarnations_order_the_truth(new, old, wins):
    assert beats(Member("a", *new), old and Member("a", *old)) is wins


def test_the_least_suspicion_grows_with_the_logarithm_of_the_members():
    assert [least_suspicion(n) / SECOND for n in (2, 10, 30, 100, 1000, 10_000)] == [4, 4, 5.908, 8, 12, 16]


def test_each_confirmation_takes_time_from_the_suspect():
    assert [suspicion_time(1000, c) / SECOND for c in (0, 1, 2, 3)] == [72, 34.144, 12, 12]
    assert [suspicion_time(10, c) / SECOND for c in (0, 1, 2)] == [24, 11.381, 4]


def test_too_few_others_to_confirm_and_the_least_time_holds_at_once():
    assert [suspicion_time(n, 0) / SECOND for n in (2, 3, 4)] == [4, 4, 24]


def test_rumours_are_repeated_by_the_logarithm_of_the_members():
    assert [retransmit_limit(n) for n in (1, 9, 10, 30, 100, 1000, 10_000)] == [4, 4, 8, 8, 12, 16, 20]


def test_push_pulls_slow_down_with_size():
    assert [push_pull_period(n) // SECOND for n in (2, 32, 33, 64, 65, 1000, 10_000)] == [30, 30, 60, 60, 90, 180, 300]


def test_the_health_score_stays_from_0_to_7():
    assert [health_after(0, -1), health_after(3, -1), health_after(3, 2), health_after(6, 3)] == [0, 2, 5, 7]


def test_a_failed_probe_counts_the_helpers_that_were_not_heard():
    assert [change_of_failed_probe(3, 3), change_of_failed_probe(3, 1), change_of_failed_probe(0, 0)] == [0, 2, 1]


# ── the queue of broadcasts ──


def test_what_does_not_fit_into_a_packet_waits_and_is_told_next():
    queue = Broadcasts()
    for number in range(20):
        queue.add(number, number, 100)
    first, size = queue.pick(1400, 8)
    assert len(first) == 14 and size == 1400
    assert set(first) | set(queue.pick(1400, 8)[0]) == set(range(20))


def test_the_least_told_come_first_and_the_newest_of_them():
    queue = Broadcasts()
    for number in range(3):
        queue.add(number, number, 100)
    assert queue.pick(200, 8) == ((2, 1), 200)
    queue.add(3, 3, 100)
    assert set(queue.pick(200, 8)[0]) == {0, 3} and set(queue.pick(200, 8)[0]) < {0, 1, 2, 3}


def test_a_rumour_is_told_as_often_as_the_limit_says():
    queue = Broadcasts()
    queue.add("a", "a", 100)
    told = [queue.pick(1400, 8)[0] for _ in range(10)]
    assert told == [("a",)] * 8 + [()] * 2 and not queue.places and queue.size == 0


def test_a_newer_rumour_of_the_same_name_takes_the_place_of_the_older_one():
    queue = Broadcasts()
    queue.add("a", 1, 100)
    queue.pick(1400, 8)
    queue.add("a", 2, 90)
    assert [queue.pick(1400, 8) for _ in range(9)] == [((2,), 90)] * 8 + [((), 0)]
