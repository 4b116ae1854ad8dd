"""Swarms in trouble, each drawn from its seed, and what must hold of trust meanwhile and after it, worked out anew.

Who may speak to whom is judged here by the certificates' bytes and the machines' disks alone, message by message, and
compared with what the network did [swarm.md §15].
"""

from functools import cache
from random import Random
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from swarmlab.messages import AskRoot, Certify, Introduce, RootCertificate
from swarmlab.trust.certificates import BEGINNING
from swarmlab.world import OUTSIDE

CHANNELS = ("raft", "manager", "engine", "agent")
NOT_JUDGED = (AskRoot, Certify, RootCertificate, Introduce)  # for all; the last goes out in the instant of a change
ACTS = (
    "rotate rotate twice twice promote demote leave join join remove crash crash crash leader cut cut heal token lock unlock new_key "
    "slow freeze drift"
).split()


# ── what certificates say, read anew ─────────────────────────────────────────────────────────────────────────────


@cache
def loaded(der: bytes) -> x509.Certificate:
    return x509.load_der_x509_certificate(der)


@cache
def signed(der: bytes, by: bytes) -> bool:
    try:
        loaded(der).verify_directly_issued_by(loaded(by))
    except (InvalidSignature, ValueError):
        return False
    return True


@cache
def way(der: bytes, others: tuple[bytes, ...], root: bytes) -> tuple[bytes, ...]:
    if signed(der, root):
        return der, root
    ways = (way(other, tuple(o for o in others if o != other), root) for other in others if signed(der, other))
    return next(((der, *rest) for rest in ways if rest), ())


@cache
def says(der: bytes) -> dict[str, str]:
    return {attribute.rfc4514_attribute_name: attribute.value for attribute in loaded(der).subject}


def is_valid(der: bytes, now: int) -> bool:
    certificate, second = loaded(der), BEGINNING + now / 1e6
    return certificate.not_valid_before_utc.timestamp() <= second <= certificate.not_valid_after_utc.timestamp()


def papers(machine: Any) -> Any:
    return machine.disk("engine").values.get("papers")


def may_speak(sender: Any, receiver: Any, channel: str) -> bool:
    """Whether both ends accept each other's certificates."""
    ours, theirs = papers(sender), papers(receiver)
    if ours is None:
        return False
    for judge, trusted, shown in ((receiver, theirs.root, ours), (sender, ours.root, theirs)):
        found = way(shown.certificate, shown.others, trusted)
        if not found or not all(is_valid(one, judge.local_now()) for one in found):
            return False
        if is_removed(judge, says(shown.certificate)["CN"]):
            return False
    roles = says(ours.certificate)["OU"], says(theirs.certificate)["OU"]
    must = {"raft": (0, 1), "manager": (1,), "agent": (0,), "engine": () if "swarm-manager" in roles else (0,)}[channel]
    same = says(ours.certificate)["O"] == says(theirs.certificate)["O"]
    return same and all(roles[n] == "swarm-manager" for n in must)


def is_removed(judge: Any, node: str) -> bool:
    manager = judge.seats["manager"].core
    cluster = manager.store.cluster if manager.node else None
    return cluster is not None and any(id == node and judge.local_now() < until for id, until in cluster.removed)


def watch(cluster: Any) -> list:
    """Compare each message from now on; what the network did otherwise is in the list."""
    wrong, honest, network = [], cluster.network.send, cluster.network

    def send(sender: Any, effect: Any) -> None:
        receiver, channel, before = network.machines.get(effect[0]), effect[1], len(cluster.trace.messages)
        here = receiver is None or not receiver.running or receiver is sender
        judged = not here and channel in CHANNELS and type(effect[2]) not in NOT_JUDGED and papers(receiver) is not None
        wanted = judged and may_speak(sender, receiver, channel)
        honest(sender, effect)
        fates = {message.fate for message in cluster.trace.messages[before:]}
        if judged and wanted == ("refused" in fates) and not fates & {"cut", "blocked"}:
            wrong.append((cluster.now, sender.name, receiver.name, channel, type(effect[2]).__name__, fates))

    network.send = send
    return wrong


# ── one run ──────────────────────────────────────────────────────────────────────────────────────────────────────


def storm(cluster: Any, seed: int, length: int = 12) -> list:
    """Trouble for a minute or two, then peace. What the network did wrong, and what is wrong at the end."""
    dice, keys, wrong = Random(f"trust/{seed}"), {}, watch(cluster)
    machines = [name for name in cluster.machines if name not in OUTSIDE]
    for _ in range(length):
        act(cluster, dice, dice.choice(ACTS), machines)
        cluster.run_for(dice.choice((0.05, 0.3, 1, 3, 5, 8)))
        write_down(cluster, keys)
    cluster.heal()
    for name in machines:
        cluster.slow_disk(name, 0)
    for _ in range(3):
        for name in machines:
            if not cluster.machines[name].running or cluster.machines[name].tear >= 0:
                cluster.restart(name)
        unlock(cluster, machines, keys)
        cluster.run_for(30)
    return [*wrong, *problems(cluster, machines)]


