"""Majorities, against their definition."""

from hypothesis import given
from hypothesis import strategies as st

from swarmlab.raft import committed_index, majority, vote_result


@given(st.lists(st.integers(0, 20), min_size=1, max_size=9))
def test_committed_is_the_highest_index_that_a_majority_holds(matches):
    held = [index for index in range(21) if sum(match >= index for match in matches) >= majority(len(matches))]
    assert committed_index(matches) == max(held)


def test_even_groups_need_one_more_than_half():
    assert [majority(n) for n in range(1, 9)] == [1, 2, 2, 3, 3, 4, 4, 5]
    assert committed_index([5, 5, 1, 1]) == 1
    assert committed_index([5, 5, 5, 1]) == 5
    assert committed_index([5, 3]) == 3
    assert vote_result({"a": True, "b": True}, "abcd") == "pending"
    assert vote_result({"a": True, "b": True, "c": True}, "abcd") == "won"
    assert vote_result({"a": False, "b": False}, "abcd") == "lost"


def test_an_empty_group_agrees_on_nothing():
    assert committed_index([]) == 0
    assert vote_result({}, []) == "lost"


@given(st.lists(st.sampled_from([True, False, None]), min_size=1, max_size=7))
def test_a_vote_is_decided_when_no_answer_to_come_can_change_it(answers):
    members = [f"m{i}" for i in range(len(answers))]
    votes = {member: answer for member, answer in zip(members, answers, strict=True) if answer is not None}
    best = sum(answer is not False for answer in answers) >= majority(len(answers))
    worst = sum(answer is True for answer in answers) >= majority(len(answers))
    assert vote_result(votes, members) == ("won" if worst else "pending" if best else "lost")


def test_votes_of_strangers_do_not_count():
    assert vote_result({"a": True, "x": True, "y": True}, "abc") == "pending"
