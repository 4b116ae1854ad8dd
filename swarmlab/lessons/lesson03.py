"""Lesson 03: its predictions, the runs it looks at, and the judges of its exercises."""

from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from math import isfinite
from random import Random
from typing import Any, NamedTuple

from ..check import campaign
from ..check.campaign import Case, Finding
from ..check.mutants import Mutant
from ..cluster import Cluster
from ..events import Applied, Commanded, CommandReturned, CommitAdvanced, EntriesAppended, ServiceStored
from ..group import RaftGroup
from ..manager.store import MAX_CHANGES
from ..raft import PAPER, quorum, replication
from ..raft.core import SWARMKIT
from ..sim.recorder import Act
from ..viz.raftframes import raft_frames
from ..viz.words import text_of
from . import CORRECT, Prediction, Verdict

EAGER = PAPER._replace(check_quorum=False)  # votes are given at once, even if a leader was heard a moment ago
ALLOWED = 200  # changes in one entry, in SwarmKit

PREDICTIONS = {
    "1": Prediction(
        "For certain on two of the three: the answer waits for a majority, the leader's own disk included, and for no more.",
        {
            "1": "Read the story above: between the leader's own disk and the answer lies the word of another manager.",
            "2": "Yes.",
            "3": "Look at manager-3 in the last ladder: the answer is out, and the entry is not there yet.",
        },
    ),
    "2": Prediction(
        "The next leader decides: what is in its log stays, what is not goes.",
        {
            "a": "Not committed is not lost. In one of the two futures above it is there, on all five disks.",
            "b": "One copy is no promise. In one of the two futures above the copy was cut out again.",
            "c": "Yes.",
        },
    ),
    "3": Prediction(
        "Nobody can tell from the error: behind the same silence the entry was lost once, and kept another time. "
        "Look whether it is there, then ask again.",
        {
            "a": "Look at the third panel: no answer, and yet the entry is there in every future.",
            "b": "Look at the first panel: no answer, and nobody but the dead leader ever heard of it.",
            "c": "Yes.",
        },
    ),
}


# ── what an entry goes through ───────────────────────────────────────────────────────────────────────────────────

STEPS = (Commanded, EntriesAppended, CommitAdvanced, Applied, ServiceStored, CommandReturned)


def tell_entry(trace: Any) -> dict[str, float]:
    """Print what happened to the entry of the last command until its answer. Gives the instants worth a picture."""
    asked = trace.of(Commanded)[-1]
    rows = [record for record in trace.of(*STEPS) if record.number >= asked.number]
    entry = next(record.fact.first for record in rows if isinstance(record.fact, EntriesAppended))
    rows = [record for record in rows if _index_of(record.fact) in (entry, None)]
    end = next(n for n, record in enumerate(rows) if isinstance(record.fact, CommandReturned))
    for record in rows[: end + 1]:
        said = text_of(record.fact).replace(f"entries {entry} to {entry}", f"entry {entry}")
        print(f"{(record.time - asked.time) / 1000:5.2f} ms  {record.source:10} {said}")
    written = [record for record in rows if isinstance(record.fact, EntriesAppended)]
    agreed = next(record for record in rows if isinstance(record.fact, CommitAdvanced))
    instants = {"the leader wrote it": written[0], "another one has it": written[1], "committed": agreed}
    return {name: record.time / 1e6 for name, record in instants.items()} | {"answered": rows[end].time / 1e6}


def _index_of(fact: Any) -> int | None:
    """The entry that a fact is about; None if it is about none."""
    return next((getattr(fact, name) for name in ("first", "index") if name in fact._fields), None)


def on_disk(world: Any, index: int) -> list[str]:
    """The machines that have an entry of this index on their disk."""
    disks = {name: machine.disks.get("raft") for name, machine in world.machines.items()}
    return [name for name, disk in disks.items() if disk and any(entry.index == index for entry in disk.log)]


