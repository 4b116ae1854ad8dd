"""Names in overlay networks, as the resolver of a container knows them [swarm.md §17, networking.md §1.5]."""

import random
from collections import Counter
from itertools import permutations

import pytest
import tshark
from harness import endpoint

from swarmlab.effects import Disk, Told
from swarmlab.messages import ENDPOINTS, Attach, Entry, TablesChanged
from swarmlab.overlay import pcap
from swarmlab.overlay.dns import (
    PATIENCE,
    Names,
    Outside,
    forwarded,
    has_resolver,
    outside,
    shuffled,
)
from swarmlab.overlay.dnspacket import check_name, packet, query, question
from swarmlab.overlay.frames import Ethernet, IPv4, Udp, encode, host_mac
from swarmlab.overlay.mesh import Mesh
from swarmlab.overlay.rows import bindings_of

WEB = [endpoint(f"t{n}", "worker-1", name=f"web.{n}", octet=n + 2, aliases=(("net-front", "www"),)) for n in (10, 2, 1)]
DB = [endpoint("d1", "worker-2", name="db.1", networks=(("net-back", "back", "10.0.2.3"),))]
DNSRR = [endpoint(f"r{n}", "worker-1", name=f"rr.{n}", octet=n + 50, mode="dnsrr") for n in (1, 2)]
EVERYTHING = WEB + DB + DNSRR


def told(rows):
    """The mesh of a machine to which gossip has brought these endpoints."""
    mesh = Mesh("worker-9", Disk(), random.Random(1))
    entries = [Entry(row.network, ENDPOINTS, row.task, row.machine, row) for task in rows for row in bindings_of(task)]
    mesh.step(Told("gossip", TablesChanged(tuple(entries))), 0)
    return mesh


def ask(name, *networks, rows=EVERYTHING):
    """What a task on these networks is told."""
    mesh, where = told(rows), networks or ("net-front",)
    asker = endpoint("asker", "worker-9", networks=tuple((id, id.removeprefix("net-"), "10.9.9.9") for id in where))
    mesh.step(Told("agent", Attach(asker)), 0)
    return mesh.resolve(name, "asker")


def test_a_service_name_is_its_virtual_ip_on_the_shared_network():
    assert ask("web") == ("10.0.1.2",)


def test_on_ingress_nobody_has_a_name():
    """moby: network.go, addSvcRecords: it is a network for routing only."""
    for name in ("web", "tasks.web", "web.2.t2", "web.ingress"):
        assert ask(name, "net-ingress") == ()


def test_an_alias_holds_only_in_its_network():
    assert ask("www") == ("10.0.1.2",)
    assert ask("www", "net-ingress") == ()


def test_tasks_dot_service_lists_the_tasks_in_natural_order():
    assert ask("tasks.web") == ("10.0.1.3", "10.0.1.4", "10.0.1.12") == ask("tasks.www")


def test_dnsrr_answers_with_the_tasks_themselves():
    assert ask("rr") == ask("tasks.rr") == ("10.0.1.51", "10.0.1.52")


def test_a_container_name_is_its_own_address():
    assert ask("web.2.t2") == ("10.0.1.4",)


def test_case_and_a_final_dot_do_not_matter():
    assert ask("Tasks.WEB.") == ask("tasks.web")


def test_only_shared_networks_are_asked():
    assert ask("db") == ()
    assert ask("db", "net-front", "net-back") == ("10.0.2.103",)


def test_a_network_after_the_name_restricts_the_search():
    both = ("net-front", "net-ingress")
    assert ask("web.front", *both) == ("10.0.1.2",)
    assert ask("web.ingress", *both) == ()
    assert ask("web.back", *both) == ()


def test_the_first_network_that_knows_the_name_answers_alone():
    assert ask("web", "net-back", "net-ingress", "net-front") == ("10.0.1.2",)


def test_an_unknown_name_and_a_service_without_tasks_do_not_resolve():
    assert ask("nobody") == () == ask("web", rows=())


# ── when names come and go [§17] ─────────────────────────────────────────────────────────────────────────────────

FRONT = (("net-front", "front"),)
FIRST, SECOND = (next(row for row in bindings_of(task) if row.network_name == "front") for task in (WEB[2], WEB[1]))


def off(row):
    return row._replace(enabled=False)


def known(*changes):
    """What a machine knows after these changes of rows."""
    names = Names()
    for old, new in changes:
        names.change(old, new)
    return names


def test_the_name_of_a_virtual_ip_is_made_with_the_first_enabled_task():
    assert known().resolve("web", FRONT) == ()
    assert known((None, FIRST)).resolve("web", FRONT) == ("10.0.1.2",)
    assert known((None, off(FIRST))).resolve("web", FRONT) == ()  # it was never enabled, as far as this node knows


