"""Every lesson in a real browser: no complaint, nothing serious for who does not see, and each control moves, by keyboard and by mouse."""

import re
from pathlib import Path

import pytest

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
LESSONS = [path.name.partition("_")[0] for path in sorted(NOTEBOOKS.glob("*.ipynb"))]

WIDGETS = ".jp-OutputArea-output:not([data-mime-type])"
SLIDERS = ".noUi-handle, input[type=range]"
SWITCHES = "input[type=checkbox]"
NOT_LIVE = ":not(.sl-liveboard *)"  # what is pressed there happens: test_live.py does it
VALUE = "one => one.getAttribute('aria-valuetext') ?? (one.type === 'checkbox' ? String(one.checked) : one.value)"

every_lesson = pytest.mark.parametrize("number", LESSONS, ids=[f"lesson{number}" for number in LESSONS])


@every_lesson
def test_a_lesson_can_be_used_by_everybody(lab, number):
    lesson = lab.lesson(number)
    assert lesson.complaints() == []
    for theme in "JupyterLab Dark", "JupyterLab Light":  # the server keeps the last one for whoever comes next
        lesson.theme(theme)
        assert findings(lesson.page) == [], theme

    for control in found(lesson, SLIDERS):
        by_keys(control, "ArrowRight", "ArrowLeft")
        by_mouse(lesson.page, control)
    for control in found(lesson, "select"):
        by_keys(control, "ArrowDown", "ArrowUp")
        choose(control)
    for control in found(lesson, SWITCHES):
        by_keys(control, " ")
        changes(control, control.click)
    for button in found(lesson, ".sl-play"):
        play(lesson.page, button)
    for text in found(lesson, ".sl-edit textarea"):
        changes(text, lambda text=text: (text.click(), text.press("End"), text.type("#")))
        text.blur()
    lesson.wait_until_idle()
    assert lesson.complaints() == [] and mistakes(lesson.page) == []


def findings(page) -> list[str]:
    """What the accessibility checker calls serious or critical in the widgets, a line each."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    if not page.locator(WIDGETS).count():
        return []
    found = axe.Axe().run(page, context={"include": [[WIDGETS]]}).response["violations"]
    return [
        f"{one['id']}, {one['impact']}: {node['html'][:200]}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def found(lesson, selector):
    """The controls of a kind in the widgets, but for those of the live board, one after the other, in view."""
    every = ", ".join(f"{WIDGETS} {part}{NOT_LIVE}" for part in selector.split(", "))
    for control in lesson.page.locator(every).all():
        control.scroll_into_view_if_needed()
        yield control


def changes(control, act) -> None:
    """After this the control stands elsewhere."""
    before = control.evaluate(VALUE)
    act()
    assert control.evaluate(VALUE) != before, control


def by_keys(control, *keys: str) -> None:
    """One of these keys moves it: at the end of its way only the other one does."""
    before = control.evaluate(VALUE)
    for key in keys:
        control.focus()
        control.page.keyboard.press(key)
        if control.evaluate(VALUE) != before:
            return
    raise AssertionError(f"{control} does not move by {keys}")


def by_mouse(page, slider) -> None:
    """Takes it where it is, and draws it to the end that is farther away."""
    box = slider.bounding_box()
    track = slider.evaluate_handle("one => one.closest('.noUi-target') ?? one").as_element().bounding_box()
    share = slider.evaluate("""one => {
        const [at, least, most] = one.matches("input") ? [one.value, one.min, one.max]
            : ["now", "min", "max"].map((name) => one.getAttribute(`aria-value${name}`));
        return (at - least) / (most - least) }""")
    inside = 8 + share * (track["width"] - 16) if track == box else box["x"] + box["width"] / 2 - track["x"]
    y = track["y"] + track["height"] / 2

    def draw() -> None:
        page.mouse.move(track["x"] + inside, y)
        page.mouse.down()
        for part in range(1, 6):
            aim = inside + part / 5 * ((0.1 if share > 0.5 else 0.9) * track["width"] - inside)
            page.mouse.move(track["x"] + aim, y)
        page.mouse.up()

    changes(slider, draw)


def choose(select) -> None:
    """Another of the options, as the mouse would."""
    options = select.evaluate("one => [...one.options].map((option) => option.index)")
    now = select.evaluate("one => one.selectedIndex")
    changes(select, lambda: select.select_option(index=(now + 1) % len(options)))


def play(page, button) -> None:
    """Begins by mouse, and stops by keyboard; as slowly as it goes, lest a short film ends between the two."""
    board = button.locator("xpath=ancestor::*[contains(@class, 'sl-player')]").first
    board.locator(".sl-speed").first.select_option(index=0)
    board.locator(".sl-scrub").focus()
    page.keyboard.press("Home")
    button.click()
    assert button.get_attribute("aria-label") == "Pause"
    button.focus()
    page.keyboard.press("Enter")
    assert button.get_attribute("aria-label") == "Play"


def mistakes(page) -> list[str]:
    """What the knobs said of mistakes that are no learner's: a position that cannot be is a ValueError, in words."""
    said = page.locator(".widget-html-content").all_inner_texts()
    return [text for text in said if re.match(r"(?!ValueError)\w+(Error|Exception)\b", text.strip())]
