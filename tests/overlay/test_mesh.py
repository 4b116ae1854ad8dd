import pickle
from collections import Counter

import pytest
from harness import Net, endpoint

from swarmlab.effects import MS, NEVER, SECOND, Received, Tell, Told
from swarmlab.events import BackendAdded, BackendRemoved, RequestForwarded, RequestServed
from swarmlab.messages import (
    Detach,
    Endpoint,
    Expose,
    JoinGossip,
    NetworksHere,
    OverlayNetwork,
    PortConfig,
    Serve,
    Served,
    Withdraw,
)
from swarmlab.overlay import ipvs
from swarmlab.overlay.gossip import Gossip
from swarmlab.overlay.ipvs import IDLE
from swarmlab.overlay.mesh import Mesh
from swarmlab.overlay.visitor import Answer, Ask, Visitor, split_url
from swarmlab.overlay.wire import Frame, Response, Visit

INGRESS = OverlayNetwork("net-ingress", "ingress", "10.0.0.0/24", "10.0.0.1", 4096, "10.0.0.250", ingress=True)
FRONT = OverlayNetwork("net-front", "front", "10.0.1.0/24", "10.0.1.1", 4097, "10.0.1.250")
HERE = NetworksHere((INGRESS, FRONT))


def alone(machine, *endpoints, **more):
    """The mesh of one node, with these tasks on it."""
    mesh = Mesh(machine, None, None, **more)
    mesh.step(Told("agent", HERE), 0)
    for one in endpoints:
        mesh.step(Told("agent", Expose(one)), 0)
    return mesh


class Executor:
    """Answers at once for what runs; a container in `deaf` runs, but nothing listens in it."""

    deadline = NEVER

    def __init__(self, machine, disk, dice):
        self.dead, self.deaf = set(), set()

    def step(self, event, now):
        match event:
            case Told(_, Serve(request, key)):
                return [Tell("mesh", Served(request, key, 0 if key in self.dead | self.deaf else 200))]
        return []


class Board(Net):
    """Four nodes and a visitor; two tasks of web, on worker-2 and worker-3, published on 5000."""

    def __init__(self, mesh=Mesh):
        names = ["worker-1", "worker-2", "worker-3", "worker-4"]
        super().__init__(names, cores={"executor": Executor, "gossip": Gossip, "mesh": mesh})
        self.boot("client", {"visitor": Visitor})
        self.request = 0
        for name in names:
            self.tell(name, "gossip", JoinGossip(("worker-1",)))
            self.tell(name, "mesh", HERE)
        self.run(3)
        self.expose("a", "worker-2", name="web.1", octet=3)
        self.expose("b", "worker-3", name="web.2", octet=4)
        self.run(3)

    def expose(self, task, machine, ports=(5000,), **more):
        self.tell(machine, "mesh", Expose(endpoint(task, machine, ports=ports, **more)))

    def ask(self, to, url=None, source=""):
        self.request += 1
        ask = Ask(self.request, url or f"http://{to}:5000/", to, source=source)
        self.tell("client", "visitor", ask, sender="client")
        return self.request

    def answers(self):
        return {message.request: message for _, _, core, message in self.heard if core == "client"}

    def get(self, to, url=None, source=""):
        request = self.ask(to, url, source)
        self.run(6)
        answer = self.answers()[request]
        assert isinstance(answer, Answer)
        return answer


# ── the routing mesh ──


def test_a_published_port_answers_on_every_node_in_turn():
    board = Board()
    for node in ("worker-1", "worker-2", "worker-4"):
        assert [board.get(node).task for _ in range(4)] == ["a", "b", "a", "b"]


def test_turns_are_fair_within_one():
    board = Board()
    board.expose("c", "worker-4", name="web.3", octet=5)
    board.run(3)
    for _ in range(100):
        board.ask("worker-1")
    board.run(1)
    counts = Counter(answer.task for answer in board.answers().values())
    assert sorted(counts.values()) == [33, 33, 34]


def test_a_balancer_that_favours_one_is_caught(monkeypatch):
    monkeypatch.setattr(ipvs.round_robin, "__code__", (lambda backends, request, turn: backends[0]).__code__)
    with pytest.raises(AssertionError):
        test_turns_are_fair_within_one()


