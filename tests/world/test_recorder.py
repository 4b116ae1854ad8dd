"""The flight recorder: the same seed is the same run, and a run can be forked, rewound, saved and done again."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from swarmlab import Cluster
from swarmlab.group import RaftGroup

SCENARIO = """
from swarmlab import Cluster
c = Cluster(managers=3, workers=4, seed=11)
c.docker("stack deploy -c data/stacks/voting.yml vote")
c.run_for(10)
for machine in ("worker-1", "manager-2"):
    c.request(f"http://{machine}:5000/")
c.link("manager-1", "worker-2", loss=0.2, latency=0.05)
c.crash(c.leader)
c.run_for(25)
c.freeze("worker-3", 4)
c.partition({"worker-1", "worker-2"}, {"manager-1", "manager-2", "manager-3"})
c.docker("service scale -d vote_vote=5")
c.run_for(30)
c.heal()
c.restart("manager-1")
c.block("worker-4", "7946/udp")
c.docker("service create --name web --replicas 3 -p 8080:80 nginx")
c.crash("worker-2")
c.run_for(40)
c.request("http://worker-4:8080/")
"""


def run_scenario():
    names = {}
    exec(SCENARIO, names)
    return names["c"]


@pytest.fixture(scope="module")
def scenario():
    return run_scenario()


@pytest.fixture(scope="module")
def expected(scenario):
    return scenario.trace.digest()


def test_the_same_seed_is_the_same_run(expected):
    assert run_scenario().trace.digest() == expected


def test_another_seed_is_another_run(expected):
    other = SCENARIO.replace("seed=11", "seed=12")
    names = {}
    exec(other, names)
    assert names["c"].trace.digest() != expected


@pytest.mark.parametrize("hash_seed", ["0", "1", "4242"])
def test_the_run_does_not_depend_on_the_process_or_its_hash_seed(expected, root, hash_seed):
    script = SCENARIO + "\nprint(c.trace.digest())"
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=root, env=environment, check=True
    )
    assert done.stdout.strip() == expected


def test_the_digest_is_the_one_that_was_written_down(expected, root):
    """On every Python version and machine. A change of the engine that learners can see changes this file, too."""
    assert expected == (Path(__file__).parent / "digest.txt").read_text().strip()


def test_two_clusters_side_by_side_never_influence_each_other():
    alone = [Cluster(managers=3, workers=2, seed=seed) for seed in (1, 2)]
    for cluster in alone:
        cluster.run_for(30)
    both = [Cluster(managers=3, workers=2, seed=seed) for seed in (1, 2)]
    for _ in range(30):
        for cluster in both:
            cluster.run_for(1)
    assert [c.trace.digest() for c in both] == [c.trace.digest() for c in alone]


def test_the_digest_is_the_same_with_and_without_messages():
    thick, thin = (Cluster(managers=3, workers=2, seed=4, messages=kept) for kept in (True, False))
    for cluster in (thick, thin):
        cluster.docker("service create -d --name web --replicas 3 nginx")
        cluster.crash("manager-1")
        cluster.run_for(40)
    assert thick.trace.digest() == thin.trace.digest()
    assert thick.trace.messages and not thin.trace.messages


def test_how_time_is_cut_into_pieces_changes_nothing():
    whole, pieces = (Cluster(managers=3, workers=2, seed=4) for _ in range(2))
    whole.run_for(20)
    for _ in range(200):
        pieces.run_for(0.1)
    assert pieces.trace.digest() == whole.trace.digest()


def test_a_fork_goes_on_as_the_original_does_and_differs_when_treated_differently(scenario):
    one, other, third = scenario.fork(), scenario.fork(), scenario.fork()
    one.run_for(30)
    other.run_for(30)
    assert one.trace.text() == other.trace.text()
    third.crash("worker-3")
    third.run_for(30)
    assert third.trace.text() != one.trace.text()
    assert third.trace.text().startswith(scenario.trace.text())


def test_treating_a_fork_differently_leaves_the_original_as_it_was(scenario):
    before = scenario.trace.digest(), scenario.docker is not None, len(scenario.acts), scenario.now
    twin = scenario.fork()
    twin.crash("worker-1")
    twin.docker("service rm web")
    twin.run_for(20)
    assert (scenario.trace.digest(), True, len(scenario.acts), scenario.now) == before


@pytest.mark.parametrize("instant", [0, 0.2, 0.5, 1.0, 5.5, 10.9, 12.345678, 40.0, 80.0, 99.999])
def test_at_gives_the_world_as_it_was(scenario, instant):
    instant = min(instant, scenario.now)
    past = scenario.at(instant)
    assert past.now == pytest.approx(instant)
    known = past.trace.records
    assert scenario.trace.records[: len(known)] == known
    assert all(record.time >= instant * 1e6 for record in scenario.trace.records[len(known) :])


def test_every_past_has_the_same_future_to_the_last_cause():
    """Replayed from any checkpoint to the end, the run is the same: containers that end by themselves included."""
    live = Cluster(managers=3, workers=4, seed=3)
    live.docker("service create -d --name job --replicas 8 alpine sleep 100")
    for n in range(40):
        live.run_for(10)
        if n == 20:
            live.add_machine("worker-9")
        if n == 30:
            live.docker("service create --name x --constraint node.labels.d==s nginx", limit=5)
    busy = [(act.time / 1e6, act.time / 1e6 + 10) for act in live.acts if act.name == "docker"]
    for instant in (95, 130.5, 205.3, 225, 305, 340, 401.25, live.now):
        assert not any(start <= instant < end for start, end in busy)  # a command that is cut has another future
        past = live.at(instant)
        assert [m["name"] for m in past.trace.settings["machines"]].count("worker-9") == (instant > 212)
        past.replay(live.acts[len(past.acts) :], live.kernel.now)
        assert past.trace.digest() == live.trace.digest(), instant


def test_at_is_alive_and_its_future_can_be_another_one(scenario):
    past = scenario.at(12.0)
    past.crash("worker-1")
    past.run_for(40)
    assert "worker-1" not in {task.machine for task in past.running}
    assert any(task.machine == "worker-1" for task in scenario.at(12.0).running)


def test_at_now_is_a_fork(scenario):
    past = scenario.at(scenario.now)
    past.run_for(20)
    fork = scenario.fork()
    fork.run_for(20)
    assert past.trace.digest() == fork.trace.digest()


def test_at_in_the_middle_of_a_command_stops_there_and_can_be_saved(scenario, tmp_path):
    act = next(act for act in scenario.acts if act.details.get("command", "").startswith("service create"))
    middle = act.time / 1e6 + 2
    past = scenario.at(middle)
    assert past.now == pytest.approx(middle) and past.acts[-1].until == round(middle * 1e6)
    past.run_for(10)
    past.save(tmp_path / "run.json")
    assert Cluster.load(tmp_path / "run.json").trace.digest() == past.trace.digest()


def test_a_saved_run_is_done_again_exactly(scenario, expected, tmp_path):
    scenario.save(tmp_path / "run.json")
    again = Cluster.load(tmp_path / "run.json")
    assert again.trace.digest() == expected and again.now == scenario.now
    assert (tmp_path / "run.json").stat().st_size < 20_000


def test_a_saved_run_needs_no_other_files(tmp_path, monkeypatch):
    stack = tmp_path / "stack.yml"
    stack.write_text("version: '3.8'\nservices:\n  web:\n    image: nginx\n")
    cluster = Cluster(managers=1, workers=1, seed=1)
    assert cluster.docker(f"stack deploy -c {stack} shop").exit_code == 0
    cluster.run_for(10)
    cluster.save(tmp_path / "run.json")
    stack.unlink()
    assert Cluster.load(tmp_path / "run.json").trace.digest() == cluster.trace.digest()


def last_backend(backends, request, turn):
    """A balancer of one's own."""
    return backends[-1]


