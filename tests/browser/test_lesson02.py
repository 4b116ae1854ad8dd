"""Lesson 02 in a real browser: every cell runs, the boards draw elections, a click says why, and knobs draw anew."""

import shutil
from pathlib import Path

import pytest

LESSON = Path(__file__).parents[2] / "notebooks" / "02_elections.ipynb"
WHERE = "(bar, t) => { bar.value = t; bar.dispatchEvent(new Event('input')); bar.dispatchEvent(new Event('change')) }"


@pytest.fixture
def lesson(lab):
    shutil.copy(LESSON, lab.folder / "elections.ipynb")
    notebook = lab.open("elections.ipynb")
    notebook.page.on("pageerror", lambda error: lab.outside.append(str(error)))
    notebook.run_all("with pre-vote:")
    notebook.page.wait_for_selector(".sl-raft[data-ready]")
    yield notebook
    lab.outside = [url for url in lab.outside if not url.startswith("https://mybinder.org/badge")]  # its launch badge


def roles(board):
    return board.locator(".sl-server").evaluate_all("all => all.map(({dataset: d}) => d.role).sort()")


def test_lesson_02_runs_and_its_elections_can_be_watched(lesson):
    assert lesson.complaints() == []
    boards = lesson.page.locator(".sl-raft")
    assert boards.count() == 7

    first = boards.nth(0)
    first.scroll_into_view_if_needed()
    assert "leader" not in roles(first)[1:]  # the leader has just died
    first.locator(".sl-scrub").focus()
    lesson.page.keyboard.press("End")
    assert first.get_attribute("data-leader") == "node-5"
    first.locator(".sl-server[data-name=node-5]").click()
    assert "vote" in first.locator(".sl-why").inner_text()

    crowns = boards.nth(2)  # the network is cut, and two believe that they lead
    crowns.scroll_into_view_if_needed()
    crowns.locator(".sl-scrub").evaluate(WHERE, 20_320_000)
    assert roles(crowns).count("leader") == 2
    assert crowns.locator(".sl-server[data-wrong='1']").get_attribute("data-name") == "node-2"
