"""What one node knows: its own containers and networks, and what gossip says of those of others.

What changes here is told to the others as rows of two tables [NetworkDB]. Source: moby `daemon/libnetwork/agent.go`.
"""

from collections.abc import Mapping
from typing import Any

from ..effects import Tell
from ..messages import (
    ENDPOINTS,
    PEERS,
    Advertised,
    Attach,
    Detach,
    Endpoint,
    EnterNetwork,
    Entry,
    Expose,
    NetworkKeys,
    NetworksHere,
    OverlayNetwork,
    Publish,
    QuitNetwork,
    TablesChanged,
    Withdraw,
)
from .forwarding import Forwarding
from .keyring import SUBSYSTEM
from .rows import bindings_of, peers_of
from .services import HOST, Services, published


class Tables:
    """The containers, networks, peers and services of one node."""

    def __init__(self, machine: str, address: str = "", persistence: int = 0):
        self.machine = machine
        self.vtep = address or machine  # what this node advertises: others send their frames there
        self.networks: dict[str, OverlayNetwork] = {}  # by id: those of the swarm that are used on this node
        self.numbers: dict[int, str] = {}  # VNI → network id
        self.local: dict[str, Endpoint] = {}  # by task or plain container: those of this machine
        self.here: dict[tuple[str, str], str] = {}  # (network id, address) → whose it is, on this machine
        self.gateways: dict[str, str] = {}  # by task: its address on docker_gwbridge, which no other machine knows
        self.exposed: dict[str, None] = {}  # which of them may be sent requests
        self.host_ports: dict[int, str] = {}  # port → task or plain container of this machine
        self.keys: dict[int, bytes] = {}  # of encrypted networks, by tag: previous, current, next
        self.version = 0  # counts changes: what was found in these tables holds until the next one
        self.forwarding = Forwarding()
        self.services = Services(persistence)

    def obey(self, message: Any) -> list:
        """Something has changed; see the protocol in `swarmlab.messages`."""
        self.version += 1
        match message:
            case TablesChanged(entries):
                return self._change(entries)
            case NetworkKeys(keys):
                ours = sorted((key for key in keys if key.subsystem == SUBSYSTEM), key=lambda key: key.time)
                self.keys = {key.time: key.value for key in ours}
            case Advertised(address):
                return self._advertise(address)
            case NetworksHere(networks):
                return self._know(networks)
            case Attach(endpoint):
                return self._attach(endpoint)
            case Expose(endpoint):
                return [*self._attach(endpoint), *self._expose(endpoint)]
            case Withdraw(task) if task in self.exposed:
                return self._withdraw(task)
            case Detach(task) if task in self.local:
                return self._detach(task)
        return []

    @property
    def key(self) -> int:
        """The tag of the key to send with; 0 as long as there are too few."""
        return list(self.keys)[1] if len(self.keys) > 1 else 0

    def outlet(self, endpoint: Endpoint) -> str:
        """Its address on a bridge of this machine: docker_gwbridge, or the one that a plain container is on."""
        if endpoint.way_out == "host":
            return self.vtep
        own = (address for network, _, address in endpoint.addresses if network not in self.networks)
        return next(own, self.gateways[endpoint.task])

    # ── networks ──

    def _advertise(self, address: str) -> list:
        """All frames for containers of this node go there, whether that reaches it or not."""
        if address == self.vtep:
            return []
        self.vtep = address
        return [effect for endpoint in self.local.values() for effect in self._say_peers(endpoint)]

    def _know(self, networks: tuple[OverlayNetwork, ...]) -> list:
        """Traffic on a network flows only where the node has it; its rows are forgotten with it."""
        before = self.networks
        self.networks = {network.id: network for network in networks}
        self.numbers = {network.vni: network.id for network in networks}
        effects: list = []
        for id in [id for id in before if id not in self.networks]:
            effects += [Tell("gossip", QuitNetwork(id)), *self._change(self._foreign(id))]
        for id in [id for id in self.networks if id not in before]:
            effects += [Tell("gossip", EnterNetwork(id)), *self._tell_again(id)]
        return effects

    def _foreign(self, id: str) -> tuple[Entry, ...]:
        """The end of all rows of other nodes in this network."""
        peers = [Entry(id, PEERS, task, "", None) for network, task in self.forwarding.rows if network == id]
        rows = [Entry(id, ENDPOINTS, task, "", None) for network, task in self.services.rows if network == id]
        return tuple(entry for entry in (*peers, *rows) if entry.key not in self.local)

    def _tell_again(self, id: str) -> list:
        """The rows of containers that were there before the network was known."""
        told = []
        for task in self.local:
            peer, row = self.forwarding.rows.get((id, task)), self.services.rows.get((id, task))
            told += [Tell("gossip", Publish(id, PEERS, task, peer))] if peer else []
            told += [Tell("gossip", Publish(id, ENDPOINTS, task, row))] if row else []
        return told

    # ── containers of this machine ──

    def _attach(self, endpoint: Endpoint) -> list:
        task, old = endpoint.task, self.local.get(endpoint.task)
        if old == endpoint:
            return []
        gone = self._detach(task) if old else []
        self.local[task] = endpoint
        for network, _, address in endpoint.addresses:
            self.here[network, address] = task
        self.gateways[task] = self._free_gateway()
        return [*gone, *self._say_peers(endpoint)]

    def _say_peers(self, endpoint: Endpoint) -> list:
        rows = dict(peers_of(endpoint))
        if self.vtep != self.machine:
            rows = {network: peer._replace(vtep=self.vtep) for network, peer in rows.items()}
        return self._say(PEERS, rows, endpoint.task)

    def _free_gateway(self) -> str:
        """The lowest address on docker_gwbridge that no container of this machine has; the first is its load balancer's."""
        taken = set(self.gateways.values())
        return next(address for n in range(3, 1 << 16) if (address := f"172.18.{n >> 8}.{n & 255}") not in taken)

    def _expose(self, endpoint: Endpoint) -> list:
        task = endpoint.task
        if task in self.exposed:
            return []
        self.exposed[task] = None
        for port in published(endpoint.ports, HOST):
            self.host_ports[port] = task
        return self._say(ENDPOINTS, {binding.network: binding for binding in bindings_of(endpoint)}, task)

    def _withdraw(self, task: str) -> list:
        """Docker sets the weight to 0, and deletes the row when the container is gone."""
        del self.exposed[task]
        for port in [port for port, holder in self.host_ports.items() if holder == task]:
            del self.host_ports[port]
        silent = {binding.network: binding._replace(enabled=False) for binding in bindings_of(self.local[task])}
        return self._say(ENDPOINTS, silent, task)

    def _detach(self, task: str) -> list:
        effects = self._withdraw(task) if task in self.exposed else []
        gone = self.local.pop(task)
        del self.gateways[task]
        for network, _, address in gone.addresses:
            if self.here.get((network, address)) == task:
                del self.here[network, address]
        networks = {network: None for network, _, _ in gone.addresses}
        return [*effects, *self._say(ENDPOINTS, networks, task), *self._say(PEERS, networks, task)]

    def _say(self, table: str, rows: Mapping[str, Any], task: str) -> list:
        """Rows of this node: known here at once, and told to the others where the network spans machines."""
        facts = self._change(tuple(Entry(network, table, task, self.machine, row) for network, row in rows.items()))
        shared = [(network, row) for network, row in rows.items() if network in self.networks]
        return [*facts, *(Tell("gossip", Publish(network, table, task, row)) for network, row in shared)]

    def _change(self, entries: tuple[Entry, ...]) -> list:
        effects: list = []
        for entry in entries:
            if entry.table == PEERS:
                self.forwarding.change(entry)
            elif entry.table == ENDPOINTS:
                effects += self.services.change(entry)
        return effects
