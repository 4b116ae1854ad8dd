"""A frame as layers, as data and as bytes: Ethernet, IPv4, UDP, TCP, ICMP, VXLAN and the outside of ESP.

`encode` makes the bytes, with all checksums; `decode` says what lies where in them. Source: RFC 791, 768, 9293, 792,
1071 (checksum), 7348, 4303; moby `daemon/libnetwork/netutils` (addresses of containers).
"""

from collections.abc import Callable, Sequence
from struct import error, pack, unpack_from
from typing import Any, NamedTuple

from . import vxlan
from .ipam import number, text

ETHERTYPE = 0x0800  # IPv4 follows
ICMP, TCP, UDP, ESP = 1, 6, 17, 50  # what follows an IPv4 header
FLAGS = ("FIN", "SYN", "RST", "PSH", "ACK", "URG")  # of TCP, lowest bit first
DONT_FRAGMENT, MORE = 0x4000, 0x2000
ICV = 8  # bytes of ESP's integrity check value, as Docker asks for
OPTION_MSS = b"\x02\x04"


# ── headers ──────────────────────────────────────────────────────────────────────────────────────────────────────


class Ethernet(NamedTuple):
    """From one network card to another."""

    target: str
    source: str
    kind: int = ETHERTYPE


class IPv4(NamedTuple):
    """From one address to another."""

    source: str
    target: str
    protocol: int
    ttl: int = 64
    identification: int = 0
    dont_fragment: bool = True
    more: bool = False  # this is a fragment, and not the last one
    offset: int = 0  # of a fragment, in bytes


class Udp(NamedTuple):
    """From port to port; over IPv4 the checksum may be left out."""

    source: int
    target: int
    checked: bool = True


class Tcp(NamedTuple):
    """One segment of a stream. `mss` is the one option, in segments with SYN."""

    source: int
    target: int
    sequence: int = 0
    acknowledgement: int = 0
    flags: str = "ACK"  # names, with blanks between them
    window: int = 64240
    mss: int = 0


class Icmp(NamedTuple):
    """A ping (8), its answer (0), or bad news (3)."""

    kind: int
    code: int = 0
    identifier: int = 0
    sequence: int = 0


class Vxlan(NamedTuple):
    """Which network the frame inside belongs to."""

    vni: int


class Esp(NamedTuple):
    """Encrypted: nothing but the key that is to be used can be seen."""

    spi: int
    sequence: int
    iv: bytes = bytes(8)


class Layer(NamedTuple):
    """Where something lies in a frame, and what it says."""

    name: str  # Ethernet · IPv4 · UDP · VXLAN · TCP · ICMP · ESP · data · encrypted · ICV
    start: int
    length: int  # of the header itself
    total: int  # with all that is inside
    fields: dict[str, Any]  # for a reader
    header: Any = None  # the same as it was encoded; None for what is not a header


def container_mac(address: str) -> str:
    """The MAC address that Docker gives to a container: `02:42:` and its IP address."""
    return _mac(b"\x02\x42" + packed(address))


def host_mac(address: str) -> str:
    """One for a node. A real one comes with its card; this one is ours, so that it is not taken for a container's."""
    return _mac(b"\x52\x54" + packed(address))


def packed(address: str) -> bytes:
    """An IPv4 address as four bytes."""
    return number(address).to_bytes(4, "big")


def checksum(data: bytes) -> int:
    """The complement of the sum of all 16-bit words, with carries added back in [RFC 1071]."""
    total = int.from_bytes(data + bytes(len(data) % 2), "big") % 0xFFFF
    return 0xFFFF - total if total or not any(data) else 0


# ── to bytes ─────────────────────────────────────────────────────────────────────────────────────────────────────


