"""What must hold in the demo lab whatever happens to it: its laws, conserved lines, measurements in range, checks that go where
the config file says [stacks.md §10]."""

import random
from types import SimpleNamespace

import pytest
from worker_lab import say

from swarmlab import Cluster
from swarmlab.check import LawBroken, Laws
from swarmlab.effects import SECOND, Note
from swarmlab.events import LinesLost, LogIndexed, LogShipped, MessagesRestored, QuorumFound
from swarmlab.traffic.workload import Poisson
from swarmlab.worker import apps, executor, groups, keeping, measuring, proxying, shipping
from swarmlab.worker.shipping import Batch, Line
from swarmlab.world import OUTSIDE

SERVERS = """
listen in
    bind *:5672
    server one a:1
    server two b:1 check inter 2s
    server three c:1 check inter 4s
"""


def test_only_the_servers_with_check_are_checked():
    due = []
    here = SimpleNamespace(set=lambda *alarm: due.append(alarm))
    proxying.begin(here, "key", proxying.Proxy(proxying.farms(SERVERS)), 0)
    assert [(when, about[2]) for when, _, _, about in due] == [(0, "two"), (2 * SECOND, "three")]


@pytest.mark.parametrize(
    "timeouts, seconds",
    [("connect 1s", 4), ("connect 1s;check 2s", 1), ("connect 5s;check 2s", 4)],
)
def test_a_whole_check_may_take_until_the_next_one_unless_the_file_has_a_timeout_for_it(monkeypatch, timeouts, seconds):
    asked = []
    monkeypatch.setattr(proxying.asking, "ask", lambda *rest: asked.append(rest[4]) or [])
    config = "defaults\n" + "".join(f"timeout {one}\n" for one in timeouts.split(";")) + SERVERS
    proxying.check(
        SimpleNamespace(set=lambda *_: None), "key", proxying.Proxy(proxying.farms(config)), (0, "in", "three"), 0
    )
    assert asked[0].patience == seconds * SECOND - 1


def lines(first, last):
    return tuple(Line(n, n, "web", "id", "web.1", "stdout", "GET /") for n in range(first, last))


def rig():
    """A collector, and nothing around it."""
    app = SimpleNamespace(collector=shipping.Collector(shipping.asking.target("elasticsearch:9200")))
    box = SimpleNamespace(container=SimpleNamespace(started_at=0))
    return SimpleNamespace(apps={"key": app}, boxes={"key": box}, set=lambda *_: None), app.collector


def test_what_came_once_already_needs_no_room(monkeypatch):
    monkeypatch.setattr(shipping, "MOST", 10)
    here, collector = rig()
    assert shipping.take(here, "key", Batch("worker-1", 7, lines(0, 8)), 0)
    assert shipping.take(here, "key", Batch("worker-1", 9, lines(0, 10)), 0) and len(collector.lines) == 10
    assert not shipping.take(here, "key", Batch("worker-1", 10, lines(0, 11)), 0)


def test_who_has_more_lines_than_fluentd_has_room_still_hands_them_over(monkeypatch):
    monkeypatch.setattr(shipping, "MOST", 50)
    monkeypatch.setattr(shipping, "AT_ONCE", 20)
    cluster = Cluster.from_file("data/clusters/demo-lab.yml", messages=False)
    say(cluster, "stack deploy --detach=true -c data/stacks/elastic.yml elastic")
    cluster.run_for(40)
    say(cluster, "service scale -d elastic_fluentd=0")
    driver = "--log-driver fluentd --log-opt fluentd-async=true"
    say(cluster, f"service create -d --name noisy {driver} --publish 8089:80 acme/app")
    cluster.run_for(10)
    for _ in range(80):
        cluster.request("http://worker-1:8089/")
    say(cluster, "service scale -d elastic_fluentd=1")
    cluster.run_for(60)
    assert len([line for line in cluster.logs() if line.service == "noisy"]) >= 80


def test_a_container_that_was_restarted_is_measured_from_its_start():
    cluster = Cluster.from_file("data/clusters/demo-lab.yml", messages=False)
    say(cluster, "stack deploy --detach=true -c data/stacks/elastic.yml elastic")
    say(cluster, "run -d --name page -p 8099:80 acme/web", node="worker-1")
    cluster.run_for(45)
    for _ in range(30):
        cluster.request("http://worker-1:8099/")
    cluster.run_for(12)
    say(cluster, "restart page", node="worker-1")
    cluster.run_for(20)
    mine = [row for row in cluster.measured() if row.task == "page"]
    assert sum(row.requests for row in mine) == 30
    assert all(row.requests >= 0 and row.cpu >= 0 and row.latency >= 0 for row in mine)


def test_a_request_that_hardly_takes_time_takes_some(monkeypatch):
    """Else an alarm that leads to a request on its own machine would be set for an instant that is over."""
    monkeypatch.setattr(executor, "log", lambda _: 0.0)
    cluster = Cluster.from_file("data/clusters/demo-lab.yml", messages=False)
    say(cluster, "stack deploy --detach=true -c data/stacks/elastic.yml elastic")
    cluster.run_for(60)
    assert cluster.measured()


# ── laws, over runs with faults ──────────────────────────────────────────────────────────────────────────────────────

WORKERS = ("worker-1", "worker-2", "worker-3")


