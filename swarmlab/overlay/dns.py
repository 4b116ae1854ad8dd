"""From a name to addresses: a service's virtual IP, or the tasks themselves.

Source: moby `daemon/libnetwork/resolver.go`, `sandbox.go`, `service_common.go`; Docker documentation, "Networking with
overlay networks" and "Configure service discovery". The resolver of each container is 127.0.0.11.
"""

from collections.abc import Iterable, Iterator

from ..messages import Binding
from .ipam import number


def answers(asked: str, bindings: Iterable[Binding]) -> tuple[str, ...]:
    """The addresses behind a name in one network, from the rows of all tasks there that have this name; () if none.

    Docker shuffles several addresses anew for every query; here they keep the order of the tasks.
    """
    tasks = sorted(bindings, key=rank)
    return tuple(dict.fromkeys(_answer(asked, task) for task in tasks))


def is_address(name: str) -> bool:
    """Whether it is an address already, and stands for itself."""
    try:
        return number(name) >= 0
    except ValueError:
        return False


def readings(name: str) -> Iterator[tuple[str, str]]:
    """`web.front` is the name `web.front` anywhere, or else `web` in the network `front`."""
    name = name.lower().rstrip(".")
    yield name, ""
    cut = name.rfind(".")
    while cut > 0:
        yield name[:cut], name[cut + 1 :]
        cut = name.rfind(".", 0, cut)


def rank(binding: Binding) -> tuple:
    """The order of tasks that all nodes agree on: web.2 comes before web.10."""
    return len(binding.name), binding.name, binding.task


def names(binding: Binding) -> tuple[str, ...]:
    """Every name that leads to this task in its network."""
    found = [own_name(binding)]
    for name in service_names(binding):
        found += [name, f"tasks.{name}"]
    return tuple(dict.fromkeys(found))


def own_name(binding: Binding) -> str:
    """The name of the task's container: web.1.<task id>."""
    return f"{binding.name}.{binding.task}".lower()


def service_names(binding: Binding) -> tuple[str, ...]:
    """The name of the task's service and its aliases in this network."""
    aliases = (alias.lower() for alias in binding.aliases)
    return (*((binding.service_name.lower(),) if binding.service_name else ()), *aliases)


def _answer(asked: str, binding: Binding) -> str:
    """What this one task, which has the name, contributes to the answer."""
    if asked in service_names(binding) and binding.mode == "vip":
        return binding.virtual_ip or binding.address
    return binding.address
