"""Virtual time as dates."""

# Simpler than in reality (docs/simplifications.md): new-year

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from ..trust import certificates

BEGINNING = datetime.fromtimestamp(certificates.BEGINNING, UTC)  # virtual time 0
NEVER = "0001-01-01T00:00:00Z"  # how the Engine API writes a time that is not set


def rfc3339(at: int, fixed: bool = False) -> str:
    """µs of virtual time as the Engine API writes them; `fixed` keeps all nine digits, as in logs and events.

    >>> rfc3339(90_500_000), rfc3339(90_500_000, fixed=True)
    ('2026-01-01T00:01:30.5Z', '2026-01-01T00:01:30.500000000Z')
    """
    return f"{_second(at // 1_000_000)}{_fraction(at, fixed)}Z"


def spoken(at: int) -> str:
    """As Go prints a time: `2026-01-01 00:01:30.5 +0000 UTC`."""
    return f"{day(at):%Y-%m-%d %H:%M:%S}{_fraction(at)} +0000 UTC"


def unix(at: int) -> int:
    """Seconds since 1970."""
    return int(day(at).timestamp())


def nanoseconds(at: int) -> int:
    """Nanoseconds since 1970."""
    return int(BEGINNING.timestamp()) * 10**9 + at * 1000


@lru_cache(4096)
def _second(number: int) -> str:
    """A list of thousands of tasks names the same few seconds again and again."""
    return f"{day(number * 1_000_000):%Y-%m-%dT%H:%M:%S}"


def day(at: int) -> datetime:
    """µs of virtual time as a date."""
    return BEGINNING + timedelta(microseconds=at)


def _fraction(at: int, fixed: bool = False) -> str:
    digits = f"{at % 1_000_000:06}"
    digits = f"{digits}000" if fixed else digits.rstrip("0")
    return digits and f".{digits}"
