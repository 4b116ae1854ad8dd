"""Plain containers come to overlays and go, among crashes, partitions and machines that leave the swarm.

When the storm is over the managers hold one address for each container that runs on an overlay, and no other.
"""

from random import Random

import pytest
import storms

from swarmlab import Cluster
from swarmlab.check.rest_laws import unrest
from swarmlab.objects import RUNNING
from swarmlab.worker.attaching import Attaching

BOXES = ("box1", "box2", "box3")


class Storm(storms.Storm):
    """People run containers on all machines."""

    def __init__(self, seed: int):
        dice = Random(seed)
        managers = dice.choice([1, 3])
        raft = storms.settings_of_raft(dice)
        swarm = Cluster(managers=managers, workers=2, seed=seed, messages=False, raft=raft)
        swarm.docker("network create -d overlay --attachable att")
        swarm.docker("network create -d overlay --attachable --subnet 10.99.0.0/29 tiny")
        swarm.docker("service create -d --name web --network att --replicas 2 nginx")
        super().__init__(dice, swarm)

    def act(self) -> None:
        name, chance = self.dice.choice(self.names), self.dice.random()
        box, network = self.dice.choice(BOXES), self.dice.choice(["att", "tiny"])
        limit = self.dice.choice([0.2, 3, 30])
        if chance < 0.15:
            self.crash_or_restart(name, (None, 0, 1, 2, 3, 5))
        elif chance < 0.25:
            self.weather(name)
        elif chance < 0.30:
            self.docker("swarm leave --force", self.names[-1])
        elif chance < 0.35:
            self.join(self.names[-1])
        elif chance < 0.60:
            policy = self.dice.choice(["", "--restart always"])
            self.docker(f"run -d --name {box} --network {network} {policy} nginx", name, limit)
        elif chance < 0.70:
            self.docker(f"network connect {network} {box}", name, limit)
        elif chance < 0.80:
            self.docker(f"network disconnect {network} {box}", name, limit)
        else:
            self.docker(f"{self.dice.choice(['stop -t 0', 'start', 'restart -t 0', 'rm -f'])} {box}", name, limit)

    def join(self, name: str) -> None:
        token = self.docker("swarm join-token -q worker", self.names[0])
        if token:
            self.docker(f"swarm join --token {token} {self.swarm.computers[self.names[0]].address}:2377", name)

    def held(self) -> list[tuple]:
        store = self.core(self.swarm.leader, "manager").store
        return sorted(
            (task.spec.attachment, task.networks[0].network, task.networks[0].address)
            for task in store.all("task")
            if task.spec.attachment and task.state == RUNNING and store.get("node", task.node).state == "ready"
        )

    def used(self) -> list[tuple]:
        """What the containers that run have on overlays."""
        found = []
        for name in filter(lambda one: self.swarm.machines[one].running, self.names):
            kept = self.core(name, "engine").containers.kept
            running = [(key, mine) for key, mine in kept.items() if mine.running]
            found += [
                (key, one.network, f"{one.address}/{one.mask}")
                for key, mine in running
                for one in mine.networks
                if one.swarm and one.address
            ]
        return sorted(found)

    def lacking(self) -> list[str]:
        """Containers that run without an address on a network with room, on machines that never left the swarm."""
        running = [name for name in self.names[:-1] if self.swarm.machines[name].running]
        kept = [mine for name in running for mine in self.core(name, "engine").containers.kept.values() if mine.running]
        return [mine.name for mine in kept for one in mine.networks if one.name == "att" and not one.address]


def blow(seed: int) -> Storm:
    storm = Storm(seed)
    storm.blow(30)
    storm.mend()
    assert storm.swarm.run_until(lambda c: c.leader is not None, limit=60)
    storm.swarm.run_for(60)
    return storm


@pytest.mark.parametrize("seed", range(10))
def test_after_a_storm_the_managers_hold_what_is_used_and_nothing_else(seed: int) -> None:
    storm = blow(seed)
    assert storm.held() == storm.used() and unrest(storm.swarm) == []
    assert storm.lacking() == []
    for name in filter(lambda one: storm.swarm.machines[one].running, storm.names):
        attaching = storm.core(name, "engine").containers.attaching
        assert not attaching.leaving and all(ask.network == "tiny" for ask in attaching.asks.values())


def give_nothing_back(monkeypatch) -> None:
    monkeypatch.setattr(Attaching, "leave", lambda self, tasks, now: [])


def ask_once(monkeypatch) -> None:
    monkeypatch.setattr(Attaching, "wake", lambda self, now: (setattr(self, "again_at", 1 << 62), ([], []))[1])


@pytest.mark.parametrize("bug", [give_nothing_back, ask_once])
def test_a_planted_bug_is_found(monkeypatch, bug) -> None:
    bug(monkeypatch)
    with pytest.raises(AssertionError):
        for seed in range(10):
            test_after_a_storm_the_managers_hold_what_is_used_and_nothing_else(seed)
