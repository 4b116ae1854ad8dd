"""One packet explained, room on the wire, captures, and what one node knows: by the handle that lessons use."""

from itertools import pairwise
from random import Random

import pytest
from tshark import complaints

from swarmlab import Cluster
from swarmlab.events import PacketPassed, RequestSent, RequestServed
from swarmlab.overlay import pcap
from swarmlab.overlay.capture import capture
from swarmlab.overlay.frames import Esp, IPv4, Tcp, Vxlan, decode, headers_of
from swarmlab.rack import Computer
from swarmlab.sim.trace import Trace


@pytest.fixture(scope="module")
def ready():
    """Two tasks of web on manager-1 and worker-1, published on 8080; db on worker-2; an encrypted network of its own."""
    cluster = Cluster(managers=1, workers=3, seed=7)
    for command in (
        "network create -d overlay front",
        "network create -d overlay --opt encrypted secret",
        "service create -d --name web --replicas 2 --network front -p 8080:80 nginx:alpine",
        "service create -d --name db --network front redis:7",
        "service create -d --name safe --replicas 4 --network secret nginx:alpine",
    ):
        assert cluster.docker(command).exit_code == 0
    cluster.run_for(20)
    return cluster


@pytest.fixture
def swarm(ready):
    return ready.fork()


def far(swarm):
    """The row of a task of web that runs on another machine than db.1."""
    (here,) = (task.machine for task in swarm.running if task.service == "db")
    rows = [row for row in swarm.tables(here).peers if row.network == "front" and row.task.startswith("web")]
    return next(row for row in rows if row.machine != here)


# ── one packet, explained (issue 5 §1; networking.md §1.4) ──


def test_a_packet_to_a_published_port_passes_dnat_mark_ipvs_snat_vxlan_and_redirect(swarm):
    way = swarm.trace_packet("client", "http://worker-3:8080/")
    assert way.ok and [hop.layer for hop in way.there] == [
        *("client", "host", "gwbridge", "sandbox", "sandbox", "sandbox"),  # DNAT; mark, IPVS, SNAT
        *("bridge", "vtep", "host", "host", "vtep", "bridge", "container", "container"),
    ]
    rules = [hop.rule.split(" -A ")[-1].split()[0] for hop in way.there if hop.rule.startswith("iptables")]
    assert rules == ["DOCKER-INGRESS", "PREROUTING", "POSTROUTING", "PREROUTING"]
    last = way.there[-1]
    address = swarm.tables("worker-3").networks[0].balancer
    assert last.source.startswith(f"{address}:") and last.target.endswith(":80")  # the client's address is lost


def test_the_answer_goes_back_with_every_translation_undone(swarm):
    way = swarm.trace_packet("client", "http://worker-3:8080/")
    first, last = way.hops[0], way.hops[-1]
    assert (last.source, last.target, last.layer) == (first.target, first.source, "client")
    assert [hop.layer for hop in way.back][-4:] == ["sandbox", "gwbridge", "host", "client"]


def test_a_packet_goes_on_from_where_it_was_left(swarm):
    """Before at each stop is after at the one before: on the way there, and on the way back."""
    for source, url in (
        ("client", "http://worker-3:8080/"),
        ("db.1", "http://web/"),
        ("db.1", "http://worker-1:8080/"),
    ):
        way = swarm.trace_packet(source, url)
        for hops in (way.there, way.back):
            for one, other in pairwise(hops):
                assert other.before == (one.source, one.target)


def test_a_packet_to_a_virtual_ip_is_translated_on_its_own_node(swarm):
    way = swarm.trace_packet("db.1", "http://web/")
    machine = way.hops[0].machine
    assert [hop.layer for hop in way.there][:5] == ["container", "bridge", "sandbox", "sandbox", "sandbox"]
    assert {hop.machine for hop in way.there[:5]} == {machine}
    vip = swarm.resolve("web", "db.1")[0]
    assert way.hops[0].target == f"{vip}:80" and way.back[-1].source == f"{vip}:80"


def test_a_packet_to_a_task_meets_no_load_balancer(swarm):
    way = swarm.trace_packet("db.1", "http://tasks.web/")
    assert way.ok and "sandbox" not in [hop.layer for hop in way.hops]


