"""Requests, balancers and queues event by event: against theory, against the batch form, and rule by rule.

Means are compared in batches of one long run: allowed are 4.5 standard errors of 40 batch means, so one seed in about
16 000 would be refused by chance (Student's t, 39 degrees of freedom), per comparison. Seeds are fixed.
"""

from collections import Counter
from statistics import fmean, stdev

import numpy as np
import pytest

from swarmlab.overlay.balancers import at_random, least_connections, round_robin, two_choices
from swarmlab.overlay.queues import Queue
from swarmlab.traffic import batch_queues, theory
from swarmlab.traffic.measures import (
    FATES,
    NEVER,
    OK,
    Run,
    busy,
    counts,
    error_rate,
    fates,
    jain,
    latencies,
    mean_latency,
    per_second,
    percentile,
    percentiles,
    queue_lengths,
    queue_steps,
    remapped,
    utilisation,
)
from swarmlab.traffic.queueing import (
    Add,
    Fail,
    Leave,
    Pace,
    Replica,
    Requests,
    Server,
    Simulation,
    dice_for,
    replicas_of,
    simulate,
    works,
)
from swarmlab.traffic.workload import Bursts, Closed, Constant, Exponential, Lognormal, Poisson, Workload, service_time

SIGMAS, BATCHES = 4.5, 40
SECOND = 1_000_000


def load(rate, service=None, **fields):
    return Workload(Poisson(rate), service or Exponential(1.0), **fields)


