"""Who is alive, and which task can be reached behind which node: rumours among all nodes, without any manager.

Two layers, as in Docker: membership (`membership`, with its `probing`) is memberlist, the tables (`networkdb`) are
NetworkDB. This room is the core that feeds both, and the words between them: join, leave, reconnect.
"""

# Simpler than in reality (docs/simplifications.md): open-gossip

from collections.abc import Callable, Mapping
from typing import Any

from ..effects import NEVER, SECOND, SILENCE, Dice, Disk, Note, Received, Started, Tell, Told, Woken
from ..messages import EnterNetwork, JoinGossip, LeaveGossip, Publish, QuitNetwork, TablesChanged
from .membership import Membership
from .networkdb import NetworkDB
from .outbox import Outbox, tick_after
from .wire import Ack, Attachment, BulkSync, Member, Nack, Ping, PingRequest, PushPull, Record, Rumours

RETRY_PERIOD = SECOND  # of joining, and of trying one that failed
JOIN_PATIENCE = 10 * SECOND  # so long a join is tried …
REJOIN_PERIOD = 60 * SECOND  # … and so often it is begun anew while none of the first peers is known to live
MEMBER_SIZE, ATTACHMENT_SIZE = 90, 30  # bytes in a push-pull, about
NOBODY = (0, None, 0)


