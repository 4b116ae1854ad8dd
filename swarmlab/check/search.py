"""Every order of events of a few Raft servers, within bounds, and the laws in every state that this can lead to.

The nodes are the real ones, but time stands still: any time-out may end now, or never. The network is the worst that
Raft allows, a set from which nothing is ever taken, as in Lamport's specification of Paxos: who never hears a message has
lost it, who hears it again got it twice, and any order is possible. Loss and duplicates need no steps of their own.

What makes it fast enough: there are few different servers among all states, and what one of them does with an event is
always the same. It is asked of the node once; after that a state is a handful of numbers.
"""

from collections.abc import Iterator
from typing import NamedTuple

from ..effects import Disk, Entry
from ..raft import PAPER, Settings, bare
from .moves import BEAT, CRASH, OUT_OF_BOUNDS, PROPOSE, TIME_OUT, Server, Servers

UNTIMED = PAPER._replace(check_quorum=False, max_entries=1)  # one entry per message: more orders than with many

LIMITED = (PROPOSE, CRASH, BEAT)  # what happens only as often as the bounds say
NOTHING_LEFT = (0, 0, 0)


class Bounds(NamedTuple):
    """How far to look."""

    depth: int = 1_000  # steps
    term: int = 4
    entries: int = 2  # in a log; the empty ones that leaders begin with included
    proposals: int = 0
    crashes: int = 0
    beats: int = 0  # heartbeats: without them an append goes once, but may be heard late and twice
    stale: bool = False  # hear messages of an older term, too: all they do is to tell their sender the newer one
    states: int = 10_000_000


class Outcome(NamedTuple):
    """What a search has found. `law` is '' if every state keeps all laws."""

    states: int
    depth: int
    complete: bool  # there is nothing else within the bounds on terms, entries and faults
    law: str
    trace: tuple[str, ...]  # no shorter run breaks a law
    asked: int  # how often a real node took a step

    def __str__(self) -> str:
        if not self.law:
            extent = "all that there are within the bounds" if self.complete else f"up to {self.depth} steps deep"
            return f"no law is broken in {self.states:,} states, {extent}"
        steps = [f"{number:3}  {line}" for number, line in enumerate(self.trace, 1)]
        return "\n".join([f"{self.law} is broken after {self.depth} steps, {self.states:,} states", *steps])


def search(disks: dict[str, Disk], bounds: Bounds, settings: Settings = UNTIMED) -> Outcome:
    """Look at every state that servers with these disks, just booted, can get into; the nearest ones first."""
    return Search(disks, bounds, settings).run()


def start(**servers: tuple[int, str | None, tuple[int, ...]]) -> dict[str, Disk]:
    """Disks, from each server's term, its vote there and the terms of its log."""
    disks = bare((name, name) for name in servers)
    for name, (term, vote, terms) in servers.items():
        disks[name].values.update(term=term, vote=vote)
        disks[name].log += [Entry(index, of, "empty", None) for index, of in enumerate(terms, 1)]
    return disks


def figure_8() -> dict[str, Disk]:
    """Moment (b) of figure 8, with three servers: S1 led in term 2 and S3 in term 3, each has its entry alone [§5.4.2]."""
    return start(S1=(2, "S1", (2,)), S2=(3, "S3", ()), S3=(3, "S3", (3,)))


# ── laws ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class History(NamedTuple):
    """What the laws must remember of the past."""

    leaders: tuple[int | None, ...]  # the place of each term's leader
    agreed: tuple[tuple[Entry, int], ...]  # what was ever committed, with the term in which it was


def remember(history: History, server: Server) -> tuple[History, str]:
    """The history when one server has become this one, and the law that is broken by that."""
    node, (leaders, agreed) = server.node, history
    if node.role == "leader":
        first = leaders[node.term]
        if first not in (None, server.place):
            return history, "election safety"
        leaders = (*leaders[: node.term], server.place, *leaders[node.term + 1 :])
        for entry, term in agreed:
            # Votes may come late: who wins an older term after that is no danger, for it can commit nothing any more.
            if term <= node.term and entry not in server.log:
                return history, "leader completeness"
    if node.commit > len(server.log):
        return history, "state machine safety"
    for index, entry in enumerate(server.log[: node.commit]):
        if index < len(agreed) and agreed[index][0] != entry:
            return history, "state machine safety"
        if index == len(agreed):
            agreed = (*agreed, (entry, node.term))
    return History(leaders, agreed), ""


def match(log: tuple[Entry, ...], other: tuple[Entry, ...]) -> bool:
    """If two logs have an entry of the same index and term, they are equal up to there [Raft §5.3]."""
    for index in range(min(len(log), len(other)), 0, -1):
        if log[index - 1].term == other[index - 1].term:
            return log[:index] == other[:index]
    return True


# ── the search ───────────────────────────────────────────────────────────────────────────────────────────────────

State = tuple[tuple[int, ...], int, tuple[int, ...]]  # the servers, the history, and what is left of what is LIMITED


