"""new → pending: subnets for networks, virtual IPs and ports for services, addresses for tasks and nodes.

Source: Docker documentation, "Manage swarm service networks", `docker swarm init --default-addr-pool`; swarmkit
`manager/allocator`, moby `daemon/libnetwork/cnmallocator`.
"""

from collections.abc import Iterable
from typing import Any

from ..effects import SECOND
from ..objects import NEW, PENDING, RUNNING, Attachment, Network, Node, PortConfig, Put, Service, Task, replace
from ..overlay import ipam
from .store import Key, Store

FIRST_VNI, LAST_VNI = 4096, (1 << 24) - 1
FIRST_PORT, LAST_PORT = 30000, 32767  # published ports that nobody chose
RETRY = 300 * SECOND
VNI_OPTION = "com.docker.network.driver.overlay.vxlanid_list"


class Range:
    """Numbers of one kind that are taken, by whom, and the last one handed out."""

    def __init__(self, used: dict[int, str] | None = None) -> None:
        self.used: dict[int, str] = {} if used is None else used
        self.previous = -1

    def take(self, first: int, last: int, owner: str) -> int | None:
        """The next free number, now taken; None when there is none."""
        number = ipam.next_free(first, last, self.used, self.previous)
        if number is not None:
            self.used[number], self.previous = owner, number
        return number


class Memory:
    """What is taken. Not stored: a new leader reads it off the objects and counts on from the lowest free number."""

    def __init__(self) -> None:
        self.begun = False
        self.subnets: dict[str, ipam.Subnet] = {}  # by network
        self.addresses: dict[str, Range] = {}  # by network
        self.held: dict[str, dict[str, int]] = {}  # by owner: network → address
        self.vnis: Range = Range()
        self.ports: dict[str, Range] = {}  # by protocol
        self.node_of: dict[str, str] = {}  # by task that was placed and has not ended
        self.waiting: dict[Key, None] = {}  # what could not be allocated
        self.freed = False  # something was given back since they were last tried


def plan(store: Store, changed: Iterable[Key] | None, memory: Memory, now: int) -> tuple[list, int | None]:
    """Give out what is missing: networks first, then services, tasks, and the nodes that these tasks are on."""
    if not memory.begun:
        _restore(store, memory)
    keys = None if changed is None else dict.fromkeys(changed)
    if keys is not None:
        _release_gone(store, keys, memory)
        if memory.freed or not keys:  # no keys: the retry after five minutes
            keys |= memory.waiting
    memory.freed = False
    work = _Work(store, memory, now)
    work.run(keys)
    memory.waiting = {
        key: None for key in [*memory.waiting, *work.failed] if key not in work.settled and store.get(*key)
    }
    changes = [Put(object) for object in work.done.values()]
    return changes, now + RETRY if memory.waiting else None


