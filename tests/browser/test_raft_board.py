"""The raft board in a real browser: what is drawn is what the rows say, by mouse and by keyboard, in both themes."""

import pytest

from swarmlab.viz.raftframes import raft_at, raft_frames

SETUP = """
from swarmlab.group import RaftGroup
from swarmlab.viz.raftboard import RaftBoard

group = RaftGroup(5, seed=3, alarms=True)
group.run_for(0.6)
for value in range(3):
    group.propose(value)
    group.run_for(0.05)
first = group.leader
group.crash(first)
group.run_for(0.5)
second = group.leader
group.partition({second}, set(group.members) - {second})
group.propose(7)
group.run_for(0.6)
group.heal()
group.restart(first)
group.run_for(0.4)
"""
CELL = "RaftBoard(group.trace, start=0.5, told={2: 'done: x = 0'})"
PAIR = "from ipywidgets import HBox\nHBox([RaftBoard(group.trace, 'ring'), RaftBoard(group.trace, 'ladder')])"

SERVERS = """views => views.map(({dataset: d}) => [
    d.name, d.looks, d.role, +d.term, d.wrong === "1", d.left ? +d.left : null, d.places || ""])"""
ENTRIES = """cells => cells.map((cell) => [
    cell.closest(".sl-row").dataset.name, +cell.dataset.index, +cell.dataset.term, cell.dataset.known === "1"])"""
ARROWS = "arrows => arrows.map((arrow) => [arrow.closest('.sl-row').dataset.name, +arrow.dataset.index])"
WHERE = "(bar, t) => { bar.value = t; bar.dispatchEvent(new Event('input')); bar.dispatchEvent(new Event('change')) }"
SPEED = """root => {
    const player = root.parentElement.player, start = performance.now();
    for (let n = 0; n < 200; n++) player.seek(600000 + n * 5000);
    return (performance.now() - start) / 200;
}"""


@pytest.fixture(scope="module")
def rows():
    """The same run, here."""
    names: dict = {}
    exec(SETUP.replace("from swarmlab.viz.raftboard import RaftBoard", ""), names)
    return raft_frames(names["group"].trace)


@pytest.fixture
def page(lab):
    lab.write("raft.ipynb", SETUP, CELL, PAIR, "print('all cells', 'ran')")
    notebook = lab.open("raft.ipynb")
    notebook.run_all("all cells ran")
    notebook.page.wait_for_selector(".sl-raft[data-ready]")
    assert notebook.complaints() == []
    return notebook


class Board:
    """One board on the page."""

    def __init__(self, notebook, number, rows):
        self.page, self.rows = notebook.page, rows
        self.root = self.page.locator(".sl-raft").nth(number)
        self.root.scroll_into_view_if_needed()

    @property
    def time(self):
        return int(self.root.get_attribute("data-time"))

    def all(self, selector, script):
        return self.root.locator(selector).evaluate_all(script)

    def is_true(self):
        """Ring and ladder are what the rows say of this instant."""
        world = raft_at(self.rows, self.time)
        drawn = {row[0]: row[1:] for row in self.all(".sl-server", SERVERS)}
        for server in world["servers"] if drawn else ():
            waits = server["looks"] == "up" and server["role"] != "leader" and server["left"] is not None
            looks, role, term, wrong, left, places = drawn[server["name"]]
            assert [looks, role, term, wrong] == [
                server[key] or "none" if key == "role" else server[key] for key in ("looks", "role", "term", "wrong")
            ]
            assert left == (pytest.approx(server["left"], abs=1e-4) if waits else None)
            assert places == " ".join("/".join(map(str, half)) for half in server["places"] or ())
        entries = self.all(".sl-entry[data-index]", ENTRIES)
        if self.root.locator(".sl-ladder").count():
            assert sorted(entries) == sorted(written(world))
            leader = next((server for server in world["servers"] if server["name"] == world["leader"]), {"peers": {}})
            for sign, place in ((".sl-match[data-index]", 0), (".sl-next[data-index]", 1)):
                assert dict(self.all(sign, ARROWS)) == {name: peer[place] for name, peer in leader["peers"].items()}
        return world

    def go(self, seconds):
        self.root.locator(".sl-scrub").evaluate(WHERE, round(seconds * 1e6))
        return self.is_true()

    def press(self, *keys):
        self.root.locator(".sl-scrub").focus()
        for key in keys:
            self.page.keyboard.press(key)


