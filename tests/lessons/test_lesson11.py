"""The judges of lesson 11: right answers are called correct, typical wrong ones get a helpful line, and none raises."""

import nbformat
import pytest

from swarmlab.events import FailureCounted, UpdateBegun
from swarmlab.lessons import counterexample, lesson11, scenes11
from swarmlab.viz.updatefold import update_of

from .judging import said

NOTEBOOK = "notebooks/11_rolling_updates.ipynb"


# ── what the predictions say is what happens ─────────────────────────────────────────────────────────────────────


def test_three_slots_with_a_delay_of_ten_seconds_take_62_seconds():
    run = scenes11.updated(scenes11.serving(), "--image acme/web:2 --update-delay 10s", 73)
    assert update_of(run.trace, "web").done.at == pytest.approx(62, abs=1)
    assert scenes11.lost(run).startswith("0 of ")


def test_a_worker_goes_on_while_the_other_is_stuck():
    run = scenes11.updated(scenes11.slow_line(), "--image acme/web:2 --update-parallelism 2")
    taken = [(place, second) for second, place, _ in update_of(run.trace, "web").taken]
    assert [place for place, _ in taken] == [f"web.{n}" for n in range(1, 7)]
    slow = next(fill for fill in update_of(run.trace, "web").fills if fill.place == "web.4" and fill.version > 1)
    runs = next(start for start, _, state in slow.phases if state == "running")
    assert dict(taken)["web.5"] < dict(taken)["web.6"] < runs  # two more were taken meanwhile


def test_a_bad_version_goes_through_without_a_check_and_stops_with_one():
    bad = "--image acme/web:mute --update-delay 5s"
    without, checked = (scenes11.updated(scenes11.serving(options), bad) for options in ("", scenes11.CHECK))
    assert scenes11.state(without) == "completed" and set(scenes11.versions(without).values()) == {"mute"}
    assert scenes11.state(checked) == "paused" and scenes11.versions(checked) == {"web.2": "1", "web.3": "1"}
    assert scenes11.bad_image(without, "")["noticed"] is None and scenes11.bad_image(checked, "")["decided"]


def test_a_paused_service_starts_the_new_version_and_a_rollback_toggles():
    cluster = scenes11.serving()
    cluster.docker("service update -d --image acme/web:bad web")
    cluster.run_for(10)
    lesson11.kill(cluster, 3)
    cluster.run_for(15)
    third = [task for task in cluster.tasks if task.slot == 3]
    assert any(":bad" in task.spec.container.image for task in third)
    for version in "1", "bad":
        cluster.docker("service rollback -d web")
        assert f":{version}@" in cluster.services[0].spec.task.container.image + "@"
        cluster.run_for(35)


def test_the_next_leader_finishes_the_update():
    swarm = scenes11.led_by_three()
    swarm.docker("service update --detach --image acme/web:2 --update-delay 5s web", "manager-1")
    swarm.run_for(5)
    swarm.crash(swarm.leader)
    swarm.run_for(75)
    assert scenes11.state(swarm) == "completed" and set(scenes11.versions(swarm).values()) == {"2"}
    assert len(swarm.trace.of(UpdateBegun)) == 2  # once by each leader


# ── recall ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_recall_takes_what_was_counted(capsys):
    assert said(capsys, "11.recall", (2, "paused")) == "correct"


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        ((5, "paused"), "does not count"),
        ((3, "paused"), "does not count"),
        ((2, "completed"), "a share of 0.5; compare it with 0.3"),
        ((2, "broken"), "is none of completed, paused, updating"),
        (2, "answer with two things"),
        (None, "answer with two things"),
        ("ab", "answer with two things"),
    ],
)
def test_recall_says_what_was_overlooked(capsys, answer, hint):
    line = said(capsys, "11.recall", answer)
    assert line.startswith("not yet: ") and hint in line


