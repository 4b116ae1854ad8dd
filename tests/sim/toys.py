"""Toy cores and a small rack, to test machines and networks without any Docker."""

from typing import NamedTuple

from swarmlab.effects import NEVER, Append, Note, Received, Save, Send, Started, Tell, Told, Woken
from swarmlab.events import BecameFollower
from swarmlab.sim.kernel import Kernel
from swarmlab.sim.machine import Machine
from swarmlab.sim.network import Network
from swarmlab.sim.trace import Trace

PORTS = {"toy": "1000/udp", "other": "2000/tcp"}


class Ping(NamedTuple):
    number: int


class Toy:
    """Does what it is told to do: a message is a list of effects, or a number to be remembered."""

    def __init__(self, disk):
        self.deadline = NEVER
        self.heard = []
        self.saved, self.log = dict(disk.values), list(disk.log)

    def step(self, event, now):
        match event:
            case Started():
                return []
            case Woken():
                self.heard.append((now, "woken"))
                self.deadline = NEVER
                return []
            case Told(_, ("wake", time)):
                self.deadline = time
                return []
            case Told(_, ("do", effects)) | Received(_, ("do", effects)):
                return list(effects)
            case Told(sender, message) | Received(sender, message):
                self.heard.append((now, sender, message))
                return []


class Rack:
    """Machines a, b, c … with cores `toy` and `other`."""

    def __init__(self, names="abc", seed=1, messages=True):
        self.kernel = Kernel(seed)
        self.trace = Trace(self.kernel, messages)
        self.network = Network(self.kernel, self.trace, PORTS)
        self.outside = []
        self.machines = {}
        for name in names:
            self.machines[name] = Machine(name, self.kernel, self.network, self.trace, self.boot, self.hear)
            self.network.connect(self.machines[name], f"10.0.0.{ord(name)}")
            self.machines[name].start()

    def boot(self, machine):
        return {"toy": Toy(machine.disk("toy")), "other": Toy(machine.disk("other"))}

    def hear(self, machine, core, message):
        self.outside.append((machine.name, core, message))

    def do(self, name, *effects, core="toy"):
        self.machines[name].tell(core, "test", ("do", effects))

    def core(self, name, core="toy"):
        return self.machines[name].seats[core].core

    def heard(self, name, core="toy"):
        return self.core(name, core).heard

    def run(self, duration=10_000):
        self.kernel.run(self.kernel.now + duration)


__all__ = ["Append", "BecameFollower", "Note", "Ping", "Rack", "Save", "Send", "Tell"]
