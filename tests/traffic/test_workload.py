"""Workloads are plain data: their laws have the means they promise, and what cannot be is refused in one sentence."""

from itertools import pairwise
from math import inf, nan
from pathlib import Path
from random import Random
from statistics import fmean, pvariance

import pytest

from swarmlab.traffic import workload as w
from swarmlab.traffic.workload import (
    Bursts,
    Closed,
    Constant,
    Diurnal,
    Exponential,
    Lognormal,
    Measured,
    Pareto,
    Poisson,
    Recorded,
    Workload,
    arrival_times,
    at_load,
    checked,
    counted,
    load,
    service_time,
    steady,
    variation,
)

TABLES = Path(__file__).parent.parent.parent / "data" / "arrivals"
PLAIN = Workload(Poisson(80), Exponential(0.1))


@pytest.mark.parametrize(
    ("law", "error"), [(Poisson(80), 0.006), (Diurnal(80, 0.8, 5), 0.006), (Recorded((0, 3, 5, 50), 80), 0.001), (Bursts(80, 0.1, 0.4), 0.024)]
)  # fmt: skip
def test_arrivals_keep_their_rate(law, error):
    """30 000 instants; `error` is one standard error of the rate, relative; 5 of them allowed."""
    instants = arrival_times(law, Random(1), 30_000)
    assert instants == sorted(instants)
    assert 30_000 / (instants[-1] / 1e6) == pytest.approx(80, rel=5 * error)


def test_gaps_of_poisson_vary_as_much_as_their_mean():
    gaps = [after - before for before, after in pairwise(arrival_times(Poisson(80), Random(1), 30_000))]
    assert pvariance(gaps) / fmean(gaps) ** 2 == pytest.approx(1, abs=5 * (8 / 30_000) ** 0.5)


