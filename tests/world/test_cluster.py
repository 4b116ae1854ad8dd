"""The handle: what a learner types, from power-on to a healed swarm."""

import pytest

from swarmlab import Cluster
from swarmlab.objects import RUNNING

VOTING = "stack deploy -c data/stacks/voting.yml vote"


@pytest.fixture(scope="module")
def ready():
    """Three managers and four workers with the voting application, never changed: tests take forks."""
    cluster = Cluster(managers=3, workers=4, seed=7)
    assert cluster.docker(VOTING).exit_code == 0
    assert cluster.run_until(all_filled, limit=60)
    cluster.run_for(2)  # the managers hear of it a little later
    return cluster


@pytest.fixture
def swarm(ready):
    return ready.fork()


def all_filled(cluster):
    """Every slot of every service runs, in truth."""
    running = [(task.service, task.slot) for task in cluster.running]
    wanted = [(s.spec.name, slot) for s in cluster.services for slot in range(1, s.spec.replicas + 1)]
    return bool(wanted) and sorted(set(running)) == sorted(wanted)


def test_a_swarm_is_born_by_init_and_joins():
    swarm = Cluster(managers=3, workers=4, seed=1)
    commands = [act.details["command"].split()[:2] for act in swarm.acts]
    assert commands == [["swarm", "init"]] + [["swarm", "join-token"]] * 2 + [["swarm", "join"]] * 6
    rows = swarm.docker("node ls").rows
    assert [row["HOSTNAME"] for row in rows] == [f"manager-{n}" for n in (1, 2, 3)] + [
        f"worker-{n}" for n in (1, 2, 3, 4)
    ]
    assert {row["STATUS"] for row in rows} == {"Ready"}
    assert [row["MANAGER STATUS"] for row in rows] == ["Leader", "Reachable", "Reachable", "", "", "", ""]
    assert 0.3 < swarm.now < 5


@pytest.mark.parametrize("managers", [1, 3, 5])
def test_one_three_and_five_managers_agree_on_one_leader(managers):
    swarm = Cluster(managers=managers, workers=1, seed=3)
    swarm.run_for(30)
    assert swarm.leader == "manager-1" and len(swarm.nodes) == managers + 1


def test_bare_machines_are_not_a_swarm_yet():
    bare = Cluster(machines=4)
    assert bare.leader is None and bare.nodes == () and bare.now == 0
    refusal = bare.docker("node ls")
    assert refusal.exit_code == 1 and refusal.stderr.startswith(
        "Error response from daemon: This node is not a swarm manager."
    )
    assert bare.docker("swarm init", node="node-2").exit_code == 0
    token = bare.docker("swarm join-token -q worker", node="node-2").stdout.strip()
    assert (
        bare.docker(f"swarm join --token {token} 192.168.50.101:2377", node="node-4").stdout
        == "This node joined a swarm as a worker.\n"
    )
    assert [node.machine for node in bare.nodes] == ["node-2", "node-4"]


def test_a_stack_file_becomes_running_tasks(ready):
    assert {s.spec.name for s in ready.services} == {"vote_db", "vote_redis", "vote_result", "vote_vote", "vote_worker"}
    assert len(ready.tasks) == 7 and all(task.state == RUNNING for task in ready.tasks)


def test_a_published_port_answers_on_every_node_and_takes_turns(swarm):
    for machine in ("manager-1", "manager-2", "manager-3", "worker-1", "worker-2", "worker-3", "worker-4"):
        answers = [swarm.request(f"http://{machine}:5000/") for _ in range(4)]
        assert all(a.ok and a.status == 200 and 0 < a.latency < 1 for a in answers)
        assert sorted(a.task for a in answers) == ["vote_vote.1"] * 2 + ["vote_vote.2"] * 2
        for a in answers:
            assert a.hops[0][:2] == ("published port", machine) and a.hops[-1] == ("task", a.node, a.task)


def test_a_service_name_is_its_virtual_ip_inside_its_networks_only(swarm):
    redis = next(s for s in swarm.services if s.spec.name == "vote_redis")
    frontend = next(n for n in swarm.networks if n.spec.name == "vote_frontend")
    (address,) = [vip.address for vip in redis.virtual_ips if vip.network == frontend.id]
    assert swarm.resolve("redis", "vote_vote.1") == (address.partition("/")[0],)
    assert swarm.resolve("redis", "vote_result.1") == ()
    inside = swarm.request("http://redis/", source="vote_vote.1")
    assert inside.ok and inside.task == "vote_redis.1"


def test_nobody_listens_on_a_port_that_is_not_published(swarm):
    assert swarm.request("http://worker-1:9999/").error == "connection refused"


def test_the_leader_dies_and_visitors_notice_nothing(swarm):
    old = swarm.leader
    swarm.crash(old)
    assert swarm.leader is None
    for _ in range(20):
        assert swarm.request("http://worker-2:5000/").ok
        swarm.run_for(0.5)
    assert swarm.run_until(lambda c: c.leader is not None, limit=60)
    assert swarm.leader != old and swarm.docker("service ls").exit_code == 0


