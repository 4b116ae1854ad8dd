"""Every copy of a secret, and what a thief reads on a stolen disk [swarm.md §14, §16]."""

from functools import cache

import pytest

from swarmlab import Cluster
from swarmlab.copies import Copies
from swarmlab.events import SecretStored
from swarmlab.raft.core import SWARMKIT
from swarmlab.theft import BROKEN, KEY_FILE, NO_MANAGER, SEALED, StolenDisk

PASSWORD, PAGE = "correct horse", "server { listen 80; }"
CREATE = "service create -d --name app --replicas 2 --secret db_pass --config site --constraint node.role==worker"


@cache
def a_run() -> Cluster:
    cluster = Cluster(3, 3, seed=7)
    cluster.docker("secret create db_pass -", files={"-": PASSWORD})
    cluster.docker("config create site -", files={"-": PAGE})
    cluster.run_for(1)
    cluster.docker(f"{CREATE} nginx")
    cluster.run_for(12)
    return cluster


def places(copies: Copies) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for copy in copies:
        found.setdefault(copy.place, []).append(copy.machine)
    return found


MANAGERS = ["manager-1", "manager-2", "manager-3"]


def test_managers_have_every_secret_and_workers_those_of_their_tasks() -> None:
    found = places(a_run().where_is("db_pass"))
    hosts = sorted(task.machine for task in a_run().running)
    assert found == {
        "raft log": MANAGERS, "manager memory": MANAGERS, "agent memory": hosts, "container memory": hosts,
    }  # fmt: skip
    assert len(hosts) == 2


def test_a_config_lies_in_the_clear_on_the_disk_of_its_container() -> None:
    copies = a_run().where_is("site")
    assert set(places(copies)) == {"raft log", "manager memory", "agent memory", "container disk"}
    assert {copy.place: (copy.on, copy.sealed) for copy in copies} == {
        "raft log": ("disk", True), "manager memory": ("memory", False), "agent memory": ("memory", False),
        "container disk": ("disk", False),
    }  # fmt: skip


def test_copies_come_and_go_with_tasks() -> None:
    cluster = a_run().fork()
    cluster.docker("service scale -d app=0")
    cluster.run_for(20)
    assert set(places(cluster.where_is("db_pass"))) == {"raft log", "manager memory"}
    stored = next(record.time for record in cluster.trace.of(SecretStored))
    before = cluster.at(stored / 1e6 + 0.5)
    assert set(places(before.where_is("db_pass"))) == {"raft log", "manager memory"}


def test_a_secret_that_was_removed_is_still_in_the_log_until_a_snapshot_takes_its_place() -> None:
    cluster = Cluster(1, seed=7, raft=SWARMKIT._replace(snapshot_every=40, keep=0))
    cluster.docker("secret create old -", files={"-": PASSWORD})
    cluster.docker("secret rm old")
    assert "raft log" in places(cluster.where_is("old"))
    assert cluster.steal("manager-1").read().removed == ("old",)
    for n in range(20):
        cluster.docker(f"network create -d overlay n{n}")
    cluster.run_for(2)
    with pytest.raises(ValueError, match="no secret or config old, and no copy of one that was"):
        cluster.where_is("old")
    assert cluster.steal("manager-1").read().secrets == {}


def test_a_snapshot_holds_them_sealed() -> None:
    cluster = Cluster(1, seed=7, raft=SWARMKIT._replace(snapshot_every=5, keep=0))
    cluster.docker("secret create db_pass -", files={"-": PASSWORD})
    for n in range(5):
        cluster.docker(f"network create -d overlay n{n}")
    cluster.run_for(2)
    assert set(places(cluster.where_is("db_pass"))) == {"raft snapshot", "manager memory"}
    disk = cluster.steal("manager-1")
    assert disk.where(PASSWORD) == ()
    assert disk.read().secrets == {"db_pass": PASSWORD.encode()}


def test_what_is_off_has_no_memory() -> None:
    cluster = a_run().fork()
    for name in ("manager-1", *{task.machine for task in cluster.running}):
        cluster.crash(name)
    rows = cluster.where_is("db_pass")
    assert {copy.machine for copy in rows if copy.on == "memory"} == {"manager-2", "manager-3"}
    assert "container disk" in places(cluster.where_is("site"))


def test_no_disk_shows_a_secret_to_who_only_looks() -> None:
    for machine in a_run().machines:
        if machine not in ("client", "registry"):
            assert a_run().steal(machine).where(PASSWORD) == (), machine


def test_a_managers_disk_gives_everything_away_without_autolock() -> None:
    loot = a_run().steal("manager-2").read()
    assert loot.secrets == {"db_pass": PASSWORD.encode()} and loot.configs == {"site": PAGE.encode()}
    assert loot.tokens[0] == a_run().docker("swarm join-token -q worker").stdout.strip()
    assert loot.why == ""


def test_a_workers_disk_has_the_configs_of_its_tasks_and_no_secret() -> None:
    host, idle = a_run().running[0].machine, a_run().steal(idle_worker()).read()
    loot = a_run().steal(host).read()
    assert (loot.secrets, loot.configs, loot.tokens, loot.why) == ({}, {"site": PAGE.encode()}, (), NO_MANAGER)
    assert idle.configs == {}


def idle_worker() -> str:
    hosts = {task.machine for task in a_run().running}
    return next(name for name in ("worker-1", "worker-2", "worker-3") if name not in hosts)


