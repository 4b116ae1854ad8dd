"""`docker swarm …`: how a machine gets into a swarm, and out of it, and what is set for the swarm as a whole.

Source: docs.docker.com, "Create a swarm", "Join nodes to a swarm", "Lock your swarm"; texts as recorded from Docker
28.2.2.
"""

# Simpler than in reality (docs/simplifications.md): ca-progress, read-only-settings

from hashlib import sha256

from ..effects import MS
from ..messages import (
    GetCluster,
    GetUnlockKey,
    Info,
    ListObjects,
    RotateToken,
    RotateUnlockKey,
    SwarmInit,
    SwarmJoin,
    SwarmLeave,
    SwarmUnlock,
    UpdateObject,
)
from ..objects import Cluster, replace
from ..trust.certificates import pem
from ..trust.papers import wanted
from .commands import BY_NAME
from .flags import Options
from .session import Exit, Screen, Session
from .units import quote
from .usage import command_help

POLL = 200 * MS  # how often an attached client looks
SETTINGS = {  # flags that `swarm init` and `swarm update` share, and the setting of the cluster that each one makes
    "autolock": "autolock",
    "cert-expiry": "certificate_expiry",
    "dispatcher-heartbeat": "heartbeat_period",
    "external-ca": "external_cas",
    "max-snapshots": "keep_old_snapshots",
    "snapshot-interval": "snapshot_interval",
    "task-history-limit": "task_history_limit",
}
ONCE = {  # of `swarm init` alone: it stays so for the life of the swarm
    "data-path-port": "data_path_port",
    "default-addr-pool-mask-length": "subnet_size",
}

JOIN = """To add a {role} to this swarm, run the following command:

    docker swarm join --token {token} {address}
"""
UNLOCK = """To unlock a swarm manager after it restarts, run the `docker swarm unlock`
command and provide the following key:

    {}

Remember to store this key in a password manager, since without it you
will not be able to restart the manager."""

# ── in and out ───────────────────────────────────────────────────────────────────────────────────────────────────


def init(session: Session, options: Options, screen: Screen) -> None:
    chosen = [(setting, options[flag]) for flag, setting in {**SETTINGS, **ONCE}.items() if flag in options.given]
    if options["default-addr-pool"]:
        chosen.append(("address_pool", ",".join(options["default-addr-pool"])))
    if "availability" in options.given:
        chosen.append(("availability", _availability(options)))
    answer = session.call(SwarmInit(options["advertise-addr"], options["force-new-cluster"], tuple(chosen)))
    screen.say(f"Swarm initialized: current node ({answer.node}) is now a manager.\n")
    screen.say(JOIN.format(role="worker", token=answer.worker_token, address=answer.address))
    screen.say("To add a manager to this swarm, run 'docker swarm join-token manager' and follow the instructions.")
    if options["autolock"]:
        _say_how_to_unlock(session, screen)


def join(session: Session, options: Options, screen: Screen) -> None:
    availability = _availability(options)
    role = session.call(SwarmJoin(options["token"], options.words[0], options["advertise-addr"], availability))
    screen.say(f"This node joined a swarm as a {role}.")


def _availability(options: Options) -> str:
    word = options["availability"].lower()
    if word not in ("active", "pause", "drain"):
        asked = quote(options["availability"])
        raise Exit(f"invalid availability {asked}, only active, pause and drain are supported")
    return word


def leave(session: Session, options: Options, screen: Screen) -> None:
    session.call(SwarmLeave(options["force"]))
    screen.say("Node left the swarm.")


def join_token(session: Session, options: Options, screen: Screen) -> None:
    role = options.words[0]
    if role not in ("worker", "manager"):
        raise Exit(f"unknown role {role}")
    cluster = session.call(RotateToken(role) if options["rotate"] else GetCluster())
    token = cluster.worker_token if role == "worker" else cluster.manager_token
    if options["quiet"]:
        screen.say(token)
        return
    if options["rotate"]:
        screen.say(f"Successfully rotated {role} join token.\n")
    screen.say(JOIN.format(role=role, token=token, address=_own_address(session)))


def _own_address(session: Session) -> str:
    info = session.call(Info())
    for node in session.call(ListObjects("node")):
        if node.id == info.node and node.manager_status:
            return node.manager_status.address
    return info.address


# ── the swarm as a whole ─────────────────────────────────────────────────────────────────────────────────────────


