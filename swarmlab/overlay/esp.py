"""Encrypted networks: the VXLAN datagrams between two nodes in IPsec ESP, transport mode, as Docker sets it up.

Nothing is negotiated: managers hand out keys, and both ends work out from a key's tag and their two addresses which
number (SPI) a packet of that key carries. Source: moby `daemon/libnetwork/drivers/overlay/encryption.go`; RFC 4303
(ESP), RFC 4106 (AES-GCM in ESP).

AES is done by the package `cryptography`, imported at first use: it comes with the lessons, and Python for the browser
(Pyodide) has it, too. Everything else about these packages can be read without it.
"""

# Simpler than in reality (docs/simplifications.md): encrypted-captures

from collections.abc import Iterable
from typing import Any, NamedTuple

from ..effects import Dice
from . import vxlan
from .frames import ESP, ICV, UDP, Esp, Ethernet, IPv4, encode, headers_of, packed

KEY, IV = 16, 8  # bytes
OFFSET, PRIME = 0x811C9DC5, 0x01000193  # of FNV-1a with 32 bits
MAPPED = bytes(10) + b"\xff\xff"  # how an IPv4 address looks as one of 16 bytes
MARK = 0xD0C4E3  # what Docker marks packets with that are to be encrypted

NO_SPI = "no key with SPI 0x{:08x} is known"
NOT_AUTHENTIC = "the integrity check value does not fit: wrong key, or changed on the way"
NOT_ESP = "this is no ESP packet"
IN_CLEAR = "a packet of an encrypted network came in clear"
NO_LIBRARY = "encrypted packets need the package cryptography (pip install cryptography)"


class Association(NamedTuple):
    """A security association (SA): one direction between two nodes, and one key."""

    source: str
    target: str
    tag: int  # the key's time by the managers' clock
    key: bytes

    @property
    def spi(self) -> int:
        """The number that a packet of it carries in clear."""
        return spi(self.source, self.target, self.tag)

    @property
    def salt(self) -> bytes:
        """The first four bytes of every nonce: Docker takes the SPI."""
        return self.spi.to_bytes(4, "big")


class Refused(NamedTuple):
    """A packet that is thrown away, and why."""

    reason: str


class Opened(NamedTuple):
    """A packet that was let in: the frame in clear, and whose key it was."""

    frame: bytes
    association: Association


def spi(source: str, target: str, tag: int) -> int:
    """FNV-1a over source, the key's tag and target: both ends know all three, and the two directions differ."""
    data = MAPPED + packed(source) + (tag & 0xFFFFFFFF).to_bytes(4, "big") + MAPPED + packed(target)
    found = OFFSET
    for byte in data:
        found = (found ^ byte) * PRIME & 0xFFFFFFFF
    return found


def draw_key(dice: Dice) -> bytes:
    """A key for AES-128."""
    return dice.getrandbits(8 * KEY).to_bytes(KEY, "big")


def draw_iv(dice: Dice) -> bytes:
    """What makes the nonce of each packet another one."""
    return dice.getrandbits(8 * IV).to_bytes(IV, "big")


# ── one packet ───────────────────────────────────────────────────────────────────────────────────────────────────


def seal(frame: bytes, association: Association, sequence: int, iv: bytes) -> bytes:
    """A frame between two nodes, encrypted from the UDP header on. Addresses stay readable, ports and VNI do not."""
    (ethernet, packet), datagram = _outside(frame)
    pad = bytes(range(1, vxlan.padding(len(datagram)) + 1))
    clear = datagram + pad + bytes([len(pad), UDP])
    header = Esp(association.spi, sequence, iv)
    hidden, icv = _encrypt(association, iv, clear, _covered(header))
    return encode((ethernet, packet._replace(protocol=ESP), header), hidden + icv)


