"""Secrets and configs in a whole swarm: who has which, when (swarm.md §12, §16)."""

from random import Random

import pytest

from swarmlab import Cluster
from swarmlab.events import FileDelivered, FileWithdrawn
from swarmlab.objects import RUNNING, STARTING

NAMES = ("manager-1", "worker-1", "worker-2", "worker-3")
CONTENTS = {name: f"content of {name}" for name in ("s1", "s2", "s3", "c1", "c2")}


def swarm(seed=1, managers=1):
    cluster = Cluster(managers=managers, workers=3, seed=seed, messages=False)
    for name in CONTENTS:
        done(cluster, f"{'secret' if name[0] == 's' else 'config'} create {name} {name}")
    return cluster


def done(cluster, command, node=None):
    result = cluster.docker(command, node, files=CONTENTS)
    assert result.exit_code == 0, result.stderr
    return result.stdout.strip()


def held(cluster, machine):
    """What the agent of a machine has."""
    return {file.spec.name for file in cluster.machines[machine].seats["agent"].core.files.values()}


def used(cluster, machine):
    """What the tasks of a machine use that may still run, as the machine has them."""
    works = cluster.machines[machine].seats["agent"].core.works.values()
    specs = [work.task.spec.container for work in works if work.state <= RUNNING]
    return {one.name for spec in specs for one in (*spec.secrets, *spec.configs)}


def in_containers(cluster, machine):
    """The names of what lies in memory for the containers of a machine."""
    return {one.name for files in cluster.machines[machine].seats["executor"].core.memory.values() for one in files}


def agree(cluster):
    """Faults of the rule, as sentences; none is the law."""
    faults = [f"{name}: has {held(cluster, name)}, uses {used(cluster, name)}" for name in (*NAMES, *more_managers(cluster))
              if held(cluster, name) != used(cluster, name)]  # fmt: skip
    return faults + [
        f"{name}: {in_containers(cluster, name)} in containers" for name in (*NAMES, *more_managers(cluster))
        if not in_containers(cluster, name) <= {file for file in used(cluster, name) if file[0] == "s"}
    ]  # fmt: skip


# ── one file, copy by copy ───────────────────────────────────────────────────────────────────────────────────────


def test_a_secret_is_only_where_a_task_uses_it_and_goes_with_the_last_one():
    cluster = swarm()
    done(cluster, "service create --detach=false --name web --secret s1 --config c1 --replicas 2 nginx")
    places = {task.machine for task in cluster.running}
    assert {name for name in NAMES if held(cluster, name)} == places
    assert [one.path for one in cluster.files("web.1")] == ["/run/secrets/s1", "/c1"]
    done(cluster, "service rm web")
    cluster.run_for(15)
    assert not agree(cluster) and not any(held(cluster, name) for name in places)
    told = [(record.source, record.fact) for record in cluster.trace.of(FileDelivered)]
    gone = [(record.source, record.fact.name) for record in cluster.trace.of(FileWithdrawn)]
    assert sorted(gone) == sorted((source, fact.name) for source, fact in told if not fact.task)
    assert sorted(fact.name for _, fact in told if fact.task) == ["c1", "c1", "s1", "s1"]


def test_a_rotation_is_a_new_object_and_an_update_and_the_old_copy_goes():
    cluster = swarm()
    done(cluster, "service create --detach=false --name web --secret source=s1,target=pw nginx")
    done(cluster, "service update --detach=false --secret-rm s1 --secret-add source=s2,target=pw web")
    cluster.run_for(5)
    assert [(one.path, one.data) for one in cluster.files("web.1")] == [("/run/secrets/pw", b"content of s2")]
    assert not agree(cluster)
    done(cluster, "secret rm s1")


def test_a_node_that_lost_power_gets_its_files_with_its_next_session():
    cluster = swarm()
    done(cluster, "service create --detach=false --name web --mode global --secret s1 nginx")
    cluster.crash("worker-1")
    cluster.run_for(1)
    cluster.restart("worker-1")
    assert held(cluster, "worker-1") == set()
    cluster.run_for(20)
    assert held(cluster, "worker-1") == {"s1"} and not agree(cluster)


@pytest.mark.parametrize(
    ("check", "err"),
    [
        ("--health-cmd check", "task: non-zero exit (137)"),  # its container has run: it is not started again
        ("--stop-grace-period 1s", "starting container failed: secret store is not initialized"),
    ],
)
def test_a_task_that_was_starting_when_its_node_lost_power_fails(check, err):
    """moby: controller.Start, ErrTaskStarted; container.DependencyStore."""
    cluster = swarm()
    cluster.docker(f"service create -d --name web --secret s1 --constraint node.hostname==worker-1 {check} nginx")
    assert cluster.run_until(lambda c: any(task.state == STARTING for task in c.tasks))
    cluster.run_for(3 if "health" in check else 0.01)
    cluster.crash("worker-1")
    cluster.restart("worker-1")
    cluster.run_for(20)
    assert [task.err for task in cluster.tasks if task.err] == [err]


