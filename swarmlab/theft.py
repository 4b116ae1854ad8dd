"""Stolen disks: what a thief finds who carries a machine's disk away, byte for byte, and what can be read of it.

In the run a disk keeps objects. Here they become the files of `/var/lib/docker`: the log and the snapshots of a manager
sealed with its data key, that key in the header of the key file, in the clear or, under autolock, sealed itself.
Source: swarmkit `manager/state/raft/storage`, `ca/config.go`, moby `daemon/cluster`; swarm.md §14, §16.
"""

# Simpler than in reality (docs/simplifications.md): sealed-log, autolock-at-once

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from .effects import Damaged, Disk
from .trust import keyfile, sealing
from .trust.keyfile import Keys
from .trust.packing import pack, unpack

KEY_FILE = "swarm/certificates/swarm-node.key"
WAL, SNAPSHOTS = "swarm/raft/wal-v3-encrypted", "swarm/raft/snap-v3-encrypted"
FIRST = f"{WAL}/{0:016x}-{0:016x}.wal"
NO_MANAGER = "no manager's disk: there is no log on it, and so no secret"
SEALED = "the key file is sealed, and not with this unlock key: the log stays closed"
BROKEN = "the log does not open with the key of the key file"
DAMAGED = "{} of {} records of the log are damaged, the others open"
STATE = "swarm/raft/state"  # in etcd's log there are records of it, not sealed either
CLEAR_FILES = {  # (core, key on its disk) → the file; what is not named here goes by the names of its core and key
    ("engine", "networks"): "network/files/local-kv.db",
    ("gossip", "peers"): "network/files/local-kv.db",
    **dict.fromkeys((("manager", "node"), ("manager", "member"), ("manager", "applied")), STATE),
    ("engine", "identity"): "swarm/state.json",
    ("engine", "joining"): "swarm/docker-state.json",
    ("executor", "images"): "image/overlay2/repositories.json",
    ("executor", "volumes"): "volumes/metadata.db",
}
NOT_THERE = (("engine", "keyfile"), ("engine", "papers"))  # shown as files of their own


class Loot(NamedTuple):
    """What a thief gets to see. `secrets` and `configs` are contents by name; those that were removed are still in the
    log, until a snapshot takes its place."""

    secrets: dict[str, bytes]
    configs: dict[str, bytes]
    removed: tuple[str, ...] = ()  # names of secrets that the swarm itself has no more
    root_key: int = 0  # the seed of the key that signs certificates: with it anybody makes nodes of this swarm
    tokens: tuple[str, ...] = ()  # for joining, the worker's and the manager's
    unlock_key: str = ""
    node_key: bytes = b""  # of this node: whoever has it can pass for the node
    why: str = ""  # what stayed closed, '' if nothing did


class StolenDisk:
    """A machine's disk at one instant: `files` by path, and what can be read of them."""

    def __init__(self, machine: str, time: float, files: dict[str, bytes]):
        self.machine, self.time, self.files = machine, time, files

    def read(self, unlock_key: str = "") -> Loot:
        """All that these bytes tell to who has them, and perhaps an unlock key (`SWMKEY-1-…`)."""
        configs = dict(self._configs_of_containers())
        file = keyfile.parsed(self.files.get(KEY_FILE, b""))
        keys = keyfile.opened(file, sealing.parsed(unlock_key) or b"") if file else None
        if file and keys is None:
            return Loot({}, configs, why=SEALED)
        if keys is None or not keys.dek:
            return Loot({}, configs, node_key=keys.tls if keys else b"", why=NO_MANAGER)
        return self._read_log(keys, configs)

    def where(self, content: bytes | str) -> tuple[str, ...]:
        """The files in which these bytes stand, as `grep -l` would say."""
        wanted = content.encode() if isinstance(content, str) else content
        if not wanted:
            raise ValueError("an empty text is everywhere: say what to look for")
        return tuple(path for path, found in self.files.items() if wanted in found)

    def _configs_of_containers(self) -> Iterator[tuple[str, bytes]]:
        for path, content in self.files.items():
            if "/configs/" in path:
                yield path.rpartition("/")[2], content

    def _read_log(self, keys: Keys, configs: dict[str, bytes]) -> Loot:
        records = [sealing.unseal(keys.dek, one) for one in self._records()]
        broken, books = records.count(None), Books()
        if records and broken == len(records):
            return Loot({}, configs, node_key=keys.tls, why=BROKEN)
        for record in records:
            if record is not None:
                books.read(unpack(record))
        gone = tuple(name for id, name in books.names.items() if id not in books.secrets)
        secrets = {books.names[id]: content for id, content in books.contents.items()}
        cluster = books.cluster
        return Loot(
            secrets=secrets,
            configs={**configs, **books.configs},
            removed=gone,
            root_key=cluster.get("root_key", 0),
            tokens=(cluster.get("worker_token", ""), cluster.get("manager_token", "")),
            unlock_key=cluster.get("unlock_key", ""),
            node_key=keys.tls,
            why=DAMAGED.format(broken, len(records)) if broken else "",
        )

    def _records(self) -> Iterator[bytes]:
        """The sealed records, the snapshot first."""
        for path in sorted(self.files, key=lambda path: (not path.startswith(SNAPSHOTS), path)):
            if path.startswith(SNAPSHOTS):
                yield self.files[path]
            elif path.startswith(WAL):
                yield from frames(self.files[path])

    def __repr__(self) -> str:
        lines = [f"the disk of {self.machine} at {self.time:.3f} s"]
        return "\n".join([*lines, *(f"{len(content):9}  {path}" for path, content in self.files.items())])


