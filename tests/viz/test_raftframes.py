"""Rows of a raft group: at every instant they say what the real nodes remember, though they know only the trace."""

import json
from random import Random

import pytest

from swarmlab import events as e
from swarmlab.group import RaftGroup
from swarmlab.raft.core import PAPER
from swarmlab.sim.trace import AlarmRecord, Clock, MessageRecord, Trace
from swarmlab.viz.raftframes import raft_at, raft_frames, summary

SMALL = PAPER._replace(snapshot_every=12, keep=4, max_entries=3, max_inflight=2)
KINDS = {
    "paper": PAPER,
    "snapshots": SMALL,
    "pre-vote": SMALL._replace(pre_vote=True),
    "no check-quorum": PAPER._replace(check_quorum=False),
}


def weather(group, dice, acts):
    """People and nature at work: yields after each thing that they did."""
    names = list(group.members)
    for _ in range(acts):
        up, chance = list(group.nodes), dice.random()
        if chance < 0.05 and len(up) > 2:
            group.crash(dice.choice(up))
        elif chance < 0.12 and len(up) < len(names):
            group.restart(dice.choice([name for name in names if name not in up]))
        elif chance < 0.16:
            shuffled = dice.sample(names, len(names))
            side = dice.randrange(1, len(names))
            group.partition(set(shuffled[:side]), set(shuffled[side:]), one_way=dice.random() < 0.3)
        elif chance < 0.24:
            group.heal()
        elif chance < 0.27:
            group.freeze(dice.choice(up), dice.choice([0.05, 0.3]))
        elif chance < 0.32:
            group.link(*dice.sample(names, 2), loss=dice.choice([0, 0.3]), duplicate=dice.choice([0, 0.2]))
        elif chance < 0.35:
            group.drift(dice.choice(up), dice.choice([0.5, 1, 1.6]))
        elif chance < 0.37:
            group.time_out(dice.choice(up))
        elif chance < 0.42 and group.leader:
            change_something(group, dice, names)
        elif group.leader:
            for _ in range(dice.randrange(4)):
                group.propose(dice.randrange(100))
        group.run_for(dice.choice([0.0003, 0.001, 0.01, 0.05, 0.2]))
        yield


def change_something(group, dice, names):
    """Let somebody else lead, or change who belongs to the group."""
    name = dice.choice(names)
    what = dice.choice(["transfer", "add", "remove", "learners"])
    if what == "transfer":
        group.transfer(name)
    else:
        group.change(**{what: [name]})


def runs(entries):
    """A log as runs of equal terms."""
    rows = []
    for entry in entries:
        if rows and rows[-1][0] == entry.term:
            rows[-1][1] = entry.index
        else:
            rows.append([entry.term, entry.index])
    return rows


def machine_of(member):
    return (member or "").replace("member", "node")


def believed(server, machine):
    """What rows and node say of one server, side by side, as far as both can say it."""
    node = machine.seats["raft"].core
    rows = {key: server[key] for key in ("looks", "role", "term", "vote", "leader", "log", "base", "commit")}
    truth = {
        "looks": "frozen" if machine.frozen else "up", "role": node.role, "term": node.term, "vote": machine_of(node.vote),
        "leader": node.leader or "", "log": runs(node.log.entries), "base": node.log.base, "commit": node.commit,
    }  # fmt: skip
    if node.role == "leader":
        followers = node.progress.values()
        rows["match"] = {name: match for name, (match, _) in server["peers"].items()}
        truth["match"] = {follower.machine: follower.match for follower in followers}
        steady = [
            follower.machine for follower in followers if follower.match >= node.log.base
        ]  # others get a snapshot
        rows["next"] = {name: next for name, (_, next) in server["peers"].items() if name in steady}
        truth["next"] = {follower.machine: follower.next for follower in followers if follower.machine in steady}
    if node.role in ("candidate", "precandidate"):
        answers = {"granted": True, "refused": False}
        rows["votes"] = {name: answers[how] for name, how in server["votes"].items() if how in answers}
        truth["votes"] = {machine_of(member): granted for member, granted in node.votes.items()}
    if (
        node.role in ("follower", "candidate", "precandidate")
        and server["deadline"] is not None
        and machine.clock is None
    ):
        rows["deadline"], truth["deadline"] = server["deadline"], node.deadline
    if server["group"]:
        rows["group"] = server["group"]
        halves = (
            node.configuration.voters,
            node.configuration.outgoing,
            node.configuration.learners + node.configuration.staged,
        )
        named = (sorted(map(machine_of, half)) for half in halves)
        truth["group"] = dict(zip(("voters", "outgoing", "learners"), named, strict=True))
    return rows, truth


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(2))
def test_the_rows_say_what_the_nodes_remember(kind, seed):
    group = RaftGroup(5, KINDS[kind], seed=seed, alarms=True, spare=1)
    judged = 0
    for _ in weather(group, Random(seed), 50):
        world = raft_at(raft_frames(group.trace), group.trace.now)
        for server in world["servers"]:
            machine = group.machines[server["name"]]
            if machine.running:
                rows, truth = believed(server, machine)
                assert rows == truth, f"{server['name']} at {group.now} s"
                judged += 1
            else:
                assert server["looks"] == "down" and server["role"] in ("", "outside")
        assert world["leader"] in ("", *(name for name, node in group.nodes.items() if node.role == "leader"))
    assert judged > 150