def tell_talk(trace: Any, one: str, other: str, since: float) -> None:
    """Print what two servers said to each other from then on (seconds), but for signs of life."""
    rows = raft_frames(trace)
    for sent, _, sender, to, name, term, _, _, brief in rows["messages"]:
        if {sender, to} == {one, other} and sent > since * 1e6 and "Heartbeat" not in name:
            said = rows["says"][name].format(*brief, term=term).replace(": 1 entries", ": 1 entry")
            print(f"{sent / 1000 - since * 1000:7.2f} ms  {sender} → {to}: {said}")


# ── groups in which something has gone wrong ─────────────────────────────────────────────────────────────────────


def settled(servers: int = 5, seed: int = 5, **settings: Any) -> RaftGroup:
    """A group with a leader, `node-1`, and two entries that everybody has."""
    group = RaftGroup(servers, EAGER._replace(**settings), seed=seed, alarms=True, read="index")  # reads leave no entry
    group.time_out("node-1")
    group.run_for(0.01)
    group.write("x", "old", wait=1)
    group.run_for(0.01)
    return group


def die_after(group: RaftGroup, copies: int) -> None:
    """Let the leader lose power while it deals with what it is asked next: when so many copies of the new entry have
    left, and before any answer is back."""
    node = group.nodes[group.leader or ""]
    before = 3 + (node.saved_commit != node.commit)  # it is asked; the entry, perhaps its commit index; it says so
    group.crash(node.machine, midway=before + copies)


def futures(group: RaftGroup, index: int, term: int) -> dict[str, bool]:
    """For each server that can be elected now: is the entry still there when all servers run again?"""
    found = {}
    for name in group.nodes:
        future = group.fork()
        future.time_out(name)
        future.run_for(0.02)
        if future.leader == name:
            return_all(future)
            future.run_for(0.2)
            found[name] = all((index, term) in log for log in future.logs().values())
    return found


def return_all(group: RaftGroup) -> None:
    """Whatever has no power boots again."""
    for name in group.members:
        if not group.machines[name].running:
            group.restart(name)


class Death(NamedTuple):
    """A leader that died: at which moment, what the client heard, who may lead next and whether the entry survives."""

    title: str
    group: RaftGroup
    entry: int  # the index of what it wrote last
    heard: str
    futures: dict[str, bool]

    @property
    def survives(self) -> str:
        kept = sum(self.futures.values())
        return {0: "lost", len(self.futures): "kept"}.get(kept, "kept or lost")

    def __str__(self) -> str:
        kept = sum(self.futures.values())
        return f"the client {self.heard}; {self.survives} (there in {kept} of {len(self.futures)} futures)"


MOMENTS = ("on its own disk only", "one copy has left", "copies for a majority have left", "answered")


def death(servers: int, copies: int, answered: bool = False, title: str = "") -> Death:
    """The leader takes one more entry, and dies when so many copies have left; or after the answer."""
    group = settled(servers)
    old = group.leader or ""
    index = group.nodes[old].log.last_index + 1
    if not answered:
        die_after(group, copies)
    error = group.write("x", "new", wait=0.05)
    if answered:
        group.crash(old)
        group.run_for(0.01)
    heard = "was told that it is done" if error == "" else "got no answer"
    return Death(title, group, index, heard, futures(group, index, 1))


def four_deaths() -> list[Death]:
    """Five servers, the same entry; the leader dies at four moments."""
    return [death(5, copies, n == 3, MOMENTS[n]) for n, copies in enumerate((0, 1, 2, 4))]


def draw_deaths(deaths: Sequence[Death]) -> tuple[Any, str]:
    """Everybody's log right after each death, and what comes of the newest entry; as a figure, and in words."""
    panels = [(f"{n} · {one.title}", str(one), one.group.trace, one.group.now) for n, one in enumerate(deaths, 1)]
    rows = [f"{n} {one.title}, {len(on_disk(one.group, one.entry))} in all: {one}" for n, one in enumerate(deaths, 1)]
    return draw_ladders(panels), f"Four ladders: the leader of five has died. {'; '.join(rows)}."


def draw_death(servers: int = 5, copies: int = 1) -> tuple[Any, str]:
    """A leader that dies when so many copies of a new entry have left: a figure with knobs."""
    from ..viz.ladder import draw_ladder

    one = death(servers, min(copies, servers - 1))
    heard = {one.entry: f"client: {'done' if 'told' in one.heard else 'no answer'}"}
    axes = draw_ladder(one.group.trace, one.group.now, told=heard)
    return axes, f"On {len(on_disk(one.group, one.entry))} of {servers} disks; {one}. {_possible(one.futures)}"


