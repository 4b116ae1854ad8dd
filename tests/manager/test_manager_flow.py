"""One manager with a raft that agrees at once: from nothing to a running service, and what happens to those who ask."""

import pickle

import pytest
from manager_bench import DIGEST, ROOT, Bench, Dice, ready, web

from swarmlab.effects import (
    MS,
    NEVER,
    SECOND,
    STARTED,
    Committed,
    Disk,
    Entry,
    Following,
    Leading,
    Note,
    Received,
    Refused,
    Send,
    Told,
)
from swarmlab.events import Applied, HeartbeatsMissed, Planned, TaskStored
from swarmlab.manager.api import LOST_LEADERSHIP, NO_LEADER, NO_VALID_TOKEN, TIMED_OUT
from swarmlab.manager.manager import Manager
from swarmlab.messages import (
    AskRoot,
    Assignments,
    BeNothing,
    Call,
    Certified,
    Certify,
    CreateObject,
    Forward,
    Heartbeat,
    HeartbeatAnswer,
    ListObjects,
    NotCertified,
    OpenSession,
    RaftJoin,
    RaftJoined,
    Relay,
    RemoveObject,
    Reply,
    RootCertificate,
    RotateToken,
    SessionAnswer,
    SessionInvalid,
    StatusAnswer,
    StatusReport,
    SwarmFounded,
    TaskStatus,
    UpdateObject,
)
from swarmlab.objects import (
    ASSIGNED,
    FAILED,
    READY,
    REMOVE,
    RUNNING,
    SHUTDOWN,
    Description,
    NetworkSpec,
    PortConfig,
)


@pytest.fixture
def bench():
    return ready()


def test_founding_writes_cluster_node_and_networks_in_one_entry():
    """§14: the first leader creates cluster object, own node, ingress and the predefined node-local networks."""
    bench = Bench()
    node = bench.found()
    certificate = bench.store.get("node", node).certificate
    assert bench.told == [("engine", SwarmFounded(f"SWMTKN-1-{DIGEST}-{'w' * 25}", certificate))]
    networks = list(bench.store.all("network"))
    assert networks[1].version == bench.store.get("node", node).created_at + 2 == 2
    assert [network.spec.name for network in networks] == ["ingress", "bridge", "host"]
    assert (bench.store.ingress.subnet, bench.store.ingress.vni) == ("10.0.0.0/24", 4096)
    assert bench.store.get("node", node).attachments[0].address == "10.0.0.2/24"  # §9: on a fresh cluster
    assert bench.disk["node"] == node


def test_the_token_alone_decides_the_role():
    """§15."""
    bench = Bench()
    bench.found()
    worker, manager = bench.join("w2", "w"), bench.join("w3", "m")
    assert isinstance(worker, Certified) and (worker.role, manager.role) == ("worker", "manager")
    assert len(worker.node) == 25
    assert bench.hear("w4", AskRoot()) == [RootCertificate(ROOT)]
    assert [row[1] for row in worker.managers] == ["m1"]
    assert bench.join("w4", "x") == NotCertified(NO_VALID_TOKEN)
    assert bench.hear("w4", Certify("bogus", Description(), "")) == [NotCertified(NO_VALID_TOKEN)]


def test_a_machine_that_asks_twice_becomes_one_node():
    """A lost or doubled message must not leave a second node behind."""
    bench = Bench()
    bench.found()
    assert bench.join("w2").node == bench.join("w2").node
    assert len(list(bench.store.all("node"))) == 2


def test_a_rotated_token_no_longer_opens():
    """§15: rotating changes the secret of one role; nodes that are in stay in."""
    bench = Bench()
    bench.found()
    cluster = bench.call(RotateToken("worker")).value
    assert cluster.worker_token.startswith(f"SWMTKN-1-{DIGEST}-") and cluster.worker_token[-25:] != "w" * 25
    assert bench.join("w2", "w") == NotCertified(NO_VALID_TOKEN)
    assert bench.join("w2", "m").role == "manager"


