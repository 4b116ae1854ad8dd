"""Plain containers on attachable overlays: who gives them an address, who knows their names, and when it is given back.

Source: swarmkit manager/resourceapi/allocator.go; moby daemon/cluster/networks.go (AttachNetwork, DetachNetwork),
daemon/container_operations.go (findAndAttachNetwork).
"""

import pytest

from swarmlab import Cluster
from swarmlab.check import LawBroken, Laws
from swarmlab.manager import allocator
from swarmlab.objects import RUNNING
from swarmlab.viz.frames import frames

DAEMON = "Error response from daemon: "
DENIED = (
    DAEMON
    + "Could not attach to network app: rpc error: code = PermissionDenied desc = network app not manually attachable"
)
UNKNOWN = DAEMON + "Could not attach to network nope: rpc error: code = NotFound desc = network nope not found"
NO_LEADER = "Could not attach to network att: rpc error: code = Unknown desc = The swarm does not have a leader."
TOO_LATE = DAEMON + "attaching to network failed, make sure your network options are correct and check manager logs: "


@pytest.fixture(scope="module")
def three() -> Cluster:
    """Three managers and two workers; `web` has one task on an attachable network, which worker-2 has not got yet."""
    cluster = Cluster(managers=3, workers=2, seed=7, messages=False)
    cluster.docker("network create -d overlay --attachable att")
    cluster.docker("network create -d overlay app")
    cluster.docker("service create -d --name web --network att --constraint node.hostname==worker-1 nginx")
    cluster.run_for(5)
    return cluster


@pytest.fixture
def swarm(three) -> Cluster:
    return three.fork()


def run(swarm: Cluster, words: str, node: str, limit: float = 30):
    result = swarm.docker(f"run -d {words} nginx", node, limit=limit)
    swarm.run_for(2)
    return result


def address(swarm: Cluster, name: str, node: str, network: str = "att") -> str:
    form = "{{range $k, $v := .NetworkSettings.Networks}}{{$k}}={{$v.IPAddress}} {{end}}"
    shown = swarm.docker(f"inspect --format '{form}' {name}", node).stdout.split()
    return dict(one.split("=") for one in shown).get(network, "")


def held(swarm: Cluster) -> list[str]:
    """The addresses that the managers keep for plain containers."""
    store = swarm._core(swarm.leader, "manager").store
    return [task.networks[0].address for task in store.all("task") if task.spec.attachment and task.state <= RUNNING]


def status(swarm: Cluster, name: str, node: str) -> str:
    return next(row["STATUS"] for row in swarm.docker("ps -a", node).rows if row["NAMES"] == name)


# ── on the network ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("node", ["manager-1", "manager-2", "worker-1", "worker-2"])
def test_a_plain_container_of_any_node_gets_an_address_and_is_reached_and_reaches_by_name(swarm, node) -> None:
    """Also on a node that has not got the network: there it comes with the container."""
    assert run(swarm, "--name box --network att", node).exit_code == 0
    ip = address(swarm, "box", node)
    assert held(swarm) == [f"{ip}/24"] and ip.startswith("10.0.1.")
    assert swarm.dig("box", "web.1").addresses == (ip,)
    assert swarm.request("http://box/", source="web.1").task == "box"
    assert swarm.request("http://web/", source="box").task == "web.1"
    assert swarm.dig("web", "box").status == "NOERROR"


def test_two_plain_containers_of_two_nodes_talk_by_names_and_aliases(swarm) -> None:
    run(swarm, "--name one --network att", "worker-1")
    run(swarm, "--name two --network att --network-alias second", "worker-2")
    assert swarm.request("http://second/", source="one").task == "two"
    assert swarm.request("http://one/", source="two").task == "one"


def test_the_network_lists_its_plain_containers_on_their_own_node(swarm) -> None:
    assert "att" not in swarm.docker("network ls", "worker-2").stdout
    run(swarm, "--name box --network att", "worker-2")
    assert "att" in swarm.docker("network ls", "worker-2").stdout
    form = "--format '{{range .Containers}}{{.Name}} {{.IPv4Address}} {{end}}'"
    ip = address(swarm, "box", "worker-2")
    assert swarm.docker(f"network inspect att {form}", "worker-2").stdout.split() == ["box", f"{ip}/24"]
    run(swarm, "--name here --network att", "manager-1")
    shown = swarm.docker(f"network inspect att {form}", "manager-1").stdout
    assert "here" in shown and "att-endpoint" in shown and "box" not in shown
    assert len(swarm.docker("network inspect att --format '{{range .Peers}}x{{end}}'", "manager-1").stdout.strip()) == 3


