"""Where a frame goes: what one node knows of who has which address in its overlay networks, and behind which node.

For each address one entry is programmed into the kernel: a neighbour (address → MAC) and a line of the forwarding
database (MAC → VTEP). Source: moby `daemon/libnetwork/drivers/overlay/peerdb.go`; networking.md §1.2.
"""

from typing import NamedTuple

from ..messages import Entry, Peer


class Line(NamedTuple):
    """One entry of a node's peer database, for a reader."""

    network: str  # id
    address: str
    mac: str
    vtep: str
    machine: str
    task: str  # id
    active: bool  # the one that is programmed; the others wait for its end


class Forwarding:
    """The peer databases of all networks of one node."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], Peer] = {}  # (network id, task) → its row
        self.addresses: dict[tuple[str, str], dict[str, Peer]] = {}  # (network id, address) → by task, oldest first

    def change(self, entry: Entry) -> None:
        """A row is new, other than before, or gone."""
        place = entry.network, entry.key
        old, new = self.rows.get(place), entry.value if type(entry.value) is Peer else None
        if old == new:
            return
        if old:
            self._remove(place, old)
        if new:
            self.rows[place] = new
            self.addresses.setdefault((entry.network, new.address), {})[entry.key] = new

    def _remove(self, place: tuple[str, str], old: Peer) -> None:
        del self.rows[place]
        network, task = place
        here = self.addresses[network, old.address]
        del here[task]
        if not here:
            del self.addresses[network, old.address]

    def route(self, network: str, address: str) -> Peer | None:
        """What is programmed for this address.

        Where two rows have one address, for an instant during a move, the first one holds. When that is deleted, the
        survivor is programmed in its place [peerdb.go: "transient condition"].
        """
        found = self.addresses.get((network, address))
        return next(iter(found.values())) if found else None

    def lines(self, network: str) -> tuple[Line, ...]:
        """All that is known of one network, in the order of the addresses' arrival."""
        places = [(address, found) for (id, address), found in self.addresses.items() if id == network]
        return tuple(
            Line(network, address, peer.mac, peer.vtep, peer.machine, task, n == 0)
            for address, found in places
            for n, (task, peer) in enumerate(found.items())
        )

    def references(self, network: str) -> dict[tuple[str, str], int]:
        """How often each line of the forwarding database, MAC → VTEP, is needed: it goes when nobody needs it."""
        counts: dict[tuple[str, str], int] = {}
        for line in self.lines(network):
            if line.active:
                counts[line.mac, line.vtep] = counts.get((line.mac, line.vtep), 0) + 1
        return counts
