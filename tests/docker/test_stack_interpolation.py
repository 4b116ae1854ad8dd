"""Variables in stack files (stacks.md §4); every answer here was given by docker 28.2.2."""

import pytest
from stack_texts import loaded, refusal, refusal_of, service

from swarmlab.docker.interpolate import interpolate, substitute

ENV = {"S": "sv", "E": "", "N": "3", "T": "yes", "BAD": "two"}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("$S ${S}", "sv sv"), ("$U|${U}", "|"), ("${U:-d} ${E:-d} ${S:-d}", "d d sv"), ("${U-d} ${E-d}", "d "),
        ("${S:?m} ${S?m} ${E?m}", "sv sv "), ("$$ $${S} $$$$", "$ ${S} $$"), ("${s}", ""), ("a$S.b", "asv.b"),
        ("${U:-a${S}b}", "a${Sb}"), ("$S-foo", "sv"), ("$U-foo", "foo"), ("$S:?x", "sv"), ("${S}-foo", "sv-foo"),
        ("{{.Task.Slot}}", "{{.Task.Slot}}"), ("$ ${S}", " sv"),
    ],
)  # fmt: skip
def test_forms_of_variables(text, result):
    assert substitute(text, ENV) == result


@pytest.mark.parametrize("text", ["a${B", "cost 5$ a day", "$1", "${a.b}", "$", "${}", "$ $$"])
def test_anything_else_after_a_dollar_is_an_error(text):
    with pytest.raises(ValueError) as caught:
        substitute(text, ENV)
    assert str(caught.value) == text


def test_the_error_names_the_place_and_what_is_missing():
    tail = "; you may need to escape any $ with another $"
    assert refusal_of("hostname: 'a${B'") == f'invalid interpolation format for services.a.hostname: "a${{B"{tail}'
    wanted = '"required variable SITE is missing a value: set SITE first"'
    says = refusal_of("labels: ['q=${SITE:?set SITE first}']")
    assert says == f"invalid interpolation format for services.a.labels.[]: {wanted}{tail}"


def test_values_are_interpolated_keys_are_not():
    found = interpolate({"$S": "$S", "l": ["$S", {"m": "$S"}], "n": 5}, ENV)
    assert found == {"$S": "sv", "l": ["sv", {"m": "sv"}], "n": 5}


def test_a_variable_in_the_place_of_a_number_or_boolean_is_cast():
    body = "tty: '${T}', deploy: {replicas: '$N', update_config: {max_failure_ratio: '${U:-0.5}'}}"
    found = service(body, env=ENV)
    assert found["tty"] is True
    assert found["deploy"] == {"replicas": 3, "update_config": {"max_failure_ratio": 0.5}}


def test_a_quoted_number_without_a_variable_is_not_cast():
    assert refusal_of("deploy: {replicas: '3'}") == "services.a.deploy.replicas must be a integer"


def test_what_cannot_be_cast_is_an_error():
    start = "error while interpolating services.a."
    cast = "failed to cast to expected type:"
    says = refusal_of("deploy: {replicas: '${BAD}'}", env=ENV)
    assert says == f'{start}deploy.replicas: {cast} strconv.Atoi: parsing "two": invalid syntax'
    assert refusal_of("tty: '${BAD}'", env=ENV) == f"{start}tty: {cast} invalid boolean: two"


def test_the_version_is_not_interpolated_and_extensions_are():
    assert refusal("version: $S", env=ENV) == "unsupported Compose file version: $S"
    assert loaded("x-a: [$S]\nservices: {}", env=ENV).extensions == {"x-a": ["sv"]}


def test_interpolation_comes_after_forbidden_keys_and_before_the_schema():
    assert refusal_of("mem_limit: '${'", deploy=False) == "Configuration contains forbidden properties"
    assert refusal_of("bogus: 1, hostname: '${'").startswith("invalid interpolation format")