def test_two_tasks_of_one_node_need_no_tunnel(swarm):
    way = swarm.trace_packet("web.1", f"http://{swarm.resolve('tasks.web', 'web.1')[0]}/")
    assert way.ok and not [hop for hop in way.hops if hop.outer]


def test_the_trace_is_made_by_the_tables_that_requests_use(swarm):
    """The same fork without the tracing gets the same answer from the same turn."""
    traced, plain = swarm.fork(), swarm.fork()
    for _ in range(3):
        way, answer = traced.trace_packet("client", "http://worker-3:8080/"), plain.request("http://worker-3:8080/")
        assert way.there[-1].said == f"{answer.task} takes it" and way.there[-1].machine == answer.node


def test_a_packet_that_dies_ends_at_the_stop_where_it_dies_and_says_why(swarm):
    swarm.block("worker-3", 4789)
    way = swarm.trace_packet("client", "http://worker-3:8080/")
    assert (way.ok, way.error, way.hops[-1].machine) == (False, "timed out", "worker-3")
    assert "a firewall drops it" in way.hops[-1].lost and "✗" in repr(way)


def test_a_closed_port_and_a_name_that_nobody_knows_say_so(swarm):
    assert swarm.trace_packet("client", "http://worker-3:9/").hops[-1].lost == "connection refused"
    assert swarm.trace_packet("db.1", "http://nobody/").hops[-1].lost == "could not resolve host: nobody"


def test_a_machine_that_is_off_is_said_to_be(swarm):
    swarm.crash("worker-3")
    assert "nobody is there" in swarm.trace_packet("client", "http://worker-3:8080/").hops[-1].lost


def test_every_stop_has_its_bytes_with_the_addresses_that_it_names(swarm):
    for hop in swarm.trace_packet("client", "http://worker-3:8080/").hops:
        headers, _ = headers_of(hop.frame)
        inner = [header for header in headers if isinstance(header, IPv4)][-1]
        port = next(header for header in headers if isinstance(header, Tcp))
        assert (f"{inner.source}:{port.source}", f"{inner.target}:{port.target}") == (hop.source, hop.target)
        assert bool(hop.outer) == any(isinstance(header, Vxlan) for header in headers)


def test_on_an_encrypted_network_the_wire_shows_esp_alone(swarm):
    pytest.importorskip("cryptography")
    ways = [swarm.trace_packet("safe.1", "http://safe/") for _ in range(4)]
    wire = [hop for way in ways for hop in way.hops if hop.key]
    assert wire and all([part.name for part in decode(hop.frame)][2] == "ESP" for hop in wire)


def test_stops_are_facts_and_survive_a_file(swarm, tmp_path):
    swarm.trace_packet("client", "http://worker-3:8080/")
    swarm.trace.save(str(tmp_path / "run.json"))
    again = Trace.load(str(tmp_path / "run.json"))
    assert [r.fact for r in again.of(PacketPassed)] == [r.fact for r in swarm.trace.of(PacketPassed)]


def test_looking_back_does_the_same_again(swarm):
    """A run with all these acts is the same run when it is done again, up to any instant."""
    swarm.trace_packet("client", "http://worker-3:8080/")
    swarm.probe("db.1", "web")
    swarm.request("http://web/", source="db.1", size=9000, connection="c")
    middle = swarm.now
    swarm.run_for(1)
    assert swarm.at(middle).trace.digest() == swarm.at(middle).trace.digest()


# ── room (networking.md §1.1) ──


def test_small_requests_pass_and_large_answers_hang_when_the_wire_is_smaller_than_docker_thinks(swarm):
    row = far(swarm)
    for machine in ("manager-1", "worker-1", "worker-2", "worker-3"):
        if machine != row.machine:
            swarm.link(row.machine, machine, mtu=1400)
    url = f"http://{row.address}/"
    assert swarm.request(url, source="db.1").ok
    assert swarm.request(url, source="db.1", size=20_000).error == "timed out"
    assert "too big" in [message.fate for message in swarm.trace.messages]
    assert swarm.probe("db.1", row.address, 1350) == "passes" and swarm.probe("db.1", row.address, 1351) == "lost"


