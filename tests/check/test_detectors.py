"""Failure detectors side by side, against closed forms, the engine itself and real clusters [networking.md §3].

Seeds are fixed. Where a mean is compared, the tolerance is four standard errors: by chance one set of seeds in 16 000 would
miss it. A share may be off by four standard errors, too.
"""

import doctest
from math import ceil, inf, sqrt
from random import Random
from statistics import fmean, stdev

import numpy as np
import pytest
from test_gossip_figures import Company, by_round_robin

from swarmlab import Cluster
from swarmlab.check import accrual, detectors
from swarmlab.check.accrual import down_bounds, down_mean, down_quantile, down_share, phi, phi_curve
from swarmlab.check.beats import Heard, by_accrual, by_grace
from swarmlab.check.conditions import scene
from swarmlab.check.detectors import DETECTORS, Accrual, Beats, Conditions, Swim, compare, summaries
from swarmlab.effects import SECOND
from swarmlab.events import BecameLeader, NodeStored, PeerFailed
from swarmlab.manager import dispatcher
from swarmlab.overlay import swim

HEARTBEAT = {"heartbeat": Beats()}


def near(values, expected):
    assert abs(fmean(values) - expected) <= 4 * stdev(values) / sqrt(len(values)), f"{fmean(values)}, not {expected}"


def follows(values, share):
    """At each of these values as many are below as the closed form says."""
    for edge in (10.0, 11.25, 12.5, 13.75, 15.3):
        chance = share(edge)
        below = fmean(value <= edge for value in values)
        assert abs(below - chance) <= 4 * sqrt(chance * (1 - chance) / len(values)), edge


def times(name, rows):
    return [row.time for row in rows if row.detector == name]


def test_the_examples_hold():
    assert doctest.testmod(accrual).failed == doctest.testmod(detectors).failed == 0


# ── Swarm's own heartbeats [§3.3] ────────────────────────────────────────────────────────────────────────────────


def test_the_constants_are_the_dispatchers():
    assert Beats() == (5.0, dispatcher.JITTER / SECOND, dispatcher.GRACE) == (5.0, 0.5, 3)


def test_a_crashed_worker_is_down_after_9_to_16_and_a_half_seconds_on_average_12_54():
    assert down_bounds() == (9.0, 16.5)
    assert round(down_mean(), 2) == 12.54
    assert [round(down_quantile(share), 1) for share in (0.05, 0.5, 0.95)] == [10.0, 12.5, 15.3]
    found = times("heartbeat", compare(2000, detectors=HEARTBEAT))
    assert 9.0 <= min(found) and max(found) <= 16.51  # a beat takes up to a millisecond
    near(found, down_mean())
    follows(found, down_share)


def test_workers_of_real_clusters_are_down_as_the_closed_form_says():
    """240 workers of eight clusters, each at a random instant."""
    found = [late for seed in range(8) for late in crashed_workers(seed)]
    assert len(found) == 240 and 9.0 <= min(found) and max(found) <= 16.6
    near(found, down_mean())
    follows(found, down_share)


def crashed_workers(seed, workers=30):
    """All workers crash, one after the other; how long after that the managers say down."""
    cluster, dice, died = Cluster(managers=1, workers=workers, seed=seed, messages=False), Random(seed), {}
    cluster.run_for(20)
    begun = cluster.now
    for instant, worker in sorted((dice.random() * 20, f"worker-{number + 1}") for number in range(workers)):
        cluster.run_for(max(0, begun + instant - cluster.now))
        cluster.crash(worker)
        died[worker] = cluster.now
    cluster.run_for(18)
    return [time - died[worker] for worker, time in downs(cluster, 0).items()]


def downs(cluster, since):
    """Worker → when it was first stored as down, s."""
    found = {}
    for record in cluster.trace.records[since:]:
        if type(record.fact) is NodeStored and record.fact.state == "down" and record.fact.role == "worker":
            found.setdefault(record.fact.machine, record.time / SECOND)
    return found


