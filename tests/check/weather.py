"""Bad weather: random crashes, freezes, partitions and poor links, drawn from a seed."""

from itertools import combinations
from random import Random

from swarmlab.check import Laws
from swarmlab.effects import Propose
from swarmlab.group import RaftGroup
from swarmlab.raft.core import PAPER
from swarmlab.world import OUTSIDE

FAST = PAPER._replace(heartbeat=50)


class Weather:
    """Does something to a world now and then, and lets the laws watch."""

    def __init__(self, world, seed):
        self.world, self.dice, self.laws = world, Random(seed), Laws(world)
        self.names = [name for name in world.machines if name not in OUTSIDE]

    def turn(self):
        """One thing happens to one machine, or nothing."""
        dice, world, name = self.dice, self.world, self.dice.choice(self.names)
        running, chance = world.machines[name].running, self.dice.random()
        if chance < 0.15 and running:
            world.crash(name)
        elif chance < 0.40 and not running:
            world.restart(name)
        elif chance < 0.48:
            some = dice.sample(self.names, dice.randint(1, len(self.names) - 1))
            rest = [n for n in self.names if n not in some]
            world.partition(set(some), set(rest), one_way=dice.random() < 0.3)
        elif chance < 0.60:
            world.heal()
        elif chance < 0.66 and running:
            world.freeze(name, dice.random())
        elif chance < 0.72:
            other = dice.choice([n for n in self.names if n != name])
            world.link(name, other, loss=dice.random() / 2, duplicate=0.1, reorder=0.1)
        elif chance < 0.80 and running:
            world.crash(name, midway=dice.randrange(12))

    def storm(self, turns, pause, work=lambda: None):
        """So many turns, with `work` in between, and the laws after every event."""
        for _ in range(turns):
            self.turn()
            work()
            self.laws.look()
            self.world.run_for(self.dice.random() * 2 * pause)

    def clear_up(self):
        """The storm is over: everything runs and every link is good."""
        for name in self.names:
            if not self.world.machines[name].running or self.world.machines[name].tear >= 0:
                self.world.restart(name)
        self.world.heal()
        for one in self.names:
            for other in self.names:
                if one < other:
                    self.world.link(one, other, latency=0.0002, jitter=0.0006, loss=0, duplicate=0, reorder=0)
        self.laws.look()


def storm_over_raft(seed, members=5, turns=25):
    """A group of members that is written to in bad weather. Returns the weather, after it cleared up and calmed down."""
    rough = seed % 2  # every second storm: late, doubled and overtaken messages, one entry each, written in bursts
    group = RaftGroup(members, FAST._replace(max_entries=1 if rough else 64), seed=seed, messages=False)
    weather, key = Weather(group, seed), 0
    if rough:
        for one, other in combinations(weather.names, 2):
            group.link(one, other, latency=0.001, jitter=0.03, reorder=0.2, duplicate=0.2, loss=0.05)

    def write():
        nonlocal key
        for _ in range(4 if rough else 1):
            for name in weather.names:
                machine = group.machines[name]
                if machine.running and not machine.hindered and machine.seats["raft"].core.role == "leader":
                    key += 1
                    machine.tell("raft", "test", Propose(key, f"value {key}"))
            group.run_for(weather.dice.random() * 0.01 if rough else 0)

    weather.storm(turns, 0.1 if rough else 0.25, write)
    weather.clear_up()
    group.run_for(3)
    return weather


def leaders(world):
    rafts = {name: machine.seats["raft"].core for name, machine in world.machines.items() if "raft" in machine.seats}
    return [name for name, core in rafts.items() if core.role == "leader"]