@pytest.mark.parametrize(
    ("name", "size", "found"),
    [("tasks.web", 1450, "passes"), ("tasks.web", 1451, "message too long, mtu=1450"), ("web", 84, "passes")],
)
def test_1450_bytes_fit_inside(swarm, name, size, found):
    assert swarm.probe("db.1", name, size) == found


def test_1424_bytes_fit_inside_an_encrypted_network(swarm):
    assert swarm.probe("safe.1", "tasks.safe", 1424) == "passes"
    assert swarm.probe("safe.1", "tasks.safe", 1425) == "message too long, mtu=1424"


def test_a_ping_to_nobody_is_told(swarm):
    assert swarm.probe("db.1", "nobody") == "could not resolve host: nobody"
    assert swarm.probe("db.1", "10.0.1.250") == "no route to host"


# ── ports (networking.md §1.7) ──


def test_blocking_esp_stops_encrypted_networks_only(swarm):
    for machine in ("manager-1", "worker-1", "worker-2", "worker-3"):
        swarm.block(machine, "esp")
    fates = {swarm.probe("safe.1", address) for address in swarm.resolve("tasks.safe", "safe.1")}
    assert fates == {"passes", "lost"}  # its own address is no wire away
    assert swarm.request("http://worker-3:8080/").ok


def test_blocking_4789_lets_encrypted_networks_be(swarm):
    for machine in ("manager-1", "worker-1", "worker-2", "worker-3"):
        swarm.block(machine, 4789)
    assert {swarm.probe("safe.1", address) for address in swarm.resolve("tasks.safe", "safe.1")} == {"passes"}
    assert swarm.request("http://worker-3:8080/").error == "timed out"


# ── connections ──


def test_a_hundred_requests_on_one_connection_reach_one_task(swarm):
    """networking.md §4.1."""
    kept = {swarm.request("http://worker-3:8080/", connection="browser").task for _ in range(10)}
    fresh = {swarm.request("http://worker-3:8080/").task for _ in range(10)}
    assert len(kept) == 1 and len(fresh) == 2


def test_a_connection_straight_to_a_container_ends_with_it(swarm):
    """Who has its address next knows nothing of the connection."""
    swarm.docker("network create -d overlay --subnet 10.50.0.0/28 small")
    swarm.docker("service create -d --name host -p mode=host,published=9000,target=80 --replicas 1 nginx:alpine")
    swarm.docker("service create -d --name asks --network small nginx:alpine")
    swarm.docker("service create -d --name old --network small --endpoint-mode dnsrr nginx:alpine")
    swarm.run_for(15)
    (node,) = (task.machine for task in swarm.running if task.service == "host")
    (address,) = swarm.resolve("old", "asks.1")
    port, straight = f"http://{node}:9000/", f"http://{address}/"
    assert swarm.request(port, connection="c").ok
    assert swarm.request(straight, source="asks.1", connection="c").task == "old.1"
    swarm.docker("service rm old")
    swarm.docker("service rm host")
    swarm.run_for(20)
    assert swarm.request(port, connection="c").error == "no route to host"
    for number in range(14):  # addresses are given in turn
        swarm.docker(f"service create -d --name new-{number} --network small --endpoint-mode dnsrr nginx:alpine")
        swarm.run_for(8)
        if swarm.resolve(f"new-{number}", "asks.1") == (address,):
            break
    assert swarm.request(straight, source="asks.1", connection="c").error == "connection reset by peer"
    assert swarm.request(straight, source="asks.1", connection="c").task == f"new-{number}.1"  # it is opened anew


def test_a_connection_is_called_by_a_text_else_nothing_is_done(swarm):
    acts = len(swarm.acts)
    with pytest.raises(ValueError, match="connection="):
        swarm.request("http://worker-1:8080/", connection=["a"])
    assert len(swarm.acts) == acts


def test_a_connection_through_a_virtual_ip_hangs_after_fifteen_idle_minutes(swarm):
    assert swarm.request("http://web/", source="db.1", connection="pool").ok
    swarm.run_for(901)
    assert swarm.request("http://web/", source="db.1", connection="pool").error == "timed out"
    assert swarm.request("http://web/", source="db.1", connection="pool").ok  # it is opened anew