def test_it_stays_until_the_last_row_is_gone_not_merely_disabled():
    here = known((None, FIRST), (None, SECOND), (FIRST, off(FIRST)), (off(FIRST), None), (SECOND, off(SECOND)))
    assert here.resolve("web", FRONT) == here.resolve("www", FRONT) == ("10.0.1.2",)
    here.change(off(SECOND), None)
    assert here.resolve("web", FRONT) == () and not here.records and not here.pointers and not here.answers


def test_an_answer_that_was_once_given_does_not_outlive_a_change():
    here = known((None, FIRST))
    assert here.resolve("tasks.web", FRONT) == ("10.0.1.3",)
    here.change(None, SECOND)
    assert here.resolve("tasks.web", FRONT) == ("10.0.1.3", "10.0.1.4")
    here.change(FIRST, off(FIRST))
    assert here.resolve("tasks.web", FRONT) == ("10.0.1.4",)


def test_names_and_networks_may_have_dots_and_capitals():
    """moby: sandbox.go, ResolveName: a.b.c is tried as a name, as a.b in network c, as a in network b.c."""
    row = FIRST._replace(network_name="My.Net", aliases=("api.v1",))
    here, where = known((None, row)), (("net-front", "My.Net"),)
    for name in ("web.my.net", "WEB.My.Net.", "api.v1", "API.v1.my.net", "tasks.api.v1.My.Net"):
        assert here.resolve(name, where), name
    assert not any(here.resolve(name, where) for name in ("web.net", "web.my", "api", "v1.my.net", "web..my.net"))


def test_two_services_with_one_alias_share_it_and_one_called_like_a_network_is_no_network():
    other = FIRST._replace(task="o1", name="front.1", service="id-o", service_name="front", virtual_ip="10.0.1.9")
    here = known((None, FIRST), (None, other._replace(address="10.0.1.20", aliases=("www",))))
    assert sorted(here.resolve("www", FRONT)) == ["10.0.1.2", "10.0.1.9"]
    assert here.resolve("front", FRONT) == here.resolve("front.front", FRONT) == ("10.0.1.9",)
    here.change(FIRST, None)
    assert here.resolve("www", FRONT) == ("10.0.1.9",)


def test_a_task_that_is_about_to_stop_takes_its_own_names_away_at_once():
    here = known((None, FIRST), (None, SECOND), (FIRST, off(FIRST)))
    assert here.resolve("tasks.web", FRONT) == ("10.0.1.4",)
    assert here.resolve("web.1.t1", FRONT) == () and here.pointer("10.0.1.3", FRONT) == ""


def test_with_dnsrr_the_name_itself_loses_the_task_at_once():
    one, other = (next(row for row in bindings_of(task) if row.network_name == "front") for task in DNSRR)
    here = known((None, one), (None, other), (one, off(one)))
    assert here.resolve("rr", FRONT) == (other.address,)
    here.change(other, off(other))
    assert here.resolve("rr", FRONT) == ()


def test_the_short_id_of_its_container_is_a_name_of_the_task():
    task = endpoint("t1", "worker-1")._replace(container="0123456789abcdef")
    assert ask("0123456789ab", rows=[task]) == ("10.0.1.3",) and ask("0123456789abcdef", rows=[task]) == ()


# ── plain containers ─────────────────────────────────────────────────────────────────────────────────────────────


def plain(name, network, *aliases):
    where = ((f"net-{network}", network, "172.18.0.2"),)
    found = endpoint(
        f"{name}-id", "worker-1", name=name, networks=where, aliases=tuple((where[0][0], a) for a in aliases)
    )
    return found._replace(service="", service_name="", virtual_ips=())


def test_a_plain_container_has_its_name_on_a_bridge_that_somebody_made():
    rows = [plain("db", "lan", "db", "0123456789ab", "data")]
    assert {ask(name, "net-lan", rows=rows) for name in ("db", "data", "0123456789ab", "db.lan")} == {("172.18.0.2",)}
    assert ask("tasks.db", "net-lan", rows=rows) == () == ask("db.db-id", "net-lan", rows=rows)
    assert told(rows).names.pointer("172.18.0.2", [("net-lan", "lan")]) == "db.lan"


def test_on_the_bridge_called_bridge_nobody_has_a_name_or_a_resolver():
    rows = [plain("db", "bridge")]
    assert ask("db", "net-bridge", rows=rows) == () == ask("db.db-id", "net-bridge", rows=rows)
    assert told(rows).names.pointer("172.18.0.2", [("net-bridge", "bridge")]) == ""
    assert not has_resolver([("id", "bridge")]) and not has_resolver([("id", "host")]) and has_resolver([("id", "lan")])


# ── answers ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_addresses_are_shuffled_for_every_question():
    """Each of the 24 orders of four addresses is as likely: chi-square of 23 degrees stays below 60 but once in 10⁴."""
    dice, four = random.Random(7), ("a", "b", "c", "d")
    seen = Counter(shuffled(four, dice) for _ in range(2400))
    assert set(seen) == set(permutations(four)) and sum((n - 100) ** 2 / 100 for n in seen.values()) < 60


def test_one_address_takes_no_turn_of_the_dice():
    assert shuffled(("a",), None) == ("a",) and shuffled((), None) == ()


