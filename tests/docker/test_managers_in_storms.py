"""Promotions, demotions, removals and joins at random, among crashes, partitions and bad links.

The laws are watched after every event. When the storm is over a swarm must lead whenever a majority of its members is
there, and everybody must be what the store says: no machine keeps a vote that it lost, none waits for ever to get in.
"""

from random import Random

import pytest
import storms

from swarmlab import Cluster
from swarmlab.manager.store import Store
from swarmlab.worker.membership import Membership


class Storm(storms.Storm):
    """Members come and go."""

    def __init__(self, seed: int):
        dice = Random(seed)
        raft, managers = storms.settings_of_raft(dice), dice.choice([1, 3, 3, 5])
        swarm = Cluster(managers=managers, workers=2, seed=seed, messages=False, raft=raft)
        swarm.docker("service create -d --name web --replicas 4 nginx")
        super().__init__(dice, swarm)

    def members(self) -> dict[str, str]:
        """The machines that run a member of some group, by member."""
        running = [name for name in self.names if self.swarm.machines[name].running]
        return {self.core(name, "raft").member: name for name in running if self.core(name, "raft").member}

    def act(self) -> None:
        self.act_on(self.dice.choice(self.names), self.dice.random())

    def act_on(self, name: str, chance: float) -> None:
        """Something happens to one machine, or a manager is asked to do something about it."""
        managers = list(self.members().values())
        manager = self.dice.choice(managers or self.names)
        if chance < 0.20:
            self.crash_or_restart(name, (None, 0, 1, 2, 3, 5, 8))
        elif chance < 0.32:
            self.weather(name)
        elif chance < 0.50:
            self.docker(f"node promote {name}", manager)
        elif chance < 0.74:
            self.docker(f"node demote {name}", manager)
        elif chance < 0.80:
            self.docker(f"node rm {self.dice.choice(['', '--force '])}{name}", manager)
        elif chance < 0.86:
            self.docker(f"node update --availability {self.dice.choice(['active', 'pause', 'drain'])} {name}", manager)
        elif chance < 0.90:
            self.docker(f"swarm leave {self.dice.choice(['', '--force'])}", name)
        elif managers:
            self.join(name, manager)

    def join(self, name: str, manager: str) -> None:
        token = self.docker(f"swarm join-token -q {self.dice.choice(['worker', 'manager'])}", manager)
        if token:
            self.docker(f"swarm join --token {token} {self.swarm.computers[manager].address}:2377", name)

    def clear_up(self) -> None:
        """Every link is good and every machine runs, but for as many members as the rest can do without."""
        self.mend()
        self.swarm.run_for(self.dice.choice([0.5, 5, 40]))
        voters, members = self.voters(), self.members()
        there = [members[one] for one in voters if one in members]
        for name in self.dice.sample(there, max(0, len(there) - len(voters) // 2 - 1)):
            self.swarm.crash(name)

    def voters(self) -> tuple[str, ...]:
        """Whose votes count, by the newest that anybody has committed."""
        cores = [self.core(name, "raft") for name in self.members().values()]
        return max(cores, key=lambda core: core.commit).configuration.voters if cores else ()

    def can_lead(self) -> bool:
        voters, members = self.voters(), self.members()
        return 2 * sum(one in members for one in voters) > len(voters)


@pytest.mark.parametrize("seed", range(24))
def test_after_a_storm_a_swarm_leads_and_everybody_is_what_the_store_says(seed: int) -> None:
    storm = Storm(seed)
    storm.blow(25)
    storm.clear_up()
    swarm = storm.swarm
    swarm.run_for(60)
    if not storm.can_lead():  # too many have left by force
        return
    assert swarm.run_until(lambda c: c.leader is not None, limit=60)
    swarm.run_for(40)
    assert swarm.docker("node ls", swarm.leader).exit_code == 0
    lead = storm.core(swarm.leader, "manager").lead
    assert wrong(storm, lead) == []


def wrong(storm: Storm, lead) -> list:
    """Nodes that are not what they should be. Those that are down may not have heard of anything yet."""
    inside, gone = {member for member, _, _ in lead.roles.members}, len(lead.roles.members) - len(storm.members())
    found: list = [] if gone else [node for node in lead.store.all("node") if node.role != node.spec.role]
    for name in storm.names:
        me = storm.core(name, "engine").swarm.identity if storm.swarm.machines[name].running else None
        node = lead.store.get("node", me.node) if me else None
        if node is None or node.state != "ready":
            continue
        voter = storm.core(name, "raft").member
        if me.role != node.role or voter != node.member or (node.role == "manager") != (voter in inside):
            found.append((name, me, node, voter))
    return found


# ── how we know that the storms find something ───────────────────────────────────────────────────────────────────


def test_the_storms_are_storms() -> None:
    """Everything that they are there for happens in some of them."""
    kinds: set = set()
    for seed in range(16):
        storm = Storm(seed)
        storm.blow(25)
        kinds |= {type(record.fact).__name__ for record in storm.swarm.trace}
    assert {"MachineCrashed", "Partitioned", "MemberAdded", "MemberRemoved", "SwarmLeft", "SnapshotTaken"} <= kinds


def hear_nothing(monkeypatch) -> None:
    """A machine does not listen to what it is to be."""
    monkeypatch.setattr(Membership, "_shall_be", lambda self, role, now: [])


def forget_a_node(monkeypatch) -> None:
    """A picture is not restored as it was taken."""
    honest = Store.restore

    def careless(store, picture):
        changed = honest(store, picture)
        store.tables["node"].popitem()
        return changed

    monkeypatch.setattr(Store, "restore", careless)


@pytest.mark.parametrize(("bug", "seeds"), [(hear_nothing, range(8)), (forget_a_node, range(12))])
def test_a_planted_bug_is_found(monkeypatch, bug, seeds) -> None:
    bug(monkeypatch)
    with pytest.raises(AssertionError):
        for seed in seeds:
            test_after_a_storm_a_swarm_leads_and_everybody_is_what_the_store_says(seed)