class _Work:
    """One round: objects changed in it are seen by what comes after them in the same round."""

    def __init__(self, store: Store, memory: Memory, now: int):
        self.store, self.memory, self.now = store, memory, now
        self.done: dict[Key, Any] = {}  # the new objects, in order
        self.failed: dict[Key, None] = {}
        self.settled: dict[Key, None] = {}

    def run(self, keys: dict[Key, None] | None) -> None:
        networks = sorted(self.store.changed("network", keys), key=lambda network: not network.spec.ingress)
        for network in networks:
            if not network.subnet and _has_addresses(network):
                self.settle("network", network, self.network(network))
        services = {service.id: service for service in self.store.changed("service", keys)}
        for service in services.values():
            self.settle("service", service, self.service(service))
        for task in self.tasks(keys, services, networks):
            # Whatever it is wanted for: jobs are to complete, and what ends must first be pending.
            if task.state == NEW:
                self.settle("task", task, self.task(task))
        for node in self.nodes(keys, networks):
            self.settle("node", node, self.node(node))

    def settle(self, kind: str, old: Any, new: Any) -> None:
        """Note the outcome: None means that something is missing and the old object waits."""
        key = (kind, old.id)
        (self.settled if new else self.failed)[key] = None
        if new and new != old:
            self.done[key] = new

    def look(self, kind: str, id: str) -> Any:
        return self.done.get((kind, id)) or self.store.get(kind, id)

    # ── what else has to be looked at ────────────────────────────────────────────────────────────────────────────

    def tasks(self, keys: dict[Key, None] | None, services: dict, networks: list) -> list[Task]:
        """Changed tasks, and new ones of services and networks that were settled just now."""
        tasks = {task.id: task for task in self.store.changed("task", keys)}
        if keys is not None:
            for id in services:
                tasks |= {task.id: task for task in self.store.tasks_of(id) if task.state == NEW}
            if networks:
                waiting = (self.store.get("task", id) for kind, id in self.memory.waiting if kind == "task")
                tasks |= {task.id: task for task in waiting if task}
        return list(tasks.values())

    def nodes(self, keys: dict[Key, None] | None, networks: list) -> list[Node]:
        """Changed nodes, and those where a task has come or ended; all of them once ingress has come."""
        nodes = dict.fromkeys(id for kind, id in keys or () if kind == "node")
        tasks = self.store.tables["task"] if keys is None else [id for kind, id in keys if kind == "task"]
        for id in tasks:
            nodes |= dict.fromkeys(self.moved(id))
        if keys is None or any(network.spec.ingress for network in networks):
            return list(self.store.all("node"))
        return [node for id in nodes if (node := self.store.get("node", id))]

    def moved(self, id: str) -> list[str]:
        """The node of a task, if it has come there or ended there since it was last looked at."""
        task, node_of = self.store.get("task", id), self.memory.node_of
        if task is None or task.state > RUNNING:
            return [node_of.pop(id)] if id in node_of else []
        if task.node and id not in node_of:
            node_of[id] = task.node
            return [task.node]
        return []

    # ── one object each: the object as allocated, or None ────────────────────────────────────────────────────────

    def network(self, network: Network) -> Network | None:
        """A subnet (the lowest free one unless asked for), a gateway (its first address unless asked for), a VNI."""
        asked, gateway, _ = next((one for one in network.spec.subnets if ":" not in one[0]), ("", "", ""))
        block = self.fixed_subnet(asked) if asked else self.free_subnet()
        vni = self.vni(network) if block else None
        if block is None or vni is None:
            return None
        self.memory.subnets[network.id] = block
        door = ipam.number(gateway) if gateway else block.base + 1
        used = {block.base: "network", door: "gateway", block.last: "broadcast"}
        self.memory.addresses[network.id] = Range(used)
        return replace(network, subnet=str(block), gateway=ipam.text(door), vni=vni)

    def fixed_subnet(self, asked: str) -> ipam.Subnet | None:
        block = ipam.subnet(asked)
        return None if any(block.overlaps(other) for other in self.memory.subnets.values()) else block

    def free_subnet(self) -> ipam.Subnet | None:
        """From the first pool that has room; there may be several."""
        cluster = self.store.cluster
        pools, bits = (cluster.address_pool, cluster.subnet_size) if cluster else ("10.0.0.0/8", 24)
        taken = tuple(self.memory.subnets.values())
        blocks = (ipam.lowest_free(ipam.subnet(pool), bits, taken) for pool in pools.split(","))
        return next((block for block in blocks if block), None)

    def vni(self, network: Network) -> int | None:
        asked = network.spec.options.get(VNI_OPTION, "")
        if not asked.isdigit():
            return self.memory.vnis.take(FIRST_VNI, LAST_VNI, network.id)
        if int(asked) in self.memory.vnis.used:
            return None
        self.memory.vnis.used[int(asked)] = network.id
        return int(asked)

    def service(self, service: Service) -> Service | None:
        """Ports, then a virtual IP per network. A service that lacks something is marked as not allocated."""
        ports = self.ports(service)
        vips = self.virtual_ips(service) if ports is not None else None
        if ports is None or vips is None:
            if service.allocated:
                self.done["service", service.id] = replace(service, allocated=False)
            return None
        return replace(service, ports=ports, virtual_ips=vips, allocated=True)

    def ports(self, service: Service) -> tuple[PortConfig, ...] | None:
        """Host-mode and fixed ones first, then those from the dynamic range, which stay the same over updates."""
        wanted = service.spec.endpoint.ports
        fixed = [port for port in wanted if port.published_port or port.publish_mode == "host"]
        dynamic = [port for port in wanted if not (port.published_port or port.publish_mode == "host")]
        kept = _sticky(service, dynamic)
        self.release_ports(service, [*fixed, *(port for port in kept if port)])
        numbers = [port for port in fixed if port.publish_mode != "host"]
        if any(self.range(port).used.get(port.published_port, service.id) != service.id for port in numbers):
            return None
        for port in numbers:
            self.range(port).used[port.published_port] = service.id
        given = [port or self.dynamic_port(asked, service) for asked, port in zip(dynamic, kept, strict=True)]
        return None if None in given else (*fixed, *(port for port in given if port))

    def range(self, port: PortConfig) -> Range:
        return self.memory.ports.setdefault(port.protocol, Range())

    def dynamic_port(self, port: PortConfig, service: Service) -> PortConfig | None:
        number = self.range(port).take(FIRST_PORT, LAST_PORT, service.id)
        return None if number is None else replace(port, published_port=number)

    def release_ports(self, service: Service, keep: list[PortConfig]) -> None:
        kept = {(port.protocol, port.published_port) for port in keep if port.publish_mode != "host"}
        for protocol, numbers in self.memory.ports.items():
            for number in [n for n, owner in numbers.used.items() if owner == service.id and (protocol, n) not in kept]:
                del numbers.used[number]
                self.memory.freed = True

    def virtual_ips(self, service: Service) -> tuple[Attachment, ...] | None:
        """One on ingress if a port is published there, then one per network; none with dnsrr."""
        networks = self.networks_of(service, service.spec.task) if service.spec.endpoint.mode == "vip" else []
        return self.attach(f"service {service.id}", networks)

    def networks_of(self, service: Service, spec: Any) -> list[str]:
        """The networks with addresses of their own, ingress first."""
        meshed = any(port.publish_mode == "ingress" for port in service.spec.endpoint.ports)
        ingress = self.store.ingress if meshed else None
        targets = [target.target for target in spec.networks]
        named = [id for id in targets if (network := self.store.get("network", id)) and _has_addresses(network)]
        return ([ingress.id] if ingress else []) + named

    def task(self, task: Task) -> Task | None:
        """An address on each network, and the service's ports; not before the service has its own."""
        service = self.look("service", task.service)
        if service is None or not service.allocated:
            return None
        addresses = self.attach(task.id, self.networks_of(service, task.spec))
        if addresses is None:
            return None
        task = replace(task, networks=addresses, ports=service.ports)
        return replace(task, state=PENDING, message="pending task scheduling", status_at=self.now)

    def node(self, node: Node) -> Node | None:
        """An address for load balancing on ingress, and on every network that a task on the node uses."""
        ingress = self.store.ingress
        used = {ingress.id: None} if ingress else {}
        for task in self.store.tasks_on(node.id):
            if task.state <= RUNNING:
                # A network may go while the last tasks on it are still stopping.
                there = (attachment.network for attachment in task.networks)
                used |= {network: None for network in there if network in self.memory.subnets}
        addresses = self.attach(f"node {node.id}", list(used))
        return None if addresses is None else replace(node, attachments=addresses)

    def attach(self, owner: str, networks: list[str]) -> tuple[Attachment, ...] | None:
        """One address on each of the networks and on no other: what the owner holds already it keeps."""
        held = self.memory.held.get(owner, {})
        _give_back(self.memory, owner, [network for network in held if network not in networks])
        for network in networks:
            if network not in self.memory.held.get(owner, {}) and not self.take_address(owner, network):
                return None
        mine = self.memory.held.get(owner, {})
        bits = self.memory.subnets
        return tuple(Attachment(id, f"{ipam.text(mine[id])}/{bits[id].bits}") for id in networks)

    def take_address(self, owner: str, network: str) -> bool:
        block = self.memory.subnets.get(network)
        address = block and self.memory.addresses[network].take(block.base, block.last, owner)
        if address is None:
            return False
        self.memory.held.setdefault(owner, {})[network] = address
        return True


