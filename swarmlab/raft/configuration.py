"""Who has a vote, and what a change of that may look like: plain functions of plain values.

Single-server changes keep old and new majorities overlapping [dissertation §4.1]; anything larger passes through a
joint configuration, in which both halves must agree [Raft §6; etcd's `confchange`].
"""

from collections.abc import Iterable
from typing import NamedTuple

from ..effects import MemberChange


class Configuration(NamedTuple):
    """Members by their rights. While `outgoing` is not empty the configuration is joint: both halves must agree."""

    voters: tuple[str, ...] = ()
    outgoing: tuple[str, ...] = ()  # the old half
    learners: tuple[str, ...] = ()  # they get the log and have no vote
    staged: tuple[str, ...] = ()  # voters of the old half that become learners when it goes

    @property
    def electors(self) -> tuple[str, ...]:
        """Everybody who has a vote in either half."""
        return tuple(dict.fromkeys(self.voters + self.outgoing))

    @property
    def everybody(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.voters + self.outgoing + self.learners))


class Impossible(Exception):
    """This change cannot be made of this configuration. The message says why, in one line."""


def simple(old: Configuration, changes: Iterable[MemberChange]) -> Configuration:
    """Change at most one vote, in one step.

    >>> simple(Configuration(("a", "b")), [MemberChange("add", "c")]).voters
    ('a', 'b', 'c')
    """
    if old.outgoing:
        raise Impossible("a joint change is under way: it has to end first")
    new = old
    for change in changes:
        new = _one(new, change)
    if len(set(old.voters) ^ set(new.voters)) > 1:
        raise Impossible("more than one vote changes: that takes a joint configuration")
    return _checked(new)


def joint(old: Configuration, changes: Iterable[MemberChange]) -> Configuration:
    """Enter C(old,new): the old voters stay as the second half, whatever the changes do to the first."""
    if old.outgoing:
        raise Impossible("a joint change is under way: it has to end first")
    if not old.voters:
        raise Impossible("a group without voters cannot decide on a change")
    new = old
    for change in changes:
        new = _one(new, change)
    staged = tuple(one for one in new.learners if one in old.voters)  # never voter and learner at once [§6]
    learners = tuple(one for one in new.learners if one not in staged)
    return _checked(Configuration(new.voters, old.voters, learners, staged))


def leave(old: Configuration) -> Configuration:
    """From C(old,new) to C(new)."""
    if not old.outgoing:
        raise Impossible("no joint change is under way")
    return Configuration(old.voters, (), old.learners + old.staged, ())


def after(old: Configuration, changes: tuple[MemberChange, ...], use_joint: bool) -> Configuration:
    """The next configuration: in one step where that is allowed, unless a joint one is asked for."""
    if use_joint:
        return joint(old, changes)
    try:
        return simple(old, changes)
    except Impossible:
        return joint(old, changes)


def _one(old: Configuration, change: MemberChange) -> Configuration:
    voters = tuple(one for one in old.voters if one != change.member)
    learners = tuple(one for one in old.learners if one != change.member)
    if change.how == "add":
        place = old.voters if change.member in old.voters else (*voters, change.member)
        return old._replace(voters=place, learners=learners)
    if change.how == "learner":
        place = old.learners if change.member in old.learners else (*learners, change.member)
        return old._replace(voters=voters, learners=place)
    if change.how == "remove":
        return old._replace(voters=voters, learners=learners)
    raise Impossible(f"a member can be added, made a learner, or removed, but not {change.how!r}")


def _checked(new: Configuration) -> Configuration:
    if not new.voters:
        raise Impossible("this would leave a group without voters")
    return new
