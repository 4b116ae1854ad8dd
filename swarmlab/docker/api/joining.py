"""`/swarm/init`, `join`, `leave`, `unlock`: how a machine gets into a swarm, and out of it.

Source: Docker Engine API v1.47, "Swarm"; moby `api/server/router/swarm/cluster_routes.go`, `daemon/cluster/swarm.go`.
"""

from collections.abc import Mapping
from typing import Any

from ...messages import SwarmInit, SwarmJoin, SwarmLeave, SwarmUnlock
from ...objects import Cluster
from ..session import Session
from ..units import quote
from .asked import Answer, Asked, Refusal
from .decode import body
from .queries import boolean
from .specs_more import swarm_spec

SETTINGS = (  # of a spec, what a swarm may begin with
    "labels autolock certificate_expiry heartbeat_period external_cas keep_old_snapshots snapshot_interval "
    "log_entries_for_slow_followers"
).split()
NO_REMOTE = "at least 1 RemoteAddr is required to join"


def init(session: Session, asked: Asked) -> Answer:
    """The answer is the id of the new node. Raises `Refusal`."""
    values = body(asked, "InitRequest")
    options = tuple((_settings(values) | _once(values)).items())
    request = SwarmInit(values.get("AdvertiseAddr", ""), values.get("ForceNewCluster", False), options)
    return Answer(body=session.call(request).node)


def _settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """What may be changed later. What is zero was not said, but for the history of tasks."""
    spec = values.get("Spec", {})
    wish = swarm_spec(spec, Cluster(""))._asdict()
    chosen = {name: wish[name] for name in SETTINGS if wish[name]}
    if "TaskHistoryRetentionLimit" in spec.get("Orchestration", {}):
        chosen["task_history_limit"] = wish["task_history_limit"]
    return chosen | ({"autolock": True} if values.get("AutoLockManagers") else {})


def _once(values: Mapping[str, Any]) -> dict[str, Any]:
    """What stays as it is for the life of the swarm."""
    chosen = {
        "address_pool": ",".join(values.get("DefaultAddrPool", ())),
        "subnet_size": values.get("SubnetSize", 0),
        "data_path_port": values.get("DataPathPort", 0),
        "availability": _availability(values),
    }
    return {name: value for name, value in chosen.items() if value}


def _availability(values: Mapping[str, Any]) -> str:
    """Raises `Refusal`."""
    word = values.get("Availability", "").lower() or "active"
    if word not in ("active", "pause", "drain"):
        raise Refusal(400, f"invalid Availability: {quote(values['Availability'])}")
    return word


def join(session: Session, asked: Asked) -> Answer:
    """By the first of the managers that are named. Raises `Refusal`."""
    values = body(asked, "JoinRequest")
    remotes = [address for address in values.get("RemoteAddrs", ()) if address]
    if not remotes:
        raise Refusal(400, NO_REMOTE)
    token, own = values.get("JoinToken", ""), values.get("AdvertiseAddr", "")
    session.call(SwarmJoin(token, remotes[0], own, _availability(values)))
    return Answer()


def leave(session: Session, asked: Asked) -> Answer:
    session.call(SwarmLeave(boolean(asked, "force")))
    return Answer()


def unlock(session: Session, asked: Asked) -> Answer:
    session.call(SwarmUnlock(body(asked, "UnlockRequest").get("UnlockKey", "")))
    return Answer()


ROUTES = (
    ("POST", "/swarm/init", init),
    ("POST", "/swarm/join", join),
    ("POST", "/swarm/leave", leave),
    ("POST", "/swarm/unlock", unlock),
)
