"""Lesson 15b in a real browser: every cell runs, the example is graded, the stations wait, and the board shows the last page."""


def test_lesson_15b_runs_and_its_board_goes_back_to_the_fault(lab):
    lesson = lab.lesson("15b")
    board = lesson.page.locator(".sl-player").first
    board.scroll_into_view_if_needed()
    scrub = board.locator(".sl-scrub")
    before = scrub.input_value()
    scrub.focus()
    lesson.page.keyboard.press("Home")
    assert scrub.input_value() != before
    assert lesson.complaints() == []