@pytest.mark.parametrize("seed", [1, 2])
def test_after_a_change_of_leader_who_stays_away_is_down_after_27_to_33_seconds(seed):
    """Six periods, each drawn [§3.3]."""
    cluster = Cluster(managers=3, workers=12, seed=seed, messages=False)
    cluster.run_for(20)
    leader = [record.source for record in cluster.trace.records if type(record.fact) is BecameLeader][-1]
    since = len(cluster.trace.records)
    for machine in (*(f"worker-{number + 1}" for number in range(12)), leader):
        cluster.crash(machine)
    cluster.run_for(75)
    led = [record.time for record in cluster.trace.records[since:] if type(record.fact) is BecameLeader][-1] / SECOND
    found = [time - led for time in downs(cluster, since).values()]
    assert len(found) == 12 and 27 <= min(found) < 29 and 31 < max(found) <= 33.3


# ── phi-accrual [§3.5] ───────────────────────────────────────────────────────────────────────────────────────────


def test_the_phi_table():
    table = {0: 0.301, 1: 0.800, 2: 1.643, 3: 2.870, 4: 4.499, 5: 6.543}
    assert {z: round(phi(z), 3) for z in table} == pytest.approx(table, abs=0.0006)
    assert accrual.deviations(8) == pytest.approx(5.612, abs=0.0005)
    assert phi(29.9) < phi(30.1) < phi(31) < inf  # where erfc ends, the tail goes on


def test_phi_grows_with_the_silence_and_falls_with_each_beat():
    curve = phi_curve([0.0, 1.0, 2.0, 3.0], 9.0, Accrual(pause=0))
    levels = {round(level.time, 2): level.phi for level in curve}
    assert levels[2.95] < 2 and levels[3.05] < 0.1 and levels[4.0] < levels[5.0] < levels[6.0]
    assert next(level.time for level in curve if level.phi >= 8) < 5


def test_even_beats_are_missed_at_the_mean_and_5_612_deviations():
    """Of even gaps the spread is the least one, 0.1 s; half a beat is gone at the crash."""
    found = times("phi", compare(400, Conditions(seconds=240), {"phi": Accrual(pause=0)}))
    near(found, 1.0 + 0.5612 - 0.5)
    forgiving = times("phi", compare(400, Conditions(seconds=240), {"phi": Accrual(pause=3)}))
    assert forgiving == pytest.approx([time + 3 for time in found])


# ── SWIM [§3.1, §3.2] ────────────────────────────────────────────────────────────────────────────────────────────


def test_the_crash_is_found_as_soon_as_by_the_engine_itself():
    """Real cores of memberlist's rules, ten members, with and without loss."""
    for loss in (0.0, 0.1):
        ours = times("Lifeguard", compare(400, Conditions(loss=loss), {"Lifeguard": Swim()}))
        real = [first_failed(seed, loss) for seed in range(30)]
        apart = abs(fmean(ours) - fmean(real))
        assert apart <= 4 * sqrt(stdev(ours) ** 2 / len(ours) + stdev(real) ** 2 / len(real))


def first_failed(seed, loss):
    net = Company(10, seed)
    net.run(3)
    net.loss = loss
    net.run(3 + seed % 10 / 10)
    died = net.now
    net.crash("n0")
    net.run(28)
    return next(time for time, _, fact in net.facts_of(PeerFailed) if fact.machine == "n0") / SECOND - died / SECOND


def test_the_first_probe_of_a_dead_member_comes_as_by_the_formula():
    """1.5301 periods among ten, that one included; a period later it has failed [§3.1]. In shuffled rounds a little sooner."""
    found = times("SWIM", compare(1000, detectors={"SWIM": DETECTORS["SWIM"]}))
    periods = [ceil(time - 1 - 1e-9) for time in found]
    near(periods, by_round_robin(10))
    near(periods, 1.5301)


