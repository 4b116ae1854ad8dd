"""Lesson 12: its predictions, and the judges of its exercises. The swarms are in `scenes12`."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from random import Random
from typing import Any, NamedTuple

from ..cluster import Cluster
from ..events import LoggedIn
from . import CORRECT, Prediction, Verdict
from .scenes12 import (
    DAY,
    PASSWORD,
    changed,
    failed_logins,
    fewest,
    keep,
    readable,
    settled,
    shopping,
    swarm,
    unlock_key,
)

PREDICTIONS = {
    "1": Prediction(
        "On four: the three managers, and the one worker whose task needs it.",
        {
            "a": "Look at the three workers without a task of db: they have nothing. A worker is told only what it needs.",
            "b": "The managers keep it, to hand it on when the task moves elsewhere: look at the upper row.",
            "c": "Yes.",
            "d": "Look at the worker with the task: its agent got it together with the task, and the container has it as a file.",
        },
    ),
    "2": Prediction(
        "The manager's. It holds the whole log of the swarm, and the key of that log; the worker's disk holds no secret.",
        {
            "a": "On a worker a secret lies in memory only. Look at the line of worker-3: no secret is on its disk.",
            "b": "Sealed, yes, but the key lies on the same disk. Look at the line of manager-1, and below at the rows with a rim.",
            "c": "Yes.",
            "d": "The other way round: look at the two lines above.",
        },
    ),
    "3": Prediction(
        "Never: its content is fixed. You make a second secret under another name, and update the services.",
        {
            "a": "Read the refusal: there is no such command. What can be changed of a secret is its labels, nothing else.",
            "b": "Read the refusal: a secret that a service uses cannot be removed.",
            "c": "Yes.",
            "d": "Then it is another file in one container, and the next task gets the old one. It is mounted read-only, too.",
        },
    ),
    "4": Prediction(
        "Both: a new token keeps others out, and whoever is in already has to be removed as a node.",
        {
            "a": "Compare the two lists of nodes: mallory is Ready in both. A token admits, and after that a certificate counts.",
            "b": "Then he comes in again, with the same token and under a new name. Look at what removing does, and what it does not.",
            "c": "Yes.",
            "d": "Every node that is in gets a new certificate, as the picture of the new root below shows: mallory, too, had it not been removed.",
        },
    ),
}


# ── compare ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def compare() -> None:
    """Print our figures beside the real engine's."""
    from ..trust.certificates import read
    from ..trust.papers import renew_at

    cluster = swarm(1, 1)
    certificate = cluster.papers("worker-1").certificate
    life = read(certificate)
    days = [
        (renew_at(certificate, Random(f"renewal {n}")) - life.begins) / (life.ends - life.begins) for n in range(200)
    ]
    cluster.docker("swarm update --autolock=true")
    rows = (
        ("largest secret", f"{_largest(cluster, 'secret', 512_000):,} bytes", "less than 512,000"),
        ("largest config", f"{_largest(cluster, 'config', 1_024_000):,} bytes", "less than 1,024,000"),
        ("a certificate holds for", f"{life.ends // DAY} days", "90 days"),
        ("it is renewed at", f"{min(days):.0%} to {max(days):.0%} of that", "50 % to 80 %, at random"),
        ("an unlock key", f"SWMKEY-1- and {len(unlock_key(cluster)) - 9} characters", "SWMKEY-1- and 43 characters"),
    )
    for what, ours, real in rows:
        print(f"{what:24} {ours:28} the real engine: {real}")


def _largest(cluster: Cluster, kind: str, limit: int) -> int:
    """The largest size near a limit that is not refused."""
    for size in (limit + 1, limit, limit - 1):
        if "larger than 0" not in keep(cluster, kind, f"of-{size}", "x" * size):
            return size
    return 0


# ── recall: six fresh thefts ─────────────────────────────────────────────────────────────────────────────────────────