def _has_addresses(network: Network) -> bool:
    return network.spec.driver == "overlay" and not network.predefined


def _sticky(service: Service, dynamic: list[PortConfig]) -> list[PortConfig | None]:
    """For each dynamic port the one it got before, if the number of ports is the same and it is not another port."""
    old = {(port.name, port.protocol, port.target_port): port for port in service.ports if port.publish_mode != "host"}
    if len(service.ports) != len(service.spec.endpoint.ports):
        return [None] * len(dynamic)
    return [old.get((port.name, port.protocol, port.target_port)) for port in dynamic]


# ── giving back ──────────────────────────────────────────────────────────────────────────────────────────────────


def _release_gone(store: Store, keys: Iterable[Key], memory: Memory) -> None:
    for kind, id in keys:
        object = store.get(kind, id)
        if kind == "task" and (object is None or object.state > RUNNING):
            _give_back(memory, id, list(memory.held.get(id, ())))
        elif object is None and kind in ("node", "service"):
            owner = f"{kind} {id}"
            _give_back(memory, owner, list(memory.held.get(owner, ())))
            _give_back_ports(memory, id)
        elif object is None and kind == "network" and id in memory.subnets:
            _give_back_network(memory, id)


def _give_back(memory: Memory, owner: str, networks: list[str]) -> None:
    held = memory.held.get(owner, {})
    for network in networks:
        address = held.pop(network)
        if network in memory.addresses:
            memory.addresses[network].used.pop(address, None)
        memory.freed = True
    if not held:
        memory.held.pop(owner, None)


