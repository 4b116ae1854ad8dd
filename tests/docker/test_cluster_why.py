"""`cluster.why(task)` says what the scheduler would say now, node by node."""

import pytest

from swarmlab import Cluster


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
