"""networking.md §4.1: the schedulers' exact rules, and §4.5: what hashing promises."""

from collections import Counter
from itertools import pairwise

import pytest

from swarmlab.overlay import balancers, hashing
from swarmlab.overlay.balancers import Backend, Request
from swarmlab.overlay.hashing import MAGLEV, SCHEDULERS, maglev_table, ring

ALL = [
    balancers.round_robin, balancers.at_random, balancers.weighted_round_robin, balancers.smooth_round_robin,
    balancers.least_connections, balancers.weighted_least_connections, balancers.shortest_expected_delay,
    balancers.never_queue, balancers.two_choices, balancers.least_response_time, hashing.source_hash, hashing.modulo,
    hashing.maglev, hashing.ring_hash, hashing.bounded_ring, hashing.rendezvous,
]  # fmt: skip
BY_CLIENT = [hashing.source_hash, hashing.maglev, hashing.ring_hash, hashing.rendezvous]


def backends(*weights, **fields):
    return [Backend("abcdefghijkl"[place], "worker-1", weight, **fields) for place, weight in enumerate(weights)]


def sequence(balancer, number, *weights):
    return "".join(balancer(backends(*weights), Request(turn), turn).task for turn in range(number))


def kept_open(balancer, number, *weights):
    """So many connections that never end, one after the other."""
    there = backends(*weights)
    for turn in range(number):
        place = there.index(balancer(there, Request(turn), turn))
        there[place] = there[place]._replace(active=there[place].active + 1)
    return [backend.active for backend in there]


def clients(number):
    return [Request(0, f"100.64.{client >> 8}.{client & 255}") for client in range(number)]


def homes(balancer, there, number=2_000):
    return [balancer(there, request, 0).task for request in clients(number)]


# ── all of them ──


@pytest.mark.parametrize("balancer", ALL)
def test_a_backend_of_weight_0_gets_nothing(balancer):
    there = [*backends(1, 0, 2, 0)]
    chosen = {balancer(there, Request(n, f"10.0.0.{n % 250}"), n).task for n in range(300)}
    assert chosen <= {"a", "c"}


@pytest.mark.parametrize("balancer", ALL)
@pytest.mark.parametrize("weights", [(), (0, 0)])
def test_without_a_destination_there_is_one_clear_error(balancer, weights):
    with pytest.raises(ValueError, match="no destination available: there is no backend with a weight above 0"):
        balancer(backends(*weights), Request(1, "10.0.0.1"), 0)


@pytest.mark.parametrize("balancer", ALL)
def test_a_single_backend_gets_everything(balancer):
    assert {balancer(backends(1), Request(n), n).task for n in range(20)} == {"a"}


@pytest.mark.parametrize("balancer", ALL)
def test_the_same_question_has_the_same_answer(balancer):
    asked = [(Request(n, "10.0.0.7"), n) for n in range(50)]
    first = [balancer(backends(1, 1, 1, 1), *one).task for one in asked]
    assert first == [balancer(backends(1, 1, 1, 1), *one).task for one in asked]


# ── in turn, by lot ──


def test_rr_gives_100_connections_to_3_evenly():
    assert sorted(Counter(sequence(balancers.round_robin, 100, 1, 1, 1)).values()) == [33, 33, 34]


def test_wrr_goes_down_from_the_largest_weight():
    assert sequence(balancers.weighted_round_robin, 9, 4, 3, 2) == "aababcabc"
    assert sequence(balancers.weighted_round_robin, 3, 400, 300, 200) == "aab"  # by their common divisor


def test_smooth_wrr_spreads_the_heavy_one_out():
    assert sequence(balancers.smooth_round_robin, 14, 5, 1, 1) == "aabacaa" * 2


def test_at_random_is_even_and_repeats_itself():
    """Each of 10 gets 1000 ± 30 (one standard deviation); 150 is 5 of them: once in 170 000 seeds."""
    counts = Counter(sequence(balancers.at_random, 10_000, *[1] * 10))
    assert len(counts) == 10
    assert all(abs(number - 1_000) < 150 for number in counts.values())


def test_two_choices_are_two_different_ones_and_any_two():
    """Of two with something in progress and one without, the idle one is drawn in 2 of 3 cases: 2000 ± 26."""
    there = [*backends(1, 1, active=5), Backend("c", "worker-1")]
    idle = sum(balancers.two_choices(there, Request(n), 0).task == "c" for n in range(3_000))
    assert abs(idle - 2_000) < 5 * 26
    busy = [Backend("a", "worker-1", active=1), Backend("b", "worker-1")]
    assert {balancers.two_choices(busy, Request(n), 0).task for n in range(50)} == {"b"}


# ── by what is in progress ──