# ── captures, tables, addresses ──


def test_a_capture_has_whole_connections_and_three_knocks_where_nobody_answers(swarm):
    begin = swarm.now
    for _ in range(2):
        assert swarm.request("http://worker-3:8080/", size=5000).ok
    rows = pcap.load(swarm.capture("worker-3", since=begin))
    assert len(rows) > 20 and {layer.name for _, frame in rows for layer in decode(frame)} >= {"VXLAN", "TCP"}
    swarm.block("worker-3", 4789)
    begin = swarm.now
    swarm.request("http://worker-3:8080/")
    assert len(pcap.load(swarm.capture("worker-3", since=begin))) == 3


def sealed_talk(swarm, times):
    """So many requests in the encrypted network, from one machine to others."""
    begin = swarm.now
    for _ in range(times):
        assert swarm.request("http://tasks.safe/", source="safe.1", size=3000).ok
    return begin


def test_each_key_counts_its_packets_over_all_connections_and_tshark_finds_nothing_wrong(swarm, tmp_path):
    """RFC 4303 §3.3.3: a number that comes again is thrown away by the receiver."""
    begin = sealed_talk(swarm, 12)
    (here,) = (task.machine for task in swarm.running if (task.service, task.slot) == ("safe", 1))
    taken = swarm.capture(here, since=begin)
    found = [headers_of(frame)[0][1:] for _, frame in pcap.load(taken)]
    assert len(found) > 50 and all(type(header) is Esp for _, header in found)
    ways = {spi: [one.sequence for _, one in found if one.spi == spi] for spi in {one.spi for _, one in found}}
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in ways.values())
    assert complaints(tmp_path, taken) == []


def test_both_ends_of_a_tunnel_capture_the_same_bytes(swarm):
    begin = sealed_talk(swarm, 12)
    (here,) = (task.machine for task in swarm.running if (task.service, task.slot) == ("safe", 1))
    there = next(task.machine for task in swarm.running if task.service == "safe" and task.machine != here)
    ours, theirs = (dict.fromkeys(pcap.load(swarm.capture(name, since=begin))) for name in (here, there))
    assert theirs and set(theirs) < set(ours)


def test_what_was_encrypted_stays_so_in_a_capture_when_its_key_has_long_been_rotated_away(swarm):
    begin = sealed_talk(swarm, 6)
    rows = [row for row in swarm.trace.messages if row.sent >= begin * 1e6]
    addresses = {name: one.address for name, one in swarm.computers.items()}
    (here,) = (task.machine for task in swarm.running if (task.service, task.slot) == ("safe", 1))
    frames = [frame for _, frame in pcap.load(capture(rows, here, addresses, {}, Random))]
    assert frames and all(type(headers_of(frame)[0][-1]) is Esp for frame in frames)


def test_a_node_shows_what_it_knows(swarm):
    tables = swarm.tables("worker-3")
    assert [row.network for row in tables.networks] == ["ingress", "secret"]
    assert {row.network for row in (*tables.peers, *tables.pools)} == {"ingress", "secret"}
    assert {row.network for row in tables.names} == {"secret"}
    assert [(row.ports, row.weight) for row in tables.pools if row.service == "web"] == [((8080,), 1)] * 2
    assert "10.0.0" in repr(tables) and tables.beliefs["safe in secret"]


def test_a_wrong_advertised_address_cuts_its_containers_off():
    """Two interfaces, and the one that leads to nobody is named: the node is in, its tasks cannot be reached."""
    inner = tuple(
        Computer(
            f"node-{n}", address=f"192.168.50.{n}", interfaces=(("eth0", "10.0.2.15"), ("eth1", f"192.168.50.{n}"))
        )
        for n in (1, 2)
    )
    swarm = Cluster(computers=inner, seed=3)
    swarm.docker("swarm init --advertise-addr eth1", "node-1")
    token = swarm.docker("swarm join-token -q worker", "node-1").stdout.strip()
    assert swarm.docker(f"swarm join --advertise-addr eth0 --token {token} 192.168.50.1:2377", "node-2").exit_code == 0
    swarm.docker("service create -d --name web --mode global -p 80:80 nginx:alpine", "node-1")
    swarm.run_for(15)
    assert [row["STATUS"] for row in swarm.docker("node ls", "node-1").rows] == ["Ready", "Ready"]
    errors = [swarm.request("http://node-1/").error for _ in range(2)]
    assert sorted(errors) == ["", "timed out"]
    assert "10.0.2.15" in {row.vtep for row in swarm.tables("node-1").peers}


