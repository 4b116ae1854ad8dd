"""The judges of lesson 05: right answers are called correct, typical wrong ones get a helpful line, and none raises."""

import pytest

from swarmlab.lessons import counterexample, lesson05, scenes05
from swarmlab.lessons.lesson05 import Row, Small

from .judging import said

# ── recall ──


@pytest.fixture(scope="module")
def truth():
    return [move[1:] for move in lesson05.asked(lesson05.fresh_run())]


def test_recall_takes_what_the_trace_says(capsys, truth):
    assert said(capsys, "05.recall", truth) == "correct"
    assert said(capsys, "05.recall", [[word.title() for word in move] for move in truth]) == "correct"


@pytest.mark.parametrize("seed", range(3))
def test_the_four_moves_are_in_order_and_drawn_in_four_columns(seed):
    run = lesson05.fresh_run(seed)
    times = [move.time for move in lesson05.moves(run, lesson05.newest(run))]
    assert times == sorted(set(times))


def by(truth, old, new):
    """The same answer, with another author."""
    return [(before, after, new if who == old else who) for before, after, who in truth]


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("scheduler", "dispatcher", "the dispatcher only delivers"),
        ("agent", "dispatcher", "writes down what it is told"),
        ("agent", "scheduler", "the scheduler never talks to a worker"),
        ("orchestrator", "agent", "a dashed cell is a wish"),
        ("scheduler", "allocator", "both states are right, but it was not the allocator"),
        ("agent", "executor", "take the lane in which the state's name stands"),
        ("agent", "kubelet", "'kubelet' is no lane of the picture"),
    ],
)
def test_recall_names_what_was_mistaken(capsys, truth, old, new, why):
    line = said(capsys, "05.recall", by(truth, old, new))
    assert line.startswith("not yet: instant ") and why in line
    assert counterexample("05.recall").now > 0


def test_recall_names_a_wrong_state(capsys, truth):
    answer = [("new", after, who) for _, after, who in truth]
    assert "is right, but not from new" in said(capsys, "05.recall", answer)


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ("pending", "preparing", "from pending is right, to preparing is not, but it was not the allocator"),
        ("new", "assigned", "to assigned is right, from new is not, but"),
        ("new", "ready", "neither state is right, but"),
    ],
)
def test_recall_says_which_of_the_states_are_right(capsys, truth, before, after, why):
    answer = [(before, after, "allocator") if move[2] == "scheduler" else move for move in truth]
    assert why in said(capsys, "05.recall", answer)


@pytest.mark.parametrize("answer", [None, 5, "agent", [1] * 4, ["agent"] * 4, [("a", "b")] * 4, [("a", "b", 3)] * 4])
def test_recall_survives_any_answer(capsys, answer):
    assert said(capsys, "05.recall", answer).startswith("not yet: give four triples")


# ── modify ──


@pytest.mark.parametrize(
    ("commands", "line"),
    [
        (["service update --force web"], "correct"),
        (["docker service update --force --detach --update-delay 10s web"], "correct"),
        (["service scale web=4", "service scale web=3"], "correct. Not one of the three was missing."),
        (["service update --force --update-order start-first web"], "correct. Not one of the three was missing."),
    ],
)
def test_modify_takes_any_way_that_keeps_two_running(capsys, commands, line):
    assert said(capsys, "05.modify", commands) == line


@pytest.mark.parametrize(
    ("commands", "why"),
    [
        (["service scale web=0", "service scale web=3"], "only 0 of 3 ran"),
        (["service update --force --update-parallelism 0 web"], "only 0 of 3 ran"),
        (["service update web"], "nothing moves by itself"),
        (["node update --availability active worker-2"], "nothing moves by itself"),
        (["node update --availability drain worker-3"], "worker-3 gets no new tasks"),
        (["service scale web=4"], "in the end 4 replicas of web are wanted"),
        (["service rm web"], "only 0 of 3 ran"),
        (["service updat web"], "docker service updat web: "),
        ("service update --force web", "give a list"),
        ([], "give a list"),
        ([3], "give a list"),
        (None, "give a list"),
    ],
)
def test_modify_says_what_went_wrong(capsys, commands, why):
    line = said(capsys, "05.modify", commands)
    assert line.startswith("not yet: ") and why in line


# ── build ──