def test_the_task_that_holds_an_address_is_never_listed(swarm) -> None:
    """moby: GetTasks shows tasks with containers."""
    run(swarm, "--name box --network att", "worker-1")
    assert [task.service_name for task in swarm.tasks] == ["web"]
    assert len(swarm.docker("node ps worker-1").rows) == 1


def test_the_player_knows_nothing_of_it(swarm) -> None:
    run(swarm, "--name box --network att", "worker-1")
    swarm.docker("rm -f box", "worker-1")
    swarm.run_for(1)
    assert "AttachmentWritten" in [type(record.fact).__name__ for record in swarm.trace]
    assert {row[3] for row in frames(swarm.trace)["log"]} <= {"node", "service", "task", "network", "cluster"}


def test_a_plan_looks_past_plain_containers(swarm) -> None:
    run(swarm, "--name box --network att", "worker-1")
    assert swarm.plan("service scale web=2").settled


def test_a_network_with_a_plain_container_on_it_is_in_use(swarm) -> None:
    """controlapi/network.go: RemoveNetwork."""
    swarm.docker("network create -d overlay --attachable spare")
    run(swarm, "--name box --network spare", "worker-1")
    assert "is in use by task" in swarm.docker("network rm spare").stderr
    swarm.docker("rm -f box", "worker-1")
    swarm.run_for(1)
    assert swarm.docker("network rm spare").exit_code == 0


# ── connect and disconnect ───────────────────────────────────────────────────────────────────────────────────────


def test_a_container_that_runs_is_connected_and_disconnected(swarm) -> None:
    run(swarm, "--name box", "worker-2")
    assert swarm.request("http://web/", source="box").error
    assert swarm.docker("network connect --alias tool --ip 10.0.1.77 att box", "worker-2").exit_code == 0
    swarm.run_for(1)
    assert address(swarm, "box", "worker-2") == "10.0.1.77" and held(swarm) == ["10.0.1.77/24"]
    assert swarm.request("http://tool/", source="web.1").task == "box"
    again = swarm.docker("network connect att box", "worker-2").stderr
    assert again.startswith(f"{DAEMON}box is already attached to network att")
    assert swarm.docker("network disconnect att box", "worker-2").exit_code == 0
    swarm.run_for(1)
    assert held(swarm) == [] and not address(swarm, "box", "worker-2")
    assert swarm.dig("tool", "web.1").status == "NXDOMAIN"
    assert swarm.docker("network disconnect att box", "worker-2").exit_code == 1


def test_one_that_does_not_run_gets_its_address_when_it_starts(swarm) -> None:
    run(swarm, "--name box", "worker-2")
    swarm.docker("stop box", "worker-2")
    assert swarm.docker("network connect att box", "worker-2").exit_code == 0 and held(swarm) == []
    swarm.docker("start box", "worker-2")
    swarm.run_for(1)
    assert held(swarm) == [address(swarm, "box", "worker-2") + "/24"]


@pytest.mark.parametrize("node", ["manager-2", "worker-2"])
def test_what_the_managers_refuse_leaves_a_container_that_does_not_run(swarm, node) -> None:
    for network, text in (("app", DENIED), ("nope", UNKNOWN)):
        refused = run(swarm, f"--name on-{network} --network {network}", node)
        assert f"docker: {text}\n" in refused.stderr and refused.exit_code == 125
        assert status(swarm, f"on-{network}", node) == "Created"
    run(swarm, "--name box", node)
    assert swarm.docker("network connect app box", node).stderr.startswith(DENIED)
    assert swarm.docker("network connect --ip x att box", node).stderr.startswith(f"{DAEMON}invalid IPv4 address: x")
    assert held(swarm) == []


# ── the address goes back ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("command", ["stop box", "kill box", "rm -f box"])
def test_the_address_is_given_back_when_the_container_ends(swarm, command) -> None:
    run(swarm, "--name box --network att", "worker-2")
    swarm.docker(command, "worker-2")
    swarm.run_for(1)
    assert held(swarm) == [] and swarm.dig("box", "web.1").status == "NXDOMAIN"
    assert "att" not in swarm.docker("network ls", "worker-2").stdout


