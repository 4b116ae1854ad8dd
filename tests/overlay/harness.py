"""A network of a few lines for the cores of the data plane: latency, loss, dead machines, blocked ports."""

import random
from collections import Counter
from heapq import heappop, heappush

from swarmlab.effects import MS, SECOND, STARTED, WOKEN, Disk, Note, Received, Save, Send, Tell, Told
from swarmlab.messages import Endpoint, NetworksHere, OverlayNetwork, PortConfig
from swarmlab.overlay.gossip import Gossip
from swarmlab.overlay.mesh import Mesh

INGRESS = OverlayNetwork("net-ingress", "ingress", "10.0.0.0/24", "10.0.0.1", 4096, "10.0.0.254", ingress=True)
FRONT = OverlayNetwork("net-front", "front", "10.0.1.0/24", "10.0.1.1", 4097, "10.0.1.254")
HEARS = {"gossip": "gossip", "bulksync": "gossip", "http": "mesh", "vxlan": "mesh"}


class Net:
    """Machines that run cores; every effect that the harness cannot carry out is kept in `facts` or `heard`."""

    def __init__(self, names=(), seed=1, loss=0.0, cores=None):
        self.seed, self.dice, self.loss, self.now, self.queue, self.turn = seed, random.Random(seed), loss, 0, [], 0
        self.make = cores or {"gossip": Gossip, "mesh": Mesh}
        self.disks, self.cores, self.down, self.blocked = {}, {}, {}, set()
        self.island = set()  # machines that are cut off from all others
        self.facts, self.heard, self.sent = [], [], Counter()
        for name in names:
            self.boot(name)

    def boot(self, name, make=None):
        disk, self.down[name] = Disk(self.disks.setdefault(name, {}), []), 0
        made = {}
        for core, new in (make or self.make).items():
            made[core] = new(name, disk, random.Random(f"{self.seed}/{name}/{core}"))
        self.cores[name] = made
        for core in self.cores[name]:
            self.step(name, core, STARTED)
        if "mesh" in made:
            self.tell(name, "mesh", NetworksHere((INGRESS, FRONT)))

    def crash(self, name):
        self.cores[name] = {}

    def freeze(self, name, until):
        self.down[name] = until

    def tell(self, name, core, message, sender="agent"):
        self.step(name, core, Told(sender, message))

    def step(self, name, core, event):
        if self.down[name] > self.now:
            self.at(self.down[name], name, core, event)
        elif core in self.cores[name]:
            target = self.cores[name][core]
            for effect in target.step(event, self.now):
                self.carry_out(name, core, effect)
            assert event is not WOKEN or target.deadline > self.now, "a core that was woken moves its deadline"
            if target.deadline < 1 << 61:
                self.at(max(target.deadline, self.now), name, core, WOKEN)

    def at(self, time, *what):
        self.turn += 1
        heappush(self.queue, (time, self.turn, *what))

    def carry_out(self, name, core, effect):
        match effect:
            case Note(fact):
                self.facts.append((self.now, name, fact))
            case Save(key, value):
                self.disks[name][key] = value
            case Tell(to, message) if to in self.cores[name]:
                self.step(name, to, Told(core, message))
            case Tell(to, message):
                self.heard.append((self.now, name, to, message))
            case Send(to, channel, message):
                self.sent[channel, type(message).__name__] += 1
                blocked = (name, channel) in self.blocked or (to, channel) in self.blocked
                blocked = blocked or (name in self.island) != (to in self.island)
                lost = blocked or self.dice.random() < self.loss
                if not lost and to in self.cores:
                    hears = "visitor" if "visitor" in self.cores[to] else HEARS[channel]
                    self.at(self.now + MS // 2 + self.dice.randrange(MS), to, hears, Received(name, message))

    def run(self, seconds):
        end = self.now + int(seconds * SECOND)
        while self.queue and self.queue[0][0] <= end:
            self.now, _, name, core, event = heappop(self.queue)
            stale = event is WOKEN and (core not in self.cores[name] or self.cores[name][core].deadline > self.now)
            if not stale:
                self.step(name, core, event)
        self.now = end

    def facts_of(self, kind):
        return [(time, name, fact) for time, name, fact in self.facts if isinstance(fact, kind)]


def endpoint(task, machine, *, name="web.1", ports=(), mode="vip", aliases=(), networks=None, octet=3):
    """A task of the service `web` on the network `front`, published where `ports` says so."""
    where = networks or (("net-ingress", "ingress", f"10.0.0.{octet}"), ("net-front", "front", f"10.0.1.{octet}"))
    service = name.partition(".")[0]
    last = "2" if service == "web" else str(octet + 100)
    shared = tuple((network, called, f"{address.rpartition('.')[0]}.{last}") for network, called, address in where)
    vips = () if mode == "dnsrr" else shared
    configs = tuple(port if isinstance(port, PortConfig) else PortConfig(80, port) for port in ports)
    return Endpoint(task, name, f"id-{service}", service, machine, where, vips, configs, aliases, mode)