def encode(headers: Sequence[Any], payload: bytes = b"") -> bytes:
    """The bytes of these headers, outermost first, around the payload. Lengths and checksums are worked out."""
    inside = payload
    for at in reversed(range(len(headers))):
        header = headers[at]
        write = WRITERS.get(type(header))
        if write is None:
            raise ValueError(f"{header!r} is no header")
        try:
            inside = write(header, inside, headers[at - 1] if at else None) + inside
        except error as reason:
            raise ValueError(f"{header!r} does not fit around {len(inside)} bytes: {reason}") from None
    return inside


def _write_ethernet(header: Ethernet, inside: bytes, around: Any) -> bytes:
    return _mac_bytes(header.target) + _mac_bytes(header.source) + pack("!H", header.kind)


def _write_ipv4(header: IPv4, inside: bytes, around: Any) -> bytes:
    length = vxlan.IPV4 + len(inside)
    flags = DONT_FRAGMENT * header.dont_fragment | MORE * header.more | header.offset // 8
    start = pack("!BBHHHBB", 0x45, 0, length, header.identification, flags, header.ttl, header.protocol)
    addresses = packed(header.source) + packed(header.target)
    return start + pack("!H", checksum(start + bytes(2) + addresses)) + addresses


def _write_udp(header: Udp, inside: bytes, around: Any) -> bytes:
    start = pack("!HHH", header.source, header.target, vxlan.UDP + len(inside))
    if not header.checked:
        return start + bytes(2)
    found = checksum(_pseudo(around, UDP, vxlan.UDP + len(inside)) + start + bytes(2) + inside)
    return start + pack("!H", found or 0xFFFF)  # 0 would mean: not checked


