"""The kernel: one queue, one clock, one seed."""

from hypothesis import given
from hypothesis import strategies as st

from swarmlab.sim.kernel import Kernel


class Log(list):
    def __call__(self, what):
        self.append(what)


def test_events_happen_in_order_of_time():
    kernel, log = Kernel(), Log()
    for time in (30, 10, 20):
        kernel.at(time, log, time)
    kernel.run(100)
    assert log == [10, 20, 30] and kernel.now == 100


def test_of_two_events_at_one_instant_the_one_scheduled_first_happens_first():
    kernel, log = Kernel(), Log()
    for name in "abcdef":
        kernel.at(5, log, name)
    kernel.run(5)
    assert log == list("abcdef")


def test_run_includes_its_last_instant_and_nothing_later():
    kernel, log = Kernel(), Log()
    kernel.at(10, log, "in")
    kernel.at(11, log, "out")
    kernel.run(10)
    assert log == ["in"] and kernel.now == 10


def test_what_is_scheduled_in_the_past_happens_now():
    kernel, log = Kernel(), Log()
    kernel.run(50)
    kernel.at(10, log, "late")
    kernel.run(50)
    assert log == ["late"] and kernel.now == 50


def test_a_cancelled_alarm_never_rings_and_cancelling_a_past_one_does_nothing():
    kernel, log = Kernel(), Log()
    early, late = kernel.at(1, log, "early"), kernel.at(2, log, "late")
    kernel.run(1)
    kernel.cancel(early)
    kernel.cancel(late)
    kernel.at(3, log, "last")
    kernel.run(10)
    assert log == ["early", "last"]


class Stopper:
    def __init__(self, kernel):
        self.kernel, self.seen = kernel, []

    def stop(self, what):
        self.seen.append(what)
        self.kernel.stop()


def test_stop_returns_after_the_event_that_is_happening_and_run_goes_on_from_there():
    kernel = Kernel()
    stopper = Stopper(kernel)
    kernel.at(5, stopper.stop, 1)
    kernel.at(5, stopper.stop, 2)
    kernel.at(7, stopper.stop, 3)
    kernel.run(100)
    assert stopper.seen == [1] and kernel.now == 5
    kernel.run(100)
    assert stopper.seen == [1, 2]
    kernel.run(6)
    assert kernel.now == 6
    kernel.run(100)
    assert stopper.seen == [1, 2, 3] and kernel.now == 7
    kernel.run(100)
    assert kernel.now == 100


def test_step_lets_one_event_happen_and_skips_the_marks_of_stopped_runs():
    kernel, log = Kernel(), Log()
    stopper = Stopper(kernel)
    kernel.at(1, stopper.stop, "x")
    kernel.run(3)  # stopped at 1; its mark at 3 stays in the queue
    kernel.at(5, log, "a")
    kernel.at(6, log, "b")
    assert kernel.step(10) and log == ["a"] and kernel.now == 5
    assert kernel.step(10) and log == ["a", "b"]
    assert not kernel.step(10) and kernel.now == 10


class Chain:
    """Each event schedules the next, and remembers which cause it was given."""

    def __init__(self, kernel):
        self.kernel, self.causes = kernel, []

    def go(self, left):
        self.causes.append(self.kernel.cause)
        if left:
            self.kernel.cause += 1
            self.kernel.after(1, self.go, left - 1)


def test_the_cause_travels_with_what_is_scheduled():
    kernel = Kernel()
    chain = Chain(kernel)
    kernel.cause = 40
    kernel.at(0, chain.go, 3)
    kernel.run(10)
    assert chain.causes == [40, 41, 42, 43] and kernel.cause == -1


def test_a_new_stream_never_shifts_an_old_one():
    plain, crowded = Kernel(7), Kernel(7)
    crowded.stream("gossip").random()
    assert [plain.stream("raft").random() for _ in range(5)] == [crowded.stream("raft").random() for _ in range(5)]


def test_streams_differ_by_name_and_seed():
    draws = {(seed, name): Kernel(seed).stream(name).getrandbits(64) for seed in (1, 2) for name in "ab"}
    assert len(set(draws.values())) == 4


def test_stream_values_are_the_same_everywhere():
    """Written down once: another Python version that draws otherwise would change every lesson."""
    assert Kernel(7).stream("raft").getrandbits(16) == 52867


@given(st.lists(st.tuples(st.integers(0, 50), st.booleans())))
def test_whatever_is_scheduled_and_not_cancelled_happens_once_in_order(plan):
    kernel, log = Kernel(), Log()
    alarms = [(kernel.at(time, log, (time, n)), cancel, (time, n)) for n, (time, cancel) in enumerate(plan)]
    for alarm, cancel, _ in alarms:
        if cancel:
            kernel.cancel(alarm)
    kernel.run(50)
    assert log == sorted(what for _, cancel, what in alarms if not cancel)


def test_an_alarm_for_this_very_instant_can_be_cancelled_after_a_run():
    kernel, log = Kernel(), Log()
    kernel.run(50)
    kernel.cancel(kernel.at(50, log, "x"))
    kernel.run(60)
    assert log == []


def test_an_observer_sees_every_event_whatever_makes_time_pass():
    kernel, log, seen = Kernel(), Log(), []
    kernel.watch(log, lambda: seen.append(len(log)))
    for time in (1, 2, 3):
        kernel.at(time, log, time)
    kernel.run(2)
    kernel.step(10)
    assert seen == [1, 2, 3]
