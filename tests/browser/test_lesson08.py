"""Lesson 08 in a real browser: every cell runs, the packet can be stepped, and the knobs ask other services."""

import shutil
from pathlib import Path

import pytest

LESSON = Path(__file__).parents[2] / "notebooks" / "08_service_discovery.ipynb"
SAYS = "text => document.body.innerText.includes(text)"


@pytest.fixture
def lesson(lab):
    shutil.copy(LESSON, lab.folder / "discovery.ipynb")
    notebook = lab.open("discovery.ipynb")
    notebook.page.on("pageerror", lambda error: lab.outside.append(str(error)))
    notebook.run_all("known: 10.63 rounds")
    notebook.page.wait_for_selector(".sl-player[data-ready]", state="attached")
    yield notebook
    lab.outside = [url for url in lab.outside if not url.startswith("https://mybinder.org/badge")]  # its launch badge


def test_lesson_08_runs_and_its_boards_and_knobs_answer(lesson):
    page = lesson.page
    knob = page.locator(".noUi-handle").first
    knob.scroll_into_view_if_needed()
    page.wait_for_function(SAYS, arg="tasks.web with 10.0.1.5, 10.0.1.6, 10.0.1.7.")
    knob.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(SAYS, arg="tasks.web with 10.0.1.5, 10.0.1.6, 10.0.1.7, 10.0.1.")

    board = page.locator(".sl-player").last
    board.scroll_into_view_if_needed()
    board.locator(".sl-scrub").focus()
    page.keyboard.press("End")
    board.locator(".sl-lens").select_option("worker-1")
    assert board.get_attribute("data-lens") == "worker-1"
    assert lesson.complaints() == []
