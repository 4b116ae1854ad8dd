"""`docker swarm` on machines that are no swarm yet: what can be chosen, what is refused, what becomes of it."""

import pytest

from swarmlab import Cluster
from swarmlab.check.store_laws import faults
from swarmlab.messages import GetCluster, UpdateObject


def machines(number: int = 2) -> Cluster:
    return Cluster(machines=number, seed=4)


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        ("--cert-expiry 30m", "rpc error: code = InvalidArgument desc = minimum certificate expiry time is: 1h0m0s"),
        (
            "--dispatcher-heartbeat -1s",
            "rpc error: code = InvalidArgument desc = heartbeat time period cannot be a negative duration",
        ),
        ("--data-path-port 80", "Datapath port number is not in valid range (1024-49151) : 80"),
        ("--default-addr-pool 10.0.0.0/26", 'invalid CIDR: "10.0.0.0/26". Subnet size is too small for pool: 24'),
        (
            "--default-addr-pool 10.0.0.0/8 --default-addr-pool-mask-length 30",
            "subnet size is out of range: 30",
        ),
        (
            "--default-addr-pool fd00::/48",
            "invalid base pool fd00::/48: invalid CIDR address: fd00::/48",
        ),
    ],
)
def test_settings_that_are_refused_found_no_swarm(flags: str, text: str) -> None:
    cluster = machines()
    result = cluster.docker(f"swarm init {flags}", "node-1")
    assert (result.stderr, result.exit_code) == (f"Error response from daemon: {text}\n", 1)
    cluster.run_for(2)
    assert "Swarm: inactive" in cluster.docker("info", "node-1").stdout
    assert cluster.docker("swarm init", "node-1").exit_code == 0, "nothing is left of the attempt"


@pytest.mark.parametrize("size", [4, 20, 33, 8080])
def test_a_size_of_subnets_says_nothing_without_pools(size: int) -> None:
    """moby `validateDefaultAddrPool`: the size is not even looked at then."""
    cluster = machines()
    assert cluster.docker(f"swarm init --default-addr-pool-mask-length {size}", "node-1").exit_code == 0
    cluster.docker("network create -d overlay app")
    cluster.run_for(1)
    assert [network.subnet for network in cluster.networks if network.subnet] == ["10.0.0.0/24", "10.0.1.0/24"]


def test_settings_are_checked_when_a_swarm_is_made_anew_too() -> None:
    cluster = machines()
    cluster.docker("swarm init", "node-1")
    result = cluster.docker("swarm init --force-new-cluster --default-addr-pool fd00::/48", "node-1")
    assert result.stderr == "Error response from daemon: invalid base pool fd00::/48: invalid CIDR address: fd00::/48\n"


def test_several_pools_are_used_up_one_after_the_other() -> None:
    cluster = machines()
    cluster.docker("swarm init --default-addr-pool 10.20.0.0/23,10.30.0.0/16", "node-1")
    for n in range(3):
        cluster.docker(f"network create -d overlay n{n}")
    cluster.run_for(1)
    subnets = [network.subnet for network in cluster.networks if network.subnet]
    assert subnets == ["10.20.0.0/24", "10.20.1.0/24", "10.30.0.0/24", "10.30.1.0/24"]


def test_nodes_come_in_with_the_availability_that_was_asked_for() -> None:
    cluster = machines(3)
    cluster.docker("swarm init --availability drain", "node-1")
    token = cluster.docker("swarm join-token -q worker").stdout.strip()
    for name, availability in (("node-2", "pause"), ("node-3", "active")):
        line = f"swarm join --availability {availability} --token {token} 192.168.50.100:2377"
        assert cluster.docker(line, name).exit_code == 0
    assert [node.spec.availability for node in cluster.nodes] == ["drain", "pause", "active"]
    cluster.docker("service create -d --name web --replicas 3 nginx")
    cluster.run_for(5)
    names = {node.id: node.hostname for node in cluster.nodes}
    assert {names[task.node] for task in cluster.tasks} == {"node-3"}


def test_a_new_root_certificate_makes_the_old_tokens_worthless() -> None:
    cluster = machines()
    cluster.docker("swarm init", "node-1")
    old = cluster.docker("swarm join-token -q worker").stdout.strip()
    before = cluster.docker("swarm ca").stdout
    assert cluster.docker("swarm ca --rotate -d").stdout == ""
    assert cluster.docker("swarm ca").stdout == before  # until every node has a certificate of the new one
    cluster.run_for(5)
    assert cluster.docker("swarm ca").stdout != before
    refused = cluster.docker(f"swarm join --token {old} 192.168.50.100:2377", "node-2")
    assert refused.stderr.startswith("Error response from daemon: remote CA does not match fingerprint. Expected: ")
    new = cluster.docker("swarm join-token -q worker").stdout.strip()
    cluster.docker("swarm leave", "node-2")
    assert cluster.docker(f"swarm join --token {new} 192.168.50.100:2377", "node-2").exit_code == 0
    assert faults(cluster.store) == []


def test_the_key_of_autolock_comes_and_goes_with_it() -> None:
    cluster = machines()
    said = cluster.docker("swarm init --autolock", "node-1").stdout
    key = cluster.docker("swarm unlock-key -q").stdout
    assert key.startswith("SWMKEY-1-") and key.strip() in said
    assert cluster.docker("swarm unlock-key --rotate -q").stdout not in ("", key)
    cluster.docker("swarm update --autolock=false")
    assert cluster.docker("swarm unlock-key").stderr == "no unlock key is set\n"
    assert faults(cluster.store) == []


def test_a_shorter_history_is_kept_from_then_on() -> None:
    cluster = Cluster(managers=1, seed=4)
    cluster.docker("service create -d --name web nginx")
    cluster.docker("swarm update --task-history-limit 1")
    for _ in range(3):
        cluster.run_for(8)
        cluster.docker("service update -d --force web")
    cluster.run_for(8)
    assert len(cluster.tasks) == 1


def test_two_people_who_change_the_settings_at_once_do_not_overwrite_each_other() -> None:
    cluster = Cluster(managers=1, seed=4)
    ask = lambda request: cluster.call("manager-1", request, cluster.kernel.now + 10**7)  # noqa: E731
    seen = ask(GetCluster()).value
    assert ask(UpdateObject("cluster", seen.id, seen.version, seen._replace(task_history_limit=2))).error is None
    stale = ask(UpdateObject("cluster", seen.id, seen.version, seen._replace(task_history_limit=9)))
    assert stale.error == "rpc error: code = Unknown desc = update out of sequence"
    assert cluster.store.cluster.task_history_limit == 2
