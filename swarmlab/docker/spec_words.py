"""An object of the swarm in the words of a stack file: `deploy.update_config.delay` → `2s`, one line per key.

Two specs laid beside each other this way show what a change changes, and which of it makes tasks start anew.
Source: Compose file reference v3; swarmkit `manager/orchestrator/task.go` (which fields an update replaces tasks for).
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ..objects import ConfigSpec, NetworkSpec, NodeSpec, Resources, SecretSpec, ServiceSpec, UpdateConfig
from .lists import without_digest
from .units import print_duration

OWN_LABELS = ("com.docker.stack.namespace", "com.docker.stack.image")

OPTIONS = {  # how the Engine API names what the engine stores as asked → the key of a stack file
    "capability_add": "cap_add",
    "capability_drop": "cap_drop",
    "dir": "working_dir",
    "dns_nameservers": "dns",
    "hosts": "extra_hosts",
    "open_stdin": "stdin_open",
}

UNTOUCHED = ("deploy.labels.", "deploy.replicas", "deploy.update_config.", "deploy.rollback_config.", "deploy.mode")
PLACEMENT = "deploy.placement."


class Difference(NamedTuple):
    """One key that is another now; '' for a side where it is not there."""

    path: str
    old: str
    new: str

    @property
    def effect(self) -> str:
        """What it does to tasks that run: `restart` · `placement` (only where a node fits no more) · `` for nothing."""
        if self.path.startswith(PLACEMENT):
            return "placement"
        return "" if self.path.startswith(UNTOUCHED) else "restart"


def differences(old: Any, new: Any) -> tuple[Difference, ...]:
    """What differs between two specs of one kind, key by key, in the order of the words."""
    before, after = words(old), words(new)
    keys = [*after, *(key for key in before if key not in after)]
    return tuple(
        Difference(key, before.get(key, ""), after.get(key, ""))
        for key in keys
        if before.get(key, "") != after.get(key, "")
    )


def words(spec: Any) -> dict[str, str]:
    """Key → value of everything that a stack file could say about this object; what is empty is left out."""
    match spec:
        case ServiceSpec():
            found = _service(spec)
        case NetworkSpec():
            found = _network(spec)
        case SecretSpec() | ConfigSpec():
            found = {"file": f"{len(spec.data)} bytes {_mark(spec.data)}", **_labels("labels", spec.labels)}
            found["template_driver"] = spec.template
        case NodeSpec():
            found = {"role": spec.role, "availability": spec.availability, **_labels("labels", spec.labels)}
        case _:
            found = {}
    return {key: value for key, value in found.items() if value}


def _mark(data: bytes) -> str:
    """A few letters that change with the content; the content itself is nobody's business."""
    from hashlib import sha256

    return sha256(data).hexdigest()[:8]


def _labels(path: str, labels: Mapping[str, Any]) -> dict[str, str]:
    return {f"{path}.{name}": str(labels[name]) or "''" for name in sorted(labels) if name not in OWN_LABELS}


def _network(spec: NetworkSpec) -> dict[str, str]:
    return {
        "driver": spec.driver,
        **_labels("driver_opts", spec.options),
        "internal": _yes(spec.internal),
        "attachable": _yes(spec.attachable),
        "ipam.config": ", ".join(subnet for subnet, _, _ in spec.subnets if subnet),
        **_labels("labels", spec.labels),
    }


def _yes(value: bool) -> str:
    return "true" if value else ""


def span(microseconds: int) -> str:
    """A duration as a stack file has it."""
    return print_duration(microseconds * 1000)


def size(number: int) -> str:
    """Bytes in the largest unit that leaves them whole: `64M`."""
    units = [(unit, 1024**power) for power, unit in ((3, "G"), (2, "M"), (1, "K"))]
    return next((f"{number // whole}{unit}" for unit, whole in units if number and number % whole == 0), str(number))


