"""Whatever a person gets wrong is one clear line, and leaves the run as it was: nothing recorded, nothing half done."""

import json
import math

import pytest

from swarmlab import Cluster
from swarmlab.rack import Computer

NAN, INF = math.nan, math.inf


@pytest.fixture(scope="module")
def ready():
    return Cluster(managers=1, workers=2, seed=1)


WRONG = [
    *(lambda c, s=s: c.run_for(s) for s in (-1, "3", None, NAN, INF, True)),
    *(lambda c, s=s: c.at(s) for s in (-1, 1e9, "3", None, NAN)),
    *(lambda c, s=s: c.freeze("worker-1", s) for s in (-1, "3", None, NAN, INF)),
    *(lambda c, s=s: c.burden("worker-1", s) for s in (-1, "x", NAN)),
    *(lambda c, m=m: c.crash(m) for m in ("nowhere", None, ["worker-1"], 3, "client", "registry")),
    *(lambda c, m=m: c.restart(m) for m in ("nowhere", None, "client")),
    *(lambda c, p=p: c.block("worker-1", p) for p in (0, 70000, "http", "٣", None, 8080, "22/tcp")),
    *(lambda c, g=g: c.partition(*g) for g in ((), ({"worker-1"},), (set(), {"worker-1"}), ("worker-1", "worker-2"))),
    lambda c: c.partition({"worker-1"}, {"worker-1", "worker-2"}),
    lambda c: c.partition({"worker-1"}, {"nowhere"}),
    *(lambda c, k=k: c.link("worker-1", "worker-2", **k) for k in ({}, {"loss": 2}, {"loss": NAN}, {"colour": 1})),
    *(lambda c, k=k: c.link("worker-1", "worker-2", **k) for k in ({"latency": -1}, {"latency": INF}, {"loss": "x"})),
    lambda c: c.link("worker-1", "worker-1", loss=0.1),
    *(lambda c, u=u: c.request(u) for u in ("", "worker-1:x", "http://nowhere:80/", None, "http://client:80/")),
    *(lambda c, t=t: c.request("http://worker-1:80/", timeout=t) for t in (-1, NAN, "a")),
    lambda c: c.request("http://redis/", source="no.1"),
    lambda c: c.docker("node ls", node="nowhere"),
    lambda c: c.docker("node ls", node="client"),
    *(lambda c, x=x: c.docker(x) for x in (None, 3, ["node", "ls"])),
    *(lambda c, t=t: c.docker("node ls", limit=t) for t in (-1, NAN, "x")),
    lambda c: c.docker("node ls", files={"a": b"bytes"}),
    lambda c: c.docker("node ls", env={"A": 1}),
    lambda c: c.run_until(None),
    lambda c: c.run_until(lambda c: True, limit=-3),
    *(lambda c, n=n: c.add_machine(n) for n in ("worker-1", "", None)),
    *(lambda c, k=k: c.add_machine("x", **k) for k in ({"cpus": None}, {"cpus": -1}, {"cpus": NAN}, {"memory": "4GB"})),
    *(
        lambda c, k=k: c.add_machine("x", **k)
        for k in ({"labels": 5}, {"labels": "ab"}, {"role": "king"}, {"colour": 1})
    ),
    lambda c: c.add_machine("x", address="192.168.50.100"),
    *(lambda c, n=n: c.label(n, zone="a") for n in ("nope", "client", None)),
]


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_a_wrong_argument_is_one_line_and_changes_nothing(ready, number):
    before = ready.trace.digest(), len(ready.acts), ready.now
    with pytest.raises(ValueError) as caught:
        WRONG[number](ready)
    assert str(caught.value).strip() and "\n" not in str(caught.value)
    assert (ready.trace.digest(), len(ready.acts), ready.now) == before


@pytest.mark.parametrize(
    "make",
    [
        lambda: Cluster(managers=2.5),
        lambda: Cluster(managers=-1),
        lambda: Cluster(workers=2),
        lambda: Cluster(managers=1, seed=None),
        lambda: Cluster(managers=1, seed=(1, 2)),
        lambda: Cluster(managers=1, strategy=5),
        lambda: Cluster(managers=1, balancer="x"),
        lambda: Cluster(computers=(Computer("a"), Computer("a"))),
        lambda: Cluster.from_file("no-such.yml"),
        lambda: Cluster.load("no-such.json"),
        lambda: Cluster.load("data"),
    ],
)
def test_an_impossible_cluster_is_one_line(make):
    with pytest.raises(ValueError) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_a_saved_run_cannot_do_what_people_cannot_do(ready, tmp_path):
    ready.save(tmp_path / "run.json")
    run = json.loads((tmp_path / "run.json").read_text())
    victim = tmp_path / "victim.json"
    for name in ("save", "_pass", "fork", "__init__"):
        wrong = {**run, "acts": [*run["acts"], [run["now"], name, {"path": str(victim)}, None]]}
        (tmp_path / "wrong.json").write_text(json.dumps(wrong))
        with pytest.raises(ValueError, match="is not a run saved by swarmlab"):
            Cluster.load(tmp_path / "wrong.json")
    assert not victim.exists()


@pytest.mark.parametrize("key", ["settings", "now", "acts", "swarmlab"])
@pytest.mark.parametrize("value", [None, 5, "x", [1], {"a": 1}])
def test_a_corrupt_run_is_one_line(ready, tmp_path, key, value):
    ready.save(tmp_path / "run.json")
    run = json.loads((tmp_path / "run.json").read_text())
    (tmp_path / "run.json").write_text(json.dumps({**run, key: value}))
    with pytest.raises(ValueError) as caught:
        Cluster.load(tmp_path / "run.json")
    assert "\n" not in str(caught.value)


def test_a_run_that_comes_out_differently_says_so(ready, tmp_path):
    ready.save(tmp_path / "run.json")
    text = (tmp_path / "run.json").read_text()
    (tmp_path / "run.json").write_text(text.replace(ready.trace.digest(), "0" * 64))
    with pytest.raises(ValueError, match="another version of swarmlab"):
        Cluster.load(tmp_path / "run.json")


def test_what_people_handed_in_may_change_afterwards(ready, tmp_path):
    cluster, labels = ready.fork(), {"disk": "ssd"}
    cluster.add_machine("worker-7", labels=labels)
    labels["disk"] = "none"
    cluster.run_for(1)
    cluster.save(tmp_path / "run.json")
    again = Cluster.load(tmp_path / "run.json")
    assert again.computers["worker-7"].labels == cluster.computers["worker-7"].labels == (("disk", "ssd"),)
