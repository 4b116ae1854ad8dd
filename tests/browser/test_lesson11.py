"""Lesson 11 in a real browser: every cell runs, and the knobs of an update answer."""

import shutil
from pathlib import Path

import pytest

LESSON = Path(__file__).parents[2] / "notebooks" / "11_rolling_updates.ipynb"


@pytest.fixture
def lesson(lab):
    shutil.copy(LESSON, lab.folder / "updates.ipynb")
    notebook = lab.open("updates.ipynb")
    notebook.page.on("pageerror", lambda error: lab.outside.append(str(error)))
    notebook.run_all("3 replicas:")
    yield notebook
    lab.outside = [url for url in lab.outside if not url.startswith("https://mybinder.org/badge")]  # its launch badge


def test_lesson_11_runs_and_its_knobs_answer(lesson):
    page = lesson.page
    picture = lesson.show(".widget-image")
    before = picture.get_attribute("src")
    page.locator("select").filter(has_text="answers nothing").select_option(label="answers nothing")
    page.locator(".widget-html-content").get_by_text("paused after 17").wait_for()
    assert picture.get_attribute("src") != before
    assert lesson.complaints() == []
