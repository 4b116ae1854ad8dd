"""Where frames go: one entry for each address, whatever gossip brings (networking.md §1.2)."""

import random

from swarmlab.messages import PEERS, Entry, Peer
from swarmlab.overlay.forwarding import Forwarding
from swarmlab.overlay.rows import mac

NET = "net-front"


def row(task, address, machine, network=NET):
    return Entry(network, PEERS, task, machine, Peer(address, mac(address), machine, machine))


def gone(task, network=NET):
    return Entry(network, PEERS, task, "", None)


def told(*entries):
    made = Forwarding()
    for entry in entries:
        made.change(entry)
    return made


def test_an_address_leads_to_the_node_of_its_row():
    tables = told(row("a", "10.0.1.3", "worker-1"), row("b", "10.0.1.4", "worker-2"))
    assert tables.route(NET, "10.0.1.4").vtep == "worker-2" and tables.route(NET, "10.0.1.5") is None


def test_the_same_address_in_another_network_is_another_address():
    tables = told(row("a", "10.0.1.3", "worker-1"), row("b", "10.0.1.3", "worker-2", "net-other"))
    assert (tables.route(NET, "10.0.1.3").vtep, tables.route("net-other", "10.0.1.3").vtep) == ("worker-1", "worker-2")


def test_of_two_rows_for_one_address_the_first_holds_and_the_survivor_is_programmed_when_it_goes():
    """moby peerdb.go: the "transient condition" during a move."""
    tables = told(row("a", "10.0.1.3", "worker-1"), row("b", "10.0.1.3", "worker-2"))
    assert tables.route(NET, "10.0.1.3").vtep == "worker-1"
    assert [(line.task, line.active) for line in tables.lines(NET)] == [("a", True), ("b", False)]
    tables.change(gone("a"))
    assert tables.route(NET, "10.0.1.3").vtep == "worker-2" and tables.lines(NET)[0].active


def test_the_end_of_the_one_that_waits_changes_nothing():
    tables = told(row("a", "10.0.1.3", "worker-1"), row("b", "10.0.1.3", "worker-2"), gone("b"))
    assert tables.route(NET, "10.0.1.3").vtep == "worker-1" and len(tables.lines(NET)) == 1


def test_a_row_that_says_something_else_is_a_new_one():
    tables = told(row("a", "10.0.1.3", "worker-1"), row("a", "10.0.1.9", "worker-1"))
    assert tables.route(NET, "10.0.1.3") is None and tables.route(NET, "10.0.1.9").vtep == "worker-1"


def test_lines_of_the_forwarding_database_are_counted_by_mac_and_vtep():
    tables = told(row("a", "10.0.1.3", "worker-1"), row("b", "10.0.1.3", "worker-2"))
    assert tables.references(NET) == {("02:42:0a:00:01:03", "worker-1"): 1}


def test_whatever_comes_and_goes_the_tables_hold_exactly_the_rows_that_are_left():
    dice, tables, rows = random.Random(5), Forwarding(), {}
    for _ in range(3000):
        task = f"t{dice.randrange(12)}"
        if dice.random() < 0.4:
            tables.change(gone(task))
            rows.pop(task, None)
        else:
            rows[task] = row(task, f"10.0.1.{dice.randrange(3, 9)}", f"worker-{dice.randrange(4)}")
            tables.change(rows[task])
        assert {line.task: line.address for line in tables.lines(NET)} == {t: e.value.address for t, e in rows.items()}
        for address in {entry.value.address for entry in rows.values()}:
            assert sum(line.active for line in tables.lines(NET) if line.address == address) == 1
            assert tables.route(NET, address) in [e.value for e in rows.values() if e.value.address == address]
    assert all(here for here in tables.addresses.values())  # nothing empty is left behind