def test_a_manager_is_let_into_raft():
    bench = Bench()
    bench.found()
    node = bench.join("w2", "m").node
    [answer] = bench.hear("w2", RaftJoin(node, "member-2"))
    assert isinstance(answer, RaftJoined) and [row[1] for row in answer.managers] == ["m1", "w2"]
    nodes = bench.call(ListObjects("node")).value
    assert [(n.manager_status.leader, n.manager_status.reachability) for n in nodes] == [
        (True, "reachable"),
        (False, "reachable"),
    ]


def test_from_service_create_to_running(bench):
    """§20.1, the whole path."""
    bench.call(CreateObject(NetworkSpec("front")))
    service = bench.call(CreateObject(web(2, (PortConfig(80, 8080),), ("front",)))).value
    start = bench.now
    bench.run(0.06)
    tasks = bench.store.tasks_of(service)
    assert [task.state for task in tasks] == [ASSIGNED, ASSIGNED]  # 50 ms after the burst
    assert sorted(task.node for task in tasks) == sorted(bench.nodes[m] for m in ("w2", "w3"))
    front = bench.store.get("service", service).virtual_ips[1]
    assert front.address == "10.0.1.2/24"
    assert [task.networks[1].address for task in tasks] == ["10.0.1.3/24", "10.0.1.4/24"]
    bench.run(0.1)
    assert bench.now - start < SECOND
    for machine in ("w2", "w3"):
        bench.follow_orders(machine, bench.nodes[machine], bench.sessions[machine])
    assert all(task.state == ASSIGNED for task in bench.store.tasks_of(service))  # gathered for 100 ms
    bench.run(0.1)
    assert all(task.state == RUNNING for task in bench.store.tasks_of(service))
    acknowledged = [effect.message for effect in bench.sent if isinstance(effect.message, StatusAnswer)]
    assert len(acknowledged) == 2 and acknowledged[0].reported[0][1] == RUNNING


def test_assignments_are_complete_first_and_then_only_what_changed(bench):
    """§12."""
    bench.call(CreateObject(web(2)))
    bench.run(0.3)
    mine = [e.message for e in bench.sent if e.to == "w2" and isinstance(e.message, Assignments)]
    assert [(m.sequence, m.complete, len(m.tasks)) for m in mine] == [(1, True, 0), (2, False, 1)]
    assert [n.spec.name for n in mine[0].networks] == ["ingress"] and len(mine[1].services) == 1
    bench.follow_orders("w2", bench.nodes["w2"], bench.sessions["w2"])
    bench.run(1)
    mine = [e.message for e in bench.sent if e.to == "w2" and isinstance(e.message, Assignments)]
    assert len(mine) == 2  # its own report is no news to a node
    again = bench.hear("w2", OpenSession(bench.nodes["w2"], Description("w2"), "10.9.0.2"))
    assert isinstance(again[0], SessionAnswer) and again[1].complete and len(again[1].tasks) == 1


def test_a_report_that_lags_behind_is_dropped(bench):
    """§2: an observed state only grows."""
    service = bench.call(CreateObject(web(1))).value
    bench.run(1)
    [task] = bench.store.tasks_of(service)
    machine = next(m for m in ("w2", "w3") if bench.nodes[m] == task.node)
    for state in (RUNNING, READY):
        status = TaskStatus(task.id, state, "", "", bench.now)
        bench.hear(machine, StatusReport(task.node, bench.sessions[machine], (status,)))
        bench.run(0.2)
    assert bench.store.get("task", task.id).state == RUNNING


def test_a_node_cannot_report_for_another(bench):
    """§12: a report for a task of another node changes nothing."""
    service = bench.call(CreateObject(web(1))).value
    bench.run(1)
    [task] = bench.store.tasks_of(service)
    other = next(m for m in ("w2", "w3") if bench.nodes[m] != task.node)
    status = TaskStatus(task.id, FAILED, "", "lie", bench.now)
    bench.hear(other, StatusReport(bench.nodes[other], bench.sessions[other], (status,)))
    bench.run(0.2)
    assert bench.store.get("task", task.id).state == ASSIGNED


