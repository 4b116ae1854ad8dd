"""`/nodes`: the machines of the swarm, and what they are to be.

Source: Docker Engine API v1.47, "Node"; moby `daemon/cluster/{nodes,filters}.go`.
"""

from ...messages import GetObject, ListObjects, RemoveObject, UpdateObject
from .. import api_json
from ..filters import NODE_TESTS, matching
from ..session import Session
from .asked import Answer, Asked, filters_of, flag, version_of
from .clock import shown
from .queries import pairs
from .specs_more import posted_node


def list_nodes(session: Session, asked: Asked) -> Answer:
    wanted = pairs(filters_of(asked))
    nodes = matching(session.call(ListObjects("node")), wanted, NODE_TESTS)
    return Answer(body=[shown(session, api_json.node(node)) for node in nodes])


def get(session: Session, asked: Asked) -> Answer:
    """`self` is no name here: a client that says so looks its node up by itself."""
    return Answer(body=shown(session, api_json.node(session.call(GetObject("node", asked.names["ref"])))))


def update(session: Session, asked: Asked) -> Answer:
    spec, version = posted_node(asked), version_of(asked, "node")
    session.call(UpdateObject("node", asked.names["ref"], version, spec))
    return Answer()


def remove(session: Session, asked: Asked) -> Answer:
    session.call(RemoveObject("node", asked.names["ref"], flag(asked, "force")))
    return Answer()


ROUTES = (
    ("GET", "/nodes", list_nodes),
    ("GET", "/nodes/{ref}", get),
    ("DELETE", "/nodes/{ref}", remove),
    ("POST", "/nodes/{ref}/update", update),
)