@pytest.mark.parametrize("helpers, chance", [(0, 0.360), (1, 0.2125), (3, 0.0741)])
def test_a_healthy_member_is_accused_as_often_as_the_formula_says(helpers, chance, monkeypatch):
    """(1 − (1−p)²)·(1 − (1−p)⁴)^k at p = 0.2, over all probes of healthy members [§3.1]."""
    counts = {"begun": 0, "failed": 0}
    plain = detectors.School
    monkeypatch.setattr(detectors, "School", lambda here, rules: counting(plain(here, rules), counts))
    conditions = Conditions(members=6, seconds=30, loss=0.2, crash=False)
    compare(40, conditions, {"SWIM": Swim(lifeguard=False, tcp=False, helpers=helpers)})
    share, probes = counts["failed"] / counts["begun"], counts["begun"]
    assert abs(share - chance) <= 0.00005 + 4 * sqrt(chance * (1 - chance) / probes)


def counting(school, counts):
    """The same, but an accusation has no effect, so that all others stay helpers."""
    begin = school.probes._begin

    def begins(prober, step):
        counts["begun"] += len(prober) * (step <= 140)  # later ones do not end within the run
        begin(prober, step)

    def accuses(place, step):
        counts["failed"] += len(place) * (step <= 145)

    school.probes._begin, school.accuse = begins, accuses
    return school