def test_autolock_closes_a_managers_disk_to_who_has_no_unlock_key() -> None:
    cluster = a_run().fork()
    before = cluster.steal("manager-2")
    cluster.docker("swarm update --autolock=true")
    cluster.run_for(3)
    key = cluster.docker("swarm unlock-key -q").stdout.strip()
    after = cluster.steal("manager-2")
    assert before.read().secrets, "who stole the disk earlier has what was on it then"
    for wrong in ("", "SWMKEY-1-wrong", "SWMKEY-1-" + "A" * 43):
        assert after.read(wrong) == after.read()._replace(why=SEALED)
        assert not after.read(wrong).secrets and not after.read(wrong).node_key
    assert after.read(key).secrets == {"db_pass": PASSWORD.encode()}
    assert after.read(key).unlock_key == key


def test_the_key_of_an_older_disk_does_not_open_the_newer_log() -> None:
    cluster = a_run().fork()
    old = cluster.steal("manager-2")
    cluster.docker("swarm update --autolock=true")
    cluster.run_for(3)
    new = cluster.steal("manager-2")
    mixed = StolenDisk("manager-2", 0, {**new.files, KEY_FILE: old.files[KEY_FILE]})
    assert mixed.read().why == BROKEN and not mixed.read().secrets


def test_of_a_log_with_a_damaged_entry_the_rest_is_read() -> None:
    cluster = a_run().fork()
    entry = cluster.machines["manager-2"].disk("raft").log[-1].index
    cluster.damage("manager-2", entry)
    loot = cluster.steal("manager-2").read()
    assert loot.secrets == {"db_pass": PASSWORD.encode()} and loot.why.startswith("1 of ")


def test_what_was_removed_is_in_a_managers_memory_as_long_as_its_snapshot_has_it() -> None:
    cluster = Cluster(3, 1, seed=1, messages=False, raft=SWARMKIT._replace(snapshot_every=40, keep=0))
    for number in range(60):
        cluster.docker(f"secret create s{number} -", files={"-": f"text no. {number}"})
        if cluster.machines["manager-2"].disk("raft").values.get("snapshot"):
            break
    cluster.docker("secret rm s0")
    places = {copy.place for copy in cluster.where_is("s0") if copy.machine == "manager-2"}
    assert places == {"raft snapshot", "manager memory"}
    assert b"text no. 0" not in {change.old.spec.data for change in removed(cluster)} and removed(cluster)


def removed(cluster: Cluster) -> list:
    """What `docker events` is told of."""
    return [change for change in cluster.store.recent if change.new is None]


def test_a_config_is_on_a_workers_disk_as_a_file_and_nowhere_else() -> None:
    """swarm.md §16: configs are not sealed on workers."""
    found = [path for n in (1, 2, 3) for path in a_run().steal(f"worker-{n}").where(PAGE)]
    assert found and all(path.endswith("/configs/site") for path in found)


def test_a_locked_machine_shows_the_same_disk() -> None:
    cluster = a_run().fork()
    cluster.docker("swarm update --autolock=true")
    cluster.run_for(3)
    key = cluster.docker("swarm unlock-key -q").stdout.strip()
    cluster.restart("manager-2")
    cluster.run_for(1)
    assert cluster.steal("manager-2").read(key).secrets == {"db_pass": PASSWORD.encode()}
    assert {copy.key for copy in cluster.where_is("db_pass") if copy.machine == "manager-2"} == {"unlock key"}


def test_the_same_disk_is_the_same_bytes() -> None:
    assert a_run().steal("manager-1").files == a_run().at(a_run().now).steal("manager-1").files


def test_stealing_changes_nothing() -> None:
    cluster = a_run().fork()
    digest = cluster.trace.digest()
    cluster.steal("manager-1").read()
    cluster.where_is("db_pass")
    assert cluster.trace.digest() == digest


def test_bad_input_gets_one_clear_sentence() -> None:
    for call, text in (
        (lambda: a_run().where_is("nix"), "no secret or config nix, and no copy of one that was"),
        (lambda: a_run().where_is(7), "7 is no secret or config: give its name"),
        (lambda: a_run().steal("nobody"), "no such machine: nobody"),
        (lambda: a_run().steal("client"), "no such machine: client"),
        (lambda: a_run().steal("worker-1").where(""), "an empty text is everywhere"),
    ):
        with pytest.raises(ValueError, match=text):
            call()


def test_a_stolen_key_is_the_one_of_the_stolen_certificate() -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    for machine in ("manager-1", "worker-1"):
        disk = a_run().steal(machine)
        certificate = x509.load_pem_x509_certificate(disk.files["swarm/certificates/swarm-node.crt"])
        key = load_der_private_key(disk.read().node_key, None)
        assert key.public_key() == certificate.public_key()
        root = x509.load_pem_x509_certificate(disk.files["swarm/certificates/swarm-root-ca.crt"])
        certificate.verify_directly_issued_by(root)


def test_autolock_gives_a_node_a_new_private_key_too() -> None:
    cluster = a_run().fork()
    before = {name: cluster.steal(name).read().node_key for name in MANAGERS}
    cluster.docker("swarm update --autolock=true")
    cluster.run_for(20)
    key = cluster.docker("swarm unlock-key -q").stdout.strip()
    for name in MANAGERS:
        assert cluster.steal(name).read(key).node_key not in ("", before[name])


def test_who_has_a_managers_log_has_the_key_that_signs_certificates() -> None:
    from swarmlab.trust.certificates import public_key, read

    cluster = a_run().store.cluster
    assert public_key(a_run().steal("manager-3").read().root_key) == read(cluster.root).key
