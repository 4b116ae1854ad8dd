"""What people may do with secrets and configs. A secret's content is never given out again.

The texts are Docker's. Source: swarmkit `manager/controlapi/secret.go`, `config.go`.
"""

import re
from typing import Any

from ..messages import UpdateObject
from ..objects import Config, Drop, Put, Secret, replace
from .names import find, is_taken
from .store import Store
from .validation import check_version, refuse

FILE_NAME = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9-_.]*[a-zA-Z0-9])?")
LIMITS = {"secret": 512_000, "config": 1_024_000}  # bytes, just too many


def shown(object: Any) -> Any:
    """The object as people may see it."""
    return replace(object, spec=replace(object.spec, data=b"")) if isinstance(object, Secret) else object


def create(store: Store, kind: str, spec: Any, id: str) -> list:
    """Raises ApiError."""
    limit = LIMITS[kind]
    if not spec.name:
        refuse("InvalidArgument", "name must be provided")
    if not FILE_NAME.fullmatch(spec.name) or len(spec.name) > 64:
        allowed = "only 64 [a-zA-Z0-9-_.] characters allowed, and the start and end character must be [a-zA-Z0-9]"
        refuse("InvalidArgument", f"invalid name, {allowed}")
    if not 0 < len(spec.data) < limit:
        refuse("InvalidArgument", f"{kind} data must be larger than 0 and less than {limit} bytes")
    if is_taken(store, kind, spec.name):
        refuse("AlreadyExists", f"{kind} {spec.name} already exists")
    return [Put(Secret(id, spec) if kind == "secret" else Config(id, spec))]


def update(store: Store, request: UpdateObject) -> list:
    """Only labels may change: a new content needs a new name. Raises ApiError."""
    old = find(store, request.kind, request.id)
    spec = request.spec
    if spec.name != old.spec.name or (spec.data and spec.data != old.spec.data):
        refuse("InvalidArgument", "only updates to Labels are allowed")
    check_version(old, request.version)
    return [Put(replace(old, spec=replace(old.spec, labels=spec.labels)))]


def remove(store: Store, file: Secret | Config) -> list:
    """Raises ApiError while a service uses it."""
    kind, field = ("secret", "secrets") if isinstance(file, Secret) else ("config", "configs")
    users = {
        service.id: service.spec.name
        for service in store.all("service")
        if any(reference.id == file.id for reference in getattr(service.spec.task.container, field))
    }
    if users:
        names = ", ".join(name for _, name in sorted(users.items()))
        services = f"{'services' if len(users) > 1 else 'service'}: {names}"
        refuse("InvalidArgument", f"{kind} '{file.spec.name}' is in use by the following {services}")
    return [Drop(kind, file.id)]
