"""Pieces of a growing trace, put together, are what `frames` makes of the whole: at any instant, however it was cut."""

import json
import threading
from random import Random

import pretend
import pytest

from swarmlab.cluster import Cluster
from swarmlab.sim.trace import Clock, Trace
from swarmlab.viz.follow import LISTS, Follower, grow
from swarmlab.viz.frames import frames
from swarmlab.viz.words import ROUTINE


class Growing:
    """A trace that somebody writes anew, as far as he has come."""

    def __init__(self, whole):
        self.whole, self.trace = whole, Trace(Clock(0))
        self.trace.settings = whole.settings

    def grow(self, facts, messages):
        """Up to so many facts and messages. Time goes on to the last of them."""
        self.trace.records, self.trace.messages = self.whole.records[:facts], self.whole.messages[:messages]
        times = [row.time for row in self.trace.records[-1:]] + [row.sent for row in self.trace.messages[-1:]]
        self.trace.kernel.now = max([self.trace.kernel.now, *times])


def copied(piece):
    """What arrives in the browser."""
    return json.loads(json.dumps(piece))


def cut_at_random(whole, seed, cuts=25):
    """Follows the trace in so many pieces, and compares each time."""
    dice, growing = Random(seed), Growing(whole)
    growing.grow(0, 0)
    follower = Follower(growing.trace)
    rows = copied(follower.whole())
    ends = [*sorted(dice.randrange(len(whole.records) + 1) for _ in range(cuts)), len(whole.records)]
    for facts in ends:
        growing.grow(facts, _sent(whole, facts))
        rows = grow(rows, copied(follower.more()))
        expected = copied(frames(growing.trace))
        assert {name for name in rows if rows[name] != expected[name]} == set(), f"seed {seed}, {facts} facts"
    return rows


def _sent(whole, facts):
    """The messages that were sent before the next fact."""
    times = [row.time for row in whole.records[facts : facts + 1]]
    return sum(row.sent <= times[0] for row in whole.messages) if times else len(whole.messages)


def eventful(seed):
    """A real run with all that makes rows change afterwards: crashes, elections, visits, machines that come later."""
    cluster = Cluster(managers=3, workers=2, seed=seed)
    dice = Random(seed)
    cluster.docker("service create -d --name web --replicas 6 --publish 8080:80 acme/web:1")
    yield cluster
    for _ in range(8):
        act = dice.randrange(8)
        name = dice.choice(["manager-1", "manager-2", "worker-1", "worker-2"])
        if act <= 2 and cluster.machines[name].running:
            cluster.crash(name)
        elif act <= 4:
            cluster.restart(name)
        elif act == 5:
            cluster.docker(f"service scale -d web={dice.randrange(1, 9)}", limit=5)
        elif act == 6:
            cluster.request("http://worker-1:8080/", timeout=2)
        elif f"late-{seed}" not in cluster.machines:
            cluster.add_machine(f"late-{seed}", zone="z")
        yield cluster
        cluster.run_for(dice.choice([0.0007, 0.05, 3, 21]))
        yield cluster


@pytest.mark.parametrize("seed", range(4))
def test_the_pieces_of_a_real_run_are_the_whole_at_every_look(seed):
    follower = rows = None
    for cluster in eventful(seed):
        follower = follower or Follower(cluster.trace)
        rows = grow(rows or copied(follower.whole()), copied(follower.more()))
        expected = copied(frames(cluster.trace))
        assert {name for name in rows if rows[name] != expected[name]} == set()
    assert copied(follower.whole()) == rows, "who comes late gets the same"


@pytest.mark.parametrize("seed", range(6))
def test_a_trace_may_be_cut_anywhere(seed):
    *_, cluster = eventful(seed)
    cut_at_random(cluster.trace, seed)


@pytest.mark.parametrize("seed", range(10))
def test_facts_in_no_sensible_order_change_nothing(seed):
    cut_at_random(pretend.noise(seed), seed)


def test_stops_that_are_known_only_later_come_later():
    rows = cut_at_random(pretend.story(), 1)
    assert {"decided", "healed"} <= {mark[2] for mark in rows["marks"]}


def test_a_message_to_a_machine_that_dies_meanwhile_is_told_again():
    pen = pretend.Pen(pretend.machines(1, 1))
    pen.note(0, "worker-1", pretend.e.MachineStarted())
    pen.message(1, "manager-1", "worker-1", "agent", "Assignments", latency=2)
    follower = Follower(pen.trace)
    assert follower.rows["messages"][0][6] == ""
    pen.note(2, "worker-1", pretend.e.MachineCrashed())
    keep, rows = follower.more()["messages"]
    assert (keep, rows[0][6]) == (0, "down")


def test_where_nothing_happened_a_piece_is_empty_and_where_only_time_passed_it_is_the_time():
    cluster = Cluster(managers=1, workers=1, messages=False)
    follower = Follower(cluster.trace)
    assert follower.more() == {}
    cluster.run_for(0.0001)
    assert follower.more() == {"end": cluster.trace.now}


def test_what_is_new_is_sent_and_what_stays_is_not():
    cluster = Cluster(managers=3, workers=2)
    cluster.docker("service create -d --name web --replicas 3 acme/web:1")
    cluster.run_for(20)
    follower = Follower(cluster.trace)
    cluster.docker("service scale -d web=4")
    piece = follower.more()
    for name in LISTS:
        keep, rows = piece.get(name, (0, []))
        assert len(rows) < 40 and (not rows or keep > 0 or name in ("requests", "copies")), name


def test_signs_of_life_can_be_left_out():
    cluster = Cluster(managers=3, workers=1)
    follower = Follower(cluster.trace, without=ROUTINE)
    cluster.run_for(5)
    follower.more()
    wanted = [row for row in frames(cluster.trace)["messages"] if row[5] not in ROUTINE]
    assert follower.rows["messages"] == wanted


def test_it_may_look_while_the_trace_grows_in_another_thread():
    cluster = Cluster(managers=3, workers=2, seed=5)
    follower, over = Follower(cluster.trace), threading.Event()
    rows = [copied(follower.whole())]

    def watch():
        while not over.is_set():
            rows.append(grow(rows.pop(), copied(follower.more())))

    watcher = threading.Thread(target=watch)
    watcher.start()
    for n in range(4):
        cluster.docker(f"service create -d --name web{n} --replicas 20 acme/web:1")
        cluster.run_for(20)
        cluster.crash("worker-1")
        cluster.run_for(30)
        cluster.restart("worker-1")
    over.set()
    watcher.join()
    whole = copied(frames(cluster.trace))
    last = grow(rows.pop(), copied(follower.more()))
    assert {name for name in last if last[name] != whole[name]} == set()
