"""How long a group is without a leader: one run per seed, many at once, and what is known without running any.

Every run is a real group: the same nodes, network and disks as everywhere. So any one of thousands can be opened
afterwards and looked at: `rerun`. [Raft §9.3 and figure 16; dissertation ch. 9]
"""

from math import ceil, comb, fsum, inf
from typing import Any, NamedTuple

from ..effects import MS, SECOND, Disk, Entry, Send
from ..events import BecameCandidate, BecameLeader
from ..group import RaftGroup
from ..rack import Computer, is_number, micros
from ..raft.core import SWARMKIT, Settings
from ..raft.messages import Vote
from ..sim.machine import Machine
from ..sim.network import LAN, Latency, Network

FINE = MS // 10  # the tick for time-outs given in ms: so short that it does not show
PATIENCE = 20  # longest time-outs without a leader after which nobody waits any longer
PAST = 1  # the term of the leader that is lost
CRASHES = ("fresh", "random", "real")


class Case(NamedTuple):
    """A group that loses its leader: how it is timed, what lies between its servers, and who is left."""

    settings: Settings
    servers: int = 5
    failed: int = 1  # how many are off, the leader among them
    latency: Latency = LAN  # one way
    loss: float = 0.0  # probability per message
    disk: float = 0.0  # seconds until a vote is on disk and may leave
    logs: tuple[int, ...] = ()  # how many entries each server holds; the first ones are those that fail
    crash: str = "fresh"
    # fresh: at the instant when its last heartbeat is in, so that all time-outs begin now [dissertation §9.4]
    # random: up to one heartbeat interval later [Raft §9.3]
    # real: somebody is elected and leads, and dies at a random point of its heartbeat interval
    limit: float = 0.0  # seconds; 0 stands for twenty of the longest time-outs


class Trial(NamedTuple):
    """What came of one run."""

    seed: int | str
    time: int | None  # µs from the crash until somebody has a majority; None: not within the limit
    terms: int  # how many terms began meanwhile; more than one: votes were split, refused or lost


class Summary(NamedTuple):
    """Many runs in numbers. Times in ms, infinite where there was no leader within the limit."""

    runs: int
    mean: float
    median: float
    p90: float
    worst: float
    repeated: float  # the share of runs that needed more than one term
    never: float  # the share of runs without a leader within the limit


SWARM = Case(SWARMKIT, servers=3, latency=LAN, crash="real")  # three managers, timed as Docker's