def test_the_answer_says_which_way_the_request_took():
    board = Board()
    answer = board.get("worker-1")
    assert (answer.ok, answer.status, answer.name, answer.node, answer.error) == (True, 200, "web.1", "worker-2", "")
    assert answer.hops == (
        ("published port", "worker-1", "*:5000"),
        ("ingress load balancer", "worker-1", "round robin, turn 1, 2 backends"),
        ("vxlan", "worker-2", "from worker-1, port 4789"),
        ("task", "worker-2", "web.1"),
    )
    assert 0 < answer.latency < 10 * MS
    assert [(name, fact) for _, name, fact in board.facts_of((RequestForwarded, RequestServed))] == [
        ("worker-1", RequestForwarded(1, "a", "worker-2")),
        ("worker-2", RequestServed(1, "a")),
    ]


def test_a_task_on_the_node_that_was_asked_needs_no_tunnel():
    board = Board()
    assert [hop[0] for hop in board.get("worker-2").hops] == ["published port", "ingress load balancer", "task"]


def test_a_port_that_nobody_publishes_refuses_at_once():
    board = Board()
    answer = board.get("worker-1", "http://worker-1:81/")
    assert (answer.ok, answer.status, answer.error) == (False, 0, "connection refused") and answer.latency < 5 * MS


def test_the_port_closes_everywhere_with_the_last_task():
    board = Board()
    board.tell("worker-2", "mesh", Withdraw("a"))
    board.run(3)
    assert {board.get("worker-4").task for _ in range(3)} == {"b"}
    board.tell("worker-3", "mesh", Withdraw("b"))
    board.run(3)
    assert board.get("worker-4").error == board.get("worker-3").error == "connection refused"


def test_a_dead_node_is_silent_and_its_tasks_are_tried_until_gossip_says_so():
    board = Board()
    board.crash("worker-3")
    errors = [board.ask("worker-1") for _ in range(4)]
    board.run(6)
    assert sorted(board.answers()[request].error for request in errors) == ["", "", "timed out", "timed out"]
    board.run(10)
    assert [board.get("worker-1").task for _ in range(3)] == ["a"] * 3
    assert board.get("worker-3").error == "timed out"
    assert board.answers()[board.request].latency == 5 * SECOND


def test_a_blocked_tunnel_lets_names_resolve_and_requests_time_out():
    board = Board()
    board.blocked.add(("worker-3", "vxlan"))
    assert sorted(board.get("worker-1").error for _ in range(2)) == ["", "timed out"]


def test_a_container_that_is_gone_is_silent_one_that_does_not_listen_refuses():
    board = Board()
    board.cores["worker-2"]["executor"].deaf.add("a")
    assert board.get("worker-1").error == "connection refused"
    board.cores["worker-2"]["executor"].dead.add("a")
    board.blocked |= {("worker-1", "gossip"), ("worker-1", "bulksync")}  # it does not hear of its end
    board.tell("worker-2", "mesh", Detach("a"))
    for _ in range(2):
        board.ask("worker-1")
    board.run(6)
    assert sorted(board.answers()[board.request - back].error for back in (0, 1)) == ["", "timed out"]


def test_a_graceful_withdrawal_stops_new_requests_at_once_and_lets_the_running_one_end():
    mesh = alone("worker-2", endpoint("a", "worker-2", ports=(5000,)))
    mesh.step(Received("client", Visit(1, 5000, "/")), 0)
    mesh.step(Told("agent", Withdraw("a")), 1)
    (refused,) = mesh.step(Received("client", Visit(2, 5000, "/")), 2)
    assert refused.message == Response(2, 0, error="connection refused")
    _, answered = mesh.step(Told("executor", Served(1, "a", 200)), 3)
    assert (answered.to, answered.message.status, answered.message.name) == ("client", 200, "web.1")


def test_a_message_that_comes_twice_is_one_request():
    mesh = alone("worker-2", endpoint("a", "worker-2", ports=(5000,)))
    visit = Received("client", Visit(1, 5000, "/"))
    assert mesh.step(visit, 0) and not mesh.step(visit, 1)
    frame = Received("worker-1", Frame(4096, "10.0.0.250", "10.0.0.3", Visit(2, 5000, "/"), 5000, vtep="worker-1"))
    assert mesh.step(frame, 0) and not mesh.step(frame, 1)


def test_requests_that_were_never_answered_are_forgotten():
    mesh = alone("worker-1", endpoint("a", "worker-2", ports=(5000,)), balancer=ipvs.least_connections)
    mesh.step(Received("client", Visit(1, 5000, "/")), 0)
    mesh.step(Received("client", Visit(2, 5000, "/")), IDLE)
    pool = mesh.tables.services.pools[mesh.tables.services.behind_port(5000)]
    assert list(mesh.waiting) == [2] and pool.backends[0].active == 1


# ── ports of one machine ──


