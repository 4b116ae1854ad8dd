"""The log, rule by rule."""

from raft_harness import elect, entries, hear, node, noted, sent, tell, told, wake

from swarmlab.effects import STARTED, Append, Committed, Entry, Leading, Members, Propose, Refused, Save, Send, Tell
from swarmlab.events import CommitAdvanced, EntriesAppended, EntriesCut, ReachabilityChanged
from swarmlab.raft import PAPER, Log, Progress
from swarmlab.raft.messages import Appended, AppendEntries, Heartbeat, HeartbeatAnswer, Mismatched


def append(term, previous, previous_term, new=(), commit=0):
    return AppendEntries(term, "b", "a", previous, previous_term, tuple(new), commit)


def terms(made):
    return [entry.term for entry in made.log.entries]


def leader(of="abc", settled=True, **how):
    """A leader in its first term; its followers hold the empty entry if it is settled."""
    made = node(of=of, **how)
    elect(made, *of[1 : len(of) // 2 + 1])
    if settled:
        for follower in of[1:]:
            hear(made, Appended(made.term, follower, "a", made.log.last_index), made.deadline - 1)
    return made


# ── a follower ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_entries_are_taken_behind_a_matching_one():
    """§5.3: consistency check on the entry before."""
    made = node(terms=(1, 1), term=1)
    effects = hear(made, append(2, 2, 1, entries(2, 2, first=3)))
    assert terms(made) == [1, 1, 2, 2]
    assert noted(effects, EntriesAppended) == [EntriesAppended(3, 4, 2)] and not noted(effects, EntriesCut)
    assert sent(effects) == [Appended(2, "a", "b", 4)]


def test_entries_are_on_disk_before_they_are_acknowledged():
    """Figure 2: the log is persistent."""
    kinds = [type(effect) for effect in hear(node(), append(1, 0, 0, entries(1)))]
    assert kinds.index(Append) < kinds.index(Send)


def test_a_gap_or_another_term_is_refused():
    """§5.3, figure 2 AppendEntries 2."""
    made = node(terms=(1, 1), term=1)
    assert sent(hear(made, append(2, 5, 2, entries(2, first=6)))) == [Mismatched(2, "a", "b", 5, 2, 1)]
    assert sent(hear(made, append(2, 2, 2, entries(2, first=3)))) == [Mismatched(2, "a", "b", 2, 2, 1)]
    assert terms(made) == [1, 1]


def test_the_log_is_cut_at_the_first_conflict():
    """Figure 2 AppendEntries 3: that entry and all that follow it go."""
    made = node(terms=(1, 1, 2, 2, 2), term=2)
    effects = hear(made, append(3, 1, 1, entries(1, 3, first=2)))
    assert terms(made) == [1, 1, 3]
    assert noted(effects, EntriesCut) == [EntriesCut(3)] and noted(effects, EntriesAppended) == [
        EntriesAppended(3, 3, 3)
    ]
    assert [e for e in effects if type(e) is Append] == [Append(3, entries(3, first=3))]


def test_a_shorter_or_repeated_message_cuts_nothing():
    """Reference §8.2: a late message must not erase what was acknowledged since."""
    made = node(terms=(1, 1, 1, 1), term=1)
    for late in (append(1, 0, 0, entries(1, 1)), append(1, 1, 1), append(1, 3, 1, entries(1, first=4))):
        effects = hear(made, late)
        assert terms(made) == [1, 1, 1, 1] and not [e for e in effects if type(e) is Append]
    assert sent(hear(made, append(1, 0, 0, entries(1, 1)))) == [Appended(1, "a", "b", 2)]


def test_only_what_the_message_proves_is_committed():
    """Figure 2 AppendEntries 5, read with care: the tail may be another leader's."""
    made = node(terms=(1, 1, 2), term=2)
    hear(made, append(3, 1, 1, commit=9))
    assert made.commit == 1
    hear(made, append(3, 1, 1, entries(1, first=2), commit=9))
    assert made.commit == 2


def test_the_commit_index_never_goes_back():
    made = node(terms=(1, 1), term=1)
    hear(made, append(1, 2, 1, commit=2))
    assert made.commit == 2
    hear(made, append(1, 2, 1, commit=1))
    hear(made, Heartbeat(1, "b", "a", 0))
    assert made.commit == 2


def test_every_entry_is_told_once_and_in_order():
    """§5.3: applied in log order."""
    made, log = node(terms=(1, 1, 1), term=1), entries(1, 1, 1)
    assert told(hear(made, append(1, 3, 1, commit=2)), Committed) == [Committed(log[:2])]
    assert told(hear(made, Heartbeat(1, "b", "a", 3)), Committed) == [Committed(log[2:])]
    assert told(hear(made, append(1, 3, 1, commit=3)), Committed) == []


def test_what_was_known_to_be_committed_is_told_again_after_a_restart():
    made = node(terms=(1, 1, 1), term=1, commit=2, started=False)
    assert told(made.step(STARTED, 0), Committed) == [Committed(entries(1, 1))]


def test_the_commit_index_is_saved_with_the_next_write():
    made = node(terms=(1,), term=1)
    assert not [e for e in hear(made, append(1, 1, 1, commit=1)) if type(e) is Save]
    assert Save("commit", 1, vital=False) in hear(made, append(1, 1, 1, entries(1, first=2), commit=1))


def test_a_refusal_skips_whole_terms_on_both_sides():
    """Dissertation §3.5: at most one refusal per term."""
    log = Log(entries(1, 1, 3, 3, 3, 5, 5))
    assert log.last_within(7, 4) == 5 and log.last_within(9, 5) == 7 and log.last_within(5, 2) == 2
    assert log.last_within(2, 0) == 0


# ── a leader ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_proposal_is_written_and_sent_at_once():
    made = leader()
    effects = tell(made, Propose(1, "x"))
    entry = Entry(2, 1, "data", "x")
    assert effects[0] == Append(2, (entry,))
    assert [(m.target, m.previous_index, m.entries) for m in sent(effects)] == [("b", 1, (entry,)), ("c", 1, (entry,))]


def test_appends_are_pipelined_once_the_logs_are_known_to_match():
    """Dissertation §10.2.1: the next append does not wait for the answer to the one before."""
    made = leader()
    tell(made, Propose(1, "x"))
    assert [m.previous_index for m in sent(tell(made, Propose(2, "y")))] == [2, 2]


def test_a_follower_that_may_differ_gets_one_append_at_a_time():
    made = leader(settled=False)
    assert sent(tell(made, Propose(1, "x"))) == []
    assert [len(m.entries) for m in sent(hear(made, Appended(1, "b", "a", 1)), AppendEntries) if m.target == "b"] == [1]


def test_only_a_leader_takes_proposals():
    assert told(tell(node(), Propose(3, "x"))) == [Refused(3, "not leader")]


def test_an_entry_on_a_majority_is_committed_and_everybody_hears_at_once():
    """§5.3."""
    made = leader(of="abcde")
    tell(made, Propose(1, "x"))
    assert not noted(hear(made, Appended(1, "b", "a", 2)), CommitAdvanced)
    effects = hear(made, Appended(1, "c", "a", 2))
    assert noted(effects) == [CommitAdvanced(2)]
    assert told(effects) == [Committed((Entry(2, 1, "data", "x"),))]
    assert [m.commit for m in sent(effects, AppendEntries)] == [2, 2, 2, 2]


def test_leading_is_told_when_all_earlier_entries_have_been():
    """SwarmKit: usable only when the whole log is applied. §8: that takes an entry of the own term."""
    made = node(terms=(1, 1), term=1)
    elect(made, "b")
    effects = hear(made, Appended(2, "b", "a", 3), made.deadline - 1)
    assert [type(message) for message in told(effects)] == [Members, Committed, Leading]
    assert len(told(effects, Committed)[0].entries) == 3 and told(effects, Leading) == [Leading(2)]


def test_entries_of_an_older_term_are_not_committed_by_counting():
    """§5.4.2, figure 8."""
    made = node(terms=(1, 2), term=3)
    elect(made, "b")
    hear(made, Appended(4, "b", "a", 2), made.deadline - 1)
    assert made.commit == 0
    hear(made, Appended(4, "b", "a", 3), made.deadline - 1)
    assert made.commit == 3


def test_a_single_member_commits_by_itself():
    made = node(of="a")
    assert made.role == "leader" and made.commit == 1
    assert told(tell(made, Propose(1, "x")), Committed) == [Committed((Entry(2, 1, "data", "x"),))]


def test_match_is_what_the_answer_proves_and_late_answers_do_not_lower_it():
    """Reference §8.11."""
    made = leader()
    for key in (1, 2, 3):
        tell(made, Propose(key, key))
    hear(made, Appended(1, "b", "a", 3))
    assert made.progress["b"].match == 3
    hear(made, Appended(1, "b", "a", 2))
    assert made.progress["b"].match == 3 and made.progress["b"].next == 5


def test_a_late_refusal_is_ignored_and_nothing_goes_below_match():
    """Reference §8.12."""
    made = leader()
    for key in (1, 2, 3):
        tell(made, Propose(key, key))
    hear(made, Appended(1, "b", "a", 4))
    assert sent(hear(made, Mismatched(1, "b", "a", 2, 0, 0))) == []
    progress = Progress("b", "B", 9)
    progress.match = 5
    progress.probe(2)
    assert progress.next == 6 and not progress.is_stale(5) and progress.is_stale(7)


def test_after_a_refusal_the_leader_goes_back_by_the_hint():
    made = node(terms=(1, 1, 1, 4, 4), term=4)
    elect(made, "b")
    effects = hear(made, Mismatched(5, "b", "a", 5, 4, 3), made.deadline - 1)
    assert [(m.previous_index, m.previous_term, len(m.entries)) for m in sent(effects, AppendEntries)] == [(3, 1, 3)]


def test_an_append_that_was_lost_is_sent_again_after_a_heartbeat():
    """§5.3: retried indefinitely. The heartbeat's answer shows that the follower is there but lacks something."""
    made = leader()
    tell(made, Propose(1, "x"))  # lost
    effects = hear(made, HeartbeatAnswer(1, "b", "a"))
    assert [(m.previous_index, m.entries) for m in sent(effects)] == [(2, ())]
    effects = hear(made, Mismatched(1, "b", "a", 2, 1, 1))
    assert [(m.previous_index, len(m.entries)) for m in sent(effects)] == [(1, 1)]


def test_an_append_carries_no_more_than_it_may():
    made = leader(settings=PAPER._replace(max_entries=4), settled=False)
    for key in range(10):
        tell(made, Propose(key, key))
    sizes, match = [], 1
    while made.progress["b"].match < 11:
        batch = [
            m for m in sent(hear(made, Appended(1, "b", "a", match)), AppendEntries) if m.target == "b" and m.entries
        ]
        sizes += [len(m.entries) for m in batch]
        match += sum(len(m.entries) for m in batch)
    assert sizes == [4, 4, 2]


def test_heartbeats_tell_the_commit_index_only_as_far_as_proven():
    """etcd: min(commit, match), else a follower could commit a stale tail."""
    made = leader()
    tell(made, Propose(1, "x"))
    hear(made, Appended(1, "b", "a", 2))
    assert made.commit == 2
    assert [(m.target, m.commit) for m in sent(wake(made), Heartbeat)] == [("b", 2), ("c", 1)]


def test_an_idle_leader_notes_nothing_and_allocates_no_new_heartbeat():
    made = leader()
    wake(made)
    for follower in "bc":
        assert hear(made, HeartbeatAnswer(1, follower, "a")) == []
    first = wake(made)
    for follower in "bc":
        hear(made, HeartbeatAnswer(1, follower, "a"))
    second = wake(made)
    assert not noted(first + second) and all(one is two for one, two in zip(first, second, strict=True))


def test_a_peer_is_reachable_while_it_answers():
    """A fresh leader knows nobody as reachable; three silent heartbeats and a peer is lost."""
    made = leader(settled=False, of="abc", settings=PAPER._replace(check_quorum=False))
    effects = hear(made, HeartbeatAnswer(1, "b", "a"))
    rows = Members((("a", "A", True), ("b", "B", True), ("c", "C", False)))
    assert noted(effects) == [ReachabilityChanged("B", True)] and Tell("manager", rows) in effects
    silence = [noted(wake(made), ReachabilityChanged) for _ in range(5)]
    assert silence == [[], [], [], [ReachabilityChanged("B", False)], []]
    assert noted(hear(made, HeartbeatAnswer(1, "b", "a"))) == [ReachabilityChanged("B", True)]


def test_nothing_mutable_is_shared_between_log_disk_and_messages():
    made = leader()
    effects = tell(made, Propose(1, "x"))
    message = sent(effects)[0]
    assert type(message.entries) is tuple and type(effects[0].entries) is tuple
    disk = list(made.log.entries)
    other = Log(disk)
    other.write(entries(9, first=1))
    assert disk == made.log.entries