def test_heartbeats_touch_neither_store_nor_timers(bench):
    """An idle swarm must cost next to nothing."""
    bench.run(1)
    index, deadline, facts = bench.index, bench.manager.deadline, len(bench.facts)
    [answer] = bench.hear("w2", Heartbeat(bench.nodes["w2"], bench.sessions["w2"]))
    assert isinstance(answer, HeartbeatAnswer) and 4.5 * SECOND <= answer.period < 5.5 * SECOND
    assert (bench.index, bench.manager.deadline, len(bench.facts)) == (index, deadline, facts)


def test_an_idle_leader_sleeps(bench):
    bench.run(2)
    wakes = 0
    for _ in range(12):
        for machine in ("w2", "w3"):
            bench.hear(machine, Heartbeat(bench.nodes[machine], bench.sessions[machine]))
        wakes += bench.run(5)
    assert wakes <= 12  # in a minute: each node's alarm now and then, and nothing else
    assert all(bench.store.get("node", bench.nodes[m]).state == "ready" for m in ("w2", "w3"))


def test_three_periods_without_a_heartbeat_and_the_node_is_down(bench):
    """§12: 13.5 to 16.5 s after the last beat; its tasks get replacements that wait five seconds (§20.2)."""
    service = bench.call(CreateObject(web(2))).value
    bench.run(0.5)
    for machine in ("w2", "w3"):
        bench.follow_orders(machine, bench.nodes[machine], bench.sessions[machine])
    bench.run(0.5)
    last = bench.now
    bench.hear("w2", Heartbeat(bench.nodes["w2"], bench.sessions["w2"]))
    while bench.store.get("node", bench.nodes["w2"]).state == "ready":
        bench.hear("w3", Heartbeat(bench.nodes["w3"], bench.sessions["w3"]))
        bench.run(0.1)
    assert 13.5 * SECOND <= bench.now - last <= 16.7 * SECOND
    node = bench.store.get("node", bench.nodes["w2"])
    assert (node.state, node.message) == ("down", "heartbeat failure")
    missed = [fact for fact in bench.facts if isinstance(fact, HeartbeatsMissed)]
    assert missed == [HeartbeatsMissed("w2", last)]
    bench.run(0.5)
    old, new = sorted(bench.store.tasks_of(service), key=lambda task: task.created_at)[0::2]
    old = next(task for task in bench.store.tasks_of(service) if task.node == node.id)
    assert (old.state, old.desired) == (RUNNING, SHUTDOWN)
    assert (new.state, new.desired, new.node) == (ASSIGNED, READY, bench.nodes["w3"])
    bench.run(5)
    assert bench.store.get("task", new.id).desired == RUNNING


def test_heartbeat_with_a_wrong_session(bench):
    """§12."""
    assert bench.hear("w2", Heartbeat(bench.nodes["w2"], "old")) == [SessionInvalid("session invalid")]
    assert bench.hear("w9", OpenSession("nobody", Description(), "")) == [SessionInvalid("node not registered")]


def test_more_than_three_registrations_in_a_row_are_refused(bench):
    """§12: with less than 8 s between them."""
    answers = [bench.open("w2", bench.nodes["w2"]) for _ in range(3)]
    assert isinstance(answers[1], SessionAnswer) and answers[2] == SessionInvalid(
        f"node {bench.nodes['w2']} exceeded rate limit count of registrations"
    )
    bench.run(8)
    assert isinstance(bench.open("w2", bench.nodes["w2"]), SessionAnswer)


def test_after_a_day_down_tasks_are_given_up(bench):
    """§12: 24 hours."""
    service = bench.call(CreateObject(web(2))).value
    bench.run(25)
    assert all(node.state == "down" for node in bench.store.all("node") if node.machine != "m1")
    bench.run(24 * 3600)
    assert [task for task in bench.store.tasks_of(service) if task.node and task.state <= RUNNING] == []


def test_a_removed_service_takes_its_tasks_along(bench):
    """§4: desired remove, then deleted once they have stopped."""
    service = bench.call(CreateObject(web(2))).value
    bench.run(0.5)
    bench.call(RemoveObject("service", "web"))
    assert all(task.desired == REMOVE for task in bench.store.tasks_of(service))
    bench.run(0.3)
    for machine in ("w2", "w3"):
        bench.follow_orders(machine, bench.nodes[machine], bench.sessions[machine], SHUTDOWN)
    bench.run(1)
    assert bench.store.tasks_of(service) == []


