"""What a client remembers of names: many runtimes keep an answer for as long as it may be kept, some for ever.

Then they are sent to the first address that they once got, whatever has become of the task behind it. A container's
environment says so with DNS_CACHE_TTL=600, in seconds; without it each connection asks anew. Source: networking.md §4.6.
"""

import re
from collections.abc import Iterable

from ..effects import SECOND

VARIABLE = "DNS_CACHE_TTL"
_SECONDS = re.compile(r"\d{1,9}(\.\d{1,6})?", re.ASCII)


class Answers:
    """What one client remembers, by name. With a `ttl` of 0 it remembers nothing."""

    __slots__ = ("kept", "ttl")

    def __init__(self, ttl: int = 0):
        self.ttl = ttl  # µs
        self.kept: dict[str, tuple[int, tuple[str, ...]]] = {}  # name → (until when, addresses)

    def recall(self, name: str, now: int) -> tuple[str, ...]:
        """The addresses that it got for this name and still believes; () if it has to ask."""
        until, addresses = self.kept.get(name, (now, ()))
        return addresses if now < until else ()

    def keep(self, name: str, addresses: tuple[str, ...], now: int) -> None:
        """Remember an answer. That there is no such name is not remembered."""
        if self.ttl and addresses:
            self.kept[name] = now + self.ttl, addresses


def ttl_of(env: Iterable[str]) -> int:
    """For how long a process with this environment keeps answers, µs; what is no number of seconds counts for nothing.

    >>> ttl_of(["A=1", "DNS_CACHE_TTL=600"])
    600000000
    """
    settings = dict(line.partition("=")[::2] for line in env)
    asked = settings.get(VARIABLE, "")
    return round(float(asked) * SECOND) if _SECONDS.fullmatch(asked) else 0
