"""Lesson 06 in a real browser: every cell runs, the placement can be stepped, and the knobs try other wishes."""

import shutil
from pathlib import Path

import pytest

LESSON = Path(__file__).parents[2] / "notebooks" / "06_placement.ipynb"
SAYS = "text => document.body.innerText.includes(text)"


@pytest.fixture
def lesson(lab):
    shutil.copy(LESSON, lab.folder / "placement.ipynb")
    notebook = lab.open("placement.ipynb")
    notebook.page.on("pageerror", lambda error: lab.outside.append(str(error)))
    notebook.run_all("the real engine")
    notebook.page.wait_for_selector(".sl-places[data-ready]", state="attached")
    yield notebook
    lab.outside = [url for url in lab.outside if not url.startswith("https://mybinder.org/badge")]  # its launch badge


def test_lesson_06_runs_and_its_board_and_knobs_answer(lesson):
    page = lesson.page
    board = page.locator(".sl-places").first
    board.scroll_into_view_if_needed()
    board.locator(".sl-scrub").focus()
    page.keyboard.press("End")
    assert board.get_attribute("data-step") == "7"

    knob = page.locator(".noUi-handle").first
    knob.scroll_into_view_if_needed()
    page.wait_for_function(SAYS, arg="new.1 runs on worker-3.")
    knob.focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    page.wait_for_function(SAYS, arg="new.1 waits: no suitable node (insufficient resources on 4 nodes")
    assert lesson.complaints() == []
