"""Lesson 12 in a real browser: every cell runs, the board counts copies, and any machine can be stolen."""


def test_lesson_12_runs_and_its_board_and_thief_answer(lab):
    lesson = lab.lesson("12")
    page = lesson.page
    board = page.locator(".sl-player").first
    board.scroll_into_view_if_needed()
    copies = board.locator(".sl-node[data-name=worker-2] .sl-copies")
    assert "2 clear" in copies.text_content()
    board.locator(".sl-scrub").focus()
    page.keyboard.press("End")
    assert "clear" not in copies.text_content()

    lesson.turn(2, "on", says="Who has the disk of manager-1 does not get db_password.")
    lesson.turn(1, "the running machine", says="Who has manager-1 reads db_password in: manager memory.")
    lesson.turn(0, "worker-4", says="Who has worker-4 does not get db_password.")
    lesson.turn(3, "every worker", says="Who has worker-4 reads db_password in: agent memory and container memory.")
    assert lesson.complaints() == []
