"""Services, networks, volumes, secrets and configs in normal form, key by key: ports and volumes in their long form.

Sources: Compose file reference v3; docker/cli `cli/compose/loader`, `internal/volumespec`; docker 28.2.2.
"""

from typing import Any

from .normal import (
    Each,
    Group,
    Loader,
    as_it_is,
    count,
    duration,
    go_type,
    hosts,
    pairs,
    port_number,
    size,
    text,
    texts,
    texts_or_numbers,
    variables,
    whole,
    words,
)
from .units import parse_port_binding
from .yaml_dialect import StackError

# ── ports ────────────────────────────────────────────────────────────────────────────────────────────────────────

LONG_PORT = Group({"mode": text, "target": port_number, "published": port_number, "protocol": text})


def ports(value: list, where: str, loader: Loader) -> list[dict]:
    found: list[dict] = []
    for index, entry in enumerate(value):
        if isinstance(entry, dict):
            found.append(LONG_PORT(entry, f"{where}[{index}]", loader))
        elif isinstance(entry, float):
            loader.fault(where, "invalid type float64 for port")
        else:
            found += _short_port(str(entry), loader)
    return found


def _short_port(entry: str, loader: Loader) -> list[dict]:
    """One entry per port, in the order of Docker's client, which sorts the target ports as texts."""
    found = []
    for address, port in sorted(parse_port_binding(entry), key=lambda pair: f"{pair[1].target_port}/"):
        if address not in ("", "0.0.0.0"):
            name = f"[{address}]" if ":" in address else address
            spec = f"{name}:{port.published_port or ''}:{port.target_port}/{port.protocol}"
            loader.warn(f"ignoring IP-address ({spec}) service will listen on '0.0.0.0'")
        published = {"published": port.published_port} if port.published_port else {}
        found.append({"mode": "ingress", "target": port.target_port, **published, "protocol": port.protocol})
    return found


# ── volumes ──────────────────────────────────────────────────────────────────────────────────────────────────────

LONG_VOLUME = Group(
    {
        **dict.fromkeys(("type", "source", "target", "consistency"), text),
        "read_only": as_it_is,
        "bind": Group({"propagation": text}),
        "volume": Group({"nocopy": as_it_is, "subpath": text}),
        "tmpfs": Group({"size": whole}),
    }
)

PROPAGATIONS = ("rprivate", "private", "rshared", "shared", "rslave", "slave")

VOLUME_OPTIONS: dict[str, dict] = {
    "ro": {"read_only": True},
    "rw": {"read_only": False},
    "nocopy": {"volume": {"nocopy": True}},
    **{propagation: {"bind": {"propagation": propagation}} for propagation in PROPAGATIONS},
}


def volume(value: Any, where: str, loader: Loader) -> dict:
    found = LONG_VOLUME(value, where, loader) if isinstance(value, dict) else _short_volume(value, where, loader)
    if found.get("type") == "bind":
        if not found.get("source"):
            raise StackError('invalid mount config for type "bind": field Source must not be empty')
        found["source"] = loader.bind_source(found["source"])
    return found


def _short_volume(spec: str, where: str, loader: Loader) -> dict:
    try:
        return split_volume(spec)
    except ValueError as error:
        loader.fault(where, str(error))
        return {"type": "volume"}


def split_volume(spec: str) -> dict:
    """`[source:]target[:options]` in its long form. Options that Docker does not know are dropped, as it does."""
    if len(spec) <= 2:
        if not spec:
            raise ValueError("invalid empty volume spec")
        return {"type": "volume", "target": spec}
    parts = _sections(spec)
    if "" in parts[:3]:
        raise ValueError(f"invalid spec: {spec}: empty section between colons")
    if len(parts) > 3:
        raise ValueError(f"invalid spec: {spec}: too many colons")
    if len(parts) == 1:
        return {"type": "volume", "target": parts[0]}
    found: dict = {"type": "bind" if _is_path(parts[0]) else "volume", "source": parts[0], "target": parts[1]}
    for option in ",".join(parts[2:]).split(","):
        found |= VOLUME_OPTIONS.get(option, {})
    return found


def _sections(spec: str) -> list[str]:
    """What stands between the colons; a colon after a single letter belongs to a drive of Windows."""
    parts = [""]
    for character in spec:
        drive = len(parts[-1]) == 1 and parts[-1].isalpha()
        if character == ":" and not drive:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _is_path(source: str) -> bool:
    return source[0] in "./~" or source.startswith("\\\\") or (source[0].isalpha() and source[1:2] == ":")


# ── networks, files, limits, probes ──────────────────────────────────────────────────────────────────────────────

SERVICE_NETWORK = Group({"aliases": texts, "driver_opts": pairs, "ipv4_address": text, "ipv6_address": text})


def networks(value: Any, where: str, loader: Loader) -> dict[str, dict | None]:
    if isinstance(value, list):
        return dict.fromkeys(value)
    return {
        name: None if entry is None else SERVICE_NETWORK(entry, f"{where}[{name}]", loader)
        for name, entry in value.items()
    }


FILE_REFERENCE = Group({**dict.fromkeys(("source", "target", "uid", "gid"), text), "mode": count})


