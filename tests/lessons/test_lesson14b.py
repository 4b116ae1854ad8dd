"""The judges of lesson 14b: right answers are called correct, typical wrong ones get a helpful line, and none raises."""

import nbformat
import pytest

from swarmlab.events import MachineCrashed
from swarmlab.lessons import counterexample, lesson14b

from .judging import said

NOTEBOOK = "notebooks/14b_lab_breaks.ipynb"
HEAD = 'version: "3.6"\nservices:\n'
CLIENTS, BALANCERS = "  python-client: {deploy: {replicas: 2}}\n", "  rabbit: {deploy: {replicas: 2}}\n"
BIND = "docker service update --detach --constraint-add node.labels.broker==2 rabbitmq_rabbit2"


@pytest.fixture(scope="module")
def right():
    """Which letter is which fault."""
    return {letter: row["machine"] for letter, row in lesson14b.fresh_bars().items()}


# ── what the lesson says is what happens (the scenes have tests of their own) ────────────────────────────────────


def test_compare_prints_our_figures_within_those_of_the_real_engine(capsys):
    lesson14b.compare()
    worker, leader, *masters = capsys.readouterr().out.splitlines()
    assert 9 <= float(worker.split()[5]) <= 16.5 and 9 <= float(leader.split()[3]) <= 19
    assert "2: goes on" in masters[0] and "1: stops" in masters[1]


def test_a_worker_refuses_to_scale_and_another_manager_does_it():
    one, three = lesson14b.scenes.evening(1), lesson14b.scenes.evening(3)
    for cluster in one, three:
        cluster.crash("manager-1")
        cluster.run_for(20)
    command = "service scale --detach rabbitmq_rabbit=2"
    assert "not a swarm manager" in one.docker(command, "worker-1").stderr
    assert three.docker(command, "manager-2").stdout == "rabbitmq_rabbit scaled to 2\n"


# ── recall ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_recall_takes_which_bar_is_which(capsys, right):
    assert sorted(right.values()) == sorted(lesson14b.FAULTS)
    assert said(capsys, "14b.recall", right) == "correct"
    loosely = {letter.lower(): f" {fault.title()} " for letter, fault in right.items()}
    assert said(capsys, "14b.recall", loosely) == "correct"


def test_the_bars_of_recall_do_not_say_what_they_are(capsys, monkeypatch):
    drawn = []
    monkeypatch.setattr("swarmlab.viz.charts.draw_outage", lambda rows: drawn.extend(rows))
    monkeypatch.setattr("swarmlab.viz.charts.show", lambda figure, words: print(words))
    lesson14b.show_bars()
    assert [row["title"] for row in drawn] == ["A", "B", "C", "D"] and not any("waiting" in row for row in drawn)
    assert not any(name in capsys.readouterr().out for name in ("worker", "manager", "broker", "master", "Elastic"))


@pytest.mark.parametrize(("fault", "hint"), lesson14b.SIGNS.items())
def test_recall_says_how_the_fault_that_was_named_would_look(capsys, right, fault, hint):
    letter = next(letter for letter, true in right.items() if true != fault)
    line = said(capsys, "14b.recall", right | dict.fromkeys("ABCD", fault))
    assert line.startswith(f"not yet: {letter} is not {fault}: {hint}. Look at {letter}: noticed after")


@pytest.mark.parametrize(
    "answer", [3, "ABCD", ["worker"], {"A": "worker"}, dict.fromkeys("ABCD", "fire"), {key: [] for key in "ABCD"}]
)
def test_recall_says_what_an_answer_looks_like(capsys, answer):
    line = said(capsys, "14b.recall", answer)
    assert line.startswith("not yet: ") and ("answer with a fault" in line or "is none of worker" in line)


# ── modify ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_modify_takes_whatever_keeps_the_broker_with_its_volume(capsys):
    """With a label it is tried below, as the solution of the notebook."""
    assert said(capsys, "14b.modify", BIND.replace("labels.broker==2", "hostname==worker-2")) == "correct"


