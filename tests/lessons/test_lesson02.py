"""The judges of lesson 02: right answers are called correct, typical wrong ones get a helpful line, and none raises."""

import pytest

from swarmlab.check.elections import SWARM, trials
from swarmlab.lessons import counterexample, lesson02, reveal
from swarmlab.raft import SWARMKIT

from .judging import said

# ── recall ──


@pytest.fixture(scope="module")
def right():
    return lesson02.outcome(lesson02.fresh_run())


def test_recall_takes_what_was_read_off_the_diagram(capsys, right):
    assert right == {1: "node-3", 2: "split", 3: "node-5", 4: "behind", 5: "node-2"}
    assert said(capsys, "02.recall", right) == "correct"
    assert said(capsys, "02.recall", {str(term): name.upper() for term, name in right.items()}) == "correct"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({2: "node-1"}, "count the ✓ for node-1"),  # asking is not winning
        ({2: "behind"}, "that is a split vote"),
        ({4: "node-1"}, "what do the others have that its log lacks"),  # the first to ask is not the winner
        ({4: "split"}, "only node-1 asks"),
        ({3: "split"}, "somebody leads term 3"),
        ({3: "node-3"}, "the old leader has an old one"),
        ({5: "node-9"}, "is no server"),
        ({5: "nobody"}, "is no server"),
        ({6: "node-1"}, "there is no term 6"),
    ],
)
def test_recall_says_where_to_look(capsys, right, change, why):
    line = said(capsys, "02.recall", right | change)
    assert line.startswith("not yet: ") and why in line
    assert lesson02.outcome(counterexample("02.recall")) == right


@pytest.mark.parametrize("answer", [None, 5, "node-1", ["node-1"], {}, {1: 3}, {"one": "node-3"}])
def test_recall_survives_any_answer(capsys, answer):
    assert said(capsys, "02.recall", answer).startswith("not yet: ")


# ── modify ──


@pytest.mark.parametrize("timeouts", [(150, 300), (100, 200), [120, 300]])
def test_modify_takes_every_range_that_meets_the_goal(capsys, timeouts):
    assert said(capsys, "02.modify", timeouts) == "correct"


@pytest.mark.parametrize(
    ("timeouts", "why"),
    [
        ((150, 155), "Widen the range"),  # splits for ever
        ((150, 175), "several ask at once"),
        ((150, 600), "the waiting itself"),
        ((300, 600), "the waiting itself"),
        ((50, 100), "pauses for 60 ms"),
        ((12, 24), "before the votes are back"),  # shorter is not better
        ((2, 4), "before the votes are back"),
        ((0.15, 0.3), "not seconds"),
        ((300, 150), "is no range"),
        ((0, 0), "is no range"),
        ((150, 1e9), "are milliseconds"),
    ],
)
def test_modify_says_what_is_wrong_with_a_range(capsys, timeouts, why):
    line = said(capsys, "02.modify", timeouts)
    assert line.startswith("not yet: ") and why in line


@pytest.mark.parametrize("answer", [None, 5, "150-300", (150,), (150, "300"), (150, float("nan")), (True, 300), {}])
def test_modify_survives_any_answer(capsys, answer):
    assert said(capsys, "02.modify", answer).startswith("not yet: ")


def test_a_counterexample_is_a_run_that_the_board_can_show(capsys):
    said(capsys, "02.modify", (150, 175))
    assert counterexample("02.modify").trace.alarms and counterexample("02.modify").crashed > 0


# ── build ──


@pytest.mark.parametrize(
    "timeouts",
    [
        lambda latency, n: (10 * latency, (25 if n < 5 else 20) * latency),
        lambda latency, n: (10 * latency, 30 * latency),
        lambda latency, n: (8.5 * latency, 22 * latency),
    ],
)
def test_build_takes_what_scales_with_the_latency(capsys, timeouts):
    assert said(capsys, "02.build", timeouts) == "correct"


