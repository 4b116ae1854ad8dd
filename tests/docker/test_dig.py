"""`dig` typed in a container: as it prints, and what it finds [swarm.md §17, networking.md §1.5]."""

import pytest

from swarmlab import Cluster

PRINTED = """
; <<>> DiG 9.18.28 <<>> web
;; global options: +cmd
;; Got answer:
;; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: {id}
;; flags: qr rd ra; QUERY: 1, ANSWER: 1, AUTHORITY: 0, ADDITIONAL: 0

;; QUESTION SECTION:
;web.				IN	A

;; ANSWER SECTION:
web.			600	IN	A	10.0.1.2

;; Query time: 0 msec
;; SERVER: 127.0.0.11#53(127.0.0.11) (UDP)
;; WHEN: Thu Jan 01 00:00:15 UTC 2026
;; MSG SIZE  rcvd: 40"""


@pytest.fixture(scope="module")
def grown():
    cluster = Cluster(managers=1, workers=2, seed=3)
    for name in ("front", "back"):
        cluster.docker(f"network create -d overlay {name}")
    cluster.docker("service create -d --name web --network front --replicas 3 nginx")
    cluster.docker(
        "service create -d --name rr --network front --network back --endpoint-mode dnsrr --replicas 4 nginx"
    )
    cluster.docker("service create -d --name alone --network back nginx")
    cluster.docker("network create lan", "worker-1")
    for command in ("--name db --network lan redis", "--name app --network lan nginx", "--name odd nginx"):
        cluster.docker(f"run -d {command}", "worker-1")
    cluster.run_until(lambda c: False, limit=15 - cluster.now)
    return cluster


@pytest.fixture
def cluster(grown):
    return grown.fork()


def test_it_prints_as_dig_prints(cluster):
    found = cluster.dig("web", "web.1")
    assert repr(found) == str(found) == PRINTED.format(id=found.number)
    assert (found.addresses, found.status, found.short) == (("10.0.1.2",), "NOERROR", "10.0.1.2")


def test_long_names_keep_the_columns_one_tab_apart(cluster):
    name = f"web.1.{next(one.id for one in cluster.running if one.service == 'web' and one.slot == 1)}"
    (line,) = (line for line in cluster.dig(name, "rr.1").text.splitlines() if line.startswith("web.1"))
    assert line.split("\t") == [f"{name}.", "600", "IN", "A", "10.0.1.3"]


def test_a_name_is_known_only_in_networks_that_are_shared(cluster):
    assert cluster.dig("web", "alone.1").status == "NXDOMAIN"
    assert cluster.dig("web", "rr.1").addresses == ("10.0.1.2",)
    assert cluster.dig("rr.front", "alone.1").status == "NXDOMAIN" != cluster.dig("rr.back", "alone.1").status


def test_dnsrr_gives_all_addresses_in_another_order_each_time(cluster):
    seen = [cluster.dig("rr", "web.1").addresses for _ in range(8)]
    assert len(set(seen)) > 1 and len({frozenset(one) for one in seen}) == 1 and len(seen[0]) == 4


def test_names_of_containers_are_known_on_a_bridge_that_somebody_made_only(cluster):
    assert cluster.dig("db", "app").addresses == ("172.19.0.2",)
    assert cluster.dig("odd", "app").status == "NXDOMAIN"
    lost = cluster.dig("db", "odd@worker-1")
    assert lost.status == "NXDOMAIN" and ";; SERVER: 192.0.2.53#53(192.0.2.53) (UDP)" in lost.text


def test_the_name_of_an_address(cluster):
    assert cluster.dig("-x 10.0.1.3", "rr.2").names[0].endswith(".front.")
    assert cluster.dig("-x 10.0.1.3", "rr.2").command == "-x 10.0.1.3"


@pytest.mark.parametrize("length", [64, 300])
def test_a_name_that_no_packet_can_carry_is_no_answer(cluster, length):
    """moby: resolver.go, serveDNS: an answer that cannot be written is a failure."""
    cluster.docker(f"run -d --name {'x' * length} --network lan nginx", "worker-1")
    found = cluster.dig("-x 172.19.0.4", "db")
    assert found.status == "SERVFAIL" and "status: SERVFAIL" in str(found)


def test_outside_names_take_their_time_and_fail_without_a_way_out(cluster):
    before = cluster.now
    assert cluster.dig("example.com", "web.1").addresses == ("198.51.100.10",) and cluster.now == before + 0.014
    machine = next(one.machine for one in cluster.running if (one.service, one.slot) == ("web", 1))
    cluster.link(machine, "registry", loss=1)
    before = cluster.now
    failed = cluster.dig("example.com", "web.1")
    assert (failed.status, cluster.now) == ("SERVFAIL", before + 4)
    assert ";; flags: qr rd; QUERY: 1" in failed.text and ";; Query time: 4000 msec" in failed.text
    assert cluster.dig("web", "web.1").addresses == ("10.0.1.2",)  # the swarm's own names need nobody outside


