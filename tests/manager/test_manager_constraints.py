"""The constraint language."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmlab.manager.constraints import match, parse
from swarmlab.objects import ApiError, Description, Node, NodeSpec

NODE = Node(
    "abc",
    NodeSpec(labels={"zone": "East", "a.b": "1"}),
    role="worker",
    description=Description("web-1", engine_labels={"storage": "ssd"}),
    address="10.77.0.12",
)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("node.id==ABC", True),
        ("node.id == abc", True),
        ("node.hostname!=web-1", False),
        ("node.role==manager", False),
        ("node.role!=manager", True),
        ("NODE.ROLE==Worker", True),
        ("node.labels.zone==east", True),
        ("node.labels.Zone==east", False),  # label names are case-sensitive
        ("node.labels.a.b==1", True),
        ("node.labels.missing==x", False),
        ("node.labels.missing!=x", True),
        ("engine.labels.storage==ssd", True),
        ("node.platform.os==linux", True),
        ("node.platform.arch==x86_64", True),
        ("node.platform.arch==amd64", False),  # not normalised
        ("node.ip==10.77.0.12", True),
        ("node.ip==10.77.0.0/16", True),
        ("node.ip!=10.78.0.0/16", True),
        ("node.ip==10.77.0.300", False),
        ("node.ip!=10.77.0.300", False),  # malformed: never
        ("node.color==red", False),
        ("node.color!=red", False),  # unknown key: never
    ],
)
def test_what_holds_for_a_node(text, holds):
    """§10."""
    assert match(parse((text,)), NODE) is holds


def test_a_node_without_address_or_description():
    """§10: a missing value differs from every value."""
    bare = Node("x")
    assert not match(parse(("node.ip==10.0.0.1",)), bare) and match(parse(("node.ip!=10.0.0.1",)), bare)
    assert not match(parse(("node.hostname==a",)), bare) and match(parse(("engine.labels.a!=b",)), bare)


def test_all_must_hold():
    assert match(parse(("node.role==worker", "node.labels.zone==east")), NODE)
    assert not match(parse(("node.role==worker", "node.labels.zone==west")), NODE)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("node.role manager", "constraint expected one operator from ==, !="),
        ("node.role=manager", "constraint expected one operator from ==, !="),
        ("x==y", "key 'x' is invalid"),
        ("1ab==y", "key '1ab' is invalid"),
        ("node.id==", "value '' is invalid"),
        ("node.id==a,b", "value 'a,b' is invalid"),
        ("node.id!=a==b", "key 'node.id!=a' is invalid"),  # == is looked for first
    ],
)
def test_errors(text, error):
    """§10."""
    with pytest.raises(ApiError) as raised:
        parse((text,))
    assert raised.value.text == error


@given(st.text() | st.from_regex(r"[a-z.]{0,12}(==|!=) ?[a-z0-9./]{0,12}"))
def test_nothing_but_the_documented_errors(text):
    try:
        constraints = parse((text,))
    except ApiError as error:
        assert error.text.startswith(("key '", "value '", "constraint expected one operator"))
    else:
        assert match(constraints, NODE) in (True, False)