def test_a_wave_is_highest_after_a_quarter_and_lowest_after_three():
    instants = arrival_times(Diurnal(100, 1.0, 8.0), Random(2), seconds=80)
    quarters = [sum(int(instant / 1e6 % 8) // 2 == quarter for instant in instants) for quarter in range(4)]
    assert quarters[0] + quarters[1] > 3 * (quarters[2] + quarters[3])


def test_recorded_seconds_have_their_counts_and_come_again():
    instants = arrival_times(Recorded((2, 0, 5)), Random(1), seconds=6)
    assert [sum(instant // 1_000_000 == second for instant in instants) for second in range(6)] == [2, 0, 5, 2, 0, 5]


def test_a_number_and_a_time_both_limit():
    assert len(arrival_times(Poisson(80), Random(1), 10)) == 10
    assert arrival_times(Poisson(80), Random(1), seconds=5)[-1] < 5_000_000
    with pytest.raises(ValueError, match="say how many arrivals, or for how many seconds"):
        arrival_times(Poisson(80), Random(1))


@pytest.mark.parametrize(
    ("law", "error"),
    [
        (Exponential(0.1), 0.06),
        (Constant(0.1), 0),
        (Lognormal(0.1, 1.0), 0.15),
        (Pareto(0.1, 5.0), 0.25),
        (Measured(0.1, (0, 1, 2, 3, 10)), 0.03),
    ],
)
def test_service_times_have_their_mean_and_variation(law, error):
    """30 000 draws: the mean within 5 standard errors, the variation within about as many."""
    dice = Random(3)
    drawn = [service_time(law, dice) for _ in range(30_000)]
    assert fmean(drawn) == pytest.approx(100_000, rel=5 * (variation(law) / 30_000) ** 0.5 + 1e-5)
    assert pvariance(drawn) / fmean(drawn) ** 2 == pytest.approx(variation(law), rel=error + 1e-9)


def test_the_tail_of_pareto_may_have_no_variance():
    assert variation(Pareto(1.0, 2.0)) == inf
    assert variation(Pareto(1.0, 3.0)) == pytest.approx(1 / 3)


def test_every_service_time_takes_at_least_a_microsecond():
    assert service_time(Constant(1e-9), Random(1)) == 1


def test_load_is_rate_times_work_over_capacity():
    assert load(PLAIN, 10) == pytest.approx(0.8)
    assert load(PLAIN._replace(per_connection=3), 30) == pytest.approx(0.8)
    assert steady(PLAIN, 10) == pytest.approx(0.8)
    assert at_load(Poisson(1), Exponential(0.1), 0.5, capacity=10) == Poisson(50)
    assert w.mean_rate(Recorded((1, 3))) == 2


def test_a_queue_without_end_is_refused_where_a_steady_one_is_meant():
    with pytest.raises(ValueError) as refused:
        steady(PLAIN, 5)
    assert str(refused.value) == (
        "80 requests a second, 0.1 s each, are 1.6 times what the replicas can serve: the queue grows without end; "
        "below 50 a second it is steady"
    )


def test_clients_have_addresses_and_come_back():
    few = PLAIN._replace(clients=3)
    assert {w.request(few, number).source for number in range(100)} == {"100.64.0.0", "100.64.0.1", "100.64.0.2"}
    assert w.request(PLAIN, 7) == (7, "")
    assert w.address(70_000) == "100.65.17.112"


def test_the_tables_of_real_arrivals():
    """data/README.md: an hour of each; the conversations are near Poisson, the code comes in bursts."""
    for name, number, least, most in (("conv", 19_366, 1.1, 1.3), ("code", 8_819, 150, 190)):
        counts = counted(TABLES / f"azure_{name}_per_second.csv")
        assert sum(counts) == number
        gaps = [b - a for a, b in pairwise(arrival_times(Recorded(counts), Random(4), number))]
        assert least < pvariance(gaps) / fmean(gaps) ** 2 < most
        tokens = counted(TABLES / f"azure_{name}_tokens.csv")
        assert checked(PLAIN._replace(service=Measured(0.1, tokens)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"arrivals": Poisson(-3)}, "the rate of arrivals must be a number above 0, not -3"),
        ({"arrivals": Poisson(0)}, "the rate of arrivals must be a number above 0, not 0"),
        ({"arrivals": Poisson("80")}, "the rate of arrivals must be a number above 0, not '80'"),
        ({"arrivals": Poisson(inf)}, "the rate of arrivals must be a number above 0, not inf"),
        ({"arrivals": 80}, r"80 is no law of arrivals, such as Poisson\(rate=80\)"),
        ({"arrivals": Bursts(80, 0)}, "the length of busy times must be a number above 0, not 0"),
        ({"arrivals": Bursts(80, 1, -1)}, "the length of silent times must be a number of 0 or more, not -1"),
        ({"arrivals": Diurnal(80, 1.5)}, "the swing must be from 0 to 1, not 1.5"),
        ({"arrivals": Diurnal(80, period=0)}, "the period must be a number above 0, not 0"),
        ({"arrivals": Recorded(())}, "recorded arrivals need counts of 0 and more, and one above 0"),
        ({"arrivals": Recorded((0, 0))}, "recorded arrivals need counts"),
        ({"arrivals": Recorded((1, -1))}, "recorded arrivals need counts"),
        ({"arrivals": Closed(0)}, "clients must be a whole number from 1 on, not 0"),
        ({"arrivals": Closed(1, -1)}, "the time to think must be a number of 0 or more, not -1"),
        ({"service": 0.1}, r"0.1 is no law of service times, such as Exponential\(mean=0.1\)"),
        ({"service": Constant(0)}, "the mean service time must be a number above 0, not 0"),
        ({"service": Lognormal(1, -1)}, "the spread must be a number of 0 or more, not -1"),
        ({"service": Pareto(1, 1)}, "the shape of a Pareto law must be above 1, else it has no mean, not 1"),
        ({"service": Measured(1, (2, 1))}, "quantiles must be two or more numbers of 0 and more, in order"),
        ({"per_connection": 0}, "requests per connection must be a whole number from 1 on, not 0"),
        ({"clients": -1}, "clients must be a whole number from 0 on, not -1"),
        ({"retries": 1.5}, "retries must be a whole number from 0 on, not 1.5"),
        ({"timeout": 0}, "the time-out must be a number above 0, not 0"),
        ({"pause": -1}, "the pause must be a number of 0 or more, not -1"),
        ({"arrivals": Poisson(1e300)}, r"the rate of arrivals must be from 1e-09 to 1e\+09, not 1e\+300"),
        ({"arrivals": Poisson(5e-324)}, "the rate of arrivals must be from 1e-09"),
        ({"arrivals": Poisson(True)}, "the rate of arrivals must be a number above 0, not True"),
        ({"arrivals": Recorded((1.5, 2))}, "recorded arrivals need counts"),
        ({"arrivals": Recorded(5)}, "recorded arrivals need counts"),
        ({"arrivals": Recorded("55")}, "recorded arrivals need counts"),
        ({"arrivals": Recorded((1, nan))}, "recorded arrivals need counts"),
        ({"arrivals": Recorded((1, 2), nan)}, "the rate of arrivals must be a number above 0, not nan"),
        ({"arrivals": Diurnal(80, "x")}, "the swing must be a number of 0 or more, not 'x'"),
        ({"arrivals": Diurnal(80, nan)}, "the swing must be a number of 0 or more, not nan"),
        ({"arrivals": Diurnal(80, period=1e-8)}, "the period must be a microsecond at least, not 1e-08 s"),
        ({"arrivals": Bursts(80, 1e-8)}, "the length of busy times must be a microsecond at least"),
        ({"service": Exponential(nan)}, "the mean service time must be a number above 0, not nan"),
        ({"service": Exponential(1e300)}, "the mean service time must be from 1e-09"),
        ({"service": Lognormal(1, 1e200)}, r"the spread must be 1e\+09 at the most, not 1e\+200"),
        ({"service": Pareto(1, inf)}, "the shape of a Pareto law must be a number above 0, not inf"),
        ({"service": Pareto(1, "3")}, "the shape of a Pareto law must be a number above 0, not '3'"),
        ({"service": Measured(1, (1, nan))}, "quantiles must be two or more numbers"),
        ({"service": Measured(1, (0, inf))}, "quantiles must be two or more numbers"),
        ({"service": Measured(1, ("a", "b"))}, "quantiles must be two or more numbers"),
        ({"service": Measured(1, 5)}, "quantiles must be two or more numbers"),
        ({"backoff": True}, "the wait before a retry must be a number of 0 or more, not True"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(change, said):
    with pytest.raises(ValueError, match=said):
        checked(PLAIN._replace(**change))


def test_what_is_no_workload_at_all_is_refused_in_one_sentence():
    with pytest.raises(ValueError, match="80 is no workload, such as Workload"):
        checked(80)


def test_a_closed_loop_has_no_rate():
    for work in (lambda: arrival_times(Closed(3), Random(1), 5), lambda: load(PLAIN._replace(arrivals=Closed(3)), 1)):
        with pytest.raises(ValueError, match="a closed loop has no rate of its own: its clients wait for answers"):
            work()
    with pytest.raises(ValueError, match="a closed loop cannot be set to a load"):
        at_load(Closed(3), Exponential(1), 0.5)
