"""The allocator's finer rules (swarm.md §9), and its books after any history."""

import random

import pytest
from control import Control
from test_manager_planners import INGRESS, Lab, fresh, networked, node

from swarmlab.effects import SECOND
from swarmlab.manager import allocator, taken
from swarmlab.objects import (
    ASSIGNED,
    FAILED,
    NEW,
    PENDING,
    RUNNING,
    SHUTDOWN,
    Cluster,
    Drop,
    EndpointSpec,
    Network,
    NetworkSpec,
    NetworkTarget,
    PortConfig,
    TaskSpec,
    replace,
)
from swarmlab.overlay import ipam

FRONT, BACK = Network("net", NetworkSpec("front")), Network("back", NetworkSpec("back"))


def small(id="net", subnet="10.9.0.0/29", **fields):
    return Network(id, NetworkSpec(id, subnets=((subnet, "", ""),), **fields))


def addresses(object):
    return [attachment.address for attachment in object]


# ── networks ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_lowest_free_subnet_of_several_pools():
    """§9: whatever the order in which the pools were given; one inside another counts once."""
    cluster = Cluster("c", address_pool="10.30.0.0/25,10.20.0.0/25,10.20.0.0/26", subnet_size=26)
    lab = Lab(allocator, cluster, *(Network(f"n{i}", NetworkSpec(f"n{i}")) for i in range(5)))
    lab.plan()
    subnets = [network.subnet for network in lab.store.all("network")]
    assert subnets == ["10.20.0.0/26", "10.20.0.64/26", "10.30.0.0/26", "10.30.0.64/26", ""]
    lab.write(Drop("network", "n2"))
    lab.plan()
    assert lab.store.get("network", "n4").subnet == "10.30.0.0/26"


def test_a_pool_may_not_be_larger_than_a_subnet():
    assert ipam.lowest_free(ipam.subnet("10.0.0.0/25"), 24, ()) is None
    assert list(map(str, ipam.pools("10.0.0.0/8,10.1.0.0/16"))) == ["10.0.0.0/8"]


def test_addresses_of_a_range_only():
    """§9: gateway and first address of the network stay reserved."""
    spec = NetworkSpec("net", subnets=(("10.9.0.0/24", "10.9.0.129", "10.9.0.128/30"),))
    of = networked()
    lab = Lab(allocator, Network("net", spec), of, *(fresh(f"t{i}", of, i) for i in range(4)))
    lab.plan()
    assert addresses(lab.store.get("service", "s").virtual_ips) == ["10.9.0.128/24"]
    assert [addresses(task.networks) for task in lab.tasks] == [["10.9.0.130/24"], ["10.9.0.131/24"], [], []]


def test_a_vni_in_use_keeps_the_network_unallocated():
    """§9."""
    option = {allocator.VNI_OPTION: "4097"}
    lab = Lab(allocator, INGRESS, FRONT, Network("mine", NetworkSpec("mine", options=option)))
    lab.plan()
    assert lab.store.get("network", "mine").subnet == ""
    lab.write(Drop("network", "net"))
    lab.plan()
    assert (lab.store.get("network", "mine").vni, lab.store.get("network", "mine").subnet) == (4097, "10.0.1.0/24")


# ── services ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def ports_of(lab, id):
    return [port.published_port for port in lab.store.get("service", id).ports]


def test_at_first_ports_are_given_in_the_order_of_the_spec():
    """portallocator.go, reconcilePortConfigs: so a dynamic one can take what a later one asks for, and all wait."""
    lab = Lab(allocator, INGRESS, networked("a", (PortConfig(80), PortConfig(81, 30000)), ()))
    lab.plan()
    assert not lab.store.get("service", "a").allocated and lab.wake_at == 300 * SECOND
    lab.changed = []
    lab.plan(300 * SECOND)
    assert ports_of(lab, "a") == [30001, 30000]


def update(lab, id, **endpoint):
    service = lab.store.get("service", id)
    spec = replace(service.spec, endpoint=replace(service.spec.endpoint, **endpoint))
    lab.write(replace(service, spec=spec))
    lab.plan()


