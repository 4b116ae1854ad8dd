"""The live board without a browser: what it sends, what its buttons do, what is recorded, what a twin shares."""

import json
import shutil
import subprocess
import threading
import time
from pathlib import Path
from random import Random

import pretend
import pytest

pytest.importorskip("anywidget", reason="the board needs anywidget")

from matplotlib.text import Text

from swarmlab.cluster import Cluster
from swarmlab.live import Live
from swarmlab.sim.trace import Clock, Trace
from swarmlab.viz.filmstrip import draw_filmstrip
from swarmlab.viz.follow import Follower, grow
from swarmlab.viz.frames import frames, summary, world_at
from swarmlab.viz.words import ROUTINE

STATIC = Path(__file__).parents[2] / "swarmlab" / "viz" / "static"
SCRIPTS = [str(STATIC / name) for name in ("kit.js", "player.js", "live.js")]


class Page:
    """What a browser does: it has the whole, adds pieces, and clicks."""

    def __init__(self, live):
        self.live, self.heard = live, []
        live.send = self.hear
        self.whole = json.loads(json.dumps(live.get_state("whole")["whole"]))

    def hear(self, content, buffers=None):
        self.heard.append(content := json.loads(json.dumps(content)))
        assert content["seq"] == self.whole["seq"] + 1, "nothing was left out"
        boards = self.whole["boards"] | content.get("begun", {})
        for name, piece in content.get("pieces", {}).items():
            boards[name] = grow(boards[name], piece)
        state = self.whole["state"] | content["state"]
        self.whole = {"seq": content["seq"], "boards": boards, "state": state}

    def say(self, **content):
        self.live._hear(self.live, content, [])

    def click(self, name, /, **details):
        """A button, and what is answered."""
        self.say(do=name, **details)
        self.live.settle()
        self.live.look()
        return (self.whole["state"]["said"] or [None])[-1]


@pytest.fixture
def cluster():
    made = Cluster(managers=3, workers=2, seed=7)
    made.docker("service create -d --name web --replicas 3 acme/web:1")
    made.run_for(5)
    return made


@pytest.fixture
def page(cluster):
    """Time moves only as far as requests need: the same each time."""
    live = Live(cluster, pace=0)
    page = Page(live)
    page.say(open=True)
    yield page
    live.close()


# ── what it shows ────────────────────────────────────────────────────────────────────────────────────────────────


def test_time_stands_still_until_somebody_looks(cluster):
    live, begun = Live(cluster), cluster.now
    time.sleep(0.12)
    assert cluster.now == begun and cluster._conductor is None
    page = Page(live)
    page.say(open=True)
    time.sleep(0.4)
    live.close()
    assert cluster.now > begun
    live.look()
    assert page.whole["boards"]["A"]["end"] == cluster.trace.now


def test_what_is_stored_is_the_same_each_time_and_has_a_picture(cluster):
    bundles = [Live(cluster)._repr_mimebundle_() for _ in range(2)]
    texts = [data["text/plain"] for data, _ in bundles]
    assert texts == [f"Live({summary(world_at(frames(cluster.trace), cluster.trace.now))})"] * 2
    assert bundles[0][0]["image/png"] == bundles[1][0]["image/png"]
    assert len(bundles[0][1]["image/png"]["alt"]) > 20


def test_a_command_with_dollar_signs_is_no_formula_in_the_picture():
    cluster = Cluster(managers=1)
    cluster.docker("service create -d --name web -e 'A=$HOME' acme/web:1")
    fig = draw_filmstrip(cluster.trace, [cluster.now])
    texts = [text for text in fig.findobj(Text) if "A=$HOME" in text.get_text()]
    assert texts and not any(text.get_parse_math() for text in texts)


def test_where_a_clock_runs_already_the_stored_text_says_no_time(cluster):
    conductor = cluster.conductor(2)
    live = Live(cluster)
    assert live._repr_mimebundle_()[0]["text/plain"] == "Live(5 machines, whose time follows the clock)"
    Page(live).say(open=True)
    assert live.pace == 2, "it joins the clock as it is"
    live.close()
    assert not conductor.stopped, "and leaves it running"
    conductor.stop()


