"""`/secrets` and `/configs`: contents that services get as files. A secret's content is never given out again.

Source: Docker Engine API v1.47, "Secret", "Config"; moby `api/server/router/swarm/cluster_routes.go`.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from ...messages import CreateObject, GetObject, ListObjects, RemoveObject, UpdateObject
from .. import api_json
from ..api_json import Object
from ..filters import FILE_TESTS, SECRET_TESTS, matching
from ..session import Session
from .asked import Answer, Asked, Refusal, filters_of, version_of
from .clock import shown
from .queries import pairs
from .specs_more import posted_config, posted_secret

POSTED: dict[str, Callable[[Asked], Any]] = {"secret": posted_secret, "config": posted_config}
SHOWN: dict[str, Callable[[Any], Object]] = {"secret": api_json.secret, "config": api_json.config}
TESTS = {"secret": SECRET_TESTS, "config": FILE_TESTS}


def list_files(kind: str, session: Session, asked: Asked) -> Answer:
    files = matching(session.call(ListObjects(kind)), pairs(filters_of(asked)), TESTS[kind])
    return Answer(body=[shown(session, SHOWN[kind](file)) for file in files])


def get(kind: str, session: Session, asked: Asked) -> Answer:
    return Answer(body=shown(session, SHOWN[kind](session.call(GetObject(kind, asked.names["ref"])))))


def create(kind: str, session: Session, asked: Asked) -> Answer:
    return Answer(201, {"ID": session.call(CreateObject(POSTED[kind](asked)))})


def update(kind: str, session: Session, asked: Asked) -> Answer:
    """Labels may change, and nothing else: the engine sees to that."""
    spec = POSTED[kind](asked)
    try:
        version = version_of(asked, kind)
    except Refusal:
        raise Refusal(400, f"invalid {kind} version") from None
    session.call(UpdateObject(kind, asked.names["ref"], version, spec))
    return Answer()


def remove(kind: str, session: Session, asked: Asked) -> Answer:
    session.call(RemoveObject(kind, asked.names["ref"]))
    return Answer(204)


ROUTES = tuple(
    (method, f"/{kind}s{rest}", partial(function, kind))
    for kind in ("secret", "config")
    for method, rest, function in (
        ("GET", "", list_files),
        ("POST", "/create", create),
        ("GET", "/{ref}", get),
        ("DELETE", "/{ref}", remove),
        ("POST", "/{ref}/update", update),
    )
)
