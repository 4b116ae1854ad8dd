"""Lesson 15b in a real browser: every cell runs, the example is graded, the stations wait, and the board shows the last page."""

import shutil
from pathlib import Path

import pytest

LESSON = Path(__file__).parents[2] / "notebooks" / "15b_drills.ipynb"


@pytest.fixture
def lesson(lab):
    shutil.copy(LESSON, lab.folder / "drills.ipynb")
    notebook = lab.open("drills.ipynb")
    notebook.run_all("non-zero exit (3)")
    notebook.page.wait_for_selector(".sl-player[data-ready]", state="attached")
    yield notebook


def test_lesson_15b_runs_and_its_board_goes_back_to_the_fault(lesson):
    board = lesson.page.locator(".sl-player").first
    board.scroll_into_view_if_needed()
    scrub = board.locator(".sl-scrub")
    before = scrub.input_value()
    scrub.focus()
    lesson.page.keyboard.press("Home")
    assert scrub.input_value() != before
    assert lesson.complaints() == []
