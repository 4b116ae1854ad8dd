"""`--pretty`: nodes, services, secrets and configs for people to read, blank by blank as Docker lays them out.

Source: docs.docker.com, `docker service inspect --pretty`, `docker node inspect --pretty`; layout as recorded from
Docker 28.2.2.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from ..objects import Config, Node, Resources, Secret, Service, ServiceSpec, TaskSpec, TlsInfo, UpdateConfig
from .api_json import tls_info
from .api_specs import container_spec, mode
from .api_types import encode
from .dates import spoken
from .tables import ago, size
from .units import print_duration


def node(object: Node) -> str:
    """A node, with its part in the group of managers and the certificate that it trusts."""
    return "\n".join(
        [
            f"ID:\t\t\t{object.id}",
            *_labels(object.spec.labels),
            f"Hostname:              \t{object.hostname}",
            f"Joined at:             \t{_date(object.created_at)}",
            "Status:",
            f" State:\t\t\t{object.state.capitalize()}",
            *([f" Message:              \t{object.message.capitalize()}"] if object.message else []),
            f" Availability:         \t{object.spec.availability.capitalize()}",
            *([f" Address:\t\t{object.address}"] if object.address else []),
            *_manager(object),
            *_machine(object),
            *_trust(object.tls),
        ]
    )


def _labels(labels: Mapping[str, str], head: str = "Labels:") -> list[str]:
    """Docker's words for a mapping: `name=value`, or the name alone."""
    lines = [f" - {name}={labels[name]}" if labels[name] else f" - {name}" for name in sorted(labels)]
    return [head, *lines] if lines else []


def _date(at: int) -> str:
    return spoken(at).capitalize()  # Docker writes all texts of this view with one capital letter, dates too


def _manager(object: Node) -> list[str]:
    status = object.manager_status
    if not status:
        return []
    return [
        "Manager Status:",
        f" Address:\t\t{status.address}",
        f" Raft Status:\t\t{status.reachability.capitalize()}",
        f" Leader:\t\t{'Yes' if status.leader else 'No'}",
    ]


def _machine(object: Node) -> list[str]:
    described = object.description
    if not described:
        return []
    plugins = (
        ("Log", described.log_drivers),
        ("Network", described.network_drivers),
        ("Volume", described.volume_drivers),
    )
    return [
        "Platform:",
        f" Operating System:\t{described.os}",
        f" Architecture:\t\t{described.architecture}",
        "Resources:",
        f" CPUs:\t\t\t{described.nano_cpus // 10**9}",
        f" Memory:\t\t{size(described.memory)}",
        "Plugins:",
        *(f" {type}:\t\t{', '.join(names)}" for type, names in plugins),
        f"Engine Version:\t\t{described.engine_version}",
        *_labels(described.engine_labels, "Engine Labels:"),
    ]


def _trust(tls: TlsInfo | None) -> list[str]:
    trust = tls_info(tls)
    if not trust:
        return []
    return [
        "TLS Info:",
        " TrustRoot:",
        trust["TrustRoot"],
        f" Issuer Subject:\t{encode('bytes', trust['CertIssuerSubject'])}",
        f" Issuer Public Key:\t{encode('bytes', trust['CertIssuerPublicKey'])}",
    ]


# ── secrets and configs ──────────────────────────────────────────────────────────────────────────────────────────


def secret(object: Secret) -> str:
    labels = _labels(object.spec.labels)
    lines = [f"ID:              {object.id}", f"Name:              {object.spec.name}", *labels, "Driver:            "]
    return "\n".join(
        [*lines, f"Created at:        {_date(object.created_at)}", f"Updated at:        {_date(object.updated_at)}"]
    )


def config(object: Config) -> str:
    lines = [
        f"ID:\t\t\t{object.id}",
        f"Name:\t\t\t{object.spec.name}",
        *_labels(object.spec.labels),
        f"Created at:            \t{_date(object.created_at)}",
        f"Updated at:            \t{_date(object.updated_at)}",
        "Data:",
        object.spec.data.decode("utf-8", "replace"),
    ]
    return "\n".join(lines)


# ── services ─────────────────────────────────────────────────────────────────────────────────────────────────────


def service(object: Service, networks: Mapping[str, str], now: int) -> str:
    """A service; `networks` are names by id."""
    spec = object.spec
    lines = [
        "",
        f"ID:\t\t{object.id}",
        f"Name:\t\t{spec.name}",
        *_service_labels(spec.labels),
        *_mode(spec),
        *_update_status(object.update_status, now),
        *_placement(spec.task),
        *_update("Update", spec.update),
        *_update("Rollback", spec.rollback),
        *_container(container_spec(spec.task.container)),
        *_log_driver(spec.task),
        *_resources(spec.task),
    ]
    names = [networks.get(one.target, one.target) for one in spec.task.networks]
    return "\n".join(lines) + _networks(names) + _endpoint(object) + "\n"


def _service_labels(labels: Mapping[str, str]) -> list[str]:
    lines = [f" {name}={labels[name]}" if labels[name] else f" {name}" for name in sorted(labels)]
    return ["Labels:", *lines] if lines else []


def _mode(spec: ServiceSpec) -> list[str]:
    """Jobs have no word here: Docker's layout is older than they are."""
    [(kind, how)] = mode(spec).items()
    word = f"\t{kind}" if kind in ("Global", "Replicated") else ""
    return [f"Service Mode:{word}", *([f" Replicas:\t{how['Replicas']}"] if kind == "Replicated" else [])]


def _update_status(status: tuple | None, now: int) -> list[str]:
    if not status:
        return []
    state, message, started, completed = status
    lines = ["UpdateStatus:", f" State:\t\t{state}", f" Started:\t{ago(now - started)} ago"]
    if state == "completed" and completed:
        lines.append(f" Completed:\t{ago(now - completed)} ago")
    return [*lines, f" Message:\t{message}"]


