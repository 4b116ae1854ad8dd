"""What the tests of gossip share: rows, cores alone, clusters of cores, and whoever reads the rows."""

import random

from harness import FRONT, Net

from swarmlab.effects import NEVER, SECOND, STARTED, Disk, Received, Send, Tell, Told
from swarmlab.messages import (
    PEERS,
    EnterNetwork,
    Entry,
    JoinGossip,
    NetworksHere,
    Peer,
    Publish,
    QuitNetwork,
    TablesChanged,
)
from swarmlab.overlay.gossip import Gossip
from swarmlab.overlay.swim import ALIVE
from swarmlab.overlay.wire import Attachment, BulkSync, Member, PushPull, Record


class Reader:
    """In place of the mesh: writes down the rows it is told of."""

    deadline = NEVER

    def __init__(self, machine, disk, dice):
        self.machine, self.rows, self.networks = machine, {}, ()

    def step(self, event, now):
        match event:
            case Told("gossip", TablesChanged(entries)):
                for entry in entries:
                    self._write(entry)
            case Told(_, NetworksHere(networks)):
                old, self.networks = self.networks, tuple(network.id for network in networks)
                return [
                    *(Tell("gossip", QuitNetwork(network)) for network in old if network not in self.networks),
                    *(Tell("gossip", EnterNetwork(network)) for network in self.networks if network not in old),
                ]
            case Told(_, Publish() as row):
                self._write(Entry(row.network, row.table, row.key, self.machine, row.value))
                return [Tell("gossip", row)]
        return []

    def _write(self, entry):
        self.rows.pop(entry[:3], None)
        if entry.value:
            self.rows[entry[:3]] = entry


def row(task, machine, here=True):
    """A row of the network `front`, or the deletion of it."""
    value = Peer(f"10.0.1.{len(task)}", "02:42:0a:00:01:03", machine, machine) if here else None
    return Publish(FRONT.id, PEERS, task, value)


def record(task, owner, time, here=True):
    said = row(task, owner, here)
    return Record(said[:3], owner, time, said.value)


def key(task):
    return row(task, "")[:3]


def cluster(size, seed=1, loss=0.0, settle=10):
    """All nodes join by way of the first one, 100 ms apart."""
    net = Net([f"n{number}" for number in range(size)], seed, cores={"gossip": Gossip, "mesh": Reader})
    net.loss = loss
    for name in net.cores:
        net.tell(name, "gossip", JoinGossip(() if name == "n0" else ("n0",)))
        net.run(0.1)
    net.run(settle)
    return net


def living(net, name):
    return sorted(net.cores[name]["gossip"].others)


def all_know_all(net, names=None):
    names = sorted(names or net.cores)
    return all(living(net, name) == [other for other in names if other != name] for name in names)


def tasks(net, name):
    """The tasks of whose rows the mesh of this node knows."""
    return sorted(task for _, _, task in net.cores[name]["mesh"].rows)


def carried(net, name, network=FRONT.id):
    """The tasks of which this node has a record, be it a tombstone."""
    return sorted(task for _, _, task in net.cores[name]["gossip"].rows(network))


def seconds_until(net, condition, limit=60):
    start = net.now
    while not condition() and net.now - start < limit * SECOND:
        net.run(0.1)
    assert condition(), f"not within {limit} s"
    return (net.now - start) / SECOND


# ── one core, without a network ──


def alone(*members, networks=()):
    """One core that takes part, is on these networks, and knows these members, which are on them, too."""
    core = Gossip("me", Disk({"peers": ("a",)}, []), random.Random(1))
    core.step(STARTED, 0)
    attachments = tuple(Attachment(network, name, 1, True) for network in networks for name in members)
    core.step(Received("a", PushPull(tuple(Member(name, 1, ALIVE) for name in members), attachments, True)), 1)
    for network in networks:
        core.step(Told("mesh", EnterNetwork(network)), 1)
        for name in members:
            core.step(Received(name, BulkSync((network,), ((),), (), True)), 1)
    core.membership.queue.clear()
    return core


def sync(*records, left=(), answer=True):
    """A bulk sync of the network `front`."""
    return BulkSync((FRONT.id,), (records,), left, answer)


def queued(core):
    """The rumours that this core has still to tell, of members, attachments and rows of `front`."""
    queues = [core.membership.queue]
    here = core.tables.here.get(FRONT.id)
    queues += [here.own, here.relayed] if here else []
    return [rumour for queue in queues for rumour in queue.rumours()]


def told_mesh(effects):
    return [entry for effect in effects if isinstance(effect, Tell) for entry in effect.message.entries]


def sends(effects, kind=object):
    return [effect for effect in effects if isinstance(effect, Send) and isinstance(effect.message, kind)]
