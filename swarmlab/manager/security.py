"""Who may come in: join tokens, and the ids that everything gets.

Source: Docker documentation, "Join nodes to a swarm"; swarmkit `identity/randomid.go`, `ca/config.go`.
"""

import re

from ..effects import Dice
from ..objects import Cluster

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
ID_BITS = 17 * 8
TOKEN = re.compile(r"SWMTKN-1-([0-9a-z]{50})-([0-9a-z]{25})")


def new_id(dice: Dice) -> str:
    """A fresh id of 25 characters: 17 random bytes in base 36."""
    return _spell(dice.getrandbits(ID_BITS))


def derived_id(*parts: object) -> str:
    """An id that follows from its parts, so that a planner needs no dice and gives the same answer twice.

    SwarmKit draws task ids like all others; we derive them because planners are plain functions.
    """
    from hashlib import sha256  # at first use, as everything that the first moments do not need

    return _spell(int.from_bytes(sha256(repr(parts).encode()).digest()[:17], "big"))


def new_secret(dice: Dice) -> str:
    """The last part of a join token: 25 random characters."""
    return _base36(dice.getrandbits(128)).rjust(25, "0")


def new_digest(dice: Dice) -> str:
    """The middle part of a join token: the digest of a root certificate, 50 characters."""
    return _base36(dice.getrandbits(256)).rjust(50, "0")


def token(ca_digest: str, secret: str) -> str:
    """What `docker swarm join` shows: which swarm to trust, then the proof that one may come in."""
    return f"SWMTKN-1-{ca_digest}-{secret}"


def unlock_key(dice: Dice) -> str:
    """What unlocks a manager that comes back while autolock is on: 32 random bytes, without the padding."""
    from base64 import b64encode  # at first use: few clusters are locked

    return "SWMKEY-1-" + b64encode(dice.getrandbits(256).to_bytes(32, "big")).decode().rstrip("=")


def role_by_token(cluster: Cluster | None, shown: str) -> str | None:
    """The role that a token opens, or None. Nothing but the secret at its end decides; the digest is for the joiner."""
    form = TOKEN.fullmatch(shown)
    if not form or not cluster:
        return None
    roles = {_secret(cluster.manager_token): "manager", _secret(cluster.worker_token): "worker"}
    return roles.get(form[2])


def _secret(shown: str) -> str:
    return shown.rpartition("-")[2]


def _spell(number: int) -> str:
    return _base36(number | 1 << ID_BITS - 1)[1:26]


def _base36(number: int) -> str:
    digits = []
    while number:
        number, digit = divmod(number, 36)
        digits.append(DIGITS[digit])
    return "".join(reversed(digits))
