"""Virtual time as dates, and durations in Go's short form: the one place that says which day a run begins on."""

from datetime import UTC, datetime, timedelta

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)  # virtual time 0
NEVER = "0001-01-01T00:00:00Z"  # how the Engine API writes a time that is not set


def rfc3339(at: int, fixed: bool = False) -> str:
    """µs of virtual time as the Engine API writes them; `fixed` keeps all nine digits, as in logs and events.

    >>> rfc3339(90_500_000), rfc3339(90_500_000, fixed=True)
    ('2026-01-01T00:01:30.5Z', '2026-01-01T00:01:30.500000000Z')
    """
    return f"{_day(at):%Y-%m-%dT%H:%M:%S}{_fraction(at, fixed)}Z"


def spoken(at: int) -> str:
    """As Go prints a time: `2026-01-01 00:01:30.5 +0000 UTC`."""
    return f"{_day(at):%Y-%m-%d %H:%M:%S}{_fraction(at)} +0000 UTC"


def unix(at: int) -> int:
    """Seconds since 1970."""
    return int(_day(at).timestamp())


def nanoseconds(at: int) -> int:
    """Nanoseconds since 1970."""
    return int(BEGINNING.timestamp()) * 10**9 + at * 1000


def _day(at: int) -> datetime:
    return BEGINNING + timedelta(microseconds=at)


def _fraction(at: int, fixed: bool = False) -> str:
    digits = f"{at % 1_000_000:06}"
    digits = f"{digits}000" if fixed else digits.rstrip("0")
    return digits and f".{digits}"


def duration(span: int) -> str:
    """µs as Go prints a duration.

    >>> duration(5_000_000), duration(90_500_000), duration(3_600_000_000), duration(1_500), duration(0)
    ('5s', '1m30.5s', '1h0m0s', '1.5ms', '0s')
    """
    sign, span = ("-", -span) if span < 0 else ("", span)
    if 0 < span < 1000:
        return f"{sign}{span}µs"
    if 0 < span < 1_000_000:
        return f"{sign}{_short(span, 1000)}ms"
    minutes, rest = divmod(span, 60_000_000)
    hours, minutes = divmod(minutes, 60)
    head = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{sign}{head}{_short(rest, 1_000_000)}s"


def _short(number: int, unit: int) -> str:
    whole, rest = divmod(number, unit)
    digits = str(rest).rjust(len(str(unit)) - 1, "0").rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)
