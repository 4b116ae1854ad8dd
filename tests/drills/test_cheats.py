"""Whoever wins a drill by harm, by a trick or by the debrief scores low; whoever looks, or tries, is not punished."""

import players
import pytest

from swarmlab.drills import Drill
from swarmlab.traffic.workload import Poisson

LOW = 50


def after(*more):
    """The right repair, and what else is done then."""

    def play(drill):
        players.right(drill)
        for one in more:
            one(drill) if callable(one) else drill.docker(one.format(**drill.incident.chosen))

    return play


def instead(*lines, wait=0.0):
    def play(drill):
        players.looks(drill)
        for line in lines:
            drill.docker(line.format(**drill.incident.chosen))
        drill.run_for(wait)

    return play


def kill_others(drill):
    for run in [run for run in drill.cluster.running if run.service in ("shop", "orders")]:
        drill.docker(f"rm -f $(docker ps -q --filter name={run.service}.{run.slot}.)", run.machine)


def restart_everything(drill):
    for service in [service.spec.name for service in drill.cluster.services]:
        drill.docker(f"service update -d --force {service}")


def reboot_everything(drill):
    for machine in ("manager-1", "worker-1", "worker-2", "worker-3"):
        drill.cluster.restart(machine)


def shut_ports(drill):
    drill.cluster.block("worker-2", 7946)


def bad_deploy(drill):
    drill.run_for(40)
    drill.docker("service update -d --image acme/web:bad --update-parallelism 8 web")


def pace(drill):
    players.looks(drill)
    drill.cluster.pace(f"web.{drill.incident.chosen['slot']}", 1)


def stronger(drill):
    players.right(drill)
    drill.cluster.add_machine("worker-9")


def by_api(drill):
    """What the real client asks for is harm as well."""
    from swarmlab.messages import RemoveObject

    players.right(drill)
    for service in drill.cluster.services:
        if service.spec.name != "web":
            drill.cluster.ask("manager-1", RemoveObject("service", service.id), "DELETE /services")
    drill.run_for(10)


def last_instant(drill):
    """Everything holds when the grade is asked for, and a moment later no more."""
    from swarmlab.messages import UpdateObject
    from swarmlab.objects import replace

    players.right(drill)
    drill.run_for(30)
    for node in drill.cluster.nodes:
        bare = UpdateObject("node", node.id, node.version, replace(node.spec, labels={}))
        drill.cluster.ask("manager-1", bare, "POST /nodes/update")


HARM = {  # the drill, and the right repair with harm that the checks do not see
    "drains good nodes": (
        1,
        after(
            *(f"node update --availability drain worker-{n}" for n in (1, 2, 3, 4)),
            "node update --availability active {first}",
            "node update --availability active {second}",
        ),
    ),
    "drains nodes and takes them back": (
        4,
        after(*(f"node update --availability {how} worker-{n}" for n in (1, 2, 3) for how in ("drain", "active"))),
    ),
    "pauses nodes": (
        6,
        after(
            *(f"node update --availability pause worker-{n}" for n in (1, 2, 3)), "swarm update --task-history-limit 0"
        ),
    ),
    "takes the managers their votes": (8, after("node demote manager-2", "node demote manager-3")),
    "makes everybody a manager": (7, after("node promote worker-1 worker-2 worker-3 worker-4")),
    "kills the tasks of others": (7, after(kill_others)),
    "restarts all services": (6, after(restart_everything)),
    "reboots all machines": (2, after(reboot_everything)),
    "shuts ports": (2, after(shut_ports)),
    "scales others to nothing and back": (
        7,
        after("service scale -d shop=0 orders=0", "service scale -d shop=4 orders=1"),
    ),
    "removes what others use": (3, after("service rm orders", "service rm {big}", "network rm front")),
    "asks the API": (7, by_api),
    "takes the labels away": (10, after(*(f"node update --label-rm zone worker-{n}" for n in (1, 2, 3, 4)))),
}
TRICKS = {  # the drill, and what is no repair at all
    "throws good nodes out": (7, after("node rm --force worker-1 worker-2 worker-3 worker-4")),
    "the hand of god": (4, pace),
    "a machine from nowhere": (4, stronger),
    "so many replicas that the slow one is rare": (4, instead("service scale -d web=100", wait=30)),
    "another image": (6, instead("service update -d --image acme/web:1 {name}")),
    "a health check that sees nothing": (6, instead("service update -d --health-cmd true {name}")),
    "a health check without end": (6, instead("service update -d --health-retries 1000 {name}")),
    "no password at all": (
        8,
        instead(
            "swarm join-token --rotate worker",
            "node rm --force {stranger}",
            "service update -d --secret-rm db_password shop",
            "service update -d --secret-rm db_password agent",
        ),
    ),
    "repaired, then broken again": (7, after(bad_deploy)),
    "broken in the last instant": (1, last_instant),
    "only a heal": (10, lambda drill: (players.looks(drill), drill.cluster.heal())),
}
CHEATS = {**HARM, **TRICKS}
SEEN = {  # what the grade must name
    "drains good nodes": "is left with availability drain, it was active",
    "drains nodes and takes them back": "the volume orders was made anew on ",
    "pauses nodes": "is left with availability pause, it was active",
    "takes the managers their votes": "manager-2 is left as a worker, it was a manager",
    "makes everybody a manager": "worker-1 is left as a manager, it was a worker",
    "kills the tasks of others": "5 tasks that ran, of services that had nothing to do with it, were ended",
    "restarts all services": "service shop was changed, which had nothing to do with it",
    "reboots all machines": "worker-2 was rebooted or switched off",
    "shuts ports": "port 7946/tcp of worker-2 was shut",
    "scales others to nothing and back": "service shop was changed, which had nothing to do with it",
    "removes what others use": "service orders was removed",
    "asks the API": "tasks that ran, of services that had nothing to do with it, were ended",
    "takes the labels away": "worker-1 lost its label zone",
    "the hand of god": "pace: nobody can do that here",
    "a machine from nowhere": "add_machine: nobody can do that here",
}


