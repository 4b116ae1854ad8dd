"""Managers come and go on a real small cluster: what people see, who leads, and what goes on running."""

import pytest

from swarmlab import Cluster
from swarmlab.manager.dispatcher import Dispatcher
from swarmlab.manager.manager import Manager
from swarmlab.objects import RUNNING

REFUSED = "Error response from daemon: rpc error: code = FailedPrecondition desc = "
NOT_IN_LIST = "Error response from daemon: rpc error: code = NotFound desc = can't find manager in raft memberlist\n"
ONLY_A_WORKER = "Worker nodes can't be used to view or modify cluster state."


@pytest.fixture(scope="module")
def one() -> Cluster:
    """One manager and three workers, with a service on all of them."""
    cluster = Cluster(managers=1, workers=3, seed=7, messages=False)
    cluster.docker("service create -d --name web --replicas 4 nginx")
    cluster.run_for(5)
    return cluster


@pytest.fixture(scope="module")
def three() -> Cluster:
    """Three managers and two workers, with a service on all of them, and one on each node."""
    cluster = Cluster(managers=3, workers=2, seed=7, messages=False)
    cluster.docker("service create -d --name web --replicas 5 nginx")
    cluster.docker("service create -d --name agent --mode global redis")
    cluster.run_for(5)
    return cluster


def statuses(cluster: Cluster, column: str = "MANAGER STATUS", node: str | None = None) -> dict[str, str]:
    return {row["HOSTNAME"]: row[column] for row in cluster.docker("node ls", node).rows}


def says(cluster: Cluster, command: str, node: str | None = None) -> str:
    """What a command prints, stderr included, when it worked; else what it is refused with."""
    result = cluster.docker(command, node)
    assert result.exit_code == (1 if result.stderr else 0)
    return result.stdout + result.stderr


def running(cluster: Cluster) -> dict[str, str]:
    return {task.id: task.machine for task in cluster.running}


def elect(cluster: Cluster, besides: str = "") -> str:
    assert cluster.run_until(lambda c: c.leader not in (None, besides), limit=60)
    cluster.run_for(1)
    return cluster.leader


def other(cluster: Cluster, *names: str) -> str:
    return next(name for name in ("manager-1", "manager-2", "manager-3") if name not in names)


# ── promote and demote ───────────────────────────────────────────────────────────────────────────────────────────


def test_promoted_nodes_are_managers_within_a_second(one) -> None:
    swarm, before = one.fork(), running(one)
    assert says(swarm, "node promote worker-1 worker-2") == (
        "Node worker-1 promoted to a manager in the swarm.\nNode worker-2 promoted to a manager in the swarm.\n"
    )
    swarm.run_for(1)
    assert list(statuses(swarm).values()) == ["Leader", "Reachable", "Reachable", ""]
    assert statuses(swarm, node="worker-2") == statuses(swarm)
    assert says(swarm, "service scale -d web=5", "worker-1") == "web scaled to 5\n"
    swarm.run_for(5)
    assert before.items() <= running(swarm).items()
    swarm.crash("manager-1")
    assert elect(swarm) in ("worker-1", "worker-2")


def test_demoted_managers_forget_the_log_and_go_on_running_their_tasks(three) -> None:
    swarm, before = three.fork(), running(three)
    assert says(swarm, "node demote manager-2 manager-3") == (
        "Manager manager-2 demoted in the swarm.\nManager manager-3 demoted in the swarm.\n"
    )
    swarm.run_for(1)
    assert list(statuses(swarm).values()) == ["Leader", "", "", "", ""]
    assert ONLY_A_WORKER in says(swarm, "node ls", "manager-2")
    assert [node.role for node in swarm.nodes] == ["manager"] + ["worker"] * 4
    assert swarm.machines["manager-2"].disk("raft").values.get("member") is None
    assert swarm.machines["manager-2"].disk("manager").values.get("node") is None
    swarm.run_for(60)
    assert running(swarm) == before and set(statuses(swarm, "STATUS").values()) == {"Ready"}


