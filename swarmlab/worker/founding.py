"""`docker swarm init`: what a machine becomes, and what it orders its manager to do.

With --force-new-cluster there is a swarm already, of which this machine's manager knows enough to go on alone.
Source: moby daemon/cluster/swarm.go (Init).
"""

from typing import Any, NamedTuple

from ..effects import Dice, Note, Tell
from ..events import SwarmJoined
from ..messages import Advertised, BeNode, FoundSwarm, InitAnswer, JoinGossip, RebuildSwarm, Reply, SwarmInit
from ..objects import Description
from ..trust import papers, signing, tokens
from .addresses import with_port, without_port


class Identity(NamedTuple):
    """Who this machine is in its swarm: what the certificate on its disk says."""

    node: str
    role: str
    member: str  # its name inside raft; '' for a worker
    managers: tuple  # (node id, machine, address)
    entered: bool  # a manager: raft has let it in
    address: str = ""  # the one it advertises


class Joining(NamedTuple):
    """A join that has not come to its end."""

    token: str
    remote: str
    address: str
    availability: str = "active"
    key: int = 0  # the seed of the key pair that it asks a certificate for
    root: bytes = b""  # the swarm's root certificate, once it has turned out to be the one that the token names


class Founding(NamedTuple):
    """A swarm init under way: who asked, what the machine will be, and the order to its manager."""

    call: int
    me: Identity
    order: FoundSwarm | RebuildSwarm
    key: int = 0  # the seed of the machine's own key pair


def new_swarm(
    call: int,
    request: SwarmInit,
    machine: str,
    address: str,
    description: Description,
    dice: Dice,
    key: int,
    now: int,
) -> Founding:
    """A swarm of which this machine is the first manager, under fresh names, and its own certificate authority."""
    node, member = tokens.node_id(dice), tokens.member_id(dice)
    me = Identity(node, "manager", member, ((node, machine, address),), entered=True, address=address)
    order = FoundSwarm(
        node=node,
        member=member,
        description=description,
        address=address,
        worker_secret=tokens.new_secret(dice),
        manager_secret=tokens.new_secret(dice),
        root=b"",
        root_key=papers.new_key(dice),
        csr=signing.request(key),
        options=request.options,
    )
    root = signing.new_root(order.root_key, signing.serial(order.root_key), now)
    return Founding(call, me, order._replace(root=root), key)


def same_swarm(call: int, request: SwarmInit, me: Identity, machine: str, address: str) -> Founding:
    """The swarm that there is, without its other managers."""
    alone = me._replace(managers=((me.node, machine, address),), address=address)
    return Founding(call, alone, RebuildSwarm(address, request.options))


def founded(founding: Founding, worker_token: str) -> list:
    """The manager has done it: wake the cores that work for the swarm, and answer."""
    me = founding.me
    _, _, address = me.managers[0]
    is_new = isinstance(founding.order, FoundSwarm)
    return [
        *([Note(SwarmJoined(me.node, me.role))] if is_new else []),
        Tell("mesh", Advertised(without_port(address))),
        Tell("agent", BeNode(me.node, me.managers)),
        *([Tell("gossip", JoinGossip(()))] if is_new else []),
        *answer(founding.call, InitAnswer(me.node, worker_token, with_port(address))),
    ]


def known_address(me: Identity) -> str:
    """Where the others reach this manager, '' if nobody said so."""
    return next((without_port(address) for node, _, address in me.managers if node == me.node), "")


def answer(call: int, value: Any = None, error: str | None = None) -> list:
    """The one reply to a call."""
    return [Tell("client", Reply(call, value, error))]
