"""Names, virtual IPs, ports and pools from rows of tasks (swarm.md §17)."""

import random

from harness import endpoint

from swarmlab.effects import Note
from swarmlab.events import BackendAdded, BackendRemoved
from swarmlab.messages import ENDPOINTS, Entry, PortConfig
from swarmlab.overlay.ipvs import Request, round_robin
from swarmlab.overlay.rows import bindings_of
from swarmlab.overlay.services import FIRST_MARK, Services

FRONT, INGRESS = "net-front", "net-ingress"
POOL = (FRONT, "id-web", ())


def rows(task, enabled=True, **more):
    one = endpoint(task, more.pop("machine", "worker-1"), **more)
    return [Entry(row.network, ENDPOINTS, task, one.machine, row._replace(enabled=enabled)) for row in bindings_of(one)]


def gone(task):
    return [Entry(network, ENDPOINTS, task, "", None) for network in (INGRESS, FRONT)]


def told(*groups):
    made = Services()
    for entry in (entry for group in groups for entry in group):
        made.change(entry)
    return made


def test_all_published_ports_of_a_service_share_one_turn_and_each_network_has_its_own():
    made = told(rows("a", ports=(80, 443)), rows("b", name="web.2", ports=(80, 443), octet=4))
    assert made.behind_port(80) == made.behind_port(443) == (INGRESS, "id-web", ((80, 80, "tcp"), (443, 80, "tcp")))
    assert made.behind_address(FRONT, "10.0.1.2") == POOL != made.behind_port(80)
    assert [pool.mark for pool in made.pools.values()] == [FIRST_MARK, FIRST_MARK + 1]


def test_the_virtual_ip_is_known_from_the_first_enabled_task_until_the_last_row_is_gone():
    made = told(rows("a", enabled=False))
    assert made.behind_address(FRONT, "10.0.1.2") is None and not made.names.records
    for entry in (*rows("a"), *rows("a", enabled=False)):
        made.change(entry)
    assert made.behind_address(FRONT, "10.0.1.2") == POOL and made.pools[POOL].able == 0
    assert made.names.addresses("web", FRONT) == ("10.0.1.2",) and not made.names.addresses("tasks.web", FRONT)
    for entry in gone("a"):
        made.change(entry)
    assert not (made.pools or made.virtual_ips or made.ports or made.rows or made.names.records or made.enabled)


def test_a_task_that_is_about_to_stop_has_weight_0():
    made = told(rows("a"), rows("b", name="web.2", octet=4), rows("a", enabled=False))
    assert [(b.task, b.weight) for b in made.pools[POOL].backends] == [("a", 0), ("b", 1)]


def test_the_turn_goes_on_when_tasks_come_and_go():
    made = told(rows("a"), rows("b", name="web.2", octet=4))
    pool = made.pools[POOL]
    first = pool.choose(round_robin, Request(1)).task
    for entry in (*gone(first), *rows(first, name="web.3", octet=9)):
        made.change(entry)
    assert made.pools[POOL] is pool and pool.turn == 1


def test_a_port_is_open_as_long_as_one_row_says_so():
    made = told(rows("a", ports=(80,)), rows("b", name="web.2", ports=(80, 81), octet=4), gone("b"))
    assert made.behind_port(80) and made.behind_port(81) is None


def test_of_two_services_with_one_port_the_newer_one_has_it():
    """The old one's tasks are stopping while the new one's start."""
    made = told(
        rows("a", ports=(80,)), rows("z", name="new.1", ports=(80,), octet=7), rows("a", enabled=False, ports=(80,))
    )
    assert made.behind_port(80)[:2] == (INGRESS, "id-new")
    for entry in gone("a"):
        made.change(entry)
    assert made.behind_port(80)[:2] == (INGRESS, "id-new")


