"""`docker swarm …`, `info`, `run`, `rm`, `network create`: what is asked of the engine, and what is printed."""

import re

import pytest
from fake_engine import FakeEngine
from recorded import entries

from swarmlab import messages as m
from swarmlab.docker.cli import execute
from swarmlab.effects import SECOND
from swarmlab.objects import ApiError, Cluster, Description, ManagerStatus, NetworkSpec, Node, PortConfig

TOKENS = Cluster("c" * 25, worker_token="SWMTKN-1-a-w", manager_token="SWMTKN-1-a-m")


def recorded(command: str) -> str:
    return next(e for e in entries() if e.command == command and not e.exit_code).output


def manager(answer) -> FakeEngine:
    status = ManagerStatus("", "10.77.0.11:2377", True, "reachable")
    node = Node("n" * 25, description=Description(hostname="node1"), manager_status=status)
    return FakeEngine(node, script=lambda engine, request: answer.get(type(request)))


def test_init_prints_as_recorded() -> None:
    text = recorded("docker swarm init --advertise-addr 10.77.0.11")
    node, token = re.search(r"\((\w+)\)", text)[1], re.search(r"SWMTKN\S+", text)[0]
    engine = manager({m.SwarmInit: m.InitAnswer(node, token, "10.77.0.11:2377")})
    result = execute("swarm init --advertise-addr 10.77.0.11", engine)
    assert result.stdout == text.rstrip("\n") + "\n"
    assert engine.writes == [m.SwarmInit("10.77.0.11")]


def test_init_passes_on_the_settings_of_the_cluster() -> None:
    engine = manager({m.SwarmInit: m.InitAnswer("n", "t", "a")})
    execute("swarm init --task-history-limit 3 --dispatcher-heartbeat 10s --default-addr-pool 10.20.0.0/16", engine)
    assert dict(engine.writes[0].options) == {
        "task_history_limit": 3,
        "heartbeat_period": 10 * SECOND,
        "address_pool": "10.20.0.0/16",
    }


@pytest.mark.parametrize("role", ["worker", "manager"])
def test_join_prints_the_role_that_the_token_gave(role: str) -> None:
    engine = manager({m.SwarmJoin: role})
    result = execute("swarm join --token T 10.77.0.11:2377", engine)
    assert result.stdout == f"This node joined a swarm as a {role}.\n"
    assert engine.writes == [m.SwarmJoin("T", "10.77.0.11:2377")]


def test_leave() -> None:
    engine = FakeEngine()
    assert execute("swarm leave -f", engine).stdout == recorded("docker swarm leave")
    assert engine.writes == [m.SwarmLeave(True)]


@pytest.mark.parametrize(("role", "token"), [("worker", "SWMTKN-1-a-w"), ("manager", "SWMTKN-1-a-m")])
def test_join_token_prints_as_recorded(role: str, token: str) -> None:
    engine = manager({m.GetCluster: TOKENS, m.RotateToken: TOKENS})
    text = re.sub(r"SWMTKN\S+", token, recorded(f"docker swarm join-token {role}"))
    assert execute(f"swarm join-token {role}", engine).stdout == text.rstrip("\n") + "\n\n"
    assert execute(f"swarm join-token -q {role}", engine).stdout == f"{token}\n"
    assert engine.writes == []
    assert execute(f"swarm join-token --rotate -q {role}", engine).stdout == f"{token}\n"
    assert engine.writes == [m.RotateToken(role)]


def test_info_says_where_the_machine_stands_in_lines_of_the_recording() -> None:
    engine = manager({m.GetCluster: TOKENS})
    engine.info = engine.info._replace(managers=(("n", "10.77.0.11:2377"),))
    lines = recorded("docker info").splitlines()
    ours = execute("info", engine).stdout.splitlines()
    different = [line for line in ours if line not in lines]
    assert [line.split(":")[0].strip() for line in different] == [
        "Server Version", "NodeID", "ClusterID", "Managers", "Nodes",
    ]  # fmt: skip