def test_a_leader_that_is_demoted_hands_over_without_a_gap(three) -> None:
    """The command answers; nobody has to wait for a time-out."""
    swarm = three.fork()
    assert says(swarm, "node demote manager-1", "manager-1") == "Manager manager-1 demoted in the swarm.\n"
    begun = swarm.now
    leader = elect(swarm, besides="manager-1")
    assert swarm.now - begun < 1.5
    assert [statuses(swarm, node=leader)[name] for name in ("manager-1", leader)] == ["", "Leader"]
    assert says(swarm, "service scale -d web=6", leader) == "web scaled to 6\n"
    assert ONLY_A_WORKER in says(swarm, "node ls", "manager-1")


def test_managers_are_demoted_down_to_the_last(three) -> None:
    swarm = three.fork()
    for _ in range(2):
        leader = swarm.leader
        assert says(swarm, f"node demote {leader}", leader) == f"Manager {leader} demoted in the swarm.\n"
        elect(swarm, besides=leader)
        swarm.run_for(10)
    last = swarm.leader
    assert says(swarm, f"node demote {last}", last) == f"{REFUSED}attempting to demote the last manager of the swarm\n"
    assert list(statuses(swarm, node=last).values()).count("") == 4


@pytest.mark.parametrize("after", [0, 0.0005, 0.05, 0.1, 0.12, 0.15, 0.2])
def test_a_crash_on_the_way_to_a_manager_ends_well(one, after) -> None:
    swarm = one.fork()
    says(swarm, "node promote worker-1")
    swarm.run_for(after)
    swarm.crash("worker-1")
    swarm.run_for(1)
    swarm.restart("worker-1")
    swarm.run_for(30)
    leader = elect(swarm)
    assert sorted(statuses(swarm, node=leader).values()) == ["", "", "Leader", "Reachable"]
    assert says(swarm, "service scale -d web=5", "worker-1") == "web scaled to 5\n"


@pytest.mark.parametrize("after", [0, 0.0005, 0.05, 0.1, 0.2])
def test_a_crash_on_the_way_to_a_worker_ends_well(three, after) -> None:
    swarm = three.fork()
    says(swarm, "node demote manager-2")
    swarm.run_for(after)
    swarm.crash("manager-2")
    swarm.run_for(12)
    swarm.restart("manager-2")
    swarm.run_for(30)
    assert list(statuses(swarm).values()) == ["Leader", "", "Reachable", "", ""]
    assert ONLY_A_WORKER in says(swarm, "node ls", "manager-2")
    assert swarm.machines["manager-2"].disk("raft").values.get("member") is None


@pytest.mark.parametrize("deaf", [(Dispatcher, "tell_managers"), (Manager, "name_fellows")])
def test_a_first_manager_that_crashed_before_it_heard_of_others_finds_them(monkeypatch, deaf) -> None:
    """By the word of the leader, or by its own log: each of the two would do."""
    monkeypatch.setattr(*deaf, lambda *_: [])
    swarm = Cluster(managers=3, workers=0, seed=7, messages=False)
    swarm.crash("manager-1")
    leader = elect(swarm, besides="manager-1")
    says(swarm, "node demote manager-1", leader)
    swarm.run_for(1)
    swarm.restart("manager-1")
    swarm.run_for(60)
    assert statuses(swarm, "STATUS", leader)["manager-1"] == "Ready"
    assert ONLY_A_WORKER in says(swarm, "node ls", "manager-1")


def test_who_is_demoted_and_promoted_again_while_cut_off_finds_its_way_back(three) -> None:
    """It never hears that its group removed it, only that nobody names it any more."""
    swarm = three.fork()
    swarm.partition({"manager-2"}, {"manager-1", "manager-3", "worker-1", "worker-2"})
    says(swarm, "node demote manager-2", "manager-1")
    says(swarm, "node promote manager-2", "manager-1")
    swarm.run_for(3)
    assert statuses(swarm, node="manager-1")["manager-2"] == ""
    swarm.heal()
    swarm.run_for(45)
    assert statuses(swarm, node=elect(swarm))["manager-2"] in ("Reachable", "Leader")


# ── when managers are down ───────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def one_down(three) -> Cluster:
    swarm = three.fork()
    swarm.crash("manager-1")
    elect(swarm)
    assert swarm.run_until(lambda c: any(n.state == "down" for n in c.nodes), limit=60)
    return swarm


