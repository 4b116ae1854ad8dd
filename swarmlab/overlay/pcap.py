"""Captures as Wireshark and tshark read them: the file format of libpcap, in microseconds.

Source: the Internet draft "PCAP Capture File Format".
"""

from collections.abc import Iterable
from struct import pack, unpack_from

from ..effects import SECOND

MAGIC, VERSION, SNAPLEN, ETHERNET = 0xA1B2C3D4, (2, 4), 262_144, 1
FILE_HEADER, RECORD_HEADER = 24, 16


def dump(rows: Iterable[tuple[int, bytes]]) -> bytes:
    """The bytes of a capture file, of (time in µs, frame) each. `Path("x.pcap").write_bytes(dump(rows))` saves it."""
    parts = [pack("<IHHiIII", MAGIC, *VERSION, 0, 0, SNAPLEN, ETHERNET)]
    for time, frame in rows:
        seconds, micros = divmod(time, SECOND)
        kept = frame[:SNAPLEN]
        parts += [pack("<IIII", seconds, micros, len(kept), len(frame)), kept]
    return b"".join(parts)


def load(capture: bytes) -> list[tuple[int, bytes]]:
    """The (time in µs, frame) of a capture file. Raises ValueError for anything else."""
    order = {b"\xd4\xc3\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">"}.get(capture[:4])
    if order is None or len(capture) < FILE_HEADER:
        raise ValueError("this is no capture file with times in microseconds")
    rows, at = [], FILE_HEADER
    while at < len(capture):
        if at + RECORD_HEADER > len(capture):
            raise ValueError(f"the capture ends in the middle of a record, at byte {at}")
        seconds, micros, length, _ = unpack_from(f"{order}IIII", capture, at)
        at += RECORD_HEADER
        if at + length > len(capture):
            raise ValueError(f"the capture ends in the middle of a record, at byte {at}")
        rows.append((seconds * SECOND + micros, capture[at : at + length]))
        at += length
    return rows