@pytest.mark.parametrize("seed", range(5))
def test_a_dead_worker_is_down_after_9_to_16_5_seconds_and_its_tasks_run_elsewhere_5_seconds_later(ready, seed):
    swarm = ready.fork()
    swarm.run_for(seed * 0.9)
    fault = swarm.now
    swarm.crash("worker-1")
    assert not all_filled(swarm)
    assert swarm.run_until(lambda c: next(n for n in c.nodes if n.machine == "worker-1").state == "down", limit=30)
    assert 9.0 <= swarm.now - fault <= 16.6  # the moment of the commit is a little after that of the decision
    down = swarm.now
    assert swarm.run_until(all_filled, limit=60)
    assert 5.0 <= swarm.now - down <= 9.0
    assert "worker-1" not in {task.machine for task in swarm.running}


def test_a_worker_that_comes_back_gets_nothing_back_and_its_old_tasks_end(swarm):
    swarm.crash("worker-1")
    assert swarm.run_until(all_filled, limit=60)
    before = swarm.running
    swarm.restart("worker-1")
    swarm.run_for(60)
    assert swarm.running == before and all_filled(swarm)
    assert {row["REPLICAS"] for row in swarm.docker("service ls").rows} == {"1/1", "2/2"}


def test_without_quorum_writes_fail_in_dockers_words_and_tasks_go_on(swarm):
    followers = [m for m in ("manager-1", "manager-2", "manager-3") if m != swarm.leader]
    survivor = swarm.leader
    for manager in followers:
        swarm.crash(manager)
    swarm.run_for(40)
    assert swarm.leader is None
    refusal = swarm.docker("service create -d --name x nginx", node=survivor)
    assert refusal.exit_code == 1
    assert refusal.stderr == (
        "Error response from daemon: rpc error: code = Unknown desc = The swarm does not have a leader. It's possible "
        "that too few managers are online. Make sure more than half of the managers are online.\n"
    )
    assert swarm.request("http://worker-2:5000/").ok
    swarm.restart(followers[0])
    assert swarm.run_until(lambda c: c.leader is not None, limit=60)
    swarm.run_for(1)  # a new leader is usable when it has committed an entry of its own term
    assert swarm.docker("service create -d --name x nginx").exit_code == 0


def test_a_call_begun_just_after_the_loss_waits_and_is_cut_off_after_20_seconds(swarm):
    survivor, *others = [swarm.leader] + [m for m in ("manager-1", "manager-2", "manager-3") if m != swarm.leader]
    for manager in (survivor, others[0]):
        swarm.crash(manager)
    swarm.run_for(1)
    start = swarm.now
    refusal = swarm.docker("node ls", node=others[1])
    assert (
        refusal.stderr
        == "Error response from daemon: rpc error: code = DeadlineExceeded desc = context deadline exceeded\n"
    )
    assert swarm.now - start == pytest.approx(20, abs=0.1)


def test_a_frozen_worker_goes_on_unaware(swarm):
    swarm.freeze("worker-1", 3)
    swarm.run_for(10)
    assert all(node.state == "ready" for node in swarm.nodes) and all_filled(swarm)


def test_a_frozen_leader_is_replaced_and_follows_when_it_wakes(swarm):
    old = swarm.leader
    swarm.freeze(old, 40)
    assert swarm.run_until(lambda c: c.leader not in (None, old), limit=39)
    new = swarm.leader
    swarm.run_for(30)
    assert swarm.leader == new and swarm.docker("node ls", node=old).exit_code == 0


def test_a_partitioned_leader_gives_up_and_the_majority_goes_on(swarm):
    swarm.partition({"manager-1"}, {"manager-2", "manager-3"})
    assert swarm.run_until(lambda c: c.leader in ("manager-2", "manager-3"), limit=60)
    swarm.run_for(15)
    assert swarm.docker("service scale -d vote_vote=3", node="manager-2").exit_code == 0
    assert swarm.docker("service ls", node="manager-1").exit_code == 1
    swarm.heal()
    swarm.run_for(10)
    assert swarm.docker("service ls", node="manager-1").exit_code == 0


def test_the_data_path_port_can_be_shut_alone(swarm):
    answer = swarm.request("http://worker-3:5000/")
    assert answer.ok and answer.node != "worker-3"
    swarm.block("worker-3", 4789)
    assert swarm.request("http://worker-3:5000/").error == "timed out"
    assert swarm.docker("node ls").exit_code == 0 and swarm.request("http://worker-2:5000/").ok
    swarm.unblock("worker-3", 4789)
    assert swarm.request("http://worker-3:5000/").ok


def test_a_plain_container_that_dies_with_its_machine_comes_back_by_nobody():
    one = Cluster(machines=1, seed=2)
    assert one.docker("run -d --name web -p 8080:80 nginx").exit_code == 0
    assert one.request("http://node-1:8080/").ok
    one.crash("node-1")
    assert one.request("http://node-1:8080/").error == "timed out"
    one.restart("node-1")
    one.run_for(300)
    assert one.request("http://node-1:8080/").error == "connection refused"
    assert one.docker("ps").rows == ()
    assert one.docker("ps -a").rows[0]["STATUS"].startswith("Exited (137)")