def test_draining_a_node_moves_its_tasks(bench):
    """§20.3: replacements exist at once, start when the old task has stopped, without the restart delay."""
    service = bench.call(CreateObject(web(2))).value
    bench.run(0.5)
    node = bench.store.get("node", bench.nodes["w2"])
    spec = pickle.loads(pickle.dumps(node.spec))
    bench.call(UpdateObject("node", node.id, node.version, type(spec)(role="worker", availability="drain")))
    bench.run(0.3)
    [old] = bench.store.tasks_on(node.id)
    new = next(task for task in bench.store.tasks_of(service) if task.desired == READY)
    assert (old.desired, new.node) == (SHUTDOWN, bench.nodes["w3"])
    status = TaskStatus(old.id, SHUTDOWN, "shutdown", "", bench.now)
    bench.hear("w2", StatusReport(node.id, bench.sessions["w2"], (status,)))
    bench.run(0.2)
    assert bench.store.get("task", new.id).desired == RUNNING


def test_facts_come_before_applied_and_planners_say_what_they_do(bench):
    bench.call(CreateObject(web(1)))
    bench.run(1)
    stored = [fact for fact in bench.facts if isinstance(fact, TaskStored)]
    assert [fact.state for fact in stored] == ["new", "pending", "assigned"]
    first = bench.facts.index(stored[0])
    assert bench.facts[first + 1] == Applied(stored[0].index)
    planned = [fact.planner for fact in bench.facts if isinstance(fact, Planned)]
    assert planned[-3:] == ["replicated", "allocator", "scheduler"]


# ── leadership ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_new_leader_knows_of_no_node_whether_it_lives(bench):
    """§12: unknown, with doubled grace; back by registering, else down."""
    bench.run(1)
    bench.feed(Told("raft", Following(2, None)))
    assert bench.manager.deadline == NEVER
    bench.term = 2
    bench.feed(Told("raft", Leading(2)))
    w2 = bench.store.get("node", bench.nodes["w2"])
    assert w2.message == 'Node moved to "unknown" state due to leadership change in cluster'
    assert bench.hear("w2", Heartbeat(w2.id, bench.sessions["w2"])) == [SessionInvalid("session invalid")]
    bench.open("w2", w2.id)
    bench.run(10)
    assert bench.store.get("node", w2.id).state == "ready"
    bench.run(21)
    w3 = bench.store.get("node", bench.nodes["w3"])
    assert (w3.state, w3.message) == ("down", 'heartbeat failure for node in "unknown" state')


def test_what_is_in_flight_fails_with_the_leadership(bench):
    """§14."""
    bench.agrees = False
    assert bench.call(CreateObject(web(1))) is None
    assert bench.call(CreateObject(web(1, name="other"))) is None
    bench.told.clear()
    bench.feed(Told("raft", Following(2, None)))
    assert [word.error for _, word in bench.told] == [LOST_LEADERSHIP, LOST_LEADERSHIP]
    bench.feed(Told("raft", Refused(99, "lost leadership")))  # comes too late to matter


def test_calls_wait_for_a_leader_for_a_while(bench):
    """§14, recorded in transcript 07: first 20 s of waiting, then refused at once."""
    bench.feed(Told("raft", Following(2, None)))
    assert bench.call(ListObjects("node")) is None
    bench.told.clear()
    bench.run(19.9)
    assert bench.told == []
    bench.run(0.1)
    assert bench.told[0][1].error == TIMED_OUT
    assert bench.call(ListObjects("node")).error == NO_LEADER
    assert bench.manager.calls == {}


def test_a_waiting_call_goes_to_the_new_leader(bench):
    bench.feed(Told("raft", Following(2, None)))
    assert bench.call(ListObjects("service")) is None
    bench.run(2.5)
    bench.feed(Told("raft", Following(3, "m2")))
    bench.sent.clear()
    bench.run(1)
    [forwarded] = bench.sent
    assert (forwarded.to, forwarded.channel) == ("m2", "manager")
    call = forwarded.message.message
    bench.told.clear()
    bench.feed(Received("m2", Relay("m1", "client-call", Reply(call.id, (), None))))
    assert bench.told == [("engine", Reply(call.id, ()))]
    bench.feed(Received("m2", Relay("m1", "client-call", Reply(call.id, (), None))))
    assert len(bench.told) == 1  # a doubled answer is dropped


