"""`/volumes`: what containers of one machine leave behind for later ones.

Source: Docker Engine API v1.47, "Volume"; moby `api/server/router/volume/volume_routes.go`.
"""

from collections.abc import Mapping, Sequence

from ...messages import CreateVolume, ListVolumes, RemoveVolume, Volume
from ...objects import ApiError
from .. import api_engine, inspect_here
from ..filters import has_label, matching
from ..session import Session
from ..storage import VOLUME_TESTS
from .asked import Answer, Asked, Refusal, filters_of, flag
from .clock import shown
from .decode import body
from .queries import pairs

PRUNE = ("all", "label", "label!")
MISSING = "no such volume"


def list_volumes(session: Session, asked: Asked) -> Answer:
    stored = matching(session.call(ListVolumes()), pairs(filters_of(asked)), VOLUME_TESTS)
    return Answer(body=shown(session, api_engine.volumes(stored)))


def get(session: Session, asked: Asked) -> Answer:
    return Answer(body=shown(session, inspect_here.volume(session, asked.names["name"])))


def create(session: Session, asked: Asked) -> Answer:
    """One that is there already is answered as it is."""
    values = body(asked, "VolumeCreate")
    if "ClusterVolumeSpec" in values:
        raise Refusal(501, "volumes of the whole swarm are not simulated")
    driver = values.get("Driver") or "local"
    wish = CreateVolume(values.get("Name", ""), driver, values.get("Labels", {}), values.get("DriverOpts", {}))
    return Answer(201, shown(session, inspect_here.volume(session, session.call(wish))))


def remove(session: Session, asked: Asked) -> Answer:
    """With force, one that is not there is no fault."""
    try:
        session.call(RemoveVolume(asked.names["name"]))
    except ApiError as refusal:
        if not (flag(asked, "force") and refusal.text.endswith(MISSING)):
            raise
    return Answer(204)


def prune(session: Session, asked: Asked) -> Answer:
    """Those that no container has, and that nobody named; with `all=true` also those with a name."""
    wanted = filters_of(asked)
    if wrong := [name for name in wanted if name not in PRUNE]:
        raise Refusal(400, f"invalid filter '{wrong[0]}'")
    gone = [one.name for one in session.call(ListVolumes()) if one.used == 0 and _may_go(one, wanted)]
    for name in gone:
        session.call(RemoveVolume(name))
    return Answer(body={"VolumesDeleted": gone, "SpaceReclaimed": 0})


def _may_go(volume: Volume, wanted: Mapping[str, Sequence[str]]) -> bool:
    everything = any(value in ("true", "1") for value in wanted.get("all", ()))
    with_labels = all(has_label(volume.labels, label) for label in wanted.get("label", ()))
    spared = any(has_label(volume.labels, label) for label in wanted.get("label!", ()))
    return (everything or volume.anonymous) and with_labels and not spared


ROUTES = (
    ("GET", "/volumes", list_volumes),
    ("POST", "/volumes/create", create),
    ("POST", "/volumes/prune", prune),
    ("GET", "/volumes/{name}", get),
    ("DELETE", "/volumes/{name}", remove),
)
