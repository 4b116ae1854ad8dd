"""The keys that a node keeps for each peer of an encrypted network, and how they move on when managers rotate them.

It receives with three keys, the previous, the current and the next one, and sends with the current. So nodes may
rotate at different instants: nothing is lost as long as nobody is more than one rotation behind. Source: moby
`daemon/libnetwork/drivers/overlay/encryption.go` (updateNodeKey), `daemon/libnetwork/agent.go` (which key is primary).
"""

from collections.abc import Iterable
from typing import NamedTuple

from ..objects import NetworkKey
from .esp import MARK, Association
from .vxlan import PORT

SUBSYSTEM = "networking:ipsec"
TOO_FEW = "no primary key found: {} keys, at least 2 are needed"


class Policy(NamedTuple):
    """Which packets the kernel encrypts, and with which association: those to this port that bear Docker's mark."""

    source: str
    target: str
    port: int
    mark: int
    spi: int


class Keyring(NamedTuple):
    """What the kernel of `here` holds for packets from and to `peer`."""

    here: str  # the nodes' addresses
    peer: str
    receive: tuple[Association, ...]  # previous, current, next
    send: Association  # the current one

    @property
    def policy(self) -> Policy:
        """The one rule: what goes to the peer is sent with the current key."""
        return Policy(self.here, self.peer, PORT, MARK, self.send.spi)


class Step(NamedTuple):
    """One thing that a rotation tells the kernel."""

    sign: str  # + or -
    what: str  # receive · send · policy
    spi: int


def keyring(here: str, peer: str, keys: Iterable[NetworkKey]) -> Keyring:
    """What these keys make: the second oldest is the one to send with. Keys of other subsystems are passed over."""
    ours = sorted((key for key in keys if key.subsystem == SUBSYSTEM), key=lambda key: key.time)
    if len(ours) < 2:
        raise ValueError(TOO_FEW.format(len(ours)))
    receive = tuple(Association(peer, here, key.time, key.value) for key in ours)
    return Keyring(here, peer, receive, Association(here, peer, ours[1].time, ours[1].value))


def rotate(ring: Keyring, keys: Iterable[NetworkKey]) -> tuple[Keyring, tuple[Step, ...]]:
    """The ring with new keys, and what changed, in the order in which Docker tells it the kernel."""
    new = keyring(ring.here, ring.peer, keys)
    steps = [Step("-", "receive", one.spi) for one in ring.receive if one not in new.receive]
    steps += [Step("+", "receive", one.spi) for one in new.receive if one not in ring.receive]
    if new.send != ring.send:
        steps += [Step("+", "send", new.send.spi), Step("+", "policy", new.send.spi)]
        steps += [Step("-", "policy", ring.send.spi), Step("-", "send", ring.send.spi)]
    return new, tuple(steps)


def accepts(ring: Keyring, association: Association) -> bool:
    """Whether what a peer sends with this is let in here."""
    return association in ring.receive
