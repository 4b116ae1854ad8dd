"""Containers, and the networks of one machine, as the Engine API shows them.

There is no operating system below: what has no counterpart here is empty, or the same for every container, as the
recorded engine said it. Source: Docker Engine API v1.41.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any

from ..messages import Container, Health, NetworkRow
from ..objects import PortConfig
from ..worker import images
from .api_json import Object, made_up_pid
from .api_specs import health_check
from .dates import unix


def made_up_id(*words: str) -> str:
    """64 hexadecimal digits for something that has no id of its own here; always the same for the same words."""
    return sha256("/".join(words).encode()).hexdigest()


# ── containers ───────────────────────────────────────────────────────────────────────────────────────────────────

HIDDEN = """/proc/asound /proc/acpi /proc/kcore /proc/keys /proc/latency_stats /proc/timer_list /proc/timer_stats
/proc/sched_debug /proc/scsi /sys/firmware""".split()
READ_ONLY = "/proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger".split()


def container(one: Container, networks: Sequence[tuple[str, str, str, str]]) -> Object:
    """`GET /containers/{id}/json`. `networks` are (id, name, address with mask, gateway) of those that it is on."""
    program, *args = images.words(one.command) or [""]
    folder = f"/var/lib/docker/containers/{one.id}"
    running = one.state == "running"
    values = {
        "Id": one.id,
        "Created": one.created_at,
        "Path": program,
        "Args": args,
        "State": _container_state(one),
        "Image": f"sha256:{images.image_id(one.image)}",
        "ResolvConfPath": f"{folder}/resolv.conf",
        "HostnamePath": f"{folder}/hostname",
        "HostsPath": f"{folder}/hosts",
        "LogPath": f"{folder}/{one.id}-json.log",
        "Name": f"/{one.name}",
        "RestartCount": one.restarts,
        "Driver": "overlay2",
        "Platform": "linux",
        "HostConfig": _host_config(one),
        "GraphDriver": {"Name": "overlay2", "Data": {}},
        "Mounts": [_mount_point(mount) for mount in one.settings.mounts],
        "Config": _container_config(one, [program, *args]),
        "NetworkSettings": _network_settings(one, networks if running or not one.task else ()),
    }
    return Object("Container", values)


def summary(one: Container, networks: Sequence[tuple[str, str, str, str]], status: str) -> Object:
    """One line of `GET /containers/json`. `status` is what `docker ps` shows: the engine words it, not the client."""
    values = {
        "Id": one.id,
        "Names": [f"/{one.name}"],
        "Image": one.image,
        "ImageID": f"sha256:{images.image_id(one.image)}",
        "Command": one.command,
        "Created": unix(one.created_at),
        "Ports": [_port(port) for port in one.ports if one.state == "running"],
        "Labels": one.labels,
        "State": one.state,
        "Status": status,
        "HostConfig": {"NetworkMode": _network_mode(one)},
        "NetworkSettings": {"Networks": _ends(one, networks)},
        "Mounts": [_mount_point(mount) for mount in one.settings.mounts],
    }
    return Object("ContainerSummary", values)


def _port(port: PortConfig) -> dict[str, Any]:
    ip = "0.0.0.0" if port.published_port else ""
    return {"IP": ip, "PrivatePort": port.target_port, "PublicPort": port.published_port, "Type": port.protocol}


def _network_mode(one: Container) -> str:
    return one.networks[0][1] if one.networks else "default"


def _container_state(one: Container) -> dict[str, Any]:
    running = one.state == "running"
    return {
        "Status": one.state,
        "Running": running,
        "Pid": made_up_pid(one.id) if running else 0,
        "ExitCode": one.exit_code,
        "StartedAt": one.started_at or None,
        "FinishedAt": one.state_at if one.state == "exited" else None,
        "Health": _health(one.health) if one.health else None,
    }


def _health(health: Health) -> dict[str, Any]:
    return {
        "Status": health.status,
        "FailingStreak": health.streak,
        "Log": [
            {"Start": start, "End": end, "ExitCode": code, "Output": text} for start, end, code, text in health.log
        ],
    }


def _host_config(one: Container) -> dict[str, Any]:
    log, restart = one.settings.log_driver, one.settings.restart
    name, _, most = restart.partition(":")
    plain = not one.task
    return {
        "LogConfig": {"Type": log.name if log else "json-file", "Config": log.options if log else {}},
        "NetworkMode": _network_mode(one),
        "PortBindings": _bindings(one.ports, host="") if plain else {},
        "RestartPolicy": {"Name": name or ("no" if plain else ""), "MaximumRetryCount": int(most or 0)},
        "CgroupnsMode": "host",
        "IpcMode": "private",
        "ShmSize": 64 << 20,
        "Runtime": "runc",
        "ConsoleSize": [0, 0],
        "Isolation": "default" if one.task else "",
        "Ulimits": [],
        "MaskedPaths": HIDDEN,
        "ReadonlyPaths": READ_ONLY,
        "Init": None if plain else False,
    }


def _mount_point(mount: Any) -> dict[str, Any]:
    is_volume = mount.type == "volume"
    return {
        "Type": mount.type,
        "Name": mount.source if is_volume else "",
        "Source": f"/var/lib/docker/volumes/{mount.source}/_data" if is_volume else mount.source,
        "Destination": mount.target,
        "Driver": "local" if is_volume else "",
        "Mode": "z" if is_volume else "",
        "RW": not mount.read_only,
        "Propagation": "" if is_volume else "rprivate",
    }


def _container_config(one: Container, words: list[str]) -> dict[str, Any]:
    return {
        "Hostname": one.settings.hostname or one.id[:12],
        "Env": one.settings.env,
        "Cmd": words,
        "Image": one.image,
        "Labels": one.labels,
        "Healthcheck": health_check(one.settings.healthcheck) if one.settings.healthcheck else None,
    }


def _network_settings(one: Container, networks: Sequence[tuple[str, str, str, str]]) -> dict[str, Any]:
    """The single fields repeat what the machine's own `bridge` says, for those who are on it."""
    running = one.state == "running"
    sandbox = made_up_id("sandbox", one.id) if networks and running else ""
    ends = _ends(one, networks)
    bridge = ends.get("bridge", {})
    shared = ("EndpointID", "Gateway", "IPAddress", "IPPrefixLen", "MacAddress")
    return {
        "SandboxID": sandbox,
        "Ports": _bindings(one.ports, host="0.0.0.0") if running else {},
        "SandboxKey": f"/var/run/docker/netns/{sandbox[:12]}" if sandbox else "",
        **{key: bridge.get(key) for key in shared},
        "Networks": ends,
    }


