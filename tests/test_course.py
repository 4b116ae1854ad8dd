"""The lessons as one course: links name what they lead to, the lists of lessons agree, words are explained where the glossary says."""

import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parent.parent
NOTEBOOKS = ROOT / "notebooks"
LESSONS = {path.name: path for path in sorted(NOTEBOOKS.glob("*.ipynb"))}
LINK = re.compile(r"\[([^\]]+)\]\((?:notebooks/)?(\d\d\w*\.ipynb)\)")
TO_COME: tuple[str, ...] = ()  # lessons that are named and not written yet

every_lesson = pytest.mark.parametrize("name", LESSONS, ids=[name.partition("_")[0] for name in LESSONS])


def prose(name: str) -> list[str]:
    """The text cells of a lesson."""
    return [cell.source for cell in nbformat.read(LESSONS[name], 4).cells if cell.cell_type == "markdown"]


def headings(name: str) -> list[str]:
    return [line.lstrip("# ") for text in prose(name) for line in text.splitlines() if line.startswith("#")]


def title(name: str) -> str:
    """`05 · Services and tasks`."""
    return headings(name)[0].partition(":")[0]


def number_of(name: str) -> str:
    """`05`, `15b`."""
    return name.partition("_")[0]


def links(text: str) -> list[tuple[str, str]]:
    return [(words, target) for words, target in LINK.findall(text)]


def is_named(words: str, target: str) -> bool:
    """Whether a link says the number of its lesson, `05` or `lesson 05`, or the number and the title."""
    number, _, rest = words.removeprefix("lesson ").replace(" · ", " ").partition(" ")
    return number == number_of(target) and (not rest or f"{number} · {rest}".lower() == title(target).lower())


@every_lesson
def test_a_link_to_a_lesson_says_its_title(name):
    found = [link for text in prose(name) for link in links(text)]
    assert all(target in LESSONS for _, target in found)
    assert [link for link in found if not is_named(*link)] == []


@every_lesson
def test_a_lesson_leads_to_the_next(name):
    (text,) = [text for text in prose(name) if "**Next:**" in text or "## Where to go next" in text]
    follows = text.partition("Next:**" if "**Next:**" in text else "## Where to go next")[2]
    numbers = [number_of(target) for _, target in links(follows)] + re.findall(r"^ (\d\d),", follows)
    assert numbers and all(number in TO_COME for number in set(numbers) - set(map(number_of, LESSONS)))


def minutes(name: str) -> int:
    """What a lesson says that it takes."""
    (told,) = re.findall(r"\*\*It takes\*\* (\d+) minutes", " ".join(prose(name)))
    return int(told)


def test_the_readme_lists_every_lesson_with_its_question_and_minutes():
    rows = re.findall(
        r"^\| \[(\d\d\w?) ([^\]]+)\]\(notebooks/(\S+)\) \| (.+) \| (\d+) \|$", (ROOT / "README.md").read_text(), re.M
    )
    assert [target for _, _, target, _, _ in rows] == list(LESSONS)
    for number, words, target, question, told in rows:
        assert f"{number} · {words}".lower() == title(target).lower()
        asked = headings(target)[0].partition(": ")[2]
        assert question.lower() == asked.lower()
        assert int(told) == minutes(target)


def test_the_map_in_lesson_00_leads_to_every_other_lesson_with_its_minutes():
    (text,) = [text for text in prose("00_start_here.ipynb") if "## Where to go next" in text]
    assert sorted(target for _, target in links(text)) == list(LESSONS)[1:]
    rows = re.findall(r"((?:\[[^\]]+\]\(\S+\.ipynb\)(?: → )?)+) \| (\d+) \|", text)
    assert sum(len(links(row)) for row, _ in rows) == len(LESSONS) - 1
    for row, told in rows:
        assert int(told) == sum(minutes(target) for _, target in links(row)), row


# ── the glossary, and the deck slide by slide ────────────────────────────────────────────────────────────────────


def table(name: str) -> list[list[str]]:
    """The cells of the table in a page, without its head."""
    rows = [line for line in (NOTEBOOKS / name).read_text().splitlines() if line.startswith("| ")]
    return [line.strip("| ").split(" | ") for line in rows[2:]]


def test_the_glossary_is_in_order_and_each_word_is_in_the_lesson_it_names():
    rows = table("glossary.md")
    words = [word for word, _, _ in rows]
    assert words == sorted(words, key=str.lower) and len(set(words)) == len(words)
    for word, _, link in rows:
        ((number, target),) = links(link)
        assert number == number_of(target)
        told = " ".join(" ".join(prose(target)).lower().replace("*", "").replace("`", "").split())
        for part in word.lower().split(", "):
            assert any(form in told for form in (part, part.replace(" ", "-"))), f"{part} is not in lesson {number}"


def test_every_topic_of_the_deck_leads_to_headings_that_exist():
    for topic, where in table("deck.md"):
        for place in re.findall(r"\[\d\d\w?\]\((\d\d\w*\.ipynb)\) ([^\[]+)", where):
            name, named = place
            for heading in named.strip().rstrip(";").split("; "):
                assert heading in headings(name), f"{topic}: no heading {heading!r} in {name}"
