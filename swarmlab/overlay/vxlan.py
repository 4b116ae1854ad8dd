"""Tunnels between nodes: what VXLAN puts before a frame, how much room it takes, and what happens to a packet too large.

Source: RFC 7348; moby `daemon/libnetwork/drivers/overlay` (`vxlanEncap`, `pktExpansion`, `maxMTU`); Linux
`drivers/net/vxlan`. The other layers of a frame are in `frames`, encryption in `esp`.
"""

# Simpler than in reality (docs/simplifications.md): too-large, esp-firewall

from typing import NamedTuple
from zlib import crc32

PORT = 4789  # UDP
LARGEST_VNI = (1 << 24) - 1
FIRST_PORT, PORTS = 49152, 16384  # where source ports are taken from [RFC 7348 §5]

ETHERNET, IPV4, UDP, TCP, VXLAN = 14, 20, 8, 20, 8  # bytes of each header, without options
OVERHEAD = (
    IPV4 + UDP + VXLAN + ETHERNET
)  # 50: what the tunnel takes from the MTU; the outer Ethernet header does not count
ESP = 4 + 4 + 8 + 1 + 1 + 8  # 26: SPI, sequence, IV, length of padding, next header, ICV
BLOCK = 4  # ESP fills up to a multiple of it


# ── the header ───────────────────────────────────────────────────────────────────────────────────────────────────


def wrap(frame: bytes, vni: int) -> bytes:
    """A frame with the VXLAN header before it: which network it belongs to, in 8 bytes."""
    if not 0 <= vni <= LARGEST_VNI:
        raise ValueError(f"VNI {vni} does not fit into 24 bits")
    flags = 0x08  # the VNI counts
    return bytes([flags, 0, 0, 0]) + vni.to_bytes(3, "big") + bytes([0]) + frame


def unwrap(datagram: bytes) -> tuple[int, bytes]:
    """The VNI and the frame in what came in on UDP port 4789. Raises ValueError for anything else."""
    if len(datagram) < VXLAN or not datagram[0] & 0x08:
        raise ValueError("this is no VXLAN header: 8 bytes, the first of them 08")
    return int.from_bytes(datagram[4:7], "big"), datagram[VXLAN:]


def source_port(source: bytes, target: bytes, protocol: int, source_port: int = 0, target_port: int = 0) -> int:
    """The outer UDP source port: a hash of the inner flow, so that one flow keeps its path and different flows spread.

    The kernel takes it from its own port range with a hash of its own; here it is the range that the RFC asks for.
    """
    flow = source + target + bytes([protocol]) + source_port.to_bytes(2, "big") + target_port.to_bytes(2, "big")
    return FIRST_PORT + crc32(flow) % PORTS


# ── room ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def mtu_inside(underlay: int = 1500, encrypted: bool = False) -> int:
    """The largest IP packet that a container may send: 1450 of 1500, or 1424 in an encrypted network."""
    inside = underlay - OVERHEAD
    if encrypted:
        inside -= ESP
        inside -= inside % BLOCK  # Docker rounds down, so that no padding is ever needed at the limit
    return inside


def mss(mtu: int) -> int:
    """The most data in one TCP segment, without options: 1410 of 1450."""
    return mtu - IPV4 - TCP


def outer_size(size: int, encrypted: bool = False) -> int:
    """How large the packet between the nodes is, for a packet of so many bytes between the containers."""
    datagram = UDP + VXLAN + ETHERNET + size
    if not encrypted:
        return IPV4 + datagram
    return IPV4 + ESP + datagram + padding(datagram)


def padding(size: int) -> int:
    """How many bytes ESP adds so that data, padding and the two bytes after them fill whole blocks."""
    return -(size + 2) % BLOCK


def overhead(size: int, encrypted: bool = False) -> int:
    """How many bytes the tunnel adds to a packet of this size: 50, or 76 to 79 where it is encrypted."""
    return outer_size(size, encrypted) - size


# ── a packet too large ───────────────────────────────────────────────────────────────────────────────────────────


