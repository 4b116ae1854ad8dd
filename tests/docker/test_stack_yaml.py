"""Docker's YAML dialect (stacks.md §2); every answer here was given by docker 28.2.2."""

import pytest

from swarmlab.docker.yaml_dialect import StackError, Timestamp, go_text, read_yaml


def value_of(scalar):
    return read_yaml(f"a: {scalar}\n".encode())["a"]


def says(text):
    with pytest.raises(StackError) as caught:
        read_yaml(text.encode())
    return caught.value.text


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("yes", "yes"), ("on", "on"), ("no", "no"), ("True", True), ("false", False), ("22:22", "22:22"),
        ("0755", 493), ("0o17", 15), ("0x1F", 31), ("0b11", 3), ("1_000", 1000), ("+12", 12), ("-3", -3),
        ("1e3", 1000.0), (".5", 0.5), ("1.", 1.0), ("08", 8.0), ("12e03", 12000.0), ("_1", "_1"), ("0x", "0x"),
        ("~", None), ("", None), ("Null", None), (".inf", float("inf")), ("1.2.3", "1.2.3"), ("1.10", 1.1),
        ("'12'", "12"), ("!!str 12", "12"), ("!!float 1", 1.0), ("!!int '7'", 7), ("!foo x", "x"),
        ("18446744073709551615", 2**64 - 1), ("18446744073709551616", 2.0**64),
    ],
)  # fmt: skip
def test_a_plain_scalar_means_what_it_means_to_docker(scalar, value):
    assert value_of(scalar) == value and type(value_of(scalar)) is type(value)


def test_a_date_without_quotes_is_a_time():
    assert value_of("2020-01-01") == "2020-01-01 00:00:00 +0000 UTC"
    assert isinstance(value_of("2020-01-01"), Timestamp)
    assert value_of("2001-12-14t21:59:43.10-05:00") == "2001-12-14 21:59:43.1 -0500 -0500"
    assert not isinstance(value_of("'2020-01-01'"), Timestamp)


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0, "1"), (1.1, "1.1"), (1e-6, "1e-06"), (1e20, "100000000000000000000"), (1e21, "1e+21"), (-0.0, "-0"),
     (True, "true"), (None, "<nil>"), (493, "493"), ([3, "a"], "[3 a]"), ({"b": 1, "a": 2}, "map[a:2 b:1]")],
)  # fmt: skip
def test_numbers_become_texts_in_their_shortest_form(value, text):
    assert go_text(value) == text


def test_merge_keys_fill_what_is_not_there_and_the_earlier_one_wins():
    text = b"x: &x {a: 1, b: 2}\ny: &y {b: 3, c: 4}\nz: {<<: [*x, *y], a: 9}\nw: {<<: *x}\nv: {<<: {q: 1}}\n"
    document = read_yaml(text)
    assert (document["z"], document["w"], document["v"]) == ({"a": 9, "b": 2, "c": 4}, {"a": 1, "b": 2}, {"q": 1})
    assert says("a: {<<: 3}") == "yaml: map merge requires map or sequence of maps as the value"


def test_a_key_may_stand_once():
    twice = "services:\n  web:\n    image: a\n    image: b\n"
    assert says(twice) == 'yaml: unmarshal errors:\n  line 4: mapping key "image" already defined at line 3'
    assert says("{a: 1, b: 1, b: 2, a: 3}").count("already defined at line 1") == 2


def test_only_the_first_document_is_read():
    assert read_yaml(b"a: 1\n---\nbroken: [\n") == {"a": 1}
    assert read_yaml(b"a: 1\n...\ngarbage\n") == {"a": 1}
    assert read_yaml(b"# nothing\n") is None


def test_tabs_between_tokens_are_blanks_but_not_for_indentation():
    assert read_yaml(b"a:\t1\nb: {c:\t2,\td: 3}\n") == {"a": 1, "b": {"c": 2, "d": 3}}
    assert read_yaml(b"a: run\tthis \t now\t\nb: x\t# c\n") == {"a": "run\tthis \t now", "b": "x"}
    assert says("a:\n\tb: 1\n") == "yaml: line 2: found character that cannot start any token"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: *missing", "yaml: unknown anchor 'missing' referenced"),
        ("a: &a {a: *a}", "yaml: anchor 'a' value contains itself"),
        ("a: b: c", "yaml: mapping values are not allowed in this context"),
        ("a: [b", "yaml: line 1: did not find expected ',' or ']'"),
        ('a: "b', "yaml: found unexpected end of stream"),
        ('a: "\\q"', "yaml: found unknown escape character"),
        ("a:\n b: x\n  c: y", "yaml: line 3: mapping values are not allowed in this context"),
        ("s:\n  a:\n    b: x\n   c: 1", "yaml: line 1: did not find expected key"),
        ("? [a, b]\n: c", 'yaml: invalid map key: []interface {}{"a", "b"}'),
        ("a: \x01", "yaml: control characters are not allowed"),
    ],
)
def test_broken_yaml_is_refused_in_the_words_of_go(text, fault):
    assert says(text) == fault


def test_aliases_that_multiply_are_refused():
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))
    assert says(bomb) == "yaml: document contains excessive aliasing"
    assert says("[" * 5000) == "yaml: exceeded max depth of 10000"