@pytest.mark.parametrize("name", CHEATS)
def test_a_cheat_scores_low(name):
    which, play = CHEATS[name]
    found = players.grade(which, play, seed=which)
    assert found.score < LOW, found
    assert found.repaired == (name in HARM or name in SEEN), found  # harm alone brings it down
    assert SEEN.get(name, "") in str(found), found


def test_settings_of_the_swarm_that_had_nothing_to_do_with_it_are_small_harm():
    found = players.grade(1, after("swarm update --task-history-limit 1", "swarm join-token --rotate worker"), seed=1)
    assert [one.points for one in found.harm] == [10] and "settings or tokens" in found.harm[0].text
    assert 75 <= found.score < 85


def test_visits_of_ones_own_are_no_visits():
    one, other = Drill(2), Drill(2)
    other.cluster.traffic("http://worker-1:8081/", Poisson(200), name="mine", seconds=200)
    for drill in (one, other):
        players.right(drill)
    assert other.grade().asked < 1.1 * one.grade().asked
    with pytest.raises(ValueError, match="there is a load visitors already"):
        other.cluster.traffic("http://worker-1:8081/", Poisson(200), name="visitors", seconds=200)


def test_who_has_read_the_debrief_repairs_for_practice_only():
    one = Drill(1)
    one.docker("service ls")
    first = one.grade()
    one.debrief()
    players.right(one)
    assert one.grade() == first and first.score == 0
    given = Drill(1)
    given.give_up()
    given.debrief()
    players.right(given)
    assert given.grade().score == 0 and str(given.grade()) == "The catalogue is gone: given up"


def test_a_second_grade_before_the_debrief_counts_what_was_done_since():
    one = Drill(1)
    one.docker("service ls")
    assert one.grade().score == 0
    players.right(one)
    late = one.grade()
    assert late.repaired and late.seconds > 40


def test_the_past_is_not_graded_and_a_drill_is_not_edited():
    one = Drill(4)
    before = one.cluster.at(one.start.time / 1e6 - 30)
    with pytest.raises(ValueError, match="not the cluster of this drill"):
        one.judge(before)
    other = Drill(4, seed=9)
    other.run_for(1)
    with pytest.raises(ValueError, match="not the cluster of this drill"):
        one.judge(other.cluster)
    for name in ("cluster", "incident", "start"):
        with pytest.raises(AttributeError):
            setattr(one, name, getattr(other, name))
    with pytest.raises(AttributeError):
        one.cluster.thinking = 0


def test_what_is_handed_out_of_a_drill_is_a_copy():
    one = Drill(4)
    one.incident.harm["tasks"] = 99
    one.incident.repaired[0][1]["below"] = 99
    one.incident.harm["concerned"].append("shop")
    one.start.volumes.clear()
    again = Drill(4)
    for drill in (one, again):
        players.reckless(drill)
    assert one.grade() == again.grade()


def test_looking_and_rehearsing_cost_nothing_but_time():
    one = Drill(2)
    one.cluster.request("http://worker-1:8080/")
    one.cluster.trace_packet("client", "http://worker-2:8080/", timeout=1)
    one.cluster.fork().docker("service rm shop")
    one.cluster.plan("service scale web=9")
    one.docker("service logs web --tail 1")
    one.docker("exec $(docker ps -q --filter name=web.1.) true")
    players.right(one)
    found = one.grade()
    assert found.repaired and not found.harm
