"""The stops of one packet, told by the nodes that it passes: which rule acted, and which addresses it has afterwards.

The mesh calls these functions only for a request that is traced, with what it has just decided; they decide nothing.
Source: moby `daemon/libnetwork/service_linux.go` (marks, IPVS, NAT), `drivers/overlay/ov_network.go`; networking.md §1.4.
"""

# Simpler than in reality (docs/simplifications.md): gwbridge

from typing import TYPE_CHECKING

from ..effects import Note
from ..events import PacketPassed
from ..messages import Endpoint, OverlayNetwork
from . import frames, vxlan
from .ipvs import Pool
from .rows import mac
from .wire import Frame, Visit

if TYPE_CHECKING:
    from .routes import Way
    from .tables import Tables

SANDBOX = "172.18.0.2"  # of the ingress load balancer on docker_gwbridge


def client_end(visit: Visit, address: str = "") -> str:
    """Address and port of who asks: the port is kept by all translations."""
    return f"{address or visit.address}:{client_port(visit)}"


def client_port(visit: Visit) -> int:
    """A port that the kernel gives to who opens a connection."""
    return free_port(visit.connection or visit.request)


def free_port(number: int) -> int:
    """The one that the connection of this number gets, of 32768 to 60999."""
    return 32768 + number * 7919 % 28232


def stop(visit: Visit, layer: str, said: str, source: str, target: str, **more) -> Note:
    """One stop: the addresses are those that the packet has when it leaves."""
    return Note(PacketPassed(visit.request, layer, said, source, target, **more))


# ── to the load balancer ─────────────────────────────────────────────────────────────────────────────────────────


def into_ingress(visit: Visit, node: str, network: OverlayNetwork, pool: Pool, chosen: str) -> list[Note]:
    """A published port of the routing mesh: from the node into its load balancer, and out of it to a task."""
    client, port = client_end(visit), visit.port
    inside = f"{SANDBOX}:{port}"
    dnat = f"iptables -t nat -A DOCKER-INGRESS -p tcp --dport {port} -j DNAT --to-destination {inside}"
    mark = f"iptables -t mangle -A PREROUTING -p tcp --dport {port} -j MARK --set-mark {pool.mark:#x}"
    return [
        stop(visit, "host", "published port: to the load balancer", client, inside, rule=dnat),
        stop(visit, "gwbridge", "into the namespace ingress_sbox", client, inside),
        stop(visit, "sandbox", f"marked {pool.mark:#x}: of this service", client, inside, rule=mark),
        *_translated(visit, client, f"{chosen}:{port}", network, pool),
    ]


def into_virtual_ip(
    visit: Visit, own: str, network: OverlayNetwork, pool: Pool, address: str, chosen: str
) -> list[Note]:
    """A virtual IP: from the container to the load balancer that its own node has in this network."""
    source, target = f"{own}:{client_port(visit)}", f"{address}:{visit.port}"
    macs = mac(own), mac(network.address)
    mark = f"iptables -t mangle -A INPUT -d {address}/32 -j MARK --set-mark {pool.mark:#x}"
    return [
        _asked(visit, own, address),
        stop(visit, "bridge", "the virtual IP is on this very node", source, target, macs=macs),
        stop(visit, "sandbox", f"marked {pool.mark:#x}: of this service", source, target, rule=mark),
        *_translated(visit, source, f"{chosen}:{visit.port}", network, pool),
    ]


def _translated(visit: Visit, source: str, target: str, network: OverlayNetwork, pool: Pool) -> list[Note]:
    real, here = target.partition(":")[0], f"{network.address}:{client_port(visit)}"
    ipvs = f"ipvsadm -a -f {pool.mark} -r {real} -m -w 1"
    snat = f"iptables -t nat -A POSTROUTING -d {network.subnet} -m ipvs --ipvs -j SNAT --to-source {network.address}"
    choice = f"IPVS, turn {pool.turn}: one of {pool.able} tasks"
    return [
        stop(visit, "sandbox", choice, source, target, rule=ipvs),
        stop(visit, "sandbox", "source is now this node's load balancer", here, target, rule=snat),
    ]


def to_address(visit: Visit, own: str, address: str) -> list[Note]:
    """From a container straight to another one."""
    return [_asked(visit, own, address)]


