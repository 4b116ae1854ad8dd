"""`docker swarm …`, `info`, `run`, `rm`, `network create`: what is asked of the engine, and what is printed."""

import re

import pytest
from fake_engine import FakeEngine
from recorded import entries

from swarmlab import messages as m
from swarmlab.docker.cli import execute
from swarmlab.effects import SECOND
from swarmlab.objects import ApiError, Cluster, Description, ManagerStatus, NetworkSpec, Node, PortConfig
from swarmlab.trust.papers import wanted
from swarmlab.trust.signing import new_root

ROOT = new_root(1, 1, 0)
TOKENS = Cluster("c" * 25, worker_token="SWMTKN-1-a-w", manager_token="SWMTKN-1-a-m", root=ROOT)


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


def test_init_passes_on_all_that_can_be_chosen_once_or_later() -> None:
    engine = manager({m.SwarmInit: m.InitAnswer("n", "t", "a"), m.GetUnlockKey: "SWMKEY-1-k"})
    line = """swarm init --autolock --availability Drain --cert-expiry 720h --data-path-port 4790 --max-snapshots 2
    --default-addr-pool 10.20.3.4/16,10.30.0.0/16 --default-addr-pool 10.40.0.0/16 --default-addr-pool-mask-length 26
    --external-ca protocol=cfssl,url=https://ca,x=y --snapshot-interval 500 --listen-addr eth0 --data-path-addr eth1"""
    result = execute(line.replace("\n", " "), engine)
    assert dict(engine.writes[0].options) == {
        "autolock": True,
        "availability": "drain",
        "certificate_expiry": 30 * 24 * 3600 * SECOND,
        "data_path_port": 4790,
        "keep_old_snapshots": 2,
        "address_pool": "10.20.0.0/16,10.30.0.0/16,10.40.0.0/16",
        "subnet_size": 26,
        "external_cas": (("cfssl", "https://ca", (("x", "y"),)),),
        "snapshot_interval": 500,
    }
    assert "\n    SWMKEY-1-k\n" in result.stdout


@pytest.mark.parametrize(
    ("flag", "value", "text"),
    [
        ("--default-addr-pool", "10.0.0.0/33", "invalid string being converted to CIDR: 10.0.0.0/33"),
        ("--default-addr-pool", "10.0.0.0", "invalid string being converted to CIDR: 10.0.0.0"),
        ("--listen-addr", "a:b", "invalid bind address format: a:b"),
        ("--listen-addr", "udp://a", "invalid proto, expected tcp: udp://a"),
        ("--external-ca", "x", "invalid field 'x' must be a key=value pair"),
        ("--external-ca", "protocol=x,url=y", "unrecognized external CA protocol x"),
        ("--external-ca", "protocol=cfssl", "the external-ca option needs a url= parameter"),
        ("--external-ca", "url=x", "the external-ca option needs a protocol= parameter"),
    ],
)
def test_values_that_cannot_be_read(flag: str, value: str, text: str) -> None:
    result = execute(["swarm", "init", flag, value], FakeEngine())
    assert result.stderr.startswith(
        f'invalid argument "{value}" for "{flag}" flag: {text}\n\nUsage:  docker swarm init'
    )


@pytest.mark.parametrize("command", ["swarm init", "swarm join --token T 10.77.0.11:2377"])
def test_a_node_comes_in_as_active_paused_or_drained(command: str) -> None:
    engine = FakeEngine()
    result = execute(f"{command} --availability away", engine)
    assert result.stderr == 'invalid availability "away", only active, pause and drain are supported\n'
    assert engine.writes == []


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


def test_update_changes_what_is_asked_and_without_a_flag_prints_its_help() -> None:
    engine = manager({m.GetCluster: TOKENS})
    assert execute("swarm update", engine).stdout.startswith("Usage:  docker swarm update [OPTIONS]\n")
    assert engine.writes == []
    assert execute("swarm update --task-history-limit 0 --dispatcher-heartbeat 9s", engine).stdout == "Swarm updated.\n"
    wish = TOKENS._replace(task_history_limit=0, heartbeat_period=9 * SECOND)
    assert engine.writes == [m.UpdateObject("cluster", "c" * 25, 0, wish)]


