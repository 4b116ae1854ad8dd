"""Whole groups under loss, cuts and crashes: the laws hold, for every seed; and they catch planted bugs."""

import hashlib
import pickle
from random import Random

import pytest
from raft_harness import Broken, Group

from swarmlab.effects import AddMember, Committed, Disk, Enter, Forget, Found, Propose, RemoveMember
from swarmlab.events import BecameLeader
from swarmlab.raft import SWARMKIT, Log, election, quorum, replication


def trouble(seed, rounds=40, size=None, **how):
    """A run with a mix of faults drawn from the seed; laws are checked after every step."""
    dice = Random(f"trouble {seed}")
    size = size or dice.choice((3, 4, 5))
    group = Group.of(size, seed=seed, loss=dice.choice((0, 0.05, 0.2)), twice=dice.choice((0, 0.2)), **how)
    acts = dice.sample(("crash", "reboot", "split", "behead", "heal"), 4)
    for number in range(rounds):
        group.run(dice.choice((0.01, 0.05, 0.3)))
        hurt(group, dice, dice.choice(acts))
        for machine in sorted(set(group.disks) - set(group.nodes)):
            if dice.random() < 0.4:
                group.restart(machine)
        for machine in [machine for machine, made in group.nodes.items() if made.role == "leader"]:
            for key in range(dice.randrange(4)):
                group.tell(machine, Propose(key, (machine, number, key)))
    return group


def traffic(seed, rounds=60):
    """Members come and go under faults: machines leave, forget, and come back as somebody new."""
    dice = Random(f"traffic {seed}")
    group = Group({machine: Disk({}, []) for machine in "ABCDE"}, seed=seed, loss=dice.choice((0, 0.1)))
    group.tell("A", Found("a0", "A"))
    for number in range(rounds):
        group.run(dice.choice((0.02, 0.1, 0.4)))
        if group.leader:
            members = group.nodes[group.leader].members
            machine = dice.choice("ABCDE")
            former = [member for member, home in members.items() if home == machine]
            if former and len(members) > 2:
                group.tell(group.leader, RemoveMember(number, former[0]))
            elif not former and machine in group.nodes:
                group.tell(machine, Forget())
                group.tell(machine, Enter(f"{machine}{number}"))
                group.tell(group.leader, AddMember(number, f"{machine}{number}", machine))
        hurt(group, dice, dice.choice(("reboot", "split", "heal", "heal")))
    return group


def hurt(group, dice, act):
    machine = dice.choice(sorted(group.disks))
    if act == "crash" and machine in group.nodes:
        group.crash(machine)
    elif act == "reboot":
        for machine in dice.sample(sorted(group.nodes), len(group.nodes) // 2):
            group.crash(machine)
            group.restart(machine)
    elif act == "split":
        group.cut(*dice.sample(sorted(group.disks), dice.randrange(1, len(group.disks))))
    elif act == "behead" and group.leader:
        group.cut(group.leader, machine)
    elif act == "heal":
        group.cut()


def recover(group):
    """All faults end; then the group must get on with its work."""
    group.cut()
    group.loss = group.twice = 0.0
    for machine in sorted(set(group.disks) - set(group.nodes)):
        group.restart(machine)
    group.run(3)
    assert group.leader
    group.tell(group.leader, Propose(99, "at last"))
    group.run(0.5)
    return group


@pytest.mark.parametrize("seed", range(200))
def test_the_laws_hold_under_loss_cuts_and_crashes_and_the_group_recovers(seed):
    group = recover(trouble(seed))
    logs = [made.log.entries for made in group.nodes.values()]
    assert all(log == logs[0] for log in logs) and logs[0][-1].data == "at last"
    assert all(made.commit == len(logs[0]) for made in group.nodes.values())


@pytest.mark.parametrize("seed", range(100))
def test_the_laws_hold_while_members_come_and_go(seed):
    group = traffic(seed)
    changes = {entry.kind for entry in group.laws.agreed.values()}
    assert "add" in changes and len(group.laws.agreed) > 2


def test_the_troubles_are_troubles():
    """A campaign that never changes leaders or cuts a log proves nothing."""
    kinds = [type(fact).__name__ for seed in range(20) for _, _, fact in trouble(seed).facts]
    assert kinds.count("BecameLeader") > 60 and kinds.count("EntriesCut") > 9 and kinds.count("SteppedDown") > 5


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 7])
def test_a_leader_is_found_in_groups_of_any_size_under_loss(size):
    for seed in range(8):
        group = Group.of(size, seed=seed, loss=0.1).run(4)
        assert BecameLeader in [type(fact) for _, _, fact in group.facts]