def unseal(frame: bytes, associations: Iterable[Association], must: bool = True) -> Opened | Refused:
    """The frame in clear again, if the packet belongs to one of these associations and nobody has touched it.

    One that came in clear is refused unless `must` is False: Docker drops cleartext VXLAN of an encrypted network.
    """
    try:
        headers, hidden = headers_of(frame, most=3)
    except ValueError:
        return Refused(NOT_ESP)
    match headers:
        case Ethernet() as ethernet, IPv4() as packet, Esp() as header:
            found = next((one for one in associations if _belongs(packet, header, one)), None)
            if found is None:
                return Refused(NO_SPI.format(header.spi))
            clear = _decrypt(found, header.iv, hidden, _covered(header))
            return _opened(ethernet, packet, clear, found)
    return Refused(IN_CLEAR if must else NOT_ESP)


def _outside(frame: bytes) -> tuple[tuple, bytes]:
    headers, datagram = headers_of(frame, most=2)
    if len(headers) < 2 or headers[1].protocol != UDP:
        raise ValueError("only a frame of Ethernet, IPv4 and UDP is encrypted")
    return headers, datagram


def _belongs(packet: IPv4, header: Esp, association: Association) -> bool:
    return (packet.source, packet.target) == association[:2] and header.spi == association.spi


def _opened(ethernet: Ethernet, packet: IPv4, clear: bytes | None, association: Association) -> Opened | Refused:
    if clear is None:
        return Refused(NOT_AUTHENTIC)
    if len(clear) < 2 or len(clear) < clear[-2] + 2:
        return Refused(NOT_ESP)
    pad, protocol = clear[-2], clear[-1]
    datagram = clear[: len(clear) - 2 - pad]
    return Opened(encode((ethernet, packet._replace(protocol=protocol)), datagram), association)


def _covered(header: Esp) -> bytes:
    """What is authenticated without being encrypted."""
    return header.spi.to_bytes(4, "big") + header.sequence.to_bytes(4, "big")


class Sealer:
    """What nodes do with each packet they send: encrypt it with the key of its direction, and count it."""

    def __init__(self, associations: Iterable[Association], dice: Dice) -> None:
        self.by_way = {(one.source, one.target): one for one in associations}
        self.dice = dice
        self.sequences: dict[tuple[str, str], int] = {}

    def seal(self, frame: bytes) -> bytes:
        """The frame as it leaves its node."""
        (_, packet), _ = _outside(frame)
        way = packet.source, packet.target
        if way not in self.by_way:
            raise ValueError(f"there is no key for packets from {packet.source} to {packet.target}")
        self.sequences[way] = self.sequences.get(way, 0) + 1
        return seal(frame, self.by_way[way], self.sequences[way], draw_iv(self.dice))


def both_ways(here: str, there: str, tag: int, key: bytes) -> tuple[Association, Association]:
    """One key between two nodes: two associations, with SPIs of their own."""
    return Association(here, there, tag, key), Association(there, here, tag, key)


# ── AES in Galois/Counter mode, with a value of 8 bytes to check ─────────────────────────────────────────────────


def _encrypt(association: Association, iv: bytes, clear: bytes, covered: bytes) -> tuple[bytes, bytes]:
    worker = _cipher(association, iv, None).encryptor()
    worker.authenticate_additional_data(covered)
    hidden = worker.update(clear) + worker.finalize()
    return hidden, worker.tag[:ICV]


def _decrypt(association: Association, iv: bytes, hidden: bytes, covered: bytes) -> bytes | None:
    """None if the value does not fit."""
    hidden, icv = hidden[:-ICV], hidden[-ICV:]
    worker = _cipher(association, iv, icv).decryptor()
    worker.authenticate_additional_data(covered)
    try:
        return worker.update(hidden) + worker.finalize()
    except _wrong_tag():
        return None


def _cipher(association: Association, iv: bytes, icv: bytes | None) -> Any:
    try:
        from cryptography.hazmat.primitives.ciphers import (
            Cipher,
            algorithms,
            modes,
        )  # 16 MB, for encrypted networks only
    except ImportError:
        raise ValueError(NO_LIBRARY) from None
    mode = modes.GCM(association.salt + iv, icv, min_tag_length=ICV)
    return Cipher(algorithms.AES(association.key), mode)


def _wrong_tag() -> type[Exception]:
    from cryptography.exceptions import InvalidTag

    return InvalidTag