def test_dynamic_ports_stay_over_updates():
    """§9: as long as the number of ports is the same and it is the same port."""
    lab = Lab(allocator, INGRESS, networked("a", (PortConfig(80), PortConfig(80), PortConfig(90)), ()))
    lab.plan()
    assert ports_of(lab, "a") == [30000, 30001, 30002]
    update(lab, "a", ports=(PortConfig(80), PortConfig(80), PortConfig(91)))
    assert ports_of(lab, "a") == [30000, 30001, 30003]
    update(lab, "a", ports=(PortConfig(91), PortConfig(80), PortConfig(81, 8081)))
    assert ports_of(lab, "a") == [8081, 30003, 30000]  # fixed ones first
    update(lab, "a", ports=(PortConfig(91), PortConfig(80)))
    assert ports_of(lab, "a") == [30004, 30005]  # another number of ports: all anew
    update(lab, "a", ports=(PortConfig(91, 30005), PortConfig(80)))
    assert not lab.store.get("service", "a").allocated  # one wants what the other sticks to


def test_a_fixed_port_blocks_it_in_the_dynamic_range():
    """§9; per protocol."""
    lab = Lab(allocator, INGRESS, networked("a", (PortConfig(80, 30000), PortConfig(53, 30000, "udp")), ()))
    lab.plan()
    lab.write(networked("b", (PortConfig(80), PortConfig(53, 0, "udp"), PortConfig(54, 0, "sctp")), ()))
    lab.plan()
    assert ports_of(lab, "b") == [30001, 30001, 30000]


def test_a_service_that_cannot_have_the_new_port_keeps_the_old_one():
    """§9: it is not allocated, and its new tasks wait; nothing is half-done."""
    lab = Lab(
        allocator, INGRESS, networked("a", (PortConfig(80, 8080),), ()), networked("b", (PortConfig(80, 8081),), ())
    )
    lab.plan()
    update(lab, "b", ports=(PortConfig(80, 8080),))
    b = lab.store.get("service", "b")
    assert (b.allocated, ports_of(lab, "b")) == (False, [8081])
    lab.write(networked("c", (PortConfig(80, 8081),), ()))
    lab.plan()
    assert not lab.store.get("service", "c").allocated
    lab.write(Drop("service", "a"))
    lab.plan()
    assert ports_of(lab, "b") == [8080] and ports_of(lab, "c") in ([], [8081])


def test_host_ports_follow_the_spec_and_are_not_given_out():
    """§9."""
    host = PortConfig(443, 8443, publish_mode="host")
    lab = Lab(allocator, INGRESS, networked("a", (host, PortConfig(80)), ()), networked("b", (host,), ()))
    lab.plan()
    assert ports_of(lab, "a") == [8443, 30000] and lab.store.get("service", "b").virtual_ips == ()
    update(lab, "a", ports=(replace(host, published_port=9443), PortConfig(80)))
    assert ports_of(lab, "a") == [30000, 9443]


def test_a_new_virtual_ip_stands_behind_the_old_ones():
    """§9: on creation that of ingress is the first; an update frees those that are not needed any more."""
    lab = Lab(allocator, INGRESS, FRONT, BACK, networked())
    lab.plan()
    update(lab, "s", ports=(PortConfig(80, 8080),))
    assert addresses(lab.store.get("service", "s").virtual_ips) == ["10.0.1.2/24", "10.0.0.2/24"]
    service = lab.store.get("service", "s")
    task = replace(service.spec.task, networks=(NetworkTarget("back"),))
    lab.write(replace(service, spec=replace(service.spec, task=task)))
    lab.plan()
    assert addresses(lab.store.get("service", "s").virtual_ips) == ["10.0.0.2/24", "10.0.2.2/24"]
    update(lab, "s", mode="dnsrr")
    assert lab.store.get("service", "s").virtual_ips == ()
    assert not any("service s" in numbers.used.values() for numbers in lab.memory.addresses.values())


# ── tasks ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_full_network():
    """§9: 253 addresses of a /24 are left beside the gateway; tasks wait in new without a text, and get what is freed."""
    of = networked(mode="dnsrr")
    lab = Lab(allocator, FRONT, of, *(fresh(f"t{i}", of, i) for i in range(260)))
    lab.plan()
    waiting = [task for task in lab.tasks if task.state == NEW]
    assert len(waiting) == 7 and {(task.err, task.message) for task in waiting} == {("", "created")}
    lab.write(replace(lab.get("t10"), state=FAILED), Drop("task", "t11"))
    lab.plan()
    assert [lab.get(f"t{i}").state for i in (253, 254, 255)] == [PENDING, PENDING, NEW]
    assert lab.wake_at == 300 * SECOND