def test_a_plain_container_answers_on_its_own_machine_only():
    board = Board()
    ports = (PortConfig(80, 8080, publish_mode="host"),)
    plain = Endpoint(
        "c" * 64, "brave_hopper", "", "", "worker-1", addresses=(), virtual_ips=(), ports=ports, aliases=()
    )
    board.tell("worker-1", "mesh", Expose(plain), sender="engine")
    answer = board.get("worker-1", "http://worker-1:8080/")
    assert (answer.task, answer.name, len(answer.hops)) == ("c" * 64, "brave_hopper", 2)
    assert not [task for _, task in board.cores["worker-2"]["mesh"].tables.services.rows if task == "c" * 64]
    assert not [fact for _, _, fact in board.facts_of(BackendAdded) if fact.task == "c" * 64]
    assert board.get("worker-2", "http://worker-2:8080/").error == "connection refused"
    board.tell("worker-1", "mesh", Detach("c" * 64), sender="engine")
    assert board.get("worker-1", "http://worker-1:8080/").error == "connection refused"


def test_a_host_mode_port_is_open_only_where_the_task_runs():
    board = Board()
    board.expose("h", "worker-4", name="proxy.1", ports=(PortConfig(80, 9000, publish_mode="host"),), octet=9)
    board.run(3)
    assert board.get("worker-4", "http://worker-4:9000/").task == "h"
    assert board.get("worker-1", "http://worker-1:9000/").error == "connection refused"


# ── names ──


def test_a_task_finds_a_service_by_name_and_takes_its_nodes_turn():
    board = Board()
    board.expose("d", "worker-4", name="db.1", ports=(), octet=9, aliases=(("net-front", "store"),))
    board.run(3)
    assert [board.get("worker-4", "http://web/", source="d").task for _ in range(3)] == ["a", "b", "a"]
    hops = board.get("worker-2", "http://store:5432/", source="a").hops
    assert [hop[0] for hop in hops] == ["name", "virtual IP load balancer", "vxlan", "task"]
    assert hops[0] == ("name", "worker-2", "store is 10.0.1.109")


def test_dnsrr_and_task_names_go_straight_to_a_task():
    board = Board()
    board.expose("r", "worker-4", name="rr.1", ports=(), octet=20, mode="dnsrr")
    board.run(3)
    assert [hop[0] for hop in board.get("worker-2", "http://rr/", source="a").hops] == ["name", "vxlan", "task"]
    assert board.get("worker-2", "http://web.2.b/", source="a").task == "b"


def test_a_name_that_no_shared_network_knows_is_an_error():
    board = Board()
    assert board.get("worker-2", "http://nobody/", source="a").error == "could not resolve host: nobody"
    mesh = board.cores["worker-2"]["mesh"]
    assert (mesh.resolve("web", "a"), mesh.resolve("web", "stranger")) == (("10.0.1.2",), ())


# ── what a node notes ──


def test_every_node_notes_its_backends_once():
    board = Board()
    board.expose("a", "worker-2", name="web.1", octet=3)
    board.run(3)
    added = [name for _, name, fact in board.facts_of(BackendAdded) if fact == BackendAdded("web", "a", "worker-2")]
    assert sorted(added) == ["worker-1", "worker-2", "worker-3", "worker-4"]
    board.tell("worker-2", "mesh", Withdraw("a"))
    board.tell("worker-2", "mesh", Detach("a"))
    board.run(3)
    assert len(board.facts_of(BackendRemoved)) == 4
    mesh = board.cores["worker-1"]["mesh"]
    assert {task for (_, task), row in mesh.tables.services.rows.items() if row.enabled} == {"b"} and {
        task for tasks in mesh.names.records.values() for task in tasks
    } == {"b"}


def test_a_mesh_is_plain_data():
    board = Board()
    board.ask("worker-1")
    twin = pickle.loads(pickle.dumps(board))
    for each in (board, twin):
        each.run(6)
    assert board.answers() == twin.answers() and board.answers()[1].ok


# ── addresses ──


def test_an_address_is_split_as_a_browser_does():
    assert split_url("http://worker-2:5000/a/b") == ("worker-2", 5000, "/a/b")
    assert split_url("https://web") == ("web", 443, "/") and split_url("web") == ("web", 80, "/")


@pytest.mark.parametrize("url", ["", "http://", "http://web:port/", "ftp://web/", "http://web:0/", "http://web:99999/"])
def test_what_is_no_address_is_refused_with_a_sentence(url):
    with pytest.raises(ValueError, match="not an address like"):
        split_url(url)
