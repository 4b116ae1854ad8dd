"""What may stand as the value of a flag: numbers, sizes, ports, mounts, networks, secrets, filters.

Each reader raises `UnitError` with the words of the Docker client; the grammar of flags says which flag it was.
Source: Docker CLI reference, `docker service create`; refusals as docker 28.2.2 words them.
"""

import re
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from ..objects import FileReference, Mount, NetworkTarget, PortConfig
from .cluster_values import external_ca, listen_address, pools
from .container_values import address, command, extra_host, fields, search_domain, ulimit
from .units import UnitError, parse_cpus, parse_duration, parse_port, parse_size, quote

# ── readers ──────────────────────────────────────────────────────────────────────────────────────────────────────


def boolean(text: str) -> bool:
    if text in ("1", "t", "T", "true", "TRUE", "True"):
        return True
    if text in ("0", "f", "F", "false", "FALSE", "False"):
        return False
    raise UnitError(f"strconv.ParseBool: parsing {quote(text)}: invalid syntax")


_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]*|[1-9][0-9]*")


def uint(text: str, bits: int = 64) -> int:
    """A whole number as Go reads one: decimal, or with 0x, 0b, 0o or 0 in front."""
    if not _NUMBER.fullmatch(text) or text in ("0o", "0O"):
        raise UnitError(f"strconv.ParseUint: parsing {quote(text)}: invalid syntax")
    return _in_range(_whole(text), 0, 2**bits, "ParseUint", text)


def integer(text: str) -> int:
    sign, digits = (-1 if text[:1] == "-" else 1), text.removeprefix("-") if text[:1] == "-" else text.removeprefix("+")
    if not _NUMBER.fullmatch(digits) or digits in ("0o", "0O"):
        raise UnitError(f"strconv.ParseInt: parsing {quote(text)}: invalid syntax")
    return _in_range(sign * _whole(digits), -(2**63), 2**63, "ParseInt", text)


def _whole(digits: str) -> int:
    if len(digits) > 70:
        return 2**70  # too long for 64 bits whatever the base, and not worth computing
    return int(digits, 0 if digits[1:2].isalpha() else 8 if digits.startswith("0") else 10)


def _in_range(number: int, first: int, end: int, function: str, text: str) -> int:
    if not first <= number < end:
        raise UnitError(f"strconv.{function}: parsing {quote(text)}: value out of range")
    return number


def ratio(text: str) -> float:
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text, re.ASCII):
        raise UnitError(f"strconv.ParseFloat: parsing {quote(text)}: invalid syntax")
    if abs(float(text)) == float("inf"):
        raise UnitError(f"strconv.ParseFloat: parsing {quote(text)}: value out of range")
    return float(text)


def positive_duration(text: str) -> int:
    if (duration := parse_duration(text)) < 0:
        raise UnitError("duration cannot be negative")
    return duration


def variable(text: str) -> str:
    if not text.partition("=")[0]:
        raise UnitError(f"invalid environment variable: {text}")
    return text


def label(text: str) -> str:
    if not text.partition("=")[0].strip():
        raise UnitError(f"invalid label '{text}': empty name")
    return text


def filter_pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UnitError("bad format of filter (expected name=value)")
    return name.strip().lower(), value.strip()


def pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value


