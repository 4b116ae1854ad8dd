"""networking.md: the closed forms give its tables, digit by digit. What was simulated is compared in test_batch."""

from math import exp, inf

import numpy as np
import pytest

from swarmlab.overlay.hashing import ring
from swarmlab.traffic import theory
from swarmlab.traffic.batch_draws import stream

CLUSTERS = [(2, 0.8), (5, 0.8), (10, 0.5), (10, 0.8), (10, 0.9), (100, 0.8), (100, 0.9)]  # §4.2


def test_random_choice_makes_single_queues():
    assert [theory.mm1(load) for load in (0.5, 0.8, 0.9)] == pytest.approx([2, 5, 10])


def test_one_queue_for_all_is_erlangs():
    found = [round(theory.mmc(*cluster), 4) for cluster in CLUSTERS]
    assert found == [2.7778, 1.5541, 1.0072, 1.2046, 1.6687, 1.0010, 1.0217]
    waits = [round(theory.erlang_c(*cluster), 4) for cluster in ((10, 0.5), (10, 0.8), (10, 0.9), (2, 0.8))]
    assert waits == [0.0361, 0.4092, 0.6687, 0.7111]
    assert theory.mmc(1, 0.8) == pytest.approx(theory.mm1(0.8))


def test_round_robin_is_erlang_arrivals():
    # §4.2 prints 2.711 and 5.208 for a hundred servers; its own equation gives 2.7157 and 5.2268.
    assert [round(theory.round_robin(*cluster), 4) for cluster in CLUSTERS[:5]] == [
        3.844,
        3.1523,
        1.3246,
        2.9223,
        5.6603,
    ]
    for replicas, load in CLUSTERS:
        sigma = 1 - 1 / theory.round_robin(replicas, load)
        assert sigma == pytest.approx((replicas * load / (replicas * load + 1 - sigma)) ** replicas, rel=1e-9)
    assert theory.round_robin(1, 0.8) == pytest.approx(theory.mm1(0.8))


def test_the_law_of_service_matters_in_turn_and_not_when_shared():
    assert theory.mg1(0.8, 1) == pytest.approx(theory.mm1(0.8))
    assert theory.mg1(0.8, 0) == pytest.approx(3)
    assert theory.mg1(0.8, inf) == inf
    assert theory.mg1_sharing(0.8) == pytest.approx(5)


def test_the_supermarket_table():
    wanted = {
        0.50: (2.0000, 1.2657, 1.1252, 1.0313),
        0.70: (3.3333, 1.6145, 1.3568, 1.1681),
        0.80: (5.0000, 1.9474, 1.5809, 1.3289),
        0.90: (10.000, 2.6141, 2.0279, 1.6329),
        0.95: (20.000, 3.3830, 2.5351, 1.9888),
        0.99: (100.00, 5.4320, 3.8578, 2.9017),
    }
    for load, row in wanted.items():
        assert [theory.supermarket(load, choices) for choices in (1, 2, 3, 5)] == pytest.approx(row, abs=6e-5)


def test_the_tail_of_queues_adds_up_to_the_mean():
    for choices in (1, 2, 3):
        queue = sum(theory.supermarket_tail(0.9, choices, length) for length in range(1, 400))
        assert queue == pytest.approx(0.9 * theory.supermarket(0.9, choices))  # Little's law


def test_the_ring_table():
    found = [theory.ring_variation(10, points) for points in (1, 10, 100, 1000)]
    assert found == pytest.approx([0.905, 0.299, 0.0948, 0.0300], abs=5e-4)


def test_our_ring_is_as_uneven_as_random_points_are():
    """100 rings of 10 tasks with 10 points: mean square 0.0895, its standard error about 5 %; 4 of them allowed."""
    squares = []
    for number in range(100):
        points, owners = ring(tuple(f"{number}.{task}" for task in range(10)), 10)
        shares = [0] * 10
        for before, point, owner in zip([points[-1] - (1 << 64), *points], points, owners, strict=False):
            shares[owner] += point - before
        squares.append(sum((share / (1 << 64) * 10 - 1) ** 2 for share in shares) / 10)
    assert sum(squares) / 100 == pytest.approx(theory.ring_variation(10, 10) ** 2, rel=0.2)


