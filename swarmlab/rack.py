"""Machines as they were bought, and what people say about machines, links and times: checked here, before anything is
written down or done. Whatever is impossible gets a ValueError of one line."""

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any, NamedTuple

from .objects import Description
from .sim.network import Latency

LONGEST = 10**9  # seconds: thirty years
CHANCES = ("loss", "duplicate", "reorder")
LINK = ("latency", "jitter", *CHANCES, "bandwidth", "flapping", "mtu")
SMALLEST_MTU = 68  # bytes [RFC 791]
ROLES = ("bare", "manager", "worker")


class Computer(NamedTuple):
    """A machine as it was bought."""

    name: str
    role: str = "bare"  # manager · worker · bare: what it is meant for; what it is, the swarm decides
    address: str = ""
    cpus: float = 2
    memory: int = 4 * 2**30  # bytes
    zone: str = ""
    labels: tuple = ()  # (name, value) pairs: node labels, set once it has joined
    engine_labels: tuple = ()
    os: str = "linux"
    architecture: str = "x86_64"
    bandwidth: int = 125_000_000  # bytes per second: gigabit Ethernet
    interfaces: tuple = ()  # (name, address) pairs; the others reach it under `address` alone. None named: eth0 has it
    generic: tuple = ()  # (kind, number or names) pairs: what else it has to give, as (("gpu", 2),)

    @property
    def description(self) -> Description:
        """What the engine says of the machine it runs on."""
        labels = dict(self.engine_labels)
        cores, generic = int(self.cpus * 10**9), dict(self.generic)
        return Description(self.name, self.os, self.architecture, cores, self.memory, generic, engine_labels=labels)


def computer(name: Any, properties: Mapping[str, Any]) -> Computer:
    """A machine with these properties."""
    if not isinstance(name, str) or not name:
        raise ValueError(f"{name!r} is no name for a machine")
    for key in properties:
        if key not in Computer._fields[1:]:
            raise ValueError(f"a machine has no {key}; it has {', '.join(Computer._fields[1:])}")
    fields = dict(properties)
    for key in ("labels", "engine_labels", "interfaces"):
        if key in fields:
            fields[key] = pairs_of(fields[key])
    if "generic" in fields:
        fields["generic"] = generic_of(fields["generic"])
    made = Computer(name)._replace(**fields)
    if made.role not in ROLES:
        raise ValueError(f"role {made.role!r} is none of {', '.join(ROLES)}")
    for key in ("cpus", "memory", "bandwidth"):
        if not is_number(getattr(made, key)) or getattr(made, key) <= 0:
            raise ValueError(f"{key}={getattr(made, key)!r} is impossible for a machine: a number above 0")
    for key in ("address", "zone", "os", "architecture"):
        if not isinstance(getattr(made, key), str):
            raise ValueError(f"{key}={getattr(made, key)!r} is impossible for a machine: a text")
    if made.interfaces and made.address not in dict(made.interfaces).values():
        raise ValueError(f"address {made.address!r} is on none of the interfaces of {name}")
    return made._replace(memory=int(made.memory), bandwidth=int(made.bandwidth))


def is_number(value: Any) -> bool:
    """A finite number; True and False are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def micros(seconds: Any, what: str = "a time") -> int:
    """Seconds, 0 or more, as whole µs."""
    if not is_number(seconds) or not 0 <= seconds <= LONGEST:
        raise ValueError(f"{what} of {seconds!r}: a number of seconds, 0 or more")
    return round(seconds * 1_000_000)


def address_of(number: int) -> str:
    """The address of the machine that was plugged in as number 0, 1, 2 …: 192.168.50.100 and on, as in the demo lab."""
    return f"192.168.{50 + (100 + number) // 256}.{(100 + number) % 256}"


def pairs_of(labels: Any) -> tuple:
    """Labels, a mapping or (name, value) pairs, as sorted pairs, which cannot change."""
    try:
        return tuple(sorted((str(name), str(value)) for name, value in dict(labels).items()))
    except (TypeError, ValueError):
        raise ValueError(f"labels {labels!r}: a mapping from names to values") from None


def generic_of(resources: Any) -> tuple:
    """What else a machine has, how many of a kind or their names, as sorted pairs, which cannot change."""
    try:
        pairs = [(str(kind), tuple(has) if isinstance(has, list) else has) for kind, has in dict(resources).items()]
    except (TypeError, ValueError):
        raise ValueError(f"generic {resources!r}: a mapping from kinds to numbers or lists of names") from None
    for kind, has in pairs:
        number = isinstance(has, int) and not isinstance(has, bool) and 0 <= has < 2**63
        if not number and not (isinstance(has, tuple) and all(isinstance(name, str) for name in has)):
            raise ValueError(f"generic {kind}={has!r}: a whole number, 0 or more, or a list of names")
    return tuple(sorted(pairs))


def groups_of(groups: Iterable[Any]) -> tuple[tuple[str, ...], ...]:
    """The sides of a partition: two sets of names at least, none of them empty, no name in two."""
    sides = tuple(groups)
    if len(sides) < 2 or not all(isinstance(side, set | frozenset | list | tuple) and side for side in sides):
        raise ValueError('a partition needs two groups of machines at least: partition({"a", "b"}, {"c"})')
    names = [name for side in sides for name in sorted(side)]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name} cannot be on two sides of a partition")
    return tuple(tuple(sorted(side)) for side in sides)


def link_settings(settings: Mapping[str, Any], old: Latency) -> dict[str, Any]:
    """What people say of a link, as the network wants it. Latency and jitter that are not named stay as they are."""
    if not settings:
        raise ValueError(f"what about the link? It has {', '.join(LINK)}")
    for name, value in settings.items():
        if name not in LINK:
            raise ValueError(f"a link has no {name}; it has {', '.join(LINK)}")
        if not is_number(value) or value < 0 or (name in CHANCES and value > 1):
            raise ValueError(f"{name}={value!r} is impossible for a link")
    plain = {name: settings[name] for name in CHANCES if name in settings}
    plain |= {name: int(settings[name]) for name in ("bandwidth", "mtu") if name in settings}
    if plain.get("mtu", SMALLEST_MTU) < SMALLEST_MTU:
        raise ValueError(f"mtu={settings['mtu']!r} is impossible for a link: {SMALLEST_MTU} bytes or more")
    plain |= {name: micros(settings[name]) for name in ("flapping",) if name in settings}
    if "latency" in settings or "jitter" in settings:
        floor = micros(settings["latency"]) if "latency" in settings else old.floor
        plain["latency"] = Latency(floor, micros(settings["jitter"]) if "jitter" in settings else old.spread)
    return plain


def ports_of(port: Any) -> tuple[str, ...]:
    """4789 → both of 4789/tcp and 4789/udp; "7946/udp" and "esp" stand for themselves."""
    text = str(port)
    number, slash, protocol = text.partition("/")
    if text == "esp":
        return ("esp",)
    right = number.isascii() and number.isdigit() and 0 < int(number) < 65536
    if right and (protocol in ("tcp", "udp") if slash else True):
        return (text,) if slash else (f"{text}/tcp", f"{text}/udp")
    raise ValueError(f'{port!r} is no port: write 4789, "7946/udp" or "esp"')
