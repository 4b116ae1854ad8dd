"""The judges of lesson 04: right answers are called correct, typical wrong ones get a helpful line, and none raises."""

import pytest

from swarmlab.check.linearizability import judge
from swarmlab.events import BecameLeader
from swarmlab.lessons import counterexample, lesson04
from swarmlab.raft.quorum import majority
from swarmlab.viz.zones import sides

from .judging import said

# ── recall ──


@pytest.fixture(scope="module")
def truth():
    return [lesson04.who_writes(cut) for cut in lesson04.fresh_cuts()]


def test_recall_takes_what_the_groups_do(capsys, truth):
    assert said(capsys, "04.recall", truth) == "correct"
    assert said(capsys, "04.recall", [side.lower() for side in truth]) == "correct"


def test_the_cuts_hold_every_trap(truth):
    cuts = lesson04.fresh_cuts()
    assert truth.count("none") == 3 and {"A", "B"} <= set(truth)
    led = [next((s for s, names in zip("ABC", cut.sides, strict=False) if cut.leader in names), "") for cut in cuts]
    assert any(side and wins not in (side, "none") for side, wins in zip(led, truth, strict=True))
    alive = [sum(map(len, cut.sides)) for cut in cuts]
    assert any(
        wins == "none" and max(map(len, cut.sides)) > number / 2
        for cut, number, wins in zip(cuts, alive, truth, strict=True)
    )


@pytest.mark.parametrize("seed", range(6))
def test_a_side_writes_exactly_if_it_has_more_than_half_of_the_members(seed):
    for cut in lesson04.fresh_cuts(seed):
        wide = [side for side, names in zip("ABC", cut.sides, strict=False) if len(names) >= majority(cut.members)]
        assert lesson04.who_writes(cut) == next(iter(wide), "none")


def wrong(truth, choose):
    """The answer of somebody who looks at the wrong thing."""
    return [choose(cut, side) for cut, side in zip(lesson04.fresh_cuts(), truth, strict=True)]


def by_the_old_leader(cut, _):
    return next((side for side, names in zip("ABC", cut.sides, strict=False) if cut.leader in names), "none")


def by_the_living(cut, _):
    alive = sum(map(len, cut.sides))
    return next((side for side, names in zip("ABC", cut.sides, strict=False) if len(names) > alive / 2), "none")


def by_half(cut, truth):
    return next((side for side, names in zip("ABC", cut.sides, strict=False) if 2 * len(names) >= cut.members), truth)


@pytest.mark.parametrize(
    ("choose", "why"),
    [
        (by_the_old_leader, "does not help, it must resign"),
        (by_the_living, "those without power are still members"),
        (by_half, "has 2 of 4 members, and 3 are needed"),
        (lambda cut, truth: "none", "how many are more than half?"),
    ],
)
def test_recall_names_what_was_overlooked(capsys, truth, choose, why):
    line = said(capsys, "04.recall", wrong(truth, choose))
    assert line.startswith("not yet: cut ") and why in line


@pytest.mark.parametrize("answer", [None, 5, "none", [1] * 6, ["A"] * 5, ["D"] * 6, ["C"] * 6, [""] * 6])
def test_recall_survives_any_answer(capsys, answer):
    assert said(capsys, "04.recall", answer).startswith("not yet: ")


# ── modify ──


@pytest.mark.parametrize(
    ("layout", "line"),
    [
        ({"a": 2, "b": 2, "c": 1}, "correct"),
        ({"x": 1, "y": 2, "z": 2}, "correct"),
        (dict.fromkeys("abcde", 1), "correct. With how few zones can you do it?"),
    ],
)
def test_modify_takes_any_layout_that_survives_each_zone(capsys, layout, line):
    assert said(capsys, "04.modify", layout) == line


@pytest.mark.parametrize(
    ("layout", "why"),
    [
        ({"a": 3, "b": 2}, "when zone a loses power, 2 of 5 managers are left"),
        ({"a": 1, "b": 3, "c": 1}, "when zone b loses power, 2 of 5"),
        ({"a": 5}, "0 of 5 managers are left"),
        ({"a": 2, "b": 2}, "these are 4 managers"),
        ({"a": 2, "b": 2, "c": 2}, "these are 6 managers"),
        ({"a": 2.5, "b": 2.5}, "give a dictionary"),
        ({"a": -1, "b": 6}, "give a dictionary"),
        ([2, 2, 1], "give a dictionary"),
        (None, "give a dictionary"),
    ],
)
def test_modify_names_the_zone_that_must_not_go(capsys, layout, why):
    line = said(capsys, "04.modify", layout)
    assert line.startswith("not yet: ") and why in line