def test_on_internal_networks_nobody_outside_can_be_asked_or_reached(cluster):
    """moby: a container on these alone has no gateway; one network of another kind gives it one."""
    cluster.docker("network create -d overlay --internal vault")
    cluster.docker("network create --internal cellar", "worker-1")
    cluster.docker("service create -d --name shut --network vault nginx")
    cluster.docker("service create -d --name ajar --network vault --network front nginx")
    for name, network in (("wine", "cellar"), ("monk", "none")):
        cluster.docker(f"run -d --name {name} --network {network} nginx", "worker-1")
    cluster.run_for(5)
    found = {name: cluster.dig("example.com", name) for name in ("shut.1", "wine", "monk", "ajar.1")}
    assert [one.status for one in found.values()] == ["SERVFAIL"] * 3 + ["NOERROR"]
    assert found["shut.1"].reply.took == 0  # it is known at once
    assert cluster.dig("ajar", "shut.1").status == "NOERROR" and cluster.request("http://ajar/", source="shut.1").ok
    reached = [cluster.request("http://worker-2/", source=name).error for name in ("shut.1", "wine", "ajar.1")]
    assert reached == ["no route to host", "no route to host", "connection refused"]


def test_machines_are_known_by_name_outside(cluster):
    found = cluster.dig("worker-2", "web.1")
    assert found.addresses == (cluster.computers["worker-2"].address,) and found.reply.took == 14_000


def test_a_run_in_which_somebody_asked_is_done_again_alike(cluster, tmp_path):
    cluster.dig("rr", "web.1"), cluster.dig("-x 10.0.1.3", "web.1"), cluster.dig("example.org", "db")
    cluster.save(str(tmp_path / "run.json"))
    again = Cluster.load(str(tmp_path / "run.json"))
    assert again.trace.digest() == cluster.trace.digest()
    assert again.dig("rr", "web.1").addresses == cluster.dig("rr", "web.1").addresses


def test_to_look_with_resolve_changes_nothing(cluster):
    twin = cluster.fork()
    twin.resolve("rr", "web.1")
    assert twin.dig("rr", "web.1") == cluster.dig("rr", "web.1")


@pytest.mark.parametrize(
    "name, kind, why",
    [
        ("", "A", "is no name"),
        (3, "A", "is no name"),
        ("web +short", "A", "one name"),
        ("-x web", "A", "invalid IP address web"),
        ("a..b", "A", r"dig: 'a\.\.b' is not a legal name \(empty label\)"),
        ("web", "MX", "A, AAAA, PTR, not for 'MX'"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_one_line(cluster, name, kind, why):
    acts = len(cluster.acts)
    with pytest.raises(ValueError, match=why):
        cluster.dig(name, "web.1", kind)
    assert len(cluster.acts) == acts


def test_nobody_asks_from_a_task_that_does_not_run(cluster):
    with pytest.raises(ValueError, match=r"no running task web\.9"):
        cluster.dig("web", "web.9")


def test_a_machine_without_power_stays_in_the_names_until_the_others_hear_of_it(cluster):
    """§17: nobody withdrew its tasks; a failed node's rows are hidden when gossip declares it failed."""
    machines = {one.slot: one.machine for one in cluster.running if one.service == "rr"}
    asker = next(one for one in cluster.running if one.service == "web" and one.machine == "manager-1")
    gone = next(machine for machine in machines.values() if machine != "manager-1")
    before = set(cluster.dig("rr", f"web.{asker.slot}").addresses)
    cluster.crash(gone)
    cluster.run_for(1)
    assert set(cluster.dig("rr", f"web.{asker.slot}").addresses) == before
    heard = cluster.run_until(lambda c: set(c.resolve("rr", f"web.{asker.slot}")) < before, limit=30)
    assert heard and cluster.now < 50


def test_a_stopped_task_leaves_the_names_before_it_ends_everywhere(cluster):
    """§17: Withdraw at the beginning of shutdown, two seconds before the stop signal."""
    cluster.docker("service scale -d rr=1")
    gone = cluster.run_until(lambda c: len(c.resolve("rr", "web.1")) == 1, limit=10)
    assert gone and sum(one.service == "rr" for one in cluster.running) == 4  # they still run
    cluster.run_for(5)
    assert sum(one.service == "rr" for one in cluster.running) == 1


def test_nobody_asks_from_a_task_that_has_just_died(cluster):
    """For a tenth of a second the managers believe that it runs."""
    machine = next(one.machine for one in cluster.running if (one.service, one.slot) == ("web", 1))
    container = cluster.docker("ps -q --filter name=web.1", machine).stdout.strip()
    cluster.docker(f"kill {container}", machine)
    with pytest.raises(ValueError, match=r"^web\.1 has just ended"):
        cluster.dig("rr", "web.1")


@pytest.mark.parametrize("odd", [None, 5, b"web", ("web",)])
def test_what_is_no_text_is_refused(cluster, odd):
    with pytest.raises(ValueError, match="is no task"):
        cluster.dig("web", odd)
    with pytest.raises(ValueError, match="is no name"):
        cluster.resolve(odd, "web.1")
