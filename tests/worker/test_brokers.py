"""Three brokers that need each other, and what lies on their volumes [stacks.md §10: pause_minority, mirrored on two]."""

import random

import pytest
from worker_lab import say, since

from swarmlab import Cluster
from swarmlab.effects import SECOND
from swarmlab.events import (
    BrokerStarted,
    CallAnswered,
    MemberMissed,
    MessagesCopied,
    MessagesRestored,
    QuorumFound,
    QuorumLost,
    ServerJudged,
)
from swarmlab.traffic.workload import Poisson
from swarmlab.worker.apps import App

HELL, HEAVEN = "rabbitmq_rabbit_hell", "rabbitmq_rabbit_heaven"


@pytest.fixture(scope="module")
def fresh():
    cluster = Cluster.from_file("data/clusters/demo-lab.yml", messages=False)
    say(cluster, "stack deploy --detach=true -c data/stacks/rabbitmq.yml rabbitmq")
    cluster.run_for(40)
    return cluster


@pytest.fixture
def cluster(fresh):
    return fresh.fork()


def home(cluster, name):
    """Where a broker runs."""
    return next(task.machine for task in cluster.running if task.service == f"rabbitmq_{name}")


def greet(cluster, times=1):
    return [cluster.request("http://manager-1:5000/greeting?message=Hello").status for _ in range(times)]


# ── all is well ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_greeting_passes_the_client_the_balancer_and_one_broker_after_the_other(cluster):
    found = [cluster.request("http://worker-2:5000/") for _ in range(6)]
    assert all(answer.ok for answer in found)
    ways = [[detail for kind, _, detail in answer.hops if kind == "task"] for answer in found]
    assert all(way[:2] == ["rabbitmq_python-client.1", "rabbitmq_rabbit.1"] for way in ways)
    assert sorted(way[2] for way in ways) == [f"rabbitmq_rabbit{n}.1" for n in (1, 1, 2, 2, 3, 3)]


def test_each_message_lies_on_exactly_two_brokers(cluster):
    greet(cluster, 9)
    cluster.run_for(5)
    assert [(one.messages, one.mirror, one.copied) for one in cluster.messages()] == [
        (3, "rabbit2", 3),
        (3, "rabbit3", 3),
        (3, "rabbit1", 3),
    ]


# ── rabbit_hell is cut ───────────────────────────────────────────────────────────────────────────────────────────


def test_the_one_that_sees_nobody_pauses_after_the_net_ticktime_and_the_balancer_takes_it_out(cluster):
    begin, lonely = cluster.now, home(cluster, "rabbit2")
    cluster.unplug(lonely, HELL)
    cluster.run_for(30)
    assert greet(cluster, 6) == [200] * 6  # nobody has noticed, and every client still reaches all three
    cluster.run_for(70)
    (paused,) = since(cluster, begin, QuorumLost)
    assert paused.source == lonely and 45 <= paused.time / SECOND - begin <= 76
    out = [record for record in since(cluster, begin, ServerJudged) if record.fact.farm == "messages"]
    assert [(record.fact.server, record.fact.up) for record in out] == [("rabbit2", False)]
    assert 10 <= (out[0].time - paused.time) / SECOND <= 15.1  # three checks, one every 5 s
    cluster.traffic("http://manager-1:5000/", Poisson(20), seconds=10)
    cluster.run_for(15)
    assert {row.status for row in cluster.trace.requests} == {200}
    assert "rabbitmq_rabbit2.1" not in {row.name for row in cluster.trace.calls}


def test_one_that_was_paused_comes_back_by_itself_when_the_network_is_whole_again(cluster):
    lonely = home(cluster, "rabbit2")
    cluster.unplug(lonely, HELL)
    cluster.run_for(100)
    begin = cluster.now
    cluster.plug(lonely, HELL)
    cluster.run_for(30)
    (back,) = since(cluster, begin, QuorumFound)
    assert back.time / SECOND - begin < 2.1 and back.fact.sees >= 2
    assert [record.fact.up for record in since(cluster, begin, ServerJudged)] == [True, True]
    greet(cluster, 9)
    assert {row[2] for row in map(_tasks, [cluster.request("http://worker-1:5000/") for _ in range(3)])} == {
        f"rabbitmq_rabbit{n}.1" for n in (1, 2, 3)
    }


def _tasks(answer):
    return [detail for kind, _, detail in answer.hops if kind == "task"]


def test_where_all_three_are_parted_all_three_pause(cluster):
    for machine in ("worker-1", "worker-2", "worker-3"):
        cluster.unplug(machine, HELL)
    cluster.run_for(110)
    assert len({home(cluster, f"rabbit{n}") for n in (1, 2, 3)}) == 3  # spread, one on each worker
    assert len(cluster.trace.of(QuorumLost)) == 3 and greet(cluster) == [503]


def test_the_other_network_of_the_brokers_says_nothing_about_their_cluster(cluster):
    machine = home(cluster, "rabbit2")
    cluster.unplug(machine, HEAVEN)
    cluster.run_for(100)
    assert not cluster.trace.of(QuorumLost, MemberMissed)


# ── a broker away from its volume ────────────────────────────────────────────────────────────────────────────────


def test_a_broker_on_another_node_begins_with_nothing_and_takes_back_what_its_mirror_has(cluster):
    greet(cluster, 12)
    cluster.run_for(5)
    begin, machine = cluster.now, home(cluster, "rabbit2")
    cluster.crash(machine)
    cluster.run_for(60)
    (started,) = [record for record in since(cluster, begin, BrokerStarted) if record.fact.broker == "rabbit2"]
    assert started.source != machine and started.fact.messages == 0
    (restored,) = [record for record in since(cluster, begin, MessagesRestored) if record.fact.broker == "rabbit2"]
    assert (restored.fact.source, restored.fact.messages) == ("rabbit3", 4)
    assert cluster.messages()[1].lost == 0


