"""Loading stack files, the way `docker stack` loads them: read, refuse, interpolate, check, make normal, merge.

The order of the steps is part of the behaviour: a forbidden key is refused before a broken `${`, and that before a
key with a typo. Several files are loaded one by one, then laid over each other. Source: Docker documentation, `docker
stack deploy` and Compose file reference v3; docker/cli `cli/compose/loader` (order, merge); docker 28.2.2.
"""

import os.path
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import normal_tables as tables
from .interpolate import interpolate
from .normal import Group, Loader, read_file
from .schema import minor_of, version_of
from .validate import validate
from .yaml_dialect import StackError, read_yaml


@dataclass(frozen=True)
class ComposeFile:
    """One stack file, or several laid over each other, in normal form: what `docker stack config` prints.

    Every section maps a name to plain data. `warnings` are the lines that the client prints on stderr: those of
    loading begin with `level=warning`, the others are printed by `stack deploy` alone.
    """

    version: str
    services: Mapping[str, Mapping]
    networks: Mapping[str, Mapping]
    volumes: Mapping[str, Mapping]
    secrets: Mapping[str, Mapping]
    configs: Mapping[str, Mapping]
    extensions: Mapping[str, Any]  # keys that begin with x-
    warnings: tuple[str, ...] = ()


def load(
    paths: Sequence[str],
    read: Callable[[str], bytes],
    env: Mapping[str, str],
    *,
    deploy: bool = True,
    interpolated: bool = True,
) -> ComposeFile:
    """The stack files at `paths`, the later ones laid over the first. Raises StackError with Docker's words.

    `read` gives the bytes of a file or raises OSError; relative paths in a file count from the folder of the first
    one. `env` is the client's environment, the only source of variables. `stack config` words one refusal more
    shortly than `stack deploy`, and leaves variables alone if asked to: `deploy=False`, `interpolated=False`.
    """
    if not paths:
        raise StackError("specify a Compose file (with --compose-file)")
    documents = [document_of(path, read) for path in paths]
    return settle(documents, Loader(os.path.dirname(paths[0]), read, env), deploy, interpolated)


def settle(documents: Sequence[dict], loader: Loader, deploy: bool = True, interpolated: bool = True) -> ComposeFile:
    """What documents that were read come to, once they are checked and laid over each other. Raises StackError."""
    files = [_load_one(document, documents[0], loader, deploy, interpolated) for document in documents]
    merged = files[0]
    for file in files[1:]:
        merged = _merge(merged, file)
    warnings = (*loader.warnings, *(_deploy_warnings(documents) if deploy else ()))
    return ComposeFile(version_of(documents[0]), **merged, warnings=warnings)


def document_of(path: str, read: Callable[[str], bytes]) -> dict:
    """The file as plain data; nothing but its YAML is checked. Raises StackError."""
    document = read_yaml(read_file(path, read))
    if not isinstance(document, dict) or any(not isinstance(key, str) for key in document):
        raise StackError("top-level object must be a mapping")
    return document


def _load_one(document: dict, first: dict, loader: Loader, deploy: bool, interpolated: bool) -> dict[str, dict]:
    version = version_of(document)
    if version != version_of(first):
        raise StackError(f"version mismatched between two composefiles : {version_of(first)} and {version}")
    _refuse_forbidden(document, deploy)
    if interpolated:
        document = {
            key: value if key == "version" else interpolate(value, loader.env, key) for key, value in document.items()
        }
    validate(document, version)
    return {
        "services": {name: _service(service, loader) for name, service in document.get("services", {}).items()},
        "networks": _section(document, "network", tables.NETWORK, loader),
        "volumes": _section(document, "volume", tables.VOLUME, loader),
        "secrets": _section(document, "secret", tables.FILE_OBJECT, loader),
        "configs": _section(document, "config", tables.FILE_OBJECT, loader),
        "extensions": _extensions(document),
    }


# ── keys that Docker refuses, ignores or regrets ─────────────────────────────────────────────────────────────────

_LIMITS = "Set resource limits using deploy.resources"

