"""Plain containers and the bridges of one machine [docs: docker container run, bridge network driver; transcript 14]."""

import re

import pytest

from swarmlab import Cluster

DAEMON = "Error response from daemon: "


@pytest.fixture(scope="module")
def begun() -> Cluster:
    cluster = Cluster(machines=2, seed=3, messages=False)
    for node in cluster.machines:
        if node.startswith("node"):
            for image in ("nginx", "alpine"):
                cluster.docker(f"pull {image}", node)
    return cluster


@pytest.fixture
def bare(begun: Cluster) -> Cluster:
    return begun.fork()


def run(cluster: Cluster, rest: str, node: str = "node-1") -> str:
    result = cluster.docker(f"run -d {rest}", node)
    assert result.exit_code == 0, result.stderr
    return result.stdout.strip()


def status(cluster: Cluster, name: str) -> str:
    rows = cluster.docker(f"ps -a --filter name={name}").rows
    return rows[0]["STATUS"] if rows else ""


# ── bridges ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_names_are_known_on_bridges_that_people_made(bare) -> None:
    bare.docker("network create br1")
    run(bare, "--name web --network br1 --network-alias www nginx")
    id = run(bare, "--name db --network br1 nginx")
    assert bare.resolve("db", "web") == bare.resolve(id[:12], "web") == ("172.18.0.3",)
    assert bare.resolve("www", "db") == ("172.18.0.2",)
    assert bare.request("http://web/", source="db").node == "node-1"


def test_on_the_default_bridge_only_addresses_lead_anywhere(bare) -> None:
    run(bare, "--name web nginx")
    run(bare, "--name db nginx")
    assert bare.resolve("web", "db") == ()
    assert bare.request("http://web/", source="db").error == "could not resolve host: web"
    assert bare.request("http://172.17.0.2/", source="db").ok


def test_a_bridge_ends_at_its_machine(bare) -> None:
    for node in ("node-1", "node-2"):
        bare.docker("network create br1", node)
    run(bare, "--name web --network br1 nginx", "node-1")
    run(bare, "--name db --network br1 nginx", "node-2")
    assert bare.request("http://web/", source="db").error == "could not resolve host: web"
    assert bare.request("http://172.18.0.9/", source="db").error == "no route to host"


def test_the_same_name_on_two_machines_needs_the_machine(bare) -> None:
    for node in ("node-1", "node-2"):
        run(bare, "--name web nginx", node)
    with pytest.raises(ValueError, match="several containers are called web: say which, as in web@node-1"):
        bare.resolve("web", "web")
    assert bare.request("http://172.17.0.2/", source="web@node-2").node == "node-2"
    with pytest.raises(ValueError, match="no running task nosuch, and no running container of this name"):
        bare.resolve("web", "nosuch")


def test_two_bridges_are_kept_apart_until_a_container_is_on_both(bare) -> None:
    for name in ("front", "back"):
        bare.docker(f"network create {name}")
    run(bare, "--name web --network front nginx")
    run(bare, "--name db --network back nginx")
    assert bare.resolve("db", "web") == ()
    assert bare.docker("network connect --alias api back web").exit_code == 0
    assert bare.resolve("db", "web") == ("172.19.0.2",) and bare.resolve("api", "db") == ("172.19.0.3",)
    again = bare.docker("network connect back web")
    assert again.stderr == f"{DAEMON}endpoint with name web already exists in network back\n"
    assert bare.docker("network disconnect back web").exit_code == 0
    assert bare.resolve("db", "web") == ()
    assert "is not connected to network back" in bare.docker("network disconnect back web").stderr


def test_a_bridge_with_running_containers_stays_and_prune_leaves_it(bare) -> None:
    bare.docker("network create used")
    bare.docker("network create free")
    run(bare, "--name web --network used nginx")
    assert re.search("network used id [0-9a-f]{64} has active endpoints", bare.docker("network rm used").stderr)
    assert bare.docker("network prune").stdout.endswith("Are you sure you want to continue? [y/N] ")
    assert bare.docker("network prune -f").stdout == "Deleted Networks:\nfree\n\n"
    bare.docker("stop web")
    assert bare.docker("network rm used").stdout == "used\n"


