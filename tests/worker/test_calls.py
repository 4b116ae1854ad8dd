"""Containers that ask others before they answer, and balancers in containers: `calls`, `forwards`, `CALLS` [stacks.md §10]."""

from collections import Counter

import pytest
from worker_lab import say

from swarmlab import Cluster
from swarmlab.effects import SECOND
from swarmlab.events import CallAnswered, CallSent, ServerJudged
from swarmlab.traffic.workload import Closed, Constant, Poisson, Workload
from swarmlab.worker.proxying import Proxy, Server, State, farms

CONFIG = """
defaults
    timeout connect 5s
    default-server inter 3s
frontend in
    bind *:5672
    default_backend brokers
backend brokers
    default-server check inter 5s rise 2 fall 3   # these go before the defaults
    server one rabbit1:5672
    server two rabbit2:5672 inter 200
listen pages
    bind :80
    option httpchk GET /
    server web web:8080 check
listen stats
    bind *:9099
    stats enable
"""


@pytest.fixture(scope="module")
def fresh():
    cluster = Cluster(managers=1, workers=3, seed=3, messages=False)
    say(cluster, "network create -d overlay back")
    say(cluster, "service create -d --name db --network back --replicas 2 acme/web")
    say(cluster, "service create -d --name shop --network back --publish 8080:80 --env CALLS=db:80 acme/web")
    cluster.run_for(10)
    return cluster


@pytest.fixture
def cluster(fresh):
    return fresh.fork()


def kinds(response):
    return [kind for kind, _, _ in response.hops]


# ── one request ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_answer_tells_every_hop_of_both_requests(cluster):
    answer = cluster.request("http://manager-1:8080/")
    assert (answer.ok, answer.task) == (True, "shop.1")
    tasks = [detail for kind, _, detail in answer.hops if kind == "task"]
    assert tasks[0] == "shop.1" and tasks[1] in ("db.1", "db.2")
    assert kinds(answer)[-2:] != ["task", "task"] and "virtual IP load balancer" in kinds(answer)


def test_the_trace_says_who_asked_whom_for_which_request(cluster):
    cluster.request("http://manager-1:8080/")
    (sent,), (answered,) = cluster.trace.of(CallSent), cluster.trace.of(CallAnswered)
    assert sent.fact.request == answered.fact.request == cluster._asked
    assert (sent.fact.service, sent.fact.port, answered.fact.status) == ("db", 80, 200)
    assert answered.fact.by in {task.id for task in cluster.tasks if task.service_name == "db"}


def test_a_packet_that_is_followed_is_followed_behind_the_task_too(cluster):
    way = cluster.trace_packet("client", "http://worker-1:8080/")
    (call,) = way.calls
    assert way.ok and call.ok and call.asks == "db:80" and call.hops
    assert "meanwhile a task asks db:80" in repr(way)


@pytest.mark.parametrize(
    ("command", "status"),
    [("service scale -d db=0", 502), ("service rm db", 502)],
)
def test_what_refuses_behind_is_a_bad_gateway(cluster, command, status):
    say(cluster, command)
    cluster.run_for(10)
    answer = cluster.request("http://manager-1:8080/")
    assert (answer.status, answer.ok, answer.error) == (status, False, "")


def test_what_is_silent_behind_is_a_gateway_timeout_after_three_seconds(cluster):
    for task in ("db.1", "db.2"):
        cluster.sicken(task)
    answer = cluster.request("http://manager-1:8080/")
    assert answer.status == 504 and 3 < answer.latency < 3.2


def test_who_is_unwell_behind_says_so_through_the_one_in_front(cluster):
    for task in ("db.1", "db.2"):
        cluster.sicken(task, "unwell")
    assert cluster.request("http://manager-1:8080/").status == 503


def test_a_fork_in_the_middle_of_it_ends_as_the_original_does(cluster):
    other = cluster.fork()
    for one in (cluster, other):
        one.traffic("http://manager-1:8080/", Poisson(200), seconds=2)
    cluster.run_for(0.5)
    twin = cluster.fork()
    for one in (cluster, twin):
        one.run_for(8)
    other.run_for(8.5)
    assert cluster.trace.digest() == twin.trace.digest() == other.trace.digest()
    assert cluster.at(11).trace.calls == [row for row in cluster.trace.calls if row.ended <= 11 * SECOND]


