"""Traffic inside a cluster: the same tables, links and containers as a request that is asked alone, by the thousand."""

import json
from collections import Counter
from itertools import combinations, pairwise

import pytest

from swarmlab import Cluster
from swarmlab.events import RequestAnswered, ServerBack, ServerOut, TrafficEnded
from swarmlab.overlay import bulk
from swarmlab.overlay.balancers import at_random, least_connections
from swarmlab.sim.trace import Trace
from swarmlab.traffic.door import Door
from swarmlab.traffic.measures import FATES, OK, counts, error_rate, fates, jain, latencies, percentiles, utilisation
from swarmlab.traffic.queueing import Requests, drawn, simulate
from swarmlab.traffic.wishes import plain, understood
from swarmlab.traffic.workload import (
    Bursts,
    Closed,
    Constant,
    Diurnal,
    Exponential,
    Lognormal,
    Measured,
    Pareto,
    Poisson,
    Recorded,
    Workload,
)

WORK = Workload(Poisson(30.0), Exponential(0.05))
LONG = Workload(Poisson(4.0), Constant(0.02), per_connection=100, pause=0.1)


def swarm(**settings):
    cluster = Cluster(managers=1, workers=4, seed=3, messages=False, **settings)
    service = "--name web --replicas 4 -p 8080:80 --env WEB_CONCURRENCY=1 --constraint node.role==worker nginx:alpine"
    assert cluster.docker(f"service create -d {service}").exit_code == 0
    assert cluster.run_until(lambda c: len(c.running) == 4)
    cluster.run_for(10)
    return cluster


@pytest.fixture(scope="module")
def picture():
    return swarm()


@pytest.fixture
def cluster(picture):
    return picture.fork()


def place(cluster, task):
    return next(one.machine for one in cluster.running if f"{one.service}.{one.slot}" == task)


def gone(run):
    """How each ended, by its number of words."""
    return dict(Counter(FATES[status] for status in run.status))


# ── the way ──


def test_connections_are_dealt_in_turn_by_the_node_that_is_asked(cluster):
    cluster.traffic("http://worker-1:8080/", WORK, number=400)
    cluster.run_for(30)
    assert counts(cluster.requests()) == dict.fromkeys(("web.1", "web.2", "web.3", "web.4"), 100)
    ended = cluster.trace.of(TrafficEnded)[0].fact
    assert (ended.requests, ended.answered) == (400, 400)


def test_each_node_has_a_turn_of_its_own(cluster):
    cluster.traffic("http://shop.example:8080/", WORK, number=400, via=True)
    cluster.run_for(30)
    by_node = {node: Counter() for node in ("manager-1", "worker-1", "worker-2", "worker-3", "worker-4")}
    for one in cluster.trace.requests:
        by_node[one.node][one.name] += 1
    assert all(set(found.values()) == {20} for found in by_node.values())


def test_a_request_asked_alone_and_one_of_many_go_the_same_way_and_take_as_long():
    """Links without jitter, so that nothing is left to chance but the work, which both draw from the container's dice."""
    cluster = swarm()
    for one, other in combinations(("client", *(f"worker-{n + 1}" for n in range(4))), 2):
        cluster.link(one, other, latency=0.0004, jitter=0)
    twin = cluster.fork()
    alone = []
    for _ in range(12):
        alone.append(cluster.request("http://worker-1:8080/"))
        cluster.run_for(0.5 - cluster.now % 0.5)
    starts = [record.time - record.fact.latency for record in cluster.trace.of(RequestAnswered)]
    begun = twin.kernel.now
    twin.traffic("http://worker-1:8080/", Requests(tuple(start - begun for start in starts), ()))
    twin.run_for(10)
    rows = twin.trace.requests
    assert [(row.task, row.machine) for row in rows] == [(answer.task_id, answer.node) for answer in alone]
    assert [(row.ended - row.arrived) / 1e6 for row in rows] == [answer.latency for answer in alone]


@pytest.mark.parametrize("mode", ["vip", "dnsrr"])
def test_a_task_that_asks_alone_and_one_that_asks_often_get_the_same_tasks(cluster, mode):
    cluster.docker("network create -d overlay net")
    cluster.docker("service create -d --name front --network net nginx:alpine")
    cluster.docker(f"service create -d --name back --network net --replicas 3 --endpoint-mode {mode} nginx:alpine")
    cluster.run_for(20)
    twin = cluster.fork()
    alone = []
    for _ in range(9):
        alone.append(cluster.request("http://back/", source="front.1").task)
        cluster.run_for(0.5 - cluster.now % 0.5)
    twin.traffic("http://back/", Requests(tuple(range(0, 4_500_000, 500_000)), ()), source="front.1")
    twin.run_for(10)
    assert [row.name for row in twin.trace.requests] == alone and len(set(alone)) == 3
    own = {row.seen for row in twin.trace.requests}
    assert len(own) == 1  # its own address, or that of the load balancer of its node