def test_subnets_are_those_that_are_free_or_asked_for(bare) -> None:
    bare.docker("network create --subnet 10.9.0.0/24 mine")
    run(bare, "--name web --network mine nginx")
    run(bare, "--name db --network mine nginx")
    assert bare.resolve("db", "web") == ("10.9.0.3",)
    clash = bare.docker("network create --subnet 10.9.0.0/16 other")
    assert clash.stderr == f"{DAEMON}Pool overlaps with other one on this address space\n"
    assert "invalid subnet" in bare.docker("network create --subnet x bad").stderr


def test_an_address_is_free_again_when_its_container_stops(bare) -> None:
    bare.docker("network create br1")
    run(bare, "--name one --network br1 nginx")
    run(bare, "--name two --network br1 nginx")
    bare.docker("stop one")
    run(bare, "--name three --network br1 nginx")
    assert bare.resolve("three", "two") == ("172.18.0.2",) and bare.resolve("one", "two") == ()
    bare.docker("start one")
    assert bare.resolve("one", "two") == ("172.18.0.4",)


def test_in_a_swarm_the_next_bridge_leaves_room_for_docker_gwbridge(bare) -> None:
    bare.docker("swarm init")
    bare.docker("network create br1")
    run(bare, "--name web --network br1 nginx")
    assert bare.resolve("web", "web") == ("172.19.0.2",)


def test_on_the_network_of_the_machine_ports_are_those_of_the_machine(bare) -> None:
    run(bare, "--name first --network host nginx")
    assert bare.request("http://node-1/").ok and bare.resolve("first", "first") == ()
    run(bare, "--name second --network host nginx")
    bare.run_for(1)
    assert status(bare, "second").startswith("Exited (1) ")
    assert bare.docker("logs second").stderr == "bind() to 0.0.0.0:80 failed (98: Address already in use)\n"
    assert bare.request("http://node-1/").ok
    refused = bare.docker("network connect host first")
    assert "connected to host network" in refused.stderr and refused.exit_code == 1


def test_a_published_port_belongs_to_one_container(bare) -> None:
    run(bare, "--name web -p 8080:80 nginx")
    result = bare.docker("run -d --name late -p 8080:80 nginx")
    assert "Bind for 0.0.0.0:8080 failed: port is already allocated" in result.stderr and result.exit_code == 125
    assert status(bare, "late") == "Created" and bare.request("http://node-1:8080/").ok
    bare.docker("stop web")
    assert bare.docker("start late").exit_code == 0 and bare.request("http://node-1:8080/").ok


def test_without_a_network_nothing_is_reached(bare) -> None:
    run(bare, "--name alone --network none nginx")
    run(bare, "--name web nginx")
    assert bare.request("http://172.17.0.2/", source="alone").error == "no route to host"
    assert bare.docker("run -d --network nosuch nginx").stderr.startswith(f"docker: {DAEMON}network nosuch not found\n")


def test_an_overlay_must_be_made_for_plain_containers(bare) -> None:
    bare.docker("swarm init")
    bare.docker("network create -d overlay app")
    refused = bare.docker("run -d --network app nginx")
    why = "rpc error: code = PermissionDenied desc = network app not manually attachable"
    assert f"Could not attach to network app: {why}" in refused.stderr and refused.exit_code == 125
    bare.docker("network create -d overlay --attachable att")
    bare.run_for(1)
    assert bare.docker("run -d --network att nginx").exit_code == 0
    assert [row["STATUS"].split()[0] for row in bare.docker("ps -a").rows] == ["Up", "Created"]


