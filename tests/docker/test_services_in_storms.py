"""Services, networks and nodes created, changed and removed at random, among crashes, partitions and lost leaders.

The laws are watched after every event. When the storm is over, and services whose tasks end by themselves are gone, the
swarm comes to rest: what `swarmlab.check.rest_laws` says of such a swarm must hold.
"""

from random import Random

import pytest
import storms

from swarmlab import Cluster
from swarmlab.check.rest_laws import unrest
from swarmlab.manager import allocator, restart, scheduler
from swarmlab.worker.agent import Agent

SERVICES = tuple(f"s{n}" for n in range(5))
NETWORKS = ("n0", "n1", "n2")
RULES = ("node.role==worker", "node.role==manager", "node.labels.zone==a", "node.labels.zone!=b")
PORTS = ("8080:80", "8081:80", "80", "30000:80", "published=8080,target=80,mode=host")
ORDERS = ("stop-first", "start-first")
IMAGES = ("nginx:1.25", "nginx:1.26", "redis:7", "alpine sleep 15", "alpine crash 6 1", "nosuch/image:xx")
WORK = ("alpine sleep 5", "alpine true", "alpine crash 3 1")

CREATE = (  # how likely, what, and its values
    (0.15, "--endpoint-mode", ("dnsrr",)),
    (0.3, "-p", PORTS),
    (0.2, "--constraint", RULES),
    (0.15, "--placement-pref", ("spread=node.labels.zone",)),
    (0.15, "--reserve-cpu", (0.5, 1, 2)),
    (0.2, "--restart-delay", ("0s", "1s", "20s")),
    (0.2, "--restart-condition", ("none", "on-failure", "any")),
    (0.15, "--restart-max-attempts", (1, 3)),
    (0.1, "--restart-window", ("5s",)),
)
ROLLING = (
    (0.2, "--update-parallelism", (0, 1, 2)),
    (0.2, "--update-delay", ("0s", "1s", "7s")),
    (0.2, "--update-order", ORDERS),
    (0.2, "--rollback-parallelism", (0, 2)),
    (0.2, "--rollback-order", ORDERS),
)
UPDATE = (
    (0.3, "--image", IMAGES[:3]),
    (0.2, "--force", ("",)),
    (0.15, "--replicas", (0, 1, 3, 6)),
    (0.15, "--constraint-add", RULES),
    (0.1, "--constraint-rm", RULES),
    (0.1, "--network-add", NETWORKS),
    (0.1, "--network-rm", NETWORKS),
    (0.1, "--publish-add", ("8080:80", "8082:80", "90", "published=8083,target=81,mode=host")),
    (0.1, "--publish-rm", ("80",)),
    (0.05, "--endpoint-mode", ("vip", "dnsrr")),
    (0.1, "--update-order", ORDERS),
    (0.1, "--update-parallelism", (0, 1, 3)),
    (0.1, "--reserve-cpu", (0, 1)),
    (0.05, "--restart-condition", ("none", "any")),
    (0.1, "--label-add", ("a=b",)),
)


