"""Lesson 05 in a real browser: every cell runs, the board shows what the leader believes, and the knobs try another life."""

import shutil
from pathlib import Path

import pytest

LESSON = Path(__file__).parents[2] / "notebooks" / "05_services_and_tasks.ipynb"
SAYS = "text => document.body.innerText.includes(text)"


@pytest.fixture
def lesson(lab):
    shutil.copy(LESSON, lab.folder / "services.ipynb")
    notebook = lab.open("services.ipynb")
    notebook.page.on("pageerror", lambda error: lab.outside.append(str(error)))
    notebook.run_all("100 workers:")
    notebook.page.wait_for_selector(".sl-player", state="attached")
    yield notebook
    lab.outside = [url for url in lab.outside if not url.startswith("https://mybinder.org/badge")]  # its launch badge


def test_lesson_05_runs_and_its_board_and_knobs_answer(lesson):
    page = lesson.page
    board = page.locator(".sl-player").first
    board.scroll_into_view_if_needed()
    board.locator(".sl-lens").select_option("manager-1")
    assert board.get_attribute("data-lens") == "manager-1"
    assert (
        board.locator(".sl-node[data-name=worker-2] .sl-task:visible").count() == 2
    )  # five seconds dead, and believed alive

    knob = page.locator(".noUi-handle").first
    knob.scroll_into_view_if_needed()
    page.wait_for_function(SAYS, arg="worker-1 1, worker-2 1, worker-3 1, worker-4 0.")
    knob.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(SAYS, arg="worker-1 1, worker-2 1, worker-3 1, worker-4 1.")
    assert lesson.complaints() == []
