"""Thousands of runs with faults, each drawn from its seed; and of a run that fails, the smallest script that still does.

After FoundationDB and TigerBeetle: first a storm, in which only safety is judged; then the faults end, and progress is
asked for as well. Which faults there are is drawn per seed, too: a run with few finds more than a run with all of them.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from random import Random
from typing import Any, NamedTuple

from ..events import BecameFollower, BecameLeader, GroupChanged, MachineCrashed
from ..group import RaftGroup
from ..raft.core import PAPER, Settings
from ..sim.recorder import Act
from . import linearizability
from .broken import LawBroken
from .laws import Laws

STORM, CALM = 6_000_000, 4_000_000  # µs
FAULTS = ("crash", "torn", "freeze", "partition", "links", "disk", "clock", "members", "transfer", "time_out")
COVERED = (  # what a campaign must have seen, or it has not tried
    *("BecamePreCandidate", "SteppedDown", "EntriesCut", "SnapshotInstalled", "TransferBegun", "VoteRefused"),
    *("two leaders at once", "joint", "torn"),
)


class Case(NamedTuple):
    """One run: how the group is made, and what is done to it. Plain data, so that it can be cut down and kept."""

    seed: int
    setup: dict[str, Any]  # keyword arguments of RaftGroup, `settings` as a list
    acts: tuple[Act, ...]
    absent: tuple[str, ...] = ()  # machines that stay off when the faults end: a majority has to do


class Finding(NamedTuple):
    """What went wrong: the name of a law, or `liveness`, `linearizability`, `broken node`."""

    law: str
    because: str
    time: int  # µs
    case: Case

    def __str__(self) -> str:
        return (
            f"seed {self.case.seed}: {self.law} at {self.time / 1e6:.3f} s, {len(self.case.acts)} acts: {self.because}"
        )


class Report(NamedTuple):
    """What a campaign found, in the order of the seeds, and how often it saw what it is there to see."""

    seeds: int
    findings: tuple[Finding, ...]
    seen: dict[str, int]
    covered: tuple[str, ...] = COVERED

    @property
    def unseen(self) -> tuple[str, ...]:
        return tuple(name for name in self.covered if not self.seen.get(name))


# ── what happens in a run is drawn from its seed ─────────────────────────────────────────────────────────────────


def draw(seed: int, focus: dict[str, Any] | None = None) -> Case:
    """The run of this seed. `focus` fixes some of what else is drawn: `faults`, `members`, `spare`, `read`, `pause` (seconds
    between two operations of a client), `pace` (µs between two acts, on average), `absent` (whether a minority stays off), or settings."""
    dice, focus = Random(f"case/{seed}"), focus or {}
    wanted = {name: dice.random() < 0.35 for name in FAULTS}
    faults = focus.get("faults", [name for name, here in wanted.items() if here])
    members = focus.get("members", dice.choice((3, 3, 4, 5)))
    spare = focus.get("spare", dice.choice((1, 2)) if "members" in faults else 0)
    settings = draw_settings(dice, faults)._replace(**{k: v for k, v in focus.items() if k in Settings._fields})
    read = focus.get("read", "index" if settings.lease_reads else dice.choice(("log", "log", "index")))
    setup = {"members": members, "spare": spare, "settings": list(settings), "clients": 3, "read": read}
    setup["pause"] = focus.get("pause", Random(f"pause/{seed}").choice((0.12, 0.3, 0.3)))
    names = [f"node-{n + 1}" for n in range(members + spare)]
    pace = focus.get("pace", dice.choice((60_000, 250_000, 250_000)))
    acts = [*first_acts(dice, names, faults), *storm(dice, names, faults, pace)]
    few = "members" not in faults and focus.get("absent", dice.random() < 0.3)
    return Case(seed, setup, tuple(acts), tuple(dice.sample(names, (members - 1) // 2)) if few else ())


def draw_settings(dice: Random, faults: Iterable[str]) -> Settings:
    lease = dice.random() < 0.2
    return PAPER._replace(
        heartbeat=50,
        pre_vote=dice.random() < 0.5,
        check_quorum=lease or dice.random() < 0.8,
        max_entries=dice.choice((1, 2, 64)),
        max_inflight=dice.choice((1, 4, 256)),
        snapshot_every=dice.choice((8, 30, 10_000)),
        keep=dice.choice((0, 3, 500)),
        lease_reads=lease,
        drift=1.3,
        slow_disk="disk" in faults,
    )


def first_acts(dice: Random, names: list[str], faults: Iterable[str]) -> Iterator[Act]:
    """The weather that stays: poor links, slow disks, clocks that differ by at most what lease reads allow for."""
    for one in names if "links" in faults else ():
        for other in names[names.index(one) + 1 :]:
            poor = {"latency": 0.001, "jitter": dice.choice((0.005, 0.03)), "loss": dice.choice((0, 0.05, 0.2))}
            yield Act(0, "link", {"one": one, "other": other, "duplicate": 0.1, "reorder": 0.2, **poor})
    slowest = dice.choice(names) if dice.random() < 0.5 else ""
    for name in names:
        if "disk" in faults:
            lag = 0.4 if name == slowest else dice.choice((0.001, 0.01, 0.06))
            yield Act(0, "slow_disk", {"machine": name, "lag": lag})
        if "clock" in faults:
            yield Act(0, "drift", {"machine": name, "rate": round(0.9 + 0.2 * dice.random(), 3)})


def storm(dice: Random, names: list[str], faults: list[str], pace: int) -> Iterator[Act]:
    """One thing after the other, until the storm is over."""
    kinds = [STIRS[name] for name in faults if name in STIRS]
    time = 300_000
    while kinds and time < STORM:
        yield from dice.choice(kinds)(dice, names, time)
        time += 20_000 + int(dice.expovariate(1 / pace))


def _someone(dice: Random, names: list[str]) -> str:
    return "leader" if dice.random() < 0.5 else dice.choice(names)


def _crash(dice: Random, names: list[str], time: int) -> Iterator[Act]:
    machine = dice.choice(names)
    yield Act(time, "crash", {"machine": _someone(dice, [machine])})
    yield Act(time + int(dice.random() * 800_000), "restart_all", {})


def _torn(dice: Random, names: list[str], time: int) -> Iterator[Act]:
    yield Act(time, "crash", {"machine": _someone(dice, names), "midway": dice.randrange(8)})
    yield Act(time + 100_000 + int(dice.random() * 600_000), "restart_all", {})


def _freeze(dice: Random, names: list[str], time: int) -> Iterator[Act]:
    yield Act(time, "freeze", {"machine": _someone(dice, names), "seconds": round(dice.random(), 3)})


def _partition(dice: Random, names: list[str], time: int) -> Iterator[Act]:
    some = dice.sample(names, dice.randint(1, len(names) - 1))
    sides = [["leader"], ["rest"]] if dice.random() < 0.4 else [some, [name for name in names if name not in some]]
    yield Act(time, "partition", {"groups": sides, "one_way": dice.random() < 0.25})
    yield Act(time + 100_000 + int(dice.random() * 900_000), "heal", {})


def _members(dice: Random, names: list[str], time: int) -> Iterator[Act]:
    add: list[str] = []
    remove: list[str] = []
    for name in dice.sample(names, dice.choice((1, 1, 2, 3))):
        (add if dice.random() < 0.6 else remove).append(name)
    how = {"add": [], "learners": add} if dice.random() < 0.2 else {"add": add, "learners": []}
    yield Act(time, "change", {**how, "remove": remove, "joint": dice.random() < 0.3})


def _transfer(dice: Random, names: list[str], time: int) -> Iterator[Act]:
    yield Act(time, "transfer", {"machine": dice.choice(names)})


def _time_out(dice: Random, names: list[str], time: int) -> Iterator[Act]:
    yield Act(time, "time_out", {"groups": dice.sample(names, dice.randint(1, 2))})


STIRS: dict[str, Callable[[Random, list[str], int], Iterator[Act]]] = {
    "crash": _crash,
    "torn": _torn,
    "freeze": _freeze,
    "partition": _partition,
    "members": _members,
    "transfer": _transfer,
    "time_out": _time_out,
}


# ── one run ──────────────────────────────────────────────────────────────────────────────────────────────────────


def build(case: Case, **how: Any) -> RaftGroup:
    """The group of this case, before anything was done to it."""
    setup = {**case.setup, "settings": Settings(*case.setup["settings"])}
    return RaftGroup(**{**setup, "seed": case.seed, "messages": False, **how})


def run(case: Case, mutant: Any = None, seen: Counter | None = None) -> Finding | None:
    """Do it, with the laws after every event. None if all is well. A mutant is a bug that is planted meanwhile."""
    with mutant.planted() if mutant else nullcontext():
        group = build(case)
        group.keep_no_pictures()
        try:
            through(group, case, Laws(group).look)
            finding = judge(group, case)
        except LawBroken as broken:
            finding = Finding(broken.law, broken.because, group.kernel.now, case)
        except Exception as bug:  # whatever a planted bug may lead to
            finding = Finding("broken node", f"{type(bug).__name__}: {bug}", group.kernel.now, case)
    if seen is not None:
        seen.update(sights(group))
    return finding


def through(group: RaftGroup, case: Case, look: Callable[[], None] = lambda: None) -> None:
    """The storm, then the end of all faults, and some time to recover. `look` is asked after every act."""
    for act in case.acts:
        group.run_for((act.time - group.kernel.now) / 1e6 if act.time > group.kernel.now else 0)
        do(group, act)
        look()
    group.run_for(max(0, STORM - group.kernel.now) / 1e6)
    clear_up(group, case.absent)
    group.run_for(CALM / 1e6)


def do(group: RaftGroup, act: Act) -> None:
    """One act. What cannot be done just now (a crash of what is down, a transfer without a leader) is left out."""
    details = dict(act.details)
    if act.name == "restart_all":
        restart_all(group)
        return
    leader = group.leader or group.members[0]
    groups = [[leader if name == "leader" else name for name in side] for side in details.pop("groups", ())]
    if act.name == "time_out":
        groups = act.details["groups"]
    if groups and groups[-1] == ["rest"]:
        groups[-1] = [name for name in group.members if name != leader]
    if details.get("machine") == "leader":
        details["machine"] = leader
    try:
        getattr(group, act.name)(*groups, **details)
    except ValueError:
        pass


def restart_all(group: RaftGroup) -> None:
    for name in group.members:
        machine = group.machines[name]
        if not machine.running or machine.tear >= 0:  # or about to lose power
            group.restart(name)


def clear_up(group: RaftGroup, absent: tuple[str, ...] = ()) -> None:
    """All faults end: everything runs but for who stays off, every link, disk and clock is good."""
    restart_all(group)
    for name in absent:
        group.crash(name)
    group.heal()
    changed = {act.name for act in group.acts}
    for name in group.members:
        if "slow_disk" in changed:
            group.slow_disk(name, 0)
        if "drift" in changed:
            group.drift(name, 1)
        for other in group.members if "link" in changed else ():
            if name < other:
                group.link(name, other, latency=0.0002, jitter=0.0006, loss=0, duplicate=0, reorder=0)


def judge(group: RaftGroup, case: Case) -> Finding | None:
    """After the calm: somebody leads, everybody who belongs there agrees, a write works, and the clients' story fits."""
    now = group.kernel.now
    missing = lack_of_progress(group)
    if missing:
        return Finding("liveness", missing, now, case)
    rows = [linearizability.Operation(*row) for row in group.history()]
    verdict = linearizability.judge(rows)
    return None if verdict.ok is not False else Finding("linearizability", str(verdict), now, case)


