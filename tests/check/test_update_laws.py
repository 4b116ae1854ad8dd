"""Laws of updates and restarts hold with faults in the middle of updates, and each catches the bug that it is there for.

`make campaign` runs many more seeds, `make mutants` plants all bugs.
"""

from contextlib import nullcontext
from functools import partial

import pytest

from swarmlab import Cluster
from swarmlab.check import campaign, updates
from swarmlab.check.broken import LawBroken
from swarmlab.check.update_laws import UpdateLaws
from swarmlab.check.update_mutants import MUTANTS, hunt
from swarmlab.effects import SECOND
from swarmlab.objects import RestartPolicy, replace

ONE_PER_LAW = {
    "enough slots run": "one worker too many",
    "not too many are wanted": "start-first keeps the old",
    "paused stays paused": "paused goes on",
    "a rollback leads back": "rolls back to what failed",
    "completed means all": "the next leader thinks it is done",
    "nothing is lost": "failed tasks fill their slots",
    "no more attempts than allowed": "attempts are not counted",
    "the delay is respected": "no delay",
    "a minute of patience": "endless patience",
}


@pytest.mark.parametrize("kind", updates.KINDS)
def test_no_law_is_broken(kind):
    """§7, §8, §21, with what each kind of run may do: nothing, tasks that fail, lost leaders, lost workers, all of it."""
    findings = [updates.run(Cluster, updates.draw(seed, {"kind": kind})) for seed in range(4)]
    assert not any(findings), [str(finding) for finding in findings if finding]


@pytest.mark.parametrize("law", ONE_PER_LAW)
def test_a_law_catches_a_bug_that_it_is_there_for(law):
    catch = hunt(Cluster, ONE_PER_LAW[law], 8)
    assert catch.law == law


def test_a_case_is_a_function_of_its_seed_and_a_run_of_its_case():
    assert updates.draw(7) == updates.draw(7) != updates.draw(12)
    one, other = (updates.build(Cluster, updates.draw(4)) for _ in range(2))
    for swarm in (one, other):
        updates.through(swarm, updates.draw(4), swarm.kernel.now)
    assert one.trace.digest() == other.trace.digest()


def test_the_smallest_script_of_a_violation_is_found():
    mutant = MUTANTS["rolls back to what failed"]
    found = updates.run(Cluster, updates.draw(2, mutant.focus), mutant)
    small = campaign.shrink(found, mutant, run=partial(updates.run, Cluster))
    assert small.law == found.law == "a rollback leads back"
    assert [act.name for act in small.case.acts] == ["docker"]


def test_every_bug_changes_something_and_is_gone_afterwards():
    for name, mutant in MUTANTS.items():
        assert mutant.caught, name
        for place, attribute, new in mutant.patches():
            before = vars(place)[attribute]
            with mutant.planted():
                assert vars(place)[attribute] is not before or new == (), name
            assert vars(place)[attribute] is before, name


@pytest.fixture(scope="module")
def begun():
    cluster = Cluster(managers=1, workers=2, seed=5, messages=False)
    cluster.docker("service create -d --name web --mode global nginx:1.25")
    cluster.run_for(8)
    return cluster


def types(swarm, *commands):
    UpdateLaws(swarm)
    for command in commands:
        assert swarm.docker(command).exit_code == 0
        swarm.run_for(30)


def test_a_rollback_that_is_over_at_once_is_judged_by_its_own_spec(begun):
    """§3: nothing was dirty. What an earlier rollback led to does not matter."""
    first = ("service update --image nginx:1.26 web", "service rollback web", "service update --image nginx:1.27 web")
    ill = "service update -d --update-order start-first --restart-condition none --image nosuch/image:9 web"
    types(begun.fork(), *first, ill, "service rollback -d web")


def test_an_update_may_leave_out_a_node_that_is_paused(begun):
    """§5, §8."""
    types(begun.fork(), "node update --availability pause worker-1", "service update -d --image nginx:1.26 web")


def test_a_restart_waits_as_the_task_that_ended_has_it_and_not_at_all_for_a_drained_node(begun):
    """§7: the delay that an update brings counts from the next restart on."""
    swarm = begun.fork()
    swarm.docker("service create -d --name app --replicas 3 --restart-delay 0s alpine crash 3 1")
    swarm.run_for(5)
    slower = "service update -d --restart-delay 4s --update-failure-action continue --update-delay 9s app"
    types(swarm, slower, "node update --availability drain worker-1")


@pytest.mark.parametrize(("restarts", "broken"), [((44, 50, 50), False), ((46, 50), False), ((47, 50), True)])
def test_two_that_end_together_in_a_slot_do_not_use_up_each_others_attempts(begun, restarts, broken):
    """§7: within the window, and before this end. After a pause with start-first a slot has an old and a new task."""
    [task, *_] = begun.store.all("task")
    task = replace(task, spec=replace(task.spec, restart=RestartPolicy(max_attempts=1, window=4 * SECOND)))
    laws, record = UpdateLaws(begun.fork()), begun.trace.records[-1]._replace(time=50 * SECOND)
    with pytest.raises(LawBroken) if broken else nullcontext():
        laws._counted(record, task, [at * SECOND for at in restarts])
