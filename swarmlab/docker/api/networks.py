"""`/networks`: those of the swarm and those of the machine that is asked.

Source: Docker Engine API v1.47, "Network"; moby `api/server/router/network/network_routes.go`.
"""

from contextlib import suppress

from ...messages import Connect, CreateObject, Disconnect, Info, ListNetworks, ListObjects, NetworkRow, RemoveObject
from ...objects import ApiError, Network
from .. import api_containers, api_json, inspect_here
from ..api_json import Object
from ..filters import NETWORK_TESTS, matching
from ..networks import prune_networks
from ..prunes import prunable
from ..session import Session
from .asked import Answer, Asked, filters_of, flag
from .clock import shift_of, shown
from .decode import body
from .queries import pairs
from .specs_more import posted_network


def list_networks(session: Session, asked: Asked) -> Answer:
    """In a list no network says who is on it."""
    rows = matching(session.call(ListNetworks()), pairs(filters_of(asked)), NETWORK_TESTS)
    stored: dict[str, Network] = {}
    if any(row.scope == "swarm" for row in rows) and session.call(Info()).manager:
        with suppress(ApiError):  # the machine knows its own when the swarm has no leader, too
            stored = {network.id: network for network in session.call(ListObjects("network"))}
    return Answer(body=[shown(session, _listed(row, stored.get(row.id))) for row in rows])


def _listed(row: NetworkRow, stored: Network | None) -> Object:
    return api_json.network(stored) if stored else api_containers.local_network(row._replace(containers=()))


def get(session: Session, asked: Asked) -> Answer:
    """`?scope=swarm` looks there only; `?verbose=true` lists the services on it."""
    ref, scope = asked.names["ref"], asked.query.get("scope", "")
    found = inspect_here.network(session, ref, flag(asked, "verbose"), scope)
    return Answer(body=shown(session, found))


def create(session: Session, asked: Asked) -> Answer:
    """A name that is taken is refused, whether or not anybody asks for that check."""
    return Answer(201, {"Id": session.call(CreateObject(posted_network(asked))), "Warning": ""})


def remove(session: Session, asked: Asked) -> Answer:
    network = inspect_here.network_row(session, asked.names["ref"])
    session.call(RemoveObject("network", network.id))
    return Answer(204)


def connect(session: Session, asked: Asked) -> Answer:
    values = body(asked, "NetworkConnect")
    end = values.get("EndpointConfig", {})
    address = end.get("IPAMConfig", {}).get("IPv4Address", "")
    names = tuple(end.get("Aliases", ()))
    session.call(Connect(asked.names["ref"], values.get("Container", ""), names, address))
    return Answer()


def disconnect(session: Session, asked: Asked) -> Answer:
    values = body(asked, "NetworkDisconnect")
    session.call(Disconnect(asked.names["ref"], values.get("Container", ""), values.get("Force", False)))
    return Answer()


def prune(session: Session, asked: Asked) -> Answer:
    rows = prunable(session.call(ListNetworks()), pairs(filters_of(asked)), session.now, shift_of(session))
    return Answer(body={"NetworksDeleted": prune_networks(session, rows) or None})


ROUTES = (
    ("GET", "/networks", list_networks),
    ("POST", "/networks/create", create),
    ("POST", "/networks/prune", prune),
    ("GET", "/networks/{ref}", get),
    ("DELETE", "/networks/{ref}", remove),
    ("POST", "/networks/{ref}/connect", connect),
    ("POST", "/networks/{ref}/disconnect", disconnect),
)
