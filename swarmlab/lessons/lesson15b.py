"""Lesson 15b: the drills. The judges of its exercises; the drills themselves are in `swarmlab.drills` and `data/incidents/`."""

from collections.abc import Callable
from functools import lru_cache
from math import ceil
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from ..drills import Drill
from ..drills.checks import OK
from ..drills.past import SECOND
from . import CORRECT, Prediction, Verdict

PREDICTIONS = {
    "1": Prediction(
        "The packets to and from one machine end at a firewall: gossip and managers use other ports, so all seems well to them.",
        {
            "a": "Who asks a task that hangs gets as far as the task. Look at the last stops: no packet that was lost reached one.",
            "b": "Who has no power misses its heartbeats, and is Down after 16.5 s at most. Look at the last stops: that machine "
            "still sends.",
            "c": "Yes.",
            "d": "Then everybody would wait. Look at the answered visits: they are quick.",
        },
    ),
}
KINDS = {  # of drills for the recall: letter → number, service
    "a": (1, "catalogue"),
    "b": (3, "web"),
    "c": (6, "{name}"),
    "d": (7, "web"),
}
SEEDS = (101, 102, 103)
RIGHT, IDLE = 80, 40  # what who repairs it must score at least, and who waits must stay below


# ── what visitors got ────────────────────────────────────────────────────────────────────────────────────────────────


def visits(drill: Drill, seconds: float = 30) -> None:
    """Print what the visitors of the last so many seconds got, a line for each task that was to answer."""
    end = drill.cluster.now
    recent = [one for one in drill.cluster.trace.requests if end - seconds <= one.ended / SECOND]
    for name in sorted({one.name for one in recent}):
        told = [one for one in recent if one.name == name]
        took = sorted((one.ended - one.arrived) / SECOND for one in told if one.status == OK)
        tail = f", 95% of them within {took[ceil(0.95 * len(took)) - 1]:.2f} s" if took else ""
        print(f"{name or 'no task':12} {len(told):5} visits, {len(took):5} answered{tail}")


# ── recall: what a line of `service ps` says ─────────────────────────────────────────────────────────────────────────


@lru_cache
def fresh_lines(seed: int = 15) -> tuple[tuple[str, str], ...]:
    """(letter, the newest line of `docker service ps`) of each kind, from drills that nobody has seen, in some order."""
    letters = Random(f"lines {seed}").sample(sorted(KINDS), len(KINDS))
    return tuple((letter, _line(*KINDS[letter], seed)) for letter in letters)


def _line(which: int, service: str, seed: int) -> str:
    drill = Drill(which, seed)
    name = service.format(**drill.incident.chosen)
    rows = drill.docker(
        f"service ps --no-trunc --format '{{{{.CurrentState}}}} | {{{{.Error}}}}' {name}"
    ).stdout.splitlines()
    told = [row for row in rows if row.rstrip(" |").count("|")]
    waits = [row for row in rows if row.startswith("New")]
    return (told or waits or [row for row in rows if row.startswith("Complete")])[0].rstrip(" |")


def show_lines() -> None:
    """Print the lines."""
    for number, (_, line) in enumerate(fresh_lines(), 1):
        print(f"{number}  {line}")


def _recall(answer: Any) -> Verdict:
    lines = fresh_lines()
    if not isinstance(answer, list | tuple) or len(answer) != len(lines):
        return Verdict(False, f"a list of {len(lines)} letters, one for each line, in order")
    for number, (said, (letter, line)) in enumerate(zip(answer, lines, strict=True), 1):
        if str(said).strip().lower() != letter:
            return Verdict(False, f"line {number} is not {said!r}: look at the state first, then at the error: {line}")
    return CORRECT


# ── modify: one command for drill 6, and a better check ──────────────────────────────────────────────────────────────


def _modify(answer: Any) -> Verdict:
    if not isinstance(answer, str) or not answer.strip():
        return Verdict(False, 'answer with one command, as "docker service update … {name}"')
    command = answer.strip().removeprefix("%").removeprefix("docker ")
    for seed in SEEDS:
        drill = Drill(6, seed)
        said = drill.docker(command.replace("{name}", drill.incident.chosen["name"]))
        if said.exit_code not in (0, 130):
            return Verdict(False, f"docker says: {said.stderr.strip().splitlines()[0]}")
        grade = drill.grade()
        if not grade.repaired:
            missing = next(one for one in grade.findings if not one.holds)
            return Verdict(False, f"{missing.wanted}: {missing.measured}. When does a failure count?", drill.cluster)
    return CORRECT


# ── build: an incident of one's own ──────────────────────────────────────────────────────────────────────────────────


def _build(answer: Any) -> Verdict:
    if (
        not isinstance(answer, list | tuple)
        or len(answer) != 2
        or not isinstance(answer[0], str)
        or not callable(answer[1])
    ):
        return Verdict(False, "answer with two things: (the text of the file, a function repair(drill))")
    text, repair = answer
    with TemporaryDirectory() as folder:
        path = Path(folder) / "mine.yml"
        path.write_text(text, encoding="utf-8")
        for seed in SEEDS:
            idle, right = Drill(str(path), seed), Drill(str(path), seed)
            idle.run_for(idle.incident.limit)
            repair(right)
            if (score := idle.grade().score) >= IDLE:
                return Verdict(
                    False, f"who only waits scores {score}: does it heal by itself, or is it not broken?", idle.cluster
                )
            if (grade := right.grade()).score < RIGHT:
                return Verdict(False, f"your repair scores {grade.score}: {'; '.join(_minus(grade))}", right.cluster)
    return CORRECT


def _minus(grade: Any) -> list[str]:
    """What kept the score low."""
    missing = [f"{one.wanted}: {one.measured}" for one in grade.findings if not one.holds]
    return missing + [one.text for one in grade.harm] or [f"{grade.seconds:.0f} s, {grade.lost} visits lost"]


CHECKS: dict[str, Callable[[Any], Verdict]] = {"recall": _recall, "modify": _modify, "build": _build}
