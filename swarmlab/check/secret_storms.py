"""Runs in which secrets come and go, locks are turned and machines fail, each drawn from its seed.

Three managers, three workers. People make secrets, give them to services, take them away, switch autolock on and off,
replace the unlock key, and unlock what they find locked with the keys that they have written down. Whoever runs it hands
in `Cluster`: laws know worlds only.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from functools import partial
from random import Random
from typing import Any

from ..sim.recorder import Act
from ..world import OUTSIDE
from .broken import LawBroken
from .campaign import Case, Finding, Report
from .secret_laws import USED, SecretLaws, lingering

LENGTH = 90_000_000  # µs of storm
MANAGERS, WORKERS = [f"manager-{n}" for n in (1, 2, 3)], [f"worker-{n}" for n in (1, 2, 3)]
COVERED = (
    *("FileDelivered", "FileWithdrawn", "ManagerLocked", "ManagerUnlocked", "KeyFileWritten", "MachineCrashed"),
    *("a new unlock key", "autolock off", "leader locked"),
)


# ── what happens in a run is drawn from its seed ─────────────────────────────────────────────────────────────────


def draw(seed: int, focus: dict[str, Any] | None = None) -> Case:
    """The run of this seed. `focus` may name the kinds of acts."""
    dice = Random(f"secrets/{seed}")
    kinds = (focus or {}).get("kinds", list(STIRS))
    acts: list[Act] = [_docker(0, f"secret create s{n} -", f"secret no. {n} of {seed}") for n in range(3)]
    acts += [_docker(0, "config create c -", "server { listen 80; }")]
    acts += [
        _docker(0, f"service create -d --name app{n} --replicas {dice.randint(1, 4)} {_files(dice)} nginx")
        for n in (0, 1)
    ]
    time = 8_000_000
    while time < LENGTH:
        acts += STIRS[dice.choice(kinds)](dice, time)
        time += 200_000 + int(dice.expovariate(1 / 5_000_000))
    return Case(seed, {}, tuple(sorted(acts, key=lambda act: act.time)))


def _docker(time: int, command: str, typed: str = "") -> Act:
    return Act(time, "docker", {"command": command, "typed": typed})


def _files(dice: Random) -> str:
    chosen = [f"--secret s{n}" for n in range(3) if dice.random() < 0.5]
    return " ".join([*chosen, *(["--config c"] if dice.random() < 0.5 else [])])


def _services(dice: Random, time: int) -> list[Act]:
    name, number = f"app{dice.randrange(2)}", dice.randrange(3)
    change = dice.choice(("rm", "rm", "add"))
    return [
        dice.choice(
            (
                _docker(time, f"service scale -d {name}={dice.randint(0, 5)}"),
                _docker(time, f"service update -d --secret-{change} s{number} {name}"),
                _docker(time, f"service update -d --force {name}"),
                _docker(time, f"node update --availability {dice.choice(('active', 'drain'))} {dice.choice(WORKERS)}"),
            )
        )
    ]


def _locks(dice: Random, time: int) -> list[Act]:
    wish = dice.choice(
        ("update --autolock=true", "update --autolock=true", "update --autolock=false", "unlock-key --rotate")
    )
    return [_docker(time, f"swarm {wish}")]


def _crash(dice: Random, time: int) -> list[Act]:
    machine, midway = dice.choice([*MANAGERS, *WORKERS, "leader"]), dice.choice((None, None, dice.randrange(6)))
    details: dict[str, Any] = {"machine": machine} | ({} if midway is None else {"midway": midway})
    back = time + int(dice.random() * 20_000_000)
    return [Act(time, "crash", details), Act(back, "restart_all", {}), *_unlock(dice, back + 3_000_000)]


def _reboot(dice: Random, time: int) -> list[Act]:
    later = time + 1_000_000 + int(dice.random() * 20_000_000)
    return [Act(time, "restart", {"machine": dice.choice([*MANAGERS, "leader"])}), *_unlock(dice, later)]


def _unlock(dice: Random, time: int) -> list[Act]:
    return [Act(time, "unlock", {})]


def _cut(dice: Random, time: int) -> list[Act]:
    machine = dice.choice([*MANAGERS, *WORKERS])
    rest = [name for name in (*MANAGERS, *WORKERS) if name != machine]
    partition = Act(time, "partition", {"groups": [[machine], rest]})
    return [partition, Act(time + 2_000_000 + int(dice.random() * 20_000_000), "heal", {})]


def _demote(dice: Random, time: int) -> list[Act]:
    machine = dice.choice(MANAGERS[1:])
    return [_docker(time, f"node demote {machine}"), _docker(time + 12_000_000, f"node promote {machine}")]


STIRS: dict[str, Callable[[Random, int], list[Act]]] = {
    "services": _services, "locks": _locks, "crash": _crash, "reboot": _reboot, "cut": _cut, "demote": _demote,
}  # fmt: skip


# ── one run ──────────────────────────────────────────────────────────────────────────────────────────────────────


def run(case: Case, swarm: Any, mutant: Any = None, seen: Counter | None = None) -> Finding | None:
    """Do it to a swarm of three managers and three workers, with the laws after every event. None if all is well."""
    with mutant.planted() if mutant else nullcontext():
        begin = swarm.kernel.now
        try:
            laws = SecretLaws(swarm)
            through(swarm, case, laws)
            finding = judge(swarm, case, begin)
        except LawBroken as broken:
            finding = Finding(broken.law, broken.because, swarm.kernel.now - begin, case)
    if seen is not None:
        seen.update(sights(swarm))
    return finding


def through(swarm: Any, case: Case, laws: SecretLaws) -> None:
    """The acts, the end of all faults, and time to recover. Whole disks are looked through from time to time."""
    begin, keys = swarm.kernel.now, {"": None}
    for number, act in enumerate(case.acts):
        swarm.run_for(max(0, begin + act.time - swarm.kernel.now) / 1e6)
        write_down(swarm, keys)
        do(swarm, act, keys)
        if number % 5 == 0:
            laws.look_everywhere()
    for _ in range(4):
        clear_up(swarm)
        write_down(swarm, keys)
        unlock(swarm, keys)
        swarm.run_for(25)
    laws.look_everywhere()


def write_down(swarm: Any, keys: dict[str, None]) -> None:
    """What careful people do: every unlock key that there ever was, the newest last."""
    for machine in swarm.machines.values():
        for entry in machine.disk("raft").log:
            for change in getattr(entry.data, "changes", ()):
                keys[getattr(getattr(change, "object", None), "unlock_key", "")] = None


def do(swarm: Any, act: Act, keys: dict[str, None]) -> None:
    """One act. What cannot be done just now is left out."""
    details = dict(act.details)
    if act.name == "docker":
        swarm.docker(details["command"], limit=5, files={"-": details["typed"]})
    elif act.name == "unlock":
        unlock(swarm, keys)
    elif act.name == "restart_all":
        restart_all(swarm)
    else:
        groups = details.pop("groups", ())
        if details.get("machine") == "leader":
            details["machine"] = swarm.leader or MANAGERS[0]
        try:
            getattr(swarm, act.name)(*groups, **details)
        except ValueError:
            pass


def unlock(swarm: Any, keys: dict[str, None]) -> None:
    for name in MANAGERS:
        machine = swarm.machines[name]
        for key in reversed(list(keys)):
            if machine.running and machine.seats["engine"].core.lock.locked:
                swarm.docker("swarm unlock", name, limit=1, files={"-": key})


def restart_all(swarm: Any) -> None:
    for name, machine in swarm.machines.items():
        if name not in OUTSIDE and (not machine.running or machine.tear >= 0):
            swarm.restart(name)


def clear_up(swarm: Any) -> None:
    restart_all(swarm)
    swarm.heal()


def judge(swarm: Any, case: Case, begin: int) -> Finding | None:
    """After the calm: whoever kept the keys has a swarm that works, and no node has a secret that it does not need."""
    now = swarm.kernel.now - begin
    locked = [name for name in MANAGERS if swarm.machines[name].seats["engine"].core.lock.locked]
    if locked or swarm.leader is None:
        return Finding("liveness", f"locked: {locked}, leader: {swarm.leader}", now, case)
    if swarm.docker("service update -d --label-add end=reached app0", limit=20).exit_code:
        return Finding("liveness", "nothing can be changed any more", now, case)
    left = lingering(swarm)
    return Finding(USED, left[0], now, case) if left else None


def sights(swarm: Any) -> Counter:
    """How often something happened that a campaign is there to see."""
    seen: Counter = Counter()
    leads = ""
    for record in swarm.trace.records:
        fact, name = record.fact, type(record.fact).__name__
        seen[name] += 1
        if name == "KeyFileWritten":
            seen["a new unlock key"] += fact.sealed and not fact.new_log_key
            seen["autolock off"] += not fact.sealed
        elif name == "BecameLeader":
            leads = record.source
        elif name == "ManagerLocked":
            seen["leader locked"] += record.source == leads
    return seen


def swarm(make: Callable) -> Any:
    """What every run begins with, a fork of it each. `make` is `Cluster`."""
    return make(len(MANAGERS), len(WORKERS), seed=5, messages=True)


def run_seeds(
    make: Callable, seeds: Iterable[int], mutant: str = "", focus: dict | None = None
) -> tuple[list[Finding], Counter]:
    """All these runs in one process: what they found, and what was seen."""
    from .secret_mutants import MUTANTS

    seen: Counter = Counter()
    begun, bug = swarm(make), MUTANTS[mutant] if mutant else None
    found = [run(draw(seed, focus), begun.fork(), bug, seen) for seed in seeds]
    return [finding for finding in found if finding], seen


def campaign(make: Callable, seeds: Iterable[int], executor: Any = None, **how: Any) -> Report:
    """Run all these seeds on all cores, as `campaign.campaign` does."""
    from . import campaign as raft

    return raft.campaign(seeds, executor, work=partial(run_seeds, make), **how)._replace(covered=COVERED)
