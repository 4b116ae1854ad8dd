"""The judges of lesson 00: right answers are called correct, typical wrong ones get a helpful line, and none raises."""

import pytest

from swarmlab.events import MachineCrashed
from swarmlab.lessons import counterexample, lesson00, reveal, source
from swarmlab.objects import RUNNING
from swarmlab.viz.frames import outage

from .judging import said

# ── recall ──


@pytest.fixture(scope="module")
def instants():
    trace = lesson00.fresh_run().trace
    row = outage(trace, trace.of(MachineCrashed)[0])
    return {name: row[name] / 1e6 for name in ("fault", "noticed", "decided", "healed")}


def test_recall_takes_what_was_read_off_the_board(capsys, instants):
    assert said(capsys, "00.recall", instants) == "correct"
    assert said(capsys, "00.recall", {name: round(time, 1) for name, time in instants.items()}) == "correct"


def test_recall_names_the_instant_that_is_off(capsys, instants):
    for name in instants:
        line = said(capsys, "00.recall", instants | {name: instants[name] + 3})
        assert line.startswith(f"not yet: {name} is when") and "3.0 s off" in line
    assert "has no 'healed'" in said(capsys, "00.recall", {k: v for k, v in instants.items() if k != "healed"})


@pytest.mark.parametrize(
    "answer",
    [
        None,
        5,
        "12 s",
        [1, 2, 3, 4],
        {"fault": "soon"},
        {},
        dict.fromkeys(["fault", "noticed", "decided", "healed"], float("nan")),
    ],
)
def test_recall_survives_any_answer(capsys, answer):
    assert said(capsys, "00.recall", answer).startswith("not yet: ")


# ── modify ──


@pytest.mark.parametrize(
    "machines", [["manager-1", "manager-2"], ["manager-2", "manager-3"], ["manager-1", "manager-2", "manager-3"]]
)
def test_modify_takes_any_majority_of_managers(capsys, machines):
    line = said(capsys, "00.modify", machines)
    assert line == ("correct" if len(machines) == 2 else "correct. With how few machines can you do it?")


@pytest.mark.parametrize(
    ("machines", "why"),
    [
        (["manager-1"], "`service create` still works"),
        (["worker-1", "worker-2"], "`service create` still works"),
        ([], "`service create` still works"),
        (["manager-1", "manager-1"], "name manager-1 once"),
        (["manager-1", "manager-2", "worker-1", "worker-2"], "the site does not answer"),
        (["worker-1", "worker-2", "worker-3", "worker-4"], "the site does not answer"),
        (["leader"], "no machine is called leader"),
        ("manager-1", "give a list"),
        (3, "give a list"),
        ([3], "give a list"),
    ],
)
def test_modify_says_what_is_missing(capsys, machines, why):
    line = said(capsys, "00.modify", machines)
    assert line.startswith("not yet: ") and why in line


# ── build ──


def by_running(cluster):
    slots = {(task.service, task.slot) for task in cluster.running}
    return len(slots) == sum(service.spec.replicas for service in cluster.services)


def by_what_is_written(cluster):
    return all(task.state == RUNNING for task in cluster.tasks if task.desired == RUNNING)


def by_nodes(cluster):
    return all(node.state == "ready" for node in cluster.nodes)


def by_counting_containers_of_the_dead(cluster):
    return len(cluster.tasks) >= 7


def by_counting_what_runs(cluster):
    """Right until a machine that was only frozen comes back."""
    return len(cluster.running) >= sum(service.spec.replicas for service in cluster.services)


def by_the_number_of_the_lesson(cluster):
    return len({(task.service, task.slot) for task in cluster.running}) == 7


def by_the_clock(cluster):
    return cluster.now > 30


def by_moving_time(cluster):
    cluster.run_for(60)
    return True


def test_build_takes_a_function_that_looks_at_what_truly_runs(capsys):
    assert said(capsys, "00.build", by_running) == "correct"
    assert said(capsys, "00.build", lesson00.all_filled) == "correct"


@pytest.mark.parametrize(
    "healed",
    [by_what_is_written, by_counting_containers_of_the_dead, by_counting_what_runs, lambda c: True],
)
def test_build_shows_the_slot_that_was_empty(capsys, healed):
    line = said(capsys, "00.build", healed)
    assert "is empty" in line and 'counterexample("00.build")' in line and "but  is" not in line
    assert counterexample("00.build").now > 0 and not lesson00.all_filled(counterexample("00.build"))


@pytest.mark.parametrize(
    "healed", [by_nodes, by_the_number_of_the_lesson, by_the_clock, by_moving_time, lambda c: False]
)
def test_build_wants_it_true_whenever_all_is_filled_and_only_then(capsys, healed):
    line = said(capsys, "00.build", healed)
    assert line.startswith("not yet: ")


@pytest.mark.parametrize("healed", [None, 5, lambda: True, lambda c: 1 / 0, lambda c: exit(), "healed", True])
def test_build_survives_any_answer(capsys, healed):
    assert said(capsys, "00.build", healed).startswith("not yet: ")


def test_a_correct_answer_leaves_no_counterexample(capsys):
    said(capsys, "00.build", lambda c: True)
    said(capsys, "00.build", by_running)
    with pytest.raises(ValueError, match="check an answer first"):
        counterexample("00.build")


# ── predictions ──


@pytest.mark.parametrize("guess", [3, "zebra", None, ["a"]])
def test_reveal_survives_any_guess(capsys, guess):
    reveal("00.1", guess)
    assert lesson00.PREDICTIONS["1"].fact in capsys.readouterr().out


def test_compare_puts_the_waits_of_both_outages_beside_the_real_ones(capsys):
    bar = {"fault": 1_000_000, "noticed": 14_000_000, "decided": 14_100_000, "healed": 20_000_000}
    lesson00.compare([bar, bar])
    out = capsys.readouterr().out
    assert [line.split(";")[0].split()[-2] for line in out.splitlines()] == ["13.0", "6.0", "13.1"]


def test_source_prints_what_learners_are_to_read(capsys):
    source(lesson00.all_filled)
    assert capsys.readouterr().out.startswith("def all_filled(cluster")
