"""Whatever stands in a stack file: a deploy ends with Docker's words, and leaves what it had announced, nothing more."""

import json
from copy import deepcopy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_stack_property import DOCUMENTS, KEYS, VALUES

from swarmlab import Cluster
from swarmlab.docker.linter import lint
from swarmlab.docker.stack import StackError
from swarmlab.docker.stack_map import lines

SHOP = {
    "version": "3.8",
    "services": {
        "web": {
            "image": "nginx:1",
            "ports": ["8080:80", {"target": 90, "published": 9090, "protocol": "udp", "mode": "ingress"}],
            "networks": {"front": {"aliases": ["w"]}},
            "environment": {"A": "1"},
            "secrets": [{"source": "key", "target": "k", "mode": 0o400}],
            "configs": ["site"],
            "volumes": ["data:/data", {"type": "bind", "source": "/srv", "target": "/srv"}],
            "healthcheck": {"test": "true", "interval": "5s", "retries": 3},
            "deploy": {
                "mode": "replicated",
                "replicas": 2,
                "labels": {"a": "b"},
                "endpoint_mode": "vip",
                "update_config": {"parallelism": 1, "delay": "1s", "order": "start-first", "max_failure_ratio": 0.5},
                "restart_policy": {"condition": "any", "delay": "1s", "max_attempts": 3},
                "resources": {"limits": {"cpus": "0.5", "memory": "64M"}, "reservations": {"memory": "32M"}},
                "placement": {"constraints": ["node.role == worker"], "preferences": [{"spread": "node.labels.z"}]},
            },
        },
        "job": {"image": "alpine", "deploy": {"mode": "replicated-job", "replicas": 2}},
        "db": {"image": "redis", "networks": ["back"]},
    },
    "networks": {"front": {"attachable": True}, "back": {"ipam": {"config": [{"subnet": "10.9.0.0/24"}]}}},
    "volumes": {"data": None},
    "secrets": {"key": {"file": "./key"}},
    "configs": {"site": {"file": "./site"}},
}
FILES = {"./key": "k", "key": "k", "./site": "s", "site": "s"}
KINDS = ("network", "secret", "config", "service")


def places(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


PLACES = [path for path in places(SHOP) if path]
STRANGE = st.one_of(
    VALUES,
    st.sampled_from(
        "-1s 0 1 global dnsrr 0.001 1M node.role== {{.Task.Slot}} {{.X}} 10.9.0.0/99 host A front ${ -".split()
    ),
    st.sampled_from(["", "a b", "node.x = y", "x" * 70, "8080:80", "9999:80", "rollback"]),
    st.integers(-(2**63), 2**64),
)


@st.composite
def mutants(draw):
    """The shop with a few values replaced, taken away, moved or doubled."""
    document = deepcopy(SHOP)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(PLACES))
        try:
            place = document
            for key in path[:-1]:
                place = place[key]
            what = draw(st.sampled_from(["replace", "drop", "add"]))
            if what == "drop":
                del place[path[-1]]
            elif what == "add" and isinstance(place, dict):
                place[draw(st.sampled_from(KEYS))] = draw(STRANGE)
            else:
                place[path[-1]] = draw(STRANGE)
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took that place away
    return document


@pytest.fixture(scope="module")
def begun() -> Cluster:
    cluster = Cluster(managers=1, workers=1, seed=11, messages=False)
    cluster.docker("service create -d --name taken -p 9999:80 nginx")
    cluster.run_for(5)
    return cluster


def objects(cluster: Cluster) -> dict[tuple[str, str], tuple[str, int]]:
    return {
        (kind, each.spec.name): (each.id, each.version if kind != "service" else 0)
        for kind in KINDS
        for each in cluster.store.all(kind)
    }


def announced(stdout: str) -> list[tuple[str, str]]:
    """(kind, name) of what was to be made, in order."""
    words = [line.split(" ", 2) for line in stdout.splitlines() if line.startswith("Creating ")]
    return [(kind, name) for _, kind, name in words]


def deployed(begun: Cluster, text: str) -> None:
    """Deploy it on a twin, and hold the result against what is there afterwards."""
    cluster = begun.fork()
    before = objects(cluster)
    result = cluster.docker("stack deploy -d -c f.yml shop", files={"f.yml": text, **FILES})
    after, said = objects(cluster), announced(result.stdout)
    assert result.exit_code in (0, 1)
    assert bool(result.stderr.strip()) or result.exit_code == 0
    if result.exit_code and "failed to create " in result.stderr:
        said.pop()  # announced, then refused
    assert {key for key in after if key not in before} == set(said)
    assert {key: after.get(key) for key in before} == before
    assert [KINDS.index(kind) for kind, _ in said] == sorted(KINDS.index(kind) for kind, _ in said)
    if not said and result.exit_code:
        assert cluster.store.index == begun.store.index
    config = cluster.docker("stack config -c f.yml", files={"f.yml": text, **FILES})
    assert config.exit_code == 0 or not said  # who is refused while loading has made nothing
    cluster.run_for(3)


@given(document=mutants())
def test_files_that_are_nearly_right(begun: Cluster, document: dict) -> None:
    deployed(begun, json.dumps(document))


@given(document=DOCUMENTS)
def test_files_of_known_keys(begun: Cluster, document: dict) -> None:
    deployed(begun, json.dumps(document))


@settings(max_examples=30)
@given(text=st.text(max_size=100) | st.text(alphabet="ab:-{}[],&*!|>'\"#%@ \n\t?~<.0$", max_size=60))
def test_files_of_any_text(begun: Cluster, text: str) -> None:
    deployed(begun, text)


@given(document=mutants())
@settings(max_examples=15)
def test_a_plan_of_anything_changes_nothing(begun: Cluster, document: dict) -> None:
    digest = begun.trace.digest()
    plan = begun.plan("stack deploy -d -c f.yml shop", files={"f.yml": json.dumps(document), **FILES}, limit=20)
    assert repr(plan) and plan._repr_html_()
    assert begun.trace.digest() == digest


def test_the_shop_itself_is_right(begun: Cluster) -> None:
    result = begun.fork().docker("stack deploy -d -c f.yml shop", files={"f.yml": json.dumps(SHOP), **FILES})
    assert (result.exit_code, len(announced(result.stdout))) == (0, 8)


@given(document=mutants() | DOCUMENTS)
@settings(max_examples=40)
def test_a_file_beside_its_objects_is_refused_or_has_all_its_lines(document: dict) -> None:
    text = json.dumps(document, indent=1)
    try:
        found = lines(text)
    except StackError as refused:
        assert refused.text
    else:
        assert [line.text for line in found] == text.splitlines()
    lint(text)


@pytest.mark.parametrize("command", ["stack deploy -c f.yml shop", "service scale web=2", "stack rm shop", "node ls"])
def test_a_plan_where_there_is_no_swarm_is_refused(command: str) -> None:
    bare = Cluster(machines=1, seed=1)
    plan = bare.plan(command, files={"f.yml": json.dumps(SHOP), **FILES})
    assert "not a swarm manager" in plan.refused
    assert (plan.changes, plan.moves, plan.capacity, plan.settled) == ((), (), (), 0)


def test_a_plan_of_a_deploy_that_waits_says_the_same_as_of_one_that_does_not(begun: Cluster) -> None:
    files = {"f.yml": json.dumps(SHOP), **FILES}
    quick, slow = (begun.plan(f"stack deploy --detach={how} -c f.yml shop", files=files) for how in ("true", "false"))
    assert (quick.changes, quick.moves, quick.capacity) == (slow.changes, slow.moves, slow.capacity)
