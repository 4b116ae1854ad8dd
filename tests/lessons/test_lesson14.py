"""The judges of lesson 14: right answers are called correct, typical wrong ones get a helpful line, and none raises."""

import nbformat
import pytest

from swarmlab.events import RequestSent
from swarmlab.lessons import counterexample, lesson14
from swarmlab.viz.callfold import legs

from .judging import said

NOTEBOOK = "notebooks/14_demo_lab.ipynb"

# ── what the predictions say is what happens (the scenes have tests of their own) ────────────────────────────────


def test_the_manager_does_not_fit_the_constraint_of_elasticsearch():
    cluster = lesson14.lab()
    lesson14.deploy(cluster)
    constraints = {each.spec.name: each.spec.task.placement.constraints for each in cluster.services}
    assert constraints["elastic_elasticsearch"] and not constraints["elastic_metricbeat-host"]


def test_compare_prints_the_lab_as_the_deck_has_it(capsys):
    lesson14.compare()
    figures = [
        line.split()[-7:] and line.split("the deck")[0].split()[-1] for line in capsys.readouterr().out.splitlines()
    ]
    assert figures == ["14", "22", "10"]


# ── recall ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_recall_takes_the_path_of_the_fresh_greeting(capsys):
    greeting = lesson14.fresh_greeting()
    assert said(capsys, "14.recall", list(greeting.path)) == "correct"
    lesson14.show_greeting(greeting)
    told = capsys.readouterr().out
    assert f"{greeting.broker}.1 on {greeting.path[-1]}" in told and greeting.broker in told.splitlines()[-1]


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        (lambda path: path[1:], "the port is open on every node"),
        (lambda path: (*path[:2], path[3]), "`rabbit` is the balancer"),
        (lambda path: (*path, path[0]), "chooses one broker only"),
        (lambda path: (path[0], "manager-1", *path[2:]), "python-client is not on manager-1"),
        (lambda path: (*path[:3], "manager-1"), "rabbit1 is not on manager-1"),
        (lambda path: "worker-1", "answer with machines"),
        (lambda path: 3, "answer with machines"),
        (lambda path: (), "Begin there"),
    ],
)
def test_recall_says_where_to_look(capsys, change, hint):
    line = said(capsys, "14.recall", change(lesson14.fresh_greeting().path))
    assert line.startswith("not yet: ") and hint in line


# ── modify ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "commands",
    ["docker service scale --detach rabbitmq_python-client=2", "service update -d --replicas 2 rabbitmq_python-client"],
)
def test_modify_takes_one_more_client(capsys, commands):
    assert said(capsys, "14.modify", commands) == "correct"


@pytest.mark.parametrize(
    ("commands", "hint"),
    [
        ("docker service scale --detach rabbitmq_rabbit=3", "requests wait longest at python-client.1"),
        ("docker service scale --detach rabbitmq_rabbit1=2", "requests wait longest at python-client.1"),
        ("docker service scale --detach rabbitmq_python-client=3", "fewer are enough"),
        ("docker service scale --detach rabbitmq_python-client=0", "nobody is answered"),
        ("docker service scale nothing=2", "docker says: "),
        ("docker swarm leave", "docker says: "),
        ("", "answer with docker commands"),
        (2, "answer with docker commands"),
    ],
)
def test_modify_says_what_is_missing(capsys, commands, hint):
    line = said(capsys, "14.modify", commands)
    assert line.startswith("not yet: ") and hint in line


def test_a_failed_try_can_be_looked_at(capsys):
    said(capsys, "14.modify", "docker service scale --detach rabbitmq_rabbit=3")
    assert counterexample("14.modify").trace.requests


# ── build ────────────────────────────────────────────────────────────────────────────────────────────────────────


def most(column):
    """A function that takes whoever has the most of one quantity."""
    return lambda table: table.loc[table[column].idxmax(), "service"]


def test_build_takes_who_finds_where_requests_wait(capsys):
    assert said(capsys, "14.build", most("waited_ms")) == "correct. three bottlenecks found"


@pytest.mark.parametrize(
    ("mine", "hint"),
    [
        (most("took_ms"), "waits for all behind"),
        (most("cpu"), "not rabbitmq_python-client"),
        (lambda table: "rabbitmq_rabbit", "many requests are no queue"),
        (lambda table: "rabbitmq_rabbit3", "Look at the column waited_ms"),
        (lambda table: table.task[0], "is not the name of a service"),
        (lambda table: None, "is not the name of a service"),
        (lambda table: 1 / 0, "ZeroDivisionError"),
        ("rabbitmq_rabbit1", "write a function"),
    ],
)
def test_build_says_what_is_wrong(capsys, mine, hint):
    line = said(capsys, "14.build", mine)
    assert line.startswith("not yet: ") and hint in line


def test_a_greeting_of_the_exercise_passes_three_tasks():
    greeting = lesson14.fresh_greeting()
    number = greeting.cluster.trace.of(RequestSent)[-1].fact.request
    assert len(legs(greeting.cluster.trace, number)) == len(greeting.path) - 1


# ── the notebook ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_solutions_in_the_notebook_are_correct(capsys):
    text = "\n".join(cell.source for cell in nbformat.read(NOTEBOOK, 4).cells if cell.cell_type == "markdown")
    found: dict = {}
    for block in [block.partition("```")[0] for block in text.split("```python\n")[1:]]:
        exec(block, found)
    assert said(capsys, "14.modify", found["commands"]) == "correct"
    assert said(capsys, "14.build", found["narrowest"]).startswith("correct")
    path = ", ".join(f'"{machine}"' for machine in lesson14.fresh_greeting().path)
    assert f"`[{path}]`" in text
