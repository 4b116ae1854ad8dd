"""Lesson 06 in a real browser: every cell runs, the placement can be stepped, and the knobs try other wishes."""

SAYS = "text => document.body.innerText.includes(text)"


def test_lesson_06_runs_and_its_board_and_knobs_answer(lab):
    lesson = lab.lesson("06")
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
