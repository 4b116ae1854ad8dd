from swarmlab.overlay.ipvs import Backend, Pool, least_connections, round_robin


def pool(*tasks):
    made = Pool()
    for task in tasks:
        made.add((len(task), task, task), Backend(task, "worker-1"))
    return made


def test_round_robin_gives_each_its_turn():
    made = pool("a", "b", "c")
    assert "".join(made.choose(round_robin, n).task for n in range(7)) == "abcabca"


def test_the_order_does_not_depend_on_who_came_first():
    assert pool("c", "a10", "b", "a2").backends == pool("a2", "a10", "b", "c").backends


def test_least_connections_avoids_the_busy_one():
    made = pool("a", "b")
    made.count((1, "a", "a"), +1)
    assert made.choose(least_connections, 1).task == "b"
    made.count((1, "b", "b"), +1)
    made.count((1, "a", "a"), -1)
    assert made.choose(least_connections, 2).task == "a"


def test_what_was_removed_is_chosen_and_counted_no_more():
    made = pool("a", "b")
    made.remove((1, "a", "a"))
    made.count((1, "a", "a"), -1)
    assert [made.choose(round_robin, n).task for n in range(3)] == ["b"] * 3
    assert made.backends == [Backend("b", "worker-1")]
