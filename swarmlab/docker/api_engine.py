"""What one engine knows by itself as the Engine API shows it: information, version, images, volumes, events.

There is no operating system below: what has no counterpart here (drivers, versions of parts, file descriptors) is the
same on every machine, and is what the recorded engine said. Source: Docker Engine API v1.41.
"""

# Simpler than in reality (docs/simplifications.md): digests, made-up

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..messages import Container, EngineInfo, Event
from ..messages import Volume as StoredVolume
from ..objects import Cluster, Description, Node
from ..worker import images
from . import api_json
from .api_containers import made_up_id
from .api_json import Object
from .api_specs import generic_resources
from .dates import nanoseconds, rfc3339, unix
from .images import pinned

API, OLDEST_API = "1.41", "1.12"
KERNEL, COMMIT, GO, BUILT = "6.1.0", "5d6db84", "go1.19.8", "2026-05-07T21:09:36.000000000+00:00"
CONTAINERD, RUNC = "1.6.20~ds1-1+deb12u3", "1.1.5+ds1-1+deb12u1"


# ── docker info, docker version ──────────────────────────────────────────────────────────────────────────────────

ALWAYS: dict[str, Any] = {
    "Driver": "overlay2",
    "DriverStatus": [
        ["Backing Filesystem", "extfs"],
        ["Supports d_type", "true"],
        ["Native Overlay Diff", "true"],
        ["userxattr", "false"],
    ],
    **dict.fromkeys(
        ("MemoryLimit", "SwapLimit", "KernelMemory", "KernelMemoryTCP", "CpuCfsPeriod", "CpuCfsQuota"), True
    ),
    **dict.fromkeys(("CPUShares", "CPUSet", "PidsLimit", "IPv4Forwarding", "BridgeNfIptables"), True),
    **dict.fromkeys(("BridgeNfIp6tables", "OomKillDisable"), True),
    "LoggingDriver": "json-file",
    "CgroupDriver": "cgroupfs",
    "CgroupVersion": "1",
    "KernelVersion": KERNEL,
    "OperatingSystem": "Debian GNU/Linux 12 (bookworm)",
    "OSVersion": "12",
    "IndexServerAddress": "https://index.docker.io/v1/",
    "RegistryConfig": {
        "AllowNondistributableArtifactsCIDRs": [],
        "AllowNondistributableArtifactsHostnames": [],
        "InsecureRegistryCIDRs": ["127.0.0.0/8"],
        "IndexConfigs": {},
        "Mirrors": [],
    },
    "DockerRootDir": "/var/lib/docker",
    "Runtimes": {
        name: {"path": "runc"} for name in ("io.containerd.runc.v2", "io.containerd.runtime.v1.linux", "runc")
    },
    "DefaultRuntime": "runc",
    "InitBinary": "docker-init",
    "ContainerdCommit": {"ID": CONTAINERD, "Expected": CONTAINERD},
    "RuncCommit": {"ID": RUNC, "Expected": RUNC},
    "SecurityOptions": ["name=seccomp,profile=default"],
}


def info(
    engine: EngineInfo, containers: Sequence[Container], pulled: int, now: int, swarm: Mapping[str, Any]
) -> Object:
    """`GET /info`. `pulled` counts the images; `swarm` is what `swarm_info` made."""
    machine = engine.description or Description(hostname=engine.machine)
    running = sum(container.state == "running" for container in containers)
    values = {
        **ALWAYS,
        "ID": _engine_id(engine.machine),
        "Containers": len(containers),
        "ContainersRunning": running,
        "ContainersStopped": len(containers) - running,
        "Images": pulled,
        "Plugins": {
            "Volume": machine.volume_drivers,
            "Network": machine.network_drivers,
            "Log": machine.log_drivers,
        },
        "SystemTime": rfc3339(now),
        "OSType": machine.os,
        "Architecture": machine.architecture,
        "NCPU": machine.nano_cpus // 10**9,
        "MemTotal": machine.memory,
        "GenericResources": generic_resources(machine.generic) or None,
        "Name": machine.hostname,
        "Labels": [f"{name}={value}" for name, value in sorted(machine.engine_labels.items())],
        "ServerVersion": machine.engine_version,
        "Swarm": swarm,
    }
    return Object("Info", values)


def _engine_id(machine: str) -> str:
    """Twelve groups of four letters."""
    number, letters = int(made_up_id("engine", machine), 16), "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    text = "".join(letters[number >> (5 * place) & 31] for place in range(48))
    return ":".join(text[start : start + 4] for start in range(0, 48, 4))


