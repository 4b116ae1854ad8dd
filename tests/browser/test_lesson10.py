"""Lesson 10 in a real browser: every cell runs, and the knobs of the health check make another run."""

import shutil
from pathlib import Path

import pytest

from swarmlab.lessons.scenes10 import knobs

LESSON = Path(__file__).parents[2] / "notebooks" / "10_health_and_self_healing.ipynb"
SAYS = "text => document.body.textContent.includes(text)"  # also of cells that are scrolled out of view


@pytest.fixture
def lesson(lab):
    shutil.copy(LESSON, lab.folder / "health.ipynb")
    notebook = lab.open("health.ipynb")
    notebook.page.on("pageerror", lambda error: lab.outside.append(str(error)))
    notebook.run_all("Median time to notice a crash")
    notebook.page.wait_for_selector(".noUi-handle", state="attached")
    yield notebook
    lab.outside = [url for url in lab.outside if not url.startswith("https://mybinder.org/badge")]  # its launch badge


def test_lesson_10_runs_and_its_knobs_answer(lesson):
    page = lesson.page
    knob = page.locator(".noUi-handle").first
    knob.scroll_into_view_if_needed()
    page.wait_for_function(SAYS, arg=knobs()[1])
    knob.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(SAYS, arg=knobs(interval=6)[1])

    page.locator(".widget-dropdown select").first.select_option(label="slow to start (8 s)")
    page.wait_for_function(SAYS, arg=knobs(interval=6, application="slow")[1])
    assert lesson.complaints() == []
