"""The judges of lesson 10: right answers are called correct, typical wrong ones get a helpful line, and none raises."""

import nbformat
import pytest

from swarmlab.check.storms import is_storm, losses
from swarmlab.check.verdicts import docker, k_of_n, surprise
from swarmlab.events import ContainerStarted, HealthChanged, TaskStored
from swarmlab.lessons import counterexample, lesson10, scenes10
from swarmlab.viz.attempts import attempts_of
from swarmlab.viz.charts import draw_detectors
from swarmlab.viz.probefold import probes_of

from .judging import said

NOTEBOOK = "notebooks/10_health_and_self_healing.ipynb"
CURL = "--health-cmd 'curl -f http://localhost/'"


# ── what the predictions say is what happens ─────────────────────────────────────────────────────────────────────


def test_without_a_check_a_hang_is_never_noticed():
    run = scenes10.hung()
    assert scenes10.bar(run, "")["noticed"] is None and len(run.running) == 3
    assert probes_of(run.trace, "web.2").ill is not None


def test_with_the_slides_values_a_hang_lasts_for_minutes():
    run = scenes10.hung(scenes10.SLIDE)
    row = probes_of(run.trace, "web.2", scenes10.SLIDE)
    found = row.first("unhealthy", row.ill) - row.ill
    assert found == pytest.approx(259, abs=1)  # 4 min 19 s, as the prediction says
    low, high = scenes10.bounds(scenes10.SLIDE)
    assert (low, high) == (210, 300) and low <= found <= high


@pytest.mark.parametrize(
    "mine", [{"interval": 10, "timeout": 3, "retries": 3}, {"interval": 5, "timeout": 2, "retries": 1}]
)
def test_what_the_real_engine_would_take_holds_for_ours(mine):
    row = scenes10.bar(scenes10.hung(mine, 60), "")
    low, high = scenes10.real_figures(mine)[2]["noticed"]
    assert low - 0.2 <= (row["noticed"] - row["fault"]) / 1e6 <= high + 0.2


def test_values_that_docker_refuses_are_refused_in_its_words():
    with pytest.raises(ValueError, match="less than 1ms"):
        scenes10.hung({"interval": 0.0001, "timeout": 1, "retries": 1})
    assert scenes10.bounds({"interval": 10}) == (110, 120)  # the others are the usual ones


def test_a_task_that_hangs_and_stops_in_good_order_is_complete_and_not_replaced_on_failure():
    run = scenes10.hung({"interval": 5, "timeout": 2, "retries": 2}, 60)
    states = [r.fact.state for r in run.trace.of(TaskStored) if r.fact.name == "web.2"]
    assert "complete" in states and "failed" not in states and len(run.running) == 3
    flags = scenes10.flags_of({"interval": 5, "timeout": 2, "retries": 2}) + " --restart-condition on-failure"
    assert len(scenes10.hung(flags, 60).running) == 2


def test_a_slow_start_is_stopped_for_ever_without_a_start_period():
    quick = {"interval": 2, "timeout": 1, "retries": 2}
    killed, lives = scenes10.slow_start(quick), scenes10.slow_start(quick | {"start_period": 20})
    assert len(killed.trace.of(ContainerStarted)) == 5
    assert not [r for r in killed.trace.of(HealthChanged) if r.fact.status == "healthy"]
    assert len(lives.trace.of(ContainerStarted)) == 1 and len(lives.running) == 1


def test_used_up_attempts_leave_the_slot_empty_and_a_short_window_is_never_used_up():
    policy = {"condition": "any", "delay": 5, "max_attempts": 3}
    assert attempts_of(scenes10.crashing(policy).trace, "web.1", policy).used_up == pytest.approx(25.9, abs=0.2)
    for window, ends in (15, False), (25, True):
        short = policy | {"window": window}
        assert (attempts_of(scenes10.crashing(short).trace, "web.1", short).used_up is not None) == ends


def test_a_cut_worker_runs_on_and_a_second_copy_is_made():
    cluster = scenes10.four_visited()
    scenes10.cut_off(cluster, "worker-2")
    cluster.run_for(60)
    assert len(cluster.running) == 5 and sum(run.slot == 2 for run in cluster.running) == 2
    assert "5/4" in cluster.docker("service ls").stdout
    cluster.heal()
    cluster.run_for(40)
    assert len(cluster.running) == 4
    row = scenes10.bar(cluster, "")
    assert 9 <= (row["noticed"] - row["fault"]) / 1e6 <= 16.5


