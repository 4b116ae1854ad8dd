"""Lesson 14 in a real browser: every cell runs, the lines can be filtered, and the live board is there."""


def test_lesson_14_runs_and_its_lines_can_be_filtered(lab):
    lesson = lab.lesson("14")
    page = lesson.page
    lesson.show(".widget-image")
    page.locator("select").filter(has_text="spring-client").first.select_option(label="spring-client")
    page.locator(".widget-html-content").get_by_text("1 line with service").wait_for()
    assert page.locator(".sl-liveboard[data-ready]").count() == 1
    assert lesson.complaints() == []