def compare(run, wanted):
    """The mean latency in seconds, without the first twentieth, against theory."""
    times = [latency / SECOND for latency in latencies(run)][len(run.arrived) // 20 :]
    size = len(times) // BATCHES
    means = [fmean(times[n * size : (n + 1) * size]) for n in range(BATCHES)]
    error = stdev(means) / BATCHES**0.5
    assert error < 0.05 * wanted, f"a standard error of {error:.3g} says nothing about {wanted}"
    assert abs(fmean(means) - wanted) <= SIGMAS * error, f"{fmean(means):.4f} ± {error:.4f}, not {wanted:.4f}"


# ── against theory (networking.md §4.2) ──


def test_one_worker_first_come_first_served_is_m_m_1():
    compare(simulate(load(0.7), 1, number=80_000, seed=1), theory.mm1(0.7))


def test_three_workers_at_one_line_are_m_m_c():
    replica = Replica("web.1", workers=3)
    compare(simulate(load(2.4), [replica], number=80_000, seed=2), theory.mmc(3, 0.8))


def test_constant_service_waits_half_as_long():
    compare(simulate(load(0.7, Constant(1.0)), 1, number=60_000, seed=3), theory.mg1(0.7, 0.0))


@pytest.mark.parametrize("service", [Exponential(1.0), Lognormal(1.0, 2.0), Constant(1.0)])
def test_a_shared_processor_does_not_care_about_the_law_of_service(service):
    run = simulate(load(0.6, service), [Replica("web.1", sharing=True)], number=50_000, seed=4)
    compare(run, theory.mg1_sharing(0.6))


def test_round_robin_gives_each_replica_calmer_arrivals():
    compare(simulate(load(4.0), 5, number=80_000, seed=5), theory.round_robin(5, 0.8))


def test_random_choice_is_so_many_queues_of_their_own():
    compare(simulate(load(2.5), 5, at_random, number=60_000, seed=6), theory.mm1(0.5))


# ── the two forms agree ──


def given(number=4_000, rate=8.0, seed=7):
    dice = dice_for(seed, "test")
    arrived = sorted(round(dice.random() * number / rate * SECOND) for _ in range(number))
    return Requests(arrived, works(Exponential(1.0), dice, number))


def test_round_robin_gives_each_request_the_latency_of_the_batch_form():
    requests = given()
    run = simulate(requests, 10)
    arrived, work = (np.array([column], float) for column in (requests.arrived, requests.work))
    assert latencies(run) == (batch_queues.in_turn(arrived, work, 10) - arrived)[0].tolist()


def test_least_connections_gives_each_request_the_latency_of_the_batch_form():
    requests = given()
    run = simulate(requests, 10, least_connections)
    arrived, work = (np.array([column], float) for column in (requests.arrived, requests.work))
    choice = batch_queues.Choice(score=lambda lengths, weights: lengths)
    ended, task = batch_queues.by_length(arrived, work, np.ones(10), np.ones(10, int), choice)
    assert latencies(run) == (ended - arrived)[0].tolist() and run.task == task[0].tolist()


@pytest.mark.parametrize("balancer", [round_robin, two_choices, least_connections, at_random])
@pytest.mark.parametrize("timeout", [None, 1.5])
def test_the_straight_way_and_the_general_one_give_the_same_run(balancer, timeout):
    asked = load(8.0, timeout=timeout, clients=7)
    replicas = [*replicas_of(8), Replica("slow", speed=0.3), Replica("pair", workers=2, weight=0)]
    straight = simulate(asked, replicas, balancer, number=3_000, seed=8)
    general = Simulation(asked, [Server(*p) for p in enumerate(replicas)], balancer, number=3_000, seed=8).run()
    assert straight == general and (timeout is None) == (error_rate(straight) == 0)


def test_works_are_drawn_as_one_by_one():
    for law in (Exponential(0.2), Lognormal(0.2)):
        dice = dice_for(9, "work")
        assert works(law, dice_for(9, "work"), 50) == [service_time(law, dice) for _ in range(50)]


# ── connections ──


def test_all_requests_of_a_connection_go_to_one_task():
    """IPVS balances connections (§4.1): one kept-alive connection is 100 0 0, not 34 33 33."""
    run = simulate(Workload(Poisson(1.0), Constant(0.01), per_connection=100), 3, number=1, seed=1)
    assert sorted(counts(run).values()) == [0, 0, 100]
    assert counts(simulate(load(10.0, Constant(0.01)), 3, number=100)) == {"web.1": 34, "web.2": 33, "web.3": 33}


def test_a_connection_asks_again_when_it_has_been_answered():
    run = simulate(Workload(Poisson(1.0), Constant(0.5), per_connection=3, pause=0.25), 1, number=1)
    gaps = [later - ended for later, ended in zip(run.arrived[1:], run.ended[:-1], strict=True)]
    assert gaps == [250_000, 250_000]


def test_long_connections_leave_new_replicas_idle():
    asked = Workload(Poisson(2.0), Constant(0.02), per_connection=2_000, pause=0.05)
    run = simulate(asked, 2, number=20, seed=2, changes=[Add(30, Replica("web.3")), Add(30, Replica("web.4"))])
    late = Counter(task for task, arrived in zip(run.task, run.arrived, strict=True) if arrived > 30 * SECOND)
    assert set(late) == {0, 1}
    short = simulate(load(20.0, Constant(0.02)), 2, seconds=60, changes=[Add(30, Replica("web.3"))])
    assert counts(short)["web.3"] > 150


def test_a_closed_loop_never_has_more_in_progress_than_clients():
    run = simulate(Workload(Closed(5, think=0.1), Exponential(0.2)), 1, seconds=100, seed=3)
    assert max(number for _, number in queue_steps(run, "web.1")) <= 5
    assert run.arrived[-1] < 100 * SECOND and error_rate(run) == 0


# ── what goes wrong ──


def ends_once(run: Run) -> None:
    """Each request ends in exactly one way, not before it was asked."""
    assert len({len(column) for column in run[:5]}) == 1
    assert set(run.status) <= set(FATES) and sum(fates(run).values()) == len(run.arrived)
    assert all(ended >= arrived for arrived, ended in zip(run.arrived, run.ended, strict=True))
    for status, started, done, task in zip(run.status, run.started, run.done, run.task, strict=True):
        assert status != OK or (0 <= started <= done and task >= 0)


@pytest.mark.parametrize("seed", range(6))
def test_every_request_ends_in_exactly_one_way(seed):
    changes = [
        Pace(5, "web.1", 0.2), Fail(10, "web.2"), Fail(12, "web.3", silent=True), Leave(14, "web.3"),
        Add(16, Replica("web.5", workers=2)), Leave(20, "web.1"), Pace(22, "web.4", 2.0), Fail(40, "web.4"),
    ]  # fmt: skip
    replicas = [Replica("web.1"), Replica("web.2", room=3), Replica("web.3"), Replica("web.4", sharing=True, room=20)]
    for asked in (
        load(8.0, Exponential(0.3), timeout=1.0, retries=seed % 3, backoff=0.2),
        Workload(Bursts(2.0), Lognormal(0.2), per_connection=4, pause=0.1, timeout=2.0, clients=3),
        Workload(Closed(12, think=0.3), Exponential(0.4), per_connection=3, timeout=0.8, retries=1),
    ):
        run = simulate(asked, replicas, least_connections, seconds=50, seed=seed, changes=changes)
        ends_once(run)
        assert run == simulate(asked, replicas, least_connections, seconds=50, seed=seed, changes=changes)


def test_without_any_replica_left_connections_are_refused():
    run = simulate(load(10.0, Constant(0.01)), 1, seconds=20, changes=[Leave(10, "web.1")])
    after = [status for status, arrived in zip(run.status, run.arrived, strict=True) if arrived > 10 * SECOND]
    assert {FATES[status] for status in after} == {"connection refused"}


def test_what_a_failing_replica_works_on_is_reset_or_times_out():
    asked = Workload(Closed(1, think=0.0), Constant(3.0), timeout=10.0)
    heard = simulate(asked, 2, seconds=1, changes=[Fail(1, "web.1")])
    unheard = simulate(asked, 2, seconds=1, changes=[Fail(1, "web.1", silent=True)])
    assert (heard.ended, fates(heard)) == ([SECOND], {"connection reset": 1})
    assert (unheard.ended, fates(unheard)) == ([10 * SECOND], {"timed out": 1})


def test_a_retry_goes_to_another_replica_and_the_work_for_the_first_try_is_done_all_the_same():
    requests = Workload(Closed(1, think=0.0), Constant(2.0), timeout=1.0, retries=1)
    run = simulate(requests, [Replica("web.1"), Replica("web.2", speed=4.0)], seconds=0.5)
    assert (run.task, run.ended, run.status) == ([1], [1_500_000], [OK])


def test_who_waits_to_ask_again_is_not_impatient_with_the_try_that_has_failed():
    """Reset after 1 s, patience until 2 s, asked again at 2.5 s: once, and of the other replica."""
    asked = Workload(Closed(1, think=0.0), Constant(3.0), timeout=2.0, retries=1, backoff=1.5)
    run = simulate(asked, [Replica("web.1"), Replica("web.2", speed=10.0)], seconds=0.5, changes=[Fail(1, "web.1")])
    assert (run.task, run.status, run.done, run.ended) == ([1], [OK], [2_800_000], [2_800_000])


def test_clients_that_do_not_think_and_fail_at_once_let_time_pass():
    """A closed loop; each client asks again a millisecond later."""
    eager = Workload(Closed(2, think=0.0), Constant(1.0))
    refused = simulate(eager, 1, seconds=3, changes=[Leave(2, "web.1")])
    assert fates(refused) == {"answered": 3, "connection refused": 1_000}  # the other one is served until 3 s
    full = simulate(eager, [Replica("web.1", room=0)], seconds=3)
    assert fates(full)["answered"] == 3 and 2_990 <= fates(full)["service unavailable"] <= 3_000


def test_weight_zero_lets_open_connections_go_on():
    """A graceful leave (§1.5): existing connections go on, no new ones."""
    asked = Workload(Poisson(1.0), Constant(0.01), per_connection=40, pause=0.5)
    run = simulate(asked, 2, number=2, seed=4, changes=[Leave(5, "web.1")])
    assert counts(run) == {"web.1": 40, "web.2": 40} and error_rate(run) == 0


def test_a_full_queue_refuses():
    run = simulate(Requests([0] * 5, [SECOND] * 5), [Replica("web.1", room=2)])
    assert (fates(run), run.ended) == (
        {"answered": 3, "service unavailable": 2},
        [SECOND, 2 * SECOND, 3 * SECOND, 0, 0],
    )


def test_a_slower_pace_holds_for_what_is_left():
    run = simulate(Requests([0, 0], [SECOND, SECOND]), 1, changes=[Pace(0.5, "web.1", 0.5)])
    assert run.ended == [1_500_000, 3_500_000]
    shared = simulate(
        Requests([0, 0], [SECOND, SECOND]), [Replica("web.1", sharing=True)], changes=[Pace(1, "web.1", 0.5)]
    )
    assert shared.ended == [3 * SECOND, 3 * SECOND]


def test_an_end_comes_before_what_arrives_at_the_same_instant():
    seen = []

    def spy(backends, request, turn):
        seen.append([backend.active for backend in backends])
        return backends[0]

    simulate(Requests([0, 10, 25], [10, 20, 5]), 2, spy)
    assert seen == [[0, 0], [0, 0], [1, 0]]


def test_nothing_is_begun_before_it_has_come():
    """Nobody may have looked after the line since its worker was done: its machine was frozen, or had much to do."""
    line = Queue()
    line.take("first", 10, 0)
    line.take("second", 10, 15)
    assert [line.pop(), line.pop()] == [("first", 0, 10), ("second", 15, 25)]


@pytest.mark.parametrize("retries", [0, 1])  # straight through, and by a queue of events
def test_an_answer_at_the_last_microsecond_is_in_time(retries):
    run = simulate(load(0.1, Constant(1.0), timeout=1.0, retries=retries), 20, number=20, seed=6)
    assert fates(run) == {"answered": 20} and set(latencies(run)) == {SECOND}


def test_the_newest_answer_counts_an_eighth():
    server = Server(0, Replica("web.1"))
    server.hear(800)
    server.hear(1_600)
    assert server.latency == 900


def test_who_shares_has_a_processor_of_its_own_as_long_as_there_are_enough():
    replica = Replica("web.1", workers=2, sharing=True)
    assert simulate(Requests([0], [SECOND]), [replica]).ended == [SECOND]
    assert simulate(Requests([0] * 2, [SECOND] * 2), [replica]).ended == [SECOND] * 2
    assert simulate(Requests([0] * 3, [SECOND] * 3), [replica]).ended == [1_500_000] * 3


def test_a_balancer_sees_what_is_open_and_how_long_answers_took():
    seen = []

    def spy(backends, request, turn):
        seen.append((backends[0].inactive, round(backends[0].latency)))
        return backends[0]

    simulate(Workload(Poisson(10.0), Constant(0.01), per_connection=2, pause=100.0), 1, spy, number=3, seed=5)
    assert [inactive for inactive, _ in seen] == [0, 1, 2] and seen[-1][1] == 10_000


# ── measures ──


def test_a_request_without_an_answer_is_slower_than_all_others():
    run = Run([0, 0, 0], [0, -1, 0], [10, 20, 30], [0, -1, 1], [OK, 0, OK], ("a", "b"), [10, -1, 30])
    assert percentiles(run, (0.5, 0.67)) == {0.5: 30, 0.67: NEVER} and mean_latency(run) == 20
    assert error_rate(run) == pytest.approx(1 / 3) and run.ok == [True, False, True]


def test_percentiles_are_of_the_nearest_rank():
    assert [percentile(range(1, 101), share) for share in (0.01, 0.5, 0.95, 0.99, 1.0)] == [1, 50, 95, 99, 100]


def test_evenness_is_one_for_equals_and_one_nth_where_one_has_all():
    assert jain([5, 5, 5]) == 1.0 and jain([9, 0, 0]) == pytest.approx(1 / 3) and jain([]) == 1.0


def test_utilisation_and_queues_follow_from_the_rows():
    run = simulate(Requests([0, 0, 100], [50, 50, 100]), 1)
    assert busy(run) == {"web.1": 200} and utilisation(run) == {"web.1": 1.0}
    assert queue_steps(run, "web.1") == [(0, 2), (50, 1), (100, 1), (200, 0)]
    assert queue_lengths(run) == {"web.1": 1.25} and per_second(run, 100) == [(0, 1, 0), (100, 1, 0), (200, 1, 0)]


def test_utilisation_is_the_load():
    run = simulate(load(5.0, Exponential(0.1)), 1, seconds=2_000, seed=10)
    assert utilisation(run)["web.1"] == pytest.approx(0.5, abs=0.03)  # four standard errors of 10 000 works


def test_remapping_counts_those_that_are_in_both():
    assert remapped({1: "a", 2: "b", 3: "a"}, {1: "a", 2: "a", 4: "b"}) == 0.5


# ── what is impossible (issue 5 §6) ──


def nobody(backends, request, turn):
    return None


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda: simulate(load(1.0), [], number=5), "no destination available: there are no replicas"),
        (lambda: simulate(load(1.0), 0, number=5), "no destination available"),
        (lambda: simulate(load(1.0), [Replica("a", weight=0)], number=5), "no replica has a weight above 0"),
        (lambda: simulate(load(-1.0), 2, number=5), "the rate of arrivals must be a number above 0, not -1.0"),
        (lambda: simulate(load(1.0), 2), "say for how long: seconds=600"),
        (lambda: simulate(load(1.0), 2, seconds=-4), "seconds=-4: a number above 0"),
        (lambda: simulate(Workload(Closed(3), Exponential(1.0)), 2, number=5), "say for how long"),
        (lambda: simulate("much", 2, number=5), "'much' is no workload"),
        (lambda: simulate(Requests([5, 1], [1, 1]), 2), "instants in order"),
        (lambda: simulate(load(1.0), [Replica("a"), Replica("a")], number=5), "two replicas have the same name"),
        (lambda: simulate(load(1.0), [Replica("a", workers=0)], number=5), "a has 0 workers"),
        (lambda: simulate(load(1.0), [Replica("a", speed=0)], number=5), "the speed of a must be a number above 0"),
        (lambda: simulate(load(1.0), 2, number=5, changes=[Fail(1, "web.9")]), "no such replica: web.9"),
        (
            lambda: simulate(load(1.0), 2, number=5, changes=[Add(1, Replica("web.1"))]),
            "there is a replica web.1 already",
        ),
        (
            lambda: simulate(load(1.0), 2, nobody, number=5),
            "the balancer nobody must return one of the backends, not None",
        ),
        (
            lambda: simulate(load(1.0, retries=1), 2, nobody, number=5),
            "the balancer nobody must return one of the backends",
        ),
        (lambda: simulate(load(1.0), 2.5, number=5), "replicas=2.5: a whole number, or a list of Replica"),
        (lambda: simulate(load(1.0), True, number=5), "replicas=True: a whole number"),
        (lambda: simulate(load(1.0), "3", number=5), "replicas='3': a whole number"),
        (lambda: simulate(load(1.0), 10**9, number=5), "replicas=1000000000: 100000 at the most"),
        (lambda: simulate(load(1.0), ["a"], number=5), "'a' is no replica, such as Replica('web.1')"),
        (
            lambda: simulate(load(1.0), [Replica("a", weight=10**9)], number=5),
            "a has a weight of 1000000000: 65535 at the most",
        ),
        (lambda: simulate(load(1.0), [Replica("a", workers=10**12)], number=5), "a has 1000000000000 workers"),
        (lambda: simulate(load(1.0), [Replica("a", speed=float("nan"))], number=5), "the speed of a must be a number"),
        (lambda: simulate(load(1.0), 2, number=-3), "number=-3: a whole number from 1 on"),
        (lambda: simulate(load(1.0), 2, number=2.5), "number=2.5: a whole number from 1 on"),
        (lambda: simulate(load(1.0), 2, number=True), "number=True: a whole number from 1 on"),
        (lambda: simulate(load(1.0), 2, seconds="3"), "seconds='3': a number above 0"),
        (lambda: simulate(load(1.0), 2, seconds=True), "seconds=True: a number above 0"),
        (lambda: simulate(load(1e9), 2, seconds=60), "6e+10 requests are too many"),
        (lambda: simulate(load(1.0), 2, "rr", number=5), "'rr' is no balancer: a plain function, such as round_robin"),
        (lambda: simulate(load(1.0), 2, number=5, changes=[5]), "5 is no change, such as Leave(10, 'web.1')"),
        (
            lambda: simulate(load(1.0), 2, number=5, changes=[Fail("x", "web.1"), Leave(1, "web.1")]),
            "a change at 'x' s",
        ),
        (lambda: simulate(load(1.0), 2, number=5, changes=[Add(1, "web.3")]), "'web.3' is no replica"),
        (
            lambda: simulate(load(1.0), 2, number=5, changes=[Fail(1, "web.1", silent=True)]),
            "waits for ever: give the workload a timeout",
        ),
        (lambda: simulate(Requests([0, 1], [-5, 1]), 2), "whole µs of 0 and more"),
        (lambda: simulate(Requests([0, 1], [5, float("nan")]), 2), "whole µs of 0 and more"),
        (lambda: simulate(Requests(5, 6), 2), "requests need two lists"),
        (lambda: simulate(Requests([0, 1], []), 2), "as many instants as works"),
        (lambda: utilisation(simulate(load(1.0), 2, number=5), 0), "workers=0: a number above 0"),
        (lambda: per_second(simulate(load(1.0), 2, number=5), 0), "step=0: µs, a number above 0"),
        (lambda: percentile([], 0.5), "there are no requests"),
        (lambda: percentile([1], 99), "a share above 0, and 1 at the most"),
    ],
)
def test_what_is_impossible_gets_one_clear_sentence(act, words):
    with pytest.raises(ValueError) as caught:
        act()
    assert words in str(caught.value) and "\n" not in str(caught.value)
