"""Verdicts on probes: Docker's own rule, the figures of its defaults, and what the judge says of others
[networking.md §3.4; swarm.md §13]."""

import doctest
from statistics import fmean, stdev

import pytest

from swarmlab.check import verdicts
from swarmlab.check.verdicts import DAY, Probes, Result, docker, judge_verdict, k_of_n, life, surprise
from swarmlab.worker import health

QUIET = Probes(loss=0.0)
DEFAULTS = Probes(interval=30, timeout=30, loss=0.0, answer=0.001, hours=0.2)


def row(*oks):
    return tuple(Result(10.0 * (place + 1), ok, 0.1) for place, ok in enumerate(oks))


def found(judgement, name):
    return next(score for score in judgement.scores if score.name == name)


def test_the_examples_hold():
    assert doctest.testmod(verdicts).failed == 0


def test_docker_says_unhealthy_after_three_failures_in_a_row_and_healthy_after_one_success():
    verdict = docker()
    assert verdict(row(False, False)) and not verdict(row(True, False, False, False))
    assert verdict(row(False, False, False, True)) and verdict(row(False, False, True, False, False))
    assert health.DEFAULTS.retries == 3


def test_defaults_notice_a_failure_after_60_to_90_seconds_on_average_75():
    """Every 30 s, three in a row; a hang takes three time-outs more. Four standard errors."""
    assert (health.DEFAULTS.interval, health.DEFAULTS.timeout) == (30_000_000, 30_000_000)
    seeds = range(400)
    fails = [notice.time for notice in notices("Docker: 3 in a row", seeds) if notice.kind == "fails"]
    hangs = [notice.time for notice in notices("Docker: 3 in a row", seeds) if notice.kind == "hangs"]
    assert 60 <= min(fails) and max(fails) <= 90.1 and abs(fmean(fails) - 75) < 4 * stdev(fails) / len(fails) ** 0.5
    assert 150 <= min(hangs) and max(hangs) <= 180.1


def notices(name, seeds):
    return judge_verdict(None, seeds, DEFAULTS, others=(name,)).notices


def test_false_alarms_come_as_often_as_rows_of_lost_probes():
    """Independent losses: a row of three begins at a share p³(1−p) of the probes, and after an alarm all begins anew."""
    lossy = Probes(loss=0.2, hours=24)
    score = judge_verdict(None, range(12), lossy, others=("Docker: 3 in a row",)).scores[0]
    p, r = 0.2, 3
    between = (1 - p**r) / ((1 - p) * p**r)  # probes until r in a row, from a fresh start [Feller]
    probes = DAY * 3600 / (lossy.interval + p * lossy.timeout + (1 - p) * lossy.answer)
    assert score.per_day == pytest.approx(probes / between, rel=0.1)


def test_a_burst_of_losses_is_worse_than_as_many_alone():
    alone, burst = (
        judge_verdict(None, range(8), Probes(burst=length), others=("Docker: 3 in a row",)).scores[0].per_day
        for length in (1, 3)
    )
    assert burst > 5 * alone
    shares = [fmean(not one.ok for one in life(1, Probes(burst=b, hours=24), "fails").results[:8000]) for b in (1, 3)]
    assert shares == pytest.approx([0.05, 0.05], abs=0.015)


def test_speed_is_paid_for_with_false_alarms():
    judged = judge_verdict(k_of_n(5, 8))
    one, three = found(judged, "1 failure"), found(judged, "Docker: 3 in a row")
    assert one.mean < three.mean < found(judged, "yours").mean
    assert one.per_day > 50 * three.per_day and judged.scores[0].name == "yours"


def test_surprise_learns_how_often_probes_fail():
    verdict = surprise(4)
    assert not verdict(row(*[True] * 40, False, False, False)) and verdict(
        row(*[True, False] * 20, False, False, False)
    )


def test_the_smallest_history_on_which_it_is_wrong_is_kept():
    wrong = judge_verdict(lambda results: results[-1].ok, range(3)).wrong
    assert wrong.what == "the container is well, and is replaced"
    assert [one.ok for one in wrong.results] == [False]
    wrong = judge_verdict(k_of_n(2, 4), range(3)).wrong
    assert [one.ok for one in wrong.results] == [False, False]  # what was between them does not matter


def test_a_verdict_that_never_says_unhealthy_is_caught():
    judged = judge_verdict(lambda results: "healthy", range(4), QUIET)
    assert found(judged, "yours").missed == 4 and "nobody notices" in judged.wrong.what
    assert not any(one.ok for one in judged.wrong.results if judged.wrong.results and one.took == 3.0)


def test_a_careful_verdict_on_quiet_probes_is_never_wrong():
    judged = judge_verdict(
        lambda results: "unhealthy" if not any(one.ok for one in results[-3:]) else "healthy", range(4), QUIET
    )
    assert judged.wrong is None or all(one.ok is False for one in judged.wrong.results)
    assert judge_verdict(docker(3), range(4), QUIET).wrong is None


def test_it_hears_of_one_container_at_a_time_and_of_fifty_results_at_most():
    seen = []

    def verdict(results):
        seen.append(len(results))
        return len(results) < 50 or results[-1].ok

    judge_verdict(verdict, [1], Probes(loss=0.2))
    assert max(seen) == 50 and min(seen) == 1 and seen.count(1) > 1  # after a false alarm all begins anew


@pytest.mark.parametrize(
    "act, words",
    [
        (
            lambda: judge_verdict(lambda results: None),
            "verdict(…) returned None: True or 'healthy', False or 'unhealthy'",
        ),
        (lambda: judge_verdict(docker(), seeds=()), "seeds=(): at least one life to look at"),
        (lambda: judge_verdict(docker(), probes=Probes(loss=0.9)), "loss=0.9: a share from 0 to 0.5"),
        (lambda: judge_verdict(docker(), probes=Probes(interval=0)), "interval=0: a number above 0"),
        (lambda: judge_verdict(docker(), probes=Probes(burst=0.5)), "burst=0.5: 1 or more"),
    ],
)
def test_what_cannot_be_judged_gets_one_clear_sentence(act, words):
    with pytest.raises(ValueError) as error:
        act()
    assert str(error.value) == words