FORBIDDEN = {
    "extends": "Support for `extends` is not implemented yet.",
    "volume_driver": "Instead of setting the volume driver on the service, define a volume using the top-level "
    "`volumes` option and specify the driver there.",
    "volumes_from": "To share a volume between services, define it using the top-level `volumes` option and reference "
    "it from each service that shares it using the service-level `volumes` option.",
    **dict.fromkeys(("cpu_quota", "cpu_shares", "cpuset", "mem_limit", "memswap_limit"), _LIMITS),
}

UNSUPPORTED = frozenset(
    "build cgroupns_mode cgroup_parent devices domainname external_links ipc links mac_address network_mode pid "
    "privileged restart security_opt shm_size userns_mode".split()
)

DEPRECATED = {
    "container_name": "Setting the container name is not supported.",
    "expose": "Exposing ports is unnecessary - services on the same network can access each other's containers on any "
    "port.",
}


def _keys_of_services(documents: Sequence[dict]) -> list[str]:
    """The keys that stand in any service, sorted."""
    sections = [document.get("services") for document in documents]
    services = [service for section in sections if isinstance(section, dict) for service in section.values()]
    return sorted({str(key) for service in services if isinstance(service, dict) for key in service})


def _refuse_forbidden(document: dict, deploy: bool) -> None:
    found = [key for key in _keys_of_services([document]) if key in FORBIDDEN]
    if found and not deploy:
        raise StackError("Configuration contains forbidden properties")
    if found:
        reasons = [f"{key}: {FORBIDDEN[key]}" for key in found]
        raise StackError("\n\n".join(["Compose file contains unsupported options:", *reasons, ""]))


def _deploy_warnings(documents: Sequence[dict]) -> list[str]:
    keys = _keys_of_services(documents)
    unsupported = [key for key in keys if key in UNSUPPORTED]
    deprecated = [f"{key}: {DEPRECATED[key]}" for key in keys if key in DEPRECATED]
    lines = [f"Ignoring unsupported options: {', '.join(unsupported)}", ""] if unsupported else []
    if deprecated:
        lines += ["Ignoring deprecated options:", ""]
    for line in deprecated:
        lines += [line, ""]
    return lines


# ── one service ──────────────────────────────────────────────────────────────────────────────────────────────────


def _service(source: dict, loader: Loader) -> dict:
    service = tables.SERVICE(source, "", loader)
    loader.finish()
    environment = _environment(service, loader)
    if environment or "environment" in service:
        service["environment"] = environment
    return service | _extensions(source)


def _environment(service: dict, loader: Loader) -> dict[str, str | None]:
    """`env_file`, then `environment` over it; what has no value, or an empty one, asks the client's environment."""
    found: dict[str, str | None] = {}
    for path in service.get("env_file", ()):
        found |= _env_file(loader.path(path), loader)
    found |= service.get("environment", {})
    return {key: loader.env.get(key, value) if not value else value for key, value in found.items()}


def _env_file(path: str, loader: Loader) -> dict[str, str]:
    found = {}
    for line in read_file(path, loader.read).decode("utf-8-sig", "replace").splitlines():
        line = line.lstrip()
        key, equals, value = line.partition("=")
        if not line or line.startswith("#"):
            continue
        if not key:
            raise StackError(f"invalid env file ({path}): no variable name on line '{line}'")
        if " " in key or "\t" in key:
            raise StackError(f"invalid env file ({path}): variable '{key}' contains whitespaces")
        if equals or key in loader.env:
            found[key] = value if equals else loader.env[key]
    return found


def _extensions(source: Mapping) -> dict[str, Any]:
    return {key: value for key, value in source.items() if key.startswith("x-")}


# ── networks, volumes, secrets, configs ──────────────────────────────────────────────────────────────────────────

NAMED_SINCE = {"network": 5, "volume": 4, "secret": 5, "config": 5}  # 3.x: `name` took the place of `external.name`


