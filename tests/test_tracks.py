"""Tracks: they name lessons and tags that there are, their minutes add up, and what is cut for the taster runs by itself."""

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tools.cut_track import LINK, PARTS, Step, cut, main, path_of, tracks, trimmed

ROOT = Path(__file__).parent.parent
LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))
TO_COME: set[str] = set()  # lessons that a track names and that are not written yet
TRACKS = tracks()


@pytest.mark.parametrize("path", LESSONS, ids=[path.stem for path in LESSONS])
def test_each_cell_of_a_lesson_belongs_to_one_part_of_it(path):
    cells = nbformat.read(path, 4).cells
    assert [
        number for number, cell in enumerate(cells) if sum(tag in PARTS for tag in cell.metadata.get("tags", [])) != 1
    ] == []
    assert cells[0].metadata.tags == ["spine"]


@pytest.mark.parametrize("path", LESSONS, ids=[path.stem for path in LESSONS])
def test_a_part_of_a_lesson_begins_with_a_cell(path):
    """So that a part can be left out, or folded."""
    texts = [cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "markdown"]
    assert [text[:60] for text in texts if "\n## " in re.sub(r"```.*?```", "", text, flags=re.S)] == []


@pytest.mark.parametrize("name", TRACKS)
def test_a_track_names_lessons_and_tags_that_there_are_and_its_minutes_add_up(name):
    track = TRACKS[name]
    for step in track.steps:
        assert path_of(step.lesson) or step.lesson in TO_COME
        assert step.cells and set(step.cells) <= set(PARTS) and "spine" in step.cells
    assert sum(step.minutes for step in track.steps) + sum(track.beside.values()) == track.minutes


@pytest.mark.parametrize("name", TRACKS)
def test_the_minutes_are_those_that_the_lessons_say(name):
    for step in TRACKS[name].steps:
        path = path_of(step.lesson)
        if path is None or step.minutes == 0:  # drills take as long as there is time
            continue
        text = " ".join(nbformat.read(path, 4).cells[0].source.split())
        whole, alone = (
            re.search(r"\*\*It takes\*\* (\d+) minutes", text)[1],
            re.search(r"alone(?: take)?:? (\d+)", text),
        )
        assert step.minutes == int(whole if "core" in step.cells else alone[1]), step


def test_links_of_what_is_cut_lead_where_they_led(tmp_path):
    cut(TRACKS["taster"], tmp_path)
    for path in tmp_path.glob("*.ipynb"):
        for cell in nbformat.read(path, 4).cells:
            if cell.cell_type == "markdown":
                assert all((tmp_path / target).exists() for target in LINK.findall(cell.source))
    assert "15 minutes  05_services_and_tasks.ipynb" in (tmp_path / "plan.md").read_text()


def test_a_track_that_there_is_not_is_one_line(capsys):
    assert main(["weekend"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("lesson", [step.lesson for step in TRACKS["taster"].steps])
def test_what_is_cut_for_the_taster_runs_by_itself(lesson, tmp_path):
    (step,) = [step for step in TRACKS["taster"].steps if step.lesson == lesson]
    ran(step, tmp_path)


def ran(step: Step, folder: Path) -> None:
    """Every cell, from top to bottom, in the folder of the lessons."""
    notebook = trimmed(nbformat.read(path_of(step.lesson), 4), step, folder, set())
    NotebookClient(notebook, timeout=60, startup_timeout=120, resources={"metadata": {"path": str(ROOT)}}).execute()