def test_what_was_on_the_lost_node_alone_is_lost(cluster):
    """The mirror is a second behind: what came in that second has no copy."""
    greet(cluster, 12)
    cluster.run_for(5)
    begin, machine = cluster.now, home(cluster, "rabbit2")
    cluster.unplug(machine, HELL)  # no copies from now on, and nobody has noticed
    greet(cluster, 6)
    cluster.run_for(3)
    cluster.crash(machine)
    cluster.run_for(60)
    broker = cluster.messages()[1]
    assert (broker.messages, broker.lost) == (4, 2)
    assert [record.fact.messages for record in since(cluster, begin, MessagesRestored)] == [4]


def test_a_broker_that_starts_again_on_its_node_finds_its_messages(cluster):
    greet(cluster, 12)
    cluster.run_for(5)
    machine = home(cluster, "rabbit2")
    say(cluster, f"service update -d --force --constraint-add node.hostname=={machine} rabbitmq_rabbit2")
    cluster.run_for(40)
    started = [record.fact for record in cluster.trace.of(BrokerStarted) if record.fact.broker == "rabbit2"]
    assert [fact.messages for fact in started] == [0, 4] and cluster.messages()[1].lost == 0


def test_who_leaves_in_order_is_missed_at_once(cluster):
    begin = cluster.now
    say(cluster, "service scale -d rabbitmq_rabbit2=0")
    cluster.run_for(10)
    assert len(since(cluster, begin, MemberMissed)) == 2 and not since(cluster, begin, QuorumLost)


def test_a_volume_that_is_removed_is_empty_when_it_is_made_again(cluster):
    greet(cluster, 9)
    cluster.run_for(5)
    for name in ("rabbit1", "rabbit2", "rabbit3"):
        say(cluster, f"service scale -d rabbitmq_{name}=0")
    cluster.run_for(10)
    for n in (1, 2, 3):
        machine = next(m for m in ("worker-1", "worker-2", "worker-3") if _has(cluster, m, n))
        result = cluster.docker(f"volume rm rabbitmq_rabbitmq{n}", machine)
        assert result.exit_code == 0, result.stderr
    for name in ("rabbit1", "rabbit2", "rabbit3"):
        say(cluster, f"service scale -d rabbitmq_{name}=1")
    cluster.run_for(30)
    assert [one.began for one in cluster.messages()] == [0, 0, 0]


def _has(cluster, machine, number):
    return f"rabbitmq_rabbitmq{number}" in cluster.docker("volume ls -q", machine).stdout.split()


# ── laws, over runs with faults ──────────────────────────────────────────────────────────────────────────────────


def stormy(cluster, seed):
    """Two minutes with greetings, while networks and machines come and go."""
    dice = random.Random(seed)
    cluster.traffic("http://manager-1:5000/", Poisson(20), seconds=230, name=f"storm-{seed}")
    down: list[str] = []
    for _ in range(6):
        machine = dice.choice(("worker-1", "worker-2", "worker-3"))
        if machine in down:
            cluster.restart(machine)
            down.remove(machine)
        elif not down and dice.random() < 0.3:
            cluster.crash(machine)
            down.append(machine)
        else:
            (cluster.unplug if dice.random() < 0.6 else cluster.plug)(machine, HELL)
        cluster.run_for(dice.choice((5, 40, 75)))
        greet(cluster, 2)
    cluster.run_for(10)
    return cluster


def answers_while_paused(cluster):
    """Answers of brokers that did not see enough of their cluster when they gave them; should be none."""
    able: dict[str, list[tuple[int, int]]] = {}
    for record in cluster.trace.of(QuorumFound, QuorumLost):
        spans = able.setdefault(record.fact.task, [])
        if isinstance(record.fact, QuorumFound):
            assert record.fact.sees >= record.fact.least
            spans.append((record.time, 1 << 62))
        else:
            spans[-1] = (spans[-1][0], record.time)
    said = [
        (row.task, row.done) for row in cluster.trace.calls if row.status == 200 and row.source.endswith("rabbit.1")
    ]
    singles = [record for record in cluster.trace.of(CallAnswered) if record.fact.status == 200]
    said += [(r.fact.by, r.time - 5_000) for r in singles if r.fact.service.startswith("rabbit") and r.fact.by in able]
    return [one for one in said if not any(begin <= one[1] <= end for begin, end in able.get(one[0], []))]


@pytest.mark.parametrize("seed", range(6))
def test_no_greeting_is_answered_by_a_paused_broker(fresh, seed):
    cluster = stormy(fresh.fork(), seed)
    assert answers_while_paused(cluster) == []
    assert sum(row.status == 200 for row in cluster.trace.requests) > 100


def test_that_law_catches_brokers_that_answer_whatever_they_see(fresh, monkeypatch):
    monkeypatch.setattr(App, "shut", property(lambda app: None))
    assert any(answers_while_paused(stormy(fresh.fork(), seed)) for seed in range(3))


def test_messages_never_become_more_than_were_answered(fresh):
    cluster = stormy(fresh.fork(), 11)
    answered = sum(row.status == 200 for row in cluster.trace.calls if row.source.endswith("rabbit.1"))
    singles = sum(
        record.fact.status == 200 for record in cluster.trace.of(CallAnswered) if record.fact.service != "rabbit"
    )
    worked = sum(row.done >= 0 for row in cluster.trace.calls if row.source.endswith("rabbit.1"))
    assert 0 < sum(one.messages for one in cluster.messages()) <= max(answered, worked) + 2 * singles
    assert cluster.trace.of(MessagesCopied)