@pytest.mark.parametrize(
    ("command", "lines"),
    [
        ("ps --format raw", ["state: running", "names: web", "labels:", "ports:", ""]),
        ("images --format raw", ["repository: nginx", "tag: latest", "created_at: N/A", ""]),
        ("volume ls --format raw", ["name: data", "driver: local", ""]),
        ("network ls -q --format raw", []),
        ("images -q --format raw", []),
        ("secret ls --format raw", ["raw"]),
    ],
)
def test_raw_is_a_format_of_most_lists_and_a_word_like_others_to_those_of_secrets_and_configs(
    bare, command, lines
) -> None:
    """[docker/cli formatter: RawFormatKey]"""
    bare.docker("swarm init")
    bare.docker("volume create data")
    bare.docker("secret create s s.txt", files={"s.txt": "x"})
    run(bare, "--name web nginx")
    bare.run_for(1)
    shown = bare.docker(command).stdout.split("\n")[:-1]
    assert [line for line in lines if line not in shown] == []
    assert "-q" not in command or all(re.fullmatch(r"(network|image)_id: [0-9a-z]{12}", line) for line in shown)


# ── stop, start, kill, restart ───────────────────────────────────────────────────────────────────────────────────


def test_a_container_is_stopped_started_and_killed(bare) -> None:
    run(bare, "--name web nginx")
    assert bare.docker("stop web").stdout == "web\n" and status(bare, "web").startswith("Exited (0) ")
    assert bare.docker("stop web").exit_code == 0
    assert bare.docker("start web").stdout == "web\n" and status(bare, "web").startswith("Up ")
    assert bare.docker("kill web").stdout == "web\n" and status(bare, "web").startswith("Exited (137) ")
    assert "is not running" in bare.docker("kill web").stderr
    assert bare.docker("restart web").exit_code == 0 and status(bare, "web").startswith("Up ")
    assert bare.docker("kill -s FOO web").stderr == f"{DAEMON}Invalid signal: FOO\n"
    assert bare.docker("kill -s TERM web").exit_code == 0
    bare.run_for(1)
    assert status(bare, "web").startswith("Exited (0) ")


def test_what_ignores_the_signal_is_killed_after_ten_seconds_or_sooner(bare) -> None:
    run(bare, "--name hang acme/hang")
    before = bare.now
    bare.docker("stop hang")
    assert bare.now - before == pytest.approx(10) and status(bare, "hang").startswith("Exited (137) ")
    bare.docker("start hang")
    before = bare.now
    bare.docker("stop -t 3 hang")
    assert bare.now - before == pytest.approx(3)


def test_an_old_end_does_not_end_a_new_life(bare) -> None:
    run(bare, "--name nap alpine sleep 10")
    bare.run_for(5)
    bare.docker("kill nap")
    bare.docker("start nap")
    bare.run_for(8)
    assert status(bare, "nap").startswith("Up ")
    bare.run_for(3)
    assert status(bare, "nap").startswith("Exited (0) ")


def test_rm_removes_itself_and_its_name_is_free(bare) -> None:
    run(bare, "--rm --name tmp alpine sleep 1")
    bare.run_for(3)
    assert status(bare, "tmp") == ""
    run(bare, "--rm --name tmp alpine sleep 1")


def test_restart_policies_of_the_engine(bare) -> None:
    run(bare, "--name always --restart always alpine sleep 1")
    run(bare, "--name thrice --restart on-failure:3 alpine false")
    run(bare, "--name fine --restart on-failure alpine true")
    bare.run_for(30)
    starts = [record.fact.container for record in bare.trace if type(record.fact).__name__ == "ContainerStarted"]
    counts = sorted(starts.count(id) for id in dict.fromkeys(starts))
    assert counts[:2] == [1, 4] and counts[2] > 4
    assert bare.docker("stop always").exit_code == 0
    bare.run_for(120)
    assert status(bare, "always").startswith("Exited ")
    bare.docker("start always")
    bare.crash("node-1")
    bare.restart("node-1")
    bare.run_for(1)
    assert status(bare, "always").startswith(("Up ", "Restarting"))
    assert "cannot specify both --restart and --rm" in bare.docker("run -d --rm --restart always nginx").stderr


