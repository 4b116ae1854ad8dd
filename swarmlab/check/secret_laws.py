"""Laws of secrets and locks: who has which secret, what lies open on a disk, and that a locked manager is silent.

What lies on disks is not taken from anybody's word: the disks are stolen, and their bytes are searched [swarm.md §14, §16].
"""

from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

from ..events import (
    FileDelivered,
    FileWithdrawn,
    KeyFileWritten,
    MachineCrashed,
    MachineShutDown,
    MachineStarted,
    ManagerLocked,
    ManagerUnlocked,
    SecretStored,
    SwarmLeft,
    TaskProgressed,
)
from ..objects import RUNNING, Secret
from ..sim.trace import Record
from ..theft import files_of
from ..world import OUTSIDE, World
from .broken import LawBroken
from .laws import Laws

CHANNELS = ("raft", "manager", "engine", "agent", "gossip", "bulksync")
WORDS = 8  # contents that are shorter may stand somewhere by chance
USED, OPEN, GIVEN_AWAY, SILENT = (
    "secrets only where they are used", "no clear secret on a disk", "a sealed key file gives nothing away",
    "no locked manager speaks",
)  # fmt: skip
STALE = "no log under a key that lay open"


class SecretLaws:
    """Watches one world from now on, with the laws of raft and of the swarm as well."""

    def __init__(self, world: World):
        self.world, self.laws = world, Laws(world)
        self.seen, self.sent = len(world.trace.records), len(world.trace.messages)
        self.contents: dict[str, bytes] = {}  # secret → what must be in the clear on no disk
        self.booted: dict[str, int] = {}  # machine → the number of the fact
        self.locked: dict[str, list[list[int]]] = {}  # machine → from which fact to which it was locked
        self.lay_open: dict[str, dict[bytes, None]] = {}  # machine → keys of its log that lay on its disk in the clear
        store = world.store  # type: ignore[attr-defined]
        for secret in store.all("secret") if store else ():
            self.contents[secret.id] = secret.spec.data
        for name in self._machines():
            self._note_open_keys(name)
        world.kernel.watch(world.trace.records, self.look)

    def look(self) -> None:
        """Check what has happened since the last look. Raises LawBroken."""
        self.laws.look()
        records, self.seen = self.world.trace.records[self.seen :], len(self.world.trace.records)
        for record in records:
            for law in LAWS.get(type(record.fact), ()):
                law(self, record)
        self._hear_messages()

    def look_everywhere(self) -> None:
        """The disks of all machines, whole."""
        record = self.world.trace.records[-1]
        for name in self._machines():
            self._search(record, name, whole=True)

    def _machines(self) -> list[str]:
        return [name for name in self.world.machines if name not in OUTSIDE]

    # ── who has it ───────────────────────────────────────────────────────────────────────────────────────────────

    def know(self, record: Record) -> None:
        """A secret is stored: from now on its content is looked for."""
        store = self.world.store  # type: ignore[attr-defined]
        secret = store.get("secret", record.fact.id) if store else None
        if secret and len(secret.spec.data) >= WORDS:
            self.contents[secret.id] = secret.spec.data

    def only_where_used(self, record: Record) -> None:
        """A node holds no secret that none of its tasks refers to, a container none that its own task does not."""
        cores = self.world.machines[record.source].seats
        agent, executor = cores["agent"].core, cores["executor"].core
        used = {id for work in agent.works.values() for id in _secrets(work.task)}
        for file in agent.files.values():
            if isinstance(file, Secret) and file.id not in used:
                raise LawBroken(USED, record, f"{record.source} has {file.spec.name}, and no task of it uses that")
        for key, files in executor.memory.items():
            box, work = executor.boxes.get(key), agent.works.get(key)
            if box is None or box.container.state == "exited":
                raise LawBroken(USED, record, f"{files[0].name} is in the memory of container {key}, which has ended")
            for one in files if work else ():
                if one.kind == "secret" and one.id not in _secrets(work.task):
                    raise LawBroken(USED, record, f"{one.name} is in the container of {work.task.name}")

    # ── disks ────────────────────────────────────────────────────────────────────────────────────────────────────

    def nothing_in_the_clear(self, record: Record) -> None:
        """Not in what containers, agents and engines keep; the log is looked through by `look_everywhere`."""
        self._search(record, record.source, whole=False)

    def new_key_file(self, record: Record) -> None:
        """The log of a manager whose key file is sealed has a key that never lay open, and neither shows it now."""
        name = record.source
        file = self.world.machines[name].disk("engine").values.get("keyfile")
        if file and file.sealed and file.seals in self.lay_open.get(name, ()):
            raise LawBroken(STALE, record, f"{name} has sealed the key of its log, and anybody may have read it before")
        self._note_open_keys(name)

    def _note_open_keys(self, name: str) -> None:
        file = self.world.machines[name].disk("engine").values.get("keyfile")
        if file and file.dek and not file.sealed:
            self.lay_open.setdefault(name, {})[file.dek] = None

    def _search(self, record: Record, name: str, whole: bool) -> None:
        disks = self.world.machines[name].disks
        self._note_open_keys(name)
        files = files_of(disks if whole else {core: disk for core, disk in disks.items() if core != "raft"})
        for path, content in files.items():
            for id, secret in self.contents.items():
                if secret in content:
                    raise LawBroken(OPEN, record, f"secret {id} stands in {path} on {name}")
            for what, key in self._sealed_keys(name):
                if key in content:
                    raise LawBroken(GIVEN_AWAY, record, f"{what} stands in {path} on {name}")

    def _sealed_keys(self, name: str) -> Iterator[tuple[str, bytes]]:
        """What a sealed key file must keep to itself."""
        engine, manager = (
            self.world.machines[name].disk("engine").values,
            self.world.machines[name].seats.get("manager"),
        )
        file = engine.get("keyfile")
        if file is None or not file.sealed:
            return
        yield "the key of the log", file.seals
        yield "the key of the log", b64encode(file.seals)
        cluster = manager.core.store.cluster if manager else None
        if cluster and cluster.unlock_key:
            yield "the unlock key", cluster.unlock_key.encode()

    # ── locks ────────────────────────────────────────────────────────────────────────────────────────────────────

    def boots(self, record: Record) -> None:
        self._ends(record)
        self.booted[record.source] = record.number

    def locks(self, record: Record) -> None:
        """What the machine sends from its boot on counts: nobody may be quicker than the lock."""
        never = 1 << 62
        self.locked.setdefault(record.source, []).append([self.booted.get(record.source, record.number), never])

    def _ends(self, record: Record) -> None:
        spans = self.locked.get(record.source)
        if spans:
            spans[-1][1] = min(spans[-1][1], record.number)

    def _hear_messages(self) -> None:
        """A locked manager says nothing, on no port of a swarm."""
        messages, self.sent = self.world.trace.messages[self.sent :], len(self.world.trace.messages)
        for message in messages if self.locked else ():
            for begin, end in self.locked.get(message.sender, ()) if message.channel in CHANNELS else ():
                if begin < message.after <= end:
                    record = self.world.trace.records[begin]
                    raise LawBroken(SILENT, record, f"{message.sender} sent {message.name} to {message.to}")


