"""One probe each second: ping, after half a second ask three others and try by TCP, at the end of the second suspect.

Source: SWIM §4.1; memberlist's LAN profile and its TCP ping; Lifeguard's nacks and local health.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..effects import NEVER
from .outbox import Outbox
from .swim import HELPERS, PROBE_PERIOD, PROBE_TIMEOUT, SUSPECT, change_of_failed_probe, health_after
from .wire import Ack, Nack, Ping, PingRequest

PING_SIZE = 80  # bytes, about


class Probe(NamedTuple):
    """The probe that is under way."""

    target: str
    number: int
    end: int  # without an ack until then the target is suspected
    asked: bool = False  # others are asked to try, too
    helpers: int = 0
    nacks: int = 0


class Relay(NamedTuple):
    """A ping that this node made for somebody else."""

    requester: str
    number: int  # of the requester's probe
    end: int  # then it says that there was no ack


class Probing:
    """The prober of one node, and the helper of others. `members` says whom to probe, and hears of whom to suspect."""

    def __init__(self, members, out: Outbox):
        self.members, self.out = members, out
        self.number = 0  # of the newest ping
        self.health = 0  # Lifeguard's local health score: 0 is well
        self.round: list[str] = []  # those still to be probed in this round
        self.all_live = False  # nobody of them has gone since the round began
        self.probe: Probe | None = None
        self.relays: dict[int, Relay] = {}  # by the number of this node's ping, oldest first
        self.probe_at = self.relay_at = NEVER
        self.tick = 0  # when the next probe is due

    def begin(self) -> None:
        """Take part: the first probe comes within a second."""
        self.probe_at = self.out.now + self.out.draw(PROBE_PERIOD)

    def stop(self) -> None:
        """Take part no more."""
        self.round, self.probe, self.relays, self.health = [], None, {}, 0
        self.probe_at = self.relay_at = NEVER

    def add(self, machine: str) -> None:
        """A new member takes a place by chance in this round, so that it need not wait for a whole one."""
        self.round.insert(self.out.draw(len(self.round) + 1), machine)

    def remove(self, machine: str) -> None:
        """A member has gone: it is passed over, and if it is just being probed, that is settled."""
        self.all_live = False
        if self.probe and self.probe.target == machine:
            self._finish()

    def wake(self) -> bool:
        """Time has passed. Says whether a probe has failed."""
        now, has_failed = self.out.now, False
        while now >= self.probe_at:
            if self.probe is None:
                self._start()
            elif not self.probe.asked:
                self._ask_others(self.probe)
            else:
                self._fail(self.probe)
                has_failed = True
        if now >= self.relay_at:
            self._give_up_relays()
        return has_failed

    def _start(self) -> None:
        now = self.out.now
        self.tick = now + PROBE_PERIOD
        self.probe_at = self.tick
        target = self.next_target()
        if target:
            self.number += 1
            self.probe = Probe(target, self.number, now + PROBE_PERIOD * (self.health + 1))
            # memberlist today stretches the period alone, and leaves the time-out; Lifeguard (§IV.A) stretches both.
            self.probe_at = now + PROBE_TIMEOUT * (self.health + 1)
            self.ping(target, self.number)

    def next_target(self) -> str | None:
        """Shuffled round robin: nobody waits longer than two rounds for a probe [SWIM §4.3]."""
        while self.members.others:
            if not self.round:
                self.round, self.all_live = self.out.shuffled(self.members.others), True
            target = self.round.pop()
            if self.members.lives(target):
                return target
        return None

    def ping(self, target: str, number: int) -> None:
        """Ask by UDP. Whoever does not count as alive is told so, and can object at once [Lifeguard: buddy system]."""
        row = self.members.rows.get(target)
        if row and row.state == SUSPECT:
            news: tuple = (row._replace(by=self.out.machine),)
        else:
            news = self.members.pack(PING_SIZE)
        self.out.send(target, "gossip", Ping(number, news, "gossip"), coin=number)

    def _ask_others(self, probe: Probe) -> None:
        """No ack in time: three others shall try, and TCP, in case only UDP is blocked."""
        helpers = self.members.some_alive(HELPERS, probe.target)
        for helper in helpers:
            request = PingRequest(probe.number, probe.target, self.members.pack(PING_SIZE))
            self.out.send(helper, "gossip", request, coin=probe.number)
        self.out.send(probe.target, "bulksync", Ping(probe.number, (), "bulksync"))
        # A node that itself stood still wakes late, and still gives the others the time to answer.
        end = max(probe.end, self.out.now + PROBE_PERIOD - PROBE_TIMEOUT)
        self.probe = probe._replace(asked=True, helpers=len(helpers), end=end)
        self.probe_at = end

    def _fail(self, probe: Probe) -> None:
        self.health = health_after(self.health, change_of_failed_probe(probe.helpers, probe.nacks))
        self._finish()
        self.members.suspect(probe.target)

    def _finish(self) -> None:
        """The probe is over. The next one begins with the next tick, at once if that is past."""
        self.probe, self.probe_at = None, max(self.tick, self.out.now)

    # ── answers, and probes for others ──

    def answer(self, sender: str, ping: Ping) -> None:
        """Somebody asks whether this node lives. By TCP there are no rumours."""
        by_udp = ping.channel == "gossip"
        ack = Ack(ping.number, self.members.pack(PING_SIZE) if by_udp else ())
        self.out.send(sender, ping.channel, ack, coin=ping.number if by_udp else 0)

    def hear_ack(self, ack: Ack) -> None:
        """The target lives: it says so itself, or a helper does."""
        if self.probe and ack.number == self.probe.number:
            self.health = health_after(self.health, -1)
            self._finish()
        elif ack.number in self.relays:
            relay = self._close(ack.number)
            self.out.send(relay.requester, "gossip", Ack(relay.number, self.members.pack(PING_SIZE)), coin=ack.number)

    def hear_nack(self, nack: Nack) -> None:
        """The helper is heard, its ping is not answered: so it is not this node that is deaf."""
        if self.probe and nack.number == self.probe.number:
            self.probe = self.probe._replace(nacks=self.probe.nacks + 1)

    def help(self, requester: str, request: PingRequest) -> None:
        """Try to reach somebody whom another cannot reach."""
        self.number += 1
        self.relays[self.number] = Relay(requester, request.number, self.out.now + PROBE_TIMEOUT)
        self.relay_at = min(self.relay_at, self.out.now + PROBE_TIMEOUT)
        self.ping(request.target, self.number)

    def _close(self, number: int) -> Relay:
        relay = self.relays.pop(number)
        self.relay_at = next((relay.end for relay in self.relays.values()), NEVER)
        return relay

    def _give_up_relays(self) -> None:
        for number in [number for number, relay in self.relays.items() if relay.end <= self.out.now]:
            relay = self._close(number)
            self.out.send(relay.requester, "gossip", Nack(relay.number, self.members.pack(PING_SIZE)), coin=number)

    # ── rest: what follows from a probe is certain while all live and all know each other ──

    @property
    def is_calm(self) -> bool:
        """Whether no probe has gone wrong."""
        return not self.health and not self.relays and (self.probe is None or not self.probe.asked)

    def due(self, machines: Mapping[str, Any]) -> int:
        """When the next of these is probed; if none of them is left in this round, when the next round begins."""
        due = self.probe_at if self.probe is None else self.tick
        for machine in reversed(self.round):
            if machine in machines:
                return due
            if self.members.lives(machine):
                due += PROBE_PERIOD
        return due

    def catch_up(self, now: int) -> tuple[int, str, int] | None:
        """All probes before now were made, and answered. Says when the last of them was made, of whom, its number."""
        last = None
        while self.probe_at < now:
            probes = min((now - self.probe_at + PROBE_PERIOD - 1) // PROBE_PERIOD, len(self.round))
            if probes and self.all_live:
                target = self.round[-probes]
                del self.round[-probes:]
            else:
                probes, found = 1, self.next_target()
                if found is None:
                    self.probe_at += PROBE_PERIOD
                    continue
                target = found
            self.number += probes
            self.probe_at += probes * PROBE_PERIOD
            last = self.probe_at - PROBE_PERIOD, target, self.number
        return last

    def resume(self, begun: int, target: str, number: int) -> None:
        """The answer to this probe is still under way."""
        self.tick = begun + PROBE_PERIOD
        self.probe = Probe(target, number, begun + PROBE_PERIOD)
        self.probe_at = begun + PROBE_TIMEOUT