# ── build ──


def promote(*numbers):
    return [f"node promote worker-{n}" for n in numbers]


def demote(*numbers):
    return [f"node demote manager-{n}" for n in numbers]


RIGHT = {
    "in turns": promote(1) + demote(1) + promote(2) + demote(2) + promote(3) + demote(3),
    "all first": [f"docker {command}" for command in promote(1, 2, 3) + demote(3, 2, 1)],
    "in one line": [
        "node promote worker-1 worker-2 worker-3",
        "node demote manager-1 manager-2 manager-3",
    ],
}
WRONG = {
    "demote first": (demote(1) + promote(1) + demote(2) + promote(2) + demote(3) + promote(3), "there are 2 managers"),
    "through two": (promote(1) + demote(1, 2) + promote(2, 3) + demote(3), "there are 2 managers: 1 can be reached"),
    "too few": (promote(1, 2, 3), "they should be worker-1, worker-2, worker-3"),
    "rm": ([*promote(1, 2, 3), "node rm --force manager-1"], "It must be demoted to worker before removal"),
    "typo": (["node promot worker-1"], "unknown command"),
    "no list": ("node promote worker-1", "give a list"),
    "nothing": ([], "give a list"),
    "no text": ([1], "give a list"),
    "endless": (promote(1) * 31, "far fewer"),
}


@pytest.mark.parametrize("commands", RIGHT.values(), ids=RIGHT)
def test_build_takes_any_order_that_can_always_lose_one(capsys, commands):
    assert said(capsys, "04.build", commands) == "correct"


@pytest.mark.parametrize(("commands", "why"), WRONG.values(), ids=WRONG)
def test_build_says_where_it_went_wrong(capsys, commands, why):
    line = said(capsys, "04.build", commands)
    assert line.startswith("not yet: ") and why in line
    if "counterexample" in line:
        assert counterexample("04.build").now > 0


def test_build_misses_a_write_that_was_answered_and_is_gone():
    change = lesson04.Change(lesson04.Cluster(managers=3, workers=3, seed=66, messages=False), 0)
    for command in RIGHT["all first"]:
        change.type(command.removeprefix("docker "))
        change.watch(20)
    assert change.problem == "" and change.what_is_left() == "" and len(change.written) > 10
    change.written.append("w0")
    assert change.what_is_left() == "1 writes were answered and are gone."


# ── what the scenes show ──


def test_an_even_number_of_managers_buys_nothing():
    assert [lesson04.may_die(number) for number in range(1, 8)] == [0, 0, 1, 1, 2, 2, 3]


@pytest.mark.parametrize("what", lesson04.FAULTS)
@pytest.mark.parametrize(("managers", "zones"), [(5, 3), (4, 2), (9, 3), (1, 1)])
def test_the_board_of_zones_says_what_the_group_does(what, managers, zones):
    _, sentence = lesson04.zone_board(managers, zones, what)
    layout = lesson04.by_zone(lesson04.spread_over(managers, zones))
    dead = ["a"] if "power" in what else []
    cut = {"a is": ["a"], "link": [("a", "b")], "all": "all"}
    found = sides(layout, dead, next((gap for key, gap in cut.items() if key in what), ()) if zones > 1 else ())
    assert ("it was agreed on" in sentence) == any(side.through for side in found)


def test_a_lease_that_trusts_a_slow_clock_reads_old_news():
    assert judge(lesson04.stale_read(1)).ok
    assert judge(lesson04.stale_read(0.5)).ok is False


def test_with_pre_vote_a_member_that_comes_back_disturbs_nobody():
    assert [len(lesson04.come_back(pre_vote).trace.of(BecameLeader)) for pre_vote in (False, True)] == [2, 1]


def test_six_steps_or_two_replace_three_members():
    one_by_one, jointly = (lesson04.memberships(lesson04.replace_all(joint)) for joint in (False, True))
    assert len(one_by_one) == 7 and len(jointly) == 3
    assert jointly[1] == "2 of node-1 node-2 node-3 and 2 of node-4 node-5 node-6"


def test_compare_puts_the_waits_beside_the_real_ones(capsys):
    swarm = lesson04.site(5)
    dark = swarm.now
    swarm.crash("manager-1")
    swarm.crash("manager-2")
    swarm.run_for(60)
    lesson04.compare(swarm, dark)
    table, waits, named = capsys.readouterr().out.splitlines()
    assert "1:0 3:1 5:2 7:3" in table and "gives up after 20 s" in waits and "after the loss" in named


# ── predictions ──