def test_all_requests_take_as_long_as_outside_a_cluster_but_for_the_links():
    """The form that the theory is tested with: in a line, a start that is late by as much for all shifts all ends."""
    cluster = swarm()
    for one, other in combinations(("client", *(f"worker-{n + 1}" for n in range(4))), 2):
        cluster.link(one, other, latency=0.0004, jitter=0)
    given = drawn(Workload(Poisson(64.0), Exponential(0.05)), None, 1_000, "both")  # a load of 0.8
    cluster.traffic("http://worker-1:8080/", given)
    cluster.run_for(60)
    rows, outside = sorted(cluster.trace.requests, key=lambda row: row.number), simulate(given, 4)
    assert [row.name for row in rows] == [outside.tasks[task] for task in outside.task]
    links = [row.ended - row.arrived - latency for row, latency in zip(rows, latencies(outside), strict=True)]
    assert links == [800 if row.machine == "worker-1" else 1_600 for row in rows]


def test_what_is_remembered_of_tables_and_links_changes_nothing(cluster, monkeypatch):
    """The fast ways and the general ones give the same rows."""
    slow = cluster.fork()
    for twin in (cluster, slow):
        if twin is slow:
            monkeypatch.setattr(
                bulk, "quick", lambda mesh, known, port, number, source, now:
                bulk.route(mesh, port, "", "", bulk.Request(number, source), now),
            )  # fmt: skip
            monkeypatch.setattr(type(twin.network), "passage", _passage_that_forgets(type(twin.network).passage))
        twin.traffic(
            "http://shop.example:8080/", WORK._replace(timeout=1.0, retries=1), via=True, checks=True, seconds=40
        )
        twin.traffic("http://worker-2:8080/", LONG, number=8)
        twin.run_for(8)
        twin.partition({"worker-1"}, {"worker-2", "worker-3"})
        twin.run_for(6)
        twin.heal()
        twin.docker("service scale -d web=6")
        twin.crash("worker-3")
        twin.run_for(30)
    assert len(slow.trace.requests) > 1000 and slow.trace.requests == cluster.trace.requests


def _passage_that_forgets(passage):
    def wrapped(self, *about):
        arrives = passage(self, *about)
        self.steady.clear()
        return arrives

    return wrapped


def test_a_link_that_was_touched_and_is_as_before_changes_nothing(cluster):
    twin = cluster.fork()
    twin.link("client", "worker-1", latency=0.0002, jitter=0.0006)
    twin.link("worker-1", "worker-2", latency=0.0002, jitter=0.0006)
    for one in (cluster, twin):
        one.traffic("http://worker-1:8080/", WORK, number=200)
        one.run_for(15)
    assert cluster.trace.requests == twin.trace.requests


def test_one_event_at_a_time_is_the_same_run(cluster):
    twin = cluster.fork()
    for one in (cluster, twin):
        one.traffic("http://worker-1:8080/", WORK, number=100)
    cluster.run_for(10)
    assert twin.run_until(lambda c: len(c.trace.requests) == 57, limit=10) and len(twin.trace.requests) == 57
    twin.run_until(lambda c: False, limit=10)
    assert twin.trace.requests == cluster.trace.requests


# ── containers have lines ──


def test_a_container_with_one_worker_takes_one_after_the_other(cluster):
    cluster.traffic("http://worker-1:8080/", WORK, number=400)
    cluster.run_for(30)
    for task in range(4):
        rows = sorted(
            (row for row in cluster.trace.requests if row.name == f"web.{task + 1}"), key=lambda row: row.started
        )
        assert all(later.started >= one.done for one, later in pairwise(rows))
    assert utilisation(cluster.requests())["web.1"] == pytest.approx(30 * 0.05 / 4, abs=0.1)


def test_without_a_number_of_workers_nobody_waits(cluster):
    cluster.docker("service create -d --name free -p 8090:80 nginx:alpine")
    cluster.run_for(10)
    cluster.traffic("http://worker-1:8090/", Requests((0,) * 50, (1_000_000,) * 50))
    cluster.run_for(5)
    assert max(row.ended - row.arrived for row in cluster.trace.requests) < 1_010_000


def test_a_request_asked_alone_waits_in_the_same_line(cluster):
    cluster.traffic("http://worker-1:8080/", Requests((0,) * 8, (1_000_000,) * 8))
    cluster.run_for(0.5)
    answer = cluster.request("http://worker-1:8080/")
    assert answer.ok and 1.5 <= answer.latency < 1.6
    assert len(cluster.requests().ok) == 8


def test_arrivals_alone_leave_the_work_to_the_image(cluster):
    cluster.traffic("http://worker-1:8080/", Poisson(100.0), number=500)
    cluster.run_for(10)
    took = [row.done - row.started for row in cluster.trace.requests]
    assert sum(took) / len(took) == pytest.approx(1_000, rel=0.2)  # nginx: 1 ms; 4.5 standard errors of 500


def test_a_slow_container_drags_the_tail_with_turns_and_not_with_fewest_connections(cluster):
    careful = swarm(balancer=least_connections)
    for one in (cluster, careful):
        one.pace("web.2", 1 / 2)
        one.traffic("http://worker-1:8080/", WORK, seconds=60)
        one.run_for(80)
    assert percentiles(careful.requests())[0.99] < percentiles(cluster.requests())[0.99] / 2
    assert counts(careful.requests())["web.2"] < 0.9 * counts(cluster.requests())["web.2"]


# ── who asks, and what the task sees ──


