"""Lesson 00 in a real browser: every cell runs, and the board draws what the trace says, by mouse and by keyboard."""

from pathlib import Path

import nbformat
import pytest

from swarmlab.viz import charts
from swarmlab.viz.frames import frames, world_at

LESSON = Path(__file__).parents[2] / "notebooks" / "00_start_here.ipynb"
DRAWN = """cells => cells.map(cell => [
    cell.closest(".sl-node").dataset.name, cell.dataset.task, cell.dataset.state, cell.dataset.wrong || ""])"""


@pytest.fixture(scope="module")
def rows():
    """What the players of the lesson were given: its code, run here up to each of them."""
    found, names = [], {}
    show, charts.show = charts.show, lambda *_: None
    try:
        for cell in nbformat.read(LESSON, 4).cells:
            if cell.cell_type == "code":
                exec(cell.source, names)
                names["Player"] = lambda trace, **options: found.append(frames(trace))
    finally:
        charts.show = show
    return found


class Board:
    """One player on the page."""

    def __init__(self, notebook, number, rows):
        self.page, self.rows = notebook.page, rows
        self.root = self.page.locator(".sl-player").nth(number)
        self.root.scroll_into_view_if_needed()

    @property
    def time(self):
        return int(self.root.get_attribute("data-time"))

    def is_true(self, lens="truth"):
        """What is drawn is what the trace says of this instant."""
        world = world_at(self.rows, self.time, lens)
        drawn = self.root.locator(".sl-node .sl-task[data-task]:not(.sl-old)").evaluate_all(DRAWN)
        wanted = [
            [machine["name"], cell["task"], cell["fact"], "1" if cell["wrong"] else ""]
            for machine in world["machines"]
            for cell in machine["cells"]
            if not cell["old"]
        ]
        assert sorted(drawn) == sorted(wanted), f"at {self.time} µs, lens {lens}"
        return bool(wanted)

    def press(self, *keys):
        self.root.locator(".sl-scrub").focus()
        for key in keys:
            self.page.keyboard.press(key)


def test_lesson_00_runs_and_its_boards_are_true(lab, rows):
    lesson = lab.lesson("00")
    assert lesson.complaints() == []
    assert lesson.page.locator(".sl-player").count() == 3

    board = Board(lesson, 0, rows[0])
    assert 0 < board.time < 1_000_000 and not board.is_true()  # just before the deploy
    board.press("End")
    assert board.time == rows[0]["end"] and board.is_true()
    board.press("Home")
    assert board.time == 0 and not board.is_true()
    for keys in (["ArrowRight"] * 3, ["PageDown"], ["End", "ArrowLeft"], ["PageUp"] * 4, ["Shift+ArrowLeft"]):
        before = board.time
        board.press(*keys)
        assert board.time != before, keys
        board.is_true()

    board.press("Home")
    board.root.locator(".sl-speed").select_option("4")
    board.root.locator(".sl-play").click()
    lesson.page.wait_for_timeout(1_500)
    board.root.locator(".sl-play").click()
    assert 2_000_000 < board.time < 9_000_000 and board.is_true()

    box = board.root.locator(".sl-scrub").bounding_box()
    middle = box["y"] + box["height"] / 2
    lesson.page.mouse.move(box["x"] + 5, middle)
    lesson.page.mouse.down()
    for share in range(1, 20):
        lesson.page.mouse.move(box["x"] + share / 20 * box["width"], middle)
    lesson.page.mouse.up()
    assert board.time > 0.9 * rows[0]["end"] and board.is_true()

    board.root.locator(".sl-node[data-name=worker-1] .sl-task").first.click()
    why = board.root.locator(".sl-why").inner_text()
    assert "because" in why and "docker stack deploy" in why


def test_the_lens_of_the_leader_shows_what_it_believes(lab, rows):
    lesson = lab.lesson("00")
    board = Board(lesson, 1, rows[1])
    lens = board.root.get_attribute("data-lens")
    assert lens == "manager-2" and board.is_true(lens)
    assert board.root.locator(".sl-task[data-wrong='1']").count() == 1  # the task of the dead worker
    board.root.locator(".sl-lens").select_option("truth")
    assert board.is_true() and board.root.locator(".sl-task[data-wrong='1']").count() == 0
    for share in (0.2, 0.3, 0.75, 0.9, 0.95):
        board.root.locator(".sl-scrub").evaluate(
            "(bar, t) => { bar.value = t; bar.dispatchEvent(new Event('input')); bar.dispatchEvent(new Event('change')) }",
            round(share * rows[1]["end"]),
        )
        board.is_true()