def lack_of_progress(group: RaftGroup) -> str:
    """What should have happened in the calm and did not; '' if all is well."""
    leader = group.leader
    if leader is None:
        return "nobody leads"
    node = group.nodes[leader]
    if group.write("end", "reached", wait=1) != "":
        return f"{leader} leads, and a write does not work"
    agreed = node.commit
    group.run_for(0.3)
    belong = [node.members[member] for member in node.configuration.everybody]
    behind = [machine for machine in belong if machine in group.nodes and group.nodes[machine].commit < agreed]
    if behind:
        return f"{', '.join(behind)} did not catch up with {leader}"
    others = [m for m in belong if m != leader and m in group.nodes and group.nodes[m].role == "leader"]
    return f"{', '.join(others)} leads as well" if others else ""


def digest(case: Case, mutant: Any = None) -> str:
    """The fingerprint of the run of this case."""
    with mutant.planted() if mutant else nullcontext():
        group = build(case)
        group.keep_no_pictures()
        through(group, case)
        return group.trace.digest()


def sights(group: RaftGroup) -> Counter:
    """How often something happened that a campaign is there to see."""
    seen: Counter = Counter()
    leading: set[str] = set()
    for record in group.trace.records:
        fact, name = record.fact, record.source
        seen[type(fact).__name__] += 1
        if type(fact) is BecameLeader:
            leading.add(name)
            seen["two leaders at once"] += len(leading) > 1
        elif type(fact) in (BecameFollower, MachineCrashed):
            leading.discard(name)
        elif type(fact) is GroupChanged:
            seen["joint"] += bool(fact.outgoing)
    seen["torn"] = sum(act.name == "crash" and "midway" in act.details for act in group.acts)
    return seen