def _asked(visit: Visit, own: str, address: str) -> Note:
    what = "pings" if visit.ping else "asks"
    told = "" if address == visit.outside else ", says 127.0.0.11"
    said = f"{what} {address}" if visit.host == address else f"{visit.host} is {address}{told}"
    return stop(visit, "container", said, f"{own}:{client_port(visit)}", f"{address}:{visit.port}")


def into_host_port(visit: Visit, address: str, target: int) -> list[Note]:
    """A port published in host mode: one translation, and the client's address stays."""
    client, inside = client_end(visit), f"{address}:{target}"
    dnat = f"iptables -t nat -A DOCKER -p tcp --dport {visit.port} -j DNAT --to-destination {inside}"
    return [
        stop(visit, "host", "host mode: straight to the container", client, inside, rule=dnat),
        stop(visit, "gwbridge", "over the bridge of the machine", client, inside),
    ]


def out_by_gateway(visit: Visit, own: str, address: str, node: str) -> list[Note]:
    """From a container out of all its networks, by way of its machine."""
    target = f"{address}:{visit.port}"
    nat = "iptables -t nat -A POSTROUTING -s 172.18.0.0/16 ! -o docker_gwbridge -j MASQUERADE"
    if own == node:
        return [_asked(visit, own, address)]  # it is on the network of the machine
    return [
        _asked(visit, own, address),
        stop(visit, "gwbridge", "in none of its networks: default route", f"{own}:{client_port(visit)}", target),
        stop(visit, "host", "source is now the machine", f"{node}:{client_port(visit)}", target, rule=nat),
    ]


# ── between the nodes ────────────────────────────────────────────────────────────────────────────────────────────


def ends(frame: Frame) -> tuple[str, str]:
    """Address and port of both ends, inside the tunnel."""
    client = client_port(frame.visit)
    ports = (frame.port, client) if frame.answer else (client, frame.port)
    return f"{frame.source}:{ports[0]}", f"{frame.target}:{ports[1]}"


def outer(frame: Frame, here: str, there: str) -> tuple[str, str]:
    """The ends of the packet around it."""
    (source, _, one), (target, _, other) = (end.partition(":") for end in ends(frame))
    inner = frames.packed(source), frames.packed(target)
    port = vxlan.source_port(*inner, frames.TCP, int(one), int(other))
    return f"{here}:{port}", f"{there}:{vxlan.PORT}"


def into_tunnel(frame: Frame, tables: "Tables", peer_mac: str, vtep: str) -> list[Note]:
    """From the bridge of the overlay into a packet between the nodes."""
    visit, (source, target) = frame.visit, ends(frame)
    inside = {"macs": (mac(frame.source), peer_mac), "vni": frame.vni, "back": frame.answer is not None}
    around, sealed = outer(frame, frame.vtep, vtep), _sealed(frame, tables)
    neighbour = f"ip neigh: {frame.target} lladdr {peer_mac} dev vxlan0 PERMANENT"
    fdb = f"bridge fdb: {peer_mac} dev vxlan0 dst {vtep}"
    said = f"to {vtep}, " + ("encrypted: IP protocol 50" if frame.key else f"UDP port {vxlan.PORT}")
    wire = _naked(around) if frame.key else around
    return [
        stop(visit, "bridge", f"{frame.target} is at {peer_mac}", source, target, rule=neighbour, **inside),
        stop(
            visit, "vtep", f"behind {vtep}: wrapped, VNI {frame.vni}", source, target, rule=fdb, outer=around, **inside
        ),
        stop(visit, "host", said, source, target, outer=wire, key=sealed, **inside),
    ]


def _naked(around: tuple[str, str]) -> tuple[str, ...]:
    """What can be seen of it when it is encrypted: the addresses, and no ports."""
    return tuple(end.partition(":")[0] for end in around)


def _sealed(frame: Frame, tables: "Tables") -> tuple:
    return (frame.key, tables.keys[frame.key].hex()) if frame.key in tables.keys else ()


def out_of_tunnel(frame: Frame, tables: "Tables") -> list[Note]:
    """On the other node, as far as its bridge."""
    visit, (source, target) = frame.visit, ends(frame)
    inside = {"macs": (mac(frame.source), mac(frame.target)), "vni": frame.vni, "back": frame.answer is not None}
    around = outer(frame, frame.vtep, tables.vtep)
    inner = {"macs": inside["macs"], "back": inside["back"]}
    return [
        stop(
            visit,
            "host",
            "comes in encrypted, is decrypted" if frame.key else "comes in on UDP port 4789",
            source,
            target,
            outer=around,
            **inside,
        ),
        stop(visit, "vtep", f"unwrapped: VNI {frame.vni}", source, target, **inside),
        stop(visit, "bridge", "to the container with that MAC", source, target, **inner),
    ]


