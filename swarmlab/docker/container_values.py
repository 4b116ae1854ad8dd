"""What may stand as the value of a flag about a container's surroundings: DNS servers, hosts, limits.

Each reader raises `UnitError` with the words of the Docker client. Source: Docker CLI reference, `docker run` and
`docker service create`; refusals as docker 28.2.2 words them.
"""

import csv
import re
import shlex

from .units import UnitError, quote


def fields(text: str) -> list[str]:
    """The comma-separated parts of a long value; quotes protect commas."""
    try:
        parts = next(csv.reader(text.splitlines()[:1], strict=True), [])
    except csv.Error as fault:
        raise UnitError(f"parse error on line 1: {fault}") from None
    if not parts:
        raise UnitError("EOF")
    return parts


def command(text: str) -> tuple[str, ...]:
    """A command line as a shell splits it."""
    try:
        return tuple(shlex.split(text, comments=True))
    except ValueError as fault:
        missing = "escape" if "escape" in str(fault) else "closing quote"
        expected = "after escape character" if missing == "escape" else "when expecting closing quote"
        raise UnitError(f"EOF found {expected}") from None


def address(text: str) -> str:
    from ipaddress import ip_address  # at first use: hardly a service names one

    try:
        return str(ip_address(text.strip()))
    except ValueError:
        raise UnitError(f"IP address is not correctly formatted: {text}") from None


_DOMAIN = re.compile(
    r"(:?(:?[a-zA-Z0-9]|(:?[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))"
    r"(:?\.(:?[a-zA-Z0-9]|(:?[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])))*)\.?\s*"
)


def search_domain(text: str) -> str:
    text = text.strip(" ")
    found = _DOMAIN.fullmatch(text)
    if text == ".":
        return text
    if not found or not re.search("[a-zA-Z]", text) or len(found[1]) >= 255:
        raise UnitError(f"{text} is not a valid domain")
    return found[1]


def extra_host(text: str) -> str:
    """`db:10.0.0.7` or `db=10.0.0.7`, as the engine writes it: `10.0.0.7 db`."""
    name, separator, ip = text.partition("=" if "=" in text else ":")
    if not separator or not name or ":" in name:
        raise UnitError(f"bad format for add-host: {quote(text)}")
    ip = ip[1:-1] if len(ip) > 2 and ip[0] == "[" and ip[-1] == "]" else ip
    try:
        if ip != "host-gateway":
            address(ip)
    except UnitError:
        raise UnitError(f"invalid IP address in add-host: {quote(ip)}") from None
    return f"{ip} {name}"


ULIMITS = ("core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack").split()


def ulimit(text: str) -> tuple[str, int, int]:
    """`nofile=1024:2048` → (name, soft, hard); -1 is no limit."""
    name, equals, value = text.partition("=")
    if not equals:
        raise UnitError(f"invalid ulimit argument: {text}")
    if name not in ULIMITS:
        raise UnitError(f"invalid ulimit type: {name}")
    parts = value.split(":")
    if len(parts) > 2:
        why = "can only have up to two, `soft[:hard]`"
        raise UnitError(f"too many limit value arguments - {value}, {why}")
    hard = _int64(parts[-1])
    soft = _int64(parts[0])
    most = "ulimit soft limit must be less than or equal to hard limit"
    if hard != -1 and soft == -1:
        raise UnitError(f"{most}: soft: -1 (unlimited), hard: {hard}")
    if hard != -1 and soft > hard:
        raise UnitError(f"{most}: {soft} > {hard}")
    return name, soft, hard


def _int64(text: str) -> int:
    if not re.fullmatch(r"[+-]?\d+", text, re.ASCII):
        raise UnitError(f"strconv.ParseInt: parsing {quote(text)}: invalid syntax")
    if len(text) > 20 or not -(2**63) <= int(text) < 2**63:
        raise UnitError(f"strconv.ParseInt: parsing {quote(text)}: value out of range")
    return int(text)
