"""Following lines and events: each once, none left out, also those of the instant in which somebody looked."""

from swarmlab import Cluster
from swarmlab.cluster import Keyboard
from swarmlab.docker.tail import Happenings, Lines, last
from swarmlab.messages import CreateVolume, Event, LogAnswer, LogLine, Logs


class Scripted:
    """A session whose engine gives these answers, one after the other."""

    def __init__(self, *answers):
        self.answers, self.asked, self.now = list(answers), [], 0

    def call(self, request):
        self.asked.append(request)
        return self.answers.pop(0)


def line(time, text, task="t"):
    return LogLine(time, "stdout", text, task)


def test_lines_of_the_instant_of_a_look_come_once_and_equal_ones_are_told_apart():
    looks = ([line(5, "a"), line(5, "a")], [line(5, "a"), line(5, "a"), line(5, "a"), line(6, "b")], [line(6, "b")])
    session = Scripted(*(LogAnswer(tuple(look)) for look in looks))
    lines = Lines(Logs("service", "s"))
    assert [[one.text for one in lines.more(session).lines] for _ in looks] == [["a", "a"], ["a", "b"], []]
    assert [request.seen for request in session.asked] == [(), (("t", 5),), (("t", 6),)]


def test_a_tail_cuts_only_what_was_there_at_first():
    session = Scripted(LogAnswer((line(1, "a"), line(2, "b"))), LogAnswer((line(2, "b"), line(3, "c"))))
    lines = Lines(Logs("service", "s", tail=0))
    assert [[one.text for one in lines.more(session).lines] for _ in range(2)] == [[], ["c"]]
    assert [one.text for one in last((line(1, "a"), line(2, "b"), line(1, "c", "u")), 1)] == ["b", "c"]


def test_events_that_come_late_or_at_the_same_instant_are_shown_once():
    def event(time, id):
        return Event(time, "volume", "create", id, {})

    session = Scripted((event(5, "a"),), (event(4, "late"), event(5, "a"), event(5, "b")), (event(5, "b"),))
    events = Happenings(since=0)
    assert [[one.id for one in events.more(session)] for _ in range(3)] == [["a"], ["late", "b"], []]


def test_whoever_says_no_time_sees_what_happens_from_now_on():
    cluster = Cluster(managers=1, seed=1, messages=False)
    cluster.docker("volume create old")
    session = Keyboard(cluster, "manager-1", cluster.kernel.now + 10**9, cluster.acts[-1], -1)
    events = Happenings(None)
    assert events.more(session) == []
    session.call(CreateVolume("new"))
    assert [one.id for one in events.more(session)] == ["new"] and events.more(session) == []
