"""The key file of a node, `swarm-node.key`: its TLS key, and in the header the key that its manager's log is sealed with.

Under autolock both are sealed with the unlock key, which is on no disk. A worker has no log, and is never locked.
Source: swarmkit `ca/keyreadwriter.go`, `manager/deks.go`; swarm.md §14.
"""

import re
from typing import NamedTuple

from .sealing import seal, unseal

DEK, VERSION = "raft-dek", "kek-version"  # names in the header, as SwarmKit has them
CLEAR, SEALED = "PRIVATE KEY", "ENCRYPTED PRIVATE KEY"
FORM = re.compile(r"-----BEGIN (?P<type>[A-Z ]+)-----\n(?P<head>(?:[\w-]+: .*\n)*)\n?(?P<body>[\w+/=\n]*)-----END ")


class Keys(NamedTuple):
    """What the file protects."""

    tls: bytes  # the node's private key
    dek: bytes = b""  # a manager's data encryption key, b'' on a worker

    def __repr__(self) -> str:
        return f"<Keys of a {'manager' if self.dek else 'worker'}>"  # shown to nobody who does not ask


class KeyFile(NamedTuple):
    """The file as it lies on disk."""

    tls: bytes
    dek: bytes
    sealed: bool = False
    version: int = 0  # index of the log entry that named the unlock key
    seals: bytes = b""  # not in the file: the simulation's own note of the key under which the log on this disk lies

    def __repr__(self) -> str:
        return f"<KeyFile, {'sealed' if self.sealed else 'open'}, version {self.version}>"


def private_key(seed: int) -> bytes:
    """The private key that follows from a seed, as it stands in the file [PKCS 8]."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    from .certificates import private_key as made

    return made(seed).private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def written(keys: Keys, unlock_key: bytes = b"", version: int = 0) -> KeyFile:
    """The file that holds these keys: in the clear without an unlock key."""
    if not unlock_key:
        return KeyFile(keys.tls, keys.dek, False, version, keys.dek)
    dek = seal(unlock_key, keys.dek) if keys.dek else b""
    return KeyFile(seal(unlock_key, keys.tls), dek, True, version, keys.dek)


def opened(file: KeyFile, unlock_key: bytes = b"") -> Keys | None:
    """The keys in it; None if it is sealed, and not with this unlock key."""
    if not file.sealed:
        return Keys(file.tls, file.dek)
    tls = unseal(unlock_key, file.tls)
    dek = unseal(unlock_key, file.dek) if file.dek else b""
    return None if tls is None or dek is None else Keys(tls, dek)


def text(file: KeyFile) -> bytes:
    """The file as its bytes on disk: PEM, with a header."""
    from base64 import b64encode

    head = {VERSION: str(file.version)} | ({DEK: b64encode(file.dek).decode()} if file.dek else {})
    kind, body = SEALED if file.sealed else CLEAR, b64encode(file.tls).decode()
    lines = [f"{name}: {value}" for name, value in sorted(head.items())]
    lines += ["", *(body[n : n + 64] for n in range(0, len(body), 64))]
    return "\n".join([f"-----BEGIN {kind}-----", *lines, f"-----END {kind}-----", ""]).encode()


def parsed(content: bytes) -> KeyFile | None:
    """The same back from the bytes; None if they are no key file."""
    from base64 import b64decode

    found = FORM.match(content.decode("ascii", "replace"))
    if not found:
        return None
    head = dict(line.split(": ", 1) for line in found["head"].splitlines())
    dek, version = b64decode(head.get(DEK, "")), int(head.get(VERSION, "0"))
    return KeyFile(b64decode(found["body"]), dek, found["type"] == SEALED, version)