class Gossip:
    """One node among those that gossip. Silent until told `JoinGossip`; after a reboot it comes back by itself."""

    def __init__(self, machine: str, disk: Disk, dice: Dice, sealed: bool = False):
        self.machine, self.sealed = machine, sealed  # a node that is locked takes no part before it is told to
        self.first_peers: tuple[str, ...] | None = disk.values.get("peers")  # whom to call; None: take no part
        self.out = Outbox(machine, dice)
        self.membership = Membership(self.out)
        self.probing = self.membership.probing
        self.tables = NetworkDB(self.out, self.membership)
        self.tries = 0  # how often it tried one that failed
        self._forget()

    def _forget(self) -> None:
        self.join_at = self.join_until = self.rejoin_at = self.reconnect_at = self.routine_at = self.deadline = NEVER
        self.probed: tuple[int, str | None, int] = NOBODY  # the latest probe made at rest: when, whom, its number
        self.asked: list[tuple[int, str, PushPull | BulkSync, Any]] = []  # exchanges left out at rest: when, whom, what
        self.unknown_to: dict[str, None] = {}  # members that have not heard of it, as far as that matters at rest

    # ── as others see it ──

    @property
    def members(self) -> dict[str, Member]:
        """What is known of each node, this one included; nothing while it takes no part."""
        return self.membership.rows

    @property
    def others(self) -> list[str]:
        """The other nodes that count as living."""
        return self.membership.others

    @property
    def health(self) -> int:
        """Lifeguard's local health score: 0 is well."""
        return self.probing.health

    def rows(self, network: str) -> dict[tuple[str, str, str], Record]:
        """The records of a network that this node carries, deleted ones included."""
        here = self.tables.here.get(network)
        return here.table.records if here else {}

    # ── what it is told, and when it wakes ──

    def step(self, event, now: int) -> list:
        """Hear one thing; see `swarmlab.effects`."""
        out, kind = self.out, type(event)
        out.now, out.effects, out.has_facts = now, [], False
        if kind is Received:
            sender, message = event
            if self.machine not in self.membership.rows or sender == self.machine:
                return []
            if type(message) is not Rumours:
                has_news = self._hear(sender, message)
            elif self._learn(message.news):
                has_news = True
            else:
                return []  # the most frequent of all
        elif kind is Woken:
            has_news = self._wake(now)
        else:
            self._obey(event)
            has_news = True
        if has_news:
            self._conclude()
        probing = self.probing
        self.deadline = min(self.routine_at, probing.probe_at, probing.relay_at)
        return out.effects

    def _conclude(self) -> None:
        """More has changed than a probe: tell the mesh, and set the alarms."""
        members, tables = self.membership, self.tables
        if tables.changed:
            self.out.effects.append(Tell("mesh", TablesChanged(tuple(tables.changed.values()))))
            tables.changed = {}
        if members.failed and self.reconnect_at == NEVER:
            self.reconnect_at = tick_after(self.out.now, members.phase, RETRY_PERIOD)
        self.routine_at = min(
            members.gossip_at, members.push_pull_at, members.suspect_at, members.forget_at, tables.gossip_at,
            tables.sync_at, tables.sweep_at, tables.retry_at, tables.entered_at, self.join_at, self.rejoin_at,
            self.reconnect_at,
        )  # fmt: skip

    def _obey(self, event) -> None:
        match event:
            case Told(_, Publish(network, table, key, value)):
                self.tables.publish((network, table, key), value)
            case Told(_, EnterNetwork(network)):
                self.tables.want(network)
            case Told(_, QuitNetwork(network)):
                self.tables.quit(network)
            case Told(_, JoinGossip(peers)):
                self._join(peers)
            case Told(_, LeaveGossip()) if self.machine in self.members:
                self._leave()
            case Told(_, LeaveGossip()) if self.first_peers is not None:  # it has taken no part since it booted
                self.first_peers = None
                self.out.save("peers", None)
            case Started() if self.first_peers is not None and not self.sealed:  # the machine has booted
                self._join(self.first_peers)

    def _wake(self, now: int) -> bool:
        """Time has passed. Says whether more has changed than a probe."""
        is_due = now >= self.routine_at
        if is_due:
            self._do_routine(now)
        has_news = self.probing.wake() or is_due
        out = self.out
        if out.has_facts:  # what time alone brings out is due to nobody's word
            out.effects[:] = [Note(effect.fact, SILENCE) if type(effect) is Note else effect for effect in out.effects]
        return has_news

    def _do_routine(self, now: int) -> None:
        """All but the probes."""
        if self.membership.wake():
            self._push_pull_with_somebody()
        self.tables.wake()
        if now >= self.join_at:
            self._call_peers()
        if now >= self.rejoin_at:
            self._rejoin()
        if now >= self.reconnect_at:
            self._reconnect()

    # ── joining and leaving ──

    def _join(self, peers: tuple[str, ...]) -> None:
        peers = tuple(dict.fromkeys(peer for peer in peers if peer != self.machine))
        if peers != self.first_peers:
            self.first_peers = peers
            self.out.save("peers", peers)
        if self.machine not in self.members:
            self.membership.begin()
        if peers:
            self.join_until = self.out.now + JOIN_PATIENCE
            self.rejoin_at = self.out.now + REJOIN_PERIOD
            self._call_peers()
        else:
            self._be_joined()

    def _be_joined(self) -> None:
        """It knows the others, so the networks can be entered."""
        self.join_at = NEVER
        if self.tables.sync_at == NEVER:
            self.tables.begin()

    def _call_peers(self) -> None:
        """Ask those named for all they know; one answer makes this node a member."""
        for peer in self.first_peers or ():
            self._ask(peer)
        self.join_at = self.out.now + RETRY_PERIOD
        if self.join_at >= self.join_until:
            self.join_at = NEVER

    def _rejoin(self) -> None:
        """Two clusters may have formed while all first peers were away: call them, until one is known again."""
        self.rejoin_at = self.out.now + REJOIN_PERIOD
        if not any(self.membership.lives(peer) for peer in self.first_peers or ()):
            self.join_until = self.out.now + JOIN_PATIENCE
            self._call_peers()

    def _reconnect(self) -> None:
        """Call one of those that failed; if it lives after all, it hears that it counts as failed, and refutes."""
        failed = self.membership.failed
        self.tries += 1
        self.reconnect_at = self.out.now + RETRY_PERIOD if failed else NEVER
        if failed:
            self._ask(self.out.pick(failed, self.tries))

    def _leave(self) -> None:
        for network in list(self.tables.here):
            self.tables.hide_others(network)
        self.membership.leave()
        self.out.save("peers", None)
        self.first_peers = None
        self.tables.forget_all()
        self._forget()

    # ── listening ──

    def _hear(self, sender: str, message: Any) -> bool:
        """Somebody says something. Says whether more has changed than a probe."""
        kind = type(message)
        if kind is PushPull:
            self._hear_push_pull(sender, message)
            return True
        if kind is BulkSync:
            self.tables.hear_sync(sender, message)
            return True
        has_news = self._learn(message.news) if message.news else False
        if kind is Ping:
            self._answer(sender, message)
        elif kind is Ack:
            self.probing.hear_ack(message)
        elif kind is PingRequest:
            self.probing.help(sender, message)
        elif kind is Nack:
            self.probing.hear_nack(message)
        return has_news

    def _answer(self, sender: str, ping: Ping) -> None:
        self.probing.answer(sender, ping)
        if sender not in self.members:
            # It knows us from before our crash. A real node has a new name then, so the others call it anew.
            self._ask(sender)

    def _learn(self, news: tuple) -> bool:
        """Take over what is newer; most of what one hears one knows. Says whether there was anything."""
        if type(news[0]) is type(news[-1]) is Record:
            return self.tables.hear_records(news)
        members, tables, found = self.membership, self.tables, False
        if members.heard.issuperset(news):
            return False
        for item in [item for item in news if item not in members.heard]:
            if type(item) is Member:
                if not members.knows(item):
                    found = True
                    members.hear(item)
                    if not members.knows(item):
                        continue
            elif type(item) is Record:
                found = tables.hear_records((item,)) or found
                continue
            else:
                found = tables.hear_attachment(item) or found
                if not tables.knows_attachment(item):
                    continue
            members.remember(item)
        return found

    def _knows(self, news: tuple) -> bool:
        """Whether all of this means nothing here."""
        if type(news[0]) is type(news[-1]) is Record:
            return self.tables.knows_records(news)
        members = self.membership
        if members.heard.issuperset(news):
            return True
        for item in news:
            if item not in members.heard:
                if not self._knows_one(item):
                    return False
                members.remember(item)
        return True

    def _knows_one(self, item: Any) -> bool:
        if type(item) is Member:
            return self.membership.knows(item)
        return type(item) is Attachment and self.tables.knows_attachment(item)

    # ── push-pulls ──

    def _push_pull_with_somebody(self) -> None:
        for machine in self.membership.some_alive(1):
            self._ask(machine)

    def _ask(self, machine: str) -> None:
        self._send_all(machine, False, self.out.next_exchange())

    def _send_all(self, machine: str, answer: bool, number: int) -> None:
        message = PushPull(self.membership.listing.all(), self.tables.listing.all(), answer, number)
        size = MEMBER_SIZE * len(message.members) + ATTACHMENT_SIZE * len(message.attachments)
        self.out.send(machine, "bulksync", message, size, coin=-number)

    def _hear_push_pull(self, sender: str, message: PushPull) -> None:
        was_gone = sender in self.membership.gone
        self.membership.merge(message.members)
        self.tables.merge_attachments(message.attachments)
        if not message.answer:
            self._send_all(sender, True, message.number)
        self._be_joined()
        if was_gone and self.membership.lives(sender):
            self.tables.sync_with(sender)

    # ── rest, see `sim.lull`: what follows from the routine is certain while all live and all know each other ──

    @property
    def calm(self) -> bool:
        """Whether nothing but the routine is to be done, and no probe has gone wrong."""
        busy = self.membership.gossip_at < NEVER or self.tables.gossip_at < NEVER or self.join_at < NEVER
        return not (busy or self.membership.suspicions) and self.probing.is_calm

    @property
    def rest_deadline(self) -> int:
        """When it next does something of consequence, as long as all others rest, too."""
        members = self.membership
        own = min(members.push_pull_at, members.forget_at, self.join_at, self.rejoin_at)
        return min(own, self.tables.rest_deadline, self.probing.due(self.unknown_to) if self.unknown_to else NEVER)

    def is_old(self, message: Any) -> bool:
        """Whether this message says nothing new. Whatever it has of someone only ever gives way to something newer."""
        return type(message) is Rumours and self._knows(message.news)

    def trusts(self, company: Mapping[str, Any], running: Mapping[str, Any]) -> bool:
        """Whether it holds nobody but this company, of which it is one, for living; who failed must not even run."""
        if self.machine not in company:
            return not self.members
        living = all(machine in company for machine in self.others)
        return living and not any(machine in running for machine in self.membership.failed)

    def strangers(self, company: Mapping[str, Any]) -> list[str]:
        """Those of the company that it has not heard of: a probe from one of them is news to it."""
        if len(self.others) == len(company) - 1:
            return []
        return [machine for machine in company if machine not in self.members]

    def be_unknown_to(self, machine: str) -> None:
        """That one has not heard of this node: to probe it is of consequence."""
        self.unknown_to[machine] = None

    def catch_up(self, now: int) -> None:
        """All probes before now were made, and answered; whoever failed was called, and did not hear it."""
        self.probed = self.probing.catch_up(now) or self.probed
        if self.reconnect_at < now:
            calls = (now - self.reconnect_at + RETRY_PERIOD - 1) // RETRY_PERIOD
            self.tries += calls
            self.out.exchanges += calls
            self.reconnect_at += calls * RETRY_PERIOD
            self._conclude()
        self.deadline = min(self.routine_at, self.probing.probe_at, self.probing.relay_at)

    def agrees(self, message: Any) -> bool:
        """Whether this is a question to which it would say the same."""
        if type(message) is PushPull and not message.answer:
            known = self.membership.listing.agrees(message.members)
            return known and self.tables.listing.agrees(message.attachments)
        return type(message) is BulkSync and not message.answer and self.tables.agrees(message)

    def leave_out(self, target: str, question: PushPull | BulkSync) -> None:
        """An exchange with somebody who knows the same need not happen."""
        now, waits = self.out.now, None
        if type(question) is BulkSync:
            waits = self.tables.stop_waiting(target)
        self.asked = [one for one in self.asked if one[0] + SECOND > now]
        self.asked.append((now, target, question, waits))
        self._conclude()

    def wake_up(self, now: int, delay: Callable[[str, str, int], int]) -> list[tuple[int, str, str, Any]]:
        """Go on: what is under way just now of what was left out, as (when it arrives, from, to, message)."""
        self.catch_up(now)
        under_way = []
        for begun, target, question, waits in self.asked:
            answer = question._replace(answer=True)
            found = self._under_way(now, delay, begun, target, question, answer, -question.number)
            if found and waits:
                self.tables.wait_for(target, waits)
            under_way += found
        begun, probed, number = self.probed
        if probed:
            ping = self._under_way(now, delay, begun, probed, Ping(number, (), "gossip"), Ack(number, ()), number)
            if ping:
                self.probing.resume(begun, probed, number)
            under_way += ping
        self.asked, self.probed, self.unknown_to = [], NOBODY, {}
        self._conclude()
        self.deadline = min(self.routine_at, self.probing.probe_at, self.probing.relay_at)
        return under_way

    def _under_way(self, now: int, delay, begun: int, target: str, question, answer, coin: int) -> list:
        heard = begun + delay(self.machine, target, coin)
        answered = heard + delay(target, self.machine, coin)
        if heard > now:
            return [(heard, self.machine, target, question)]
        return [(answered, target, self.machine, answer)] if answered > now else []
