"""Who is alive, and which task can be reached behind which node: rumours among all nodes, without any manager.

Membership is SWIM (Das, Gupta, Motivala: "SWIM", DSN 2002) with the figures of memberlist's LAN profile. The table of
endpoints that travels with it follows Docker's NetworkDB (moby `daemon/libnetwork/networkdb`): every record belongs
to the node that runs the task, the higher Lamport time wins, and a bulk sync heals what rumours have missed.
"""

from collections.abc import Callable, Mapping
from typing import Any

from ..effects import NEVER, SECOND, SILENCE, Dice, Disk, Note, Received, Save, Send, Tell, Told, Woken
from ..events import PeerCleared, PeerFailed, PeerJoined, PeerLeft, PeerSuspected
from ..messages import Entry, JoinGossip, LeaveGossip, Publish, TablesChanged
from .swim import (
    ALIVE,
    FAILED,
    FANOUT,
    GOSSIP_PERIOD,
    LEFT,
    PROBE_PERIOD,
    PROBE_TIMEOUT,
    SUSPECT,
    beats,
    retransmit_limit,
    suspicion_time,
)
from .table import Key, Table
from .wire import Ack, Member, Ping, Record, Rumours, State

SYNC_PERIOD = 30 * SECOND
JOIN_RETRY = 2 * SECOND
MEMBER_LIFE = 24 * 3600 * SECOND  # of one that failed or left, until it is forgotten
GOODBYES = 12
MEMBER_SIZE, RECORD_SIZE = 60, 250  # bytes, about
NOBODY = (0, None, 0)


