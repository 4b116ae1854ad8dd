"""The live board in a real browser: by mouse and by keyboard, forked, in the past, twice, without its kernel; and beside a terminal."""

import os
import re
import shutil
import subprocess

import pytest

CLIENT = shutil.which("docker")
SERVED = """
from swarmlab.cluster import Cluster
from swarmlab.live import Live

cluster = Cluster(managers=1, workers=2, seed=7)
cluster.run_for(5)
served = cluster.serve(port=0)
live = Live(cluster)
live
"""
SETUP = """
from swarmlab.cluster import Cluster
from swarmlab.live import Live

cluster = Cluster(managers=3, workers=4, seed=7)
cluster.docker("service create -d --name web --replicas 6 --publish 8080:80 acme/web:1")
cluster.run_for(5)
live = Live(cluster)
live
"""
BUSY = "live._sequence += 3  # as if messages had been lost\nimport time\nbegun = cluster.now\ntime.sleep(1.2)\nprint('a cell', 'ran', cluster.now > begun + 0.5)"


def says(board, text):
    board.locator(".sl-answer", has_text=text).wait_for()


def shown(board, name):
    return int(board.get_attribute(f"data-{name}"))


@pytest.fixture
def page(lab):
    lab.write("live.ipynb", SETUP, "live", "print('all cells', 'ran')", BUSY)
    notebook = lab.open("live.ipynb")
    notebook.run_all("all cells ran")
    notebook.page.wait_for_selector(".sl-liveboard[data-ready]")
    return notebook


def test_the_board_follows_a_running_cluster(page):
    tab, board = page.page, page.page.locator(".sl-liveboard").first
    page.show(".sl-liveboard")

    # it goes on drawing while a cell runs, and the world goes on, too
    tab.wait_for_selector(".jp-OutputArea-output >> text=a cell ran True")
    before = shown(board, "time")
    tab.wait_for_function(f"document.querySelector('.sl-liveboard').dataset.time > {before + 500_000}")

    # the mouse: scale by its button
    board.locator(".sl-replicas").fill("9")
    board.locator(".sl-act-scale").click()
    says(board, "service scale -d web=9  →  web scaled to 9")
    board.locator(".sl-chip", has_text="9/9").wait_for()

    # the keyboard: kill a machine
    board.locator(".sl-node[data-name=worker-2]").focus()
    tab.keyboard.press("k")
    says(board, "worker-2 has lost power")
    tab.wait_for_selector(".sl-node[data-name=worker-2][data-looks=down]", state="attached")

    # the past, while the world goes on; and back to now
    tab.keyboard.press("Home")
    assert (shown(board, "time"), board.get_attribute("data-following")) == (0, "false")
    tab.wait_for_function(f"document.querySelector('.sl-liveboard').dataset.end > {shown(board, 'end')}")
    assert shown(board, "time") == 0
    board.locator(".sl-now").click()
    assert board.get_attribute("data-following") == "true" and shown(board, "time") > 5_000_000

    # another future beside it
    tab.keyboard.press("f")
    tab.wait_for_selector(".sl-liveboard[data-boards=AB]")
    assert board.locator(".sl-aim").input_value() == "B"
    board.locator(".sl-command").fill("service scale -d web=2")
    tab.keyboard.press("Enter")
    says(board, "web scaled to 2")
    sides = board.locator(".sl-side")
    sides.nth(1).locator(".sl-chip", has_text="2/2").wait_for()
    assert "/9" in sides.nth(0).locator(".sl-chip").inner_text()

    # and another one instead of it
    board.locator(".sl-aim").select_option("A")
    board.locator(".sl-act-fork").click()
    sides.nth(1).locator(".sl-chip", has_text="/9").wait_for()
    assert board.locator(".sl-side").count() == 2

    # displayed twice: the other view shows the same, and its buttons work
    other = tab.locator(".sl-liveboard").nth(1)
    other.scroll_into_view_if_needed()
    assert other.get_attribute("data-boards") == "AB"
    other.locator(".sl-play").click()
    for view in (board, other):
        view.locator(".sl-play[aria-label='Let the world go on']").wait_for(state="attached")
    assert page.complaints() == []

    # without its kernel it says what to do
    tab.evaluate("() => { window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart(); return 1 }")
    tab.wait_for_selector(".sl-liveboard[data-gone] .sl-notice >> text=run the cell again", state="attached")
    page.wait_for_kernel()


def test_a_page_that_is_loaded_again_gets_everything_and_reads_in_both_themes(page):
    page.save()
    tab = page.page
    tab.wait_for_timeout(300)
    tab.reload(wait_until="domcontentloaded")
    page.wait_for_kernel()
    board = page.show(".sl-liveboard[data-ready]")
    tab.wait_for_function("document.querySelector('.sl-liveboard').dataset.end > 6_000_000")
    before = shown(board, "time")
    tab.wait_for_function(f"document.querySelector('.sl-liveboard').dataset.time > {before}")

    colour = "root => getComputedStyle(root.querySelector('.sl-grouphead')).color"
    light = board.evaluate(colour)
    page.theme("JupyterLab Dark")
    dark = board.evaluate(colour)
    page.theme("JupyterLab Light")
    assert dark != light
    assert board.evaluate("root => root.scrollWidth - root.clientWidth") <= 0


@pytest.mark.skipif(CLIENT is None, reason="the docker client is not installed")
def test_the_board_moves_when_the_real_client_acts(lab):
    lab.write("served.ipynb", SERVED, "print('all cells', 'ran')")
    notebook = lab.open("served.ipynb")
    notebook.run_all("all cells ran")
    board = notebook.show(".sl-liveboard[data-ready]")
    printed = notebook.page.locator(".jp-OutputArea-output", has_text="export DOCKER_HOST=").first.inner_text()
    host = re.search(r"DOCKER_HOST=(\S+)", printed)[1]

    def typed(*words):
        environment = {**os.environ, "DOCKER_HOST": host, "DOCKER_CONTEXT": ""}
        done = subprocess.run([CLIENT, *words], env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr

    typed("service", "create", "-d", "--name", "typed", "--replicas", "2", "acme/web:1")
    board.locator(".sl-chip", has_text="typed").wait_for()
    board.locator(".sl-chip", has_text="2/2").wait_for()
    typed("service", "rm", "typed")
    board.locator(".sl-chip[data-absent]", has_text="typed").wait_for(state="attached")
    assert notebook.complaints() == []
