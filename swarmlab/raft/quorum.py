"""Majorities: what a group has agreed on, from what each member has said. Plain functions of plain values [Raft §5.2, §5.3]."""

from collections.abc import Iterable, Mapping


def majority(members: int) -> int:
    """How many members are more than half of them.

    >>> [majority(n) for n in (1, 2, 3, 4, 5)]
    [1, 2, 2, 3, 3]
    """
    return members // 2 + 1


def committed_index(matches: Iterable[int]) -> int:
    """The highest index that a majority holds, given the last index that each member is known to hold.

    In falling order, the number at place n // 2 is reached by n // 2 + 1 members. Of an empty group: 0.

    >>> committed_index([7, 4, 9]), committed_index([1, 2, 3, 4])
    (7, 2)
    """
    falling = sorted(matches, reverse=True)
    return falling[len(falling) // 2] if falling else 0


def vote_result(votes: Mapping[str, bool], members: Iterable[str]) -> str:
    """`won`, `lost`, or `pending` while it can still become either. Only votes of members count.

    >>> vote_result({"a": True, "b": True}, ["a", "b", "c"]), vote_result({"a": True, "b": False}, ["a", "b", "c"])
    ('won', 'pending')
    """
    answers = [votes.get(member) for member in members]
    needed = majority(len(answers))
    if answers.count(True) >= needed:
        return "won"
    return "lost" if len(answers) - answers.count(False) < needed else "pending"
