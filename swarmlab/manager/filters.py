"""The filters that a node has to pass, in order, and the sentence that says how many did not.

Source: Docker documentation, "Control service placement"; swarmkit `manager/scheduler/filter.go`, `pipeline.go`.
"""

# Simpler than in reality (docs/simplifications.md): csi

from collections.abc import Callable
from typing import Any, NamedTuple

from ..objects import ApiError, Task
from .constraints import Constraint, actual, first_broken, match, parse
from .places import Place, host_ports
from .store import Store


class Wish(NamedTuple):
    """A task of the group that is being placed, and what of it was worked out once for all nodes."""

    task: Task
    counts: dict[int, int]  # active tasks of its service by node number
    constraints: tuple[Constraint, ...] = ()
    ports: tuple = ()
    drivers: tuple[str, ...] = ()  # of its networks


def wish_for(task: Task, store: Store, counts: dict[int, int]) -> Wish:
    """What the tasks of a group ask for; they are alike, so one stands for all."""
    ids = [attachment.network for attachment in task.networks] + [target.target for target in task.spec.networks]
    networks = (store.get("network", id) for id in ids)
    drivers = dict.fromkeys(network.spec.driver for network in networks if network)
    return Wish(task, counts, _constraints(task), host_ports(task), tuple(drivers))


def _constraints(task: Task) -> tuple[Constraint, ...]:
    try:
        return parse(task.spec.placement.constraints)
    except ApiError:
        return ()  # refused when the service was created; what came in all the same does not count


class Filter(NamedTuple):
    """One condition: when it applies, when a place passes, how to say that places did not, and what decided."""

    name: str
    applies: Callable[[Wish], Any]
    passes: Callable[[Wish, Place], bool]
    explain: Callable[[int], str]
    look: Callable[[Wish, Place], tuple[str, str]]  # (what is wanted, what the node has)
    wears: bool = False  # tasks that were just placed can turn it


def _nodes(n: int) -> str:
    return "1 node" if n == 1 else f"{n} nodes"


# ── ready ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _always(wish: Wish) -> bool:
    return True


def _is_ready(wish: Wish, place: Place) -> bool:
    return place.available


def _explain_ready(n: int) -> str:
    return f"{_nodes(n)} not available for new tasks"


def _look_at_state(wish: Wish, place: Place) -> tuple[str, str]:
    return "ready, active", f"{place.node.state}, {place.node.spec.availability}"


# ── resources ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _reserves(wish: Wish) -> bool:
    asked = wish.task.spec.reservations
    return bool(asked.nano_cpus or asked.memory or asked.generic)


def _has_room(wish: Wish, place: Place) -> bool:
    asked, has = wish.task.spec.reservations, place.node.description
    if has is None:
        return False
    if asked.nano_cpus > has.nano_cpus - place.nano_cpus or asked.memory > has.memory - place.memory:
        return False
    return all(_has_generic(place, kind, amount) for kind, amount in asked.generic.items())


def _has_generic(place: Place, kind: str, amount: int) -> bool:
    left = place.left(kind)
    number = left if isinstance(left, int) else len(left)
    return 0 < number >= amount  # a kind that is used up is as good as absent, even for a task that wants 0 of it


def _explain_room(n: int) -> str:
    return f"insufficient resources on {_nodes(n)}"


def _look_at_room(wish: Wish, place: Place) -> tuple[str, str]:
    """The first resource that is short; if none is, all that were asked for."""
    asked, has = wish.task.spec.reservations, place.node.description
    if has is None:
        return "resources", "unknown"
    rows = []
    if asked.nano_cpus:
        short = asked.nano_cpus > has.nano_cpus - place.nano_cpus
        rows.append((short, _cpus(asked.nano_cpus), _cpus(has.nano_cpus - place.nano_cpus)))
    if asked.memory:
        short = asked.memory > has.memory - place.memory
        rows.append((short, _memory(asked.memory), _memory(has.memory - place.memory)))
    for kind, amount in asked.generic.items():
        left = place.left(kind)
        number = left if isinstance(left, int) else len(left)
        rows.append((not _has_generic(place, kind, amount), f"{amount} {kind}", f"{number} {kind}"))
    shown = [row for row in rows if row[0]][:1] or rows
    return ", ".join(row[1] for row in shown), ", ".join(row[2] for row in shown) + " left"