RECALL = 42
KINDS = (  # what is stolen: machine, how, autolock, has the key, secret or config; and what was overlooked
    (
        "worker with the task",
        "disk",
        "off",
        "secret",
        "on a worker a secret lies in memory, and memory is gone with the power",
    ),
    ("worker with the task", "disk", "off", "config", "a config lies in clear with its container"),
    (
        "worker with the task",
        "machine",
        "off",
        "secret",
        "who is root on a running worker sees what its containers see",
    ),
    ("worker without a task of it", "machine", "off", "secret", "a worker is told only what its own tasks need"),
    ("manager", "disk", "off", "secret", "the log is sealed, and its key lies beside it"),
    (
        "manager",
        "disk",
        "on",
        "secret",
        "the key of the log is sealed as well, and nobody wrote down the unlock key there",
    ),
    ("manager", "disk", "key", "secret", "the unlock key opens the key file, and that opens the log"),
    ("manager", "disk", "on", "config", "the log is sealed as a whole: configs, services, everything"),
    ("manager", "machine", "on", "secret", "autolock guards a disk at rest; a running manager has all of it in memory"),
    (
        "manager",
        "disk",
        "later",
        "secret",
        "that disk was taken before, with its key: nothing that is done later closes it",
    ),
    (
        "manager",
        "disk",
        "removed",
        "secret",
        "removing a secret writes one more entry; the log still holds the old one",
    ),
)
LOCKS = {
    "off": "autolock is off",
    "on": "autolock is on",
    "key": "autolock is on, and the unlock key is on a note in the same bag",
    "later": "autolock is switched on a day after the theft",
    "removed": "autolock is off, and the secret was removed an hour before",
}


class Taken(NamedTuple):
    """A theft: what was said of it, whether the content can be read, and what decides."""

    text: str
    read: bool
    why: str


def fresh_thefts(seed: int = RECALL) -> list[Taken]:
    """Six thefts in a swarm of their own; at least two succeed, and two do not."""
    dice = Random(f"thefts {seed}")
    while True:
        taken = [_theft(*kind) for kind in dice.sample(KINDS, 6)]
        if 2 <= sum(one.read for one in taken) <= 4:
            return taken


@lru_cache
def _theft(who: str, how: str, lock: str, wants: str, why: str) -> Taken:
    """Commit it, and really look whether the content is in what was taken."""
    cluster = _robbed(lock in ("on", "key"))
    users = {run.machine for run in cluster.running}
    machine = {"manager": "manager-2", "worker with the task": min(users)}.get(who, "worker-4")
    if lock == "removed":
        cluster = cluster.fork()
        settled(cluster, "service rm app", 15)
        settled(cluster, "secret rm db_password", 5)
    name = {"secret": "db_password", "config": "app.conf"}[wants]
    if how == "machine":
        found = any(readable(copy, how) for copy in cluster.where_is(name) if copy.machine == machine)
    else:
        loot = cluster.steal(machine).read(unlock_key(cluster) if lock == "key" else "")
        found = name in loot.secrets or name in loot.configs
    stolen = "The disk" if how == "disk" else "A root shell on the running machine"
    return Taken(f"{stolen} of a {who}; he wants the {wants}; {LOCKS[lock]}.", found, why)


@lru_cache
def _robbed(locked: bool) -> Cluster:
    cluster = swarm(seed="robbed", messages=False)
    keep(cluster, "secret", "db_password", PASSWORD)
    keep(cluster, "config", "app.conf", "greeting=prod\n")
    if locked:
        cluster.docker("swarm update --autolock=true")
    files = "--secret db_password --config source=app.conf,target=/app.conf"
    return settled(cluster, f"service create -d --name app --replicas 2 {files} acme/app:1")


def show_thefts(thefts: Sequence[Taken]) -> None:
    """Print what was stolen."""
    for number, one in enumerate(thefts, 1):
        print(f"{number}  {one.text}")