def test_with_one_of_three_down_only_the_dead_one_may_go(one_down) -> None:
    """The manual's own example, and what comes after it."""
    swarm = one_down.fork()
    leader, follower = swarm.leader, other(swarm, "manager-1", swarm.leader)
    for name in (leader, follower):
        assert says(swarm, f"node demote {name}", leader) == (
            f"{REFUSED}can't remove member from the raft: this would result in a loss of quorum\n"
        )
    assert "must be demoted to worker before removal" in says(swarm, "node rm --force manager-1", leader)
    assert says(swarm, "node demote manager-1", leader) == "Manager manager-1 demoted in the swarm.\n"
    swarm.run_for(0.1)
    assert statuses(swarm, node=leader)["manager-1"] == ""
    assert says(swarm, "node rm manager-1", leader) == "manager-1\n"
    assert len(statuses(swarm, node=leader)) == 4
    assert says(swarm, f"node demote {follower}", leader) == f"Manager {follower} demoted in the swarm.\n"


def test_without_that_check_the_swarm_would_be_lost(one_down, monkeypatch) -> None:
    """Two members are left, and one of them is dead: nobody can lead any more."""
    monkeypatch.setattr("swarmlab.manager.nodes.can_remove", lambda members, member: True)
    monkeypatch.setattr("swarmlab.manager.roles.can_remove", lambda members, member: True)
    swarm = one_down.fork()
    leader, follower = swarm.leader, other(swarm, "manager-1", swarm.leader)
    assert says(swarm, f"node demote {follower}", leader) == f"Manager {follower} demoted in the swarm.\n"
    swarm.run_for(30)
    assert swarm.leader is None


def test_a_dead_manager_that_was_demoted_comes_back_as_a_worker(one_down) -> None:
    swarm = one_down.fork()
    leader = swarm.leader
    says(swarm, "node demote manager-1", leader)
    swarm.run_for(10)
    swarm.restart("manager-1")
    swarm.run_for(30)
    assert swarm.leader == leader
    assert statuses(swarm, "STATUS", leader)["manager-1"] == "Ready" and statuses(swarm, node=leader)["manager-1"] == ""
    assert ONLY_A_WORKER in says(swarm, "node ls", "manager-1")
    assert swarm.machines["manager-1"].disk("raft").values.get("member") is None


def test_a_manager_that_was_removed_as_a_node_does_no_harm_when_it_comes_back(one_down) -> None:
    swarm = one_down.fork()
    leader = swarm.leader
    says(swarm, "node demote manager-1", leader)
    assert says(swarm, "node rm manager-1", leader) == "manager-1\n"
    swarm.restart("manager-1")
    swarm.run_for(60)
    assert swarm.leader == leader and len(statuses(swarm, node=leader)) == 4


@pytest.mark.parametrize(
    ("lost", "text"),
    [
        ((), "The only way to restore a swarm"),
        (("manager-3",), "Removing this node leaves 1 managers out of 3. Without a Raft quorum your swarm will be"
         " inaccessible. The only way to restore a swarm"),
        (("manager-2", "manager-3"), "The only way to restore a swarm"),
    ],
)  # fmt: skip
def test_a_manager_is_told_what_its_leaving_would_mean(three, lost, text) -> None:
    """With two of three lost nobody can count any more."""
    swarm = three.fork()
    for name in lost:
        swarm.crash(name)
    swarm.run_for(25 if len(lost) > 1 else 5)
    begun = "You are attempting to leave the swarm on a node that is participating as a manager. "
    said = says(swarm, "swarm leave", "manager-1")
    assert said.startswith(f"Error response from daemon: {begun}{text}") and said.endswith("suppress this message.\n")


def test_a_manager_that_left_by_force_still_counts_until_it_is_demoted(three) -> None:
    swarm = three.fork()
    assert says(swarm, "swarm leave --force", "manager-3") == "Node left the swarm.\n"
    swarm.run_for(20)
    assert statuses(swarm)["manager-3"] == "Unreachable"
    assert "loss of quorum" in says(swarm, "node demote manager-2")
    assert says(swarm, "node demote manager-3") == "Manager manager-3 demoted in the swarm.\n"
    assert says(swarm, "node rm manager-3") == "manager-3\n"
    token = swarm.docker("swarm join-token -q manager").stdout.strip()
    assert says(swarm, f"swarm join --token {token} 192.168.50.100:2377", "manager-3").endswith("as a manager.\n")
    swarm.run_for(0.1)
    assert list(statuses(swarm).values()) == ["Leader", "Reachable", "Reachable", "", ""]


