"""What must hold in the demo lab whatever happens to it: lines are conserved, measurements are in range, checks go where the
config file says [stacks.md §10]."""

from types import SimpleNamespace

from worker_lab import say

from swarmlab import Cluster
from swarmlab.effects import SECOND
from swarmlab.worker import proxying, shipping
from swarmlab.worker.shipping import Batch, Line

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