def test_an_unknown_command_changes_nothing(swarm):
    before = len(swarm.trace)
    for line in ("service frobnicate", "frobnicate", "service create --bogus nginx", "service rm", ""):
        result = swarm.docker(line)
        assert result.exit_code != 0 or line == ""
    kinds = {type(record.fact).__name__ for record in swarm.trace.records[before:]}
    assert kinds == {"Commanded", "CommandReturned"}


def test_a_command_that_never_comes_back_is_interrupted(swarm):
    start = swarm.now
    result = swarm.docker("service create --name x --constraint node.labels.disk==ssd nginx", limit=30)
    assert result.exit_code == 130 and "overall progress: 0 out of 1 tasks" in result.stdout
    assert swarm.now - start == pytest.approx(30)


def test_a_machine_that_is_off_has_no_daemon(swarm):
    swarm.crash("worker-1")
    result = swarm.docker("ps", node="worker-1")
    assert result.exit_code == 1 and result.stderr.startswith("Cannot connect to the Docker daemon")


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda c: c.crash("worker-9"), "no such machine: worker-9"),
        (lambda c: c.run_for(-1), "time does not run backwards"),
        (lambda c: c.at(1e9), "there is no instant"),
        (lambda c: c.block("worker-1", "http"), "'http' is no port"),
        (lambda c: c.link("worker-1", "worker-2", loss=2), "loss=2 is impossible"),
        (lambda c: c.link("worker-1", "worker-2", colour=2), "a link has no colour"),
        (lambda c: c.partition({"worker-1"}), "a partition needs two groups"),
        (lambda c: c.partition({"worker-1"}, {"worker-1"}), "cannot be on two sides"),
        (lambda c: c.request("http://nowhere:5000/"), "no such machine: nowhere"),
        (lambda c: c.request("http://worker-1:x/"), "not an address like"),
        (lambda c: c.add_machine("worker-1"), "there is a machine worker-1 already"),
        (lambda c: Cluster(workers=2), "workers need a manager"),
        (lambda c: Cluster(managers=-1), "managers=-1"),
        (lambda c: Cluster.from_file("no-such.yml"), "no such file"),
    ],
)
def test_a_mistake_gets_one_clear_line_and_changes_nothing(swarm, act, words):
    before = swarm.trace.digest(), len(swarm.acts)
    with pytest.raises(ValueError) as caught:
        act(swarm)
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert (swarm.trace.digest(), len(swarm.acts)) == before


def test_one_more_machine_can_join(swarm):
    swarm.add_machine("worker-9", cpus=4)
    token = swarm.docker("swarm join-token -q worker").stdout.strip()
    leader = swarm.computers[swarm.leader].address
    assert swarm.docker(f"swarm join --token {token} {leader}:2377", node="worker-9").exit_code == 0
    assert swarm.docker("service scale -d vote_vote=8").exit_code == 0
    assert swarm.run_until(all_filled, limit=60)
    assert "worker-9" in {task.machine for task in swarm.running}


def test_a_cluster_shows_itself(ready):
    assert repr(ready) == repr(ready.fork())
    assert repr(ready).startswith(
        "<Cluster at "
    ) and "7 of 7 machines run, leader manager-1, 5 services, 7 tasks" in repr(ready)
    html = ready._repr_html_()
    assert html.count("wanted, runs") == 7 and "♛ manager-1" in html and "0x" not in html
    broken = ready.fork()
    broken.crash("worker-1")
    html = broken._repr_html_()
    assert html.count("wanted, runs") == 6 and "vote_vote.1: wanted, does not run" in html
    assert "<b>worker-1</b> · down" in html


@pytest.mark.parametrize("name", ["demo-lab", "three-managers", "three-zones"])
def test_cluster_files_make_swarms(name):
    swarm = Cluster.from_file(f"data/clusters/{name}.yml")
    assert {node.state for node in swarm.nodes} == {"ready"}
    if name == "demo-lab":
        assert [(n.machine, n.address) for n in swarm.nodes] == [
            (m, f"192.168.50.{100 + i}") for i, m in enumerate(("manager-1", "worker-1", "worker-2", "worker-3"))
        ]
    if name == "three-zones":
        assert {dict(n.spec.labels).get("zone") for n in swarm.nodes} == {"a", "b", "c"}


def test_what_the_store_holds_reads_in_dockers_words(ready):
    assert repr(ready.nodes[0]) == "<Node manager-1: manager, ready, active>"
    vote = next(service for service in ready.services if service.name == "vote_vote")
    assert repr(vote).startswith("<Service vote_vote: replicated × 2, dockersamples/examplevotingapp_vote")
    task = next(task for task in ready.tasks if task.name == "vote_vote.1")
    assert repr(task) == f"<Task vote_vote.1 {task.id[:12]}: running, should be running>"
    assert (task.current_state, task.desired_state) == ("running", "running")