@pytest.mark.parametrize("seed", range(4))
def test_every_story_holds_what_counts_and_what_does_not(seed):
    story = lesson11.fresh_update(seed)
    killed = [line for line in story.lines if line.endswith("is killed")]
    assert len(killed) > story.failures == len(story.cluster.trace.of(FailureCounted)) > 1


# ── modify ───────────────────────────────────────────────────────────────────────────────────────────────────────

CURL = "--health-cmd 'curl -f http://localhost/' --health-interval 2s"


@pytest.mark.parametrize(
    "flags", [f"{CURL} --health-start-period 20s", f"{CURL} --health-timeout 1s --health-retries 8"]
)
def test_modify_takes_a_check_that_lets_a_slow_start_live(capsys, flags):
    assert said(capsys, "11.modify", flags) == "correct"


@pytest.mark.parametrize(
    ("flags", "hint"),
    [
        ("--update-delay 20s", "as soon as its process runs"),
        ("--update-order start-first", "as soon as its process runs"),
        (f"{CURL} --health-timeout 1s", "does the check let a task of eight seconds live"),
        ("--health-cmd true --health-interval 1s", "visits are lost"),
        ("--image acme/web:2", "the image stays"),
        ("--nonsense", "docker says: unknown flag: --nonsense"),
        (5, "answer with flags"),
        ("", "answer with flags"),
    ],
)
def test_modify_says_what_is_wrong(capsys, flags, hint):
    line = said(capsys, "11.modify", flags)
    assert line.startswith("not yet: ") and hint in line


# ── build ────────────────────────────────────────────────────────────────────────────────────────────────────────


def policy(goal):
    how = f"--update-order start-first --update-parallelism {goal.tasks - 4}"
    how = how if goal.running == 4 else f"--update-parallelism {4 - goal.running}"
    return how + (" --update-failure-action rollback" if goal.heals else "")


def test_build_takes_a_policy_that_keeps_every_goal(capsys):
    assert said(capsys, "11.build", policy) == "correct. four images, four goals"


@pytest.mark.parametrize(
    ("mine", "hint"),
    [
        (lambda goal: "", "only 3 slots ran"),
        (lambda goal: "--update-parallelism 0", "only 0 slots ran"),
        (lambda goal: "--update-order start-first --update-parallelism 0", "8 tasks ran at once"),
        (lambda goal: "--update-order start-first --update-delay 10s", "add up replacements"),
        (
            lambda goal: policy(goal).partition(" --update-failure")[0],
            "what follows a failure unless you say otherwise",
        ),
        (lambda goal: policy(goal).replace("rollback", "continue"), "slots ran"),
        (lambda goal: "--update-order sideways", "docker says: "),
        (lambda goal: None, "must return flags"),
        (lambda goal: 1 / 0, "ZeroDivisionError"),
        ("flags", "write a function"),
    ],
)
def test_build_says_what_is_wrong(capsys, mine, hint):
    line = said(capsys, "11.build", mine)
    assert line.startswith("not yet: ") and hint in line


def test_a_failed_policy_can_be_looked_at(capsys):
    said(capsys, "11.build", lambda goal: "")
    assert counterexample("11.build").trace


# ── the notebook ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_solutions_in_the_notebook_are_correct(capsys):
    text = "\n".join(cell.source for cell in nbformat.read(NOTEBOOK, 4).cells if cell.cell_type == "markdown")
    blocks = [block.partition("```")[0] for block in text.split("```python\n")[1:]]
    found: dict = {}
    for block in blocks:
        exec(block, found)
    assert said(capsys, "11.modify", found["flags"]) == "correct"
    assert said(capsys, "11.build", found["policy"]).startswith("correct")
    assert '`(2, "paused")`' in text


def test_the_last_position_of_every_knob_can_be_drawn():
    drawn, words = scenes11.knobs(3, 15, "start-first", 16, 1.0, "continue", "bad", False, False)
    assert drawn.figure and "web" in words
