"""The smallest thing worth agreeing on: a key-value store on every member, and clients that use it.

A client opens no connection; it has a session, and numbers its commands. The replies of a session are part of the
replicated state, so a command that was sent twice is carried out once [dissertation §6.3]. Reads go through the log
too, or ask raft from which index on the state is fresh (`read="index"`).
"""

from typing import Any, NamedTuple

from ..effects import (
    NEVER,
    Committed,
    Dice,
    Disk,
    Following,
    Leading,
    Propose,
    Read,
    ReadReady,
    Received,
    Refused,
    Restored,
    Send,
    Summarise,
    Summary,
    Tell,
    Told,
)

SESSIONS = 100  # are remembered; the one that was used longest ago is forgotten first, on all members alike


class Command(NamedTuple):
    """What a client wants: `put` (value), `get`, or `cas` (value, if `expected` stands there)."""

    client: str
    serial: int  # counts the commands of this client from 1; 0: nobody waits, and nothing is remembered
    kind: str
    key: str
    value: Any = None
    expected: Any = None


class Answer(NamedTuple):
    """`output` is the value read, or whether a `cas` did it; `error` is '' · 'not leader' · 'unknown' (it may have
    happened) · 'no session'."""

    client: str
    serial: int
    output: Any
    error: str = ""
    leader: str | None = None


class KeyValue:
    """One member's copy of the store. Sits beside its raft node, where a swarm's manager would."""

    def __init__(self, machine: str, disk: Disk, dice: Dice, read: str = "log"):
        self.machine, self.read = machine, read
        self.deadline = NEVER
        self.items: dict[str, Any] = {}
        self.sessions: dict[str, tuple[int, Any]] = {}  # client → its last command, and the reply to it
        self.applied = 0
        self.leader: str | None = None
        self.term = 0
        self.keys = 0
        self.waiting: dict[int, tuple[str, Command]] = {}  # key of a proposal or read → who asked, and for what
        self.asked: dict[tuple[str, int], list[int]] = {}  # (client, serial) → those keys

    def step(self, event: Any, now: int) -> list:
        if type(event) is not Told and type(event) is not Received:
            return []
        sender, message = event
        if type(message) is Command:
            return self.take(sender if type(event) is Received else "", message)
        if type(message) is Committed:
            return [effect for entry in message.entries for effect in self.apply(entry)]
        return self.hear_raft(message)

    def hear_raft(self, message: Any) -> list:
        match message:
            case Following(term, leader):
                self.term, self.leader = term, leader
            case Leading(term):
                self.term, self.leader = term, self.machine
            case Refused(key, reason):
                return self.refused(key, reason)
            case ReadReady(key):
                return self.answer_read(key)
            case Summarise(index):
                return [Tell("raft", Summary(index, (tuple(self.items.items()), tuple(self.sessions.items()))))]
            case Restored(index, (items, sessions)):
                self.applied, self.items, self.sessions = index, dict(items), dict(sessions)
        return []

    def take(self, sender: str, command: Command) -> list:
        """Into the log with it, or a question to raft; the answer follows when it is known."""
        self.keys += 1
        key = self.term << 32 | self.keys
        if command.client:  # else nobody waits for an answer
            self.waiting[key] = sender, command
            self.asked.setdefault(command[:2], []).append(key)
        quick = command.kind == "get" and self.read == "index"
        return [Tell("raft", Read(key) if quick else Propose(key, command))]

    def refused(self, key: int, reason: str) -> list:
        """What did not enter the log did not happen; what was in it when leadership was lost still may."""
        asked = self.forget(key)
        lost = asked and reason == "lost leadership" and asked[1].kind != "get"
        return self.reply(asked, None, "unknown" if lost else "not leader")

    def answer_read(self, key: int) -> list:
        asked = self.forget(key)
        return self.reply(asked, self.items.get(asked[1].key)) if asked else []

    def apply(self, entry: Any) -> list:
        """Every member does the same with the same entry. Who waits for it here gets the reply."""
        self.applied = entry.index
        if type(entry.data) is not Command:
            return []
        command = entry.data
        output, error = self.carry_out(command)
        mine = self.asked.pop(command[:2], ()) if command.client else ()
        return [effect for key in mine for effect in self.reply(self.waiting.pop(key), output, error)]

    def forget(self, key: int) -> tuple[str, Command] | None:
        """Nobody waits for this any more. Says who did, and for what."""
        waited = self.waiting.pop(key, None)
        if waited:
            keys = self.asked[waited[1][:2]]
            keys.remove(key)
            if not keys:
                del self.asked[waited[1][:2]]
        return waited

    def carry_out(self, command: Command) -> tuple[Any, str]:
        """Once: a command of a session that was carried out already gets the reply that it got then."""
        client, serial = command.client, command.serial
        last, reply = self.sessions.pop(client, (0, None))
        if serial and serial <= last:
            self.sessions[client] = last, reply
            return (reply, "") if serial == last else (None, "unknown")
        if serial > 1 and last == 0:
            return None, "no session"
        output = self.change(command)
        if serial:
            self.sessions[client] = serial, output  # at the end: used last
            while len(self.sessions) > SESSIONS:
                del self.sessions[next(iter(self.sessions))]
        return output, ""

    def change(self, command: Command) -> Any:
        here = self.items.get(command.key)
        if command.kind == "get":
            return here
        if command.kind == "put" or here == command.expected:
            self.items[command.key] = command.value
        return here == command.expected if command.kind == "cas" else None

    def reply(self, asked: tuple[str, Command] | None, output: Any, error: str = "") -> list:
        if asked is None:
            return []
        machine, command = asked
        answer = Answer(command.client, command.serial, output, error, self.leader)
        return [Send(machine, "answer", answer) if machine else Tell("client", answer)]