def test_a_task_that_lacks_one_address_holds_none():
    """cnmallocator: AllocateTask gives back what it took before."""
    of = networked(networks=("net", "back"), mode="dnsrr")
    lab = Lab(allocator, FRONT, small("back", "10.9.0.0/30"), of, fresh("a", of), fresh("b", of, 2))
    lab.plan()
    assert [task.state for task in lab.tasks] == [PENDING, NEW]
    assert "b" not in lab.memory.held and "b" not in lab.memory.addresses["net"].used.values()


def test_a_removed_service_lets_the_others_try_again():
    """§9: retried after a release; deletion of a service is one even if it held nothing."""
    lab = Lab(allocator, INGRESS, networked("a", (PortConfig(80), PortConfig(81, 30000)), ()), networked("b", (), ()))
    lab.plan()
    lab.write(Drop("service", "b"))
    lab.plan()
    assert ports_of(lab, "a") == [30001, 30000]


def test_what_a_service_gives_up_lets_the_others_try_again():
    """§9: a port or an address that an update freed is given out at the next commit, not after five minutes."""
    a, b = networked("a", (PortConfig(80, 8080),), ("net",)), networked("b", (PortConfig(80, 8080),), ())
    services = [replace(one, spec=replace(one.spec, replicas=0)) for one in (a, b, networked("c", (), ("net",)))]
    swarm = Control(INGRESS, small(subnet="10.9.0.0/30"), *services)
    assert [swarm.get("service", id).allocated for id in "abc"] == [True, False, False]
    for service, gone, waits in (("a", {"endpoint": EndpointSpec()}, "b"), ("a", {"task": TaskSpec()}, "c")):
        old = swarm.get("service", service)
        swarm.write(replace(old, spec=replace(old.spec, **gone)))
        swarm.settle()
        assert swarm.get("service", waits).allocated


# ── nodes ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_node_gets_its_address_for_a_global_task_as_soon_as_that_has_one():
    """§9: a task of a global service has its node from the beginning."""
    of = networked(mode="dnsrr")
    lab = Lab(allocator, INGRESS, FRONT, node("n1"), of, fresh("a", of, 0, node="n1"))
    lab.plan()
    assert addresses(lab.store.get("node", "n1").attachments) == ["10.0.0.2/24", "10.0.1.3/24"]
    lab.write(replace(lab.get("a"), desired=SHUTDOWN, state=SHUTDOWN))
    lab.plan()
    assert addresses(lab.store.get("node", "n1").attachments) == ["10.0.0.2/24"]


def test_one_address_that_cannot_be_had_does_not_keep_a_node_from_the_others():
    """network.go, allocateNode: tried again when the node, or a task on it, changes."""
    of = networked(networks=("net", "back"), mode="dnsrr")
    lab = Lab(allocator, INGRESS, small("back", "10.9.0.0/30"), FRONT, node("n1"), of, fresh("a", of))
    lab.plan()
    lab.write(replace(lab.get("a"), node="n1", state=ASSIGNED))
    lab.plan()
    assert addresses(lab.store.get("node", "n1").attachments) == ["10.0.0.2/24", "10.0.1.3/24"]
    lab.memory.addresses["back"].give(ipam.number("10.9.0.2"))
    lab.write(replace(lab.get("a"), state=RUNNING))
    lab.plan()
    assert addresses(lab.store.get("node", "n1").attachments)[2:] == ["10.9.0.2/30"]


def test_addresses_of_a_network_that_went_leave_the_nodes():
    of = networked(mode="dnsrr")
    lab = Lab(allocator, INGRESS, FRONT, node("n1"), of, fresh("a", of, node="n1", state=NEW))
    lab.plan()
    lab.write(Drop("network", "net"))
    lab.plan()
    assert addresses(lab.store.get("node", "n1").attachments) == ["10.0.0.2/24"]


# ── any history ──────────────────────────────────────────────────────────────────────────────────────────────────────