# ── many ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_requests_by_the_thousand_take_the_same_way_and_leave_a_row_for_each_call(cluster):
    cluster.traffic("http://manager-1:8080/", Poisson(100), seconds=5)
    cluster.run_for(10)
    requests, calls = cluster.trace.requests, cluster.trace.calls
    assert len(requests) == len(calls) > 400 and {row.status for row in requests} == {200}
    assert {row.source for row in calls} == {"shop.1"} and {row.name for row in calls} == {"db.1", "db.2"}
    by_number = {row.number: row for row in requests}
    for call in calls:
        outer = by_number[call.number]
        assert outer.done <= call.arrived <= call.started <= call.done <= call.ended <= outer.ended
    assert (
        sum(counts := Counter(row.name for row in calls).values()) == len(calls) and max(counts) <= len(calls) / 2 + 1
    )


def test_many_meet_the_same_errors_behind_as_one(cluster):
    hung, gone = cluster, cluster.fork()
    for task in ("db.1", "db.2"):
        hung.sicken(task)
    say(gone, "service scale -d db=0")
    for one, status in ((hung, 504), (gone, 502)):
        one.run_for(10)
        one.traffic("http://manager-1:8080/", Poisson(20), seconds=3)
        one.run_for(10)
        assert {row.status for row in one.trace.requests} == {status}


def test_the_narrowest_place_limits_them_all():
    """One worker behind of 10 ms each: 100 requests per second, however many come in front; the queue stands there."""
    cluster = Cluster(managers=1, workers=3, seed=4, messages=False)
    say(cluster, "network create -d overlay back")
    say(cluster, "service create -d --name db --network back --env WEB_CONCURRENCY=1 acme/web")
    say(
        cluster,
        "service create -d --name shop --network back --publish 8080:80 --replicas 3 --env CALLS=db:80 acme/web",
    )
    cluster.run_for(10)
    workload = Workload(Closed(20, think=0), service=Constant(0.001))
    cluster.traffic("http://manager-1:8080/", workload, seconds=20)
    cluster.run_for(21)
    rate = len(cluster.trace.requests) / 20
    assert 90 < rate < 110
    queued = [call.started - call.arrived for call in cluster.trace.calls]
    assert sum(queued) / len(queued) > 150_000


def test_containers_that_ask_in_a_circle_find_an_end():
    cluster = Cluster(managers=1, workers=2, seed=4, messages=False)
    say(cluster, "network create -d overlay back")
    say(cluster, "service create -d --name web --network back --publish 8080:80 --env CALLS=web:80 acme/web")
    cluster.run_for(10)
    assert cluster.request("http://manager-1:8080/").status == 502
    assert len(cluster.trace.of(CallSent)) == 20
    cluster.traffic("http://manager-1:8080/", Poisson(5), seconds=2)
    cluster.run_for(10)
    assert {row.status for row in cluster.trace.requests} == {502}
    assert len(cluster.trace.calls) == 20 * len(cluster.trace.requests)


@pytest.mark.parametrize("calls", ["", ":", "db:x", "db:99999999999", "a b", "ü:1", "nowhere:80", ":80"])
def test_whatever_is_written_there_is_a_service_or_a_bad_gateway(calls):
    cluster = Cluster(managers=1, workers=1, seed=4, messages=False)
    cluster.docker(f"service create -d --name web --publish 8080:80 --env 'CALLS={calls}' acme/web")
    cluster.run_for(10)
    assert cluster.request("http://manager-1:8080/").status == (502 if calls else 200)
    cluster.traffic("http://manager-1:8080/", Poisson(5), seconds=2)
    cluster.run_for(10)
    assert {row.status for row in cluster.trace.requests} == {502 if calls else 200}


# ── a balancer with a config file ────────────────────────────────────────────────────────────────────────────────


def test_a_config_file_says_what_listens_where_and_which_servers_are_behind():
    brokers, pages, stats = farms(CONFIG)
    assert brokers.ports == (5672,) and not brokers.http and pages.http and stats.stats
    assert brokers.servers == (
        Server("one", "rabbit1", 5672, True, 5 * SECOND, 2, 3),
        Server("two", "rabbit2", 5672, True, 200_000, 2, 3),
    )
    assert pages.servers == (Server("web", "web", 8080, True, 3 * SECOND, 2, 3),)


def test_a_connection_goes_to_the_server_with_the_fewest_and_ties_to_the_longest_unused():
    proxy = Proxy(farms(CONFIG))
    first, second, third = (proxy.choose(5672) for _ in range(3))
    assert [first.host, second.host, third.host] == ["rabbit1", "rabbit2", "rabbit1"]
    proxy.end(first)
    proxy.end(third)
    assert [proxy.choose(5672).host for _ in range(3)] == ["rabbit1", "rabbit2", "rabbit1"]


def test_nobody_is_chosen_while_all_servers_are_out_and_pages_of_its_own_it_answers_itself():
    proxy = Proxy(farms(CONFIG))
    for state in proxy.states["in"]:
        state.hear(False)
    assert proxy.choose(5672) is None and proxy.choose(9099).host == ""


