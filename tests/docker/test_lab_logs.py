"""The lab as a whole: lines from the clients to Elasticsearch, measurements of all nodes, faults on their way [stacks.md §10]."""

import os
import random
import subprocess
import sys
from collections import Counter

import pytest
from test_demo_lab import LAB, deployed

from swarmlab import Cluster
from swarmlab.effects import SECOND
from swarmlab.events import LogIndexed, LogShipped, Measured
from swarmlab.traffic.workload import Poisson
from swarmlab.worker import shipping


@pytest.fixture(scope="module")
def fresh():
    cluster = deployed(Cluster.from_file("data/clusters/demo-lab.yml", messages=False), *LAB)
    cluster.run_for(60)
    return cluster


@pytest.fixture
def cluster(fresh):
    return fresh.fork()


def homes(cluster, name):
    return [task.machine for task in cluster.running if task.service == name]


def greet(cluster, seconds=10, rate=10):
    cluster.traffic("http://manager-1:5000/", Poisson(rate), seconds=seconds)


# ── lines ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_each_greeting_leaves_a_line_with_its_time_and_the_line_is_found_within_seconds(cluster):
    begin = cluster.now
    greet(cluster)
    cluster.run_for(20)
    lines = [line for line in cluster.logs(since=begin) if "GET /greeting" in line.line]
    assert len(lines) == len(cluster.trace.requests) > 50
    assert {line.service for line in lines} == {"rabbitmq_python-client"}
    assert all(0 < line.indexed - line.time < 7 for line in lines)  # a second in the driver, five in fluentd
    times = sorted(int(line.line.partition("response_time_ms=")[2]) for line in lines)
    assert times[len(times) // 2] == pytest.approx(30, abs=15)


def test_a_single_greeting_leaves_one_too(cluster):
    begin = cluster.now
    assert cluster.request("http://worker-1:8080/greeting?message=Hello").ok
    cluster.run_for(10)
    (line,) = cluster.logs(since=begin)
    assert (line.task, line.line[:19]) == ("rabbitmq_spring-client.1", '"GET /greeting" 200')


def test_lines_wait_while_there_is_no_fluentd_and_come_later(cluster):
    cluster.docker("service scale -d elastic_fluentd=0")
    cluster.run_for(10)
    before = len(cluster.logs())
    greet(cluster)
    cluster.run_for(20)
    waiting = len(cluster.shipped) - len(cluster.logs())
    assert len(cluster.logs()) == before and waiting == len(cluster.trace.requests)
    cluster.docker("service scale -d elastic_fluentd=1")
    cluster.run_for(30)
    assert len(cluster.logs()) == len(cluster.shipped)


def test_lines_wait_in_fluentd_while_search_has_no_master(cluster):
    cluster.docker("service update -d --constraint-add node.hostname==manager-1 elastic_elasticsearch")
    cluster.run_for(20)
    before = len(cluster.logs())
    greet(cluster)
    cluster.run_for(30)
    assert len(cluster.logs()) == before < len(cluster.shipped)
    cluster.docker("service update -d --constraint-rm node.hostname==manager-1 elastic_elasticsearch")
    cluster.run_for(80)
    assert len(cluster.logs()) == len(cluster.shipped)


def test_what_waits_in_the_driver_is_lost_with_its_machine_and_json_file_with_its_disk(cluster):
    (machine,) = homes(cluster, "rabbitmq_python-client")
    cluster.docker("service scale -d elastic_fluentd=0")
    cluster.run_for(10)
    greet(cluster)
    cluster.run_for(20)
    assert cluster.docker("service logs rabbitmq_python-client").stdout.count("GET /greeting") > 50
    cluster.crash(machine)
    cluster.run_for(20)
    assert (
        "GET /greeting" not in cluster.docker("service logs rabbitmq_python-client").stdout
    )  # nobody is there to tell
    cluster.docker("service scale -d elastic_fluentd=1")
    cluster.restart(machine)
    cluster.run_for(60)
    lost = len(cluster.shipped) - len(cluster.logs())
    assert lost == len([row for row in cluster.trace.requests if row.machine == machine and row.status == 200])


def test_a_full_buffer_says_how_many_lines_it_drops(cluster):
    cluster.docker("service scale -d elastic_fluentd=0")
    cluster.docker("service update -d --log-driver fluentd --log-opt fluentd-buffer-limit=5 rabbitmq_python-client")
    cluster.run_for(15)
    greet(cluster)
    cluster.run_for(20)
    (machine,) = homes(cluster, "rabbitmq_python-client")
    box = cluster.machines[machine].seats["executor"].core.outboxes[24224]
    assert len(box.lines) <= 10


# ── measurements ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_node_is_measured_every_ten_seconds(cluster):
    begin = cluster.now
    cluster.run_for(60)
    rows = [row for row in cluster.measured(since=begin) if not row.task]
    assert Counter(row.node for row in rows) == dict.fromkeys(("manager-1", "worker-1", "worker-2", "worker-3"), 6)
    assert all(0 <= row.cpu <= 1 and 0 < row.memory < 2 * 2**30 for row in rows)  # 2 GB each: it fits


def test_a_loaded_client_is_seen_and_so_is_its_latency(cluster):
    begin = cluster.now
    greet(cluster, seconds=40, rate=50)
    cluster.run_for(45)
    rows = [row for row in cluster.measured(since=begin + 15) if row.service == "rabbitmq_python-client"]
    busy = [row for row in rows if row.time < begin + 40]
    assert busy and all(row.cpu == pytest.approx(50 * 0.015, rel=0.25) for row in busy)
    assert all(row.requests == pytest.approx(500, rel=0.2) and 0.02 < row.latency < 0.1 for row in busy)


def test_a_node_that_is_down_leaves_a_gap(cluster):
    free = next(m for m in ("worker-1", "worker-2", "worker-3") if m not in homes(cluster, "elastic_fluentd"))
    begin = cluster.now
    cluster.crash(free)
    cluster.run_for(60)
    cluster.restart(free)
    cluster.run_for(60)
    times = [row.time for row in cluster.measured(since=begin) if row.node == free and not row.task]
    assert times and min(times) > begin + 60


def test_without_a_master_there_is_a_gap_for_all(cluster):
    cluster.docker("service update -d --constraint-add node.hostname==manager-1 elastic_elasticsearch")
    cluster.run_for(15)
    begin = cluster.now
    cluster.run_for(60)
    assert not cluster.measured(since=begin)


# ── the lab's own commands ───────────────────────────────────────────────────────────────────────────────────────


def test_three_times_the_clients_are_not_three_times_the_throughput(cluster):
    """133 per second for a client, 250 for three brokers: the narrowest place moves."""
    rates = []
    for replicas in (1, 3):
        assert cluster.docker(f"service scale -d rabbitmq_python-client={replicas}").exit_code == 0
        cluster.run_for(10)
        begin = len(cluster.trace.requests)
        cluster.traffic("http://worker-1:5000/", Poisson(120 if replicas == 1 else 230), seconds=20)
        cluster.run_for(30)
        rows = cluster.trace.requests[begin:]
        rates.append(sum(row.status == 200 for row in rows) / 20)
    assert rates[0] < 133 and 1.6 < rates[1] / rates[0] < 2.2


def test_the_lab_with_three_managers_loses_one_and_goes_on():
    cluster = deployed(Cluster.from_file("data/clusters/demo-lab-three-managers.yml", messages=False), *LAB)
    cluster.run_for(60)
    assert len(cluster.running) == 26  # two more nodes for the two services on all of them
    cluster.crash(cluster.leader)
    cluster.run_for(30)
    assert cluster.request("http://worker-1:5000/").ok
    assert cluster.docker("service scale -d rabbitmq_python-client=2").exit_code == 0


def test_with_its_only_manager_lost_greetings_go_on_and_nobody_can_scale(cluster):
    cluster.crash("manager-1")
    cluster.run_for(60)
    assert cluster.request("http://worker-1:5000/").ok
    assert cluster.docker("service scale -d rabbitmq_python-client=2", "worker-1").exit_code == 1


# ── laws ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def storm(cluster, seed):
    """Lines under way while machines and links come and go."""
    dice, workers = random.Random(seed), ("worker-1", "worker-2", "worker-3")
    cluster.docker("service scale -d rabbitmq_python-client=3")
    cluster.run_for(10)
    cluster.traffic("http://manager-1:5000/", Poisson(10), seconds=150, name=f"storm-{seed}")
    for _ in range(5):
        machine, what = dice.choice(workers), dice.random()
        if not cluster.machines[machine].running:
            cluster.restart(machine)
        elif what < 0.25:
            cluster.crash(machine)
        elif what < 0.45:
            cluster.partition({machine}, {name for name in ("manager-1", *workers) if name != machine})
        elif what < 0.9:
            for other in workers:
                if other != machine:
                    cluster.link(machine, other, loss=0.3)
        else:
            cluster.heal()
        cluster.run_for(dice.choice((3.5, 11, 30)))
    cluster.heal()
    for one, other in (("worker-1", "worker-2"), ("worker-1", "worker-3"), ("worker-2", "worker-3")):
        cluster.link(one, other, loss=0)
    for machine in workers:
        if not cluster.machines[machine].running:
            cluster.restart(machine)
    cluster.run_for(150)
    return cluster


def found_twice(cluster):
    """Lines that stand twice in what Elasticsearch holds, or that no driver has ever handed over; should be none."""
    held = cluster.logs()
    printed = Counter((line.node, line.time, line.stream, line.line) for line in cluster.shipped)
    kept = Counter((line.node, line.time, line.stream, line.line) for line in held)
    return list((kept - printed).elements())


@pytest.mark.parametrize("seed", range(5))
def test_every_line_is_found_once_or_never(fresh, seed):
    cluster = storm(fresh.fork(), seed)
    assert found_twice(cluster) == []
    assert len(cluster.logs()) > 0.3 * len(cluster.shipped) > 100
    numbers = Counter((record.fact.node, record.fact.number) for record in cluster.trace.of(LogIndexed))
    assert sum(numbers.values()) - len(numbers) <= 0.02 * len(numbers)  # what was sent twice replaces itself


def test_that_law_catches_a_driver_that_numbers_what_it_sends_again_anew(fresh, monkeypatch):
    right = shipping.ship

    def wrong(here, port, now):
        box = here.outboxes[port]
        here.line_number += 1
        box.lines = [line._replace(number=here.line_number + n) for n, line in enumerate(box.lines)]
        here.line_number += len(box.lines)
        return right(here, port, now)

    monkeypatch.setattr(shipping, "ship", wrong)
    assert any(found_twice(storm(fresh.fork(), seed)) for seed in range(5))


RUN = """
from swarmlab import Cluster
from swarmlab.traffic.workload import Poisson
c = Cluster.from_file("data/clusters/demo-lab.yml", messages=False)
for name in ("registry", "portainer", "elastic", "rabbitmq"):
    c.docker(f"stack deploy --detach=true -c data/stacks/{name}.yml {name}")
c.run_for(50)
c.traffic("http://manager-1:5000/", Poisson(20), seconds=60)
c.run_for(10); c.crash("worker-2"); c.run_for(60)
print(c.trace.digest())
"""


def test_the_lab_is_the_same_run_under_every_hash_seed(root):
    digests = set()
    for seed in ("0", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)}
        done = subprocess.run(
            [sys.executable, "-c", RUN], capture_output=True, text=True, cwd=root, env=environment, check=True
        )
        digests.add(done.stdout)
    assert len(digests) == 1


def test_any_instant_can_be_had_again_and_a_fork_goes_on_as_the_original(cluster):
    greet(cluster, seconds=20)
    cluster.run_for(7.003)
    twin = cluster.fork()
    for one in (cluster, twin):
        one.run_for(30)
    assert cluster.trace.digest() == twin.trace.digest()
    past = cluster.at(cluster.now - 25)
    past.run_for(25)
    assert past.trace.digest() == cluster.trace.digest()


def test_a_trace_with_calls_is_saved_and_loaded_whole(cluster, tmp_path):
    greet(cluster, seconds=5)
    cluster.run_for(15)
    path = str(tmp_path / "trace.json")
    cluster.trace.save(path)
    again = type(cluster.trace).load(path)
    assert again.calls == cluster.trace.calls and again.digest() == cluster.trace.digest()
    assert again.of(LogShipped, Measured) == cluster.trace.of(LogShipped, Measured)
    assert all(record.time >= record.fact.time for record in again.of(Measured)) and SECOND
