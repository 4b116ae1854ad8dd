"""A drill: the page comes, somebody diagnoses and repairs, and the trace is graded.

drill = Drill(2)                  the second file of data/incidents; or a path; `seed=5`: it strikes elsewhere
drill.brief                       what the page says
drill.cluster                     the cluster, alive, at the moment of the page
drill.docker("service ls")        a command, and the five seconds that typing and reading it take
drill.grade()                     hands off: what came of it
drill.debrief()                   why it was so, and the shortest repair
"""

from typing import Any, NamedTuple

from ..cluster import Cluster
from ..world import OUTSIDE
from .checks import CHECKS, Case, Finding
from .debrief import Brief, Debrief, debriefed
from .grade import Grade, graded
from .harm import harm_done
from .incident import read_incident
from .past import SECOND, Past
from .stage import THINKING, OnCall, staged

LOOK = 10.0  # seconds between two looks whether all is repaired
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
        self.incident = read_incident(which, seed)
        self.cluster: OnCall = staged(self.incident)
        tokens = _tokens(self.cluster) if any(name == "refused" for name, _ in self.incident.repaired) else {}
        cluster = self.cluster
        self.start = Start(cluster.kernel.now, len(cluster.trace.records), len(cluster.acts), volumes(cluster), tokens)
        cluster.thinking = THINKING
        self._held = tuple(one.holds for one in self.findings(cluster))
        self._grade: Grade | None = None
        self._given_up = False

    # ── the learner's side ───────────────────────────────────────────────────────────────────────────────────────

    @property
    def brief(self) -> Brief:
        """What the page says."""
        one = self.incident
        return Brief(one.title, one.story, one.hands, one.difficulty, one.minutes, one.limit)

    def docker(self, command: str, node: str | None = None, **options: Any) -> Any:
        """Type a docker command; five seconds pass, which typing it and reading the answer take."""
        return self.cluster.docker(command, node, **options)

    def run_for(self, seconds: float) -> None:
        """Wait."""
        self.cluster.run_for(seconds)

    @property
    def attempted(self) -> bool:
        """Whether anything has been done, or any time has passed, since the page."""
        return self.cluster.kernel.now > self.start.time or len(self.cluster.acts) > self.start.acts

    @property
    def seconds(self) -> float:
        """How long ago the page came."""
        return (self.cluster.kernel.now - self.start.time) / SECOND

    def grade(self) -> Grade:
        """Hands off the keyboard: a twin goes on until all checks hold, or the time is up. The cluster stays where it is."""
        if not self.attempted:
            return Grade(self.incident.title, False)
        self._grade = self.judge(self.cluster)
        return self._grade

    def give_up(self) -> None:
        """Admit defeat: the debrief may be read."""
        self._given_up = True

    def debrief(self) -> Debrief:
        """Why it was so, link by link, with the lesson that each leans on; and the shortest repair. Only after a grade, or
        once given up."""
        if self._grade is None and not self._given_up:
            raise ValueError("first repair it and call grade(), or give_up(): the debrief tells everything")
        return debriefed(self.incident, self.cluster.trace, self.start.time, self.start.facts, self._grade)

    # ── judging ──────────────────────────────────────────────────────────────────────────────────────────────────

    def judge(self, cluster: OnCall) -> Grade:
        """The grade of a cluster that began as this drill did."""
        twin, limit = cluster.fork(), self.incident.limit
        twin.thinking = 0
        end = self.start.time + limit * SECOND
        findings = self.findings(twin)
        while not all(one.holds for one in findings) and twin.kernel.now < end:
            twin.run_for(min(LOOK, (end - twin.kernel.now) / SECOND))
            findings = self.findings(twin)
        case = self.case(twin)
        kept = self.start.volumes, volumes(twin)
        harm = harm_done(case.past, self.start.time, self.start.facts, self.incident.harm, kept)
        return graded(self.incident.title, case, findings, self._held, harm, limit)

    def findings(self, cluster: OnCall) -> tuple[Finding, ...]:
        """What each check says just now."""
        case = self.case(cluster)
        return tuple(CHECKS[name](case, **settings) for name, settings in self.incident.repaired)

    def case(self, cluster: OnCall) -> Case:
        """What the checks look at."""
        tries: dict[str, Any] = {role: Try(cluster, token) for role, token in self.start.tokens.items()}
        return Case(Past(cluster.trace), self.start.time, tries)

    def __repr__(self) -> str:
        return f"Drill({self.incident.path!r}, seed={self.incident.seed}): {self.seconds:.0f} s since the page"


class Try(NamedTuple):
    """Whether a join token still lets somebody in: tried on a twin."""

    cluster: Any
    token: str

    def __call__(self) -> bool:
        twin = self.cluster.fork()
        twin.thinking = 0
        twin.add_machine(TRY)
        if not twin.leader:
            return False
        address = twin.computers[twin.leader].address
        return twin.docker(f"swarm join --token {self.token} {address}:2377", TRY, limit=30).exit_code == 0


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
