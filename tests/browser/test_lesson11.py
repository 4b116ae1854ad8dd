"""Lesson 11 in a real browser: every cell runs, and the knobs of an update answer."""


def test_lesson_11_runs_and_its_knobs_answer(lab):
    lesson = lab.lesson("11")
    page = lesson.page
    picture = lesson.show(".widget-image")
    before = picture.get_attribute("src")
    page.locator("select").filter(has_text="answers nothing").select_option(label="answers nothing")
    page.locator(".widget-html-content").get_by_text("paused after 17").wait_for()
    assert picture.get_attribute("src") != before
    assert lesson.complaints() == []
