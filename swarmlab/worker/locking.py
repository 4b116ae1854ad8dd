"""The lock of a manager: its key file, sealed under autolock, and what a locked engine still says and does.

The unlock key is in the log, and so reaches every manager; on a disk it never lies in the clear. A manager that was
away while the key was replaced still needs the old one. Source: moby `daemon/cluster/swarm.go` (UnlockSwarm, Leave);
swarmkit `manager/manager.go` (updateKEK), `manager/deks.go`; swarm.md §14.
"""

# Simpler than in reality (docs/simplifications.md): unlock-key

from ..effects import Dice, Disk, Note, Save, Tell, Unlock
from ..events import KeyFileWritten, ManagerLocked, ManagerUnlocked
from ..objects import ApiError
from ..trust import keyfile, sealing
from ..trust.keyfile import KeyFile, Keys

LOCKED = (
    'Swarm is encrypted and needs to be unlocked before it can be used. Please use "docker swarm unlock" to unlock it.'
)
STAYS = "Swarm is encrypted and locked. Please unlock it first or use `--force` to ignore this message."
NOT_LOCKED = "swarm is not locked"
MALFORMED = "invalid key string"
WRONG = "swarm could not be unlocked: invalid key provided"


class Lock:
    """The engine's part that keeps the key file. Effects as from a core; refusals are raised."""

    def __init__(self, disk: Disk, dice: Dice):
        self.dice = dice
        self.file: KeyFile | None = disk.values.get("keyfile")
        self.keys: Keys | None = keyfile.opened(self.file) if self.file else None
        self.unlock_key = b""
        self.seed: int | None = None  # of the private key in the file, None: not looked yet
        self.call: int | None = None  # whose unlocking goes on until the node works again

    @property
    def locked(self) -> bool:
        """Whether there is a key file that cannot be read."""
        return self.file is not None and self.keys is None

    def check(self) -> None:
        """Raises ApiError while it is locked."""
        if self.locked:
            raise ApiError(LOCKED)

    def boot(self) -> list:
        return [Note(ManagerLocked())] if self.locked else []

    def unlock(self, text: str) -> list:
        """Try a key. Raises ApiError; with the right one raft and the manager can read their disks."""
        if not self.locked:
            raise ApiError(NOT_LOCKED)
        key = sealing.parsed(text)
        if key is None:
            raise ApiError(MALFORMED)
        assert self.file
        self.keys = keyfile.opened(self.file, key)
        if self.keys is None:
            raise ApiError(WRONG)
        self.unlock_key = key
        return [Note(ManagerUnlocked()), Tell("manager", Unlock())]

    def follow(self, role: str, seed: int) -> list:
        """Bring the file into line with what this node is: '' for none, and with its private key."""
        if not role or self.locked:
            return self.forget() if self.file and not role else []
        if self.keys and seed == self.seed and (role == "manager") == bool(self.keys.dek):
            return []
        self.seed, tls = seed, keyfile.private_key(seed)
        old = self.keys or Keys(b"")
        dek = (old.dek or self._new_key()) if role == "manager" else b""
        if self.file and old == Keys(tls, dek):
            return []
        if role == "worker":
            self.unlock_key = b""  # it has nothing to lock any more
        version = self.file.version if self.file and dek else 0
        opens = [Note(KeyFileWritten(False, False, 0))] if self.file and self.file.sealed and not dek else []
        return [*self._write(Keys(tls, dek), version), *opens]

    def hear_key(self, text: str, version: int) -> list:
        """The swarm's unlock key is this one now, '' for none. If there was none before, the log gets a new key, too:
        the old one lay on the disk in the clear."""
        key = sealing.parsed(text) or b""
        if (
            not self.keys
            or not self.keys.dek
            or not self.file
            or self.file.version >= version
            or key == self.unlock_key
        ):
            return []
        first, self.unlock_key = not self.unlock_key, key
        keys = self.keys._replace(dek=self._new_key()) if first else self.keys
        return [*self._write(keys, version), Note(KeyFileWritten(bool(key), first, version))]

    def forget(self) -> list:
        """The node has left its swarm."""
        self.file, self.keys, self.unlock_key, self.seed = None, None, b"", None
        return [Save("keyfile", None)]

    def _new_key(self) -> bytes:
        return self.dice.getrandbits(8 * sealing.KEY_BYTES).to_bytes(sealing.KEY_BYTES, "big")

    def _write(self, keys: Keys, version: int) -> list:
        self.keys, self.file = keys, keyfile.written(keys, self.unlock_key, version)
        return [Save("keyfile", self.file)]
