"""The batch form against theory, and against the plainest simulation there is, request by request.

Means are allowed 4.5 standard errors, measured between independent runs: one seed in 150 000 would be refused by
chance, per comparison. Seeds are fixed. Where a printed figure was simulated itself, its own error is added.
"""

from collections import Counter

import numpy as np
import pytest

from swarmlab.overlay import balancers
from swarmlab.overlay.balancers import Backend, Request
from swarmlab.overlay.hashing import maglev_table
from swarmlab.traffic import batch_draws, batch_queues, measures, queueing, theory
from swarmlab.traffic.batch import (
    KNOWN,
    ONE_QUEUE,
    counts,
    error_rate,
    evenness,
    mean_latency,
    one_run,
    percentiles,
    queue_lengths,
    simulate,
    tail,
    utilisation,
)
from swarmlab.traffic.batch import _arrivals as batch_requests
from swarmlab.traffic.batch_bins import thrown
from swarmlab.traffic.workload import (
    Bursts,
    Closed,
    Constant,
    Diurnal,
    Exponential,
    Lognormal,
    Pareto,
    Poisson,
    Recorded,
    Workload,
    request,
)

SIGMAS = 4.5
PRINTED = 0.004  # the error of figures in networking.md §4.2 that were simulated


def workload(load, replicas, service=None, **fields):
    return Workload(Poisson(load * replicas), service or Exponential(1.0), **fields)


def compare(batch, wanted, skip, printed=0.0):
    mean, error = mean_latency(batch, skip)
    assert error < 0.02 * wanted, f"a standard error of {error:.3g} says nothing about {wanted}"
    assert abs(mean - wanted) <= SIGMAS * error + printed * wanted, f"{mean:.4f} ± {error:.4f}, not {wanted:.4f}"


# ── §4.2: the table of mean times ──


