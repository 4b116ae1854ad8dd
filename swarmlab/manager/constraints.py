"""The constraint language: `node.labels.zone==east`, `node.role!=manager`.

Source: Docker documentation, `docker service create --constraint`; swarmkit `manager/constraint/constraint.go`.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from ..objects import ApiError, Node
from ..overlay import ipam

OPERATORS = ("==", "!=")  # looked for in this order
KEY = re.compile(r"[a-z_][a-z0-9\-_.]+", re.IGNORECASE | re.ASCII)
VALUE = re.compile(r"[a-z0-9:\-_\s.*()?+\[\]\\^$|/]+", re.IGNORECASE | re.ASCII)


class Constraint(NamedTuple):
    """One condition that a node has to meet."""

    key: str
    operator: str
    value: str


def parse(texts: Iterable[str]) -> tuple[Constraint, ...]:
    """What the texts ask for. Raises ApiError with SwarmKit's words; a key that nobody knows is no error."""
    return tuple(_parse_one(text) for text in texts)


def _parse_one(text: str) -> Constraint:
    operator = next((operator for operator in OPERATORS if operator in text), None)
    if operator is None:
        raise ApiError("constraint expected one operator from ==, !=")
    key, _, value = text.partition(operator)
    key, value = key.strip(), value.strip()
    if not KEY.fullmatch(key):
        raise ApiError(f"key '{key}' is invalid")
    if not VALUE.fullmatch(value):
        raise ApiError(f"value '{value}' is invalid")
    return Constraint(key, operator, value)


def match(constraints: Iterable[Constraint], node: Node) -> bool:
    """Does the node meet all of them? A label that it does not have differs from every value."""
    return all(_holds(constraint, node) for constraint in constraints)


def _holds(constraint: Constraint, node: Node) -> bool:
    if constraint.key.lower() == "node.ip":
        return _address_holds(constraint, node.address)
    actual = _value(constraint.key, node)
    if actual is None:
        return False  # nobody knows this key: neither == nor != holds
    return (actual.lower() == constraint.value.lower()) == (constraint.operator == "==")


def _value(key: str, node: Node) -> str | None:
    description = node.description
    low = key.lower()
    if low.startswith("node.labels."):
        return node.spec.labels.get(key[len("node.labels.") :], "")
    if low.startswith("engine.labels."):
        return description.engine_labels.get(key[len("engine.labels.") :], "") if description else ""
    match low:
        case "node.id":
            return node.id
        case "node.hostname":
            return node.hostname
        case "node.role":
            return node.role
        case "node.platform.os":
            return description.os if description else ""
        case "node.platform.arch":
            return description.architecture if description else ""
    return None


def _address_holds(constraint: Constraint, address: str) -> bool:
    try:
        block = ipam.subnet(constraint.value if "/" in constraint.value else f"{constraint.value}/32")
        inside = bool(address) and block.holds(ipam.number(address))
    except ValueError:
        return False
    return inside == (constraint.operator == "==")
