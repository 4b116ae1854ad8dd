"""What `dig` prints when it is typed in a container: the answer of the container's resolver, and how long it took.

Source: the format that dig 9.18 prints.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from ..effects import MS
from ..overlay import dns, dnspacket
from ..overlay.dns import Reply
from . import dates

VERSION = "9.18.28"
KINDS = ("A", "AAAA", "PTR")


class Dig(NamedTuple):
    """The answer; printed, it is what `dig` prints."""

    command: str  # as it was typed, behind `dig`
    reply: Reply
    number: int  # of the question
    when: datetime

    @property
    def status(self) -> str:
        """NOERROR, NXDOMAIN (there is no such name) or SERVFAIL (nobody answered)."""
        return self.reply.status

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses in the answer, in the order in which they came."""
        return tuple(record.data for record in self.reply.records if record.kind == "A")

    @property
    def names(self) -> tuple[str, ...]:
        """The names in the answer, where the name of an address was asked for."""
        return tuple(record.data for record in self.reply.records if record.kind == "PTR")

    @property
    def short(self) -> str:
        """What `dig +short` prints."""
        return "\n".join(record.data for record in self.reply.records)

    @property
    def text(self) -> str:
        """All that `dig` prints."""
        return "\n".join(("", *_head(self), *_sections(self.reply), *_foot(self)))

    def __repr__(self) -> str:
        return self.text


def asked(name: str, kind: str) -> tuple[str, str]:
    """Name and kind of the question: `-x 10.0.1.3` asks for the name of an address. Raises ValueError."""
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"{name!r} is no name: dig asks for a text such as 'web' or 'tasks.web'")
    words = name.split()
    if words[0] == "-x" and len(words) == 2:
        if not dns.is_address(words[1]):
            raise ValueError(f"dig: invalid IP address {words[1]}")
        return dns.reverse_name(words[1]), "PTR"
    if len(words) > 1 or words[0].startswith(("-", "+", "@")):
        raise ValueError(f"one name, or -x and an address: {name!r}")
    if kind not in KINDS:
        raise ValueError(f"dig asks here for {', '.join(KINDS)}, not for {kind!r}")
    dnspacket.check_name(words[0])
    return words[0], kind


def answer(
    mesh: Any, name: str, kind: str, task: str, machines: Mapping[str, str], way_out: bool, gateway: bool
) -> Reply:
    """What the resolver of this task says, having asked outside where it must: there the machines are known by name."""
    found = mesh.ask(name, kind, task)
    if found:
        return found
    table = dns.outside()
    outside = table._replace(addresses={**table.addresses, **{name: (one,) for name, one in machines.items()}})
    reply = dns.forwarded(name, kind, outside, way_out, gateway)
    return reply if dns.has_resolver(mesh.networks_of(task)) else reply._replace(server=outside.servers[0])


def printed(name: str, kind: str, reply: Reply, number: int, at: int) -> Dig:
    """The answer as it is printed at `at` µs."""
    command = f"-x {dns.reversed_address(reply.name)}" if kind == "PTR" and name.startswith("-x") else name
    command += f" {kind}" if kind != "A" and not command.startswith("-x") else ""
    return Dig(command, reply, number, dates.day(at))


def _head(dig: Dig) -> list[str]:
    reply = dig.reply
    flags = "qr rd ra" if reply.available else "qr rd"
    counts = f"QUERY: 1, ANSWER: {len(reply.records)}, AUTHORITY: 0, ADDITIONAL: 0"
    lines = [
        f"; <<>> DiG {VERSION} <<>> {dig.command}",
        ";; global options: +cmd",
        ";; Got answer:",
        f";; ->>HEADER<<- opcode: QUERY, status: {reply.status}, id: {dig.number}",
        f";; flags: {flags}; {counts}",
    ]
    return lines if reply.available else [*lines, ";; WARNING: recursion requested but not available"]


def _sections(reply: Reply) -> list[str]:
    lines = ["", ";; QUESTION SECTION:", _columns(f";{_dotted(reply.name)}", "", "IN", reply.kind)]
    if reply.records:
        lines += ["", ";; ANSWER SECTION:"]
    return lines + [_columns(_dotted(one.name), str(one.ttl), "IN", one.kind, one.data) for one in reply.records]


def _foot(dig: Dig) -> list[str]:
    reply = dig.reply
    return [
        "",
        f";; Query time: {reply.took // MS} msec",
        f";; SERVER: {reply.server}#53({reply.server}) (UDP)",
        f";; WHEN: {dig.when:%a %b %d %H:%M:%S} UTC {dig.when:%Y}",
        f";; MSG SIZE  rcvd: {len(dnspacket.packet(reply, dig.number))}",
    ]


def _columns(name: str, *others: str) -> str:
    """The columns begin at 24, 32, 40 and 48, as far as what stands before leaves room for it."""
    line, column = name, len(name)
    for start, text in zip((24, 32, 40, 48), others, strict=False):
        if text:
            tabs = max(1, -(-(start - column) // 8))
            line += "\t" * tabs + text
            column = (column // 8 + tabs) * 8 + len(text)
    return line


def _dotted(name: str) -> str:
    return name.rstrip(".") + "."