def test_autolock_and_its_key_print_as_recorded() -> None:
    entry = next(e for e in entries() if e.command == "docker swarm update --autolock=true")
    key = re.search(r"SWMKEY\S+", entry.output)[0]
    engine = manager({m.GetCluster: TOKENS, m.GetUnlockKey: key, m.RotateUnlockKey: key})
    assert execute("swarm update --autolock=true", engine).stdout == entry.output
    assert execute("swarm unlock-key", engine).stdout == recorded("docker swarm unlock-key")
    assert execute("swarm unlock-key -q", engine).stdout == f"{key}\n"
    assert execute("swarm unlock-key --rotate", engine).stderr == "cannot rotate because autolock is not turned on\n"
    locked = manager({m.GetCluster: TOKENS._replace(autolock=True), m.GetUnlockKey: key, m.RotateUnlockKey: key})
    lines = execute("swarm unlock-key --rotate", locked).stdout.splitlines()
    assert lines[:2] == ["Successfully rotated manager unlock key.", entry.output.splitlines()[1]]
    assert execute("swarm update --autolock", locked).stdout == "Swarm updated.\n"


def test_without_autolock_there_is_no_key_and_nothing_to_unlock() -> None:
    entry = next(e for e in entries() if e.command == "docker swarm unlock-key" and e.exit_code)
    engine = manager({m.GetCluster: TOKENS, m.GetUnlockKey: ""})
    assert execute("swarm unlock-key", engine).stderr == entry.output
    assert execute("swarm unlock", engine).stderr == "Error: swarm is not locked\n"
    engine.info = engine.info._replace(swarm="inactive")
    assert execute("swarm unlock", engine).stderr == "Error: This node is not part of a swarm\n"


def test_the_root_certificate_is_shown_and_replaced() -> None:
    engine = manager({m.GetCluster: TOKENS})
    engine.objects["node"] = [node._replace(tls=wanted(TOKENS)) for node in engine.objects["node"]]
    lines = execute("swarm ca", engine).stdout.splitlines()
    assert (lines[0], lines[-1]) == ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----")
    assert engine.writes == []
    lines = execute("swarm ca --rotate --cert-expiry 2h", engine).stdout.splitlines()
    assert [line.partition(":")[0] for line in lines[:4]] == [
        "desired root digest", "  rotated TLS certificates", "  rotated CA certificates", "desired root digest",
    ]  # fmt: skip
    assert engine.writes[0].spec == TOKENS._replace(force_rotate=1, certificate_expiry=7200 * SECOND)
    assert execute("swarm ca --rotate -d", engine).stdout == execute("swarm ca --rotate -q", engine).stdout == ""
    refused = execute("swarm ca --cert-expiry 3h", engine)
    assert refused.stderr == "`--cert-expiry` flag requires the `--rotate` flag to update the CA\n"


def test_info_says_where_the_machine_stands_in_lines_of_the_recording() -> None:
    engine = manager({m.GetCluster: TOKENS})
    engine.info = engine.info._replace(managers=(("n", "10.77.0.11:2377"),))
    lines = recorded("docker info").splitlines()
    ours = execute("info", engine).stdout.splitlines()
    different = [line for line in ours if line not in lines]
    told = {line.split(":")[0].strip() for line in different}
    assert {"Server Version", "NodeID", "ClusterID", "Managers", "Nodes"} < told
    assert not told & {"Swarm", "Is Manager", "Node Address", "Task History Retention Limit", "Expiry Duration"}


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
    assert " Swarm: inactive\n Runtimes" in execute("info", engine).stdout


def test_run_prints_the_id_of_the_container() -> None:
    engine = FakeEngine(script=lambda engine, request: "f" * 64 if isinstance(request, m.Run) else None)
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
