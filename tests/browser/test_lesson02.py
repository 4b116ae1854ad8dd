"""Lesson 02 in a real browser: every cell runs, the boards draw elections, a click says why, and knobs draw anew."""

WHERE = "(bar, t) => { bar.value = t; bar.dispatchEvent(new Event('input')); bar.dispatchEvent(new Event('change')) }"


def roles(board):
    return board.locator(".sl-server").evaluate_all("all => all.map(({dataset: d}) => d.role).sort()")


def test_lesson_02_runs_and_its_elections_can_be_watched(lab):
    lesson = lab.lesson("02")
    assert lesson.complaints() == []
    boards = lesson.page.locator(".sl-raft")
    assert boards.count() == 7

    first = boards.nth(0)
    first.scroll_into_view_if_needed()
    assert "leader" not in roles(first)[1:]  # the leader has just died
    first.locator(".sl-scrub").focus()
    lesson.page.keyboard.press("End")
    assert first.get_attribute("data-leader") == "node-5"
    first.locator(".sl-server[data-name=node-5]").click()
    assert "vote" in first.locator(".sl-why").inner_text()

    crowns = boards.nth(2)  # the network is cut, and two believe that they lead
    crowns.scroll_into_view_if_needed()
    crowns.locator(".sl-scrub").evaluate(WHERE, 20_320_000)
    assert roles(crowns).count("leader") == 2
    assert crowns.locator(".sl-server[data-wrong='1']").get_attribute("data-name") == "node-2"
