"""How a machine joins: who checks what, what a token holds, which ports are shut."""

import pytest
from test_raft_pictures import covered, outside, words

from swarmlab.cluster import Cluster
from swarmlab.events import Commanded
from swarmlab.lessons.scenes01 import two_interfaces
from swarmlab.viz.doors import draw_ports, draw_token, shut_ports, tell_ports, tell_token
from swarmlab.viz.handshake import CA, FORM, SECRET, draw_handshake, handshake, tell_handshake

ADDRESS = "192.168.50.100:2377"


@pytest.fixture(scope="module")
def joins():
    """A swarm, and joins by its side: wrong, malformed, right, with the port shut."""
    cluster = Cluster(machines=3, seed=7)
    cluster.docker("swarm init --advertise-addr 192.168.50.100", "node-1")
    tokens = {
        role: cluster.docker(f"swarm join-token -q {role}", "node-1").stdout.strip() for role in ("worker", "manager")
    }
    token = tokens["worker"]
    secret, digest = f"{token[:-1]}{'a' if token[-1] != 'a' else 'b'}", f"SWMTKN-1-{'0' * 50}-{token[-25:]}"
    for node, text in (("node-3", secret), ("node-3", digest), ("node-3", "abc"), ("node-2", token), ("node-2", token)):
        cluster.docker(f"swarm join --token {text} {ADDRESS}", node)
    cluster.block("node-1", 2377)
    cluster.docker(f"swarm join --token {tokens['manager']} {ADDRESS}", "node-3")
    numbers = [r.number for r in cluster.trace.of(Commanded) if "swarm join " in r.fact.command]
    names = ("secret", "digest", "malformed", "good", "again", "shut")
    return cluster.trace, dict(zip(names, numbers, strict=True)), tokens


def checks(joins, name):
    return [(item.who, item.text, item.answer) for item in handshake(joins[0], joins[1][name]) if item.kind == "check"]


def test_the_joining_machine_checks_the_swarm_and_the_manager_the_secret(joins):
    found = checks(joins, "good")
    assert ("node-2", CA, "yes") in found and ("node-1", SECRET, "yes") in found
    assert all(answer == "yes" for *_, answer in found)


def test_nothing_stands_behind_the_check_that_said_no(joins):
    assert checks(joins, "secret")[-1] == ("node-1", SECRET, "no")
    assert checks(joins, "digest")[-1] == ("node-3", CA, "no")
    assert checks(joins, "malformed") == [("node-3", FORM, "no")]
    assert [item.kind for item in handshake(joins[0], joins[1]["again"])] == ["check", "result"]


def test_a_shut_port_is_a_question_without_an_answer(joins):
    items = handshake(joins[0], joins[1]["shut"])
    assert [(item.kind, item.answer) for item in items] == [("message", "no"), ("result", "no")]
    assert "×" in items[-2].text and "Timeout was reached" in items[-1].text


@pytest.mark.parametrize(("interface", "heard"), [("eth0", False), ("eth1", True)])
def test_a_new_manager_is_called_back_where_it_says_that_it_is(interface, heard):
    cluster = two_interfaces()
    cluster.docker("swarm init --advertise-addr eth1", "node-1")
    token = cluster.docker("swarm join-token -q manager", "node-1").stdout.strip()
    cluster.docker(f"swarm join --advertise-addr {interface} --token {token} {ADDRESS}", "node-2")
    said = tell_handshake(cluster.trace)
    assert ("node-1 to node-2: do you hear me?; node-2 to node-1: yes" in said) == heard
    assert ("node-1 to 10.0.2.15: do you hear me? (no answer)" in said) == (not heard)
    ax = draw_handshake(cluster.trace)
    assert covered(ax) == [] and outside(ax) == []


def test_no_label_of_a_handshake_covers_another(joins):
    for number in joins[1].values():
        for upto in (None, 2):
            ax = draw_handshake(joins[0], number, upto)
            assert covered(ax) == [] and outside(ax) == []
    assert "Docker says: This node joined a swarm as a worker." in tell_handshake(joins[0], joins[1]["good"])


def test_a_stepper_shows_one_step_after_the_other(joins):
    counts = [len(words(draw_handshake(joins[0], joins[1]["good"], upto))) for upto in range(8)]
    assert counts == sorted(counts) and counts[0] < counts[7]


def test_who_never_joined_has_no_handshake(joins):
    with pytest.raises(ValueError, match="nobody typed"):
        handshake(Cluster(machines=1).trace)
    with pytest.raises(ValueError, match="record 0 is no join"):
        handshake(joins[0], 0)


def test_a_token_has_its_parts_and_two_differ_only_in_the_secret(joins):
    worker, manager = joins[2].values()
    ax = draw_token(worker, manager)
    assert {"50 characters: which swarm", "25 characters: may join, and as what"} <= set(words(ax))
    assert covered(ax) == [] and outside(ax) == []
    assert tell_token(worker, manager).endswith("the two tokens differ in: secret.")
    with pytest.raises(ValueError, match="four parts"):
        draw_token("abc")


def test_ports_are_shut_machine_by_machine(joins):
    assert shut_ports(joins[0])["node-1"] and not shut_ports(joins[0], 0.01)["node-1"]
    assert "node-1 drops 2377" in tell_ports(joins[0])
    ax = draw_ports(joins[0])
    assert words(ax).count("✕ shut") == 1 and covered(ax) == [] and outside(ax) == []
