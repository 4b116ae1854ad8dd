"""Which object a person means: by id, by name, or by the beginning of an id.

Source: Docker Engine API v1.41; moby `daemon/cluster/helpers.go`.
"""

from typing import Any

from ..objects import ApiError, Node
from .store import Store


def name_of(object: Any) -> str:
    """What people call it: a node by its host name, a task by service and slot, all else by the name in its spec."""
    if isinstance(object, Node):
        return object.hostname
    spec: Any = getattr(object, "spec", None)
    return spec.name if hasattr(spec, "name") else object.name


def find(store: Store, kind: str, ref: str) -> Any:
    """The object with this id, else this name, else the only one whose id begins so. Raises ApiError."""
    exact = store.get(kind, ref)
    if exact:
        return exact
    found = [object for object in store.all(kind) if name_of(object).lower() == ref.lower()]
    found = found or [object for object in store.all(kind) if ref and object.id.startswith(ref)]
    if len(found) > 1:
        raise ApiError(f"{kind} {ref} is ambiguous ({len(found)} matches found)")
    if not found:
        raise ApiError(f"{kind} {ref} not found")
    return found[0]


def is_taken(store: Store, kind: str, name: str) -> bool:
    """Names differ in more than the size of their letters."""
    return any(object.spec.name.lower() == name.lower() for object in store.all(kind))
