"""networking.md §2.2: the table of gossip rounds, loss, clocks out of step, and who is left out."""

import numpy as np
import pytest

from swarmlab.traffic import rumours, theory
from swarmlab.traffic.rumours import curve, left_out, rounds_to, spread

SIGMAS = 4.5  # one seed in 150 000, per comparison

TABLE = {  # nodes: (runs of ours, rounds to all, their standard deviation, how finely they are printed)
    10: (4_000, 2.84, 0.5, 0.005),
    30: (2_000, 4.27, 0.5, 0.005),
    100: (600, 5.66, 0.5, 0.005),
    1_000: (80, 8.18, 0.6, 0.005),
    10_000: (20, 10.63, 0.6, 0.005),
    100_000: (4, 13.1, 0.5, 0.05),
}
THEIRS = 200  # how many runs the printed means are taken to rest on


def reached(nodes, runs, **settings):
    """Rounds to everybody, of the runs in which everybody heard."""
    found = rounds_to(spread(nodes, runs, "table", **settings))
    return found[np.isfinite(found)]


def check_rounds(nodes):
    runs, printed, deviation, fine = TABLE[nodes]
    found = reached(nodes, runs)
    error = deviation * (1 / len(found) + 1 / THEIRS) ** 0.5
    assert abs(found.mean() - printed) <= SIGMAS * error + fine, f"{found.mean():.3f}, not {printed} ± {error:.3f}"


@pytest.mark.parametrize("nodes", TABLE)
def test_rounds_until_everybody_knows(nodes):
    check_rounds(nodes)


@pytest.mark.parametrize(("nodes", "half", "nearly"), [(100, 3.9, 5.3), (1_000, 5.0, 7.0), (10_000, 7.0, 9.0)])
def test_rounds_until_half_and_nearly_all_know(nodes, half, nearly):
    """Whole rounds, nearly the same in all runs; printed with one digit."""
    rumour = spread(nodes, 20_000 // nodes + 10, "half")
    assert rounds_to(rumour, 0.5).mean() == pytest.approx(half, abs=0.2)
    assert rounds_to(rumour, 0.99).mean() == pytest.approx(nearly, abs=0.2)


@pytest.mark.parametrize(("loss", "rounds"), [(0.1, 6.1), (0.3, 7.2)])
def test_loss_costs_rounds(loss, rounds):
    found = reached(100, 600, loss=loss)
    assert abs(found.mean() - rounds) <= SIGMAS * found.std() * (1 / 600 + 1 / THEIRS) ** 0.5 + 0.05


def test_theory_is_within_half_a_round():
    for nodes, (_, printed, _, _) in TABLE.items():
        assert theory.gossip_rounds(nodes) == pytest.approx(printed, abs=0.5)


def test_clocks_out_of_step_are_faster():
    """10 000 nodes: 1.2 to 1.4 s instead of 2.1."""
    seconds = reached(10_000, 4, lockstep=False) * 0.2
    assert 1.1 < seconds.mean() < 1.4
    assert 1.4 < reached(10_000, 4).mean() * 0.2 / seconds.mean() < 2.2


def test_packets_leave_somebody_out_and_ticks_do_not():
    """memberlist's limit of 8 packets: 0.1 to 1 % of the runs at n = 30. Of 6000 runs that is 6 to 60, ± 8."""
    runs, nodes = left_out(spread(30, 6_000, "left out"))
    assert 0.0004 < runs < 0.0125
    assert 0 < nodes < runs / 20
    assert left_out(spread(30, 6_000, "left out", counted="ticks")) == (0, 0)


def test_nobody_sends_more_than_the_limit_or_to_itself():
    rumour = spread(30, 200, "limits")
    assert rumour.sent.max() <= theory.retransmit_limit(30) == 8
    assert spread(30, 200, "limits", counted="ticks").sent.max() <= 24
    assert (rumour.teller != np.arange(30)).all()


def test_each_hears_from_one_who_knew():
    rumour = spread(200, 5, "tellers")
    for heard, teller in zip(rumour.heard, rumour.teller, strict=True):
        assert (heard[0], teller[0]) == (0, -1)
        assert (heard[teller[1:]] < heard[1:]).all()


def test_one_tells_different_others():
    """Three of three others: all know after one round."""
    assert (spread(4, 50, "four").heard.max(axis=1) == 1).all()


def test_any_two_targets_are_as_likely():
    """Node 0 tells 2 of 5 others in 3000 runs: each pair 300 ± 16."""
    rumour = spread(6, 3_000, "pairs", fanout=2)
    told = [tuple(np.flatnonzero(row == 1)) for row in rumour.heard]
    counts = {pair: told.count(pair) for pair in set(told)}
    assert len(counts) == 10
    assert all(abs(number - 300) < 5 * 16.4 for number in counts.values())


def test_the_curve_rises_from_the_first_to_all():
    shares = curve(spread(1_000, 5, "curve"), np.arange(13))
    assert shares[0] == 0.001 and shares[-1] == 1
    assert (np.diff(shares) >= 0).all()
    assert shares[1] == 0.004


def test_the_same_seed_is_the_same_rumour():
    assert (spread(50, 3, "x").heard == spread(50, 3, "x").heard).all()
    assert (spread(50, 3, "x").heard != spread(50, 3, "y").heard).any()


def test_a_rumour_that_one_in_ten_does_not_pass_on_is_caught(monkeypatch):
    """A planted bug: a tenth of the packets goes nowhere."""

    def planted(tell, nodes, fanout, dice, _packets=rumours._packets):
        to = _packets(tell, nodes, fanout, dice)
        return np.where(dice.random(to.shape) < 0.1, tell, to)

    monkeypatch.setattr(rumours, "_packets", planted)
    with pytest.raises(AssertionError, match=r"not 5\.66"):
        check_rounds(100)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"nodes": 1}, "nodes must be a whole number from 2 on, not 1"),
        ({"nodes": 3}, "with 3 nodes there are 2 others to tell, not 3"),
        ({"runs": 0}, "runs must be a whole number from 1 on, not 0"),
        ({"fanout": 0}, "the fanout must be a whole number from 1 on, not 0"),
        ({"limit": -1}, "the limit must be a whole number from 1 on, not -1"),
        ({"loss": 1}, "the loss must be from 0 on and below 1, not 1"),
        ({"counted": "bytes"}, "the limit counts packets or ticks, not 'bytes'"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(settings, said):
    with pytest.raises(ValueError, match=said):
        spread(**{"nodes": 10, **settings})