def test_a_container_that_is_started_again_has_a_new_address(swarm) -> None:
    run(swarm, "--name box --network att", "worker-2")
    before = address(swarm, "box", "worker-2")
    for _ in range(3):
        swarm.docker("restart -t 0 box", "worker-2")
    swarm.run_for(1)
    assert held(swarm) == [address(swarm, "box", "worker-2") + "/24"] != [f"{before}/24"]
    assert swarm.request("http://box/", source="web.1").task == "box"


@pytest.mark.parametrize("policy", ["no", "always"])
def test_after_a_crash_of_the_machine_the_old_address_goes_back(swarm, policy) -> None:
    run(swarm, f"--name box --network att --restart {policy}", "worker-2")
    swarm.crash("worker-2")
    swarm.run_for(20)
    swarm.restart("worker-2")
    swarm.run_for(20)
    now = address(swarm, "box", "worker-2")
    assert held(swarm) == ([f"{now}/24"] if policy == "always" else []) and bool(now) == (policy == "always")
    assert swarm.request("http://box/", source="web.1").ok == (policy == "always")


def test_who_leaves_the_swarm_loses_the_network(swarm) -> None:
    run(swarm, "--name box --network att", "worker-2")
    swarm.docker("swarm leave", "worker-2")
    assert not address(swarm, "box", "worker-2") and status(swarm, "box", "worker-2").startswith("Up")
    swarm.run_for(30)
    swarm.docker("node rm worker-2")
    swarm.run_for(5)
    assert held(swarm) == []


# ── when managers are away ───────────────────────────────────────────────────────────────────────────────────────


def test_without_a_leader_nobody_gives_an_address(swarm) -> None:
    run(swarm, "--name old --network att", "worker-2")
    swarm.crash("manager-1")
    swarm.crash("manager-2")
    swarm.run_for(20)
    refused = swarm.docker("run -d --name box --network att nginx", "worker-2", limit=40)
    assert NO_LEADER in refused.stderr or "context deadline exceeded" in refused.stderr
    assert status(swarm, "box", "worker-2") == "Created" and swarm.request("http://web/", source="old").ok
    swarm.docker("rm -f old", "worker-2")
    swarm.run_for(5)
    swarm.restart("manager-1")
    swarm.restart("manager-2")
    swarm.run_for(40)
    assert held(swarm) == [], "it was given back as soon as there was somebody to give it to"


def test_where_all_addresses_are_taken_it_is_given_up_after_20_seconds(swarm) -> None:
    swarm.docker("network create -d overlay --attachable --subnet 10.70.0.0/29 tiny")
    for name in ("aa", "bb", "cc", "dd"):
        assert run(swarm, f"--name {name} --network tiny", "worker-2").exit_code == 0
    begun = swarm.now
    refused = swarm.docker("run -d --name late --network tiny nginx", "worker-2", limit=60)
    assert TOO_LATE + "context deadline exceeded" in refused.stderr and 20 <= swarm.now - begun < 21
    swarm.run_for(1)
    store = swarm._core(swarm.leader, "manager").store
    assert sum(bool(task.spec.attachment) for task in store.all("task")) == 4, "what was in vain is forgotten"
    swarm.docker("rm -f aa", "worker-2")
    swarm.run_for(1)
    assert swarm.docker("start late", "worker-2").exit_code == 0


def test_two_answers_to_a_question_that_was_asked_twice_do_no_harm(swarm) -> None:
    """The way to the managers and back takes longer than it waits before it asks again."""
    for name in ("manager-1", "manager-2", "manager-3"):
        swarm.link("worker-2", name, latency=1.2)
    assert run(swarm, "--name box --network att", "worker-2").exit_code == 0
    swarm.run_for(15)
    assert held(swarm) == [address(swarm, "box", "worker-2") + "/24"]


def change_leaders(swarm: Cluster) -> None:
    laws = Laws(swarm)
    run(swarm, "--name box --network att", "worker-2")
    swarm.crash(swarm.leader)
    swarm.run_for(20)
    for number in range(3):
        run(swarm, f"--name more-{number} --network att", "worker-1")
        laws.look()
    assert len(set(held(swarm))) == 4


def test_a_new_leader_knows_what_is_taken(swarm) -> None:
    change_leaders(swarm)


def test_a_leader_that_forgets_it_is_found_by_the_laws(swarm, monkeypatch) -> None:
    honest = allocator._hold
    short = lambda memory, owner, ones: honest(memory, owner, ones if " " in owner else ())  # noqa: E731
    monkeypatch.setattr(allocator, "_hold", short)
    with pytest.raises(LawBroken):
        change_leaders(swarm)