class Books:
    """What the log comes to, read entry by entry, and what it has ever held."""

    def __init__(self) -> None:
        self.secrets: dict[str, None] = {}  # ids of those that there are
        self.names: dict[str, str] = {}
        self.contents: dict[str, bytes] = {}
        self.configs: dict[str, bytes] = {}
        self.cluster: dict[str, Any] = {}

    def read(self, record: Any) -> None:
        """A record of the log, or a snapshot."""
        for thing in things(record):
            kind = thing["is"]
            if kind == "Drop" and thing["kind"] == "secret":
                self.secrets.pop(thing["id"], None)
            elif kind == "Secret":
                self.secrets[thing["id"]] = None
                self.names[thing["id"]], self.contents[thing["id"]] = thing["spec"]["name"], thing["spec"]["data"]
            elif kind == "Config":
                self.configs[thing["spec"]["name"]] = thing["spec"]["data"]
            elif kind == "Cluster":
                self.cluster = thing


def things(value: Any) -> Iterator[dict]:
    """All objects of the store that stand in a record, wherever."""
    if isinstance(value, dict):
        if value.get("is") in ("Secret", "Config", "Cluster", "Drop"):
            yield value
        else:
            for part in value.values():
                yield from things(part)
    elif isinstance(value, list):
        for part in value:
            yield from things(part)


# ── from what a disk keeps to the files on it ────────────────────────────────────────────────────────────────────


def files_of(disks: Mapping[str, Disk]) -> dict[str, bytes]:
    """The files of a machine, by path below /var/lib/docker, sorted."""
    files = dict(_certificates(disks["engine"]))
    for core, disk in disks.items():
        found = _log(disk, disks["engine"].values) if core == "raft" else _values(core, disk)
        for path, content in found:
            files[path] = files.get(path, b"") + content
    return dict(sorted(files.items()))


def _certificates(engine: Disk) -> Iterator[tuple[str, bytes]]:
    papers, file = engine.values.get("papers"), engine.values.get("keyfile")
    if file:
        yield KEY_FILE, keyfile.text(file)
    if papers:
        from .trust.certificates import pem

        yield "swarm/certificates/swarm-node.crt", "".join(map(pem, (papers.certificate, *papers.others))).encode()
        yield "swarm/certificates/swarm-root-ca.crt", pem(papers.root).encode()


def _log(raft: Disk, engine: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    """The log and the snapshot of a manager. As in SwarmKit, index and term of an entry stay readable."""
    values, file = raft.values, engine.get("keyfile")
    if not values.get("member") or not file or not file.seals:
        return  # no manager's; or a power cut came between a log and its key
    key = file.seals
    snapshot = values.get("snapshot")
    if snapshot:
        yield f"{SNAPSHOTS}/{snapshot.term:016x}-{snapshot.index:016x}.snap", sealed(key, pack(snapshot))
    told = {name: value for name, value in values.items() if name != "snapshot"}
    yield STATE, pack(told)
    yield FIRST, b"".join(frame(entry, key) for entry in raft.log)


def sealed(key: bytes, content: bytes) -> bytes:
    return sealing.seal(key, content)


def frame(entry: Any, key: bytes) -> bytes:
    """One record: its length, index and term, then what is sealed. A damaged one opens with no key."""
    if isinstance(entry, Damaged):
        body, term = bytes(32), 0
    else:
        body, term = sealed(key, pack(entry)), entry.term
    return len(body).to_bytes(4, "big") + entry.index.to_bytes(8, "big") + term.to_bytes(8, "big") + body


def frames(content: bytes) -> Iterator[bytes]:
    """The sealed parts back."""
    place = 0
    while place < len(content):
        length = int.from_bytes(content[place : place + 4], "big")
        yield content[place + 20 : place + 20 + length]
        place += 20 + length


def _values(core: str, disk: Disk) -> Iterator[tuple[str, bytes]]:
    """What the other cores keep lies there as it is. Whatever it is it gets a file: a thief finds everything."""
    for name, value in disk.values.items():
        if (core, name) in NOT_THERE:
            continue
        kind, _, key = name.partition(" ")
        if core == "executor" and kind == "box":
            yield from _container(value)
        elif core == "agent":
            yield "swarm/worker/tasks.db", pack((name, value))
        else:
            yield CLEAR_FILES.get((core, name), f"{core}/{kind}{'/' if key else ''}{key}"), pack(value)
    if disk.log:
        yield f"{core}/log", pack(disk.log)


def _container(box: Any) -> Iterator[tuple[str, bytes]]:
    """A container's folder. Secrets are not in it: they lie in memory (tmpfs), here only their names."""
    folder = f"containers/{box.container.id}"
    yield (
        f"{folder}/config.v2.json",
        pack(box._replace(log=(), files=tuple(one._replace(data=b"") for one in box.files))),
    )
    yield f"{folder}/{box.container.id}-json.log", b"".join(pack(line) for line in box.log)
    for one in box.files:
        if one.data:
            yield f"{folder}/configs/{one.name}", one.data
