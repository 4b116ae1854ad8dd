"""Whatever a teacher's slip of the pen makes of an incident file: it can be read, or one line says what is wrong."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from swarmlab.drills.incident import read_incident

FILES = sorted((Path(__file__).parents[2] / "data/incidents").glob("*.yml"))
WRONG = st.one_of(
    st.sampled_from([None, True, -1, 0, 10**12, 2.5, "", "x", "{x}", "{", [], [1], [[]], [{}], {}, {"a": 1}, {1: 2}]),
    st.floats(),
    st.text(max_size=5),
)


def places(value, place=()):
    """The way to each part of a document."""
    yield place
    rows = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in rows:
        yield from places(each, (*place, key))


def spoiled(document, place, how, value):
    """The document with one part of it wrong, missing, or one too many."""
    part = document
    for key in place[:-1]:
        part = part[key]
    if how == "missing":
        del part[place[-1]]
    elif how == "wrong" or not isinstance(part, dict):
        part[place[-1]] = value
    else:
        part["colour"] = value
    return document


@given(data=st.data())
def test_a_file_with_a_mistake_is_read_or_refused_in_one_line(tmp_path_factory, data):
    document = yaml.safe_load(data.draw(st.sampled_from(FILES)).read_text(encoding="utf-8"))
    place = data.draw(st.sampled_from([place for place in places(document) if place]))
    how = data.draw(st.sampled_from(["missing", "wrong", "wrong", "more"]))
    path = tmp_path_factory.getbasetemp() / "mine.yml"
    path.write_text(yaml.dump(spoiled(document, place, how, data.draw(WRONG))), encoding="utf-8")
    read(path)


@given(text=st.text(max_size=60))
def test_a_file_that_is_no_incident_is_refused_in_one_line(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "mine.yml"
    path.write_text(text, encoding="utf-8", errors="ignore")
    assert read(path) is not None


@pytest.mark.parametrize(
    "text", [b"title: [", b"\xff\xfe", b"title: \t{", b"", b"&a [*a]", b"!!python/object:os.system x"]
)
def test_bad_yaml_is_refused_in_one_line(tmp_path, text):
    path = tmp_path / "mine.yml"
    path.write_bytes(text)
    assert read(path) is not None


def read(path):
    """What the refusal says; None if the file can be read."""
    try:
        read_incident(str(path), 1)
    except ValueError as fault:
        said = str(fault)
        assert said.startswith(("mine.yml: ", "open mine.yml: ")) and "\n" not in said, said
        return said
    return None
