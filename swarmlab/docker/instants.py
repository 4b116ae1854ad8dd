"""Times as people type them for `--since` and `--until`: so long ago, a date, or seconds since 1970.

Source: Docker CLI reference, `docker logs`, `docker system events`.
"""

import re
from datetime import datetime

from .dates import BEGINNING
from .units import UnitError, parse_duration, quote

_DATE = re.compile(r"(\d{4}-\d\d-\d\d)(?:T(\d\d(?::\d\d){0,2})(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?", re.ASCII)


def instant(text: str, now: int) -> int:
    """µs of virtual time. Raises `UnitError`."""
    try:
        return now - parse_duration(text)
    except UnitError:
        pass
    if re.fullmatch(r"\d{1,11}(\.\d{1,9})?", text, re.ASCII):
        return round((float(text) - BEGINNING.timestamp()) * 1_000_000)
    if found := _DATE.fullmatch(text):
        try:
            return _micros(*found.groups())
        except ValueError:
            pass
    raise UnitError(f"parsing time {quote(text)}: neither a duration nor a date")


def _micros(day: str, clock: str | None, fraction: str | None, zone: str | None) -> int:
    full = ((clock or "00") + ":00:00")[:8]
    moment = datetime.fromisoformat(f"{day}T{full}{(zone or 'Z').replace('Z', '+00:00')}")
    since = moment - BEGINNING
    return (since.days * 86400 + since.seconds) * 1_000_000 + round(float(fraction or 0) * 1_000_000)