def test_pieces_and_the_whole_are_the_same_board(cluster, page):
    for command in ("service scale -d web=5", "service update -d --image acme/web:2 web", "service rm web"):
        page.click("docker", command=command)
        cluster.run_for(3)
        page.live.look()
        rows = json.loads(json.dumps(frames(cluster.trace)))
        rows["messages"] = [row for row in rows["messages"] if row[5] not in ROUTINE]
        assert page.whole["boards"]["A"] == rows
        late = json.loads(json.dumps(page.live.get_state("whole")["whole"]))
        assert late == page.whole, "a view that comes late begins where the others are"


def test_whoever_asks_for_everything_gets_it_before_what_comes_after_it(cluster):
    live, sent = Live(cluster, pace=0), []

    def slowly(message, buffers=None):
        if message["method"] == "update":
            time.sleep(0.2)  # it is long
        sent.append(message["state"]["whole"]["seq"] if message["method"] == "update" else message["content"]["seq"])

    live._send = slowly
    live._hear(live, {"open": True}, [])
    asking = threading.Thread(target=live._hear, args=(live, {"ask": "whole"}, []))
    asking.start()
    time.sleep(0.05)
    cluster.run_for(1)
    live.look()
    asking.join()
    live.close()
    assert len(sent) >= 2 and sent == sorted(sent)


def test_nothing_new_is_not_sent_and_much_is_sent_at_once(cluster, page):
    page.live.look()
    count = len(page.heard)
    for _ in range(5):
        page.live.look()
    assert len(page.heard) == count
    for _ in range(20):
        cluster.run_for(0.5)
    page.live.look()
    assert len(page.heard) == count + 1


def test_a_board_that_nobody_sees_is_not_sent(cluster):
    live = Live(cluster, pace=10)
    page = Page(live)
    page.say(open=True)
    page.say(open=False)
    time.sleep(0.1)
    count = len(page.heard)
    time.sleep(0.3)
    assert len(page.heard) == count
    live.close()


def test_a_storm_of_clicks_and_events_is_twenty_updates_a_second_at_the_most(cluster):
    live = Live(cluster, pace=100)
    page, times = Page(live), []
    live.send = lambda content, buffers=None: (times.append(time.monotonic()), page.hear(content))
    page.say(open=True)
    live.do("scale", service="web", replicas=60)
    for n in range(100):
        live.do(("kill", "restart")[n % 2], machine="worker-1")
        time.sleep(0.012)
    live.settle()
    live.close()
    assert len(times) > 5
    # so far back that a late thread is no flood: no 21 of them within 0.9 s
    assert all(later - first > 0.9 for first, later in zip(times, times[20:], strict=False)), len(times)


def test_a_world_that_nobody_looks_at_any_more_rests_until_somebody_does(cluster, monkeypatch):
    monkeypatch.setattr("swarmlab.live.board.PATIENCE", 0.2)
    live = Live(cluster)
    page = Page(live)
    page.say(open=True)
    page.say(open=False)
    time.sleep(0.6)
    before = cluster.now
    time.sleep(0.3)
    assert cluster.now == before
    page.say(open=True)
    time.sleep(0.4)
    assert cluster.now > before
    page.say(do="clock", paused=True)
    live.settle()
    page.say(open=False)
    time.sleep(0.5)
    page.say(open=True)
    before = cluster.now
    time.sleep(0.2)
    assert cluster.now == before, "what somebody stopped stays stopped"
    live.close()


def test_a_served_world_goes_on_though_nobody_looks(cluster, monkeypatch):
    monkeypatch.setattr("swarmlab.live.board.PATIENCE", 0.1)
    conductor, live = cluster.conductor(1), Live(cluster)
    Page(live).say(open=True)
    live._hear(live, {"open": False}, [])
    time.sleep(0.4)
    before = cluster.now
    time.sleep(0.3)
    assert cluster.now > before
    live.close()
    conductor.stop()


