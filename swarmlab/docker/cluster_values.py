"""What may stand as the value of a flag of `docker swarm`: address pools, addresses to listen on, signing services.

Each reader raises `UnitError` with the words of the Docker client. Source: Docker CLI reference, `docker swarm init`.
"""

import re

from .container_values import fields
from .units import UnitError

LISTEN_PORT = "2377"


def pools(text: str) -> list[str]:
    """`10.20.0.0/16,10.30.0.0/16`: blocks of addresses; bits behind the mask are dropped."""
    from ipaddress import ip_network  # at first use: few swarms choose their own

    found = []
    for part in text.translate(dict.fromkeys(map(ord, "\"'`"))).split(","):
        try:
            network = ip_network(part.strip(), strict=False)
        except ValueError:
            network = None
        if network is None or "/" not in part or not part.rpartition("/")[2].strip().isdigit():
            raise UnitError(f"invalid string being converted to CIDR: {part}")
        found.append(str(network))
    return found


def listen_address(text: str) -> str:
    """`0.0.0.0:2377`, `eth0`, `:2377`: what is left out is filled in."""
    address = text.removeprefix("tcp://")
    if "://" in address:
        raise UnitError(f"invalid proto, expected tcp: {text}")
    host, colon, port = address.rpartition(":") if not address.endswith("]") else (address, "", "")
    host, port = (host, port) if colon else (address, "")
    if ":" in host and not re.fullmatch(r"\[[^\[\]]*\]", host):
        raise UnitError(f"invalid bind address format: {text}")
    if port and not re.fullmatch(r"[0-9]+", port):
        raise UnitError(f"invalid bind address format: {text}")
    return f"{host or '0.0.0.0'}:{port or LISTEN_PORT}"


def external_ca(text: str) -> tuple:
    """`protocol=cfssl,url=https://example.org` → (protocol, url, options)."""
    chosen: dict[str, str] = {}
    options = []
    for part in fields(text):
        name, equals, value = part.partition("=")
        if not equals:
            raise UnitError(f"invalid field '{part}' must be a key=value pair")
        if name.lower() == "protocol" and value.lower() != "cfssl":
            raise UnitError(f"unrecognized external CA protocol {value}")
        if name.lower() in ("protocol", "url"):
            chosen[name.lower()] = value
        else:
            options.append((name, value))
    for name in ("protocol", "url"):
        if name not in chosen:
            raise UnitError(f"the external-ca option needs a {name}= parameter")
    return "cfssl", chosen["url"], tuple(options)
