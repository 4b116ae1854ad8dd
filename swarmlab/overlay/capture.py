"""What crosses a machine's wire, as Wireshark would see it: the tunnels of requests, from the messages of a trace.

A request and its answer become a TCP connection from handshake to farewell; one that got no answer knocks three times.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from ..effects import SECOND, Dice
from . import pcap, vxlan
from .conversation import conversation
from .esp import Sealer, both_ways
from .path import free_port

TUNNELS = ("vxlan", "esp")
AGAIN = (0, SECOND, 3 * SECOND)  # µs after which a SYN is sent once more


def capture(
    messages: Iterable[Any], machine: str, addresses: Mapping[str, str], keys: Mapping[int, bytes], dice: Dice
) -> bytes:
    """The bytes of a capture file: the frames that `machine` sent or received. `addresses` are those of machines, `keys`
    those of encrypted networks, by tag."""
    frames = [row for row in messages if row.channel in TUNNELS and row.brief and machine in (row.sender, row.to)]
    answers = {(row.brief[0], row.to): row for row in frames if row.brief[-1]}
    rows: list[tuple[int, bytes]] = []
    for row in frames:
        if not row.brief[-1]:
            rows += _talk(row, answers.get((row.brief[0], row.sender)), addresses, keys, dice)
    return pcap.dump(sorted(rows, key=lambda row: row[0]))


def _talk(
    row: Any, answer: Any, addresses: Mapping[str, str], keys: Mapping[int, bytes], dice: Dice
) -> list[tuple[int, bytes]]:
    _, number, vni, source, target, port, size, key, _ = row.brief
    here, there = addresses[row.sender], addresses.get(row.to, row.to)
    sealer = Sealer(both_ways(here, there, key, keys[key]), dice) if key in keys else None
    think = max(0, answer.sent - row.arrived) if answer and row.arrived >= 0 else 0
    talk = conversation(
        (source, free_port(number)), (target, port), vni, (here, there), size, answer.brief[6] if answer else 0,
        vxlan.mss(vxlan.mtu_inside(encrypted=bool(key))), sealer, row.sent, think,
    )  # fmt: skip
    if answer and answer.arrived >= 0:
        return talk
    return [(row.sent + wait, talk[0][1]) for wait in AGAIN]