def test_lc_counts_one_active_as_256_inactive():
    there = [Backend("a", "w", active=1), Backend("b", "w", inactive=257), Backend("c", "w", inactive=256)]
    assert balancers.least_connections(there[:2], Request(0), 0).task == "a"
    assert balancers.least_connections(there, Request(0), 0).task == "a"  # of equals the first
    assert balancers.least_connections(there[::-1], Request(0), 0).task == "c"


def test_wlc_divides_by_the_weight():
    assert kept_open(balancers.weighted_least_connections, 12, 1, 2, 3) == [2, 4, 6]


def test_sed_counts_the_connection_itself():
    assert kept_open(balancers.shortest_expected_delay, 10, 1, 2, 3) == [2, 3, 5]


def test_nq_takes_an_idle_one_first():
    assert kept_open(balancers.never_queue, 4, 1, 2, 3) == [1, 1, 2]


def test_least_response_time_goes_where_the_wait_is_shortest():
    there = [Backend("a", "w", latency=300.0), Backend("b", "w", active=1, latency=100.0)]
    assert balancers.least_response_time(there, Request(0), 0).task == "b"
    assert balancers.least_response_time([there[0], there[1]._replace(active=3)], Request(0), 0).task == "a"


def test_who_has_not_answered_yet_is_not_flooded():
    there = [Backend("a", "w", latency=100.0), Backend("new", "w")]
    for wanted in ("a", "new"):
        chosen = balancers.least_response_time(there, Request(0), 0)
        assert chosen.task == wanted
        there[there.index(chosen)] = chosen._replace(active=1)


# ── by client ──


@pytest.mark.parametrize("balancer", BY_CLIENT)
def test_a_client_comes_back_to_its_task_whatever_else_happens(balancer):
    there, busy = backends(1, 1, 1, 1), backends(1, 1, 1, 1, active=9)
    for request in clients(50):
        assert balancer(there, request, 0).task == balancer(busy, request._replace(number=99), 7).task


@pytest.mark.parametrize("balancer", [hashing.ring_hash, hashing.rendezvous])
def test_when_one_of_10_leaves_only_its_own_clients_move(balancer):
    before, after = homes(balancer, backends(*[1] * 10)), homes(balancer, backends(*[1] * 9))
    assert all(old == "j" for old, new in zip(before, after, strict=True) if old != new)
    assert before.count("j") == sum(old != new for old, new in zip(before, after, strict=True)) > 100


def test_of_a_remainder_nine_in_ten_move():
    """90 % of 2000 clients: 1800 ± 13."""
    before, after = homes(hashing.modulo, backends(*[1] * 10)), homes(hashing.modulo, backends(*[1] * 9))
    assert abs(sum(old != new for old, new in zip(before, after, strict=True)) - 1_800) < 5 * 13


def test_maglev_moves_few_more_than_it_must():
    before, after = homes(hashing.maglev, backends(*[1] * 10)), homes(hashing.maglev, backends(*[1] * 9))
    moved = sum(old != new for old, new in zip(before, after, strict=True))
    assert before.count("j") <= moved < 2 * before.count("j")


def test_sh_deals_256_slots_by_weight():
    assert Counter(hashing.dealt((1, 3))) == {0: 64, 1: 192}
    assert hashing.dealt((1, 2))[:6] == [0, 1, 1, 0, 1, 1]


def test_a_bounded_ring_never_gives_more_than_its_bound():
    there = backends(*[1] * 8)
    for request in clients(400):
        most = -(-hashing.BOUND * (sum(backend.active for backend in there) + 1) // len(there))
        place = there.index(hashing.bounded_ring(there, request, 0))
        there[place] = there[place]._replace(active=there[place].active + 1)
        assert there[place].active <= most


def test_every_server_has_floor_or_ceil_of_the_maglev_entries():
    for number, size in ((3, 7), (10, MAGLEV), (100, MAGLEV), (1_000, 65_537)):
        counts = Counter(maglev_table(tuple(f"task-{n}" for n in range(number)), (), size))
        assert set(counts.values()) <= {size // number, size // number + 1}
        assert len(counts) == number


def test_maglev_weights_are_turns():
    counts = Counter(maglev_table(("a", "b"), (10, 30)))
    assert abs(counts[1] - 3 * counts[0]) <= 4


def test_a_maglev_table_has_a_prime_size():
    for size in (4_096, 1, 0, 2):
        with pytest.raises(ValueError, match="prime number of entries, at least one a task"):
            maglev_table(("a", "b", "c"), (), size)
    with pytest.raises(ValueError, match="needs a task"):
        maglev_table(())


def test_the_ring_is_ordered_and_has_all_points():
    points, owners = ring(("a", "b", "c"), 50)
    assert all(one < other for one, other in pairwise(points))
    assert Counter(owners) == {0: 50, 1: 50, 2: 50}


def test_ipvs_has_these_schedulers():
    assert list(SCHEDULERS) == ["rr", "wrr", "lc", "wlc", "sed", "nq", "sh", "mh"]