def test_through_ingress_the_client_is_not_seen_and_in_host_mode_it_is(cluster):
    """Networking §1.4: the task sees the node's own address on the ingress network."""
    cluster.docker("service create -d --name h --mode global --publish mode=host,published=9000,target=80 nginx")
    cluster.run_for(15)
    cluster.traffic("http://worker-2:8080/", WORK, number=20, name="mesh")
    cluster.traffic("http://worker-2:9000/", WORK, number=20, name="host")
    cluster.run_for(10)
    mesh = {row.seen for row in cluster.trace.requests if row.load == "mesh"}
    host = [row for row in cluster.trace.requests if row.load == "host"]
    assert len(mesh) == 1 and mesh.pop().startswith("10.0.0.")
    assert all(row.seen == row.source and row.machine == "worker-2" for row in host) and len(host) == 20


def test_a_task_asks_by_name_through_the_virtual_ip(cluster):
    cluster.docker("network create -d overlay net")
    cluster.docker("service create -d --name front --network net nginx:alpine")
    cluster.docker("service update -d --network-add net web")
    cluster.run_for(60)
    cluster.traffic("http://web/", WORK, source="front.1", number=100)
    cluster.traffic("http://nowhere/", WORK, source="front.1", number=5)
    cluster.run_for(10)
    assert (
        fates(cluster.requests("load-1")) == {"answered": 100}
        and jain(counts(cluster.requests("load-1")).values()) == 1
    )
    assert fates(cluster.requests("load-2")) == {"could not resolve host": 5}
    assert {row.node for row in cluster.trace.requests} == {place(cluster, "front.1")}
    assert {row.source for row in cluster.trace.requests} == {"front.1"}


# ── connections ──


def test_a_connection_stays_with_its_task_and_new_replicas_stay_idle(cluster):
    """§4.1: IPVS deals connections, not requests."""
    cluster.traffic("http://worker-1:8080/", LONG, number=8)
    cluster.run_for(4)
    cluster.docker("service scale -d web=8")
    cluster.run_for(5)
    later = len(cluster.trace.requests)
    cluster.run_for(6)
    tasks: dict[int, set] = {}
    for row in cluster.trace.requests:
        tasks.setdefault(row.connection, set()).add(row.task)
    assert all(len(found) == 1 for found in tasks.values())
    assert {row.name for row in cluster.trace.requests[later:]} <= {"web.1", "web.2", "web.3", "web.4"}
    cluster.traffic("http://worker-1:8080/", WORK, number=80, name="short")
    cluster.run_for(10)
    assert set(counts(cluster.requests("short")).values()) == {10}


def test_a_connection_through_a_load_balancer_hangs_after_fifteen_idle_minutes(cluster):
    """IPVS forgets a TCP connection on which nothing moves for 900 s (§1.5); in host mode there is none to forget."""
    cluster.docker("service create -d --name h --mode global --publish mode=host,published=9000,target=80 nginx")
    cluster.run_for(15)
    for pause, port, name in ((899.0, 8080, "short"), (901.0, 8080, "long"), (901.0, 9000, "host")):
        asked = Workload(Poisson(1.0), Constant(0.01), per_connection=2, pause=pause, timeout=3.0)
        cluster.traffic(f"http://worker-1:{port}/", asked, number=1, name=name)
    cluster.run_for(950)
    assert {name: fates(cluster.requests(name)) for name in ("short", "long", "host")} == {
        "short": {"answered": 2},
        "long": {"answered": 1, "timed out": 1},
        "host": {"answered": 2},
    }


def test_with_persistence_a_client_keeps_its_task():
    """ipvsadm --persistent; Docker does not use it, so that by default each connection gets a turn."""
    asked = Workload(Poisson(20.0), Constant(0.01), clients=3)
    tasks = {}
    for persistence in (0, 60):
        cluster = swarm(persistence=persistence)
        cluster.traffic("http://worker-1:8080/", asked, number=100)
        cluster.run_for(10)
        chosen = {(row.source, row.name) for row in cluster.trace.requests}
        tasks[persistence] = sorted(Counter(source for source, _ in chosen).values())
    assert tasks == {0: [4, 4, 4], 60: [1, 1, 1]}


def test_a_node_that_was_booted_knows_none_of_the_connections_before(cluster):
    cluster.traffic("http://worker-2:8080/", LONG._replace(timeout=1.0), number=4)
    cluster.run_for(5)
    begun = len(cluster.trace.requests)
    cluster.restart("worker-2")
    cluster.run_for(10)
    after = cluster.trace.requests[begun:]
    # A client that gives up opens a new connection, so each of the four meets it once.
    assert sum(row.status != OK for row in after) == 4 and after[-1].status == OK


def test_after_a_boot_a_node_goes_by_its_new_tables(cluster):
    """Even if they have changed as often as the old ones had."""
    cluster.traffic("http://worker-1:8080/", WORK, number=4)
    cluster.run_for(5)
    old = cluster._core("worker-1", "mesh").tables
    cluster.restart("worker-1")
    cluster.run_for(20)
    tables = cluster._core("worker-1", "mesh").tables
    assert tables is not old
    tables.version = old.version
    cluster.traffic("http://worker-1:8080/", WORK, number=8)
    cluster.run_for(5)
    assert tables.services.pools[tables.services.behind_port(8080)].turn == 8
    assert error_rate(cluster.requests()) == 0


def test_a_graceful_end_costs_no_request(cluster):
    """Out of the balancers first, then the stop signal; connections that are open are closed by the container."""
    cluster.traffic("http://worker-1:8080/", WORK, seconds=40)
    cluster.traffic("http://worker-2:8080/", LONG, number=8)
    cluster.run_for(5)
    cluster.docker("service scale -d web=2")
    cluster.docker("node update --availability drain worker-3")
    cluster.run_for(60)
    assert fates(cluster.requests()) == {"answered": len(cluster.trace.requests)}


