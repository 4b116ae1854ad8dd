"""Lesson 15b: the drills. The judges of its exercises; the drills themselves are in `swarmlab.drills` and `data/incidents/`."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from ..drills import Drill
from . import CORRECT, Prediction, Verdict

PREDICTIONS: dict[str, Prediction] = {}
KINDS = {  # of drills for the recall: letter → number, service
    "a": (1, "catalogue"),
    "b": (3, "web"),
    "c": (6, "{name}"),
    "d": (7, "web"),
}
SEEDS = (101, 102, 103)
RIGHT, IDLE = 80, 40  # what who repairs it must score at least, and who waits must stay below


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
