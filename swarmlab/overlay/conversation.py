"""A request and its response as frames between two nodes: handshake, segments, farewell, as a clean capture shows them.

Source: RFC 9293 (TCP). Nothing is lost here: a capture of it is what a good day looks like.
"""

from collections.abc import Callable
from typing import NamedTuple
from zlib import crc32

from ..effects import MS
from . import vxlan
from .esp import Sealer
from .frames import TCP, Ethernet, IPv4, Tcp, container_mac, encode, tunnel

WINDOW = 64240  # bytes that may be under way; more segments wait for an acknowledgement
WIRE, SEGMENT = MS // 4, 10  # µs: from node to node, and between two segments of one sender
ROUND = 1 << 32  # numbers of bytes begin anew after so many


class End(NamedTuple):
    """One end of a conversation: a container, its port, and the node that it runs on."""

    address: str  # in the overlay
    port: int
    vtep: str  # the node's address


class Side:
    """What one end has sent and heard."""

    def __init__(self, end: End, first: int) -> None:
        self.end = end
        self.next = first  # number of the next byte
        self.heard = 0  # number of the next byte that is expected
        self.packets = 0  # how many, for the identification of IPv4


class Conversation:
    """A TCP connection that is written down frame by frame. `look` makes the frame that travels between the nodes."""

    def __init__(self, client: End, server: End, mss: int, start: int, look: Callable[[bytes, End, End], bytes]):
        self.client = Side(client, _first_number(client, server))
        self.server = Side(server, _first_number(server, client))
        self.mss, self.now, self.look = mss, start, look
        self.last: Side | None = None  # who spoke last
        self.rows: list[tuple[int, bytes]] = []

    def send(self, side: Side, flags: str, data: bytes = b"") -> None:
        """One segment: right behind one of the same end, or as soon as that of the other has come."""
        if self.last:
            self.now += SEGMENT if self.last is side else WIRE
        self.last, other = side, self.server if side is self.client else self.client
        number = side.heard if "ACK" in flags else 0
        mss = self.mss if "SYN" in flags else 0
        header = Tcp(side.end.port, other.end.port, side.next, number, flags, WINDOW, mss)
        side.packets += 1
        addresses = IPv4(side.end.address, other.end.address, TCP, identification=side.packets & 0xFFFF)
        ethernet = Ethernet(container_mac(other.end.address), container_mac(side.end.address))
        frame = encode((ethernet, addresses, header), data)
        self.rows.append((self.now, self.look(frame, side.end, other.end)))
        side.next = (side.next + len(data) + ("SYN" in flags) + ("FIN" in flags)) % ROUND
        other.heard = side.next

    def greet(self) -> None:
        """SYN, SYN-ACK, ACK."""
        self.send(self.client, "SYN")
        self.send(self.server, "SYN ACK")
        self.send(self.client, "ACK")

    def say(self, side: Side, data: bytes) -> None:
        """All of it in segments as large as they may be; the other end acknowledges each window, and the end."""
        other = self.server if side is self.client else self.client
        segments, window = _pieces(data, self.mss), (WINDOW - 1) // self.mss
        for count, segment in enumerate(segments, 1):
            is_last = count == len(segments)
            self.send(side, "PSH ACK" if is_last else "ACK", segment)
            if is_last or count % window == 0:
                self.send(other, "ACK")

    def part(self) -> None:
        """Both ends close, the server first, as after an HTTP response with `Connection: close`."""
        self.send(self.server, "FIN ACK")
        self.send(self.client, "FIN ACK")
        self.send(self.server, "ACK")


def conversation(
    source: tuple[str, int],
    target: tuple[str, int],
    vni: int,
    vteps: tuple[str, str],
    request: int | bytes,
    response: int | bytes,
    mss: int | None = None,
    encrypted: Sealer | None = None,
    start: int = 0,
    think: int = MS,
) -> list[tuple[int, bytes]]:
    """The frames of one TCP connection between two containers, as they cross the underlay: (time in µs, bytes) each.

    `source` and `target` are (address, port) in the overlay, `vteps` the addresses of their nodes. Request and response
    are bytes, or how many of them. `mss` is 1410, or 1384 with `encrypted`, unless given. The server thinks for `think`.
    """
    limit = vxlan.mss(vxlan.mtu_inside(encrypted=encrypted is not None)) if mss is None else mss
    if not 0 < limit < WINDOW:
        raise ValueError(f"segments of {limit} bytes: there are 1 to {WINDOW - 1} in one")
    counts: dict[End, int] = {}

    def look(frame: bytes, here: End, there: End) -> bytes:
        counts[here] = counts.get(here, 0) + 1
        outside = tunnel(frame, vni, here.vtep, there.vtep, identification=counts[here] & 0xFFFF)
        return encrypted.seal(outside) if encrypted else outside

    talk = Conversation(End(*source, vteps[0]), End(*target, vteps[1]), limit, start, look)
    talk.greet()
    talk.say(talk.client, _bytes(request))
    talk.now += think
    talk.say(talk.server, _bytes(response))
    talk.part()
    return talk.rows


def _first_number(end: End, other: End) -> int:
    """Where the numbering of bytes begins: anything, but another number for every connection."""
    return crc32(repr((end, other)).encode())


def _bytes(what: int | bytes) -> bytes:
    return what if isinstance(what, bytes) else b"x" * what


def _pieces(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]
