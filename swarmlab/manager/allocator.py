"""new → pending: subnets for networks, virtual IPs and ports for services, addresses for tasks and nodes.

Source: Docker documentation, "Manage swarm service networks", `docker swarm init --default-addr-pool`; swarmkit
`manager/allocator`, moby `daemon/libnetwork/cnmallocator`.
"""

# Simpler than in reality (docs/simplifications.md): first-subnet

import re
from collections.abc import Iterable
from typing import Any

from ..effects import SECOND
from ..objects import NEW, PENDING, RUNNING, Attachment, Cluster, Network, Node, Put, Service, Task, replace
from ..overlay import ipam
from .store import Key, Store
from .taken import Ports, Range

FIRST_VNI, LAST_VNI = 4096, (1 << 24) - 1
RETRY = 300 * SECOND
READY = "pending task scheduling"
VNI_OPTION = "com.docker.network.driver.overlay.vxlanid_list"
DIGITS = re.compile(r"[0-9]{1,8}")  # more do not fit into 24 bits


class Memory:
    """What is taken. Not stored: a new leader reads it off the objects and counts on from the lowest free number."""

    def __init__(self) -> None:
        self.begun = False
        self.subnets: dict[str, ipam.Subnet] = {}  # by network
        self.addresses: dict[str, Range] = {}  # by network
        self.held: dict[str, dict[str, int]] = {}  # by owner: network → address
        self.vnis = Range(FIRST_VNI, LAST_VNI)
        self.vni_of: dict[str, int] = {}  # by network
        self.ports = Ports()
        self.placed: dict[str, tuple[str, tuple[str, ...]]] = {}  # by task: its node and its networks
        self.uses: dict[str, dict[str, int]] = {}  # by node: network → how many tasks there are on it
        self.short: dict[str, None] = {}  # nodes that lack an address
        self.waiting: dict[Key, None] = {}  # what could not be allocated
        self.freed = False  # something was given back since they were last tried


def plan(store: Store, changed: Iterable[Key] | None, memory: Memory, now: int) -> tuple[list, int | None]:
    """Give out what is missing: networks first, then nodes, services, tasks."""
    if not memory.begun:
        _restore(store, memory)
    work = _Work(store, memory, now)
    if changed is None:
        keys = [(kind, id) for kind in ("network", "node", "service", "task") for id in store.tables[kind]]
        work.run(dict.fromkeys(keys))
    else:
        keys = list(changed)
        _release_gone(store, keys, memory)
        again = memory.waiting if memory.freed or not keys else {}  # no keys: the retry after five minutes
        memory.freed = False
        work.run(dict.fromkeys(keys) | again)
    return [Put(object) for object in work.done.values()], now + RETRY if memory.waiting else None