def test_any_instant_of_a_long_run_is_what_it_was_then():
    group, dice = RaftGroup(5, KINDS["pre-vote"], seed=9, alarms=True), Random(9)
    for _ in weather(group, dice, 40):
        pass
    rows = raft_frames(group.trace)
    for _ in range(10):
        time = dice.randrange(rows["end"])
        past = group.at(time / 1e6)
        for server in raft_at(rows, time)["servers"]:
            machine = past.machines[server["name"]]
            assert machine.running == (server["looks"] in ("up", "frozen"))
            if machine.running:
                told, truth = believed(server, machine)
                assert told == truth, f"{server['name']} at {time} µs"


# what a small group does, told in full


class Story:
    """Writes a trace by hand. Times are ms."""

    def __init__(self, *names):
        self.trace = Trace(Clock(0))
        self.trace.settings = {"machines": tuple({"name": name} for name in names)}
        for name in names:
            self.note(0, name, e.MachineStarted())
            self.note(0, name, e.BecameFollower(0))

    def note(self, ms, source, fact):
        self.trace.kernel.now = round(ms * 1000)
        self.trace.note(source, fact, -1)

    def alarm(self, ms, source, ends):
        self.trace.alarms.append(AlarmRecord(round(ms * 1000), source, "raft", round(ends * 1000)))

    def message(self, sent, arrived, sender, to, name, brief=(), fate=""):
        times = round(sent * 1000), round(arrived * 1000) if arrived >= 0 else -1
        self.trace.messages.append(
            MessageRecord(*times, sender, to, "raft", name, fate, len(self.trace) - 1, len(self.trace), brief)
        )

    def at(self, ms):
        return raft_at(raft_frames(self.trace), round(ms * 1000))

    def server(self, name, ms):
        return next(server for server in self.at(ms)["servers"] if server["name"] == name)


@pytest.fixture
def campaign():
    """`b` asks two others at 100 ms: `a` says yes, `c` no."""
    story = Story("a", "b", "c")
    story.alarm(0, "b", 100)
    story.alarm(0, "c", 200)
    story.note(100, "b", e.BecameCandidate(1))
    story.alarm(100, "b", 250)
    story.message(100, 101, "b", "a", "RequestVote", (0, 0))
    story.message(100, 104, "b", "c", "RequestVote", (0, 0))
    story.note(101, "a", e.VoteGranted(1, "b"))
    story.message(101, 103, "a", "b", "Vote", (True,))
    story.note(104, "c", e.VoteRefused(1, "b", "voted already"))
    story.message(104, 106, "c", "b", "Vote", (False,))
    story.note(120, "b", e.BecameLeader(1))
    return story


def test_votes_fall_into_the_places_that_are_needed(campaign):
    assert campaign.server("b", 99)["places"] is None
    assert [campaign.server("b", ms)["places"] for ms in (100, 103, 106)] == [[[2, 1, 2]], [[2, 2, 1]], [[2, 2, 0]]]
    ways = [campaign.server("b", ms)["votes"] for ms in (100.5, 102, 105, 107)]
    assert [(way["a"], way["c"]) for way in ways] == [
        ("asked", "asked"), ("answering", "asked"), ("granted", "answering"), ("granted", "refused"),
    ]  # fmt: skip
    assert campaign.server("b", 120)["votes"] is None


