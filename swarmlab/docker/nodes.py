"""`docker node …`: the machines of the swarm, what they are to be, and what they may be given to run.

Source: docs.docker.com, "Manage nodes in a swarm"; Docker CLI reference; texts as recorded from Docker 28.2.2.
"""

from ..messages import GetCluster, GetObject, Info, ListObjects, RemoveObject, UpdateObject
from ..objects import Node, NodeSpec, Task, replace
from ..trust.papers import wanted
from .filters import NODE_TESTS, matching
from .flags import Options
from .lists import NODES, node_rows
from .services import one_node, print_tasks, remove_each
from .session import Exit, Screen, Session, each
from .tables import show


def list_all(session: Session, options: Options, screen: Screen) -> None:
    nodes = matching(session.call(ListObjects("node")), options["filter"], NODE_TESTS)
    shows_tls = any(word in options["format"] for word in ("TLSStatus", "json"))
    tls = wanted(session.call(GetCluster())) if shows_tls else None
    rows = node_rows(nodes, session.call(Info()).node, tls)
    show(screen, NODES, rows, options["format"], options["quiet"])


def list_tasks(session: Session, options: Options, screen: Screen) -> None:
    """`docker node ps`. Docker asks again for the earlier nodes with every further one, so their tasks come twice."""
    nodes = session.call(ListObjects("node"))
    known = session.call(ListObjects("task"))
    own = session.call(Info()).node
    asked: list[str] = []
    tasks: list[Task] = []

    def look_at(ref: str) -> None:
        asked.append(own if ref == "self" else one_node(nodes, ref).id)
        tasks.extend(task for task in known if task.node in asked)

    try:
        each(options.words or ("self",), look_at)
    finally:
        if asked:
            print_tasks(session, options, screen, tasks)


def remove(session: Session, options: Options, screen: Screen) -> None:
    remove_each(session, screen, [RemoveObject("node", ref, options["force"]) for ref in options.words])


# ── what is wished for: each node for itself, the first refusal ends it ──────────────────────────────────────────


def update(session: Session, options: Options, screen: Screen) -> None:
    """Role, availability, labels. Without any flag the node is written once more as it is."""
    for ref in options.words:
        node = session.call(GetObject("node", ref))
        _write(session, node, _changed(node.spec, options))
        screen.say(ref)


def promote(session: Session, options: Options, screen: Screen) -> None:
    _turn(session, options, "manager", "Node {} promoted to a manager in the swarm.", screen)


def demote(session: Session, options: Options, screen: Screen) -> None:
    _turn(session, options, "worker", "Manager {} demoted in the swarm.", screen)


def _turn(session: Session, options: Options, role: str, done: str, screen: Screen) -> None:
    """Done is said when the wish is written down; the machine becomes what it is to be a little later."""
    for ref in options.words:
        node = session.call(GetObject("node", ref))
        if node.spec.role == role:
            screen.say(f"Node {node.id} is already a {role}.")
            continue
        _write(session, node, replace(node.spec, role=role))
        screen.say(done.format(ref))


def _changed(spec: NodeSpec, options: Options) -> NodeSpec:
    wishes = {name: options[name] for name in ("role", "availability") if name in options.given}
    added = dict(pair.partition("=")[::2] for pair in options["label-add"])
    labels = {**spec.labels, **added}
    for name in options["label-rm"]:
        if name not in labels:
            raise Exit(f"key {name} doesn't exist in node's labels")
        del labels[name]
    return replace(spec, labels=labels, **wishes)


def _write(session: Session, node: Node, spec: NodeSpec) -> None:
    session.call(UpdateObject("node", node.id, node.version, spec))


RUN = {
    "node demote": demote,
    "node ls": list_all,
    "node promote": promote,
    "node ps": list_tasks,
    "node rm": remove,
    "node update": update,
}
