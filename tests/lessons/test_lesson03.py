"""The judges of lesson 03: right answers are called correct, typical wrong ones get a helpful line, and none raises."""

from itertools import combinations

import pytest

from swarmlab.events import BecameLeader, CommitAdvanced
from swarmlab.lessons import counterexample, lesson03, reveal, scenes03
from swarmlab.raft.quorum import committed_index

from .judging import said

# ── recall ──

VANISH = [(3, 1), (4, 1), (6, 2)]


def test_recall_takes_what_can_vanish(capsys):
    assert said(capsys, "03.recall", VANISH) == "correct"
    assert said(capsys, "03.recall", {(6, 2), (4, 1), (3, 1)}) == "correct"
    assert said(capsys, "03.recall", [[3, 1], [4, 1], [6, 2]]) == "correct"


def test_what_recall_calls_safe_survives_whoever_is_elected():
    """By the engine itself: whichever two stay off meanwhile, and whoever asks for votes first."""
    group = lesson03.fresh_ladder()
    group.heal()
    scenes03.return_all(group)
    seen, lost = 0, set()
    entries = {entry for log in group.logs().values() for entry in log}
    for off in combinations(group.members, 2):
        for first in group.members:
            future = group.fork()
            for name in off:
                future.crash(name)
            if first in off:
                continue
            for _ in range(3):  # whoever is behind learns the term first
                future.time_out(first)
                future.run_for(0.01)
            if future.leader == first:
                future.run_for(0.2)
                seen += 1
                lost |= entries - set(future.logs()[first])
    assert seen > 5 and lost == set(VANISH) == lesson03.can_vanish(group.logs())


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ([*VANISH, (5, 2)], "a majority cannot be found without one of them, dashed or not"),  # uncommitted = lost
        ([*VANISH, (4, 2)], "a majority cannot be found"),
        ([*VANISH, (2, 1)], "is on every disk"),
        ([(3, 1), (4, 1)], "entry 6 of term 2 is on node-3 only"),  # done when the leader has it
        ([], "entry 3 of term 1 is on node-1 only"),
        ([*VANISH, (9, 9)], "there is no entry 9 of term 9"),
        ([3, 4, 6], "give a list of pairs"),
        (6, "give a list of pairs"),
        (None, "give a list of pairs"),
        ("36", "give a list of pairs"),
        ([("3", 1)], "give a list of pairs"),
    ],
)
def test_recall_says_what_was_overlooked(capsys, answer, why):
    line = said(capsys, "03.recall", answer)
    assert line.startswith("not yet: ") and why in line


# ── modify ──


@pytest.mark.parametrize("milliseconds", [11, 20, 29.5])
def test_modify_takes_a_death_between_the_copies_and_the_answer(capsys, milliseconds):
    assert said(capsys, "03.modify", milliseconds) == "correct"


@pytest.mark.parametrize(
    ("milliseconds", "why"),
    [
        (45, "had its answer after 40 ms"),
        (5, "asked the next leader, and got a good answer"),
        (0, "asked the next leader"),
        (-1, "between 0 and 1000 ms"),
        (5000, "between 0 and 1000 ms"),
        ("15 ms", "give a number"),
        (None, "give a number"),
        (True, "give a number"),
        (float("nan"), "give a number"),
    ],
)
def test_modify_says_what_the_client_saw(capsys, milliseconds, why):
    line = said(capsys, "03.modify", milliseconds)
    assert line.startswith("not yet: ") and why in line


# ── build ──


def by_hand(match, terms, term):
    for index in range(len(terms), 0, -1):
        if terms[index - 1] == term and 2 * sum(m >= index for m in match) > len(match):
            return index
    return 0