def test_a_run_that_becomes_too_long_for_a_browser_pauses_and_says_so(cluster, monkeypatch):
    monkeypatch.setattr("swarmlab.live.board.LONG", len(cluster.trace.records) + 600)
    live = Live(cluster, pace=100)
    page = Page(live)
    page.say(open=True)
    for _ in range(100):
        if live._sides["A"].stands_still:
            break
        time.sleep(0.1)
    live.settle()
    live.look()
    assert page.whole["state"]["paused"] and live.said[-1].line.endswith("paused. Space goes on")
    page.click("clock", paused=False)
    before = cluster.now
    time.sleep(0.3)
    live.settle()
    assert cluster.now > before and not live._sides["A"].stands_still
    live.close()


# ── what its buttons do ──────────────────────────────────────────────────────────────────────────────────────────


def test_every_button_is_an_act_and_the_run_can_be_done_again(cluster, page, tmp_path):
    said = [
        page.click("scale", service="web", replicas=4),
        page.click("deploy", file="data/stacks/voting.yml", name="vote"),
        page.click("kill", machine="worker-1"),
        page.click("partition", machines=["manager-2"]),
        page.click("heal"),
        page.click("restart", machine="worker-1"),
        page.click("available", machine="worker-2", availability="drain"),
        page.click("available", machine="worker-2", availability="active"),
    ]
    assert [row[3] for row in said] == [
        "web scaled to 4",
        "Creating service vote_worker",
        "worker-1 has lost power",
        "manager-2 | manager-1 manager-3 worker-1 worker-2",
        "all cuts are mended",
        "worker-1 boots",
        "worker-2",
        "worker-2",
    ]
    assert all(row[5] for row in said) and said[0][2] == "$ docker service scale -d web=4"
    assert {"ask", "crash", "partition", "heal", "restart"} <= {act.name for act in cluster.acts}
    page.live.close()
    cluster.save(tmp_path / "run.json")
    assert Cluster.load(tmp_path / "run.json").trace.digest() == cluster.trace.digest()


def test_a_command_is_one_stop_of_the_time_line_however_many_requests_it_takes(page):
    page.click("deploy", file="data/stacks/voting.yml", name="vote")
    marks = [mark[3] for mark in page.whole["boards"]["A"]["marks"] if mark[2] == "command"]
    assert sum("stack deploy" in text for text in marks) == 1


