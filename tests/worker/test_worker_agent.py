"""The agent: sessions, assignments, reports [swarm.md §12, §13]."""

import pickle
from itertools import pairwise

import pytest
from worker_rig import FRONT, MANAGERS, Rig, facts, open_session, sent, task, told

from swarmlab.effects import MS, NEVER, SECOND, WOKEN, Tell
from swarmlab.events import TaskProgressed
from swarmlab.messages import (
    Assignments,
    Attach,
    BeNode,
    BeNothing,
    Call,
    Detach,
    Discard,
    Endpoint,
    Exited,
    Expose,
    HealthIs,
    Heartbeat,
    HeartbeatAnswer,
    KeepOnly,
    ListNetworks,
    ManagersChanged,
    NetworkKeys,
    NetworkRow,
    NetworksHere,
    OpenSession,
    Prepare,
    Prepared,
    Registered,
    Reply,
    Running,
    SessionAnswer,
    SessionInvalid,
    Start,
    StatusAnswer,
    StatusReport,
    Stop,
    Withdraw,
)
from swarmlab.objects import (
    FAILED,
    PREPARING,
    READY,
    RUNNING,
    SHUTDOWN,
    STARTING,
    Attachment,
    Config,
    Description,
    Secret,
    Service,
    replace,
)
from swarmlab.worker.agent import Agent


@pytest.fixture
def rig():
    rig = Rig(Agent, Description("worker-1"), "10.0.0.9")
    rig.effects = rig.told("engine", BeNode("node1", MANAGERS))
    return rig


def run_task(rig, id="t1"):
    rig.told("executor", Prepared(id, "c" + id))
    return rig.told("executor", Running(id))


def test_a_machine_outside_a_swarm_wants_nothing():
    assert Rig(Agent, Description(), "a").quiet


def test_a_new_node_opens_a_session_with_some_manager_it_knows(rig):
    (opening,) = sent(rig.effects, OpenSession)
    assert opening.channel == "manager" and opening.to in ("manager-1", "manager-2", "manager-3")
    effects = rig.heard(opening.to, SessionAnswer("S", 5 * SECOND, MANAGERS, "worker"))
    assert told(effects, "engine") == [Registered("worker")]


