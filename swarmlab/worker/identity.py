"""Ids, secrets and join tokens, drawn from a random stream in the shapes that Docker gives them.

Opaque characters for now: nothing is signed or hashed yet. Source: swarmkit identity/randomid.go, ca/config.go;
Docker documentation, "docker swarm join-token".
"""

import re

from ..effects import Dice

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
TOKEN = re.compile(r"SWMTKN-1-([0-9a-z]{50})-([0-9a-z]{25})")


def base36(number: int, length: int = 0) -> str:
    """
    >>> base36(35 * 36 + 1, length=4)
    '00z1'
    """
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = DIGITS[digit] + text
    return text.rjust(length, "0")


def node_id(dice: Dice) -> str:
    """25 characters: 17 random bytes in base 36, without the first digit, which is not evenly spread."""
    return base36(1 << 135 | dice.getrandbits(135))[1:26]


def member_id(dice: Dice) -> str:
    """16 hexadecimal digits: the name of a manager inside raft."""
    return f"{dice.getrandbits(64):016x}"


def container_id(dice: Dice) -> str:
    return f"{dice.getrandbits(256):064x}"


def secret(dice: Dice) -> str:
    """The half of a join token that only this role's token has: 16 random bytes."""
    return base36(dice.getrandbits(128), 25)


def ca_digest(dice: Dice) -> str:
    """The half of every join token that names the swarm's CA: as long as a SHA-256."""
    return base36(dice.getrandbits(256), 50)


def digest_in(token: str) -> str | None:
    """The CA digest that a token demands, or None if it is no token at all."""
    found = TOKEN.fullmatch(token)
    return found[1] if found else None


def fingerprint(digest: str) -> str:
    """A digest as engines print it: 64 hexadecimal digits.

    >>> fingerprint("00000000000000000000000000000000000000000000000a2z")
    '000000000000000000000000000000000000000000000000000000000000330b'
    """
    return f"{int(digest, 36) % (1 << 256):064x}"