def _secrets(task: Any) -> set[str]:
    return {one.id for one in task.spec.container.secrets}


def lingering(world: Any) -> list[str]:
    """After a calm: the secrets that nodes still have though no task of theirs uses them any more, as sentences."""
    found = []
    for name, machine in world.machines.items():
        if machine.running and "agent" in machine.seats:
            agent = machine.seats["agent"].core
            used = {id for work in agent.works.values() if work.state <= RUNNING for id in _secrets(work.task)}
            held = [one for one in agent.files.values() if isinstance(one, Secret) and one.id not in used]
            found += [f"{name} still has {one.spec.name}" for one in held]
    return found


LAWS: dict[type, tuple[Callable, ...]] = {
    SecretStored: (SecretLaws.know,),
    FileDelivered: (SecretLaws.only_where_used, SecretLaws.nothing_in_the_clear),
    FileWithdrawn: (SecretLaws.only_where_used,),
    TaskProgressed: (SecretLaws.only_where_used,),
    KeyFileWritten: (SecretLaws.new_key_file, SecretLaws.nothing_in_the_clear),
    MachineStarted: (SecretLaws.boots,),
    MachineCrashed: (SecretLaws._ends,),
    MachineShutDown: (SecretLaws._ends,),
    ManagerLocked: (SecretLaws.locks,),
    ManagerUnlocked: (SecretLaws._ends,),
    SwarmLeft: (SecretLaws._ends,),
}