# ── those who use it ─────────────────────────────────────────────────────────────────────────────────────────────


class Operation(NamedTuple):
    """What a client did and got, and when: one line of a history."""

    client: str
    kind: str
    key: str
    value: Any
    output: Any
    invoked: int  # µs
    returned: int | None  # None: nobody knows whether it happened


class Client:
    """What one client is about to do, waits for, and keeps."""

    __slots__ = ("asked_at", "command", "invoked", "name", "next_at", "serial", "session", "target")

    def __init__(self, name: str, next_at: int):
        self.name, self.session, self.serial = name, 0, 0
        self.command: Command | None = None
        self.invoked = self.asked_at = 0
        self.next_at = next_at  # when it begins something, asks again, or gives up
        self.target = ""


class Clients:
    """Some clients in one core. Each does one thing after the other, asks again when nothing is heard, goes where it
    is sent when it asked the wrong member, and after some time gives up, without knowing what came of it."""

    def __init__(self, machine: str, disk: Disk, dice: Dice, members: tuple[str, ...], number: int, pause: int):
        self.dice, self.members, self.pause = dice, members, pause  # mean µs between an answer and the next question
        self.patience, self.limit = 300_000, 2_000_000  # µs until it asks again, until it gives up
        self.history: list[Operation] = []
        self.written = 0  # every value is written once: what is read tells who wrote it
        self.clients = {f"c{n + 1}": Client(f"c{n + 1}", 1 + int(dice.random() * pause)) for n in range(number)}
        self.deadline = min((client.next_at for client in self.clients.values()), default=NEVER)
        self.stopped = False

    def step(self, event: Any, now: int) -> list:
        effects = self.hear(event.message, now) if type(event) is Received else []
        for client in self.clients.values():
            if client.next_at <= now:
                effects += self.go_on(client, now)
        self.deadline = min((client.next_at for client in self.clients.values()), default=NEVER)
        return effects

    def hear(self, answer: Answer, now: int) -> list:
        client = self.clients[answer.client.partition("/")[0]]
        if client.command is None or (answer.client, answer.serial) != client.command[:2]:
            return []  # an answer to something that is over
        if answer.error == "":
            self.end(client, answer.output, now)
        elif answer.error == "not leader":
            client.target = answer.leader or self.pick()
            client.next_at = now + 10_000 if answer.leader else now + 50_000
        return []

    def go_on(self, client: Client, now: int) -> list:
        """Begin something, ask once more, or give up."""
        if client.command is None:
            if self.stopped:
                client.next_at = NEVER
                return []
            self.begin(client, now)
        elif now - client.invoked >= self.limit:
            self.end(client, None, None)
            client.session, client.serial = client.session + 1, 0  # what is still under way belongs to the old session
            client.next_at = now + 1 + int(self.dice.random() * 2 * self.pause)
            return []
        elif now - client.asked_at >= self.patience:
            client.target = self.pick()  # perhaps that one is dead
        client.asked_at, client.next_at = now, now + self.patience
        return [Send(client.target, "keyvalue", client.command)]

    def begin(self, client: Client, now: int) -> None:
        client.serial += 1
        self.written += 1
        chance, key = self.dice.random(), "xyz"[int(self.dice.random() * 3)]
        kind = "get" if chance < 0.5 else "put"
        value = None if kind == "get" else self.written
        client.command = Command(f"{client.name}/{client.session}", client.serial, kind, key, value)
        client.invoked = now
        client.target = client.target or self.pick()

    def end(self, client: Client, output: Any, now: int | None) -> None:
        command = client.command
        assert command
        if now is not None or command.kind != "get":
            line = (client.name if now is not None else command.client, command.kind, command.key, command.value)
            self.history.append(Operation(*line, output, client.invoked, now))
        client.command = None
        if now is not None:
            client.next_at = now + 1 + int(self.dice.random() * 2 * self.pause)

    def pick(self) -> str:
        return self.members[int(self.dice.random() * len(self.members))]

    def told(self) -> tuple[Operation, ...]:
        """What was done; what is still open has no answer yet."""
        open_ones = [(c.command, c.invoked) for c in self.clients.values() if c.command and c.command.kind != "get"]
        rows = [Operation(o.client, o.kind, o.key, o.value, None, invoked, None) for o, invoked in open_ones]
        return tuple(self.history) + tuple(rows)