def test_a_new_port_leads_only_to_the_tasks_that_publish_it():
    """While an update adds a port, the old tasks and the new ones have a pool each [moby: serviceKey]."""
    made = told(rows("a", ports=(80,)), rows("b", name="web.2", ports=(80, 81), octet=4))
    assert [backend.task for backend in made.pools[made.behind_port(81)].backends] == ["b"]
    assert made.behind_port(80) == made.behind_port(81), "the rules of the newer one come last, and win"
    assert sorted(made.ports_of(key) for key in made.pools) == [(), (), (80, 81)]
    for entry in gone("b"):
        made.change(entry)
    assert made.behind_port(81) is None
    assert [backend.task for backend in made.pools[made.behind_port(80)].backends] == ["a"]
    assert [backend.task for backend in made.pools[POOL].backends] == ["a"], "inside, they have one"


def test_a_virtual_ip_that_is_given_anew_leads_to_the_service_that_is_left():
    """News of the service that had it before come late, and go again."""
    old = [
        entry._replace(value=entry.value._replace(virtual_ip="10.0.1.2")) for entry in rows("z", name="old.1", octet=7)
    ]
    made = told(rows("a"), old[1:])
    assert made.behind_address(FRONT, "10.0.1.2")[1] == "id-old"
    for entry in gone("z"):
        made.change(entry)
    assert made.behind_address(FRONT, "10.0.1.2") == POOL


def test_dnsrr_has_no_load_balancer():
    made = told(rows("a", mode="dnsrr"))
    assert not made.pools and made.names.addresses("web", FRONT) == ("10.0.1.3",)


def test_udp_ports_are_not_for_requests():
    made = told(rows("a", ports=(PortConfig(53, 5353, protocol="udp"),)))
    assert not made.ports


def test_a_task_on_two_networks_is_added_and_removed_once():
    made, facts = Services(), []
    for entry in (*rows("a"), *rows("a"), *rows("a", enabled=False), *gone("a")):
        facts += made.change(entry)
    backend = "web", "a", "worker-1"
    assert facts == [Note(BackendAdded(*backend)), Note(BackendRemoved(*backend))]


def shuffle(made, dice, steps=400):
    """Tasks of three services come, stop and go in any order; after each step the laws hold."""
    live = {}
    for _ in range(steps):
        task = f"t{dice.randrange(9)}"
        service = f"s{int(task[1]) % 3}"
        change = dice.choice(("come", "stop", "go"))
        more = {"name": f"{service}.{task[1]}", "octet": 10 + int(task[1]), "ports": (8000 + int(task[1]) % 3,)}
        if change == "go":
            entries = gone(task)
            live.pop(task, None)
        else:
            live[task] = (service, change == "come")
            entries = rows(task, enabled=change == "come", **more)
        for entry in entries:
            made.change(entry)
        check(made, live)


def check(made, live):
    for network, address in made.virtual_ips:
        key = made.behind_address(network, address)
        pool = made.pools[key]
        assert pool.address == address and key[0] == network
        assert {f"id-{live[backend.task][0]}" for backend in pool.backends} == {key[1]}, "a foreign task behind a VIP"
        able = sorted(backend.task for backend in pool.backends if backend.weight)
        assert able == sorted(t for t, (s, on) in live.items() if on and f"id-{s}" == key[1])
    assert len(made.virtual_ips) == len(made.pools), "a pool without its virtual IP"
    for port in made.ports:
        assert made.behind_port(port)[1] == f"id-s{port - 8000}"
    enabled = {task for task, (_, on) in live.items() if on}
    assert set(made.enabled) == enabled


def test_a_virtual_ip_never_leads_to_another_service_and_always_to_all_enabled_tasks():
    for seed in range(10):
        shuffle(Services(), random.Random(seed))


def test_a_pool_that_forgets_to_remove_is_caught():
    class Sticky(Services):
        def _leave(self, row):
            pass

    try:
        shuffle(Sticky(), random.Random(0))
    except (AssertionError, KeyError):
        return
    raise AssertionError("nobody noticed")
