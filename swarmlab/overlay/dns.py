"""From a name to addresses: a service's virtual IP, or the tasks themselves.

Source: moby `daemon/libnetwork/resolver.go`, `sandbox.go`, `service_common.go`; Docker documentation, "Networking with
overlay networks" and "Configure service discovery". The resolver of each container is 127.0.0.11.
"""

from collections.abc import Iterable, Iterator

from ..messages import Endpoint
from .ipam import number


def resolve(name: str, asker_networks: Iterable[str], endpoints: Iterable[Endpoint]) -> tuple[str, ...]:
    """The addresses behind a name, as a container on these networks (ids, in their order) sees them; () if unknown.

    Names are looked up only in networks that the asker shares, and the first network that knows one answers alone.
    Upper and lower case are the same.
    """
    if is_address(name):
        return (name,)
    networks, tasks = tuple(asker_networks), sorted(endpoints, key=rank)
    for asked, network_name in readings(name):
        for network in networks:
            found = [address for task in tasks for address in _answers(asked, network_name, network, task)]
            if found:
                # Docker shuffles several addresses anew for every query; here they keep the order of the tasks.
                return tuple(dict.fromkeys(found))
    return ()


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


def rank(endpoint: Endpoint) -> tuple:
    """The order of tasks that all nodes agree on: web.2 comes before web.10."""
    return len(endpoint.name), endpoint.name, endpoint.task


def names(endpoint: Endpoint) -> tuple[str, ...]:
    """Every name that leads to this task in one of its networks."""
    found = [own_name(endpoint)]
    for network, _, _ in endpoint.addresses:
        for name in service_names(endpoint, network):
            found += [name, f"tasks.{name}"]
    return tuple(dict.fromkeys(found))


def own_name(endpoint: Endpoint) -> str:
    """The name of the task's container: web.1.<task id>."""
    return f"{endpoint.name}.{endpoint.task}".lower()


def service_names(endpoint: Endpoint, network: str) -> tuple[str, ...]:
    """The name of the task's service and its aliases in this network."""
    aliases = (alias.lower() for where, alias in endpoint.aliases if where == network)
    return (*((endpoint.service_name.lower(),) if endpoint.service_name else ()), *aliases)


def _answers(asked: str, network_name: str, network: str, endpoint: Endpoint) -> list[str]:
    """What this one task contributes to the answer in this network."""
    own = [a for where, called, a in endpoint.addresses if where == network and network_name in ("", called.lower())]
    if not own:
        return []
    shared = service_names(endpoint, network)
    if asked in shared and endpoint.mode == "vip":
        return [address for where, _, address in endpoint.virtual_ips if where == network] or own
    if asked in shared or asked == own_name(endpoint) or asked.removeprefix("tasks.") in shared:
        return own
    return []
