"""Lesson 04 in a real browser: every cell runs, the boards show the dark time, and the knobs try another group."""

SAYS = "text => document.body.innerText.includes(text)"


def test_lesson_04_runs_and_its_boards_and_knobs_answer(lab):
    lesson = lab.lesson("04")
    page = lesson.page
    board = page.locator(".sl-player").first
    board.scroll_into_view_if_needed()
    assert board.locator(".sl-node[data-name=worker-1] .sl-task").count() >= 1
    board.locator(".sl-lens").select_option("manager-3")
    assert board.get_attribute("data-lens") == "manager-3"

    ring = page.locator(".sl-raft").first
    ring.scroll_into_view_if_needed()
    roles = "all => all.map(({dataset: d}) => d.role)"
    assert ring.locator(".sl-server").evaluate_all(roles).count("leader") == 1
    ring.locator(".sl-scrub").focus()
    page.keyboard.press("End")
    assert "leader" not in ring.locator(".sl-server").evaluate_all(roles)

    knob = page.locator(".noUi-handle").first
    knob.scroll_into_view_if_needed()
    page.wait_for_function(SAYS, arg="4 managers, 2 dead. A change was tried: nobody could agree on it.")
    knob.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(SAYS, arg="5 managers, 2 dead. A change was tried: it was agreed on.")
    assert lesson.complaints() == []