def turns(backends, request, turn):
    """As `round_robin`, but nobody knows that it does not look at what is in progress."""
    return [backend for backend in backends if backend.weight][turn % sum(backend.weight > 0 for backend in backends)]


def test_what_pools_are_not_told_of_is_shown_all_the_same():
    told, untold = swarm(balancer=turns), swarm()
    for cluster in (told, untold):
        cluster.traffic("http://worker-2:8080/", LONG, number=10)
        cluster.traffic("http://worker-2:8080/", WORK, number=100)
    for _ in range(40):
        told.run_for(0.1)
        untold.run_for(0.1)
        shown = told.tables("worker-2").pools
        assert shown == untold.tables("worker-2").pools
    assert sum(row.inactive for row in shown) > 5 and sum(row.active for row in shown) > 0


def test_in_the_end_nothing_is_counted_as_open_or_in_progress():
    """Each node's pool counts what it has sent and not got back, and the connections that are only kept open."""
    cluster = swarm(balancer=least_connections)
    nodes = ["manager-1", *(f"worker-{n + 1}" for n in range(4))]
    pools = [pool for node in nodes for pool in cluster._core(node, "mesh").tables.services.pools.values()]
    cluster.traffic("http://shop.example:8080/", LONG._replace(service=Constant(0.005)), via=True, number=40)
    cluster.traffic("http://worker-2:8080/", WORK._replace(timeout=0.05), number=200)
    cluster.run_for(11.5)
    for _ in range(100):  # while the first connections end
        cluster.run_for(0.03)
        under_way = [(handler.__name__, about) for _, _, handler, about in cluster.loads.events]
        talks = [about[1] for what, about in under_way if what == "_ask"]
        talks += [
            about.talk for what, about in under_way if what == "_at_node" and about.talk
        ]  # the node does not know yet
        idle = sum(backend.inactive for pool in pools for backend in pool.backends)
        assert idle == sum(talk.way is not None for talk in talks) > 0
    cluster.run_for(60)
    assert not cluster.loads.loads
    assert {(backend.active, backend.inactive) for pool in pools for backend in pool.backends} == {(0, 0)}


def test_nothing_stays_counted_after_losses_frozen_machines_and_boots():
    """Each of them once left a request in a pool for ever: what is lost on the way back to the client, what reaches the
    node after its client has given up, and what was asked in an earlier life of the node."""
    cluster = swarm(balancer=least_connections)
    nodes = ["manager-1", *(f"worker-{n + 1}" for n in range(4))]
    cluster.link("client", "worker-1", loss=0.2)
    for node in nodes[1:4]:
        cluster.traffic(f"http://{node}:8080/", WORK._replace(arrivals=Poisson(15.0), timeout=0.3), seconds=20)
        cluster.traffic(f"http://{node}:8080/", LONG._replace(timeout=0.3, per_connection=20), seconds=20)
    cluster.run_for(4)
    cluster.freeze("worker-3", 2)
    cluster.run_for(6)
    cluster.restart("worker-2")
    cluster.run_for(100)
    assert not cluster.loads.loads and error_rate(cluster.requests()) > 0.05
    pools = [pool for node in nodes for pool in cluster._core(node, "mesh").tables.services.pools.values()]
    assert {(backend.active, backend.inactive) for pool in pools for backend in pool.backends} == {(0, 0)}


@pytest.mark.parametrize("what", ["its answer is lost behind the node", "the node is booted meanwhile"])
def test_who_gives_up_is_taken_off_once(what):
    """The first one is no more in progress when its client gives up after 5 s; the second one is, and stays counted."""
    cluster = swarm(balancer=least_connections)
    cluster.docker("service create -d --name one --constraint node.hostname==worker-2 -p 8090:80 nginx:alpine")
    cluster.run_for(15)
    cluster.traffic("http://worker-1:8090/", Requests((0, 4_000_000), (200_000, 4_000_000)))
    cluster.run_for(0.1)
    if what == "the node is booted meanwhile":
        cluster.restart("worker-1")
    else:
        cluster.link("client", "worker-1", loss=1.0)
    cluster.run_for(0.4)
    cluster.link("client", "worker-1", loss=0.0)
    cluster.run_for(5)
    services = cluster._core("worker-1", "mesh").tables.services
    pool = services.pools[services.behind_port(8090)]
    assert [FATES[row.status] for row in cluster.trace.requests] == ["timed out"]
    assert [backend.active for backend in pool.backends] == [1]


def test_two_loads_draw_lots_of_their_own():
    cluster = swarm(balancer=at_random)
    for _ in range(2):
        cluster.traffic("http://worker-1:8080/", WORK, number=40)
    cluster.run_for(10)
    rows = sorted(cluster.trace.requests, key=lambda row: row.number)
    one, other = ([row.name for row in rows if row.load == load] for load in ("load-1", "load-2"))
    assert one != other and sum(a == b for a, b in zip(one, other, strict=True)) < 25  # 10 ± 2.7 of 40; 5 of them


