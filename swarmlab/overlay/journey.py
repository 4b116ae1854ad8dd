"""One packet, explained: every stop of a traced request, with its addresses before and after, and as bytes.

The nodes told the stops while the request passed (`path`); here they are only put in order, numbered and written down.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from ..events import CallAnswered, CallSent, PacketLost, PacketPassed, RequestAnswered, RequestFailed, RequestSent
from . import esp, frames
from .path import free_port
from .vxlan import mss
from .wire import CLIENT

HEADINGS = ("", "machine", "place", "what happens", "from", "to")
REQUEST = b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"
FATES = {
    "down": "nobody is there",
    "cut": "the network is cut in between",
    "blocked": "a firewall drops it",
    "lost": "it gets lost",
    "too big": "it is larger than the link allows, and nobody is told",
}


class Hop(NamedTuple):
    """A stop of a packet. `source` and `target` are address:port when it leaves; `before` when it came."""

    machine: str
    layer: str  # client · container · sandbox · gwbridge · bridge · vtep · host
    said: str  # what happens here
    source: str
    target: str
    outer: tuple = ()  # (source, target) of the packet around it
    lost: str = ""  # why it ends here
    rule: str = ""  # the rule that acted
    before: tuple = ()  # (source, target)
    macs: tuple = ()  # (from, to)
    vni: int = 0
    back: bool = False  # on the way back
    time: float = 0.0  # seconds
    key: tuple = ()  # (tag, key) with which it is encrypted just now

    @property
    def frame(self) -> bytes:
        """The packet as bytes, as it leaves this stop: a connection's first, or the answer to that."""
        return frame_of(self)


