"""Frames with all their checksums: how many are written and read per second, in clear and encrypted."""

from collections.abc import Callable
from random import Random
from statistics import median
from time import process_time

from swarmlab.overlay import esp
from swarmlab.overlay.conversation import conversation
from swarmlab.overlay.frames import decode

from .measure import Figure

NODES = ("192.168.1.10", "192.168.1.11")


def figures() -> list[Figure]:
    rows = [frame for _, frame in _request(1_000_000)]
    peer = f"{len(rows)} frames, most of {max(map(len, rows))} bytes"
    pair = esp.both_ways(*NODES, 7, bytes(16))
    sealer = esp.Sealer(pair, Random(7))
    sealed = [sealer.seal(frame) for frame in rows]
    works: tuple[tuple[str, Callable[[], list], int, int], ...] = (
        ("TCP in VXLAN, written", lambda: _request(1_000_000), 5000, 10_000),
        ("TCP in VXLAN, read", lambda: [decode(frame) for frame in rows], 10_000, 20_000),
        ("TCP in VXLAN, encrypted", lambda: [sealer.seal(frame) for frame in rows], 5000, 10_000),
        ("TCP in VXLAN, decrypted", lambda: [esp.unseal(frame, pair) for frame in sealed], 5000, 10_000),
    )
    return [Figure(name, _speed(work), "frames / CPU s", floor, goal, True, peer) for name, work, floor, goal in works]


def _request(size: int) -> list:
    return conversation(("10.0.1.3", 40_000), ("10.0.1.4", 80), 4097, NODES, 100, size)


def _speed(work: Callable[[], list]) -> float:
    speeds = []
    for _ in range(3):
        start = process_time()
        done = work()
        speeds.append(len(done) / (process_time() - start))
    return median(speeds)
