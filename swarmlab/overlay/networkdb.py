"""Tables per overlay network, carried by the nodes that are on it: who is on which network, and the rows of each.

Source: Docker's NetworkDB, moby `daemon/libnetwork/networkdb`. Every row belongs to the node that runs the task, the
higher Lamport time wins, and bulk syncs heal what rumours have missed.
"""

# Simpler than in reality (docs/simplifications.md): entering

from typing import Any

from ..effects import NEVER, SECOND
from ..messages import ENDPOINTS, Entry
from .broadcasts import Broadcasts
from .listing import Listing
from .membership import Membership
from .outbox import Outbox, next_tick, tick_after
from .swim import FANOUT, GOSSIP_PERIOD, PACKET, retransmit_limit
from .table import TOMBSTONE_LIFE, Key, Table
from .wire import Attachment, BulkSync, Record, Rumours

SYNC_PERIOD = 30 * SECOND
SYNC_TIMEOUT = 10 * SECOND  # of the TCP connection: then a second node is tried
ENTRY_TIMEOUT = 30 * SECOND  # so long their answers are waited for on entering a network
ENTRY_SYNCS = 20  # with so many others there at most; in reality with all, and most of them say the same
SWEEP_PERIOD = 5 * SECOND
ATTACHMENT_LIFE = TOMBSTONE_LIFE + 5 * SWEEP_PERIOD  # of one that has quit
HANDED_ON = TOMBSTONE_LIFE // 6  # a deletion with no more time left is not passed on after a bulk sync
RELAY_MOST = 500  # with so much to pass on already, what bulk syncs bring is not added
HEADER = 5  # bytes of a compound packet
ATTACHMENT_SIZE, PEER_SIZE, BINDING_SIZE = 65, 180, 300  # bytes of a rumour, about


class Here:
    """A network that this node is on: its rows, the others there, and what is to be told to them."""

    def __init__(self) -> None:
        self.table = Table()
        self.peers: list[str] = []  # others that are on it and live
        self.own, self.relayed = Broadcasts(), Broadcasts()  # own rows go first
        self.awaited: dict[str, None] = {}  # of those asked on entering: whose answer is still to come
        self.patience = NEVER  # until then they are waited for; what is heard meanwhile is not passed on


