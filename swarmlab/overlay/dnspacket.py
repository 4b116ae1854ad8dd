"""Questions and answers of the name service as bytes: a real `dig` understands them.

Source: RFC 1035 §4; networking.md §5.3.
"""

# Simpler than in reality (docs/simplifications.md): ipv4

from struct import error, pack, unpack_from

from .dns import NOERROR, NXDOMAIN, SERVFAIL, Record, Reply, is_address, why_illegal
from .ipam import number

TYPES = {"A": 1, "PTR": 12, "AAAA": 28}
CODES = {NOERROR: 0, SERVFAIL: 2, NXDOMAIN: 3}
ANSWER, RECURSION_WANTED, RECURSION_AVAILABLE = 0x8000, 0x0100, 0x0080
INTERNET = 1


def packet(reply: Reply, number: int) -> bytes:
    """The answer to the question that carried this number. Names are written out each time, as Docker writes them."""
    flags = ANSWER | RECURSION_WANTED | (RECURSION_AVAILABLE if reply.available else 0) | CODES[reply.status]
    head = pack("!6H", number, flags, 1, len(reply.records), 0, 0)
    asked = encoded(reply.name) + pack("!2H", TYPES[reply.kind], INTERNET)
    return head + asked + b"".join(map(_record, reply.records))


def query(name: str, kind: str, number: int) -> bytes:
    """A question as bytes."""
    head = pack("!6H", number, RECURSION_WANTED, 1, 0, 0, 0)
    return head + encoded(name) + pack("!2H", TYPES[kind], INTERNET)


def question(data: bytes) -> tuple[int, str, str]:
    """The number, the name and the kind that are asked for; raises ValueError for bytes that are no question."""
    labels, place = [], 12
    try:
        while length := data[place]:
            labels.append(data[place + 1 : place + 1 + length].decode("ascii"))
            place += 1 + length
        (kind,) = unpack_from("!H", data, place + 1)
        return unpack_from("!H", data)[0], ".".join(labels), {code: name for name, code in TYPES.items()}[kind]
    except (IndexError, KeyError, ValueError, error):
        raise ValueError("no question for A, AAAA or PTR") from None


def encoded(name: str) -> bytes:
    """Each part of the name with its length before it.

    >>> encoded("tasks.web")
    b'\\x05tasks\\x03web\\x00'
    """
    labels = [label.encode("ascii") for label in name.rstrip(".").split(".")]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def check_name(name: str) -> None:
    """Raise ValueError, as `dig` puts it, for what cannot be asked for."""
    why = why_illegal(name)
    if why:
        raise ValueError(f"dig: '{name}' is not a legal name ({why})")


def _record(record: Record) -> bytes:
    data = number(record.data).to_bytes(4, "big") if is_address(record.data) else encoded(record.data)
    return encoded(record.name) + pack("!2HIH", TYPES[record.kind], INTERNET, record.ttl, len(data)) + data
