"""`docker swarm unlock` and what a locked manager is: it takes part in nothing [swarm.md §14]."""

from functools import cache

import pytest

from swarmlab import Cluster
from swarmlab.events import BecameCandidate, KeyFileWritten, ManagerLocked, ManagerUnlocked
from swarmlab.trust.keyfile import KeyFile

LOCKED = (
    "Error response from daemon: Swarm is encrypted and needs to be unlocked before it can be used. "
    'Please use "docker swarm unlock" to unlock it.\n'
)
NOBODYS = "SWMKEY-1-" + "A" * 43


@cache
def a_run(managers: int, workers: int = 0) -> Cluster:
    cluster = Cluster(managers, workers, seed=7)
    cluster.docker("service create -d --name web --replicas 3 nginx")
    cluster.docker("swarm update --autolock=true")
    cluster.run_for(12)
    return cluster


def locking(managers: int, workers: int = 0) -> tuple[Cluster, str]:
    """A swarm with autolock, and its key."""
    cluster = a_run(managers, workers).fork()
    return cluster, unlock_key(cluster)


def unlock_key(cluster: Cluster) -> str:
    return cluster.docker("swarm unlock-key -q").stdout.strip()


def unlock(cluster: Cluster, machine: str, key: str, limit: float = 20) -> tuple[str, int]:
    result = cluster.docker("swarm unlock", machine, files={"-": key + "\n"}, limit=limit)
    assert result.stdout == ""
    return result.stderr, result.exit_code


def state(cluster: Cluster, machine: str) -> str:
    return cluster.docker("info --format '{{.Swarm.LocalNodeState}}'", machine).stdout.strip()


def key_file(cluster: Cluster, machine: str) -> KeyFile:
    return cluster.machines[machine].disk("engine").values["keyfile"]


def test_a_manager_that_boots_under_autolock_is_locked_until_it_gets_the_key() -> None:
    cluster, key = locking(1)
    cluster.restart("manager-1")
    cluster.run_for(2)
    for command in (
        "node ls",
        "service ls",
        "swarm unlock-key",
        "swarm update --autolock=false",
        "swarm init --force-new-cluster",
    ):
        assert cluster.docker(command).stderr == LOCKED, command
    assert state(cluster, "manager-1") == "locked"
    assert cluster.docker("ps").stdout.count("\n") == 1
    assert unlock(cluster, "manager-1", key) == ("", 0)
    assert state(cluster, "manager-1") == "active"
    assert cluster.docker("node ls").rows[0]["MANAGER STATUS"] == "Leader"
    cluster.run_for(20)
    assert len(cluster.running) == 3


def test_wrong_keys_are_refused_in_dockers_words() -> None:
    cluster, key = locking(1)
    assert unlock(cluster, "manager-1", key) == ("Error: swarm is not locked\n", 1)
    cluster.restart("manager-1")
    prefix = "Error response from daemon: "
    for wrong in ("SWMKEY-1-wrong", "", "hunter2"):
        assert unlock(cluster, "manager-1", wrong) == (f"{prefix}invalid key string\n", 1)
    for wrong in (NOBODYS, "SWMKEY-1-AAAA"):
        assert unlock(cluster, "manager-1", wrong) == (
            f"{prefix}swarm could not be unlocked: invalid key provided\n",
            1,
        )
    assert state(cluster, "manager-1") == "locked"


@pytest.mark.parametrize("machine", ["manager-1", "worker-1"])
def test_what_is_not_locked_cannot_be_unlocked(machine: str) -> None:
    cluster, key = locking(1, 1)
    assert unlock(cluster, machine, key) == ("Error: swarm is not locked\n", 1)


def test_outside_a_swarm_there_is_nothing_to_unlock() -> None:
    assert unlock(Cluster(machines=1), "node-1", NOBODYS) == ("Error: This node is not part of a swarm\n", 1)


def test_a_worker_is_never_locked() -> None:
    cluster, _ = locking(1, 1)
    cluster.restart("worker-1")
    cluster.run_for(5)
    assert state(cluster, "worker-1") == "active"


def test_a_locked_manager_takes_part_in_no_quorum() -> None:
    cluster, key = locking(3)
    leader = cluster.leader
    assert leader
    others = [name for name in ("manager-1", "manager-2", "manager-3") if name != leader]
    for name in others:
        cluster.restart(name)
    cluster.run_for(60)
    assert cluster.leader is None, "one of three is no majority, whatever power the others have"
    assert not [r for r in cluster.trace.of(BecameCandidate) if r.source in others]
    assert unlock(cluster, others[0], key, limit=40) == ("", 0)
    assert cluster.leader is not None
    assert cluster.docker("service scale -d web=4", leader).exit_code == 0