def test_rise_and_fall_as_haproxy_counts_them():
    """Up at first, out after one failure; then in after `rise`, and out after `fall` in a row [HAProxy: src/checks.c]."""
    state = State(Server("one", "rabbit1", 5672, True, rise=2, fall=3))
    assert state.up and state.hear(False) and not state.up
    assert [state.hear(well) for well in (True, False, True, True)] == [False, False, False, True] and state.up
    assert [state.hear(well) for well in (False, False, True, False, False, False)] == [False] * 5 + [True]


def test_a_balancer_finds_out_by_its_checks_and_the_trace_says_so():
    cluster = Cluster(managers=1, workers=2, seed=6, messages=False)
    say(cluster, "network create -d overlay back")
    text = "defaults\n timeout connect 1s\nlisten in\n bind *:80\n server one web:80 check inter 1s rise 2 fall 3\n"
    cluster.docker("config create haproxy h.cfg", files={"h.cfg": text})
    say(cluster, "service create -d --name web --network back acme/web")
    cluster.run_for(5)
    say(cluster, "service create -d --name front --network back --publish 80:80 "
                 "--config source=haproxy,target=/usr/local/etc/haproxy/haproxy.cfg haproxy")  # fmt: skip
    cluster.run_for(5)
    assert cluster.request("http://manager-1:80/").ok
    begin = cluster.now
    say(cluster, "service scale -d web=0")
    cluster.run_for(10)
    (out,) = cluster.trace.of(ServerJudged)
    assert not out.fact.up and out.fact.server == "one" and 2 < out.time / SECOND - begin < 7
    assert cluster.request("http://manager-1:80/").status == 503
    say(cluster, "service scale -d web=1")
    cluster.run_for(10)
    assert cluster.trace.of(ServerJudged)[-1].fact.up and cluster.request("http://manager-1:80/").ok


@pytest.mark.parametrize(
    "text",
    [
        "# nothing",
        "listen in\n bind *:80\n",
        "frontend in\n bind *:80\n default_backend nowhere\n",
        "listen in\n bind :x\n bind *:99999999\n server a\n server b b:x check inter fall rise -1\n",
        "\0 listen bind server \xff\n server a b:1 check",
        "listen in\n bind *:80\n server a a:80 check inter 0 rise 0 fall 0\n server a a:80 check inter 0\n",
    ],
)
def test_a_config_file_that_says_little_or_nonsense_stops_nothing(text):
    cluster = Cluster(managers=1, seed=6, messages=False)
    cluster.docker("config create haproxy h.cfg", files={"h.cfg": text})
    say(cluster, "service create -d --name front --publish 80:80 "
                 "--config source=haproxy,target=/usr/local/etc/haproxy/haproxy.cfg haproxy")  # fmt: skip
    cluster.run_for(10)
    assert cluster.request("http://manager-1:80/").status in (0, 200, 502, 503)


def test_without_its_config_file_it_is_a_plain_server():
    cluster = Cluster(managers=1, seed=6, messages=False)
    say(cluster, "service create -d --name front --publish 80:80 haproxy")
    cluster.run_for(10)
    assert cluster.request("http://manager-1:80/").ok and not cluster.trace.of(ServerJudged)


# ── a network of one machine ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("wrong", [("nowhere", "back"), ("worker-1", "nowhere"), ("worker-1", None), (None, "back")])
def test_only_what_is_there_can_be_unplugged(cluster, wrong):
    with pytest.raises(ValueError, match=r"no such machine|not found"):
        cluster.unplug(*wrong)


def test_an_unplugged_network_is_silent_for_one_and_for_many_and_only_on_that_machine(cluster):
    front = next(task.machine for task in cluster.running if task.service == "shop")
    cluster.unplug(front, "back")
    away = [task.machine for task in cluster.running if task.service == "db" and task.machine != front]
    assert away and cluster.request("http://manager-1:8080/").status in (200, 504)
    cluster.traffic("http://manager-1:8080/", Poisson(20), seconds=3)
    cluster.run_for(12)
    by_place = {row.machine: set() for row in cluster.trace.calls}
    for row in cluster.trace.calls:
        by_place[row.machine].add(row.status)
    assert all(found == ({200} if machine == front else {0}) for machine, found in by_place.items())
    cluster.plug(front, "back")
    assert [cluster.request("http://manager-1:8080/").status for _ in range(4)] == [200] * 4


def test_a_run_with_an_unplugged_network_is_saved_and_done_again(cluster, tmp_path):
    cluster.unplug("worker-1", "back")
    cluster.request("http://manager-1:8080/")
    path = str(tmp_path / "run.json")
    cluster.save(path)
    assert Cluster.load(path).trace.digest() == cluster.trace.digest()