def _possible(futures: dict[str, bool]) -> str:
    words = {True: "with it", False: "without it"}
    return f"Who can be elected: {', '.join(f'{name} ({words[kept]})' for name, kept in futures.items())}."


def draw_answer(servers: int = 5, slow: int = 1) -> tuple[Any, str]:
    """A write while so many followers answer 100 ms late: a figure with knobs."""
    from ..viz.ladder import draw_ladder

    group = settled(servers)
    late = group.members[servers - min(slow, servers - 1) :]
    for name in late:
        for other in group.members:
            if other != name:
                group.link(name, other, latency=0.05)
    asked = group.now
    group.write("x", "new", wait=1)
    took, entry = 1000 * (group.now - asked), group.nodes["node-1"].commit
    axes = draw_ladder(group.trace, group.now, told={entry: f"client: done, after {took:.1f} ms"})
    who = f" ({', '.join(late)})" if late else ""
    said = f"{len(late)} of {servers - 1} followers are slow{who}: answered after {took:.1f} ms"
    return axes, f"{said}, on {len(on_disk(group, entry))} of {servers} disks."


def draw_ladders(panels: Sequence[tuple], columns: int = 12) -> Any:
    """Small ladders of different runs: (title, what is said of it, trace, seconds), two in a line."""
    from ..viz import ink
    from ..viz.ladder import HEAD, PITCH, draw_ladder
    from ..viz.raftframes import rows_of

    runs = [(title, said, rows_of(trace), time) for title, said, trace, time in panels]
    high = HEAD + 0.75 + PITCH * max(len(rows["servers"]) for _, _, rows, _ in runs)
    lines = -(-len(runs) // 2)
    wide, total = (ink.WIDTH - 0.3) / 2, lines * high + 0.4
    fig = ink.sheet(height=total)
    for n, (title, said, rows, time) in enumerate(runs):
        x, top = 0.1 + n % 2 * (wide + 0.1), total - n // 2 * high
        ax = fig.add_axes((x / ink.WIDTH, (top - high) / total, wide / ink.WIDTH, (high - 0.44) / total))
        draw_ladder(rows, time, ax, columns=columns)
        style: dict[str, Any] = {"va": "center", "color": ink.INK, "fontsize": ink.TEXT}
        fig.text((x + 0.05) / ink.WIDTH, (top - 0.14) / total, title, fontweight="bold", **style)
        fig.text((x + 0.05) / ink.WIDTH, (top - 0.33) / total, said, **style)
    key = "dashed: appended  ·  filled: it knows this is committed  ·  thick line: how far that goes"
    fig.text(0.5, 0.2 / total, key, ha="center", va="center", fontsize=ink.TEXT, color=ink.INK)
    return fig


# ── histories ────────────────────────────────────────────────────────────────────────────────────────────────────


def reign(group: RaftGroup, leader: str, shared: int = 0, alone: int = 0, leaves: dict[int, str] | None = None) -> None:
    """A machine is elected, writes `shared` entries that everybody who runs gets, then `alone` ones that stay with it,
    and loses power. The first is the empty one of every leader. `leaves` says who loses power after which of them."""
    others = [name for name in group.nodes if name != leader]
    group.time_out(leader)
    group.run_for(0.00015)  # the requests for votes are out; what follows need not get out
    for number in range(shared + alone):
        if number == shared:
            group.partition([leader], others, one_way=True)
        if number:
            group.write("x", f"{leader}/{number}", to=leader)
        group.run_for(0.005)
        if leaves and number + 1 in leaves:
            group.crash(leaves[number + 1])
    group.crash(leader)
    group.run_for(0.002)
    group.heal()


NAMES = dict(zip("Labcdef", (f"node-{n}" for n in range(1, 8)), strict=True))  # of figure 7; L is the leader


def figure_7(seed: int = 7) -> RaftGroup:
    """The seven logs of the paper's figure 7, made by real elections, cuts and crashes, just before L leads term 8."""
    group = RaftGroup(7, EAGER, seed=seed, alarms=True)
    a, b, c, d, e, f = (NAMES[name] for name in "abcdef")
    reign(group, f, shared=3)
    group.restart(f)
    reign(group, f, alone=3)
    group.restart(f)
    reign(group, f, alone=5)
    reign(group, e, shared=2, alone=2, leaves={1: b})
    reign(group, a, shared=2)
    group.restart(a)
    reign(group, c, shared=3, alone=1, leaves={2: a})
    group.restart(a)
    group.restart(b)
    reign(group, d, alone=2)
    return_all(group)
    return group


def terms_of(group: RaftGroup, names: dict[str, str] = NAMES) -> dict[str, list[int]]:
    """The logs as the paper prints them: a list of terms for each name."""
    logs = group.logs()
    return {name: [term for _, term in logs[machine]] for name, machine in names.items()}


def figure_8() -> dict[str, RaftGroup]:
    """The paper's figure 8 from (b) on, each a group of its own: S1 … S5 are node-1 … node-5.

    (b) S1 has copied an entry of term 2 to S2 and is down; S5 leads term 3. (c) S5 is down; S1 leads term 4 and has
    copied its old entry to a majority, but nothing of term 4. Then (d) S1 dies at once, and S5 is elected; or (e) S1
    copies an entry of term 4 first.
    """
    group = RaftGroup(5, EAGER._replace(max_entries=1), seed=8, alarms=True)
    one, two, three, four, five = group.members
    group.time_out(one)
    group.run_for(0.1)  # all know by a sign of life that entry 1 is committed
    group.crash(one)
    group.restart(one)
    group.time_out(one)
    group.run_for(0.00015)
    group.partition([one], [three, four, five], one_way=True)
    group.run_for(0.005)
    group.crash(one)
    group.heal()
    _elect(group, five, [one, two, three, four])
    moments = {"b": group.fork()}
    group.crash(five)
    group.heal()
    group.restart(one)
    _elect(group, one, [two])
    deaf = [three, four]
    while deaf:  # each of them gets the old entry, and nothing behind it
        group.run_until(lambda g: any((2, 2) in g.logs()[name] for name in deaf), limit=0.1)
        reached = next(name for name in deaf if (2, 2) in group.logs()[name])
        group.partition([one], [reached], one_way=True)
        deaf.remove(reached)
    group.run_for(0.002)
    moments["c"] = group.fork()
    moments["d"], moments["e"] = group.fork(), group
    for name in "de":
        future = moments[name]
        if name == "e":
            future.heal()
            future.run_for(0.1)
        future.crash(one)
        future.heal()
        future.restart(five)
        for _ in range(3):  # whoever is behind learns the term first
            future.time_out(five)
            future.run_for(0.01)
        return_all(future)
        future.run_until(lambda g: g.leader is not None, limit=2)
        future.run_for(0.2)
    return moments


def draw_figure_8(moments: dict[str, RaftGroup]) -> tuple[Any, str]:
    """The four moments as ladders, and in words."""
    titles = {
        "b": ("node-5 leads term 3", "entry 2 of term 2 is on two disks"),
        "c": ("node-1 leads term 4", "entry 2 of term 2 is on four disks"),
        "d": ("node-1 died at once", "node-5 was elected: entry 2 of term 2 is gone"),
        "e": ("an entry of term 4 went round first", "node-5 found no voters: entry 2 of term 2 stays"),
    }
    panels = [(f"({n}) {title}", said, moments[n].trace, moments[n].now) for n, (title, said) in titles.items()]
    return draw_ladders(panels), "Four ladders. " + "; ".join(f"({n}) {t}: {said}" for n, (t, said) in titles.items())


def _elect(group: RaftGroup, name: str, deaf: list[str]) -> None:
    """Let this machine be elected, though what it says as a leader does not reach the deaf."""
    for _ in range(3):  # whoever is behind learns the term first
        group.time_out(name)
        group.run_for(0.00015)  # the requests for votes are out
        group.partition([name], deaf, one_way=True)
        if group.run_until(lambda g: g.leader == name, limit=0.003):
            return
        group.heal()
    raise AssertionError(f"{name} cannot be elected")


# ── compare ──────────────────────────────────────────────────────────────────────────────────────────────────────


def compare() -> None:
    """Print our figures beside those of the paper and of SwarmKit."""
    group = figure_7()
    before = list(terms_of(group).values())
    group.time_out(NAMES["L"])
    group.run_for(1)
    alike = sum(log == before[0] + [8] for log in terms_of(group).values())
    lines = (
        ("figure 7: logs that end like the leader's", f"{alike} of 7", "all (the paper)"),
        ("entries between two snapshots", f"{SWARMKIT.snapshot_every:_}".replace("_", " "), "10 000 (SwarmKit)"),
        ("entries kept behind a snapshot", str(SWARMKIT.keep), "500 (SwarmKit)"),
        ("changes in one entry, at most", str(MAX_CHANGES), "200, or 1.5 MiB (SwarmKit)"),
    )
    for what, ours, real in lines:
        print(f"{what:42} {ours:>7};  {real}")


# ── recall: what of a fresh ladder can still vanish ──────────────────────────────────────────────────────────────


def fresh_ladder(seed: int = 2063) -> RaftGroup:
    """A run for the recall exercise: a former leader that was cut off, and a leader that has just died."""
    group = settled(5, seed)
    group.partition({"node-1"}, {"node-5"}, {"node-2", "node-3", "node-4"})
    for value in "ab":
        group.write("x", value, to="node-1")
    group.time_out("node-3")
    group.run_for(0.01)
    group.write("x", "c", to="node-3", wait=1)
    group.run_for(0.01)
    group.write("x", "d", to="node-3")
    group.run_until(lambda g: len(on_disk(g, 5)) == 3, limit=1)
    die_after(group, 0)
    group.write("x", "e", to="node-3")
    group.run_for(0.01)
    return group


def can_vanish(logs: dict[str, tuple]) -> set[tuple[int, int]]:
    """The (index, term) that are missing in the log of somebody who can be elected, whoever has power then."""
    ends = {name: (log[-1][1], log[-1][0]) for name, log in logs.items()}
    enough = quorum.majority(len(logs))
    eligible = [name for name in logs if sum(end <= ends[name] for end in ends.values()) >= enough]
    entries = {entry for log in logs.values() for entry in log}
    return {entry for entry in entries if any(entry not in logs[name] for name in eligible)}


def recall(answer: Any) -> Verdict:
    """Pairs of index and term: the entries that can still vanish."""
    if not isinstance(answer, list | tuple | set) or not all(_is_pair(pair) for pair in answer):
        return Verdict(False, "give a list of pairs (index, term), like [(9, 3), (10, 3)].")
    group = fresh_ladder()
    logs = group.logs()
    right, said = can_vanish(logs), {tuple(pair) for pair in answer}
    for entry in sorted(said):
        holders = [name for name, log in logs.items() if entry in log]
        what = f"entry {entry[0]} of term {entry[1]}"
        if not holders:
            return Verdict(False, f"there is no {what} in any of the logs.", group)
        if entry not in right and len(holders) == len(logs):
            return Verdict(False, f"{what} is on every disk.", group)
        if entry not in right:
            text = f"{what} is on {', '.join(holders)}: a majority cannot be found without one of them, dashed or not."
            return Verdict(False, text, group)
    for entry in sorted(right - said):
        holders = [name for name, log in logs.items() if entry in log]
        text = f"entry {entry[0]} of term {entry[1]} is on {', '.join(holders)} only; count the votes of a server without it."
        return Verdict(False, text, group)
    return CORRECT


def _is_pair(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2 and all(type(number) is int for number in value)


# ── modify: an error, and the service exists ─────────────────────────────────────────────────────────────────────


class Outcome(NamedTuple):
    """What became of a command whose leader died under way."""

    cluster: Cluster
    seconds: float
    exit_code: int
    said: str
    exists: bool

    def __str__(self) -> str:
        there = "exists" if self.exists else "does not exist"
        return f"after {self.seconds:.2f} s, exit code {self.exit_code}: {self.said}\nThe service {there}."


def create_and_crash(milliseconds: float, seed: int = 3) -> Outcome:
    """`docker service create` on `manager-2`, which hands it on to the leader, `manager-1`; that one loses power so
    many milliseconds after the command was typed. Each message between managers takes 10 ms."""
    cluster = Cluster(managers=3, seed=seed)
    for one, other in combinations([f"manager-{n}" for n in (1, 2, 3)], 2):
        cluster.link(one, other, latency=0.01, jitter=0)
    cluster.run_for(3)
    asked = cluster.now
    cluster.kernel.at(round(1e6 * asked + 1e3 * milliseconds), cluster.crash, "manager-1")
    result = cluster.docker("service create -d --name web nginx", "manager-2")
    seconds = cluster.now - asked
    cluster.run_for(30)
    said = (result.stdout or result.stderr).strip() or "nothing"
    exists = any(service.spec.name == "web" for service in cluster.services)
    return Outcome(cluster, seconds, result.exit_code, said, exists)


def modify(milliseconds: Any) -> Verdict:
    """A time of death after which the client saw an error and the service exists."""
    if not isinstance(milliseconds, int | float) or isinstance(milliseconds, bool) or not isfinite(milliseconds):
        return Verdict(False, "give a number of milliseconds, like 45.")
    if not 0 <= milliseconds <= 1000:
        return Verdict(False, "the leader must die while the command is under way: between 0 and 1000 ms.")
    for seed in (31, 77):
        one = create_and_crash(milliseconds, seed)
        if one.exit_code == 0 and one.seconds < 1:
            text = f"the client had its answer after {1000 * one.seconds:.0f} ms, and it was a good one: die earlier."
            return Verdict(False, text, one.cluster)
        if one.exit_code == 0:
            text = f"manager-2 asked the next leader, and got a good answer after {one.seconds:.0f} s: what had the old one copied?"
            return Verdict(False, text, one.cluster)
        if not one.exists:
            return Verdict(False, "the client saw an error, but the service does not exist.", one.cluster)
    return CORRECT


# ── build: commit_index(match, terms, term) ──────────────────────────────────────────────────────────────────────

CommitIndex = Callable[[list[int], list[int], int], int]
SEEDS = range(60)  # about one in sixty-five runs is a figure 8


def build(commit_index: CommitIndex) -> Verdict:
    """First asked about many small logs; then planted in the engine, whose leaders die in a hundred ways."""
    if not callable(commit_index):
        return Verdict(False, 'give the function itself: check("03.build", commit_index).')
    wrong = [verdict for question in sorted(questions(), key=_size) if (verdict := _ask(commit_index, *question))]
    if wrong:
        return Verdict(False, wrong[0])
    finding = hunt(commit_index)
    if finding is None:
        return CORRECT
    act = "acts are" if len(finding.case.acts) > 1 else "act is"
    text = f"seed {finding.case.seed} of the campaign breaks a law: {finding.because}, though it was committed"
    if finding.law != "leader completeness":
        text = f"seed {finding.case.seed} of the campaign breaks {finding.law}: {finding.because}"
    return Verdict(False, f"{text}. {len(finding.case.acts)} {act} enough for it.", show(finding, commit_index))


def right_index(match: Sequence[int], terms: Sequence[int], term: int) -> int:
    """The engine's rule in one place: what a majority holds, if it is of the leader's own term."""
    index = quorum.committed_index(match)
    return index if index and terms[index - 1] == term else 0


def questions() -> Iterable[tuple[list[int], list[int], int]]:
    """Small groups and logs, of even and odd size, with slow and with lost followers; the leader has all of its log."""
    dice = Random("03.build")
    for _ in range(400):
        terms = sorted(dice.randint(1, 4) for _ in range(dice.randint(0, 5)))
        term = max([1, *terms]) + dice.choice((0, 0, 0, 1))
        match = [len(terms), *(dice.randint(0, len(terms)) for _ in range(dice.randint(0, 5)))]
        dice.shuffle(match)
        yield match, terms, term


def _size(question: tuple) -> tuple:
    return len(question[0]) + len(question[1]), question


def _ask(commit_index: CommitIndex, match: list[int], terms: list[int], term: int) -> str:
    """What is wrong with the answer; '' if nothing is, or nothing but that it counts entries of older terms."""
    said, right = commit_index(list(match), list(terms), term), right_index(match, terms, term)
    held = quorum.committed_index(match)
    asked = f"with match={match}, terms={terms}, term={term}"
    if type(said) is not int:
        return f"{asked} it says {said!r}, which is not a whole number."
    if said in (right, held):
        return ""
    if not 0 <= said <= len(terms):
        return f"{asked} it says {said}, but there is no such index: they begin at 1, and 0 means none."
    count, servers = sum(index >= said for index in match), len(match)
    if said > held:
        more = "half of them is not more than half" if 2 * count == servers else "that is no majority"
        return f"{asked} it says {said}, but {count} of {servers} servers hold entry {said}: {more}."
    if right:
        many = sum(index >= right for index in match)
        return f"{asked} it says {said}, but {many} of {servers} servers hold entry {right}: the slowest need not be waited for."
    return (
        f"{asked} it says {said}, but no entry of term {term} is held by a majority: nothing new is committed, say 0."
    )


def planted(commit_index: CommitIndex) -> Mutant:
    """The engine with this function in place of its own rule."""

    def index(node: Any) -> int:
        match = [progress.match for progress in node.progress.values()]
        terms = [node.log.term_at(number) for number in range(1, node.log.last_index + 1)]
        return commit_index([node.held, *match], terms, node.term)

    patches = [(replication, "majority_index", index), (replication, "may_commit", lambda node, index: True)]
    return Mutant(1, "a learner's rule", (), lambda: patches, {})


def draw(seed: int) -> Case:
    """Leaders that are elected, can soon not be heard any more, and die: ten in a row."""
    dice, acts, time = Random(f"03.build/{seed}"), [], 1_000_000
    names = ["node-1", "node-2", "node-3"]
    for _ in range(10):
        leader = dice.choice(names)
        acts.append(Act(time, "time_out", {"groups": [leader]}))
        time += int(dice.random() * 3_300)
        others = [name for name in names if name != leader]
        acts.append(Act(time, "partition", {"groups": [[leader], others], "one_way": True}))
        acts.append(Act(time + 10_000, "crash", {"machine": leader}))
        time += 20_000
        acts += [Act(time, "heal", {}), Act(time, "restart_all", {})]
        time += 1_000
    settings = EAGER._replace(max_entries=1, heartbeat=50, election_low=400, election_high=800)
    return Case(seed, {"members": 3, "settings": list(settings), "clients": 0}, tuple(acts))


def hunt(commit_index: CommitIndex, seeds: Iterable[int] = SEEDS) -> Finding | None:
    """The campaign: the first of these seeds with which a law breaks, in as few acts as possible. None if all is well."""
    rule = planted(commit_index)
    for seed in seeds:
        finding = campaign.run(draw(seed), rule)
        if finding:
            smaller = hasten(campaign.shrink(_cut(finding), rule), rule)
            return _cut(campaign.shrink(smaller, rule, patience=60))
    return None


def _cut(finding: Finding) -> Finding:
    """Without what was done after it."""
    acts = tuple(act for act in finding.case.acts if act.time <= finding.time)
    return finding._replace(case=finding.case._replace(acts=acts))


def hasten(finding: Finding, rule: Mutant) -> Finding:
    """The same, without the long wait for the end of the storm, if that is possible."""
    last = finding.case.acts[-1].time + 10_000 if finding.case.acts else 0
    for name in ("node-1", "node-2", "node-3"):
        more = [Act(last, "heal", {}), *(Act(last + n * 10_000, "time_out", {"groups": [name]}) for n in (1, 2, 3))]
        other = campaign.run(finding.case._replace(acts=(*finding.case.acts, *more)), rule)
        if other and other.law == finding.law and other.time < finding.time:
            return _cut(other)
    return finding


def show(finding: Finding, commit_index: CommitIndex) -> RaftGroup:
    """The run of a finding, for the board."""
    return campaign.show(finding, planted(commit_index))


CHECKS = {"recall": recall, "modify": modify, "build": build}