def test_unlocking_waits_until_the_node_works_again() -> None:
    cluster, key = locking(3)
    for name in ("manager-1", "manager-2", "manager-3"):
        cluster.restart(name)
    cluster.run_for(1)
    assert unlock(cluster, "manager-1", key, limit=5) == ("", 130), "one of three leads nobody"
    assert unlock(cluster, "manager-2", key, limit=60) == ("", 0)
    assert cluster.leader in ("manager-1", "manager-2")


def test_a_new_unlock_key_reaches_every_manager_that_runs() -> None:
    cluster, old = locking(3)
    new = cluster.docker("swarm unlock-key --rotate -q").stdout.strip()
    cluster.run_for(3)
    assert new != old and new.startswith("SWMKEY-1-")
    for name in ("manager-2", "manager-3"):
        cluster.restart(name)
        cluster.run_for(1)
        assert unlock(cluster, name, old)[1] == 1
        assert unlock(cluster, name, new) == ("", 0)


def test_a_manager_that_was_off_needs_the_key_it_knew_and_learns_the_new_one() -> None:
    cluster, old = locking(3)
    away = next(name for name in ("manager-2", "manager-3") if name != cluster.leader)
    cluster.crash(away)
    new = cluster.docker("swarm unlock-key --rotate -q").stdout.strip()
    cluster.run_for(5)
    cluster.restart(away)
    cluster.run_for(1)
    assert unlock(cluster, away, new)[1] == 1
    assert unlock(cluster, away, old) == ("", 0)
    cluster.run_for(3)
    cluster.restart(away)
    assert unlock(cluster, away, new) == ("", 0)


def test_who_was_off_while_autolock_was_switched_off_is_locked_once_more() -> None:
    cluster, key = locking(3)
    away = next(name for name in ("manager-2", "manager-3") if name != cluster.leader)
    cluster.crash(away)
    cluster.docker("swarm update --autolock=false")
    cluster.run_for(2)
    cluster.restart(away)
    assert unlock(cluster, away, key) == ("", 0)
    cluster.run_for(3)
    cluster.restart(away)
    cluster.run_for(2)
    assert state(cluster, away) == "active" and not key_file(cluster, away).sealed


def test_switching_autolock_on_gives_the_log_a_new_key() -> None:
    cluster = Cluster(3, seed=7)
    before = {name: key_file(cluster, name).dek for name in cluster.machines if name.startswith("manager")}
    assert len(set(before.values())) == 3, "each manager has a key of its own"
    cluster.docker("swarm update --autolock=true")
    cluster.run_for(3)
    cluster.docker("swarm update --autolock=false")
    cluster.run_for(3)
    after = {name: key_file(cluster, name).dek for name in before}
    assert not set(before.values()) & set(after.values())
    facts = [record.fact for record in cluster.trace.of(KeyFileWritten)]
    assert [(fact.sealed, fact.new_log_key) for fact in facts] == [(True, True)] * 3 + [(False, False)] * 3


def test_a_manager_that_joins_a_locked_swarm_is_locked_too() -> None:
    cluster = Cluster(1, machines=1, seed=7)
    cluster.docker("swarm update --autolock=true")
    token = cluster.docker("swarm join-token -q manager").stdout.strip()
    address = cluster.computers["manager-1"].address
    assert cluster.docker(f"swarm join --token {token} {address}:2377", "node-1").exit_code == 0
    cluster.run_for(3)
    cluster.restart("node-1")
    cluster.run_for(1)
    assert state(cluster, "node-1") == "locked"
    assert unlock(cluster, "node-1", unlock_key(cluster.at(cluster.now - 2)), limit=40) == ("", 0)


def test_a_demoted_manager_is_locked_no_more() -> None:
    cluster, _ = locking(3)
    away = next(name for name in ("manager-2", "manager-3") if name != cluster.leader)
    cluster.docker(f"node demote {away}")
    cluster.run_for(20)
    assert not key_file(cluster, away).sealed and key_file(cluster, away).dek == b""
    cluster.restart(away)
    cluster.run_for(5)
    assert state(cluster, away) == "active"


def test_a_locked_node_leaves_by_force_only() -> None:
    cluster, _ = locking(1)
    cluster.restart("manager-1")
    said = cluster.docker("swarm leave").stderr
    assert said.endswith(
        "Swarm is encrypted and locked. Please unlock it first or use `--force` to ignore this message.\n"
    )
    assert cluster.docker("swarm leave --force").stdout == "Node left the swarm.\n"
    cluster.restart("manager-1")
    cluster.run_for(2)
    assert state(cluster, "manager-1") == "inactive"
    assert cluster.docker("swarm init").exit_code == 0


