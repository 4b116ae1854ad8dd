"""What nobody would notice need not happen: how an hour in which nothing happens passes quickly.

A core with a routine (gossip probes somebody each second, for ever) can say when nothing but the routine is on its
mind. When all such cores are calm for a while, when each trusts nobody but those that really run, and when no machine
and no link is out of order, then all that follows from the routine is certain, and is left out: the cores rest. Before a
resting core hears anything, and when anything at all goes wrong, it catches up: it draws what it would have drawn, and
goes on at the instant and with the partner that it would have had; what would be under way just then is put on its way.
Where the rumour of a member has missed one of the others, which is so now and then, the two meet as they would have.
And whoever is told only what it knows need not hear it, whether anybody rests or not.
So a run has the same facts with and without rest. Only messages are missing: where they are kept, nobody rests.
"""

# Simpler than in reality (docs/simplifications.md): lull

from typing import Any

from ..effects import MS, SECOND, Received

PATIENCE = 3 * SECOND  # so long all must have been calm
SWIFT = 100 * MS  # and links no slower than that


class Lull:
    """Lets the cores of this name rest, on all machines at once or on none."""

    def __init__(self, kernel, network, core: str):
        self.kernel, self.network, self.core = kernel, network, core
        self.on = False
        self.restless: dict[str, None] = {}  # machines whose core has something on its mind
        self.since = 0  # the latest disturbance
        self.watching = False  # a look is scheduled

    # ── what machines and links say ──────────────────────────────────────────────────────────────────────────────

    def disturb(self) -> None:
        """Something is not as it was, or is about to change: nobody rests."""
        self.since = self.kernel.now
        if self.on:
            self._end()
        self._watch()

    def before(self, seat: Any) -> None:
        """A resting core is about to hear something: all that it left out until now has happened."""
        seat.core.catch_up(self.kernel.now)
        seat.deadline = seat.core.deadline

    def after(self, machine: Any, seat: Any) -> None:
        """A core has heard something: is it still calm?"""
        calm = seat.core.calm
        if machine.name in self.restless:
            if calm:
                self.forget(machine)
        elif not calm:
            self.restless[machine.name] = None
            self.disturb()

    def is_idle_talk(self, sender: Any, receiver: Any, message: Any) -> bool:
        """Whether this message will mean nothing to its receiver, whatever else that hears until it arrives; at rest also
        whether neither the message nor its answer will mean anything."""
        core = receiver.seats[self.core].core
        if self.on and core.agrees(message) and sender.name not in self.network.lines[receiver.name]:
            sender.seats[self.core].core.leave_out(receiver.name, message)
            return True
        return not receiver.hindered and core.is_old(message)

    def forget(self, machine: Any) -> None:
        """This machine has nothing on its mind any more, or does not run any more."""
        self.restless.pop(machine.name, None)
        self.since = self.kernel.now
        self._watch()

    # ── the beginning and the end of rest ────────────────────────────────────────────────────────────────────────

    def _watch(self) -> None:
        if not self.watching and not self.restless:
            self.watching = True
            self.kernel.at(self.since + PATIENCE, self._look)

    def _look(self, _: Any) -> None:
        self.watching = False
        if self.kernel.now < self.since + PATIENCE:
            self._watch()
        elif not self.on and not self.restless and self._all_is_well():
            self._begin()

    def _running(self) -> dict[str, Any]:
        """The machines that run such a core."""
        machines = self.network.machines
        return {name: machines[name] for name in self.network.lines if self.core in machines[name].seats}

    def _all_is_well(self) -> bool:
        running = self._running()
        if not self.network.is_swift(SWIFT) or any(m.hindered or m.ailing for m in running.values()):
            return False
        cores = {name: machine.seats[self.core].core for name, machine in running.items()}
        company = self._company()
        return all(core.trusts(company, running) for core in cores.values())

    def _company(self) -> dict[str, Any]:
        """The cores that take part."""
        cores = {name: machine.seats[self.core].core for name, machine in self._running().items()}
        return {name: core for name, core in cores.items() if core.members}

    def _begin(self) -> None:
        self.on = True
        company = self._company()
        for name, core in company.items():
            for stranger in core.strangers(company):
                company[stranger].be_unknown_to(name)
        for machine in self._running().values():
            seat = machine.seats[self.core]
            seat.armed = -1  # the alarm that is set means nothing any more
            machine.arm(seat)

    def _end(self) -> None:
        self.on = False
        cause = self.kernel.cause
        for machine in self._running().values():
            seat = machine.seats[self.core]
            self.kernel.cause = seat.cause
            for arrives, sender, to, message in seat.core.wake_up(self.kernel.now, self.network.delay):
                packet = (self.core, Received(sender, message))
                self.kernel.at(arrives, self.network.machines[to].arrive, packet)
            seat.deadline = seat.core.deadline
            machine.arm(seat)
        self.kernel.cause = cause