@pytest.mark.parametrize(("wait", "seconds", "text"), [(0, 20, "DeadlineExceeded"), (9, 20, "DeadlineExceeded"),
                                                       (11, 0, "does not have a leader")])  # fmt: skip
def test_commands_soon_after_the_leader_was_lost_wait_and_later_ones_do_not(three, wait, seconds, text) -> None:
    """§14, recorded in transcript 07: the first ten seconds."""
    swarm = three.fork()
    swarm.crash("manager-1")
    leader = elect(swarm)
    swarm.crash(leader)
    last = other(swarm, "manager-1", leader)
    assert swarm.run_until(lambda c: c.machines[last].seats["manager"].core.leader is None, limit=60)
    swarm.run_for(wait)
    begun = swarm.now
    assert text in says(swarm, "node ls", last)
    assert round(swarm.now - begun) == seconds


# ── availability ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_drained_manager_goes_on_voting(three) -> None:
    swarm = three.fork()
    for name in ("manager-1", "manager-2", "manager-3"):
        assert says(swarm, f"node update --availability drain {name}") == f"{name}\n"
    swarm.run_for(20)
    assert {task.machine for task in swarm.running} == {"worker-1", "worker-2"}
    assert sorted(task.service for task in swarm.running) == ["agent"] * 2 + ["web"] * 5
    swarm.crash("manager-1")
    leader = elect(swarm)
    assert list(statuses(swarm, "AVAILABILITY", leader).values()) == ["Drain"] * 3 + ["Active"] * 2


def test_a_paused_node_keeps_what_it_has_and_gets_nothing_new(three) -> None:
    swarm, before = three.fork(), running(three)
    says(swarm, "node update --availability pause worker-1")
    says(swarm, "service scale -d web=12")
    swarm.run_for(10)
    after = running(swarm)
    assert before.items() <= after.items() and len(after) == 17
    assert [m for m in after.values() if m == "worker-1"] == [m for m in before.values() if m == "worker-1"]


def test_nothing_moves_back_to_a_node_that_is_active_again_but_what_runs_on_every_node(three) -> None:
    swarm = three.fork()
    says(swarm, "node update --availability drain worker-1")
    swarm.run_for(20)
    without = running(swarm)
    assert "worker-1" not in without.values()
    says(swarm, "node update --availability active worker-1")
    swarm.run_for(20)
    new = {task.service: task.machine for task in swarm.running if task.id not in without}
    assert without.items() <= running(swarm).items() and new == {"agent": "worker-1"}


def test_roles_and_availability_can_be_changed_in_one_command(one) -> None:
    swarm = one.fork()
    line = "node update --role MANAGER --availability Drain --label-add zone=a worker-1"
    assert says(swarm, line) == "worker-1\n"
    swarm.run_for(15)
    assert (statuses(swarm)["worker-1"], statuses(swarm, "AVAILABILITY")["worker-1"]) == ("Reachable", "Drain")
    assert next(n for n in swarm.nodes if n.machine == "worker-1").spec.labels == {"zone": "a"}
    assert "worker-1" not in running(swarm).values()


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("node update --availability sideways worker-1", 'invalid Availability: "sideways"'),
        ("node update --availability= worker-1", 'invalid Availability: ""'),
        ("node update --role boss --availability sideways worker-1", 'invalid Role: "boss"'),
        ("node update --role worker nosuch", "node nosuch not found"),
        ("node demote nosuch", "node nosuch not found"),
        ("node rm worker-1", "{} is not down and can't be removed"),
        ("node rm manager-1", "{} is a cluster manager and is a member of the raft cluster. It must be demoted"),
    ],
)
def test_what_is_refused_changes_nothing(one, command, text) -> None:
    swarm = one.fork()
    before = [node.version for node in swarm.nodes]
    node = next((n.id for n in swarm.nodes if n.machine == command.split()[-1]), "")
    said = says(swarm, command)
    prefix = f"{REFUSED}node " if "{}" in text else "Error response from daemon: "
    assert said.startswith(prefix + text.replace("{}", node))
    assert [node.version for node in swarm.nodes] == before