def test_cached_names_skew():
    assert [round(theory.cached_skew(10, clients), 2) for clients in (10, 100, 1000)] == [2.75, 1.51, 1.16]  # §4.6
    assert theory.idle_replica(3, 5) == pytest.approx(93 / 243)
    assert theory.cached_skew(10, 1) == pytest.approx(10)


def test_first_probe_table():
    found = [theory.first_probe(nodes) for nodes in (10, 30, 100, 1_000, 10_000, inf)]
    assert found == pytest.approx([1.5301, 1.5660, 1.5773, 1.5815, 1.5819, 1.58198], abs=6e-5)  # §3.1
    assert theory.first_probe(inf, 0.5) == pytest.approx(exp(0.5) / (exp(0.5) - 1))
    assert theory.not_probed(3) == pytest.approx(exp(-3))


def test_false_suspicion_table():
    wanted = {0.01: (1.99e-2, 7.84e-4, 1.22e-6), 0.05: (9.75e-2, 1.81e-2, 6.22e-4), 0.1: (0.190, 6.53e-2, 7.73e-3)}
    wanted[0.2] = (0.360, 0.2125, 7.41e-2)
    for loss, row in wanted.items():
        assert [theory.false_suspicion(loss, helpers) for helpers in (0, 1, 3)] == pytest.approx(row, rel=4e-3)


def test_suspicion_times_of_the_lan_profile():
    """§3.2."""
    nodes = (10, 30, 100, 1_000, 10_000)
    assert [theory.suspicion(number, 2) for number in nodes] == [4, 5.908, 8, 12, 16]
    assert [theory.suspicion(number) for number in nodes] == [24, 35.448, 48, 72, 96]
    assert [theory.suspicion(1_000, confirmed) for confirmed in range(4)] == [72, 34.144, 12, 12]
    assert theory.suspicion(3) == 4  # too few to confirm it


def test_gossip_figures():
    """§2.1, §2.2, §3.2."""
    nodes = (10, 30, 100, 1_000, 10_000, 100_000)
    assert [theory.retransmit_limit(number) for number in nodes] == [8, 8, 12, 16, 20, 24]
    rounds = [(theory.serf_rounds(number, 0.99), theory.serf_rounds(number, 0.9999)) for number in nodes]
    assert rounds == [(5, 8), (6, 9), (7, 10), (8, 11), (10, 13), (11, 14)]
    assert round(theory.gossip_bandwidth(), 1) == 328.1
    assert [theory.push_pull(number) for number in (32, 33, 65, 1_000, 10_000)] == [30, 60, 90, 180, 300]
    assert theory.gossip_rounds(2_000) - theory.gossip_rounds(1_000) == pytest.approx(0.73, abs=0.005)


# ── formulas against dice; allowed are 4.5 standard errors, one seed in 150 000 ──


def near(found, wanted):
    assert abs(found.mean() - wanted) <= 4.5 * found.std() / len(found) ** 0.5, f"{found.mean():.4f}, not {wanted:.4f}"


@pytest.mark.parametrize(("nodes", "live"), [(10, 1.0), (30, 1.0), (31, 0.5)])
def test_periods_until_somebody_probes_the_dead_one(nodes, live):
    """Each live member asks one of the others, the dead one is number 0 of them; at most 30 periods are looked at."""
    probers = round(live * (nodes - 1))
    asked = (stream(1, f"{nodes}").random((6_000, 30, probers)) * (nodes - 1)).astype(np.int8)
    near((asked == 0).any(axis=2).argmax(axis=1) + 1.0, theory.first_probe(nodes, live))


@pytest.mark.parametrize(("loss", "helpers"), [(0.2, 0), (0.2, 1), (0.2, 3), (0.1, 1)])
def test_a_healthy_member_is_suspected_by_chance(loss, helpers):
    """A probe is two messages, each helper four more; one way that has them all is enough."""
    dice = stream(2, f"{loss} {helpers}")
    direct = (dice.random((40_000, 2)) >= loss).all(axis=1)
    helped = (dice.random((40_000, helpers, 4)) >= loss).all(axis=2).any(axis=1)
    near(~(direct | helped) * 1.0, theory.false_suspicion(loss, helpers))


