"""The rules of the linter: what Compose does with a key, what a swarm does, and where that is written."""

from typing import NamedTuple

SEVERITIES = ("refused", "ignored", "different", "risk", "note")


class Rule(NamedTuple):
    """`severity`: refused (no deploy) · ignored (no effect) · different (another effect) · risk · note."""

    name: str
    severity: str
    compose: str
    swarm: str
    source: str


REFERENCE = "Compose file reference v3"
DEPLOY = "docs.docker.com, docker stack deploy"
IGNORED = f"{REFERENCE}: not supported for docker stack deploy"
ENGINE = "docs.docker.com, how services work"


def rule(name: str, severity: str, compose: str, swarm: str, source: str = IGNORED) -> Rule:
    """A rule whose source, unless told, is the list of keys that stacks do not support."""
    return Rule(name, severity, compose, swarm, source)


KEYS = {  # keys of a service that mean something wherever they stand
    each.name: each
    for each in (
        rule("build", "ignored", "builds the image here", "ignored: every node pulls the image by its name"),
        rule("container_name", "ignored", "names the container", "ignored: tasks are called SERVICE.SLOT.ID"),
        rule("depends_on", "ignored", "starts in this order", "ignored: all start at once, and must be able to wait"),
        rule("restart", "different", "what follows an exit", "only heeded where deploy.restart_policy is not given"),
        rule("links", "ignored", "names other containers", "ignored: services find each other on a shared network"),
        rule("external_links", "ignored", "names other containers", "ignored: share a network instead"),
        rule("network_mode", "ignored", "joins host, none, another", "ignored: the service joins its networks"),
        rule("privileged", "ignored", "all rights of the host", "ignored: the container runs without them"),
        rule("devices", "ignored", "passes devices in", "ignored: the container has none of them"),
        rule("security_opt", "ignored", "sets security labels", "ignored: the engine's own settings hold"),
        rule("pid", "ignored", "shares process numbers", "ignored: the container has its own"),
        rule("ipc", "ignored", "shares memory segments", "ignored: the container has its own"),
        rule("userns_mode", "ignored", "sets the user namespace", "ignored: the engine's own setting holds"),
        rule("cgroup_parent", "ignored", "sets the parent cgroup", "ignored: the engine chooses"),
        rule("cgroupns_mode", "ignored", "sets the cgroup namespace", "ignored: the engine chooses"),
        rule("domainname", "ignored", "sets the domain", "ignored"),
        rule("mac_address", "ignored", "sets the MAC address", "ignored: the overlay gives one"),
        rule("shm_size", "ignored", "size of /dev/shm", "ignored: 64M; mount a tmpfs instead"),
        rule("tmpfs", "ignored", "mounts memory", "ignored without a word: write a volume of type tmpfs"),
        rule("expose", "ignored", "tells others of a port", "ignored: on a shared network all ports are open"),
    )
}

OUTSIDE = rule("unknown key", "refused", "a newer key, or a slip", "refused: not a key of version 3", REFERENCE)
LIMITS = rule("old limits", "refused", "limits the container", "refused: write deploy.resources", DEPLOY)
GONE = rule("old keys", "refused", "taken by old versions", "refused by docker stack deploy", DEPLOY)
LIST = rule("depends_on with conditions", "refused", "waits for a condition", "refused: must be a list", REFERENCE)
NOWHERE = rule("goes nowhere", "ignored", "used", "read and checked, then used by nobody", DEPLOY)
NO_VERSION = rule("no version", "note", "does not matter", "read as version 3.13", DEPLOY)
PORT_IP = rule("port on one address", "different", "listens on this address", "listens on all of all nodes", DEPLOY)
BIND = rule(
    "folder of the host",
    "risk",
    "mounts the folder here",
    "the folder must be on every node where a task may run, or the task is rejected",
    "docs.docker.com, give a service access to volumes or bind mounts",
)
VOLUME = rule(
    "local volume",
    "risk",
    "one volume, on this machine",
    "one volume on each node: a task that starts elsewhere finds an empty one",
    "docs.docker.com, give a service access to volumes or bind mounts",
)
UNSET = rule(
    "variable",
    "different",
    "read from .env, a warning if unset",
    "unset here, .env is not read: empty, no warning",
    DEPLOY,
)
LATEST = rule("image without tag", "risk", "latest, as it is here", "latest, as each node's pull finds it", ENGINE)
UNWATCHED = rule(
    "start-first without healthcheck",
    "risk",
    "does not matter",
    "the old task stops as soon as the new one runs, whether it answers or not",
    f"{REFERENCE}: update_config, order",
)
HOST_PORT = rule(
    "host port with replicas",
    "risk",
    "one container has the port",
    "one task per node has the port; more replicas than nodes wait for ever",
    f"{REFERENCE}: ports, mode",
)
HOST_FIRST = rule(
    "host port and start-first",
    "risk",
    "does not matter",
    "the new task cannot have the port while the old one holds it",
    f"{REFERENCE}: ports, mode; update_config, order",
)
BRIDGE = rule(
    "network of one machine",
    "refused",
    "connects containers here",
    "refused by the engine: services join networks of the whole swarm",
    ENGINE,
)
FILE_CONTENT = rule(
    "file under a fixed name",
    "note",
    "read at each start",
    "kept in the swarm: other content needs another name",
    "docs.docker.com, docker secret, docker config: rotate",
)