def _placement(task: TaskSpec) -> list[str]:
    wishes, lines = task.placement, ["Placement:"]
    if wishes.constraints:
        lines.append(f" Constraints:\t{_list(wishes.constraints)}")
    if wishes.preferences:
        lines.append(f" Preferences:   {_list(f'spread={wish}' for wish in wishes.preferences)}")
    if wishes.max_replicas:
        lines.append(f" Max Replicas Per Node:   {wishes.max_replicas}")
    return lines


def _list(words: Iterable[str]) -> str:
    return f"[{' '.join(words)}]"


def _update(word: str, asked: UpdateConfig) -> list[str]:
    return [
        f"{word}Config:",
        f" Parallelism:\t{asked.parallelism}",
        *([f" Delay:\t\t{_span(asked.delay)}"] if asked.delay else []),
        f" On failure:\t{asked.failure_action}",
        *([f" Monitoring Period: {_span(asked.monitor)}"] if asked.monitor else []),
        f" Max failure ratio: {asked.max_failure_ratio:g}",
        f" {f'{word} order:':<18} {asked.order}",
    ]


def _span(duration: int) -> str:
    return print_duration(duration * 1000)


def _container(spec: Mapping[str, Any]) -> list[str]:
    """What runs; the rest of the layout begins a new line for each part that is there."""
    lines = ["ContainerSpec:", f" Image:\t\t{spec['Image']}"]
    lines += [f" {name}:\t\t{''.join(f'{word} ' for word in spec[name])}" for name in ("Args", "Env") if spec[name]]
    lines += [f" Dir:\t\t{spec['Dir']}"] if spec["Dir"] else []
    lines += [f" Init:\t\t{str(spec['Init']).lower()}"] if spec["Init"] is not None else []
    lines += [f" User: {spec['User']}"] if spec["User"] else []
    return [*lines, *_rights(spec), *_files(spec)]


def _rights(spec: Mapping[str, Any]) -> list[str]:
    words = {name: spec[f"Capability{name}"] for name in ("Add", "Drop") if spec[f"Capability{name}"]}
    lines = ["Capabilities:", *(f" {name}: {', '.join(words[name])}" for name in words)] if words else []
    settings = spec["Sysctls"] or {}
    lines += ["SysCtls:", *(f" {name}: {settings[name]}" for name in sorted(settings))] if settings else []
    limits = sorted((one["Name"], one["Soft"], one["Hard"]) for one in spec["Ulimits"])
    return lines + (["Ulimits:", *(f" {name}: {soft}:{hard}" for name, soft, hard in limits)] if limits else [])


def _files(spec: Mapping[str, Any]) -> list[str]:
    lines = ["Mounts:"] if spec["Mounts"] else []
    for mount in spec["Mounts"]:
        lines += [f" Target:\t{mount['Target']}", f"  Source:\t{mount['Source']}"]
        lines += [f"  ReadOnly:\t{str(mount['ReadOnly']).lower()}", f"  Type:\t\t{mount['Type']}"]
    for kind in ("Config", "Secret"):
        files = spec[f"{kind}s"]
        lines += [f"{kind}s:"] if files else []
        for file in files:
            lines += [f" Target:\t{file['File']['Name']}", f"  Source:\t{file[f'{kind}Name']}"]
    return lines


def _log_driver(task: TaskSpec) -> list[str]:
    log = task.log_driver
    if not log:
        return []
    lines = ["Log Driver:", *([f" Name:\t\t{log.name}"] if log.name else [])]
    lines += [" LogOpts:"] if log.options else []
    lines += [f"  {name}{f':       {value}' if value else ''}" for name, value in sorted(log.options.items())]
    return [*lines, ""]


def _resources(task: TaskSpec) -> list[str]:
    lines = ["Resources:", *_amounts("Reservations", task.reservations), *_amounts("Limits", task.limits)]
    return [*lines, *([f"  PIDs:\t\t{task.limits.pids}"] if task.limits.pids > 0 else [])]


def _amounts(head: str, asked: Resources) -> list[str]:
    if not (asked.nano_cpus or asked.memory or (asked.pids and head == "Limits")):
        return []
    lines = [f" {head}:"]
    lines += [f"  CPU:\t\t{asked.nano_cpus / 1e9:g}"] if asked.nano_cpus else []
    return lines + ([f"  Memory:\t{size(asked.memory)}"] if asked.memory else [])


def _networks(names: list[str]) -> str:
    return "\nNetworks:" + "".join(f" {name}" for name in names) + " " if names else ""


def _endpoint(object: Service) -> str:
    text = f"\nEndpoint Mode:\t{object.spec.endpoint.mode}"
    ports = [
        f"\n PublishedPort = {port.published_port}\n  Protocol = {port.protocol}\n  TargetPort = {port.target_port}"
        f"\n  PublishMode = {port.publish_mode}"
        for port in object.ports
    ]
    text += "\nPorts:" + "".join(ports) + " " if ports else ""
    return text + _healthcheck(object.spec.task)


def _healthcheck(task: TaskSpec) -> str:
    check = task.container.healthcheck
    if not check:
        return ""
    times = (check.interval, check.start_period, check.timeout)
    interval, start, timeout = (_span(time) for time in times)
    lines = f"\n Healthcheck:\n  Interval = {interval}\n  Retries = {check.retries}\n  StartPeriod =\t{start}\n  Timeout =\t{timeout}"
    tests = "".join(f"\n\t Test = {word}" for word in check.test)
    return lines + (f"\n  Tests:{tests} " if tests else "")