@pytest.mark.parametrize(
    ("commands", "hint"),
    [
        ("docker node update --label-add broker=2 worker-2", "with an empty volume: nothing keeps it away"),
        (BIND, "does any node have what its constraint asks for?"),
        (
            f"docker node update --label-add broker=2 worker-1\n{BIND}",
            "began with 0 messages: its volume is on worker-2",
        ),
        ("docker service update --detach --constraint-add node.role==worker rabbitmq_rabbit2", "with an empty volume"),
        ("docker node update --availability drain worker-2", "its volume is on worker-2"),
        (f"{lesson14b.LABEL}\ndocker service rm rabbitmq_rabbit", "rabbitmq_rabbit runs no more"),
        ("docker service rm rabbitmq_rabbit2", "there is no service rabbitmq_rabbit2 any more"),
        ("docker node update --label-add broker=2 worker-9", "docker says: "),
        (
            "docker service update --detach --replicas 2 rabbitmq_rabbit2\n" + lesson14b.LABEL,
            "whose messages are rabbit2's?",
        ),
        ("docker events  # for ever", "`docker events` does not end"),
        ("hold the volume", "docker says: "),
        ("", "answer with docker commands"),
        (2, "answer with docker commands"),
    ],
)
def test_modify_says_what_is_missing(capsys, commands, hint):
    line = said(capsys, "14b.modify", commands)
    assert line.startswith("not yet: ") and hint in line


@pytest.mark.parametrize("seconds", [120, 128, 135.5])
def test_the_price_is_as_long_as_the_machine_is_away(capsys, seconds):
    assert said(capsys, "14b.price", seconds).startswith("correct. 128 s, and 24 s without the label")


@pytest.mark.parametrize(
    ("seconds", "hint"),
    [
        (24, "that you have forbidden"),
        (0, "its machine has no power"),
        (3600, "as soon as its machine is back"),
        ("long", "answer with a number"),
        (True, "answer with a number"),
        (10**400, "answer with a number"),
    ],
)
def test_a_wrong_price_gets_its_reason(capsys, seconds, hint):
    line = said(capsys, "14b.price", seconds)
    assert line.startswith("not yet: ") and hint in line


# ── build ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_build_takes_a_file_with_which_any_one_machine_may_die(capsys):
    text = HEAD + "  python-client: {deploy: {mode: global}}\n" + BALANCERS.replace("2", "3")
    assert said(capsys, "14b.build", text) == "correct. each of 4 machines may die"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (HEAD + CLIENTS, "half of the greetings or more are lost: rabbit ran only there"),
        (HEAD + BALANCERS, "worker-2 dies, and for"),
        (HEAD + BALANCERS, "python-client ran only there"),
        (HEAD + CLIENTS + BALANCERS + "  rabbit2: {deploy: {replicas: 2}}\n", "whose messages are rabbit2's?"),
        (
            HEAD
            + BALANCERS
            + "  python-client: {deploy: {replicas: 2, placement: {constraints: [node.hostname == worker-3]}}}\n",
            "python-client ran only there",
        ),
        (HEAD + "  rabbit: {deploy: {replicas: 0}}\n", "rabbitmq_rabbit runs nowhere"),
        (HEAD + "  python-client: {image: nginx}\n" + BALANCERS, "a greeting passes rabbitmq_python-client, and"),
        ("services: [", "docker says: "),
        ("two of each", "docker says: "),
        ("", "answer with the text"),
        (2, "answer with the text"),
    ],
)
def test_build_says_which_machine_must_not_die_and_why(capsys, text, hint):
    line = said(capsys, "14b.build", text)
    assert line.startswith("not yet: ") and hint in line
    assert "/" not in line.partition(" See it")[0].replace("'", "")  # nothing of where the file lay


def test_a_failed_build_can_be_looked_at(capsys):
    said(capsys, "14b.build", HEAD + CLIENTS)
    assert counterexample("14b.build").trace.of(MachineCrashed)


def test_the_lab_as_it_is_falls_short_of_the_goal_on_two_machines():
    found = lesson14b.tries(HEAD + "  rabbit: {deploy: {replicas: 1}}\n")
    assert sum(seconds > lesson14b.GOAL for seconds in found.values()) == 2 and found["manager-1"] == 0


# ── the notebook ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_solutions_in_the_notebook_are_correct(capsys, right):
    text = "\n".join(cell.source for cell in nbformat.read(NOTEBOOK, 4).cells if cell.cell_type == "markdown")
    found: dict = {}
    for block in [block.partition("```")[0] for block in text.split("```python\n")[1:]]:
        if "serve(" not in block:
            exec(block, found)
    assert said(capsys, "14b.modify", found["commands"]) == "correct"
    assert said(capsys, "14b.price", found["seconds"]).startswith("correct")
    assert said(capsys, "14b.build", found["answer"]).startswith("correct")
    told = ", ".join(f'"{letter}": "{fault}"' for letter, fault in right.items())
    assert f"`{{{told}}}`" in text