def generic_resource(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UnitError(f"invalid generic-resource format `{text}` expected `name=value`")
    return name, value


def preference(text: str) -> str:
    strategy, equals, value = text.partition("=")
    if not equals:
        raise UnitError('placement preference must be of the format "<strategy>=<arg>"')
    if strategy.strip().lower() != "spread":
        raise UnitError(f"unsupported placement preference {strategy} (only spread is supported)")
    return value


def publish(text: str) -> list[PortConfig]:
    """`8080:80/udp`, or the long form `published=8080,target=80,mode=host`."""
    if "=" in text:
        return [_long_port(text)]
    if text.count(":") == 2 and re.match(r"\d+(\.\d+){3}:", text):
        raise UnitError("hostip is not supported")
    return parse_port(text)


def _long_port(text: str) -> PortConfig:
    chosen: dict[str, Any] = {"protocol": "tcp", "mode": "ingress"}
    for part in fields(text):
        name, equals, value = part.strip().lower().partition("=")
        if not equals:
            raise UnitError(f"invalid field: {part}")
        if name not in ("protocol", "mode", "target", "published"):
            raise UnitError(f"invalid field key: {name}")
        chosen[name] = _port_field(name, value)
    if "target" not in chosen:
        raise UnitError("missing mandatory field 'target'")
    return PortConfig(chosen["target"], chosen.get("published", 0), chosen["protocol"], chosen["mode"])


def _port_field(name: str, value: str) -> str | int:
    if name == "protocol" and value not in ("tcp", "udp", "sctp"):
        raise UnitError(f"invalid protocol value '{value}'")
    if name == "mode" and value not in ("ingress", "host"):
        raise UnitError(f"invalid publish mode value ({value}): must be either 'ingress' or 'host'")
    if name in ("protocol", "mode"):
        return value
    if not re.fullmatch(r"\d{1,5}", value, re.ASCII) or int(value) > 65535:
        raise UnitError(f"invalid {name} port ({value}): value must be an integer: invalid syntax")
    return int(value)


def mount(text: str) -> Mount:
    """`type=volume,source=data,target=/data,readonly`. Options get the names that stack files give them."""
    chosen: dict[str, Any] = {"options": {}}
    given = []
    for part in fields(text):
        name, equals, value = part.partition("=")
        name = name.strip().lower()
        given.append(name)
        if not equals and name not in _MOUNT_SWITCHES:
            raise UnitError(f"invalid field '{part}' must be a key=value pair")
        if name in _MOUNT_FIELDS:
            chosen[_MOUNT_FIELDS[name]] = _mount_value(name, value if equals else "true")
        elif name in _MOUNT_OPTIONS:
            chosen["options"][_MOUNT_OPTIONS[name]] = _mount_value(name, value if equals else "true")
        elif name == "bind-recursive":
            chosen["options"].update(_recursive(value))
        elif name in _MOUNT_MAPS:
            chosen["options"].setdefault(_MOUNT_MAPS[name], {}).update([pair(value)])
        else:
            raise UnitError(f"unexpected key '{name}' in '{part}'")
    return _checked_mount(Mount(**chosen), given)


_MOUNT_SWITCHES = ("readonly", "ro", "volume-nocopy", "bind-nonrecursive")
_MOUNT_FIELDS = {
    "type": "type",
    **dict.fromkeys(("source", "src"), "source"),
    **dict.fromkeys(("target", "dst", "destination"), "target"),
    **dict.fromkeys(("readonly", "ro"), "read_only"),
}
_MOUNT_OPTIONS = {
    "bind-nonrecursive": "non_recursive",
    "bind-propagation": "propagation",
    "consistency": "consistency",
    "tmpfs-mode": "mode",
    "tmpfs-size": "size_bytes",
    "volume-driver": "driver",
    "volume-nocopy": "no_copy",
    "volume-subpath": "subpath",
}
_MOUNT_MAPS = {"volume-label": "labels", "volume-opt": "driver_options"}


_RECURSIVE: dict[str, dict[str, bool]] = {
    "enabled": {},
    "disabled": {"non_recursive": True},
    "writable": {"read_only_non_recursive": True},
    "readonly": {"read_only_force_recursive": True},
}


def _recursive(text: str) -> dict[str, bool]:
    """Whether what is mounted below the source is mounted, too, and may be written to."""
    if text not in _RECURSIVE:
        must = 'must be "enabled", "disabled", "writable", or "readonly"'
        raise UnitError(f"invalid value for bind-recursive: {text} ({must})")
    return _RECURSIVE[text]


def _mount_value(name: str, text: str) -> Any:
    try:
        if name in _MOUNT_SWITCHES:
            return boolean(text)
        if name in ("tmpfs-size", "tmpfs-mode"):
            return parse_size(text) if name == "tmpfs-size" else int(text, 8)
    except ValueError:
        raise UnitError(f"invalid value for {name}: {text}") from None
    return text.lower() if name == "type" else text


def _checked_mount(asked: Mount, given: list[str]) -> Mount:
    if not asked.type:
        raise UnitError("type is required")
    if not asked.target:
        raise UnitError("target is required")
    for kind in ("volume", "bind", "tmpfs"):
        if kind != asked.type and any(name.startswith(f"{kind}-") for name in given):
            raise UnitError(f"cannot mix '{kind}-*' options with mount type '{asked.type}'")
    return asked


def network(text: str) -> NetworkTarget:
    """`front`, or the long form `name=front,alias=api,driver-opt=key=value`."""
    if "=" not in text:
        return NetworkTarget(text)
    target, aliases, options = "", [], {}
    for part in fields(text):
        name, equals, value = part.strip().partition("=")
        if not equals:
            raise UnitError(f"invalid field {part}")
        match name.strip().lower():
            case "name":
                target = value.strip()
            case "alias":
                aliases.append(value.strip().lower())
            case "driver-opt" if "=" in value:
                options[value.partition("=")[0]] = value.partition("=")[2]
            case "driver-opt":
                raise UnitError("invalid key value pair format in driver options")
            case other:
                raise UnitError(f"invalid field key {other}")
    if not target:
        raise UnitError("network name/id is not specified")
    return NetworkTarget(target, tuple(aliases), options)


def file_reference(kind: str, text: str) -> FileReference:
    """`db_pass`, or the long form `source=db_pass,target=pass,uid=1000,mode=0400`. The id is looked up later."""
    parts = fields(text)
    if len(parts) == 1 and "=" not in parts[0]:
        return FileReference("", parts[0], parts[0])
    chosen: dict[str, Any] = {}
    for part in parts:
        name, equals, value = part.partition("=")
        name = {"src": "source"}.get(name.lower(), name.lower())
        if not equals:
            raise UnitError(f"invalid field '{part}' must be a key=value pair")
        if name not in ("source", "target", "uid", "gid", "mode"):
            raise UnitError(f"invalid field in {kind} request: {name}")
        chosen[name] = _mode(value) if name == "mode" else value
    source = chosen.pop("source", "")
    if not source:
        raise UnitError("source is required")
    return FileReference("", source, chosen.pop("target", "") or source, **chosen)


def _mode(text: str) -> int:
    try:
        return uint(text, 32)
    except UnitError as fault:
        raise UnitError(f"invalid mode specified: {fault.text}") from None


# ── kinds of values, by the name that the table of commands uses ──────────────────────────────────────────────────


class Kind(NamedTuple):
    """How a value is read, the word for it in `--help`, and whether the flag may be repeated."""

    read: Callable[[str], Any]
    word: str
    many: bool = False


KINDS = {
    "bool": Kind(boolean, ""),
    "string": Kind(str, "string"),
    "int": Kind(integer, "int"),
    "uint": Kind(uint, "uint"),
    "uint32": Kind(lambda text: uint(text, 32), "uint32"),
    "float": Kind(ratio, "float"),
    "duration": Kind(parse_duration, "duration"),
    "health duration": Kind(positive_duration, "duration"),
    "decimal": Kind(parse_cpus, "decimal"),
    "bytes": Kind(parse_size, "bytes"),
    "list": Kind(str, "list", many=True),
    "strings": Kind(str, "strings", many=True),
    "env": Kind(variable, "list", many=True),
    "label": Kind(label, "list", many=True),
    "map": Kind(pair, "map", many=True),
    "filter": Kind(filter_pair, "filter", many=True),
    "port": Kind(publish, "port", many=True),
    "ports": Kind(str, "list", many=True),
    "mount": Kind(mount, "mount", many=True),
    "network": Kind(network, "network", many=True),
    "secret": Kind(partial(file_reference, "secret"), "secret", many=True),
    "config": Kind(partial(file_reference, "config"), "config", many=True),
    "generic": Kind(generic_resource, "list", many=True),
    "pref": Kind(preference, "pref", many=True),
    "command": Kind(command, "command"),
    "address": Kind(address, "list", many=True),
    "domain": Kind(search_domain, "list", many=True),
    "host": Kind(extra_host, "list", many=True),
    "ulimit": Kind(ulimit, "ulimit", many=True),
    "pools": Kind(pools, "ipNetSlice", many=True),
    "listen address": Kind(listen_address, "node-addr"),
    "external ca": Kind(external_ca, "external-ca", many=True),
}
