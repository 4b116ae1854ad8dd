"""Lesson 07 in a real browser: every cell runs, the packet can be stepped, and the knobs shut other ports."""

import shutil
from pathlib import Path

import pytest

LESSON = Path(__file__).parents[2] / "notebooks" / "07_overlay_networks.ipynb"
SAYS = "text => document.body.innerText.includes(text)"


@pytest.fixture
def lesson(lab):
    shutil.copy(LESSON, lab.folder / "overlay.ipynb")
    notebook = lab.open("overlay.ipynb")
    notebook.page.on("pageerror", lambda error: lab.outside.append(str(error)))
    notebook.run_all("It is lost there: nobody here has")
    notebook.page.wait_for_selector(".sl-packets[data-ready]", state="attached")
    yield notebook
    lab.outside = [url for url in lab.outside if not url.startswith("https://mybinder.org/badge")]  # its launch badge


def test_lesson_07_runs_and_its_packet_and_knobs_answer(lesson):
    page = lesson.page
    board = page.locator(".sl-packets").first
    board.scroll_into_view_if_needed()
    board.locator(".sl-scrub").focus()
    page.keyboard.press("End")
    assert board.get_attribute("data-stop") == "8"

    knob = page.locator(".noUi-handle").first
    knob.scroll_into_view_if_needed()
    page.wait_for_function(SAYS, arg="1450 bytes become 1500 on the wire, where 1500 may pass: 0 to spare.")
    knob.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(SAYS, arg="1475 bytes do not leave the container: message too long, mtu=1450.")
    assert lesson.complaints() == []
