"""A drill: the page comes, somebody diagnoses and repairs, and the trace is graded.

drill = Drill(2)                  the second file of data/incidents; or a path; `seed=5`: it strikes elsewhere
drill.brief                       what the page says
drill.cluster                     the cluster, alive, at the moment of the page
drill.docker("service ls")        a command, and the five seconds that typing and reading it take
drill.grade()                     hands off: what came of it
drill.debrief()                   why it was so, and the shortest repair
"""

import re
from copy import deepcopy
from typing import Any, NamedTuple

from ..cluster import Cluster
from ..world import OUTSIDE
from .checks import CHECKS, Case, Finding
from .debrief import Brief, Debrief, debriefed
from .grade import Grade, graded
from .harm import harm_done
from .incident import Incident, read_incident
from .named import check_names
from .past import SECOND, Past
from .stage import OnCall, staged, take_over, tried

LOOK = 10.0  # seconds between two looks whether all is repaired
STAYS = 30.0  # seconds for which it must stay so
NOTICES = 60.0  # seconds within which a health check has to see that a process hangs
FREE = {"docker", "label", "ask", "request", "trace_packet", "probe", "dig", "traffic"}  # what nobody need offer
TRY = "somebody-new"  # a machine that tries whether a token still lets it in


class Start(NamedTuple):
    """How things stood when the page came."""

    time: int  # µs
    facts: int  # so many there were
    acts: int
    volumes: set[tuple[str, str]]
    tokens: dict[str, str]


class Drill:
    """One incident, to be repaired. The same number and seed are the same incident."""

    def __init__(self, which: int | str, seed: int | None = None):
        self._incident = read_incident(which, seed)
        self._cluster = cluster = staged(self._incident)
        check_names(self._incident, cluster)
        tokens = _tokens(cluster) if any(name == "refused" for name, _ in self._incident.repaired) else {}
        self._start = Start(cluster.kernel.now, len(cluster.trace.records), len(cluster.acts), volumes(cluster), tokens)
        self._acts = deepcopy(cluster.acts)
        self._noticed: dict[str, bool] = {}
        self._held = tuple(one.holds for one in self.findings(cluster))
        self._grade: Grade | None = None
        self._over = False  # who has read the debrief, or may read it, repairs for practice
        take_over(cluster)

    # ── the learner's side ───────────────────────────────────────────────────────────────────────────────────────

    @property
    def cluster(self) -> OnCall:
        """The cluster, alive."""
        return self._cluster

    @property
    def incident(self) -> Incident:
        """What the file says, as a copy."""
        return deepcopy(self._incident)

    @property
    def start(self) -> Start:
        """How things stood when the page came, as a copy."""
        return deepcopy(self._start)

    @property
    def brief(self) -> Brief:
        """What the page says."""
        one = self._incident
        return Brief(one.title, one.story, one.hands, one.difficulty, one.minutes, one.limit)

    def docker(self, command: str, node: str | None = None, **options: Any) -> Any:
        """Type a docker command; five seconds pass, which typing it and reading the answer take."""
        return self._cluster.docker(command, node, **options)

    def run_for(self, seconds: float) -> None:
        """Wait."""
        self._cluster.run_for(seconds)

    @property
    def attempted(self) -> bool:
        """Whether anything has been done, or any time has passed, since the page."""
        return self._cluster.kernel.now > self._start.time or len(self._cluster.acts) > self._start.acts

    @property
    def seconds(self) -> float:
        """How long ago the page came."""
        return (self._cluster.kernel.now - self._start.time) / SECOND

    def grade(self) -> Grade:
        """Hands off the keyboard: a twin goes on until all checks hold, or the time is up. The cluster stays where it is.
        After the debrief it is the grade of before: what is done then is practice."""
        if self._over:
            return self._grade or Grade(self._incident.title, False, given_up=True)
        if not self.attempted:
            return Grade(self._incident.title, False)
        self._grade = self.judge(self._cluster)
        return self._grade

    def give_up(self) -> None:
        """Admit defeat: the debrief may be read."""
        self._over = True

    def debrief(self) -> Debrief:
        """Why it was so, link by link, with the lesson that each leans on; and the shortest repair. Only after a grade, or
        once given up."""
        if self._grade is None and not self._over:
            raise ValueError("first repair it and call grade(), or give_up(): the debrief tells everything")
        self._over = True
        return debriefed(self._incident, self._cluster.trace, self._start.time, self._start.facts, self._grade)

    # ── judging ──────────────────────────────────────────────────────────────────────────────────────────────────

    def judge(self, cluster: OnCall) -> Grade:
        """The grade of a cluster that began as this drill did."""
        start, limit = self._start, self._incident.limit
        if cluster.acts[: start.acts] != self._acts or cluster.kernel.now < start.time:
            raise ValueError("this is not the cluster of this drill, or not since the page")
        twin = tried(cluster)
        findings = self._in_the_end(twin, start.time + limit * SECOND)
        case = self.case(twin)
        beyond = sorted({act.name for act in twin.acts[start.acts :]} - FREE - self._offered)
        kept = start.volumes, volumes(twin)
        harm = harm_done(case.past, start.time, start.facts, self._incident.harm, kept, beyond)
        return graded(self._incident.title, case, findings, self._held, harm, limit, self._loads)

    def _in_the_end(self, twin: OnCall, end: int) -> tuple[Finding, ...]:
        """Let time pass until all checks hold, and still do a while later; or until the time is up."""
        held: int | None = None
        while True:
            findings, now = self.findings(twin), twin.kernel.now
            held = (now if held is None else held) if all(one.holds for one in findings) else None
            if now >= end if held is None else now >= held + STAYS * SECOND:
                return findings
            twin.run_for(LOOK if held is not None else min(LOOK, (end - now) / SECOND))

    @property
    def _offered(self) -> set[str]:
        """The acts that the people of operations offer in the page."""
        return set(re.findall(r"\.(\w+)\(", " ".join(self._incident.hands)))

    @property
    def _loads(self) -> set[str]:
        """The visitors of the file: those that somebody sends to find out something do not count."""
        return {load["name"] for load in self._incident.load}

    def findings(self, cluster: OnCall) -> tuple[Finding, ...]:
        """What each check says just now."""
        case = self.case(cluster)
        return tuple(CHECKS[name](case, **settings) for name, settings in self._incident.repaired)

    def case(self, cluster: OnCall) -> Case:
        """What the checks look at."""
        tries: dict[str, Any] = {role: Try(cluster, token) for role, token in self._start.tokens.items()}
        services = [settings["service"] for name, settings in self._incident.repaired if name == "probed"]
        tries |= {f"hang {service}": Hang(cluster, service, self._noticed) for service in services}
        return Case(Past(cluster.trace), self._start.time, tries)

    def __repr__(self) -> str:
        return f"Drill({self._incident.path!r}, seed={self._incident.seed}): {self.seconds:.0f} s since the page"