class Search:
    """Breadth first. A state is left out if one with the same servers and at least its messages was met before: that
    one was no deeper, and can do all that this one can."""

    def __init__(self, disks: dict[str, Disk], bounds: Bounds, settings: Settings):
        self.disks, self.bounds = disks, bounds
        self.servers = Servers(tuple(disks), settings, bounds.term, bounds.entries)
        self.histories = [History((None,) * (bounds.term + 1), ())]
        self.numbers = {self.histories[0]: 0}
        self.judged: dict[tuple[int, int], tuple[int, str]] = {}
        self.seen: dict[State, list[int]] = {}  # the messages with which it was met
        self.came: list[tuple[int, int, int | str]] = [(0, 0, "")]  # of each state: from which one, by what to whom

    def run(self) -> Outcome:
        """Level by level, until a law is broken or there is nothing new."""
        level = [self.begin()]
        for depth in range(1, self.bounds.depth + 1):
            level, before = [], level
            for number, state, network in before:
                for place, event, after, sent in self.steps(state, network):
                    new, law = self.judge(state, place, event, after)
                    messages = self.heard(new, network | sent)
                    if not law and self.is_known(new, messages):
                        continue
                    level.append((len(self.came), new, messages))
                    self.came.append((number, place, event))
                    if law or len(self.came) >= self.bounds.states:
                        return self.outcome(depth, False, law)
            if not level:
                return self.outcome(depth - 1, True)
        return self.outcome(self.bounds.depth, False)

    def begin(self) -> tuple[int, State, int]:
        """All have just booted."""
        moves = [self.servers.boot(name, disk) for name, disk in self.disks.items()]
        state = (
            tuple(move.after for move in moves),
            0,
            (self.bounds.proposals, self.bounds.crashes, self.bounds.beats),
        )
        return 0, state, sum(move.sent for move in moves)

    def steps(self, state: State, network: int) -> Iterator[tuple[int, int | str, int, int]]:
        """What may happen next, as (place, event, the server that is there then, what it sends)."""
        servers, (group, _, left) = self.servers, state
        for place, number in enumerate(group):
            known, events = servers.moves[number], self.events(servers.met[number].node.role == "leader", left)
            waiting = network & servers.to[place] & ~servers.deaf[number]
            while waiting:
                bit = waiting & -waiting
                waiting ^= bit
                events.append(bit)
            for event in events:
                after, sent, law, _ = known.get(event) or servers.move(number, event)
                if after != OUT_OF_BOUNDS and (after != number or sent & ~network or law):
                    yield place, event, after, sent

    def events(self, leads: bool, left: tuple[int, ...]) -> list[int | str]:
        """What may happen to a server besides messages."""
        if left == NOTHING_LEFT:
            return [] if leads else [TIME_OUT]
        limited = [event for event, times in zip(LIMITED, left, strict=True) if times and (leads or event == CRASH)]
        return [*limited, *([] if leads else [TIME_OUT])]

    def heard(self, state: State, network: int) -> int:
        """The messages that may still be heard."""
        if not self.bounds.stale:
            for number in state[0]:
                network &= ~self.servers.past(number)
        return network

    def judge(self, state: State, place: int, event: int | str, after: int) -> tuple[State, str]:
        """The next state, and the law that is broken there."""
        group, history, left = state
        law = self.servers.moves[group[place]][event].law
        if law:
            return state, law
        if event in LIMITED:
            left = tuple(count - (event == one) for one, count in zip(LIMITED, left, strict=True))
        if after != group[place]:
            history, law = self.remember(history, after)
            met, log = self.servers.met, self.servers.met[after].log
            before, group = met[group[place]].log, (*group[:place], after, *group[place + 1 :])
            if log is not before and not all(match(log, met[other].log) for other in group):
                law = "log matching"
        return (group, history, left), law

    def remember(self, history: int, after: int) -> tuple[int, str]:
        known = self.judged.get((history, after))
        if known is None:
            new, law = remember(self.histories[history], self.servers.met[after])
            number = self.numbers.setdefault(new, len(self.histories))
            if number == len(self.histories):
                self.histories.append(new)
            known = self.judged[history, after] = number, law
        return known

    def is_known(self, state: State, network: int) -> bool:
        """Whether nothing can come of this that does not come of a state met before; it is met now."""
        known = self.seen.setdefault(state, [])
        for other in known:
            if not network & ~other:
                return True
        known.append(network)
        return False

    def outcome(self, depth: int, complete: bool, law: str = "") -> Outcome:
        asked, trace = self.servers.asked, self.trace(len(self.came) - 1) if law else ()
        return Outcome(len(self.came), depth, complete, law, trace, asked)

    def trace(self, number: int) -> tuple[str, ...]:
        """What led to this state, a line each."""
        path, lines = [], []
        while number:
            number, place, event = self.came[number]
            path.append((place, event))
        group = list(self.begin()[1][0])
        for place, event in reversed(path):
            move = self.servers.moves[group[place]][event]
            group[place] = move.after
            facts = "".join(f" → {fact}" for fact in move.facts)
            lines.append(f"{self.servers.names[place]} {self.servers.words(event)}{facts}")
        return tuple(lines)
