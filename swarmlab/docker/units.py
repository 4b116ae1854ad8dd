"""Durations, sizes, processors and ports as people write them: `1m30s`, `64M`, `0.5`, `8080:80/udp`.

Each parser raises `UnitError` with the words of the Docker client; a caller that knows the flag or the key says which.
Sources: Docker CLI reference (`docker service create`), Compose file reference v3 (`ports`, `deploy`, units), and the
documentation of Go's `time.ParseDuration`, which is the grammar of every duration in Docker.
"""

import re
from fractions import Fraction
from unicodedata import ucd_3_2_0

from ..objects import PortConfig


class UnitError(ValueError):
    """What a person wrote is no duration, size, number of processors or port. `text` is what Docker says."""

    def __init__(self, text: str):
        super().__init__(text)
        self.text = text


# ── durations ────────────────────────────────────────────────────────────────────────────────────────────────────

NANOSECONDS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}

_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_DURATION = re.compile(rf"[+-]?(?:0|(?:{_PART.pattern})+)", re.ASCII)
_LONGEST = 2**63  # ns: what Go's 64 bits hold, about 292 years


def parse_duration_ns(text: str) -> int:
    """`1h1m`, `1.5s`, `-5s`, `0` → nanoseconds. A number without a unit, blanks and days are refused, as Go does."""
    if not _DURATION.fullmatch(text):
        raise UnitError(_why_no_duration(text))
    total = sum(_nanoseconds(number, unit) for number, unit in _PART.findall(text))
    signed = -total if text.startswith("-") else total
    if not -_LONGEST <= signed < _LONGEST:
        raise UnitError(f"time: invalid duration {quote(text)}")
    return signed


def _nanoseconds(number: str, unit: str) -> int:
    """Digits that cannot count are not computed."""
    whole, _, rest = number.partition(".")
    return _LONGEST if len(whole.lstrip("0")) > 20 else int(Fraction(f"{whole[-20:]}.{rest[:20]}0") * NANOSECONDS[unit])


def parse_duration(text: str) -> int:
    """The same in µs of virtual time. The simulation has nothing finer, so what is shorter, but not zero, is 1 µs."""
    return microseconds(parse_duration_ns(text))


def microseconds(nanoseconds: int) -> int:
    """Nanoseconds, as the Engine API counts, in µs, towards zero; never zero for what was not."""
    whole = abs(nanoseconds) // 1000 or (nanoseconds != 0)
    return int(whole) if nanoseconds >= 0 else -int(whole)


def _why_no_duration(text: str) -> str:
    """Go names the fault it meets first: a missing unit, one it does not know, or anything else."""
    rest = text[1:] if text[:1] in "+-" else text
    while part := _PART.match(rest):
        after = re.match(r"[^\d.]+", rest[len(part[1]) :])
        if after and after[0] != part[2]:
            break
        rest = rest[part.end() :]
    number = re.match(r"(\d+\.?\d*|\.\d+)([^\d.]*)", rest, re.ASCII)
    if number and number[2]:
        return f"time: unknown unit {quote(number[2])} in duration {quote(text)}"
    if number:
        return f"time: missing unit in duration {quote(text)}"
    return f"time: invalid duration {quote(text)}"


def print_duration(nanoseconds: int) -> str:
    """As Go prints it: `1m30s`, `1h0m0s`, `1.5s`, `250ms`, `0s`."""
    rest = abs(nanoseconds)
    sign = "-" if nanoseconds < 0 else ""
    if rest == 0:
        return "0s"
    for unit, size in (("ns", 1), ("µs", 10**3), ("ms", 10**6)):
        if rest < size * 1000:
            return f"{sign}{_decimal(rest, size)}{unit}"
    minutes, seconds = divmod(rest, 60 * 10**9)
    hours, minutes = divmod(minutes, 60)
    text = f"{_decimal(seconds, 10**9)}s"
    if hours or minutes:
        text = f"{minutes}m{text}"
    return f"{sign}{hours}h{text}" if hours else f"{sign}{text}"


def _decimal(amount: int, unit: int) -> str:
    whole, rest = divmod(amount, unit)
    places = len(str(unit)) - 1
    return f"{whole}.{rest:0{places}}".rstrip("0") if rest else str(whole)


# ── sizes and processors ─────────────────────────────────────────────────────────────────────────────────────────

_SIZE = re.compile(r"(.*[\d. ])(.*)", re.ASCII | re.DOTALL)  # up to the last digit, point or blank; the suffix
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_SUFFIX = re.compile(r"b?|([kmgtp])(?:i?b)?", re.ASCII | re.IGNORECASE)
_RATIONAL = re.compile(r"[+-]?(?:\d+/\d+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?)", re.ASCII)