def file_reference(value: Any, where: str, loader: Loader) -> dict:
    return FILE_REFERENCE(value if isinstance(value, dict) else {"source": value}, where, loader)


def ulimits(value: dict, where: str, loader: Loader) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, limit in value.items():
        if isinstance(limit, dict):
            found[name] = {key: whole(limit.get(key, 0), where, loader) for key in ("soft", "hard")}
        elif isinstance(limit, int) and not isinstance(limit, bool):
            found[name] = limit
        else:
            loader.fault(f"{where}[{name}]", f"invalid type {go_type(limit)} for ulimits")
    return found


def health_test(value: Any, where: str, loader: Loader) -> list[str]:
    return ["CMD-SHELL", value] if isinstance(value, str) else texts(value, where, loader)


BUILD = Group(
    {
        **dict.fromkeys(("context", "dockerfile", "network", "target"), text),
        "args": variables,
        "labels": pairs,
        "cache_from": texts,
        "extra_hosts": hosts,
    }
)


def build(value: Any, where: str, loader: Loader) -> dict:
    return BUILD({"context": value} if isinstance(value, str) else value, where, loader)


# ── the tables ───────────────────────────────────────────────────────────────────────────────────────────────────

UPDATE = Group(
    {
        "parallelism": count,
        "delay": duration,
        "failure_action": text,
        "monitor": duration,
        "max_failure_ratio": as_it_is,
        "order": text,
    }
)

DISCRETE = Group({"discrete_resource_spec": Group({"kind": text, "value": whole})})

DEPLOY = Group(
    {
        "mode": text,
        "endpoint_mode": text,
        "replicas": count,
        "labels": pairs,
        "update_config": UPDATE,
        "rollback_config": UPDATE,
        "resources": Group(
            {
                "limits": Group({"cpus": text, "memory": size, "pids": whole}),
                "reservations": Group({"cpus": text, "memory": size, "generic_resources": Each(DISCRETE)}),
            }
        ),
        "restart_policy": Group({"condition": text, "delay": duration, "max_attempts": count, "window": duration}),
        "placement": Group(
            {"constraints": texts, "preferences": Each(Group({"spread": text})), "max_replicas_per_node": count}
        ),
    }
)

HEALTHCHECK = Group(
    {
        "test": health_test,
        "disable": as_it_is,
        "retries": count,
        **dict.fromkeys(("interval", "timeout", "start_period", "start_interval"), duration),
    }
)

SERVICE = Group(
    {
        **dict.fromkeys(("cgroup_parent", "cgroupns_mode", "container_name", "domainname", "hostname", "image"), text),
        **dict.fromkeys(("ipc", "isolation", "mac_address", "network_mode", "pid", "restart", "shm_size"), text),
        **dict.fromkeys(("stop_signal", "user", "userns_mode", "working_dir"), text),
        **dict.fromkeys(("init", "privileged", "read_only", "stdin_open", "tty"), as_it_is),
        **dict.fromkeys(("cap_add", "cap_drop", "depends_on", "devices", "dns", "dns_search", "env_file"), texts),
        **dict.fromkeys(("external_links", "links", "security_opt", "tmpfs"), texts),
        **dict.fromkeys(("labels", "sysctls"), pairs),
        **dict.fromkeys(("command", "entrypoint"), words),
        **dict.fromkeys(("configs", "secrets"), Each(file_reference)),
        "build": build,
        "credential_spec": Group({"config": text, "file": text, "registry": text}),
        "deploy": DEPLOY,
        "environment": variables,
        "expose": texts_or_numbers,
        "extra_hosts": hosts,
        "healthcheck": HEALTHCHECK,
        "logging": Group({"driver": text, "options": pairs}),
        "networks": networks,
        "oom_score_adj": whole,
        "ports": ports,
        "stop_grace_period": duration,
        "ulimits": ulimits,
        "volumes": Each(volume),
    }
)


def external(value: Any, where: str, loader: Loader) -> Any:
    """`true`, `false`, or a mapping, which means true and may hold a name."""
    if not isinstance(value, bool | dict):
        loader.fault(where, f"invalid type {go_type(value)} for external")
    return value


_OBJECT = {"name": text, "labels": pairs, "external": external}

NETWORK = Group(
    {
        **_OBJECT,
        "driver": text,
        "driver_opts": pairs,
        "ipam": Group({"driver": text, "config": Each(Group({"subnet": text}))}),
        "internal": as_it_is,
        "attachable": as_it_is,
    }
)

_SEGMENTS = Each(Group({"segments": pairs}))

CLUSTER_VOLUME = Group(
    {
        "group": text,
        "access_mode": as_it_is,
        "accessibility_requirements": Group({"requisite": _SEGMENTS, "preferred": _SEGMENTS}),
        "capacity_range": Group({"required_bytes": size, "limit_bytes": size}),
        "secrets": Each(Group({"key": text, "secret": text})),
        "availability": text,
    }
)

VOLUME = Group({**_OBJECT, "driver": text, "driver_opts": pairs, "x-cluster-spec": CLUSTER_VOLUME})

FILE_OBJECT = Group({**_OBJECT, "file": text, "driver": text, "driver_opts": pairs, "template_driver": text})
