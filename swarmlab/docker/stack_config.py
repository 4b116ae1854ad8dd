"""A loaded stack file printed as `docker stack config` prints it, byte for byte.

Docker fills its Go structures and writes them out as YAML: keys of a structure in the order of its fields, those of a
mapping by name, what is empty not at all. Sources: docker/cli `cli/compose/types/types.go` (order of the fields),
go.yaml.in/yaml `encode.go` (which texts get quotes); compared with docker 28.2.2.
"""

import re
from collections.abc import Mapping
from functools import cmp_to_key
from typing import Any

from .compose import ComposeFile
from .yaml_dialect import Timestamp, go_text, meaning

# ── structures: key → what stands there ──────────────────────────────────────────────────────────────────────────
# None is anything in the order it has; ZERO is printed even when it is nought, since it was given; a tuple is a
# structure that is left out when nothing in it is set, Given(tuple) one that stays as `{}`.


class Given(tuple):
    """A structure that is printed once somebody wrote it, though nothing be in it."""


ZERO = "zero"


def _fields(text: str, **kinds: Any) -> tuple:
    """Names in their order, as (name, kind)."""
    return tuple((name, kinds.get(name)) for name in text.split())


FILE_REFERENCE = _fields("source target uid gid mode", mode=ZERO)
UPDATE = Given(_fields("parallelism delay failure_action monitor max_failure_ratio order", parallelism=ZERO))
DISCRETE = Given(_fields("kind value", kind=ZERO, value=ZERO))

DEPLOY = _fields(
    "mode replicas labels update_config rollback_config resources restart_policy placement endpoint_mode",
    replicas=ZERO,
    update_config=UPDATE,
    rollback_config=UPDATE,
    resources=_fields(
        "limits reservations",
        limits=Given(_fields("cpus memory pids")),
        reservations=Given(
            _fields("cpus memory generic_resources", generic_resources=_fields("discrete_resource_spec"))
        ),
    ),
    restart_policy=Given(_fields("condition delay max_attempts window", delay=ZERO, max_attempts=ZERO, window=ZERO)),
    placement=_fields("constraints preferences max_replicas_per_node"),
)

TIMES = ("timeout", "interval", "retries", "start_period", "start_interval")

SERVICE = _fields(
    "build cap_add cap_drop cgroupns_mode cgroup_parent command configs container_name credential_spec depends_on "
    "deploy devices dns dns_search domainname entrypoint environment env_file expose external_links extra_hosts "
    "hostname healthcheck image init ipc isolation labels links logging mac_address network_mode networks pid ports "
    "privileged read_only restart secrets security_opt shm_size stdin_open stop_grace_period stop_signal sysctls tmpfs "
    "tty ulimits user oom_score_adj userns_mode volumes working_dir",
    build=_fields("context dockerfile args labels cache_from extra_hosts network target"),
    configs=FILE_REFERENCE,
    credential_spec=_fields("config file registry"),
    deploy=DEPLOY,
    healthcheck=Given(_fields(f"test {' '.join(TIMES)} disable", **dict.fromkeys(TIMES, ZERO))),
    init=ZERO,
    logging=Given(_fields("driver options")),
    ports=_fields("mode target published protocol"),
    secrets=FILE_REFERENCE,
    stop_grace_period=ZERO,
    volumes=_fields(
        "type source target read_only consistency bind volume image tmpfs cluster",
        bind=Given(_fields("propagation")),
        volume=Given(_fields("nocopy subpath")),
        tmpfs=Given(_fields("size")),
    ),
)

IPAM = _fields("driver config")
SEGMENTS = Given(_fields("segments"))
CLUSTER_VOLUME = Given(
    _fields(
        "group access_mode accessibility_requirements capacity_range secrets availability",
        access_mode=Given(
            _fields(
                "scope sharing mount_volume block_volume",
                mount_volume=Given(_fields("fs_type mount_flags")),
                block_volume=Given(),
            )
        ),
        accessibility_requirements=Given(_fields("requisite preferred", requisite=SEGMENTS, preferred=SEGMENTS)),
        capacity_range=Given(_fields("required_bytes limit_bytes")),
        secrets=_fields("key secret"),
    )
)
FILE_OBJECT = _fields("name file external labels *x driver driver_opts template_driver")

SECTIONS = {
    "networks": _fields("name driver driver_opts ipam external internal attachable labels *x", ipam=IPAM),
    "volumes": (*_fields("name driver driver_opts external labels *x"), ("x-cluster-spec", CLUSTER_VOLUME)),
    "secrets": FILE_OBJECT,
    "configs": FILE_OBJECT,
}

