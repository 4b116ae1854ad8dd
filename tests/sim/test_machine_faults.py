"""Slow disks, clocks that are wrong, and power cuts in the middle of a step."""

import pytest
from toys import Append, BecameFollower, Note, Ping, Rack, Save, Send, Tell

from swarmlab.effects import NEVER, Trim
from swarmlab.events import ClockChanged, DiskChanged, MachineCrashed
from swarmlab.sim.machine import Clock

LAG = 50_000  # µs that a write takes


def slow(lag=LAG):
    rack = Rack()
    rack.machines["a"].slow_disk(lag)
    return rack


def pings(rack, name="b"):
    """Which messages a machine heard, and when."""
    return [(time, message.number) for time, _, message in rack.heard(name)]


def disk(rack, core="toy"):
    found = rack.machines["a"].disk(core)
    return dict(found.values), list(found.log)


# ── a slow disk ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_comes_before_a_write_is_done_at_once_and_what_comes_behind_waits():
    rack = slow()
    rack.do("a", Send("b", "toy", Ping(1)), Save("term", 1), Send("b", "toy", Ping(2)), Tell("other", "done"))
    rack.run(LAG - 1)
    assert [number for _, number in pings(rack)] == [1] and disk(rack) == ({}, []) and not rack.heard("a", "other")
    rack.run(LAG)
    assert [number for _, number in pings(rack)] == [1, 2] and pings(rack)[1][0] > LAG
    assert disk(rack) == ({"term": 1}, []) and rack.heard("a", "other") == [(LAG, "toy", "done")]


def test_what_comes_later_waits_for_the_writes_before_it():
    """Facts and words to other cores keep their order, whatever is still to be written."""
    rack = slow()
    rack.do("a", Append(1, ("x",)), Tell("other", "first"))
    rack.do("a", Tell("other", "second"), Note(BecameFollower(7)))
    rack.run(LAG - 1)
    assert not rack.heard("a", "other") and BecameFollower(7) not in [r.fact for r in rack.trace.records]
    rack.run(2 * LAG)
    assert [message for *_, message in rack.heard("a", "other")] == ["first", "second"]


def test_messages_that_rely_on_nothing_unwritten_pass():
    """A log being written is nobody's promise yet: who sends behind it says what is on disk."""
    rack = slow()
    rack.do("a", Append(1, ("x",)))
    rack.do("a", Send("b", "toy", Ping(1)))
    rack.run(LAG - 1)
    assert [number for _, number in pings(rack)] == [1]


@pytest.mark.parametrize("vital, early", [(True, []), (False, [1])])
def test_messages_wait_for_a_vital_value(vital, early):
    """A term or a vote is one: everything that is sent from then on relies on it."""
    rack = slow()
    rack.do("a", Save("term", 1, vital))
    rack.do("a", Send("b", "toy", Ping(1)))
    rack.run(LAG - 1)
    assert [number for _, number in pings(rack)] == early
    rack.run(3 * LAG)
    assert [number for _, number in pings(rack)] == [1]