class Storm(storms.Storm):
    """People ask for this and that, of any manager, and do not always wait for the answer."""

    PAUSES = (0, 0.001, 0.02, 0.1, 0.3, 1, 3, 8, 20)

    def __init__(self, seed: int):
        dice = Random(f"services/{seed}")
        managers, workers, raft = dice.choice([1, 3, 3]), dice.choice([1, 2, 3]), storms.settings_of_raft(dice)
        super().__init__(dice, Cluster(managers, workers, seed=seed, messages=False, raft=raft))

    def ask(self, command: str) -> None:
        managers = [name for name in self.names if self.swarm.machines[name].running and name.startswith("manager")]
        self.docker(command, self.dice.choice(managers or self.names), self.dice.choice([0.001, 0.05, 0.5, 3]))

    def act(self) -> None:
        chance, name = self.dice.random(), self.dice.choice(self.names)
        if chance < 0.81:
            self.ask(self.command(chance / 0.81, name))
        elif chance < 0.90:
            self.crash_or_restart(name, (None, 0, 1, 2, 3, 5))
        elif chance < 0.95 and self.swarm.leader:
            self.lose_the_leader(self.swarm.leader)
        else:
            self.weather(name)

    def lose_the_leader(self, leader: str) -> None:
        """Just when it has been asked for something."""
        self.ask(self.command(self.dice.random(), self.dice.choice(self.names)))
        self.swarm.run_for(self.dice.choice([0, 0.0005, 0.001, 0.003, 0.06, 0.2]))
        if self.swarm.machines[leader].running:
            self.swarm.crash(leader, midway=self.dice.choice([None, 0, 1, 2, 3]))
        self.swarm.run_for(self.dice.choice([0, 1, 15]))
        self.start(leader)

    def command(self, chance: float, name: str) -> str:
        known = [service.spec.name for service in self.swarm.services] or list(SERVICES)
        service, choice = self.dice.choice(known), self.dice.choice
        if chance < 0.28:
            return self.create(choice([one for one in SERVICES if one not in known] or SERVICES))
        if chance < 0.51:
            return f"service update -d {self.draw(UPDATE)} {service}"
        if chance < 0.61:
            return f"service scale -d {service}={choice([0, 1, 2, 3, 5, 8])}"
        if chance < 0.69:
            return f"service rm {service}"
        if chance < 0.75:
            return f"service rollback -d {service}"
        if chance < 0.83:
            return f"node update --availability {choice(['active', 'active', 'pause', 'drain'])} {name}"
        if chance < 0.88:
            return f"node update {choice(['--label-add zone=a', '--label-add zone=b', '--label-rm zone'])} {name}"
        if chance < 0.95:
            return f"network create -d overlay {choice(['', '--subnet 10.9.0.0/29', '--subnet 10.9.1.0/28'])} {choice(NETWORKS)}"
        if chance < 0.98:
            return f"network rm {choice(NETWORKS)}"
        return choice([f"node promote {name}", f"node demote {name}", f"node rm --force {name}"])

    def create(self, name: str) -> str:
        """The networks are some of those that there are."""
        mode = self.dice.choice(["replicated"] * 4 + ["global"] * 2 + ["replicated-job", "global-job"])
        copies = f"--replicas {self.dice.choice([1, 2, 3, 5])}" if mode.startswith("replicated") else ""
        there = [network.spec.name for network in self.swarm.networks if network.spec.name in NETWORKS]
        networks = " ".join(f"--network {one}" for one in there if self.dice.random() < 0.4)
        how = self.draw(CREATE, ()) + " " + ("" if mode.endswith("job") else self.draw(ROLLING, ()))
        image = self.dice.choice(WORK if mode.endswith("job") else IMAGES)
        return f"service create -d --name {name} --mode {mode} {copies} {networks} {how} {image}"

    def draw(self, flags: tuple, least: tuple = ("--label-add c=d",)) -> str:
        words = [f"{flag} {self.dice.choice(values)}" for chance, flag, values in flags if self.dice.random() < chance]
        return " ".join(words or least)

    def calm(self) -> None:
        """All is mended, and again: a crash may still be under way. Then whatever never rests goes."""
        for pause in (2, 2, 20):
            self.mend()
            self.swarm.run_for(pause)
        assert self.swarm.run_until(lambda swarm: swarm.leader is not None, limit=90)
        self.swarm.run_for(60)
        self.mend()
        self.lose_a_worker()
        for service in self.swarm.services:
            container, name = service.spec.task.container, service.spec.name
            ends = container.args or container.image.startswith(("alpine", "nosuch"))
            if (ends and not service.is_job) or "crash" in container.args:
                self.docker(f"service rm {name}", self.swarm.leader)
        self.swarm.run_for(200)
        self.laws.look()

    def lose_a_worker(self) -> None:
        """Sometimes one is gone for good."""
        workers = [node.machine for node in self.swarm.nodes if not node.member]
        if workers and self.dice.random() < 0.3:
            self.swarm.crash(workers[-1])


def after_storm(seed: int) -> Storm:
    storm = Storm(seed)
    storm.blow(30)
    storm.calm()
    return storm


@pytest.mark.parametrize("seed", range(6))
def test_after_a_storm_the_swarm_comes_to_rest(seed: int) -> None:
    assert unrest(after_storm(seed).swarm) == []


# ── how we know that the storms find something ───────────────────────────────────────────────────────────────────


def keep_addresses(monkeypatch) -> None:
    """The addresses of a task that ended are not given back."""
    monkeypatch.setattr(allocator, "_give_back", lambda memory, owner, networks: None)


def forget_the_removed(monkeypatch) -> None:
    """Tasks of a service that is gone are not told to end."""
    monkeypatch.setattr(restart, "_services_gone", lambda store, changed, memory: [])


def do_not_try_again(monkeypatch) -> None:
    """What becomes free helps none of those that wait for a node."""
    for name in ("_observe_node", "_forget_task"):
        monkeypatch.setattr(scheduler, name, unstirring(getattr(scheduler, name)))


def unstirring(honest):
    def deaf(one, id, memory, *now) -> None:
        before = memory.stirred
        honest(one, id, memory, *now)
        memory.stirred = before

    return deaf


def hear_of_no_removal(monkeypatch) -> None:
    """A node keeps what it is told to forget."""
    honest = Agent._gone
    monkeypatch.setattr(Agent, "_gone", lambda agent, news: honest(agent, news) if news.complete else [])


@pytest.mark.parametrize("bug", [keep_addresses, forget_the_removed, do_not_try_again, hear_of_no_removal])
def test_a_planted_bug_is_found(monkeypatch, bug) -> None:
    bug(monkeypatch)
    assert any(unrest(after_storm(seed).swarm) for seed in range(8))
