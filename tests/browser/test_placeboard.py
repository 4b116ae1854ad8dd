"""The playable placements in a real browser: what is drawn is what the rows say, by keyboard too, in both themes."""

import pytest

from swarmlab.viz.placefold import placed_rows, placement_at

NODES = [("worker-1", "a", 4), ("worker-2", "a", 4), ("worker-3", "b", 8)]
PLACED = [
    ("web.1", "worker-1", 2),
    ("web.2", "worker-3", 2),
    ("db.1", "worker-2", 1),
    ("db.2", "", 9),
    ("free.1", "worker-1", 0),
]
SETUP = f"""
from swarmlab.viz.placeboard import PlaceBoard
from swarmlab.viz.placefold import placed_rows

rows = placed_rows({NODES}, {PLACED}, unit="units")
"""
CELL = "PlaceBoard(rows, step=2)"
COLUMNS = """columns => columns.map((column) => [
    column.dataset.name, +column.dataset.reserved, column.dataset.ranks || null, column.dataset.chosen === "1",
    [...column.querySelectorAll(".sl-block2:not([visibility])")].map((block) => block.dataset.task)])"""
WAITING = "chips => chips.map((chip) => chip.dataset.waiting)"


@pytest.fixture
def page(lab):
    lab.write("places.ipynb", SETUP, CELL, "print('all cells', 'ran')")
    notebook = lab.open("places.ipynb")
    notebook.run_all("all cells ran")
    notebook.page.wait_for_selector(".sl-places[data-ready]")
    assert notebook.complaints() == []
    return notebook


def is_true(page, step):
    """The columns are what the rows say of this step."""
    root = page.page.locator(".sl-places")
    assert root.get_attribute("data-step") == str(step)
    world = placement_at(placed_rows(NODES, PLACED, unit="units"), step)
    drawn = root.locator(".sl-column").evaluate_all(COLUMNS)
    for node, (name, reserved, ranks, chosen, tasks) in zip(world["nodes"], drawn, strict=True):
        assert (node["name"], node["reserved"]) == (name, reserved)
        assert ranks == ("/".join(map(str, node["ranks"])) if node["ranks"] else None)
        assert chosen == (world["chosen"] == name) and tasks == [task["name"] for task in node["tasks"]]
    waiting = root.locator(".sl-waits[data-waiting]").evaluate_all(WAITING)
    assert waiting == [task["name"] for task in world["waiting"]]


def test_what_is_drawn_is_what_was_placed(page):
    is_true(page, 2)
    page.page.locator(".sl-places .sl-scrub").focus()
    for key, step in (("Home", 0), ("ArrowRight", 1), ("ArrowUp", 2), ("End", 5), ("ArrowLeft", 4), ("ArrowRight", 5)):
        page.page.keyboard.press(key)
        is_true(page, step)


def test_a_click_on_a_column_says_what_stands_there(page):
    page.page.locator(".sl-places .sl-scrub").focus()
    page.page.keyboard.press("End")
    page.page.locator(".sl-column").first.click()
    why = page.page.locator(".sl-places .sl-why")
    assert "worker-1: 2 tasks, 2 of 4 reserved" in why.inner_text() and "free.1 → worker-1" in why.inner_text()
    why.get_by_text("web.1, since step 1").click()
    is_true(page, 1)


def test_it_reads_in_both_themes_and_fits(page):
    root = page.page.locator(".sl-places")
    assert root.locator(".sl-stage").evaluate("stage => stage.scrollWidth - stage.clientWidth") <= 0
    colour = "root => getComputedStyle(root.querySelector('.sl-nodename')).fill"
    light = root.evaluate(colour)
    page.theme("JupyterLab Dark")
    dark = root.evaluate(colour)
    page.theme("JupyterLab Light")  # the server keeps it for whoever comes next
    assert dark != light
