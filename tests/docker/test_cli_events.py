"""`docker events`, and what a machine keeps: volumes and images [transcripts 13, 17, 18; docker-api.md §7]."""

import json
import re

import pytest

from swarmlab import Cluster
from swarmlab.worker.volumes import ON_EVERY_MACHINE


@pytest.fixture(scope="module")
def begun() -> Cluster:
    cluster = Cluster(managers=1, workers=1, seed=3, messages=False)
    cluster.run_for(60)
    return cluster


@pytest.fixture
def cluster(begun: Cluster) -> Cluster:
    return begun.fork()


def told(cluster: Cluster, flags: str = "", node: str = "manager-1") -> list[str]:
    format = "--format '{{.Type}} {{.Action}} {{json .Actor.Attributes}}'"
    return cluster.docker(f"events --since 30s --until 0s {format} {flags}", node).stdout.splitlines()


def test_a_manager_tells_of_the_changes_of_the_swarm(cluster) -> None:
    cluster.docker("service create -d --name web --replicas 3 nginx")
    cluster.docker("service scale -d web=1")
    for availability in ("drain", "active"):
        cluster.docker(f"node update --availability {availability} worker-1")
    cluster.docker("node update --label-add a=b worker-1")
    cluster.docker("secret create s -", files={"-": "x"})
    cluster.docker("secret rm s")
    cluster.docker("network create -d overlay nn")
    cluster.run_for(1)
    cluster.docker("network rm nn")
    cluster.docker("service rm web")
    assert told(cluster, "--filter scope=swarm") == [
        'service create {"name":"web"}',
        'service update {"name":"web","replicas.new":"1","replicas.old":"3"}',
        'node update {"availability.new":"drain","availability.old":"active","name":"worker-1"}',
        'node update {"availability.new":"active","availability.old":"drain","name":"worker-1"}',
        'node update {"name":"worker-1"}',
        'secret create {"name":"s"}',
        'secret remove {"name":"s"}',
        'network create {"name":"nn"}',
        'network update {"name":"nn"}',
        'network remove {"name":"nn"}',
        'service remove {"name":"web"}',
    ]


def test_a_worker_tells_of_its_own_containers_only(cluster) -> None:
    cluster.docker("service create -d --name web --constraint node.role==worker nginx")
    cluster.run_for(5)
    assert told(cluster, "--filter scope=swarm", "worker-1") == []
    own = [line.partition(" {")[0] for line in told(cluster, "", "worker-1")]
    assert own == ["image pull", "container create", "container start"]
    (started,) = told(cluster, "--filter event=start", "worker-1")
    assert json.loads(started.partition("start ")[2])["com.docker.swarm.service.name"] == "web"


def test_a_line_has_time_kind_action_id_and_attributes(cluster) -> None:
    cluster.docker("volume create data")
    (line,) = cluster.docker("events --since 1m --until 0s --filter type=volume").stdout.splitlines()
    assert re.fullmatch(r"2026-01-01T00:01:\d\d\.\d{9}Z volume create data \(driver=local\)", line)
    (raw,) = cluster.docker("events --since 1m --until 0s --filter volume=data --format json").stdout.splitlines()
    event = json.loads(raw)
    assert list(event) == ["Type", "Action", "Actor", "scope", "time", "timeNano"] and event["scope"] == "local"
    assert event["timeNano"] // 10**9 == event["time"]


def test_a_window_of_time_is_shown_and_without_its_end_it_goes_on(cluster) -> None:
    cluster.docker("volume create old")
    cluster.run_for(10)
    cluster.docker("volume create new")
    assert [line.split()[3] for line in cluster.docker("events --since 5s --until 0s").stdout.splitlines()] == ["new"]
    assert [line.split()[3] for line in cluster.docker("events --since 1m --until 5s").stdout.splitlines()] == ["old"]
    cluster.docker("service create -d --name web --constraint node.role==manager nginx")
    result = cluster.docker("events --filter event=start", limit=5)
    assert result.exit_code == 130 and len(result.stdout.splitlines()) == 1
    assert cluster.docker("events --until 3s").stdout == ""


def test_only_the_last_events_are_kept(cluster) -> None:
    for n in range(150):
        cluster.docker(f"volume create v{n}")
        cluster.docker(f"volume rm v{n}")
    lines = cluster.docker("events --since 1h --until 0s --filter scope=local").stdout.splitlines()
    assert len(lines) == 256 and lines[-1].split()[2:4] == ["destroy", "v149"]


def test_unknown_filters_and_times_are_refused(cluster) -> None:
    cluster.docker("volume create x")
    assert cluster.docker("events --since 1m --until 0s --filter x=y").stderr == (
        "Error response from daemon: invalid filter 'x'\n"
    )
    assert cluster.docker("events --since yesterday --until 0s").exit_code == 1
    assert cluster.docker("events --until 0s --format '{{.'").exit_code == 64


