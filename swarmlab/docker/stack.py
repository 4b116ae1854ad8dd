"""From a stack file to what a swarm is asked for: names with the stack's prefix, labels, specs.

A swarm knows no stacks. `docker stack deploy` turns a file into networks, secrets, configs and services which carry
the label `com.docker.stack.namespace`, and all of that happens in the client, here. Sources: Docker documentation,
`docker stack deploy` and Compose file reference v3; docker/cli `cli/compose/convert`.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..objects import ConfigSpec, NetworkSpec, SecretSpec, ServiceSpec, replace
from .compose import ComposeFile, load
from .images import image_fault
from .normal import read_file
from .stack_service import NAMESPACE, scoped, service_spec
from .yaml_dialect import StackError

__all__ = ["ComposeFile", "Stack", "StackError", "check_images", "convert", "load"]


class Stack(NamedTuple):
    """All that one deploy asks for, each kind sorted by name; Docker's client takes them in random order.

    External objects are only named: they must be there. Names of networks, secrets and configs stand where the engine
    wants ids; whoever deploys looks them up.
    """

    namespace: str
    networks: tuple[NetworkSpec, ...] = ()
    external_networks: tuple[str, ...] = ()
    secrets: tuple[SecretSpec, ...] = ()
    external_secrets: tuple[str, ...] = ()
    configs: tuple[ConfigSpec, ...] = ()
    external_configs: tuple[str, ...] = ()
    services: tuple[ServiceSpec, ...] = ()


def convert(compose: ComposeFile, namespace: str, read: Callable[[str], bytes]) -> Stack:
    """What `docker stack deploy` would ask the engine for; `read` gives the content of secrets and configs.

    Raises StackError with Docker's words. A deploy is no transaction: `StackError.done` is the part of the stack that
    Docker makes before it finds the fault.
    """
    check_images(compose)
    stack = _networks(compose, Stack(namespace))
    try:
        stack = replace(stack, secrets=_objects(compose.secrets, SecretSpec, namespace, read))
        stack = replace(stack, configs=_objects(compose.configs, ConfigSpec, namespace, read))
        services = [service_spec(name, compose.services[name], compose, namespace) for name in sorted(compose.services)]
    except StackError as error:
        raise StackError(error.text, done=stack) from None
    return replace(
        stack,
        services=tuple(services),
        external_secrets=_external(compose, "secrets"),
        external_configs=_external(compose, "configs"),
    )


def check_images(compose: ComposeFile) -> None:
    """Every service needs an image; said before anything else is done. Raises StackError."""
    for name, service in compose.services.items():
        fault = image_fault(service.get("image", ""))
        if fault:
            raise StackError(f"invalid image reference for service {name}: {fault}")


# ── networks ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _networks(compose: ComposeFile, stack: Stack) -> Stack:
    """The networks that some service joins; one that no service joins is not created."""
    used = sorted({name for service in compose.services.values() for name in service.get("networks") or ["default"]})
    own, external = [], []
    for name in used:
        entry = compose.networks.get(name) or {}  # an undeclared one is created, too, before the fault is noticed
        if entry.get("external"):
            external.append(entry["name"])
        else:
            own.append(_network(scoped(stack.namespace, name, entry), entry, stack.namespace))
    networks = tuple(sorted(own, key=lambda spec: spec.name))
    return replace(stack, networks=networks, external_networks=tuple(sorted(external)))


def _network(name: str, entry: Mapping, namespace: str) -> NetworkSpec:
    ipam = entry.get("ipam", {})
    return NetworkSpec(
        name,
        {**entry.get("labels", {}), NAMESPACE: namespace},
        driver=entry.get("driver") or "overlay",
        options=entry.get("driver_opts", {}),
        internal=entry.get("internal", False),
        attachable=entry.get("attachable", False),
        ipam_driver=ipam.get("driver") or "default",
        subnets=tuple((pool.get("subnet", ""), "", "") for pool in ipam.get("config", ())),
    )


# ── secrets and configs ──────────────────────────────────────────────────────────────────────────────────────────


def _objects(section: Mapping[str, Mapping], kind: Any, namespace: str, read: Callable[[str], bytes]) -> tuple:
    """Secrets or configs, with their content: all that the file declares, used or not."""
    specs = []
    for name in sorted(section):
        entry = section[name]
        if not entry.get("external"):
            data = b"" if entry.get("driver") else read_file(entry["file"], read)
            labels = {**entry.get("labels", {}), NAMESPACE: namespace}
            specs.append(kind(scoped(namespace, name, entry), labels, data, entry.get("template_driver", "")))
    return tuple(sorted(specs, key=lambda spec: spec.name))


def _external(compose: ComposeFile, section: str) -> tuple[str, ...]:
    """Names of those that must be there before: only what a service asks for is looked up."""
    declared = getattr(compose, section)
    used = {entry.get("source") for service in compose.services.values() for entry in service.get(section, ())}
    return tuple(sorted(declared[name]["name"] for name in declared if name in used and declared[name].get("external")))
