"""What may stand in a stack file, key by key, and since which version.

Docker checks a file against the schema of the version it declares, 3.0 to 3.13, which is not the newer Compose
Specification. Here the schemas are one table: a key maps to what its value may be, `Since(minor, …)` marks what came
later. Sources: Compose file reference; docker/cli `cli/compose/schema/data` (the schemas 3.0 to 3.13).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Union

from .yaml_dialect import StackError, go_text

NEWEST = 13  # 3.13, and what a file without a version means

# ── vocabulary ───────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Scalar:
    """A value without parts, of one of these types."""

    types: tuple[str, ...]
    format: str = ""  # ports · duration
    format_since: int = 0
    choices: tuple[str, ...] = ()
    least: int | None = None


@dataclass(frozen=True)
class Items:
    """A list, every item of one kind."""

    kind: "Kind"
    once: bool = False  # no item twice
    types = ("list",)


@dataclass(frozen=True)
class Keys:
    """A mapping: known keys, then a pattern for names that people choose."""

    known: Mapping[str, "Kind"] = field(default_factory=dict)
    names: str = ""  # a regular expression
    kind: "Kind | None" = None  # of the values under such names; None: anything
    open_since: int | None = None  # from this version on any other key is welcome; None: never
    extensions_since: int | None = None  # from this version on keys may begin with x-
    required: tuple[str, ...] = ()
    types: tuple[str, ...] = ("mapping",)  # what else it may be


@dataclass(frozen=True)
class Either:
    """One of several kinds. A value that is none of them is held against the one that it resembles most."""

    kinds: tuple["Kind", ...]


@dataclass(frozen=True)
class Since:
    """A key that came with version 3.`minor`; or a kind that replaced an older one."""

    minor: int
    kind: "Kind"
    before: "Kind | None" = None


Kind = Union[Scalar, Items, Keys, Either, Since]  # noqa: UP007  (names that come later)

TEXT = Scalar(("string",))
WHOLE = Scalar(("integer",))
NUMBER = Scalar(("number",))
TRUTH = Scalar(("boolean",))
DURATION = Scalar(("string",), format="duration")
LATE_DURATION = Scalar(("string",), format="duration", format_since=4)
TEXT_OR_NUMBER = Scalar(("string", "number"))
TEXTS = Items(TEXT)
TEXTS_ONCE = Items(TEXT, once=True)
TEXT_OR_TEXTS = Either((TEXT, TEXTS))
TEXT_OR_TEXTS_ONCE = Either((TEXT, TEXTS_ONCE))
PAIRS = Either((Keys(names=".+", kind=Scalar(("string", "number", "null"))), TEXTS_ONCE))
OPTIONS = Keys(names="^.+$", kind=TEXT_OR_NUMBER, open_since=0)
NAME = "^[a-zA-Z0-9._-]+$"

# ── the tables ───────────────────────────────────────────────────────────────────────────────────────────────────

BUILD = Keys(
    {
        "context": TEXT,
        "dockerfile": TEXT,
        "args": PAIRS,
        "labels": Since(3, PAIRS),
        "cache_from": Since(2, TEXTS_ONCE),
        "network": Since(4, TEXT),
        "target": Since(4, TEXT),
        "shm_size": Since(5, Scalar(("integer", "string"))),
        "extra_hosts": Since(9, PAIRS),
    },
    open_since=11,
)

FILE_REFERENCES = Items(
    Either((TEXT, Keys(dict.fromkeys(("source", "target", "uid", "gid"), TEXT) | {"mode": NUMBER}, open_since=0)))
)

HEALTHCHECK = Keys(
    {
        "disable": TRUTH,
        "interval": LATE_DURATION,
        "retries": NUMBER,
        "test": TEXT_OR_TEXTS,
        "timeout": LATE_DURATION,
        "start_period": Since(4, DURATION),
        "start_interval": Since(12, DURATION),
    }
)

UPDATE = Keys(
    {
        "parallelism": WHOLE,
        "delay": DURATION,
        "failure_action": TEXT,
        "monitor": DURATION,
        "max_failure_ratio": NUMBER,
        "order": Since(4, Scalar(("string",), choices=("start-first", "stop-first"))),
    }
)

GENERIC_RESOURCES = Items(Keys({"discrete_resource_spec": Keys({"kind": TEXT, "value": NUMBER})}))

DEPLOY = Keys(
    {
        "mode": TEXT,
        "endpoint_mode": Since(2, TEXT),
        "replicas": WHOLE,
        "labels": PAIRS,
        "update_config": UPDATE,
        "rollback_config": Since(7, UPDATE),
        "resources": Keys(
            {
                "limits": Keys({"cpus": TEXT, "memory": TEXT, "pids": Since(9, WHOLE)}),
                "reservations": Keys({"cpus": TEXT, "memory": TEXT, "generic_resources": Since(5, GENERIC_RESOURCES)}),
            }
        ),
        "restart_policy": Keys({"condition": TEXT, "delay": DURATION, "max_attempts": WHOLE, "window": DURATION}),
        "placement": Keys(
            {
                "constraints": TEXTS,
                "preferences": Since(3, Items(Keys({"spread": TEXT}))),
                "max_replicas_per_node": Since(8, WHOLE),
            }
        ),
    },
    types=("mapping", "null"),
)

SERVICE_NETWORK = Keys(
    {
        "aliases": TEXTS_ONCE,
        "driver_opts": Since(13, OPTIONS),
        "ipv4_address": TEXT,
        "ipv6_address": TEXT,
    }
)

PORT = Scalar(("string",), format="ports")
NUMERIC_PORT = Scalar(("number",), format="ports")
LONG_PORT = Keys({"mode": TEXT, "target": WHOLE, "published": WHOLE, "protocol": TEXT})

LONG_VOLUME = Keys(
    {
        "type": TEXT,
        "source": TEXT,
        "target": TEXT,
        "read_only": TRUTH,
        "consistency": TEXT,
        "bind": Keys({"propagation": TEXT}, open_since=0),
        "volume": Keys({"nocopy": TRUTH}, open_since=0),
        "tmpfs": Since(6, Keys({"size": Scalar(("integer",), least=0)}, open_since=0)),
    },
    required=("type",),
)

LIMITS = Keys({"hard": WHOLE, "soft": WHOLE}, required=("soft", "hard"))

SERVICE = Keys(
    {
        **dict.fromkeys(("cgroup_parent", "container_name", "domainname", "hostname", "image", "ipc"), TEXT),
        **dict.fromkeys(("mac_address", "network_mode", "restart", "stop_signal", "user", "userns_mode"), TEXT),
        **dict.fromkeys(("privileged", "read_only", "stdin_open", "tty"), TRUTH),
        **dict.fromkeys(("cap_add", "cap_drop", "depends_on", "devices", "external_links"), TEXTS_ONCE),
        **dict.fromkeys(("links", "security_opt"), TEXTS_ONCE),
        **dict.fromkeys(("dns", "dns_search", "env_file", "tmpfs"), TEXT_OR_TEXTS_ONCE),
        **dict.fromkeys(("environment", "extra_hosts", "labels", "sysctls"), PAIRS),
        "build": Either((TEXT, BUILD)),
        "cgroupns_mode": Since(9, TEXT),
        "command": TEXT_OR_TEXTS,
        "configs": Since(3, FILE_REFERENCES),
        "credential_spec": Since(3, Keys({"config": Since(8, TEXT), "file": TEXT, "registry": TEXT})),
        "deploy": DEPLOY,
        "entrypoint": TEXT_OR_TEXTS,
        "expose": Items(TEXT_OR_NUMBER, once=True),
        "healthcheck": HEALTHCHECK,
        "init": Since(7, TRUTH),
        "isolation": Since(5, TEXT),
        "logging": Keys(
            {"driver": TEXT, "options": Keys(names="^.+$", kind=Scalar(("string", "number", "null")), open_since=0)}
        ),
        "networks": Either((TEXTS_ONCE, Keys(names=NAME, kind=Either((SERVICE_NETWORK, Scalar(("null",))))))),
        "oom_score_adj": Since(13, WHOLE),
        "pid": Scalar(("string", "null")),
        "ports": Items(
            Since(2, Either((NUMERIC_PORT, PORT, LONG_PORT)), before=Scalar(("string", "number"), format="ports")),
            once=True,
        ),
        "secrets": Since(1, FILE_REFERENCES),
        "shm_size": Scalar(("number", "string")),
        "stop_grace_period": DURATION,
        "ulimits": Keys(names="^[a-z]+$", kind=Either((WHOLE, LIMITS)), open_since=0),
        "volumes": Since(2, Items(Either((TEXT, LONG_VOLUME))), before=TEXTS_ONCE),
        "working_dir": TEXT,
    },
    extensions_since=7,
)

EXTERNAL = Keys({"name": TEXT}, types=("boolean", "mapping"))

NETWORK = Keys(
    {
        "name": Since(5, TEXT),
        "driver": TEXT,
        "driver_opts": OPTIONS,
        "ipam": Keys({"driver": TEXT, "config": Items(Keys({"subnet": TEXT}))}),
        "external": EXTERNAL,
        "internal": TRUTH,
        "attachable": Since(2, TRUTH),
        "labels": PAIRS,
    },
    extensions_since=7,
    types=("mapping", "null"),
)

_SEGMENTS = Items(Keys({"segments": PAIRS}, open_since=0))

CLUSTER_VOLUME = Keys(
    {
        "group": TEXT,
        "access_mode": Keys(
            {
                "scope": TEXT,
                "sharing": TEXT,
                "block_volume": Keys(open_since=0),
                "mount_volume": Keys({"fs_type": TEXT, "mount_flags": TEXTS}, open_since=0),
            },
            open_since=0,
        ),
        "accessibility_requirements": Keys({"requisite": _SEGMENTS, "preferred": _SEGMENTS}, open_since=0),
        "capacity_range": Keys({"required_bytes": TEXT, "limit_bytes": TEXT}, open_since=0),
        "availability": TEXT,
    },
    open_since=0,
)

VOLUME = Keys(
    {
        "name": Since(4, TEXT),
        "driver": TEXT,
        "driver_opts": OPTIONS,
        "external": EXTERNAL,
        "labels": PAIRS,
        "x-cluster-spec": Since(10, CLUSTER_VOLUME),
    },
    extensions_since=7,
    types=("mapping", "null"),
)

CONFIG = Keys(
    {
        "name": Since(5, TEXT),
        "file": TEXT,
        "external": Keys({"name": TEXT}, open_since=0, types=("boolean", "mapping")),
        "labels": PAIRS,
        "template_driver": Since(8, TEXT),
    },
    extensions_since=7,
)

SECRET = Keys(
    {**CONFIG.known, "driver": Since(8, TEXT), "driver_opts": Since(8, OPTIONS)},
    extensions_since=7,
)

FILE = Keys(
    {
        "version": TEXT,
        "services": Keys(names=NAME, kind=SERVICE),
        "networks": Keys(names=NAME, kind=NETWORK, open_since=0),  # Docker forgot to close this one
        "volumes": Keys(names=NAME, kind=VOLUME),
        "secrets": Since(1, Keys(names=NAME, kind=SECRET)),
        "configs": Since(3, Keys(names=NAME, kind=CONFIG)),
    },
    extensions_since=4,
)

# ── versions ─────────────────────────────────────────────────────────────────────────────────────────────────────


def version_of(document: Mapping) -> str:
    """The version a file declares; none, an empty one and a bare `3` mean the newest."""
    version = go_text(document["version"]) if "version" in document else ""
    return f"3.{NEWEST}" if version in ("", "3") else version


def minor_of(version: str) -> int:
    """`3.8` → 8. Raises StackError for a version that Docker does not know."""
    known = {f"3.{minor}": minor for minor in range(NEWEST + 1)}
    if version not in known:
        raise StackError(f"unsupported Compose file version: {version}")
    return known[version]