def _cpus(nano: int) -> str:
    return f"{nano / 10**9:g} CPU"


def _memory(size: int) -> str:
    return f"{size / 2**20:g} MiB"


# ── plugins ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _volume_drivers(wish: Wish) -> list[str]:
    drivers = [mount.options.get("driver", "") for mount in wish.task.spec.container.mounts if mount.type == "volume"]
    return [driver for driver in drivers if driver not in ("", "local")]


def _log_driver(wish: Wish) -> str:
    driver = wish.task.spec.log_driver
    return driver.name if driver and driver.name != "none" else ""


def _needs_plugin(wish: Wish) -> bool:
    return bool(wish.drivers or wish.task.spec.log_driver or _volume_drivers(wish))


def _has_plugins(wish: Wish, place: Place) -> bool:
    return _missing_plugin(wish, place) is None


def _missing_plugin(wish: Wish, place: Place) -> tuple[str, str] | None:
    """The first plugin that the node lacks, as (type, name). A node without a description has no engine: it passes."""
    has = place.node.description
    if has is None:
        return None
    for driver in _volume_drivers(wish):
        if not _is_among(driver, has.volume_drivers):
            return "volume", driver
    for driver in wish.drivers:
        if not _is_among(driver, has.network_drivers):
            return "network", driver
    log = _log_driver(wish)
    if log and has.log_drivers and not _is_among(log, has.log_drivers):  # old daemons do not report any
        return "log", log
    return None


def _is_among(name: str, plugins: tuple[str, ...]) -> bool:
    return name in plugins or f"{name}:latest" in plugins


def _explain_plugin(n: int) -> str:
    return f"missing plugin on {_nodes(n)}"


def _look_at_plugins(wish: Wish, place: Place) -> tuple[str, str]:
    missing = _missing_plugin(wish, place)
    if missing:
        return f"{missing[0]} driver {missing[1]}", "missing"
    wanted = dict.fromkeys([*_volume_drivers(wish), *wish.drivers, *filter(None, [_log_driver(wish)])])
    return ", ".join(wanted), "installed"


# ── constraints ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _has_constraints(wish: Wish) -> bool:
    return bool(wish.constraints)


def _meets_constraints(wish: Wish, place: Place) -> bool:
    return match(wish.constraints, place.node)


def _explain_constraints(n: int) -> str:
    return f"scheduling constraints not satisfied on {_nodes(n)}"


def _look_at_constraints(wish: Wish, place: Place) -> tuple[str, str]:
    broken = first_broken(wish.constraints, place.node)
    shown = [broken] if broken else wish.constraints
    values = (actual(one.key, place.node) for one in shown)
    texts = ["no such key" if value is None else value or "(none)" for value in values]
    return ", ".join(one.key + one.operator + one.value for one in shown), ", ".join(texts)


# ── platforms ────────────────────────────────────────────────────────────────────────────────────────────────────────

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def _has_platforms(wish: Wish) -> bool:
    return bool(wish.task.spec.placement.platforms)


def _is_on_platform(wish: Wish, place: Place) -> bool:
    has = place.node.description
    if has is None:
        return False
    mine = _normal(has.architecture)
    return any(
        os in ("", has.os) and (not architecture or _normal(architecture) == mine)
        for os, architecture in wish.task.spec.placement.platforms
    )


def _normal(architecture: str) -> str:
    return ARCHITECTURES.get(architecture, architecture)


def _explain_platform(n: int) -> str:
    return f"unsupported platform on {_nodes(n)}"


def _look_at_platform(wish: Wish, place: Place) -> tuple[str, str]:
    has = place.node.description
    wanted = ", ".join(f"{os or '*'}/{_normal(arch) or '*'}" for os, arch in wish.task.spec.placement.platforms)
    return wanted, f"{has.os}/{_normal(has.architecture)}" if has else "unknown"