class Journey(NamedTuple):
    """The way of one packet, and of its answer."""

    hops: tuple[Hop, ...]
    ok: bool
    error: str
    calls: tuple["Journey", ...] = ()  # those of what the task asked other services for its sake, in order
    asks: str = ""  # what a call is for: rabbit:5672

    @property
    def stops(self) -> list[tuple]:
        """The way there as `draw_packet` takes it: machine, layer, what happens, from, to, around it, is it lost?"""
        return [(*hop[:6], bool(hop.lost)) for hop in self.there]

    @property
    def stops_back(self) -> list[tuple]:
        """The same for the answer."""
        return [(*hop[:6], bool(hop.lost)) for hop in self.back]

    @property
    def there(self) -> tuple[Hop, ...]:
        """The way to the task."""
        return tuple(hop for hop in self.hops if not hop.back)

    @property
    def back(self) -> tuple[Hop, ...]:
        """The way of the answer."""
        return tuple(hop for hop in self.hops if hop.back)

    def __repr__(self) -> str:
        return table(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Notebooks print named tuples in a way of their own, unless told otherwise."""
        printer.text(table(self))


def journey(records: Iterable[Any], request: int, door: str = "", client: str = CLIENT) -> Journey:
    """The stops of one request, from the facts of a trace; `door` is what a visitor from outside asks, address:port, and
    `client` the visitor's address."""
    hops: list[Hop] = []
    ok, error = False, "no answer yet"
    records, calls = list(records), []
    for record in records:
        fact = record.fact
        if type(fact) is CallAnswered and fact.call == request:
            ok, error = 200 <= fact.status < 400, "" if fact.status == 200 else f"status {fact.status}"
        if getattr(fact, "request", None) != request:
            continue
        if type(fact) is CallSent:
            calls.append(journey(records, fact.call)._replace(asks=f"{fact.service}:{fact.port}"))
        elif type(fact) is PacketPassed:
            hops.append(_hop(fact, record, hops))
        elif type(fact) is PacketLost:
            hops.append(_loss(fact, record, hops))
        elif type(fact) is RequestAnswered:
            ok, error = 200 <= fact.status < 400, ""
            if door and hops:
                hops.append(_client("has its answer", hops[-1].source, hops[-1].target, record, back=True))
        elif type(fact) is RequestSent and door:
            hops.append(_client(f"asks {fact.to}", f"{client}:{free_port(request)}", door, record))
        elif type(fact) is RequestFailed:
            error = fact.error
    return Journey(tuple(hops), ok, error, tuple(calls))


def _hop(fact: PacketPassed, record: Any, hops: list[Hop]) -> Hop:
    last = hops[-1] if hops else None
    before = (last.source, last.target) if last and last.back == fact.back else (fact.source, fact.target)
    return Hop(
        record.source, fact.layer, fact.said, fact.source, fact.target, tuple(fact.outer), fact.lost, fact.rule, before,
        tuple(fact.macs), fact.vni, fact.back, record.time / 1e6, tuple(fact.key),
    )  # fmt: skip


def _client(said: str, source: str, target: str, record: Any, back: bool = False) -> Hop:
    return Hop(
        record.source, "client", said, source, target, before=(source, target), back=back, time=record.time / 1e6
    )


def _loss(fact: PacketLost, record: Any, hops: list[Hop]) -> Hop:
    port = {"vxlan": "UDP port 4789", "esp": "ESP", "http": "TCP"}.get(fact.channel, fact.channel)
    said = f"on its way to {fact.to} ({port}): {FATES.get(fact.fate, fact.fate)}"
    last = hops[-1] if hops else Hop(record.source, "client", "", CLIENT, fact.to)
    return last._replace(
        said=said, lost=said, rule="", before=(last.source, last.target), time=record.time / 1e6
    )  # fmt: skip


def table(way: Journey) -> str:
    """For a person: a line for each stop; an address is shown where it changes, the packet around it on its own line."""
    rows: list[tuple[str, ...]] = [HEADINGS]
    around: dict[int, str] = {}  # line → what stands below it
    for number, hop in enumerate(way.hops, 1):
        last = way.hops[number - 2] if number > 1 and way.hops[number - 2].back == hop.back else None
        source = hop.source if last is None or hop.source != last.source else ""
        target = hop.target if last is None or hop.target != last.target else ""
        sign = "✗" if hop.lost else "←" if hop.back else str(number)
        if hop.outer and not (last and hop.outer == last.outer):
            around[len(rows)] = f"{hop.outer[0]} → {hop.outer[1]}"
        rows.append((sign, hop.machine, hop.layer, hop.said, source, target))
    widths = [max(len(row[n]) for row in rows) for n in range(len(HEADINGS))]
    lines = []
    for number, row in enumerate(rows):
        lines.append("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        if number in around:
            lines.append(" " * (sum(widths[:3]) + 6) + f"in a packet {around[number]}")
    lines.append(f"→ {'the answer has arrived' if way.ok else way.error}")
    for call in way.calls:
        lines += ["", f"meanwhile a task asks {call.asks}", table(call)]
    return "\n".join(lines)


# ── as bytes ─────────────────────────────────────────────────────────────────────────────────────────────────────


def frame_of(hop: Hop) -> bytes:
    """SYN on the way there, SYN ACK on the way back: what opens a connection passes all the same stops."""
    (source, sport), (target, tport) = (_split(end) for end in (hop.source, hop.target))
    macs = hop.macs or (frames.container_mac(source), frames.container_mac(target))
    ip = frames.IPv4(source, target, frames.TCP)
    flags = "SYN ACK" if hop.back else "SYN"
    tcp = frames.Tcp(sport, tport, 1000 + 8000 * hop.back, 1001 * hop.back, flags, mss=mss(1450))
    inner = frames.encode((frames.Ethernet(macs[1], macs[0]), ip, tcp))
    if not hop.outer:
        return inner
    here, there = (_split(end)[0] for end in hop.outer)
    outside = frames.tunnel(inner, hop.vni, here, there)
    if not hop.key:
        return outside
    tag, key = hop.key
    return esp.seal(outside, esp.Association(here, there, tag, bytes.fromhex(key)), 1, tag.to_bytes(8, "big"))


def _split(end: str) -> tuple[str, int]:
    address, _, port = end.partition(":")
    return address, int(port or 0)
