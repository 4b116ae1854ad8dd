"""Ids, secrets and join tokens, drawn from a random stream in the shapes that Docker gives them.

A token says whom to trust and proves that one may come in: the digest of the swarm's root certificate, then a secret.
Source: swarmkit identity/randomid.go, ca/config.go, ca/certificates.go (GenerateJoinToken); Docker documentation, "Join
nodes to a swarm", "docker swarm join-token".
"""

import re
from typing import NamedTuple

from ..effects import Dice
from ..objects import Cluster
from .certificates import pem

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
ID_BITS = 17 * 8
TOKEN = re.compile(r"SWMTKN-1-([0-9a-z]{50})-([0-9a-z]{25})")


class Token(NamedTuple):
    """The parts of a join token."""

    version: int
    digest: str  # of the swarm's root certificate: a SHA-256 in base 36, 50 characters
    secret: str  # 25 characters, one secret for each role


def parts(shown: str) -> Token | None:
    """What a join token is made of, None if it is no token at all.

    >>> parts("SWMTKN-1-" + "0" * 50 + "-" + "z" * 25).secret
    'zzzzzzzzzzzzzzzzzzzzzzzzz'
    """
    found = TOKEN.fullmatch(shown)
    return Token(1, found[1], found[2]) if found else None


def token(digest: str, secret: str) -> str:
    """What `docker swarm join` shows: which swarm to trust, then the proof that one may come in."""
    return f"SWMTKN-1-{digest}-{secret}"


def digest(certificate: bytes) -> str:
    """The half of a token that names a root certificate: the SHA-256 of what `docker swarm ca` prints, in base 36."""
    from hashlib import sha256  # at first use, as everything that the first moments do not need

    return base36(int.from_bytes(sha256(pem(certificate).encode()).digest(), "big"), 50)


def fingerprint(digest: str) -> str:
    """A digest as engines print it: 64 hexadecimal digits.

    >>> fingerprint("00000000000000000000000000000000000000000000000a2z")
    '000000000000000000000000000000000000000000000000000000000000330b'
    """
    return f"{int(digest, 36) % (1 << 256):064x}"


def role_by_token(cluster: Cluster | None, shown: str) -> str | None:
    """The role that a token opens, or None. Nothing but the secret at its end decides; the digest is for the joiner."""
    wanted = parts(shown)
    if not wanted or not cluster:
        return None
    roles = {_secret(cluster.manager_token): "manager", _secret(cluster.worker_token): "worker"}
    return roles.get(wanted.secret)


def _secret(shown: str) -> str:
    return shown.rpartition("-")[2]


# ── what is drawn ────────────────────────────────────────────────────────────────────────────────────────────────


def new_id(dice: Dice) -> str:
    """A fresh id of 25 characters: 17 random bytes in base 36."""
    return _spell(dice.getrandbits(ID_BITS))


def node_id(dice: Dice) -> str:
    """The id that the first node of a swarm gives itself: the first digit, which is not evenly spread, is left out."""
    return base36(1 << ID_BITS - 1 | dice.getrandbits(ID_BITS - 1))[1:26]


def derived_id(*parts: object) -> str:
    """An id that follows from its parts, so that a planner needs no dice and gives the same answer twice.

    SwarmKit draws task ids like all others; we derive them because planners are plain functions.
    """
    from hashlib import sha256

    return _spell(int.from_bytes(sha256(repr(parts).encode()).digest()[:17], "big"))


def member_id(dice: Dice) -> str:
    """16 hexadecimal digits: the name of a manager inside raft."""
    return f"{dice.getrandbits(64):016x}"


def container_id(dice: Dice) -> str:
    return f"{dice.getrandbits(256):064x}"


def new_secret(dice: Dice) -> str:
    """The half of a join token that only this role's token has: 16 random bytes."""
    return base36(dice.getrandbits(128), 25)


def unlock_key(dice: Dice) -> str:
    """What unlocks a manager that comes back while autolock is on: 32 random bytes, without the padding."""
    from base64 import b64encode  # at first use: few clusters are locked

    return "SWMKEY-1-" + b64encode(dice.getrandbits(256).to_bytes(32, "big")).decode().rstrip("=")


def base36(number: int, length: int = 0) -> str:
    """
    >>> base36(35 * 36 + 1, length=4)
    '00z1'
    """
    digits = []
    while number:
        number, digit = divmod(number, 36)
        digits.append(DIGITS[digit])
    return "".join(reversed(digits)).rjust(length, "0")


def _spell(number: int) -> str:
    return base36(number | 1 << ID_BITS - 1)[1:26]
