"""Odd options of networks, as a keyboard brings them: nothing breaks, and what Docker heeds is heeded [issue 5 §6]."""

import pytest

from swarmlab import Cluster

VNI, MTU = "com.docker.network.driver.overlay.vxlanid_list", "com.docker.network.driver.mtu"


@pytest.fixture(scope="module")
def fresh():
    return Cluster(managers=1, workers=1, seed=1)


def with_options(fresh, *options):
    """A swarm with networks n0, n1 … that have one option each, and a service on each."""
    cluster = fresh.fork()
    for number, option in enumerate(options):
        cluster.docker(f"network create -d overlay --opt {option} n{number}")
        cluster.docker(f"service create -d --name s{number} --network n{number} nginx")
    cluster.run_for(5)
    return cluster


def test_a_vni_that_is_none_keeps_the_network_unallocated_and_all_others_go_on(fresh):
    """moby: ovmanager.go, overlayutils.AppendVNIList."""
    odd = ("abc", "²", "", "0", "-1", "16777216", "9" * 5000, "5000,abc", "5000,")
    cluster = with_options(fresh, *(f"{VNI}={one}" for one in odd), f"{VNI}=5000,5001", f"{VNI}=7", f"{VNI}=16777215")
    numbers = [one.vni for one in cluster.networks if one.spec.name.startswith("n")]
    assert numbers == [0] * len(odd) + [5000, 7, 16777215]
    assert sorted(task.service for task in cluster.running) == ["s10", "s11", "s9"]


def known(cluster, network):
    """What the machine on which its task runs knows of it."""
    one = next(one for one in cluster.networks if one.spec.name == network)
    machine = next(task.machine for task in cluster.running if task.service == network.replace("n", "s"))
    return cluster._core(machine, "mesh").tables.networks[one.id]


def test_an_mtu_that_is_none_leaves_that_of_the_link(fresh):
    odd = ("abc", "²", "", "-5", "40", "1.5e3", "9" * 5000)
    cluster = with_options(fresh, *(f"{MTU}={one}" for one in odd), f"{MTU}=9000")
    assert [known(cluster, f"n{number}").mtu for number in range(len(odd) + 1)] == [1500] * len(odd) + [9000]


def test_a_network_is_encrypted_whatever_the_option_is_set_to(fresh):
    """moby: ov_network.go looks only whether the option is there."""
    cluster = with_options(fresh, "encrypted", "encrypted=true", "encrypted=false", "other=encrypted")
    assert [known(cluster, f"n{number}").encrypted for number in range(4)] == [True, True, True, False]


def test_a_node_that_leaves_forgets_all_networks_and_keys_and_gets_them_again_when_it_is_back(fresh):
    cluster = fresh.fork()
    cluster.docker("service create -d --name web -p 8080:80 --constraint node.role==manager nginx")
    cluster.run_for(5)
    tables = cluster._core("worker-1", "mesh").tables
    assert cluster.request("http://worker-1:8080/").ok and len(tables.keys) == 3
    cluster.docker("swarm leave", "worker-1")
    cluster.run_for(1)
    assert not (tables.networks or tables.keys or tables.services.rows)
    assert cluster.request("http://worker-1:8080/").error == "connection refused"
    token = cluster.docker("swarm join-token -q worker").stdout.strip()
    cluster.docker(f"swarm join --token {token} {cluster.computers['manager-1'].address}:2377", "worker-1")
    cluster.run_for(10)
    assert cluster.request("http://worker-1:8080/").ok and len(cluster._core("worker-1", "mesh").tables.keys) == 3


def test_a_name_means_more_than_the_beginning_of_the_id_of_another_network(fresh):
    """moby: daemon/network.go, FindNetwork: full id, then name, then the beginning of an id."""
    cluster = fresh.fork()
    bridge = next(row for row in cluster.docker("network ls").rows if row["NAME"] == "bridge")
    name = bridge["NETWORK ID"][:2]
    cluster.docker(f"network create -d overlay {name}")
    cluster.docker("run -d --name plain nginx")  # so the bridge is in use
    assert cluster.docker(f"service create -d --name web --network {name} nginx").exit_code == 0
    assert "not manually attachable" in cluster.docker(f"run -d --network {name} nginx").stderr
    cluster.docker("service rm web")
    cluster.run_for(5)
    assert cluster.docker(f"network rm {name}").stdout == f"{name}\n"
    assert cluster.docker(f"network rm {name}").stderr.startswith(
        "Error response from daemon: bridge is a pre-defined network"
    )


@pytest.mark.parametrize("command", ["--scope foo x", "-d overlay --scope global x"])
def test_a_scope_that_is_none_is_refused(fresh, command):
    refused = fresh.fork().docker(f"network create {command}")
    assert refused.stderr.startswith("a network's scope is local or swarm here, not ") and refused.exit_code == 1


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("-d overlay lan", "network with name lan already exists"),
        ("-d overlay docker_gwbridge", "network with name docker_gwbridge already exists"),
        ("-d overlay --scope local x", "cannot downgrade network scope for overlay networks"),
        ("--ingress x", "Ingress network can only be global scope network"),
    ],
)
def test_a_network_that_cannot_be_is_refused(fresh, command, why):
    """moby: libnetwork/controller.go, NewNetwork."""
    cluster = fresh.fork()
    cluster.docker("network create lan")
    before = cluster.docker("network ls").stdout
    assert cluster.docker(f"network create {command}").stderr == f"Error response from daemon: {why}\n"
    assert cluster.docker("network ls").stdout == before
