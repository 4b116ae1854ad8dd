"""Runs with faults in the middle of rolling updates, each drawn from its seed, and the laws of updates and restarts.

There are five kinds: `calm` asks most of an update, as nothing else happens; in `restarts` tasks fail all the time; in
`leader` a leader dies, in `workers` they do, and in `storm` everything may happen, people who change their minds included.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from functools import cache, partial
from random import Random
from typing import Any

from ..raft.core import SWARMKIT
from ..sim.recorder import Act
from ..world import OUTSIDE
from .broken import LawBroken
from .campaign import Case, Finding, Report
from .rest_laws import unrest
from .update_laws import UpdateLaws, unsettled

KINDS = ("calm", "restarts", "leader", "workers", "storm")
LENGTH = 60_000_000  # µs of faults
COVERED = (  # what a campaign must have seen, or it has not tried
    *("UpdateBegun", "SlotTaken", "FailureCounted", "LastWatchBegan", "BecameLeader", "MachineCrashed"),
    *("completed", "paused", "rollback_completed", "rollback_paused"),
    *("a leader died during an update", "an update after an update"),
)
HEALTHY = ("--image nginx:1.26", "--force", "--env-add A=b")
SICK = (
    "--image nosuch/image:1",
    "--args 'crash 1 1'",
    "--args 'crash 6 1'",
    "--health-cmd 'exit 1' --health-interval 1s",
)


# ── what happens in a run is drawn from its seed ─────────────────────────────────────────────────────────────────


def draw(seed: int, focus: dict[str, Any] | None = None) -> Case:
    """The run of this seed. `focus` fixes some of what else is drawn: `kind`, `create`, `update` (flags), `workers`."""
    dice, focus = Random(f"updates/{seed}"), focus or {}
    kind = focus.get("kind", KINDS[seed % len(KINDS)])
    workers = focus.get("workers", dice.choice((2, 3, 4)))
    managers = 1 if kind in ("calm", "restarts") else 3
    create = focus.get("create", " ".join(_service(dice, kind)))
    setup = {"kind": kind, "managers": managers, "workers": workers, "slow_disk": kind == "storm", "create": create}
    update = focus.get("update", dice.choice(HEALTHY if kind == "calm" else HEALTHY + SICK))
    acts = [_typed(0, f"service update -d {update} web")] if kind != "restarts" else []
    names = [f"worker-{n + 1}" for n in range(workers)]
    managed = [f"manager-{n + 1}" for n in range(managers)]
    acts += STORMS[kind](dice, names, managed, focus)
    return Case(seed, setup, tuple(acts))


def _service(dice: Random, kind: str) -> Iterator[str]:
    """What `service create` is told."""
    choice = dice.choice
    yield f"--replicas {choice((1, 2, 3, 4, 6))} {choice(('', '--network front', '-p 8080:80'))}"
    for block in ("update", "rollback"):
        yield f"--{block}-parallelism {choice((0, 1, 1, 2, 3))} --{block}-delay {choice(('0s', '1s', '4s', '12s'))}"
        yield f"--{block}-order {choice(('stop-first', 'start-first'))} --{block}-monitor {choice(('1s', '5s', '9s'))}"
        yield f"--{block}-max-failure-ratio {choice((0, 0, 0.3, 0.6))}"
        yield f"--{block}-failure-action {choice(('pause', 'continue', *(['rollback'] * 2 * (block == 'update'))))}"
    yield choice(("", "", "--health-cmd /ok --health-interval 1s", "--stop-grace-period 3s"))
    yield f"--restart-delay {choice(('0s', '1s', '5s'))}"
    if kind in ("restarts", "workers", "storm"):
        yield f"--restart-condition {choice(('any', 'any', 'on-failure', 'none'))}"
        yield choice(("", "", *(f"--restart-max-attempts {n}" for n in (1, 2, 3))))
        yield choice(("", "", "--restart-window 4s", "--restart-window 15s"))
    yield "--constraint node.role==worker"
    yield choice(("alpine crash 1 1", "alpine crash 4 1", "alpine sleep 3")) if kind == "restarts" else "nginx:1.25"


def _typed(time: int, command: str) -> Act:
    return Act(time, "docker", {"command": command})


def _calm(dice: Random, workers: list[str], managers: list[str], focus: dict) -> list[Act]:
    """Later somebody takes it back, or updates it once more."""
    then = dice.choice(("service rollback -d web", "service update -d --env-add B=c web"))
    return [_typed(400_000_000, then)] if dice.random() < 0.5 else []


def _restarts(dice: Random, workers: list[str], managers: list[str], focus: dict) -> list[Act]:
    return [_typed(LENGTH // 2, "service update -d --env-add B=c web")] if dice.random() < 0.5 else []


def _leader_dies(dice: Random, workers: list[str], managers: list[str], focus: dict) -> list[Act]:
    """Once or twice, and it comes back."""
    acts = []
    for time in sorted(dice.randrange(0, LENGTH // 2) for _ in range(dice.choice((1, 1, 2)))):
        midway = {"midway": dice.randrange(6)} if dice.random() < 0.3 else {}
        acts += [Act(time, "crash", {"machine": "leader", **midway})]
        acts += [Act(time + dice.randrange(1_000_000, LENGTH // 2), "restart_all", {})]
    return sorted(acts, key=lambda act: act.time)


def _workers_die(dice: Random, workers: list[str], managers: list[str], focus: dict) -> list[Act]:
    """Some lose power, some their line, some their breath."""
    acts = []
    for time in sorted(dice.randrange(0, LENGTH) for _ in range(dice.randint(1, 4))):
        name = dice.choice(workers)
        pick = dice.choice(("crash", "cut", "freeze", "link"))
        if pick == "crash":
            acts += [Act(time, "crash", {"machine": name}), _later(dice, time, "restart_all")]
        elif pick == "cut":
            acts += [Act(time, "partition", {"groups": [[name], ["rest"]]}), _later(dice, time, "heal")]
        elif pick == "freeze":
            acts += [Act(time, "freeze", {"machine": name, "seconds": dice.choice((0.5, 8, 25))})]
        else:
            poor = {"loss": 0.3, "duplicate": 0.1, "reorder": 0.2}
            acts += [Act(time, "link", {"one": name, "other": dice.choice(managers), **poor})]
    return sorted(acts, key=lambda act: act.time)


def _later(dice: Random, time: int, name: str) -> Act:
    return Act(time + dice.choice((300_000, 5_000_000, 20_000_000, 40_000_000)), name, {})


def _storm(dice: Random, workers: list[str], managers: list[str], focus: dict) -> list[Act]:
    """All of it, and people: another version, back, more or fewer replicas, anything that resumes."""
    acts = [*_leader_dies(dice, workers, managers, focus)[:2], *_workers_die(dice, workers, managers, focus)]
    for _ in range(dice.randint(1, 5)):
        time, what = dice.randrange(0, LENGTH), dice.choice((*HEALTHY, *SICK, "--label-add a=b", "--replicas 3"))
        command = f"service update -d {what} web" if dice.random() < 0.7 else "service rollback -d web"
        acts.append(_typed(time, command))
    if dice.random() < 0.4:
        acts.append(Act(0, "slow_disk", {"machine": dice.choice(managers), "lag": dice.choice((0.01, 0.3))}))
    if dice.random() < 0.4:
        acts += [Act(dice.randrange(0, LENGTH), "partition", {"groups": [["leader"], ["rest"]]})]
        acts += [_later(dice, acts[-1].time, "heal")]
    return sorted(acts, key=lambda act: act.time)


STORMS: dict[str, Callable] = {
    "calm": _calm,
    "restarts": _restarts,
    "leader": _leader_dies,
    "workers": _workers_die,
    "storm": _storm,
}


# ── one run ──────────────────────────────────────────────────────────────────────────────────────────────────────


@cache
def _swarm(make: Callable, managers: int, workers: int, slow_disk: bool) -> Any:
    cluster = make(managers, workers, seed=1, messages=False, raft=SWARMKIT._replace(slow_disk=slow_disk))
    cluster.docker("network create -d overlay front")
    return cluster


def _fork(make: Callable, case: Case) -> Any:
    setup = case.setup
    return _swarm(make, setup["managers"], setup["workers"], setup["slow_disk"]).fork()


def build(make: Callable, case: Case) -> Any:
    """The swarm of this case, with its service at rest. `make` is `Cluster`, which this room may not know."""
    setup, swarm = case.setup, _fork(make, case)
    swarm.run_for(case.seed % 97 * 0.11)
    made = swarm.docker(f"service create -d --name web {setup['create']}")
    assert made.exit_code == 0, made.stderr
    swarm.run_for(0 if setup["kind"] == "restarts" else 15)
    return swarm


def run(make: Callable, case: Case, mutant: Any = None, seen: Counter | None = None) -> Finding | None:
    """Do it, with the laws after every event. None if all is well. A mutant is a bug that is planted meanwhile."""
    _fork(make, case)  # others share what it is forked from: that is made without bugs
    with mutant.planted() if mutant else nullcontext():
        swarm = build(make, case)
        begin, kind = swarm.kernel.now, case.setup["kind"]
        try:
            UpdateLaws(swarm, calm=kind == "calm", steady=kind in ("calm", "restarts", "workers"))
            through(swarm, case, begin)
            finding = judge(swarm, case, begin)
        except LawBroken as broken:
            finding = Finding(broken.law, broken.because, swarm.kernel.now - begin, case)
        except Exception as bug:  # whatever a planted bug may lead to
            finding = Finding("broken swarm", f"{type(bug).__name__}: {bug}", swarm.kernel.now - begin, case)
    if seen is not None:
        seen.update(sights(swarm))
    return finding


def through(swarm: Any, case: Case, begin: int) -> None:
    """The acts, the end of all faults, and time to recover: nodes have to come back, updates to end."""
    for act in case.acts:
        swarm.run_for(max(0, begin + act.time - swarm.kernel.now) / 1e6)
        do(swarm, act)
    rest = 20 if case.setup["kind"] in ("calm", "restarts") else 90
    swarm.run_for(1)
    clear_up(swarm)
    swarm.run_for(rest)
    clear_up(swarm)  # a crash may still have been under way
    for _ in range(15):
        if all(_is_over(service) for service in swarm.services):
            break
        swarm.run_for(20)
    swarm.run_for(rest)


def _is_over(service: Any) -> bool:
    return (service.update_status or ("",))[0] not in ("updating", "rollback_started")


def do(swarm: Any, act: Act) -> None:
    """One act. What cannot be done just now (a crash of what is down, a command that nobody hears) is left out."""
    details, leader = dict(act.details), swarm.leader or "manager-1"
    if act.name == "restart_all":
        restart_all(swarm)
        return
    if act.name == "docker":
        swarm.docker(details["command"], limit=5)
        return
    groups = [[leader if name == "leader" else name for name in side] for side in details.pop("groups", ())]
    if groups and groups[-1] == ["rest"]:
        groups[-1] = [name for name in swarm.machines if name not in (*OUTSIDE, *groups[0])]
    if details.get("machine") == "leader":
        details["machine"] = leader
    try:
        getattr(swarm, act.name)(*groups, **details)
    except ValueError:
        pass


def restart_all(swarm: Any) -> None:
    for name, machine in swarm.machines.items():
        if name not in OUTSIDE and (not machine.running or machine.tear >= 0):
            swarm.restart(name)


def clear_up(swarm: Any) -> None:
    """All faults end."""
    restart_all(swarm)
    swarm.heal()
    for act in list(swarm.acts):
        if act.name == "slow_disk" and act.details["lag"]:
            swarm.slow_disk(act.details["machine"], 0)
        if act.name == "link" and act.details.get("loss"):
            good = {"latency": 0.0002, "jitter": 0.0006, "loss": 0, "duplicate": 0, "reorder": 0}
            swarm.link(act.details["one"], act.details["other"], **good)


def judge(swarm: Any, case: Case, begin: int) -> Finding | None:
    """After the calm: nothing is lost, nothing is left over; an update that only lost its leader is completed."""
    now, kind = swarm.kernel.now - begin, case.setup["kind"]
    wrong = list(unsettled(swarm))
    if wrong:
        return Finding("nothing is lost", wrong[0], now, case)
    if kind in ("calm", "leader") and not _fails(swarm):
        web = swarm.services[0]
        state = web.update_status[0] if web.update_status else "none"
        ran = len({task.slot for task in swarm.running})
        if not state.endswith("completed") or ran != web.spec.replicas:
            return Finding(
                "nothing is lost", f"the update is {state}, {ran} slots of {web.spec.replicas} run", now, case
            )
    wrong = unrest(swarm) if kind != "restarts" and not _is_ill(swarm) else []
    return Finding("unrest", wrong[0], now, case) if wrong else None


def _is_ill(swarm: Any) -> bool:
    """It never comes to rest, as its tasks fail again and again; or attempts that are used up come back with time."""
    policy = swarm.services[0].spec.task.restart
    return _fails(swarm) or bool(policy.max_attempts and policy.window)


def _fails(swarm: Any) -> bool:
    """The last spec that somebody asked for does not run well, be it that it was rolled back."""
    asked = " ".join(act.details["command"] for act in swarm.acts if act.name == "docker")
    return any(word in asked for word in ("crash", "nosuch", "exit 1"))


def sights(swarm: Any) -> Counter:
    """How often something happened that a campaign is there to see."""
    seen: Counter = Counter()
    state, begun = "", 0
    for record in swarm.trace.records:
        fact, name = record.fact, type(record.fact).__name__
        seen[name] += 1
        if name == "ServiceStored":
            now = fact.update[0] if fact.update else ""
            seen[now] += now != state
            state = now
        elif name == "UpdateBegun":
            begun += 1
            seen["an update after an update"] += begun > 1
        elif name == "MachineCrashed" and record.source.startswith("manager"):
            seen["a leader died during an update"] += state in ("updating", "rollback_started")
    return seen


# ── many runs ────────────────────────────────────────────────────────────────────────────────────────────────────


def run_seeds(make: Callable, seeds: tuple[int, ...], mutant: str = "", focus: dict | None = None) -> tuple:
    """Some runs, one after the other: what an executor is given to do."""
    from .update_mutants import MUTANTS

    seen: Counter = Counter()
    found = [run(make, draw(seed, focus), MUTANTS[mutant] if mutant else None, seen) for seed in seeds]
    return [finding for finding in found if finding], seen


def campaign(make: Callable, seeds: Iterable[int], executor: Any = None, **how: Any) -> Report:
    """Run all these seeds on all cores, as `campaign.campaign` does."""
    from . import campaign as raft

    return raft.campaign(seeds, executor, work=partial(run_seeds, make), **how)._replace(covered=COVERED)
