"""JSON from outside as values of the types of `api_types`, or a refusal in the words of Go's decoder.

It is the other direction of `api_types.encode`: a struct becomes a dictionary by JSON name with what was sent and no more,
durations become µs, base64 becomes bytes. As in Go, `null` says nothing, unknown names are passed by, and names match
whatever the size of their letters. Source: documentation and behaviour of Go's `encoding/json`; moby `api/types`.
"""

import re
from functools import cache
from typing import Any

from .. import api_types
from ..api_types import Field
from ..units import microseconds
from .asked import Asked, Refusal, json_of, kind_of

TABLE = """
NetworkCreate: Name str, CheckDuplicate bool, Driver str, Scope str, EnableIPv4 *bool, EnableIPv6 *bool, IPAM *IPAM, Internal bool, Attachable bool, Ingress bool, ConfigOnly bool, ConfigFrom *ConfigReferenceNetwork, Options map, Labels map
IPAMConfig: Subnet str, IPRange str, Gateway str, AuxAddress=AuxiliaryAddresses map
NetworkConnect: Container str, EndpointConfig *EndpointSettings
NetworkDisconnect: Container str, Force bool
InitRequest: ListenAddr str, AdvertiseAddr str, DataPathAddr str, DataPathPort int, ForceNewCluster bool, Spec SwarmSpec, AutoLockManagers bool, Availability str, DefaultAddrPool [str], SubnetSize int
JoinRequest: ListenAddr str, AdvertiseAddr str, DataPathAddr str, RemoteAddrs [str], JoinToken str, Availability str
UnlockRequest: UnlockKey str
VolumeCreate: Name str, Driver str, DriverOpts map, Labels map, ClusterVolumeSpec any
ContainerCreate: Hostname str, User str, AttachStdin bool, OpenStdin bool, Tty bool, Env [str], Cmd any, Entrypoint any, Image str, Volumes {any}, Labels map, Healthcheck *HealthConfig, HostConfig *HostConfig, NetworkingConfig *NetworkingConfigCreate
NetworkingConfigCreate: EndpointsConfig {*EndpointSettings}
ExecCreate: User str, Tty bool, AttachStdin bool, Env [str], WorkingDir str, Cmd [str]
ExecStart: Detach bool, Tty bool
"""
MORE = {  # fields that may be sent and are never shown
    "ServiceSpec": "Networks [NetworkAttachmentConfig]",
    "TaskSpec": "PluginSpec any",
    "ConfigReference": "Runtime any",
}
INTEGERS = {  # all other numbers are int64
    **dict.fromkeys(
        (
            "Version.Index ReplicatedService.Replicas ReplicatedJob.MaxConcurrent ReplicatedJob.TotalCompletions "
            "UpdateConfig.Parallelism TaskSpec.ForceUpdate RestartPolicy.MaxAttempts Placement.MaxReplicas "
            "RaftConfig.SnapshotInterval RaftConfig.KeepOldSnapshots RaftConfig.LogEntriesForSlowFollowers "
            "CAConfig.ForceRotate"
        ).split(),
        "uint64",
    ),
    **dict.fromkeys(("PortConfig.TargetPort", "PortConfig.PublishedPort"), "uint32"),
    **dict.fromkeys(("InitRequest.DataPathPort", "InitRequest.SubnetSize"), "uint32"),
    **dict.fromkeys(("FileTarget.Mode", "TmpfsOptions.Mode"), "fs.FileMode"),
    **dict.fromkeys(("HealthConfig.Retries", "RaftConfig.ElectionTick", "RaftConfig.HeartbeatTick"), "int"),
}
RANGES = {"uint64": (0, 2**64), "uint32": (0, 2**32), "fs.FileMode": (0, 2**32)}
SIGNED = (-(2**63), 2**63)
NAMED = {  # texts that have a type of their own in Go
    "NodeSpec.Role": "swarm.NodeRole",
    **dict.fromkeys(
        ("NodeSpec.Availability", "InitRequest.Availability", "JoinRequest.Availability"), "swarm.NodeAvailability"
    ),
    "RestartPolicy.Condition": "swarm.RestartPolicyCondition",
    "EndpointSpec.Mode": "swarm.ResolutionMode",
    "PortConfig.Protocol": "swarm.PortConfigProtocol",
    "PortConfig.PublishMode": "swarm.PortConfigPublishMode",
    "TaskSpec.Runtime": "swarm.RuntimeType",
    "Mount.Type": "mount.Type",
    "Mount.Consistency": "mount.Consistency",
    "BindOptions.Propagation": "mount.Propagation",
    "ContainerSpec.Isolation": "container.Isolation",
    "ExternalCA.Protocol": "swarm.ExternalCAProtocol",
}
STRUCTS = {  # whose names in Go are others, or which are in another package
    "HealthConfig": "container.HealthConfig",
    "Mount": "mount.Mount",
    "BindOptions": "mount.BindOptions",
    "VolumeOptions": "mount.VolumeOptions",
    "TmpfsOptions": "mount.TmpfsOptions",
    "FileTarget": "swarm.SecretReferenceFileTarget",
    "Ulimit": "units.Ulimit",
    "SwarmSpec": "swarm.Spec",
    "VolumeCreate": "volume.CreateOptions",
    "ContainerCreate": "container.CreateRequest",
    "HostConfig": "container.HostConfig",
    "PortBinding": "nat.PortBinding",
    "RestartMode": "container.RestartPolicy",
    "LogConfig": "container.LogConfig",
    "NetworkingConfigCreate": "network.NetworkingConfig",
    "ExecCreate": "container.ExecOptions",
    "ExecStart": "container.ExecStartOptions",
    "NetworkCreate": "network.CreateRequest",
    "NetworkConnect": "network.ConnectOptions",
    "NetworkDisconnect": "network.DisconnectOptions",
    "EndpointSettings": "network.EndpointSettings",
    "ConfigReferenceNetwork": "network.ConfigReference",
}
PLAIN = {
    "str": "string",
    "duration": "time.Duration",
    "bytes": "[]uint8",
    "float": "float32",
    "map": "map[string]string",
}


