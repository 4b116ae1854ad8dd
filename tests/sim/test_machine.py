"""A machine carries out effects, and can fail."""

import pytest
from toys import Append, BecameFollower, Note, Ping, Rack, Save, Send, Tell


def test_a_core_is_woken_at_its_deadline_and_not_before():
    rack = Rack()
    rack.machines["a"].tell("toy", "test", ("wake", 500))
    rack.run(499)
    assert rack.heard("a") == []
    rack.run(1)
    assert rack.heard("a") == [(500, "woken")]


def test_a_deadline_that_moves_later_is_kept_and_one_that_moves_earlier_is_too():
    rack = Rack()
    a = rack.machines["a"]
    a.tell("toy", "test", ("wake", 500))
    a.tell("toy", "test", ("wake", 900))
    a.tell("other", "test", ("wake", 500))
    a.tell("other", "test", ("wake", 200))
    rack.run(2000)
    assert rack.heard("a") == [(900, "woken")] and rack.heard("a", "other") == [(200, "woken")]


def test_a_tell_is_heard_at_once_by_the_other_core_after_the_rest_of_the_list():
    rack = Rack()
    rack.do("a", Tell("other", ("do", (Tell("toy", "third"),))), Tell("toy", "second"))
    assert [message for _, _, message in rack.heard("a")] == ["second", "third"]
    assert rack.kernel.now == 0


def test_what_is_told_to_nobody_on_the_machine_goes_outside():
    rack = Rack()
    rack.do("a", Tell("client", "answer"))
    assert rack.outside == [("a", "client", "answer")]


def test_what_a_core_saved_survives_a_crash_and_nothing_else_does():
    rack = Rack()
    rack.do("a", Save("term", 3), Save("vote", "b"), Append(1, ("x", "y", "z")), Append(2, ("w",)), Save("vote", None))
    rack.core("a").heard.append("memory")
    rack.machines["a"].crash()
    rack.machines["a"].start()
    core = rack.core("a")
    assert (core.saved, core.log, core.heard) == ({"term": 3}, ["x", "w"], [])


def test_an_alarm_of_an_earlier_life_never_fires():
    rack = Rack()
    rack.machines["a"].tell("toy", "test", ("wake", 500))
    rack.machines["a"].crash()
    rack.machines["a"].start()
    rack.run(1000)
    assert rack.heard("a") == []


def test_a_message_to_a_machine_that_is_off_is_lost_and_one_sent_before_its_reboot_may_arrive():
    rack = Rack()
    rack.do("a", Send("b", "toy", Ping(1)))
    rack.machines["b"].crash()
    rack.run()
    rack.machines["b"].start()
    assert rack.heard("b") == []
    rack.do("a", Send("b", "toy", Ping(2)))
    rack.machines["b"].crash()
    rack.machines["b"].start()
    rack.run()
    assert [message for *_, message in rack.heard("b")] == [Ping(2)]


def test_a_frozen_machine_hears_and_does_everything_when_it_goes_on_in_order():
    rack = Rack()
    rack.machines["b"].tell("toy", "test", ("wake", 500))
    rack.machines["b"].freeze(1_000_000)
    for number in range(3):
        rack.do("a", Send("b", "toy", Ping(number)))
    rack.run(999_999)
    assert rack.heard("b") == []
    rack.run(1)
    heard = [entry[-1] for entry in rack.heard("b")]
    assert sorted(map(str, heard)) == sorted(map(str, ["woken", Ping(0), Ping(1), Ping(2)]))
    assert [h for h in heard if h != "woken"] == [Ping(0), Ping(1), Ping(2)]
    assert {time for time, *_ in rack.heard("b")} == {1_000_000}


def test_a_crash_ends_a_freeze():
    rack = Rack()
    rack.machines["b"].freeze(1_000_000)
    rack.machines["b"].crash()
    rack.machines["b"].start()
    rack.do("a", Send("b", "toy", Ping(1)))
    rack.run()
    assert len(rack.heard("b")) == 1


def test_a_loaded_machine_is_late_but_keeps_the_order():
    rack = Rack()
    rack.machines["b"].load(50_000)
    for number in range(20):
        rack.do("a", Send("b", "toy", Ping(number)))
    rack.run(10_000_000)
    times = [time for time, *_ in rack.heard("b")]
    assert [message.number for *_, message in rack.heard("b")] == list(range(20))
    assert times == sorted(times) and times[-1] > 200_000
    rack.machines["b"].load(0)
    before = rack.kernel.now
    rack.do("a", Send("b", "toy", Ping(99)))
    rack.run()
    assert rack.heard("b")[-1][0] - before < 1_000


def test_facts_of_one_step_share_its_cause_and_cause_what_follows():
    rack = Rack()
    fact = BecameFollower
    rack.do("a", Note(fact(1)), Note(fact(2)), Tell("other", ("do", (Note(fact(3)),))))
    one, two, three = rack.trace.records[-3:]
    assert one.cause == two.cause and three.cause == two.number


def test_what_no_machine_can_do_is_a_bug_and_says_so():
    with pytest.raises(AssertionError, match="asks for 'nonsense'"):
        Rack().do("a", "nonsense")


def test_a_second_freeze_makes_the_first_one_longer():
    rack = Rack()
    rack.machines["b"].freeze(5_000_000)
    rack.run(1_000_000)
    rack.machines["b"].freeze(20_000_000)
    rack.run(6_000_000)
    assert rack.machines["b"].frozen
    rack.run(14_000_000)
    assert not rack.machines["b"].frozen


def test_what_waited_in_a_freeze_keeps_its_causes():
    rack = Rack()
    rack.machines["b"].freeze(1_000_000)
    for term in (1, 2):
        rack.kernel.cause = -1
        rack.do("a", Note(BecameFollower(term)), Send("b", "toy", ("do", (Note(BecameFollower(10 + term)),))))
    rack.run(2_000_000)
    chains = [rack.trace.explain(record) for record in rack.trace.of(BecameFollower) if record.fact.term > 10]
    assert [[record.fact.term for record in chain] for chain in chains] == [[1, 11], [2, 12]]


def test_a_load_that_ends_lets_nothing_overtake_and_a_reboot_forgets_it():
    rack = Rack()
    rack.machines["b"].load(100_000)
    for number in range(5):
        rack.do("a", Send("b", "toy", Ping(number)))
    rack.run(50_000)
    rack.machines["b"].load(0)
    rack.do("a", Send("b", "toy", Ping(99)))
    rack.run(5_000_000)
    assert [message.number for *_, message in rack.heard("b")] == [0, 1, 2, 3, 4, 99]
    rack.machines["b"].load(10_000_000)
    rack.do("a", Send("b", "toy", Ping(5)))
    rack.run()
    rack.machines["b"].crash()
    rack.machines["b"].start()
    rack.do("a", Send("b", "toy", Ping(6)))
    rack.run()
    assert [message.number for *_, message in rack.heard("b")] == [6]
