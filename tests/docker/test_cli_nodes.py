"""`docker node promote`, `demote`, `update`, `rm`: what is asked of the engine, what is printed, what is refused."""

import pytest
from fake_engine import FakeEngine
from recorded import entries

from swarmlab import messages as m
from swarmlab.docker.cli import execute
from swarmlab.objects import ApiError, Description, Node, NodeSpec

WORKER = Node("w" * 25, NodeSpec({"disk": "ssd"}), description=Description("node2"), version=7)
MANAGER = Node("m" * 25, NodeSpec(role="manager"), "manager", Description("node1"), version=9)


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine(MANAGER, WORKER)


def refusing(text: str) -> FakeEngine:
    answer = lambda engine, request: ApiError(text) if isinstance(request, m.UpdateObject) else None  # noqa: E731
    return FakeEngine(MANAGER, WORKER, script=answer)


@pytest.mark.parametrize(
    ("line", "printed", "role"),
    [
        ("node promote node2", "Node node2 promoted to a manager in the swarm.\n", "manager"),
        ("node demote node1", "Manager node1 demoted in the swarm.\n", "worker"),
    ],
)
def test_a_change_of_role_is_asked_for_with_the_version_that_was_seen(engine, line, printed, role) -> None:
    result = execute(line, engine)
    assert (result.stdout, result.stderr, result.exit_code) == (printed, "", 0)
    [wish] = engine.writes
    assert (wish.kind, wish.spec.role) == ("node", role)
    assert (wish.id, wish.version) in ((WORKER.id, 7), (MANAGER.id, 9))


@pytest.mark.parametrize(
    ("line", "printed"),
    [
        ("node promote node1", f"Node {MANAGER.id} is already a manager.\n"),
        ("node demote node2", f"Node {WORKER.id} is already a worker.\n"),
    ],
)
def test_where_nothing_is_to_be_done_nothing_is_asked(engine, line, printed) -> None:
    """Recorded in transcript 01: with the whole id."""
    result = execute(line, engine)
    assert (result.stdout, result.exit_code, engine.writes) == (printed, 0, [])


def test_one_node_after_the_other_and_the_first_refusal_ends_it(engine) -> None:
    result = execute("node promote node1 node2 nosuch node2", engine)
    assert result.stdout == (
        f"Node {MANAGER.id} is already a manager.\nNode node2 promoted to a manager in the swarm.\n"
    )
    assert (result.stderr, result.exit_code) == ("Error response from daemon: node nosuch not found\n", 1)
    assert len(engine.writes) == 1


def test_what_is_not_said_stays_as_it_is(engine) -> None:
    execute("node update --availability drain node2", engine)
    assert engine.writes == [m.UpdateObject("node", WORKER.id, 7, NodeSpec({"disk": "ssd"}, availability="drain"))]


def test_an_update_without_flags_writes_the_node_once_more(engine) -> None:
    assert execute("node update node2", engine).stdout == "node2\n"
    assert engine.writes == [m.UpdateObject("node", WORKER.id, 7, WORKER.spec)]


def test_labels_are_added_replaced_and_removed(engine) -> None:
    line = "node update --label-add zone=east --label-add a=b=c --label-add bare --label-add disk=hdd --label-rm zone node2"
    assert execute(line, engine).stdout == "node2\n"
    assert engine.writes[0].spec.labels == {"disk": "hdd", "a": "b=c", "bare": ""}
    assert WORKER.spec.labels == {"disk": "ssd"}


def test_a_label_that_is_not_there_is_no_label_to_remove(engine) -> None:
    """Recorded in transcript 01, without the words `Error response from daemon`."""
    entry = next(e for e in entries() if e.command.startswith("docker node update --label-rm disk") and e.exit_code)
    result = execute("node update --label-rm disk node1", engine)
    assert (result.stdout + result.stderr, result.exit_code) == (entry.output, 1)
    assert engine.writes == []


def test_words_are_passed_on_as_they_were_typed(engine) -> None:
    """Which words there are is the engine's business: an empty one, too."""
    execute("node update --role Boss --availability= node2", engine)
    assert (engine.writes[0].spec.role, engine.writes[0].spec.availability) == ("Boss", "")


def test_what_the_engine_refuses_is_said_in_its_words() -> None:
    text = "rpc error: code = FailedPrecondition desc = attempting to demote the last manager of the swarm"
    result = execute("node demote node1", refusing(text))
    assert (result.stdout, result.stderr, result.exit_code) == ("", f"Error response from daemon: {text}\n", 1)


def test_nodes_are_removed_one_by_one_whatever_is_refused(engine) -> None:
    result = execute("node rm -f nosuch node2", engine)
    assert (result.stdout, result.exit_code) == ("node2\n", 1)
    assert result.stderr == "Error response from daemon: node nosuch not found\n"
    assert engine.writes == [m.RemoveObject("node", "nosuch", True), m.RemoveObject("node", "node2", True)]
    assert execute("node remove node2", engine).stdout == "node2\n"
    assert engine.writes[-1] == m.RemoveObject("node", "node2")


@pytest.mark.parametrize(
    ("command", "usage", "wanted"),
    [
        ("promote", "NODE [NODE...]", "requires at least 1 argument"),
        ("demote", "NODE [NODE...]", "requires at least 1 argument"),
        ("rm", "[OPTIONS] NODE [NODE...]", "requires at least 1 argument"),
        ("update", "[OPTIONS] NODE", "requires 1 argument"),
    ],
)
def test_a_node_has_to_be_named(engine, command, usage, wanted) -> None:
    see = "Run" if command == "update" else "See"
    result = execute(f"node {command}", engine)
    assert result.stderr == (
        f"docker: 'docker node {command}' {wanted}\n\nUsage:  docker node {command} {usage}\n\n"
        f"{see} 'docker node {command} --help' for more information\n"
    )
    assert (result.exit_code, engine.writes) == (1, [])


def test_only_one_node_is_updated_at_a_time(engine) -> None:
    result = execute("node update --availability drain node1 node2", engine)
    assert result.stderr.startswith("docker: 'docker node update' requires 1 argument\n")
    assert (result.exit_code, engine.writes) == (1, [])


@pytest.mark.parametrize("flag", ["--force", "--role=worker", "--availability drain", "-f"])
def test_a_promotion_has_no_flags(engine, flag) -> None:
    result = execute(f"node promote {flag} node2", engine)
    assert result.stderr.startswith("unknown ") and (result.exit_code, engine.writes) == (125, [])


def test_force_new_cluster_is_passed_on() -> None:
    engine = FakeEngine(script=lambda engine, request: m.InitAnswer("n", "t", "a"))
    execute("swarm init --force-new-cluster --advertise-addr 10.77.0.12 --task-history-limit 2", engine)
    assert engine.writes == [m.SwarmInit("10.77.0.12", True, (("task_history_limit", 2),))]
