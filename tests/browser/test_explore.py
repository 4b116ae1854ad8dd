"""A figure with knobs in a real browser: by keyboard and by mouse, each position is a new figure; a mistake leaves the old one."""

CELL = """
from matplotlib.figure import Figure
from swarmlab.viz.explore import Explore

def draw(managers=3, lost=1):
    if lost > managers:
        raise ValueError(f"only {managers} managers can be lost")
    figure = Figure(figsize=(3, 1))
    figure.subplots().bar(["left"], [managers - lost])
    return figure, f"{managers - lost} of {managers} managers are left."

Explore(draw, "how many managers are left", managers=(1, 7, 1), lost=(0, 7, 1))
"""


def test_knobs_turn_by_keyboard_and_mouse(lab):
    lab.write("knobs.ipynb", CELL, "print('all cells', 'ran')")
    notebook = lab.open("knobs.ipynb")
    notebook.run_all("all cells ran")
    page, caption = notebook.page, "2 of 3 managers are left."
    page.get_by_text(caption).first.wait_for()
    picture = notebook.show(".widget-image")
    before = picture.get_attribute("src")

    notebook.show(".noUi-handle").focus()
    page.keyboard.press("ArrowRight")
    page.get_by_text("3 of 4 managers are left.").first.wait_for()
    assert picture.get_attribute("src") != before

    page.locator(".noUi-handle").nth(1).focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    page.get_by_text("only 4 managers can be lost").first.wait_for()
    assert picture.get_attribute("src")
    assert notebook.complaints() == []