class Try(NamedTuple):
    """Whether a join token still lets somebody in: tried on a twin."""

    cluster: Any
    token: str

    def __call__(self) -> bool:
        twin = tried(self.cluster)
        twin.add_machine(TRY)
        if not twin.leader:
            return False
        address = twin.computers[twin.leader].address
        return twin.docker(f"swarm join --token {self.token} {address}:2377", TRY, limit=30).exit_code == 0


class Hang(NamedTuple):
    """Whether somebody notices that a task of a service hangs: tried on a twin."""

    cluster: Any
    service: str
    known: dict[str, bool]  # by task: what came of it

    def __call__(self) -> bool:
        ill = next((run for run in self.cluster.running if run.service == self.service), None)
        if ill is not None and ill.id not in self.known:
            twin = tried(self.cluster)
            twin.sicken(f"{ill.service}.{ill.slot}")
            self.known[ill.id] = twin.run_until(lambda now: ill not in now.running, NOTICES)
        return ill is not None and self.known[ill.id]


def volumes(cluster: Cluster) -> set[tuple[str, str]]:
    """The named volumes that there are: (machine, name)."""
    found = set()
    for machine in cluster.machines.values():
        if machine.name not in OUTSIDE:
            known = machine.disk("executor").values.get("volumes", {})
            found |= {(machine.name, name) for name, volume in known.items()}
    return found


def _tokens(cluster: Cluster) -> dict[str, str]:
    twin = cluster.fork()
    return {role: twin.docker(f"swarm join-token -q {role}").stdout.strip() for role in ("worker", "manager")}