def test_info_without_a_quorum_still_answers() -> None:
    entry = next(e for e in entries() if e.command.startswith("docker info 2>&1 | sed"))
    error = re.search(r"Error: (.*)", entry.output)[1]
    engine = manager({m.GetCluster: ApiError(error)})
    addresses = ("10.77.0.13:2377", "10.77.0.11:2377", "10.77.0.12:2377")
    engine.info = engine.info._replace(
        node="thi8rmft0rjp7id0rpps37hmm", address="10.77.0.12", managers=tuple(("", a) for a in addresses)
    )
    wanted = entry.output[: entry.output.index(" Runtimes")]
    assert wanted in execute("info", engine).stdout


def test_info_outside_a_swarm() -> None:
    engine = FakeEngine()
    engine.info = engine.info._replace(swarm="inactive", node="", manager=False)
    assert " Swarm: inactive\n OSType" in execute("info", engine).stdout


def test_run_prints_the_id_of_the_container() -> None:
    engine = FakeEngine(script=lambda engine, request: "f" * 64)
    result = execute("run -dp 8080:80 --name web nginx sh -c 'sleep 1'", engine)
    assert result.stdout == "f" * 64 + "\n"
    assert engine.writes == [m.Run("nginx", "web", ("sh", "-c", "sleep 1"), (PortConfig(80, 8080),))]


def test_run_ends_with_125_when_the_engine_refuses() -> None:
    result = execute("run -d nginx", FakeEngine(script=lambda engine, request: ApiError("boom text")))
    assert (
        result.stderr
        == "docker: Error response from daemon: boom text\n\nRun 'docker run --help' for more information\n"
    )
    assert result.exit_code == 125


def test_run_in_the_foreground_is_not_there_and_says_so() -> None:
    engine = FakeEngine()
    result = execute("run nginx", engine)
    assert "in the background" in result.stderr
    assert (result.exit_code, engine.writes) == (125, [])


def test_rm_echoes_each_name() -> None:
    engine = FakeEngine(script=lambda engine, request: True)
    assert execute("rm -f a b", engine).stdout == "a\nb\n"
    assert engine.writes == [m.RemoveContainer("a", True), m.RemoveContainer("b", True)]


def test_network_create_asks_for_what_was_recorded() -> None:
    engine = FakeEngine()
    line = "network create -d overlay --attachable --subnet 10.50.0.0/24 --gateway 10.50.0.1 --label env=dev --opt encrypted= att"
    result = execute(line, engine)
    assert result.exit_code == 0
    assert engine.writes[0].spec == NetworkSpec(
        "att", {"env": "dev"}, options={"encrypted": ""}, attachable=True, subnets=(("10.50.0.0/24", "10.50.0.1", ""),)
    )
    execute("network create br1", engine)
    assert (engine.writes[1].spec.driver, engine.writes[1].spec.scope) == ("bridge", "local")


def test_ps_shows_running_containers_unless_asked_for_all() -> None:
    asked = []
    engine = FakeEngine(script=lambda engine, request: asked.append(request))
    execute("ps", engine)
    execute("ps -a", engine)
    execute("ps --filter status=exited", engine)
    assert asked == [m.ListContainers(False), m.ListContainers(True), m.ListContainers(True)]


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        ("--gateway 1.2.3.4", "every ip-range or gateway must have a corresponding subnet"),
        ("--subnet 1.2.3.0/24 --gateway 9.9.9.9", "no matching subnet for gateway 9.9.9.9"),
        ("--subnet 10.1.0.0/16 --gateway x", "no matching subnet for gateway x"),
    ],
)
def test_a_gateway_must_lie_in_a_subnet(flags: str, error: str) -> None:
    engine = FakeEngine()
    result = execute(f"network create -d overlay {flags} n", engine)
    assert (result.stderr, result.exit_code, engine.writes) == (f"{error}\n", 1, [])


def test_gateways_find_their_subnets() -> None:
    engine = FakeEngine()
    execute("network create -d overlay --gateway 10.2.0.1,10.1.0.1 --subnet 10.1.0.0/24 --subnet 10.2.0.0/24 n", engine)
    assert engine.writes[0].spec.subnets == (("10.1.0.0/24", "10.1.0.1", ""), ("10.2.0.0/24", "10.2.0.1", ""))