# ── services ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _service(spec: ServiceSpec) -> dict[str, str]:
    task, container = spec.task, spec.task.container
    return {
        "image": without_digest(container.image),
        "entrypoint": " ".join(container.command),
        "command": " ".join(container.args),
        "hostname": container.hostname,
        **_environment(container.env),
        **_labels("labels", container.labels),
        **_options(container.options),
        "volumes": ", ".join(
            f"{m.source}:{m.target}{':ro' if m.read_only else ''}".lstrip(":") for m in container.mounts
        ),
        **_healthcheck(container.healthcheck),
        "secrets": _files(container.secrets),
        "configs": _files(container.configs),
        "stop_signal": container.stop_signal,
        "stop_grace_period": span(container.stop_grace_period),
        "logging.driver": task.log_driver.name if task.log_driver else "",
        **_labels("logging.options", task.log_driver.options if task.log_driver else {}),
        **_networks(task.networks),
        "ports": ", ".join(map(_port, spec.endpoint.ports)),
        **_deploy(spec),
    }


def _environment(lines: Iterable[str]) -> dict[str, str]:
    pairs = (line.partition("=") for line in lines)
    return {f"environment.{name}": value or ("''" if equals else "(unset)") for name, equals, value in pairs}


def _options(options: Mapping[str, Any]) -> dict[str, str]:
    return {OPTIONS.get(name, name): _text(value) for name, value in options.items()}


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={_text(item)}" for key, item in sorted(value.items()))
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _healthcheck(check: Any) -> dict[str, str]:
    if check is None:
        return {}
    spans = ("interval", "timeout", "start_period", "start_interval")
    times = {f"healthcheck.{name}": span(value) for name in spans if (value := getattr(check, name))}
    return {"healthcheck.test": " ".join(check.test), **times, "healthcheck.retries": str(check.retries or "")}


def _files(references: Iterable[Any]) -> str:
    return ", ".join(f"{file.name} → {file.target}" for file in references)


def _networks(targets: Iterable[Any]) -> dict[str, str]:
    return {f"networks.{network.target}": ", ".join(network.aliases) or "joined" for network in targets}


def _port(port: Any) -> str:
    mode = "" if port.publish_mode == "ingress" else f" ({port.publish_mode})"
    published = f"{port.published_port}:" if port.published_port else ""
    return f"{published}{port.target_port}/{port.protocol}{mode}"


def _deploy(spec: ServiceSpec) -> dict[str, str]:
    placement, restart = spec.task.placement, spec.task.restart
    replicated = spec.mode.startswith("replicated")
    return {
        "deploy.mode": spec.mode,
        "deploy.replicas": str(spec.replicas) if replicated else "",
        **_labels("deploy.labels", spec.labels),
        "deploy.endpoint_mode": spec.endpoint.mode,
        **_resources("deploy.resources.limits", spec.task.limits),
        **_resources("deploy.resources.reservations", spec.task.reservations),
        "deploy.placement.constraints": ", ".join(placement.constraints),
        "deploy.placement.preferences": ", ".join(placement.preferences),
        "deploy.placement.max_replicas_per_node": str(placement.max_replicas or ""),
        "deploy.restart_policy.condition": restart.condition,
        "deploy.restart_policy.delay": span(restart.delay),
        "deploy.restart_policy.max_attempts": str(restart.max_attempts or ""),
        "deploy.restart_policy.window": span(restart.window) if restart.window else "",
        **_update("deploy.update_config", spec.update),
        **_update("deploy.rollback_config", spec.rollback),
        "(--force)": str(spec.task.force_update or ""),
    }


def _resources(path: str, resources: Resources) -> dict[str, str]:
    return {
        f"{path}.cpus": f"{resources.nano_cpus / 10**9:g}" if resources.nano_cpus else "",
        f"{path}.memory": size(resources.memory) if resources.memory else "",
        f"{path}.pids": str(resources.pids or ""),
        **{f"{path}.{kind}": str(number) for kind, number in sorted(resources.generic.items())},
    }


def _update(path: str, config: UpdateConfig) -> dict[str, str]:
    return {
        f"{path}.parallelism": str(config.parallelism),
        f"{path}.delay": span(config.delay),
        f"{path}.failure_action": config.failure_action,
        f"{path}.monitor": span(config.monitor),
        f"{path}.max_failure_ratio": f"{config.max_failure_ratio:g}",
        f"{path}.order": config.order,
    }
