"""Plain containers on overlays: the managers give each an address there, and get it back when it ends.

Whoever starts waits for it. A question that gets no answer is asked again; an address is given back until somebody says
that he has heard it, also after a boot. Source: moby daemon/cluster/networks.go (AttachNetwork, DetachNetwork).
"""

# Simpler than in reality (docs/simplifications.md): attached-late

from typing import Any, NamedTuple

from ..effects import NEVER, SECOND, Disk, Save, Tell
from ..messages import AttachNetwork, DetachNetwork, Reply

PATIENCE = 20 * SECOND  # of who waits at the keyboard
AGAIN = 2 * SECOND
NOT_ATTACHED = "Could not attach to network {}: {}"
NO_ADDRESS = "attaching to network failed, make sure your network options are correct and check manager logs: {}"
TOO_LATE = "context deadline exceeded"


class Ask(NamedTuple):
    """A container waits for its address on one network."""

    container: str
    network: str  # as it was asked for: name or id
    address: str = ""
    ends: int = NEVER  # then it is given up
    call: int | None = None  # of `docker network connect`
    joined: Any = None  # what that adds to the container
    task: str = ""  # that the managers have made for it


class Failed(NamedTuple):
    """There is no address for it, in Docker's words."""

    ask: Ask
    reason: str


class Attaching:
    """What this engine has asked the managers for, and what it has to give back."""

    def __init__(self, disk: Disk):
        self.asks: dict[int, Ask] = {}  # by number of the question
        self.leaving: dict[str, str] = dict(disk.values.get("leaving", ()))  # task → container
        self.gone: dict[int, str] = {}  # number of a question → the task that is given back
        self.numbers = 0
        self.again_at = SECOND if self.leaving else NEVER

    @property
    def deadline(self) -> int:
        return min([self.again_at, *(ask.ends for ask in self.asks.values())])

    def ask(self, ask: Ask, now: int) -> list:
        """Ask for an address, unless that is being done."""
        if any(one[:2] == ask[:2] for one in self.asks.values()):
            return []
        self.numbers += 1
        self.asks[self.numbers] = ask
        self.again_at = min(self.again_at, now + AGAIN)
        return self._say(self.numbers)

    def _say(self, number: int) -> list:
        """What the container had before is given back first, so that the managers do not mistake it for the new one."""
        ask = self.asks[number]
        if ask.container in self.leaving.values():
            return []
        return [Tell("agent", AttachNetwork(number, ask.container, ask.network, ask.address))]

    def hear(self, reply: Reply, now: int) -> tuple[list, Failed | None]:
        """The managers have answered."""
        if reply.id not in self.gone and reply.id not in self.asks:  # nobody waits for it any more
            return self.leave({reply.value: ""}, now) if reply.value else [], None
        task, ask = self.gone.pop(reply.id, ""), self.asks.get(reply.id)
        if task and not reply.error and task in self.leaving:
            del self.leaving[task]
            return [*self._keep(), *(effect for number in self.asks for effect in self._say(number))], None
        if ask and not reply.error:
            self.asks[reply.id] = ask._replace(task=reply.value)
        elif ask and ask.ends < NEVER:
            del self.asks[reply.id]
            return [], Failed(ask, NOT_ATTACHED.format(ask.network, reply.error))
        return [], None

    def given(self, container: str, names: tuple[str, ...]) -> Ask | None:
        """An address has come: who asked for it under one of these names of the network."""
        for number, ask in self.asks.items():
            if ask.container == container and ask.network in names:
                return self.asks.pop(number)
        return None

    def forget(self, container: str, network: str = "") -> list[Ask]:
        """It does not wait any more, for this network or for any: what it has waited for, to be given back."""
        asks = [(number, ask) for number, ask in self.asks.items() if ask.container == container]
        gone = [number for number, ask in asks if network in ("", ask.network)]
        return [self.asks.pop(number) for number in gone]

    def leave(self, tasks: dict[str, str], now: int) -> list:
        """Give these back: task → container."""
        if not tasks:
            return []
        self.leaving |= tasks
        self.again_at = min(self.again_at, now + AGAIN)
        return [*self._keep(), *(effect for task in tasks for effect in self._give_back(task))]

    def _give_back(self, task: str) -> list:
        self.numbers += 1
        self.gone[self.numbers] = task
        return [Tell("agent", DetachNetwork(self.numbers, task))]

    def _keep(self) -> list:
        return [Save("leaving", tuple(self.leaving.items()) or None)]

    def wake(self, now: int) -> tuple[list, list[Failed]]:
        """Ask again, and give up what took too long."""
        late = [number for number, ask in self.asks.items() if ask.ends <= now]
        failed = [Failed(ask, _too_late(ask)) for ask in map(self.asks.pop, late)]
        if self.again_at > now:
            return [], failed
        self.again_at = now + AGAIN if self.asks or self.leaving else NEVER
        self.gone = {}
        words = [self._give_back(task) for task in self.leaving] + [self._say(number) for number in self.asks]
        return [effect for word in words for effect in word], failed

    def outside(self) -> list:
        """This machine belongs to no swarm any more: there is nobody to give anything back to."""
        self.leaving, self.gone, self.again_at = {}, {}, NEVER
        self.asks = {number: ask for number, ask in self.asks.items() if ask.ends < NEVER}
        return self._keep()


def _too_late(ask: Ask) -> str:
    return NO_ADDRESS.format(TOO_LATE) if ask.task else NOT_ATTACHED.format(ask.network, TOO_LATE)
