"""Lesson 05 in a real browser: every cell runs, the board shows what the leader believes, and the knobs try another life."""

SAYS = "text => document.body.innerText.includes(text)"


def test_lesson_05_runs_and_its_board_and_knobs_answer(lab):
    lesson = lab.lesson("05")
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