class Life:
    """Services, tasks, nodes and networks that come, change and go."""

    def __init__(self, seed):
        self.dice, self.made = random.Random(seed), 0
        self.lab = Lab(allocator, INGRESS, node("n1"), node("n2"), small("net"), BACK)
        self.lab.plan()

    def some(self, kind):
        return self.dice.choice(list(self.lab.store.all(kind)) or [None])

    def step(self):
        self.made += 1
        dice, service, task = self.dice, self.some("service"), self.some("task")
        ports = dice.choice(((), (PortConfig(80, 8080),), (PortConfig(80),), (PortConfig(80), PortConfig(81, 30001))))
        networks = dice.choice(((), ("net",), ("net", "back"), ("back",)))
        match dice.randrange(9):
            case 0:
                return [networked(f"s{self.made}", ports, networks, dice.choice(("vip", "vip", "dnsrr")))]
            case 1 if service:
                endpoint = EndpointSpec(dice.choice(("vip", "dnsrr")), ports)
                targets = tuple(map(NetworkTarget, networks))
                task = replace(service.spec.task, networks=targets)
                return [replace(service, spec=replace(service.spec, endpoint=endpoint, task=task))]
            case 2 if service and dice.random() < 0.5:
                return [Drop("service", service.id)]
            case 3 | 4 if service:
                return [
                    fresh(f"t{self.made}-{i}", service, node=dice.choice(("", self.some("node").id))) for i in range(2)
                ]
            case 5 if task and task.state == PENDING:
                return [replace(task, state=RUNNING, node=task.node or self.some("node").id)]
            case 6 if task and task.state == RUNNING:
                return [replace(task, state=FAILED)]
            case 7 if task:
                return [Drop("task", task.id)]
            case 8:
                gone = (
                    Drop("node", self.some("node").id)
                    if len(self.lab.store.tables["node"]) > 1
                    else node(f"last{self.made}")
                )
                return [dice.choice((gone, node(f"n{self.made}"), *self.network()))]
        return []

    def network(self):
        """A network that nobody uses may go; one that is gone may come back."""
        if not self.lab.store.get("network", "back"):
            return [BACK]
        targets = [target.target for service in self.lab.store.all("service") for target in service.spec.task.networks]
        held = any("back" in held for held in self.lab.memory.held.values())
        return [] if held or "back" in targets else [Drop("network", "back")]


def books(memory):
    """All that is taken, by whom."""
    rows = {f"addresses of {id}": numbers.used for id, numbers in memory.addresses.items()}
    rows |= {f"ports of {name}": numbers.used for name, numbers in memory.ports.ranges.items()}
    held = {owner: dict(held) for owner, held in memory.held.items() if held}
    return rows | {"vnis": memory.vnis.used, "held": held, "subnets": memory.subnets}


def live(seed, steps=150):
    life = Life(seed)
    for _ in range(steps):
        life.lab.write(*life.step())
        life.lab.plan()
        again = allocator.Memory()
        allocator._restore(life.lab.store, again)
        assert {k: dict(v) for k, v in books(life.lab.memory).items()} == {k: dict(v) for k, v in books(again).items()}
        uses = {id: uses for id, uses in life.lab.memory.uses.items() if uses}
        assert uses == used_on_nodes(life.lab.store)


def used_on_nodes(store):
    rows = {}
    for task in store.all("task"):
        for attachment in task.networks if task.node and task.state <= RUNNING else ():
            counts = rows.setdefault(task.node, {})
            counts[attachment.network] = counts.get(attachment.network, 0) + 1
    return {id: counts for id, counts in rows.items() if store.get("node", id)}


@pytest.mark.parametrize("seed", range(20))
def test_the_books_say_what_a_new_leader_reads_off_the_store(seed):
    """Nothing is held that no object shows, and nothing shown is not held."""
    live(seed)


@pytest.mark.parametrize("bug", ["ports", "address"])
def test_the_books_catch_a_planted_bug(bug, monkeypatch):
    """Ports that a failed update does not get back; an address that a removed task keeps."""
    if bug == "ports":
        monkeypatch.setattr(taken.Ports, "restore", lambda self, service: None)
    else:
        monkeypatch.setattr(taken.Range, "give", lambda self, number: None)
    with pytest.raises(AssertionError):
        for seed in range(10):
            live(seed)
