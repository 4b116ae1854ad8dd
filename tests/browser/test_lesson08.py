"""Lesson 08 in a real browser: every cell runs, the packet can be stepped, and the knobs ask other services."""

SAYS = "text => document.body.innerText.includes(text)"


def test_lesson_08_runs_and_its_boards_and_knobs_answer(lab):
    lesson = lab.lesson("08")
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