def test_the_patience_after_a_failure_is_drawn_below_twice_the_last_and_a_tenth_of_a_second(rig, monkeypatch):
    """§13: b = min(100 ms + 2b, 8 s), and the wait is uniform in [0, b)."""
    monkeypatch.setattr(rig.core.dice, "random", lambda: 0.5, raising=False)
    waits = []
    for _ in range(9):
        begun = rig.now
        rig.heard(rig.core.manager, SessionInvalid("no leader"))
        while not sent(rig.run_for(1 * MS), OpenSession):
            pass
        waits.append((rig.now - begun) // MS - 1)
    assert waits == [50, 150, 350, 750, 1550, 3150, 4000, 4000, 4000]


def test_secrets_and_configs_come_with_the_tasks_and_go_when_they_are_withdrawn(rig):
    secret, config = Secret("k1"), Config("c1")
    rig.heard(rig.core.manager, SessionAnswer("S", 5 * SECOND, MANAGERS, "worker"))
    rig.heard(rig.core.manager, Assignments("S", 0, True, (task(),), secrets=(secret,), configs=(config,)))
    assert rig.core.files == {"k1": secret, "c1": config}
    rig.heard(rig.core.manager, Assignments("S", 1, False, (), withdrawn=("k1",)))
    assert rig.core.files == {"c1": config}
    assert not [key for key in rig.values if "k1" in str(rig.values[key])]  # never on disk


OWN = (*MANAGERS, ("node1", "worker-1", "10.0.0.9"))


def test_the_agent_of_a_manager_asks_its_own_manager(rig):
    """SwarmKit connectionbroker: as long as a manager runs here, it is the one."""
    own = Rig(Agent, Description("worker-1"), "10.0.0.9")
    (opening,) = sent(own.told("engine", BeNode("node1", OWN)), OpenSession)
    assert opening.to == "worker-1"
    own.heard("worker-1", SessionInvalid("no leader"))
    (again,) = sent(own.run_for(100 * MS), OpenSession)
    assert again.to == "worker-1"


def test_an_agent_whose_own_manager_has_refused_it_for_long_asks_the_others(rig):
    own = Rig(Agent, Description("worker-1"), "10.0.0.9")
    own.told("engine", BeNode("node1", OWN))
    asked = [effect.to for _ in range(3000) for effect in sent(own.run_for(50 * MS), OpenSession)]
    assert set(asked[:5]) == {"worker-1"} and set(asked[8:]) > {"worker-1"}


def test_it_beats_after_each_period_and_takes_over_the_period_and_the_managers(rig):
    open_session(rig)
    (beat,) = sent(rig.run_for(5 * SECOND), Heartbeat)
    assert beat.message == Heartbeat("node1", "S")
    assert told(rig.heard(beat.to, HeartbeatAnswer(4 * SECOND, MANAGERS[:2])), "engine") == [
        ManagersChanged(MANAGERS[:2])
    ]
    assert not rig.run_for(4 * SECOND - 1)
    assert sent(rig.run_for(1), Heartbeat)


def test_the_managers_of_which_it_hears_are_those_that_it_and_its_engine_know(rig):
    """The leader says at once when one comes or goes."""
    open_session(rig)
    effects = rig.heard("manager-1", ManagersChanged(MANAGERS[:1]))
    assert rig.core.managers == MANAGERS[:1] and told(effects, "engine") == [ManagersChanged(MANAGERS[:1])]
    assert not rig.heard("manager-1", ManagersChanged(MANAGERS[:1]))


def test_no_answer_within_one_period_and_it_turns_to_another_manager_with_growing_patience(rig):
    open_session(rig)
    first = rig.core.manager
    rig.run_for(10 * SECOND)
    (again,) = sent(rig.run_for(100 * MS), OpenSession)
    assert again.to != first
    gaps, last = [], rig.now
    while rig.now < 200 * SECOND:
        if sent(rig.run_for(1 * MS * 50), OpenSession):
            gaps.append(rig.now - last)
            last = rig.now
    assert max(gaps) > 8 * SECOND and max(gaps) <= 13 * SECOND + 50 * MS  # 5 s of waiting and up to 8 s of back-off


@pytest.mark.parametrize("reason", ["session invalid", "no leader", "rate limit"])
def test_an_invalid_session_is_opened_again(rig, reason):
    open_session(rig)
    rig.run_for(5 * SECOND)
    assert not rig.heard(rig.core.manager, SessionInvalid(reason))
    assert sent(rig.run_for(100 * MS), OpenSession)
    assert not rig.heard("manager-1", HeartbeatAnswer(SECOND, ()))  # of the old session


def test_a_report_that_a_new_leader_does_not_understand_opens_the_session_again(rig):
    open_session(rig)
    rig.heard("manager-1", SessionInvalid("session invalid"))  # a copy of an old answer
    assert rig.core.session
    rig.heard("manager-1", Assignments("S", 1, False, (task(),)))
    rig.heard("manager-1", SessionInvalid("session invalid"))
    assert sent(rig.run_for(100 * MS), OpenSession)


def test_a_task_walks_to_running_and_every_state_is_a_fact(rig):
    effects = open_session(rig, task())
    assert [fact.state for fact in facts(effects)] == ["assigned", "accepted", "preparing"]
    _, wish = told(effects, "executor")
    assert isinstance(wish, Prepare) and (wish.key, wish.image, wish.name) == ("t1", "nginx", "web.1.t1")
    assert wish.labels["com.docker.swarm.service.name"] == "web"
    effects = rig.told("executor", Prepared("t1", "c1"))
    assert told(effects, "executor") == [Start("t1")]
    effects = rig.told("executor", Running("t1"))
    assert facts(effects) == [TaskProgressed("t1", "web", 1, "running", "")]
    (report,) = sent(effects, StatusReport)
    assert report.message.statuses[0][:3] == ("t1", RUNNING, "started")


def test_a_running_task_is_exposed_with_its_addresses_and_those_of_its_service(rig):
    service = Service("s1", virtual_ips=(Attachment("net1", "10.0.1.2/24"),))
    rig.heard(rig.core.manager, SessionAnswer("S", 5 * SECOND, MANAGERS, "worker"))
    rig.heard(rig.core.manager, Assignments("S", 0, True, (task(),), (), (FRONT,), (service,)))
    rig.told("executor", Prepared("t1", "ct1"))
    (shown,) = told(rig.told("executor", Running("t1")), "mesh")
    own, shared = (("net1", "front", "10.0.1.5"),), (("net1", "front", "10.0.1.2"),)
    assert shown == Expose(
        Endpoint("t1", "web.1", "s1", "web", "worker-1", own, shared, (), (), "vip", "10.0.0.9", "ct1")
    )
    # What an update changes is for the tasks after it: this one was made with what its service had then [moby: task.Endpoint].
    for number, addresses in ((1, (Attachment("net1", "10.0.1.3/24"),)), (2, ())):
        moved = replace(service, virtual_ips=addresses)
        assert not told(rig.heard("manager-1", Assignments("S", number, False, (), (), (), (moved,))), "mesh")


def test_a_task_desired_ready_waits_there(rig):
    open_session(rig, task(desired=READY))
    effects = rig.told("executor", Prepared("t1", "c1"))
    assert not told(effects, "executor")
    effects = rig.heard("manager-1", Assignments("S", 1, False, (task(desired=RUNNING),)))
    assert told(effects, "executor") == [Start("t1")]


def test_stopping_leaves_the_balancers_waits_two_seconds_and_then_sends_the_signal(rig):
    open_session(rig, task())
    run_task(rig)
    effects = rig.heard("manager-1", Assignments("S", 1, False, (task(desired=SHUTDOWN),)))
    assert told(effects, "mesh") == [Withdraw("t1")] and not told(effects, "executor")
    assert not told(rig.run_for(2 * SECOND - 1), "executor")
    assert told(rig.run_for(1), "executor") == [Stop("t1", 10 * SECOND)]
    effects = rig.told("executor", Exited("t1", 0))
    assert facts(effects) == [TaskProgressed("t1", "web", 1, "shutdown", "")]
    assert told(effects, "mesh") == [Detach("t1"), NetworksHere(())]


def test_a_task_that_is_leaving_is_not_shown_again_whatever_changes_around_it(rig):
    open_session(rig, task())
    run_task(rig)
    rig.heard("manager-1", Assignments("S", 1, False, (task(desired=SHUTDOWN),)))
    renamed = replace(FRONT, spec=replace(FRONT.spec, name="forward"))
    said = told(rig.heard("manager-1", Assignments("S", 2, False, (), (), (renamed,))), "mesh")
    assert not [message for message in said if isinstance(message, Attach | Expose)]


def test_a_task_on_no_swarm_network_is_stopped_at_once_but_withdrawn_first(rig):
    open_session(rig, task(networks=()))
    run_task(rig)
    effects = rig.heard("manager-1", Assignments("S", 1, False, (task(desired=SHUTDOWN, networks=()),)))
    tells = [effect for effect in effects if isinstance(effect, Tell)]
    assert tells == [Tell("mesh", Withdraw("t1")), Tell("executor", Stop("t1", 10 * SECOND))]


def test_a_crash_of_the_process_is_detached_and_reported_as_failed(rig):
    open_session(rig, task())
    run_task(rig)
    effects = rig.told("executor", Exited("t1", 1))
    assert told(effects, "mesh") == [Detach("t1"), NetworksHere(())]
    (report,) = sent(effects, StatusReport)
    status = report.message.statuses[0]
    assert (status.state, status.message, status.err) == (FAILED, "started", "task: non-zero exit (1)")


def test_statuses_are_reported_again_until_they_are_acknowledged(rig):
    open_session(rig, task())
    run_task(rig)
    assert sent(rig.run_for(2 * SECOND), StatusReport)
    rig.heard("manager-1", StatusAnswer((("t1", STARTING),)))
    assert sent(rig.run_for(2 * SECOND), StatusReport)
    rig.heard("manager-1", StatusAnswer((("t1", RUNNING),)))
    assert not sent(rig.run_for(900 * MS), StatusReport)


def test_each_new_state_is_reported_once_however_many_are_not_acknowledged(rig):
    """A node with thousands of tasks would else say each of them thousands of times."""
    tasks = [task(f"t{number}") for number in range(5)]
    open_session(rig, *tasks)
    reports = [run_task(rig, one.id) for one in tasks]
    assert [[s.task for e in sent(each, StatusReport) for s in e.message.statuses] for each in reports] == [
        [one.id] for one in tasks
    ]
    (again,) = sent(rig.run_for(2 * SECOND), StatusReport)
    assert [s.task for s in again.message.statuses] == [one.id for one in tasks]


def test_without_managers_containers_run_on_and_changes_are_reported_at_the_next_session(rig):
    open_session(rig, task("t1"), task("t2"))
    run_task(rig, "t1"), run_task(rig, "t2")
    rig.heard("manager-1", StatusAnswer((("t1", RUNNING), ("t2", RUNNING))))
    effects = rig.run_for(60 * SECOND)
    assert not told(effects, "executor") and not told(effects, "mesh")
    assert not sent(rig.told("executor", Exited("t2", 1)), StatusReport)
    effects = rig.heard("manager-1", SessionAnswer("T", 5 * SECOND, MANAGERS, "worker"))
    assert ("t2", FAILED) in [(s.task, s.state) for s in sent(effects, StatusReport)[0].message.statuses]


def test_a_task_that_is_no_longer_assigned_is_discarded(rig):
    open_session(rig, task("t1"), task("t2"))
    run_task(rig, "t1")
    effects = rig.heard("manager-1", Assignments("S", 1, False, (), ("t1",)))
    assert told(effects, "mesh") == [Detach("t1"), NetworksHere(())] and told(effects, "executor") == [Discard("t1")]
    effects = rig.heard("manager-1", Assignments("S", 2, True, (), (), (FRONT,)))
    assert told(effects, "executor") == [Discard("t2"), KeepOnly(())]
    assert not [key for key in rig.values if key.startswith("task ")]


def test_a_missing_increment_makes_it_ask_for_everything_again(rig):
    open_session(rig)
    assert not rig.heard("manager-1", Assignments("S", 2, False, (task(),)))
    assert sent(rig.run_for(100 * MS), OpenSession)


def test_a_lost_last_increment_shows_at_the_next_heartbeat(rig):
    open_session(rig)
    rig.run_for(5 * SECOND)
    rig.heard("manager-1", HeartbeatAnswer(5 * SECOND, (), sequence=1))
    assert sent(rig.run_for(100 * MS), OpenSession)


def test_a_lost_first_set_is_missed_too(rig):
    rig.heard(rig.core.manager, SessionAnswer("S", 5 * SECOND, MANAGERS, "worker"))
    effects = rig.run_for(5 * SECOND + 100 * MS)
    assert sent(effects, OpenSession) and not sent(effects, Heartbeat)


def test_assignments_twice_or_of_another_session_change_nothing(rig):
    open_session(rig, task())
    assert not rig.heard("manager-1", Assignments("S", 0, True, ()))
    assert not rig.heard("manager-1", Assignments("old", 9, True, ()))


def test_a_task_that_ran_when_the_power_went_is_found_dead(rig):
    open_session(rig, task("t1"), task("t2", desired=READY))
    run_task(rig, "t1")
    rig.told("executor", Prepared("t2", "c2"))
    assert rig.boot() == []
    effects = rig.told("engine", BeNode("node1", MANAGERS))
    assert facts(effects) == [TaskProgressed("t1", "web", 1, "failed", "task: non-zero exit (137)")]
    assert sent(effects, OpenSession) and not told(effects, "executor")
    effects = rig.heard("manager-1", SessionAnswer("T", 5 * SECOND, MANAGERS, "worker"))
    reported = {status.task: status.state for status in sent(effects, StatusReport)[0].message.statuses}
    assert reported == {"t1": FAILED, "t2": READY}


def test_a_node_that_leaves_removes_its_containers_and_forgets(rig):
    open_session(rig, task())
    run_task(rig)
    effects = rig.told("engine", BeNothing())
    assert told(effects, "executor") == [Discard("t1")]
    assert told(effects, "mesh") == [Detach("t1"), NetworksHere(()), NetworkKeys(())]
    assert rig.values == {} and rig.core.deadline == NEVER


def test_it_knows_the_networks_its_tasks_use(rig):
    open_session(rig, task())
    row = NetworkRow("net1", "front", "overlay", "swarm", {}, "10.0.1.0/24")
    assert rig.told("engine", Call(4, ListNetworks())) == [Tell("engine", Reply(4, (row,)))]


def test_the_agent_is_plain_data(rig):
    open_session(rig, task())
    twin = pickle.loads(pickle.dumps(rig.core))
    assert twin.deadline == rig.core.deadline
    assert twin.step(WOKEN, twin.deadline) == rig.core.step(WOKEN, rig.core.deadline) != []


@pytest.mark.parametrize("seed", range(5))
def test_after_a_failure_it_never_tries_the_same_manager_at_once(seed):
    rig = Rig(Agent, Description(), "a", seed=seed)
    tried = [opening.to for opening in sent(rig.told("engine", BeNode("node1", MANAGERS)), OpenSession)]
    while len(tried) < 8:
        tried += [opening.to for opening in sent(rig.run_for(SECOND), OpenSession)]
    assert all(one != then for one, then in pairwise(tried))


def test_a_desired_state_never_goes_back(rig):
    open_session(rig, task(desired=SHUTDOWN))
    effects = rig.heard("manager-1", Assignments("S", 1, False, (task("t1", desired=RUNNING),)))
    assert not facts(effects) and rig.core.works["t1"].task.desired == SHUTDOWN


def test_a_repeated_session_answer_does_not_lose_the_assignments(rig):
    open_session(rig, task())
    assert not rig.heard("manager-1", SessionAnswer("S", 5 * SECOND, MANAGERS, "worker"))
    assert rig.core.sequence == 0


def test_a_second_session_replaces_the_first_and_begins_anew(rig):
    open_session(rig, task())
    rig.heard("manager-2", SessionAnswer("T", 5 * SECOND, MANAGERS, "worker"))
    effects = rig.heard("manager-2", Assignments("T", 0, True, ()))
    assert told(effects, "executor")[0] == Discard("t1") and rig.core.manager == "manager-2"


# ── an address of the node itself ────────────────────────────────────────────────────────────────────────────────


def states(effects):
    return [fact.state for fact in facts(effects) if isinstance(fact, TaskProgressed)]


def assign(rig, sequence, *tasks, attached):
    own = tuple(Attachment(network, "10.0.1.9/24") for network in attached)
    message = Assignments("S", sequence, False, tasks, (), (FRONT,), (), attached=own)
    return rig.heard(rig.core.manager, message)


def test_a_task_waits_in_preparing_for_an_address_of_its_node(rig):
    """§9, §13: on each network of the task; then it goes on."""
    open_session(rig)
    effects = assign(rig, 1, task(), attached=("ingress",))
    assert told(effects, "executor") == [] and states(effects)[-1] == "preparing"
    assert [type(wish) for wish in told(assign(rig, 2, attached=("ingress", "net1")), "executor")] == [Prepare]


def test_without_that_address_it_is_rejected_after_half_a_minute(rig):
    """§9: where a network is full."""
    open_session(rig, period=60 * SECOND)
    assign(rig, 1, task(), attached=())
    rig.heard(rig.core.manager, StatusAnswer((("t1", PREPARING),)))
    assert states(rig.run_for(29 * SECOND)) == []
    effects = rig.run_for(2 * SECOND)
    assert states(effects) == ["rejected"] and rig.core.works["t1"].message == "preparing"
    (report,) = [send.message for send in sent(effects, StatusReport)]
    assert report.statuses[0].err == "node is missing network attachments, ip addresses may be exhausted"


def test_after_a_boot_the_wait_begins_anew(rig):
    open_session(rig)
    assign(rig, 1, task(), attached=())
    rig.run_for(20 * SECOND)
    rig.boot()
    rig.told("engine", BeNode("node1", MANAGERS))
    assert rig.core.works["t1"].waits and rig.core.works["t1"].wake == rig.now + 30 * SECOND


def test_all_assignments_say_which_containers_may_stay(rig):
    """§13: a crash may have left one behind whose task the agent knows no more."""
    effects = open_session(rig, task("a"), task("b"))
    assert [wish.keys for wish in told(effects, "executor") if isinstance(wish, KeepOnly)] == [("a", "b")]


# ── entering and leaving [§17] ───────────────────────────────────────────────────────────────────────────────────


def heard_of(effects):
    """What the mesh and the runtime are told, in order, by name."""
    ordered = [effect.message for effect in effects if isinstance(effect, Tell) and effect.core in ("mesh", "executor")]
    return [type(message).__name__ for message in ordered]


def test_a_task_enters_attached_with_its_container_and_is_exposed_when_it_runs(rig):
    open_session(rig, task())
    assert heard_of(rig.told("executor", Prepared("t1", "c1"))) == ["NetworksHere", "Attach", "Start"]
    assert heard_of(rig.told("executor", Running("t1"))) == ["Expose"]


def test_with_a_health_check_it_is_exposed_by_the_first_success_and_starting_until_then(rig):
    open_session(rig, task())
    rig.told("executor", Prepared("t1", "c1"))
    assert rig.told("executor", Running("t1", "starting")) == [] and rig.core.works["t1"].state == STARTING
    effects = rig.told("executor", HealthIs("t1", "healthy"))
    assert heard_of(effects) == ["Expose"] and states(effects) == ["running"]
    assert heard_of(rig.told("executor", HealthIs("t1", "healthy"))) == []


def test_an_unhealthy_one_leaves_the_names_then_is_stopped_then_is_gone_and_failed(rig):
    """§13: with the two seconds if it is on a network of the swarm."""
    open_session(rig, task())
    run_task(rig)
    assert heard_of(rig.told("executor", HealthIs("t1", "unhealthy"))) == ["Withdraw"]
    assert heard_of(rig.run_for(2 * SECOND - 1)) == [] and heard_of(rig.run_for(1)) == ["Stop"]
    effects = rig.told("executor", Exited("t1", 143))
    assert heard_of(effects) == ["Detach", "NetworksHere"] and states(effects) == ["failed"]
    assert rig.core.works["t1"].err == "task: non-zero exit (143): dockerexec: unhealthy container"


def test_an_unhealthy_one_that_ends_with_0_is_complete(rig):
    """§13, as recorded: nginx obeys the stop signal and exits with 0."""
    open_session(rig, task(networks=()))
    run_task(rig)
    assert heard_of(rig.told("executor", HealthIs("t1", "unhealthy"))) == ["Withdraw", "Stop"]  # on no network
    assert states(rig.told("executor", Exited("t1", 0))) == ["complete"] and not rig.core.works["t1"].err


def test_one_that_never_got_healthy_was_never_exposed(rig):
    open_session(rig, task())
    rig.told("executor", Prepared("t1", "c1"))
    rig.told("executor", Running("t1", "starting"))
    assert heard_of(rig.told("executor", HealthIs("t1", "unhealthy"))) == []
    assert heard_of(rig.run_for(2 * SECOND)) == ["Stop"]
    assert rig.told("executor", HealthIs("t1", "healthy")) == []  # too late
    effects = rig.told("executor", Exited("t1", 1))
    assert states(effects) == ["failed"] and heard_of(effects) == ["Detach", "NetworksHere"]


def test_an_unhealthy_one_that_is_no_longer_wanted_ends_as_shutdown(rig):
    open_session(rig, task())
    run_task(rig)
    rig.told("executor", HealthIs("t1", "unhealthy"))
    assert not heard_of(rig.heard("manager-1", Assignments("S", 1, False, (task(desired=SHUTDOWN),))))
    rig.run_for(2 * SECOND)
    assert states(rig.told("executor", Exited("t1", 143))) == ["shutdown"]


def test_a_machine_that_boots_finds_an_unhealthy_one_dead(rig):
    open_session(rig, task())
    rig.told("executor", Prepared("t1", "c1"))
    rig.told("executor", Running("t1", "starting"))
    rig.told("executor", HealthIs("t1", "unhealthy"))
    rig.boot()
    effects = rig.told("engine", BeNode("node1", MANAGERS))
    assert states(effects) == ["failed"] and rig.core.works["t1"].err == "task: non-zero exit (137)"