def test_a_connection_to_a_task_that_was_taken_out_is_forgotten_with_it(cluster):
    """Sysctl expire_nodest_conn (§1.5): not even weight 0 does that."""
    mesh = cluster._core("worker-1", "mesh")
    way = bulk.quick(mesh, {}, 8080, 1, "", 0)
    pool = mesh.tables.services.pools[way.pool]
    pool.weigh(way.rank, 0)
    assert bulk.again(mesh, way, 0, 1) == way
    pool.remove(way.rank)
    assert bulk.again(mesh, way, 0, 1) == bulk.LOST


def test_an_error_is_not_taken_for_a_quick_answer(cluster):
    mesh = swarm(balancer=least_connections)._core("worker-1", "mesh")
    way = bulk.quick(mesh, {}, 8080, 1, "", 0)
    pool = mesh.tables.services.pools[way.pool]
    bulk.answered(mesh, way, None, stays=False)
    assert {(backend.active, backend.latency) for backend in pool.backends} == {(0, 0.0)}
    bulk.answered(mesh, bulk.quick(mesh, {}, 8080, 2, "", 0), 800, stays=False)
    assert sum(backend.latency for backend in pool.backends) == 800


# ── failures in the loop ──


def test_the_answer_for_a_node_that_was_booted_meanwhile_is_lost(cluster):
    """It knows nothing of connections before; the one that it had asked for is not its own any more."""
    cluster.traffic("http://worker-2:8080/", Requests((0,) * 4, (4_000_000,) * 4))
    cluster.run_for(0.5)
    cluster.restart("worker-2")
    cluster.run_for(10)
    assert gone(cluster.requests()) == {"timed out": 4}


def test_an_answer_at_the_last_microsecond_is_in_time():
    """As outside a cluster: of what happens at the same µs, ends come first, then what clients give up."""
    cluster = Cluster(managers=1, seed=1, messages=False)
    cluster.docker("network create -d overlay net")
    for name in ("web", "front"):
        cluster.docker(f"service create -d --name {name} --network net nginx:alpine")
    cluster.run_for(20)
    cluster.traffic("http://web/", Requests((0, 1), (5_000_000, 5_000_001)), source="front.1")  # 5 s: see TIMEOUT
    cluster.run_for(10)
    assert [(row.status, row.ended - row.arrived) for row in cluster.trace.requests] == [
        (OK, 5_000_000),
        (0, 5_000_000),
    ]


@pytest.mark.parametrize("way", ["nobody knows the name", "all machines are out"])
def test_clients_that_do_not_think_and_fail_at_once_let_time_pass(cluster, way):
    """A closed loop; each client asks again a millisecond later."""
    eager = Workload(Closed(2, 0.0), Exponential(0.05), timeout=1.0)
    if way == "all machines are out":
        cluster.traffic("http://shop.example:8080/", eager, via=["worker-1"], checks=True, seconds=10)
        cluster.crash("worker-1")
        cluster.run_for(12)
        assert 4_000 <= gone(cluster.requests())["service unavailable"] <= 8_000  # 2 to 4 s, two of them
    else:
        cluster.docker("network create -d overlay net")
        cluster.docker("service create -d --name front --network net nginx:alpine")
        cluster.run_for(20)
        cluster.traffic("http://nowhere/", eager, source="front.1", seconds=2)
        cluster.run_for(3)
        assert gone(cluster.requests()) == {"could not resolve host": 4_000}


def test_a_killed_container_resets_what_it_worked_on(cluster):
    cluster.traffic("http://worker-1:8080/", Requests((0,) * 4, (3_000_000,) * 4))
    cluster.run_for(1)
    machine = place(cluster, "web.3")
    container = cluster.docker("ps -q", machine).stdout.split()[0]
    cluster.docker(f"kill {container}", machine)
    cluster.run_for(10)
    reset = [row for row in cluster.trace.requests if row.status != OK]
    assert [(FATES[row.status], row.name) for row in reset] == [("connection reset", "web.3")]
    assert reset[0].ended - reset[0].arrived < 1_100_000


def test_what_a_container_works_on_is_lost_with_the_power_of_its_machine(cluster):
    cluster.traffic("http://manager-1:8080/", Requests((0,) * 8, (1_500_000,) * 8))
    cluster.run_for(1)
    machine = place(cluster, "web.3")
    cluster.restart(machine)  # it is back before the work would have been done
    cluster.run_for(10)
    lost = [row for row in cluster.trace.requests if row.status != OK]
    assert [(FATES[row.status], row.machine) for row in lost] == [("timed out", machine)] * 2


def test_a_crashed_node_costs_requests_until_it_is_out_of_the_pool(cluster):
    cluster.traffic("http://worker-1:8080/", WORK._replace(timeout=2.0), seconds=60)
    cluster.run_for(10)
    cluster.crash(place(cluster, "web.4") if place(cluster, "web.4") != "worker-1" else place(cluster, "web.3"))
    cluster.run_for(80)
    lost = [row.arrived for row in cluster.trace.requests if row.status != OK]
    assert lost and {FATES[row.status] for row in cluster.trace.requests} == {"answered", "timed out"}
    assert (max(lost) - min(lost)) / 1e6 < 30 and error_rate(cluster.requests()) < 0.2


def test_a_retry_finds_another_task(cluster):
    cluster.traffic("http://worker-1:8080/", WORK._replace(timeout=1.0, retries=3), seconds=40)
    cluster.run_for(5)
    cluster.crash(next(m for m in ("worker-2", "worker-3") if m != "worker-1"))
    cluster.run_for(60)
    assert error_rate(cluster.requests()) < 0.01 and max(row.tries for row in cluster.trace.requests) > 1