def _recall(answer: Any) -> Verdict:
    thefts = fresh_thefts()
    if not isinstance(answer, list | tuple) or len(answer) != len(thefts):
        return Verdict(False, f'a list of {len(thefts)} words, "yes" or "no", one for each theft, in order')
    for number, (said, theft) in enumerate(zip(answer, thefts, strict=True), 1):
        word = str(said).strip().lower()
        if word not in ("yes", "no"):
            return Verdict(False, f"{said!r} is neither yes nor no")
        if (word == "yes") != theft.read:
            return Verdict(False, f"theft {number}: {theft.why}. Set the knobs like this, and look at the picture")
    return CORRECT


# ── modify: a new password, and no failed login ──────────────────────────────────────────────────────────────────────

TRIES = 3


@lru_cache(maxsize=TRIES)
def _shop(seed: int | str) -> Cluster:
    return shopping(seed, messages=False)


def _modify(answer: Any) -> Verdict:
    if not isinstance(answer, list | tuple) or not answer or not all(isinstance(line, str) for line in answer):
        return Verdict(False, 'a list of commands: ["docker service update --secret-add pw2 db", …]')
    commands = [line.strip().removeprefix("%").removeprefix("docker ") for line in answer]
    for seed in range(TRIES):
        try:
            run = changed(_shop(f"unseen {seed}"), commands, 30, visits=0)
        except ValueError as error:
            hint = " What did the new tasks look for, at /run/secrets/db_password?" if "paused" in str(error) else ""
            return Verdict(False, f"docker says: {error}.{hint}")
        if text := _not_rotated(run, commands):
            return Verdict(False, text, run)
    return CORRECT


def _not_rotated(run: Cluster, commands: Sequence[str]) -> str:
    """What is wrong with such a change of the password; '' if nothing is."""
    used = {service.spec.name: service.spec.task.container.secrets for service in run.services}
    if set(used) != {"db", "shop"}:
        return "db and shop must both be there in the end"
    if failed := failed_logins(run):
        one_by_one = any("--secret-add" in line and "db" in line.split() for line in commands)
        hint = "Was there a time when the database let in both?" if not one_by_one else "Who knew only one, and when?"
        wait = (
            " --detach does not wait for the update before."
            if any("-d" in line.split() or "--detach" in line for line in commands)
            else ""
        )
        return f"{failed} failed logins. {hint}{wait} Look at who had which password, draw_logins"
    names = {name: {one.name for one in refs} for name, refs in used.items()}
    if lacks := [name for name in names if "pw2" not in names[name]]:
        return f"{lacks[0]} does not use pw2 in the end"
    if keeps := [name for name in names if "pw1" in names[name]]:
        return f"{keeps[0]} still has the old password: who stole it still gets in. Take it away from both"
    if {one.target for one in used["shop"]} != {"db_password"}:
        return "the shop reads /run/secrets/db_password: say target=db_password"
    if not fewest(run, "shop"):
        return "there was a moment without any task of the shop: who does not log in cannot fail. Look at draw_logins"
    late = run.trace.of(LoggedIn)
    return "" if len(run.running) == 3 and late else "not all tasks run in the end"


# ── build: exposed ───────────────────────────────────────────────────────────────────────────────────────────────────

SWARMS = 5


class Kept(NamedTuple):
    """A secret or config, and where it is used."""

    kind: str  # secret · config
    used_on: tuple[str, ...]  # machines with a running task that uses it
    left_on: tuple[str, ...]  # machines on which only an ended container of such a task lies


class Stolen(NamedTuple):
    """A machine in the hands of a thief."""

    machine: str
    role: str  # manager · worker
    how: str  # disk (switched off) · machine (running, and the thief is root)
    autolock: bool
    has_key: bool  # the thief knows the unlock key


def example() -> tuple[Kept, Stolen]:
    """Something to try a function on."""
    return Kept("secret", ("worker-1",), ()), Stolen("manager-1", "manager", "disk", True, False)