def swarm_info(
    engine: EngineInfo, cluster: Cluster | None = None, nodes: Sequence[Node] = (), error: str = ""
) -> dict[str, Any]:
    """What an engine knows of its swarm. A manager that cannot ask the leader has an `error` and an empty cluster."""
    values: dict[str, Any] = {
        "NodeID": engine.node,
        "NodeAddr": engine.address.partition(":")[0] if engine.swarm != "inactive" else "",
        "LocalNodeState": engine.swarm,
        "ControlAvailable": engine.manager,
        "Error": error or engine.error,
        "RemoteManagers": [{"NodeID": node, "Addr": address} for node, address in engine.managers] or None,
    }
    if engine.manager and engine.swarm == "active":
        values["Cluster"] = api_json.swarm(cluster, tokens=False).values if cluster else {}
        values["Nodes"] = len(nodes)
        values["Managers"] = sum(node.manager_status is not None for node in nodes)
    return values


def version(engine: EngineInfo) -> Object:
    """`GET /version`."""
    machine = engine.description or Description()
    own = {
        "ApiVersion": API,
        "MinAPIVersion": OLDEST_API,
        "GitCommit": COMMIT,
        "GoVersion": GO,
        "Os": machine.os,
        "Arch": ARCHITECTURES.get(machine.architecture, machine.architecture),
        "KernelVersion": KERNEL,
        "BuildTime": BUILT,
    }
    parts = (("containerd", CONTAINERD), ("runc", RUNC))
    components = [
        {"Name": "Engine", "Version": machine.engine_version, "Details": {**own, "Experimental": "false"}},
        *({"Name": name, "Version": full.partition("-")[0], "Details": {"GitCommit": full}} for name, full in parts),
        {"Name": "docker-init", "Version": "0.19.0", "Details": {"GitCommit": ""}},
    ]
    return Object("ServerVersion", {"Components": components, "Version": machine.engine_version, **own})


ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}  # the kernel's word → Go's

# ── images, volumes, events ──────────────────────────────────────────────────────────────────────────────────────


def digest(reference: str) -> str:
    """What the registry says that an image is; '' for one that it does not have."""
    return pinned(images.full(reference)).partition("@")[2]


def image(reference: str, size: int) -> Object:
    """`GET /images/{name}/json` of an image that is on this machine."""
    full = images.full(reference)
    known = images.find(full)
    words = images.words(f"{known.entrypoint} {known.command}") if known else []
    values = {
        "Id": f"sha256:{images.image_id(full)}",
        "RepoTags": [full],
        "RepoDigests": [f"{images.split(full)[0]}@{digest(full)}"],
        "Created": rfc3339(0),
        "ContainerConfig": {},
        "DockerVersion": Description().engine_version,
        "Config": {"Cmd": words},
        "Architecture": "amd64",
        "Os": "linux",
        "Size": size,
        "VirtualSize": size,
        "GraphDriver": {"Name": "overlay2", "Data": {}},
        "RootFS": {"Type": "layers", "Layers": [f"sha256:{made_up_id('layer', full)}"]},
    }
    return Object("Image", values)


def distribution(reference: str) -> Object:
    """`GET /distribution/{name}/json`: what a registry says of an image."""
    descriptor = {
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "digest": digest(reference),
        "size": 527,
    }
    known = images.find(reference)
    platforms = [{"architecture": cpu, "os": system} for system, cpu in (known.platforms if known else ())]
    return Object("Distribution", {"Descriptor": descriptor, "Platforms": platforms})


def volumes(stored: Iterable[StoredVolume]) -> Object:
    """`GET /volumes`."""
    return Object("Volumes", {"Volumes": [volume(one).values for one in stored], "Warnings": None})


def volume(stored: StoredVolume) -> Object:
    values = {
        "CreatedAt": stored.created_at,
        "Driver": stored.driver,
        "Labels": stored.labels or None,
        "Mountpoint": f"/var/lib/docker/volumes/{stored.name}/_data",
        "Name": stored.name,
        "Options": stored.options or None,
        "Scope": "local",
    }
    return Object("Volume", values)


def event(happened: Event) -> Object:
    """One line of `GET /events`. What concerns containers and images says some things twice, as it always has."""
    old = happened.kind in ("container", "image")
    image_name = happened.attributes.get("image", "") if happened.kind == "container" else ""
    values = {
        "status": happened.action if old else "",
        "id": happened.id if old else "",
        "from": image_name,
        "Type": happened.kind,
        "Action": happened.action,
        "Actor": {"ID": happened.id, "Attributes": {key: str(value) for key, value in happened.attributes.items()}},
        "scope": happened.scope,
        "time": unix(happened.time),
        "timeNano": nanoseconds(happened.time),
    }
    return Object("Event", values)
