"""Cuts the notebooks of a track: of each lesson the cells whose tags `notebooks/tracks.yml` asks for, without outputs, and a plan.

python -m tools.cut_track taster [folder, build/tracks/taster unless told]
"""

import os
import re
import sys
from pathlib import Path
from typing import NamedTuple

import nbformat
import yaml

ROOT = Path(__file__).parent.parent
NOTEBOOKS = ROOT / "notebooks"
PARTS = ("spine", "core", "exercise", "deeper")
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#]+)")


class Step(NamedTuple):
    """One lesson of a track, or a part of it."""

    lesson: str
    cells: tuple[str, ...]
    minutes: int
    station: bool = False


class Track(NamedTuple):
    """A way through the lessons."""

    title: str
    minutes: int
    steps: tuple[Step, ...]
    beside: dict[str, int]


def main(arguments: list[str]) -> int:
    known = tracks()
    if not arguments or len(arguments) > 2 or arguments[0] not in known:
        print(
            f"Which track? There are {', '.join(known)}: `python -m tools.cut_track taster [folder]`.", file=sys.stderr
        )
        return 2
    name = arguments[0]
    folder = Path(arguments[1]) if arguments[1:] else ROOT / "build" / "tracks" / name
    folder.mkdir(parents=True, exist_ok=True)
    for line in cut(known[name], folder):
        print(line)
    return 0


def tracks() -> dict[str, Track]:
    """The tracks by name, as `notebooks/tracks.yml` has them."""
    read = yaml.safe_load((NOTEBOOKS / "tracks.yml").read_text(encoding="utf-8"))
    return {name: _track(fields) for name, fields in read.items()}


def _track(fields: dict) -> Track:
    steps = [Step(**{**step, "cells": tuple(step["cells"])}) for step in fields["lessons"]]
    return Track(fields["title"], fields["minutes"], tuple(steps), fields.get("beside", {}))


def path_of(lesson: str) -> Path | None:
    """The notebook of a lesson, if there is one."""
    return next(iter(NOTEBOOKS.glob(f"{lesson}_*.ipynb")), None)


def cut(track: Track, folder: Path) -> list[str]:
    """Writes the notebooks of a track and its plan into a folder; says what it wrote, a line each."""
    told, there = [], {path.name for step in track.steps if (path := path_of(step.lesson))}
    for step in track.steps:
        path = path_of(step.lesson)
        if path is None:
            told.append(f"lesson {step.lesson} is left out: there is no such notebook")
            continue
        notebook = trimmed(nbformat.read(path, 4), step, folder, there)
        (folder / path.name).write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
        told.append(
            f"{step.minutes:3} minutes  {path.name}: {', '.join(step.cells)}{' (station)' if step.station else ''}"
        )
    told += [f"{minutes:3} minutes  {what}" for what, minutes in track.beside.items()]
    lines = [f"# {track.title}: {track.minutes} minutes, and breaks", "", *(f"- {line.strip()}" for line in told)]
    (folder / "plan.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return told


def trimmed(notebook: nbformat.NotebookNode, step: Step, folder: Path, there: set[str]) -> nbformat.NotebookNode:
    """The cells that a step asks for, not yet run; its links lead where they led."""
    wanted = set(step.cells)
    notebook.cells = [cell for cell in notebook.cells if wanted & set(cell.metadata.get("tags", []))]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        else:
            cell.source = LINK.sub(lambda link: f"]({moved(link[1], folder, there)}", cell.source)
    return notebook


def moved(target: str, folder: Path, there: set[str]) -> str:
    """A link of a lesson, as it has to be written in another folder."""
    if target in there:
        return target
    return Path(os.path.relpath(NOTEBOOKS / target, folder.resolve())).as_posix()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
