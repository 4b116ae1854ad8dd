"""The facilitator's guide and what belongs to it: it speaks of the lessons as they are; the sheet is that of the notebooks."""

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import nbformat
import pytest
from differences import AGREEING, LINES

from tools import preflight, sheet
from tools.cut_track import path_of, tracks

ROOT = Path(__file__).parent.parent
GUIDE = (ROOT / "notebooks" / "facilitator.md").read_text(encoding="utf-8")
PAGES = {match[1]: match[2] for match in re.finditer(r"^## (\d\d\w?) · .+\n((?:(?!^## ).*\n)*)", GUIDE, re.M)}
LABELS = ["Goal", "Minutes", "Hands", "Goes wrong", "Skip", "Exit", "Monday"]

every_page = pytest.mark.parametrize("lesson", PAGES)


def test_every_lesson_of_a_track_has_a_page_in_order():
    assert list(PAGES) == sorted({step.lesson for track in tracks().values() for step in track.steps})


@every_page
def test_a_page_says_all_that_a_leader_needs(lesson):
    assert re.findall(r"^\*\*([^*.]+)\.\*\*", PAGES[lesson], re.M) == LABELS
    assert "−5:" in PAGES[lesson] or lesson == "15b"


@every_page
def test_the_title_and_the_marks_of_minutes_are_those_of_the_lesson(lesson):
    path = path_of(lesson)
    if path is None or lesson == "15b":
        return
    cells = nbformat.read(path, 4).cells
    headings = [
        line[3:]
        for cell in cells
        if cell.cell_type == "markdown"
        for line in cell.source.splitlines()
        if line.startswith("## ")
    ]
    (title,) = re.findall(rf"^## {lesson} · (.+)$", GUIDE, re.M)
    assert cells[0].source.startswith(f"# {lesson} · {title}:")
    marks = re.search(r"^\*\*Minutes\.\*\* (.+)$", PAGES[lesson], re.M)[1].split(" · ")
    minutes = [int(mark.split()[0]) for mark in marks]
    (told,) = re.findall(r"\*\*It takes\*\* (\d+) minutes", cells[0].source)
    assert minutes == sorted(minutes) and minutes[0] == 0 and minutes[-1] == int(told)
    for scene in re.findall(r"Scene \d", " ".join(marks)):
        assert any(heading.startswith(f"{scene} ·") for heading in headings), scene


@every_page
def test_each_wrong_answer_of_the_show_of_hands_has_a_question_to_ask_back(lesson):
    if path_of(lesson) is None or lesson == "15b":
        return
    name = re.search(rf"^\*\*Hands\.\*\* {lesson}\.(\w+),", PAGES[lesson], re.M)[1]
    answers = import_module(f"swarmlab.lessons.lesson{lesson}").PREDICTIONS[name].answers
    wrong = [option for option, text in answers.items() if not text.startswith("Yes")]
    back = re.findall(r'^- `"(\w+)"` .+: \*(.+)\*$', PAGES[lesson], re.M)
    assert [option for option, _ in back] == wrong and all("?" in question or "." in question for _, question in back)


def test_the_tracks_of_the_guide_are_those_of_the_list():
    told = dict(re.findall(r"^\| `([\w-]+)` \| (\d+)", GUIDE, re.M))
    assert told == {name: str(track.minutes) for name, track in tracks().items()}


def test_the_score_and_the_drills_of_the_guide_are_those_of_the_project():
    assert f"{AGREEING} of {LINES}" in GUIDE
    rows = re.findall(r"^\| \| (\d+) \|(?: \|)+$", GUIDE, re.M)
    assert len(rows) == len(list((ROOT / "data" / "incidents").glob("*.yml")))


def test_the_guide_links_to_what_exists():
    for target in re.findall(r"\]\(((?!https?:)[^)#]+)", GUIDE):
        assert (ROOT / "notebooks" / target).exists(), target
    for target in re.findall(r"`make ([\w-]+)", GUIDE):
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M), target


def test_the_sheet_is_what_the_notebooks_ask():
    """Else: `make sheet`."""
    assert (ROOT / "notebooks" / "sheet.html").read_text(encoding="utf-8") == sheet.sheet()


def test_a_prediction_is_found_with_its_options():
    text = 'Now.\n\n**Guess.** Who wins?\n\n- `"a"` *nobody*\n- `"b"` both\n\nWrite it down.\n\n**Guess** in seconds: how long?'
    assert sheet.predictions(text) == [("Who wins?", ["*nobody*", "both"]), ("in seconds: how long?", [])]


# ── is the machine ready? ────────────────────────────────────────────────────────────────────────────────────────


def test_the_preflight_shuts_every_way_out():
    tried = "socket.create_connection(('192.0.2.1', 80), timeout=5)"
    script = f"{preflight.OFFLINE}\ntry:\n    {tried}\nexcept OSError as error:\n    print(error)"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30)
    assert said.stdout.startswith("no network: ('192.0.2.1', 80)"), said


def test_what_is_missing_is_said_with_what_to_do(monkeypatch, capsys):
    monkeypatch.setattr(preflight, "NEEDED", ("swarmlab", "no-such-package"))
    monkeypatch.setattr(preflight, "runs", lambda lesson: "ran")
    assert preflight.main([]) == 1
    said = capsys.readouterr().out
    assert "✗ packages: no-such-package not installed: run `make setup`" in said and said.endswith("with ✗.\n")


def test_a_lesson_that_is_not_there_is_one_line():
    with pytest.raises(RuntimeError, match="no such lesson"):
        preflight.runs("77")
