"""Services with health checks among crashes, partitions and lost leaders: the laws hold, and the swarm comes to rest."""

import test_services_in_storms as services

from swarmlab.check.rest_laws import unrest
from swarmlab.events import HealthChanged
from swarmlab.messages import HealthIs
from swarmlab.worker import agent, controller

WELL = ("true", "curl", "'sleep 0.5'")
SICK = ("'exit 1'", "'sleep 3'")
TIMES = "--health-interval 1s --health-timeout 2s"
IMAGES = ("acme/web", "acme/web:slow", "acme/web:sick", "acme/web:flaky", "acme/web:stuck", "acme/web:checked")


class Storm(services.Storm):
    """Half of the services are checked; some are never well, some only now and then."""

    def create(self, name: str) -> str:
        command, choice = super().create(name), self.dice.choice
        if "-job" in command or self.dice.random() < 0.5:
            return command
        patience = choice(["", "--health-start-period 10s --health-start-interval 500ms", "--health-retries 1"])
        checked = f"--health-cmd {choice(WELL + SICK)} {TIMES} {patience}"
        words = command.replace("service create -d", f"service create -d {checked}")
        return (
            f"{words.rpartition(' nginx')[0]} {choice(IMAGES)}"
            if words.endswith(("nginx:1.25", "nginx:1.26"))
            else words
        )

    def calm(self) -> None:
        """Whoever is never well for long does not rest, either."""
        sick = [one.spec.name for one in self.swarm.services if self.is_sick(one.spec.task.container)]
        for name in sick:
            self.docker(f"service rm {name}", self.swarm.leader or self.names[0])
        super().calm()

    def is_sick(self, container) -> bool:
        words = " ".join(container.healthcheck.test if container.healthcheck else ())
        return any(one.strip("'") in words for one in SICK) or container.image.startswith("acme")


def after_storm(seed: int) -> Storm:
    storm = Storm(seed)
    storm.blow(30)
    storm.mend()
    storm.swarm.run_for(60)
    storm.calm()
    return storm


def test_after_a_storm_the_swarm_comes_to_rest() -> None:
    verdicts = 0
    for seed in range(6):
        storm = after_storm(seed)
        assert unrest(storm.swarm) == [], f"seed {seed}"
        verdicts += len([*storm.swarm.trace.of(HealthChanged)])
    assert verdicts > 20


def test_a_planted_bug_is_found(monkeypatch) -> None:
    """A success of a health check does not make a task run."""
    honest = controller.hear

    def deaf(work, answer, now):
        return work if isinstance(answer, HealthIs) else honest(work, answer, now)

    monkeypatch.setattr(agent, "hear", deaf)
    assert any(unrest(after_storm(seed).swarm) for seed in range(1, 6))