def test_functions_of_ones_own_are_named_in_the_file_and_handed_in_again(tmp_path):
    cluster = Cluster(managers=1, workers=2, seed=1, balancer=last_backend)
    cluster.docker("service create --name web --replicas 3 -p 80:80 nginx")
    answers = {cluster.request("http://worker-1/").task for _ in range(5)}
    assert answers == {"web.3"}
    cluster.save(tmp_path / "run.json")
    with pytest.raises(ValueError, match="balancer of your own, last_backend"):
        Cluster.load(tmp_path / "run.json")
    assert Cluster.load(tmp_path / "run.json", balancer=last_backend).trace.digest() == cluster.trace.digest()


def test_a_file_that_is_no_run_gets_one_clear_line(tmp_path):
    for text in ("[]", "{}", "not json"):
        (tmp_path / "x.json").write_text(text)
        with pytest.raises(ValueError, match="is not a run saved by swarmlab"):
            Cluster.load(tmp_path / "x.json")


def test_every_task_fact_is_explained_back_to_what_somebody_typed(scenario):
    from swarmlab.events import Commanded, TaskStored

    first = next(record for record in scenario.trace.of(TaskStored) if record.fact.state == "running")
    chain = scenario.trace.explain(first)
    assert isinstance(chain[0].fact, Commanded) and chain[0].fact.command.startswith("docker stack deploy")


def test_a_bare_group_of_raft_nodes_elects_within_the_papers_times():
    times = []
    for seed in range(20):
        group = RaftGroup(5, seed=seed)
        assert group.run_until(lambda g: leader(g) is not None, limit=10)
        times.append(group.now)
    assert min(times) > 0.15 and sorted(times)[10] < 0.35


def leader(group):
    return next(
        (n for n, m in group.machines.items() if "raft" in m.seats and m.seats["raft"].core.role == "leader"), None
    )
