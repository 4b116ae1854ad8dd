"""The constraint enforcer on stores typed by hand: swarm.md §10."""

import pytest
from test_manager_planners import Lab, node, service, task

from swarmlab.manager import enforcer
from swarmlab.objects import (
    ASSIGNED,
    COMPLETE,
    PENDING,
    READY,
    REJECTED,
    RUNNING,
    SHUTDOWN,
    ContainerSpec,
    Placement,
    Resources,
    TaskSpec,
    replace,
)

CORE, MIB = 10**9, 2**20


def rejected(lab):
    lab.plan()
    return [t.id for t in lab.tasks if t.state == REJECTED]


def zone(value, **fields):
    return service(placement=Placement((f"node.labels.zone=={value}",)), **fields)


def test_a_label_that_goes_rejects_the_tasks_that_need_it():
    """§10, recorded in 03-placement.txt: the observed state, not the desired one."""
    lab = Lab(enforcer, zone("x"), node("n1", zone="x"), task("a", 1, "n1"), task("b", 2, "n2"))
    assert rejected(lab) == []
    lab.write(node("n1", zone="y"))
    lab.now = 5
    assert rejected(lab) == ["a"]
    a = lab.get("a")
    assert (a.desired, a.message, a.err, a.status_at) == (
        RUNNING,
        "task rejected by constraint enforcer",
        "assigned node no longer meets constraints",
        5,
    )


@pytest.mark.parametrize("availability", ["pause", "drain"])
def test_only_active_nodes_are_looked_at(availability):
    """§10."""
    lab = Lab(enforcer, zone("x"), node("n1", availability=availability), task("a", 1, "n1"))
    assert rejected(lab) == []


@pytest.mark.parametrize(
    ("state", "desired", "hit"),
    [
        (PENDING, RUNNING, True),  # a global task that waits on its node
        (ASSIGNED, READY, True),
        (RUNNING, COMPLETE, True),
        (RUNNING, SHUTDOWN, False),
        (COMPLETE, COMPLETE, False),
    ],
)
def test_which_tasks_are_looked_at(state, desired, hit):
    """§10: assigned <= desired <= complete, observed < complete."""
    lab = Lab(enforcer, zone("x"), node("n1"), task("a", 1, "n1", state, desired))
    assert rejected(lab) == ["a"] * hit


def test_the_constraints_of_the_service_count_not_those_of_the_task():
    """§10: an update that changes nothing but the placement leaves tasks where they are."""
    old = zone("x")
    lab = Lab(enforcer, service(), node("n1"), task("a", 1, "n1", of=old))
    assert rejected(lab) == []
    lab = Lab(enforcer, zone("x"), node("n1"), task("a", 1, "n1", of=service()))
    assert rejected(lab) == ["a"]
    lab = Lab(enforcer, node("n1"), task("a", 1, "n1", of=old))  # the service is gone: its own
    assert rejected(lab) == ["a"]


def sized(id, cpus=0, memory=0, **generic):
    asked = Resources(nano_cpus=cpus * CORE, memory=memory * MIB)
    return task(id, 1, "n1", spec=TaskSpec(ContainerSpec("nginx"), reservations=asked), assigned_generic=generic)


def shrunk(cpus=2, memory=4096, **generic):
    one = node("n1")
    has = one.description._replace(nano_cpus=cpus * CORE, memory=memory * MIB, generic=generic)
    return replace(one, description=has)


@pytest.mark.parametrize(
    ("has", "asked", "out"),
    [
        (shrunk(2), [(1,), (1,), (1,)], ["2"]),
        (shrunk(2), [(2,), (1,), ()], ["1"]),
        (shrunk(1), [(2,), (1,)], ["0"]),  # one that is refused takes nothing
        (shrunk(memory=300), [(0, 200), (0, 200), (0, 100)], ["1"]),
    ],
)
def test_reservations_are_summed_against_what_the_node_has_now(has, asked, out):
    """§10: the oldest tasks stay."""
    assert rejected(Lab(enforcer, service(), has, *(sized(str(i), *one) for i, one in enumerate(asked)))) == out


def test_generic_resources_come_last_and_end_the_look():
    """§10; SwarmKit leaves its loop at the first task that lacks one."""
    lab = Lab(enforcer, service(), shrunk(gpu=1), sized("a", gpu=1), sized("b", gpu=1), sized("c", cpus=9))
    assert rejected(lab) == ["b"]


@pytest.mark.parametrize(
    ("has", "given", "out"),
    [
        (("a", "b"), ("a",), False),
        (("b",), ("a",), True),
        (2, ("a",), True),
        (("a", "b"), 1, True),
        (2, 2, False),
        (0, 1, True),
    ],
)
def test_names_have_to_be_there_still(has, given, out):
    """§10: assigned generic resources."""
    lab = Lab(enforcer, service(), shrunk(gpu=has), sized("t", gpu=given))
    assert rejected(lab) == ["t"] * out


def test_a_new_leader_looks_at_all_nodes_and_a_task_alone_is_no_reason():
    lab = Lab(enforcer, zone("x"), node("n1"), task("a", 1, "n1"))
    lab.changed = [("task", "a"), ("service", "s")]
    assert rejected(lab) == []
    lab.changed = None
    assert rejected(lab) == ["a"]
