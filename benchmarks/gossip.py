"""Gossip alone: a thousand members that probe and tell each other, ten of which die. CPU time against simulated time.

`python -m benchmarks.gossip [members]` says how fast, and how long the failures took to be known.
"""

import sys
from time import process_time
from typing import Any, NamedTuple

from swarmlab.effects import Received
from swarmlab.messages import JoinGossip
from swarmlab.overlay.gossip import Gossip
from swarmlab.overlay.swim import ALIVE, FAILED
from swarmlab.overlay.wire import Member, PushPull
from swarmlab.sim.kernel import Kernel
from swarmlab.sim.machine import Machine
from swarmlab.sim.network import Network
from swarmlab.sim.trace import Trace

from .measure import Figure

PORTS = {"gossip": "7946/udp", "bulksync": "7946/tcp"}
MEMBERS, FAILURES = 1000, 10
WARM_UP, LIFE = 5, 60  # simulated seconds


class Live(NamedTuple):
    """What a run has shown."""

    times_real: float  # simulated seconds per CPU second
    events: int
    first: float  # seconds until the first member holds one of the dead for dead
    last: float  # until all members hold all of them for dead


class Company:
    """Machines that run gossip and nothing else, and know each other from the start."""

    def __init__(self, members: int, seed: int = 1):
        self.kernel = Kernel(seed)
        self.trace = Trace(self.kernel, False)
        self.network = Network(self.kernel, self.trace, PORTS)
        self.network.listeners = {"bulksync": "gossip"}
        self.machines = [self._machine(f"member-{number}") for number in range(members)]
        rows = tuple(Member(machine.name, 1, ALIVE) for machine in self.machines)
        for machine in self.machines:
            machine.tell("gossip", "person", JoinGossip(()))
            machine.arrive(("gossip", Received("person", PushPull(rows, (), True))))

    def _machine(self, name: str) -> Machine:
        machine = Machine(name, self.kernel, self.network, self.trace, self._boot, _nobody)
        self.network.connect(machine)
        machine.start()
        return machine

    def _boot(self, machine: Machine) -> dict[str, Any]:
        dice = self.kernel.stream(f"gossip/{machine.name}")
        return {"gossip": Gossip(machine.name, machine.disk("gossip"), dice)}

    def run_for(self, seconds: float) -> None:
        self.kernel.run(self.kernel.now + int(seconds * 1e6))

    def who_knows(self, dead: list[str]) -> list[int]:
        """How many members hold each of these for dead."""
        cores = [machine.seats["gossip"].core for machine in self.machines if machine.running]
        return [sum(core.members[name].state == FAILED for core in cores) for name in dead]


def _nobody(machine: Machine, core: str, message: Any) -> None:
    """There is no mesh here."""


def live(members: int = MEMBERS, failures: int = FAILURES) -> Live:
    """Let some die at once, and the others find out."""
    company = Company(members)
    company.run_for(WARM_UP)
    dead = [machine.name for machine in company.machines[-failures:]]
    for machine in company.machines[-failures:]:
        machine.crash()
    begun, events, start = company.kernel.now, company.kernel.scheduled, process_time()
    company.run_for(LIFE)
    spent = process_time() - start
    facts = [fact for fact in company.trace.records if type(fact.fact).__name__ == "PeerFailed"]
    assert company.who_knows(dead) == [members - failures] * failures, "some do not know of it"
    times = [(fact.time - begun) / 1e6 for fact in facts]
    return Live(LIFE / spent, company.kernel.scheduled - events, min(times), max(times))


def figures() -> list[Figure]:
    result = live()
    told = f"{result.events:,} events in {LIFE} s; dead after {result.first:.1f} … {result.last:.1f} s"
    return [Figure("1 000 members of SWIM, 10 die", result.times_real, "× real time", 20, 40, True, told)]


if __name__ == "__main__":
    print(live(*map(int, sys.argv[1:2])))
