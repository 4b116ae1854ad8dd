"""Lesson 15 in a real browser: every cell runs, and the planner follows its knobs."""


def test_lesson_15_runs_and_its_planner_follows_the_knobs(lab):
    lesson = lab.lesson("15")
    page = lesson.page
    lesson.show(".widget-image")
    caption = page.locator(".widget-html-content").filter(has_text="without a quorum").first
    before = caption.inner_text()
    page.locator("select").filter(has_text="3 days").first.select_option(label="3 days")
    page.wait_for_function(
        "before => [...document.querySelectorAll('.widget-html-content')]"
        ".some(one => one.innerText.includes('without a quorum') && one.innerText !== before)",
        arg=before,
    )
    assert lesson.complaints() == []
