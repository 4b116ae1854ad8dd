"""Lesson 04: its predictions, its small groups, and the judges of its exercises."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from math import inf
from random import Random
from typing import Any, NamedTuple

from ..check.linearizability import Operation
from ..cluster import Cluster
from ..events import GroupChanged
from ..group import RaftGroup
from ..rack import Computer, address_of
from ..raft.core import PAPER, Settings
from ..raft.quorum import majority
from . import CORRECT, Prediction, Verdict

SITE = "http://{}:8080/"
SIDES = "ABC"
CALM = 3  # seconds after which a group with the paper's time-outs has a leader, or will have none

PREDICTIONS = {
    "1": Prediction(
        "None: of four managers three must agree, so one may die, as with three.",
        {
            "a": "Yes.",
            "b": "Look at the empty places: the fourth manager brings a place that must be filled, too.",
            "c": "Half of four is two, and two is not more than half: look at the cut 2|2, where neither side writes.",
        },
    ),
    "2": Prediction(
        "What runs goes on and answers visitors. Nothing new is decided, and nothing is listed, until a majority is back.",
        {
            "a": "Look at the row of visits: it stays full. Visitors never pass through a manager.",
            "b": "The dead are still members. One of three is not more than half, however long it waits.",
            "c": "Yes.",
            "d": "A manager without a leader cannot know whether its list is still true, so it does not even show it.",
        },
    ),
    "3": Prediction(
        "No zone can change anything: each has 3 of 9, and 5 are needed. What runs in each goes on.",
        {
            "a": "Then there would be three different truths. Look at the places of each zone: 3 are filled, 5 are needed.",
            "b": "Its leader hears from 2 others, and 4 are needed. It resigns: look for the crown after the cut.",
            "c": "Yes.",
        },
    ),
    "4": Prediction(
        "The dead one may go: 2 of 2 are left. Without a healthy one it would be 1 of 2, so Docker refuses.",
        {
            "h": "Count what would be left: two members, one of them dead. One of two is not more than half.",
            "d": "Yes.",
            "b": "Try the healthy one: Docker names the reason. Members that are dead count like the living.",
            "n": "A group may be made smaller while a majority of the smaller group can be reached. Look at the dead one.",
        },
    ),
    "5": Prediction(
        "Drain moves tasks away, and nothing else: a drained manager votes, and may even lead.",
        {
            "y": "Yes.",
            "n": "Look who gave the votes: drained machines are among them. Drain is a word about tasks.",
        },
    ),
    "6": Prediction(
        "Both are done: two swarms, two truths, and nothing brings them together again.",
        {
            "r": "Each side has more than half of the members that it counts: 2 of 3 here, 1 of 1 there.",
            "l": "There is no later one: the two lists have nothing to do with each other any more. Read both.",
            "t": "Yes.",
        },
    ),
}

# ── groups of managers, tried out ────────────────────────────────────────────────────────────────────────────────


def group_of(number: int, seed: int = 4, settings: Settings = PAPER, alarms: bool = False) -> RaftGroup:
    """A group of so many managers, alone, that has found a leader."""
    group = RaftGroup(number, settings, seed=seed, alarms=alarms)
    group.run_for(CALM)
    return group


def can_write(group: RaftGroup, among: Iterable[str] | None = None) -> bool:
    """Whether one of these managers (or of all) gets a change agreed on. It is tried, not computed."""
    alive = [name for name in (among or group.members) if name in group.nodes]
    return any(group.write("x", "a change", to=name, wait=1) == "" for name in alive)


def may_die(number: int) -> int:
    """How many of so many managers may die, one after the other, before a change is refused."""
    group = group_of(number)
    for dead in range(number):
        if not can_write(group):
            return dead - 1
        group.crash(group.members[number - 1 - dead])
        group.run_for(CALM)
    return number - 1


def zoned(layout: Sequence[int]) -> dict[str, str]:
    """The zone of every manager: (2, 2, 1) puts node-1 and node-2 into zone a, and so on."""
    zones = [letter for letter, number in zip("abcdefghi", layout, strict=False) for _ in range(number)]
    return {f"node-{n + 1}": zone for n, zone in enumerate(zones)}


def spread_over(number: int, zones: int) -> dict[str, str]:
    """The zone of every manager, as evenly as it goes."""
    return zoned([number // zones + (n < number % zones) for n in range(zones)])


def by_zone(zones: Mapping[str, str]) -> dict[str, list[str]]:
    """The machines of each zone."""
    return {name: [machine for machine, zone in zones.items() if zone == name] for name in sorted(set(zones.values()))}


def survives(layout: Sequence[int]) -> dict[str, bool]:
    """For each zone: whether a change is possible once that zone has lost its power."""
    found = {}
    for zone, machines in by_zone(zoned(layout)).items():
        group = group_of(sum(layout))
        lose(group, machines)
        found[zone] = can_write(group)
    return found


def lose(group: RaftGroup, machines: Iterable[str]) -> None:
    """These machines lose power, and the others have time to notice."""
    for name in machines:
        group.crash(name)
    group.run_for(CALM)


def places(managers: int = 4, dead: int = 2) -> tuple[Any, str]:
    """A group of which some are dead, and the places that a change must fill; then a change is tried."""
    from ..viz.zones import draw_quorum

    group, dead = group_of(managers), min(dead, managers)
    lose(group, group.members[managers - dead :])
    done = "it was agreed on" if can_write(group) else "nobody could agree on it"
    return draw_quorum([managers], dead), f"{managers} managers, {dead} dead. A change was tried: {done}."


FAULTS = (
    "nothing fails",
    "zone a loses power",
    "zone a is cut off",
    "the link between a and b is cut",
    "all zones are cut from each other",
)


def zone_board(managers: int = 5, zones: int = 3, what: str = FAULTS[1]) -> tuple[Any, str]:
    """So many managers over so many zones, and what goes wrong; then a change is tried in every zone."""
    from ..viz.zones import draw_zones

    layout = by_zone(spread_over(managers, min(zones, managers)))
    group, (first, *others) = group_of(managers), layout.values()
    rest = [[name for names in others for name in names]]
    cuts = dict(zip(FAULTS[2:], ((["a"], rest), ([("a", "b")], others[:1]), ("all", others)), strict=True))
    cut, sides = cuts.get(what, ((), []))
    dead = ["a"] if what == FAULTS[1] else []
    if dead:
        lose(group, first)
    elif sides and others:
        group.partition(first, *sides)
        group.run_for(CALM)
    done = "it was agreed on" if can_write(group) else "nobody could agree on it"
    return draw_zones(layout, dead, cut if others else ()), f"{what.capitalize()}. A change was tried: {done}."


# ── a site and its visitors ──────────────────────────────────────────────────────────────────────────────────────


class Try(NamedTuple):
    """Somebody wanted something, and got it or not."""

    begun: int  # µs
    ended: int
    ok: bool


def site(seed: int, **options: Any) -> Cluster:
    """Three managers that only manage, three workers, and the service `web` with a replica for each of them."""
    cluster = Cluster(managers=3, workers=3, seed=seed, **options)
    for number in (1, 2, 3):
        cluster.docker(f"node update --availability drain manager-{number}")
    cluster.docker("service create -d --name web --replicas 3 --publish 8080:80 nginx")
    cluster.run_for(10)
    return cluster


def go_on(cluster: Cluster, seconds: float, tries: dict[str, list[Try]], ask: str = "worker-2") -> None:
    """Let time pass. Every second somebody visits; every fourth somebody changes a label, and gives up after 1 s."""
    visits, commands = tries.setdefault("visits", []), tries.setdefault("commands", [])
    until, turn = cluster.now + seconds, 0
    while cluster.now < until:
        begun = cluster.kernel.now
        if turn % 4 == 0:
            ok = cluster.docker(f"node update --label-add turn={turn} worker-3", limit=1).exit_code == 0
            commands.append(Try(begun, cluster.kernel.now, ok))
        begun = cluster.kernel.now
        visit = cluster.request(SITE.format(ask))
        visits.append(Try(begun, cluster.kernel.now, visit.ok))
        cluster.run_for(1)
        turn += 1


def compare(swarm: Cluster, dark: float) -> None:
    """Print what was measured beside what is known of the real engine; `dark` is when the majority was lost."""
    dies = " ".join(f"{number}:{may_die(number)}" for number in (1, 3, 5, 7))
    twin = swarm.at(dark)
    twin.docker("node ls", "manager-3")
    lines = (
        ("managers, and how many may die", dies, "the same table"),
        ("a command right after the loss", f"gives up after {twin.now - dark:.0f} s", "20 s"),
        (
            "refused at once, by name, from",
            f"{refused_from(swarm, dark):.0f} s after the loss",
            "10 ticks of 1 s without a leader",
        ),
    )
    for what, ours, real in lines:
        print(f"{what:31} {ours:21} the real engine: {real}")


def refused_from(swarm: Cluster, dark: float) -> float:
    """After how many seconds the last manager says at once that there is no leader."""
    twin = swarm.at(dark)
    while "have a leader" not in said(twin.fork().docker("node ls", "manager-3", limit=0.1)):
        twin.run_for(1)
    return twin.now - dark


def said(result: Any) -> str:
    """What a command printed, without its last line break."""
    return (result.stdout + result.stderr).strip()


# ── deeper: reads, a returning member, changes of members ────────────────────────────────────────────────────────


def read_in(way: str, **settings: Any) -> RaftGroup:
    """Five members with the value 1 under x, that answer reads through the log, by index or by lease."""
    timed = PAPER._replace(lease_reads=way == "lease", **settings)
    group = RaftGroup(5, timed, seed=4, read="log" if way == "log" else "index")
    group.run_for(CALM)
    group.write("x", 1, wait=1)
    group.run_for(0.01)
    return group


def ask(group: RaftGroup, client: str, value: int | None = None, at: str | None = None) -> list[Operation]:
    """Put a value under x, or get what is there: a line for a history, or none if it certainly did not happen."""
    begun, member = group.kernel.now, at or group.leader
    if value is None:
        answer = group.get("x", at=member, wait=0.5)
        output, error, kind = answer.output, answer.error, "get"
    else:
        output, error, kind = None, group.write("x", value, to=member, wait=0.5), "put"
    done = group.kernel.now
    group.run_for(0.01)
    if error and (error != "unknown" or kind == "get"):
        return []
    return [Operation(client, kind, "x", value, output, begun, None if error else done)]


def stale_read(clock: float) -> list[Operation]:
    """Ann writes 1, then 2; Bob reads at the old leader, which is cut off and holds a lease by a clock of this rate."""
    group = read_in("lease")
    for one, other in combinations(group.members, 2):
        group.link(one, other, latency=0.005)  # so far apart that one can see how long things take
    old = str(group.leader)
    history = ask(group, "Ann", 1)
    group.drift(old, clock)
    group.run_for(0.2)
    group.partition({old}, set(group.members) - {old})
    group.run_until(lambda g: g.leader != old)
    history += ask(group, "Ann", 2)
    return history + ask(group, "Bob", at=old) + ask(group, "Ann")


def come_back(pre_vote: bool, away: float = 10) -> RaftGroup:
    """Five members, one of which is cut off for some seconds and then comes back."""
    group = group_of(5, settings=PAPER._replace(pre_vote=pre_vote))
    lonely = next(name for name in group.members if name != group.leader)
    group.partition({lonely}, set(group.members) - {lonely})
    group.run_for(away)
    group.heal()
    group.run_for(1)
    return group


def replace_all(joint: bool) -> RaftGroup:
    """node-1 to node-3 give way to node-4 to node-6: one change after the other, or all at once."""
    group = RaftGroup(3, PAPER, seed=4, spare=3)
    group.run_for(CALM)
    if joint:
        group.change(add=["node-4", "node-5", "node-6"], remove=["node-1", "node-2", "node-3"], joint=True)
        group.run_for(1)
        return group
    for number in (1, 2, 3):
        group.change(add=[f"node-{number + 3}"])
        group.run_for(1)
        group.change(remove=[f"node-{number}"])
        group.run_for(1)
    return group


def memberships(group: RaftGroup) -> list[str]:
    """Who decided, one line for each change, as its first member learnt of it."""
    lines: dict[int, str] = {}
    for record in group.trace.of(GroupChanged):
        fact = record.fact
        halves = [half for half in (fact.outgoing, fact.voters) if half]
        words = " and ".join(f"{majority(len(half))} of {' '.join(half)}" for half in halves)
        lines.setdefault(fact.index, words)
    return list(lines.values())


# ── recall: who can still write in six fresh cuts ────────────────────────────────────────────────────────────────


class Cut(NamedTuple):
    """A group of managers after a bad day: some have no power, and the network is cut between the others."""

    members: int
    sides: tuple[tuple[str, ...], ...]  # A, B, …: who can still talk to whom
    dead: tuple[str, ...]
    leader: str  # before the cut
    seed: int

    def __str__(self) -> str:
        words = [f"{side}: {' '.join(names)}" for side, names in zip(SIDES, self.sides, strict=False)]
        dead = f"; no power: {' '.join(self.dead)}" if self.dead else ""
        return f"{self.members} managers; {', '.join(words)}{dead}; {self.leader} led"


SHAPES = (((2, 1), 0), ((2, 2), 0), ((3, 2), 0), ((2, 1), 2), ((3, 2, 2), 0), ((4, 1), 2))  # sizes of sides, and dead


def fresh_cuts(seed: int = 2065) -> list[Cut]:
    """Six cuts that nobody has seen: their order, who stands where, and who led are drawn."""
    dice = Random(seed)
    return [_cut(sizes, dead, dice) for sizes, dead in dice.sample(SHAPES, len(SHAPES))]


def _cut(sizes: Sequence[int], dead: int, dice: Random) -> Cut:
    number = sum(sizes) + dead
    names = dice.sample([f"node-{n + 1}" for n in range(number)], number)
    sides = []
    for size in dice.sample(sizes, len(sizes)):
        sides.append(tuple(sorted(names[:size])))
        names = names[size:]
    seed = dice.randrange(1000)
    return Cut(number, tuple(sides), tuple(sorted(names)), group_of(number, seed).leader or "", seed)


def broken(cut: Cut) -> RaftGroup:
    """The same, as a group that runs."""
    group = group_of(cut.members, cut.seed)
    for name in cut.dead:
        group.crash(name)
    group.partition(*cut.sides)
    group.run_for(CALM)
    return group


def who_writes(cut: Cut) -> str:
    """The side that gets a change agreed on, or none. It is tried, not computed."""
    group = broken(cut)
    return next((side for side, names in zip(SIDES, cut.sides, strict=False) if can_write(group, names)), "none")


def recall(answer: Sequence[str]) -> Verdict:
    """Six times "A", "B", "C" or "none"."""
    cuts = fresh_cuts()
    right_form = isinstance(answer, list | tuple) and all(isinstance(side, str) for side in answer)
    if not right_form or len(answer) != len(cuts):
        return Verdict(False, f'give a list of {len(cuts)}, like ["A", "none", …].')
    said_sides = [side.strip().upper() for side in answer]
    for number, (cut, side) in enumerate(zip(cuts, said_sides, strict=True), 1):
        known = SIDES[: len(cut.sides)]
        if side != "NONE" and side not in tuple(known):
            return Verdict(False, f'cut {number} has the sides {", ".join(known)}; or "none".')
        truth = who_writes(cut)
        if side != truth.upper():
            return Verdict(False, f"cut {number}: {_why_not(cut, side, truth)}", broken(cut))
    return CORRECT


def _why_not(cut: Cut, side: str, truth: str) -> str:
    """What speaks against this answer, from the picture."""
    needed = majority(cut.members)
    if side == "NONE":
        names = cut.sides[SIDES.index(truth)]
        return f"{truth} has {len(names)} of {cut.members} members; how many are more than half?"
    names = cut.sides[SIDES.index(side)]
    told = f"{side} has {len(names)} of {cut.members} members, and {needed} are needed"
    if len(names) > sum(map(len, cut.sides)) / 2:
        return f"{told}: those without power are still members."
    if cut.leader in names:
        return f"{told}: that {cut.leader} led does not help, it must resign."
    return f"{told}."


# ── modify: five managers over zones ─────────────────────────────────────────────────────────────────────────────


def modify(layout: Mapping[str, int]) -> Verdict:
    """How many of five managers each zone gets, so that any one zone may lose power. Every zone is tried."""
    if not isinstance(layout, Mapping) or not all(type(n) is int and n >= 0 for n in layout.values()):
        return Verdict(False, 'give a dictionary like {"a": 3, "b": 2}, with whole numbers.')
    zones = {str(zone): number for zone, number in layout.items() if number}
    if sum(zones.values()) != 5:
        return Verdict(False, f"these are {sum(zones.values())} managers; there are five to be placed.")
    swarm = _in_zones(zones)
    for zone in zones:
        verdict = _without(zone, zones, swarm.fork())
        if not verdict.correct:
            return verdict
    return CORRECT if len(zones) == 3 else Verdict(True, "With how few zones can you do it?")


def _in_zones(zones: Mapping[str, int]) -> Cluster:
    places = [zone for zone, number in zones.items() for _ in range(number)]
    rack = [Computer(f"manager-{n + 1}", "manager", address_of(n), zone=zone) for n, zone in enumerate(places)]
    return Cluster(computers=tuple(rack), seed=65)


def _without(zone: str, zones: Mapping[str, int], swarm: Cluster) -> Verdict:
    """The zone loses power; a minute later somebody changes something."""
    for one in swarm.begun:
        if one.zone == zone:
            swarm.crash(one.name)
    swarm.run_for(60)
    if sum(zones.values()) > zones[zone] and swarm.docker("node update --label-add a=b manager-1").exit_code == 0:
        return CORRECT
    left = 5 - zones[zone]
    return Verdict(False, f"when zone {zone} loses power, {left} of 5 managers are left, and 3 are needed.", swarm)


# ── build: new managers for old ones, under a writer ─────────────────────────────────────────────────────────────

OLD, NEW = ("manager-1", "manager-2", "manager-3"), ("worker-1", "worker-2", "worker-3")
BETWEEN = 16  # seconds between two commands
AWAY = 40  # seconds for which a machine has no power
PATIENCE = 8  # times that a command is typed again when the swarm could not do it just then
FOR_NOW = (
    "does not have a leader",
    "DeadlineExceeded",
    "loss of quorum",
    "lost leader status",
    "update out of sequence",
    "not a swarm manager",
)


def build(commands: Sequence[str]) -> Verdict:
    """`docker` commands that make worker-1 to worker-3 the managers instead of manager-1 to manager-3, in order.

    Somebody writes all the time, and in every run one manager, nobody knows which and when, has no power for a while.
    """
    if not isinstance(commands, list | tuple) or not all(isinstance(c, str) for c in commands) or not commands:
        return Verdict(False, 'give a list of commands, like ["node promote worker-1", …].')
    if len(commands) > 30:
        return Verdict(False, "it can be done with far fewer commands.")
    typed = [command.strip().removeprefix("docker ") for command in commands]
    ready = Cluster(managers=3, workers=3, seed=66, messages=False)
    for seed in range(max(12, len(typed))):
        verdict = Change(ready.fork(), seed).carry_out(typed)
        if not verdict.correct:
            return verdict
    return CORRECT


class Change:
    """One try of the commands, with a writer, a fault and a judge who watches."""

    def __init__(self, swarm: Cluster, seed: int):
        self.swarm, self.seed, self.dice = swarm, seed, Random(seed)
        self.written: list[str] = []  # labels that the swarm said it has
        self.turn = 0
        self.dark, self.dark_at = "", inf  # who has no power, and since when
        self.problem = ""
        self.known: list[str] = []  # the managers, when last somebody could tell

    def carry_out(self, commands: Sequence[str]) -> Verdict:
        """The power fails after one of the commands, in each run after another one."""
        self.swarm.run_for(5 * self.dice.random())
        for number, command in enumerate(commands):
            self.type(command)
            if number == self.seed % len(commands):
                self.dark_at = self.swarm.now + BETWEEN * self.dice.random()
            self.watch(BETWEEN)
            if self.problem:
                return Verdict(False, f"in run {self.seed} {self.problem}", self.swarm)
        self.watch(AWAY + 40)
        self.problem = self.problem or self.what_is_left()
        return Verdict(False, f"in run {self.seed} {self.problem}", self.swarm) if self.problem else CORRECT

    def type(self, command: str) -> None:
        """As an admin would: when the swarm cannot do it just now, once more a little later."""
        for _ in range(PATIENCE):
            result = self.swarm.docker(command, limit=60)
            words = said(result)
            if result.exit_code == 0 or self.problem:
                return
            if not any(reason in words for reason in FOR_NOW):
                break
            self.watch(5)
        words = words.removeprefix("Error response from daemon: ").rpartition("desc = ")[2].partition("\n")[0]
        self.problem = self.problem or f"Docker refuses `{command}`: {words}"

    def watch(self, seconds: float) -> None:
        """Let time pass; write, pull the plug, put it in again, and count."""
        until = self.swarm.now + seconds
        while self.swarm.now < until and not self.problem:
            self.power()
            self.count()
            self.write()
            self.swarm.run_for(1)

    def power(self) -> None:
        now = self.swarm.now
        if not self.dark and now >= self.dark_at:
            self.dark = self.dice.choice([machine for machine in self.members() if self.is_up(machine)])
            self.swarm.crash(self.dark)
            self.dark_at = now
        elif self.dark and not self.is_up(self.dark) and now >= self.dark_at + AWAY:
            self.swarm.restart(self.dark)

    def count(self) -> None:
        """Are a majority of those who are managers now within reach?"""
        members = self.members()
        alive, needed = sum(map(self.is_up, members)), majority(len(members))
        if alive < needed:
            self.problem = (
                f"{self.dark} loses power when there are {len(members)} managers: {alive} can be reached, {needed} are "
                "needed. How many managers are there after each of your commands?"
            )

    def write(self) -> None:
        self.turn += 1
        if self.turn % 3 == 0:
            label = f"w{self.turn}"
            if self.swarm.docker(f"node update --label-add {label}=1 worker-1", limit=60).exit_code == 0:
                self.written.append(label)

    def members(self) -> list[str]:
        """The machines that belong to the group, as the newest of their logs has it."""
        seats = [m.seats["raft"].core for m in self.swarm.machines.values() if m.running and "raft" in m.seats]
        inside = [core for core in seats if core.member in core.configuration.voters]
        newest = max(inside, key=lambda core: (core.commit, core.term), default=None)
        if newest:
            self.known = sorted(newest.members[member] for member in newest.configuration.voters)
        return self.known

    def is_up(self, machine: str) -> bool:
        return self.swarm.machines[machine].running

    def what_is_left(self) -> str:
        """What is not as it should be at the end; '' if all is well."""
        now = self.members()
        if now != list(NEW):
            return f"the managers are {', '.join(now)} at the end; they should be {', '.join(NEW)}."
        labels = next(node for node in self.swarm.nodes if node.machine == "worker-1").spec.labels
        lost = [label for label in self.written if label not in labels]
        return f"{len(lost)} writes were answered and are gone." if lost else ""


CHECKS = {"recall": recall, "modify": modify, "build": build}