class NetworkDB:
    """The tables of one node. `changed` collects what the mesh has to know."""

    def __init__(self, out: Outbox, members: Membership):
        self.out, self.members, self.machine = out, members, out.machine
        members.tables = self
        self.wanted: dict[str, None] = {}  # the networks on which the mesh wants to be
        self.said: dict[Key, Any] = {}  # what the mesh says of its own rows
        self.changed: dict[Key, Entry] = {}
        self.forget_all()

    def forget_all(self) -> None:
        """As before the first day, but for what the mesh of this node has said."""
        self.clock = self.row_clock = 0  # Lamport times: of attachments, of rows
        self.attached: dict[str, dict[str, Attachment]] = {}  # network → machine → the newest word of it
        self.listing = Listing(self._sorted)  # all attachments that are known, for a push-pull
        self.here: dict[str, Here] = {}
        self.quits: dict[tuple[str, str], int] = {}  # (network, machine) that has quit → when to forget it
        self.pending: dict[str, tuple[str, int]] = {}  # who was asked → who is next, and when
        self.phase = 0
        self.gossip_at = self.sync_at = self.sweep_at = self.retry_at = self.entered_at = NEVER

    def begin(self) -> None:
        """Take part: enter the networks that are wanted."""
        self.phase = self.out.draw(GOSSIP_PERIOD)
        self.sync_at = self.out.now + self.out.draw(SYNC_PERIOD)
        for network in self.wanted:
            self._enter(network)

    # ── what the mesh says ──

    def want(self, network: str) -> None:
        """This node has a container there now."""
        self.wanted[network] = None
        if self.sync_at < NEVER and network not in self.here:
            self._enter(network)

    def quit(self, network: str) -> None:
        """It has none there any more: say so, delete its own rows, and carry the others' no more."""
        self.wanted.pop(network, None)
        for key in [key for key in self.said if key[0] == network]:
            del self.said[key]
        if network in self.here:
            self.hide_others(network)
            del self.here[network]
            self._say_attached(network, False)

    def publish(self, key: Key, value: Any) -> None:
        """Say something about a row of this node. The mesh here knows it already."""
        if value is None and key not in self.said:
            return
        self.said[key] = value
        if value is None:
            del self.said[key]
        if key[0] in self.here:
            self._publish(key, value)

    def _publish(self, key: Key, value: Any) -> None:
        self.row_clock += 1
        record, here = Record(key, self.machine, self.row_clock, value), self.here[key[0]]
        self._keep(here, record, self.out.now + TOMBSTONE_LIFE if value is None else NEVER)
        self._tell(here.own, record)

    def hide_others(self, network: str) -> None:
        """The mesh shall forget the rows of other nodes there."""
        for record in self.here[network].table.records.values():
            if record.owner != self.machine:
                self._show(record, hidden=True)

    # ── who is on which network ──

    def _enter(self, network: str) -> None:
        """Carry its tables from now on: ask everybody there for all rows, and say one's own."""
        here = self.here[network] = Here()
        self._say_attached(network, True)
        attached = self.attached[network].values()
        here.peers = [a.machine for a in attached if a.here and a.machine != self.machine and self._lives(a.machine)]
        for key, value in self.said.items():
            if key[0] == network:
                self._publish(key, value)
        here.awaited = dict.fromkeys(self.out.some(here.peers, ENTRY_SYNCS))
        here.patience = self.out.now + ENTRY_TIMEOUT if here.awaited else NEVER
        self.entered_at = min(self.entered_at, here.patience)
        for peer in here.awaited:
            self._ask(peer, (network,))

    def _say_attached(self, network: str, is_here: bool) -> None:
        self.clock += 1
        word = Attachment(network, self.machine, self.clock, is_here)
        self._note_attached(word)
        self._tell_attached(word)

    def _note_attached(self, word: Attachment) -> None:
        if word.network not in self.attached:
            self.attached[word.network] = {}
        self.attached[word.network][word.machine] = word
        self.listing.rows = None
        if self.quits:
            self.quits.pop(word[:2], None)
        if not word.here:
            self.quits[word[:2]] = end = self.out.now + ATTACHMENT_LIFE
            self._sweep_by(end)

    def _tell_attached(self, word: Attachment) -> None:
        self.members.queue.add(word[:2], word, ATTACHMENT_SIZE)
        self.members.wake_gossip()

    def knows_attachment(self, word: Attachment) -> bool:
        """Whether this rumour means nothing here, whatever else comes before it."""
        known = self.attached.get(word.network, {}).get(word.machine)
        return known is not None and known.time >= word.time

    def hear_attachment(self, word: Attachment, spread: bool = True) -> bool:
        """Somebody has entered a network, or quit it. Says whether that is news."""
        network, machine = word[:2]
        if word.time > self.clock:
            self.clock = word.time
        known = self.attached.get(network, {}).get(machine)
        if known and known.time >= word.time:
            return False
        if machine == self.machine:
            self._say_attached(network, network in self.here)  # others remember it from before a crash
        elif known or (word.here and self._lives(machine)):
            self._note_attached(word)
            if network in self.here:
                self._follow(self.here[network], word, known is not None and known.here)
            if spread:
                self._tell_attached(word)
        return True

    def _follow(self, here: Here, word: Attachment, was_here: bool) -> None:
        """What that means for a network on which this node is, too."""
        if not word.here:
            self._drop_rows(here, word.machine)
            self._part(here, word.machine)
        elif not was_here and self._lives(word.machine):
            here.peers.append(word.machine)

    def _lives(self, machine: str) -> bool:
        return self.members.lives(machine)

    def is_attached(self, machine: str, network: str) -> bool:
        """Whether this node is on that network, as far as one knows."""
        word = self.attached.get(network, {}).get(machine)
        return word is not None and word.here

    def _sorted(self) -> tuple[Attachment, ...]:
        everywhere = sorted(self.attached.items())
        return tuple([words[machine] for _, words in everywhere for machine in sorted(words)])

    def merge_attachments(self, words: tuple[Attachment, ...]) -> None:
        """Take over what is newer. What is heard in a push-pull is not passed on."""
        if not self.listing.agrees(words):
            for word in words:
                if word is not self.attached.get(word.network, {}).get(word.machine):
                    self.hear_attachment(word, spread=False)

    # ── what membership says ──

    def joined(self, machine: str) -> None:
        """It is there, or back: its rows are shown again."""
        for network, here in self.here.items():
            if self.is_attached(machine, network):
                here.peers.append(machine)
            for record in here.table.rows_of(machine):
                here.table.limit(record.key, NEVER)
                self._show(record)

    def failed(self, machine: str) -> None:
        """Its rows are hidden, and dropped if it stays away for half an hour."""
        for here in self.here.values():
            for record in here.table.rows_of(machine):
                here.table.limit(record.key, self.out.now + TOMBSTONE_LIFE)
                self._sweep_by(self.out.now + TOMBSTONE_LIFE)
                self._show(record, hidden=True)
            self._part(here, machine)

    def left(self, machine: str) -> None:
        """It is gone for good: its rows are deleted at once."""
        for here in self.here.values():
            self._drop_rows(here, machine)
            self._part(here, machine)
        self.forget(machine)

    def forget(self, machine: str) -> None:
        """Nothing of it is remembered."""
        for here in self.here.values():
            here.table.forget(machine)
        for network, words in self.attached.items():
            if words.pop(machine, None):
                self.quits.pop((network, machine), None)
                self.listing.spoil()
                self.members.heard.clear()

    def _drop_rows(self, here: Here, machine: str) -> None:
        for record in here.table.rows_of(machine):
            self._show(record, hidden=True)
        here.table.forget(machine)

    def _part(self, here: Here, machine: str) -> None:
        if machine in here.peers:
            here.peers.remove(machine)
        self._is_synced(here, machine)

    # ── rows ──

    def _keep(self, here: Here, record: Record, end: int) -> None:
        here.table.keep(record, end)
        if end < NEVER:
            self._sweep_by(end)

    def _show(self, record: Record, hidden: bool = False) -> None:
        """Tell the mesh."""
        self.changed[record.key] = Entry(*record.key, record.owner, None if hidden else record.value)

    def knows_records(self, records: tuple[Record, ...]) -> bool:
        """Whether these rumours mean nothing here, whatever else comes before them."""
        for record in records:
            here = self.here.get(record[0][0])
            known = here.table.records.get(record[0]) if here else None
            if known is not record and (known is None or known[2] < record[2]):
                return False
        return True

    def hear_records(self, records: tuple[Record, ...]) -> bool:
        """Somebody says something of rows. Says whether there was any news."""
        found = False
        for record in records:
            here = self.here.get(record[0][0])
            if here is None or here.table.records.get(record[0]) is not record:
                self.hear_record(record)
                found = True
        return found

    def hear_record(self, record: Record, by_sync: bool = False, left: int = TOMBSTONE_LIFE) -> None:
        """Somebody says something of a row; if it is deleted, so much time is left until that is forgotten."""
        key, owner, time, value = record
        if time > self.row_clock:
            self.row_clock = time
        here = self.here.get(key[0])
        known = here.table.records.get(key) if here else None
        if here is None or (known and known[2] >= time):
            return
        if owner == self.machine:
            self._correct(record)
        elif self.is_attached(owner, key[0]):
            alive = self.members.lives(owner)
            self._keep(here, record, NEVER if alive and value else self.out.now + left)
            if alive and (value or known):
                self._show(record)
            is_news = value or known or (by_sync and left > HANDED_ON)
            if is_news and not here.awaited and not (by_sync and len(here.relayed) > RELAY_MOST):
                self._tell(here.relayed, record)

    def _correct(self, record: Record) -> None:
        """Others remember a row of this node from before a crash: only the owner knows whether it still holds."""
        # A real node comes back under a new name; whoever hears of that name deletes what the old one had said.
        value = self.said.get(record.key)
        if record.value or value:
            self._publish(record.key, value)

    # ── spreading on a network ──

    def _tell(self, queue: Broadcasts, record: Record) -> None:
        queue.add(record.key, record, BINDING_SIZE if record.key[1] == ENDPOINTS else PEER_SIZE)
        if self.gossip_at == NEVER:
            self.gossip_at = tick_after(self.out.now, self.phase, GOSSIP_PERIOD)

    def _gossip(self) -> None:
        """On each network tell three others there the news, all three the same."""
        busy = False
        for here in self.here.values():
            if not (here.own.places or here.relayed.places):
                continue
            room, limit = PACKET - HEADER, retransmit_limit(len(here.peers) + 1)
            news, used = here.own.pick(room, limit)
            news += here.relayed.pick(room - used, limit)[0]
            rumours = Rumours(news)
            for peer in self.out.some(here.peers, FANOUT):
                self.out.send(peer, "gossip", rumours)
            busy = busy or bool(here.own.places or here.relayed.places)
        self.gossip_at = self.out.now + GOSSIP_PERIOD if busy else NEVER

    # ── bulk syncs ──

    def _sync(self) -> None:
        """With one node of each network by chance; with one node all networks that both are on."""
        networks = dict.fromkeys(self.here)
        while networks:
            network = next(iter(networks))
            del networks[network]
            chosen = self.out.some(self.here[network].peers, 2)
            if chosen:
                shared = self._shared(chosen[0])
                self.pending[chosen[0]] = (chosen[1] if len(chosen) > 1 else "", self.out.now + SYNC_TIMEOUT)
                self._ask(chosen[0], shared)
                for name in shared:
                    networks.pop(name, None)
        self._set_retry()

    def _shared(self, machine: str) -> tuple[str, ...]:
        return tuple(network for network in self.here if self.is_attached(machine, network))

    def _set_retry(self) -> None:
        self.retry_at = min((time for _, time in self.pending.values()), default=NEVER)

    def _retry(self) -> None:
        """No answer: ask the second one."""
        for machine in [name for name, (_, time) in self.pending.items() if time <= self.out.now]:
            second = self.pending.pop(machine)[0]
            if second and self._lives(second):
                self._ask(second, self._shared(second))
        self._set_retry()

    def sync_with(self, machine: str) -> None:
        """One that had failed is back: exchange everything with it."""
        shared = self._shared(machine)
        if shared:
            self._ask(machine, shared)

    def _ask(self, machine: str, networks: tuple[str, ...]) -> None:
        self._send(machine, networks, False, self.out.next_exchange())

    def _send(self, machine: str, networks: tuple[str, ...], answer: bool, number: int) -> None:
        tables = [self.here[network].table if network in self.here else None for network in networks]
        records = tuple([table.listing.all() if table else () for table in tables])
        ends = [item for table in tables if table and table.ends for item in table.ends.items()]
        left = tuple([(key, max(1, end - self.out.now)) for key, end in ends])
        size = 40 + BINDING_SIZE * sum(map(len, records))
        self.out.send(machine, "bulksync", BulkSync(networks, records, left, answer, number), size, coin=-number)

    def hear_sync(self, sender: str, message: BulkSync) -> None:
        """Take over what is newer, and answer a question."""
        left = dict(message.left)
        for network, records in zip(message.networks, message.records, strict=True):
            here = self.here.get(network)
            if here and not here.table.listing.agrees(records):
                for record in records:
                    if record is not here.table.records.get(record.key):
                        self.hear_record(record, True, left.get(record.key, TOMBSTONE_LIFE))
            if here and message.answer:
                self._is_synced(here, sender)
        if not message.answer:
            self._send(sender, message.networks, True, message.number)
        elif sender in self.pending:
            del self.pending[sender]
            self._set_retry()

    def _is_synced(self, here: Here, machine: str) -> None:
        """One less to wait for."""
        if here.awaited and machine in here.awaited:
            del here.awaited[machine]
            if not here.awaited:
                here.patience = NEVER
                self._set_entered()

    # ── rest, see `gossip` ──

    def agrees(self, question: BulkSync) -> bool:
        """Whether it would answer the same."""
        pairs = zip(question.networks, question.records, strict=True)
        return all(name in self.here and self.here[name].table.listing.agrees(rows) for name, rows in pairs)

    def stop_waiting(self, target: str) -> tuple[str, int] | None:
        """The answer to the latest question is certain."""
        waits = self.pending.pop(target, None)
        self._set_retry()
        return waits

    def wait_for(self, target: str, waits: tuple[str, int]) -> None:
        """It is not, after all."""
        self.pending[target] = waits
        self._set_retry()

    # ── time ──

    @property
    def rest_deadline(self) -> int:
        """The same, for one that has nothing to tell."""
        return min(self.sync_at, self.sweep_at, self.retry_at, self.entered_at)

    def wake(self) -> None:
        """Time has passed."""
        now = self.out.now
        if now >= self.gossip_at:
            self._gossip()
        if now >= self.retry_at:
            self._retry()
        if now >= self.sync_at:
            self._sync()
            self.sync_at = now + SYNC_PERIOD
        if now >= self.sweep_at:
            self._sweep()
        if now >= self.entered_at:
            self._wait_no_longer()

    def _wait_no_longer(self) -> None:
        for here in self.here.values():
            if self.out.now >= here.patience:
                here.awaited, here.patience = {}, NEVER
        self._set_entered()

    def _set_entered(self) -> None:
        self.entered_at = min((here.patience for here in self.here.values()), default=NEVER)

    def _sweep_by(self, end: int) -> None:
        self.sweep_at = min(self.sweep_at, next_tick(end, self.phase, SWEEP_PERIOD))

    def _sweep(self) -> None:
        """Drop what was deleted long ago."""
        for here in self.here.values():
            here.table.sweep(self.out.now)
        for network, machine in [place for place, end in self.quits.items() if self.out.now >= end]:
            del self.quits[network, machine], self.attached[network][machine]
            self.listing.spoil()
            self.members.heard.clear()
        self.sweep_at = NEVER
        self._sweep_by(min([*(here.table.first_end for here in self.here.values()), *self.quits.values(), NEVER]))