def test_a_restart_storm_has_load_as_its_cause_and_what_helps_helps(capsys):
    as_above = scenes10.storm()
    assert is_storm(losses(as_above.trace)) and scenes10.outcome(as_above).startswith("12 ")
    scenes10.show_causes(as_above)
    words = capsys.readouterr().out
    assert words.count("given up") == 2 and "its application hangs" in words and words.endswith("is unhealthy\n")
    for options in {"check": scenes10.BUSY | {"timeout": 5}}, {"more": "--env UVICORN_LIMIT_CONCURRENCY=20"}:
        assert scenes10.outcome(scenes10.storm(**options)).startswith(" 1 containers")
    harder = scenes10.storm(check={"interval": 1, "timeout": 1, "retries": 1})
    assert len(losses(harder.trace)) > len(losses(as_above.trace))


def test_a_storm_needs_the_first_that_hangs():
    assert losses(scenes10.storm(hangs=False).trace) == []


# ── recall ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_recall_takes_the_seconds_of_a_run(capsys):
    assert said(capsys, "10.recall", (52, 34)) == "correct. A 52.1 s, B 34.2 s"
    assert said(capsys, "10.recall", [51.5, 35]).startswith("correct")


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        ((6, 34), "the gaps between the checks"),
        ((18, 34), "the gaps between the checks"),
        ((63, 34), "the longest it can take"),
        ((34, 34), "given up only after its timeout"),
        ((52, 52), "for what would a check wait"),
        ((45, 34), "count: the next check, then 2 more"),
        ((52, 45), "count: the next check, then 2 more"),
        (("long", 34), "is no number of seconds"),
        ((True, 34), "is no number of seconds"),
        ((float("nan"), 34), "is not it"),
        (52, "answer with two numbers"),
        ("52, 34", "answer with two numbers"),
        (None, "answer with two numbers"),
    ],
)
def test_recall_says_what_was_overlooked(capsys, answer, hint):
    line = said(capsys, "10.recall", answer)
    assert line.startswith("not yet: ") and hint in line


@pytest.mark.parametrize("seed", range(1, 4))
def test_every_case_follows_the_rule(seed):
    case = lesson10.fresh_case(seed)
    every, out, times = (case.check[name] for name in ("interval", "timeout", "retries"))
    hangs, unwell = case.found
    assert hangs - unwell == pytest.approx(times * out, abs=0.2)
    assert (times - 1) * every < unwell < times * every
    assert len(case.run.running) == 1 and not [
        r for r in case.run.trace.of(HealthChanged) if r.fact.status == "unhealthy"
    ]


# ── modify ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "flags",
    [
        f"{CURL} --health-interval 2s --health-timeout 1s --health-start-period 20s",
        f"{CURL} --health-interval 1s --health-timeout 1s --health-retries 4 --health-start-period 1m",
    ],
)
def test_modify_takes_a_check_that_is_patient_at_first_and_quick_later(capsys, flags):
    assert said(capsys, "10.modify", flags) == "correct"


@pytest.mark.parametrize(
    ("flags", "hint"),
    [
        (f"{CURL} --health-interval 2s --health-timeout 1s", "could make them not count"),
        (f"{CURL} --health-interval 2s --health-timeout 1s --health-start-period 3s --health-retries 1", "not count"),
        (f"{CURL} --health-interval 10s --health-timeout 5s", "add up retries"),
        (f"{CURL} --health-interval 2s --health-timeout 1s --health-retries 8", "add up retries"),
        (f"{CURL} --health-start-period 20s", "is not noticed within 90 s"),
        ("--health-cmd true --health-interval 1s", "is there a check that asks for what visitors want"),
        ("--health-interval 1s", "is there a check that asks for what visitors want"),
        ("--no-healthcheck", "is there a check that asks for what visitors want"),
        ("--nonsense", "docker says: unknown flag: --nonsense"),
        ("--health-cmd 'curl", "docker says: "),
        ("", "answer with flags"),
        (5, "answer with flags"),
    ],
)
def test_modify_says_what_is_wrong(capsys, flags, hint):
    line = said(capsys, "10.modify", flags)
    assert line.startswith("not yet: ") and hint in line