def written(world):
    """Every entry of every log, and whether its server knows that it is committed."""
    found = []
    for server in world["servers"]:
        first = server["base"] + 1
        for term, last in server["log"]:
            found += [[server["name"], index, term, index <= server["commit"]] for index in range(first, last + 1)]
            first = last + 1
    return found


def instant(rows, kind, after=0.0):
    """When the first such fact happened, in seconds."""
    return next(fact[0] for fact in rows["facts"] if fact[3] == kind and fact[0] >= after * 1e6) / 1e6


def test_what_is_drawn_is_what_happened(page, rows):
    board = Board(page, 0, rows)
    assert board.time == 500_000 and board.is_true()["leader"]
    candidate = instant(rows, "BecameCandidate", 0.8)
    for seconds in (0.65, 0.76, candidate, candidate + 0.0003, candidate + 0.0007, 1.3, 1.7, rows["end"] / 1e6):
        board.go(seconds)
    for keys in (["Home"], ["ArrowRight"] * 4, ["PageDown"], ["End", "ArrowLeft"], ["PageUp"] * 3, ["Shift+ArrowLeft"]):
        before = board.time
        board.press(*keys)
        assert board.time != before, keys
        board.is_true()

    board.press("Home")
    board.root.locator(".sl-speed").select_option("0.25")
    board.root.locator(".sl-play").click()
    page.page.wait_for_timeout(1_500)
    board.root.locator(".sl-play").click()
    assert 600_000 < board.time < 1_500_000 and board.is_true()
    assert board.root.evaluate(SPEED) < 30  # ms to draw one instant; about 2 on a quiet machine


def test_a_click_answers_why(page, rows):
    board = Board(page, 0, rows)
    candidate = instant(rows, "BecameCandidate", 0.8)
    board.go(candidate + 0.0002)
    why = board.root.locator(".sl-why")
    board.root.locator(".sl-server[data-role=candidate]").click()
    assert "asks for votes in term 2" in why.inner_text() and "[Raft §5.2]" in why.inner_text()
    board.root.locator(".sl-flying[data-kind=ask]:not([visibility])").first.click()
    assert "RequestVote" in why.inner_text() and "its log ends at entry" in why.inner_text()
    board.root.locator(".sl-entry[data-index='2'][data-known]").first.click()
    assert "knows that this is committed" in why.inner_text() and "§5.4.2" in why.inner_text()
    page.page.keyboard.press("Escape")
    assert not why.is_visible()
    before = board.time
    board.root.locator(".sl-diagram").click(position={"x": 120, "y": 20})
    assert board.time < before and board.is_true()


def test_it_reads_in_both_themes_and_in_half_the_width(page, rows):
    both, ring, ladder = (Board(page, number, rows) for number in range(3))
    assert both.root.locator(".sl-ringview").count() == both.root.locator(".sl-ladder").count() == 1
    assert ring.root.locator(".sl-ladder").count() == 0 and ladder.root.locator(".sl-ringview").count() == 0
    boxes = [board.root.bounding_box() for board in (ring, ladder)]
    assert boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"] and boxes[1]["width"] < 500
    for board in (ring, ladder):
        board.go(1.2)
        overflow = board.root.locator(".sl-stage").evaluate("stage => stage.scrollWidth - stage.clientWidth")
        assert overflow <= 0
    colour = "root => getComputedStyle(root.querySelector('.sl-name')).fill"
    light = both.root.evaluate(colour)
    page.theme("JupyterLab Dark")
    assert both.root.evaluate(colour) != light
    page.theme("JupyterLab Light")
    both.root.locator(".sl-view").select_option("ladder")
    assert both.root.locator(".sl-ringview").count() == 0 and both.is_true()
