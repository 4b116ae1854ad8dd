"""Three keys in, one out: rotation without loss [networking.md §1.6]."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmlab.manager.keys import first_keys, rotated
from swarmlab.objects import Cluster, NetworkKey, replace
from swarmlab.overlay.keyring import SUBSYSTEM, accepts, keyring, rotate

HERE, THERE = "192.168.1.10", "192.168.1.11"


def generations(count):
    """The keys of a swarm after 0, 1, 2 … rotations."""
    cluster = Cluster("c1")
    cluster = replace(cluster, network_keys=first_keys(cluster))
    keys = [cluster.network_keys]
    for _ in range(count):
        cluster = replace(cluster, network_keys=rotated(cluster))
        keys.append(cluster.network_keys)
    return keys


KEYS = generations(12)


def test_a_node_receives_with_three_keys_and_sends_with_the_middle_one():
    """§1.6: previous, current, next; one send SA and one policy."""
    ring = keyring(HERE, THERE, KEYS[0])
    assert [one.tag for one in ring.receive] == sorted(one.tag for one in ring.receive) and len(ring.receive) == 3
    assert {(one.source, one.target) for one in ring.receive} == {(THERE, HERE)}
    assert (ring.send.source, ring.send.target, ring.send.tag) == (HERE, THERE, ring.receive[1].tag)
    assert ring.policy == (HERE, THERE, 4789, 0xD0C4E3, ring.send.spi)


def test_the_keys_of_gossip_are_passed_over():
    ring = keyring(HERE, THERE, KEYS[0])
    assert {one.key for one in ring.receive} == {key.value for key in KEYS[0] if key.subsystem == SUBSYSTEM}


def test_both_ends_work_out_the_same_numbers():
    """§1.6: nothing is negotiated."""
    here, there = keyring(HERE, THERE, KEYS[0]), keyring(THERE, HERE, KEYS[0])
    assert here.send == there.receive[1] and there.send == here.receive[1]
    assert here.send.spi != there.send.spi


def test_a_rotation_takes_one_to_receive_brings_one_and_moves_the_one_to_send():
    """encryption.go: -rSA0, +rSA3, +fSA2, +fSP2/-fSP1, -fSA1"""
    before = keyring(HERE, THERE, KEYS[0])
    after, steps = rotate(before, KEYS[1])
    assert [(step.sign, step.what) for step in steps] == [
        ("-", "receive"),
        ("+", "receive"),
        ("+", "send"),
        ("+", "policy"),
        ("-", "policy"),
        ("-", "send"),
    ]
    assert after.receive[:2] == before.receive[1:] and after.send.tag == before.receive[2].tag
    assert [step.spi for step in steps[:2]] == [before.receive[0].spi, after.receive[2].spi]
    assert rotate(after, KEYS[1]) == (after, ())


@given(st.integers(0, 8), st.integers(-4, 4))
def test_who_is_one_rotation_behind_is_understood_and_who_is_two_behind_is_not(rotation, behind):
    """§1.6. Two behind, or ahead, is the planted difference: without it the rule would show nothing."""
    other = max(0, rotation + behind)
    here, there = keyring(HERE, THERE, KEYS[rotation]), keyring(THERE, HERE, KEYS[other])
    understood = abs(rotation - other) <= 1
    assert accepts(here, there.send) == accepts(there, here.send) == understood


@given(st.integers(0, 2**32))
def test_no_packet_is_lost_while_nobody_is_more_than_one_rotation_behind(seed):
    """Nodes rotate at instants of their own, at most one period late; packets take up to a tenth of a period."""
    assert lost(Random(seed), lateness=0.9) == 0


def test_packets_are_lost_when_a_node_falls_further_behind():
    """The planted difference: the same run with nodes that are up to three periods late. In 20 runs all lose some."""
    assert min(lost(Random(seed), lateness=3.0) for seed in range(20)) > 0


def lost(dice, lateness, nodes=4, rotations=8, packets=300):
    """How many packets between random nodes find no key. A period is 1; a rotation reaches each node late by chance."""
    names = [f"192.168.1.{number}" for number in range(nodes)]
    arrivals = {name: [n + dice.random() * lateness for n in range(1, rotations + 1)] for name in names}

    def rotation(name, time):
        return max((n for n, at in enumerate(arrivals[name], 1) if at <= time), default=0)

    count = 0
    for _ in range(packets):
        sender, receiver = dice.sample(names, 2)
        sent = dice.random() * rotations
        arrived = sent + dice.random() * 0.1
        ring = keyring(sender, receiver, KEYS[rotation(sender, sent)])
        count += not accepts(keyring(receiver, sender, KEYS[rotation(receiver, arrived)]), ring.send)
    return count


@pytest.mark.parametrize("count", [0, 1])
def test_with_fewer_than_two_keys_there_is_none_to_send_with(count):
    keys = [NetworkKey(SUBSYSTEM, 1, bytes(16))] * count
    with pytest.raises(ValueError, match=f"no primary key found: {count} keys"):
        keyring(HERE, THERE, keys)