@lru_cache
def some_swarm(seed: int | str) -> Cluster:
    """Managers that may run tasks too, workers, services with a secret or a config, some of them updated since."""
    dice = Random(f"exposed {seed}")
    cluster = Cluster(managers=3, workers=3, seed=f"exposed {seed}", messages=False)
    if dice.random() < 0.5:
        cluster.docker("swarm update --autolock=true")
    for kind, flag in (("secret", "--secret thing-{}"), ("config", "--config source=thing-{},target=/app.conf")):
        name = f"of-{kind}"
        keep(cluster, kind, f"thing-{kind}", "greeting=here\n")
        replicas = dice.randint(1, 4)
        cluster.docker(f"service create -d --name {name} --replicas {replicas} {flag.format(kind)} acme/app:1")
        cluster.run_for(5)
        if dice.random() < 0.7:
            cluster.docker(f"service update --force --update-parallelism 0 {name}")
        if dice.random() < 0.3:
            cluster.docker(f"service update --{kind}-rm thing-{kind} --update-parallelism 0 {name}")
        cluster.run_for(8)
    return cluster


def cases(seed: int | str) -> list[tuple[Kept, Stolen, bool]]:
    """Every theft of a machine in such a swarm, and whether `where_is` has a copy that the thief can read."""
    cluster = some_swarm(seed)
    found = []
    locked = bool(unlock_key(cluster))
    roles = {node.machine: node.role for node in cluster.nodes}
    for kind in "secret", "config":
        copies = cluster.where_is(f"thing-{kind}")
        used = tuple(sorted({copy.machine for copy in copies if copy.place == "agent memory"}))
        lies = {copy.machine for copy in copies if copy.place == "container disk"}
        left = lies if kind == "config" else _ended(cluster, kind)
        kept = Kept(kind, used, tuple(sorted(left - set(used))))
        for machine, role in sorted(roles.items()):
            for how in "disk", "machine":
                for has_key in (False, True) if locked else (False,):
                    mine = [copy for copy in copies if copy.machine == machine]
                    read = any(readable(copy, how, has_key) for copy in mine)
                    found.append((kept, Stolen(machine, role, how, locked, has_key), read))
    return found


def _ended(cluster: Cluster, kind: str) -> set[str]:
    """Machines with a container of such a service, running or not."""
    hosts = {node.id: node.machine for node in cluster.nodes}
    refs = {task.id: (task.spec.container.secrets, task.spec.container.configs) for task in cluster.tasks}
    name = f"thing-{kind}"
    return {hosts[t.node] for t in cluster.tasks if any(one.name == name for each in refs[t.id] for one in each)}


def _build(exposed: Any) -> Verdict:
    if not callable(exposed):
        return Verdict(False, "write a function: def exposed(secret, stolen): return False")
    number = 0
    for seed in range(SWARMS):
        for kept, stolen, read in cases(f"unseen {seed}"):
            said = exposed(kept, stolen)
            if said not in (True, False):
                return Verdict(False, f"it returned {said!r}: True or False")
            if bool(said) != read:
                where = "can be read" if read else "cannot be read"
                return Verdict(False, f"{where}: {kept}, {stolen}. {_look(kept, stolen)}", some_swarm(f"unseen {seed}"))
            number += 1
    return Verdict(True, f"{number} thefts in {SWARMS} swarms")


def _look(kept: Kept, stolen: Stolen) -> str:
    """Where to look."""
    if stolen.how == "machine":
        return "What is in the memory of a running machine, of a manager and of a worker?"
    if kept.kind == "config" and stolen.machine in (*kept.used_on, *kept.left_on):
        return "A config lies in clear in the folder of its container, also when that has ended"
    if stolen.role == "worker":
        return "What of it is on a worker's disk?"
    return "The log of a manager is sealed: where is its key, and is that sealed, too?"


CHECKS: dict[str, Callable[[Any], Verdict]] = {"recall": _recall, "modify": _modify, "build": _build}
