"""Subnets and addresses: plain arithmetic on IPv4 numbers.

The lowest free subnet is taken, addresses inside it are handed out one after the other. Source: moby
`daemon/libnetwork/ipams/defaultipam`, `internal/idm`.
"""

from collections.abc import Container, Iterable
from typing import NamedTuple


class Subnet(NamedTuple):
    """A block of addresses: its first one as a number, and how many leading bits are fixed."""

    base: int
    bits: int

    @property
    def size(self) -> int:
        """How many addresses it has, network and broadcast address included."""
        return 1 << 32 - self.bits

    @property
    def last(self) -> int:
        """Its highest address: the broadcast address."""
        return self.base + self.size - 1

    def __str__(self) -> str:
        return f"{text(self.base)}/{self.bits}"

    def holds(self, address: int) -> bool:
        """Is this address one of the block?"""
        return self.base <= address <= self.last

    def overlaps(self, other: "Subnet") -> bool:
        """Do the two blocks share an address?"""
        return self.base <= other.last and other.base <= self.last


def number(address: str) -> int:
    """`10.0.1.3` as a number. Raises ValueError for anything else."""
    parts = address.split(".")
    if len(parts) != 4 or not all(part.isascii() and part.isdigit() and len(part) < 4 for part in parts):
        raise ValueError(f"{address!r} is not an IPv4 address")
    if any(int(part) > 255 or part != str(int(part)) for part in parts):
        raise ValueError(f"{address!r} is not an IPv4 address")
    return int.from_bytes(bytes(map(int, parts)), "big")


def text(address: int) -> str:
    """A number as `10.0.1.3`."""
    return ".".join(map(str, address.to_bytes(4, "big")))


def subnet(cidr: str) -> Subnet:
    """`10.0.1.0/24` as a block; bits behind the mask are ignored. Raises ValueError for anything else."""
    address, slash, bits = cidr.partition("/")
    if not (slash and bits.isascii() and bits.isdigit() and len(bits) < 3 and int(bits) <= 32):
        raise ValueError(f"{cidr!r} is not a subnet")
    size = 1 << 32 - int(bits)
    return Subnet(number(address) // size * size, int(bits))


def pools(text: str) -> list[Subnet]:
    """Address pools as `10.0.0.0/8,172.16.0.0/12`, lowest first; one inside another counts once."""
    found: list[Subnet] = []
    for pool in sorted(map(subnet, text.split(","))):
        if not any(pool.overlaps(other) for other in found):
            found.append(pool)
    return found


def lowest_free(pool: Subnet, bits: int, taken: Iterable[Subnet]) -> Subnet | None:
    """The lowest block of `bits` in the pool that overlaps none of the taken ones; None when the pool is used up."""
    taken = sorted(taken)
    candidate = Subnet(pool.base, bits)
    for other in taken:
        if candidate.overlaps(other):
            after = -(-(other.last + 1) // candidate.size) * candidate.size
            candidate = Subnet(after, bits)
    return candidate if candidate.last <= pool.last else None


def next_free(first: int, last: int, used: Container[int], previous: int) -> int | None:
    """The next number after `previous` in first…last that is not used, going round once; None when all are used.

    What was given back is not handed out again before the count has gone round.
    """
    span = last - first + 1
    start = previous + 1 - first if first <= previous < last else 0
    for step in range(span):
        candidate = first + (start + step) % span
        if candidate not in used:
            return candidate
    return None
