"""Pools, turns and weights (networking.md §1.5, §4.1; ipvsadm(8))."""

import pytest

from swarmlab.effects import SECOND
from swarmlab.overlay.ipvs import Backend, Pool, Request, least_connections, round_robin


def rank(task):
    return len(task), task, task


def pool(*tasks, **more):
    made = Pool(**more)
    for task in tasks:
        made.add(rank(task), Backend(task, "worker-1"))
    return made


def dealt(made, number, balancer=round_robin):
    return "".join(made.choose(balancer, Request(n, "")).task for n in range(number))


def test_round_robin_gives_each_its_turn():
    assert dealt(pool("a", "b", "c"), 7) == "abcabca"


def test_a_hundred_connections_over_three_tasks_differ_by_one_at_the_most():
    turns = dealt(pool("a", "b", "c"), 100)
    assert sorted(turns.count(task) for task in "abc") == [33, 33, 34]


def test_the_order_does_not_depend_on_who_came_first():
    assert pool("c", "a10", "b", "a2").backends == pool("a2", "a10", "b", "c").backends


def test_least_connections_avoids_the_busy_one():
    made = pool("a", "b")
    made.count(rank("a"), +1)
    assert made.choose(least_connections, 1).task == "b"
    made.count(rank("b"), +1)
    made.count(rank("a"), -1)
    assert made.choose(least_connections, 2).task == "a"


def test_connections_that_are_only_kept_open_are_counted_apart():
    made = pool("a")
    made.count(rank("a"), +1)
    made.count(rank("a"), -1, open=+1)
    assert (made.backends[0].active, made.backends[0].inactive) == (0, 1)


def test_what_was_removed_is_chosen_and_counted_no_more():
    made = pool("a", "b")
    made.remove(rank("a"))
    made.count(rank("a"), -1)
    assert dealt(made, 3) == "bbb" and made.backends == [Backend("b", "worker-1")] and made.able == 1


def test_weight_0_gets_nothing_new_and_stays_in_the_list():
    made = pool("a", "b")
    made.weigh(rank("a"), 0)
    assert dealt(made, 3) == "bbb" and [backend.weight for backend in made.backends] == [0, 1]
    made.add(rank("a"), Backend("a", "worker-1"))
    assert sorted(dealt(made, 4)) == list("aabb") and made.able == 2


def test_the_fast_way_of_round_robin_deals_as_the_slow_one_does():
    fast, slow = pool("a", "b", "c"), pool("a", "b", "c")
    changes = [
        lambda made: made.weigh(rank("b"), 0),
        lambda made: made.add(rank("d"), Backend("d", "worker-2")),
        lambda made: made.remove(rank("a")),
        lambda made: made.add(rank("b"), Backend("b", "worker-1")),
        lambda made: made.count(rank("c"), +1),
    ]
    for change in changes:
        change(fast), change(slow)
        assert [fast.next() for _ in range(5)] == [slow.choose(round_robin, Request(n)) for n in range(5)]


def test_with_every_weight_0_there_is_no_destination():
    made = pool("a")
    made.weigh(rank("a"), 0)
    assert made.able == 0
    with pytest.raises(ValueError, match="no destination available"):
        dealt(made, 1)


def test_with_persistence_a_client_keeps_its_task_until_it_stays_away():
    made = pool("a", "b", persistence=300 * SECOND)
    ask = [("x", 0), ("y", 1), ("x", 2), ("x", 300), ("y", 302)]
    chosen = [made.choose(round_robin, Request(n, client), time * SECOND).task for n, (client, time) in enumerate(ask)]
    assert chosen == ["a", "b", "a", "a", "a"]  # y was away for 301 s


def test_a_task_that_leaves_gives_its_clients_up():
    """sysctl expire_quiescent_template."""
    made = pool("a", "b", persistence=300 * SECOND)
    assert made.choose(round_robin, Request(1, "x"), 0).task == "a"
    made.weigh(rank("a"), 0)
    assert made.choose(round_robin, Request(2, "x"), 1).task == "b"


def test_the_newest_answer_counts_an_eighth():
    made = pool("a")
    made.time(rank("a"), 800)
    made.time(rank("a"), 1600)
    assert made.backends[0].latency == 900
