"""What crosses a machine's wire, as Wireshark would see it: the tunnels of requests, from the messages of a trace.

A request and its answer become a TCP connection from handshake to farewell; one that got no answer knocks three times.
What is encrypted is sealed last, in the order in which it is sent, as each key counts its packets.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from ..effects import SECOND, Dice
from . import pcap, vxlan
from .conversation import conversation
from .esp import Sealer, both_ways, draw_key
from .path import free_port

TUNNELS = ("vxlan", "esp")
AGAIN = (0, SECOND, 3 * SECOND)  # µs after which a SYN is sent once more


class Sent(NamedTuple):
    """One frame on the wire."""

    time: int
    frame: bytes
    key: int  # the tag of the key that it is sealed with, 0 for none
    ends: tuple[str, str]  # the addresses of the two nodes, in alphabetical order


def capture(
    messages: Iterable[Any],
    machine: str,
    addresses: Mapping[str, str],
    keys: Mapping[int, bytes],
    stream: Callable[[str], Dice],
) -> bytes:
    """The bytes of a capture file: the frames that `machine` sent or received. `addresses` are those of machines, `keys`
    those of encrypted networks, by tag; one that nobody has any more is replaced by another, which hides as well.
    `stream` gives the dice of this name."""
    frames = [row for row in messages if row.channel in TUNNELS and row.brief and machine in (row.sender, row.to)]
    answers = {(row.brief[0], row.to): row for row in frames if row.brief[-1]}
    sent: list[Sent] = []
    for row in frames:
        if not row.brief[-1]:
            sent += _talk(row, answers.get((row.brief[0], row.sender)), addresses)
    return pcap.dump(_sealed(sorted(sent, key=lambda one: one.time), keys, stream))


def _talk(row: Any, answer: Any, addresses: Mapping[str, str]) -> list[Sent]:
    """The frames of one connection, in clear."""
    _, number, vni, source, target, port, size, key, _ = row.brief
    here, there = addresses[row.sender], addresses.get(row.to, row.to)
    think = max(0, answer.sent - row.arrived) if answer and row.arrived >= 0 else 0
    talk = conversation(
        (source, free_port(number)), (target, port), vni, (here, there), size, answer.brief[6] if answer else 0,
        vxlan.mss(vxlan.mtu_inside(encrypted=bool(key))), start=row.sent, think=think,
    )  # fmt: skip
    if not answer or answer.arrived < 0:
        talk = [(row.sent + wait, talk[0][1]) for wait in AGAIN]
    return [Sent(time, frame, key, (min(here, there), max(here, there))) for time, frame in talk]


def _sealed(
    sent: Iterable[Sent], keys: Mapping[int, bytes], stream: Callable[[str], Dice]
) -> Iterable[tuple[int, bytes]]:
    """The frames as they leave their nodes: each key counts its packets, whichever connection they belong to."""
    sealers: dict[tuple[int, tuple[str, str]], Sealer] = {}
    for time, frame, key, ends in sent:
        if key and (key, ends) not in sealers:
            dice = stream(f"{key} {ends}")  # both nodes of a tunnel capture the same bytes
            value = keys.get(key) or draw_key(dice)
            sealers[key, ends] = Sealer(both_ways(*ends, key, value), dice)
        yield time, sealers[key, ends].seal(frame) if key else frame
