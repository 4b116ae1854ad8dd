"""`/swarm`: the swarm as a whole, its settings, tokens and unlock key. How machines get in and out is in another room.

Source: Docker Engine API v1.47, "Swarm"; moby `api/server/router/swarm/cluster_routes.go`, `daemon/cluster/swarm.go`.
"""

from ...messages import GetCluster, GetUnlockKey, UpdateObject
from ...objects import Cluster
from .. import api_json
from ..session import Session
from ..units import UnitError
from ..values import boolean as parse_bool
from .asked import Answer, Asked, Refusal, version_of
from .clock import shown
from .decode import body
from .specs_more import swarm_spec

ROTATIONS = {"rotateWorkerToken": "worker", "rotateManagerToken": "manager", "rotateManagerUnlockKey": "unlock-key"}


def get(session: Session, asked: Asked) -> Answer:
    return Answer(body=shown(session, api_json.swarm(session.call(GetCluster()))))


def update(session: Session, asked: Asked) -> Answer:
    """New settings and new tokens at once."""
    values, version = body(asked, "SwarmSpec"), version_of(asked, "swarm")
    rotate = tuple(what for name, what in ROTATIONS.items() if _is_on(asked, name))
    cluster: Cluster = session.call(GetCluster())
    session.call(UpdateObject("cluster", cluster.id, version, swarm_spec(values, cluster), rotate=rotate))
    return Answer()


def _is_on(asked: Asked, name: str) -> bool:
    text = asked.query.get(name, "")
    try:
        return bool(text) and parse_bool(text)
    except UnitError:
        raise Refusal(400, f"invalid value for {name}: {text}") from None


def unlock_key(session: Session, asked: Asked) -> Answer:
    return Answer(body={"UnlockKey": session.call(GetUnlockKey())})


ROUTES = (
    ("GET", "/swarm", get),
    ("GET", "/swarm/unlockkey", unlock_key),
    ("POST", "/swarm/update", update),
)