# ── many runs ────────────────────────────────────────────────────────────────────────────────────────────────────


def run_seeds(seeds: tuple[int, ...], mutant: str = "", focus: dict | None = None) -> tuple[list[Finding], Counter]:
    """Some runs, one after the other: what an executor is given to do."""
    from .mutants import MUTANTS

    seen: Counter = Counter()
    found = [run(draw(seed, focus), MUTANTS[mutant] if mutant else None, seen) for seed in seeds]
    return [finding for finding in found if finding], seen


def campaign(
    seeds: Iterable[int],
    executor: Any = None,
    *,
    mutant: str = "",
    focus: dict | None = None,
    progress: Callable[[str], Any] | None = None,
    piece: int = 25,
    work: Callable[..., tuple[list[Finding], Counter]] = run_seeds,
) -> Report:
    """Run all these seeds, on all cores of this machine, or wherever `executor` (any of `concurrent.futures`, or what
    a Dask client's `get_executor()` gives) runs them. The report is the same everywhere. `progress` hears a line now
    and then."""
    numbers = tuple(seeds)
    pieces = [numbers[n : n + piece] for n in range(0, len(numbers), piece)]
    found: list[Finding] = []
    seen: Counter = Counter()
    with nullcontext(executor) if executor is not None else _all_cores() as pool:
        waiting = [pool.submit(work, one, mutant, focus) for one in pieces]
        for done, future in enumerate(waiting, 1):
            findings, sights = future.result()
            found += findings
            seen.update(sights)
            if progress:
                progress(f"{min(done * piece, len(numbers))} of {len(numbers)} seeds, {len(found)} violations")
    return Report(len(numbers), tuple(found), {name: seen[name] for name in sorted(seen)})