# ── docker swarm init --force-new-cluster ────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def lost(three) -> tuple[Cluster, str]:
    """Two of three managers are gone for good, and the name of the last one."""
    swarm = three.fork()
    swarm.crash("manager-1")
    leader = elect(swarm)
    swarm.crash(leader)
    swarm.run_for(40)
    return swarm, other(swarm, "manager-1", leader)


def test_a_swarm_goes_on_from_its_last_manager(lost) -> None:
    swarm, last = lost[0].fork(), lost[1]
    before = running(swarm)
    assert "does not have a leader" in says(swarm, "service ls", last)
    said = says(swarm, "swarm init --force-new-cluster", last)
    node = next(n for n in swarm.nodes if n.machine == last)
    assert said.startswith(f"Swarm initialized: current node ({node.id}) is now a manager.\n\nTo add a worker to this")
    assert f"{node.address}:2377" in said
    assert [status for status in statuses(swarm, node=last).values() if status] == ["Leader"]
    assert set(statuses(swarm, "STATUS", last).values()) <= {"Unknown", "Down"}
    assert {service.spec.name for service in swarm.services} == {"web", "agent"}
    swarm.run_for(15)
    assert statuses(swarm, "STATUS", last)[last] == statuses(swarm, "STATUS", last)["worker-1"] == "Ready"
    assert before.items() <= running(swarm).items()
    assert says(swarm, "node demote manager-1", last) == NOT_IN_LIST
    assert says(swarm, "node rm manager-1", last) == "manager-1\n"
    says(swarm, "node promote worker-1 worker-2", last)
    swarm.run_for(1)
    assert [statuses(swarm, node=last)[f"worker-{n}"] for n in (1, 2)] == ["Reachable", "Reachable"]
    swarm.crash(last)
    assert elect(swarm) in ("worker-1", "worker-2")


def test_even_a_leader_can_begin_anew_and_settings_given_with_it_count(three) -> None:
    swarm = three.fork()
    says(swarm, "swarm init --force-new-cluster --task-history-limit 2", "manager-1")
    assert [status for status in statuses(swarm, node="manager-1").values() if status] == ["Leader"]
    assert swarm.machines["manager-1"].seats["manager"].core.store.cluster.task_history_limit == 2


def test_only_a_manager_can_begin_anew(three) -> None:
    swarm = three.fork()
    assert ONLY_A_WORKER in says(swarm, "swarm init --force-new-cluster", "worker-1")
    assert "already part of a swarm" in says(swarm, "swarm init", "manager-2")


def test_a_swarm_that_began_anew_survives_a_reboot(lost) -> None:
    swarm, last = lost[0].fork(), lost[1]
    says(swarm, "swarm init --force-new-cluster", last)
    swarm.run_for(5)
    swarm.restart(last)
    swarm.run_for(20)
    assert swarm.leader == last and len(swarm.services) == 2
    assert all(task.state == RUNNING for task in swarm.tasks if task.node == _node(swarm, "worker-1"))


def test_managers_that_were_left_behind_cannot_take_the_new_swarm_over(lost) -> None:
    """They may make a swarm of their own, but nothing that was agreed on without them is undone."""
    swarm, last = lost[0].fork(), lost[1]
    behind = {"manager-1", other(swarm, "manager-1", last)}
    swarm.partition(behind, set(swarm.computers) - behind - {"client", "registry"})
    says(swarm, "swarm init --force-new-cluster", last)
    says(swarm, "service scale -d web=7", last)
    for name in sorted(behind):
        swarm.restart(name)
    swarm.run_for(40)
    swarm.heal()
    swarm.run_for(30)
    assert statuses(swarm, node=last)[last] == "Leader"
    assert next(row for row in swarm.docker("service ls", last).rows if row["NAME"] == "web")["REPLICAS"].endswith("/7")


def _node(swarm: Cluster, machine: str) -> str:
    return next(node.id for node in swarm.nodes if node.machine == machine)
