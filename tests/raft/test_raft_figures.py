"""Figures 7 and 8 of the paper, played."""

import pytest
from raft_harness import Broken, Group, elect, entries, hear, node

from swarmlab.effects import Disk, Propose
from swarmlab.raft import PAPER, replication
from swarmlab.raft.messages import Appended

LEADER = (1, 1, 1, 4, 4, 5, 5, 6, 6, 6)
FOLLOWERS = {
    "a": (1, 1, 1, 4, 4, 5, 5, 6, 6),
    "b": (1, 1, 1, 4),
    "c": (1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6),
    "d": (1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7),
    "e": (1, 1, 1, 4, 4, 4, 4),
    "f": (1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3),
}


def disks(logs, term):
    members = tuple((name, name.upper()) for name in logs)
    return {
        name.upper(): Disk({"member": name, "members": members, "term": term}, list(entries(*log)))
        for name, log in logs.items()
    }


@pytest.mark.parametrize("seed", range(5))
def test_figure_7_all_six_followers_converge(seed):
    """§5.3: missing entries are filled in, surplus ones overwritten, without any special action."""
    group = Group(disks({"l": LEADER, **FOLLOWERS}, 7), seed=seed, loss=0.05)
    for machine in "ABCDEF":
        group.nodes[machine].deadline += 60_000  # the leader of the figure campaigns first
    group.run(0.149)
    group.nodes["L"].deadline = group.now
    group.run(3)
    logs = {machine: [entry.term for entry in made.log.entries] for machine, made in group.nodes.items()}
    assert logs == dict.fromkeys(logs, logs["L"]) and logs["L"][: len(LEADER)] == list(LEADER)
    assert all(made.commit == len(logs["L"]) for made in group.nodes.values())


def test_figure_7_takes_one_refusal_per_term_at_most():
    """Dissertation §3.5: one round for follower f, though its log is off by eight entries."""
    group = Group(disks({"l": LEADER, "f": FOLLOWERS["f"], "g": LEADER}, 7), delay=(1_000, 1_001))
    leader, follower = group.nodes["L"], group.nodes["F"]
    elect(leader, "g", now=leader.deadline)
    message = next(m for m in _appends(leader) if m.target == "f")
    rounds = 0
    while True:
        answer = hear(follower, message)[-1].message
        if type(answer) is Appended:
            break
        rounds += 1
        message = next(e.message for e in hear(leader, answer, leader.deadline - 1) if hasattr(e, "to"))
    assert rounds == 1 and [e.term for e in follower.log.entries] == [*LEADER, leader.term]


def _appends(leader):
    leader.progress["f"].paused = False
    return [effect.message for effect in replication.send_entries(leader, leader.progress["f"])]


def figure_8():
    """Up to (c): S1 leads again in term 4 and has copied its entry of term 2 to a majority."""
    made = node(of="abcde", terms=(1, 2), term=3)
    elect(made, "b", "c")
    for follower in "bc":
        hear(made, Appended(4, follower, "a", 2), made.deadline - 1)
    return made


def test_figure_8_c_an_older_entry_on_a_majority_is_not_committed():
    """§5.4.2: S5 could still win (d) and overwrite it."""
    made = figure_8()
    assert made.term == 4 and made.commit == 0


def test_figure_8_e_an_entry_of_the_own_term_on_a_majority_commits_both():
    made = figure_8()
    for follower in "bc":
        hear(made, Appended(4, follower, "a", 3), made.deadline - 1)
    assert made.commit == 3


def play_figure_8():
    """A (S1 of the paper) leads in term 4 and copies its entry of term 2 to C; E (S5), with an entry of term 3, follows."""
    logs = {"a": (1, 2), "b": (1, 2), "c": (1,), "d": (1,), "e": (1, 3)}
    group = Group(disks(logs, 3), settings=PAPER._replace(max_entries=1), delay=(1_000, 1_001))
    for machine in "BCDE":
        group.nodes[machine].deadline += 10_000_000
    group.cut("D", "E")
    while group.nodes["C"].log.last_index < 2:
        group.run(0.001)
    group.cut("A")  # the answer of C is on its way to A, but nothing of A gets out any more
    group.run(0.005)
    group.crash("A")
    group.cut("B")
    group.nodes["C"].deadline += 10_000_000
    group.run(0.2)
    for _ in "45":  # in term 4, C has voted already
        group.nodes["E"].deadline = group.now
        group.run(0.01)
    return group


def test_figure_8_d_an_older_entry_on_a_majority_can_be_overwritten():
    group = play_figure_8()
    assert group.leader == "E" and group.laws.agreed.get(2, entries(1, 3)[1]) == entries(1, 3)[1]


def test_figure_8_the_laws_catch_committing_an_older_entry_by_count(monkeypatch):
    """Reference §8.1."""
    monkeypatch.setattr(replication, "may_commit", lambda node, index: True)
    with pytest.raises(Broken, match="leader completeness"):
        play_figure_8()


def test_the_longest_log_is_not_always_the_best():
    """§5.4.1: of figure 7, the candidate needs four of seven votes; `f` is long but cannot get them."""
    group = Group(disks({"l": LEADER, **FOLLOWERS}, 7))
    group.tell("L", Propose(1, "x"))
    for machine in "LABCDE":
        group.nodes[machine].deadline += 10_000_000
    group.run(2)
    assert group.nodes["F"].role == "candidate" and group.leader is None
