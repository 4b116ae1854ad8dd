"""Traffic with knobs and playable queues in a real browser: by keyboard, in both themes, and what is drawn is what was counted."""

import json

import pytest
from pretend_traffic import deal, round_robin

from swarmlab.viz.queues import look
from swarmlab.viz.trafficfold import panel

SETUP = """
from pretend_traffic import deal, round_robin
from swarmlab.viz.queueboard import QueueBoard
from swarmlab.viz.trafficboard import TrafficBoard

def run(load=0.5, slow=1):
    if load > 0.85:
        raise ValueError("too much")
    return {"round robin": deal(round_robin, requests=400, load=load, slow=slow) | {"unit": "×"}}
"""
KNOBS = "TrafficBoard(run, load=(0.1, 0.9, 0.1), slow=(0, 2))"
QUEUES = 'QueueBoard(deal(round_robin, requests=400, slow=1), happened={"a fault": 50}, time=100)'


@pytest.fixture
def page(lab):
    path = json.dumps(__file__.replace("browser/test_trafficboard.py", "viz"))
    lab.write(
        "traffic.ipynb", f"import sys; sys.path.insert(0, {path})", SETUP, KNOBS, QUEUES, "print('all cells', 'ran')"
    )
    notebook = lab.open("traffic.ipynb")
    notebook.run_all("all cells ran")
    notebook.page.wait_for_selector(".sl-traffic[data-ready]")
    assert notebook.complaints() == []
    return notebook


def shown(page, load, slow):
    """The row is what was counted at this position."""
    wanted = json.dumps({"load": load, "slow": slow}, separators=(",", ":"))
    page.page.wait_for_selector(f".sl-traffic[data-position='{wanted}']")
    row = page.page.locator(".sl-traffic .sl-run")
    made = panel(deal(round_robin, requests=400, load=load, slow=slow))
    assert row.get_attribute("data-counts") == " ".join(map(str, made.counts))
    assert float(row.get_attribute("data-p99")) == pytest.approx(made.marks["p99"])


def test_knobs_turn_by_keyboard_and_a_mistake_leaves_the_picture(page):
    shown(page, 0.5, 1)
    page.show(".sl-traffic [data-knob=load] input").focus()
    page.page.keyboard.press("ArrowRight")
    shown(page, 0.6, 1)
    page.page.locator(".sl-traffic .sl-keep").click()
    page.page.locator(".sl-traffic [data-knob=slow] input").focus()
    page.page.keyboard.press("ArrowRight")
    shown(page, 0.6, 2)
    assert page.page.locator(".sl-traffic path.sl-ghost[d]").count() == 2
    page.page.locator(".sl-traffic [data-knob=load] input").focus()
    page.page.keyboard.press("End")
    page.page.get_by_text("too much").wait_for()
    assert page.page.locator(".sl-traffic svg").get_attribute("aria-label").startswith("round robin: p50")


TOUCHING = """root => {
  const texts = [...root.querySelectorAll("svg text")].filter((one) => one.textContent && one.getAttribute("visibility") !== "hidden");
  const boxes = texts.map((one) => [one.textContent, one.getBoundingClientRect()]), found = [], edge = root.querySelector("svg").getBoundingClientRect();
  boxes.forEach(([a, p], n) => {
    if (p.left < edge.left - 1 || p.right > edge.right + 1 || p.bottom > edge.bottom + 1) found.push(a);
    for (const [b, q] of boxes.slice(n + 1))
      if (p.left < q.right + 5 && q.left < p.right + 5 && p.top < q.bottom - 4 && q.top < p.bottom - 4) found.push(`${a} | ${b}`);
  });
  return found;
}"""


def test_no_words_of_the_axes_touch(page):
    """At the width of a lesson and in a narrow window, with all the words there can be."""
    page.page.locator(".sl-traffic .sl-keep").click()
    board = page.show(".sl-traffic")
    board.get_by_text("time, in mean services").wait_for()
    for width in (0, 1100, 970, 900, 800, 700, 600):
        if width:
            board.evaluate("(root, width) => (root.querySelector('.sl-stage').style.width = `${width}px`)", width)
            page.page.wait_for_selector(f".sl-traffic svg[width='{width}']")
        assert board.evaluate(TOUCHING) == [], width
    assert "▲ mean" in board.locator("svg").inner_html()


def test_queues_play_and_read_in_both_themes(page):
    board = page.show(".sl-queues")
    page.page.locator(".sl-queues .sl-scrub").focus()
    for key in ("ArrowLeft", "End", "Home"):
        page.page.keyboard.press(key)
        now = int(board.get_attribute("data-time")) / 1e6
        rows = board.locator(".sl-column2").evaluate_all(
            "all => all.map((one) => [one.dataset.task, +one.dataset.queue])"
        )
        assert rows == [[task["task"], task["queue"]] for task in look(deal(round_robin, requests=400, slow=1), now)]
    assert board.locator(".sl-stage").evaluate("stage => stage.scrollWidth - stage.clientWidth") <= 0
    colour = "root => getComputedStyle(root.querySelector('.sl-qname')).fill"
    light = board.evaluate(colour)
    page.theme("JupyterLab Dark")
    dark = board.evaluate(colour)
    page.theme("JupyterLab Light")  # the server keeps it for whoever comes next
    assert dark != light