def test_a_number_orders_rumours_as_the_table_of_the_engine_does():
    """But for who failed: it can only be said to live again, whatever the incarnation."""
    from swarmlab.check.swimming import RANKS, STATES
    from swarmlab.overlay.wire import Member

    for new in range(RANKS, 4 * RANKS):
        for old in range(RANKS, 4 * RANKS):
            if new % RANKS < 3 and old % RANKS < 3:
                one, other = (Member("a", n // RANKS, STATES[n % RANKS]) for n in (new, old))
                again = other.state == swim.FAILED and one.state != swim.ALIVE
                assert swim.beats(one, other) is (new > old and not again)


def test_a_suspicion_of_ten_members_lasts_4_to_24_seconds():
    found = {
        name: times(name, compare(200, detectors={name: DETECTORS[name]})) for name in ("SWIM, suspicion", "Lifeguard")
    }
    assert min(found["SWIM, suspicion"]) >= 4.8 and fmean(found["SWIM, suspicion"]) < 7
    assert min(found["Lifeguard"]) >= 4.8 and max(found["Lifeguard"]) <= 27


# ── speed against false alarms ───────────────────────────────────────────────────────────────────────────────────


def test_on_a_calm_network_nobody_is_wrong():
    rows = compare(100)
    assert all(row.false == 0 and row.time is not None for row in rows)
    means = {row.detector: row.mean for row in summaries(rows)}
    assert means["SWIM"] < means["phi"] < means["time-out"] < means["Lifeguard"] < means["heartbeat"]


def test_suspicion_costs_time_and_saves_false_alarms():
    bad = Conditions(loss=0.2)
    found = {row.detector: row for row in summaries(compare(60, bad), bad)}
    assert found["SWIM"].false > 50 * found["SWIM, suspicion"].false > 50 * found["Lifeguard"].false / 2 > 0
    assert found["SWIM"].mean + 3 < found["SWIM, suspicion"].mean


def test_a_lower_threshold_is_faster_and_more_often_wrong():
    bad = Conditions(loss=0.05)
    rules = {f"{threshold}": Accrual(threshold=threshold, pause=0.5) for threshold in (1, 3, 8)}
    low, middle, high = summaries(compare(60, bad, rules), bad)
    assert low.mean < middle.mean < high.mean and low.false > middle.false > high.false


def slow_member(rules, runs=20, members=20):
    """One member of twenty hears and says nothing for 8 s, again and again; the others are well."""
    here = Conditions(members=members, seconds=120, slow=1, pause=8, pause_every=4, regular=True, crash=False)
    return summaries(compare(runs, here, rules), here)


def test_lifeguard_spares_the_well_when_one_member_is_slow():
    """The paper: 50 to 100 times fewer false alarms about members that are well [§3.2]. Here: more than 30."""
    plain, guarded = slow_member({"plain": Swim(lifeguard=False), "Lifeguard": Swim()})
    assert plain.of_well_per_hour > 100 and guarded.of_well_per_hour < plain.of_well_per_hour / 30


def test_without_lifeguards_longer_suspicion_the_factor_is_gone(monkeypatch):
    """A planted bug: suspicion always lasts only the least time."""
    monkeypatch.setattr(swim, "suspicion_time", lambda members, confirmations: swim.least_suspicion(members))
    plain, guarded = slow_member({"plain": Swim(lifeguard=False), "Lifeguard": Swim()})
    assert guarded.of_well_per_hour > plain.of_well_per_hour / 30


def test_a_grace_of_two_periods_is_caught_by_the_closed_form():
    """A planted bug in the rule, found by the mean."""
    found = times("heartbeat", compare(500, detectors={"heartbeat": Beats(grace=2)}))
    with pytest.raises(AssertionError):
        near(found, down_mean())


# ── runs ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_run_is_the_same_whatever_stands_beside_it():
    bad = Conditions(members=5, seconds=30, loss=0.1, pause=5, pause_every=20)
    few, many = compare(3, bad, seed=7), compare(260, bad, seed=7)  # more than one piece
    assert few == [row for row in many if row.run < 3]
    alone = compare(3, bad, {"Lifeguard": DETECTORS["Lifeguard"]}, seed=7)
    assert alone == [row for row in few if row.detector == "Lifeguard"]
    assert compare(3, bad, seed=8) != few


def test_who_is_stuck_for_longer_than_the_grace_is_declared_dead_though_it_lives():
    stuck = Conditions(slow=1, pause=30, pause_every=10, regular=True, crash=False)
    [row] = compare(1, stuck, HEARTBEAT, seed=1)
    assert row.time is None and row.false >= 1 and row.of_well == 0
    shorter = stuck._replace(pause=8)  # two beats late at the most: less than three periods
    assert sum(row.false for row in compare(50, shorter, HEARTBEAT)) == 0


@pytest.mark.parametrize(
    "act, words",
    [
        (lambda: compare(0), "runs=0: a whole number above 0"),
        (lambda: compare(1, Conditions(members=3)), "members=3: a whole number from 4 to 60"),
        (lambda: compare(1, Conditions(loss=1.0)), "loss=1.0: a probability, from 0 on and below 1"),
        (lambda: compare(1, Conditions(pause=-1)), "pause=-1: seconds, 0 or more"),
        (lambda: compare(1, Conditions(pause=1, pause_every=0)), "pause_every=0: seconds, more than 0"),
        (lambda: compare(1, Conditions(seconds=5)), "seconds=5: from 10 to 3600"),
        (lambda: compare(1, Conditions(slow=10)), "slow=10: of 10 members, 0 (all) to 9"),
        (lambda: compare(1, detectors={"phi": Accrual(threshold=0)}), "threshold=0: above 0, up to 1000"),
        (lambda: compare(1, detectors={"b": Beats(grace=-1)}), "grace=-1: a number, 0 or more"),
        (lambda: compare(1, detectors={"s": Swim(helpers=9)}), "helpers=9: a whole number from 0 to 8"),
    ],
)
def test_what_cannot_be_gets_one_clear_sentence(act, words):
    with pytest.raises(ValueError) as error:
        act()
    assert str(error.value) == words


def heard_at(*times, member=1, seconds=60):
    """Four members that nobody harms; this one is heard at these times, the others each second."""
    here = scene(1, Conditions(members=4, seconds=seconds, crash=False))
    beats = np.arange(seconds, dtype=float)[:, None, None] + np.zeros((1, 4))
    beats[:, 0, member] = np.inf
    beats[: len(times), 0, member] = times
    return here, Heard(beats, np.ones(beats.shape))


def test_a_beat_that_comes_just_after_the_verdict_shows_that_it_was_wrong():
    times = [*range(20), 22.1, *range(23, 60)]  # 3.1 s of silence
    for grace, false in ((3.0, 1), (3.2, 0)):
        assert by_grace(*heard_at(*times), Beats(1.0, 0.0, grace)).false.tolist() == [false]


def test_a_silence_that_was_held_for_death_is_not_learned_from():
    """Akka: else the next silence would have to be much longer."""
    times = [*range(20), *range(40, 46), *range(54, 60)]  # of 20 s, and of 8 s
    assert by_accrual(*heard_at(*times), Accrual()).false.tolist() == [2]