def test_swarmkit_notices_a_lost_leader_after_9_to_20_seconds():
    """Reference §3: 10 to 19 ticks of 1 s after the last heartbeat."""
    waits = []
    for seed in range(20):
        group = Group.of(3, seed=seed, settings=SWARMKIT).run(60)
        group.crash(group.leader)
        crashed, seen = group.now, len(group.facts)
        group.run(60)
        waits.append(next(at for at, _, fact in group.facts[seen:] if type(fact) is BecameLeader) - crashed)
    assert min(waits) > 8_000_000 and sorted(waits)[len(waits) // 2] < 16_000_000


def test_an_idle_group_notes_nothing():
    group = Group.of(5).run(3)
    seen = len(group.facts)
    group.run(20)
    assert len(group.facts) == seen


def test_what_was_acknowledged_is_in_every_later_log():
    group = Group.of(3, seed=3).run(1)
    group.tell(group.leader, Propose(1, "kept"))
    group.run(0.2)
    for _ in range(6):
        loser = group.leader
        group.crash(loser)
        group.run(2)
        assert "kept" in [entry.data for entry in group.nodes[group.leader].log.entries]
        group.restart(loser)
        group.run(1)


def test_a_minority_commits_nothing_and_its_leader_resigns():
    group = Group.of(5, seed=4).run(1)
    old = group.leader
    friend = next(machine for machine in group.nodes if machine != old)
    group.cut(old, friend)
    group.tell(old, Propose(1, "in vain"))
    group.run(3)
    assert group.nodes[old].role != "leader" and group.leader not in (old, friend, None)
    group.cut()
    group.run(2)
    assert "in vain" not in [entry.data for made in group.nodes.values() for entry in made.log.entries]


def test_a_node_that_campaigned_alone_is_let_in_again():
    """etcd issue 8501: with sticky voters it must be heard somehow, else it stays out for ever."""
    group = Group.of(3, seed=5).run(1)
    lonely = next(machine for machine in group.nodes if machine != group.leader)
    group.cut(lonely)
    group.run(4)
    group.cut()
    group.run(3)
    assert len({made.term for made in group.nodes.values()}) == 1
    assert {made.leader for made in group.nodes.values()} == {group.leader}


def test_every_entry_is_told_once_per_boot_and_in_order():
    group = Group.of(3, seed=6).run(1)
    for key in range(20):
        group.tell(group.leader, Propose(key, key))
        group.run(0.01)
    group.run(0.3)
    for machine, made in group.nodes.items():
        told = [e.index for message in group.told[machine] if type(message) is Committed for e in message.entries]
        assert told == list(range(1, made.commit + 1))


def test_a_node_is_plain_data():
    """It is pickled to fork the world: the twin goes on identically, and is independent."""
    group = trouble(7)
    twin = pickle.loads(pickle.dumps(group))
    for one in (group, twin):
        one.run(2)
    assert str(group.facts) == str(twin.facts)
    assert twin.nodes[twin.leader or "A"].log.entries is not group.nodes[group.leader or "A"].log.entries


def test_the_same_seed_gives_the_same_run():
    def digest(seed):
        return hashlib.sha256(str(trouble(seed).facts).encode()).hexdigest()

    assert digest(11) == digest(11) and digest(11) != digest(12)


# ── planted bugs ─────────────────────────────────────────────────────────────────────────────────────────────────


def law_that_breaks(seeds=200, **how):
    for seed in range(seeds):
        try:
            trouble(seed, **how)
        except Broken as broken:
            return str(broken)
    return None


def test_the_laws_catch_two_votes_in_one_term_after_a_restart():
    """Reference §8.5."""
    assert law_that_breaks(forgetful=("vote",)) in ("one vote per term", "one leader per term")


def test_the_laws_catch_votes_given_twice(monkeypatch):
    monkeypatch.setattr(election, "may_vote", lambda node, candidate: True)
    assert law_that_breaks() in ("one vote per term", "one leader per term")


def test_the_laws_catch_votes_for_logs_that_are_behind(monkeypatch):
    """§5.4.1."""
    monkeypatch.setattr(election, "is_up_to_date", lambda node, message: True)
    assert law_that_breaks() in ("leader completeness", "committed logs agree")


def test_the_laws_catch_cutting_on_a_short_message(monkeypatch):
    """Reference §8.2: the late message erases what was acknowledged."""
    news = Log.news

    def careless(log, entries):
        return entries if entries else news(log, entries)

    monkeypatch.setattr(Log, "news", careless)
    assert law_that_breaks(delay=(1_000, 60_000)) in ("leader completeness", "committed logs agree", "log matching")


def test_the_laws_catch_commits_beyond_what_is_proven(monkeypatch):
    """Reference §8.3: a stale tail is taken for agreed on."""
    right = replication.commit_to

    def eager(node, index):
        return right(node, node.log.last_index if node.role == "follower" and index else index)

    monkeypatch.setattr(replication, "commit_to", eager)
    assert law_that_breaks() in ("committed logs agree", "leader completeness")


def test_the_laws_catch_a_majority_that_is_only_half(monkeypatch):
    """Reference §8.10: off by one in even groups."""
    monkeypatch.setattr(quorum, "majority", lambda members: members // 2)
    assert law_that_breaks(size=4) == "one leader per term"