# ── host ports, replicas, cluster volumes ────────────────────────────────────────────────────────────────────────────


def _publishes_on_host(wish: Wish) -> bool:
    return bool(wish.ports)


def _has_ports_free(wish: Wish, place: Place) -> bool:
    return not any(place.ports.get(port) for port in wish.ports)


def _explain_ports(n: int) -> str:
    return f"host-mode port already in use on {_nodes(n)}"


def _look_at_ports(wish: Wish, place: Place) -> tuple[str, str]:
    used = [port for port in wish.ports if place.ports.get(port)][:1]
    return ", ".join(f"{number}/{protocol}" for protocol, number in used or wish.ports), "in use" if used else "free"


def _is_limited(wish: Wish) -> bool:
    return wish.task.spec.placement.max_replicas > 0


def _is_below_limit(wish: Wish, place: Place) -> bool:
    return wish.counts.get(place.number, 0) < wish.task.spec.placement.max_replicas


def _explain_limit(n: int) -> str:
    return "max replicas per node limit exceed"


def _look_at_limit(wish: Wish, place: Place) -> tuple[str, str]:
    return f"at most {wish.task.spec.placement.max_replicas}", f"{wish.counts.get(place.number, 0)} there"


def _cluster_volumes(wish: Wish) -> list[str]:
    return [mount.source for mount in wish.task.spec.container.mounts if mount.type == "cluster"]


def _has_volumes(wish: Wish, place: Place) -> bool:
    return False  # there are no cluster volumes (CSI) here, so no node has one


def _explain_volumes(n: int) -> str:
    return f"cannot fulfill requested CSI volume mounts on {_nodes(n)}"


def _look_at_volumes(wish: Wish, place: Place) -> tuple[str, str]:
    return ", ".join(_cluster_volumes(wish)), "missing"


PIPELINE = (  # in this order; the first that a node does not pass counts
    Filter("ready", _always, _is_ready, _explain_ready, _look_at_state),
    Filter("resource", _reserves, _has_room, _explain_room, _look_at_room, wears=True),
    Filter("plugin", _needs_plugin, _has_plugins, _explain_plugin, _look_at_plugins),
    Filter("constraint", _has_constraints, _meets_constraints, _explain_constraints, _look_at_constraints),
    Filter("platform", _has_platforms, _is_on_platform, _explain_platform, _look_at_platform),
    Filter("host port", _publishes_on_host, _has_ports_free, _explain_ports, _look_at_ports, wears=True),
    Filter("max replicas", _is_limited, _is_below_limit, _explain_limit, _look_at_limit, wears=True),
    Filter("volumes", _cluster_volumes, _has_volumes, _explain_volumes, _look_at_volumes),
)


class Pipeline:
    """The filters that apply to one wish, and how many places each turned down since one passed them all."""

    def __init__(self, wish: Wish):
        self.wish = wish
        self.filters = [filter for filter in PIPELINE if filter.applies(wish)]
        self.refusals = [0] * len(self.filters)

    def passes(self, place: Place) -> bool:
        """Does the place pass all filters? A pass forgets the refusals before it."""
        for i, filter in enumerate(self.filters):
            if not filter.passes(self.wish, place):
                self.refusals[i] += 1
                return False
        self.refusals = [0] * len(self.filters)
        return True

    @property
    def counts(self) -> tuple[tuple[str, int], ...]:
        """How many places each filter turned down, in the order of the pipeline; those that did not are left out."""
        return tuple((f.name, count) for f, count in zip(self.filters, self.refusals, strict=True) if count)

    def explanation(self) -> str:
        """Why nothing fits, most frequent reason first: `insufficient resources on 2 nodes; 1 node not available …`."""
        rows = [(count, filter) for filter, count in zip(self.filters, self.refusals, strict=True) if count]
        rows.sort(key=lambda row: -row[0])
        return "; ".join(filter.explain(count) for count, filter in rows)