@pytest.mark.parametrize(("replicas", "clients"), [(10, 10), (10, 100), (3, 5)])
def test_the_busiest_replica_of_cached_names(replicas, clients):
    """The formula is an approximation, true to 0.1 %."""
    answers = (stream(3, f"{clients}").random((20_000, clients)) * replicas).astype(int)
    lanes = answers + np.arange(20_000)[:, None] * replicas
    counts = np.bincount(lanes.ravel(), minlength=20_000 * replicas).reshape(20_000, replicas)
    found = counts.max(axis=1) / (clients / replicas)
    wanted = theory.cached_skew(replicas, clients)
    assert abs(found.mean() - wanted) <= 4.5 * found.std() / 20_000**0.5 + 0.001 * wanted
    near((counts == 0).any(axis=1) * 1.0, theory.idle_replica(replicas, clients))


def test_a_formula_with_one_helper_too_many_is_caught():
    """A planted bug."""
    with pytest.raises(AssertionError, match=r"not 0\.1255"):
        direct = (stream(2, "planted").random((40_000, 2)) >= 0.2).all(axis=1)
        helped = (stream(4, "planted").random((40_000, 1, 4)) >= 0.2).all(axis=2).any(axis=1)
        near(~(direct | helped) * 1.0, theory.false_suspicion(0.2, 2))


@pytest.mark.parametrize("formula", [theory.mm1, theory.mg1_sharing, lambda load: theory.mmc(10, load)])
def test_a_queue_without_end_has_no_mean(formula):
    with pytest.raises(ValueError, match="a load of 1: the queue grows without end, so it has no mean"):
        formula(1)
    with pytest.raises(ValueError, match=r"a load of -0\.1: there is no negative work"):
        formula(-0.1)


def test_round_robin_near_a_load_of_one():
    """Heavy traffic (Kingman): T → (1 + 1/C) / 2 / (1 − ρ), to a part in a million at 1 − ρ = 10⁻⁷."""
    for replicas in (1, 2, 10, 100):
        limit = (1 + 1 / replicas) / 2 / 1e-7
        assert theory.round_robin(replicas, 1 - 1e-7) == pytest.approx(limit, rel=1e-6)
    assert theory.round_robin(10, 0) == 1 == pytest.approx(theory.round_robin(10, 1e-12))


def test_somebody_is_idle_for_certain_where_clients_are_fewer_than_replicas():
    assert theory.idle_replica(100, 20) == pytest.approx(1) and theory.idle_replica(1, 0) == 1
    assert theory.idle_replica(10, 1_000) == pytest.approx(10 * 0.9**1_000, rel=1e-6)  # nearly sure: each by itself


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda: theory.supermarket(0.5, 0), "choices must be a whole number from 1 on, not 0"),
        (lambda: theory.supermarket(0.5, 1.5), "choices must be a whole number from 1 on, not 1.5"),
        (lambda: theory.supermarket_tail(0.5, 2, -1), "the length must be a whole number from 0 on, not -1"),
        (lambda: theory.mm1(float("nan")), "the load must be a number from 0 on and below 1, not nan"),
        (lambda: theory.mm1(True), "the load must be a number from 0 on and below 1, not True"),
        (lambda: theory.mm1("much"), "the load must be a number from 0 on and below 1, not 'much'"),
        (lambda: theory.mmc(2.5, 0.5), "replicas must be a whole number from 1 on, not 2.5"),
        (lambda: theory.round_robin(0, 0.5), "replicas must be a whole number from 1 on, not 0"),
        (lambda: theory.mg1(0.5, -1), "the variation must be a number of 0 or more, not -1"),
        (lambda: theory.largest_bin(2, 1), "balls must be a whole number from 3 on, not 2"),
        (lambda: theory.cached_skew(3, 0), "clients must be a whole number from 1 on, not 0"),
        (lambda: theory.ring_variation(0, 10), "tasks must be a whole number from 1 on, not 0"),
        (lambda: theory.first_probe(1), "nodes must be 2 or more, not 1"),
        (lambda: theory.serf_rounds(10, 0.99, loss=1), "nobody hears of it"),
    ],
)
def test_what_no_formula_covers_gets_one_clear_sentence(act, words):
    with pytest.raises(ValueError, match=words):
        act()


def test_shares_are_shares():
    for wrong in (-0.1, 1.1):
        with pytest.raises(ValueError, match="must be from 0 to 1"):
            theory.false_suspicion(wrong)
