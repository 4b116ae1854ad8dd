"""`cluster.plan`: what it says beforehand is what happens, and nothing happens by saying it."""

from textwrap import dedent

import pytest

from swarmlab import Cluster
from swarmlab.docker.spec_words import words

SHOP = dedent("""\
    services:
      web:
        image: nginx:1.25
        ports: ["8080:80"]
        networks: [front]
        deploy:
          replicas: 3
          update_config: {parallelism: 1, order: stop-first}
          placement: {constraints: [node.role == worker]}
      cache: {image: "redis:7", networks: [front], environment: {MODE: lru}, deploy: {mode: global}}
      db: {image: "redis:7", networks: [front]}
    networks: {front: {}}
    """)


@pytest.fixture(scope="module")
def shop() -> Cluster:
    cluster = Cluster(managers=1, workers=3, seed=2, messages=False)
    cluster.docker("stack deploy -d -c s.yml shop", files={"s.yml": SHOP})
    cluster.run_for(20)
    return cluster


def planned(cluster: Cluster, old: str = "", new: str = "", flags: str = ""):
    assert old in SHOP
    return cluster.plan(
        f"stack deploy -d {flags} -c s.yml shop", files={"s.yml": SHOP.replace(old, new) if old else SHOP}
    )


def verbs(plan) -> dict[str, str]:
    return {change.name: change.verb for change in plan.changes}


def test_a_first_deploy_makes_everything() -> None:
    cluster = Cluster(managers=1, workers=2, seed=4, messages=False)
    plan = planned(cluster)
    assert verbs(plan) == dict.fromkeys(["shop_front", "shop_cache", "shop_db", "shop_web"], "create")
    assert [(c.service, c.before, c.after, c.wanted) for c in plan.capacity] == [
        ("shop_cache", 0, 3, 3),
        ("shop_db", 0, 1, 1),
        ("shop_web", 0, 3, 3),
    ]
    assert all(move.old == "" and move.began for move in plan.moves)
    assert plan.refused == "" and 0 < plan.settled < 10


def test_saying_changes_nothing(shop: Cluster) -> None:
    before = (shop.trace.digest(), shop.store.index, shop.services, shop.tasks, shop.now, len(shop.acts))
    planned(shop, "1.25", "1.26")
    shop.plan("stack rm shop")
    assert (shop.trace.digest(), shop.store.index, shop.services, shop.tasks, shop.now, len(shop.acts)) == before
    twin, other = shop.fork(), shop.fork()
    other.plan("service scale -d shop_web=9")
    for each in (twin, other):
        each.run_for(30)
    assert twin.trace.digest() == other.trace.digest()


def test_what_is_said_is_what_happens(shop: Cluster) -> None:
    plan = planned(shop, "1.25", "1.26")
    twin = shop.fork()
    before = {task.id for task in twin.running}
    twin.docker("stack deploy -d -c s.yml shop", files={"s.yml": SHOP.replace("1.25", "1.26")})
    least = 3
    while not (len(twin.running) == 8 and before.isdisjoint(t.id for t in twin.running if t.service == "shop_web")):
        least = min(least, sum(task.service == "shop_web" for task in twin.running))
        twin.run_for(0.05)
    assert {(m.task, m.old, m.new) for m in plan.moves} == {
        (f"shop_web.{task.slot}", old.machine, task.machine)
        for task in twin.running
        for old in shop.running
        if task.service == old.service == "shop_web" and task.slot == old.slot
    }
    (web,) = [each for each in plan.capacity if each.service == "shop_web"]
    assert (web.before, web.least, web.after, web.dip) == (3, least, 3, 1)
    assert plan.settled == pytest.approx(twin.now - shop.now, abs=0.1)


def test_the_same_file_again_touches_no_task(shop: Cluster) -> None:
    plan = planned(shop)
    assert verbs(plan) == dict.fromkeys(["shop_cache", "shop_db", "shop_web"], "keep")
    assert {change.why for change in plan.changes} == {"no task is touched"}
    assert (plan.moves, plan.settled) == ((), 0)


@pytest.mark.parametrize(
    ("old", "new", "name", "path", "values", "restarts"),
    [
        ("1.25", "1.26", "shop_web", "image", ("nginx:1.25", "nginx:1.26"), 3),
        ("replicas: 3", "replicas: 5", "shop_web", "deploy.replicas", ("3", "5"), 0),
        ("parallelism: 1", "parallelism: 2", "shop_web", "deploy.update_config.parallelism", ("1", "2"), 0),
        ("MODE: lru", "MODE: lfu", "shop_cache", "environment.MODE", ("lru", "lfu"), 4),
        ("mode: global", "mode: global, labels: {a: b}", "shop_cache", "deploy.labels.a", ("", "b"), 0),
        (
            "mode: global",
            "mode: global, endpoint_mode: dnsrr",
            "shop_cache",
            "deploy.endpoint_mode",
            ("vip", "dnsrr"),
            4,
        ),
        ("8080:80", "8081:80", "shop_web", "ports", ("8080:80/tcp", "8081:80/tcp"), 3),
        ("role == worker", "role != manager", "shop_web", "deploy.placement.constraints", None, 0),
        ("role == worker", "hostname != worker-1", "shop_web", "deploy.placement.constraints", None, 1),
    ],
)
def test_each_changed_key_is_named_and_what_it_does_to_tasks(
    shop: Cluster, old: str, new: str, name: str, path: str, values: tuple | None, restarts: int
) -> None:
    plan = planned(shop, old, new)
    change = plan.change(name)
    (field,) = change.fields
    assert (change.verb, field.path, change.restarts) == ("change", path, restarts)
    assert values in (None, (field.old, field.new))
    assert {other.verb for other in plan.changes if other.name != name} == {"keep"}
    replaced = [move for move in plan.moves if move.old and move.service == name]
    assert len(replaced) == restarts  # the rule and what the twin did
    assert (path in change.why) == bool(restarts)


