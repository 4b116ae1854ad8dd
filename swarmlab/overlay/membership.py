"""Who takes part, who lives: the members as one node knows them, and the rumours about them.

Source: HashiCorp memberlist (`state.go`, `suspicion.go`) with its LAN profile: SWIM with suspicion, Lifeguard's
confirmations, and a push-pull that heals what rumours have missed.
"""

# Simpler than in reality (docs/simplifications.md): same-name, remembered, newcomer

from bisect import bisect_left
from typing import Any, NamedTuple

from ..effects import NEVER, SECOND, Send
from ..events import PeerCleared, PeerFailed, PeerJoined, PeerLeft, PeerSuspected
from .broadcasts import Broadcasts
from .listing import Listing
from .outbox import Outbox, next_tick, tick_after
from .probing import Probing
from .swim import (
    ALIVE,
    FAILED,
    FANOUT,
    GONE,
    GOSSIP_PERIOD,
    GOSSIP_TO_THE_DEAD,
    LEFT,
    PACKET,
    PUSH_PULL_PERIOD,
    SUSPECT,
    beats,
    expected_confirmations,
    health_after,
    push_pull_period,
    retransmit_limit,
    suspicion_time,
)
from .wire import Attachment, Member, Rumours

MEMORY = 24 * 3600 * SECOND  # of one that failed or left, until it is forgotten [NetworkDB]
MEMORY_CHECK = 2 * 3600 * SECOND
HEADER = 2  # bytes of a compound packet
HEARD_MOST = 400  # rumours of which a node remembers that they tell it nothing
SIZES = {ALIVE: 90, SUSPECT: 80, FAILED: 80, LEFT: 80}  # bytes of a rumour, about


class Suspicion(NamedTuple):
    """What is held against a member that gave no sign of life."""

    since: int
    members: int  # how many there were then
    accusers: tuple[str, ...]  # the first one, and those that confirm
    end: int
    hopes: int  # for so many confirmations

    @property
    def is_sure(self) -> bool:
        """Whether it has all of them."""
        return len(self.accusers) > self.hopes


