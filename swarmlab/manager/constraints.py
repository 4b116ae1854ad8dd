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


def first_broken(constraints: Iterable[Constraint], node: Node) -> Constraint | None:
    """The first of them that the node does not meet."""
    return next((constraint for constraint in constraints if not _holds(constraint, node)), None)


def _holds(constraint: Constraint, node: Node) -> bool:
    if constraint.key.lower() == "node.ip":
        return _address_holds(constraint, node.address)
    value = actual(constraint.key, node)
    if value is None:
        return False  # nobody knows this key: neither == nor != holds
    return (value.lower() == constraint.value.lower()) == (constraint.operator == "==")


def label(key: str, node: Node) -> str | None:
    """The value of `node.labels.zone` or `engine.labels.zone` on the node, '' without it; None for another key."""
    low = key.lower()
    if low.startswith("node.labels.") and len(key) > len("node.labels."):
        return node.spec.labels.get(key[len("node.labels.") :], "")
    if low.startswith("engine.labels.") and len(key) > len("engine.labels."):
        return node.description.engine_labels.get(key[len("engine.labels.") :], "") if node.description else ""
    return None


def actual(key: str, node: Node) -> str | None:
    """What the node has where the constraint looks; None for a key that nobody knows."""
    description = node.description
    value = label(key, node)
    if value is not None:
        return value
    match key.lower():
        case "node.ip":
            return node.address
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
        if ":" in constraint.value:
            inside = _is_in_network6(constraint.value, address)
        else:
            block = ipam.subnet(constraint.value if "/" in constraint.value else f"{constraint.value}/32")
            inside = bool(address) and block.holds(ipam.number(address))
    except ValueError:
        return False
    return inside == (constraint.operator == "==")


def _is_in_network6(value: str, address: str) -> bool:
    """Nodes have IPv4 addresses: only one that is written as IPv6 (`::ffff:10.0.0.1`) can be meant."""
    from ipaddress import IPv4Address, IPv6Interface  # hardly ever needed, and slow to import

    wanted = IPv6Interface(value)
    return bool(address) and "/" not in value and wanted.ip.ipv4_mapped == IPv4Address(address)
