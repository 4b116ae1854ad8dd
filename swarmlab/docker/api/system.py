"""`/info`, `/version`, `/auth`, `/system/df`: what an engine says of itself and of what it keeps.

Source: Docker Engine API v1.47, "System"; moby `api/server/router/system/system_routes.go`.
"""

# Simpler than in reality (docs/simplifications.md): login

from typing import Any

from ...messages import ImageRow, Info, ListImages, ListVolumes
from .. import api_engine, system
from ..dates import rfc3339
from ..session import Session
from ..units import quote
from .asked import Answer, Asked, Refusal, json_of
from .clock import shift_of, shown
from .containers import list_containers
from .doorway import OLDEST, VERSION
from .images import image_rows


def info(session: Session, asked: Asked) -> Answer:
    found = system.engine_info(session).json(shift_of(session))
    return Answer(body={**found, "SystemTime": rfc3339(session.now + shift_of(session))})


def version(session: Session, asked: Asked) -> Answer:
    """With the versions that are spoken here, which are more than those of the recorded engine."""
    found = shown(session, api_engine.version(session.call(Info())))
    spoken = {"ApiVersion": VERSION, "MinAPIVersion": OLDEST}
    engine, *parts = found["Components"]
    engine = {**engine, "Details": {**engine["Details"], **spoken}}
    return Answer(body={**found, **spoken, "Components": [engine, *parts]})


def log_in(session: Session, asked: Asked) -> Answer:
    """The pretend registry knows nobody, and lets everybody in."""
    values = json_of(asked)
    if not isinstance(values.get("username", ""), str):
        raise Refusal(400, "a user's name is a text")
    return Answer(body={"Status": "Login Succeeded", "IdentityToken": ""})


def disk_usage(session: Session, asked: Asked) -> Answer:
    """Of containers and volumes nothing is measured: they weigh nothing here."""
    rows: tuple[ImageRow, ...] = session.call(ListImages())
    containers = list_containers(session, asked._replace(query={"all": "1"}))
    values = {
        "LayersSize": sum(row.size for row in rows),
        "Images": image_rows(rows, shared=0),
        "Containers": containers.body,
        "Volumes": _volumes(session),
        "BuildCache": None,
        "BuilderSize": 0,
    }
    return Answer(body=values)


def plugins(session: Session, asked: Asked) -> Answer:
    """There are none."""
    return Answer(body=[])


def plugin(session: Session, asked: Asked) -> Answer:
    """`docker inspect` looks among them, too."""
    raise Refusal(404, f"plugin {quote(asked.names['name'])} not found")


def _volumes(session: Session) -> list[dict[str, Any]]:
    """With their use, which a client counts on."""
    return [
        {**shown(session, api_engine.volume(one)), "UsageData": {"RefCount": one.used, "Size": 0}}
        for one in session.call(ListVolumes())
    ]


ROUTES = (
    ("GET", "/info", info),
    ("GET", "/version", version),
    ("POST", "/auth", log_in),
    ("GET", "/system/df", disk_usage),
    ("GET", "/plugins", plugins),
    ("GET", "/plugins/{name...}/json", plugin),
)
