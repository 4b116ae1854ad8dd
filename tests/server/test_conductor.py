"""Time that follows the wall clock: who asks meanwhile acts between two events, and the run can be had again."""

import json
import threading

import pytest

from swarmlab import Cluster
from swarmlab.docker.conductor import AHEAD, Conductor, Gone
from swarmlab.effects import SECOND
from swarmlab.events import ApiCalled
from swarmlab.messages import GetObject, Info, ListObjects, PullImage, SwarmJoin
from swarmlab.objects import ApiError, SecretSpec
from swarmlab.paper import as_data, from_data


class Wall:
    """A wall clock that is moved by hand."""

    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def cluster():
    return Cluster(managers=1, workers=1, seed=4)


@pytest.fixture
def by_hand(cluster):
    """A conductor whose beats are the test's."""
    return Conductor(cluster, clock=Wall())


def beats(conductor, seconds, step=0.05):
    for _ in range(round(seconds / step)):
        conductor.clock.seconds += step
        conductor.beat()


def test_simulated_time_follows_the_wall_clock_times_pace(cluster, by_hand):
    begun = cluster.now
    beats(by_hand, 2)
    assert cluster.now - begun == pytest.approx(2, abs=1e-4)
    by_hand.pace = 10
    beats(by_hand, 2)
    assert cluster.now - begun == pytest.approx(22, abs=1e-3)


def test_what_a_cell_runs_by_itself_is_not_waited_for(cluster, by_hand):
    begun = cluster.now
    cluster.run_for(100)
    beats(by_hand, 1)
    assert cluster.now - begun == pytest.approx(101, abs=1e-3)


def test_what_could_not_be_kept_up_with_is_forgotten(cluster, by_hand):
    begun = cluster.now
    by_hand.clock.seconds += 3600  # the lid of the laptop was closed
    by_hand.beat()
    assert cluster.now - begun < 1


def test_an_answer_that_runs_ahead_is_not_counted_twice(cluster, by_hand):
    begun = cluster.now
    for _ in range(20):
        by_hand.session("manager-1").call(ListObjects("node"))
    assert cluster.now > begun
    beats(by_hand, 1)
    assert cluster.now - begun == pytest.approx(1, abs=1e-3)


def test_a_paused_clock_stands_still_and_still_answers(cluster, by_hand):
    by_hand.pause()
    begun = cluster.now
    beats(by_hand, 5)
    assert cluster.now == begun
    assert by_hand.session("manager-1").call(Info()).manager
    assert cluster.now - begun <= AHEAD / SECOND
    by_hand.resume()
    beats(by_hand, 1)
    assert cluster.now - begun > 0.9


def test_without_pace_time_moves_as_far_as_the_request_needs(cluster, by_hand):
    by_hand.pace = 0
    begun = cluster.now
    by_hand.session("worker-1").call(PullImage("nginx"))  # takes longer than a blink
    assert AHEAD / SECOND < cluster.now - begun < 60
    pulled = cluster.now
    beats(by_hand, 5)
    assert cluster.now == pulled


def test_an_impossible_pace_is_refused(cluster):
    for pace in (-1, 2000, True, "fast", None):
        with pytest.raises(ValueError, match="a pace of"):
            Conductor(cluster, pace)


def test_there_is_one_conductor_for_each_cluster(cluster):
    conductor = cluster.conductor(pace=2)
    try:
        assert cluster.conductor() is conductor and conductor.pace == 2
        twin = cluster.fork()
        assert twin._conductor is None and twin.turn is not cluster.turn
    finally:
        conductor.stop()
    assert cluster.conductor() is not conductor
    cluster.conductor().stop()


# ── requests ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_refusal_is_in_the_words_of_docker(by_hand):
    with pytest.raises(ApiError, match="node nobody not found"):
        by_hand.session("manager-1").call(GetObject("node", "nobody"))


def test_only_what_changes_something_is_said_in_the_trace(cluster, by_hand):
    session = by_hand.session("manager-1", "POST /secrets/create")
    session.call(ListObjects("secret"))
    from swarmlab.messages import CreateObject

    session.call(CreateObject(SecretSpec("password", data=b"hunter2")))
    assert [(r.source, r.fact) for r in cluster.trace.of(ApiCalled)] == [
        ("manager-1", ApiCalled("POST /secrets/create"))
    ]
    assert "hunter2" not in cluster.trace.text()


def test_nobody_answers_on_a_machine_that_is_off(cluster, by_hand):
    cluster.crash("worker-1")
    with pytest.raises(Gone):
        by_hand.session("worker-1").call(Info())


def waiting(conductor, machine, request):
    """Somebody who waits for an answer in a thread; what came of it."""
    outcome: list = []
    session = conductor.session(machine)

    def ask():
        try:
            outcome.append(session.call(request))
        except (ApiError, Gone) as fault:
            outcome.append(fault)

    thread = threading.Thread(target=ask)
    thread.start()
    return session, thread, outcome


def in_vain(cluster):
    """A request that takes 20 s: the address belongs to nobody."""
    token = cluster.docker("swarm join-token -q worker").stdout.strip()
    cluster.add_machine("stranger")
    return SwarmJoin(token, "192.168.50.250:2377")


def test_a_request_outlives_the_blink_and_is_answered_when_its_time_has_come(cluster, by_hand):
    _, thread, outcome = waiting(by_hand, "stranger", in_vain(cluster))
    for _ in range(4000):
        by_hand.clock.seconds += 0.05
        with by_hand.moved:
            by_hand.beat()
        thread.join(0.001)
        if not thread.is_alive():
            break
    assert isinstance(outcome[0], ApiError) and "Timeout was reached" in outcome[0].text