@pytest.mark.parametrize(
    ("name", "details", "line"),
    [
        ("docker", {"command": "service scale web=x"}, "web: invalid replicas value x"),
        ("docker", {"command": "docker bogus"}, "docker: unknown command: docker bogus"),
        ("docker", {"command": "node ls", "node": "worker-1"}, "Error response from daemon: This node is not a swarm"),
        ("docker", {"command": "node ls", "node": "nobody"}, "no such machine: nobody"),
        ("deploy", {"file": "no/such.yml", "name": "x"}, "open "),
        ("kill", {"machine": "nobody"}, "no such machine: nobody"),
        ("partition", {"machines": []}, "choose some of the machines"),
        ("deploy", {"file": "data/stacks/voting.yml", "name": "a b"}, "failed to create network a b_"),
        ("deploy", {"file": "no such file.yml", "name": "x"}, "open "),
        ("deploy", {"file": "README.md", "name": "x"}, "yaml: line"),
        ("docker", {"command": 'service create --name "x'}, "sh: 1: Syntax error"),
        ("docker", {"command": 5}, "docker could not be done"),
        ("kill", {}, "kill"),
        ("fork", {"time": "yesterday"}, "'yesterday'"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(page, name, details, line):
    said = page.click(name, **details)
    assert said[3].startswith(line) or line in said[3]
    assert not said[5] and "\n" not in said[3]
    assert len(page.live.said) == 1, "and nothing waits for an answer"


@pytest.mark.parametrize(("time", "begins"), [(10**12, "now"), (0, 0), (-5, 0)])
def test_a_fork_begins_where_the_run_has_been(page, time, begins):
    assert page.click("fork", time=time)[3].startswith("board B is live.twin")
    assert page.live.twin.now == (page.live.cluster.now if begins == "now" else begins)


def test_a_bug_of_ours_is_an_answer_and_not_silence(page, monkeypatch):
    monkeypatch.setattr(type(page.live.cluster), "heal", lambda self: {}["nothing"])
    said = page.click("heal")
    assert said[2:] == ["mend the network", "heal could not be done: KeyError: 'nothing'", "", False]
    assert len(page.live.said) == 1


def test_answers_of_many_lines_can_be_read_whole(page):
    said = page.click("docker", command="service ls")
    assert said[4].splitlines()[0].startswith("ID ") and "web" in said[3]


def test_a_command_that_takes_its_time_keeps_no_other_waiting(cluster):
    live = Live(cluster, pace=1)
    page = Page(live)
    page.say(open=True)
    page.say(do="docker", command="service create --name slow --replicas 2 acme/web:1")
    time.sleep(0.3)
    page.say(do="kill", machine="worker-1")
    time.sleep(0.2)
    lines = {row.asked: row.line for row in live.said}
    assert lines["$ docker service create --name slow --replicas 2 acme/web:1"] == ""
    assert lines["pull the plug of worker-1"] == "worker-1 has lost power"
    live.do("clock", pace=60)
    live.settle()
    assert "converged" in live.said[0].line
    live.close()


def test_a_command_that_would_go_on_for_ever_ends(cluster):
    live = Live(cluster, pace=500)
    Page(live).say(open=True)
    live.do("docker", command="events")
    live.settle()
    assert live.said[-1].line and not live.said[-1].ok and 120 <= cluster.now - 5.5 < 300
    live.close()


def test_pause_and_pace_are_those_of_the_world(cluster):
    live = Live(cluster, pace=1)
    page = Page(live)
    page.say(open=True)
    page.click("clock", paused=True)
    before = cluster.now
    time.sleep(0.15)
    assert cluster.now == before and page.whole["state"]["paused"]
    page.say(do="clock", paused=False, pace=30)
    live.settle()
    time.sleep(0.2)
    assert cluster.now > before + 2 and live.pace == 30
    live.close()


def test_a_button_of_a_closed_board_does_nothing(cluster, page):
    page.live.close()
    acts = len(cluster.acts)
    page.say(do="kill", machine="worker-1")
    page.live.settle()
    assert len(cluster.acts) == acts and page.whole["state"]["over"]


@pytest.mark.parametrize("wrong", [{"pace": -1}, {"pace": True}, {"pace": "fast"}, {"lens": "nobody"}])
def test_what_makes_no_board_is_refused(cluster, wrong):
    with pytest.raises(ValueError):
        Live(cluster, **wrong)


# ── another future ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_fork_from_the_past_is_another_cluster_beside_it(cluster, page):
    begun = cluster.now
    cluster.run_for(1)
    page.click("kill", machine="worker-1")
    cluster.run_for(30)
    page.click("fork", time=round(begun * 1e6))
    twin = page.live.twin
    assert twin.now == begun and twin.machines["worker-1"].running
    assert page.whole["state"]["twin"] and page.whole["boards"]["B"]["end"] == twin.trace.now
    acts = len(cluster.acts)
    page.click("scale", board="B", service="web", replicas=1)
    twin.run_for(5)
    page.live.look()
    filled = {name: world_at(rows, rows["end"])["services"][0]["wanted"] for name, rows in page.whole["boards"].items()}
    assert filled == {"A": 3, "B": 1} and len(cluster.acts) == acts


def clocks() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "swarmlab clock"}


def test_of_many_forks_at_once_one_is_left_and_only_its_clock_runs(cluster):
    before = clocks()
    live = Live(cluster, pace=1)
    Page(live).say(open=True)
    for _ in range(6):
        live.do("fork")
    live.settle()
    assert len(clocks() - before) == 2 and not live.twin._conductor.stopped
    live.do("fork")
    live.close()
    live.settle()
    assert not clocks() - before


def test_both_futures_go_at_the_same_pace_and_b_can_be_closed(page):
    page.click("fork")
    twin, clock = page.live.twin, page.live.twin._conductor
    assert clock.pace == 0
    page.click("clock", pace=7)
    assert (clock.pace, page.live.pace) == (7, 7)
    page.click("unfork")
    assert page.live.twin is None and clock.stopped and twin is not None
    assert not page.whole["state"]["twin"]


# ── the same in the browser's language ───────────────────────────────────────────────────────────────────────────

ASK = """
import { readFileSync } from "node:fs";
const source = Buffer.concat(process.argv.slice(1).map((name) => readFileSync(name))).toString("base64");
const { worldAt, grow } = await import("data:text/javascript;base64," + source);
const { rows, steps } = JSON.parse(readFileSync(0));
const answers = steps.map(({ piece, questions }) => {
  grow(rows, piece);
  return questions.map(([t, lens]) => structuredClone(worldAt(rows, t, lens)));
});
process.stdout.write(JSON.stringify(answers));
"""


@pytest.mark.parametrize("seed", range(3))
def test_rows_that_grew_in_the_browser_show_the_same_world(seed):
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node.js is not installed")
    whole, dice = pretend.noise(seed, 900), Random(seed)  # more than what the browser keeps between two keyframes
    trace = Trace(Clock(0))
    trace.settings = whole.settings
    follower = Follower(trace)
    rows, steps, expected = json.loads(json.dumps(follower.whole())), [], []
    for facts in [*sorted(dice.randrange(900) for _ in range(30)), 900]:
        trace.records = whole.records[:facts]
        trace.kernel.now = max([0, *(record.time for record in trace.records[-1:])])
        piece = json.loads(json.dumps(follower.more()))
        names = ["truth", *(machine["name"] for machine in follower.rows["machines"])]
        again = [steps[-1]["questions"][-1]] if steps else []  # what was seen before may have become another thing
        questions = again + [[dice.randrange(trace.now + 1), dice.choice(names)] for _ in range(4)]
        steps.append({"piece": piece, "questions": questions})
        now = frames(trace)
        expected.append([json.loads(json.dumps(world_at(now, t, lens))) for t, lens in questions])
    asked = json.dumps({"rows": rows, "steps": steps})
    command = [node, "--input-type=module", "-e", ASK, *SCRIPTS]
    done = subprocess.run(command, input=asked, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == expected


COMPARE = """
import { readFileSync } from "node:fs";
const source = Buffer.concat(process.argv.slice(1).map((name) => readFileSync(name))).toString("base64");
const { worldAt, tablesOf, grow } = await import("data:text/javascript;base64," + source);
const { rows, pieces } = JSON.parse(readFileSync(0));
const tables = (rows) => {
  const world = worldAt(rows, rows.end);
  return rows.machines.filter(({ row }) => row !== "outside").map(({ name }) => tablesOf(rows, world, name));
};
process.stdout.write(JSON.stringify(pieces.map((piece) => [tables(grow(rows, piece)), tables(structuredClone(rows))])));
"""


def test_what_nodes_lack_is_counted_for_services_that_come_later():
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node.js is not installed")
    cluster, pieces = Cluster(managers=1, workers=2, seed=7), []
    follower = Follower(cluster.trace)
    rows = json.loads(json.dumps(follower.whole()))
    for command in ("service create -d --name a acme/web:1", "service create -d --name b -p 8080:80 acme/web:1"):
        cluster.docker(command)
        for _ in range(25):
            cluster.run_for(0.2)
            pieces.append(json.loads(json.dumps(follower.more())))
    asked = json.dumps({"rows": rows, "pieces": pieces})
    done = subprocess.run(
        [node, "--input-type=module", "-e", COMPARE, *SCRIPTS], input=asked, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert all(grown == fresh for grown, fresh in found)
    assert any(lacks for grown, _ in found for _, _, lacks in grown), "somebody lacked something for a moment"