# ── volumes ──────────────────────────────────────────────────────────────────────────────────────────────────────


def names(cluster: Cluster, node: str) -> list[str]:
    return cluster.docker("volume ls -q", node).stdout.split()


def test_a_volume_is_made_where_the_task_runs_and_follows_it_nowhere(cluster) -> None:
    cluster.docker(
        "service create -d --name db --constraint node.role==worker --mount type=volume,src=data,dst=/d postgres"
    )
    cluster.run_for(10)
    assert (names(cluster, "worker-1"), names(cluster, "manager-1")) == (["data"], [])
    cluster.docker("service update -d --constraint-rm node.role==worker --constraint-add node.role==manager db")
    cluster.run_for(30)
    assert (names(cluster, "worker-1"), names(cluster, "manager-1")) == (["data"], ["data"])
    cluster.docker("service rm db")
    cluster.run_for(10)
    assert names(cluster, "worker-1") == ["data"]
    assert cluster.docker("volume rm data", "worker-1").stdout == "data\n"


def test_a_volume_without_a_name_goes_with_its_task(cluster) -> None:
    cluster.docker("service create -d --name db --constraint node.role==worker --mount type=volume,dst=/d redis")
    cluster.run_for(5)
    (name,) = names(cluster, "worker-1")
    assert re.fullmatch("[0-9a-f]{64}", name)
    cluster.docker("service rm db")
    cluster.run_for(15)
    assert names(cluster, "worker-1") == []


def test_a_volume_that_a_container_has_stays_and_prune_takes_what_nobody_named(cluster) -> None:
    cluster.docker("run -d --name cache -v data:/d -v /e redis")
    refused = cluster.docker("volume rm data")
    assert refused.stderr.startswith("Error response from daemon: remove data: volume is in use - [")
    cluster.docker("rm -f cache")
    assert cluster.docker("volume prune").stdout.endswith("[y/N] ")
    assert len(cluster.docker("volume prune -f").stdout.splitlines()) == 4 and names(cluster, "manager-1") == ["data"]
    assert "data" in cluster.docker("volume prune -af").stdout and names(cluster, "manager-1") == []
    assert cluster.docker("volume rm data").stderr == "Error response from daemon: get data: no such volume\n"


@pytest.mark.parametrize(
    ("mount", "why"),
    [
        ("type=bind,src=/x,dst=/y", "bind source path does not exist: /x"),
        ("type=bind,src=relative,dst=/y", "invalid mount path: 'relative' mount path must be absolute"),
    ],
)
def test_a_folder_that_no_machine_has_rejects_the_task(cluster, mount, why) -> None:
    cluster.docker(f"service create -d --name web --mount {mount} nginx")
    cluster.run_for(5)
    row = cluster.docker("service ps --no-trunc web").rows[-1]
    assert row["CURRENT STATE"].startswith("Rejected") and why in row["ERROR"]


def test_folders_that_every_machine_has_can_be_mounted(cluster) -> None:
    assert "/var/run/docker.sock" in ON_EVERY_MACHINE
    binds = "--mount type=bind,src=/var/run/docker.sock,dst=/s --mount type=bind,src=/proc/1,dst=/p"
    cluster.docker(f"service create -d --name agent {binds} nginx")
    cluster.run_for(5)
    assert cluster.docker("service ls").rows[0]["REPLICAS"] == "1/1"


# ── images ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_images_are_pulled_listed_and_removed(cluster) -> None:
    assert cluster.docker("pull redis").stdout.splitlines()[0] == "Using default tag: latest"
    assert "Image is up to date" in cluster.docker("pull redis").stdout
    assert cluster.docker("pull nosuch/image").stderr.startswith("Error response from daemon: pull access denied")
    assert [(row["REPOSITORY"], row["TAG"], row["SIZE"]) for row in cluster.docker("images").rows] == [
        ("redis", "latest", "46MB")
    ]
    cluster.docker("run -d --name cache redis")
    assert "cannot be forced" in cluster.docker("rmi -f redis").stderr
    assert cluster.docker("system df").rows[0]["ACTIVE"] == "1"
    cluster.docker("rm -f cache")
    assert cluster.docker("rmi redis").stdout.startswith("Untagged: redis:latest\nDeleted: sha256:")
    assert cluster.docker("images").rows == ()
    assert cluster.docker("rmi redis").stderr == "Error response from daemon: No such image: redis:latest\n"


def test_prune_takes_what_is_not_used(cluster) -> None:
    cluster.docker("run -d --name done alpine true")
    cluster.docker("network create free")
    cluster.run_for(2)
    assert cluster.docker("system prune").stdout.endswith("[y/N] ") and len(cluster.docker("ps -a").rows) == 1
    text = cluster.docker("system prune -af").stdout
    assert "Deleted Containers:" in text and "Deleted Networks:\nfree" in text
    assert text.endswith("Total reclaimed space: 3.5MB\n") and cluster.docker("images").rows == ()