@pytest.mark.parametrize("how", ["crash", "reboot", "leave", "stop"])
def test_who_waits_is_told_when_nobody_will_answer(cluster, by_hand, how):
    session, thread, outcome = waiting(by_hand, "stranger", in_vain(cluster))
    while not cluster._asked or not cluster.acts[-1].name == "ask":
        thread.join(0.001)
    if how == "crash":
        cluster.crash("stranger")
    elif how == "reboot":
        cluster.restart("stranger")
    elif how == "leave":
        session.leave()
    else:
        by_hand.stop()
    thread.join(5)
    assert not thread.is_alive() and isinstance(outcome[0], Gone)


def test_one_who_listens_badly_is_left_out_and_time_goes_on(cluster, by_hand, capsys):
    heard = []
    by_hand.listen(lambda: 1 / 0)
    by_hand.listen(lambda: heard.append(cluster.now))
    beats(by_hand, 0.5)
    assert len(heard) == 10 and capsys.readouterr().err.count("ZeroDivisionError") == 1


# ── the run can be had again ─────────────────────────────────────────────────────────────────────────────────────────


def busy_evening(cluster, conductor):
    """Requests, time and acts of a cell, in turns."""
    from swarmlab.messages import CreateObject
    from swarmlab.objects import ContainerSpec, ServiceSpec, TaskSpec

    session = conductor.session("manager-1", "POST /services/create")
    session.call(CreateObject(ServiceSpec("web", {"is": "a label"}, TaskSpec(ContainerSpec("nginx")), replicas=3)))
    for number in range(10):
        beats(conductor, 0.35)
        session.call(Info())
        session.call(ListObjects("task"))
        if number == 4:
            cluster.docker("service scale -d web=1")
        if number == 6:
            cluster.crash("worker-1")
    beats(conductor, 20)


def test_the_same_acts_make_the_same_run(cluster, by_hand, tmp_path):
    busy_evening(cluster, by_hand)
    cluster.save(tmp_path / "run.json")
    assert Cluster.load(tmp_path / "run.json").trace.digest() == cluster.trace.digest()


def test_a_request_can_be_looked_back_on(cluster, by_hand):
    busy_evening(cluster, by_hand)
    for act in cluster.acts[3::7]:
        twin = cluster.at(act.time / SECOND)
        assert (
            twin.trace.text()
            == "".join(line for line in cluster.trace.text().splitlines(True))[: len(twin.trace.text())]
        )
        twin.run_for(1)


def test_a_saved_request_that_makes_no_sense_is_refused_in_one_line(cluster, by_hand, tmp_path):
    by_hand.session("manager-1").call(Info())
    cluster.save(tmp_path / "run.json")
    run = json.loads((tmp_path / "run.json").read_text())
    for nonsense in ({"is": "ApiError", "has": {}}, {"is": "Nothing", "has": {}}, {"is": "Info", "has": {"x": 1}}):
        run["acts"][-1][2]["request"] = nonsense
        (tmp_path / "bad.json").write_text(json.dumps(run))
        with pytest.raises(ValueError, match="is not a run saved by swarmlab"):
            Cluster.load(tmp_path / "bad.json")


def test_a_request_survives_the_paper():
    from swarmlab.messages import CreateObject
    from swarmlab.objects import ConfigSpec

    request = CreateObject(ConfigSpec("c", {"map": "x", "is": "y"}, b"\x00\xff"))
    assert from_data(json.loads(json.dumps(as_data(request)))) == request


def test_cells_and_clients_take_turns(cluster, tmp_path):
    """Many clients ask while a cell runs time and looks: nobody sees half of an event, and the run can be had again."""
    conductor = cluster.conductor(pace=5)
    faults: list = []

    def client():
        session = conductor.session("manager-1")
        try:
            for _ in range(40):
                assert len(session.call(ListObjects("node"))) == 2
        except Exception as fault:  # whatever it is, the test is to show it
            faults.append(fault)

    clients = [threading.Thread(target=client) for _ in range(8)]
    for one in clients:
        one.start()
    for _ in range(50):
        cluster.run_for(0.2)
        assert [node.machine for node in cluster.nodes] == ["manager-1", "worker-1"]
    for one in clients:
        one.join()
    conductor.stop()
    assert not faults
    cluster.save(tmp_path / "run.json")
    assert len(Cluster.load(tmp_path / "run.json").acts) > 320


def test_without_pace_whoever_waits_lets_time_pass_no_faster_than_a_clock(cluster):
    conductor = cluster.conductor(pace=0)
    try:
        begun = cluster.now
        waiting = [threading.Thread(target=conductor.session("manager-1").wait, args=(SECOND // 2,)) for _ in range(3)]
        for thread in waiting:
            thread.start()
        for thread in waiting:
            thread.join()
        assert cluster.now - begun == pytest.approx(0.5, abs=0.3)  # together, not one after another
    finally:
        conductor.stop()


def test_requests_to_a_machine_that_is_off_are_forgotten(cluster, by_hand):
    by_hand._given_up.append((10**6, cluster.machines["manager-1"], cluster.machines["manager-1"].life))
    by_hand.beat()
    assert by_hand._given_up
    cluster.crash("manager-1")
    by_hand.beat()
    assert not by_hand._given_up
