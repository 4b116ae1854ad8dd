"""The page of simplifications and the code that it speaks of name each other, row by row; its scores are those of the tests."""

import re
from collections import defaultdict
from pathlib import Path

import nbformat
import pytest
from differences import AGREEING, LINES
from stack_score import SCORES

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "simplifications.md").read_text(encoding="utf-8")
ROW = re.compile(r'^\| <a id="([a-z0-9-]+)"></a>(.+?) \|(.*)\| ((?:`[\w/.]+`(?:, )?)+) \|$')
MARK = re.compile(r"^# Simpler than in reality \(docs/simplifications\.md\): (.+)$", re.M)
LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def rows() -> dict[str, set[str]]:
    """The name of each row, and the rooms that it says it lives in."""
    found = [ROW.match(line) for line in PAGE.splitlines() if line.startswith('| <a id="')]
    assert all(found) and len({row[1] for row in found}) == len(found)
    return {row[1]: set(re.findall(r"`([^`]+)`", row[4])) for row in found}


def marks() -> dict[str, set[str]]:
    """The same, as the rooms say it."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted((ROOT / "swarmlab").rglob("*.py")):
        for names in MARK.findall(path.read_text(encoding="utf-8")):
            for name in names.split(", "):
                found[name].add(path.relative_to(ROOT / "swarmlab").as_posix())
    return dict(found)


def test_every_row_has_a_name_and_a_room():
    tables = re.split(r"^## ", PAGE, flags=re.M)[1:-1]  # the last one holds the scores
    told = [line for text in tables for line in text.splitlines() if line.startswith("| ")]
    assert [line for line in told if not line.startswith(('| <a id="', "| here |", "| --- |"))] == []


def test_rows_and_rooms_name_each_other():
    assert rows() == marks()


def anchors() -> set[str]:
    """What a link may end with: the names of rows, and headings as GitHub and JupyterLab spell them."""
    headings = re.findall(r"^## (.+)$", PAGE, re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings} | set(rows())


@pytest.mark.parametrize("path", LESSONS, ids=[path.stem for path in LESSONS])
def test_a_lesson_says_what_is_simpler_and_leads_to_the_part_of_the_page(path):
    text = "\n".join(cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "markdown")
    links = re.findall(r"\(\.\./docs/simplifications\.md(?:#([\w-]+))?\)", text)
    assert "**Simpler than in reality:**" in text and links
    assert set(links) <= anchors()


def test_the_scores_are_those_that_tests_hold():
    told = dict(re.findall(r"^\| ([^|]+) \| (\d+ of \d+) \|$", PAGE, re.M))
    refusals = [SCORES["words of stack config"], SCORES["words of stack deploy"]]
    assert list(told.values()) == [
        f"{AGREEING} of {LINES}",
        "{} of {}".format(*SCORES["texts of stack config"]),
        "{} of {}".format(*map(sum, zip(*refusals, strict=True))),
        "{} of {}".format(*SCORES["warnings"]),
        "{} of {}".format(*SCORES["fields of services"]),
    ]
