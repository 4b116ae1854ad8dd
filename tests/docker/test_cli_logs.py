"""`docker logs` and `docker service logs` [transcripts 09, 12, 13; docs: configure logging drivers]."""

import re

import pytest

from swarmlab import Cluster


@pytest.fixture(scope="module")
def begun() -> Cluster:
    cluster = Cluster(managers=1, workers=2, seed=3, messages=False)
    cluster.docker("service create -d --name web --replicas 3 nginx:alpine")
    cluster.run_for(10)
    return cluster


@pytest.fixture
def cluster(begun: Cluster) -> Cluster:
    return begun.fork()


def lines(result) -> list[str]:
    return sorted(result.stdout.splitlines())


def shapes(result) -> list[str]:
    return [re.sub(r"(?<=\.)[0-9a-z]{12}(?=@)", "ID", line) for line in lines(result)]


def by_slot(cluster: Cluster) -> dict[int, str]:
    hosts = {node.id: node.hostname for node in cluster.nodes}
    return {task.slot: hosts[task.node] for task in cluster.tasks}


def test_each_line_says_which_task_printed_it_and_where(cluster) -> None:
    result = cluster.docker("service logs web")
    where = by_slot(cluster)
    assert shapes(result) == [f"web.{n}.ID@{where[n]}    | serve nginx:alpine started" for n in (1, 2, 3)]
    assert result.stderr.count("notice on stderr") == 3 and result.exit_code == 0


def test_the_last_lines_are_counted_per_container_and_may_carry_their_time(cluster) -> None:
    found = lines(cluster.docker("service logs --tail 1 --timestamps web"))
    assert len(found) == 3 and all(re.match(r"2026-01-01T00:00:\d\d\.\d{9}Z web\.\d\.\w{12}@", line) for line in found)
    assert cluster.docker("service logs --tail 0 web").stdout == ""


def test_ids_whole_or_none_and_lines_raw(cluster) -> None:
    assert lines(cluster.docker("service logs --raw web")) == ["serve nginx:alpine started"] * 3
    assert lines(cluster.docker("service logs --no-task-ids web"))[0].startswith(f"web.1@{by_slot(cluster)[1]}    | ")
    task = next(task for task in cluster.tasks if task.slot == 2)
    assert f"web.2.{task.id}@" in cluster.docker("service logs --no-trunc web").stdout
    assert f"{task.service}.2.{task.id[:12]}@{task.node} " in cluster.docker("service logs --no-resolve web").stdout


def test_one_task_may_be_asked_for_and_old_lines_left_out(cluster) -> None:
    task = next(task for task in cluster.tasks if task.slot == 2)
    assert len(lines(cluster.docker(f"service logs {task.id}"))) == 1
    result = cluster.docker("service logs --since 1s web")
    assert (result.stdout, result.stderr, result.exit_code) == ("", "", 0)
    assert len(lines(cluster.docker("service logs --since 1m web"))) == 3


def test_what_is_neither_a_service_nor_a_task_has_no_lines(cluster) -> None:
    result = cluster.docker("service logs nosuch")
    assert (result.stderr, result.exit_code) == ("no such task or service: nosuch\n", 1)
    assert cluster.docker("logs nosuch").stderr == "Error response from daemon: No such container: nosuch\n"
    assert cluster.docker("service logs web", "worker-1").stderr.startswith("Error response from daemon: This node is")


def test_names_are_padded_to_the_widest_slot(cluster) -> None:
    cluster.docker("service scale -d web=10")
    cluster.run_for(5)
    result = cluster.docker("service logs --no-task-ids web")
    gaps = {len(line.split("|")[0]) - len(line.split("|")[0].rstrip()) for line in lines(result)}
    assert gaps == {4, 5}  # one blank more behind web.1 than behind web.10


def test_lines_of_a_node_that_is_gone_are_missing_and_this_is_said(cluster) -> None:
    cluster.crash("worker-1")
    result = cluster.docker("service logs web")  # the managers do not know yet
    node = next(node.id for node in cluster.nodes if node.machine == "worker-1")
    start = "error from daemon in stream: Error grabbing logs: rpc error: code = Unknown desc = warning: incomplete log stream."
    assert result.stderr.endswith(
        f"{start} some logs could not be retrieved for the following reasons: node {node} disconnected unexpectedly\n"
    )
    assert len(lines(result)) == 2 and result.exit_code == 1
    cluster.run_for(20)
    assert cluster.docker("service logs web").stderr.endswith(f"reasons: node {node} is not available\n")


def test_lines_stay_with_a_container_that_ended_and_go_when_it_is_removed(cluster) -> None:
    cluster.docker("run -d --name once alpine echo 'hello world'")
    cluster.run_for(2)
    assert cluster.docker("logs once").stdout == "hello world\n"
    cluster.docker("rm once")
    assert cluster.docker("logs once").exit_code == 1


def test_following_shows_what_is_printed_while_one_waits(cluster) -> None:
    cluster.docker("service create -d --name broken --restart-delay 2s acme/broken:1")
    result = cluster.docker("service logs -f broken", limit=20)
    assert result.exit_code == 130 and result.stderr.count("fatal: bad config") >= 3


def test_every_request_may_leave_a_line(cluster) -> None:
    cluster.docker("service update -d --publish-add 8080:80 web")
    cluster.run_for(20)
    before = len(lines(cluster.docker("service logs --raw web")))
    assert cluster.request("http://worker-2:8080/").ok
    assert len(lines(cluster.docker("service logs --raw web"))) == before + 1


# ── logging drivers ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_driver_that_ships_saves_the_lines_from_the_loss_of_the_node(cluster) -> None:
    cluster.docker("service create -d --name ship --log-driver gelf --log-opt gelf-address=udp://logs:12201 nginx")
    cluster.docker("service create -d --name keep --log-driver json-file nginx")
    cluster.run_for(5)
    (node,) = {line.node for line in cluster.shipped}
    assert [line.line for line in cluster.shipped] == ["notice on stderr", "serve nginx:latest started"]
    assert {(line.driver, line.options["gelf-address"]) for line in cluster.shipped} == {("gelf", "udp://logs:12201")}
    assert "serve" in cluster.docker("service logs ship").stdout  # the engine keeps a copy
    if node != "manager-1":
        cluster.crash(node)
        assert len(cluster.shipped) == 2


def test_the_driver_none_keeps_nothing_and_docker_says_so(cluster) -> None:
    cluster.docker("service create -d --name mute --constraint node.role==manager --log-driver none nginx")
    cluster.run_for(5)
    container = cluster.docker("ps -q --filter name=mute").stdout.strip()
    refused = cluster.docker(f"logs {container}")
    assert refused.stderr == "Error response from daemon: configured logging driver does not support reading\n"
    assert cluster.docker("service logs mute").stdout == ""
