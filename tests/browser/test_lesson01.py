"""Lesson 01 in a real browser: every cell runs, a join goes step by step, and shut ports keep machines or visitors out."""

SAYS = "text => document.body.innerText.includes(text)"


def test_lesson_01_runs_and_its_knobs_and_board_answer(lab):
    lesson = lab.lesson("01")
    page = lesson.page
    step = page.locator(".noUi-handle").first
    step.scroll_into_view_if_needed()
    page.wait_for_function(SAYS, arg="Step 1: node-3 to node-1: who are you?")
    step.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.wait_for_function(SAYS, arg="Step 3: node-3 asks: CA's digest as in the token? yes")

    lesson.turn(0, "another secret", says="The token: another secret.")
    lesson.turn(1, "2377", says="2377 shut on node-2. Error response from daemon: Timeout was reached")
    lesson.turn(2, "node-1", says="2377 shut on node-1. Error response from daemon: Timeout was reached")
    lesson.turn(1, "4789", says="4789 shut on node-1. This node joined a swarm as a worker.")

    board = page.locator(".sl-player").first
    board.scroll_into_view_if_needed()
    cells = ".sl-node[data-name={}] .sl-task[data-task]:not(.sl-old)"
    assert board.inner_text().count("no swarm") == 4
    assert board.locator(cells.format("node-4")).count() == 0
    board.locator(".sl-scrub").focus()
    page.keyboard.press("End")
    assert board.locator(cells.format("node-4")).count() == 4
    assert board.locator(cells.format("node-1")).count() == 0
    assert lesson.complaints() == []
