"""Lessons as web pages (`make html`): they read whole where nothing runs, without a network, also for who does not see."""

import re
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup

from tools.html import led, main, page

ROOT = Path(__file__).parent.parent
LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SHORTEST_ALT = 20  # characters
WIDGET = re.compile(r"^(Player|RaftBoard|Explore|PlaceBoard|PacketBoard|QueueBoard|TrafficBoard|Edit|Live)\(")

every_lesson = pytest.mark.parametrize("path", LESSONS, ids=[path.stem for path in LESSONS])


def faults(text: str) -> list[str]:
    """What keeps a page from being read alone, a line each."""
    soup = BeautifulSoup(text, "html.parser")
    found = [f"a script: {script.attrs}" for script in soup.select("script")]
    found += [f"asked from elsewhere: {one.attrs}" for one in soup.select("link[href], iframe, object")]
    found += [
        f"a picture from elsewhere: {one['src'][:60]}"
        for one in soup.select("img[src]")
        if not one["src"].startswith("data:")
    ]
    found += [
        f"a picture without words: {one.get('alt', '')}"
        for one in soup.select("img")
        if len(one.get("alt", "")) < SHORTEST_ALT or "No description" in one["alt"]
    ]
    found += [
        f"a drawing without words: {str(one)[:80]}"
        for one in soup.select("svg")
        if not (one.find("title") or one.get("aria-label") or one.get("aria-hidden"))
    ]
    found += [
        f"asked from elsewhere: {url}" for url in re.findall(r"(?:@import|url\()\s*[\"']?(https?:[^\"')]+)", text)
    ]
    return found


@every_lesson
def test_a_page_reads_whole_by_itself(path, tmp_path):
    text = page(path, tmp_path)
    assert faults(text) == []
    soup = BeautifulSoup(text, "html.parser")
    stored = [output for cell in nbformat.read(path, 4).cells for output in cell.get("outputs", [])]
    pictures = sum("image/png" in output.get("data", {}) for output in stored)
    assert len(soup.select("img")) == pictures
    assert soup.select("h2#Recap") and soup.select(".jp-OutputArea-output")


@pytest.mark.parametrize(
    "planted",
    [
        '<script src="https://cdn.example/require.js"></script>',
        '<img src="data:image/png;base64,AAAA" alt="No description has been provided for this image">',
        '<img src="https://elsewhere.example/a.png" alt="A picture with words enough">',
        "<svg><path/></svg>",
        '<link rel="stylesheet" href="https://elsewhere.example/a.css">',
    ],
)
def test_a_planted_fault_is_found(planted):
    assert len(faults(f"<html><body>{planted}</body></html>")) == 1


@every_lesson
def test_what_moves_has_a_picture_or_words_beside_it(path):
    """A board or knobs stay empty without a kernel: near them something says what would be there."""
    cells = nbformat.read(path, 4).cells
    for number, cell in enumerate(cells):
        if not any(WIDGET.match(output.get("data", {}).get("text/plain", "")) for output in cell.get("outputs", [])):
            continue
        near = cells[max(0, number - 6) : number + 7]
        drawn = any("image/png" in output.get("data", {}) for one in near for output in one.get("outputs", []))
        told = any("ithout a kernel" in one.source for one in near)
        assert drawn or told, f"cell {number}: {cell.source[:60]}"


def test_links_between_pages_lead_to_pages_and_others_to_files(tmp_path):
    assert led("05_services_and_tasks.ipynb", tmp_path) == "05_services_and_tasks.html"
    assert (tmp_path / led("../docs/simplifications.md", tmp_path)).exists()
    assert (tmp_path / led("glossary.md", tmp_path)).exists()


def test_all_lessons_are_written(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("tools.html.page", lambda path, folder: path.stem)
    assert main([str(tmp_path)]) == 0
    assert sorted(path.stem for path in tmp_path.glob("*.html")) == [path.stem for path in LESSONS]