class Fate(NamedTuple):
    """What becomes of a packet."""

    verdict: str  # fits · fragmented · dropped
    where: str  # '' · container (its own interface) · underlay (on the way between the nodes)
    size: int  # bytes of the packet at that place; of the outer one where it fits
    limit: int  # the MTU there
    pieces: int  # how many packets cross the underlay
    why: str


def fate(
    size: int,
    mtu: int | None = None,
    underlay: int = 1500,
    encrypted: bool = False,
    dont_fragment: bool = True,
    outer_dont_fragment: bool = False,
) -> Fate:
    """What becomes of an IP packet of `size` bytes, if the container believes in `mtu` and the nodes have `underlay`.

    `dont_fragment` is the sender's wish (TCP always has it). The outer packet leaves a Linux node without it: a packet
    that is too large for the underlay is cut on the way, and lost wherever fragments are filtered, as in many clouds.
    """
    mtu = mtu_inside(underlay, encrypted) if mtu is None else mtu
    if size > mtu and dont_fragment:
        return Fate("dropped", "container", size, mtu, 0, "the sender is told: message too long")
    sizes = [size] if size <= mtu else _cut(size, mtu)
    outer = [outer_size(one, encrypted) for one in sizes]
    if max(outer) > underlay and outer_dont_fragment:
        # The tunnel is no router to the container: no ICMP tells it.
        return Fate("dropped", "underlay", max(outer), underlay, 0, "nobody is told: the connection hangs")
    pieces = sum(len(_cut(one, underlay)) for one in outer)
    if max(outer) > underlay:
        return Fate("fragmented", "underlay", max(outer), underlay, pieces, "the node cuts the outer packet")
    if len(sizes) > 1:
        return Fate("fragmented", "container", size, mtu, pieces, "the container's own network stack cuts it")
    return Fate("fits", "", outer[0], underlay, 1, "")


def _cut(size: int, mtu: int) -> list[int]:
    """The sizes of the fragments: each with its own header, all but the last with a multiple of 8 bytes of data."""
    if size <= mtu:
        return [size]
    most, data = (mtu - IPV4) // 8 * 8, size - IPV4
    whole, rest = divmod(data, most)
    return [IPV4 + most] * whole + ([IPV4 + rest] if rest else [])


# ── throughput ───────────────────────────────────────────────────────────────────────────────────────────────────

FRAMING = (
    7 + 1 + ETHERNET + 4 + 12
)  # preamble, start, outer Ethernet header, checksum, gap: 38 bytes a frame takes besides
CPU_BITS = 10_000_000_000  # an assumption, see `goodput`


def goodput(link_bits: float, mtu: int | None = None, encrypted: bool = False, cpu_bits: float = CPU_BITS) -> float:
    """Bits per second of data that one TCP connection gets through a link, in segments as large as they may be.

    `mtu` is the container's; without one it is 1450, or 1424 where it is encrypted. Facts: the bytes of each header. So
    1 Gbit/s brings 917 Mbit/s through the tunnel, and 900 Mbit/s encrypted (949 without any tunnel). Left out:
    acknowledgements on the way back, TCP's options, losses.

    Assumption: one core encrypts one tunnel, `cpu_bits` of it per second. AES-GCM alone does about 20 Gbit/s a core
    on today's processors with AES instructions (measured with `openssl speed`, blocks of 1454 bytes); the kernel's work
    for each packet comes on top, and IPFire, a firewall, told in 2015 of up to 10 Gbit/s by IPsec with AES-GCM. It can
    be far less: moby's issue 33133 tells of a hundredth of the speed in clear. Measure your own.
    """
    mtu = mtu_inside(encrypted=encrypted) if mtu is None else mtu
    data, packet = mss(mtu), outer_size(mtu, encrypted)
    if data <= 0:
        raise ValueError(f"an MTU of {mtu} leaves no room for data")
    packets = link_bits / 8 / (FRAMING + packet)
    if encrypted:
        packets = min(packets, cpu_bits / 8 / packet)
    return packets * data * 8