def test_blocked_tunnels_lose_what_goes_to_other_machines_only(cluster):
    cluster.traffic("http://worker-1:8080/", WORK._replace(timeout=2.0), seconds=20)
    cluster.block("worker-1", 4789)
    cluster.run_for(30)
    fine = {row.machine for row in cluster.trace.requests if row.status == OK}
    assert fine == {"worker-1"} and {row.machine for row in cluster.trace.requests} > fine


def test_a_partition_loses_what_crosses_it_until_it_is_mended(cluster):
    cluster.traffic("http://worker-1:8080/", WORK._replace(timeout=1.0), seconds=12)
    cluster.run_for(2)
    cut = cluster.kernel.now
    cluster.partition({"worker-1"}, {"worker-2"})
    cluster.run_for(2)
    cluster.heal()
    mended = cluster.kernel.now
    cluster.run_for(20)
    lost = [row for row in cluster.trace.requests if row.status != OK]
    assert lost and {row.machine for row in lost} == {"worker-2"}
    assert all(cut - 1_000 <= row.arrived <= mended for row in lost)


def test_a_frozen_machine_answers_when_it_goes_on(cluster):
    cluster.traffic("http://worker-1:8080/", Requests(tuple(range(0, 4_000_000, 100_000)), (1_000,) * 40))
    cluster.freeze(place(cluster, "web.2"), 3)
    cluster.run_for(10)
    assert fates(cluster.requests()) == {"answered": 40}
    assert max(row.ended - row.arrived for row in cluster.trace.requests if row.name == "web.2") > 2_500_000


def test_a_port_that_nobody_publishes_refuses(cluster):
    cluster.traffic("http://worker-1:9999/", WORK, number=10)
    cluster.run_for(5)
    assert fates(cluster.requests()) == {"connection refused": 10}
    cluster.traffic("http://worker-1:9999/", WORK._replace(retries=2), number=10, name="again")
    cluster.run_for(5)
    assert {row.tries for row in cluster.trace.requests if row.load == "again"} == {3}


# ── a balancer in front ──


def test_without_checks_a_dead_node_costs_its_share_for_ever(cluster):
    cluster.traffic("http://shop.example:8080/", WORK._replace(timeout=1.0), via=["worker-1", "worker-2"], seconds=60)
    cluster.run_for(10)
    cluster.crash("worker-2")
    cluster.run_for(55)
    late = [row for row in cluster.trace.requests if row.arrived > cluster.kernel.now - 30_000_000]
    assert sum(row.status != OK for row in late) / len(late) == pytest.approx(0.5, abs=0.02)


def test_with_checks_a_dead_node_costs_requests_for_six_to_eight_seconds(cluster):
    """HAProxy: inter 2 s, fall 3, rise 2; a question that is not answered has failed when the next one is due."""
    asked = WORK._replace(timeout=1.0)
    cluster.traffic("http://shop.example:8080/", asked, via=["worker-1", "worker-2"], checks=True, seconds=120)
    cluster.run_for(10.3)
    died = cluster.now
    cluster.crash("worker-2")
    cluster.run_for(30)
    out = cluster.trace.of(ServerOut)[0]
    assert out.fact.machine == "worker-2" and 6 <= out.time / 1e6 - died <= 8.1
    assert all(row.arrived <= out.time for row in cluster.trace.requests if row.status != OK and row.node == "worker-2")
    cluster.restart("worker-2")
    booted = cluster.now
    cluster.run_for(60)
    assert 2 <= cluster.trace.of(ServerBack)[0].time / 1e6 - booted
    assert {row.node for row in cluster.trace.requests[-40:]} == {"worker-1", "worker-2"}


def test_checks_want_three_failures_and_two_successes_in_a_row():
    door = Door(["a", "b"], checks=True)
    heard = [door.hear("a", well) for well in (False, False, True, False, False, False)]
    assert heard == [False] * 5 + [True] and door.up == ["b"]
    assert [door.hear("a", well) for well in (True, False, True, True)] == [False, False, False, True]
    assert door.up == ["a", "b"] and {door.hear("b", False) for _ in range(2)} == {False}


def test_answers_to_earlier_checks_come_too_late(cluster):
    """A machine that was frozen answers all of them at once; only the newest counts, so it is back with the next one."""
    cluster.traffic("http://shop.example:8080/", WORK, via=["worker-1", "worker-2"], checks=True, seconds=60)
    cluster.run_for(5)
    cluster.freeze("worker-2", 15)
    thawed = cluster.now + 15
    cluster.run_for(40)
    (out,), (back,) = cluster.trace.of(ServerOut), cluster.trace.of(ServerBack)
    assert out.time / 1e6 < thawed and 0.5 <= back.time / 1e6 - thawed <= 2.1


# ── scaling ──