def case(low: float, high: float, latency: float = 0.5, jitter: float = 0.0, **more: Any) -> Case:
    """A case in ms: the election time-outs, the one-way latency, and how much longer it may be. `more` is as in `Case`
    and `Settings`. Heartbeats come twice per shortest time-out, unless `heartbeat` says otherwise.

    >>> case(150, 300, latency=15, servers=3).latency
    Latency(floor=15000, spread=0, tail=False)
    """
    shortest, longest, floor, spread = _micros(low=low, high=high, latency=latency, jitter=jitter)
    (beat,) = _micros(heartbeat=more.pop("heartbeat", low / 2))
    timing = {name: more.pop(name) for name in Settings._fields if name in more}
    settings = Settings(FINE, shortest // FINE, longest // FINE, max(1, beat // FINE))._replace(**timing)
    return Case(settings, latency=Latency(floor, spread), **more)


def _micros(**times: Any) -> list[int]:
    """These times, in ms, as µs."""
    for name, value in times.items():
        if not is_number(value) or value < 0:
            raise ValueError(f"{name}={value!r}: a number of milliseconds, 0 or more")
    return [round(value * MS) for value in times.values()]


# ── runs ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def trials(count: int, case: Case, seed: int = 0, work: int = 0) -> list[Trial]:
    """So many runs, with the seeds from `seed` on. `work` is how many events they may take together, so that hopeless
    settings give fewer runs and not a long wait; 0: as many as it takes."""
    found, spent = [], 0
    for number in range(seed, seed + count):
        group = Vacancy(case, number, watched=False)
        found.append(group.result())
        spent += group.kernel.scheduled
        if work and spent >= work:
            break
    return found


def trial(seed: int | str, case: Case) -> Trial:
    """One run."""
    return Vacancy(case, seed, watched=False).result()


def rerun(seed: int | str, case: Case) -> "Vacancy":
    """The run of this seed, to be looked at: it stands where somebody leads, or where nobody waits any longer. Its
    beginning is `at(group.crashed)`."""
    group = Vacancy(case, seed)
    group.result()
    return group


def needless(seed: int | str, case: Case, seconds: float = 10.0) -> int:
    """How many terms begin in so many seconds although nobody failed: time-outs that are too short for the network."""
    group = Vacancy(case._replace(failed=0, crash="fresh"), seed, watched=False)
    group.result()
    before = group.term
    group.run_for(seconds)
    group.sees_leader()
    return group.term - before


def summary(found: list[Trial]) -> Summary:
    """These runs in numbers."""
    times = sorted(inf if one.time is None else one.time / MS for one in found)
    count = len(times)
    repeated, never = (sum(flags) / count for flags in ([t.terms > 1 for t in found], [t == inf for t in times]))
    return Summary(count, fsum(times) / count, quantile(times, 0.5), quantile(times, 0.9), times[-1], repeated, never)


def quantile(rising: list[float], share: float) -> float:
    """The least of these numbers that so large a share of them does not exceed."""
    return rising[max(1, ceil(share * len(rising) - 1e-9)) - 1]


class Vacancy(RaftGroup):
    """A group that has just lost its leader."""

    def __init__(self, case: Case, seed: int | str = 0, watched: bool = True):
        self.case, self.watched = possible(case), watched
        self.crashed, self.winner, self.term, self._seen = 0.0, "", PAST, 0
        super().__init__(case.servers, case.settings, seed=seed, messages=watched, alarms=watched)
        self._lose_leader()
        self.crashed = self.now

    @property
    def patience(self) -> float:
        """Seconds after which nobody waits any longer."""
        settings = self.case.settings
        return self.case.limit or PATIENCE * settings.election_high * settings.tick / SECOND

    def result(self) -> Trial:
        """Wait for the next leader, and say how long that took."""
        self.sees_leader()  # whoever led before is of no interest
        start, before = self.kernel.now, self.term
        won = self.run_until(Vacancy.sees_leader, self.patience)
        return Trial(self.kernel.seed, self.kernel.now - start if won else None, self.term - before)

    def sees_leader(self) -> bool:
        """Whether somebody was elected since this was last asked. Reads what is new in the trace: terms, and winners."""
        facts, seen, won = self.trace.records, self._seen, False
        if len(facts) == seen:
            return False
        for record in facts[seen:]:
            kind = type(record.fact)
            if kind is BecameCandidate:
                self.term = max(self.term, record.fact.term)
            elif kind is BecameLeader:
                self.winner, won = record.source, True
        self._seen = len(facts)
        return won

    def past(self, time: int) -> Any:
        if time < self._checkpoints[0][0]:
            raise ValueError("there is no such instant: the machines were still being switched on")
        return super().past(time)

    def _checkpoint(self) -> None:
        """Nobody looks back at a run that nobody watches."""
        if self.watched:
            super()._checkpoint()

    def boot(self, machine: Machine) -> dict[str, Any]:
        cores = super().boot(machine)
        if not self.watched:
            cores.pop("manager", None)  # it keeps values, and nobody asks for them
        return cores

    def _plug(self, computer: Computer) -> None:
        """Network and disks as the case says. And no two machines are switched on at the same µs: else their ticks
        would be the same."""
        name, case = computer.name, self.case
        self.network.latency, self.trace.with_alarms = case.latency, self.watched
        if name not in self._disks:
            super()._plug(computer)
            return
        place = self.members.index(name)
        write_past(self._disks[name], case.logs[place] if case.logs else 1)
        super()._plug(computer)
        if case.disk:
            self.machines[name].network = LateVotes(self.network, micros(case.disk, "a write"))
        for other in self.members[:place] if case.loss else ():
            self.network.change(name, other, loss=case.loss)
        within = self.raft.tick // (1 if case.crash == "real" else case.servers)
        self.kernel.run(self.kernel.now + int(self._chance() * within))

    def _lose_leader(self) -> None:
        """Let the leader crash when it should, and as many more as have failed."""
        names = list(self.members)
        if self.case.crash == "real":
            self._have_leader()
            names.sort(key=lambda name: name != self.winner)  # it is the first to go
        elif self.case.crash == "random":
            self.run_for(self._chance() * self._interval)
        for name in names[: self.case.failed]:
            self.crash(name)

    def _have_leader(self) -> None:
        """Elect somebody who then leads in peace, up to a random point between two heartbeats."""
        while self.run_until(Vacancy.sees_leader, self.patience):
            self.run_for((1 + self._chance()) * self._interval)
            if not self.sees_leader():
                return
        raise ValueError(f"nobody was elected in {self.patience:g} s: there is no leader to lose")

    @property
    def _interval(self) -> float:
        """Seconds between two heartbeats."""
        return self.raft.heartbeat * self.raft.tick / SECOND

    def _chance(self) -> float:
        return self.kernel.stream("vacancy").random()


def write_past(disk: Disk, length: int) -> None:
    """What the former leader has left on this disk: its term, and the entries that came this far."""
    disk.values["term"] = PAST
    disk.log.extend(Entry(index, PAST, "empty", None) for index in range(1, length + 1))


class LateVotes:
    """The network, as machines see it that take their time to write down whom they vote for.

    A candidate asks while it writes its own vote down. `slow_disk` would let its questions wait as well; then far more
    votes are split than the paper measured (150-155 ms: half within 3.6 s instead of 0.3 s).
    """

    def __init__(self, network: Network, lag: int):
        self.network, self.lag = network, lag  # µs

    def send(self, sender: Machine, effect: Send) -> None:
        if type(effect.message) is Vote:
            self.network.kernel.after(self.lag, self._leave, (sender, effect))
        else:
            self.network.send(sender, effect)

    def _leave(self, late: tuple[Machine, Send]) -> None:
        self.network.send(*late)


def possible(case: Case) -> Case:
    """This case, if it can be; else a ValueError of one sentence."""
    if not isinstance(case.servers, int) or case.servers < 1:
        raise ValueError(f"servers={case.servers!r}: a whole number above 0")
    least = 1 if case.crash == "real" else 0
    if not isinstance(case.failed, int) or not least <= case.failed < case.servers:
        raise ValueError(f"failed={case.failed!r}: of {case.servers} servers, {least} to {case.servers - 1} can fail")
    if not is_number(case.loss) or not 0 <= case.loss <= 1:
        raise ValueError(f"loss={case.loss!r}: a probability, from 0 to 1")
    if case.crash not in CRASHES:
        raise ValueError(f"crash={case.crash!r} is none of {', '.join(CRASHES)}")
    if case.logs and (len(case.logs) != case.servers or not all(isinstance(n, int) and n > 0 for n in case.logs)):
        raise ValueError(f"logs={case.logs!r}: the number of entries of each of {case.servers} servers, 1 or more")
    if case.logs and case.crash == "real":
        raise ValueError("a leader that really leads brings all logs up to its own: logs= goes with other crashes")
    return case


# ── what is known without a run ──────────────────────────────────────────────────────────────────────────────────
# Time-outs are uniform over a range, all begin at once, every message takes equally long. [dissertation §9.1-9.3]


def earliest(servers: int, share: float | None = None) -> float:
    """Where in the range the first of so many time-outs ends, on average; or how likely it ends within this share of it.

    >>> earliest(4), earliest(4, 0.5)
    (0.2, 0.9375)
    """
    return 1 / (servers + 1) if share is None else 1 - (1 - share) ** servers


def split_vote(servers: int, alive: int, latency: float) -> float:
    """How likely the first election fails, when a message takes this share of the range of time-outs.

    Whoever times out before it hears of the first candidate votes for itself. The vote is split when so many do that
    the others, all of whom vote for the first, are no majority together with it.

    >>> round(split_vote(5, 4, 0.1), 4)
    0.0523
    """
    rivals = alive - servers // 2  # so many beside the first are too many
    if rivals <= 0:
        return 1.0
    return fsum(comb(alive, k) * latency**k * (1 - latency) ** (alive - k) for k in range(rivals, alive + 1))


def expected_time(
    low: float, high: float, latency: float, servers: int = 5, alive: int = 4, disk: float = 0, age: float = 0
) -> float:
    """The mean time without a leader, in the unit of the arguments. `age` is how old the last heartbeat is on average
    when the leader dies: half a heartbeat interval, or 0 for fresh time-outs.

    Each term takes up to its first time-out and the way of its requests; the last one also the way back.

    >>> round(expected_time(300, 600, latency=35)), round(expected_time(300, 600, latency=35, alive=3))
    (460, 630)
    """
    spread = high - low
    wins = 1 - split_vote(servers, alive, min(1, latency / spread)) if spread else 0
    return (low + spread * earliest(alive) + latency) / wins + latency + disk - age if wins else inf
