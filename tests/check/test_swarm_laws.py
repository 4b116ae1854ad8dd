"""The laws of the whole swarm hold after every step in bad weather, and each catches the bug it is there for."""

from collections import Counter
from itertools import count

import pytest
from weather import Weather

from swarmlab import Cluster
from swarmlab.check import LawBroken, Laws
from swarmlab.manager.leader import Leader, deliver
from swarmlab.manager.store import Store
from swarmlab.messages import CreateObject, Reply
from swarmlab.objects import ASSIGNED, READY, RUNNING, PortConfig, Service, Task, replace
from swarmlab.worker import agent


@pytest.fixture(scope="module")
def calm():
    """A swarm with two services, from which every storm starts."""
    cluster = Cluster(managers=3, workers=3, seed=1, messages=False)
    cluster.docker("network create -d overlay front")
    for service in ("web --replicas 4 -p 8080:80", "api --replicas 3"):
        assert cluster.docker(f"service create -d --name {service} --network front nginx").exit_code == 0
    cluster.run_for(10)
    return cluster


def storm_over(calm, seed, turns=12):
    """Writes, crashes, cuts and freezes for two minutes; then it clears up. Returns weather and what was promised."""
    cluster = calm.fork()
    cluster.run_for(seed * 0.37 % 5)
    weather, promised = Weather(cluster, seed), set()
    number = iter(range(1000))

    def write():
        name, chance = f"s{next(number)}", weather.dice.random()
        if chance < 0.3:
            created = cluster.docker(f"service create -d --name {name} --replicas 2 --network front nginx", limit=5)
            promised.update([name] if created.exit_code == 0 else [])
        elif chance < 0.6:
            cluster.docker(f"service scale -d web={weather.dice.randint(1, 8)}", limit=5)
        elif chance < 0.7 and promised:
            gone = sorted(promised)[0]
            promised.discard(gone)  # with or without an answer, it may be gone
            cluster.docker(f"service rm {gone}", limit=5)

    weather.storm(turns, 5, write)
    weather.clear_up()
    cluster.run_for(90)
    return weather, promised


def filled(cluster):
    """As many slots run as there are replicas, none of them twice. After scaling down their numbers may have gaps."""
    running = [(task.service, task.slot) for task in cluster.running]
    count = {service.spec.name: service.spec.replicas for service in cluster.services}
    return len(set(running)) == len(running) and Counter(service for service, _ in running) == Counter(count)


@pytest.mark.parametrize("seed", range(0, 100, 5))
def test_the_laws_hold_and_every_slot_is_filled_again(calm, seed):
    for one in range(seed, seed + 5):
        weather, promised = storm_over(calm, one)
        cluster = weather.world
        assert cluster.leader, f"seed {one}"
        assert filled(cluster), f"seed {one}"
        names = {service.spec.name for service in cluster.services}
        assert promised <= names, f"seed {one}: acknowledged and lost: {promised - names}"


def caught(calm, law, seeds=20):
    for seed in range(seeds):
        try:
            storm_over(calm, seed, turns=6)
        except LawBroken as broken:
            return broken.law == law
        except AssertionError:
            continue
    return False


def misstored(monkeypatch, wrong):
    """From now on every store keeps what `wrong(store, object, index)` makes of an object, where that is not None."""
    honest = Store._put

    def put(store, object, index, at):
        return honest(store, wrong(store, object, index) or object, index, at)

    monkeypatch.setattr(Store, "_put", put)


def test_no_address_twice_catches_an_allocator_that_forgets_what_it_gave(calm, monkeypatch):
    def careless(store, object, index):
        if isinstance(object, Task) and object.networks and object.slot == 2:
            first = next(t for t in store.all("task") if t.networks)
            return replace(object, networks=first.networks)

    misstored(monkeypatch, careless)
    assert caught(calm, "no address twice")


def test_progress_only_grows_catches_an_agent_that_begins_anew_after_a_power_cut(calm, monkeypatch):
    monkeypatch.setattr(agent, "resume", lambda work, now, node: (work._replace(state=ASSIGNED), []))
    cluster = calm.fork()
    Laws(cluster)
    cluster.crash("worker-1")
    cluster.restart("worker-1")
    with pytest.raises(LawBroken, match="progress only grows"):
        cluster.run_for(10)


def test_states_only_grow_catches_a_store_that_takes_a_task_back(calm, monkeypatch):
    def backwards(store, object, index):
        if isinstance(object, Task) and object.state == RUNNING and object.slot == 1:
            return replace(object, state=READY)

    misstored(monkeypatch, backwards)
    assert caught(calm, "states only grow")


def test_equal_copies_catches_a_manager_that_writes_something_else(calm, monkeypatch):
    honest, calls = Store.apply, count()

    def own_way(store, index, at, changes):
        keys = honest(store, index, at, changes)
        tasks = store.tables["task"]
        if next(calls) % 3 == 0 and tasks:  # one of three managers, now this one, now that
            last = next(reversed(tasks))
            tasks[last] = replace(tasks[last], message="mine")
        return keys

    monkeypatch.setattr(Store, "apply", own_way)
    assert caught(calm, "equal copies")


def test_virtual_ips_stay_catches_one_that_moves(calm, monkeypatch):
    def moving(store, object, index):
        if isinstance(object, Service) and object.virtual_ips:
            vips = tuple(vip._replace(address=f"10.9.9.{index % 200}/24") for vip in object.virtual_ips)
            return replace(object, virtual_ips=vips)

    misstored(monkeypatch, moving)
    assert caught(calm, "virtual IPs stay")


def test_one_service_per_port_catches_an_allocator_that_gives_a_port_twice(calm, monkeypatch):
    def generous(store, object, index):
        if isinstance(object, Service) and not object.ports:
            return replace(object, ports=(PortConfig(80, 8080),))

    misstored(monkeypatch, generous)
    assert caught(calm, "one service per port")


def test_a_promise_before_the_commit_is_caught_as_lost(calm, monkeypatch):
    """A leader that says yes as soon as it has heard: some of what it promises is never written."""
    honest = Leader.serve_call

    def hasty(leader, route, call):
        effects = honest(leader, route, call)
        if isinstance(call.request, CreateObject):
            effects = [*effects, deliver(route, Reply(call.id, "x" * 25))]
        return effects

    monkeypatch.setattr(Leader, "serve_call", hasty)

    def loses(seed):
        weather, promised = storm_over(calm, seed)
        return not promised <= {service.spec.name for service in weather.world.services}

    assert any(loses(seed) for seed in range(20))