def update(session: Session, options: Options, screen: Screen) -> None:
    """Without a flag it prints its own help. A swarm that is to lock itself from now on gets its key."""
    if not options.given:
        screen.out.append(command_help(BY_NAME["swarm update"]))
        return
    cluster = session.call(GetCluster())
    chosen = {setting: options[flag] for flag, setting in SETTINGS.items() if flag in options.given}
    _write(session, cluster, replace(cluster, **chosen))
    screen.say("Swarm updated.")
    if chosen.get("autolock") and not cluster.autolock:
        _say_how_to_unlock(session, screen)


def _write(session: Session, cluster: Cluster, wish: Cluster) -> None:
    session.call(UpdateObject("cluster", cluster.id, cluster.version, wish))


def unlock_key(session: Session, options: Options, screen: Screen) -> None:
    if options["rotate"]:
        if not session.call(GetCluster()).autolock:
            raise Exit("cannot rotate because autolock is not turned on")
        session.call(RotateUnlockKey())
        if not options["quiet"]:
            screen.say("Successfully rotated manager unlock key.")
    key = session.call(GetUnlockKey())
    if not key:
        raise Exit("no unlock key is set")
    screen.say(key if options["quiet"] else UNLOCK.format(key))


def _say_how_to_unlock(session: Session, screen: Screen) -> None:
    if key := session.call(GetUnlockKey()):
        screen.say(UNLOCK.format(key))


def unlock(session: Session, options: Options, screen: Screen) -> None:
    """The key comes from standard input, one line; Docker's own engine asks for it on a terminal."""
    state = session.call(Info()).swarm
    if state != "locked":
        raise Exit("Error: This node is not part of a swarm" if state == "inactive" else "Error: swarm is not locked")
    session.call(SwarmUnlock(_typed_in(session)))


def _typed_in(session: Session) -> str:
    """The first line of standard input, '' if there is none."""
    try:
        return session.read("-").decode("utf-8", "replace").partition("\n")[0].strip()
    except OSError:
        return ""


# ── its root certificate ─────────────────────────────────────────────────────────────────────────────────────────


def ca(session: Session, options: Options, screen: Screen) -> None:
    """Shows the root certificate, or has a new one made, and waits until all nodes trust it."""
    cluster = session.call(GetCluster())
    if not options["rotate"]:
        for flag in ("cert-expiry", "external-ca"):
            if flag in options.given:
                raise Exit(f"`--{flag}` flag requires the `--rotate` flag to update the CA")
    else:
        _rotate(session, options, screen, cluster)
    if not (options["rotate"] and (options["detach"] or options["quiet"])):
        screen.say(_root(session.call(GetCluster())))


def _rotate(session: Session, options: Options, screen: Screen, cluster: Cluster) -> None:
    if options["external-ca"]:
        why = "rotating to an external CA requires the `--ca-cert` flag to specify the external CA's cert"
        instead = "to add an external CA with the current root CA certificate, use the `update` command instead"
        raise Exit(f"{why} - {instead}")
    wish = replace(cluster, force_rotate=cluster.force_rotate + 1)
    if "cert-expiry" in options.given:
        wish = replace(wish, certificate_expiry=options["cert-expiry"])
    _write(session, cluster, wish)
    if not options["detach"]:
        _watch(session, Screen() if options["quiet"] else screen)


def _watch(session: Session, screen: Screen) -> None:
    """Until every node has a certificate of the new root, and trusts it. On a terminal there are bars, which count."""
    screen.say("desired root digest: \n  rotated TLS certificates: \n  rotated CA certificates:  ")
    said = ""
    while True:
        cluster, nodes = session.call(GetCluster()), session.call(ListObjects("node"))
        digest = sha256(pem(cluster.root).encode()).hexdigest()
        if digest != said:  # Docker says it again and again
            screen.say(f"desired root digest: sha256:{digest}")
        said, tls = digest, wanted(cluster)
        session.wait(POLL)
        if cluster.rotation is None and all(node.tls == tls for node in nodes):
            return


def _root(cluster: Cluster) -> str:
    return pem(cluster.root).strip()


RUN = {
    "swarm ca": ca,
    "swarm init": init,
    "swarm join": join,
    "swarm join-token": join_token,
    "swarm leave": leave,
    "swarm unlock": unlock,
    "swarm unlock-key": unlock_key,
    "swarm update": update,
}
