"""The tips of lesson 15 as pairs of runs: one thing changed, and it shows (course.md lesson 15)."""

import pytest

from swarmlab.lessons import tips15


def test_a_heavy_task_on_the_leader_costs_an_election_and_on_a_worker_only_that_worker():
    alone, free = tips15.starved(False), tips15.starved(True)
    assert alone.machine == "manager-1" and alone.elections and alone.elections[0][1] != "manager-1"
    assert free.machine == "worker-1" and not free.elections
    assert [name for _, name in free.down] == ["worker-1"]


def test_a_label_spelt_otherwise_leaves_its_node_empty():
    """Names of labels are compared letter by letter, values without regard to case (swarm.md: placement constraints)."""
    assert tips15.labelled(tips15.LABELS["consistent"]) == {"worker-1": 2, "worker-2": 2, "worker-3": 2}
    assert tips15.labelled(tips15.LABELS["as they came"]) == {"worker-1": 3, "worker-2": 0, "worker-3": 3}


@pytest.mark.parametrize(("constraint", "drained"), [("node.role==worker", False), ("", True)])
def test_only_a_global_service_without_constraint_on_active_nodes_watches_every_host(constraint, drained):
    assert all(tips15.watched().values())
    assert [name for name, seen in tips15.watched(constraint, drained).items() if not seen] == ["manager-1"]


def test_a_ping_of_1450_bytes_passes_in_clear_and_of_1424_encrypted():
    clear, sealed = tips15.tested(), tips15.tested("--opt encrypted")
    assert clear.probes[1450] == "passes" and clear.probes[1451] == "message too long, mtu=1450"
    assert sealed.probes[1424] == "passes" and sealed.probes[1425] == "message too long, mtu=1424"
    assert clear.gbit > sealed.gbit


def test_over_a_narrower_wire_small_pages_come_and_large_ones_do_not():
    narrow = tips15.tested(wire=1450)
    assert narrow.probes[1450] == "lost" and narrow.pages[200] == "" and narrow.pages[20_000]