def _give_back_ports(memory: Memory, service: str) -> None:
    for numbers in memory.ports.values():
        for number in [number for number, owner in numbers.used.items() if owner == service]:
            del numbers.used[number]
            memory.freed = True


def _give_back_network(memory: Memory, id: str) -> None:
    del memory.subnets[id], memory.addresses[id]
    memory.vnis.used = {vni: owner for vni, owner in memory.vnis.used.items() if owner != id}
    memory.freed = True


# ── a new leader ─────────────────────────────────────────────────────────────────────────────────────────────────


def _restore(store: Store, memory: Memory) -> None:
    """Read off the objects what is taken."""
    memory.begun = True
    for network in store.all("network"):
        if network.subnet:
            block = memory.subnets[network.id] = ipam.subnet(network.subnet)
            used = {block.base: "network", ipam.number(network.gateway): "gateway", block.last: "broadcast"}
            memory.addresses[network.id] = Range(used)
            memory.vnis.used[network.vni] = network.id
    for node in store.all("node"):
        _hold(memory, f"node {node.id}", node.attachments)
    for service in store.all("service"):
        _hold(memory, f"service {service.id}", service.virtual_ips)
        for port in service.ports:
            if port.publish_mode != "host":
                memory.ports.setdefault(port.protocol, Range()).used[port.published_port] = service.id
    for task in store.all("task"):
        if task.state <= RUNNING:
            _hold(memory, task.id, task.networks)


def _hold(memory: Memory, owner: str, attachments: Iterable[Attachment]) -> None:
    for attachment in attachments:
        if attachment.network in memory.addresses:
            address = ipam.number(attachment.address.partition("/")[0])
            memory.addresses[attachment.network].used[address] = owner
            memory.held.setdefault(owner, {})[attachment.network] = address