def planner(counts=lambda task: task.wanted, key=None, number=None):
    """A plan with the rules of the solution, some of them replaced by others."""

    def make_and_end(store):
        filled = [task for task in store.tasks if counts(task)]
        numbers = {task.slot for task in filled}
        missing = max(0, store.replicas - len(numbers))
        free = [slot for slot in range(1, 100) if slot not in numbers]
        make = free[:missing] if number is None else number(numbers, missing)
        copies, ranked = {}, []
        for task in sorted(filled, key=lambda task: (task.state != "running", task.slot)):
            copies[task.node] = copies.get(task.node, 0) + 1
            ranked.append((*(key or the_key)(task, copies[task.node]), len(ranked), task.slot))
        return make, [entry[-1] for entry in sorted(ranked)[store.replicas :]]

    return make_and_end


def the_key(task, copy):
    return (copy if task.node else 1000,)


def test_build_takes_the_engines_own_rules(capsys):
    assert said(capsys, "05.build", planner()) == "correct"
    assert said(capsys, "05.build", lesson05.engine_plan) == "correct"


@pytest.mark.parametrize(
    ("plan", "why"),
    [
        (planner(counts=lambda task: True), "is history, even while it runs"),
        (planner(counts=lambda task: task.state == "running" and task.wanted), "but it is wanted"),
        (
            planner(number=lambda taken, n: [max(taken, default=0) + 1 + k for k in range(n)]),
            "the lowest free ones are",
        ),
        (planner(key=lambda task, copy: (task.slot,)), "goes first: "),
        (planner(key=lambda task, copy: (copy,)), "it has no node yet"),
        (planner(key=lambda task, copy: (0 if task.node else 1,)), "it is copy number"),
        (planner(key=lambda task, copy: (copy if task.node else 1000, task.slot)), "it does not run"),
        (lambda store: None, "return two lists of slot numbers"),
        (lambda store: ([], ["web.1"]), "return two lists of slot numbers"),
        (lambda store: 1 / 0, "it raised ZeroDivisionError"),
        ([1], "give a function"),
    ],
)
def test_build_names_the_rule_that_was_forgotten(capsys, plan, why):
    line = said(capsys, "05.build", plan)
    assert line.startswith("not yet: ") and why in line


def test_the_random_stores_hold_every_trap():
    stores = lesson05.stores()
    assert len(stores) == 400 and len({str(store) for store in stores}) > 350
    plans = [lesson05.engine_plan(store) for store in stores]
    assert sum(bool(make) for make, _ in plans) > 50 and sum(bool(end) for _, end in plans) > 100


def test_the_worked_scale_down_is_that_of_the_reference():
    assert lesson05.worked() == {6: [7], 4: [5, 6], 2: [1, 3]}


def test_a_store_prints_itself_in_one_line():
    store = Small(2, (Row(1, "n1", "running"), Row(2, "", "new"), Row(2, "n3", "failed", False)))
    assert str(store) == "2 replicas; 1 on n1 running · 2 new · 2 on n3 failed (not wanted)"


# ── what the scenes show ──


@pytest.mark.parametrize("mode", ["replicated", "global"])
@pytest.mark.parametrize("then", scenes05.THEN)
def test_every_position_of_the_knobs_says_where_tasks_run(mode, then):
    _, sentence = scenes05.life(mode=mode, then=then)
    counts = [int(part.split()[-1].rstrip(".")) for part in sentence.partition("end: ")[2].split(", ")]
    if mode == "replicated":
        assert sum(counts) == 3
    else:
        assert counts == [int(not (then == "a worker dies" and n == 1)) for n in range(len(counts))]
    if mode == "replicated" and then == "it comes back":
        assert counts[1] == 0  # nothing moves back


def test_only_the_dispatcher_talks_to_an_agent():
    cluster = scenes05.workers(2)
    begun = cluster.now
    cluster.docker("service create --detach --name web --replicas 2 nginx")
    cluster.run_for(5)
    assert scenes05.sent_to(cluster, "worker-1", begun)["Assignments"] == 1
    assert set(scenes05.sent_to(cluster, "worker-1", begun)) == {"Assignments", "StatusAnswer", "HeartbeatAnswer"}


def test_compare_puts_our_figures_beside_the_real_ones(capsys):
    cluster = scenes05.workers(2)
    cluster.docker("service create --detach --name web nginx")
    cluster.run_for(5)
    lesson05.compare(cluster)
    for line in capsys.readouterr().out.splitlines():
        ours, _, real = line[44:].partition("the real engine: ")
        assert ours.strip().replace("1.00 s", "1 s") == real


def test_log_entries_grow_far_slower_than_tasks():
    small, large = scenes05.grow(10), scenes05.grow(60)
    assert large["tasks"] == 6 * small["tasks"] and large["log entries"] < 2 * small["log entries"]


# ── predictions ──