class _Work:
    """One round: objects changed in it are seen by what comes after them in the same round."""

    def __init__(self, store: Store, memory: Memory, now: int):
        self.store, self.memory, self.now = store, memory, now
        self.done: dict[Key, Any] = {}  # the new objects, in order
        self.known: dict[str, tuple[str, ...] | None] = {}  # by service: the networks of its tasks

    def run(self, keys: dict[Key, None]) -> None:
        ids: dict[str, list[str]] = {"network": [], "node": [], "service": [], "task": []}
        for kind, id in keys:
            if kind in ids:
                ids[kind].append(id)
        networks = [self.store.get("network", id) for id in ids["network"]]
        for network in sorted(filter(None, networks), key=lambda network: not network.spec.ingress):
            if not network.subnet and _has_addresses(network):
                self.settle("network", network, self.network(network))
        for id in self.nodes(ids["node"], ids["task"], networks):
            self.node(self.store.get("node", id))
        for service in filter(None, [self.store.get("service", id) for id in ids["service"]]):
            self.settle("service", service, self.service(service))
        for id in self.tasks(ids["task"], ids["service"], networks):
            task = self.store.get("task", id)
            # Whatever it is wanted for: jobs are to complete, and what ends must first be pending.
            if task and task.state == NEW:
                self.settle("task", task, self.task(task))

    def settle(self, kind: str, old: Any, new: Any) -> None:
        """Note the outcome: None means that something is missing and the old object waits."""
        key = (kind, old.id)
        if new is None:
            self.memory.waiting[key] = None
            return
        self.memory.waiting.pop(key, None)
        if new != old:
            self.done[key] = new

    def look(self, kind: str, id: str) -> Any:
        return self.done.get((kind, id)) or self.store.get(kind, id)

    # ── what else has to be looked at ────────────────────────────────────────────────────────────────────────────

    def tasks(self, changed: list[str], services: list[str], networks: list) -> Iterable[str]:
        """Changed tasks, and those that waited for a service or a network that was settled just now."""
        if not (services or networks) or not self.memory.waiting:
            return changed
        waiting = [id for kind, id in self.memory.waiting if kind == "task"]
        return dict.fromkeys([*changed, *waiting])

    def nodes(self, changed: list[str], tasks: list[str], networks: list) -> list[str]:
        """Changed nodes, and those where the networks in use may have changed; all of them if a network came or went."""
        nodes = dict.fromkeys(changed)
        for id in tasks:
            nodes |= dict.fromkeys(self.moved(id))
        if any(network is None or network.spec.ingress for network in networks):
            nodes |= dict.fromkeys(self.store.tables["node"])
        return [id for id in nodes if id in self.store.tables["node"]]

    def moved(self, id: str) -> list[str]:
        """The node of a task, if the task has come there or ended there, or if the node lacks an address."""
        task, memory = self.store.get("task", id), self.memory
        old = memory.placed.get(id)
        if task is None or task.state > RUNNING:
            return [] if old is None else self.leave(id, *old)
        if old is None and task.networks and task.node in self.store.tables["node"]:
            _arrive(memory, task)
            return [task.node]
        return [task.node] if task.node in memory.short else []

    def leave(self, id: str, node: str, networks: tuple[str, ...]) -> list[str]:
        del self.memory.placed[id]
        uses = self.memory.uses.get(node, {})  # none if the node is gone
        for network in filter(uses.get, networks):
            uses[network] -= 1
            if not uses[network]:
                del uses[network]
        return [node]

    # ── one object each: the object as allocated, or None ────────────────────────────────────────────────────────

    def network(self, network: Network) -> Network | None:
        """A subnet (the lowest free one unless asked for), a gateway (its first address unless asked for), a VNI."""
        asked, gateway, _ = _ipv4(network)
        block = self.fixed_subnet(asked) if asked else self.free_subnet()
        vni = self.vni(network) if block else None
        if block is None or vni is None:
            return None
        door = ipam.number(gateway) if gateway else block.base + 1
        network = replace(network, subnet=str(block), gateway=ipam.text(door), vni=vni)
        _hold_network(self.memory, network)
        return network

    def fixed_subnet(self, asked: str) -> ipam.Subnet | None:
        block = ipam.subnet(asked)
        return None if any(block.overlaps(other) for other in self.memory.subnets.values()) else block

    def free_subnet(self) -> ipam.Subnet | None:
        """The lowest one of the pools; there may be several."""
        cluster = self.store.cluster or Cluster("")
        taken = tuple(self.memory.subnets.values())
        blocks = (ipam.lowest_free(pool, cluster.subnet_size, taken) for pool in ipam.pools(cluster.address_pool))
        return next(filter(None, blocks), None)

    def vni(self, network: Network) -> int | None:
        """The next free one, or the first of those that were asked for; None where that is no number, or somebody's."""
        asked = network.spec.options.get(VNI_OPTION)
        if asked is None:
            return self.memory.vnis.take(network.id)
        numbers = [int(one) if DIGITS.fullmatch(one) else 0 for one in asked.split(",")]
        right = all(0 < number <= LAST_VNI for number in numbers)
        return numbers[0] if right and numbers[0] not in self.memory.vnis.used else None

    def node(self, node: Node) -> None:
        """An address for load balancing on every network that a task on the node uses, and on ingress.

        One that cannot be had does not keep the node from the others; it is tried again when the node, or a task on
        it, changes.
        """
        memory, owner = self.memory, f"node {node.id}"
        # A network may go while the last tasks on it are still stopping.
        wanted = [network for network in memory.uses.get(node.id, ()) if network in memory.subnets]
        ingress = self.store.ingress
        if ingress and ingress.id not in wanted:
            wanted.append(ingress.id)
        memory.freed |= self.keep_only(owner, wanted)
        got = [network for network in wanted if self.take_address(owner, network)]
        memory.short.pop(node.id, None)
        if len(got) < len(wanted):
            memory.short[node.id] = None
        attachments = self.attachments(owner, _in_old_order(node.attachments, got))
        if attachments != node.attachments:
            self.done["node", node.id] = replace(node, attachments=attachments)

    def service(self, service: Service) -> Service | None:
        """Ports, then a virtual IP per network. A service that lacks something is marked as not allocated."""
        held = self.memory.ports.held
        before = list(held.get(service.id, ()))
        ports = self.memory.ports.allocate(service)
        vips = self.virtual_ips(service) if ports is not None else None
        if ports is None or vips is None:
            self.memory.ports.restore(service)
            if service.allocated:
                self.done["service", service.id] = replace(service, allocated=False)
            return None
        self.memory.freed |= any(port not in held.get(service.id, ()) for port in before)
        return replace(service, ports=ports, virtual_ips=vips, allocated=True)

    def virtual_ips(self, service: Service) -> tuple[Attachment, ...] | None:
        """One on ingress if a port is published there, then one per network; none with dnsrr. New ones stand last."""
        networks = self.networks_of(service, service.spec.task) if service.spec.endpoint.mode == "vip" else ()
        return self.attach(f"service {service.id}", _in_old_order(service.virtual_ips, networks))

    def networks_of(self, service: Service, spec: Any) -> tuple[str, ...]:
        """The networks with addresses of their own, ingress first."""
        meshed = any(port.publish_mode == "ingress" for port in service.spec.endpoint.ports)
        ingress = self.store.ingress if meshed else None
        targets = [target.target for target in spec.networks]
        named = [id for id in targets if (network := self.store.get("network", id)) and _has_addresses(network)]
        return ((ingress.id,) if ingress else ()) + tuple(named)

    def task(self, task: Task) -> Task | None:
        """An address on each network, and the service's ports; not before the service has its own."""
        if task.spec.attachment:
            return self.attachment(task)
        service = self.look("service", task.service)
        if service is None or not service.allocated:
            return None
        addresses = self.attach(task.id, self.networks_of(service, task.spec))
        if addresses is None:
            return None
        return replace(task, networks=addresses, ports=service.ports, state=PENDING, message=READY, status_at=self.now)

    def attachment(self, task: Task) -> Task | None:
        """The address of a plain container, which may have asked for this very one."""
        target = task.spec.networks[0]
        if not self.take_address(task.id, target.target, target.address):
            return None
        addresses = self.attachments(task.id, (target.target,))
        return replace(task, networks=addresses, state=PENDING, message=READY, status_at=self.now)

    # ── addresses ────────────────────────────────────────────────────────────────────────────────────────────────

    def attach(self, owner: str, networks: tuple[str, ...]) -> tuple[Attachment, ...] | None:
        """One address on each of the networks and on no other, or none of them: what the owner holds it keeps."""
        before = list(self.memory.held.get(owner, ()))
        for network in networks:
            if not self.take_address(owner, network):
                self.keep_only(owner, before)
                return None
        if before:
            self.memory.freed |= self.keep_only(owner, networks)
        return self.attachments(owner, networks)

    def take_address(self, owner: str, network: str, asked: str = "") -> bool:
        """Does the owner have an address there, now at the latest?"""
        memory = self.memory
        if network in memory.held.get(owner, ()):
            return True
        numbers = memory.addresses.get(network)
        wanted = ipam.number(asked) if asked else 0
        address = None if numbers is None else numbers.claim(wanted, owner) if asked else numbers.take(owner)
        if address is None:
            return False
        memory.held.setdefault(owner, {})[network] = address
        return True

    def keep_only(self, owner: str, networks: Iterable[str]) -> bool:
        """Give back what the owner holds elsewhere; was there anything?"""
        gone = [network for network in self.memory.held.get(owner, ()) if network not in networks]
        _give_back(self.memory, owner, gone)
        return bool(gone)

    def attachments(self, owner: str, networks: Iterable[str]) -> tuple[Attachment, ...]:
        mine, blocks = self.memory.held.get(owner, {}), self.memory.subnets
        return tuple(Attachment(id, f"{ipam.text(mine[id])}/{blocks[id].bits}") for id in networks)


