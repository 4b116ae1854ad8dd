"""A small swarm to which one thing after the other happens, drawn from a seed, with the laws watched after every event."""

from abc import ABC, abstractmethod
from random import Random

from swarmlab import Cluster
from swarmlab.check import Laws
from swarmlab.raft import SWARMKIT
from swarmlab.world import OUTSIDE


def settings_of_raft(dice):
    """Snapshots that hardly ever, often or all the time take the place of the log."""
    often = dice.choice([8, 30, 10_000])  # entries between two snapshots
    return SWARMKIT._replace(snapshot_every=often, keep=dice.choice([0, 5, 500]))


class Storm(ABC):
    """`act` says what happens next; the pauses between are of every length."""

    PAUSES: tuple = (0.001, 0.01, 0.1, 0.3, 1, 3, 8, 20)

    def __init__(self, dice: Random, swarm: Cluster):
        self.dice, self.swarm = dice, swarm
        self.laws = Laws(swarm)
        self.names = [name for name in swarm.machines if name not in OUTSIDE]

    @abstractmethod
    def act(self) -> None:
        """What happens next."""

    def blow(self, acts: int) -> None:
        for _ in range(acts):
            self.act()
            self.laws.look()
            self.swarm.run_for(self.dice.choice(self.PAUSES))

    def docker(self, command: str, machine: str, limit: float = 3) -> str:
        return self.swarm.docker(command, machine, limit=limit).stdout.strip()

    def core(self, machine: str, name: str):
        return self.swarm.machines[machine].seats[name].core

    def crash_or_restart(self, name: str, moments: tuple) -> None:
        if self.swarm.machines[name].running:
            self.swarm.crash(name, midway=self.dice.choice(moments))
        else:
            self.swarm.restart(name)

    def weather(self, name: str) -> None:
        some = set(self.dice.sample(self.names, self.dice.randint(1, len(self.names) - 1)))
        other = self.dice.choice([one for one in self.names if one != name])
        kind = self.dice.randrange(4)
        if kind == 0:
            self.swarm.partition(some, set(self.names) - some)
        elif kind == 1:
            self.swarm.heal()
        elif kind == 2:
            self.swarm.link(name, other, loss=self.dice.random() / 2, duplicate=0.1, reorder=0.2)
        elif self.swarm.machines[name].running:
            self.swarm.freeze(name, self.dice.random() * 8)

    def mend(self) -> None:
        """Every link is good and every machine runs."""
        self.swarm.heal()
        for name in self.names:
            for other in self.names:
                if name < other:
                    self.swarm.link(name, other, latency=0.0002, jitter=0.0006, loss=0, duplicate=0, reorder=0)
            self.start(name)

    def start(self, name: str) -> None:
        if not self.swarm.machines[name].running:
            self.swarm.restart(name)