def test_what_the_file_has_no_more_is_left_over_unless_pruned(shop: Cluster) -> None:
    line = '  db: {image: "redis:7", networks: [front]}\n'
    assert verbs(planned(shop, line))["shop_db"] == "left over"
    pruned = planned(shop, line, flags="--prune").change("shop_db")
    assert (pruned.verb, pruned.restarts) == ("remove", 1)


def test_a_network_that_is_there_is_left_alone(shop: Cluster) -> None:
    change = planned(shop, "front: {}", "front: {internal: true}").change("shop_front")
    assert (change.verb, [field.path for field in change.fields]) == ("left alone", ["internal"])


def test_start_first_has_no_dip(shop: Cluster) -> None:
    twin = shop.fork()
    twin.docker("service update -d --update-order start-first shop_web")
    plan = twin.plan("service update -d --image nginx:1.26 shop_web")
    assert all(move.gap < 0 for move in plan.moves)
    assert [each.dip for each in plan.capacity] == [0]


@pytest.mark.parametrize(
    ("command", "refusal"),
    [
        ("stack deploy -c nofile.yml shop", "open nofile.yml: no such file or directory"),
        ("service scale nix=2", "nix: Error response from daemon: service nix not found"),
        ("service frobnicate", "docker: unknown command: docker service frobnicate"),
    ],
)
def test_refusals_are_in_dockers_words(shop: Cluster, command: str, refusal: str) -> None:
    plan = shop.plan(command)
    assert plan.refused.startswith(refusal)
    assert (plan.changes, plan.moves) == ((), ())
    assert "Nothing is changed." in repr(plan)


def test_what_is_made_before_a_refusal_is_said(shop: Cluster) -> None:
    text = "services: {a: {image: nginx}, b: {image: nginx, ports: ['8080:80']}}"
    plan = shop.plan("stack deploy -d -c x.yml other", files={"x.yml": text})
    assert "port '8080' is already in use by service 'shop_web'" in plan.refused
    assert verbs(plan) == {"other_default": "create", "other_a": "create"}
    assert "it stays: other_default, other_a" in repr(plan)


def test_other_commands_can_be_planned_too(shop: Cluster) -> None:
    gone = shop.plan("stack rm shop")
    assert set(verbs(gone).values()) == {"remove"}
    assert [each.after for each in gone.capacity] == [0, 0, 0]
    drained = shop.plan("node update --availability drain worker-2")
    assert [f.path for f in drained.change("worker-2").fields] == ["availability"]
    assert {move.old for move in drained.moves} == {"worker-2"}
    assert shop.plan("service ls").changes == ()


def test_what_never_comes_to_rest_is_said_and_why(shop: Cluster) -> None:
    plan = shop.plan("service update -d --reserve-memory 900G shop_web", limit=100)
    assert plan.settled is None
    assert all("insufficient resources" in why for _, why in plan.waiting) and plan.waiting
    assert "It does not come to rest." in repr(plan)
    plan = shop.plan("service update -d --image nosuch/image shop_web", limit=60)
    assert plan.waiting == (("shop_web.1", "No such image: nosuch/image:latest"),)  # the update pauses there


def test_a_plan_shows_itself_as_text_and_as_tables(shop: Cluster) -> None:
    plan = planned(shop, "1.25", "1.26")
    assert "nginx:1.25 → nginx:1.26" in repr(plan)
    assert repr(plan) == repr(planned(shop, "1.25", "1.26"))
    html = plan._repr_html_()
    assert html.count("<table") == html.count("</table>") == 3 and "<script" not in html
    assert "&lt;b&gt;" in shop.plan("service scale <b>=1")._repr_html_()


def test_a_service_in_the_words_of_a_stack_file(shop: Cluster) -> None:
    spec = next(service.spec for service in shop.services if service.name == "shop_web")
    found = words(spec)
    assert found["image"] == "nginx:1.25"
    assert found["deploy.update_config.order"] == "stop-first"
    assert found["deploy.placement.constraints"] == "node.role == worker"
    assert not any("docker.stack" in key for key in found)
