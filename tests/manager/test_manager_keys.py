"""The keys of the data plane [swarmkit manager/keymanager; networking.md §1.6]."""

from manager_bench import ready

from swarmlab.effects import SECOND
from swarmlab.manager import keys
from swarmlab.manager.store import Store
from swarmlab.messages import GetCluster, NetworkKeys, RotateToken
from swarmlab.objects import Cluster, Put

HOUR = 3600 * SECOND
IPSEC = "networking:ipsec"


def swarm():
    store = Store()
    store.apply(1, 0, [Put(Cluster("c1", ca_digest="d" * 50))])
    return store


def look(store, memory, now):
    """What the planner sees to, done."""
    changes, wake_at = keys.plan(store, None, memory, now)
    if changes:
        store.apply(store.index + 1, now, changes)
    return store.cluster.network_keys, wake_at


def test_a_swarm_begins_with_three_keys_of_16_bytes_for_each_subsystem():
    found, wake_at = look(swarm(), keys.Memory(), 0)
    assert [key.subsystem for key in found] == ["networking:gossip"] * 3 + [IPSEC] * 3
    assert {len(key.value) for key in found} == {16} and len({key.value for key in found}) == 6
    assert [key.time - found[0].time for key in found] == [0, 1, 2, 3, 4, 5]
    assert wake_at == 12 * HOUR


def test_every_12_hours_the_oldest_key_of_each_subsystem_goes_and_a_new_one_comes():
    store, memory = swarm(), keys.Memory()
    before, _ = look(store, memory, 0)
    assert look(store, memory, 12 * HOUR - 1) == (before, 12 * HOUR)
    after, wake_at = look(store, memory, 12 * HOUR)
    assert wake_at == 24 * HOUR
    for subsystem in keys.SUBSYSTEMS:
        old, new = ([key for key in ring if key.subsystem == subsystem] for ring in (before, after))
        assert new[:2] == old[1:] and new[2].time > max(key.time for key in before)


def test_a_leader_that_was_frozen_for_days_rotates_once_and_not_for_every_12_hours_it_missed():
    """A ticker of Go drops the ticks that nobody took: two rotations at once would cut off who is one behind."""
    store, memory = swarm(), keys.Memory()
    look(store, memory, 0)
    after, wake_at = look(store, memory, 40 * HOUR)
    assert wake_at == 48 * HOUR and look(store, memory, 40 * HOUR + 1) == (after, 48 * HOUR)


def test_a_new_leader_keeps_the_keys_and_counts_its_12_hours_anew():
    store = swarm()
    before, _ = look(store, keys.Memory(), 0)
    assert look(store, keys.Memory(), 11 * HOUR) == (before, 23 * HOUR)


def test_without_a_swarm_there_are_no_keys():
    assert keys.plan(Store(), None, keys.Memory(), 0) == ([], None)


def test_two_swarms_have_different_keys():
    assert not set(keys.first_keys(Cluster("c1"))) & set(keys.first_keys(Cluster("c2")))


def test_a_node_gets_the_keys_with_its_session_and_new_ones_as_they_come():
    """dispatcher.go: every message of a session carries them, and a change of the cluster sends one."""
    bench = ready()
    bench.run(12 * 3600 - bench.now // SECOND - 3)  # nobody beats: the workers are down by now
    before = bench.store.cluster.network_keys
    for machine in ("w2", "w3"):
        assert bench.open(machine, bench.nodes[machine]).keys == before
    told = len(bench.sent)
    bench.run(4)
    after = bench.store.cluster.network_keys
    news = [(effect.to, effect.message) for effect in bench.sent[told:] if isinstance(effect.message, NetworkKeys)]
    assert after != before
    assert sorted(to for to, _ in news) == ["w2", "w3"] and {message.keys for _, message in news} == {after}


def test_nothing_is_said_of_keys_when_something_else_of_the_cluster_changes():
    bench = ready()
    told = len(bench.sent)
    assert bench.call(RotateToken("worker")).error is None
    bench.run(8)
    assert not [effect for effect in bench.sent[told:] if isinstance(effect.message, NetworkKeys)]


def test_people_do_not_see_the_keys():
    """controlapi/cluster.go: redactClusters."""
    bench = ready()
    assert bench.store.cluster.network_keys and bench.call(GetCluster()).value.network_keys == ()
