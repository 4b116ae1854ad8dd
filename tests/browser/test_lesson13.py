"""Lesson 13 in a real browser: every cell runs, and what is typed into a file is seen among its objects and in the plan."""


def edit(page, number: int, old: str, new: str):
    """Change the text of one of the editors, and leave it; what stands beside it."""
    editor = page.locator(".sl-edit").nth(number)
    editor.scroll_into_view_if_needed()
    area = editor.locator("textarea")
    text = area.input_value()
    assert old in text
    area.fill(text.replace(old, new))
    area.blur()
    return page.locator(":has(> .sl-edit)").nth(number)


def test_lesson_13_runs_and_its_editors_answer(lab):
    lesson = lab.lesson("13")
    page = lesson.page
    objects = edit(page, 0, "replicas: 1", "replicas: 7")
    objects.get_by_text("Mode.Replicated.Replicas").first.wait_for()
    objects.locator("code", has_text="7").first.wait_for()
    edit(page, 0, "replicas: 7", "replicas: seven").get_by_text("must be a integer").wait_for()

    plan = edit(page, 1, "nginx:1.26-alpine", "nginx:1.27-alpine")
    plan.get_by_text("nginx:1.27-alpine").last.wait_for()

    says = edit(page, 2, "role = worker", "role == worker")
    says.get_by_text("nothing, it is deployed").wait_for()
    assert lesson.complaints() == []
