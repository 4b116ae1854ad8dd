"""Health checks from the keyboard: services, containers, what lists and inspect show [swarm.md §13]."""

import pytest

from swarmlab import Cluster
from swarmlab.events import HealthChanged
from swarmlab.objects import STATES

CHECK = "--health-cmd 'curl -f http://localhost/' --health-interval 1s --health-retries 2 --health-timeout 1s"


@pytest.fixture(scope="module")
def fresh():
    cluster = Cluster(managers=1, workers=2, seed=5)
    cluster.docker("network create -d overlay front")
    cluster.docker("service create -d --name client --network front nginx")
    cluster.run_for(5)
    return cluster


@pytest.fixture
def cluster(fresh):
    return fresh.fork()


def say(cluster, command, node=None):
    result = cluster.docker(command, node)
    assert result.exit_code == 0, result.stderr
    return result.stdout.strip()


def states(cluster, service="web"):
    return [STATES[task.state] for task in cluster.tasks if task.service_name == service]


def test_a_task_is_starting_and_out_of_the_names_until_it_is_healthy(cluster):
    patient = "--health-start-period 10s --health-start-interval 1s"
    say(cluster, f"service create -d --name web --network front {CHECK} {patient} acme/web:slow")
    cluster.run_for(5)
    assert states(cluster) == ["starting"] and cluster.dig("web", "client.1").status == "NXDOMAIN"
    assert say(cluster, "service ls --filter name=web --format '{{.Replicas}}'") == "0/1"
    cluster.run_for(6)
    assert states(cluster) == ["running"] and cluster.dig("web", "client.1").addresses
    assert cluster.request("http://web/", source="client.1").ok


def test_an_unhealthy_task_leaves_the_names_two_seconds_before_it_is_stopped_and_is_replaced(cluster):
    say(cluster, f"service create -d --name web --network front --stop-grace-period 3s {CHECK} acme/web:sick")
    assert cluster.run_until(lambda c: any(r.fact.status == "unhealthy" for r in c.trace.of(HealthChanged)), limit=60)
    cluster.run_for(1)
    assert cluster.dig("tasks.web", "client.1").status == "NXDOMAIN" != cluster.dig("web", "client.1").status
    assert states(cluster) == ["running"]
    assert cluster.run_until(lambda c: "complete" in states(c), limit=20)  # it exits with 0
    assert cluster.run_until(lambda c: states(c)[-1] == "running", limit=20) and len(states(cluster)) == 2
    cluster.run_for(3)  # until the news has come round
    assert cluster.dig("tasks.web", "client.1").status == "NOERROR"


def test_one_that_falls_sick_and_gets_well_in_time_stays(cluster):
    say(cluster, f"service create -d --name web {CHECK} --health-retries 20 acme/web:flaky")
    cluster.run_for(60)
    assert states(cluster) == ["running"]


def test_a_hanging_check_is_unhealthy_after_its_time_outs(cluster):
    say(cluster, f"service create -d --name web {CHECK} acme/web:stuck")
    assert cluster.run_until(lambda c: any(r.fact.status == "unhealthy" for r in c.trace.of(HealthChanged)), limit=60)
    (machine,) = {task.machine for task in cluster.running if task.service == "web"}
    ref = say(cluster, "ps -q --filter name=web", machine)
    shown = say(cluster, f"inspect {ref} --format '{{{{(index .State.Health.Log 4).Output}}}}'", machine)
    assert shown == "Health check exceeded timeout (1s)"


def test_an_image_brings_its_own_check_and_a_service_may_refuse_it(cluster):
    say(cluster, "service create -d --name web acme/web:checked")
    say(cluster, "service create -d --name bare --no-healthcheck acme/web:checked")
    cluster.run_for(3)
    assert (states(cluster), states(cluster, "bare")) == (["starting"], ["running"])
    cluster.run_for(5)
    assert states(cluster) == ["running"]


STATUS = "ps --format '{{.Names}} {{.Status}}'"


def test_ps_tells_the_health_of_containers_and_filters_by_it(cluster):
    say(cluster, f"run -d --name one {CHECK} acme/web:slow", "worker-1")
    say(cluster, "run -d --name two nginx", "worker-1")
    lines = say(cluster, STATUS + " --filter name=one --filter name=two", "worker-1").splitlines()
    assert lines[1].startswith("one Up ") and lines[1].endswith("(health: starting)") and "health" not in lines[0]
    cluster.run_for(4)  # engines do nothing about a plain container that is unhealthy
    assert say(cluster, STATUS + " --filter health=unhealthy", "worker-1") == "one Up 4 seconds (unhealthy)"
    cluster.run_for(8)
    assert say(cluster, STATUS + " --filter health=healthy", "worker-1") == "one Up 12 seconds (healthy)"
    assert "two" in say(cluster, STATUS + " --filter health=none", "worker-1")


def test_inspect_tells_the_streak_and_the_last_five_results(cluster):
    say(cluster, f"run -d --name one {CHECK} acme/web:slow", "worker-1")
    cluster.run_for(7.5)
    form = "{{.State.Health.Status}} {{.State.Health.FailingStreak}} {{len .State.Health.Log}} {{.Config.Healthcheck.Test}}"
    shown = say(cluster, f"inspect one --format '{form}'", "worker-1")
    assert shown == "unhealthy 7 5 [CMD-SHELL curl -f http://localhost/]"
    say(cluster, "run -d --name two nginx", "worker-1")
    assert '"Health"' not in say(cluster, "inspect two", "worker-1")