class Gossip:
    """One node among those that gossip. Silent until told `JoinGossip`; after a reboot it comes back by itself."""

    # NetworkDB keeps a table per network on the nodes that have a task there; here every node carries every table.

    def __init__(self, machine: str, disk: Disk, dice: Dice):
        self.machine, self.dice = machine, dice
        self.peers: tuple[str, ...] | None = disk.values.get("peers")  # whom to call after a reboot; None: nobody
        self.clock = self.number = self.exchanges = (
            0  # Lamport time; the newest probe; how often it asked for everything
        )
        self._forget()

    def _forget(self) -> None:
        self.members: dict[str, Member] = {}  # by machine; this one too while it takes part
        self.others: list[str] = []  # those that count as living
        self.round: list[str] = []  # those still to be probed in this round
        self.gone: dict[str, int] = {}  # those that failed or left → since when
        self.suspicions: dict[str, int] = {}  # machine → when it is over
        self.awaited: str | None = None  # whose ack is due
        self.table = Table()
        self.asked: tuple[int, str, State] | None = None  # the latest bulk sync that was left out: when, whom, what
        # The latest probe that was made at rest: when, whom, its number.
        self.probed: tuple[int, str | None, int] = NOBODY
        # All members and all records, as told to others; None: something has changed since.
        self.whole: tuple[tuple, tuple] | None = None
        self.remembered = False  # the disk knows who lives
        self.news: dict[tuple, tuple[Member | Record, int]] = {}  # what to pass on, and how often it was
        self.phase = 0
        self.probe_at = self.fallback_at = self.gossip_at = self.sync_at = self.join_at = self.deadline = NEVER
        self.suspect_at = NEVER  # when the first of the suspicions is over

    def step(self, event, now: int) -> list:
        """Hear one thing; see `swarmlab.effects`."""
        if type(event) is Received and type(event.message) is Rumours and self._knows(event.message.news):
            return []  # the most frequent of all
        self.now = now
        self.effects: list = []
        self.changed: dict[Key, Entry] = {}  # what the mesh has to know
        if type(event) is Received:
            if self.machine in self.members and event.sender != self.machine:
                self._hear(event.sender, event.message)
        elif type(event) is Woken:
            self._wake()
            if self.suspicions or self.gone:  # what time alone brings out is due to nobody's word
                self.effects = [Note(e.fact, SILENCE) if type(e) is Note else e for e in self.effects]
        elif type(event) is Told:
            self._obey(event.message)
        elif self.peers is not None:  # the machine has booted
            self._join(self.peers)
        if self.changed:
            self._tell_mesh()
        self.deadline = self._next_deadline()
        return self.effects

    # ── what it is told, and when it wakes ──

    def _obey(self, message) -> None:
        match message:
            case Publish(network, table, key, value) if value or self.table.holds((network, table, key)):
                self._publish((network, table, key), value)
            case JoinGossip(peers):
                self._join(peers)
            case LeaveGossip() if self.machine in self.members:
                self._leave()

    def _join(self, peers: tuple[str, ...]) -> None:
        if self.machine not in self.members:
            self._keep(Member(self.machine, 1, ALIVE))
            self.phase = self._draw(GOSSIP_PERIOD)
            self.probe_at = self.now + self._draw(PROBE_PERIOD)
            self.sync_at = self.now + self._draw(SYNC_PERIOD)
        self._remember(tuple(dict.fromkeys(peer for peer in peers if peer != self.machine)))
        self._call_peers()

    def _keep(self, row: Member) -> None:
        """This is what is known of a node now."""
        self.members[row.machine] = row
        self.whole = None

    def _remember(self, peers: tuple[str, ...]) -> None:
        if peers != self.peers:
            self.peers, self.remembered = peers, False
            self.effects.append(Save("peers", peers))

    def _call_peers(self) -> None:
        """Ask those named for all they know; one answer makes this node a member."""
        for peer in self.peers or ():
            self._exchange(peer)
        self.join_at = self.now + JOIN_RETRY if self.peers else NEVER

    def _leave(self) -> None:
        farewell = self.members[self.machine]._replace(state=LEFT)
        self.effects += [Send(peer, "gossip", Rumours((farewell,))) for peer in self._some(GOODBYES)]
        self.effects.append(Save("peers", None))
        self.changed = {key: _entry(record, hidden=True) for key, record in self.table.records.items()}
        self.peers = None
        self._forget()

    def _wake(self) -> None:
        now = self.now
        if now >= self.fallback_at:
            self._fall_back()
        if now >= self.probe_at:
            self._probe()
        if now >= self.gossip_at:
            self._gossip()
        if now >= self.join_at:
            self._call_peers()
        if now >= self.sync_at:
            self._sync()
        if now >= self.suspect_at:
            for machine in [machine for machine, end in self.suspicions.items() if now >= end]:
                self._learn_member(self.members[machine]._replace(state=FAILED))
            self.suspect_at = min(map(self._tick, self.suspicions.values()), default=NEVER)

    def _tick(self, time: int) -> int:
        """The next tick of this node's own clock: then suspicions are over, several at a time."""
        return time + (self.phase - time) % GOSSIP_PERIOD

    def _next_deadline(self) -> int:
        return min(self.probe_at, self.fallback_at, self.gossip_at, self.sync_at, self.join_at, self.suspect_at)

    # ── probing: one member each second, all of them in turn ──

    def _probe(self) -> None:
        if self.awaited:
            self._suspect(self.awaited)
        self.number += 1
        self.awaited = self._next_target()
        if self.awaited:
            self._ping(self.awaited, self.number, "gossip")
            self.fallback_at = self.now + PROBE_TIMEOUT
        if self.gone:
            self._try_to_reconnect()
        self.probe_at = self.now + PROBE_PERIOD

    def _next_target(self) -> str | None:
        """Shuffled round robin: nobody waits longer than two rounds for a probe [SWIM §4.3]."""
        while self.others:
            if not self.round:
                self.round = self._shuffled(self.others)
            target = self.round.pop()
            if self._lives(target):
                return target
        return None

    def _fall_back(self) -> None:
        """No ack in time: try again by TCP, in case only UDP is blocked. memberlist also asks three others to try."""
        if self.awaited:
            self._ping(self.awaited, self.number, "bulksync")
        self.fallback_at = NEVER
        # A node that itself stood still wakes late, and still gives the other the time to answer.
        self.probe_at = max(self.probe_at, self.now + PROBE_PERIOD - PROBE_TIMEOUT)

    def _suspect(self, machine: str) -> None:
        self._learn_member(self.members[machine]._replace(state=SUSPECT))

    def _try_to_reconnect(self) -> None:
        """Tell one that failed that it counts as failed; if it lives after all, it will refute [NetworkDB: every second]."""
        failed = self._failed()
        if failed:
            self._ping(failed[self._draw(len(failed))], 0, "bulksync")

    def _failed(self) -> list[str]:
        return [machine for machine in self.gone if self.members[machine].state == FAILED]

    def _ping(self, machine: str, number: int, channel: str) -> None:
        ping = Ping(number, self._news_for(machine, channel), channel)
        self.effects.append(Send(machine, channel, ping, coin=_coin(number, channel)))

    # ── rest: what follows from a probe is certain while all live, all know each other and nobody has news ──

    @property
    def calm(self) -> bool:
        """Whether nothing but probes and bulk syncs is to be done, and no probe has gone wrong."""
        busy = self.news or self.suspicions or self.join_at < NEVER
        return not busy and (self.awaited is None or self.fallback_at < NEVER)

    @property
    def rest_deadline(self) -> int:
        """When it next does something of consequence, as long as all others rest, too."""
        return min(self.sync_at, self.join_at)

    def is_old(self, message: Any) -> bool:
        """Whether this message says nothing new. Whatever it has of someone only ever gives way to something newer."""
        return type(message) is Rumours and self._knows(message.news)

    def trusts(self, company: Mapping[str, Any], running: Mapping[str, Any]) -> bool:
        """Whether it holds exactly this company, of which it is one, for living; who failed must not even run."""
        if self.machine not in company:
            return not self.members
        living = len(self.others) == len(company) - 1 and all(machine in company for machine in self.others)
        return living and not any(machine in running for machine in self._failed())

    def catch_up(self, now: int) -> None:
        """All probes before now were made, and answered."""
        if not self.gone:
            self._catch_up_quickly(now)
        failed = len(self._failed()) if self.gone else 0
        while self.probe_at < now:
            self.number += 1
            self.probed = self.probe_at, self._next_target(), self.number
            if failed:
                self._draw(failed)  # one of them was told that it counts as failed, and did not hear it
            self.probe_at += PROBE_PERIOD
        self.deadline = self._next_deadline()

    def _catch_up_quickly(self, now: int) -> None:
        """The same, as far as a round goes in which all live."""
        probes = min((now - self.probe_at + PROBE_PERIOD - 1) // PROBE_PERIOD, len(self.round))
        if probes > 0:
            self.number += probes
            self.probe_at += probes * PROBE_PERIOD
            self.probed = self.probe_at - PROBE_PERIOD, self.round[-probes], self.number
            del self.round[-probes:]

    def agrees(self, message: Any) -> bool:
        """Whether this is a question to which it would say the same."""
        if type(message) is not State or message.answer or self.whole is None:
            return False
        return message.members is self.whole[0] and message.records is self.whole[1]

    def leave_out(self, target: str, question: State) -> None:
        """A bulk sync with somebody who knows the same need not happen."""
        self.asked = self.now, target, question

    def wake_up(self, now: int, delay: Callable[[str, str, int], int]) -> list[tuple[int, str, str, Any]]:
        """Go on: what is under way just now of what was left out, as (when it arrives, from, to, message)."""
        self.catch_up(now)
        under_way = []
        if self.asked:
            begun, target, question = self.asked
            answer = question._replace(answer=True)
            under_way += self._under_way(now, delay, begun, target, question, answer, -question.number)
        begun, probed, number = self.probed
        if probed:
            ping = self._under_way(now, delay, begun, probed, Ping(number, (), "gossip"), Ack(number, ()), number)
            if ping:
                self.awaited, self.fallback_at = probed, begun + PROBE_TIMEOUT
                self.deadline = self._next_deadline()
            under_way += ping
        self.asked, self.probed = None, NOBODY
        return under_way

    def _under_way(self, now: int, delay, begun: int, target: str, question, answer, coin: int) -> list:
        heard = begun + delay(self.machine, target, coin)
        answered = heard + delay(target, self.machine, coin)
        if heard > now:
            return [(heard, self.machine, target, question)]
        return [(answered, target, self.machine, answer)] if answered > now else []

    # ── listening ──

    def _hear(self, sender: str, message: Rumours | Ping | Ack | State) -> None:
        if isinstance(message, Rumours):
            self._learn(message.news)
        elif isinstance(message, Ping):
            self._answer(sender, message)
        elif isinstance(message, Ack):
            self._hear_ack(sender, message)
        else:
            self._merge(message)
            if message.answer:
                self.join_at = NEVER
            else:
                self._exchange(sender, message)

    def _answer(self, sender: str, ping: Ping) -> None:
        self._learn(ping.news)
        ack = Ack(ping.number, self._news_for(sender, ping.channel))
        self.effects.append(Send(sender, ping.channel, ack, coin=_coin(ping.number, ping.channel)))
        if sender not in self.members:  # it knows us from before our crash
            self._exchange(sender)

    def _hear_ack(self, sender: str, ack: Ack) -> None:
        if ack.number == self.number:
            self.awaited, self.fallback_at = None, NEVER
        was_gone = sender in self.gone
        self._learn(ack.news)
        if was_gone and self._lives(sender):
            self._exchange(sender)

    def _knows(self, news: tuple) -> bool:
        """Whether all of this is known here word for word."""
        members, records = self.members, self.table.records
        for item in news:
            known = members.get(item.machine) if type(item) is Member else records.get(item.key)
            if known is not item and known != item:
                return False
        return True

    def _learn(self, news: tuple) -> None:
        """Take over what is newer; most of what one hears one knows."""
        members, records = self.members, self.table.records
        for item in news:
            if type(item) is Member:
                known = members.get(item.machine)
                if known is not item and known != item:
                    self._learn_member(item)
            elif records.get(item.key) is not item:
                self._learn_record(item)

    def _merge(self, state: State) -> None:
        """Take over what is newer. A newcomer does not pass it on: everybody else knows it already."""
        if self.whole and self.whole[0] is state.members and self.whole[1] is state.records:
            return  # the two have agreed on every word before, and nothing has changed since
        spread, agree = bool(self.others), True
        for record in state.records:
            known = self.table.records.get(record.key)
            if record is not known:
                agree = False
                # A deletion of something never heard of is no news, or nodes would give tombstones to each other for ever.
                if record.value or known:
                    self._learn_record(record, spread)
        for row in state.members:
            mine = self.members.get(row.machine)
            if row is not mine and row != mine:
                agree = False
                # That somebody has failed is only a suspicion here: it may be back, and gets the time to say so.
                self._learn_member(row._replace(state=SUSPECT) if row.state == FAILED else row, spread)
        if agree:
            self._agree(state)

    def _agree(self, state: State) -> None:
        """Two that know the same say it in the same order from now on, that of the first by name: so they notice."""
        members, records = self._everything()
        if len(members) == len(state.members) and len(records) == len(state.records):
            if state.members[0].machine < members[0].machine:
                self.whole = state.members, state.records

    def _everything(self) -> tuple[tuple, tuple]:
        """All that is known here."""
        if self.whole is None:
            self.whole = tuple(self.members.values()), tuple(self.table.records.values())
        return self.whole

    # ── members ──

    def _learn_member(self, row: Member, spread: bool = True) -> None:
        machine, old = row.machine, self.members.get(row.machine)
        if machine == self.machine:
            self._refute(row)
        elif beats(row, old):
            self._keep(row)
            if self.suspicions.pop(machine, None) and not self.suspicions:
                self.suspect_at = NEVER
            if spread:
                self._spread(("member", machine), row)
            self._believe(row, old)

    def _believe(self, row: Member, old: Member | None) -> None:
        """Act on a rumour that has won."""
        machine = row.machine
        if row.state == SUSPECT:
            self.suspicions[machine] = end = self.now + suspicion_time(len(self.others) + 1)
            self.suspect_at = min(self.suspect_at, self._tick(end))
            self.effects.append(Note(PeerSuspected(machine)))
        elif row.state != ALIVE:
            self._bury(machine, PeerFailed(machine) if row.state == FAILED else PeerLeft(machine))
        elif old is None or old.state in (FAILED, LEFT):
            self._welcome(machine)
        elif old.state == SUSPECT:
            self.effects.append(Note(PeerCleared(machine)))

    def _refute(self, row: Member) -> None:
        """Somebody holds this node for less than alive, or remembers it from before a crash: be louder."""
        mine, accused = self.members[self.machine], row.state != ALIVE
        if row.incarnation > mine.incarnation or (accused and row.incarnation == mine.incarnation):
            mine = mine._replace(incarnation=row.incarnation + 1)
            self._keep(mine)
        elif not accused:
            return
        self._spread(("member", self.machine), mine)

    def _welcome(self, machine: str) -> None:
        self.others.append(machine)
        self.remembered = False
        self.round.insert(self._draw(len(self.round) + 1), machine)
        self.gone.pop(machine, None)
        self.effects.append(Note(PeerJoined(machine)))
        for record in self.table.rows_of(machine):
            self.changed[record.key] = _entry(record)

    def _bury(self, machine: str, fact: PeerFailed | PeerLeft) -> None:
        """Hide what it runs. The records stay, and are shown again should it come back."""
        self.others.remove(machine)
        self.remembered = False
        self.gone[machine] = self.now
        if self.awaited == machine:
            self.awaited = None
        self.effects.append(Note(fact))
        for record in self.table.rows_of(machine):
            self.changed[record.key] = _entry(record, hidden=True)

    def _lives(self, machine: str) -> bool:
        row = self.members.get(machine)
        return row is not None and row.state in (ALIVE, SUSPECT)

    # ── records ──

    def _publish(self, key: Key, value: Any) -> None:
        """Say something about a row of this node. The mesh here knows it already."""
        self.clock += 1
        record = Record(key, self.machine, self.clock, value)
        self._note(record)
        self._spread(("record", key), record)

    def _note(self, record: Record) -> None:
        self.table.keep(record, self.now)
        self.whole = None

    def _learn_record(self, record: Record, spread: bool = True) -> None:
        self.clock = max(self.clock, record.time)
        known = self.table.get(record.key)
        if known and known.time >= record.time:
            return
        if record.owner == self.machine:
            self._correct(record, known)
            return
        self._note(record)
        if spread:
            self._spread(("record", record.key), record)
        if self._lives(record.owner):
            self.changed[record.key] = _entry(record)

    def _correct(self, record: Record, known: Record | None) -> None:
        """Others remember a row of this node from before a crash: only the owner knows whether it still holds."""
        value = known.value if known else None
        if record.value or value:
            self._publish(record.key, value)

    def _tell_mesh(self) -> None:
        self.effects.append(Tell("mesh", TablesChanged(tuple(self.changed.values()))))

    # ── spreading ──

    def _spread(self, key: tuple, item: Member | Record) -> None:
        """Pass it on, from the next tick of this node's own clock."""
        if self.machine not in self.members:
            return
        self.news[key] = (item, 0)
        if self.gossip_at == NEVER:
            self.gossip_at = self.now + GOSSIP_PERIOD - (self.now - self.phase) % GOSSIP_PERIOD

    def _gossip(self) -> None:
        """Tell three members all that is new here."""
        # A real packet holds 1400 bytes, so much news takes several ticks; here one packet holds all of it.
        rumours, targets = Rumours(tuple([item for item, _ in self.news.values()])), self._some(FANOUT)
        self.effects += [Send(target, "gossip", rumours) for target in targets]
        limit = retransmit_limit(len(self.others) + 1)
        # memberlist counts to how many it told of a member, NetworkDB how often it told of a record.
        steps = {Member: len(targets) or 1, Record: 1}
        told = [(key, item, told + steps[type(item)]) for key, (item, told) in self.news.items()]
        self.news = {key: (item, times) for key, item, times in told if times < limit}
        self.gossip_at = self.now + GOSSIP_PERIOD if self.news else NEVER

    def _news_for(self, machine: str, channel: str) -> tuple:
        """What goes with a ping or ack: first of all what is said about the listener, should it have to refute that."""
        row = self.members.get(machine)
        accusation = (row,) if row and row.state != ALIVE else ()
        if channel == "bulksync":  # by TCP there are no rumours, the two speak only of each other
            return (*accusation, self.members[self.machine])
        return accusation + tuple(item for item, _ in self.news.values())

    def _sync(self) -> None:
        """Exchange everything with one member by chance, and clear away what is old."""
        for machine in self._some(1):
            self._exchange(machine)
        if self.others and not self.remembered:
            self._remember(tuple(sorted(self.others)))
            self.remembered = True
        self._sweep()
        self.sync_at = self.now + SYNC_PERIOD

    def _exchange(self, machine: str, question: State | None = None) -> None:
        if question is None:
            self.exchanges += 1
        number = question.number if question else self.exchanges
        state = State(*self._everything(), question is not None, number)
        size = MEMBER_SIZE * len(state.members) + RECORD_SIZE * len(state.records)
        self.effects.append(Send(machine, "bulksync", state, size, coin=-number))

    def _sweep(self) -> None:
        if self.table.sweep(self.now):
            self.whole = None
        for machine in [machine for machine, since in self.gone.items() if self.now >= since + MEMBER_LIFE]:
            del self.gone[machine], self.members[machine]
            self.table.forget(machine)
            self.whole = None

    # ── chance ──

    def _draw(self, below: int) -> int:
        return int(self.dice.random() * below)

    def _some(self, number: int) -> list[str]:
        """Up to so many different living members, by chance."""
        if len(self.others) <= number:
            return list(self.others)
        chosen: dict[str, None] = {}
        while len(chosen) < number:
            chosen[self.others[self._draw(len(self.others))]] = None
        return list(chosen)

    def _shuffled(self, names: list[str]) -> list[str]:
        """A copy in random order [Fisher and Yates]."""
        names, chance = list(names), self.dice.random
        for last in range(len(names) - 1, 0, -1):
            other = int(chance() * (last + 1))
            names[last], names[other] = names[other], names[last]
        return names


def _coin(number: int, channel: str) -> int:
    """Probes by UDP travel by themselves, whatever else is on its way."""
    return number if channel == "gossip" else 0


def _entry(record: Record, hidden: bool = False) -> Entry:
    """The row as the mesh is told of it; hidden while its owner counts as failed."""
    return Entry(*record.key, record.owner, None if hidden else record.value)