def test_a_secret_leaves_a_container_with_its_end_and_a_config_with_the_container():
    cluster = swarm()
    done(cluster, "service create --detach=false --name web --secret s1 --config c1 --restart-condition none nginx")
    (task,) = cluster.running
    executor = cluster.machines[task.machine].seats["executor"].core
    box = executor.boxes[task.id].container.id
    done(cluster, f"stop {box}", task.machine)
    cluster.run_for(3)
    assert [one.name for one in executor.files(task.id)] == ["c1"]
    again = cluster.docker(f"start {box}", task.machine)
    assert "unable to get secret from secret store" in again.stderr and again.exit_code == 1


def test_what_was_written_in_a_container_stays_in_it():
    cluster = swarm()
    done(cluster, "service create --detach=false --name web --secret s1 nginx")
    (task,) = cluster.running
    there = "exec $(docker ps -q --filter name=web.1)"
    done(cluster, f"{there} touch /run/sick", task.machine)
    assert done(cluster, f"{there} ls /run", task.machine).split() == ["secrets", "sick"]
    assert done(cluster, f'{there} sh -c "cat /run/secrets/s1"', task.machine) == "content of s1"
    assert cluster.docker(f"{there} sh -c 'exit 7'", task.machine).exit_code == 7


# ── whatever happens ─────────────────────────────────────────────────────────────────────────────────────────────


def live_through(seed):
    """Random services that come, change and go, under random faults; then all is well again for a while."""
    dice, cluster = Random(seed), swarm(seed, managers=1 + 2 * (seed % 2))
    for _ in range(12):
        act(cluster, dice)
        cluster.run_for(dice.uniform(0.05, 6))
    cluster.heal()
    for name in (*NAMES, *more_managers(cluster)):
        if not cluster.machines[name].running:
            cluster.restart(name)
    cluster.run_for(60)
    return cluster


def more_managers(cluster):
    return [name for name in ("manager-2", "manager-3") if name in cluster.machines]


def act(cluster, dice):
    files = dice.sample(sorted(CONTENTS), dice.randint(1, 3))
    asked = " ".join(f"--{'secret' if name[0] == 's' else 'config'} {name}" for name in files)
    service, worker = f"a{dice.randint(1, 3)}", f"worker-{dice.randint(1, 3)}"
    match dice.choice(
        ("create", "create", "scale", "update", "remove", "crash", "restart", "cut", "heal", "kill", "lead")
    ):
        case "create":
            how = dice.choice(("nginx", "--restart-condition none acme/broken:1", "--mode global nginx"))
            cluster.docker(f"service create -d --name {service} {asked} {how}")
        case "scale":
            cluster.docker(f"service scale -d {service}={dice.randint(0, 4)}")
        case "update":
            change = f"--secret-rm {files[0]}" if files[0][0] == "s" else f"--config-rm {files[0]}"
            cluster.docker(f"service update -d --force {change} {service}")
        case "remove":
            cluster.docker(f"service rm {service}")
        case "crash" if cluster.machines[worker].running:
            cluster.crash(worker)
        case "restart" if not cluster.machines[worker].running:
            cluster.restart(worker)
        case "cut":
            cluster.partition({worker}, set(NAMES) - {worker})
        case "lead" if cluster.leader and more_managers(cluster) and all(cluster.machines[n].running for n in NAMES):
            leader = cluster.leader
            cluster.crash(leader)
            cluster.run_for(8)
            cluster.restart(leader)
        case "heal":
            cluster.heal()
        case "kill" if cluster.machines[worker].running:
            cluster.docker("kill $(docker ps -q)", worker)


@pytest.mark.parametrize("seed", range(1, 25))
def test_a_worker_has_what_its_live_tasks_use_and_nothing_else(seed):
    assert agree(live_through(seed)) == []


def test_the_rule_is_seen_to_be_broken_where_nothing_is_withdrawn(monkeypatch):
    monkeypatch.setattr("swarmlab.manager.dispatcher.withdraw", lambda tasks, session: ())
    cluster = swarm()
    done(cluster, "service create --detach=false --name web --secret s1 --constraint node.role==worker nginx")
    done(cluster, "service rm web")
    cluster.run_for(15)
    assert agree(cluster)