def of_any_term(match, terms, term):
    return sorted(match, reverse=True)[len(match) // 2]


def of_no_later_term(match, terms, term):
    index = sorted(match, reverse=True)[len(match) // 2]
    return index if index and terms[index - 1] <= term else 0


@pytest.mark.parametrize("rule", [lesson03.right_index, by_hand])
def test_build_takes_the_rule_of_the_engine(capsys, rule):
    assert said(capsys, "03.build", rule) == "correct"


def of_the_last_two_terms(match, terms, term):
    """Bolder than the engine, but nobody else can have led between two neighbouring terms."""
    index = sorted(match, reverse=True)[len(match) // 2]
    return index if index and terms[index - 1] >= term - 1 else 0


def test_build_does_not_refute_what_it_cannot_refute(capsys):
    line = said(capsys, "03.build", of_the_last_two_terms)
    assert line.startswith("correct. The engine is stricter: with match=[1], terms=[4], term=5 it says 1.")


@pytest.mark.parametrize("rule", [of_any_term, of_no_later_term])
def test_build_refutes_counting_an_older_entry_with_a_figure_8(capsys, rule):
    """Found by the campaign, cut down, and ready for the board."""
    line = said(capsys, "03.build", rule)
    assert "leads without entry 2, though it was committed" in line and "12 acts are enough" in line
    run = counterexample("03.build")
    assert len(run.acts) == 12
    committed = [r for r in run.trace.of(CommitAdvanced) if r.fact.index == 2]
    assert len(committed) == 1 and run.trace.of(BecameLeader)[-1].source != committed[0].source
    entry = dict(run.logs()[committed[0].source])[2]
    newest = [r.fact.term for r in run.trace.of(BecameLeader) if r.time < committed[0].time][-1]
    assert entry < newest and dict(run.logs()[run.leader])[2] > entry
    assert len(run.trace.messages) > 0  # there is something to see


def half(match, terms, term):
    index = sorted(match)[len(match) // 2]
    return index if index and terms[index - 1] == term else 0


def of_own_term(terms, index, term):
    return index if index and terms[index - 1] == term else 0


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (half, "half of them is not more than half"),
        (lambda match, terms, term: of_own_term(terms, len(terms), term), "is not more than half"),  # the leader has it
        (lambda match, terms, term: of_own_term(terms, max(match), term), "is not more than half"),
        (lambda match, terms, term: of_own_term(terms, min(match), term), "the slowest need not be waited for"),
        (lambda match, terms, term: 0, "servers hold entry 1: the slowest need not be waited for"),
        (lambda match, terms, term: committed_index(match) - 1, "there is no such index"),
        (lambda match, terms, term: len(terms) + 1, "there is no such index"),
        (lambda match, terms, term: None, "not a whole number"),
        (lambda match, terms, term: 1.0, "not a whole number"),
    ],
)
def test_build_names_the_smallest_log_that_is_judged_wrongly(capsys, rule, why):
    line = said(capsys, "03.build", rule)
    assert line.startswith("not yet: with match=") and why in line


@pytest.mark.parametrize("rule", [None, 5, "rule", lambda: 1, lambda m, t, x: 1 / 0, lambda m, t, x: exit(), True])
def test_build_survives_any_answer(capsys, rule):
    assert said(capsys, "03.build", rule).startswith("not yet: ")


def test_a_rule_that_spoils_its_lists_harms_nobody(capsys):
    def rule(match, terms, term):
        index = lesson03.right_index(match, terms, term)
        match.clear()
        terms.clear()
        return index

    assert said(capsys, "03.build", rule) == "correct"


def test_the_engine_is_itself_again_after_a_rule_was_planted(capsys):
    said(capsys, "03.build", lambda match, terms, term: 0)
    said(capsys, "03.build", of_any_term)
    group = scenes03.settled()
    assert group.write("x", "new", wait=1) == ""


# ── what the lesson says of its runs ──


def test_an_entry_is_safe_from_a_majority_of_copies_on():
    """Whatever the number of servers; and then also if nobody knows it."""
    for servers in (3, 5, 7):
        for copies in range(servers):
            one = scenes03.death(servers, copies)
            on = scenes03.on_disk(one.group, one.entry)
            assert len(on) == copies + 1 and "no answer" in one.heard
            assert (one.survives == "kept") == (2 * len(on) > servers)
            assert (one.survives == "lost") == (copies == 0)


def test_an_answered_entry_survives():
    one = scenes03.four_deaths()[3]
    assert "told" in one.heard and one.survives == "kept" and len(one.futures) == 4


@pytest.mark.parametrize(("servers", "slow", "quick"), [(3, 1, True), (3, 2, False), (5, 2, True), (5, 3, False)])
def test_a_client_waits_for_a_majority_and_not_for_the_slowest(servers, slow, quick):
    words = scenes03.draw_answer(servers, slow)[1]
    assert words.startswith(f"{slow} of {servers - 1} followers are slow")
    assert (float(words.split("after ")[1].split(" ms")[0]) < 3) == quick


def test_figure_7_is_the_papers_and_converges():
    group = scenes03.figure_7()
    assert ["".join(map(str, log)) for log in scenes03.terms_of(group).values()] == [
        "1114455666",
        "111445566",
        "1114",
        "11144556666",
        "111445566677",
        "1114444",
        "11122233333",
    ]
    group.time_out("node-1")
    group.run_for(1)
    assert len(set(group.logs().values())) == 1 and set(group.commits().values()) == {11}


def test_figure_8_is_the_papers():
    moments = scenes03.figure_8()
    terms = {name: [[term for _, term in log] for log in group.logs().values()] for name, group in moments.items()}
    assert terms["b"] == [[1, 2], [1, 2], [1], [1], [1, 3]]
    assert terms["c"] == [[1, 2, 4], [1, 2], [1, 2], [1, 2], [1, 3]] and max(moments["c"].commits().values()) == 1
    assert all(log[:2] == [1, 3] for log in terms["d"]) and all(log[:3] == [1, 2, 4] for log in terms["e"])


def test_compare_counts_the_logs_that_converge(capsys):
    lesson03.compare()
    rows = capsys.readouterr().out.splitlines()
    assert [row.split(";")[0].split("  ")[-1].strip() for row in rows] == ["7 of 7", "10 000", "500", "200"]


# ── predictions ──


def test_a_number_is_a_guess_as_well(capsys):
    reveal("03.1", 2)
    assert capsys.readouterr().out.startswith("Yes. ")