def _ends(one: Container, networks: Sequence[tuple[str, str, str, str]]) -> dict[str, dict[str, Any]]:
    """What it has on each of its networks: nothing while it does not run, and before it was started not even an id."""
    if one.state == "running":
        return {name: _endpoint(one.id, id, address, gateway) for id, name, address, gateway in networks}
    return {name: {"NetworkID": id if one.started_at else ""} for id, name, _, _ in networks}


def _endpoint(container: str, network: str, address: str, gateway: str) -> dict[str, Any]:
    ip, _, bits = address.partition("/")
    return {
        "NetworkID": network,
        "EndpointID": made_up_id("endpoint", container, network),
        "Gateway": gateway,
        "IPAddress": ip,
        "IPPrefixLen": int(bits or 0),
        "MacAddress": mac(ip),
    }


def mac(ip: str) -> str:
    """The hardware address that the engine makes of an IP address."""
    return "02:42:" + ":".join(f"{int(part):02x}" for part in ip.split(".")) if ip else ""


def _bindings(ports: Iterable[PortConfig], host: str) -> dict[str, list[dict[str, str]] | None]:
    found: dict[str, list[dict[str, str]] | None] = {}
    for port in ports:
        key = f"{port.target_port}/{port.protocol}"
        binding = {"HostIp": host, "HostPort": str(port.published_port)}
        found[key] = [*(found.get(key) or []), binding] if port.published_port else None
    return found


# ── networks of this machine ─────────────────────────────────────────────────────────────────────────────────────


def local_network(row: NetworkRow) -> Object:
    """A network that only this machine has, or of which it knows no more than that."""
    config = [{"Subnet": row.subnet, "Gateway": row.gateway}] if row.subnet else []
    values = {
        "Name": row.name,
        "Id": row.id,
        "Created": row.created_at,
        "Scope": row.scope,
        "Driver": row.driver,
        "IPAM": {"Driver": "default", "Options": {}, "Config": config},
        "Internal": row.internal,
        "Attachable": row.attachable,
        "Ingress": row.scope == "swarm" and row.name == "ingress",
        "Containers": {id: network_end(name, id, row.id, address) for id, name, address in row.containers},
        "Options": row.options,
        "Labels": row.labels,
    }
    return Object("Network", values)


def network_end(name: str, container: str, network: str, address: str) -> dict[str, str]:
    """One container as a network lists it."""
    ip = address.partition("/")[0]
    id = made_up_id("endpoint", container, network)
    return {"Name": name, "EndpointID": id, "MacAddress": mac(ip), "IPv4Address": address}
