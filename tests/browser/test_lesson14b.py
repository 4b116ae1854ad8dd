"""Lesson 14b in a real browser: every cell runs, other machines can be lost, and the live board is there."""


def test_lesson_14b_runs_and_other_machines_can_be_lost(lab):
    lesson = lab.lesson("14b")
    page = lesson.page
    lesson.show(".widget-image")
    page.locator("select").filter(has_text="manager-1").first.select_option(label="worker-3")
    page.locator(".widget-html-content").get_by_text("Worker-3: noticed after").wait_for()
    assert page.locator(".sl-liveboard[data-ready]").count() == 1
    assert lesson.complaints() == []
