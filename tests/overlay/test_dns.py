"""Names in overlay networks, as the resolver of a container knows them [swarm.md §17, networking.md §1.5]."""

import random

from harness import endpoint

from swarmlab.effects import Disk, Told
from swarmlab.messages import ENDPOINTS, Attach, Entry, TablesChanged
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
    assert ask("web", "net-ingress") == ("10.0.0.2",)


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
    assert ask("web.ingress", *both) == ("10.0.0.2",)
    assert ask("web.back", *both) == ()


def test_user_networks_are_asked_before_ingress_and_the_first_that_knows_the_name_answers_alone():
    assert ask("web", "net-back", "net-ingress", "net-front") == ("10.0.1.2",)


def test_an_unknown_name_and_a_service_without_tasks_do_not_resolve():
    assert ask("nobody") == () == ask("web", rows=())
