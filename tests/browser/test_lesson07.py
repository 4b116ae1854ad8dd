"""Lesson 07 in a real browser: every cell runs, the packet can be stepped, and the knobs shut other ports."""

SAYS = "text => document.body.innerText.includes(text)"


def test_lesson_07_runs_and_its_packet_and_knobs_answer(lab):
    lesson = lab.lesson("07")
    page = lesson.page
    board = page.locator(".sl-packets").first
    board.scroll_into_view_if_needed()
    board.locator(".sl-scrub").focus()
    page.keyboard.press("End")
    assert board.get_attribute("data-stop") == "8"

    knob = page.locator(".noUi-handle").first
    knob.scroll_into_view_if_needed()
    page.wait_for_function(SAYS, arg="1450 bytes become 1500 on the wire, where 1500 may pass: 0 to spare.")
    knob.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(SAYS, arg="1475 bytes do not leave the container: message too long, mtu=1450.")
    assert lesson.complaints() == []