def _has_addresses(network: Network) -> bool:
    return network.spec.driver == "overlay" and not network.predefined


def _ipv4(network: Network) -> tuple[str, str, str]:
    """What was asked for: (subnet, gateway, range)."""
    return next((asked for asked in network.spec.subnets if ":" not in asked[0]), ("", "", ""))


def _in_old_order(old: Iterable[Attachment], wanted: Iterable[str]) -> tuple[str, ...]:
    """The networks that the object had before as they stood, then the others."""
    wanted = dict.fromkeys(wanted)
    before = [attachment.network for attachment in old if attachment.network in wanted]
    return tuple(dict.fromkeys([*before, *wanted]))


def _arrive(memory: Memory, task: Task) -> None:
    """The task uses its networks on its node."""
    networks = tuple(attachment.network for attachment in task.networks)
    memory.placed[task.id] = task.node, networks
    uses = memory.uses.setdefault(task.node, {})
    for network in networks:
        uses[network] = uses.get(network, 0) + 1


# ── giving back ──────────────────────────────────────────────────────────────────────────────────────────────────


def _release_gone(store: Store, keys: Iterable[Key], memory: Memory) -> None:
    for kind, id in keys:
        object = store.get(kind, id)
        if object is None:
            memory.waiting.pop((kind, id), None)
        if kind == "task" and (object is None or object.state > RUNNING):
            memory.waiting.pop((kind, id), None)
            memory.freed |= id in memory.held
            _give_back(memory, id, list(memory.held.get(id, ())))
        elif object is None and kind in ("node", "service"):
            owner = f"{kind} {id}"
            memory.freed = True
            _give_back(memory, owner, list(memory.held.get(owner, ())))
            memory.ports.release(id)
            memory.uses.pop(id, None)
            memory.short.pop(id, None)
        elif object is None and kind == "network":
            memory.freed = True
            _give_back_network(memory, id)


