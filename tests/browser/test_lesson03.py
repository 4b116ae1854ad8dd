"""Lesson 03 in a real browser: every cell runs, its ladders are true at the ends, a click says why, knobs draw anew."""

ENTRIES = """cells => cells.map((cell) => [
    cell.closest(".sl-row").dataset.name, +cell.dataset.index, +cell.dataset.term, cell.dataset.known === "1"])"""
# A learner's mistake, opened on the board.
WRONG = """
from swarmlab.lessons import counterexample

def commit_index(match, terms, term):
    return sorted(match, reverse=True)[len(match) // 2]

check("03.build", commit_index)
RaftBoard(counterexample("03.build").trace)
"""


def logs(board, key):
    """Press a key on the time line, and read the ladder: machine → {index: (term, filled)}."""
    board.scroll_into_view_if_needed()
    board.locator(".sl-scrub").focus()
    board.page.keyboard.press(key)
    found: dict = {}
    for name, index, term, known in board.locator(".sl-row .sl-entry[data-index]").evaluate_all(ENTRIES):
        found.setdefault(name, {})[index] = term, known
    return found


def test_lesson_03_runs_and_its_logs_can_be_watched(lab):
    lesson = lab.lesson("03", WRONG)
    assert lesson.complaints() == []
    boards = lesson.page.locator(".sl-raft")
    assert boards.count() == 7

    command = logs(boards.nth(0), "End")
    assert command["manager-1"][17] == (2, True) and command["manager-2"][17][0] == 2
    assert 17 not in command["manager-3"]
    boards.nth(0).locator(".sl-row[data-name=manager-1] .sl-entry[data-index='17']").click()
    assert "service create" in boards.nth(0).locator(".sl-why").inner_text()

    before, after = logs(boards.nth(2), "Home"), logs(boards.nth(2), "End")
    assert before["node-1"][7] == (1, False) and len(before["node-5"]) == 2
    assert after["node-1"] == after["node-2"] == after["node-5"] and after["node-1"][7] == (2, True)

    refuted = logs(boards.nth(6), "End")  # by the campaign: entry 2 is committed at one, and the leader has another
    assert refuted["node-3"][2] == (2, True) and refuted["node-2"][2] == (3, False)
    assert boards.nth(6).get_attribute("data-leader") == "node-2"

    lesson.show("text=On 2 of 5 disks; the client got no answer; kept or lost")
    lesson.page.locator(".noUi-handle").nth(1).focus()  # the moment of death is a knob
    lesson.page.keyboard.press("ArrowRight")
    lesson.page.get_by_text(
        "On 3 of 5 disks; the client got no answer; kept (there in 2 of 2 futures)"
    ).first.wait_for()