def parse_size(text: str) -> int:
    """`64M`, `1.5g`, `512kib`, `100b`, `1e3` → bytes. Powers of 1024, whatever the letters say."""
    found = _SIZE.fullmatch(text)
    if not found:
        raise UnitError(f"invalid size: '{text}'")
    number, suffix = found[1].removesuffix(" "), _SUFFIX.fullmatch(found[2])
    if not _NUMBER.fullmatch(number):
        raise UnitError(f"strconv.ParseFloat: parsing {quote(number)}: invalid syntax")
    if abs(float(number)) == float("inf"):
        raise UnitError(f"strconv.ParseFloat: parsing {quote(number)}: value out of range")
    if float(number) < 0:
        raise UnitError(f"invalid size: '{text}'")
    if not suffix:
        raise UnitError(f"invalid suffix: '{found[2].lower()}'")
    size = float(number) * 1024 ** " kmgtp".index((suffix[1] or " ").lower())
    return int(size) if size < 2**63 else -(2**63)  # what Go makes of a number that its 64 bits do not hold


def parse_cpus(text: str) -> int:
    """`0.5`, `2`, `1e-3` → thousand-millionths of a processor, which must come out whole."""
    if not _RATIONAL.fullmatch(text) or text.endswith("/0"):
        raise UnitError(f"failed to parse {text} as a rational number")
    nano = Fraction(text) * 10**9
    if nano.denominator != 1:
        raise UnitError("value is too precise")
    low = abs(int(nano)) % 2**64  # what Go's 64 bits keep of it
    signed = low - 2**64 if low >= 2**63 else low
    return signed if nano >= 0 else -signed


# ── ports ────────────────────────────────────────────────────────────────────────────────────────────────────────

PROTOCOLS = ("tcp", "udp", "sctp")


def parse_port(text: str) -> list[PortConfig]:
    """`[ip:][published[-range]:]target[-range][/protocol]` → one entry per port; a published 0 lets the engine choose."""
    return [port for _, port in parse_port_binding(text)]


def parse_port_binding(text: str) -> list[tuple[str, PortConfig]]:
    """The same, each entry with the IP address it asked for, which swarm ignores ('' for none).

    Published and target range pair one to one; one target serves a whole published range. The order is the range's.
    """
    body, slash, protocol = text.partition("/")
    address, published, target = _split_port(body)
    if not target:
        raise UnitError(f"no port specified: {text}<empty>")
    if not _is_address(address):
        raise UnitError(f"invalid IP address: {address}")
    first, last = _range(target, "invalid containerPort: ")
    start, end = _range(published, "invalid hostPort: ") if published else (0, 0)
    if protocol.lower() not in PROTOCOLS and (protocol or slash):
        raise UnitError(f"invalid proto: {protocol}")
    if published and last - first != end - start and first != last:
        raise UnitError(f"invalid ranges specified for container and host Ports: {target} and {published}")
    protocol = protocol.lower() or "tcp"
    if not published:
        return [(address, PortConfig(port, 0, protocol)) for port in range(first, last + 1)]
    step = 1 if first != last else 0
    return [(address, PortConfig(first + step * (port - start), port, protocol)) for port in range(start, end + 1)]


def port_as_sent(target: int, published: int, protocol: str, mode: str, name: str = "") -> PortConfig:
    """As the engine understands what a client sends: words that it does not know are the first of their kind to it."""
    protocol, mode = protocol.lower(), mode.lower()
    kept = protocol if protocol in PROTOCOLS else "tcp"
    return PortConfig(target, published, kept, "host" if mode == "host" else "ingress", name)


def _split_port(body: str) -> tuple[str, str, str]:
    """(ip, published, target); an IPv6 address keeps its colons and loses its brackets."""
    rest, _, target = body.rpartition(":")
    address, _, published = rest.rpartition(":")
    return address.removeprefix("[").removesuffix("]"), published, target


def _range(text: str, complaint: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    numbers = [first, last] if dash else [first, first]
    if not all(re.fullmatch(r"\d{1,5}", number, re.ASCII) and int(number) <= 65535 for number in numbers):
        raise UnitError(complaint + text)
    if int(numbers[1]) < int(numbers[0]):
        raise UnitError(complaint + text)
    return int(numbers[0]), int(numbers[1])


def _is_address(text: str) -> bool:
    from ipaddress import ip_address  # at first use: few port mappings name an address

    try:
        return not text or bool(ip_address(text))
    except ValueError:
        return False


# ── texts ────────────────────────────────────────────────────────────────────────────────────────────────────────

ESCAPES = dict(zip('"\\\a\b\f\n\r\t\v', ('\\"', *(rf"\{letter}" for letter in "\\abfnrtv")), strict=True))


def quote(text: str) -> str:
    """A text as Go's `%q` prints it, the way it stands in most of Docker's messages."""
    return f'"{"".join(_escaped(character) for character in text)}"'


def _escaped(character: str) -> str:
    code = ord(character)
    if character in ESCAPES:
        return ESCAPES[character]
    if character.isprintable() or ucd_3_2_0.category(character) == "Cn":  # the same on every Python: each knows more
        return character
    return f"\\x{code:02x}" if code < 128 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