def test_a_swarm_may_be_founded_with_autolock() -> None:
    cluster = Cluster(machines=1, seed=7)
    assert "SWMKEY-1-" in cluster.docker("swarm init --autolock").stdout
    key = unlock_key(cluster)
    cluster.restart("node-1")
    assert unlock(cluster, "node-1", key) == ("", 0)


def test_plain_containers_run_on_a_locked_machine() -> None:
    cluster, _ = locking(1)
    cluster.restart("manager-1")
    cluster.docker("run -d --name db redis")
    cluster.run_for(5)
    assert cluster.docker("ps --format '{{.Names}}'").stdout == "db\n"


def test_a_power_cut_in_the_middle_of_a_rotation_leaves_a_file_that_one_of_the_keys_opens() -> None:
    for midway in range(8):
        cluster, old = locking(1)
        cluster.crash("manager-1", midway=midway)
        cluster.docker("swarm unlock-key --rotate -q", limit=3)
        if cluster.machines["manager-1"].running:
            cluster.crash("manager-1")
        cluster.restart("manager-1")
        log = cluster.fork()
        opened = unlock(cluster, "manager-1", old)
        if opened[1]:
            new = [change.object.unlock_key for entry in log.machines["manager-1"].disk("raft").log if entry.kind == "data"
                   for change in entry.data.changes if getattr(getattr(change, "object", None), "unlock_key", "")][-1]  # fmt: skip
            opened = unlock(cluster, "manager-1", new)
        assert opened == ("", 0)


def test_the_trace_tells_of_locks() -> None:
    cluster, key = locking(1)
    cluster.restart("manager-1")
    unlock(cluster, "manager-1", key)
    facts = [record.fact for kind in (ManagerLocked, ManagerUnlocked) for record in cluster.trace.of(kind)]
    assert facts == [ManagerLocked(), ManagerUnlocked()]


def test_one_manager_goes_on_alone_under_autolock() -> None:
    cluster, key = locking(3)
    for name in ("manager-2", "manager-3"):
        cluster.crash(name)
    assert cluster.docker("swarm init --force-new-cluster", "manager-1", limit=60).exit_code == 0
    cluster.restart("manager-1")
    assert unlock(cluster, "manager-1", key) == ("", 0)
    assert cluster.leader == "manager-1"


def test_power_that_goes_while_a_manager_comes_in_leaves_a_node_that_finds_its_way() -> None:
    begun, key = locking(3, 1)
    begun.docker("node promote worker-1")
    locked = 0
    for step in range(12):
        cluster = begun.fork()
        cluster.run_for(0.05 + 0.1 * step)
        cluster.crash("worker-1", midway=step % 4)
        cluster.run_for(1)
        cluster.restart("worker-1")
        cluster.run_for(1)
        if state(cluster, "worker-1") == "locked":
            locked += 1
            assert unlock(cluster, "worker-1", key, limit=40) == ("", 0)
        cluster.run_for(40)
        assert cluster.docker("node ls --filter name=worker-1").rows[0]["MANAGER STATUS"] == "Reachable"
    assert locked


def test_a_locked_manager_that_was_demoted_meanwhile_finds_out_when_it_is_unlocked() -> None:
    cluster, key = locking(3)
    away = next(name for name in ("manager-2", "manager-3") if name != cluster.leader)
    cluster.restart(away)
    cluster.run_for(30)
    assert cluster.docker(f"node demote {away}").exit_code == 0
    cluster.run_for(10)
    assert state(cluster, away) == "locked"
    assert unlock(cluster, away, key, limit=60) == ("", 0)
    cluster.run_for(60)
    assert not key_file(cluster, away).sealed and key_file(cluster, away).dek == b""


def test_reading_the_log_again_brings_no_old_key_back() -> None:
    """The key file says up to which entry it is true: older keys, and none, pass by [SwarmKit: kek-version]."""
    cluster, _ = locking(1)
    for command in ("unlock-key --rotate", "update --autolock=false", "update --autolock=true", "unlock-key --rotate"):
        cluster.docker(f"swarm {command}")
        cluster.run_for(1)
    key, file, before = unlock_key(cluster), key_file(cluster, "manager-1"), len(cluster.trace.of(KeyFileWritten))
    cluster.restart("manager-1")
    cluster.run_for(1)
    assert unlock(cluster, "manager-1", key) == ("", 0)
    cluster.run_for(5)
    assert len(cluster.trace.of(KeyFileWritten)) == before and key_file(cluster, "manager-1") == file