EMPTY: tuple[Any, ...] = ("", 0, False, "0s", {}, [], None)
NAMED_STRUCTURES = ("networks", "ulimits")  # mappings of a service whose values are structures of their own
NETWORK = Given(_fields("aliases driver_opts ipv4_address ipv6_address"))
LIMITS = Given(_fields("soft hard"))


def _by_name(mapping: Mapping) -> dict:
    return {key: mapping[key] for key in sorted(mapping, key=cmp_to_key(_compare))}


def _compare(one: str, other: str) -> int:
    """Go's order of keys: numbers by value, other signs before letters, but after a digit letters come first."""
    for place, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            after_digit = place > 0 and one[place - 1].isdigit()
            if a.isalpha() or b.isalpha():
                return (a > b) - (a < b) if a.isalpha() and b.isalpha() else 1 if a.isalpha() != after_digit else -1
            numbers = [int("0" + _DIGITS.match(text, place)[0]) for text in (one, other)]  # type: ignore[index]
            return (numbers[0] > numbers[1]) - (numbers[0] < numbers[1]) or (a > b) - (a < b)
    return len(one) - len(other)


_DIGITS = re.compile(r"\d*", re.ASCII)


def _structure(value: Mapping, kind: tuple) -> dict:
    """What is set, in the order of the fields; extensions last, or where the star stands."""
    found: dict[str, Any] = {}
    extra = _by_name({key: item for key, item in value.items() if key.startswith("x-") and key != "x-cluster-spec"})
    for name, part in kind:
        if name == "*x":
            found |= extra
        elif name in value:
            item = _value(value[name], part, name)
            if part == ZERO or item not in EMPTY or (isinstance(part, Given) and item is not None):
                found[name] = item
    return found | extra


def _value(value: Any, kind: Any, name: str) -> Any:
    if isinstance(value, Mapping):
        if name in NAMED_STRUCTURES:
            inner = NETWORK if name == "networks" else LIMITS
            return {key: _value(item, inner, "") for key, item in _by_name(value).items()}
        return _structure(value, kind) if isinstance(kind, tuple) else _plain(value)
    if isinstance(value, list) and isinstance(kind, tuple):
        return [_structure(item, kind) for item in value]
    return _plain(value)


def _plain(value: Any) -> Any:
    """Data without a structure: mappings by name, all the way down."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in _by_name(value).items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def config_of(compose: ComposeFile) -> dict[str, Any]:
    """The file as plain data, in the order in which it is printed."""
    services = {name: _structure(service, SERVICE) for name, service in _by_name(compose.services).items()}
    found: dict[str, Any] = {"version": compose.version, "services": services}
    for section, kind in SECTIONS.items():
        if entries := getattr(compose, section):
            found[section] = {name: _structure(entry, kind) for name, entry in _by_name(entries).items()}
    return found | _plain(compose.extensions)


# ── as text ──────────────────────────────────────────────────────────────────────────────────────────────────────

OLD_BOOLEANS = frozenset("y Y yes Yes YES on On ON n N no No NO off Off OFF".split())
_BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?", re.ASCII)


def print_config(compose: ComposeFile) -> str:
    """What `docker stack config` prints."""
    import yaml  # at first use: `import swarmlab` stays light

    class Writer(yaml.SafeDumper):
        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
            """Go indents the items of a list; PyYAML would not."""
            super().increase_indent(flow, False)

        def resolve(self, kind: Any, value: Any, implicit: Any) -> str:
            """No scalar gets a tag: `_node` has decided which ones need quotes."""
            return {yaml.ScalarNode: TAG, yaml.SequenceNode: f"{TAG}seq", yaml.MappingNode: f"{TAG}map"}[kind]

    return yaml.serialize(
        _node(config_of(compose), yaml), Dumper=Writer, indent=2, width=float("inf"), allow_unicode=True
    )


TAG = "tag:yaml.org,2002:"


def _node(value: Any, yaml: Any) -> Any:
    if isinstance(value, Mapping):
        pairs = [(_node(key, yaml), _node(item, yaml)) for key, item in value.items()]
        return yaml.MappingNode(f"{TAG}map", pairs, flow_style=not pairs)
    if isinstance(value, list):
        return yaml.SequenceNode(f"{TAG}seq", [_node(item, yaml) for item in value], flow_style=not value)
    if isinstance(value, str) and not isinstance(value, Timestamp):
        return yaml.ScalarNode(TAG, value, style=_style(value))
    return yaml.ScalarNode(TAG, "null" if value is None else go_text(value))


def _style(text: str) -> str | None:
    """Quotes where the text would otherwise mean something else, now or to an older reader."""
    if "\n" in text:
        return "|"
    other = not isinstance(meaning(text), str) or isinstance(meaning(text), Timestamp)
    return '"' if other or text in OLD_BOOLEANS or _BASE_60.fullmatch(text) or text == "<<" else None