def _write_tcp(header: Tcp, inside: bytes, around: Any) -> bytes:
    options = OPTION_MSS + pack("!H", header.mss) if header.mss else b""
    length = vxlan.TCP + len(options)
    start = pack("!HHII", header.source, header.target, header.sequence, header.acknowledgement)
    start += pack("!BBH", length // 4 << 4, _flag_bits(header.flags), header.window)
    rest = bytes(2) + options
    found = checksum(_pseudo(around, TCP, length + len(inside)) + start + bytes(2) + rest + inside)
    return start + pack("!H", found) + rest


def _write_icmp(header: Icmp, inside: bytes, around: Any) -> bytes:
    start, rest = pack("!BB", header.kind, header.code), pack("!HH", header.identifier, header.sequence)
    return start + pack("!H", checksum(start + bytes(2) + rest + inside)) + rest


def _write_vxlan(header: Vxlan, inside: bytes, around: Any) -> bytes:
    return vxlan.wrap(b"", header.vni)


def _write_esp(header: Esp, inside: bytes, around: Any) -> bytes:
    return pack("!II", header.spi, header.sequence) + header.iv


WRITERS: dict[type, Callable] = {
    Ethernet: _write_ethernet,
    IPv4: _write_ipv4,
    Udp: _write_udp,
    Tcp: _write_tcp,
    Icmp: _write_icmp,
    Vxlan: _write_vxlan,
    Esp: _write_esp,
}


def _pseudo(around: Any, protocol: int, length: int) -> bytes:
    """What a checksum of UDP or TCP covers besides its own bytes: between whom it travels."""
    if not isinstance(around, IPv4):
        raise ValueError("a header of UDP or TCP needs one of IPv4 around it")
    return packed(around.source) + packed(around.target) + pack("!BBH", 0, protocol, length)


def _flag_bits(flags: str) -> int:
    names = flags.split()
    if not set(names) <= set(FLAGS):
        raise ValueError(f"{flags!r}: the flags of TCP are {', '.join(FLAGS)}")
    return sum(1 << FLAGS.index(name) for name in names)


def _flag_names(bits: int) -> str:
    return " ".join(name for bit, name in enumerate(FLAGS) if bits >> bit & 1)


def _mac(address: bytes) -> str:
    return address.hex(":")


def _mac_bytes(address: str) -> bytes:
    return bytes.fromhex(address.replace(":", ""))


def tunnel(frame: bytes, vni: int, source: str, target: str, identification: int = 0, port: int = vxlan.PORT) -> bytes:
    """The frame as it travels from node to node: wrapped, in UDP, IPv4 and Ethernet between the two addresses."""
    outer = Udp(flow_port(frame), port, checked=False)
    addresses = IPv4(source, target, UDP, identification=identification, dont_fragment=False)
    return encode((Ethernet(host_mac(target), host_mac(source)), addresses, outer), vxlan.wrap(frame, vni))


def flow_port(frame: bytes) -> int:
    """The outer source port for a frame of IPv4, TCP or UDP: all frames of one flow get the same."""
    headers, _ = headers_of(frame)
    packet = next((header for header in headers if isinstance(header, IPv4)), IPv4("0.0.0.0", "0.0.0.0", 0))
    ports = next(((header.source, header.target) for header in headers if isinstance(header, Tcp | Udp)), (0, 0))
    return vxlan.source_port(packed(packet.source), packed(packet.target), packet.protocol, *ports)


# ── from bytes ───────────────────────────────────────────────────────────────────────────────────────────────────


def decode(frame: bytes, port: int = vxlan.PORT, most: int = 99) -> tuple[Layer, ...]:
    """What lies where in a frame, from the outside in. `port` is the one at which VXLAN is expected.

    Behind so many headers all the rest is data. Raises ValueError for bytes that end too early.
    """
    layers: list[Layer] = []
    name, at, end = "Ethernet", 0, len(frame)
    while name in READERS and len(layers) < most:
        layer, name = READERS[name](frame, at, end, layers, port)
        layers.append(layer)
        at, end = at + layer.length, at + layer.total
    if name == "encrypted":
        layers.append(Layer("encrypted", at, end - ICV - at, end - ICV - at, {"bytes": end - ICV - at}))
        layers.append(Layer("ICV", end - ICV, ICV, ICV, {"value": frame[end - ICV : end].hex()}))
    elif at < end:
        layers.append(Layer("data", at, end - at, end - at, {"bytes": end - at}))
    return tuple(layers)


def headers_of(frame: bytes, port: int = vxlan.PORT, most: int = 99) -> tuple[tuple, bytes]:
    """The reverse of `encode`: the headers of a frame, and the payload in it."""
    layers = decode(frame, port, most)
    headers = [layer for layer in layers if layer.header is not None]
    last = headers[-1]
    return tuple(layer.header for layer in headers), frame[last.start + last.length : last.start + last.total]


def _read_ethernet(frame: bytes, at: int, end: int, layers: list[Layer], port: int) -> tuple[Layer, str]:
    _need(at + vxlan.ETHERNET <= end, "Ethernet")
    header = Ethernet(_mac(frame[at : at + 6]), _mac(frame[at + 6 : at + 12]), *unpack_from("!H", frame, at + 12))
    fields = {"source": header.source, "target": header.target, "kind": f"0x{header.kind:04x}"}
    layer = Layer("Ethernet", at, vxlan.ETHERNET, end - at, fields, header)
    return layer, "IPv4" if header.kind == ETHERTYPE else "data"


def _read_ipv4(frame: bytes, at: int, end: int, layers: list[Layer], port: int) -> tuple[Layer, str]:
    _need(at + vxlan.IPV4 <= end, "IPv4")
    first, _, total, identification, flags, ttl, protocol = unpack_from("!BBHHHBB", frame, at)
    length = (first & 15) * 4
    _need(first >> 4 == 4 and vxlan.IPV4 <= length <= total <= end - at, "IPv4")
    source, target = (text(int.from_bytes(frame[start : start + 4], "big")) for start in (at + 12, at + 16))
    cut = bool(flags & DONT_FRAGMENT), bool(flags & MORE), (flags & 0x1FFF) * 8
    header = IPv4(source, target, protocol, ttl, identification, *cut)
    fields = {"source": source, "target": target, "protocol": protocol, "ttl": ttl, "length": total}
    fields |= {"dont_fragment": cut[0], "checksum": _verdict(frame[at : at + length])}
    follows = {ICMP: "ICMP", TCP: "TCP", UDP: "UDP", ESP: "ESP"}.get(protocol, "data")
    return Layer("IPv4", at, length, total, fields, header), "data" if cut[1] or cut[2] else follows


def _read_udp(frame: bytes, at: int, end: int, layers: list[Layer], port: int) -> tuple[Layer, str]:
    _need(at + vxlan.UDP <= end, "UDP")
    source, target, length, found = unpack_from("!HHHH", frame, at)
    _need(vxlan.UDP <= length <= end - at, "UDP")
    covered = _pseudo(layers[-1].header, UDP, length) + frame[at : at + length] if layers else b""
    verdict = _verdict(covered) if found else "none"
    fields = {"source": source, "target": target, "length": length, "checksum": verdict}
    layer = Layer("UDP", at, vxlan.UDP, length, fields, Udp(source, target, bool(found)))
    return layer, "VXLAN" if target == port else "data"


def _read_vxlan(frame: bytes, at: int, end: int, layers: list[Layer], port: int) -> tuple[Layer, str]:
    vni, _ = vxlan.unwrap(frame[at:end])
    return Layer("VXLAN", at, vxlan.VXLAN, end - at, {"flags": "0x08", "vni": vni}, Vxlan(vni)), "Ethernet"


def _read_tcp(frame: bytes, at: int, end: int, layers: list[Layer], port: int) -> tuple[Layer, str]:
    _need(at + vxlan.TCP <= end, "TCP")
    source, target, sequence, acknowledgement, offset, bits, window = unpack_from("!HHIIBBH", frame, at)
    length = (offset >> 4) * 4
    _need(vxlan.TCP <= length <= end - at, "TCP")
    options = frame[at + vxlan.TCP : at + length]
    mss = int.from_bytes(options[2:4], "big") if options.startswith(OPTION_MSS) else 0
    header = Tcp(source, target, sequence, acknowledgement, _flag_names(bits), window, mss)
    covered = _pseudo(layers[-1].header, TCP, end - at) + frame[at:end] if layers else b""
    fields = header._asdict() | {"checksum": _verdict(covered)}
    return Layer("TCP", at, length, end - at, fields, header), "data"


def _read_icmp(frame: bytes, at: int, end: int, layers: list[Layer], port: int) -> tuple[Layer, str]:
    _need(at + 8 <= end, "ICMP")
    kind, code, _, identifier, sequence = unpack_from("!BBHHH", frame, at)
    header = Icmp(kind, code, identifier, sequence)
    return Layer("ICMP", at, 8, end - at, header._asdict() | {"checksum": _verdict(frame[at:end])}, header), "data"


def _read_esp(frame: bytes, at: int, end: int, layers: list[Layer], port: int) -> tuple[Layer, str]:
    _need(at + 16 + ICV <= end, "ESP")
    spi, sequence = unpack_from("!II", frame, at)
    header = Esp(spi, sequence, frame[at + 8 : at + 16])
    fields = {"spi": f"0x{header.spi:08x}", "sequence": header.sequence, "iv": header.iv.hex()}
    return Layer("ESP", at, 16, end - at, fields, header), "encrypted"


READERS: dict[str, Callable] = {
    "Ethernet": _read_ethernet,
    "IPv4": _read_ipv4,
    "UDP": _read_udp,
    "VXLAN": _read_vxlan,
    "TCP": _read_tcp,
    "ICMP": _read_icmp,
    "ESP": _read_esp,
}


def _need(holds: bool, name: str) -> None:
    if not holds:
        raise ValueError(f"the frame ends in the middle of a header of {name}, or that is none")


def _verdict(covered: bytes) -> str:
    return "good" if checksum(covered) == 0 else "bad"
