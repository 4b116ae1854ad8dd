"""Lesson 10 in a real browser: every cell runs, and the knobs of the health check make another run."""

from swarmlab.lessons.scenes10 import knobs

SAYS = "text => document.body.textContent.includes(text)"  # also of cells that are scrolled out of view


def test_lesson_10_runs_and_its_knobs_answer(lab):
    lesson = lab.lesson("10")
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