def test_events_tell_of_a_change_only(cluster):
    say(cluster, f"run -d --name one {CHECK} acme/web:slow", "worker-1")
    cluster.run_for(15)
    events = say(cluster, "events --since 1 --until 0s --format '{{.Action}}'", "worker-1").splitlines()
    assert [one for one in events if "health" in one] == ["health_status: unhealthy", "health_status: healthy"]


def test_a_slow_healthy_start_slows_an_update_that_waits_for_it(cluster):
    """§13, §20.4: with start-first the old task serves until the new one is well."""
    patient = "--health-start-period 12s --health-start-interval 1s"
    say(cluster, f"service create -d --name web --replicas 3 --update-order start-first {CHECK} {patient} acme/web:1")
    cluster.run_for(10)
    say(cluster, "service update -d --image acme/web:slow web")
    began, fewest = cluster.now, 3
    while cluster.services[-1].update_status[0] == "updating" and cluster.now < began + 60:
        cluster.run_for(0.5)
        fewest = min(fewest, sum(one.service == "web" for one in cluster.running))
    assert cluster.services[-1].update_status[0] == "completed" and fewest == 3
    assert 3 * 8 < cluster.now - began < 3 * 13


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        ("--health-retries -1", "--health-retries cannot be negative"),
        ("--health-interval -1s", "--health-interval cannot be negative"),
        ("--health-start-interval -1ns", "--health-start-interval cannot be negative"),
        ("--no-healthcheck", "--no-healthcheck conflicts with --health-* options"),
        ("--health-interval 999us", "Error response from daemon: Interval in Healthcheck cannot be less than 1ms"),
        ("--health-timeout 1ns", "Error response from daemon: Timeout in Healthcheck cannot be less than 1ms"),
        ("--health-start-period 1us", "Error response from daemon: StartPeriod in Healthcheck cannot be less than 1ms"),
    ],
)
def test_docker_run_refuses_times_that_are_none(cluster, flags, why):
    """moby: daemon/container.go, validateHealthCheck; docker/cli: container/opts.go."""
    result = cluster.docker(f"run -d --health-cmd true {flags} nginx", "worker-1")
    assert result.exit_code == 125 and f"docker: {why}\n\nRun 'docker run --help'" in result.stderr
    assert not say(cluster, "ps -aq --filter ancestor=nginx --filter name=_", "worker-1")
    assert cluster.docker("run -d --health-cmd true --health-interval 1ms nginx", "worker-1").exit_code == 0


def test_a_container_that_is_started_anew_keeps_the_results_of_before(cluster):
    """moby: initHealthMonitor sets status and streak alone."""
    say(cluster, f"run -d --name one {CHECK} acme/web:slow", "worker-1")
    cluster.run_for(4.5)
    say(cluster, "restart one", "worker-1")
    form = "{{.State.Health.Status}} {{.State.Health.FailingStreak}} {{len .State.Health.Log}}"
    assert say(cluster, f"inspect one --format '{form}'", "worker-1") == "starting 0 4"


def test_a_machine_that_loses_power_before_a_task_is_healthy_finds_it_dead_and_does_not_start_it_again(cluster):
    """moby: executor/container/controller.go, Start: a container that has ever been started is not started again."""
    say(cluster, f"service create -d --name web --constraint node.hostname==worker-1 {CHECK} acme/web:checked")
    cluster.run_for(2)
    assert states(cluster) == ["starting"]
    cluster.crash("worker-1")
    cluster.run_for(1)
    cluster.restart("worker-1")
    cluster.run_until(lambda c: len(states(c)) == 2, limit=10)
    assert states(cluster)[0] == "failed"
    assert next(task.err for task in cluster.tasks if task.service_name == "web") == "task: non-zero exit (137)"


def test_a_check_that_looks_at_files_does_so_as_the_user_of_its_container(cluster):
    """moby: daemon/health.go, execConfig.User."""
    assert cluster.docker("secret create key -", files={"-": "hunter2"}).exit_code == 0
    check = "--health-cmd 'test -r /run/secrets/key' --health-interval 1s --health-retries 1"
    for name, uid in (("may", "1000"), ("maynot", "0")):
        secret = f"--secret source=key,uid={uid},mode=0400 --user 1000"
        say(cluster, f"service create -d --name {name} --restart-condition none {secret} {check} nginx")
    cluster.run_for(8)
    assert states(cluster, "may") == ["running"] and states(cluster, "maynot") == ["complete"]


def test_a_container_that_ends_in_the_instant_of_its_check_asks_nobody(cluster):
    """Both are due when a frozen machine goes on: the line of the container is gone before anybody looks after it."""
    command = f"service create -d --name web --env WEB_CONCURRENCY=1 {CHECK} alpine crash 4 3"
    say(cluster, command)
    assert cluster.run_until(lambda c: "running" in states(c))
    (task,) = [task for task in cluster.running if task.service == "web"]
    cluster.sicken(task.id, "well")
    cluster.freeze(task.machine, 5)
    cluster.run_for(10)
    assert "failed" in states(cluster)
