"""The playable packet in a real browser: it stands where the rows say, by keyboard too, and reads in both themes."""

import pytest

HOSTS = ("192.168.1.10", "192.168.1.11")
HOPS = [
    ("worker-1", "container", "web.1 asks", "10.0.1.7", "10.0.1.2:80"),
    ("worker-1", "bridge", "the VIP is answered here", "10.0.1.7", "10.0.1.2:80"),
    ("worker-1", "sandbox", "IPVS picks api.2", "10.0.1.4", "10.0.1.9:80"),
    ("worker-1", "bridge", "the MAC is behind worker-2", "10.0.1.4", "10.0.1.9:80"),
    ("worker-1", "vtep", "VNI 4097", "10.0.1.4", "10.0.1.9:80", HOSTS),
    ("worker-2", "vtep", "unwraps", "10.0.1.4", "10.0.1.9:80"),
    ("worker-2", "container", "api.2 has it", "10.0.1.4", "10.0.1.9:80"),
]
SETUP = f"""
from swarmlab.viz.packetboard import PacketBoard

hops = {HOPS}
kinds = {{"10.0.1.2": "vip", "10.0.1.4": "node"}}
"""
SEEN = "stops => stops.filter((stop) => stop.getAttribute('visibility') !== 'hidden').length"


@pytest.fixture
def page(lab):
    lab.write("packet.ipynb", SETUP, "PacketBoard(hops, stop=3, kinds=kinds)", "print('all cells', 'ran')")
    notebook = lab.open("packet.ipynb")
    notebook.run_all("all cells ran")
    notebook.page.wait_for_selector(".sl-packets[data-ready]")
    assert notebook.complaints() == []
    return notebook


def is_at(page, stop):
    root = page.page.locator(".sl-packets")
    assert root.get_attribute("data-stop") == str(stop)
    assert root.locator(".sl-stop").evaluate_all(SEEN) == stop
    assert root.locator(".sl-stop[data-now]").get_attribute("data-stop") == str(stop)


def test_it_stands_where_the_rows_say(page):
    is_at(page, 3)
    page.page.locator(".sl-packets .sl-scrub").focus()
    for key, stop in (("Home", 1), ("ArrowRight", 2), ("End", 7), ("ArrowLeft", 6)):
        page.page.keyboard.press(key)
        is_at(page, stop)
    note = page.page.locator(".sl-packets .sl-note:not([visibility])")
    assert "node 10.0.1.4" in note.text_content() and "host" not in note.text_content()
    page.page.keyboard.press("ArrowLeft")
    assert "host 192.168.1.11" in note.text_content()


def test_a_click_on_a_stop_says_what_is_done_there(page):
    page.page.locator(".sl-packets .sl-stop").nth(2).click()
    assert "IPVS picks a task, each in its turn" in page.page.locator(".sl-packets .sl-why").inner_text()


def test_it_reads_in_both_themes_and_fits(page):
    root = page.page.locator(".sl-packets")
    assert root.locator(".sl-stage").evaluate("stage => stage.scrollWidth - stage.clientWidth") <= 0
    colour = "root => getComputedStyle(root.querySelector('.sl-said')).fill"
    light = root.evaluate(colour)
    page.theme("JupyterLab Dark")
    dark = root.evaluate(colour)
    page.theme("JupyterLab Light")  # the server keeps it for whoever comes next
    assert dark != light
