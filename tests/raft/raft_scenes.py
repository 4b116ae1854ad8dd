"""What several test rooms of raft begin with: a settled leader, a snapshot, and a node whose power can go off midway."""

from raft_harness import Lowest, elect, hear, node

from swarmlab.effects import STARTED, WOKEN, Append, Disk, Received, Save, Told, Trim
from swarmlab.raft import PAPER, Configuration, RaftNode
from swarmlab.raft.messages import Appended, Snapshot


def leader(of="abc", settled=True, **how):
    """A leader in its first term; its followers hold the empty entry if it is settled."""
    made = node(of=of, **how)
    elect(made, *of[1 : len(of) // 2 + 1])
    if settled:
        for follower in of[1:]:
            hear(made, Appended(made.term, follower, "a", made.log.last_index), now(made))
    return made


def now(made):
    """An instant at which nothing is due yet."""
    return made.deadline - 1


def snapshot(index, term=1, of="abc", state="state", removed=()):
    members = tuple((member, member.upper()) for member in of)
    return Snapshot(index, term, Configuration(tuple(of)), members, tuple(removed), state)


class Lone:
    """One node with a disk of its own. It does everything it asks for, or only so many effects until the power goes off."""

    def __init__(self, of="abc", settings=PAPER, **values):
        self.settings = settings
        members = {"member": "a", "members": tuple((one, one.upper()) for one in of)} if of else {}
        self.disk = Disk({**members, **values}, [])
        self.boot()

    def boot(self):
        self.node = RaftNode("A", Disk(dict(self.disk.values), list(self.disk.log)), Lowest(), self.settings)
        return self.do(STARTED)

    def do(self, event, until=None):
        """Let it hear something. With `until`, the power goes off behind so many effects, and it boots again."""
        effects = self.node.step(event, 0 if event is STARTED else max(self.node.armed, 0))
        for effect in effects[:until]:
            self.carry(effect)
        if until is not None:
            self.boot()
        return effects

    def hear(self, message, until=None):
        return self.do(Received(message.source.upper(), message), until)

    def tell(self, wish, until=None):
        return self.do(Told("manager", wish), until)

    def wake(self):
        effects = self.node.step(WOKEN, self.node.deadline)
        for effect in effects:
            self.carry(effect)
        return effects

    def carry(self, effect):
        disk = self.disk
        if type(effect) is Save and effect.value is None:
            disk.values.pop(effect.key, None)
        elif type(effect) is Save:
            disk.values[effect.key] = effect.value
        elif type(effect) is Append:
            disk.log[effect.start - 1 :] = effect.entries
        elif type(effect) is Trim:
            del disk.log[: effect.count]
