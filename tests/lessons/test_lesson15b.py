"""Lesson 15b: its exercises tell right answers from wrong ones."""

import nbformat
import pytest

from swarmlab.drills import Drill
from swarmlab.drills.incident import read_incident
from swarmlab.lessons import lesson15b

from .judging import said

MINE = """
title: Two are not enough
difficulty: 1
minutes: 5
cluster: {managers: 1, workers: 2}
setup:
  - docker: service create -d --name web --replicas 3 --publish 8080:80 acme/web:1
  - wait: 10
faults:
  - {at: 5, docker: service scale -d web=0}
page: {at: 20, story: The site is gone.}
limit: 120
repaired:
  - running: {service: web, tasks: 3}
harm: {concerned: [web]}
debrief:
  causes: [{text: Somebody scaled it to nothing., lesson: "05"}]
  repair: [docker service scale web=3]
"""


def repair(drill):
    drill.docker("service ls")
    drill.docker("service scale -d web=3")


def test_recall_wants_what_each_line_means(capsys):
    right = [letter for letter, _ in lesson15b.fresh_lines()]
    assert said(capsys, "15b.recall", right) == "correct"
    assert said(capsys, "15b.recall", right[::-1]).startswith("not yet: line 1 is not")


@pytest.mark.parametrize(
    "flags, answer",
    [
        ("--health-start-period 20s", "correct"),
        ("--health-interval 10s", "correct"),
        ("--force", "not yet"),
        ("--no-healthcheck", "not yet: "),
    ],
)
def test_modify_wants_the_service_up_and_under_a_check(capsys, flags, answer):
    assert said(capsys, "15b.modify", f"docker service update -d {flags} {{name}}").startswith(answer)


@pytest.mark.parametrize(
    "text, play, answer",
    [
        (MINE, repair, "correct"),
        (MINE, lambda drill: drill.docker("service ls"), "not yet: your repair scores 0"),
        (MINE.replace("web=0", "web=3"), repair, "not yet: who only waits scores"),
        (MINE.replace("limit: 120", "limits: 120"), repair, "not yet: it raised ValueError: mine.yml: unknown key"),
    ],
)
def test_build_wants_an_incident_that_only_its_repair_heals(capsys, text, play, answer):
    assert said(capsys, "15b.build", (text, play)).startswith(answer)


def test_the_debriefs_of_the_notebook_are_those_of_the_files(root):
    cells = [cell.source for cell in nbformat.read(root / "notebooks" / "15b_drills.ipynb", 4).cells]
    folded = [text for text in cells if text.startswith("<details><summary>Debrief")]
    assert len(folded) == 10
    for number, text in enumerate(folded, 1):
        incident = read_incident(number)
        told = [f"{n}. {cause.text} (lesson {cause.lesson})" for n, cause in enumerate(incident.causes, 1)]
        assert all(line in text for line in [*told, *incident.repair]), number
        assert not any(f"lesson {cause.lesson}" in incident.story for cause in incident.causes)


def test_visits_tells_by_task_what_visitors_got(capsys):
    lesson15b.visits(Drill(4))
    lines = capsys.readouterr().out.splitlines()
    slow = f"web.{read_incident(4).chosen['slot']}"
    assert len(lines) == 5 and [line.split()[0] for line in lines if " 0 answered" in line] == [slow]
