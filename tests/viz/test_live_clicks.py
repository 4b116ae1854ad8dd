"""Whatever is clicked, on one board or two: what a page has put together is what the run looks like from scratch."""

import json
from functools import cache

import pytest

pytest.importorskip("anywidget", reason="the board needs anywidget")

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from test_live import Page

from swarmlab.cluster import Cluster
from swarmlab.live import Live
from swarmlab.viz.frames import frames
from swarmlab.viz.words import ROUTINE

TYPED = ["service rm web", "service update -d --image acme/web:2 web", "node promote worker-1", "service ls", "bogus"]


@cache
def started():
    cluster = Cluster(managers=3, workers=2, seed=7)
    cluster.docker("service create -d --name web --replicas 3 --publish 8080:80 acme/web:1")
    cluster.run_for(5)
    return cluster


MACHINES = st.sampled_from(["manager-1", "manager-2", "manager-3", "worker-1", "worker-2", "late"])
CLICKS = st.one_of(
    st.tuples(st.just("kill"), st.fixed_dictionaries({"machine": MACHINES})),
    st.tuples(st.just("restart"), st.fixed_dictionaries({"machine": MACHINES})),
    st.tuples(st.just("partition"), st.fixed_dictionaries({"machines": st.lists(MACHINES, max_size=3, unique=True)})),
    st.tuples(st.just("heal"), st.just({})),
    st.tuples(st.just("scale"), st.fixed_dictionaries({"service": st.just("web"), "replicas": st.integers(0, 7)})),
    st.tuples(st.just("deploy"), st.just({"file": "data/stacks/voting.yml", "name": "vote"})),
    st.tuples(
        st.just("available"),
        st.fixed_dictionaries({"machine": MACHINES, "availability": st.sampled_from(["drain", "active", "pause"])}),
    ),
    st.tuples(st.just("docker"), st.fixed_dictionaries({"command": st.sampled_from(TYPED)})),
    st.tuples(st.just("fork"), st.fixed_dictionaries({"time": st.none() | st.integers(0, 9_000_000)})),
    st.tuples(st.just("unfork"), st.just({})),
    st.tuples(st.just("pass"), st.fixed_dictionaries({"seconds": st.sampled_from([0.0007, 0.3, 4, 17])})),
    st.tuples(st.just("visit"), st.just({})),
    st.tuples(st.just("join"), st.just({})),
)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), phases=(Phase.generate,))
@given(st.lists(st.tuples(st.sampled_from("AB"), CLICKS), min_size=4, max_size=14))
def test_whatever_is_clicked_the_pieces_are_the_run(clicks):
    live = Live(started().fork(), pace=0)
    page = Page(live)
    page.say(open=True)
    try:
        for board, (name, details) in clicks:
            cluster = live._sides[board if board in live._sides else "A"].cluster
            if name == "pass":
                cluster.run_for(details["seconds"])
            elif name == "visit":
                cluster.request("http://worker-1:8080/", timeout=1)
            elif name == "join" and "late" not in cluster.machines:
                cluster.add_machine("late", zone="z")
            else:
                page.click(name, board=board, **details)
            live.look()
            for shown, side in live._sides.items():
                rows = json.loads(json.dumps(frames(side.cluster.trace)))
                rows["messages"] = [row for row in rows["messages"] if row[5] not in ROUTINE]
                assert {key for key in rows if page.whole["boards"][shown][key] != rows[key]} == set()
            assert all(row[3] for row in page.whole["state"]["said"]), "every click is answered"
    finally:
        live.close()