def test_what_comes_during_a_write_is_the_next_one_all_together():
    rack = slow()
    for number in range(4):
        rack.do("a", Append(number + 1, (number,)), Send("b", "toy", Ping(number)))
    rack.run(LAG + LAG // 2)
    assert disk(rack)[1] == [0]
    rack.run(LAG)
    assert disk(rack)[1] == [0, 1, 2, 3] and [number for _, number in pings(rack)] == [0, 1, 2, 3]


def test_writes_of_all_kinds_keep_their_order():
    rack = slow()
    rack.do("a", Append(1, ("x", "y", "z")), Trim(1), Save("base", 1))
    rack.do("a", Append(2, ("w",)), Save("base", None))
    rack.run(3 * LAG)
    assert disk(rack) == ({}, ["y", "w"])


def test_another_core_has_a_disk_of_its_own():
    rack = slow()
    rack.do("a", Save("term", 1))
    rack.do("a", Send("b", "toy", Ping(1)), core="other")
    rack.run(LAG - 1)
    assert [number for _, number in pings(rack)] == [1]


def test_a_crash_loses_what_was_not_written_with_all_that_waited_for_it():
    rack = slow()
    rack.do("a", Save("term", 1), Send("b", "toy", Ping(1)))
    rack.run(LAG // 2)
    rack.machines["a"].crash()
    rack.machines["a"].start()
    rack.run(5 * LAG)
    assert disk(rack) == ({}, []) and pings(rack) == [] and rack.core("a").saved == {}


def test_a_write_of_an_earlier_life_never_ends():
    """Nor does it end a write of this life before its time."""
    rack = slow()
    rack.do("a", Save("term", 1))
    rack.run(LAG // 2)
    rack.machines["a"].crash()
    rack.machines["a"].start()
    rack.do("a", Save("term", 2))
    rack.run(LAG - 1)
    assert disk(rack) == ({}, [])
    rack.run(1)
    assert disk(rack) == ({"term": 2}, [])


def test_a_disk_that_is_fast_again_first_ends_what_is_under_way():
    rack = slow()
    rack.do("a", Append(1, ("x",)))
    rack.machines["a"].slow_disk(0)
    rack.do("a", Append(2, ("y",)), Tell("other", "done"))
    rack.run(LAG - 1)
    assert disk(rack)[1] == []
    rack.run(1)
    assert disk(rack)[1] == ["x", "y"] and rack.heard("a", "other") == [(LAG, "toy", "done")]
    rack.do("a", Append(3, ("z",)))
    assert disk(rack)[1] == ["x", "y", "z"]


def test_what_waited_for_the_disk_keeps_its_cause():
    rack = slow()
    rack.do("a", Append(1, ("x",)), Note(BecameFollower(1)), Tell("other", ("do", (Note(BecameFollower(2)),))))
    rack.run(2 * LAG)
    last = rack.trace.of(BecameFollower)[-1]
    assert [r.fact.term for r in rack.trace.explain(last) if type(r.fact) is BecameFollower] == [1, 2]


def test_how_slow_a_disk_is_is_in_the_trace():
    rack = slow()
    assert [record.fact for record in rack.trace.of(DiskChanged)] == [DiskChanged(LAG)]


# ── clocks ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("rate, true", [(2.0, 500), (0.5, 2000), (1.0, 1000)])
def test_a_core_is_woken_when_its_own_clock_shows_the_deadline(rate, true):
    rack = Rack()
    rack.machines["a"].drift(rate)
    rack.machines["a"].tell("toy", "test", ("wake", 1000))
    rack.run(true - 1)
    assert rack.heard("a") == []
    rack.run(2)
    assert len(rack.heard("a")) == 1 and rack.heard("a")[0][0] >= 1000  # it is told the time that its clock shows


def test_an_alarm_that_is_set_already_moves_with_the_clock():
    rack = Rack()
    for name in "ab":
        rack.machines[name].tell("toy", "test", ("wake", 1000))
    rack.run(500)
    rack.machines["a"].drift(5)
    rack.machines["b"].drift(0.5)
    rack.run(101)
    assert len(rack.heard("a")) == 1 and rack.heard("b") == []
    rack.run(900)
    assert len(rack.heard("b")) == 1 and rack.kernel.now == 1501


def test_a_clock_goes_on_from_what_it_showed():
    rack = Rack()
    a = rack.machines["a"]
    a.drift(2)
    rack.run(1000)
    assert a.local_now() == 2000
    a.drift(0.5)
    rack.run(1000)
    assert a.local_now() == 2500
    a.drift(1)
    rack.run(1000)
    assert a.local_now() == 3500 and rack.kernel.now == 3000  # right again, and wrong by what it was


def test_a_clock_that_was_never_wrong_is_the_true_one():
    rack = Rack()
    rack.machines["a"].drift(1)
    rack.run(777)
    assert rack.machines["a"].clock is None and rack.machines["a"].local_now() == 777


def test_a_clock_outlives_a_crash():
    rack = Rack()
    a = rack.machines["a"]
    a.drift(2)
    rack.run(1000)
    a.crash()
    rack.run(1000)
    a.start()
    assert a.local_now() == 4000 and a.clock is not None and a.clock.rate == 2


def test_a_clock_never_wakes_too_early_and_never_goes_back():
    for rate in (0.01, 0.3, 0.9, 0.999, 1.001, 1.1, 3.7, 100.0):
        clock = Clock(rate, 12_345, 98_765)
        for time in range(98_765, 200_000, 997):
            due = clock.when(time)
            assert clock.read(due) >= time and due >= 12_345
            assert clock.read(due) <= clock.read(due + 1)
    assert clock.when(NEVER) == NEVER


def test_what_a_clock_does_is_in_the_trace():
    rack = Rack()
    rack.machines["a"].drift(1.5)
    assert [record.fact for record in rack.trace.of(ClockChanged)] == [ClockChanged(1.5)]


# ── power cuts ───────────────────────────────────────────────────────────────────────────────────────────────────

STEP = (Save("term", 2), Append(1, ("x",)), Send("b", "toy", Ping(1)), Save("vote", "b"))


@pytest.mark.parametrize("after", range(5))
def test_power_goes_off_behind_so_many_effects(after):
    rack = Rack()
    rack.machines["a"].tear_down(after)
    rack.do("a", *STEP)
    rack.run()
    values = {"term": 2} if after >= 1 else {}
    values |= {"vote": "b"} if after >= 4 else {}
    assert disk(rack) == (values, ["x"] if after >= 2 else []) and len(rack.heard("b")) == (after >= 3)
    assert not rack.machines["a"].running and len(rack.trace.of(MachineCrashed)) == 1


def test_effects_are_counted_over_several_steps():
    rack = Rack()
    rack.machines["a"].tear_down(3)
    rack.do("a", Save("one", 1), Save("two", 2))
    assert rack.machines["a"].running
    rack.do("a", Save("three", 3), Save("four", 4))
    assert not rack.machines["a"].running and disk(rack)[0] == {"one": 1, "two": 2, "three": 3}


def test_what_other_cores_would_have_heard_is_lost_with_them():
    rack = Rack()
    rack.machines["a"].tear_down(2)
    rack.do("a", Save("one", 1), Tell("other", ("do", (Save("two", 2),))), Save("three", 3))
    assert not rack.machines["a"].running and disk(rack)[0] == {"one": 1} and disk(rack, "other")[0] == {}


def test_the_effects_of_other_cores_count_too():
    rack = Rack()
    rack.machines["a"].tear_down(3)
    rack.do("a", Save("one", 1), Tell("other", ("do", (Save("two", 2), Save("three", 3)))))
    assert not rack.machines["a"].running
    assert disk(rack)[0] == {"one": 1} and disk(rack, "other")[0] == {"two": 2}


def test_on_a_slow_disk_the_cut_loses_what_is_under_way():
    rack = slow()
    rack.machines["a"].tear_down(3)
    rack.do("a", *STEP)
    rack.run(3 * LAG)
    assert disk(rack) == ({}, []) and pings(rack) == []


def test_after_a_power_cut_it_boots_and_is_whole_again():
    rack = Rack()
    a = rack.machines["a"]
    a.tear_down(1)
    rack.do("a", *STEP)
    a.start()
    assert rack.core("a").saved == {"term": 2} and a.tear == -1
    rack.do("a", *STEP)
    assert disk(rack) == ({"term": 2, "vote": "b"}, ["x"])