def _section(document: dict, kind: str, table: Group, loader: Loader) -> dict[str, dict]:
    minor = minor_of(version_of(document))
    found = {}
    for name, source in document.get(f"{kind}s", {}).items():
        found[name] = table(source, f"[{name}]", loader)
        loader.finish()
        outside = found[name].pop("external", False)
        if outside is not False:  # an empty mapping means true as well
            _settle_external(found[name], outside, kind, name, minor, loader)
        elif kind in ("secret", "config"):
            _settle_file(found[name], kind, name, loader)
        if outside is not False or kind in ("secret", "config"):
            found[name] |= _extensions(source)  # Docker forgets those of the other networks and volumes
    return found


def _settle_external(found: dict, outside: Any, kind: str, name: str, minor: int, loader: Loader) -> None:
    """One that exists outside of the stack: `external: true`, and the name it has there."""
    clashes = [key for key in ("driver", "driver_opts", "labels") if kind == "volume" and found.get(key)]
    if clashes:
        raise StackError(f'conflicting parameters "external" and "{clashes[0]}" specified for volume "{name}"')
    inner = outside.get("name") if isinstance(outside, dict) else ""
    if inner and found.get("name"):
        raise StackError(f"{kind} {name}: {kind}.external.name and {kind}.name conflict; only use {kind}.name")
    if inner and minor >= NAMED_SINCE[kind]:
        loader.warn(f"{kind} {name}: {kind}.external.name is deprecated in favor of {kind}.name")
    found["external"] = True
    found["name"] = inner or found.get("name") or name


def _settle_file(found: dict, kind: str, name: str, loader: Loader) -> None:
    if not found.get("driver"):
        found["file"] = loader.path(found.get("file", ""))
    elif found.get("file"):
        raise StackError(f"{kind} {name}: {kind}.driver and {kind}.file conflict; only use {kind}.driver")


# ── several files ────────────────────────────────────────────────────────────────────────────────────────────────

BY_KEY = {"ports": "published", "volumes": "target", "secrets": "source", "configs": "source"}
REPLACED = ("command", "entrypoint")
EVEN_ZERO = ("replicas", "parallelism", "max_attempts", "retries")  # elsewhere nothing, zero and false change nothing


def _merge(base: dict[str, dict], over: dict[str, dict]) -> dict[str, dict]:
    """`over` laid over `base`: services merge key by key and come out sorted, other objects are replaced whole."""
    services = dict(base["services"])
    for name, service in over["services"].items():
        services[name] = _merge_services(services[name], service) if name in services else service
    merged = {section: {**base[section], **over[section]} for section in base if section != "extensions"}
    return {**merged, "services": dict(sorted(services.items())), "extensions": base["extensions"]}


def _merge_services(base: Mapping, over: Mapping) -> dict:
    merged = _merge_mappings(base, over)
    for key, by in BY_KEY.items():
        entries = {entry.get(by): entry for entry in [*base.get(key, ()), *over.get(key, ())]}
        if entries:
            merged[key] = sorted(entries.values(), key=lambda entry: entry.get(by, 0 if by == "published" else ""))
    for key, merge in (("logging", _merge_logging), ("networks", _merge_networks), ("ulimits", _merge_whole)):
        if key in base and key in over:
            merged[key] = merge(base[key], over[key])
    return merged


def _merge_mappings(base: Mapping, over: Mapping) -> dict:
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            merged[key] = _merge_mappings(old, value)
        elif isinstance(old, list) and isinstance(value, list) and key not in REPLACED:
            merged[key] = old + value
        elif key not in merged or (key in EVEN_ZERO and value == 0) or value not in (None, False, 0, "", [], "0s"):
            merged[key] = value
    return merged


def _merge_logging(base: Mapping, over: Mapping) -> dict:
    """Options of the same driver merge; another driver brings its own."""
    if base.get("driver") and over.get("driver") and base["driver"] != over["driver"]:
        return dict(over)
    return _merge_mappings(base, over)


def _merge_networks(base: Mapping, over: Mapping) -> dict:
    """A network that is named again without details keeps its old ones; with details, aliases are all new."""
    merged = {**over, **base}
    for name, details in over.items():
        if name in base and details is not None:
            kept = {key: value for key, value in (base[name] or {}).items() if key != "aliases"}
            merged[name] = kept | details
    return merged


def _merge_whole(base: Mapping, over: Mapping) -> dict:
    return {**base, **over}