def test_an_answer_carries_ten_minutes_and_the_name_as_it_was_asked():
    reply = told(WEB).names.reply("Tasks.Web", "A", FRONT, random.Random(1))
    assert {(one.name, one.ttl, one.kind) for one in reply.records} == {("Tasks.Web", 600, "A")} and reply.available


def test_there_are_no_other_addresses_than_ipv4():
    reply = told(WEB).names.reply("web", "AAAA", FRONT, random.Random(1))
    assert (reply.status, reply.records) == ("NOERROR", ())


def test_the_name_of_an_address_is_that_of_the_container_and_its_network():
    names = told(WEB).names
    assert names.reply("4.1.0.10.in-addr.arpa", "PTR", FRONT, None).records[0].data == "web.2.t2.front."
    assert names.reply("2.1.0.10.in-addr.arpa", "PTR", FRONT, None) is None  # the virtual IP


# ── outside [§1.5] ───────────────────────────────────────────────────────────────────────────────────────────────

WORLD = Outside(("s1", "s2", "s3", "s4"), 9_000, 300, {"example.org": ("198.51.100.1",)})


def test_names_that_no_network_knows_are_asked_outside():
    assert told(WEB).names.reply("example.org", "A", FRONT, None) is None
    reply = forwarded("Example.org.", "A", WORLD, way_out=True)
    assert (reply.status, reply.took, reply.records[0][1:]) == ("NOERROR", 9_000, (300, "A", "198.51.100.1"))
    assert forwarded("nobody", "A", WORLD, way_out=True).status == "NXDOMAIN"


def test_without_a_way_out_three_servers_are_waited_for_four_seconds_each():
    reply = forwarded("example.org", "A", WORLD, way_out=False)
    assert (reply.status, reply.took, reply.available) == ("SERVFAIL", 3 * PATIENCE, False)
    assert forwarded("x", "A", WORLD._replace(servers=("s1",)), way_out=False).took == PATIENCE == 4_000_000


def test_the_table_of_outside_names_can_be_read():
    table = outside()
    assert len(table.servers) <= 3 and table.addresses["example.org"] == ("198.51.100.30", "198.51.100.31")


# ── bytes [§5.3] ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_bytes_of_an_answer_are_those_of_rfc_1035():
    reply = told(WEB).names.reply("web", "A", FRONT, None)
    expected = "12348180 0001000100000000 03776562 00 0001 0001 03776562 00 0001 0001 00000258 0004 0a000102"
    assert packet(reply, 0x1234) == bytes.fromhex(expected.replace(" ", ""))


def test_an_unknown_name_has_code_3_and_nobody_reached_has_code_2():
    assert packet(forwarded("x", "A", WORLD, True), 1)[2:4].hex() == "8183"
    assert packet(forwarded("x", "A", WORLD, False), 1)[2:4].hex() == "8102"


def test_wireshark_reads_the_answers_as_they_are_meant(tmp_path):
    names, found = told(WEB).names, []
    replies = [names.reply("tasks.web", "A", FRONT, random.Random(1)), forwarded("x.example", "A", WORLD, False)]
    replies += [names.reply("4.1.0.10.in-addr.arpa", "PTR", FRONT, None)]
    for reply in replies:
        outer = [
            Ethernet(host_mac("10.0.0.1"), host_mac("10.0.0.2")),
            IPv4("10.0.0.2", "10.0.0.1", 17),
            Udp(53, 40_000),
        ]
        found.append((0, encode(outer, packet(reply, 7))))
    rows = tshark.dissect(tmp_path, pcap.dump(found), "dns.flags.rcode", "dns.a", "dns.ptr.domain_name", "dns.resp.ttl")
    addresses = ",".join(one.data for one in replies[0].records)
    assert rows == [("0", addresses, "", "600,600,600"), ("2", "", "", ""), ("0", "", "web.2.t2.front", "600")]
    assert tshark.complaints(tmp_path, pcap.dump(found)) == []


def test_a_question_is_read_back():
    assert question(query("tasks.web", "A", 77)) == (77, "tasks.web", "A")
    for bad in (b"", b"\0" * 12, query("web", "A", 1)[:-3], query("web", "A", 1)[:-4] + b"\0\x10\0\1"):
        with pytest.raises(ValueError, match="no question"):
            question(bad)


@pytest.mark.parametrize("name", ["a..b", ".", "x" * 64, ".".join(["abcd"] * 60), "wéb"])
def test_what_is_no_name_is_refused_in_one_line(name):
    with pytest.raises(ValueError, match="is not a legal name"):
        check_name(name)


def test_a_name_of_255_bytes_on_the_wire_may_be_asked_for_with_and_without_a_final_dot():
    longest = ".".join("a" * 127)
    for name in (longest, f"{longest}.", "a" * 63):
        check_name(name)
        assert question(query(name, "A", 1))[1] == name.removesuffix(".")
    with pytest.raises(ValueError, match="name too long"):
        check_name(f"{longest}a")
