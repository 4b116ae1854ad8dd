"""The container of a service as a client posts it → our `ContainerSpec`.

What the engine only stores goes into `options`, under the names that the command line gives it there (`docker.kept`).
Source: Docker Engine API v1.47; moby `daemon/cluster/convert/container.go`.
"""

# Simpler than in reality (docs/simplifications.md): no-plugins

from collections.abc import Mapping
from typing import Any

from ...objects import ContainerSpec, FileReference, HealthConfig, Mount
from .asked import Refusal

Values = Mapping[str, Any]


def kept(values: Values | None) -> dict[str, Any]:
    """Without what is empty: nothing was asked for there."""
    return {key: value for key, value in (values or {}).items() if value or value is False}


def container_spec(values: Values) -> ContainerSpec:
    """From the values of a ContainerSpec. Raises `Refusal`."""
    health = values.get("Healthcheck")
    return ContainerSpec(
        image=values.get("Image", ""),
        labels=values.get("Labels", {}),
        command=tuple(values.get("Command", ())),
        args=tuple(values.get("Args", ())),
        hostname=values.get("Hostname", ""),
        env=tuple(values.get("Env", ())),
        mounts=tuple(mount(one) for one in values.get("Mounts", ())),
        healthcheck=None if health is None else health_check(health),
        stop_signal=values.get("StopSignal", ""),
        stop_grace_period=values.get("StopGracePeriod", ContainerSpec().stop_grace_period),
        secrets=tuple(_reference("Secret", file) for file in values.get("Secrets", ())),
        configs=tuple(_reference("Config", file) for file in values.get("Configs", ()) if _is_file(file)),
        options=_options(values),
    )


def health_check(values: Values) -> HealthConfig:
    """Times of zero mean Docker's default, as in our own spec."""
    return HealthConfig(
        test=tuple(values.get("Test", ())),
        interval=values.get("Interval", 0),
        timeout=values.get("Timeout", 0),
        start_period=values.get("StartPeriod", 0),
        start_interval=values.get("StartInterval", 0),
        retries=values.get("Retries", 0),
    )


def _reference(kind: str, values: Values) -> FileReference:
    """A secret without a file has no target at all, which the engine refuses."""
    file = values.get("File")
    return FileReference(
        id=values.get(f"{kind}ID", ""),
        name=values.get(f"{kind}Name", ""),
        target=None if file is None else file.get("Name", ""),  # type: ignore[arg-type]
        uid=(file or {}).get("UID", ""),
        gid=(file or {}).get("GID", ""),
        mode=(file or {}).get("Mode", 0),
    )


def _is_file(values: Values) -> bool:
    """A config may also be there for the runtime itself (credentials on Windows); such a one is no file in a container."""
    file, runtime = "File" in values, "Runtime" in values
    if not file and not runtime:
        raise Refusal(400, "invalid Config: either File or Runtime should be set")
    if file and runtime:
        raise Refusal(400, "invalid Config: cannot specify both File and Runtime")
    return file


# ── what the engine stores as asked ──────────────────────────────────────────────────────────────────────────────────


def _options(values: Values) -> dict[str, Any]:
    dns = values.get("DNSConfig", {})
    isolation = values.get("Isolation", "").lower()
    options = {
        "user": values.get("User"),
        "groups": tuple(values.get("Groups", ())),
        "dir": values.get("Dir"),
        "init": values.get("Init"),
        "tty": values.get("TTY") or None,
        "open_stdin": values.get("OpenStdin") or None,
        "read_only": values.get("ReadOnly") or None,
        "hosts": tuple(values.get("Hosts", ())),
        "dns_nameservers": tuple(dns.get("Nameservers", ())),
        "dns_search": tuple(dns.get("Search", ())),
        "dns_options": tuple(dns.get("Options", ())),
        "isolation": isolation if isolation in ("process", "hyperv") else None,
        "sysctls": values.get("Sysctls"),
        "capability_add": tuple(values.get("CapabilityAdd", ())),
        "capability_drop": tuple(values.get("CapabilityDrop", ())),
        "ulimits": tuple(_ulimit(one) for one in values.get("Ulimits", ())),
        "oom_score_adj": values.get("OomScoreAdj"),
        "credential_spec": _credentials(values.get("Privileges", {}).get("CredentialSpec")),
    }
    return kept(options)


def _ulimit(values: Values) -> tuple[str, int, int]:
    return values.get("Name", ""), values.get("Soft", 0), values.get("Hard", 0)


def _credentials(values: Values | None) -> dict[str, str] | None:
    """Exactly one of the three places where they may be."""
    if values is None:
        return None
    given = [name for name in ("Config", "File", "Registry") if values.get(name)]
    if len(given) == 1:
        return {given[0].lower(): values[given[0]]}
    names = [f'"{name.lower()}"' for name in given]
    if not names:
        why = 'must either provide "file", "registry", or "config" for credential spec'
    elif len(names) == 2:
        why = f"cannot specify both {names[0]} and {names[1]} credential specs"
    else:
        why = f"cannot specify both {', '.join(names[:-1])}, and {names[-1]} credential specs"
    raise Refusal(400, f"invalid CredentialSpec: {why}")


# ── mounts ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def mount(values: Values) -> Mount:
    """Without a type it is a bind mount to the engine."""
    return Mount(
        type=values.get("Type", "").lower() or "bind",
        source=values.get("Source", ""),
        target=values.get("Target", ""),
        read_only=values.get("ReadOnly", False),
        options=_mount_options(values),
    )


def _mount_options(values: Values) -> dict[str, Any]:
    bind, volume, memory = (values.get(f"{kind}Options", {}) for kind in ("Bind", "Volume", "Tmpfs"))
    driver = volume.get("DriverConfig", {})
    options = {
        "consistency": values.get("Consistency"),
        "propagation": bind.get("Propagation", "").lower(),
        "non_recursive": bind.get("NonRecursive") or None,
        "create_mountpoint": bind.get("CreateMountpoint") or None,
        "read_only_non_recursive": bind.get("ReadOnlyNonRecursive") or None,
        "read_only_force_recursive": bind.get("ReadOnlyForceRecursive") or None,
        "no_copy": volume.get("NoCopy") or None,
        "labels": volume.get("Labels"),
        "subpath": volume.get("Subpath"),
        "driver": driver.get("Name"),
        "driver_options": driver.get("Options"),
        "size_bytes": memory.get("SizeBytes"),
        "mode": memory.get("Mode"),
    }
    return kept(options)