def body(asked: Asked, type: str, needed: bool = True) -> dict[str, Any]:
    """What the body of a request says, as values of this type. Raises `Refusal`."""
    return _struct(type, json_of(asked, go_name(type), needed), ())


def _struct(type: str, value: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """In the order in which they were sent, so that the first fault is the one that is told."""
    known = _fields(type)
    found: dict[str, Any] = {}
    for name, inner in value.items():
        field = known.get(name) or known.get(name.lower())
        if field and inner is not None:
            found[field.key] = _value(field.type, inner, type, field.key, (*path, field.key))
    return found


@cache
def _fields(type: str) -> dict[str, Field]:
    """By name, and by name in small letters."""
    own = api_types.read(TABLE)
    fields = own.get(type) or api_types.fields(type)
    more = api_types.read(f"{type}: {MORE[type]}")[type] if type in MORE else ()
    both = (*fields, *more)
    return {field.key.lower(): field for field in both} | {field.key: field for field in both}


def _value(type: str, value: Any, struct: str, key: str, path: tuple[str, ...]) -> Any:
    """One value, which is not null, of the field `key` of `struct`. Raises `Refusal`."""
    type = type.removeprefix("*")
    if type == "any":
        return value
    if _is_struct(type):
        return _struct(type, _of(dict, type, value, struct, key, path), path)
    if type[0] == "[":
        items = _of(list, type, value, struct, key, path)
        return [_item(type[1:-1], one, struct, key, path) for one in items]
    if type[0] == "{" or type == "map":
        inner = "str" if type == "map" else type[1:-1]
        items = _of(dict, type, value, struct, key, path)
        return {name: _item(inner, one, struct, key, path) for name, one in items.items()}
    return _plain(type, value, struct, key, path)


def _item(type: str, value: Any, struct: str, key: str, path: tuple[str, ...]) -> Any:
    """A null inside a list or a map is an empty one of its kind."""
    if value is None:
        return {} if _is_struct(type.removeprefix("*")) else api_types.EMPTY.get(type)
    return _value(type, value, struct, key, path)


def _is_struct(type: str) -> bool:
    return api_types.is_struct(type) or f"\n{type}:" in TABLE


def _plain(type: str, value: Any, struct: str, key: str, path: tuple[str, ...]) -> Any:
    if type in ("int", "duration"):
        number = _integer(type, value, struct, key, path)
        return microseconds(number) if type == "duration" else number
    if type == "float":
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _wrong(kind_of(value), type, struct, key, path)
        return float(value)
    if type == "bool":
        return _of(bool, type, value, struct, key, path)
    text = _of(str, type, value, struct, key, path)
    return base64(text) if type == "bytes" else text


def _integer(type: str, value: Any, struct: str, key: str, path: tuple[str, ...]) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(kind_of(value), type, struct, key, path)
    low, high = RANGES.get(INTEGERS.get(f"{struct}.{key}", ""), SIGNED)
    if isinstance(value, float) or not low <= value < high:
        raise _wrong(f"number {value}", type, struct, key, path)
    return value


def _of(kind: type, wanted: str, value: Any, struct: str, key: str, path: tuple[str, ...]) -> Any:
    if not isinstance(value, kind):
        raise _wrong(kind_of(value), wanted, struct, key, path)
    return value


# ── in Go's words ────────────────────────────────────────────────────────────────────────────────────────────────────


def _wrong(what: str, type: str, struct: str, key: str, path: tuple[str, ...]) -> Refusal:
    where = f"{go_name(struct).rpartition('.')[2]}.{'.'.join(path)}"
    return Refusal(400, f"json: cannot unmarshal {what} into Go struct field {where} of type {_go(type, struct, key)}")


def _go(type: str, struct: str, key: str) -> str:
    """The name of the type of a field; of what is in a list or a map, where that does not fit."""
    if type[0] == "*":
        return "*" + _go(type[1:], struct, key)
    if type[0] == "[":
        pointer = "*" if type[1:-1] in ("SecretReference", "ConfigReference", "Ulimit") else ""
        return f"[]{pointer}{_go(type[1:-1], struct, key)}"
    if type[0] == "{":
        return f"map[string]{_go(type[1:-1], struct, key)}"
    if type == "int":
        return INTEGERS.get(f"{struct}.{key}", "int64")
    named = NAMED.get(f"{struct}.{key}", "string") if type == "str" else PLAIN.get(type)
    return named or (go_name(type) if _is_struct(type) else type)


def go_name(type: str) -> str:
    """`ServiceSpec` → `swarm.ServiceSpec`."""
    return STRUCTS.get(type) or f"{api_types.package(type)}.{type}"


# ── base64 ───────────────────────────────────────────────────────────────────────────────────────────────────────────

WHOLE = re.compile("(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")  # most are, and may be long
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def base64(text: str) -> bytes:
    """What the text stands for; ends of lines do not count. Raises `Refusal`, which says at which byte it is wrong."""
    from base64 import b64decode

    if not WHOLE.fullmatch(text) and (fault := _base64_fault(text.encode())) >= 0:
        raise Refusal(400, f"illegal base64 data at input byte {fault}")
    return b64decode(text)


def _base64_fault(text: bytes) -> int:
    """Where Go's decoder stops, -1 where it does not."""
    places = [place for place, byte in enumerate(text) if byte not in b"\r\n"]
    letters = text.translate(None, b"\r\n").decode("latin-1")
    body = letters.rstrip("=") if letters.endswith("=") else letters
    for n, letter in enumerate(body):
        if letter == "=" or letter not in LETTERS:
            if letter == "=" and n % 4 >= 2:  # it may end here, and does not
                return places[n + 1] if n % 4 == 3 or letters[n + 1] != "=" else places[n + 2]
            return places[n]
    over, signs = len(body) % 4, len(letters) - len(body)
    wanted = (4 - over) % 4
    if signs == wanted and over != 1:
        return -1
    if not signs:
        return len(text) - over
    if over < 2:
        return places[len(body)]
    return len(text) if signs < wanted else places[len(body) + wanted]