def lost(frame: Frame, layer: str, reason: str) -> list[Note]:
    """It ends here."""
    source, target = ends(frame)
    return [stop(frame.visit, layer, reason, source, target, back=frame.answer is not None, lost=reason)]


# ── at the task, and back ────────────────────────────────────────────────────────────────────────────────────────


def into_container(
    visit: Visit, own: Endpoint, frame: Frame | None, way: "Way | None", target: int, closed: bool
) -> list[Note]:
    """The last stops of the way there; ports of the routing mesh become those on which the program listens."""
    source, before = ends(frame) if frame else _ends_of(visit, way)
    notes = [] if frame or not way or not way.network else [_over_bridge(visit, source, before)]
    address, _, port = before.partition(":")
    if closed:
        reason = f"port {port} is not one that {own.name} publishes: dropped"
        rule = f"iptables -A INPUT -d {address} -j DROP"
        return [*notes, stop(visit, "container", reason, source, before, rule=rule, lost=reason)]
    after = f"{address}:{target}"
    if after != before:
        rule = f"iptables -t nat -A PREROUTING -d {address} -p tcp --dport {port} -j REDIRECT --to-ports {target}"
        notes.append(stop(visit, "container", f"published port {port} is its port {target}", source, after, rule=rule))
    return [*notes, stop(visit, "container", f"{own.name} takes it", source, after)]


def out_of_container(visit: Visit, name: str, status: int, frame: Frame | None, way: "Way | None") -> list[Note]:
    """The first stops of the way back."""
    said = f"{name} answers" if status else f"nothing listens in {name}: refused"
    target, source = ends(frame) if frame else _ends_of(visit, way)
    notes = [stop(visit, "container", said, source, target, back=True)]
    return notes if frame or not way or not way.network else [*notes, _over_bridge(visit, source, target, True)]


def back(visit: Visit, way: "Way", node: str) -> list[Note]:
    """On the node that was asked: all translations are undone, so that each hears from whom it asked."""
    if not way.front:
        target, source = _ends_of(visit, way)
        return [stop(visit, "container", "has its answer", source, target, back=True)]
    asker, door = way.front
    target, source = f"{asker}:{client_port(visit)}", f"{door}:{visit.port}"
    undone = "both translations are undone"
    if visit.source:
        return [
            stop(visit, "sandbox", undone, source, target, back=True, rule="conntrack"),
            stop(visit, "bridge", "back over the bridge of the overlay", source, target, back=True),
            stop(visit, "container", "has its answer", source, target, back=True),
        ]
    last = stop(visit, "host", "it comes from where the client asked", f"{node}:{visit.port}", target, back=True)
    if not way.pool:
        return [stop(visit, "gwbridge", "over the bridge of the machine", source, target, back=True), last]
    inside = f"{SANDBOX}:{visit.port}"
    return [
        stop(visit, "sandbox", undone, inside, target, back=True, rule="conntrack"),
        stop(visit, "gwbridge", "back to the host", inside, target, back=True),
        last,
    ]


def astray(visit: Visit, way: "Way", reason: str) -> list[Note]:
    """On the node that was asked the answer goes where the client's address seems to be: near, and to nobody."""
    source, layer = f"{way.target}:{way.port}", "sandbox" if way.pool else "gwbridge"
    return [stop(visit, layer, reason, source, f"{visit.address}:{client_port(visit)}", back=True, lost=reason)]


def ended(visit: Visit, own: str, node: str, reason: str) -> list[Note]:
    """There was no way on from the node that was asked; `own` is the address of a container that asked."""
    layer = "container" if visit.source else "host"
    target = f"{visit.host or node}:{visit.port}"
    return [stop(visit, layer, reason, client_end(visit, own), target, lost=reason)]


def _ends_of(visit: Visit, way: "Way | None") -> tuple[str, str]:
    assert way
    return f"{way.source}:{client_port(visit)}", f"{way.target}:{way.port}"


def _over_bridge(visit: Visit, source: str, target: str, back: bool = False) -> Note:
    """Two containers of one node: no tunnel."""
    macs = mac(source.partition(":")[0]), mac(target.partition(":")[0])
    return stop(visit, "bridge", "on this very node: no tunnel", source, target, back=back, macs=macs)
