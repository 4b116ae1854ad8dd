"""Services with health checks among crashes, partitions, lost leaders and applications that fall ill or have too much to
do: the laws hold, and the swarm comes to rest."""

import test_services_in_storms as services

from swarmlab.check.rest_laws import unrest
from swarmlab.events import BackendAdded, ContainerStarted, HealthChanged, ProbeEnded
from swarmlab.messages import HealthIs, Running
from swarmlab.traffic.workload import Poisson
from swarmlab.worker import agent, controller, health

WELL = ("curl", "curl", "curl", "'sleep 0.5'")
SICK = ("'exit 1'", "'sleep 3'")
TIMES = "--health-interval 1s --health-timeout 2s"
TAGS = ("1", "slow", "sick", "flaky", "stuck", "checked", "mute", "busy", "needy")
IMAGES = tuple(f"acme/web:{tag}" for tag in TAGS)
ILL = ("slow", "sick", "flaky", "stuck", "mute", "needy")  # never, or not for long, at rest
MOODS = ("hangs", "unwell", "well")


class Storm(services.Storm):
    """Half of the services are checked; some are never well, some only now and then."""

    def create(self, name: str) -> str:
        command, choice = super().create(name), self.dice.choice
        if "-job" in command or self.dice.random() < 0.5:
            return command
        patience = choice(["", "--health-start-period 10s --health-start-interval 500ms", "--health-retries 1"])
        checked = f"--health-cmd {choice(WELL + SICK)} {TIMES} {patience}"
        words = command.replace("service create -d", f"service create -d {checked}")
        server = next((image for image in services.IMAGES[:3] if words.endswith(image)), "")
        if not server:
            return words
        needs = choice(["", "", "--env NEEDS=s0", "--env WEB_CONCURRENCY=1"])
        return f"{words.removesuffix(server)} {needs} {choice(IMAGES)}"

    def act(self) -> None:
        """Now and then an application falls ill, or many visitors come."""
        chance = self.dice.random()
        if chance < 0.08 and self.swarm.running:
            self.sicken(self.dice.choice(self.swarm.running))
        elif chance < 0.12:
            door = f"http://{self.dice.choice(self.names)}:{self.dice.choice([8080, 8081])}/"
            self.swarm.traffic(door, Poisson(self.dice.choice([20, 150])), seconds=8)
        else:
            super().act()

    def sicken(self, one) -> None:
        try:
            self.swarm.sicken(one.id, self.dice.choice(MOODS))
        except ValueError:  # the managers do not know that it runs, or nothing in it listens yet
            return

    def calm(self) -> None:
        """Whoever is never well for long does not rest, either."""
        sick = [one.spec.name for one in self.swarm.services if self.is_sick(one.spec.task.container)]
        for name in sick:
            self.docker(f"service rm {name}", self.swarm.leader or self.names[0])
        super().calm()

    def is_sick(self, container) -> bool:
        words = " ".join(container.healthcheck.test if container.healthcheck else ())
        ill = any(f"acme/web:{tag}" in container.image for tag in ILL)
        return ill or any(one.strip("'") in words for one in SICK)


def after_storm(seed: int) -> Storm:
    storm = Storm(seed)
    storm.blow(30)
    storm.mend()
    storm.swarm.run_for(60)
    storm.calm()
    return storm


def test_after_a_storm_the_swarm_comes_to_rest() -> None:
    verdicts = 0
    for seed in (0, 1, 3, 4, 7, 8):
        storm = after_storm(seed)
        assert unrest(storm.swarm) == [], f"seed {seed}"
        assert faults(storm.swarm.trace) == [], f"seed {seed}"
        verdicts += len([*storm.swarm.trace.of(HealthChanged)])
    assert verdicts > 50


def faults(trace) -> list[str]:
    """What breaks a rule of §13 in a trace: container by container, its checks, their verdicts, and its place in the pool."""
    found: list[str] = []
    known, last, task_of, verdict = dict[str, int](), dict[str, int](), dict[str, str](), dict[str, str]()
    checked = {record.fact.container for record in trace.of(ProbeEnded)}
    for record in trace:
        fact = record.fact
        match fact:
            case ContainerStarted(container, task):
                known[container], verdict[container], task_of[task] = 0, "starting", container
                last.pop(container, None)
            case BackendAdded(_, task, machine) if record.source == machine and task_of.get(task) in checked:
                if verdict[task_of[task]] != "healthy":
                    found.append(f"{record}: in the pool, though it is {verdict[task_of[task]]}")
            case ProbeEnded(container, _, began, code, streak, counted):
                if began < last.get(container, 0) or began > record.time:
                    found.append(f"{record}: two checks at once")
                if streak != (0 if code == 0 else known[container] + counted):
                    found.append(f"{record}: {streak} failures in a row after {known[container]}")
                last[container], known[container] = record.time, streak
            case HealthChanged(container, _, status, streak):
                if (status == "healthy") != (streak == 0) or streak != known[container]:
                    found.append(f"{record}: a wrong verdict")
                verdict[container] = status
    return found


def test_a_task_in_the_pool_before_it_is_healthy_is_found(monkeypatch) -> None:
    """A planted bug: who starts runs."""
    honest = controller.hear
    monkeypatch.setattr(
        agent,
        "hear",
        lambda work, answer, now: honest(
            work, answer._replace(health="") if isinstance(answer, Running) else answer, now
        ),
    )
    assert any("though it is starting" in fault for fault in faults(after_storm(3).swarm.trace))


def test_a_failure_that_counts_twice_is_found(monkeypatch) -> None:
    """A planted bug in the verdict."""
    honest = health.judged

    def strict(check, before, started_at, result):
        after = honest(check, before, started_at, result)
        return after._replace(streak=after.streak + 1) if after.streak > before.streak else after

    monkeypatch.setattr(health, "judged", strict)
    assert any("failures in a row after" in fault for fault in faults(after_storm(3).swarm.trace))


def test_a_planted_bug_is_found(monkeypatch) -> None:
    """A success of a health check does not make a task run."""
    honest = controller.hear

    def deaf(work, answer, now):
        return work if isinstance(answer, HealthIs) else honest(work, answer, now)

    monkeypatch.setattr(agent, "hear", deaf)
    assert unrest(after_storm(7).swarm)