def test_a_time_out_is_a_share_of_the_longest_that_there_is(campaign):
    waits = campaign.server("b", 50)
    assert (waits["armed"], waits["left"], waits["deadline"]) == (0.5, 0.25, 100_000)
    assert campaign.server("c", 150)["left"] == 0.25
    assert campaign.server("b", 125)["left"] is None  # who leads does not wait


def test_messages_are_where_they_are_and_die_where_they_die(campaign):
    campaign.message(119, -1, "b", "c", "AppendEntries", (0, 1, 0), "cut")
    (flying,) = [m for m in campaign.at(103)["messages"] if m["name"] == "RequestVote"]
    assert (flying["from"], flying["to"], flying["far"], flying["dead"], flying["term"]) == ("b", "c", 0.75, False, 1)
    flight = raft_frames(campaign.trace)["flight"] / 1000
    dead = campaign.at(119 + flight / 2)["messages"][0]
    assert (dead["fate"], dead["dead"], dead["far"]) == ("cut", True, 0.5)
    assert not campaign.at(119 + 2 * flight)["messages"]


def test_what_arrives_at_a_machine_without_power_dies_there():
    story = Story("a", "b")
    story.message(1, 3, "a", "b", "Heartbeat", (0,))
    story.note(2, "b", e.MachineCrashed())
    story.note(9, "a", e.BecameFollower(1))
    assert [(m["fate"], m["dead"], m["far"]) for m in story.at(3)["messages"]] == [("down", True, 1.0)]


def test_the_log_is_kept_as_runs_of_equal_terms():
    story = Story("a")
    for ms, first, last, term in ((1, 1, 3, 1), (2, 4, 4, 2), (3, 5, 6, 2)):
        story.note(ms, "a", e.EntriesAppended(first, last, term))
    story.note(4, "a", e.CommitAdvanced(3))
    story.note(5, "a", e.EntriesCut(5))
    story.note(6, "a", e.EntriesAppended(5, 5, 3))
    story.note(7, "a", e.SnapshotTaken(3, 3))
    assert [story.server("a", ms)["log"] for ms in (0, 3, 5, 6, 7)] == [
        [], [[1, 3], [2, 6]], [[1, 3], [2, 4]], [[1, 3], [2, 4], [3, 5]], [[1, 3], [2, 4], [3, 5]],
    ]  # fmt: skip
    assert [story.server("a", ms)["base"] for ms in (6, 7)] == [0, 2]


def test_a_leader_without_followers_that_another_has_replaced_is_marked():
    story = Story("a", "b", "c")
    story.note(1, "a", e.BecameLeader(1))
    story.note(2, "world", e.Partitioned((("a",), ("b", "c"))))
    story.note(3, "b", e.BecameLeader(2))
    world = story.at(3)
    assert world["leader"] == "b" and [server["wrong"] for server in world["servers"]] == [True, False, False]
    assert "a still believes it leads term 1" in summary(world)


def test_two_halves_of_a_group_need_two_rows_of_votes():
    story = Story("a", "b", "c", "d")
    story.note(1, "a", e.GroupChanged(1, ("a", "b", "c"), ("a", "d"), ()))
    story.note(2, "a", e.BecameCandidate(1))
    assert story.server("a", 2)["places"] == [[2, 1, 0], [2, 1, 0]]
    assert story.at(2)["group"]["outgoing"] == ["a", "d"]


def test_a_machine_that_nobody_let_in_is_no_member():
    group = RaftGroup(3, seed=2, spare=1)
    group.run_for(1)
    assert {server["name"]: server["member"] for server in raft_at(raft_frames(group.trace), group.trace.now)["servers"]} == {
        "node-1": True, "node-2": True, "node-3": True, "node-4": False,
    }  # fmt: skip


def test_rows_are_json_and_the_same_after_a_trip_through_a_file():
    group = RaftGroup(3, seed=2, alarms=True)
    group.run_for(1)
    rows = raft_frames(group.trace)
    assert json.loads(json.dumps(rows)) == rows
    assert raft_frames(Trace.from_rows(json.loads(json.dumps(group.trace.rows())))) == rows


