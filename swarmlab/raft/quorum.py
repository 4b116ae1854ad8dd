"""Majorities: what a group has agreed on, from what each member has said. Plain functions of plain values.

[Raft §5.2, §5.3; joint majorities §6]
"""

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


# ── two halves that must agree [Raft §6]; an empty half asks for nothing ─────────────────────────────────────────


def joint_committed_index(matches: Mapping[str, int], incoming: Iterable[str], outgoing: Iterable[str]) -> int:
    """The highest index that a majority of each half holds. Who is not among `matches` is not known to hold anything.

    >>> joint_committed_index({"a": 9, "b": 5, "c": 5, "d": 3}, "abc", "acd"), joint_committed_index({"a": 9}, "a", "")
    (5, 9)
    """
    old, new = [matches.get(member, 0) for member in outgoing], [matches.get(member, 0) for member in incoming]
    if old and new:
        return min(committed_index(old), committed_index(new))
    return committed_index(old or new)


def joint_vote_result(votes: Mapping[str, bool], incoming: Iterable[str], outgoing: Iterable[str]) -> str:
    """Won when both halves are won, lost as soon as either is.

    >>> joint_vote_result({"a": True, "b": True, "d": False}, "ab", "abd"), joint_vote_result({"a": True}, "a", "abd")
    ('won', 'pending')
    """
    results = [vote_result(votes, half) for half in (tuple(incoming), tuple(outgoing)) if half]
    if "lost" in results:
        return "lost"
    return "pending" if "pending" in results else "won"
