"""Snapshots: independent twins that share what cannot change."""

from toys import BecameFollower, Note, Ping, Rack, Send

from swarmlab.sim.snapshot import Snapshot


def running_rack():
    rack = Rack("abc", seed=5)
    for number in range(10):
        rack.do("a", Note(BecameFollower(number)), Send("b", "toy", Ping(number)))
    rack.machines["c"].tell("toy", "test", ("wake", 700))
    rack.run(400)  # some messages are still under way
    return rack


def test_a_twin_goes_on_exactly_like_the_original():
    rack = running_rack()
    twin = Snapshot(rack).develop()
    for world in (rack, twin):
        world.run()
        world.do("b", Send("c", "toy", Ping(1)))
        world.run()
    assert twin.trace.text() == rack.trace.text() and twin.trace.messages == rack.trace.messages
    assert twin.heard("b") == rack.heard("b") and twin.heard("c") == rack.heard("c")


def test_what_happens_to_one_never_reaches_the_other():
    rack = running_rack()
    twin = Snapshot(rack).develop()
    before = rack.trace.text()
    twin.machines["b"].crash()
    twin.kernel.stream("toy").random()
    twin.run()
    assert rack.trace.text() == before and rack.machines["b"].running
    rack.run()
    assert len(rack.heard("b")) == 10


def test_one_picture_gives_any_number_of_twins():
    picture = Snapshot(running_rack())
    one, other = picture.develop(), picture.develop()
    one.run()
    assert len(one.heard("b")) == 10 and len(other.heard("b")) < 10


def test_immutable_things_are_shared_and_functions_too():
    rack = running_rack()
    rack.policy = lambda x: x  # a learner's own function, which pickle alone could not keep
    twin = Snapshot(rack).develop()
    assert twin.policy is rack.policy
    assert twin.trace.records[5] is rack.trace.records[5] and twin.trace.records is not rack.trace.records
    assert twin.trace.kernel is twin.kernel and twin.machines["a"].trace is twin.trace
