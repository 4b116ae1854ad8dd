"""The trace: typed facts with time, source and cause; text, digest, saving, explaining."""

from toys import BecameFollower, Note, Ping, Rack, Send, Tell

from swarmlab.events import EntriesAppended, Partitioned
from swarmlab.sim.trace import Trace


def busy(messages=True, seed=1):
    rack = Rack("abc", seed, messages)
    for term in range(5):
        rack.do("a", Note(BecameFollower(term)), Send("b", "toy", ("do", (Note(EntriesAppended(1, 2, term)),))))
        rack.do("a", Send("c", "toy", Ping(term)), Tell("other", "x"))
        rack.run()
    rack.network.partition((("a",), ("b", "c")))
    return rack


def test_the_text_form_is_one_line_per_fact():
    lines = busy().trace.text().splitlines()
    assert lines[0].split() == ["0.000000", "#0", "a", "MachineStarted()"]
    assert lines[3].split() == ["0.000000", "#3", "a", "BecameFollower(term=0)"]


def test_the_digest_is_the_same_at_both_levels_and_in_every_repetition():
    assert busy(True).trace.digest() == busy(False).trace.digest() == busy(True).trace.digest()
    assert busy(True).trace.messages and not busy(False).trace.messages


def test_the_digest_sees_every_field_of_every_fact():
    one, other = busy().trace, busy().trace
    other.records[3] = other.records[3]._replace(fact=BecameFollower(99))
    assert one.digest() != other.digest()


def test_the_digest_can_be_asked_for_on_the_way():
    rack = Rack("a")
    rack.trace.digest()
    rack.do("a", Note(BecameFollower(1)))
    fresh = Rack("a")
    fresh.do("a", Note(BecameFollower(1)))
    assert rack.trace.digest() == fresh.trace.digest()


def test_a_trace_comes_back_from_a_file_as_it_was(tmp_path):
    trace = busy().trace
    trace.save(str(tmp_path / "trace.json"))
    again = Trace.load(str(tmp_path / "trace.json"))
    assert again.records == trace.records and again.messages == trace.messages
    assert again.digest() == trace.digest() and again.now == trace.now
    assert again.of(Partitioned)[0].fact.groups == (("a",), ("b", "c"))


def test_explain_walks_the_causes_back_to_the_first():
    rack = Rack("ab")
    rack.do(
        "a",
        Note(BecameFollower(1)),
        Tell("other", ("do", (Note(BecameFollower(2)), Tell("toy", ("do", (Note(BecameFollower(3)),)))))),
    )
    chain = rack.trace.explain(rack.trace.records[-1])
    assert [record.fact.term for record in chain] == [1, 2, 3]
    assert rack.trace.explain(chain[-1].number) == chain