def target_tracking(run, now, target=12.0, window=10_000_000):
    """As many replicas as it takes for each to get so many requests a second: a policy that a learner can write."""
    ended = sum(now - window < time <= now for time in run.ended)
    return max(1, min(12, -(-ended * 1_000_000 // round(window * target))))


def test_a_policy_of_ones_own_follows_the_load(cluster):
    cluster.docker("service scale -d web=1")
    cluster.run_for(20)
    cluster.traffic("http://worker-1:8080/", Workload(Poisson(40.0), Exponential(0.05)), seconds=120)
    replicas = 1
    for _ in range(12):
        cluster.run_for(10)
        wanted = target_tracking(cluster.requests(), cluster.kernel.now)
        if wanted != replicas:
            replicas = wanted
            cluster.docker(f"service scale -d web={replicas}")
    assert 3 <= replicas <= 5  # 40 a second: 3.3 times 12
    late = [row for row in cluster.trace.requests if row.arrived > cluster.kernel.now - 20_000_000]
    assert sum(row.ended - row.arrived for row in late) / len(late) < 300_000


# ── the record ──


def busy_minute(cluster):
    cluster.traffic(
        "http://shop.example:8080/",
        WORK._replace(timeout=2.0, retries=1, backoff=0.1),
        via=True,
        checks=True,
        seconds=50,
    )
    cluster.traffic("http://worker-1:8080/", Workload(Closed(5, 0.5), Lognormal(0.02), per_connection=5), seconds=40)
    cluster.run_for(10)
    cluster.crash("worker-4")
    cluster.run_for(12)
    cluster.docker("service scale -d web=6")
    cluster.pace("web.1", 0.5)
    cluster.request("http://worker-1:8080/")
    cluster.run_for(20)


def test_a_twin_goes_on_as_the_original_and_an_instant_can_be_had_again(cluster):
    twin = cluster.fork()
    for one in (cluster, twin):
        busy_minute(one)
    assert cluster.trace.digest() == twin.trace.digest() and cluster.trace.requests == twin.trace.requests
    instant = (cluster.now + 30) / 2
    past = cluster.at(instant)
    assert past.trace.requests == cluster.trace.requests[: len(past.trace.requests)]
    past.run_for(2)
    assert past.trace.digest() == cluster.at(past.now).trace.digest()


def test_a_run_with_traffic_is_saved_and_done_again(tmp_path):
    cluster = swarm()
    busy_minute(cluster)
    cluster.save(tmp_path / "run.json")
    again = Cluster.load(tmp_path / "run.json")
    assert again.trace.requests == cluster.trace.requests and again.trace.digest() == cluster.trace.digest()
    cluster.trace.save(tmp_path / "trace.json")
    read = Trace.load(tmp_path / "trace.json")
    assert read.requests == cluster.trace.requests and read.digest() == cluster.trace.digest()


def test_the_fingerprint_covers_the_requests(cluster):
    cluster.traffic("http://worker-1:8080/", WORK, number=3)
    cluster.run_for(3)
    before = cluster.trace.digest()
    cluster.trace.requests[1] = cluster.trace.requests[1]._replace(ended=1)
    assert cluster.trace.digest() != before


@pytest.mark.parametrize("law", [Poisson(5.0), Bursts(5.0), Diurnal(5.0), Recorded((3, 4)), Closed(4, 0.1)])
@pytest.mark.parametrize("service", [None, Constant(0.1), Lognormal(0.1), Pareto(0.1), Measured(0.1, (1.0, 2.0, 9.0))])
def test_a_workload_can_be_written_down_and_read_again(law, service):
    workload = Workload(law, service, per_connection=2, timeout=1.0)
    assert understood(json.loads(json.dumps(plain(workload)))) == (workload, None)


@pytest.mark.parametrize("seed", range(3))
def test_every_request_ends_in_exactly_one_way_whatever_happens(cluster, seed):
    """Conservation, in a storm of faults: as many rows as were asked, each once, none before it was asked."""
    dice = cluster.kernel.stream(f"storm {seed}")
    loads = (
        (
            "http://shop.example:8080/",
            WORK._replace(timeout=1.0, retries=2, backoff=0.1),
            {"via": True, "checks": True},
        ),
        ("http://worker-1:8080/", LONG._replace(timeout=1.5), {}),
        ("http://worker-2:8080/", Workload(Closed(6, 0.2), Exponential(0.05), per_connection=3, timeout=1.0), {}),
    )
    for url, asked, settings in loads:
        cluster.traffic(url, asked, seconds=25, **settings)
    for _ in range(12):
        machine = f"worker-{int(dice.random() * 4) + 1}"
        what = int(dice.random() * 6)
        if not cluster.machines[machine].running:
            cluster.restart(machine)
        elif what == 0:
            cluster.crash(machine)
        elif what == 1:
            cluster.freeze(machine, 2)
        elif what == 2:
            cluster.burden(machine, 0.002)
        elif what == 3:
            cluster.block(machine, 4789)
        elif what == 4:
            cluster.link("client", machine, loss=0.1)
        else:
            cluster.docker(f"service scale -d web={int(dice.random() * 6) + 1}")
        cluster.run_for(2.5)
    cluster.run_for(400)  # long enough for connections whose every request times out
    ended = {record.fact.load: record.fact for record in cluster.trace.of(TrafficEnded)}
    assert set(ended) == {"load-1", "load-2", "load-3"}
    for load, fact in ended.items():
        rows = [row for row in cluster.trace.requests if row.load == load]
        assert sorted(row.number for row in rows) == list(range(fact.requests)) and len(rows) > 100
        assert sum(row.status == OK for row in rows) == fact.answered
        assert all(row.status in FATES and row.arrived <= row.ended for row in rows)
        assert all(row.arrived <= row.started <= row.done <= row.ended for row in rows if row.status == OK)
    assert not cluster.loads.loads and not cluster.loads.events


# ── what is impossible ──


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda c: c.traffic("http://nowhere:8080/", WORK, number=5), "no such machine: nowhere"),
        (lambda c: c.traffic("http://worker-1:x/", WORK, number=5), "not an address like"),
        (lambda c: c.traffic("http://worker-1:8080/", WORK), "say for how long: seconds=60"),
        (lambda c: c.traffic("http://worker-1:8080/", WORK, seconds=-1), "seconds=-1: a number above 0"),
        (lambda c: c.traffic("http://worker-1:8080/", WORK, number=0), "number=0: a whole number from 1 on"),
        (lambda c: c.traffic("http://worker-1:8080/", Poisson(-3.0), number=5), "the rate of arrivals must be a number above 0"),
        (lambda c: c.traffic("http://worker-1:8080/", 80, number=5), "80 is no workload"),
        (lambda c: c.traffic("http://worker-1:8080/", Closed(5), number=5), "say for how long"),
        (lambda c: c.traffic("http://worker-1:8080/", Requests((5, 1), (1, 1))), "instants in order"),
        (lambda c: c.traffic("http://worker-1:8080/", WORK, number=5, colour=1), "traffic has no colour"),
        (lambda c: c.traffic("http://x/", WORK, number=5, via=["worker-9"]), "no such machine: worker-9"),
        (lambda c: c.traffic("http://worker-1:8080/", WORK, number=5, checks=True), "checks are made by a balancer in front"),
        (lambda c: c.traffic("http://web/", WORK, number=5, source="front.1"), "no running task"),
        (lambda c: c.traffic("http://web/", WORK, number=5, source="web.1", via=True), "a task asks on its own machine"),
        (lambda c: c.traffic("http://x/", WORK, number=5, via="worker-1"), "via='worker-1': a list of machines, or True for all"),
        (lambda c: c.traffic("http://x/", WORK, number=5, via=5), "via=5: a list of machines"),
        (lambda c: c.traffic("http://x/", WORK, number=5, via=True, checks="no"), "checks='no': True or False"),
        (lambda c: c.traffic("http://web/", WORK, number=5, source=5), "no running task 5"),
        (lambda c: c.traffic("http://worker-1:8080/", WORK, number=5, source="web.1"), "asks services by name"),
        (lambda c: c.traffic("http://worker-1:8080/", WORK, seconds=float("nan")), "seconds=nan: a number above 0"),
        (lambda c: c.traffic("http://worker-1:8080/", WORK, number=True), "number=True: a whole number"),
        (lambda c: c.traffic("http://worker-1:8080/", Poisson(1e9), seconds=60), "6e+10 requests are too many"),
        (lambda c: c.traffic("http://worker-1:8080/", {}, number=5), "{} is no workload"),
        (lambda c: c.traffic("http://worker-1:8080/", None, number=5), "None is no workload"),
        (lambda c: c.traffic("http://worker-1:8080/", Requests(5, 6)), "requests need two lists"),
        (lambda c: c.traffic("http://worker-1:8080/", Requests((float("nan"),), ())), "instants in order"),
        (lambda c: c.traffic("http://worker-1:8080/", Requests((0,), (-5,))), "whole µs of 0 and more"),
        (lambda c: c.pace("web.1", float("nan")), "a speed of nan: a number above 0"),
        (lambda c: c.pace("web.1", True), "a speed of True: a number above 0"),
        (lambda c: c.pace("web.9", 0.5), "no running task"),
        (lambda c: c.pace("web.1", 0), "a speed of 0: a number above 0"),
    ],
)  # fmt: skip
def test_what_is_impossible_gets_one_clear_sentence_and_nothing_is_done(cluster, act, words):
    acts, facts = len(cluster.acts), len(cluster.trace)
    with pytest.raises(ValueError) as caught:
        act(cluster)
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert (len(cluster.acts), len(cluster.trace)) == (acts, facts)