def test_an_image_that_is_missing_is_pulled_and_said_so(bare) -> None:
    first = bare.docker("run -d redis:7")
    lines = first.stderr.splitlines()
    assert lines[0] == "Unable to find image 'redis:7' locally" and lines[1] == "7: Pulling from library/redis"
    assert lines[3] == "Status: Downloaded newer image for redis:7" and len(first.stdout) == 65
    assert bare.docker("run -d redis:7").stderr == ""
    missing = bare.docker("run -d nosuch/image")
    assert missing.exit_code == 125 and "pull access denied for nosuch/image" in missing.stderr


def test_filters_of_ps(bare) -> None:
    run(bare, "--name web -p 8080:80 -l tier=front nginx")
    run(bare, "--name job alpine false")
    bare.run_for(1)
    names = lambda filters: [row["NAMES"] for row in bare.docker(f"ps -a {filters}").rows]  # noqa: E731
    assert names("--filter label=tier=front") == names("--filter publish=8080") == ["web"]
    assert names("--filter exited=1") == names("--filter since=web") == ["job"]
    assert names("--filter network=bridge --filter ancestor=nginx") == ["web"]
    assert names("--filter exited=1 --filter exited=0") == ["job"], "one of several values is enough"
    assert names("--filter name=web --filter name=job") == ["job", "web"]
    assert names("--filter network=nosuch") == names("--filter publish=80") == []
    assert bare.docker("ps --filter before=job -q").stdout == bare.docker("ps --filter name=web -q").stdout


@pytest.mark.parametrize(
    ("filter", "why"),
    [
        ("nosuch=1", "Invalid filter 'nosuch'"),
        ("status=foo", "Invalid filter 'status=foo'"),
        ("health=x", "Invalid filter 'health=x'"),
        ("exited=x", 'strconv.Atoi: parsing "x": invalid syntax'),
        ("before=nosuch", "No such container: nosuch"),
    ],
)
def test_a_filter_is_refused_even_where_there_is_nothing_to_filter(bare, filter, why) -> None:
    assert bare.docker(f"ps --filter {filter}").stderr == f"Error response from daemon: {why}\n"


# ── containers of tasks ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("command", "state", "error"),
    [
        ("kill", "Failed", "task: non-zero exit (137)"),
        ("rm -f", "Failed", "task: non-zero exit (137)"),
        ("stop", "Complete", ""),
    ],
)
def test_the_swarm_replaces_what_somebody_ends_by_hand(bare, command, state, error) -> None:
    bare.docker("swarm init")
    bare.docker("service create -d --name web nginx")
    bare.run_for(5)
    container = bare.docker("ps -q --filter name=web").stdout.strip()
    assert bare.docker(f"{command} {container}").stdout.strip() == container
    bare.run_for(8)
    new, old = bare.docker("service ps --no-trunc web").rows
    assert new["CURRENT STATE"].startswith("Running") and old["CURRENT STATE"].startswith(state)
    assert old["ERROR"].strip('"') == error


@pytest.mark.parametrize("name", ["a b", "q", "-x", ".x", "é1", "/"])
def test_names_that_no_container_may_have(bare, name: str) -> None:
    refused = bare.docker(f"run -d --name={name!r} nginx", "node-1")
    why = f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
    assert (refused.exit_code, refused.stdout) == (125, "") and why in refused.stderr
    assert bare.docker("run -d --name /web1 nginx", "node-1").exit_code == 0
    assert [row["NAMES"] for row in bare.docker("ps", "node-1").rows] == ["web1"]


def test_less_than_no_time_to_stop_is_for_ever(bare) -> None:
    bare.docker("run -d --name web1 nginx", "node-1")
    bare.docker("run -d --name loop alpine sleep 1000", "node-1")
    assert bare.docker("stop -t -1 web1", "node-1").exit_code == 0
    assert bare.docker("ps -a --filter name=web1 --format '{{.Status}}'", "node-1").stdout.startswith("Exited (0)")
    assert bare.docker("stop -t -1 loop", "node-1", limit=60).exit_code == 130
