"""Lesson 03: its predictions, and the judges of its exercises."""

from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from math import isfinite
from random import Random
from typing import Any, NamedTuple

from ..check import campaign
from ..check.campaign import Case, Finding
from ..check.mutants import Mutant
from ..cluster import Cluster
from ..group import RaftGroup
from ..manager.store import MAX_CHANGES
from ..raft import quorum, replication
from ..raft.core import SWARMKIT
from ..sim.recorder import Act
from . import CORRECT, Prediction, Verdict
from .scenes03 import EAGER, NAMES, die_after, figure_7, on_disk, settled, terms_of

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
FEW, MANY = range(30), range(250)  # seeds; about one run in sixty-five is a figure 8


def build(commit_index: CommitIndex) -> Verdict:
    """First asked about many small logs; then planted in the engine, whose leaders die in a hundred ways."""
    if not callable(commit_index):
        return Verdict(False, 'give the function itself: check("03.build", commit_index).')
    asked = sorted(questions(), key=_size)
    wrong = [verdict for question in asked if (verdict := _ask(commit_index, *question))]
    if wrong:
        return Verdict(False, wrong[0])
    bold = [_words(q, said) for q in asked if (said := commit_index(*_copy(q))) != right_index(*q)]
    finding = hunt(commit_index, MANY if bold else FEW)
    if finding:
        return Verdict(False, _refutation(finding), show(finding, commit_index))
    return Verdict(True, f"The engine is stricter: {bold[0]}. No run refutes that. Is it safe?") if bold else CORRECT


def _refutation(finding: Finding) -> str:
    seed, acts = finding.case.seed, len(finding.case.acts)
    text = f"seed {seed} of the campaign breaks {finding.law}: {finding.because}"
    if finding.law == "leader completeness":
        text = f"seed {seed} of the campaign breaks a law: {finding.because}, though it was committed"
    return f"{text}. {acts} acts are enough for it."


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


def _copy(question: tuple[list[int], list[int], int]) -> tuple[list[int], list[int], int]:
    match, terms, term = question
    return list(match), list(terms), term


def _words(question: tuple, said: int) -> str:
    match, terms, term = question
    return f"with match={match}, terms={terms}, term={term} it says {said}"


def _size(question: tuple) -> tuple:
    return len(question[0]) + len(question[1]), question


def _ask(commit_index: CommitIndex, match: list[int], terms: list[int], term: int) -> str:
    """What is wrong with the answer; '' if nothing is, or nothing but that it counts entries of older terms."""
    said, right = commit_index(list(match), list(terms), term), right_index(match, terms, term)
    held, asked = quorum.committed_index(match), _words((match, terms, term), said)
    if type(said) is not int:
        return f"{asked}, which is not a whole number."
    if said in (right, held):
        return ""
    if not 0 <= said <= len(terms):
        return f"{asked}, but there is no such index: they begin at 1, and 0 means none."
    count, servers = sum(index >= said for index in match), len(match)
    if said > held:
        more = "half of them is not more than half" if 2 * count == servers else "that is no majority"
        return f"{asked}, but {count} of {servers} servers hold entry {said}: {more}."
    if right:
        many = sum(index >= right for index in match)
        return f"{asked}, but {many} of {servers} servers hold entry {right}: the slowest need not be waited for."
    return f"{asked}, but no entry of term {term} is held by a majority: nothing new is committed, say 0."


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


def hunt(commit_index: CommitIndex, seeds: Iterable[int]) -> Finding | None:
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
