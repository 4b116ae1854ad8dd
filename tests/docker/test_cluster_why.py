"""`cluster.why(task)` says what the scheduler would say now, node by node."""

import pytest

from swarmlab import Cluster
from swarmlab.viz.whyboard import tell_why


def test_the_answer_ends_with_dockers_own_line():
    cluster = Cluster(managers=1, workers=2, seed=2)
    cluster.label("worker-1", disk="ssd")
    cluster.docker("service create -d --name web --constraint node.labels.disk==sdd nginx")
    cluster.run_for(3)
    found = cluster.why("web.1")
    assert found.task == "web.1"
    assert found.explanation == cluster.tasks[0].err == cluster.why(cluster.tasks[0].id).explanation
    last = {row.hostname: row.cells[-1] for row in found.rows}
    assert (last["worker-1"].filter, last["worker-1"].has) == ("constraint", "ssd")


def test_of_a_global_service_every_node_is_asked_also_those_that_never_get_a_task():
    cluster = Cluster(managers=1, workers=3, seed=2)
    cluster.docker("service create -d --name all --mode global --reserve-cpu 0.1 nginx")
    cluster.docker("service create -d --name some --mode global --constraint node.role==worker --reserve-cpu 1.5 nginx")
    cluster.docker("node update --availability drain worker-3")
    cluster.run_for(10)
    everywhere, some = cluster.why("all"), cluster.why("some")
    assert (everywhere.task, everywhere.explanation) == ("all", "")
    assert {row.hostname for row in everywhere.rows if row.passes} == {"manager-1", "worker-1", "worker-2"}
    last = {row.hostname: row.cells[-1] for row in some.rows}
    assert (last["manager-1"].filter, last["manager-1"].wanted, last["manager-1"].has) == (
        "constraint",
        "node.role==worker",
        "manager",
    )
    assert last["worker-3"].filter == "ready"
    assert "worker-1 passes" in tell_why(some) and "worker-2 passes" in tell_why(some), "beside no task of its own"
    with pytest.raises(ValueError, match="no such task: web"):
        cluster.docker("service create -d --name web nginx")
        cluster.why("web")


def test_a_question_changes_nothing():
    cluster = Cluster(managers=3, workers=2, seed=2)
    cluster.docker("service create -d --name web --replicas 3 nginx")
    cluster.run_for(3)
    twin = cluster.fork()
    assert [rank.hostname for rank in twin.why("web.3").ranks]
    cluster.run_for(30)
    twin.run_for(30)
    assert cluster.trace.digest() == twin.trace.digest()


def test_without_a_leader_nobody_schedules():
    cluster = Cluster(managers=3, seed=2)
    cluster.docker("service create -d --name web nginx")
    cluster.crash(cluster.leader)
    with pytest.raises(ValueError, match="nobody leads"):
        cluster.why("web.1")


def test_a_task_that_does_not_exist_is_named():
    with pytest.raises(ValueError, match=r"no such task: web\.1"):
        Cluster(managers=1).why("web.1")