# ── whatever happens ──


@pytest.mark.parametrize("seed", range(4))
def test_through_all_faults_only_tasks_of_the_service_that_was_asked_answer(ready, seed):
    swarm, dice = ready.fork(), Random(seed)
    machines = ["worker-1", "worker-2", "worker-3"]
    for _ in range(40):
        machine = dice.choice(machines)
        act = dice.randrange(7)
        if act == 0 and swarm.machines[machine].running:
            swarm.crash(machine)
        elif act == 1:
            swarm.restart(machine)
        elif act == 2:
            swarm.docker(f"service scale -d web={dice.randrange(5)} db={1 + dice.randrange(2)}")
        elif act == 3:
            swarm.partition({machine}, {"manager-1", *machines} - {machine})
        elif act == 4:
            swarm.heal()
        else:
            asked = [swarm.request(f"http://{machine}:8080/", timeout=1) for _ in range(2)]
            askers = [task for task in swarm.running if task.service == "safe"]
            asked += [swarm.request("http://safe/", source=task.id, timeout=1) for task in askers[:2]]
            assert {answer.task.partition(".")[0] for answer in asked} <= {"", "web", "safe"}
            assert all(answer.error or answer.ok for answer in asked)
        swarm.run_for(dice.random() * 3)
    names = {task.id: task.service_name for task in swarm.tasks}
    asked = {record.fact.request: record.fact.url for record in swarm.trace.of(RequestSent)}
    for record in swarm.trace.of(RequestServed):
        service = names.get(record.fact.task)
        assert service is None or ("8080" in asked[record.fact.request]) == (service == "web")


def test_by_which_network_a_plain_container_gets_out():
    """A bridge, the network of its machine, or none at all."""
    swarm = Cluster(machines=2)
    swarm.docker("run -d --name out -p 8080:80 nginx", "node-2")
    for network in ("bridge", "host", "none"):
        swarm.docker(f"run -d --name on-{network} --network {network} nginx", "node-1")
    errors = [swarm.request("http://node-2:8080/", source=f"on-{name}").error for name in ("bridge", "host", "none")]
    assert errors == ["", "", "no route to host"]
    assert swarm.trace_packet("on-host", "http://nobody/").hops[0].source.startswith("192.168.50.100:")


# ── bad input ──


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda c: c.trace_packet("nobody.1", "http://web/"), "no running task nobody.1"),
        (lambda c: c.trace_packet("client", "http://nowhere:80/"), "no such machine: nowhere"),
        (lambda c: c.trace_packet("client", "ftp"), "no such machine: ftp"),
        (lambda c: c.request("http://worker-1:8080/", size=-1), "a whole number of bytes"),
        (lambda c: c.request("http://worker-1:8080/", size=1.5), "a whole number of bytes"),
        (lambda c: c.probe("db.1", "web", 10), "28 bytes of headers"),
        (lambda c: c.probe("db.1", "web", "x"), "a whole number of bytes"),
        (lambda c: c.link("worker-1", "worker-2", mtu=10), "mtu=10 is impossible for a link"),
        (lambda c: c.request(None, source="web.1"), "not an address like .*: None"),
        (lambda c: c.request(5), "not an address like .*: 5"),
        (lambda c: c.trace_packet("web.1", b"x"), "not an address like"),
        (lambda c: c.trace_packet(b"x", "http://web/"), "is no task"),
        (lambda c: c.probe("web.1", None), "None is no name and no address"),
        (lambda c: c.tables("nowhere"), "no such machine: nowhere"),
        (lambda c: c.capture("nowhere"), "no such machine: nowhere"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line_and_not_done(swarm, act, words):
    before = len(swarm.acts), swarm.now
    with pytest.raises(ValueError, match=words) as refusal:
        act(swarm)
    assert "\n" not in str(refusal.value) and (len(swarm.acts), swarm.now) == before