def test_the_first_time_outs_are_known_too():
    group = RaftGroup(5, seed=2, alarms=True)
    assert all(server["left"] == server["armed"] > 0.4 for server in raft_at(raft_frames(group.trace), 0)["servers"])


def test_a_change_of_the_group_is_one_stop_however_many_tell_of_it():
    group = RaftGroup(3, seed=2, spare=1)
    group.run_for(0.6)
    group.change(add=["node-4"])
    group.run_for(0.5)
    assert len(group.trace.of(e.GroupChanged)) >= 8
    assert [kind for _, _, kind, _ in raft_frames(group.trace)["marks"]].count("group") == 1


@pytest.fixture
def leading():
    """`a` leads term 2 with five entries; `b` follows, and holds three of them."""
    story = Story("a", "b")
    story.note(1, "a", e.EntriesAppended(1, 5, 1))
    story.note(1, "b", e.EntriesAppended(1, 3, 1))
    story.note(2, "b", e.BecameFollower(2))
    story.note(3, "a", e.BecameLeader(2))
    return story


def believed_by_a(story, ms):
    return story.server("a", ms)["peers"]["b"]


def test_a_leader_hopes_is_refused_goes_back_and_is_sure(leading):
    leading.message(3, 4, "a", "b", "AppendEntries", (5, 1, 0))
    leading.message(4, 5, "b", "a", "Mismatched", (5, 3))
    leading.message(5, 6, "a", "b", "AppendEntries", (3, 3, 0))
    leading.message(4, 6, "b", "a", "Mismatched", (5, 1))  # the same refusal once more, and too late
    leading.message(6, 7, "b", "a", "Appended", (6,))
    leading.message(7, 8, "a", "b", "AppendEntries", (6, 2, 0))
    leading.note(9, "a", e.ReachabilityChanged("b", False))
    assert [believed_by_a(leading, ms) for ms in (3, 5, 6, 7, 8, 9)] == [[0, 6], [0, 4], [0, 4], [6, 9], [6, 9], [6, 7]]


def test_late_answers_say_nothing(leading):
    leading.message(3, 4, "a", "b", "AppendEntries", (3, 3, 0))
    leading.message(4, 5, "b", "a", "Appended", (6,))
    leading.message(4, 6, "b", "a", "Appended", (2,))
    leading.message(4, 7, "b", "a", "Mismatched", (5, 1))
    leading.note(8, "a", e.CommitAdvanced(6))
    assert [believed_by_a(leading, ms) for ms in (5, 6, 7)] == [[6, 7]] * 3


def test_an_answer_to_an_earlier_campaign_is_no_vote(campaign):
    campaign.note(130, "c", e.BecameCandidate(2))
    campaign.message(130, 131, "c", "a", "RequestVote", (0, 0))
    campaign.note(131, "a", e.VoteGranted(2, "c"))
    campaign.message(131, 145, "a", "c", "Vote", (True,))
    campaign.note(140, "c", e.BecameCandidate(3))
    campaign.message(140, 149, "c", "a", "RequestVote", (0, 0))
    campaign.note(150, "b", e.BecameFollower(3))
    assert campaign.server("c", 135)["votes"]["a"] == "answering"
    assert campaign.server("c", 147)["votes"] == {"c": "granted", "a": "asked"}


def test_what_a_machine_knew_goes_with_its_power_and_what_it_wrote_stays():
    story = Story("a")
    story.note(1, "a", e.EntriesAppended(1, 9, 1))
    story.note(2, "a", e.CommitAdvanced(8))
    story.note(3, "a", e.SnapshotTaken(5, 4))
    for index, group in ((0, ("a",)), (7, ("a", "b"))):
        story.note(4, "a", e.GroupChanged(index, group, (), ()))
    story.note(5, "a", e.MachineCrashed())
    story.note(6, "a", e.MachineStarted())
    before, after = story.server("a", 5), story.server("a", 6)
    assert (before["looks"], before["role"], before["commit"], after["commit"]) == ("down", "", 8, 5)
    assert before["log"] == after["log"] == [[1, 9]] and after["base"] == 3
    assert (before["group"]["voters"], after["group"]["voters"]) == (["a", "b"], ["a"])
