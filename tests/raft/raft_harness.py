"""A small deterministic network for raft nodes, the laws that must hold after every step, and short words for tests."""

import heapq
from random import Random

from swarmlab.effects import (
    STARTED,
    WOKEN,
    Append,
    Committed,
    Disk,
    Entry,
    Note,
    Received,
    Save,
    Send,
    Tell,
    Told,
    Trim,
)
from swarmlab.events import BecameLeader
from swarmlab.raft import PAPER, RaftNode, bare
from swarmlab.raft.messages import Vote


class Lowest:
    """Dice that always choose the shortest time-out."""

    def random(self):
        return 0.0


def entries(*terms, data=None, first=1):
    """A log with these terms, one entry each."""
    return tuple(Entry(first + i, term, "data", data or f"{first + i}@{term}") for i, term in enumerate(terms))


def node(member="a", of="abc", terms=(), term=0, vote=None, commit=0, settings=PAPER, dice=None, started=True):
    """A node by itself; member `a` lives on machine `A`, and so on."""
    values = {
        "member": member,
        "term": term,
        "vote": vote,
        "commit": commit,
        "members": tuple(zip(of, of.upper(), strict=True)),
    }
    made = RaftNode(member.upper(), Disk(values, list(entries(*terms))), dice or Lowest(), settings)
    if started:
        made.step(STARTED, 0)
    return made


def hear(made, message, now=0):
    return made.step(Received(message.source.upper(), message), now)


def tell(made, wish, now=0):
    return made.step(Told("manager", wish), now)


def wake(made):
    return made.step(WOKEN, made.deadline)


def elect(made, *voters, now=None):
    """Let it campaign, and give it these votes. Returns the effects of becoming leader."""
    now = made.deadline if now is None else now
    effects = made.step(WOKEN, now)
    for voter in voters:
        effects += hear(made, Vote(made.term, voter, made.member, True), now)
    assert made.role == "leader"
    return effects


def sent(effects, kind=None):
    return [e.message for e in effects if type(e) is Send and kind in (None, type(e.message))]


def noted(effects, kind=None):
    return [e.fact for e in effects if type(e) is Note and kind in (None, type(e.fact))]


def told(effects, kind=None):
    return [e.message for e in effects if type(e) is Tell and kind in (None, type(e.message))]


def saved(effects):
    return {e.key: e.value for e in effects if type(e) is Save}


class Broken(AssertionError):
    """A law of raft does not hold."""


class Laws:
    """What must be true of all nodes together, whatever happens [figure 3]. Told of every step, over all restarts."""

    def __init__(self):
        self.leaders, self.votes, self.entries, self.agreed, self.commits = {}, {}, {}, {}, {}

    def hold(self, law, right):
        if not right:
            raise Broken(law)

    def check(self, machine, made, effects):
        boot, member, commit = self.commits.get(machine, (None, "", 0))
        same = boot is made and member == made.member  # it neither crashed nor left since
        self.hold("commit index is monotonic", not same or commit <= made.commit)
        self.commits[machine] = (made, made.member, made.commit)
        for effect in effects:
            if type(effect) is Append:
                self.check_log_matching(made, effect)
            elif type(effect) is Send and type(effect.message) is Vote and effect.message.granted:
                vote = effect.message
                self.hold(
                    "one vote per term", self.votes.setdefault((vote.source, vote.term), vote.target) == vote.target
                )
            elif type(effect) is Tell and type(effect.message) is Committed:
                for entry in effect.message.entries:
                    self.hold("committed logs agree", self.agreed.setdefault(entry.index, entry) == entry)
        for fact in noted(effects, BecameLeader):
            self.hold("one leader per term", self.leaders.setdefault(fact.term, machine) == machine)
            held = made.log.slice(1, len(self.agreed))
            self.hold("leader completeness", held == tuple(self.agreed[i + 1] for i in range(len(self.agreed))))

    def check_log_matching(self, made, effect):
        for entry in effect.entries:
            known = (entry, made.log.term_at(entry.index - 1))
            self.hold("log matching", self.entries.setdefault((entry.index, entry.term), known) == known)


class Group:
    """Machines with one raft node each, and a network that delays, loses, cuts and duplicates."""

    def __init__(self, disks, seed=0, settings=PAPER, loss=0.0, twice=0.0, delay=(1_000, 20_000), forgetful=()):
        self.random, self.settings, self.loss, self.twice, self.delay = Random(seed), settings, loss, twice, delay
        self.disks, self.forgetful = disks, forgetful  # keys that the disk wrongly does not keep
        self.now, self.number, self.queue, self.cuts = 0, 0, [], set()
        self.nodes, self.laws, self.facts, self.told = {}, Laws(), [], {machine: [] for machine in disks}
        for machine in disks:
            self.restart(machine)

    @classmethod
    def of(cls, size, **how):
        return cls(bare((letter, letter.upper()) for letter in "abcdefg"[:size]), **how)

    def take_number(self):
        """The next number of an event: of two at one instant the first scheduled happens first."""
        self.number += 1
        return self.number

    def restart(self, machine):
        self.nodes[machine] = RaftNode(machine, self.disks[machine], self.random, self.settings)
        self.step(machine, STARTED)

    def crash(self, machine):
        del self.nodes[machine]

    def cut(self, *machines):
        """These machines and the others do not hear each other any more."""
        self.cuts = {(a, b) for a in self.disks for b in self.disks if (a in machines) != (b in machines)}

    def step(self, machine, event):
        if machine not in self.nodes:
            return []
        made = self.nodes[machine]
        effects = made.step(event, self.now)
        for effect in effects:
            self.carry(machine, effect)
        self.laws.check(machine, made, effects)
        return effects

    def carry(self, machine, effect):
        disk = self.disks[machine]
        if type(effect) is Save and effect.key not in self.forgetful:
            disk.values[effect.key] = effect.value
            if effect.value is None:
                del disk.values[effect.key]
        elif type(effect) is Append:
            disk.log[effect.start - 1 :] = effect.entries
        elif type(effect) is Trim:
            del disk.log[: effect.count]
        elif type(effect) is Tell:
            self.told[machine].append(effect.message)
        elif type(effect) is Note:
            self.facts.append((self.now, machine, effect.fact))
        elif type(effect) is Send:
            for _ in range(1 + (self.random.random() < self.twice)):
                self.post(machine, effect)

    def post(self, machine, effect):
        late = self.random.randrange(*self.delay)
        if (machine, effect.to) not in self.cuts and self.random.random() >= self.loss:
            item = (self.now + late, self.take_number(), effect.to, Received(machine, effect.message))
            heapq.heappush(self.queue, item)

    def run(self, seconds):
        """Let time pass; what comes first happens first, messages before alarms of the same instant."""
        end = self.now + int(seconds * 1_000_000)
        while True:
            alarm, sleeper = min(
                ((made.deadline, machine) for machine, made in self.nodes.items()), default=(end + 1, "")
            )
            first = self.queue[0][0] if self.queue else end + 1
            if min(alarm, first) > end:
                self.now = end
                return self
            self.now = max(self.now, min(alarm, first))
            if first <= alarm:
                _, _, machine, event = heapq.heappop(self.queue)
                self.step(machine, event)
            else:
                self.step(sleeper, WOKEN)

    @property
    def leader(self):
        """The running machine that leads in the highest term, or None."""
        return max(((n.term, m) for m, n in self.nodes.items() if n.role == "leader"), default=(0, None))[1]

    def tell(self, machine, wish):
        return self.step(machine, Told("manager", wish))