def act(cluster: Any, dice: Random, what: str, machines: list[str]) -> None:
    """One thing that people do, or that goes wrong. What cannot be done just now is left out."""
    one, speakers = (
        dice.choice(machines),
        [n for n in machines if cluster.machines[n].running and is_manager(cluster, n)],
    )
    at = dice.choice(speakers) if speakers else None
    commands = {
        "rotate": "swarm ca --rotate -d", "promote": f"node promote {one}", "demote": f"node demote {one}",
        "remove": f"node rm --force {one}", "token": "swarm join-token --rotate worker",
        "lock": "swarm update --autolock=true", "unlock": "swarm update --autolock=false", "new_key": "swarm unlock-key --rotate",
    }  # fmt: skip
    if what in commands:
        cluster.docker(commands[what], at, limit=5)
    elif what == "twice":
        cluster.docker("swarm ca --rotate -d", at, limit=5)
        cluster.run_for(dice.choice((0.01, 1, 3, 3.2, 6)))
        cluster.docker("swarm ca --rotate -d", at, limit=5)
    elif what == "leave":
        cluster.docker("swarm leave", one, limit=5)
    elif what == "join":
        join(cluster, dice, at, machines)
    elif what in ("crash", "leader"):
        name = cluster.leader or one if what == "leader" else one
        if cluster.machines[name].running:
            cluster.crash(name, midway=dice.choice((None, dice.randrange(6))))
        else:
            cluster.restart(name)
    elif what == "cut":
        cluster.partition([one], [name for name in machines if name != one], one_way=dice.random() < 0.3)
    elif what == "heal":
        cluster.heal()
    elif what == "slow":
        cluster.slow_disk(one, dice.choice((0, 0.05, 1, 4)))
    elif what == "freeze" and cluster.machines[one].running:
        cluster.freeze(one, dice.random() * 15)
    elif what == "drift":
        cluster.drift(one, dice.choice((0.5, 2)))
        cluster.run_for(5)
        cluster.drift(one, 1)


def is_manager(cluster: Any, name: str) -> bool:
    return bool(cluster.machines[name].seats["manager"].core.node)


def join(cluster: Any, dice: Random, at: str | None, machines: list[str]) -> None:
    idle = [n for n in machines if cluster.machines[n].running and papers(cluster.machines[n]) is None]
    token = (
        cluster.docker(f"swarm join-token -q {dice.choice(('worker', 'manager'))}", at, limit=5)
        if at and idle
        else None
    )
    if token and token.exit_code == 0:
        where = cluster.computers[at].address
        cluster.docker(f"swarm join --token {token.stdout.strip()} {where}", dice.choice(idle), limit=25)


def write_down(cluster: Any, keys: dict) -> None:
    """Every unlock key that there ever was."""
    for machine in cluster.machines.values():
        for entry in machine.disk("raft").log:
            for change in getattr(getattr(entry, "data", None), "changes", ()):
                keys[getattr(getattr(change, "object", None), "unlock_key", "")] = None


def unlock(cluster: Any, machines: list[str], keys: dict) -> None:
    for name in machines:
        for key in reversed(list(keys)):
            if cluster.machines[name].seats["engine"].core.lock.locked:
                cluster.docker("swarm unlock", name, limit=1, files={"-": key})


def problems(cluster: Any, machines: list[str]) -> list:
    """After the calm: every node that is in is ready, with a certificate of the current root that says what it is."""
    if cluster.leader is None:
        return ["nobody leads"]
    store = cluster.machines[cluster.leader].seats["manager"].core.store
    found: list = []
    for name in machines:
        shown, me = papers(cluster.machines[name]), cluster.machines[name].seats["engine"].core.swarm.identity
        node = store.get("node", me.node) if me else None
        if me and (
            shown is None
            or (says(shown.certificate)["CN"], says(shown.certificate)["OU"]) != (me.node, f"swarm-{me.role}")
        ):
            found.append((name, "its certificate says something else", me))
        elif node and node.state != "ready":
            found.append((name, node.state, node.message))
        elif (
            node
            and store.cluster.rotation is None
            and (shown.root != store.cluster.root or not signed(shown.certificate, shown.root))
        ):
            found.append((name, "has no certificate of the current root"))
    gone = [node for node in store.all("node") if node.state in ("down", "unknown")]
    if store.cluster.rotation and not gone:
        found.append("the rotation does not come to its end")
    return found