def _all_cores() -> Any:
    from concurrent.futures import ProcessPoolExecutor

    return ProcessPoolExecutor()


# ── the smallest script ──────────────────────────────────────────────────────────────────────────────────────────


def shrink(finding: Finding, mutant: Any = None, patience: int = 400, run: Callable = run) -> Finding:
    """The same violation with as few acts as can be found: acts are left out by halves, quarters, … one by one [ddmin]."""
    best, left = without_the_rest(finding, mutant, run), patience
    size = max(1, len(best.case.acts) // 2)
    while left > 0:
        smaller = None
        for start in range(0, len(best.case.acts), size):
            acts = best.case.acts[:start] + best.case.acts[start + size :]
            left -= 1
            smaller = _again(best, best.case._replace(acts=acts), mutant, run)
            if smaller or left <= 0:
                break
        if smaller:
            best = smaller
        elif size == 1:
            break
        else:
            size = max(1, size // 2)
    return best


def without_the_rest(finding: Finding, mutant: Any, run: Callable = run) -> Finding:
    """What came after the violation has not caused it."""
    acts = tuple(act for act in finding.case.acts if act.time <= finding.time)
    return _again(finding, finding.case._replace(acts=acts), mutant, run) or finding


def _again(finding: Finding, case: Case, mutant: Any, run: Callable) -> Finding | None:
    other = run(case, mutant)
    return other if other and other.law == finding.law else None


def show(finding: Finding, mutant: Any = None) -> RaftGroup:
    """The run up to the violation, with its messages and time-outs: for the board."""
    with mutant.planted() if mutant else nullcontext():
        group = build(finding.case, messages=True, alarms=True)
        group.keep_no_pictures()
        try:
            through(group, finding.case, Laws(group).look)
        except Exception:  # that is where the finding was made
            pass
    return group


def save(finding: Finding, path: str) -> None:
    """Keep a finding in a small file that `load` reads."""
    import json

    acts = [[act.time, act.name, act.details] for act in finding.case.acts]
    rows = {"law": finding.law, "because": finding.because, "time": finding.time}
    text = json.dumps(
        {**rows, "seed": finding.case.seed, "setup": finding.case.setup, "absent": finding.case.absent, "acts": acts},
        indent=1,
    )
    with open(path, "w", encoding="utf-8") as file:
        file.write(text + "\n")


def load(path: str) -> Finding:
    """The opposite of `save`."""
    import json

    with open(path, encoding="utf-8") as file:
        rows = json.load(file)
    acts = tuple(Act(time, name, details) for time, name, details in rows["acts"])
    case = Case(rows["seed"], rows["setup"], acts, tuple(rows["absent"]))
    return Finding(rows["law"], rows["because"], rows["time"], case)
