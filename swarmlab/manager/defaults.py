"""Two ways to say the same thing are one: what says nothing is left out of a service's spec before it is stored.

So it does not matter to an update by which client, or by which of its versions, a spec was written: what means the same
is the same, and replaces no task. Source: moby `daemon/cluster/convert`, swarmkit `api/defaults`.
"""

from collections.abc import Mapping
from typing import Any

from ..objects import ContainerSpec, ServiceSpec, UpdateConfig, replace


def settled(spec: ServiceSpec) -> ServiceSpec:
    """The spec without what says nothing."""
    task = replace(spec.task, container=_container(spec.task.container))
    return replace(spec, task=task, update=_monitored(spec.update), rollback=_monitored(spec.rollback))


def _monitored(config: UpdateConfig) -> UpdateConfig:
    """A time of zero to watch an update counts as not said."""
    return config if config.monitor else replace(config, monitor=UpdateConfig().monitor)


def _container(spec: ContainerSpec) -> ContainerSpec:
    options = {key: value for key, value in spec.options.items() if (key, value) != ("isolation", "default")}
    mounts = tuple(replace(mount, options=_said(mount.options)) if mount.options else mount for mount in spec.mounts)
    return replace(spec, options=_said(options), mounts=mounts)


def _said(options: Mapping[str, Any]) -> dict[str, Any]:
    """An `init` that is off was asked for all the same."""
    return {key: value for key, value in options.items() if value or (key == "init" and value is not None)}