def test_a_failed_check_can_be_looked_at(capsys):
    said(capsys, "10.modify", f"{CURL} --health-interval 2s --health-timeout 1s")
    assert counterexample("10.modify").trace


# ── build ────────────────────────────────────────────────────────────────────────────────────────────────────────


def mine(results):
    if not results[-1].ok and results[-1].took < 3:
        return False
    return sum(not one.ok for one in results[-5:]) < 4


def test_build_takes_a_verdict_that_tells_an_error_from_a_silence(capsys):
    assert said(capsys, "10.build", mine).startswith(
        "correct. noticed after 53.5 s on average, 2.75 false alarms a day"
    )
    assert said(capsys, "10.build", lambda results: "healthy" if mine(results) else "unhealthy").startswith("correct")


@pytest.mark.parametrize(
    ("verdict", "hint"),
    [
        (docker(3), "false alarms a day; at most 4 may be"),
        (docker(1), "The shortest: failed after 3.00 s, and the container was well"),
        (docker(5), "58 s is the goal"),
        (k_of_n(4, 5), "How does one that slows differ from a lost probe?"),
        (k_of_n(3, 5), "at most 4 may be"),
        (surprise(4), "58 s is the goal"),
        (lambda results: True, "are never noticed"),
        (lambda results: results[-1].took < 3, "at most 4 may be"),
        (lambda results: None, "True or 'healthy'"),
        (lambda results: results[99], "IndexError"),
        (3, "write a function"),
    ],
)
def test_build_says_what_is_wrong(capsys, verdict, hint):
    line = said(capsys, "10.build", verdict)
    assert line.startswith("not yet: ") and hint in line


def test_scores_put_yours_first(capsys):
    lesson10.scores(mine, 4)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("yours") and "Docker: 3 in a row" in lines[2] and len(lines) == 5


# ── the notebook ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_figures_beside_the_real_ones_agree(capsys):
    lesson10.compare()
    lines = capsys.readouterr().out.splitlines()
    assert "after 90 s" in lines[0] and "after 180 s" in lines[1] and "after 75 s" in lines[2] and "24 h" in lines[4]
    average, error = lesson10.crashed_workers()
    assert abs(average - 12.54) < 1.5 * error  # three standard errors


def test_the_solutions_in_the_notebook_are_correct(capsys):
    text = "\n".join(cell.source for cell in nbformat.read(NOTEBOOK, 4).cells if cell.cell_type == "markdown")
    blocks = [block.partition("```")[0] for block in text.split("```python\n")[1:]]
    found: dict = {}
    for block in blocks:
        exec(block, found)
    assert said(capsys, "10.modify", found["flags"]) == "correct"
    assert said(capsys, "10.build", found["verdict"]).startswith("correct")
    assert "`(52, 34)`" in text


@pytest.mark.parametrize("application", scenes10.APPLICATIONS.values())
def test_the_last_position_of_every_knob_can_be_drawn(application):
    drawn, words = scenes10.knobs(30, 10, 6, 40, application, 0.6)
    assert drawn.figure and "Health checks" in words


def test_a_check_that_asks_a_database_kills_a_healthy_task_when_packets_are_lost():
    assert "unhealthy" in scenes10.knobs(application="needy", loss=0.4)[1]
    assert "unhealthy" not in scenes10.knobs(application="needy")[1]


def test_an_even_heart_is_doubted_sooner():
    curves = scenes10.doubts({"even": 0.05, "uneven": 0.2, "very uneven": 0.4})
    assert scenes10.tell_doubts(curves).endswith("even: after 1.6 s, uneven: after 2.4 s, very uneven: not reached.")
    assert scenes10.draw_doubts(curves).figure


def test_detectors_can_be_drawn_in_any_weather():
    table, rows = scenes10.detectors_beside_time_outs(4)
    assert draw_detectors(table, rows).figure and len(table["time-out"]) == 4
    for loss, stuck, threshold, silent in (0.0, 0, 1, 2), (0.3, 10, 16, 8):
        assert scenes10.detector_knobs(loss, stuck, threshold, silent)[0].figure