@pytest.fixture(scope="module")
def fresh():
    cluster = Cluster.from_file("data/clusters/demo-lab.yml", messages=False)
    for stack in ("elastic", "rabbitmq"):
        say(cluster, f"stack deploy --detach=true -c data/stacks/{stack}.yml {stack}")
    cluster.run_for(40)
    return cluster


def in_memory(machine):
    """Lines that are lost if this machine loses its power now."""
    if not machine.running or "executor" not in machine.seats:
        return 0
    core = machine.seats["executor"].core
    drivers = sum(len(box.lines) for box in core.outboxes.values())
    return drivers + sum(len(app.collector.lines) for app in core.apps.values() if app.collector)


def storm(cluster, seed, turns=12):
    """Whatever may happen in some minutes, under the laws. Returns the lines that went with a machine."""
    Laws(cluster)
    dice, gone = random.Random(f"lab {seed}"), 0
    cluster.traffic("http://worker-1:5000/", Poisson(10), seconds=600, via=list(WORKERS))
    for _ in range(turns):
        one, kind = dice.choice(WORKERS), dice.choice(sorted(TURNS))
        gone += in_memory(cluster.machines[one]) if kind in ("crash", "reboot") else 0
        try:
            TURNS[kind](cluster, one, dice)
        except ValueError:
            pass  # it does not run just now
        cluster.request(f"http://{one}:5000/greeting", timeout=2)
        cluster.run_for(dice.choice((0.01, 1, 5, 30, 70)))
    return gone


TURNS = {
    "crash": lambda cluster, one, dice: cluster.crash(one),
    "reboot": lambda cluster, one, dice: cluster.restart(one),
    "freeze": lambda cluster, one, dice: cluster.freeze(one, 20),
    "cut": lambda cluster, one, dice: cluster.partition([one], [name for name in WORKERS if name != one]),
    "heal": lambda cluster, one, dice: cluster.heal(),
    "unplug": lambda cluster, one, dice: cluster.unplug(one, "rabbitmq_rabbit_hell"),
    "plug": lambda cluster, one, dice: cluster.plug(one, "rabbitmq_rabbit_hell"),
    "block": lambda cluster, one, dice: cluster.block(one, 4789),
    "unblock": lambda cluster, one, dice: cluster.unblock(one, 4789),
    "scale": lambda cluster, one, dice: cluster.docker(
        f"service scale -d rabbitmq_python-client={dice.randint(1, 3)}", limit=5
    ),
    "move": lambda cluster, one, dice: cluster.docker(
        f"service update -d --force rabbitmq_rabbit{dice.randint(1, 3)}", limit=5
    ),
    "drain": lambda cluster, one, dice: cluster.docker(f"node update --availability drain {one}", limit=5),
    "back": lambda cluster, one, dice: cluster.docker(f"node update --availability active {one}", limit=5),
}


@pytest.mark.parametrize("seed", range(3))
def test_the_laws_of_the_lab_hold_in_any_weather_and_no_line_vanishes(fresh, seed):
    cluster = fresh.fork()
    gone = storm(cluster, seed)
    waiting = sum(in_memory(one) for name, one in cluster.machines.items() if name not in OUTSIDE)
    found = len({(record.fact.node, record.fact.number) for record in cluster.trace.of(LogIndexed)})
    lost = sum(record.fact.lines for record in cluster.trace.of(LinesLost))
    printed = sum(record.fact.driver == "fluentd" for record in cluster.trace.of(LogShipped))
    assert printed <= found + lost + waiting + gone  # what was taken, and not thanked for, waits twice
    numbers = [(one.load, one.number) for one in cluster.trace.requests]
    assert len(set(numbers)) == len(numbers) > 100


def serves_anyway(monkeypatch):
    monkeypatch.setattr(apps.App, "shut", property(lambda app: None))


def works_alone(monkeypatch):
    monkeypatch.setattr(groups, "QuorumFound", lambda task, group, sees, least: QuorumFound(task, group, 1, least))


def restores_too_many(monkeypatch):
    def welcomed(shelf, here, key, peer, body, now):
        shelf.own += 1000
        return [Note(MessagesRestored("", shelf.name, peer, shelf.own))]

    monkeypatch.setattr(keeping.Shelf, "welcomed", welcomed)


def answers_twice(monkeypatch):
    back = apps.back
    monkeypatch.setattr(
        apps, "back", lambda here, asked, *rest: [one for one in back(here, asked, *rest) for _ in (1, 2)]
    )


def measures_backwards(monkeypatch):
    measure = measuring.Measured
    monkeypatch.setattr(
        measuring, "Measured", lambda *fields: measure(*fields)._replace(requests=-1) if fields[3] else measure(*fields)
    )


@pytest.mark.parametrize(
    "plant, law",
    [
        (serves_anyway, "paused serves nobody"),
        (works_alone, "enough of them"),
        (restores_too_many, "messages from somewhere"),
        (answers_twice, "one answer"),
        (measures_backwards, "possible measurements"),
    ],
)
def test_each_law_of_the_lab_catches_the_bug_it_is_there_for(fresh, monkeypatch, plant, law):
    plant(monkeypatch)
    with pytest.raises(LawBroken, match=law):
        for seed in range(12):
            storm(fresh.fork(), seed)