def nobody(backends, request, turn):
    return None


@pytest.mark.parametrize("persistence", [0, 60])
def test_a_balancer_that_chooses_nobody_is_told_so_in_one_sentence(persistence):
    cluster = swarm(balancer=nobody, persistence=persistence)
    cluster.traffic("http://worker-1:8080/", Requests((0, 2_000_000), (1, 1)))
    for act in (lambda: cluster.run_for(1), lambda: cluster.request("http://worker-1:8080/")):
        with pytest.raises(ValueError, match="the balancer nobody must return one of the backends, not None"):
            act()
    with pytest.raises(ValueError, match="must return one of the backends"):
        cluster.run_for(10)  # the second request
    cluster.run_for(10)
    assert fates(cluster.requests()) == {"timed out": 2}


def test_a_name_that_was_given_is_not_made_up_again(cluster):
    assert cluster.traffic("http://worker-1:8080/", WORK, number=5, name="load-2") == "load-2"
    assert cluster.traffic("http://worker-1:8080/", WORK, number=5) == "load-3"


def test_a_name_is_given_once(cluster):
    cluster.traffic("http://worker-1:8080/", WORK, number=5, name="mine")
    with pytest.raises(ValueError, match="there is a load mine already"):
        cluster.traffic("http://worker-1:8080/", WORK, number=5, name="mine")