@pytest.mark.parametrize(
    ("timeouts", "why"),
    [
        (lambda latency, n: (150, 300), "LAN, 0.8 ms one way, 3 servers: 9 of 10 elections are over after 2"),
        (lambda latency, n: (10_000, 19_000), "the waiting itself"),
        (lambda latency, n: (10 * latency, 11 * latency), "Widen the range"),
        (lambda latency, n: (5 * latency, 20 * latency), "pauses for 5 ms"),
        (lambda latency, n: (2 * latency, 4 * latency), "loses its office"),
        (lambda latency, n: (latency / 2, latency), "Count in one-way latencies"),
        (lambda latency, n: (latency / 100, latency / 50), "Count in one-way latencies"),
        (lambda latency, n: (30 * latency, 60 * latency), "the waiting itself"),
        (lambda latency, n: (20 * latency, 10 * latency), "is no range"),
        (lambda latency, n: None, "give two numbers"),
        (lambda latency, n: 10 * latency, "give two numbers"),
        (lambda latency, n: 1 / 0, "ZeroDivisionError"),
        (lambda latency: (1, 2), "TypeError"),
    ],
)
def test_build_names_the_place_and_what_to_change(capsys, timeouts, why):
    line = said(capsys, "02.build", timeouts)
    assert line.startswith("not yet: ") and why in line


def test_build_finds_time_outs_that_suit_one_place_only(capsys):
    """Good on a LAN and over a wide area, and too coarse for a clock that counts seconds."""

    def capped(latency, n):
        return min(10 * latency, 2_000), min(25 * latency, 4_000)

    assert "Swarm, 1000 ms one way, 3 servers" in said(capsys, "02.build", capped)


@pytest.mark.parametrize("answer", [None, (150, 300), "10 to 19"])
def test_build_survives_any_answer(capsys, answer):
    assert said(capsys, "02.build", answer).startswith("not yet: ")


# ── predictions, and what the text says of the scenes ──


@pytest.mark.parametrize(
    ("name", "option", "what_to_look_at"),
    [
        ("2", "a", "Look at the empty place"),  # two of five left, two votes win
        ("4", "a", "Look at the badges"),  # there are never two leaders
        ("6", "a", "Look at the crosses"),  # shorter is better
        ("5", "a", "Look at the answers"),  # the first to time out wins
    ],
)
def test_each_misreading_is_answered_with_the_picture_that_settles_it(capsys, name, option, what_to_look_at):
    reveal(f"02.{name}", option)
    assert what_to_look_at in capsys.readouterr().out


def test_two_lead_for_a_while_and_only_the_one_with_a_majority_gets_anything_done():
    group = lesson02.led_group(2, SWARMKIT)
    old = group.leader
    few = {old, *lesson02.others(group, 1)}
    group.partition(few, set(group.members) - few)
    assert group.run_until(lesson02.two_lead)
    assert lesson02.leaders(group) == {old: 1, group.leader: 2}
    new = group.leader
    assert [group.write("x", name, to=name, wait=2) for name in (new, old)] == ["", "unknown"]
    assert lesson02.leaders(group) == {new: 2}


def test_a_shaky_server_costs_elections_and_pre_vote_spares_them():
    assert lesson02.flap(pre_vote=True) == "0 elections, term 1 in the end"
    assert int(lesson02.flap(pre_vote=False).split()[0]) > 3


def test_the_knobs_draw_the_elections_that_they_stand_for():
    from matplotlib import pyplot

    ax, words = lesson02.dots(12, 12, 2)
    pyplot.close(ax.figure)
    assert words.startswith("12-24 ms: 200 runs") and "needed more than one term" in words


def test_the_slowest_run_is_one_that_never_ends_if_there_is_one():
    found = trials(5, lesson02.case(150, 150, limit=1)) + trials(5, lesson02.case(150, 300))
    assert lesson02.slowest(found).time is None


def test_compare_puts_our_numbers_beside_the_published_ones(capsys):
    lesson02.compare(11.0, trials(5, SWARM))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6 and all(" ours " in line and " real " in line for line in lines)
    assert "0 of 10" in lines[0] and "11.0 s" in lines[4]