class Membership:
    """The members as this node knows them. `tables` hears who joined, failed, left and is forgotten."""

    # memberlist forgets one that failed after 30 s, and may then hear of it as of a newcomer; here it is remembered
    # for as long as NetworkDB remembers it.

    def __init__(self, out: Outbox):
        self.out, self.machine = out, out.machine
        self.tables: Any = None  # NetworkDB
        # News of members, and of attachments to networks. (In memberlist the former have a queue of their own, that goes first.)
        self.queue = Broadcasts()
        self.probing = Probing(self, out)
        self.forget_all()

    def forget_all(self) -> None:
        """As before the first day."""
        self.rows: dict[str, Member] = {}  # by machine; this one too while it takes part
        self.others: list[str] = []  # those that count as living
        self.gone: dict[str, int] = {}  # those that failed or left → since when
        self.suspicions: dict[str, Suspicion] = {}
        self.listing = Listing(self._sorted)  # all that is known, for a push-pull
        self.sorted: list[Member] = []  # the rows, by name
        self.heard: set[Member | Attachment] = set()  # rumours that tell nothing any more: most come again and again
        self.failed: list[str] = []  # those of the gone that did not say goodbye
        self.queue.clear()
        self.limit_for = self.limit = 0  # for so many members so many repetitions
        self.phase = 0
        self.gossip_at = self.push_pull_at = self.suspect_at = self.forget_at = NEVER
        self.probing.stop()

    def begin(self) -> None:
        """Take part."""
        self._keep(Member(self.machine, 1, ALIVE))
        self.phase = self.out.draw(GOSSIP_PERIOD)
        self.push_pull_at = self.out.now + self.out.draw(PUSH_PULL_PERIOD)
        self.probing.begin()
        self.tell(self.rows[self.machine])

    def _keep(self, row: Member) -> None:
        """This is what is known of a node now."""
        place = bisect_left(self.sorted, (row.machine,))
        if row.machine in self.rows:
            self.sorted[place] = row
        else:
            self.sorted.insert(place, row)
        self.rows[row.machine] = row
        self.listing.rows = None

    # ── what others ask ──

    @property
    def size(self) -> int:
        """How many take part, this one included."""
        return len(self.others) + 1

    @property
    def me(self) -> Member:
        return self.rows[self.machine]

    def lives(self, machine: str) -> bool:
        row = self.rows.get(machine)
        return row is not None and row.state not in GONE

    def some_alive(self, number: int, target: str = "") -> list[str]:
        """Up to so many others that count as alive, but for the one that is to be probed."""
        if not target and not self.suspicions:
            return self.out.some(self.others, number)
        return self.out.some_that(self.others, number, lambda name: name != target and name not in self.suspicions)

    def _sorted(self) -> tuple[Member, ...]:
        return tuple(self.sorted)

    # ── spreading ──

    def tell(self, row: Member) -> None:
        """Pass it on, from the next tick of this node's own clock."""
        self.queue.add(row.machine, row, SIZES[row.state])
        self.wake_gossip()

    def wake_gossip(self) -> None:
        """There is something to tell."""
        if self.gossip_at == NEVER and self.machine in self.rows:
            self.gossip_at = tick_after(self.out.now, self.phase, GOSSIP_PERIOD)

    def pack(self, used: int) -> tuple:
        """What of the news fits into a packet of which so many bytes are used."""
        if self.gossip_at == NEVER:
            return ()
        size = len(self.others) + 1
        if size != self.limit_for:
            self.limit_for, self.limit = size, retransmit_limit(size)
        return self.queue.pick(PACKET - HEADER - used, self.limit)[0]

    def _gossip(self) -> None:
        """Tell three members the news: those that live, and those that died just now, should they live after all."""
        now = self.out.now
        targets = self.out.some(self.others, FANOUT, self._just_failed())
        for target in targets:
            news = self.pack(0)
            if not news:
                break
            self.out.effects.append(Send(target, "gossip", Rumours(news)))
        self.gossip_at = now + GOSSIP_PERIOD if targets and self.queue.places else NEVER

    def _just_failed(self) -> list[str]:
        """The latest of those that failed, in the order of it."""
        since = self.out.now - GOSSIP_TO_THE_DEAD
        if not self.failed or self.gone[self.failed[0]] >= since:
            return self.failed
        if self.gone[self.failed[-1]] < since:
            return []
        return [name for name in self.failed if self.gone[name] >= since]

    # ── time ──

    def wake(self) -> bool:
        """Time has passed. Says whether a push-pull is due."""
        now = self.out.now
        if now >= self.suspect_at:
            self._end_suspicions()
        if now >= self.forget_at:
            self._forget_old()
        if now >= self.gossip_at:
            self._gossip()
        if now < self.push_pull_at:
            return False
        self.push_pull_at = now + push_pull_period(self.size)
        return True

    def _end_suspicions(self) -> None:
        """They did not defend themselves."""
        for machine in [name for name, suspicion in self.suspicions.items() if suspicion.end <= self.out.now]:
            self.hear(self.rows[machine]._replace(state=FAILED, by=""))
        self.suspect_at = min((suspicion.end for suspicion in self.suspicions.values()), default=NEVER)

    def _forget_old(self) -> None:
        for machine in [name for name, since in self.gone.items() if self.out.now >= since + MEMORY]:
            if machine in self.failed:
                self.failed.remove(machine)
            del self.gone[machine], self.rows[machine]
            self.sorted = sorted(self.rows.values())
            self.tables.forget(machine)
            self.listing.spoil()
            self.heard.clear()
        self.forget_at = self._next_check()

    def _next_check(self) -> int:
        first = min(self.gone.values(), default=NEVER)
        return next_tick(first + MEMORY, self.phase, MEMORY_CHECK) if first < NEVER else NEVER

    # ── rumours ──

    def knows(self, row: Member) -> bool:
        """Whether this rumour means nothing here, whatever else comes before it."""
        machine, incarnation, state, by = row
        known = self.rows.get(machine)
        if known is None or incarnation > known.incarnation:
            return False
        if incarnation < known.incarnation or state == ALIVE or known.state in GONE:
            return True
        if state != SUSPECT or machine not in self.suspicions:
            return False
        suspicion = self.suspicions[machine]
        return by in suspicion.accusers or len(suspicion.accusers) > suspicion.hopes

    def remember(self, rumour: Member | Attachment) -> None:
        """This one tells nothing, until something is forgotten."""
        if len(self.heard) >= HEARD_MOST:
            self.heard.clear()
        self.heard.add(rumour)

    def hear(self, row: Member, spread: bool = True) -> None:
        """Believe a rumour, if it is newer than what is known."""
        old = self.rows.get(row.machine)
        if row.machine == self.machine:
            self._refute(row)
        elif beats(row, old):
            self._keep(row)
            if self.suspicions:
                self._drop_suspicion(row.machine)
            if spread:
                self.tell(row)
            self._act(row, old)
        elif row.state == SUSPECT and row.machine in self.suspicions and old and row.incarnation == old.incarnation:
            self._confirm(row)

    def _act(self, row: Member, old: Member | None) -> None:
        if row.state == SUSPECT:
            self._begin_suspicion(row)
        elif row.state in GONE:
            self._bury(row)
        elif old is None or old.state in GONE:
            self._welcome(row.machine)
        elif old.state == SUSPECT:
            self.out.note(PeerCleared(row.machine))

    def _welcome(self, machine: str) -> None:
        self.others.append(machine)
        self.probing.add(machine)
        if self.gone.pop(machine, None) is not None and machine in self.failed:
            self.failed.remove(machine)
        if self.queue.places:
            self.wake_gossip()  # perhaps there was nobody to tell it to
        self.out.note(PeerJoined(machine))
        self.tables.joined(machine)

    def _bury(self, row: Member) -> None:
        machine = row.machine
        self.others.remove(machine)
        self.gone[machine] = self.out.now
        self.forget_at = min(self.forget_at, self._next_check())
        self.probing.remove(machine)
        if row.state == LEFT:
            self.out.note(PeerLeft(machine))
            self.tables.left(machine)
        else:
            self.failed.append(machine)
            self.out.note(PeerFailed(machine))
            self.tables.failed(machine)

    def _refute(self, row: Member) -> None:
        """Somebody holds this node for less than alive, or remembers it from before a crash: be louder [SWIM §4.2]."""
        mine = self.me
        if row.incarnation > mine.incarnation or (row.state != ALIVE and row.incarnation == mine.incarnation):
            self._keep(mine._replace(incarnation=row.incarnation + 1))
            self.probing.health = health_after(self.probing.health, +1)
            self.tell(self.me)

    # ── suspicion ──

    def suspect(self, machine: str) -> None:
        """A probe of this node has failed."""
        if self.lives(machine):
            self.hear(self.rows[machine]._replace(state=SUSPECT, by=self.machine))

    def _begin_suspicion(self, row: Member) -> None:
        end = self.out.now + suspicion_time(self.size, 0)
        self.suspicions[row.machine] = Suspicion(
            self.out.now, self.size, (row.by,), end, expected_confirmations(self.size)
        )
        self.suspect_at = min(self.suspect_at, end)
        self.out.note(PeerSuspected(row.machine))

    def _confirm(self, row: Member) -> None:
        """One more accuser: the suspect has less time left. That news is passed on, too, each accuser's once."""
        old = self.suspicions[row.machine]
        if old.is_sure or row.by in old.accusers:
            return
        end = old.since + suspicion_time(old.members, len(old.accusers))
        self.suspicions[row.machine] = Suspicion(old.since, old.members, (*old.accusers, row.by), end, old.hopes)
        self.suspect_at = min(self.suspect_at, max(end, self.out.now + 1))
        self.tell(row)

    def _drop_suspicion(self, machine: str) -> None:
        if self.suspicions.pop(machine, None) and not self.suspicions:
            self.suspect_at = NEVER  # else it may look too early, once

    # ── push-pull ──

    def merge(self, rows: tuple[Member, ...]) -> None:
        """Take over what is newer. A newcomer does not pass it on: everybody else knows it already."""
        if self.listing.agrees(rows):
            return
        spread = bool(self.others)
        for row in rows:
            if row is not self.rows.get(row.machine) and not self.knows(row):
                # That somebody has failed is only a suspicion here: it may be back, and gets the time to say so.
                harsh = row.state in (SUSPECT, FAILED)
                self.hear(row._replace(state=SUSPECT, by=self.machine) if harsh else row, spread)

    # ── goodbye ──

    def leave(self) -> None:
        """Tell as many as are told of any news."""
        farewell = self.me._replace(state=LEFT)
        for peer in self.out.some(self.others, retransmit_limit(self.size)):
            self.out.send(peer, "gossip", Rumours((farewell,)))
        self.forget_all()