def test_a_call_put_to_a_manager_that_leads_no_more_goes_on_waiting(bench):
    bench.feed(Told("raft", Following(2, "m2")))
    assert bench.call(ListObjects("service")) is None
    call = bench.sent[-1].message.message
    bench.told.clear()
    bench.feed(Received("m2", Relay("m1", "client-call", Reply(call.id, None, NO_LEADER))))
    assert bench.told == []
    bench.run(20)
    assert bench.told == [("engine", Reply(call.id, None, TIMED_OUT))]


def test_followers_pass_everything_on_and_the_leader_answers_the_same_way(bench):
    """One pair of messages serves agents, engines and people."""
    bench.let_in("m2", bench.join("m2", "m").node)
    answers = bench.hear("m2", Forward("m2", "client-call", Call(7, ListObjects("service"))))
    assert answers == [Relay("m2", "client-call", Reply(7, ()))]
    [relay] = bench.hear("m2", Forward("w3", "agent", Heartbeat(bench.nodes["w3"], bench.sessions["w3"])))
    assert (relay.to, relay.channel) == ("w3", "agent") and isinstance(relay.message, HeartbeatAnswer)
    bench.feed(Told("raft", Following(2, "m2")))
    bench.sent.clear()
    bench.hear("w3", Heartbeat("n", "s"))
    assert bench.sent == [Send("m2", "manager", Forward("w3", "agent", Heartbeat("n", "s")))]
    assert bench.hear("m2", Relay("w3", "agent", SessionInvalid("x"))) == [SessionInvalid("x")]
    bench.feed(Told("raft", Following(2, None)))
    assert bench.hear("w3", Heartbeat("n", "s")) == [SessionInvalid("no leader")]
    assert bench.hear("w3", Certify("t", Description(), "")) == [NotCertified(NO_LEADER)]


def test_a_forgotten_manager_is_dormant(bench):
    bench.feed(Told("engine", BeNothing()))
    assert bench.disk["node"] is None and bench.manager.deadline == NEVER
    assert bench.hear("w2", Heartbeat("n", "s")) == []


def test_a_manager_that_restarts_does_not_tell_old_facts_again(bench):
    """Facts up to the index on its disk are in the trace already."""
    manager = Manager("m1", Disk(dict(bench.disk), []), Dice())
    manager.step(STARTED, 0)
    manager.step(Told("raft", Following(2, None)), 0)
    cluster = bench.store.cluster
    from swarmlab.objects import Put, Transaction

    entry = Entry(1, 1, "data", Transaction(0, (Put(cluster),)))
    assert manager.step(Told("raft", Committed((entry,))), 0) == [Note(Applied(1))]


def test_a_manager_can_be_forked_at_any_time(bench):
    """All that it remembers is plain data."""
    bench.call(CreateObject(web(3)))
    bench.run(0.07)
    twin = pickle.loads(pickle.dumps(bench))
    assert bench.run(3) == twin.run(3)
    assert bench.facts == twin.facts and bench.sent == twin.sent


def test_more_than_200_changes_are_cut_into_transactions(bench):
    """§1: at most 200 changes per transaction."""
    service = bench.call(CreateObject(web(450))).value
    bench.run(2)
    tasks = bench.store.tasks_of(service)
    assert len(tasks) == 450 and all(task.state == ASSIGNED for task in tasks)
    sizes = [
        sum(1 for fact in bench.facts if isinstance(fact, TaskStored) and fact.index == i) for i in range(bench.index)
    ]
    assert max(sizes) == 200


def test_nothing_is_half_done_after_a_refusal(bench):
    """§3."""
    bench.run(1)
    index = bench.index
    reply = bench.call(CreateObject(web(1, name="-bad")))
    assert reply.error == "rpc error: code = InvalidArgument desc = name must be valid as a DNS name component"
    assert (bench.index, list(bench.store.all("service"))) == (index, [])
    assert bench.run(10 * MS / SECOND) == 0
