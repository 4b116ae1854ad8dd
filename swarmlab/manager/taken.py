"""Numbers that are taken, by whom: addresses of a network, network identifiers, published ports.

They are handed out one after the other, so what was given back is not used again before the count has gone round.
Source: swarmkit `internal/idm`, `manager/allocator/portallocator.go`.
"""

from collections.abc import Iterable

from ..objects import PortConfig, Service, replace
from ..overlay import ipam

FIRST_PORT, LAST_PORT = 30000, 32767  # published ports that nobody chose


class Range:
    """Numbers of one kind that are taken, by whom, and the last one handed out."""

    def __init__(self, first: int, last: int) -> None:
        self.first, self.last = first, last
        self.used: dict[int, str] = {}
        self.previous = -1
        self.is_full = False  # the last search was in vain, and nothing was given back since

    def take(self, owner: str) -> int | None:
        """The next free number, now taken; None when there is none."""
        number = None if self.is_full else ipam.next_free(self.first, self.last, self.used, self.previous)
        self.is_full = number is None
        if number is not None:
            self.used[number], self.previous = owner, number
        return number

    def claim(self, number: int, owner: str) -> int | None:
        """This very number, now taken; None when somebody has it, or it is none of these."""
        if number in self.used or not self.first <= number <= self.last:
            return None
        self.used[number] = owner
        return number

    def hold(self, number: int, owner: str) -> None:
        """This number is taken."""
        self.used[number] = owner

    def give(self, number: int) -> None:
        """This number is free again."""
        self.used.pop(number, None)
        self.is_full = False


# ── published ports ──────────────────────────────────────────────────────────────────────────────────────────────────


class Ports:
    """Which service publishes which port, by protocol."""

    def __init__(self) -> None:
        self.ranges = {protocol: Range(FIRST_PORT, LAST_PORT) for protocol in ("tcp", "udp", "sctp")}
        self.held: dict[str, list[tuple[str, int]]] = {}  # by service

    def hold(self, service: str, ports: Iterable[PortConfig]) -> None:
        """The service publishes these in the routing mesh."""
        for port in ports:
            if _is_meshed(port):
                self.ranges[port.protocol].hold(port.published_port, service)
                self.held.setdefault(service, []).append((port.protocol, port.published_port))

    def release(self, service: str) -> None:
        """The service publishes nothing any more."""
        for protocol, number in self.held.pop(service, ()):
            self.ranges[protocol].give(number)

    def allocate(self, service: Service) -> tuple[PortConfig, ...] | None:
        """All ports with a number each; None when one of them is taken: then `restore`."""
        if _has_its_ports(service):
            return _with_host_ports_of_spec(service)
        self.release(service.id)
        return self._give(service.id, reconciled(service))

    def restore(self, service: Service) -> None:
        """It keeps what it had: something else that it needs cannot be had."""
        self.release(service.id)
        self.hold(service.id, service.ports)

    def _give(self, service: str, wanted: list[PortConfig]) -> tuple[PortConfig, ...] | None:
        """One after the other. A fixed port in the dynamic range blocks it there."""
        given: list[PortConfig] = []
        for port in wanted:
            if _is_meshed(port):
                numbers = self.ranges[port.protocol]
                if port.published_port in numbers.used:
                    return None
                number = port.published_port or numbers.take(service)
                if number is None:
                    return None
                port = replace(port, published_port=number)
                self.hold(service, [port])
            given.append(port)
        return tuple(given)


def reconciled(service: Service) -> list[PortConfig]:
    """What the service wants: a port without a number gets the one that it had before.

    With as many ports as before, those for the node itself and those with a number come first. Otherwise all of them
    are as in the spec, and get new numbers.
    """
    wanted = service.spec.endpoint.ports
    if len(wanted) != len(service.ports):
        return list(wanted)
    old = [port for port in service.ports if _is_meshed(port)]
    fixed = [port for port in wanted if not _is_meshed(port) or port.published_port]
    for port in filter(_is_meshed, fixed):
        _take_out(old, port)
    dynamic = [port for port in wanted if _is_meshed(port) and not port.published_port]
    return fixed + [_take_out(old, port) or port for port in dynamic]


def _has_its_ports(service: Service) -> bool:
    """Whether every port of the spec is among those that were allocated."""
    wanted, old = service.spec.endpoint.ports, [port for port in service.ports if _is_meshed(port)]
    if len(wanted) != len(service.ports):
        return False
    on_host = {port.target_port: None for port in service.ports if not _is_meshed(port)}
    meshed = sorted((port for port in wanted if _is_meshed(port)), key=lambda port: not port.published_port)
    return all(_take_out(old, port) for port in meshed) and all(
        port.target_port in on_host for port in wanted if not _is_meshed(port)
    )


def _with_host_ports_of_spec(service: Service) -> tuple[PortConfig, ...]:
    """As they are; if a port for the node itself has another number now, those stand last."""
    wanted = [port for port in service.spec.endpoint.ports if not _is_meshed(port)]
    old = [port for port in service.ports if not _is_meshed(port)]
    if all(_take_out(old, port) for port in wanted if port.published_port):
        return service.ports
    return (*(port for port in service.ports if _is_meshed(port)), *wanted)


def _take_out(ports: list[PortConfig], wanted: PortConfig) -> PortConfig | None:
    """The first of them that is the same port, with the wanted number if there is one; now out of the list."""
    for port in ports:
        if _key(port) == _key(wanted) and wanted.published_port in (0, port.published_port):
            ports.remove(port)
            return port
    return None


def _key(port: PortConfig) -> tuple:
    return port.name, port.protocol, port.target_port


def _is_meshed(port: PortConfig) -> bool:
    return port.publish_mode != "host"