def _give_back(memory: Memory, owner: str, networks: list[str]) -> None:
    held = memory.held.get(owner, {})
    for network in networks:
        address = held.pop(network)
        if network in memory.addresses:
            memory.addresses[network].give(address)
    if not held:
        memory.held.pop(owner, None)


def _give_back_network(memory: Memory, id: str) -> None:
    memory.subnets.pop(id, None)
    memory.addresses.pop(id, None)
    if id in memory.vni_of:
        memory.vnis.give(memory.vni_of.pop(id))


# ── a new leader ─────────────────────────────────────────────────────────────────────────────────────────────────


def _restore(store: Store, memory: Memory) -> None:
    """Read off the objects what is taken."""
    memory.begun = True
    for network in store.all("network"):
        if network.subnet:
            _hold_network(memory, network)
    for node in store.all("node"):
        _hold(memory, f"node {node.id}", node.attachments)
    for service in store.all("service"):
        _hold(memory, f"service {service.id}", service.virtual_ips)
        memory.ports.hold(service.id, service.ports)
    for task in store.all("task"):
        if task.state <= RUNNING:
            _hold(memory, task.id, task.networks)


def _hold_network(memory: Memory, network: Network) -> None:
    """Its first, last and gateway address are no one else's; if a range was asked for, only that is handed out."""
    block = memory.subnets[network.id] = ipam.subnet(network.subnet)
    asked = _ipv4(network)[2]
    pool = ipam.subnet(asked) if asked else block
    addresses = memory.addresses[network.id] = Range(pool.base, pool.last)
    addresses.used |= {block.base: "network", ipam.number(network.gateway): "gateway", block.last: "broadcast"}
    memory.vnis.hold(network.vni, network.id)
    memory.vni_of[network.id] = network.vni


def _hold(memory: Memory, owner: str, attachments: Iterable[Attachment]) -> None:
    for attachment in attachments:
        if attachment.network in memory.addresses:
            address = ipam.number(attachment.address.partition("/")[0])
            memory.addresses[attachment.network].hold(address, owner)
            memory.held.setdefault(owner, {})[attachment.network] = address