@pytest.mark.parametrize(("replicas", "load"), [(2, 0.8), (5, 0.8), (10, 0.5), (10, 0.8), (100, 0.8)])
def test_random_and_round_robin_are_as_theory_says(replicas, load):
    asked, each = workload(load, replicas), max(20_000, 400 * replicas)
    compare(simulate(asked, balancers.at_random, replicas, each, 20), theory.mm1(load), each // 4)
    compare(simulate(asked, balancers.round_robin, replicas, each, 20), theory.round_robin(replicas, load), each // 4)


TABLE = {  # P2C with replacement, P2C, least connections
    (2, 0.8): (3.258, 2.957, 2.957),
    (5, 0.8): (2.400, 2.235, 1.756),
    (10, 0.5): (1.325, 1.286, 1.024),
    (10, 0.8): (2.159, 2.075, 1.354),
    (10, 0.9): (3.106, 2.984, 1.911),
    (100, 0.8): (1.966, 1.960, 1.005),
}


@pytest.mark.parametrize(("replicas", "load"), TABLE)
def test_choices_by_queue_are_as_the_table_says(replicas, load):
    each, runs = (2_000, 300) if replicas <= 10 else (4_000, 60)
    skip = each // 3
    asked, (replaced, distinct, least) = workload(load, replicas), TABLE[replicas, load]
    compare(simulate(asked, balancers.two_choices, replicas, each, runs, distinct=False), replaced, skip, PRINTED)
    compare(simulate(asked, balancers.two_choices, replicas, each, runs), distinct, skip, PRINTED)
    compare(simulate(asked, balancers.least_connections, replicas, each, runs), least, skip, PRINTED)


@pytest.mark.parametrize(("replicas", "load"), [(2, 0.8), (10, 0.5), (10, 0.8), (10, 0.9)])
def test_one_queue_is_erlangs(replicas, load):
    compare(simulate(workload(load, replicas), ONE_QUEUE, replicas, 3_000, 400), theory.mmc(replicas, load), 1_000)


# ── one queue, any service ──


@pytest.mark.parametrize("service", [Constant(1.0), Exponential(1.0), Lognormal(1.0, 1.0)])
def test_first_come_first_served_is_pollaczek_and_khinchines(service):
    wanted = theory.mg1(0.7, {Constant: 0, Exponential: 1, Lognormal: 1}[type(service)])
    compare(simulate(workload(0.7, 1, service), balancers.round_robin, 1, 20_000, 60), wanted, 2_000)


@pytest.mark.parametrize("service", [Constant(1.0), Exponential(1.0), Lognormal(1.0, 2.0), Pareto(1.0, 2.5)])
def test_a_shared_processor_does_not_care_for_the_law(service):
    batch = simulate(workload(0.5, 1, service), balancers.round_robin, 1, 2_500, 40, sharing=True)
    compare(batch, theory.mg1_sharing(0.5), 300)


# ── §4.4: the supermarket model ──


@pytest.mark.parametrize("choices", [2, 3, 5])  # one choice: see random above
def test_a_supermarket_of_300_is_nearly_one_without_end(choices):
    """§4.4: a hundred are 1 to 1.5 % above, so three hundred are given 0.6 %."""
    batch = simulate(workload(0.8, 300), balancers.two_choices, 300, 9_000, 30, choices=choices, distinct=False)
    compare(batch, theory.supermarket(0.8, choices), 4_000, 0.006)


def test_every_lot_of_a_connection_is_even_and_the_same_in_both_forms():
    """The fourth and later ones, too. Each of 10 is drawn 2000 ± 42 times of 20 000; 5 of them allowed."""
    stirred = batch_draws.mixed(batch_draws.numbers(1, 20_000))
    for draw in range(8):
        lots = batch_draws.lots(stirred, 10, draw)[0]
        assert all(abs(number - 2_000) < 5 * 42.4 for number in np.bincount(lots, minlength=10))
        assert lots[:200].tolist() == [balancers.lot(Request(number), 10, draw) for number in range(200)]


def test_queues_of_two_choices_have_a_doubly_exponential_tail():
    batch = simulate(workload(0.9, 300), balancers.two_choices, 300, 30_000, 1, distinct=False)
    lengths = queue_lengths(batch, np.linspace(60, 105, 40)).ravel()
    found = [(lengths >= length).mean() for length in range(1, 5)]
    wanted = [theory.supermarket_tail(0.9, 2, length) for length in range(1, 5)]
    assert found == pytest.approx(wanted, abs=0.05)
    assert (lengths >= 8).mean() < 1e-3


# ── planted bugs: a comparison is worth what it catches ──


def planted_choice(self, lanes, now, _shortest=batch_queues.Queues.shortest):
    """Two choices that takes the longer queue one time in twenty."""
    shorter = _shortest(self, lanes, now)
    return shorter if self.sent.sum() // len(now) % 20 else lanes[0] + lanes[1] - shorter


def planted_lindley(arrived, work, free=0.0):
    """The work of the request itself forgotten where it must be taken off."""
    done = np.cumsum(work, axis=-1)
    return np.maximum.accumulate(arrived - done, axis=-1) + done


def test_a_wrong_choice_one_time_in_twenty_is_caught(monkeypatch):
    monkeypatch.setattr(batch_queues.Queues, "shortest", planted_choice)
    with pytest.raises(AssertionError, match=r"not 2\.0750"):
        compare(simulate(workload(0.8, 10), balancers.two_choices, 10, 2_500, 400), 2.075, 800, PRINTED)


def test_lindley_with_one_term_too_few_is_caught(monkeypatch):
    monkeypatch.setattr(batch_queues, "ends", planted_lindley)
    with pytest.raises(AssertionError, match=r"not 2\.9223"):
        compare(simulate(workload(0.8, 10), balancers.round_robin, 10, 20_000, 20), 2.9223, 5_000)


# ── the plainest simulation there is ──


def plainly(batch, balancer, asked, speeds, weights, run=0, connection=None):
    """(ends, tasks): each request by itself, its balancer called as a node would."""
    there = [Backend(f"task-{place}", "", weight) for place, weight in enumerate(weights)]
    free, ends, tasks, homes, seen = [0.0] * len(there), [], [], {}, []
    turn = 0
    for number, (now, work) in enumerate(zip(batch.arrived[run], batch.works, strict=True)):
        active = Counter(task for task, over in zip(tasks, seen, strict=True) if over > now)
        known = [backend._replace(active=active[place]) for place, backend in enumerate(there)]
        mine = number if connection is None else connection[number]
        if mine not in homes:
            homes[mine] = int(balancer(known, request(asked, (run << 24) + mine), turn).task[5:])
            turn += 1
        place = homes[mine]
        free[place] = max(free[place], now) + work / speeds[place]
        ends.append(free[place])
        seen.append(min(free[place], now + (asked.timeout or np.inf)))  # who has given up is not counted any more
        tasks.append(place)
    return ends, tasks


@pytest.mark.parametrize("balancer", [one for one in KNOWN if one.__module__.endswith("balancers")])
def test_the_event_form_agrees_request_by_request(balancer):
    """Given the same instants and work in whole µs, which may add up to a few µs in a long queue."""
    batch = simulate(workload(0.85, 5), balancer, 5, 1_500, 1, "forms", weights=[1, 1, 2, 1, 1])
    given = queueing.Requests(*(np.rint(one[0] * 1e6).astype(int).tolist() for one in (batch.arrived, batch.work)))
    replicas = [queueing.Replica(f"task-{place}", weight=weight) for place, weight in enumerate((1, 1, 2, 1, 1))]
    run = queueing.simulate(given, replicas, balancer)
    assert list(run.task) == batch.task[0].tolist()
    assert np.array(measures.latencies(run)) / 1e6 == pytest.approx(batch.latency[0], abs=1e-3)


@pytest.mark.parametrize("balancer", [balancers.least_connections, balancers.two_choices])
def test_shared_replicas_with_impatient_clients_are_those_of_the_event_form(balancer):
    """Who has given up is worked for, and counted by the balancer no more."""
    asked = workload(1.1, 5, timeout=0.7)
    batch = simulate(asked, balancer, 5, 500, 1, "forms", sharing=True)
    given = queueing.Requests(*(np.rint(one[0] * 1e6).astype(int).tolist() for one in (batch.arrived, batch.work)))
    there = [queueing.Server(place, queueing.Replica(f"{place}", sharing=True)) for place in range(5)]
    events = queueing.Simulation(given, there, balancer)
    events.patience = 700_000
    run = events.run()
    assert list(run.task) == batch.task[0].tolist()
    assert measures.error_rate(run) == pytest.approx(error_rate(batch)) and error_rate(batch) > 0.2


def test_an_answer_at_the_last_microsecond_is_in_time():
    asked = Workload(Poisson(1.0), Constant(0.1), timeout=0.1)
    batch = simulate(asked, balancers.round_robin, 50, 1_000, 1, "ties")
    assert error_rate(batch) == 0 and set(one_run(batch).status) == {measures.OK}
    assert error_rate(batch._replace(timeout=0.099_999)) == 1


class Given:
    """A batch with the work before speeds, of one run."""

    def __init__(self, batch, speeds, run):
        self.arrived, self.works = batch.arrived, batch.work[run] * np.array(speeds)[batch.task[run]]


@pytest.mark.parametrize("balancer", KNOWN)
@pytest.mark.parametrize("runs", [2, 30])  # one after the other, and in step
def test_both_ways_agree_with_the_plain_one_request_by_request(balancer, runs):
    speeds, weights = [1.0, 0.5, 2.0, 1.0, 1.0], [2, 1, 0, 3, 1]
    asked = workload(0.9, 4, clients=30)
    batch = simulate(asked, balancer, 5, 150, runs, "plain", speeds=speeds, weights=weights)
    for run in (0, runs - 1):
        ends, tasks = plainly(Given(batch, speeds, run), balancer, asked, speeds, weights, run)
        assert batch.task[run].tolist() == tasks
        assert batch.ended[run] == pytest.approx(ends)


@pytest.mark.parametrize("runs", [1, 25])
def test_queues_that_outgrow_their_slots_are_still_counted(runs):
    """A burst of 400 requests at three times what can be served: queues of 60 and more."""
    asked = Workload(Poisson(12.0), Exponential(1.0))
    batch = simulate(asked, balancers.least_connections, 4, 400, runs, "burst")
    run = runs - 1
    ends, tasks = plainly(Given(batch, [1.0] * 4, run), balancers.least_connections, asked, [1.0] * 4, [1] * 4, run)
    assert batch.task[run].tolist() == tasks
    assert batch.ended[run] == pytest.approx(ends)


@pytest.mark.parametrize("runs", [1, 30])
@pytest.mark.parametrize("balancer", [balancers.least_connections, balancers.two_choices])
def test_who_has_given_up_is_not_counted_but_worked_for(balancer, runs, monkeypatch):
    monkeypatch.setattr(batch_queues, "AT_ONCE", 12)  # and thirty runs go by pieces
    asked, speeds = workload(1.1, 4, timeout=1.5), [1.0, 0.5, 1.5, 1.0]
    batch = simulate(asked, balancer, 4, 150, runs, "patience", speeds=speeds)
    for run in {0, runs - 1}:
        ends, tasks = plainly(Given(batch, speeds, run), balancer, asked, speeds, [1] * 4, run)
        assert batch.task[run].tolist() == tasks
        assert batch.ended[run] == pytest.approx(ends)
    assert 0.1 < error_rate(batch) < 1


@pytest.mark.parametrize("runs", [1, 25])
@pytest.mark.parametrize("balancer", [balancers.least_connections, balancers.two_choices, balancers.round_robin])
def test_a_connection_stays_where_it_was_opened(balancer, runs):
    asked, speeds = Workload(Poisson(0.6), Exponential(1.0), per_connection=6, pause=2.0), [1.0] * 4
    batch = simulate(asked, balancer, 4, 240, runs, "long")
    connection = batch_requests(asked, "long", runs, 240)[1][-1].tolist()
    ends, tasks = plainly(Given(batch, speeds, runs - 1), balancer, asked, speeds, [1] * 4, runs - 1, connection)
    assert batch.task[-1].tolist() == tasks
    assert batch.ended[-1] == pytest.approx(ends)
    homes = {(one, task) for one, task in zip(connection, batch.task[-1].tolist(), strict=True)}
    assert len(homes) == len(set(connection)) and max(Counter(connection).values()) == 6
    assert (np.diff(batch.arrived[-1]) >= 0).all()


def test_long_connections_are_less_even_than_requests():
    """With 50 requests a connection there are 40 choices in 2000 requests; spread over 10 that is a CV of 0.5."""
    long = simulate(workload(0.5, 10, per_connection=50, pause=1.0)._replace(arrivals=Poisson(0.1)),
                    balancers.at_random, 10, 2_000, 50)  # fmt: skip
    short = simulate(workload(0.5, 10), balancers.at_random, 10, 2_000, 50)
    assert evenness(counts(long)).mean() < 0.9 < 0.98 < evenness(counts(short)).mean()


def test_a_run_is_the_same_alone_and_among_others():
    asked = workload(0.8, 10)
    alone = simulate(asked, balancers.two_choices, 10, 300, 1, "same")
    many = simulate(asked, balancers.two_choices, 10, 300, 40, "same")
    assert alone.latency[0] == pytest.approx(many.latency[0])
    assert (alone.task[0] == many.task[0]).all()


def test_balancers_get_the_same_arrivals_and_the_same_work():
    first, second = (simulate(workload(0.8, 10), one, 10, 500, 3, 7) for one in (balancers.at_random, ONE_QUEUE))
    assert (first.arrived == second.arrived).all() and (first.work == second.work).all()
    assert (simulate(workload(0.8, 10), balancers.at_random, 10, 500, 3, 8).arrived != first.arrived).all()


# ── what arrives ──


def test_all_laws_of_arrivals_keep_their_rate():
    """20 000 arrivals at 80 a second; each law's own noise is below 1 %, bursts' below 4 %: five of them allowed."""
    laws = [Poisson(80), Diurnal(80, 0.8, 10.0), Recorded((0, 3, 5, 50), 80), Bursts(80, 0.1, 0.4)]
    for law, error in zip(laws, (0.007, 0.007, 0.007, 0.03), strict=True):
        batch = simulate(Workload(law, Constant(0.001)), replicas=1, requests=20_000, seed="laws")
        assert 20_000 / batch.arrived[0, -1] == pytest.approx(80, rel=5 * error)
        assert (np.diff(batch.arrived[0]) >= 0).all()


def test_recorded_seconds_have_their_counts():
    batch = simulate(Workload(Recorded((2, 0, 5)), Constant(0.1)), replicas=1, requests=14, seed=1)
    assert np.bincount(batch.arrived[0].astype(int)).tolist() == [2, 0, 5, 2, 0, 5]


# ── measures ──


def test_measures_are_those_of_the_event_form():
    batch = simulate(workload(0.8, 4, timeout=3.0), balancers.two_choices, 4, 400, 3, "measures")
    run = one_run(batch, 1)
    assert list(measures.counts(run).values()) != counts(batch)[1].tolist()  # late answers are not counted there
    answered = batch.latency[1] <= 3.0
    assert list(measures.counts(run).values()) == np.bincount(batch.task[1][answered], minlength=4).tolist()
    assert measures.error_rate(run) == pytest.approx((~answered).mean())
    assert error_rate(batch) == pytest.approx((batch.latency > 3.0).mean())
    patient = one_run(batch._replace(timeout=None), 1)
    assert list(measures.utilisation(patient).values()) == pytest.approx(utilisation(batch)[1].tolist(), abs=1e-5)
    wanted = measures.percentile(measures.latencies(patient), 0.95) / 1e6
    assert percentiles(batch._replace(latency=batch.latency[1:2]), (0.95,))[0.95] == pytest.approx(wanted, abs=1e-6)
    assert evenness(counts(batch))[1] == pytest.approx(measures.jain(counts(batch)[1].tolist()))


def test_a_queue_holds_who_has_come_and_not_gone():
    batch = simulate(workload(0.8, 3), balancers.round_robin, 3, 200, 1)
    found = queue_lengths(batch, [0.0, 20.0, 1e9])
    inside = (batch.arrived[0] <= 20.0) & (batch.ended[0] > 20.0)
    assert found[:, 1].tolist() == np.bincount(batch.task[0][inside], minlength=3).tolist()
    assert found[:, 0].tolist() == found[:, 2].tolist() == [0, 0, 0]


def test_a_tail_falls_from_all_to_one():
    batch = simulate(workload(0.8, 3), balancers.round_robin, 3, 1_000, 2)
    latency, share = tail(batch)
    assert share[0] == 1 and share[-1] == 1 / 2_000
    assert latency[0] == batch.latency.min() and latency[-1] == batch.latency.max()
    assert (np.diff(share) < 0).all()


def test_a_slow_replica_hurts_round_robin_more_than_two_choices():
    asked, speeds = workload(0.6, 10), [1.0] * 9 + [1 / 3]
    turn, two = (
        percentiles(simulate(asked, one, 10, 4_000, 30, speeds=speeds))[0.99]
        for one in (balancers.round_robin, balancers.two_choices)
    )
    assert turn > 3 * two


# ── §4.5: Maglev at full size ──


def test_maglev_disruption_is_as_measured():
    """§4.5, N = 1000, M = 65 537; single tables differ, so a sixth more or less than the printed share is allowed.

    About 450 to 5400 entries move; their standard deviation over names is 3 to 5 % (seen in 20 draws), a third of that.
    """
    tasks = tuple(f"task-{number}" for number in range(1_000))
    before = np.array(maglev_table(tasks, (), 65_537))
    assert set(np.bincount(before)) == set(theory.maglev_entries(1_000, 65_537)) == {65, 66}
    for gone, printed in ((1, 0.0068), (10, 0.0330), (50, 0.0819)):
        kept = np.setdiff1d(np.arange(1_000), np.arange(gone) * 17)
        after = kept[np.array(maglev_table(tuple(tasks[place] for place in kept), (), 65_537))]
        assert (before != after).mean() == pytest.approx(printed, rel=1 / 6)


# ── §4.3: balls into bins ──


def most(balls, choices, trials):
    return thrown(balls, balls, choices, trials, "bins").max(axis=1)


def test_one_choice_leaves_some_bins_full():
    """Means over 100 trials, as printed: standard deviation 0.7, so each has an error of 0.07; 4.5 of both allowed."""
    for balls, printed in ((1_000, 5.47), (10_000, 6.51), (100_000, 7.76)):
        assert most(balls, 1, 100).mean() == pytest.approx(printed, abs=4.5 * 0.1)


def test_two_choices_leave_almost_none():
    """The printed shares of 100 trials and ours of 40 have errors of 0.05 and 0.08; 4.5 of both allowed."""
    assert set(most(1_000, 2, 100)) == {3}
    assert (most(10_000, 2, 60) == 3).mean() >= 0.94 - 4.5 * 0.034
    largest = most(100_000, 2, 40)
    assert set(largest) <= {3, 4}
    assert (largest == 3).mean() == pytest.approx(0.61, abs=4.5 * 0.094)
    assert most(1_000, 3, 100).mean() == pytest.approx(2.35, abs=4.5 * 0.07)
    assert np.bincount(most(10_000, 3, 40)).argmax() == 3


# ── refusals ──


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"replicas": 0}, "replicas must be a whole number from 1 on, not 0"),
        ({"requests": 2.5}, "requests must be a whole number from 1 on, not 2.5"),
        ({"runs": -1}, "runs must be a whole number from 1 on, not -1"),
        ({"speeds": [1, 2]}, "there are 10 replicas: give as many speeds and weights"),
        ({"speeds": [0] * 10}, "speeds must be above 0"),
        ({"speeds": [np.nan] * 10}, "speeds must be above 0"),
        ({"speeds": "abcdefghij"}, "speeds must be above 0"),
        ({"weights": [0] * 10}, "no destination available"),
        ({"weights": [1.7] * 10}, "no destination available: weights must be 0 or more, 65535 at the most"),
        ({"weights": [1, 10**9] * 5}, "no destination available: weights must be 0 or more, 65535 at the most"),
        ({"workload": 80}, "80 is no workload"),
        ({"balancer": max}, "does not know the balancer max: run it event by event"),
        ({"balancer": "rr"}, "does not know the balancer 'rr'"),
        ({"workload": Workload(Poisson(-1), Exponential(1))}, "the rate of arrivals must be a number above 0, not -1"),
        ({"workload": Workload(Poisson(1), Exponential(0))}, "the mean service time must be a number above 0, not 0"),
        ({"workload": Workload(Closed(3), Exponential(1))}, "closed loops and retries depend on the answers"),
        ({"workload": Workload(Poisson(1), Exponential(1), retries=2)}, "closed loops and retries depend on"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(change, said):
    with pytest.raises(ValueError, match=said):
        simulate(**{"workload": workload(0.8, 10), "requests": 10, **change})
